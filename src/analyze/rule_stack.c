/* SPDX-License-Identifier: MIT */
/*
 * stack: the first frame worth blaming (culprit.h), and what that is worth.
 *
 *   STRONG    of a driver that does not come with Windows: its own instruction failed, or it
 *             stopped the machine itself
 *   LIKELY    the same of a driver of Windows, and of all where a safety check noticed it or the
 *             DPC watchdog struck; it called the kernel or a framework, which then failed, or
 *             refused this very call (Driver Verifier, pool checks: data/blame.tsv): what it
 *             handed in, or the IRQL, may be somebody else's doing
 *   POSSIBLE  it comes with Windows and only called what failed; the pool's code failed when it
 *             gave memory back; it only handed a request on; damage was noticed that was done
 *             before; the watchdog sampled it, or struck in what it had called; it waits for
 *             somebody else; many functions of the kernel lie between; or it is a framework, which
 *             works with what others hand to it
 *   nobody    the stack had run out: who took it is for stack-overflow to say
 *
 * Only exact frames count fully: a way that is not exact costs one step, one below 75 percent two.
 * What names another driver better (a parameter, an unloaded driver, the failing instruction
 * itself) leaves the stack no more than "possible".
 *
 * A driver of Windows is named before a third party's that stands further out: being there is no
 * reason. The third party's is then a possibility of its own.
 */
#include "analyze/advice.h"
#include "analyze/culprit.h"
#include "analyze/overflow.h"
#include "analyze/rule.h"

enum { SURE_PERCENT = 75, FAR_FRAMES = 8 };

static bool is_vendors(const struct sc_module *m) {
    return sc_case_driver(m).kind == NT_DRIVER_VENDOR;
}

/* The best finding so far about somebody else, if it is more than a possibility. */
static const struct sc_finding *better(const struct sc_case *c, const struct sc_culprit *k) {
    const struct sc_finding *best = NULL;
    for (size_t i = 0; i < c->findings.count; i++) {
        const struct sc_finding *f = &c->findings.item[i];
        bool other = !f->module || (f->module != k->module && f->module != k->inner);
        if (other && f->confidence > SC_POSSIBLE && (!best || f->confidence > best->confidence))
            best = f;
    }
    return best;
}

static bool is_noticed(const struct sc_blame *b) {
    return b->worth == SC_WORTH_NOTICED || b->worth == SC_WORTH_HANDED;
}

/*
 * 0xF7: the cookie that was expected is kept twice, the second time inverted. When the two do not
 * agree, that copy was damaged, and the stack that was compared with it may be sound.
 */
static bool is_cookies_own(const struct sc_case *c) {
    uint64_t mask = c->is32 ? UINT32_MAX : UINT64_MAX;
    return sc_plain_code(c->a->code) == 0xf7 && c->a->arg[2].value &&
           (c->a->arg[1].value ^ c->a->arg[2].value) != mask;
}

/* The pool's code failed over what it found, and did not refuse this very call. */
static bool in_pool(const struct sc_culprit *k, const struct sc_blame *b) {
    return k->frees && !k->inner && b->worth != SC_WORTH_CALLER && b->worth != SC_WORTH_OWNER;
}

static enum sc_confidence by_link(struct sc_case *c, const struct sc_culprit *k,
                                  const struct sc_blame *b) {
    bool check = c->fault.status == 0xc0000409;
    switch (k->link) {
    case SC_LINK_OWN:
        if (c->fault.status == 0xc0000006 || k->framework)
            return SC_POSSIBLE;
        return check || is_noticed(b) || !is_vendors(k->module) || sc_culprit_by_time(c)
                   ? SC_LIKELY
                   : SC_STRONG;
    case SC_LINK_STOPPED:
        if (is_cookies_own(c))
            return SC_POSSIBLE;
        return is_vendors(k->module) ? SC_STRONG : SC_LIKELY;
    case SC_LINK_JUMPED: return SC_LIKELY;
    case SC_LINK_CALLED:
        if (b->worth == SC_WORTH_CALLER && !k->inner)
            return SC_LIKELY;
        if (!is_vendors(k->module) || in_pool(k, b) || sc_culprit_by_time(c))
            return SC_POSSIBLE;
        return k->distance > FAR_FRAMES || is_noticed(b) ? SC_POSSIBLE : SC_LIKELY;
    default: return SC_POSSIBLE;
    }
}

