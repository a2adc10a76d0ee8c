/* SPDX-License-Identifier: MIT */
/*
 * A writer into memory, for tests of what is printed:
 *
 *     struct sink sink = {0};
 *     sc_out_create(SC_RENDER_TEXT, sink_write, &sink, false, &out);
 *     … assert_string_equal(sink_text(&sink), "…");
 *     sink_free(&sink);
 */
#ifndef STOPCODE_FORGE_SINK_H
#define STOPCODE_FORGE_SINK_H

#include <stdbool.h>
#include <stddef.h>

struct sink {
    char *text; /* NUL-terminated once something was written */
    size_t len, room;
    size_t limit; /* refuse what would make more bytes than this; 0 = none */
    size_t calls; /* of sink_write(), refused ones too */
};

/* An sc_write_fn; CTX is the sink. */
bool sink_write(void *ctx, const char *data, size_t len);
/* What was written, never NULL. */
const char *sink_text(const struct sink *sink);
/* Forgets what was written. */
void sink_clear(struct sink *sink);
void sink_free(struct sink *sink);

#endif
