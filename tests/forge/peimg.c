/* SPDX-License-Identifier: MIT */
/* PE images for tests; see peimg.h. Offsets are those of Microsoft's "PE Format" document. */
#include "forge/peimg.h"

#include <stdlib.h>
#include <string.h>

static void put(struct peimg *p, uint32_t rva, unsigned width, uint64_t v) {
    for (unsigned i = 0; i < width && rva + i < PEIMG_SIZE; i++)
        p->data[rva + i] = (uint8_t)(v >> 8 * i);
}

void peimg_u8(struct peimg *p, uint32_t rva, uint8_t v) { put(p, rva, 1, v); }
void peimg_u16(struct peimg *p, uint32_t rva, uint16_t v) { put(p, rva, 2, v); }
void peimg_u32(struct peimg *p, uint32_t rva, uint32_t v) { put(p, rva, 4, v); }
void peimg_u64(struct peimg *p, uint32_t rva, uint64_t v) { put(p, rva, 8, v); }
void peimg_ptr(struct peimg *p, uint32_t rva, uint64_t v) { put(p, rva, p->is64 ? 8 : 4, v); }

void peimg_u32s(struct peimg *p, uint32_t rva, const uint32_t *v, size_t count) {
    for (size_t i = 0; i < count; i++)
        peimg_u32(p, rva + 4 * (uint32_t)i, v[i]);
}

void peimg_text(struct peimg *p, uint32_t rva, const char *text) {
    do
        peimg_u8(p, rva++, (uint8_t)*text);
    while (*text++);
}

void peimg_text16(struct peimg *p, uint32_t rva, const char *text) {
    for (;; rva += 2, text++) {
        peimg_u16(p, rva, (uint8_t)*text);
        if (!*text)
            return;
    }
}

void peimg_dir(struct peimg *p, unsigned index, uint32_t rva, uint32_t size) {
    uint32_t at = PEIMG_OPT + (p->is64 ? 0x70 : 0x60) + 8 * index;
    peimg_u32(p, at, rva);
    peimg_u32(p, at + 4, size);
}

static void put_section(struct peimg *p, unsigned index, const char *name, uint32_t rva,
                        uint32_t virtual_size, uint32_t raw, uint32_t raw_size, uint32_t flags) {
    uint32_t at = p->sections + 0x28 * index;
    memcpy(p->data + at, name, strlen(name));
    const uint32_t fields[] = {virtual_size, rva, raw_size, raw};
    peimg_u32s(p, at + 8, fields, 4);
    peimg_u32(p, at + 0x24, flags);
}

static void put_optional(struct peimg *p) {
    uint32_t at = PEIMG_OPT;
    peimg_u16(p, at, p->is64 ? 0x20b : 0x10b);
    peimg_u8(p, at + 2, 14);
    peimg_u8(p, at + 3, 29);
    peimg_u32(p, at + 0x10, PEIMG_TEXT); /* entry point */
    peimg_u32(p, at + 0x14, PEIMG_TEXT);
    peimg_ptr(p, at + (p->is64 ? 0x18 : 0x1c), p->base);
    peimg_u32(p, at + 0x20, 0x1000);
    peimg_u32(p, at + 0x24, 0x200);
    peimg_u16(p, at + 0x28, 10);
    peimg_u16(p, at + 0x2c, 10);
    peimg_u16(p, at + 0x30, 6);
    peimg_u16(p, at + 0x32, 1);
    peimg_u32(p, at + 0x38, PEIMG_SIZE);
    peimg_u32(p, at + 0x3c, PEIMG_HEADERS);
    peimg_u16(p, at + 0x44, 1);
    peimg_u16(p, at + 0x46, 0x4160);
    peimg_ptr(p, at + 0x48, 0x40000);
    peimg_u32(p, at + (p->is64 ? 0x6c : 0x5c), 16);
}

void peimg_init(struct peimg *p, uint16_t machine) {
    memset(p, 0, sizeof *p);
    p->is64 = machine != 0x14c && machine != 0x1c4;
    p->base = p->is64 ? 0x140000000 : 0x400000;
    memcpy(p->data, "MZ", 2);
    peimg_u32(p, 0x3c, PEIMG_NT);
    memcpy(p->data + PEIMG_NT, "PE\0", 4);
    uint32_t optional = (p->is64 ? 0x70 : 0x60) + 16 * 8;
    peimg_u16(p, PEIMG_NT + 4, machine);
    peimg_u16(p, PEIMG_NT + 6, 2);
    peimg_u32(p, PEIMG_NT + 8, 0x5f000001);
    peimg_u16(p, PEIMG_NT + 0x14, (uint16_t)optional);
    peimg_u16(p, PEIMG_NT + 0x16, 0x22);
    p->sections = PEIMG_OPT + optional;
    put_optional(p);
    put_section(p, 0, ".text", PEIMG_TEXT, 0xf00, 0x400, 0x1000, 0x68000020);
    put_section(p, 1, ".data", PEIMG_DATA, 0x6000, 0x1400, 0x5000, 0xc8000040);
}

struct forge_bytes peimg_file(const struct peimg *p) {
    struct forge_bytes file = {calloc(1, PEIMG_FILE), PEIMG_FILE};
    if (file.data) {
        memcpy(file.data, p->data, PEIMG_HEADERS);
        memcpy(file.data + 0x400, p->data + PEIMG_TEXT, 0x1000);
        memcpy(file.data + 0x1400, p->data + PEIMG_DATA, 0x5000);
    }
    return file;
}
