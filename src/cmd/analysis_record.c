/* SPDX-License-Identifier: MIT */
/* An analysis flattened into one record with a field table. */
#include "cmd/analysis_record.h"

#include <inttypes.h>

#include "cmd/analysis_cause.h"
#include "cmd/lm.h"
#include "nt/driver.h"
#include "stopcode/kdump.h"

static const struct sc_field argument_fields[] = {
    SC_FIELD(struct sc_argument_row, value, SC_F_HEX64),
    SC_FIELD(struct sc_argument_row, kind, SC_F_STR),
    SC_FIELD(struct sc_argument_row, text, SC_F_STR),
    SC_FIELD(struct sc_argument_row, meaning, SC_F_STR),
    SC_FIELD(struct sc_argument_row, where, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype argument_type = {"argument", sizeof(struct sc_argument_row),
                                                argument_fields};

static const struct sc_field evidence_fields[] = {
    SC_FIELD(struct sc_evidence_row, claim, SC_F_STR),
    SC_FIELD(struct sc_evidence_row, against, SC_F_BOOL),
    SC_FIELD(struct sc_evidence_row, address, SC_F_ADDR),
    SC_FIELD(struct sc_evidence_row, command, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype evidence_type = {"evidence", sizeof(struct sc_evidence_row),
                                                evidence_fields};

static const struct sc_field finding_fields[] = {
    SC_FIELD(struct sc_finding_row, rule, SC_F_STR),
    SC_FIELD(struct sc_finding_row, confidence, SC_F_STR),
    SC_FIELD(struct sc_finding_row, cause, SC_F_STR),
    SC_FIELD(struct sc_finding_row, summary, SC_F_STR),
    SC_FIELD(struct sc_finding_row, detail, SC_F_STR),
    SC_FIELD(struct sc_finding_row, module, SC_F_STR),
    SC_FIELD(struct sc_finding_row, image, SC_F_STR),
    SC_FIELD(struct sc_finding_row, base, SC_F_ADDR),
    SC_FIELD(struct sc_finding_row, symbol, SC_F_STR),
    SC_FIELD(struct sc_finding_row, vendor, SC_F_STR),
    SC_FIELD(struct sc_finding_row, about, SC_F_STR),
    SC_FIELD(struct sc_finding_row, version, SC_F_STR),
    SC_FIELD(struct sc_finding_row, timestamp, SC_F_STR),
    SC_FIELD(struct sc_finding_row, built, SC_F_TIME),
    SC_FIELD_LIST(struct sc_finding_row, evidence, nevidence, &evidence_type),
    SC_FIELD_STRS(struct sc_finding_row, lacked, nlacked),
    SC_FIELD_STRS(struct sc_finding_row, next, nnext),
    SC_FIELD_STRS(struct sc_finding_row, support, nsupport),
    SC_FIELD_END,
};
const struct sc_rectype sc_finding_rectype = {"finding", sizeof(struct sc_finding_row),
                                              finding_fields};

static const struct sc_field stack_fields[] = {
    SC_FIELD(struct sc_stack_row, number, SC_F_U32),
    SC_FIELD(struct sc_stack_row, how, SC_F_STR),
    SC_FIELD(struct sc_stack_row, confidence, SC_F_U32),
    SC_FIELD(struct sc_stack_row, ip, SC_F_ADDR),
    SC_FIELD(struct sc_stack_row, sp, SC_F_ADDR),
    SC_FIELD(struct sc_stack_row, ret, SC_F_ADDR),
    SC_FIELD(struct sc_stack_row, symbol, SC_F_STR),
    SC_FIELD(struct sc_stack_row, module, SC_F_STR),
    SC_FIELD(struct sc_stack_row, image, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype stack_type = {"stack_frame", sizeof(struct sc_stack_row),
                                             stack_fields};

#define REC struct sc_analysis_record
static const struct sc_field analysis_fields[] = {
    SC_FIELD(REC, schema, SC_F_STR),
    SC_FIELD(REC, file, SC_F_STR),
    SC_FIELD(REC, format, SC_F_STR),
    SC_FIELD(REC, kind, SC_F_STR),
    SC_FIELD(REC, cpu, SC_F_STR),
    SC_FIELD(REC, processors, SC_F_NUM),
    SC_FIELD(REC, os, SC_F_STR),
    SC_FIELD(REC, lab, SC_F_STR),
    SC_FIELD(REC, error, SC_F_STR),
    SC_FIELD(REC, time, SC_F_TIME),
    SC_FIELD(REC, uptime, SC_F_SPAN),
    SC_FIELD(REC, boot_id, SC_F_NUM),
    SC_FIELD(REC, verdict, SC_F_STR),
    SC_FIELD(REC, confidence, SC_F_STR),
    SC_FIELD(REC, cause, SC_F_STR),
    SC_FIELD(REC, bucket, SC_F_STR),
    SC_FIELD(REC, bugcheck, SC_F_STR),
    SC_FIELD(REC, name, SC_F_STR),
    SC_FIELD(REC, brief, SC_F_STR),
    SC_FIELD(REC, about, SC_F_STR),
    SC_FIELD_LIST(REC, arguments, narguments, &argument_type),
    SC_FIELD_LIST(REC, facts, nfacts, &evidence_type),
    SC_FIELD(REC, exception, SC_F_STR),
    SC_FIELD(REC, exception_name, SC_F_STR),
    SC_FIELD(REC, exception_text, SC_F_STR),
    SC_FIELD(REC, exception_address, SC_F_ADDR),
    SC_FIELD(REC, exception_record, SC_F_ADDR),
    {"exception_parameters", SC_F_HEXES, offsetof(REC, exception_parameters),
     offsetof(REC, nexception_parameters), NULL, NULL},
    SC_FIELD(REC, thread, SC_F_ADDR),
    SC_FIELD(REC, fault_instruction, SC_F_ADDR),
    SC_FIELD(REC, fault_address, SC_F_ADDR),
    SC_FIELD(REC, fault_access, SC_F_STR),
    SC_FIELD(REC, instruction, SC_F_ADDR),
    SC_FIELD(REC, context, SC_F_STR),
    SC_FIELD_LIST(REC, stack, nstack, &stack_type),
    SC_FIELD(REC, stack_end, SC_F_STR),
    SC_FIELD(REC, stack_command, SC_F_STR),
    SC_FIELD(REC, process, SC_F_STR),
    SC_FIELD_LIST(REC, findings, nfindings, &sc_finding_rectype),
    SC_FIELD_STRS(REC, notes, nnotes),
    SC_FIELD_END,
};
const struct sc_rectype sc_analysis_rectype = {"analysis", sizeof(REC), analysis_fields};
#undef REC

static sc_err *fill_evidence(const struct sc_evidence *from, size_t n, sc_arena *arena,
                             const struct sc_evidence_row **ret, size_t *ret_count) {
    struct sc_evidence_row *e = sc_arena_array(arena, n + 1, sizeof *e);
    if (!e)
        return sc_err_nomem();
    for (size_t i = 0; i < n; i++)
        e[i] = (struct sc_evidence_row){from[i].claim, from[i].command, from[i].against,
                                        from[i].address};
    *ret = e;
    *ret_count = n;
    return NULL;
}

/* Who the blamed module is: what the tables, the dump and the image itself say of it. */
static sc_err *fill_module(const struct sc_module *m, sc_target *target, sc_arena *arena,
                           struct sc_finding_row *row) {
    struct nt_driver driver;
    struct sc_lm_row image = {.size = m->size, .timestamp = m->timestamp};
    uint64_t time = sc_target_machine(target)->time;
    sc_err *err = sc_lm_details(&image, m, time, arena);
    if (!err)
        err = sc_lm_image(target, m, &image, arena);
    if (err)
        return err;
    row->module = m->name;
    row->image = m->image;
    row->base = m->base;
    row->version = image.file_version;
    row->built = image.time_doubt || image.reproducible ? 0 : image.time;
    if (m->timestamp) {
        row->timestamp = sc_arena_printf(arena, "0x%08" PRIx32, m->timestamp);
        if (!row->timestamp)
            return sc_err_nomem();
    }
    if (nt_driver_find(m->image, &driver)) {
        row->vendor = driver.vendor[0] ? driver.vendor : NULL;
        row->about = driver.what;
    }
    return NULL;
}

static sc_err *fill_findings(const struct sc_analysis *a, sc_target *target, sc_arena *arena,
                             struct sc_analysis_record *r) {
    struct sc_finding_row *rows = sc_arena_array(arena, a->nfindings + 1, sizeof *rows);
    if (!rows)
        return sc_err_nomem();
    for (size_t i = 0; i < a->nfindings; i++) {
        const struct sc_finding *f = &a->findings[i];
        rows[i] = (struct sc_finding_row){
            .rule = f->rule,
            .confidence = sc_confidence_name(f->confidence),
            .cause = sc_cause_name(sc_finding_cause(f)),
            .summary = f->summary,
            .detail = f->detail,
            .symbol = f->symbol,
            .base = SC_UNSET64,
            .lacked = f->lacked,
            .nlacked = f->nlacked,
            .next = f->next,
            .nnext = f->nnext,
            .support = f->support,
            .nsupport = f->nsupport,
        };
        sc_err *err =
            fill_evidence(f->evidence, f->nevidence, arena, &rows[i].evidence, &rows[i].nevidence);
        if (!err && f->module)
            err = fill_module(f->module, target, arena, &rows[i]);
        if (err)
            return err;
    }
    r->findings = rows;
    r->nfindings = a->nfindings;
    return NULL;
}

static sc_err *fill_bugcheck(const struct sc_analysis *a, sc_arena *arena,
                             struct sc_analysis_record *r) {
    if (!a->has_bugcheck)
        return NULL;
    struct sc_argument_row *rows = sc_arena_array(arena, 4, sizeof *rows);
    r->bugcheck = sc_arena_printf(arena, "0x%08" PRIx32, a->code);
    if (!rows || !r->bugcheck)
        return sc_err_nomem();
    r->name = a->name;
    r->brief = a->brief;
    r->about = a->about;
    for (unsigned i = 0; i < 4; i++)
        rows[i] = (struct sc_argument_row){a->arg[i].value, a->arg[i].kind, a->arg[i].text,
                                           a->arg[i].meaning, a->arg[i].where};
    r->arguments = rows;
    r->narguments = 4;
    return NULL;
}

static sc_err *fill_exception(const struct sc_analysis *a, sc_arena *arena,
                              struct sc_analysis_record *r) {
    if (!a->has_exception)
        return NULL;
    r->exception = sc_arena_printf(arena, "0x%08" PRIx32, a->exception.code);
    if (!r->exception)
        return sc_err_nomem();
    r->exception_name = a->exception_name;
    r->exception_text = a->exception_text;
    r->exception_address = a->exception.address;
    r->exception_record = a->exception_va;
    r->exception_parameters = a->exception.param;
    r->nexception_parameters = a->exception.nparams;
    return NULL;
}

static sc_err *fill_stack(const struct sc_analysis *a, sc_arena *arena,
                          struct sc_analysis_record *r) {
    const struct sc_stack *stack = &a->stack;
    struct sc_stack_row *rows = sc_arena_array(arena, stack->count + 1, sizeof *rows);
    if (!rows)
        return sc_err_nomem();
    for (size_t i = 0; i < stack->count; i++) {
        const struct sc_frame *f = &stack->frame[i];
        rows[i] = (struct sc_stack_row){.number = f->number,
                                        .confidence = f->confidence,
                                        .ip = f->ip,
                                        .sp = f->sp,
                                        .ret = f->ret,
                                        .how = sc_frame_how_name(f->how),
                                        .symbol = a->stack_symbol[i],
                                        .module = f->module ? f->module->name : NULL,
                                        .image = f->module ? f->module->image : NULL};
    }
    r->stack = rows;
    r->nstack = stack->count;
    r->stack_end = stack->count ? sc_stack_end_text(stack->end) : a->stack_why;
    r->stack_command = a->stack_command;
    return NULL;
}

/* "10.0.19041.1052", as far as it is known. */
static sc_err *fill_machine(const struct sc_machine *m, sc_target *target, sc_arena *arena,
                            struct sc_analysis_record *r) {
    const struct sc_kdump_header *header = sc_kdump_header(sc_target_source(target));
    r->kind = m->kernel ? "kernel" : "process";
    r->cpu = sc_cpu_name(m->cpu);
    r->processors = m->ncpus ? (int64_t)m->ncpus : INT64_MIN;
    r->boot_id = header && header->boot_id ? (int64_t)header->boot_id : INT64_MIN;
    r->lab = m->lab;
    r->time = m->time;
    r->uptime = m->uptime;
    if (!m->major)
        return NULL;
    r->os = m->revision ? sc_arena_printf(arena, "%" PRIu32 ".%" PRIu32 ".%" PRIu32 ".%" PRIu32,
                                          m->major, m->minor, m->build, m->revision)
                        : sc_arena_printf(arena, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, m->major,
                                          m->minor, m->build);
    return r->os ? NULL : sc_err_nomem();
}

sc_err *sc_analysis_record_fill(const struct sc_analysis *analysis, sc_target *target,
                                sc_arena *arena, struct sc_analysis_record *ret) {
    const struct sc_analysis *a = analysis;
    struct sc_analysis_record r = {
        .schema = SC_ANALYSIS_SCHEMA,
        .file = sc_target_name(target),
        .format = sc_target_source(target)->probe.name,
        .cause = sc_cause_name(sc_analysis_cause(a)),
        .bucket = a->bucket,
        .exception_address = SC_UNSET64,
        .exception_record = SC_UNSET64,
        .thread = a->thread,
        .fault_instruction = a->fault_ip,
        .fault_address = a->fault_address,
        .fault_access = a->fault_access,
        .instruction = a->has_regs ? sc_regs_ip(&a->regs) : SC_UNSET64,
        .context = a->regs_command,
        .process = a->process,
        .notes = a->notes,
        .nnotes = a->nnotes,
    };
    if (a->nfindings) {
        r.verdict = a->findings[0].summary;
        r.confidence = sc_confidence_name(a->findings[0].confidence);
    }
    sc_err *err = fill_machine(a->machine, target, arena, &r);
    if (!err)
        err = fill_bugcheck(a, arena, &r);
    if (!err)
        err = fill_evidence(a->facts, a->nfacts, arena, &r.facts, &r.nfacts);
    if (!err)
        err = fill_exception(a, arena, &r);
    if (!err)
        err = fill_findings(a, target, arena, &r);
    if (!err)
        err = fill_stack(a, arena, &r);
    if (err)
        return err;
    *ret = r;
    return NULL;
}

void sc_analysis_record_fail(const char *file, const sc_err *err, struct sc_analysis_record *ret) {
    *ret = (struct sc_analysis_record){
        .schema = SC_ANALYSIS_SCHEMA,
        .file = file,
        .error = sc_err_text(err),
        .processors = INT64_MIN,
        .boot_id = INT64_MIN,
        .uptime = SC_UNSET64,
        .exception_address = SC_UNSET64,
        .exception_record = SC_UNSET64,
        .thread = SC_UNSET64,
        .fault_instruction = SC_UNSET64,
        .fault_address = SC_UNSET64,
        .instruction = SC_UNSET64,
    };
}

void sc_analysis_line(sc_out *out, const void *record, void *ctx) {
    const struct sc_analysis_record *r = record;
    (void)ctx;
    if (r->error) {
        sc_printf(out, "%s: error: %s\n", r->file ? r->file : "(no name)", r->error);
        return;
    }
    sc_printf(out, "%s: %s [%s] %s\n", r->file ? r->file : "(no name)", r->bucket,
              r->confidence ? r->confidence : "nothing", r->verdict ? r->verdict : "");
}
