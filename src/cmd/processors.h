/* SPDX-License-Identifier: MIT */
/* What commands that go through processors share. */
#ifndef STOPCODE_CMD_PROCESSORS_H
#define STOPCODE_CMD_PROCESSORS_H

#include "cmd/kernel.h"
#include "nt/prcb.h"

struct sc_processors {
    struct nt nt;
    uint32_t first, end;
    uint32_t missing; /* their PRCBs are not in the dump */
    bool named;       /* the one that was asked for */
    bool assumed;
};

/* Those that operand V names, NULL or not given: all. SC_ERR_NOT_FOUND: there is no such one. */
sc_err *sc_processors(sc_session *session, const struct sc_args *args, const struct sc_val *v,
                      struct sc_processors *ret_processors);
/* The PRCB of processor INDEX; one that is not in the dump is counted. */
sc_err *sc_processor_prcb(struct sc_processors *processors, uint32_t index,
                          struct nt_prcb *ret_prcb, bool *ret_present);
/* Says how many were missing; SC_ERR_NOT_FOUND when all were. */
sc_err *sc_processors_end(sc_session *session, const struct sc_args *args,
                          const struct sc_processors *processors);

#endif
