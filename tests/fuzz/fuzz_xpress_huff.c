/* SPDX-License-Identifier: MIT */
/* Xpress with Huffman codes, one chunk and two. */
#include "fuzz/xpress_run.h"

const char fuzz_name[] = "xpress_huff";

void fuzz_one(const uint8_t *data, size_t size) { xpress_run(sc_xpress_huffman, data, size); }

void fuzz_seeds(fuzz_add add, void *ctx) {
    xpress_seed(add, ctx, 65535, forge_xpress_huffman, 40);
    xpress_seed(add, ctx, 65535, forge_xpress_huffman, 9000);
    xpress_seed(add, ctx, 65535, forge_xpress_huffman, 0x10000 + 900);
}
