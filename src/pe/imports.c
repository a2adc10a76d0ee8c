/* SPDX-License-Identifier: MIT */
/*
 * Imports: normal, bound and delay-loaded.
 *
 *     IMAGE_IMPORT_DESCRIPTOR, 0x14 bytes, ended by one without Name or FirstThunk
 *       +0x00 OriginalFirstThunk ──► names (below)    +0x04 TimeDateStamp  (≠ 0: bound)
 *       +0x0c Name ──► "HAL.dll"                      +0x10 FirstThunk ──► address slots
 *     ImgDelayDescr, 0x20 bytes, ended by one without a DLL name
 *       +0x00 attributes (bit 0: RVAs; else VAs)      +0x04 DLL name
 *       +0x0c address slots   +0x10 names             +0x1c TimeDateStamp
 *     names: pointer-sized, ended by 0: top bit = by ordinal (low word), else RVA of
 *            { u16 hint, name }
 *
 *     bound import directory, 8 bytes each, ended by zeros: u32 TimeDateStamp, u16 offset of the
 *            name from the directory, u16 number of forwarders, which follow in the same form
 *
 * Learnt from Microsoft's "PE Format" document, winnt.h and delayimp.h. Borland's linker leaves
 * OriginalFirstThunk 0: then the names stand in the slots, until the loader overwrites them.
 *
 * A legitimate slot is never shared, so an image cannot have more of them than pointers fit into
 * it: that is the bound of every walk, however the tables refer to each other.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pe/pe_impl.h"

enum {
    DESCRIPTOR = 0x14,
    DELAY_DESCRIPTOR = 0x20,
    BOUND = 8,
    DLLS_MAX = 0x4000, /* descriptors of a table that are followed */
};

/* A descriptor of either kind; addresses are RVAs. */
struct table {
    uint32_t at; /* RVA of the descriptor */
    uint32_t dll, names, slots;
    bool delay, bound;
    bool vas; /* delay-load descriptor of old: its addresses and its name table hold VAs */
};

struct walk {
    const sc_pe *pe;
    bool (*on_table)(struct walk *walk, const struct table *table); /* false stops */
    void *ctx;
    sc_err *err;   /* the first one */
    uint64_t left; /* slots that may still be looked at */
};

static void keep(struct walk *w, sc_err *err) { w->err = pe_first(w->err, err); }

static bool read_descriptor(struct pe_cur *c, struct table *t) {
    *t = (struct table){.at = (uint32_t)c->pos};
    t->names = pe_u32(c);
    t->bound = pe_u32(c) != 0;
    pe_skip(c, 4);
    t->dll = pe_u32(c);
    t->slots = pe_u32(c);
    return t->dll && t->slots;
}

static uint32_t from_va(const sc_pe *pe, uint32_t va) {
    uint32_t rva;
    return va && sc_pe_va_to_rva(pe, va, &rva) ? rva : 0;
}

static bool read_delay_descriptor(struct pe_cur *c, struct table *t) {
    *t = (struct table){.at = (uint32_t)c->pos, .delay = true};
    t->vas = !(pe_u32(c) & 1);
    t->dll = pe_u32(c);
    pe_skip(c, 4);
    t->slots = pe_u32(c);
    t->names = pe_u32(c);
    pe_skip(c, 8);
    t->bound = pe_u32(c) != 0;
    if (!t->dll)
        return false;
    if (t->vas) {
        t->dll = from_va(c->pe, t->dll);
        t->slots = from_va(c->pe, t->slots);
        t->names = from_va(c->pe, t->names);
    }
    return true;
}

/* Walks the descriptors of one directory; false to stop. */
static bool walk_directory(struct walk *w, enum sc_pe_dir index, bool delay) {
    struct sc_pe_directory dir;
    if (!sc_pe_directory(w->pe, index, &dir))
        return true;
    /* Its size is not to be trusted: the loader goes to the empty descriptor. */
    unsigned size = delay ? DELAY_DESCRIPTOR : DESCRIPTOR;
    struct pe_cur c = pe_cur_at(w->pe, dir.rva, (uint64_t)DLLS_MAX * size,
                                delay ? "delay import directory" : "import directory");
    for (unsigned i = 0; i < DLLS_MAX; i++) {
        struct table t;
        bool more = delay ? read_delay_descriptor(&c, &t) : read_descriptor(&c, &t);
        if (c.failed) {
            keep(w, pe_cur_err(&c));
            return true;
        }
        if (!more)
            return true;
        if (!w->on_table(w, &t))
            return false;
    }
    keep(w, pe_bad(w->pe, dir.rva, "%s: more than %d DLLs", c.what, DLLS_MAX));
    return true;
}

static sc_err *walk_tables(struct walk *w) {
    w->left = pe_room(w->pe, pe_ptr_size(w->pe));
    if (walk_directory(w, SC_PE_DIR_IMPORT, false))
        walk_directory(w, SC_PE_DIR_DELAY_IMPORT, true);
    return w->err;
}

