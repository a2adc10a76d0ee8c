/* SPDX-License-Identifier: MIT */
#include "unwind/unwind.h"

enum sc_step_status sc_step_x64(struct sc_unwinder *u, struct sc_unwind_module *m, bool exact_ip,
                                struct sc_regs *regs, struct sc_step *ret) {
    (void)u, (void)m, (void)exact_ip, (void)regs, (void)ret;
    return SC_STEP_NO_RULE;
}
