/* SPDX-License-Identifier: MIT */
/*
 * Verdicts with their 1st, 2nd, … Nth allocation refused, on made dumps that the rules about
 * stacks, hardware and single kinds of stops have something to say of; bare, and with symbols and
 * images. Each run ends in "out of memory" or in the right findings, and nothing is leaked. Behind
 * the first allocations, all of which are refused, the steps get longer.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp(), nftw() */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "forge/scenario.h"
#include "harness/heap.h"
#include "harness/tap.h"
#include "stopcode/finding.h"
#include "stopcode/store.h"

enum { EACH = 300, LONGER = 13, TRIES = 20000 };

#define OS                                                                                         \
    "os 19041\ncpu x64 count 4 current 0\ndump triage\ntime 2021-06-21 08:00:59.437\n"             \
    "uptime 0 days 0:09:12.500\nprocess tool.exe ffffc00fd2e8b080 pid 4\n"                         \
    "thread ffffc00fd30aa080 cid 4.8f4 stack fffff88004c3b000 fffff88004c35000\n"                  \
    "module nt fffff804`1a000000 +1046000 image ntkrnlmp.exe version 10.0.19041.1052\n"            \
    "module bad fffff804`2b1a0000 +1f000 stamp 5bd1a4e0\n"                                         \
    "module vboxdrv fffff804`2d100000 +8000 stamp 45000000\n"
#define FAULT "stack\nnt!KeBugCheckEx\nnt!KiBugCheckDispatch+0x69\nnt!KiPageFault+0x46d\n"
#define END   "nt!PspSystemThreadStartup+0x55\nnt!KiStartSystemThread+0x28\nend\n"

static const struct {
    const char *name, *text;
} scenarios[] = {
    {"a driver called the kernel",
     OS "bugcheck 50 ffffc00fd0000000 0 nt!Copy+10 0\n" FAULT "nt!Copy+0x10\nbad!Copy+0x40\n" END},
    {"a driver's own code",
     OS "bugcheck d1 18 2 0 bad!Read+10\n"
        "code fffff8042b1a3000 48895c24084889742410574883ec20\n"
        "memory fffff8042b1a3000 48895c24084889742410574883ec20\n" FAULT "bad!Read+0x10\n" END},
    {"a request that ended late",
     OS "bugcheck a ffffc00f00000098 2 0 nt!KiDeliverApc+29c\n"
        "symbol nt!IopCompleteRequest fffff8041a20b1c0\n"
        "symbol nt!KiDeliverApc fffff8041a2237a0\n"
        "stack\n Child-SP RetAddr Call Site\n"
        "fffff880`04c3a358 fffff804`1a408b69 nt!KeBugCheckEx\n"
        "fffff880`04c3a360 fffff804`1a404e69 nt!KiBugCheckDispatch+0x69\n"
        "fffff880`04c3a4a0 fffff804`1a223a3c nt!KiPageFault+0x469\n"
        "fffff880`04c3a630 fffff804`1a21fcd0 nt!KiDeliverApc+0x29c\n"
        "fffff880`04c3a6f0 fffff804`1a21e3d3 nt!KiSwapThread+0x820\n"
        "fffff880`04c3a840 fffff804`2b1a4c1a nt!KeWaitForSingleObject+0x233\n"
        "fffff880`04c3a930 fffff804`1a4dcba5 bad!Wait+0x40\n"
        "fffff880`04c3ac10 fffff804`1a4fe6c8 nt!PspSystemThreadStartup+0x55\n"
        "fffff880`04c3ac60 00000000`00000000 nt!KiStartSystemThread+0x28\nend\n"
        "registers rip=fffff8041a223a3c rsp=fffff88004c3a630 rdi=ffffc00f00000000\n"
        "code fffff8041a223a3c 488b8798000000\n"
        "memory fffff88004c3a668 c0b1201a04f8ffff\n"
        "memory fffff88004c3a640 000000000fc0ffff 0002000000000000\n"},
    {"a hook", OS "bugcheck 109 0 0 fffff8041a621000 1\n"
                  "memory fffff8041a621000 48b8 10301a2b04f8ffff ffe0\n"
                  "stack\nnt!KeBugCheckEx\nend\n"},
    {"a processor that hangs",
     OS "bugcheck 101 c 0 ffffc58080c40180 3\n"
        "processor 3 ffffc58080c40180 ProcessorState.ContextFrame.Rip=fffff8042b1a1a14 "
        "ProcessorState.ContextFrame.Rsp=ffffa60c5e31e8f0\nstack\nnt!KeBugCheckEx\n" END},
    {"a process that was ended", OS "process csrss.exe ffffd50a01f3c0c0 pid 25c\n"
                                    "bugcheck ef ffffd50a01f3c0c0 0 0 0\n"
                                    "stack\nnt!KeBugCheckEx\nnt!NtTerminateProcess+0xb9\n" END},
    {"a table entry", OS "bugcheck 1a 41792 fffff68000125000 20000000000 0\n"
                         "stack\nnt!KeBugCheckEx\n" END},
};