static enum sc_confidence judge(struct sc_case *c, const struct sc_culprit *k,
                                const struct sc_blame *b) {
    int how = by_link(c, k, b);
    bool waits = k->link != SC_LINK_OWN && (k->spin || k->late);
    if (waits || k->unnamed_trap || b->worth == SC_WORTH_CALLEE || b->worth == SC_WORTH_SAMPLED ||
        c->fault.contradicted || better(c, k))
        return SC_POSSIBLE;
    if (k->percent < 100)
        how--;
    if (k->percent < SURE_PERCENT)
        how--;
    return how < SC_POSSIBLE ? SC_POSSIBLE : (enum sc_confidence)how;
}

/* ---- evidence ---- */

static void show_frame(struct sc_case *c, struct sc_draft *d, const struct sc_culprit *k) {
    const struct sc_frame *f = &c->a->stack.frame[k->frame];
    const char *passed = sc_culprit_passed(c, k), *command = sc_culprit_command(c);
    /* That the context stands there is evidence of whoever blamed it for that. */
    bool said = k->link == SC_LINK_OWN && k->frame == 0 && sc_case_blamed(c, k->module);
    if (!said)
        sc_draft_show(
            c, d, f->ip, command, "Of the stack, %s (%s) is the first one of a driver: %s.",
            sc_culprit_frame(c, k->frame), c->a->stack_symbol[k->frame], sc_culprit_reason(c, k));
    if (passed)
        sc_draft_show(c, d, SC_UNSET64, command, "Passed over: %s.", passed);
    if (!k->host)
        return;
    const char *sure =
        k->host_percent < 100 ? sc_case_text(c, " (not sure: %u%%)", k->host_percent) : "";
    sc_draft_show(c, d, c->a->stack.frame[k->host_frame].ip, command, "%s, in %s, runs its code%s.",
                  sc_case_who(c, k->host), sc_culprit_frame(c, k->host_frame), sure);
}

static void show_doubts(struct sc_case *c, struct sc_draft *d, const struct sc_culprit *k) {
    const char *command = sc_culprit_command(c);
    struct sc_blame b = sc_case_blame(c);
    if (k->percent < 100) {
        const struct sc_frame *f = &c->a->stack.frame[k->weakest];
        sc_draft_against(c, d, f->ip, command,
                         "The way to that frame is not exact: %s was found by %s (%u%%).",
                         sc_culprit_frame(c, k->weakest), sc_frame_how_name(f->how), k->percent);
    }
    if (k->unnamed_trap)
        sc_draft_against(c, d, SC_UNSET64, command,
                         "A trap or an interrupt lies in between: without the kernel's symbols it "
                         "is not known which. Whom an interrupt interrupts has caused nothing.");
    if (k->spin && k->link != SC_LINK_OWN)
        sc_draft_against(c, d, SC_UNSET64, command,
                         "It was waiting there for a lock or for another processor: whoever did "
                         "not give way may be the one.");
    if (k->late && k->link != SC_LINK_OWN)
        sc_draft_against(c, d, SC_UNSET64, command,
                         "The kernel was ending a request there that somebody had made before; "
                         "who made it is not on this stack.");
    if (k->framework)
        sc_draft_against(c, d, k->module->base, sc_case_lm(c, k->module->base),
                         "This is a part of Windows (%s) that works with what other drivers hand "
                         "to it, and for whom it worked is not on the stack.",
                         sc_case_driver(k->module).what);
    if (k->inner)
        sc_draft_against(c, d, c->a->stack.frame[k->inner_frame].ip, command,
                         "It went wrong in %s (%s), where the mistake may be as well.",
                         sc_case_who(c, k->inner), sc_culprit_frame(c, k->inner_frame));
    if (is_cookies_own(c))
        sc_draft_against(
            c, d, SC_UNSET64, ".bugcheck",
            "Parameters 2 and 3 should be each other's complement and are not: the "
            "driver's own copy of the cookie was damaged, and the stack may be sound.");
    if (in_pool(k, &b))
        sc_draft_against(c, d, SC_UNSET64, command,
                         "It was giving memory back, and the pool's code failed over what it found "
                         "there: whoever wrote past a neighbouring block is as possible.");
    if (!is_vendors(k->module) && k->link == SC_LINK_CALLED)
        sc_draft_against(c, d, k->module->base, sc_case_lm(c, k->module->base),
                         "This is a part of Windows (%s), the same on every machine, and its own "
                         "code is not what failed.",
                         sc_case_driver(k->module).what);
    if (k->distance > FAR_FRAMES && k->link == SC_LINK_CALLED)
        sc_draft_against(c, d, SC_UNSET64, command,
                         "%u functions of the kernel lie between its call and what failed.",
                         k->distance);
}

