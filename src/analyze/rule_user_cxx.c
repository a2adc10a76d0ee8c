/* SPDX-License-Identifier: MIT */
/*
 * user-cxx-exception: a C++ or Objective-C exception that nobody caught.
 *
 * Who threw it:
 *   the exception names the image          STRONG (its base on x64, its type information on x86)
 *   the first frame above the throw        the function, and STRONG when the frames are exact;
 *   outside the system's libraries         LIKELY when it is another module than the one named, or
 *                                          no throw is seen on the stack
 *   an image named of the run-time's own   POSSIBLE: it throws on behalf of its caller
 *
 * What was thrown: its types, and what() of those that derive from std::exception. That class of
 * Visual C++ has the message's address behind its table of functions; the class itself must be
 * among the types.
 */
#include <string.h>

#include "analyze/user.h"
#include "nt/cxxthrow.h"

enum { MESSAGE_MAX = 200 };

/* The image that threw: its base on x64, on x86 where the type information is. */
static const struct sc_module *thrower(struct sc_case *c, uint64_t *ret_addr) {
    const struct sc_exception *e = &c->a->exception;
    unsigned at = c->is32 ? 2 : 3;
    if (!c->machine->windows || e->code != 0xe06d7363 || e->nparams <= at)
        return NULL;
    *ret_addr = sc_case_canon(c, e->param[at]);
    return sc_target_module_at(c->target, *ret_addr);
}

static bool is_std_exception(const struct nt_cxxthrow *t) {
    for (size_t i = 0; i < t->ntypes; i++)
        if (strcmp(t->type[i], "class std::exception") == 0)
            return true;
    return false;
}

/* Printable text at ADDR up to its end; NULL when it is none. */
static const char *text_at(struct sc_case *c, uint64_t addr) {
    char text[MESSAGE_MAX + 1];
    size_t got = 0, len = 0;
    sc_space_read(sc_target_space(c->target), addr, text, sizeof text, &got);
    while (len < got && (unsigned char)text[len] >= 0x20 && text[len] != 0x7f)
        len++;
    if (!len || (len < got && text[len] && text[len] != '\n') || (len == got && got != sizeof text))
        return NULL;
    return sc_case_text(c, "%.*s%s", (int)(len > MESSAGE_MAX ? MESSAGE_MAX : len), text,
                        len > MESSAGE_MAX ? "…" : "");
}

static void say_types(struct sc_case *c, struct sc_draft *d, const struct nt_cxxthrow *t) {
    uint64_t message;
    if (!t->ntypes) {
        sc_draft_lacked(c, d,
                        "The thrown type is not in the dump: it lies in the image, which a "
                        "small dump does not hold.");
        return;
    }
    sc_draft_show(c, d, t->throw_info, ".exr -1", "The type thrown is %s.",
                  sc_case_name(c, t->type[0]));
    uint64_t at = t->object + c->ptr_size;
    if (!is_std_exception(t) ||
        sc_space_ptr(sc_target_space(c->target), at, &message) != SC_READ_OK || !message)
        return;
    const char *text = text_at(c, message);
    if (text)
        sc_draft_show(c, d, message, sc_case_text(c, "da %s", sc_case_hex(c, message)),
                      "Its message is \"%s\".", text);
}

static bool is_objc(const struct sc_case *c) {
    return !c->machine->windows && c->a->exception.code == 0x43506e78;
}

/*
 * The frame above the throw; without a throw on the stack the first worth blaming. Of an
 * Objective-C exception the innermost frames are the crash reporter's, which is a part of the
 * program; then comes the run-time, which threw on behalf of the next one.
 */
static bool find_thrower(const struct sc_case *c, const struct sc_user_frames *frames,
                         size_t *ret_index, bool *ret_thrown) {
    size_t from = 0;
    for (size_t i = 0; i < frames->count && i < SC_USER_SIGNS_MAX; i++) {
        const struct sc_user_frame *u = &frames->item[i];
        if (u->roles & NT_UF_THROW ||
            (is_objc(c) && !from && u->module && strncmp(u->module->image, "libobjc", 7) == 0))
            from = i + 1;
    }
    *ret_thrown = from != 0;
    return sc_user_blame(frames, from, ret_index);
}

static const char *about(struct sc_case *c, const struct nt_cxxthrow *t) {
    if (is_objc(c))
        return "an Objective-C exception";
    return t->ntypes ? sc_case_text(c, "a C++ exception (%s)", sc_case_name(c, t->type[0]))
                     : "a C++ exception";
}

