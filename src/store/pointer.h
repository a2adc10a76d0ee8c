/* SPDX-License-Identifier: MIT */
/* file.ptr: what a store has in place of a file that lies elsewhere. */
#ifndef STOPCODE_STORE_POINTER_H
#define STOPCODE_STORE_POINTER_H

#include "base/arena.h"

enum store_pointer_kind {
    STORE_POINTER_NONE, /* empty, or not text */
    STORE_POINTER_PATH, /* a folder's or a share's path, as Windows writes it, or a URL */
    STORE_POINTER_MSG,  /* why there is none */
};

enum { STORE_POINTER_MAX = 4096 };

/* Reads the file at PATH. *RET_TEXT is valid as long as ARENA; "" for NONE. */
sc_err *store_pointer_read(sc_arena *arena, const char *path, enum store_pointer_kind *ret_kind,
                           const char **ret_text);

#endif
