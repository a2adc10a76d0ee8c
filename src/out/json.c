/* SPDX-License-Identifier: MIT */
/*
 * JSON: records by their field tables, written as they come.
 *
 *     {"command":"lm","records":[{"type":"module","base":"0xfffff80000000000",…},…],"error":null}
 *
 * one object per command and line (docs/formats/json.md is the reader's side of it). Strings are
 * always valid UTF-8 and valid JSON, whatever the dump holds:
 *
 *   - control characters, DEL, C1 and what text.c hides from terminals: \u00XX, \uXXXX
 *   - a lone surrogate (three bytes of WTF-8): \udXXX, so that nothing is lost
 *   - a byte that is no UTF-8: U+FFFD, one for each; it is not taken for a Latin-1 letter, since
 *     that would be a character that nobody wrote
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/guid.h"
#include "base/time.h"
#include "base/utf.h"
#include "out/out_impl.h"

/* Records inside records: more than any table has, a bound for tables that name themselves. */
enum { DEPTH_MAX = 16 };

static size_t escape(uint32_t cp, char *esc) {
    static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    const char *at = cp && cp < 0x80 ? strchr(plain, (int)cp) : NULL;
    if (at) {
        esc[0] = '\\';
        esc[1] = letter[at - plain];
        return 2;
    }
    if (cp < 0x10000)
        return (size_t)snprintf(esc, SC_OUT_ESCAPE + 1, "\\u%04x", (unsigned)cp);
    cp -= 0x10000;
    return (size_t)snprintf(esc, SC_OUT_ESCAPE + 1, "\\u%04x\\u%04x", 0xd800U + (cp >> 10 & 0x3ff),
                            0xdc00U + (cp & 0x3ff));
}

/* ASCII's that stand for themselves: nearly all of any text. */
static size_t plain_run(const char *text, size_t len) {
    size_t i = 0;
    while (i < len && text[i] >= 0x20 && text[i] < 0x7f && text[i] != '"' && text[i] != '\\')
        i++;
    return i;
}

void sc_json_chars(sc_out *out, const char *text, size_t len) {
    char esc[SC_OUT_ESCAPE + 1];
    size_t clean = 0, i = 0;
    while ((i += plain_run(text + i, len - i)) < len) {
        uint32_t cp;
        size_t n = sc_utf8_get(text + i, len - i, &cp);
        bool bad = cp == UINT32_MAX;
        if (bad || cp == '"' || cp == '\\' || sc_text_unsafe(cp)) {
            sc_out_raw(out, text + clean, i - clean);
            if (bad)
                sc_out_raws(out, "\xef\xbf\xbd");
            else
                sc_out_raw(out, esc, escape(cp, esc));
            clean = i + n;
        }
        i += n;
    }
    sc_out_raw(out, text + clean, len - clean);
}

void sc_json_string(sc_out *out, const char *text) {
    if (!text) {
        sc_out_raws(out, "null");
        return;
    }
    sc_out_raw(out, "\"", 1);
    sc_json_chars(out, text, strlen(text));
    sc_out_raw(out, "\"", 1);
}

/* Numbers are most of what is written: a conversion of printf's costs several times as much. */
enum { NUMBER = 24 };

/* VALUE to the base before END, at least DIGITS of them; returns where it begins. */
static inline char *spell(char *end, uint64_t value, unsigned base, unsigned digits) {
    char *at = end;
    do
        *--at = "0123456789abcdef"[value % base];
    while ((value /= base) != 0);
    while ((size_t)(end - at) < digits)
        *--at = '0';
    return at;
}

static void put_hex(sc_out *out, uint64_t value, unsigned digits) {
    char text[NUMBER];
    char *at = spell(text + NUMBER - 1, value, 16, digits);
    text[NUMBER - 1] = '"';
    *--at = 'x';
    *--at = '0';
    *--at = '"';
    sc_out_raw(out, at, (size_t)(text + NUMBER - at));
}

