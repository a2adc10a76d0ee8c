/* SPDX-License-Identifier: MIT */
/*
 * Finding the first frame worth blaming.
 *
 * Frames are taken from the fault outwards. Passed over are the kernel and the HAL whatever they
 * do, Driver Verifier, and frameworks, which work with what others hand to them; so does any driver
 * of Windows that somebody else's driver called directly, with nothing in between. The first frame
 * of any other module is the culprit; its link to the fault is
 *
 *     own      nothing of another module lies between: its instruction was the one that failed
 *     stopped  only KeBugCheckEx and the like lie between
 *     called   the kernel's or a framework's functions lie between, which it called
 *     sent     the kernel passed a request on in between (IofCallDriver and the like)
 *
 * Nothing beyond an interrupt, a DPC or an APC led to what happened inside of it: the search ends
 * there. Only for the codes of the DPC watchdog the first interrupt is the watchdog's own clock,
 * and whom it interrupted is the point. Whoever waits there for a lock or for another processor is
 * not named: the time was taken by who does not give way, and that one is not on this stack.
 *
 * Without the kernel's symbols a trap has no name. One that interrupted the very instruction that
 * failed is the fault's own; the watchdog's first one is its clock; others may be interrupts, and
 * `unnamed_trap` says that there was one. What the watchdog interrupted in a kernel without names
 * may have been such a wait: then nobody is named.
 *
 * A trap frame that was recognised by the failing instruction (c->trap) is exact, whatever lies
 * between it and the call that stopped the machine.
 */
#include "analyze/culprit.h"

#include <string.h>

#include "analyze/faultregs.h"
#include "unwind/roles.h"

/* A search under way. */
struct search {
    struct sc_case *c;
    struct sc_culprit *r;
    size_t index; /* of the frame that is looked at */
    const struct sc_frame *f;
    enum sc_part part;
    uint32_t roles, roles_before; /* of this frame, and of the one that it called */
    unsigned interrupts;          /* how many may be crossed */
    bool exact;                   /* this frame is known by itself, see c->trap */
    bool blind;                   /* the watchdog struck in code of the kernel without a name */
    /* What lies between here and what failed: */
    bool report;  /* code that stops the machine */
    bool nowhere; /* code in no module */
    bool other;   /* anything else that counts */
    bool sent;    /* a request was passed on, after a framework was met */
    /* For the case that nobody but a framework is found: */
    enum sc_link inner_link;
    unsigned inner_percent;
};

/* ---- what a frame is for ---- */

/* The roles of the function at a frame; of one that called, those of the call's function. */
static uint32_t roles_at(struct sc_case *c, const struct sc_frame *f) {
    struct sc_near near;
    bool found = false;
    if (!c->symtab || !f->module)
        return 0;
    uint64_t at = f->exact_ip || !f->ip ? f->ip : f->ip - 1;
    sc_err *err = sc_symtab_near(c->symtab, at, &near, &found);
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        c->nomem = true;
    bool ok = !err && found && near.name;
    sc_err_destroy(err);
    return ok ? sc_roles_of(f->module->name, near.name) : 0;
}

static enum sc_part part_of_module(const struct sc_module *m) {
    if (sc_case_is_kernel(m))
        return SC_PART_KERNEL;
    return sc_case_driver(m).kind == NT_DRIVER_FRAMEWORK ? SC_PART_FRAMEWORK : SC_PART_DRIVER;
}

static enum sc_part part_of(const struct sc_module *m, uint32_t roles) {
    if (!m)
        return SC_PART_NOWHERE;
    if (roles & SC_ROLE_VERIFIER)
        return SC_PART_VERIFIER;
    enum sc_part part = part_of_module(m);
    if (part != SC_PART_KERNEL)
        return part == SC_PART_DRIVER && roles & SC_ROLE_FRAMEWORK ? SC_PART_FRAMEWORK : part;
    if (roles & SC_ROLE_INTERRUPT)
        return SC_PART_INTERRUPT;
    if (roles & SC_ROLE_APART)
        return SC_PART_APART;
    if (roles & SC_ROLE_BUGCHECK)
        return SC_PART_REPORT;
    if (roles & SC_ROLE_EXCEPTION)
        return SC_PART_EXCEPTION;
    return roles & (SC_ROLE_TRAP | SC_ROLE_SYSCALL) ? SC_PART_TRAP : SC_PART_KERNEL;
}

