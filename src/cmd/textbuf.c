/* SPDX-License-Identifier: MIT */
/* A text that grows up to a limit. */
#include "cmd/textbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for LEN more bytes and a NUL. */
static bool reserve(struct sc_textbuf *t, size_t len) {
    if (t->nomem || t->full)
        return false;
    if (len > t->max || t->len > t->max - len) {
        t->full = true;
        return false;
    }
    if (t->len + len < t->room)
        return true;
    size_t room = t->room ? t->room : 128;
    while (room <= t->len + len)
        room *= 2;
    char *data = realloc(t->data, room);
    if (!data) {
        t->nomem = true;
        return false;
    }
    t->data = data;
    t->room = room;
    return true;
}

void sc_textbuf_add(struct sc_textbuf *t, const char *data, size_t len) {
    if (!reserve(t, len))
        return;
    memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = 0;
}

void sc_textbuf_puts(struct sc_textbuf *t, const char *data) {
    sc_textbuf_add(t, data, strlen(data));
}

void sc_textbuf_printf(struct sc_textbuf *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !reserve(t, (size_t)n))
        return;
    va_start(ap, fmt);
    vsnprintf(t->data + t->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    t->len += (size_t)n;
}

sc_err *sc_textbuf_error(const struct sc_textbuf *t, const char *what) {
    if (t->nomem)
        return sc_err_nomem();
    if (t->full)
        return sc_errf(SC_ERR_LIMIT, "%s is longer than %zu bytes", what, t->max);
    return NULL;
}

const char *sc_textbuf_text(const struct sc_textbuf *t) { return t->data ? t->data : ""; }

void sc_textbuf_free(struct sc_textbuf *t) {
    free(t->data);
    *t = (struct sc_textbuf){.max = t->max};
}
