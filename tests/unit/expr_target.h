/* SPDX-License-Identifier: MIT */
/*
 * The target of the tests of expressions: a few names and registers, and 64 bytes of memory at
 * 1000 whose values say where they are. One of 64 bits, one of 32.
 */
#ifndef STOPCODE_TEST_EXPR_TARGET_H
#define STOPCODE_TEST_EXPR_TARGET_H

#include "base/utf.h"
#include "expr/expr.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct named {
    const char *name;
    uint64_t value;
};

static const struct named symbols64[] = {
    {"nt", 0xfffff80001800000},
    {"ntoskrnl.exe", 0xfffff80001800000},
    {"1394ohci", 0xfffff88004400000},
    {"1394ohci!DriverEntry", 0xfffff88004401000},
    {"nt!KeBugCheckEx", 0xfffff80001865f00},
    {"KeBugCheckEx", 0xfffff80001865f00},
    {"nt! ?? ::FNODOBFM::`string'", 0xfffff80001900000},
    {"fade", 0x5000},
    {"nt!fade", 0x5000},
    {"fade!x", 0x6000},
    {"bad!feed", 0x7000},
    {"$!lime", 0x8000},
    {"mod!ptr", 0x2000},
    {"mod!Foo::Bar", 0x9000},
    {"mod!Foo::~Foo", 0x9100},
    {"mod!Foo::`vftable'", 0x9200},
    {"mod!`anonymous namespace'::f", 0x9300},
    {"mod!`a::`b''::c", 0x9400},
    {"mod!_stdcall@8", 0x9500},
    {"_stdcall@8", 0x9500},
    {"mod!??_C@_0abc", 0x9600},
    {"mod!vector<int>::push_back", 0x9700},
    {"mod!caf\xc3\xa9", 0x9800},
    {"a_b", 0x9900},
    {"low!x", 0xa000},
    {"poi!x", 0xa100},
    {"not!x", 0xa200},
    {"cl", 0xa300},  /* a symbol stands before a register, */
    {"rax", 0xa400}, /* but not before a common one */
};

static const struct named registers64[] = {
    {"rax", 0x1000},
    {"rbx", 8},
    {"rip", 0xfffff80001865f00},
    {"$ip", 0xfffff80001865f00},
    {"r8", 0x88},
    {"ch", 0x77},
    {"cl", 0x55},
    {"efl", 0x246},
    {"zf", 1},
    {"$t0", 5},
};

static const struct named symbols32[] = {{"nt", 0x804d7000}, {"app", 0x400000}};
static const struct named registers32[] = {
    {"eax", 0x80001234},         {"ebx", 0x1234},     {"$t0", 0x80000000},
    {"$t1", 0xffffffff80000000}, {"$ip", 0x804d8000}, {"al", 0x34},
};

struct target {
    const struct named *symbol, *reg;
    size_t nsymbols, nregs;
    enum sc_read missing; /* what reads elsewhere answer */
};

static inline bool find(const struct named *row, size_t count, const char *name, uint64_t *ret) {
    for (size_t i = 0; i < count; i++)
        if (!sc_strcasecmp(row[i].name, name)) {
            *ret = row[i].value;
            return true;
        }
    return false;
}

static inline bool symbol(void *ctx, const char *name, uint64_t *ret) {
    const struct target *t = ctx;
    return find(t->symbol, t->nsymbols, name, ret);
}

static inline bool reg(void *ctx, const char *name, uint64_t *ret) {
    const struct target *t = ctx;
    return find(t->reg, t->nregs, name, ret);
}

/*
 * 1000…103f: the byte at 1000+n is 10+n, physically 90+n; 2000: a pointer to 1000; 80001000…7:
 * 000000f0, 80001000; ffffffff: ee.
 */
static inline bool byte_at(uint64_t addr, bool physical, uint8_t *ret) {
    static const uint8_t high[] = {0xf0, 0, 0, 0, 0, 0x10, 0, 0x80};
    if (addr >= 0x1000 && addr < 0x1040)
        *ret = (uint8_t)(addr - 0x1000 + (physical ? 0x90 : 0x10));
    else if (addr >= 0x2000 && addr < 0x2008 && !physical)
        *ret = addr == 0x2001 ? 0x10 : 0;
    else if (addr >= 0x80001000 && addr < 0x80001008)
        *ret = high[addr & 7];
    else if (addr == UINT32_MAX)
        *ret = 0xee;
    else
        return false;
    return true;
}

static inline enum sc_read read_memory(void *ctx, uint64_t addr, unsigned size, bool physical,
                                       uint64_t *ret) {
    const struct target *t = ctx;
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte;
        if (!byte_at(addr + i, physical, &byte))
            return t->missing;
        value |= (uint64_t)byte << 8 * i;
    }
    *ret = value;
    return SC_READ_OK;
}

static inline bool dot(void *ctx, uint64_t *ret) { return reg(ctx, "$ip", ret); }

static inline sc_err *entry(void *ctx, uint64_t base, uint64_t *ret) {
    (void)ctx;
    if (base & 0xfff)
        return sc_err_mem(base, "no image header");
    *ret = base + 0x100;
    return NULL;
}

static struct target target64 = {symbols64, registers64, COUNT(symbols64), COUNT(registers64),
                                 SC_READ_ABSENT};
static struct target target32 = {symbols32, registers32, COUNT(symbols32), COUNT(registers32),
                                 SC_READ_INVALID};

static inline struct sc_expr_env env_of(struct target *t, unsigned ptr_size, bool user) {
    return (struct sc_expr_env){.ctx = t,
                                .radix = 16,
                                .ptr_size = ptr_size,
                                .user = user,
                                .symbol = symbol,
                                .reg = reg,
                                .read = read_memory,
                                .dot = dot,
                                .entry = entry};
}

static inline struct sc_expr_env env64(void) { return env_of(&target64, 8, false); }

static inline struct sc_expr_env env32(bool user) { return env_of(&target32, 4, user); }

#endif
