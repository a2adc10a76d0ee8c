/* SPDX-License-Identifier: MIT */
/*
 * Hibernation files for tests, of every generation, from a sparse physical memory.
 *
 *     struct forge_hiber h = {.kind = FORGE_HIBER_7_X64, .memory = {page, ctx, runs, nruns}};
 *     struct forge_bytes file;
 *     if (!forge_hiber_write(&h, &file)) … out of memory, or a kind that does not exist
 *
 * Written from specs of the format alone, not from the reader. Pages that PAGE has not are left
 * out, as Windows leaves out free ones.
 */
#ifndef STOPCODE_TESTS_FORGE_HIBER_H
#define STOPCODE_TESTS_FORGE_HIBER_H

#include "forge/section.h"

enum forge_hiber_kind {
    FORGE_HIBER_XP_X86,
    FORGE_HIBER_2003_X64,
    FORGE_HIBER_VISTA_X86,
    FORGE_HIBER_VISTA_X64,
    FORGE_HIBER_VISTA1_X86,
    FORGE_HIBER_VISTA1_X64,
    FORGE_HIBER_VISTA2_X86,
    FORGE_HIBER_VISTA2_X64,
    FORGE_HIBER_7_X86,
    FORGE_HIBER_7_X64,
    FORGE_HIBER_OLD_KINDS, /* the ones before have tables of ranges, those behind restore sets */
    FORGE_HIBER_8_X86 = FORGE_HIBER_OLD_KINDS,
    FORGE_HIBER_8_X64,
    FORGE_HIBER_10240_X86,
    FORGE_HIBER_10240_X64,
    FORGE_HIBER_14393_X86,
    FORGE_HIBER_14393_X64,
    FORGE_HIBER_15063_X86,
    FORGE_HIBER_15063_X64,
    FORGE_HIBER_17763_X86,
    FORGE_HIBER_17763_X64,
    FORGE_HIBER_22000_X64,
    FORGE_HIBER_26100_X64,
    FORGE_HIBER_KINDS,
};
/* "xp-x86", …; NULL: no such kind. */
const char *forge_hiber_name(enum forge_hiber_kind kind);
bool forge_hiber_is64(enum forge_hiber_kind kind);

/* Physical memory: pages by number. PAGE sets *RET to 4096 bytes; false: nothing is stored there.
 */
struct forge_hiber_memory {
    bool (*page)(void *ctx, uint64_t pfn, const uint8_t **ret);
    void *ctx;
    const struct forge_hiber_run { uint64_t pfn, count; } * run;
    size_t nruns;
};

/* How blocks are packed. Data that do not get smaller are stored as they are in any case. */
enum forge_hiber_packing {
    FORGE_HIBER_AS_USUAL, /* plain up to Windows 7; then plain and Huffman by turns */
    FORGE_HIBER_PLAIN,
    FORGE_HIBER_HUFFMAN, /* new kinds only */
    FORGE_HIBER_STORED,
};

struct forge_hiber {
    enum forge_hiber_kind kind;
    struct forge_hiber_memory memory;
    enum forge_hiber_packing packing;
    const char *signature;     /* NULL: the kind's own ("hibr", "HIBR") */
    uint64_t time, interrupt;  /* FILETIME; 100 ns */
    const void *processor;     /* old kinds: KPROCESSOR_STATE; NULL: none */
    size_t processor_size;     /* at most a page */
    uint64_t loader_pages_end; /* new kinds: pages below this number are in the boot set */
    bool scattered;            /* new kinds: sets of 1, 2, 3, … pages */
    bool cleared;              /* page 0 is zeros */
    uint64_t secure_page;      /* FirstSecureRestorePage */
};
bool forge_hiber_write(const struct forge_hiber *hiber, struct forge_bytes *ret);

#endif
