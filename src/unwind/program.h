/* SPDX-License-Identifier: MIT */
/*
 * Frame programs: postfix text that says how the registers of the caller are computed from those of
 * the frame. Those of x86 (FRAMEDATA, STACK WIN 4) assign to variables; the rules of STACK CFI are
 * an expression for each register.
 *
 *     struct sc_program p;
 *     sc_program_init(&p, SC_PROGRAM_X86, read, ctx);
 *     p.search = search;
 *     sc_program_set(&p, "$esp", esp);
 *     status = sc_program_run(&p, rule.program);
 *     var = sc_program_get(&p, "$eip");
 *
 *     sc_program_init(&p, SC_PROGRAM_CFI64, read, ctx);
 *     p.lookup = lookup;
 *     status = sc_program_eval(&p, "$rsp 16 + ^", 11, &value);
 *
 * Nothing is allocated; programs are bounded, and so is their time.
 */
#ifndef STOPCODE_UNWIND_PROGRAM_H
#define STOPCODE_UNWIND_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sc_program_language {
    SC_PROGRAM_X86,   /* 32 bits; variables are assigned; .raSearch */
    SC_PROGRAM_CFI32, /* expressions; names without a mark (`sp`) too */
    SC_PROGRAM_CFI64,
};

enum {
    SC_PROGRAM_VARS = 32,
    SC_PROGRAM_NAME = 16, /* with its NUL */
    SC_PROGRAM_DEPTH = 32,
    SC_PROGRAM_LENGTH = 4096, /* the longest that MSVC writes is below 200 */
};

struct sc_program_value {
    uint64_t value; /* of 32 bits where the language has 32 */
    bool has_slot;  /* it was read from memory, at `slot` */
    uint64_t slot;
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

/* A number as wide as the language's; SC_PROGRAM_MEMORY when it is not there. */
typedef enum sc_program_status (*sc_program_read_fn)(void *ctx, uint64_t addr, uint64_t *ret_value);
/* The value of a name that is no variable; false: it has none. */
typedef bool (*sc_program_lookup_fn)(void *ctx, const char *name, uint64_t *ret_value);
/*
 * Where the return address lies: the value of .raSearch and .raSearchStart. START is where to begin
 * to look, as far as the program says that (its $T2): NULL where it does not.
 */
typedef enum sc_program_status (*sc_program_search_fn)(void *ctx, const uint64_t *start,
                                                       uint64_t *ret_slot);

struct sc_program {
    enum sc_program_language language;
    sc_program_read_fn read;
    sc_program_search_fn search; /* NULL: no return address is found */
    sc_program_lookup_fn lookup; /* NULL: there are only variables */
    void *ctx;
    struct sc_program_var var[SC_PROGRAM_VARS];
    size_t nvars;
    uint64_t missing;
    size_t bad;
};

void sc_program_init(struct sc_program *p, enum sc_program_language language,
                     sc_program_read_fn read, void *ctx);
/* A variable before the program runs. NAME is shorter than SC_PROGRAM_NAME. */
void sc_program_set(struct sc_program *p, const char *name, uint64_t value);
/* NULL: it has no value. */
const struct sc_program_var *sc_program_get(const struct sc_program *p, const char *name);

/* What was assigned before it failed stays assigned. */
enum sc_program_status sc_program_run(struct sc_program *p, const char *text);

/* The value of the expression of LEN bytes at TEXT, behind which a blank or a NUL stands. */
enum sc_program_status sc_program_eval(struct sc_program *p, const char *text, size_t len,
                                       struct sc_program_value *ret);

#endif
