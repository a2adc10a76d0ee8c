/* SPDX-License-Identifier: MIT */
/*
 * What each thread of a process was doing: for dumps that record no crash. Every thread's stack is
 * walked, with the symbols of the modules on it, so only rules that need it ask for it.
 */
#ifndef STOPCODE_ANALYZE_USER_THREADS_H
#define STOPCODE_ANALYZE_USER_THREADS_H

#include "analyze/user.h"
#include "nt/critsec.h"

enum sc_user_doing {
    SC_DOING_UNKNOWN, /* in the system, without a name for what it does there */
    SC_DOING_RUNNING, /* code of the program */
    SC_DOING_IDLE,    /* waits for work, messages or time */
    SC_DOING_WAITING, /* for an object */
    SC_DOING_LOCK,    /* to enter a critical section */
    SC_DOING_SRWLOCK,
    SC_DOING_RPC,
    SC_DOING_MESSAGE,
    SC_DOING_EXIT,   /* ends the process */
    SC_DOING_DUMPER, /* writes the dump */
};

struct sc_user_thread {
    const struct sc_thread *thread;
    enum sc_user_doing doing;
    bool in_loader;        /* it loads, initialises or ends libraries */
    struct sc_stack stack; /* its frames */
    struct sc_user_frames frames;
    bool has_blame;
    size_t blame;   /* the first frame of the program's */
    bool has_lock;  /* the critical section that it waits for is known */
    bool lock_sure; /* by an argument that its frame has; else found on its stack */
    struct nt_critsec lock;
    size_t owner; /* index of the thread that holds it; SIZE_MAX: not in the dump */
};

struct sc_user_threads {
    struct sc_user_thread *item;
    size_t count;
    size_t dropped; /* more than are looked at */
    bool wow64;     /* the stacks are those of the 32-bit side */
};

/* Looks at all of them. Ended with sc_user_threads_free(), also when memory ran out. */
void sc_user_threads_load(struct sc_case *c, struct sc_user_threads *ret);
void sc_user_threads_free(struct sc_user_threads *threads);

/* "waits for an object", …; never NULL. */
const char *sc_user_doing_text(enum sc_user_doing doing);
/* Evidence: what thread T does, and on whose behalf. */
void sc_user_show_doing(struct sc_case *c, struct sc_draft *d, const struct sc_user_thread *t);

#endif
