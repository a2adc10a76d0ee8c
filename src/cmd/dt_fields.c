/* SPDX-License-Identifier: MIT */
/*
 * The lines of `dt`:
 *
 *        +0x000 Header           : _DISPATCHER_HEADER            types
 *           +0x000 Type             : UChar                      and below them their fields (-r,
 * -b) +0x028 DeviceObject     : 0xfffffa80`9209a060 _DEVICE_OBJECT        values [00]
 * 0xfffff800`02c5a0c0     long  nt!IopInvalidDeviceRequest+0    elements (-a)
 *
 * Names are 16 wide; when fields were asked for, as wide as the longest of them. Types nest as deep
 * as a file says, and values as deep as memory says: both are bounded, and so are lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "base/vec.h"
#include "cmd/dt.h"

enum {
    NEST_MAX = 16,
    LINES_MAX = 1000000,
    MEMBERS_MAX = 65536,
    ELEMENTS_MAX = 65536,
    NAME_WIDTH = 16,
};

struct line {
    uint64_t offset, address;
    const char *name, *text;
    uint32_t level, bit_pos, bit_len;
    bool is_element, no_offset, no_name;
};
static const struct sc_field fields[] = {
    SC_FIELD(struct line, level, SC_F_U32),
    SC_FIELD(struct line, name, SC_F_STR),
    SC_FIELD(struct line, offset, SC_F_HEX64),
    SC_FIELD(struct line, address, SC_F_ADDR),
    SC_FIELD(struct line, bit_pos, SC_F_U32),
    SC_FIELD(struct line, bit_len, SC_F_U32),
    {"value", SC_F_STR, offsetof(struct line, text), 0, NULL, NULL},
    SC_FIELD_END};
static const struct sc_rectype type = {"field", sizeof(struct line), fields};

static void line_text(sc_out *out, const void *record, void *ctx) {
    const struct line *l = record;
    const struct sc_dt *dt = ctx;
    if (!dt->compact && !dt->no_indent)
        sc_printf(out, "%*s", (int)(l->level * 3), "");
    if (l->is_element) {
        sc_printf(out, dt->compact ? " %s %s" : "    %s %s", l->name, l->text);
    } else {
        sc_puts(out, dt->compact ? " " : "   ");
        if (!dt->no_offsets && !l->no_offset)
            sc_printf(out, "+0x%03llx ", (unsigned long long)l->offset);
        sc_printf(out, dt->compact ? "%*.*s : %s" : "%-*.*s : %s",
                  dt->compact ? 0 : (int)dt->name_width, 4096, l->name, l->text);
    }
    if (!dt->compact)
        sc_puts(out, "\n");
}

static sc_err *emit(struct sc_dt *dt, const struct line *line) {
    if (sc_target_cancelled(sc_session_target(dt->session)))
        return sc_err_cancelled();
    if (++dt->lines > LINES_MAX)
        return sc_errf(SC_ERR_LIMIT, "dt: more than %d lines; ask for fewer levels", LINES_MAX);
    sc_record(dt->out, &type, line, line_text, dt);
    return NULL;
}

/* ---- the text of a field ---- */

static const char *verbose_kind(const struct sc_type *t) {
    return t->kind == SC_TYPE_STRUCT ? "struct" : t->kind == SC_TYPE_CLASS ? "class" : "union";
}

