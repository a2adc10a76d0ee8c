/* SPDX-License-Identifier: MIT */
/*
 * `??`: the value of a C++ expression with its type, and `.expr`.
 *
 *     int 0n65                                          unsigned long 1
 *     unsigned char 0x20 ' '                            bool true
 *     int * 0x0000019e`f630ac40                         _KIND KindGood (0n1)
 *     wchar_t * 0x6bed4a30                              the text that it points to below it
 *      "SOFTWARE"
 *     struct _CLIENT_ID * 0x004ec020                    the fields below it, as dt has them
 *        +0x000 UniqueProcess    : 0x000001ac Void
 *     struct _LIST_ENTRY
 *      [ 0x808c9960 - 0x808c8728 ]
 *        +0x000 Flink            : 0x808c9960 _LIST_ENTRY [ … ]
 *
 * Seen in published sessions. Guessed: arrays (their address, and below it their text or elements),
 * functions, what stands behind `char`, and null pointers.
 */
#include "cmd/cxx.h"

#include <stdio.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"
#include "cmd/dt.h"
#include "cmd/show.h"
#include "stopcode/out.h"

enum { ELEMENTS_SHOWN = 64, TYPE_TEXT = 300 };

struct rec {
    const char *type, *value, *text;
    const char *near; /* of a function's address */
    uint64_t number, address, size;
    bool shows_text;
};
static const struct sc_field fields[] = {
    {"type_name", SC_F_STR, offsetof(struct rec, type), 0, NULL, NULL},
    SC_FIELD(struct rec, value, SC_F_STR),
    SC_FIELD(struct rec, number, SC_F_HEX64),
    SC_FIELD(struct rec, address, SC_F_ADDR),
    SC_FIELD(struct rec, size, SC_F_HEX64),
    SC_FIELD(struct rec, text, SC_F_STR),
    SC_FIELD(struct rec, near, SC_F_STR),
    SC_FIELD_END};
static const struct sc_rectype type = {"cxx_value", sizeof(struct rec), fields};

struct show {
    struct sc_cxx *cxx;
    const struct sc_cexpr_value *v;
    struct sc_type t;
    struct rec rec;
};

static void rec_text(sc_out *out, const void *record, void *ctx) {
    const struct rec *r = record;
    const sc_session *session = ctx;
    sc_puts(out, r->type);
    if (r->value)
        sc_printf(out, " %s", r->value);
    if (r->near && sc_session_enrich(session))
        sc_printf(out, "  [%s]", r->near);
    sc_puts(out, "\n");
    if (r->shows_text)
        sc_printf(out, " \"%s\"\n", r->text);
}

/* ---- numbers ---- */

static bool is_float(const struct sc_type *t) { return t->kind == SC_TYPE_FLOAT; }

/* The value's bytes in the overlay, so that it is shown as one in memory is. */
static sc_err *as_place(struct show *s, struct sc_value *ret) {
    uint64_t raw = s->v->number;
    float narrow = (float)s->v->real;
    if (is_float(&s->t) && s->t.size == 8)
        memcpy(&raw, &s->v->real, sizeof raw);
    else if (is_float(&s->t))
        memcpy(&raw, &narrow, sizeof narrow);
    *ret = sc_value_at(NULL, s->v->types, s->v->type, 0);
    return sc_cxx_overlay(s->cxx, &raw, (size_t)s->t.size, ret);
}

/* `dt` has 65 'A' and 0x4 '', `??` 0n65 'A' and 0x04 ''. */
static sc_err *char_value(struct show *s) {
    uint64_t n = s->v->number;
    char shown[2] = {n >= 0x20 && n < 0x7f ? (char)n : 0, 0};
    s->rec.value =
        s->t.is_signed
            ? sc_arena_printf(s->cxx->arena, "0n%lld '%s'", (long long)n, shown)
            : sc_arena_printf(s->cxx->arena, "0x%02llx '%s'", (unsigned long long)n, shown);
    return s->rec.value ? NULL : sc_err_nomem();
}

