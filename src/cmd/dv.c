/* SPDX-License-Identifier: MIT */
/*
 * `dv`: the local variables and parameters of the frame that was chosen.
 *
 *                argc = 0n1
 *     prv param  0022fd48 @ebp+0x08            argc = 0n1                 /i /V
 *     00000045`b350fc88 struct Widget * observer = 0x00000151`482ca6c0     /t /v
 *
 * Names stand right-aligned unless types stand before them. /f takes an address instead of a frame:
 * what the function there would have, without values.
 */
#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"
#include "cmd/stack.h"
#include "cmd/symbols.h"

enum { NAME_WIDTH = 15 };

struct request {
    bool kinds, types, addresses, places, values;
    char sort; /* 'a', 'A', 'n', 'N', 'z', 'Z' or 0 */
    const char *pattern;
    bool has_function;
    uint64_t function;
};

struct rec {
    const char *name, *type, *value, *kind, *where, *unknown;
    uint64_t address, size;
    bool available;
};
static const struct sc_field fields[] = {
    SC_FIELD(struct rec, name, SC_F_STR),
    {"type_name", SC_F_STR, offsetof(struct rec, type), 0, NULL, NULL},
    SC_FIELD(struct rec, kind, SC_F_STR),
    SC_FIELD(struct rec, address, SC_F_ADDR),
    SC_FIELD(struct rec, where, SC_F_STR),
    SC_FIELD(struct rec, size, SC_F_HEX64),
    SC_FIELD(struct rec, value, SC_F_STR),
    SC_FIELD(struct rec, available, SC_F_BOOL),
    SC_FIELD(struct rec, unknown, SC_F_STR),
    SC_FIELD_END};
static const struct sc_rectype type = {"local", sizeof(struct rec), fields};

struct style {
    const struct request *request;
    unsigned ptr_size;
    int name_width;
    bool enrich;
};

/* ---- a line ---- */

/* Where it is: the address, or the register that holds it, as wide as addresses are. */
static void place(sc_out *out, const struct rec *r, const struct style *s) {
    char buf[SC_ADDR_BUF];
    int width = s->ptr_size == 8 ? 17 : s->request->places ? 8 : 17;
    const char *where = r->where ? r->where : "";
    if (r->address != SC_UNSET64)
        sc_printf(out, "%-*s ", width, sc_addr_text(r->address, s->ptr_size, buf));
    else /* a register holds it, or its address is not known */
        sc_printf(out, "%-*s ", width, strpbrk(where, "+-") ? "" : where);
    if (s->request->places)
        sc_printf(out, "%-*s ", s->ptr_size == 8 ? 17 : 9, where);
}

static void local_text(sc_out *out, const void *record, void *ctx) {
    const struct rec *r = record;
    const struct style *s = ctx;
    const struct request *q = s->request;
    if (q->kinds)
        sc_printf(out, "prv %s  ", r->kind);
    if (q->addresses)
        place(out, r, s);
    if (q->types)
        sc_printf(out, "%s %s", r->type, r->name);
    else
        sc_printf(out, "%*s", s->name_width, r->name);
    if (q->values)
        sc_printf(out, " = %s", r->value);
    if (q->values && r->unknown && s->enrich)
        sc_printf(out, "  [%s is not known in this frame]", r->unknown);
    sc_puts(out, "\n");
}

/* ---- which, and in which order ---- */

static int by_number(uint64_t a, uint64_t b) { return (a > b) - (a < b); }
static int by_address(const struct sc_local_row *x, const struct sc_local_row *y) {
    return by_number(x->address, y->address);
}
static int by_size(const struct sc_local_row *x, const struct sc_local_row *y) {
    return by_number(x->size, y->size);
}
static int by_name(const struct sc_local_row *x, const struct sc_local_row *y) {
    return sc_strcasecmp(x->name, y->name);
}

/* Equal ones stay in the symbols' order. A function has few enough for the simplest way. */
static void sort_rows(struct sc_local_row *rows, size_t n, char how) {
    int (*fn)(const struct sc_local_row *, const struct sc_local_row *) =
        how == 'a' || how == 'A'   ? by_address
        : how == 'n' || how == 'N' ? by_name
                                   : by_size;
    int sign = how >= 'a' ? 1 : -1;
    for (size_t i = 1; how && i < n; i++) {
        struct sc_local_row row = rows[i];
        size_t at = i;
        for (; at > 0 && sign * fn(&rows[at - 1], &row) > 0; at--)
            rows[at] = rows[at - 1];
        rows[at] = row;
    }
}

static size_t keep_matching(struct sc_local_row *rows, size_t n, const char *pattern) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!pattern || sc_wild_match(pattern, rows[i].name))
            rows[kept++] = rows[i];
    return kept;
}

static int name_width(const struct sc_local_row *rows, size_t n) {
    size_t width = NAME_WIDTH;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(rows[i].name);
        width = len > width && len < 200 ? len : width;
    }
    return (int)width;
}

