/* SPDX-License-Identifier: MIT */
/*
 * Processes of whole memory with the Nth allocation refused, for every N until a command gets
 * through: each run ends in "out of memory" or in the same answer, nothing is leaked, and asked
 * again the session answers as if nothing had been: whose memory is at hand is no half of two.
 */
#include <stdlib.h>

#include "forge/scenario.h"
#include "harness/faults.h"
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
    "stack thread fffffa8001088000\nChild-SP RetAddr Call Site\n"
    "fffff88004045ad0 fffff8000168d1d2 nt!KiSwapContext+0x7a\n"
    "fffff88004045c10 0000000000000000 nt!KiSwapThread+0x1d2\nend\n"
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

int main(void) {
    static char why[FORGE_WHY_MAX];
    struct forge_bytes dump = {0};
    struct forge_output made = {0};
    setenv("TZ", "UTC", 1);
    unsetenv("_NT_SYMBOL_PATH");
    bool ok =
        forge_scenario_build("case", scenario, &made, why) && forge_output_bytes(&made, &dump, why);
    tap_ok(ok, "a machine is made %s", why);
    for (size_t i = 0; ok && i < sizeof lines / sizeof *lines; i++) {
        struct faults f = {.data = dump.data, .size = dump.size, .line = lines[i]};
        faults_every(&f, TRIES, 0);
    }
    forge_bytes_free(&dump);
    forge_output_free(&made);
    return tap_done();
}
