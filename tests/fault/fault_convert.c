/* SPDX-License-Identifier: MIT */
/*
 * Conversions with the 1st, 2nd, … Nth allocation refused: each run ends in "out of memory" and
 * leaves no file, or in the same file as without; nothing is leaked.
 */
#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"
#include "unit/convert_fixture.h"
#include "unit/pfn_fixture.h"

enum { TRIES = 6000 };

static const struct job {
    const char *name;
    enum sc_cpu cpu;
    enum sc_paging_mode mode;
    enum sc_convert_to to;
    bool strip, active;
} jobs[] = {
    {"x64 to full", SC_CPU_X64, SC_PAGING_X64, SC_CONVERT_FULL, false, false},
    {"x64 to bitmap", SC_CPU_X64, SC_PAGING_X64, SC_CONVERT_BITMAP, false, false},
    {"x64 to kernel", SC_CPU_X64, SC_PAGING_X64, SC_CONVERT_KERNEL, false, false},
    {"x64 to a stripped bitmap", SC_CPU_X64, SC_PAGING_X64, SC_CONVERT_BITMAP, true, false},
    {"x64 to ELF", SC_CPU_X64, SC_PAGING_X64, SC_CONVERT_ELF, false, false},
    {"x64 to raw", SC_CPU_X64, SC_PAGING_X64, SC_CONVERT_RAW, false, false},
    {"x64 to triage", SC_CPU_X64, SC_PAGING_X64, SC_CONVERT_TRIAGE, false, false},
    {"x64 to a stripped triage", SC_CPU_X64, SC_PAGING_X64, SC_CONVERT_TRIAGE, true, false},
    {"x64 to active pages", SC_CPU_X64, SC_PAGING_X64, SC_CONVERT_BITMAP, false, true},
    {"x86 to active pages", SC_CPU_X86, SC_PAGING_PAE, SC_CONVERT_BITMAP, false, true},
    {"x86 to kernel", SC_CPU_X86, SC_PAGING_PAE, SC_CONVERT_KERNEL, false, false},
    {"x86 to triage", SC_CPU_X86, SC_PAGING_PAE, SC_CONVERT_TRIAGE, false, false},
};

static void make(const struct job *j, struct kmem *k) {
    kmem_init(k, j->cpu, j->mode);
    uint64_t process = k->base + 0x600000;
    kmem_ptr(k, process + (k->ptr == 8 ? 0x28 : 0x18), k->t.paging.root);
    kmem_put(k, 0x10000, "a process' own", 14);
    if (j->active) {
        pfnfix_init(k);
        pfnfix_put(k, 0x7000, NT_PAGE_STANDBY, 0, 0);
        pagestore_put(&k->t.ps, 0x7000000, "on standby", 10);
    }
    if (j->mode == SC_PAGING_X64)
        kmem_encode_block(k, 0x11223344556677c1);
}

/* The file's bytes as one number; 0: it is not there. */
static uint64_t digest(const char *path) {
    uint64_t h = 0xcbf29ce484222325;
    FILE *f = fopen(path, "rb");
    if (!f)
        return 0;
    static uint8_t buf[1 << 16];
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;)
        for (size_t i = 0; i < n; i++)
            if (buf[i])
                h = (h ^ buf[i] ^ (uint64_t)i << 8) * 0x100000001b3;
    fclose(f);
    return h;
}

/* One run; false when it broke a promise. */
static bool run(const struct job *j, struct kmem *k, struct conv_fix *f, uint64_t fail_at,
                uint64_t *want, bool *ret_done) {
    struct drive d = {0};
    struct heap_stats stats;
    sc_target *t = NULL;
    struct sc_convert_result r = {0};
    struct sc_convert_opts o = {
        .sz = sizeof o, .to = j->to, .strip_user = j->strip, .active_only = j->active};
    heap_begin(fail_at);
    if (!drive_error(&d, kmem_try(k, NULL, &t)) && !drive_error(&d, sc_convert(t, f->path, &o, &r)))
        sc_convert_result_free(&r);
    sc_target_close(t);
    heap_end(&stats);
    *ret_done = !stats.failed;
    uint64_t got = digest(f->path);
    unlink(f->path);
    unsigned left = conv_fix_files(f);
    if (!fail_at)
        *want = got;
    bool clean = d.errors ? d.errors == d.nomem && !got : got == *want && got;
    if (!clean)
        tap_note("%s: allocation %u: %s", j->name, (unsigned)fail_at,
                 d.errors ? d.why : "another file without a word of it");
    if (stats.nleaked || left)
        tap_note("%s: allocation %u: %zu bytes leaked, %u files left", j->name, (unsigned)fail_at,
                 stats.leaked, left);
    return clean && !stats.nleaked && !left;
}

static void every_allocation(const struct job *j, struct conv_fix *f) {
    struct kmem k;
    uint64_t want = 0, n = 0;
    bool done = false;
    make(j, &k);
    bool ok = run(j, &k, f, 0, &want, &done);
    for (done = false; ok && !done && n < TRIES;) {
        /* The first few hundred, then every seventh: most are the symbols'. */
        n += n < 300 ? 1 : 7;
        ok = run(j, &k, f, n, &want, &done);
    }
    tap_ok(ok && done && n > 5, "%s: each of %u allocations refused", j->name, (unsigned)n);
    kmem_deinit(&k);
}

int main(void) {
    struct conv_fix f;
    conv_fix_begin(&f);
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        every_allocation(&jobs[i], &f);
    conv_fix_end(&f);
    return tap_done();
}
