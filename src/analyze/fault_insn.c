/* SPDX-License-Identifier: MIT */
/*
 * The faulting instruction against the registers. It answers which operand was the one, which
 * address it had, whether that is the address that was reported, and which register led there:
 *
 *   mov al,byte ptr [rcx+164h]   rcx is 0: a null pointer in rcx, plus 0x164
 *   movaps xmm0,[rdi]            rdi is not a multiple of 16
 *   div ecx                      ecx is 0
 *   (no instruction)             the processor was to fetch one at the address: the return address
 *                                on the stack (ARM64: lr) names the caller
 *
 * It needs the code, from the dump or an image file, and the registers of the very instruction. A
 * register that a trap frame does not hold is said to be missing. Operands behind fs and gs are
 * relative to a base that is not in a context: nothing is computed for them.
 */
#include <stdio.h>
#include <string.h>

#include "analyze/fault.h"
#include "analyze/faultregs.h"
#include "analyze/kfacts.h"
#include "base/utf.h"

enum { ACCESS_VIOLATION = (int)0xc0000005, STACK_NEAR = 0x1000, SSE_ALIGN = 16 };

/* --- decoding -------------------------------------------------------------------------------- */

static bool read_insn(struct sc_case *c, struct sc_insn *ret) {
    uint8_t code[SC_INSN_BYTES_MAX];
    sc_disasm *disasm;
    size_t got = 0;
    sc_space_read(sc_target_space(c->target), c->fault.ip, code, sizeof code, &got);
    if (!got || !sc_case_took(c, sc_disasm_create(c->machine->cpu, &disasm)))
        return false;
    sc_disasm_decode(disasm, c->fault.ip, code, got, ret);
    sc_disasm_destroy(disasm);
    return ret->valid;
}

static uint64_t reg_value(const struct sc_case *c, const char *name) {
    uint64_t value = 0;
    if (c->at->regs)
        sc_regs_get(c->at->regs, name, &value);
    return value;
}

/* The first register of the operand that the context lacks; NULL when it has all. */
static const char *missing_reg(const struct sc_case *c, const struct sc_insn_mem *mem) {
    const char *names[] = {mem->base, mem->index};
    for (size_t i = 0; i < 2; i++)
        if (names[i] && strcmp(names[i], "rip") != 0 && !sc_pointer_has_reg(c, names[i]))
            return names[i];
    return NULL;
}

static bool has_other_base(const struct sc_insn_mem *mem) {
    return mem->segment && (!strcmp(mem->segment, "fs") || !strcmp(mem->segment, "gs"));
}

static bool covers(uint64_t address, const struct sc_insn_mem *mem, uint64_t memory) {
    uint64_t size = mem->size ? mem->size : 1;
    return memory - address < size;
}

static bool is_canonical(const struct sc_case *c, uint64_t address) {
    uint64_t top = address >> 47;
    return c->machine->cpu != SC_CPU_X64 || top == 0 || top == 0x1ffff;
}

/* How well an operand explains the fault: the best is taken. */
static unsigned score(const struct sc_case *c, const struct sc_insn_mem *mem, uint64_t address) {
    const struct sc_fault *f = &c->fault;
    if (f->memory != SC_UNSET64)
        return covers(address, mem, f->memory) ? 3 : 1;
    return f->hidden && !is_canonical(c, address) ? 3 : 1;
}

/* Of two registers the one that makes up most of the address: the other one is an offset. */
static void blame_reg(struct sc_case *c, struct sc_fault_insn *i) {
    const struct sc_insn_mem *mem = i->mem;
    bool base = mem->base && strcmp(mem->base, "rip") != 0;
    uint64_t from_base = base ? reg_value(c, mem->base) : 0;
    uint64_t from_index = mem->index ? reg_value(c, mem->index) : 0;
    bool index = mem->index && (!base || from_index * (mem->scale ? mem->scale : 1) > from_base);
    if (!base && !index)
        return;
    i->base = index ? mem->index : mem->base;
    i->base_value = index ? from_index : from_base;
}

static void pick_operand(struct sc_case *c, struct sc_fault_insn *i) {
    unsigned best = 0;
    for (unsigned k = 0; k < i->insn.nmems; k++) {
        const struct sc_insn_mem *mem = &i->insn.mem[k];
        uint64_t address;
        if (!(mem->read || mem->write) || has_other_base(mem))
            continue;
        const char *missing = missing_reg(c, mem);
        if (missing) {
            if (!best) {
                i->mem = mem;
                i->missing = missing;
            }
            continue;
        }
        if (!sc_insn_mem_address(mem, c->at->regs, &address))
            continue;
        address = sc_case_canon(c, address);
        if (score(c, mem, address) <= best)
            continue;
        best = score(c, mem, address);
        i->mem = mem;
        i->missing = NULL;
        i->has_address = true;
        i->address = address;
        i->matches = c->fault.memory != SC_UNSET64 && covers(address, mem, c->fault.memory);
    }
    if (i->has_address)
        blame_reg(c, i);
}

