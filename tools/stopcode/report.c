/* SPDX-License-Identifier: MIT */
/*
 * Reports of a batch. The JSON object comes from the field tables below, the text from one
 * function; both say the same.
 */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct evidence_row {
    const char *claim, *command;
    bool against;
    uint64_t address;
};

struct finding_row {
    const char *rule, *confidence, *summary, *detail, *module, *symbol;
    struct evidence_row *evidence;
    size_t nevidence;
    const char *const *lacked, *const *next;
    size_t nlacked, nnext;
};

struct file_row {
    const char *file, *status, *error;
    const char *format, *cpu;
    uint64_t size, time;
    uint32_t build;
    bool has_bugcheck;
    struct {
        uint32_t code;
        const char *name, *brief;
        uint64_t args[4];
        const uint64_t *arg;
        size_t narg;
    } bugcheck;
    const char *exception, *process, *bucket;
    struct finding_row *findings;
    size_t nfindings;
    const char *const *notes;
    size_t nnotes;
};

static const struct sc_field evidence_fields[] = {
    SC_FIELD(struct evidence_row, claim, SC_F_STR),
    SC_FIELD(struct evidence_row, against, SC_F_BOOL),
    SC_FIELD(struct evidence_row, address, SC_F_ADDR),
    SC_FIELD(struct evidence_row, command, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype evidence_type = {"evidence", sizeof(struct evidence_row),
                                                evidence_fields};

static const struct sc_field finding_fields[] = {
    SC_FIELD(struct finding_row, rule, SC_F_STR),
    SC_FIELD(struct finding_row, confidence, SC_F_STR),
    SC_FIELD(struct finding_row, summary, SC_F_STR),
    SC_FIELD(struct finding_row, detail, SC_F_STR),
    SC_FIELD(struct finding_row, module, SC_F_STR),
    SC_FIELD(struct finding_row, symbol, SC_F_STR),
    SC_FIELD_LIST(struct finding_row, evidence, nevidence, &evidence_type),
    SC_FIELD_STRS(struct finding_row, lacked, nlacked),
    SC_FIELD_STRS(struct finding_row, next, nnext),
    SC_FIELD_END,
};
static const struct sc_rectype finding_type = {"finding", sizeof(struct finding_row),
                                               finding_fields};

#define FILE_HEAD                                                                                  \
    SC_FIELD(struct file_row, file, SC_F_STR), SC_FIELD(struct file_row, status, SC_F_STR),        \
        SC_FIELD(struct file_row, error, SC_F_STR)
#define FILE_DUMP                                                                                  \
    SC_FIELD(struct file_row, format, SC_F_STR), SC_FIELD(struct file_row, size, SC_F_U64),        \
        SC_FIELD(struct file_row, cpu, SC_F_STR), SC_FIELD(struct file_row, build, SC_F_U32),      \
        SC_FIELD(struct file_row, time, SC_F_TIME)
#define FILE_BUGCHECK                                                                              \
    {"bugcheck", SC_F_HEX32, offsetof(struct file_row, bugcheck.code), 0, NULL, NULL},             \
        {"bugcheck_name", SC_F_STR, offsetof(struct file_row, bugcheck.name), 0, NULL, NULL}, {    \
        "bugcheck_args", SC_F_HEXES, offsetof(struct file_row, bugcheck.arg),                      \
            offsetof(struct file_row, bugcheck.narg), NULL, NULL                                   \
    }
#define FILE_VERDICT                                                                               \
    SC_FIELD(struct file_row, exception, SC_F_STR), SC_FIELD(struct file_row, process, SC_F_STR),  \
        SC_FIELD(struct file_row, bucket, SC_F_STR),                                               \
        SC_FIELD_LIST(struct file_row, findings, nfindings, &finding_type),                        \
        SC_FIELD_STRS(struct file_row, notes, nnotes)

/* Without a bug check there are no fields for one, rather than a bug check 0. */
static const struct sc_field error_fields[] = {FILE_HEAD, SC_FIELD_END};
static const struct sc_field user_fields[] = {FILE_HEAD, FILE_DUMP, FILE_VERDICT, SC_FIELD_END};
static const struct sc_field kernel_fields[] = {FILE_HEAD, FILE_DUMP, FILE_BUGCHECK, FILE_VERDICT,
                                                SC_FIELD_END};
static const struct sc_rectype error_type = {"file", sizeof(struct file_row), error_fields};
static const struct sc_rectype user_type = {"file", sizeof(struct file_row), user_fields};
static const struct sc_rectype kernel_type = {"file", sizeof(struct file_row), kernel_fields};

static const char *status_name(enum report_status status) {
    static const char *const name[] = {"analysed", "failed", "not_opened"};
    return name[status];
}

/* --- filling the rows --- */

static bool fill_finding(const struct sc_finding *f, sc_arena *arena, struct finding_row *ret) {
    *ret = (struct finding_row){
        .rule = f->rule,
        .confidence = sc_confidence_name(f->confidence),
        .summary = f->summary,
        .detail = f->detail,
        .module = f->module ? f->module->image : NULL,
        .symbol = f->symbol,
        .lacked = f->lacked,
        .nlacked = f->nlacked,
        .next = f->next,
        .nnext = f->nnext,
        .nevidence = f->nevidence,
        .evidence = sc_arena_array(arena, f->nevidence + 1, sizeof *ret->evidence),
    };
    for (size_t i = 0; ret->evidence && i < f->nevidence; i++) {
        const struct sc_evidence *e = &f->evidence[i];
        ret->evidence[i] = (struct evidence_row){e->claim, e->command, e->against, e->address};
    }
    return ret->evidence != NULL;
}

static bool fill(const char *path, sc_target *target, const struct sc_analysis *a, sc_arena *arena,
                 struct file_row *row) {
    *row = (struct file_row){
        .file = path,
        .status = status_name(REPORT_DONE),
        .format = sc_target_source(target)->probe.name,
        .size = sc_target_file_size(target),
        .cpu = sc_cpu_name(a->machine->cpu),
        .build = a->machine->build,
        .time = a->machine->time,
        .has_bugcheck = a->has_bugcheck,
        .exception = a->has_exception ? a->exception_name : NULL,
        .process = a->process,
        .bucket = a->bucket,
        .notes = a->notes,
        .nnotes = a->nnotes,
        .nfindings = a->nfindings,
        .findings = sc_arena_array(arena, a->nfindings + 1, sizeof *row->findings),
    };
    if (!row->findings)
        return false;
    row->bugcheck.code = a->code;
    row->bugcheck.name = a->name;
    row->bugcheck.brief = a->brief;
    row->bugcheck.arg = row->bugcheck.args;
    row->bugcheck.narg = 4;
    for (int i = 0; i < 4; i++)
        row->bugcheck.args[i] = a->arg[i].value;
    for (size_t i = 0; i < a->nfindings; i++)
        if (!fill_finding(&a->findings[i], arena, &row->findings[i]))
            return false;
    return true;
}

/* --- text --- */

static void print_what(sc_out *out, const struct file_row *row) {
    if (row->has_bugcheck)
        sc_printf(out, "%X %s", row->bugcheck.code,
                  row->bugcheck.name ? row->bugcheck.name : "(unknown bug check)");
    else
        sc_printf(out, "%s", row->exception ? row->exception : "no bug check and no exception");
}

static void print_finding(sc_out *out, const struct finding_row *f) {
    sc_printf(out, "  %s: %s\n", f->confidence, f->summary);
    for (size_t i = 0; i < f->nevidence; i++) {
        const struct evidence_row *e = &f->evidence[i];
        sc_printf(out, "    %s %s  [%s]\n", e->against ? "against:" : "-", e->claim, e->command);
    }
}

static void print_block(sc_out *out, const struct file_row *row) {
    sc_printf(out, "%s\n", row->file);
    if (row->error) {
        sc_printf(out, "  %s: %s\n", row->status[0] == 'n' ? "not opened" : "failed", row->error);
    } else {
        sc_puts(out, "  ");
        print_what(out, row);
        sc_printf(out, "\n  bucket: %s\n", row->bucket);
        for (size_t i = 0; i < row->nfindings; i++)
            print_finding(out, &row->findings[i]);
        for (size_t i = 0; i < row->nnotes; i++)
            sc_printf(out, "  note: %s\n", row->notes[i]);
    }
    sc_puts(out, "\n");
}

static void print_line(sc_out *out, const struct file_row *row) {
    sc_printf(out, "%s: ", row->file);
    if (row->error) {
        sc_printf(out, "%s: %s\n", row->status[0] == 'n' ? "not opened" : "failed", row->error);
        return;
    }
    print_what(out, row);
    if (row->nfindings)
        sc_printf(out, ": %s: %s\n", row->findings[0].confidence, row->findings[0].summary);
    else
        sc_puts(out, ": no verdict\n");
}

/* --- bytes --- */

static bool collect(void *ctx, const char *data, size_t len) {
    struct report *r = ctx;
    if (len > REPORT_MAX - r->len)
        return false;
    if (r->len + len > r->room) {
        size_t room = (r->len + len) * 2;
        char *text = realloc(r->text, room);
        if (!text)
            return false;
        r->text = text;
        r->room = room;
    }
    memcpy(r->text + r->len, data, len);
    r->len += len;
    return true;
}

static bool render(const struct options *opt, const struct sc_rectype *type,
                   const struct file_row *row, struct report *ret) {
    struct report report = {.status = ret->status};
    sc_out *out = NULL;
    sc_err *err = sc_out_create(SC_RENDER_TEXT, collect, &report, false, &out);
    if (err) {
        sc_err_destroy(err);
        return false;
    }
    if (opt->json) {
        sc_out_json(out, type, row);
        sc_puts(out, "\n");
    } else if (opt->brief) {
        print_line(out, row);
    } else {
        print_block(out, row);
    }
    sc_out_flush(out);
    bool ok = !sc_out_failed(out);
    sc_out_destroy(out);
    if (ok)
        *ret = report;
    else
        report_free(&report);
    return ok;
}

void report_free(struct report *report) {
    free(report->text);
    report->text = NULL;
    report->len = report->room = 0;
}

bool report_analysis(const struct options *opt, const char *path, sc_target *target,
                     const struct sc_analysis *analysis, struct report *ret) {
    sc_arena *arena = sc_arena_create();
    struct file_row row;
    ret->status = REPORT_DONE;
    bool ok = arena && fill(path, target, analysis, arena, &row) &&
              render(opt, analysis->has_bugcheck ? &kernel_type : &user_type, &row, ret);
    sc_arena_destroy(arena);
    return ok;
}

bool report_error(const struct options *opt, const char *path, enum report_status status,
                  const char *why, struct report *ret) {
    struct file_row row = {.file = path, .status = status_name(status), .error = why};
    ret->status = status;
    return render(opt, &error_type, &row, ret);
}
