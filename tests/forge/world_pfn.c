/* SPDX-License-Identifier: MIT */
/*
 * The PFN database: an _MMPFN for each frame in use, at MmPfnDatabase, in large pages as Windows
 * maps it. Frames that nobody uses are zeros: on the zeroed list.
 *
 *   page of a process or the kernel   active; PteAddress in the self map; frame of its page table
 *   page of a large mapping           active; PteAddress of the PDE (guessed)
 *   page table                        active; the entry that leads to it; the top one: itself
 *   transition page                   standby or modified; OriginalPte demand zero
 *   page table in transition          the same
 *   prototype's page                  PrototypePte; PteAddress is the prototype entry's
 *
 * u3: XP has flags in its low and the reference count in its high 16 bits, later systems the other
 * way round. PrototypePte: x86 XP bit 3 of the flags, Vista and on bit 27 of u4; x64 bit 57 of u4,
 * from 19041 on bit 63 (public PDBs).
 */
#include <string.h>

#include "forge/world.h"

enum { ACTIVE = 6, STANDBY = 2, MODIFIED = 3 };

struct pfns {
    struct forge_world *w;
    uint64_t base; /* VA of the database */
    uint64_t pa;   /* where it lies */
    uint32_t size; /* of an entry */
    struct forge_place pte, original, u2, u3, u4;
    bool large; /* this round is about large pages */
    uint64_t count;
};

static void put(const struct pfns *d, uint64_t pfn, uint32_t offset, unsigned width,
                uint64_t value) {
    uint8_t b[8];
    for (unsigned i = 0; i < 8; i++)
        b[i] = (uint8_t)(value >> 8 * i);
    forge_physmem_write(d->w->phys, d->pa + pfn * d->size + offset, b, width);
}

struct entry {
    uint64_t pte, original, frame;
    unsigned location, references, shares;
    bool proto;
};

static void put_entry(const struct pfns *d, uint64_t pfn, const struct entry *e) {
    const struct forge_world *w = d->w;
    unsigned ptr = w->ptr_size, build = w->s->os.build;
    bool xp = w->is32 && build < 6000;
    uint64_t u4 = e->frame, flags = e->location;
    if (xp)
        flags = (uint64_t)e->location << 8 | (e->proto ? 8 : 0);
    else if (e->proto)
        u4 |= 1ull << (w->is32 ? 27 : build >= 19041 ? 63 : 57);
    if (e->location == MODIFIED)
        flags |= xp ? 1 : 0x10;
    put(d, pfn, d->pte.offset, ptr, e->pte);
    put(d, pfn, d->original.offset, forge_world_pte_size(w), e->original);
    put(d, pfn, d->u2.offset, ptr, e->shares);
    put(d, pfn, d->u3.offset, 4,
        xp ? flags | (uint64_t)e->references << 16 : e->references | flags << 16);
    put(d, pfn, d->u4.offset, ptr, u4);
}

/* ---- frames that tables lead to ---- */

static void put_frame(struct pfns *d, uint64_t pa, const struct entry *e) {
    uint8_t b[8];
    uint64_t pfn = pa / FORGE_FRAME, at = d->pa + pfn * d->size, shares = 0, pte = 0;
    forge_physmem_read(d->w->phys, at + d->pte.offset, b, 8);
    for (unsigned i = 0; i < d->w->ptr_size; i++)
        pte |= (uint64_t)b[i] << 8 * i;
    if (!pte) {
        put_entry(d, pfn, e);
        d->count++;
        return;
    }
    /* Mapped before: one more shares it. */
    forge_physmem_read(d->w->phys, at + d->u2.offset, b, 8);
    for (unsigned i = 0; i < d->w->ptr_size; i++)
        shares |= (uint64_t)b[i] << 8 * i;
    if (!d->large)
        put(d, pfn, d->u2.offset, d->w->ptr_size, shares + 1);
}

