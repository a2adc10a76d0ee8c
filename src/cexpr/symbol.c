/* SPDX-License-Identifier: MIT */
/*
 * What a name means: a local variable, a symbol with its type, an enumerator, a type.
 *
 * A symbol without a type is a place of which only the address can be taken; code without one is a
 * function. Types are found as the symbols spell them; else with an underscore in front, as
 * Windows' headers name the same structure; else in any case of letters.
 */
#include "cexpr/parser.h"

#include <stdio.h>
#include <string.h>

#include "base/utf.h"

static const char *behind_bang(const char *name) {
    const char *bang = strchr(name, '!');
    return bang ? bang + 1 : name;
}

static sc_err *at_column(struct sc_cparser *ps, const char *at, sc_err *own_err) {
    enum sc_err_code code = sc_err_code(own_err);
    bool is_static = code == SC_ERR_NOMEM || code == SC_ERR_CANCELLED;
    return is_static ? own_err : sc_scan_prefix(&ps->scan, at, own_err);
}

/* A place of a type of PROVIDER's. */
static sc_err *place_of(struct sc_cparser *ps, struct sc_cop *op, const struct sc_value *foreign) {
    struct sc_value v = *foreign;
    sc_err *err = v.type ? sc_ctypes_adopt(ps->types, v.symbols, v.type, &v.type) : NULL;
    if (!v.type)
        v.type = SC_CT_UNKNOWN;
    v.symbols = ps->types;
    return err ? err : sc_c_set_place(ps, op, &v);
}

sc_err *sc_c_find_local(struct sc_cparser *ps, struct sc_cop *op, bool *ret_found) {
    struct sc_value v;
    *ret_found = false;
    if (!ps->env->local || strpbrk(ps->scan.name, "!:"))
        return NULL;
    sc_err *err = ps->env->local(ps->env->ctx, ps->scan.name, &v, ret_found);
    if (err)
        return at_column(ps, op->at, err);
    return *ret_found ? place_of(ps, op, &v) : NULL;
}

/* ---- constants ---- */

/* NAME as a constant of MODULE's symbols. */
static sc_err *constant_in(struct sc_cparser *ps, const struct sc_module *module, const char *name,
                           struct sc_cop *op, bool *ret_found) {
    const struct sc_modsyms *m;
    sc_err *err = sc_symtab_load(ps->env->symtab, module, &m);
    for (size_t i = 0; !err && i < m->nproviders; i++) {
        struct sc_symbol s;
        bool found;
        uint32_t type = 0;
        err = sc_symbols_find(m->provider[i], name, &s, &found);
        if (err || !found)
            continue;
        if (s.kind == SC_SYM_THREAD)
            return sc_scan_fail(&ps->scan, op->at, SC_ERR_UNSUPPORTED,
                                "%.80s is thread-local: each thread has one of its own", name);
        if (s.kind != SC_SYM_CONSTANT)
            return NULL;
        err = s.type ? sc_ctypes_adopt(ps->types, m->provider[i], s.type, &type) : NULL;
        *ret_found = !err;
        return err ? err : sc_c_set_number(ps, op, type ? type : SC_CT_INT64, s.value);
    }
    return err;
}

static sc_err *find_constant(struct sc_cparser *ps, struct sc_cop *op, bool *ret_found) {
    char module[256];
    const struct sc_modules *list;
    const char *name = behind_bang(ps->scan.name);
    int len = (int)(name - ps->scan.name);
    if (!ps->env->target || len >= (int)sizeof module)
        return NULL;
    if (len) {
        snprintf(module, sizeof module, "%.*s", len - 1, ps->scan.name);
        const struct sc_module *m = sc_target_module_named(ps->env->target, module);
        return m ? constant_in(ps, m, name, op, ret_found) : NULL;
    }
    sc_err *err = sc_target_modules(ps->env->target, &list);
    for (size_t i = 0; !err && !*ret_found && i < list->count; i++)
        if (sc_symtab_peek(ps->env->symtab, &list->item[i])->nproviders)
            err = constant_in(ps, &list->item[i], name, op, ret_found);
    return err;
}

