/* SPDX-License-Identifier: MIT */
/*
 * Reading what a KPRCB says of inter-processor interrupts.
 *
 *   x86, all builds        CurrentPacket[3], TargetSet, WorkerRoutine, RequestSummary, SignalDone,
 *                          IpiFrame
 *   x64 until Vista        TargetSet, RequestMailbox[]: one for each sender
 *   x64 since Windows 7    TargetCount, Mailbox: a list of REQUEST_MAILBOX through Next
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts); the states are
 * those of ReactOS' ketypes.h and of published outputs of `!ipi`.
 */
#include "nt/ipi.h"

enum { SPARE_TARGET_SET = NT_I_FIELDS, ROWS };
static const struct sc_layout_field rows[ROWS] = {
    [NT_I_TARGET_COUNT] = {"TargetCount", 4, true},
    [NT_I_TARGET_SET] = {"TargetSet", 0, true},
    [NT_I_PACKET_BARRIER] = {"PacketBarrier", 4, true},
    [NT_I_FROZEN] = {"IpiFrozen", 4, true},
    [NT_I_REQUEST_SUMMARY] = {"RequestSummary", 4, true},
    [NT_I_WORKER] = {"WorkerRoutine", 1, true},
    [NT_I_SIGNAL_DONE] = {"SignalDone", 1, true},
    [NT_I_FRAME] = {"IpiFrame", 1, true},
    [NT_I_MAILBOX] = {"Mailbox", 1, true},
    [NT_I_PARAMETER] = {"CurrentPacket[0]", 1, true},
    [NT_I_PARAMETER + 1] = {"CurrentPacket[1]", 1, true},
    [NT_I_PARAMETER + 2] = {"CurrentPacket[2]", 1, true},
    [SPARE_TARGET_SET] = {"TargetSet", 4, true},
};
static const uint8_t spare_of[] = {NT_I_TARGET_SET};
static const uint8_t pointers[] = {NT_I_WORKER,        NT_I_SIGNAL_DONE, NT_I_FRAME,
                                   NT_I_MAILBOX,       NT_I_PARAMETER,   NT_I_PARAMETER + 1,
                                   NT_I_PARAMETER + 2, NT_I_TARGET_SET};
static const struct nt_def prcb_def = {
    {"nt!_KPRCB", rows, ROWS}, NT_I_FIELDS, spare_of, NT_POINTERS(pointers)};

enum { BOX_NEXT, BOX_SUMMARY, BOX_WORKER, BOX_PARAMETER, BOX_FIELDS = BOX_PARAMETER + 3 };
static const struct sc_layout_field box_rows[BOX_FIELDS] = {
    [BOX_NEXT] = {"Next", 1, true},
    [BOX_SUMMARY] = {"RequestSummary", 1, true},
    [BOX_WORKER] = {"RequestPacket.WorkerRoutine", 1, true},
    [BOX_PARAMETER] = {"RequestPacket.CurrentPacket[0]", 1, true},
    [BOX_PARAMETER + 1] = {"RequestPacket.CurrentPacket[1]", 1, true},
    [BOX_PARAMETER + 2] = {"RequestPacket.CurrentPacket[2]", 1, true},
};
static const uint8_t box_pointers[] = {BOX_NEXT,      BOX_SUMMARY,       BOX_WORKER,
                                       BOX_PARAMETER, BOX_PARAMETER + 1, BOX_PARAMETER + 2};
static const struct nt_def box_def = {
    {"nt!_REQUEST_MAILBOX", box_rows, BOX_FIELDS}, BOX_FIELDS, NULL, NT_POINTERS(box_pointers)};

/* The list begins with a pointer in the PRCB, and Next is the first member of each. */
static sc_err *read_requests(const struct nt *nt, uint64_t prcb, struct nt_ipi *ipi) {
    uint64_t offset, entry;
    bool found;
    sc_err *err = nt_offset(nt, &box_def, BOX_NEXT, &offset, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || (!err && (!found || offset)))
        return NULL;
    if (!err)
        err = nt_offset(nt, &prcb_def, NT_I_MAILBOX, &offset, &found);
    if (err || !found)
        return err;
    ipi->requests_known = true;
    nt_list_begin_single(&ipi->list, nt, nt_add(nt, prcb, offset), NT_IPI_REQUESTS_MAX);
    while (!err && nt_list_next(&ipi->list, &entry)) {
        struct nt_field f[BOX_FIELDS];
        err = nt_load(nt, &box_def, entry, f, &ipi->assumed);
        if (err)
            break;
        struct nt_ipi_request *r = &ipi->request[ipi->nrequests++];
        *r = (struct nt_ipi_request){entry, f[BOX_SUMMARY], f[BOX_WORKER], {{0}}};
        for (unsigned i = 0; i < 3; i++)
            r->parameter[i] = f[BOX_PARAMETER + i];
    }
    return err;
}

sc_err *nt_ipi_read(const struct nt *nt, uint64_t prcb, struct nt_ipi *ret) {
    struct nt_ipi ipi = {0};
    sc_err *err = nt_load(nt, &prcb_def, prcb, ipi.f, &ipi.assumed);
    if (!err && nt_set(&ipi.f[NT_I_MAILBOX]))
        err = read_requests(nt, prcb, &ipi);
    if (!err)
        *ret = ipi;
    return err;
}

const char *nt_frozen_name(uint64_t frozen) {
    switch (frozen & NT_FROZEN_STATE) {
    case NT_FROZEN_RUNNING: return "Running";
    case NT_FROZEN_FROZEN: return "Frozen";
    case NT_FROZEN_THAW: return "Thaw";
    case NT_FROZEN_OWNER: return "Owner";
    case NT_FROZEN_TARGET: return "TargetFreeze";
    default: return NULL;
    }
}
