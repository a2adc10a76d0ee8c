/* SPDX-License-Identifier: MIT */
/*
 * Reading the pool manager's tables of tags.
 *
 *   nt!PoolTrackTable, nt!PoolTrackTableSize   POOL_TRACKER_TABLE[]: a hash table, Key 0 is free
 *   nt!ExPoolTagTables[]                       the table of each processor, as long as the first
 *   nt!PoolTrackTableExpansion, …Size          of all processors: tags that found no room
 *   nt!ExpSessionPoolTrackTable, …Size         the session's, until Windows 10
 *
 * Entries: Key, and for nonpaged and paged pool Allocs, Frees and Bytes. Allocs and Frees have 32
 * bits until build 15063 and 64 since 16299, which their distance shows; Bytes is as wide as a
 * pointer. The order of the members differs: it is asked for by name.
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts); that a tag's
 * numbers are the sums over processors is in the documentation of poolmon and in volatility3.
 */
#include "nt/pooltrack.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/vec.h"
#include "nt/global.h"

enum { CHUNK = 64 << 10, PAGE = 4096, ENTRY_MAX = 256, PROCESSORS_MAX = 2048 };
enum { ENTRIES_MAX = 1 << 23 }; /* of all tables */

enum field { KEY, NP_ALLOCS, NP_FREES, NP_BYTES, P_ALLOCS, P_FREES, P_BYTES, FIELDS };
static const struct sc_layout_field rows[FIELDS] = {
    [KEY] = {"Key", 4, false},
    [NP_ALLOCS] = {"NonPagedAllocs", 4, false},
    [NP_FREES] = {"NonPagedFrees", 4, false},
    [NP_BYTES] = {"NonPagedBytes", 4, false},
    [P_ALLOCS] = {"PagedAllocs", 4, false},
    [P_FREES] = {"PagedFrees", 4, false},
    [P_BYTES] = {"PagedBytes", 4, false},
};
static const struct sc_layout_def def = {"nt!_POOL_TRACKER_TABLE", rows, FIELDS};

struct reader {
    const struct nt *nt;
    uint32_t at[FIELDS];
    uint32_t entry;    /* bytes */
    unsigned count, w; /* bytes of a counter, of a number of bytes */
    struct {
        struct nt_tag_use *item;
        size_t count, room;
    } tags;
    struct sc_map index; /* of a tag in `tags` */
    /* Where in `tags` what lay at this place of the table before is, and 1: processors' tables have
     * a tag at the same place. */
    uint32_t *hint;
    size_t nhints;
    uint8_t *chunk;
    uint64_t entries; /* looked at so far */
    struct nt_pooltrack *track;
};

/* ---- the layout ---- */

/* Bytes of field I, now that the counters' width is known. */
static unsigned width(const struct reader *r, unsigned i) {
    return i == KEY ? 4 : i == NP_BYTES || i == P_BYTES ? r->w : r->count;
}

static sc_err *bind(struct reader *r) {
    const sc_layout *layout;
    sc_err *err = sc_layout_book_get(r->nt->book, &def, &layout);
    if (err)
        return err;
    uint64_t size = sc_layout_size(layout);
    for (unsigned i = 0; i < FIELDS; i++)
        r->at[i] = (uint32_t)sc_layout_offset(layout, i);
    r->entry = (uint32_t)size;
    r->count = r->at[NP_FREES] - r->at[NP_ALLOCS];
    r->w = r->nt->ptr_size;
    bool fits = size && size <= ENTRY_MAX && (r->count == 4 || r->count == 8);
    for (unsigned i = 0; fits && i < FIELDS; i++)
        fits = sc_layout_offset(layout, i) + width(r, i) <= size;
    if (!fits)
        return sc_errf(SC_ERR_FORMAT, "nt!_POOL_TRACKER_TABLE is laid out as no build has it");
    r->track->assumed = sc_layout_assumed(layout);
    return NULL;
}

