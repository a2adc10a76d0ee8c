/* SPDX-License-Identifier: MIT */
/*
 * Inter-processor interrupts: what a processor was asked to do by another one, and whether it is
 * frozen. The bug check itself freezes the other processors, so that a frozen one says nothing of
 * what went wrong.
 */
#ifndef NT_IPI_H
#define NT_IPI_H

#include "nt/prcb.h"

enum nt_ipi_field {
    NT_I_TARGET_COUNT, /* x64 since Windows 7: processors that have not answered yet */
    NT_I_TARGET_SET,   /* x86, and x64 until Vista: as a mask */
    NT_I_PACKET_BARRIER,
    NT_I_FROZEN,          /* enum nt_frozen and NT_FREEZE_ACTIVE */
    NT_I_REQUEST_SUMMARY, /* x86 */
    NT_I_WORKER,          /* x86: the routine of the last request */
    NT_I_SIGNAL_DONE,     /* x86: the PRCB of the sender who waits, 0 none */
    NT_I_FRAME,           /* x86: the trap frame of the last one */
    NT_I_MAILBOX,         /* x64 since Windows 7: the first request not taken yet, 0 none */
    NT_I_PARAMETER,       /* x86: three of them */
    NT_I_FIELDS = NT_I_PARAMETER + 3
};

enum nt_frozen {
    NT_FROZEN_RUNNING = 0,
    NT_FROZEN_FROZEN = 2,
    NT_FROZEN_THAW = 3,
    NT_FROZEN_OWNER = 4,
    NT_FROZEN_TARGET = 5, /* asked to freeze */
    NT_FROZEN_STATE = 0x0f,
    NT_FREEZE_ACTIVE = 0x20,
};

/* A request in a processor's mailbox. */
struct nt_ipi_request {
    uint64_t address; /* the REQUEST_MAILBOX */
    struct nt_field summary, worker, parameter[3];
};
enum { NT_IPI_REQUESTS_MAX = 64 };

struct nt_ipi {
    bool assumed;
    bool requests_known; /* the build has mailboxes whose layout is known */
    struct nt_field f[NT_I_FIELDS];
    struct nt_ipi_request request[NT_IPI_REQUESTS_MAX];
    size_t nrequests;
    struct nt_list list; /* why it ended; only with `requests_known` */
};

/* Of the processor whose PRCB lies at PRCB; errors as those of nt_prcb_read(). */
sc_err *nt_ipi_read(const struct nt *nt, uint64_t prcb, struct nt_ipi *ret_ipi);
/* "Frozen"; NULL for a number that is no state. */
const char *nt_frozen_name(uint64_t frozen);

#endif
