/* SPDX-License-Identifier: MIT */
/* libFuzzer's entry. */
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    watched_run(data, size);
    return 0;
}
