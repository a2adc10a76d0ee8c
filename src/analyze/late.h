/* SPDX-License-Identifier: MIT */
/*
 * A request that ended late: its completion ran as an APC in a thread that had gone to sleep in the
 * meantime, and wrote its IO_STATUS_BLOCK to a place on the thread's stack that belonged to other
 * calls by then. What the stack shows of that: late_trace.c; what was written over: late_block.c.
 */
#ifndef STOPCODE_ANALYZE_LATE_H
#define STOPCODE_ANALYZE_LATE_H

#include "analyze/case.h"

/* A word of the stack. `slot` 0: there is none. */
struct sc_late_word {
    uint64_t slot, value;
};

/* Where the halves of the IO_STATUS_BLOCK were seen. */
enum sc_late_where {
    SC_LATE_NOWHERE,
    SC_LATE_STACK,     /* both lie on the stack */
    SC_LATE_REGISTERS, /* two registers that are saved side by side hold them */
    SC_LATE_JUMP,      /* one became the instruction pointer, the other lies on the stack */
};

/* What the fault used, and what that looks like. */
struct sc_late_block {
    enum sc_late_where where;
    uint64_t slot; /* SC_LATE_STACK: of the Status; SC_LATE_JUMP: of the Information */
    uint32_t status;
    uint64_t information;
    bool half;           /* the Status took the low half of a pointer, whose high half is left */
    uint64_t used;       /* the half that the fault used, as it was used */
    const char *reg;     /* the register that held it; NULL: the address or instruction itself */
    const char *pair[2]; /* SC_LATE_REGISTERS */
};

struct sc_late {
    bool found;  /* a completion left traces in this thread's wait, and nothing speaks against it */
    bool inside; /* the fault is in the delivery of the APC; else where the wait returned */
    uint64_t sp; /* at the fault */
    uint64_t trap; /* the fault's trap frame; 0: not on the stack */
    /* Return addresses, innermost last: into the wait, the switch, KiDeliverApc. */
    struct sc_late_word wait, swap, deliver;
    struct sc_late_word routine; /* the address of IopCompleteRequest itself */
    struct sc_late_word residue; /* a return address in it, of a call that has ended */
    uint64_t end; /* the first word behind the wait's frames: its own return address, mostly */
    /* The first driver beyond the wait, no framework: whose thread it is; or NULL. */
    const struct sc_module *owner;
    struct sc_late_word called_from; /* its return address */
    struct sc_late_block block;
};

/* Looked for once. Never NULL. */
const struct sc_late *sc_late(struct sc_case *c);
/* Were both found, the traces and what was written? */
bool sc_late_agrees(struct sc_case *c);

/* For late_trace.c: looks for what was written over. False: what the fault used is no such thing.
 */
bool sc_late_block_find(struct sc_case *c, const struct sc_late *late, struct sc_late_block *ret);

/* A pointer of the stack; false when it is not in the dump. */
bool sc_late_read(struct sc_case *c, uint64_t slot, uint64_t *ret_value);

#endif
