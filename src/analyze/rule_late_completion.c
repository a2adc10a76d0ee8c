/* SPDX-License-Identifier: MIT */
/*
 * late-completion: the thread was asleep, and what ran on it was the end of an I/O request, whose
 * caller had returned long before. IopCompleteRequest wrote the request's IO_STATUS_BLOCK to where
 * it had been on the stack, and so into the frames of the wait or of the APC's own delivery.
 *
 * likely: the traces are there (late_trace.c), and what the fault used is one half of what looks
 * like an IO_STATUS_BLOCK in those frames (late_block.c).
 *
 * possible: the traces alone; an APC that ends a request is an everyday thing.
 *
 * Nobody is blamed: the request is gone, and with it who asked for it. Whose code the thread runs
 * is a possibility of its own, by the return address beyond the wait: the frame that is gone was
 * below that one's.
 *
 * It is silent when what the fault used can be no such half: then the APC was delivered as it
 * should be, and something else went wrong.
 */
#include "analyze/advice.h"
#include "analyze/culprit.h"
#include "analyze/faultregs.h"
#include "analyze/kfacts.h"
#include "analyze/late.h"
#include "analyze/rule.h"
#include "nt/status.h"
#include "nt/thread.h"

enum { LIST_WORDS = 64 };

static const char *words_command(struct sc_case *c, uint64_t slot, unsigned count) {
    return sc_case_text(c, "dps %s L%x", sc_case_hex(c, slot), count);
}

/* ---- the wait ---- */

static void show_wait_mode(struct sc_case *c, struct sc_draft *d) {
    struct nt_thread t;
    uint64_t thread = c->k->thread;
    if (!c->k->book || !thread || !sc_case_took(c, nt_thread_read(&c->k->nt, thread, &t)) ||
        !nt_thread_valid(&t) || t.f[NT_T_ALERTABLE].state != NT_READ ||
        t.f[NT_T_WAIT_MODE].state != NT_READ) {
        sc_draft_lacked(c, d, "Whether the wait was alertable: the thread is not in the dump.");
        return;
    }
    bool alertable = t.f[NT_T_ALERTABLE].value != 0, user = t.f[NT_T_WAIT_MODE].value != 0;
    sc_draft_show(c, d, thread,
                  sc_case_text(c, "dt nt!_KTHREAD %s Alertable WaitMode", sc_case_hex(c, thread)),
                  "Its last wait was %s, in %s mode%s.", alertable ? "alertable" : "not alertable",
                  user ? "user" : "kernel",
                  alertable && user
                      ? ""
                      : ": no user APC could run in it, but a special kernel APC runs in any wait");
}

static void show_wait(struct sc_case *c, struct sc_draft *d, const struct sc_late *late) {
    if (late->wait.slot)
        sc_draft_show(c, d, late->wait.slot, words_command(c, late->wait.slot, 1),
                      "The thread was asleep: %s is a return address on its stack, at %s.",
                      sc_case_place(c, late->wait.value), sc_case_addr(c, late->wait.slot));
    else
        sc_draft_show(c, d, c->fault.ip, sc_case_ln(c, c->fault.ip),
                      "The thread was asleep: it stands in %s.", sc_case_place(c, c->fault.ip));
    show_wait_mode(c, d);
}

/* ---- the APC ---- */

static const char *trap_command(struct sc_case *c, const struct sc_late *late) {
    return late->trap ? sc_case_text(c, ".trap %s", sc_case_hex(c, late->trap)) : c->at->command;
}

static void show_fault(struct sc_case *c, struct sc_draft *d, const struct sc_late *late) {
    const char *where = sc_case_place(c, c->fault.ip);
    const char *frame =
        late->trap ? sc_case_text(c, " (trap frame %s)", sc_case_addr(c, late->trap)) : "";
    if (late->inside && late->deliver.slot)
        sc_draft_show(c, d, late->deliver.slot, trap_command(c, late),
                      "It failed at %s%s, with the stack pointer at %s: KiDeliverApc had called "
                      "that, and %s, at %s, is where it would have gone on.",
                      where, frame, sc_case_addr(c, late->sp),
                      sc_case_place(c, late->deliver.value), sc_case_addr(c, late->deliver.slot));
    else if (late->inside)
        sc_draft_show(c, d, c->fault.ip, trap_command(c, late),
                      "It failed in %s%s, which delivers APCs, with the stack pointer at %s.",
                      where, frame, sc_case_addr(c, late->sp));
    else
        sc_draft_show(c, d, c->fault.ip, trap_command(c, late),
                      "It failed at %s%s, when the wait went on: the stack pointer, %s, stands %s.",
                      where, frame, sc_case_addr(c, late->sp),
                      late->wait.slot && late->wait.slot < late->sp ? "just outside of its frames"
                                                                    : "in its own frames");
}

