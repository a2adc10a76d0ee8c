/* SPDX-License-Identifier: MIT */
/*
 * Xpress, the plain form (MS-XCA 2.3 and 2.4): LZ77 without entropy coding.
 *
 *     flags   u32      32 flags for the items that follow, the highest bit first: 0 a byte that is
 *                      copied, 1 a match; when they are used up, the next 32 stand in the stream
 *     match   u16      bits 3-15: distance - 1; bits 0-2: length - 3, or 7: more follows
 *               7:     a nibble: the low half of the next byte, which is kept: the next match that
 *                      needs a nibble takes its high half and no byte
 *              15:     u8: length - 3 - 7 - 15
 *             255:     u16: length - 3, which must be 22 or more; 0: u32 with it
 *
 * The end is where the output is full, or a match flag with no bytes behind it.
 */
#include "dump/xpress.h"

#include <string.h>

void sc_xpress_copy(uint8_t *to, size_t distance, size_t length) {
    const uint8_t *from = to - distance;
    if (distance == 1) {
        memset(to, *from, length);
        return;
    }
    if (distance >= length) {
        memcpy(to, from, length);
        return;
    }
    while (length--)
        *to++ = *from++;
}

struct input {
    const uint8_t *data;
    size_t size, pos;
    size_t nibble; /* place of the byte whose high half is still to be used, plus 1; 0 none */
    bool short_of; /* more was wanted than there is */
};

static uint32_t take(struct input *in, size_t bytes) {
    uint32_t value = 0;
    if (in->size - in->pos < bytes) {
        in->short_of = true;
        in->pos = in->size;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        value |= (uint32_t)in->data[in->pos++] << 8 * i;
    return value;
}

static uint32_t take_nibble(struct input *in) {
    if (in->nibble) {
        uint32_t value = in->data[in->nibble - 1] >> 4;
        in->nibble = 0;
        return value;
    }
    uint32_t value = take(in, 1) & 15;
    if (!in->short_of)
        in->nibble = in->pos;
    return value;
}

/* The length less 3 of a match whose low bits are all set; UINT64_MAX: no length that is allowed.
 */
static uint64_t long_length(struct input *in) {
    uint64_t length = take_nibble(in);
    if (length < 15)
        return length + 7;
    length = take(in, 1);
    if (length < 255)
        return length + 15 + 7;
    length = take(in, 2);
    if (!length)
        length = take(in, 4);
    return length < 15 + 7 ? UINT64_MAX : length;
}

static const char *match(struct input *in, uint8_t *out, size_t out_size, size_t *made) {
    uint32_t word = take(in, 2);
    size_t distance = (word >> 3) + 1;
    uint64_t length = word & 7;
    if (length == 7)
        length = long_length(in);
    if (in->short_of)
        return "the compressed data end inside a match";
    if (length == UINT64_MAX)
        return "a match has a length that no writer makes";
    length += 3;
    if (distance > *made)
        return "a match begins before the data";
    if (length > out_size - *made)
        return "a match goes over the end of the data";
    sc_xpress_copy(out + *made, distance, (size_t)length);
    *made += (size_t)length;
    return NULL;
}

struct sc_xpress sc_xpress_plain(const uint8_t *data, size_t in_size, uint8_t *out,
                                 size_t out_size) {
    struct input in = {.data = data, .size = in_size};
    uint32_t flags = 0;
    unsigned left = 0;
    size_t made = 0;
    const char *why = NULL;
    while (!why && made < out_size) {
        if (!left) {
            flags = take(&in, 4);
            left = 32;
        }
        bool is_match = flags >> --left & 1;
        if (in.short_of || in.pos == in.size)
            why = "the compressed data end too early";
        else if (is_match)
            why = match(&in, out, out_size, &made);
        else
            out[made++] = in.data[in.pos++];
    }
    return (struct sc_xpress){.made = made, .used = in.pos, .why = why};
}