static void visit(void *ctx, const struct forge_visit *v) {
    struct pfns *d = ctx;
    const struct forge_world *w = d->w;
    bool top = v->table && !v->entry_pa;
    struct entry e = {.original = forge_pte_demand_zero(&w->soft, FORGE_PROTECT_WRITE),
                      .location = ACTIVE,
                      .references = 1,
                      .shares = 1,
                      .frame = (top ? v->pa : v->entry_pa) / FORGE_FRAME};
    if ((v->size != FORGE_FRAME) != d->large)
        return;
    /* The top table is seen at the self map's own entry. */
    e.pte = top ? forge_mmu_entry_va(w->mmu, forge_mmu_entry_va(w->mmu, 0, 0), v->level - 1)
                : forge_mmu_entry_va(w->mmu, v->va, v->level);
    for (uint64_t at = 0; at < v->size; at += FORGE_FRAME) {
        /* Of large pages only what somebody wrote to, and the first: the rest is alike. */
        bool there = !d->large || !at || forge_physmem_page(w->phys, (v->pa + at) / FORGE_FRAME);
        if (there && forge_physmem_is_taken(w->phys, v->pa + at))
            put_frame(d, v->pa + at, &e);
    }
}

/* The database lies in large pages, too: an entry may make a page of it one that is written. */
static void put_mapped(struct pfns *d) {
    uint64_t before;
    forge_mmu_visit(d->w->mmu, visit, d);
    d->large = true;
    do {
        before = d->count;
        forge_mmu_visit(d->w->mmu, visit, d);
    } while (d->count != before);
}

/* ---- pages that are not valid, and prototypes' ---- */

static bool put_ptes(const struct pfns *d) {
    struct forge_world *w = d->w;
    uint64_t file = 0;
    for (size_t i = 0; i < w->ptes.count; i++) {
        const struct forge_wpte *p = &w->ptes.item[i];
        struct forge_mapping m;
        if (!p->pa)
            continue;
        bool transition = p->scn->how == FORGE_PTE_TRANSITION ||
                          (p->proto && p->scn->proto == FORGE_PTE_TRANSITION);
        struct entry e = {.original = forge_pte_demand_zero(&w->soft, p->scn->protection),
                          .location = !transition        ? ACTIVE
                                      : p->scn->modified ? MODIFIED
                                                         : STANDBY,
                          .references = !transition,
                          .shares = !transition,
                          .proto = p->proto != 0,
                          .pte = p->proto ? p->proto : forge_mmu_entry_va(w->mmu, p->va, 0)};
        if (p->proto && forge_mmu_find(w->mmu, 0, p->proto, &m))
            e.frame = m.pa / FORGE_FRAME;
        else if (!p->proto && !forge_mmu_find(w->mmu, p->process->space, p->va, &m))
            e.frame = m.entry_pa / FORGE_FRAME;
        const struct forge_expr *of = &p->scn->file_of;
        if (of->text && !forge_world_eval(w, p->scn->line, of->text, &file, NULL))
            return false;
        if (of->text)
            e.original = forge_pte_subsection(&w->soft, file, p->scn->protection);
        put_entry(d, p->pa / FORGE_FRAME, &e);
    }
    return true;
}

/* ---- where it is ---- */

static bool find_members(struct pfns *d);

void forge_world_pfn_trimmed(struct forge_world *w, uint64_t pa, bool freed, bool modified) {
    struct pfns d = {.w = w, .pa = w->pfns.pa};
    uint8_t b[8] = {0};
    if (!d.pa || !find_members(&d))
        return;
    uint64_t pfn = pa / FORGE_FRAME;
    struct entry e = {.original = forge_pte_demand_zero(&w->soft, FORGE_PROTECT_WRITE),
                      .location = modified ? MODIFIED : STANDBY};
    /* The entry above stays what it was. */
    forge_physmem_read(w->phys, d.pa + pfn * d.size + d.pte.offset, b, w->ptr_size);
    for (unsigned i = 8; i-- > 0;)
        e.pte = e.pte << 8 | b[i];
    forge_physmem_read(w->phys, d.pa + pfn * d.size + d.u4.offset, b, w->ptr_size);
    for (unsigned i = 8; i-- > 0;)
        e.frame = e.frame << 8 | b[i];
    put_entry(&d, pfn, freed ? &(struct entry){0} : &e);
}

