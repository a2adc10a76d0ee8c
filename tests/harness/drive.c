/* SPDX-License-Identifier: MIT */
/* Asking a dump everything. */
#include "harness/drive.h"

#include <stdio.h>
#include <string.h>

#include "stopcode/finding.h"
#include "stopcode/kdump.h"
#include "stopcode/minidump.h"
#include "stopcode/session.h"

const char drive_commands[] = "!analyze -v; lm; lmv; ~; r; .exr -1; .ecxr; .enumtag; "
                              ".dumpdebug; vertarget; .time; .bugcheck; kPvfn 20; .frame /c 0; dv; "
                              "!uniqstack";

enum { THREADS_MAX = 64, LIST_MAX = 100000, READ_MAX = 1 << 16 };

void drive_mix(struct drive *d, uint64_t v) { d->digest = (d->digest ^ v) * 0x100000001b3ull; }

void drive_text(struct drive *d, const char *text) {
    drive_mix(d, text ? 1 : 2);
    for (; text && *text; text++)
        drive_mix(d, (unsigned char)*text);
}

bool drive_error(struct drive *d, sc_err *err) {
    if (!err)
        return false;
    if (!d->errors)
        snprintf(d->why, sizeof d->why, "%s", sc_err_text(err));
    d->errors++;
    d->nomem += sc_err_code(err) == SC_ERR_NOMEM;
    d->io += sc_err_code(err) == SC_ERR_IO;
    drive_mix(d, sc_err_code(err));
    sc_err_destroy(err);
    return true;
}

static void machine(struct drive *d, sc_target *t) {
    const struct sc_machine *m = sc_target_machine(t);
    drive_mix(d, m->cpu);
    drive_mix(d, m->build);
    drive_mix(d, m->time);
    drive_mix(d, m->uptime);
    drive_mix(d, m->bugcheck);
    drive_mix(d, m->exception.code);
    drive_mix(d, m->exception.address);
    drive_mix(d, m->current);
    drive_mix(d, m->kernel_base);
    drive_text(d, m->service_pack);
    drive_text(d, m->lab);
    drive_text(d, m->comment);
    drive_text(d, m->platform);
}

/* Bytes at ADDR; their number and sum. */
static void look(struct drive *d, sc_space *space, uint64_t addr, size_t len) {
    uint8_t buf[256];
    size_t got = 0;
    enum sc_read status =
        sc_space_read(space, addr, buf, len < sizeof buf ? len : sizeof buf, &got);
    drive_mix(d, status);
    d->io += status == SC_READ_IO;
    for (size_t i = 0; i < got; i++)
        drive_mix(d, buf[i]);
}

static void modules(struct drive *d, sc_target *t) {
    const struct sc_modules *list = NULL;
    if (drive_error(d, sc_target_modules(t, &list)))
        return;
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_module *m = &list->item[i];
        drive_mix(d, m->base);
        drive_mix(d, m->size);
        drive_mix(d, m->timestamp);
        drive_text(d, m->name);
        drive_text(d, m->image);
        drive_text(d, m->path);
        drive_text(d, m->codeview.path);
        drive_mix(d, m->codeview.age);
        look(d, sc_target_space(t), m->base, 64);
        drive_mix(d, sc_target_module_at(t, m->base + m->size / 2) != NULL);
    }
    if (list->count)
        drive_mix(d, sc_target_module_named(t, list->item[list->count / 2].name) != NULL);
}

static void unloaded(struct drive *d, sc_target *t) {
    const struct sc_unloadeds *list = NULL;
    if (drive_error(d, sc_target_unloaded(t, &list)))
        return;
    for (size_t i = 0; i < list->count; i++) {
        drive_mix(d, list->item[i].base);
        drive_text(d, list->item[i].name);
        drive_mix(d, sc_target_unloaded_at(t, list->item[i].base) != NULL);
    }
}

static void registers(struct drive *d, const struct sc_regs *regs) {
    size_t n = 0;
    const struct sc_reg *row = sc_reg_table(regs->cpu, &n);
    for (size_t i = 0; i < n; i++) {
        uint8_t bytes[16] = {0};
        drive_mix(d, sc_reg_present(regs, &row[i]));
        sc_reg_bytes(regs, &row[i], bytes);
        for (int k = 0; k < 16; k++)
            drive_mix(d, bytes[k]);
    }
    drive_mix(d, sc_regs_ip(regs));
    drive_mix(d, sc_regs_sp(regs));
    drive_mix(d, sc_regs_fp(regs));
}

