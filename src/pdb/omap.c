/* SPDX-License-Identifier: MIT */
/*
 * Addresses: sections, and the OMAP tables of images that were reordered after linking.
 *
 *     section headers      IMAGE_SECTION_HEADER, 40 bytes: +8 size, +12 RVA, +36 characteristics
 *     OMAP                 {u32 rva, u32 rvaTo}, sorted by rva; an entry holds to the next one.
 *                          rvaTo 0, or 0x80000000 and more (no image is that large): nothing on the
 *                          other side
 *
 * Symbols stand at segment:offset of the layout that the linker made ("orig" here). With OMAP
 * tables, its section headers are those of debug slot 10, and OMAP_FROM_SRC leads to the image;
 * OMAP_TO_SRC leads back. Without them both layouts are one.
 */
#include <stdlib.h>

#include "pdb/pdb_impl.h"

enum { SECTION_HEADER = 40, OMAP_ENTRY = 8 };

static struct pdb_range whole(struct pdb *pdb, enum pdb_debug_slot slot) {
    uint32_t stream = pdb->debug[slot];
    return (struct pdb_range){stream, 0, msf_size(pdb->msf, stream)};
}

sc_err *pdb_open_sections(struct pdb *pdb) {
    pdb->omap_to = whole(pdb, PDB_DBG_OMAP_TO_SRC);
    pdb->omap_from = whole(pdb, PDB_DBG_OMAP_FROM_SRC);
    struct pdb_range headers = whole(pdb, PDB_DBG_SECTIONS);
    if (pdb->omap_from.size && msf_size(pdb->msf, pdb->debug[PDB_DBG_ORIGINAL_SECTIONS]))
        headers = whole(pdb, PDB_DBG_ORIGINAL_SECTIONS);
    uint32_t n = headers.size / SECTION_HEADER;
    if (n > UINT16_MAX)
        return msf_err(pdb->msf, headers.stream, 0, "%u sections are not possible", n);
    struct msf_buf buf;
    msf_buf_init(&buf);
    if (n == 0)
        return NULL;
    sc_err *err = msf_bytes(pdb->msf, headers.stream, 0, n * SECTION_HEADER, &buf);
    if (err)
        return err;
    pdb->section = calloc(n, sizeof *pdb->section);
    for (uint32_t i = 0; pdb->section && i < n; i++) {
        const uint8_t *p = buf.data + (size_t)i * SECTION_HEADER;
        pdb->section[i] = (struct pdb_section){msf_le32(p + 12), msf_le32(p + 8), msf_le32(p + 36)};
    }
    msf_buf_free(&buf);
    if (!pdb->section)
        return sc_err_nomem();
    pdb->nsections = n;
    return NULL;
}

bool pdb_orig(const struct pdb *pdb, uint32_t seg, uint32_t off, uint32_t *ret_orig) {
    if (seg == 0 || seg > pdb->nsections || off > UINT32_MAX - pdb->section[seg - 1].va)
        return false;
    *ret_orig = pdb->section[seg - 1].va + off;
    return true;
}

bool pdb_segment(const struct pdb *pdb, uint32_t orig, uint32_t *ret_seg, uint32_t *ret_off) {
    uint32_t best = 0;
    for (uint32_t i = 0; i < pdb->nsections; i++)
        if (pdb->section[i].va <= orig &&
            (!best || pdb->section[i].va >= pdb->section[best - 1].va))
            best = i + 1;
    if (!best)
        return false;
    *ret_seg = best;
    *ret_off = orig - pdb->section[best - 1].va;
    return true;
}

static sc_err *omap_entry(struct pdb *pdb, const struct pdb_range *map, uint32_t index,
                          uint32_t *ret_from, uint32_t *ret_to) {
    uint8_t b[OMAP_ENTRY];
    sc_err *err = msf_read(pdb->msf, map->stream, (uint64_t)index * OMAP_ENTRY, b, sizeof b);
    if (!err) {
        *ret_from = msf_le32(b);
        *ret_to = msf_le32(b + 4);
    }
    return err;
}

