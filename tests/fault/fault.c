/* SPDX-License-Identifier: MIT */
/*
 * Faults: every job is run with its 1st, 2nd, … Nth allocation refused (and once more with all
 * from that one on), until it gets through. Each run must end in a clean "out of memory" or in the
 * right answer, with nothing leaked; afterwards the same target must still answer rightly. Then
 * the same for reads of the file that fail, and for memory that the dump lacks.
 *
 *   fault [--only TEXT] [--forged] [--at N]
 *
 * The step grows while nothing new happens, as in libbacktrace's allocfail, so that long jobs stay
 * affordable; --at N runs one allocation only.
 */
#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/command.h"
#include "forge/scene.h"
#include "harness/corpus.h"
#include "harness/crash.h"
#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"
#include "harness/whole.h"

enum { HANG_SECONDS = 120, SHOWN = 4, QUIET = 24 };

/* Where symbols are looked for, and what is cached on the way. */
struct places {
    char folder[300];   /* made for this run */
    char cache[320];    /* in it, or where none can be */
    char symbols[2000]; /* the symbol path */
};

struct options {
    const char *only;
    bool forged;
    uint64_t at;
    const struct places *places; /* two: with a cache and without */
};

/* What is run: on SUBJECT, with LINE for commands. Fills D; *AGAIN: the answer when asked again. */
struct job {
    const char *name;
    const struct subject *subject;
    const char *line;
    const struct places *places;
    enum sc_render render;
    void (*run)(const struct job *job, uint64_t fail_at, bool keep, struct drive *d,
                struct drive *again);
};

static const char memory_commands[] =
    "db @$csp L20; d; dc @$csp L4; df @$csp L2; dyb @$csp L4; dps @$csp L4; dpp @$csp L2; "
    "dpa @$csp L2; da @$csp; dS @$csp; dl @$csp 2; s -[1s]b @$csp L20 0; s -sa @$csp L40; "
    "s -d @$csp L8 0; s -[r1]b 0 L1 0; c @$csp L4 @$csp+1; !teb; !peb; !gle; !chkimg; ? $iment(nt)";
static const char object_commands[] =
    "!thread; !thread -1 2; !thread @$csp 0; !thread -t 108 0; !process -1 7; !process 0 1; "
    "!process 4 0; !pcr; !prcb 1; !irql; .thread; .process; .context; ? @$proc; ? @$peb; ? @$teb; "
    "? @$tid";
static const char program_commands[] =
    ".foreach (v { dd @$csp L2 }) { .if (${v}) { .printf \"%p %y\", v, v } .else { .echo v } }; "
    "r $t0 = 0; .for (r $t1 = 0; @$t1 < 2; r $t1 = @$t1 + 1) { aS /x a @$t1; .block { .echo a } }; "
    ".catch { aS /c out lm1m; .leave }; .block { .foreach /s (w \"x y\") { .echo ${w} out } }; "
    ".while (@$t0 < 1) { r $t0 = 1 }; .do { .break } (1); !for_each_module .echo @#Base "
    "@#ModuleName; "
    "al; ad *; r $.u1=5; ?? 1 + 2 * sizeof(int *[4]); ?? \"text\"[1] + 'c' + 1.5; ?? (char "
    "*)@$csp; "
    "?? *(unsigned long (*)[4])@$csp; ? @@c++((int64)@@masm(@$csp) & ~7); ?? @$t0 = @$csp; "
    ".expr /s c++; ? 1 ? 2 : 3; .expr /s masm";

static sc_err *open_subject(const struct subject *s, sc_target **ret_target) {
    return sc_target_open_memory(s->name, s->data, s->size, NULL, ret_target);
}

static void begin(uint64_t fail_at, bool keep) {
    heap_begin(fail_at);
    if (keep)
        heap_keep_failing();
}

static void run_open(const struct job *job, uint64_t fail_at, bool keep, struct drive *d,
                     struct drive *again) {
    sc_target *target = NULL;
    begin(fail_at, keep);
    if (!drive_error(d, open_subject(job->subject, &target)))
        drive_target(d, target);
    heap_stop_failing();
    if (!target)
        drive_error(again, open_subject(job->subject, &target));
    if (target)
        drive_target(again, target);
    sc_target_close(target);
}

/* The pages of whole memory, which stand under the target. */
static void drive_pages(struct drive *d, const struct subject *s) {
    sc_file *file = NULL;
    if (!drive_error(d, sc_file_memory(s->name, s->data, s->size, SC_FILE_NO_MMAP, &file)))
        drive_whole(d, file);
}

