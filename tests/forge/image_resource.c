/* SPDX-License-Identifier: MIT */
/*
 * The version resource.
 *
 *     directory   16 bytes, +0xe entries; entries {u32 id, u32 offset, top bit: a directory}:
 *                 type 16 -> name 1 -> language 0x409 -> {u32 RVA, size, code page, 0}
 *     block       u16 length, u16 length of the value, u16 1 = text, key (UTF-16, NUL), padding to
 *                 4, value, padding to 4, blocks: VS_VERSION_INFO (VS_FIXEDFILEINFO), in it
 *                 StringFileInfo, 040904b0, the strings; VarFileInfo, Translation
 */
#include <string.h>

#include "forge/image_impl.h"

enum { TREE = 3 * 24 + 16, RT_VERSION = 16, ENGLISH = 0x409, UNICODE_PAGE = 1200 };

/* Opens a block whose value has VALUE bytes (of text: units); returns where it starts. */
static uint64_t open_block(struct forge *f, const char *key, unsigned value, unsigned text) {
    forge_align(f, 4);
    uint64_t at = forge_here(f);
    forge_u16(f, 0);
    forge_u16(f, (uint16_t)value);
    forge_u16(f, (uint16_t)text);
    forge_utf16(f, key);
    forge_u16(f, 0);
    forge_align(f, 4);
    return at;
}

static void close_block(struct forge *f, uint64_t at) { forge_poke(f, at, 2, forge_here(f) - at); }

static void put_fixed(const struct forge_image *m, struct forge *f) {
    const uint16_t *a = m->file_version, *b = m->product_version;
    const uint32_t fixed[13] = {0xfeef04bd,
                                0x10000,
                                (uint32_t)a[0] << 16 | a[1],
                                (uint32_t)a[2] << 16 | a[3],
                                (uint32_t)b[0] << 16 | b[1],
                                (uint32_t)b[2] << 16 | b[3],
                                0x3f,
                                0,
                                0x40004, /* Windows NT, 32 bits and more */
                                image_is_kernel(m) ? 3 : 2,
                                image_is_kernel(m) ? 7 : 0,
                                0,
                                0};
    for (size_t i = 0; i < 13; i++)
        forge_u32(f, fixed[i]);
}

static void put_strings(const struct forge_image *m, struct forge *f) {
    uint64_t info = open_block(f, "StringFileInfo", 0, 1);
    uint64_t table = open_block(f, "040904b0", 0, 1);
    for (size_t i = 0; i < 12 && m->string[i].key; i++) {
        uint64_t at = open_block(f, m->string[i].key, 0, 1);
        size_t units = forge_utf16(f, m->string[i].value) + 1;
        forge_u16(f, 0);
        forge_poke(f, at + 2, 2, units);
        close_block(f, at);
    }
    close_block(f, table);
    close_block(f, info);
}

/* The resource directory, then the version. */
static void build(const struct forge_image *m, uint32_t rva, struct forge *f) {
    static const uint32_t id[] = {RT_VERSION, 1, ENGLISH};
    for (uint32_t i = 0; i < 3; i++) {
        forge_fill(f, 0, 14);
        forge_u16(f, 1);
        forge_u32(f, id[i]);
        forge_u32(f, (i + 1) * 24 | (i < 2 ? 0x80000000 : 0));
    }
    forge_u32(f, rva + TREE);
    forge_u32(f, 0);
    forge_u32(f, UNICODE_PAGE);
    forge_u32(f, 0);
    uint64_t root = open_block(f, "VS_VERSION_INFO", 52, 0);
    put_fixed(m, f);
    if (m->string[0].key)
        put_strings(m, f);
    uint64_t var = open_block(f, "VarFileInfo", 0, 1);
    uint64_t translation = open_block(f, "Translation", 4, 0);
    forge_u16(f, ENGLISH);
    forge_u16(f, UNICODE_PAGE);
    close_block(f, translation);
    close_block(f, var);
    close_block(f, root);
    forge_poke(f, TREE - 12, 4, forge_here(f) - TREE);
}

void image_version_plan(struct forge_image *m) {
    struct forge f;
    forge_init(&f);
    if (m->has_version && !m->failed) {
        build(m, 0, &f);
        m->version_part = image_part(m, "the version resource", f.size, 4, IMAGE_RSRC);
    }
    if (f.failed || f.size > UINT16_MAX)
        image_fail(m, "the version resource is too large");
    forge_deinit(&f);
}

void image_version_write(struct forge_image *m) {
    uint32_t rva = image_part_rva(m, m->version_part);
    if (!m->has_version || m->failed)
        return;
    struct forge f;
    forge_init(&f);
    build(m, rva, &f);
    image_put(m, rva, f.data, f.size, IMAGE_KEEP);
    m->dir[2].rva = rva;
    m->dir[2].size = (uint32_t)f.size;
    forge_deinit(&f);
}
