/* SPDX-License-Identifier: MIT */
/* See pagestore.h. */
#include "forge/pagestore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

static void no_memory(void) {
    fprintf(stderr, "pagestore: out of memory\n");
    abort();
}

void pagestore_deinit(struct pagestore *ps) {
    for (size_t i = 0; i < ps->count; i++)
        free(ps->item[i].data);
    free(ps->item);
    sc_map_free(&ps->index);
    *ps = (struct pagestore){0};
}

uint8_t *pagestore_find(const struct pagestore *ps, uint64_t pa) {
    uint64_t at;
    if (!sc_map_get_number(&ps->index, pa / PAGESTORE_PAGE, &at))
        return NULL;
    return ps->item[at].data;
}

uint8_t *pagestore_page(struct pagestore *ps, uint64_t pa) {
    uint8_t *data = pagestore_find(ps, pa);
    if (data)
        return data;
    struct pagestore_page *p = SC_VEC_PUSH(ps);
    data = calloc(1, PAGESTORE_PAGE);
    if (!p || !data || !sc_map_put_number(&ps->index, pa / PAGESTORE_PAGE, ps->count - 1))
        no_memory();
    *p = (struct pagestore_page){pa / PAGESTORE_PAGE, data};
    ps->sorted = false;
    return data;
}

void pagestore_put(struct pagestore *ps, uint64_t pa, const void *data, size_t size) {
    for (size_t done = 0; done < size;) {
        size_t in = (size_t)((pa + done) % PAGESTORE_PAGE), len = PAGESTORE_PAGE - in;
        if (len > size - done)
            len = size - done;
        memcpy(pagestore_page(ps, pa + done) + in, (const uint8_t *)data + done, len);
        done += len;
    }
}

static void put_number(struct pagestore *ps, uint64_t pa, uint64_t value, unsigned size) {
    uint8_t b[8];
    for (unsigned i = 0; i < size; i++)
        b[i] = (uint8_t)(value >> 8 * i);
    pagestore_put(ps, pa, b, size);
}

void pagestore_u32(struct pagestore *ps, uint64_t pa, uint32_t value) {
    put_number(ps, pa, value, 4);
}
void pagestore_u64(struct pagestore *ps, uint64_t pa, uint64_t value) {
    put_number(ps, pa, value, 8);
}

uint64_t pagestore_get(const struct pagestore *ps, uint64_t pa, unsigned size) {
    const uint8_t *data = pagestore_find(ps, pa);
    uint64_t v = 0;
    for (unsigned i = size; data && i-- > 0;)
        v = v << 8 | data[pa % PAGESTORE_PAGE + i];
    return v;
}

static enum sc_read store_read(void *impl, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    struct pagestore *ps = impl;
    const uint8_t *data = pagestore_find(ps, addr);
    size_t in = (size_t)(addr % PAGESTORE_PAGE);
    *ret_got = 0;
    if (++ps->reads == ps->fail_at)
        return ps->fail_status;
    if (!data)
        return SC_READ_ABSENT;
    *ret_got = len < PAGESTORE_PAGE - in ? len : PAGESTORE_PAGE - in;
    memcpy(buf, data + in, *ret_got);
    return SC_READ_OK;
}

static enum sc_read store_view(void *impl, uint64_t addr, const uint8_t **ret_data,
                               size_t *ret_len) {
    struct pagestore *ps = impl;
    const uint8_t *data = pagestore_find(ps, addr);
    if (!data || ps->no_view)
        return SC_READ_ABSENT;
    *ret_data = data + addr % PAGESTORE_PAGE;
    *ret_len = PAGESTORE_PAGE - (size_t)(addr % PAGESTORE_PAGE);
    return SC_READ_OK;
}

static int by_pfn(const void *a, const void *b) {
    const struct pagestore_page *x = a, *y = b;
    return x->pfn < y->pfn ? -1 : x->pfn > y->pfn;
}

static void sort(struct pagestore *ps) {
    if (ps->sorted || !ps->count)
        return;
    qsort(ps->item, ps->count, sizeof *ps->item, by_pfn);
    for (size_t i = 0; i < ps->count; i++)
        if (!sc_map_put_number(&ps->index, ps->item[i].pfn, i))
            no_memory();
    ps->sorted = true;
}

static bool store_next(void *impl, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size) {
    struct pagestore *ps = impl;
    size_t lo = 0, hi = ps->count;
    sort(ps);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (ps->item[mid].pfn < addr / PAGESTORE_PAGE)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == ps->count)
        return false;
    size_t n = 1;
    while (lo + n < ps->count && ps->item[lo + n].pfn == ps->item[lo].pfn + n)
        n++;
    *ret_start = ps->item[lo].pfn * PAGESTORE_PAGE;
    *ret_size = n * PAGESTORE_PAGE;
    return true;
}

static void store_destroy(void *impl) { ((struct pagestore *)impl)->destroyed = true; }

struct sc_pages pagestore_pages(struct pagestore *ps) {
    static const struct sc_pages_ops ops = {
        .name = "page store",
        .read = store_read,
        .view = store_view,
        .next = store_next,
        .destroy = store_destroy,
    };
    return (struct sc_pages){&ops, ps};
}
