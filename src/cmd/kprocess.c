/* SPDX-License-Identifier: MIT */
/*
 * `!process`: a process of the kernel, or all of them.
 *
 *     !process [/s session] [/m module] [address|id|0|-1 [flags [image]]]
 *
 * Bits of the flags: 1 times and memory, 2 threads with what they wait for, 4 threads (with 2: all
 * of each and its stack), 8 stacks without arguments, 0x10 in the context of the process, with its
 * modules (small dumps hold no process's memory). 3 for the current process and for all, else 0xf.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"
#include "cmd/kthread.h"
#include "cmd/session_impl.h"
#include "cmd/usermods.h"
#include "nt/vad.h"

/* ---- the record ---- */

struct row {
    uint64_t address;
    bool assumed, no_session;
    int64_t session, pid, parent, handles;
    uint64_t peb, dir_base, object_table, vad_root, clone_root, device_map, token, job;
    const char *image;
    bool exiting, deleting;
    int64_t vads, private_pages, modified_pages, locked_pages;
    uint64_t create_time, exit_time, elapsed, user_time, kernel_time;
    int64_t user_ticks, kernel_ticks, quota_paged, quota_nonpaged;
    int64_t ws, ws_minimum, ws_maximum, ws_peak, virtual_size, peak_virtual_size, page_faults;
    int64_t base_priority, commit_charge, active_threads, flags;
    const char *memory_priority;
};

static const struct sc_field process_fields[] = {SC_FIELD(struct row, address, SC_F_ADDR),
                                                 SC_FIELD(struct row, assumed, SC_F_BOOL),
                                                 SC_FIELD(struct row, session, SC_F_NUM),
                                                 SC_FIELD(struct row, pid, SC_F_NUM),
                                                 SC_FIELD(struct row, parent, SC_F_NUM),
                                                 SC_FIELD(struct row, peb, SC_F_ADDR),
                                                 SC_FIELD(struct row, dir_base, SC_F_ADDR),
                                                 SC_FIELD(struct row, object_table, SC_F_ADDR),
                                                 SC_FIELD(struct row, handles, SC_F_NUM),
                                                 SC_FIELD(struct row, image, SC_F_STR),
                                                 SC_FIELD(struct row, flags, SC_F_NUM),
                                                 SC_FIELD(struct row, exiting, SC_F_BOOL),
                                                 SC_FIELD(struct row, deleting, SC_F_BOOL),
                                                 SC_FIELD(struct row, active_threads, SC_F_NUM),
                                                 SC_FIELD(struct row, vad_root, SC_F_ADDR),
                                                 SC_FIELD(struct row, vads, SC_F_NUM),
                                                 SC_FIELD(struct row, clone_root, SC_F_ADDR),
                                                 SC_FIELD(struct row, private_pages, SC_F_NUM),
                                                 SC_FIELD(struct row, modified_pages, SC_F_NUM),
                                                 SC_FIELD(struct row, locked_pages, SC_F_NUM),
                                                 SC_FIELD(struct row, device_map, SC_F_ADDR),
                                                 SC_FIELD(struct row, token, SC_F_ADDR),
                                                 SC_FIELD(struct row, create_time, SC_F_TIME),
                                                 SC_FIELD(struct row, exit_time, SC_F_TIME),
                                                 SC_FIELD(struct row, elapsed, SC_F_SPAN),
                                                 SC_FIELD(struct row, user_ticks, SC_F_NUM),
                                                 SC_FIELD(struct row, user_time, SC_F_SPAN),
                                                 SC_FIELD(struct row, kernel_ticks, SC_F_NUM),
                                                 SC_FIELD(struct row, kernel_time, SC_F_SPAN),
                                                 SC_FIELD(struct row, quota_paged, SC_F_NUM),
                                                 SC_FIELD(struct row, quota_nonpaged, SC_F_NUM),
                                                 SC_FIELD(struct row, ws, SC_F_NUM),
                                                 SC_FIELD(struct row, ws_minimum, SC_F_NUM),
                                                 SC_FIELD(struct row, ws_maximum, SC_F_NUM),
                                                 SC_FIELD(struct row, ws_peak, SC_F_NUM),
                                                 SC_FIELD(struct row, virtual_size, SC_F_NUM),
                                                 SC_FIELD(struct row, peak_virtual_size, SC_F_NUM),
                                                 SC_FIELD(struct row, page_faults, SC_F_NUM),
                                                 SC_FIELD(struct row, memory_priority, SC_F_STR),
                                                 SC_FIELD(struct row, base_priority, SC_F_NUM),
                                                 SC_FIELD(struct row, commit_charge, SC_F_NUM),
                                                 SC_FIELD(struct row, job, SC_F_ADDR),
                                                 SC_FIELD_END};
