/* SPDX-License-Identifier: MIT */
/* What goes into a PDB; pdb_close.c makes its tables. */
#include "forge/pdb.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    S_PUB32 = 0x110e,
    S_PROCREF = 0x1125,
    S_LPROCREF = 0x1127,
    FIRST_TYPE = 0x1000,
    OFFSETS_EVERY = 8192
};

static void *room(void *item, size_t *room_, size_t count, size_t size) {
    if (count < *room_)
        return item;
    *room_ = *room_ ? *room_ * 2 : 16;
    item = realloc(item, *room_ * size);
    if (!item)
        abort();
    return item;
}

struct forge_fields forge_fields(const char *widths, ...) {
    struct forge_fields f = {.size = 0};
    va_list ap;
    va_start(ap, widths);
    for (; *widths; widths++) {
        uint64_t v = va_arg(ap, unsigned);
        for (int i = 0; i < *widths - '0'; i++)
            f.data[f.size++] = (uint8_t)(i < 8 ? v >> 8 * i : 0);
    }
    va_end(ap);
    return f;
}

void forge_pdb_init(struct forge_pdb *p, uint16_t machine, uint32_t page_size) {
    memset(p, 0, sizeof *p);
    forge_msf_init(&p->msf, page_size);
    p->machine = machine;
    p->age = p->dbi_age = 1;
    p->signature = 0x5f000001;
    static const uint8_t guid[16] = {0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 0x88, 0x77,
                                     0x99, 0xaa, 0xbb, 0xc0, 0xdd, 0xee, 0xff, 0x00};
    memcpy(p->guid, guid, sizeof guid);
    for (int i = 0; i < 11; i++)
        p->slot[i] = 0xffff;
    for (uint32_t i = FORGE_PDB_INFO; i < FORGE_PDB_FIRST_FREE; i++)
        forge_msf_stream(&p->msf, i);
    p->slot[5] = FORGE_PDB_SECTIONS;
    struct forge *const all[] = {&p->contribs,    &p->names,      &p->named_keys,  &p->named_values,
                                 &p->tpi.records, &p->tpi.hashes, &p->tpi.offsets, &p->ipi.records,
                                 &p->ipi.hashes,  &p->ipi.offsets};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        forge_init(all[i]);
    forge_u8(&p->names, 0);
    forge_u32(&p->contribs, 0xf12eba2d);
}

static void free_symbols(struct forge_pdb_symbols *s) {
    for (size_t i = 0; i < s->count; i++)
        free(s->item[i].name);
    free(s->item);
}

void forge_pdb_deinit(struct forge_pdb *p) {
    struct forge *const all[] = {&p->contribs,    &p->names,      &p->named_keys,  &p->named_values,
                                 &p->tpi.records, &p->tpi.hashes, &p->tpi.offsets, &p->ipi.records,
                                 &p->ipi.hashes,  &p->ipi.offsets};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        forge_deinit(all[i]);
    for (size_t i = 0; i < p->nmodules; i++) {
        forge_deinit(&p->module[i].c13);
        forge_deinit(&p->module[i].files);
    }
    free(p->module);
    free_symbols(&p->globals);
    free_symbols(&p->publics);
    forge_msf_deinit(&p->msf);
}

void forge_pdb_section_header(struct forge *f, const char *name, uint32_t va, uint32_t size,
                              uint32_t flags) {
    char text[8] = "";
    memcpy(text, name, strlen(name) < sizeof text ? strlen(name) : sizeof text);
    forge_put(f, text, sizeof text);
    forge_u32(f, size);
    forge_u32(f, va);
    forge_fill(f, 0, 20);
    forge_u32(f, flags);
}

void forge_pdb_section(struct forge_pdb *p, uint32_t va, uint32_t size, uint32_t flags) {
    struct forge *f = forge_msf_stream(&p->msf, FORGE_PDB_SECTIONS);
    forge_pdb_section_header(f, ".made", va, size, flags);
}

struct forge *forge_pdb_slot(struct forge_pdb *p, unsigned slot) {
    if (p->slot[slot] == 0xffff)
        p->slot[slot] = forge_msf_add(&p->msf);
    return forge_msf_stream(&p->msf, p->slot[slot]);
}

struct forge *forge_pdb_named(struct forge_pdb *p, const char *name) {
    uint32_t stream = forge_msf_add(&p->msf);
    forge_u32(&p->named_values, (uint32_t)p->named_keys.size);
    forge_u32(&p->named_values, stream);
    forge_put(&p->named_keys, name, strlen(name) + 1);
    p->nnamed++;
    return forge_msf_stream(&p->msf, stream);
}