/* ---- symbols ---- */

static bool is_code(const struct sc_symbol *s) {
    return s->code || s->kind == SC_SYM_FUNCTION || s->kind == SC_SYM_THUNK;
}

/* What lies at ADDR. */
static sc_err *variable(struct sc_cparser *ps, struct sc_cop *op, uint64_t addr) {
    struct sc_near near;
    bool found = false;
    sc_space *space = sc_c_space(ps);
    struct sc_value v = sc_value_at(space, ps->types, SC_CT_UNKNOWN, sc_space_canon(space, addr));
    sc_err *err = sc_symtab_near(ps->env->symtab, addr, &near, &found);
    if (err)
        return err;
    if (found && !near.displacement && near.symbol.type) {
        v.symbols = near.provider;
        v.type = near.symbol.type;
        return place_of(ps, op, &v);
    }
    if (found && !near.displacement && is_code(&near.symbol))
        v.type = SC_CT_FUNCTION;
    return sc_c_set_place(ps, op, &v);
}

sc_err *sc_c_find_symbol(struct sc_cparser *ps, struct sc_cop *op, bool *ret_found) {
    const char *name = ps->scan.name;
    uint64_t addr;
    *ret_found = false;
    if (!ps->env->symtab || !ps->env->target)
        return NULL;
    if (!strchr(name, '!') && sc_target_module_named(ps->env->target, name))
        return sc_scan_fail(&ps->scan, op->at, SC_ERR_ARG,
                            "%.80s is a module, which has no type in C++; @@masm(%.80s) is its "
                            "address",
                            name, name);
    sc_err *err = find_constant(ps, op, ret_found);
    if (err || *ret_found)
        return err ? at_column(ps, op->at, err) : NULL;
    err = sc_symtab_lookup(ps->env->symtab, name, &addr, ret_found);
    if (!err && *ret_found)
        err = variable(ps, op, addr);
    return err ? at_column(ps, op->at, err) : NULL;
}

/* ---- types ---- */

struct any_case {
    const char *name;
    struct sc_typeref ref;
    bool found;
};

static bool on_type(void *ctx, const struct sc_typeref *ref, const struct sc_type *type) {
    struct any_case *a = ctx;
    if (sc_strcasecmp(type->name, a->name) != 0)
        return true;
    a->ref = *ref;
    a->ref.id = type->id;
    a->found = true;
    return false;
}

/* All types are looked at: only for what looks like one. */
static sc_err *type_any_case(struct sc_cparser *ps, const char *name, struct sc_typeref *ret,
                             bool *ret_found) {
    struct any_case a = {.name = behind_bang(name)};
    if (strpbrk(name, "*?#[<") || (!strchr(name, '!') && *name != '_'))
        return NULL;
    sc_err *err = sc_symtab_types(ps->env->symtab, name, on_type, &a);
    *ret = a.ref;
    *ret_found = !err && a.found;
    return err;
}

/* NAME with PREFIX behind its module. */
static sc_err *type_with(struct sc_cparser *ps, const char *name, size_t skip, const char *prefix,
                         struct sc_typeref *ret, bool *ret_found) {
    char text[SC_EXPR_NAME + 4];
    const char *own = behind_bang(name);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(own - name), name, prefix, own + skip);
    return sc_symtab_type(ps->env->symtab, text, ret, ret_found);
}

