/* SPDX-License-Identifier: MIT */
/*
 * The commands about memory on a forged machine of Windows 7 with their Nth allocation refused:
 * each run ends in "out of memory" or in the right answer, nothing is leaked, and the same target
 * answers rightly afterwards. Then the same with every Nth page of the dump missing: no crash, no
 * leak.
 */
#include <stdio.h>
#include <string.h>

#include "forge/scenario.h"
#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"
#include "stopcode/target.h"

enum { TRIES = 6000 };

static const char scenario[] =
    "dump full\n"
    "os 7601 sp 1 lab 7601.24384.amd64fre.win7sp1_ldr.190220-1800\n"
    "cpu x64 count 1 mhz 3200\n"
    "bugcheck 50 0 0 0 0\n"
    "ram 16M\n"
    "paging x64\n"
    "kdbg plain\n"
    "module nt fffff80002a00000 +200000 image ntkrnlmp.exe stamp 5C6E2160\n"
    "process System fffffa8001018040 pid 4\n"
    "process app.exe fffffa8002345080 pid 9a4\n"
    "thread fffffa8002789080 cid 9a4.9a8 stack fffff88003166000 fffff88003160000\n"
    "in process fffffa8002345080\n"
    "memory 250000 \"app's own page\" 00\n"
    "memory 271000 \"through the VAD\" 00\n"
    "pte 262000 pagefile 0 1234\n"
    "pte 263000 prototype transition\n"
    "pte 266000 demandzero\n"
    "pte 271000 vad\n"
    "memory 40000000 \"below a table in transition\" 00\n"
    "memory 40200000 \"below a table that is paged out\" 00\n"
    "trim 40000000 transition\n"
    "trim 40200000 pagefile 0 31\n"
    "vad 260000 270000 private commit 10\n"
    "vad 270000 274000 mapped file \"C:\\data\\table.bin\" protect 1\n"
    "end\n";

static const char *const lines[] = {
    ".process /p fffffa8002345080; db 250000 L10; db 271000 L10; .process; .context 0",
    "!vad; !vad 271000 1",
    "!pte 262000; !pte 263000; !pte 266000; !pte 271000; !pte 260000 262000",
    ".process /p fffffa8002345080; da 40000000; da 40200000; !pte 40000000; !pte 40200000",
    ".process /p fffffa8002345080; !vtop 0 40200000",
    "!vtop 0 250000; !vtop 0 271000; !pte2va fffff68000000080; !db 187000 L20; !du 187000 L4",
    "!pfn 187; !memusage",
    "!address; !address nt; !address 271000",
    "!search 27707061 0 0 ff; s -a 0 L?ffffffff \"through\"",
    "s -a process \"own\"; s -a kernel \"TagA\"; s -[s]a physical \"in\"; s -[1r]a 0 L1 \"in\"",
    "s -[1]a modules \"PsLoaded\"; s -[l10]sa module pagedrv; .writemem /p /dev/null 1000 L1000",
};

static struct forge_bytes dump;

static sc_target *open_target(void) {
    sc_target *target = NULL;
    sc_err *err = sc_target_open_memory("case.dmp", dump.data, dump.size, NULL, &target);
    if (err)
        tap_note("%s", sc_err_text(err));
    sc_err_destroy(err);
    return target;
}

static bool run(const char *line, enum sc_render render, uint64_t fail_at, uint64_t *want,
                bool *ret_done) {
    struct drive d = {0}, again = {0};
    struct heap_stats stats;
    heap_begin(0);
    sc_target *target = open_target();
    if (!target)
        return false;
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
    return !stats.nleaked && (d.digest == *want || clean) && again.digest == *want;
}

/* The first ones each, then further and further apart. */
static void every_allocation(const char *line, enum sc_render render) {
    uint64_t want = 0, n = 1;
    bool done = false, ok = run(line, render, 0, &want, &done);
    unsigned tries = 0;
    for (done = false; ok && !done && tries < TRIES; n += 1 + n / 40, tries++)
        ok = run(line, render, n, &want, &done);
    tap_ok(ok && done && n > 20, "%s: allocations refused up to %u", line, (unsigned)n);
}

/* The dump with a piece of it turned into rubbish: tables, trees and databases that lie. */
static void rubbish(const char *line) {
    bool ok = true;
    for (size_t at = 0x2000; ok && at + 0x1000 <= dump.size; at += 0x1000 * 37) {
        struct drive d = {0};
        struct heap_stats stats;
        uint8_t saved[0x1000], *page = (uint8_t *)dump.data + at;
        memcpy(saved, page, sizeof saved);
        for (size_t i = 0; i < sizeof saved; i++)
            page[i] = (uint8_t)(page[i] ^ (0x5b + i * 7 + at / 0x1000));
        heap_begin(0);
        sc_target *target = open_target();
        if (target)
            drive_session(&d, target, SC_RENDER_TEXT, line);
        sc_target_close(target);
        heap_end(&stats);
        ok = !stats.nleaked;
        memcpy(page, saved, sizeof saved);
    }
    tap_ok(ok, "%s: pages of the dump are rubbish", line);
}

int main(void) {
    static char why[FORGE_WHY_MAX];
    static struct forge_output made;
    if (!forge_scenario_build("case.scenario", scenario, &made, why) ||
        !forge_output_bytes(&made, &dump, why)) {
        tap_ok(false, "the machine is made: %s", why);
        return tap_done();
    }
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        every_allocation(lines[i], i % 2 ? SC_RENDER_JSON : SC_RENDER_TEXT);
        rubbish(lines[i]);
    }
    forge_bytes_free(&dump);
    forge_output_free(&made);
    return tap_done();
}
