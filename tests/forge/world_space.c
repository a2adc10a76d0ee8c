/* SPDX-License-Identifier: MIT */
/* Processes with memory of their own, and the machine they run on: RAM, page tables. */
#include <stdio.h>
#include <string.h>

#include "forge/world.h"

typedef unsigned long long ull;

enum { BUILD_10 = 10240, BUILD_RANDOM = 14393, SYSTEM_PID = 4, DEFAULT_INDEX = 0x1ed };

bool forge_world_is_user(const struct forge_world *w, uint64_t addr) {
    return w->is32 ? addr < 0x80000000 : addr >> 63 == 0;
}

/* ---- who is there ---- */

static uint64_t address_of_current(const struct forge_world *w) {
    const struct forge_scenario *s = w->s;
    const struct forge_scn_thread *t = s->threads.count ? &s->threads.item[0] : NULL;
    if (t && t->has_process)
        return t->process;
    const struct forge_scn_process *p =
        t && t->has_cid ? forge_world_process_of_id(w, t->pid) : NULL;
    if (p)
        return p->address;
    return s->processes.count ? s->processes.item[0].address : 0;
}

static uint64_t user_room(const struct forge_world *w) {
    return w->is32 ? 0x00a30000 : 0x0000000000a30000;
}

static struct forge_wprocess *add_process(struct forge_world *w, uint64_t address,
                                          const struct forge_scn_process *scn) {
    struct forge_wprocess *p = FORGE_PUSH(w->pool, &w->processes);
    p->address = address;
    p->scn = scn;
    p->mem.pool = w->pool;
    p->spare = user_room(w);
    return p;
}

bool forge_world_processes(struct forge_world *w) {
    forge_world_people(w);
    uint64_t current = address_of_current(w);
    bool system = false;
    if (!w->kernel)
        return true;
    for (size_t i = 0; i < w->s->processes.count; i++) {
        const struct forge_scn_process *scn = &w->s->processes.item[i];
        struct forge_wprocess *p = add_process(w, scn->address, scn);
        p->current = scn->address == current;
        p->system = !system && scn->pid == SYSTEM_PID;
        system = system || p->system;
    }
    if (!w->s->processes.count) {
        struct forge_wprocess *p = add_process(w, 0, NULL);
        p->current = p->system = true;
    } else if (w->whole && !system) {
        struct forge_wprocess *p = add_process(w, 0, NULL);
        p->system = true;
    }
    return true;
}

bool forge_world_need_process(struct forge_world *w, unsigned line, uint64_t address,
                              struct forge_wprocess **ret) {
    for (size_t i = 0; i < w->processes.count; i++) {
        struct forge_wprocess *p = &w->processes.item[i];
        if (address ? p->address == address : p->current) {
            *ret = p;
            return true;
        }
    }
    return forge_wrong(w->s, line, "no line describes the process %llx", (ull)address);
}

bool forge_world_enter(struct forge_world *w, unsigned line, uint64_t process, uint64_t addr) {
    struct forge_wprocess *p;
    if (!process || !forge_world_is_user(w, addr))
        return true;
    if (!w->kernel)
        return forge_wrong(w->s, line, "in process: a user minidump is of one process");
    if (!forge_world_need_process(w, line, process, &p))
        return false;
    w->outside.spare = w->spare;
    if (!p->current) {
        w->outside.mem = w->mem;
        w->mem = p->mem;
    }
    w->spare = p->spare;
    w->outside.in = p;
    return true;
}

void forge_world_leave(struct forge_world *w) {
    struct forge_wprocess *p = w->outside.in;
    if (!p)
        return;
    p->spare = w->spare;
    w->spare = w->outside.spare;
    if (!p->current) {
        p->mem = w->mem;
        w->mem = w->outside.mem;
    }
    w->outside.in = NULL;
}

/* ---- the machine ---- */

static bool fits_cpu(const struct forge_world *w) {
    bool small =
        w->s->machine.paging == FORGE_PAGING_X86 || w->s->machine.paging == FORGE_PAGING_PAE;
    return small == w->is32;
}

bool forge_world_check_machine(struct forge_world *w) {
    struct forge_scn_machine *m = &w->s->machine;
    if (!m->ram_line)
        m->ram = 256 << 20;
    if (!m->paging_line)
        m->paging = w->is32 ? FORGE_PAGING_PAE : FORGE_PAGING_X64;
    if (!fits_cpu(w))
        return forge_wrong(w->s, m->paging_line, "paging: that is another processor's");
    if (m->paging == FORGE_PAGING_X86 && m->ram > 3ull << 30)
        return forge_wrong(w->s, m->ram_line, "ram: without PAE there is none above 4 GB");
    if (m->encoded && (w->is32 || w->s->os.build < 9200))
        return forge_wrong(w->s, m->kdbg_line,
                           "kdbg: encoded is what systems of 64 bits do from Windows 8 on");
    if (m->l1tf && w->s->os.build < 17763)
        return forge_wrong(w->s, m->paging_line, "paging: build %u has no swizzle bit",
                           w->s->os.build);
    return true;
}

