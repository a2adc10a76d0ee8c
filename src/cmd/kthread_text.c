/* SPDX-License-Identifier: MIT */
/*
 * The text of `!thread`, line for line as WinDbg's users know it.
 *
 * What differs between targets, after published transcripts: 32-bit ones have their stack on one
 * line; until Windows 8.1 "UnusualBoost" and "ForegroundBoost" stand where "PriorityDecrement"
 * stands before Vista and since Windows 10; Windows XP has a "DecrementCount". Numbers that the
 * dump does not hold are question marks, or a sentence.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/kthread.h"

enum { WINDOWS_10 = 10240, VISTA = 6000 };

struct text {
    sc_out *out;
    const struct sc_kthread *r;
    const struct sc_kthread_style *style;
};

/* A pointer's digits, in one of the buffers that a line needs. */
static const char *ptr(const struct text *t, uint64_t value, char buf[SC_NT_BUF]) {
    return sc_nt_ptr_text(value, t->style->ptr_size, buf);
}

static const char *id_text(int64_t value, char buf[SC_NT_BUF]) {
    if (value == INT64_MIN)
        snprintf(buf, SC_NT_BUF, "????");
    else
        sc_nt_hex_text((uint64_t)value, 4, buf);
    return buf;
}

/* ---- the first line, and what it waits for ---- */

static void upper(const char *name, char *buf, size_t size) {
    size_t n = 0;
    for (; name[n] && n + 1 < size; n++)
        buf[n] = name[n] >= 'a' && name[n] <= 'z' ? (char)(name[n] - 0x20) : name[n];
    buf[n] = 0;
}

static void state_words(const struct text *t) {
    const struct sc_kthread *r = t->r;
    char word[32], number[SC_NT_BUF];
    if (r->waiting && !(t->style->flags & 2)) { /* lists of threads, a line each */
        sc_puts(t->out, "WAIT");
        return;
    }
    if (r->waiting) {
        sc_printf(t->out, "WAIT: (%s) %s %s", r->wait_reason ? r->wait_reason : "?",
                  r->wait_mode ? r->wait_mode : "?",
                  r->alertable == INT64_MIN ? "?"
                  : r->alertable            ? "Alertable"
                                            : "Non-Alertable");
        return;
    }
    upper(r->state ? r->state : "?", word, sizeof word);
    bool placed = r->state && (!strcmp(word, "RUNNING") || !strcmp(word, "READY") ||
                               !strcmp(word, "STANDBY") || !strcmp(word, "DEFERREDREADY"));
    /* As NextProcessor stands there: its highest bit says that processors share the queue. */
    if (placed && r->processor != INT64_MIN) {
        bool shared = r->shared_queue && !r->running;
        snprintf(number, sizeof number, "%" PRIx64,
                 (uint64_t)r->processor | (shared ? 0x80000000u : 0));
        sc_printf(t->out, "%s on processor %s", word, number);
    } else
        sc_puts(t->out, word);
}

static void head_lines(const struct text *t) {
    const struct sc_kthread *r = t->r;
    char a[SC_NT_BUF], b[SC_NT_BUF], c[SC_NT_BUF], pid[SC_NT_BUF], tid[SC_NT_BUF];
    sc_printf(t->out, "%sTHREAD %s  Cid %s.%s  Teb: %s Win32Thread: %s ", t->style->pad,
              ptr(t, r->address, a), id_text(r->pid, pid), id_text(r->tid, tid), ptr(t, r->teb, b),
              ptr(t, r->win32_thread, c));
    state_words(t);
    sc_puts(t->out, "\n");
    /* Published listings have these at the left margin, in `!process` as well. */
    if (r->suspend_count > 0)
        sc_printf(t->out, "SuspendCount %" PRId64 "\n", r->suspend_count);
    if (r->freeze_count > 0)
        sc_printf(t->out, "FreezeCount %" PRId64 "\n", r->freeze_count);
}

static void wait_line(const struct text *t, const struct sc_kwait *w) {
    char a[SC_NT_BUF], b[SC_NT_BUF];
    if (w->delay) {
        sc_printf(t->out, "%s    %.*s  NotificationEvent%s\n", t->style->pad,
                  (int)t->style->ptr_size * 2, "ffffffffffffffff",
                  t->style->enrich ? "  [a delay: no object]" : "");
        return;
    }
    sc_printf(t->out, "%s    %s  ", t->style->pad, ptr(t, w->object, a));
    if (!w->kind)
        sc_puts(t->out, "*** the dump does not hold this object");
    else if (!strcmp(w->kind, "Mutant"))
        sc_printf(t->out, "Mutant - owning thread %s", ptr(t, w->owner, b));
    else if (!strcmp(w->kind, "Semaphore") && w->limit != INT64_MIN)
        sc_printf(t->out, "Semaphore Limit 0x%" PRIx64, (uint64_t)w->limit);
    else
        sc_puts(t->out, w->kind);
    sc_puts(t->out, "\n");
}

