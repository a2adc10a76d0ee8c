/* SPDX-License-Identifier: MIT */
/*
 * `!thread`: a thread of the kernel.
 *
 *     !thread [-p] [-t] [address|-1 [flags]]
 *
 * Bits of the flags: 2 what it waits for, 4 (with 2) all the rest and its stack, 8 the stack
 * without arguments, 0x10 in the context of its process, with that one's modules (small dumps hold
 * no process's memory). The text is that of kthread_text.c.
 */
#include "cmd/kthread.h"

#include <inttypes.h>

#include "cmd/dispatch.h"
#include "cmd/keach.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "cmd/usermods.h"
#include "nt/current.h"
#include "unwind/wow64.h"

/* ---- records ---- */

static const struct sc_field wait_fields[] = {
    SC_FIELD(struct sc_kwait, block, SC_F_ADDR), SC_FIELD(struct sc_kwait, object, SC_F_ADDR),
    SC_FIELD(struct sc_kwait, kind, SC_F_STR),   SC_FIELD(struct sc_kwait, signal_state, SC_F_NUM),
    SC_FIELD(struct sc_kwait, limit, SC_F_NUM),  SC_FIELD(struct sc_kwait, owner, SC_F_ADDR),
    SC_FIELD(struct sc_kwait, delay, SC_F_BOOL), SC_FIELD_END};
static const struct sc_rectype wait_type = {"wait", sizeof(struct sc_kwait), wait_fields};

static const struct sc_field irp_fields[] = {
    SC_FIELD(struct sc_kirp, address, SC_F_ADDR), SC_FIELD(struct sc_kirp, irp_type, SC_F_NUM),
    SC_FIELD(struct sc_kirp, size, SC_F_NUM),     SC_FIELD(struct sc_kirp, flags, SC_F_ADDR),
    SC_FIELD(struct sc_kirp, mdl, SC_F_ADDR),     SC_FIELD_END};
static const struct sc_rectype irp_type = {"irp", sizeof(struct sc_kirp), irp_fields};

static const struct sc_field segment_fields[] = {SC_FIELD(struct sc_ksegment, base, SC_F_ADDR),
                                                 SC_FIELD(struct sc_ksegment, limit, SC_F_ADDR),
                                                 SC_FIELD_END};
static const struct sc_rectype segment_type = {"stack_segment", sizeof(struct sc_ksegment),
                                               segment_fields};

