/* SPDX-License-Identifier: MIT */
/*
 * Physical memory of a hibernation file: finds the block of a page, unpacks it, and keeps the
 * blocks used last. All memory is allocated beforehand, so that a read cannot fail for lack of it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dump/hiber_impl.h"
#include "dump/xpress.h"

enum { SLOTS_MOST = 64, SLOTS_LEAST = 8 }; /* 64 KB each */

struct slot {
    uint64_t set, used; /* used: when, by the clock of reads; 0 empty */
    size_t made;        /* bytes that are right */
    uint8_t *data;
};

struct pages {
    struct sc_source *source;
    struct hiber_index index;
    struct slot slot[SLOTS_MOST];
    size_t nslots;
    struct slot *last;
    uint64_t clock;
    uint8_t *rooms;  /* of all slots */
    uint8_t *packed; /* for files that are not mapped */
    uint64_t broken; /* blocks that could not be unpacked: the first ones are said */
};

enum { BROKEN_SAID = 8 };

/* The bytes of a block in the file: in place, or read; NULL: the system refused. */
static const uint8_t *packed_bytes(struct pages *p, const struct hiber_set *set) {
    const uint8_t *in_place = sc_file_view(p->source->file, set->offset, set->size);
    size_t got;
    if (in_place)
        return in_place;
    if (!sc_file_read_some(p->source->file, set->offset, p->packed, set->size, &got) ||
        got < set->size)
        return NULL;
    return p->packed;
}

/* Whether the larger of the two answers is all of it or not, it is what can be had. */
static struct sc_xpress either(const uint8_t *in, size_t in_size, uint8_t *out, size_t size) {
    struct sc_xpress plain = sc_xpress_plain(in, in_size, out, size);
    if (!plain.why && plain.used + 8 >= in_size)
        return plain;
    struct sc_xpress huffman = sc_xpress_huffman(in, in_size, out, size);
    return !huffman.why || plain.why ? huffman : sc_xpress_plain(in, in_size, out, size);
}

static struct sc_xpress unpack(const struct hiber_set *set, const uint8_t *in, uint8_t *out) {
    size_t size = (size_t)set->pages * HIBER_PAGE;
    switch (set->method) {
    case HIBER_PLAIN: return sc_xpress_plain(in, set->size, out, size);
    case HIBER_HUFFMAN: return sc_xpress_huffman(in, set->size, out, size);
    case HIBER_EITHER: return either(in, set->size, out, size);
    default: memcpy(out, in, size); return (struct sc_xpress){.made = size, .used = size};
    }
}

static void say_broken(struct pages *p, const struct hiber_set *set, size_t made, const char *why) {
    if (p->broken++ < BROKEN_SAID)
        sc_source_note(p->source, set->offset,
                       "a block of %u pages cannot be unpacked (%s): %zu of them are there",
                       set->pages, why, made / HIBER_PAGE);
}

/* False: the file could not be read, which may be better next time. */
static bool fill(struct pages *p, struct slot *s, uint64_t number) {
    const struct hiber_set *set = &p->index.sets.item[number];
    const uint8_t *in = packed_bytes(p, set);
    s->used = 0;
    if (!in)
        return false;
    struct sc_xpress r = unpack(set, in, s->data);
    s->set = number;
    s->made = r.made;
    if (r.why)
        say_broken(p, set, r.made, r.why);
    return true;
}

/* The slot that holds a block; the one unused for longest makes room. NULL: it cannot be read. */
static const struct slot *get(struct pages *p, uint64_t number) {
    struct slot *s = p->last;
    if (!s || !s->used || s->set != number) {
        struct slot *end = p->slot + p->nslots, *oldest = p->slot;
        for (s = p->slot; s < end && (!s->used || s->set != number); s++)
            oldest = s->used < oldest->used ? s : oldest;
        if (s == end) {
            s = oldest;
            if (!fill(p, s, number))
                return NULL;
        }
    }
    s->used = ++p->clock;
    p->last = s;
    return s;
}

static enum sc_read hiber_read(void *impl, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    struct pages *p = impl;
    uint64_t pos, count;
    *ret_got = 0;
    if (!hiber_index_find(&p->index, addr / HIBER_PAGE, &pos, &count))
        return SC_READ_ABSENT;
    const struct slot *s = get(p, pos >> 4);
    uint64_t here = (pos & 15) * HIBER_PAGE + addr % HIBER_PAGE;
    if (!s || here >= s->made)
        return SC_READ_IO;
    uint64_t most = count * HIBER_PAGE - addr % HIBER_PAGE;
    if (most > s->made - here)
        most = s->made - here;
    *ret_got = len < most ? len : (size_t)most;
    memcpy(buf, s->data + here, *ret_got);
    return SC_READ_OK;
}

static bool hiber_next(void *impl, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size) {
    const struct pages *p = impl;
    uint64_t pfn, count;
    if (!hiber_index_next(&p->index, addr / HIBER_PAGE, &pfn, &count))
        return false;
    *ret_start = pfn * HIBER_PAGE;
    *ret_size = count * HIBER_PAGE;
    return true;
}

/* Only what is not compressed lies in the file as it is. */
static bool hiber_offset(void *impl, uint64_t addr, uint64_t *ret_offset) {
    struct pages *p = impl;
    uint64_t pos, count;
    if (!hiber_index_find(&p->index, addr / HIBER_PAGE, &pos, &count))
        return false;
    const struct hiber_set *set = &p->index.sets.item[pos >> 4];
    if (set->method != HIBER_RAW)
        return false;
    *ret_offset = set->offset + (pos & 15) * HIBER_PAGE + addr % HIBER_PAGE;
    return true;
}

static void hiber_destroy(void *impl) {
    struct pages *p = impl;
    if (!p)
        return;
    hiber_index_free(&p->index);
    free(p->rooms);
    free(p->packed);
    free(p);
}

static const struct sc_pages_ops hiber_ops = {
    .name = "hibernation file",
    .read = hiber_read,
    .next = hiber_next,
    .offset = hiber_offset,
    .destroy = hiber_destroy,
};

/* As many slots as the file is worth: a small one has few blocks, or lies about them. */
static size_t slots_for(const struct sc_source *source, const struct hiber_index *index) {
    uint64_t worth = SLOTS_LEAST + sc_file_size(source->file) / HIBER_SET_SIZE;
    size_t n = index->sets.count < SLOTS_MOST ? index->sets.count : SLOTS_MOST;
    n = n < worth ? n : (size_t)worth;
    return n ? n : 1;
}

sc_err *hiber_pages_create(struct sc_source *source, struct hiber_index *own_index,
                           struct sc_pages *ret_pages) {
    struct pages *p = calloc(1, sizeof *p);
    if (!p) {
        hiber_index_free(own_index);
        return sc_err_nomem();
    }
    p->source = source;
    p->index = *own_index;
    p->nslots = slots_for(source, &p->index);
    p->rooms = malloc(p->nslots * HIBER_SET_SIZE);
    p->packed = malloc(HIBER_SET_SIZE);
    if (!p->rooms || !p->packed) {
        hiber_destroy(p);
        return sc_err_nomem();
    }
    for (size_t i = 0; i < p->nslots; i++)
        p->slot[i].data = p->rooms + i * HIBER_SET_SIZE;
    *ret_pages = (struct sc_pages){&hiber_ops, p};
    return NULL;
}