static void wait_lines(const struct text *t) {
    for (size_t i = 0; i < t->r->nwaits; i++)
        wait_line(t, &t->r->wait[i]);
    if (t->r->waits_why)
        sc_printf(t->out, "%s    *** %s\n", t->style->pad, t->r->waits_why);
}

/* ---- the rest ---- */

static void irp_lines(const struct text *t) {
    const struct sc_kthread *r = t->r;
    char a[SC_NT_BUF];
    if (r->nirps || r->irps_why)
        sc_printf(t->out, "%sIRP List:\n", t->style->pad);
    for (size_t i = 0; i < r->nirps; i++) {
        const struct sc_kirp *irp = &r->irp[i];
        sc_printf(t->out, "%s    %s: ", t->style->pad, ptr(t, irp->address, a));
        if (irp->irp_type == INT64_MIN || irp->size == INT64_MIN || irp->flags == SC_UNSET64)
            sc_puts(t->out, "*** the dump does not hold this IRP\n");
        else
            sc_printf(t->out, "(%04x,%04x) Flags: %08x  Mdl: %08" PRIx64 "\n",
                      (unsigned)irp->irp_type & 0xffff, (unsigned)irp->size & 0xffff,
                      (unsigned)irp->flags, irp->mdl);
    }
    if (r->irps_why)
        sc_printf(t->out, "%s    *** the list is not whole: %s\n", t->style->pad, r->irps_why);
}

static void process_lines(const struct text *t) {
    const struct sc_kthread *r = t->r;
    const char *pad = t->style->pad;
    char a[SC_NT_BUF];
    if (r->impersonating)
        sc_printf(t->out, "%sImpersonation token:  %s (Level %s)\n", pad, ptr(t, r->token, a),
                  r->token_level ? r->token_level : "?");
    else
        sc_printf(t->out, "%sNot impersonating\n", pad);
    if (r->device_map != SC_UNSET64)
        sc_printf(t->out, "%sDeviceMap                 %s\n", pad, ptr(t, r->device_map, a));
    sc_printf(t->out, "%sOwning Process            %s       Image:         %s\n", pad,
              ptr(t, r->process, a), r->image ? r->image : "<Unknown>");
    if (r->attached_process == SC_UNSET64)
        sc_printf(t->out, "%sAttached Process          N/A            Image:         N/A\n", pad);
    else
        sc_printf(t->out, "%sAttached Process          %s       Image:         %s\n", pad,
                  ptr(t, r->attached_process, a),
                  r->attached_image ? r->attached_image : "<Unknown>");
}

static void time_line(const struct text *t, const char *label, uint64_t span, int64_t ticks) {
    char buf[SC_NT_BUF];
    sc_printf(t->out, "%s%-26s", t->style->pad, label);
    if (span != SC_UNSET64)
        sc_printf(t->out, "%s\n", sc_nt_span_text(span, buf));
    else if (ticks != INT64_MIN)
        sc_printf(t->out, "%" PRId64 " ticks, whose length is not in the dump\n", ticks);
    else
        sc_puts(t->out, "?\n");
}

static void time_lines(const struct text *t) {
    const struct sc_kthread *r = t->r;
    char a[SC_NT_BUF];
    sc_printf(t->out, "%sWait Start TickCount      %-15sTicks: ", t->style->pad,
              sc_nt_num_text(r->wait_start_ticks, a));
    if (r->ticks == INT64_MIN)
        sc_puts(t->out, "? (the tick count is not in the dump)");
    else
        sc_printf(t->out, "%" PRId64, r->ticks);
    if (r->ticks > 0 && r->ticks_span != SC_UNSET64)
        sc_printf(t->out, " (%s)", sc_nt_ticks_text(r->ticks_span, a));
    sc_printf(t->out, "\n%sContext Switch Count      %-15s", t->style->pad,
              sc_nt_num_text(r->context_switches, a));
    sc_printf(t->out, "IdealProcessor: %s  %-11s%s\n", sc_nt_num_text(r->ideal_processor, a),
              r->no_stack_swap ? "NoStackSwap" : "", r->large_stack ? "    LargeStack" : "");
    time_line(t, "UserTime", r->user_time, r->user_ticks);
    time_line(t, "KernelTime", r->kernel_time, r->kernel_ticks);
}

