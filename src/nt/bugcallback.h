/* SPDX-License-Identifier: MIT */
/* What drivers have asked the kernel to call when it stops: bug check callbacks. */
#ifndef NT_BUGCALLBACK_H
#define NT_BUGCALLBACK_H

#include "nt/list.h"

enum { NT_BUGCALLBACKS_MAX = 1024, NT_BUGCALLBACK_COMPONENT = 64 };

/* KBUGCHECK_CALLBACK_RECORD, or (`reason`) KBUGCHECK_REASON_CALLBACK_RECORD. */
struct nt_bugcallback {
    uint64_t address;
    bool read; /* false: the record is not in the dump */
    uint64_t routine, component, checksum;
    uint64_t buffer;
    uint32_t length;
    uint32_t reason;
    uint8_t state;
    char name[NT_BUGCALLBACK_COMPONENT]; /* of the component; "" not in the dump */
};

struct nt_bugcallbacks {
    bool known;                  /* where the list begins */
    struct nt_bugcallback *item; /* in the arena */
    size_t count;
    struct nt_list list; /* why it ended */
};

/* Those of KeRegisterBugCheckCallback, or of KeRegisterBugCheckReasonCallback. */
sc_err *nt_bugcallbacks_read(const struct nt *nt, bool reason, sc_arena *arena,
                             struct nt_bugcallbacks *ret_callbacks);
/* "SecondaryDumpData", "BufferInserted"; NULL for a number that has no name. */
const char *nt_bugcallback_reason(uint32_t reason);
const char *nt_bugcallback_state(uint8_t state);

#endif