sc_err *sc_c_find_type(struct sc_cparser *ps, const char *name, uint32_t *ret_type,
                       bool *ret_found) {
    struct sc_typeref ref;
    const char *own = behind_bang(name);
    bool pointer = false;
    *ret_found = false;
    if (!ps->env->symtab || !*own)
        return NULL;
    sc_err *err = type_with(ps, name, 0, "", &ref, ret_found);
    if (!err && !*ret_found && *own != '_')
        err = type_with(ps, name, 0, "_", &ref, ret_found);
    if (!err && !*ret_found && *own == 'P' && own[1] >= 'A' && own[1] <= 'Z') {
        err = type_with(ps, name, 1, "_", &ref, ret_found); /* PEPROCESS */
        pointer = *ret_found;
    }
    if (!err && !*ret_found)
        err = type_any_case(ps, name, &ref, ret_found);
    if (!err && *ret_found && ref.assumed && ps->env->assumed)
        *ps->env->assumed = true;
    if (!err && *ret_found)
        err = sc_ctypes_adopt(ps->types, ref.provider, ref.id, ret_type);
    if (!err && pointer)
        err = sc_ctypes_pointer(ps->types, *ret_type, false, ret_type);
    return err;
}

/* ---- enumerators ---- */

struct enumerators {
    const char *name;
    struct sc_typeref ref;
    int64_t value;
    bool found;
    sc_err *err;
};

static bool on_enum(void *ctx, const struct sc_typeref *ref, const struct sc_type *type) {
    struct enumerators *e = ctx;
    if (type->kind != SC_TYPE_ENUM)
        return true;
    e->err = sc_type_enum_value(ref->provider, type->id, e->name, &e->value, &e->found);
    e->ref = *ref;
    e->ref.id = type->id;
    return !e->err && !e->found;
}

/* NAME in all enumerations whose own names begin with the first LEN bytes of what was typed. */
static sc_err *enumerator_in(struct sc_cparser *ps, struct sc_cop *op, size_t len, const char *name,
                             bool *ret_found) {
    char pattern[SC_EXPR_NAME + 2];
    struct enumerators e = {.name = name};
    uint32_t type = 0;
    snprintf(pattern, sizeof pattern, "%.*s*", (int)len, ps->scan.name);
    if (strcspn(pattern, "*?#[") < len)
        return NULL;
    sc_err *err = sc_symtab_types(ps->env->symtab, pattern, on_enum, &e);
    if (err && e.err)
        sc_err_destroy(e.err);
    err = err ? err : e.err;
    if (err || !e.found)
        return err;
    if (e.ref.assumed && ps->env->assumed)
        *ps->env->assumed = true;
    err = sc_ctypes_adopt(ps->types, e.ref.provider, e.ref.id, &type);
    *ret_found = !err;
    return err ? err : sc_c_set_number(ps, op, type, (uint64_t)e.value);
}

/* Type::Name */
static sc_err *scoped_enumerator(struct sc_cparser *ps, struct sc_cop *op, const char *scope,
                                 bool *ret_found) {
    char left[SC_EXPR_NAME];
    struct sc_type t;
    uint32_t type;
    int64_t value;
    bool found;
    snprintf(left, sizeof left, "%.*s", (int)(scope - ps->scan.name), ps->scan.name);
    sc_err *err = sc_c_find_type(ps, left, &type, &found);
    if (err || !found)
        return err;
    err = sc_c_type_of(ps, type, &t);
    if (!err && sc_c_is_aggregate(&t)) /* of an enumeration inside the class */
        return enumerator_in(ps, op, (size_t)(scope + 2 - ps->scan.name), scope + 2, ret_found);
    if (!err && t.kind == SC_TYPE_ENUM)
        err = sc_type_enum_value(ps->types, type, scope + 2, &value, ret_found);
    if (!err && *ret_found)
        return sc_c_set_number(ps, op, type, (uint64_t)value);
    return err;
}

sc_err *sc_c_find_enumerator(struct sc_cparser *ps, struct sc_cop *op, bool *ret_found) {
    const char *scope = strstr(ps->scan.name, "::"), *next;
    const char *own = behind_bang(ps->scan.name);
    *ret_found = false;
    if (!ps->env->symtab)
        return NULL;
    while (scope && (next = strstr(scope + 2, "::")) != NULL)
        scope = next;
    sc_err *err = scope ? scoped_enumerator(ps, op, scope, ret_found)
                        : enumerator_in(ps, op, (size_t)(own - ps->scan.name), own, ret_found);
    return err ? at_column(ps, op->at, err) : NULL;
}