static void start_line(const struct text *t, const char *label, uint64_t address,
                       const char *symbol) {
    char a[SC_NT_BUF];
    if (address == SC_UNSET64)
        return;
    if (symbol)
        sc_printf(t->out, "%s%s %s (0x%s)\n", t->style->pad, label, symbol, ptr(t, address, a));
    else
        sc_printf(t->out, "%s%s 0x%s\n", t->style->pad, label, ptr(t, address, a));
}

/* Since Windows 10 the callback's depth or stack is shown with all its digits. */
static const char *call_text(const struct text *t, char buf[SC_NT_BUF]) {
    uint64_t value = t->r->callback_stack;
    if (value == SC_UNSET64)
        return t->style->build < WINDOWS_10 ? "0" : ptr(t, 0, buf);
    if (t->style->build >= WINDOWS_10)
        return ptr(t, value, buf);
    snprintf(buf, SC_NT_BUF, "%" PRIx64, value);
    return buf;
}

static void stack_lines(const struct text *t) {
    const struct sc_kthread *r = t->r;
    const char *pad = t->style->pad, *join = t->style->ptr_size == 4 ? " " : "\n";
    const char *join_pad = t->style->ptr_size == 4 ? "" : pad;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_printf(t->out, "%sStack Init %s Current %s", pad, ptr(t, r->stack_init, a),
              ptr(t, r->stack_current, b));
    sc_puts(t->out, join);
    sc_printf(t->out, "%sBase %s Limit %s ", join_pad, ptr(t, r->stack_base, a),
              ptr(t, r->stack_limit, b));
    sc_printf(t->out, "Call %s\n", call_text(t, a));
    for (size_t i = 0; t->style->enrich && i < r->nsegments; i++)
        sc_printf(t->out, "%s[before on the stack Base %s Limit %s]\n", pad,
                  ptr(t, r->segment[i].base, a), ptr(t, r->segment[i].limit, b));
}

static void priority_lines(const struct text *t) {
    const struct sc_kthread *r = t->r;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_printf(t->out, "%sPriority %s BasePriority %s", t->style->pad,
              sc_nt_num_text(r->priority, a), sc_nt_num_text(r->base_priority, b));
    if (r->unusual_boost != INT64_MIN && t->style->build < WINDOWS_10)
        sc_printf(t->out, " UnusualBoost %s ForegroundBoost %s",
                  sc_nt_num_text(r->unusual_boost, a), sc_nt_num_text(r->foreground_boost, b));
    else
        sc_printf(t->out, " PriorityDecrement %s", sc_nt_num_text(r->priority_decrement, a));
    if (r->io_priority != INT64_MIN)
        sc_printf(t->out, " IoPriority %s PagePriority %s", sc_nt_num_text(r->io_priority, a),
                  sc_nt_num_text(r->page_priority, b));
    else if (r->decrement_count != INT64_MIN)
        sc_printf(t->out, " DecrementCount %s", sc_nt_num_text(r->decrement_count, a));
    sc_puts(t->out, "\n");
    if (r->stack_resident == 0)
        sc_printf(t->out, "%sKernel stack not resident.\n", t->style->pad);
}

/* What WinDbg does not show: that APCs are held back is what some bug checks are about. */
static void apc_line(const struct text *t) {
    const struct sc_kthread *r = t->r;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    bool held = (r->kernel_apc_disable && r->kernel_apc_disable != INT64_MIN) ||
                (r->special_apc_disable && r->special_apc_disable != INT64_MIN);
    bool pending = r->kernel_apc_pending > 0 || r->user_apc_pending > 0;
    if (!t->style->enrich || (!held && !pending))
        return;
    sc_printf(t->out, "%s[KernelApcDisable %s", t->style->pad,
              sc_nt_num_text(r->kernel_apc_disable, a));
    if (r->special_apc_disable != INT64_MIN) /* since Server 2003 */
        sc_printf(t->out, " SpecialApcDisable %s", sc_nt_num_text(r->special_apc_disable, b));
    sc_printf(t->out, "%s%s]\n", r->kernel_apc_pending > 0 ? " KernelApcPending" : "",
              r->user_apc_pending > 0 ? " UserApcPending" : "");
}

void sc_kthread_text(sc_out *out, const void *record, void *ctx) {
    const struct text t = {out, record, ctx};
    head_lines(&t);
    if (!(t.style->flags & 2))
        return;
    wait_lines(&t);
    if (!(t.style->flags & 4))
        return;
    irp_lines(&t);
    process_lines(&t);
    time_lines(&t);
    start_line(&t, "Win32 Start Address", t.r->win32_start, t.r->win32_start_symbol);
    start_line(&t, "Start Address", t.r->start, t.r->start_symbol);
    stack_lines(&t);
    priority_lines(&t);
    apc_line(&t);
}
