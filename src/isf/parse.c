/* SPDX-License-Identifier: MIT */
/*
 * Volatility's symbol table format ("ISF", versions 4 to 6), as its published schemas and the
 * tables themselves show it:
 *
 *     { "metadata":   { "format": "6.1.0", "windows": { "pdb": { "GUID", "age", "database",
 *                                                               "machine_type" } } },
 *       "base_types": { NAME: { "kind": "int|char|bool|float|void", "size", "signed", "endian" } },
 *       "enums":      { NAME: { "base": NAME, "size", "constants": { NAME: value } } },
 *       "user_types": { NAME: { "kind": "struct|class|union", "size",
 *                               "fields": { NAME: { "offset", "type": TYPE } } } },
 *       "symbols":    { NAME: { "address": rva, "type": TYPE, "linkage_name": NAME,
 *                               "constant_data": base64 } } }
 *
 *     TYPE: { "kind": "base|struct|class|union|enum", "name" }
 *         | { "kind": "pointer", "subtype": TYPE }
 *         | { "kind": "array", "count", "subtype": TYPE }
 *         | { "kind": "bitfield", "bit_position", "bit_length", "type": TYPE }
 *         | { "kind": "function" }
 *
 * Members of every object may come in any order, and unknown ones are skipped. Addresses are
 * offsets from the image's base. Where a symbol has a "linkage_name", the key is that name less
 * its decoration; the PDB's own name is the linkage name, and that is what we hand out. The order
 * of the fields says nothing (most tables have them sorted by name); ours is by offset.
 *
 * Guessed: "constant_data" is the constant's bytes, lowest first (only tables of Linux have it).
 */
#include "isf/parse.h"

#include <stdlib.h>

#include "base/vec.h"
#include "isf/names.h"

/* Bytes of the largest structure that is believed. */
#define TYPE_SIZE_MAX (1ull << 40)

typedef sc_err *(*entry_fn)(struct isf_parse *p, uint32_t name, uint64_t where);

/* An object of { NAME: { … } }: calls FN for each, behind the inner opening brace. */
static sc_err *each_entry(struct isf_parse *p, bool intern, entry_fn fn) {
    struct json_token t;
    sc_err *err = json_want(&p->json, JSON_OBJECT, "a table of names", &t);
    for (bool more = true; !err;) {
        err = json_key(&p->json, &t, &more);
        if (err || !more)
            break;
        uint32_t name;
        uint64_t where = t.where;
        err = intern ? isf_build_intern(p->build, t.text, t.len, &name)
                     : isf_build_append(p->build, t.text, t.len, &name);
        if (!err)
            err = json_want(&p->json, JSON_OBJECT, "the description of a name", &t);
        if (!err)
            err = fn(p, name, where);
    }
    return err;
}

static sc_err *skip_value(struct isf_parse *p) {
    struct json_token t;
    sc_err *err = json_next(&p->json, &t);
    return err ? err : json_skip(&p->json, &t);
}

static sc_err *read_bool(struct isf_parse *p, bool *ret) {
    struct json_token t;
    sc_err *err = json_next(&p->json, &t);
    if (err)
        return err;
    if (t.kind != JSON_TRUE && t.kind != JSON_FALSE)
        return json_error(&p->json, t.where, "neither true nor false");
    *ret = t.kind == JSON_TRUE;
    return NULL;
}

