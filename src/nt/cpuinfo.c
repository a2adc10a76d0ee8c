/* SPDX-License-Identifier: MIT */
/*
 * Reading a processor's identity.
 *
 *   until Server 2003, x86   KPRCB.CpuType, CpuStep (model in the upper byte, stepping in the
 * lower) later                    KPRCB.CpuType, CpuModel, CpuStepping
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts).
 */
#include "nt/cpuinfo.h"

#include <string.h>

enum { STEP, SIGNATURE, FEATURES, SPARE_FEATURES, ROWS, FIELDS = SPARE_FEATURES };
static const struct sc_layout_field rows[ROWS] = {
    [STEP] = {"CpuStep", 2, true},
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
    if (info.model.state == NT_NO_FIELD && f[STEP].state == NT_READ) {
        info.model = (struct nt_field){f[STEP].value >> 8 & 0xff, NT_READ};
        info.stepping = (struct nt_field){f[STEP].value & 0xff, NT_READ};
    }
    info.family.value &= 0xff; /* the tables call these bytes signed */
    info.model.value &= 0xff;
    info.stepping.value &= 0xff;
    info.signature = f[SIGNATURE];
    info.features = f[FEATURES];
    *ret = info;
    return NULL;
}
