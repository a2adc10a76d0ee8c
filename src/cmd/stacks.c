/* SPDX-License-Identifier: MIT */
/*
 * `!stacks`: where each thread of the system stands, in a line or with its stack.
 *
 *     !stacks [0-2 [filter]]
 *
 *     Proc.Thread  .Thread  Ticks   ThreadState Blocker
 *                                 [ffffe00000089040 System]
 *        4.0000cc  ffffe00001019880 fffffee1 Blocked    nt!KiSwapContext+0x76
 *                                             nt!KiSwapThread+0x14e
 *
 * 0: threads whose stacks are in memory, and what each waits in, which is its first frame that is
 * no part of waiting; 1: the others, too ("Stack paged out"); 2: whole stacks. With a filter only
 * threads that have it in the name of one of their frames.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/keach.h"
#include "cmd/session_impl.h"

enum { FIRST_FRAMES = 12 };

/* ---- records ---- */

struct frame_row {
    uint64_t ip;
    const char *symbol;
};
static const struct sc_field frame_fields[] = {SC_FIELD(struct frame_row, ip, SC_F_ADDR),
                                               SC_FIELD(struct frame_row, symbol, SC_F_STR),
                                               SC_FIELD_END};
static const struct sc_rectype frame_type = {"stack_frame", sizeof(struct frame_row), frame_fields};

struct row {
    uint64_t process, thread;
    int64_t pid, tid, ticks;
    const char *image, *state, *blocker;
    struct frame_row *frame;
    size_t nframes;
};
static const struct sc_field fields[] = {SC_FIELD(struct row, process, SC_F_ADDR),
                                         SC_FIELD(struct row, image, SC_F_STR),
                                         SC_FIELD(struct row, pid, SC_F_NUM),
                                         SC_FIELD(struct row, tid, SC_F_NUM),
                                         SC_FIELD(struct row, thread, SC_F_ADDR),
                                         SC_FIELD(struct row, ticks, SC_F_NUM),
                                         SC_FIELD(struct row, state, SC_F_STR),
                                         SC_FIELD(struct row, blocker, SC_F_STR),
                                         SC_FIELD_LIST(struct row, frame, nframes, &frame_type),
                                         SC_FIELD_END};
static const struct sc_rectype type = {"kernel_stack", sizeof(struct row), fields};

struct total {
    uint64_t threads, shown;
    const char *why;
};
static const struct sc_field total_fields[] = {SC_FIELD(struct total, threads, SC_F_NUM),
                                               SC_FIELD(struct total, shown, SC_F_NUM),
                                               SC_FIELD(struct total, why, SC_F_STR), SC_FIELD_END};
static const struct sc_rectype total_type = {"kernel_stacks", sizeof(struct total), total_fields};

static void total_text(sc_out *out, const void *record, void *ctx) {
    const struct total *r = record;
    (void)ctx;
    sc_printf(out, "\nThreads Processed: %" PRIu64 "\n", r->threads);
    if (r->why)
        sc_printf(out, "*** not all threads are in the dump: %s\n", r->why);
}

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const unsigned *ptr_size = ctx;
    char a[SC_NT_BUF], pid[20] = "????", tid[20] = "??????", ticks[12] = "????????";
    if (r->pid != INT64_MIN)
        snprintf(pid, sizeof pid, "%" PRIx64, (uint64_t)r->pid);
    if (r->tid != INT64_MIN)
        snprintf(tid, sizeof tid, "%06" PRIx64, (uint64_t)r->tid);
    if (r->ticks != INT64_MIN)
        snprintf(ticks, sizeof ticks, "%08x", (unsigned)r->ticks);
    sc_printf(out, "%4s.%s  %s %s %-10s %s\n", pid, tid, sc_nt_ptr_text(r->thread, *ptr_size, a),
              ticks, r->state, r->blocker ? r->blocker : "");
    for (size_t i = 1; i < r->nframes; i++)
        sc_printf(out, "%40s%s\n", "", r->frame[i].symbol);
}

/* ---- frames ---- */