static const struct sc_rectype process_type = {"kernel_process", sizeof(struct row),
                                               process_fields};

/* MEMORY_PRIORITY_…: the names that `!process` shows. */
static const char *memory_priority_name(uint64_t value) {
    static const char *const names[] = {"BACKGROUND", "WASFOREGROUND", "FOREGROUND"};
    return value < sizeof names / sizeof *names ? names[value] : NULL;
}

static uint64_t span_of(const struct nt_clock *clock, const struct nt_field *f) {
    return f->state == NT_READ ? nt_clock_span(clock, f->value) : SC_UNSET64;
}

static void fill_memory(const struct nt_process *p, struct row *r) {
    const struct nt_field *f = p->f, *ws = p->ws;
    r->vad_root = sc_nt_addr(&f[NT_P_VAD_ROOT]);
    r->vads = sc_nt_num(&f[NT_P_VAD_COUNT]);
    r->clone_root = sc_nt_addr(&f[NT_P_CLONE_ROOT]);
    r->private_pages = sc_nt_num(&f[NT_P_PRIVATE_PAGES]);
    r->modified_pages = sc_nt_num(&f[NT_P_MODIFIED_PAGES]);
    r->locked_pages = sc_nt_num(&f[NT_P_LOCKED_PAGES]);
    r->quota_paged = sc_nt_num(&f[NT_P_QUOTA_PAGED]);
    r->quota_nonpaged = sc_nt_num(&f[NT_P_QUOTA_NONPAGED]);
    r->virtual_size = sc_nt_num(&f[NT_P_VIRTUAL_SIZE]);
    r->peak_virtual_size = sc_nt_num(&f[NT_P_PEAK_VIRTUAL_SIZE]);
    r->commit_charge = sc_nt_num(&f[NT_P_COMMIT_CHARGE]);
    r->ws = sc_nt_num(&ws[NT_W_SIZE]);
    r->ws_peak = sc_nt_num(&ws[NT_W_PEAK]);
    r->ws_minimum = sc_nt_num(&ws[NT_W_MINIMUM]);
    r->ws_maximum = sc_nt_num(&ws[NT_W_MAXIMUM]);
    r->page_faults = sc_nt_num(&ws[NT_W_FAULTS]);
    if (ws[NT_W_MEMORY_PRIORITY].state == NT_READ)
        r->memory_priority = memory_priority_name(ws[NT_W_MEMORY_PRIORITY].value);
}

static void fill_times(const struct nt *nt, const struct nt_clock *clock,
                       const struct nt_process *p, struct row *r) {
    const struct nt_field *f = p->f;
    uint64_t now = sc_target_machine(nt->target)->time, created = nt_or(&f[NT_P_CREATE_TIME], 0);
    r->create_time = sc_nt_time(&f[NT_P_CREATE_TIME]);
    r->exit_time = sc_nt_time(&f[NT_P_EXIT_TIME]);
    r->elapsed = created && now >= created ? now - created : SC_UNSET64;
    r->user_ticks = sc_nt_num(&f[NT_P_USER_TIME]);
    r->user_time = span_of(clock, &f[NT_P_USER_TIME]);
    r->kernel_ticks = sc_nt_num(&f[NT_P_KERNEL_TIME]);
    r->kernel_time = span_of(clock, &f[NT_P_KERNEL_TIME]);
}

