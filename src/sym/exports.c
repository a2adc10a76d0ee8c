/* SPDX-License-Identifier: MIT */
/*
 * Exports as symbols: sorted by RVA once, when they are first needed. A table of 65,536 names is
 * the most a PE can have, and their text is bounded too (many may be one long string in the file).
 * Forwarders lie in other images and are left out.
 */
#include "sym/exports.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/utf.h"
#include "base/vec.h"

struct exports {
    sc_arena *arena;
    struct {
        struct item {
            const char *name;
            uint32_t rva;
        } * item;
        size_t count, room;
    } list;
    const char *path;
    enum sc_cpu cpu;
    size_t text; /* bytes of all names */
    bool nomem, too_long;
};

enum { TEXT_MAX = 16 << 20 };

static void exports_destroy(void *impl) {
    struct exports *e = impl;
    SC_VEC_FREE(&e->list);
    sc_arena_destroy(e->arena);
    free(e);
}

static void exports_info(void *impl, struct sc_symbols_info *ret) {
    struct exports *e = impl;
    ret->provider = "export";
    ret->path = e->path;
    ret->cpu = e->cpu;
}

static struct sc_symbol symbol_of(const struct item *i) {
    return (struct sc_symbol){.name = i->name, .kind = SC_SYM_EXPORT, .rva = i->rva};
}

/* Number of items that begin below END. */
static size_t count_below(const struct exports *e, uint64_t end) {
    size_t lo = 0, hi = e->list.count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (e->list.item[mid].rva < end)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static sc_err *exports_nearest(void *impl, uint32_t rva, unsigned kinds, struct sc_symbol *ret,
                               bool *ret_found) {
    struct exports *e = impl;
    size_t n = kinds & SC_SYM_EXPORT ? count_below(e, rva + 1ull) : 0;
    if (!n)
        return NULL;
    /* of several names for one address, always the same */
    *ret = symbol_of(&e->list.item[count_below(e, e->list.item[n - 1].rva)]);
    *ret_found = true;
    return NULL;
}

static sc_err *exports_find(void *impl, const char *name, struct sc_symbol *ret, bool *ret_found) {
    struct exports *e = impl;
    for (size_t i = 0; i < e->list.count && !*ret_found; i++)
        if (!strcmp(e->list.item[i].name, name)) {
            *ret = symbol_of(&e->list.item[i]);
            *ret_found = true;
        }
    return NULL;
}

static sc_err *exports_each(void *impl, const char *pattern, unsigned kinds, sc_symbol_fn fn,
                            void *ctx) {
    struct exports *e = impl;
    if (!(kinds & SC_SYM_EXPORT))
        return NULL;
    for (size_t i = 0; i < e->list.count; i++) {
        struct sc_symbol s = symbol_of(&e->list.item[i]);
        if ((!pattern || sc_wild_match(pattern, s.name)) && !fn(ctx, &s))
            break;
    }
    return NULL;
}

static const struct sc_symbols_ops exports_ops = {
    .name = "export",
    .destroy = exports_destroy,
    .info = exports_info,
    .nearest = exports_nearest,
    .find = exports_find,
    .each = exports_each,
};

static bool keep(void *ctx, const struct sc_pe_export *x) {
    struct exports *e = ctx;
    if (x->forwarder || !x->has_name || x->missing || !x->name[0])
        return true;
    e->text += strlen(x->name) + 1;
    if (e->text > TEXT_MAX) {
        e->too_long = true;
        return false;
    }
    struct item *slot = SC_VEC_PUSH(&e->list);
    const char *name = slot ? sc_arena_strdup(e->arena, x->name) : NULL;
    if (!name) {
        e->nomem = true;
        return false;
    }
    *slot = (struct item){name, x->rva};
    return true;
}

static int by_rva(const void *a, const void *b) {
    const struct item *x = a, *y = b;
    if (x->rva != y->rva)
        return x->rva < y->rva ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* What could be read is kept, even when a page of the table is absent. */
static sc_err *collect(struct exports *e, const sc_pe *pe, const char *path) {
    e->arena = sc_arena_create();
    e->path = e->arena && path ? sc_arena_strdup(e->arena, path) : NULL;
    if (!e->arena || (path && !e->path))
        return sc_err_nomem();
    e->cpu = sc_pe_cpu(pe);
    sc_err *err = sc_pe_each_export(pe, keep, e);
    if (e->nomem) {
        sc_err_destroy(err);
        return sc_err_nomem();
    }
    if (e->too_long) {
        sc_err_destroy(err);
        return sc_errf(SC_ERR_LIMIT, "%s: the names of its exports are longer than %d bytes",
                       sc_pe_name(pe), TEXT_MAX);
    }
    if (e->list.count) {
        sc_err_destroy(err);
        qsort(e->list.item, e->list.count, sizeof *e->list.item, by_rva);
        return NULL;
    }
    return err ? err : sc_errf(SC_ERR_NOT_FOUND, "%s exports nothing", sc_pe_name(pe));
}

sc_err *sc_exports_open(const sc_pe *pe, const char *path, sc_symbols **ret_symbols) {
    struct exports *e = calloc(1, sizeof *e);
    if (!e)
        return sc_err_nomem();
    sc_err *err = collect(e, pe, path);
    if (err) {
        exports_destroy(e);
        return err;
    }
    return sc_symbols_create(&exports_ops, e, ret_symbols);
}
