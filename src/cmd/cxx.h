/* SPDX-License-Identifier: MIT */
/*
 * C++ expressions in a session: cxxeval.c answers the evaluator's questions, cxx.c has the commands
 * that show what it computes. MASM expressions and C++ ones may hold each other.
 */
#ifndef STOPCODE_CMD_CXX_H
#define STOPCODE_CMD_CXX_H

#include "cexpr/cexpr.h"
#include "cmd/command.h"
#include "cmd/overlay.h"
#include "cmd/stack.h"

/* What one evaluation needs. Values may refer to it until sc_cxx_deinit(). */
struct sc_cxx {
    sc_session *session;
    sc_arena *arena;
    struct sc_overlay *overlay; /* variables that are in registers; NULL: none yet */
    struct sc_frame *frame;     /* whose variables there are; NULL: not looked for yet, or none */
    uint32_t inline_depth;
    bool frame_tried;
    bool assumed; /* a layout was used that may be another build's */
    struct sc_cexpr_env env;
};
/* ORIGIN and DEPTH as in struct sc_cexpr_env. CXX must not move then. */
void sc_cxx_init(struct sc_cxx *cxx, sc_session *session, sc_arena *arena, const char *origin,
                 unsigned depth);
void sc_cxx_deinit(struct sc_cxx *cxx);
/* The bytes of a value in the overlay: so it is shown as one in memory is. */
sc_err *sc_cxx_overlay(struct sc_cxx *cxx, const void *bytes, size_t size,
                       struct sc_value *ret_place);
/* Says that fields may lie elsewhere, if that is so. */
void sc_cxx_remark(const struct sc_cxx *cxx);

/* The C++ expression at the start of TEXT as a number; see sc_cexpr_number(). */
sc_err *sc_session_cxx_number(sc_session *session, const char *text, const char *origin,
                              unsigned depth, uint64_t *ret_value, const char **ret_end);
/* eval.c: the same for MASM. */
sc_err *sc_session_masm(sc_session *session, const char *text, const char *origin, unsigned depth,
                        uint64_t *ret_value, const char **ret_end);
/* eval.c: why `module!name` is not known; NULL: nothing better than that can be said. */
sc_err *sc_session_unknown(sc_session *session, const char *name);

#endif