static void fill(const struct nt *nt, const struct nt_clock *clock, const struct nt_process *p,
                 struct row *r) {
    const struct nt_field *f = p->f;
    r->address = p->address;
    r->assumed = p->assumed;
    r->no_session = f[NT_P_SESSION].state == NT_READ && !f[NT_P_SESSION].value;
    r->session = sc_nt_num(&p->session_id);
    r->pid = sc_nt_num(&f[NT_P_PID]);
    r->parent = sc_nt_num(&f[NT_P_PARENT]);
    r->peb = sc_nt_addr(&f[NT_P_PEB]);
    r->dir_base = sc_nt_addr(&f[NT_P_DIR_BASE]);
    r->object_table = sc_nt_addr(&f[NT_P_OBJECT_TABLE]);
    r->handles = sc_nt_num(&p->handle_count);
    if (f[NT_P_OBJECT_TABLE].state == NT_READ && !r->object_table)
        r->handles = 0; /* it has ended, or has not begun */
    r->image = p->image_state == NT_READ ? p->image : NULL;
    r->flags = sc_nt_num(&f[NT_P_FLAGS]);
    r->exiting = nt_set(&f[NT_P_EXITING]);
    r->deleting = nt_set(&f[NT_P_DELETING]);
    r->active_threads = sc_nt_num(&f[NT_P_ACTIVE_THREADS]);
    r->device_map = sc_nt_addr(&f[NT_P_DEVICE_MAP]);
    r->token = sc_nt_addr(&f[NT_P_TOKEN]);
    r->job = sc_nt_addr(&f[NT_P_JOB]);
    r->base_priority = sc_nt_num(&f[NT_P_BASE_PRIORITY]);
    fill_memory(p, r);
    fill_times(nt, clock, p, r);
}

/* ---- text ---- */

struct text {
    sc_out *out;
    const struct row *r;
    unsigned ptr_size;
    uint64_t flags;
    bool enrich;
};

static const char *ptr(const struct text *t, uint64_t value, char buf[SC_NT_BUF]) {
    return sc_nt_ptr_text(value, t->ptr_size, buf);
}

/* Digits, at least DIGITS of them, or as many question marks. */
static const char *hex(uint64_t value, unsigned digits, char buf[SC_NT_BUF]) {
    if (value != SC_UNSET64 && value != (uint64_t)INT64_MIN)
        return sc_nt_hex_text(value, digits, buf);
    snprintf(buf, SC_NT_BUF, "%.*s", (int)digits, "????????????????");
    return buf;
}

static void head_lines(const struct text *t) {
    const struct row *r = t->r;
    char a[SC_NT_BUF], b[SC_NT_BUF], c[SC_NT_BUF], d[SC_NT_BUF];
    sc_printf(t->out, "PROCESS %s", ptr(t, r->address, a));
    sc_puts(t->out, t->ptr_size == 4 ? "  " : "\n    ");
    sc_printf(t->out, "SessionId: %s  Cid: %s    Peb: %s  ParentCid: %s\n",
              r->no_session ? "none" : sc_nt_num_text(r->session, a), hex((uint64_t)r->pid, 4, b),
              hex(r->peb, 8, c), hex((uint64_t)r->parent, 4, d));
    sc_printf(t->out, "    DirBase: %s  ObjectTable: %s  HandleCount: ", hex(r->dir_base, 8, a),
              r->object_table ? ptr(t, r->object_table, b) : "00000000");
    if (r->handles == INT64_MIN)
        sc_puts(t->out, "<Data Not Accessible>\n");
    else
        sc_printf(t->out, "%3" PRId64 ".\n", r->handles);
    sc_printf(t->out, "    Image: %s", r->image ? r->image : "<Unknown>");
    if (t->enrich && (r->exiting || r->deleting))
        sc_printf(t->out, "  [%s]", r->deleting ? "being deleted" : "exiting");
    sc_puts(t->out, "\n");
}

static void num_line(const struct text *t, const char *label, int64_t value) {
    char buf[SC_NT_BUF];
    sc_printf(t->out, "    %-34s%s\n", label, sc_nt_num_text(value, buf));
}

