/* SPDX-License-Identifier: MIT */
/*
 * Global and public symbols by name, through the hash tables of the file.
 *
 *     GSI stream (globals): a hash table
 *     PSI stream (publics): u32 bytes of the hash table, u32 bytes of the address table,
 *                           u32 thunks, u32 thunk size, u16 + u16, u32, u32 (28 bytes);
 *                           the hash table; the address table: u32 record offsets by address
 *
 *     hash table: u32 -1, u32 0xf12f091a, u32 bytes of records, u32 bytes of buckets
 *                 records {i32 offset of the symbol record + 1, i32 references}
 *                 bitmap of (buckets + 32) / 32 words: which buckets are in use
 *                 u32 for each bucket in use: index of its first record × 12 (their size in the
 *                 memory of the program that defined the format)
 *
 * 4096 buckets, or 0x3ffff with MinimalDebugInfo. Within a bucket, Microsoft's writers and LLVM's
 * sort by length, then without case: a binary search finds a name with few records read. A
 * bucket sorted in another way is searched from end to end when that finds nothing, so that no
 * name is missed.
 */
#include <stdlib.h>

#include "base/sort.h"
#include "base/utf.h"
#include "base/vec.h"
#include "pdb/pdb_impl.h"

#define GSI_VERSION 0xf12f091au

enum {
    GSI_HEADER = 16,
    PSI_HEADER = 28,
    HASH_RECORD = 8,
    INDEX_SCALE = 12,
    BUCKETS = 4096,
    BUCKETS_MINIMAL = 0x3ffff,
};

struct offsets {
    uint32_t *item;
    size_t count, room;
};

static uint32_t total_buckets(const struct pdb *pdb) {
    return pdb->minimal ? BUCKETS_MINIMAL : BUCKETS;
}

/* Takes the hash table at [BASE, BASE + SIZE) of STREAM. */
static sc_err *open_table(struct pdb *pdb, uint32_t stream, uint32_t base, uint32_t size,
                          struct pdb_gsi *ret) {
    struct msf_buf buf;
    msf_buf_init(&buf);
    if (size == 0)
        return NULL;
    sc_err *err = msf_bytes(pdb->msf, stream, base, GSI_HEADER, &buf);
    if (err)
        return err;
    struct sc_cur c = msf_cur(&buf, base, "hash table header");
    uint32_t mark = sc_u32(&c), version = sc_u32(&c), nrec = sc_u32(&c), nbucket = sc_u32(&c);
    msf_buf_free(&buf);
    if (mark != UINT32_MAX || version != GSI_VERSION)
        return msf_err(pdb->msf, stream, base, "0x%x 0x%x is not the mark of a hash table", mark,
                       version);
    uint32_t bitmap = (total_buckets(pdb) + 32) / 32 * 4;
    if (nrec == 0 && nbucket == 0)
        return NULL;
    if ((uint64_t)nrec + nbucket + GSI_HEADER > size || nrec % HASH_RECORD || nbucket < bitmap)
        return msf_err(pdb->msf, stream, base,
                       "%u bytes of records and %u of buckets do not fit in %u", nrec, nbucket,
                       size);
    *ret = (struct pdb_gsi){.stream = stream,
                            .records = base + GSI_HEADER,
                            .nrecords = nrec / HASH_RECORD,
                            .bitmap = base + GSI_HEADER + nrec,
                            .buckets = base + GSI_HEADER + nrec + bitmap,
                            .nbuckets = (nbucket - bitmap) / 4};
    return NULL;
}

static sc_err *open_publics(struct pdb *pdb, uint32_t stream) {
    uint8_t b[8];
    sc_err *err = msf_read(pdb->msf, stream, 0, b, sizeof b);
    if (err)
        return err;
    uint32_t names = msf_le32(b), addresses = msf_le32(b + 4), size = msf_size(pdb->msf, stream);
    if ((uint64_t)names + addresses + PSI_HEADER > size)
        return msf_err(pdb->msf, stream, 0,
                       "%u bytes of names and %u of addresses do not fit in %u", names, addresses,
                       size);
    pdb->addresses = (struct pdb_range){stream, PSI_HEADER + names, addresses};
    return open_table(pdb, stream, PSI_HEADER, names, &pdb->publics);
}

sc_err *pdb_open_gsi(struct pdb *pdb, uint32_t globals, uint32_t publics) {
    sc_err *err = NULL;
    if (!msf_has(pdb->msf, pdb->records))
        return NULL;
    if (globals != PDB_NO_STREAM && msf_size(pdb->msf, globals))
        err = open_table(pdb, globals, 0, msf_size(pdb->msf, globals), &pdb->globals);
    if (!err && publics != PDB_NO_STREAM && msf_size(pdb->msf, publics))
        err = open_publics(pdb, publics);
    return err;
}

