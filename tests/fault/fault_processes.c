/* SPDX-License-Identifier: MIT */
/*
 * Processes of whole memory with the Nth allocation refused, for every N until a command gets
 * through: each run ends in "out of memory" or in the same answer, nothing is leaked, and asked
 * again the session answers as if nothing had been: whose memory is at hand is no half of two.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/scenario.h"
#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"

enum { TRIES = 4000 };

static const char scenario[] =
    "dump full\nos 7601 sp 1\ncpu x64 count 1 current 0\ntime 2013-06-11 18:30:04\n"
    "uptime 0 days 0:14:22\nbugcheck e2 0 0 0 0\nram 16M\npaging x64\nkdbg plain\n"
    "module nt fffff800`01600000 +200000 image ntkrnlmp.exe\n"
    "process System fffffa8001010000 pid 4\nprocess app.exe fffffa8001020000 pid 9a4\n"
    "process other.exe fffffa8001030000 pid a00\n"
    "thread fffffa8001080000 cid 9a4.9a8 stack fffff88004006000 fffff88004000000 teb 7ff70000\n"
    "thread fffffa8001088000 cid a00.a04 stack fffff88004046000 fffff88004040000 teb 7ff80000 "
    "Tcb.State=5\n"
    "stack\nnt!KeBugCheckEx\nend\n"
    "module ntdll 00000000`77a00000 +20000\n"
    "in process fffffa8001020000\n"
    "module app 00400000 +8000 image app.exe path \"C:\\app\\app.exe\"\nend\n"
    "in process fffffa8001030000\n"
    "module other 00500000 +8000 image other.exe path \"C:\\app\\other.exe\"\nend\n";

static const char *const lines[] = {
    "lm",
    ".process /p /r fffffa8001030000; lm u; !peb",
    "!process 0 1f",
    "!process /m other.exe 0 0",
    "!thread fffffa8001088000 1e; lm u",
    ".thread /p /r fffffa8001088000; k; !teb",
    "!stacks 2; !findstack nt 0; !uniqstack",
    ".reload /user; .effmach",
    "!for_each_process .process @#Process",
};

static struct forge_bytes dump;

/* One run; false when it broke a promise. *RET_DONE: nothing was refused any more. */
static bool run(const char *line, uint64_t fail_at, uint64_t *want, bool *ret_done) {
    struct drive d = {0}, again = {0};
    struct heap_stats stats;
    sc_target *target = NULL;
    heap_begin(0);
    sc_err *err = sc_target_open_memory("made.dmp", dump.data, dump.size, NULL, &target);
    if (err) {
        tap_note("%s", sc_err_text(err));
        sc_err_destroy(err);
        return false;
    }
    heap_begin(fail_at);
    drive_session(&d, target, SC_RENDER_TEXT, line);
    heap_stop_failing();
    drive_session(&again, target, SC_RENDER_TEXT, line);
    sc_target_close(target);
    heap_end(&stats);
    *ret_done = !stats.failed;
    if (!fail_at)
        *want = d.digest;
    bool clean = d.nomem || d.saw_nomem;
    if (stats.nleaked)
        tap_note("%s: allocation %u: %zu bytes leaked", line, (unsigned)fail_at, stats.leaked);
    if (d.digest != *want && !clean)
        tap_note("%s: allocation %u: another answer without a word of it", line, (unsigned)fail_at);
    if (again.digest != *want)
        tap_note("%s: allocation %u: asked again, it answers otherwise", line, (unsigned)fail_at);
    return !stats.nleaked && (d.digest == *want || clean) && again.digest == *want;
}

static void every_allocation(const char *line) {
    uint64_t want = 0;
    bool done = false, ok = run(line, 0, &want, &done);
    unsigned n = 0;
    for (done = false; ok && !done && n < TRIES;)
        ok = run(line, ++n, &want, &done);
    tap_ok(ok && done, "%s: %u allocations", line, n);
}

int main(void) {
    static char why[FORGE_WHY_MAX];
    struct forge_output made = {0};
    setenv("TZ", "UTC", 1);
    unsetenv("_NT_SYMBOL_PATH");
    bool ok =
        forge_scenario_build("case", scenario, &made, why) && forge_output_bytes(&made, &dump, why);
    tap_ok(ok, "a machine is made %s", why);
    for (size_t i = 0; ok && i < sizeof lines / sizeof *lines; i++)
        every_allocation(lines[i]);
    forge_bytes_free(&dump);
    forge_output_free(&made);
    return tap_done();
}
