/* SPDX-License-Identifier: MIT */
/*
 * A value as `dt` shows it behind the colon:
 *
 *     0n-5  0x1c  7              signed in decimal, unsigned in hexadecimal unless it is one digit
 *     0x41 'A'   65 'A'          unsigned and signed characters
 *     0y1   0y0101 (0x5)         bit fields
 *     3 ( PagedPool )            enumerations
 *     0xfffffa80`9209a060 _X     pointers; (null) ; functions with their name; strings quoted
 *     [15]  "System"             arrays: of characters, or the first element
 *     _UNICODE_STRING "text"     structures whose value fits a line; others by name alone
 *     ????                       memory that the dump lacks
 */
#include <stdio.h>
#include <string.h>

#include "base/guid.h"
#include "base/utf.h"
#include "cmd/symbols.h"

typedef unsigned long long ull;

enum { TEXT_MAX = 1024, TYPE_MAX = 256, DEPTH_MAX = 8 };

struct show {
    sc_session *session;
    sc_arena *arena;
    bool missing;
};

static sc_err *value_text(struct show *s, const struct sc_value *v, unsigned depth,
                          const char **ret);

static sc_err *made(const char *text, const char **ret) {
    *ret = text;
    return text ? NULL : sc_err_nomem();
}

static sc_err *unreadable(struct show *s, const char **ret) {
    s->missing = true;
    *ret = "????";
    return NULL;
}

/* 0x1c, 0x200`0c52d000; one digit stands alone. */
static const char *hex_text(struct show *s, uint64_t n, bool bare_digit) {
    if (n > UINT32_MAX)
        return sc_arena_printf(s->arena, "0x%08llx`%08llx", (ull)(n >> 32), (ull)(n & UINT32_MAX));
    return sc_arena_printf(s->arena, n < (bare_digit ? 10u : 1u) ? "%llu" : "0x%llx", (ull)n);
}

/* An address as pointers show it. */
static const char *address_text(struct show *s, uint64_t addr) {
    char buf[SC_ADDR_BUF];
    return sc_arena_printf(s->arena, "0x%s",
                           sc_addr_text(addr, sc_session_ptr_size(s->session), buf));
}

/* ---- strings in the target ---- */

/* Reads up to COUNT units of SIZE bytes as text, ending at a NUL; NULL: nothing can be read. */
static sc_err *string_text(struct show *s, sc_space *space, uint64_t addr, size_t size,
                           size_t count, const char **ret) {
    uint8_t raw[TEXT_MAX];
    size_t want = count * size < sizeof raw ? count * size : sizeof raw, got = 0;
    *ret = NULL;
    if (!space || (want && sc_space_read(space, addr, raw, want, &got) != SC_READ_OK && !got))
        return NULL;
    if (size == 2)
        return made(sc_utf16_to_utf8(s->arena, raw, got & ~(size_t)1), ret);
    return made(sc_arena_strndup(s->arena, (char *)raw, strnlen((char *)raw, got)), ret);
}

static sc_err *quoted(struct show *s, const char *before, const char *text, const char **ret) {
    return made(sc_arena_printf(s->arena, "%s\"%s\"", before, text), ret);
}

/* ---- numbers ---- */

static sc_err *bits_text(struct show *s, const struct sc_value *v, const char **ret) {
    uint64_t n = 0;
    enum sc_read status;
    sc_err *err = sc_value_uint(v, &n, &status);
    if (err)
        return err;
    if (status != SC_READ_OK)
        return unreadable(s, ret);
    char digits[65];
    unsigned len = v->bit_len < 64 ? v->bit_len : 64;
    for (unsigned i = 0; i < len; i++)
        digits[i] = n >> (len - 1 - i) & 1 ? '1' : '0';
    digits[len] = 0;
    if (len == 1)
        return made(sc_arena_printf(s->arena, "0y%s", digits), ret);
    const char *hex = hex_text(s, n, false);
    return made(hex ? sc_arena_printf(s->arena, "0y%s (%s)", digits, hex) : NULL, ret);
}

static sc_err *wide_number(struct show *s, const struct sc_value *v, const struct sc_type *t,
                           const char **ret) {
    uint64_t low, high;
    if (t->size != 16 || !v->space)
        return made("", ret);
    if (sc_space_uint(v->space, v->address, 8, &low) != SC_READ_OK ||
        sc_space_uint(v->space, v->address + 8, 8, &high) != SC_READ_OK)
        return unreadable(s, ret);
    return made(sc_arena_printf(s->arena, "0x%016llx%016llx", (ull)high, (ull)low), ret);
}

