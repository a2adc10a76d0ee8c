/* SPDX-License-Identifier: MIT */
/*
 * KPROCESSOR_STATE of old hibernation files: the registers of the processor that wrote the file,
 * in a page of its own.
 *
 *     x86: +0x000 CONTEXT (0x2cc bytes), +0x2cc KSPECIAL_REGISTERS
 *     x64: +0x000 KSPECIAL_REGISTERS (0xd8 bytes), +0x0e0 CONTEXT (0x4d0 bytes)
 *
 *     KSPECIAL_REGISTERS   x86: Cr0 +0, Cr3 +8, Cr4 +0xc    x64: Cr0 +0, Cr3 +0x10, Cr4 +0x18
 *
 * The page is 2 up to Windows Server 2003, 4 in the first Vista, 1 from its service pack 1 on
 * (Rekall's table); the others are tried, too. Offsets: public PDBs. Windows 8 and later keep the
 * registers in memory only.
 */
#include "dump/hiber_impl.h"

struct state_layout {
    uint16_t context, context_size, flags; /* flags: of ContextFlags in CONTEXT */
    uint32_t cpu_flag;                     /* in ContextFlags */
    uint16_t special, cr3, cr4;
};
static const struct state_layout x86 = {0, 0x2cc, 0, 0x10000, 0x2cc, 8, 0xc};
static const struct state_layout x64 = {0xe0, 0x4d0, 0x30, 0x100000, 0, 0x10, 0x18};

#define CR0_PAGING 0x80000001u /* and protection, without which there is none */
enum { CR4_PAE = 0x20, PAGES_LOOKED_AT = 6 };

struct state {
    uint64_t cr0, cr3, cr4;
    uint32_t flags;
};

static uint64_t number_at(const sc_file *file, uint64_t offset, unsigned size) {
    struct sc_cur cur = sc_cur_at(file, offset, size, "processor state");
    return size == 8 ? sc_u64(&cur) : sc_u32(&cur); /* what is not there is zero: not plausible */
}

/* Registers with which a processor can run with paging. */
static bool read_state(const sc_file *file, uint64_t page, bool is64, struct state *ret) {
    const struct state_layout *l = is64 ? &x64 : &x86;
    unsigned width = is64 ? 8 : 4;
    uint64_t special = page * HIBER_PAGE + l->special;
    ret->cr0 = number_at(file, special, width);
    ret->cr3 = number_at(file, special + l->cr3, width);
    ret->cr4 = number_at(file, special + l->cr4, width);
    ret->flags = (uint32_t)number_at(file, page * HIBER_PAGE + l->context + l->flags, 4);
    if ((ret->cr0 & CR0_PAGING) != CR0_PAGING || ret->cr0 >> 32 || !ret->cr3 || ret->cr4 >> 32)
        return false;
    if (!(ret->flags & l->cpu_flag))
        return false;
    if (is64)
        return ret->cr4 & CR4_PAE && !(ret->cr3 & 0xfe7) && ret->cr3 < HIBER_PFN_END << 12;
    return !(ret->cr3 & (ret->cr4 & CR4_PAE ? 0x1f : 0xfe7));
}

bool hiber_cpu_read(struct sc_source *source, const struct hiber_layout *layout) {
    struct state state;
    uint64_t page = layout->state_page;
    bool found = read_state(source->file, page, layout->is64, &state);
    for (uint64_t other = 1; !found && other < PAGES_LOOKED_AT; other++) {
        page = other;
        found = read_state(source->file, page, layout->is64, &state);
    }
    if (!found)
        return false;
    const struct state_layout *l = layout->is64 ? &x64 : &x86;
    struct sc_machine *m = &source->machine;
    m->dtb = state.cr3;
    m->pae = state.cr4 & CR4_PAE;
    m->event_context_off = page * HIBER_PAGE + l->context;
    m->event_context_size = l->context_size;
    return true;
}
