/* SPDX-License-Identifier: MIT */
/*
 * `!teb` and `!gle`: a thread's environment block and its last error, and the rows of the family.
 *
 * Offsets of the TEB (winternl.h and the public layouts of NT_TIB and TEB; the same in all versions
 * from Windows XP x64 and Vista on):
 *
 *     32-bit  64-bit
 *     +0x000  +0x0000  NT_TIB: ExceptionList, StackBase, StackLimit, SubSystemTib, FiberData,
 *                      ArbitraryUserPointer, Self
 *     +0x01c  +0x0038  EnvironmentPointer
 *     +0x020  +0x0040  ClientId: process and thread
 *     +0x028  +0x0050  ActiveRpcHandle, ThreadLocalStoragePointer, ProcessEnvironmentBlock
 *     +0x034  +0x0068  LastErrorValue, CountOfOwnedCriticalSections (32 bits each)
 *     +0xbf4  +0x1250  LastStatusValue
 *     +0xf28  +0x16b0  HardErrorMode
 */
#include "cmd/teb.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/session_impl.h"
#include "cmd/usermods.h"
#include "cmd/wow64.h"
#include "nt/status.h"

static const struct sc_offset teb_exceptions = {0, 0}, teb_stack_base = {4, 8},
                              teb_stack_limit = {8, 0x10}, teb_subsystem = {0xc, 0x18},
                              teb_fiber = {0x10, 0x20}, teb_arbitrary = {0x14, 0x28},
                              teb_self = {0x18, 0x30}, teb_environment = {0x1c, 0x38},
                              teb_process = {0x20, 0x40}, teb_thread = {0x24, 0x48},
                              teb_rpc = {0x28, 0x50}, teb_tls = {0x2c, 0x58},
                              teb_peb = {0x30, 0x60}, teb_error = {0x34, 0x68},
                              teb_locks = {0x38, 0x6c}, teb_status = {0xbf4, 0x1250},
                              teb_hard = {0xf28, 0x16b0};

/* --- fields --------------------------------------------------------------------------------- */

uint64_t sc_field_num(const struct sc_fields *f, struct sc_offset at, unsigned size) {
    sc_space *space = sc_target_space(f->session->target);
    uint64_t value;
    bool narrow = sc_session_ptr_size(f->session) == 4;
    uint64_t addr = sc_space_canon(space, f->base + (narrow ? at.at32 : at.at64));
    return sc_space_uint(space, addr, size, &value) == SC_READ_OK ? value : SC_UNSET64;
}

uint64_t sc_field_ptr(const struct sc_fields *f, struct sc_offset at) {
    return sc_field_num(f, at, sc_session_ptr_size(f->session));
}

const char *sc_plain_ptr(sc_session *s, uint64_t value, char *buf) {
    int digits = (int)sc_session_ptr_size(s) * 2;
    if (value == SC_UNSET64)
        snprintf(buf, 20, "%.*s", digits, "????????????????");
    else
        snprintf(buf, 20, "%0*" PRIx64, digits, value);
    return buf;
}

/* A 32-bit number, or question marks. */
static const char *plain_num(uint64_t value, const char *fmt_hex, char *buf) {
    if (value == SC_UNSET64)
        snprintf(buf, 24, "????????");
    else if (*fmt_hex == 'x')
        snprintf(buf, 24, "%" PRIx64, value);
    else
        snprintf(buf, 24, "%" PRIu64, value);
    return buf;
}

bool sc_session_is_kernel_address(sc_session *s, uint64_t address) {
    return s->procspace && sc_paging_is_kernel(sc_target_paging(s->target)->mode, address);
}

/* --- !teb ----------------------------------------------------------------------------------- */

