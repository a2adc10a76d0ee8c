/* SPDX-License-Identifier: MIT */
/*
 * Names of interrupt request levels, as wdm.h of the public Windows Driver Kit gives them for each
 * CPU. A look-up in constant tables.
 */
#ifndef NT_IRQL_H
#define NT_IRQL_H

#include <stdint.h>

#include "stopcode/regs.h"

/*
 * "DISPATCH_LEVEL"; "device interrupt level" for those between the named ones; NULL for a number
 * that is no IRQL of CPU, and for a CPU whose levels are not known here.
 */
const char *nt_irql_name(enum sc_cpu cpu, uint64_t irql);

#endif
