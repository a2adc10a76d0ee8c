/* SPDX-License-Identifier: MIT */
/*
 * Base relocations.
 *
 *     block:  u32 page RVA, u32 size (these 8 bytes included), then u16 type:4 (high) offset:12 …
 *     types:  0 padding   1 HIGH, 2 LOW: halves of 32 bits   3 HIGHLOW: 32 bits
 *             4 HIGHADJ: high half, the next word is the low one   10 DIR64: 64 bits
 *             ARM only: 5 a pair of MOVW, MOVT   7 the same in Thumb-2
 *
 * Learnt from Microsoft's "PE Format" document; the pairs' immediates from the ARM manual.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pe/pe_impl.h"

enum { WIDEST = 8 };

struct walk {
    struct pe_cur c;
    uint64_t end; /* of the directory */
    uint64_t block_end;
    uint32_t page;
};

/* Takes the next block; false at the end. *ERR is set when the block is damaged. */
static bool next_block(struct walk *w, sc_err **err) {
    if (w->end - w->c.pos < 8)
        return false;
    uint64_t at = w->c.pos;
    w->page = pe_u32(&w->c);
    uint32_t size = pe_u32(&w->c);
    if (w->c.failed) {
        *err = pe_cur_err(&w->c);
        return false;
    }
    if (!w->page && !size)
        return false; /* padding at the end */
    if (size < 8 || size > w->end - at) {
        *err = pe_bad(w->c.pe, at, "base relocations: a block of 0x%" PRIx32 " bytes", size);
        return false;
    }
    w->block_end = at + size;
    return true;
}

/* The next entry of the block; false at its end. */
static bool next_entry(struct walk *w, struct sc_pe_reloc *ret) {
    if (w->block_end - w->c.pos < 2)
        return false;
    uint16_t v = pe_u16(&w->c);
    *ret = (struct sc_pe_reloc){w->page + (v & 0xfff), (uint8_t)(v >> 12), 0};
    if (ret->type == SC_PE_REL_HIGHADJ && w->block_end - w->c.pos >= 2)
        ret->param = pe_u16(&w->c);
    return !w->c.failed;
}

static sc_err *start(const sc_pe *pe, struct walk *w) {
    struct sc_pe_directory dir;
    sc_err *err = pe_need_dir(pe, SC_PE_DIR_RELOC, "base relocations", &dir);
    if (err)
        return err;
    uint64_t room = pe_room(pe, 1);
    w->c = pe_cur_at(pe, dir.rva, dir.size < room ? dir.size : room, "base relocations");
    w->end = w->c.end;
    return NULL;
}

sc_err *sc_pe_each_reloc(const sc_pe *pe, sc_pe_reloc_fn fn, void *ctx) {
    struct walk w;
    sc_err *err = start(pe, &w);
    while (!err && next_block(&w, &err)) {
        struct sc_pe_reloc item;
        while (next_entry(&w, &item)) {
            if (!fn(ctx, &item))
                return NULL;
        }
        if (w.c.failed)
            return pe_cur_err(&w.c);
        pe_seek(&w.c, w.block_end);
    }
    return err;
}

