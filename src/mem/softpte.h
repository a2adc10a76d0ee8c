/* SPDX-License-Identifier: MIT */
/* Layouts of entries that are not valid, where the build alone does not tell. */
#ifndef STOPCODE_MEM_SOFTPTE_H
#define STOPCODE_MEM_SOFTPTE_H

#include "stopcode/paging.h"

/*
 * As sc_soft_pte_of(), but told whether the kernel has the swizzle bit: updates of August 2018
 * brought it to builds that had been released without it. Those released with it always have it.
 */
struct sc_soft_pte sc_soft_pte_swizzled(enum sc_cpu cpu, bool pae, uint32_t build, bool swizzled);

#endif