static void put_uint(sc_out *out, uint64_t value) {
    char text[NUMBER];
    const char *at = spell(text + NUMBER, value, 10, 1);
    sc_out_raw(out, at, (size_t)(text + NUMBER - at));
}

/* Seconds, with as many decimals as there are. */
static void put_span(sc_out *out, uint64_t span) {
    char text[40];
    int n = snprintf(text, sizeof text, "%llu.%07llu", (unsigned long long)(span / 10000000),
                     (unsigned long long)(span % 10000000));
    while (text[n - 1] == '0')
        n--;
    if (text[n - 1] == '.')
        n--;
    sc_out_raw(out, text, (size_t)n);
}

static uint64_t get_u64(const void *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t get_u32(const void *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint16_t get_u16(const void *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static const void *get_pointer(const void *at) {
    const void *value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void put_i64(sc_out *out, const void *at) {
    int64_t value;
    memcpy(&value, at, sizeof value);
    if (value < 0)
        sc_out_raw(out, "-", 1);
    put_uint(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* A number that may not be known. */
static void put_num(sc_out *out, const void *at) {
    int64_t value;
    memcpy(&value, at, sizeof value);
    if (value == INT64_MIN)
        sc_out_raws(out, "null");
    else
        put_i64(out, at);
}

static void put_time(sc_out *out, uint64_t value) {
    char text[SC_TIME_BUF];
    sc_json_string(out, value == 0 || value == UINT64_MAX ? NULL : sc_time_iso(value, text));
}

static void put_guid(sc_out *out, const void *at) {
    struct sc_guid guid;
    char text[SC_GUID_BUF];
    memcpy(&guid, at, sizeof guid);
    sc_json_string(out, sc_guid_text(&guid, text));
}

/* A field of one number or string. */
static void put_scalar(sc_out *out, enum sc_ftype type, const void *at) {
    switch (type) {
    case SC_F_BOOL: sc_out_raws(out, *(const bool *)at ? "true" : "false"); break;
    case SC_F_U8: put_uint(out, *(const uint8_t *)at); break;
    case SC_F_U16: put_uint(out, get_u16(at)); break;
    case SC_F_U32: put_uint(out, get_u32(at)); break;
    case SC_F_U64: put_uint(out, get_u64(at)); break;
    case SC_F_I64: put_i64(out, at); break;
    case SC_F_NUM: put_num(out, at); break;
    case SC_F_HEX32: put_hex(out, get_u32(at), 8); break;
    case SC_F_HEX64: put_hex(out, get_u64(at), 1); break;
    case SC_F_STR: sc_json_string(out, get_pointer(at)); break;
    case SC_F_TIME: put_time(out, get_u64(at)); break;
    case SC_F_GUID: put_guid(out, at); break;
    case SC_F_ADDR:
        if (get_u64(at) == UINT64_MAX)
            sc_out_raws(out, "null");
        else
            put_hex(out, get_u64(at), 16);
        break;
    case SC_F_SPAN:
        if (get_u64(at) == UINT64_MAX)
            sc_out_raws(out, "null");
        else
            put_span(out, get_u64(at));
        break;
    default: assert(!"a field type that json.c does not know"); sc_out_raws(out, "null");
    }
}

static void put_object(sc_out *out, const struct sc_rectype *type, const void *record, bool named,
                       unsigned depth);

/* One element of a list field. */
static void put_element(sc_out *out, const struct sc_field *field, const char *items, size_t index,
                        unsigned depth) {
    if (field->type == SC_F_LIST)
        put_object(out, field->sub, items + index * field->sub->size, false, depth + 1);
    else if (field->type == SC_F_STRS)
        sc_json_string(out, get_pointer(items + index * sizeof(const char *)));
    else
        put_hex(out, get_u64(items + index * sizeof(uint64_t)), 1);
}

static void put_list(sc_out *out, const struct sc_field *field, const char *record,
                     unsigned depth) {
    const char *items = get_pointer(record + field->offset);
    size_t count;
    memcpy(&count, record + field->count_offset, sizeof count);
    sc_out_raw(out, "[", 1);
    for (size_t i = 0; items && i < count && !out->main.failed; i++) {
        if (i)
            sc_out_raw(out, ",", 1);
        put_element(out, field, items, i, depth);
    }
    sc_out_raw(out, "]", 1);
}

static void put_field(sc_out *out, const struct sc_field *field, const char *record,
                      unsigned depth) {
    switch (field->type) {
    case SC_F_REC: put_object(out, field->sub, record + field->offset, false, depth + 1); break;
    case SC_F_LIST:
    case SC_F_STRS:
    case SC_F_HEXES: put_list(out, field, record, depth); break;
    default: put_scalar(out, field->type, record + field->offset);
    }
}

static void put_object(sc_out *out, const struct sc_rectype *type, const void *record, bool named,
                       unsigned depth) {
    if (depth > DEPTH_MAX) {
        sc_out_raws(out, "null");
        return;
    }
    bool comma = named;
    sc_out_raw(out, "{", 1);
    if (named) {
        sc_out_raws(out, "\"type\":");
        sc_json_string(out, type->name);
    }
    for (const struct sc_field *f = type->fields; f->type != SC_F_END; f++) {
        /* a key of that name would stand twice in the object */
        assert(!named || strcmp(f->name, "type") != 0);
        /* The names are ours, and have nothing to escape. */
        sc_out_raws(out, comma ? ",\"" : "\"");
        comma = true;
        sc_out_raws(out, f->name);
        sc_out_raw(out, "\":", 2);
        put_field(out, f, record, depth);
    }
    sc_out_raw(out, "}", 1);
}

void sc_json_open_item(sc_out *out) {
    if (out->depth && out->comma)
        sc_out_raw(out, ",", 1);
    out->comma = true;
}

void sc_json_close_item(sc_out *out) {
    if (!out->depth)
        sc_out_raw(out, "\n", 1);
}

static const char *code_name(enum sc_err_code code) {
    switch (code) {
    case SC_ERR_NOMEM: return "out-of-memory";
    case SC_ERR_CANCELLED: return "cancelled";
    case SC_ERR_IO: return "io";
    case SC_ERR_FORMAT: return "format";
    case SC_ERR_UNSUPPORTED: return "unsupported";
    case SC_ERR_NOT_FOUND: return "not-found";
    case SC_ERR_ARG: return "argument";
    case SC_ERR_MEMORY: return "memory";
    case SC_ERR_LIMIT: return "limit";
    }
    return "unknown";
}

void sc_json_error(sc_out *out, const sc_err *err, bool in_list) {
    uint64_t at;
    sc_out_raws(out, in_list ? "{\"type\":\"error\",\"code\":" : "{\"code\":");
    sc_json_string(out, code_name(sc_err_code(err)));
    sc_out_raws(out, ",\"text\":");
    sc_json_string(out, sc_err_text(err));
    if (sc_err_offset(err, &at)) {
        sc_out_raws(out, ",\"offset\":");
        put_hex(out, at, 1);
    }
    if (sc_err_address(err, &at)) {
        sc_out_raws(out, ",\"address\":");
        put_hex(out, at, 16);
    }
    sc_out_raw(out, "}", 1);
}

void sc_record(sc_out *out, const struct sc_rectype *type, const void *record, sc_text_fn text,
               void *ctx) {
    if (out->render == SC_RENDER_TEXT) {
        if (text)
            text(out, record, ctx);
        return;
    }
    sc_json_open_item(out);
    put_object(out, type, record, true, 0);
    sc_json_close_item(out);
}

void sc_out_json(sc_out *out, const struct sc_rectype *type, const void *record) {
    if (out->render == SC_RENDER_JSON && out->depth)
        sc_json_open_item(out);
    put_object(out, type, record, true, 0);
}
