/* SPDX-License-Identifier: MIT */
/*
 * `lift_triage IN OUT`: makes of a 64-bit small memory dump a whole one, on which debuggers should
 * say the same. Its memory is laid into physical pages behind page tables; what a small dump keeps
 * in lists of its own (drivers, unloaded drivers) is put where the kernel keeps it. Pages that the
 * small dump has a part of have zeros in the rest.
 *
 * For convert/test_lifted.py: converted back, it must lead to the same verdict.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "forge/pagetab.h"
#include "forge/wholes.h"
#include "stopcode/kdump.h"
#include "stopcode/target.h"

enum { RAM = 64 << 20, LISTS_SIZE = 1 << 20, KD_UNLOADED = 0x220, KD_LAST_UNLOADED = 0x228 };
/* Where the lists go: nothing of the dump is there (checked). */
#define LISTS UINT64_C(0xffffeeee00000000)

struct lift {
    sc_target *t;
    struct forge_physmem *mem;
    struct forge_mmu *mmu;
    unsigned space;
    uint64_t next; /* free place among the lists */
};

static void die(const char *what) {
    fprintf(stderr, "lift_triage: %s\n", what);
    exit(1);
}

static void check(sc_err *err) {
    if (err)
        die(sc_err_text(err));
}

static void put(struct lift *l, uint64_t va, const void *data, size_t size) {
    const uint8_t *p = data;
    while (size) {
        size_t room = 0x1000 - va % 0x1000, n = size < room ? size : room;
        struct forge_mapping there;
        unsigned flags = FORGE_MAP_WRITE | FORGE_MAP_EXEC | (va >> 63 ? 0 : FORGE_MAP_USER);
        if (!forge_mmu_find(l->mmu, l->space, va, &there) &&
            !forge_mmu_map(l->mmu, l->space, va & ~(uint64_t)0xfff, forge_physmem_alloc(l->mem),
                           0x1000, flags))
            die("a page cannot be mapped");
        if (!forge_mmu_write(l->mmu, l->space, va, p, n))
            die("a page cannot be written");
        va += n;
        p += n;
        size -= n;
    }
}

static void put_num(struct lift *l, uint64_t va, uint64_t v, unsigned size) {
    put(l, va, &v, size); /* little-endian, as the hosts of the tests are */
}

static uint64_t room(struct lift *l, size_t size) {
    uint64_t va = l->next;
    l->next = (l->next + size + 15) & ~(uint64_t)15;
    if (l->next > LISTS + LISTS_SIZE)
        die("the lists are too long");
    return va;
}

/* A UNICODE_STRING at VA; ASCII, as drivers' names are. */
static void put_string(struct lift *l, uint64_t va, const char *text) {
    size_t n = strlen(text);
    uint64_t at = room(l, 2 * n + 2);
    put_num(l, va, 2 * n, 2);
    put_num(l, va + 2, 2 * n + 2, 2);
    put_num(l, va + 8, at, 8);
    for (size_t i = 0; i <= n; i++)
        put_num(l, at + 2 * i, (uint8_t)text[i], 2);
}

static void lift_memory(struct lift *l) {
    sc_space *virt = sc_target_space(l->t);
    uint64_t at = 0, start, size;
    while (sc_space_next(virt, at, &start, &size)) {
        uint8_t *buf = malloc((size_t)size);
        if (!buf || sc_space_read(virt, start, buf, (size_t)size, NULL) != SC_READ_OK)
            die("the dump's memory cannot be read");
        put(l, start, buf, (size_t)size);
        free(buf);
        at = start + size;
        if (!at)
            break;
    }
}

/* The kernel stands first in its list; the others may stand in any order. */
static void lift_drivers(struct lift *l) {
    const struct sc_modules *m;
    uint64_t head = sc_target_machine(l->t)->loaded_module_list, before = head;
    check(sc_target_modules(l->t, &m));
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < m->count; i++) {
            const struct sc_module *d = &m->item[i];
            if (!strcmp(d->name, "nt") != !pass)
                continue;
            uint64_t e = room(l, 0xa0);
            put_num(l, before, e, 8);
            put_num(l, e + 8, before, 8);
            put_num(l, e + 0x30, d->base, 8);
            put_num(l, e + 0x40, d->size, 4);
            put_num(l, e + 0x78, d->checksum, 4);
            put_num(l, e + 0x9c, d->timestamp, 4);
            put_string(l, e + 0x48, d->path);
            put_string(l, e + 0x58, d->image);
            before = e;
        }
    put_num(l, before, head, 8);
    put_num(l, head + 8, before, 8);
}

