/* SPDX-License-Identifier: MIT */
/*
 * deadlock: threads wait for each other's resources, and none of them can go on. The kernel records
 * who owns a resource and who waits for it, so the ring itself is a fact; every link of it is shown
 * with both. Whose mistake it is the ring does not say: that two locks are taken in two orders
 * takes two, and either order may be the documented one. So a driver is named only when all links
 * were acquired by the same one, which then contradicts itself.
 *
 * A thread that waits for a resource which it owns under an address is self-deadlock's.
 */
#include "analyze/advice.h"
#include "analyze/kfacts.h"
#include "analyze/rule.h"
#include "analyze/waiter.h"
#include "nt/deadlock.h"

enum { SHOWN = 4 }; /* links: three pieces of evidence each */

/* Who acquires what the thread of a link waits for. */
struct acquirer {
    const struct sc_module *module; /* NULL: none is seen */
    uint64_t ip;
};

/* A stack that cannot be had is no error here: the ring stands without it. */
static struct acquirer find_acquirer(struct sc_case *c, const struct nt_thread *t) {
    struct sc_stack stack = {0};
    struct acquirer who = {0};
    if (sc_case_took(c, sc_waiter_walk(c, t, &stack))) {
        const struct sc_frame *f = sc_waiter_acquirer(&stack);
        if (f)
            who = (struct acquirer){f->module, f->ip};
    }
    sc_stack_deinit(&stack);
    return who;
}

/* The one driver that acquires everywhere; NULL when there are several, or a stack shows none. */
static const struct sc_module *only_one(const struct acquirer *who, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!who[i].module || who[i].module != who[0].module)
            return NULL;
    return who[0].module;
}

static void show_owner(struct sc_case *c, struct sc_draft *d, const struct nt_deadlock_link *link,
                       const struct nt_thread *owner) {
    const char *dt = sc_case_text(c, "dt -b nt!_ERESOURCE %s", sc_case_hex(c, link->resource));
    const char *named = sc_waiter_name(c, owner);
    if (nt_owner_is_pointer(link->owner))
        sc_draft_show(
            c, d, link->resource, dt, "It is owned by %s, as the address %s on the stack of %s.",
            sc_case_addr(c, link->owner), sc_case_addr(c, nt_owner_address(link->owner)), named);
    else
        sc_draft_show(c, d, link->resource, dt, "It is owned by %s, %s.", named,
                      link->exclusive ? "exclusively" : "shared");
}

static void show_link(struct sc_case *c, struct sc_draft *d, const struct nt_deadlock_link *link,
                      const struct nt_thread *owner, const struct acquirer *who) {
    const char *show = sc_case_text(c, "!thread %s", sc_case_hex(c, link->thread.address));
    const char *named = sc_waiter_name(c, &link->thread);
    sc_draft_show(
        c, d, link->wait.object, show, "The resource at %s: %s waits for it, to have it %s.",
        sc_case_addr(c, link->resource), named, link->wait.shared ? "shared" : "exclusively");
    show_owner(c, d, link, owner);
    if (who->module)
        sc_draft_show(c, d, who->ip, show, "In %s it is acquired by %s.", named,
                      sc_case_place(c, who->ip));
}

static const char *summary(struct sc_case *c, const struct nt_deadlock *dead,
                           const struct sc_module *one) {
    const char *in = one ? sc_case_text(c, ", all of them in %s", sc_case_who(c, one)) : "";
    if (dead->total == 1)
        return sc_case_text(c,
                            "A thread shares a resource and waits to have it alone%s: it has "
                            "deadlocked on itself.",
                            one ? sc_case_text(c, ", for %s", sc_case_who(c, one)) : "");
    return sc_case_text(c,
                        "%zu threads wait for each other's resources%s: they have deadlocked, and "
                        "everybody who needs one of these waits behind them.",
                        dead->total, in);
}

static void write(struct sc_case *c, const struct nt_deadlock *dead) {
    struct sc_draft d;
    struct acquirer who[NT_DEADLOCK_LINKS] = {{0}};
    for (size_t i = 0; i < dead->count; i++)
        who[i] = find_acquirer(c, &dead->link[i].thread);
    const struct sc_module *one = only_one(who, dead->count);
    bool its = one && sc_case_driver(one).kind == NT_DRIVER_VENDOR;
    sc_draft_init(&d, sc_case_about_state(c) && (its || !one) ? SC_LIKELY : SC_POSSIBLE);
    d.f.module = one;
    d.f.symbol = one ? sc_case_where(c, who[0].ip) : NULL;
    d.f.summary = summary(c, dead, one);
    d.f.detail = dead->total == 1
                     ? "A resource that a thread shares is never given to it exclusively: it waits "
                       "for its own release."
                     : "Each owns what the next one waits for, in a ring: whoever takes these "
                       "resources must take them in one order.";
    for (size_t i = 0; i < dead->count && i < SHOWN; i++)
        show_link(c, &d, &dead->link[i], &dead->link[(i + 1) % dead->count].thread, &who[i]);
    if (dead->total > SHOWN)
        sc_draft_lacked(c, &d, "The other %zu threads of the ring, in this list.",
                        dead->total - SHOWN);
    if (!one)
        sc_draft_lacked(c, &d,
                        "Whose order is the wrong one: the threads acquire from different places.");
    else
        sc_show_module(c, &d, one);
    sc_draft_next(c, &d,
                  "The stacks of these threads: which of them holds its resource longer than it "
                  "must, or takes the second one where only the first is expected.");
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    struct nt_deadlock dead;
    bool found;
    if (c->k->book && sc_case_took(c, nt_deadlock_find(&c->k->nt, &dead, &found)) && found)
        write(c, &dead);
}

const struct sc_rule sc_rule_deadlock = {
    "deadlock",
    "Threads wait for each other's resources in a ring.",
    SC_RULE_KERNEL | SC_RULE_STATE,
    run,
};
