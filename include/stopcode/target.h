/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The target: one opened dump (later: one live machine), the first parameter everywhere.
 *
 * There are no globals: any number of targets can be open in one process. One target belongs to
 * one thread at a time; different targets may live in different threads. Only
 * sc_target_cancel() may be called from anywhere, also from a signal handler.
 */
#ifndef STOPCODE_TARGET_H
#define STOPCODE_TARGET_H

#include "paging.h"
#include "source.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sc_target sc_target;

enum sc_log_level { SC_LOG_DEBUG, SC_LOG_INFO, SC_LOG_WARN };
/** Receives one line without newline. */
typedef void (*sc_log_fn)(void *ctx, enum sc_log_level level, const char *line);

/** Options for opening; zero everything, set `sz`. NULL options mean all defaults. */
struct sc_open_opts {
    size_t sz;     /**< sizeof(struct sc_open_opts) */
    sc_log_fn log; /**< NULL: be silent */
    void *log_ctx;
    bool no_mmap; /**< read with pread() instead of mapping (files on a network, or changing) */
    /**
     * Long work while opening (unpacking a wrapped dump, looking for the kernel): DONE of TOTAL
     * bytes, TOTAL 0 unknown; false cancels. NULL: nobody looks.
     */
    bool (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
    void *progress_ctx;
    /** Page files for what was paged out: PAGEFILE[n] is the path of page file n, NULL none. */
    const char *const *pagefile;
    size_t npagefiles;
    uint64_t dtb; /**< page table base given by the user, for images without a header; 0 find it */
    uint64_t unpack_limit; /**< bytes that a wrapped dump may unpack to; 0: what the disk has */
};

/**
 * Opens a dump file.
 * SC_ERR_IO: the file cannot be opened. SC_ERR_UNSUPPORTED: recognised but not read: the text says
 * what it is and what to do. SC_ERR_FORMAT: not a dump, or damaged beyond use.
 */
SC_API sc_err *sc_target_open(const char *path, const struct sc_open_opts *opts,
                              sc_target **ret_target);

/** The same for SIZE bytes at DATA, which must outlive the target; NAME appears in messages. */
SC_API sc_err *sc_target_open_memory(const char *name, const void *data, size_t size,
                                     const struct sc_open_opts *opts, sc_target **ret_target);

/** A target that exists nowhere: for tests of what stands above. Everything is copied. */
struct sc_fake {
    size_t sz;
    enum sc_cpu cpu;
    bool kernel;
    const struct sc_machine *machine; /**< NULL: defaults for cpu */
    const struct sc_module *modules;
    size_t nmodules;
    const struct sc_thread *threads;
    size_t nthreads;
    const struct sc_fake_bytes {
        uint64_t addr;
        const void *data;
        size_t size;
    } * memory;
    size_t nmemory;
    const struct sc_regs *regs;         /**< of the current processor or thread, NULL: none */
    const struct sc_unloaded *unloaded; /**< the most recent first */
    size_t nunloaded;
};
SC_API sc_err *sc_target_fake(const struct sc_fake *fake, sc_target **ret_target);

/** Ends a target; NULL is fine. Everything it handed out dies with it. */
SC_API void sc_target_close(sc_target *target);

/** Base name of the file, for messages and prompts. */
SC_API const char *sc_target_name(const sc_target *target);
SC_API const char *sc_target_path(const sc_target *target);
SC_API uint64_t sc_target_file_size(const sc_target *target);

SC_API const struct sc_source *sc_target_source(const sc_target *target);
SC_API const struct sc_machine *sc_target_machine(const sc_target *target);
/** 4 or 8. */
SC_API unsigned sc_target_ptr_size(const sc_target *target);

/** The virtual address space (kernel's, or the process's); never NULL. */
SC_API sc_space *sc_target_space(sc_target *target);
/** Physical memory; empty in dumps that have none, never NULL. */
SC_API sc_space *sc_target_phys(sc_target *target);

/* ---- whole memory ---- */

/** Is there physical memory, with page tables to go through? */
SC_API bool sc_target_has_paging(const sc_target *target);
/**
 * How sc_target_space() translates now; `mode` is SC_PAGING_NONE where nothing is translated.
 * Valid until the next sc_target_set_dtb().
 */
SC_API const struct sc_paging *sc_target_paging(sc_target *target);
/**
 * Makes sc_target_space() that of the process whose page tables begin at DTB (a KPROCESS's
 * DirectoryTableBase, flag bits ignored); 0: back to the one the dump was opened with. The space
 * object stays the same, its fillers too; the generation changes, so that caches notice.
 * SC_ERR_UNSUPPORTED: the dump has no page tables.
 */
SC_API sc_err *sc_target_set_dtb(sc_target *target, uint64_t dtb);
SC_API uint64_t sc_target_dtb(const sc_target *target);
/**
 * The address space of one process without switching to it; owned by the target, the same object
 * for the same DTB (the least recently used of 64 are dropped: do not keep it over other calls of
 * this function). Kernel addresses answer as in sc_target_space(). SC_ERR_UNSUPPORTED as above.
 */
SC_API sc_err *sc_target_process_space(sc_target *target, uint64_t dtb, sc_space **ret_space);
/**
 * Page PAGE of page file NUMBER into RET_PAGE. SC_READ_PAGED_OUT: it was not given at opening, or
 * is too short. For whoever finds by other means than page tables that a page is there.
 */
SC_API enum sc_read sc_target_pagefile(sc_target *target, unsigned number, uint64_t page,
                                       uint8_t ret_page[0x1000]);
/**
 * Who is asked, at each read, for pages of page files that were not given at opening: the memory
 * store's, mostly. FN may call sc_target_set_stores(); SC_READ_PAGED_OUT means "not mine". NULL
 * ends it.
 */
SC_API void sc_target_set_pagefiles(sc_target *target, sc_pagefile_fn fn, void *ctx);
/** Which page files are the memory store, bit N for number N: see struct sc_paging. */
SC_API void sc_target_set_stores(sc_target *target, uint16_t stores);
/** Layout of soft entries bound from symbols; replaces the built-in table's. */
SC_API void sc_target_set_soft_pte(sc_target *target, const struct sc_soft_pte *soft);

/**
 * The kernel's debugger data block (KDDEBUGGER_DATA64), decoded. `how` says where it was found and
 * whether it had to be decoded ("named in the header", "found by its tag", "found by its tag,
 * encoded: decoded by what the kernel's base tells"): static text.
 */
struct sc_debugger_data {
    uint64_t va; /**< where it lies in memory */
    uint32_t size;
    bool encoded; /**< in memory it is encoded */
    const char *how;
    uint8_t bytes[0x400]; /**< decoded; zero behind `size` */
};
/** Loaded at the first call, owned by the target. SC_ERR_NOT_FOUND: none, and why. */
SC_API sc_err *sc_target_debugger_data(sc_target *target, const struct sc_debugger_data **ret_data);
/** A member by its offset (0x18 KernBase, …), WIDTH 1, 2, 4 or 8 bytes; false: the block has none
 * (too short, or no block). Addresses are narrowed to the target's pointers. */
SC_API bool sc_target_kd_member(sc_target *target, uint32_t offset, unsigned width,
                                uint64_t *ret_value);
/**
 * How the kernel was found in an image without a header ("low stub at 0x1000", "page table that
 * maps itself at 0x1aa000", …), or how the container said so; "" for small dumps. Owned by the
 * target.
 */
SC_API const char *sc_target_found_by(const sc_target *target);

/** Modules, sorted by base. Loaded at the first call. *RET is owned by the target. */
SC_API sc_err *sc_target_modules(sc_target *target, const struct sc_modules **ret_modules);
/**
 * Adds MODULE, which is copied, to the list: one the dump does not record. Of it base, size, image
 * (or path) and what is known of timestamp, checksum, CodeView and version are used; the name is
 * made from the image, unique as all are, and `record` is SC_UNSET64. Pointers to modules handed
 * out before are dead. SC_ERR_ARG: it has no size or overlaps another one, or a symtab lives on the
 * target, which must know: then it is sc_symtab_add_module() that adds it.
 */
SC_API sc_err *sc_target_add_module(sc_target *target, const struct sc_module *module);
/**
 * Puts MODULES, which are copied, in the place of those that the last call gave: in the dump of a
 * kernel, the images of the process whose memory is looked at. What names has each is used as in
 * sc_target_add_module(); one that has no size or overlaps another module is left out, and counted
 * in *RET_LEFT_OUT (may be NULL). Pointers to modules handed out before are dead, those to kernel
 * modules too. SC_ERR_ARG: not a kernel's dump, or a symtab lives on the target: then it is
 * sc_symtab_set_user_modules().
 */
SC_API sc_err *sc_target_set_user_modules(sc_target *target, const struct sc_module *modules,
                                          size_t count, size_t *ret_left_out);
SC_API sc_err *sc_target_unloaded(sc_target *target, const struct sc_unloadeds **ret_unloaded);
SC_API sc_err *sc_target_threads(sc_target *target, const struct sc_threads **ret_threads);

/** The module that ADDR lies in; NULL if none (or if the list cannot be read). */
SC_API const struct sc_module *sc_target_module_at(sc_target *target, uint64_t addr);
/** By the debugger's name or the image's ("nt", "ntoskrnl.exe"), any case; NULL if none. */
SC_API const struct sc_module *sc_target_module_named(sc_target *target, const char *name);
/** An unloaded module that ADDR lay in; the most recent one; NULL if none. */
SC_API const struct sc_unloaded *sc_target_unloaded_at(sc_target *target, uint64_t addr);

/**
 * Registers of processor or thread INDEX as the dump stores them (not the exception's context).
 * SC_ERR_NOT_FOUND when the dump has none for it.
 */
SC_API sc_err *sc_target_regs(sc_target *target, uint32_t index, struct sc_regs *ret_regs);
/** The context the dump's exception stream or header names: what `.ecxr` shows. */
SC_API sc_err *sc_target_event_regs(sc_target *target, struct sc_regs *ret_regs);

/**
 * True when, since the last call, a function that has no error to return ran out of memory: a
 * lookup that answered NULL, a read that answered SC_READ_IO. Answers since then may have holes.
 * Whoever runs a whole job asks once at its end, as sc_analyze() and sessions do themselves.
 */
SC_API bool sc_target_take_nomem(sc_target *target);

/** Cancel flag: async-signal-safe. Polled in reads, walks and scans. */
SC_API void sc_target_cancel(sc_target *target);
SC_API bool sc_target_cancelled(const sc_target *target);
SC_API void sc_target_clear_cancel(sc_target *target);
/** Changes when a live target ran or was written to; constant for dumps. Caches compare it. */
SC_API uint64_t sc_target_generation(const sc_target *target);

/** Writes a line to the caller's log. */
SC_API void sc_target_log(const sc_target *target, enum sc_log_level level, const char *fmt, ...)
    SC_PRINTF(3, 4);

/** "major.minor.patch" of the library. */
SC_API const char *sc_version_string(void);

#ifdef __cplusplus
}
#endif
#endif
