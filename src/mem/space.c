/* SPDX-License-Identifier: MIT */
/*
 * Address spaces over ranges of a file, and the fillers behind them.
 *
 * Ranges come in order of preference and may overlap (a triage dump's data blocks repeat its
 * stack). They are sorted and cut to be disjoint once; a read is then a binary search. Nothing is
 * expanded to pages: a range costs 24 bytes whatever its size.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "base/vec.h"
#include "mem/space_impl.h"

enum { FILLERS_MAX = 8 };

struct sc_space {
    const sc_file *file;
    struct sc_range *range; /* sorted, disjoint */
    size_t count;
    size_t last; /* where the last hit was: reads cluster */
    unsigned ptr_size;
    const atomic_bool *cancel;
    sc_space_load_fn load; /* NULL: loaded */
    void *load_ctx;
    sc_err *trouble; /* of the last failed load */
    uint64_t io_failures;
    struct filler {
        const char *name;
        sc_fill_fn fn;
        void *ctx;
    } filler[FILLERS_MAX];
    unsigned nfillers;
};

const char *sc_read_name(enum sc_read status) {
    static const char *const names[] = {"ok", "absent", "paged out", "invalid", "I/O error"};
    return (unsigned)status < sizeof names / sizeof *names ? names[status] : "unknown";
}

/* A range with its rank: the lower the rank, the more it is preferred. */
struct ranked {
    struct sc_range r;
    size_t rank;
};

/* Cuts FROM off the front of R. */
static struct sc_range cut_front(struct sc_range r, uint64_t from) {
    uint64_t d = from - r.start;
    return (struct sc_range){from, r.size - d, r.offset + d};
}

/*
 * Min-heap by rank of the ranges that are open at the sweep's position: the preferred one on top.
 * Few are open at a time, whatever the list's length, unless somebody made it so.
 */
struct heap {
    struct ranked *item;
    size_t count, room;
};

