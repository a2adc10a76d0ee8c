/* SPDX-License-Identifier: MIT */
/*
 * MSFZ: the streams of a PDB, compressed in chunks.
 *
 *     +0x00 magic (32 bytes)              +0x3c u32 compression of the directory
 *     +0x20 u64 version, 0                +0x40 u32 its bytes in the file
 *     +0x28 u64 offset of the directory   +0x44 u32 its bytes decompressed
 *     +0x30 u64 offset of the chunk table +0x48 u32 chunks
 *     +0x38 u32 streams                   +0x4c u32 bytes of the chunk table
 *
 *     chunk table, 20 bytes a row: u64 file offset, u32 compression, u32 bytes in the file,
 *                                  u32 bytes decompressed
 *     directory, for each stream:  0xffffffff (nil), or fragments {u32 size, u64 location} and a
 *                                  u32 0 behind the last one
 *     location: bit 63 clear: bits 0-47 are a file offset of plain bytes
 *               bit 63 set: bits 32-62 a chunk, bits 0-31 an offset in it; a fragment goes on in
 *               the next chunk of the table
 *
 * Compression: 0 none, 1 zstd, 2 raw deflate. Learnt from microsoft/pdb-rs docs/pdb/msfz.md.
 *
 * All chunks together are seen as one long run of bytes; a fragment is a place in it. A damaged
 * file could promise terabytes: a chunk has at most 64 MB, and all of them at most 256 times the
 * file (guessed bounds; real ones are 1 MB and about 5 times). At most 64 MB of decompressed
 * chunks are kept; the one not used for the longest time goes first.
 */
#include <stdlib.h>

#include "pdb/inflate.h"
#include "pdb/msf_impl.h"

enum {
    HEADER = 0x50,
    CHUNK_ROW = 20,
    FRAGMENT = 12,
    CHUNK_MAX = 64 << 20,
    CACHE_MAX = 64 << 20,
    EXPANSION_MAX = 256,
    BOUNCE = 4096,
    UNIT_SHIFT = 12
};

struct chunk {
    uint64_t offset; /* in the file */
    uint64_t start;  /* in the run of all chunks */
    uint32_t method, packed, size;
    uint8_t *data; /* NULL: not decompressed now */
    uint64_t used; /* the clock when last used */
};

struct fragment {
    uint32_t start, size; /* in the stream */
    bool packed;
    uint64_t pos; /* in the file, or in the run of all chunks */
};

struct msfz {
    uint64_t dir_offset, chunk_offset;
    uint32_t nstreams, dir_method, dir_packed, dir_size, nchunks, chunk_bytes;
    struct chunk *chunk;
    uint64_t total; /* bytes of all chunks, decompressed */
    struct fragment *fragment;
    uint32_t nfragments;
    uint32_t *first; /* of each stream, and one more: its first fragment */
    uint64_t kept, clock;
    struct pdb_inflate inflate;
    uint8_t bounce[BOUNCE]; /* plain bytes of a file that is not mapped */
};

static void destroy(void *impl) {
    struct msfz *z = impl;
    for (uint32_t i = 0; z->chunk && i < z->nchunks; i++)
        free(z->chunk[i].data);
    free(z->chunk);
    free(z->fragment);
    free(z->first);
    pdb_inflate_free(&z->inflate);
    free(z);
}

static void touch(struct msf *msf, uint64_t offset, uint64_t len) {
    for (uint64_t unit = offset >> UNIT_SHIFT; len && unit <= (offset + len - 1) >> UNIT_SHIFT;
         unit++)
        msf_touch(msf, unit);
}

/* SIZE bytes out of PACKED bytes at OFFSET of the file; *RET is the caller's to free. */
static sc_err *unpack(struct msf *msf, unsigned method, uint64_t offset, uint32_t packed,
                      uint32_t size, uint8_t **ret) {
    struct msfz *z = msf->impl;
    if (!sc_file_has(msf->file, offset, packed))
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(msf->file), offset,
                         "%u compressed bytes lie behind the end of the file", packed);
    touch(msf, offset, packed);
    uint8_t *copy = NULL, *out = malloc(size ? size : 1);
    const uint8_t *src = sc_file_view(msf->file, offset, packed);
    sc_err *err = out ? NULL : sc_err_nomem();
    if (!err && !src) {
        src = copy = malloc(packed ? packed : 1);
        err = copy ? sc_file_read(msf->file, offset, copy, packed) : sc_err_nomem();
    }
    if (!err)
        err = pdb_inflate(&z->inflate, method, src, packed, out, size);
    if (err && sc_err_code(err) == SC_ERR_FORMAT) {
        sc_err *at =
            sc_err_at(SC_ERR_FORMAT, sc_file_name(msf->file), offset, "%s", sc_err_text(err));
        sc_err_destroy(err);
        err = at;
    }
    free(copy);
    if (err)
        free(out);
    else
        *ret = out;
    return err;
}

