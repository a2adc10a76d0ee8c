/* SPDX-License-Identifier: MIT */
/* Xpress, the plain form. */
#include "fuzz/xpress_run.h"

const char fuzz_name[] = "xpress";

void fuzz_one(const uint8_t *data, size_t size) { xpress_run(sc_xpress_plain, data, size); }

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const uint8_t match[] = {0,   150,  0xff, 0xff, 0xff, 0x1f, 'a', 'b',
                                    'c', 0x17, 0,    0x0f, 0xff, 0x26, 0x01};
    add(ctx, match, sizeof match);
    xpress_seed(add, ctx, 8192, forge_xpress_plain, 40);
    xpress_seed(add, ctx, 8192, forge_xpress_plain, 9000);
}
