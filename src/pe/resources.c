/* SPDX-License-Identifier: MIT */
/*
 * The resource tree: type ► name ► language ► data.
 *
 *     directory, 0x10 bytes:  +0x0c u16 named entries  +0x0e u16 entries by id, then 8 each:
 *       +0x00  top bit: offset of { u16 length, UTF-16 }; else an id
 *       +0x04  top bit: offset of a directory; else of a data entry
 *     data entry, 0x10 bytes: +0x00 RVA  +0x04 size  +0x08 code page
 *     offsets count from the root directory
 *
 * Learnt from Microsoft's "PE Format" document. Windows knows three levels; deeper ones are
 * damage. A legitimate entry is its own 8 bytes, so that no tree has more entries than fit into
 * the image: that bounds the walk of a tree that refers to itself.
 */
#include <inttypes.h>

#include "base/utf.h"
#include "pe/pe_impl.h"
#include "pe/resources.h"

enum { LEVELS = 3, NAME_UNITS = 256 };

struct walk {
    const sc_pe *pe;
    uint64_t root; /* RVA */
    uint64_t left; /* entries that may still be looked at */
    uint32_t type; /* only this type; 0 = all */
    sc_pe_resource_fn fn;
    void *ctx;
    sc_err *err;
    struct sc_pe_resource item;
};

static void keep(struct walk *w, sc_err *err) { w->err = pe_first(w->err, err); }

static struct sc_pe_resource_id *level_id(struct walk *w, unsigned level) {
    return level == 0 ? &w->item.type : level == 1 ? &w->item.name : &w->item.lang;
}

static void put_units(struct pe_cur *c, unsigned units, struct sc_pe_resource_id *id) {
    size_t n = 0;
    uint32_t high = 0;
    for (unsigned i = 0; i < units; i++) {
        uint32_t unit = pe_u16(c);
        if (high && (unit & 0xfc00) == 0xdc00) {
            n -= 3; /* the lone half that was put */
            unit = 0x10000 + ((high & 0x3ff) << 10) + (unit & 0x3ff);
        }
        high = (unit & 0xfffffc00) == 0xd800 ? unit : 0;
        n += sc_utf8_put(unit, id->name + n);
    }
    id->name[n] = 0;
}

static bool read_id(struct walk *w, uint32_t value, struct sc_pe_resource_id *id) {
    id->named = value >> 31;
    id->id = id->named ? 0 : value;
    id->cut = false;
    id->name[0] = 0;
    if (!id->named)
        return true;
    struct pe_cur c = pe_cur_at(w->pe, w->root + (value & INT32_MAX), UINT32_MAX, "resource name");
    unsigned units = pe_u16(&c);
    id->cut = units > NAME_UNITS;
    put_units(&c, id->cut ? NAME_UNITS : units, id);
    if (!c.failed)
        return true;
    keep(w, pe_cur_err(&c));
    return false;
}

/* False to stop the walk. */
static bool deliver(struct walk *w, uint32_t offset, unsigned levels) {
    uint64_t at = w->root + offset;
    struct pe_cur c = pe_cur_at(w->pe, at, 0x10, "resource data entry");
    w->item.levels = levels;
    w->item.entry = (uint32_t)at;
    w->item.rva = pe_u32(&c);
    w->item.size = pe_u32(&c);
    w->item.codepage = pe_u32(&c);
    if (!c.failed)
        return w->fn(w->ctx, &w->item);
    keep(w, pe_cur_err(&c));
    return true;
}

static bool walk_directory(struct walk *w, uint32_t offset, unsigned level);

/* One entry of a directory on LEVEL; false to stop the walk. */
static bool walk_entry(struct walk *w, uint64_t at, uint32_t id, uint32_t to, unsigned level) {
    if (level == 0 && w->type && id != w->type)
        return true;
    if (!read_id(w, id, level_id(w, level)))
        return true;
    if (!(to >> 31))
        return deliver(w, to, level + 1);
    if (level + 1 < LEVELS)
        return walk_directory(w, to & INT32_MAX, level + 1);
    keep(w, pe_bad(w->pe, at, "resource directory: more than %d levels", LEVELS));
    return true;
}

/* Recursion ends at LEVELS. */
static bool walk_directory(struct walk *w, uint32_t offset, unsigned level) {
    uint64_t at = w->root + offset;
    struct pe_cur c = pe_cur_at(w->pe, at, 0x10 + 8 * 2 * 0xffffull, "resource directory");
    pe_skip(&c, 0xc);
    unsigned n = pe_u16(&c);
    n += pe_u16(&c);
    for (unsigned i = 0; i < n; i++) {
        uint64_t entry = c.pos;
        uint32_t id = pe_u32(&c), to = pe_u32(&c);
        if (c.failed)
            break;
        if (!w->left--) {
            keep(w, pe_bad(w->pe, entry,
                           "resource directory: more entries than fit into the "
                           "image"));
            return false;
        }
        if (!walk_entry(w, entry, id, to, level))
            return false;
    }
    if (c.failed)
        keep(w, pe_cur_err(&c));
    return true;
}

static sc_err *walk_tree(const sc_pe *pe, uint32_t type, sc_pe_resource_fn fn, void *ctx) {
    struct sc_pe_directory dir;
    sc_err *err = pe_need_dir(pe, SC_PE_DIR_RESOURCE, "resources", &dir);
    if (err)
        return err;
    struct walk w = {.pe = pe, .root = dir.rva, .type = type, .fn = fn, .ctx = ctx};
    w.left = pe_room(pe, 8);
    walk_directory(&w, 0, 0);
    return w.err;
}

sc_err *sc_pe_each_resource(const sc_pe *pe, sc_pe_resource_fn fn, void *ctx) {
    return walk_tree(pe, 0, fn, ctx);
}

struct first {
    bool found;
    uint32_t rva, size;
};

static bool take_first(void *ctx, const struct sc_pe_resource *item) {
    struct first *f = ctx;
    *f = (struct first){true, item->rva, item->size};
    return false;
}

sc_err *pe_first_resource(const sc_pe *pe, uint32_t type, uint32_t *ret_rva, uint32_t *ret_size) {
    struct first f = {0};
    sc_err *err = walk_tree(pe, type, take_first, &f);
    if (!f.found)
        return err ? err : pe_errf(pe, SC_ERR_NOT_FOUND, "no resource of type %" PRIu32, type);
    sc_err_destroy(err); /* met on the way to one that is there */
    *ret_rva = f.rva;
    *ret_size = f.size;
    return NULL;
}
