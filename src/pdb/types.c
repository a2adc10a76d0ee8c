/* SPDX-License-Identifier: MIT */
/*
 * Types as WinDbg names them.
 *
 *     LF_MODIFIER    u32 type, u16 flags (1 const, 2 volatile, 4 unaligned)
 *     LF_POINTER     u32 type, u32 attributes: 0-4 kind (0x0a near 32, 0x0c 64 bits), 5-7 mode
 *                    (1 lvalue reference, 2 to data member, 3 to member function, 4 rvalue
 *                    reference), 9 volatile, 10 const, 13-18 size
 *     LF_ARRAY       u32 element, u32 index type, numeric bytes, name
 *     LF_BITFIELD    u32 type, u8 bits, u8 position
 *     LF_PROCEDURE   u32 returns, u8 convention, u8 attributes, u16 parameters, u32 list
 *     LF_MFUNCTION   u32 returns, class, this; u8, u8, u16 parameters, u32 list, i32 adjustment
 *     LF_ALIAS       u32 type, name
 *     LF_FUNC_ID     u32 scope, u32 type, name       LF_MFUNC_ID  u32 class, u32 type, name
 *     LF_STRING_ID   u32 list of more, text
 *
 * Type indexes below 0x1000 are primitive: bits 0-7 the type, 8-11 how it is pointed to.
 */
#include "base/utf.h"
#include "pdb/leaf.h"
#include "pdb/pdb_impl.h"

enum { DEPTH_MAX = 64, NAME_MAX_LEN = 1024, PRIMITIVE_END = 0x1000 };

struct primitive {
    uint8_t code, size, kind, is_signed;
    const char *name, *c_name;
};

static const struct primitive primitives[] = {
    {0x03, 0, SC_TYPE_VOID, 0, "Void", "void"},
    {0x08, 4, SC_TYPE_INT, 1, "HRESULT", "HRESULT"},
    {0x10, 1, SC_TYPE_CHAR, 1, "Char", "char"},
    {0x11, 2, SC_TYPE_INT, 1, "Int2B", "short"},
    {0x12, 4, SC_TYPE_INT, 1, "Int4B", "long"},
    {0x13, 8, SC_TYPE_INT, 1, "Int8B", "int64"},
    {0x14, 16, SC_TYPE_INT, 1, "Int16B", "int128"},
    {0x20, 1, SC_TYPE_CHAR, 0, "UChar", "unsigned char"},
    {0x21, 2, SC_TYPE_INT, 0, "Uint2B", "unsigned short"},
    {0x22, 4, SC_TYPE_INT, 0, "Uint4B", "unsigned long"},
    {0x23, 8, SC_TYPE_INT, 0, "Uint8B", "unsigned int64"},
    {0x24, 16, SC_TYPE_INT, 0, "Uint16B", "unsigned int128"},
    {0x30, 1, SC_TYPE_BOOL, 0, "Bool", "bool"},
    {0x31, 2, SC_TYPE_BOOL, 0, "Bool2B", "bool2"},
    {0x32, 4, SC_TYPE_BOOL, 0, "Bool4B", "bool4"},
    {0x33, 8, SC_TYPE_BOOL, 0, "Bool8B", "bool8"},
    {0x40, 4, SC_TYPE_FLOAT, 1, "Float", "float"},
    {0x41, 8, SC_TYPE_FLOAT, 1, "Double", "double"},
    {0x42, 10, SC_TYPE_FLOAT, 1, "Float10B", "long double"},
    {0x43, 16, SC_TYPE_FLOAT, 1, "Float16B", "float128"},
    {0x44, 6, SC_TYPE_FLOAT, 1, "Float6B", "float48"},
    {0x46, 2, SC_TYPE_FLOAT, 1, "Float2B", "float16"},
    {0x68, 1, SC_TYPE_INT, 1, "Char", "int8"},
    {0x69, 1, SC_TYPE_INT, 0, "UChar", "unsigned int8"},
    {0x70, 1, SC_TYPE_CHAR, 1, "Char", "char"},
    {0x71, 2, SC_TYPE_CHAR, 0, "Wchar", "wchar_t"},
    {0x72, 2, SC_TYPE_INT, 1, "Int2B", "short"},
    {0x73, 2, SC_TYPE_INT, 0, "Uint2B", "unsigned short"},
    {0x74, 4, SC_TYPE_INT, 1, "Int4B", "int"},
    {0x75, 4, SC_TYPE_INT, 0, "Uint4B", "unsigned int"},
    {0x76, 8, SC_TYPE_INT, 1, "Int8B", "int64"},
    {0x77, 8, SC_TYPE_INT, 0, "Uint8B", "unsigned int64"},
    {0x78, 16, SC_TYPE_INT, 1, "Int16B", "int128"},
    {0x79, 16, SC_TYPE_INT, 0, "Uint16B", "unsigned int128"},
    {0x7a, 2, SC_TYPE_CHAR, 0, "Char16", "char16_t"},
    {0x7b, 4, SC_TYPE_CHAR, 0, "Char32", "char32_t"},
    {0x7c, 1, SC_TYPE_CHAR, 0, "Char8", "char8_t"},
};

