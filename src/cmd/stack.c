/* SPDX-License-Identifier: MIT */
/*
 * `k` and its letters: the stack of the registers in force.
 *
 *     k[bcdfnpPvLM] [count]
 *     k[…] = base [count]            x86; base sp ip [count]
 *     k[…] = sp [count]              x64, ARM64; sp ip count
 *     kd [count]                     the stack's words with symbols, as `dps` shows them
 */
#include <string.h>

#include "cmd/dispatch.h"
#include "cmd/display.h"
#include "cmd/stack.h"
#include "cmd/symbols.h"
#include "cmd/usermods.h"
#include "mem/space_impl.h"
#include "nt/stackrange.h"

enum { KD_WORDS = 20 };

/* ---- the walk ---- */

/* IN_FORCE: the registers are those of the thread that the session is about. */
static sc_err *walk(sc_session *session, const struct sc_regs *regs, bool in_force, uint32_t first,
                    uint32_t count, struct sc_walked *ret) {
    sc_unwinder *unwinder;
    struct sc_stack_opts opts = {.sz = sizeof opts, .max_frames = first + count};
    *ret = (struct sc_walked){.first = first};
    sc_space *space = sc_target_space(sc_session_target(session));
    uint64_t failures = sc_space_io_failures(space);
    sc_err *err = sc_session_sync_modules(session);
    if (!err)
        err = sc_session_unwinder_of(session, regs->cpu, &unwinder);
    if (!err)
        err = nt_stack_ranges(sc_session_target(session), sc_session_current(session),
                              sc_regs_sp(regs), &opts);
    if (!err && in_force)
        err = sc_session_thread_ranges(session, regs, &opts);
    if (!err)
        err = sc_stack_walk(unwinder, regs, &opts, &ret->stack);
    if (!err && sc_space_io_failures(space) != failures)
        sc_remark(sc_session_out(session), "The dump file could not be read while the stack was "
                                           "walked: its frames may be others.");
    if (!err && ret->first > ret->stack.count)
        ret->first = (uint32_t)ret->stack.count;
    return err;
}

sc_err *sc_walk_regs(sc_session *session, const struct sc_regs *regs, uint32_t count,
                     struct sc_walked *ret) {
    return walk(session, regs, false, 0, count, ret);
}

sc_err *sc_session_walk(sc_session *session, uint32_t count, struct sc_walked *ret) {
    struct sc_regs regs;
    *ret = (struct sc_walked){0};
    sc_err *err = sc_session_base_regs(session, &regs);
    return err ? err : walk(session, &regs, true, sc_session_context(session)->first, count, ret);
}

/* ---- showing ---- */

struct end_rec {
    const char *reason, *text;
    uint64_t address;
};
static const struct sc_field end_fields[] = {
    SC_FIELD(struct end_rec, reason, SC_F_STR), SC_FIELD(struct end_rec, text, SC_F_STR),
    SC_FIELD(struct end_rec, address, SC_F_ADDR), SC_FIELD_END};
static const struct sc_rectype end_type = {"stack_end", sizeof(struct end_rec), end_fields};

struct end_style {
    const struct sc_stack *stack;
    const char *before;
    unsigned ptr_size;
    bool enrich;
};

static void end_text(sc_out *out, const void *record, void *ctx) {
    const struct end_rec *r = record;
    const struct end_style *s = ctx;
    char addr[SC_ADDR_BUF];
    bool said = s->stack->end == SC_STACK_END_DONE || s->stack->end == SC_STACK_END_LIMIT ||
                s->stack->end == SC_STACK_END_CANCELLED;
    if (said || !s->enrich)
        return;
    sc_printf(out, "%s  ", s->before ? s->before : "");
    if (s->stack->end == SC_STACK_END_MEMORY)
        sc_printf(out, "[the stack's memory at %s is not in the dump]\n",
                  sc_addr_text(r->address, s->ptr_size, addr));
    else if (s->stack->end == SC_STACK_END_BAD)
        sc_printf(out, "[%s at %s]\n", r->text, sc_addr_text(r->address, s->ptr_size, addr));
    else
        sc_printf(out, "[%s]\n", r->text);
}

