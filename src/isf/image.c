/* SPDX-License-Identifier: MIT */
/* Reading an image: see image.h for the layout. */
#include "isf/image.h"

#include "isf/hash.h"

size_t isf_section_size(enum isf_section section) {
    static const uint8_t size[ISF_SECTIONS] = {
        [ISF_POOL] = 1,     [ISF_SYMBOLS] = 16,   [ISF_CONSTANTS] = 16,
        [ISF_NAMES] = 4,    [ISF_NAME_LIST] = 4,  [ISF_TYPES] = 32,
        [ISF_MEMBERS] = 24, [ISF_TYPE_NAMES] = 4, [ISF_TYPE_LIST] = 4};
    return size[section];
}

/* An index of N buckets has N + 1 entries, N a power of two. */
static bool index_ok(uint32_t count) { return count >= 2 && !((count - 1) & (count - 2)); }

static bool sections_ok(struct isf_image *im) {
    for (int i = 0; i < ISF_SECTIONS; i++) {
        const uint8_t *row = im->data + ISF_SECTION_TABLE + 16 * (size_t)i;
        uint64_t offset = isf_get64(row), count = isf_get64(row + 8);
        if (offset < ISF_HEADER_SIZE || offset > im->size || count > UINT32_MAX ||
            count > (im->size - offset) / isf_section_size((enum isf_section)i))
            return false;
        im->section[i].at = im->data + offset;
        im->section[i].count = (uint32_t)count;
    }
    const uint32_t pool = im->section[ISF_POOL].count;
    return pool && !im->section[ISF_POOL].at[pool - 1] && index_ok(im->section[ISF_NAMES].count) &&
           index_ok(im->section[ISF_TYPE_NAMES].count);
}

static struct sc_guid get_guid(const uint8_t *p) {
    struct sc_guid g = {
        isf_get32(p), (uint16_t)isf_get32(p + 4), (uint16_t)(isf_get32(p + 4) >> 16), {0}};
    memcpy(g.d, p + 8, sizeof g.d);
    return g;
}

bool isf_image_open(const void *data, size_t size, struct isf_image *ret_image) {
    struct isf_image im = {.data = data, .size = size};
    const uint8_t *h = data;
    if (size < ISF_HEADER_SIZE || memcmp(h, ISF_MAGIC, 8) != 0 ||
        isf_get32(h + 8) != ISF_IMAGE_VERSION || isf_get32(h + 0xc) != ISF_HEADER_SIZE ||
        isf_get64(h + 0x28) != size ||
        isf_get64(h + ISF_HEADER_HASHED) != isf_hash(h, ISF_HEADER_HASHED, 0) || !sections_ok(&im))
        return false;
    im.key.size = isf_get64(h + 0x10);
    memcpy(im.key.hash, h + 0x18, sizeof im.key.hash);
    im.guid = get_guid(h + 0x30);
    im.age = isf_get32(h + 0x40);
    im.machine = isf_get32(h + 0x44);
    im.pdb = isf_image_string(&im, isf_get32(h + 0x48));
    *ret_image = im;
    return true;
}

/* The row's bytes; NULL when there is no such row. */
static const uint8_t *row_at(const struct isf_image *image, enum isf_section section,
                             uint32_t index) {
    if (index >= image->section[section].count)
        return NULL;
    return image->section[section].at + index * isf_section_size(section);
}

bool isf_image_symbol(const struct isf_image *image, uint32_t index, struct isf_symbol_row *ret) {
    const uint8_t *p = row_at(image, ISF_SYMBOLS, index);
    if (!p)
        return false;
    *ret = (struct isf_symbol_row){isf_get32(p), isf_get32(p + 4), isf_get32(p + 8),
                                   isf_get32(p + 12)};
    return true;
}

bool isf_image_type(const struct isf_image *image, uint32_t index, struct isf_type_row *ret) {
    const uint8_t *p = row_at(image, ISF_TYPES, index);
    if (!p)
        return false;
    *ret = (struct isf_type_row){
        isf_get32(p),      isf_get32(p + 4), p[8], p[9], p[10], p[11], isf_get32(p + 12),
        isf_get64(p + 16), isf_get64(p + 24)};
    return true;
}

void isf_image_bucket(const struct isf_image *image, enum isf_section names, const char *name,
                      uint32_t *ret_first, uint32_t *ret_end) {
    uint32_t buckets = image->section[names].count - 1;
    uint32_t b = (uint32_t)isf_hash(name, strlen(name), 0) & (buckets - 1);
    *ret_first = isf_get32(image->section[names].at + 4 * (size_t)b);
    *ret_end = isf_get32(image->section[names].at + 4 * (size_t)(b + 1));
    uint32_t count = image->section[names + 1].count;
    if (*ret_end > count)
        *ret_end = count;
}

uint32_t isf_image_list(const struct isf_image *image, enum isf_section list, uint32_t index) {
    const uint8_t *p = row_at(image, list, index);
    return p ? isf_get32(p) : UINT32_MAX;
}
