/* SPDX-License-Identifier: MIT */
/*
 * The output object: two buffered writers (the caller's and the log), the frames of commands, and
 * colour. What is written in between comes from text.c and json.c.
 *
 * A frame that is still open when the output ends is closed as an error, so that what has been
 * written is JSON even then.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "out/out_impl.h"

static void stream_flush(struct sc_stream *stream) {
    size_t len = stream->len;
    stream->len = 0;
    if (len && stream->write && !stream->failed)
        stream->failed = !stream->write(stream->ctx, stream->buf, len);
}

static void stream_put(struct sc_stream *stream, const char *data, size_t len) {
    if (!stream->write)
        return;
    if (len < sizeof stream->buf - stream->len && !stream->failed) { /* as nearly always */
        memcpy(stream->buf + stream->len, data, len);
        stream->len += len;
        return;
    }
    while (len && stream->write && !stream->failed) {
        size_t part = sizeof stream->buf - stream->len;
        part = len < part ? len : part;
        memcpy(stream->buf + stream->len, data, part);
        stream->len += part;
        data += part;
        len -= part;
        if (stream->len == sizeof stream->buf)
            stream_flush(stream);
    }
}

void sc_out_raw(sc_out *out, const char *data, size_t len) {
    stream_put(&out->main, data, len);
    stream_put(&out->tee, data, len);
}

void sc_out_raws(sc_out *out, const char *text) { sc_out_raw(out, text, strlen(text)); }

sc_err *sc_out_create(enum sc_render render, sc_write_fn write, void *ctx, bool color,
                      sc_out **ret_out) {
    if (!write)
        return sc_errf(SC_ERR_ARG, "an output needs a writer");
    if (render != SC_RENDER_TEXT && render != SC_RENDER_JSON)
        return sc_errf(SC_ERR_ARG, "no renderer has the number %d", (int)render);
    sc_out *out = malloc(sizeof *out); /* the buffers need no zeros */
    if (!out)
        return sc_err_nomem();
    memset(out, 0, offsetof(sc_out, main));
    memset(&out->main, 0, offsetof(struct sc_stream, buf));
    memset(&out->tee, 0, offsetof(struct sc_stream, buf));
    out->render = render;
    out->color = color && render == SC_RENDER_TEXT;
    out->main.write = write;
    out->main.ctx = ctx;
    *ret_out = out;
    return NULL;
}

void sc_out_destroy(sc_out *out) {
    if (!out)
        return;
    sc_out_color(out, SC_PLAIN);
    if (out->depth && out->render == SC_RENDER_JSON)
        sc_out_raws(out, "],\"error\":{\"code\":\"cancelled\","
                         "\"text\":\"the output was ended inside the command\"}}\n");
    sc_out_flush(out);
    free(out);
}

void sc_out_flush(sc_out *out) {
    stream_flush(&out->main);
    stream_flush(&out->tee);
}

enum sc_render sc_out_render(const sc_out *out) { return out->render; }

bool sc_out_failed(const sc_out *out) { return out->main.failed; }

bool sc_out_tee_failed(const sc_out *out) { return out->tee.failed; }

void sc_out_tee(sc_out *out, sc_write_fn write, void *ctx) {
    stream_flush(&out->tee);
    out->tee.write = write;
    out->tee.ctx = ctx;
    out->tee.failed = false;
}

void sc_out_begin(sc_out *out, const char *command) {
    if (out->depth++ || out->render != SC_RENDER_JSON)
        return;
    out->comma = false;
    sc_out_raws(out, "{\"command\":");
    sc_json_string(out, command);
    sc_out_raws(out, ",\"records\":[");
}

/*
 * A command run by another one has no object of its own: its records are the outer one's, and its
 * error, which would be lost, becomes a record.
 */
static void end_json(sc_out *out, const sc_err *err) {
    if (out->depth) {
        if (err) {
            sc_json_open_item(out);
            sc_json_error(out, err, true);
            sc_json_close_item(out);
        }
        return;
    }
    sc_out_raws(out, "],\"error\":");
    if (err)
        sc_json_error(out, err, false);
    else
        sc_out_raws(out, "null");
    sc_out_raws(out, "}\n");
}

void sc_out_end(sc_out *out, const sc_err *err) {
    if (!out->depth)
        return;
    out->depth--;
    if (out->render == SC_RENDER_JSON)
        end_json(out, err);
    if (out->depth)
        return;
    sc_out_color(out, SC_PLAIN);
    sc_out_flush(out);
}

void sc_out_color(sc_out *out, enum sc_color color) {
    /* Each begins with a reset, so that none depends on the one before. */
    static const char *const sequence[] = {
        [SC_PLAIN] = "\033[0m",     [SC_BOLD] = "\033[0;1m",   [SC_RED] = "\033[0;31m",
        [SC_YELLOW] = "\033[0;33m", [SC_GREEN] = "\033[0;32m", [SC_DIM] = "\033[0;2m",
    };
    if (!out->color || color == out->shown || (size_t)color >= sizeof sequence / sizeof *sequence)
        return;
    out->shown = color;
    stream_put(&out->main, sequence[color], strlen(sequence[color]));
}
