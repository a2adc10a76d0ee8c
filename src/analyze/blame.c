/* SPDX-License-Identifier: MIT */
/* Look-ups in the table of what a stack is worth, which is small: from front to back. */
#include "analyze/blame.h"

#include <stddef.h>

#include "analyze/gen/blame.inc"

static bool is_verifiers(uint32_t code) { return code == 0xc4 || code == 0xc9 || code == 0xe6; }

struct sc_blame sc_blame_of(uint32_t code, const uint64_t args[4]) {
    struct sc_blame b = {.why = "", .verified = is_verifiers(code)};
    for (size_t i = 0; i < BLAME_ROWS; i++) {
        uint64_t value = args[blame_args[i]];
        if (blame_codes[i] != code || value < blame_lows[i] || value > blame_highs[i])
            continue;
        b.worth = (enum sc_worth)blame_worths[i];
        b.why = blame_pool + blame_whys[i];
        b.verifier = blame_flags[i];
        break;
    }
    return b;
}
