/* SPDX-License-Identifier: MIT */
/*
 * Memory under construction: bytes at addresses, each with the line of the scenario that said so.
 * What the forge itself puts there (line 0) gives way to what a line says; two lines that disagree
 * are a conflict.
 */
#ifndef STOPCODE_TESTS_FORGE_MEMMAP_H
#define STOPCODE_TESTS_FORGE_MEMMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "forge/pool.h"

enum { FORGE_PAGE_SIZE = 0x1000 };

struct forge_mempage {
    uint64_t addr;
    uint8_t byte[FORGE_PAGE_SIZE];
    uint8_t present[FORGE_PAGE_SIZE]; /* 1: by the forge, 2: by `line` */
    uint32_t only;                    /* the line of all those, */
    uint32_t *line;                   /* or that of each, where several lines say something */
};
struct forge_memmap {
    struct forge_pool *pool;
    struct forge_mempage **item; /* by address */
    size_t count, room;
};

/* False: LINE and *RET_OTHER say different things at *RET_AT. */
bool forge_memmap_put(struct forge_memmap *m, uint64_t addr, const void *data, size_t size,
                      unsigned line, unsigned *ret_other, uint64_t *ret_at);
/* Makes bytes that are not there zeros. */
void forge_memmap_fill(struct forge_memmap *m, uint64_t addr, uint64_t size);
/* The bytes there belong to no line any more: whoever says something next is right. */
void forge_memmap_release(struct forge_memmap *m, uint64_t addr, size_t size);
/* Copies; what is not there is zero. Returns how many bytes are there. */
size_t forge_memmap_get(const struct forge_memmap *m, uint64_t addr, void *ret, size_t size);
bool forge_memmap_has(const struct forge_memmap *m, uint64_t addr);

/* The first run of bytes at or above ADDR; false when there is none. */
bool forge_memmap_run(const struct forge_memmap *m, uint64_t addr, uint64_t *ret_addr,
                      uint64_t *ret_size);

#endif
