/* SPDX-License-Identifier: MIT */
/*
 * `!filecache`: the files that have views in the system's cache.
 *
 *     !filecache
 *
 * The form is the documentation's. Which pages stand by, are dirty, shared or locked is in the page
 * frame database, which is not looked at: those columns have question marks.
 */
#include <inttypes.h>
#include <string.h>

#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "nt/filecache.h"

enum { KB_OF_PAGE = 4 };

struct row {
    uint64_t control, map, file;
    uint64_t views, valid_kb;
    const char *name;
};
static const struct sc_field fields[] = {SC_FIELD(struct row, control, SC_F_ADDR),
                                         SC_FIELD(struct row, map, SC_F_ADDR),
                                         SC_FIELD(struct row, file, SC_F_ADDR),
                                         SC_FIELD(struct row, views, SC_F_U64),
                                         SC_FIELD(struct row, valid_kb, SC_F_U64),
                                         SC_FIELD(struct row, name, SC_F_STR),
                                         SC_FIELD_END};
static const struct sc_rectype type = {"cached_file", sizeof(struct row), fields};

struct style {
    unsigned ptr_size;
};

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct style *s = ctx;
    char b[SC_NT_BUF];
    const char *slash = r->name ? strrchr(r->name, '\\') : NULL;
    sc_printf(out, "%s %5" PRIu64 "      ?     ?     ?  %s\n",
              sc_nt_ptr_text(r->control, s->ptr_size, b), r->valid_kb,
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

static sc_err *run_filecache(sc_session *s, const struct sc_args *args) {
    struct nt_filecache c;
    struct nt nt;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_filecache_read(&nt, args->arena, &c);
    if (err)
        return err;
    struct style style = {nt.ptr_size};
    struct total total = {kb(&c.size), kb(&c.peak), c.active, c.inactive, c.nfiles, 0};
    for (size_t i = 0; i < c.nfiles; i++)
        total.pages += c.file[i].pages;
    sc_record(s->out, &total_type, &total, total_text, &style);
    for (size_t i = 0; i < c.nfiles && !sc_out_failed(s->out); i++) {
        const struct nt_cached_file *f = &c.file[i];
        struct row r = {sc_nt_addr(&f->control), f->map, f->file, f->views,
                        f->pages * KB_OF_PAGE,   f->name};
        sc_record(s->out, &type, &r, row_text, &style);
    }
    if (c.missing)
        sc_remark(s->out, "%" PRIu64 " VACBs, or arrays of them, are not in the dump.", c.missing);
    sc_nt_assumed(s, c.assumed);
    return NULL;
}

const struct sc_command sc_filecache_commands[] = {
    {.name = "!filecache",
     .brief = "show the files that have views in the system's cache",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the memory of a process",
     .help = "Valid is what of the file's views is in memory, in kilobytes. Which pages stand by, "
             "are dirty, shared or locked is not looked at.\n"
             "\"No Name for File\": metadata of a file system.",
     .sample = "!filecache",
     .run = run_filecache},
    {.name = NULL},
};
