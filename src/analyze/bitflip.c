/* SPDX-License-Identifier: MIT */
/*
 * Looking for a good number one bit away. What is at the other end decides, best first:
 *
 *   held      the start of a function, or an address within 4 KB of what another register holds, or
 *             of what lies on the stack, from where it may have been loaded, or saved to
 *   stack     an address on the thread's own stack
 *   memory    memory that the dump holds
 *   image     a loaded image
 *   nothing   that is known; then the bad number must be none that an address can be (not
 *             canonical), and the good one an address of the kernel
 *
 * and which bit it is: from 32 up, no index and no neighbour explains the difference. Below, images
 * and blocks of pool lie so close together that from nearly anywhere one bit leads to something:
 * there only two count, for a jump the start of a function, and from bit 20 up the stack, of which
 * there is one.
 *
 * Below that, from bit 16 up, one sign is as good: the register that leads to the bad address is
 * held a second time, in another register or on the stack, and the two copies agree in all bits but
 * this one. Of a 32-bit system, which has no bits above, it is enough that it is held nearby, from
 * bit 20 up.
 *
 *   likely    in a bit from 32 up, or as just said: held, stack or memory; a
 * number that is not canonical, also an image. And only one bit leads to something of that kind
 *   possible  the rest
 *
 * A number that looks like something else is not looked at: null and small offsets, patterns of
 * freed memory, text. Nor is what has memory or an image behind it after all.
 */
#include "analyze/bitflip.h"

#include <string.h>

#include "analyze/fault.h"
#include "analyze/faultregs.h"
#include "analyze/kfacts.h"

enum {
    HIGH_BIT = 32,
    STACK_BIT = 20, /* above the size of any kernel stack */
    TWIN_BIT = 16,
    CANONICAL_BIT = 47,
    NEAR_BYTES = 0x1000,
    STACK_BYTES = 0x4000,
    NEAR_NULL = 0x10000,
};

enum grade { NOTHING, IMAGE, MEMORY, STACK, HELD };

/* A candidate. */
struct flip {
    struct sc_bitflip f;
    enum grade grade;
    bool wild; /* the bad number is no address of this CPU */
};

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
static const char *register_near(struct sc_case *c, uint64_t good, uint64_t *ret_value) {
    size_t n = 0;
    const struct sc_reg *table = sc_reg_table(c->machine->cpu, &n);
    for (size_t i = 0; i < n && table && c->at->regs; i++) {
        if (table[i].size != c->ptr_size || !sc_pointer_is_data(c, &table[i]))
            continue;
        uint64_t value = sc_reg_value(c->at->regs, &table[i]);
        *ret_value = value;
        if (value + NEAR_BYTES - good < 2 * NEAR_BYTES)
            return table[i].name;
    }
    return NULL;
}

/* The stack from where the machine was stopped up to a little beyond the fault. */
struct sc_flip_stack {
    uint64_t start;
    size_t count;
    uint64_t *word;
};
enum { STACK_MOST = 0x4000, STACK_BEYOND = 0x400 };

static const struct sc_flip_stack *load_stack(struct sc_case *c) {
    static const struct sc_flip_stack none = {.count = 0};
    const struct sc_regs *regs = c->at->regs ? c->at->regs : &c->a->regs;
    uint64_t start = sc_regs_sp(&c->a->regs), end = sc_regs_sp(regs);
    end = end - start < STACK_MOST - STACK_BEYOND ? end + STACK_BEYOND : start + STACK_BEYOND;
    uint8_t *bytes = sc_arena_alloc(c->arena, STACK_MOST);
    struct sc_flip_stack *s = sc_arena_alloc(c->arena, sizeof *s);
    size_t got = 0;
    if (!bytes || !s) {
        c->nomem = true;
        return &none;
    }
    sc_space_read(sc_target_space(c->target), start, bytes, (size_t)(end - start), &got);
    *s = (struct sc_flip_stack){.start = start, .count = got / 8};
    s->word = sc_arena_array(c->arena, s->count + 1, sizeof *s->word);
    if (!s->word) {
        c->nomem = true;
        return &none;
    }
    for (size_t i = 0; i < s->count * 8; i++)
        s->word[i / 8] |= (uint64_t)bytes[i] << i % 8 * 8;
    return s;
}

