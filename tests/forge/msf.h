/* SPDX-License-Identifier: MIT */
/*
 * MSF and MSFZ files out of streams:
 *
 *     struct forge_msf m;
 *     forge_msf_init(&m, 1024);
 *     forge_u32(forge_msf_stream(&m, 1), 20000404);
 *     …
 *     if (forge_msf_finish(&m, &file)) …
 *     forge_msf_deinit(&m);
 */
#ifndef STOPCODE_TESTS_FORGE_MSF_H
#define STOPCODE_TESTS_FORGE_MSF_H

#include "forge/section.h"

enum { FORGE_MSF_STREAMS = 4096 };
enum forge_msf_packing { FORGE_STORED = 0, FORGE_ZSTD = 1, FORGE_DEFLATE = 2 };

struct forge_msf {
    uint32_t page_size;
    bool scatter; /* pages of a stream in descending order: none follows the one before */
    struct forge *stream[FORGE_MSF_STREAMS]; /* NULL: nil */
    uint32_t nstreams;
};

void forge_msf_init(struct forge_msf *m, uint32_t page_size);
void forge_msf_deinit(struct forge_msf *m);
/* Stream INDEX, made when first asked for. Aborts when memory is short: tests only. */
struct forge *forge_msf_stream(struct forge_msf *m, uint32_t index);
/* A new stream behind all others. */
uint32_t forge_msf_add(struct forge_msf *m);

bool forge_msf_finish(struct forge_msf *m, struct forge_bytes *ret_file);
/*
 * The same streams as MSFZ: all bytes in chunks of CHUNK bytes, packed so. The packers here write
 * valid formats without making anything smaller. Stream PLAIN (0: none) stands uncompressed.
 */
bool forge_msfz_finish(struct forge_msf *m, enum forge_msf_packing packing, uint32_t chunk,
                       uint32_t plain, struct forge_bytes *ret_file);

#endif
