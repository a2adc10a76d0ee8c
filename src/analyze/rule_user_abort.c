/* SPDX-License-Identifier: MIT */
/*
 * user-abort: the program ended itself for a reason that it, or the C library for it, knew: a
 * failed assertion, an invalid argument, a pure virtual call, a panic, abort().
 *
 * Which one is said by the code, by Breakpad's assertion stream, or by the functions on the stack.
 * Whose: the first frame that is none of those functions nor in a library of the system.
 *
 *   with exact frames   STRONG for an assertion, a panic and an invalid argument, which are about
 *                       that very call; LIKELY for the others, whose cause may lie elsewhere
 *   else                POSSIBLE; LIKELY when the instruction lies in that module anyway
 */
#include "analyze/user.h"
#include "stopcode/minidump.h"

static const struct words {
    enum sc_user_check check;
    const char *did, *what, *next;
    bool about_call;
} table[] = {
    {SC_CHECK_ASSERT, "failed a check of its own (assertion)",
     "An assertion of the program does not hold", "The condition that is asserted at that line.",
     true},
    {SC_CHECK_PANIC, "failed a check of its own (panic)", "The program panicked",
     "The message of the panic, which goes to standard error.", true},
    {SC_CHECK_INVALID_PARAMETER, "called a C library function with an invalid argument",
     "A function of the C library was called with an argument that it may not have",
     "The arguments of that call: a null pointer, a buffer that is too small, a bad format.", true},
    {SC_CHECK_PURECALL, "called a virtual function of an object that is half made or gone",
     "A pure virtual function was called",
     "Who used the object before its constructor ended or after its destructor began.", false},
    {SC_CHECK_ABORT, "ended itself with abort()", "The program called abort()",
     "Its log or standard error, which mostly says why.", false},
    {SC_CHECK_TERMINATE, "ended itself with std::terminate()", "terminate() was called",
     "The exception that was thrown, or the std::thread that was not joined.", false},
};

static const struct words *words_of(enum sc_user_check check) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].check == check)
            return &table[i];
    return &table[4]; /* abort() */
}

/* Breakpad wrote down what the C library told it. */
static void say_assertion(struct sc_case *c, struct sc_draft *d) {
    struct sc_mdmp_assertion a;
    if (!sc_mdmp_assertion((struct sc_source *)sc_target_source(c->target), &a))
        return;
    const char *file = a.file ? a.file : "";
    for (const char *p = file; *p; p++)
        if (*p == '/' || *p == '\\')
            file = p + 1;
    bool said = (a.expression && a.expression[0]) || (a.function && a.function[0]) || file[0];
    sc_draft_show(c, d, SC_UNSET64, ".dumpdebug", "The dump's assertion stream says: %s%s%s%s%s%s.",
                  a.type == 2   ? "pure virtual call"
                  : a.type == 1 ? "invalid parameter"
                                : "assertion",
                  said ? ", " : "", a.expression ? sc_case_name(c, a.expression) : "",
                  a.function && a.function[0] ? " in " : "",
                  a.function ? sc_case_name(c, a.function) : "",
                  file[0] ? sc_case_text(c, " (%s @ %u)", sc_case_name(c, file), a.line) : "");
    if (!said && a.type == 1)
        sc_draft_lacked(c, d, "Release run-times do not say which function and argument it was.");
}

/* The function of the library that the blamed frame called. */
static void show_callee(struct sc_case *c, struct sc_draft *d, const struct sc_user_frames *frames,
                        size_t who) {
    const struct sc_user_frame *u = who ? &frames->item[who - 1] : NULL;
    if (u && u->function && u->f->how != SC_FRAME_INLINE)
        sc_user_show_frame(c, d, frames, who - 1, "is what it called");
}

static bool is_own(const struct sc_case *c, const struct sc_module *m) {
    return m && c->fault.ip - m->base < m->size;
}

static void blamed(struct sc_case *c, const struct sc_user_frames *frames, size_t who,
                   const struct words *w) {
    struct sc_draft d;
    const struct sc_user_frame *u = &frames->item[who];
    enum sc_confidence confidence = u->sure                ? (w->about_call ? SC_STRONG : SC_LIKELY)
                                    : is_own(c, u->module) ? SC_LIKELY
                                                           : SC_POSSIBLE;
    sc_user_start(c, &d, confidence);
    d.f.summary = sc_case_text(c, "%s %s.", sc_case_who(c, u->module), w->did);
    d.f.detail =
        sc_case_text(c, "%s, by %s%s.", w->what, sc_user_place(c, u), sc_user_frame_line(c, u));
    sc_user_accuse(c, &d, frames, who,
                   who ? "is the first that is neither the system's nor the C library's"
                       : "is where it happened");
    show_callee(c, &d, frames, who);
    say_assertion(c, &d);
    sc_user_show_thread(c, &d);
    sc_user_lack_symbols(c, &d, frames, who);
    sc_draft_next(c, &d, "%s", w->next);
    sc_user_next_module(c, &d, u->module);
    sc_case_add(c, &d);
}

static void nobody(struct sc_case *c, const struct sc_user_frames *frames, const struct words *w) {
    struct sc_draft d;
    sc_user_start(c, &d, SC_POSSIBLE);
    d.f.symbol = c->fault.ip == SC_UNSET64 ? NULL : sc_case_where(c, c->fault.ip);
    d.f.summary = sc_case_text(c, "%s %s.", sc_user_program(c), w->did);
    d.f.detail = sc_case_text(c, "%s; which code did is not known.", w->what);
    say_assertion(c, &d);
    sc_user_show_thread(c, &d);
    sc_user_lack_symbols(c, &d, frames, frames->count);
    sc_draft_next(c, &d,
                  "The stack of the thread, with symbols: the first frame outside the "
                  "system's libraries.");
    sc_draft_next(c, &d, "%s", w->next);
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    struct sc_user_frames frames;
    size_t who;
    if (sc_user_kind(c) != SC_USER_ABORT)
        return;
    sc_user_frames(c, &frames);
    const struct words *w = words_of(sc_user_check(c, &frames));
    if (sc_user_blame(&frames, 0, &who))
        blamed(c, &frames, who, w);
    else
        nobody(c, &frames, w);
}

const struct sc_rule sc_rule_user_abort = {
    "user-abort",
    "The program ended itself: assertion, invalid argument, pure virtual call, panic, abort().",
    SC_RULE_USER,
    run,
};
