/* SPDX-License-Identifier: MIT */
/* Sentences and pieces of evidence that the verdicts on processes share. */
#include <string.h>

#include "analyze/user.h"

const char *sc_user_program(const struct sc_case *c) {
    return c->a->process ? c->a->process : "The program";
}

void sc_user_start(struct sc_case *c, struct sc_draft *d, enum sc_confidence confidence) {
    sc_draft_init(d, confidence);
    const struct sc_analysis *a = c->a;
    const char *code = a->exception_name
                           ? sc_case_text(c, "%s (0x%08x)", a->exception_name, a->exception.code)
                           : sc_case_text(c, "0x%08x", a->exception.code);
    if (c->fault.ip_in_record)
        sc_draft_show(c, d, c->fault.ip, ".exr -1", "The exception is %s, raised at %s.", code,
                      sc_case_place(c, a->exception.address));
    else
        sc_draft_show(c, d, SC_UNSET64, ".exr -1", "The exception is %s.", code);
}

const struct sc_threads *sc_user_thread_list(struct sc_case *c) {
    const struct sc_threads *list;
    sc_err *err = sc_target_threads(c->target, &list);
    if (!err)
        return list;
    if (sc_err_code(err) == SC_ERR_NOMEM)
        c->nomem = true;
    sc_err_destroy(err);
    return NULL;
}

const struct sc_thread *sc_user_thread(struct sc_case *c) {
    const struct sc_threads *list = sc_user_thread_list(c);
    for (size_t i = 0; list && i < list->count; i++)
        if (list->item[i].index == c->machine->current)
            return &list->item[i];
    return NULL;
}

void sc_user_show_thread(struct sc_case *c, struct sc_draft *d) {
    const struct sc_threads *list = sc_user_thread_list(c);
    if (list && list->count > 1)
        sc_draft_show(c, d, SC_UNSET64, "~", "Thread %u is the one that it happened in, of %zu.",
                      c->machine->current, list->count);
}

/* The last part of a path of either system: it says what a reader needs, and no user's name. */
static const char *base_name(const char *path) {
    const char *base = path;
    for (const char *p = path; *p; p++)
        if (*p == '/' || *p == '\\')
            base = p + 1;
    return base;
}

const char *sc_user_line(struct sc_case *c, uint64_t at) {
    struct sc_line line;
    bool found = false;
    if (!c->symtab)
        return "";
    sc_err *err = sc_symtab_line(c->symtab, at, &line, &found);
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        c->nomem = true;
    bool good = !err && found && line.file && line.line;
    sc_err_destroy(err);
    return good ? sc_case_text(c, " (%s @ %u)", sc_case_name(c, base_name(line.file)), line.line)
                : "";
}

const char *sc_user_frame_line(struct sc_case *c, const struct sc_user_frame *u) {
    if (u->f->how != SC_FRAME_INLINE)
        return sc_user_line(c, u->at);
    if (!u->f->inline_file || !u->f->inline_line)
        return "";
    return sc_case_text(c, " (%s @ %u)", sc_case_name(c, base_name(u->f->inline_file)),
                        u->f->inline_line);
}

const char *sc_user_place(struct sc_case *c, const struct sc_user_frame *u) {
    return u->name ? u->name : sc_case_place(c, u->f->ip);
}

void sc_user_show_frame(struct sc_case *c, struct sc_draft *d, const struct sc_user_frames *frames,
                        size_t index, const char *what) {
    const struct sc_user_frame *u = &frames->item[index];
    const char *doubt =
        u->sure ? ""
        : sc_frame_exact(u->f->how)
            ? " It stands on frames that may be wrong."
            : sc_case_text(c, " It was found by %s, which may be wrong (%u%%).",
                           u->f->how == SC_FRAME_SCAN ? "looking for return addresses on the stack"
                                                      : "the chain of frame pointers",
                           u->percent);
    sc_draft_show(c, d, u->f->ip, sc_user_show(c, frames, index), "Frame %u, %s%s, %s.%s",
                  u->f->number, sc_user_place(c, u), sc_user_frame_line(c, u), what, doubt);
}

void sc_user_show_follow_up(struct sc_case *c, struct sc_draft *d) {
    if (c->fault.memory == SC_UNSET64 && !c->fault.hidden)
        return;
    sc_draft_show(c, d, c->fault.ip, ".exr -1",
                  "The exception itself was raised while that was being reported: a consequence of "
                  "the damage.");
}

void sc_user_accuse(struct sc_case *c, struct sc_draft *d, const struct sc_user_frames *frames,
                    size_t index, const char *what) {
    const struct sc_user_frame *u = &frames->item[index];
    d->f.module = u->module;
    d->f.symbol = sc_user_place(c, u);
    sc_user_show_frame(c, d, frames, index, what);
}

void sc_user_lack_symbols(struct sc_case *c, struct sc_draft *d,
                          const struct sc_user_frames *frames, size_t end) {
    for (size_t i = 0; i < frames->count && i <= end; i++) {
        const struct sc_user_frame *u = &frames->item[i];
        if (!u->module || u->function)
            continue;
        sc_draft_lacked(c, d,
                        "There are no symbols of %s: which of its functions are on the stack is "
                        "not known.",
                        sc_case_name(c, u->module->image));
        return;
    }
}

void sc_user_next_module(struct sc_case *c, struct sc_draft *d, const struct sc_module *m) {
    if (m)
        sc_draft_next(c, d, "%s: its version; its symbols name the function and line.",
                      sc_case_lmvm(c, m));
}

/* Of an instruction of an inlined call: " (a.cpp @ 27, in the inlined Func)". */
static const char *inlined_line(struct sc_case *c) {
    const struct sc_stack *s = &c->a->stack;
    const struct sc_frame *f = s->count ? &s->frame[0] : NULL;
    if (!f || f->how != SC_FRAME_INLINE || f->ip != c->fault.ip || !f->inline_name)
        return NULL;
    const char *name = sc_case_name(c, f->inline_name);
    if (!f->inline_file || !f->inline_line)
        return sc_case_text(c, " (in the inlined %s)", name);
    return sc_case_text(c, " (%s @ %u, in the inlined %s)",
                        sc_case_name(c, base_name(f->inline_file)), f->inline_line, name);
}

const char *sc_user_fault_line(struct sc_case *c) {
    const char *line = inlined_line(c);
    return line ? line : c->fault.ip == SC_UNSET64 ? "" : sc_user_line(c, c->fault.ip);
}

const char *sc_user_fault_detail(struct sc_case *c) {
    const char *text = sc_fault_detail(c), *line = sc_user_fault_line(c);
    size_t len = strlen(text);
    if (!line[0] || !len || text[len - 1] != '.')
        return text;
    return sc_case_text(c, "%.*s%s.", (int)len - 1, text, line);
}

void sc_user_note_wow64(struct sc_case *c) {
    if (c->machine->windows && c->machine->cpu == SC_CPU_X64 &&
        sc_target_module_named(c->target, "wow64"))
        sc_case_note(c, "This is the 64-bit side of a 32-bit program (WOW64). If its 32-bit stacks "
                        "are not shown, a dump that a 32-bit tool writes has them.");
}
