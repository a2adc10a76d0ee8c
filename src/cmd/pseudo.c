/* SPDX-License-Identifier: MIT */
/*
 * Pseudo-registers: names with a dollar sign that expressions and `r` know.
 *
 * Names and meanings are those of the public page "Pseudo-Register Syntax". One that cannot have a
 * value in this dump, or not yet, says why instead of being 0.
 */
#include <string.h>

#include "base/utf.h"
#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "cmd/shell.h"
#include "cmd/wow64.h"
#include "nt/process.h"

typedef sc_err *(*pseudo_fn)(sc_session *s, unsigned arg, uint64_t *ret);

static sc_err *need_target(sc_session *s) {
    return s->target ? NULL : sc_errf(SC_ERR_NOT_FOUND, "no dump is open");
}

static sc_err *get_var(sc_session *s, unsigned arg, uint64_t *ret) {
    *ret = s->var[arg];
    return NULL;
}

static sc_err *get_exp(sc_session *s, unsigned arg, uint64_t *ret) {
    (void)arg;
    *ret = s->last;
    return NULL;
}

static sc_err *get_ptrsize(sc_session *s, unsigned arg, uint64_t *ret) {
    (void)arg;
    *ret = sc_session_ptr_size(s);
    return NULL;
}

/* All Windows CPUs that dumps come from have pages of 4 KiB; Itanium's had 8. */
static sc_err *get_pagesize(sc_session *s, unsigned arg, uint64_t *ret) {
    (void)arg;
    *ret = s->target && sc_target_machine(s->target)->cpu == SC_CPU_IA64 ? 0x2000 : 0x1000;
    return NULL;
}

static sc_err *get_dbgtime(sc_session *s, unsigned arg, uint64_t *ret) {
    (void)s;
    (void)arg;
    uint64_t now = sc_time_now();
    if (!now)
        return sc_errf(SC_ERR_NOT_FOUND, "the system does not tell the time");
    *ret = now;
    return NULL;
}

enum { REG_IP, REG_SP, REG_RET, REG_RET64 };
enum { SCOPE_IP, SCOPE_RETURN, SCOPE_NUMBER };

static const char *return_register(enum sc_cpu cpu) {
    switch (cpu) {
    case SC_CPU_X86: return "eax";
    case SC_CPU_X64: return "rax";
    case SC_CPU_ARM: return "r0";
    case SC_CPU_ARM64: return "x0";
    default: return NULL;
    }
}

static sc_err *return_value(const struct sc_regs *regs, bool wide, uint64_t *ret) {
    const char *name = return_register(regs->cpu);
    uint64_t low, high = 0;
    bool pair = wide && (regs->cpu == SC_CPU_X86 || regs->cpu == SC_CPU_ARM);
    if (!name || !sc_regs_get(regs, name, &low) ||
        (pair && !sc_regs_get(regs, regs->cpu == SC_CPU_X86 ? "edx" : "r1", &high)))
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the integer registers");
    *ret = high << 32 | low;
    return NULL;
}

static sc_err *get_reg(sc_session *s, unsigned arg, uint64_t *ret) {
    struct sc_regs regs;
    sc_err *err = sc_session_regs(s, &regs);
    if (err)
        return err;
    if (arg == REG_RET || arg == REG_RET64)
        return return_value(&regs, arg == REG_RET64, ret);
    *ret = arg == REG_IP ? sc_regs_ip(&regs) : sc_regs_sp(&regs);
    return NULL;
}

/* Of the frame whose variables `dv` shows. */
static sc_err *get_scope(sc_session *s, unsigned arg, uint64_t *ret) {
    struct sc_frame f;
    uint32_t depth;
    sc_err *err = need_target(s);
    if (!err && arg == SCOPE_NUMBER) {
        *ret = s->context.number;
        return NULL;
    }
    if (!err && arg == SCOPE_IP && !s->context.has_scope)
        return get_reg(s, REG_IP, ret);
    if (!err)
        err = sc_session_scope(s, &f, &depth);
    if (err)
        return err;
    if (arg == SCOPE_RETURN && !f.ret)
        return sc_errf(SC_ERR_NOT_FOUND, "this frame has no caller that is known");
    *ret = arg == SCOPE_IP ? f.ip : f.ret;
    return NULL;
}

