/* SPDX-License-Identifier: MIT */
/*
 * Physical memory as sorted, disjoint runs over file offsets.
 *
 * Joining runs whose addresses and offsets both go on keeps a list short that names every page by
 * itself.
 */
#include "dump/runs.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/sort.h"
#include "base/vec.h"

struct runs {
    const sc_file *file;
    struct sc_range *item; /* sorted, disjoint, inside the file */
    size_t count;
    size_t last; /* where the last hit was: reads cluster */
};

/* What was wrong with a list: how often, and the first case of it. */
struct oddity {
    uint64_t count, bytes, address, offset;
};
struct oddities {
    struct oddity empty, wraps, behind, overlaps;
};

static void saw(struct oddity *odd, const struct sc_range *run, uint64_t bytes, uint64_t offset) {
    if (!odd->count++) {
        odd->address = run->start;
        odd->offset = offset;
    }
    odd->bytes += bytes;
}

/* Cuts RUN to what the address space and the file have; false: nothing is left. */
static bool cut(struct sc_range *run, uint64_t file_size, struct oddities *odd) {
    if (!run->size) {
        saw(&odd->empty, run, 0, run->offset);
        return false;
    }
    if (run->size - 1 > UINT64_MAX - run->start) {
        uint64_t kept = UINT64_MAX - run->start + 1;
        saw(&odd->wraps, run, run->size - kept, run->offset);
        run->size = kept;
    }
    uint64_t there = run->offset < file_size ? file_size - run->offset : 0;
    if (run->size > there) {
        saw(&odd->behind, run, run->size - there, run->offset + there);
        run->size = there;
    }
    return run->size;
}

/* Cuts every run; those with nothing left are taken out. */
static void cut_all(struct sc_ranges *runs, uint64_t file_size, struct oddities *odd) {
    size_t n = 0;
    for (size_t i = 0; i < runs->count; i++) {
        struct sc_range run = runs->item[i];
        if (cut(&run, file_size, odd))
            runs->item[n++] = run;
    }
    runs->count = n;
}

static bool sort_by_start(struct sc_ranges *runs) {
    bool sorted = true;
    for (size_t i = 1; i < runs->count && sorted; i++)
        sorted = runs->item[i - 1].start <= runs->item[i].start;
    if (sorted)
        return true;
    struct sc_sort_key *key = calloc(runs->count, sizeof *key);
    struct sc_range *item = calloc(runs->count, sizeof *item);
    for (size_t i = 0; key && i < runs->count; i++)
        key[i] = (struct sc_sort_key){runs->item[i].start, i};
    if (!key || !item || !sc_sort_keys(key, runs->count)) {
        free(key);
        free(item);
        return false;
    }
    for (size_t i = 0; i < runs->count; i++)
        item[i] = runs->item[key[i].index];
    free(key);
    free(runs->item);
    runs->item = item;
    runs->room = runs->count;
    return true;
}

/*
 * Takes what the run before has off the front of RUN; false: nothing is left. That a list names the
 * same bytes of the file twice is nothing odd: ELF cores with virtual addresses do.
 */
static bool take_off(const struct sc_range *before, struct sc_range *run, struct oddities *odd) {
    uint64_t last = before->start + (before->size - 1); /* inclusive: it may end at 2^64 */
    if (run->start > last)
        return true;
    bool same = before->offset - before->start == run->offset - run->start;
    uint64_t shared = last - run->start + 1;
    bool all = !shared || shared >= run->size;
    if (!same)
        saw(&odd->overlaps, run, all ? run->size : shared, run->offset);
    if (all)
        return false;
    run->start += shared;
    run->offset += shared;
    run->size -= shared;
    return true;
}

/* Of sorted runs: disjoint ones, joined where they go on. */
static void make_disjoint(struct sc_ranges *runs, struct oddities *odd) {
    size_t n = 0;
    for (size_t i = 0; i < runs->count; i++) {
        struct sc_range run = runs->item[i], *before = n ? &runs->item[n - 1] : NULL;
        if (before && !take_off(before, &run, odd))
            continue;
        if (before && before->start + before->size == run.start &&
            before->offset + before->size == run.offset)
            before->size += run.size;
        else
            runs->item[n++] = run;
    }
    runs->count = n;
}

