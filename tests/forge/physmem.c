/* SPDX-License-Identifier: MIT */
#include "forge/physmem.h"

#include <stdlib.h>
#include <string.h>

#define LOW_HOLE 0x9f000ull
#define ONE_MB   0x100000ull
#define LOW_END  0x1000000ull
#define THREE_GB 0xc0000000ull
#define FOUR_GB  0x100000000ull

struct slot {
    uint64_t pfn;
    uint8_t *page; /* NULL: free */
};
/* Frames that were handed out: disjoint, in ascending order, neighbours joined. */
struct taken {
    uint64_t first, last; /* frames, both inside */
};
struct forge_physmem {
    enum forge_ram_fill fill;
    struct forge_ram run[FORGE_RAM_RUNS];
    size_t nruns;
    uint64_t pages;
    struct slot *slot; /* open addressing; `room` is a power of 2 */
    size_t count, room;
    struct taken *taken;
    size_t ntaken, taken_room;
    uint64_t step; /* how many places of the scattered order were tried */
    bool low;      /* there is nothing left but what lies low */
    /* The stored frames in order, for the walks; stale when `sorted` != count. */
    uint64_t *order;
    size_t sorted;
};

static void *need(void *p) {
    if (!p)
        abort();
    return p;
}

struct forge_physmem *forge_physmem_new(void) {
    struct forge_physmem *m = need(calloc(1, sizeof *m));
    m->room = 1024;
    m->slot = need(calloc(m->room, sizeof *m->slot));
    return m;
}

void forge_physmem_free(struct forge_physmem *m) {
    if (!m)
        return;
    for (size_t i = 0; i < m->room; i++)
        free(m->slot[i].page);
    free(m->slot);
    free(m->taken);
    free(m->order);
    free(m);
}

void forge_physmem_fill(struct forge_physmem *m, enum forge_ram_fill fill) { m->fill = fill; }
enum forge_ram_fill forge_physmem_filled(const struct forge_physmem *m) { return m->fill; }

/* ---- where RAM is ---- */

bool forge_physmem_add(struct forge_physmem *m, uint64_t start, uint64_t size) {
    if (m->nruns == FORGE_RAM_RUNS || !size || start % FORGE_FRAME || size % FORGE_FRAME ||
        start + size < start || start < forge_physmem_end(m))
        return false;
    m->run[m->nruns++] = (struct forge_ram){start, size};
    m->pages += size / FORGE_FRAME;
    return true;
}

bool forge_physmem_pc(struct forge_physmem *m, uint64_t size) {
    uint64_t below = size < THREE_GB ? size : THREE_GB;
    if (size < 2 * ONE_MB || size % FORGE_FRAME)
        return false;
    if (!forge_physmem_add(m, FORGE_FRAME, LOW_HOLE - FORGE_FRAME))
        return false;
    /* The firmware's tables lie at the end of what is below 4 GB. */
    uint64_t tables = below > 64 * ONE_MB ? ONE_MB : 0;
    return forge_physmem_add(m, ONE_MB, below - ONE_MB - tables) &&
           (size <= THREE_GB || forge_physmem_add(m, FOUR_GB, size - THREE_GB));
}

size_t forge_physmem_runs(const struct forge_physmem *m, const struct forge_ram **ret) {
    *ret = m->run;
    return m->nruns;
}

uint64_t forge_physmem_pages(const struct forge_physmem *m) { return m->pages; }

uint64_t forge_physmem_end(const struct forge_physmem *m) {
    return m->nruns ? m->run[m->nruns - 1].start + m->run[m->nruns - 1].size : 0;
}

bool forge_physmem_is_ram(const struct forge_physmem *m, uint64_t pa) {
    for (size_t i = 0; i < m->nruns; i++)
        if (pa - m->run[i].start < m->run[i].size)
            return true;
    return false;
}

/* ---- pages that were written ---- */

static size_t place_of(const struct slot *slot, size_t room, uint64_t pfn) {
    size_t i = (size_t)((pfn * 0x9e3779b97f4a7c15ull) >> 32) & (room - 1);
    while (slot[i].page && slot[i].pfn != pfn)
        i = (i + 1) & (room - 1);
    return i;
}

const uint8_t *forge_physmem_page(const struct forge_physmem *m, uint64_t pfn) {
    return m->slot[place_of(m->slot, m->room, pfn)].page;
}

static void pattern(uint64_t pa, uint8_t *page) {
    for (unsigned at = 0; at < FORGE_FRAME; at += 8) {
        uint64_t v = (pa + at) ^ 0x5a5a5a5a00000000ull;
        for (unsigned i = 0; i < 8; i++)
            page[at + i] = (uint8_t)(v >> 8 * i);
    }
}

