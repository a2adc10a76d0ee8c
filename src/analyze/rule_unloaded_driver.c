/* SPDX-License-Identifier: MIT */
/*
 * unloaded-driver: an address of the crash lies where a driver used to be that was unloaded before.
 *
 * CERTAIN for the bug checks that Windows raises for just this (0xCE, 0xD4), when code was to run
 * there and one driver only was ever unloaded from there; STRONG when data was touched: that place
 * may have been somebody else's since. Of other bug checks STRONG when code was to run there,
 * LIKELY when data was touched. When several drivers were there one after the other, LIKELY at
 * most, or one step less. An address that a loaded image has since taken never counts.
 */
#include <string.h>

#include "analyze/rule.h"
#include "base/utf.h"

enum { KERNEL_NAME_CHARS = 12 };

struct place {
    uint64_t addr;
    const char *what; /* "the instruction", "the memory it used", "parameter 2" */
    const char *command;
    enum sc_confidence confidence;
};

static bool names_it(uint32_t code) {
    static const uint32_t codes[] = {0xce, 0xd4};
    return sc_code_in(code, codes, sizeof codes / sizeof *codes);
}

/* How many drivers of different names were unloaded from ADDR? */
static size_t candidates(struct sc_case *c, uint64_t addr, const struct sc_unloaded *found) {
    const struct sc_unloadeds *list;
    size_t n = 1;
    sc_err *err = sc_target_unloaded(c->target, &list);
    if (err) {
        sc_err_destroy(err);
        return n;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_unloaded *u = &list->item[i];
        if (u->name && addr - u->base < u->size && sc_strcasecmp(u->name, found->name) != 0)
            n++;
    }
    return n;
}

static const struct sc_unloaded *unloaded_at(struct sc_case *c, uint64_t addr) {
    if (addr == SC_UNSET64 || !addr || sc_target_module_at(c->target, addr))
        return NULL;
    const struct sc_unloaded *u = sc_target_unloaded_at(c->target, addr);
    return u && u->name && u->name[0] ? u : NULL;
}

static void write(struct sc_case *c, const struct place *p, const struct sc_unloaded *u) {
    struct sc_draft d;
    size_t n = candidates(c, p->addr, u);
    enum sc_confidence one_less = p->confidence > SC_STRONG ? SC_LIKELY : p->confidence - 1;
    sc_draft_init(&d, n > 1 ? one_less : p->confidence);
    const char *name = sc_case_name(c, u->name);
    d.f.symbol = sc_case_where(c, p->addr);
    d.f.summary = sc_case_text(c,
                               "The driver %s was unloaded while something of it was still in "
                               "use, and Windows ran into the place where it had been.",
                               name);
    d.f.detail = sc_case_text(c,
                              "%s, %s, is %s: a timer, DPC, work item, thread or callback of it "
                              "was not cancelled before it was unloaded.",
                              p->what, sc_case_addr(c, p->addr), d.f.symbol);
    sc_draft_show(c, &d, p->addr, p->command, "%s is %s.", p->what, sc_case_addr(c, p->addr));
    sc_draft_show(c, &d, u->base, "lm", "The list of unloaded modules has %s at %s to %s.", name,
                  sc_case_addr(c, u->base), sc_case_addr(c, u->base + u->size));
    sc_draft_show(c, &d, p->addr, sc_case_lm(c, p->addr),
                  "That is in no module that is loaded now.");
    if (names_it(sc_plain_code(c->a->code)))
        sc_draft_show(c, &d, SC_UNSET64, ".bugcheck", "Windows raises 0x%X for just this.",
                      c->a->code);
    if (n > 1)
        sc_draft_against(c, &d, p->addr, "lm",
                         "%zu drivers were unloaded from this place; %s was "
                         "the last.",
                         n, name);
    if (c->machine->kernel && strlen(u->name) >= KERNEL_NAME_CHARS)
        sc_draft_lacked(c, &d,
                        "The kernel keeps %d characters of such a name; the driver's may be "
                        "longer.",
                        KERNEL_NAME_CHARS);
    sc_draft_next(c, &d, "Update or remove %s; Driver Verifier on it shows what it leaves behind.",
                  name);
    sc_case_add(c, &d);
}

/* Writes one finding for each driver, at the first place that names it. */
static void consider(struct sc_case *c, const struct place *p, const struct sc_unloaded **seen,
                     size_t *nseen, size_t room) {
    const struct sc_unloaded *u = unloaded_at(c, p->addr);
    for (size_t i = 0; u && i < *nseen; i++)
        if (seen[i] == u)
            return;
    if (!u || *nseen == room)
        return;
    seen[(*nseen)++] = u;
    write(c, p, u);
}

static void run(struct sc_case *c) {
    const struct sc_unloaded *seen[4];
    size_t nseen = 0;
    const struct sc_fault *f = &c->fault;
    bool named = c->a->has_bugcheck && names_it(sc_plain_code(c->a->code));
    bool jumped = f->ip == f->memory || (f->access && strcmp(f->access, "execute") == 0);
    const char *ip_command = f->ip_arg         ? ".bugcheck"
                             : f->ip_in_record ? sc_case_exr(c)
                                               : sc_case_cxr(c);
    struct place memory = {f->memory, jumped ? "The code it jumped to" : "The memory it used",
                           f->memory_arg ? ".bugcheck" : sc_case_exr(c),
                           named && jumped   ? SC_CERTAIN
                           : named || jumped ? SC_STRONG
                                             : SC_LIKELY};
    struct place ip = {f->ip, "The instruction", ip_command, SC_STRONG};
    consider(c, &memory, seen, &nseen, 4);
    consider(c, &ip, seen, &nseen, 4);
    for (unsigned i = 0; i < 4 && c->a->has_bugcheck; i++) {
        if (c->bug.arg[i].kind != SC_BUG_CODE && c->bug.arg[i].kind != SC_BUG_MODULE)
            continue;
        struct place arg = {c->a->arg[i].value, sc_case_text(c, "Parameter %u", i + 1), ".bugcheck",
                            SC_LIKELY};
        consider(c, &arg, seen, &nseen, 4);
    }
}

const struct sc_rule sc_rule_unloaded_driver = {
    "unloaded-driver",
    "An address of the crash lies where a driver used to be that was unloaded before.",
    SC_RULE_KERNEL,
    run,
};
