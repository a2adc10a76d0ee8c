/* SPDX-License-Identifier: MIT */
#include "forge/memmap.h"

#include <string.h>

static uint64_t page_of(uint64_t addr) { return addr & ~(uint64_t)(FORGE_PAGE_SIZE - 1); }

/* Where the page of ADDR stands or would stand. */
static size_t place_of(const struct forge_memmap *m, uint64_t page) {
    size_t lo = 0, hi = m->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->item[mid]->addr < page)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct forge_mempage *find(const struct forge_memmap *m, uint64_t addr) {
    size_t i = place_of(m, page_of(addr));
    return i < m->count && m->item[i]->addr == page_of(addr) ? m->item[i] : NULL;
}

static struct forge_mempage *make(struct forge_memmap *m, uint64_t addr) {
    struct forge_mempage *page = find(m, addr);
    if (page)
        return page;
    page = forge_pool_get(m->pool, sizeof *page);
    page->addr = page_of(addr);
    size_t i = place_of(m, page->addr);
    *FORGE_PUSH(m->pool, m) = page;
    memmove(m->item + i + 1, m->item + i, (m->count - 1 - i) * sizeof *m->item);
    m->item[i] = page;
    return page;
}

static unsigned line_of(const struct forge_mempage *page, size_t in) {
    return page->line ? page->line[in] : page->only;
}

/* LINE says what stands at IN of the page. */
static void say(struct forge_memmap *m, struct forge_mempage *page, size_t in, unsigned line) {
    if (!page->only)
        page->only = line;
    if (!page->line && page->only != line) {
        page->line = forge_pool_get(m->pool, sizeof *page->line * FORGE_PAGE_SIZE);
        for (size_t i = 0; i < FORGE_PAGE_SIZE; i++)
            page->line[i] = page->only;
    }
    if (page->line)
        page->line[in] = line;
}

bool forge_memmap_put(struct forge_memmap *m, uint64_t addr, const void *data, size_t size,
                      unsigned line, unsigned *ret_other, uint64_t *ret_at) {
    const uint8_t *from = data;
    struct forge_mempage *page = NULL;
    for (size_t i = 0; i < size; i++) {
        uint64_t at = addr + i, in = at % FORGE_PAGE_SIZE;
        if (!page || page->addr != page_of(at))
            page = make(m, at);
        if (page->present[in] == 2) {
            if (line && page->byte[in] != from[i]) {
                *ret_other = line_of(page, in);
                *ret_at = at;
                return false;
            }
            continue;
        }
        page->byte[in] = from[i];
        page->present[in] = line ? 2 : 1;
        if (line)
            say(m, page, in, line);
    }
    return true;
}

void forge_memmap_fill(struct forge_memmap *m, uint64_t addr, uint64_t size) {
    struct forge_mempage *page = NULL;
    for (uint64_t i = 0; i < size; i++) {
        uint64_t at = addr + i, in = at % FORGE_PAGE_SIZE;
        if (!page || page->addr != page_of(at))
            page = make(m, at);
        if (!page->present[in])
            page->present[in] = 1;
    }
}

void forge_memmap_release(struct forge_memmap *m, uint64_t addr, size_t size) {
    for (size_t i = 0; i < size; i++) {
        struct forge_mempage *page = find(m, addr + i);
        if (page && page->present[(addr + i) % FORGE_PAGE_SIZE])
            page->present[(addr + i) % FORGE_PAGE_SIZE] = 1;
    }
}

size_t forge_memmap_get(const struct forge_memmap *m, uint64_t addr, void *ret, size_t size) {
    uint8_t *to = ret;
    size_t have = 0;
    const struct forge_mempage *page = NULL;
    memset(to, 0, size);
    for (size_t i = 0; i < size; i++) {
        uint64_t at = addr + i, in = at % FORGE_PAGE_SIZE;
        if (!page || page->addr != page_of(at))
            page = find(m, at);
        if (page && page->present[in]) {
            to[i] = page->byte[in];
            have++;
        }
    }
    return have;
}

bool forge_memmap_has(const struct forge_memmap *m, uint64_t addr) {
    const struct forge_mempage *page = find(m, addr);
    return page && page->present[addr % FORGE_PAGE_SIZE];
}

/* The first byte at or above ADDR. */
static bool first_at(const struct forge_memmap *m, uint64_t addr, uint64_t *ret) {
    for (size_t i = place_of(m, page_of(addr)); i < m->count; i++) {
        const struct forge_mempage *p = m->item[i];
        size_t in = p->addr < addr ? (size_t)(addr - p->addr) : 0;
        const uint8_t *hit = NULL;
        for (; in < FORGE_PAGE_SIZE && !hit; in++)
            if (p->present[in])
                hit = &p->present[in];
        if (hit) {
            *ret = p->addr + (uint64_t)(hit - p->present);
            return true;
        }
    }
    return false;
}

bool forge_memmap_run(const struct forge_memmap *m, uint64_t addr, uint64_t *ret_addr,
                      uint64_t *ret_size) {
    uint64_t start;
    if (!first_at(m, addr, &start))
        return false;
    uint64_t end = start;
    const struct forge_mempage *page = find(m, start);
    while (page) {
        uint64_t in = end - page->addr;
        while (in < FORGE_PAGE_SIZE && page->present[in])
            in++, end++;
        page = in == FORGE_PAGE_SIZE && end ? find(m, end) : NULL;
    }
    *ret_addr = start;
    *ret_size = end - start;
    return true;
}