static void time_line(const struct text *t, const char *label, uint64_t span, int64_t ticks) {
    char buf[SC_NT_BUF];
    if (span == SC_UNSET64 && ticks != INT64_MIN)
        sc_printf(t->out, "    %-34s%" PRId64 " ticks, whose length is not in the dump\n", label,
                  ticks);
    else
        sc_printf(t->out, "    %-34s%s\n", label, sc_nt_span_text(span, buf));
}

static void vad_line(const struct text *t) {
    const struct row *r = t->r;
    char a[SC_NT_BUF], b[SC_NT_BUF], c[SC_NT_BUF], d[SC_NT_BUF], e[SC_NT_BUF];
    sc_printf(t->out, "    VadRoot %s", ptr(t, r->vad_root, a));
    if (r->vads != INT64_MIN)
        sc_printf(t->out, " Vads %" PRId64, r->vads);
    if (r->clone_root == SC_UNSET64)
        snprintf(e, sizeof e, "?");
    else
        snprintf(e, sizeof e, "%" PRIx64, r->clone_root);
    sc_printf(t->out, " Clone %s Private %s. Modified %s. Locked %s.\n", e,
              sc_nt_num_text(r->private_pages, b), sc_nt_num_text(r->modified_pages, c),
              sc_nt_num_text(r->locked_pages, d));
}

/* Pages of 4 KiB: of all CPUs whose layouts are known. */
static void size_lines(const struct text *t) {
    const struct row *r = t->r;
    const int64_t pages[3] = {r->ws, r->ws_minimum, r->ws_maximum};
    char n[3][SC_NT_BUF], kb[3][SC_NT_BUF];
    for (unsigned i = 0; i < 3; i++) {
        sc_nt_num_text(pages[i], n[i]);
        sc_nt_num_text(pages[i] < 0 || pages[i] > INT64_MAX / 4 ? INT64_MIN : pages[i] * 4, kb[i]);
    }
    sc_printf(t->out, "    Working Set Sizes (now,min,max)  (%s, %s, %s) (%sKB, %sKB, %sKB)\n",
              n[0], n[1], n[2], kb[0], kb[1], kb[2]);
    num_line(t, "PeakWorkingSetSize", r->ws_peak);
}

static void mega_line(const struct text *t, const char *label, int64_t bytes) {
    char buf[SC_NT_BUF];
    int64_t mb = bytes == INT64_MIN ? bytes : (int64_t)((uint64_t)bytes >> 20);
    sc_printf(t->out, "    %-34s%s Mb\n", label, sc_nt_num_text(mb, buf));
}

static void detail_lines(const struct text *t) {
    const struct row *r = t->r;
    char a[SC_NT_BUF];
    vad_line(t);
    sc_printf(t->out, "    DeviceMap %s\n", ptr(t, r->device_map, a));
    sc_printf(t->out, "    %-34s%s\n", "Token", ptr(t, r->token, a));
    if (r->elapsed == SC_UNSET64)
        sc_printf(t->out, "    %-34s<Invalid>\n", "ElapsedTime");
    else
        time_line(t, "ElapsedTime", r->elapsed, INT64_MIN);
    time_line(t, "UserTime", r->user_time, r->user_ticks);
    time_line(t, "KernelTime", r->kernel_time, r->kernel_ticks);
    num_line(t, "QuotaPoolUsage[PagedPool]", r->quota_paged);
    num_line(t, "QuotaPoolUsage[NonPagedPool]", r->quota_nonpaged);
    size_lines(t);
    mega_line(t, "VirtualSize", r->virtual_size);
    mega_line(t, "PeakVirtualSize", r->peak_virtual_size);
    num_line(t, "PageFaultCount", r->page_faults);
    sc_printf(t->out, "    %-34s%s\n", "MemoryPriority",
              r->memory_priority ? r->memory_priority : "?");
    num_line(t, "BasePriority", r->base_priority);
    num_line(t, "CommitCharge", r->commit_charge);
    if (r->job && r->job != SC_UNSET64)
        sc_printf(t->out, "    %-34s%s\n", "Job", ptr(t, r->job, a));
}

static void process_text(sc_out *out, const void *record, void *ctx) {
    struct text t = *(const struct text *)ctx;
    t.out = out;
    t.r = record;
    head_lines(&t);
    if (t.flags & 1)
        detail_lines(&t);
}

