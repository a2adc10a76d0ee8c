/* SPDX-License-Identifier: MIT */
/*
 * Reading a processor's identity: what its KPRCB (prcb.h) says, with two members more.
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts).
 */
#include "nt/cpuinfo.h"

#include <string.h>

enum { SIGNATURE, FEATURES, SPARE_FEATURES, ROWS, FIELDS = SPARE_FEATURES };
static const struct sc_layout_field rows[ROWS] = {
    [SIGNATURE] = {"UpdateSignature", 8, true},
    [FEATURES] = {"FeatureBits", 0, true},
    [SPARE_FEATURES] = {"FeatureBits", 4, true},
};
static const uint8_t spare_of[] = {FEATURES};
static const struct nt_def def = {{"nt!_KPRCB", rows, ROWS}, FIELDS, spare_of, NULL, 0};

sc_err *nt_cpuinfo_read(const struct nt *nt, const struct nt_prcb *prcb, struct nt_cpuinfo *ret) {
    struct nt_field f[FIELDS];
    struct nt_cpuinfo info = {.assumed = prcb->assumed,
                              .family = prcb->f[NT_C_CPU_TYPE],
                              .model = prcb->f[NT_C_CPU_MODEL],
                              .stepping = prcb->f[NT_C_CPU_STEPPING],
                              .mhz = prcb->f[NT_C_MHZ]};
    sc_err *err = nt_load(nt, &def, prcb->address, f, &info.assumed);
    if (err)
        return err;
    memcpy(info.vendor, prcb->vendor, sizeof info.vendor);
    info.signature = f[SIGNATURE];
    info.features = f[FEATURES];
    *ret = info;
    return NULL;
}
