/* SPDX-License-Identifier: MIT */
/*
 * The JSON reader. One buffer slides over the text: bytes before the current token are dropped
 * when more are needed, and the buffer grows only for a string that does not fit.
 *
 *     buf  | used up | mark … token … pos | not yet read … len | room
 *
 * Written for this project because the libraries build a tree of the whole text first; the figures
 * are in docs/design/isf-json.md.
 */
#include "isf/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"

enum expect { WANT_VALUE, WANT_VALUE_OR_END, WANT_KEY, WANT_KEY_OR_END, WANT_COMMA, WANT_NOTHING };

sc_err *json_init(struct json *j, struct isf_feed *feed, const char *name) {
    memset(j, 0, sizeof *j);
    j->buf = malloc(JSON_BUFFER);
    if (!j->buf)
        return sc_err_nomem();
    j->room = JSON_BUFFER;
    j->feed = feed;
    j->name = name;
    j->expect = WANT_VALUE;
    return NULL;
}

void json_deinit(struct json *j) {
    free(j->buf);
    memset(j, 0, sizeof *j);
}

sc_err *json_error(const struct json *j, uint64_t where, const char *what) {
    return sc_err_at(SC_ERR_FORMAT, j->name, where, "%s%s", what,
                     isf_feed_packed(j->feed) ? " (offset in the unpacked text)" : "");
}

static sc_err *error_here(const struct json *j, const char *what) {
    return json_error(j, j->base + j->pos, what);
}

static sc_err *widen(struct json *j) {
    if (j->room >= JSON_STRING)
        return sc_err_at(SC_ERR_LIMIT, j->name, j->base + j->mark, "a string of more than %d bytes",
                         (int)JSON_STRING);
    char *bigger = realloc(j->buf, j->room * 2);
    if (!bigger)
        return sc_err_nomem();
    j->buf = bigger;
    j->room *= 2;
    return NULL;
}

/* Gets more text behind `len`; what lies before `mark` goes. Sets `eof` when there is none. */
static sc_err *fill(struct json *j) {
    if (j->eof)
        return NULL;
    if (j->mark) {
        memmove(j->buf, j->buf + j->mark, j->len - j->mark);
        j->base += j->mark;
        j->len -= j->mark;
        j->pos -= j->mark;
        j->mark = 0;
    }
    if (j->len == j->room) {
        sc_err *err = widen(j);
        if (err)
            return err;
    }
    size_t got;
    sc_err *err = isf_feed_read(j->feed, j->buf + j->len, j->room - j->len, &got);
    if (err)
        return err;
    j->len += got;
    j->eof = got == 0;
    return NULL;
}

/* The byte at `pos`, or -1 at the end of the text. */
static sc_err *peek(struct json *j, int *ret) {
    if (j->pos == j->len) {
        sc_err *err = fill(j);
        if (err)
            return err;
    }
    *ret = j->pos < j->len ? (unsigned char)j->buf[j->pos] : -1;
    return NULL;
}

