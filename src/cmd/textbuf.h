/* SPDX-License-Identifier: MIT */
/*
 * A text that grows up to a limit: expanded command text, captured output. Failure is sticky and
 * asked for once, at the end.
 */
#ifndef STOPCODE_CMD_TEXTBUF_H
#define STOPCODE_CMD_TEXTBUF_H

#include <stddef.h>

#include "stopcode/error.h"

struct sc_textbuf {
    char *data; /* NUL-terminated once something was added; freed by sc_textbuf_free() */
    size_t len, room;
    size_t max;       /* longest allowed */
    bool nomem, full; /* why something is missing */
};

void sc_textbuf_add(struct sc_textbuf *text, const char *data, size_t len);
void sc_textbuf_puts(struct sc_textbuf *text, const char *data);
void sc_textbuf_printf(struct sc_textbuf *text, const char *fmt, ...) SC_PRINTF(2, 3);
/* What went wrong: out of memory, or that WHAT is longer than the limit; NULL when all is there. */
sc_err *sc_textbuf_error(const struct sc_textbuf *text, const char *what);
/* The text; "" when nothing was added. */
const char *sc_textbuf_text(const struct sc_textbuf *text);
void sc_textbuf_free(struct sc_textbuf *text);

#endif