static sc_err *scalar(struct show *s) {
    struct sc_value place;
    if (s->t.kind == SC_TYPE_CHAR)
        return char_value(s);
    sc_err *err = as_place(s, &place);
    return err ? err : sc_declared_value(s->cxx->session, &place, s->cxx->arena, &s->rec.value);
}

/* ---- pointers and arrays ---- */

static bool is_text(const struct sc_type *t) {
    return t->kind == SC_TYPE_CHAR && (t->size == 1 || t->size == 2);
}

static sc_err *address_value(struct show *s, uint64_t addr) {
    char buf[SC_ADDR_BUF];
    s->rec.value =
        sc_arena_printf(s->cxx->arena, "0x%s", sc_addr_text(addr, s->cxx->env.ptr_size, buf));
    return s->rec.value ? NULL : sc_err_nomem();
}

/* The characters at ADDR; COUNT of them at most. */
static sc_err *text_at(struct show *s, sc_space *space, uint64_t addr, const struct sc_type *unit,
                       uint64_t count) {
    const char *text = NULL;
    s->rec.shows_text = true;
    sc_err *err = NULL;
    if (space)
        err = sc_show_string(s->cxx->session, space, addr, (unsigned)unit->size, s->cxx->arena,
                             &text);
    if (err)
        return err;
    if (text)
        s->rec.text = sc_arena_strndup(s->cxx->arena, text, strnlen(text, (size_t)count));
    else
        s->rec.text =
            sc_arena_printf(s->cxx->arena, "--- memory read error at address %s ---", s->rec.value);
    return s->rec.text ? NULL : sc_err_nomem();
}

static sc_err *pointer(struct show *s, struct sc_type *ret_to) {
    uint64_t addr = s->v->number;
    sc_target *target = sc_session_target(s->cxx->session);
    *ret_to = (struct sc_type){.kind = SC_TYPE_VOID};
    sc_err *err = address_value(s, addr);
    if (!err && s->t.target)
        err = sc_symbols_type(s->v->types, s->t.target, ret_to);
    if (err || !addr || !target)
        return err;
    if (ret_to->kind == SC_TYPE_FUNCTION)
        return sc_near(s->cxx->session, addr, s->cxx->arena, &s->rec.near);
    if (!is_text(ret_to))
        return NULL;
    return text_at(s, sc_target_space(target), addr, ret_to, 1024);
}

/* A string of the expression's own. */
static sc_err *literal(struct show *s, const struct sc_type *element) {
    struct sc_value place = {.space = NULL};
    sc_err *err = sc_cxx_overlay(s->cxx, s->v->bytes,
                                 s->t.size < SC_OVERLAY_BYTES ? (size_t)s->t.size : 0, &place);
    if (!err && element->size <= 2)
        err = text_at(s, place.space, place.address, element, 1024);
    return err;
}

static sc_err *array(struct show *s, struct sc_type *ret_element) {
    *ret_element = (struct sc_type){.kind = SC_TYPE_UNKNOWN};
    sc_err *err = s->t.target ? sc_symbols_type(s->v->types, s->t.target, ret_element) : NULL;
    if (!err && s->v->bytes)
        return literal(s, ret_element);
    if (!err)
        err = address_value(s, s->v->place.address);
    if (err || !is_text(ret_element))
        return err;
    return text_at(s, s->v->place.space, s->v->place.address, ret_element, s->t.count);
}

struct element {
    uint64_t index, address;
    const char *value;
};
static const struct sc_field element_fields[] = {
    SC_FIELD(struct element, index, SC_F_U64), SC_FIELD(struct element, address, SC_F_ADDR),
    SC_FIELD(struct element, value, SC_F_STR), SC_FIELD_END};
static const struct sc_rectype element_type = {"element", sizeof(struct element), element_fields};

static void element_text(sc_out *out, const void *record, void *ctx) {
    const struct element *e = record;
    (void)ctx;
    sc_printf(out, "    [%02llu] %s\n", (unsigned long long)e->index, e->value);
}

