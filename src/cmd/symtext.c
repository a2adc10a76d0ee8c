/* SPDX-License-Identifier: MIT */
/*
 * A symbol in words, as `x` and `ln` show it behind its name:
 *
 *     nt!KeBugCheckEx (<no parameter info>)        code of which only the name is known
 *     nt!PsActiveProcessHead = <no type information>
 *     app!main (int, char**)                        private symbols: the parameters' types
 *     app!g_count = 0n5                             data with a type: its value
 */
#include <stdio.h>
#include <string.h>

#include "cmd/symbols.h"

enum { PARAMETERS_MAX = 32 };

/* "pub func", as `x /v` has it. */
static const char *kind_text(const struct sc_symbol *s, bool private) {
    switch (s->kind) {
    case SC_SYM_FUNCTION: return private ? "prv func" : "pub func";
    case SC_SYM_PUBLIC: return s->code ? "pub func" : "pub global";
    case SC_SYM_EXPORT: return s->code ? "exp func" : "exp global";
    case SC_SYM_THREAD: return private ? "prv thread" : "pub thread";
    case SC_SYM_CONSTANT: return private ? "prv const" : "pub const";
    case SC_SYM_LABEL: return private ? "prv label" : "pub label";
    case SC_SYM_THUNK: return private ? "prv thunk" : "pub thunk";
    default: return private ? "prv global" : "pub global";
    }
}

static bool is_code(const struct sc_symbol *s) {
    return s->kind == SC_SYM_FUNCTION || s->kind == SC_SYM_THUNK || s->kind == SC_SYM_LABEL ||
           (s->code && (s->kind == SC_SYM_PUBLIC || s->kind == SC_SYM_EXPORT));
}

/* ---- parameters ---- */

struct parameters {
    uint32_t type[PARAMETERS_MAX];
    const char *name[PARAMETERS_MAX];
    size_t count;
};

/* One parameter may stand in several places, one behind the other: it counts once. */
static bool take_parameter(void *ctx, const struct sc_local *local) {
    struct parameters *p = ctx;
    if (!local->parameter)
        return false; /* parameters come first */
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->name[i], local->name))
            return true;
    if (p->count == PARAMETERS_MAX)
        return false;
    p->name[p->count] = local->name;
    p->type[p->count++] = local->type;
    return true;
}

static sc_err *join_parameters(const struct sc_near *hit, const struct parameters *p,
                               sc_arena *arena, const char **ret_text) {
    char *text = sc_arena_strdup(arena, "(");
    for (size_t i = 0; text && i < p->count; i++) {
        char type[160];
        sc_err *err = sc_type_c_text(hit->provider, p->type[i], type, sizeof type);
        if (err)
            return err;
        text = sc_arena_printf(arena, "%s%s%s", text, i ? ", " : "", type);
    }
    if (text)
        text = sc_arena_printf(arena, "%s)", text);
    *ret_text = text;
    return text ? NULL : sc_err_nomem();
}

/* The list of parameters, where the symbols say how many there are and what. */
static sc_err *function_tail(const struct sc_near *hit, sc_arena *arena, const char **ret_text) {
    struct sc_type type;
    struct parameters p = {.count = 0};
    *ret_text = "(<no parameter info>)";
    if (hit->symbol.kind != SC_SYM_FUNCTION || !hit->symbol.type)
        return NULL;
    sc_err *err = sc_symbols_type(hit->provider, hit->symbol.type, &type);
    if (err || type.kind != SC_TYPE_FUNCTION)
        return err;
    if (!type.count) {
        *ret_text = "(void)";
        return NULL;
    }
    err = sc_symbols_locals(hit->provider, hit->symbol.rva, take_parameter, &p);
    if (err || p.count < type.count)
        return err;
    return join_parameters(hit, &p, arena, ret_text);
}

/* ---- data ---- */

static const char *aggregate_word(const struct sc_type *t) {
    return t->kind == SC_TYPE_STRUCT  ? "struct "
           : t->kind == SC_TYPE_CLASS ? "class "
           : t->kind == SC_TYPE_UNION ? "union "
                                      : "";
}

static sc_err *data_tail(sc_session *session, const struct sc_near *hit, sc_arena *arena,
                         const char **ret_text) {
    struct sc_type type;
    const char *text = NULL;
    bool missing;
    *ret_text = "= <no type information>";
    if (!hit->symbol.type)
        return NULL;
    sc_err *err = sc_symbols_type(hit->provider, hit->symbol.type, &type);
    if (err)
        return err;
    sc_space *space = sc_target_space(sc_session_target(session));
    struct sc_value v =
        sc_value_at(space, hit->provider, hit->symbol.type, sc_space_canon(space, hit->address));
    err = sc_show_value(session, &v, arena, &text, &missing);
    if (err)
        return err;
    *ret_text = sc_arena_printf(arena, "= %s%s", aggregate_word(&type), text);
    return *ret_text ? NULL : sc_err_nomem();
}

/* ---- all ---- */

static sc_err *tail(sc_session *session, const struct sc_near *hit, sc_arena *arena,
                    struct sc_symbol_row *row) {
    const struct sc_symbol *s = &hit->symbol;
    if (row->function)
        return function_tail(hit, arena, &row->tail);
    if (s->kind == SC_SYM_CONSTANT) {
        row->tail = sc_arena_printf(arena, "= 0n%lld", (long long)s->value);
        return row->tail ? NULL : sc_err_nomem();
    }
    if (s->kind != SC_SYM_THREAD)
        return data_tail(session, hit, arena, &row->tail);
    row->tail = sc_arena_printf(arena, "= <thread-local, offset 0x%x>", s->rva);
    return row->tail ? NULL : sc_err_nomem();
}

static sc_err *type_text(const struct sc_near *hit, sc_arena *arena, struct sc_symbol_row *row) {
    struct sc_type type;
    char text[256];
    if (!hit->symbol.type)
        return NULL;
    sc_err *err = sc_symbols_type(hit->provider, hit->symbol.type, &type);
    if (!err)
        err = sc_type_c_text(hit->provider,
                             type.kind == SC_TYPE_FUNCTION ? type.target : hit->symbol.type, text,
                             sizeof text);
    if (err)
        return err;
    if (!row->size && !row->function)
        row->size = type.size;
    row->type = sc_arena_strdup(arena, text);
    return row->type ? NULL : sc_err_nomem();
}

sc_err *sc_symbol_row(sc_session *session, const struct sc_near *hit, sc_arena *arena,
                      struct sc_symbol_row *ret_row) {
    struct sc_symbols_info info;
    sc_symbols_info(hit->provider, &info);
    bool constant = hit->symbol.kind == SC_SYM_CONSTANT || hit->symbol.kind == SC_SYM_THREAD;
    struct sc_symbol_row row = {.address = constant ? 0 : hit->address,
                                .size = hit->symbol.size,
                                .module = hit->module->name,
                                .name = hit->name,
                                .kind = kind_text(&hit->symbol, info.has_private),
                                .function = is_code(&hit->symbol)};
    sc_err *err = type_text(hit, arena, &row);
    if (!err)
        err = tail(session, hit, arena, &row);
    if (sc_symbols_forgive(session, &err)) /* damaged types leave the name */
        row.tail = row.function ? "(<no parameter info>)" : "= <no type information>";
    if (!err)
        *ret_row = row;
    return err;
}
