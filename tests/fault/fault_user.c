/* SPDX-License-Identifier: MIT */
/*
 * Verdicts on forged processes with their 1st, 2nd, … Nth allocation refused, symbols and all: each
 * analysis ends in "out of memory" or in the same findings, and leaks nothing.
 */
#include "unit/user_fixture.h" /* first: it asks for nftw() */

#include "harness/heap.h"
#include "harness/tap.h"

enum { TRIES = 2500, DENSE = 600, STRIDE = 7, DIGEST_MAX = 8000 };

#define COLUMNS "stack\nChild-SP          RetAddr           Call Site\n"
#define START                                                                                      \
    "000000d0`0014fd00 00007ffe`00050021 kernel32!BaseThreadInitThunk+0x14\n"                      \
    "000000d0`0014fd30 00000000`00000000 ntdll!RtlUserThreadStart+0x21\nend\n"
#define ROUND(a, b)                                                                                \
    "000000d0`0014" a " 00007ff6`00002030 app!Parse+0x30\n"                                        \
    "000000d0`0014" b " 00007ff6`00001030 app!Walk+0x30\n"

static const struct {
    const char *name, *text;
} cases[] = {
    {"a C++ exception",
     U_X64 "symbol KERNELBASE!RaiseException 7ffc00010000\n" COLUMNS
           "000000d0`0014fb80 00007ffb`00030090 KERNELBASE!RaiseException+0x69\n"
           "000000d0`0014fbc0 00007ff7`00001024 ucrtbase!_CxxThrowException+0x90\n"
           "000000d0`0014fc30 00007ff6`00001230 helper!Open+0x24\n"
           "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START
           "line helper!Open+20 c:\\src\\open.c 7\n"
           "exception e06d7363 KERNELBASE!RaiseException+69 19930520 d000200000 7ff700040000 "
           "7ff700000000\n"},
    {"a recursion", U_X64
     "symbol app!Parse 7ff600001000\nsymbol app!Walk 7ff600002000\n" COLUMNS ROUND("e000", "e040")
         ROUND("e080", "e0c0") ROUND("e100", "e140") ROUND("e180", "e1c0") ROUND("e200", "e240")
             ROUND("e280", "e2c0") ROUND("e300", "e340") ROUND("e380", "e3c0")
                 ROUND("e400", "e440") "000000d0`0014e480 00007ff6`00009230 app!Parse+0x30\n"
                                       "000000d0`0014e4c0 00007ffd`00017034 app!main+0x30\n" START
                                       "exception c00000fd app!Parse+30 1 d00014dff8\n"},
    {"an exit and a thread that waits",
     U_X64 "process d000001000 pid 1d0\nthread d000002000 cid 1d0.100 teb d000002000\n"
           "thread d000004000 cid 1d0.104 teb d000004000 name worker\n"
           "symbol ntdll!NtTerminateProcess 7ffe00090000\n"
           "symbol ntdll!NtWaitForAlertByThreadId 7ffe00030000\n" COLUMNS
           "000000d0`0014fb80 00007ffc`00011030 ntdll!NtTerminateProcess+0x14\n"
           "000000d0`0014fbc0 00007ff7`00001024 KERNELBASE!TerminateProcess+0x30\n"
           "000000d0`0014fc30 00007ff6`00001230 helper!GiveUp+0x24\n"
           "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START
           "stack thread 104\nChild-SP          RetAddr           Call Site\n"
           "000000d0`0024f000 00007ffe`00032060 ntdll!NtWaitForAlertByThreadId+0x14\n"
           "000000d0`0024f070 00007ff6`00003024 ntdll!RtlEnterCriticalSection+0x60\n"
           "000000d0`0024f0b0 00000000`00000000 app!Second+0x24\nend\n"
           "memory dq\n000000d0`0024f048  000000d0`00301000\nend\n"
           "memory dq\n000000d0`00301000  ffffffff`ffffffff 00000001`fffffffa\n"
           "000000d0`00301010  00000000`00000100 00000000`00000000\nend\n"},
};

/* What is found, as text; false: memory ran out. */
static bool digest(struct user *u, const char *folder, char *ret) {
    struct sc_store_opts opts = {.sz = sizeof opts, .offline = true};
    char store[600], cache[600];
    snprintf(store, sizeof store, "%s/store", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    opts.cache = cache;
    sc_symtab *symtab = NULL;
    struct sc_analysis *a = NULL;
    sc_err *err = sc_symtab_create(u->target, &opts, &symtab);
    if (!err)
        err = sc_store_set_path(sc_symtab_store(symtab), SC_PATH_SYMBOLS, store);
    if (!err)
        err = sc_store_set_path(sc_symtab_store(symtab), SC_PATH_IMAGES, store);
    if (!err)
        err = sc_analyze_with(u->target, symtab, &a);
    int len = 0;
    for (size_t i = 0; a && i < a->nfindings; i++)
        len += snprintf(ret + len, (size_t)(DIGEST_MAX - len), "%s %d %s %s %zu\n",
                        a->findings[i].rule, (int)a->findings[i].confidence, a->findings[i].summary,
                        a->findings[i].detail, a->findings[i].nevidence);
    if (err && sc_err_code(err) != SC_ERR_NOMEM)
        tap_note("%s", sc_err_text(err));
    bool ok = !err;
    sc_err_destroy(err);
    sc_analysis_destroy(a);
    sc_symtab_destroy(symtab);
    return ok;
}

static bool run(struct user *u, const char *folder, uint64_t fail_at, char *text, bool *ret_ended,
                bool *ret_done) {
    struct heap_stats stats;
    heap_begin(0);
    no_error(
        sc_target_open_memory("case.dmp", u->out.dump.data, u->out.dump.size, NULL, &u->target));
    heap_begin(fail_at);
    *ret_ended = digest(u, folder, text);
    heap_stop_failing();
    sc_target_close(u->target);
    heap_end(&stats);
    *ret_done = !stats.failed;
    if (stats.nleaked)
        tap_note("allocation %u: %zu bytes leaked", (unsigned)fail_at, stats.leaked);
    return !stats.nleaked;
}

static void one(size_t row, const char *folder) {
    struct user u;
    static char want[DIGEST_MAX], got[DIGEST_MAX];
    bool ended, done = false;
    user_make(&u, folder, cases[row].text);
    sc_target_close(u.target);
    bool ok = run(&u, folder, 0, want, &ended, &done) && ended;
    tap_note("%s: %s", cases[row].name, want);
    done = false;
    for (uint64_t n = 1; ok && !done && n < TRIES; n += n < DENSE ? 1 : STRIDE) {
        got[0] = 0;
        ok = run(&u, folder, n, got, &ended, &done);
        if (ok && ended && strcmp(got, want) != 0) {
            tap_note("allocation %u: other findings without a word of it: %s", (unsigned)n, got);
            ok = false;
        }
    }
    tap_ok(ok, "%s: every allocation may fail", cases[row].name);
    forge_output_free(&u.out);
}

int main(void) {
    void *folder = NULL;
    if (make_folder(&folder) != 0)
        return 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        one(i, folder);
    drop_folder(&folder);
    return tap_done();
}