struct teb {
    uint64_t address, exception_list, stack_base, stack_limit, subsystem_tib, fiber_data;
    uint64_t arbitrary_user_pointer, self, environment_pointer, process_id, thread_id, rpc_handle;
    uint64_t tls_storage, peb, last_error, last_status, owned_locks, hard_error_mode;
};
static const struct sc_field teb_fields[] = {
    SC_FIELD(struct teb, address, SC_F_ADDR),
    SC_FIELD(struct teb, exception_list, SC_F_ADDR),
    SC_FIELD(struct teb, stack_base, SC_F_ADDR),
    SC_FIELD(struct teb, stack_limit, SC_F_ADDR),
    SC_FIELD(struct teb, subsystem_tib, SC_F_ADDR),
    SC_FIELD(struct teb, fiber_data, SC_F_ADDR),
    SC_FIELD(struct teb, arbitrary_user_pointer, SC_F_ADDR),
    SC_FIELD(struct teb, self, SC_F_ADDR),
    SC_FIELD(struct teb, environment_pointer, SC_F_ADDR),
    SC_FIELD(struct teb, process_id, SC_F_ADDR),
    SC_FIELD(struct teb, thread_id, SC_F_ADDR),
    SC_FIELD(struct teb, rpc_handle, SC_F_ADDR),
    SC_FIELD(struct teb, tls_storage, SC_F_ADDR),
    SC_FIELD(struct teb, peb, SC_F_ADDR),
    SC_FIELD(struct teb, last_error, SC_F_ADDR),
    SC_FIELD(struct teb, last_status, SC_F_ADDR),
    SC_FIELD(struct teb, owned_locks, SC_F_ADDR),
    SC_FIELD(struct teb, hard_error_mode, SC_F_ADDR),
    SC_FIELD_END,
};
static const struct sc_rectype teb_type = {"teb", sizeof(struct teb), teb_fields};

static void row(sc_out *out, sc_session *s, const char *label, uint64_t value) {
    char buf[20];
    sc_printf(out, "    %-21s %s\n", label, sc_plain_ptr(s, value, buf));
}

static void teb_text(sc_out *out, const void *record, void *ctx) {
    const struct teb *t = record;
    sc_session *s = ctx;
    char a[24], b[24];
    sc_printf(out, "TEB at %s\n", sc_plain_ptr(s, t->address, a));
    row(out, s, "ExceptionList:", t->exception_list);
    row(out, s, "StackBase:", t->stack_base);
    row(out, s, "StackLimit:", t->stack_limit);
    row(out, s, "SubSystemTib:", t->subsystem_tib);
    row(out, s, "FiberData:", t->fiber_data);
    row(out, s, "ArbitraryUserPointer:", t->arbitrary_user_pointer);
    row(out, s, "Self:", t->self);
    row(out, s, "EnvironmentPointer:", t->environment_pointer);
    sc_printf(out, "    %-21s %s . %s\n", "ClientId:", sc_plain_ptr(s, t->process_id, a),
              sc_plain_ptr(s, t->thread_id, b));
    row(out, s, "RpcHandle:", t->rpc_handle);
    row(out, s, "Tls Storage:", t->tls_storage);
    row(out, s, "PEB Address:", t->peb);
    sc_printf(out, "    %-21s %s\n", "LastErrorValue:", plain_num(t->last_error, "u", a));
    sc_printf(out, "    %-21s %s\n", "LastStatusValue:", plain_num(t->last_status, "x", a));
    sc_printf(out, "    %-21s %s\n", "Count Owned Locks:", plain_num(t->owned_locks, "u", a));
    sc_printf(out, "    %-21s %s\n", "HardErrorMode:", plain_num(t->hard_error_mode, "u", a));
}

/* An address of the kernel's: a thread, whose TEB is meant. */
static sc_err *teb_of_thread(sc_session *s, uint64_t address, struct sc_visit *visit,
                             uint64_t *ret) {
    struct nt nt;
    struct nt_thread t;
    char digits[SC_NT_BUF];
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_thread_read(&nt, address, &t);
    if (!err && !nt_thread_valid(&t))
        err = sc_errf(SC_ERR_NOT_FOUND, "at %s there is no thread, and TEBs lie in user memory",
                      sc_nt_ptr_text(address, nt.ptr_size, digits));
    if (!err)
        err = sc_session_visit_owner(s, address, visit);
    if (!err)
        *ret = nt_or(&t.f[NT_T_TEB], 0);
    return err;
}