static sc_err *get_eventip(sc_session *s, unsigned arg, uint64_t *ret) {
    (void)arg;
    struct sc_regs regs;
    sc_err *err = need_target(s);
    if (!err)
        err = sc_target_event_regs(s->target, &regs);
    if (!err)
        *ret = sc_regs_ip(&regs);
    return err;
}

/* The current processor's or thread's row. */
static sc_err *current_thread(sc_session *s, const struct sc_thread **ret) {
    const struct sc_threads *threads;
    sc_err *err = need_target(s);
    if (!err)
        err = sc_target_threads(s->target, &threads);
    if (err)
        return err;
    for (size_t i = 0; i < threads->count; i++) {
        if (threads->item[i].index == s->current) {
            *ret = &threads->item[i];
            return NULL;
        }
    }
    return sc_errf(SC_ERR_NOT_FOUND, "the dump does not describe the current one");
}

static bool is_kernel(const sc_session *s) {
    return s->target && sc_target_machine(s->target)->kernel;
}

/* A field of the kernel thread that the session is about. */
static sc_err *kernel_thread(sc_session *s, enum nt_thread_field which, uint64_t *ret) {
    struct nt nt;
    struct nt_thread t;
    uint64_t address;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = sc_session_thread(s, &nt, &address);
    if (!err)
        err = nt_thread_read(&nt, address, &t);
    if (!err && t.f[which].state != NT_READ)
        err = sc_errf(SC_ERR_NOT_FOUND, "the field of the thread's ETHREAD is %s",
                      nt_why(&t.f[which]));
    if (!err)
        *ret = t.f[which].value;
    return err;
}

static sc_err *kernel_process(sc_session *s, uint64_t *ret) {
    struct nt nt;
    sc_err *err = sc_session_nt(s, &nt);
    return err ? err : sc_session_process(s, &nt, ret);
}

static sc_err *kernel_peb(sc_session *s, uint64_t *ret) {
    struct nt nt;
    struct nt_process p;
    uint64_t address;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = sc_session_process(s, &nt, &address);
    if (!err)
        err = nt_process_read(&nt, address, &p);
    if (!err && p.f[NT_P_PEB].state != NT_READ)
        err = sc_errf(SC_ERR_NOT_FOUND, "the field of the process's EPROCESS is %s",
                      nt_why(&p.f[NT_P_PEB]));
    if (!err)
        *ret = p.f[NT_P_PEB].value;
    return err;
}

static sc_err *get_teb(sc_session *s, unsigned arg, uint64_t *ret) {
    (void)arg;
    const struct sc_thread *t;
    if (s->effmach == SC_CPU_X86)
        return sc_session_teb32(s, ret);
    if (is_kernel(s))
        return kernel_thread(s, NT_T_TEB, ret);
    sc_err *err = current_thread(s, &t);
    if (!err && !t->teb)
        err = sc_errf(SC_ERR_NOT_FOUND, "the dump does not give the thread's TEB");
    if (!err)
        *ret = t->teb;
    return err;
}

/* TEB.ProcessEnvironmentBlock: +0x30 in 32-bit, +0x60 in 64-bit processes (winternl.h, public). */
static sc_err *get_peb(sc_session *s, unsigned arg, uint64_t *ret) {
    (void)arg;
    uint64_t teb, peb;
    unsigned width = sc_session_ptr_size(s);
    if (is_kernel(s) && s->effmach != SC_CPU_X86)
        return kernel_peb(s, ret);
    sc_err *err = get_teb(s, 0, &teb);
    if (err)
        return err;
    if (!sc_target_machine(s->target)->windows)
        return sc_errf(SC_ERR_NOT_FOUND, "only Windows processes have a PEB");
    teb += width == 4 ? 0x30 : 0x60;
    enum sc_read st = sc_space_uint(sc_target_space(s->target), teb, width, &peb);
    if (st != SC_READ_OK)
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the thread's TEB (%s)",
                       sc_read_name(st));
    *ret = peb;
    return NULL;
}

static sc_err *get_tid(sc_session *s, unsigned arg, uint64_t *ret) {
    (void)arg;
    const struct sc_thread *t;
    if (is_kernel(s))
        return kernel_thread(s, NT_T_TID, ret);
    sc_err *err = current_thread(s, &t);
    if (!err)
        *ret = t->tid;
    return err;
}