uint32_t forge_pdb_name(struct forge_pdb *p, const char *text) {
    const char *names = (const char *)p->names.data;
    for (size_t i = 0; i < p->names.size; i += strlen(names + i) + 1)
        if (strcmp(names + i, text) == 0)
            return (uint32_t)i;
    uint32_t at = (uint32_t)p->names.size;
    forge_put(&p->names, text, strlen(text) + 1);
    return at;
}

/* A record into a stream: length, kind, fields, name, padding to 4. */
static uint32_t put_record(struct forge *f, uint16_t kind, const void *fields, size_t size,
                           const char *name) {
    uint32_t at = (uint32_t)forge_here(f);
    forge_u16(f, 0);
    forge_u16(f, kind);
    forge_put(f, fields, size);
    if (name)
        forge_put(f, name, strlen(name) + 1);
    forge_align(f, 4);
    forge_poke(f, at, 2, forge_here(f) - at - 2);
    return at;
}

static struct forge_pdb_symbol *add_symbol(struct forge_pdb_symbols *s, uint32_t off,
                                           const char *name) {
    s->item = room(s->item, &s->room, s->count, sizeof *s->item);
    struct forge_pdb_symbol *item = &s->item[s->count++];
    memset(item, 0, sizeof *item);
    item->off = off;
    item->name = strdup(name);
    if (!item->name)
        abort();
    return item;
}

void forge_pdb_public(struct forge_pdb *p, const char *name, uint16_t seg, uint32_t off,
                      uint32_t flags) {
    struct forge_fields f = forge_fields("442", flags, off, seg);
    uint32_t at =
        put_record(forge_msf_stream(&p->msf, FORGE_PDB_RECORDS), S_PUB32, f.data, f.size, name);
    struct forge_pdb_symbol *s = add_symbol(&p->publics, at, name);
    s->seg = seg;
    s->addr = off;
}

void forge_pdb_global(struct forge_pdb *p, uint16_t kind, const void *fields, size_t size,
                      const char *name) {
    uint32_t at =
        put_record(forge_msf_stream(&p->msf, FORGE_PDB_RECORDS), kind, fields, size, name);
    add_symbol(&p->globals, at, name);
}

void forge_pdb_data(struct forge_pdb *p, uint16_t kind, uint32_t type, uint16_t seg, uint32_t off,
                    const char *name) {
    struct forge_fields f = forge_fields("442", type, off, seg);
    forge_pdb_global(p, kind, f.data, f.size, name);
}

static void put_procref(struct forge_pdb *p, uint16_t kind, uint16_t module, uint32_t off,
                        const char *name) {
    struct forge_fields f = forge_fields("442", 0, off, module);
    forge_pdb_global(p, kind, f.data, f.size, name);
}

void forge_pdb_procref(struct forge_pdb *p, uint16_t module, uint32_t off, const char *name) {
    put_procref(p, S_PROCREF, module, off, name);
}

void forge_pdb_lprocref(struct forge_pdb *p, uint16_t module, uint32_t off, const char *name) {
    put_procref(p, S_LPROCREF, module, off, name);
}

/* Records without a name: CRC-32 that starts with 0 and is not inverted at the end. */
static uint32_t crc(const uint8_t *p, size_t size) {
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum ^= p[i];
        for (int k = 0; k < 8; k++)
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
    }
    return sum;
}

static uint32_t add_type(struct forge_pdb_types *t, uint16_t leaf, const void *data, size_t size,
                         const char *hashed) {
    uint32_t ti = FIRST_TYPE + t->count++, at = (uint32_t)forge_here(&t->records);
    if (ti == FIRST_TYPE || at - t->last_offset >= OFFSETS_EVERY) {
        forge_u32(&t->offsets, ti);
        forge_u32(&t->offsets, at);
        t->last_offset = at;
    }
    forge_u16(&t->records, 0);
    forge_u16(&t->records, leaf);
    forge_put(&t->records, data, size);
    while (forge_here(&t->records) & 3)
        forge_u8(&t->records, (uint8_t)(0xf0 + 4 - (forge_here(&t->records) & 3)));
    forge_poke(&t->records, at, 2, forge_here(&t->records) - at - 2);
    uint32_t hash = hashed ? forge_hash_v1(hashed, strlen(hashed))
                           : crc(t->records.data + at, t->records.size - at);
    forge_u32(&t->hashes, hash % 0x3ffff);
    return ti;
}