void sc_show_stack_end(sc_session *session, const struct sc_stack *stack,
                       const struct sc_kstyle *style) {
    static const char *const reasons[] = {
        [SC_STACK_END_DONE] = "done",          [SC_STACK_END_LIMIT] = "limit",
        [SC_STACK_END_MEMORY] = "memory",      [SC_STACK_END_LOST] = "lost",
        [SC_STACK_END_LOOP] = "loop",          [SC_STACK_END_BAD] = "bad",
        [SC_STACK_END_CANCELLED] = "cancelled"};
    bool has_address = stack->end == SC_STACK_END_MEMORY || stack->end == SC_STACK_END_BAD;
    struct end_rec r = {.reason = reasons[stack->end],
                        .text = sc_stack_end_text(stack->end),
                        .address = has_address ? stack->end_address : SC_UNSET64};
    struct end_style ctx = {stack, style->before, style->ptr_size, style->enrich};
    sc_record(sc_session_out(session), &end_type, &r, end_text, &ctx);
}

/* What stands in front of the first frame that nothing told how to leave. */
static void warn(sc_out *out, const struct sc_frame *frame, const struct sc_kstyle *style) {
    sc_printf(out, "%sWARNING: %s. Following frames may be wrong.\n",
              style->before ? style->before : "",
              frame->module ? "Stack unwind information not available"
                            : "Frame IP not in any known module");
}

sc_err *sc_show_frames(sc_session *session, const struct sc_walked *walked,
                       const struct sc_kform *form, sc_arena *arena) {
    const struct sc_stack *stack = &walked->stack;
    struct sc_kstyle style = sc_kstyle_of(session, form, &walked->stack);
    sc_out *out = sc_session_out(session);
    bool warned = false;
    for (size_t i = walked->first; i < stack->count; i++) {
        struct sc_frame_rec r;
        if (sc_out_failed(out))
            return NULL;
        if (sc_target_cancelled(sc_session_target(session)))
            return sc_err_cancelled();
        sc_err *err = sc_frame_row(session, stack, i, form, arena, &r);
        if (err)
            return err;
        r.number = (uint32_t)(i - walked->first);
        if (r.warning && !warned)
            warn(out, &stack->frame[i], &style);
        warned |= r.warning;
        sc_record(out, &sc_frame_rectype, &r, sc_frame_text, &style);
    }
    sc_show_stack_end(session, stack, &style);
    return NULL;
}

sc_err *sc_show_stack(sc_session *session, const struct sc_walked *walked,
                      const struct sc_kform *form, sc_arena *arena) {
    struct sc_kstyle style = sc_kstyle_of(session, form, &walked->stack);
    sc_stack_head(sc_session_out(session), &style);
    return sc_show_frames(session, walked, form, arena);
}

/* ---- registers by hand ---- */

enum { NUMBERS = 4, IP = 0, SP = 1, FP = 2 };

static const char *stack_register(enum sc_cpu cpu, int which) {
    static const char *const names[][3] = {
        {"eip", "esp", "ebp"}, {"rip", "rsp", "rbp"}, {"pc", "sp", "fp"}, {"pc", "sp", "r11"}};
    switch (cpu) {
    case SC_CPU_X86: return names[0][which];
    case SC_CPU_X64: return names[1][which];
    case SC_CPU_ARM64: return names[2][which];
    case SC_CPU_ARM: return names[3][which];
    default: return NULL;
    }
}

static void put(struct sc_regs *regs, int which, uint64_t value) {
    const char *name = stack_register(regs->cpu, which);
    const struct sc_reg *reg = name ? sc_reg_find(regs->cpu, name) : NULL;
    if (reg)
        sc_reg_set(regs, reg, value);
}

static void set_x86(const uint64_t *n, size_t count, struct sc_regs *regs, uint64_t *ret_count) {
    put(regs, FP, n[0]);
    if (count >= 3) {
        put(regs, SP, n[1]);
        put(regs, IP, n[2]);
    }
    if (count == 2 || count == 4)
        *ret_count = n[count - 1];
}

