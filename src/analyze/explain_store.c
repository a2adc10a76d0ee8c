/* SPDX-License-Identifier: MIT */
/*
 * 0x154, UNEXPECTED_STORE_EXCEPTION: parameter 2 is "information about the exception". Where it is
 * a pair of pointers (EXCEPTION_POINTERS: +0 record, +ptr context) that lead to an exception record
 * and a context of this CPU, they are taken; anything else is left alone.
 */
#include "analyze/explain.h"

#include "analyze/records.h"

void sc_explain_store(struct sc_case *c) {
    sc_space *space = sc_target_space(c->target);
    uint64_t record, context, at = sc_arg(c, 2);
    struct sc_exception e;
    struct sc_regs regs;
    if (!at || sc_space_ptr(space, at, &record) != SC_READ_OK ||
        sc_space_ptr(space, at + c->ptr_size, &context) != SC_READ_OK ||
        !sc_load_exception(c, record, &e) || !sc_load_context(c, context, &regs))
        return;
    sc_arg_add(c, 2, "EXCEPTION_POINTERS: record %s, context %s", sc_case_addr(c, record),
               sc_case_addr(c, context));
    if (!c->a->has_exception)
        sc_take_exception(c, &e, record);
    if (!c->a->has_regs)
        sc_take_regs(c, &regs, context, ".cxr", false);
}
