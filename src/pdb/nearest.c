/* SPDX-License-Identifier: MIT */
/*
 * The symbol nearest to an address.
 *
 * Publics: the address table of the PSI stream holds offsets of S_PUB32 records sorted by segment
 * and offset. The first searches go through the file itself; each step costs a page or two, so a
 * step guesses by interpolation, and every third one halves, which bounds the steps whatever the
 * file says. After a number of searches that together cost as much as reading the whole table,
 * the addresses are put into an array once and binary search does the rest.
 *
 * Procedures, thunks and labels: through the section contributions to the compiland, then in its
 * own table (procs.c). Data symbols that are no publics have no table by address in the file; one
 * is made from the global symbols when an address in data, or outside any procedure, asks for it.
 */
#include <stdlib.h>

#include "base/vec.h"
#include "pdb/pdb_impl.h"

enum { SAME_MAX = 256, SLOW_MIN = 64, SECTION_EXECUTE = 0x20000000 };

/* Segment and offset, and record, of entry INDEX of the address table. */
static sc_err *address_entry(struct pdb *pdb, uint32_t index, uint64_t *ret_key,
                             uint32_t *ret_off) {
    uint32_t at = pdb->addresses.offset + index * 4, off = 0;
    uint8_t b[14]; /* u16 length, u16 kind, u32 flags, u32 offset, u16 segment */
    sc_err *err = msf_u32(pdb->msf, pdb->addresses.stream, at, &off);
    if (!err)
        err = msf_read(pdb->msf, pdb->records, off, b, sizeof b);
    if (!err && (msf_le16(b + 2) != S_PUB32 || msf_le16(b) < 12))
        err = msf_err(pdb->msf, pdb->addresses.stream, at,
                      "the record at 0x%x of stream %u is no public symbol", off, pdb->records);
    if (!err) {
        *ret_key = (uint64_t)msf_le16(b + 12) << 32 | msf_le32(b + 8);
        *ret_off = off;
    }
    return err;
}

/* A measure that grows with the key: for guesses only. */
static uint64_t linear(const struct pdb *pdb, uint64_t key) {
    uint32_t seg = (uint32_t)(key >> 32), orig;
    if (seg == 0)
        return 0;
    return pdb_orig(pdb, seg, (uint32_t)key, &orig) ? orig : UINT32_MAX;
}

static uint32_t guess(const struct pdb *pdb, uint64_t key, uint64_t floor, uint64_t ceiling,
                      uint32_t low, uint32_t high) {
    uint64_t x = linear(pdb, key), a = linear(pdb, floor), b = linear(pdb, ceiling);
    if (x < a || x >= b)
        return low + (high - low) / 2;
    return low + (uint32_t)((x - a) * (high - low) / (b - a));
}

/* Index of the last entry at or below KEY, plus one. */
static sc_err *search_file(struct pdb *pdb, uint64_t key, uint32_t *ret_next) {
    uint32_t low = 0, high = pdb->addresses.size / 4;
    uint64_t floor = 1ULL << 32, ceiling = (uint64_t)UINT32_MAX << 32;
    for (unsigned step = 1; low < high; step++) {
        /* The ceiling at the start: the end of the last section. */
        uint64_t top = ceiling;
        if (ceiling == (uint64_t)UINT32_MAX << 32 && pdb->nsections)
            top = (uint64_t)pdb->nsections << 32 | pdb->section[pdb->nsections - 1].size;
        uint32_t mid = step % 3 ? guess(pdb, key, floor, top, low, high) : low + (high - low) / 2;
        uint64_t here = 0;
        uint32_t off;
        sc_err *err = address_entry(pdb, mid, &here, &off);
        if (err)
            return err;
        if ((low > 0 && here < floor) || here > ceiling)
            return msf_err(pdb->msf, pdb->addresses.stream, pdb->addresses.offset + mid * 4,
                           "the address table is not sorted");
        if (here <= key) {
            low = mid + 1;
            floor = here;
        } else {
            high = mid;
            ceiling = here;
        }
    }
    *ret_next = low;
    return NULL;
}

