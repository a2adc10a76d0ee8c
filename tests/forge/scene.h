/* SPDX-License-Identifier: MIT */
/*
 * Ready-made triage dumps with everything in them: two processors, drivers, a stack, debugger
 * data, a bug check whose parameters lead to an exception record and a context. Tests change what
 * they are about and build; the hostile, fault and fuzz tests start from these.
 *
 *     struct forge_scene s;
 *     forge_scene_init(&s, FORGE_TRIAGE_X64);
 *     s.driver[2].base = 0;
 *     forge_triage_build(&s.t, &file);
 *
 * The scene points into itself: do not copy it.
 */
#ifndef STOPCODE_TESTS_FORGE_SCENE_H
#define STOPCODE_TESTS_FORGE_SCENE_H

#include "forge/triage.h"

enum forge_scene_kind {
    FORGE_TRIAGE_X64,     /* Windows 10 writer: TriageOptions 0xffffffff, data blocks; bug check
                             1000007E */
    FORGE_TRIAGE_X64_OLD, /* older writer: 0x41, a data page, no data blocks; bug check D1 */
    FORGE_TRIAGE_X86,     /* Windows 7, 32-bit */
    FORGE_TRIAGE_ARM64,
    FORGE_SCENES,
};

enum {
    FORGE_DRIVERS = 4, /* ntoskrnl.exe, hal.dll, baddrv.sys, disk.sys */
    FORGE_BLOCKS = 10,
    FORGE_CPUS = 2,
    FORGE_PRCB_SIZE = 0x180,
    FORGE_THREAD_SIZE = 0x500,
    FORGE_PROCESS_SIZE = 0xa40,
    FORGE_STACK_SIZE = 0x400,
};

struct forge_scene {
    struct forge_triage t;
    struct forge_triage_map map;
    /* Addresses in the dump. */
    struct {
        uint64_t kernel, hal, bad, disk, stack, page, kdbg, prcb[FORGE_CPUS], process, thread;
        uint64_t context[FORGE_CPUS], exr, cxr, processors, lab;
        uint64_t fault; /* in baddrv.sys */
    } va;
    size_t context_size; /* of the CPU's CONTEXT */
    struct forge_driver driver[FORGE_DRIVERS];
    struct forge_unloaded unloaded[2];
    struct forge_block block[FORGE_BLOCKS];
    struct forge_value kdbg[24];
    struct forge_exception exception;
    struct forge_mm mm;
    struct forge_blob blob[2];
    struct forge_patch patch[8]; /* for the test's own use: t.npatches is 0 */
    uint8_t header_context[0x4d0], context[FORGE_CPUS][0x4d0], bug_context[0x4d0];
    uint8_t exr[0x98], stack[FORGE_STACK_SIZE], page[0x1000], prcb[FORGE_CPUS][FORGE_PRCB_SIZE];
    uint8_t process[FORGE_PROCESS_SIZE], thread[FORGE_THREAD_SIZE], processors[FORGE_CPUS * 8];
};

void forge_scene_init(struct forge_scene *s, enum forge_scene_kind kind);

/* The finished dump of a kind; false when it could not be built. */
bool forge_scene_build(enum forge_scene_kind kind, struct forge_bytes *ret_file);

/* "triage-x64", …: for messages. */
const char *forge_scene_name(enum forge_scene_kind kind);

#endif