bool isf_kind(const struct json_token *token, enum sc_type_kind *ret_kind) {
    static const struct {
        const char *word;
        enum sc_type_kind kind;
    } words[] = {
        {"void", SC_TYPE_VOID},         {"int", SC_TYPE_INT},     {"char", SC_TYPE_CHAR},
        {"bool", SC_TYPE_BOOL},         {"float", SC_TYPE_FLOAT}, {"struct", SC_TYPE_STRUCT},
        {"class", SC_TYPE_CLASS},       {"union", SC_TYPE_UNION}, {"enum", SC_TYPE_ENUM},
        {"pointer", SC_TYPE_POINTER},   {"array", SC_TYPE_ARRAY}, {"bitfield", SC_TYPE_BITFIELD},
        {"function", SC_TYPE_FUNCTION}, {"base", SC_TYPE_UNKNOWN}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (json_is(token, words[i].word)) {
            *ret_kind = words[i].kind;
            return true;
        }
    return false;
}

/* "kind": one of those that MASK allows (bits 1 << kind). */
static sc_err *read_kind(struct isf_parse *p, unsigned mask, enum sc_type_kind *ret_kind) {
    struct json_token t;
    sc_err *err = json_want(&p->json, JSON_TEXT, "kind", &t);
    if (err)
        return err;
    enum sc_type_kind kind;
    if (!isf_kind(&t, &kind) || !(mask & 1u << kind))
        return json_error(&p->json, t.where, "a kind that cannot stand here");
    *ret_kind = kind;
    return NULL;
}

static sc_err *base_type(struct isf_parse *p, uint32_t name, uint64_t where) {
    enum sc_type_kind kind = SC_TYPE_UNKNOWN;
    uint64_t size = 0;
    bool is_signed = false, more = true;
    for (struct json_token t;;) {
        sc_err *err = json_key(&p->json, &t, &more);
        if (err || !more) {
            if (err)
                return err;
            break;
        }
        if (json_is(&t, "size"))
            err = json_unsigned(&p->json, 64, "size of a base type", &size);
        else if (json_is(&t, "signed"))
            err = read_bool(p, &is_signed);
        else if (json_is(&t, "kind"))
            err = read_kind(p,
                            1u << SC_TYPE_VOID | 1u << SC_TYPE_INT | 1u << SC_TYPE_CHAR |
                                1u << SC_TYPE_BOOL | 1u << SC_TYPE_FLOAT,
                            &kind);
        else
            err = skip_value(p);
        if (err)
            return err;
    }
    return isf_define_base(p->build, name, kind, size, is_signed, where);
}

/* "constants": { NAME: value } */
static sc_err *constants(struct isf_parse *p, uint32_t *ret_first, uint32_t *ret_count) {
    struct isf_build *b = p->build;
    struct json_token t;
    const size_t first = b->members.count;
    sc_err *err = json_want(&p->json, JSON_OBJECT, "constants", &t);
    for (bool more = true; !err;) {
        err = json_key(&p->json, &t, &more);
        if (err || !more)
            break;
        struct isf_member *m = SC_VEC_PUSH(&b->members);
        if (!m)
            return sc_err_nomem();
        m->row.kind = SC_MEMBER_ENUMERATOR;
        m->order = (uint32_t)(b->members.count - first);
        err = isf_build_intern(b, t.text, t.len, &m->row.name);
        if (!err)
            err = json_want(&p->json, JSON_NUMBER, "value of a constant", &t);
        if (!err && !t.integer)
            err = json_error(&p->json, t.where, "a constant that is no whole number");
        if (!err)
            m->row.value = t.number;
    }
    *ret_first = (uint32_t)first;
    *ret_count = (uint32_t)(b->members.count - first);
    return err;
}

static sc_err *base_of_enum(struct isf_parse *p, uint32_t *ret_base) {
    struct json_token t;
    sc_err *err = json_want(&p->json, JSON_TEXT, "base of an enum", &t);
    uint32_t key;
    if (!err)
        err = isf_build_intern(p->build, t.text, t.len, &key);
    if (!err)
        err = isf_build_named(p->build, ISF_BASE, SC_TYPE_UNKNOWN, key, t.where, ret_base);
    return err;
}

/* Defines the type that NAME refers to. */
static sc_err *define(struct isf_build *b, enum isf_class cls, uint32_t name, uint64_t where,
                      const struct isf_type_row *row) {
    uint32_t id;
    sc_err *err = isf_build_named(b, cls, (enum sc_type_kind)row->kind, name, where, &id);
    if (err)
        return err;
    struct isf_type_row *to = &isf_build_type(b, id)->row;
    *to = *row;
    to->name = name;
    to->flags = (uint8_t)(cls << ISF_CLASS_SHIFT);
    return NULL;
}

static sc_err *enum_type(struct isf_parse *p, uint32_t name, uint64_t where) {
    struct isf_type_row row = {.kind = SC_TYPE_ENUM};
    bool more = true;
    for (struct json_token t;;) {
        sc_err *err = json_key(&p->json, &t, &more);
        if (err)
            return err;
        if (!more)
            return define(p->build, ISF_ENUM, name, where, &row);
        uint32_t count = 0;
        if (json_is(&t, "constants")) {
            err = constants(p, &row.first, &count);
            row.count = count;
        } else if (json_is(&t, "base")) {
            err = base_of_enum(p, &row.target);
        } else if (json_is(&t, "size")) {
            err = json_unsigned(&p->json, 16, "size of an enum", &row.size);
        } else {
            err = skip_value(p);
        }
        if (err)
            return err;
    }
}

/* A bit field's type holds the bits; the member says where. */
static void take_type(struct isf_build *b, struct isf_member_row *m, uint32_t id) {
    const struct isf_type_row *r = &isf_build_type(b, id)->row;
    m->type = id;
    if (r->kind == SC_TYPE_BITFIELD) {
        m->bit_pos = r->bit_pos;
        m->bit_len = r->bit_len;
    }
}

static sc_err *field(struct isf_parse *p, uint32_t name, uint64_t where) {
    struct isf_build *b = p->build;
    struct isf_member_row row = {.name = name, .kind = SC_MEMBER_FIELD};
    uint32_t type = 0;
    bool more = true, has_offset = false;
    for (struct json_token t;;) {
        sc_err *err = json_key(&p->json, &t, &more);
        if (err)
            return err;
        if (!more)
            break;
        if (json_is(&t, "offset")) {
            err = json_unsigned(&p->json, TYPE_SIZE_MAX, "offset", &row.value);
            has_offset = true;
        } else if (json_is(&t, "type")) {
            err = json_want(&p->json, JSON_OBJECT, "type of a field", &t);
            if (!err)
                err = isf_parse_type(p, &type);
        } else {
            err = skip_value(p);
        }
        if (err)
            return err;
    }
    if (!type || !has_offset)
        return json_error(&p->json, where, "a field without type or offset");
    take_type(b, &row, type);
    struct isf_member *m = SC_VEC_PUSH(&b->members);
    if (!m)
        return sc_err_nomem();
    m->row = row;
    m->order = (uint32_t)b->members.count;
    return NULL;
}

static sc_err *user_type(struct isf_parse *p, uint32_t name, uint64_t where) {
    struct isf_type_row row = {.kind = SC_TYPE_STRUCT};
    enum sc_type_kind kind = SC_TYPE_STRUCT;
    bool more = true;
    for (struct json_token t;;) {
        sc_err *err = json_key(&p->json, &t, &more);
        if (err)
            return err;
        if (!more)
            break;
        if (json_is(&t, "fields")) {
            row.first = (uint32_t)p->build->members.count;
            err = each_entry(p, true, field);
            row.count = p->build->members.count - row.first;
        } else if (json_is(&t, "kind")) {
            err = read_kind(p, 1u << SC_TYPE_STRUCT | 1u << SC_TYPE_CLASS | 1u << SC_TYPE_UNION,
                            &kind);
        } else if (json_is(&t, "size")) {
            err = json_unsigned(&p->json, TYPE_SIZE_MAX, "size of a type", &row.size);
        } else {
            err = skip_value(p);
        }
        if (err)
            return err;
    }
    row.kind = (uint8_t)kind;
    p->has_types = true;
    return define(p->build, ISF_USER, name, where, &row);
}

static int base64_digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *d = c ? strchr(digits, c) : NULL;
    return d ? (int)(d - digits) : -1;
}

