/* SPDX-License-Identifier: MIT */
/*
 * Entries that are not valid: what Windows keeps in them, by CPU and build.
 *
 *   x64, ARM64, PAE (64 bits)             63      32 31 .. 16 15..12 11 10 9..5  4  3 2 1 0
 *     MMPTE_SOFTWARE    new (swizzled)   | high     |         | low | T| P|prot|  S|       |0|
 *                       old              | high     |               | T| P|prot|   low     |0|
 *     MMPTE_TRANSITION                   |       | page frame       | 1| 0|prot|           |0|
 *     MMPTE_PROTOTYPE   x64, ARM64       | address (to bit 16)|     |  | 1|                |0|
 *                       PAE              | address  |               |  | 1|                |0|
 *     MMPTE_SUBSECTION: as a prototype's, in a prototype entry
 *
 *   x86 without PAE (32 bits)             31          12  11 10 9   5 4     1 0
 *     MMPTE_SOFTWARE                     |     high     | T| P| prot |  low  |0|
 *     MMPTE_TRANSITION                   |  page frame  | 1| 0| prot |       |0|
 *     MMPTE_PROTOTYPE   Windows 7        | address bits 10-30| 1|R|addr. 2-9 |0|
 *                       XP, 2003         | bits 9-29         | 1|P|R| 2-8    |0|  from paged pool
 * on
 *
 * low: page file number; high: page in it; P prototype, T transition, S swizzle bit.
 *
 * Swizzling (L1TF): in what is not valid the kernel sets an address bit that no memory is at, so
 * that a processor which looks behind the valid bit finds nothing, and leaves S clear. S set means
 * that the bit is the entry's own. The kernel itself clears the bit where S is clear. It came with
 * build 17763 and, in August 2018, to older ones by update, where low moved to bits 12-15 as well.
 *
 * In newer kernels (seen in 22621 and later) a prototype entry of a mapped file may also be the
 * plain address of its subsection: all upper 17 bits set and the lowest four clear.
 *
 * Sources: the public symbols of 18 builds for x64 (compared with this table by
 * tests/corpus/softpte_compare.py) and the fact tables of 16 more (Volatility's vtypes); MemProcFS'
 * mm_win.c for the address of a prototype on x86 (Windows 7), PAE before 19041, plain subsections
 * and the place of the transition bit on ARM64 (facts only); IntroVirt and Icebox for the clearing
 * of the swizzled bit, in prototype entries, too (facts only). ARM64 is taken to be as x64: its
 * structures were not seen.
 */
#include "mem/softpte.h"

#include "mem/paging_impl.h"

#define FRAMES(high) ((((uint64_t)2 << (high)) - 1) & ~(uint64_t)0xfff)

/* From build FIRST on; the entries are known of the builds PROVED_FROM to PROVED_TO. */
struct row {
    uint32_t first, proved_from, proved_to;
    uint8_t pfn_high; /* last bit of a transition entry's address */
    bool swizzled;    /* as it was released */
};

static const struct row x64[] = {
    {20348, 20348, 22000, 51, true},
    {17763, 17763, 19045, 47, true},
    {6000, 6002, 17134, 47, false},
    {0, 3790, 3790, 39, false},
};
static const struct row pae[] = {
    {17763, 19041, 19045, 37, true},
    {0, 2600, 17134, 37, false},
};
static const struct row x86[] = {
    {6000, 7600, 7601, 31, false},
    {0, 2600, 3790, 31, false},
};

/* Builds whose updated kernels' symbols prove that the update changed the entries. */
static bool updated(enum sc_cpu cpu, uint32_t build) {
    return cpu == SC_CPU_X64 && (build == 7601 || build == 9600 || build == 14393);
}

static const struct row *row_of(enum sc_cpu cpu, bool with_pae, uint32_t build) {
    const struct row *r = cpu != SC_CPU_X86 ? x64 : with_pae ? pae : x86;
    while (r->first > build)
        r++;
    return r;
}

struct sc_soft_pte sc_soft_pte_swizzled(enum sc_cpu cpu, bool with_pae, uint32_t build,
                                        bool swizzled) {
    const struct row *r = row_of(cpu, with_pae, build);
    bool narrow = cpu == SC_CPU_X86 && !with_pae;
    swizzled = (swizzled || r->swizzled) && !narrow;
    return (struct sc_soft_pte){
        .known = cpu != SC_CPU_ARM64 && build >= r->proved_from && build <= r->proved_to,
        .prototype_bit = 10,
        .transition_bit = 11,
        .protection_bit = 5,
        .pagefile_low_bit = swizzled ? 12 : 1,
        .pagefile_high_bit = narrow ? 12 : 32,
        .proto_bit = narrow              ? 0
                     : cpu == SC_CPU_X86 ? 32
                                         : 16,
        .swizzle_bit = swizzled ? 4 : 0,
        .pfn_mask = FRAMES(r->pfn_high),
        .proto_x86 = narrow,
        .proto_pool = narrow && build < 6000,
    };
}

