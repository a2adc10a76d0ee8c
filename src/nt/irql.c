/* SPDX-License-Identifier: MIT */
/*
 * IRQL names. wdm.h defines one set for x86 (32 levels) and one for all others (16 levels); where
 * one level has several names (14: IPI_LEVEL, DRS_LEVEL, POWER_LEVEL) the commonest stands here.
 */
#include "nt/irql.h"

static const char *name16(uint64_t irql) {
    switch (irql) {
    case 0: return "PASSIVE_LEVEL";
    case 1: return "APC_LEVEL";
    case 2: return "DISPATCH_LEVEL";
    case 13: return "CLOCK_LEVEL";
    case 14: return "IPI_LEVEL";
    case 15: return "HIGH_LEVEL";
    default: return irql < 13 ? "device interrupt level" : NULL;
    }
}

static const char *name32(uint64_t irql) {
    switch (irql) {
    case 0: return "PASSIVE_LEVEL";
    case 1: return "APC_LEVEL";
    case 2: return "DISPATCH_LEVEL";
    case 27: return "PROFILE_LEVEL";
    case 28: return "CLOCK_LEVEL";
    case 29: return "IPI_LEVEL";
    case 30: return "POWER_LEVEL";
    case 31: return "HIGH_LEVEL";
    default: return irql < 27 ? "device interrupt level" : NULL;
    }
}

const char *nt_irql_name(enum sc_cpu cpu, uint64_t irql) {
    switch (cpu) {
    case SC_CPU_X86: return name32(irql);
    case SC_CPU_X64:
    case SC_CPU_ARM:
    case SC_CPU_ARM64: return name16(irql);
    default: return NULL;
    }
}
