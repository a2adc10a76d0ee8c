/* SPDX-License-Identifier: MIT */
/* Critical sections of a process: who holds one and how many wait. */
#ifndef NT_CRITSEC_H
#define NT_CRITSEC_H

#include "stopcode/target.h"

struct nt_critsec {
    uint64_t address;
    bool locked;
    uint32_t owner;     /* thread id; 0: nobody */
    uint32_t recursion; /* how often the owner has entered it */
    uint32_t waiters;
    uint64_t debug; /* its RTL_CRITICAL_SECTION_DEBUG; 0: none */
    bool proved;    /* that one points back: this is a critical section for certain */
};

/*
 * Reads what lies at ADDR as a critical section. False when it is not in the dump, or cannot be
 * one: its numbers contradict each other.
 */
bool nt_critsec_read(sc_target *target, uint64_t addr, struct nt_critsec *ret);

/* Address of the loader lock, by the PEB that the TEB at TEB names; false when not in the dump. */
bool nt_loader_lock(sc_target *target, uint64_t teb, uint64_t *ret_addr);

#endif
