/* SPDX-License-Identifier: MIT */
#include "forge/pagetab.h"

#include <stdlib.h>
#include <string.h>

enum {
    VALID = 1,
    WRITE = 2,
    OWNER = 4,
    ACCESSED = 0x20,
    DIRTY = 0x40,
    LARGE = 0x80,
    GLOBAL = 0x100,
    COPY = 0x200,
    SOFT_WRITE = 0x800,
    TABLE = VALID | WRITE | ACCESSED | DIRTY | SOFT_WRITE,
};
#define NO_EXECUTE (1ull << 63)
#define FOUR_GB    0x100000000ull
#define SIXTEEN_MB 0x1000000ull
/* ARM64: attributes of a table's descriptor and of a page's. */
#define ARM_TABLE  0x0060000000000703ull
#define ARM_PAGE   0x0000000000000703ull /* valid, page, inner shareable, accessed */
#define ARM_BLOCK  0x0000000000000701ull
#define ARM_USER   0x40ull
#define ARM_READ   0x80ull
#define ARM_LOCAL  0x800ull
#define ARM_DBM    (1ull << 51)
#define ARM_PXN    (1ull << 53)
#define ARM_UXN    (1ull << 54)
#define ARM_WRITE  (1ull << 55) /* software's */

struct space {
    uint64_t root;
    uint64_t dir[4]; /* PAE: the page directories */
};
struct forge_mmu {
    struct forge_physmem *mem;
    enum forge_paging mode;
    unsigned levels, bits, width, selfmap;
    struct space space[FORGE_SPACES];
    unsigned nspaces;
    uint64_t pdpts; /* PAE: a page of top tables, 32 bytes each */
    unsigned npdpts;
};

unsigned forge_mmu_levels(enum forge_paging mode) {
    static const unsigned levels[] = {2, 3, 4, 5, 4};
    return levels[mode];
}

bool forge_mmu_is_kernel(enum forge_paging mode, uint64_t va) {
    return mode <= FORGE_PAGING_PAE ? va >= 0x80000000u : va >> 63 != 0;
}

struct forge_mmu *forge_mmu_new(struct forge_physmem *mem, enum forge_paging mode,
                                unsigned selfmap) {
    struct forge_mmu *u = calloc(1, sizeof *u);
    if (!u)
        abort();
    u->mem = mem;
    u->mode = mode;
    u->levels = forge_mmu_levels(mode);
    u->bits = mode == FORGE_PAGING_X86 ? 10 : 9;
    u->width = mode == FORGE_PAGING_X86 ? 4 : 8;
    u->selfmap = mode == FORGE_PAGING_X86 ? 0x300 : mode == FORGE_PAGING_PAE ? 0x600 : selfmap;
    return u;
}

void forge_mmu_free(struct forge_mmu *u) { free(u); }
struct forge_physmem *forge_mmu_memory(const struct forge_mmu *u) {
    return u->mem;
}
enum forge_paging forge_mmu_mode(const struct forge_mmu *u) { return u->mode; }
uint64_t forge_mmu_root(const struct forge_mmu *u, unsigned space) { return u->space[space].root; }
unsigned forge_mmu_spaces(const struct forge_mmu *u) { return u->nspaces; }

/* ---- entries ---- */

/* The frame in an entry. ARM64: attributes begin at bit 50. */
static uint64_t frame_of(const struct forge_mmu *u, uint64_t entry) {
    return entry & (u->mode == FORGE_PAGING_ARM64 ? 0x0000fffffffff000 : 0x000ffffffffff000);
}

static uint64_t get(const struct forge_mmu *u, uint64_t pa) {
    uint8_t b[8] = {0};
    uint64_t v = 0;
    forge_physmem_read(u->mem, pa, b, u->width);
    for (unsigned i = 0; i < u->width; i++)
        v |= (uint64_t)b[i] << 8 * i;
    return v;
}

static bool set(struct forge_mmu *u, uint64_t pa, uint64_t value) {
    uint8_t b[8];
    for (unsigned i = 0; i < 8; i++)
        b[i] = (uint8_t)(value >> 8 * i);
    return forge_physmem_write(u->mem, pa, b, u->width);
}

static bool is_arm(const struct forge_mmu *u) { return u->mode == FORGE_PAGING_ARM64; }