static const struct sc_field thread_fields[] = {
    SC_FIELD(struct sc_kthread, address, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, assumed, SC_F_BOOL),
    SC_FIELD(struct sc_kthread, pid, SC_F_NUM),
    SC_FIELD(struct sc_kthread, tid, SC_F_NUM),
    SC_FIELD(struct sc_kthread, teb, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, win32_thread, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, state, SC_F_STR),
    SC_FIELD(struct sc_kthread, processor, SC_F_NUM),
    SC_FIELD(struct sc_kthread, shared_queue, SC_F_BOOL),
    SC_FIELD(struct sc_kthread, wait_reason, SC_F_STR),
    SC_FIELD(struct sc_kthread, wait_mode, SC_F_STR),
    SC_FIELD(struct sc_kthread, alertable, SC_F_NUM),
    SC_FIELD(struct sc_kthread, suspend_count, SC_F_NUM),
    SC_FIELD(struct sc_kthread, freeze_count, SC_F_NUM),
    SC_FIELD_LIST(struct sc_kthread, wait, nwaits, &wait_type),
    SC_FIELD(struct sc_kthread, waits_why, SC_F_STR),
    SC_FIELD_LIST(struct sc_kthread, irp, nirps, &irp_type),
    SC_FIELD(struct sc_kthread, irps_why, SC_F_STR),
    SC_FIELD(struct sc_kthread, impersonating, SC_F_BOOL),
    SC_FIELD(struct sc_kthread, token, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, token_level, SC_F_STR),
    SC_FIELD(struct sc_kthread, device_map, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, process, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, image, SC_F_STR),
    SC_FIELD(struct sc_kthread, attached_process, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, attached_image, SC_F_STR),
    SC_FIELD(struct sc_kthread, wait_start_ticks, SC_F_NUM),
    SC_FIELD(struct sc_kthread, ticks, SC_F_NUM),
    SC_FIELD(struct sc_kthread, ticks_span, SC_F_SPAN),
    SC_FIELD(struct sc_kthread, context_switches, SC_F_NUM),
    SC_FIELD(struct sc_kthread, ideal_processor, SC_F_NUM),
    SC_FIELD(struct sc_kthread, user_ticks, SC_F_NUM),
    SC_FIELD(struct sc_kthread, user_time, SC_F_SPAN),
    SC_FIELD(struct sc_kthread, kernel_ticks, SC_F_NUM),
    SC_FIELD(struct sc_kthread, kernel_time, SC_F_SPAN),
    SC_FIELD(struct sc_kthread, create_time, SC_F_TIME),
    SC_FIELD(struct sc_kthread, exit_time, SC_F_TIME),
    SC_FIELD(struct sc_kthread, win32_start, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, win32_start_symbol, SC_F_STR),
    SC_FIELD(struct sc_kthread, start, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, start_symbol, SC_F_STR),
    SC_FIELD(struct sc_kthread, stack_init, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, stack_current, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, stack_base, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, stack_limit, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, callback_stack, SC_F_ADDR),
    SC_FIELD(struct sc_kthread, large_stack, SC_F_BOOL),
    SC_FIELD(struct sc_kthread, no_stack_swap, SC_F_BOOL),
    SC_FIELD_LIST(struct sc_kthread, segment, nsegments, &segment_type),
    SC_FIELD(struct sc_kthread, stack_resident, SC_F_NUM),
    SC_FIELD(struct sc_kthread, priority, SC_F_NUM),
    SC_FIELD(struct sc_kthread, base_priority, SC_F_NUM),
    SC_FIELD(struct sc_kthread, priority_decrement, SC_F_NUM),
    SC_FIELD(struct sc_kthread, unusual_boost, SC_F_NUM),
    SC_FIELD(struct sc_kthread, foreground_boost, SC_F_NUM),
    SC_FIELD(struct sc_kthread, decrement_count, SC_F_NUM),
    SC_FIELD(struct sc_kthread, io_priority, SC_F_NUM),
    SC_FIELD(struct sc_kthread, page_priority, SC_F_NUM),
    SC_FIELD(struct sc_kthread, kernel_apc_disable, SC_F_NUM),
    SC_FIELD(struct sc_kthread, special_apc_disable, SC_F_NUM),
    SC_FIELD(struct sc_kthread, kernel_apc_pending, SC_F_NUM),
    SC_FIELD(struct sc_kthread, user_apc_pending, SC_F_NUM),
    SC_FIELD_END};
static const struct sc_rectype thread_type = {"kernel_thread", sizeof(struct sc_kthread),
                                              thread_fields};

/* ---- from facts to a record ---- */

struct job {
    sc_session *session;
    const struct nt *nt;
    const struct nt_clock *clock;
    const struct nt_thread *thread;
    uint64_t flags;
    sc_arena *arena;
};

static const struct nt_field *field(const struct job *j, enum nt_thread_field which) {
    return &j->thread->f[which];
}
static uint64_t addr_of(const struct job *j, enum nt_thread_field which) {
    return sc_nt_addr(field(j, which));
}
static int64_t num_of(const struct job *j, enum nt_thread_field which) {
    return sc_nt_num(field(j, which));
}

/* A number that has no name becomes its hexadecimal digits. */
static sc_err *named(const struct job *j, const struct nt_field *f, const char *name,
                     const char **ret) {
    *ret = f->state == NT_READ ? name : NULL;
    if (f->state == NT_READ && !name)
        *ret = sc_arena_printf(j->arena, "0x%" PRIx64, f->value);
    return f->state == NT_READ && !*ret ? sc_err_nomem() : NULL;
}