static inline uint64_t low(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t number(const uint8_t *p, unsigned size) {
    return size == 8 ? low(p) | low(p + 4) << 32 : low(p);
}

/* ---- entries ---- */

static struct nt_tag_use *use_of(struct reader *r, uint32_t tag, size_t place) {
    uint64_t index;
    uint32_t hint = place < r->nhints ? r->hint[place] : 0;
    if (hint && r->tags.item[hint - 1].tag == tag)
        return &r->tags.item[hint - 1];
    if (sc_map_get_number(&r->index, tag, &index))
        return &r->tags.item[index];
    struct nt_tag_use *use = SC_VEC_PUSH(&r->tags);
    if (!use || !sc_map_put_number(&r->index, tag, r->tags.count - 1))
        return NULL;
    use->tag = tag;
    if (place < r->nhints)
        r->hint[place] = (uint32_t)r->tags.count;
    return use;
}

static inline void add(const struct reader *r, const uint8_t *entry, enum field first,
                       struct nt_pooluse *use) {
    use->allocs += number(entry + r->at[first], r->count);
    use->frees += number(entry + r->at[first + 1], r->count);
    use->bytes = (int64_t)((uint64_t)use->bytes + number(entry + r->at[first + 2], r->w));
}

static sc_err *take_entry(struct reader *r, const uint8_t *entry, size_t place) {
    uint32_t key = (uint32_t)number(entry + r->at[KEY], 4);
    if (!key)
        return NULL;
    struct nt_tag_use *use = use_of(r, key & 0x7fffffff, place);
    if (!use)
        return sc_err_nomem();
    add(r, entry, NP_ALLOCS, &use->nonpaged);
    add(r, entry, P_ALLOCS, &use->paged);
    return NULL;
}

/* From entry PLACE at AT on, COUNT at most: as many as lie in the buffer and in the dump. */
static sc_err *take_chunk(struct reader *r, uint64_t at, size_t place, uint64_t count,
                          uint64_t *ret_taken) {
    size_t got = 0;
    uint64_t want = count * r->entry < CHUNK ? count * r->entry : CHUNK;
    sc_space_read(r->nt->space, at, r->chunk, (size_t)want, &got);
    sc_err *err = NULL;
    uint64_t n = got / r->entry;
    for (uint64_t i = 0; !err && i < n; i++)
        err = take_entry(r, r->chunk + i * r->entry, place + (size_t)i);
    *ret_taken = n;
    return err;
}

/*
 * Entries from AT on that have a byte in the page of which AT's entry lacks one; at least one, in
 * the last page of all memory too.
 */
static uint64_t entries_to_skip(const struct reader *r, uint64_t at) {
    uint64_t page = at & ~(uint64_t)(PAGE - 1);
    uint8_t byte;
    if (sc_space_read(r->nt->space, at, &byte, 1, NULL) == SC_READ_OK)
        page += PAGE; /* it begins in a page that is there, and ends in one that is not */
    return (page + PAGE - at + r->entry - 1) / r->entry;
}

static sc_err *take_table(struct reader *r, uint64_t table, uint64_t size) {
    sc_err *err = NULL;
    uint64_t taken, torn = 0;
    r->entries += size;
    if (r->entries > ENTRIES_MAX)
        return sc_errf(SC_ERR_LIMIT, "the pool's tables of tags have more than %d entries",
                       ENTRIES_MAX);
    for (uint64_t i = 0; !err && i < size; i += taken) {
        if (sc_target_cancelled(r->nt->target))
            return sc_err_cancelled();
        uint64_t at = nt_add(r->nt, table, i * r->entry);
        err = take_chunk(r, at, (size_t)i, size - i, &taken);
        if (err || taken)
            continue;
        taken = entries_to_skip(r, at);
        torn += taken < size - i ? taken : size - i;
    }
    if (torn == size)
        r->track->missing++;
    else
        r->track->tables++;
    r->track->torn += torn == size ? 0 : torn;
    return err;
}

/* ---- tables ---- */

static sc_err *lacked(const char *symbol, enum nt_state state) {
    char buf[NT_LACKED];
    return sc_errf(SC_ERR_NOT_FOUND, "the tags of the pool cannot be counted without %s",
                   nt_var_lacked(symbol, state, buf));
}

/* A pointer to a table and its length, by the names of both. */
static sc_err *find_table(const struct nt *nt, const struct nt_var *var, const char *size_symbol,
                          uint64_t *ret_table, uint64_t *ret_size) {
    struct nt_field table, size;
    sc_err *err = nt_var_read(nt, var, 0, &table);
    if (!err)
        err = nt_var_named(nt, size_symbol, 0, &size);
    if (err)
        return err;
    if (table.state != NT_READ)
        return lacked(var->symbol, table.state);
    if (size.state != NT_READ)
        return lacked(size_symbol, size.state);
    if (size.value > NT_POOLTRACK_MAX)
        return sc_errf(SC_ERR_LIMIT, "%s says %llu entries: more than a table of tags can have",
                       size_symbol, (unsigned long long)size.value);
    *ret_table = table.value;
    *ret_size = size.value;
    return NULL;
}

/* The processors' tables; *RET_FOUND false when the symbols or the dump do not say where. */
static sc_err *take_processors(struct reader *r, uint64_t first, uint64_t size, bool *ret_found) {
    const struct nt *nt = r->nt;
    struct nt_field at;
    uint32_t ncpus = sc_target_machine(nt->target)->ncpus;
    sc_err *err = nt_var_address(nt, &(struct nt_var){"nt!ExPoolTagTables", 0}, &at);
    *ret_found = false;
    if (err || at.state != NT_READ)
        return err;
    for (uint32_t i = 0; !err && i < ncpus && i < PROCESSORS_MAX; i++) {
        struct nt_field table = nt_pointer(nt, nt_add(nt, at.value, (uint64_t)i * nt->ptr_size));
        if (i == 0 && (table.state != NT_READ || !table.value))
            return NULL;
        if (table.state != NT_READ)
            r->track->missing++;
        else if (table.value && (i == 0 || table.value != first))
            err = take_table(r, table.value, size);
    }
    *ret_found = true;
    return err;
}

static sc_err *take_expansion(struct reader *r) {
    static const struct nt_var expansion = {"nt!PoolTrackTableExpansion", 0};
    uint64_t table, size;
    sc_err *err = find_table(r->nt, &expansion, "nt!PoolTrackTableExpansionSize", &table, &size);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || (!err && (!table || !size)))
        return NULL;
    return err ? err : take_table(r, table, size);
}

