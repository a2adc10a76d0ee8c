/* SPDX-License-Identifier: MIT */
/* A file that is written from front to back, with holes. Failure is sticky. */
#ifndef STOPCODE_TESTS_FORGE_STREAM_H
#define STOPCODE_TESTS_FORGE_STREAM_H

#include "forge/physmem.h"
#include "forge/section.h"

struct forge_stream {
    int fd;
    uint64_t at;
    bool failed;
    int error; /* errno */
};

void forge_stream_put(struct forge_stream *s, const void *data, size_t size);
/* The bytes of F, which is ended with this. */
void forge_stream_part(struct forge_stream *s, struct forge *f);
void forge_stream_hole(struct forge_stream *s, uint64_t size);
/* A hole up to AT. */
void forge_stream_to(struct forge_stream *s, uint64_t at);
/* Physical memory: written pages, holes for the others. */
void forge_stream_memory(struct forge_stream *s, const struct forge_physmem *m, uint64_t start,
                         uint64_t size);
/* Gives the file its size. */
bool forge_stream_end(struct forge_stream *s);

#endif
