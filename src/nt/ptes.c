/* SPDX-License-Identifier: MIT */
/*
 * The self map: the top table has an entry that leads to the table itself, so that all entries lie
 * in a row, each at `base + (address >> 12) * size`; the same again gives the upper levels'.
 *
 *   x86         C0000000 to C03fffff, directory at C0300000
 *   PAE         C0000000 to C07fffff, directories at C0600000
 *   x64, ARM64  FFFFF680'00000000 (index 1ed) before 14393; then any index of the upper half
 *
 * Sources: the published descriptions of the self map; nt!MmPteBase and PteBase of the debugger
 * data block of public symbols.
 */
#include "nt/ptes.h"

#include <string.h>

#include "stopcode/value.h"

enum { KD_PTE_BASE = 0x360, RANDOM_SINCE = 14393, SELFMAP_FIXED = 0x1ed, TOP_SHIFT = 39 };

static uint64_t canon(const struct nt_ptes *p, uint64_t va) {
    unsigned bits = p->mode == SC_PAGING_X64_LA57 ? 57 : 48;
    if (p->entry_size == 4 || p->mode == SC_PAGING_PAE)
        return va & UINT32_MAX;
    uint64_t top = (uint64_t)1 << (bits - 1), low = 2 * top - 1;
    return va & top ? va | ~low : va & low;
}

/* Bytes of addresses that count. */
static uint64_t space_mask(const struct nt_ptes *p) {
    return p->mode == SC_PAGING_X86 || p->mode == SC_PAGING_PAE ? UINT32_MAX
           : p->mode == SC_PAGING_X64_LA57                      ? ((uint64_t)1 << 57) - 1
                                                                : ((uint64_t)1 << 48) - 1;
}

/* ---- where ---- */

/* The entry of the top table that leads to the table itself. */
static bool by_self_map(const struct sc_paging *paging, struct nt_ptes *p) {
    uint64_t mask = ~(uint64_t)0xfff & (((uint64_t)1 << 48) - 1);
    uint64_t root = (paging->kernel_root ? paging->kernel_root : paging->root) & mask;
    unsigned shift = TOP_SHIFT + (p->mode == SC_PAGING_X64_LA57 ? 9 : 0);
    for (unsigned i = 0x100; i < 0x200; i++) {
        uint64_t value;
        if (sc_space_uint(paging->phys, root + i * 8, 8, &value) != SC_READ_OK || !(value & 1) ||
            (value & mask) != root)
            continue;
        p->base = canon(p, (uint64_t)i << shift);
        return true;
    }
    return false;
}

static bool plausible(const struct nt_ptes *p, uint64_t base) {
    return base && canon(p, base) == base && base >> 63 && !(base << 25);
}

static sc_err *find_64(const struct nt *nt, const struct sc_paging *paging, struct nt_ptes *p,
                       bool *ret_found) {
    struct nt_field f;
    uint64_t v;
    *ret_found = true;
    if (by_self_map(paging, p))
        return NULL;
    sc_err *err = nt_global(nt, "nt!MmPteBase", 8, &f);
    if (err)
        return err;
    if (nt_set(&f) && plausible(p, f.value)) {
        p->base = f.value;
    } else if (sc_target_kd_member(nt->target, KD_PTE_BASE, 8, &v) && plausible(p, v)) {
        p->base = v;
    } else if (nt->build && nt->build < RANDOM_SINCE && p->mode == SC_PAGING_X64) {
        p->base = canon(p, (uint64_t)SELFMAP_FIXED << TOP_SHIFT);
    } else {
        *ret_found = false;
    }
    return NULL;
}

sc_err *nt_ptes_find(const struct nt *nt, struct nt_ptes *ret, bool *ret_found) {
    const struct sc_paging *paging = sc_target_paging(nt->target);
    struct nt_ptes p = {.mode = paging->mode,
                        .levels = sc_paging_levels(paging->mode),
                        .entry_size = paging->mode == SC_PAGING_X86 ? 4 : 8};
    sc_err *err = NULL;
    *ret_found = false;
    if (p.mode == SC_PAGING_X86 || p.mode == SC_PAGING_PAE) {
        p.base = 0xc0000000;
        *ret_found = true;
    } else if (p.mode != SC_PAGING_NONE) {
        err = find_64(nt, paging, &p, ret_found);
    }
    if (!err)
        *ret = p;
    return err;
}

/* ---- arithmetic ---- */

uint64_t nt_pte_of(const struct nt_ptes *p, uint64_t va, unsigned level) {
    for (unsigned i = 0; i <= level; i++)
        va = canon(p, p->base + ((va & space_mask(p)) >> 12) * p->entry_size);
    return va;
}

