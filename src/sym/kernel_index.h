/* SPDX-License-Identifier: MIT */
/*
 * Finding a kernel's symbols by its fingerprint.
 *
 * A triage dump carries no CodeView record of the kernel. But its header holds the addresses of
 * PsLoadedModuleList, PsActiveProcessHead and KdDebuggerDataBlock; less the kernel's base they are
 * three RVAs that name one build among all. So the kernel's PDBs and ISF tables of the local
 * stores are looked through once, and their three RVAs kept in an index file in the cache.
 */
#ifndef STOPCODE_SYM_KERNEL_INDEX_H
#define STOPCODE_SYM_KERNEL_INDEX_H

#include "stopcode/store.h"
#include "stopcode/symbols.h"

struct sc_kernel_print {
    uint32_t loaded_module_list, active_process_head, debugger_data; /* RVAs; 0 = unknown */
};

/* One kernel's symbol file. */
struct sc_kernel_entry {
    struct sc_kernel_print print;
    uint64_t size, mtime; /* of the file when it was looked at */
    struct sc_guid guid;
    uint32_t age;
    char *path;
};
struct sc_kernel_index {
    struct sc_kernel_entry *item;
    size_t count, room;
    size_t looked; /* files opened just now, because the index did not know them */
};

/*
 * Looks through FOLDER (a store or a plain folder) for kernel symbols and adds them; files that
 * INDEX knows already, by size and time, are not opened again. Files that cannot be read are left
 * out with a line to LOG (may be NULL).
 */
sc_err *sc_kernel_index_add(struct sc_kernel_index *index, const char *folder, sc_log_fn log,
                            void *log_ctx);
/* All local folders of a symbol path in its expanded form (see sc_store_expanded()). */
sc_err *sc_kernel_index_add_path(struct sc_kernel_index *index, const char *path, sc_log_fn log,
                                 void *log_ctx);
/* The entry whose known RVAs all equal PRINT's known ones, at least two of them; NULL if none. */
const struct sc_kernel_entry *sc_kernel_index_find(const struct sc_kernel_index *index,
                                                   const struct sc_kernel_print *print);
/* Reads and writes the index file of a cache folder; a damaged or missing one is empty. */
sc_err *sc_kernel_index_load(struct sc_kernel_index *index, const char *cache);
sc_err *sc_kernel_index_save(const struct sc_kernel_index *index, const char *cache);
void sc_kernel_index_free(struct sc_kernel_index *index);

#endif