/* ---- its threads ---- */

struct job {
    sc_session *session;
    const struct nt *nt;
    struct nt_clock clock;
    uint64_t flags;
    uint64_t left; /* threads to show, of all processes together: lists may share entries */
    bool assumed;
    sc_arena *arena; /* of the command */
};

enum shown {
    SHOWN,
    NOT_THERE, /* the dump does not hold it, or it is no thread */
    ANOTHERS,  /* it is one of another process */
};

/* One thread, in an arena of its own: a process may have thousands. */
static sc_err *show_one(struct job *j, const struct nt_process *p, uint64_t address,
                        enum shown *ret_shown) {
    struct nt_thread t;
    sc_err *err = nt_thread_read(j->nt, address, &t);
    *ret_shown = err || !nt_thread_valid(&t)        ? NOT_THERE
                 : !nt_thread_is_of(&t, p->address) ? ANOTHERS
                                                    : SHOWN;
    if (*ret_shown != SHOWN)
        return err;
    if (!j->left--)
        return sc_errf(SC_ERR_LIMIT, "!process shows no more than %d threads", NT_THREADS_MAX);
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    j->assumed = j->assumed || t.assumed;
    err = sc_show_kthread(j->session, j->nt, &j->clock, &t, j->flags & 2 ? j->flags : 0, "        ",
                          arena);
    if (j->flags & 2) /* without it each has a line of its own */
        sc_puts(j->session->out, "\n");
    sc_arena_destroy(arena);
    return err;
}

/* The threads that processors run, and which of them were shown. */
struct running {
    const struct sc_threads *threads;
    bool *shown; /* one for each, in the arena */
};

static sc_err *begin_running(struct job *j, struct running *ret) {
    sc_err *err = sc_target_threads(j->nt->target, &ret->threads);
    if (err)
        return err;
    ret->shown = sc_arena_array(j->arena, ret->threads->count + 1, sizeof *ret->shown);
    return ret->shown ? NULL : sc_err_nomem();
}

static void mark(struct running *r, uint64_t address) {
    for (size_t i = 0; i < r->threads->count; i++)
        r->shown[i] = r->shown[i] || r->threads->item[i].thread == address;
}

/* Those of the process that its list did not give. */
static sc_err *show_running(struct job *j, const struct nt_process *p, struct running *r) {
    struct nt_thread t;
    enum shown shown;
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < r->threads->count; i++) {
        uint64_t address = r->threads->item[i].thread;
        if (!address || r->shown[i])
            continue;
        err = nt_thread_read(j->nt, address, &t);
        if (!err && nt_or(&t.f[NT_T_PROCESS], 0) == p->address)
            err = show_one(j, p, address, &shown);
    }
    return err;
}

/* Of ADDRESS, which the list led to, it is known whether it was shown; else the list ended. */
static sc_err *say_missing(struct job *j, const struct nt_list *list, enum shown shown,
                           uint64_t address) {
    char why[NT_LIST_TEXT], digits[SC_NT_BUF];
    sc_nt_ptr_text(address, j->nt->ptr_size, digits);
    if (shown == NOT_THERE)
        snprintf(why, sizeof why, "it does not hold the one at %s", digits);
    else if (shown == ANOTHERS)
        snprintf(why, sizeof why, "the list leads to %s, one of another process", digits);
    else
        nt_list_end_text(list, why);
    sc_remark(j->session->out, "        *** the dump does not hold all threads of the process: %s",
              why);
    return NULL;
}

static sc_err *show_threads(struct job *j, const struct nt_process *p) {
    struct nt_list list;
    struct running running;
    bool has, any = false;
    enum shown shown = SHOWN;
    uint64_t link, address = 0;
    sc_err *err = nt_process_threads_begin(j->nt, p, &list, &has);
    if (!err)
        err = begin_running(j, &running);
    if (err || !has)
        return err;
    while (!err && shown == SHOWN && nt_list_next(&list, &link)) {
        err = nt_thread_of_link(j->nt, link, &address);
        if (!err)
            err = show_one(j, p, address, &shown);
        if (!err && shown == SHOWN)
            mark(&running, address);
        any = true;
    }
    if (!err && !any && list.end == NT_LIST_DONE)
        sc_puts(j->session->out, "No active threads\n");
    if (err || (shown == SHOWN && list.end == NT_LIST_DONE))
        return err;
    if (list.end == NT_LIST_STOP)
        return sc_err_cancelled();
    err = show_running(j, p, &running);
    return err ? err : say_missing(j, &list, shown, address);
}

