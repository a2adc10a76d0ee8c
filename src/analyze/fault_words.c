/* SPDX-License-Identifier: MIT */
/* The fault in words: for anybody, for an engineer, and as evidence. */
#include <string.h>

#include "analyze/bitflip.h"
#include "analyze/fault.h"
#include "analyze/faultregs.h"
#include "nt/status.h"

enum { FATAL_APP_EXIT = 7, REGS_SHOWN_MAX = 4 };

/* What code did that raised a status, in a manager's words; NULL: no phrase of its own. */
static const char *status_phrase(uint32_t status) {
    static const struct {
        uint32_t status;
        const char *did;
    } phrases[] = {
        {0x80000002, "used misaligned data"},
        {0x80000003, "ran into a breakpoint or a failed check"},
        {0x80000004, "was being stepped by a debugger"},
        {0xc0000005, "touched memory that it may not touch"},
        {0xc0000006, "needed data that could not be read from the disk or network"},
        {0xc000001d, "ran into bytes that are no instruction"},
        {0xc0000025, "went on after an exception that it may not continue from"},
        {0xc000008e, "divided a floating-point number by zero"},
        {0xc0000094, "divided by zero"},
        {0xc0000095, "overflowed an integer"},
        {0xc0000096, "used an instruction that only the kernel may use"},
        {0xc00000fd, "ran out of stack"},
        {0xc0000374, "found the heap damaged"},
        {0xc0000409, "failed a safety check"},
        {0xc0000417, "called a C library function with an invalid argument"},
        {0xc0000420, "failed an internal check"},
        {0xe0434352, "left a .NET exception unhandled"},
        {0xe0434f4d, "left a .NET exception unhandled"},
        {0xe06d7363, "left a C++ exception unhandled"},
    };
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].did;
    return NULL;
}

static const char *pointer_phrase(const char *id) {
    if (strncmp(id, "null", 4) == 0)
        return "used a null pointer";
    if (strcmp(id, "poison") == 0)
        return "used memory that was freed or never filled";
    if (strcmp(id, "text") == 0)
        return "used overwritten data as a pointer";
    if (strcmp(id, "user") == 0)
        return "used an address of user space that it could not reach";
    return "used a number that is no address";
}

/* On other systems a signal's name is a word that everybody there knows. */
static const char *foreign_phrase(struct sc_case *c) {
    if (c->fault.memory != SC_UNSET64)
        return "touched memory that it may not touch";
    return sc_case_text(c, "was ended by %s",
                        c->a->exception_name ? c->a->exception_name : "an exception");
}

const char *sc_fault_did(struct sc_case *c) {
    const struct sc_fault *f = &c->fault;
    struct sc_pointer p;
    const char *reg;
    uint64_t value;
    if (f->hidden)
        return sc_pointer_wild_reg(c, &reg, &value)
                   ? "used a damaged pointer"
                   : "made a memory access that the processor refused";
    if (f->memory != SC_UNSET64 && sc_pointer_class(c, f->memory, &p))
        return pointer_phrase(p.id);
    if (f->memory != SC_UNSET64 && f->access && f->status != 0xc0000006) {
        if (strcmp(f->access, "execute") == 0)
            return "jumped to memory that is not there or holds no code";
        return strcmp(f->access, "write") == 0 ? "wrote to memory that it may not write to"
                                               : "read memory that is not there";
    }
    if (!c->machine->windows)
        return foreign_phrase(c);
    if (f->status == 0xc0000409 && c->a->has_exception && c->a->exception.nparams &&
        c->a->exception.param[0] == FATAL_APP_EXIT)
        return "ended itself (abort or the like)";
    const char *phrase = f->status ? status_phrase(f->status) : NULL;
    if (phrase)
        return phrase;
    struct nt_errtext text;
    if (f->status && nt_status_text(f->status, &text))
        return sc_case_text(c, "raised the exception %s", text.name);
    if (f->status)
        return sc_case_text(c, "raised the exception 0x%08x", f->status);
    return f->memory != SC_UNSET64 ? "touched memory that it may not touch" : "failed";
}

