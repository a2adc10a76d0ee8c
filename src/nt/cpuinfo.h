/* SPDX-License-Identifier: MIT */
/* What a processor says of itself: family, model, stepping, clock, microcode, features. */
#ifndef NT_CPUINFO_H
#define NT_CPUINFO_H

#include "nt/prcb.h"

struct nt_cpuinfo {
    bool assumed;
    char vendor[NT_VENDOR]; /* "" unknown */
    struct nt_field family, model, stepping, mhz;
    struct nt_field signature; /* of the microcode update; Intel's in the upper half */
    struct nt_field features;  /* the kernel's KF_ bits; 32 until Vista */
};

sc_err *nt_cpuinfo_read(const struct nt *nt, const struct nt_prcb *prcb,
                        struct nt_cpuinfo *ret_info);

#endif
