/* SPDX-License-Identifier: MIT */
/*
 * The stacks of all threads: `!uniqstack` shows each different one once, `!findstack` those that a
 * symbol or module is on.
 *
 *     Thread 009, 2 frame(s) match
 *             * 06 03eaffac 771d9263 wininet!ICAsyncThread::SelectThread+0x22a
 *             * 07 03eaffb4 7c80b50b wininet!ICAsyncThread::SelectThreadWrapper+0xd
 *
 * In whole memory these are the threads of all processes, by their ETHREADs, with the kernel's part
 * of their stacks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "base/vec.h"
#include "cmd/keach.h"
#include "cmd/procspace.h"
#include "cmd/show.h"
#include "cmd/stack.h"

/* ---- each thread in turn ---- */

/*
 * Whose stack it is: thread or processor `index`, which is the current one; of whole memory a
 * thread of the kernel's lists, which are counted by `index`, too.
 */
struct who {
    uint32_t index;
    const struct nt_process *process;
    const struct nt_thread *thread; /* NULL: not of the lists */
};
typedef sc_err *(*stack_fn)(sc_session *session, void *ctx, const struct who *who,
                            const struct sc_walked *walked, sc_arena *arena);

static sc_err *one_thread(sc_session *session, uint32_t index, stack_fn fn, void *ctx) {
    struct sc_walked walked = {.first = 0};
    const struct who who = {.index = index};
    sc_arena *arena = sc_arena_create();
    sc_err *err = arena ? sc_session_set_current(session, index) : sc_err_nomem();
    if (!err)
        err = sc_session_walk(session, sc_session_kframes(session), &walked);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND)) /* registers of it are not in the dump */
        err = fn(session, ctx, &who, NULL, arena);
    else if (!err)
        err = fn(session, ctx, &who, &walked, arena);
    sc_stack_deinit(&walked.stack);
    sc_arena_destroy(arena);
    return err;
}

static sc_err *count_threads(sc_session *session, uint32_t *ret_count) {
    const struct sc_threads *threads;
    sc_err *err = sc_target_threads(sc_session_target(session), &threads);
    if (!err)
        *ret_count = threads->count < UINT32_MAX ? (uint32_t)threads->count : UINT32_MAX;
    return err;
}

/* The threads of the kernel's lists. */
struct lists {
    sc_session *session;
    const struct nt *nt;
    stack_fn fn;
    void *ctx;
    uint32_t count;
};

static sc_err *on_thread(void *ctx, const struct nt_process *p, const struct nt_thread *t) {
    struct lists *l = ctx;
    const struct who who = {l->count++, p, t};
    struct sc_walked walked = {.first = 0};
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    bool missing = sc_kstack_missing(l->nt, t) != NULL;
    sc_err *err = missing ? NULL : sc_kstack_walk(l->session, l->nt, t, 0, &walked.stack);
    missing |= sc_err_catch(&err, SC_ERR_NOT_FOUND);
    if (!err)
        err = l->fn(l->session, l->ctx, &who, missing ? NULL : &walked, arena);
    sc_stack_deinit(&walked.stack);
    sc_arena_destroy(arena);
    return err;
}

static sc_err *each_listed(sc_session *session, stack_fn fn, void *ctx, sc_arena *arena,
                           uint32_t *ret_count) {
    struct nt nt;
    struct lists lists = {session, &nt, fn, ctx, 0};
    const struct sc_keach each = {.thread = on_thread, .ctx = &lists, .idle = true};
    const char *why = NULL;
    sc_err *err = sc_session_nt(session, &nt);
    if (!err)
        err = sc_each_kthread(session, &nt, &each, arena, &why);
    if (!err && why)
        sc_remark(sc_session_out(session), "*** not all threads are in the dump: %s", why);
    *ret_count = lists.count;
    return err;
}

/* "THREAD ffffe00001019880  Cid 0004.00cc" */
/* Whose stack follows. */
struct owner_rec {
    uint64_t thread, process;
    int64_t pid, tid;
    const char *image;
};
static const struct sc_field owner_fields[] = {
    SC_FIELD(struct owner_rec, thread, SC_F_ADDR), SC_FIELD(struct owner_rec, pid, SC_F_NUM),
    SC_FIELD(struct owner_rec, tid, SC_F_NUM),     SC_FIELD(struct owner_rec, process, SC_F_ADDR),
    SC_FIELD(struct owner_rec, image, SC_F_STR),   SC_FIELD_END};
