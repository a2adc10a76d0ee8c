/* SPDX-License-Identifier: MIT */
/*
 * `!filecache`: the files that have views in the system's cache.
 *
 *     !filecache [flags]
 *
 * The form is the documentation's. Which pages stand by, are dirty, shared or locked is counted in
 * the page frame database, by control area. Flag 1 sorts by shared cache map and lists each view.
 */
#include <inttypes.h>
#include <string.h>

#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "nt/filecache.h"
#include "nt/pfnuse.h"

enum { KB_OF_PAGE = 4, FLAG_VIEWS = 1 };

struct row {
    uint64_t control, map, file;
    uint64_t views, valid_kb;
    int64_t standby_dirty_kb, shared_kb, locked_kb; /* INT64_MIN: not known */
    const char *name;
};
static const struct sc_field fields[] = {
    SC_FIELD(struct row, control, SC_F_ADDR),  SC_FIELD(struct row, map, SC_F_ADDR),
    SC_FIELD(struct row, file, SC_F_ADDR),     SC_FIELD(struct row, views, SC_F_U64),
    SC_FIELD(struct row, valid_kb, SC_F_U64),  SC_FIELD(struct row, standby_dirty_kb, SC_F_NUM),
    SC_FIELD(struct row, shared_kb, SC_F_NUM), SC_FIELD(struct row, locked_kb, SC_F_NUM),
    SC_FIELD(struct row, name, SC_F_STR),      SC_FIELD_END};
static const struct sc_rectype type = {"cached_file", sizeof(struct row), fields};

struct view_row {
    uint64_t map, base, vacb, valid_kb;
};
static const struct sc_field view_fields[] = {
    SC_FIELD(struct view_row, map, SC_F_ADDR), SC_FIELD(struct view_row, base, SC_F_ADDR),
    SC_FIELD(struct view_row, vacb, SC_F_ADDR), SC_FIELD(struct view_row, valid_kb, SC_F_U64),
    SC_FIELD_END};
static const struct sc_rectype view_type = {"cached_view", sizeof(struct view_row), view_fields};

struct style {
    unsigned ptr_size;
};

static void view_text(sc_out *out, const void *record, void *ctx) {
    const struct view_row *r = record;
    const struct style *s = ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_printf(out, "%*s %5" PRIu64 "  view %s, VACB %s\n", (int)s->ptr_size * 2, "", r->valid_kb,
              sc_nt_ptr_text(r->base, s->ptr_size, a), sc_nt_ptr_text(r->vacb, s->ptr_size, b));
}

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct style *s = ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF], c[SC_NT_BUF], d[SC_NT_BUF];
    const char *slash = r->name ? strrchr(r->name, '\\') : NULL;
    sc_printf(out, "%s %5" PRIu64 " %6s %5s %5s  %s\n", sc_nt_ptr_text(r->control, s->ptr_size, d),
              r->valid_kb, sc_nt_num_text(r->standby_dirty_kb, a), sc_nt_num_text(r->shared_kb, b),
              sc_nt_num_text(r->locked_kb, c),
              !r->name            ? "  No Name for File"
              : slash && slash[1] ? slash + 1
                                  : r->name);
}

struct total {
    int64_t current_kb, peak_kb;
    uint64_t active, inactive, files, pages;
};
static const struct sc_field total_fields[] = {SC_FIELD(struct total, current_kb, SC_F_NUM),
                                               SC_FIELD(struct total, peak_kb, SC_F_NUM),
                                               SC_FIELD(struct total, active, SC_F_U64),
                                               SC_FIELD(struct total, inactive, SC_F_U64),
                                               SC_FIELD(struct total, files, SC_F_U64),
                                               SC_FIELD(struct total, pages, SC_F_U64),
                                               SC_FIELD_END};
static const struct sc_rectype total_type = {"file_cache", sizeof(struct total), total_fields};

static void total_text(sc_out *out, const void *record, void *ctx) {
    const struct total *r = record;
    const struct style *s = ctx;
    sc_puts(out, "***** Dump file cache******\n  Reading and sorting VACBs ...\n");
    sc_printf(out,
              "  Removed %" PRIu64 " nonactive VACBs, processing %" PRIu64 " active VACBs ...\n",
              r->inactive, r->active);
    sc_puts(out, "File Cache Information\n");
    if (r->current_kb != INT64_MIN)
        sc_printf(out, "  Current size %" PRId64 " kb\n", r->current_kb);
    if (r->peak_kb != INT64_MIN)
        sc_printf(out, "  Peak size    %" PRId64 " kb\n", r->peak_kb);
    sc_printf(out, "  %" PRIu64 " Control Areas\n", r->files);
    sc_printf(out, "  File cache has %" PRIu64 " valid pages\n\n\n  Usage Summary (in Kb):\n",
              r->pages);
    sc_printf(out, "%-*s Valid Standby/Dirty Shared Locked Name\n", (int)s->ptr_size * 2,
              "Control");
}

static int64_t kb(const struct nt_field *f) {
    return f->state == NT_READ ? (int64_t)(f->value * KB_OF_PAGE) : INT64_MIN;
}

struct job {
    sc_session *s;
    struct nt nt;
    struct nt_filecache c;
    struct nt_pfnuse use; /* nothing, and `why`: why there is none */
    const char *why;
    struct style style;
    sc_arena *arena;
};

