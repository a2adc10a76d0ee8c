/* SPDX-License-Identifier: MIT */
/*
 * The MASM expression evaluator: what every address operand of every command goes through.
 *
 * Knows no target: names, registers and memory come through callbacks. All arithmetic is unsigned
 * 64-bit and wraps; the language is described in expr.c. Nothing is allocated but errors.
 *
 * A 32-bit target's addresses are sign-extended inside expressions, as WinDbg does
 * ("Sign Extension" in its manual), so results may have upper bits there: sc_space_canon() narrows
 * them. Extended are
 *   - numbers from 80000000 to ffffffff, in kernel mode, unless a backtick stands in them
 *   - registers (not pseudo-registers, which are 64 bits wide) and symbols, in both modes
 *   - what poi and $ppoi read, in both modes; by, wo, dwo and qwo are not
 *   - "." in both modes
 * No other step extends anything. The callbacks deal in zero-extended addresses only.
 */
#ifndef STOPCODE_EXPR_EXPR_H
#define STOPCODE_EXPR_EXPR_H

#include <stddef.h>

#include "stopcode/space.h"

struct sc_expr_env {
    void *ctx;
    unsigned radix;    /* 8, 10 or 16 */
    unsigned ptr_size; /* 4 or 8 */
    bool user;         /* user-mode target: 32-bit numbers are not sign-extended */
    /* A symbol, module ("nt") or module!name; false when unknown. NULL: there are none. */
    bool (*symbol)(void *ctx, const char *name, uint64_t *ret_value);
    /* `@rip`, `@$t0`, `rip`: name without '@'. False when unknown. */
    bool (*reg)(void *ctx, const char *name, uint64_t *ret_value);
    /* SIZE bytes (1, 2, 4, 8), little endian, virtual or physical. */
    enum sc_read (*read)(void *ctx, uint64_t addr, unsigned size, bool physical,
                         uint64_t *ret_value);
    /* `.`-like last values: address of the last d/u command, for "."; NULL or false: `.` is $ip. */
    bool (*dot)(void *ctx, uint64_t *ret_value);
    /* Entry point of the image at BASE, for $iment; NULL: not known here. */
    sc_err *(*entry)(void *ctx, uint64_t base, uint64_t *ret_value);
    /*
     * The C++ expression at the start of TEXT, which stands in @@c++( … ) or @@( … ): its value as
     * a number, an address sign-extended as all are, and where it ended. Columns in its errors
     * count from ORIGIN, and DEPTH levels of nesting are around it. NULL: there is no C++ here.
     */
    sc_err *(*cxx)(void *ctx, const char *text, const char *origin, unsigned depth,
                   uint64_t *ret_value, const char **ret_end);
    const char *origin; /* columns count from here; NULL: from the text's start */
    unsigned depth;     /* levels of nesting around the text */
};

/*
 * Evaluates the whole of TEXT. Errors name the column (characters, from 1) and what was expected
 * (SC_ERR_ARG), the unknown name (SC_ERR_NOT_FOUND), the unreadable address (SC_ERR_MEMORY), what
 * is not handled (SC_ERR_UNSUPPORTED) or the bound exceeded (SC_ERR_LIMIT).
 */
sc_err *sc_expr_eval(const struct sc_expr_env *env, const char *text, uint64_t *ret_value);
/*
 * Evaluates the expression at the start of TEXT, as long as it goes, and says where it ended:
 * behind its last character; blanks that follow are not part of it.
 */
sc_err *sc_expr_prefix(const struct sc_expr_env *env, const char *text, uint64_t *ret_value,
                       const char **ret_end);

#endif
