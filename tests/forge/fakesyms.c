/* SPDX-License-Identifier: MIT */
/* The table-driven provider of fakesyms.h. */
#include "forge/fakesyms.h"

#include <string.h>

#include "base/utf.h"

static sc_err *failing(const struct fakesyms *f) {
    if (!f->fail)
        return NULL;
    return f->fail == SC_ERR_NOMEM ? sc_err_nomem()
           : f->fail == SC_ERR_CANCELLED
               ? sc_err_cancelled()
               : sc_errf(f->fail, "%s is damaged on purpose", f->provider);
}

static void fake_destroy(void *impl) { ((struct fakesyms *)impl)->closed++; }

static void fake_info(void *impl, struct sc_symbols_info *ret) {
    struct fakesyms *f = impl;
    ret->provider = f->provider;
    ret->path = f->path;
    ret->has_private = f->has_private;
    ret->has_types = f->ntypes > 0;
    ret->has_lines = f->line != NULL;
}

static sc_err *fake_nearest(void *impl, uint32_t rva, unsigned kinds, struct sc_symbol *ret,
                            bool *ret_found) {
    struct fakesyms *f = impl;
    const struct sc_symbol *best = NULL;
    f->asked_nearest++;
    if (f->fail)
        return failing(f);
    if (f->omap && rva - f->omap_rva < f->omap_size)
        best = f->omap;
    for (size_t i = 0; i < f->nsymbols && !(f->omap && best == f->omap); i++) {
        const struct sc_symbol *s = &f->symbols[i];
        if ((s->kind & kinds) && s->rva <= rva && (!best || s->rva > best->rva))
            best = s;
    }
    if (best)
        *ret = *best;
    *ret_found = best != NULL;
    return NULL;
}

static sc_err *fake_find(void *impl, const char *name, struct sc_symbol *ret, bool *ret_found) {
    struct fakesyms *f = impl;
    f->asked_find++;
    for (size_t i = 0; !f->fail && i < f->nsymbols && !*ret_found; i++)
        if (!strcmp(f->symbols[i].name, name)) {
            *ret = f->symbols[i];
            *ret_found = true;
        }
    return failing(f);
}

static sc_err *fake_each(void *impl, const char *pattern, unsigned kinds, sc_symbol_fn fn,
                         void *ctx) {
    struct fakesyms *f = impl;
    f->asked_each++;
    for (size_t i = 0; !f->fail && i < f->nsymbols; i++)
        if ((f->symbols[i].kind & kinds) &&
            (!pattern || sc_wild_match(pattern, f->symbols[i].name)) && !fn(ctx, &f->symbols[i]))
            break;
    return failing(f);
}

static sc_err *fake_line(void *impl, uint32_t rva, struct sc_line *ret, bool *ret_found) {
    struct fakesyms *f = impl;
    (void)rva;
    if (f->line && !f->fail) {
        *ret = *f->line;
        *ret_found = true;
    }
    return failing(f);
}

static sc_err *fake_frame_rule(void *impl, uint32_t rva, struct sc_frame_rule *ret,
                               bool *ret_found) {
    struct fakesyms *f = impl;
    for (size_t i = 0; !f->fail && i < f->nrules && !*ret_found; i++) {
        *ret_found = rva - f->rules[i].rva < f->rules[i].size;
        if (*ret_found)
            *ret = f->rules[i];
    }
    return failing(f);
}

static sc_err *fake_type_named(void *impl, const char *name, uint32_t *ret_id, bool *ret_found) {
    struct fakesyms *f = impl;
    for (size_t i = 0; !f->fail && i < f->ntypes; i++)
        if (!strcmp(f->types[i], name)) {
            *ret_id = (uint32_t)i + 1;
            *ret_found = true;
        }
    return failing(f);
}

static sc_err *fake_type(void *impl, uint32_t id, struct sc_type *ret) {
    struct fakesyms *f = impl;
    if (f->fail)
        return failing(f);
    if (!id || id > f->ntypes)
        return sc_errf(SC_ERR_NOT_FOUND, "no type %u", id);
    *ret = (struct sc_type){.kind = SC_TYPE_STRUCT, .name = f->types[id - 1], .size = 8, .id = id};
    return NULL;
}

static sc_err *fake_types(void *impl, const char *pattern, sc_type_fn fn, void *ctx) {
    struct fakesyms *f = impl;
    for (size_t i = 0; !f->fail && i < f->ntypes; i++) {
        struct sc_type t = {
            .kind = SC_TYPE_STRUCT, .name = f->types[i], .size = 8, .id = (uint32_t)i + 1};
        if ((!pattern || sc_wild_match(pattern, t.name)) && !fn(ctx, &t))
            break;
    }
    return failing(f);
}

static const struct sc_symbols_ops ops = {
    .name = "fake",
    .destroy = fake_destroy,
    .info = fake_info,
    .nearest = fake_nearest,
    .find = fake_find,
    .each = fake_each,
    .line = fake_line,
    .frame_rule = fake_frame_rule,
    .type_named = fake_type_named,
    .type = fake_type,
    .types = fake_types,
};

sc_symbols *fakesyms_open(struct fakesyms *f) {
    sc_symbols *s = NULL;
    sc_err *err = sc_symbols_create(&ops, f, &s);
    if (err) {
        sc_err_destroy(err);
        return NULL;
    }
    return s;
}