/* A word of the stack that holds an address near GOOD; false: none does. Of 64-bit kernels only. */
static bool stack_near(struct sc_case *c, uint64_t good, uint64_t *ret_slot, uint64_t *ret_value) {
    if (c->is32 || !c->machine->kernel || !c->a->has_regs)
        return false;
    if (!c->flip_stack)
        c->flip_stack = load_stack(c);
    for (size_t i = 0; i < c->flip_stack->count; i++) {
        uint64_t value = c->flip_stack->word[i];
        if (value + NEAR_BYTES - good >= 2 * NEAR_BYTES)
            continue;
        *ret_slot = c->flip_stack->start + 8 * i;
        *ret_value = value;
        return true;
    }
    return false;
}

/* The same for exactly VALUE. */
static bool stack_has(struct sc_case *c, uint64_t value, uint64_t *ret_slot) {
    uint64_t held;
    if (!stack_near(c, value, ret_slot, &held))
        return false;
    for (size_t i = 0; i < c->flip_stack->count; i++) {
        if (c->flip_stack->word[i] != value)
            continue;
        *ret_slot = c->flip_stack->start + 8 * i;
        return true;
    }
    return false;
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

static bool is_on_stack(const struct sc_case *c, uint64_t good) {
    uint64_t sp = c->at->regs ? sc_regs_sp(c->at->regs) : 0;
    return sc_on_stack(c, good) || (sp && good - sp < STACK_BYTES);
}

static void set(struct flip *flip, enum grade grade, const char *what, const char *command) {
    flip->grade = grade;
    flip->f.what = what;
    flip->f.command = command;
}

/* What lies at the good address. */
static void look_there(struct sc_case *c, struct flip *flip) {
    uint64_t byte, held, slot, good = flip->f.good;
    const struct sc_module *m = sc_target_module_at(c->target, good);
    const char *reg;
    if (m && is_function_start(c, good))
        set(flip, HELD, sc_case_text(c, "the start of %s", sc_case_place(c, good)),
            sc_case_ln(c, good));
    else if ((reg = register_near(c, good, &held)) != NULL)
        set(flip, HELD, sc_case_text(c, "where register %s points: %s", reg, sc_case_addr(c, held)),
            c->at->command);
    else if (flip->f.bit >= HIGH_BIT && stack_near(c, good, &slot, &held))
        set(flip, HELD,
            sc_case_text(c, "where %s leads, which lies on the stack at %s", sc_case_addr(c, held),
                         sc_case_addr(c, slot)),
            sc_case_text(c, "dps %s L1", sc_case_hex(c, slot)));
    else if (is_on_stack(c, good))
        set(flip, STACK, "on the thread's own stack", c->at->command);
    else if (m)
        set(flip, IMAGE, sc_case_text(c, "in an image: %s", sc_case_place(c, good)),
            sc_case_lm(c, good));
    else if (sc_space_uint(sc_target_space(c->target), good, 1, &byte) == SC_READ_OK)
        set(flip, MEMORY, "memory that the dump holds",
            sc_case_text(c, "db %s L1", sc_case_hex(c, good)));
}

static bool has_register(struct sc_case *c, uint64_t value, const char **ret_name) {
    size_t n = 0;
    const struct sc_reg *table = sc_reg_table(c->machine->cpu, &n);
    for (size_t i = 0; i < n && table && c->at->regs; i++) {
        if (table[i].size != c->ptr_size || !sc_pointer_is_data(c, &table[i]) ||
            sc_reg_value(c->at->regs, &table[i]) != value)
            continue;
        *ret_name = table[i].name;
        return true;
    }
    return false;
}

/*
 * Is the register that leads to the bad address, but for BIT, held a second time? Addresses that
 * are multiples of a page agree in many bits by nature, and do not count.
 */
static bool is_twin(struct sc_case *c, struct flip *flip, unsigned bit) {
    size_t n = 0;
    const struct sc_reg *table = sc_reg_table(c->machine->cpu, &n);
    for (size_t i = 0; i < n && table && c->at->regs && bit >= TWIN_BIT; i++) {
        if (table[i].size != c->ptr_size || !sc_pointer_is_data(c, &table[i]))
            continue;
        uint64_t base = sc_reg_value(c->at->regs, &table[i]), slot;
        uint64_t good = base ^ UINT64_C(1) << bit;
        const char *name, *where = NULL, *command = c->at->command;
        if (flip->f.bad - base >= NEAR_BYTES || base % NEAR_BYTES == 0)
            continue;
        if (has_register(c, good, &name)) {
            where = sc_case_text(c, "%s: %s holds %s", table[i].name, name, sc_case_addr(c, good));
        } else if (stack_has(c, good, &slot)) {
            where = sc_case_text(c, "%s: the stack holds %s at %s", table[i].name,
                                 sc_case_addr(c, good), sc_case_addr(c, slot));
            command = sc_case_text(c, "dps %s L1", sc_case_hex(c, slot));
        }
        if (!where)
            continue;
        set(flip, HELD, sc_case_text(c, "where a second copy of %s", where), command);
        return true;
    }
    return false;
}

/* Could a pointer of this dump's kind of code have the value GOOD? */
static bool can_be(const struct sc_case *c, uint64_t good) {
    if (!is_canonical(c, good))
        return false;
    return c->machine->kernel ? sc_case_in_kernel(c, good)
                              : good >= NEAR_NULL && !sc_case_in_kernel(c, good);
}

/* Fills RET for BAD with BIT changed; false when nothing good is there. */
static bool try_bit(struct sc_case *c, uint64_t bad, unsigned bit, struct flip *ret) {
    uint64_t good = bad ^ UINT64_C(1) << bit;
    struct flip flip = {{.bad = bad, .good = good, .bit = bit}, NOTHING, !is_canonical(c, bad)};
    if (!can_be(c, good))
        return false;
    look_there(c, &flip);
    bool jump = bad == c->fault.ip && flip.grade == HELD && is_function_start(c, good);
    bool stack = flip.grade == STACK && bit >= STACK_BIT && sc_on_stack(c, good);
    bool narrow = c->is32 && bit >= STACK_BIT && flip.grade == HELD;
    narrow |= bit < HIGH_BIT && is_twin(c, &flip, bit);
    if (bit < HIGH_BIT && !jump && !stack && !narrow)
        return false;
    if (flip.grade == NOTHING && !(flip.wild && c->machine->kernel))
        return false;
    flip.f.likely =
        narrow || (bit >= HIGH_BIT && (flip.grade >= MEMORY || (flip.wild && flip.grade == IMAGE)));
    *ret = flip;
    return true;
}

/* Is BAD a number that an explanation by a single bit may be looked for? */
static bool is_unexplained(struct sc_case *c, uint64_t bad) {
    struct sc_pointer p;
    uint64_t byte;
    bool odd = sc_pointer_class(c, bad, &p) && strcmp(p.id, "non-canonical") != 0;
    /* On a 32-bit system the highest bit makes a user's address of the kernel's. */
    if (bad == SC_UNSET64 || (odd && !(c->is32 && strcmp(p.id, "user") == 0)))
        return false;
    /* What is there after all needs no other explanation. */
    return !sc_target_module_at(c->target, bad) && !sc_target_unloaded_at(c->target, bad) &&
           sc_space_uint(sc_target_space(c->target), bad, 1, &byte) != SC_READ_OK;
}

bool sc_bitflip_find(struct sc_case *c, uint64_t bad, struct sc_bitflip *ret) {
    struct flip best = {.grade = NOTHING}, flip;
    size_t found = 0;
    if (!is_unexplained(c, bad))
        return false;
    for (unsigned bit = c->ptr_size * 8; bit-- > 1;) {
        if (!try_bit(c, bad, bit, &flip) || (found && flip.grade < best.grade))
            continue;
        found = found && flip.grade == best.grade ? found + 1 : 1;
        if (found == 1)
            best = flip;
    }
    if (!found)
        return false;
    *ret = best.f;
    ret->likely &= found == 1;
    return true;
}

const struct sc_flips *sc_bitflips(struct sc_case *c) {
    static const struct sc_flips none = {.memory = false};
    uint64_t bad;
    const char *reg;
    if (c->flips)
        return c->flips;
    struct sc_flips *all = sc_arena_alloc(c->arena, sizeof *all);
    if (!all) {
        c->nomem = true;
        return &none;
    }
    if (sc_fault_wrong(c, &bad, &reg)) {
        all->memory = sc_bitflip_find(c, bad, &all->of_memory);
        all->reg = reg;
    }
    if (c->fault.ip != SC_UNSET64 && c->fault.ip != c->fault.memory)
        all->ip = sc_bitflip_find(c, c->fault.ip, &all->of_ip);
    c->flips = all;
    return all;
}

const char *sc_bitflip_command(struct sc_case *c, const struct sc_bitflip *flip) {
    return sc_case_text(c, "? %s ^ %s", sc_case_hex(c, flip->bad),
                        sc_case_hex(c, UINT64_C(1) << flip->bit));
}