struct sc_soft_pte sc_soft_pte_of(enum sc_cpu cpu, bool with_pae, uint32_t build) {
    return sc_soft_pte_swizzled(cpu, with_pae, build, updated(cpu, build));
}

/* ---- decoding ---- */

struct soft {
    const struct sc_paging *paging;
    const struct sc_soft_pte *s;
    unsigned bits; /* of an entry */
    uint64_t value;
};

static unsigned field(uint64_t value, unsigned bit, unsigned width) {
    return (unsigned)(value >> bit) & ((1u << width) - 1);
}

/* Undoes the setting of address bits. */
static uint64_t plain(const struct soft *e) {
    const struct sc_soft_pte *s = e->s;
    bool set = s->swizzle_bit && !(e->value >> s->swizzle_bit & 1);
    return set ? e->value & ~s->invalid_mask : e->value;
}

/* The address in a prototype entry; 0: it cannot be told. */
static uint64_t address_in(const struct soft *e) {
    uint64_t v = e->value;
    if (e->s->proto_x86 && e->s->proto_pool)
        return e->s->pool_base
                   ? (e->s->pool_base + ((v >> 11) << 9) + (v << 1 & 0x1fc)) & UINT32_MAX
                   : 0;
    if (e->s->proto_x86)
        return 0x80000000u | (v >> 1 & 0x7ffffc00) | (v << 1 & 0x3fc);
    /* 48 bits, or all 32 of PAE: sign extended, with five levels of tables as with four. */
    uint64_t address = v >> e->s->proto_bit, sign = (uint64_t)1 << (63 - e->s->proto_bit);
    return e->s->proto_bit < 32 && address & sign ? address | ~(2 * sign - 1) : address;
}

/* Only the VAD knows: the place of the address is all ones. */
static bool asks_vad(const struct soft *e) {
    return e->bits == 32 ? e->value >> 12 == 0xfffff : e->value >> 32 == UINT32_MAX;
}

static void decode_prototype(const struct soft *e, struct sc_translation *t) {
    bool old = !e->s->swizzle_bit; /* then the protection stands elsewhere */
    t->protection = e->bits == 32 ? 0 : field(e->value, old ? 11 : e->s->protection_bit, 5);
    t->kind = SC_PTE_PROTOTYPE_VAD;
    if (asks_vad(e))
        return;
    t->kind = SC_PTE_PROTOTYPE;
    t->prototype = address_in(e);
    if (t->prototype && !sc_paging_is_kernel(e->paging->mode, t->prototype))
        t->kind = SC_PTE_BAD;
    if (!t->prototype && !(e->s->proto_x86 && e->s->proto_pool))
        t->kind = SC_PTE_BAD;
}

/* An entry of a mapped file's array that says: the page is in the file. */
static bool decode_subsection(const struct soft *e, uint64_t raw, struct sc_translation *t) {
    bool by_bit = e->value >> e->s->prototype_bit & 1;
    bool plain_address =
        e->bits == 64 && (raw & 0xffff80000000000f) == 0xffff800000000000 && e->s->proto_bit == 16;
    if (!by_bit && !plain_address)
        return false;
    t->kind = SC_PTE_SUBSECTION;
    t->protection = plain_address ? 0 : field(e->value, e->s->protection_bit, 5);
    t->prototype = plain_address ? raw : e->bits == 32 ? 0 : address_in(e);
    return true;
}

static void decode_software(const struct soft *e, struct sc_translation *t) {
    t->pagefile = field(e->value, e->s->pagefile_low_bit, 4);
    t->pagefile_page = e->value >> e->s->pagefile_high_bit;
    t->kind = t->pagefile || t->pagefile_page ? SC_PTE_PAGEFILE : SC_PTE_DEMAND_ZERO;
}

void sc_soft_decode(const struct sc_paging *paging, bool in_prototype, uint64_t value,
                    struct sc_translation *t) {
    const struct sc_mode *m = sc_mode_of(paging->mode);
    struct soft e = {paging, &paging->soft, 8 * m->entry_size, value};
    e.value = plain(&e);
    t->pa = 0;
    t->protection = field(e.value, e.s->protection_bit, 5);
    if (in_prototype && decode_subsection(&e, value, t))
        return;
    if (e.value >> e.s->prototype_bit & 1) {
        decode_prototype(&e, t);
    } else if (e.value >> e.s->transition_bit & 1) {
        t->kind = SC_PTE_TRANSITION;
        t->pa = e.value & e.s->pfn_mask;
    } else {
        decode_software(&e, t);
    }
}
