/* SPDX-License-Identifier: MIT */
/*
 * commit-failures: requests to commit memory have failed since the system started, and now there is
 * memory enough, or how much is committed now is not known.
 *
 * The memory manager counts them by why they failed. The counters never go down: they say that
 * some failed at some time, and a machine that has memory enough now may have been short of it
 * days ago. So what is committed now is held against the limit; when that is nearly used up, the
 * failures are low-memory's evidence. Nobody is blamed: who commits much is what `!vm` shows. A
 * possibility, since nothing ties the counters to the stop.
 */
#include "analyze/commit.h"

#include <inttypes.h>

#include "analyze/rule.h"

static const char *const reasons[NT_VM_FAILURES] = {
    [NT_VM_CANNOT_EXTEND] = "a page file was to be extended, and could not be",
    [NT_VM_AT_MAXIMUM] = "the page files had reached their largest size",
    [NT_VM_LOCK_HELD] = "the lock of the page files was held",
    [NT_VM_OVERFLOW] = "the request was so large that the sum was not larger than before",
};

int sc_commit_percent(const struct nt_vm *vm) {
    const struct nt_field *used = &vm->counter[NT_VM_COMMITTED];
    const struct nt_field *limit = &vm->counter[NT_VM_COMMIT_LIMIT];
    if (used->state != NT_READ || !nt_set(limit) || used->value > UINT64_MAX / 100)
        return -1;
    uint64_t percent = used->value * 100 / limit->value;
    return percent > 1000 ? 1000 : (int)percent;
}

uint64_t sc_commit_failing(struct sc_case *c, const struct nt_vm *vm) {
    struct nt_field sum = nt_vm_commit_failures(&c->k->nt, vm);
    return sc_commit_percent(vm) >= SC_COMMIT_SHORT ? nt_or(&sum, 0) : 0;
}

void sc_commit_show_reasons(struct sc_case *c, struct sc_draft *d, const struct nt_vm *vm) {
    for (unsigned i = 0; i < NT_VM_FAILURES; i++)
        if (nt_set(&vm->failure[i]))
            sc_draft_show(c, d, SC_UNSET64, "!vm 1", "%" PRIu64 " times %s.", vm->failure[i].value,
                          reasons[i]);
}

static void show_now(struct sc_case *c, struct sc_draft *d, const struct nt_vm *vm, int percent) {
    if (percent < 0)
        sc_draft_lacked(c, d, "How much is committed now, and the limit.");
    else
        sc_draft_against(
            c, d, SC_UNSET64, "!vm 1",
            "Now %" PRIu64 " of %" PRIu64 " pages are committed, %d percent: memory is not short.",
            vm->counter[NT_VM_COMMITTED].value, vm->counter[NT_VM_COMMIT_LIMIT].value, percent);
}

static void run(struct sc_case *c) {
    const struct nt_vm *vm = sc_case_vm(c);
    if (!vm || sc_commit_failing(c, vm))
        return;
    struct nt_field sum = nt_vm_commit_failures(&c->k->nt, vm);
    if (!nt_set(&sum))
        return;
    struct sc_draft d;
    int percent = sc_commit_percent(vm);
    sc_draft_init(&d, SC_POSSIBLE);
    d.f.summary = sc_case_text(c,
                               "%" PRIu64 " requests to commit memory have failed since "
                               "Windows started, in the past%s.",
                               sum.value, percent < 0 ? "" : "; now there is memory enough");
    d.f.detail = "The counters behind !vm only go up: programs and drivers were refused memory at "
                 "some time, and may not have coped with it.";
    sc_commit_show_reasons(c, &d, vm);
    show_now(c, &d, vm, percent);
    sc_draft_next(c, &d, "!vm, which lists the processes by what they have committed.");
    if (nt_set(&vm->failure[NT_VM_AT_MAXIMUM]))
        sc_draft_next(c, &d,
                      "A larger maximum of the page file, or what commits so much: the "
                      "counter Memory\\Committed Bytes over days.");
    sc_case_add(c, &d);
}

const struct sc_rule sc_rule_commit_failures = {
    "commit-failures",
    "Requests to commit memory have failed since the system started, and it is not short now.",
    SC_RULE_KERNEL | SC_RULE_STATE,
    run,
};
