/* SPDX-License-Identifier: MIT */
/* The tables of a PDB: names by hash, addresses, type streams, compilands, headers. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "forge/pdb.h"

enum { BUCKETS = 4096, BUCKETS_MINIMAL = 0x3ffff, TYPE_BUCKETS = 0x3ffff };

/* Written from its description alone: XOR of words, then the rest, then folding. */
uint32_t forge_hash_v1(const char *name, size_t len) {
    const unsigned char *p = (const unsigned char *)name;
    uint32_t h = 0;
    size_t i = 0;
    for (; i + 4 <= len; i += 4)
        h ^= (uint32_t)p[i] | (uint32_t)p[i + 1] << 8 | (uint32_t)p[i + 2] << 16 |
             (uint32_t)p[i + 3] << 24;
    if (i + 2 <= len) {
        h ^= (uint32_t)p[i] | (uint32_t)p[i + 1] << 8;
        i += 2;
    }
    if (i < len)
        h ^= p[i];
    h |= 0x20202020;
    h ^= h >> 11;
    h ^= h >> 16;
    return h;
}

static int by_bucket(const void *a, const void *b) {
    const struct forge_pdb_symbol *x = a, *y = b;
    if (x->bucket != y->bucket)
        return x->bucket < y->bucket ? -1 : 1;
    size_t xl = strlen(x->name), yl = strlen(y->name);
    if (xl != yl)
        return xl < yl ? -1 : 1;
    int order = strcasecmp(x->name, y->name);
    return order ? order : x->off < y->off ? -1 : x->off > y->off;
}