/* "sp count" and "sp ip count"; a second number that is too big for a count is an instruction. */
static void set_others(const uint64_t *n, size_t count, struct sc_regs *regs, uint64_t *ret_count) {
    bool has_ip = count >= 3 || (count == 2 && n[1] > SC_KFRAMES_MAX);
    put(regs, SP, n[0]);
    if (has_ip)
        put(regs, IP, n[1]);
    if (count == (has_ip ? 3 : 2))
        *ret_count = n[count - 1];
}

sc_err *sc_manual_regs(sc_session *session, const char *text, struct sc_regs *ret_regs,
                       uint64_t *ret_count) {
    sc_space *space = sc_target_space(sc_session_target(session));
    uint64_t n[NUMBERS];
    size_t count = 0;
    for (text = sc_skip_blanks(text); *text; text = sc_skip_blanks(text)) {
        if (count == NUMBERS)
            return sc_errf(SC_ERR_ARG, "'%.40s' is one number too many", text);
        sc_err *err = sc_session_eval_prefix(session, text, &n[count], &text);
        if (err)
            return err;
        n[count] = sc_space_canon(space, n[count]);
        count++;
    }
    if (!count)
        return sc_errf(SC_ERR_ARG, "behind '=' stands the address where the stack begins");
    sc_err *err = sc_session_regs(session, ret_regs);
    if (!err && ret_regs->cpu == SC_CPU_X86)
        set_x86(n, count, ret_regs, ret_count);
    else if (!err)
        set_others(n, count, ret_regs, ret_count);
    return err;
}

/* ---- kd ---- */

/* What `dps sp L count` shows. */
static sc_err *show_raw(sc_session *session, uint64_t count, sc_arena *arena) {
    struct sc_regs regs;
    struct sc_args *args = sc_arena_alloc(arena, sizeof *args);
    sc_err *err = args ? sc_session_regs(session, &regs) : sc_err_nomem();
    if (err)
        return err;
    args->arena = arena;
    args->command = "dps";
    args->v[ARG_D_RANGE] =
        (struct sc_val){.given = true, .num = sc_regs_sp(&regs), .count = count, .text = ""};
    return sc_run_dps(session, args);
}

/* ---- the commands ---- */

static struct sc_kform form_of(const struct sc_args *args) {
    bool b = sc_letter(args, 'b'), v = sc_letter(args, 'v');
    return (struct sc_kform){.args = b || v,
                             .child = v || !b,
                             .clean = sc_letter(args, 'c'),
                             .numbers = sc_letter(args, 'n'),
                             .memory = sc_letter(args, 'f'),
                             .no_lines = sc_letter(args, 'L'),
                             .notes = v,
                             .params = sc_letter(args, 'p') || sc_letter(args, 'P'),
                             .param_lines = sc_letter(args, 'P')};
}

static sc_err *count_frames(uint64_t number, uint32_t *ret_count) {
    if (!number)
        return sc_errf(SC_ERR_ARG, "k: there is no stack of 0 frames");
    *ret_count = number < SC_KFRAMES_MAX ? (uint32_t)number : SC_KFRAMES_MAX;
    return NULL;
}

/* `kd`: a count alone, and it is of words. */
static sc_err *run_kd(sc_session *session, const struct sc_args *args) {
    const char *text = args->v[1].given ? args->v[1].text : "";
    uint64_t count = sc_session_kframes(session);
    if (*text == '=')
        return sc_errf(SC_ERR_ARG, "kd takes a count only; dps shows any address");
    if (count == SC_KFRAMES_DEFAULT)
        count = KD_WORDS;
    sc_err *err = *text ? sc_session_eval(session, text, &count) : NULL;
    return err ? err : show_raw(session, count, args->arena);
}

/* `k = …`: what was set before does not matter. */
static sc_err *walk_by_hand(sc_session *session, const char *text, struct sc_walked *ret) {
    struct sc_regs regs;
    uint64_t number = sc_session_kframes(session);
    uint32_t count = 0;
    sc_err *err = sc_manual_regs(session, text, &regs, &number);
    if (!err)
        err = count_frames(number, &count);
    return err ? err : walk(session, &regs, false, 0, count, ret);
}