static const struct primitive *primitive_of(uint32_t ti) {
    for (size_t i = 0; i < sizeof primitives / sizeof *primitives; i++)
        if (primitives[i].code == (ti & 0xff))
            return &primitives[i];
    return NULL;
}

/* Bytes of a pointer to a primitive type, by its mode; 0: the type itself. */
static unsigned primitive_pointer(uint32_t ti) {
    static const uint8_t size[16] = {0, 2, 4, 4, 4, 6, 8, 16};
    return size[ti >> 8 & 15];
}

static sc_err *too_deep(struct pdb *pdb, uint32_t ti) {
    uint64_t at = 0;
    struct msf_buf buf;
    uint32_t off = 0;
    msf_buf_init(&buf);
    sc_err *err = pdb_record(pdb, &pdb->tpi, ti, &buf, &off);
    at = err ? 0 : off;
    sc_err_destroy(err);
    msf_buf_free(&buf);
    return msf_err(pdb->msf, PDB_STREAM_TPI, at, "type 0x%x: types nest more than %d deep", ti,
                   DEPTH_MAX);
}

/* Attributes of a LF_POINTER. */
static unsigned pointer_size(uint32_t attr) {
    unsigned size = attr >> 13 & 0x3f, kind = attr & 0x1f;
    if (size)
        return size;
    return kind == 0x0c ? 8 : kind == 0x0a ? 4 : kind == 0x0b ? 6 : kind == 0 ? 2 : 4;
}

/* A decoded type record, as far as naming and sizes need it. */
struct rec {
    uint16_t leaf;
    uint32_t off, target, attr; /* attr: of pointers and modifiers */
    uint32_t params;
    uint64_t size;
    uint8_t bit_pos, bit_len;
    bool is_udt;
    struct pdb_udt udt; /* strings lie in the buffer */
};

static bool decode_rest(const uint8_t *p, uint32_t len, struct rec *r) {
    uint32_t n;
    switch (r->leaf) {
    case LF_MODIFIER:
        if (len < 8)
            return false;
        r->attr = msf_le16(p + 6);
        break;
    case LF_POINTER:
        if (len < 10)
            return false;
        r->attr = msf_le32(p + 6);
        break;
    case LF_ARRAY: return len >= 12 && pdb_numeric(p + 10, len - 10, &r->size, &n);
    case LF_BITFIELD:
        if (len < 8)
            return false;
        r->bit_len = p[6];
        r->bit_pos = p[7];
        break;
    case LF_PROCEDURE:
        if (len < 14)
            return false;
        r->params = msf_le16(p + 8);
        break;
    case LF_MFUNCTION:
        if (len < 26)
            return false;
        r->params = msf_le16(p + 16);
        break;
    case LF_ALIAS: break;
    default: r->target = 0; break;
    }
    return true;
}

static sc_err *read_rec(struct pdb *pdb, uint32_t ti, struct msf_buf *buf, struct rec *r) {
    memset(r, 0, sizeof *r);
    sc_err *err = pdb_record(pdb, &pdb->tpi, ti, buf, &r->off);
    if (err)
        return err;
    bool ok = buf->len >= 2;
    r->leaf = ok ? msf_le16(buf->data) : 0;
    r->is_udt = pdb_is_udt(r->leaf);
    if (r->is_udt) {
        ok = pdb_udt_decode(buf->data, buf->len, &r->udt);
        r->size = r->udt.size;
        r->target = r->udt.underlying;
    } else if (ok) {
        bool known = buf->len >= 6;
        r->target = known ? msf_le32(buf->data + 2) : 0;
        ok = decode_rest(buf->data, buf->len, r);
    }
    return ok ? NULL : msf_err(pdb->msf, PDB_STREAM_TPI, r->off, "type 0x%x is cut off", ti);
}