static bool is_clear(const struct forge_world *w, uint64_t va, uint64_t size) {
    for (size_t i = 0; i < w->mem.count; i++)
        if (w->mem.item[i]->addr - va < size)
            return false;
    for (size_t i = 0; i < w->modules.count; i++)
        if (w->modules.item[i].base < va + size &&
            va < w->modules.item[i].base + w->modules.item[i].size)
            return false;
    return true;
}

/* Up to 10586 at fffffa8000000000, in the way of nothing that the scenario has; then anywhere. */
static uint64_t place(const struct forge_world *w, uint64_t size) {
    static const uint64_t x64[] = {0xfffffa8000000000, 0xffffec0000000000, 0xffffe60000000000, 0};
    static const uint64_t x86[] = {0x81000000, 0x90000000, 0xa0000000, 0xd0000000, 0};
    const uint64_t *p = w->is32 ? x86 : x64 + (w->s->os.build >= 14393);
    while (*p && !is_clear(w, *p, size))
        p++;
    return *p;
}

static bool map(struct forge_world *w, const struct pfns *d) {
    for (uint64_t at = 0; at < w->pfns.size; at += w->pfns.page)
        if (!forge_mmu_map(w->mmu, 0, d->base + at, d->pa + at, w->pfns.page,
                           FORGE_MAP_WRITE | FORGE_MAP_GLOBAL))
            return false;
    return forge_physmem_zero(w->phys, d->pa, w->pfns.size);
}

static bool find_members(struct pfns *d) {
    struct forge_world *w = d->w;
    const char *type = "_MMPFN";
    d->size = forge_world_sizeof(w, type);
    bool ok = d->size && forge_world_offset(w, type, "PteAddress", &d->pte) &&
              forge_world_offset(w, type, "OriginalPte", &d->original) &&
              forge_world_offset(w, type, "u2", &d->u2) &&
              forge_world_offset(w, type, "u3", &d->u3);
    /* The table of 22000 leaves the last member out: it is where it was before. */
    if (ok && !forge_world_offset(w, type, "u4", &d->u4))
        d->u4.offset = d->size - w->ptr_size;
    /* The layouts of systems up to 7 are those of kernels without PAE; with it, OriginalPte has 8
     * bytes and what follows lies behind it. */
    if (ok && w->s->machine.paging == FORGE_PAGING_PAE && d->size == 0x18) {
        d->size = 0x1c;
        d->u4.offset += 4;
    }
    return ok;
}

/* Pages of 1 GB where the database is that large, else of 2 MB (4 MB on x86). */
bool forge_world_pfn_room(struct forge_world *w) {
    struct pfns d = {.w = w};
    if (!find_members(&d))
        return true; /* the build's is not known */
    uint64_t page = w->s->machine.paging == FORGE_PAGING_X86 ? 0x400000 : 0x200000;
    uint64_t size = forge_physmem_end(w->phys) / FORGE_FRAME * d.size;
    if (!w->is32 && size >= 1ull << 30)
        page = 1ull << 30;
    w->pfns.page = page;
    w->pfns.size = (size + page - 1) & ~(page - 1);
    w->pfns.pa = forge_physmem_alloc_row(w->phys, w->pfns.size, page);
    return w->pfns.pa ||
           forge_wrong(w->s, w->s->machine.ram_line, "ram: no room for the PFN database");
}

bool forge_world_pfns(struct forge_world *w) {
    struct pfns d = {.w = w, .pa = w->pfns.pa};
    const struct forge_wsymbol *symbol = forge_world_symbol(w, w->nt, "MmPfnDatabase");
    uint8_t bytes[8];
    if (!d.pa || !find_members(&d))
        return true;
    d.base = place(w, w->pfns.size);
    if (!d.base || !map(w, &d))
        return forge_wrong(w->s, w->s->machine.ram_line,
                           "no addresses are left for the PFN database");
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(d.base >> 8 * i);
    if (symbol && !forge_mmu_write(w->mmu, 0, symbol->addr, bytes, w->ptr_size))
        return forge_wrong(w->s, 0, "MmPfnDatabase is not in memory");
    put_mapped(&d);
    return put_ptes(&d);
}
