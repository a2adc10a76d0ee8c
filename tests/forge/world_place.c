/* SPDX-License-Identifier: MIT */
/*
 * Everything of the world to its page: images, the kernel's memory, that of processes. The kernel
 * and the HAL lie in large pages where there is RAM enough, as Windows has it; everything else is
 * scattered over RAM.
 */
#include <string.h>

#include "forge/world.h"

typedef unsigned long long ull;

#define LARGE_FROM (255ull << 20) /* RAM from which Windows maps its kernel by large pages */

static bool full(struct forge_world *w) {
    return forge_wrong(w->s, w->s->machine.ram_line, "ram: too little for what is in it");
}

static uint64_t large_size(const struct forge_world *w) {
    return w->s->machine.paging == FORGE_PAGING_X86 ? 0x400000 : 0x200000;
}

/* ---- images ---- */

static bool has_large(const struct forge_world *w, const struct forge_wmodule *m) {
    return w->s->machine.ram >= LARGE_FROM && (m == w->nt || !strcmp(m->scn->name, "hal"));
}

/*
 * Up to Windows 7 the kernel lies as many bytes into RAM as into the kernel's range of addresses,
 * which readers try; later systems choose its place at random.
 */
void forge_world_reserve(struct forge_world *w) {
    uint64_t size = large_size(w), range = w->is32 ? 0x80000000 : 0xfffff80000000000;
    struct forge_wmodule *m = w->nt;
    uint64_t start = m->base & ~(size - 1), end = (m->base + m->size + size - 1) & ~(size - 1);
    if (w->s->os.build < 9200 && has_large(w, m) && start >= range &&
        forge_physmem_take(w->phys, start - range, end - start))
        m->pa = start - range;
}

/* Large pages from FIRST up to LAST, at PA (0: anywhere); what is there already (the HAL's
 * neighbour) stays. */
static bool map_large(struct forge_world *w, uint64_t first, uint64_t last, uint64_t pa,
                      unsigned flags, unsigned line) {
    uint64_t size = large_size(w), start = first & ~(size - 1);
    uint64_t end = (last + size - 1) & ~(size - 1);
    pa = pa ? pa : forge_physmem_alloc_row(w->phys, end - start, size);
    struct forge_mapping there;
    if (!pa)
        return full(w);
    for (uint64_t va = start; va != end; va += size, pa += size)
        if (!forge_mmu_find(w->mmu, 0, va, &there) &&
            !forge_mmu_map(w->mmu, 0, va, pa, size, FORGE_MAP_WRITE | FORGE_MAP_GLOBAL | flags))
            return forge_wrong(w->s, line, "%llx cannot have a large page", (ull)va);
    return true;
}

/* What may be done with the page at RVA: as its section says. */
static unsigned flags_of(const struct forge_wmodule *m, uint64_t rva) {
    for (size_t i = 0; i < m->nsections; i++) {
        const struct forge_image_section *s = &m->section[i];
        if (rva - s->rva < s->size)
            return (s->characteristics >> 29 & 1 ? FORGE_MAP_EXEC : 0) |
                   (s->characteristics >> 31 ? FORGE_MAP_WRITE : 0);
    }
    return 0; /* headers */
}

/* A page of its own for VA in SPACE, zeroed; one that is mapped stays. */
static bool make_page(struct forge_world *w, unsigned space, uint64_t va, unsigned flags) {
    struct forge_mapping there;
    if (forge_mmu_find(w->mmu, space, va, &there))
        return true;
    uint64_t pa = forge_physmem_alloc(w->phys);
    if (!pa || !forge_physmem_zero(w->phys, pa, FORGE_FRAME) ||
        !forge_mmu_map(w->mmu, space, va, pa, FORGE_FRAME, flags))
        return full(w);
    return true;
}

