/* SPDX-License-Identifier: MIT */
/*
 * Type records by index and by name.
 *
 *     TPI (stream 2), IPI (stream 4), a header of 56 bytes:
 *       +0x00 u32 version            +0x14 u16 hash stream, u16 aux   +0x28 index offsets {off,
 * len} +0x04 u32 header size        +0x18 u32 bytes of a hash key    +0x30 adjusters {off, len}
 *       +0x08 u32 first, u32 end     +0x1c u32 buckets
 *       +0x10 u32 bytes of records   +0x20 hash values {off, len}
 *     records: u16 length (of what follows), u16 leaf, data
 *     hash stream: index offsets {u32 type index, u32 offset}, about one for every 8 KB of records;
 *                  hash values, u32 for each type: its bucket;
 *                  adjusters, a table {offset in /names, type index}: of several definitions with
 *                  that name, which one counts
 *
 * A type's bucket is the hash of its name if it is a definition, not local to a function and not
 * unnamed; of its unique name if it is local; else a CRC of the record. So definitions are found
 * through the file's table. What it cannot find (types local to functions by plain name, forward
 * references without a definition) stands in a table that is made when the first search failed.
 *
 * Learnt from pdb-rs docs/pdb/tpi_stream.md and LLVM's TpiHashing.
 */
#include <stdlib.h>

#include "pdb/leaf.h"
#include "pdb/pdb_impl.h"

enum { HEADER = 56, FIRST_TYPE = 0x1000, MAX_BUCKETS = 0x40000, INDEX_ENTRY = 8 };

/* A part of the hash stream, or nothing when there is no such stream. */
static sc_err *hash_range(struct pdb *pdb, uint32_t tpi, uint32_t stream, struct sc_cur *c,
                          struct pdb_range *ret) {
    uint32_t at = (uint32_t)c->pos, off = sc_u32(c), len = sc_u32(c);
    *ret = (struct pdb_range){stream, 0, 0};
    if (stream == PDB_NO_STREAM || sc_cur_failed(c))
        return NULL;
    if ((uint64_t)off + len > msf_size(pdb->msf, stream))
        return msf_err(pdb->msf, tpi, at, "%u bytes at 0x%x do not fit in hash stream %u", len, off,
                       stream);
    ret->offset = off;
    ret->size = len;
    return NULL;
}

static sc_err *read_header(struct pdb *pdb, struct sc_cur *c, struct pdb_tpi *t) {
    sc_u32(c);
    uint32_t header = sc_u32(c);
    t->first = sc_u32(c);
    t->end = sc_u32(c);
    t->nbytes = sc_u32(c);
    uint32_t hash = sc_u16(c);
    sc_u16(c);
    t->key_size = sc_u32(c);
    t->nbuckets = sc_u32(c);
    t->records = header;
    if (hash != PDB_NO_STREAM && !msf_has(pdb->msf, hash))
        hash = PDB_NO_STREAM;
    sc_err *err = hash_range(pdb, t->stream, hash, c, &t->hash_values);
    if (!err)
        err = hash_range(pdb, t->stream, hash, c, &t->offsets);
    if (!err)
        err = hash_range(pdb, t->stream, hash, c, &t->adjust);
    if (!err && sc_cur_failed(c))
        err = msf_cur_err(pdb->msf, t->stream, c);
    return err;
}

sc_err *pdb_open_tpi(struct pdb *pdb, uint32_t stream, struct pdb_tpi *ret) {
    struct pdb_tpi t = {.stream = stream};
    struct msf_buf buf;
    msf_buf_init(&buf);
    ret->stream = stream;
    if (msf_size(pdb->msf, stream) == 0)
        return NULL;
    sc_err *err = msf_bytes(pdb->msf, stream, 0, HEADER, &buf);
    if (err)
        return err;
    struct sc_cur c = msf_cur(&buf, 0, "type stream header");
    err = read_header(pdb, &c, &t);
    msf_buf_free(&buf);
    if (err)
        return err;
    if ((uint64_t)t.records + t.nbytes > msf_size(pdb->msf, stream) || t.records < HEADER)
        return msf_err(pdb->msf, stream, 0x10, "%u bytes of types at 0x%x do not fit", t.nbytes,
                       t.records);
    if (t.first < FIRST_TYPE || t.end < t.first || t.end - t.first > t.nbytes / 4)
        return msf_err(pdb->msf, stream, 8, "types 0x%x to 0x%x do not fit in %u bytes", t.first,
                       t.end, t.nbytes);
    if (t.hash_values.size && (t.nbuckets == 0 || t.nbuckets > MAX_BUCKETS || t.key_size != 4 ||
                               t.hash_values.size / 4 < t.end - t.first))
        return msf_err(pdb->msf, stream, 0x18, "a hash of %u buckets and %u bytes for %u types",
                       t.nbuckets, t.hash_values.size, t.end - t.first);
    *ret = t;
    return NULL;
}

