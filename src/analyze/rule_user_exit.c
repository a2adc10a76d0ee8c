/* SPDX-License-Identifier: MIT */
/*
 * user-exit: the dump was taken while a thread was ending the process: the process ended itself,
 * and this is who did it.
 *
 *   the first frame outside the system's libraries called it   that module: STRONG when the frames
 *                                                              are exact, else POSSIBLE
 *   there is none                                              the program came to its end: nobody,
 *                                                              LIKELY
 *
 * When a check of the C library stands between the two (an invalid argument, abort()), that is why.
 *
 * The exit status is an argument: on x86 above the return address, on x64 and ARM64 in a register
 * that is known at the function's first instruction only. On x64 the code in front of the call, if
 * the dump or an image file has it, may show that it is a constant. Without any of these it is said
 * not to be known. x86 shows the process as well: ending another one is no end of this one.
 */
#include <string.h>

#include "analyze/user_demand.h"
#include "nt/status.h"
#include "stopcode/disasm.h"

enum { CODE_BYTES = 32 }; /* looked at in front of a call */

/* Functions of the process' end, with the places of their arguments; -1: has none. */
static const struct call {
    const char *function;
    int handle, status;
} calls[] = {
    {"NtTerminateProcess", 0, 1},
    {"ZwTerminateProcess", 0, 1},
    {"TerminateProcess", 0, 1},
    {"TerminateProcessStub", 0, 1},
    {"RtlExitUserProcess", -1, 0},
    {"ExitProcess", -1, 0},
    {"ExitProcessStub", -1, 0},
    {"ExitProcessImplementation", -1, 0},
    {"exit", -1, 0},
    {"_exit", -1, 0},
    {"_Exit", -1, 0},
};

static const struct call *call_of(const struct sc_user_frame *u) {
    for (size_t i = 0; u->function && i < sizeof calls / sizeof *calls; i++)
        if (strcmp(u->function, calls[i].function) == 0)
            return &calls[i];
    return NULL;
}

/* Argument N of the call that frame U is in. */
static bool argument(struct sc_case *c, const struct sc_user_frame *u, int n, uint64_t *ret) {
    static const char *const x64[] = {"rcx", "rdx"}, *const arm64[] = {"x0", "x1"};
    const struct sc_frame *f = u->f;
    if (n < 0)
        return false;
    if (c->machine->cpu == SC_CPU_X86) {
        if (n >= f->nparams)
            return false;
        *ret = f->param[n];
        return true;
    }
    if (f->number || f->ip != u->at || sc_case_where(c, f->ip) == NULL || !u->function)
        return false;
    struct sc_near near;
    bool found = false;
    sc_err *err = c->symtab ? sc_symtab_near(c->symtab, f->ip, &near, &found) : NULL;
    bool entry = !err && found && near.displacement == 0;
    sc_err_destroy(err);
    const struct sc_reg *reg =
        sc_reg_find(c->machine->cpu, c->machine->cpu == SC_CPU_X64 ? x64[n] : arm64[n]);
    if (!entry || !reg)
        return false;
    *ret = sc_reg_value(&f->regs, reg);
    return true;
}

struct end {
    size_t first, last; /* frames that end the process */
    size_t status_frame;
    bool has_status, other; /* it is another process that is ended */
    bool from_code;         /* the status is what the caller's code loads */
    uint64_t code;          /* that instruction */
    uint32_t status;
};

/* Do the instructions from AT lead to RET, a call last, without another one writing the register?
 */
static bool leads_to(sc_disasm *disasm, uint64_t at, const uint8_t *code, size_t size,
                     char letter) {
    size_t done = 0;
    bool call = false;
    for (unsigned i = 0; done < size && i < CODE_BYTES; i++) {
        struct sc_insn insn;
        sc_disasm_decode(disasm, at + done, code + done, size - done, &insn);
        const char *op = insn.operands;
        if (!insn.valid || (call && done < size) ||
            (i && (op[0] == 'e' || op[0] == 'r') && op[1] == letter && op[2] == 'x' &&
             op[3] == ','))
            return false;
        call = insn.flow == SC_FLOW_CALL;
        if (insn.flow != SC_FLOW_NEXT && !call)
            return false;
        done += insn.length;
    }
    return call && done == size;
}

/*
 * x64: `mov edx, imm32` (ba …), for argument 0 `mov ecx, imm32` (b9 …), in front of the call that
 * returns to RET.
 */
static bool constant_argument(struct sc_case *c, uint64_t ret, int n, struct end *e) {
    uint8_t code[CODE_BYTES];
    sc_disasm *disasm;
    if (c->machine->cpu != SC_CPU_X64 || n < 0 ||
        sc_space_read(sc_target_space(c->target), ret - CODE_BYTES, code, sizeof code, NULL) !=
            SC_READ_OK)
        return false;
    sc_err *err = sc_disasm_create(SC_CPU_X64, &disasm);
    if (err) {
        c->nomem = c->nomem || sc_err_code(err) == SC_ERR_NOMEM;
        sc_err_destroy(err);
        return false;
    }
    bool found = false;
    for (size_t at = CODE_BYTES - 5; at-- > 0 && !found;) {
        uint64_t addr = ret - CODE_BYTES + at;
        found = code[at] == (n ? 0xba : 0xb9) &&
                leads_to(disasm, addr, code + at, CODE_BYTES - at, n ? 'd' : 'c');
        if (found) {
            e->status = (uint32_t)code[at + 1] | (uint32_t)code[at + 2] << 8 |
                        (uint32_t)code[at + 3] << 16 | (uint32_t)code[at + 4] << 24;
            e->code = addr;
        }
    }
    sc_disasm_destroy(disasm);
    return found;
}