static sc_err *fill_head(const struct job *j, struct sc_kthread *r) {
    const struct nt_field *state = field(j, NT_T_STATE), *reason = field(j, NT_T_WAIT_REASON);
    const struct nt_field *mode = field(j, NT_T_WAIT_MODE);
    uint32_t index;
    bool running;
    r->address = j->thread->address;
    r->assumed = j->thread->assumed;
    r->pid = num_of(j, NT_T_PID);
    r->tid = num_of(j, NT_T_TID);
    r->teb = addr_of(j, NT_T_TEB);
    r->win32_thread = addr_of(j, NT_T_WIN32_THREAD);
    r->alertable = num_of(j, NT_T_ALERTABLE);
    r->suspend_count = num_of(j, NT_T_SUSPEND_COUNT);
    r->freeze_count = num_of(j, NT_T_FREEZE_COUNT);
    r->processor = num_of(j, NT_T_NEXT_PROCESSOR);
    r->waiting = state->state == NT_READ && state->value == NT_THREAD_WAITING;
    if (mode->state == NT_READ)
        r->wait_mode = mode->value & 1 ? "UserMode" : "KernelMode";
    r->shared_queue = nt_set(field(j, NT_T_SHARED_QUEUE));
    sc_err *err = nt_thread_processor(j->nt, r->address, &index, &running);
    if (!err && running)
        r->processor = index;
    r->running = !err && running;
    if (!err)
        err = named(j, state, nt_thread_state_name(nt_or(state, 0)), &r->state);
    return err ? err
               : named(j, reason, nt_wait_reason_name(j->nt, nt_or(reason, 0)), &r->wait_reason);
}

static sc_err *fill_waits(const struct job *j, struct sc_kthread *r) {
    struct nt_waits waits;
    sc_err *err = nt_thread_waits(j->nt, j->thread, j->arena, &waits);
    if (err)
        return err;
    r->waits_why = waits.why;
    r->nwaits = waits.count;
    r->wait = waits.count ? sc_arena_array(j->arena, waits.count, sizeof *r->wait) : NULL;
    if (waits.count && !r->wait)
        return sc_err_nomem();
    for (size_t i = 0; !err && i < waits.count; i++) {
        const struct nt_wait *w = &waits.item[i];
        struct sc_kwait *to = &r->wait[i];
        to->block = w->block;
        to->object = sc_nt_addr(&w->object);
        to->signal_state = sc_nt_num(&w->signal_state);
        to->limit = sc_nt_num(&w->limit);
        to->owner = sc_nt_addr(&w->owner);
        to->delay = w->delay;
        err = named(j, &w->type, nt_object_type_name(nt_or(&w->type, 0)), &to->kind);
    }
    return err;
}

static sc_err *fill_irps(const struct job *j, struct sc_kthread *r) {
    struct nt_thread_irp *irps;
    struct nt_list list;
    char why[NT_LIST_TEXT];
    sc_err *err = nt_thread_irps(j->nt, j->thread, j->arena, &irps, &r->nirps, &list);
    if (err)
        return err;
    if (list.end != NT_LIST_DONE) {
        r->irps_why = sc_arena_strdup(j->arena, nt_list_end_text(&list, why));
        if (!r->irps_why)
            return sc_err_nomem();
    }
    r->irp = r->nirps ? sc_arena_array(j->arena, r->nirps, sizeof *r->irp) : NULL;
    if (r->nirps && !r->irp)
        return sc_err_nomem();
    for (size_t i = 0; i < r->nirps; i++)
        r->irp[i] =
            (struct sc_kirp){irps[i].address, sc_nt_num(&irps[i].type), sc_nt_num(&irps[i].size),
                             sc_nt_addr(&irps[i].flags), sc_nt_addr(&irps[i].mdl)};
    return NULL;
}

/* The image name of the process at ADDRESS; NULL when it is not in the dump. */
static sc_err *image_of(const struct job *j, uint64_t address, const char **ret_image,
                        uint64_t *ret_map) {
    struct nt_process p;
    *ret_image = NULL;
    *ret_map = SC_UNSET64;
    if (address == SC_UNSET64 || !address)
        return NULL;
    sc_err *err = nt_process_read_name(j->nt, address, &p);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return NULL;
    if (err)
        return err;
    *ret_map = sc_nt_addr(&p.f[NT_P_DEVICE_MAP]);
    if (p.image_state != NT_READ)
        return NULL;
    *ret_image = sc_arena_strdup(j->arena, p.image);
    return *ret_image ? NULL : sc_err_nomem();
}

static sc_err *fill_processes(const struct job *j, struct sc_kthread *r) {
    struct nt_impersonation imp;
    const struct nt_field *index = field(j, NT_T_APC_STATE_INDEX);
    uint64_t unused;
    r->process = addr_of(j, NT_T_PROCESS);
    r->attached_process = SC_UNSET64;
    if (index->state == NT_READ && index->value)
        r->attached_process = addr_of(j, NT_T_APC_PROCESS);
    sc_err *err = image_of(j, r->process, &r->image, &r->device_map);
    if (!err)
        err = image_of(j, r->attached_process, &r->attached_image, &unused);
    if (!err)
        err = nt_thread_impersonation(j->nt, j->thread, &imp);
    if (err)
        return err;
    r->impersonating = imp.active;
    r->token = sc_nt_addr(&imp.token);
    return named(j, &imp.level, nt_impersonation_level_name(nt_or(&imp.level, 4)), &r->token_level);
}

