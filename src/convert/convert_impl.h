/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a conversion share.
 *
 *   convert.c   what is asked for, who does it, the result
 *   pageset.c   the pages there are, and marks on them
 *   select.c    which of them are written; walk.c, owners.c, active.c: by page tables and page
 *               frame numbers; symbols.c: who describes these
 *   patch.c     what is changed in memory, and why
 *   copy.c      memory into the new file
 *   header.c    DUMP_HEADER32/64
 *   full.c, bitmap.c, elf.c, raw.c, triage.c: the containers
 */
#ifndef STOPCODE_CONVERT_IMPL_H
#define STOPCODE_CONVERT_IMPL_H

#include "base/arena.h"
#include "base/newfile.h"
#include "convert/pageset.h"
#include "stopcode/convert.h"

/* Bytes to be put in the place of what memory has; within one page. */
struct conv_patch {
    uint64_t pa;
    uint32_t size;
    const uint8_t *data; /* in the arena */
    const char *why;
};

struct conversion {
    sc_target *target;
    const struct sc_convert_opts *opts;
    sc_arena *arena;
    sc_newfile *out;
    bool is64;
    unsigned ptr_size;
    struct conv_pages pages;
    struct conv_marks keep;    /* of `pages`; word NULL: all */
    struct conv_selection sel; /* the pages written */
    struct {
        struct conv_patch *item;
        size_t count, room;
    } patches;
    struct {
        struct sc_convert_change *item;
        size_t count, room;
    } changes;
    bool in_place;   /* a page's place in the file is its address, not its rank */
    uint8_t *buffer; /* CONV_BUFFER bytes, made when needed */
    struct conv_pending {
        uint64_t offset;
        const uint8_t *data;
        size_t len;
    } pending; /* not written yet */
    const char *doing;
    uint64_t done, total, reported; /* bytes */
    struct sc_convert_result result;
};

enum { CONV_BUFFER = 1 << 20 };

/* convert.c: remembers a change; ranges that touch, for one reason, become one. */
sc_err *conv_changed(struct conversion *c, uint64_t pa, uint64_t size, const char *why);
/* Says how far it is; SC_ERR_CANCELLED by the caller's function or the target's flag. */
sc_err *conv_progress(struct conversion *c, uint64_t bytes);
/* A new stage of TOTAL bytes. */
void conv_stage(struct conversion *c, const char *doing, uint64_t total);

/* select.c: fills `keep`, `sel` and the counts of what is left out. */
sc_err *conv_select(struct conversion *c);

/* patch.c: the debugger data block decoded, and the registers that only the container has put into
 * the processors' contexts, as kernel dumps must have them. */
sc_err *conv_find_patches(struct conversion *c);

/* copy.c: the selected pages one behind the other, patches applied. */
sc_err *conv_copy_all(struct conversion *c, uint64_t first_page);

/* header.c */
enum { CONV_HEADER_MAX = 0x2000 };
struct conv_header {
    uint8_t bytes[CONV_HEADER_MAX];
    uint32_t size; /* 0x2000 or 0x1000 */
};
/* Of DUMP TYPE; with runs of pages when they are wanted and fit. */
sc_err *conv_header_make(struct conversion *c, uint32_t type, bool runs, uint64_t required_space,
                         struct conv_header *ret);
/* Puts the comment that the options name into the header at BYTES, of which there are SIZE. */
void conv_header_comment(const struct conversion *c, uint8_t *bytes, size_t size);
/* How many runs there is room for. */
unsigned conv_header_runs(const struct conversion *c);
void conv_put(uint8_t *to, uint64_t value, unsigned size);

/* The registers of the processor that the dump is about: the header's, else its own. */
sc_err *conv_event_regs(struct conversion *c, struct sc_regs *ret_regs);

/* Containers: they write the whole file. */
sc_err *conv_write_full(struct conversion *c);
sc_err *conv_write_bitmap(struct conversion *c);
sc_err *conv_write_kernel(struct conversion *c);
sc_err *conv_write_elf(struct conversion *c);
sc_err *conv_write_raw(struct conversion *c);
sc_err *conv_write_triage(struct conversion *c);
/* Secondary data (blobs) of the source's, behind the end of the dump proper. */
sc_err *conv_copy_blobs(struct conversion *c, uint64_t at);

#endif
