/* SPDX-License-Identifier: MIT */
/*
 * Xpress with Huffman codes (MS-XCA 2.1): the tokens of 64 KiB of output are counted, lengths of
 * codes are made of the counts, and then written, chunk by chunk. Symbol 256 ends the last one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "forge/xpress.h"

enum { SYMBOLS = 512, CHUNK = 0x10000, LENGTH_MAX = 15, END = 256 };

struct coder {
    uint8_t *out;
    size_t size, room;
    bool failed;
    size_t slot[2]; /* places of the next two words */
    uint32_t next;
    unsigned free;
    uint8_t length[SYMBOLS];
    uint16_t code[SYMBOLS];
};

static void put(struct coder *c, uint64_t value, size_t bytes) {
    size_t want = 2 * c->room + 8;
    if (!c->failed && c->room < c->size + 8)
        c->failed = !sc_vec_reserve((void **)&c->out, &c->room, want, 1);
    for (size_t i = 0; i < bytes && !c->failed; i++)
        c->out[c->size++] = (uint8_t)(value >> 8 * i);
}

static void put_word(struct coder *c, size_t at, uint32_t value) {
    if (c->failed)
        return;
    c->out[at] = (uint8_t)value;
    c->out[at + 1] = (uint8_t)(value >> 8);
}

static void begin_bits(struct coder *c) {
    c->slot[0] = c->size;
    c->slot[1] = c->size + 2;
    put(c, 0, 4);
    c->next = 0;
    c->free = 16;
}

static void put_bits(struct coder *c, unsigned n, uint32_t bits) {
    if (c->free >= n) {
        c->free -= n;
        c->next = c->next << n | bits;
        return;
    }
    unsigned rest = n - c->free;
    put_word(c, c->slot[0], c->next << c->free | bits >> rest);
    c->slot[0] = c->slot[1];
    c->slot[1] = c->size;
    put(c, 0, 2);
    c->next = bits & ((1u << rest) - 1);
    c->free = 16 - rest;
}

static void end_bits(struct coder *c) { put_word(c, c->slot[0], c->next << c->free); }

/* --- codes --- */

/* Lengths of a Huffman code for these counts; the longest one. */
static unsigned lengths(const uint32_t *count, uint8_t *length) {
    uint64_t weight[2 * SYMBOLS];
    int parent[2 * SYMBOLS];
    bool open[2 * SYMBOLS] = {false};
    int n = SYMBOLS;
    for (int s = 0; s < SYMBOLS; s++) {
        weight[s] = count[s];
        open[s] = count[s] != 0;
    }
    for (;; n++) {
        int a = -1, b = -1;
        for (int i = 0; i < n; i++) {
            if (!open[i])
                continue;
            if (a < 0 || weight[i] < weight[a]) {
                b = a;
                a = i;
            } else if (b < 0 || weight[i] < weight[b]) {
                b = i;
            }
        }
        if (b < 0)
            break;
        weight[n] = weight[a] + weight[b];
        parent[a] = parent[b] = n;
        open[a] = open[b] = false;
        open[n] = true;
    }
    unsigned longest = 0;
    for (int s = 0; s < SYMBOLS; s++) {
        unsigned depth = 0;
        for (int i = s; count[s] && i != n - 1; i = parent[i])
            depth++;
        length[s] = (uint8_t)depth;
        longest = depth > longest ? depth : longest;
    }
    return longest;
}

static void make_codes(struct coder *c, uint32_t *count) {
    while (lengths(count, c->length) > LENGTH_MAX)
        for (unsigned s = 0; s < SYMBOLS; s++)
            count[s] = count[s] ? count[s] / 2 + 1 : 0;
    unsigned code = 0;
    for (unsigned length = 1; length <= LENGTH_MAX; length++, code <<= 1)
        for (unsigned s = 0; s < SYMBOLS; s++)
            if (c->length[s] == length)
                c->code[s] = (uint16_t)code++;
    for (unsigned s = 0; s < SYMBOLS; s += 2)
        put(c, (uint64_t)c->length[s] | (uint64_t)c->length[s + 1] << 4, 1);
}

/* --- tokens --- */

static unsigned width_of(uint32_t distance) {
    unsigned width = 0;
    while (distance >> (width + 1))
        width++;
    return width;
}

static unsigned symbol_of(const struct forge_token *t) {
    if (!t->length)
        return t->literal;
    uint32_t length = t->length - 3;
    return 256 + (length < 15 ? length : 15) + 16 * width_of(t->distance);
}

static void put_token(struct coder *c, const struct forge_token *t) {
    unsigned symbol = symbol_of(t);
    put_bits(c, c->length[symbol], c->code[symbol]);
    if (!t->length)
        return;
    uint32_t length = t->length - 3;
    if (length >= 15) {
        put(c, length - 15 < 255 ? length - 15 : 255, 1);
        if (length - 15 >= 255)
            put(c, length < 0x10000 ? length : 0, 2);
        if (length >= 0x10000)
            put(c, length, 4);
    }
    unsigned width = width_of(t->distance);
    put_bits(c, width, t->distance - (1u << width));
}

/* The tokens from FIRST on that fill a chunk; returns the one behind them. */
static size_t put_chunk(struct coder *c, const struct forge_tokens *tokens, size_t first) {
    uint32_t count[SYMBOLS] = {0};
    size_t made = 0, end = first;
    for (; end < tokens->count && made < CHUNK; end++) {
        made += tokens->item[end].length ? tokens->item[end].length : 1;
        count[symbol_of(&tokens->item[end])]++;
    }
    bool last = end == tokens->count;
    if (last)
        count[END]++;
    unsigned used = 0;
    for (unsigned i = 0; i < SYMBOLS; i++)
        used += count[i] != 0;
    for (unsigned i = 0; used < 2; i++) { /* a code needs two symbols at least */
        used += !count[i];
        count[i] += !count[i];
    }
    make_codes(c, count);
    begin_bits(c);
    for (size_t i = first; i < end; i++)
        put_token(c, &tokens->item[i]);
    if (last)
        put_bits(c, c->length[END], c->code[END]);
    end_bits(c);
    return end;
}

bool forge_xpress_huffman(const struct forge_tokens *tokens, struct forge_bytes *ret) {
    struct coder *c = calloc(1, sizeof *c);
    if (!c)
        return false;
    for (size_t at = 0; at < tokens->count && !c->failed;)
        at = put_chunk(c, tokens, at);
    bool ok = !c->failed;
    if (ok)
        *ret = (struct forge_bytes){.data = c->out, .size = c->size};
    else
        free(c->out);
    free(c);
    return ok;
}
