/* SPDX-License-Identifier: MIT */
/*
 * Hardware error records made byte by byte from the tables of the UEFI specification (appendix N),
 * not through the reader's own structures.
 *
 *     struct made m;
 *     made_begin(&m, 2, 1);                              two sections, fatal
 *     uint8_t *s = made_section(&m, GUID_MCA, 264, 1);
 *     put_le(s + 0x28, 0xbe2000000005110a, 8);
 *     … m.bytes, m.size …
 */
#ifndef STOPCODE_UNIT_WHEA_FIXTURE_H
#define STOPCODE_UNIT_WHEA_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MADE_MAX = 0x800 };

/* GUIDs as they stand in memory: the first three parts little-endian. */
static const uint8_t GUID_PROCESSOR[16] = {0xad, 0xcc, 0x76, 0x98, 0xb4, 0x47, 0xdb, 0x4b,
                                           0xb6, 0x5e, 0x16, 0xf1, 0x93, 0xc4, 0xf3, 0xdb};
static const uint8_t GUID_X64[16] = {0xb0, 0xa0, 0x3e, 0xdc, 0x44, 0xa1, 0x97, 0x47,
                                     0xb9, 0x5b, 0x53, 0xfa, 0x24, 0x2b, 0x6e, 0x1d};
static const uint8_t GUID_MCA[16] = {0x01, 0x1d, 0x1e, 0x8a, 0xf9, 0x42, 0x57, 0x45,
                                     0x9c, 0x33, 0x56, 0x5e, 0x5c, 0xc3, 0xf7, 0xe8};
static const uint8_t GUID_MEMORY[16] = {0x14, 0x11, 0xbc, 0xa5, 0x64, 0x6f, 0xde, 0x4e,
                                        0xb8, 0x63, 0x3e, 0x83, 0xed, 0x7c, 0x83, 0xb1};
static const uint8_t GUID_PCIE[16] = {0x54, 0xe9, 0x95, 0xd9, 0xc1, 0xbb, 0x0f, 0x43,
                                      0xad, 0x91, 0xb4, 0x4d, 0xcb, 0x3c, 0x6f, 0x35};
static const uint8_t GUID_CACHE_CHECK[16] = {0xf5, 0x01, 0x57, 0xa5, 0xef, 0xe3, 0xde, 0x43,
                                             0xac, 0x72, 0x24, 0x9b, 0x57, 0x3f, 0xad, 0x2c};
static const uint8_t GUID_MICROSOFT[16] = {0xbd, 0xc4, 0x07, 0xcf, 0x89, 0xb7, 0x18, 0x4e,
                                           0xb3, 0xc4, 0x1f, 0x73, 0x2c, 0xb5, 0x71, 0x31};
static const uint8_t GUID_MCE[16] = {0xfe, 0x6f, 0xf5, 0xe8, 0x9c, 0x91, 0xc5, 0x4c,
                                     0xba, 0x88, 0x65, 0xab, 0xe1, 0x49, 0x13, 0xbb};

struct made {
    uint8_t bytes[MADE_MAX];
    size_t size;
    unsigned nsections, room;
};

static inline void put_le(uint8_t *at, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* The header, with room for NSECTIONS descriptors: 2022-10-13 14:40:34, binary as Windows has it.
 */
static inline void made_begin(struct made *m, unsigned nsections, uint32_t severity) {
    static const uint8_t time[8] = {34, 40, 14, 0, 13, 10, 22, 20};
    memset(m, 0, sizeof *m);
    m->room = nsections;
    m->size = 128 + 72 * (size_t)nsections;
    memcpy(m->bytes, "CPER", 4);
    put_le(m->bytes + 4, 0x0210, 2);
    put_le(m->bytes + 6, 0xffffffff, 4);
    put_le(m->bytes + 10, nsections, 2);
    put_le(m->bytes + 12, severity, 4);
    put_le(m->bytes + 16, 2, 4); /* the time is valid */
    put_le(m->bytes + 20, m->size, 4);
    memcpy(m->bytes + 24, time, 8);
    memcpy(m->bytes + 64, GUID_MICROSOFT, 16);
    memcpy(m->bytes + 80, GUID_MCE, 16);
    put_le(m->bytes + 96, 0x01d8df1234567890, 8);
}

/* A section of SIZE zero bytes, which it returns. */
static inline uint8_t *made_section(struct made *m, const uint8_t type[16], size_t size,
                                    uint32_t flags) {
    assert_true(m->nsections < m->room && m->size + size <= MADE_MAX);
    uint8_t *d = m->bytes + 128 + 72 * (size_t)m->nsections++;
    uint8_t *s = m->bytes + m->size;
    put_le(d, m->size, 4);
    put_le(d + 4, size, 4);
    put_le(d + 8, 0x0300, 2);
    put_le(d + 12, flags, 4);
    memcpy(d + 16, type, 16);
    put_le(d + 48, 1, 4);
    m->size += size;
    put_le(m->bytes + 20, m->size, 4);
    return s;
}

/* Machine check: bank BANK of processor CPU, vendor 1 Intel or 2 AMD. */
static inline uint8_t *made_mca(struct made *m, unsigned vendor, unsigned cpu, unsigned bank,
                                uint64_t status, uint64_t address) {
    uint8_t *s = made_section(m, GUID_MCA, 264, 0);
    put_le(s, 1, 4);
    put_le(s + 4, vendor, 4);
    put_le(s + 0x10, cpu, 4);
    put_le(s + 0x24, bank, 4);
    put_le(s + 0x28, status, 8);
    put_le(s + 0x30, address, 8);
    put_le(s + 0x44, cpu * 2, 4);
    return s;
}

static inline uint8_t *made_processor(struct made *m, unsigned error, unsigned level, unsigned id) {
    uint8_t *s = made_section(m, GUID_PROCESSOR, 192, 1);
    put_le(s, 0x17f, 8); /* all but the brand and the addresses */
    s[9] = 2;            /* x64 */
    s[10] = (uint8_t)error;
    s[13] = (uint8_t)level;
    put_le(s + 16, 0x306c3, 8);
    put_le(s + 0x98, id, 8);
    return s;
}

static inline uint8_t *made_memory(struct made *m, uint64_t address, unsigned type) {
    uint8_t *s = made_section(m, GUID_MEMORY, 80, 1);
    put_le(s, 0x4002 | 8 | 0x10 | 0x20, 8); /* type, address, node, card, module */
    put_le(s + 16, address, 8);
    put_le(s + 0x22, 1, 2);
    put_le(s + 0x24, 2, 2);
    s[0x48] = (uint8_t)type;
    return s;
}

static inline uint8_t *made_pcie(struct made *m, uint32_t uncorrectable, uint32_t correctable) {
    uint8_t *s = made_section(m, GUID_PCIE, 208, 1);
    put_le(s, 0xcf, 8);
    put_le(s + 8, 4, 4);       /* root port */
    put_le(s + 12, 0x0101, 4); /* 1.1 */
    put_le(s + 16, 0x0507, 2);
    put_le(s + 18, 0x4010, 2);
    put_le(s + 24, 0x8086, 2);
    put_le(s + 26, 0x2a41, 2);
    put_le(s + 28, 0x060400, 3);
    s[32] = 1; /* device */
    put_le(s + 0x74, uncorrectable, 4);
    put_le(s + 0x80, correctable, 4);
    return s;
}

#endif