/* The block's address, given or the current thread's; its memory is at hand until VISIT ends. */
static sc_err *teb_address(sc_session *s, const struct sc_val *v, struct sc_visit *visit,
                           uint64_t *ret) {
    sc_space *space = sc_target_space(s->target);
    sc_err *err = NULL;
    uint8_t first;
    *visit = (struct sc_visit){.away = false};
    *ret = sc_space_canon(space, v->num);
    if (v->given && sc_session_is_kernel_address(s, *ret)) {
        err = teb_of_thread(s, *ret, visit, ret);
    } else if (!v->given) {
        err = sc_session_cpu(s) == sc_target_machine(s->target)->cpu
                  ? sc_session_visit_owner(s, 0, visit)
                  : NULL;
        if (!err)
            err = sc_session_pseudo_get(s, "$teb", ret);
        *ret = sc_space_canon(space, *ret);
    }
    if (!err && !*ret && sc_target_machine(s->target)->kernel)
        err = sc_errf(SC_ERR_NOT_FOUND, "the thread has no TEB: it runs in the kernel alone");
    return err ? err : sc_space_need(space, *ret, &first, 1, "the TEB");
}

static void show_teb(sc_session *s, uint64_t address) {
    struct sc_fields f = {s, address};
    struct teb t = {
        .address = address,
        .exception_list = sc_field_ptr(&f, teb_exceptions),
        .stack_base = sc_field_ptr(&f, teb_stack_base),
        .stack_limit = sc_field_ptr(&f, teb_stack_limit),
        .subsystem_tib = sc_field_ptr(&f, teb_subsystem),
        .fiber_data = sc_field_ptr(&f, teb_fiber),
        .arbitrary_user_pointer = sc_field_ptr(&f, teb_arbitrary),
        .self = sc_field_ptr(&f, teb_self),
        .environment_pointer = sc_field_ptr(&f, teb_environment),
        .process_id = sc_field_ptr(&f, teb_process),
        .thread_id = sc_field_ptr(&f, teb_thread),
        .rpc_handle = sc_field_ptr(&f, teb_rpc),
        .tls_storage = sc_field_ptr(&f, teb_tls),
        .peb = sc_field_ptr(&f, teb_peb),
        .last_error = sc_field_num(&f, teb_error, 4),
        .last_status = sc_field_num(&f, teb_status, 4),
        .owned_locks = sc_field_num(&f, teb_locks, 4),
        .hard_error_mode = sc_field_num(&f, teb_hard, 4),
    };
    sc_record(s->out, &teb_type, &t, teb_text, s);
    if (t.self != SC_UNSET64 && t.self != address && sc_session_enrich(s))
        sc_remark(s->out, "`Self` is not its own address: this is a copy, or no TEB.");
}

static sc_err *run_teb(sc_session *s, const struct sc_args *args) {
    struct sc_visit visit;
    uint64_t address;
    sc_err *err = teb_address(s, &args->v[0], &visit, &address);
    if (!err)
        show_teb(s, address);
    return sc_session_return(s, &visit, err);
}

/* --- !gle ----------------------------------------------------------------------------------- */

struct gle {
    uint32_t thread;
    uint32_t error, status;
    const char *error_text, *status_text; /* NULL: unknown, or not readable */
    bool has_error, has_status;
};
static const struct sc_field gle_fields[] = {
    SC_FIELD(struct gle, thread, SC_F_U32),      SC_FIELD(struct gle, has_error, SC_F_BOOL),
    SC_FIELD(struct gle, error, SC_F_HEX32),     SC_FIELD(struct gle, error_text, SC_F_STR),
    SC_FIELD(struct gle, has_status, SC_F_BOOL), SC_FIELD(struct gle, status, SC_F_HEX32),
    SC_FIELD(struct gle, status_text, SC_F_STR), SC_FIELD_END,
};
static const struct sc_rectype gle_type = {"last_error", sizeof(struct gle), gle_fields};

static const char no_text[] = "<Unable to get error code text>";