static sc_err *get_tpid(sc_session *s, unsigned arg, uint64_t *ret) {
    (void)arg;
    if (is_kernel(s))
        return kernel_thread(s, NT_T_PID, ret);
    sc_err *err = need_target(s);
    if (err)
        return err;
    if (!sc_target_machine(s->target)->pid)
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not give the process id");
    *ret = sc_target_machine(s->target)->pid;
    return NULL;
}

/* Kernel: the ETHREAD; it needs no symbols if the dump names it. User: the TEB, as WinDbg has it.
 */
static sc_err *get_thread(sc_session *s, unsigned arg, uint64_t *ret) {
    (void)arg;
    const struct sc_thread *t;
    struct nt nt;
    if (!is_kernel(s))
        return get_teb(s, 0, ret);
    sc_err *err = current_thread(s, &t);
    if (!err && !s->implicit_thread && t->thread) {
        *ret = t->thread;
        return NULL;
    }
    if (!err)
        err = sc_session_nt(s, &nt);
    return err ? err : sc_session_thread(s, &nt, ret);
}

static sc_err *get_proc(sc_session *s, unsigned arg, uint64_t *ret) {
    return is_kernel(s) ? kernel_process(s, ret) : get_peb(s, arg, ret);
}

/* ARG 0: the code; 1 to 4: a parameter. */
static sc_err *get_bug(sc_session *s, unsigned arg, uint64_t *ret) {
    sc_err *err = need_target(s);
    if (err)
        return err;
    const struct sc_machine *m = sc_target_machine(s->target);
    if (!m->has_bugcheck)
        return sc_errf(SC_ERR_NOT_FOUND, "the dump records no bug check");
    *ret = arg ? m->bugcheck_arg[arg - 1] : m->bugcheck;
    return NULL;
}

/* ARG 0 to 14: a parameter; then the fields in the order of the names below. */
enum { EXR_CODE = 15, EXR_NPARAMS };

static sc_err *get_exr(sc_session *s, unsigned arg, uint64_t *ret) {
    sc_err *err = need_target(s);
    if (err)
        return err;
    const struct sc_machine *m = sc_target_machine(s->target);
    if (!m->has_exception)
        return sc_errf(SC_ERR_NOT_FOUND, "the dump records no exception");
    const struct sc_exception *e = &m->exception;
    if (arg == EXR_CODE)
        *ret = e->code;
    else if (arg == EXR_NPARAMS)
        *ret = e->nparams;
    else if (arg < e->nparams)
        *ret = e->param[arg];
    else
        return sc_errf(SC_ERR_NOT_FOUND, "the exception has %u parameters", e->nparams);
    return NULL;
}

/* The value that the last d command showed last. */
static sc_err *get_shown(sc_session *s, unsigned arg, uint64_t *ret) {
    (void)arg;
    if (!s->has_shown_value)
        return sc_errf(SC_ERR_NOT_FOUND, "no d command has shown a value yet");
    *ret = s->shown_value;
    return NULL;
}

/* The debugger's own numbers: one system and one process; threads count as the prompt does. */
static sc_err *get_debugger_id(sc_session *s, unsigned arg, uint64_t *ret) {
    sc_err *err = need_target(s);
    if (!err)
        *ret = arg ? s->current : 0;
    return err;
}

static const char not_live[] = "it has a value only while a live target runs";
static const char no_disassembler[] = "that needs the disassembler, which does not exist yet";

