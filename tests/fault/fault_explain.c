/* SPDX-License-Identifier: MIT */
/*
 * Explanations with their 1st, 2nd, … Nth allocation refused: `!analyze -v` and `!errrec` on made
 * dumps that have what is explained from memory: a hardware error record (in memory, and in the
 * secondary data alone), a blocked power request, a double fault, the operand of an instruction.
 * Each run ends in "out of memory" or in the right answer, nothing is leaked, and the same target
 * answers rightly afterwards.
 */
#include "forge/scenario.h"
#include "forge/scene.h"
#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"
#include "unit/scenario_case.h"
#include "unit/whea_fixture.h"

enum { TRIES = 8000 };

/* A machine with a request that waits: 0x9F. */
static const char power[] =
    MACHINE64 "bugcheck 9f 3 ffffc00fd4001000 ffffc00fd4003000 ffffc00fd4002000\n"
              "struct _DRIVER_OBJECT ffffc00fd4000000 Type=4 DriverName=\"\\Driver\\drv\" "
              "DriverStart=fffff8042b1a0000\n"
              "struct _DEVICE_OBJECT ffffc00fd4001000 Type=3 DriverObject=ffffc00fd4000000\n"
              "memory ffffc00fd4002000 06 00\n"
              "memory ffffc00fd40020b8 00 30 00 d4 0f c0 ff ff\n"
              "memory ffffc00fd4003000 16 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
              "01 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
              "00 10 00 d4 0f c0 ff ff\n";
/* A double fault below the stack, with its trap frame. */
static const char trap[] =
    MACHINE64 "bugcheck 7f 8 fffff8041aa00000 ffffe28c0a5f1f00 fffff8042b1a1234\n"
              "struct _KTRAP_FRAME fffff8041aa00000 Rip=fffff8042b1a1234 SegCs=10 EFlags=10246 "
              "Rsp=ffffe28c0a5f1f00\n";
/* A critical process, and the moment. */
static const char process[] =
    MACHINE64 "bugcheck ef ffffc00fd3000080 0 0 0\n"
              "process csrss.exe ffffc00fd3000080 pid 2a0 ExitStatus=c0000005\n"
              "processor 2 DebuggerSavedIRQL=2\n";
/* A null pointer in a driver whose code is in the dump. */
static const char operand[] =
    "dump triage\n"
    "os 19041 revision 1052 lab 19041.1.amd64fre.vb_release.191206-1406\n"
    "cpu x64 count 2 current 1 vendor GenuineIntel mhz 3696\n"
    "module nt fffff8041a000000 +1046000 image ntkrnlmp.exe\n"
    "module drv fffff8042b1a0000 +1f000 inmemory\n"
    "code fffff8042b1a1234 8a 81 64 01 00 00 c3\n"
    "symbol drv!Read fffff8042b1a1234 size 10 function\n"
    "thread ffffc00fd30aa080 cid 4.8f4 stack ffffe28c0a5f8000 ffffe28c0a5f2000\n"
    "bugcheck 3b c0000005 fffff8042b1a1234 ffffe28c0a5f6200 0\n"
    "struct _CONTEXT ffffe28c0a5f6200 ContextFlags=10000f Rip=fffff8042b1a1234 "
    "Rsp=ffffe28c0a5f7000 Rcx=0\n";

static bool run(const struct forge_bytes *dump, const char *line, enum sc_render render,
                uint64_t fail_at, uint64_t *want, bool *ret_done) {
    struct drive d = {0}, again = {0};
    struct heap_stats stats;
    sc_target *target = NULL;
    heap_begin(0);
    sc_err *err = sc_target_open_memory("made.dmp", dump->data, dump->size, NULL, &target);
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
    return !stats.nleaked && (d.digest == *want || clean) && again.digest == *want;
}

static void every_allocation(const char *name, const struct forge_bytes *dump, const char *line) {
    uint64_t want = 0;
    bool done = false, ok = run(dump, line, SC_RENDER_TEXT, 0, &want, &done);
    unsigned n = 0;
    for (done = false; ok && !done && n < TRIES;)
        ok = run(dump, line, SC_RENDER_TEXT, ++n, &want, &done);
    tap_ok(ok && done, "%s: %s: %u allocations", name, line, n);
}

static void scenario(const char *name, const char *text) {
    static char why[FORGE_WHY_MAX];
    struct forge_output out;
    if (!forge_scenario_build(name, text, &out, why)) {
        tap_ok(false, "%s", why);
        return;
    }
    every_allocation(name, &out.dump, "!analyze -v");
    forge_output_free(&out);
}

/* 0x124: the record in a blob of secondary data, or in a page of memory. */
static void record(bool memory) {
    static struct forge_scene s;
    struct forge_bytes file;
    struct made m;
    made_begin(&m, 3, 1);
    made_processor(&m, 1, 2, 6);
    made_mca(&m, 1, 3, 5, 0xbe2000000005110a, 0x12345678);
    made_pcie(&m, 1 << 14, 0);
    forge_scene_init(&s, FORGE_TRIAGE_X64);
    s.t.bugcheck = 0x124;
    s.t.arg[0] = 0;
    s.t.arg[1] = memory ? s.va.page : 0xffffb00012340000;
    if (memory) {
        memcpy(s.page, m.bytes, m.size);
        s.blob[1].size = 0x40;
    } else {
        s.blob[1].data = m.bytes;
        s.blob[1].size = (uint32_t)m.size;
    }
    if (!forge_triage_build(&s.t, &file)) {
        tap_ok(false, "the dump with a record is made");
        return;
    }
    const char *name = memory ? "record in memory" : "record in secondary data";
    every_allocation(name, &file, "!analyze -v");
    every_allocation(name, &file, "!errrec");
    forge_bytes_free(&file);
}

int main(void) {
    setenv("TZ", "UTC", 1);
    unsetenv("_NT_SYMBOL_PATH");
    record(true);
    record(false);
    scenario("power", power);
    scenario("double fault", trap);
    scenario("process", process);
    scenario("operand", operand);
    return tap_done();
}
