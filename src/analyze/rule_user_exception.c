/* SPDX-License-Identifier: MIT */
/*
 * user-exception: what ended a process, and in whose code.
 *
 *   access violation and the like   the module of the instruction: STRONG; POSSIBLE when it is a
 *                                   system library, which mostly was handed bad data
 *   C++ exception                   the module that threw: the exception names its base (x64) or
 *                                   its type information lies in it (x86): STRONG
 *   stack overflow, fail-fast       the module of the instruction: LIKELY, since the one that took
 *                                   the stack, or did the damage, may be another
 *   heap corruption                 nobody: it is found long after it was done
 *   .NET exception                  nobody: the managed stack would be needed
 *   breakpoint                      nobody but the one who set it
 *   made up, or no exception        the dump was written on demand: CERTAIN that it records no
 *                                   crash (POSSIBLE when the file is damaged); a hang may be what
 *                                   was wanted
 */
#include <string.h>

#include "analyze/exception_words.h"
#include "analyze/rule.h"
#include "nt/cxxthrow.h"

/* Libraries of the other systems that programs end in: by the start of their names. */
static bool is_foreign_runtime(const char *image) {
    static const char *const starts[] = {
        "libc.",  "libc-",    "libpthread", "ld-",  "linux-gate", "linux-vdso", "libsystem_",
        "libc++", "libgcc_s", "libobjc",    "dyld", "libstdc++",  "libSystem"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(image, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

static bool is_runtime(const struct sc_case *c, const struct sc_module *m) {
    if (!c->machine->windows)
        return is_foreign_runtime(m->image);
    return sc_case_driver(m).kind == NT_DRIVER_FRAMEWORK;
}

static void say_thread(struct sc_case *c, struct sc_draft *d) {
    sc_draft_show(c, d, SC_UNSET64, "~", "Thread %u is the one the dump was written for.",
                  c->machine->current);
}

static const char *program(const struct sc_case *c) {
    return c->a->process ? c->a->process : "The program";
}

static void on_demand(struct sc_case *c) {
    struct sc_draft d;
    const struct sc_analysis *a = c->a;
    bool damaged = sc_target_source(c->target)->nnotes > 0;
    sc_draft_init(&d, damaged ? SC_POSSIBLE : SC_CERTAIN);
    d.f.summary =
        damaged ? sc_case_text(c, "%s: no exception can be found in this damaged dump.", program(c))
                : sc_case_text(c, "This dump records no crash of %s: it was written on demand.",
                               c->a->process ? c->a->process : "the program");
    if (a->has_exception) {
        d.f.detail =
            sc_case_text(c,
                         "The exception %s (0x%08x) is one that is made up to write a "
                         "dump.",
                         a->exception_name ? a->exception_name : "code", a->exception.code);
        sc_draft_show(c, &d, SC_UNSET64, ".exr -1", "The exception code is 0x%08x%s%s.",
                      a->exception.code, a->exception_name ? ", " : "",
                      a->exception_name ? a->exception_name : "");
    } else {
        d.f.detail =
            damaged ? "There is no exception in this dump, but parts of the file cannot be read: "
                      "it may have had one."
                    : "There is no exception in this dump: a tool, a person or the program itself "
                      "had it written, perhaps because of a hang.";
        sc_draft_show(c, &d, SC_UNSET64, ".dumpdebug", "The dump has no exception.");
    }
    sc_draft_show(c, &d, SC_UNSET64, "~", "The threads, as they were at that moment.");
    sc_draft_next(c, &d, "For a hang: what each thread waits for, and who holds it.");
    sc_case_add(c, &d);
}

/* The image that threw a C++ exception: its base on x64, on x86 where the type information is. */
static const struct sc_module *thrower(struct sc_case *c, uint64_t *ret_addr) {
    const struct sc_exception *e = &c->a->exception;
    unsigned at = c->is32 ? 2 : 3;
    if (e->code != 0xe06d7363 || e->nparams <= at)
        return NULL;
    *ret_addr = sc_case_canon(c, e->param[at]);
    return sc_target_module_at(c->target, *ret_addr);
}

static void start(struct sc_case *c, struct sc_draft *d, enum sc_confidence confidence) {
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

/* Nobody is blamed: SUMMARY and DETAIL say why, NEXT what would help. */
static void nobody(struct sc_case *c, enum sc_confidence confidence, const char *summary,
                   const char *detail, const char *next) {
    struct sc_draft d;
    start(c, &d, confidence);
    d.f.summary = summary;
    d.f.detail = detail;
    d.f.symbol = c->fault.ip == SC_UNSET64 ? NULL : sc_case_where(c, c->fault.ip);
    say_thread(c, &d);
    sc_draft_next(c, &d, "%s", next);
    sc_case_add(c, &d);
}

/* "std::runtime_error"'s like, from the throw information; NULL when the dump lacks it. */
static const char *thrown_type(struct sc_case *c) {
    struct nt_cxxthrow info;
    if (!nt_cxxthrow(c->target, &c->a->exception, c->arena, &info) || !info.ntypes)
        return NULL;
    return sc_case_name(c, info.type[0]);
}

static void thrown(struct sc_case *c) {
    struct sc_draft d;
    uint64_t addr;
    const char *type = thrown_type(c);
    const struct sc_module *m = thrower(c, &addr);
    if (!m) {
        nobody(c, SC_POSSIBLE, sc_case_text(c, "%s left a C++ exception unhandled.", program(c)),
               "The exception does not name the image that threw it.",
               "The stack of the thread, with symbols: the frame above _CxxThrowException.");
        return;
    }
    start(c, &d, is_runtime(c, m) ? SC_POSSIBLE : SC_STRONG);
    d.f.module = m;
    d.f.summary =
        sc_case_text(c, "%s threw a C++ exception that nobody caught.", sc_case_who(c, m));
    d.f.detail = sc_case_text(c,
                              "The exception's parameter %u, %s, lies in %s: that image threw "
                              "it%s%s.",
                              c->is32 ? 2 : 3, sc_case_addr(c, addr), sc_case_extent(c, m),
                              type ? ", as " : "", type ? type : "");
    sc_draft_show(c, &d, addr, sc_case_lm(c, addr), "Parameter %u of the exception lies in %s.",
                  c->is32 ? 2 : 3, sc_case_extent(c, m));
    if (type)
        sc_draft_show(c, &d, SC_UNSET64, ".exr -1", "The type thrown is %s.", type);
    say_thread(c, &d);
    sc_draft_next(c, &d, "The stack of the thread, with symbols: who threw, and what.");
    sc_case_add(c, &d);
}

static enum sc_confidence judge(const struct sc_case *c, const struct sc_module *m) {
    uint32_t code = c->a->exception.code;
    if (is_runtime(c, m) || code == 0xc0000006)
        return SC_POSSIBLE;
    if (code == 0xc00000fd || code == 0xc0000409 || c->fault.contradicted)
        return SC_LIKELY;
    return SC_STRONG;
}

static void show_context(struct sc_case *c, struct sc_draft *d) {
    if (c->fault.contradicted)
        sc_draft_against(c, d, sc_regs_ip(&c->a->regs), ".ecxr",
                         "The register context stands elsewhere, at %s.",
                         sc_case_place(c, sc_regs_ip(&c->a->regs)));
    else if (c->fault.ip_in_regs)
        sc_draft_show(c, d, sc_regs_ip(&c->a->regs), ".ecxr",
                      "The register context of the exception stands at %s.",
                      sc_case_place(c, sc_regs_ip(&c->a->regs)));
}

static void in_module(struct sc_case *c, const struct sc_module *m) {
    struct sc_draft d;
    start(c, &d, judge(c, m));
    uint64_t ip = c->fault.ip;
    d.f.module = m;
    d.f.symbol = sc_case_where(c, ip);
    d.f.summary = sc_case_text(c, "%s %s.", sc_case_who(c, m), sc_fault_did(c));
    d.f.detail = c->a->exception_text && c->a->exception.code == 0xc0000409
                     ? sc_case_text(c, "%s %s", sc_fault_detail(c), c->a->exception_text)
                     : sc_fault_detail(c);
    sc_draft_show(c, &d, ip, sc_case_lm(c, ip), "The instruction, %s, lies in %s.",
                  sc_case_addr(c, ip), sc_case_extent(c, m));
    show_context(c, &d);
    sc_fault_show_pointer(c, &d);
    say_thread(c, &d);
    if (is_runtime(c, m)) {
        sc_draft_against(c, &d, ip, sc_case_lm(c, ip),
                         "This is a library of the system, which mostly fails on what its caller "
                         "handed to it.");
        sc_draft_next(c, &d,
                      "The stack of the thread, with symbols: the first frame outside the "
                      "system's libraries.");
    }
    sc_draft_lacked(c, &d, "The call stack was not used: who called this code is not known.");
    sc_draft_next(c, &d, "%s: its version; its symbols name the function and line.",
                  sc_case_lmvm(c, m));
    sc_case_add(c, &d);
}

static void nowhere(struct sc_case *c) {
    struct sc_draft d;
    start(c, &d, SC_LIKELY);
    uint64_t ip = c->fault.ip;
    d.f.summary =
        sc_case_text(c, "%s ran into memory that belongs to no program file.", program(c));
    d.f.detail = sc_fault_detail(c);
    sc_draft_show(c, &d, ip, sc_case_lm(c, ip), "The instruction, %s, lies in no module.",
                  sc_case_addr(c, ip));
    sc_fault_show_pointer(c, &d);
    say_thread(c, &d);
    sc_draft_next(c, &d,
                  "The stack of the thread: who made the call or returned there (a damaged "
                  "function pointer or return address, or code made at run time).");
    sc_case_add(c, &d);
}

static void by_address(struct sc_case *c) {
    if (c->fault.ip == SC_UNSET64) {
        nobody(c, SC_POSSIBLE, sc_case_text(c, "%s %s.", program(c), sc_fault_did(c)),
               sc_fault_detail(c), "The stack of the thread, with symbols.");
        return;
    }
    const struct sc_module *m = sc_target_module_at(c->target, c->fault.ip);
    if (m)
        in_module(c, m);
    else
        nowhere(c);
}

static void run(struct sc_case *c) {
    if (!c->a->has_exception || sc_case_made_up(c->machine, c->a->exception.code)) {
        on_demand(c);
        return;
    }
    uint32_t code = c->machine->windows ? c->a->exception.code : 0;
    switch (code) {
    case 0xe06d7363: thrown(c); break;
    case 0xe0434352:
    case 0xe0434f4d:
        nobody(c, SC_POSSIBLE, sc_case_text(c, "%s left a .NET exception unhandled.", program(c)),
               c->a->exception_text ? c->a->exception_text : "A .NET exception was not handled.",
               "The managed stack and exception object, in a debugger with the .NET extension.");
        break;
    case 0xc0000374:
        nobody(c, SC_POSSIBLE,
               sc_case_text(c, "%s found its heap damaged and was ended.", program(c)),
               "The heap was found damaged at this call; the damage was done before, perhaps by "
               "other code: writing past a block, or freeing one twice.",
               "The same run under page heap (gflags /p /enable PROGRAM /full), which stops the "
               "code that does the damage.");
        break;
    case 0x80000003:
    case 0x4000001f:
        nobody(c, SC_LIKELY,
               sc_case_text(c,
                            "%s stopped at a breakpoint: a debugger, a tool that wrote the dump, "
                            "or a failed check in the program.",
                            program(c)),
               sc_fault_detail(c),
               "The stack of the thread, with symbols: who set or called the breakpoint.");
        break;
    default: by_address(c);
    }
}

const struct sc_rule sc_rule_user_exception = {
    "user-exception",
    "What ended a process: the exception, and the module whose code raised it.",
    SC_RULE_USER,
    run,
};