/* Drops chunks until SIZE more bytes may be kept. */
static void make_room(struct msfz *z, uint32_t size) {
    while (z->kept && z->kept + size > CACHE_MAX) {
        struct chunk *oldest = NULL;
        for (uint32_t i = 0; i < z->nchunks; i++)
            if (z->chunk[i].data && (!oldest || z->chunk[i].used < oldest->used))
                oldest = &z->chunk[i];
        if (!oldest)
            return;
        free(oldest->data);
        oldest->data = NULL;
        z->kept -= oldest->size;
    }
}

static sc_err *chunk_data(struct msf *msf, struct chunk *chunk) {
    struct msfz *z = msf->impl;
    chunk->used = ++z->clock;
    if (chunk->data)
        return NULL;
    make_room(z, chunk->size);
    sc_err *err =
        unpack(msf, chunk->method, chunk->offset, chunk->packed, chunk->size, &chunk->data);
    if (!err)
        z->kept += chunk->size;
    return err;
}

/* The last element of a sorted table that starts at or below POS: both tables start at 0. */
static uint32_t chunk_at(const struct msfz *z, uint64_t pos) {
    uint32_t low = 0, high = z->nchunks;
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (z->chunk[mid].start <= pos)
            low = mid;
        else
            high = mid;
    }
    return low;
}

static const struct fragment *fragment_at(const struct msfz *z, uint32_t stream, uint32_t offset) {
    uint32_t low = z->first[stream], high = z->first[stream + 1];
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (z->fragment[mid].start <= offset)
            low = mid;
        else
            high = mid;
    }
    return &z->fragment[low];
}

static sc_err *plain_piece(struct msf *msf, uint64_t pos, uint64_t len, const uint8_t **ret_data,
                           uint32_t *ret_len) {
    struct msfz *z = msf->impl;
    const uint8_t *data = sc_file_view(msf->file, pos, len);
    if (!data) {
        if (len > BOUNCE)
            len = BOUNCE;
        sc_err *err = sc_file_read(msf->file, pos, z->bounce, (size_t)len);
        if (err)
            return err;
        data = z->bounce;
    }
    touch(msf, pos, len);
    *ret_data = data;
    *ret_len = (uint32_t)len;
    return NULL;
}

static sc_err *piece(struct msf *msf, uint32_t stream, uint32_t offset, uint32_t want,
                     const uint8_t **ret_data, uint32_t *ret_len) {
    struct msfz *z = msf->impl;
    const struct fragment *f = fragment_at(z, stream, offset);
    uint32_t in = offset - f->start;
    uint64_t have = f->size - in < want ? f->size - in : want, pos = f->pos + in;
    if (!f->packed)
        return plain_piece(msf, pos, have, ret_data, ret_len);
    struct chunk *chunk = &z->chunk[chunk_at(z, pos)];
    uint64_t at = pos - chunk->start;
    sc_err *err = chunk_data(msf, chunk);
    if (err)
        return err;
    *ret_data = chunk->data + at;
    *ret_len = (uint32_t)(have < chunk->size - at ? have : chunk->size - at);
    return NULL;
}

static const struct msf_ops ops = {.piece = piece, .destroy = destroy, .stable = false};

static sc_err *read_header(struct msf *msf, struct msfz *z) {
    struct sc_cur c = sc_cur_at(msf->file, 0x20, HEADER - 0x20, "MSFZ header");
    uint64_t version = sc_u64(&c);
    z->dir_offset = sc_u64(&c);
    z->chunk_offset = sc_u64(&c);
    z->nstreams = sc_u32(&c);
    z->dir_method = sc_u32(&c);
    z->dir_packed = sc_u32(&c);
    z->dir_size = sc_u32(&c);
    uint32_t nchunks = sc_u32(&c);
    z->chunk_bytes = sc_u32(&c);
    if (sc_cur_failed(&c))
        return sc_cur_err(&c);
    if (version != 0)
        return sc_err_at(SC_ERR_UNSUPPORTED, sc_file_name(msf->file), 0x20,
                         "MSFZ version %llu is not known", (unsigned long long)version);
    if ((uint64_t)nchunks * CHUNK_ROW > z->chunk_bytes ||
        !sc_file_has(msf->file, z->chunk_offset, z->chunk_bytes))
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(msf->file), 0x48,
                         "%u chunks do not fit in their table", nchunks);
    if (z->dir_size > EXPANSION_MAX * sc_file_size(msf->file) || z->nstreams > z->dir_size / 4)
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(msf->file), 0x38,
                         "%u streams in a directory of %u bytes are not possible", z->nstreams,
                         z->dir_size);
    z->chunk = calloc((size_t)nchunks + 1, sizeof *z->chunk);
    z->nchunks = z->chunk ? nchunks : 0;
    return z->chunk ? NULL : sc_err_nomem();
}

