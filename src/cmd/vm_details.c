/* SPDX-License-Identifier: MIT */
/*
 * What the flags of `!vm` add to its counters.
 *
 *     2      threads of the memory manager, with their stacks
 *     8      its last writes to page files
 *     0x10   threads that own working sets, with their stacks
 *     0x20   what the kernel's addresses are used for:
 *
 *     System Region               Base Address    NumberOfBytes
 *
 *     PfnDatabase           : ffff830000000000      38000000000
 *
 * The last form is that of published listings, the others' is our own. Whose threads the first are
 * is told by the routine they began with.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cmd/keach.h"
#include "cmd/session_impl.h"
#include "cmd/vm.h"
#include "nt/pagewrites.h"
#include "nt/regions.h"
#include "nt/wsowner.h"

enum { FLAG_MANAGER = 2, FLAG_WRITES = 8, FLAG_OWNERS = 0x10, FLAG_REGIONS = 0x20 };
enum { THREAD_FLAGS = 6 };

/* ---- threads ---- */

/* Where threads of the memory manager begin, in one build or another. */
static const char *const starts[] = {
    "nt!KeBalanceSetManager",          "nt!KeSwapProcessOrStack",   "nt!MiModifiedPageWriter",
    "nt!MiMappedPageWriter",           "nt!MmZeroPageThread",       "nt!MiZeroPageThread",
    "nt!MiZeroLargePageThread",        "nt!MiZeroInParallelWorker", "nt!MiDereferenceSegmentThread",
    "nt!MiRebuildLargePagesThread",    "nt!MiRebuildLargePages",    "nt!MiStoreEvictThread",
    "nt!MiPartitionWorkingSetManager", "nt!MiWorkingSetManager"};
enum { STARTS = sizeof starts / sizeof *starts };

struct threads {
    sc_session *s;
    const struct nt *nt;
    struct nt_clock clock;
    sc_arena *arena;
    uint64_t start[STARTS];
    size_t nstarts;
    uint64_t shown;
    bool owners, known;
};

struct owned {
    uint64_t thread;
    const char *owns;
};
static const struct sc_field owned_fields[] = {SC_FIELD(struct owned, thread, SC_F_ADDR),
                                               SC_FIELD(struct owned, owns, SC_F_STR),
                                               SC_FIELD_END};
static const struct sc_rectype owned_type = {"working_set_lock", sizeof(struct owned),
                                             owned_fields};

static void owned_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    sc_printf(out, "    owns %s\n", ((const struct owned *)record)->owns);
}

static bool is_start(const struct threads *t, uint64_t address) {
    for (size_t i = 0; i < t->nstarts; i++)
        if (t->start[i] == address)
            return true;
    return false;
}

static sc_err *visit_owner(struct threads *t, const struct nt_thread *thread) {
    struct nt_ws_owner owner;
    sc_err *err = nt_ws_owner_read(t->nt, thread->address, &owner);
    if (err || !owner.owns) {
        t->known |= !err && owner.known;
        return err;
    }
    t->known = true;
    t->shown++;
    err = sc_show_kthread(t->s, t->nt, &t->clock, thread, THREAD_FLAGS, "    ", t->arena);
    for (unsigned i = 0; !err && i < NT_WS_OWNED; i++) {
        const struct owned r = {thread->address, nt_ws_owned_name(i)};
        if (owner.owns >> i & 1)
            sc_record(t->s->out, &owned_type, &r, owned_text, NULL);
    }
    return err;
}

static sc_err *visit(void *ctx, const struct nt_process *process, const struct nt_thread *thread) {
    struct threads *t = ctx;
    const struct nt_field *start = &thread->f[NT_T_START_ADDRESS];
    (void)process;
    if (t->owners)
        return visit_owner(t, thread);
    if (!nt_set(start) || !is_start(t, start->value))
        return NULL;
    t->shown++;
    return sc_show_kthread(t->s, t->nt, &t->clock, thread, THREAD_FLAGS, "    ", t->arena);
}

static sc_err *find_starts(struct threads *t) {
    sc_err *err = NULL;
    for (unsigned i = 0; !err && i < STARTS; i++) {
        bool found = false;
        err = sc_symtab_lookup_exact(t->nt->symtab, starts[i], &t->start[t->nstarts], &found);
        if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
            found = false;
        t->nstarts += !err && found;
    }
    return err;
}

