/* SPDX-License-Identifier: MIT */
/*
 * The C++ expression evaluator: what `??` and @@c++( … ) show and compute with.
 *
 * Types are those of the target's symbols and C's own; int and long have 32 bits (LLP64). Symbols
 * and types come from a symtab, memory from a space, everything else through callbacks. The
 * language is described in expr.c. A dump is never written to: only $t0 … $t19 can be assigned.
 */
#ifndef STOPCODE_CEXPR_CEXPR_H
#define STOPCODE_CEXPR_CEXPR_H

#include "base/arena.h"
#include "stopcode/symtab.h"
#include "stopcode/value.h"

enum {
    SC_CEXPR_TYPES = 1 << 16, /* distinct types that one expression and its showing may meet */
    SC_CEXPR_STRING = 4096,   /* bytes of a string literal */
};

/* A register or pseudo-register. */
struct sc_cexpr_reg {
    uint64_t value;
    const char *type; /* as it would be typed: "unsigned int64", "nt!_ETHREAD *" */
    bool can_set;     /* $t0 … $t19 */
};

struct sc_cexpr_env {
    void *ctx;
    unsigned ptr_size;  /* 4 or 8 */
    sc_arena *arena;    /* for string literals; outlives the value */
    sc_target *target;  /* NULL: there are no modules */
    sc_symtab *symtab;  /* NULL: there are no symbols, and no types but C's own */
    const char *origin; /* columns in errors count from here; NULL: from the text's start */
    unsigned depth;     /* levels of nesting around the text */
    /*
     * A variable of the function at hand. A value that is not in memory comes with a space of its
     * own, which outlives the value of the expression. NULL: there are none.
     */
    sc_err *(*local)(void *ctx, const char *name, struct sc_value *ret_value, bool *ret_found);
    /* `@rip`, `@$t0`: name without '@'. SC_ERR_NOT_FOUND says why not. NULL: there are none. */
    sc_err *(*reg)(void *ctx, const char *name, struct sc_cexpr_reg *ret_reg);
    sc_err *(*set)(void *ctx, const char *name, uint64_t value);
    /*
     * The MASM expression at the start of TEXT, which stands in @@masm( … ) or @@( … ), and where
     * it ended. ORIGIN and DEPTH as above. NULL: there is no MASM here.
     */
    sc_err *(*masm)(void *ctx, const char *text, const char *origin, unsigned depth,
                    uint64_t *ret_value, const char **ret_end);
    /* Set when a layout was used that may not be this build's (struct sc_typeref). May be NULL. */
    bool *assumed;
    /* Why NAME is not known, better than "not known": NULL nothing better. May be NULL. */
    sc_err *(*unknown)(void *ctx, const char *name);
};

/* A value with its type. Plain data but for `types`: end it with sc_cexpr_value_deinit(). */
struct sc_cexpr_value {
    sc_symbols *types; /* provider of `type` and all that it leads to; owned */
    uint32_t type;
    bool has_place;        /* it lies in memory … */
    struct sc_value place; /* … here; of `types` */
    uint64_t number;       /* integers, enumerations, pointers, bool: extended as their type is */
    double real;           /* floating point */
    const uint8_t *bytes;  /* string literals: the type's size of them; NULL else */
};
void sc_cexpr_value_deinit(struct sc_cexpr_value *value);

/*
 * Evaluates the whole of TEXT. Numbers and pointers are read; arrays and structures are left where
 * they are. Errors name the column (characters, from 1) and what was expected (SC_ERR_ARG), the
 * unknown name (SC_ERR_NOT_FOUND), the unreadable address (SC_ERR_MEMORY), what is not handled
 * (SC_ERR_UNSUPPORTED) or the bound exceeded (SC_ERR_LIMIT).
 */
sc_err *sc_cexpr_eval(const struct sc_cexpr_env *env, const char *text,
                      struct sc_cexpr_value *ret_value);
/*
 * Evaluates the expression at the start of TEXT to a number, as an address or operand of a command;
 * *RET_END is behind it (NULL: all of TEXT is one). Arrays give their address, pointers of a 32-bit
 * target are sign-extended; structures and floating point numbers are refused.
 */
sc_err *sc_cexpr_number(const struct sc_cexpr_env *env, const char *text, uint64_t *ret_number,
                        const char **ret_end);

#endif
