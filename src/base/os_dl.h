/* SPDX-License-Identifier: MIT */
/*
 * Libraries that only some files need (zstd, zlib, …), opened when one of those files is met, so
 * that the program links against none of them and runs where they are missing.
 */
#ifndef STOPCODE_BASE_OS_DL_H
#define STOPCODE_BASE_OS_DL_H

#include "stopcode/error.h"

typedef struct sc_dl sc_dl;

/* One function wanted: its name, and where its address goes (a pointer to a function pointer). */
struct sc_dl_want {
    const char *symbol;
    void *ret; /* address of the function pointer */
};

/*
 * Opens the first of NAMES (NULL-terminated: "libzstd.so.1", …) that the system finds and fills
 * in the COUNT functions of WANT. SC_ERR_UNSUPPORTED naming PURPOSE and the library when there is
 * none, or when it lacks a function.
 */
sc_err *sc_dl_open(const char *purpose, const char *const *names, const struct sc_dl_want *want,
                   unsigned count, sc_dl **ret_dl);
/* NULL is fine. */
void sc_dl_close(sc_dl *dl);

#endif