static const struct pseudo {
    const char *name;
    pseudo_fn get; /* NULL: `why` */
    unsigned arg;
    const char *why;
} table[] = {
    {"$exp", get_exp, 0, NULL},
    {"$ptrsize", get_ptrsize, 0, NULL},
    {"$pagesize", get_pagesize, 0, NULL},
    {"$dbgtime", get_dbgtime, 0, NULL},
    {"$ip", get_reg, REG_IP, NULL},
    {"$scopeip", get_scope, SCOPE_IP, NULL},
    {"$csp", get_reg, REG_SP, NULL},
    {"$retreg", get_reg, REG_RET, NULL},
    {"$retreg64", get_reg, REG_RET64, NULL},
    {"$eventip", get_eventip, 0, NULL},
    {"$teb", get_teb, 0, NULL},
    {"$peb", get_peb, 0, NULL},
    {"$tid", get_tid, 0, NULL},
    {"$tpid", get_tpid, 0, NULL},
    {"$thread", get_thread, 0, NULL},
    {"$proc", get_proc, 0, NULL},
    {"$bug_code", get_bug, 0, NULL},
    {"$bug_param1", get_bug, 1, NULL},
    {"$bug_param2", get_bug, 2, NULL},
    {"$bug_param3", get_bug, 3, NULL},
    {"$bug_param4", get_bug, 4, NULL},
    {"$exr_code", get_exr, EXR_CODE, NULL},
    {"$exr_numparams", get_exr, EXR_NPARAMS, NULL},
    {"$dtid", get_debugger_id, 1, NULL},
    {"$dpid", get_debugger_id, 0, NULL},
    {"$dsid", get_debugger_id, 0, NULL},
    {"$ra", get_scope, SCOPE_RETURN, NULL},
    {"$frame", get_scope, SCOPE_NUMBER, NULL},
    {"$ea", NULL, 0, no_disassembler},
    {"$ea2", NULL, 0, no_disassembler},
    {"$exentry", NULL, 0, "that needs the image's header, which is not read yet"},
    {"$p", get_shown, 0, NULL},
    {"$previp", NULL, 0, not_live},
    {"$relip", NULL, 0, not_live},
    {"$callret", NULL, 0, not_live},
};

/* "$t5" is 5, "$exr_param12" is 12; -1 when NAME is not PREFIX and a number below LIMIT. */
static int numbered(const char *name, const char *prefix, int limit) {
    size_t n = strlen(prefix);
    if (sc_strncasecmp(name, prefix, n) != 0)
        return -1;
    const char *p = name + n;
    if (*p < '0' || *p > '9' || (*p == '0' && p[1]))
        return -1;
    int value = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (*p - '0');
        if (value >= limit)
            return -1;
    }
    return *p ? -1 : value;
}

/* Fills *RET with the row of NAME, made up for the numbered ones. */
static bool find(const char *name, struct pseudo *ret) {
    if (*name == '@')
        name++;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!sc_strcasecmp(table[i].name, name)) {
            *ret = table[i];
            return true;
        }
    }
    int n = numbered(name, "$t", SC_NVARS);
    if (n >= 0) {
        *ret = (struct pseudo){"$t", get_var, (unsigned)n, NULL};
        return true;
    }
    n = numbered(name, "$exr_param", 15);
    if (n >= 0)
        *ret = (struct pseudo){"$exr_param", get_exr, (unsigned)n, NULL};
    return n >= 0;
}

bool sc_session_is_pseudo(const char *name) {
    struct pseudo row;
    return find(name, &row);
}

sc_err *sc_session_pseudo_get(sc_session *s, const char *name, uint64_t *ret_value) {
    struct pseudo row;
    if (!find(name, &row))
        return sc_errf(SC_ERR_NOT_FOUND, "there is no pseudo-register %.40s", name);
    if (!row.get)
        return sc_errf(SC_ERR_NOT_FOUND, "%.40s is unknown: %s", name, row.why);
    uint64_t value;
    sc_err *err = row.get(s, row.arg, &value);
    if (err)
        return sc_err_prefix(err, "%.40s is unknown", name);
    *ret_value = value;
    return NULL;
}

sc_err *sc_session_pseudo_set(sc_session *s, const char *name, uint64_t value) {
    struct pseudo row;
    if (!find(name, &row))
        return sc_errf(SC_ERR_ARG, "there is no pseudo-register %.40s", name);
    if (row.get != get_var)
        return sc_errf(SC_ERR_ARG, "%.40s cannot be set: $t0 to $t19 can", name);
    s->var[row.arg] = value;
    return NULL;
}

void sc_pseudo_each(void (*add)(void *ctx, const char *name), void *ctx) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        add(ctx, table[i].name);
    static const char *const vars[SC_NVARS] = {
        "$t0",  "$t1",  "$t2",  "$t3",  "$t4",  "$t5",  "$t6",  "$t7",  "$t8",  "$t9",
        "$t10", "$t11", "$t12", "$t13", "$t14", "$t15", "$t16", "$t17", "$t18", "$t19"};
    for (size_t i = 0; i < SC_NVARS; i++)
        add(ctx, vars[i]);
}