/* ---- a store for one scenario ---- */

static char folder[200];

static int drop(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static bool put_file(const struct forge_made_file *file) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, file->path);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(file->bytes.data, 1, file->bytes.size, f) == file->bytes.size;
    return f && fclose(f) == 0 && ok;
}

static bool make_store(const struct forge_output *out) {
    const char *dir = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/stopcode-blame-XXXXXX", dir && *dir ? dir : "/tmp");
    bool ok = mkdtemp(folder) != NULL;
    for (size_t i = 0; ok && i < out->nfiles; i++)
        ok = put_file(&out->file[i]);
    return ok;
}

/* ---- one run ---- */

static uint64_t mix(uint64_t sum, const char *text) {
    for (; text && *text; text++)
        sum = (sum ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return sum * 31 + 1;
}

static uint64_t digest(const struct sc_analysis *a) {
    uint64_t sum = mix(1, a->bucket);
    for (size_t i = 0; i < a->nfindings; i++) {
        const struct sc_finding *f = &a->findings[i];
        sum = mix(mix(mix(sum, f->rule), f->summary), f->symbol) + (unsigned)f->confidence;
        for (size_t k = 0; k < f->nevidence; k++)
            sum = mix(mix(sum, f->evidence[k].claim), f->evidence[k].command);
        for (size_t k = 0; k < f->nnext; k++)
            sum = mix(sum, f->next[k]);
    }
    return sum;
}

struct result {
    uint64_t digest;
    bool done;  /* no allocation was refused */
    bool nomem; /* it said so */
    size_t leaked;
    const char *trouble; /* NULL none */
};

static sc_err *open_all(const struct forge_bytes *dump, bool symbols, sc_target **ret_target,
                        sc_symtab **ret_symtab) {
    struct sc_store_opts opts = {.sz = sizeof opts, .cache = folder, .offline = true};
    sc_err *err = sc_target_open_memory("made.dmp", dump->data, dump->size, NULL, ret_target);
    if (!err)
        err = sc_symtab_create(*ret_target, &opts, ret_symtab);
    for (int i = 0; !err && symbols && i < 2; i++)
        err = sc_store_set_path(sc_symtab_store(*ret_symtab), i ? SC_PATH_IMAGES : SC_PATH_SYMBOLS,
                                folder);
    return err;
}

static struct result run(const struct forge_bytes *dump, bool symbols, uint64_t fail_at) {
    struct result r = {0};
    struct heap_stats stats;
    sc_target *target = NULL;
    sc_symtab *symtab = NULL;
    struct sc_analysis *a = NULL;
    heap_begin(0);
    sc_err *err = open_all(dump, symbols, &target, &symtab);
    if (err)
        r.trouble = "it cannot be opened";
    heap_begin(fail_at);
    if (!err)
        err = sc_analyze_with(target, symtab, &a);
    heap_stop_failing();
    r.nomem = err && sc_err_code(err) == SC_ERR_NOMEM;
    if (err && !r.nomem)
        r.trouble = "another error than out of memory";
    if (a)
        r.digest = digest(a);
    sc_err_destroy(err);
    sc_analysis_destroy(a);
    sc_symtab_destroy(symtab);
    sc_target_close(target);
    heap_end(&stats);
    r.done = !stats.failed;
    r.leaked = stats.nleaked;
    return r;
}

static void every_allocation(const char *name, const struct forge_bytes *dump, bool symbols) {
    struct result want = run(dump, symbols, 0), r = want;
    unsigned n = 0, runs = 0;
    bool ok = !want.trouble && !want.leaked && want.digest;
    for (r.done = false; ok && !r.done && n < TRIES; runs++) {
        n += n < EACH ? 1 : LONGER;
        r = run(dump, symbols, n);
        ok = !r.trouble && !r.leaked && (r.nomem || r.digest == want.digest);
    }
    if (!ok)
        tap_note("allocation %u: %s, %zu leaks, %s", n, r.trouble ? r.trouble : "no error",
                 r.leaked, r.nomem ? "out of memory" : "another answer");
    tap_ok(ok && r.done, "%s, %s: %u runs up to allocation %u", name,
           symbols ? "with symbols" : "bare", runs, n);
}

int main(void) {
    setenv("TZ", "UTC", 1);
    setenv("XDG_CACHE_HOME", "/dev/null/none", 1);
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        static char why[FORGE_WHY_MAX];
        struct forge_output out;
        if (!forge_scenario_build(scenarios[i].name, scenarios[i].text, &out, why)) {
            tap_ok(false, "%s", why);
            continue;
        }
        if (!make_store(&out))
            tap_ok(false, "%s: its store is made", scenarios[i].name);
        every_allocation(scenarios[i].name, &out.dump, false);
        if (i < 3) /* those that need symbols to get to the point */
            every_allocation(scenarios[i].name, &out.dump, true);
        nftw(folder, drop, 16, FTW_DEPTH | FTW_PHYS);
        forge_output_free(&out);
    }
    return tap_done();
}
