/* SPDX-License-Identifier: MIT */
/* One of everything; see peparts.h. Every part has a place of its own, in the order below. */
#include "forge/peparts.h"

#include <string.h>

enum {
    EXPORTS = 0x2000,
    IMPORTS = 0x2200,
    DELAY = 0x2400,
    RESOURCES = 0x2600,
    VERSION = 0x2800,
    DEBUG = 0x2c00,
    FUNCTIONS = 0x3000,
    XDATA = 0x3100,
    CONFIG = 0x3400,
    CHPE = 0x3600,
    TLS = 0x3800,
    RELOCS = 0x3a00,
    IAT = 0x4000,
};

static void put_exports(struct peimg *p) {
    const uint32_t dir[] = {
        0, 1, 0, EXPORTS + 0xa0, 1, 3, 2, EXPORTS + 0x40, EXPORTS + 0x60, EXPORTS + 0x80};
    const uint32_t functions[] = {0x1000, 0x1100, EXPORTS + 0xc0};
    const uint32_t names[] = {EXPORTS + 0xb0, EXPORTS + 0xb8};
    peimg_dir(p, 0, EXPORTS, 0x100);
    peimg_u32s(p, EXPORTS, dir, 10);
    peimg_u32s(p, EXPORTS + 0x40, functions, 3);
    peimg_u32s(p, EXPORTS + 0x60, names, 2);
    peimg_u32(p, EXPORTS + 0x80, 1u << 16 | 2);
    peimg_text(p, EXPORTS + 0xa0, "made.sys");
    peimg_text(p, EXPORTS + 0xb0, "Away");
    peimg_text(p, EXPORTS + 0xb8, "Here");
    peimg_text(p, EXPORTS + 0xc0, "HAL.Away");
}

static void put_imports(struct peimg *p) {
    const uint32_t normal[] = {IMPORTS + 0x40, 0, 0, IMPORTS + 0x80, IAT};
    const uint32_t delay[] = {1, IMPORTS + 0x90, IAT + 0x100, IAT + 0x80, DELAY + 0x40, 0, 0, 0};
    unsigned w = p->is64 ? 8 : 4;
    peimg_dir(p, 1, IMPORTS, 0x28);
    peimg_u32s(p, IMPORTS, normal, 5);
    peimg_ptr(p, IMPORTS + 0x40, IMPORTS + 0xa0);
    peimg_ptr(p, IMPORTS + 0x40 + w, (p->is64 ? 1ull << 63 : 1ull << 31) | 12);
    peimg_dir(p, 13, DELAY, 0x40);
    peimg_u32s(p, DELAY, delay, 8);
    peimg_ptr(p, DELAY + 0x40, IMPORTS + 0xa0);
    peimg_text(p, IMPORTS + 0x80, "HAL.dll");
    peimg_text(p, IMPORTS + 0x90, "cng.sys");
    peimg_text(p, IMPORTS + 0xa2, "KeStall");
}

/* Type 16 and a named one, each with one leaf: the version. */
static void put_resources(struct peimg *p, uint32_t version_size) {
    const uint32_t sub = 0x80000000;
    const uint32_t root[] = {0, 0, 0, 1u << 16 | 1, sub | 0x100, sub | 0x40, 16, sub | 0x40};
    const uint32_t middle[] = {0, 0, 0, 1u << 16, 1, sub | 0x60};
    const uint32_t last[] = {0, 0, 0, 1u << 16, 0x409, 0x80};
    const uint32_t leaf[] = {VERSION, version_size, 1252, 0};
    peimg_dir(p, 2, RESOURCES, 0x200);
    peimg_u32s(p, RESOURCES, root, 8);
    peimg_u32s(p, RESOURCES + 0x40, middle, 6);
    peimg_u32s(p, RESOURCES + 0x60, last, 6);
    peimg_u32s(p, RESOURCES + 0x80, leaf, 4);
    peimg_u16(p, RESOURCES + 0x100, 3);
    peimg_text16(p, RESOURCES + 0x102, "MUI");
}

/* A block's head; the offset behind its key. */
static uint32_t block(struct peimg *p, uint32_t at, uint16_t size, uint16_t value, uint16_t type,
                      const char *key) {
    peimg_u16(p, at, size);
    peimg_u16(p, at + 2, value);
    peimg_u16(p, at + 4, type);
    peimg_text16(p, at + 6, key);
    return (at + 6 + 2 * (uint32_t)strlen(key) + 2 + 3) & ~3u;
}

static uint32_t put_version(struct peimg *p) {
    const uint32_t fixed[] = {0xfeef04bd, 0x10000,
                              10u << 16,  19041u << 16 | 804,
                              10u << 16,  19041u << 16 | 804,
                              0x3f,       0,
                              0x40004,    3,
                              7,          0,
                              0};
    uint32_t at = block(p, VERSION, 0x110, 0x34, 0, "VS_VERSION_INFO");
    peimg_u32s(p, at, fixed, 13);
    at = block(p, at + 0x34, 0x70, 0, 1, "StringFileInfo");
    at = block(p, at, 0x4c, 0, 1, "040904b0");
    at = block(p, at, 0x34, 5, 1, "CompanyName");
    peimg_text16(p, at, "Made");
    at = block(p, at + 0x14, 0x44, 0, 1, "VarFileInfo");
    at = block(p, at, 0x24, 4, 0, "Translation");
    peimg_u32(p, at, 0x04b00409);
    return 0x110;
}

