/* SPDX-License-Identifier: MIT */
/*
 * The function table.
 *
 *     x64     .pdata: RUNTIME_FUNCTION {u32 begin, end, UNWIND_INFO}, sorted by begin
 *             UNWIND_INFO: u8 version:3 | flags:5, u8 prolog, u8 slots, u8 register:4 | offset:4,
 *             u16 slots[] (the prolog's last operation first; an even number of them stands
 *             there), then the handler's RVA and its data, or the RUNTIME_FUNCTION it continues
 *             slot: u8 offset in the prolog, u8 operation:4 | info:4; some have operands behind
 *     ARM64   .pdata: {u32 begin, u32 .xdata's RVA or, with the low bits set, packed data}
 */
#include <stdlib.h>
#include <string.h>

#include "forge/image_impl.h"

enum { SLOTS = 255, HANDLERS = 3, CHAIN = 4, X64 = 0x8664, ARM64 = 0xaa64 };
enum {
    UWOP_PUSH_NONVOL = 0,
    UWOP_ALLOC_LARGE = 1,
    UWOP_ALLOC_SMALL = 2,
    UWOP_SET_FPREG = 3,
    UWOP_SAVE_NONVOL = 4,
    UWOP_EPILOG = 6,
    UWOP_SAVE_XMM128 = 8,
    UWOP_PUSH_MACHFRAME = 10,
};

struct slots {
    uint16_t item[SLOTS + 3];
    size_t count;
};

static void slot(struct slots *s, uint32_t v) {
    if (s->count < SLOTS + 3)
        s->item[s->count++] = (uint16_t)v;
}

static void operation(struct slots *s, const struct forge_unwind_code *c, unsigned op,
                      unsigned info) {
    slot(s, (uint32_t)c->at | op << 8 | (info & 15) << 12);
}

static bool alloc(struct slots *s, const struct forge_unwind_code *c) {
    uint32_t n = c->value;
    if (n == 0 || n % 8)
        return false;
    if (n <= 128) {
        operation(s, c, UWOP_ALLOC_SMALL, n / 8 - 1);
    } else if (n / 8 <= UINT16_MAX) {
        operation(s, c, UWOP_ALLOC_LARGE, 0);
        slot(s, n / 8);
    } else {
        operation(s, c, UWOP_ALLOC_LARGE, 1);
        slot(s, n & 0xffff);
        slot(s, n >> 16);
    }
    return true;
}

/* A register saved at an offset that is a multiple of SCALE; the far form has number OP + 1. */
static bool save(struct slots *s, const struct forge_unwind_code *c, unsigned op, uint32_t scale) {
    if (c->value % scale == 0 && c->value / scale <= UINT16_MAX) {
        operation(s, c, op, c->reg);
        slot(s, c->value / scale);
    } else {
        operation(s, c, op + 1, c->reg);
        slot(s, c->value & 0xffff);
        slot(s, c->value >> 16);
    }
    return c->value % 8 == 0;
}

static bool put_code(struct slots *s, const struct forge_function *f,
                     const struct forge_unwind_code *c) {
    if (c->op != FORGE_UW_RAW && c->reg > 15)
        return false;
    switch (c->op) {
    case FORGE_UW_PUSH: operation(s, c, UWOP_PUSH_NONVOL, c->reg); return true;
    case FORGE_UW_ALLOC: return alloc(s, c);
    case FORGE_UW_SET_FPREG: operation(s, c, UWOP_SET_FPREG, 0); return f->frame_register != 0;
    case FORGE_UW_SAVE: return save(s, c, UWOP_SAVE_NONVOL, 8);
    case FORGE_UW_SAVE_XMM: return save(s, c, UWOP_SAVE_XMM128, 16);
    case FORGE_UW_MACHFRAME: operation(s, c, UWOP_PUSH_MACHFRAME, c->value); return c->value <= 1;
    case FORGE_UW_EPILOG:
        slot(s, c->value | UWOP_EPILOG << 8 | (uint32_t)c->reg << 12);
        return c->value <= 255 && f->version == 2;
    case FORGE_UW_RAW: slot(s, c->value); return c->value <= UINT16_MAX;
    }
    return false;
}

/* Epilogs in their order, then the prolog's operations, the last one first; a run of raw slots is
 * one operation. */
