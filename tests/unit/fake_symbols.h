/* SPDX-License-Identifier: MIT */
/*
 * A symbol provider that exists nowhere: arrays of symbols, types and members. For tests of what
 * stands above providers.
 */
#ifndef STOPCODE_UNIT_FAKE_SYMBOLS_H
#define STOPCODE_UNIT_FAKE_SYMBOLS_H

#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "stopcode/symbols.h"

struct fake_member {
    uint32_t owner;
    struct sc_member m;
};

struct fake_symbols {
    const char *provider; /* "pdb", "isf" … */
    bool has_private;
    const struct sc_symbol *symbol; /* sorted by rva */
    size_t nsymbols;
    const struct sc_type *type; /* ids in `id` */
    size_t ntypes;
    const struct fake_member *member;
    size_t nmembers;
    const struct sc_local *local;
    size_t nlocals;
    const struct sc_line *line;
    size_t nlines;
};

static inline void fake_sym_destroy(void *impl) { (void)impl; }

static inline void fake_sym_info(void *impl, struct sc_symbols_info *ret) {
    const struct fake_symbols *f = impl;
    ret->provider = f->provider;
    ret->path = "fake.pdb";
    ret->has_private = f->has_private;
    ret->has_types = f->ntypes > 0;
    ret->has_lines = f->nlines > 0;
}

static inline sc_err *fake_sym_nearest(void *impl, uint32_t rva, unsigned kinds,
                                       struct sc_symbol *ret, bool *found) {
    const struct fake_symbols *f = impl;
    ret->rva = 0;
    for (size_t i = 0; i < f->nsymbols; i++) {
        if (f->symbol[i].rva > rva || !(f->symbol[i].kind & kinds))
            continue;
        bool better = f->symbol[i].rva == ret->rva && f->symbol[i].kind == SC_SYM_FUNCTION;
        if (!*found || f->symbol[i].rva > ret->rva || better) {
            *ret = f->symbol[i];
            *found = true;
        }
    }
    return NULL;
}

static inline sc_err *fake_sym_find(void *impl, const char *name, struct sc_symbol *ret,
                                    bool *found) {
    const struct fake_symbols *f = impl;
    for (size_t i = 0; i < f->nsymbols && !*found; i++) {
        *found = !strcmp(f->symbol[i].name, name);
        if (*found)
            *ret = f->symbol[i];
    }
    return NULL;
}

static inline sc_err *fake_sym_each(void *impl, const char *pattern, unsigned kinds,
                                    sc_symbol_fn fn, void *ctx) {
    const struct fake_symbols *f = impl;
    for (size_t i = 0; i < f->nsymbols; i++)
        if ((f->symbol[i].kind & kinds) &&
            (!pattern || sc_wild_match(pattern, f->symbol[i].name)) && !fn(ctx, &f->symbol[i]))
            break;
    return NULL;
}

static inline sc_err *fake_sym_line(void *impl, uint32_t rva, struct sc_line *ret, bool *found) {
    const struct fake_symbols *f = impl;
    for (size_t i = 0; i < f->nlines && !*found; i++) {
        *found = rva - f->line[i].rva < f->line[i].size;
        if (*found)
            *ret = f->line[i];
    }
    return NULL;
}

static inline sc_err *fake_sym_locals(void *impl, uint32_t rva, sc_local_fn fn, void *ctx) {
    const struct fake_symbols *f = impl;
    for (size_t i = 0; i < f->nlocals; i++)
        if (rva - f->local[i].scope_rva < f->local[i].scope_size && !fn(ctx, &f->local[i]))
            break;
    return NULL;
}

static inline sc_err *fake_sym_type(void *impl, uint32_t id, struct sc_type *ret) {
    const struct fake_symbols *f = impl;
    for (size_t i = 0; i < f->ntypes; i++) {
        if (f->type[i].id == id) {
            *ret = f->type[i];
            return NULL;
        }
    }
    return sc_errf(SC_ERR_FORMAT, "fake.pdb: there is no type 0x%x", id);
}

static inline sc_err *fake_sym_type_named(void *impl, const char *name, uint32_t *ret,
                                          bool *found) {
    const struct fake_symbols *f = impl;
    for (size_t i = 0; i < f->ntypes && !*found; i++) {
        *found = f->type[i].name[0] == '_' && !strcmp(f->type[i].name, name);
        if (*found)
            *ret = f->type[i].id;
    }
    return NULL;
}

static inline sc_err *fake_sym_members(void *impl, uint32_t id, sc_member_fn fn, void *ctx) {
    const struct fake_symbols *f = impl;
    for (size_t i = 0; i < f->nmembers; i++)
        if (f->member[i].owner == id && !fn(ctx, &f->member[i].m))
            break;
    return NULL;
}

static inline sc_err *fake_sym_types(void *impl, const char *pattern, sc_type_fn fn, void *ctx) {
    const struct fake_symbols *f = impl;
    for (size_t i = 0; i < f->ntypes; i++)
        if (f->type[i].name[0] == '_' && (!pattern || sc_wild_match(pattern, f->type[i].name)) &&
            !fn(ctx, &f->type[i]))
            break;
    return NULL;
}

static const struct sc_symbols_ops fake_sym_ops = {
    .name = "fake",
    .destroy = fake_sym_destroy,
    .info = fake_sym_info,
    .nearest = fake_sym_nearest,
    .find = fake_sym_find,
    .each = fake_sym_each,
    .line = fake_sym_line,
    .locals = fake_sym_locals,
    .type_named = fake_sym_type_named,
    .type = fake_sym_type,
    .members = fake_sym_members,
    .types = fake_sym_types,
};

static inline sc_symbols *fake_symbols_open(const struct fake_symbols *fake) {
    sc_symbols *s = NULL;
    sc_err *err = sc_symbols_create(&fake_sym_ops, (void *)fake, &s);
    sc_err_destroy(err);
    return err ? NULL : s;
}

#endif
