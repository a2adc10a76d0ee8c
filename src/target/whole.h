/* SPDX-License-Identifier: MIT */
/*
 * Targets with physical memory: the spaces over its page tables, and what the kernel's own lists
 * say where the container says nothing.
 *
 *   whole.c          spaces, page tables, processes, page files
 *   kdbg.c           the debugger data block
 *   whole_machine.c  what is known of the machine
 *   whole_modules.c  loaded and unloaded drivers
 *   whole_cpus.c     processors
 *   whole_current.c  whose page tables a found kernel begins with
 */
#ifndef STOPCODE_TARGET_WHOLE_H
#define STOPCODE_TARGET_WHOLE_H

#include "base/file.h"
#include "target/target_impl.h"

enum { SC_PROCESS_SPACES = 64, SC_PAGEFILES_MAX = 16 };

struct sc_whole {
    struct sc_paging system; /* as the dump was opened */
    bool wired;              /* `system` is there */
    uint64_t dtb;            /* of the virtual space now, as it was given */
    sc_space *kernel;        /* through the system's tables, whatever the virtual space is */
    struct sc_process_space {
        uint64_t base; /* DTB without flag bits */
        uint64_t used; /* when; the least is dropped */
        sc_space *space;
    } process[SC_PROCESS_SPACES];
    size_t nprocesses;
    uint64_t uses;
    sc_file *pagefile[SC_PAGEFILES_MAX]; /* by number; NULL none */
    sc_pagefile_fn ask;                  /* for the others; or NULL */
    void *ask_ctx;
};

/* Gives T its physical space and `whole`; OPTS may be NULL. */
sc_err *sc_whole_create(sc_target *t, const struct sc_open_opts *opts);
/* The virtual space, once the machine's CPU is known. */
sc_err *sc_whole_create_virt(sc_target *t);
void sc_whole_destroy(sc_target *t);
/* The error of a failed load of one of the spaces, the caller's now; NULL none. */
sc_err *sc_whole_trouble(sc_target *t);

/*
 * Fills what the container left open of the machine. Only lack of memory is an error: what cannot
 * be read stays unknown.
 */
sc_err *sc_whole_complete_machine(sc_target *t);

/* For sc_target_modules() and its sisters, where the container has no list. */
sc_err *sc_whole_load_modules(sc_target *t, struct sc_modules *ret);
sc_err *sc_whole_load_unloaded(sc_target *t, struct sc_unloadeds *ret);
/* Adds to RET what the kernel says of each processor; makes the list when it is empty. */
sc_err *sc_whole_load_cpus(sc_target *t, struct sc_threads *ret);
/* The address of the CONTEXT that a bug check saved; 0 none. */
uint64_t sc_whole_saved_context(sc_target *t);
/* Which of CPUS the event's context is of. */
uint32_t sc_whole_current(sc_target *t, const struct sc_threads *cpus);

/*
 * A kernel that was found comes with System's tables. From here on the target is read through those
 * of the process that the current processor ran, as a dump of Windows' own names them in its
 * header.
 */
sc_err *sc_whole_enter_current(sc_target *t);
/* Begins with these tables, if they lead to the same kernel. */
sc_err *sc_whole_begin_with(sc_target *t, uint64_t dtb, bool *ret_taken);

/* ---- reading the kernel's memory; in whole_read.c ---- */

/* A pointer, or a number of SIZE bytes, of the kernel's; 0 when it is not there. */
uint64_t sc_whole_ptr(sc_target *t, uint64_t va);
uint64_t sc_whole_uint(sc_target *t, uint64_t va, unsigned size);
/* What stands at the address that a member of the debugger data gives; 0 when it does not. */
uint64_t sc_whole_kd_ptr(sc_target *t, uint32_t member);
uint64_t sc_whole_kd_uint(sc_target *t, uint32_t member, unsigned size);
/* The UNICODE_STRING at VA as UTF-8 in the source's arena; NULL: not there or, with *RET_NOMEM
 * set, memory is short. */
const char *sc_whole_string(sc_target *t, uint64_t va, bool *ret_nomem);
/* Is VA an address of the kernel's half? */
bool sc_whole_is_kernel(sc_target *t, uint64_t va);
/* Where the byte at VA lies in the file; SC_UNSET64 nowhere. */
uint64_t sc_whole_offset(sc_target *t, uint64_t va);
/* ERR when memory is short or the target was cancelled; else ends it and returns NULL. */
sc_err *sc_whole_grave(sc_err *err);

#endif
