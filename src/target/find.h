/* SPDX-License-Identifier: MIT */
/* Finding the kernel in memory that no header describes. */
#ifndef STOPCODE_TARGET_FIND_H
#define STOPCODE_TARGET_FIND_H

#include <stdatomic.h>

#include "base/file.h"
#include "stopcode/target.h"

/* What to look in, and what is known. Zero: not known. */
struct sc_find {
    sc_space *phys;
    const sc_file *file; /* that PHYS may show in place: its holes need no look. NULL: none */
    enum sc_cpu cpu;
    const struct sc_thread *processor; /* those that the container tells of */
    size_t nprocessors;
    uint64_t dtb; /* the user's: nothing else is tried */
    bool (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
    void *progress_ctx;
    const atomic_bool *cancel; /* or NULL */
};

struct sc_found {
    enum sc_cpu cpu;
    enum sc_paging_mode mode;
    uint64_t dtb; /* the System process' where it could be read, else the tables found */
    uint64_t kernel_base, kernel_size;
    uint64_t loaded_module_list, active_process_head, debugger_data; /* VAs; 0 not found */
    char how[160];
};

/*
 * In this order: the user's dtb; the processors' tables; the low stub; then, after one pass through
 * memory, a debugger data block with tables that map the kernel which it names; page tables that
 * map themselves; the image of a kernel that other tables map. Tables count only when they lead to
 * a kernel, and of what the pass meets a kernel whose lists can be followed comes first.
 * SC_ERR_NOT_FOUND says what was seen; SC_ERR_CANCELLED.
 */
sc_err *sc_find_kernel(const struct sc_find *find, struct sc_found *ret_found);

/*
 * For a target of whole memory that has just been opened: when its container does not say where
 * the kernel is, finds it and fills the source's machine. OPTS may be NULL.
 */
sc_err *sc_target_find_kernel(sc_target *target, const struct sc_open_opts *opts);

#endif