static const struct sc_rectype owner_type = {"stack_thread", sizeof(struct owner_rec),
                                             owner_fields};

/* An id as Cid shows it; INT64_MIN: it is not known. */
static const char *id_text(int64_t id, char buf[SC_NT_BUF]) {
    if (id == INT64_MIN)
        return "????";
    snprintf(buf, SC_NT_BUF, "%04" PRIx64, (uint64_t)id);
    return buf;
}

static void owner_text(sc_out *out, const void *record, void *ctx) {
    const struct owner_rec *r = record;
    char a[SC_NT_BUF];
    char pid[SC_NT_BUF], tid[SC_NT_BUF];
    sc_printf(out, "THREAD %s  Cid %s.%s  Image: %s\n",
              sc_nt_ptr_text(r->thread, *(const unsigned *)ctx, a), id_text(r->pid, pid),
              id_text(r->tid, tid), r->image ? r->image : "<Unknown>");
}

static void kthread_line(sc_session *session, const struct who *who) {
    const struct nt_field *f = who->thread->f;
    unsigned ptr_size = sc_target_ptr_size(sc_session_target(session));
    const struct owner_rec r = {who->thread->address, who->process->address,
                                sc_nt_num(&f[NT_T_PID]), sc_nt_num(&f[NT_T_TID]),
                                who->process->image_state == NT_READ ? who->process->image : NULL};
    sc_record(sc_session_out(session), &owner_type, &r, owner_text, &ptr_size);
}

static sc_err *each_thread(sc_session *session, uint32_t count, stack_fn fn, void *ctx) {
    struct sc_context saved = *sc_session_context(session);
    struct sc_implicit implicit = sc_session_implicit(session);
    uint32_t before = sc_session_current(session);
    sc_err *err = NULL;
    for (uint32_t i = 0; !err && i < count; i++) {
        if (sc_target_cancelled(sc_session_target(session)))
            err = sc_err_cancelled();
        else if (!sc_out_failed(sc_session_out(session)))
            err = one_thread(session, i, fn, ctx);
    }
    sc_err_destroy(sc_session_set_current(session, before));
    sc_session_restore_implicit(session, &implicit);
    sc_session_restore_context(session, &saved);
    return err;
}

/* ---- !uniqstack ---- */

struct seen {
    uint64_t hash;
    size_t frames;
};

struct unique {
    struct sc_kform form;
    uint32_t threads;
    struct {
        struct seen *item;
        size_t count, room;
    } seen;
    struct {
        uint64_t *item; /* numbers, or addresses of ETHREADs */
        size_t count, room;
    } duplicates;
    uint32_t missing; /* threads without registers */
};

/* Stacks are the same when they pass through the same instructions. */
static struct seen seen_of(const struct sc_stack *stack) {
    struct seen s = {0xcbf29ce484222325u, stack->count};
    for (size_t i = 0; i < stack->count; i++)
        s.hash = (s.hash ^ stack->frame[i].ip) * 0x100000001b3u;
    return s;
}

static bool was_seen(const struct unique *u, const struct seen *s) {
    for (size_t i = 0; i < u->seen.count; i++)
        if (u->seen.item[i].hash == s->hash && u->seen.item[i].frames == s->frames)
            return true;
    return false;
}

static sc_err *show_unique(sc_session *session, void *ctx, const struct who *who,
                           const struct sc_walked *walked, sc_arena *arena) {
    struct unique *u = ctx;
    if (!walked) {
        u->missing++;
        return NULL;
    }
    struct seen s = seen_of(&walked->stack);
    if (was_seen(u, &s)) {
        uint64_t *slot = SC_VEC_PUSH(&u->duplicates);
        if (!slot)
            return sc_err_nomem();
        *slot = who->thread ? who->thread->address : who->index;
        return NULL;
    }
    struct seen *slot = SC_VEC_PUSH(&u->seen);
    if (!slot)
        return sc_err_nomem();
    *slot = s;
    sc_puts(sc_session_out(session), "\n");
    sc_err *err = NULL;
    if (who->thread)
        kthread_line(session, who);
    else
        err = sc_show_thread(session, who->index, who->index, true, arena);
    return err ? err : sc_show_stack(session, walked, &u->form, arena);
}

