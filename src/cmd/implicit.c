/* SPDX-License-Identifier: MIT */
/*
 * `.thread`, `.process`, `.context`: the thread whose registers, and the process whose memory, the
 * session is about.
 *
 *     .thread [/p [/r]] [/P] [/w] [address]      .process [/i] [/p [/r]] [/P] [address]
 *     .context [page directory]
 *
 * Where the dump has page tables, a process is also whose memory commands see, and `.context` sets
 * tables alone. A small dump has none: what would need them is refused, or says that it has no
 * effect.
 */
#include <inttypes.h>

#include "cmd/dispatch.h"
#include "cmd/kthread.h"
#include "cmd/procspace.h"
#include "cmd/session_impl.h"
#include "cmd/usermods.h"
#include "nt/current.h"
#include "unwind/wow64.h"

struct implicit {
    const char *what;
    uint64_t address;
};
static const struct sc_field implicit_fields[] = {SC_FIELD(struct implicit, what, SC_F_STR),
                                                  SC_FIELD(struct implicit, address, SC_F_ADDR),
                                                  SC_FIELD_END};
static const struct sc_rectype implicit_type = {"implicit", sizeof(struct implicit),
                                                implicit_fields};

static void implicit_text(sc_out *out, const void *record, void *ctx) {
    const struct implicit *r = record;
    const unsigned *ptr_size = ctx;
    char addr[SC_ADDR_BUF];
    sc_printf(out, "Implicit %s is now %s\n", r->what, sc_addr_text(r->address, *ptr_size, addr));
}

static void say(sc_session *s, const char *what, uint64_t address) {
    const struct implicit r = {what, address};
    unsigned ptr_size = sc_session_ptr_size(s);
    sc_record(s->out, &implicit_type, &r, implicit_text, &ptr_size);
}

static void say_no_memory(sc_session *s, const char *option) {
    if (sc_target_has_paging(s->target))
        return;
    sc_remark(s->out, "%s has no effect: this dump holds no page tables and no memory of processes",
              option);
}

/* ---- .thread ---- */

enum { THREAD_USER, THREAD_RELOAD, THREAD_ALL, THREAD_WOW, THREAD_ADDRESS };

