/* SPDX-License-Identifier: MIT */
/*
 * Code made at run time, outside of modules, whose function tables a program registered with
 * RtlAddFunctionTable or RtlInstallFunctionTableCallback. They are found in two places.
 *
 * A stream of a user minidump (type 13):
 *
 *     +0x00 u32 size of this header   +0x04 u32 of a descriptor   +0x08 u32 of a native descriptor
 *     +0x0c u32 of a function entry   +0x10 u32 number of tables  +0x14 u32 padding behind it
 *     then for each table: a descriptor, a native one, the entries, padding
 *     descriptor: +0x00 u64 first address   +0x08 u64 last address   +0x10 u64 base of the RVAs
 *                 +0x18 u32 number of entries   +0x1c u32 padding behind them
 *
 * The list RtlpDynamicFunctionTable in the process (or the kernel), of the native descriptors:
 *
 *     +0x00 LIST_ENTRY   +0x10 table   +0x18 time   +0x20 first address   +0x28 last address
 *     +0x30 base   +0x38 callback, context, DLL   +0x50 u32 type   +0x54 u32 number of entries
 *     type: 0 sorted, 1 not sorted, 2 callback: there is no table, only code that could be asked
 *
 * Its head is found by name, or through the export RtlGetFunctionTableListHead, which returns it.
 *
 * Learnt from minidumpapiset.h and its documentation; the native descriptor from public symbols,
 * in which it is the same from Windows XP to 11 (only the end has grown).
 */
#include <stdlib.h>

#include "stopcode/minidump.h"
#include "unwind/x64.h"

enum {
    STREAM_TYPE = 13,
    STREAM_HEADER = 0x18,
    DESCRIPTOR = 0x20,
    NATIVE = 0x58,
    NATIVE_TYPE = 0x50,
    ENTRY = 12,
    TABLES_MAX = 4096, /* of either kind */
    ENTRIES_MAX = 1 << 24,
};
enum table_type { TABLE_SORTED, TABLE_UNSORTED };

struct dynamic {
    uint64_t first, last; /* addresses; last included */
    struct x64_region region;
    struct x64_cache *cache; /* NULL: not asked yet */
};

struct x64_outside {
    uint64_t generation; /* of the target, when it was asked */
    struct {
        struct dynamic *item;
        size_t count, room;
    } tables;
};

static void destroy_outside(void *own) {
    struct x64_outside *o = own;
    if (!o)
        return;
    for (size_t i = 0; i < o->tables.count; i++)
        x64_cache_destroy(o->tables.item[i].cache);
    SC_VEC_FREE(&o->tables);
    free(o);
}

static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

/* What the first 0x30 bytes from FIELDS on say: first, last, base. */
static sc_err *add(struct sc_unwinder *u, struct x64_outside *o, const uint8_t *fields,
                   const struct x64_table *table) {
    struct dynamic *d = SC_VEC_PUSH(&o->tables);
    if (!d)
        return sc_err_nomem();
    d->first = get64(fields);
    d->last = get64(fields + 8);
    d->region = (struct x64_region){
        .space = u->space, .base = get64(fields + 16), .size = 1ull << 32, .table = *table};
    return NULL;
}

/* ---- the stream ---- */

/* One table at OFFSET of the file; *RET_NEXT behind it. False: the stream ends inside of it. */
static sc_err *add_stream_table(struct sc_unwinder *u, struct x64_outside *o, const sc_file *file,
                                const uint32_t sizes[6], uint64_t *at, uint64_t end, bool *more) {
    uint8_t d[DESCRIPTOR], native[NATIVE];
    struct x64_table t = {.file = file, .stride = sizes[3]};
    size_t got = 0;
    *more = false;
    if (end - *at < (uint64_t)sizes[1] + sizes[2] ||
        !sc_file_read_some(file, *at, d, sizeof d, &got) || got < sizeof d)
        return NULL;
    if (sizes[2] >= NATIVE && sc_file_read_some(file, *at + sizes[1], native, NATIVE, &got) &&
        got == NATIVE)
        t.unsorted = get32(native + NATIVE_TYPE) != TABLE_SORTED;
    t.at = *at + sizes[1] + sizes[2];
    t.count = get32(d + 0x18);
    uint64_t bytes = (uint64_t)t.count * t.stride, pad = get32(d + 0x1c);
    if (bytes > end - t.at)
        return NULL;
    *at = t.at + bytes;
    *more = pad <= end - *at;
    *at += *more ? pad : 0;
    return add(u, o, d, &t);
}

