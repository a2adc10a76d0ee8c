/* SPDX-License-Identifier: MIT */
/*
 * user-stack-overflow: a thread used up its stack.
 *
 * The exception's code says so (0xC00000FD), or the address that was touched lies right below the
 * stack that the dump has of the thread (user_kind.c). Three explanations, looked for in this
 * order in as many frames as there are:
 *
 *   a cycle   the same calls again and again, CYCLE_MAX at most, for ROUNDS_MIN rounds or more, and
 *             over most of the stack: recursion without an end. The first frame of the cycle in
 *             the program's own code: STRONG when the frames are exact, else LIKELY
 *   a giant   one function's frame takes a quarter of the stack or more: LIKELY
 *   neither   the module of the instruction: LIKELY; a system library: POSSIBLE
 *
 * Calls are compared by their return addresses; when that finds nothing, by function, since a
 * recursion may go through several calls of one function.
 */
#include <string.h>

#include "analyze/user.h"
#include "nt/stackrange.h"

enum {
    FRAMES_MAX = 4096,
    CYCLE_MAX = 64,
    ROUNDS_MIN = 8,
    SKIP_MAX = 64, /* frames that may stand above the cycle */
    NAMES_MAX = 5,
};

struct deep {
    struct sc_stack stack;
    uint64_t *key;
    uint64_t top; /* end of the thread's stack, 0 unknown */
    const char *command;
};
struct cycle {
    size_t first, period, count; /* frames from FIRST on repeat */
};

static sc_err *walk(struct sc_case *c, struct deep *deep) {
    sc_unwinder *unwinder;
    struct sc_stack_opts opts = {.sz = sizeof opts, .max_frames = FRAMES_MAX};
    const struct sc_regs *regs = &c->a->regs;
    sc_err *err = nt_stack_ranges(c->target, c->machine->current, sc_regs_sp(regs), &opts);
    if (!err)
        err = sc_unwinder_create(c->target, c->symtab, &unwinder);
    if (err)
        return err;
    if (opts.nranges)
        deep->top = opts.range[0].end;
    err = sc_stack_walk(unwinder, regs, &opts, &deep->stack);
    sc_unwinder_destroy(unwinder);
    return err;
}

static bool load(struct sc_case *c, struct deep *deep) {
    *deep = (struct deep){.key = NULL};
    if (!c->a->has_regs)
        return false;
    sc_err *err = walk(c, deep);
    if (err) {
        c->nomem = c->nomem || sc_err_code(err) == SC_ERR_NOMEM;
        sc_err_destroy(err);
        sc_stack_deinit(&deep->stack);
        *deep = (struct deep){.key = NULL};
        return false;
    }
    deep->key = sc_arena_array(c->arena, deep->stack.count + 1, sizeof *deep->key);
    if (!deep->key)
        c->nomem = true;
    const char *regs = c->a->regs_command ? c->a->regs_command : "r";
    deep->command = sc_case_text(c, "%s; kn", regs);
    return deep->key != NULL;
}

/* The longest run from FIRST on in which frame i equals frame i + period. */
static size_t run_length(const struct deep *deep, size_t first, size_t period) {
    size_t n = 0;
    while (first + n + period < deep->stack.count &&
           deep->key[first + n] == deep->key[first + n + period])
        n++;
    return n;
}

static bool find_by_key(const struct deep *deep, struct cycle *ret) {
    for (size_t period = 1; period <= CYCLE_MAX; period++) {
        for (size_t first = 0; first < SKIP_MAX && first < deep->stack.count; first++) {
            size_t same = run_length(deep, first, period) + period;
            if (same >= period * ROUNDS_MIN && same * 2 > deep->stack.count) {
                *ret = (struct cycle){first, period, same};
                return true;
            }
        }
    }
    return false;
}

static uint64_t function_start(struct sc_case *c, uint64_t addr) {
    struct sc_near near;
    bool found = false;
    sc_err *err = c->symtab ? sc_symtab_near(c->symtab, addr, &near, &found) : NULL;
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        c->nomem = true;
    uint64_t start = !err && found ? near.address : addr;
    sc_err_destroy(err);
    return start;
}

static bool find_cycle(struct sc_case *c, struct deep *deep, struct cycle *ret) {
    for (size_t i = 0; i < deep->stack.count; i++)
        deep->key[i] = deep->stack.frame[i].ip;
    if (find_by_key(deep, ret))
        return true;
    for (size_t i = 0; i < deep->stack.count; i++)
        deep->key[i] = function_start(c, deep->stack.frame[i].ip);
    return find_by_key(deep, ret);
}

