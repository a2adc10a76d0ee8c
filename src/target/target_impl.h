/* SPDX-License-Identifier: MIT */
/* The target's inside, for the files of this folder. */
#ifndef STOPCODE_TARGET_TARGET_IMPL_H
#define STOPCODE_TARGET_TARGET_IMPL_H

#include <stdatomic.h>

#include "base/vec.h"
#include "stopcode/target.h"

enum sc_memory_kind { SC_MEMORY_VIRT, SC_MEMORY_PHYS };

/* Ranges that were loaded together with the other kind's and not asked for yet. */
struct sc_pending {
    struct sc_ranges ranges;
    bool there;
};

struct sc_whole;

struct sc_target {
    struct sc_source *source;
    sc_space *virt, *phys; /* loaded when first read; virt is NULL until the CPU is known */
    struct sc_pending pending[2];
    struct sc_whole *whole;    /* physical memory with page tables: see whole.h; NULL none */
    const char *found_by;      /* in the source's arena; NULL: the container said it all */
    struct sc_modules modules; /* sorted by base, names unique */
    struct sc_unloadeds unloaded;
    struct sc_threads threads;
    struct sc_arena *user_arena; /* strings of the process's modules; NULL: there are none */
    unsigned symtabs;            /* that hold on to `modules`: see sc_target_add_module() */
    bool modules_loaded, unloaded_loaded, threads_loaded;
    unsigned listing; /* how many of these lists are being read: see sc_target_is_listing() */
    struct sc_debugger_data *debugger_data; /* in the source's arena; NULL: not loaded yet */
    bool no_debugger_data;                  /* it was looked for, and there is none */
    const struct sc_regs *fake_regs;        /* in the source's arena */
    bool short_of_memory;                   /* see sc_target_take_nomem() */
    bool io_noted;                          /* that the file could not be read has been said */
    atomic_bool cancel;
    uint64_t generation;
    sc_log_fn log;
    void *log_ctx;
};

/* Notes, once, that a read of the file failed: lists may lack what stood there. */
void sc_target_note_io(sc_target *target);
/*
 * Lookups answer NULL for "none", so one that failed for lack of memory looks the same. It is
 * remembered instead, and whoever runs the whole (a command, the analysis) asks at the end, so that
 * an answer with a hole in it is reported as out of memory: see sc_target_take_nomem().
 */
void sc_target_set_nomem(sc_target *target);
/*
 * Are lists of the target being read from its memory right now? Who is asked for a page on the way
 * must not ask for them: symbols and what needs them have to wait.
 */
bool sc_target_is_listing(const sc_target *target);
/* Ends what user_modules.c keeps besides the list. */
void sc_target_user_modules_deinit(sc_target *target);
/* Makes a target of a source, which is taken over (also when it fails). OPTS may be NULL. */
sc_err *sc_target_adopt(struct sc_source *own_source, const struct sc_open_opts *opts,
                        sc_target **ret_target);

#endif
