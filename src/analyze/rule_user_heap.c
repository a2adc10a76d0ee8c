/* SPDX-License-Identifier: MIT */
/*
 * user-heap: the heap was found damaged, or its code failed.
 *
 *   found damaged            0xC0000374, a check of a C library, Application Verifier's stop:
 *                            nobody is blamed, since the damage was done before: POSSIBLE. The
 *                            caller is named, POSSIBLE, when the heap's own record says that the
 *                            call itself was wrong (a block freed twice, a pointer that is none of
 *                            its blocks), LIKELY when a verifier stopped the program for it
 *   code of the heap failed  an access violation inside malloc, free and their like: a suspicion,
 *                            of nobody: POSSIBLE, beside the finding about the caller
 */
#include "analyze/user.h"
#include "nt/heapfail.h"

enum { WRONG_CALL_FIRST = 8, WRONG_CALL_LAST = 10, CROSS_HEAP = 12 };

static bool is_verifier_stop(const struct sc_case *c, const struct sc_user_frames *frames) {
    if (c->machine->windows && c->a->exception.code == 0xc0000421)
        return true;
    for (size_t i = 0; i < frames->count && i < SC_USER_SIGNS_MAX; i++) {
        const struct sc_user_frame *u = &frames->item[i];
        if (u->module && u->module->image &&
            nt_userfunc_roles(u->module->image, NULL) & NT_UF_HEAP_CHECK)
            return true;
    }
    return false;
}

static bool is_wrong_call(const struct nt_heapfail *fail) {
    return (fail->type >= WRONG_CALL_FIRST && fail->type <= WRONG_CALL_LAST) ||
           fail->type == CROSS_HEAP;
}

static void say_next(struct sc_case *c, struct sc_draft *d) {
    const char *program = c->a->process ? c->a->process : "PROGRAM.exe";
    if (c->machine->windows)
        sc_draft_next(c, d,
                      "The same run under page heap, which stops the code that does the damage: "
                      "gflags /p /enable %s /full",
                      program);
    else
        sc_draft_next(c, d,
                      "The same run with AddressSanitizer (-fsanitize=address) or under "
                      "valgrind, which stop the code that does the damage.");
}

static void say_record(struct sc_case *c, struct sc_draft *d, uint64_t at,
                       const struct nt_heapfail *fail) {
    sc_draft_show(c, d, at, sc_case_text(c, "dd %s L3", sc_case_hex(c, at)),
                  "The heap's own record says type %u%s%s%s. %s", fail->type,
                  fail->name ? " (" : "", fail->name ? fail->name : "", fail->name ? ")" : "",
                  fail->text ? fail->text : "");
    sc_draft_show(c, d, at, sc_case_text(c, "dp %s L4", sc_case_hex(c, at)),
                  "The heap is %s, the block %s.", sc_case_addr(c, fail->heap),
                  sc_case_addr(c, fail->block));
}

/* The heap, a library or a verifier found the damage. */
static void found_damaged(struct sc_case *c, const struct sc_user_frames *frames) {
    struct sc_draft d;
    struct nt_heapfail fail;
    const struct sc_exception *e = &c->a->exception;
    bool verifier = is_verifier_stop(c, frames);
    bool record = c->machine->windows && e->code == 0xc0000374 && e->nparams &&
                  nt_heapfail_read(c->target, e->param[0], &fail);
    size_t who;
    bool named = sc_user_blame(frames, 0, &who);
    bool likely = verifier && named && frames->item[who].sure;
    sc_user_start(c, &d, likely ? SC_LIKELY : SC_POSSIBLE);
    d.f.symbol = c->fault.ip == SC_UNSET64 ? NULL : sc_case_where(c, c->fault.ip);
    d.f.summary = sc_case_text(c, "%s found its heap damaged and was ended.", sc_user_program(c));
    d.f.detail =
        record && fail.text
            ? sc_case_text(c,
                           "%s It was found at this call, and may have been done before, by "
                           "other code.",
                           fail.text)
            : "The heap was found damaged at this call; the damage was done before, perhaps by "
              "other code: writing past a block, or freeing one twice.";
    if (record)
        say_record(c, &d, e->param[0], &fail);
    else if (c->machine->windows && e->code == 0xc0000374)
        sc_draft_lacked(c, &d, "The heap's record of what it found is not in the dump.");
    if (named && (verifier || (record && is_wrong_call(&fail))))
        sc_user_accuse(c, &d, frames, who, "made the call that was wrong");
    else if (named)
        sc_user_show_frame(c, &d, frames, who, "made the call that found it");
    sc_user_show_follow_up(c, &d);
    if (verifier)
        sc_draft_show(c, &d, SC_UNSET64, frames->command,
                      "Application Verifier stopped the program, which it does at the error "
                      "itself.");
    sc_user_show_thread(c, &d);
    sc_user_lack_symbols(c, &d, frames, named ? who : frames->count);
    if (!verifier)
        say_next(c, &d);
    sc_user_next_module(c, &d, d.f.module);
    sc_case_add(c, &d);
}

/* Is the code that failed the heap's? The functions in front of the first of somebody else's. */
static bool in_heap(const struct sc_user_frames *frames, size_t *ret_index) {
    size_t end = frames->count;
    sc_user_blame(frames, 0, &end);
    for (size_t i = 0; i < end && i < SC_USER_SIGNS_MAX; i++) {
        if (frames->item[i].roles & (NT_UF_HEAP | NT_UF_HEAP_CHECK)) {
            *ret_index = i;
            return true;
        }
        if (!frames->item[i].system)
            return false;
    }
    return false;
}

static void suspected(struct sc_case *c, const struct sc_user_frames *frames) {
    struct sc_draft d;
    size_t i;
    if (c->fault.memory == SC_UNSET64 && !c->fault.hidden)
        return;
    if (!in_heap(frames, &i))
        return;
    const struct sc_user_frame *u = &frames->item[i];
    sc_user_start(c, &d, SC_POSSIBLE);
    d.f.symbol = sc_user_place(c, u);
    d.f.summary = sc_case_text(c,
                               "%s's heap is probably damaged: its own code failed. Who did the "
                               "damage is not known.",
                               sc_user_program(c));
    d.f.detail = sc_case_text(
        c,
        "%s was raised inside the heap, in %s: mostly a block was overrun, or used "
        "after it was freed, earlier and by any code of the process.",
        c->a->exception_name ? c->a->exception_name : "The exception", sc_user_place(c, u));
    sc_user_show_frame(c, &d, frames, i, "is code of the heap");
    size_t who;
    if (sc_user_blame(frames, i, &who))
        sc_user_show_frame(c, &d, frames, who, "called it, and need not be who did the damage");
    sc_fault_show_pointer(c, &d);
    sc_user_show_thread(c, &d);
    say_next(c, &d);
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    struct sc_user_frames frames;
    enum sc_user_kind kind = sc_user_kind(c);
    if (kind != SC_USER_HEAP && kind != SC_USER_FAULT)
        return;
    sc_user_frames(c, &frames);
    if (kind == SC_USER_HEAP)
        found_damaged(c, &frames);
    else
        suspected(c, &frames);
}

const struct sc_rule sc_rule_user_heap = {
    "user-heap",
    "The heap of a process was found damaged, or failed itself: mostly somebody else's doing.",
    SC_RULE_USER,
    run,
};
