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
    bool shared;   /* PAGE is one of those that were kept */
};
/* Of a run of RAM: a bit for each frame that was handed out. */
struct run {
    uint64_t frames;
    uint64_t *taken;
};
struct kept {
    struct kept *next;
    uint8_t page[FORGE_FRAME];
};
struct forge_physmem {
    enum forge_ram_fill fill;
    struct forge_ram run[FORGE_RAM_RUNS];
    struct run own[FORGE_RAM_RUNS];
    size_t nruns;
    uint64_t pages;
    struct slot *slot; /* open addressing; `room` is a power of 2 */
    size_t count, room;
    struct kept *kept;
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
        if (!m->slot[i].shared)
            free(m->slot[i].page);
    free(m->slot);
    for (size_t i = 0; i < m->nruns; i++)
        free(m->own[i].taken);
    for (struct kept *k = m->kept, *next; k; k = next) {
        next = k->next;
        free(k);
    }
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
    uint64_t frames = size / FORGE_FRAME;
    m->own[m->nruns] = (struct run){frames, need(calloc((size_t)(frames / 64 + 1), 8))};
    m->run[m->nruns++] = (struct forge_ram){start, size};
    m->pages += frames;
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

/* Where the page of PFN stands; one that is new has none yet. */
static struct slot *slot_of(struct forge_physmem *m, uint64_t pfn) {
    size_t i = place_of(m->slot, m->room, pfn);
    if (m->slot[i].page)
        return &m->slot[i];
    if ((m->count + 1) * 2 > m->room) {
        grow(m);
        i = place_of(m->slot, m->room, pfn);
    }
    m->slot[i].pfn = pfn;
    m->count++;
    return &m->slot[i];
}

/* The page of PFN to be written to. */
static uint8_t *make(struct forge_physmem *m, uint64_t pfn) {
    struct slot *s = slot_of(m, pfn);
    if (s->page && !s->shared)
        return s->page;
    uint8_t *page = need(calloc(1, FORGE_FRAME));
    if (s->page)
        memcpy(page, s->page, FORGE_FRAME);
    else if (m->fill == FORGE_RAM_PATTERN)
        pattern(pfn * FORGE_FRAME, page);
    s->page = page;
    s->shared = false;
    return page;
}

const uint8_t *forge_physmem_keep(struct forge_physmem *m, const uint8_t *page) {
    struct kept *k = need(malloc(sizeof *k));
    memcpy(k->page, page, FORGE_FRAME);
    k->next = m->kept;
    m->kept = k;
    return k->page;
}

bool forge_physmem_share(struct forge_physmem *m, uint64_t pa, const uint8_t *kept) {
    if (!forge_physmem_is_ram(m, pa))
        return false;
    struct slot *s = slot_of(m, pa / FORGE_FRAME);
    if (!s->shared)
        free(s->page);
    s->page = (uint8_t *)(uintptr_t)kept; /* never written to: see make() */
    s->shared = true;
    return true;
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

/* The run that has the frame, and the frame's number in it; NULL: it is no RAM. */
static struct run *run_of(const struct forge_physmem *m, uint64_t pfn, uint64_t *ret_in) {
    for (size_t i = 0; i < m->nruns; i++) {
        *ret_in = pfn - m->run[i].start / FORGE_FRAME;
        if (*ret_in < m->run[i].size / FORGE_FRAME)
            return &((struct forge_physmem *)(uintptr_t)m)->own[i];
    }
    return NULL;
}

static bool has(const struct run *r, uint64_t in) { return r->taken[in / 64] >> in % 64 & 1; }

static bool is_free(const struct run *r, uint64_t first, uint64_t last) {
    for (uint64_t in = first; in <= last; in++) {
        if (!(in % 64) && last - in >= 64 && !r->taken[in / 64])
            in += 63;
        else if (has(r, in))
            return false;
    }
    return true;
}

bool forge_physmem_take(struct forge_physmem *m, uint64_t pa, uint64_t size) {
    uint64_t first, count = (pa % FORGE_FRAME + size + FORGE_FRAME - 1) / FORGE_FRAME;
    struct run *r = run_of(m, pa / FORGE_FRAME, &first);
    if (!r || !count || count > r->frames - first || !is_free(r, first, first + count - 1))
        return false;
    for (uint64_t in = first; in < first + count; in++)
        r->taken[in / 64] |= 1ull << in % 64;
    return true;
}

bool forge_physmem_is_taken(const struct forge_physmem *m, uint64_t pa) {
    uint64_t in;
    const struct run *r = run_of(m, pa / FORGE_FRAME, &in);
    return r && has(r, in);
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
        if (forge_physmem_take(m, pa, FORGE_FRAME))
            return pa;
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
