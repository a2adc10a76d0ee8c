/* SPDX-License-Identifier: MIT */
/*
 * Shared libraries that only some runs need, opened on demand: the program starts without them,
 * and a machine that lacks one can do everything else.
 */
#ifndef STOPCODE_BASE_DYNLIB_H
#define STOPCODE_BASE_DYNLIB_H

#include <stddef.h>

#include "stopcode/error.h"

typedef struct sc_dynlib sc_dynlib;

/* A function wanted of a library: its name, and where in the caller's table its address goes. */
struct sc_dynlib_want {
    const char *name;
    size_t offset;
};

/*
 * Opens library SONAME and fills TABLE (a struct of function pointers) with COUNT functions.
 * SC_ERR_UNSUPPORTED with the system's reason when it is not installed or lacks one of them.
 */
sc_err *sc_dynlib_open(const char *soname, const struct sc_dynlib_want *want, size_t count,
                       void *table, sc_dynlib **ret_lib);
void sc_dynlib_close(sc_dynlib *lib);

#endif