/* Functions of the kernel that a thread is in because it waits; not whom it waits for. */
static bool is_waiting(const char *symbol) {
    static const char *const prefixes[] = {"KiSwapContext",       "KiSwapThread",     "SwapContext",
                                           "KiCommitThreadWait",  "KiWaitFor",        "KeWaitFor",
                                           "KeDelayExec",         "KeRemoveQueue",    "KeRemovePri",
                                           "KiAttemptFastRemove", "KiFastReadyThread"};
    const char *name = strchr(symbol, '!');
    if (!name)
        return false;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(name + 1, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

struct job {
    sc_session *session;
    const struct nt *nt;
    struct nt_clock clock;
    unsigned level;
    const char *filter;
    uint64_t threads, shown;
};

static sc_err *name_frames(struct job *j, const struct sc_stack *stack, sc_arena *arena,
                           struct row *r) {
    r->frame = sc_arena_array(arena, stack->count + 1, sizeof *r->frame);
    if (!r->frame)
        return sc_err_nomem();
    for (size_t i = 0; i < stack->count; i++) {
        const struct sc_frame *f = &stack->frame[i];
        sc_err *err = NULL;
        const char *name = NULL;
        if (f->foreign)
            name = sc_arena_printf(arena, "0x%" PRIx64, f->ip);
        else
            err = sc_place_text(j->session, f->ip, false, arena, &name);
        if (err || !name)
            return err ? err : sc_err_nomem();
        r->frame[r->nframes++] = (struct frame_row){f->ip, name};
    }
    return NULL;
}

static const char *blocker_of(const struct row *r) {
    for (size_t i = 0; i < r->nframes; i++)
        if (!is_waiting(r->frame[i].symbol))
            return r->frame[i].symbol;
    return NULL;
}

static bool contains(const char *text, const char *part) {
    size_t n = strlen(part);
    for (; *text; text++)
        if (!sc_strncasecmp(text, part, n))
            return true;
    return !n;
}

static bool passes(const struct job *j, const struct row *r) {
    if (!j->filter)
        return true;
    for (size_t i = 0; i < r->nframes; i++)
        if (contains(r->frame[i].symbol, j->filter))
            return true;
    return false;
}

/* The frames that are needed: a summary seldom needs many. */
static sc_err *read_stack(struct job *j, const struct nt_thread *t, sc_arena *arena,
                          struct row *r) {
    uint32_t most = j->level == 2 || j->filter ? 0 : FIRST_FRAMES;
    for (;;) {
        struct sc_stack stack;
        r->nframes = 0;
        sc_err *err = sc_kstack_walk(j->session, j->nt, t, most, &stack);
        bool cut = !err && most && stack.end == SC_STACK_END_LIMIT;
        if (!err)
            err = name_frames(j, &stack, arena, r);
        sc_stack_deinit(&stack);
        if (sc_err_code(err) == SC_ERR_NOT_FOUND) {
            r->blocker = sc_arena_printf(arena, "*** no stack: %s", sc_err_text(err));
            sc_err_destroy(err);
            return r->blocker ? NULL : sc_err_nomem();
        }
        if (err)
            return err;
        r->blocker = j->level == 2 && r->nframes ? r->frame[0].symbol : blocker_of(r);
        if (r->blocker || !cut)
            break;
        most = 0;
    }
    if (!r->blocker && r->nframes)
        r->blocker = r->frame[r->nframes - 1].symbol;
    return NULL;
}

/* ---- a thread ---- */

static const char *state_word(const struct nt_thread *t) {
    static const char *const words[] = {"INIT",    "READY",   "RUNNING",    "STANDBY",  "TERM",
                                        "Blocked", "TRANSIT", "DEFERREADY", "GATEWAIT", "INSWAP"};
    const struct nt_field *state = &t->f[NT_T_STATE];
    return state->state == NT_READ && state->value < sizeof words / sizeof *words
               ? words[state->value]
               : "?";
}

static int64_t ticks_of(const struct job *j, const struct nt_thread *t) {
    const struct nt_field *start = &t->f[NT_T_WAIT_TIME], *now = &j->clock.ticks;
    if (start->state != NT_READ || now->state != NT_READ)
        return INT64_MIN;
    return (int64_t)((now->value - start->value) & UINT32_MAX);
}

struct owner {
    uint64_t process;
    const char *image;
};
static const struct sc_field owner_fields[] = {SC_FIELD(struct owner, process, SC_F_ADDR),
                                               SC_FIELD(struct owner, image, SC_F_STR),
                                               SC_FIELD_END};
static const struct sc_rectype owner_type = {"kernel_stacks_process", sizeof(struct owner),
                                             owner_fields};

static void owner_text(sc_out *out, const void *record, void *ctx) {
    const struct owner *r = record;
    char a[SC_NT_BUF];
    sc_printf(out, "%28s[%s %s]\n", "", sc_nt_ptr_text(r->process, *(const unsigned *)ctx, a),
              r->image ? r->image : "<Unknown>");
}

static void heading(struct job *j, const struct nt_process *p) {
    unsigned ptr_size = (unsigned)j->nt->ptr_size;
    const struct owner r = {p->address, p->image_state == NT_READ ? p->image : NULL};
    sc_record(j->session->out, &owner_type, &r, owner_text, &ptr_size);
}

static sc_err *on_process(void *ctx, const struct nt_process *p) {
    heading(ctx, p);
    return NULL;
}

static sc_err *show(struct job *j, const struct nt_process *p, const struct nt_thread *t,
                    sc_arena *arena) {
    struct row r = {.process = p->address,
                    .thread = t->address,
                    .image = p->image_state == NT_READ ? p->image : NULL,
                    .pid = sc_nt_num(&t->f[NT_T_PID]),
                    .tid = sc_nt_num(&t->f[NT_T_TID]),
                    .ticks = ticks_of(j, t),
                    .state = sc_kthread_runs(j->nt, t) ? "RUNNING" : state_word(t)};
    unsigned ptr_size = j->nt->ptr_size;
    const char *missing = sc_kstack_missing(j->nt, t);
    if (missing && (!j->level || j->filter))
        return NULL;
    r.blocker = missing;
    sc_err *err = missing ? NULL : read_stack(j, t, arena, &r);
    if (err || !passes(j, &r))
        return err;
    j->shown++;
    if (j->level < 2)
        r.nframes = r.nframes ? 1 : 0;
    sc_record(j->session->out, &type, &r, row_text, &ptr_size);
    return NULL;
}

static sc_err *on_thread(void *ctx, const struct nt_process *p, const struct nt_thread *t) {
    struct job *j = ctx;
    j->threads++;
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = show(j, p, t, arena);
    sc_arena_destroy(arena);
    return err;
}

static sc_err *run_stacks(sc_session *s, const struct sc_args *args) {
    struct nt nt;
    struct job j = {.session = s, .nt = &nt, .filter = args->v[1].given ? args->v[1].text : NULL};
    const struct sc_keach each = {on_process, on_thread, &j, true};
    struct total total = {.why = NULL};
    if (args->v[0].given && args->v[0].num > 2)
        return sc_errf(SC_ERR_ARG, "!stacks: 0 a line each, 1 those paged out, too, 2 whole "
                                   "stacks");
    j.level = args->v[0].given ? (unsigned)args->v[0].num : 0;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_clock_read(&nt, &j.clock);
    if (err)
        return err;
    sc_puts(s->out, "Proc.Thread  .Thread  Ticks   ThreadState Blocker\n");
    err = sc_each_kthread(s, &nt, &each, args->arena, &total.why);
    if (err)
        return err;
    total.threads = j.threads;
    total.shown = j.shown;
    sc_record(s->out, &total_type, &total, total_text, NULL);
    return NULL;
}

static const struct sc_arg stacks_args[] = {
    {SC_ARG_EXPR, "detail", NULL, true, "0 a line each, 1 those paged out, too, 2 whole stacks"},
    {SC_ARG_WORD, "filter", NULL, true, "only threads that have this in a frame's name"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_stacks_commands[] = {
    {.name = "!stacks",
     .brief = "show where each thread of the system stands",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!uniqstack shows the stacks of its threads",
     .args = stacks_args,
     .help =
         "A line for each thread: process and thread id, ETHREAD, ticks since it began to wait, "
         "state, and the first of its frames that is no part of waiting. Stacks are those of "
         "the kernel; !process 0 1f goes on in user mode.\n"
         "!stacks 2 ntfs shows the whole stacks of the threads that have ntfs in a name.\n"
         "A small dump holds the thread that ran on the processor that crashed, and no other.",
     .sample = "!stacks 0",
     .run = run_stacks},
    {.name = NULL},
};
