/* SPDX-License-Identifier: MIT */
/*
 * Hardware or software, by these rules:
 *
 *   requested  the best finding is of a rule for dumps made on request
 *   hardware   the best finding is of a rule whose id begins with "hardware"; or the bug check is
 *              one by which processor, memory or bus report an error, and no finding that names a
 *              module is better than "likely" (drivers on the stack of such a stop are mostly
 *              innocent)
 *   software   the best finding names a module and is better than "possible"
 *   unknown    everything else: a module that is only possible is no cause
 */
#include "cmd/analysis_cause.h"

#include <string.h>

/* The bug checks by which hardware reports an error; without the mark of a minidump's code. */
static const uint32_t reported[] = {
    0x2e,  /* DATA_BUS_ERROR */
    0x80,  /* NMI_HARDWARE_FAILURE */
    0x9c,  /* MACHINE_CHECK_EXCEPTION */
    0x124, /* WHEA_UNCORRECTABLE_ERROR */
    0x12b, /* FAULTY_HARDWARE_CORRUPTED_PAGE */
};

const char *sc_cause_name(enum sc_cause cause) {
    static const char *const names[SC_CAUSES] = {"unknown", "software", "hardware", "requested"};
    return (unsigned)cause < SC_CAUSES ? names[cause] : names[SC_CAUSE_UNKNOWN];
}

static bool is_reported_by_hardware(const struct sc_analysis *a) {
    for (size_t i = 0; a->has_bugcheck && i < sizeof reported / sizeof *reported; i++)
        if ((a->code & ~UINT32_C(0x10000000)) == reported[i])
            return true;
    return false;
}

enum sc_cause sc_finding_cause(const struct sc_finding *f) {
    bool demanded = f->rule && !strcmp(f->rule, "user-on-demand") && f->confidence == SC_CERTAIN;
    if (demanded || (f->rule && !strcmp(f->rule, "live-or-manual")))
        return SC_CAUSE_REQUESTED;
    if (f->rule && !strncmp(f->rule, "hardware", strlen("hardware")))
        return SC_CAUSE_HARDWARE;
    return f->module && f->confidence > SC_POSSIBLE ? SC_CAUSE_SOFTWARE : SC_CAUSE_UNKNOWN;
}

enum sc_cause sc_analysis_cause(const struct sc_analysis *a) {
    enum sc_cause cause = a->nfindings ? sc_finding_cause(&a->findings[0]) : SC_CAUSE_UNKNOWN;
    bool sure = a->nfindings && a->findings[0].confidence > SC_LIKELY;
    if (cause == SC_CAUSE_REQUESTED || (cause == SC_CAUSE_SOFTWARE && sure))
        return cause;
    return is_reported_by_hardware(a) ? SC_CAUSE_HARDWARE : cause;
}
