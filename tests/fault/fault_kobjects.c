/* SPDX-License-Identifier: MIT */
/*
 * The commands about objects, handles, tokens, sessions and jobs with their 1st, 2nd, … Nth
 * allocation refused, on a forged dump that has all of them. Each run ends in "out of memory" or in
 * the right answer, nothing is leaked, and the same target answers rightly afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/scenario.h"
#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"

enum { TRIES = 20000, CLOSE = 400 }; /* from CLOSE on, not every allocation is refused */

static const char text[] =
    "dump triage\nos 19041\ncpu x64 count 1 mhz 3200\nbugcheck 18 1 2 3 4\n"
    "module nt fffff8041a000000 +800000 image ntkrnlmp.exe\n"
    "process app.exe ffffc00f02345080 pid 9a4 Token.Value=ffffa00f00014065 Job=ffffc00f03003060 "
    "\\\n"
    "    Session=ffffa00f00016000 JobLinks.Flink=ffffc00f03003088 JobLinks.Blink=ffffc00f03003088\n"
    "process System ffffc00f01018040 pid 4\n"
    "thread ffffc00f02789080 cid 9a4.9a8 process ffffc00f02345080\n"
    "object Directory ffffa00f00010060 \\Device\n"
    "object Event ffffc00f03001060 \\Device\\Ready\n"
    "object SymbolicLink ffffa00f00012060 \\Link target \\Device\n"
    "object Token ffffa00f00014060\n"
    "object Job ffffc00f03003060\n"
    "object File ffffc00f03002060\n"
    "struct _FILE_OBJECT ffffc00f03002060 DeviceObject=ffffc00f03001060 FileName=\"\\a.txt\"\n"
    "handle 4 ffffc00f03001060 process ffffc00f02345080\n"
    "handle 404 ffffc00f03002060 process ffffc00f02345080\n"
    "handle 4 ffffc00f02345080\n"
    "struct _TOKEN ffffa00f00014060 UserAndGroupCount=2 UserAndGroups=ffffa00f00015000 TokenType=1 "
    "\\\n"
    "    PrimaryGroup=ffffa00f00015100 Privileges.Present=900000\n"
    "memory ffffa00f00015000 005101000fa0ffff 0000000000000000 005101000fa0ffff 0700000000000000\n"
    "memory ffffa00f00015100 0101000000000005 12000000\n"
    "struct _EJOB ffffc00f03003060 TotalProcesses=1 ActiveProcesses=1 LimitFlags=2000 \\\n"
    "    ProcessListHead.Flink=ffffc00f02345648 ProcessListHead.Blink=ffffc00f02345648\n"
    "memory ffffa00f00016008 03000000\n"
    "memory ffffa00f00017000 01000480 14000000 14000000 00000000 20000000 0101000000000005 "
    "12000000 \\\n"
    "    02001c00 01000000 00031400 ffff1f00 0101000000000005 12000000\n";

static const char *const lines[] = {
    "!object \\Link\\Ready",
    "!object \\Device",
    "!object ffffc00f03001060 31",
    "!object 0 Event",
    "!handle 0 3",
    "!handle 0 1 0 File",
    "!handle 4 13",
    "!handle 9a4 23",
    "!token -n",
    "!sid ffffa00f00015100 1; !sd ffffa00f00017000 1",
    "!session; !sprocess -4; !session -s 3",
    "!job 0 3",
};

/* One run; false when it broke a promise. *RET_DONE: nothing was refused any more. */
static bool run(const struct forge_output *dump, const char *line, enum sc_render render,
                uint64_t fail_at, uint64_t *want, bool *ret_done) {
    struct drive d = {0}, again = {0};
    struct heap_stats stats;
    sc_target *target = NULL;
    heap_begin(0);
    sc_err *err =
        sc_target_open_memory("made.dmp", dump->dump.data, dump->dump.size, NULL, &target);
    if (err) {
        tap_note("%s", sc_err_text(err));
        sc_err_destroy(err);
        return false;
    }
    heap_begin(fail_at);
    drive_session(&d, target, render, line);
    heap_stop_failing();
    drive_session(&again, target, render, line);
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
    if (!fail_at && d.failed)
        tap_note("%s: fails without any fault", line);
    return !stats.nleaked && (d.digest == *want || clean) && again.digest == *want &&
           (fail_at || !d.failed);
}

static void every_allocation(const struct forge_output *dump, const char *line,
                             enum sc_render render) {
    uint64_t want = 0, n = 0;
    bool done = false, ok = run(dump, line, render, 0, &want, &done);
    for (done = false; ok && !done && n < TRIES;) {
        n += n < CLOSE ? 1 : 1 + n / 32;
        ok = run(dump, line, render, n, &want, &done);
    }
    tap_ok(ok && done, "%s%s: %u allocations", line, render == SC_RENDER_JSON ? " (JSON)" : "",
           (unsigned)n);
}

int main(void) {
    struct forge_output dump;
    char why[FORGE_WHY_MAX];
    setenv("TZ", "UTC", 1);
    unsetenv("_NT_SYMBOL_PATH");
    bool made = forge_scenario_build("objects", text, &dump, why);
    tap_ok(made, "the dump is made");
    if (!made) {
        tap_note("%s", why);
        return tap_done();
    }
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        every_allocation(&dump, lines[i], SC_RENDER_TEXT);
        every_allocation(&dump, lines[i], SC_RENDER_JSON);
    }
    forge_output_free(&dump);
    return tap_done();
}
