/* SPDX-License-Identifier: MIT */
/*
 * For tests of the disassembler: rows of bytes and what they are expected to be, with a namer that
 * knows exactly the names that the expected text holds.
 */
#ifndef STOPCODE_UNIT_DISASM_FIXTURE_H
#define STOPCODE_UNIT_DISASM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stopcode/disasm.h"

struct dis_row {
    enum sc_cpu cpu;
    uint64_t addr;
    const char *bytes; /* ARM64: the word as it is shown */
    const char *mnemonic, *operands;
};

/* Makes every address have a name of SC_INSN_NAME - 1 bytes. */
static bool dis_with_long_names;

/* The operands that name addresses: "[nt!Foo (fffff800`01234567)]". */
static bool dis_name(void *ctx, uint64_t addr, char *buf, size_t size) {
    const char *expected = *(const char **)ctx, *open = expected ? strstr(expected, " (") : NULL;
    if (dis_with_long_names) {
        memset(buf, 'n', size - 1);
        buf[size - 1] = 0;
        return true;
    }
    if (!open)
        return false;
    uint64_t named = 0;
    for (const char *p = open + 2; *p != ')'; p++)
        if (*p != '`')
            named = named << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
    const char *start = open;
    while (start > expected && !strchr("[, ", start[-1]))
        start--;
    snprintf(buf, size, "%.*s", (int)(open - start), start);
    return named == addr;
}

static const char *dis_expected;

static inline sc_disasm *dis_open(enum sc_cpu cpu) {
    sc_disasm *d = NULL;
    sc_err *err = sc_disasm_create(cpu, &d);
    if (err)
        fail_msg("%s", sc_err_text(err));
    sc_disasm_set_namer(d, dis_name, &dis_expected);
    return d;
}

static inline size_t dis_bytes(enum sc_cpu cpu, const char *hex, uint8_t *ret) {
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
        ret[cpu == SC_CPU_ARM64 ? n - 1 - i : i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

static inline void dis_decode(enum sc_cpu cpu, uint64_t addr, const char *hex,
                              struct sc_insn *ret_insn) {
    uint8_t bytes[16];
    size_t n = dis_bytes(cpu, hex, bytes);
    sc_disasm *d = dis_open(cpu);
    sc_disasm_decode(d, addr, bytes, n, ret_insn);
    sc_disasm_destroy(d);
}

static inline void dis_rows(const struct dis_row *row, size_t count) {
    for (size_t i = 0; i < count; i++, row++) {
        struct sc_insn insn;
        dis_expected = row->operands;
        dis_decode(row->cpu, row->addr, row->bytes, &insn);
        if (strcmp(insn.mnemonic, row->mnemonic) != 0 || strcmp(insn.operands, row->operands) != 0)
            fail_msg("%s at %llx: \"%s %s\", not \"%s %s\"", row->bytes,
                     (unsigned long long)row->addr, insn.mnemonic, insn.operands, row->mnemonic,
                     row->operands);
        bool none = !strcmp(row->mnemonic, "???");
        assert_int_equal(insn.valid, !none);
        if (!none)
            assert_int_equal(insn.length, strlen(row->bytes) / 2);
    }
    dis_expected = NULL;
}

static inline void dis_line(enum sc_cpu cpu, uint64_t addr, const char *hex, const char *expected) {
    struct sc_insn insn;
    char line[800];
    dis_decode(cpu, addr, hex, &insn);
    size_t len = sc_insn_line(&insn, sc_cpu_ptr_size(cpu), line, sizeof line);
    assert_int_equal(len, strlen(line));
    assert_string_equal(line, expected);
}

/* A register record of CPU whose ContextFlags claim all groups. */
static inline struct sc_regs dis_regs(enum sc_cpu cpu) {
    uint8_t raw[SC_CONTEXT_MAX] = {0};
    const uint32_t flags = cpu == SC_CPU_ARM64 ? 0x40000f : 0x10001f;
    struct sc_regs r;
    memcpy(raw + (cpu == SC_CPU_ARM64 ? 0 : 0x30), &flags, 4);
    assert_null(sc_regs_init(&r, cpu, raw, sc_context_size(cpu)));
    return r;
}

static inline void dis_set(struct sc_regs *r, const char *name, uint64_t value) {
    const struct sc_reg *reg = sc_reg_find(r->cpu, name);
    assert_non_null(reg);
    sc_reg_set(r, reg, value);
}

#endif