static sc_err *nearest_in_file(struct pdb *pdb, uint32_t orig, uint32_t *ret_off, bool *ret_found) {
    uint32_t seg, off, next = 0, record = 0;
    uint64_t key = 0;
    *ret_found = false;
    if (!pdb_segment(pdb, orig, &seg, &off))
        return NULL;
    sc_err *err = search_file(pdb, (uint64_t)seg << 32 | off, &next);
    if (!err && next)
        err = address_entry(pdb, next - 1, &key, &record);
    if (err || !next || key >> 32 == 0)
        return err;
    for (int i = 0; i < SAME_MAX && next > 1; i++, next--) { /* the first of several there */
        uint64_t before = 0;
        uint32_t at;
        err = address_entry(pdb, next - 2, &before, &at);
        if (err)
            return err;
        if (before != key)
            break;
        record = at;
    }
    *ret_off = record;
    *ret_found = true;
    return NULL;
}

static int by_address(const void *a, const void *b) {
    const struct pdb_addr *x = a, *y = b;
    if (x->orig != y->orig)
        return x->orig < y->orig ? -1 : 1;
    return x->off < y->off ? -1 : x->off > y->off;
}

/* Puts the address table into memory, sorted by address; equal ones keep the file's order. */
static sc_err *flatten(struct pdb *pdb) {
    struct pdb_addrs list = {0};
    uint32_t n = pdb->addresses.size / 4;
    bool sorted = true;
    if (!SC_VEC_RESERVE(&list, n))
        return sc_err_nomem();
    for (uint32_t i = 0; i < n; i++) {
        uint64_t key = 0;
        uint32_t off = 0, orig;
        sc_err *err = address_entry(pdb, i, &key, &off);
        if (err) {
            free(list.item);
            return err;
        }
        if (!pdb_orig(pdb, (uint32_t)(key >> 32), (uint32_t)key, &orig))
            continue; /* absolute */
        sorted = sorted && (!list.count || list.item[list.count - 1].orig <= orig);
        list.item[list.count++] = (struct pdb_addr){orig, off};
    }
    if (!sorted)
        qsort(list.item, list.count, sizeof *list.item, by_address);
    list.built = true;
    pdb->publics_flat = list;
    return NULL;
}

/* Index of the last element at or below ORIG, the first of equal ones; false if none. */
static bool search_flat(const struct pdb_addrs *list, uint32_t orig, size_t *ret_index) {
    const struct pdb_addr *base = list->item;
    size_t n = list->count;
    if (n == 0 || base[0].orig > orig)
        return false;
    while (n > 1) {
        size_t half = n / 2;
        base += base[half].orig <= orig ? half : 0;
        n -= half;
    }
    size_t index = (size_t)(base - list->item);
    for (int i = 0; i < SAME_MAX && index > 0 && base[-1].orig == base->orig; i++, base--)
        index--;
    *ret_index = index;
    return true;
}

sc_err *pdb_nearest_public(struct pdb *pdb, uint32_t orig, uint32_t *ret_off, bool *ret_found) {
    uint32_t n = pdb->addresses.size / 4;
    *ret_found = false;
    if (n == 0)
        return NULL;
    if (!pdb->publics_flat.built && pdb->slow_searches > n / 16 + SLOW_MIN) {
        sc_err *err = flatten(pdb);
        if (err)
            return err;
    }
    if (!pdb->publics_flat.built) {
        pdb->slow_searches++;
        return nearest_in_file(pdb, orig, ret_off, ret_found);
    }
    size_t index;
    *ret_found = search_flat(&pdb->publics_flat, orig, &index);
    if (*ret_found)
        *ret_off = pdb->publics_flat.item[index].off;
    return NULL;
}