static uint64_t span_of(const struct job *j, enum nt_thread_field which) {
    const struct nt_field *f = field(j, which);
    return f->state == NT_READ ? nt_clock_span(j->clock, f->value) : SC_UNSET64;
}

static void fill_times(const struct job *j, struct sc_kthread *r) {
    const struct nt_field *start = field(j, NT_T_WAIT_TIME), *now = &j->clock->ticks;
    r->wait_start_ticks = num_of(j, NT_T_WAIT_TIME);
    r->ticks = INT64_MIN;
    r->ticks_span = SC_UNSET64;
    if (start->state == NT_READ && now->state == NT_READ) {
        r->ticks = (int64_t)((now->value - start->value) & UINT32_MAX); /* both are 32 bits wide */
        r->ticks_span = nt_clock_span(j->clock, (uint64_t)r->ticks);
    }
    r->context_switches = num_of(j, NT_T_CONTEXT_SWITCHES);
    r->ideal_processor = num_of(j, NT_T_IDEAL_PROCESSOR);
    r->user_ticks = num_of(j, NT_T_USER_TIME);
    r->user_time = span_of(j, NT_T_USER_TIME);
    r->kernel_ticks = num_of(j, NT_T_KERNEL_TIME);
    r->kernel_time = span_of(j, NT_T_KERNEL_TIME);
    r->create_time = sc_nt_time(field(j, NT_T_CREATE_TIME));
    r->exit_time = SC_UNSET64;
    if (r->state && field(j, NT_T_STATE)->value == NT_THREAD_TERMINATED)
        r->exit_time = sc_nt_time(field(j, NT_T_EXIT_TIME));
}

static sc_err *fill_segments(const struct job *j, struct sc_kthread *r) {
    struct nt_stack_segments all;
    sc_err *err = nt_thread_segments(j->nt, j->thread, &all);
    if (err || !all.count)
        return err;
    r->segment = sc_arena_array(j->arena, all.count, sizeof *r->segment);
    if (!r->segment)
        return sc_err_nomem();
    for (size_t i = 0; i < all.count; i++)
        r->segment[r->nsegments++] = (struct sc_ksegment){all.item[i].base, all.item[i].limit};
    return NULL;
}

static void fill_stack(const struct job *j, struct sc_kthread *r) {
    r->stack_init = addr_of(j, NT_T_INITIAL_STACK);
    r->stack_current = addr_of(j, NT_T_KERNEL_STACK);
    r->stack_base = addr_of(j, NT_T_STACK_BASE);
    r->stack_limit = addr_of(j, NT_T_STACK_LIMIT);
    r->callback_stack = addr_of(j, NT_T_CALLBACK_STACK);
    r->stack_resident = num_of(j, NT_T_STACK_RESIDENT);
    r->large_stack = nt_set(field(j, NT_T_LARGE_STACK));
    r->no_stack_swap = field(j, NT_T_ENABLE_STACK_SWAP)->state == NT_READ &&
                       !field(j, NT_T_ENABLE_STACK_SWAP)->value;
}

static void fill_priorities(const struct job *j, struct sc_kthread *r) {
    r->priority = num_of(j, NT_T_PRIORITY);
    r->base_priority = num_of(j, NT_T_BASE_PRIORITY);
    r->priority_decrement = num_of(j, NT_T_PRIORITY_DECREMENT);
    r->unusual_boost = num_of(j, NT_T_UNUSUAL_BOOST);
    r->foreground_boost = num_of(j, NT_T_FOREGROUND_BOOST);
    r->decrement_count = num_of(j, NT_T_DECREMENT_COUNT);
    r->io_priority = num_of(j, NT_T_IO_PRIORITY);
    r->page_priority = num_of(j, NT_T_PAGE_PRIORITY);
    r->kernel_apc_disable = num_of(j, NT_T_KERNEL_APC_DISABLE);
    if (r->kernel_apc_disable != INT64_MIN) /* Windows XP: an unsigned type for it */
        r->kernel_apc_disable = (int32_t)r->kernel_apc_disable;
    r->special_apc_disable = num_of(j, NT_T_SPECIAL_APC_DISABLE);
    r->kernel_apc_pending = num_of(j, NT_T_KERNEL_APC_PENDING);
    r->user_apc_pending = num_of(j, NT_T_USER_APC_PENDING);
}

