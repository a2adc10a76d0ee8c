/* SPDX-License-Identifier: MIT */
/*
 * user-fail-fast: a check that the compiler, the system or a library put there failed, and the
 * process was ended at once.
 *
 *   the stack cookie (sub-codes 0 and 2, __stack_chk_fail)
 *       the function whose frame was overwritten: LIKELY, since a function that it handed the
 *       buffer to may have done it
 *   a checked copy of a C library (__chk_fail)
 *       the function that called it: LIKELY
 *   a call to an address that is no function (control flow guard, sub-code 10)
 *       the function that made the call: LIKELY; the pointer was overwritten before
 *   a corrupt list and the like, in code of the system
 *       POSSIBLE: memory was damaged before, by whomever
 *   everything else
 *       the first frame outside the system's libraries: LIKELY when the frames are exact, or when
 *       the instruction is its own
 *
 * 0xC000027B (stowed exceptions of the Windows Runtime): parameter 0 points to an array of pointers
 * to records, parameter 1 counts them; a record (Microsoft's STOWED_EXCEPTION_INFORMATION_HEADER)
 * has its size at +0, "SE01" or "SE02" at +4, and the HRESULT at +8.
 */
#include "analyze/user.h"
#include "nt/status.h"

enum {
    LEGACY_GS = 0,
    STACK_COOKIE = 2,
    CORRUPT_LIST = 3,
    GUARD_ICALL = 10,
    STOWED_MAX = 16,
    SE01 = 0x31304553,
    SE02 = 0x32304553,
};

static bool has_subcode(const struct sc_case *c, uint32_t code) {
    const struct sc_exception *e = &c->a->exception;
    return c->machine->windows && e->code == 0xc0000409 && e->nparams &&
           (uint32_t)e->param[0] == code;
}

static bool is_stowed(const struct sc_case *c) {
    return c->machine->windows && c->a->exception.code == 0xc000027b;
}

/* The HRESULT of the first stowed exception that can be read. */
static bool stowed_result(struct sc_case *c, uint32_t *ret_hr, uint64_t *ret_at) {
    const struct sc_exception *e = &c->a->exception;
    sc_space *space = sc_target_space(c->target);
    if (!is_stowed(c) || e->nparams < 2)
        return false;
    for (uint64_t i = 0; i < e->param[1] && i < STOWED_MAX; i++) {
        uint64_t at, magic, hr;
        if (sc_space_ptr(space, sc_case_canon(c, e->param[0] + i * c->ptr_size), &at) ==
                SC_READ_OK &&
            sc_space_uint(space, at + 4, 4, &magic) == SC_READ_OK &&
            (magic == SE01 || magic == SE02) &&
            sc_space_uint(space, at + 8, 4, &hr) == SC_READ_OK) {
            *ret_hr = (uint32_t)hr;
            *ret_at = at;
            return true;
        }
    }
    return false;
}

static void say_stowed(struct sc_case *c, struct sc_draft *d) {
    uint32_t hr;
    uint64_t at;
    struct nt_errtext text;
    if (!is_stowed(c))
        return;
    if (!stowed_result(c, &hr, &at)) {
        sc_draft_lacked(c, d, "The stowed exceptions are not in the dump: they say what failed.");
        return;
    }
    bool known = nt_hresult_text(hr, &text);
    sc_draft_show(c, d, at, sc_case_text(c, "dd %s L3", sc_case_hex(c, at)),
                  "The stowed exception's result is 0x%08x%s%s%s.", hr, known ? " (" : "",
                  known ? text.name : "", known ? ")" : "");
}

/* What the check was about, for a manager. */
static const char *what(struct sc_case *c, enum sc_user_check check) {
    if (check == SC_CHECK_COOKIE || has_subcode(c, LEGACY_GS) || has_subcode(c, STACK_COOKIE))
        return "overran a buffer on its stack, and was stopped";
    if (check == SC_CHECK_FORTIFY)
        return "wrote past the end of a buffer, and was stopped";
    if (check == SC_CHECK_GUARD || has_subcode(c, GUARD_ICALL))
        return "called through a pointer that leads to no function, and was stopped";
    if (has_subcode(c, CORRUPT_LIST))
        return "ran into a damaged list in memory, and was stopped";
    if (is_stowed(c))
        return "left an error of the Windows Runtime unhandled";
    return sc_fault_did(c);
}

static bool is_cookie(struct sc_case *c, enum sc_user_check check) {
    return check == SC_CHECK_COOKIE || has_subcode(c, LEGACY_GS) || has_subcode(c, STACK_COOKIE);
}

static void say_code(struct sc_case *c, struct sc_draft *d) {
    const struct sc_exception *e = &c->a->exception;
    if (!c->machine->windows || e->code != 0xc0000409 || !e->nparams)
        return;
    uint32_t sub = (uint32_t)e->param[0];
    const char *name = nt_fastfail_name(sub);
    sc_draft_show(c, d, SC_UNSET64, ".exr -1", "Parameter 0, the kind of check, is %u%s%s%s.", sub,
                  name ? " (" : "", name ? name : "", name ? ")" : "");
}