struct total_rec {
    uint64_t *duplicate;
    size_t nduplicates;
    uint32_t threads, without_registers;
};
static const struct sc_field total_fields[] = {
    SC_FIELD(struct total_rec, threads, SC_F_U32),
    SC_FIELD(struct total_rec, without_registers, SC_F_U32),
    {"duplicates", SC_F_HEXES, offsetof(struct total_rec, duplicate),
     offsetof(struct total_rec, nduplicates), NULL, NULL},
    SC_FIELD_END};
static const struct sc_rectype total_type = {"stack_totals", sizeof(struct total_rec),
                                             total_fields};

static void total_text(sc_out *out, const void *record, void *ctx) {
    const struct total_rec *r = record;
    bool listed = *(const bool *)ctx;
    sc_printf(out, "\nTotal threads: %u\n", r->threads);
    if (r->nduplicates)
        sc_printf(out, "Duplicate callstacks: %zu (%s follow):\n", r->nduplicates,
                  listed ? "threads" : "windbg thread #s");
    for (size_t i = 0; i < r->nduplicates; i++)
        sc_printf(out, listed ? "%s%llx" : "%s%llu", i ? ", " : "",
                  (unsigned long long)r->duplicate[i]);
    sc_puts(out, r->nduplicates ? "\n" : "");
}

static sc_err *show_totals(sc_session *session, const struct unique *u, uint32_t count,
                           sc_arena *arena) {
    struct total_rec r = {
        .threads = count, .nduplicates = u->duplicates.count, .without_registers = u->missing};
    r.duplicate = sc_arena_array(arena, r.nduplicates + 1, sizeof *r.duplicate);
    if (!r.duplicate)
        return sc_err_nomem();
    for (size_t i = 0; i < r.nduplicates; i++)
        r.duplicate[i] = u->duplicates.item[i];
    bool listed = sc_session_has_kthreads(session);
    sc_record(sc_session_out(session), &total_type, &r, total_text, &listed);
    if (u->missing && sc_session_enrich(session))
        sc_remark(sc_session_out(session), "Of %u of them the dump holds no %s.", u->missing,
                  listed ? "stack" : "registers");
    return NULL;
}

enum { ARG_B, ARG_V, ARG_P, ARG_N };

static sc_err *run_uniqstack(sc_session *session, const struct sc_args *args) {
    bool b = args->v[ARG_B].given, v = args->v[ARG_V].given;
    struct unique u = {.form = {.args = b || v,
                                .child = v || !b,
                                .notes = v,
                                .params = args->v[ARG_P].given,
                                .numbers = args->v[ARG_N].given}};
    uint32_t count = 0;
    sc_err *err = sc_session_has_kthreads(session) ? NULL : count_threads(session, &count);
    if (!err && !sc_session_has_kthreads(session)) {
        sc_printf(sc_session_out(session), "Processing %u threads, please wait\n", count);
        err = each_thread(session, count, show_unique, &u);
    } else if (!err) {
        err = each_listed(session, show_unique, &u, args->arena, &count);
    }
    if (!err)
        err = show_totals(session, &u, count, args->arena);
    SC_VEC_FREE(&u.seen);
    SC_VEC_FREE(&u.duplicates);
    return err;
}

/* ---- !findstack ---- */

struct search {
    const char *symbol;
    unsigned level;
    uint64_t found; /* threads */
};

/* Does TEXT begin with the symbol, or is it what its wildcards describe? */
static bool fits(const char *symbol, const char *text) {
    return strpbrk(symbol, "*?") ? sc_wild_match(symbol, text)
                                 : !sc_strncasecmp(symbol, text, strlen(symbol));
}