static void say_threads(const struct threads *t, const char *why) {
    sc_out *out = t->s->out;
    if (!t->owners && !t->shown)
        sc_remark(out,
                  "No thread that begins with a routine of the memory manager is in the dump.");
    if (t->owners && !t->known)
        sc_remark(out, "The nt!_ETHREAD of this kernel does not say which working sets a thread "
                       "owns: it has no OwnsProcessWorkingSetExclusive.");
    else if (t->owners && !t->shown)
        sc_remark(out, "No thread owns a working set.");
    if (why)
        sc_remark(out, "*** not all threads were looked at: %s", why);
}

static sc_err *show_threads(sc_session *s, const struct nt *nt, bool owners, sc_arena *arena) {
    struct threads t = {.s = s, .nt = nt, .arena = arena, .owners = owners};
    const struct sc_keach each = {.thread = visit, .ctx = &t};
    const char *why = NULL;
    sc_puts(s->out,
            owners ? "\nThreads that own working sets:\n" : "\nThreads of the memory manager:\n");
    if (!sc_session_has_kthreads(s)) {
        sc_remark(s->out, "A small dump does not hold the threads of the list "
                          "nt!PsActiveProcessHead leads to.");
        return NULL;
    }
    sc_err *err = nt_clock_read(nt, &t.clock);
    if (!err && !owners)
        err = find_starts(&t);
    if (!err && !owners && !t.nstarts) {
        sc_remark(s->out,
                  "The symbols do not have %s and its like: which threads are the memory "
                  "manager's is not known.",
                  starts[2]);
        return NULL;
    }
    if (!err)
        err = sc_each_kthread(s, nt, &each, arena, &why);
    if (!err)
        say_threads(&t, why);
    return err;
}

/* ---- writes to page files ---- */

struct write {
    uint64_t address, time;
    int64_t status, priority, irp_priority, partition;
    int64_t bytes, available, modified, modified_pagefile, modified_no_write;
};
static const struct sc_field write_fields[] = {SC_FIELD(struct write, address, SC_F_ADDR),
                                               SC_FIELD(struct write, time, SC_F_TIME),
                                               SC_FIELD(struct write, status, SC_F_NUM),
                                               SC_FIELD(struct write, bytes, SC_F_NUM),
                                               SC_FIELD(struct write, priority, SC_F_NUM),
                                               SC_FIELD(struct write, irp_priority, SC_F_NUM),
                                               SC_FIELD(struct write, partition, SC_F_NUM),
                                               SC_FIELD(struct write, available, SC_F_NUM),
                                               SC_FIELD(struct write, modified, SC_F_NUM),
                                               SC_FIELD(struct write, modified_pagefile, SC_F_NUM),
                                               SC_FIELD(struct write, modified_no_write, SC_F_NUM),
                                               SC_FIELD_END};
static const struct sc_rectype write_type = {"page_file_write", sizeof(struct write), write_fields};

static void write_text(sc_out *out, const void *record, void *ctx) {
    const struct write *r = record;
    sc_session *s = ctx;
    char when[64], a[SC_NT_BUF], b[SC_NT_BUF], c[SC_NT_BUF], d[SC_NT_BUF], e[SC_NT_BUF];
    char status[16] = "????????";
    if (r->status != INT64_MIN)
        snprintf(status, sizeof status, "%08x", (unsigned)r->status);
    sc_printf(out, "%-42s %s %9s %3s %10s %10s %10s %10s\n",
              sc_time_windbg(r->time, sc_session_tz(s), when), status, sc_nt_num_text(r->bytes, a),
              sc_nt_num_text(r->priority, b), sc_nt_num_text(r->available, c),
              sc_nt_num_text(r->modified, d), sc_nt_num_text(r->modified_pagefile, e),
              sc_nt_num_text(r->modified_no_write, (char[SC_NT_BUF]){0}));
}