/* Where the record of hash record INDEX stands. */
static sc_err *record_offset(struct pdb *pdb, const struct pdb_gsi *gsi, uint32_t index,
                             uint32_t *ret_off) {
    uint32_t at = gsi->records + index * HASH_RECORD, off = 0;
    sc_err *err = msf_u32(pdb->msf, gsi->stream, at, &off);
    if (!err && (off == 0 || off > msf_size(pdb->msf, pdb->records)))
        err = msf_err(pdb->msf, gsi->stream, at, "record %u is at 0x%x, outside of stream %u",
                      index, off, pdb->records);
    if (!err)
        *ret_off = off - 1;
    return err;
}

/* The hash records [start, end) of the bucket that NAME belongs to. */
static sc_err *bucket_of(struct pdb *pdb, const struct pdb_gsi *gsi, const char *name,
                         uint32_t *ret_start, uint32_t *ret_end) {
    uint32_t bucket = pdb_hash(name, strlen(name)) % total_buckets(pdb), rank = 0;
    *ret_start = *ret_end = 0;
    if (gsi->stream == PDB_NO_STREAM || gsi->nrecords == 0)
        return NULL;
    struct msf_buf buf;
    msf_buf_init(&buf);
    uint32_t words = bucket / 32;
    sc_err *err = msf_bytes(pdb->msf, gsi->stream, gsi->bitmap, (words + 1) * 4, &buf);
    if (err)
        return err;
    for (uint32_t i = 0; i < words; i++)
        rank += (uint32_t)__builtin_popcount(msf_le32(buf.data + i * 4));
    uint32_t word = msf_le32(buf.data + words * 4), bit = 1u << (bucket & 31);
    rank += (uint32_t)__builtin_popcount(word & (bit - 1));
    msf_buf_free(&buf);
    if (!(word & bit))
        return NULL;
    uint32_t at = gsi->buckets + rank * 4, start = 0, end = gsi->nrecords * INDEX_SCALE;
    if (rank >= gsi->nbuckets)
        return msf_err(pdb->msf, gsi->stream, gsi->bitmap + words * 4,
                       "the bitmap has more buckets than the %u there are", gsi->nbuckets);
    err = msf_u32(pdb->msf, gsi->stream, at, &start);
    if (!err && rank + 1 < gsi->nbuckets)
        err = msf_u32(pdb->msf, gsi->stream, at + 4, &end);
    if (err)
        return err;
    start /= INDEX_SCALE;
    end /= INDEX_SCALE;
    if (start > end || end > gsi->nrecords)
        return msf_err(pdb->msf, gsi->stream, at, "a bucket has the records %u to %u of %u", start,
                       end, gsi->nrecords);
    *ret_start = start;
    *ret_end = end;
    return NULL;
}

/* The order within a bucket: shorter first, then without case (by bytes unless both are ASCII). */
static int bucket_compare(const char *a, size_t alen, const char *b, size_t blen) {
    if (alen != blen)
        return alen < blen ? -1 : 1;
    for (size_t i = 0; i < alen; i++)
        if ((a[i] | b[i]) & 0x80)
            return memcmp(a, b, alen);
    return sc_strncasecmp(a, b, alen);
}

/* A search in one bucket. */
struct chain {
    struct pdb *pdb;
    const struct pdb_gsi *gsi;
    const char *name;
    size_t len;
    struct msf_buf buf;
    struct offsets *hits; /* offsets of records that have the name, in any case */
};

/* How NAME compares to the name of hash record INDEX. */
static sc_err *compare_at(struct chain *c, uint32_t index, int *ret_order, uint32_t *ret_off) {
    struct pdb_sym sym;
    sc_err *err = record_offset(c->pdb, c->gsi, index, ret_off);
    if (!err)
        err = pdb_symbol_at(c->pdb, c->pdb->records, *ret_off, &c->buf, &sym);
    if (!err)
        *ret_order = bucket_compare(c->name, c->len, sym.name ? sym.name : "", sym.name_len);
    return err;
}

/* Adds the hits among [start, end); with SORTED stops at the first that is none. */
static sc_err *collect(struct chain *c, uint32_t start, uint32_t end, bool sorted) {
    for (uint32_t i = start; i < end; i++) {
        int order = 0;
        uint32_t off = 0;
        sc_err *err = compare_at(c, i, &order, &off);
        if (err)
            return err;
        if (order == 0) {
            uint32_t *hit = SC_VEC_PUSH(c->hits);
            if (!hit)
                return sc_err_nomem();
            *hit = off;
        } else if (sorted) {
            break;
        }
    }
    return NULL;
}

