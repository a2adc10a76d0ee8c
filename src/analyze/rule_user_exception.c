/* SPDX-License-Identifier: MIT */
/*
 * user-exception: an instruction of a process failed, and in whose code.
 *
 *   in the program or a library of its own    that module: STRONG; POSSIBLE for an in-page error.
 *                                             When the function is library code that is compiled
 *                                             in (memcpy, std::…), the function that called it
 *   in a library of the system                the first frame outside of those: LIKELY when every
 *                                             frame up to it is exact, else POSSIBLE; never more
 *                                             than that when the heap's own code failed, which is
 *                                             damage done before. Without such a frame the library
 *                                             itself: POSSIBLE
 *   where a library was unloaded              that library: STRONG
 *   in no module                              nobody: LIKELY that a pointer to code was bad; the
 *                                             caller, when the call has just pushed its return
 *                                             address, by name: LIKELY
 *
 * What the instruction was reading and what its pointer looks like: fault.c and its neighbours.
 */
#include <string.h>

#include "analyze/user.h"
#include "nt/status.h"
#include "stopcode/minidump.h"

static const uint32_t in_page_error = 0xc0000006;

static bool is_in_page(const struct sc_case *c) {
    return c->machine->windows && c->a->exception.code == in_page_error;
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

/* The third parameter of an in-page error is why the page could not be read. */
static void show_in_page(struct sc_case *c, struct sc_draft *d) {
    const struct sc_exception *e = &c->a->exception;
    struct nt_errtext text;
    if (!is_in_page(c) || e->nparams < 3)
        return;
    uint32_t status = (uint32_t)e->param[2];
    bool known = nt_status_text(status, &text);
    sc_draft_show(c, d, SC_UNSET64, ".exr -1",
                  "Parameter 2, 0x%08x%s%s, is why the page could not be read.", status,
                  known ? ", " : "", known ? text.name : "");
    const struct sc_module *file =
        c->fault.memory == SC_UNSET64 ? NULL : sc_target_module_at(c->target, c->fault.memory);
    if (file)
        sc_draft_show(c, d, c->fault.memory, sc_case_lm(c, c->fault.memory),
                      "The page belongs to the file of %s.", sc_case_extent(c, file));
    sc_draft_next(c, d,
                  "The disk or network share that holds the file: the system event log, chkdsk.");
}

static void show_instruction(struct sc_case *c, struct sc_draft *d, const struct sc_module *m) {
    uint64_t ip = c->fault.ip;
    sc_draft_show(c, d, ip, sc_case_lm(c, ip), "The instruction, %s, lies in %s.",
                  sc_case_addr(c, ip), sc_case_extent(c, m));
    show_context(c, d);
    sc_fault_show_pointer(c, d);
    show_in_page(c, d);
    sc_user_show_code(c, d);
}

static const char *symbol_of(struct sc_case *c, const struct sc_user_frames *frames) {
    return frames->count && frames->item[0].f->ip == c->fault.ip
               ? sc_user_place(c, &frames->item[0])
               : sc_case_where(c, c->fault.ip);
}

static bool stands_on_fault(const struct sc_case *c, const struct sc_user_frames *frames) {
    return frames->count && frames->item[0].f->ip == c->fault.ip;
}

/* Library code that is compiled into the program failed: who called it, in the same module. */
static void blame_caller_inside(struct sc_case *c, struct sc_draft *d,
                                const struct sc_user_frames *frames) {
    size_t i;
    if (!stands_on_fault(c, frames) || !sc_user_blame(frames, 0, &i) || !i ||
        frames->item[i].module != d->f.module)
        return;
    if (!frames->item[i].sure && d->f.confidence > SC_LIKELY)
        d->f.confidence = SC_LIKELY;
    d->f.symbol = sc_user_place(c, &frames->item[i]);
    sc_user_show_frame(c, d, frames, i,
                       "is the first that is not library code, which mostly fails on what was "
                       "handed to it");
}

/*
 * A sanitizer raises exceptions of its own when it finds that memory was misused: SyzyASan, as its
 * sources say, STATUS_ARRAY_BOUNDS_EXCEEDED.
 */
static const struct sc_module *sanitizer(struct sc_case *c) {
    bool code = c->machine->windows && c->a->exception.code == 0xc000008c;
    return code ? sc_target_module_named(c->target, "syzyasan_rtl") : NULL;
}

static void in_module(struct sc_case *c, const struct sc_module *m,
                      const struct sc_user_frames *frames) {
    struct sc_draft d;
    sc_user_start(c, &d,
                  is_in_page(c)           ? SC_POSSIBLE
                  : c->fault.contradicted ? SC_LIKELY
                                          : SC_STRONG);
    d.f.module = m;
    d.f.symbol = symbol_of(c, frames);
    const struct sc_module *checker = sanitizer(c);
    d.f.summary = sc_case_text(
        c, "%s %s.", sc_case_who(c, m),
        checker ? "used memory that it may not use, as AddressSanitizer found" : sc_fault_did(c));
    d.f.detail = sc_user_fault_detail(c);
    const char *line = sc_user_fault_line(c);
    if (line[0])
        sc_draft_show(c, &d, c->fault.ip, sc_case_ln(c, c->fault.ip),
                      "The symbols give the instruction's source line%s.", line);
    if (checker)
        sc_draft_show(
            c, &d, SC_UNSET64, sc_case_lmvm(c, checker),
            "%s is loaded, which raises that exception when it finds memory misused: past "
            "the end of a block, or after it was freed.",
            sc_case_name(c, checker->image));
    show_instruction(c, &d, m);
    blame_caller_inside(c, &d, frames);
    sc_user_show_thread(c, &d);
    if (!sc_case_is_named(c, c->fault.ip))
        sc_draft_lacked(c, &d, "There are no symbols of %s: the function and line are not known.",
                        sc_case_name(c, m->image));
    if (!frames->count)
        sc_draft_lacked(c, &d, "Who called this code is not known: there is no stack.");
    sc_user_next_module(c, &d, m);
    sc_case_add(c, &d);
}

/* Without the full stop. */
static int sentence_length(const char *text) {
    size_t len = strlen(text);
    return (int)(len && text[len - 1] == '.' ? len - 1 : len);
}

/* A library of the system failed, and frame I is the first outside of them. */
static void called_system(struct sc_case *c, const struct sc_module *m,
                          const struct sc_user_frames *frames, size_t i) {
    struct sc_draft d;
    const struct sc_user_frame *u = &frames->item[i];
    bool heap = sc_user_signs(frames, i) & (NT_UF_HEAP | NT_UF_HEAP_CHECK);
    bool likely = u->sure && !heap && !is_in_page(c) && !c->fault.contradicted;
    sc_user_start(c, &d, likely ? SC_LIKELY : SC_POSSIBLE);
    d.f.summary = sc_case_text(c, "%s called into %s, which %s.", sc_case_who(c, u->module),
                               sc_case_who(c, m), sc_fault_did(c));
    const char *detail = sc_user_fault_detail(c);
    d.f.detail =
        sc_case_text(c, "%.*s; frame %u, %s%s, is the first outside the system's libraries.",
                     sentence_length(detail), detail, u->f->number, sc_user_place(c, u),
                     sc_user_frame_line(c, u));
    sc_user_accuse(c, &d, frames, i, "is the first outside the system's libraries");
    show_instruction(c, &d, m);
    sc_draft_against(c, &d, c->fault.ip, sc_case_lm(c, c->fault.ip),
                     "The instruction is %s's own; it mostly fails on what its caller handed to "
                     "it.",
                     sc_case_name(c, m->image));
    if (heap)
        sc_draft_against(c, &d, u->f->ip, frames->command,
                         "Code of the heap failed: the damage was done before, perhaps by other "
                         "code.");
    sc_user_show_thread(c, &d);
    sc_user_lack_symbols(c, &d, frames, i);
    sc_user_next_module(c, &d, u->module);
    sc_case_add(c, &d);
}

static void in_system(struct sc_case *c, const struct sc_module *m,
                      const struct sc_user_frames *frames) {
    struct sc_draft d;
    sc_user_start(c, &d, SC_POSSIBLE);
    uint64_t ip = c->fault.ip;
    d.f.module = m;
    d.f.symbol = symbol_of(c, frames);
    d.f.summary = sc_case_text(c, "%s %s.", sc_case_who(c, m), sc_fault_did(c));
    d.f.detail = sc_user_fault_detail(c);
    show_instruction(c, &d, m);
    sc_user_show_thread(c, &d);
    sc_draft_against(c, &d, ip, sc_case_lm(c, ip),
                     "This is a library of the system, which mostly fails on what its caller "
                     "handed to it.");
    sc_draft_lacked(c, &d,
                    frames->count ? "No frame outside the system's libraries is on the stack."
                                  : "The stack is not known, and so not who called.");
    sc_user_lack_symbols(c, &d, frames, frames->count);
    sc_draft_next(c, &d,
                  "The stack of the thread, with symbols: the first frame outside the system's "
                  "libraries.");
    sc_user_next_module(c, &d, m);
    sc_case_add(c, &d);
}

/* --- no module ------------------------------------------------------------------------------- */

static bool in_unloaded(struct sc_case *c, const struct sc_user_frames *frames) {
    struct sc_draft d;
    uint64_t ip = c->fault.ip;
    const struct sc_unloaded *u = sc_target_unloaded_at(c->target, ip);
    if (!u || !u->name || !u->name[0])
        return false;
    sc_user_start(c, &d, SC_STRONG);
    const char *name = sc_case_name(c, u->name);
    d.f.symbol = sc_case_where(c, ip);
    d.f.summary = sc_case_text(c,
                               "%s was unloaded while something of it was still in use, and %s "
                               "ran into the place where it had been.",
                               name, sc_user_program(c));
    d.f.detail = sc_case_text(c,
                              "%s, %s, is %s: a thread, timer, window or callback of it was not "
                              "ended before it was unloaded.",
                              "The instruction", sc_case_addr(c, ip), d.f.symbol);
    sc_draft_show(c, &d, u->base, "lm", "The list of unloaded modules has %s at %s to %s.", name,
                  sc_case_addr(c, u->base), sc_case_addr(c, u->base + u->size));
    sc_draft_show(c, &d, ip, sc_case_lm(c, ip), "That is in no module that is loaded now.");
    size_t i;
    if (sc_user_blame(frames, 0, &i))
        sc_user_show_frame(c, &d, frames, i, "is the first whose code is still there");
    sc_user_show_thread(c, &d);
    sc_draft_next(c, &d, "Who unloads %s: a breakpoint on its FreeLibrary, or loader snaps.", name);
    sc_case_add(c, &d);
    return true;
}

/* PAGE_EXECUTE … PAGE_EXECUTE_WRITECOPY */
static bool may_execute(uint32_t protect) { return (protect & 0xf0) != 0; }

/* What kind of memory the instruction lies in, if the dump lists the regions. */
static void show_region(struct sc_case *c, struct sc_draft *d) {
    struct sc_source *s = (struct sc_source *)sc_target_source(c->target);
    struct sc_mdmp_region r;
    uint64_t ip = c->fault.ip;
    for (size_t i = 0; i < 1u << 20; i++) {
        bool more = false;
        sc_err *err = sc_mdmp_region(s, i, &r, &more);
        if (err && sc_err_code(err) == SC_ERR_NOMEM)
            c->nomem = true;
        sc_err_destroy(err);
        if (err || !more)
            return;
        if (ip - r.base < r.size)
            break;
        r.size = 0;
    }
    if (ip - r.base >= r.size)
        return;
    const char *command = sc_case_text(c, "!address %s", sc_case_hex(c, ip));
    if (r.state != 0x1000) /* MEM_COMMIT */
        sc_draft_show(c, d, ip, command, "There is no memory at that address.");
    else if (may_execute(r.protect))
        sc_draft_show(c, d, ip, command,
                      "The memory there may be executed: it is code that was made at run time.");
    else
        sc_draft_show(c, d, ip, command, "The memory there holds data and may not be executed.");
}

static bool is_on_stack(struct sc_case *c, uint64_t addr) {
    const struct sc_thread *t = c->a->has_regs ? sc_user_thread(c) : NULL;
    return t && addr - t->stack_start < t->stack_size;
}

/* The word that a call pushes: where SP points when its target failed at once. */
static bool just_called(struct sc_case *c, const struct sc_user_frames *frames) {
    uint64_t top;
    if (frames->count < 2 || frames->item[0].f->ip != c->fault.ip || c->fault.memory != c->fault.ip)
        return false;
    if (c->machine->cpu != SC_CPU_X64 && c->machine->cpu != SC_CPU_X86)
        return frames->item[1].sure;
    return sc_space_ptr(sc_target_space(c->target), sc_regs_sp(&c->a->regs), &top) == SC_READ_OK &&
           sc_case_canon(c, top) == frames->item[1].f->ip;
}

static void show_caller(struct sc_case *c, struct sc_draft *d,
                        const struct sc_user_frames *frames) {
    size_t i;
    if (!sc_user_blame(frames, 1, &i))
        return;
    if (i == 1 && just_called(c, frames)) {
        sc_user_accuse(c, d, frames, i, "is where the call was made");
        sc_draft_show(c, d, sc_regs_sp(&c->a->regs),
                      sc_case_text(c, "dp %s L1", sc_case_hex(c, sc_regs_sp(&c->a->regs))),
                      "Its address is what the call has just pushed.");
    } else {
        sc_user_show_frame(c, d, frames, i, "is the first in a module of the program");
    }
}

static void nowhere(struct sc_case *c, const struct sc_user_frames *frames) {
    struct sc_draft d;
    uint64_t ip = c->fault.ip;
    if (in_unloaded(c, frames))
        return;
    sc_user_start(c, &d, SC_LIKELY);
    bool stack = is_on_stack(c, ip);
    d.f.summary =
        stack ? sc_case_text(c, "%s ran into its own stack, where data is and no code.",
                             sc_user_program(c))
        : ip < 0x10000
            ? sc_case_text(c, "%s called a function through a null pointer.", sc_user_program(c))
            : sc_case_text(c, "%s ran into memory that belongs to no program file.",
                           sc_user_program(c));
    d.f.detail = sc_fault_detail(c);
    sc_draft_show(c, &d, ip, sc_case_lm(c, ip), "The instruction, %s, lies in no module.",
                  sc_case_addr(c, ip));
    if (stack)
        sc_draft_show(c, &d, ip, ".ecxr",
                      "It lies on the stack of the thread, whose pointer is %s.",
                      sc_case_addr(c, sc_regs_sp(&c->a->regs)));
    show_region(c, &d);
    show_caller(c, &d, frames);
    sc_fault_show_pointer(c, &d);
    sc_user_show_thread(c, &d);
    sc_draft_next(c, &d,
                  stack ? "The caller's local buffers: an overrun of one overwrites a return "
                          "address or a pointer to a function."
                        : "Who made the call or returned there: a damaged function pointer or "
                          "return address, or code made at run time.");
    sc_case_add(c, &d);
}

static void no_address(struct sc_case *c) {
    struct sc_draft d;
    sc_user_start(c, &d, SC_POSSIBLE);
    d.f.summary = sc_case_text(c, "%s %s.", sc_user_program(c), sc_fault_did(c));
    d.f.detail = sc_fault_detail(c);
    sc_user_show_thread(c, &d);
    sc_draft_lacked(c, &d,
                    "The dump says neither which instruction failed nor where the thread "
                    "stood.");
    sc_draft_next(c, &d, "A dump with the context of the exception.");
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    struct sc_user_frames frames;
    size_t i;
    if (sc_user_kind(c) != SC_USER_FAULT)
        return;
    if (c->fault.ip == SC_UNSET64) {
        no_address(c);
        return;
    }
    sc_user_frames(c, &frames);
    const struct sc_module *m = sc_target_module_at(c->target, c->fault.ip);
    if (!m)
        nowhere(c, &frames);
    else if (!sc_user_is_system(c, m))
        in_module(c, m, &frames);
    else if (stands_on_fault(c, &frames) && sc_user_blame(&frames, 0, &i))
        called_system(c, m, &frames, i);
    else
        in_system(c, m, &frames);
}

const struct sc_rule sc_rule_user_exception = {
    "user-exception",
    "An instruction of a process failed: the module whose code that was, or who called it.",
    SC_RULE_USER,
    run,
};
