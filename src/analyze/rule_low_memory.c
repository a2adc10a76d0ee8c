/* SPDX-License-Identifier: MIT */
/*
 * low-memory: memory is short now, in one of the two ways in which it can be.
 *
 *   what can be committed   nearly all of the limit is promised, and requests for more have failed:
 *                           the sum of RAM and page files is used up, whether or not pages are free
 *   pages of RAM            hardly any are available, whether or not more could be committed: pages
 *                           that must stay in RAM (pool, locked pages) or programs have them all
 *
 * Both at once happens, too. That requests failed at some time, and memory is not short now, is
 * commit-failures. "Hardly any" is what Windows itself calls low: its low-memory notification comes
 * at about 32 MB of available memory for every 4 GB of RAM, 64 MB at most
 * (CreateMemoryResourceNotification). Nobody is blamed: who has the memory is what `!vm` shows, and
 * a pool that one tag has most of is pool-leak's. A possibility: a machine can be slow and out of
 * memory without having stopped for it.
 */
#include <inttypes.h>

#include "analyze/commit.h"
#include "analyze/rule.h"

enum { LOW_MB_EACH = 32, LOW_MB_MOST = 64, EACH_GB = 4 };

/* Available pages below which Windows tells programs that memory is low; 0: not known. */
static uint64_t low_pages(const struct nt_vm *vm) {
    uint64_t physical = nt_or(&vm->counter[NT_VM_PHYSICAL], 0);
    uint64_t each = (uint64_t)EACH_GB * (1 << 30) / NT_VM_PAGE;
    uint64_t mb = physical < each ? LOW_MB_EACH : LOW_MB_EACH * (physical / each);
    if (!physical)
        return 0;
    return (mb > LOW_MB_MOST ? LOW_MB_MOST : mb) * ((1 << 20) / NT_VM_PAGE);
}

static bool is_short_of_pages(const struct nt_vm *vm) {
    const struct nt_field *available = &vm->counter[NT_VM_AVAILABLE];
    return available->state == NT_READ && available->value < low_pages(vm);
}

static void show_pages(struct sc_case *c, struct sc_draft *d, const struct nt_vm *vm, bool low) {
    if (vm->counter[NT_VM_AVAILABLE].state != NT_READ || !low_pages(vm)) {
        sc_draft_lacked(c, d, "How many pages of RAM are available.");
        return;
    }
    uint64_t available = vm->counter[NT_VM_AVAILABLE].value;
    uint64_t physical = vm->counter[NT_VM_PHYSICAL].value;
    if (low)
        sc_draft_show(c, d, SC_UNSET64, "!vm 1",
                      "%" PRIu64 " of %" PRIu64 " pages of RAM are available; below %" PRIu64
                      " Windows calls that low.",
                      available, physical, low_pages(vm));
    else
        sc_draft_show(c, d, SC_UNSET64, "!vm 1",
                      "%" PRIu64 " of %" PRIu64 " pages of RAM are available: RAM is not what is "
                      "short.",
                      available, physical);
}

static void show_commit(struct sc_case *c, struct sc_draft *d, const struct nt_vm *vm, bool low) {
    int percent = sc_commit_percent(vm);
    if (percent < 0) {
        sc_draft_lacked(c, d, "How much is committed, and the limit.");
        return;
    }
    sc_draft_show(c, d, SC_UNSET64, "!vm 1",
                  "%" PRIu64 " of %" PRIu64 " pages are committed, %d percent%s.",
                  vm->counter[NT_VM_COMMITTED].value, vm->counter[NT_VM_COMMIT_LIMIT].value,
                  percent, low ? "" : ": more could be committed");
    if (low)
        sc_commit_show_reasons(c, d, vm);
}

static void say(struct sc_case *c, struct sc_draft *d, const struct nt_vm *vm, bool pages,
                uint64_t failures) {
    uint64_t available = nt_or(&vm->counter[NT_VM_AVAILABLE], 0);
    int percent = sc_commit_percent(vm);
    if (failures && pages)
        d->f.summary = sc_case_text(c,
                                    "Memory is short: %" PRIu64 " pages of RAM are available, and "
                                    "%" PRIu64 " requests to commit more have failed.",
                                    available, failures);
    else if (failures)
        d->f.summary = sc_case_text(c,
                                    "Memory is short: %d percent of what can be committed are, and "
                                    "%" PRIu64 " requests for more have failed.",
                                    percent, failures);
    else
        d->f.summary = sc_case_text(c,
                                    "Physical memory is short: only %" PRIu64 " pages of RAM are "
                                    "available.",
                                    available);
    d->f.detail = failures ? "What the page files and RAM together can hold is promised: programs "
                             "and drivers are refused memory, and may not cope with it."
                           : "Nothing was refused, but who needs a page waits for another one to "
                             "be written: everything is slow, and deadlines are missed.";
}

static void run(struct sc_case *c) {
    const struct nt_vm *vm = sc_case_vm(c);
    if (!vm)
        return;
    bool pages = is_short_of_pages(vm);
    uint64_t failures = sc_commit_failing(c, vm);
    if (!pages && !failures)
        return;
    struct sc_draft d;
    sc_draft_init(&d, SC_POSSIBLE);
    say(c, &d, vm, pages, failures);
    if (failures) {
        show_commit(c, &d, vm, true);
        show_pages(c, &d, vm, pages);
    } else {
        show_pages(c, &d, vm, true);
        show_commit(c, &d, vm, false);
    }
    sc_draft_lacked(c, &d,
                    "Who has the memory: a program's share may be fair, and a leak is slow.");
    sc_draft_next(c, &d, "!vm in a kernel memory dump: which processes have committed most.");
    if (failures)
        sc_draft_next(c, &d,
                      "A larger maximum of the page file, or what commits so much: the "
                      "counter Memory\\Committed Bytes over days.");
    sc_draft_next(c, &d, "!poolused 2 and !poolused 4: which tags have most of the pools.");
    sc_case_add(c, &d);
}

const struct sc_rule sc_rule_low_memory = {
    "low-memory",
    "Memory is short now: pages of RAM, or what can be committed after requests failed.",
    SC_RULE_KERNEL | SC_RULE_STATE,
    run,
};
