/* SPDX-License-Identifier: MIT */
/*
 * The MASM expression evaluator: what every address operand of every command goes through.
 *
 * Knows no target: names, registers and memory come through callbacks. All arithmetic is unsigned
 * 64-bit; a 32-bit target's results are sign-extended as WinDbg does.
 */
#ifndef STOPCODE_EXPR_EXPR_H
#define STOPCODE_EXPR_EXPR_H

#include <stddef.h>

#include "stopcode/space.h"

struct sc_expr_env {
    void *ctx;
    unsigned radix;    /* 8, 10 or 16 */
    unsigned ptr_size; /* 4 or 8 */
    /* A symbol, module ("nt") or module!name; false when unknown. NULL: there are none. */
    bool (*symbol)(void *ctx, const char *name, uint64_t *ret_value);
    /* `@rip`, `@$t0`, `rip`: name without '@'. False when unknown. */
    bool (*reg)(void *ctx, const char *name, uint64_t *ret_value);
    /* SIZE bytes (1, 2, 4, 8), little endian, virtual or physical. */
    enum sc_read (*read)(void *ctx, uint64_t addr, unsigned size, bool physical,
                         uint64_t *ret_value);
    /* `.`-like last values: address of the last d/u command, for "." */
    bool (*dot)(void *ctx, uint64_t *ret_value);
};

/*
 * Evaluates the whole of TEXT. Errors name the place and what was expected (SC_ERR_ARG), the
 * unknown name (SC_ERR_NOT_FOUND) or the unreadable address (SC_ERR_MEMORY).
 */
sc_err *sc_expr_eval(const struct sc_expr_env *env, const char *text, uint64_t *ret_value);
/* Evaluates the expression at the start of TEXT and says where it ended. */
sc_err *sc_expr_prefix(const struct sc_expr_env *env, const char *text, uint64_t *ret_value,
                       const char **ret_end);

#endif
