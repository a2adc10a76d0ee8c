/* SPDX-License-Identifier: MIT */
/*
 * Where no rule says how a frame is left: what the stack's memory tells about the frames above.
 * The method stands in docs/design/stacks.md.
 *
 *   stackmem.c  the memory, read once
 *   code.c      what lies at an address: function, role, a call before it
 *   trap.c      trap frames of the processor's entries
 *   records.c   records of the exception dispatcher: frames that are known besides (anchors)
 *   cookie.c    security cookies, which name the stack pointer of the frame that they guard
 *   scan.c      return addresses that may be frames (candidates), and the answer
 *   fit.c       how likely each is, all others considered
 */
#ifndef STOPCODE_UNWIND_RECOVER_H
#define STOPCODE_UNWIND_RECOVER_H

#include "unwind/return_address.h"
#include "unwind/roles.h"

/* ---- the stack's memory ---- */

enum { SC_STACKMEM_UP = 256 << 10, SC_STACKMEM_DOWN = 64 << 10 };

/* All of it that is there around a stack pointer, without holes; start == end: none. */
struct sc_stackmem {
    uint64_t start, end;
    unsigned word, shift; /* bytes: 4 or 8; and their logarithm */
    uint64_t *value;
};
sc_err *sc_stackmem_load(struct sc_unwinder *u, const struct sc_stack_opts *opts, uint64_t sp,
                         struct sc_stackmem *ret);
void sc_stackmem_deinit(struct sc_stackmem *mem);
static inline bool sc_stackmem_has(const struct sc_stackmem *mem, uint64_t addr) {
    return addr - mem->start < mem->end - mem->start;
}
/* False outside, and where ADDR is not aligned. */
static inline bool sc_stackmem_at(const struct sc_stackmem *mem, uint64_t addr,
                                  uint64_t *ret_value) {
    if (!sc_stackmem_has(mem, addr) || addr & (mem->word - 1))
        return false;
    *ret_value = mem->value[(addr - mem->start) >> mem->shift];
    return true;
}
static inline size_t sc_stackmem_count(const struct sc_stackmem *mem) {
    return (size_t)(mem->end - mem->start) >> mem->shift;
}

/* ---- code ---- */

struct sc_code {
    uint64_t address;           /* asked for */
    struct sc_unwind_module *m; /* NULL outside of all modules */
    const char *name;           /* of the function; NULL without symbols */
    uint64_t function;          /* its address */
    uint64_t offset;            /* of the address in it */
    bool sized;                 /* the symbol has a size, and the address lies inside of it */
    bool variable;              /* the symbol is known to be data */
    uint32_t roles;
    const char *part; /* of the kernel; NULL not known */
    unsigned level;
};
/* The function that ADDR lies in, or (RETURN_ADDRESS) the one with the call before it. */
sc_err *sc_code_at(struct sc_unwinder *u, uint64_t addr, bool return_address, struct sc_code *ret);
/* Where the call before a return address goes; false: its bytes are missing, or it is indirect. */
bool sc_code_target(struct sc_unwinder *u, uint64_t addr, uint64_t *ret_target);
/* The symbol NAME, as it is stored, of MODULE. Untouched results when it has none. */
sc_err *sc_code_named(struct sc_unwinder *u, const struct sc_module *module, const char *name,
                      uint64_t *ret_addr, bool *ret_found);
/* ADDR as the CPU would take it: without ARM64's signature. */
uint64_t sc_code_strip(const struct sc_unwinder *u, uint64_t addr);

/* ---- trap frames (x64) ---- */

struct sc_trap {
    uint64_t address; /* of the KTRAP_FRAME */
    uint64_t ip, sp;  /* of who was interrupted */
    bool user;        /* it was user code */
    bool beside;      /* the interrupted stack goes on right above the frame */
};
/* Is there a trap frame at ADDR? Its machine frame must be one, in every field. */
bool sc_trap_at(struct sc_unwinder *u, uint64_t addr, struct sc_trap *ret);
/* The first one from SP on that a handler with that stack pointer can have made. */
bool sc_trap_above(struct sc_unwinder *u, uint64_t sp, struct sc_trap *ret);
/* The machine frame that leads back from the other stack of a function with the role callout. */
bool sc_trap_of_switch(struct sc_unwinder *u, uint64_t sp, struct sc_trap *ret);
/*
 * Changes REGS to those of who was interrupted. *KNOWN in: bits of registers in REGS that hold the
 * handler's values; nonvolatile ones, which the handler has not saved, stay known; out: those known
 * now. SYSCALL: the frame holds rbx, rsi, rdi too.
 */
bool sc_trap_regs(struct sc_unwinder *u, const struct sc_trap *trap, bool syscall,
                  struct sc_regs *regs, uint64_t *known);
/* The nonvolatile registers that a KEXCEPTION_FRAME at ADDR holds. */
bool sc_trap_exception_frame(struct sc_unwinder *u, uint64_t addr, struct sc_regs *regs,
                             uint64_t *known);
