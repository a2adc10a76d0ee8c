/* SPDX-License-Identifier: MIT */
/*
 * stack-overflow: a double fault (0x7F with 8, 0x2B) whose stack pointer stands at the end of the
 * thread's kernel stack or just behind it. Named is the driver that took most of the stack:
 *
 *   LIKELY    one of its functions is on it again and again: it calls itself
 *   POSSIBLE  the same, and so is another driver's, which took half as much or more: they call each
 *             other, and which one should not is not to be seen; or it took more than half of what
 *             is known of the stack
 *   nobody    else: many shared it (POSSIBLE); or there was room left: then it was no overflow,
 *             which is worth saying of a double fault (POSSIBLE)
 *
 * A stack pointer that lies in no stack of the thread is neither, and this rule says nothing of it.
 */
#include <string.h>

#include "analyze/advice.h"
#include "analyze/kfacts.h"
#include "analyze/overflow.h"
#include "analyze/rule.h"

enum {
    BELOW = 0x10000, /* bytes below the end that still are an overflow */
    ABOVE = 0x200,   /* bytes left in which the processor finds no room for a trap frame */
    USERS_MAX = 16,
    REPEATS = 4, /* times that one return address makes recursion */
    SHOWN_MAX = 3,
};

struct user {
    const struct sc_module *module;
    uint64_t bytes;
    size_t frames, repeats; /* repeats: of its most frequent return address */
    uint64_t repeated;
};

struct users {
    struct user item[USERS_MAX];
    size_t count;
    uint64_t bytes; /* of all */
};

/* The stack pointer at the fault; *RET_COMMAND shows it. False: it is not known. */
static bool fault_sp(struct sc_case *c, uint64_t *ret_sp, const char **ret_command) {
    const struct sc_stack *s = &c->a->stack;
    if (c->a->has_regs && c->regs_of_fault) {
        *ret_sp = sc_regs_sp(&c->a->regs);
        *ret_command = sc_case_cxr(c);
        return true;
    }
    for (size_t i = 1; i < s->count && s->frame[i].confidence == 100; i++) {
        if (!s->frame[i].exact_ip)
            continue;
        *ret_sp = s->frame[i].sp;
        *ret_command = sc_culprit_command(c);
        return true;
    }
    *ret_sp = c->a->arg[2].value;
    *ret_command = ".bugcheck";
    return sc_case_in_kernel(c, *ret_sp) && *ret_sp % c->ptr_size == 0;
}

static struct user *user_of(struct users *u, const struct sc_module *m) {
    for (size_t i = 0; i < u->count; i++)
        if (u->item[i].module == m)
            return &u->item[i];
    if (u->count == USERS_MAX)
        return NULL;
    u->item[u->count] = (struct user){.module = m};
    return &u->item[u->count++];
}

static size_t repeats_of(const struct sc_stack *s, size_t index) {
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        n += s->frame[i].ip == s->frame[index].ip && s->frame[i].how != SC_FRAME_INLINE;
    return n;
}

/* Who took how much, of the frames on the thread's stack. */
static void measure(const struct sc_case *c, struct users *ret) {
    const struct sc_stack *s = &c->a->stack;
    for (size_t i = 0; i + 1 < s->count; i++) {
        const struct sc_frame *f = &s->frame[i], *next = f + 1;
        if (f->sp + BELOW < c->k->stack_limit || f->sp >= c->k->stack_base || !f->module ||
            f->how == SC_FRAME_INLINE || next->sp < f->sp || next->sp >= c->k->stack_base)
            continue;
        struct user *u = user_of(ret, f->module);
        if (!u)
            continue;
        size_t repeats = repeats_of(s, i);
        u->bytes += next->sp - f->sp;
        u->frames++;
        ret->bytes += next->sp - f->sp;
        if (repeats > u->repeats) {
            u->repeats = repeats;
            u->repeated = f->ip;
        }
    }
}

/* The one with most bytes that is behind AFTER; drivers only if DRIVERS. */
static const struct user *heaviest(const struct users *u, const struct user *after, bool drivers) {
    const struct user *best = NULL;
    for (size_t i = 0; i < u->count; i++) {
        const struct user *x = &u->item[i];
        bool driver =
            !sc_case_is_kernel(x->module) && sc_case_driver(x->module).kind != NT_DRIVER_FRAMEWORK;
        bool behind = !after || x->bytes < after->bytes || (x->bytes == after->bytes && x > after);
        if (behind && (driver || !drivers) && (!best || x->bytes > best->bytes))
            best = x;
    }
    return best;
}

/* Another driver that is on the stack again and again, with half as much of it; NULL none. */
static const struct user *partner_of(const struct users *u, const struct user *x) {
    const struct user *other = heaviest(u, x, true);
    return other && other->repeats >= REPEATS && other->bytes * 2 >= x->bytes ? other : NULL;
}

static void show_users(struct sc_case *c, struct sc_draft *d, const struct users *u) {
    const struct user *x = NULL;
    for (size_t i = 0; i < SHOWN_MAX && (x = heaviest(u, x, false)) != NULL; i++)
        sc_draft_show(c, d, x->module->base, sc_culprit_command(c),
                      "%s took 0x%llx bytes of the stack, in %zu frame%s.",
                      sc_case_name(c, x->module->image), (unsigned long long)x->bytes, x->frames,
                      x->frames == 1 ? "" : "s");
}