/* ---- a process ---- */

/* What the process says itself, else its tree walked. */
static sc_err *count_vads(const struct nt *nt, const struct nt_process *p, int64_t *ret) {
    struct nt_vads vads;
    struct nt_vad vad;
    bool more = true;
    if (*ret != INT64_MIN || !nt_set(&p->f[NT_P_VAD_ROOT]))
        return NULL;
    sc_err *err = nt_vads_begin(&vads, nt, p->f[NT_P_VAD_ROOT].value);
    while (!err && more)
        err = nt_vads_next(&vads, &vad, &more);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return NULL;
    if (!err && vads.end == NT_LIST_DONE && !vads.absent)
        *ret = (int64_t)vads.count;
    return err;
}

/* With 0x10 in the process's own memory, so that stacks go on in user mode. */
static sc_err *visit_threads(struct job *j, const struct nt_process *p) {
    struct sc_implicit old;
    sc_session *s = j->session;
    sc_err *err = sc_session_visit(s, j->nt, p->address, &old);
    if (err && sc_err_code(err) == SC_ERR_NOT_FOUND) {
        sc_remark(s->out, "        *** its memory is not seen: %s", sc_err_text(err));
        sc_err_destroy(err);
        return show_threads(j, p);
    }
    if (err)
        return err;
    err = show_threads(j, p);
    sc_err *back = sc_session_leave(s, &old);
    if (!err)
        return back;
    sc_err_destroy(back);
    return err;
}

static sc_err *show(struct job *j, const struct nt_process *p) {
    sc_session *s = j->session;
    struct row r = {0};
    struct text t = {s->out, NULL, j->nt->ptr_size, j->flags, sc_session_enrich(s)};
    fill(j->nt, &j->clock, p, &r);
    sc_err *err = j->flags & 1 ? count_vads(j->nt, p, &r.vads) : NULL;
    if (err)
        return err;
    sc_record(s->out, &process_type, &r, process_text, &t);
    j->assumed = j->assumed || p->assumed;
    if (!(j->flags & 6))
        return NULL;
    sc_puts(s->out, "\n");
    return j->flags & 0x10 && s->procspace ? visit_threads(j, p) : show_threads(j, p);
}

static sc_err *begin(sc_session *s, const struct nt *nt, uint64_t flags, sc_arena *arena,
                     struct job *ret) {
    *ret = (struct job){
        .session = s, .nt = nt, .flags = flags, .left = NT_THREADS_MAX, .arena = arena};
    return nt_clock_read(nt, &ret->clock);
}

static sc_err *show_address(struct job *j, uint64_t address) {
    struct nt_process p;
    char buf[SC_NT_BUF];
    sc_err *err = nt_process_read(j->nt, address, &p);
    if (!err && !nt_process_valid(&p))
        err = sc_errf(SC_ERR_NOT_FOUND,
                      nt_process_present(&p) ? "at %s there is no process"
                                             : "the dump does not hold the process at %s",
                      sc_nt_asked_text(address, j->nt->ptr_size, buf));
    return err ? err : show(j, &p);
}

sc_err *sc_show_kprocess(sc_session *s, const struct nt *nt, uint64_t address, uint64_t flags,
                         sc_arena *arena) {
    struct job j;
    sc_err *err = begin(s, nt, flags, arena, &j);
    return err ? err : show_address(&j, address);
}

/* ---- all of them ---- */

struct filter {
    const char *image; /* NULL: all */
    bool has_session;
    int64_t session;
    const char *module; /* one that it has loaded; NULL: whatever */
};

/* The kernel keeps 14 or 15 characters of a name: a longer word matches what is left of it. */
bool sc_image_fits(const char *image, const char *want) {
    size_t n = strlen(image);
    if (!sc_strcasecmp(image, want))
        return true;
    return n >= NT_IMAGE_NAME - 2 && strlen(want) > n && !sc_strncasecmp(image, want, n);
}

