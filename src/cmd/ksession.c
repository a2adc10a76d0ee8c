/* SPDX-License-Identifier: MIT */
/*
 * `!session` and `!sprocess`: the sessions of users, and the processes in them.
 *
 *     Sessions on machine: 3
 *     Valid Sessions: 0 1 3
 *     Current Session 1
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/kprocs.h"
#include "cmd/kthread.h"
#include "cmd/procspace.h"
#include "cmd/session_impl.h"
#include "nt/current.h"
#include "nt/session.h"

/* ---- what there is ---- */

struct job {
    sc_session *session;
    struct nt nt;
    struct nt_sessions sessions;
    char why[NT_LIST_TEXT];
    struct nt_list list; /* the kernel's own; only with `listed` */
    bool listed;
    const char *image; /* NULL: all */
    uint64_t id, flags, shown;
};

static sc_err *gather(void *ctx, const struct nt_process *p) {
    struct job *j = ctx;
    return nt_sessions_add(&j->sessions, p);
}

/* Ended with nt_sessions_end(), also on errors. */
static sc_err *begin(sc_session *s, struct job *j) {
    *j = (struct job){.session = s};
    sc_err *err = sc_session_nt(s, &j->nt);
    j->sessions.nt = &j->nt;
    if (!err)
        err = sc_each_process(&j->nt, gather, j, j->why);
    return err ? err : nt_sessions_add_list(&j->sessions, &j->list, &j->listed);
}

static void say_list(const struct job *j) {
    sc_out *out = j->session->out;
    char why[NT_LIST_TEXT];
    if (!j->listed)
        sc_remark(out,
                  "Sessions without processes are not known: %s is not in the symbols or not "
                  "in the dump.",
                  nt_session_list_name(&j->nt));
    else if (j->list.end != NT_LIST_DONE)
        sc_remark(out, "*** the kernel's list of sessions is not whole: %s",
                  nt_list_end_text(&j->list, why));
    if (j->sessions.unlisted)
        sc_remark(out, "*** %" PRIu64 " sessions of that list are not in the dump",
                  j->sessions.unlisted);
    for (size_t i = 0; i < j->sessions.count; i++)
        if (!j->sessions.item[i].processes)
            sc_remark(out, "Session %" PRIu64 " has no process: its _MM_SESSION_SPACE is at %llx.",
                      j->sessions.item[i].id, (unsigned long long)j->sessions.item[i].space);
}

static void say_missing(const struct job *j) {
    sc_say_processes(j->session, j->why);
    if (j->sessions.unknown)
        sc_remark(j->session->out, "*** the sessions of %" PRIu64 " processes are not in the dump",
                  j->sessions.unknown);
}

/* The session of the process at ADDRESS; false: it is in none, or that is not in the dump. */
static sc_err *session_of(const struct nt *nt, uint64_t address, uint64_t *ret, bool *ret_found) {
    struct nt_process p;
    sc_err *err = nt_process_read(nt, address, &p);
    *ret_found = !err && p.session_id.state == NT_READ;
    if (*ret_found)
        *ret = p.session_id.value & 0xffffffff;
    return err;
}

/* That of the process the session is about, or (REAL) of the current processor's. */
static sc_err *current_session(const struct job *j, bool real, uint64_t *ret, bool *ret_found) {
    uint64_t process, thread;
    sc_err *err;
    if (real) {
        err = nt_current_thread(&j->nt, j->session->current, &thread);
        if (!err)
            err = nt_thread_process(&j->nt, thread, &process);
    } else {
        err = sc_session_process(j->session, &j->nt, &process);
    }
    *ret_found = false;
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return NULL;
    return err ? err : session_of(&j->nt, process, ret, ret_found);
}

/* ---- !session ---- */

struct row {
    uint64_t id, space, memory, first_process, processes;
    bool current;
    bool enrich; /* not a fact: how the text is to be */
};
static const struct sc_field fields[] = {SC_FIELD(struct row, id, SC_F_U64),
                                         SC_FIELD(struct row, current, SC_F_BOOL),
                                         SC_FIELD(struct row, space, SC_F_ADDR),
                                         SC_FIELD(struct row, memory, SC_F_ADDR),
                                         SC_FIELD(struct row, processes, SC_F_U64),
                                         SC_FIELD(struct row, first_process, SC_F_ADDR),
                                         SC_FIELD_END};
