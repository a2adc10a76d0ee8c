/* SPDX-License-Identifier: MIT */
/*
 * Pages behind a bitmap, found by rank.
 *
 * The bitmap is taken in chunks of 4 KiB (128 MiB of physical memory). The index holds, of every
 * chunk, the set bits before it and those before each 64 bytes of it; the rest of a rank is at
 * most eight words. Chunks are counted in order when first needed: for the last page of 64 GB that
 * is 2 MiB of bitmap, once.
 *
 * Memory for the index is asked for at the beginning, so that reads, which have no error to
 * return, need none; the system gives it page by page as chunks are counted.
 */
#include "dump/bitmap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum {
    PAGE = 0x1000,
    CHUNK = 0x1000,         /* bytes */
    CHUNK_BITS = CHUNK * 8, /* pages */
    CHUNK_WORDS = CHUNK / 8,
    GROUP_WORDS = 8,
    GROUPS = CHUNK_WORDS / GROUP_WORDS,
    SLOTS = 8, /* chunks kept where the file is not mapped */
};

struct chunk {
    uint64_t before;        /* set bits before this chunk */
    uint16_t group[GROUPS]; /* set bits of this chunk before each group */
    /* The pages that the last view was of, which others mostly are of, too; none: 0, 0. */
    uint16_t run, run_end, run_rank; /* first bit, end, set bits of this chunk before it */
};

struct slot {
    uint64_t chunk; /* UINT64_MAX: none */
    uint8_t bytes[CHUNK];
};

struct pages {
    struct sc_source *source;
    struct sc_bitmap map;
    uint64_t nchunks, ncounted, counted; /* chunks in all, chunks and bits counted */
    struct chunk *index;
    struct slot *slot; /* SLOTS of them; NULL: the bitmap is mapped */
    bool behind_noted, trouble_noted;
};

/* A chunk's bytes, valid until the next one is taken. */
struct window {
    const uint8_t *bytes;
    unsigned nbits;
};

static inline unsigned ones(uint64_t word) { return (unsigned)__builtin_popcountll(word); }