static const char *raised(struct sc_case *c) {
    struct nt_errtext text;
    uint32_t status = c->fault.status;
    if (!status)
        return c->a->has_bugcheck && c->a->name ? sc_case_text(c, "caused %s", c->a->name)
                                                : "failed";
    if (!c->machine->windows && c->a->exception_name)
        return sc_case_text(c, "raised %s (%x)", c->a->exception_name, status);
    if (c->machine->windows && nt_status_text(status, &text))
        return sc_case_text(c, "raised %s (%08x)", text.name, status);
    return sc_case_text(c, "raised the exception %08x", status);
}

static const char *reaching(struct sc_case *c) {
    const struct sc_fault *f = &c->fault;
    const char *verb = !f->access                      ? "at the address"
                       : !strcmp(f->access, "execute") ? "jumping to"
                       : !strcmp(f->access, "write")   ? "writing to"
                                                       : "reading";
    if (f->hidden)
        return sc_case_text(c, "%s an address that is not recorded (%s stands for it)",
                            f->access ? verb : "touching", c->machine->windows ? "-1" : "0");
    if (f->memory == SC_UNSET64)
        return "";
    struct sc_pointer p;
    const char *addr = sc_case_addr(c, f->memory);
    const struct sc_fault_insn *i = f->insn;
    if (i && i->matches && i->base && !i->base_value && f->memory)
        return sc_case_text(c, "%s %s, a null pointer in %s plus 0x%llx", verb, addr, i->base,
                            (unsigned long long)f->memory);
    if (i && i->matches && i->base && !i->base_value)
        return sc_case_text(c, "%s %s, a null pointer in %s", verb, addr, i->base);
    if (sc_pointer_class(c, f->memory, &p))
        return sc_case_text(c, "%s %s, %s", verb, addr, p.text);
    const char *where = sc_case_where(c, f->memory);
    return where ? sc_case_text(c, "%s %s (%s)", verb, addr, where)
                 : sc_case_text(c, "%s %s", verb, addr);
}

const char *sc_fault_detail(struct sc_case *c) {
    const struct sc_fault *f = &c->fault;
    const char *subject = f->ip == SC_UNSET64
                              ? "Code at an address that the dump does not name"
                              : sc_case_text(c, "The instruction at %s", sc_case_place(c, f->ip));
    const char *reach = reaching(c);
    return sc_case_text(c, "%s %s%s%s.", subject, raised(c), reach[0] ? " " : "", reach);
}

/* The command that shows the address which was touched. */
static const char *memory_command(struct sc_case *c) {
    return c->fault.memory_arg ? ".bugcheck" : sc_case_exr(c);
}

/*
 * The address of a general protection fault is not reported, and Windows writes -1. Mostly the
 * address was not canonical, but not always: only a register that holds such a number shows it.
 */
static void show_hidden(struct sc_case *c, struct sc_draft *d) {
    const char *reg;
    uint64_t value;
    struct sc_pointer p;
    sc_draft_show(c, d, c->a->exception_va, c->a->has_exception ? sc_case_exr(c) : ".bugcheck",
                  "The address is given as %s: unless it was really that, the fault is one whose "
                  "address the processor does not report (general protection), mostly for a "
                  "pointer that is no address.",
                  c->machine->windows ? "-1" : "0");
    if (c->fault.insn && c->fault.insn->has_address)
        return; /* the instruction says more than any register */
    if (sc_pointer_wild_reg(c, &reg, &value))
        sc_draft_show(c, d, SC_UNSET64, c->at->command, "%s holds %s: %s.", reg,
                      sc_case_addr(c, value),
                      sc_pointer_class(c, value, &p) ? p.text : "no address");
    else if (c->at->complete)
        sc_draft_show(c, d, SC_UNSET64, c->at->command,
                      "Every register holds a possible address or a small number: the pointer may "
                      "be sound, and the device or memory behind it what refused.");
}

