/* SPDX-License-Identifier: MIT */
/*
 * Symbol providers whose Nth allocation is refused, for every N until they get through: each run
 * ends in "out of memory" or in the right answer, and nothing is leaked. A table is opened without
 * a cache, with an empty one, and from a filled one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"
#include "isf/isf.h"
#include "sym/breakpad.h"
#include "sym/layouts.h"

enum { TRIES = 3000 };

struct job {
    const char *name;
    sc_err *(*open)(const struct job *job, sc_symbols **ret_symbols);
    const char *cache; /* "" none */
    bool fresh;        /* the cache is emptied before each run */
};

static const char table[] =
    "{\"symbols\":{\"f\":{\"address\":4096,\"linkage_name\":\"_f\"},\"g\":{\"address\":8192}},"
    "\"enums\":{\"_E\":{\"base\":\"long\",\"size\":4,\"constants\":{\"A\":1}}},"
    "\"base_types\":{\"long\":{\"kind\":\"int\",\"size\":4,\"signed\":true}},"
    "\"user_types\":{\"_S\":{\"kind\":\"struct\",\"size\":16,\"fields\":{\"n\":{\"offset\":0,"
    "\"type\":{\"kind\":\"pointer\",\"subtype\":{\"kind\":\"struct\",\"name\":\"_S\"}}},"
    "\"e\":{\"offset\":8,\"type\":{\"kind\":\"enum\",\"name\":\"_E\"}}}}}}";
static const char text[] =
    "MODULE Linux x86_64 BBA6FA10B8AAB33D00000000000000000 linux\nFILE 0 a.c\nINLINE_ORIGIN 0 in\n"
    "FUNC 1000 40 0 f\nINLINE 0 3 0 0 1000 8\n1000 40 5 0\nPUBLIC 2000 0 g\n"
    "STACK CFI INIT 1000 40 .cfa: $rsp 8 + .ra: .cfa -8 + ^\nSTACK CFI 1001 .cfa: $rsp 16 +\n";

static sc_err *open_isf(const struct job *job, sc_symbols **ret_symbols) {
    const struct sc_isf_options options = {.cache = job->cache};
    return sc_isf_open_with("fault-symbols.json", &options, ret_symbols, NULL);
}

static sc_err *open_text(const struct job *job, sc_symbols **ret_symbols) {
    (void)job;
    return sc_breakpad_open_memory("t.sym", text, sizeof text - 1, ret_symbols);
}

static sc_err *open_layouts(const struct job *job, sc_symbols **ret_symbols) {
    (void)job;
    return sc_layouts_open(SC_CPU_X64, 19041, ret_symbols);
}

static bool see_symbol(void *ctx, const struct sc_symbol *s) {
    drive_text(ctx, s->name);
    drive_mix(ctx, s->rva);
    return true;
}
static bool see_member(void *ctx, const struct sc_member *m) {
    drive_text(ctx, m->name);
    drive_mix(ctx, m->offset ^ (uint64_t)m->value);
    return true;
}
static bool see_inline(void *ctx, const struct sc_inline *i) {
    drive_text(ctx, i->name);
    return true;
}

static void ask(struct drive *d, sc_symbols *s) {
    struct sc_frame_rule rule;
    struct sc_line line;
    uint32_t id;
    bool found = false;
    drive_error(d, sc_symbols_each(s, NULL, SC_SYM_ANY, see_symbol, d));
    drive_error(d, sc_symbols_inlines(s, 0x1001, see_inline, d));
    if (!drive_error(d, sc_symbols_line(s, 0x1001, &line, &found)) && found)
        drive_text(d, line.file);
    if (!drive_error(d, sc_symbols_frame_rule(s, 0x1001, &rule, &found)) && found)
        drive_text(d, rule.program);
    static const char *const types[] = {"_S", "_E", "_EPROCESS"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!drive_error(d, sc_symbols_type_named(s, types[i], &id, &found)) && found)
            drive_error(d, sc_symbols_members(s, id, see_member, d));
}

static void empty(const char *cache) {
    char command[200];
    snprintf(command, sizeof command, "rm -rf '%s'", cache);
    if (*cache && system(command) != 0)
        tap_note("cannot remove %s", cache);
}

/* One run; false when it broke a promise. *RET_DONE: nothing was refused any more. */
static bool run(const struct job *job, uint64_t fail_at, uint64_t want, struct drive *d,
                bool *ret_done) {
    struct heap_stats stats;
    sc_symbols *s = NULL;
    *d = (struct drive){0};
    if (job->fresh)
        empty(job->cache);
    heap_begin(fail_at);
    if (!drive_error(d, job->open(job, &s)))
        ask(d, s);
    sc_symbols_unref(s);
    heap_end(&stats);
    *ret_done = !stats.failed;
    if (stats.nleaked)
        tap_note("%s: allocation %u: %zu bytes leaked", job->name, (unsigned)fail_at, stats.leaked);
    if (d->errors != d->nomem)
        tap_note("%s: allocation %u: %s", job->name, (unsigned)fail_at, d->why);
    if (fail_at && !d->errors && d->digest != want)
        tap_note("%s: allocation %u: no error, and another answer", job->name, (unsigned)fail_at);
    return !stats.nleaked && d->errors == d->nomem && (!fail_at || d->errors || d->digest == want);
}

static void every_allocation(const struct job *job) {
    struct drive d;
    bool done = false;
    bool ok = run(job, 0, 0, &d, &done) && !d.errors;
    const uint64_t want = d.digest;
    uint64_t n = 1;
    done = false;
    for (; ok && !done && n < TRIES; n++)
        ok = run(job, n, want, &d, &done);
    tap_ok(ok && done, "%s: each of %u allocations refused", job->name, (unsigned)(n - 2));
}

int main(void) {
    char folder[] = "fault-symbols-XXXXXX";
    static const struct job jobs[] = {
        {"a table without a cache", open_isf, "", false},
        {"a table that fills the cache", open_isf, "cache", true},
        {"a table from the cache", open_isf, "cache", false},
        {"text symbols", open_text, "", false},
        {"built-in layouts", open_layouts, "", false},
    };
    if (!mkdtemp(folder) || chdir(folder) != 0) {
        perror(folder);
        return 1;
    }
    FILE *f = fopen("fault-symbols.json", "wb");
    bool written = f && fwrite(table, 1, sizeof table - 1, f) == sizeof table - 1;
    if (!f || fclose(f) != 0 || !written) {
        perror("fault-symbols.json");
        return 1;
    }
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        every_allocation(&jobs[i]);
    int status = tap_done();
    if (chdir("..") == 0)
        empty(folder);
    return status;
}