enum sc_part sc_culprit_part(struct sc_case *c, size_t index) {
    const struct sc_frame *f = &c->a->stack.frame[index];
    return part_of(f->module, roles_at(c, f));
}

/* ---- the search ---- */

/* One row for frames of one module that do the same; the last row takes what is too much. */
static void pass_over(const struct search *s) {
    struct sc_culprit *r = s->r;
    struct sc_passed *last = r->npassed ? &r->passed[r->npassed - 1] : NULL;
    bool same = last && last->part == s->part && last->module == s->f->module;
    if (same || r->npassed == SC_PASSED_MAX) {
        last->last = s->index;
        last->mixed |= !same;
        return;
    }
    r->passed[r->npassed++] =
        (struct sc_passed){.part = s->part, .module = s->f->module, s->index, s->index};
}

static void weigh(struct search *s) {
    if (!s->exact && s->f->confidence < s->r->percent) {
        s->r->percent = s->f->confidence;
        s->r->weakest = s->index;
    }
}

/* What was interrupted or failed by itself is looked at afresh: what came of it is no cause. */
static void forget_inner(struct search *s) {
    s->report = s->nowhere = s->other = s->sent = false;
    s->r->inner = NULL;
    s->r->spin = s->r->late = s->r->waits = s->r->asks = s->r->frees = false;
    s->r->distance = 0;
}

/* Is this the frame that the trap frame of the fault was made at? */
static bool is_at_trap(const struct search *s) {
    const struct sc_fault_trap *t = s->c->trap;
    return t && s->f->ip == sc_regs_ip(&t->regs) && s->f->sp == sc_regs_sp(&t->regs);
}

/* The watchdog's clock, in a kernel without names: here is whom it interrupted. */
static void strike(struct search *s) {
    s->interrupts--;
    s->blind = s->part == SC_PART_KERNEL && !sc_case_is_named(s->c, s->f->ip);
    forget_inner(s);
}

/*
 * A frame that did not call the one before it: a trap lies between. What the instruction there did
 * is what the trap is about, if the handler's name or the fault's address says so.
 */
static void cross_trap(struct search *s) {
    s->exact = false;
    if (!s->index || !s->f->exact_ip || s->f->how == SC_FRAME_INLINE)
        return;
    bool fault = s->roles_before & (SC_ROLE_TRAP | SC_ROLE_USER_EXCEPTION);
    s->exact = is_at_trap(s);
    if (s->exact) /* what lies before it does not matter */
        s->r->percent = 100;
    if (fault || s->exact || s->f->ip == s->c->fault.ip) {
        s->r->crossed = true;
        forget_inner(s);
    } else if (s->interrupts && !s->roles_before)
        strike(s);
    else if (!(s->roles_before & (SC_ROLE_SYSCALL | SC_ROLE_CALLOUT | SC_ROLE_LINKAGE)))
        s->r->unnamed_trap = true;
}

/* How the frame that is looked at is tied to what failed. */
static enum sc_link link_of(const struct search *s) {
    bool fault = s->index > 0 || s->c->regs_of_fault;
    if (!s->other && !s->report && !s->nowhere && s->f->exact_ip && fault)
        return SC_LINK_OWN;
    if (!s->other && s->report && !s->nowhere)
        return SC_LINK_STOPPED;
    if (!s->other && s->nowhere && !s->report)
        return SC_LINK_JUMPED;
    return s->sent ? SC_LINK_SENT : SC_LINK_CALLED;
}

