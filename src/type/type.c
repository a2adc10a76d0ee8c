/* SPDX-License-Identifier: MIT */
/*
 * Types as people ask for them and read them: members by name, enumerators, and the text that `dt`
 * and C have for a type.
 *
 * Type graphs come from files, so they may be cyclic where C's are not: every descent is bounded.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf.h"
#include "stopcode/value.h"

enum { DEPTH_MAX = 16 };

sc_err *sc_type_of(sc_symbols *symbols, uint32_t id, struct sc_type *ret_type) {
    if (!id)
        return sc_errf(SC_ERR_NOT_FOUND, "the type is not known");
    return sc_symbols_type(symbols, id, ret_type);
}

/* ---- members ---- */

struct each {
    sc_symbols *symbols;
    sc_member_fn fn;
    void *ctx;
    sc_err *err;
};

/* A member of a bit-field type is that type's bits of the type underneath. */
static sc_err *resolve_bits(sc_symbols *symbols, struct sc_member *m) {
    struct sc_type t;
    if (!m->type || m->kind == SC_MEMBER_ENUMERATOR)
        return NULL;
    sc_err *err = sc_symbols_type(symbols, m->type, &t);
    if (err || t.kind != SC_TYPE_BITFIELD)
        return err;
    if (!m->bit_len) {
        m->bit_pos = t.bit_pos;
        m->bit_len = t.bit_len;
    }
    m->type = t.target;
    return NULL;
}

static bool each_member(void *ctx, const struct sc_member *member) {
    struct each *e = ctx;
    struct sc_member m = *member;
    e->err = resolve_bits(e->symbols, &m);
    return !e->err && e->fn(e->ctx, &m);
}

sc_err *sc_type_members(sc_symbols *symbols, uint32_t id, sc_member_fn fn, void *ctx) {
    struct each e = {symbols, fn, ctx, NULL};
    sc_err *err = sc_symbols_members(symbols, id, each_member, &e);
    if (err && e.err)
        sc_err_destroy(e.err);
    return err ? err : e.err;
}

/* A search for a member; `inner` gathers what may hold it when the type itself does not. */
enum { INNER_MAX = 32, TYPES_MAX = 4096 };
struct find {
    const char *name;
    struct sc_member exact, loose;
    bool has_exact, has_loose;
    struct sc_member inner[INNER_MAX];
    unsigned ninner;
};

/* By their first letters, can the names be equal but for their case? Mostly not. */
static bool may_equal(const char *a, const char *b) { return !((*a ^ *b) & ~('a' ^ 'A')); }

static bool find_member(void *ctx, const struct sc_member *m) {
    struct find *f = ctx;
    if (m->kind == SC_MEMBER_BASE || (m->kind == SC_MEMBER_FIELD && m->name && !m->name[0])) {
        if (f->ninner < INNER_MAX)
            f->inner[f->ninner++] = *m;
    }
    if (m->kind == SC_MEMBER_METHOD || m->kind == SC_MEMBER_NESTED || !m->name ||
        !may_equal(m->name, f->name))
        return true;
    if (!strcmp(m->name, f->name)) {
        f->exact = *m;
        f->has_exact = true;
    } else if (!f->has_loose && !sc_strcasecmp(m->name, f->name)) {
        f->loose = *m;
        f->has_loose = true;
    }
    return !f->has_exact;
}

/* LEFT: how many types may still be looked into; a file may make them hold each other. */
static sc_err *member_in(sc_symbols *symbols, uint32_t id, const char *name, unsigned depth,
                         unsigned *left, struct sc_member *ret_member, bool *ret_found) {
    struct find f = {.name = name};
    if (!*left)
        return NULL;
    --*left;
    sc_err *quick = sc_symbols_member(symbols, id, name, &f.exact, &f.has_exact);
    if (quick)
        return quick;
    /* The types of members that are passed by are nobody's business: only the answer's is asked. */
    sc_err *err = f.has_exact ? NULL : sc_symbols_members(symbols, id, find_member, &f);
    if (err || depth == DEPTH_MAX)
        return err;
    if (f.has_exact || f.has_loose) {
        struct sc_member m = f.has_exact ? f.exact : f.loose;
        err = resolve_bits(symbols, &m);
        if (err)
            return err;
        *ret_member = m;
        *ret_found = true;
        return NULL;
    }
    for (unsigned i = 0; !err && !*ret_found && i < f.ninner; i++) {
        if (!f.inner[i].type)
            continue;
        err = member_in(symbols, f.inner[i].type, name, depth + 1, left, ret_member, ret_found);
        if (!err && *ret_found)
            ret_member->offset += f.inner[i].offset;
    }
    return err;
}