/* Bytes of the image at their addresses in SPACE; zeros need none. */
static bool write_image(struct forge_world *w, const struct forge_wmodule *m, unsigned space) {
    static const uint8_t zeros[FORGE_FRAME];
    for (uint64_t at = 0; at < m->memory.size; at += FORGE_FRAME) {
        uint64_t n = m->memory.size - at < FORGE_FRAME ? m->memory.size - at : FORGE_FRAME;
        const uint8_t *from = m->memory.data + at;
        struct forge_mapping there;
        if (!memcmp(from, zeros, (size_t)n)) {
            if (forge_mmu_find(w->mmu, space, m->base + at, &there))
                forge_physmem_zero(w->phys, there.pa, n);
            continue;
        }
        if (!forge_mmu_write(w->mmu, space, m->base + at, from, (size_t)n))
            return forge_wrong(w->s, m->scn->line, "module: %s is not mapped whole", m->scn->name);
    }
    return true;
}

static bool is_wanted(const struct forge_world *w, uint64_t va, const struct forge_wprocess *p,
                      size_t *ret_pte);

static bool put_driver(struct forge_world *w, const struct forge_wmodule *m) {
    size_t pte;
    if (has_large(w, m))
        return map_large(w, m->base, m->base + m->size, m->pa, FORGE_MAP_EXEC, m->scn->line) &&
               write_image(w, m, 0);
    for (size_t i = 0; i < m->npages; i++) {
        uint64_t rva = i * (uint64_t)FORGE_FRAME;
        if (!is_wanted(w, m->base + rva, NULL, &pte))
            return forge_wrong(w->s, w->ptes.item[pte].scn->line,
                               "pte: pages of images are valid ones");
        if (!make_page(w, 0, m->base + rva, flags_of(m, rva)))
            return false;
    }
    return write_image(w, m, 0);
}

/* Those with large pages, or the others. */
static bool put_drivers(struct forge_world *w, bool large) {
    for (size_t i = 0; i < w->modules.count; i++) {
        const struct forge_wmodule *m = &w->modules.item[i];
        if (!forge_world_is_user_module(w, m) && has_large(w, m) == large && !put_driver(w, m))
            return false;
    }
    return true;
}

/* What `largepages` lines say. */
static bool put_larges(struct forge_world *w) {
    for (size_t i = 0; i < w->s->larges.count; i++) {
        const struct forge_scn_large *l = &w->s->larges.item[i];
        if (forge_world_is_user(w, l->start))
            return forge_wrong(w->s, l->line, "largepages: %llx is an address of a process",
                               (ull)l->start);
        if (!map_large(w, l->start, l->end, 0, 0, l->line))
            return false;
    }
    return true;
}

/* The pages of a library are the same ones in every process; writable ones are its own. */
static bool put_library(struct forge_world *w, const struct forge_wmodule *m,
                        const struct forge_wprocess *p, unsigned *first) {
    for (size_t i = 0; i < m->npages; i++) {
        uint64_t rva = i * (uint64_t)FORGE_FRAME, va = m->base + rva;
        unsigned flags = flags_of(m, rva) | FORGE_MAP_USER;
        struct forge_mapping there;
        if (*first != UINT32_MAX && !(flags & FORGE_MAP_WRITE) &&
            forge_mmu_find(w->mmu, *first, va, &there)) {
            if (!forge_mmu_map(w->mmu, p->space, va, there.pa, FORGE_FRAME, flags))
                return full(w);
        } else if (!make_page(w, p->space, va, flags)) {
            return false;
        }
    }
    if (*first == UINT32_MAX)
        *first = p->space;
    return write_image(w, m, p->space);
}

static bool put_user_module(struct forge_world *w, const struct forge_wmodule *m) {
    unsigned first = UINT32_MAX;
    for (size_t i = 0; i < w->processes.count; i++) {
        const struct forge_wprocess *p = &w->processes.item[i];
        bool has = m->scn->process ? m->scn->process == p->address : p->peb || p->current;
        if (has && !put_library(w, m, p, &first))
            return false;
    }
    return true;
}

/* ---- memory ---- */

/* False: the page is that of a `pte` line (*RET_PTE). PROCESS NULL: kernel addresses. */
static bool is_wanted(const struct forge_world *w, uint64_t va, const struct forge_wprocess *p,
                      size_t *ret_pte) {
    for (size_t i = 0; i < w->ptes.count; i++)
        if (w->ptes.item[i].va == va && (!p || w->ptes.item[i].process == p)) {
            *ret_pte = i;
            return false;
        }
    return true;
}