static void show_image(struct sc_case *c, struct sc_draft *d, const struct sc_module *m,
                       uint64_t addr) {
    sc_draft_show(c, d, addr, sc_case_lm(c, addr), "Parameter %u of the exception lies in %s.",
                  c->is32 ? 2 : 3, sc_case_extent(c, m));
}

static enum sc_confidence judge(const struct sc_case *c, const struct sc_module *named,
                                const struct sc_user_frame *u, bool thrown) {
    if (!u)
        return sc_user_is_system(c, named) ? SC_POSSIBLE : SC_STRONG;
    if (named == u->module)
        return SC_STRONG;
    if (!u->sure)
        return SC_POSSIBLE;
    return thrown && !(named && !sc_user_is_system(c, named)) ? SC_STRONG : SC_LIKELY;
}

/* Whom: the module of the frame, unless the exception names another one that is the program's. */
static void accuse(struct sc_case *c, struct sc_draft *d, const struct sc_user_frames *frames,
                   const size_t *who, const struct sc_module *named) {
    const struct sc_user_frame *u = who ? &frames->item[*who] : NULL;
    bool own = named && !sc_user_is_system(c, named);
    if (u && (!own || named == u->module))
        sc_user_accuse(c, d, frames, *who, "is what threw it");
    else if (u)
        sc_user_show_frame(c, d, frames, *who, "is the first outside the system's libraries");
    if (!d->f.module)
        d->f.module = named;
}

static void report(struct sc_case *c, const struct sc_user_frames *frames, const size_t *who,
                   bool thrown, const struct sc_module *named, uint64_t addr) {
    struct sc_draft d;
    struct nt_cxxthrow t = {0};
    const struct sc_user_frame *u = who ? &frames->item[*who] : NULL;
    if (!nt_cxxthrow(c->target, &c->a->exception, c->arena, &t))
        t = (struct nt_cxxthrow){0};
    bool own = named && !sc_user_is_system(c, named);
    const struct sc_module *m = u && (!own || named == u->module) ? u->module : named;
    sc_user_start(c, &d, judge(c, named, u, thrown));
    accuse(c, &d, frames, who, named);
    d.f.summary =
        sc_case_text(c, "%s threw %s that nobody caught.", sc_case_who(c, m), about(c, &t));
    d.f.detail =
        u && d.f.symbol
            ? sc_case_text(c, "%s%s threw it%s%s.", sc_user_place(c, u), sc_user_frame_line(c, u),
                           t.ntypes ? ", as " : "", t.ntypes ? sc_case_name(c, t.type[0]) : "")
            : sc_case_text(c,
                           "The exception's parameter %u, %s, lies in %s: that image threw it%s%s.",
                           c->is32 ? 2 : 3, sc_case_addr(c, addr), sc_case_extent(c, m),
                           t.ntypes ? ", as " : "", t.ntypes ? sc_case_name(c, t.type[0]) : "");
    if (named)
        show_image(c, &d, named, addr);
    if (c->machine->windows)
        say_types(c, &d, &t);
    sc_user_show_thread(c, &d);
    sc_user_lack_symbols(c, &d, frames, who ? *who : frames->count);
    if (!d.f.symbol)
        sc_draft_next(c, &d, "The stack of the thread, with symbols: who threw, and what.");
    sc_user_next_module(c, &d, m);
    sc_case_add(c, &d);
}

static void unknown(struct sc_case *c, const struct sc_user_frames *frames) {
    struct sc_draft d;
    sc_user_start(c, &d, SC_POSSIBLE);
    d.f.symbol = c->fault.ip == SC_UNSET64 ? NULL : sc_case_where(c, c->fault.ip);
    d.f.summary = sc_case_text(c, "%s left a C++ exception unhandled.", sc_user_program(c));
    d.f.detail = "Neither the exception nor the stack names the image that threw it.";
    sc_user_show_thread(c, &d);
    sc_user_lack_symbols(c, &d, frames, frames->count);
    sc_draft_next(c, &d,
                  "The stack of the thread, with symbols: the frame above "
                  "_CxxThrowException.");
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    struct sc_user_frames frames;
    size_t who;
    uint64_t addr = SC_UNSET64;
    if (sc_user_kind(c) != SC_USER_CXX)
        return;
    sc_user_frames(c, &frames);
    const struct sc_module *named = thrower(c, &addr);
    bool thrown, found = find_thrower(c, &frames, &who, &thrown);
    if (found || named)
        report(c, &frames, found ? &who : NULL, thrown, named, addr);
    else
        unknown(c, &frames);
}

const struct sc_rule sc_rule_user_cxx = {
    "user-cxx-exception",
    "A C++ exception that nobody caught: which image and function threw it, and what.",
    SC_RULE_USER,
    run,
};