sc_err *sc_type_member(sc_symbols *symbols, uint32_t id, const char *name,
                       struct sc_member *ret_member, bool *ret_found) {
    *ret_found = false;
    unsigned left = TYPES_MAX;
    return id ? member_in(symbols, id, name, 0, &left, ret_member, ret_found) : NULL;
}

/* ---- enumerations ---- */

struct enumerator {
    const char *name; /* looked for, or found */
    int64_t value;
    bool by_name, found;
};

static bool find_enumerator(void *ctx, const struct sc_member *m) {
    struct enumerator *e = ctx;
    if (m->kind != SC_MEMBER_ENUMERATOR)
        return true;
    e->found = e->by_name ? !strcmp(m->name, e->name) : m->value == e->value;
    if (e->found) {
        e->name = m->name;
        e->value = m->value;
    }
    return !e->found;
}

sc_err *sc_type_enumerator(sc_symbols *symbols, uint32_t id, int64_t value, const char **ret_name) {
    struct enumerator e = {.value = value};
    sc_err *err = sc_symbols_members(symbols, id, find_enumerator, &e);
    if (!err)
        *ret_name = e.found ? e.name : NULL;
    return err;
}

sc_err *sc_type_enum_value(sc_symbols *symbols, uint32_t id, const char *name, int64_t *ret_value,
                           bool *ret_found) {
    struct enumerator e = {.name = name, .by_name = true};
    sc_err *err = sc_symbols_members(symbols, id, find_enumerator, &e);
    if (err)
        return err;
    *ret_found = e.found;
    if (e.found)
        *ret_value = e.value;
    return NULL;
}

/* ---- text ---- */

struct text {
    char *buf;
    size_t size, len;
};

static void add(struct text *t, const char *s) {
    size_t n = strlen(s), room = t->size - t->len;
    if (n >= room)
        n = room - 1;
    memcpy(t->buf + t->len, s, n);
    t->len += n;
    t->buf[t->len] = 0;
}

static void add_count(struct text *t, const char *before, uint64_t n, const char *behind) {
    char number[48];
    snprintf(number, sizeof number, "%s%" PRIu64 "%s", before, n, behind);
    add(t, number);
}

/* A base type's name in WinDbg's fashion, for providers that give none. */
static void add_base(struct text *t, const struct sc_type *type) {
    if (type->name && type->name[0])
        add(t, type->name);
    else if (type->kind == SC_TYPE_VOID)
        add(t, "Void");
    else if (type->kind == SC_TYPE_CHAR)
        add(t, type->size == 2 ? "Wchar" : type->is_signed ? "Char" : "UChar");
    else if (type->kind == SC_TYPE_BOOL)
        add(t, "Bool");
    else if (type->kind == SC_TYPE_FLOAT)
        add(t, type->size == 4 ? "Float" : "Double");
    else if (type->kind == SC_TYPE_INT)
        add_count(t, type->is_signed ? "Int" : "Uint", type->size, "B");
    else if (type->kind == SC_TYPE_UNKNOWN)
        add(t, "<unknown type>");
    else
        add(t, "<unnamed-tag>");
}

static sc_err *add_c_type(struct text *t, sc_symbols *symbols, uint32_t id, unsigned depth);

static sc_err *add_type(struct text *t, sc_symbols *symbols, uint32_t id, unsigned depth) {
    struct sc_type type;
    sc_err *err = NULL;
    if (!id || depth == DEPTH_MAX) {
        add(t, "<unknown type>");
        return NULL;
    }
    err = sc_symbols_type(symbols, id, &type);
    if (err)
        return err;
    switch (type.kind) {
    case SC_TYPE_POINTER:
        add_count(t, type.is_reference ? "Ref" : "Ptr", type.size * 8, " ");
        return add_type(t, symbols, type.target, depth + 1);
    case SC_TYPE_ARRAY:
        add_count(t, "[", type.count, "] ");
        return add_type(t, symbols, type.target, depth + 1);
    case SC_TYPE_FUNCTION:
        add(t, "    ");
        err = add_c_type(t, symbols, type.target, depth + 1);
        add(t, " ");
        return err;
    case SC_TYPE_BITFIELD:
        add_count(t, "Pos ", type.bit_pos, ", ");
        add_count(t, "", type.bit_len, type.bit_len == 1 ? " Bit" : " Bits");
        return NULL;
    default: add_base(t, &type); return NULL;
    }
}