static sc_err *show_writes(sc_session *s, const struct nt *nt, sc_arena *arena) {
    struct nt_page_writes *w = sc_arena_array(arena, 1, sizeof *w);
    if (!w)
        return sc_err_nomem();
    sc_puts(s->out, "\nLast writes to page files:\n");
    sc_err *err = nt_page_writes_read(nt, w);
    if (err && sc_err_code(err) == SC_ERR_NOT_FOUND) {
        sc_remark(s->out, "They cannot be read: %s.", sc_err_text(err));
        sc_err_destroy(err);
        return NULL;
    }
    if (err)
        return err;
    if (w->count)
        sc_printf(s->out, "%-42s %-8s %9s %3s %10s %10s %10s %10s\n", "Time", "Status", "Bytes",
                  "Pri", "Available", "Modified", "ModifiedPF", "NoWrite");
    for (size_t i = 0; i < w->count; i++) {
        const struct nt_field *f = w->item[i].f;
        struct write r = {w->item[i].address,
                          sc_nt_time(&f[NT_PWR_TIME]),
                          f[NT_PWR_STATUS].state == NT_READ
                              ? (int64_t)(f[NT_PWR_STATUS].value & UINT32_MAX)
                              : INT64_MIN,
                          sc_nt_num(&f[NT_PWR_PRIORITY]),
                          sc_nt_num(&f[NT_PWR_IRP_PRIORITY]),
                          sc_nt_num(&f[NT_PWR_PARTITION]),
                          sc_nt_num(&f[NT_PWR_BYTES]),
                          sc_nt_num(&f[NT_PWR_AVAILABLE]),
                          sc_nt_num(&f[NT_PWR_MODIFIED]),
                          sc_nt_num(&f[NT_PWR_MODIFIED_PAGEFILE]),
                          sc_nt_num(&f[NT_PWR_MODIFIED_NO_WRITE])};
        sc_record(s->out, &write_type, &r, write_text, s);
    }
    if (w->absent)
        sc_remark(s->out,
                  "%zu of %d entries of the log (nt!_MI_PAGEFILE_TRACES) are not in the "
                  "dump.",
                  w->absent, NT_PAGE_WRITES);
    else if (!w->count)
        sc_remark(s->out, "Nothing was written.");
    sc_nt_assumed(s, w->assumed);
    return NULL;
}

/* ---- regions ---- */

struct region {
    const char *name, *source;
    uint64_t base, bytes;
};
static const struct sc_field region_fields[] = {
    SC_FIELD(struct region, name, SC_F_STR), SC_FIELD(struct region, base, SC_F_ADDR),
    SC_FIELD(struct region, bytes, SC_F_U64), SC_FIELD(struct region, source, SC_F_STR),
    SC_FIELD_END};
static const struct sc_rectype region_type = {"system_region", sizeof(struct region),
                                              region_fields};

static void region_text(sc_out *out, const void *record, void *ctx) {
    const struct region *r = record;
    const bool *sources = ctx;
    sc_printf(out, "%-22s: %16" PRIx64 " %16" PRIx64, r->name, r->base, r->bytes);
    if (*sources)
        sc_printf(out, "  [%s]", r->source);
    sc_puts(out, "\n");
}

static int by_base(const void *a, const void *b) {
    const struct region *x = a, *y = b;
    return (x->base > y->base) - (x->base < y->base);
}

/* The kernel's own assignments where it has them; else what else is known. */
static size_t take_regions(const struct nt_regions *regions, bool own, struct region *ret) {
    size_t n = 0;
    for (size_t i = 0; i < regions->special.count; i++) {
        const struct nt_region_range *s = &regions->special.item[i];
        if (!own || !strcmp(s->source, "SystemVaRegions"))
            ret[n++] = (struct region){s->name, s->source, s->start, s->last - s->start + 1};
    }
    qsort(ret, n, sizeof *ret, by_base);
    return n;
}

static sc_err *list_regions(sc_session *s, const struct nt_regions *regions, sc_arena *arena) {
    size_t room = regions->special.count;
    struct region *list = sc_arena_array(arena, room ? room : 1, sizeof *list);
    bool sources = false;
    if (!list)
        return sc_err_nomem();
    size_t n = take_regions(regions, true, list);
    if (!n) {
        n = take_regions(regions, false, list);
        sources = sc_session_enrich(s);
    }
    sc_puts(s->out, "\nSystem Region               Base Address    NumberOfBytes\n\n");
    for (size_t i = 0; i < n; i++)
        sc_record(s->out, &region_type, &list[i], region_text, &sources);
    if (sources)
        sc_remark(s->out, "The kernel's own list, SystemVaRegions in nt!_MI_VISIBLE_STATE, is not "
                          "in this dump and its symbols: it exists since Windows 10 1607.");
    return NULL;
}

static sc_err *show_regions(sc_session *s, const struct nt *nt, sc_arena *arena) {
    struct nt_regions regions;
    sc_err *err = nt_regions_init(&regions, nt);
    if (err)
        return err;
    err = list_regions(s, &regions, arena);
    nt_regions_deinit(&regions);
    return err;
}

sc_err *sc_vm_details(sc_session *s, const struct nt *nt, uint64_t flags, sc_arena *arena) {
    sc_err *err = flags & FLAG_MANAGER ? show_threads(s, nt, false, arena) : NULL;
    if (!err && flags & FLAG_WRITES)
        err = show_writes(s, nt, arena);
    if (!err && flags & FLAG_OWNERS)
        err = show_threads(s, nt, true, arena);
    if (!err && flags & FLAG_REGIONS)
        err = show_regions(s, nt, arena);
    return err;
}