/* Registers that hold the address, or zero when it is near zero; many of them say nothing. */
static void show_equal(struct sc_case *c, struct sc_draft *d, const char *at) {
    uint64_t memory = c->fault.memory;
    size_t n = 0;
    const char *equal = memory ? sc_pointer_regs(c, memory, &n) : NULL;
    if (equal && n <= REGS_SHOWN_MAX) {
        sc_draft_show(c, d, memory, c->at->command, "The same address, %s, is in %s.", at, equal);
        return;
    }
    if (memory >= 0x10000 || !(equal = sc_pointer_regs(c, 0, &n)) || n > REGS_SHOWN_MAX)
        return;
    sc_draft_show(c, d, SC_UNSET64, c->at->command, "Zero, and so perhaps the null pointer: %s.",
                  equal);
}

static void show_flipped(struct sc_case *c, struct sc_draft *d) {
    const struct sc_flips *all = sc_bitflips(c);
    const struct sc_bitflip *flip = &all->of_memory;
    if (!all->memory || !flip->what)
        return;
    sc_draft_show(c, d, flip->good, sc_bitflip_command(c, flip),
                  "%s differs in one bit (bit %u) from %s, which would be %s: a bit may have "
                  "flipped in memory or on the way.",
                  sc_case_addr(c, flip->bad), flip->bit, sc_case_addr(c, flip->good), flip->what);
}

static void show_reported(struct sc_case *c, struct sc_draft *d) {
    const struct sc_fault *f = &c->fault;
    struct sc_pointer p;
    const char *at = sc_case_addr(c, f->memory);
    if (sc_pointer_class(c, f->memory, &p))
        sc_draft_show(c, d, f->memory, memory_command(c), "The address it used, %s, is %s.", at,
                      p.text);
    else
        sc_draft_show(c, d, f->memory, memory_command(c), "The address it used is %s.", at);
    if (!f->insn || !f->insn->base)
        show_equal(c, d, at);
}

void sc_fault_show_pointer(struct sc_case *c, struct sc_draft *d) {
    if (c->fault.hidden)
        show_hidden(c, d);
    else if (c->fault.memory != SC_UNSET64 && !c->fault.computed)
        show_reported(c, d);
    sc_fault_show_insn(c, d);
    show_flipped(c, d);
}

static void show_trap(struct sc_case *c, struct sc_draft *d) {
    if (!c->trap || c->at->regs != &c->trap->regs)
        return;
    const char *rest = "";
    if (c->trap->kept)
        rest = sc_case_text(c, "; the registers that it lacks were saved at %s",
                            sc_case_addr(c, c->trap->kept));
    uint64_t ip = sc_regs_ip(c->at->regs);
    sc_draft_show(c, d, ip, c->at->command,
                  "The trap frame at %s, on the stack, was made at %s%s%s.",
                  sc_case_addr(c, c->trap->address), sc_case_addr(c, ip),
                  c->trap->has_address ? " and for this address" : "", rest);
}

void sc_fault_show_ip(struct sc_case *c, struct sc_draft *d) {
    const struct sc_fault *f = &c->fault;
    const char *place = sc_case_place(c, f->ip), *where = sc_case_where(c, f->ip);
    if (f->ip_in_record)
        sc_draft_show(c, d, f->ip, sc_case_exr(c),
                      "The exception record says that the exception was raised at %s.", place);
    if (f->ip_arg)
        sc_draft_show(c, d, f->ip, ".bugcheck", "Parameter %u of the bug check is %s%s%s%s.",
                      f->ip_arg, sc_case_addr(c, f->ip), where ? " (" : "", where ? where : "",
                      where ? ")" : "");
    show_trap(c, d);
    if (f->contradicted)
        sc_draft_against(c, d, sc_regs_ip(&c->a->regs), sc_case_cxr(c),
                         "The register context stands elsewhere, at %s.",
                         sc_case_place(c, sc_regs_ip(&c->a->regs)));
    else if (f->ip_in_regs)
        sc_draft_show(c, d, sc_regs_ip(&c->a->regs), sc_case_cxr(c),
                      "The register context of the fault stands at %s.",
                      sc_case_place(c, sc_regs_ip(&c->a->regs)));
}