static sc_err *search_chain(struct chain *c, uint32_t start, uint32_t end) {
    uint32_t low = start, high = end;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2, off;
        int order = 0;
        sc_err *err = compare_at(c, mid, &order, &off);
        if (err)
            return err;
        if (order > 0)
            low = mid + 1;
        else
            high = mid;
    }
    sc_err *err = collect(c, low, end, true);
    if (!err && c->hits->count == 0)
        err = collect(c, start, end, false);
    return err;
}

/* All records named NAME, in any case. HITS is the caller's to free, also after an error. */
static sc_err *named(struct pdb *pdb, const struct pdb_gsi *gsi, const char *name,
                     struct offsets *hits) {
    struct chain c = {.pdb = pdb, .gsi = gsi, .name = name, .len = strlen(name), .hits = hits};
    msf_buf_init(&c.buf);
    uint32_t start = 0, end = 0;
    sc_err *err = bucket_of(pdb, gsi, name, &start, &end);
    if (!err)
        err = search_chain(&c, start, end);
    msf_buf_free(&c.buf);
    return err;
}

/* Follows a S_PROCREF to the procedure; *RET_OK false when its compiland was stripped. */
static sc_err *follow(struct pdb *pdb, const struct pdb_sym *ref, struct sc_symbol *ret,
                      bool *ret_ok) {
    *ret_ok = false;
    sc_err *err = pdb_load_modules(pdb);
    if (err || ref->module == 0 || ref->module > pdb->nmodules)
        return err;
    const struct pdb_module *module = &pdb->module[ref->module - 1];
    if (!msf_has(pdb->msf, module->stream) || ref->sym_off >= module->sym_bytes)
        return NULL;
    struct msf_buf buf;
    struct pdb_sym sym;
    msf_buf_init(&buf);
    err = pdb_symbol_at(pdb, module->stream, ref->sym_off, &buf, &sym);
    if (!err && !pdb_is_proc(sym.kind) && sym.kind != S_THUNK32)
        err = msf_err(pdb->msf, module->stream, ref->sym_off,
                      "a reference leads to a record of kind 0x%x, no procedure", sym.kind);
    if (!err)
        err = pdb_fill(pdb, module->stream, ref->sym_off, &sym, NULL, ret, ret_ok);
    if (!err && *ret_ok)
        ret->compiland = ref->module;
    msf_buf_free(&buf);
    return err;
}

/* SYM of the global stream as the vtable's symbol. */
static sc_err *fill_global(struct pdb *pdb, uint32_t off, const struct pdb_sym *sym,
                           struct sc_symbol *ret, bool *ret_ok) {
    if (sym->kind == S_PROCREF || sym->kind == S_LPROCREF)
        return follow(pdb, sym, ret, ret_ok);
    return pdb_fill(pdb, pdb->records, off, sym, NULL, ret, ret_ok);
}

/* What says more comes first. */
static int rank(const struct sc_symbol *s, bool exact) {
    int r = exact ? 10 : 0;
    switch (s->kind) {
    case SC_SYM_FUNCTION: return r + 5;
    case SC_SYM_DATA: return r + 4;
    case SC_SYM_THREAD: return r + 3;
    case SC_SYM_PUBLIC: return r + 2;
    default: return r + 1;
    }
}

/* The best symbol named NAME in a table, if it is better than *BEST (a rank; 0 = none yet). */
static sc_err *find_in(struct pdb *pdb, const struct pdb_gsi *gsi, const char *name, bool nocase,
                       struct sc_symbol *ret, int *best) {
    struct offsets hits = {0};
    struct msf_buf buf;
    msf_buf_init(&buf);
    sc_err *err = named(pdb, gsi, name, &hits);
    for (size_t i = 0; i < hits.count && !err; i++) {
        struct pdb_sym sym;
        struct sc_symbol s;
        bool ok = false;
        err = pdb_symbol_at(pdb, pdb->records, hits.item[i], &buf, &sym);
        bool exact = !err && sym.name && strcmp(sym.name, name) == 0;
        if (err || (!exact && !nocase))
            continue;
        err = fill_global(pdb, hits.item[i], &sym, &s, &ok);
        if (!err && ok && rank(&s, exact) > *best) {
            *best = rank(&s, exact);
            *ret = s;
        }
    }
    msf_buf_free(&buf);
    free(hits.item);
    return err;
}

sc_err *pdb_find(struct pdb *pdb, const char *name, bool nocase, struct sc_symbol *ret,
                 bool *ret_found) {
    /* Decorated C++ names are public symbols only. */
    bool decorated = name[0] == '?';
    const struct pdb_gsi *order[2] = {decorated ? &pdb->publics : &pdb->globals,
                                      decorated ? &pdb->globals : &pdb->publics};
    struct sc_symbol s = {0};
    int best = 0;
    sc_err *err = find_in(pdb, order[0], name, nocase, &s, &best);
    if (!err && best < (decorated ? rank(&(struct sc_symbol){.kind = SC_SYM_PUBLIC}, true)
                                  : rank(&(struct sc_symbol){.kind = SC_SYM_THREAD}, true)))
        err = find_in(pdb, order[1], name, nocase, &s, &best);
    if (err)
        return err;
    *ret_found = best > 0;
    if (best)
        *ret = s;
    return NULL;
}