/* Written out: compilers make one load of it. */
static inline uint64_t le64(const uint8_t *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

/* Word I of the window; bits behind its end are 0. */
static uint64_t word_at(const struct window *w, unsigned i) {
    if ((i + 1) * 64 <= w->nbits)
        return le64(w->bytes + i * 8);
    uint64_t v = 0;
    for (unsigned bit = i * 64; bit < w->nbits; bit += 8) {
        uint64_t byte = w->bytes[bit / 8];
        if (w->nbits - bit < 8)
            byte &= (1u << (w->nbits - bit)) - 1;
        v |= byte << (bit - i * 64);
    }
    return v;
}

static bool is_set(const struct window *w, unsigned bit) {
    return w->bytes[bit / 8] >> bit % 8 & 1;
}

/* Reads a chunk into its slot. */
static const uint8_t *read_chunk(struct pages *p, uint64_t chunk, size_t len) {
    struct slot *slot = &p->slot[chunk % SLOTS];
    if (slot->chunk == chunk)
        return slot->bytes;
    size_t got;
    slot->chunk = UINT64_MAX;
    if (!sc_file_read_some(p->source->file, p->map.offset + chunk * CHUNK, slot->bytes, len,
                           &got) ||
        got < len)
        return NULL;
    slot->chunk = chunk;
    return slot->bytes;
}

/* False: the file cannot be read there, which is said once. */
static bool take(struct pages *p, uint64_t chunk, struct window *ret) {
    uint64_t left = p->map.bits - chunk * CHUNK_BITS;
    unsigned nbits = left < CHUNK_BITS ? (unsigned)left : CHUNK_BITS;
    size_t len = (nbits + 7) / 8;
    uint64_t at = p->map.offset + chunk * CHUNK;
    const uint8_t *bytes =
        p->slot ? read_chunk(p, chunk, len) : sc_file_view(p->source->file, at, len);
    if (!bytes) {
        if (!p->trouble_noted)
            sc_source_note(p->source, at, "the bitmap of pages cannot be read here");
        p->trouble_noted = true;
        return false;
    }
    *ret = (struct window){bytes, nbits};
    return true;
}

/* Fills the groups of C; returns how many bits are set in all. */
static inline unsigned count_groups(struct chunk *c, const struct window *w) {
    const bool whole = w->nbits == CHUNK_BITS;
    unsigned sum = 0;
    for (unsigned g = 0; g < GROUPS; g++) {
        const unsigned first = g * GROUP_WORDS;
        c->group[g] = (uint16_t)sum; /* at most 32768 - 512 */
        for (unsigned i = first; i < first + GROUP_WORDS; i++)
            sum += ones(whole ? le64(w->bytes + i * 8) : word_at(w, i));
    }
    return sum;
}

/*
 * Counting is most of what opening a large dump costs, and x64 at its oldest has no instruction
 * for it: the library function that stands in takes five times as long.
 */
#if defined(__x86_64__)
__attribute__((target("popcnt"))) static unsigned count_groups_popcnt(struct chunk *c,
                                                                      const struct window *w) {
    return count_groups(c, w);
}
static unsigned count_set(struct chunk *c, const struct window *w) {
    return __builtin_cpu_supports("popcnt") ? count_groups_popcnt(c, w) : count_groups(c, w);
}
#else
static unsigned count_set(struct chunk *c, const struct window *w) { return count_groups(c, w); }
#endif

/* Counts the next chunk. */
static bool count_chunk(struct pages *p) {
    struct window w;
    if (!take(p, p->ncounted, &w))
        return false;
    struct chunk *c = &p->index[p->ncounted];
    c->before = p->counted;
    unsigned sum = count_set(c, &w);
    p->counted += sum;
    if (++p->ncounted == p->nchunks && p->counted != p->map.present)
        sc_source_note(p->source, p->map.offset,
                       "the bitmap has 0x%" PRIx64 " pages, but the dump says it holds 0x%" PRIx64,
                       p->counted, p->map.present);
    return true;
}

/*
 * Where page number PFN's bytes lie; false: they cannot be found out. The window is taken anew,
 * since counting takes others.
 */
static bool place(struct pages *p, uint64_t pfn, struct window *w, uint64_t *ret_offset) {
    uint64_t chunk = pfn / CHUNK_BITS;
    bool counted = p->ncounted > chunk;
    while (p->ncounted <= chunk)
        if (!count_chunk(p))
            return false;
    if (!counted && !take(p, chunk, w))
        return false;
    unsigned bit = pfn % CHUNK_BITS, word = bit / 64, group = word / GROUP_WORDS;
    uint64_t rank = p->index[chunk].before + p->index[chunk].group[group];
    for (unsigned i = group * GROUP_WORDS; i < word; i++)
        rank += ones(word_at(w, i));
    rank += ones(word_at(w, word) & ((UINT64_C(1) << bit % 64) - 1));
    *ret_offset = p->map.first_page + rank * PAGE;
    return true;
}

/* Set bits from BIT on, at most MOST. */
static unsigned run_length(const struct window *w, unsigned bit, unsigned most) {
    unsigned n = 0;
    while (n < most && bit + n < w->nbits) {
        uint64_t rest = ~word_at(w, (bit + n) / 64) >> (bit + n) % 64;
        unsigned room = 64 - (bit + n) % 64;
        unsigned here = rest ? (unsigned)__builtin_ctzll(rest) : room;
        n += here;
        if (here < room)
            break;
    }
    return n < most ? n : most;
}

/* The first set bit from BIT on; nbits: none. */
static unsigned first_one(const struct window *w, unsigned bit) {
    while (bit < w->nbits) {
        uint64_t rest = word_at(w, bit / 64) >> bit % 64;
        if (rest)
            return bit + (unsigned)__builtin_ctzll(rest);
        bit += 64 - bit % 64;
    }
    return w->nbits;
}

/* Pages that follow each other in memory, and so in the file. */
struct piece {
    uint64_t offset, size; /* the file's bytes: from the address asked for on */
};

/*
 * Where PFN's page lies, and how many of MOST pages follow it. What a look at the whole rest of a
 * chunk's run finds is remembered: pages of a process lie anywhere in a run of many.
 */
static enum sc_read seek(struct pages *p, uint64_t pfn, unsigned most, struct piece *ret) {
    uint64_t chunk = pfn / CHUNK_BITS;
    unsigned bit = pfn % CHUNK_BITS;
    struct chunk *c = &p->index[chunk];
    struct window w;
    if (bit < c->run || bit >= c->run_end) {
        if (!take(p, chunk, &w))
            return SC_READ_IO;
        if (!is_set(&w, bit))
            return SC_READ_ABSENT;
        if (!place(p, pfn, &w, &ret->offset))
            return SC_READ_IO;
        ret->size = (uint64_t)run_length(&w, bit, most) * PAGE;
        if (most < CHUNK_BITS)
            return SC_READ_OK;
        c->run = (uint16_t)bit;
        c->run_end = (uint16_t)(bit + ret->size / PAGE);
        c->run_rank = (uint16_t)((ret->offset - p->map.first_page) / PAGE - c->before);
        return SC_READ_OK;
    }
    uint64_t rank = c->before + c->run_rank + (bit - c->run);
    unsigned count = c->run_end - bit < most ? c->run_end - bit : most;
    *ret = (struct piece){p->map.first_page + rank * PAGE, (uint64_t)count * PAGE};
    return SC_READ_OK;
}

/* The piece that ADDR lies in: WANT bytes or fewer, or the rest of the chunk's run. */
static enum sc_read find(struct pages *p, uint64_t addr, uint64_t want, struct piece *ret) {
    uint64_t pfn = addr / PAGE, size = sc_file_size(p->source->file);
    unsigned in_page = addr % PAGE;
    unsigned most = want >= (uint64_t)CHUNK_BITS * PAGE
                        ? CHUNK_BITS
                        : (unsigned)((in_page + want + PAGE - 1) / PAGE);
    if (pfn >= p->map.bits)
        return SC_READ_ABSENT;
    enum sc_read status = seek(p, pfn, most, ret);
    if (status != SC_READ_OK)
        return status;
    uint64_t offset = ret->offset + in_page;
    if (offset >= size) {
        if (!p->behind_noted)
            sc_source_note(p->source, offset,
                           "the page at 0x%" PRIx64 " should lie here, behind the end of the file",
                           pfn * PAGE);
        p->behind_noted = true;
        return SC_READ_ABSENT;
    }
    ret->offset = offset;
    ret->size -= in_page;
    if (ret->size > size - offset)
        ret->size = size - offset;
    if (ret->size > want)
        ret->size = want;
    return SC_READ_OK;
}

static enum sc_read bitmap_read(void *impl, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    struct pages *p = impl;
    struct piece piece;
    *ret_got = 0;
    enum sc_read status = find(p, addr, len, &piece);
    if (status != SC_READ_OK)
        return status;
    if (!sc_file_read_some(p->source->file, piece.offset, buf, (size_t)piece.size, ret_got) ||
        !*ret_got) {
        *ret_got = 0;
        return SC_READ_IO;
    }
    return SC_READ_OK;
}

static enum sc_read bitmap_view(void *impl, uint64_t addr, const uint8_t **ret_data,
                                size_t *ret_len) {
    struct pages *p = impl;
    struct piece piece;
    if (p->slot)
        return SC_READ_ABSENT; /* not mapped */
    enum sc_read status = find(p, addr, (uint64_t)CHUNK_BITS * PAGE, &piece);
    if (status != SC_READ_OK)
        return status;
    const uint8_t *data = sc_file_view(p->source->file, piece.offset, piece.size);
    if (!data)
        return SC_READ_ABSENT;
    *ret_data = data;
    *ret_len = (size_t)piece.size;
    return SC_READ_OK;
}

static bool bitmap_next(void *impl, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size) {
    struct pages *p = impl;
    uint64_t size = sc_file_size(p->source->file), pfn = addr / PAGE, offset;
    while (pfn < p->map.bits) {
        struct window w;
        uint64_t chunk = pfn / CHUNK_BITS;
        if (!take(p, chunk, &w))
            return false;
        unsigned bit = first_one(&w, pfn % CHUNK_BITS);
        pfn = chunk * CHUNK_BITS + bit;
        if (bit == w.nbits)
            continue;
        /* Later pages lie further back in the file: behind its end there is nothing more. */
        if (!place(p, pfn, &w, &offset) || offset >= size)
            return false;
        uint64_t run = (uint64_t)run_length(&w, bit, CHUNK_BITS) * PAGE;
        run = run < size - offset ? run : size - offset;
        if (pfn * PAGE + run <= addr)
            return false; /* the file ends inside this page, before ADDR */
        *ret_start = pfn * PAGE;
        *ret_size = run;
        return true;
    }
    return false;
}

static bool bitmap_offset(void *impl, uint64_t addr, uint64_t *ret_offset) {
    struct piece piece;
    if (find(impl, addr, 1, &piece) != SC_READ_OK)
        return false;
    *ret_offset = piece.offset;
    return true;
}

static void bitmap_destroy(void *impl) {
    struct pages *p = impl;
    if (p) {
        free(p->index);
        free(p->slot);
    }
    free(p);
}

static const struct sc_pages_ops bitmap_ops = {
    .name = "bitmap",
    .read = bitmap_read,
    .view = bitmap_view,
    .next = bitmap_next,
    .offset = bitmap_offset,
    .destroy = bitmap_destroy,
};

/* Cuts the bitmap to what the file has of it. */
static struct sc_bitmap cut(const struct sc_bitmap *map, uint64_t file_size) {
    struct sc_bitmap m = *map;
    uint64_t there = file_size > m.offset ? file_size - m.offset : 0;
    if (m.bits > SC_BITMAP_BITS_MAX)
        m.bits = SC_BITMAP_BITS_MAX;
    if (m.bits / 8 >= there)
        m.bits = m.bits > there * 8 ? there * 8 : m.bits;
    return m;
}

static sc_err *create(struct sc_source *source, const struct sc_bitmap *bitmap,
                      struct pages **ret) {
    struct pages *p = calloc(1, sizeof *p);
    if (!p)
        return sc_err_nomem();
    p->source = source;
    p->map = cut(bitmap, sc_file_size(source->file));
    p->nchunks = p->map.bits / CHUNK_BITS + (p->map.bits % CHUNK_BITS != 0);
    bool mapped = sc_file_view(source->file, 0, 1) != NULL;
    p->index = p->nchunks ? calloc(p->nchunks, sizeof *p->index) : NULL;
    p->slot = mapped ? NULL : calloc(SLOTS, sizeof *p->slot);
    if ((p->nchunks && !p->index) || (!mapped && !p->slot)) {
        bitmap_destroy(p);
        return sc_err_nomem();
    }
    for (unsigned i = 0; !mapped && i < SLOTS; i++)
        p->slot[i].chunk = UINT64_MAX;
    *ret = p;
    return NULL;
}

sc_err *sc_bitmap_pages(struct sc_source *source, const struct sc_bitmap *bitmap,
                        struct sc_pages *ret_pages) {
    struct pages *p = NULL;
    sc_err *err = create(source, bitmap, &p);
    if (err)
        return err;
    if (p->map.bits < bitmap->bits)
        sc_source_note(source, bitmap->offset,
                       "the bitmap covers 0x%" PRIx64 " pages, but the file has bits of 0x%" PRIx64
                       " of them",
                       bitmap->bits, p->map.bits);
    *ret_pages = (struct sc_pages){&bitmap_ops, p};
    return NULL;
}

sc_err *sc_bitmap_count(struct sc_source *source, const struct sc_bitmap *bitmap,
                        uint64_t *ret_count) {
    const struct sc_bitmap m = cut(bitmap, sc_file_size(source->file));
    uint8_t bytes[CHUNK];
    uint64_t sum = 0;
    for (uint64_t bit = 0; bit < m.bits; bit += CHUNK_BITS) {
        uint64_t left = m.bits - bit;
        struct window w = {bytes, left < CHUNK_BITS ? (unsigned)left : CHUNK_BITS};
        sc_err *err = sc_file_read(source->file, m.offset + bit / 8, bytes, (w.nbits + 7) / 8);
        if (err)
            return err;
        for (unsigned i = 0; i * 64 < w.nbits; i++)
            sum += ones(word_at(&w, i));
    }
    *ret_count = sum;
    return NULL;
}
