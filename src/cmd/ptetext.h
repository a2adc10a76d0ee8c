/* SPDX-License-Identifier: MIT */
/* Page table entries in words: the letters of valid ones, protections, names of levels. */
#ifndef STOPCODE_CMD_PTETEXT_H
#define STOPCODE_CMD_PTETEXT_H

#include "stopcode/paging.h"

enum { SC_PTE_FLAGS = 16 };
/* "-GLDA--KWEV" of a valid entry of LEVEL. */
const char *sc_pte_flags(enum sc_paging_mode mode, unsigned level, uint64_t value,
                         char buf[SC_PTE_FLAGS]);
/* "ReadWrite", of the 5 bits that a soft entry has. */
const char *sc_pte_protection(unsigned protection);
/* "PXE", "PPE", "PDE", "PTE", as !pte calls them. */
const char *sc_pte_level(unsigned level);
/* Frame of a valid entry. */
uint64_t sc_pte_frame(enum sc_paging_mode mode, uint64_t value);

#endif