/* RVA of the table that holds the names; 0 when there is none any more. */
static uint32_t name_table(const sc_pe *pe, const struct table *t) {
    if (t->names)
        return t->names;
    return pe->space || t->bound ? 0 : t->slots;
}

/* One entry of a name table. */
struct thunk {
    bool by_ordinal;
    uint16_t ordinal;
    uint32_t rva; /* of the hint; 0 when the entry points nowhere */
};

static struct thunk decode(const sc_pe *pe, const struct table *t, uint64_t value) {
    uint64_t top = pe->h.is64 ? 1ull << 63 : 1ull << 31;
    struct thunk k = {.by_ordinal = value & top, .ordinal = (uint16_t)value};
    if (k.by_ordinal)
        return k;
    if (t->vas)
        sc_pe_va_to_rva(pe, value, &k.rva);
    else if (value <= UINT32_MAX)
        k.rva = (uint32_t)value;
    return k;
}

static sc_err *read_name(const sc_pe *pe, const struct thunk *k, uint64_t at, uint16_t *ret_hint,
                         char *name, size_t size, bool *ret_cut) {
    uint16_t hint = 0;
    if (!k->rva)
        return pe_bad(pe, at, "import name table: an entry points outside of the image");
    sc_err *err = pe_u16_at(pe, k->rva, "import hint", &hint);
    if (!err)
        err = pe_text(pe, k->rva + 2ull, name, size, "import name", ret_cut);
    *ret_hint = hint;
    return err;
}

/* ---- all of them ---- */

struct each {
    sc_pe_import_fn fn;
    void *ctx;
    char dll[256];
    char name[SC_PE_NAME_MAX];
};

/* Delivers the entry at position AT of the name table; false to stop. */
static bool deliver(struct walk *w, const struct table *t, uint64_t at, uint64_t value,
                    struct sc_pe_import *item) {
    struct each *e = w->ctx;
    struct thunk k = decode(w->pe, t, value);
    item->by_ordinal = k.by_ordinal;
    item->ordinal = k.by_ordinal ? k.ordinal : 0;
    item->hint = 0;
    item->name = NULL;
    item->missing = item->cut = false;
    if (!k.by_ordinal) {
        sc_err *err = read_name(w->pe, &k, at, &item->hint, e->name, sizeof e->name, &item->cut);
        item->missing = err != NULL;
        item->name = err ? NULL : e->name;
        keep(w, err);
    }
    return e->fn(e->ctx, item);
}

/* The slots of a DLL whose names are gone: their number is not known beyond the table. */
static void no_names(struct walk *w, const struct table *t) {
    keep(w, pe_bad(w->pe, t->at, "imports: the names were overwritten when the image was %s",
                   t->bound ? "bound" : "loaded"));
}

static bool each_table(struct walk *w, const struct table *t) {
    struct each *e = w->ctx;
    const sc_pe *pe = w->pe;
    unsigned size = pe_ptr_size(pe);
    uint32_t names = name_table(pe, t);
    sc_err *err = pe_text(pe, t->dll, e->dll, sizeof e->dll, "imported DLL's name", NULL);
    struct sc_pe_import item = {.dll = err ? NULL : e->dll, .delay = t->delay, .bound = t->bound};
    keep(w, err);
    if (!names) {
        no_names(w, t);
        return true;
    }
    struct pe_cur c = pe_cur_at(pe, names, UINT32_MAX, "import name table");
    for (uint64_t i = 0; w->left; i++, w->left--) {
        uint64_t at = c.pos, value = pe_uptr(&c);
        if (c.failed) {
            keep(w, pe_cur_err(&c));
            return true;
        }
        if (!value)
            return true;
        item.slot = (uint32_t)(t->slots + i * size);
        if (!deliver(w, t, at, value, &item))
            return false;
    }
    keep(w, pe_bad(pe, names, "import name table: more entries than fit into the image"));
    return false;
}

sc_err *sc_pe_each_import(const sc_pe *pe, sc_pe_import_fn fn, void *ctx) {
    struct each *e = calloc(1, sizeof *e);
    if (!e)
        return sc_err_nomem();
    e->fn = fn;
    e->ctx = ctx;
    struct walk w = {.pe = pe, .on_table = each_table, .ctx = e};
    sc_err *err = walk_tables(&w);
    free(e);
    return err;
}

/* ---- where their slots lie ---- */

struct ranges {
    sc_pe_slots_fn fn;
    void *ctx;
};

static bool slots_of_table(struct walk *w, const struct table *t) {
    const struct ranges *r = w->ctx;
    uint32_t names = name_table(w->pe, t), count = 0;
    if (!names) {
        no_names(w, t);
        return true;
    }
    struct pe_cur c = pe_cur_at(w->pe, names, UINT32_MAX, "import name table");
    while (w->left && pe_uptr(&c) && !c.failed)
        count++, w->left--;
    if (c.failed)
        keep(w, pe_cur_err(&c));
    else if (!w->left)
        keep(w, pe_bad(w->pe, names, "import name table: more entries than fit into the image"));
    return (!count || r->fn(r->ctx, t->slots, count)) && w->left;
}