sc_err *sc_type_text(sc_symbols *symbols, uint32_t id, char *buf, size_t size) {
    struct text t = {buf, size, 0};
    buf[0] = 0;
    return add_type(&t, symbols, id, 0);
}

static const struct {
    const char *dt, *c;
} c_names[] = {
    {"Void", "void"},
    {"Char", "char"},
    {"UChar", "unsigned char"},
    {"Wchar", "wchar_t"},
    {"Bool", "bool"},
    {"Int1B", "char"},
    {"Uint1B", "unsigned char"},
    {"Int2B", "short"},
    {"Uint2B", "unsigned short"},
    {"Int4B", "long"},
    {"Uint4B", "unsigned long"},
    {"Int8B", "int64"},
    {"Uint8B", "unsigned int64"},
    {"Float", "float"},
    {"Double", "double"},
    {"Char8", "char8_t"},
    {"Char16", "char16_t"},
    {"Char32", "char32_t"},
};

static void add_c_base(struct text *t, const struct sc_type *type) {
    char name[64];
    struct text own = {name, sizeof name, 0};
    const char *shown = type->name ? type->name : "";
    if (!shown[0]) {
        add_base(&own, type);
        shown = name;
    }
    for (size_t i = 0; i < sizeof c_names / sizeof *c_names; i++)
        if (!strcmp(shown, c_names[i].dt))
            shown = c_names[i].c;
    add(t, shown);
}

static sc_err *add_c_type(struct text *t, sc_symbols *symbols, uint32_t id, unsigned depth) {
    struct sc_type type;
    if (!id || depth == DEPTH_MAX) {
        add(t, id ? "<unknown type>" : "void");
        return NULL;
    }
    sc_err *err = sc_symbols_type(symbols, id, &type);
    if (err)
        return err;
    switch (type.kind) {
    case SC_TYPE_POINTER:
        err = add_c_type(t, symbols, type.target, depth + 1);
        add(t, type.is_reference ? "&" : "*");
        return err;
    case SC_TYPE_ARRAY:
        err = add_c_type(t, symbols, type.target, depth + 1);
        add_count(t, " [", type.count, "]");
        return err;
    case SC_TYPE_FUNCTION:
        err = add_c_type(t, symbols, type.target, depth + 1);
        add(t, " ()");
        return err;
    case SC_TYPE_BITFIELD: return add_c_type(t, symbols, type.target, depth + 1);
    default: add_c_base(t, &type); return NULL;
    }
}

sc_err *sc_type_c_text(sc_symbols *symbols, uint32_t id, char *buf, size_t size) {
    struct text t = {buf, size, 0};
    buf[0] = 0;
    return add_c_type(&t, symbols, id, 0);
}

static sc_err *add_decl(struct text *t, sc_symbols *symbols, uint32_t id, unsigned depth) {
    struct sc_type type = {.kind = SC_TYPE_UNKNOWN};
    sc_err *err = id ? sc_symbols_type(symbols, id, &type) : NULL;
    if (err)
        return err;
    bool derived = type.kind == SC_TYPE_POINTER || type.kind == SC_TYPE_ARRAY;
    if (derived && depth < DEPTH_MAX) {
        if (type.target || type.kind == SC_TYPE_ARRAY)
            err = add_decl(t, symbols, type.target, depth + 1);
        else
            add(t, "void");
        if (type.kind == SC_TYPE_POINTER && t->buf[t->len - 1] != '*')
            add(t, " ");
        if (type.kind == SC_TYPE_ARRAY)
            add_count(t, " [", type.count, "]");
        else
            add(t, type.is_reference ? "&" : "*");
        return err;
    }
    if (!id) {
        add(t, "<unknown type>");
        return NULL;
    }
    switch (type.kind) {
    case SC_TYPE_FUNCTION: add(t, "<function>"); return NULL;
    case SC_TYPE_STRUCT: add(t, "struct "); break;
    case SC_TYPE_CLASS: add(t, "class "); break;
    case SC_TYPE_UNION: add(t, "union "); break;
    default: break;
    }
    if (!type.is_int)
        return add_c_type(t, symbols, id, depth);
    add(t, type.is_signed ? "int" : "unsigned int");
    return NULL;
}

sc_err *sc_type_decl_text(sc_symbols *symbols, uint32_t id, char *buf, size_t size) {
    struct text t = {buf, size, 0};
    buf[0] = 0;
    return add_decl(&t, symbols, id, 0);
}