static void threads(struct drive *d, sc_target *t) {
    const struct sc_threads *list = NULL;
    if (drive_error(d, sc_target_threads(t, &list)))
        return;
    drive_mix(d, list->count);
    for (uint32_t i = 0; i < list->count && i < THREADS_MAX; i++) {
        const struct sc_thread *th = &list->item[i];
        struct sc_regs regs;
        drive_mix(d, th->tid);
        drive_mix(d, th->prcb);
        drive_mix(d, th->thread);
        drive_text(d, th->name);
        look(d, sc_target_space(t), th->teb, 64);
        look(d, sc_target_space(t), th->stack_start, 256);
        if (drive_error(d, sc_target_regs(t, i, &regs)))
            continue;
        registers(d, &regs);
        look(d, sc_target_space(t), sc_regs_sp(&regs), 128);
        look(d, sc_target_space(t), sc_regs_ip(&regs) - 16, 64);
    }
    struct sc_regs regs;
    if (!drive_error(d, sc_target_event_regs(t, &regs)))
        registers(d, &regs);
}

/* Each range's ends and middle, and what lies just outside; bounded for hostile lists. */
static void memory(struct drive *d, sc_space *space) {
    uint64_t at = 0, start, size;
    for (int n = 0; n < READ_MAX && sc_space_next(space, at, &start, &size); n++) {
        drive_mix(d, start);
        drive_mix(d, size);
        if (n < 512) {
            look(d, space, start, 32);
            look(d, space, start + size / 2, 8);
            look(d, space, start + size - 8, 32);
            look(d, space, start - 1, 2);
            const uint8_t *data;
            size_t len;
            if (sc_space_view(space, start, &data, &len) == SC_READ_OK)
                drive_mix(d, data[len - 1]);
        }
        if (start + size <= at)
            break;
        at = start + size;
    }
    const uint64_t odd[] = {
        0, UINT32_MAX, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        look(d, space, odd[i], 16);
}

static void kernel_parts(struct drive *d, struct sc_source *s) {
    if (!sc_kdump_header(s))
        return;
    const struct sc_blobs *blobs = NULL;
    if (!drive_error(d, sc_kdump_blobs(s, &blobs)))
        for (size_t i = 0; i < blobs->count; i++) {
            drive_mix(d, blobs->item[i].tag.a);
            drive_mix(d, blobs->item[i].offset);
            drive_mix(d, blobs->item[i].size);
        }
    uint64_t listed = 0, held = 0;
    const struct sc_kdump_memory *memory = sc_kdump_memory(s);
    if (memory && memory->layout && !drive_error(d, sc_kdump_count_pages(s, &listed, &held)))
        drive_mix(d, listed ^ held << 32);
    const struct sc_triage_mm *mm = sc_triage_mm(s);
    drive_mix(d, mm ? mm->committed : 1);
    drive_text(d, sc_triage_broken_driver(s));
}

/* A list of records, one at a time, until it ends, fails or has gone on for too long. */
#define WALK(fn, type, key)                                                                        \
    for (size_t i = 0; i < LIST_MAX; i++) {                                                        \
        struct type rec;                                                                           \
        bool more = true;                                                                          \
        if (drive_error(d, fn(s, i, &rec, &more)) || !more)                                        \
            break;                                                                                 \
        drive_mix(d, (uint64_t)(rec.key));                                                         \
    }

static void minidump_figures(struct drive *d, struct sc_source *s) {
    const struct sc_mdmp_misc *misc = NULL;
    if (!drive_error(d, sc_mdmp_misc(s, &misc)) && misc) {
        drive_mix(d, misc->pid);
        drive_text(d, misc->build_string);
        drive_text(d, misc->tz_standard);
    }
    struct sc_mdmp_sysmem sysmem;
    struct sc_mdmp_vm vm;
    bool present = false;
    if (!drive_error(d, sc_mdmp_sysmem(s, &sysmem, &present)) && present)
        drive_mix(d, sysmem.available_pages);
    present = false;
    if (!drive_error(d, sc_mdmp_vm(s, &vm, &present)) && present)
        drive_mix(d, vm.working_set);
    struct sc_mdmp_breakpad breakpad;
    if (sc_mdmp_breakpad(s, &breakpad))
        drive_mix(d, breakpad.dump_thread);
    struct sc_mdmp_assertion assertion;
    if (sc_mdmp_assertion(s, &assertion)) {
        drive_text(d, assertion.expression);
        drive_text(d, assertion.function);
        drive_text(d, assertion.file);
    }
    drive_text(d, sc_mdmp_comment(s));
}

static void minidump_parts(struct drive *d, struct sc_source *s) {
    const struct sc_mdmp_header *h = sc_mdmp_header(s);
    if (!h)
        return;
    char names[512];
    sc_mdmp_flag_names(h->flags, names, sizeof names);
    drive_text(d, names);
    for (uint32_t i = 0; i < h->nstreams; i++) {
        drive_mix(d, h->streams[i].type);
        drive_mix(d, h->streams[i].inside);
        drive_mix(d, sc_mdmp_stream(s, h->streams[i].type) != NULL);
    }
    const struct sc_mdmp_system *sys = sc_mdmp_system(s);
    if (sys) {
        drive_mix(d, sys->build);
        drive_text(d, sys->csd);
    }
    minidump_figures(d, s);
    WALK(sc_mdmp_handle, sc_mdmp_handle, handle)
    WALK(sc_mdmp_region, sc_mdmp_region, base)
    WALK(sc_mdmp_function_table, sc_mdmp_function_table, base)
    WALK(sc_mdmp_handle_op, sc_mdmp_handle_op, handle)
    WALK(sc_mdmp_token, sc_mdmp_token, id)
    WALK(sc_mdmp_annotation, sc_mdmp_annotation, name != NULL)
}

void drive_target(struct drive *d, sc_target *target) {
    struct sc_source *s = (struct sc_source *)sc_target_source(target);
    machine(d, target);
    modules(d, target);
    unloaded(d, target);
    threads(d, target);
    memory(d, sc_target_space(target));
    memory(d, sc_target_phys(target));
    kernel_parts(d, s);
    minidump_parts(d, s);
    d->nomem += sc_target_take_nomem(target); /* look-ups and reads have no error to return */
    d->notes += s->nnotes + s->notes_dropped;
}

static void finding(struct drive *d, const struct sc_finding *f) {
    drive_text(d, f->rule);
    drive_text(d, f->summary);
    drive_text(d, f->detail);
    drive_mix(d, f->confidence);
    drive_text(d, f->symbol);
    for (size_t i = 0; i < f->nevidence; i++) {
        drive_text(d, f->evidence[i].claim);
        drive_text(d, f->evidence[i].command);
    }
    for (size_t i = 0; i < f->nlacked; i++)
        drive_text(d, f->lacked[i]);
    for (size_t i = 0; i < f->nnext; i++)
        drive_text(d, f->next[i]);
}

void drive_analysis(struct drive *d, sc_target *target) {
    struct sc_analysis *a = NULL;
    if (drive_error(d, sc_analyze(target, &a)))
        return;
    drive_text(d, a->name);
    drive_text(d, a->brief);
    drive_text(d, a->about);
    drive_text(d, a->process);
    drive_text(d, a->bucket);
    for (int i = 0; i < 4; i++) {
        drive_text(d, a->arg[i].text);
        drive_text(d, a->arg[i].meaning);
        drive_text(d, a->arg[i].where);
    }
    drive_mix(d, a->exception.code);
    drive_text(d, a->exception_name);
    drive_text(d, a->regs_command);
    for (size_t i = 0; i < a->nfindings; i++)
        finding(d, &a->findings[i]);
    sc_analysis_destroy(a);
}

/* The sink: counts, mixes, and looks for "out of memory" across chunks. */
static bool sink(void *ctx, const char *data, size_t len) {
    static const char want[] = "out of memory";
    struct drive *d = ctx;
    d->output += len;
    for (size_t i = 0; i < len; i++) {
        drive_mix(d, (unsigned char)data[i]);
        d->marks += data[i] == '?';
        if (data[i] == want[d->tail])
            d->tail++;
        else
            d->tail = data[i] == want[0];
        if (!want[d->tail]) {
            d->saw_nomem = true;
            d->tail = 0;
        }
    }
    return true;
}

void drive_session(struct drive *d, sc_target *target, enum sc_render render, const char *line) {
    sc_out *out = NULL;
    sc_session *session = NULL;
    if (drive_error(d, sc_out_create(render, sink, d, false, &out)))
        return;
    if (!drive_error(d, sc_session_create(target, out, &session))) {
        unsigned failed = sc_session_run(session, line);
        d->failed += failed;
        drive_mix(d, failed);
        sc_session_destroy(session);
    }
    sc_out_destroy(out);
}
