/* SPDX-License-Identifier: MIT */
/*
 * Exception records, contexts, trap frames and strings that a bug check's parameters point to,
 * read from the target's memory. Each function says whether something plausible was there; what is
 * absent or nonsense is no error but "false".
 */
#ifndef STOPCODE_ANALYZE_RECORDS_H
#define STOPCODE_ANALYZE_RECORDS_H

#include "analyze/case.h"

bool sc_load_exception(struct sc_case *c, uint64_t va, struct sc_exception *ret);
bool sc_load_context(struct sc_case *c, uint64_t va, struct sc_regs *ret);
/* x86 and x64 only. *RET holds the registers that the frame has, the others are zero. */
bool sc_load_trap_frame(struct sc_case *c, uint64_t va, struct sc_regs *ret);
/* A UNICODE_STRING, or 8-bit or UTF-16 text itself, all printable; NULL when there is none. */
const char *sc_load_text(struct sc_case *c, uint64_t va);

#endif