static sc_err *read_chunks(struct msf *msf, struct msfz *z) {
    struct sc_cur c = sc_cur_at(msf->file, z->chunk_offset, z->chunk_bytes, "chunk table");
    touch(msf, z->chunk_offset, (uint64_t)z->nchunks * CHUNK_ROW);
    for (uint32_t i = 0; i < z->nchunks; i++) {
        struct chunk *chunk = &z->chunk[i];
        uint64_t at = c.pos;
        chunk->offset = sc_u64(&c);
        chunk->method = sc_u32(&c);
        chunk->packed = sc_u32(&c);
        chunk->size = sc_u32(&c);
        chunk->start = z->total;
        z->total += chunk->size;
        if (!sc_cur_failed(&c) && chunk->size > CHUNK_MAX)
            return sc_err_at(SC_ERR_LIMIT, sc_file_name(msf->file), at,
                             "chunk %u has %u bytes; at most 64 MB are read", i, chunk->size);
    }
    if (sc_cur_failed(&c))
        return sc_cur_err(&c);
    if (z->total > EXPANSION_MAX * sc_file_size(msf->file))
        return sc_err_at(SC_ERR_LIMIT, sc_file_name(msf->file), z->chunk_offset,
                         "the chunks promise %llu bytes, more than %d times the file",
                         (unsigned long long)z->total, EXPANSION_MAX);
    return NULL;
}

/* Fills in where F lies; false when it is neither in the file nor in the chunks. */
static bool place(const struct msf *msf, const struct msfz *z, uint64_t location,
                  struct fragment *f) {
    if (location >> 63 == 0) {
        f->pos = location & 0xffffffffffffULL;
        return sc_file_has(msf->file, f->pos, f->size);
    }
    uint32_t chunk = (uint32_t)(location >> 32) & 0x7fffffff;
    f->packed = true;
    if (chunk >= z->nchunks)
        return false;
    f->pos = z->chunk[chunk].start + (uint32_t)location;
    return f->pos <= z->total && f->size <= z->total - f->pos;
}

/* The fragments of one stream, on which the cursor stands. */
static sc_err *read_stream(struct msf *msf, struct msfz *z, struct sc_cur *c, uint32_t stream) {
    uint64_t size = 0;
    uint32_t len = sc_u32(c);
    if (len == MSF_NIL) {
        msf->size[stream] = MSF_NIL;
        return NULL;
    }
    for (; len != 0 && !sc_cur_failed(c); len = sc_u32(c)) {
        struct fragment *f = &z->fragment[z->nfragments++]; /* room: see read_directory() */
        f->start = (uint32_t)size;
        f->size = len;
        if (!place(msf, z, sc_u64(c), f) && !sc_cur_failed(c))
            return msf_err(msf, stream, size, "a fragment of %u bytes lies outside the file", len);
        size += len;
        if (size > z->total + sc_file_size(msf->file) || size >= MSF_NIL)
            return msf_err(msf, stream, size, "the stream is longer than all there is");
    }
    msf->size[stream] = (uint32_t)size;
    return sc_cur_failed(c) ? sc_cur_err(c) : NULL;
}

static sc_err *read_directory(struct msf *msf, struct msfz *z, const uint8_t *dir) {
    z->fragment = calloc(z->dir_size / FRAGMENT + 1, sizeof *z->fragment);
    z->first = calloc((size_t)z->nstreams + 1, sizeof *z->first);
    msf->size = calloc((size_t)z->nstreams + 1, sizeof *msf->size);
    if (!z->fragment || !z->first || !msf->size)
        return sc_err_nomem();
    struct sc_cur c = sc_cur_mem(dir, z->dir_size, "stream directory");
    uint64_t total = 0;
    for (uint32_t i = 0; i < z->nstreams; i++) {
        z->first[i] = z->nfragments;
        sc_err *err = read_stream(msf, z, &c, i);
        if (err)
            return err;
        if (i > 0 && msf->size[i] != MSF_NIL)
            total += msf->size[i];
        if (total > z->total + sc_file_size(msf->file))
            return msf_err(msf, i, 0, "the streams together are longer than all there is");
    }
    z->first[z->nstreams] = z->nfragments;
    msf->nstreams = z->nstreams;
    if (z->nstreams)
        msf->size[0] = MSF_NIL; /* the directory of an earlier save */
    return NULL;
}

sc_err *msfz_open(struct msf *msf) {
    struct msfz *z = calloc(1, sizeof *z);
    if (!z)
        return sc_err_nomem();
    msf->ops = &ops;
    msf->impl = z;
    sc_err *err = msf_count_pages(msf, (sc_file_size(msf->file) >> UNIT_SHIFT) + 1);
    if (err)
        return err;
    touch(msf, 0, HEADER);
    err = read_header(msf, z);
    if (!err)
        err = read_chunks(msf, z);
    if (err)
        return err;
    uint8_t *dir = NULL;
    err = unpack(msf, z->dir_method, z->dir_offset, z->dir_packed, z->dir_size, &dir);
    if (err)
        return err;
    err = read_directory(msf, z, dir);
    free(dir);
    return err;
}
