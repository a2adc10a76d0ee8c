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

#include "base/hash.h"
#include "stopcode/store.h"
#include "stopcode/symbols.h"

struct sc_kernel_print {
    uint32_t loaded_module_list, active_process_head, debugger_data; /* RVAs; 0 = unknown */
};

/* How many of the three are known. */
unsigned sc_kernel_print_known(const struct sc_kernel_print *print);
/* All that both know are equal, and these are at least two. */
bool sc_kernel_print_matches(const struct sc_kernel_print *a, const struct sc_kernel_print *b);
/* What a table of symbols says; of names that it lacks 0. */
sc_err *sc_kernel_print_read(sc_symbols *symbols, struct sc_kernel_print *ret_print);

/* One kernel's symbol file. */
struct sc_kernel_entry {
    struct sc_kernel_print print;
    uint64_t size, mtime; /* of the file when it was looked at */
    struct sc_guid guid;
    uint32_t age;
    bool present; /* met in a folder just now: the index file also knows those of other folders */
    char *path;
};
struct sc_kernel_index {
    struct sc_kernel_entry *item;
    size_t count, room;
    struct sc_map by_path;        /* hash of the path -> number of its entry */
    size_t looked;                /* files opened just now, because the index did not know them */
    bool (*cancelled)(void *ctx); /* polled while folders are looked through; may be NULL */
    void *cancelled_ctx;
};

/*
 * Looks through FOLDER (a store or a plain folder, at most five folders deep) for kernel symbols
 * and adds them; files that INDEX knows already, by size and time, are not opened again. Files that
 * cannot be read are left out with a line to LOG (may be NULL). A folder that is reached a second
 * time, through a link, is passed over.
 */
sc_err *sc_kernel_index_add(struct sc_kernel_index *index, const char *folder, sc_log_fn log,
                            void *log_ctx);
/* All local folders of a symbol path in its expanded form (see sc_store_expanded()). */
sc_err *sc_kernel_index_add_path(struct sc_kernel_index *index, const char *path, sc_log_fn log,
                                 void *log_ctx);
/*
 * The present entry that matches PRINT; of several a PDB before other tables, then the first by
 * path, so that the answer does not hang on the order in a folder. NULL if none.
 */
const struct sc_kernel_entry *sc_kernel_index_find(const struct sc_kernel_index *index,
                                                   const struct sc_kernel_print *print);
/* Name of the PDB that an entry is of or was made from: "ntkrnlmp.pdb". Returns BUF. */
enum { SC_KERNEL_NAME_BUF = 16 };
const char *sc_kernel_entry_pdb(const struct sc_kernel_entry *entry, char *buf);

/* Appends an entry of this path; NULL when memory is short. */
struct sc_kernel_entry *sc_kernel_index_push(struct sc_kernel_index *index, const char *path);
/*
 * Reads and writes the index file of a cache folder; a damaged, foreign or missing one is empty.
 * What is written also holds the entries that are not present now, as long as their files exist.
 */
sc_err *sc_kernel_index_load(struct sc_kernel_index *index, const char *cache);
sc_err *sc_kernel_index_save(const struct sc_kernel_index *index, const char *cache);
void sc_kernel_index_free(struct sc_kernel_index *index);

#endif