/* Letters that differ by case alone: `/p` translates this process's pages, `/P` all. */
static const struct sc_arg thread_args[] = {
    {SC_ARG_OPTION, "/p", "p", true, "its process, too"},
    {SC_ARG_OPTION, "/r", "r", true, "with the symbols of its process"},
    {SC_ARG_OPTION, "/P", "P", true, "all processes' pages"},
    {SC_ARG_OPTION, "/w", "w", true, "the 32-bit context of a WOW64 thread"},
    {SC_ARG_EXPR, "thread", NULL, true, "address of its ETHREAD; 0: the current one's again"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

/* The current thread of the current processor, with its own registers. */
static sc_err *reset_thread(sc_session *s, const struct nt *nt, uint64_t *ret) {
    sc_err *err = nt_current_thread(nt, s->current, ret);
    if (err)
        return err;
    sc_session_set_thread(s, 0);
    sc_session_set_regs(s, NULL);
    return NULL;
}

static sc_err *set_thread(sc_session *s, const struct nt *nt, uint64_t address, bool *ret_saved) {
    struct nt_thread t;
    struct sc_regs regs;
    sc_unwinder *unwinder;
    char buf[SC_NT_BUF];
    sc_err *err = nt_thread_read(nt, address, &t);
    if (!err && !nt_thread_valid(&t))
        err = sc_errf(SC_ERR_NOT_FOUND,
                      nt_thread_present(&t) ? "at %s there is no thread"
                                            : "the dump does not hold the thread at %s",
                      sc_nt_asked_text(address, nt->ptr_size, buf));
    if (!err)
        err = sc_session_unwinder(s, &unwinder);
    if (!err)
        err = nt_thread_regs(nt, &t, unwinder, &regs, ret_saved);
    if (err)
        return sc_err_prefix(err, "Unable to get the context of thread %s",
                             sc_nt_ptr_text(address, nt->ptr_size, buf));
    sc_session_set_thread(s, address);
    sc_session_set_regs(s, &regs);
    return NULL;
}

/* The 32-bit side lies in the process's memory: so that must be at hand. */
static sc_err *enter_owner(sc_session *s, const struct nt *nt, uint64_t process) {
    bool at_hand;
    char old[SC_NT_BUF];
    uint64_t before = 0;
    sc_err *err = sc_session_is_at_hand(s, nt, process, &at_hand);
    if (err || at_hand)
        return err;
    err = sc_session_process(s, nt, &before);
    sc_err_catch(&err, SC_ERR_NOT_FOUND);
    if (!err)
        err = sc_session_enter_process(s, nt, process);
    if (!err)
        err = sc_session_sync_modules(s);
    if (err)
        return err;
    sc_puts(s->out, "WARNING: WOW context retrieval requires\n"
                    "switching to the thread's process context.\n");
    if (before)
        sc_printf(s->out, "Use .process /p %s to switch back.\n",
                  sc_nt_ptr_text(before, nt->ptr_size, old));
    say(s, "process", process);
    return NULL;
}

/* `.thread /w`. */
static sc_err *set_narrow(sc_session *s, const struct nt *nt, uint64_t address) {
    struct nt_thread t;
    struct sc_regs regs;
    bool found = false;
    char buf[SC_NT_BUF];
    sc_err *err = address ? NULL : sc_session_thread(s, nt, &address);
    if (!err)
        err = nt_thread_read(nt, address, &t);
    if (!err && !nt_thread_valid(&t))
        err = sc_errf(SC_ERR_NOT_FOUND, "at %s there is no thread",
                      sc_nt_asked_text(address, nt->ptr_size, buf));
    if (err)
        return err;
    say(s, "thread", address);
    if (nt_set(&t.f[NT_T_PROCESS]))
        err = enter_owner(s, nt, t.f[NT_T_PROCESS].value);
    if (!err)
        err = sc_wow64_regs(s->target, NULL, nt_or(&t.f[NT_T_TEB], 0), &regs, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, ".thread /w: the thread has no 32-bit side, or its TEB is "
                                        "not in the dump");
    if (err)
        return err;
    sc_session_set_thread(s, address);
    sc_session_set_regs(s, &regs);
    s->effmach = SC_CPU_X86;
    sc_puts(s->out, "x86 context set\n");
    return NULL;
}

/* `/r`: the modules of the process at hand, read anew. */
static sc_err *reload_modules(sc_session *s) {
    sc_err *err = sc_session_reload_user(s);
    if (!err)
        sc_show_user_modules(s);
    return err;
}

static sc_err *run_dot_thread(sc_session *s, const struct sc_args *args) {
    const struct sc_val *v = &args->v[THREAD_ADDRESS];
    struct nt nt;
    bool saved = false;
    uint64_t address, process;
    if (args->v[THREAD_WOW].given && !sc_target_has_paging(s->target))
        return sc_errf(SC_ERR_UNSUPPORTED,
                       ".thread /w: the 32-bit context lies in the process's memory, which this "
                       "dump does not hold");
    sc_err *err = sc_session_nt(s, &nt);
    if (err)
        return err;
    address = v->given ? sc_space_canon(nt.space, v->num) : 0;
    if (args->v[THREAD_WOW].given)
        return set_narrow(s, &nt, address);
    err = address ? set_thread(s, &nt, address, &saved) : reset_thread(s, &nt, &address);
    if (!err && args->v[THREAD_USER].given)
        err = nt_thread_process(&nt, address, &process);
    if (err)
        return err;
    say(s, "thread", address);
    if (saved && sc_session_enrich(s))
        sc_remark(s->out, "It does not run: only its instruction, stack and frame pointers are "
                          "known.");
    if (args->v[THREAD_USER].given) {
        err = sc_session_enter_process(s, &nt, process);
        if (err)
            return err;
        say(s, "process", process);
    }
    if (args->v[THREAD_RELOAD].given && s->procspace)
        return reload_modules(s);
    if (args->v[THREAD_RELOAD].given || args->v[THREAD_ALL].given)
        say_no_memory(s, args->v[THREAD_RELOAD].given ? "/r" : "/P");
    return NULL;
}

/* ---- .process ---- */

enum { PROCESS_LIVE, PROCESS_USER, PROCESS_RELOAD, PROCESS_ALL, PROCESS_ADDRESS };
static const struct sc_arg process_args[] = {
    {SC_ARG_OPTION, "/i", "i", true, "make the live target run it"},
    {SC_ARG_OPTION, "/p", "p", true, "its pages"},
    {SC_ARG_OPTION, "/r", "r", true, "with its symbols"},
    {SC_ARG_OPTION, "/P", "P", true, "all processes' pages"},
    {SC_ARG_EXPR, "process", NULL, true, "address of its EPROCESS; 0: the current one again"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

static sc_err *check_process(const struct nt *nt, uint64_t address) {
    struct nt_process p;
    char buf[SC_NT_BUF];
    sc_err *err = nt_process_read(nt, address, &p);
    if (err || nt_process_valid(&p))
        return err;
    if (!nt_is_kernel(nt, address))
        return sc_errf(SC_ERR_NOT_FOUND,
                       "no process lies at %s; if that is a process's id: !process %" PRIx64
                       " 0 tells its address",
                       sc_nt_ptr_text(address, nt->ptr_size, buf), address);
    return sc_errf(SC_ERR_NOT_FOUND,
                   nt_process_present(&p) ? "at %s there is no process"
                                          : "the dump does not hold the process at %s",
                   sc_nt_asked_text(address, nt->ptr_size, buf));
}

static sc_err *run_dot_process(sc_session *s, const struct sc_args *args) {
    const struct sc_val *v = &args->v[PROCESS_ADDRESS];
    struct nt nt;
    uint64_t address;
    if (args->v[PROCESS_LIVE].given)
        return sc_errf(SC_ERR_UNSUPPORTED, ".process /i makes a live target run; a dump does not");
    sc_err *err = sc_session_nt(s, &nt);
    if (err)
        return err;
    address = v->given ? sc_space_canon(nt.space, v->num) : 0;
    if (address) {
        err = check_process(&nt, address);
        if (!err)
            err = sc_session_enter_process(s, &nt, address);
    } else {
        err = sc_session_leave_process(s);
        if (!err)
            err = sc_session_process(s, &nt, &address);
    }
    if (err)
        return err;
    say(s, "process", address);
    if (args->v[PROCESS_RELOAD].given && s->procspace)
        return reload_modules(s);
    if (args->v[PROCESS_USER].given || args->v[PROCESS_RELOAD].given || args->v[PROCESS_ALL].given)
        say_no_memory(s, args->v[PROCESS_USER].given     ? "/p"
                         : args->v[PROCESS_RELOAD].given ? "/r"
                                                         : "/P");
    return NULL;
}

/* ---- .context ---- */

struct context {
    uint64_t base;
};
static const struct sc_field context_fields[] = {SC_FIELD(struct context, base, SC_F_ADDR),
                                                 SC_FIELD_END};
static const struct sc_rectype context_type = {"page_directory", sizeof(struct context),
                                               context_fields};

static void context_text(sc_out *out, const void *record, void *ctx) {
    const struct context *r = record;
    (void)ctx;
    sc_printf(out, "User-mode page directory base is %" PRIx64 "\n", r->base);
}

static void show_context(sc_session *s, uint64_t base) {
    /* Its low bits are flags and, since Windows 10, the number of the address space. */
    bool pae = sc_target_paging(s->target)->mode == SC_PAGING_PAE;
    const struct context r = {base & ~(uint64_t)(pae ? 0x1f : 0xfff)};
    sc_record(s->out, &context_type, &r, context_text, NULL);
}

/* Where there are page tables: those at hand, or others. */
static sc_err *run_tables(sc_session *s, const struct sc_val *v) {
    sc_err *err = NULL;
    if (v->given && v->num)
        err = sc_session_enter_tables(s, sc_session_physical(s, v->num));
    else if (v->given)
        err = sc_session_leave_process(s);
    if (!err)
        show_context(s, sc_target_dtb(s->target));
    return err;
}

static sc_err *run_context(sc_session *s, const struct sc_args *args) {
    struct nt nt;
    struct nt_process p;
    uint64_t address;
    if (sc_target_has_paging(s->target))
        return run_tables(s, &args->v[0]);
    if (args->v[0].given && args->v[0].num)
        return sc_errf(SC_ERR_UNSUPPORTED, ".context: this dump holds no page tables: there is no "
                                           "other address space in it");
    sc_err *err = sc_session_nt(s, &nt);
    if (!err && args->v[0].given)
        sc_session_set_process(s, 0);
    if (!err)
        err = sc_session_process(s, &nt, &address);
    if (!err)
        err = nt_process_read(&nt, address, &p);
    if (!err && p.f[NT_P_DIR_BASE].state != NT_READ)
        err = sc_errf(SC_ERR_NOT_FOUND, "the page directory of the current process is %s",
                      nt_why(&p.f[NT_P_DIR_BASE]));
    if (err)
        return err;
    show_context(s, p.f[NT_P_DIR_BASE].value);
    sc_nt_assumed(s, p.assumed);
    return NULL;
}

static const struct sc_arg context_args[] = {
    {SC_ARG_EXPR, "directory", NULL, true, "0: that of the current process again"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_implicit_commands[] = {
    {.name = ".thread",
     .brief = "take the registers of a thread of the kernel",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "~Ns switches to a thread",
     .args = thread_args,
     .help = "Without an address, or with 0, the current thread of the current processor again, "
             "with its own registers.\n"
             "Of a thread that does not run, the registers are those that the switch to another "
             "thread saved: the instruction, stack and frame pointers.\n"
             "$thread is this thread until ~Ns or .thread.\n"
             "/p enters its process, too, /r lists that one's modules. /w takes the 32-bit "
             "registers of a thread of a WOW64 process, which it left when it went over to 64-bit "
             "code; .effmach . ends that.",
     .sample = ".thread",
     .run = run_dot_thread},
    {.name = ".process",
     .brief = "choose the process that the session is about",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "it is about its one process",
     .args = process_args,
     .help = "Without an address, or with 0, the process of the current thread again. $proc and "
             "!process are about it.\n"
             "Where the dump has page tables, commands that show memory see the pages of this "
             "process; what page tables do not tell, its VADs do. A small dump holds no memory of "
             "processes, so /p and /r have no effect.",
     .sample = ".process",
     .run = run_dot_process},
    {.name = ".context",
     .brief = "show or set the page directory that addresses of processes go through",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "it has one address space",
     .args = context_args,
     .help = "With the address of a page directory (DirBase of !process), memory commands see that "
             "process's pages; 0: back to those that the dump was opened with. .process does the "
             "same by process.\n"
             "A small dump holds no page tables: there is no other address space to choose.",
     .sample = ".context",
     .run = run_context},
    {.name = NULL},
};