static bool put_codes(struct forge_image *m, const struct forge_function *f, struct slots *s) {
    const struct forge_unwind_code *c = f->code;
    bool ok = true;
    for (size_t i = 0; i < f->ncodes; i++)
        if (c[i].op == FORGE_UW_EPILOG)
            ok = ok && put_code(s, f, &c[i]);
    uint8_t before = 255;
    for (size_t i = f->ncodes, from; i > 0; i = from) {
        from = i - 1;
        while (c[from].op == FORGE_UW_RAW && from > 0 && c[from - 1].op == FORGE_UW_RAW)
            from--;
        for (size_t k = from; k < i && c[k].op != FORGE_UW_EPILOG; k++)
            ok = ok && put_code(s, f, &c[k]);
        if (c[from].op == FORGE_UW_RAW || c[from].op == FORGE_UW_EPILOG)
            continue;
        if (c[from].at > f->prolog || c[from].at > before)
            return image_fail(m, "function 0x%x: operation %zu ends at 0x%x, its prolog at 0x%x%s",
                              f->begin, from, c[from].at, f->prolog,
                              c[from].at > before ? ", and the next one before it" : "");
        before = c[from].at;
    }
    if (!ok || s->count > SLOTS)
        return image_fail(m,
                          "function 0x%x: an unwind operation that cannot be written, or %zu slots",
                          f->begin, s->count);
    return true;
}

static const struct image_function *find_begin(const struct forge_image *m, uint32_t begin) {
    for (size_t i = 0; i < m->functions.count; i++)
        if (m->functions.item[i].f.begin == begin)
            return &m->functions.item[i];
    return NULL;
}

static uint32_t info_rva(const struct forge_image *m, const struct image_function *f) {
    if (f->f.info)
        return f->f.info;
    return f->part ? image_part_rva(m, f->part - 1) : f->f.packed;
}

/* What stands behind the codes. */
static bool put_tail(struct forge_image *m, const struct image_function *one, struct forge *out) {
    const struct forge_function *f = &one->f;
    const struct image_function *parent = f->chain ? find_begin(m, f->chain) : NULL;
    if (!(f->flags & HANDLERS) != !f->handler || (f->scope_size && !f->handler) ||
        (f->chain && f->handler) || f->flags & ~(HANDLERS | (f->chain ? CHAIN : 0)))
        return image_fail(m, "function 0x%x: flags %u do not go with handler 0x%x, chain 0x%x",
                          f->begin, f->flags, f->handler, f->chain);
    if (f->chain && (!parent || parent == one))
        return image_fail(m, "function 0x%x continues 0x%x, where none begins", f->begin, f->chain);
    if (f->handler)
        forge_u32(out, f->handler);
    if (one->scope)
        forge_put(out, one->scope, f->scope_size);
    if (parent) {
        forge_u32(out, parent->f.begin);
        forge_u32(out, parent->f.end);
        forge_u32(out, info_rva(m, parent));
    }
    return true;
}

static bool unwind_info(struct forge_image *m, const struct image_function *one,
                        struct forge *out) {
    const struct forge_function *f = &one->f;
    struct slots s = {.count = 0};
    unsigned version = f->version ? f->version : 1;
    if (f->ncodes > FORGE_UW_CODES || version > 7 || f->frame_register > 15 || f->frame_offset > 15)
        return image_fail(m, "function 0x%x: %zu codes, version %u, frame register %u + %u * 16",
                          f->begin, f->ncodes, version, f->frame_register, f->frame_offset);
    if (!put_codes(m, f, &s))
        return false;
    forge_u8(out, (uint8_t)(version | (unsigned)(f->flags | (f->chain ? CHAIN : 0)) << 3));
    forge_u8(out, f->prolog);
    forge_u8(out, (uint8_t)s.count);
    forge_u8(out, (uint8_t)(f->frame_register | f->frame_offset << 4));
    for (size_t i = 0; i < s.count; i++)
        forge_u16(out, s.item[i]);
    forge_align(out, 4);
    return put_tail(m, one, out);
}

