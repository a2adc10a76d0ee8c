/* SPDX-License-Identifier: MIT */
/*
 * Frame programs of x86: the postfix text of FRAMEDATA and STACK WIN 4. They say how the registers
 * of the caller are computed from those of the frame.
 *
 *     struct sc_program p;
 *     sc_program_init(&p, read, search, ctx);
 *     sc_program_set(&p, "$esp", esp);
 *     status = sc_program_run(&p, rule.program);
 *     var = sc_program_get(&p, "$eip");
 *
 * Nothing is allocated; programs are bounded, and so is their time.
 */
#ifndef STOPCODE_UNWIND_X86_PROGRAM_H
#define STOPCODE_UNWIND_X86_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SC_PROGRAM_VARS = 32,
    SC_PROGRAM_NAME = 16, /* with its NUL */
    SC_PROGRAM_DEPTH = 32,
    SC_PROGRAM_LENGTH = 4096, /* the longest that MSVC writes is below 200 */
};

struct sc_program_value {
    uint32_t value;
    bool has_slot; /* it was read from memory, at `slot` */
    uint32_t slot;
};

struct sc_program_var {
    char name[SC_PROGRAM_NAME];
    bool assigned; /* by the program */
    struct sc_program_value v;
};

enum sc_program_status {
    SC_PROGRAM_DONE,
    SC_PROGRAM_UNKNOWN, /* it asks for a value that nobody knows, or no return address was found */
    SC_PROGRAM_MEMORY,  /* `missing` could not be read */
    SC_PROGRAM_BAD,     /* it is no program: byte `bad` of it */
    SC_PROGRAM_FAILED,  /* a callback failed for another reason, which it has kept */
};

/* A number of 32 bits; SC_PROGRAM_MEMORY when it is not there. */
typedef enum sc_program_status (*sc_program_read_fn)(void *ctx, uint32_t addr, uint32_t *ret_value);
/*
 * Where the return address lies: the value of .raSearch and .raSearchStart. START is where to begin
 * to look, as far as the program says that (its $T2): NULL where it does not.
 */
typedef enum sc_program_status (*sc_program_search_fn)(void *ctx, const uint32_t *start,
                                                       uint32_t *ret_slot);

struct sc_program {
    sc_program_read_fn read;
    sc_program_search_fn search;
    void *ctx;
    struct sc_program_var var[SC_PROGRAM_VARS];
    size_t nvars;
    uint32_t missing;
    size_t bad;
};

void sc_program_init(struct sc_program *p, sc_program_read_fn read, sc_program_search_fn search,
                     void *ctx);
/* A variable before the program runs. NAME is shorter than SC_PROGRAM_NAME. */
void sc_program_set(struct sc_program *p, const char *name, uint32_t value);
/* NULL: it has no value. */
const struct sc_program_var *sc_program_get(const struct sc_program *p, const char *name);

/* What was assigned before it failed stays assigned. */
enum sc_program_status sc_program_run(struct sc_program *p, const char *text);

#endif