/* "app!Foo, app!Bar and 3 more": the cycle's functions, innermost first. */
static const char *names(struct sc_case *c, const struct sc_user_frames *frames,
                         const struct cycle *cycle) {
    const char *text = "";
    size_t n = 0;
    for (; n < cycle->period && n < NAMES_MAX; n++)
        text = sc_case_text(c, "%s%s%s", text, n ? ", " : "",
                            sc_user_place(c, &frames->item[cycle->first + n]));
    return n < cycle->period ? sc_case_text(c, "%s and %zu more", text, cycle->period - n) : text;
}

static const char *rounds(struct sc_case *c, const struct deep *deep, const struct cycle *cycle) {
    size_t n = cycle->count / cycle->period;
    uint64_t first = deep->stack.frame[cycle->first].sp;
    uint64_t last = deep->stack.frame[cycle->first + cycle->count - 1].sp;
    bool cut = deep->stack.end == SC_STACK_END_LIMIT && deep->top > last && last > first;
    if (cut)
        return sc_case_text(c, "about %llu",
                            (unsigned long long)((deep->top - first) / ((last - first) / n + 1)));
    return sc_case_text(c, "%zu", n);
}

static void say_fault(struct sc_case *c, struct sc_draft *d) {
    if (c->a->exception.code != 0xc00000fd)
        sc_draft_show(c, d, c->fault.memory, ".exr -1",
                      "The address it used, %s, lies right below the thread's stack.",
                      sc_case_addr(c, c->fault.memory));
    sc_user_show_thread(c, d);
}

static void say_next(struct sc_case *c, struct sc_draft *d, const struct sc_module *m) {
    sc_draft_next(c, d,
                  "The condition that should end the recursion, and the data that it went through; "
                  "a larger stack only delays it.");
    sc_user_next_module(c, d, m);
}

/*
 * The function of the cycle to name. Where the stack ended is chance, so it is the one through
 * which the recursion was entered; when that end is not known, the lowest in memory.
 */
static bool entry_of(const struct deep *deep, const struct sc_user_frames *frames,
                     const struct cycle *cycle, size_t *ret_index) {
    size_t best = SIZE_MAX;
    bool cut = deep->stack.end == SC_STACK_END_LIMIT;
    for (size_t k = 0; k < cycle->period; k++) {
        size_t i = cycle->first + (cycle->count - 1 - k) % cycle->period;
        const struct sc_user_frame *u = &frames->item[i];
        if (!u->module || u->system || u->roles & SC_USER_PASSED)
            continue;
        if (best == SIZE_MAX || u->f->ip < frames->item[best].f->ip)
            best = i;
        if (!cut)
            break;
    }
    *ret_index = best;
    return best != SIZE_MAX;
}

static void recursion(struct sc_case *c, const struct deep *deep,
                      const struct sc_user_frames *frames, const struct cycle *cycle) {
    struct sc_draft d;
    size_t who;
    bool named = entry_of(deep, frames, cycle, &who);
    if (!named)
        who = cycle->first;
    const struct sc_user_frame *u = &frames->item[who];
    size_t last = cycle->first + cycle->count - 1;
    bool sure = frames->item[last].sure;
    const char *list = names(c, frames, cycle), *times = rounds(c, deep, cycle);
    sc_user_start(c, &d, !named ? SC_POSSIBLE : sure ? SC_STRONG : SC_LIKELY);
    d.f.module = u->module;
    d.f.symbol = sc_user_place(c, u);
    d.f.summary = sc_case_text(c,
                               "%s ran out of stack: it called itself again and again without an "
                               "end.",
                               u->module ? sc_case_who(c, u->module) : sc_user_program(c));
    const char *calls = cycle->period == 1
                            ? "one call repeats"
                            : sc_case_text(c, "the same %zu calls repeat", cycle->period);
    d.f.detail = sc_case_text(c, "On the stack %s %s times: %s.", calls, times, list);
    const char *command = sc_user_show(c, frames, last);
    sc_draft_show(c, &d, u->f->ip, command, "From frame %u on, %s %s times: %s.",
                  frames->item[cycle->first].f->number, calls, times, list);
    size_t end = last + 1, starter;
    if (end < frames->count && sc_user_blame(frames, end, &starter))
        sc_user_show_frame(c, &d, frames, starter, "is what the recursion was entered from");
    if (!sure)
        sc_draft_against(c, &d, u->f->ip, command,
                         "The frames were found by their pointers, without unwind data.");
    say_fault(c, &d);
    if (!u->function)
        sc_user_lack_symbols(c, &d, frames, who);
    say_next(c, &d, u->module);
    sc_case_add(c, &d);
}

