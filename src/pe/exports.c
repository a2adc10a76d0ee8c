/* SPDX-License-Identifier: MIT */
/*
 * Exports.
 *
 *     IMAGE_EXPORT_DIRECTORY, 0x28 bytes
 *       +0x04 TimeDateStamp   +0x08 versions      +0x0c Name ──► "NTDLL.dll"
 *       +0x10 Base            +0x14 NumberOfFunctions  +0x18 NumberOfNames
 *       +0x1c AddressOfFunctions ──► u32 RVA by (ordinal − Base); 0 = gap; an RVA inside of the
 *                                    export directory is a forwarder's text
 *       +0x20 AddressOfNames ──► u32 RVA of a name, sorted by bytes ┐ same index
 *       +0x24 AddressOfNameOrdinals ──► u16 index into functions    ┘
 *
 * Learnt from Microsoft's "PE Format" document. An index is 16 bits wide, so that no table can
 * have more than 65536 entries; a greater count is damage.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pe/pe_impl.h"

enum { EXPORTS_MAX = 0x10000 };

static const char what_dir[] = "export directory";
static const char what_functions[] = "export address table";
static const char what_names[] = "export name table";
static const char what_ordinals[] = "export ordinal table";
static const char what_name[] = "export name";

static sc_err *check_count(const sc_pe *pe, uint32_t rva, const char *what, uint32_t count,
                           unsigned size) {
    if (count <= EXPORTS_MAX && count <= pe_room(pe, size))
        return NULL;
    return pe_bad(pe, rva, "%s: %" PRIu32 " entries are more than there can be", what, count);
}

sc_err *sc_pe_exports(const sc_pe *pe, struct sc_pe_exports *ret_exports) {
    struct sc_pe_directory dir;
    sc_err *err = pe_need_dir(pe, SC_PE_DIR_EXPORT, what_dir, &dir);
    if (err)
        return err;
    struct pe_cur c = pe_cur_at(pe, dir.rva, 0x28, what_dir);
    struct sc_pe_exports e = {0};
    pe_skip(&c, 4);
    e.timestamp = pe_u32(&c);
    e.major = pe_u16(&c);
    e.minor = pe_u16(&c);
    e.name = pe_u32(&c);
    e.ordinal_base = pe_u32(&c);
    e.nfunctions = pe_u32(&c);
    e.nnames = pe_u32(&c);
    e.functions = pe_u32(&c);
    e.names = pe_u32(&c);
    e.ordinals = pe_u32(&c);
    if (c.failed)
        return pe_cur_err(&c);
    if ((err = check_count(pe, dir.rva, what_functions, e.nfunctions, 4)) ||
        (err = check_count(pe, dir.rva, what_names, e.nnames, 6)))
        return err;
    *ret_exports = e;
    return NULL;
}

/* Fills RET with the function at INDEX, all but its name. */
static sc_err *fill_function(const sc_pe *pe, const struct sc_pe_exports *e, uint32_t index,
                             uint32_t rva, struct sc_pe_export *ret) {
    struct sc_pe_directory dir;
    ret->ordinal = e->ordinal_base + index;
    ret->rva = rva;
    ret->has_name = ret->forwarder = ret->missing = ret->cut = false;
    ret->name[0] = ret->forward[0] = 0;
    if (!sc_pe_directory(pe, SC_PE_DIR_EXPORT, &dir) || rva - dir.rva >= dir.size)
        return NULL;
    ret->rva = 0;
    ret->forwarder = true;
    return pe_text(pe, rva, ret->forward, sizeof ret->forward, "export forwarder", &ret->cut);
}

/* Reads the name that stands at NAMES[AT] into RET. */
static sc_err *fill_name(const sc_pe *pe, const struct sc_pe_exports *e, uint32_t at,
                         struct sc_pe_export *ret) {
    uint32_t rva = 0;
    bool cut = false;
    sc_err *err = pe_u32_at(pe, e->names + 4ull * at, what_names, &rva);
    if (!err)
        err = pe_text(pe, rva, ret->name, sizeof ret->name, what_name, &cut);
    ret->has_name = true;
    ret->missing = err != NULL;
    ret->cut = ret->cut || cut;
    if (err)
        ret->name[0] = 0;
    return err;
}