static sc_err *integer_text(struct show *s, const struct sc_value *v, const struct sc_type *t,
                            const char **ret) {
    uint64_t n = 0;
    int64_t i = 0;
    enum sc_read status;
    if (t->size > 8)
        return wide_number(s, v, t, ret);
    sc_err *err = t->is_signed ? sc_value_int(v, &i, &status) : sc_value_uint(v, &n, &status);
    if (err)
        return err;
    if (status != SC_READ_OK)
        return unreadable(s, ret);
    return made(t->is_signed ? sc_arena_printf(s->arena, "0n%lld", (long long)i)
                             : hex_text(s, n, true),
                ret);
}

static sc_err *char_text(struct show *s, const struct sc_value *v, const struct sc_type *t,
                         const char **ret) {
    uint64_t n = 0;
    enum sc_read status;
    sc_err *err = sc_value_uint(v, &n, &status);
    if (err)
        return err;
    if (status != SC_READ_OK)
        return unreadable(s, ret);
    char shown[2] = {n >= 0x20 && n < 0x7f ? (char)n : 0, 0};
    if (t->is_signed && t->size == 1)
        return made(sc_arena_printf(s->arena, "%d '%s'", (int)(int8_t)n, shown), ret);
    const char *hex = hex_text(s, n, false);
    return made(hex ? sc_arena_printf(s->arena, "%s '%s'", hex, shown) : NULL, ret);
}

static sc_err *float_text(struct show *s, const struct sc_value *v, const struct sc_type *t,
                          const char **ret) {
    uint64_t raw;
    if (!v->space || (t->size != 4 && t->size != 8) ||
        sc_space_uint(v->space, v->address, (unsigned)t->size, &raw) != SC_READ_OK)
        return unreadable(s, ret);
    double d;
    if (t->size == 4) {
        uint32_t narrow = (uint32_t)raw;
        float f;
        memcpy(&f, &narrow, 4);
        d = f;
    } else {
        memcpy(&d, &raw, 8);
    }
    return made(sc_arena_printf(s->arena, t->size == 4 ? "%.9g" : "%.17g", d), ret);
}

static sc_err *enum_text(struct show *s, const struct sc_value *v, const char **ret) {
    int64_t n = 0;
    enum sc_read status;
    const char *name = NULL;
    sc_err *err = sc_value_int(v, &n, &status);
    if (!err && status == SC_READ_OK)
        err = sc_type_enumerator(v->symbols, v->type, n, &name);
    if (err)
        return err;
    if (status != SC_READ_OK)
        return unreadable(s, ret);
    const char *mark = n >= 0 && n < 10 ? "" : "0n";
    return made(name ? sc_arena_printf(s->arena, "%s%lld ( %s )", mark, (long long)n, name)
                     : sc_arena_printf(s->arena, "%s%lld (No matching name)", mark, (long long)n),
                ret);
}

/* ---- pointers ---- */

static sc_err *function_pointer(struct show *s, const struct sc_type *t, const char *at,
                                uint64_t addr, sc_symbols *symbols, const char **ret) {
    char type[TYPE_MAX];
    sc_err *err = sc_type_text(symbols, t->target, type, sizeof type);
    if (err)
        return err;
    const char *near = sc_session_near(s->session, addr, s->arena);
    const char *exact = near && !strstr(near, "+0x") ? "+0" : "";
    return made(
        sc_arena_printf(s->arena, "%s %s %s%s", at, type, near ? near : "", near ? exact : ""),
        ret);
}

static sc_err *struct_text(struct show *s, const struct sc_value *v, const struct sc_type *t,
                           const char **ret);

/* A structure whose value fits a line shows it behind the pointer, too. */
static sc_err *struct_pointer(struct show *s, const struct sc_value *to, const struct sc_type *t,
                              const char *at, const char **ret) {
    const char *text;
    bool missing = s->missing;
    s->missing = false;
    sc_err *err = struct_text(s, to, t, &text);
    if (!err && s->missing) /* what it points to is not the value itself */
        text = t->name;
    s->missing = missing;
    return err ? err : made(sc_arena_printf(s->arena, "%s %s", at, text), ret);
}

static bool is_struct(const struct sc_type *t) {
    return (t->kind == SC_TYPE_STRUCT || t->kind == SC_TYPE_UNION || t->kind == SC_TYPE_CLASS) &&
           t->name && t->name[0];
}

