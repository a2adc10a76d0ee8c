/* SPDX-License-Identifier: MIT */
/*
 * user-loader: a library that the program needs could not be found, loaded or initialised.
 *
 * Which one, as far as the dump says it:
 *
 *   0xC06D007E, 0xC06D007F   parameter 0 points to the DelayLoadInfo of Visual C++ (delayimp.h):
 *                            32-bit  64-bit
 *                            +0x00   +0x00   size of this structure
 *                            +0x0c   +0x18   name of the library, 8-bit text
 *                            +0x10   +0x20   1: the procedure is named; 0: by ordinal
 *                            +0x14   +0x28   its name, or ordinal
 *                            The name recorded in the program itself: CERTAIN what was missing
 *   0xC0000142 and others    the library whose code is on the stack below the loader: LIKELY; the
 *                            status alone names nobody: POSSIBLE
 */
#include <string.h>

#include "analyze/user.h"

enum { LIBRARY_NAME_MAX = 128, DELAY_MODULE = 0xc06d007e, DLL_INIT_FAILED = 0xc0000142 };

static const struct {
    uint32_t code;
    const char *did, *next;
} table[] = {
    {0xc000007b, "could not load a library: its file is damaged, or made for another processor",
     "Whether 32-bit and 64-bit files are mixed in the program's folder."},
    {0xc0000135, "could not start: a library that it needs was not found",
     "Loader snaps (gflags /i PROGRAM.exe +sls) name the library that is missing."},
    {0xc0000138, "could not start: a library lacks a function that it needs",
     "The versions of the libraries in the program's folder."},
    {0xc0000139, "could not start: a library lacks a function that it needs",
     "The versions of the libraries in the program's folder."},
    {0xc0000142, "could not start: a library failed to initialise itself",
     "Loader snaps (gflags /i PROGRAM.exe +sls) name the library whose DllMain failed."},
    {0xc000026b, "could not start: the session was ending",
     "Whether the user was logging off: then it is harmless."},
    {0xc06d007e, "needed a library that could not be found or loaded",
     "Whether the library is installed, and in the path of the program."},
    {0xc06d007f, "needed a function that a library does not have", "The version of the library."},
};

static const char *text_at(struct sc_case *c, uint64_t addr) {
    char text[LIBRARY_NAME_MAX + 1];
    size_t got = 0, len = 0;
    sc_space_read(sc_target_space(c->target), addr, text, sizeof text, &got);
    while (len < got && text[len] > 0x20 && text[len] < 0x7f)
        len++;
    return len > 1 && len < got && !text[len] ? sc_case_text(c, "%s", text) : NULL;
}

struct missing {
    const char *dll, *function; /* NULL: not known, not named */
    uint64_t ordinal;           /* without a name; 0: none */
    uint64_t at;
};

static bool read_delay_info(struct sc_case *c, struct missing *ret) {
    const struct sc_exception *e = &c->a->exception;
    sc_space *space = sc_target_space(c->target);
    uint64_t size, name, by_name, proc;
    if ((e->code | 1) != (DELAY_MODULE | 1) || !e->nparams)
        return false;
    uint64_t at = sc_case_canon(c, e->param[0]);
    if (sc_space_uint(space, at, 4, &size) != SC_READ_OK || size < 0x20 || size > 0x80 ||
        sc_space_ptr(space, at + (c->is32 ? 0xc : 0x18), &name) != SC_READ_OK)
        return false;
    *ret = (struct missing){.dll = text_at(c, name), .at = at};
    if (!ret->dll)
        return false;
    if (e->code != DELAY_MODULE &&
        sc_space_uint(space, at + (c->is32 ? 0x10 : 0x20), 4, &by_name) == SC_READ_OK &&
        sc_space_ptr(space, at + (c->is32 ? 0x14 : 0x28), &proc) == SC_READ_OK) {
        ret->function = by_name ? text_at(c, proc) : NULL;
        ret->ordinal = by_name ? 0 : proc & 0xffff;
    }
    return true;
}

static void delay_loaded(struct sc_case *c, const struct sc_user_frames *frames,
                         const struct missing *m) {
    struct sc_draft d;
    size_t who;
    const char *what = m->function  ? sc_case_text(c, "the function %s of %s", m->function, m->dll)
                       : m->ordinal ? sc_case_text(c, "function number %llu of %s",
                                                   (unsigned long long)m->ordinal, m->dll)
                                    : m->dll;
    sc_user_start(c, &d, SC_CERTAIN);
    d.f.symbol = m->dll;
    d.f.summary =
        sc_case_text(c, "%s needs %s, which could not be found.", sc_user_program(c), what);
    d.f.detail =
        sc_case_text(c, "The delay-load helper raised 0x%08x: %s.", c->a->exception.code,
                     c->a->exception.code == DELAY_MODULE ? "LoadLibrary() failed for it"
                                                          : "GetProcAddress() failed for it");
    sc_draft_show(c, &d, m->at, sc_case_text(c, "dp %s L6", sc_case_hex(c, m->at)),
                  "Parameter 0 of the exception points to a record that names %s.", what);
    if (sc_user_blame(frames, 0, &who)) {
        d.f.module = frames->item[who].module;
        sc_user_show_frame(c, &d, frames, who,
                           "is the first outside the system's libraries: it "
                           "made the call that needed it");
    }
    sc_draft_next(c, &d,
                  "Whether %s is installed, in which version, and in the path of the "
                  "program.",
                  m->dll);
    sc_case_add(c, &d);
}

/* The innermost module of the program that the loader called. */
static bool find_initialised(const struct sc_user_frames *frames, size_t *ret_index) {
    size_t i;
    if (!sc_user_blame(frames, 0, &i))
        return false;
    for (size_t k = i + 1; k < frames->count; k++)
        if (frames->item[k].roles & NT_UF_LOADER) {
            *ret_index = i;
            return true;
        }
    return false;
}

static void by_code(struct sc_case *c, const struct sc_user_frames *frames, size_t row) {
    struct sc_draft d;
    size_t who;
    bool init = c->a->exception.code == DLL_INIT_FAILED && find_initialised(frames, &who);
    sc_user_start(c, &d, init && frames->item[who].sure ? SC_LIKELY : SC_POSSIBLE);
    d.f.summary = sc_case_text(c, "%s %s.", sc_user_program(c), table[row].did);
    d.f.detail = sc_case_text(c, "The loader raised %s (0x%08x).",
                              c->a->exception_name ? c->a->exception_name : "an exception",
                              c->a->exception.code);
    if (init)
        sc_user_accuse(c, &d, frames, who, "was being initialised by the loader");
    else
        sc_draft_lacked(c, &d, "The exception does not name the library.");
    sc_user_show_thread(c, &d);
    sc_draft_next(c, &d, "%s", table[row].next);
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    struct sc_user_frames frames;
    struct missing m;
    if (sc_user_kind(c) != SC_USER_LOADER)
        return;
    sc_user_frames(c, &frames);
    if (read_delay_info(c, &m)) {
        delay_loaded(c, &frames, &m);
        return;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].code == c->a->exception.code)
            by_code(c, &frames, i);
}

const struct sc_rule sc_rule_user_loader = {
    "user-loader",
    "A library that a process needs could not be found, loaded or initialised.",
    SC_RULE_USER,
    run,
};
