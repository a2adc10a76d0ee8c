/* SPDX-License-Identifier: MIT */
/*
 * Hibernation files: the header, and the choice between tables of ranges (Windows XP to 7,
 * hiber_old.c) and restore sets (8 and later, hiber_new.c).
 */
#include "forge/hiber.h"

#include <stdlib.h>
#include <string.h>

#include "forge/hiber_impl.h"

/* PO_MEMORY_IMAGE: size, PageSize, SystemTime; old: FirstTablePage; new: see the columns. */
struct kind {
    const char *name;
    bool is64;
    unsigned length, page_size, time, first_table, state_page;
    unsigned loader, boot, kernel, kernel_count;
    struct forge_hiber_table table;
};

static const struct kind kinds[FORGE_HIBER_KINDS] = {
    {"xp-x86", false, 0xa8, 0x14, 0x20, 0x58, 2, 0, 0, 0, 0, {4, 12, 16, 16, 4, 8}},
    {"2003-x64", true, 0xc0, 0x18, 0x20, 0x68, 2, 0, 0, 0, 0, {8, 20, 32, 32, 8, 16}},
    {"vista-x86", false, 0xe0, 0x14, 0x18, 0x50, 4, 0, 0, 0, 0, {4, 12, 16, 16, 4, 8}},
    {"vista-x64", true, 0x128, 0x18, 0x20, 0x68, 4, 0, 0, 0, 0, {8, 20, 32, 32, 8, 16}},
    {"vista-sp1-x86", false, 0xf0, 0x14, 0x18, 0x50, 1, 0, 0, 0, 0, {4, 12, 16, 16, 4, 8}},
    {"vista-sp1-x64", true, 0x140, 0x18, 0x20, 0x68, 1, 0, 0, 0, 0, {8, 20, 32, 32, 8, 16}},
    {"vista-sp2-x86", false, 0xf0, 0x14, 0x18, 0x50, 1, 0, 0, 0, 0, {4, 8, 12, 8, 0, 4}},
    {"vista-sp2-x64", true, 0x138, 0x18, 0x20, 0x68, 1, 0, 0, 0, 0, {8, 16, 24, 16, 0, 8}},
    {"7-x86", false, 0xe0, 0x14, 0x18, 0x4c, 1, 0, 0, 0, 0, {0, 4, 8, 8, 0, 4}},
    {"7-x64", true, 0x128, 0x18, 0x20, 0x60, 1, 0, 0, 0, 0, {0, 8, 16, 16, 0, 8}},
    {"8-x86", false, 0x2c8, 0x14, 0x18, 0, 0, 0x48, 0x50, 0x54, 0x1b0, {0}},
    {"8-x64", true, 0x360, 0x18, 0x20, 0, 0, 0x58, 0x60, 0x68, 0x1c8, {0}},
    {"10240-x86", false, 0x310, 0x14, 0x18, 0, 0, 0x48, 0x50, 0x54, 0x1f8, {0}},
    {"10240-x64", true, 0x3b0, 0x18, 0x20, 0, 0, 0x58, 0x68, 0x70, 0x218, {0}},
    {"14393-x86", false, 0x328, 0x14, 0x18, 0, 0, 0x48, 0x50, 0x54, 0x200, {0}},
    {"14393-x64", true, 0x3c8, 0x18, 0x20, 0, 0, 0x58, 0x68, 0x70, 0x220, {0}},
    {"15063-x86", false, 0x338, 0x14, 0x18, 0, 0, 0x48, 0x50, 0x54, 0x210, {0}},
    {"15063-x64", true, 0x3d8, 0x18, 0x20, 0, 0, 0x58, 0x68, 0x70, 0x230, {0}},
    {"17763-x86", false, 0x340, 0x14, 0x18, 0, 0, 0x48, 0x50, 0x54, 0x210, {0}},
    {"17763-x64", true, 0x3e0, 0x18, 0x20, 0, 0, 0x58, 0x68, 0x70, 0x230, {0}},
    {"22000-x64", true, 0x448, 0x18, 0x20, 0, 0, 0x58, 0x68, 0x70, 0x230, {0}},
    {"26100-x64", true, 0x4d8, 0x18, 0x20, 0, 0, 0x58, 0x68, 0x70, 0x238, {0}},
};

const char *forge_hiber_name(enum forge_hiber_kind kind) {
    return (unsigned)kind < FORGE_HIBER_KINDS ? kinds[kind].name : NULL;
}

bool forge_hiber_is64(enum forge_hiber_kind kind) { return kinds[kind].is64; }

/* --- bytes --- */