static const struct sc_rectype row_type = {"kernel_session", sizeof(struct row), fields};

static void row_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    sc_printf(out, " %" PRIu64, ((const struct row *)record)->id);
}

static sc_err *list_sessions(struct job *j) {
    sc_out *out = j->session->out;
    uint64_t current;
    bool has;
    sc_err *err = current_session(j, false, &current, &has);
    if (err)
        return err;
    sc_printf(out, "Sessions on machine: %zu\nValid Sessions:", j->sessions.count);
    for (size_t i = 0; i < j->sessions.count; i++) {
        const struct nt_session *n = &j->sessions.item[i];
        struct row r = {n->id,    n->space,     nt_or(&n->memory, SC_UNSET64),
                        n->first, n->processes, has && n->id == current,
                        false};
        sc_record(out, &row_type, &r, row_text, NULL);
    }
    sc_puts(out, "\n");
    if (has)
        sc_printf(out, "Current Session %" PRIu64 "\n", current);
    return NULL;
}

static sc_err *no_session(uint64_t id, const struct nt_session *n) {
    if (n)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "no process of session %" PRIu64
                       " can be found: its _MM_SESSION_SPACE is at %llx",
                       id, (unsigned long long)n->space);
    return sc_errf(SC_ERR_NOT_FOUND,
                   "no process of session %" PRIu64
                   " can be found: no nt!_EPROCESS.Session of this dump is that one",
                   id);
}

struct entered {
    uint64_t process, session;
};
static const struct sc_field entered_fields[] = {SC_FIELD(struct entered, process, SC_F_ADDR),
                                                 SC_FIELD(struct entered, session, SC_F_U64),
                                                 SC_FIELD_END};
static const struct sc_rectype entered_type = {"session_entered", sizeof(struct entered),
                                               entered_fields};

static void entered_text(sc_out *out, const void *record, void *ctx) {
    const struct entered *r = record;
    char buf[SC_ADDR_BUF];
    sc_printf(out, "Implicit process is now %s\nUsing session %" PRIu64 "\n",
              sc_addr_text(r->process, *(const unsigned *)ctx, buf), r->session);
}

static sc_err *use_session(struct job *j, uint64_t id) {
    sc_session *s = j->session;
    const struct nt_session *n = nt_sessions_find(&j->sessions, id);
    unsigned ptr_size = (unsigned)j->nt.ptr_size;
    sc_printf(s->out, "Sessions on machine: %zu\n", j->sessions.count);
    if (!n || !n->first)
        return no_session(id, n);
    sc_err *err = sc_session_enter_process(s, &j->nt, n->first);
    if (err)
        return err;
    const struct entered r = {n->first, id};
    sc_record(s->out, &entered_type, &r, entered_text, &ptr_size);
    return NULL;
}

/* -1: back to the process, and with it the session, that the dump was made in. */
static sc_err *leave_session(struct job *j) {
    uint64_t id;
    bool has;
    sc_err *err = sc_session_leave_process(j->session);
    if (!err)
        err = current_session(j, true, &id, &has);
    if (err)
        return err;
    if (has)
        sc_printf(j->session->out, "Using session %" PRIu64 "\n", id);
    else
        sc_remark(j->session->out, "The current process is in no session.");
    return NULL;
}

static bool parse_session(const char *text, int64_t *ret) {
    char *end;
    *ret = strtoll(text, &end, 10);
    return end != text && !*end && *ret >= -4 && *ret <= UINT32_MAX;
}

static sc_err *run_session(sc_session *s, const struct sc_args *args) {
    struct job j;
    int64_t id = 0;
    const struct sc_val *v = &args->v[0];
    if (v->given && (!parse_session(v->text, &id) || id < -1))
        return sc_errf(SC_ERR_ARG, "!session -s %s: no session (a decimal number, or -1)", v->text);
    sc_err *err = begin(s, &j);
    if (!err && !v->given)
        err = list_sessions(&j);
    else if (!err)
        err = id == -1 ? leave_session(&j) : use_session(&j, (uint64_t)id);
    if (!err)
        say_missing(&j);
    if (!err && !v->given && sc_session_enrich(s))
        say_list(&j);
    nt_sessions_end(&j.sessions);
    return err;
}

/* ---- !sprocess ---- */