/* The first name of function INDEX; none is no error. */
static sc_err *name_of(const sc_pe *pe, const struct sc_pe_exports *e, uint32_t index,
                       struct sc_pe_export *ret) {
    struct pe_cur c = pe_cur_at(pe, e->ordinals, 2ull * e->nnames, what_ordinals);
    for (uint32_t i = 0; i < e->nnames; i++) {
        uint16_t at = pe_u16(&c);
        if (c.failed)
            return pe_cur_err(&c);
        if (at == index)
            return fill_name(pe, e, i, ret);
    }
    return NULL;
}

static sc_err *function_rva(const sc_pe *pe, const struct sc_pe_exports *e, uint32_t index,
                            uint32_t *ret) {
    if (index >= e->nfunctions)
        return pe_bad(pe, e->ordinals, "%s: index %" PRIu32 " of %" PRIu32, what_ordinals, index,
                      e->nfunctions);
    return pe_u32_at(pe, e->functions + 4ull * index, what_functions, ret);
}

/* Compares the name at RVA with NAME, byte by byte as far as they agree. */
static sc_err *compare(const sc_pe *pe, uint32_t rva, const char *name, int *ret) {
    struct pe_cur c = pe_cur_at(pe, rva, UINT32_MAX, what_name);
    for (const char *p = name;; p++) {
        uint8_t b = pe_u8(&c), w = (uint8_t)*p;
        if (c.failed)
            return pe_cur_err(&c);
        if (b != w || !w) {
            *ret = (w > b) - (w < b);
            return NULL;
        }
    }
}

/* Binary search in the sorted names: *RET is the index into the name table. */
static sc_err *search(const sc_pe *pe, const struct sc_pe_exports *e, const char *name,
                      uint32_t *ret) {
    uint32_t lo = 0, hi = e->nnames;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2, rva = 0;
        int order = 0;
        sc_err *err = pe_u32_at(pe, e->names + 4ull * mid, what_names, &rva);
        if (err || (err = compare(pe, rva, name, &order)))
            return err;
        if (!order) {
            *ret = mid;
            return NULL;
        }
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return sc_errf(SC_ERR_NOT_FOUND, "%s exports no \"%s\"", sc_pe_name(pe), name);
}

/* Fills a caller's record at the end only: it is untouched by errors. */
static sc_err *give(sc_err *err, struct sc_pe_export *own_item, struct sc_pe_export *ret) {
    if (!err)
        *ret = *own_item;
    free(own_item);
    return err;
}

sc_err *sc_pe_export_named(const sc_pe *pe, const char *name, struct sc_pe_export *ret) {
    struct sc_pe_exports e;
    uint32_t at = 0, rva = 0;
    uint16_t index = 0;
    sc_err *err = sc_pe_exports(pe, &e);
    if (err || (err = search(pe, &e, name, &at)) ||
        (err = pe_u16_at(pe, e.ordinals + 2ull * at, what_ordinals, &index)) ||
        (err = function_rva(pe, &e, index, &rva)))
        return err;
    struct sc_pe_export *item = malloc(sizeof *item);
    if (!item)
        return sc_err_nomem();
    if (!(err = fill_function(pe, &e, index, rva, item)))
        err = fill_name(pe, &e, at, item);
    return give(err, item, ret);
}

static sc_err *export_at(const sc_pe *pe, const struct sc_pe_exports *e, uint32_t index,
                         uint32_t rva, struct sc_pe_export *ret) {
    struct sc_pe_export *item = malloc(sizeof *item);
    if (!item)
        return sc_err_nomem();
    sc_err *err = fill_function(pe, e, index, rva, item);
    if (err)
        return give(err, item, ret);
    /* The address is known; a name that the dump lacks does not take it away. */
    err = name_of(pe, e, index, item);
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        return give(err, item, ret);
    item->missing = err != NULL;
    sc_err_destroy(err);
    return give(NULL, item, ret);
}

sc_err *sc_pe_export_ordinal(const sc_pe *pe, uint32_t ordinal, struct sc_pe_export *ret) {
    struct sc_pe_exports e;
    uint32_t rva = 0;
    sc_err *err = sc_pe_exports(pe, &e);
    if (err)
        return err;
    uint32_t index = ordinal - e.ordinal_base;
    if (ordinal >= e.ordinal_base && index < e.nfunctions &&
        (err = function_rva(pe, &e, index, &rva)))
        return err;
    if (!rva)
        return pe_errf(pe, SC_ERR_NOT_FOUND, "no export has the ordinal %" PRIu32, ordinal);
    return export_at(pe, &e, index, rva, ret);
}