static void show_traces(struct sc_case *c, struct sc_draft *d, const struct sc_late *late) {
    if (late->swap.slot)
        sc_draft_show(c, d, late->swap.slot, words_command(c, late->swap.slot, 1),
                      "Below the wait, at %s, lies %s: there the thread was switched to, and APCs "
                      "are delivered before the wait goes on.",
                      sc_case_addr(c, late->swap.slot), sc_case_place(c, late->swap.value));
    if (!late->inside && late->deliver.slot)
        sc_draft_show(c, d, late->deliver.slot, words_command(c, late->deliver.slot, 1),
                      "In dead memory below, at %s, %s is left of an APC's delivery.",
                      sc_case_addr(c, late->deliver.slot), sc_case_place(c, late->deliver.value));
    if (late->routine.slot)
        sc_draft_show(c, d, late->routine.slot, words_command(c, late->routine.slot, 1),
                      "The APC's routine was %s, which ends a request and writes its "
                      "IO_STATUS_BLOCK: its address lies at %s.",
                      sc_case_place(c, late->routine.value), sc_case_addr(c, late->routine.slot));
    if (late->residue.slot)
        sc_draft_show(c, d, late->residue.slot, words_command(c, late->residue.slot, 1),
                      "It had run: %s, at %s in dead memory, is left of a call that it made.",
                      sc_case_place(c, late->residue.value), sc_case_addr(c, late->residue.slot));
}

/* ---- what was written ---- */

static const char *status_text(struct sc_case *c, uint32_t status) {
    struct nt_errtext text;
    nt_status_text(status, &text);
    return sc_case_text(c, "%08x (%s)", status, text.name ? text.name : "?");
}

static const char *used_text(struct sc_case *c, const struct sc_late_block *b) {
    const char *value = sc_case_addr(c, b->used);
    if (b->reg)
        return sc_case_text(c, "register %s, %s", b->reg, value);
    return b->where == SC_LATE_JUMP || b->used == c->fault.ip
               ? sc_case_text(c, "the address %s that it went to", value)
               : sc_case_text(c, "the address %s that it used", value);
}

static void show_block(struct sc_case *c, struct sc_draft *d, const struct sc_late *late) {
    const struct sc_late_block *b = &late->block;
    const char *status = status_text(c, b->status);
    unsigned long long information = b->information;
    switch (b->where) {
    case SC_LATE_STACK:
        sc_draft_show(c, d, b->slot, words_command(c, b->slot, 2),
                      "At %s, among these frames, lies what looks like an IO_STATUS_BLOCK: Status "
                      "%s%s, Information %llx.",
                      sc_case_addr(c, b->slot), status,
                      b->half ? ", over the low half of a pointer" : "", information);
        break;
    case SC_LATE_REGISTERS:
        sc_draft_show(c, d, SC_UNSET64, trap_command(c, late),
                      "Registers %s and %s, which are kept side by side on the stack, hold what "
                      "looks like an IO_STATUS_BLOCK: Status %s, Information %llx.",
                      b->pair[0], b->pair[1], status, information);
        break;
    case SC_LATE_JUMP:
        sc_draft_show(c, d, b->slot, words_command(c, b->slot, 1),
                      "The return address was replaced by what looks like a Status, %s%s, and the "
                      "word above it, at %s, fits as Information: %llx.",
                      status, b->half ? ", over its low half" : "", sc_case_addr(c, b->slot),
                      information);
        break;
    default:
        sc_draft_against(c, d, late->sp, words_command(c, late->sp, LIST_WORDS),
                         "Among these frames nothing was found that is both an IO_STATUS_BLOCK and "
                         "what the fault used.");
        return;
    }
    sc_draft_show(c, d, c->fault.ip, trap_command(c, late), "The fault used a half of it: %s.",
                  used_text(c, b));
    if (!b->status && !b->half)
        sc_draft_against(c, d, b->slot, words_command(c, b->slot, 2),
                         "Zero and a small number lie side by side on many stacks: this may be "
                         "chance.");
}

