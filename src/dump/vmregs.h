/* SPDX-License-Identifier: MIT */
/*
 * Registers that a virtual machine's state holds in its own form, made into a CONTEXT: what ELF
 * cores and VMware's state files share.
 */
#ifndef STOPCODE_DUMP_VMREGS_H
#define STOPCODE_DUMP_VMREGS_H

#include "base/cursor.h"
#include "stopcode/source.h"

/* Where a register lies in a record. A name that is NULL: that CPU has none. */
struct sc_vm_reg {
    const char *x64, *x86;
    uint16_t offset;
    uint8_t size;
};

/* Groups of ContextFlags that a state fills. */
enum sc_vm_group {
    SC_VM_CONTROL = 1,
    SC_VM_INTEGER = 2,
    SC_VM_SEGMENTS = 4,
    SC_VM_FLOATS = 8,
    SC_VM_DEBUG = 16,
};

/* An empty CONTEXT of CPU (x86, x64 or ARM64) that claims GROUPS. */
void sc_vm_regs_init(struct sc_regs *ret_regs, enum sc_cpu cpu, unsigned groups);
/* Sets a register by its name; a name that the CPU does not have is passed over. */
void sc_vm_regs_set(struct sc_regs *regs, const char *name, uint64_t value);
/* Reads the registers of TABLE from the record at OFFSET of FILE; SIZE bytes are there. */
sc_err *sc_vm_regs_read(struct sc_regs *regs, const sc_file *file, uint64_t offset, uint64_t size,
                        const struct sc_vm_reg *table, size_t count);
/* The 0x200 bytes of an FXSAVE area at OFFSET, and the claim that floats are there. */
sc_err *sc_vm_regs_fxsave(struct sc_regs *regs, const sc_file *file, uint64_t offset);

/*
 * What else is known of a processor, from which its KPRCB follows: Windows keeps its KPCR at the
 * base of GS (x64; swapped with KERNEL_GS_BASE in user mode) or of FS (x86).
 */
struct sc_vm_cpu {
    enum sc_cpu cpu;
    uint64_t cr3, cr4, idt, gs_base, kernel_gs_base, fs_base;
    unsigned cpl;
};
/* Fills the processor's fields of THREAD; fields that are 0 in CPU stay unknown. */
void sc_vm_thread(const struct sc_vm_cpu *cpu, uint32_t index, struct sc_thread *ret_thread);

#endif
