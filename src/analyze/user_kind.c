/* SPDX-License-Identifier: MIT */
/*
 * What kind of end a process' dump records: by the exception's code; where that is one for many
 * purposes (a breakpoint, SIGABRT), by the functions on the stack of the exception.
 *
 * Breakpad raises codes of its own choice when the C library calls it back: 0xC000000D for an
 * invalid argument, 0xC0000025 for a pure virtual call; its assertion stream says so.
 */
#include <string.h>

#include "analyze/exception_words.h"
#include "analyze/user.h"
#include "stopcode/minidump.h"

enum {
    BELOW_STACK = 0x10000, /* how far below the stack a function's frame may reach */
    SIGNAL_ABORT = 6,
    MACH_CRASH = 10,
};

static const struct {
    uint32_t code;
    enum sc_user_kind kind;
} kinds[] = {
    {0x40000015, SC_USER_ABORT}, /* STATUS_FATAL_APP_EXIT: abort() of older run-times */
    {0x4000001f, SC_USER_BREAKPOINT}, {0x40010005, SC_USER_EVENT}, /* DBG_CONTROL_C */
    {0x40010006, SC_USER_EVENT},                                   /* DBG_PRINTEXCEPTION_C */
    {0x40010008, SC_USER_EVENT},                                   /* DBG_CONTROL_BREAK */
    {0x4001000a, SC_USER_EVENT},                                   /* DBG_PRINTEXCEPTION_WIDE_C */
    {0x406d1388, SC_USER_EVENT},                                   /* a thread's name */
    {0x80000003, SC_USER_BREAKPOINT}, {0x80000004, SC_USER_EVENT}, /* single step */
    {0xc000007b, SC_USER_LOADER},     {0xc00000fd, SC_USER_OVERFLOW},  {0xc0000135, SC_USER_LOADER},
    {0xc0000138, SC_USER_LOADER},     {0xc0000139, SC_USER_LOADER},    {0xc0000142, SC_USER_LOADER},
    {0xc000026b, SC_USER_LOADER},     {0xc000027b, SC_USER_FAIL_FAST}, /* stowed exceptions of the
                                                                          Windows Runtime */
    {0xc0000374, SC_USER_HEAP},       {0xc0000409, SC_USER_FAIL_FAST}, {0xc0000417, SC_USER_ABORT},
    {0xc0000420, SC_USER_ABORT}, /* STATUS_ASSERTION_FAILURE */
    {0xc0000421, SC_USER_HEAP},  /* STATUS_VERIFIER_STOP */
    {0xc0000602, SC_USER_FAIL_FAST},  {0xc06d007e, SC_USER_LOADER},    {0xc06d007f, SC_USER_LOADER},
    {0xe0434352, SC_USER_CLR},        {0xe0434f4d, SC_USER_CLR},       {0xe06d7363, SC_USER_CXX},
};

static bool has_assertion(struct sc_case *c) {
    struct sc_mdmp_assertion a;
    return sc_mdmp_assertion((struct sc_source *)sc_target_source(c->target), &a);
}

bool sc_user_is_below_stack(struct sc_case *c) {
    if (c->fault.memory == SC_UNSET64 || !c->a->has_regs || c->fault.hidden)
        return false;
    uint64_t sp = sc_regs_sp(&c->a->regs), memory = c->fault.memory;
    if (memory > sp || sp - memory > BELOW_STACK)
        return false;
    const struct sc_thread *t = sc_user_thread(c);
    return t && t->stack_size && memory < t->stack_start &&
           t->stack_start - memory <= 2 * BELOW_STACK;
}

static bool is_memory_fault(const struct sc_case *c) {
    return c->machine->windows ? c->fault.status == 0xc0000005 || c->fault.status == 0x80000001
                               : c->fault.memory != SC_UNSET64;
}

/* What a signal or a breakpoint was raised for, by the stack. */
static enum sc_user_kind by_check(enum sc_user_check check, enum sc_user_kind otherwise) {
    switch (check) {
    case SC_CHECK_NONE: return otherwise;
    case SC_CHECK_HEAP: return SC_USER_HEAP;
    case SC_CHECK_COOKIE:
    case SC_CHECK_FORTIFY:
    case SC_CHECK_GUARD: return SC_USER_FAIL_FAST;
    case SC_CHECK_TERMINATE: return SC_USER_CXX;
    default: return SC_USER_ABORT;
    }
}

static enum sc_user_check check_of_stack(struct sc_case *c) {
    struct sc_user_frames frames;
    sc_user_frames(c, &frames);
    return sc_user_check(c, &frames);
}

static bool is_mac(const struct sc_machine *m) {
    return strcmp(m->platform, "macOS") == 0 || strcmp(m->platform, "iOS") == 0;
}

