/* SPDX-License-Identifier: MIT */
/*
 * Targets of whole memory whose Nth allocation is refused, for every N until they get through: each
 * run ends in "out of memory" or in the same answers, and nothing is leaked. Then the same with the
 * Nth read of physical memory refused: no crash, no leak, and a target all the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"
#include "unit/kernel_memory.h"

enum { TRIES = 2000 };

struct job {
    const char *name;
    enum sc_cpu cpu;
    enum sc_paging_mode mode;
    bool encoded;  /* the debugger data block is, and nobody says where it is */
    bool headless; /* no list of modules: images are searched for */
    struct kmem k;
};

static void make(struct job *j) {
    kmem_init(&j->k, j->cpu, j->mode);
    map_page(&j->k.t, 0x10000, 0x8000);
    pagestore_u64(&j->k.t.ps, 0x8000, 8);
    j->k.machine.event_context_off = 0x100;
    j->k.machine.event_context_size = (uint32_t)kmem_context(
        j->cpu, j->k.base + 0x1234, kmem_stack(&j->k, 1) - 0x100, j->k.file + 0x100);
    if (j->encoded) {
        kmem_encode_block(&j->k, 0x11223344556677c1);
        j->k.machine.debugger_data = 0;
    }
    if (j->headless) {
        kmem_ptr(&j->k, j->k.list, 0);
        kmem_ptr(&j->k, j->k.list + j->k.ptr, 0);
        j->k.machine.kernel_base = j->k.base;
    }
}

/* Spaces of processes, and a walk over all that is there. */
static void drive_spaces(struct drive *d, struct job *j, sc_target *t) {
    sc_space *s = NULL;
    uint64_t v = 0, at = 0, start, size;
    if (!drive_error(d, sc_target_process_space(t, j->k.t.paging.root, &s))) {
        drive_mix(d, sc_space_uint(s, 0x10000, 8, &v));
        drive_mix(d, sc_space_uint(s, j->k.list, 8, &v) + v);
    }
    if (!drive_error(d, sc_target_set_dtb(t, j->k.t.paging.root | 8)))
        drive_mix(d, sc_space_uint(sc_target_space(t), 0x10000, 8, &v) + v);
    for (; sc_space_next(sc_target_space(t), at, &start, &size); at = start + size)
        drive_mix(d, start ^ size);
    const uint8_t *data;
    for (at = 0; sc_space_piece(sc_target_space(t), at, &start, &data, &size); at = start + size)
        drive_mix(d, start ^ size ^ (data ? data[0] : 1));
}

static void drive_all(struct drive *d, struct job *j) {
    const struct sc_debugger_data *data = NULL;
    sc_target *t = NULL;
    if (drive_error(d, kmem_try(&j->k, NULL, &t)))
        return;
    drive_target(d, t);
    if (!drive_error(d, sc_target_debugger_data(t, &data)))
        drive_mix(d, data->va + data->size);
    drive_spaces(d, j, t);
    if (sc_target_take_nomem(t))
        drive_error(d, sc_err_nomem());
    sc_target_close(t);
}

static bool run(struct job *j, uint64_t fail_at, uint64_t want, struct drive *d, bool *ret_done) {
    struct heap_stats stats;
    *d = (struct drive){0};
    heap_begin(fail_at);
    drive_all(d, j);
    heap_end(&stats);
    *ret_done = !stats.failed;
    if (stats.nleaked)
        tap_note("%s: allocation %u: %zu bytes leaked", j->name, (unsigned)fail_at, stats.leaked);
    if (fail_at && d->errors != d->nomem)
        tap_note("%s: allocation %u: %s", j->name, (unsigned)fail_at, d->why);
    if (fail_at && !d->errors && d->digest != want)
        tap_note("%s: allocation %u: no error, and another answer", j->name, (unsigned)fail_at);
    return !stats.nleaked &&
           (!fail_at || (d->errors == d->nomem && (d->errors || d->digest == want)));
}

static void every_allocation(struct job *j) {
    struct drive d;
    bool done = false;
    bool ok = run(j, 0, 0, &d, &done) && !d.errors;
    if (d.errors)
        tap_note("%s: %s", j->name, d.why);
    const uint64_t want = d.digest;
    uint64_t n = 1;
    for (done = false; ok && !done && n < TRIES; n++)
        ok = run(j, n, want, &d, &done);
    tap_ok(ok && done && n > 20, "%s: each of %u allocations refused", j->name, (unsigned)(n - 2));
}

static void every_read(struct job *j, enum sc_read status) {
    struct drive d;
    struct pagestore *ps = &j->k.t.ps;
    bool done, ok = true;
    uint64_t n = 1;
    for (ps->reads = 0; ok && n < 100000; n += 1 + n / 16) {
        ps->reads = 0;
        ps->fail_at = n;
        ps->fail_status = status;
        ok = run(j, 0, 0, &d, &done) && !d.nomem;
        if (ps->reads < n)
            break;
    }
    ps->fail_at = 0;
    tap_ok(ok && n > 100, "%s: a read of memory is %s", j->name, sc_read_name(status));
}

int main(void) {
    static struct job jobs[] = {
        {.name = "x64", .cpu = SC_CPU_X64, .mode = SC_PAGING_X64},
        {.name = "x64, encoded", .cpu = SC_CPU_X64, .mode = SC_PAGING_X64, .encoded = true},
        {.name = "x64, no list", .cpu = SC_CPU_X64, .mode = SC_PAGING_X64, .headless = true},
        {.name = "x86", .cpu = SC_CPU_X86, .mode = SC_PAGING_PAE},
        {.name = "ARM64", .cpu = SC_CPU_ARM64, .mode = SC_PAGING_ARM64},
    };
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        make(&jobs[i]);
        every_allocation(&jobs[i]);
        every_read(&jobs[i], SC_READ_ABSENT);
        every_read(&jobs[i], SC_READ_IO);
        kmem_deinit(&jobs[i].k);
    }
    return tap_done();
}