static bool is_table(const struct forge_mmu *u, uint64_t entry, unsigned level) {
    if (!level || !(entry & VALID))
        return false;
    if (u->mode == FORGE_PAGING_PAE && level == 2)
        return true;
    return is_arm(u) ? entry & 2 : !(entry & LARGE);
}

static uint64_t page_size(const struct forge_mmu *u, unsigned level) {
    return (uint64_t)FORGE_FRAME << u->bits * level;
}

static unsigned index_of(const struct forge_mmu *u, uint64_t va, unsigned level) {
    unsigned top = u->mode == FORGE_PAGING_PAE && level == 2 ? 3 : (1u << u->bits) - 1;
    return (unsigned)(va >> (12 + u->bits * level)) & top;
}

/* The level whose entries of the kernel's half are the same in every space. */
static unsigned shared_level(const struct forge_mmu *u) {
    return u->mode == FORGE_PAGING_PAE ? 1 : u->levels - 1;
}

static bool is_selfmap(const struct forge_mmu *u, uint64_t va) {
    if (u->mode == FORGE_PAGING_PAE)
        return va >> 21 >= 0x600 && va >> 21 <= 0x603;
    return u->selfmap != FORGE_NO_SELFMAP && index_of(u, va, u->levels - 1) == u->selfmap;
}

static uint64_t table_entry(const struct forge_mmu *u, uint64_t va, uint64_t pa) {
    bool user = !forge_mmu_is_kernel(u->mode, va);
    if (is_arm(u))
        return pa | ARM_TABLE | (user ? ARM_LOCAL : 0);
    return pa | TABLE | (user ? (uint64_t)OWNER : 0);
}

static uint64_t arm_page(uint64_t pa, unsigned level, unsigned flags) {
    bool write = flags & FORGE_MAP_WRITE && !(flags & FORGE_MAP_COPY);
    bool user = flags & FORGE_MAP_USER, exec = flags & FORGE_MAP_EXEC;
    return pa | (level ? ARM_BLOCK : ARM_PAGE) | (user ? ARM_USER | ARM_LOCAL : 0) |
           (write ? ARM_WRITE | ARM_DBM : ARM_READ) | (user || !exec ? ARM_PXN : 0) |
           (!user || !exec ? ARM_UXN : 0);
}

static uint64_t page_entry(const struct forge_mmu *u, uint64_t pa, unsigned level, unsigned flags) {
    bool copy = flags & FORGE_MAP_COPY, write = flags & FORGE_MAP_WRITE && !copy;
    if (is_arm(u))
        return arm_page(pa, level, flags);
    return pa | VALID | ACCESSED | (write ? WRITE | DIRTY | SOFT_WRITE : 0) | (copy ? COPY : 0) |
           (flags & FORGE_MAP_USER ? OWNER : 0) | (level ? LARGE : 0) |
           (flags & FORGE_MAP_GLOBAL ? GLOBAL : 0) |
           (u->mode != FORGE_PAGING_X86 && !(flags & FORGE_MAP_EXEC) ? NO_EXECUTE : 0);
}

/* ---- spaces ---- */

/* Puts a kernel entry of the shared level into every space. */
static bool share(struct forge_mmu *u, uint64_t va, uint64_t value) {
    for (unsigned i = 0; i < u->nspaces; i++) {
        uint64_t table = u->mode == FORGE_PAGING_PAE ? u->space[i].dir[va >> 30] : u->space[i].root;
        if (!set(u, table + (uint64_t)index_of(u, va, shared_level(u)) * u->width, value))
            return false;
    }
    return true;
}

/* Everything above the middle but the self map. */
static void copy_kernel(struct forge_mmu *u, const struct space *from, const struct space *to) {
    unsigned all = 1u << u->bits;
    if (u->mode == FORGE_PAGING_PAE) {
        for (unsigned d = 2; d < 4; d++)
            for (unsigned i = d == 3 ? 4 : 0; i < all; i++)
                set(u, to->dir[d] + i * 8, get(u, from->dir[d] + i * 8));
        return;
    }
    for (unsigned i = all / 2; i < all; i++)
        if (i != u->selfmap)
            set(u, to->root + (uint64_t)i * u->width, get(u, from->root + (uint64_t)i * u->width));
}