static sc_err *pointer_text(struct show *s, const struct sc_value *v, const struct sc_type *t,
                            unsigned depth, const char **ret) {
    uint64_t addr = 0;
    enum sc_read status;
    struct sc_type to = {.kind = SC_TYPE_VOID, .name = "Void"};
    sc_err *err = sc_value_uint(v, &addr, &status);
    if (!err && t->target)
        err = sc_symbols_type(v->symbols, t->target, &to);
    if (err)
        return err;
    if (status != SC_READ_OK)
        return unreadable(s, ret);
    if (!addr)
        return made("(null) ", ret);
    const char *at = address_text(s, addr), *text = NULL;
    if (!at)
        return sc_err_nomem();
    if (to.kind == SC_TYPE_FUNCTION)
        return function_pointer(s, t, at, addr, v->symbols, ret);
    if (to.kind == SC_TYPE_CHAR && (to.size == 1 || to.size == 2)) {
        err = string_text(s, v->space, addr, (size_t)to.size, TEXT_MAX, &text);
        if (err || text)
            return err ? err : quoted(s, sc_arena_printf(s->arena, "%s  ", at), text, ret);
    }
    if (to.kind == SC_TYPE_POINTER && depth < DEPTH_MAX) {
        bool missing = s->missing;
        struct sc_value next = sc_value_at(v->space, v->symbols, t->target, addr);
        err = value_text(s, &next, depth + 1, &text);
        s->missing = missing; /* what it points to is not the value itself */
        if (err)
            return err;
        return made(sc_arena_printf(s->arena, "%s  -> %s", at, text), ret);
    }
    if (is_struct(&to)) {
        struct sc_value next = sc_value_at(v->space, v->symbols, t->target, addr);
        return struct_pointer(s, &next, &to, at, ret);
    }
    char type[TYPE_MAX];
    err = sc_type_text(v->symbols, t->target, type, sizeof type);
    return err ? err : made(sc_arena_printf(s->arena, "%s %s", at, t->target ? type : "Void"), ret);
}

/* ---- arrays ---- */

static sc_err *array_text(struct show *s, const struct sc_value *v, const struct sc_type *t,
                          unsigned depth, const char **ret) {
    struct sc_type element;
    const char *text = "";
    sc_err *err = sc_type_of(v->symbols, t->target, &element);
    if (err)
        return err;
    if (element.kind == SC_TYPE_CHAR && element.size <= 2 && element.size && t->count) {
        size_t count = t->count < TEXT_MAX ? (size_t)t->count : TEXT_MAX;
        err = string_text(s, v->space, v->address, (size_t)element.size, count, &text);
        if (err)
            return err;
        if (!text)
            return unreadable(s, ret);
        return made(sc_arena_printf(s->arena, "[%llu]  \"%s\"", (ull)t->count, text), ret);
    }
    struct sc_value first = sc_value_at(v->space, v->symbols, t->target, v->address);
    if (t->count && depth < DEPTH_MAX)
        err = value_text(s, &first, depth + 1, &text);
    return err ? err : made(sc_arena_printf(s->arena, "[%llu] %s", (ull)t->count, text), ret);
}

/* ---- structures that fit a line ---- */

/* A field's number; false when there is none or it cannot be read. */
static sc_err *field_number(const struct sc_value *v, const char *name, uint64_t *ret,
                            bool *ret_got) {
    struct sc_value m;
    enum sc_read status = SC_READ_INVALID;
    *ret_got = false;
    sc_err *err = sc_value_member(v, name, &m);
    if (!err)
        err = sc_value_uint(&m, ret, &status);
    if (err && sc_err_code(err) != SC_ERR_NOMEM) { /* it is not the structure we know */
        sc_err_destroy(err);
        return NULL;
    }
    *ret_got = !err && status == SC_READ_OK;
    return err;
}

static sc_err *counted_string(struct show *s, const struct sc_value *v, const char *name,
                              size_t size, const char **ret) {
    uint64_t length, buffer;
    bool got;
    const char *text = "";
    sc_err *err = field_number(v, "Length", &length, &got);
    if (!err && got)
        err = field_number(v, "Buffer", &buffer, &got);
    if (err)
        return err;
    if (!got) {
        s->missing = true;
        return made(sc_arena_printf(s->arena, "%s \"????\"", name), ret);
    }
    if (length && buffer)
        err = string_text(s, v->space, buffer, size, (size_t)length / size, &text);
    if (err)
        return err;
    const char *at = text ? "" : address_text(s, buffer);
    if (!at)
        return sc_err_nomem();
    return made(text ? sc_arena_printf(s->arena, "%s \"%s\"", name, text)
                     : sc_arena_printf(s->arena, "%s \"--- memory read error at address %s ---\"",
                                       name, at),
                ret);
}

