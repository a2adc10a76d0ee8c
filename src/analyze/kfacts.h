/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's objects in the dump say of the moment it was written: who ran, on which stack,
 * at which IRQL, how long a clock tick is. Read once per analysis; what the dump lacks is 0.
 */
#ifndef STOPCODE_ANALYZE_KFACTS_H
#define STOPCODE_ANALYZE_KFACTS_H

#include "analyze/case.h"
#include "nt/nt.h"
#include "nt/vm.h"

struct sc_kfacts {
    sc_layout_book *book; /* NULL without symbols, or for a process */
    struct nt nt;         /* of use only with a book */
    uint64_t thread;      /* a process's dump: its id */
    uint64_t process, prcb;
    uint64_t stack_limit, stack_base; /* the current thread's kernel stack; a process: its stack */
    uint64_t dpc_stack;               /* top of the processor's stack for DPCs */
    bool assumed;                     /* layouts of another build were used */
    bool has_irql;
    uint64_t irql; /* before the crash raised it */
    uint64_t tick; /* 100 ns a clock tick */
    bool vm_asked;
    const struct nt_vm *vm; /* see sc_case_vm() */
};

/* Fills c->k, which lives until sc_kfacts_end(). Only "out of memory" is an error. */
sc_err *sc_kfacts_load(struct sc_case *c);
void sc_kfacts_end(struct sc_kfacts *k);

/*
 * Takes the error of a reader: destroys it, and remembers "out of memory" in the case. True when
 * there was none.
 */
bool sc_case_took(struct sc_case *c, sc_err *err);

/* The memory manager's counters, read when first asked for; NULL when the dump has none. */
const struct nt_vm *sc_case_vm(struct sc_case *c);

/* Is ADDR on the current stack? False, too, when its limits are not known. */
bool sc_on_stack(const struct sc_case *c, uint64_t addr);

/*
 * TICKS in words: "1281 ticks, 20.0 s at the 15.625 ms of this dump's clock"; without the clock "…
 * 20.0 s at the usual 15.625 ms".
 */
const char *sc_ticks_text(struct sc_case *c, uint64_t ticks);

/* Names of objects, as far as the dump holds them; NULL when it does not. */
const char *sc_process_text(struct sc_case *c, uint64_t process); /* "System" */
const char *sc_thread_text(struct sc_case *c, uint64_t thread);   /* "thread 4.1a8 of System" */
const char *sc_driver_object_text(struct sc_case *c, uint64_t object); /* "\Driver\pci" */
const char *sc_device_text(struct sc_case *c, uint64_t device); /* "a device of \Driver\pci" */
const char *sc_irp_text(struct sc_case *c, uint64_t irp); /* "IRP_MJ_POWER (IRP_MN_SET_POWER), …" */

#endif