static void show_worth(struct sc_case *c, struct sc_draft *d, const struct sc_culprit *k,
                       const struct sc_blame *b) {
    const struct sc_finding *f = better(c, k);
    if (b->worth == SC_WORTH_CALLER)
        sc_draft_show(c, d, SC_UNSET64, ".bugcheck", "The code is 0x%X: %s.", c->a->code, b->why);
    else if (b->why[0])
        sc_draft_against(c, d, SC_UNSET64, ".bugcheck", "The code is 0x%X: %s.", c->a->code,
                         b->why);
    if (f && f->nevidence)
        sc_draft_against(c, d, f->evidence[0].address, f->evidence[0].command,
                         "Better evidence than the stack leads to %s.",
                         f->symbol ? f->symbol : "something else");
}

/* ---- words ---- */

static const char *summary(struct sc_case *c, const struct sc_culprit *k,
                           enum sc_confidence confidence) {
    const char *who = sc_case_who(c, k->module);
    const char *why = sc_culprit_reason(c, k);
    if (k->link == SC_LINK_STOPPED)
        return sc_case_text(c, "%s found something wrong and stopped the machine itself.", who);
    if (k->link == SC_LINK_OWN && confidence > SC_POSSIBLE)
        return sc_case_text(c, "%s failed: %s, and Windows had to stop.", who, why);
    if (confidence == SC_POSSIBLE)
        return sc_case_text(c,
                            "%s was at work when this happened (%s); this alone proves nothing "
                            "against it.",
                            who, why);
    return sc_case_text(c, "%s led Windows into this stop: %s.", who, why);
}

static const char *detail(struct sc_case *c, const struct sc_culprit *k) {
    return sc_case_text(c, "%s (%s) is the first frame worth blaming: %s.",
                        c->a->stack_symbol[k->frame], sc_culprit_frame(c, k->frame),
                        sc_culprit_reason(c, k));
}

static void write(struct sc_case *c, const struct sc_culprit *k) {
    struct sc_blame b = sc_case_blame(c);
    struct sc_draft d;
    sc_draft_init(&d, judge(c, k, &b));
    d.f.module = k->module;
    d.f.symbol = c->a->stack_symbol[k->frame];
    d.f.summary = summary(c, k, d.f.confidence);
    d.f.detail = detail(c, k);
    show_frame(c, &d, k);
    show_worth(c, &d, k, &b);
    show_doubts(c, &d, k);
    sc_show_module(c, &d, k->module);
    if (!sc_case_is_named(c, c->a->stack.frame[k->frame].ip))
        sc_draft_lacked(c, &d, "Without symbols of %s its function has no name.",
                        sc_case_name(c, k->module->image));
    sc_advise_module(c, &d, k->module);
    if (d.f.confidence == SC_POSSIBLE)
        sc_advise_dump(c, &d);
    sc_case_add(c, &d);
}

/* The third party's driver behind a culprit that comes with Windows. */
static void write_behind(struct sc_case *c, const struct sc_culprit *k) {
    struct sc_draft d;
    const struct sc_frame *f = &c->a->stack.frame[k->behind_frame];
    const char *inbox = sc_case_name(c, k->module->image);
    sc_draft_init(&d, SC_POSSIBLE);
    d.f.module = k->behind;
    d.f.symbol = c->a->stack_symbol[k->behind_frame];
    d.f.summary = sc_case_text(c,
                               "%s stands further out on the stack and may have handed something "
                               "bad to %s; that it is there proves nothing against it.",
                               sc_case_who(c, k->behind), inbox);
    d.f.detail = sc_case_text(c, "%s (%s) is the first driver behind %s that is not Windows' own.",
                              d.f.symbol, sc_culprit_frame(c, k->behind_frame), inbox);
    sc_draft_show(c, &d, f->ip, sc_culprit_command(c), "Of the stack, %s is %s.",
                  sc_culprit_frame(c, k->behind_frame), d.f.symbol);
    if (f->confidence < 100)
        sc_draft_against(c, &d, f->ip, sc_culprit_command(c),
                         "That frame is not exact: it was found by %s (%u%%).",
                         sc_frame_how_name(f->how), f->confidence);
    sc_show_module(c, &d, k->behind);
    sc_advise_module(c, &d, k->behind);
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    const struct sc_culprit *k = c->culprit;
    /* Of a stack that ran over, who took it is told by stack-overflow; where it ended is chance. */
    if (!k->found || sc_case_answered(c) || sc_stack_is_silent(c) || sc_stack_ran_over(c))
        return;
    write(c, k);
    if (k->behind)
        write_behind(c, k);
}

const struct sc_rule sc_rule_stack = {
    "stack",
    "The first frame of the stack that is worth blaming is a driver's.",
    SC_RULE_KERNEL,
    run,
};