void pdb_tpi_free(struct pdb_tpi *tpi) {
    free(tpi->skip);
    free(tpi->head);
    free(tpi->next);
    free(tpi->rest);
}

/* The record at OFF of the records: its length with the length field. */
static sc_err *record_len(struct pdb *pdb, const struct pdb_tpi *tpi, uint32_t off,
                          uint32_t *ret_len) {
    uint8_t b[2];
    if (off > tpi->nbytes || tpi->nbytes - off < 4)
        return msf_err(pdb->msf, tpi->stream, (uint64_t)tpi->records + off,
                       "the types end before their last index");
    sc_err *err = msf_read(pdb->msf, tpi->stream, (uint64_t)tpi->records + off, b, sizeof b);
    if (err)
        return err;
    uint32_t len = msf_le16(b) + 2u;
    if (len < 4 || len > tpi->nbytes - off)
        return msf_err(pdb->msf, tpi->stream, (uint64_t)tpi->records + off,
                       "a type record of %u bytes", len);
    *ret_len = len;
    return NULL;
}

/* The file has no table of offsets: makes one. */
static sc_err *make_skip(struct pdb *pdb, struct pdb_tpi *tpi) {
    uint32_t n = tpi->end - tpi->first, off = 0;
    uint32_t *skip = calloc(n / PDB_SKIP + 1, sizeof *skip);
    if (!skip)
        return sc_err_nomem();
    for (uint32_t i = 0; i < n; i++) {
        uint32_t len = 0;
        if (i % PDB_SKIP == 0)
            skip[i / PDB_SKIP] = off;
        sc_err *err = record_len(pdb, tpi, off, &len);
        if (err) {
            free(skip);
            return err;
        }
        off += len;
    }
    tpi->skip = skip;
    tpi->nskip = n / PDB_SKIP + 1;
    return NULL;
}

/* The last entry of the file's table of offsets at or below TI. */
static sc_err *search_offsets(struct pdb *pdb, struct pdb_tpi *tpi, uint32_t ti, uint32_t *ret_ti,
                              uint32_t *ret_off) {
    uint32_t low = 0, high = tpi->offsets.size / INDEX_ENTRY;
    *ret_ti = tpi->first;
    *ret_off = 0;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        uint8_t b[INDEX_ENTRY];
        sc_err *err = msf_read(pdb->msf, tpi->offsets.stream,
                               (uint64_t)tpi->offsets.offset + mid * INDEX_ENTRY, b, sizeof b);
        if (err)
            return err;
        uint32_t here = msf_le32(b), off = msf_le32(b + 4);
        if (here > ti) {
            high = mid;
            continue;
        }
        if (here < *ret_ti || off > tpi->nbytes)
            return msf_err(pdb->msf, tpi->offsets.stream,
                           (uint64_t)tpi->offsets.offset + mid * INDEX_ENTRY,
                           "the table of type offsets is not sorted");
        *ret_ti = here;
        *ret_off = off;
        low = mid + 1;
    }
    return NULL;
}