/* The first eight bytes of a constant's base64, lowest first. */
static sc_err *constant_data(struct isf_parse *p, uint64_t *ret_value) {
    struct json_token t;
    sc_err *err = json_want(&p->json, JSON_TEXT, "constant_data", &t);
    if (err)
        return err;
    uint64_t value = 0;
    uint32_t bits = 0, held = 0, bytes = 0;
    for (size_t i = 0; i < t.len && t.text[i] != '='; i++) {
        int d = base64_digit(t.text[i]);
        if (d < 0)
            return json_error(&p->json, t.where, "not base64");
        held = held << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (bytes < 8)
                value |= (uint64_t)(held >> bits & 0xff) << 8 * bytes;
            bytes++;
        }
    }
    *ret_value = value;
    return NULL;
}

/* What the description of a symbol says. */
struct symbol {
    struct isf_symbol_row row;
    bool has_address, has_value;
    uint64_t value;
};

static sc_err *symbol_key(struct isf_parse *p, const struct json_token *key, struct symbol *s) {
    struct json_token t;
    sc_err *err;
    if (json_is(key, "address")) {
        uint64_t address = 0;
        err = json_unsigned(&p->json, UINT32_MAX, "address of a symbol (an offset in an image)",
                            &address);
        s->row.rva = (uint32_t)address;
        s->has_address = true;
    } else if (json_is(key, "linkage_name")) {
        err = json_want(&p->json, JSON_TEXT, "linkage_name", &t);
        if (!err)
            err = isf_build_append(p->build, t.text, t.len, &s->row.alias);
    } else if (json_is(key, "type")) {
        err = json_want(&p->json, JSON_OBJECT, "type of a symbol", &t);
        if (!err)
            err = isf_parse_type(p, &s->row.type);
    } else if (json_is(key, "constant_data")) {
        err = constant_data(p, &s->value);
        s->has_value = true;
    } else {
        err = skip_value(p);
    }
    return err;
}