/* Text that grows in a fixed buffer; what does not fit is left out and marked. */
struct text {
    char s[NAME_MAX_LEN];
    size_t len;
};

static void add(struct text *t, const char *s) {
    size_t n = strlen(s), room = sizeof t->s - 4 - t->len;
    if (n > room) {
        memcpy(t->s + t->len, s, room);
        t->len += room;
        memcpy(t->s + t->len, "...", 3);
        return;
    }
    memcpy(t->s + t->len, s, n);
    t->len += n;
    t->s[t->len] = 0;
}

static void add_number(struct text *t, const char *before, uint64_t value, const char *after) {
    char digits[24], *p = digits + sizeof digits - 1;
    *p = 0;
    do
        *--p = (char)('0' + value % 10);
    while (value /= 10);
    add(t, before);
    add(t, p);
    add(t, after);
}

static sc_err *size_of(struct pdb *pdb, uint32_t ti, int depth, uint64_t *ret_size);
static sc_err *c_name(struct pdb *pdb, uint32_t ti, int depth, struct text *t);

static uint64_t primitive_size(uint32_t ti) {
    const struct primitive *p = primitive_of(ti);
    unsigned pointer = primitive_pointer(ti);
    return pointer ? pointer : p ? p->size : 0;
}

/* Size of a type whose record is at hand. */
static sc_err *size_of_rec(struct pdb *pdb, uint32_t ti, const struct rec *r, int depth,
                           uint64_t *ret_size) {
    uint32_t definition = ti;
    *ret_size = r->size;
    switch (r->leaf) {
    case LF_POINTER: *ret_size = pointer_size(r->attr); return NULL;
    case LF_MODIFIER:
    case LF_BITFIELD:
    case LF_ALIAS: return size_of(pdb, r->target, depth + 1, ret_size);
    case LF_ENUM:
        if (!(r->udt.prop & PDB_PROP_FORWARD))
            return size_of(pdb, r->target, depth + 1, ret_size);
        break;
    default: break;
    }
    if (!r->is_udt || !(r->udt.prop & PDB_PROP_FORWARD))
        return NULL;
    sc_err *err = pdb_definition(pdb, ti, &r->udt, &definition);
    if (err || definition == ti)
        return err;
    return size_of(pdb, definition, depth + 1, ret_size);
}

static sc_err *size_of(struct pdb *pdb, uint32_t ti, int depth, uint64_t *ret_size) {
    struct msf_buf buf;
    struct rec r;
    if (ti < PRIMITIVE_END) {
        *ret_size = primitive_size(ti);
        return NULL;
    }
    if (depth > DEPTH_MAX)
        return too_deep(pdb, ti);
    msf_buf_init(&buf);
    sc_err *err = read_rec(pdb, ti, &buf, &r);
    if (!err)
        err = size_of_rec(pdb, ti, &r, depth, ret_size);
    msf_buf_free(&buf);
    return err;
}

/* The number of elements of an array. */
static sc_err *elements(struct pdb *pdb, const struct rec *r, int depth, uint64_t *ret_count) {
    uint64_t one = 0;
    sc_err *err = size_of(pdb, r->target, depth + 1, &one);
    if (!err)
        *ret_count = one ? r->size / one : 0;
    return err;
}

/* Name as C has it: for what functions return. */
static sc_err *c_name_rec(struct pdb *pdb, const struct rec *r, int depth, struct text *t) {
    sc_err *err = NULL;
    if (r->is_udt) {
        add(t, r->udt.name);
        return NULL;
    }
    if (!r->target)
        return NULL;
    err = c_name(pdb, r->target, depth + 1, t);
    if (!err && r->leaf == LF_POINTER)
        add(t, (r->attr >> 5 & 7) == 1 ? "&" : (r->attr >> 5 & 7) == 4 ? "&&" : "*");
    return err;
}

static sc_err *c_name(struct pdb *pdb, uint32_t ti, int depth, struct text *t) {
    struct msf_buf buf;
    struct rec r;
    if (ti < PRIMITIVE_END) {
        const struct primitive *p = primitive_of(ti);
        add(t, p ? p->c_name : "");
        if (primitive_pointer(ti))
            add(t, "*");
        return NULL;
    }
    if (depth > DEPTH_MAX)
        return too_deep(pdb, ti);
    msf_buf_init(&buf);
    sc_err *err = read_rec(pdb, ti, &buf, &r);
    if (!err)
        err = c_name_rec(pdb, &r, depth, t);
    msf_buf_free(&buf);
    return err;
}

