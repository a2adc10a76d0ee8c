/* SPDX-License-Identifier: MIT */
/*
 * `u`, `ub`, `uu` and `uf`: code as WinDbg lists it. How a line looks is unasm_show.c's, which
 * instructions stand before an address unasm_back.c's, what belongs to a function
 * unasm_function.c's, and uf itself uf.c's.
 */
#include <string.h>

#include "cmd/unasm.h"

enum { DEFAULT_COUNT = 8, POLL = 1024 };

/* What WinDbg says at a caret below the command. */
static sc_err *memory_error(const struct sc_args *args, uint64_t addr) {
    return sc_err_mem(addr, "Memory access error in '%s'", args->text);
}

/* Where a listing without an address goes on: where the last one ended, or the next instruction. */
static sc_err *current(sc_session *session, uint64_t *ret_addr) {
    struct sc_regs regs;
    if (sc_session_unasm(session, ret_addr))
        return NULL;
    sc_err *err = sc_session_regs(session, &regs);
    if (!err)
        *ret_addr = sc_regs_ip(&regs);
    return err;
}

static sc_err *start_of(sc_session *session, const struct sc_val *range, uint64_t *ret_addr) {
    if (!range->text)
        return current(session, ret_addr);
    *ret_addr = sc_space_canon(sc_target_space(sc_session_target(session)), range->num);
    return NULL;
}

/* ---- u, uu ---- */

struct list {
    const struct sc_args *args;
    uint64_t next;
    uint64_t count; /* instructions, when END is 0 */
    uint64_t end;
    bool skip; /* uu: go on behind what cannot be read */
};

/* Has the address wrapped, or is it behind what was asked for? */
static bool is_done(const struct list *l, uint64_t shown, uint64_t before) {
    if (l->next < before)
        return true;
    return l->end ? l->next >= l->end : shown >= l->count;
}

static sc_err *show_one(struct sc_unasm *v, struct list *l, struct sc_unasm_show *show) {
    struct sc_insn insn;
    bool readable = sc_unasm_decode(v, l->next, true, &insn);
    sc_err *err = sc_unasm_show(v, l->next, readable ? &insn : NULL, show);
    if (err)
        return err;
    if (!readable && !l->skip)
        return memory_error(l->args, l->next);
    l->next += readable ? insn.length : sc_disasm_min(v->disasm);
    return NULL;
}

static sc_err *list(struct sc_unasm *v, struct list *l) {
    struct sc_unasm_show show = {.header = true};
    uint64_t shown = 0, before = l->next;
    do {
        if (shown % POLL == 0 && sc_target_cancelled(v->target))
            return sc_err_cancelled();
        before = l->next;
        sc_err *err = show_one(v, l, &show);
        if (err)
            return err;
        shown++;
    } while (!is_done(l, shown, before) && l->next <= v->limit);
    return NULL;
}

static sc_err *run_u(sc_session *session, const struct sc_args *args) {
    const struct sc_val *range = &args->v[0];
    struct list l = {.args = args, .skip = args->command[1] == 'u' || args->command[1] == 'U'};
    struct sc_unasm *v;
    sc_err *err = start_of(session, range, &l.next);
    if (!err)
        err = sc_unasm_create(session, args->arena, &v);
    if (err)
        return err;
    l.count = range->count ? range->count : DEFAULT_COUNT;
    if (range->end)
        l.end = l.next + (range->end - range->num);
    uint64_t *back = NULL;
    size_t nback = 0;
    if (range->back)
        err = sc_unasm_back(v, l.next, (size_t)l.count, &back, &nback);
    if (!err && nback) {
        l.next = back[0];
        l.count = nback;
    }
    if (!err)
        err = list(v, &l);
    sc_session_set_unasm(session, l.next);
    sc_session_set_dot(session, l.next);
    sc_unasm_destroy(v);
    return err;
}

/* ---- ub ---- */

