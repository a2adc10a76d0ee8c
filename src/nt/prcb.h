/* SPDX-License-Identifier: MIT */
/*
 * A processor: its KPRCB, its KPCR, and the DPCs that wait on it. A small dump holds the PRCB of
 * the processor that crashed, newer ones all of them; the KPCR in front of it is mostly missing.
 */
#ifndef NT_PRCB_H
#define NT_PRCB_H

#include "nt/list.h"

enum nt_prcb_field {
    NT_C_MAJOR,
    NT_C_MINOR,
    NT_C_NUMBER,
    NT_C_GROUP, /* since Windows 7 */
    NT_C_GROUP_INDEX,
    NT_C_GROUP_SET_MEMBER,
    NT_C_SET_MEMBER, /* until Vista */
    NT_C_CURRENT_THREAD,
    NT_C_NEXT_THREAD,
    NT_C_IDLE_THREAD,
    NT_C_SAVED_IRQL, /* before the debugger, or the crash, raised it; since Server 2003 */
    NT_C_INTERRUPT_COUNT,
    NT_C_KERNEL_TIME, /* ticks */
    NT_C_USER_TIME,
    NT_C_DPC_TIME,
    NT_C_INTERRUPT_TIME,
    NT_C_MHZ,
    NT_C_CPU_TYPE, /* family */
    NT_C_CPU_STEP, /* until Server 2003, x86: model and stepping, which are told apart below */
    NT_C_CPU_MODEL,
    NT_C_CPU_STEPPING,
    NT_C_DPC_ACTIVE,
    NT_C_DPC_STACK,
    NT_C_DPC_COUNT,
    NT_C_DPC_DEPTH,
    NT_C_CR3, /* ProcessorState.SpecialRegisters */
    NT_C_CR8,
    NT_C_GDT,
    NT_C_IDT,
    NT_C_FIELDS
};

enum { NT_VENDOR = 14 };

struct nt_prcb {
    uint64_t address;
    bool assumed;
    char vendor[NT_VENDOR]; /* "GenuineIntel"; "" unknown */
    struct nt_field f[NT_C_FIELDS];
};

/* Errors as those of nt_thread_read(). */
sc_err *nt_prcb_read(const struct nt *nt, uint64_t address, struct nt_prcb *ret_prcb);
bool nt_prcb_present(const struct nt_prcb *prcb);
/*
 * The address of processor INDEX's PRCB: from the container, else KiProcessorBlock. Not read when
 * the dump does not tell.
 */
sc_err *nt_prcb_address(const struct nt *nt, uint32_t index, struct nt_field *ret_address);

enum nt_pcr_field {
    NT_R_MAJOR,
    NT_R_MINOR,
    NT_R_SELF,
    NT_R_PRCB, /* the pointer */
    NT_R_IRQL,
    NT_R_IRR,            /* x86 */
    NT_R_IDR,            /* x86 */
    NT_R_INTERRUPT_MODE, /* x86 */
    NT_R_IDT,
    NT_R_GDT,
    NT_R_TSS,
    NT_R_FIELDS
};
enum nt_tib_field {
    NT_TIB_EXCEPTION_LIST,
    NT_TIB_STACK_BASE,
    NT_TIB_STACK_LIMIT,
    NT_TIB_SUB_SYSTEM,
    NT_TIB_VERSION,
    NT_TIB_USER_POINTER,
    NT_TIB_SELF,
    NT_TIB_FIELDS
};

/*
 * On x64 the NT_TIB at the start of the KPCR is a union with GdtBase, TssBase, UserRsp, Self,
 * CurrentPrcb, LockArray, Used_Self: that is what its fields then hold.
 */
struct nt_pcr {
    uint64_t address;
    bool assumed;
    struct nt_field f[NT_R_FIELDS];
    struct nt_field tib[NT_TIB_FIELDS];
};

/* The KPCR around the PRCB at PRCB. */
sc_err *nt_pcr_read(const struct nt *nt, uint64_t prcb, struct nt_pcr *ret_pcr);
bool nt_pcr_present(const struct nt_pcr *pcr);

/* A DPC in a processor's queues. */
struct nt_dpc {
    uint64_t address;
    bool threaded;
    struct nt_field routine, context;
};
enum { NT_DPCS_MAX = 4096, NT_DPC_QUEUES = 2 };
struct nt_dpcs {
    struct nt_dpc *item; /* in the arena; normal ones first */
    size_t count;
    unsigned nqueues; /* known in this build: 0, 1 or 2 */
    struct nt_list queue[NT_DPC_QUEUES];
};
sc_err *nt_prcb_dpcs(const struct nt *nt, const struct nt_prcb *prcb, sc_arena *arena,
                     struct nt_dpcs *ret_dpcs);

#endif
