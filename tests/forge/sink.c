/* SPDX-License-Identifier: MIT */
/* A writer into memory; see sink.h. */
#include "forge/sink.h"

#include <stdlib.h>
#include <string.h>

bool sink_write(void *ctx, const char *data, size_t len) {
    struct sink *sink = ctx;
    sink->calls++;
    if (sink->limit && len > sink->limit - sink->len)
        return false;
    if (sink->len + len + 1 > sink->room) {
        size_t room = (sink->len + len + 1) * 2;
        char *text = realloc(sink->text, room);
        if (!text)
            return false;
        sink->text = text;
        sink->room = room;
    }
    memcpy(sink->text + sink->len, data, len);
    sink->len += len;
    sink->text[sink->len] = 0;
    return true;
}

const char *sink_text(const struct sink *sink) { return sink->text ? sink->text : ""; }

void sink_clear(struct sink *sink) {
    sink->len = 0;
    if (sink->text)
        sink->text[0] = 0;
}

void sink_free(struct sink *sink) {
    free(sink->text);
    *sink = (struct sink){0};
}