/* The frame's "module!name", or its name alone, or the module alone. */
static sc_err *matches(const struct search *s, const struct sc_frame_rec *r, sc_arena *arena,
                       bool *ret) {
    const char *full =
        r->module && r->name ? sc_arena_printf(arena, "%s!%s", r->module, r->name) : r->symbol;
    if (!full)
        return sc_err_nomem();
    bool bare = !strchr(s->symbol, '!');
    *ret = fits(s->symbol, full) || (bare && r->name && fits(s->symbol, r->name)) ||
           (bare && r->module && fits(s->symbol, r->module));
    return NULL;
}

struct match_rec {
    uint32_t thread, matches;
    uint64_t address; /* of the ETHREAD; SC_UNSET64 none */
    int64_t pid, tid;
};
static const struct sc_field match_fields[] = {
    SC_FIELD(struct match_rec, thread, SC_F_U32),  SC_FIELD(struct match_rec, address, SC_F_ADDR),
    SC_FIELD(struct match_rec, pid, SC_F_NUM),     SC_FIELD(struct match_rec, tid, SC_F_NUM),
    SC_FIELD(struct match_rec, matches, SC_F_U32), SC_FIELD_END};
static const struct sc_rectype match_type = {"stack_match", sizeof(struct match_rec), match_fields};

static void match_text(sc_out *out, const void *record, void *ctx) {
    const struct match_rec *r = record;
    const unsigned *ptr_size = ctx;
    char a[SC_NT_BUF], pid[SC_NT_BUF], tid[SC_NT_BUF];
    if (r->address == SC_UNSET64)
        sc_printf(out, "Thread %03u, %u frame(s) match\n", r->thread, r->matches);
    else
        sc_printf(out, "Thread %s (%s.%s), %u frame(s) match\n",
                  sc_nt_ptr_text(r->address, *ptr_size, a), id_text(r->pid, pid),
                  id_text(r->tid, tid), r->matches);
}

/* The records of all frames; which of them match. */
static sc_err *read_frames(sc_session *session, const struct search *s,
                           const struct sc_walked *walked, const struct sc_kform *form,
                           sc_arena *arena, struct sc_frame_rec *rows, bool *match,
                           uint32_t *ret_matches) {
    uint32_t n = 0;
    for (size_t i = 0; i < walked->stack.count; i++) {
        sc_err *err = sc_frame_row(session, &walked->stack, i, form, arena, &rows[i]);
        if (err)
            return err;
        err = matches(s, &rows[i], arena, &match[i]);
        if (err)
            return err;
        n += match[i];
    }
    *ret_matches = n;
    return NULL;
}

static sc_err *search_stack(sc_session *session, void *ctx, const struct who *who,
                            const struct sc_walked *walked, sc_arena *arena) {
    static const struct sc_kform form = {.child = true, .numbers = true, .decimal = true};
    struct search *s = ctx;
    sc_out *out = sc_session_out(session);
    struct sc_kstyle style;
    struct match_rec r = {
        .thread = who->index, .address = SC_UNSET64, .pid = INT64_MIN, .tid = INT64_MIN};
    unsigned ptr_size = sc_target_ptr_size(sc_session_target(session));
    if (!walked)
        return NULL;
    style = sc_kstyle_of(session, &form, &walked->stack);
    struct sc_frame_rec *rows = sc_arena_array(arena, walked->stack.count + 1, sizeof *rows);
    bool *match = sc_arena_array(arena, walked->stack.count + 1, sizeof *match);
    if (!rows || !match)
        return sc_err_nomem();
    sc_err *err = read_frames(session, s, walked, &form, arena, rows, match, &r.matches);
    if (err || !r.matches)
        return err;
    s->found++;
    if (who->thread) {
        r.address = who->thread->address;
        r.pid = sc_nt_num(&who->thread->f[NT_T_PID]);
        r.tid = sc_nt_num(&who->thread->f[NT_T_TID]);
    }
    sc_record(out, &match_type, &r, match_text, &ptr_size);
    for (size_t i = 0; s->level && i < walked->stack.count; i++) {
        style.before = match[i] ? "        * " : "          ";
        if (match[i] || s->level > 1)
            sc_record(out, &sc_frame_rectype, &rows[i], sc_frame_text, &style);
    }
    sc_puts(out, s->level ? "\n" : "");
    return NULL;
}