static uint64_t low_or_any(struct forge_mmu *u) {
    /* The first top table lies where the boot loader's heap is; tools look for it there. */
    uint64_t pa =
        u->nspaces ? 0 : forge_physmem_alloc_low(u->mem, FORGE_FRAME, FORGE_FRAME, SIXTEEN_MB);
    return pa ? pa : forge_physmem_alloc(u->mem);
}

/*
 * PAE: the System process's top table is a page with its four directories behind it, as the boot
 * loader makes it; other processes have 32 bytes in a page below 4 GB that they share.
 */
static bool pae_space(struct forge_mmu *u, uint64_t root, struct space *s) {
    bool first = !u->nspaces;
    if (first) {
        s->root =
            root ? root : forge_physmem_alloc_low(u->mem, 5 * FORGE_FRAME, FORGE_FRAME, SIXTEEN_MB);
        if (!s->root || (root && !forge_physmem_take(u->mem, root, 5 * FORGE_FRAME)))
            return false;
        forge_physmem_zero(u->mem, s->root, FORGE_FRAME);
    } else if (root) {
        /* It may stand in a page where another process's top table is. */
        s->root = root;
        if (root % 32 || root >= FOUR_GB || !forge_physmem_is_ram(u->mem, root) ||
            (forge_physmem_is_taken(u->mem, root) && get(u, root)))
            return false;
        if (!forge_physmem_is_taken(u->mem, root)) {
            forge_physmem_take(u->mem, root & ~(uint64_t)0xfff, FORGE_FRAME);
            forge_physmem_zero(u->mem, root & ~(uint64_t)0xfff, FORGE_FRAME);
        }
    } else {
        if (u->npdpts % (FORGE_FRAME / 32) == 0)
            u->pdpts = forge_physmem_alloc_low(u->mem, FORGE_FRAME, FORGE_FRAME, FOUR_GB);
        if (!u->pdpts)
            return false;
        if (u->npdpts % (FORGE_FRAME / 32) == 0)
            forge_physmem_zero(u->mem, u->pdpts, FORGE_FRAME);
        s->root = u->pdpts + (uint64_t)(u->npdpts++ % (FORGE_FRAME / 32)) * 32;
    }
    for (unsigned i = 0; i < 4; i++) {
        s->dir[i] = first ? s->root + (i + 1) * (uint64_t)FORGE_FRAME : forge_physmem_alloc(u->mem);
        if (!s->dir[i] || !forge_physmem_zero(u->mem, s->dir[i], FORGE_FRAME) ||
            !set(u, s->root + i * 8, s->dir[i] | VALID))
            return false;
    }
    for (unsigned i = 0; i < 4; i++)
        if (!set(u, s->dir[3] + i * 8, s->dir[i] | TABLE))
            return false;
    return true;
}

bool forge_mmu_space(struct forge_mmu *u, uint64_t root, unsigned *ret_space) {
    struct space s = {0};
    if (u->nspaces == FORGE_SPACES)
        return false;
    if (u->mode == FORGE_PAGING_PAE) {
        if (!pae_space(u, root, &s))
            return false;
    } else {
        if (root && !forge_physmem_take(u->mem, root, FORGE_FRAME))
            return false;
        s.root = root ? root : low_or_any(u);
        if (!s.root || (u->mode == FORGE_PAGING_X86 && s.root >= FOUR_GB))
            return false;
        forge_physmem_zero(u->mem, s.root, FORGE_FRAME);
        if (u->selfmap != FORGE_NO_SELFMAP && !set(u, s.root + (uint64_t)u->selfmap * u->width,
                                                   is_arm(u) ? s.root | ARM_TABLE : s.root | TABLE))
            return false;
    }
    if (u->nspaces)
        copy_kernel(u, &u->space[0], &s);
    u->space[u->nspaces] = s;
    *ret_space = u->nspaces++;
    return true;
}

/* ---- mapping ---- */