static sc_err *symbol(struct isf_parse *p, uint32_t name, uint64_t where) {
    struct isf_build *b = p->build;
    struct symbol s = {.row = {.name = name}};
    bool more = true;
    for (struct json_token t;;) {
        sc_err *err = json_key(&p->json, &t, &more);
        if (err)
            return err;
        if (!more)
            break;
        err = symbol_key(p, &t, &s);
        if (err)
            return err;
    }
    if (s.has_value && !s.row.rva) {
        struct isf_constant *c = SC_VEC_PUSH(&b->constants);
        if (!c)
            return sc_err_nomem();
        *c = (struct isf_constant){name, s.row.type, s.value};
        return NULL;
    }
    if (!s.has_address)
        return json_error(&p->json, where, "a symbol without an address");
    if (s.row.alias) { /* the PDB's own name first */
        s.row.name = s.row.alias;
        s.row.alias = name;
    }
    struct isf_symbol_row *r = SC_VEC_PUSH(&b->symbols);
    if (!r)
        return sc_err_nomem();
    *r = s.row;
    return NULL;
}

static sc_err *section(struct isf_parse *p, const struct json_token *key) {
    if (json_is(key, "symbols")) {
        p->has_symbols = true;
        return each_entry(p, false, symbol);
    }
    if (json_is(key, "user_types")) {
        p->has_types = true;
        return each_entry(p, true, user_type);
    }
    if (json_is(key, "enums"))
        return each_entry(p, true, enum_type);
    if (json_is(key, "base_types"))
        return each_entry(p, true, base_type);
    if (json_is(key, "metadata")) {
        struct json_token t;
        sc_err *err = json_want(&p->json, JSON_OBJECT, "metadata", &t);
        return err ? err : isf_parse_metadata(p);
    }
    return skip_value(p);
}

static sc_err *whole_text(struct isf_parse *p) {
    struct json_token t;
    sc_err *err = json_want(&p->json, JSON_OBJECT, "a symbol table", &t);
    for (bool more = true; !err;) {
        err = json_key(&p->json, &t, &more);
        if (err || !more)
            break;
        err = section(p, &t);
    }
    if (!err)
        err = json_want(&p->json, JSON_END, "the end of the text", &t);
    if (!err && !p->has_symbols && !p->has_types)
        err = json_error(&p->json, 0, "JSON, but no symbol table: neither symbols nor user_types");
    return err;
}

sc_err *isf_parse(const sc_file *file, struct isf_build *build) {
    struct isf_parse p = {.build = build};
    struct isf_feed *feed = NULL;
    sc_err *err = isf_feed_open(file, &feed);
    if (err)
        return err;
    err = json_init(&p.json, feed, sc_file_name(file));
    if (!err) {
        err = whole_text(&p);
        json_deinit(&p.json);
    }
    isf_feed_close(feed);
    return err;
}