/* Most of a pretty-printed table is blanks. */
static sc_err *skip_blanks(struct json *j, int *ret_next) {
    for (;;) {
        while (j->pos < j->len) {
            char c = j->buf[j->pos];
            if (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
                *ret_next = (unsigned char)c;
                j->mark = j->pos;
                return NULL;
            }
            j->pos++;
        }
        j->mark = j->pos;
        if (j->eof) {
            *ret_next = -1;
            return NULL;
        }
        sc_err *err = fill(j);
        if (err)
            return err;
    }
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u at P; -1 when they are none. */
static int32_t hex4(const char *p, const char *end) {
    if (end - p < 4)
        return -1;
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int d = hex_digit(p[i]);
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* \uXXXX at P (the u), with its second half if it is a pair; bytes used, 0 when wrong. */
static size_t unicode(const char *p, const char *end, uint32_t *ret_cp) {
    int32_t high = hex4(p + 1, end);
    if (high <= 0) /* a NUL cannot be in any name we keep */
        return 0;
    *ret_cp = (uint32_t)high;
    if (high < 0xd800 || high > 0xdbff || end - p < 11 || p[5] != '\\' || p[6] != 'u')
        return 5;
    int32_t low = hex4(p + 7, end);
    if (low < 0xdc00 || low > 0xdfff)
        return 5;
    *ret_cp = 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    return 11;
}

/* Undoes the escapes of [P, END) in place: the result is never longer. False: a wrong escape. */
static bool unescape(char *p, char *end, size_t *ret_len) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char *start = p, *out = p;
    while (p < end) {
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        p++; /* the scan has made sure that something follows */
        const char *plain = *p ? strchr(from, *p) : NULL;
        uint32_t cp;
        size_t used;
        if (plain) {
            *out++ = to[plain - from];
            p++;
        } else if (*p == 'u' && (used = unicode(p, end, &cp))) {
            p += used;
            out += sc_utf8_put(cp, out);
        } else {
            return false;
        }
    }
    *ret_len = (size_t)(out - start);
    return true;
}

/* From the opening quote at `pos` to behind the closing one. */
static sc_err *read_string(struct json *j, struct json_token *t) {
    bool escaped = false;
    size_t at = j->pos + 1 - j->mark; /* relative: the buffer may slide */
    for (;;) {
        const char *s = j->buf + j->mark;
        size_t len = j->len - j->mark;
        while (at < len && s[at] != '"' && s[at] != '\\' && (unsigned char)s[at] >= 0x20)
            at++;
        if (at < len && s[at] == '"')
            break;
        if (at + 1 < len && s[at] == '\\') {
            escaped = true;
            at += 2;
            continue;
        }
        j->pos = j->mark + at;
        if (at < len && s[at] != '\\')
            return error_here(j, "a control character in a string");
        sc_err *err = fill(j);
        if (err)
            return err;
        if (j->eof)
            return error_here(j, "the text ends inside a string");
    }
    char *text = j->buf + j->mark + 1;
    t->text = text;
    t->len = at - 1;
    j->pos = j->mark + at + 1;
    if (escaped && !unescape(text, text + t->len, &t->len))
        return json_error(j, t->where, "a wrong escape in a string");
    return NULL;
}

/* The grammar of numbers on what has been collected: -?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)? */
static bool is_number(const char *s, const char *end, bool *ret_integer) {
    s += s < end && *s == '-';
    const char *digits = s;
    while (s < end && *s >= '0' && *s <= '9')
        s++;
    if (s == digits || (*digits == '0' && s - digits > 1))
        return false;
    *ret_integer = s == end;
    if (s < end && *s == '.') {
        digits = ++s;
        while (s < end && *s >= '0' && *s <= '9')
            s++;
        if (s == digits)
            return false;
    }
    if (s < end && (*s | 0x20) == 'e') {
        s++;
        s += s < end && (*s == '+' || *s == '-');
        digits = s;
        while (s < end && *s >= '0' && *s <= '9')
            s++;
        if (s == digits)
            return false;
    }
    return s == end;
}

/* Sets the value of a whole number; leaves `integer` false when it is too large. */
static void number_value(const char *s, const char *end, struct json_token *t) {
    t->negative = *s == '-';
    uint64_t v = 0;
    for (s += t->negative; s < end; s++) {
        uint64_t digit = (uint64_t)(*s - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return;
        v = v * 10 + digit;
    }
    if (t->negative && v > (uint64_t)INT64_MAX + 1)
        return;
    t->negative = t->negative && v;
    t->number = t->negative ? 0 - v : v;
    t->integer = true;
}

static sc_err *read_number(struct json *j, struct json_token *t) {
    int c;
    for (;;) {
        sc_err *err = peek(j, &c);
        if (err)
            return err;
        if (!(c >= '0' && c <= '9') && c != '-' && c != '+' && c != '.' && (c | 0x20) != 'e')
            break;
        j->pos++;
    }
    const char *s = j->buf + j->mark, *end = j->buf + j->pos;
    bool integer = false;
    if (!is_number(s, end, &integer))
        return json_error(j, t->where, "not a JSON number");
    if (integer)
        number_value(s, end, t);
    return NULL;
}

static sc_err *read_word(struct json *j, const char *word, enum json_kind kind,
                         struct json_token *t) {
    for (; *word; word++) {
        int c;
        sc_err *err = peek(j, &c);
        if (err)
            return err;
        if (c != *word)
            return json_error(j, t->where, "not a JSON value");
        j->pos++;
    }
    t->kind = kind;
    return NULL;
}

static sc_err *begin(struct json *j, struct json_token *t, bool object) {
    if (j->depth == JSON_DEPTH)
        return sc_err_at(SC_ERR_LIMIT, j->name, t->where, "nested more than %d deep",
                         (int)JSON_DEPTH);
    j->pos++;
    j->is_object[j->depth++] = object;
    j->expect = object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
    t->kind = object ? JSON_OBJECT : JSON_ARRAY;
    return NULL;
}

static void value_done(struct json *j) { j->expect = j->depth ? WANT_COMMA : WANT_NOTHING; }

static sc_err *end(struct json *j, struct json_token *t, bool object) {
    if (!j->depth || j->is_object[j->depth - 1] != object)
        return json_error(j, t->where, "a bracket that closes nothing");
    j->pos++;
    j->depth--;
    t->kind = object ? JSON_OBJECT_END : JSON_ARRAY_END;
    value_done(j);
    return NULL;
}

static sc_err *read_key(struct json *j, struct json_token *t) {
    sc_err *err = read_string(j, t);
    if (err)
        return err;
    t->kind = JSON_KEY;
    /* The colon may lie behind the buffer's end: then the key's text moves with the buffer. */
    size_t offset = (size_t)(t->text - j->buf) - j->mark;
    for (;;) {
        int c;
        err = peek(j, &c);
        if (err)
            return err;
        if (c < 0)
            return error_here(j, "the text ends behind a key");
        j->pos++;
        if (c == ':')
            break;
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
            return json_error(j, j->base + j->pos - 1, "no colon behind a key");
    }
    t->text = j->buf + j->mark + offset;
    j->expect = WANT_VALUE;
    return NULL;
}

static sc_err *read_value(struct json *j, int c, struct json_token *t) {
    sc_err *err;
    switch (c) {
    case '{': return begin(j, t, true);
    case '[': return begin(j, t, false);
    case '"':
        t->kind = JSON_TEXT;
        err = read_string(j, t);
        break;
    case 't': err = read_word(j, "true", JSON_TRUE, t); break;
    case 'f': err = read_word(j, "false", JSON_FALSE, t); break;
    case 'n': err = read_word(j, "null", JSON_NULL, t); break;
    default: t->kind = JSON_NUMBER; err = read_number(j, t);
    }
    if (!err)
        value_done(j);
    return err;
}

/* Takes the comma between two members or elements; *RET_NEXT becomes what follows it. */
static sc_err *comma(struct json *j, int *next) {
    if (j->expect != WANT_COMMA || *next == '}' || *next == ']' || *next < 0)
        return NULL;
    if (*next != ',')
        return error_here(j, "no comma between two values");
    j->pos++;
    j->expect = j->is_object[j->depth - 1] ? WANT_KEY : WANT_VALUE;
    return skip_blanks(j, next);
}

sc_err *json_next(struct json *j, struct json_token *ret) {
    int c;
    sc_err *err = skip_blanks(j, &c);
    if (!err)
        err = comma(j, &c);
    if (err)
        return err;
    struct json_token t = {.where = j->base + j->pos};
    if (c < 0) {
        if (j->expect != WANT_NOTHING)
            return json_error(j, t.where, "the text ends too early");
        *ret = t;
        return NULL;
    }
    if (j->expect == WANT_NOTHING)
        return json_error(j, t.where, "something behind the end of the JSON text");
    bool may_end =
        j->expect == WANT_COMMA || j->expect == WANT_KEY_OR_END || j->expect == WANT_VALUE_OR_END;
    bool want_key = j->expect == WANT_KEY || j->expect == WANT_KEY_OR_END;
    if (may_end && (c == '}' || c == ']'))
        err = end(j, &t, c == '}');
    else if (want_key)
        err = c == '"' ? read_key(j, &t) : json_error(j, t.where, "a key is missing");
    else
        err = read_value(j, c, &t);
    if (!err)
        *ret = t;
    return err;
}

sc_err *json_skip(struct json *j, const struct json_token *token) {
    if (token->kind != JSON_OBJECT && token->kind != JSON_ARRAY)
        return NULL;
    unsigned until = j->depth - 1;
    while (j->depth > until) {
        struct json_token t;
        sc_err *err = json_next(j, &t);
        if (err)
            return err;
    }
    return NULL;
}

sc_err *json_key(struct json *j, struct json_token *ret, bool *ret_more) {
    sc_err *err = json_next(j, ret);
    if (err)
        return err;
    *ret_more = ret->kind == JSON_KEY;
    return NULL;
}

static sc_err *wrong(const struct json *j, uint64_t where, const char *what, const char *how) {
    char text[120];
    snprintf(text, sizeof text, "%s %s", what, how);
    return json_error(j, where, text);
}

sc_err *json_want(struct json *j, enum json_kind kind, const char *what, struct json_token *ret) {
    struct json_token t;
    sc_err *err = json_next(j, &t);
    if (err)
        return err;
    if (t.kind != kind)
        return wrong(j, t.where, what, "expected");
    *ret = t;
    return NULL;
}

sc_err *json_unsigned(struct json *j, uint64_t max, const char *what, uint64_t *ret) {
    struct json_token t;
    sc_err *err = json_want(j, JSON_NUMBER, what, &t);
    if (err)
        return err;
    if (!t.integer || t.negative || t.number > max)
        return wrong(j, t.where, what, "out of range");
    *ret = t.number;
    return NULL;
}

bool json_is(const struct json_token *token, const char *text) {
    size_t len = strlen(text);
    return token->len == len && !memcmp(token->text, text, len);
}