static sc_err *walk_context(sc_session *session, const char *text, struct sc_walked *ret) {
    uint64_t number = sc_session_kframes(session);
    uint32_t count = 0;
    sc_err *err = *text ? sc_session_eval(session, text, &number) : NULL;
    if (!err)
        err = count_frames(number, &count);
    if (!err)
        err = sc_session_walk(session, count, ret);
    if (!err && sc_session_has_context(session))
        sc_puts(sc_session_out(session),
                "  *** Stack trace for last set context - .thread/.cxr resets it\n");
    return err;
}

static sc_err *run_k(sc_session *session, const struct sc_args *args) {
    struct sc_walked walked = {.first = 0};
    struct sc_kform form = form_of(args);
    const char *text = args->v[1].given ? sc_skip_blanks(args->v[1].text) : "";
    if (sc_letter(args, 'd'))
        return run_kd(session, args);
    sc_err *err = *text == '=' ? walk_by_hand(session, text + 1, &walked)
                               : walk_context(session, text, &walked);
    if (!err)
        err = sc_show_stack(session, &walked, &form, args->arena);
    sc_stack_deinit(&walked.stack);
    return err;
}

/* ---- .kframes ---- */

struct kframes_rec {
    uint32_t frames;
};
static const struct sc_field kframes_fields[] = {SC_FIELD(struct kframes_rec, frames, SC_F_U32),
                                                 SC_FIELD_END};
static const struct sc_rectype kframes_type = {"stack_depth", sizeof(struct kframes_rec),
                                               kframes_fields};

static void kframes_text(sc_out *out, const void *record, void *ctx) {
    const struct kframes_rec *r = record;
    (void)ctx;
    sc_printf(out, "Default stack trace depth is 0n%u frames\n", r->frames);
}

static sc_err *run_kframes(sc_session *session, const struct sc_args *args) {
    uint32_t count = sc_session_kframes(session);
    sc_err *err = args->v[0].given ? count_frames(args->v[0].num, &count) : NULL;
    if (err)
        return err;
    sc_session_set_kframes(session, count);
    struct kframes_rec r = {count};
    sc_record(sc_session_out(session), &kframes_type, &r, kframes_text, NULL);
    return NULL;
}

static const struct sc_arg k_args[] = {
    {SC_ARG_LETTERS, "columns", "=bcdfnpPvLM", true,
     "b arguments, v those and frame data, n numbers, f bytes used, c names alone, p parameters, "
     "P each on its own line, L no source lines, M accepted; d: the stack's words"},
    {SC_ARG_REST, "[= addresses] count", NULL, true,
     "how many frames; behind '=': where the stack begins"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg kframes_args[] = {
    {SC_ARG_EXPR, "count", NULL, true, "how many frames k shows when it is not told"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_stack_commands[] = {
    {.name = "k",
     .brief = "show the stack",
     .needs = SC_NEED_TARGET,
     .touch = true,
     .args = k_args,
     .help = "The stack of the registers that r shows: of the current thread or processor, or of "
             "what .cxr, .ecxr, .trap or .frame /c set. ~2 k and ~*k show those of others.\n"
             "kb has the arguments (x64: what stands where arguments could have been saved), kv "
             "also how the frame is known; kn numbers the frames, kf says how much stack each "
             "uses, kc has names alone, kp and kP the parameters' types, names and values where "
             "the symbols have them, kL leaves source lines out. Letters may be joined: kvnL 20. "
             "kd shows the words of the stack, those that are addresses of code with names.\n"
             "k = sp ip count (x86: base sp ip) walks from there.\n"
             "With .enrich on, brackets say how a frame was found when that is not certain, and "
             "why the stack ends where it does.",
     .sample = "k",
     .run = run_k},
    {.name = ".kframes",
     .brief = "show or set how many frames k shows",
     .args = kframes_args,
     .help = "Without a number: what is set.",
     .sample = ".kframes",
     .run = run_kframes},
    {.name = NULL},
};