static sc_err *add_name(struct pdb *pdb, uint32_t ti, int depth, struct text *t);

static sc_err *add_name_rec(struct pdb *pdb, const struct rec *r, int depth, struct text *t) {
    uint64_t count = 0;
    sc_err *err;
    switch (r->leaf) {
    case LF_POINTER:
        add_number(t, "Ptr", pointer_size(r->attr) * 8, " to ");
        return add_name(pdb, r->target, depth + 1, t);
    case LF_ARRAY:
        err = elements(pdb, r, depth, &count);
        add_number(t, "[", count, "] ");
        return err ? err : add_name(pdb, r->target, depth + 1, t);
    case LF_MODIFIER: return add_name(pdb, r->target, depth + 1, t);
    case LF_BITFIELD:
        add_number(t, "Pos ", r->bit_pos, ", ");
        add_number(t, "", r->bit_len, r->bit_len == 1 ? " Bit" : " Bits");
        return NULL;
    case LF_PROCEDURE:
    case LF_MFUNCTION: add(t, "    "); return c_name(pdb, r->target, depth + 1, t);
    case LF_ALIAS: return add_name(pdb, r->target, depth + 1, t);
    default:
        if (r->is_udt)
            add(t, r->udt.name);
        return NULL;
    }
}

static sc_err *add_name(struct pdb *pdb, uint32_t ti, int depth, struct text *t) {
    struct msf_buf buf;
    struct rec r;
    if (ti < PRIMITIVE_END) {
        const struct primitive *p = primitive_of(ti);
        if (primitive_pointer(ti))
            add_number(t, "Ptr", primitive_pointer(ti) * 8, " to ");
        add(t, p ? p->name : "");
        return NULL;
    }
    if (depth > DEPTH_MAX)
        return too_deep(pdb, ti);
    msf_buf_init(&buf);
    sc_err *err = read_rec(pdb, ti, &buf, &r);
    if (!err)
        err = add_name_rec(pdb, &r, depth, t);
    msf_buf_free(&buf);
    return err;
}

/* Keeps a copy of TEXT under KEY. */
static sc_err *keep(struct pdb *pdb, struct sc_map *map, uint32_t key, const char *text,
                    const char **ret_name) {
    char *copy = sc_arena_strdup(pdb->arena, text);
    if (!copy || !sc_map_put_number(map, key, (uint64_t)(uintptr_t)copy))
        return sc_err_nomem();
    *ret_name = copy;
    return NULL;
}

static bool kept(const struct sc_map *map, uint32_t key, const char **ret_name) {
    uint64_t value;
    if (!map->count || !sc_map_get_number(map, key, &value))
        return false;
    *ret_name = (const char *)(uintptr_t)value;
    return true;
}

/* The name of a type that is not a structure's own; made once. */
static sc_err *made_name(struct pdb *pdb, uint32_t ti, const char **ret_name) {
    struct text t = {.len = 0};
    if (kept(&pdb->type_names, ti, ret_name))
        return NULL;
    sc_err *err = add_name(pdb, ti, 0, &t);
    return err ? err : keep(pdb, &pdb->type_names, ti, t.s, ret_name);
}

static sc_err *fill_primitive(struct pdb *pdb, uint32_t ti, struct sc_type *ret) {
    const struct primitive *p = primitive_of(ti);
    struct sc_type type = {.kind = SC_TYPE_UNKNOWN, .name = "", .id = ti};
    if (p) {
        type.kind = (enum sc_type_kind)p->kind;
        type.name = p->name;
        type.size = p->size;
        type.is_signed = p->is_signed;
        type.is_int = p->code == 0x74 || p->code == 0x75;
    }
    if (primitive_pointer(ti)) {
        type.is_int = false;
        type.kind = SC_TYPE_POINTER;
        type.size = primitive_pointer(ti);
        type.target = ti & 0xff;
        type.is_signed = false;
        sc_err *err = made_name(pdb, ti, &type.name);
        if (err)
            return err;
    }
    *ret = type;
    return NULL;
}

