/* SPDX-License-Identifier: MIT */
/* A little of everything that a PDB can have: symbols, types, lines, an inlined call, frame data.
 */
#ifndef STOPCODE_TESTS_FORGE_PDBPARTS_H
#define STOPCODE_TESTS_FORGE_PDBPARTS_H

#include "forge/pdb.h"

/* Into P, which has nothing yet but its headers. */
void pdbparts_put(struct forge_pdb *p);

#endif
