/* SPDX-License-Identifier: MIT */
/*
 * PDBs from lists of symbols: what a case knows of a module, written so that llvm-pdbutil and the
 * debugger read it as they read a linker's.
 *
 * RVAs are those that the symbols speak: where blocks were moved after linking, the addresses
 * before that; only `forge_moved` has both. All code is one compiland; a file without functions,
 * labels and lines is a stripped one, as Microsoft publishes them.
 */
#ifndef STOPCODE_TESTS_FORGE_SYMFILE_H
#define STOPCODE_TESTS_FORGE_SYMFILE_H

#include "forge/image.h"

enum forge_symbol_kind {
    FORGE_SYM_PUBLIC,   /* S_PUB32 alone: what Microsoft's public PDBs have */
    FORGE_SYM_FUNCTION, /* S_GPROC32 with its size, and a public */
    FORGE_SYM_STATIC,   /* S_LPROC32 */
    FORGE_SYM_DATA,     /* S_GDATA32 (type) and a public */
    FORGE_SYM_LABEL,
};
struct forge_local {
    const char *name, *type; /* "int", "void*", "_UNICODE_STRING*", "char[16]" */
    bool parameter;
    const char *reg; /* "rbx": S_DEFRANGE_REGISTER; or with has_offset: at reg + offset */
    bool has_offset;
    int32_t offset;
};
struct forge_inlined {
    const char *name, *file;
    uint32_t rva, size, line; /* line of the code inside the inlined function */
};
struct forge_symbol {
    enum forge_symbol_kind kind;
    const char *name;   /* as stored: decorated, or plain; procedures get the undecorated name */
    uint32_t rva, size; /* functions need their size */
    const char *type;   /* data: its type; functions: their prototype's return type; NULL none */
    const struct forge_local *local;
    size_t nlocals;
    const struct forge_inlined *inlined;
    size_t ninlined;
};
struct forge_line {
    const char *file;
    uint32_t line, rva;
};
/* FPO_DATA: sizes in bytes. PROGRAM: makes it a FRAMEDATA record. */
struct forge_fpo {
    uint32_t rva, size, locals, params, saved_regs, prolog;
    bool uses_ebp, has_seh;
    uint8_t kind; /* 0 FPO, 1 TRAP, 2 TSS, 3 NONFPO */
    const char *program;
};
/*
 * A block that the linker's optimiser moved: SIZE bytes at FROM (in the image) belong at TO (in the
 * addresses that the symbols speak). TO may lie anywhere, also behind the image; what the image has
 * there stays where it is. No symbol may stand at FROM, unless that is the home of another block.
 */
enum { FORGE_NOWHERE = -1 }; /* FROM: the image has nothing of it */
struct forge_moved {
    uint32_t from, to, size;
};
struct forge_member {
    const char *name;
    uint32_t offset;
    const char *type; /* "Uint4B", "Ptr64 _KTHREAD" or "*_KTHREAD", "[15]UChar", "_LIST_ENTRY"; "?":
                         bytes up to the next member; see symfile_types.c */
    uint8_t bit_first, bit_count; /* bit_count 0: no bit field */
};
struct forge_struct {
    const char *name;
    uint32_t size;
    bool is_union;
    const struct forge_member *member;
    size_t nmembers;
};

struct forge_symfile {
    uint16_t machine;
    uint8_t guid[16];
    uint32_t age, signature;
    const struct forge_image_section *section;
    size_t nsections;
    const struct forge_symbol *symbol;
    size_t nsymbols;
    const struct forge_line *line;
    size_t nlines;
    const struct forge_fpo *fpo;
    size_t nfpo;
    const struct forge_moved *moved;
    size_t nmoved;
    const struct forge_struct *type; /* types they refer to and that are missing become forward
                                        references */
    size_t ntypes;
};

/* False with the reason in WHY (at least 160 bytes): a symbol outside of all sections, … */
bool forge_symfile_build(const struct forge_symfile *s, struct forge_bytes *ret_file, char *why);

#endif