static enum sc_type_kind udt_kind(uint16_t leaf) {
    switch (leaf) {
    case LF_CLASS:
    case LF_INTERFACE: return SC_TYPE_CLASS;
    case LF_UNION: return SC_TYPE_UNION;
    case LF_ENUM: return SC_TYPE_ENUM;
    default: return SC_TYPE_STRUCT;
    }
}

/* A structure that is not resolved any further. */
static sc_err *fill_udt(struct pdb *pdb, uint32_t ti, uint32_t off, const struct pdb_udt *udt,
                        struct sc_type *ret) {
    struct sc_type type = {.kind = udt_kind(udt->leaf),
                           .id = ti,
                           .size = udt->size,
                           .count = udt->count,
                           .forward = udt->prop & PDB_PROP_FORWARD};
    sc_err *err = NULL;
    if (udt->leaf == LF_ENUM && !type.forward) {
        struct sc_type base;
        type.target = udt->underlying;
        err = udt->underlying < PRIMITIVE_END ? fill_primitive(pdb, udt->underlying, &base) : NULL;
        if (!err && udt->underlying < PRIMITIVE_END)
            type.is_signed = base.is_signed;
        if (!err)
            err = size_of(pdb, udt->underlying, 0, &type.size);
    }
    if (type.forward)
        type.size = 0;
    uint64_t name = (uint64_t)off + 2 + udt->name_off;
    if (!err)
        err = msf_string(pdb->msf, PDB_STREAM_TPI, name, name + udt->name_len + 1, &type.name);
    if (!err)
        *ret = type;
    return err;
}

static sc_err *type_at(struct pdb *pdb, uint32_t ti, int depth, struct sc_type *ret);

static sc_err *resolve_udt(struct pdb *pdb, uint32_t ti, const struct rec *r, int depth,
                           struct sc_type *ret) {
    uint32_t definition = ti;
    sc_err *err = NULL;
    if (r->udt.prop & PDB_PROP_FORWARD)
        err = pdb_definition(pdb, ti, &r->udt, &definition);
    if (err)
        return err;
    if (definition != ti)
        return type_at(pdb, definition, depth + 1, ret);
    return fill_udt(pdb, ti, r->off, &r->udt, ret);
}

/* A modified type: the type itself, with what is said about it. */
static sc_err *fill_modifier(struct pdb *pdb, uint32_t ti, const struct rec *r, int depth,
                             struct sc_type *ret) {
    sc_err *err = type_at(pdb, r->target, depth + 1, ret);
    if (err || r->leaf == LF_ALIAS)
        return err;
    ret->id = ti;
    ret->is_const |= (r->attr & 1) != 0;
    ret->is_volatile |= (r->attr & 2) != 0;
    return NULL;
}

static sc_err *fill_derived(struct pdb *pdb, uint32_t ti, const struct rec *r,
                            struct sc_type *ret) {
    struct sc_type type = {.kind = SC_TYPE_UNKNOWN, .id = ti, .target = r->target};
    sc_err *err = NULL;
    switch (r->leaf) {
    case LF_POINTER:
        type.kind = SC_TYPE_POINTER;
        type.size = pointer_size(r->attr);
        type.is_reference = (r->attr >> 5 & 7) == 1 || (r->attr >> 5 & 7) == 4;
        type.is_volatile = r->attr >> 9 & 1;
        type.is_const = r->attr >> 10 & 1;
        break;
    case LF_ARRAY:
        type.kind = SC_TYPE_ARRAY;
        type.size = r->size;
        err = elements(pdb, r, 0, &type.count);
        break;
    case LF_BITFIELD:
        type.kind = SC_TYPE_BITFIELD;
        type.bit_pos = r->bit_pos;
        type.bit_len = r->bit_len;
        err = size_of(pdb, r->target, 0, &type.size);
        break;
    case LF_PROCEDURE:
    case LF_MFUNCTION:
        type.kind = SC_TYPE_FUNCTION;
        type.count = r->params;
        break;
    default: break;
    }
    if (!err)
        err = made_name(pdb, ti, &type.name);
    if (!err)
        *ret = type;
    return err;
}

