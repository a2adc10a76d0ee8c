/* SPDX-License-Identifier: MIT */
/*
 * The commands about objects, handles, tokens, sessions and jobs with their 1st, 2nd, … Nth
 * allocation refused, on a forged dump that has all of them. Each run ends in "out of memory" or in
 * the right answer, nothing is leaked, and the same target answers rightly afterwards.
 */
#include <stdlib.h>

#include "forge/scenario.h"
#include "harness/faults.h"
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
    for (size_t i = 0; i < 2 * (sizeof lines / sizeof *lines); i++) {
        struct faults f = {.data = dump.dump.data,
                           .size = dump.dump.size,
                           .line = lines[i / 2],
                           .render = i & 1 ? SC_RENDER_JSON : SC_RENDER_TEXT};
        faults_every(&f, TRIES, CLOSE);
    }
    forge_output_free(&dump);
    return tap_done();
}