static void show_limits(struct sc_case *c, struct sc_draft *d, uint64_t sp, const char *command) {
    sc_draft_show(c, d, sp, command, "The stack pointer at the fault is %s.", sc_case_addr(c, sp));
    sc_draft_show(c, d, c->k->stack_limit,
                  sc_case_text(c, "!thread %s 6", sc_case_hex(c, c->k->thread)),
                  "The thread's kernel stack ends at %s and begins at %s.",
                  sc_case_addr(c, c->k->stack_limit), sc_case_addr(c, c->k->stack_base));
}

static void write(struct sc_case *c, uint64_t sp, const char *command, const struct users *u) {
    struct sc_draft d;
    const struct user *x = heaviest(u, NULL, true);
    bool recursion = x && x->repeats >= REPEATS;
    bool large = x && x->bytes * 2 > u->bytes;
    const struct user *partner = recursion ? partner_of(u, x) : NULL;
    sc_draft_init(&d, recursion && !partner ? SC_LIKELY : SC_POSSIBLE);
    const char *who = x ? sc_case_who(c, x->module) : "";
    if (recursion || large) {
        d.f.module = x->module;
        d.f.symbol = recursion ? sc_case_place(c, x->repeated) : sc_case_name(c, x->module->image);
    }
    d.f.summary = recursion ? sc_case_text(c,
                                           "The kernel's stack ran over: %s called itself again "
                                           "and again.",
                                           who)
                  : large
                      ? sc_case_text(c, "The kernel's stack ran over: %s took the most of it.", who)
                      : "The kernel's stack ran over; many shared it, and no driver stands out.";
    d.f.detail =
        sc_case_text(c, "The stack pointer, %s, is at the end of the stack, %s%s%s.",
                     sc_case_addr(c, sp), sc_case_addr(c, c->k->stack_limit),
                     d.f.symbol ? "; most of it went to " : "", d.f.symbol ? d.f.symbol : "");
    show_limits(c, &d, sp, command);
    if (recursion)
        sc_draft_show(c, &d, x->repeated, sc_culprit_command(c),
                      "%s is %zu times among the return addresses.", sc_case_place(c, x->repeated),
                      x->repeats);
    if (partner)
        sc_draft_against(c, &d, partner->repeated, sc_culprit_command(c),
                         "%s is %zu times among them as well: the two call each other.",
                         sc_case_place(c, partner->repeated), partner->repeats);
    show_users(c, &d, u);
    if (u->bytes * 2 < c->k->stack_base - c->k->stack_limit)
        sc_draft_lacked(c, &d,
                        "The stack could be followed over 0x%llx of its 0x%llx bytes: who took the "
                        "rest is not known.",
                        (unsigned long long)u->bytes,
                        (unsigned long long)(c->k->stack_base - c->k->stack_limit));
    if (d.f.module)
        sc_advise_module(c, &d, d.f.module);
    else
        sc_advise_dump(c, &d);
    sc_case_add(c, &d);
}

/* What a double fault is taken for first, it was not. */
static void write_room(struct sc_case *c, uint64_t sp, const char *command) {
    struct sc_draft d;
    sc_draft_init(&d, SC_POSSIBLE);
    d.f.summary = sc_case_text(c,
                               "A fault could not be handled, and not for want of stack: 0x%llx "
                               "bytes of it were left.",
                               (unsigned long long)(sp - c->k->stack_limit));
    d.f.detail = "What else makes a double fault is a damaged descriptor, page table or stack "
                 "pointer, or the hardware.";
    show_limits(c, &d, sp, command);
    sc_draft_lacked(c, &d, "What the first fault was, and who caused it, the dump does not say.");
    sc_advise_dump(c, &d);
    sc_case_add(c, &d);
}

static bool is_double_fault(const struct sc_case *c) {
    uint32_t code = sc_plain_code(c->a->code);
    return code == 0x2b || (code == 0x7f && c->a->arg[0].value == 8);
}

static bool ran_over(struct sc_case *c, uint64_t *ret_sp, const char **ret_command) {
    uint64_t limit = c->k->stack_limit;
    return c->a->has_bugcheck && is_double_fault(c) && limit && fault_sp(c, ret_sp, ret_command) &&
           *ret_sp < limit + ABOVE && *ret_sp + BELOW >= limit;
}

/* A double fault with more of the stack left than the processor needs. */
static bool has_room(struct sc_case *c, uint64_t *ret_sp, const char **ret_command) {
    uint64_t limit = c->k->stack_limit;
    return c->a->has_bugcheck && is_double_fault(c) && limit && fault_sp(c, ret_sp, ret_command) &&
           *ret_sp >= limit + ABOVE && *ret_sp < c->k->stack_base;
}

bool sc_stack_ran_over(struct sc_case *c) {
    uint64_t sp;
    const char *command;
    return ran_over(c, &sp, &command);
}

static void run(struct sc_case *c) {
    uint64_t sp;
    const char *command;
    struct users users = {.count = 0};
    if (has_room(c, &sp, &command))
        write_room(c, sp, command);
    if (!ran_over(c, &sp, &command))
        return;
    measure(c, &users);
    write(c, sp, command, &users);
}

const struct sc_rule sc_rule_stack_overflow = {
    "stack-overflow",
    "A double fault at the end of the kernel's stack: who took it; or with room left.",
    SC_RULE_KERNEL | SC_RULE_BUGCHECK,
    run,
};
