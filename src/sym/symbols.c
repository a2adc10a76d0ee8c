/* SPDX-License-Identifier: MIT */
/* Symbol providers: references, and the calls through the vtable. */
#include "stopcode/symbols.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct sc_symbols {
    const struct sc_symbols_ops *ops;
    void *impl;
    atomic_uint refs;
};

sc_err *sc_symbols_create(const struct sc_symbols_ops *ops, void *own_impl,
                          sc_symbols **ret_symbols) {
    sc_symbols *s = malloc(sizeof *s);
    if (!s) {
        ops->destroy(own_impl);
        return sc_err_nomem();
    }
    s->ops = ops;
    s->impl = own_impl;
    atomic_init(&s->refs, 1);
    *ret_symbols = s;
    return NULL;
}

void *sc_symbols_impl(sc_symbols *symbols, const struct sc_symbols_ops *ops) {
    return symbols->ops == ops ? symbols->impl : NULL;
}

sc_symbols *sc_symbols_ref(sc_symbols *symbols) {
    atomic_fetch_add(&symbols->refs, 1);
    return symbols;
}

void sc_symbols_unref(sc_symbols *symbols) {
    if (!symbols || atomic_fetch_sub(&symbols->refs, 1) != 1)
        return;
    symbols->ops->destroy(symbols->impl);
    free(symbols);
}

void sc_symbols_info(sc_symbols *s, struct sc_symbols_info *ret_info) {
    memset(ret_info, 0, sizeof *ret_info);
    s->ops->info(s->impl, ret_info);
}

sc_err *sc_symbols_nearest(sc_symbols *s, uint32_t rva, unsigned kinds,
                           struct sc_symbol *ret_symbol, bool *ret_found) {
    *ret_found = false;
    return s->ops->nearest ? s->ops->nearest(s->impl, rva, kinds, ret_symbol, ret_found) : NULL;
}

sc_err *sc_symbols_find(sc_symbols *s, const char *name, struct sc_symbol *ret_symbol,
                        bool *ret_found) {
    *ret_found = false;
    return s->ops->find ? s->ops->find(s->impl, name, ret_symbol, ret_found) : NULL;
}

sc_err *sc_symbols_each(sc_symbols *s, const char *pattern, unsigned kinds, sc_symbol_fn fn,
                        void *ctx) {
    return s->ops->each ? s->ops->each(s->impl, pattern, kinds, fn, ctx) : NULL;
}

sc_err *sc_symbols_line(sc_symbols *s, uint32_t rva, struct sc_line *ret_line, bool *ret_found) {
    *ret_found = false;
    return s->ops->line ? s->ops->line(s->impl, rva, ret_line, ret_found) : NULL;
}

sc_err *sc_symbols_lines(sc_symbols *s, const char *file, uint32_t line, sc_line_fn fn, void *ctx) {
    return s->ops->lines ? s->ops->lines(s->impl, file, line, fn, ctx) : NULL;
}

sc_err *sc_symbols_inlines(sc_symbols *s, uint32_t rva, sc_inline_fn fn, void *ctx) {
    return s->ops->inlines ? s->ops->inlines(s->impl, rva, fn, ctx) : NULL;
}

sc_err *sc_symbols_locals(sc_symbols *s, uint32_t rva, sc_local_fn fn, void *ctx) {
    return s->ops->locals ? s->ops->locals(s->impl, rva, fn, ctx) : NULL;
}

sc_err *sc_symbols_frame_rule(sc_symbols *s, uint32_t rva, struct sc_frame_rule *ret,
                              bool *ret_found) {
    *ret_found = false;
    return s->ops->frame_rule ? s->ops->frame_rule(s->impl, rva, ret, ret_found) : NULL;
}

sc_err *sc_symbols_type_named(sc_symbols *s, const char *name, uint32_t *ret_id, bool *ret_found) {
    *ret_found = false;
    return s->ops->type_named ? s->ops->type_named(s->impl, name, ret_id, ret_found) : NULL;
}

sc_err *sc_symbols_type(sc_symbols *s, uint32_t id, struct sc_type *ret_type) {
    if (!s->ops->type)
        return sc_errf(SC_ERR_NOT_FOUND, "%s symbols have no types", s->ops->name);
    return s->ops->type(s->impl, id, ret_type);
}

sc_err *sc_symbols_members(sc_symbols *s, uint32_t id, sc_member_fn fn, void *ctx) {
    return s->ops->members ? s->ops->members(s->impl, id, fn, ctx) : NULL;
}

sc_err *sc_symbols_member(sc_symbols *s, uint32_t id, const char *name,
                          struct sc_member *ret_member, bool *ret_found) {
    *ret_found = false;
    return s->ops->member ? s->ops->member(s->impl, id, name, ret_member, ret_found) : NULL;
}

sc_err *sc_symbols_types(sc_symbols *s, const char *pattern, sc_type_fn fn, void *ctx) {
    return s->ops->types ? s->ops->types(s->impl, pattern, fn, ctx) : NULL;
}
