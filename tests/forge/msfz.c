/* SPDX-License-Identifier: MIT */
/* MSFZ files: header, packed chunks, chunk table, stream directory. */
#include <stdlib.h>
#include <string.h>

#include "forge/msf.h"

enum { ZSTD_BLOCK = 4096, DEFLATE_BLOCK = 60000 };

/* A zstd frame of raw blocks. */
static void pack_zstd(struct forge *f, const uint8_t *data, uint32_t size) {
    forge_u32(f, 0xfd2fb528);
    forge_u8(f, 0xa0); /* the size in four bytes, one segment */
    forge_u32(f, size);
    uint32_t at = 0;
    do {
        uint32_t n = size - at < ZSTD_BLOCK ? size - at : ZSTD_BLOCK;
        uint32_t head = (at + n == size) | n << 3;
        forge_u16(f, (uint16_t)head);
        forge_u8(f, (uint8_t)(head >> 16));
        forge_put(f, data + at, n);
        at += n;
    } while (at < size);
}

/* Raw deflate of stored blocks. */
static void pack_deflate(struct forge *f, const uint8_t *data, uint32_t size) {
    uint32_t at = 0;
    do {
        uint32_t n = size - at < DEFLATE_BLOCK ? size - at : DEFLATE_BLOCK;
        forge_u8(f, at + n == size);
        forge_u16(f, (uint16_t)n);
        forge_u16(f, (uint16_t)~n);
        forge_put(f, data + at, n);
        at += n;
    } while (at < size);
}

static void pack(struct forge *f, enum forge_msf_packing packing, const uint8_t *data,
                 uint32_t size) {
    if (packing == FORGE_ZSTD)
        pack_zstd(f, data, size);
    else if (packing == FORGE_DEFLATE)
        pack_deflate(f, data, size);
    else
        forge_put(f, data, size);
}

/* One run of the bytes of all streams but PLAIN. */
static void put_all(const struct forge_msf *m, uint32_t plain, struct forge *all) {
    for (uint32_t i = 0; i < m->nstreams; i++)
        if (m->stream[i] && m->stream[i]->size && i != plain)
            forge_put(all, m->stream[i]->data, m->stream[i]->size);
}

/* The stream directory; fragments of more than one chunk run on into the next. */
static void put_directory(const struct forge_msf *m, uint32_t chunk, uint32_t plain,
                          uint64_t plain_at, struct forge *dir) {
    uint64_t at = 0;
    for (uint32_t i = 0; i < m->nstreams; i++) {
        if (!m->stream[i]) {
            forge_u32(dir, UINT32_MAX);
            continue;
        }
        uint32_t size = (uint32_t)m->stream[i]->size;
        if (size) {
            forge_u32(dir, size);
            forge_u64(dir, i == plain ? plain_at : 1ULL << 63 | (at / chunk) << 32 | at % chunk);
            at += i == plain ? 0 : size;
        }
        forge_u32(dir, 0);
    }
}

/* Packs ALL in chunks behind the header; the table of chunks goes to TABLE. */
static uint32_t put_chunks(struct forge *f, const struct forge *all, enum forge_msf_packing packing,
                           uint32_t chunk, struct forge *table) {
    uint32_t count = 0;
    for (uint64_t at = 0; at < all->size; at += chunk, count++) {
        uint32_t n = all->size - at < chunk ? (uint32_t)(all->size - at) : chunk;
        uint64_t start = forge_here(f);
        pack(f, packing, all->data + at, n);
        forge_u64(table, start);
        forge_u32(table, packing);
        forge_u32(table, (uint32_t)(forge_here(f) - start));
        forge_u32(table, n);
    }
    return count;
}

bool forge_msfz_finish(struct forge_msf *m, enum forge_msf_packing packing, uint32_t chunk,
                       uint32_t plain, struct forge_bytes *ret_file) {
    static const char magic[32] = "Microsoft MSFZ Container\r\n\x1a"
                                  "ALD\0";
    struct forge f, all, table, dir;
    forge_init(&f);
    forge_init(&all);
    forge_init(&table);
    forge_init(&dir);
    forge_put(&f, magic, sizeof magic);
    forge_fill(&f, 0, 0x50 - sizeof magic);
    put_all(m, plain, &all);
    uint32_t count = put_chunks(&f, &all, packing, chunk, &table);
    uint64_t plain_at = forge_here(&f);
    if (plain && m->stream[plain])
        forge_put(&f, m->stream[plain]->data, m->stream[plain]->size);
    put_directory(m, chunk, plain, plain_at, &dir);
    uint64_t dir_at = forge_here(&f);
    pack(&f, packing, dir.data, (uint32_t)dir.size);
    uint64_t table_at = forge_here(&f);
    forge_poke(&f, 0x28, 8, dir_at);
    forge_poke(&f, 0x30, 8, table_at);
    forge_poke(&f, 0x38, 4, m->nstreams);
    forge_poke(&f, 0x3c, 4, packing);
    forge_poke(&f, 0x40, 4, table_at - dir_at);
    forge_poke(&f, 0x44, 4, dir.size);
    forge_poke(&f, 0x48, 4, count);
    forge_poke(&f, 0x4c, 4, table.size);
    if (table.size)
        forge_put(&f, table.data, table.size);
    bool ok = forge_finish(&f, ret_file);
    forge_deinit(&f);
    forge_deinit(&all);
    forge_deinit(&table);
    forge_deinit(&dir);
    return ok;
}
