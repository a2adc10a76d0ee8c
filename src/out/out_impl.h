/* SPDX-License-Identifier: MIT */
/*
 * The inside of an output, shared by its three files: out.c (buffers, frames, colour), text.c (the
 * neutralising printf) and json.c (records by their field tables). Nothing is allocated while
 * something is written: the buffers are part of the object.
 */
#ifndef STOPCODE_OUT_IMPL_H
#define STOPCODE_OUT_IMPL_H

#include <stdarg.h>

#include "stopcode/out.h"

enum { SC_OUT_BUF = 16 * 1024, SC_OUT_ESCAPE = 12 };

/* One writer and what waits for it. */
struct sc_stream {
    sc_write_fn write; /* NULL: there is none */
    void *ctx;
    bool failed; /* it has refused bytes: nothing more is handed to it */
    size_t len;
    char buf[SC_OUT_BUF];
};

struct sc_out {
    enum sc_render render;
    bool color;            /* sequences are written at all */
    bool comma;            /* JSON: the open list has an element already */
    enum sc_color shown;   /* the colour in force */
    unsigned depth;        /* frames begun and not ended */
    struct sc_stream main; /* the caller's writer */
    struct sc_stream tee;  /* the log: the same bytes without colour */
};

/* Finished bytes, to both writers. */
void sc_out_raw(sc_out *out, const char *data, size_t len);
void sc_out_raws(sc_out *out, const char *text);

/*
 * Where a format's pieces go. `own` gets what the program wrote itself (the format's text and
 * numbers), `foreign` what came in by %s and %c.
 */
typedef void (*sc_piece_fn)(sc_out *out, const char *text, size_t len);
struct sc_pieces {
    sc_piece_fn own, foreign;
};
void sc_format(sc_out *out, const struct sc_pieces *pieces, const char *fmt, va_list ap);

/* The pieces of text: own text keeps \n and \t, foreign text keeps no control character. */
void sc_text_own(sc_out *out, const char *text, size_t len);
void sc_text_foreign(sc_out *out, const char *text, size_t len);
/* Is the code point one that could deceive or upset a terminal (controls, bidi, invisible)? */
bool sc_text_unsafe(uint32_t cp);

/* A JSON string with its quotes; its inside only. */
void sc_json_string(sc_out *out, const char *text);
void sc_json_chars(sc_out *out, const char *text, size_t len);
/* The object of an error: {"code":…,"text":…}, with a "type" in front inside a list. */
void sc_json_error(sc_out *out, const sc_err *err, bool in_list);
/* Before and after an element of the open list, or an object on a line of its own. */
void sc_json_open_item(sc_out *out);
void sc_json_close_item(sc_out *out);

#endif
