/* SPDX-License-Identifier: MIT */
/*
 * Timers that are set: the lists of the system (until Vista) or of each processor (since Windows
 * 7), and the ordered ones of Windows 8.1 and later (KTIMER2).
 */
#ifndef NT_TIMER_H
#define NT_TIMER_H

#include "nt/prcb.h"

enum { NT_TIMERS_MAX = 1 << 16, NT_TIMER_TYPES = 2 };

/* A KTIMER in a list. */
struct nt_timer {
    uint64_t address;
    uint32_t list;
    struct nt_field type;   /* enum nt_object_type: NT_OBJECT_TIMER_… */
    struct nt_field due;    /* interrupt time, 100 ns; the top bit: never */
    struct nt_field period; /* ms */
    struct nt_field dpc;    /* decoded; 0 none; not read when the keys are not known */
    struct nt_field routine, context;
    uint64_t thread; /* the first that waits for it; 0 none, or not in the dump */
};

/* A table, or one half of it. */
struct nt_timer_table {
    uint64_t address; /* the KTIMER_TABLE; until Vista the first list */
    unsigned lists;
    struct nt_timer *item; /* in the arena, by list */
    size_t count, longest; /* longest: of one list */
    unsigned bad;          /* lists that are not whole */
    const char *why;       /* of the first of them; in the arena */
    bool keyless;          /* DPC addresses are encoded, and the keys are not known */
    bool assumed;
};

/* How the addresses of DPCs are encoded: dpc = byteswap(rol(Dpc, by) ^ timer ^ mask). */
struct nt_timer_keys {
    bool needed; /* 64-bit systems since Windows 7 */
    bool known;
    bool concluded; /* not from nt!KiWaitNever: from timers whose DPCs are known */
    unsigned by;
    uint64_t mask;
};
sc_err *nt_timer_keys_read(const struct nt *nt, struct nt_timer_keys *ret_keys);

/*
 * How many tables each processor has: 0 until Vista (the system has one), 1 since Windows 7, 2
 * since 19041 on x64: high precision and standard.
 */
sc_err *nt_timer_types(const struct nt *nt, unsigned *ret_types);
/* The system's. SC_ERR_NOT_FOUND: nt!KiTimerTableListHead is not known. */
sc_err *nt_timers_system(const struct nt *nt, const struct nt_timer_keys *keys, sc_arena *arena,
                         struct nt_timer_table *ret_table);
/* Number TYPE of the processor whose PRCB lies at PRCB. */
sc_err *nt_timers_processor(const struct nt *nt, const struct nt_timer_keys *keys, uint64_t prcb,
                            unsigned type, sc_arena *arena, struct nt_timer_table *ret_table);

/* The timers that wake the machine (nt!ExpWakeTimerList); *RET_FOUND false: not known, as the
 * table's `why` says. */
sc_err *nt_timers_wake(const struct nt *nt, const struct nt_timer_keys *keys, sc_arena *arena,
                       struct nt_timer_table *ret_table, bool *ret_found);

#endif