static void space_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const unsigned ptr_size = *(const unsigned *)ctx;
    char a[SC_NT_BUF];
    sc_printf(out, "Dumping Session %" PRIu64 "\n\n_MM_SESSION_SPACE %s\n", r->id,
              sc_nt_ptr_text(r->space, ptr_size, a));
    if (r->memory != SC_UNSET64)
        sc_printf(out, "_MMSESSION        %s\n", sc_nt_ptr_text(r->memory, ptr_size, a));
    else if (r->enrich)
        sc_puts(out, "[nt!_MM_SESSION_SPACE has no Session in this build's symbols]\n");
}

static sc_err *show_process(void *ctx, const struct nt_process *p) {
    struct job *j = ctx;
    if (p->session_id.state != NT_READ || (p->session_id.value & 0xffffffff) != j->id ||
        !nt_set(&p->f[NT_P_SESSION]))
        return NULL;
    if (j->image && (p->image_state != NT_READ || !sc_image_fits(p->image, j->image)))
        return NULL;
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = sc_show_kprocess(j->session, &j->nt, p->address, j->flags, arena);
    sc_arena_destroy(arena);
    sc_puts(j->session->out, "\n");
    j->shown++;
    return err;
}

static sc_err *show_session(struct job *j, const struct nt_session *n) {
    struct row r = {n->id,        n->space, nt_or(&n->memory, SC_UNSET64), n->first,
                    n->processes, false,    sc_session_enrich(j->session)};
    char why[NT_LIST_TEXT];
    sc_record(j->session->out, &row_type, &r, space_text, &j->nt.ptr_size);
    j->id = n->id;
    return sc_each_process(&j->nt, show_process, j, why);
}

static sc_err *show_id(struct job *j, int64_t id) {
    uint64_t number = (uint64_t)id;
    bool has = true;
    /* -1 and -2: the session of the process that commands are about, which !session -s sets. */
    sc_err *err = id < 0 ? current_session(j, false, &number, &has) : NULL;
    if (err)
        return err;
    if (!has)
        return sc_errf(SC_ERR_NOT_FOUND, "the current process is in no session, or its "
                                         "nt!_EPROCESS.Session is not in the dump: "
                                         "!sprocess -4 shows all");
    const struct nt_session *n = nt_sessions_find(&j->sessions, number);
    if (!n)
        return no_session(number, NULL);
    return show_session(j, n);
}

static sc_err *run_sprocess(sc_session *s, const struct sc_args *args) {
    struct job j;
    int64_t id = -1;
    const struct sc_val *v = &args->v[0];
    if (v->given && (!parse_session(v->text, &id) || id == -3))
        return sc_errf(SC_ERR_ARG,
                       "!sprocess %s: no session (a decimal number, -1 the current, -2 "
                       "that of !session -s, -4 all)",
                       v->text);
    sc_err *err = begin(s, &j);
    j.flags = args->v[1].given ? args->v[1].num : 0;
    j.image = args->v[2].given ? args->v[2].text : NULL;
    if (!err && id != -4)
        err = show_id(&j, id);
    for (size_t i = 0; !err && id == -4 && i < j.sessions.count; i++)
        err = show_session(&j, &j.sessions.item[i]);
    if (!err && !j.shown)
        sc_remark(s->out, j.image ? "No process of that name is in a session."
                                  : "No process that the dump holds is in a session.");
    if (!err)
        say_missing(&j);
    nt_sessions_end(&j.sessions);
    return err;
}

static const struct sc_arg session_args[] = {{SC_ARG_OPTION_WORD, "session", "s", true,
                                              "the session to be in, decimal; -1: the current one"},
                                             {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg sprocess_args[] = {
    {SC_ARG_WORD, "session", NULL, true, "decimal; -1 or -2 the current one, -4 all"},
    {SC_ARG_EXPR, "flags", NULL, true, "those of !process; 0 if missing"},
    {SC_ARG_WORD, "image", NULL, true, "only processes of this name"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_session_commands[] = {
    {.name = "!session",
     .brief = "list the sessions of users, or choose one",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .args = session_args,
     .help = "The sessions are those that processes are in, and those of the kernel's own list, "
             "which has some without processes. With -s the first process of that session becomes "
             "the one that commands are about, as with .process.",
     .sample = "!session",
     .run = run_session},
    {.name = "!sprocess",
     .brief = "show the processes of a session",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .args = sprocess_args,
     .sample = "!sprocess -4",
     .run = run_sprocess},
    {.name = NULL},
};
