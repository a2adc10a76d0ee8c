/* SPDX-License-Identifier: MIT */
/*
 * `!address`; that of kernels is kaddress.c. For user minidumps: the regions of the process's
 * memory from the MemoryInfoList stream, as a table or one in detail, in WinDbg's layouts. Usage is
 * what can be told from the dump alone: images, stacks, TEBs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/kaddress.h"
#include "cmd/show.h"
#include "stopcode/minidump.h"

typedef unsigned long long ull;

struct row {
    uint64_t start, end, size, alloc_base;
    uint32_t state, protect, type, alloc_protect;
    const char *state_name, *type_name, *usage, *what, *path;
    const char *protect_names, *alloc_names;
    bool first; /* of its allocation */
};
static const struct sc_field fields[] = {
    SC_FIELD(struct row, start, SC_F_ADDR),
    SC_FIELD(struct row, end, SC_F_ADDR),
    SC_FIELD(struct row, size, SC_F_HEX64),
    SC_FIELD(struct row, state, SC_F_HEX32),
    SC_FIELD(struct row, state_name, SC_F_STR),
    SC_FIELD(struct row, protect, SC_F_HEX32),
    SC_FIELD(struct row, protect_names, SC_F_STR),
    {"memory_type", SC_F_HEX32, offsetof(struct row, type), 0, NULL, NULL},
    SC_FIELD(struct row, type_name, SC_F_STR),
    SC_FIELD(struct row, alloc_base, SC_F_ADDR),
    SC_FIELD(struct row, alloc_protect, SC_F_HEX32),
    SC_FIELD(struct row, alloc_names, SC_F_STR),
    SC_FIELD(struct row, usage, SC_F_STR),
    SC_FIELD(struct row, what, SC_F_STR),
    SC_FIELD(struct row, path, SC_F_STR),
    SC_FIELD_END};
static const struct sc_rectype type = {"region", sizeof(struct row), fields};

/* ---- names ---- */

enum { COMMIT = 0x1000, RESERVE = 0x2000, FREE = 0x10000 };

static const char *state_name(uint32_t state) {
    return state == COMMIT    ? "MEM_COMMIT"
           : state == RESERVE ? "MEM_RESERVE"
           : state == FREE    ? "MEM_FREE"
                              : "";
}

static const char *type_name(uint32_t t) {
    return t == 0x20000     ? "MEM_PRIVATE"
           : t == 0x40000   ? "MEM_MAPPED"
           : t == 0x1000000 ? "MEM_IMAGE"
                            : "";
}

/* "PAGE_READWRITE | PAGE_GUARD", in the arena; NULL when memory is short. */
static const char *protect_names(uint32_t protect, sc_arena *arena) {
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {{0x01, "PAGE_NOACCESS"},
                 {0x02, "PAGE_READONLY"},
                 {0x04, "PAGE_READWRITE"},
                 {0x08, "PAGE_WRITECOPY"},
                 {0x10, "PAGE_EXECUTE"},
                 {0x20, "PAGE_EXECUTE_READ"},
                 {0x40, "PAGE_EXECUTE_READWRITE"},
                 {0x80, "PAGE_EXECUTE_WRITECOPY"},
                 {0x100, "PAGE_GUARD"},
                 {0x200, "PAGE_NOCACHE"},
                 {0x400, "PAGE_WRITECOMBINE"}};
    char buf[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names && n < sizeof buf; i++)
        if (protect & names[i].bit)
            n += (size_t)snprintf(buf + n, sizeof buf - n, "%s%s", n ? " | " : "", names[i].name);
    return sc_arena_strdup(arena, buf);
}

/* ---- text ---- */

struct style {
    unsigned ptr_size;
    bool detail;
};

static const char *column(uint64_t v, unsigned ptr_size, char *buf, size_t size) {
    if (ptr_size == 8)
        snprintf(buf, size, "%9llx`%08llx", (ull)(v >> 32), (ull)(v & UINT32_MAX));
    else
        snprintf(buf, size, "%9llx", (ull)v);
    return buf;
}

static void header(sc_out *out, unsigned ptr_size) {
    static const char dashes[] = "----------------------------------------------------------------"
                                 "----------------------------------------------------------";
    if (ptr_size == 8)
        sc_puts(out,
                "        BaseAddress      EndAddress+1        RegionSize     Type       State  "
                "               Protect             Usage\n");
    else
        sc_puts(out, "  BaseAddr EndAddr+1 RgnSize     Type       State                 Protect   "
                     "          Usage\n");
    sc_printf(out, "%s\n", dashes);
}

