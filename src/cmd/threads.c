/* SPDX-License-Identifier: MIT */
/*
 * `~`: the threads of a user dump or the processors of a kernel dump: list them, switch to one, run
 * a command in the context of one or of each.
 *
 *     ~  ~*  ~.  ~#  ~2  ~~[d34]      which: brief list, all, current, the event's, by number, by
 * id ~2s                             switch
 *     ~*r  ~2 r rax  ~*e r; k         run a command there; behind `e` the whole line is the command
 *
 * The mark in front is WinDbg's: '.' the current one, '#' the one of the event. What WinDbg shows
 * for processors is not documented; the line here is our own.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/dispatch.h"
#include "cmd/procspace.h"
#include "cmd/show.h"
#include "cmd/stack.h"

/* ---- one line ---- */

struct row {
    uint32_t index, pid, tid, suspend, priority_class, priority;
    bool current, event, has_info, stored;
    const char *name, *start_symbol;
    uint64_t teb, start, affinity, prcb, thread, stack_start, stack_size;
    uint64_t create_time, kernel_time, user_time;
};

static const struct sc_field thread_fields[] = {
    SC_FIELD(struct row, index, SC_F_U32),        SC_FIELD(struct row, current, SC_F_BOOL),
    SC_FIELD(struct row, event, SC_F_BOOL),       SC_FIELD(struct row, pid, SC_F_HEX32),
    SC_FIELD(struct row, tid, SC_F_HEX32),        SC_FIELD(struct row, suspend, SC_F_U32),
    SC_FIELD(struct row, teb, SC_F_ADDR),         SC_FIELD(struct row, name, SC_F_STR),
    SC_FIELD(struct row, priority, SC_F_U32),     SC_FIELD(struct row, priority_class, SC_F_U32),
    SC_FIELD(struct row, stack_start, SC_F_ADDR), SC_FIELD(struct row, stack_size, SC_F_HEX64),
    SC_FIELD(struct row, stored, SC_F_BOOL),      SC_FIELD(struct row, start, SC_F_ADDR),
    SC_FIELD(struct row, start_symbol, SC_F_STR), SC_FIELD(struct row, affinity, SC_F_HEX64),
    SC_FIELD(struct row, create_time, SC_F_TIME), SC_FIELD(struct row, kernel_time, SC_F_SPAN),
    SC_FIELD(struct row, user_time, SC_F_SPAN),   SC_FIELD_END};
static const struct sc_rectype thread_type = {"thread", sizeof(struct row), thread_fields};

static const struct sc_field processor_fields[] = {SC_FIELD(struct row, index, SC_F_U32),
                                                   SC_FIELD(struct row, current, SC_F_BOOL),
                                                   SC_FIELD(struct row, event, SC_F_BOOL),
                                                   SC_FIELD(struct row, prcb, SC_F_ADDR),
                                                   SC_FIELD(struct row, thread, SC_F_ADDR),
                                                   SC_FIELD(struct row, stored, SC_F_BOOL),
                                                   SC_FIELD_END};
static const struct sc_rectype processor_type = {"processor", sizeof(struct row), processor_fields};

struct style {
    unsigned ptr_size;
    bool detail, windows;
};

static char mark(const struct row *r) { return r->current ? '.' : r->event ? '#' : ' '; }

static void thread_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct style *s = ctx;
    char addr[SC_ADDR_BUF];
    sc_printf(out, "%c%3u  Id: %x.%x", mark(r), r->index, r->pid, r->tid);
    if (s->windows)
        sc_printf(out, " Suspend: %u Teb: %s Unfrozen", r->suspend,
                  sc_addr_text(r->teb, s->ptr_size, addr));
    if (r->name)
        sc_printf(out, " \"%s\"", r->name);
    sc_puts(out, "\n");
    if (!s->detail)
        return;
    if (r->start != SC_UNSET64) {
        sc_addr_text(r->start, s->ptr_size, addr);
        if (r->start_symbol)
            sc_printf(out, "      Start: %s (%s)\n", r->start_symbol, addr);
        else
            sc_printf(out, "      Start: %s\n", addr);
    }
    sc_printf(out, "      Priority: %d  Priority class: %u", (int)r->priority, r->priority_class);
    if (r->has_info)
        sc_printf(out, "  Affinity: %llx", (unsigned long long)r->affinity);
    sc_puts(out, "\n");
}

