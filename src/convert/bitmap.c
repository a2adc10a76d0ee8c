/* SPDX-License-Identifier: MIT */
/*
 * Dumps that list their pages in a bitmap.
 *
 *   64-bit: the form of Windows 8 and later, complete ("FDMP", DumpType 5) or of the kernel
 *   ("SDMP", 6), behind the header at 0x2000:
 *     +0x00 signature +0x04 "DUMP" +0x08 24 bytes, 0 +0x20 u64 file offset of the first page
 *     +0x28 u64 pages present +0x30 u64 bits of the bitmap +0x38 the bitmap, lowest bit first
 *
 *   32-bit: the kernel's as Windows XP to 7 write it (DumpType 2), behind the header at 0x1000:
 *     +0x00 "SDMP" +0x04 "DUMP" +0x08 DumpOptions (1: kernel addresses, 2: the current
 *     process's, too) +0x0c first page
 *     +0x10 bits +0x14 pages +0x18 bits again +0x1c 0 +0x20 the bitmap
 *   How a complete one lies in 32-bit files is not documented: none is made. One of active pages
 *   is a kernel's that has those of processes, too.
 *
 * Pages lie one behind the other. The bitmap is written where it has bits: what lies between far
 * pieces of memory costs nothing.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "convert/convert_impl.h"

enum {
    FDMP = 0x504d4446,
    SDMP = 0x504d4453,
    DUMP = 0x504d5544,
    KERNEL_VA = 1,
    CURRENT_USER_VA = 2,
    HEAD64 = 0x38,
    HEAD32 = 0x20,
    WINDOW = 1 << 16, /* bytes of the bitmap at hand */
};
static const uint64_t BITMAP_MAX = UINT64_C(1) << 30; /* bytes: 32 TB of addresses */

static uint64_t up(uint64_t v) { return (v + CONV_PAGE - 1) & ~(uint64_t)(CONV_PAGE - 1); }

/* A window of the bitmap under construction. */
struct window {
    struct conversion *c;
    uint8_t *bytes;
    uint64_t at, start; /* file offset of the bitmap; which byte of it is bytes[0] */
    bool dirty;
};

static sc_err *window_end(struct window *w) {
    if (!w->dirty)
        return NULL;
    w->dirty = false;
    return sc_newfile_write(w->c->out, w->at + w->start, w->bytes, WINDOW);
}

static sc_err *set_bits(struct window *w, uint64_t pfn, uint64_t count) {
    sc_err *err = NULL;
    while (count && !err) {
        uint64_t start = pfn / 8 / WINDOW * WINDOW;
        if (!w->dirty || start != w->start) {
            err = window_end(w);
            memset(w->bytes, 0, WINDOW);
            w->start = start;
            w->dirty = true;
        }
        uint64_t bit = pfn - start * 8, room = (uint64_t)WINDOW * 8 - bit;
        uint64_t n = count < room ? count : room;
        for (uint64_t i = bit; i < bit + n;) {
            if (i % 8 == 0 && bit + n - i >= 8) {
                w->bytes[i / 8] = 0xff;
                i += 8;
            } else {
                w->bytes[i / 8] |= (uint8_t)(1 << i % 8);
                i++;
            }
        }
        pfn += n;
        count -= n;
    }
    return err;
}

/* The bitmap at file offset AT. */
static sc_err *write_bits(struct conversion *c, uint64_t at) {
    struct window w = {.c = c, .at = at, .bytes = malloc(WINDOW)};
    uint64_t from = 0, pfn, count;
    sc_err *err = w.bytes ? NULL : sc_err_nomem();
    while (!err && conv_selection_next(&c->sel, from, &pfn, &count)) {
        err = set_bits(&w, pfn, count);
        from = pfn + count;
    }
    if (!err)
        err = window_end(&w);
    free(w.bytes);
    return err;
}

/* The form's sizes. */
struct plan {
    uint32_t type, signature, head, options;
    uint64_t bits, first, end; /* file offsets: of the first page, and behind the last */
};

static sc_err *make_plan(struct conversion *c, uint32_t type, uint32_t signature,
                         struct plan *ret) {
    bool user = c->opts->active_only && c->opts->to == SC_CONVERT_BITMAP;
    struct plan p = {.type = type,
                     .signature = signature,
                     .head = c->is64 ? 0x2000 : 0x1000,
                     .options = user ? KERNEL_VA | CURRENT_USER_VA : KERNEL_VA};
    p.bits = (conv_pages_end(&c->pages) + 31) & ~UINT64_C(31);
    if (p.bits / 8 > BITMAP_MAX || (!c->is64 && p.bits > UINT32_MAX / 2))
        return sc_errf(SC_ERR_LIMIT,
                       "memory reaches up to 0x%" PRIx64
                       ": a bitmap of that many pages is larger than any that is read: --to elf",
                       conv_pages_end(&c->pages) * CONV_PAGE);
    p.first = up(p.head + (c->is64 ? HEAD64 : HEAD32) + p.bits / 8);
    p.end = p.first + c->result.pages * CONV_PAGE;
    *ret = p;
    return NULL;
}

static sc_err *write_head(struct conversion *c, const struct plan *p) {
    uint8_t b[HEAD64] = {0};
    conv_put(b, p->signature, 4);
    conv_put(b + 4, DUMP, 4);
    if (c->is64) {
        conv_put(b + 0x20, p->first, 8);
        conv_put(b + 0x28, c->result.pages, 8);
        conv_put(b + 0x30, p->bits, 8);
    } else {
        conv_put(b + 0x08, p->options, 4);
        conv_put(b + 0x0c, p->first, 4);
        conv_put(b + 0x10, p->bits, 4);
        conv_put(b + 0x14, c->result.pages, 4);
        conv_put(b + 0x18, p->bits, 4);
    }
    return sc_newfile_write(c->out, p->head, b, c->is64 ? HEAD64 : HEAD32);
}

static sc_err *write(struct conversion *c, uint32_t type, uint32_t signature) {
    struct conv_header h;
    struct plan p = {0};
    sc_err *err = make_plan(c, type, signature, &p);
    if (!err)
        err = conv_header_make(c, type, false, p.end, &h);
    if (!err)
        err = sc_newfile_write(c->out, 0, h.bytes, h.size);
    /* The bitmap first: its last window may reach over what is written behind it. */
    if (!err)
        err = write_bits(c, p.head + (c->is64 ? HEAD64 : HEAD32));
    if (!err)
        err = write_head(c, &p);
    if (!err)
        err = conv_copy_all(c, p.first);
    return err ? err : conv_copy_blobs(c, p.end);
}

sc_err *conv_write_bitmap(struct conversion *c) {
    if (c->is64)
        return write(c, 5, FDMP);
    if (c->opts->active_only)
        return write(c, 2, SDMP);
    return sc_errf(SC_ERR_UNSUPPORTED, "how a complete 32-bit dump with a bitmap lies in its file "
                                       "is not documented: --to full, or --pages active");
}

sc_err *conv_write_kernel(struct conversion *c) { return write(c, c->is64 ? 6 : 2, SDMP); }