uint32_t forge_pdb_type(struct forge_pdb *p, uint16_t leaf, const void *data, size_t size,
                        const char *hashed) {
    return add_type(&p->tpi, leaf, data, size, hashed);
}

uint32_t forge_pdb_id(struct forge_pdb *p, uint16_t leaf, const void *data, size_t size) {
    return add_type(&p->ipi, leaf, data, size, NULL);
}

void forge_pdb_numeric(struct forge *f, uint64_t value) {
    enum { LF_USHORT = 0x8002, LF_ULONG = 0x8004, LF_UQUADWORD = 0x800a };
    unsigned width = value < LF_USHORT - 2 ? 0
                     : value <= UINT16_MAX ? 2
                     : value <= UINT32_MAX ? 4
                                           : 8;
    if (width)
        forge_u16(f, width == 2 ? LF_USHORT : width == 4 ? LF_ULONG : LF_UQUADWORD);
    forge_uint(f, width ? width : 2, value);
}

uint32_t forge_pdb_struct(struct forge_pdb *p, uint16_t leaf, uint16_t count, uint16_t prop,
                          uint32_t fields, uint64_t size, const char *name) {
    struct forge f;
    forge_init(&f);
    forge_u16(&f, count);
    forge_u16(&f, prop);
    if (leaf == 0x1507)
        forge_u32(&f, 0x74); /* an enumeration of int */
    forge_u32(&f, fields);
    if (leaf != 0x1506 && leaf != 0x1507)
        forge_fill(&f, 0, 8);
    if (leaf != 0x1507)
        forge_pdb_numeric(&f, size);
    forge_put(&f, name, strlen(name) + 1);
    bool by_name = !(prop & (0x80 | 0x100));
    uint32_t ti = forge_pdb_type(p, leaf, f.data, f.size, by_name ? name : NULL);
    forge_deinit(&f);
    return ti;
}

uint16_t forge_pdb_module_new(struct forge_pdb *p, const char *name) {
    p->module = room(p->module, &p->module_room, p->nmodules, sizeof *p->module);
    struct forge_pdb_module *m = &p->module[p->nmodules++];
    memset(m, 0, sizeof *m);
    m->stream = forge_msf_add(&p->msf);
    forge_u32(forge_msf_stream(&p->msf, m->stream), 4);
    forge_init(&m->c13);
    forge_init(&m->files);
    strncpy(m->name, name, sizeof m->name - 1);
    return (uint16_t)p->nmodules;
}

void forge_pdb_source(struct forge_pdb *p, uint16_t module, const char *name) {
    struct forge_pdb_module *m = &p->module[module - 1];
    forge_put(&m->files, name, strlen(name) + 1);
    m->nfiles++;
}

void forge_pdb_contrib(struct forge_pdb *p, uint16_t module, uint16_t seg, uint32_t off,
                       uint32_t size) {
    struct forge_fields f =
        forge_fields("2244422", seg, 0, off, size, 0x60000020, (unsigned)module - 1, 0);
    forge_put(&p->contribs, f.data, f.size);
    forge_u64(&p->contribs, 0);
}

static struct forge *stream_of(struct forge_pdb *p, uint16_t module) {
    return forge_msf_stream(&p->msf, p->module[module - 1].stream);
}

uint32_t forge_pdb_sym(struct forge_pdb *p, uint16_t module, uint16_t kind, const void *fields,
                       size_t size, const char *name) {
    return put_record(stream_of(p, module), kind, fields, size, name);
}

uint32_t forge_pdb_proc(struct forge_pdb *p, uint16_t module, uint16_t kind, uint16_t seg,
                        uint32_t off, uint32_t len, uint32_t type, const char *name) {
    struct forge_fields f = forge_fields("4444444421", 0, 0, 0, len, 0, len, type, off, seg, 0);
    return forge_pdb_sym(p, module, kind, f.data, f.size, name);
}

void forge_pdb_end(struct forge_pdb *p, uint16_t module, uint16_t kind, uint32_t opener) {
    uint32_t end = forge_pdb_sym(p, module, kind, "", 0, NULL);
    forge_poke(stream_of(p, module), opener + 8, 4, end);
}

void forge_pdb_c13(struct forge_pdb *p, uint16_t module, uint32_t kind, const void *data,
                   size_t size) {
    struct forge *f = &p->module[module - 1].c13;
    forge_u32(f, kind);
    forge_u32(f, (uint32_t)size);
    forge_put(f, data, size);
    forge_align(f, 4);
}