/* Does the symbol begin with the name of this module? */
static bool names_module(const char *symbol, const struct sc_module *m) {
    size_t n = strcspn(symbol, "!");
    return symbol[n] && strlen(m->name) == n && !sc_strncasecmp(symbol, m->name, n);
}

/* Why a name that is on a stack might not have been found. */
static sc_err *say_nothing_found(sc_session *session, const struct search *s) {
    sc_out *out = sc_session_out(session);
    const struct sc_modules *modules;
    sc_symtab *symtab = sc_session_symtab_peek(session);
    sc_err *err = sc_target_modules(sc_session_target(session), &modules);
    if (err)
        return err;
    sc_remark(out, "No stack has a frame of \"%s\".", s->symbol);
    for (size_t i = 0; symtab && i < modules->count; i++) {
        const struct sc_module *m = &modules->item[i];
        if (!names_module(s->symbol, m))
            continue;
        enum sc_symstate state = sc_symtab_peek(symtab, m)->state;
        if (state == SC_SYMSTATE_EXPORT || state == SC_SYMSTATE_NONE)
            sc_remark(out, "There are %s: its functions have no names of their own.",
                      state == SC_SYMSTATE_NONE ? "no symbols of that module"
                                                : "only the exports of that module");
        break;
    }
    if (sc_session_has_kthreads(session))
        sc_remark(out, "Only the kernel's part of stacks was looked at; !process 0 1f shows the "
                       "rest.");
    return NULL;
}

static sc_err *run_findstack(sc_session *session, const struct sc_args *args) {
    struct search s = {args->v[0].text, 1, 0};
    uint32_t count;
    if (args->v[1].given && args->v[1].num > 2)
        return sc_errf(SC_ERR_ARG, "!findstack: level 0 threads, 1 frames, 2 whole stacks");
    if (args->v[1].given)
        s.level = (unsigned)args->v[1].num;
    sc_err *err = sc_session_has_kthreads(session)
                      ? each_listed(session, search_stack, &s, args->arena, &count)
                      : count_threads(session, &count);
    if (!err && !sc_session_has_kthreads(session))
        err = each_thread(session, count, search_stack, &s);
    return err || s.found || !sc_session_enrich(session) ? err : say_nothing_found(session, &s);
}

static const struct sc_arg uniqstack_args[] = {
    [ARG_B] = {SC_ARG_OPTION, "arguments", "b", true, "as kb"},
    [ARG_V] = {SC_ARG_OPTION, "frame data", "v", true, "as kv"},
    [ARG_P] = {SC_ARG_OPTION, "parameters", "p", true, "as kp"},
    [ARG_N] = {SC_ARG_OPTION, "numbers", "n", true, "as kn"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg findstack_args[] = {
    {SC_ARG_WORD, "symbol", NULL, false,
     "a module, or the beginning of module!name or name; * and ? are wildcards"},
    {SC_ARG_EXPR, "level", NULL, true, "0 threads alone, 1 the frames, 2 the whole stacks"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_findstack_commands[] = {
    {.name = "!uniqstack",
     .brief = "show the stacks of all threads, equal ones once",
     .needs = SC_NEED_TARGET,
     .args = uniqstack_args,
     .help = "Stacks are equal when they pass through the same instructions. At the end stand the "
             "numbers of the threads whose stacks were left out.\n"
             "In the dump of a whole memory it is about the threads of all processes, in a small "
             "kernel dump about processors.",
     .sample = "!uniqstack",
     .run = run_uniqstack},
    {.name = "!findstack",
     .brief = "find the threads whose stacks have a symbol or module",
     .needs = SC_NEED_TARGET,
     .args = findstack_args,
     .help = "!findstack ntdll!NtWait shows for each thread the frames whose names begin so; "
             "!findstack wininet those of a module. Frames are numbered in decimal.\n"
             "In the dump of a whole memory it is about the kernel's part of the stacks of all "
             "threads.",
     .sample = "!findstack ntdll 0",
     .run = run_findstack},
    {.name = NULL},
};