/* -v: with the kind of structures, their number of fields and size. */
static sc_err *verbose_type(const struct sc_value *v, sc_arena *arena, unsigned depth,
                            const char **ret) {
    struct sc_type t;
    const char *inner;
    sc_err *err = sc_type_of(v->symbols, v->type, &t);
    if (err)
        return err;
    const char *name = t.name && t.name[0] ? t.name : "<unnamed-tag>";
    struct sc_value to = sc_value_at(NULL, v->symbols, t.target, 0);
    switch (t.kind) {
    case SC_TYPE_STRUCT:
    case SC_TYPE_CLASS:
    case SC_TYPE_UNION:
        *ret = sc_arena_printf(arena, "%s %s, %llu elements, 0x%llx bytes", verbose_kind(&t), name,
                               (unsigned long long)t.count, (unsigned long long)t.size);
        break;
    case SC_TYPE_ENUM:
        *ret =
            sc_arena_printf(arena, "Enum %s,  %llu total enums", name, (unsigned long long)t.count);
        break;
    case SC_TYPE_POINTER:
    case SC_TYPE_ARRAY:
        if (!t.target || depth == NEST_MAX)
            return sc_errf(SC_ERR_FORMAT, "type 0x%x nests too deep", v->type);
        err = verbose_type(&to, arena, depth + 1, &inner);
        if (err)
            return err;
        *ret = t.kind == SC_TYPE_ARRAY
                   ? sc_arena_printf(arena, "[%llu] %s", (unsigned long long)t.count, inner)
                   : sc_arena_printf(arena, "Ptr%llu to %s", (unsigned long long)t.size * 8, inner);
        break;
    default: {
        char text[256];
        err = sc_type_text(v->symbols, v->type, text, sizeof text);
        if (err)
            return err;
        *ret = sc_arena_strdup(arena, text);
    }
    }
    return *ret ? NULL : sc_err_nomem();
}

static sc_err *type_words(const struct sc_dt *dt, const struct sc_value *v, sc_arena *arena,
                          const char **ret) {
    char text[512];
    if (v->bit_len) {
        *ret = sc_arena_printf(arena, "%sPos %u, %u Bit%s", dt->verbose ? "Bitfield " : "",
                               v->bit_pos, v->bit_len, v->bit_len == 1 ? "" : "s");
        return *ret ? NULL : sc_err_nomem();
    }
    if (dt->verbose && v->type)
        return verbose_type(v, arena, 0, ret);
    sc_err *err = sc_type_text(v->symbols, v->type, text, sizeof text);
    if (err)
        return err;
    *ret = sc_arena_strdup(arena, text);
    return *ret ? NULL : sc_err_nomem();
}

static sc_err *words(struct sc_dt *dt, const struct sc_value *v, sc_arena *arena,
                     const char **ret) {
    bool missing = false;
    if (!v->space)
        return type_words(dt, v, arena, ret);
    sc_err *err = sc_show_value(dt->session, v, arena, ret, &missing);
    if (!err && missing && !dt->missing) {
        dt->missing = true;
        dt->missing_at = v->address;
    }
    return err;
}

/* A line for V, called NAME, at OFFSET of what holds it. TEXT NULL: its own. */
static sc_err *show_line(struct sc_dt *dt, const struct sc_value *v, const char *name,
                         uint64_t offset, unsigned level, const char *text, bool element) {
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = text ? NULL : words(dt, v, arena, &text);
    if (!err) {
        struct line l = {.offset = offset,
                         .address = v->space ? v->address : SC_UNSET64,
                         .name = name,
                         .text = text,
                         .level = level,
                         .bit_pos = v->bit_pos,
                         .bit_len = v->bit_len,
                         .is_element = element};
        err = emit(dt, &l);
    }
    sc_arena_destroy(arena);
    return err;
}

/* ---- members ---- */

struct members {
    struct sc_member *item;
    size_t count, room;
    sc_err *err;
};

static bool keep_member(void *ctx, const struct sc_member *m) {
    struct members *list = ctx;
    if (m->kind == SC_MEMBER_METHOD || m->kind == SC_MEMBER_NESTED)
        return true;
    struct sc_member *kept = list->count < MEMBERS_MAX ? SC_VEC_PUSH(list) : NULL;
    if (kept)
        *kept = *m;
    else
        list->err = list->count < MEMBERS_MAX
                        ? sc_err_nomem()
                        : sc_errf(SC_ERR_LIMIT, "more than %d members", MEMBERS_MAX);
    return kept != NULL;
}

static sc_err *collect(const struct sc_value *v, struct members *list) {
    sc_err *err = sc_type_members(v->symbols, v->type, keep_member, list);
    if (list->err) {
        sc_err_destroy(err);
        err = list->err;
    }
    return err;
}

static struct sc_value member_value(const struct sc_value *v, const struct sc_member *m) {
    struct sc_value f = sc_value_at(v->space, v->symbols, m->type, v->address + m->offset);
    f.bit_pos = m->bit_pos;
    f.bit_len = m->bit_len;
    return f;
}