/* The table of data symbols by address. */
static sc_err *index_data(struct pdb *pdb) {
    struct pdb_addrs list = {0};
    uint32_t *off = NULL;
    size_t n = 0;
    struct msf_buf buf;
    msf_buf_init(&buf);
    sc_err *err = pdb_gsi_offsets(pdb, &pdb->globals, &off, &n);
    for (size_t i = 0; i < n && !err; i++) {
        struct pdb_sym sym;
        struct pdb_addr *a;
        uint32_t orig;
        uint8_t head[4]; /* u16 length, u16 kind: most are of other kinds */
        err = msf_read(pdb->msf, pdb->records, off[i], head, sizeof head);
        if (err || (msf_le16(head + 2) != S_GDATA32 && msf_le16(head + 2) != S_LDATA32))
            continue;
        err = pdb_symbol_at(pdb, pdb->records, off[i], &buf, &sym);
        if (err || (sym.kind != S_GDATA32 && sym.kind != S_LDATA32) ||
            !pdb_orig(pdb, sym.seg, sym.off, &orig))
            continue;
        a = SC_VEC_PUSH(&list);
        if (a)
            *a = (struct pdb_addr){orig, off[i]};
        else
            err = sc_err_nomem();
    }
    msf_buf_free(&buf);
    free(off);
    if (err) {
        free(list.item);
        return err;
    }
    if (list.count)
        qsort(list.item, list.count, sizeof *list.item, by_address);
    list.built = true;
    pdb->data_flat = list;
    return NULL;
}

/* A candidate: where its record stands. */
struct hit {
    bool found, covers;
    uint32_t orig, stream, off, compiland;
    unsigned kind;
};

static sc_err *nearest_data(struct pdb *pdb, uint32_t orig, struct hit *ret) {
    sc_err *err = pdb->data_flat.built ? NULL : index_data(pdb);
    size_t i;
    if (err || !search_flat(&pdb->data_flat, orig, &i))
        return err;
    *ret = (struct hit){.found = true,
                        .orig = pdb->data_flat.item[i].orig,
                        .stream = pdb->records,
                        .off = pdb->data_flat.item[i].off,
                        .kind = SC_SYM_DATA};
    return NULL;
}

/* The procedure that covers ORIG, else the nearest procedure, thunk or label of the compiland. */
static void nearest_in_module(const struct pdb *pdb, const struct pdb_module *module, uint32_t orig,
                              unsigned kinds, struct hit *ret) {
    const struct pdb_proc *best = pdb_proc_at(module, orig);
    if (best && !(pdb_kind(best->kind) & kinds))
        best = NULL;
    bool covers = best != NULL;
    size_t low = 0, high = module->procs.count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (module->procs.item[mid].orig <= orig)
            low = mid + 1;
        else
            high = mid;
    }
    while (!best && low > 0)
        if (pdb_kind(module->procs.item[--low].kind) & kinds)
            best = &module->procs.item[low];
    if (!best || (ret->found && best->orig < ret->orig))
        return;
    *ret = (struct hit){.found = true,
                        .covers = covers,
                        .orig = best->orig,
                        .stream = module->stream,
                        .off = best->off,
                        .compiland = pdb_module_number(pdb, module),
                        .kind = pdb_kind(best->kind)};
}

/*
 * Procedures of compilands, from the contribution at ORIG downwards, until nothing nearer than
 * what was found, or than the address FLOOR, can come.
 */
static sc_err *nearest_proc(struct pdb *pdb, uint32_t orig, uint32_t floor, unsigned kinds,
                            struct hit *ret) {
    uint32_t index = 0, start = UINT32_MAX;
    bool found = false;
    if (!pdb_has_compilands(pdb))
        return NULL;
    sc_err *err = pdb_contrib_before(pdb, orig, &index, &found);
    for (; !err && found && !(ret->found && ret->orig >= start); found = index-- > 0) {
        uint32_t size = 0, number = 0, above = start;
        err = pdb_contrib(pdb, index, &start, &size, &number);
        if (!err)
            err = pdb_load_modules(pdb);
        if (err || number >= pdb->nmodules) {
            start = above;
            continue;
        }
        err = pdb_load_procs(pdb, &pdb->module[number]);
        if (!err)
            nearest_in_module(pdb, &pdb->module[number], orig, kinds, ret);
        if (start < floor)
            break;
    }
    return err;
}

