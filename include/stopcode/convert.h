/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Conversion: writes a target's memory as another container.
 */
#ifndef STOPCODE_CONVERT_H
#define STOPCODE_CONVERT_H

#include "symtab.h"

#ifdef __cplusplus
extern "C" {
#endif

enum sc_convert_to {
    SC_CONVERT_FULL,   /**< DumpType 1: runs of pages */
    SC_CONVERT_BITMAP, /**< DumpType 5: bitmap, complete memory; 32-bit: 2, of active pages only */
    SC_CONVERT_KERNEL, /**< DumpType 6: bitmap, the kernel's pages */
    SC_CONVERT_TRIAGE, /**< DumpType 4: the small dump that Windows would have written */
    SC_CONVERT_ELF,    /**< an ELF core of physical memory, as QEMU writes it */
    SC_CONVERT_RAW,    /**< physical memory from address 0; holes are holes of the file */
    SC_CONVERT_KINDS,
};

struct sc_convert_opts {
    size_t sz;
    enum sc_convert_to to;
    bool kernel_only; /**< `--pages kernel`: pages that only user mode maps are left out */
    bool strip_user;  /**< no page that a process maps as its own or shared is in the output; pages
                           of unknown use are left out, too, and counted */
    bool overwrite;   /**< an existing OUT is replaced; else SC_ERR_IO */
    /** Triage: virtual memory that goes with it besides what always does. Borrowed; `offset` is not
     * looked at. What the target lacks of it is left out. */
    const struct sc_range *extra;
    size_t nextra;
    bool (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
    void *progress_ctx;
    bool sync; /**< return only when the disk has it: else, as with cp, the system writes it later,
                  and a power failure before that may leave PATH without its content */
    /** `--pages active`: pages that the PFN database has on the zeroed, free, standby or bad list
     * are left out, unless page tables map them. Not for small dumps (SC_ERR_ARG).
     * SC_ERR_NOT_FOUND: the database cannot be read; the text names what is missing. */
    bool active_only;
    /** Where the kernel's structures are described, besides in the target itself and the built-in
     * tables; NULL: nowhere. Borrowed; of the same target. */
    sc_symtab *symtab;
    /** Kernel dumps: what the header says of itself, at most SC_CONVERT_COMMENT_MAX bytes; NULL: as
     * it was. Not for ELF and raw (SC_ERR_ARG). Borrowed. */
    const char *comment;
};
enum { SC_CONVERT_COMMENT_MAX = 127 };

/** What was changed although conversion keeps bytes: a physical range and why (static). */
struct sc_convert_change {
    uint64_t pa, size;
    const char *why;
};
struct sc_convert_result {
    uint64_t pages, left_out, left_out_unknown; /**< of 4 KB */
    uint64_t bytes;                             /**< of the file written */
    struct sc_convert_change *change;           /**< owned: sc_convert_result_free() */
    size_t nchanges;
    /** `active_only`: how many of the pages left out are on which list, and which pages are there
     * although no list says that they are in use. */
    struct sc_convert_unused {
        uint64_t zeroed, free, standby, bad;
        uint64_t undescribed; /**< written: the PFN database has no entry for them, or it cannot be
                                   read */
        uint64_t mapped;      /**< on one of the lists, but page tables lead to them: not left out
                                   for that */
    } unused;
};

/**
 * Writes TARGET to the file PATH (under a temporary name first, so that PATH is whole or not
 * there). SC_ERR_UNSUPPORTED: this target cannot become that (a minidump has no physical memory):
 * the text says what can be done instead. SC_ERR_CANCELLED by `progress` or the target's flag.
 */
SC_API sc_err *sc_convert(sc_target *target, const char *path, const struct sc_convert_opts *opts,
                          struct sc_convert_result *ret_result);
SC_API void sc_convert_result_free(struct sc_convert_result *result);
/** "full", "bitmap", …; and back (false: none such). */
SC_API const char *sc_convert_name(enum sc_convert_to to);
SC_API bool sc_convert_from_name(const char *name, enum sc_convert_to *ret_to);

#ifdef __cplusplus
}
#endif
#endif