/* ---- the findings ---- */

static void say_rest(struct sc_case *c, struct sc_draft *d) {
    sc_draft_lacked(c, d,
                    "The request: its IRP is freed when it ends, so that neither what it was "
                    "nor who asked for it is in the dump.");
    sc_draft_lacked(c, d, "The frame that the IO_STATUS_BLOCK lay in: its function has returned.");
    sc_draft_next(c, d,
                  "In the code that this thread ran before it waited, look for ZwReadFile, "
                  "ZwWriteFile, ZwDeviceIoControlFile and the like with an IO_STATUS_BLOCK on the "
                  "stack, on a file that was not opened with FILE_SYNCHRONOUS_IO_…: where "
                  "STATUS_PENDING is taken for success, the function returns too early.");
}

static const char *consequence(struct sc_case *c) {
    const char *where = sc_case_place(c, c->fault.ip);
    if (!sc_target_module_at(c->target, c->fault.ip))
        return sc_case_text(c, "the wait returned to %s, where no code is", where);
    return sc_case_text(c, "%s failed over what was written there", where);
}

static void write_completion(struct sc_case *c, const struct sc_late *late) {
    bool agrees = sc_late_agrees(c);
    struct sc_draft d;
    sc_draft_init(&d, agrees ? SC_LIKELY : SC_POSSIBLE);
    d.f.summary = agrees ? "A request for I/O ended late, while this thread was asleep, and its "
                           "status was written into a part of the stack that was in use for "
                           "something else by then."
                         : "A request for I/O ended while this thread was asleep; it may have been "
                           "late, and its status written into a part of the stack that was in use "
                           "for something else by then.";
    d.f.detail = sc_case_text(
        c,
        "While the thread waited, nt!IopCompleteRequest ran on it as an APC; it %s an asynchronous "
        "request whose IO_STATUS_BLOCK lay on a stack frame that is gone, and %s.",
        agrees ? "ended" : "may have ended", consequence(c));
    show_wait(c, &d, late);
    show_fault(c, &d, late);
    show_traces(c, &d, late);
    show_block(c, &d, late);
    say_rest(c, &d);
    sc_case_add(c, &d);
}

/* Whose code the thread runs: who asked for the request ran on this stack, too. */
static void write_owner(struct sc_case *c, const struct sc_late *late) {
    struct sc_draft d;
    const char *where = sc_case_place(c, late->called_from.value);
    sc_draft_init(&d, SC_POSSIBLE);
    d.f.module = late->owner;
    d.f.symbol = where;
    d.f.summary = sc_case_text(c,
                               "%s runs this thread, and may have begun the request that ended "
                               "late; its traces on the stack are all there is against it.",
                               sc_case_who(c, late->owner));
    d.f.detail = sc_case_text(c,
                              "%s is the first return address of a driver beyond the wait: a "
                              "request whose stack frame is gone was begun from there or further "
                              "in.",
                              where);
    sc_draft_show(c, &d, late->called_from.slot, words_command(c, late->called_from.slot, 1),
                  "The stack holds %s at %s, beyond the wait.", where,
                  sc_case_addr(c, late->called_from.slot));
    sc_show_module(c, &d, late->owner);
    sc_advise_module(c, &d, late->owner);
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    const struct sc_late *late = sc_late(c);
    if (!late->found)
        return;
    write_completion(c, late);
    if (late->owner)
        write_owner(c, late);
}

const struct sc_rule sc_rule_late_completion = {
    "late-completion",
    "A request's end, run as an APC in a thread that waits, wrote over the stack.",
    SC_RULE_KERNEL | SC_RULE_BUGCHECK | SC_RULE_IP,
    run,
};