static sc_err *elements(struct show *s) {
    sc_out *out = sc_session_out(s->cxx->session);
    for (uint64_t i = 0; i < s->t.count && i < ELEMENTS_SHOWN; i++) {
        struct sc_value place;
        struct element e = {.index = i};
        bool missing;
        sc_err *err = sc_value_index(&s->v->place, i, &place);
        if (!err)
            err = sc_show_value(s->cxx->session, &place, s->cxx->arena, &e.value, &missing);
        if (err)
            return err;
        e.address = place.address;
        sc_record(out, &element_type, &e, element_text, NULL);
    }
    if (s->t.count > ELEMENTS_SHOWN)
        sc_remark(out, "%llu more elements.", (unsigned long long)s->t.count - ELEMENTS_SHOWN);
    return NULL;
}

/* ---- all ---- */

static bool is_aggregate(const struct sc_type *t) {
    return t->kind == SC_TYPE_STRUCT || t->kind == SC_TYPE_CLASS || t->kind == SC_TYPE_UNION;
}

/* The fields below a structure, or below a pointer to one. */
static sc_err *listing(struct show *s, const struct sc_value *place) {
    struct sc_dt dt = {
        .session = s->cxx->session, .out = sc_session_out(s->cxx->session), .arena = s->cxx->arena};
    return sc_dt_value(&dt, place);
}

static sc_err *value_words(struct show *s, struct sc_type *ret_to) {
    switch (s->t.kind) {
    case SC_TYPE_POINTER: return pointer(s, ret_to);
    case SC_TYPE_ARRAY: return array(s, ret_to);
    case SC_TYPE_STRUCT:
    case SC_TYPE_CLASS:
    case SC_TYPE_UNION:
    case SC_TYPE_VOID: return NULL;
    default: return scalar(s);
    }
}

static sc_err *show_value(struct sc_cxx *cxx, const struct sc_cexpr_value *v) {
    struct show s = {.cxx = cxx, .v = v};
    struct sc_type to = {.kind = SC_TYPE_UNKNOWN};
    char words[TYPE_TEXT];
    sc_err *err = sc_symbols_type(v->types, v->type, &s.t);
    if (!err)
        err = sc_type_decl_text(v->types, v->type, words, sizeof words);
    bool aggregate = !err && is_aggregate(&s.t), sized = aggregate || s.t.kind == SC_TYPE_ARRAY;
    s.rec = (struct rec){.type = words,
                         .number = sized || is_float(&s.t) ? SC_UNSET64 : v->number,
                         .address = v->has_place ? v->place.address : SC_UNSET64,
                         .size = s.t.size};
    if (!err)
        err = value_words(&s, &to);
    if (err)
        return err;
    sc_record(sc_session_out(cxx->session), &type, &s.rec, rec_text, cxx->session);
    sc_cxx_remark(cxx);
    if (aggregate)
        return listing(&s, &v->place);
    if (s.t.kind == SC_TYPE_ARRAY && v->has_place && !s.rec.shows_text)
        return elements(&s);
    if (s.t.kind != SC_TYPE_POINTER || !is_aggregate(&to) || !v->number || !cxx->env.target)
        return NULL;
    sc_space *space = sc_target_space(cxx->env.target);
    struct sc_value place = sc_value_at(space, v->types, s.t.target, v->number);
    return listing(&s, &place);
}

static sc_err *run_cxx(sc_session *session, const struct sc_args *args) {
    struct sc_cxx cxx;
    struct sc_cexpr_value value;
    sc_cxx_init(&cxx, session, args->arena, NULL, 0);
    sc_err *err = sc_cexpr_eval(&cxx.env, args->v[0].text, &value);
    if (!err) {
        err = show_value(&cxx, &value);
        sc_cexpr_value_deinit(&value);
    }
    sc_cxx_deinit(&cxx);
    return err;
}

/* ---- .expr ---- */

struct evaluator {
    const char *name, *about;
    bool is_current;
};
static const struct sc_field evaluator_fields[] = {
    SC_FIELD(struct evaluator, name, SC_F_STR), SC_FIELD(struct evaluator, about, SC_F_STR),
    SC_FIELD(struct evaluator, is_current, SC_F_BOOL), SC_FIELD_END};