static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put(uint8_t *p, unsigned size, uint64_t v) {
    for (unsigned i = 0; i < size; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* The 16 bits in one instruction of a MOVW, MOVT pair; INSN: ARM, or half words of Thumb-2. */
static uint32_t mov_get(uint32_t insn, bool thumb) {
    if (!thumb)
        return (insn >> 4 & 0xf000) | (insn & 0xfff);
    return (insn & 0xf) << 12 | (insn >> 10 & 1) << 11 | (insn >> 28 & 7) << 8 |
           (insn >> 16 & 0xff);
}

static uint32_t mov_put(uint32_t insn, uint32_t v, bool thumb) {
    if (!thumb)
        return (insn & 0xfff0f000) | (v & 0xf000) << 4 | (v & 0xfff);
    return (insn & ~0x70ff040fu) | (v >> 12 & 0xf) | (v >> 11 & 1) << 10 | (v >> 8 & 7) << 28 |
           (v & 0xff) << 16;
}

static void apply_mov(uint8_t *p, uint64_t delta, bool thumb) {
    uint32_t low = get32(p), high = get32(p + 4);
    uint32_t v = (mov_get(high, thumb) << 16 | mov_get(low, thumb)) + (uint32_t)delta;
    put(p, 4, mov_put(low, v & 0xffff, thumb));
    put(p + 4, 4, mov_put(high, v >> 16, thumb));
}

/* Bytes that a relocation of TYPE changes; 0 for those that are not known on this machine. */
static unsigned width(const sc_pe *pe, uint8_t type) {
    bool arm = sc_pe_cpu(pe) == SC_CPU_ARM;
    switch (type) {
    case SC_PE_REL_HIGH:
    case SC_PE_REL_LOW:
    case SC_PE_REL_HIGHADJ: return 2;
    case SC_PE_REL_HIGHLOW: return 4;
    case SC_PE_REL_DIR64: return 8;
    case SC_PE_REL_ARM_MOV32:
    case SC_PE_REL_THUMB_MOV32: return arm ? 8 : 0;
    default: return 0;
    }
}

static void apply(const struct sc_pe_reloc *r, uint8_t *p, uint64_t delta) {
    uint32_t low = (uint32_t)(p[0] | p[1] << 8);
    switch (r->type) {
    case SC_PE_REL_HIGH: put(p, 2, ((low << 16) + (uint32_t)delta) >> 16); break;
    case SC_PE_REL_LOW: put(p, 2, low + delta); break;
    case SC_PE_REL_HIGHADJ: /* the low half is signed, and rounds the high one */
        put(p, 2,
            ((low << 16) + (uint32_t)(int32_t)(int16_t)r->param + (uint32_t)delta + 0x8000) >> 16);
        break;
    case SC_PE_REL_HIGHLOW: put(p, 4, get32(p) + delta); break;
    case SC_PE_REL_DIR64: put(p, 8, (get32(p) | (uint64_t)get32(p + 4) << 32) + delta); break;
    case SC_PE_REL_ARM_MOV32: apply_mov(p, delta, false); break;
    case SC_PE_REL_THUMB_MOV32: apply_mov(p, delta, true); break;
    default: break;
    }
}

/* The bytes being relocated. */
struct piece {
    uint32_t rva;
    uint8_t *buf;
    size_t len;
    uint64_t delta;
};

/* Applies one relocation as far as it lies in the piece. */
static sc_err *relocate_one(const sc_pe *pe, const struct sc_pe_reloc *r, const struct piece *p) {
    unsigned size = width(pe, r->type);
    uint64_t start = r->rva, end = start + size, from = p->rva, to = from + p->len;
    if (r->type == SC_PE_REL_ABSOLUTE)
        return NULL;
    if (!size) {
        if (start < from || start >= to)
            return NULL;
        return pe_errf(pe, SC_ERR_UNSUPPORTED, "relocation type %u at RVA 0x%" PRIx32, r->type,
                       r->rva);
    }
    if (end <= from || start >= to)
        return NULL;
    uint8_t value[WIDEST];
    uint64_t first = start < from ? from : start, last = end < to ? end : to;
    if (first != start || last != end) { /* the rest stands outside of the piece */
        sc_err *err = sc_pe_need(pe, start, value, size, "relocated value");
        if (err)
            return err;
    }
    memcpy(value + (first - start), p->buf + (first - from), (size_t)(last - first));
    apply(r, value, p->delta);
    memcpy(p->buf + (first - from), value + (first - start), (size_t)(last - first));
    return NULL;
}

/* The entries of the block that W stands on. */
static sc_err *relocate_block(struct walk *w, const struct piece *p) {
    struct sc_pe_reloc r;
    sc_err *err = NULL;
    bool near = w->page < (uint64_t)p->rva + p->len && w->page + 0x1000ull + WIDEST > p->rva;
    while (near && !err && next_entry(w, &r))
        err = relocate_one(w->c.pe, &r, p);
    if (!err && w->c.failed)
        err = pe_cur_err(&w->c);
    return err;
}

/* ---- the blocks by page: pieces are relocated by the hundred ---- */

/*
 * Notes where the blocks are. A damaged table, one in no order, or too little memory: then there
 * is no list, and each piece is relocated by a walk over all of them, which says what is wrong.
 */
static void list_blocks(sc_pe *pe) {
    struct pe_reloc_blocks *list = &pe->relocs;
    struct walk w;
    sc_err *err = start(pe, &w);
    bool fine = !err;
    list->tried = true;
    while (fine && next_block(&w, &err)) {
        const struct pe_reloc_block *last = list->count ? &list->item[list->count - 1] : NULL;
        fine = !last || last->page < w.page;
        struct pe_reloc_block *block = fine ? SC_VEC_PUSH(list) : NULL;
        fine = block != NULL;
        if (block)
            *block = (struct pe_reloc_block){w.page, w.c.pos, w.block_end};
        pe_seek(&w.c, w.block_end);
        fine = fine && !w.c.failed;
    }
    if (err || !fine)
        SC_VEC_FREE(list);
    sc_err_destroy(err);
}

/* The first block whose relocations may reach to RVA or behind. */
static size_t block_from(const struct pe_reloc_blocks *list, uint32_t rva) {
    size_t lo = 0, hi = list->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (list->item[mid].page + 0x1000ull + WIDEST > rva)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

static sc_err *relocate_listed(const sc_pe *pe, const struct piece *p) {
    const struct pe_reloc_blocks *list = &pe->relocs;
    sc_err *err = NULL;
    for (size_t i = block_from(list, p->rva); !err && i < list->count; i++) {
        const struct pe_reloc_block *b = &list->item[i];
        if (b->page >= (uint64_t)p->rva + p->len)
            break;
        struct walk w = {.block_end = b->end, .page = b->page};
        w.c = pe_cur_at(pe, b->start, b->end - b->start, "base relocations");
        err = relocate_block(&w, p);
    }
    return err;
}

sc_err *sc_pe_relocate(sc_pe *pe, uint32_t rva, void *buf, size_t len, uint64_t delta) {
    struct piece p = {rva, buf, len, delta};
    struct walk w;
    if (!delta || !len)
        return NULL;
    if (pe->space)
        return pe_errf(pe, SC_ERR_ARG, "an image in memory is relocated already");
    if (!pe->relocs.tried)
        list_blocks(pe);
    if (pe->relocs.count)
        return relocate_listed(pe, &p);
    sc_err *err = start(pe, &w);
    while (!err && next_block(&w, &err)) {
        err = relocate_block(&w, &p);
        pe_seek(&w.c, w.block_end);
    }
    return err;
}