/* What this frame, which is passed over, says of whoever stands further out. */
static void note_passed(struct search *s) {
    struct sc_culprit *r = s->r;
    bool framework = s->part == SC_PART_FRAMEWORK;
    /* Between a framework and its client, an unnamed frame of the kernel may pass requests on. */
    bool unnamed = s->part == SC_PART_KERNEL && !sc_case_is_named(s->c, s->f->ip);
    if (framework && !r->inner) {
        r->inner = s->f->module;
        r->inner_frame = s->index;
        s->inner_link = link_of(s);
        s->inner_percent = r->percent;
        s->sent = false;
    } else if (r->inner && (unnamed || s->roles & SC_ROLE_PASS)) {
        s->sent = true;
    }
    r->spin |= (s->roles & SC_ROLE_SPIN) != 0;
    r->late |= (s->roles & SC_ROLE_LATE) != 0;
    r->waits |= (s->roles & SC_ROLE_SWITCH) != 0;
    r->asks |= (s->roles & SC_ROLE_ALLOCATE) != 0;
    r->frees |= (s->roles & SC_ROLE_FREE) != 0;
    r->distance += s->part == SC_PART_KERNEL;
    s->report |= s->part == SC_PART_REPORT;
    s->nowhere |= s->part == SC_PART_NOWHERE;
    s->other |= framework || s->part == SC_PART_KERNEL || s->part == SC_PART_VERIFIER ||
                s->part == SC_PART_EXCEPTION || s->part == SC_PART_TRAP;
}

static bool is_vendors(const struct sc_module *m) {
    return sc_case_driver(m).kind == NT_DRIVER_VENDOR;
}

/* Does the search end at this frame? */
static bool ends_here(struct search *s) {
    if (s->part == SC_PART_APART)
        return true;
    if (s->part != SC_PART_INTERRUPT)
        return !sc_case_in_kernel(s->c, s->f->ip);
    if (s->roles_before & SC_ROLE_INTERRUPT)
        return false; /* the same interrupt */
    if (!s->interrupts)
        return true;
    s->interrupts--;
    forget_inner(s);
    return false;
}

/*
 * The frame in S is a driver's of Windows. Was it called, directly, by a driver that is not? A trap
 * in between would be another story, and so would a guessed frame.
 */
static bool is_employed(const struct search *s) {
    const struct sc_stack *stack = &s->c->a->stack;
    if (is_vendors(s->f->module))
        return false;
    for (size_t i = s->index + 1; i < stack->count; i++) {
        const struct sc_frame *f = &stack->frame[i];
        if (!f->module || f->exact_ip || f->confidence < 100)
            return false;
        if (f->module != s->f->module)
            return is_vendors(f->module) && !sc_case_is_kernel(f->module);
    }
    return false;
}

/* Takes frame INDEX; false when there is none. */
static bool take(struct search *s, size_t index) {
    if (index >= s->c->a->stack.count)
        return false;
    s->index = index;
    s->f = &s->c->a->stack.frame[index];
    s->roles_before = s->roles;
    s->roles = roles_at(s->c, s->f);
    s->part = part_of(s->f->module, s->roles);
    return true;
}

/*
 * Who called the culprit: the next frame of another module that is a framework; and, of a culprit
 * that comes with Windows, the next driver that does not.
 */
static void look_further(struct search *s) {
    struct sc_culprit *r = s->r;
    bool inbox = !is_vendors(r->module), called_by = true;
    unsigned percent = r->percent;
    for (size_t i = r->frame + 1; take(s, i) && s->f->module && !ends_here(s); i++) {
        percent = s->f->confidence < percent ? s->f->confidence : percent;
        if (s->f->module == r->module)
            continue;
        if (called_by && s->part == SC_PART_FRAMEWORK) {
            r->host = s->f->module;
            r->host_frame = i;
            r->host_percent = percent;
        }
        called_by &= s->part == SC_PART_KERNEL && !(s->roles & SC_ROLE_PASS);
        if (inbox && s->part == SC_PART_DRIVER && is_vendors(s->f->module)) {
            r->behind = s->f->module;
            r->behind_frame = i;
            return;
        }
    }
}

/* The first driver beyond the frame where the search ended: it was only interrupted. */
static void find_bystander(struct search *s) {
    for (size_t i = s->index + 1; take(s, i); i++) {
        if (s->part == SC_PART_DRIVER) {
            s->r->bystander = s->f->module;
            s->r->bystander_frame = i;
            return;
        }
    }
}

