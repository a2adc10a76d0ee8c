/* SPDX-License-Identifier: MIT */
/*
 * A small memory dump of a small memory dump: the same bytes, but for a new comment. Without what
 * is the processes', the data blocks at addresses of the lower half, and such a data page, become
 * zeros, and the table of data blocks lists the others only.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/vec.h"
#include "convert/triage.h"
#include "stopcode/kdump.h"

enum { FILE_MOST = 256 << 20 };

static uint64_t number(const uint8_t *p, unsigned size) {
    uint64_t v = 0;
    for (unsigned i = size; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static bool is_user(const struct conversion *c, uint64_t va) {
    return c->is64 ? !(va >> 63) : (va & UINT32_MAX) < 0x80000000;
}

static void blank(struct conversion *c, struct conv_bytes *f, uint64_t offset, uint64_t size) {
    if (offset >= f->count)
        return;
    if (size > f->count - offset)
        size = f->count - offset;
    memset(f->item + offset, 0, (size_t)size);
    c->result.left_out += (size + CONV_PAGE - 1) / CONV_PAGE;
}

static void strip_blocks(struct conversion *c, const struct sc_triage_header *h,
                         struct conv_bytes *f) {
    uint64_t table = h->data_blocks_offset, n = h->data_blocks_count, kept = 0;
    if (!table || table >= f->count)
        return;
    if (n > (f->count - table) / 16)
        n = (f->count - table) / 16;
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *b = f->item + table + 16 * i;
        if (is_user(c, number(b, 8)))
            continue;
        memmove(f->item + table + 16 * kept++, b, 16);
    }
    memset(f->item + table + 16 * kept, 0, (size_t)(n - kept) * 16);
    conv_put(f->item + (c->is64 ? 0x207c : 0x1064), kept, 4);
}

/* The bytes of blocks that are stripped: before the table is, and the kernel's stay. */
static void blank_blocks(struct conversion *c, const struct sc_triage_header *h,
                         struct conv_bytes *f) {
    uint64_t table = h->data_blocks_offset;
    for (uint64_t i = 0; table && i < h->data_blocks_count; i++) {
        uint64_t at = table + 16 * i;
        if (at > f->count || f->count - at < 16)
            break;
        const uint8_t *b = f->item + at;
        uint64_t offset = number(b + 8, 4), size = number(b + 12, 4);
        /* A table that lies must not make its own bytes, or the header's, zeros. */
        bool apart = offset >= table + 16ull * h->data_blocks_count || offset + size <= table;
        if (is_user(c, number(b, 8)) && offset >= (c->is64 ? 0x2080 : 0x1068) && apart)
            blank(c, f, offset, size);
    }
}

static void strip(struct conversion *c, const struct sc_triage_header *h, struct conv_bytes *f) {
    blank_blocks(c, h, f);
    strip_blocks(c, h, f);
    if (h->data_page_offset && is_user(c, h->data_page_address))
        blank(c, f, h->data_page_offset, h->data_page_size);
}

sc_err *conv_triage_copy(struct conversion *c) {
    const struct sc_source *source = sc_target_source(c->target);
    const struct sc_triage_header *h = sc_triage_header(source);
    uint64_t size = sc_file_size(source->file);
    struct conv_bytes f = {0};
    if (size > FILE_MOST)
        return sc_errf(SC_ERR_LIMIT, "a small dump of more than %d MB", FILE_MOST >> 20);
    sc_err *err = SC_VEC_RESERVE(&f, (size_t)size) ? NULL : sc_err_nomem();
    if (!err)
        err = sc_file_read(source->file, 0, f.item, (size_t)size);
    f.count = (size_t)size;
    if (!err && (c->opts->strip_user || c->opts->kernel_only))
        strip(c, h, &f);
    if (!err)
        conv_header_comment(c, f.item, f.count);
    if (!err)
        err = sc_newfile_write(c->out, 0, f.item, f.count);
    c->result.pages = (size + CONV_PAGE - 1) / CONV_PAGE;
    SC_VEC_FREE(&f);
    return err;
}