static void table_text(sc_out *out, const struct row *r, unsigned ptr_size) {
    char a[32], b[32], c[32];
    sc_printf(out, "%c%s%s%s %-11s %-11s %-34s %-10s ", r->first ? '+' : ' ',
              column(r->start, ptr_size, a, sizeof a), column(r->end, ptr_size, b, sizeof b),
              column(r->size, ptr_size, c, sizeof c), r->type_name, r->state_name, r->protect_names,
              r->usage);
    if (r->what && r->path)
        sc_printf(out, "[%s; \"%s\"]", r->what, r->path);
    else if (r->what)
        sc_printf(out, "[%s]", r->what);
    sc_puts(out, "\n");
}

static void size_text(sc_out *out, uint64_t size) {
    static const char *const units[] = {"B ", "kB", "MB", "GB", "TB"};
    double v = (double)size;
    unsigned u = 0;
    while (v >= 1024 && u < 4) {
        v /= 1024;
        u++;
    }
    sc_printf(out, " (%8.3f %s)\n", v, units[u]);
}

static void detail_text(sc_out *out, const struct row *r, unsigned ptr_size) {
    char a[SC_ADDR_BUF];
    sc_printf(out, "Usage:                  %s\n", r->usage);
    sc_printf(out, "Base Address:           %s\n", sc_addr_text(r->start, ptr_size, a));
    sc_printf(out, "End Address:            %s\n", sc_addr_text(r->end, ptr_size, a));
    sc_printf(out, "Region Size:            %s", sc_addr_text(r->size, ptr_size, a));
    size_text(out, r->size);
    sc_printf(out, "State:                  %08x          %s\n", r->state, r->state_name);
    sc_printf(out, "Protect:                %08x          %s\n", r->protect, r->protect_names);
    if (r->type)
        sc_printf(out, "Type:                   %08x          %s\n", r->type, r->type_name);
    if (r->state != FREE) {
        sc_printf(out, "Allocation Base:        %s\n", sc_addr_text(r->alloc_base, ptr_size, a));
        sc_printf(out, "Allocation Protect:     %08x          %s\n", r->alloc_protect,
                  r->alloc_names);
    }
    if (r->path)
        sc_printf(out, "Image Path:             %s\nModule Name:            %s\n", r->path,
                  r->what);
    else if (r->what)
        sc_printf(out, "More info:              %s\n", r->what);
}

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct style *s = ctx;
    if (s->detail)
        detail_text(out, r, s->ptr_size);
    else
        table_text(out, r, s->ptr_size);
}

/* ---- usage ---- */

/* A thread's stack or TEB, sorted by address: a dump may have very many of both. */
struct owned {
    uint64_t start, size;
    const char *usage;
    const struct sc_thread *thread;
};
struct owneds {
    struct owned *item;
    size_t count, room;
};

static int by_start(const void *a, const void *b) {
    const struct owned *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static sc_err *collect(sc_target *target, struct owneds *ret) {
    const struct sc_threads *threads;
    sc_err *err = sc_target_threads(target, &threads);
    if (err)
        return err;
    for (size_t i = 0; i < threads->count; i++) {
        const struct sc_thread *t = &threads->item[i];
        struct owned *stack = t->stack_size ? SC_VEC_PUSH(ret) : NULL;
        if (t->stack_size && !stack)
            return sc_err_nomem();
        if (stack)
            *stack = (struct owned){t->stack_start, t->stack_size, "Stack", t};
        struct owned *teb = t->teb ? SC_VEC_PUSH(ret) : NULL;
        if (t->teb && !teb)
            return sc_err_nomem();
        if (teb)
            *teb = (struct owned){t->teb, 1, "TEB", t};
    }
    if (ret->count)
        qsort(ret->item, ret->count, sizeof *ret->item, by_start);
    return NULL;
}

/* What lies in the region: the first that starts in it, else one that reaches into it. */
static const struct owned *owner(const struct owneds *list, const struct sc_mdmp_region *region) {
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (list->item[mid].start < region->base)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < list->count && list->item[low].start - region->base < region->size)
        return &list->item[low];
    if (low && region->base - list->item[low - 1].start < list->item[low - 1].size)
        return &list->item[low - 1];
    return NULL;
}