/* Nobody but frameworks, whose own code failed: then it is that one, for want of its client. */
static void settle_for_framework(struct search *s) {
    struct sc_culprit *r = s->r;
    r->found = r->framework = true;
    r->frame = r->inner_frame;
    r->module = r->inner;
    r->link = s->inner_link;
    r->percent = s->inner_percent;
    r->inner = NULL;
    while (r->npassed && r->passed[r->npassed - 1].first >= r->frame)
        r->npassed--;
}

/* The watchdog of DPCs strikes in its clock's interrupt. */
bool sc_culprit_by_time(const struct sc_case *c) {
    return c->a->has_bugcheck && sc_plain_code(c->a->code) == 0x133;
}

/*
 * The driver in S lies beyond a trap that is not the fault's own and has no name: an interrupt,
 * most likely, and then it was only interrupted; NULL: it does not.
 */
static const char *why_interrupted(struct search *s) {
    if (!s->r->crossed || !s->r->unnamed_trap)
        return NULL;
    return sc_case_text(s->c,
                        "between the failing instruction and %s (%s) lies another trap, which has "
                        "no name without the kernel's symbols: an interrupt, most likely, and whom "
                        "it interrupts has caused nothing",
                        sc_case_place(s->c, s->f->ip), sc_culprit_frame(s->c, s->index));
}

/* The driver in S is on the watchdog's stack, and did perhaps not take the time; NULL: it did. */
static const char *why_not_its_time(struct search *s) {
    struct sc_case *c = s->c;
    const char *who = sc_case_place(c, s->f->ip), *frame = sc_culprit_frame(c, s->index);
    if (!sc_culprit_by_time(c))
        return NULL;
    if (s->r->spin)
        return sc_case_text(c,
                            "%s (%s) waits there for a lock or for another processor: the time was "
                            "taken by who did not give way, and that is not on this stack",
                            who, frame);
    if (s->blind)
        return sc_case_text(c,
                            "the watchdog interrupted the kernel, called by %s (%s); without the "
                            "kernel's symbols it is not known whether that is a wait for a lock "
                            "that somebody else holds",
                            who, frame);
    if (s->interrupts && !sc_case_is_named(c, c->a->stack.frame[0].ip))
        return sc_case_text(c,
                            "which code the watchdog interrupted is not known without the kernel's "
                            "symbols: %s (%s) may have waited, or been left over",
                            who, frame);
    return NULL;
}

/* Why nobody is named; CUT: the search ended at the frame in S. */
static const char *why_nobody(struct search *s, bool cut) {
    struct sc_case *c = s->c;
    if (!c->a->stack.count)
        return c->a->stack_why ? c->a->stack_why : "there is no stack";
    if (cut && s->part == SC_PART_INTERRUPT)
        return sc_case_text(c,
                            "everything up to the interrupt in %s is the kernel's, and what an "
                            "interrupt interrupts did not cause it",
                            sc_culprit_frame(c, s->index));
    if (cut && s->part == SC_PART_APART)
        return sc_case_text(c,
                            "everything up to %s is the kernel's, which there does work that came "
                            "from elsewhere: who asked for it is not on this stack",
                            sc_culprit_frame(c, s->index));
    if (s->r->inner)
        return sc_case_text(c,
                            "besides the kernel there is only %s on it (%s, %s), which works with "
                            "what drivers hand to it: whose that was is not on this stack",
                            sc_case_name(c, s->r->inner->image),
                            sc_culprit_frame(c, s->r->inner_frame),
                            sc_case_place(c, c->a->stack.frame[s->r->inner_frame].ip));
    if (!cut && c->a->stack.end != SC_STACK_END_DONE)
        return sc_case_text(c,
                            "all frames that could be found are the kernel's, and the stack could "
                            "not be followed to its end (%s)",
                            sc_stack_end_text(c->a->stack.end));
    return "all frames of the stack are the kernel's";
}

