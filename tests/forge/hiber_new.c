/* SPDX-License-Identifier: MIT */
/* Hibernation files of Windows 8 and later: rows of compression sets. */
#include <stdlib.h>
#include <string.h>

#include "forge/hiber_impl.h"

enum { PAGE = 0x1000, SET_PAGES = 16 };

struct set {
    uint8_t data[SET_PAGES * PAGE], packed[SET_PAGES * PAGE];
    uint64_t pfn[SET_PAGES];
    unsigned pages, number;
};

/* 1 plain at most speed, 3 Huffman at best. */
static unsigned method_of(const struct forge_hiber *h, const struct set *s) {
    switch (h->packing) {
    case FORGE_HIBER_PLAIN: return 0;
    case FORGE_HIBER_HUFFMAN: return s->number % 2 ? 3 : 2;
    default: return s->number % 3 == 0 ? 0 : s->number % 3 == 1 ? 2 : 3;
    }
}

static void put_set(const struct forge_hiber *h, unsigned width, struct set *s,
                    struct forge_hiber_out *o) {
    if (!s->pages)
        return;
    unsigned method = method_of(h, s), ranges = 0;
    size_t size = s->pages * PAGE, packed = size, at = o->size;
    if (h->packing == FORGE_HIBER_STORED)
        memcpy(s->packed, s->data, size);
    else
        packed = forge_hiber_pack(s->data, size, method >= 2, s->packed);
    o->failed = o->failed || !packed;
    forge_hiber_put(o, NULL, 4);
    for (unsigned i = 0; i < s->pages; ranges++) {
        unsigned n = 1;
        while (i + n < s->pages && s->pfn[i + n] == s->pfn[i] + n)
            n++;
        forge_hiber_put(o, NULL, width);
        forge_hiber_set(o, o->size - width, s->pfn[i] << 4 | (n - 1), width);
        i += n;
    }
    forge_hiber_set(o, at, ranges | packed << 8 | (uint64_t)method << 30, 4);
    forge_hiber_put(o, s->packed, packed);
    s->pages = 0;
    s->number++;
}

uint64_t forge_hiber_sets(const struct forge_hiber *h, unsigned width, bool boot,
                          struct forge_hiber_out *o) {
    struct forge_hiber_walk walk = {.memory = &h->memory};
    struct set *s = calloc(1, sizeof *s);
    uint64_t pfn, pages = 0;
    const uint8_t *page;
    o->failed = o->failed || !s;
    while (!o->failed && forge_hiber_next(&walk, &pfn, &page)) {
        if ((pfn < h->loader_pages_end) != boot)
            continue;
        memcpy(s->data + (size_t)s->pages * PAGE, page, PAGE);
        s->pfn[s->pages++] = pfn;
        pages++;
        if (s->pages == (h->scattered ? 1 + s->number % SET_PAGES : SET_PAGES))
            put_set(h, width, s, o);
    }
    if (s)
        put_set(h, width, s, o);
    free(s);
    return pages;
}