static void processor_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct style *s = ctx;
    char addr[SC_ADDR_BUF];
    sc_printf(out, "%c%3u ", mark(r), r->index);
    if (r->prcb != SC_UNSET64)
        sc_printf(out, " Prcb: %s", sc_addr_text(r->prcb, s->ptr_size, addr));
    if (r->thread != SC_UNSET64)
        sc_printf(out, " Thread: %s", sc_addr_text(r->thread, s->ptr_size, addr));
    sc_printf(out, " Registers: %s\n", r->stored ? "stored" : "not in this dump");
}

static uint64_t known(uint64_t v) { return v ? v : SC_UNSET64; }

static void fill(struct row *r, const struct sc_thread *t) {
    r->tid = t->tid;
    r->suspend = t->suspend;
    r->priority_class = t->priority_class;
    r->priority = t->priority;
    r->teb = t->teb;
    r->name = t->name;
    r->stack_start = t->stack_start;
    r->stack_size = t->stack_size;
    r->has_info = t->has_info;
    r->prcb = known(t->prcb);
    r->thread = known(t->thread);
    if (!t->has_info)
        return;
    r->start = known(t->start_address);
    r->affinity = t->affinity;
    r->create_time = t->create_time;
    r->kernel_time = t->kernel_time;
    r->user_time = t->user_time;
}

sc_err *sc_show_thread(sc_session *session, uint32_t index, uint32_t current, bool detail,
                       sc_arena *arena) {
    sc_target *target = sc_session_target(session);
    const struct sc_machine *m = sc_target_machine(target);
    struct style style = {sc_session_ptr_size(session), detail, m->windows};
    struct row r = {.index = index,
                    .pid = m->pid,
                    .current = index == current,
                    .event = index == m->current,
                    .start = SC_UNSET64,
                    .prcb = SC_UNSET64,
                    .thread = SC_UNSET64,
                    .kernel_time = SC_UNSET64,
                    .user_time = SC_UNSET64};
    const struct sc_threads *threads;
    struct sc_regs regs;
    sc_err *err = sc_target_threads(target, &threads);
    if (err)
        return err;
    if (index < threads->count)
        fill(&r, &threads->item[index]);
    if (r.start != SC_UNSET64)
        err = sc_near(session, r.start, arena, &r.start_symbol);
    if (err)
        return err;
    err = sc_target_regs(target, index, &regs);
    r.stored = !err;
    sc_err_destroy(err);
    if (m->kernel)
        sc_record(sc_session_out(session), &processor_type, &r, processor_text, &style);
    else
        sc_record(sc_session_out(session), &thread_type, &r, thread_text, &style);
    return NULL;
}

/* ---- which ---- */

struct set {
    bool all, listed; /* listed: `~` alone */
    uint32_t one;
};

static sc_err *by_id(sc_session *session, const char **p, struct set *ret) {
    const struct sc_threads *threads;
    uint64_t id;
    *p += 2; /* "~[" */
    sc_err *err = sc_session_eval_prefix(session, *p, &id, p);
    if (!err && **p != ']')
        err = sc_errf(SC_ERR_ARG, "~~[id]: the bracket does not close");
    if (!err)
        err = sc_target_threads(sc_session_target(session), &threads);
    if (err)
        return err;
    ++*p;
    for (size_t i = 0; i < threads->count; i++)
        if (threads->item[i].tid == id) {
            ret->one = threads->item[i].index;
            return NULL;
        }
    return sc_errf(SC_ERR_NOT_FOUND, "no thread has the id 0x%llx", (unsigned long long)id);
}

