/* SPDX-License-Identifier: MIT */
/* The interrupt descriptor table of a processor, and the interrupts that drivers have connected. */
#ifndef NT_IDT_H
#define NT_IDT_H

#include "nt/prcb.h"

enum { NT_IDT_VECTORS = 256, NT_INTERRUPTS_MAX = 64, NT_OBJECT_INTERRUPT = 0x16 };

/* A KINTERRUPT on a vector. */
struct nt_interrupt {
    uint64_t address;
    struct nt_field routine; /* that of the driver: the message's, if it has one of its own */
    struct nt_field context, irql;
};

struct nt_idt_entry {
    bool read, present;
    bool task; /* x86: a task gate: `selector` alone counts */
    uint16_t selector;
    uint8_t ist; /* x64: 1 to 7: the handler gets a stack of its own */
    uint64_t handler;
    struct nt_field stack;          /* of `ist` */
    bool idle;                      /* nobody has connected: one of the kernel's placeholders */
    struct nt_interrupt *interrupt; /* in the arena */
    size_t count;
    const char *why; /* why the chain is not whole; NULL: it is */
};

struct nt_idt {
    uint64_t base;
    bool assumed;
    unsigned read; /* entries that the dump holds */
    struct nt_idt_entry entry[NT_IDT_VECTORS];
};

/* Of the processor of PRCB, in the arena. SC_ERR_NOT_FOUND: the dump does not say where it is. */
sc_err *nt_idt_read(const struct nt *nt, const struct nt_prcb *prcb, sc_arena *arena,
                    struct nt_idt **ret_idt);

#endif
