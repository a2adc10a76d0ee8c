/* SPDX-License-Identifier: MIT */
/*
 * A PE image under construction, for tests: bytes addressed by RVA, from which come a file and a
 * piece of memory with the same contents.
 *
 *     struct peimg p;
 *     peimg_init(&p, 0x8664);
 *     peimg_dir(&p, SC_PE_DIR_EXPORT, 0x2000, 0x100);
 *     peimg_u32(&p, 0x2010, 1); …
 *     struct forge_bytes file = peimg_file(&p);
 *
 * Headers lie at the start; there are two sections unless a test changes that: .text at 0x1000 and
 * .data at 0x2000, whose last page (from 0x7000 on) is not in the file.
 */
#ifndef STOPCODE_TESTS_FORGE_PEIMG_H
#define STOPCODE_TESTS_FORGE_PEIMG_H

#include "forge/section.h"

enum {
    PEIMG_NT = 0x80,       /* the signature */
    PEIMG_OPT = 0x98,      /* the optional header */
    PEIMG_SIZE = 0x8000,   /* SizeOfImage */
    PEIMG_TEXT = 0x1000,   /* of .text, raw data at 0x400 */
    PEIMG_DATA = 0x2000,   /* of .data, raw data at 0x1400 */
    PEIMG_ZEROS = 0x7000,  /* from here on .data has no bytes in the file */
    PEIMG_FILE = 0x6400,   /* size of the file */
    PEIMG_HEADERS = 0x400, /* SizeOfHeaders */
};

struct peimg {
    bool is64;
    uint64_t base;     /* ImageBase */
    uint32_t sections; /* RVA and offset of the section table */
    uint8_t data[PEIMG_SIZE];
};

/* MACHINE 0x14c and 0x1c4 make PE32 images, others PE32+. */
void peimg_init(struct peimg *p, uint16_t machine);
void peimg_dir(struct peimg *p, unsigned index, uint32_t rva, uint32_t size);

void peimg_u8(struct peimg *p, uint32_t rva, uint8_t v);
void peimg_u16(struct peimg *p, uint32_t rva, uint16_t v);
void peimg_u32(struct peimg *p, uint32_t rva, uint32_t v);
void peimg_u64(struct peimg *p, uint32_t rva, uint64_t v);
/* As wide as the image's pointers. */
void peimg_ptr(struct peimg *p, uint32_t rva, uint64_t v);
/* COUNT numbers of 32 bits. */
void peimg_u32s(struct peimg *p, uint32_t rva, const uint32_t *v, size_t count);
/* With its NUL; UTF-16 of ASCII, with its NUL. */
void peimg_text(struct peimg *p, uint32_t rva, const char *text);
void peimg_text16(struct peimg *p, uint32_t rva, const char *text);

/* The file; NULL data when memory is short. */
struct forge_bytes peimg_file(const struct peimg *p);

#endif