static void lift_unloaded(struct lift *l, uint64_t variable, uint64_t last) {
    const struct sc_unloadeds *u;
    uint64_t ring = room(l, 50 * 0x28);
    check(sc_target_unloaded(l->t, &u));
    size_t n = u->count < 50 ? u->count : 50;
    if (!variable || !last)
        return;
    for (size_t i = 0; i < 50; i++) /* the most recent one stands last */
        for (unsigned k = 0; k < 0x28; k += 8)
            put_num(l, ring + i * 0x28 + k, 0, 8);
    for (size_t i = 0; i < n; i++) {
        uint64_t e = ring + (n - 1 - i) * 0x28;
        put_string(l, e, u->item[i].name);
        put_num(l, e + 0x10, u->item[i].base, 8);
        put_num(l, e + 0x18, u->item[i].base + u->item[i].size, 8);
    }
    put_num(l, variable, ring, 8);
    put_num(l, last, n, 4);
}

static void write_dump(struct lift *l, const char *path) {
    const struct sc_machine *m = sc_target_machine(l->t);
    struct sc_exception e = m->exception;
    struct forge_exception exception = {.code = e.code,
                                        .flags = e.flags,
                                        .record = e.record,
                                        .address = e.address,
                                        .nparams = e.nparams};
    struct sc_regs regs;
    char why[FORGE_WHOLE_WHY];
    memcpy(exception.param, e.param, sizeof exception.param);
    check(sc_target_event_regs(l->t, &regs));
    struct forge_whole w = {.kind = FORGE_WHOLE_FULL,
                            .mem = l->mem,
                            .machine = m->cpu == SC_CPU_ARM64 ? 0xaa64 : 0x8664,
                            .major = 15,
                            .build = m->build,
                            .bugcheck = m->bugcheck,
                            .dtb = forge_mmu_root(l->mmu, l->space),
                            .pfn_database = m->pfn_database,
                            .loaded_module_list = m->loaded_module_list,
                            .active_process_head = m->active_process_head,
                            .debugger_data = m->debugger_data,
                            .time = m->time,
                            .uptime = m->uptime,
                            .product_type = m->product_type,
                            .suite_mask = m->suite_mask,
                            .context = regs.raw,
                            .context_size = regs.size,
                            .exception = m->has_exception ? &exception : NULL};
    memcpy(w.arg, m->bugcheck_arg, sizeof w.arg);
    const struct forge_patch cpus = {.offset = 0x34, .width = 4, .value = m->ncpus};
    w.patch = &cpus;
    w.npatches = 1;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || !forge_whole_write(&w, fd, why))
        die(fd < 0 ? "the new file cannot be made" : why);
    close(fd);
}

int main(int argc, char **argv) {
    struct lift l = {.next = LISTS};
    uint64_t start, size, unloaded = 0, last = 0;
    if (argc != 3)
        die("lift_triage IN OUT");
    check(sc_target_open(argv[1], NULL, &l.t));
    if (!sc_triage_header(sc_target_source(l.t)) || sc_target_ptr_size(l.t) != 8)
        die("this is no small dump of 64 bits");
    if (sc_space_next(sc_target_space(l.t), LISTS, &start, &size) && start < LISTS + LISTS_SIZE)
        die("the dump has memory where the lists would go");
    enum forge_paging mode =
        sc_target_machine(l.t)->cpu == SC_CPU_ARM64 ? FORGE_PAGING_ARM64 : FORGE_PAGING_X64;
    l.mem = forge_physmem_new();
    if (!forge_physmem_pc(l.mem, RAM))
        die("no memory");
    l.mmu = forge_mmu_new(l.mem, mode, 0x1ed);
    if (!forge_mmu_space(l.mmu, 0, &l.space))
        die("no page tables");
    lift_memory(&l);
    lift_drivers(&l);
    sc_target_kd_member(l.t, KD_UNLOADED, 8, &unloaded);
    sc_target_kd_member(l.t, KD_LAST_UNLOADED, 8, &last);
    lift_unloaded(&l, unloaded, last);
    write_dump(&l, argv[2]);
    forge_mmu_free(l.mmu);
    forge_physmem_free(l.mem);
    sc_target_close(l.t);
    return 0;
}