/*
 * An access violation of which only the context is at hand (0x3B): the address is that of the
 * operand, when there is one only.
 */
static void take_computed(struct sc_case *c, struct sc_fault_insn *i) {
    struct sc_fault *f = &c->fault;
    if (f->status != (uint32_t)ACCESS_VIOLATION || f->memory != SC_UNSET64 || f->hidden ||
        !i->has_address || i->insn.nmems != 1)
        return;
    f->memory = i->address;
    f->computed = i->matches = true;
    if (!f->access)
        f->access = i->mem->write && !i->mem->read ? "write" : i->mem->write ? NULL : "read";
}

void sc_fault_decode(struct sc_case *c) {
    struct sc_insn insn;
    const struct sc_fault *f = &c->fault;
    if (f->ip == SC_UNSET64 || !read_insn(c, &insn))
        return;
    struct sc_fault_insn *i = sc_arena_alloc(c->arena, sizeof *i);
    if (!i) {
        c->nomem = true;
        return;
    }
    i->insn = insn;
    i->text = sc_case_text(c, "%s%s%s", insn.mnemonic, insn.operands[0] ? " " : "", insn.operands);
    i->at_fault = c->at->regs && sc_regs_ip(c->at->regs) == f->ip;
    if (i->at_fault &&
        (f->memory != SC_UNSET64 || f->hidden || f->status == (uint32_t)ACCESS_VIOLATION))
        pick_operand(c, i);
    c->fault.insn = i;
    take_computed(c, i);
}

/* --- words ----------------------------------------------------------------------------------- */

/* "rcx+0x164" */
static const char *sum_text(struct sc_case *c, const struct sc_insn_mem *mem) {
    const char *text = mem->base ? mem->base : "";
    if (mem->index)
        text = mem->scale > 1
                   ? sc_case_text(c, "%s%s%s*%u", text, text[0] ? "+" : "", mem->index, mem->scale)
                   : sc_case_text(c, "%s%s%s", text, text[0] ? "+" : "", mem->index);
    if (!mem->disp || mem->constant)
        return text[0] ? text : "its address";
    bool minus = mem->disp < 0;
    unsigned long long size =
        minus ? 0 - (unsigned long long)mem->disp : (unsigned long long)mem->disp;
    return sc_case_text(c, "%s%s0x%llx", text, minus ? "-" : text[0] ? "+" : "", size);
}

/* What the register that led there looks like; "" when like any other. */
static const char *base_text(struct sc_case *c, const struct sc_fault_insn *i) {
    struct sc_pointer p;
    if (!i->base)
        return "";
    if (i->base_value == 0)
        return sc_case_text(c, ": %s is 0, a null pointer", i->base);
    const char *value = sc_case_addr(c, i->base_value);
    if (sc_pointer_class(c, i->base_value, &p))
        return sc_case_text(c, ": %s is %s, %s", i->base, value, p.text);
    return i->base_value == i->address ? "" : sc_case_text(c, ": %s is %s", i->base, value);
}

static const char *does(const struct sc_insn_mem *mem) {
    return mem->read && mem->write ? "reads and writes at" : mem->write ? "writes at" : "reads at";
}

static void show_address(struct sc_case *c, struct sc_draft *d, const struct sc_fault_insn *i) {
    const struct sc_fault *f = &c->fault;
    const char *at = sc_case_addr(c, i->address), *sum = sum_text(c, i->mem);
    if (f->memory != SC_UNSET64 && i->matches) {
        sc_draft_show(c, d, i->address, c->at->command,
                      "The instruction, `%s`, %s %s, which is "
                      "%s%s%s.",
                      i->text, does(i->mem), sum, at,
                      i->address == f->memory ? "" : " and covers the address", base_text(c, i));
        return;
    }
    if (f->memory != SC_UNSET64) {
        sc_draft_against(c, d, i->address, c->at->command,
                         "The instruction, `%s`, %s %s, which is %s with these registers, and not "
                         "the address that was reported.",
                         i->text, does(i->mem), sum, at);
        return;
    }
    bool strict = i->mem->size == SSE_ALIGN && (i->address & (SSE_ALIGN - 1)) &&
                  (strstr(i->insn.mnemonic, "movap") || strstr(i->insn.mnemonic, "movdqa") ||
                   strstr(i->insn.mnemonic, "movnt"));
    const char *why =
        !is_canonical(c, i->address)
            ? sc_case_text(c, "; not canonical, so the processor refused it%s", base_text(c, i))
        : strict ? ": it must be a multiple of 16, and is not"
                 : ": a possible address, so the pointer may be sound, and the "
                   "device or memory behind it what refused";
    sc_draft_show(c, d, i->address, c->at->command, "The instruction, `%s`, %s %s, which is %s%s.",
                  i->text, does(i->mem), sum, at, why);
}