/* Is HANDLE the process itself, or 0, which means "its other threads"? */
static bool is_self(const struct sc_case *c, uint64_t handle) {
    return !handle || sc_case_canon(c, handle) == sc_case_canon(c, UINT64_MAX);
}

static struct end find_end(struct sc_case *c, const struct sc_user_thread *t) {
    struct end e = {.first = SIZE_MAX};
    size_t stop = t->has_blame ? t->blame : t->frames.count;
    for (size_t i = 0; i < stop; i++) {
        const struct sc_user_frame *u = &t->frames.item[i];
        uint64_t value;
        if (!(u->roles & NT_UF_EXIT))
            continue;
        if (e.first == SIZE_MAX)
            e.first = i;
        e.last = i;
        const struct call *call = call_of(u);
        if (!call)
            continue;
        if (call->handle >= 0 && argument(c, u, call->handle, &value) && !is_self(c, value))
            e.other = true;
        if (argument(c, u, call->status, &value)) {
            e.has_status = true;
            e.status = (uint32_t)value;
            e.status_frame = i;
        } else if (!e.has_status && u->f->ret && u->f->how != SC_FRAME_INLINE &&
                   constant_argument(c, u->f->ret, call->status, &e)) {
            e.has_status = e.from_code = true;
            e.status_frame = i;
        }
    }
    return e;
}

static const char *status_text(struct sc_case *c, const struct end *e) {
    struct nt_errtext text;
    if (!e->has_status)
        return "";
    bool named = e->status >= 0x40000000 && nt_status_text(e->status, &text);
    return sc_case_text(c, " with status 0x%x%s%s%s", e->status, named ? " (" : "",
                        named ? text.name : "", named ? ")" : "");
}

static const char *reason(enum sc_user_check check) {
    switch (check) {
    case SC_CHECK_INVALID_PARAMETER:
        return ", after it had called a C library function with an invalid argument";
    case SC_CHECK_PURECALL: return ", after it had called a pure virtual function";
    case SC_CHECK_ABORT: return ", with abort()";
    case SC_CHECK_ASSERT: return ", after a failed assertion";
    case SC_CHECK_TERMINATE: return ", with std::terminate()";
    case SC_CHECK_COOKIE: return ", after it had overrun a buffer on its stack";
    case SC_CHECK_HEAP: return ", after its heap had been found damaged";
    default: return "";
    }
}

static void show_end(struct sc_case *c, struct sc_draft *d, const struct sc_user_thread *t,
                     const struct end *e) {
    sc_user_show_frame(c, d, &t->frames, e->first, "ends the process");
    if (e->from_code)
        sc_draft_show(c, d, e->code, sc_case_text(c, "u %s L4", sc_case_hex(c, e->code)),
                      "The code that called %s hands it the status 0x%x.",
                      sc_user_place(c, &t->frames.item[e->status_frame]), e->status);
    else if (e->has_status)
        sc_user_show_frame(c, d, &t->frames, e->status_frame,
                           sc_case_text(c, "was handed the status 0x%x", e->status));
    else
        sc_draft_lacked(c, d,
                        "The exit status is not known: it was in a register that no longer "
                        "has it.");
}

static void blamed(struct sc_case *c, const struct sc_user_thread *t, const struct end *e) {
    struct sc_draft d;
    const struct sc_user_frame *u = &t->frames.item[t->blame];
    enum sc_user_check check = sc_user_check(c, &t->frames);
    sc_draft_init(&d, u->sure ? SC_STRONG : SC_POSSIBLE);
    d.f.summary = sc_case_text(c, "%s ended the process %s%s%s.", sc_case_who(c, u->module),
                               sc_user_program(c), status_text(c, e), reason(check));
    d.f.detail = sc_case_text(c, "Thread %u: %s%s called what led to %s%s.", t->thread->index,
                              sc_user_place(c, u), sc_user_frame_line(c, u),
                              sc_user_place(c, &t->frames.item[e->first]), status_text(c, e));
    show_end(c, &d, t, e);
    sc_user_accuse(c, &d, &t->frames, t->blame, "is the first outside the system's libraries");
    for (size_t i = t->blame; i-- > e->last + 1;)
        if (t->frames.item[i].function && t->frames.item[i].roles & ~(uint32_t)NT_UF_EXIT)
            sc_user_show_frame(c, &d, &t->frames, i, "stands between them");
    sc_draft_next(c, &d, "Why %s ends the process: its log, its arguments to that call.",
                  sc_user_place(c, u));
    sc_user_next_module(c, &d, u->module);
    sc_case_add(c, &d);
}

static void came_to_its_end(struct sc_case *c, const struct sc_user_thread *t,
                            const struct end *e) {
    struct sc_draft d;
    sc_draft_init(&d, SC_LIKELY);
    d.f.summary =
        sc_case_text(c, "%s was ending%s when the dump was written; no crash is recorded.",
                     sc_user_program(c), status_text(c, e));
    d.f.detail = sc_case_text(c,
                              "Thread %u ends the process, and no code of the program stands "
                              "above that.",
                              t->thread->index);
    show_end(c, &d, t, e);
    sc_user_lack_symbols(c, &d, &t->frames, t->frames.count);
    sc_case_add(c, &d);
}

bool sc_user_exit_run(struct sc_case *c, const struct sc_user_threads *threads) {
    for (size_t i = 0; i < threads->count; i++) {
        const struct sc_user_thread *t = &threads->item[i];
        if (t->doing != SC_DOING_EXIT)
            continue;
        struct end e = find_end(c, t);
        if (e.other || e.first == SIZE_MAX)
            continue;
        c->rule = "user-exit";
        if (t->has_blame)
            blamed(c, t, &e);
        else
            came_to_its_end(c, t, &e);
        return true;
    }
    return false;
}
