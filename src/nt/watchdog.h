/* SPDX-License-Identifier: MIT */
/*
 * The software watchdogs of a processor: how long it may stay in one deferred procedure call, and
 * how long in DPCs or at DISPATCH_LEVEL altogether, before the system stops with bug check 0x133.
 * All in clock ticks.
 */
#ifndef NT_WATCHDOG_H
#define NT_WATCHDOG_H

#include "nt/nt.h"

enum nt_watchdog_kind {
    NT_WD_TOTAL,  /* DpcWatchdogPeriod, DpcWatchdogCount: since Vista */
    NT_WD_ONE,    /* DpcTimeLimit, DpcTimeCount: since Vista */
    NT_WD_THREAD, /* ThreadWatchdogPeriod, ThreadWatchdogCount: x86 of Windows 7 */
    NT_WD_KINDS
};

/* What Windows 10 records before the time is over. */
enum nt_watchdog_field {
    NT_WD_THRESHOLD_TOTAL, /* DpcWatchdogProfileCumulativeDpcThreshold */
    NT_WD_THRESHOLD_ONE,   /* DpcWatchdogProfileSingleDpcThreshold */
    NT_WD_PROFILE,         /* DpcWatchdogProfile: where stacks are recorded */
    NT_WD_PROFILE_NEXT,    /* DpcWatchdogProfileCurrentEmptyCapture */
    NT_WD_DPC_ACTIVE,      /* DpcRoutineActive */
    NT_WD_FIELDS
};

struct nt_watchdogs {
    struct nt_field limit[NT_WD_KINDS]; /* 0: off */
    struct nt_field count[NT_WD_KINDS];
    struct nt_field f[NT_WD_FIELDS];
    struct nt_field dpc, timer; /* addresses of the DPC and of the timer that start it again */
    bool assumed;
};

/* The watchdogs in the PRCB at PRCB. Errors as those of nt_load(). */
sc_err *nt_watchdogs_read(const struct nt *nt, uint64_t prcb, struct nt_watchdogs *ret);
/* "nt!_KPRCB.DpcTimeLimit": what the limit of KIND is called. */
const char *nt_watchdog_member(enum nt_watchdog_kind kind);

/* A variable of the kernel with a limit for all processors. */
struct nt_watchdog_setting {
    const char *symbol; /* "nt!KeDpcTimeoutMs" */
    bool milliseconds;  /* else in a unit that its name does not tell */
    struct nt_field value;
};
enum { NT_WD_SETTINGS = 4 };
sc_err *nt_watchdog_settings(const struct nt *nt, struct nt_watchdog_setting ret[NT_WD_SETTINGS]);

#endif
