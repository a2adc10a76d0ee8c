/* SPDX-License-Identifier: MIT */
/*
 * Locks of working sets: one flag each in the ETHREAD. Windows 10 has none: it keeps locks of
 * address spaces there. Sources: the kernels' public symbols.
 */
#include "nt/wsowner.h"

static const struct sc_layout_field rows[NT_WS_OWNED] = {
    {"OwnsProcessWorkingSetExclusive", 0, true},
    {"OwnsProcessWorkingSetShared", 0, true},
    {"OwnsSystemCacheWorkingSetExclusive|OwnsSystemWorkingSetExclusive", 0, true},
    {"OwnsSystemCacheWorkingSetShared|OwnsSystemWorkingSetShared", 0, true},
    {"OwnsSessionWorkingSetExclusive", 0, true},
    {"OwnsSessionWorkingSetShared", 0, true},
    {"OwnsPagedPoolWorkingSetExclusive", 0, true},
    {"OwnsPagedPoolWorkingSetShared", 0, true},
    {"OwnsSystemPtesWorkingSetExclusive", 0, true},
    {"OwnsSystemPtesWorkingSetShared", 0, true},
};
static const struct nt_def def = {{"nt!_ETHREAD", rows, NT_WS_OWNED}, NT_WS_OWNED, NULL, NULL, 0};

static const char *const names[NT_WS_OWNED] = {
    "the process's working set, exclusively",    "the process's working set, shared",
    "the system's working set, exclusively",     "the system's working set, shared",
    "the session's working set, exclusively",    "the session's working set, shared",
    "the paged pool's working set, exclusively", "the paged pool's working set, shared",
    "the system PTEs' working set, exclusively", "the system PTEs' working set, shared"};

sc_err *nt_ws_owner_read(const struct nt *nt, uint64_t thread, struct nt_ws_owner *ret) {
    struct nt_ws_owner owner = {.known = false};
    struct nt_field f[NT_WS_OWNED];
    sc_err *err = nt_load(nt, &def, thread, f, NULL);
    for (unsigned i = 0; !err && i < NT_WS_OWNED; i++) {
        owner.known |= f[i].state != NT_NO_FIELD;
        if (nt_set(&f[i]))
            owner.owns |= 1u << i;
    }
    if (!err)
        *ret = owner;
    return err;
}

const char *nt_ws_owned_name(unsigned index) { return index < NT_WS_OWNED ? names[index] : "?"; }