/* The table that holds VA's entry of LEVEL, made if need be; 0: a page is in the way, no room. */
static uint64_t table_for(struct forge_mmu *u, unsigned space, uint64_t va, unsigned level) {
    uint64_t table = u->space[space].root;
    bool kernel = forge_mmu_is_kernel(u->mode, va);
    for (unsigned at = u->levels - 1; at > level; at--) {
        uint64_t pa = table + (uint64_t)index_of(u, va, at) * u->width, entry = get(u, pa);
        if (!(entry & VALID)) {
            uint64_t made = entry ? 0 : forge_physmem_alloc(u->mem);
            if (!made || (u->mode == FORGE_PAGING_X86 && made >= FOUR_GB))
                return 0;
            forge_physmem_zero(u->mem, made, FORGE_FRAME);
            entry = table_entry(u, va, made);
            if (kernel && at == shared_level(u) ? !share(u, va, entry) : !set(u, pa, entry))
                return 0;
        } else if (!is_table(u, entry, at)) {
            return 0;
        }
        table = frame_of(u, entry);
    }
    return table;
}

static bool put_entry(struct forge_mmu *u, unsigned space, uint64_t va, unsigned level,
                      uint64_t value) {
    uint64_t table = is_selfmap(u, va) ? 0 : table_for(u, space, va, level);
    if (!table)
        return false;
    uint64_t pa = table + (uint64_t)index_of(u, va, level) * u->width;
    if (get(u, pa))
        return false;
    if (forge_mmu_is_kernel(u->mode, va) && level == shared_level(u))
        return share(u, va, value);
    return set(u, pa, value);
}

bool forge_mmu_map(struct forge_mmu *u, unsigned space, uint64_t va, uint64_t pa, uint64_t size,
                   unsigned flags) {
    unsigned level = 0;
    while (level < 2 && page_size(u, level) != size)
        level++;
    if (page_size(u, level) != size || va % size || pa % size)
        return false;
    if (level == 2 && (u->mode == FORGE_PAGING_X86 || u->mode == FORGE_PAGING_PAE))
        return false;
    return put_entry(u, space, va, level, page_entry(u, pa, level, flags));
}

bool forge_mmu_entry(struct forge_mmu *u, unsigned space, uint64_t va, uint64_t value) {
    return put_entry(u, space, va, 0, value);
}

bool forge_mmu_prepare(struct forge_mmu *u, unsigned space, uint64_t va, unsigned level) {
    return !is_selfmap(u, va) && table_for(u, space, va, level) != 0;
}

/* Where the entry stands that leads to VA's table of LEVEL; 0: nowhere. */
static uint64_t above_of(const struct forge_mmu *u, unsigned space, uint64_t va, unsigned level) {
    uint64_t table = u->space[space].root;
    for (unsigned at = u->levels - 1; at > level; at--) {
        uint64_t pa = table + (uint64_t)index_of(u, va, at) * u->width, entry = get(u, pa);
        if (!is_table(u, entry, at) || is_selfmap(u, va))
            return 0;
        if (at == level + 1)
            return u->mode == FORGE_PAGING_PAE && at == 2 ? 0 : pa;
        table = frame_of(u, entry);
    }
    return 0;
}

bool forge_mmu_table(const struct forge_mmu *u, unsigned space, uint64_t va, unsigned level,
                     uint64_t *ret_pa) {
    uint64_t at = above_of(u, space, va, level);
    if (at)
        *ret_pa = frame_of(u, get(u, at));
    return at != 0;
}

bool forge_mmu_trim(struct forge_mmu *u, unsigned space, uint64_t va, unsigned level,
                    uint64_t value) {
    uint64_t at = above_of(u, space, va, level);
    if (at && forge_mmu_is_kernel(u->mode, va) && level + 1 == shared_level(u))
        return share(u, va, value);
    return at && set(u, at, value);
}

bool forge_mmu_find(const struct forge_mmu *u, unsigned space, uint64_t va,
                    struct forge_mapping *ret) {
    uint64_t table = u->space[space].root;
    for (unsigned level = u->levels; level-- > 0;) {
        uint64_t pa = table + (uint64_t)index_of(u, va, level) * u->width, entry = get(u, pa);
        uint64_t size = page_size(u, level);
        *ret = (struct forge_mapping){.entry_pa = pa, .entry = entry, .level = level, .size = size};
        if (!(entry & VALID))
            return false;
        if (!is_table(u, entry, level)) {
            ret->pa = (frame_of(u, entry) & ~(size - 1)) + (va & (size - 1));
            return true;
        }
        table = frame_of(u, entry);
    }
    return false;
}

