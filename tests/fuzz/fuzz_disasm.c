/* SPDX-License-Identifier: MIT */
/*
 * The disassembler: the first byte chooses the CPU and whether addresses have names, the rest is
 * code, swept from its start. Every instruction must have a length that fits, the same record with
 * text and without, text that ends inside its buffers, and the same again when it stands alone.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "stopcode/disasm.h"

const char fuzz_name[] = "disasm";

enum { MOST = 512, LINE = SC_INSN_OPERANDS + 128 };

/* Every third address has a name; some names are as long as they may be. */
static bool on_name(void *ctx, uint64_t addr, char *buf, size_t size) {
    (void)ctx;
    if (addr % 3)
        return false;
    size_t n = addr % 5 ? 8 : size - 1;
    memset(buf, 'n', n);
    buf[n] = 0;
    return true;
}

static void check_text(const struct sc_insn *insn, unsigned ptr_size) {
    char line[LINE + 1], small[24];
    if (!memchr(insn->mnemonic, 0, sizeof insn->mnemonic) || !*insn->mnemonic ||
        !memchr(insn->operands, 0, sizeof insn->operands))
        fuzz_broken("a text that does not end, or is not there");
    for (const char *p = insn->operands; *p; p++)
        if (*p < ' ' || *p > '~')
            fuzz_broken("a character of %02x among the operands", (unsigned char)*p);
    line[LINE] = 'x';
    size_t n = sc_insn_line(insn, ptr_size, line, LINE);
    if (line[LINE] != 'x' || n >= LINE || strlen(line) != n)
        fuzz_broken("a line that is longer than its buffer");
    sc_insn_line(insn, ptr_size, small, sizeof small);
    if (strlen(small) >= sizeof small || strncmp(small, line, strlen(small)) != 0)
        fuzz_broken("a short line that is not the beginning of the long one");
}

/* All but the texts. */
static bool same_record(const struct sc_insn *a, const struct sc_insn *b) {
    return a->length == b->length && a->valid == b->valid && a->flow == b->flow &&
           a->has_target == b->has_target && a->target == b->target && a->nmems == b->nmems &&
           a->has_constant == b->has_constant && a->constant == b->constant &&
           !memcmp(a->byte, b->byte, sizeof a->byte);
}

static void check_registers(const struct sc_insn *insn, const struct sc_regs *regs) {
    uint64_t addr;
    bool taken;
    for (unsigned i = 0; i < insn->nmems; i++)
        sc_insn_mem_address(&insn->mem[i], regs, &addr);
    if (sc_insn_taken(insn, regs, &taken) && insn->flow != SC_FLOW_BRANCH)
        fuzz_broken("a condition without a branch");
}

static void sweep(sc_disasm *d, const uint8_t *code, size_t size, const struct sc_regs *regs,
                  unsigned ptr_size) {
    uint64_t addr = ptr_size == 8 ? 0xfffff80001234000 : 0x401000;
    struct sc_insn insn, again;
    for (size_t at = 0, n = 0; at < size && n < MOST; at += insn.length, n++) {
        sc_disasm_decode(d, addr + at, code + at, size - at, &insn);
        if (!insn.length || insn.length > size - at || insn.length > sc_disasm_max(d))
            fuzz_broken("length %u of %zu bytes", insn.length, size - at);
        if (memcmp(insn.byte, code + at, insn.length) != 0)
            fuzz_broken("other bytes");
        check_text(&insn, ptr_size);
        check_registers(&insn, regs);
        sc_disasm_scan(d, addr + at, code + at, size - at, &again);
        if (!same_record(&insn, &again))
            fuzz_broken("the record depends on the text");
        sc_disasm_decode(d, addr + at, code + at, insn.length, &again);
        if (insn.valid && !same_record(&insn, &again))
            fuzz_broken("the record depends on what follows");
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    static const enum sc_cpu cpus[] = {SC_CPU_X86, SC_CPU_X64, SC_CPU_ARM64};
    uint8_t raw[SC_CONTEXT_MAX];
    struct sc_regs regs;
    sc_disasm *d;
    if (!size)
        return;
    enum sc_cpu cpu = cpus[data[0] % 3];
    memset(raw, 0xff, sizeof raw);
    sc_err *err = sc_regs_init(&regs, cpu, raw, sc_context_size(cpu));
    if (!err)
        err = sc_disasm_create(cpu, &d);
    if (err) {
        sc_err_destroy(err);
        return;
    }
    if (data[0] & 0x80)
        sc_disasm_set_namer(d, on_name, NULL);
    sweep(d, data + 1, size - 1, &regs, sc_cpu_ptr_size(cpu));
    sc_disasm_destroy(d);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const uint8_t x86[] =
        "\x00\x8b\xff\x55\x64\xa1\x18\0\0\0\xff\x24\x95\x00\x1f\xb3\x7e\xf3\xa5"
        "\xd8\xc1\xe2\xed\xea\x09\x60\x1e\x6b\x33\0\xc2\x0c";
    static const uint8_t x64[] =
        "\x81\x65\x48\x8b\x04\x25\x88\x01\0\0\x48\x8b\x0d\x6d\x2a\0\0\xf0\x49"
        "\x0f\xc7\x08\x62\xf1\x7c\x89\x10\0\xe8\0\0\0\0\xc5\xfc\x10\0\x0f\x84"
        "\0\0\0\0\x48\xb8\x12\x34\x56\x78\x9a\xbc\xde\xf0";
    static const uint8_t arm[] =
        "\x82\x7f\x23\x03\xd5\xfd\x7b\xbf\xa9\x61\0\0\x54\x48\xc6\x44\xf9\x68"
        "\x7a\x73\xb8\x08\0\0\x90\xa8\0\0\x58\x60\0\x3e\xd4\xc0\x03\x5f\xd6";
    add(ctx, x86, sizeof x86);
    add(ctx, x64, sizeof x64);
    add(ctx, arm, sizeof arm - 1);
}
