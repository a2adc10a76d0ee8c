/* SPDX-License-Identifier: MIT */
/*
 * Every command of the table, on a dump that has what most of them show, with some of its
 * allocations refused and some of its reads failing. The lines are the samples of the commands'
 * help, so that a new command is here as soon as it has one; more lines come as arguments.
 *
 *   fault_commands [--allocations N] [--reads N] [--only COMMAND] DUMP [LINE …]
 *
 * --only "" leaves the table out.
 *
 * Run by test_commands.py, which makes the dump; symbols are looked for along _NT_SYMBOL_PATH.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "harness/crash.h"
#include "harness/faults.h"
#include "harness/tap.h"

enum { HANG_SECONDS = 60 };

struct run {
    const char *dump;
    const char *only; /* a command; NULL all */
    unsigned allocations, reads;
};

/* Commands that end the session, wait, write files, or tell the time. */
static bool left_out(const char *name) {
    static const char *const names[] = {"q",          "qq",        "qd",       ".logopen",
                                        ".logappend", ".logclose", ".logfile", ".shell",
                                        "!exec",      ".dump",     ".echotime"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

/* Text under failing reads and allocations, JSON under failing allocations. */
static void test_line(const struct run *r, const char *name, const char *line, bool may_fail) {
    struct faults f = {.path = r->dump, .line = line, .may_fail = may_fail};
    bool ok = true;
    crash_case(line, NULL, 0, HANG_SECONDS);
    for (f.render = SC_RENDER_TEXT; ok && f.render <= SC_RENDER_JSON; f.render++)
        ok = faults_sample(&f, r->allocations);
    f.render = SC_RENDER_TEXT;
    ok = ok && faults_reads(&f, r->reads);
    crash_case(NULL, NULL, 0, 0);
    tap_ok(ok, "%s: %s", name, line);
}

static void test_table(const struct run *r) {
    for (const struct sc_family *f = sc_families; f->title; f++)
        for (const struct sc_command *row = f->commands; row->name; row++)
            if (!left_out(row->name) && (!r->only || !strcmp(r->only, row->name)))
                test_line(r, row->name, row->sample ? row->sample : row->name, true);
}

/* The word behind option NAME, which is taken away; NULL when it is not there. */
static const char *option(int *argc, char ***argv, const char *name) {
    if (*argc < 3 || strcmp((*argv)[1], name) != 0)
        return NULL;
    *argc -= 2;
    *argv += 2;
    return (*argv)[0];
}

static unsigned number(const char *text, unsigned other) {
    return text ? (unsigned)strtoul(text, NULL, 10) : other;
}

int main(int argc, char **argv) {
    struct run r;
    setenv("TZ", "UTC", 1);
    r.allocations = number(option(&argc, &argv, "--allocations"), 6);
    r.reads = number(option(&argc, &argv, "--reads"), 3);
    r.only = option(&argc, &argv, "--only");
    if (argc < 2) {
        tap_note("fault_commands [--allocations N] [--reads N] [--only COMMAND] DUMP [LINE …]");
        return 2;
    }
    r.dump = argv[1];
    test_table(&r);
    for (int i = 2; i < argc; i++)
        test_line(&r, "line", argv[i], false);
    return tap_done();
}
