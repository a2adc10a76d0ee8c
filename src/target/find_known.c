/* SPDX-License-Identifier: MIT */
/*
 * Page tables that somebody names: the user, the state of the processors, and the stub that starts
 * processors.
 *
 * Processors: CR3 (TTBR1), and the first handler of the IDT as a hint, which lies in the kernel:
 *
 *   x64 IDT entry   +0 u16, +6 u16, +8 u32 of the address     x86   +0 u16, +6 u16
 *
 * A processor in user mode may run on tables in which little of the kernel is mapped (KVA shadow).
 * Its KPCR is, and at +0x7000 of it the other tables are named (as elf2dmp relies on).
 *
 * The low stub is x64's PROCESSOR_START_BLOCK, somewhere in the first megabyte:
 *
 *   +0x00 jmp (e9 ?? 06 00), u32 1   +0x70 kernel's entry, u64   +0xa0 CR3, u64
 *
 * Sources: Intel SDM vol. 3, 6.14; facts of QEMU's elf2dmp and of MemProcFS.
 */
#include <inttypes.h>
#include <stdio.h>

#include "mem/pages.h"
#include "mem/space_impl.h"
#include "target/find_impl.h"

enum { CR4_PAE = 0x20, CR4_LA57 = 0x1000, SHADOW_CR3 = 0x7000, PRCB_X64 = 0x180 };

static const enum sc_paging_mode all_modes[] = {SC_PAGING_X64, SC_PAGING_X64_LA57, SC_PAGING_ARM64,
                                                SC_PAGING_PAE, SC_PAGING_X86};
enum { MODES = sizeof all_modes / sizeof *all_modes };

/* What of CR3 is an address. */
static uint64_t base_of(enum sc_paging_mode mode, uint64_t cr3) {
    switch (mode) {
    case SC_PAGING_PAE: return cr3 & 0xffffffe0;
    case SC_PAGING_X86: return cr3 & 0xfffff000;
    default: return cr3 & UINT64_C(0xffffffffff000);
    }
}

sc_err *find_by_user(struct finder *f) {
    for (size_t i = 0; i < MODES && !f->found; i++) {
        sc_err *err = find_through(
            f, &(struct find_root){all_modes[i], base_of(all_modes[i], f->in->dtb), 0});
        if (err)
            return err;
    }
    if (f->found)
        snprintf(f->out.how, sizeof f->out.how, "page tables at 0x%" PRIx64 ", given by the user",
                 f->in->dtb);
    return NULL;
}

/* Does CR4 speak against MODE? 0: it is not known. */
static bool contradicts(uint64_t cr4, enum sc_paging_mode mode) {
    switch (mode) {
    case SC_PAGING_X64: return cr4 & CR4_LA57;
    case SC_PAGING_X64_LA57: return cr4 && !(cr4 & CR4_LA57);
    case SC_PAGING_PAE: return cr4 && !(cr4 & CR4_PAE);
    case SC_PAGING_X86: return cr4 & CR4_PAE;
    default: return false;
    }
}

/* Reads through tables once, without a cache. */
static bool read_through(const struct finder *f, const struct find_root *root, uint64_t va,
                         void *buf, size_t len) {
    struct sc_paging paging = {.mode = root->mode, .root = root->dtb, .phys = f->in->phys};
    struct sc_translation t;
    sc_translate(&paging, va, &t);
    return t.status == SC_READ_OK && sc_space_read(f->in->phys, t.pa, buf, len, NULL) == SC_READ_OK;
}

/* The first handler of the processor's IDT; ARM64's vectors themselves; 0 unknown. */
static uint64_t handler_of(const struct finder *f, const struct find_root *root, uint64_t idt) {
    uint8_t e[16];
    enum sc_cpu cpu = find_cpu_of(root->mode);
    if (!idt || cpu == SC_CPU_ARM64)
        return idt;
    if (!read_through(f, root, idt, e, cpu == SC_CPU_X86 ? 8 : 16))
        return 0;
    uint64_t low = find_u32(e) & 0xffff, middle = find_u32(e + 4) & 0xffff0000;
    return low | middle | (cpu == SC_CPU_X86 ? 0 : (uint64_t)find_u32(e + 8) << 32);
}

static sc_err *try_processor(struct finder *f, const struct sc_thread *t,
                             enum sc_paging_mode mode) {
    struct find_root root = {mode, base_of(mode, t->dtb), 0};
    root.hint = handler_of(f, &root, t->idt);
    sc_err *err = find_through(f, &root);
    if (f->found && !err)
        snprintf(f->out.how, sizeof f->out.how, "page tables of processor %u, at 0x%" PRIx64,
                 t->index, root.dtb);
    uint8_t other[8];
    if (err || f->found || find_cpu_of(mode) != SC_CPU_X64 || !t->prcb ||
        !read_through(f, &root, t->prcb - PRCB_X64 + SHADOW_CR3, other, sizeof other))
        return err;
    root.dtb = base_of(mode, find_u64(other));
    err = root.dtb ? find_through(f, &root) : NULL;
    if (f->found && !err)
        snprintf(f->out.how, sizeof f->out.how,
                 "page tables at 0x%" PRIx64 " that processor %u uses in kernel mode", root.dtb,
                 t->index);
    return err;
}

sc_err *find_by_processors(struct finder *f) {
    for (size_t i = 0; i < f->in->nprocessors && !f->found; i++) {
        const struct sc_thread *t = &f->in->processor[i];
        for (size_t m = 0; m < MODES && !f->found && t->dtb; m++) {
            if (!find_may_be(f, all_modes[m]) || contradicts(t->cr4, all_modes[m]))
                continue;
            sc_err *err = try_processor(f, t, all_modes[m]);
            if (err)
                return err;
        }
    }
    return NULL;
}

sc_err *find_by_stub(struct finder *f) {
    if (!find_may_be(f, SC_PAGING_X64))
        return NULL;
    for (uint64_t pa = 0x1000; pa < 0x100000 && !f->found; pa += FIND_PAGE) {
        uint64_t jump, entry, cr3;
        if (sc_space_uint(f->in->phys, pa, 8, &jump) != SC_READ_OK ||
            sc_space_uint(f->in->phys, pa + 0x70, 8, &entry) != SC_READ_OK ||
            sc_space_uint(f->in->phys, pa + 0xa0, 8, &cr3) != SC_READ_OK)
            continue;
        if ((jump & UINT64_C(0xffffffffffff00ff)) != UINT64_C(0x00000001000600e9) ||
            (entry & UINT64_C(0xfffff80000000003)) != UINT64_C(0xfffff80000000000) || !cr3 ||
            cr3 & UINT64_C(0xffffff0000000fff))
            continue;
        for (size_t m = 0; m < 2 && !f->found; m++) { /* x64 with four levels, with five */
            sc_err *err = find_through(f, &(struct find_root){all_modes[m], cr3, entry});
            if (err)
                return err;
        }
        if (f->found)
            snprintf(f->out.how, sizeof f->out.how, "low stub at 0x%" PRIx64, pa);
    }
    return NULL;
}