static void gle_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct gle *g = record;
    if (g->has_error)
        sc_printf(out, "LastErrorValue: (Win32) %#" PRIx32 " (%" PRIu32 ") - %s\n", g->error,
                  g->error, g->error_text ? g->error_text : no_text);
    else
        sc_puts(out, "LastErrorValue: ???????? (the dump does not hold it)\n");
    if (g->has_status)
        sc_printf(out, "LastStatusValue: (NTSTATUS) %#" PRIx32 " - %s\n", g->status,
                  g->status_text ? g->status_text : no_text);
    else
        sc_puts(out, "LastStatusValue: ???????? (the dump does not hold it)\n");
}

static void show_gle(sc_session *s, uint64_t teb, uint32_t thread) {
    struct sc_fields f = {s, teb};
    uint64_t error = sc_field_num(&f, teb_error, 4), status = sc_field_num(&f, teb_status, 4);
    struct gle g = {.thread = thread, .error = (uint32_t)error, .status = (uint32_t)status};
    struct nt_errtext win32 = {0}, nt = {0};
    g.has_error = error != SC_UNSET64;
    g.has_status = status != SC_UNSET64;
    if (g.has_error && nt_win32_text(g.error, &win32))
        g.error_text = win32.message;
    if (g.has_status && nt_status_text(g.status, &nt))
        g.status_text = nt.message ? nt.message : nt.name;
    sc_record(s->out, &gle_type, &g, gle_text, NULL);
}

static sc_err *run_gle(sc_session *s, const struct sc_args *args) {
    const struct sc_val none = {0};
    uint64_t teb;
    if (!args->v[0].given) {
        struct sc_visit visit;
        sc_err *err = teb_address(s, &none, &visit, &teb);
        if (!err)
            show_gle(s, teb, s->current);
        return sc_session_return(s, &visit, err);
    }
    const struct sc_threads *threads;
    if (sc_target_machine(s->target)->kernel)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "!gle -all is for the dump of a process; here !for_each_thread reaches the "
                       "threads of all processes");
    sc_err *err = sc_target_threads(s->target, &threads);
    for (size_t i = 0; !err && i < threads->count && !sc_target_cancelled(s->target); i++) {
        const struct sc_thread *t = &threads->item[i];
        sc_printf(s->out, "Last error for thread %x:\n", t->index);
        if (t->teb)
            show_gle(s, t->teb, t->index);
        else
            sc_puts(s->out, "the dump does not give its TEB\n");
        sc_puts(s->out, "\n");
    }
    return err;
}

/* --- the rows ------------------------------------------------------------------------------- */

static const struct sc_arg teb_args[] = {
    {SC_ARG_EXPR, "address", NULL, true,
     "of a TEB, or of a thread of the kernel; without one the current thread's"},
    {0},
};
static const struct sc_arg peb_args[] = {
    {SC_ARG_EXPR, "address", NULL, true,
     "of a PEB, or of a process of the kernel; without one the process's"},
    {0},
};
static const struct sc_arg gle_args[] = {
    {SC_ARG_OPTION, "all", "all", true, "of all threads"},
    {0},
};

const struct sc_command sc_process_commands[] = {
    {
        .name = "!teb",
        .brief = "show a thread environment block",
        .needs = SC_NEED_PROCESS | SC_NEED_WINDOWS,
        .args = teb_args,
        .sample = "!teb",
        .help = "Fields that the dump does not hold are question marks. In the dump of a whole "
                "memory the TEB is read in the process that owns the thread.",
        .run = run_teb,
    },
    {
        .name = "!peb",
        .brief = "show the process environment block: modules, command line, environment",
        .needs = SC_NEED_PROCESS | SC_NEED_WINDOWS,
        .args = peb_args,
        .sample = "!peb",
        .help = "What the dump does not hold is said.",
        .run = sc_run_peb,
    },
    {
        .name = "!gle",
        .brief = "show the current thread's last error and last status",
        .needs = SC_NEED_PROCESS | SC_NEED_WINDOWS,
        .args = gle_args,
        .sample = "!gle",
        .run = run_gle,
    },
    {0},
};