static const char *member_name(const struct sc_member *m) {
    if (m->kind == SC_MEMBER_VFPTR)
        return "__VFN_table";
    if (m->kind == SC_MEMBER_BASE)
        return "__BaseClass";
    return m->name && m->name[0] ? m->name : "<unnamed>";
}

/* ---- what stands below a field ---- */

static sc_err *show_fields(struct sc_dt *dt, const struct sc_value *v, unsigned level,
                           unsigned left, bool pointers);

static bool is_aggregate(const struct sc_type *t) {
    return t->kind == SC_TYPE_STRUCT || t->kind == SC_TYPE_CLASS || t->kind == SC_TYPE_UNION;
}

/* Structures and pointers to them, as far as -r and -b go. POINTERS: also behind pointers. */
static sc_err *show_below(struct sc_dt *dt, const struct sc_value *v, unsigned level, unsigned left,
                          bool pointers) {
    struct sc_type t;
    if (!left || level >= NEST_MAX || !v->type || v->bit_len)
        return NULL;
    sc_err *err = sc_type_of(v->symbols, v->type, &t);
    if (err)
        return err;
    if (is_aggregate(&t))
        return show_fields(dt, v, level, left - 1, pointers && !dt->blocks);
    if (t.kind != SC_TYPE_POINTER || !pointers || !t.target)
        return NULL;
    struct sc_value to = sc_value_at(NULL, v->symbols, t.target, 0);
    enum sc_read status = SC_READ_OK;
    if (v->space)
        err = sc_value_deref(v, &to, &status);
    if (err || status != SC_READ_OK || (v->space && !to.address))
        return err;
    err = sc_type_of(v->symbols, t.target, &t);
    if (err || !is_aggregate(&t))
        return err;
    return show_fields(dt, &to, level, left - 1, pointers && !dt->blocks);
}

/* -a: the elements of an array, each with what stands below it. */
static sc_err *show_elements(struct sc_dt *dt, const struct sc_value *v, const struct sc_type *t,
                             unsigned level, unsigned left, int elements) {
    uint64_t n = t->count;
    if (elements != SC_DT_ALL_ELEMENTS && (uint64_t)elements < n)
        n = (uint64_t)elements;
    if (n > ELEMENTS_MAX)
        n = ELEMENTS_MAX;
    for (uint64_t i = 0; i < n; i++) {
        struct sc_value e;
        char name[32];
        sc_err *err = sc_value_index(v, i, &e);
        if (err)
            return err;
        snprintf(name, sizeof name, "[%02llu]", (unsigned long long)i);
        err = show_line(dt, &e, name, e.offset, level, NULL, true);
        if (!err)
            err = show_below(dt, &e, level + 1, left, left > 0);
        if (err)
            return err;
    }
    return NULL;
}

/* A member with its line and all below it. */
static sc_err *show_member(struct sc_dt *dt, const struct sc_value *f, const char *name,
                           uint64_t offset, unsigned level, unsigned left, bool pointers,
                           int elements) {
    struct sc_type t = {.kind = SC_TYPE_UNKNOWN};
    sc_err *err = f->type ? sc_type_of(f->symbols, f->type, &t) : NULL;
    if (err)
        return err;
    bool listed = elements && t.kind == SC_TYPE_ARRAY && f->space && t.count;
    err = show_line(dt, f, name, offset, level, listed ? "" : NULL, false);
    if (err)
        return err;
    return listed ? show_elements(dt, f, &t, level, left, elements)
                  : show_below(dt, f, level + 1, left, pointers);
}

/* A static member has no place in the structure; an enumerator is no field. */
static sc_err *show_any(struct sc_dt *dt, const struct sc_value *v, const struct sc_member *m,
                        unsigned level, unsigned left, bool pointers, int elements) {
    struct sc_value f = member_value(v, m);
    if (m->kind == SC_MEMBER_STATIC) {
        struct line l = {.address = SC_UNSET64,
                         .name = member_name(m),
                         .text = "<static>",
                         .level = level,
                         .no_offset = true};
        return emit(dt, &l);
    }
    return show_member(dt, &f, member_name(m), m->offset, level, left, pointers, elements);
}

