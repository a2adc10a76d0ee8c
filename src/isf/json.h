/* SPDX-License-Identifier: MIT */
/*
 * A streaming JSON reader (RFC 8259): one token at a time out of a text that is never held whole.
 *
 * The grammar is checked as it goes: depth, commas, colons, escapes, numbers. Texts of strings and
 * keys are unescaped in place and live until the next token. A lone surrogate escape becomes
 * three bytes, as everywhere here (see base/utf.h).
 */
#ifndef STOPCODE_ISF_JSON_H
#define STOPCODE_ISF_JSON_H

#include "isf/feed.h"

enum {
    JSON_DEPTH = 64,           /* nested arrays and objects */
    JSON_STRING = 1024 * 1024, /* bytes of one string, as written */
    JSON_BUFFER = 64 * 1024,
};

enum json_kind {
    JSON_END, /* of the text */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,
    JSON_TEXT,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_token {
    enum json_kind kind;
    const char *text; /* JSON_KEY, JSON_TEXT: LEN bytes, not ended by NUL */
    size_t len;
    bool integer;    /* JSON_NUMBER: a whole number that fits in 64 bits … */
    bool negative;   /* … and is below zero */
    uint64_t number; /* two's complement when negative */
    uint64_t where;  /* offset in the text */
};

struct json {
    struct isf_feed *feed;
    const char *name; /* of the file, for messages */
    char *buf;
    size_t room, len, pos, mark; /* mark: first byte of the current token */
    uint64_t base;               /* offset in the text of buf[0] */
    bool eof;
    unsigned depth;
    bool is_object[JSON_DEPTH];
    int expect; /* enum in json.c */
};

/* NAME is borrowed. */
sc_err *json_init(struct json *j, struct isf_feed *feed, const char *name);
void json_deinit(struct json *j);

sc_err *json_next(struct json *j, struct json_token *ret);
/* Reads the rest of the value that TOKEN begins (nothing for a plain value). */
sc_err *json_skip(struct json *j, const struct json_token *token);
/*
 * Inside an object: the next key into *RET and *RET_MORE true, or its end and *RET_MORE false.
 * Everything about the key must be taken from *RET before the next call.
 */
sc_err *json_key(struct json *j, struct json_token *ret, bool *ret_more);
/* The next token, which must be of KIND; WHAT names it in the message. */
sc_err *json_want(struct json *j, enum json_kind kind, const char *what, struct json_token *ret);
/* A whole number from 0 to MAX. */
sc_err *json_unsigned(struct json *j, uint64_t max, const char *what, uint64_t *ret);

bool json_is(const struct json_token *token, const char *text);
/* An SC_ERR_FORMAT error at an offset of the text. */
sc_err *json_error(const struct json *j, uint64_t where, const char *what);

#endif
