/* SPDX-License-Identifier: MIT */
/*
 * Microsoft's Xpress compression: plain LZ77 and LZ77 with Huffman codes, as MS-XCA specifies them.
 * Memory in, memory out; nothing is allocated.
 */
#ifndef STOPCODE_DUMP_XPRESS_H
#define STOPCODE_DUMP_XPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sc_xpress {
    size_t made; /* bytes of the output that are right, also when it failed */
    size_t used; /* bytes of the input that were looked at */
    /* Why `made` is less than what was wanted: static; NULL: all of it was made. */
    const char *why;
};

/* Both make exactly OUT_SIZE bytes or say why not. Bytes of OUT behind `made` are undefined. */
struct sc_xpress sc_xpress_plain(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size);
struct sc_xpress sc_xpress_huffman(const uint8_t *in, size_t in_size, uint8_t *out,
                                   size_t out_size);

/*
 * Copies LENGTH bytes from DISTANCE bytes before TO, which may overlap: what a match means. The
 * caller has checked that both are inside the output.
 */
void sc_xpress_copy(uint8_t *to, size_t distance, size_t length);

#endif
