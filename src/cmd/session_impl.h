/* SPDX-License-Identifier: MIT */
/*
 * What a session holds, and how the files that make it up share it: session.c (settings), eval.c
 * and pseudo.c (expressions), dispatch.c (running lines), logfile.c. Commands use command.h.
 */
#ifndef STOPCODE_CMD_SESSION_IMPL_H
#define STOPCODE_CMD_SESSION_IMPL_H

#include "cmd/command.h"
#include "cmd/listing.h"
#include "cmd/script.h"
#include "cmd/stack.h"
#include "cmd/usermods.h"

enum { SC_NVARS = 20, SC_NEST_MAX = 40 };

struct sc_logfile;
struct sc_hits;       /* search.c */
struct sc_procspace;  /* procspace.c */
struct sc_storepages; /* storepages.c */

/* Symbols as the session holds them. */
enum { SC_WARNINGS_MAX = 32 };
struct sc_symbolry {
    sc_symtab *symtab; /* NULL: not asked for yet, or `why` */
    bool making;       /* it is being made */
    char *why;         /* owned: why there can be none */
    sc_layout_book *layouts;
    sc_unwinder *unwinder;
    sc_unwinder *wow_unwinder;        /* of the 32-bit side of processes; NULL: not asked for */
    uint32_t epoch;                   /* counts reloads: see struct sc_context */
    uint32_t options;                 /* .symopt's bits */
    bool prompts;                     /* `!sym prompts`: kept, there is nothing to prompt for */
    uint64_t warned[SC_WARNINGS_MAX]; /* hashes of warnings that were shown */
    unsigned nwarned;
};

struct sc_session {
    sc_target *target;                          /* borrowed, may be NULL */
    sc_out *out;                                /* borrowed; another while output is captured */
    sc_out *main_out;                           /* the session's own */
    uint32_t current;                           /* processor or thread */
    uint64_t implicit_thread, implicit_process; /* .thread, .process; 0: the current ones */
    struct sc_procspace *procspace;             /* owned; NULL: the target has no page tables */
    struct sc_storepages *storepages;           /* owned; NULL: the same */
    uint32_t soft_epoch;         /* symbols that soft entries were bound from, + 1; 0 none */
    struct sc_usermods usermods; /* usermods.c */
    uint64_t procspace_changes;  /* counts what may change whose modules are wanted … */
    uint64_t usermods_for;       /* … and which of it the list follows */
    bool syncing;                /* it is being made */
    struct sc_context context;
    enum sc_cpu effmach; /* .effmach x86 on x64; SC_CPU_UNKNOWN: the target's own */
    uint32_t kframes;    /* .kframes */
    long tz;
    unsigned radix;
    bool quit, enrich, lines;
    bool cxx;               /* .expr: expressions are C++ */
    uint64_t var[SC_NVARS]; /* $t0 … $t19 */
    uint64_t last;          /* $exp */
    bool has_dot, has_unasm;
    uint64_t dot, unasm;
    char *symbol_path, *image_path; /* owned, or NULL */
    bool has_paths;                 /* they were set: the environment is not asked */
    struct sc_symbolry symbolry;    /* symbols.c */
    char *source_path;              /* owned, or NULL */
    struct sc_listing listing;      /* listing.c */
    struct sc_logfile *log;         /* owned, or NULL */
    struct sc_logfile *next_log;    /* owned: takes the place of `log` behind this command … */
    bool switch_log;                /* … when this is set; NULL: none does */
    unsigned depth;                 /* lines being run: more than 1 inside a command */
    struct sc_scripting script;
    char display[8]; /* the last d command, for `d` */
    bool has_display_next;
    uint64_t display_next;   /* where the next one goes on */
    uint64_t physical_next;  /* where the next !db, !dc, … goes on */
    uint64_t shown_value;    /* $p: what it showed last … */
    bool has_shown_value;    /* … if it showed a value */
    struct sc_hits *hits;    /* owned: what `s -[s]` kept; NULL none */
    sc_progress_fn progress; /* or NULL */
    void *progress_ctx;
    bool progress_shown; /* it was called since it was last told to clear away */
};

/* pseudo.c: the names of all pseudo-registers, for completion. */
void sc_pseudo_each(void (*add)(void *ctx, const char *name), void *ctx);

/*
 * logfile.c: opens PATH; WIDE: as UTF-16LE with a byte order mark. The log before is ended. In
 * JSON both happen at sc_logfile_settle(), when the command's frame is complete.
 */
sc_err *sc_logfile_open(sc_session *session, const char *path, bool append, bool wide);
/* Ends the log, if any. */
void sc_logfile_close(sc_session *session);
void sc_logfile_settle(sc_session *session);
/* The path of the open log, or NULL, and whether writing it has failed. */
const char *sc_logfile_path(const sc_session *session, bool *ret_failed);

/* symbols.c */
void sc_symbolry_init(struct sc_symbolry *symbolry);
void sc_symbolry_deinit(struct sc_symbolry *symbolry);

/* session.c: says how far a command is; takes that away again before output, and at the end. */
void sc_session_progress(sc_session *session, const char *what, uint64_t done, uint64_t total);
void sc_session_progress_end(sc_session *session);

/* eval.c: remembers what `?` computed, for $exp. */
void sc_session_set_last(sc_session *session, uint64_t value);

#endif