static sc_err *count_pages(struct job *j) {
    struct nt_pfndb db;
    sc_err *err = nt_pfndb_open(&j->nt, &db);
    if (!err)
        err = nt_pfnuse_count(&db, true, j->arena, &j->use);
    if (!err || (sc_err_code(err) != SC_ERR_NOT_FOUND && sc_err_code(err) != SC_ERR_UNSUPPORTED))
        return err;
    j->why = sc_arena_strdup(j->arena, sc_err_text(err));
    sc_err_destroy(err);
    return j->why ? NULL : sc_err_nomem();
}

/* What the page frames say of the control area; NULL: nothing. They are sorted by kind and key. */
static const struct nt_user *user_of(const struct job *j, uint64_t control) {
    size_t low = 0, high = j->use.nusers;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct nt_user *u = &j->use.user[mid];
        if (u->kind < NT_USER_FILE || (u->kind == NT_USER_FILE && u->key < control))
            low = mid + 1;
        else
            high = mid;
    }
    const struct nt_user *u = low < j->use.nusers ? &j->use.user[low] : NULL;
    return u && u->kind == NT_USER_FILE && u->key == control ? u : NULL;
}

static void show_file(struct job *j, size_t index) {
    const struct nt_cached_file *f = &j->c.file[index];
    const struct nt_user *u = nt_set(&f->control) ? user_of(j, f->control.value) : NULL;
    bool known = !j->why && nt_set(&f->control);
    struct row r = {.control = sc_nt_addr(&f->control),
                    .map = f->map,
                    .file = f->file,
                    .views = f->views,
                    .valid_kb = f->pages * KB_OF_PAGE,
                    .name = f->name};
    r.standby_dirty_kb = u       ? (int64_t)((u->standby + u->dirty) * KB_OF_PAGE)
                         : known ? 0
                                 : INT64_MIN;
    r.shared_kb = u ? (int64_t)(u->shared * KB_OF_PAGE) : known ? 0 : INT64_MIN;
    r.locked_kb = u ? (int64_t)(u->locked * KB_OF_PAGE) : known ? 0 : INT64_MIN;
    sc_record(j->s->out, &type, &r, row_text, &j->style);
}

/* By shared cache map, each with its views. */
static void show_views(struct job *j) {
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < j->c.nviews && !sc_out_failed(j->s->out); i++) {
        const struct nt_cached_view *v = &j->c.view[i];
        struct view_row r = {j->c.file[v->file].map, v->base, v->vacb, v->pages * KB_OF_PAGE};
        if (v->file != last)
            show_file(j, v->file);
        last = v->file;
        sc_record(j->s->out, &view_type, &r, view_text, &j->style);
    }
}

static void say_missing(const struct job *j) {
    if (j->c.missing)
        sc_remark(j->s->out, "%" PRIu64 " VACBs, or arrays of them, are not in the dump.",
                  j->c.missing);
    if (j->why)
        sc_remark(j->s->out, "Which pages stand by, are dirty, shared or locked is not known: %s",
                  j->why);
    else if (j->use.absent)
        sc_remark(j->s->out,
                  "The entries of %" PRIu64 " page frames (nt!MmPfnDatabase) are not in the dump: "
                  "more pages may stand by, be dirty, shared or locked.",
                  j->use.absent);
    sc_nt_assumed(j->s, j->c.assumed);
}

static sc_err *run_filecache(sc_session *s, const struct sc_args *args) {
    struct job j = {.s = s, .arena = args->arena};
    uint64_t flags = args->v[0].given ? args->v[0].num : 0;
    sc_err *err = sc_session_nt(s, &j.nt);
    if (!err)
        err = nt_filecache_read(&j.nt, flags & FLAG_VIEWS, args->arena, &j.c);
    if (!err)
        err = count_pages(&j);
    if (err)
        return err;
    struct total total = {kb(&j.c.size), kb(&j.c.peak), j.c.active, j.c.inactive, j.c.nfiles, 0};
    j.style = (struct style){j.nt.ptr_size};
    for (size_t i = 0; i < j.c.nfiles; i++)
        total.pages += j.c.file[i].pages;
    sc_record(s->out, &total_type, &total, total_text, &j.style);
    if (flags & FLAG_VIEWS)
        show_views(&j);
    for (size_t i = 0; !(flags & FLAG_VIEWS) && i < j.c.nfiles && !sc_out_failed(s->out); i++)
        show_file(&j, i);
    say_missing(&j);
    return NULL;
}

static const struct sc_arg filecache_args[] = {
    {SC_ARG_EXPR, "flags", NULL, true, "1: by shared cache map, with each view"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_filecache_commands[] = {
    {.name = "!filecache",
     .brief = "show the files that have views in the system's cache",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the memory of a process",
     .args = filecache_args,
     .help = "Valid is what of the file's views is in memory, in kilobytes. Which of the file's "
             "pages stand by, are dirty, shared or locked is counted in the page frame database: "
             "`?` where that is not in the dump.\n"
             "Flag 1 sorts by shared cache map and lists each view.\n"
             "\"No Name for File\": metadata of a file system.",
     .sample = "!filecache",
     .run = run_filecache},
    {.name = NULL},
};