/* Is anything of the scenario under entry INDEX of the top table? */
static bool is_used(const struct forge_world *w, unsigned index) {
    unsigned shift = w->s->machine.paging == FORGE_PAGING_LA57 ? 48 : 39;
    bool used = (w->spare >> shift & 0x1ff) == index;
    for (size_t i = 0; i < w->mem.count; i++)
        used = used || (w->mem.item[i]->addr >> shift & 0x1ff) == index;
    for (size_t i = 0; i < w->modules.count; i++)
        used = used || (w->modules.item[i].base >> shift & 0x1ff) == index;
    return used;
}

/* Where Windows has its self map: random from 14393 on, made up of the build here. */
static unsigned selfmap_of(const struct forge_world *w) {
    unsigned index = 0x140 + w->s->os.build % 0x40;
    if (w->s->machine.has_selfmap)
        return w->s->machine.selfmap;
    if (w->s->os.build < BUILD_RANDOM)
        return DEFAULT_INDEX;
    while (is_used(w, index))
        index++;
    return index;
}

/* Tables of the kernel that Windows keeps whether they are needed or not. */
static bool prepare(struct forge_world *w) {
    static const uint64_t x64[] = {0xfffff70000000000, 0xfffff78000000000, 0xfffff80000000000,
                                   0xfffff88000000000, 0xfffff90000000000, 0xfffff98000000000,
                                   0xfffffa8000000000, 0xffffff8000000000};
    enum forge_paging mode = w->s->machine.paging;
    bool ok = true;
    if (mode == FORGE_PAGING_X64)
        for (size_t i = 0; i < sizeof x64 / sizeof *x64 && ok; i++)
            ok = forge_mmu_prepare(w->mmu, 0, x64[i], 2) || (x64[i] >> 39 & 0x1ff) == selfmap_of(w);
    /* Of 4 MB or 2 MB of addresses each. */
    for (uint64_t i = 0; i < 24 && ok && w->is32; i++)
        ok = forge_mmu_prepare(w->mmu, 0, 0x88000000 + (i << 22), 0);
    return ok;
}

/* The table's base that a line gives, or that the forge put there for everybody. */
static uint64_t wanted_root(const struct forge_world *w, const struct forge_wprocess *p) {
    uint64_t first = w->is32 ? 0x185000 : 0x187000;
    uint64_t said = forge_world_read(w, "_EPROCESS", p->address, "Pcb.DirectoryTableBase");
    said &= w->s->machine.paging == FORGE_PAGING_PAE ? ~31ull : ~0xfffull;
    return said == first && !p->system ? 0 : said;
}

static bool make_space(struct forge_world *w, struct forge_wprocess *p) {
    uint64_t root = wanted_root(w, p);
    if (!forge_mmu_space(w->mmu, root, &p->space))
        return forge_wrong(w->s, p->scn ? p->scn->line : 0,
                           "process: its page tables cannot stand at %llx", (ull)root);
    p->root = forge_mmu_root(w->mmu, p->space);
    forge_world_set(w, "_EPROCESS", p->address, "Pcb.DirectoryTableBase", p->root);
    if (w->s->machine.paging == FORGE_PAGING_X86 || w->s->machine.paging == FORGE_PAGING_PAE)
        forge_mmu_prepare(w->mmu, p->space, 0x10000, 0);
    return true;
}

/* The base a line gives has flag bits in it, too: they stay in the header and in CR3. */
static void find_dtb(struct forge_world *w, const struct forge_wprocess *p) {
    if (p->current)
        w->dtb = forge_world_read(w, "_EPROCESS", p->address, "Pcb.DirectoryTableBase");
}

bool forge_world_spaces(struct forge_world *w) {
    struct forge_scn_machine *m = &w->s->machine;
    w->phys = forge_physmem_new();
    m->selfmap = selfmap_of(w);
    if (m->pattern)
        forge_physmem_fill(w->phys, FORGE_RAM_PATTERN);
    if (!forge_physmem_pc(w->phys, m->ram))
        return forge_wrong(w->s, m->ram_line, "ram: %llx bytes cannot be", (ull)m->ram);
    forge_world_reserve(w);
    w->mmu = forge_mmu_new(w->phys, m->paging, m->selfmap);
    w->soft = forge_soft_of(m->paging, w->s->os.build);
    if (m->l1tf)
        w->soft.swizzle_mask = 1ull << 45;
    if (w->soft.proto_low && w->s->os.build < 6000)
        w->proto_pool = 0xe1100000; /* XP without PAE: prototypes are in the paged pool */
    if (!forge_world_pfn_room(w))
        return false;
    for (int pass = 0; pass < 2; pass++) /* System's tables come first */
        for (size_t i = 0; i < w->processes.count; i++) {
            struct forge_wprocess *p = &w->processes.item[i];
            if (p->system == (pass == 0) && !make_space(w, p))
                return false;
        }
    for (size_t i = 0; i < w->processes.count; i++)
        find_dtb(w, &w->processes.item[i]);
    return prepare(w) || forge_wrong(w->s, m->ram_line, "ram: too little for the page tables");
}

void forge_world_whole_close(struct forge_world *w) {
    for (size_t i = 0; i < w->modules.count; i++)
        forge_bytes_free(&w->modules.item[i].memory);
    forge_mmu_free(w->mmu);
    forge_physmem_free(w->phys);
}
