/* SPDX-License-Identifier: MIT */
/*
 * An image under construction, as its files share it.
 *
 * Until it is laid out, the image is an array of units (pages; 128 bytes and less in old drivers
 * whose sections are not aligned to pages), of which only those hold memory that something was put
 * into. Laying out goes so:
 *
 *     claim     what has a given place and no bytes yet: functions, UNWIND_INFOs, import slots
 *     plan      each kind of table says which parts of which size it needs
 *     place     parts find their RVAs: behind everything, else in gaps
 *     sections  runs of units of one kind
 *     write     tables are written: now all RVAs are known
 */
#ifndef STOPCODE_TESTS_FORGE_IMAGE_IMPL_H
#define STOPCODE_TESTS_FORGE_IMAGE_IMPL_H

#include "forge/image.h"

enum {
    IMAGE_PAGE = 0x1000,
    IMAGE_MAX = 1 << 28,
    IMAGE_SECTIONS = 96,
    IMAGE_NT = 0x80,    /* offset of the signature PE\0\0 */
    IMAGE_UNWIND = 600, /* the largest UNWIND_INFO without the handler's data */
};

/* What stands in a unit: a forge_image_kind, or one that tables have. */
enum {
    IMAGE_PDATA = FORGE_POOL_CODE + 1,
    IMAGE_RSRC,
    IMAGE_KINDS,
    IMAGE_KEEP = IMAGE_KINDS, /* as it is; read-only data when it is nothing yet */
    IMAGE_CODE,               /* code, of either kind; plain code when it is nothing yet */
    IMAGE_NAMED,              /* as it is; code when it is nothing yet */
};

struct image_unit {
    uint8_t kind;   /* plus 1; 0: free */
    bool whole;     /* all of it is in use */
    bool closed;    /* not for what finds its own place */
    uint32_t first; /* the RVA that gave it its kind */
    uint8_t *data;  /* the bytes, a bit for each that is in use, a bit for each that was written */
};

struct image_export {
    char *name, *forward;
    uint32_t rva, ordinal;
};
struct image_import {
    char *dll, *name;
    uint16_t ordinal;
    uint32_t slot;
    uint64_t value;
    uint64_t thunk; /* what the file's slot holds */
    size_t order;
    bool starts, ends; /* the first, the last of its descriptor */
};
struct image_function {
    struct forge_function f;
    uint8_t *scope, *xdata; /* copies */
    size_t part;
};
struct image_string {
    char *key, *value;
};

/* A table that finds its place by itself. */
struct image_part {
    const char *what;
    uint32_t size, align, rva;
    uint8_t group; /* the kind it would like to stand with */
};

struct image_section {
    struct forge_image_section head;
    uint8_t kind;
    uint32_t raw_size, raw_offset;
};

struct forge_image {
    uint16_t machine;
    uint64_t base;
    uint32_t size;       /* given, or 0 */
    uint32_t image_size; /* in the end */
    uint32_t unit_size;
    uint32_t timestamp, checksum, entry;
    char *name;
    bool failed, closed; /* closed: nothing can be added */
    bool front;          /* tables go to the image's start */
    char why[160];

    struct image_unit *unit;
    size_t nunits;

    struct {
        struct image_export *item;
        size_t count, room;
    } exports;
    struct {
        struct image_import *item;
        size_t count, room;
    } imports;
    struct {
        struct image_function *item;
        size_t count, room;
    } functions;
    struct {
        struct image_part *item;
        size_t count, room;
    } parts;

    bool has_version;
    uint16_t file_version[4], product_version[4];
    struct image_string string[12];
    char *pdb;
    uint8_t guid[16];
    uint32_t age;

    size_t export_part, import_part, iat_part, debug_part, pdata_part, version_part;
    struct {
        uint32_t rva, size;
    } dir[16];
    struct image_section section[IMAGE_SECTIONS];
    size_t nsections;
    uint32_t headers_size;
};

static inline bool image_is64(const struct forge_image *m) { return m->machine != 0x14c; }
static inline uint32_t image_up(uint32_t v, uint32_t align) {
    return (v + align - 1) / align * align;
}

/* Failure is sticky: the first counts. Returns false. */
bool image_fail(struct forge_image *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A new last element of a list, zeroed; NULL once the image has failed. */
void *image_push(struct forge_image *m, void **item, size_t *count, size_t *room, size_t size);
#define IMAGE_PUSH(m, list)                                                                        \
    image_push((m), (void **)&(list)->item, &(list)->count, &(list)->room, sizeof *(list)->item)
char *image_copy(struct forge_image *m, const char *text);

/* image_units.c */
/* SIZE bytes at RVA are in use and of KIND; false when they cannot be. */
bool image_claim(struct forge_image *m, uint32_t rva, uint32_t size, unsigned kind);
/* The same, and here are the bytes. */
bool image_put(struct forge_image *m, uint32_t rva, const void *data, size_t size, unsigned kind);
/* The page of RVA is to have bytes in the file, though they come later. */
void image_touch(struct forge_image *m, uint32_t rva);
/* The byte at RVA was written; its value. */
bool image_written(const struct forge_image *m, uint32_t rva, uint8_t *ret);
bool image_used(const struct forge_image *m, uint32_t rva);
/* One past the last unit that is not free. */
size_t image_end(const struct forge_image *m);

/* image_place.c */
/* Announces a part; returns its index. */
size_t image_part(struct forge_image *m, const char *what, uint64_t size, uint32_t align,
                  unsigned group);
uint32_t image_part_rva(const struct forge_image *m, size_t index);
bool image_place(struct forge_image *m);

/* image_layout.c */
bool image_layout(struct forge_image *m);
bool image_is_kernel(const struct forge_image *m);
/* Offset of RVA in the file, 0 when it has none. */
uint32_t image_offset(const struct forge_image *m, uint32_t rva);

/* image_exports.c, image_imports.c, image_resource.c, image_unwind.c: see above */
void image_exports_claim(struct forge_image *m);
void image_exports_plan(struct forge_image *m);
void image_exports_write(struct forge_image *m);
void image_imports_claim(struct forge_image *m);
void image_imports_plan(struct forge_image *m);
void image_imports_write(struct forge_image *m);
/* The slots of the import address table in FLAT, SizeOfImage bytes. */
void image_imports_slots(const struct forge_image *m, uint8_t *flat, bool in_memory);
void image_debug_plan(struct forge_image *m);
void image_debug_write(struct forge_image *m);
void image_version_plan(struct forge_image *m);
void image_version_write(struct forge_image *m);
void image_functions_claim(struct forge_image *m);
void image_functions_plan(struct forge_image *m);
void image_functions_write(struct forge_image *m);

#endif