/* Until Server 2003 both start addresses were shown, if they differ; since then Win32's alone. */
static sc_err *fill_start(const struct job *j, struct sc_kthread *r) {
    uint64_t win32 = nt_or(field(j, NT_T_WIN32_START_ADDRESS), 0);
    sc_err *err = NULL;
    r->win32_start = win32 ? win32 : SC_UNSET64;
    r->start = addr_of(j, NT_T_START_ADDRESS);
    if (nt_set(field(j, NT_T_START_ADDRESS_INVALID)) || (win32 && j->nt->build >= 6000))
        r->start = SC_UNSET64;
    if (r->win32_start != SC_UNSET64)
        err = sc_near(j->session, r->win32_start, j->arena, &r->win32_start_symbol);
    if (!err && r->start != SC_UNSET64)
        err = sc_near(j->session, r->start, j->arena, &r->start_symbol);
    return err;
}

/* What is only shown is read as far as it is shown: lists of all threads have thousands. */
static sc_err *fill(const struct job *j, struct sc_kthread *r) {
    bool text = sc_out_render(j->session->out) == SC_RENDER_TEXT;
    sc_err *err = fill_head(j, r);
    if (!err && (!text || j->flags & 2))
        err = fill_waits(j, r);
    if (err || (text && (j->flags & 6) != 6))
        return err;
    err = fill_irps(j, r);
    if (!err)
        err = fill_processes(j, r);
    if (!err)
        err = fill_start(j, r);
    if (!err)
        err = fill_segments(j, r);
    fill_times(j, r);
    fill_stack(j, r);
    fill_priorities(j, r);
    return err;
}

/* ---- the stack ---- */

/* The walk that `k` begins with these registers, but within the thread's own stacks. */
static sc_err *walk(const struct job *j, const struct sc_regs *regs, struct sc_stack *ret) {
    sc_unwinder *unwinder;
    struct sc_stack_opts opts = {.sz = sizeof opts, .max_frames = sc_session_kframes(j->session)};
    *ret = (struct sc_stack){0};
    sc_err *err = sc_kthread_ranges(j->session, j->nt, j->thread, sc_regs_sp(regs), &opts);
    if (!err)
        err = sc_session_unwinder(j->session, &unwinder);
    return err ? err : sc_stack_walk(unwinder, regs, &opts, ret);
}

/* What WinDbg shows after .thread /w only: the 32-bit side of a thread of a WOW64 process. */
static sc_err *show_narrow(const struct job *j, const char *pad) {
    const struct sc_kform form = {
        .args = !(j->flags & 8), .child = true, .notes = true, .before = pad};
    struct sc_walked walked = {.first = 0};
    const struct nt_field *teb = field(j, NT_T_TEB);
    struct sc_regs regs;
    bool found = false, at_hand = false;
    sc_err *err = NULL;
    if (!sc_session_enrich(j->session) || !j->session->procspace || j->nt->ptr_size != 8 ||
        !nt_set(teb) || !nt_set(field(j, NT_T_PROCESS)))
        return NULL;
    err = sc_session_is_at_hand(j->session, j->nt, field(j, NT_T_PROCESS)->value, &at_hand);
    if (!err && at_hand)
        err = sc_wow64_regs(j->nt->target, NULL, teb->value, &regs, &found);
    if (err || !found)
        return err;
    sc_remark(j->session->out, "%s[32-bit side:]", pad);
    err = sc_walk_regs(j->session, &regs, sc_session_kframes(j->session), &walked);
    if (!err)
        err = sc_show_stack(j->session, &walked, &form, j->arena);
    sc_stack_deinit(&walked.stack);
    return err;
}