static sc_err *show_fields(struct sc_dt *dt, const struct sc_value *v, unsigned level,
                           unsigned left, bool pointers) {
    struct members list = {0};
    sc_err *err = collect(v, &list);
    for (size_t i = 0; !err && i < list.count; i++)
        err = show_any(dt, v, &list.item[i], level, left, pointers, dt->elements);
    SC_VEC_FREE(&list);
    return err;
}

/* ---- fields that were asked for ---- */

/* The first part of PATH: its name without subscripts into NAME; *RET_REST behind it. */
static bool first_part(const char *path, char *name, size_t size, const char **ret_index,
                       const char **ret_rest, bool *ret_more) {
    size_t n = strcspn(path, ".[");
    const char *arrow = strstr(path, "->");
    if (arrow && (size_t)(arrow - path) < n)
        n = (size_t)(arrow - path);
    /* A set of characters is part of a pattern: "[a-z]*". */
    const char *p = path + n;
    *ret_index = NULL;
    if (!n || n >= size)
        return false;
    memcpy(name, path, n);
    name[n] = 0;
    if (*p == '[') {
        *ret_index = p;
        p += strcspn(p, ".");
        const char *later = strstr(*ret_index, "->");
        p = later && later < p ? later : p;
    }
    *ret_more = *p == '.' || *p == '-';
    *ret_rest = *p == '.' ? p + 1 : *p == '-' ? p + 2 : p;
    return true;
}

static bool part_matches(const char *part, bool prefix, const char *name) {
    if (prefix && !sc_strncasecmp(part, name, strlen(part)))
        return true;
    return strpbrk(part, "*?#") ? sc_wild_match(part, name) : !sc_strcasecmp(part, name);
}

static sc_err *show_path(struct sc_dt *dt, const struct sc_value *v, const char *path,
                         const struct sc_dt_filter *filter, unsigned level, bool *ret_found);

/* What the rest of a path names in F, a structure or a pointer to one. */
static sc_err *show_rest(struct sc_dt *dt, const struct sc_value *f, const char *rest,
                         const struct sc_dt_filter *filter, unsigned level, bool *ret_found) {
    struct sc_type t;
    struct sc_value to = *f;
    enum sc_read status = SC_READ_OK;
    sc_err *err = sc_type_of(f->symbols, f->type, &t);
    if (err)
        return err;
    if (t.kind == SC_TYPE_POINTER) {
        to = sc_value_at(NULL, f->symbols, t.target, 0);
        if (f->space)
            err = sc_value_deref(f, &to, &status);
        if (err || status != SC_READ_OK)
            return err ? err : sc_err_mem(f->address, "the pointer cannot be read");
    }
    if (!*rest) {
        *ret_found = true;
        return show_fields(dt, &to, level, dt->depth, dt->depth > 0);
    }
    return show_path(dt, &to, rest, filter, level, ret_found);
}

static sc_err *show_match(struct sc_dt *dt, const struct sc_value *v, const struct sc_member *m,
                          const char *index, const char *rest, bool more,
                          const struct sc_dt_filter *filter, unsigned level, bool *ret_found) {
    struct sc_value f = member_value(v, m), whole = f;
    const char *name = member_name(m);
    uint64_t offset = m->offset;
    if (index) {
        char *subscript = sc_arena_strndup(dt->arena, index, strcspn(index, ".-"));
        name = subscript ? sc_arena_printf(dt->arena, "%s%s", name, subscript) : NULL;
        sc_err *err = name ? sc_value_member(&whole, subscript, &f) : sc_err_nomem();
        if (err)
            return err;
        offset += f.offset;
    }
    int elements = filter->elements ? filter->elements : dt->elements;
    if (!more) {
        *ret_found = true;
        if (m->kind == SC_MEMBER_STATIC)
            return show_any(dt, v, m, level, 0, false, 0);
        return show_member(dt, &f, name, offset, level, dt->depth, dt->depth > 0, elements);
    }
    struct sc_type t;
    sc_err *err = sc_type_of(f.symbols, f.type, &t);
    if (!err)
        err = show_line(dt, &f, name, offset, level, t.kind == SC_TYPE_POINTER ? NULL : "", false);
    return err ? err : show_rest(dt, &f, rest, filter, level + 1, ret_found);
}