static void run_pages(const struct job *job, uint64_t fail_at, bool keep, struct drive *d,
                      struct drive *again) {
    begin(fail_at, keep);
    drive_pages(d, job->subject);
    heap_stop_failing();
    drive_pages(again, job->subject);
}

static void run_analysis(const struct job *job, uint64_t fail_at, bool keep, struct drive *d,
                         struct drive *again) {
    sc_target *target = NULL;
    begin(0, false);
    if (drive_error(d, open_subject(job->subject, &target))) {
        *again = *d; /* not a dump that is read: refused both times */
        return;
    }
    begin(fail_at, keep);
    drive_analysis(d, target);
    heap_stop_failing();
    drive_analysis(again, target);
    sc_target_close(target);
}

static void run_command(const struct job *job, uint64_t fail_at, bool keep, struct drive *d,
                        struct drive *again) {
    sc_target *target = NULL;
    begin(0, false);
    if (drive_error(d, open_subject(job->subject, &target))) {
        *again = *d; /* not a dump that is read: refused both times */
        return;
    }
    begin(fail_at, keep);
    drive_session(d, target, job->render, job->line);
    heap_stop_failing();
    drive_session(again, target, job->render, job->line);
    sc_target_close(target);
}

static void run_symbols(const struct job *job, uint64_t fail_at, bool keep, struct drive *d,
                        struct drive *again) {
    sc_target *target = NULL;
    begin(0, false);
    if (drive_error(d, open_subject(job->subject, &target))) {
        *again = *d; /* not a dump that is read: refused both times */
        return;
    }
    begin(fail_at, keep);
    drive_symbols(d, target, job->places->symbols, job->places->cache);
    heap_stop_failing();
    drive_symbols(again, target, job->places->symbols, job->places->cache);
    sc_target_close(target);
}

/* How a run ended; NULL text: well. */
struct end {
    bool refused; /* the allocation came and was refused */
    bool clean;   /* it ended in "out of memory" */
    char why[300];
};

static struct end one_run(const struct job *job, uint64_t fail_at, bool keep,
                          const struct drive *want) {
    struct drive d = {0}, again = {0};
    struct heap_stats heap;
    struct end end = {0};
    crash_case(job->name, job->subject->data, job->subject->size, HANG_SECONDS);
    job->run(job, fail_at, keep, &d, &again);
    heap_end(&heap);
    crash_case(NULL, NULL, 0, 0);
    end.refused = heap.failed;
    end.clean = d.nomem || d.saw_nomem;
    if (heap.nleaked)
        snprintf(end.why, sizeof end.why, "leaked %zu bytes in %zu blocks (one of %zu)",
                 heap.leaked, heap.nleaked, heap.leak_size);
    else if (d.digest != want->digest && !end.clean)
        snprintf(end.why, sizeof end.why, "a wrong answer without a word of it (%u errors: %s)",
                 d.errors, d.why);
    else if (again.digest != want->digest)
        snprintf(end.why, sizeof end.why, "asked again, it answers otherwise (%u errors: %s)",
                 again.errors, again.why);
    return end;
}

/* Fails the Nth for growing N; returns how many runs, and the failures through *FAILURES. */
static unsigned all_runs(const struct job *job, bool keep, const struct drive *want,
                         const struct options *o, unsigned *failures) {
    unsigned runs = 0, quiet = 0;
    bool last_clean = false;
    for (uint64_t n = o->at ? o->at : 1;; n += 1 + quiet / QUIET) {
        struct end end = one_run(job, n, keep, want);
        runs++;
        if (end.why[0] && ++*failures <= SHOWN)
            tap_note("%s, allocation %" PRIu64 "%s: %s", job->name, n, keep ? " and on" : "",
                     end.why);
        if (!end.refused || o->at)
            return runs;
        quiet = end.clean == last_clean && !end.why[0] ? quiet + 1 : 0;
        last_clean = end.clean;
    }
}

static void test_job(const struct job *job, const struct options *o) {
    struct drive want = {0}, again = {0};
    struct heap_stats heap;
    unsigned failures = 0, runs = 0;
    if (o->only && !strstr(job->name, o->only))
        return;
    job->run(job, 0, false, &want, &again);
    heap_end(&heap);
    if (heap.nleaked || want.digest != again.digest) {
        tap_note("%s: without any fault: %zu blocks leaked, answers %s", job->name, heap.nleaked,
                 want.digest == again.digest ? "the same twice" : "differ");
        failures++;
    }
    runs += all_runs(job, false, &want, o, &failures);
    runs += all_runs(job, true, &want, o, &failures);
    if (failures > SHOWN)
        tap_note("%s: %u runs failed in all", job->name, failures);
    tap_ok(!failures, "%s: %u runs, %" PRIu64 " allocations", job->name, runs, heap.calls);
}