void nt_ptes_range(const struct nt_ptes *p, uint64_t *ret_start, uint64_t *ret_size) {
    *ret_start = p->base;
    *ret_size = ((space_mask(p) >> 12) + 1) * p->entry_size;
}

bool nt_ptes_contain(const struct nt_ptes *p, uint64_t address) {
    uint64_t start, size;
    nt_ptes_range(p, &start, &size);
    return address - start < size;
}

uint64_t nt_pte_va(const struct nt_ptes *p, uint64_t address) {
    return canon(p, (address - p->base) / p->entry_size << 12);
}

/* ---- soft entries ---- */

struct binding {
    const struct nt *nt;
    const char *type;
    struct sc_typeref ref;
    bool ok;
};

static sc_err *open_type(struct binding *b, const char *name, unsigned entry_size) {
    bool found = false;
    struct sc_type type;
    b->ok = false;
    sc_err *err = sc_symtab_type(b->nt->symtab, name, &b->ref, &found);
    if (!err && found && !b->ref.assumed)
        err = sc_type_of(b->ref.provider, b->ref.id, &type);
    else
        return err;
    b->ok = !err && type.size == entry_size;
    return err;
}

/* First bit of MEMBER; false: there is none. */
static sc_err *bit_of(const struct binding *b, const char *member, uint8_t *ret_bit,
                      bool *ret_found) {
    struct sc_member m;
    sc_err *err = sc_type_member(b->ref.provider, b->ref.id, member, &m, ret_found);
    if (!err && *ret_found)
        *ret_bit = (uint8_t)(m.offset * 8 + m.bit_pos);
    return err;
}

struct wanted {
    const char *member;
    uint8_t *bit;
};

static sc_err *bits_of(struct binding *b, const struct wanted *w, size_t n) {
    for (size_t i = 0; i < n && b->ok; i++) {
        sc_err *err = bit_of(b, w[i].member, w[i].bit, &b->ok);
        if (err)
            return err;
    }
    return NULL;
}

static sc_err *bind_software(struct binding *b, unsigned size, struct sc_soft_pte *s) {
    const struct wanted w[] = {{"Prototype", &s->prototype_bit},
                               {"Transition", &s->transition_bit},
                               {"Protection", &s->protection_bit},
                               {"PageFileLow", &s->pagefile_low_bit},
                               {"PageFileHigh", &s->pagefile_high_bit}};
    sc_err *err = open_type(b, "nt!_MMPTE_SOFTWARE", size);
    bool has = false;
    if (!err)
        err = bits_of(b, w, sizeof w / sizeof *w);
    if (!err && b->ok) {
        s->swizzle_bit = 0;
        err = bit_of(b, "SwizzleBit", &s->swizzle_bit, &has);
    }
    return err;
}

/* The frame of a transition entry: its bits, as they stand in the entry. */
static sc_err *bind_transition(struct binding *b, unsigned size, struct sc_soft_pte *s) {
    struct sc_member m;
    bool found = false;
    sc_err *err = open_type(b, "nt!_MMPTE_TRANSITION", size);
    if (!err && b->ok)
        err = sc_type_member(b->ref.provider, b->ref.id, "PageFrameNumber", &m, &found);
    b->ok = !err && b->ok && found && m.bit_pos == 12 && m.bit_len && m.bit_len <= 52;
    if (b->ok)
        s->pfn_mask = (((uint64_t)1 << m.bit_len) - 1) << 12;
    return err;
}

static sc_err *bind_prototype(struct binding *b, unsigned size, struct sc_soft_pte *s) {
    const struct wanted w[] = {{"ProtoAddress", &s->proto_bit}};
    sc_err *err = open_type(b, "nt!_MMPTE_PROTOTYPE", size);
    /* Without PAE the address is in pieces, whose rule the built-in table knows. */
    return err || s->proto_x86 ? err : bits_of(b, w, 1);
}

sc_err *nt_bind_soft_pte(const struct nt *nt, bool *ret_bound) {
    const struct sc_paging *paging = sc_target_paging(nt->target);
    struct binding b = {.nt = nt};
    *ret_bound = false;
    if (paging->mode == SC_PAGING_NONE)
        return NULL;
    unsigned size = paging->mode == SC_PAGING_X86 ? 4 : 8;
    struct sc_soft_pte soft = paging->soft;
    sc_err *err = bind_software(&b, size, &soft);
    if (!err && b.ok)
        err = bind_transition(&b, size, &soft);
    if (!err && b.ok)
        err = bind_prototype(&b, size, &soft);
    if (err || !b.ok)
        return err;
    soft.known = true;
    /* The tables stand: nothing that was read so far has to be forgotten. */
    if (memcmp(&soft, &paging->soft, sizeof soft) != 0)
        sc_target_set_soft_pte(nt->target, &soft);
    *ret_bound = true;
    return NULL;
}