/* Divisions: the divisor is the only operand. */
static void show_divisor(struct sc_case *c, struct sc_draft *d, const struct sc_fault_insn *i) {
    const char *name = i->insn.operands;
    const struct sc_reg *reg = sc_reg_find(c->machine->cpu, name);
    uint64_t value;
    if (!i->at_fault || !reg || !sc_pointer_has_reg(c, name) ||
        !sc_regs_get(c->at->regs, name, &value))
        sc_draft_show(c, d, c->fault.ip, sc_case_text(c, "u %s L1", sc_case_hex(c, c->fault.ip)),
                      "The instruction is a division, `%s`.", i->text);
    else
        sc_draft_show(c, d, c->fault.ip, c->at->command,
                      "The instruction, `%s`, divides by %s, "
                      "which is %s%llx.",
                      i->text, name, value ? "0x" : "", (unsigned long long)value);
}

/* Where an instruction was to be fetched: who called there? */
static void show_caller(struct sc_case *c, struct sc_draft *d) {
    sc_space *space = sc_target_space(c->target);
    bool arm = c->machine->cpu == SC_CPU_ARM64 || c->machine->cpu == SC_CPU_ARM;
    if (!c->at->regs || sc_regs_ip(c->at->regs) != c->fault.ip)
        return;
    uint64_t sp = sc_regs_sp(c->at->regs), back = 0;
    if (arm ? !sc_regs_get(c->at->regs, "lr", &back) : sc_space_ptr(space, sp, &back) != SC_READ_OK)
        return;
    if (sc_on_stack(c, c->fault.ip))
        sc_draft_show(c, d, c->fault.ip, c->at->command,
                      "%s lies on the thread's own stack, where there is data and no code.",
                      sc_case_addr(c, c->fault.ip));
    const char *where = sc_case_where(c, back);
    if (!where)
        return;
    sc_draft_show(c, d, back,
                  arm ? c->at->command : sc_case_text(c, "dps %s L1", sc_case_hex(c, sp)),
                  "The processor was to run code at %s. The return address%s, %s, names who called "
                  "or jumped there.",
                  sc_case_addr(c, c->fault.ip), arm ? " in lr" : " on top of the stack", where);
}

static bool is_mnemonic(const struct sc_fault_insn *i, const char *name) {
    return strcmp(i->insn.mnemonic, name) == 0;
}

/* push, call, ret and their like touch the stack without saying so. */
static void show_stack_use(struct sc_case *c, struct sc_draft *d, const struct sc_fault_insn *i) {
    uint64_t sp = c->at->regs ? sc_regs_sp(c->at->regs) : 0, memory = c->fault.memory;
    if (!sp || memory == SC_UNSET64 || memory - sp + STACK_NEAR >= 2 * STACK_NEAR)
        return;
    sc_draft_show(c, d, memory, c->at->command,
                  "The instruction, `%s`, uses the stack: the address is %s the stack pointer, %s.",
                  i->text, memory < sp ? "just below" : "at or just above", sc_case_addr(c, sp));
}

void sc_fault_show_insn(struct sc_case *c, struct sc_draft *d) {
    const struct sc_fault *f = &c->fault;
    const struct sc_fault_insn *i = f->insn;
    bool fetch = f->access && strcmp(f->access, "execute") == 0;
    if (f->ip != SC_UNSET64 && (fetch || (!i && !sc_target_module_at(c->target, f->ip)))) {
        show_caller(c, d);
        return;
    }
    if (!i)
        return;
    const char *code = sc_case_text(c, "u %s L1", sc_case_hex(c, f->ip));
    if (is_mnemonic(i, "div") || is_mnemonic(i, "idiv"))
        show_divisor(c, d, i);
    else if (i->missing)
        sc_draft_show(c, d, f->ip, code,
                      "The instruction, `%s`, uses %s, which a trap frame does not hold.", i->text,
                      i->missing);
    else if (i->has_address)
        show_address(c, d, i);
    else if (i->at_fault && (f->memory != SC_UNSET64))
        show_stack_use(c, d, i);
    else if (f->status)
        sc_draft_show(c, d, f->ip, code, "The instruction is `%s`.", i->text);
}
