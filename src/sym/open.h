/* SPDX-License-Identifier: MIT */
/* Opening symbol files by content, and the age that counts when they are compared with a key. */
#ifndef STOPCODE_SYM_OPEN_H
#define STOPCODE_SYM_OPEN_H

#include "stopcode/symbols.h"

/* The age that an image's CodeView record must have: for a PDB that of its DBI header. */
sc_err *sc_symbols_key_age(sc_symbols *symbols, uint32_t *ret_age);

#endif