static sc_err *find_record(struct pdb *pdb, struct pdb_tpi *tpi, uint32_t ti, uint32_t *ret_off) {
    uint32_t at = tpi->first, off = 0, len = 0;
    sc_err *err = NULL;
    if (tpi->last_ti && ti >= tpi->last_ti && ti - tpi->last_ti < PDB_SKIP) {
        at = tpi->last_ti;
        off = tpi->last_off;
    } else if (tpi->offsets.size) {
        err = search_offsets(pdb, tpi, ti, &at, &off);
    } else {
        err = tpi->skip ? NULL : make_skip(pdb, tpi);
        if (!err) {
            uint32_t slot = (ti - tpi->first) / PDB_SKIP;
            at = tpi->first + slot * PDB_SKIP;
            off = tpi->skip[slot];
        }
    }
    for (; !err && at < ti; at++) {
        err = record_len(pdb, tpi, off, &len);
        off += len;
    }
    if (err)
        return err;
    tpi->last_ti = ti;
    tpi->last_off = off;
    *ret_off = off;
    return NULL;
}

sc_err *pdb_record(struct pdb *pdb, struct pdb_tpi *tpi, uint32_t ti, struct msf_buf *buf,
                   uint32_t *ret_off) {
    uint32_t off = 0, len = 0;
    if (ti < tpi->first || ti >= tpi->end)
        return sc_errf(SC_ERR_NOT_FOUND, "%s: stream %u: there is no type 0x%x", msf_path(pdb->msf),
                       tpi->stream, ti);
    sc_err *err = find_record(pdb, tpi, ti, &off);
    if (!err)
        err = record_len(pdb, tpi, off, &len);
    if (!err)
        err = msf_bytes(pdb->msf, tpi->stream, (uint64_t)tpi->records + off + 2, len - 2, buf);
    if (!err)
        *ret_off = tpi->records + off;
    return err;
}

sc_err *pdb_tpi_next(struct pdb *pdb, struct pdb_tpi *tpi, struct pdb_tpi_iter *iter,
                     struct msf_buf *buf, struct pdb_udt *ret, bool *ret_more) {
    for (; iter->ti < tpi->end; iter->ti++, iter->off += iter->len) {
        uint8_t b[4];
        sc_err *err = record_len(pdb, tpi, iter->off, &iter->len);
        uint64_t at = (uint64_t)tpi->records + iter->off;
        if (!err)
            err = msf_read(pdb->msf, tpi->stream, at, b, sizeof b);
        if (err)
            return err;
        if (!pdb_is_udt(msf_le16(b + 2)))
            continue;
        err = msf_bytes(pdb->msf, tpi->stream, at + 2, iter->len - 2, buf);
        if (!err && !pdb_udt_decode(buf->data, buf->len, ret))
            err = msf_err(pdb->msf, tpi->stream, at, "a type record is cut off");
        if (err)
            return err;
        iter->found = iter->ti++;
        iter->found_off = (uint32_t)at;
        iter->off += iter->len;
        *ret_more = true;
        return NULL;
    }
    *ret_more = false;
    return NULL;
}

static bool is_unnamed(const char *name, size_t len) {
    static const char *const names[] = {"<unnamed-tag>", "__unnamed"};
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(names[i]);
        if (len >= n && strcmp(name + len - n, names[i]) == 0 &&
            (len == n || (len >= n + 2 && memcmp(name + len - n - 2, "::", 2) == 0)))
            return true;
    }
    return false;
}

/* Links all types of the same bucket, the lowest first. */
static sc_err *make_chains(struct pdb *pdb, struct pdb_tpi *tpi) {
    uint32_t n = tpi->end - tpi->first, nheads = 1;
    while (nheads < n && nheads < 1u << 20)
        nheads *= 2;
    uint32_t *head = calloc(nheads, sizeof *head), *next = calloc((size_t)n + 1, sizeof *next);
    sc_err *err = head && next ? NULL : sc_err_nomem();
    for (uint32_t i = n; !err && i > 0; i--) {
        uint32_t bucket = 0;
        err = msf_u32(pdb->msf, tpi->hash_values.stream,
                      tpi->hash_values.offset + (uint64_t)(i - 1) * 4, &bucket);
        next[i - 1] = head[bucket & (nheads - 1)];
        head[bucket & (nheads - 1)] = i; /* index + 1; 0 ends a chain */
    }
    if (err) {
        free(head);
        free(next);
        return err;
    }
    tpi->head = head;
    tpi->next = next;
    tpi->nheads = nheads;
    return NULL;
}