static sc_err *type_at(struct pdb *pdb, uint32_t ti, int depth, struct sc_type *ret) {
    struct msf_buf buf;
    struct rec r;
    if (ti < PRIMITIVE_END)
        return fill_primitive(pdb, ti, ret);
    if (depth > DEPTH_MAX)
        return too_deep(pdb, ti);
    msf_buf_init(&buf);
    sc_err *err = read_rec(pdb, ti, &buf, &r);
    if (!err && r.is_udt)
        err = resolve_udt(pdb, ti, &r, depth, ret);
    else if (!err && (r.leaf == LF_MODIFIER || r.leaf == LF_ALIAS))
        err = fill_modifier(pdb, ti, &r, depth, ret);
    else if (!err)
        err = fill_derived(pdb, ti, &r, ret);
    msf_buf_free(&buf);
    return err;
}

sc_err *pdb_type(struct pdb *pdb, uint32_t ti, struct sc_type *ret) {
    struct sc_type type;
    sc_err *err = type_at(pdb, ti, 0, &type);
    if (!err)
        *ret = type;
    return err;
}

sc_err *pdb_types(struct pdb *pdb, const char *pattern, sc_type_fn fn, void *ctx) {
    struct pdb_tpi_iter iter = {.ti = pdb->tpi.first};
    struct pdb_udt udt;
    struct msf_buf buf;
    bool more = true;
    msf_buf_init(&buf);
    sc_err *err = NULL;
    while (!err) {
        struct sc_type type;
        err = pdb_tpi_next(pdb, &pdb->tpi, &iter, &buf, &udt, &more);
        if (err || !more)
            break;
        if (udt.prop & PDB_PROP_FORWARD || (pattern && !sc_wild_match(pattern, udt.name)))
            continue;
        err = fill_udt(pdb, iter.found, iter.found_off, &udt, &type);
        if (!err && !fn(ctx, &type))
            break;
    }
    msf_buf_free(&buf);
    return err;
}

/* Text of a LF_STRING_ID, or nothing. */
static sc_err *add_scope(struct pdb *pdb, uint32_t id, struct text *t) {
    struct msf_buf buf;
    uint32_t off;
    msf_buf_init(&buf);
    sc_err *err = pdb_record(pdb, &pdb->ipi, id, &buf, &off);
    if (!err && buf.len > 6 && msf_le16(buf.data) == LF_STRING_ID &&
        memchr(buf.data + 6, 0, buf.len - 6)) {
        add(t, (const char *)buf.data + 6);
        add(t, "::");
    }
    msf_buf_free(&buf);
    return err;
}

static sc_err *make_id_name(struct pdb *pdb, uint32_t id, const struct msf_buf *buf, uint32_t off,
                            struct text *t) {
    uint16_t leaf = buf->len >= 2 ? msf_le16(buf->data) : 0;
    sc_err *err = NULL;
    if (leaf != LF_FUNC_ID && leaf != LF_MFUNC_ID)
        return NULL;
    if (buf->len < 11 || !memchr(buf->data + 10, 0, buf->len - 10))
        return msf_err(pdb->msf, PDB_STREAM_IPI, off, "id 0x%x is cut off", id);
    uint32_t scope = msf_le32(buf->data + 2);
    if (scope && leaf == LF_FUNC_ID)
        err = add_scope(pdb, scope, t);
    if (scope && leaf == LF_MFUNC_ID) {
        err = c_name(pdb, scope, 0, t);
        add(t, "::");
    }
    add(t, (const char *)buf->data + 10);
    return err;
}

sc_err *pdb_id_name(struct pdb *pdb, uint32_t id, const char **ret_name) {
    struct text t = {.len = 0};
    struct msf_buf buf;
    uint32_t off;
    if (kept(&pdb->id_names, id, ret_name))
        return NULL;
    msf_buf_init(&buf);
    sc_err *err = pdb_record(pdb, &pdb->ipi, id, &buf, &off);
    if (!err)
        err = make_id_name(pdb, id, &buf, off, &t);
    msf_buf_free(&buf);
    return err ? err : keep(pdb, &pdb->id_names, id, t.s, ret_name);
}

sc_err *pdb_id_type(struct pdb *pdb, uint32_t id, uint32_t *ret_type) {
    struct msf_buf buf;
    uint32_t off;
    msf_buf_init(&buf);
    sc_err *err = pdb_record(pdb, &pdb->ipi, id, &buf, &off);
    if (!err && buf.len >= 10) {
        uint16_t leaf = msf_le16(buf.data);
        *ret_type = leaf == LF_FUNC_ID || leaf == LF_MFUNC_ID ? msf_le32(buf.data + 6) : 0;
    }
    msf_buf_free(&buf);
    return err;
}