static bool is_code(const struct pdb *pdb, uint32_t orig) {
    uint32_t seg, off;
    return pdb_segment(pdb, orig, &seg, &off) && pdb->section[seg - 1].flags & SECTION_EXECUTE;
}

static sc_err *public_hit(struct pdb *pdb, uint32_t orig, struct hit *ret) {
    uint32_t off = 0;
    bool found = false;
    sc_err *err = pdb_nearest_public(pdb, orig, &off, &found);
    if (err || !found)
        return err;
    uint8_t b[6];
    err = msf_read(pdb->msf, pdb->records, (uint64_t)off + 8, b, sizeof b);
    if (!err)
        *ret =
            (struct hit){.found = true, .stream = pdb->records, .off = off, .kind = SC_SYM_PUBLIC};
    if (!err && !pdb_orig(pdb, msf_le16(b + 4), msf_le32(b), &ret->orig))
        ret->found = false;
    return err;
}

static sc_err *fill_hit(struct pdb *pdb, const struct hit *hit, const struct pdb_from *from,
                        struct sc_symbol *ret, bool *ret_found) {
    struct msf_buf buf;
    struct pdb_sym sym;
    msf_buf_init(&buf);
    sc_err *err = pdb_symbol_at(pdb, hit->stream, hit->off, &buf, &sym);
    if (!err)
        err = pdb_fill(pdb, hit->stream, hit->off, &sym, from, ret, ret_found);
    if (!err && *ret_found)
        ret->compiland = hit->compiland;
    msf_buf_free(&buf);
    return err;
}

/*
 * The short way to a public: its record is whole and in place, as nearly all are. False: take the
 * long way, which also finds out what is wrong.
 */
static bool quick_public(struct pdb *pdb, uint32_t orig, struct sc_symbol *ret) {
    enum { NAME = 14, PEEK = 256 };
    size_t index;
    uint32_t len = 0;
    if (!pdb->publics_flat.built || !search_flat(&pdb->publics_flat, orig, &index))
        return false;
    const struct pdb_addr *hit = &pdb->publics_flat.item[index];
    const uint8_t *p = msf_peek(pdb->msf, pdb->records, hit->off, PEEK, &len);
    if (!p || len <= NAME)
        return false;
    uint32_t end = msf_le16(p) + 2u;
    if (!memchr(p + NAME, 0, (end < len ? end : len) - NAME))
        return false;
    *ret = (struct sc_symbol){.name = (const char *)p + NAME,
                              .kind = SC_SYM_PUBLIC,
                              .rva = hit->orig,
                              .code = msf_le32(p + 4) & 3};
    return true;
}

sc_err *pdb_nearest(struct pdb *pdb, uint32_t rva, unsigned kinds, struct sc_symbol *ret,
                    bool *ret_found) {
    if (kinds == SC_SYM_PUBLIC && !pdb->omap_to.size && !pdb->omap_from.size &&
        quick_public(pdb, rva, ret)) {
        *ret_found = true;
        return NULL;
    }
    struct hit proc = {0}, public = {0}, data = {0}, best;
    uint32_t orig = 0;
    bool ok = false;
    sc_err *err = pdb_to_orig(pdb, rva, &orig, &ok);
    if (err || !ok)
        return err;
    if (kinds & SC_SYM_PUBLIC)
        err = public_hit(pdb, orig, &public);
    if (!err && kinds & (SC_SYM_FUNCTION | SC_SYM_LABEL | SC_SYM_THUNK))
        err = nearest_proc(pdb, orig, public.found ? public.orig : 0, kinds, &proc);
    best = proc;
    if (public.found && (!best.found || public.orig > best.orig ||
                         (public.orig == best.orig && best.kind == SC_SYM_LABEL)))
        best = public;
    bool data_too = !proc.covers && (!is_code(pdb, orig) || !best.found || !best.covers);
    if (!err && kinds & SC_SYM_DATA && data_too)
        err = nearest_data(pdb, orig, &data);
    if (data.found && (!best.found || data.orig >= best.orig))
        best = data;
    if (err || !best.found)
        return err;
    return fill_hit(pdb, &best, &(struct pdb_from){rva, orig}, ret, ret_found);
}
