/* SPDX-License-Identifier: MIT */
/*
 * Choosing a frame: `.frame`, `.f+`, `.f-`, and `!for_each_frame`.
 *
 * `.frame 3` makes the variables of frame 3 those that `dv` shows; `.frame /c 3` also its registers
 * those of `r`, `?` and `k`, whose frame 0 it is then.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/dispatch.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "cmd/stack.h"

/* Frames that may be inlined into one: as many more are walked, to know where they belong. */
enum { INLINED_MAX = 64 };

static sc_err *no_frame(uint64_t number) {
    return sc_errf(SC_ERR_NOT_FOUND, "Cannot find frame 0x%llx, previous scope unchanged",
                   (unsigned long long)number);
}

/* The walk up to frame NUMBER of the stack in force; *RET_INDEX is where it is in it. */
static sc_err *walk_to(sc_session *session, uint64_t number, struct sc_walked *ret,
                       size_t *ret_index) {
    if (number >= SC_KFRAMES_MAX)
        return no_frame(number);
    sc_err *err = sc_session_walk(session, (uint32_t)number + 1 + INLINED_MAX, ret);
    if (!err && ret->first + number >= ret->stack.count)
        err = no_frame(number);
    if (!err)
        *ret_index = ret->first + (size_t)number;
    return err;
}

sc_err *sc_session_scope(sc_session *session, struct sc_frame *ret_frame,
                         uint32_t *ret_inline_depth) {
    const struct sc_context *c = sc_session_context(session);
    struct sc_walked walked = {.first = 0};
    size_t index;
    if (c->has_scope || c->has_frame) {
        *ret_frame = c->has_scope ? c->scope : c->frame;
        *ret_inline_depth = c->inline_depth;
        return NULL;
    }
    sc_err *err = walk_to(session, 0, &walked, &index);
    if (!err) {
        *ret_frame = walked.stack.frame[index];
        *ret_inline_depth = sc_frame_inline_depth(&walked.stack, index);
    }
    sc_stack_deinit(&walked.stack);
    return err;
}

/* ---- showing ---- */

/* The registers that a caller changed and nobody saved: they are some later function's. */
static sc_err *remark_unknown(sc_session *session, const struct sc_frame *f, sc_arena *arena) {
    const char *list = "";
    if (!sc_session_enrich(session))
        return NULL;
    for (unsigned n = 0; n < 64; n++) {
        const char *name = sc_register_name(f->regs.cpu, n);
        if (!name || f->known >> n & 1)
            continue;
        list = sc_arena_printf(arena, "%s %s", list, name);
        if (!list)
            return sc_err_nomem();
    }
    if (*list)
        sc_remark(sc_session_out(session),
                  "  [not known in this frame, what is shown is from a later one:%s]", list);
    return NULL;
}

static sc_err *show_line(sc_session *session, const struct sc_walked *walked, size_t index,
                         uint32_t number, sc_arena *arena) {
    static const struct sc_kform form = {.child = true, .numbers = true};
    struct sc_kstyle style = sc_kstyle_of(session, &form, &walked->stack);
    struct sc_frame_rec r;
    sc_err *err = sc_frame_row(session, &walked->stack, index, &form, arena, &r);
    if (err)
        return err;
    r.number = number;
    sc_record(sc_session_out(session), &sc_frame_rectype, &r, sc_frame_text, &style);
    if (index + 1 == walked->stack.count) /* why it has no caller */
        sc_show_stack_end(session, &walked->stack, &style);
    return NULL;
}

static sc_err *show_frame(sc_session *session, const struct sc_walked *walked, size_t index,
                          uint32_t number, bool registers, sc_arena *arena) {
    const struct sc_frame *f = &walked->stack.frame[index];
    sc_err *err = show_line(session, walked, index, number, arena);
    if (!err && registers)
        err = sc_show_regs(session, &f->regs, SC_RM_DEFAULT, arena);
    if (!err && registers)
        err = remark_unknown(session, f, arena);
    return err;
}

/* ---- choosing ---- */

static void choose(sc_session *session, const struct sc_walked *walked, size_t index,
                   uint32_t number, bool registers) {
    struct sc_context c = *sc_session_context(session);
    const struct sc_frame *f = &walked->stack.frame[index];
    c.inline_depth = sc_frame_inline_depth(&walked->stack, index);
    if (registers) {
        c.has_frame = true;
        c.frame = *f;
        c.first = (uint32_t)index;
        number = 0;
    }
    c.has_scope = true;
    c.scope = *f;
    c.number = number;
    c.epoch = session->symbolry.epoch;
    sc_session_restore_context(session, &c);
}

/* Chooses and shows frame NUMBER of the stack in force. */
static sc_err *go_to(sc_session *session, uint64_t number, bool override, bool registers,
                     sc_arena *arena) {
    struct sc_walked walked = {.first = 0};
    size_t index = 0;
    sc_err *err = walk_to(session, number, &walked, &index);
    if (!err) {
        choose(session, &walked, index, (uint32_t)number, override);
        err = show_frame(session, &walked, index, (uint32_t)number, registers, arena);
    }
    sc_stack_deinit(&walked.stack);
    return err;
}

/* `.frame = base …`: a stack of its own, of which a frame is taken; the context becomes its. */
static sc_err *go_by_hand(sc_session *session, const char *text, bool override, bool registers,
                          sc_arena *arena) {
    struct sc_regs regs;
    struct sc_walked walked = {.first = 0};
    uint64_t increment = 0;
    sc_err *err = sc_manual_regs(session, text, &regs, &increment);
    if (!err && increment >= SC_KFRAMES_MAX)
        err = no_frame(increment);
    if (!err)
        err = sc_walk_regs(session, &regs, (uint32_t)increment + 1 + INLINED_MAX, &walked);
    if (!err && increment >= walked.stack.count)
        err = no_frame(increment);
    if (!err && override)
        sc_session_set_regs(session, &regs);
    if (!err) {
        choose(session, &walked, (size_t)increment, (uint32_t)increment, override);
        err =
            show_frame(session, &walked, (size_t)increment, (uint32_t)increment, registers, arena);
    }
    sc_stack_deinit(&walked.stack);
    return err;
}

