/* SPDX-License-Identifier: MIT */
/*
 * What a bad address looks like. Patterns, and where they are documented:
 *
 *   0 … 0xffff          a null pointer and an offset: the first 64 KB are never mapped
 *   -0x10000 … -1       a small negative number, such as INVALID_HANDLE_VALUE
 *   BAADF00D            LocalAlloc/HeapAlloc memory under a debugger, not yet written
 *   FEEEFEEE            HeapFree'd memory under a debugger
 *   ABABABAB            guard bytes behind a heap block under a debugger
 *   CDCDCDCD, DDDDDDDD, FDFDFDFD, CCCCCCCC
 *                       Visual C++ debug run-time: not yet written, freed, guard, stack not
 *                       yet written (Microsoft's documentation of the CRT debug heap)
 *   F0F0F0F0, E0E0E0E0, C0C0C0C0, D0D0D0D0
 *                       page heap: freed, allocated (light), allocated (full), behind the block
 *                       (Microsoft's documentation of GFlags)
 *   DEADBEEF            a favourite of programmers for "must not be used"
 *   printable bytes     text was used as a pointer: a buffer overrun's trace
 *   x64, bits 63…47 not all alike: no address of that processor (the 57-bit form: 63…56 are
 *                       not told apart here; nothing in a dump says that it is on)
 */
#include <stdio.h>
#include <string.h>

#include "analyze/fault.h"
#include "analyze/faultregs.h"
#include "base/utf.h"

enum { NEAR_NULL = 0x10000, NEAR_POISON = 0x1000 };

static const struct {
    uint32_t pattern;
    const char *text;
} poisons[] = {
    {0xbaadf00d, "heap memory that was never written (the heap's fill pattern baadf00d)"},
    {0xfeeefeee, "freed heap memory (the heap's fill pattern feeefeee)"},
    {0xabababab, "the guard bytes behind a heap block (abababab)"},
    {0xcdcdcdcd, "memory that was allocated and never written (debug run-time, cdcdcdcd)"},
    {0xdddddddd, "freed memory (debug run-time, dddddddd)"},
    {0xfdfdfdfd, "the guard bytes around a block (debug run-time, fdfdfdfd)"},
    {0xcccccccc, "a local variable that was never written (debug run-time, cccccccc)"},
    {0xf0f0f0f0, "freed memory (page heap, f0f0f0f0)"},
    {0xe0e0e0e0, "memory that was allocated and never written (light page heap, e0e0e0e0)"},
    {0xc0c0c0c0, "memory that was allocated and never written (full page heap, c0c0c0c0)"},
    {0xd0d0d0d0, "the fill behind a block (page heap, d0d0d0d0)"},
    {0xdeadbeef, "the mark deadbeef, which somebody wrote to say that it must not be used"},
};

/* A 64-bit pointer taken from poisoned memory repeats the pattern; a small offset may be added. */
static const char *poison_text(uint64_t addr, unsigned ptr_size) {
    for (size_t i = 0; i < sizeof poisons / sizeof *poisons; i++) {
        uint64_t p = poisons[i].pattern;
        if (ptr_size == 8 && (addr - (p << 32 | p)) + NEAR_POISON < 2 * NEAR_POISON)
            return poisons[i].text;
        if ((addr - p) + NEAR_POISON < 2 * NEAR_POISON)
            return poisons[i].text;
    }
    return NULL;
}

static bool is_text(uint64_t addr, unsigned ptr_size) {
    for (unsigned i = 0; i < ptr_size; i++) {
        unsigned byte = (unsigned)(addr >> 8 * i) & 0xff;
        if (byte < 0x20 || byte >= 0x7f)
            return false;
    }
    return true;
}

/* The bytes as they lie in memory. */
static const char *text_of(struct sc_case *c, uint64_t addr) {
    char text[9] = {0};
    for (unsigned i = 0; i < c->ptr_size; i++)
        text[i] = (char)(addr >> 8 * i & 0xff);
    return sc_case_text(c, "bytes that read as text (\"%s\")", text);
}

static bool is_canonical(uint64_t addr) {
    uint64_t top = addr >> 47;
    return top == 0 || top == 0x1ffff;
}

static bool near_null(struct sc_case *c, uint64_t addr, struct sc_pointer *ret) {
    uint64_t negative = c->is32 ? (uint32_t)-addr : -addr;
    if (addr == 0)
        *ret = (struct sc_pointer){"null", "a null pointer"};
    else if (addr < NEAR_NULL)
        *ret = (struct sc_pointer){
            "null-offset", sc_case_text(c, "a null pointer plus 0x%llx", (unsigned long long)addr)};
    else if (negative <= NEAR_NULL)
        *ret = (struct sc_pointer){"negative", sc_case_text(c, "the small negative number -0x%llx",
                                                            (unsigned long long)negative)};
    else
        return false;
    return true;
}

bool sc_pointer_class(struct sc_case *c, uint64_t addr, struct sc_pointer *ret) {
    if (near_null(c, addr, ret))
        return true;
    const char *poison = poison_text(addr, c->ptr_size);
    if (poison)
        *ret = (struct sc_pointer){"poison", sc_case_text(c, "a pointer out of %s", poison)};
    else if (is_text(addr, c->ptr_size))
        *ret = (struct sc_pointer){"text", text_of(c, addr)};
    else if (c->machine->cpu == SC_CPU_X64 && !is_canonical(addr))
        *ret = (struct sc_pointer){"non-canonical",
                                   "a number that is no address on this processor (not canonical)"};
    else if (c->machine->kernel && !sc_case_in_kernel(c, addr))
        *ret = (struct sc_pointer){"user", "an address of user space, used by kernel code"};
    else
        return false;
    return true;
}

bool sc_pointer_has_reg(const struct sc_case *c, const char *name) {
    const struct sc_reg *reg = sc_reg_find(c->machine->cpu, name);
    return reg && c->at && sc_fault_regs_known(c->at, reg);
}

bool sc_pointer_is_data(const struct sc_case *c, const struct sc_reg *reg) {
    static const char *const never[] = {"rip", "eip", "pc", "efl", "cpsr", "psr"};
    if (reg->cls != SC_REG_GPR || reg->size < c->ptr_size)
        return false;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (strcmp(reg->name, never[i]) == 0)
            return false;
    return sc_pointer_has_reg(c, reg->name);
}

const char *sc_pointer_regs(struct sc_case *c, uint64_t value, size_t *ret_count) {
    size_t n = 0, len = 0, found = 0;
    char list[128] = "";
    const struct sc_reg *table = sc_reg_table(c->machine->cpu, &n);
    for (size_t i = 0; i < n && table; i++) {
        if (!sc_pointer_is_data(c, &table[i]) || sc_reg_value(c->at->regs, &table[i]) != value)
            continue;
        int more = snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "", table[i].name);
        if (more < 0 || (size_t)more >= sizeof list - len)
            break;
        len += (size_t)more;
        found++;
    }
    *ret_count = found;
    return len ? sc_case_text(c, "%s", list) : NULL;
}

bool sc_pointer_wild_reg(struct sc_case *c, const char **ret_name, uint64_t *ret_value) {
    size_t n = 0;
    const struct sc_reg *table = sc_reg_table(c->machine->cpu, &n);
    for (size_t i = 0; i < n && table && c->machine->cpu == SC_CPU_X64; i++) {
        uint64_t value =
            sc_pointer_is_data(c, &table[i]) ? sc_reg_value(c->at->regs, &table[i]) : 0;
        if (!is_canonical(value)) {
            *ret_name = table[i].name;
            *ret_value = value;
            return true;
        }
    }
    return false;
}
