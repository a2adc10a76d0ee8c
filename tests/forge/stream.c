/* SPDX-License-Identifier: MIT */
#include "forge/stream.h"

#include <errno.h>
#include <unistd.h>

void forge_stream_put(struct forge_stream *s, const void *data, size_t size) {
    const uint8_t *from = data;
    while (size && !s->failed) {
        ssize_t n = pwrite(s->fd, from, size, (off_t)s->at);
        if (n <= 0 && errno != EINTR) {
            s->failed = true;
            s->error = errno;
        } else if (n > 0) {
            s->at += (size_t)n, from += n, size -= (size_t)n;
        }
    }
}

void forge_stream_part(struct forge_stream *s, struct forge *f) {
    struct forge_bytes bytes = {0};
    if (forge_finish(f, &bytes))
        forge_stream_put(s, bytes.data, bytes.size);
    else
        s->failed = true;
    forge_bytes_free(&bytes);
    forge_deinit(f);
}

void forge_stream_hole(struct forge_stream *s, uint64_t size) { s->at += size; }

void forge_stream_to(struct forge_stream *s, uint64_t at) {
    if (at < s->at)
        s->failed = true;
    s->at = at;
}

void forge_stream_memory(struct forge_stream *s, const struct forge_physmem *m, uint64_t start,
                         uint64_t size) {
    uint64_t base = s->at, pfn = start / FORGE_FRAME, end = (start + size) / FORGE_FRAME;
    bool every = forge_physmem_filled(m) != FORGE_RAM_ZEROS;
    uint8_t page[FORGE_FRAME];
    for (; !s->failed && (every || forge_physmem_next(m, &pfn)) && pfn < end; pfn++) {
        s->at = base + (pfn * FORGE_FRAME - start);
        forge_physmem_read(m, pfn * FORGE_FRAME, page, sizeof page);
        forge_stream_put(s, page, sizeof page);
    }
    s->at = base + size;
}

bool forge_stream_end(struct forge_stream *s) {
    if (!s->failed && ftruncate(s->fd, (off_t)s->at)) {
        s->failed = true;
        s->error = errno;
    }
    return !s->failed;
}
