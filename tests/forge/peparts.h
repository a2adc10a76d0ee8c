/* SPDX-License-Identifier: MIT */
/* An image that has one of everything: exports, imports, resources, debug data, functions, … */
#ifndef STOPCODE_TESTS_FORGE_PEPARTS_H
#define STOPCODE_TESTS_FORGE_PEPARTS_H

#include "forge/peimg.h"

/* Like peimg_init(), and then all parts that images of MACHINE can have. */
void peparts_init(struct peimg *p, uint16_t machine);

#endif
