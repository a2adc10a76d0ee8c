/* SPDX-License-Identifier: MIT */
/*
 * Looking for a good number one bit away. Candidates are tried from the highest bit down; what
 * they must be:
 *
 *   likely    in a bit from 32 up, which no index or neighbour explains: the start of a function,
 *             an address within 4 KB of what another register holds, one on the thread's own stack
 *             near its top, or memory that the dump holds; and of numbers that are no address at
 *             all (not canonical), one of the bits 47 to 63, and any of these, or a loaded image
 *   possible  a number that is not canonical, and a kernel's address with one bit changed; or in a
 *             bit from 32 up an address in a loaded image; for a jump, in any bit, the start of a
 *             function
 *
 * A number that looks like something else is not looked at: null and small offsets, patterns of
 * freed memory, text.
 */
#include "analyze/bitflip.h"

#include <string.h>

#include "analyze/fault.h"
#include "analyze/faultregs.h"

enum { HIGH_BIT = 32, CANONICAL_BIT = 47, NEAR_BYTES = 0x1000, STACK_BYTES = 0x4000 };

unsigned sc_bits_set(uint64_t value) {
    unsigned n = 0;
    for (; value; value &= value - 1)
        n++;
    return n;
}

static bool is_canonical(const struct sc_case *c, uint64_t addr) {
    uint64_t top = addr >> CANONICAL_BIT;
    return c->machine->cpu != SC_CPU_X64 || top == 0 || top == 0x1ffff;
}

/* A register of the fault that holds an address near GOOD, other than the bad one; NULL none. */
static const char *register_near(struct sc_case *c, const struct sc_fault_regs *r, uint64_t good) {
    size_t n = 0;
    const struct sc_reg *table = sc_reg_table(c->machine->cpu, &n);
    for (size_t i = 0; i < n && table && r->regs; i++) {
        if (table[i].cls != SC_REG_GPR || table[i].size != c->ptr_size ||
            !sc_fault_regs_known(r, &table[i]))
            continue;
        uint64_t value = sc_reg_value(r->regs, &table[i]);
        if (value + NEAR_BYTES - good < 2 * NEAR_BYTES)
            return table[i].name;
    }
    return NULL;
}

static bool is_function_start(struct sc_case *c, uint64_t addr) {
    struct sc_near near;
    bool found = false;
    if (!c->symtab || !sc_target_module_at(c->target, addr))
        return false;
    sc_err *err = sc_symtab_near(c->symtab, addr, &near, &found);
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        c->nomem = true;
    bool start = !err && found && near.displacement == 0 && near.symbol.kind != SC_SYM_DATA;
    sc_err_destroy(err);
    return start;
}

/* What lies there that makes it a good address; NULL nothing. */
static const char *what_is_there(struct sc_case *c, uint64_t good, bool *ret_strong,
                                 const char **ret_command) {
    struct sc_fault_regs r;
    sc_fault_regs(c, &r);
    uint64_t byte, sp = r.regs ? sc_regs_sp(r.regs) : 0;
    const char *reg;
    *ret_strong = true;
    *ret_command = sc_case_ln(c, good);
    if (is_function_start(c, good))
        return sc_case_text(c, "the start of %s", sc_case_place(c, good));
    *ret_command = r.command;
    if ((reg = register_near(c, &r, good)) != NULL)
        return sc_case_text(c, "where register %s points", reg);
    if (sp && good - sp < STACK_BYTES)
        return "on the stack, near its top";
    *ret_strong = false;
    *ret_command = sc_case_lm(c, good);
    if (sc_target_module_at(c->target, good))
        return sc_case_text(c, "in an image, %s",
                            sc_case_extent(c, sc_target_module_at(c->target, good)));
    *ret_strong = true;
    *ret_command = sc_case_text(c, "db %s L1", sc_case_hex(c, good));
    if (sc_space_uint(sc_target_space(c->target), good, 1, &byte) == SC_READ_OK)
        return "memory that the dump holds";
    return NULL;
}

/* Fills RET for BAD with BIT changed; false when nothing good is there. */
static bool try_bit(struct sc_case *c, uint64_t bad, unsigned bit, struct sc_bitflip *ret) {
    bool strong, wild = !is_canonical(c, bad), jump = bad == c->fault.ip;
    uint64_t good = bad ^ UINT64_C(1) << bit;
    if (!is_canonical(c, good) || !sc_case_in_kernel(c, good))
        return false;
    const char *command, *what = what_is_there(c, good, &strong, &command);
    if (what && bit < HIGH_BIT && !(jump && is_function_start(c, good)))
        return false;
    if (!what && !wild)
        return false;
    *ret = (struct sc_bitflip){.bad = bad, .good = good, .bit = bit, .what = what};
    ret->command = what ? command : NULL;
    ret->likely = what && bit >= HIGH_BIT && (strong || wild);
    return true;
}

bool sc_bitflip_find(struct sc_case *c, uint64_t bad, struct sc_bitflip *ret) {
    struct sc_pointer p;
    uint64_t byte;
    struct sc_bitflip flip;
    bool found = false;
    if (bad == SC_UNSET64 || c->is32 || !c->machine->kernel)
        return false;
    bool classed = sc_pointer_class(c, bad, &p);
    if (classed && strcmp(p.id, "non-canonical") != 0)
        return false;
    /* What is there after all needs no other explanation. */
    if (sc_target_module_at(c->target, bad) || sc_target_unloaded_at(c->target, bad) ||
        sc_space_uint(sc_target_space(c->target), bad, 1, &byte) == SC_READ_OK)
        return false;
    for (unsigned bit = 63; bit > 0 && !(found && ret->likely); bit--) {
        if (!try_bit(c, bad, bit, &flip) || (found && !flip.likely))
            continue;
        *ret = flip;
        found = true;
    }
    return found;
}

const char *sc_bitflip_command(struct sc_case *c, const struct sc_bitflip *flip) {
    return sc_case_text(c, "? %s ^ %s", sc_case_hex(c, flip->bad),
                        sc_case_hex(c, UINT64_C(1) << flip->bit));
}
