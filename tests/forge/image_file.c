/* SPDX-License-Identifier: MIT */
/* The two forms of an image: as a file, and as mapped. Offsets are those of "PE Format". */
#include <stdlib.h>
#include <string.h>

#include "forge/image_impl.h"

static void put(uint8_t *p, unsigned width, uint64_t v) {
    for (unsigned i = 0; i < width; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* Bytes of sections of these kinds. */
static uint32_t sum(const struct forge_image *m, bool code, uint32_t *ret_first) {
    uint32_t total = 0;
    *ret_first = 0;
    for (size_t i = m->nsections; i > 0; i--) {
        const struct image_section *s = &m->section[i - 1];
        if ((s->kind == FORGE_CODE || s->kind == FORGE_PAGED_CODE) != code)
            continue;
        total += s->raw_size;
        *ret_first = s->head.rva;
    }
    return total;
}

static void put_optional(const struct forge_image *m, uint8_t *p) {
    bool is64 = image_is64(m);
    unsigned w = is64 ? 8 : 4;
    uint32_t code, data, align = m->unit_size;
    put(p, 2, is64 ? 0x20b : 0x10b);
    put(p + 2, 1, 14);
    put(p + 3, 1, 20);
    put(p + 4, 4, sum(m, true, &code));
    put(p + 8, 4, sum(m, false, &data));
    put(p + 0x10, 4, m->entry);
    put(p + 0x14, 4, code);
    if (!is64)
        put(p + 0x18, 4, data);
    put(p + (is64 ? 0x18 : 0x1c), w, m->base);
    put(p + 0x20, 4, align);
    put(p + 0x24, 4, align == IMAGE_PAGE ? 0x200 : align);
    put(p + 0x28, 2, 6);
    put(p + 0x2c, 2, 6);
    put(p + 0x30, 2, 6);
    put(p + 0x38, 4, m->image_size);
    put(p + 0x3c, 4, m->headers_size);
    put(p + 0x40, 4, m->checksum);
    put(p + 0x44, 2, image_is_kernel(m) ? 1 : 3);
    put(p + 0x46, 2, is64 ? 0x160 : 0x140);
    static const uint32_t memory[] = {0x40000, 0x1000, 0x100000, 0x1000};
    for (unsigned i = 0; i < 4; i++)
        put(p + 0x48 + (size_t)i * w, w, memory[i]);
    put(p + (is64 ? 0x6c : 0x5c), 4, 16);
    p += is64 ? 0x70 : 0x60;
    for (unsigned i = 0; i < 16; i++) {
        put(p + (size_t)i * 8, 4, m->dir[i].rva);
        put(p + (size_t)i * 8 + 4, 4, m->dir[i].size);
    }
}

static void put_headers(const struct forge_image *m, uint8_t *p) {
    bool is64 = image_is64(m), dll = m->exports.count && !image_is_kernel(m);
    uint16_t optional = is64 ? 0xf0 : 0xe0;
    memcpy(p, "MZ", 2);
    put(p + 0x3c, 4, IMAGE_NT);
    p += IMAGE_NT;
    memcpy(p, "PE\0", 4);
    put(p + 4, 2, m->machine);
    put(p + 6, 2, m->nsections);
    put(p + 8, 4, m->timestamp);
    put(p + 0x14, 2, optional);
    put(p + 0x16, 2, 2u | (is64 ? 0x20 : 0x100) | (dll ? 0x2000 : 0));
    put_optional(m, p + 0x18);
    p += 0x18 + optional;
    for (size_t i = 0; i < m->nsections; i++, p += 40) {
        const struct image_section *s = &m->section[i];
        memcpy(p, s->head.name, strlen(s->head.name));
        put(p + 8, 4, s->head.size);
        put(p + 0xc, 4, s->head.rva);
        put(p + 0x10, 4, s->raw_size);
        put(p + 0x14, 4, s->raw_offset);
        put(p + 0x24, 4, s->head.characteristics);
    }
}

/* Code that nothing was said about stops: int 3, brk #0xf000. */
static void fill_code(const struct forge_image *m, const struct image_section *s, uint8_t *flat) {
    static const uint8_t brk[] = {0x00, 0x00, 0x3e, 0xd4};
    uint32_t end = s->head.rva + s->raw_size;
    for (uint32_t rva = s->head.rva; rva < end && rva < m->image_size; rva++)
        flat[rva] = m->machine == 0xaa64 ? brk[rva % 4] : 0xcc;
}

/* SizeOfImage bytes; NULL with the error set. */
static uint8_t *flatten(struct forge_image *m, bool in_memory) {
    uint8_t *flat = calloc(1, m->image_size), byte;
    if (!flat) {
        image_fail(m, "no memory for an image of 0x%x bytes", m->image_size);
        return NULL;
    }
    put_headers(m, flat);
    for (size_t i = 0; i < m->nsections; i++)
        if (m->section[i].head.characteristics & 0x20)
            fill_code(m, &m->section[i], flat);
    for (size_t i = 0; i < m->nunits; i++)
        for (uint32_t k = 0; m->unit[i].data && k < m->unit_size; k++)
            if (image_written(m, (uint32_t)i * m->unit_size + k, &byte))
                flat[i * m->unit_size + k] = byte;
    image_imports_slots(m, flat, in_memory);
    return flat;
}

bool forge_image_finish(struct forge_image *m, struct forge_bytes *ret_file) {
    if (!image_layout(m))
        return false;
    size_t size = m->headers_size;
    for (size_t i = 0; i < m->nsections; i++)
        if (m->section[i].raw_size)
            size = (size_t)m->section[i].raw_offset + m->section[i].raw_size;
    uint8_t *flat = flatten(m, false), *file = flat ? calloc(1, size) : NULL;
    if (flat && !file)
        image_fail(m, "no memory for a file of %zu bytes", size);
    if (file)
        memcpy(file, flat, m->headers_size);
    for (size_t i = 0; file && i < m->nsections; i++) {
        const struct image_section *s = &m->section[i];
        uint32_t left = m->image_size - s->head.rva;
        memcpy(file + s->raw_offset, flat + s->head.rva, s->raw_size < left ? s->raw_size : left);
    }
    free(flat);
    if (!file)
        return false;
    *ret_file = (struct forge_bytes){file, size};
    return true;
}

bool forge_image_map(struct forge_image *m, struct forge_bytes *ret_memory) {
    uint8_t *flat = image_layout(m) ? flatten(m, true) : NULL;
    if (!flat)
        return false;
    *ret_memory = (struct forge_bytes){flat, m->image_size};
    return true;
}