static const char *detail_of(struct sc_case *c, const struct sc_user_frame *u,
                             enum sc_user_check check) {
    const char *text = c->a->exception_text ? c->a->exception_text : sc_user_fault_detail(c);
    const char *place = sc_case_text(c, "%s%s", sc_user_place(c, u), sc_user_frame_line(c, u));
    if (check == SC_CHECK_FORTIFY)
        return sc_case_text(c, "The C library found that %s writes past the end of a buffer.",
                            place);
    if (!is_cookie(c, check))
        return sc_case_text(c, "%s: %s", place, text);
    if (!u->sure && u->f->number)
        return sc_case_text(c, "A buffer on the stack was overrun, perhaps one of %s.", place);
    return sc_case_text(c,
                        "The frame of %s was found overwritten when it was to return: a buffer in "
                        "it was overrun, by it or by a function that it handed the buffer to.",
                        place);
}

/* The check is compiled into its function, so that the instruction may be the program's own. */
static bool is_own(const struct sc_case *c, const struct sc_user_frames *frames, size_t who) {
    return !who || (frames->item[who].module &&
                    c->fault.ip - frames->item[who].module->base < frames->item[who].module->size);
}

static void say_next(struct sc_case *c, struct sc_draft *d, enum sc_user_check check) {
    if (is_cookie(c, check))
        sc_draft_next(c, d,
                      "The arrays among its local variables: which one is written past its "
                      "end (AddressSanitizer finds it).");
    else if (has_subcode(c, CORRUPT_LIST))
        sc_draft_next(c, d, "The same run under page heap: gflags /p /enable %s /full",
                      c->a->process ? c->a->process : "PROGRAM.exe");
    sc_user_next_module(c, d, d->f.module);
}

static void on_stack(struct sc_case *c, const struct sc_user_frames *frames, size_t who,
                     enum sc_user_check check) {
    struct sc_draft d;
    const struct sc_user_frame *u = &frames->item[who];
    bool foreign_list = has_subcode(c, CORRUPT_LIST) && !is_own(c, frames, who);
    bool likely = (u->sure || is_own(c, frames, who)) && !foreign_list;
    sc_user_start(c, &d, likely ? SC_LIKELY : SC_POSSIBLE);
    d.f.summary = sc_case_text(c, "%s %s.", sc_case_who(c, u->module), what(c, check));
    d.f.detail = detail_of(c, u, check);
    say_code(c, &d);
    sc_user_accuse(c, &d, frames, who,
                   is_cookie(c, check) && (u->sure || !who)
                       ? "is the function whose frame was overwritten"
                   : who ? "is the first outside the system's libraries"
                         : "is where the check failed");
    say_stowed(c, &d);
    sc_user_show_follow_up(c, &d);
    if (foreign_list)
        sc_draft_against(
            c, &d, c->fault.ip, sc_case_lm(c, c->fault.ip),
            "Code of the system found the damage: who did it, and when, is not known.");
    sc_user_show_thread(c, &d);
    sc_user_lack_symbols(c, &d, frames, who);
    say_next(c, &d, check);
    sc_case_add(c, &d);
}

static void by_module(struct sc_case *c, const struct sc_user_frames *frames,
                      enum sc_user_check check) {
    struct sc_draft d;
    const struct sc_module *m =
        c->fault.ip == SC_UNSET64 ? NULL : sc_target_module_at(c->target, c->fault.ip);
    bool own = m && !sc_user_is_system(c, m);
    sc_user_start(c, &d, own ? SC_LIKELY : SC_POSSIBLE);
    d.f.module = own ? m : NULL;
    d.f.symbol = c->fault.ip == SC_UNSET64 ? NULL : sc_case_where(c, c->fault.ip);
    d.f.summary =
        sc_case_text(c, "%s %s.", own ? sc_case_who(c, m) : sc_user_program(c), what(c, check));
    const char *detail = sc_user_fault_detail(c);
    d.f.detail =
        c->a->exception_text ? sc_case_text(c, "%s %s", detail, c->a->exception_text) : detail;
    say_code(c, &d);
    if (m)
        sc_draft_show(c, &d, c->fault.ip, sc_case_lm(c, c->fault.ip),
                      "The instruction, %s, lies in %s.", sc_case_addr(c, c->fault.ip),
                      sc_case_extent(c, m));
    say_stowed(c, &d);
    if (m && !own)
        sc_draft_against(c, &d, c->fault.ip, sc_case_lm(c, c->fault.ip),
                         "This is a library of the system, which mostly stops a program for what "
                         "somebody else did.");
    sc_user_show_thread(c, &d);
    sc_user_lack_symbols(c, &d, frames, frames->count);
    say_next(c, &d, check);
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    struct sc_user_frames frames;
    size_t who;
    if (sc_user_kind(c) != SC_USER_FAIL_FAST)
        return;
    sc_user_frames(c, &frames);
    enum sc_user_check check = sc_user_check(c, &frames);
    if (sc_user_blame(&frames, 0, &who))
        on_stack(c, &frames, who, check);
    else
        by_module(c, &frames, check);
}

const struct sc_rule sc_rule_user_failfast = {
    "user-fail-fast",
    "A check of the compiler or the system failed and ended the process: whose, and which.",
    SC_RULE_USER,
    run,
};
