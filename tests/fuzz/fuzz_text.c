/* SPDX-License-Identifier: MIT */
/*
 * Text from files: UTF-16 and UTF-8 decoding, wildcards, and both renderers. Whatever a string
 * holds, text output must be one harmless line, and JSON output valid JSON in valid UTF-8.
 */
#include <string.h>

#include "base/arena.h"
#include "base/guid.h"
#include "base/utf.h"
#include "fuzz/fuzz.h"
#include "stopcode/out.h"

const char fuzz_name[] = "text";

enum { OUTPUT = 1 << 18, TEXT = 4096 };

struct buffer {
    char data[OUTPUT];
    size_t len;
};

static bool sink(void *ctx, const char *data, size_t len) {
    struct buffer *b = ctx;
    if (len > sizeof b->data - b->len)
        fuzz_broken("output of more than %d bytes", OUTPUT);
    memcpy(b->data + b->len, data, len);
    b->len += len;
    return true;
}

static void check_utf8(const struct buffer *b, bool text) {
    for (size_t i = 0; i < b->len;) {
        uint32_t cp;
        size_t n = sc_utf8_get(b->data + i, b->len - i, &cp);
        bool surrogate = cp >= 0xd800 && cp < 0xe000;
        if (cp == UINT32_MAX || surrogate)
            fuzz_broken("byte %zu of the %s is no UTF-8", i, text ? "text" : "JSON");
        if ((cp < 0x20 && cp != '\n') || cp == 0x7f || (text && cp >= 0x80 && cp < 0xa0))
            fuzz_broken("control character %x in the %s", cp, text ? "text" : "JSON");
        i += n;
    }
}

/* The end of the JSON value at P; NULL when it is none. */
static const char *json_value(const char *p, const char *end, int depth);

static const char *json_string(const char *p, const char *end) {
    if (p == end || *p++ != '"')
        return NULL;
    for (; p < end && *p != '"'; p++) {
        if ((unsigned char)*p < 0x20)
            return NULL;
        if (*p != '\\')
            continue;
        if (++p == end || !strchr("\"\\/bfnrtu", *p))
            return NULL;
        for (int i = 0; i < 4 && *p == 'u'; i++)
            if (p + 1 + i >= end || !strchr("0123456789abcdefABCDEF", p[1 + i]))
                return NULL;
    }
    return p < end ? p + 1 : NULL;
}

/* Members or elements up to CLOSE. */
static const char *json_items(const char *p, const char *end, char close, int depth) {
    if (p < end && *p == close)
        return p + 1;
    while (p && p < end) {
        if (close == '}') {
            p = json_string(p, end);
            if (!p || p == end || *p++ != ':')
                return NULL;
        }
        p = json_value(p, end, depth);
        if (!p || p == end)
            return NULL;
        if (*p == close)
            return p + 1;
        if (*p++ != ',')
            return NULL;
    }
    return NULL;
}

static const char *json_value(const char *p, const char *end, int depth) {
    if (p == end || depth > 32)
        return NULL;
    if (*p == '{' || *p == '[')
        return json_items(p + 1, end, *p == '{' ? '}' : ']', depth + 1);
    if (*p == '"')
        return json_string(p, end);
    size_t n = 0;
    while (p + n < end && strchr("0123456789+-.eEtrufalsn", p[n]))
        n++;
    return n ? p + n : NULL;
}

struct record {
    const char *text;
    const char **texts;
    size_t ntexts;
    uint64_t number, address, time, span;
    struct sc_guid guid;
    bool flag;
};
static const struct sc_field fields[] = {
    SC_FIELD(struct record, text, SC_F_STR),
    SC_FIELD_STRS(struct record, texts, ntexts),
    SC_FIELD(struct record, number, SC_F_U64),
    SC_FIELD(struct record, address, SC_F_ADDR),
    SC_FIELD(struct record, time, SC_F_TIME),
    SC_FIELD(struct record, span, SC_F_SPAN),
    SC_FIELD(struct record, guid, SC_F_GUID),
    SC_FIELD(struct record, flag, SC_F_BOOL),
    SC_FIELD_END,
};
static const struct sc_rectype rectype = {"fuzz", sizeof(struct record), fields};

static void show(sc_out *out, const void *record, void *ctx) {
    const struct record *r = record;
    (void)ctx;
    sc_printf(out, "%-20s|%.7s|%10.3s|%08llx", r->text, r->text, r->texts[0],
              (unsigned long long)r->number);
    sc_puts(out, "\n");
}

static void render(const char *text, const char *other, const uint8_t *data, size_t size,
                   enum sc_render how) {
    static struct buffer b; /* too big for a stack; one thread */
    sc_out *out = NULL;
    const char *texts[] = {other, text, NULL};
    struct record r = {.text = text, .texts = texts, .ntexts = 3};
    memcpy(&r.number, data, size < 8 ? size : 8);
    if (size >= 48) {
        memcpy(&r.address, data + 8, 8);
        memcpy(&r.time, data + 16, 8);
        memcpy(&r.span, data + 24, 8);
        memcpy(&r.guid, data + 32, 16);
    }
    r.flag = size & 1;
    b.len = 0;
    sc_err *err = sc_out_create(how, sink, &b, false, &out);
    if (err) {
        sc_err_destroy(err);
        return;
    }
    sc_out_begin(out, text);
    sc_record(out, &rectype, &r, show, NULL);
    sc_remark(out, "%s", other);
    sc_err *shown = sc_errf(SC_ERR_FORMAT, "bad %s", text);
    sc_out_end(out, shown);
    sc_err_destroy(shown);
    sc_out_destroy(out);
    check_utf8(&b, how == SC_RENDER_TEXT);
    const char *end = b.data + b.len;
    if (how == SC_RENDER_JSON) {
        const char *p = json_value(b.data, end, 0);
        if (!p || p + 1 != end || *p != '\n')
            fuzz_broken("no JSON: %.*s", (int)b.len, b.data);
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    char text[TEXT];
    size_t len = size < sizeof text - 1 ? size : sizeof text - 1, half = len / 2;
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return;
    memcpy(text, data, len);
    text[len] = 0;
    const char *wide = sc_utf16_to_utf8(arena, data, size);
    struct sc_guid guid;
    if (sc_guid_parse(text, &guid)) {
        char buf[SC_GUID_BUF];
        struct sc_guid again;
        if (!sc_guid_parse(sc_guid_text(&guid, buf), &again) || !sc_guid_equal(&guid, &again))
            fuzz_broken("a GUID does not survive being written");
    }
    sc_wild_match(text, text + half);
    sc_wild_match(text + half, text);
    for (int how = SC_RENDER_TEXT; wide && how <= SC_RENDER_JSON; how++)
        render(text, wide, data, size, (enum sc_render)how);
    sc_arena_destroy(arena);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const char *const texts[] = {
        "plain",
        "*a*b?[a-z]#",
        "{00112233-4455-6677-8899-AABBCCDDEEFF}",
        "\x1b[31mred\x07\r\n\t",
        "\xed\xa0\xbd\xed\xb8\x80 lone \xed\xa0\xbd",
        "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
        "\xc2\x9b\xe2\x80\xae\xe2\x80\xa8",
        "\"quoted\\\" \\u0041",
        "\xff\xfe\x80\xc0\xaf",
        "0123456789012345678901234567890123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add(ctx, texts[i], strlen(texts[i]));
    add(ctx, "a\0b\0\x3d\xd8\0\xde\x3d\xd8\0\0", 12);
}