static sc_err *show_stack(const struct job *j, const char *pad) {
    const struct sc_kform form = {
        .args = !(j->flags & 8), .child = true, .notes = true, .before = pad};
    struct sc_walked walked = {.first = 0};
    struct sc_regs regs;
    bool saved;
    if (sc_kstack_missing(j->nt, j->thread))
        return NULL; /* "Kernel stack not resident." was said */
    sc_unwinder *unwinder;
    sc_err *err = sc_session_unwinder(j->session, &unwinder);
    if (!err)
        err = nt_thread_regs(j->nt, j->thread, unwinder, &regs, &saved);
    if (err && sc_err_code(err) == SC_ERR_NOT_FOUND) {
        sc_remark(j->session->out, "%s*** no stack: %s", pad, sc_err_text(err));
        sc_err_destroy(err);
        return NULL;
    }
    if (!err)
        err = walk(j, &regs, &walked.stack);
    if (!err)
        err = sc_show_stack(j->session, &walked, &form, j->arena);
    bool foreign = walked.stack.count && walked.stack.frame[walked.stack.count - 1].foreign;
    sc_stack_deinit(&walked.stack);
    return err || foreign ? err : show_narrow(j, pad);
}

sc_err *sc_show_kthread(sc_session *s, const struct nt *nt, const struct nt_clock *clock,
                        const struct nt_thread *thread, uint64_t flags, const char *pad,
                        sc_arena *arena) {
    const struct job j = {s, nt, clock, thread, flags, arena};
    struct sc_kthread r = {.address = thread->address};
    struct sc_kthread_style style = {.ptr_size = nt->ptr_size,
                                     .build = nt->build,
                                     .flags = flags,
                                     .pad = pad,
                                     .enrich = sc_session_enrich(s)};
    sc_err *err = fill(&j, &r);
    if (err)
        return err;
    sc_record(s->out, &thread_type, &r, sc_kthread_text, &style);
    return (flags & 6) == 6 ? show_stack(&j, pad) : NULL;
}

/* ---- the command ---- */

enum { ARG_PROCESS, ARG_ID, ARG_ADDRESS, ARG_FLAGS };
enum { IDS_END = 0x100000 }; /* ids of threads are below, wherever they were looked at */

/* The thread of the current process, or any, whose id is TID. */
static sc_err *find_id(sc_session *s, const struct nt *nt, uint64_t tid, uint64_t *ret) {
    struct nt_thread t;
    sc_err *err = sc_session_thread(s, nt, ret);
    sc_printf(s->out, "Looking for thread Cid = %" PRIx64 " ...\n", tid);
    if (!err)
        err = nt_thread_read(nt, *ret, &t);
    if (!err && nt_or(&t.f[NT_T_TID], SC_UNSET64) == tid)
        return NULL;
    bool found = false;
    if (!err)
        err = sc_find_thread(nt, sc_thread_has_id, tid, ret, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND,
                      "!thread -t: the dump holds no thread with the id 0x%" PRIx64, tid);
    return err;
}

/* An address that is no thread may lie on a thread's stack. */
static sc_err *by_stack(sc_session *s, const struct nt *nt, struct nt_thread *t) {
    uint64_t value = t->address, address;
    bool found = false;
    char buf[SC_NT_BUF];
    sc_err *err = sc_session_thread(s, nt, &address);
    if (err && !sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return err;
    sc_printf(s->out, "%s is not a thread object, interpreting as stack value...\n",
              sc_nt_ptr_text(value, nt->ptr_size, buf));
    err = nt_thread_read(nt, address, t);
    if (!err)
        err = nt_thread_has_stack(nt, t, value, &found);
    if (!err && found)
        return NULL;
    if (!err)
        err = sc_find_thread(nt, nt_thread_has_stack, value, &address, &found);
    if (!err && found)
        return nt_thread_read(nt, address, t);
    return err ? err
               : sc_errf(SC_ERR_NOT_FOUND, "%s lies on the stack of no thread that the dump holds",
                         sc_nt_ptr_text(value, nt->ptr_size, buf));
}

/* The thread that is meant. */
static sc_err *choose(sc_session *s, const struct nt *nt, const struct sc_args *args,
                      struct nt_thread *t) {
    const struct sc_val *v = &args->v[ARG_ADDRESS];
    uint64_t address = sc_space_canon(nt->space, v->num);
    bool current = !v->given || address == sc_space_canon(nt->space, UINT64_MAX), running;
    char buf[SC_NT_BUF];
    uint32_t index;
    sc_err *err = NULL;
    if (args->v[ARG_ID].given && !v->given)
        return sc_errf(SC_ERR_ARG, "!thread -t: which thread id?");
    if (args->v[ARG_ID].given)
        err = find_id(s, nt, v->num, &address);
    else if (current)
        err = sc_session_thread(s, nt, &address);
    if (!err)
        err = nt_thread_read(nt, address, t);
    if (err || nt_thread_valid(t))
        return err;
    if (!err)
        err = nt_thread_processor(nt, address, &index, &running);
    if (err)
        return err;
    if (!current && !running && nt_is_kernel(nt, address))
        return by_stack(s, nt, t);
    if (v->given && !args->v[ARG_ID].given && address && address < IDS_END)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "no thread lies at %s; if that is a thread's id: !thread -t %" PRIx64,
                       sc_nt_ptr_text(address, nt->ptr_size, buf), address);
    return sc_errf(SC_ERR_NOT_FOUND,
                   nt_thread_present(t) ? "at %s there is no thread"
                                        : "the dump does not hold the thread at %s",
                   sc_nt_asked_text(address, nt->ptr_size, buf));
}