enum { ARG_C, ARG_R, ARG_NUMBER };

static sc_err *run_frame(sc_session *session, const struct sc_args *args) {
    bool override = args->v[ARG_C].given, registers = override || args->v[ARG_R].given;
    const char *text = args->v[ARG_NUMBER].given ? args->v[ARG_NUMBER].text : "";
    uint64_t number = sc_session_context(session)->number;
    if (*text == '=')
        return go_by_hand(session, text + 1, override, registers, args->arena);
    sc_err *err = *text ? sc_session_eval(session, text, &number) : NULL;
    return err ? err : go_to(session, number, override, registers, args->arena);
}

static sc_err *run_shift(sc_session *session, const struct sc_args *args) {
    uint32_t number = sc_session_context(session)->number;
    bool up = args->command[2] == '+';
    if (!up && !number)
        return no_frame(UINT32_MAX);
    return go_to(session, up ? (uint64_t)number + 1 : number - 1u, false, false, args->arena);
}

/* ---- !for_each_frame ---- */

/* The command without the quotes around it. */
static const char *unquoted(const char *text, sc_arena *arena) {
    size_t n = strlen(text);
    if (n < 2 || *text != '"' || text[n - 1] != '"')
        return text;
    return sc_arena_strndup(arena, text + 1, n - 2);
}

/* Frame NUMBER; *RET_MORE false behind the last one. WALKED is walked anew when it is dead. */
static sc_err *next_frame(sc_session *session, struct sc_walked *walked, uint32_t *epoch,
                          uint32_t number, sc_arena *arena, bool *ret_more) {
    sc_err *err = NULL;
    if (*epoch != session->symbolry.epoch) { /* a command reloaded symbols */
        sc_stack_deinit(&walked->stack);
        err = sc_session_walk(session, sc_session_kframes(session), walked);
        *epoch = session->symbolry.epoch;
    }
    size_t index = (size_t)walked->first + number;
    *ret_more = !err && index < walked->stack.count;
    if (!*ret_more)
        return err;
    choose(session, walked, index, number, false);
    sc_puts(session->out, "_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ \n");
    return show_line(session, walked, index, number, arena);
}

static sc_err *run_each(sc_session *session, const struct sc_args *args) {
    struct sc_context saved = *sc_session_context(session);
    struct sc_walked walked = {.first = 0};
    const char *command = unquoted(args->v[0].given ? args->v[0].text : "", args->arena);
    uint32_t epoch = session->symbolry.epoch;
    bool more = true;
    if (!command)
        return sc_err_nomem();
    sc_err *err = sc_session_walk(session, sc_session_kframes(session), &walked);
    for (uint32_t i = 0; !err && more; i++) {
        sc_arena *arena = sc_arena_create(); /* a line must not keep what each frame needed */
        err = arena ? next_frame(session, &walked, &epoch, i, arena, &more) : sc_err_nomem();
        sc_arena_destroy(arena);
        if (!err && more && *command)
            sc_session_run_nested(session, command);
        if (!err && sc_target_cancelled(session->target))
            err = sc_err_cancelled();
        if (sc_out_failed(session->out) || session->quit || session->script.flow)
            break;
    }
    sc_stack_deinit(&walked.stack);
    sc_session_restore_context(session, &saved);
    return err;
}

static const struct sc_arg frame_args[] = {
    [ARG_C] = {SC_ARG_OPTION, "context", "c", true,
               "its registers are those of r, expressions and k, too"},
    [ARG_R] = {SC_ARG_OPTION, "registers", "r", true, "show its registers"},
    [ARG_NUMBER] =
        {SC_ARG_REST, "number", NULL, true,
         "as kn shows it; or = base increment (x86), = sp ip: a stack that begins there"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg each_args[] = {
    {SC_ARG_REST, "command", NULL, true, "what to run; in quotes when it has semicolons"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_frame_commands[] = {
    {.name = ".frame",
     .brief = "choose the frame whose variables and registers are looked at",
     .needs = SC_NEED_TARGET,
     .args = frame_args,
     .help = "dv shows the variables of the frame that was chosen. .frame alone shows which that "
             "is. With /r its registers are shown as the walk recovered them; with /c they become "
             "those that r, expressions, u and k use, and the frame is number 0 of the stack. "
             "Switching threads or contexts (~2s, .cxr, .ecxr, .trap) resets all of it.\n"
             "Registers that a function need not preserve are not known above frame 0: what is "
             "shown is what they held later. A line says which, with .enrich on.",
     .sample = ".frame",
     .run = run_frame},
    {.name = ".f+",
     .aliases = ".f-",
     .brief = "choose the frame of the caller, or (.f-) of the callee",
     .needs = SC_NEED_TARGET,
     .help = "One frame further from, or nearer to, the innermost than the one chosen by .frame.",
     .sample = ".frame 0",
     .run = run_shift},
    {.name = "!for_each_frame",
     .brief = "run a command in each frame of the stack",
     .needs = SC_NEED_TARGET,
     .args = each_args,
     .help = "For each frame: its line, then what the command prints with the frame chosen, as "
             "by .frame. !for_each_frame dv /t shows all variables of a stack. The frame that was "
             "chosen before is chosen again.",
     .sample = "!for_each_frame .echo here",
     .run = run_each},
    {.name = NULL},
};
