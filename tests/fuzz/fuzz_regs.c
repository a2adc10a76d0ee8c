/* SPDX-License-Identifier: MIT */
/* CONTEXT records of every CPU: taken, read by table and by name, changed. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "harness/drive.h"
#include "stopcode/regs.h"

const char fuzz_name[] = "regs";

/* A register written must read back, and must change no other that does not share its bytes. */
static void write_back(struct sc_regs *regs, const struct sc_reg *row, uint64_t value) {
    struct sc_regs copy = *regs;
    unsigned bits = row->bits ? row->bits : row->size < 8 ? row->size * 8u : 64;
    uint64_t mask = bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
    if (row->size > 8)
        return;
    sc_reg_set(&copy, row, value & mask);
    if (sc_reg_value(&copy, row) != (value & mask))
        fuzz_broken("%s: %llx written, %llx read", row->name, (unsigned long long)(value & mask),
                    (unsigned long long)sc_reg_value(&copy, row));
    for (size_t i = 0; i < sizeof copy.raw; i++)
        if ((i < row->offset || i >= (size_t)row->offset + row->size) &&
            copy.raw[i] != regs->raw[i])
            fuzz_broken("%s changes the byte at 0x%zx", row->name, i);
}

static void all_registers(struct sc_regs *regs) {
    size_t n = 0;
    const struct sc_reg *row = sc_reg_table(regs->cpu, &n);
    for (size_t i = 0; i < n; i++) {
        uint8_t bytes[16];
        uint64_t v = 0;
        sc_reg_bytes(regs, &row[i], bytes);
        bool got = sc_regs_get(regs, row[i].name, &v);
        if (got && sc_reg_find(regs->cpu, row[i].name) == &row[i] &&
            v != sc_reg_value(regs, &row[i]))
            fuzz_broken("%s has two values", row[i].name);
        write_back(regs, &row[i], v ^ 0x5aa5f00f12345678);
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    if (!size)
        return;
    enum sc_cpu cpu = (enum sc_cpu)(data[0] % (SC_CPU_OTHER + 2));
    struct sc_regs regs;
    sc_err *err = sc_regs_init(&regs, cpu, data + 1, size - 1);
    if (err) {
        sc_err_destroy(err);
        return;
    }
    if (regs.size > size - 1)
        fuzz_broken("%u bytes taken of %zu", regs.size, size - 1);
    all_registers(&regs);
    sc_regs_ip(&regs);
    sc_regs_sp(&regs);
    sc_regs_fp(&regs);
    sc_regs_flags(&regs);
    sc_regs_context_flags(&regs);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    const enum sc_cpu cpus[] = {SC_CPU_X86, SC_CPU_X64, SC_CPU_ARM, SC_CPU_ARM64};
    for (size_t i = 0; i < 4; i++) {
        uint8_t context[1 + SC_CONTEXT_MAX];
        size_t size = sc_context_size(cpus[i]);
        for (size_t k = 0; k < sizeof context; k++)
            context[k] = (uint8_t)(k * 37);
        context[0] = (uint8_t)cpus[i];
        uint32_t flags = cpus[i] == SC_CPU_X86   ? 0x1003f
                         : cpus[i] == SC_CPU_X64 ? 0x10001f
                         : cpus[i] == SC_CPU_ARM ? 0x200007
                                                 : 0x400007;
        memcpy(context + 1 + (cpus[i] == SC_CPU_X64 ? 0x30 : 0), &flags, 4);
        add(ctx, context, 1 + size);
    }
}