/* The frame that takes the most of the stack; its size in *RET_SIZE. */
static size_t largest(const struct sc_stack *s, uint64_t *ret_size) {
    size_t best = 0;
    uint64_t size = 0;
    for (size_t i = 0; i + 1 < s->count; i++) {
        uint64_t bytes = s->frame[i + 1].sp - s->frame[i].sp;
        if (bytes > size && bytes < UINT64_C(1) << 32) {
            size = bytes;
            best = i;
        }
    }
    *ret_size = size;
    return best;
}

static bool giant(struct sc_case *c, const struct deep *deep, const struct sc_user_frames *frames) {
    struct sc_draft d;
    uint64_t size, low = frames->count ? deep->stack.frame[0].sp : 0;
    size_t i = largest(&deep->stack, &size);
    if (!frames->count || deep->top <= low || size < (deep->top - low) / 4 || size < 0x4000 ||
        !frames->item[i].module || !frames->item[i + 1].sure)
        return false;
    const struct sc_user_frame *u = &frames->item[i];
    sc_user_start(c, &d, SC_LIKELY);
    d.f.summary =
        sc_case_text(c, "%s ran out of stack: one function needs more of it than there is.",
                     sc_case_who(c, u->module));
    d.f.detail = sc_case_text(c, "The frame of %s takes 0x%llx of the 0x%llx bytes in use.",
                              sc_user_place(c, u), (unsigned long long)size,
                              (unsigned long long)(deep->top - low));
    sc_user_accuse(c, &d, frames, i,
                   sc_case_text(c, "takes 0x%llx bytes", (unsigned long long)size));
    say_fault(c, &d);
    sc_draft_next(c, &d,
                  "Its local variables and calls of alloca(): large buffers belong on the "
                  "heap.");
    sc_user_next_module(c, &d, u->module);
    sc_case_add(c, &d);
    return true;
}

static void otherwise(struct sc_case *c, const struct sc_user_frames *frames) {
    struct sc_draft d;
    const struct sc_module *m =
        c->fault.ip == SC_UNSET64 ? NULL : sc_target_module_at(c->target, c->fault.ip);
    bool system = !m || sc_user_is_system(c, m);
    sc_user_start(c, &d, system ? SC_POSSIBLE : SC_LIKELY);
    d.f.module = m;
    d.f.symbol = c->fault.ip == SC_UNSET64 ? NULL : sc_case_where(c, c->fault.ip);
    d.f.summary =
        sc_case_text(c, "%s ran out of stack.", m ? sc_case_who(c, m) : sc_user_program(c));
    d.f.detail = sc_user_fault_detail(c);
    if (m)
        sc_draft_show(c, &d, c->fault.ip, sc_case_lm(c, c->fault.ip),
                      "The instruction lies in %s: it needed more stack when there was none left.",
                      sc_case_extent(c, m));
    if (system && m)
        sc_draft_against(c, &d, c->fault.ip, sc_case_lm(c, c->fault.ip),
                         "This is a library of the system: others had used the stack before.");
    size_t i;
    if (sc_user_blame(frames, 0, &i))
        sc_user_show_frame(c, &d, frames, i, "is the first in the program's own code");
    say_fault(c, &d);
    sc_draft_lacked(c, &d,
                    frames->count > 1
                        ? "Neither a repeating row of calls nor a large frame is seen in the part "
                          "of the stack that can be walked."
                        : "The stack could not be walked: which calls repeat is not known.");
    say_next(c, &d, m);
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    struct deep deep;
    struct cycle cycle;
    struct sc_user_frames frames;
    if (sc_user_kind(c) != SC_USER_OVERFLOW)
        return;
    if (!load(c, &deep)) {
        sc_user_frames(c, &frames);
        otherwise(c, &frames);
        sc_stack_deinit(&deep.stack);
        return;
    }
    sc_user_frames_of(c, &deep.stack, deep.command, &frames);
    if (frames.count == deep.stack.count && find_cycle(c, &deep, &cycle))
        recursion(c, &deep, &frames, &cycle);
    else if (!giant(c, &deep, &frames))
        otherwise(c, &frames);
    sc_stack_deinit(&deep.stack);
}

const struct sc_rule sc_rule_user_overflow = {
    "user-stack-overflow",
    "A thread used up its stack: the calls that repeat, or the function that takes most of it.",
    SC_RULE_USER,
    run,
};