/* ARM64: the length is in the record, and must be the function's. */
static bool arm64_info(struct forge_image *m, const struct image_function *one, struct forge *out) {
    const struct forge_function *f = &one->f;
    uint32_t length = (f->packed >> 2 & 0x7ff) * 4;
    if (one->xdata && f->xdata_size >= 4) {
        const uint8_t *x = one->xdata;
        length = ((uint32_t)x[0] | (uint32_t)x[1] << 8 | (x[2] & 3u) << 16) * 4;
    }
    if ((one->xdata && f->xdata_size % 4) || (!one->xdata && !(f->packed & 3)))
        return image_fail(m, "function 0x%x: neither .xdata of whole words nor packed data",
                          f->begin);
    if (length != f->end - f->begin)
        return image_fail(m, "function 0x%x: its unwind data say 0x%x bytes, and it has 0x%x",
                          f->begin, length, f->end - f->begin);
    if (one->xdata)
        forge_put(out, one->xdata, f->xdata_size);
    return true;
}

static bool info(struct forge_image *m, const struct image_function *one, struct forge *out) {
    bool ok = m->machine == X64 ? unwind_info(m, one, out) : arm64_info(m, one, out);
    return ok && (!out->failed || image_fail(m, "unwind data: %s", out->why));
}

static int by_begin(const void *a, const void *b) {
    const struct image_function *x = a, *y = b;
    return x->f.begin < y->f.begin ? -1 : x->f.begin > y->f.begin;
}

/* Each function's bytes are code; an UNWIND_INFO that has a given place takes it. */
void image_functions_claim(struct forge_image *m) {
    struct image_function *item = m->functions.item;
    if (m->functions.count && m->machine != X64 && m->machine != ARM64)
        image_fail(m, "function 0x%x: images of this machine have no function table",
                   item[0].f.begin);
    if (m->functions.count && !m->failed)
        qsort(item, m->functions.count, sizeof *item, by_begin);
    for (size_t i = 0; i < m->functions.count && !m->failed; i++) {
        const struct forge_function *f = &item[i].f, *before = i ? &item[i - 1].f : NULL;
        if (f->begin >= f->end)
            image_fail(m, "function 0x%x ends at 0x%x", f->begin, f->end);
        if (before && f->begin < before->end)
            image_fail(m, "functions 0x%x-0x%x and 0x%x-0x%x overlap", before->begin, before->end,
                       f->begin, f->end);
        if (f->info % 4 || (m->machine == ARM64 && (f->begin | f->end) % 4))
            image_fail(m, "function 0x%x, unwind data 0x%x: not aligned to 4", f->begin, f->info);
        image_claim(m, f->begin, f->end - f->begin, IMAGE_CODE);
    }
}

void image_functions_plan(struct forge_image *m) {
    for (size_t i = 0; i < m->functions.count && !m->failed; i++) {
        struct image_function *one = &m->functions.item[i];
        struct forge f;
        forge_init(&f);
        if (info(m, one, &f) && f.size) {
            if (one->f.info)
                image_claim(m, one->f.info, (uint32_t)f.size, IMAGE_KEEP);
            else
                one->part = 1 + image_part(m, "unwind data", f.size, 4, FORGE_RDATA);
        }
        forge_deinit(&f);
    }
    uint64_t entry = m->machine == X64 ? 12 : 8;
    if (m->functions.count)
        m->pdata_part =
            image_part(m, "the function table", entry * m->functions.count, 4, IMAGE_PDATA);
}

void image_functions_write(struct forge_image *m) {
    uint32_t rva = image_part_rva(m, m->pdata_part);
    struct forge table;
    if (!m->functions.count || m->failed)
        return;
    forge_init(&table);
    for (size_t i = 0; i < m->functions.count && !m->failed; i++) {
        const struct image_function *one = &m->functions.item[i];
        struct forge f;
        forge_init(&f);
        if (info(m, one, &f) && f.size)
            image_put(m, info_rva(m, one), f.data, f.size, IMAGE_KEEP);
        forge_deinit(&f);
        forge_u32(&table, one->f.begin);
        if (m->machine == X64)
            forge_u32(&table, one->f.end);
        forge_u32(&table, info_rva(m, one));
    }
    if (table.failed)
        image_fail(m, "the function table: %s", table.why);
    else
        image_put(m, rva, table.data, table.size, IMAGE_KEEP);
    m->dir[3].rva = rva;
    m->dir[3].size = (uint32_t)table.size;
    forge_deinit(&table);
}
