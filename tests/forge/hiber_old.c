/* SPDX-License-Identifier: MIT */
/* Hibernation files of Windows XP to 7: tables of ranges, and blocks of 16 pages behind each. */
#include <stdlib.h>
#include <string.h>

#include "forge/hiber_impl.h"

enum { PAGE = 0x1000, BLOCK_PAGES = 16, RANGES_MOST = 512 };

struct ranges {
    uint64_t start[RANGES_MOST], end[RANGES_MOST];
    size_t count;
};

/* The pages of one block on their way. */
struct block {
    uint8_t data[BLOCK_PAGES * PAGE], packed[BLOCK_PAGES * PAGE];
    unsigned pages;
};

static void put_block(const struct forge_hiber *h, struct block *b, struct forge_hiber_out *o) {
    if (!b->pages)
        return;
    size_t size = b->pages * PAGE, packed = size;
    if (h->packing == FORGE_HIBER_STORED)
        memcpy(b->packed, b->data, size);
    else
        packed = forge_hiber_pack(b->data, size, false, b->packed);
    o->failed = o->failed || !packed;
    uint8_t header[0x20] = {0x81, 0x81, 'x', 'p', 'r', 'e', 's', 's'};
    uint64_t word = (packed - 1) << 2;
    header[8] = (uint8_t)(b->pages - 1);
    for (unsigned i = 0; i < 3; i++)
        header[9 + i] = (uint8_t)(word >> 8 * i);
    forge_hiber_align(o, 8);
    forge_hiber_put(o, header, sizeof header);
    forge_hiber_put(o, b->packed, packed);
    forge_hiber_align(o, 8);
    b->pages = 0;
}

/* Adds a page; false: the table is full, and the page is not in it. */
static bool add_range(struct ranges *r, size_t most, uint64_t pfn) {
    if (r->count && r->end[r->count - 1] == pfn) {
        r->end[r->count - 1]++;
        return true;
    }
    if (r->count == most)
        return false;
    r->start[r->count] = pfn;
    r->end[r->count++] = pfn + 1;
    return true;
}

static void fill_table(const struct ranges *r, const struct forge_hiber_table *t, unsigned width,
                       size_t at, struct forge_hiber_out *o) {
    forge_hiber_set(o, at + t->count, r->count, 4);
    for (size_t i = 0; i < r->count; i++) {
        forge_hiber_set(o, at + t->entries + i * t->entry + t->start, r->start[i], width);
        forge_hiber_set(o, at + t->entries + i * t->entry + t->end, r->end[i], width);
    }
}

void forge_hiber_tables(const struct forge_hiber *h, const struct forge_hiber_table *t,
                        unsigned width, struct forge_hiber_out *o) {
    struct forge_hiber_walk walk = {.memory = &h->memory};
    size_t most = (PAGE - t->entries) / t->entry;
    struct block *b = calloc(1, sizeof *b);
    uint64_t pfn = 0;
    const uint8_t *page = NULL;
    bool more = b && forge_hiber_next(&walk, &pfn, &page);
    o->failed = o->failed || !b;
    while (more && !o->failed) {
        struct ranges r = {.count = 0};
        forge_hiber_align(o, PAGE);
        size_t at = o->size;
        forge_hiber_put(o, NULL, PAGE);
        while (more && add_range(&r, most, pfn)) {
            memcpy(b->data + (size_t)b->pages * PAGE, page, PAGE);
            if (++b->pages == BLOCK_PAGES)
                put_block(h, b, o);
            more = forge_hiber_next(&walk, &pfn, &page);
        }
        put_block(h, b, o);
        fill_table(&r, t, width, at, o);
        forge_hiber_align(o, PAGE);
        forge_hiber_set(o, at + t->next, more ? o->size / PAGE : 0, width);
    }
    free(b);
}
