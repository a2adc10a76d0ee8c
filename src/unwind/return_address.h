/* SPDX-License-Identifier: MIT */
/* Does a value look like a return address? For steps that must choose or doubt. */
#ifndef STOPCODE_UNWIND_RETURN_ADDRESS_H
#define STOPCODE_UNWIND_RETURN_ADDRESS_H

#include "unwind/unwind.h"

enum sc_return_like {
    SC_RETURN_NO,      /* it is no address of code: too low, data, no call before it */
    SC_RETURN_UNREAD,  /* it lies in no module, and its memory is not there */
    SC_RETURN_CODE,    /* code of a module, and what stands before it is no call */
    SC_RETURN_MAYBE,   /* code of a module, whose bytes the dump lacks */
    SC_RETURN_OUTSIDE, /* a call stands before it, but it lies in no module: made at run time */
    SC_RETURN_CALL,    /* code of a module, and a call stands before it */
};

/* For u->cpu. The module that ADDR lies in is looked for. Errors: out of memory, cancelled. */
sc_err *sc_return_like(struct sc_unwinder *u, uint64_t addr, enum sc_return_like *ret_like);

/* Do the SIZE bytes before an address end in a call of x86 (LONG_MODE: x64)? */
bool sc_x86_ends_in_call(const uint8_t *code, size_t size, bool long_mode);

#endif