/* What is looked for: a definition by name, or by unique name. */
struct wanted {
    const char *name;
    uint32_t len;
    bool unique;
};

static bool is_wanted(const struct pdb_udt *udt, const struct wanted *w) {
    const char *name = w->unique ? udt->unique : udt->name;
    uint32_t len = w->unique ? udt->unique_len : udt->name_len;
    return name && !(udt->prop & PDB_PROP_FORWARD) && len == w->len &&
           memcmp(name, w->name, len) == 0;
}

/* The first definition that the file's hash finds. */
static sc_err *search_hash(struct pdb *pdb, const struct wanted *w, uint32_t *ret_ti,
                           bool *ret_found) {
    struct pdb_tpi *tpi = &pdb->tpi;
    *ret_found = false;
    if (!tpi->hash_values.size)
        return NULL;
    sc_err *err = tpi->head ? NULL : make_chains(pdb, tpi);
    if (err)
        return err;
    struct msf_buf buf;
    msf_buf_init(&buf);
    uint32_t bucket = pdb_hash(w->name, w->len) % tpi->nbuckets;
    for (uint32_t i = tpi->head[bucket & (tpi->nheads - 1)]; i && !err && !*ret_found;
         i = tpi->next[i - 1]) {
        uint32_t value = 0, off;
        struct pdb_udt udt;
        err = msf_u32(pdb->msf, tpi->hash_values.stream,
                      tpi->hash_values.offset + (uint64_t)(i - 1) * 4, &value);
        if (err || value != bucket)
            continue;
        err = pdb_record(pdb, tpi, tpi->first + i - 1, &buf, &off);
        if (!err && pdb_is_udt(msf_le16(buf.data)) && pdb_udt_decode(buf.data, buf.len, &udt) &&
            is_wanted(&udt, w)) {
            *ret_ti = tpi->first + i - 1;
            *ret_found = true;
        }
    }
    msf_buf_free(&buf);
    return err;
}

/* The definition that the adjusters of the file name for NAME, if they do. */
static sc_err *adjusted(struct pdb *pdb, const char *name, uint32_t *ret_ti) {
    struct pdb_range range = pdb->tpi.adjust;
    struct msf_buf buf;
    if (!range.size || pdb->names_stream == PDB_NO_STREAM)
        return NULL;
    msf_buf_init(&buf);
    sc_err *err = msf_bytes(pdb->msf, range.stream, range.offset, range.size, &buf);
    struct sc_cur c = msf_cur(&buf, range.offset, "type hash adjusters");
    uint32_t count = err ? 0 : sc_u32(&c);
    if (!err)
        sc_u32(&c);
    for (int i = 0; i < 2 && !err; i++) {
        uint32_t words = sc_u32(&c);
        if (sc_cur_fits(&c, words, 4))
            sc_cur_skip(&c, (uint64_t)words * 4);
    }
    if (!err && !sc_cur_fits(&c, count, 8))
        err = msf_cur_err(pdb->msf, range.stream, &c);
    for (uint32_t i = 0; i < count && !err; i++) {
        uint32_t off = sc_u32(&c), ti = sc_u32(&c);
        const char *text = NULL;
        err = pdb_name_at(pdb, off, &text);
        if (!err && strcmp(text, name) == 0 && ti >= pdb->tpi.first && ti < pdb->tpi.end)
            *ret_ti = ti;
    }
    msf_buf_free(&buf);
    return err;
}

static int by_hash(const void *a, const void *b) {
    const struct pdb_name_ref *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->ti < y->ti ? -1 : x->ti > y->ti;
}

/* Counts (REST NULL) or lists the types that the file's hash does not find by name. */
static sc_err *list_rest(struct pdb *pdb, struct pdb_name_ref *rest, size_t *ret_count) {
    struct pdb_tpi *tpi = &pdb->tpi;
    struct pdb_tpi_iter iter = {.ti = tpi->first};
    struct pdb_udt udt;
    struct msf_buf buf;
    bool more = true;
    size_t n = 0;
    msf_buf_init(&buf);
    sc_err *err = NULL;
    while (!err) {
        err = pdb_tpi_next(pdb, tpi, &iter, &buf, &udt, &more);
        if (err || !more)
            break;
        bool hidden = udt.prop & (PDB_PROP_FORWARD | PDB_PROP_SCOPED) || !tpi->hash_values.size;
        if (!hidden || is_unnamed(udt.name, udt.name_len))
            continue;
        if (rest)
            rest[n] = (struct pdb_name_ref){pdb_hash(udt.name, udt.name_len), iter.found};
        n++;
    }
    msf_buf_free(&buf);
    *ret_count = n;
    return err;
}