static sc_err *take_system(struct reader *r) {
    static const struct nt_var first = {"nt!PoolTrackTable", 0x1b8};
    uint64_t table, size;
    bool found = false;
    sc_err *err = find_table(r->nt, &first, "nt!PoolTrackTableSize", &table, &size);
    if (err)
        return err;
    if (!table || !size)
        return sc_errf(SC_ERR_NOT_FOUND, "nt!PoolTrackTable is empty: pool tagging is not enabled");
    r->hint = calloc((size_t)size, sizeof *r->hint);
    r->nhints = r->hint ? (size_t)size : 0;
    err = r->hint ? take_processors(r, table, size, &found) : sc_err_nomem();
    if (!err && !found) {
        r->track->one_table = sc_target_machine(r->nt->target)->ncpus > 1;
        err = take_table(r, table, size);
    }
    return err ? err : take_expansion(r);
}

static sc_err *take_session(struct reader *r) {
    static const struct nt_var session = {"nt!ExpSessionPoolTrackTable", 0};
    uint64_t table, size;
    sc_err *err = find_table(r->nt, &session, "nt!ExpSessionPoolTrackTableSize", &table, &size);
    if (!err && (!table || !size))
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!ExpSessionPoolTrackTable is empty");
    return err ? err : take_table(r, table, size);
}

/* ---- the whole ---- */

/* The counters' width decides what a difference means. */
static void settle(const struct reader *r, struct nt_pooluse *use) {
    if (r->count == 4) {
        use->allocs = (uint32_t)use->allocs;
        use->frees = (uint32_t)use->frees;
        use->used = (int32_t)(use->allocs - use->frees);
    } else {
        use->used = (int64_t)(use->allocs - use->frees);
    }
    if (r->w == 4)
        use->bytes = (uint32_t)use->bytes;
}

sc_err *nt_pooltrack_read(const struct nt *nt, enum nt_pooltrack_of of, struct nt_pooltrack *ret) {
    struct nt_pooltrack track = {0};
    struct reader r = {.nt = nt, .track = &track};
    sc_err *err = bind(&r);
    r.chunk = err ? NULL : malloc(CHUNK);
    if (!err && !r.chunk)
        err = sc_err_nomem();
    if (!err)
        err = of == NT_POOLTRACK_SESSION ? take_session(&r) : take_system(&r);
    if (!err && !track.tables)
        err = sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the pool's tables of tags");
    for (size_t i = 0; i < r.tags.count; i++) {
        settle(&r, &r.tags.item[i].nonpaged);
        settle(&r, &r.tags.item[i].paged);
    }
    free(r.chunk);
    free(r.hint);
    sc_map_free(&r.index);
    if (err) {
        SC_VEC_FREE(&r.tags);
        return err;
    }
    track.tag = r.tags.item;
    track.ntags = r.tags.count;
    *ret = track;
    return NULL;
}

void nt_pooltrack_deinit(struct nt_pooltrack *track) {
    free(track->tag);
    *track = (struct nt_pooltrack){0};
}