static sc_err *which(sc_session *session, const char **p, struct set *ret) {
    const struct sc_machine *m = sc_target_machine(sc_session_target(session));
    *ret = (struct set){.one = sc_session_current(session)};
    if (**p == '~' && (*p)[1] == '[')
        return by_id(session, p, ret);
    if (**p >= '0' && **p <= '9') {
        char *end;
        unsigned long long n = strtoull(*p, &end, 10); /* thread numbers are decimal */
        *p = end;
        ret->one = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
        return NULL;
    }
    if (**p == '#')
        ret->one = m->current;
    ret->all = **p == '*';
    ret->listed = !**p || **p == ';';
    if (**p == '*' || **p == '.' || **p == '#')
        ++*p;
    return NULL;
}

/* How many processors or threads there are; they are numbered from 0. */
static sc_err *count_of(sc_session *session, uint32_t *ret_count) {
    sc_target *target = sc_session_target(session);
    const struct sc_machine *m = sc_target_machine(target);
    const struct sc_threads *threads;
    sc_err *err = sc_target_threads(target, &threads);
    if (err)
        return err;
    uint32_t n = threads->count < UINT32_MAX ? (uint32_t)threads->count : UINT32_MAX;
    /* A header may claim any number: 2048 processors are more than Windows runs on. */
    if (m->kernel && m->ncpus > n)
        n = m->ncpus < 2048 ? m->ncpus : 2048;
    *ret_count = n;
    return NULL;
}

static sc_err *exists(sc_session *session, uint32_t index) {
    uint32_t n;
    sc_err *err = count_of(session, &n);
    if (err || index < n)
        return err;
    bool kernel = sc_target_machine(sc_session_target(session))->kernel;
    return sc_errf(SC_ERR_NOT_FOUND, "there is no %s %u: this dump has %u",
                   kernel ? "processor" : "thread", index, n);
}

/* ---- what ---- */

static sc_err *list(sc_session *session, const struct set *set, sc_arena *arena) {
    uint32_t n, current = sc_session_current(session);
    if (!set->all && !set->listed) {
        sc_err *err = exists(session, set->one);
        return err ? err : sc_show_thread(session, set->one, current, true, arena);
    }
    sc_err *err = count_of(session, &n);
    if (!err && !n)
        sc_remark(sc_session_out(session), "This dump lists no %s.",
                  sc_target_machine(sc_session_target(session))->kernel ? "processors" : "threads");
    for (uint32_t i = 0; !err && i < n; i++)
        err = sc_target_cancelled(sc_session_target(session))
                  ? sc_err_cancelled()
                  : sc_show_thread(session, i, current, set->all, arena);
    return err;
}

/* The pages of the process that the processor runs; those at hand stay where it is not known. */
static sc_err *see_its_memory(sc_session *session) {
    struct nt nt;
    uint64_t process;
    if (!sc_target_has_paging(sc_session_target(session)))
        return NULL;
    sc_err *err = sc_session_nt(session, &nt);
    if (!err)
        err = sc_session_process(session, &nt, &process);
    if (!err) {
        err = sc_session_enter_process(session, &nt, process);
        sc_session_set_process(session, 0); /* as ~Ns has it: the processor's */
    }
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return NULL;
    return err;
}

static sc_err *switch_to(sc_session *session, uint32_t index, sc_arena *arena) {
    struct sc_regs regs;
    sc_err *err = sc_session_set_current(session, index);
    if (err)
        return err;
    if (sc_target_machine(sc_session_target(session))->kernel)
        return see_its_memory(session);
    err = sc_session_regs(session, &regs);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND)) {
        sc_remark(sc_session_out(session), "This dump holds no registers of thread %u.", index);
        return NULL;
    }
    return err ? err : sc_show_regs(session, &regs, SC_RM_DEFAULT, arena);
}