/* General register N of x64 in a CONTEXT. */
void sc_x64_set(struct sc_regs *regs, unsigned n, uint64_t value);
void sc_x64_go(struct sc_regs *regs, uint64_t ip, uint64_t sp);

/* ---- anchors: frames that are known besides ---- */

struct sc_anchor {
    uint64_t ip, sp;
    enum sc_frame_how how;
    bool exact_ip;
    uint64_t ret_slot; /* where its ip lies as a return address; 0: it was interrupted */
    uint64_t trap;     /* its KTRAP_FRAME, 0 none */
    bool direct;       /* the anchor before it is the frame that it called */
    struct sc_regs regs;
    uint64_t known;
};

struct sc_cookie {
    const struct sc_module *module;
    bool found;
    uint64_t value;
};

/* Everything about one stack. Zero it first; filled when something is asked for. */
struct sc_recover {
    struct sc_unwinder *u;
    const struct sc_stack_opts *opts;
    struct sc_stackmem mem;
    bool loaded;
    struct {
        struct sc_anchor *item;
        size_t count, room;
    } anchors; /* by sp */
    struct {
        uint64_t *item; /* addresses of CONTEXT records in `mem` */
        size_t count, room;
    } contexts;
    struct {
        struct sc_cookie *item;
        size_t count, room;
    } cookies;
    uint64_t data_start, data_end; /* variables of the kernel lie here, no code */
};
void sc_recover_deinit(struct sc_recover *r);

/* Reads the memory around SP unless it is what is here already, and finds its records. */
sc_err *sc_recover_load(struct sc_recover *r, uint64_t sp);
sc_err *sc_records_find(struct sc_recover *r);
/* Does SLOT lie in a CONTEXT record on the stack? */
bool sc_records_in_context(const struct sc_recover *r, uint64_t slot);

/*
 * The cookie of MODULE's functions. *RET_FOUND false: too few frames agree on one.
 */
sc_err *sc_cookie_of(struct sc_recover *r, const struct sc_module *module, uint64_t *ret_cookie,
                     bool *ret_found);
/* The highest slot above SP that holds COOKIE for exactly this stack pointer; 0: there is none. */
uint64_t sc_cookie_slot(const struct sc_recover *r, uint64_t cookie, uint64_t sp);

/* ---- candidates ---- */

enum { SC_CANDIDATES = 64 };

struct sc_candidate {
    uint64_t slot, sp, ip;
    uint64_t least; /* first slot that can hold its own return address */
    uint64_t chain; /* ARM64: where its frame pointer says that this address lies; 0 not known */
    struct sc_code code;
    enum sc_return_like like;
    bool has_target;
    uint64_t target; /* of the call before ip */
    bool resume;     /* its module has unwind data, and one step from here came to code */
    bool has_trap;   /* `trap` is how it is left */
    bool guarded;    /* a cookie says that a frame had this stack pointer */
    bool copied;     /* another slot has the same value */
    struct sc_trap trap;
    double odds;  /* that it is a frame, seen alone */
    double share; /* all others considered: 0 … 1 */
};

/* Fills like, code and sp of C, whose slot and ip are set; *RET_OK: it may be a return address. */
sc_err *sc_scan_plausible(struct sc_recover *r, struct sc_candidate *c, bool *ret_ok);

/* How the stretch that was searched ends. */
enum sc_goal {
    SC_GOAL_OPEN,   /* where the memory ends: outermost functions are expected there */
    SC_GOAL_CUT,    /* there were more candidates */
    SC_GOAL_CALL,   /* at an anchor that called into the stretch */
    SC_GOAL_TRAPPED /* at an anchor that was interrupted */
};

struct sc_stretch {
    struct sc_unwinder *u;
    struct sc_candidate from; /* the frame that could not be left */
    struct sc_candidate *item;
    size_t count;
    enum sc_goal goal;
    const struct sc_anchor *anchor; /* for _CALL, _TRAPPED */
    struct sc_code anchor_code;
};
/* Fills `share` of all; item are sorted by slot, at most SC_CANDIDATES. */
void sc_fit(struct sc_stretch *s);

/* ---- the answer ---- */

enum sc_way {
    SC_WAY_NONE,      /* nothing was found */
    SC_WAY_FRAMES,    /* the frames, and nothing certain behind them */
    SC_WAY_RESUME,    /* the last of the frames has unwind data */
    SC_WAY_TRAP,      /* the last of the frames was entered by `trap` */
    SC_WAY_ANCHOR,    /* `anchor` follows the frames */
    SC_WAY_OUTERMOST, /* the last of the frames returns to nobody */
};
struct sc_found {
    enum sc_way way;
    struct sc_candidate item[SC_CANDIDATES];
    size_t count;
    const struct sc_anchor *anchor; /* owned by the sc_recover */
};
/* From the frame FRAME on. */
sc_err *sc_recover_from(struct sc_recover *r, const struct sc_frame *frame, struct sc_found *ret);

#endif