bool forge_mmu_write(struct forge_mmu *u, unsigned space, uint64_t va, const void *data,
                     size_t size) {
    const uint8_t *from = data;
    while (size) {
        struct forge_mapping m;
        size_t n = FORGE_FRAME - (size_t)(va % FORGE_FRAME);
        n = n < size ? n : size;
        if (!forge_mmu_find(u, space, va, &m) || !forge_physmem_write(u->mem, m.pa, from, n))
            return false;
        va += n, from += n, size -= n;
    }
    return true;
}

bool forge_mmu_read(const struct forge_mmu *u, unsigned space, uint64_t va, void *ret,
                    size_t size) {
    uint8_t *to = ret;
    while (size) {
        struct forge_mapping m;
        size_t n = FORGE_FRAME - (size_t)(va % FORGE_FRAME);
        n = n < size ? n : size;
        if (!forge_mmu_find(u, space, va, &m) || !forge_physmem_read(u->mem, m.pa, to, n))
            return false;
        va += n, to += n, size -= n;
    }
    return true;
}

/* ---- the self map ---- */

uint64_t forge_mmu_entry_va(const struct forge_mmu *u, uint64_t va, unsigned level) {
    unsigned shift = 12 + u->bits * level, top = 12 + u->bits * u->levels;
    if (u->mode == FORGE_PAGING_X86 || u->mode == FORGE_PAGING_PAE) {
        uint64_t base = 0xc0000000;
        va &= UINT32_MAX;
        for (unsigned i = 0; i <= level && i < 2; i++)
            va = base + (va >> 12) * u->width;
        return level < 2 ? va : 0;
    }
    if (u->selfmap == FORGE_NO_SELFMAP || level >= u->levels)
        return 0;
    /* The self map's index LEVEL + 1 times, then what is left of the address. */
    uint64_t at = 0, left = (va & ((1ull << top) - 1)) >> shift;
    for (unsigned i = 0; i <= level; i++)
        at |= (uint64_t)u->selfmap << (12 + u->bits * (u->levels - 1 - i));
    at += left * 8;
    return u->selfmap >> (u->bits - 1) ? at | ~((1ull << top) - 1) : at;
}

/* ---- walking ---- */

struct walk {
    const struct forge_mmu *u;
    void (*visit)(void *ctx, const struct forge_visit *);
    void *ctx;
    unsigned space;
};

static uint64_t canonical(const struct forge_mmu *u, uint64_t va) {
    unsigned top = 12 + u->bits * u->levels;
    if (u->mode <= FORGE_PAGING_PAE)
        return va & UINT32_MAX;
    return va >> (top - 1) & 1 ? va | ~((1ull << top) - 1) : va;
}

static void walk_table(const struct walk *w, uint64_t table, unsigned level, uint64_t base) {
    const struct forge_mmu *u = w->u;
    unsigned n = u->mode == FORGE_PAGING_PAE && level == 2 ? 4 : 1u << u->bits;
    for (unsigned i = 0; i < n; i++) {
        uint64_t va = canonical(u, base + (uint64_t)i * page_size(u, level));
        uint64_t pa = table + (uint64_t)i * u->width, entry = get(u, pa);
        bool shared = forge_mmu_is_kernel(u->mode, va) && level <= shared_level(u);
        if (!(entry & VALID) || (shared && w->space) ||
            (level == shared_level(u) && is_selfmap(u, va)))
            continue;
        bool down = is_table(u, entry, level);
        uint64_t size = down ? FORGE_FRAME : page_size(u, level);
        struct forge_visit v = {.space = w->space,
                                .level = level,
                                .va = va,
                                .size = size,
                                .pa = frame_of(u, entry) & ~(size - 1),
                                .entry_pa = pa,
                                .table = down};
        w->visit(w->ctx, &v);
        if (down)
            walk_table(w, frame_of(u, entry), level - 1, va);
    }
}

void forge_mmu_visit(const struct forge_mmu *u,
                     void (*visit)(void *ctx, const struct forge_visit *), void *ctx) {
    for (unsigned i = 0; i < u->nspaces; i++) {
        struct walk w = {u, visit, ctx, i};
        struct forge_visit root = {.space = i,
                                   .level = u->levels,
                                   .pa = u->space[i].root,
                                   .size = FORGE_FRAME,
                                   .table = true};
        visit(ctx, &root);
        walk_table(&w, u->space[i].root, u->levels - 1, 0);
    }
}