/* Runs COMMAND with INDEX as the current one; adds the number of failures to *FAILED. */
static sc_err *run_there(sc_session *session, uint32_t index, const char *command,
                         unsigned *failed) {
    sc_err *err = sc_session_set_current(session, index);
    if (!err)
        *failed += sc_session_run_nested(session, command);
    return err;
}

static sc_err *run_in(sc_session *session, const struct set *set, const char *command, bool quiet,
                      sc_arena *arena) {
    uint32_t n = set->one + 1, i = set->one, before = sc_session_current(session);
    unsigned failed = 0;
    struct sc_context saved = *sc_session_context(session);
    struct sc_implicit implicit = sc_session_implicit(session);
    sc_err *err = set->all ? count_of(session, &n) : exists(session, set->one);
    for (i = set->all ? 0 : i; !err && i < n; i++) {
        if (sc_target_cancelled(sc_session_target(session))) {
            err = sc_err_cancelled();
            break;
        }
        if (set->all && !quiet) {
            sc_puts(sc_session_out(session), "\n");
            err = sc_show_thread(session, i, before, false, arena);
        }
        if (!err)
            err = run_there(session, i, command, &failed);
    }
    sc_err_destroy(sc_session_set_current(session, before));
    sc_session_restore_implicit(session, &implicit);
    sc_session_restore_context(session, &saved);
    if (!err && failed)
        err = sc_errf(SC_ERR_ARG, "~: %u of the commands failed", failed);
    return err;
}

static bool is_letter_alone(const char *text) {
    return *text && (!text[1] || text[1] == ' ' || text[1] == '\t');
}

/* `s`, `e command`, live control letters, or a command. */
static sc_err *act(sc_session *session, const struct set *set, const char *text, sc_arena *arena) {
    bool alone = is_letter_alone(text);
    if (*text == 's' && alone && !set->all)
        return switch_to(session, set->one, arena);
    if (*text == 'e' && alone)
        return run_in(session, set, text + 1, true, arena);
    if (alone && strchr("fumn", *text))
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "~%c freezes, thaws, suspends or resumes threads: a dump has none that run",
                       *text);
    return run_in(session, set, text, false, arena);
}

/* Behind `e` the rest of the line is the command: `~*e r; k`. */
static bool takes_line(const char *p) {
    if (p[0] == '~' && p[1] == '[') {
        p += strcspn(p, "];\n");
        p += *p == ']';
    } else {
        p += *p == '*' || *p == '.' || *p == '#' ? 1 : strspn(p, "0123456789");
    }
    p = sc_skip_blanks(p);
    return *p == 'e' && is_letter_alone(p);
}

static sc_err *run_threads(sc_session *session, const struct sc_args *args) {
    const char *p = args->v[0].given ? args->v[0].text : "";
    struct set set;
    sc_err *err = which(session, &p, &set);
    if (err)
        return err;
    p = sc_skip_blanks(p);
    return *p ? act(session, &set, p, args->arena) : list(session, &set, args->arena);
}

static const struct sc_arg threads_args[] = {
    {SC_ARG_REST, "which command", NULL, true,
     "* all, . current, # the event's, a number, ~[id]; then s, or a command to run there"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_thread_commands[] = {
    {.name = "~",
     .brief = "list threads or processors, switch to one, run a command in each",
     .needs = SC_NEED_TARGET,
     .touch = true,
     .args = threads_args,
     .takes_line = takes_line,
     .help = "~ lists them; ~* ~. ~# ~2 show more of all, the current, the event's or number 2.\n"
             "~2s switches to number 2; ~~[d34]s to the thread with id d34.\n"
             "~2 r runs a command there; ~*r runs it in each. Behind ~*e the rest of the line is "
             "run in each, semicolons included.\n"
             "Marks: . the current one, # the one of the event.",
     .sample = "~",
     .run = run_threads},
    {.name = NULL},
};
