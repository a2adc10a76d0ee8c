/* SPDX-License-Identifier: MIT */
/*
 * Xpress with Huffman codes (MS-XCA 2.1 and 2.2). Chunks of 64 KiB of output, the last one shorter:
 *
 *     +0     u8[256]   lengths of the codes of 512 symbols, 4 bits each, the even one in the low
 *                      half; 0: the symbol does not occur. Codes are canonical: shorter ones first,
 *                      then by symbol
 *     +0x100 u16[]     codes, the highest bit of each word first
 *
 *     symbol < 256     that byte
 *     symbol >= 256    a match. Bits 0-3: length - 3, or 15: a byte follows: length - 3 - 15; of
 *                      255: u16: length - 3; of 0: u32. Bits 4-7: how many bits of the distance
 *                      follow below its highest one
 *
 * The bytes of a long length stand in the stream where the next word would be read from; two words
 * are always read ahead. Words behind the end are zeros that must not be used up. Where the output
 * is full, the rest (symbol 256 as an end mark) is not looked at.
 */
#include <string.h>

#include "dump/xpress.h"

enum { SYMBOLS = 512, TABLE = 256, CHUNK = 0x10000, LENGTH_MAX = 15, QUICK = 10 };

/*
 * Codes of up to QUICK bits are looked up: symbol << 4 | length, 0 none. Longer ones are found by
 * their place among the codes of their length.
 */
struct codes {
    uint16_t quick[1 << QUICK];
    uint16_t symbol[SYMBOLS]; /* sorted by length, then number */
    uint16_t count[LENGTH_MAX + 1];
};

static unsigned length_of(const uint8_t *table, unsigned symbol) {
    return table[symbol / 2] >> (symbol & 1) * 4 & 15;
}

static void fill_quick(struct codes *c, unsigned symbol, unsigned length, uint32_t code) {
    uint32_t first = code << (QUICK - length);
    for (uint32_t i = 0; i < 1u << (QUICK - length); i++)
        c->quick[first + i] = (uint16_t)(symbol << 4 | length);
}

/* False: more codes than there is room for. Too few are fine as long as none of them is met. */
static bool make_codes(struct codes *c, const uint8_t *table) {
    memset(c->quick, 0, sizeof c->quick);
    memset(c->count, 0, sizeof c->count);
    for (unsigned s = 0; s < SYMBOLS; s++)
        c->count[length_of(table, s)]++;
    c->count[0] = 0;
    uint32_t code = 0;
    unsigned n = 0;
    for (unsigned length = 1; length <= LENGTH_MAX; length++) {
        code <<= 1;
        if (code + c->count[length] > 1u << length)
            return false;
        for (unsigned s = 0; s < SYMBOLS && c->count[length]; s++) {
            if (length_of(table, s) != length)
                continue;
            if (length <= QUICK)
                fill_quick(c, s, length, code);
            c->symbol[n++] = (uint16_t)s;
            code++;
        }
    }
    return true;
}

/* The bits: `next` holds 16 + `extra` bits at its top, of which the last `missing` are not real. */
struct bits {
    const uint8_t *data;
    size_t size, pos;
    uint32_t next;
    int extra, missing;
    bool short_of;
};

static uint32_t word(struct bits *b) {
    if (b->size - b->pos < 2) {
        b->missing += 16;
        return 0;
    }
    uint32_t value = b->data[b->pos] | (uint32_t)b->data[b->pos + 1] << 8;
    b->pos += 2;
    return value;
}

static void begin(struct bits *b) {
    b->missing = 0;
    b->next = word(b) << 16;
    b->next |= word(b);
    b->extra = 16;
}

static void drop(struct bits *b, unsigned n) {
    b->next <<= n;
    b->extra -= (int)n;
    if (b->extra < 0) {
        b->next |= word(b) << -b->extra;
        b->extra += 16;
    }
    if (b->missing > 16 + b->extra)
        b->short_of = true;
}

static uint32_t raw(struct bits *b, size_t bytes) {
    uint32_t value = 0;
    if (b->missing || b->size - b->pos < bytes) { /* half a word that was missing is no byte */
        b->short_of = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        value |= (uint32_t)b->data[b->pos++] << 8 * i;
    return value;
}

/* The next symbol; SYMBOLS: bits that are no symbol's. */
static unsigned next_symbol(struct bits *b, const struct codes *c) {
    unsigned hit = c->quick[b->next >> (32 - QUICK)];
    if (hit) {
        drop(b, hit & 15);
        return hit >> 4;
    }
    uint32_t first = 0;
    unsigned before = 0;
    for (unsigned length = 1; length <= LENGTH_MAX; length++) {
        first <<= 1;
        uint32_t code = b->next >> (32 - length);
        if (code >= first && code - first < c->count[length]) {
            drop(b, length);
            return c->symbol[before + (code - first)];
        }
        first += c->count[length];
        before += c->count[length];
    }
    return SYMBOLS;
}

static const char *match(struct bits *b, unsigned symbol, uint8_t *out, size_t out_size,
                         size_t *made) {
    uint64_t length = symbol & 15;
    unsigned width = symbol >> 4 & 15;
    if (length == 15) {
        length = raw(b, 1);
        if (length < 255)
            length += 15;
        else if (!(length = raw(b, 2)))
            length = raw(b, 4);
        if (length < 15 && !b->short_of)
            return "a match has a length that no writer makes";
    }
    length += 3;
    size_t distance = (size_t)1 << width;
    if (width) {
        distance |= b->next >> (32 - width);
        drop(b, width);
    }
    if (b->short_of)
        return "the compressed data end inside a match";
    if (distance > *made)
        return "a match begins before the data";
    if (length > out_size - *made)
        return "a match goes over the end of the data";
    sc_xpress_copy(out + *made, distance, (size_t)length);
    *made += (size_t)length;
    return NULL;
}

/* One chunk: from *MADE to END, or a match beyond it. */
static const char *chunk(struct bits *b, uint8_t *out, size_t out_size, size_t *made) {
    struct codes codes;
    if (b->size - b->pos < TABLE)
        return "the compressed data end inside a table of codes";
    if (!make_codes(&codes, b->data + b->pos))
        return "a table of codes has more codes than there can be";
    b->pos += TABLE;
    begin(b);
    size_t end = out_size - *made > CHUNK ? *made + CHUNK : out_size;
    while (*made < end) {
        unsigned symbol = next_symbol(b, &codes);
        const char *why = NULL;
        if (symbol == SYMBOLS)
            why = "a code that the table does not have";
        else if (b->short_of)
            why = "the compressed data end too early";
        else if (symbol < 256)
            out[(*made)++] = (uint8_t)symbol;
        else
            why = match(b, symbol, out, out_size, made);
        if (why)
            return why;
    }
    return NULL;
}

struct sc_xpress sc_xpress_huffman(const uint8_t *in, size_t in_size, uint8_t *out,
                                   size_t out_size) {
    struct bits b = {.data = in, .size = in_size};
    size_t made = 0;
    const char *why = NULL;
    while (!why && made < out_size)
        why = chunk(&b, out, out_size, &made);
    return (struct sc_xpress){.made = made, .used = b.pos, .why = why};
}