/* In the memory of its process. */
static sc_err *show_visiting(sc_session *s, const struct nt *nt, const struct nt_clock *clock,
                             const struct nt_thread *t, uint64_t flags, sc_arena *arena) {
    struct sc_implicit old;
    const struct nt_field *owner = &t->f[NT_T_PROCESS];
    sc_err *err = nt_set(owner) ? sc_session_visit(s, nt, owner->value, &old)
                                : sc_errf(SC_ERR_NOT_FOUND, "its process is not known");
    if (err && sc_err_code(err) == SC_ERR_NOT_FOUND) {
        sc_remark(s->out, "*** the memory of its process is not seen: %s", sc_err_text(err));
        sc_err_destroy(err);
        return sc_show_kthread(s, nt, clock, t, flags, "", arena);
    }
    if (err)
        return err;
    err = sc_show_kthread(s, nt, clock, t, flags, "", arena);
    sc_err *back = sc_session_leave(s, &old);
    if (!err)
        return back;
    sc_err_destroy(back);
    return err;
}

static sc_err *run_thread(sc_session *s, const struct sc_args *args) {
    uint64_t flags = args->v[ARG_FLAGS].given ? args->v[ARG_FLAGS].num : 6;
    struct nt nt;
    struct nt_clock clock;
    struct nt_thread t;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_clock_read(&nt, &clock);
    if (!err)
        err = choose(s, &nt, args, &t);
    if (!err && args->v[ARG_PROCESS].given)
        err = sc_show_kprocess(s, &nt, nt_or(&t.f[NT_T_PROCESS], 0), 0, args->arena);
    if (!err)
        err = flags & 0x10 && s->procspace
                  ? show_visiting(s, &nt, &clock, &t, flags, args->arena)
                  : sc_show_kthread(s, &nt, &clock, &t, flags, "", args->arena);
    if (err)
        return err;
    sc_nt_assumed(s, t.assumed);
    if (flags & 0x10 && !s->procspace)
        sc_remark(s->out, "Bit 0x10 has no effect: this dump holds no memory of processes.");
    return NULL;
}

static const struct sc_arg thread_args[] = {
    {SC_ARG_OPTION, "-p", "p", true, "the process that owns it, too"},
    {SC_ARG_OPTION, "-t", "t", true, "the address is a thread id"},
    {SC_ARG_EXPR, "address", NULL, true, "of an ETHREAD, or on a thread's stack; -1: the current"},
    {SC_ARG_EXPR, "flags", NULL, true, "2 waits, 4 the rest and the stack, 8 no arguments"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_kthread_commands[] = {
    {.name = "!thread",
     .brief = "show a thread of the kernel: state, waits, IRPs, times, stack",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "~ lists its threads, ~Ns switches to one, !teb shows its block",
     .args = thread_args,
     .help =
         "Without an address, or with -1, the current thread of the current processor, or the "
         "one that .thread set.\n"
         "Flags: 2 shows what it waits for; 4, with 2, all the rest and its stack; 8 leaves the "
         "arguments out of the stack. 6 if none are given.\n"
         "0x10, where the dump has page tables, looks at it with its process's memory and modules, "
         "so that the stack goes on in user mode.\n"
         "An address that is no thread is taken for one on a thread's stack.\n"
         "A small dump holds the thread that ran on the processor that crashed, and no other.",
     .sample = "!thread -1 2",
     .run = run_thread},
    {.name = NULL},
};