static int by_address(const void *a, const void *b) {
    const struct forge_pdb_symbol *x = a, *y = b;
    if (x->seg != y->seg)
        return x->seg < y->seg ? -1 : 1;
    if (x->addr != y->addr)
        return x->addr < y->addr ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* A hash table of names; returns its size. */
static uint32_t put_table(struct forge_pdb *p, struct forge *f, struct forge_pdb_symbols *s) {
    uint32_t nbuckets = p->minimal ? BUCKETS_MINIMAL : BUCKETS, words = (nbuckets + 32) / 32;
    uint64_t start = forge_here(f);
    struct forge heads;
    forge_init(&heads);
    for (size_t i = 0; i < s->count; i++)
        s->item[i].bucket = forge_hash_v1(s->item[i].name, strlen(s->item[i].name)) % nbuckets;
    if (s->count)
        qsort(s->item, s->count, sizeof *s->item, by_bucket);
    forge_u32(f, UINT32_MAX);
    forge_u32(f, 0xf12f091a);
    forge_u32(f, (uint32_t)s->count * 8);
    forge_u32(f, 0);
    for (size_t i = 0; i < s->count; i++) {
        forge_u32(f, s->item[i].off + 1);
        forge_u32(f, 1);
    }
    uint64_t bitmap = forge_here(f);
    if (s->count == 0) { /* then readers expect no bitmap either */
        forge_deinit(&heads);
        return (uint32_t)(forge_here(f) - start);
    }
    forge_fill(f, 0, words * 4);
    for (size_t i = 0; i < s->count; i++) {
        uint32_t bucket = s->item[i].bucket;
        if (i > 0 && s->item[i - 1].bucket == bucket)
            continue;
        f->data[bitmap + bucket / 8] |= (uint8_t)(1 << bucket % 8);
        forge_u32(&heads, (uint32_t)i * 12);
    }
    if (heads.size)
        forge_put(f, heads.data, heads.size);
    forge_poke(f, start + 12, 4, words * 4 + heads.size);
    forge_deinit(&heads);
    return (uint32_t)(forge_here(f) - start);
}

static void put_publics(struct forge_pdb *p) {
    struct forge *f = forge_msf_stream(&p->msf, FORGE_PDB_PUBLICS);
    forge_fill(f, 0, 28);
    uint32_t names = put_table(p, f, &p->publics);
    if (p->publics.count)
        qsort(p->publics.item, p->publics.count, sizeof *p->publics.item, by_address);
    for (size_t i = 0; i < p->publics.count; i++)
        forge_u32(f, p->publics.item[i].off);
    forge_poke(f, 0, 4, names);
    forge_poke(f, 4, 4, p->publics.count * 4);
}

static void put_types(struct forge_pdb *p, struct forge_pdb_types *t, uint32_t stream,
                      uint32_t hash) {
    struct forge *f = forge_msf_stream(&p->msf, stream), *h = forge_msf_stream(&p->msf, hash);
    uint32_t hashes = p->no_hash ? 0 : (uint32_t)t->hashes.size;
    uint32_t offsets = p->no_offsets ? 0 : (uint32_t)t->offsets.size;
    struct forge_fields head =
        forge_fields("444442244444444", 20040203u, 56u, 0x1000u, 0x1000u + t->count,
                     (unsigned)t->records.size, hash, 0xffffu, 4u, (unsigned)TYPE_BUCKETS, 0u,
                     hashes, hashes, offsets, hashes + offsets, 0u);
    forge_put(f, head.data, head.size);
    if (t->records.size)
        forge_put(f, t->records.data, t->records.size);
    if (hashes)
        forge_put(h, t->hashes.data, hashes);
    if (offsets)
        forge_put(h, t->offsets.data, offsets);
}

/* The first contribution of compiland INDEX, as its record repeats it; or that of none. */
static void put_first_contrib(const struct forge_pdb *p, size_t index, struct forge *dbi) {
    enum { SIZE = 28, MODULE = 16 };
    for (size_t at = 4; at + SIZE <= p->contribs.size; at += SIZE) {
        const uint8_t *c = p->contribs.data + at;
        if ((c[MODULE] | c[MODULE + 1] << 8) == (int)index) {
            forge_put(dbi, c, SIZE);
            return;
        }
    }
    struct forge_fields none =
        forge_fields("2244422", 0xffffu, 0u, 0u, UINT32_MAX, 0u, (unsigned)index, 0u);
    forge_put(dbi, none.data, none.size);
    forge_u64(dbi, 0);
}

/* Symbols, then C13 lines, then the empty list of references. */
static void put_modules(struct forge_pdb *p, struct forge *dbi) {
    for (size_t i = 0; i < p->nmodules; i++) {
        struct forge_pdb_module *m = &p->module[i];
        struct forge *f = forge_msf_stream(&p->msf, m->stream);
        m->sym_bytes = (uint32_t)f->size;
        if (m->c13.size)
            forge_put(f, m->c13.data, m->c13.size);
        forge_u32(f, 0);
        forge_fill(dbi, 0, 4);
        put_first_contrib(p, i, dbi);
        forge_u16(dbi, 0);
        forge_u16(dbi, (uint16_t)m->stream);
        forge_u32(dbi, m->sym_bytes);
        forge_u32(dbi, 0);
        forge_u32(dbi, (uint32_t)m->c13.size);
        forge_u16(dbi, (uint16_t)m->nfiles);
        forge_fill(dbi, 0, 14);
        forge_put(dbi, m->name, strlen(m->name) + 1);
        forge_put(dbi, m->name, strlen(m->name) + 1);
        forge_align(dbi, 4);
    }
}

/* Segments as the linker numbers them: 20 bytes each, the last for absolute symbols. */
static void put_section_map(struct forge_pdb *p, struct forge *f) {
    enum { HEADER = 40, IS_32BIT = 8, IS_SELECTOR = 0x100, IS_ABSOLUTE = 0x200 };
    struct forge *sections = forge_msf_stream(&p->msf, p->slot[p->slot[10] != 0xffff ? 10 : 5]);
    unsigned n = (unsigned)(sections->size / HEADER);
    uint64_t start = forge_here(f);
    forge_u16(f, (uint16_t)(n + 1));
    forge_u16(f, (uint16_t)(n + 1));
    for (unsigned i = 0; i <= n; i++) {
        const uint8_t *header = i < n ? sections->data + (size_t)i * HEADER : NULL;
        unsigned access = header ? header[39] >> 4 : 0; /* 2 execute, 4 read, 8 write */
        unsigned flags = IS_32BIT | (header ? IS_SELECTOR | access >> 2 | (access & 2) << 1
                                            : (unsigned)IS_ABSOLUTE);
        uint32_t size = UINT32_MAX;
        if (header)
            size = header[8] | (uint32_t)header[9] << 8 | (uint32_t)header[10] << 16 |
                   (uint32_t)header[11] << 24;
        struct forge_fields e =
            forge_fields("22222244", flags, 0u, 0u, i + 1, 0xffffu, 0xffffu, 0u, size);
        forge_put(f, e.data, e.size);
    }
    forge_poke(f, 32, 4, forge_here(f) - start);
}

/* The sources of each compiland: their names' offsets behind the counts, the names at the end. */
static void put_sources(struct forge_pdb *p, struct forge *f) {
    uint64_t start = forge_here(f);
    uint32_t total = 0;
    for (size_t i = 0; i < p->nmodules; i++)
        total += p->module[i].nfiles;
    forge_u16(f, (uint16_t)p->nmodules);
    forge_u16(f, (uint16_t)total);
    for (size_t i = 0, first = 0; i < p->nmodules; first += p->module[i++].nfiles)
        forge_u16(f, (uint16_t)first);
    for (size_t i = 0; i < p->nmodules; i++)
        forge_u16(f, (uint16_t)p->module[i].nfiles);
    uint64_t offsets = forge_here(f), names = offsets + 4 * (uint64_t)total;
    forge_fill(f, 0, 4 * (size_t)total);
    for (size_t i = 0; i < p->nmodules; i++) {
        const struct forge *files = &p->module[i].files;
        for (size_t at = 0; at < files->size;) {
            size_t len = strlen((const char *)files->data + at) + 1;
            forge_poke(f, offsets, 4, forge_here(f) - names);
            forge_put(f, files->data + at, len);
            offsets += 4;
            at += len;
        }
    }
    forge_align(f, 4);
    forge_poke(f, 36, 4, forge_here(f) - start);
}

static void put_dbi(struct forge_pdb *p) {
    struct forge *f = forge_msf_stream(&p->msf, FORGE_PDB_DBI);
    struct forge_fields head =
        forge_fields("444222222", 0xffffffffu, 19990903u, p->dbi_age, (unsigned)FORGE_PDB_GLOBALS,
                     0x8e00u, (unsigned)FORGE_PDB_PUBLICS, 0u, (unsigned)FORGE_PDB_RECORDS, 0u);
    forge_put(f, head.data, head.size);
    forge_pad_to(f, 56);
    forge_u16(f, p->flags);
    forge_u16(f, p->machine);
    forge_u32(f, 0);
    put_modules(p, f);
    forge_poke(f, 24, 4, forge_here(f) - 64);
    forge_put(f, p->contribs.data, p->contribs.size);
    forge_poke(f, 28, 4, p->contribs.size);
    put_section_map(p, f);
    put_sources(p, f);
    static const uint32_t no_names[] = {0xeffeeffe, 1, 4}; /* edit and continue: "" alone */
    for (size_t i = 0; i < 3; i++)
        forge_u32(f, no_names[i]);
    forge_fill(f, 0, 12);
    forge_poke(f, 52, 4, 24);
    for (int i = 0; i < 11; i++)
        forge_u16(f, (uint16_t)p->slot[i]);
    forge_poke(f, 48, 4, 22);
}

/* Strings, then a hash table of their offsets with linear probing (0: empty), and their number. */
static void put_names(struct forge_pdb *p) {
    struct forge *f = forge_msf_stream(&p->msf, FORGE_PDB_NAMES);
    const char *names = (const char *)p->names.data;
    uint32_t count = 0;
    for (size_t i = 1; i < p->names.size; i += strlen(names + i) + 1)
        count++;
    uint32_t nbuckets = count * 2 + 1;
    forge_u32(f, 0xeffeeffe);
    forge_u32(f, 1);
    forge_u32(f, (uint32_t)p->names.size);
    forge_put(f, p->names.data, p->names.size);
    forge_u32(f, nbuckets);
    uint32_t *bucket = calloc(nbuckets, sizeof *bucket);
    if (!bucket)
        abort();
    for (size_t i = 1; i < p->names.size; i += strlen(names + i) + 1) {
        uint32_t at = forge_hash_v1(names + i, strlen(names + i)) % nbuckets;
        while (bucket[at])
            at = (at + 1) % nbuckets;
        bucket[at] = (uint32_t)i;
    }
    for (uint32_t i = 0; i < nbuckets; i++)
        forge_u32(f, bucket[i]);
    free(bucket);
    forge_u32(f, count);
}

/* The named streams: a hash table with linear probing, of which only used slots are written. */
static void put_named(struct forge_pdb *p, struct forge *f) {
    enum { SLOTS = 32 }; /* one word of bitmap, enough for tests */
    const uint8_t *values = p->named_values.data, *entry[SLOTS] = {NULL};
    uint32_t used = 0;
    if (p->nnamed > SLOTS / 2)
        abort();
    for (uint32_t i = 0; i < p->nnamed; i++) {
        const uint8_t *e = values + (size_t)i * 8;
        const char *name = (const char *)p->named_keys.data + (e[0] | e[1] << 8);
        uint32_t slot = (uint16_t)forge_hash_v1(name, strlen(name)) % SLOTS;
        while (entry[slot])
            slot = (slot + 1) % SLOTS;
        entry[slot] = e;
        used |= 1u << slot;
    }
    forge_u32(f, (uint32_t)p->named_keys.size);
    forge_put(f, p->named_keys.data, p->named_keys.size);
    forge_u32(f, p->nnamed);
    forge_u32(f, SLOTS);
    forge_u32(f, 1);
    forge_u32(f, used);
    forge_u32(f, 0);
    for (int i = 0; i < SLOTS; i++)
        if (entry[i])
            forge_put(f, entry[i], 8);
}

static void put_info(struct forge_pdb *p) {
    struct forge *f = forge_msf_stream(&p->msf, FORGE_PDB_INFO);
    forge_u32(&p->named_values, (uint32_t)p->named_keys.size);
    forge_u32(&p->named_values, FORGE_PDB_NAMES);
    forge_put(&p->named_keys, "/names", 7);
    p->nnamed++;
    struct forge_fields head = forge_fields("444", 20000404u, p->signature, p->age);
    forge_put(f, head.data, head.size);
    forge_put(f, p->guid, sizeof p->guid);
    put_named(p, f);
    forge_u32(f, 0);
    forge_u32(f, 20140508);
    if (p->minimal)
        forge_u32(f, 0x494e494d);
}

/*
 * Stream 0: the directory that was replaced by the file's own. Microsoft's linker leaves that of
 * its first commit, of five streams (sizes, then pages); some readers want the stream to be there.
 */
static void put_old_directory(struct forge_pdb *p) {
    struct forge_fields dir =
        forge_fields("4444444444", 5u, 0x20u, 0x3cu, 0x38u, 0xffffffffu, 0x38u, 6u, 5u, 3u, 4u);
    forge_put(forge_msf_stream(&p->msf, 0), dir.data, dir.size);
}

void forge_pdb_close(struct forge_pdb *p) {
    put_old_directory(p);
    put_table(p, forge_msf_stream(&p->msf, FORGE_PDB_GLOBALS), &p->globals);
    put_publics(p);
    put_types(p, &p->tpi, FORGE_PDB_TPI, FORGE_PDB_TPI_HASH);
    put_types(p, &p->ipi, FORGE_PDB_IPI, FORGE_PDB_IPI_HASH);
    put_dbi(p);
    put_names(p);
    put_info(p);
}