static sc_err *show_path(struct sc_dt *dt, const struct sc_value *v, const char *path,
                         const struct sc_dt_filter *filter, unsigned level, bool *ret_found) {
    char part[512];
    const char *index, *rest;
    bool more, here = false;
    struct members list = {0};
    if (level >= NEST_MAX || !first_part(path, part, sizeof part, &index, &rest, &more))
        return sc_errf(SC_ERR_ARG, "dt: '%.100s' is no path of fields", path);
    sc_err *err = collect(v, &list);
    for (size_t i = 0; !err && i < list.count; i++) {
        const struct sc_member *m = &list.item[i];
        bool matches = part_matches(part, filter->prefix && !more, member_name(m));
        here |= matches;
        if (matches)
            err = show_match(dt, v, m, index, rest, more, filter, level, ret_found);
    }
    /* Inherited fields, and those of unnamed members, are found by their names alone. */
    struct sc_member m;
    bool found = false;
    if (!err && !here)
        err = sc_type_member(v->symbols, v->type, part, &m, &found);
    if (!err && found)
        err = show_match(dt, v, &m, index, rest, more, filter, level, ret_found);
    SC_VEC_FREE(&list);
    return err;
}

/* The longest name that the filters will show on the first level. */
static sc_err *measure(struct sc_dt *dt, const struct sc_value *v) {
    struct members list = {0};
    sc_err *err = collect(v, &list);
    dt->name_width = 0;
    for (size_t i = 0; !err && i < list.count; i++) {
        for (size_t k = 0; k < dt->nfilters; k++) {
            char part[512];
            const char *index, *rest, *name = member_name(&list.item[i]);
            bool more;
            size_t n = strlen(name);
            if (first_part(dt->filter[k].path, part, sizeof part, &index, &rest, &more) &&
                part_matches(part, dt->filter[k].prefix && !more, name) && n > dt->name_width)
                dt->name_width = n < 255 ? (unsigned)n : 255;
        }
    }
    SC_VEC_FREE(&list);
    return err;
}

sc_err *sc_dt_struct(struct sc_dt *dt, const struct sc_value *value) {
    sc_err *err = NULL;
    dt->name_width = NAME_WIDTH;
    if (!dt->nfilters)
        return show_fields(dt, value, 0, dt->depth, dt->depth > 0);
    err = measure(dt, value);
    for (size_t i = 0; !err && i < dt->nfilters; i++) {
        bool found = false;
        err = show_path(dt, value, dt->filter[i].path, &dt->filter[i], 0, &found);
        if (!err && !found)
            err = sc_errf(SC_ERR_NOT_FOUND, "dt: there is no field %s", dt->filter[i].path);
    }
    return err;
}

/* ---- enumerations ---- */

struct enumerator {
    const char *name;
    int64_t value;
};
static const struct sc_field enum_fields[] = {SC_FIELD(struct enumerator, name, SC_F_STR),
                                              SC_FIELD(struct enumerator, value, SC_F_I64),
                                              SC_FIELD_END};
static const struct sc_rectype enum_type = {"enumerator", sizeof(struct enumerator), enum_fields};

static void enum_text(sc_out *out, const void *record, void *ctx) {
    const struct enumerator *e = record;
    (void)ctx;
    sc_printf(out, "   %s = 0n%lld\n", e->name, (long long)e->value);
}

static bool on_enumerator(void *ctx, const struct sc_member *m) {
    struct sc_dt *dt = ctx;
    struct enumerator e = {m->name, m->value};
    if (m->kind == SC_MEMBER_ENUMERATOR)
        sc_record(dt->out, &enum_type, &e, enum_text, NULL);
    return !sc_target_cancelled(sc_session_target(dt->session));
}

sc_err *sc_dt_enum(struct sc_dt *dt, const struct sc_value *value) {
    return sc_symbols_members(value->symbols, value->type, on_enumerator, dt);
}