sc_err *sc_pe_each_slots(const sc_pe *pe, sc_pe_slots_fn fn, void *ctx) {
    struct ranges r = {fn, ctx};
    struct walk w = {.pe = pe, .on_table = slots_of_table, .ctx = &r};
    return walk_tables(&w);
}

/* ---- one slot ---- */

struct find {
    uint32_t rva;
    struct table best; /* the table whose slots begin at or below, nearest */
    bool found;
};

static bool find_table(struct walk *w, const struct table *t) {
    struct find *f = w->ctx;
    if (t->slots && t->slots <= f->rva && (!f->found || t->slots > f->best.slots)) {
        f->best = *t;
        f->found = true;
    }
    return true;
}

/* Is INDEX before the end of the name table? The entry goes to *RET_VALUE. */
static sc_err *entry_at(const sc_pe *pe, const struct table *t, uint64_t index, bool *ret_inside,
                        uint64_t *ret_value) {
    struct pe_cur c = pe_cur_at(pe, name_table(pe, t), UINT32_MAX, "import name table");
    uint64_t value = 1;
    *ret_inside = index < pe_room(pe, pe_ptr_size(pe));
    for (uint64_t i = 0; *ret_inside && i <= index; i++) {
        value = pe_uptr(&c);
        if (c.failed)
            return pe_cur_err(&c);
        *ret_inside = value != 0;
    }
    *ret_value = value;
    return NULL;
}

static sc_err *fill_slot(const sc_pe *pe, const struct table *t, uint64_t index, uint64_t value,
                         struct sc_pe_slot *slot) {
    struct thunk k = decode(pe, t, value);
    slot->delay = t->delay;
    slot->by_ordinal = k.by_ordinal;
    slot->ordinal = k.by_ordinal ? k.ordinal : 0;
    sc_err *err =
        pe_text(pe, t->dll, slot->dll, sizeof slot->dll, "imported DLL's name", &slot->cut);
    if (err || k.by_ordinal)
        return err;
    uint64_t at = name_table(pe, t) + index * pe_ptr_size(pe);
    bool cut = false;
    err = read_name(pe, &k, at, &slot->hint, slot->name, sizeof slot->name, &cut);
    slot->cut = slot->cut || cut;
    return err;
}

sc_err *sc_pe_import_slot(const sc_pe *pe, uint32_t rva, struct sc_pe_slot *ret) {
    struct find f = {.rva = rva};
    struct walk w = {.pe = pe, .on_table = find_table, .ctx = &f};
    sc_err *err = walk_tables(&w);
    uint64_t index = f.found ? (rva - f.best.slots) / pe_ptr_size(pe) : 0, value = 0;
    bool inside = f.found && (rva - f.best.slots) % pe_ptr_size(pe) == 0;
    if (inside && !name_table(pe, &f.best)) {
        no_names(&w, &f.best);
        return w.err;
    }
    if (inside) {
        sc_err_destroy(err); /* another table's damage does not matter to this slot */
        err = entry_at(pe, &f.best, index, &inside, &value);
    }
    if (err)
        return err;
    if (!inside)
        return pe_errf(pe, SC_ERR_NOT_FOUND, "no import slot lies at RVA 0x%" PRIx32, rva);
    struct sc_pe_slot *slot = calloc(1, sizeof *slot);
    if (!slot)
        return sc_err_nomem();
    err = fill_slot(pe, &f.best, index, value, slot);
    if (!err)
        *ret = *slot;
    free(slot);
    return err;
}

/* ---- bound imports ---- */

sc_err *sc_pe_each_bound(const sc_pe *pe, sc_pe_bound_fn fn, void *ctx) {
    struct sc_pe_directory dir;
    sc_err *err = pe_need_dir(pe, SC_PE_DIR_BOUND_IMPORT, "bound imports", &dir);
    if (err)
        return err;
    struct pe_cur c = pe_cur_at(pe, dir.rva, (uint64_t)DLLS_MAX * BOUND, "bound import directory");
    unsigned forwarders = 0;
    char name[256];
    for (unsigned i = 0; i < DLLS_MAX; i++) {
        struct sc_pe_bound item = {.timestamp = pe_u32(&c), .forwarder = forwarders > 0};
        uint16_t offset = pe_u16(&c), count = pe_u16(&c);
        if (c.failed)
            return pe_first(err, pe_cur_err(&c));
        if (!item.timestamp && !offset && !count)
            return err;
        forwarders = forwarders ? forwarders - 1 : count;
        sc_err *bad =
            pe_text(pe, (uint64_t)dir.rva + offset, name, sizeof name, "bound DLL's name", NULL);
        item.dll = bad ? NULL : name;
        err = pe_first(err, bad);
        if (!fn(ctx, &item))
            return err;
    }
    return pe_first(err, pe_bad(pe, dir.rva, "%s: more than %d DLLs", c.what, DLLS_MAX));
}