static void grow(struct forge_physmem *m) {
    struct slot *wider = need(calloc(m->room * 2, sizeof *wider));
    for (size_t i = 0; i < m->room; i++)
        if (m->slot[i].page)
            wider[place_of(wider, m->room * 2, m->slot[i].pfn)] = m->slot[i];
    free(m->slot);
    m->slot = wider;
    m->room *= 2;
}

static uint8_t *make(struct forge_physmem *m, uint64_t pfn) {
    size_t i = place_of(m->slot, m->room, pfn);
    if (m->slot[i].page)
        return m->slot[i].page;
    if ((m->count + 1) * 2 > m->room) {
        grow(m);
        i = place_of(m->slot, m->room, pfn);
    }
    m->slot[i] = (struct slot){pfn, need(calloc(1, FORGE_FRAME))};
    if (m->fill == FORGE_RAM_PATTERN)
        pattern(pfn * FORGE_FRAME, m->slot[i].page);
    m->count++;
    return m->slot[i].page;
}

bool forge_physmem_write(struct forge_physmem *m, uint64_t pa, const void *data, size_t size) {
    const uint8_t *from = data;
    while (size) {
        size_t in = (size_t)(pa % FORGE_FRAME),
               n = FORGE_FRAME - in < size ? FORGE_FRAME - in : size;
        if (!forge_physmem_is_ram(m, pa))
            return false;
        memcpy(make(m, pa / FORGE_FRAME) + in, from, n);
        pa += n, from += n, size -= n;
    }
    return true;
}

bool forge_physmem_read(const struct forge_physmem *m, uint64_t pa, void *ret, size_t size) {
    uint8_t *to = ret, made_up[FORGE_FRAME];
    while (size) {
        size_t in = (size_t)(pa % FORGE_FRAME),
               n = FORGE_FRAME - in < size ? FORGE_FRAME - in : size;
        if (!forge_physmem_is_ram(m, pa))
            return false;
        const uint8_t *page = forge_physmem_page(m, pa / FORGE_FRAME);
        if (page) {
            memcpy(to, page + in, n);
        } else if (m->fill == FORGE_RAM_PATTERN) {
            pattern(pa - in, made_up);
            memcpy(to, made_up + in, n);
        } else {
            memset(to, 0, n);
        }
        pa += n, to += n, size -= n;
    }
    return true;
}

bool forge_physmem_zero(struct forge_physmem *m, uint64_t pa, uint64_t size) {
    static const uint8_t zeros[FORGE_FRAME];
    while (size) {
        uint64_t in = pa % FORGE_FRAME, n = FORGE_FRAME - in < size ? FORGE_FRAME - in : size;
        if (!forge_physmem_is_ram(m, pa))
            return false;
        if (m->fill != FORGE_RAM_ZEROS || forge_physmem_page(m, pa / FORGE_FRAME))
            forge_physmem_write(m, pa, zeros, (size_t)n);
        pa += n, size -= n;
    }
    return true;
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort(struct forge_physmem *m) {
    if (m->sorted == m->count)
        return;
    free(m->order);
    m->order = need(malloc(m->count * sizeof *m->order));
    size_t n = 0;
    for (size_t i = 0; i < m->room; i++)
        if (m->slot[i].page)
            m->order[n++] = m->slot[i].pfn;
    qsort(m->order, n, sizeof *m->order, by_number);
    m->sorted = n;
}

bool forge_physmem_next(const struct forge_physmem *m, uint64_t *pfn) {
    /* The order is a cache: what the memory holds does not change. */
    sort((struct forge_physmem *)(uintptr_t)m);
    size_t lo = 0, hi = m->sorted;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->order[mid] < *pfn)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == m->sorted)
        return false;
    *pfn = m->order[lo];
    return true;
}

/* ---- who owns what ---- */

/* The first piece that ends at or behind PFN. */
static size_t taken_at(const struct forge_physmem *m, uint64_t pfn) {
    size_t lo = 0, hi = m->ntaken;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->taken[mid].last < pfn)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool is_free(const struct forge_physmem *m, uint64_t first, uint64_t last) {
    size_t i = taken_at(m, first);
    return i == m->ntaken || m->taken[i].first > last;
}

