/* SPDX-License-Identifier: MIT */
/*
 * The buffer that undecorated names are printed into. It grows up to its bound; behind that (or
 * without memory) it fails, and everything printed from then on is dropped at once.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sym/undecorate_impl.h"

static bool grow(struct ud_out *out, size_t want) {
    size_t room = out->room ? out->room : 256;
    while (room < want)
        room *= 2;
    char *buf = realloc(out->buf, room);
    if (!buf) {
        out->failed = out->nomem = true;
        return false;
    }
    out->buf = buf;
    out->room = room;
    return true;
}

void ud_put(struct ud_out *out, const char *text) {
    size_t len = strlen(text);
    if (out->failed)
        return;
    if (len > out->most || out->len > out->most - len) {
        out->failed = true;
        return;
    }
    if (out->len + len + 1 > out->room && !grow(out, out->len + len + 1))
        return;
    memcpy(out->buf + out->len, text, len + 1);
    out->len += len;
}

void ud_put_number(struct ud_out *out, int64_t number) {
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, number);
    ud_put(out, text);
}

void ud_put_unsigned(struct ud_out *out, uint64_t number) {
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, number);
    ud_put(out, text);
}

void ud_put_gap(struct ud_out *out) {
    char c = out->len ? out->buf[out->len - 1] : ' ';
    if (c == '>' || isalnum((unsigned char)c))
        ud_put(out, " ");
}

bool ud_out_enter(struct ud_out *out) {
    out->depth++;
    if (out->depth > UD_MAX_PRINT_DEPTH)
        out->failed = true;
    return !out->failed;
}