/*
 * A fault in a library of the system while a check reports that memory was overwritten: the check
 * is what happened, and the fault what the damage did to its report.
 */
static enum sc_user_kind by_damage(struct sc_case *c) {
    const struct sc_module *m =
        c->fault.ip == SC_UNSET64 ? NULL : sc_target_module_at(c->target, c->fault.ip);
    if (!sc_user_is_system(c, m))
        return SC_USER_FAULT;
    enum sc_user_check check = check_of_stack(c);
    bool damage = check == SC_CHECK_COOKIE || check == SC_CHECK_FORTIFY || check == SC_CHECK_HEAP;
    return damage ? by_check(check, SC_USER_FAULT) : SC_USER_FAULT;
}

static enum sc_user_kind foreign_kind(struct sc_case *c) {
    uint32_t code = c->a->exception.code;
    enum sc_user_check check = check_of_stack(c);
    if (is_mac(c->machine) && code == 0x43506e78) /* an Objective-C exception */
        return SC_USER_CXX;
    if (code == SIGNAL_ABORT || (is_mac(c->machine) && code == MACH_CRASH))
        return by_check(check == SC_CHECK_NONE ? SC_CHECK_ABORT : check, SC_USER_ABORT);
    if (is_memory_fault(c) && sc_user_is_below_stack(c))
        return SC_USER_OVERFLOW;
    return by_damage(c);
}

static enum sc_user_kind find_kind(struct sc_case *c) {
    uint32_t code = c->a->exception.code;
    if (!c->a->has_exception || sc_case_made_up(c->machine, code))
        return SC_USER_NONE;
    if (!c->machine->windows)
        return foreign_kind(c);
    enum sc_user_kind kind = SC_USER_FAULT;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].code == code)
            kind = kinds[i].kind;
    if (kind == SC_USER_BREAKPOINT)
        return by_check(check_of_stack(c), kind);
    if ((code == 0xc000000d || code == 0xc0000025) && has_assertion(c))
        return SC_USER_ABORT;
    if (kind == SC_USER_FAULT && is_memory_fault(c) && sc_user_is_below_stack(c))
        return SC_USER_OVERFLOW;
    return kind == SC_USER_FAULT ? by_damage(c) : kind;
}

enum sc_user_kind sc_user_kind(struct sc_case *c) {
    if (!c->user_kind)
        c->user_kind = 1 + (unsigned)find_kind(c);
    return (enum sc_user_kind)(c->user_kind - 1);
}

/* The most telling sign first: abort() is what most of the others end in. */
static enum sc_user_check by_signs(uint32_t signs) {
    static const struct {
        uint32_t role;
        enum sc_user_check check;
    } order[] = {
        {NT_UF_HEAP_CHECK, SC_CHECK_HEAP},
        {NT_UF_PURECALL, SC_CHECK_PURECALL},
        {NT_UF_INVALID_PARAMETER, SC_CHECK_INVALID_PARAMETER},
        {NT_UF_COOKIE, SC_CHECK_COOKIE},
        {NT_UF_FORTIFY, SC_CHECK_FORTIFY},
        {NT_UF_ASSERT, SC_CHECK_ASSERT},
        {NT_UF_PANIC, SC_CHECK_PANIC},
        {NT_UF_GUARD, SC_CHECK_GUARD},
        {NT_UF_TERMINATE, SC_CHECK_TERMINATE},
        {NT_UF_ABORT, SC_CHECK_ABORT},
    };
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (signs & order[i].role)
            return order[i].check;
    return SC_CHECK_NONE;
}

enum sc_user_check sc_user_check(struct sc_case *c, const struct sc_user_frames *frames) {
    struct sc_mdmp_assertion assertion;
    size_t end = frames->count;
    if (sc_mdmp_assertion((struct sc_source *)sc_target_source(c->target), &assertion))
        return assertion.type == 2   ? SC_CHECK_PURECALL
               : assertion.type == 1 ? SC_CHECK_INVALID_PARAMETER
                                     : SC_CHECK_ASSERT;
    sc_user_blame(frames, 0, &end);
    enum sc_user_check check = by_signs(sc_user_signs(frames, end));
    uint32_t code = c->a->has_exception && c->machine->windows ? c->a->exception.code : 0;
    if (check != SC_CHECK_NONE && check != SC_CHECK_ABORT)
        return check;
    switch (code) {
    case 0xc0000417: return SC_CHECK_INVALID_PARAMETER;
    case 0xc0000420: return SC_CHECK_ASSERT;
    case 0x40000015: return SC_CHECK_ABORT;
    default: return check;
    }
}