/* The bytes that are there go over those of the page (of an image) at PA. */
static void write_page(struct forge_world *w, uint64_t pa, const struct forge_mempage *page) {
    for (unsigned i = 0; i < FORGE_FRAME;) {
        unsigned n = 0;
        while (i + n < FORGE_FRAME && page->present[i + n])
            n++;
        if (n)
            forge_physmem_write(w->phys, pa + i, page->byte + i, n);
        i += n ? n : 1;
    }
}

static bool put_page(struct forge_world *w, const struct forge_wprocess *p,
                     const struct forge_mempage *page) {
    bool user = forge_world_is_user(w, page->addr);
    unsigned space = user ? p->space : 0;
    struct forge_mapping m;
    size_t pte;
    if (!is_wanted(w, page->addr, user ? p : NULL, &pte)) {
        const struct forge_wpte *at = &w->ptes.item[pte];
        if (at->pa)
            write_page(w, at->pa, page);
        else if (!forge_world_pte_in_file(at))
            return forge_wrong(w->s, at->scn->line,
                               "pte: there is memory at %llx, and such a page has none",
                               (ull)page->addr);
        return true;
    }
    if (!make_page(w, space, page->addr, FORGE_MAP_WRITE | (user ? FORGE_MAP_USER : 0)) ||
        !forge_mmu_find(w->mmu, space, page->addr, &m))
        return false;
    write_page(w, m.pa & ~(uint64_t)(FORGE_FRAME - 1), page);
    return true;
}

static bool put_memory(struct forge_world *w, const struct forge_wprocess *p,
                       const struct forge_memmap *mem) {
    for (size_t i = 0; i < mem->count; i++)
        if (!put_page(w, p, mem->item[i]))
            return false;
    return true;
}

/* Pages that are alike, each of them a page of RAM. */
static bool put_repeat(struct forge_world *w, const struct forge_wrepeat *r) {
    const uint8_t *kept = forge_physmem_keep(w->phys, r->page);
    struct forge_mapping there;
    for (uint64_t i = 0; i < r->count; i++) {
        uint64_t va = r->addr + i * FORGE_FRAME, pa;
        if (forge_mmu_find(w->mmu, 0, va, &there))
            return forge_wrong(w->s, r->line, "poolpage: the page at %llx is there already",
                               (ull)va);
        pa = forge_physmem_alloc(w->phys);
        if (!pa || !forge_physmem_share(w->phys, pa, kept) ||
            !forge_mmu_map(w->mmu, 0, va, pa, FORGE_FRAME, FORGE_MAP_WRITE))
            return full(w);
    }
    return true;
}

/* The page of shared data, seen by processes. */
static bool share_data(struct forge_world *w) {
    struct forge_mapping m;
    if (!forge_mmu_find(w->mmu, 0, w->is32 ? 0xffdf0000 : 0xfffff78000000000, &m))
        return true;
    for (size_t i = 0; i < w->processes.count; i++)
        if (!w->processes.item[i].system &&
            !forge_mmu_map(w->mmu, w->processes.item[i].space, 0x7ffe0000, m.pa, FORGE_FRAME,
                           FORGE_MAP_USER))
            return forge_wrong(w->s, 0, "there is memory at 7ffe0000, where shared data is");
    return true;
}

bool forge_world_put_all(struct forge_world *w) {
    const struct forge_wprocess *current = NULL;
    /* Large pages first: they need rows. */
    if (!put_drivers(w, true) || !put_larges(w) || !put_drivers(w, false))
        return false;
    for (size_t i = 0; i < w->modules.count; i++)
        if (forge_world_is_user_module(w, &w->modules.item[i]) &&
            !put_user_module(w, &w->modules.item[i]))
            return false;
    for (size_t i = 0; i < w->repeats.count; i++)
        if (!put_repeat(w, &w->repeats.item[i]))
            return false;
    for (size_t i = 0; i < w->processes.count; i++) {
        const struct forge_wprocess *p = &w->processes.item[i];
        current = p->current ? p : current;
        if (!put_memory(w, p, &p->mem))
            return false;
    }
    if (!current || !put_memory(w, current, &w->mem))
        return false;
    for (size_t i = 0; i < w->ptes.count; i++)
        if (!forge_world_pte_entry(w, &w->ptes.item[i]))
            return false;
    return share_data(w);
}