/* ---- the command ---- */

static void show(sc_session *session, const struct request *q, struct sc_local_row *rows,
                 size_t n) {
    struct style style = {q, sc_session_ptr_size(session), name_width(rows, n),
                          sc_session_enrich(session)};
    for (size_t i = 0; i < n; i++) {
        const struct sc_local_row *l = &rows[i];
        struct rec r = {l->name,    l->type,  q->values ? l->value : NULL,
                        l->kind,    l->where, l->unknown,
                        l->address, l->size,  l->available};
        sc_record(sc_session_out(session), &type, &r, local_text, &style);
    }
}

/* A frame that never was: for /f. */
static sc_err *made_frame(sc_session *session, const struct request *q, struct sc_frame *ret) {
    sc_target *target = sc_session_target(session);
    uint64_t addr = sc_space_canon(sc_target_space(target), q->function);
    *ret = (struct sc_frame){.ip = addr, .exact_ip = true, .known = UINT64_MAX};
    ret->module = sc_target_module_at(target, addr);
    ret->regs.cpu = sc_target_machine(target)->cpu;
    return ret->module
               ? NULL
               : sc_errf(SC_ERR_NOT_FOUND, "no module contains 0x%llx", (unsigned long long)addr);
}

/* Why there are no variables, in WinDbg's words; what would help stands behind. */
static sc_err *no_locals(sc_session *session, const struct sc_frame *f) {
    const char *name = f->module ? f->module->name : NULL;
    if (!name)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "Unable to enumerate locals: the frame stands at 0x%llx, "
                       "in no module",
                       (unsigned long long)f->ip);
    (void)session;
    return sc_errf(SC_ERR_NOT_FOUND,
                   "Unable to enumerate locals: private symbols of %s are required for them", name);
}

static sc_err *run(sc_session *session, const struct request *q, sc_arena *arena) {
    struct sc_frame frame;
    uint32_t depth = 0;
    struct sc_local_row *rows;
    size_t count;
    bool private;
    sc_err *err = q->has_function ? made_frame(session, q, &frame)
                                  : sc_session_scope(session, &frame, &depth);
    if (!err)
        err = sc_locals_read(session, &frame, depth, arena, &rows, &count, &private);
    if (err)
        return err;
    if (!private)
        return no_locals(session, &frame);
    count = keep_matching(rows, count, q->pattern);
    sort_rows(rows, count, q->sort);
    show(session, q, rows, count);
    return NULL;
}

static sc_err *take_option(struct request *q, const char *word) {
    for (const char *p = word + 1; *p; p++) {
        switch (*p) {
        case 'i': q->kinds = true; break;
        case 't': q->types = true; break;
        case 'V': q->places = true; /* fall through */
        case 'v': q->addresses = true; break;
        case 'a':
        case 'A':
        case 'n':
        case 'N':
        case 'z':
        case 'Z': q->sort = *p; break;
        default:
            return sc_errf(SC_ERR_ARG, "dv: /%c is no option of it; i t v V a A n N z Z f are", *p);
        }
    }
    return NULL;
}

static sc_err *run_dv(sc_session *session, const struct sc_args *args) {
    struct request q = {.values = true};
    const struct sc_val *v = &args->v[0];
    for (size_t i = 0; i < v->nwords; i++) {
        const char *word = v->word[i];
        bool option = (*word == '/' || *word == '-') && word[1];
        sc_err *err = NULL;
        if (option && !strcmp(word + 1, "f")) {
            if (i + 1 == v->nwords)
                return sc_errf(SC_ERR_ARG, "dv: /f needs the address of a function");
            err = sc_session_eval(session, v->word[++i], &q.function);
            q.has_function = q.addresses = q.places = true;
            q.values = false;
        } else if (option) {
            err = take_option(&q, word);
        } else if (q.pattern) {
            err = sc_errf(SC_ERR_ARG, "dv: one pattern, not '%.40s' as well", word);
        } else {
            q.pattern = word;
        }
        if (err)
            return err;
    }
    return run(session, &q, args->arena);
}

static const struct sc_arg dv_args[] = {
    {SC_ARG_WORDS, "/options pattern", NULL, true,
     "i kind, t type, v address, V address and place; sorted by a address, n name, z size "
     "(capitals: downwards); f address: of the function there; names with wildcards"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_local_commands[] = {
    {.name = "dv",
     .brief = "show local variables and parameters",
     .needs = SC_NEED_TARGET,
     .args = dv_args,
     .help = "The variables of the frame that .frame chose, else of the innermost, with their "
             "values as dt shows them; private symbols are needed. Options may be joined or stand "
             "alone: dv /i /t /V, dv -tv p*. What optimised code does not keep is <value "
             "unavailable>.\n"
             "dv /f address shows what a function has, and where, without values.",
     .sample = "dv /t",
     .run = run_dv},
    {.name = NULL},
};