static bool heap_push(struct heap *h, struct ranked r) {
    if (!SC_VEC_PUSH(h))
        return false;
    size_t i = h->count - 1;
    while (i && h->item[(i - 1) / 2].rank > r.rank) {
        h->item[i] = h->item[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->item[i] = r;
    return true;
}

static void heap_pop(struct heap *h) {
    struct ranked last = h->item[--h->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->item[child + 1].rank < h->item[child].rank)
            child++;
        if (h->item[child].rank >= last.rank)
            break;
        h->item[i] = h->item[child];
        i = child;
    }
    h->item[i] = last;
}

/* Appends a piece, joining it to the one before when both address and offset go on. */
static bool put(struct sc_ranges *out, struct sc_range r) {
    if (out->count) {
        struct sc_range *p = &out->item[out->count - 1];
        if (p->start + p->size == r.start && p->offset + p->size == r.offset) {
            p->size += r.size;
            return true;
        }
    }
    struct sc_range *slot = SC_VEC_PUSH(out);
    if (!slot)
        return false;
    *slot = r;
    return true;
}

/*
 * The sweep over RANGES in the order of KEY: between two starts, the preferred open range supplies
 * the bytes.
 */
static bool flatten(const struct sc_ranges *ranges, const struct sc_sort_key *key, size_t n,
                    struct heap *open, struct sc_ranges *out) {
    uint64_t pos = 0;
    size_t next = 0;
    while (next < n || open->count) {
        if (!open->count) {
            const struct sc_range *r = &ranges->item[key[next].index];
            pos = r->start;
            if (next + 1 == n || key[next + 1].key - pos >= r->size) { /* alone, as most are */
                if (!put(out, *r))
                    return false;
                next++;
                continue;
            }
        }
        for (; next < n && key[next].key <= pos; next++)
            if (!heap_push(open, (struct ranked){ranges->item[key[next].index], key[next].index}))
                return false;
        struct sc_range top = open->item[0].r;
        uint64_t end = top.start + (top.size - 1); /* inclusive: a range may end at 2^64 */
        if (end < pos) {
            heap_pop(open);
            continue;
        }
        uint64_t stop = end;
        if (next < n && key[next].key <= end)
            stop = key[next].key - 1;
        struct sc_range piece = cut_front(top, pos);
        piece.size = stop - pos + 1;
        if (!put(out, piece))
            return false;
        if (stop == UINT64_MAX)
            break;
        pos = stop + 1;
        if (stop == end)
            heap_pop(open);
    }
    return true;
}

static bool is_sorted(const struct sc_ranges *r) {
    for (size_t i = 0; i < r->count; i++) {
        if (!r->item[i].size)
            return false;
        if (i && r->item[i - 1].start + (r->item[i - 1].size - 1) >= r->item[i].start)
            return false;
    }
    return true;
}

/* Cuts what runs over the top of the address space: it must not wrap to low addresses. */
static void cut_at_top(struct sc_ranges *ranges) {
    for (size_t i = 0; i < ranges->count; i++) {
        struct sc_range *r = &ranges->item[i];
        if (r->size && r->size - 1 > UINT64_MAX - r->start)
            r->size = UINT64_MAX - r->start + 1;
    }
}

/* Those of RANGES that are not empty, by start, then rank; NULL when memory is short. */
static struct sc_sort_key *sorted(const struct sc_ranges *ranges, size_t *ret_count) {
    struct sc_sort_key *key = malloc((ranges->count + 1) * sizeof *key);
    size_t n = 0;
    for (size_t i = 0; key && i < ranges->count; i++)
        if (ranges->item[i].size)
            key[n++] = (struct sc_sort_key){ranges->item[i].start, i};
    if (!key || !sc_sort_keys(key, n)) {
        free(key);
        return NULL;
    }
    *ret_count = n;
    return key;
}

/* Sorts RANGES and makes them disjoint, in place of the old array. */
static bool normalise(struct sc_ranges *ranges) {
    cut_at_top(ranges);
    if (is_sorted(ranges))
        return true;
    size_t n;
    struct sc_sort_key *key = sorted(ranges, &n);
    struct heap open = {0};
    struct sc_ranges out = {0};
    bool ok = key && SC_VEC_RESERVE(&out, n + 1) && flatten(ranges, key, n, &open, &out);
    free(key);
    SC_VEC_FREE(&open);
    if (!ok) {
        SC_VEC_FREE(&out);
        return false;
    }
    SC_VEC_FREE(ranges);
    *ranges = out;
    return true;
}

sc_err *sc_space_create(const sc_file *file, struct sc_ranges *own_ranges, unsigned ptr_size,
                        const atomic_bool *cancel, sc_space **ret_space) {
    sc_space *s = calloc(1, sizeof *s);
    if (!s || !normalise(own_ranges)) {
        free(s);
        SC_VEC_FREE(own_ranges);
        return sc_err_nomem();
    }
    s->file = file;
    s->range = own_ranges->item;
    s->count = own_ranges->count;
    s->ptr_size = ptr_size;
    s->cancel = cancel;
    *own_ranges = (struct sc_ranges){0};
    *ret_space = s;
    return NULL;
}

sc_err *sc_space_create_lazy(const sc_file *file, sc_space_load_fn load, void *ctx,
                             unsigned ptr_size, const atomic_bool *cancel, sc_space **ret_space) {
    struct sc_ranges none = {0};
    sc_err *err = sc_space_create(file, &none, ptr_size, cancel, ret_space);
    if (err)
        return err;
    (*ret_space)->load = load;
    (*ret_space)->load_ctx = ctx;
    return NULL;
}

/* True when the ranges are there. */
static bool loaded(sc_space *s) {
    if (!s->load)
        return true;
    struct sc_ranges ranges = {0};
    sc_err *err = s->load(s->load_ctx, &ranges);
    if (!err && !normalise(&ranges))
        err = sc_err_nomem();
    if (err) {
        SC_VEC_FREE(&ranges);
        sc_err_destroy(s->trouble);
        s->trouble = err;
        return false;
    }
    s->range = ranges.item;
    s->count = ranges.count;
    s->load = NULL;
    return true;
}

sc_err *sc_space_trouble(sc_space *space) {
    sc_err *err = space->trouble;
    space->trouble = NULL;
    return err;
}

void sc_space_destroy(sc_space *space) {
    if (!space)
        return;
    sc_err_destroy(space->trouble);
    free(space->range);
    free(space);
}

uint64_t sc_space_io_failures(const sc_space *space) { return space->io_failures; }

unsigned sc_space_ptr_size(const sc_space *space) { return space->ptr_size; }

uint64_t sc_space_canon(const sc_space *space, uint64_t addr) {
    return space->ptr_size == 4 ? addr & 0xffffffff : addr;
}

/* Index of the first range that ends at or behind ADDR; count if none. */
static size_t lower(const sc_space *s, uint64_t addr) {
    size_t lo = 0, hi = s->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->range[mid].start + (s->range[mid].size - 1) < addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool covers(const struct sc_range *r, uint64_t addr) { return addr - r->start < r->size; }

static const struct sc_range *find(sc_space *s, uint64_t addr) {
    if (s->last < s->count && covers(&s->range[s->last], addr))
        return &s->range[s->last];
    size_t i = lower(s, addr);
    if (i == s->count || !covers(&s->range[i], addr))
        return NULL;
    s->last = i;
    return &s->range[i];
}

/* Asks the fillers in turn; *GOT bytes from the first that has any. */
static enum sc_read fill(sc_space *s, uint64_t addr, void *buf, size_t len, size_t *got) {
    enum sc_read status = SC_READ_ABSENT;
    for (unsigned i = 0; i < s->nfillers; i++) {
        *got = 0;
        enum sc_read st = s->filler[i].fn(s->filler[i].ctx, addr, buf, len, got);
        if (st == SC_READ_OK && *got)
            return SC_READ_OK;
        if (st != SC_READ_OK && st != SC_READ_ABSENT)
            status = st; /* "paged out" says more than "absent" */
    }
    *got = 0;
    return status;
}

/* One piece: as many bytes as one range or filler gives. */
static enum sc_read read_piece(sc_space *s, uint64_t addr, void *buf, size_t len, size_t *got) {
    const struct sc_range *r = find(s, addr);
    *got = 0;
    if (r) {
        uint64_t skip = addr - r->start;
        if (len > r->size - skip)
            len = (size_t)(r->size - skip);
        if (!sc_file_read_some(s->file, r->offset + skip, buf, len, got))
            return SC_READ_IO;
        return *got ? SC_READ_OK : SC_READ_IO;
    }
    /* A filler must not run over bytes that the dump has. */
    size_t next = lower(s, addr);
    if (next < s->count && s->range[next].start - addr < len)
        len = (size_t)(s->range[next].start - addr);
    return fill(s, addr, buf, len, got);
}

enum sc_read sc_space_read(sc_space *space, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    size_t done = 0;
    enum sc_read status = loaded(space) ? SC_READ_OK : SC_READ_IO;
    if (status != SC_READ_OK)
        len = 0;
    while (done < len) {
        uint64_t at = addr + done;
        size_t got = 0;
        if (at < addr || (space->ptr_size == 4 && at > UINT32_MAX))
            status = SC_READ_INVALID; /* ran over the end of the address space */
        else
            status = read_piece(space, at, (char *)buf + done, len - done, &got);
        space->io_failures += status == SC_READ_IO;
        if (status != SC_READ_OK)
            break;
        done += got;
    }
    if (ret_got)
        *ret_got = done;
    return status;
}

sc_err *sc_space_need(sc_space *space, uint64_t addr, void *buf, size_t len, const char *what) {
    if (space->cancel && atomic_load(space->cancel))
        return sc_err_cancelled();
    size_t got = 0;
    enum sc_read status = sc_space_read(space, addr, buf, len, &got);
    if (status == SC_READ_OK)
        return NULL;
    if (sc_err_code(space->trouble) == SC_ERR_NOMEM)
        return sc_err_nomem(); /* the trouble stays: the caller may swallow this one */
    if (space->trouble)
        return sc_space_trouble(space);
    return sc_err_mem(addr + got, "%s: memory at 0x%" PRIx64 " is %s%s", what, addr + got,
                      sc_read_name(status),
                      status == SC_READ_ABSENT ? " (this dump does not hold it)" : "");
}

enum sc_read sc_space_uint(sc_space *space, uint64_t addr, unsigned size, uint64_t *ret_value) {
    uint8_t b[8] = {0};
    enum sc_read status = sc_space_read(space, addr, b, size <= 8 ? size : 8, NULL);
    if (status != SC_READ_OK)
        return status;
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | b[i];
    *ret_value = v;
    return SC_READ_OK;
}

enum sc_read sc_space_ptr(sc_space *space, uint64_t addr, uint64_t *ret_value) {
    return sc_space_uint(space, addr, space->ptr_size, ret_value);
}

enum sc_read sc_space_view(sc_space *space, uint64_t addr, const uint8_t **ret_data,
                           size_t *ret_len) {
    if (!loaded(space))
        return SC_READ_IO;
    const struct sc_range *r = find(space, addr);
    if (!r)
        return SC_READ_ABSENT;
    uint64_t skip = addr - r->start, len = r->size - skip;
    if (len > SIZE_MAX)
        len = SIZE_MAX;
    const uint8_t *data = sc_file_view(space->file, r->offset + skip, len);
    if (!data)
        return SC_READ_ABSENT;
    *ret_data = data;
    *ret_len = (size_t)len;
    return SC_READ_OK;
}

bool sc_space_next(sc_space *space, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size) {
    if (!loaded(space))
        return false;
    size_t i = lower(space, addr);
    if (i == space->count)
        return false;
    *ret_start = space->range[i].start;
    *ret_size = space->range[i].size;
    return true;
}

sc_err *sc_space_add_filler(sc_space *space, const char *name, sc_fill_fn fn, void *ctx) {
    if (space->nfillers == FILLERS_MAX)
        return sc_errf(SC_ERR_LIMIT, "no more than %d fillers fit on a space", FILLERS_MAX);
    space->filler[space->nfillers++] = (struct filler){name, fn, ctx};
    return NULL;
}

void sc_space_remove_filler(sc_space *space, sc_fill_fn fn, void *ctx) {
    unsigned kept = 0;
    for (unsigned i = 0; i < space->nfillers; i++)
        if (space->filler[i].fn != fn || space->filler[i].ctx != ctx)
            space->filler[kept++] = space->filler[i];
    space->nfillers = kept;
}