static sc_err *load_stream(struct sc_unwinder *u, struct x64_outside *o) {
    const struct sc_source *source = sc_target_source(u->target);
    const struct sc_mdmp_stream *s = sc_mdmp_stream(source, STREAM_TYPE);
    uint8_t head[STREAM_HEADER];
    size_t got = 0;
    if (!s || s->size < STREAM_HEADER ||
        !sc_file_read_some(source->file, s->rva, head, sizeof head, &got) || got < sizeof head)
        return NULL;
    uint32_t sizes[6];
    for (unsigned i = 0; i < 6; i++)
        sizes[i] = get32(head + 4 * (size_t)i);
    uint64_t at = (uint64_t)s->rva + sizes[0] + sizes[5], end = (uint64_t)s->rva + s->size;
    bool more = sizes[0] >= STREAM_HEADER && sizes[1] >= DESCRIPTOR && sizes[3] >= ENTRY;
    sc_err *err = NULL;
    for (uint32_t i = 0; !err && more && i < sizes[4] && i < TABLES_MAX && at <= end; i++)
        err = add_stream_table(u, o, source->file, sizes, &at, end, &more);
    return err;
}

/* ---- the list ---- */

static bool ends_walk(const sc_err *err) {
    return sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED;
}

static sc_err *lookup(struct sc_unwinder *u, const char *name, uint64_t *ret, bool *found) {
    sc_err *err = sc_symtab_lookup(u->symtab, name, ret, found);
    if (!err || ends_walk(err))
        return err;
    sc_err_destroy(err);
    *found = false;
    return NULL;
}

/* The address that `lea rax, [rip + n]; ret` returns. */
static bool returned_by(struct sc_unwinder *u, uint64_t function, uint64_t *ret) {
    uint8_t c[8];
    if (sc_space_read(u->space, function, c, sizeof c, NULL) != SC_READ_OK || c[0] != 0x48 ||
        c[1] != 0x8d || c[2] != 0x05 || c[7] != 0xc3)
        return false;
    *ret = function + 7 + (uint64_t)(int32_t)get32(c + 3);
    return true;
}

static sc_err *find_head(struct sc_unwinder *u, uint64_t *ret, bool *found) {
    bool kernel = sc_target_machine(u->target)->kernel;
    uint64_t function;
    *found = false;
    if (!u->symtab)
        return NULL;
    sc_err *err = lookup(
        u, kernel ? "nt!RtlpDynamicFunctionTable" : "ntdll!RtlpDynamicFunctionTable", ret, found);
    if (err || *found || kernel)
        return err;
    err = lookup(u, "ntdll!RtlGetFunctionTableListHead", &function, found);
    if (!err && *found)
        *found = returned_by(u, function, ret);
    return err;
}

static sc_err *load_list(struct sc_unwinder *u, struct x64_outside *o) {
    uint64_t head, at;
    bool found;
    sc_err *err = find_head(u, &head, &found);
    if (err || !found || sc_space_ptr(u->space, head, &at) != SC_READ_OK)
        return err;
    for (unsigned i = 0; !err && at != head && i < TABLES_MAX; i++) {
        uint8_t n[NATIVE];
        if (sc_target_cancelled(u->target))
            return sc_err_cancelled();
        if (sc_space_read(u->space, at, n, sizeof n, NULL) != SC_READ_OK)
            break;
        uint32_t type = get32(n + NATIVE_TYPE);
        struct x64_table t = {.at = get64(n + 0x10),
                              .count = get32(n + 0x54),
                              .stride = ENTRY,
                              .unsorted = type == TABLE_UNSORTED};
        if (type <= TABLE_UNSORTED && t.count <= ENTRIES_MAX)
            err = add(u, o, n + 0x20, &t);
        at = get64(n);
    }
    return err;
}

/* ---- both ---- */

static sc_err *load(struct sc_unwinder *u, struct sc_unwind_module *m) {
    struct x64_outside *o = calloc(1, sizeof *o);
    if (!o)
        return sc_err_nomem();
    sc_err *err = load_stream(u, o);
    if (!err)
        err = load_list(u, o);
    if (err) {
        destroy_outside(o);
        return err;
    }
    o->generation = sc_target_generation(u->target);
    m->own = o;
    m->free_own = destroy_outside;
    return NULL;
}

/* A live target may have registered more since. */
static void drop_stale(struct sc_unwinder *u, struct sc_unwind_module *m) {
    struct x64_outside *o = m->own;
    if (!o || o->generation == sc_target_generation(u->target))
        return;
    destroy_outside(o);
    m->own = NULL;
}

static sc_err *cache_at(struct sc_unwinder *u, uint64_t ip, struct x64_cache **ret) {
    struct x64_outside *o = u->outside.own;
    for (size_t i = 0; i < o->tables.count; i++) {
        struct dynamic *d = &o->tables.item[i];
        if (ip < d->first || ip > d->last || ip < d->region.base)
            continue;
        if (!d->cache)
            d->cache = x64_cache_create(&d->region);
        *ret = d->cache;
        return d->cache ? NULL : sc_err_nomem();
    }
    return NULL;
}

enum sc_step_status x64_dynamic(struct sc_unwinder *u, uint64_t ip, struct x64_cache **ret_cache,
                                sc_err **ret_err) {
    struct x64_cache *cache = NULL;
    drop_stale(u, &u->outside);
    sc_err *err = u->outside.own ? NULL : load(u, &u->outside);
    if (!err)
        err = cache_at(u, ip, &cache);
    if (err) {
        *ret_err = err;
        return SC_STEP_ERROR;
    }
    *ret_cache = cache;
    return SC_STEP_DONE;
}
