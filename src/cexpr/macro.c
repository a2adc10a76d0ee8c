/* SPDX-License-Identifier: MIT */
/*
 * Macros of Windows' headers that WinDbg knows in C++ expressions, with `#` in front or without:
 *
 *     #CONTAINING_RECORD(address, type, field)    type *: what FIELD at ADDRESS is a part of
 *     #FIELD_OFFSET(type, field)                  long
 *     #RTL_CONTAINS_FIELD(pointer, size, field)   bool: does FIELD end within SIZE bytes
 *     #RTL_FIELD_SIZE(type, field)                size_t
 *     #RTL_NUMBER_OF(array)                       size_t
 *     #RTL_SIZEOF_THROUGH_FIELD(type, field)      size_t
 *     #NT_SUCCESS(status)  #NT_INFORMATION  #NT_WARNING  #NT_ERROR    bool
 *
 * The first six are in WinDbg's manual; the others are those of the headers (ntdef.h). A field may
 * be a path: `Pcb.Header.Type`, `Slots[1]`.
 */
#include "cexpr/parser.h"

#include <string.h>

typedef sc_err *(*macro_fn)(struct sc_cparser *ps, const struct sc_cmacro *macro,
                            struct sc_cop *op);

struct sc_cmacro {
    const char *name;
    macro_fn run;
    unsigned arg; /* NT_…: the two highest bits, 4 for "not negative" */
};

static unsigned size_type(const struct sc_cparser *ps) {
    return ps->env->ptr_size == 8 ? SC_CT_UINT64 : SC_CT_UINT;
}

static sc_err *comma(struct sc_cparser *ps) { return sc_c_need(ps, SC_C_COMMA, "a comma"); }

/* An argument's value. */
static sc_err *value(struct sc_cparser *ps, struct sc_cop *op) {
    op->at = ps->scan.p;
    sc_err *err = sc_c_assignment(ps, op);
    return err ? err : sc_c_rvalue(ps, op);
}

/* An argument that is a type, and the comma behind it. */
static sc_err *type_argument(struct sc_cparser *ps, uint32_t *ret_type) {
    bool found;
    sc_err *err = sc_c_type_id(ps, ret_type, &found);
    if (!err && !found)
        err = sc_scan_expected(&ps->scan, "a type");
    return err;
}

/* A step of a field's path: a name, and the elements behind it. */
static sc_err *field_step(struct sc_cparser *ps, struct sc_cop *thing) {
    char name[SC_C_FIELD];
    sc_c_blanks(ps);
    const char *at = ps->scan.p;
    sc_err *err = sc_c_plain_name(ps, name, sizeof name);
    if (!err && !*name)
        err = sc_scan_expected(&ps->scan, "the name of a field");
    if (!err)
        err = sc_c_member(ps, thing, at, name);
    while (!err && sc_c_peek(ps) == SC_C_OPEN_INDEX) {
        const char *open = ps->scan.p;
        struct sc_cop index = {.at = open};
        sc_c_skip(ps, SC_C_OPEN_INDEX);
        if (thing->t.kind != SC_TYPE_ARRAY)
            return sc_scan_fail(&ps->scan, open, SC_ERR_ARG, "the field is no array");
        err = sc_c_expression(ps, &index);
        if (!err)
            err = sc_c_close(ps, SC_C_CLOSE_INDEX, open);
        if (!err)
            err = sc_c_index(ps, thing, &index, open);
    }
    return err;
}

/* A field of TYPE, as if one lay at address 0: its address is the offset. */
static sc_err *field(struct sc_cparser *ps, uint32_t type, struct sc_cop *ret_field) {
    struct sc_value v = sc_value_at(NULL, ps->types, type, 0);
    *ret_field = (struct sc_cop){.at = ps->scan.p};
    ps->dead++; /* nothing of it can be read */
    sc_err *err = sc_c_set_place(ps, ret_field, &v);
    do {
        if (!err)
            err = field_step(ps, ret_field);
    } while (!err && sc_c_take(ps, SC_C_DOT));
    ps->dead--;
    return err;
}

/* Bytes of a field; a bit field has those that its declared type has. */
static sc_err *field_size(struct sc_cparser *ps, const struct sc_cop *f, uint64_t *ret) {
    return sc_c_size(ps, f->at, f->type, ret);
}

/* `type, field` */
static sc_err *type_and_field(struct sc_cparser *ps, struct sc_cop *ret_field, uint32_t *ret_type) {
    sc_err *err = type_argument(ps, ret_type);
    if (!err)
        err = comma(ps);
    return err ? err : field(ps, *ret_type, ret_field);
}

static sc_err *containing_record(struct sc_cparser *ps, const struct sc_cmacro *macro,
                                 struct sc_cop *op) {
    struct sc_cop f, address = {.at = op->at};
    uint32_t type, pointer;
    (void)macro;
    sc_err *err = value(ps, &address);
    if (!err)
        err = comma(ps);
    if (!err)
        err = type_and_field(ps, &f, &type);
    if (!err && (sc_c_is_real(&address) || sc_c_is_aggregate(&address.t)))
        err = sc_scan_fail(&ps->scan, address.at, SC_ERR_ARG, "an address expected");
    if (!err)
        err = sc_ctypes_pointer(ps->types, type, false, &pointer);
    return err ? err : sc_c_set_number(ps, op, pointer, address.number - f.place.address);
}

