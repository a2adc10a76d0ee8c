/* SPDX-License-Identifier: MIT */
/*
 * Look-ups in the table of pool tags. Keys there have the first character in the highest byte, so
 * that sorting by key is sorting by text; a tag in memory has it in the lowest.
 */
#include "nt/pooltag.h"

#if defined(__GNUC__)
/* The pool is one literal, longer than ISO C promises; GCC and Clang take any length. */
#pragma GCC diagnostic ignored "-Woverlength-strings"
#endif
#include "nt/gen/pooltags.inc"

#define PROTECTED_POOL 0x80000000u

static uint32_t key_of(uint32_t tag) {
    tag &= ~PROTECTED_POOL;
    return tag << 24 | (tag & 0xFF00) << 8 | (tag >> 8 & 0xFF00) | tag >> 24;
}

/* The characters of KEY, with a question mark wherever MASK has no bits. */
static void spell(uint32_t key, uint32_t mask, char text[5]) {
    for (int i = 0; i < 4; i++) {
        int shift = 24 - 8 * i;

        text[i] = mask >> shift & 0xFF ? (char)(key >> shift & 0xFF) : '?';
    }
    text[4] = 0;
}

/* The first row whose key is not below KEY. */
static size_t lower_bound(uint32_t key) {
    size_t low = 0;
    size_t high = POOLTAG_ROWS;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (pooltag_keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t first_pattern(uint32_t key) {
    size_t row = 0;

    while (row < POOLWILD_ROWS && (key & poolwild_masks[row]) != poolwild_keys[row])
        row++;
    return row;
}

static bool find_exact(uint32_t key, size_t row, struct nt_pooltag *ret) {
    if (row >= POOLTAG_ROWS || pooltag_keys[row] != key)
        return false;
    if (ret != NULL) {
        spell(key, 0xFFFFFFFF, ret->tag);
        ret->binary = pooltags_pool + pooltag_binaries[row];
        ret->text = pooltags_pool + pooltag_texts[row];
    }
    return true;
}

/* Row NTH of those that have the same pattern as row FIRST; they follow each other. */
static bool find_pattern(size_t first, size_t nth, struct nt_pooltag *ret) {
    if (first >= POOLWILD_ROWS || nth >= POOLWILD_ROWS - first)
        return false;
    size_t row = first + nth;
    if (poolwild_keys[row] != poolwild_keys[first] || poolwild_masks[row] != poolwild_masks[first])
        return false;
    if (ret != NULL) {
        spell(poolwild_keys[row], poolwild_masks[row], ret->tag);
        ret->binary = pooltags_pool + poolwild_binaries[row];
        ret->text = pooltags_pool + poolwild_texts[row];
    }
    return true;
}

bool nt_pooltag_find(uint32_t tag, size_t nth, struct nt_pooltag *ret) {
    uint32_t key = key_of(tag);
    size_t row = lower_bound(key);

    if (!find_exact(key, row, NULL))
        return find_pattern(first_pattern(key), nth, ret);
    return nth < POOLTAG_ROWS - row && find_exact(key, row + nth, ret);
}

uint32_t nt_pooltag_from_text(const char *text) {
    uint32_t tag = 0;

    if (text == NULL || *text == 0)
        return 0;
    for (int i = 0; i < 4; i++)
        tag |= (uint32_t)(unsigned char)(*text ? *text++ : ' ') << 8 * i;
    return *text ? 0 : tag;
}