static const struct sc_rectype evaluator_type = {"evaluator", sizeof(struct evaluator),
                                                 evaluator_fields};

static const char *const names[] = {"MASM", "C++"};
static const char *const about[] = {"Microsoft Assembler expressions", "C++ source expressions"};

static void listed_text(sc_out *out, const void *record, void *ctx) {
    const struct evaluator *e = record;
    (void)ctx;
    sc_printf(out, "  %s - %s\n", e->name, e->about);
}

static void current_text(sc_out *out, const void *record, void *ctx) {
    const struct evaluator *e = record;
    (void)ctx;
    sc_printf(out, "Current expression evaluator: %s - %s\n", e->name, e->about);
}

static void show_evaluator(sc_session *session, bool cxx, sc_text_fn text) {
    struct evaluator e = {names[cxx], about[cxx], cxx == sc_session_cxx(session)};
    sc_record(sc_session_out(session), &evaluator_type, &e, text, NULL);
}

enum { EXPR_QUERY, EXPR_SET };

static sc_err *run_expr(sc_session *session, const struct sc_args *args) {
    const struct sc_val *set = &args->v[EXPR_SET];
    bool cxx = set->given && !sc_strcasecmp(set->text, "c++");
    if (set->given && !cxx && sc_strcasecmp(set->text, "masm"))
        return sc_errf(SC_ERR_ARG, ".expr: /s masm or /s c++, not %.20s", set->text);
    if (set->given)
        sc_session_set_cxx(session, cxx);
    if (args->v[EXPR_QUERY].given) {
        sc_puts(sc_session_out(session), "Available expression evaluators:\n");
        show_evaluator(session, false, listed_text);
        show_evaluator(session, true, listed_text);
    }
    show_evaluator(session, sc_session_cxx(session), current_text);
    return NULL;
}

/* ---- the rows ---- */

static const struct sc_arg cxx_args[] = {
    {SC_ARG_CXX, "expression", NULL, false, "C++ over the types of the symbols"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg expr_args[] = {
    [EXPR_QUERY] = {SC_ARG_OPTION, "q", "q", true, "list the evaluators"},
    [EXPR_SET] = {SC_ARG_OPTION_WORD, "s", "s", true, "masm or c++"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_cxx_commands[] = {
    {.name = "??",
     .brief = "evaluate a C++ expression and show its value with its type",
     .touch = true,
     .args = cxx_args,
     .help =
         "Numbers are decimal, 0x hexadecimal, 0 octal. Names are variables of the frame that "
         ".frame chose, then symbols, with their types: nt!PsInitialSystemProcess->Pcb. Of a "
         "symbol without a type the address can be taken: *(nt!_EPROCESS **)&nt!Name. Registers "
         "are written @rip; @$thread, @$proc, @$teb and @$peb are pointers to their structures.\n"
         "All operators of C++ are there, casts, sizeof, -> . [ ] and arithmetic of pointers; "
         "functions are not called, and only $t0 to $t19 can be assigned. Types are written "
         "nt!_EPROCESS, unsigned long, unsigned int64, ULONG.\n"
         "#FIELD_OFFSET(type, field), #CONTAINING_RECORD(address, type, field), "
         "#RTL_FIELD_SIZE(type, field), #RTL_CONTAINS_FIELD(pointer, size, field), "
         "#RTL_SIZEOF_THROUGH_FIELD(type, field), #RTL_NUMBER_OF(array) and #NT_SUCCESS(status) "
         "are those of the headers; @@masm( ) holds a MASM expression, as @@c++( ) does a C++ one "
         "in MASM.",
     .sample = "?? (unsigned char)321 + sizeof(int64)",
     .run = run_cxx},
    {.name = ".expr",
     .brief = "show or choose how expressions are written: MASM or C++",
     .args = expr_args,
     .help = "It counts for ? and the operands of all commands; ?? is C++ always. @@( ) is the "
             "other one.",
     .sample = ".expr /q",
     .run = run_expr},
    {.name = NULL},
};