static sc_err *list_back(struct sc_unasm *v, const uint64_t *addr, size_t count) {
    struct sc_unasm_show show = {.header = true};
    struct sc_insn insn;
    for (size_t i = 0; i < count; i++) {
        bool readable = sc_unasm_decode(v, addr[i], true, &insn);
        sc_err *err = sc_unasm_show(v, addr[i], readable ? &insn : NULL, &show);
        if (err)
            return err;
    }
    return NULL;
}

static sc_err *run_ub(sc_session *session, const struct sc_args *args) {
    const struct sc_val *range = &args->v[0];
    uint64_t addr, *back = NULL;
    size_t count = 0;
    struct sc_unasm *v;
    if (range->end)
        return sc_errf(SC_ERR_ARG, "ub counts instructions: ub address [L count]");
    sc_err *err = start_of(session, range, &addr);
    if (!err)
        err = sc_unasm_create(session, args->arena, &v);
    if (err)
        return err;
    err =
        sc_unasm_back(v, addr, range->count ? (size_t)range->count : DEFAULT_COUNT, &back, &count);
    if (!err && v->nomem)
        err = sc_err_nomem();
    if (!err && !count)
        err = sc_err_mem(addr, "Unable to find valid previous instruction for '%s'", args->text);
    if (!err)
        err = list_back(v, back, count);
    if (!err) {
        sc_session_set_unasm(session, back[0]);
        sc_session_set_dot(session, back[0]);
    }
    sc_unasm_destroy(v);
    return err;
}

/* ---- rows ---- */

static const struct sc_arg range_args[] = {
    {SC_ARG_RANGE, "address", NULL, true, "and L count or the last address; none: goes on"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg back_args[] = {
    {SC_ARG_RANGE, "address", NULL, true, "behind the last instruction shown, and L count"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg function_args[] = {
    {SC_ARG_OPTION, "calls", "c", true, "only the calls it makes"},
    {SC_ARG_OPTION, "count", "i", true, "also the number of instructions"},
    {SC_ARG_OPTION, "order", "o", true, "in the order of addresses, not of the function"},
    {SC_ARG_OPTION, "exits", "m", true, "allow several exits: always so here"},
    {SC_ARG_OPTION, "links", "D", true, "links to what is called: none in text"},
    {SC_ARG_OPTION, "lines", "O", true, "links to the calls: none in text"},
    {SC_ARG_EXPR, "address", NULL, true, "anywhere in the function; none: the current instruction"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_code_commands[] = {
    {.name = "u",
     .aliases = "uu",
     .brief = "unassemble: show code as instructions",
     .needs = SC_NEED_TARGET,
     .touch = true,
     .args = range_args,
     .help = "Eight instructions, a count (u address L20) or a range (u address address). Without "
             "an address it goes on where the last u ended; at first that is the current "
             "instruction.\n"
             "The symbol stands on a line of its own where it changes; with .lines -e also the "
             "source line. Bytes that are no instruction are shown as ???, memory that the dump "
             "does not hold as ??, where u ends and uu goes on.",
     .sample = "u",
     .run = run_u},
    {.name = "ub",
     .brief = "unassemble backwards: the code before an address",
     .needs = SC_NEED_TARGET,
     .touch = true,
     .args = back_args,
     .help = "Eight instructions, or a count (ub address L20). On x86 and x64 where an instruction "
             "begins can only be told going forward: decoding starts at the function's beginning "
             "where that is known, else where most ways of decoding agree.",
     .sample = "ub",
     .run = run_ub},
    {.name = "uf",
     .brief = "unassemble a function",
     .needs = SC_NEED_TARGET,
     .args = function_args,
     .help = "All code of the function that contains the address, in blocks that end where it "
             "jumps and begin where jumps arrive. The parts that an optimiser has moved away are "
             "found through the unwind data, or by their symbol.\n"
             "/c shows only the calls.",
     .sample = "uf /c",
     .run = sc_run_uf},
    {.name = NULL},
};