static sc_err *list_entry(struct show *s, const struct sc_value *v, const char *name,
                          const char **ret) {
    uint64_t flink, blink;
    bool got;
    sc_err *err = field_number(v, "Flink", &flink, &got);
    if (!err && got)
        err = field_number(v, "Blink", &blink, &got);
    if (err)
        return err;
    if (!got) {
        s->missing = true;
        return made(sc_arena_printf(s->arena, "%s [ ???? - ???? ]", name), ret);
    }
    const char *a = address_text(s, flink), *b = address_text(s, blink);
    return made(a && b ? sc_arena_printf(s->arena, "%s [ %s - %s ]", name, a, b) : NULL, ret);
}

static sc_err *large_integer(struct show *s, const struct sc_value *v, const char *name,
                             const char **ret) {
    uint64_t n;
    const char *hex = "????";
    if (!v->space || sc_space_uint(v->space, v->address, 8, &n) != SC_READ_OK)
        s->missing = true;
    else
        hex = n ? hex_text(s, n, false) : "0x0";
    return made(hex ? sc_arena_printf(s->arena, "%s %s", name, hex) : NULL, ret);
}

static sc_err *guid(struct show *s, const struct sc_value *v, const char *name, const char **ret) {
    uint8_t raw[16];
    char text[SC_GUID_BUF];
    if (!v->space || sc_space_read(v->space, v->address, raw, sizeof raw, NULL) != SC_READ_OK) {
        s->missing = true;
        return made(sc_arena_printf(s->arena, "%s {????}", name), ret);
    }
    struct sc_cur c = sc_cur_mem(raw, sizeof raw, "GUID");
    struct sc_guid g = sc_cur_guid(&c);
    return made(sc_arena_printf(s->arena, "%s %s", name, sc_guid_text(&g, text)), ret);
}

static bool is(const char *name, const char *known) { return !strcmp(name, known); }

static sc_err *struct_text(struct show *s, const struct sc_value *v, const struct sc_type *t,
                           const char **ret) {
    const char *name = t->name && t->name[0] ? t->name : "<unnamed-tag>";
    if (is(name, "_UNICODE_STRING"))
        return counted_string(s, v, name, 2, ret);
    if (is(name, "_STRING") || is(name, "_ANSI_STRING"))
        return counted_string(s, v, name, 1, ret);
    if (is(name, "_LIST_ENTRY"))
        return list_entry(s, v, name, ret);
    if ((is(name, "_LARGE_INTEGER") || is(name, "_ULARGE_INTEGER")) && t->size == 8)
        return large_integer(s, v, name, ret);
    if (is(name, "_GUID") && t->size == 16)
        return guid(s, v, name, ret);
    return made(name, ret);
}

/* ---- all ---- */

static sc_err *value_text(struct show *s, const struct sc_value *v, unsigned depth,
                          const char **ret) {
    struct sc_type t;
    if (!v->type)
        return made("<unknown type>", ret);
    sc_err *err = sc_type_of(v->symbols, v->type, &t);
    if (err)
        return err;
    if (v->bit_len)
        return bits_text(s, v, ret);
    switch (t.kind) {
    case SC_TYPE_INT:
    case SC_TYPE_BOOL: return integer_text(s, v, &t, ret);
    case SC_TYPE_CHAR: return char_text(s, v, &t, ret);
    case SC_TYPE_FLOAT: return float_text(s, v, &t, ret);
    case SC_TYPE_ENUM: return enum_text(s, v, ret);
    case SC_TYPE_POINTER: return pointer_text(s, v, &t, depth, ret);
    case SC_TYPE_ARRAY: return array_text(s, v, &t, depth, ret);
    case SC_TYPE_STRUCT:
    case SC_TYPE_CLASS:
    case SC_TYPE_UNION: return struct_text(s, v, &t, ret);
    default: return made(t.name && t.name[0] ? t.name : "<unknown type>", ret);
    }
}

sc_err *sc_show_value(sc_session *session, const struct sc_value *value, sc_arena *arena,
                      const char **ret_text, bool *ret_missing) {
    struct show s = {session, arena, false};
    sc_err *err = value_text(&s, value, 0, ret_text);
    if (!err)
        *ret_missing = s.missing;
    return err;
}

sc_err *sc_show_string(sc_session *session, sc_space *space, uint64_t addr, unsigned unit,
                       sc_arena *arena, const char **ret_text) {
    struct show s = {session, arena, false};
    return string_text(&s, space, addr, unit, TEXT_MAX, ret_text);
}