static void own(struct forge_physmem *m, uint64_t first, uint64_t last) {
    size_t i = taken_at(m, first);
    bool before = i && m->taken[i - 1].last + 1 == first;
    bool behind = i < m->ntaken && m->taken[i].first == last + 1;
    if (before && behind) {
        m->taken[i - 1].last = m->taken[i].last;
        memmove(m->taken + i, m->taken + i + 1, (m->ntaken - i - 1) * sizeof *m->taken);
        m->ntaken--;
    } else if (before) {
        m->taken[i - 1].last = last;
    } else if (behind) {
        m->taken[i].first = first;
    } else {
        if (m->ntaken == m->taken_room) {
            m->taken_room = m->taken_room ? 2 * m->taken_room : 256;
            m->taken = need(realloc(m->taken, m->taken_room * sizeof *m->taken));
        }
        memmove(m->taken + i + 1, m->taken + i, (m->ntaken - i) * sizeof *m->taken);
        m->taken[i] = (struct taken){first, last};
        m->ntaken++;
    }
}

bool forge_physmem_take(struct forge_physmem *m, uint64_t pa, uint64_t size) {
    uint64_t first = pa / FORGE_FRAME, last = (pa + size - 1) / FORGE_FRAME;
    for (size_t i = 0; i < m->nruns; i++) {
        const struct forge_ram *r = &m->run[i];
        if (pa >= r->start && size <= r->size && pa - r->start <= r->size - size &&
            is_free(m, first, last)) {
            own(m, first, last);
            return true;
        }
    }
    return false;
}

bool forge_physmem_is_taken(const struct forge_physmem *m, uint64_t pa) {
    return !is_free(m, pa / FORGE_FRAME, pa / FORGE_FRAME);
}

bool forge_physmem_next_taken(const struct forge_physmem *m, uint64_t *pfn) {
    size_t i = taken_at(m, *pfn);
    if (i == m->ntaken)
        return false;
    if (m->taken[i].first > *pfn)
        *pfn = m->taken[i].first;
    return true;
}

static uint64_t gcd(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

/* The N-th page of RAM from 1 MB on. */
static uint64_t nth_page(const struct forge_physmem *m, uint64_t n) {
    for (size_t i = 0; i < m->nruns; i++) {
        uint64_t pages = m->run[i].size / FORGE_FRAME;
        if (m->run[i].start < ONE_MB)
            continue;
        if (n < pages)
            return m->run[i].start + n * FORGE_FRAME;
        n -= pages;
    }
    return 0;
}

/*
 * Steps of about 0.38 of all RAM, which meet every page once and no two neighbours in a row. Below
 * 16 MB a running system has what was there first, such as the page tables of System, and readers
 * look for them there: it comes last.
 */
uint64_t forge_physmem_alloc(struct forge_physmem *m) {
    uint64_t pages = 0;
    for (size_t i = 0; i < m->nruns; i++)
        pages += m->run[i].start < ONE_MB ? 0 : m->run[i].size / FORGE_FRAME;
    if (!pages)
        return 0;
    uint64_t stride = pages > 8 ? pages / 1000 * 382 + 3 : 1;
    while (gcd(stride, pages) != 1)
        stride++;
    while (m->step < pages) {
        /* In two halves: the product of two large numbers must not wrap. */
        uint64_t high = m->step >> 20, low = m->step & 0xfffff;
        uint64_t n = (high * stride % pages * (0x100000 % pages) + low * stride) % pages;
        uint64_t pa = nth_page(m, n);
        m->step++;
        if (!m->low && pa < LOW_END && pages > 2 * LOW_END / FORGE_FRAME)
            continue;
        if (!forge_physmem_is_taken(m, pa)) {
            own(m, pa / FORGE_FRAME, pa / FORGE_FRAME);
            return pa;
        }
    }
    if (m->low)
        return 0;
    m->low = true;
    m->step = 0;
    return forge_physmem_alloc(m);
}

uint64_t forge_physmem_alloc_low(struct forge_physmem *m, uint64_t size, uint64_t align,
                                 uint64_t limit) {
    for (size_t i = 0; i < m->nruns; i++) {
        const struct forge_ram *r = &m->run[i];
        uint64_t pa = (r->start + align - 1) & ~(align - 1);
        for (; pa + size <= r->start + r->size && pa + size <= limit; pa += align)
            if (pa && forge_physmem_take(m, pa, size))
                return pa;
    }
    return 0;
}

/* From the end of RAM downwards: the large pieces lie where the scattered pages are rarest. */
uint64_t forge_physmem_alloc_row(struct forge_physmem *m, uint64_t size, uint64_t align) {
    for (size_t i = m->nruns; i-- > 0;) {
        const struct forge_ram *r = &m->run[i];
        if (size > r->size || r->start < ONE_MB)
            continue;
        uint64_t pa = (r->start + r->size - size) & ~(align - 1);
        for (; pa >= r->start; pa -= align) {
            if (forge_physmem_take(m, pa, size))
                return pa;
            if (pa < align)
                break;
        }
    }
    return 0;
}