static sc_err *field_offset(struct sc_cparser *ps, const struct sc_cmacro *macro,
                            struct sc_cop *op) {
    struct sc_cop f;
    uint32_t type;
    (void)macro;
    sc_err *err = type_and_field(ps, &f, &type);
    return err ? err : sc_c_set_number(ps, op, SC_CT_LONG, f.place.address);
}

static sc_err *contains_field(struct sc_cparser *ps, const struct sc_cmacro *macro,
                              struct sc_cop *op) {
    struct sc_cop f, pointer = {.at = op->at}, size = {.at = op->at};
    uint64_t bytes;
    (void)macro;
    sc_err *err = value(ps, &pointer);
    if (!err && !sc_c_is_pointer(&pointer))
        err = sc_scan_fail(&ps->scan, pointer.at, SC_ERR_ARG, "a pointer to a structure expected");
    if (!err)
        err = comma(ps);
    if (!err)
        err = value(ps, &size);
    if (!err)
        err = sc_c_promote(ps, &size);
    if (!err && sc_c_is_real(&size))
        err = sc_scan_fail(&ps->scan, size.at, SC_ERR_ARG, "a number of bytes expected");
    if (!err)
        err = comma(ps);
    if (!err)
        err = field(ps, pointer.t.target, &f);
    if (!err)
        err = field_size(ps, &f, &bytes);
    return err ? err : sc_c_set_bool(ps, op, f.place.address + bytes <= size.number);
}

/* ARG: with what stands in front of the field. */
static sc_err *size_of_field(struct sc_cparser *ps, const struct sc_cmacro *macro,
                             struct sc_cop *op) {
    struct sc_cop f;
    uint32_t type;
    uint64_t bytes = 0;
    sc_err *err = type_and_field(ps, &f, &type);
    if (!err)
        err = field_size(ps, &f, &bytes);
    if (err)
        return err;
    return sc_c_set_number(ps, op, size_type(ps), bytes + (macro->arg ? f.place.address : 0));
}

static sc_err *number_of(struct sc_cparser *ps, const struct sc_cmacro *macro, struct sc_cop *op) {
    struct sc_cop array = {.at = ps->scan.p};
    char name[SC_C_TYPE];
    (void)macro;
    ps->dead++;
    sc_err *err = sc_c_assignment(ps, &array);
    ps->dead--;
    if (!err && array.t.kind != SC_TYPE_ARRAY)
        err = sc_scan_fail(&ps->scan, array.at, SC_ERR_ARG, "%s is no array",
                           sc_c_type_name(ps, array.type, name));
    return err ? err : sc_c_set_number(ps, op, size_type(ps), array.t.count);
}

static sc_err *status(struct sc_cparser *ps, const struct sc_cmacro *macro, struct sc_cop *op) {
    struct sc_cop code = {.at = op->at};
    sc_err *err = value(ps, &code);
    if (!err)
        err = sc_c_cast(ps, &code, SC_CT_LONG, true);
    if (err)
        return err;
    unsigned severity = (unsigned)(code.number >> 30 & 3);
    return sc_c_set_bool(ps, op, macro->arg == 4 ? severity < 2 : severity == macro->arg);
}

static const struct sc_cmacro macros[] = {
    {"CONTAINING_RECORD", containing_record, 0},
    {"FIELD_OFFSET", field_offset, 0},
    {"RTL_CONTAINS_FIELD", contains_field, 0},
    {"RTL_FIELD_SIZE", size_of_field, 0},
    {"RTL_NUMBER_OF", number_of, 0},
    {"RTL_SIZEOF_THROUGH_FIELD", size_of_field, 1},
    {"NT_SUCCESS", status, 4},
    {"NT_INFORMATION", status, 1},
    {"NT_WARNING", status, 2},
    {"NT_ERROR", status, 3},
};

const struct sc_cmacro *sc_c_find_macro(const char *name) {
    for (size_t i = 0; i < sizeof macros / sizeof *macros; i++)
        if (!strcmp(macros[i].name, name))
            return &macros[i];
    return NULL;
}

sc_err *sc_c_macro(struct sc_cparser *ps, const struct sc_cmacro *macro, struct sc_cop *op) {
    const char *open = ps->scan.p, *at = op->at;
    sc_err *err = sc_c_need(ps, SC_C_OPEN, "(");
    if (!err)
        err = macro->run(ps, macro, op);
    op->at = at;
    return err ? err : sc_c_close(ps, SC_C_CLOSE, open);
}

sc_err *sc_c_hash(struct sc_cparser *ps, struct sc_cop *op) {
    char name[SC_C_FIELD];
    sc_c_skip(ps, SC_C_HASH);
    sc_err *err = sc_c_plain_name(ps, name, sizeof name);
    if (err)
        return err;
    const struct sc_cmacro *macro = sc_c_find_macro(name);
    if (!macro)
        return sc_scan_fail(&ps->scan, op->at, SC_ERR_NOT_FOUND,
                            "#%.60s is no macro here: #FIELD_OFFSET, #CONTAINING_RECORD, "
                            "#RTL_NUMBER_OF and their kin are",
                            name);
    sc_c_blanks(ps);
    return sc_c_macro(ps, macro, op);
}