void forge_hiber_put(struct forge_hiber_out *o, const void *data, size_t size) {
    if (!o->failed && o->room - o->size < size) {
        size_t room = 2 * o->room > o->size + size ? 2 * o->room : o->size + size;
        uint8_t *more = realloc(o->data, room);
        o->failed = !more;
        if (more) {
            o->data = more;
            o->room = room;
        }
    }
    if (o->failed)
        return;
    if (data)
        memcpy(o->data + o->size, data, size);
    else
        memset(o->data + o->size, 0, size);
    o->size += size;
}

void forge_hiber_align(struct forge_hiber_out *o, size_t to) {
    forge_hiber_put(o, NULL, (to - o->size % to) % to);
}

void forge_hiber_set(struct forge_hiber_out *o, size_t at, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size && !o->failed; i++)
        o->data[at + i] = (uint8_t)(value >> 8 * i);
}

/* --- pages --- */

bool forge_hiber_next(struct forge_hiber_walk *w, uint64_t *ret_pfn, const uint8_t **ret) {
    const struct forge_hiber_memory *m = w->memory;
    while (w->run < m->nruns) {
        const struct forge_hiber_run *r = &m->run[w->run];
        if (w->at >= r->count) {
            w->run++;
            w->at = 0;
            continue;
        }
        *ret_pfn = r->pfn + w->at++;
        if (m->page(m->ctx, *ret_pfn, ret))
            return true;
    }
    return false;
}

size_t forge_hiber_pack(const uint8_t *data, size_t size, bool huffman, uint8_t *out) {
    struct forge_tokens tokens = {0};
    struct forge_bytes packed = {0};
    bool ok = forge_tokens_find(&tokens, data, size, huffman ? 65535 : 8192) &&
              (huffman ? forge_xpress_huffman : forge_xpress_plain)(&tokens, &packed);
    forge_tokens_free(&tokens);
    if (!ok)
        return 0;
    bool smaller = packed.size < size;
    size_t made = smaller ? packed.size : size;
    memcpy(out, smaller ? packed.data : data, made);
    free(packed.data);
    return made;
}

/* --- the header --- */

static void head(const struct forge_hiber *h, const struct kind *k, struct forge_hiber_out *o) {
    bool old = h->kind < FORGE_HIBER_OLD_KINDS;
    const char *signature = h->signature                      ? h->signature
                            : h->kind < FORGE_HIBER_VISTA_X86 ? "hibr"
                                                              : "HIBR";
    forge_hiber_put(o, NULL, 0x1000);
    if (o->failed)
        return;
    memcpy(o->data, signature, 4);
    forge_hiber_set(o, 0x0c, k->length, 4);
    forge_hiber_set(o, k->page_size, 0x1000, 4);
    forge_hiber_set(o, k->time, h->time, 8);
    forge_hiber_set(o, k->time + 8, h->interrupt, 8);
    for (unsigned page = 1; old && page < 6; page++) { /* free map, registers, loader's map */
        bool state = page == k->state_page && h->processor;
        forge_hiber_put(o, state ? h->processor : NULL, state ? h->processor_size : 0x1000);
        forge_hiber_align(o, 0x1000);
    }
}

static void write_old(const struct forge_hiber *h, const struct kind *k,
                      struct forge_hiber_out *o) {
    unsigned width = k->is64 ? 8 : 4;
    forge_hiber_set(o, k->first_table, o->size / 0x1000, width);
    forge_hiber_tables(h, &k->table, width, o);
}

static void write_new(const struct forge_hiber *h, const struct kind *k,
                      struct forge_hiber_out *o) {
    unsigned width = k->is64 ? 8 : 4;
    forge_hiber_put(o, NULL, 0x3000);
    forge_hiber_set(o, k->boot, o->size / 0x1000, width);
    uint64_t pages = forge_hiber_sets(h, width, true, o);
    forge_hiber_set(o, k->loader, pages, 8);
    forge_hiber_align(o, 0x1000);
    forge_hiber_set(o, k->kernel, o->size / 0x1000, width);
    pages = forge_hiber_sets(h, width, false, o);
    forge_hiber_set(o, k->kernel_count, pages, 8);
    if (h->secure_page)
        forge_hiber_set(o, 0x60, h->secure_page, 8);
}

bool forge_hiber_write(const struct forge_hiber *hiber, struct forge_bytes *ret) {
    if ((unsigned)hiber->kind >= FORGE_HIBER_KINDS || hiber->processor_size > 0x1000)
        return false;
    const struct kind *k = &kinds[hiber->kind];
    struct forge_hiber_out o = {0};
    head(hiber, k, &o);
    if (hiber->kind < FORGE_HIBER_OLD_KINDS)
        write_old(hiber, k, &o);
    else
        write_new(hiber, k, &o);
    forge_hiber_align(&o, 0x1000);
    if (o.failed) {
        free(o.data);
        return false;
    }
    if (hiber->cleared)
        memset(o.data, 0, 0x1000);
    *ret = (struct forge_bytes){.data = o.data, .size = o.size};
    return true;
}
