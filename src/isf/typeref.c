/* SPDX-License-Identifier: MIT */
/* TYPE objects: see parse.c for their form. */
#include "isf/parse.h"

/* A type object's members as they come, in whatever order. */
struct typeref {
    bool has_kind, has_name;
    enum sc_type_kind kind;
    uint32_t name;
    uint32_t target; /* "subtype" or "type" */
    uint64_t count, bit_pos, bit_len;
};

static sc_err *read_name(struct isf_parse *p, struct typeref *r) {
    struct json_token t;
    sc_err *err = json_want(&p->json, JSON_TEXT, "name of a type", &t);
    if (!err)
        err = isf_build_intern(p->build, t.text, t.len, &r->name);
    r->has_name = true;
    return err;
}

static sc_err *read_kind(struct isf_parse *p, struct typeref *r) {
    struct json_token t;
    sc_err *err = json_want(&p->json, JSON_TEXT, "kind of a type", &t);
    if (err)
        return err;
    if (!isf_kind(&t, &r->kind))
        return json_error(&p->json, t.where, "an unknown kind of type");
    r->has_kind = true;
    return NULL;
}

/* An object nested in this one; JSON's depth bounds the recursion. */
static sc_err *read_target(struct isf_parse *p, struct typeref *r) {
    struct json_token t;
    sc_err *err = json_want(&p->json, JSON_OBJECT, "type of a type", &t);
    return err ? err : isf_parse_type(p, &r->target);
}

static sc_err *read_member(struct isf_parse *p, const struct json_token *key, struct typeref *r) {
    if (json_is(key, "kind"))
        return read_kind(p, r);
    if (json_is(key, "name"))
        return read_name(p, r);
    if (json_is(key, "subtype") || json_is(key, "type"))
        return read_target(p, r);
    if (json_is(key, "count"))
        return json_unsigned(&p->json, UINT32_MAX, "count of an array", &r->count);
    if (json_is(key, "bit_position"))
        return json_unsigned(&p->json, 127, "bit_position", &r->bit_pos);
    if (json_is(key, "bit_length"))
        return json_unsigned(&p->json, 128, "bit_length", &r->bit_len);
    struct json_token t;
    sc_err *err = json_next(&p->json, &t);
    return err ? err : json_skip(&p->json, &t);
}

static enum isf_class class_of(enum sc_type_kind kind) {
    switch (kind) {
    case SC_TYPE_STRUCT:
    case SC_TYPE_CLASS:
    case SC_TYPE_UNION: return ISF_USER;
    case SC_TYPE_ENUM: return ISF_ENUM;
    case SC_TYPE_POINTER:
    case SC_TYPE_ARRAY:
    case SC_TYPE_BITFIELD:
    case SC_TYPE_FUNCTION: return ISF_UNNAMED;
    default: return ISF_BASE;
    }
}

static sc_err *intern(struct isf_parse *p, const struct typeref *r, uint64_t where,
                      uint32_t *ret_id) {
    enum isf_class cls = class_of(r->kind);
    if (cls != ISF_UNNAMED) {
        if (!r->has_name)
            return json_error(&p->json, where, "a type without a name");
        return isf_build_named(p->build, cls, r->kind, r->name, where, ret_id);
    }
    if (!r->target && r->kind != SC_TYPE_FUNCTION)
        return json_error(&p->json, where, "a pointer, array or bit field of nothing");
    if (r->kind == SC_TYPE_BITFIELD && !r->bit_len)
        return json_error(&p->json, where, "a bit field without bits");
    const struct isf_type_row row = {.kind = (uint8_t)r->kind,
                                     .target = r->target,
                                     .count = r->kind == SC_TYPE_ARRAY ? r->count : 0,
                                     .bit_pos = (uint8_t)r->bit_pos,
                                     .bit_len = (uint8_t)r->bit_len};
    return isf_build_shape(p->build, &row, where, ret_id);
}

sc_err *isf_parse_type(struct isf_parse *p, uint32_t *ret_id) {
    struct typeref r = {.kind = SC_TYPE_UNKNOWN};
    bool more = true;
    for (struct json_token t;;) {
        sc_err *err = json_key(&p->json, &t, &more);
        if (err)
            return err;
        if (!more) {
            if (!r.has_kind)
                return json_error(&p->json, t.where, "a type without a kind");
            return intern(p, &r, t.where, ret_id);
        }
        err = read_member(p, &t, &r);
        if (err)
            return err;
    }
}
