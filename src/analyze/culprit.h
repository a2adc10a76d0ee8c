/* SPDX-License-Identifier: MIT */
/*
 * The first frame worth blaming: the stack of the analysis, from the fault outwards, without those
 * who only report, pass on or work for others. Who they are is data: data/roles.tsv for functions,
 * data/drivers.tsv for images.
 *
 * It is found once, before the rules run (c->culprit), for dumps of kernels; processes have their
 * own (user.h). It says who stands there, what that has to do with the fault, and how sure the way
 * to it is; what that is worth is for the rules to say.
 */
#ifndef STOPCODE_ANALYZE_CULPRIT_H
#define STOPCODE_ANALYZE_CULPRIT_H

#include "analyze/case.h"

/* What a frame is for. */
enum sc_part {
    SC_PART_KERNEL, /* the kernel or the HAL: services, drivers' routines called, no more known */
    SC_PART_REPORT, /* stops the machine */
    SC_PART_EXCEPTION, /* takes an exception to its handlers */
    SC_PART_TRAP,      /* entered by the processor for a fault, or by a system call */
    SC_PART_INTERRUPT, /* entered for an interrupt: frames further out are somebody else's */
    SC_PART_APART,     /* the same without an interrupt: DPCs and APCs */
    SC_PART_VERIFIER,
    SC_PART_FRAMEWORK, /* works on behalf of others */
    SC_PART_NOWHERE,   /* in no module */
    SC_PART_DRIVER,    /* worth blaming */
};

/* What the culprit has to do with the fault. */
enum sc_link {
    SC_LINK_OWN,     /* its own instruction failed, or ran when the watchdog struck */
    SC_LINK_STOPPED, /* it stopped the machine itself: it called KeBugCheckEx */
    SC_LINK_JUMPED,  /* it jumped to an address where no module is */
    SC_LINK_CALLED,  /* it called, without detour, what failed */
    SC_LINK_SENT,    /* it handed a request to what failed, by way of the kernel */
};

/* A row of frames that were passed over. */
struct sc_passed {
    enum sc_part part;
    const struct sc_module *module;
    size_t first, last; /* indices in a->stack */
    bool mixed;         /* there was no room to tell the rest apart */
};

enum { SC_PASSED_MAX = 8 };

struct sc_culprit {
    /* False: `why` says why nobody is named. */
    bool found;
    const char *why;
    bool cut;     /* the search ended at an interrupt, a DPC or an APC */
    size_t frame; /* index in a->stack */
    const struct sc_module *module;
    enum sc_link link;
    /* What it called or sent something to, when that is no kernel: the innermost one. */
    const struct sc_module *inner;
    size_t inner_frame;
    /* The framework further out that called it, as far as can be seen; or NULL. */
    const struct sc_module *host;
    size_t host_frame;
    unsigned host_percent; /* the lowest confidence of the frames up to it */
    /* It is a framework whose own code failed, and for whom it worked is not on the stack. */
    bool framework;
    /* How many functions of the kernel lie between it and what failed. */
    unsigned distance;
    /*
     * On the way to it: a wait for another processor; the end of what somebody had asked for
     * before; a context switch, so that it only waits.
     */
    bool spin, late, waits;
    bool asks, frees; /* … the pool's code, for more memory or to give some back */
    /* The lowest confidence among the frames up to it, and that frame; 100: all are exact. */
    unsigned percent;
    size_t weakest;
    /* The code of a trap or interrupt in between is not known by name. */
    bool unnamed_trap;
    bool crossed; /* the fault's own trap was crossed */
    /* A third-party driver further out that led to a culprit of Windows' own; or NULL. */
    const struct sc_module *behind;
    size_t behind_frame;
    /* Not found: the driver beyond an interrupt, which had nothing to do with it; or NULL. */
    const struct sc_module *bystander;
    size_t bystander_frame;
    struct sc_passed passed[SC_PASSED_MAX];
    size_t npassed;
};

/* Finds it in c->a->stack. Running out of memory is sticky in the case. */
void sc_culprit_find(struct sc_case *c, struct sc_culprit *ret);
/* Is it a stop for what took too long, in whose clock interrupt it strikes (0x133)? */
bool sc_culprit_by_time(const struct sc_case *c);
/* What the frame at INDEX of c->a->stack is for. */
enum sc_part sc_culprit_part(struct sc_case *c, size_t index);

/* "frame 05", as `kn` numbers it. */
const char *sc_culprit_frame(struct sc_case *c, size_t index);
/* The command that shows the analysis' stack with its frames' numbers: ".cxr 0x…; kn". */
const char *sc_culprit_command(struct sc_case *c);
/* "its own instruction failed": what the culprit has to do with the fault, for a sentence. */
const char *sc_culprit_reason(struct sc_case *c, const struct sc_culprit *culprit);
/* "frames 00-03 (nt: report the stop), 04-06 (ndis: …)": who was passed over; NULL nobody. */
const char *sc_culprit_passed(struct sc_case *c, const struct sc_culprit *culprit);

#endif
