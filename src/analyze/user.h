/* SPDX-License-Identifier: MIT */
/*
 * What the rules about processes share: what kind of end a dump records, the frames of a stack with
 * what they are for, the first of them worth blaming, and the sentences that all verdicts have.
 *
 * Each kind has one rule (rule_user_*.c), so that a process has one story; a rule may add a second
 * finding where two explanations compete.
 */
#ifndef STOPCODE_ANALYZE_USER_H
#define STOPCODE_ANALYZE_USER_H

#include "analyze/rule.h"
#include "nt/userfunc.h"

/* --- the kind of end: user_kind.c ------------------------------------------------------------ */

enum sc_user_kind {
    SC_USER_NONE,       /* no exception, or one made up to have a dump written */
    SC_USER_EVENT,      /* an exception that only tells a debugger something */
    SC_USER_FAULT,      /* an instruction failed */
    SC_USER_BREAKPOINT, /* a breakpoint instruction */
    SC_USER_OVERFLOW,   /* out of stack */
    SC_USER_HEAP,       /* the heap was found damaged */
    SC_USER_FAIL_FAST,  /* a check of the compiler or system failed */
    SC_USER_CXX,        /* a C++ exception */
    SC_USER_CLR,        /* a .NET exception */
    SC_USER_ABORT,      /* the program ended itself for a reason that it knew: see sc_user_check */
    SC_USER_LOADER,     /* a library could not be loaded or initialised */
};

/* Which check it was. */
enum sc_user_check {
    SC_CHECK_NONE,
    SC_CHECK_ABORT,
    SC_CHECK_ASSERT,
    SC_CHECK_PANIC,
    SC_CHECK_INVALID_PARAMETER,
    SC_CHECK_PURECALL,
    SC_CHECK_TERMINATE,
    SC_CHECK_COOKIE,
    SC_CHECK_FORTIFY,
    SC_CHECK_GUARD,
    SC_CHECK_HEAP,
};

/* --- frames: user_stack.c ------------------------------------------------------------------- */

struct sc_user_frame {
    const struct sc_frame *f;
    const struct sc_module *module; /* NULL: in none */
    const char *function;           /* undecorated; NULL not known */
    const char *name;               /* "app!Foo+0x12"; NULL: not worked out */
    uint64_t at;                    /* an address inside the call: one below a return address */
    uint32_t roles;                 /* NT_UF_… */
    bool system;                    /* in a library of the system */
    bool chance;                    /* most likely no frame at all */
    bool sure;                      /* it and all frames before it are exact */
    unsigned percent;               /* the lowest confidence so far */
};
struct sc_user_frames {
    struct sc_user_frame *item;
    size_t count;
    const char *command; /* that shows the first of them: ".ecxr; kn" */
};

/* Frames of the analysis' stack; none: count 0. */
void sc_user_frames(struct sc_case *c, struct sc_user_frames *ret);
/* The same for any stack, which must outlive it. COMMAND shows it, and takes a count behind it. */
void sc_user_frames_of(struct sc_case *c, const struct sc_stack *stack, const char *command,
                       struct sc_user_frames *ret);
/* The command that shows the frames up to LAST. */
const char *sc_user_show(struct sc_case *c, const struct sc_user_frames *frames, size_t last);
/* Is IMAGE's code the system's: passed over when it fails on what it was handed? */
bool sc_user_is_system(const struct sc_case *c, const struct sc_module *module);
/* Roles that say that somebody else is to be asked. */
#define SC_USER_PASSED (~(uint32_t)NT_UF_SYSTEM)
/*
 * The first frame from FROM on that is neither in a library of the system nor in a function that
 * only works for its caller; else the first in a module of the program that does not begin a
 * thread. False: there is none.
 */
bool sc_user_blame(const struct sc_user_frames *frames, size_t from, size_t *ret_index);
/* All roles of the frames before END (at most SC_USER_SIGNS_MAX). */
enum { SC_USER_SIGNS_MAX = 48 };
uint32_t sc_user_signs(const struct sc_user_frames *frames, size_t end);

/* --- the kind ----------------------------------------------------------------------------------
 */

enum sc_user_kind sc_user_kind(struct sc_case *c);
/* Which check failed, by the code and by the functions on the stack. */
enum sc_user_check sc_user_check(struct sc_case *c, const struct sc_user_frames *frames);
/* Is the fault a stack that ran out, although the code does not say so? */
bool sc_user_is_below_stack(struct sc_case *c);

/* --- sentences: user_words.c --------------------------------------------------------------------
 */

/* The program's name, or "The program". */
const char *sc_user_program(const struct sc_case *c);
/* Begins a draft with the evidence for the exception and where it was raised. */
void sc_user_start(struct sc_case *c, struct sc_draft *d, enum sc_confidence confidence);
/* The dump's threads; NULL when they cannot be read. */
const struct sc_threads *sc_user_thread_list(struct sc_case *c);
/* The thread that the dump is about; NULL when it is not listed. */
const struct sc_thread *sc_user_thread(struct sc_case *c);
void sc_user_show_thread(struct sc_case *c, struct sc_draft *d);
/* " (test_app.cc @ 58)", or "" when no symbols know the line. */
const char *sc_user_line(struct sc_case *c, uint64_t at);
const char *sc_user_frame_line(struct sc_case *c, const struct sc_user_frame *frame);
/* Evidence that an access violation was raised while a check reported what had happened before. */
void sc_user_show_follow_up(struct sc_case *c, struct sc_draft *d);
/* "app!Foo+0x12", of an inlined call the function's name. */
const char *sc_user_place(struct sc_case *c, const struct sc_user_frame *frame);
/* Evidence that frame INDEX is there, with how it was found when that may be wrong. */
void sc_user_show_frame(struct sc_case *c, struct sc_draft *d, const struct sc_user_frames *frames,
                        size_t index, const char *what);
/* Names MODULE and SYMBOL in a draft, with evidence for a frame; lowers nothing. */
void sc_user_accuse(struct sc_case *c, struct sc_draft *d, const struct sc_user_frames *frames,
                    size_t index, const char *what);
/* What is missing when the first frames are in libraries without symbols. */
void sc_user_lack_symbols(struct sc_case *c, struct sc_draft *d,
                          const struct sc_user_frames *frames, size_t end);
/* "lmvm X: its version; …", the last line of most verdicts. */
void sc_user_next_module(struct sc_case *c, struct sc_draft *d, const struct sc_module *module);

/* Remarks that the dump is the 64-bit side of a 32-bit program, if it is. */
void sc_user_note_wow64(struct sc_case *c);
/* Of an illegal instruction: what the bytes are. user_code.c */
void sc_user_show_code(struct sc_case *c, struct sc_draft *d);
/* The source line of the instruction, as sc_user_line(); with the inlined call that it is of. */
const char *sc_user_fault_line(struct sc_case *c);
/* sc_fault_detail() with the source line, for the instruction. */
const char *sc_user_fault_detail(struct sc_case *c);

#endif