/* Index of the last entry at or below ADDR, plus one: 0 when there is none. */
static sc_err *omap_search(struct pdb *pdb, const struct pdb_range *map, uint32_t addr,
                           uint32_t *ret_next) {
    uint32_t low = 0, high = map->size / OMAP_ENTRY, floor = 0, ceiling = UINT32_MAX;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2, from = 0, to;
        sc_err *err = omap_entry(pdb, map, mid, &from, &to);
        if (err)
            return err;
        if (from < floor || from > ceiling)
            return msf_err(pdb->msf, map->stream, (uint64_t)mid * OMAP_ENTRY,
                           "the OMAP table is not sorted");
        if (from <= addr) {
            low = mid + 1;
            floor = from;
        } else {
            high = mid;
            ceiling = from;
        }
    }
    *ret_next = low;
    return NULL;
}

static sc_err *translate(struct pdb *pdb, const struct pdb_range *map, uint32_t addr,
                         uint32_t *ret_addr, bool *ret_ok) {
    uint32_t next = 0, from = 0, to = 0;
    *ret_ok = true;
    if (map->size < OMAP_ENTRY) {
        *ret_addr = addr;
        return NULL;
    }
    sc_err *err = omap_search(pdb, map, addr, &next);
    if (!err && next)
        err = omap_entry(pdb, map, next - 1, &from, &to);
    if (err)
        return err;
    *ret_ok = next && to != 0 && to <= INT32_MAX && addr - from <= INT32_MAX - to;
    if (*ret_ok)
        *ret_addr = to + (addr - from);
    return NULL;
}

sc_err *pdb_to_orig(struct pdb *pdb, uint32_t rva, uint32_t *ret_orig, bool *ret_ok) {
    return translate(pdb, &pdb->omap_to, rva, ret_orig, ret_ok);
}

sc_err *pdb_to_rva(struct pdb *pdb, uint32_t orig, uint32_t *ret_rva, bool *ret_ok) {
    return translate(pdb, &pdb->omap_from, orig, ret_rva, ret_ok);
}

sc_err *pdb_to_rva_from(struct pdb *pdb, const struct pdb_from *from, uint32_t orig,
                        uint32_t *ret_rva) {
    bool ok = false;
    sc_err *err = pdb_to_rva(pdb, orig, ret_rva, &ok);
    if (!err && !ok)
        *ret_rva = from->rva - (from->here - orig);
    return err;
}

sc_err *pdb_fragment(struct pdb *pdb, uint32_t orig, uint32_t len, uint32_t *ret_len) {
    const struct pdb_range *map = &pdb->omap_from;
    uint32_t n = map->size / OMAP_ENTRY, next = n, from = 0, to = 0;
    sc_err *err = n ? omap_search(pdb, map, orig, &next) : NULL;
    if (err)
        return err;
    uint32_t start = 0, there = 0; /* the entry that holds ORIG leads from START to THERE */
    if (next && next <= n && n)
        err = omap_entry(pdb, map, next - 1, &start, &there);
    for (; !err && next < n; next++) {
        err = omap_entry(pdb, map, next, &from, &to);
        if (err || from - orig >= len)
            break;
        if (to - there != from - start) { /* the next entry leads elsewhere */
            len = from - orig;
            break;
        }
    }
    if (!err)
        *ret_len = len;
    return err;
}

sc_err *pdb_fragment_start(struct pdb *pdb, uint32_t orig, uint32_t floor, uint32_t *ret_start) {
    const struct pdb_range *map = &pdb->omap_from;
    uint32_t n = map->size / OMAP_ENTRY, next = 0, from = 0, to = 0, start = floor;
    sc_err *err = n ? omap_search(pdb, map, orig, &next) : NULL;
    if (!err && next)
        err = omap_entry(pdb, map, next - 1, &start, &to);
    while (!err && next > 1 && start > floor) { /* does the entry before lead to just before? */
        uint32_t there = 0;
        err = omap_entry(pdb, map, next - 2, &from, &there);
        if (err || to - there != start - from)
            break;
        start = from;
        to = there;
        next--;
    }
    if (!err)
        *ret_start = start > floor ? start : floor;
    return err;
}

sc_err *pdb_omap_each(struct pdb *pdb, bool to_source, sc_pdb_omap_fn fn, void *ctx) {
    const struct pdb_range *map = to_source ? &pdb->omap_to : &pdb->omap_from;
    for (uint32_t i = 0; i < map->size / OMAP_ENTRY; i++) {
        uint32_t from = 0, to = 0;
        sc_err *err = omap_entry(pdb, map, i, &from, &to);
        if (err)
            return err;
        if (!fn(ctx, from, to))
            break;
    }
    return NULL;
}