static void note(struct sc_source *s, const struct oddity *odd, const char *what) {
    if (odd->count)
        sc_source_note(s, odd->offset,
                       "%" PRIu64 " run%s of physical memory %s, the first at 0x%" PRIx64
                       ": 0x%" PRIx64 " bytes are left out",
                       odd->count, odd->count == 1 ? "" : "s", what, odd->address, odd->bytes);
}

static void note_all(struct sc_source *s, const sc_file *file, const struct oddities *odd) {
    note(s, &odd->empty, "without a page");
    note(s, &odd->wraps, "beyond the top of the address space");
    note(s, &odd->behind,
         file == s->file ? "behind the end of the file (it was cut short)"
                         : "behind the end of the memory file (it was cut short)");
    note(s, &odd->overlaps, "over memory that another one holds");
}

/* Index of the first run that ends behind ADDR; count if none. */
static size_t lower(const struct runs *r, uint64_t addr) {
    size_t lo = 0, hi = r->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->item[mid].start + (r->item[mid].size - 1) < addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool covers(const struct sc_range *run, uint64_t addr) {
    return addr - run->start < run->size;
}

static const struct sc_range *find(struct runs *r, uint64_t addr) {
    if (r->last < r->count && covers(&r->item[r->last], addr))
        return &r->item[r->last];
    size_t i = lower(r, addr);
    if (i == r->count || !covers(&r->item[i], addr))
        return NULL;
    r->last = i;
    return &r->item[i];
}

static enum sc_read runs_read(void *impl, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    struct runs *r = impl;
    const struct sc_range *run = find(r, addr);
    *ret_got = 0;
    if (!run)
        return SC_READ_ABSENT;
    uint64_t skip = addr - run->start;
    if (len > run->size - skip)
        len = (size_t)(run->size - skip);
    if (!sc_file_read_some(r->file, run->offset + skip, buf, len, ret_got) || !*ret_got) {
        *ret_got = 0;
        return SC_READ_IO;
    }
    return SC_READ_OK;
}

static enum sc_read runs_view(void *impl, uint64_t addr, const uint8_t **ret_data,
                              size_t *ret_len) {
    struct runs *r = impl;
    const struct sc_range *run = find(r, addr);
    if (!run)
        return SC_READ_ABSENT;
    uint64_t skip = addr - run->start, len = run->size - skip;
    if (len > SIZE_MAX)
        len = SIZE_MAX;
    const uint8_t *data = sc_file_view(r->file, run->offset + skip, len);
    if (!data)
        return SC_READ_ABSENT;
    *ret_data = data;
    *ret_len = (size_t)len;
    return SC_READ_OK;
}

static bool runs_next(void *impl, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size) {
    struct runs *r = impl;
    size_t i = lower(r, addr);
    if (i == r->count)
        return false;
    *ret_start = r->item[i].start;
    *ret_size = r->item[i].size;
    return true;
}

static bool runs_offset(void *impl, uint64_t addr, uint64_t *ret_offset) {
    const struct sc_range *run = find(impl, addr);
    if (!run)
        return false;
    *ret_offset = run->offset + (addr - run->start);
    return true;
}

static void runs_destroy(void *impl) {
    struct runs *r = impl;
    if (r)
        free(r->item);
    free(r);
}

static const struct sc_pages_ops runs_ops = {
    .name = "runs",
    .read = runs_read,
    .view = runs_view,
    .next = runs_next,
    .offset = runs_offset,
    .destroy = runs_destroy,
};

sc_err *sc_runs_pages_of(struct sc_source *source, const sc_file *file, struct sc_ranges *own_runs,
                         struct sc_pages *ret_pages) {
    struct oddities odd = {0};
    struct runs *r = calloc(1, sizeof *r);
    cut_all(own_runs, sc_file_size(file), &odd);
    if (!r || !sort_by_start(own_runs)) {
        free(r);
        SC_VEC_FREE(own_runs);
        return sc_err_nomem();
    }
    make_disjoint(own_runs, &odd);
    note_all(source, file, &odd);
    r->file = file;
    r->item = own_runs->item;
    r->count = own_runs->count;
    *own_runs = (struct sc_ranges){0};
    *ret_pages = (struct sc_pages){&runs_ops, r};
    return NULL;
}

sc_err *sc_runs_pages(struct sc_source *source, struct sc_ranges *own_runs,
                      struct sc_pages *ret_pages) {
    return sc_runs_pages_of(source, source->file, own_runs, ret_pages);
}
