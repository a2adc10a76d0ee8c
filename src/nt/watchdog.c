/* SPDX-License-Identifier: MIT */
/*
 * Reading software watchdogs: members of the KPRCB.
 *
 * Until Windows 10 the members count ticks and are named without a unit; later names end with
 * Ticks. Sources: the public symbols of the kernels (tables of layouts in data/layouts); wdm.h on
 * KDPC_WATCHDOG_INFORMATION; Microsoft on bug check 0x133, whose parameters are the count and the
 * limit of one DPC.
 */
#include "nt/watchdog.h"

#include <string.h>

#include "nt/global.h"

enum {
    LIMIT,
    COUNT = LIMIT + NT_WD_KINDS,
    OTHER = COUNT + NT_WD_KINDS,
    FIELDS = OTHER + NT_WD_FIELDS,
    SPARE_ACTIVE = FIELDS,
    ROWS
};
static const struct sc_layout_field rows[ROWS] = {
    [LIMIT + NT_WD_TOTAL] = {"DpcWatchdogPeriod|DpcWatchdogPeriodTicks", 4, true},
    [LIMIT + NT_WD_ONE] = {"DpcTimeLimit|DpcTimeLimitTicks", 4, true},
    [LIMIT + NT_WD_THREAD] = {"ThreadWatchdogPeriod", 4, true},
    [COUNT + NT_WD_TOTAL] = {"DpcWatchdogCount", 4, true},
    [COUNT + NT_WD_ONE] = {"DpcTimeCount", 4, true},
    [COUNT + NT_WD_THREAD] = {"ThreadWatchdogCount", 4, true},
    [OTHER + NT_WD_THRESHOLD_TOTAL] = {"DpcWatchdogProfileCumulativeDpcThreshold|"
                                       "DpcWatchdogProfileCumulativeDpcThresholdTicks",
                                       4, true},
    [OTHER + NT_WD_THRESHOLD_ONE] = {"DpcWatchdogProfileSingleDpcThreshold|"
                                     "DpcWatchdogProfileSingleDpcThresholdTicks",
                                     4, true},
    [OTHER + NT_WD_PROFILE] = {"DpcWatchdogProfile", 1, true},
    [OTHER + NT_WD_PROFILE_NEXT] = {"DpcWatchdogProfileCurrentEmptyCapture", 1, true},
    [OTHER + NT_WD_DPC_ACTIVE] = {"DpcRoutineActive", 0, true},
    [SPARE_ACTIVE] = {"DpcRoutineActive", 1, true},
};
static const uint8_t spare_of[] = {OTHER + NT_WD_DPC_ACTIVE};
static const uint8_t pointers[] = {OTHER + NT_WD_PROFILE, OTHER + NT_WD_PROFILE_NEXT};
static const struct nt_def def = {
    {"nt!_KPRCB", rows, ROWS}, FIELDS, spare_of, NT_POINTERS(pointers)};

enum { PLACE_DPC, PLACE_TIMER, PLACES };
static const struct sc_layout_field place_rows[PLACES] = {{"DpcWatchdogDpc", 1, true},
                                                          {"DpcWatchdogTimer", 1, true}};
static const struct nt_def place_def = {{"nt!_KPRCB", place_rows, PLACES}, PLACES, NULL, NULL, 0};

static sc_err *place(const struct nt *nt, uint64_t prcb, size_t index, struct nt_field *ret) {
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &place_def, index, &offset, &found);
    if (!err)
        *ret = found ? (struct nt_field){nt_add(nt, prcb, offset), NT_READ}
                     : (struct nt_field){0, NT_NO_FIELD};
    return err;
}

/* Ticks are never negative: what has the top bit is no count of them. */
static struct nt_field ticks(struct nt_field f) {
    f.value &= UINT32_MAX;
    return f;
}

sc_err *nt_watchdogs_read(const struct nt *nt, uint64_t prcb, struct nt_watchdogs *ret) {
    struct nt_watchdogs w = {.assumed = false};
    struct nt_field f[FIELDS];
    sc_err *err = nt_load(nt, &def, prcb, f, &w.assumed);
    if (!err)
        err = place(nt, prcb, PLACE_DPC, &w.dpc);
    if (!err)
        err = place(nt, prcb, PLACE_TIMER, &w.timer);
    if (err)
        return err;
    for (unsigned i = 0; i < NT_WD_KINDS; i++) {
        w.limit[i] = ticks(f[LIMIT + i]);
        w.count[i] = ticks(f[COUNT + i]);
    }
    memcpy(w.f, &f[OTHER], sizeof w.f);
    *ret = w;
    return NULL;
}

const char *nt_watchdog_member(enum nt_watchdog_kind kind) {
    static const char *const names[NT_WD_KINDS] = {[NT_WD_TOTAL] = "nt!_KPRCB.DpcWatchdogPeriod",
                                                   [NT_WD_ONE] = "nt!_KPRCB.DpcTimeLimit",
                                                   [NT_WD_THREAD] =
                                                       "nt!_KPRCB.ThreadWatchdogPeriod"};
    return names[kind];
}

sc_err *nt_watchdog_settings(const struct nt *nt, struct nt_watchdog_setting ret[NT_WD_SETTINGS]) {
    static const struct nt_watchdog_setting all[NT_WD_SETTINGS] = {
        {"nt!KeDpcWatchdogPeriod", false, {0, NT_NO_FIELD}},
        {"nt!KiDPCTimeout", false, {0, NT_NO_FIELD}},
        {"nt!KeDpcWatchdogPeriodMs", true, {0, NT_NO_FIELD}},
        {"nt!KeDpcTimeoutMs", true, {0, NT_NO_FIELD}}};
    sc_err *err = NULL;
    for (unsigned i = 0; !err && i < NT_WD_SETTINGS; i++) {
        ret[i] = all[i];
        err = nt_var_named(nt, all[i].symbol, 4, &ret[i].value);
    }
    return err;
}
