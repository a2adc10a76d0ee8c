/* SPDX-License-Identifier: MIT */
/*
 * Pages that page tables alone do not lead to: an entry that says "ask the VAD", or none at all,
 * where a VAD maps a file or has memory that was never touched.
 *
 * A filler for the space of the process whose VADs it has (sc_space_add_filler()). A page that
 * was never touched is zeros to the process, and is filled with them; each is counted, so that
 * whoever shows it can say so.
 */
#ifndef NT_VADFILL_H
#define NT_VADFILL_H

#include "nt/vad.h"

struct nt_vadfill {
    struct nt nt;
    uint64_t root;
    bool loaded;
    struct nt_vadfill_list {
        struct nt_vadfill_range {
            uint64_t start, end, node;
            bool is_private, committed;
        } * item;
        size_t count, room;
    } list;
    struct nt_vad mapped; /* the one that was asked last; address 0 none */
    uint64_t zero_pages, first_zero;
    bool nomem;
};

/* What stands behind a page. */
enum nt_behind {
    NT_BEHIND_NOTHING,
    NT_BEHIND_ZERO,      /* never touched: zeros */
    NT_BEHIND_PROTOTYPE, /* `prototype` says; `entry` has been decoded if `status` is SC_READ_OK */
};
struct nt_page {
    enum nt_behind behind;
    uint64_t vad, prototype;
    enum sc_read status; /* of reading the prototype entry */
    uint64_t value;
    struct sc_translation entry;
};

/* VADs below ROOT; 0: none are known yet. Nothing is read before it is asked for. */
void nt_vadfill_init(struct nt_vadfill *fill, const struct nt *nt, uint64_t root);
void nt_vadfill_deinit(struct nt_vadfill *fill);
/* What the VADs say of the page at ADDR, whose translation is TR. */
sc_err *nt_vadfill_page(struct nt_vadfill *fill, uint64_t addr, const struct sc_translation *tr,
                        struct nt_page *ret_page);
/* The first range of at most MOST bytes at or behind ADDR that maps something. */
bool nt_vadfill_mapped(struct nt_vadfill *fill, uint64_t addr, uint64_t most, uint64_t *ret_start,
                       uint64_t *ret_last);
/* As sc_fill_fn, with a struct nt_vadfill. */
enum sc_read nt_vadfill_read(struct nt_vadfill *fill, uint64_t addr, void *buf, size_t len,
                             size_t *ret_got);

#endif