/* Does the process's loader list the module? One whose list cannot be read does not. */
static sc_err *has_module(const struct nt *nt, const struct nt_process *p, const char *module,
                          bool *ret) {
    struct nt_user_modules list = {.count = 0};
    sc_space *space;
    *ret = false;
    if (!nt_set(&p->f[NT_P_DIR_BASE]))
        return NULL;
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = sc_target_process_space(nt->target, p->f[NT_P_DIR_BASE].value, &space);
    if (!err)
        err = nt_user_modules(nt, space, p, arena, &list);
    if (!err)
        *ret = nt_user_modules_have(&list, module);
    sc_arena_destroy(arena);
    return err;
}

static sc_err *wanted(const struct nt *nt, const struct filter *f, const struct nt_process *p,
                      bool *ret) {
    *ret = false;
    if (f->image && (p->image_state != NT_READ || !sc_image_fits(p->image, f->image)))
        return NULL;
    if (f->has_session && sc_nt_num(&p->session_id) != f->session)
        return NULL;
    *ret = true;
    return f->module ? has_module(nt, p, f->module, ret) : NULL;
}

/* A list that cannot be followed: the processes that the processors were in are what is left. */
static sc_err *show_current(struct job *j, const struct filter *f, const char *why) {
    uint64_t address;
    struct nt_process p;
    sc_remark(j->session->out, "*** the dump does not hold the list of processes: %s", why);
    sc_err *err = sc_session_process(j->session, j->nt, &address);
    if (!err)
        err = nt_process_read(j->nt, address, &p);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return NULL;
    bool is = false;
    if (!err && nt_process_valid(&p))
        err = wanted(j->nt, f, &p, &is);
    if (err || !is)
        return err;
    err = show(j, &p);
    sc_puts(j->session->out, "\n");
    return err;
}

static sc_err *show_all(struct job *j, const struct filter *f) {
    struct nt_list list;
    struct nt_process p;
    uint64_t link, address = 0, shown = 0;
    bool has, valid = true;
    char why[NT_LIST_TEXT], digits[SC_NT_BUF];
    sc_err *err = nt_processes_begin(j->nt, &list, &has);
    if (err)
        return err;
    if (!f->image)
        sc_puts(j->session->out, "**** NT ACTIVE PROCESS DUMP ****\n");
    if (!has)
        return show_current(j, f, "its head is not known");
    while (!err && valid && nt_list_next(&list, &link)) {
        err = nt_process_of_link(j->nt, link, &address);
        if (!err)
            err = nt_process_read(j->nt, address, &p);
        valid = !err && nt_process_valid(&p);
        bool is = false;
        if (valid)
            err = wanted(j->nt, f, &p, &is);
        if (err || !is)
            continue;
        shown++;
        err = show(j, &p);
        sc_puts(j->session->out, "\n");
    }
    if (!err && !shown && valid && list.end == NT_LIST_DONE)
        sc_remark(j->session->out, "No process of the list fits.");
    if (err || (valid && list.end == NT_LIST_DONE))
        return err;
    if (list.end == NT_LIST_STOP)
        return sc_err_cancelled();
    if (!valid)
        snprintf(why, sizeof why, "it does not hold the one at %s",
                 sc_nt_ptr_text(address, j->nt->ptr_size, digits));
    else
        nt_list_end_text(&list, why);
    if (!shown)
        return show_current(j, f, why);
    sc_remark(j->session->out, "*** the dump does not hold all processes: %s", why);
    return NULL;
}

/* ---- the command ---- */

enum { ARG_SESSION, ARG_MODULE, ARG_PROCESS, ARG_FLAGS, ARG_IMAGE };