void sc_culprit_find(struct sc_case *c, struct sc_culprit *ret) {
    struct search s = {.c = c, .r = ret, .interrupts = sc_culprit_by_time(c)};
    *ret = (struct sc_culprit){.percent = 100};
    bool cut = false;
    if (!c->machine->kernel) {
        ret->why = "it is looked for in dumps of kernels";
        return;
    }
    for (size_t i = 0; take(&s, i); i++) {
        cross_trap(&s);
        cut = ends_here(&s);
        if (cut)
            break;
        weigh(&s);
        if (s.part == SC_PART_DRIVER && is_employed(&s))
            s.part = SC_PART_FRAMEWORK;
        if (s.part == SC_PART_DRIVER) {
            ret->why = why_not_its_time(&s);
            if (!ret->why)
                ret->why = why_interrupted(&s);
            if (ret->why)
                return;
            ret->found = true;
            ret->frame = i;
            ret->module = s.f->module;
            ret->link = link_of(&s);
            look_further(&s);
            return;
        }
        note_passed(&s);
        pass_over(&s);
    }
    if (ret->inner && s.inner_link == SC_LINK_OWN) {
        settle_for_framework(&s);
        return;
    }
    ret->why = why_nobody(&s, cut);
    ret->cut = cut;
    if (cut)
        find_bystander(&s);
}

/* ---- words ---- */

const char *sc_culprit_frame(struct sc_case *c, size_t index) {
    return sc_case_text(c, "frame %02x", c->a->stack.frame[index].number);
}

const char *sc_culprit_command(struct sc_case *c) {
    const char *regs = c->a->regs_command;
    bool stored = !regs || !strcmp(regs, ".ecxr");
    return sc_case_text(c, "%s; kn", stored ? ".cxr" : regs);
}

static const char *called_what(struct sc_case *c, const struct sc_culprit *k) {
    return k->inner ? sc_case_name(c, k->inner->image) : "the kernel";
}

const char *sc_culprit_reason(struct sc_case *c, const struct sc_culprit *k) {
    bool watchdog = sc_culprit_by_time(c);
    switch (k->link) {
    case SC_LINK_OWN:
        return watchdog ? "its code was running when the watchdog struck"
                        : "its own instruction is the one that failed";
    case SC_LINK_STOPPED: return "it stopped the machine itself";
    case SC_LINK_JUMPED: return "it jumped to an address where no module is";
    case SC_LINK_SENT:
        return sc_case_text(c, "it handed a request on to %s, where it went wrong",
                            called_what(c, k));
    default:
        return watchdog
                   ? sc_case_text(c, "it had called %s when the watchdog struck", called_what(c, k))
                   : sc_case_text(c, "it called %s, where it went wrong", called_what(c, k));
    }
}

static const char *part_words(const struct sc_passed *p) {
    if (p->mixed)
        return "and others";
    switch (p->part) {
    case SC_PART_REPORT: return "stops the machine";
    case SC_PART_EXCEPTION: return "takes the exception to its handlers";
    case SC_PART_TRAP: return "entered by the processor";
    case SC_PART_INTERRUPT: return "the watchdog's clock interrupt";
    case SC_PART_APART: return "runs what others queued";
    case SC_PART_VERIFIER: return "Driver Verifier";
    case SC_PART_NOWHERE: return "in no module";
    case SC_PART_FRAMEWORK: return "works with what other drivers hand to it";
    default: return "the kernel";
    }
}

const char *sc_culprit_passed(struct sc_case *c, const struct sc_culprit *k) {
    const char *text = NULL;
    for (size_t i = 0; i < k->npassed; i++) {
        const struct sc_passed *p = &k->passed[i];
        const struct sc_frame *f = c->a->stack.frame;
        const char *range = p->first == p->last ? sc_case_text(c, "%02x", f[p->first].number)
                                                : sc_case_text(c, "%02x-%02x", f[p->first].number,
                                                               f[p->last].number);
        const char *who = p->module ? sc_case_name(c, p->module->name) : "";
        const char *what = part_words(p);
        const char *one = sc_case_text(c, "%s (%s%s%s)", range, who, who[0] ? ": " : "", what);
        text = text ? sc_case_text(c, "%s, %s", text, one) : one;
    }
    return text;
}
