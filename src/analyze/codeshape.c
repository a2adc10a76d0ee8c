/* SPDX-License-Identifier: MIT */
/*
 * The shape of the code at the failing instruction.
 *
 * Instructions of x86 and x64 have different lengths, and nothing marks where one begins. But
 * decoded from any byte, a few instructions later nearly every reading has fallen into the true
 * one. So code is read from sixteen places before the instruction: when none of the readings
 * arrives at it, and those that are valid agree on the same instruction that it is the middle of,
 * the processor was not where the program had led it. At least half of them must be valid.
 */
#include "analyze/codeshape.h"

#include <string.h>

#include "analyze/fault.h"
#include "analyze/kfacts.h"

enum { BEFORE = 48, STARTS = 16, LEAST = 8, AFTER = 15, FILL = 16 };

struct reading {
    uint64_t landed; /* the first boundary at the instruction or behind it */
    uint64_t begin;  /* of the instruction that ends there */
    bool valid;
};

static struct reading read_from(sc_disasm *disasm, const uint8_t *code, uint64_t base, size_t at) {
    struct reading r = {.valid = true};
    struct sc_insn insn;
    while (at < BEFORE) {
        sc_disasm_decode(disasm, base + at, code + at, BEFORE + AFTER - at, &insn);
        if (!insn.valid)
            return (struct reading){.valid = false};
        r.begin = base + at;
        at += insn.length;
    }
    r.landed = base + at;
    return r;
}

static enum sc_code_shape judge(sc_disasm *disasm, const uint8_t *code, uint64_t ip,
                                uint64_t *ret_begin) {
    unsigned valid = 0;
    uint64_t begin = 0;
    for (size_t i = 0; i < STARTS; i++) {
        struct reading r = read_from(disasm, code, ip - BEFORE, i);
        if (!r.valid)
            continue;
        if (r.landed == ip || (valid && r.begin != begin))
            return SC_SHAPE_FINE;
        begin = r.begin;
        valid++;
    }
    if (valid < LEAST)
        return SC_SHAPE_UNKNOWN;
    *ret_begin = begin;
    return SC_SHAPE_MIDDLE;
}

/* Zeros and ones are what memory is filled with, and no code. */
static bool is_filled(const uint8_t *code) {
    for (size_t i = 1; i < FILL; i++)
        if (code[i] != code[0])
            return false;
    return code[0] == 0 || code[0] == 0xff;
}

enum sc_code_shape sc_code_shape(struct sc_case *c, uint64_t *ret_begin) {
    uint8_t code[BEFORE + FILL];
    sc_space *space = sc_target_space(c->target);
    enum sc_cpu cpu = c->machine->cpu;
    uint64_t ip = c->fault.ip;
    sc_disasm *disasm;
    if (ip == SC_UNSET64 || (cpu != SC_CPU_X64 && cpu != SC_CPU_X86) ||
        !sc_target_module_at(c->target, ip) ||
        sc_space_read(space, ip, code + BEFORE, FILL, NULL) != SC_READ_OK)
        return SC_SHAPE_UNKNOWN;
    if (is_filled(code + BEFORE))
        return SC_SHAPE_FILLED;
    if (sc_space_read(space, ip - BEFORE, code, BEFORE, NULL) != SC_READ_OK ||
        !sc_case_took(c, sc_disasm_create(cpu, &disasm)))
        return SC_SHAPE_UNKNOWN;
    enum sc_code_shape shape = judge(disasm, code, ip, ret_begin);
    sc_disasm_destroy(disasm);
    return shape;
}