/* Commands that write files, wait, or end the session are not run for their own sake. */
static bool left_out(const char *name) {
    static const char *const names[] = {"q",          "qq",        "qd",       ".logopen",
                                        ".logappend", ".logclose", ".logfile", ".shell",
                                        "!exec",      ".dump",     ".echotime"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

static void test_commands(const struct subject *s, const struct options *o) {
    for (const struct sc_family *f = sc_families; f->title; f++)
        for (const struct sc_command *row = f->commands; row->name; row++) {
            char name[400];
            const char *line = row->sample ? row->sample : row->name;
            if (left_out(row->name))
                continue;
            struct job job = {.name = name, .subject = s, .line = line, .run = run_command};
            for (job.render = SC_RENDER_TEXT; job.render <= SC_RENDER_JSON; job.render++) {
                snprintf(name, sizeof name, "%s: %s%s", s->name, line,
                         job.render == SC_RENDER_JSON ? " (JSON)" : "");
                test_job(&job, o);
            }
        }
}

static void test_subject(const struct subject *s, const struct options *o) {
    char name[400];
    struct job job = {.name = name, .subject = s, .run = run_open};
    snprintf(name, sizeof name, "%s: open and ask everything", s->name);
    test_job(&job, o);
    if (s->format[0] == 'k') {
        job.run = run_pages;
        snprintf(name, sizeof name, "%s: pages of memory", s->name);
        test_job(&job, o);
    }
    job.run = run_analysis;
    snprintf(name, sizeof name, "%s: analyse", s->name);
    test_job(&job, o);
    job.run = run_command;
    job.line = drive_commands;
    snprintf(name, sizeof name, "%s: a line of commands", s->name);
    test_job(&job, o);
    job.line = memory_commands;
    snprintf(name, sizeof name, "%s: looking at memory", s->name);
    test_job(&job, o);
    job.line = object_commands;
    snprintf(name, sizeof name, "%s: threads, processes and processors", s->name);
    test_job(&job, o);
    job.line = program_commands;
    snprintf(name, sizeof name, "%s: a command program", s->name);
    test_job(&job, o);
    job.run = run_symbols;
}

/* Its symbols, with a cache of fingerprints; made dumps, which are small, also without one. */
static void test_symbols(const struct subject *s, const struct options *o) {
    char name[400];
    struct job job = {.name = name, .subject = s, .run = run_symbols};
    for (int cached = 1; cached >= !s->forged; cached--) {
        job.places = &o->places[!cached];
        snprintf(name, sizeof name, "%s: symbols of every module%s", s->name,
                 cached ? "" : ", no cache");
        test_job(&job, o);
    }
}

/* Reads of the file. */

static void run_read(const char *path, enum read_fault fault, uint64_t fail_at, struct drive *d,
                     uint64_t *ret_reads, bool *ret_failed) {
    const struct sc_open_opts opts = {.sz = sizeof opts, .no_mmap = true};
    sc_target *target = NULL;
    sc_file *file = NULL;
    heap_begin(0);
    read_begin(fault, fail_at);
    if (!drive_error(d, sc_file_open(path, SC_FILE_NO_MMAP, &file)))
        drive_whole(d, file);
    if (!drive_error(d, sc_target_open(path, &opts, &target))) {
        drive_target(d, target);
        drive_analysis(d, target);
        drive_session(d, target, SC_RENDER_TEXT, drive_commands);
    }
    sc_target_close(target);
    *ret_reads = read_end(ret_failed);
}

static bool write_temp(const struct subject *s, char *path, size_t size) {
    const char *dir = getenv("TMPDIR");
    snprintf(path, size, "%s/stopcode-fault-XXXXXX", dir ? dir : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0)
        return false;
    bool ok = write(fd, s->data, s->size) == (ssize_t)s->size;
    close(fd);
    return ok;
}

static bool read_fault_ok(const struct subject *s, const char *path, enum read_fault fault,
                          uint64_t n, const struct drive *want, bool *ret_failed) {
    struct drive d = {0};
    struct heap_stats heap;
    uint64_t reads;
    crash_case(s->name, s->data, s->size, HANG_SECONDS);
    run_read(path, fault, n, &d, &reads, ret_failed);
    heap_end(&heap);
    crash_case(NULL, NULL, 0, 0);
    bool told = d.io > want->io || d.errors > want->errors || d.failed > want->failed ||
                d.notes > want->notes || d.output != want->output;
    const char *why = heap.nleaked ? "leaked"
                      : fault == READ_SHORT && d.digest != want->digest
                          ? "short reads change the answer"
                      : d.digest != want->digest && !told ? "a wrong answer without a word of it"
                                                          : NULL;
    if (why)
        tap_note("%s, read %" PRIu64 ": %s (%s)", s->name, n, why, d.why);
    return !why;
}

static void test_reads(const struct subject *s, const struct options *o) {
    char path[300];
    struct drive want = {0};
    struct heap_stats heap;
    uint64_t reads = 0;
    unsigned failures = 0, runs = 1;
    bool failed = false;
    if (o->only && !strstr("reads", o->only))
        return;
    if (!write_temp(s, path, sizeof path)) {
        tap_ok(false, "%s: a temporary file could not be written", s->name);
        return;
    }
    run_read(path, READ_OK, 0, &want, &reads, &failed);
    heap_end(&heap);
    failures += !read_fault_ok(s, path, READ_SHORT, 0, &want, &failed);
    for (uint64_t n = 1; n <= reads && failures < SHOWN; n += 1 + n / 50, runs++)
        failures += !read_fault_ok(s, path, READ_FAIL, n, &want, &failed);
    unlink(path);
    tap_ok(!failures && reads, "%s: reads that fail or are short: %u runs, %" PRIu64 " reads",
           s->name, runs, reads);
}

/* Memory that the dump lacks: each part of a forged dump left out in turn. */
static void test_missing(enum forge_scene_kind kind, const struct options *o) {
    unsigned failures = 0, runs = 0;
    if (o->only && !strstr("missing", o->only))
        return;
    for (unsigned part = 0; part < FORGE_BLOCKS + 12; part++) {
        struct forge_scene s;
        struct forge_bytes file;
        struct drive d = {0};
        struct heap_stats heap;
        sc_target *target = NULL;
        forge_scene_init(&s, kind);
        if (part < FORGE_BLOCKS)
            s.block[part].size = 0;
        else if (part < FORGE_BLOCKS + 8) {
            struct forge_block *const parts[] = {&s.t.stack, &s.t.data_page, &s.t.prcb,
                                                 &s.t.process, &s.t.thread};
            unsigned i = part - FORGE_BLOCKS;
            if (i < 5)
                parts[i]->data = NULL;
            s.t.nkdbg = i == 5 ? 0 : s.t.nkdbg;
            s.t.ndrivers = i == 6 ? 0 : s.t.ndrivers;
            s.t.nblocks = i == 7 ? 0 : s.t.nblocks;
        } else {
            unsigned i = part - FORGE_BLOCKS - 8;
            s.t.nunloaded = i == 0 ? 0 : s.t.nunloaded;
            s.t.exception = i == 1 ? NULL : s.t.exception;
            s.t.context = i == 2 ? NULL : s.t.context;
            s.t.mm = i == 3 ? NULL : s.t.mm;
        }
        if (!forge_triage_build(&s.t, &file)) {
            failures++;
            continue;
        }
        heap_begin(0);
        if (!drive_error(&d,
                         sc_target_open_memory("missing", file.data, file.size, NULL, &target))) {
            drive_target(&d, target);
            drive_analysis(&d, target);
            drive_session(&d, target, SC_RENDER_TEXT, drive_commands);
            drive_session(&d, target, SC_RENDER_JSON, drive_commands);
        }
        sc_target_close(target);
        heap_end(&heap);
        runs++;
        if (heap.nleaked || !d.output) {
            failures++;
            tap_note("%s without part %u: %zu blocks leaked, %" PRIu64 " bytes of output (%s)",
                     forge_scene_name(kind), part, heap.nleaked, d.output, d.why);
        }
        forge_bytes_free(&file);
    }
    tap_ok(!failures, "%s with a part missing: %u runs", forge_scene_name(kind), runs);
}

/* ---- symbols to look for ---- */

/* A table that has the fingerprint of the made kernels, and another one beside it. */
static bool put_table(const char *folder, unsigned number, uint32_t shift) {
    char path[400];
    snprintf(path, sizeof path, "%s/ntkrnlmp.pdb", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/ntkrnlmp.pdb/%u-1.json", folder, number);
    FILE *f = fopen(path, "wb");
    if (!f)
        return false;
    fprintf(f,
            "{\"metadata\":{\"format\":\"6.2.0\",\"windows\":{\"pdb\":{\"GUID\":"
            "\"%032x\",\"age\":1,\"database\":\"ntkrnlmp.pdb\",\"machine_type\":34404}}},"
            "\"symbols\":{\"PsLoadedModuleList\":{\"address\":%u},\"PsActiveProcessHead\":"
            "{\"address\":%u},\"KeBugCheckEx\":{\"address\":4096},\"?f@ns@@YAXXZ\":"
            "{\"address\":4112}},\"user_types\":{},\"enums\":{},\"base_types\":{}}",
            number, 0xc2a310 + shift, 0xc1f0a0 + shift);
    return fclose(f) == 0;
}

/* The corpus' store of images and PDBs joins in; its tables would take too long. */
static bool make_places(struct places *p) {
    char corpus[400];
    const char *dir = getenv("TMPDIR");
    snprintf(p->folder, sizeof p->folder, "%s/stopcode-fault-XXXXXX", dir && *dir ? dir : "/tmp");
    if (!mkdtemp(p->folder))
        return false;
    snprintf(p->cache, sizeof p->cache, "%s/cache", p->folder);
    bool has = corpus_folder(corpus, sizeof corpus);
    snprintf(p->symbols, sizeof p->symbols, "%s%s%s", p->folder, has ? ";" : "", has ? corpus : "");
    if (has)
        strcat(p->symbols, "/symstore");
    setenv("XDG_CACHE_HOME", "/dev/null/none", 1); /* tables are parsed each time */
    return put_table(p->folder, 1, 0) && put_table(p->folder, 2, 16);
}

static int drop_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static bool parse(int argc, char **argv, struct options *o) {
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--forged"))
            o->forged = true;
        else if (i + 1 < argc && !strcmp(argv[i], "--only"))
            o->only = argv[++i];
        else if (i + 1 < argc && !strcmp(argv[i], "--at"))
            o->at = strtoull(argv[++i], NULL, 10);
        else
            return false;
    }
    return true;
}

/* How many real dumps of the format are smaller than this one. */
static size_t rank(const struct subjects *all, size_t i) {
    size_t smaller = 0;
    for (size_t k = 0; k < all->count; k++)
        smaller += !all->item[k].forged && !strcmp(all->item[k].format, all->item[i].format) &&
                   (all->item[k].size < all->item[i].size ||
                    (all->item[k].size == all->item[i].size && k < i));
    return smaller;
}

/* Of real dumps the smallest few of each format, so that the tier stays short. */
static void test_one(const struct subjects *all, size_t i, const struct options *o) {
    const struct subject *s = &all->item[i];
    bool kernel = s->format[0] == 'k';
    if (s->forged || rank(all, i) < (kernel ? 1 : 12)) {
        test_subject(s, o);
        test_reads(s, o);
    }
    if (s->forged || strstr(s->name, "kdump/triage") || (!kernel && rank(all, i) < 6))
        test_symbols(s, o);
    if (s->forged)
        test_commands(s, o);
}

int main(int argc, char **argv) {
    struct options o = {0};
    struct subjects all = {0};
    if (!parse(argc, argv, &o)) {
        fputs("usage: fault [--only TEXT] [--forged] [--at N]\n", stderr);
        return 2;
    }
    struct places places[2];
    crash_watch(HARNESS_KEEP);
    setenv("TZ", "UTC", 1);
    o.places = places;
    if (!make_places(places)) {
        fputs("fault: no folder for symbols could be made\n", stderr);
        return 1;
    }
    places[1] = places[0];
    strcpy(places[1].cache, "/dev/null/none");
    if (!subjects_load(&all, !o.forged)) {
        fputs("fault: the dumps to test with could not be made\n", stderr);
        return 1;
    }
    for (size_t i = 0; i < all.count; i++)
        test_one(&all, i, &o);
    for (int kind = 0; kind < FORGE_SCENES; kind++)
        test_missing((enum forge_scene_kind)kind, &o);
    if (!all.has_corpus && !o.forged)
        tap_skip("no corpus of real dumps here (STOPCODE_CORPUS)", "real dumps");
    subjects_free(&all);
    nftw(places[0].folder, drop_entry, 16, FTW_DEPTH | FTW_PHYS);
    return tap_done();
}