sc_err *pdb_typedef(struct pdb *pdb, const char *name, uint32_t *ret_type, bool *ret_found) {
    struct offsets hits = {0};
    struct msf_buf buf;
    msf_buf_init(&buf);
    sc_err *err = named(pdb, &pdb->globals, name, &hits);
    for (size_t i = 0; i < hits.count && !err && !*ret_found; i++) {
        struct pdb_sym sym;
        err = pdb_symbol_at(pdb, pdb->records, hits.item[i], &buf, &sym);
        if (!err && sym.kind == S_UDT && strcmp(sym.name, name) == 0) {
            *ret_type = sym.type;
            *ret_found = true;
        }
    }
    msf_buf_free(&buf);
    free(hits.item);
    return err;
}

sc_err *pdb_gsi_offsets(struct pdb *pdb, const struct pdb_gsi *gsi, uint32_t **ret,
                        size_t *ret_count) {
    size_t n = gsi->stream == PDB_NO_STREAM ? 0 : gsi->nrecords, count = 0;
    struct sc_sort_key *key = malloc((n + 1) * sizeof *key);
    uint32_t *item = calloc(n + 1, sizeof *item);
    sc_err *err = key && item ? NULL : sc_err_nomem();
    for (uint32_t i = 0; i < n && !err; i++) {
        uint32_t off = 0;
        err = record_offset(pdb, gsi, i, &off);
        key[i] = (struct sc_sort_key){off, i};
    }
    if (!err && !sc_sort_keys(key, n))
        err = sc_err_nomem();
    for (size_t i = 0; i < n && !err; i++) /* a record twice in the table is one symbol */
        if (i == 0 || key[i].key != key[i - 1].key)
            item[count++] = (uint32_t)key[i].key;
    free(key);
    if (err) {
        free(item);
        return err;
    }
    *ret = item;
    *ret_count = count;
    return NULL;
}

/* One record of a walk over a table. */
static sc_err *visit(struct pdb *pdb, uint32_t off, const char *pattern, unsigned kinds,
                     struct msf_buf *buf, sc_symbol_fn fn, void *ctx, bool *ret_stop) {
    struct pdb_sym sym;
    struct sc_symbol s;
    bool ok = false;
    sc_err *err = pdb_symbol_at(pdb, pdb->records, off, buf, &sym);
    if (err || !(pdb_kind(sym.kind) & kinds) || !sym.name)
        return err;
    if (pattern && !sc_wild_match(pattern, sym.name))
        return NULL;
    err = fill_global(pdb, off, &sym, &s, &ok);
    if (!err && ok && (s.kind & kinds))
        *ret_stop = !fn(ctx, &s);
    return err;
}

static sc_err *each_in(struct pdb *pdb, const struct pdb_gsi *gsi, const char *pattern,
                       unsigned kinds, sc_symbol_fn fn, void *ctx, bool *ret_stop) {
    struct offsets hits = {0};
    struct msf_buf buf;
    msf_buf_init(&buf);
    /* A name without wildcards goes through the hash table. */
    bool plain = pattern && !strpbrk(pattern, "*?[#");
    sc_err *err = plain ? named(pdb, gsi, pattern, &hits)
                        : pdb_gsi_offsets(pdb, gsi, &hits.item, &hits.count);
    for (size_t i = 0; i < hits.count && !err && !*ret_stop; i++)
        err = visit(pdb, hits.item[i], plain ? NULL : pattern, kinds, &buf, fn, ctx, ret_stop);
    msf_buf_free(&buf);
    free(hits.item);
    return err;
}

sc_err *pdb_each_global(struct pdb *pdb, const char *pattern, unsigned kinds, sc_symbol_fn fn,
                        void *ctx, bool *ret_stop) {
    enum { GLOBAL = SC_SYM_FUNCTION | SC_SYM_DATA | SC_SYM_THREAD | SC_SYM_CONSTANT };
    sc_err *err = NULL;
    if (kinds & GLOBAL)
        err = each_in(pdb, &pdb->globals, pattern, kinds & GLOBAL, fn, ctx, ret_stop);
    if (!err && !*ret_stop && kinds & SC_SYM_PUBLIC)
        err = each_in(pdb, &pdb->publics, pattern, SC_SYM_PUBLIC, fn, ctx, ret_stop);
    return err;
}