static sc_err *show_id(struct job *j, uint64_t pid) {
    uint64_t address;
    struct nt_process p;
    bool found = false;
    sc_printf(j->session->out, "Searching for Process with Cid == %" PRIx64 "\n", pid);
    sc_err *err = sc_session_process(j->session, j->nt, &address);
    if (!err)
        err = nt_process_read(j->nt, address, &p);
    if (!err && nt_process_valid(&p) && nt_or(&p.f[NT_P_PID], SC_UNSET64) == pid)
        return show(j, &p);
    if (err && !sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return err;
    err = sc_find_process(j->nt, pid, &address, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND,
                      "the dump holds no process with the id 0x%" PRIx64 " that can be found", pid);
    return err ? err : show_address(j, address);
}

static sc_err *run(struct job *j, const struct sc_args *args) {
    const struct sc_val *v = &args->v[ARG_PROCESS];
    const struct filter f = {.image = args->v[ARG_IMAGE].given ? args->v[ARG_IMAGE].text : NULL,
                             .has_session = args->v[ARG_SESSION].given,
                             .session = (int64_t)args->v[ARG_SESSION].num,
                             .module = args->v[ARG_MODULE].given ? args->v[ARG_MODULE].text : NULL};
    uint64_t address = sc_space_canon(j->nt->space, v->num);
    bool current = !v->given || address == sc_space_canon(j->nt->space, UINT64_MAX);
    if (f.image && (current || address))
        return sc_errf(SC_ERR_ARG, "!process: an image name goes with 0: !process 0 0 %s", f.image);
    if (v->given && !address)
        return show_all(j, &f);
    if (!current && !nt_is_kernel(j->nt, address))
        return show_id(j, address);
    if (current) {
        sc_err *err = sc_session_process(j->session, j->nt, &address);
        if (err)
            return err;
    }
    return show_address(j, address);
}

static sc_err *run_process(sc_session *s, const struct sc_args *args) {
    const struct sc_val *v = &args->v[ARG_PROCESS], *flags = &args->v[ARG_FLAGS];
    struct nt nt;
    struct job j;
    if (args->v[ARG_MODULE].given && !s->procspace)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "!process /m: a small dump does not hold the modules of processes");
    if (args->v[ARG_MODULE].given && (!v->given || v->num))
        return sc_errf(SC_ERR_ARG, "!process: /m goes with 0: !process /m ntdll.dll 0 0");
    sc_err *err = sc_session_nt(s, &nt);
    bool few = !v->given || !v->num || v->num == UINT64_MAX || v->num == UINT32_MAX;
    if (!err)
        err = begin(s, &nt, flags->given ? flags->num : few ? 3 : 0xf, args->arena, &j);
    if (!err)
        err = run(&j, args);
    if (err)
        return err;
    sc_nt_assumed(s, j.assumed);
    if (j.flags & 0x10 && !s->procspace)
        sc_remark(s->out, "Bit 0x10 has no effect: this dump holds no memory of processes.");
    return NULL;
}

static const struct sc_arg process_args[] = {
    {SC_ARG_OPTION_EXPR, "session", "s", true, "only those of that session"},
    {SC_ARG_OPTION_WORD, "module", "m", true, "only those that have loaded that module"},
    {SC_ARG_EXPR, "process", NULL, true, "address or id; 0: all; -1: the current one"},
    {SC_ARG_EXPR, "flags", NULL, true, "1 times and memory, 2 waits, 4 threads, 8 no arguments"},
    {SC_ARG_WORD, "image", NULL, true, "with 0: only those of this name"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_kprocess_commands[] = {
    {.name = "!process",
     .brief = "show a process of the kernel, or all of them, with their threads",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!peb shows its block, ~ its threads, vertarget its times",
     .args = process_args,
     .help =
         "Without a process, or with -1, the current one, or the one that .process set; with 0 "
         "all, or those whose image is named.\n"
         "Flags: 1 times and memory; 2 threads with what they wait for; 4 threads, with 2 all "
         "of each and its stack; 8 leaves the arguments out of stacks. 3 if none are given for "
         "the current process and for all, else 0xf. 0x10, where the dump has page tables, looks "
         "at each with its own memory and modules, so that stacks go on in user mode.\n"
         "/s: of that session; /m: those that have loaded the module.\n"
         "A small dump holds the process that ran on the processor that crashed, and no other.",
     .sample = "!process -1 0",
     .run = run_process},
    {.name = NULL},
};
