/* SPDX-License-Identifier: MIT */
/*
 * Watchdogs: 0x133 (DPCs), 0x101 (a processor's clock interrupt), 0x1CA (a hypervisor's guest).
 * Ticks become seconds by the length of the dump's own clock tick, else by the usual one, which is
 * said. 0x1CA counts in 100 ns.
 */
#include "analyze/explain.h"

#include "nt/prcb.h"

enum { DPC_WATCHDOG = 0x133, CLOCK_WATCHDOG = 0x101, TRIAGE_MARK = (int)0xaebecede };

static const char *seconds(struct sc_case *c, uint64_t span) {
    return sc_case_text(c, "%llu.%llu s", (unsigned long long)(span / 10000000),
                        (unsigned long long)(span / 1000000 % 10));
}

/* DPC_WATCHDOG_GLOBAL_TRIAGE_BLOCK begins with its mark, aebecede. */
static void say_block(struct sc_case *c, unsigned n) {
    uint64_t mark;
    if (sc_arg(c, n) &&
        sc_space_uint(sc_target_space(c->target), sc_arg(c, n), 4, &mark) == SC_READ_OK)
        sc_arg_add(c, n,
                   mark == (uint32_t)TRIAGE_MARK ? "its mark aebecede is there"
                                                 : "its mark aebecede is not there");
    else if (sc_arg(c, n))
        sc_arg_absent(c, n, "not in this dump");
}

static void dpc_watchdog(struct sc_case *c) {
    uint64_t kind = sc_arg(c, 1), used = sc_arg(c, 2), allowed = sc_arg(c, 3);
    if (kind == 0) {
        c->a->arg[1].meaning = sc_ticks_text(c, used);
        c->a->arg[2].meaning = sc_ticks_text(c, allowed);
        say_block(c, 4);
        sc_case_fact(c, SC_UNSET64, ".bugcheck",
                     "One DPC or interrupt routine ran for %s; %llu were allowed.",
                     sc_ticks_text(c, used), (unsigned long long)allowed);
    } else if (kind == 1) {
        c->a->arg[1].meaning = sc_ticks_text(c, used);
        say_block(c, 3);
        sc_case_fact(c, SC_UNSET64, ".bugcheck",
                     "The processor spent %s in all at DISPATCH_LEVEL or above: no single routine "
                     "need have been long.",
                     sc_ticks_text(c, used));
    }
}

/* The registers of the processor that hangs are of another than the one that stopped. */
static void say_hung(struct sc_case *c, uint64_t number) {
    struct sc_regs regs;
    if (number > UINT32_MAX || number >= c->machine->ncpus) {
        sc_case_note(c, "Parameter 4 names processor %llu, but the dump counts %u.",
                     (unsigned long long)number, c->machine->ncpus);
        return;
    }
    if (number == c->machine->current) {
        sc_case_fact(c, SC_UNSET64, "k",
                     "The processor that hung, %llu, is the current one: its stack is this "
                     "dump's.",
                     (unsigned long long)number);
        return;
    }
    if (sc_case_took(c, sc_target_regs(c->target, (uint32_t)number, &regs)))
        sc_case_fact(
            c, sc_regs_ip(&regs),
            sc_case_text(c, "~%llus; k; ~%us", (unsigned long long)number, c->machine->current),
            "The registers of processor %llu, which hung, stand at %s; when it does not "
            "answer, they are those of its last state that was saved.",
            (unsigned long long)number, sc_case_place(c, sc_regs_ip(&regs)));
    else
        sc_case_note(c, "The dump holds no registers of processor %llu, which hung.",
                     (unsigned long long)number);
}

static void clock_watchdog(struct sc_case *c) {
    struct nt_prcb p;
    c->a->arg[0].meaning = sc_ticks_text(c, sc_arg(c, 1));
    if (c->k->book && sc_arg(c, 3) && sc_case_took(c, nt_prcb_read(&c->k->nt, sc_arg(c, 3), &p)) &&
        nt_prcb_present(&p) && nt_or(&p.f[NT_C_NUMBER], UINT64_MAX) == sc_arg(c, 4))
        sc_arg_add(c, 3, "PRCB of processor %llu", (unsigned long long)sc_arg(c, 4));
    say_hung(c, sc_arg(c, 4));
}

static void synthetic_watchdog(struct sc_case *c) {
    if (sc_arg(c, 1) < 1ull << 40)
        sc_arg_add(c, 1, "%s", seconds(c, sc_arg(c, 1)));
}

void sc_explain_watchdog(struct sc_case *c) {
    uint32_t code = sc_plain_code(c->a->code);
    if (code == DPC_WATCHDOG)
        dpc_watchdog(c);
    else if (code == CLOCK_WATCHDOG)
        clock_watchdog(c);
    else
        synthetic_watchdog(c);
}