sc_err *sc_pe_export_near(const sc_pe *pe, uint32_t rva, struct sc_pe_export *ret) {
    struct sc_pe_exports e;
    struct sc_pe_directory dir = {0};
    sc_err *err = sc_pe_exports(pe, &e);
    if (err)
        return err;
    sc_pe_directory(pe, SC_PE_DIR_EXPORT, &dir);
    struct pe_cur c = pe_cur_at(pe, e.functions, 4ull * e.nfunctions, what_functions);
    uint32_t best = 0, index = 0;
    for (uint32_t i = 0; i < e.nfunctions; i++) {
        uint32_t at = pe_u32(&c);
        if (c.failed)
            return pe_cur_err(&c);
        if (at > best && at <= rva && at - dir.rva >= dir.size) {
            best = at;
            index = i;
        }
    }
    if (!best)
        return pe_errf(pe, SC_ERR_NOT_FOUND, "no export lies at or below RVA 0x%" PRIx32, rva);
    return export_at(pe, &e, index, best, ret);
}

/* Names by function: chains of indices, 1-based, 0 ends. */
struct name_index {
    uint32_t *first; /* by function */
    uint32_t *next;  /* by name */
    bool complete;   /* the table of ordinals could be read */
};

static sc_err *build_index(const sc_pe *pe, const struct sc_pe_exports *e, struct name_index *x) {
    x->first = calloc(e->nfunctions + 1ull, sizeof *x->first);
    x->next = calloc(e->nnames + 1ull, sizeof *x->next);
    if (!x->first || !x->next)
        return sc_err_nomem();
    if (!e->nnames) {
        x->complete = true;
        return NULL;
    }
    sc_err *err = NULL;
    /* From the last to the first, so that a chain is in the order of the table. */
    struct pe_cur c = pe_cur_at(pe, e->ordinals, 2ull * e->nnames, what_ordinals);
    for (uint32_t i = e->nnames; i-- > 0;) {
        pe_seek(&c, e->ordinals + 2ull * i);
        uint16_t index = pe_u16(&c);
        if (c.failed)
            return pe_first(err, pe_cur_err(&c));
        if (index >= e->nfunctions) {
            err = pe_first(err, pe_bad(pe, e->ordinals + 2ull * i, "%s: index %u of %" PRIu32,
                                       what_ordinals, index, e->nfunctions));
            continue;
        }
        x->next[i] = x->first[index];
        x->first[index] = i + 1;
    }
    x->complete = true;
    return err;
}

/* Delivers function INDEX once for each of its names; false to stop. */
static bool deliver(const sc_pe *pe, const struct sc_pe_exports *e, const struct name_index *x,
                    uint32_t index, struct sc_pe_export *item, sc_pe_export_fn fn, void *ctx,
                    sc_err **err) {
    uint32_t name = x->first[index];
    if (!name) {
        item->missing = !x->complete;
        return fn(ctx, item);
    }
    for (; name; name = x->next[name - 1]) {
        *err = pe_first(*err, fill_name(pe, e, name - 1, item));
        if (!fn(ctx, item))
            return false;
    }
    return true;
}

static sc_err *walk(const sc_pe *pe, const struct sc_pe_exports *e, const struct name_index *x,
                    sc_pe_export_fn fn, void *ctx, struct sc_pe_export *item) {
    sc_err *err = NULL;
    struct pe_cur c = pe_cur_at(pe, e->functions, 4ull * e->nfunctions, what_functions);
    for (uint32_t i = 0; i < e->nfunctions; i++) {
        uint32_t rva = pe_u32(&c);
        if (c.failed)
            return pe_first(err, pe_cur_err(&c));
        if (!rva)
            continue;
        err = pe_first(err, fill_function(pe, e, i, rva, item));
        if (!deliver(pe, e, x, i, item, fn, ctx, &err))
            break;
    }
    return err;
}

sc_err *sc_pe_each_export(const sc_pe *pe, sc_pe_export_fn fn, void *ctx) {
    struct sc_pe_exports e;
    struct name_index x = {0};
    sc_err *err = sc_pe_exports(pe, &e);
    if (err)
        return err;
    err = build_index(pe, &e, &x);
    struct sc_pe_export *item = malloc(sizeof *item);
    if (!x.first || !x.next || !item)
        err = pe_first(err, sc_err_nomem());
    else
        err = pe_first(err, walk(pe, &e, &x, fn, ctx, item));
    free(item);
    free(x.first);
    free(x.next);
    return err;
}
