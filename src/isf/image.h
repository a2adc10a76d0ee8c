/* SPDX-License-Identifier: MIT */
/*
 * A symbol table boiled down to arrays that are searched in place: what the cache file holds, byte
 * for byte, and what a fresh parse makes in memory. Little-endian.
 *
 *     +0x00 8    magic "scisf\r\n\x1a"
 *     +0x08 u32  version of this layout           +0x0c u32  size of this header, 0x100
 *     +0x10 u64  size of the file it was made of  +0x18 16   hash of that file's bytes
 *     +0x28 u64  size of the whole image
 *     +0x30 16   GUID, as bytes of sc_guid        +0x40 u32  age
 *     +0x44 u32  machine                          +0x48 u32  PDB name (in the pool)
 *     +0x50      sections: { u64 offset, u64 count } for each of enum isf_section
 *     +0xf8 u64  hash of bytes 0 … 0xf7
 *
 *     POOL       bytes: strings, each ended by a NUL; offset 0 is ""
 *     SYMBOLS    16: +0 u32 rva, +4 u32 name, +8 u32 second name or 0, +c u32 type or 0;
 *                sorted by rva
 *     CONSTANTS  16: +0 u32 name, +4 u32 type, +8 u64 value
 *     NAMES      hash index of both: buckets u32[n + 1], starts in NAME_LIST; n is a power of 2
 *     NAME_LIST  u32: index of a symbol, or SYMBOLS' count + index of a constant
 *     TYPES      32: +0 u32 name, +4 u32 target, +8 u8 kind, +9 u8 flags, +a u8 bit_pos,
 *                +b u8 bit_len, +c u32 first member (a base type's name in C), +10 u64 size,
 *                +18 u64 count
 *     MEMBERS    24: +0 u32 name, +4 u32 type, +8 u64 offset or value, +10 u8 bit_pos,
 *                +11 u8 bit_len, +12 u8 kind
 *     TYPE_NAMES, TYPE_LIST  the same index for the names of TYPES
 *
 * Opening checks the header, its hash and that every section lies inside; the rows themselves are
 * checked as they are used, so that a damaged body can mislead but never crash.
 */
#ifndef STOPCODE_ISF_IMAGE_H
#define STOPCODE_ISF_IMAGE_H

#include <stddef.h>
#include <string.h>

#include "stopcode/symbols.h"

enum isf_section {
    ISF_POOL,
    ISF_SYMBOLS,
    ISF_CONSTANTS,
    ISF_NAMES,
    ISF_NAME_LIST,
    ISF_TYPES,
    ISF_MEMBERS,
    ISF_TYPE_NAMES,
    ISF_TYPE_LIST,
    ISF_SECTIONS,
};

#define ISF_MAGIC         "scisf\r\n\x1a"
#define ISF_IMAGE_VERSION 3u
#define ISF_HEADER_SIZE   0x100u
#define ISF_HEADER_HASHED 0xf8u
#define ISF_SECTION_TABLE 0x50u

/* Flags of a type row. */
enum { ISF_SIGNED = 1, ISF_FORWARD = 2, ISF_INT = 4 /* int, not long */, ISF_CLASS_SHIFT = 4 };
/* What a type's name belongs to: the same name may be a struct and an enum. */
enum isf_class { ISF_UNNAMED, ISF_BASE, ISF_ENUM, ISF_USER };

/* Which file an image was made of. */
struct isf_key {
    uint64_t size;
    uint8_t hash[16];
};

struct isf_image {
    const uint8_t *data;
    size_t size;
    struct {
        const uint8_t *at;
        uint32_t count;
    } section[ISF_SECTIONS];
    struct isf_key key;
    struct sc_guid guid;
    uint32_t age, machine;
    const char *pdb;
};

struct isf_symbol_row {
    uint32_t rva, name, alias, type;
};
struct isf_type_row {
    uint32_t name, target;
    uint8_t kind, flags, bit_pos, bit_len;
    uint32_t first;
    uint64_t size, count;
};
struct isf_member_row {
    uint32_t name, type;
    uint64_t value;
    uint8_t bit_pos, bit_len, kind;
};

static inline uint32_t isf_get32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t isf_get64(const uint8_t *p) {
    return isf_get32(p) | (uint64_t)isf_get32(p + 4) << 32;
}
static inline void isf_put32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}
static inline void isf_put64(uint8_t *p, uint64_t v) {
    isf_put32(p, (uint32_t)v);
    isf_put32(p + 4, (uint32_t)(v >> 32));
}

/* Bytes of one element of a section. */
size_t isf_section_size(enum isf_section section);
/* False: not an image of this version, or damaged. DATA is borrowed. */
bool isf_image_open(const void *data, size_t size, struct isf_image *ret_image);
/* "" for an offset outside the pool. */
static inline const char *isf_image_string(const struct isf_image *image, uint32_t offset) {
    return offset < image->section[ISF_POOL].count
               ? (const char *)image->section[ISF_POOL].at + offset
               : "";
}
/* A row of MEMBERS by its bytes: they are gone through by the hundred. */
static inline struct isf_member_row isf_member_at(const uint8_t *p) {
    return (struct isf_member_row){isf_get32(p), isf_get32(p + 4), isf_get64(p + 8), p[16], p[17],
                                   p[18]};
}
/* Rows by index; false when there is no such row. */
bool isf_image_symbol(const struct isf_image *image, uint32_t index, struct isf_symbol_row *ret);
bool isf_image_type(const struct isf_image *image, uint32_t index, struct isf_type_row *ret);
/* The part of LIST that may hold NAME: [*RET_FIRST, *RET_END). */
void isf_image_bucket(const struct isf_image *image, enum isf_section names, const char *name,
                      uint32_t *ret_first, uint32_t *ret_end);
uint32_t isf_image_list(const struct isf_image *image, enum isf_section list, uint32_t index);

#endif
