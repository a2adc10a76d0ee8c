/* SPDX-License-Identifier: MIT */
/* What the fuzz targets of both forms of Xpress share. */
#ifndef STOPCODE_TESTS_FUZZ_XPRESS_RUN_H
#define STOPCODE_TESTS_FUZZ_XPRESS_RUN_H

#include <stdlib.h>
#include <string.h>

#include "dump/xpress.h"
#include "forge/xpress.h"
#include "fuzz/fuzz.h"

typedef struct sc_xpress xpress_fn(const uint8_t *, size_t, uint8_t *, size_t);

/*
 * The first two bytes say how much is wanted. Bytes behind the output stay as they are; what a cut
 * input gives is the beginning of what the whole one gives.
 */
static inline void xpress_run(xpress_fn *decode, const uint8_t *data, size_t size) {
    enum { MOST = 0x20000, GUARD = 16 };
    static uint8_t out[MOST + GUARD], again[MOST];
    if (size < 2)
        return;
    size_t want = ((size_t)data[0] << 8 | data[1]) * 2;
    memset(out + want, 0x5a, GUARD);
    struct sc_xpress whole = decode(data + 2, size - 2, out, want);
    for (size_t i = 0; i < GUARD; i++)
        if (out[want + i] != 0x5a)
            fuzz_broken("written behind the buffer");
    if (whole.made > want || whole.used > size - 2 || (whole.made == want) != !whole.why)
        fuzz_broken("the answer contradicts itself");
    struct sc_xpress half = decode(data + 2, (size - 2) / 2, again, want);
    if (half.made > whole.made && !whole.why)
        fuzz_broken("less input gives more");
    size_t both = half.made < whole.made ? half.made : whole.made;
    if (memcmp(out, again, both) != 0)
        fuzz_broken("a cut input gives something else");
}

static inline void xpress_seed(fuzz_add add, void *ctx, uint32_t farthest,
                               bool (*encode)(const struct forge_tokens *, struct forge_bytes *),
                               size_t want) {
    uint8_t *plain = malloc(want), in[0x10000];
    struct forge_tokens tokens = {0};
    struct forge_bytes packed;
    for (size_t i = 0; plain && i < want; i++)
        plain[i] = (uint8_t)(i % 7 * (i / 300) >> (i & 3));
    if (!plain || !forge_tokens_find(&tokens, plain, want, farthest) || !encode(&tokens, &packed) ||
        packed.size > sizeof in - 2)
        abort();
    in[0] = (uint8_t)(want / 2 >> 8);
    in[1] = (uint8_t)(want / 2);
    memcpy(in + 2, packed.data, packed.size);
    add(ctx, in, packed.size + 2);
    free(packed.data);
    forge_tokens_free(&tokens);
    free(plain);
}

#endif