static void put_debug(struct peimg *p) {
#define BYTES(text) text, sizeof(text) - 1
    static const struct {
        uint32_t type, size;
        const char *data;
        size_t len; /* of data; zeros behind it */
    } entries[] = {
        {2, 0x28, BYTES("RSDS0123456789abcdef\x01\0\0\0c:\\made.pdb")},
        {4, 0x20, BYTES("\x01\0\0\0\x20\0\0\0\0\0\0\0made.dbg")},
        {12, 0x14, BYTES("\x01\0\0\0\x02")},
        {13, 0x14, BYTES("LTCG\0\x10\0\0\x20\0\0\0.text")},
        {16, 0x24, BYTES("\x20\0\0\0hash")},
        {17, 0x10, BYTES("MPDB\x10")},
        {19, 0x27, BYTES("SHA256")},
        {20, 0x04, BYTES("\x01")},
    };
#undef BYTES
    uint32_t at = DEBUG + 0x180;
    for (uint32_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        const uint32_t e[] = {0, 1, 0, entries[i].type, entries[i].size, at, at - 0x2000 + 0x1400};
        peimg_u32s(p, DEBUG + 28 * i, e, 7);
        memcpy(p->data + at, entries[i].data, entries[i].len);
        at += 0x30;
    }
    peimg_dir(p, 6, DEBUG, 28 * 8);
}

static void put_functions(struct peimg *p, uint16_t machine) {
    const uint32_t x64[] = {0x1000,       0x1040, XDATA,  0x1040,       0x1060,
                            XDATA + 0x20, 0x1100, 0x1180, FUNCTIONS + 1};
    const uint32_t arm[] = {0x1000, XDATA + 0x40, 0x1100, 0x51};
    const uint32_t xdata[] = {0x09 | 1u << 20 | 1u << 22 | 1u << 27, 1, 0xe4, 0x1040};
    if (machine == 0x8664) {
        peimg_u32s(p, FUNCTIONS, x64, 9);
        peimg_u32(p, XDATA, 1 | 1 << 3 | 1u << 16);
        peimg_u32(p, XDATA + 4, 0x4204);
        peimg_u32(p, XDATA + 8, 0x1040);
        peimg_u32(p, XDATA + 0x20, 1 | 4 << 3);
        peimg_u32s(p, XDATA + 0x24, x64, 3);
        peimg_dir(p, 3, FUNCTIONS, sizeof x64);
    } else if (machine != 0x14c) {
        peimg_u32s(p, FUNCTIONS, arm, 4);
        peimg_u32s(p, XDATA + 0x40, xdata, 4);
        peimg_dir(p, 3, FUNCTIONS, sizeof arm);
    }
}

static void put_config(struct peimg *p) {
    const uint32_t chpe[] = {1, CHPE + 0x80, 1};
    peimg_dir(p, 10, CONFIG, 0x140);
    peimg_u32(p, CONFIG, p->is64 ? 0x140 : 0xc0);
    peimg_ptr(p, CONFIG + (p->is64 ? 0x58 : 0x3c), p->base + 0x5000);
    peimg_ptr(p, CONFIG + (p->is64 ? 0xc8 : 0x7c), p->base + CHPE);
    peimg_u32s(p, CHPE, chpe, 3);
    peimg_u32(p, CHPE + 0x80, 0x1001);
    peimg_u32(p, CHPE + 0x84, 0x100);
    unsigned w = p->is64 ? 8 : 4;
    peimg_dir(p, 9, TLS, 4 * w + 8);
    peimg_ptr(p, TLS + 2 * w, p->base + 0x5010);
    peimg_ptr(p, TLS + 3 * w, p->base + TLS + 0x80);
    peimg_ptr(p, TLS + 0x80, p->base + 0x1000);
}

static void put_relocs(struct peimg *p, uint16_t machine) {
    uint16_t wide = p->is64 ? 0xa000 : 0x3000;
    peimg_u32(p, RELOCS, 0x5000);
    peimg_u32(p, RELOCS + 4, 16);
    peimg_u16(p, RELOCS + 8, wide);
    peimg_u16(p, RELOCS + 10, wide | 0xffe);
    peimg_u16(p, RELOCS + 12, machine == 0x1c4 ? 0x7100 : 0x4100);
    peimg_dir(p, 5, RELOCS, 16);
    peimg_ptr(p, 0x5000, p->base + 0x1000);
}

void peparts_init(struct peimg *p, uint16_t machine) {
    peimg_init(p, machine);
    put_exports(p);
    put_imports(p);
    put_resources(p, put_version(p));
    put_debug(p);
    put_functions(p, machine);
    put_config(p);
    put_relocs(p, machine);
}