static sc_err *make_rest(struct pdb *pdb) {
    size_t n = 0;
    sc_err *err = list_rest(pdb, NULL, &n);
    if (err)
        return err;
    struct pdb_name_ref *rest = calloc(n + 1, sizeof *rest);
    if (!rest)
        return sc_err_nomem();
    err = list_rest(pdb, rest, &n);
    if (err) {
        free(rest);
        return err;
    }
    if (n)
        qsort(rest, n, sizeof *rest, by_hash);
    pdb->tpi.rest = rest;
    pdb->tpi.nrest = n;
    pdb->tpi.rest_made = true;
    return NULL;
}

/* Searches that table: a definition, else a forward reference. */
static sc_err *search_rest(struct pdb *pdb, const struct wanted *w, uint32_t *ret_ti,
                           bool *ret_found) {
    struct pdb_tpi *tpi = &pdb->tpi;
    sc_err *err = tpi->rest_made ? NULL : make_rest(pdb);
    if (err)
        return err;
    uint32_t hash = pdb_hash(w->name, w->len);
    size_t low = 0, high = tpi->nrest;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (tpi->rest[mid].hash < hash)
            low = mid + 1;
        else
            high = mid;
    }
    struct msf_buf buf;
    msf_buf_init(&buf);
    bool defined = false;
    for (; !err && !defined && low < tpi->nrest && tpi->rest[low].hash == hash; low++) {
        uint32_t off;
        struct pdb_udt udt;
        err = pdb_record(pdb, tpi, tpi->rest[low].ti, &buf, &off);
        if (err || !pdb_udt_decode(buf.data, buf.len, &udt) || udt.name_len != w->len ||
            memcmp(udt.name, w->name, w->len) != 0)
            continue;
        defined = !(udt.prop & PDB_PROP_FORWARD);
        if (defined || !*ret_found)
            *ret_ti = tpi->rest[low].ti;
        *ret_found = true;
    }
    msf_buf_free(&buf);
    return err;
}

sc_err *pdb_type_named(struct pdb *pdb, const char *name, uint32_t *ret_ti, bool *ret_found) {
    struct wanted w = {name, (uint32_t)strnlen(name, UINT16_MAX), false};
    uint32_t ti = 0;
    bool found = false;
    if (w.len >= UINT16_MAX)
        return NULL; /* longer than any record */
    sc_err *err = search_hash(pdb, &w, &ti, &found);
    if (!err && found)
        err = adjusted(pdb, name, &ti);
    if (!err && !found)
        err = pdb_typedef(pdb, name, &ti, &found);
    if (!err && !found)
        err = search_rest(pdb, &w, &ti, &found);
    if (err)
        return err;
    *ret_found = found;
    if (found)
        *ret_ti = ti;
    return NULL;
}

sc_err *pdb_definition(struct pdb *pdb, uint32_t ti, const struct pdb_udt *udt, uint32_t *ret_ti) {
    bool found = false;
    uint32_t definition = ti;
    sc_err *err = NULL;
    /* Types local to a function are hashed by their unique name, others by their plain one. */
    for (int i = 0; i < 2 && !err && !found; i++) {
        bool unique = (i == 0) == ((udt->prop & PDB_PROP_SCOPED) != 0);
        if (unique && !udt->unique)
            continue;
        struct wanted w = {unique ? udt->unique : udt->name,
                           unique ? udt->unique_len : udt->name_len, unique};
        err = search_hash(pdb, &w, &definition, &found);
    }
    if (!err && !found && !pdb->tpi.hash_values.size) {
        struct wanted w = {udt->name, udt->name_len, false};
        err = search_rest(pdb, &w, &definition, &found);
    }
    if (!err)
        *ret_ti = definition;
    return err;
}
