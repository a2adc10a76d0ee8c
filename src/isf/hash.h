/* SPDX-License-Identifier: MIT */
/*
 * Two hashes: a quick one of 64 bits for tables and checksums, and one of 128 bits that names a
 * file's content in the cache. Neither withstands someone who looks for collisions: the tables that
 * hostile text fills are seeded, and a cache belongs to one user.
 */
#ifndef STOPCODE_ISF_HASH_H
#define STOPCODE_ISF_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t isf_hash(const void *data, size_t len, uint64_t seed);

/* The content's hash, over any number of pieces; pieces but the last have a multiple of 32 bytes.
 */
struct isf_digest {
    uint64_t lane[4];
    uint64_t size;
};
void isf_digest_init(struct isf_digest *d);
void isf_digest_add(struct isf_digest *d, const void *data, size_t len);
void isf_digest_end(struct isf_digest *d, uint8_t ret[16]);

#endif