static sc_err *fill(sc_target *target, const struct owneds *list,
                    const struct sc_mdmp_region *region, struct row *r, sc_arena *arena) {
    *r = (struct row){.start = region->base,
                      .end = region->base + region->size,
                      .size = region->size,
                      .alloc_base = region->alloc_base,
                      .state = region->state,
                      .protect = region->protect,
                      .type = region->type,
                      .alloc_protect = region->alloc_protect,
                      .state_name = state_name(region->state),
                      .type_name = type_name(region->type),
                      .usage = region->state == FREE ? "Free" : "<unknown>",
                      .first = region->state == FREE || region->base == region->alloc_base};
    r->protect_names = protect_names(region->protect, arena);
    r->alloc_names = protect_names(region->alloc_protect, arena);
    if (!r->protect_names || !r->alloc_names)
        return sc_err_nomem();
    const struct sc_module *m = sc_target_module_at(target, region->base);
    if (region->state == FREE)
        return NULL;
    if (m) {
        r->usage = "Image";
        r->what = m->name;
        r->path = m->path;
        return NULL;
    }
    const struct owned *o = owner(list, region);
    if (!o)
        return NULL;
    r->usage = o->usage;
    r->what = sc_arena_printf(arena, "~%u; %x.%x", o->thread->index, sc_target_machine(target)->pid,
                              o->thread->tid);
    return r->what ? NULL : sc_err_nomem();
}

/* ---- the command ---- */

enum { MEMORY_INFO_LIST = 16 };

/* A region's strings live as long as its line: an arena for each keeps memory bounded. */
static sc_err *show_region(sc_session *session, const struct owneds *list,
                           const struct sc_mdmp_region *region, struct style *style) {
    struct row r;
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = fill(sc_session_target(session), list, region, &r, arena);
    if (!err)
        sc_record(sc_session_out(session), &type, &r, row_text, style);
    sc_arena_destroy(arena);
    return err;
}

static sc_err *walk(sc_session *session, struct sc_source *source, const struct owneds *list,
                    uint64_t addr, struct style *style, bool *ret_found) {
    for (size_t i = 0;; i++) {
        struct sc_mdmp_region region;
        bool more = true;
        if (sc_target_cancelled(sc_session_target(session)))
            return sc_err_cancelled();
        sc_err *err = sc_mdmp_region(source, i, &region, &more);
        if (err || !more)
            return err;
        if (style->detail && addr - region.base >= region.size)
            continue;
        err = show_region(session, list, &region, style);
        if (err)
            return err;
        *ret_found = true;
        if (style->detail)
            return NULL;
    }
}

static sc_err *run_address(sc_session *session, const struct sc_args *args) {
    sc_target *target = sc_session_target(session);
    if (sc_target_machine(target)->kernel)
        return sc_show_kernel_regions(session, &args->v[0]);
    /* The target's own source: records are read when asked for. */
    struct sc_source *source = (struct sc_source *)sc_target_source(target);
    struct style style = {sc_session_ptr_size(session), args->v[0].given};
    uint64_t addr = sc_space_canon(sc_target_space(target), args->v[0].num);
    bool found = false;
    if (!sc_mdmp_stream(source, MEMORY_INFO_LIST)) {
        sc_remark(sc_session_out(session), "This dump has no list of memory regions%s.",
                  sc_target_machine(target)->windows
                      ? ": it is written with MiniDumpWithFullMemoryInfo"
                      : "");
        return NULL;
    }
    struct owneds list = {0};
    const struct sc_modules *modules;
    sc_err *err = sc_target_modules(target, &modules); /* loaded once; then names are found */
    if (!err)
        err = collect(target, &list);
    if (!err && !style.detail)
        header(sc_session_out(session), style.ptr_size);
    if (!err)
        err = walk(session, source, &list, addr, &style, &found);
    SC_VEC_FREE(&list);
    if (!err && style.detail && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "no region of the list contains 0x%llx",
                      (unsigned long long)addr);
    return err;
}

static const struct sc_arg address_args[] = {
    {SC_ARG_EXPR, "address", NULL, true, "the region that contains it; none: the table of all"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_address_commands[] = {
    {.name = "!address",
     .brief = "show the regions of memory, and what they are used for",
     .needs = SC_NEED_TARGET,
     .args = address_args,
     .help =
         "Of a process's dump: a + marks the first region of an allocation. The list tells what "
         "the process had; the dump need not hold the bytes.\n"
         "Of a kernel: images, page tables, the PFN database, pools and the rest of the "
         "kernel's half, as far as the kernel's own map, its variables or the build tell; of "
         "the process of .process its VADs.",
     .sample = "!address",
     .run = run_address},
    {.name = NULL},
};
