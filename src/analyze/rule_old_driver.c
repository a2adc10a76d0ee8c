/* SPDX-License-Identifier: MIT */
/*
 * old-driver: drivers that are loaded and known for trouble (data/troubled.tsv), and third-party
 * drivers that were built many years before the dump was made. Since Windows 10 a time stamp may be
 * a hash, so there only drivers whose maker is known count as old. A mention, no accusation:
 * POSSIBLE, of nobody, and behind all other findings. Where one of them is named by a finding, that
 * finding's evidence is about something else; this only says what is known of it besides.
 */
#include <stdlib.h>

#include "analyze/advice.h"
#include "analyze/rule.h"
#include "analyze/troubled.h"
#include "base/time.h"

enum { OLD_YEARS = 10, OLD_MAX = 4, KNOWN_MAX = 6 };

struct mention {
    const struct sc_module *module;
    uint32_t stamp;
};

/* Years between a module's date and the dump's; 0 when there is none to be had. */
static unsigned age(struct sc_case *c, const struct sc_module *m) {
    if (!sc_case_built(c, m))
        return 0;
    struct sc_tm built = sc_time_split(sc_time_from_unix(m->timestamp), 0);
    struct sc_tm now = sc_time_split(c->machine->time, 0);
    int64_t years = now.year - built.year - (now.month < built.month);
    return years > 0 ? (unsigned)years : 0;
}

static bool is_third_partys(struct sc_case *c, const struct sc_module *m) {
    struct nt_driver driver = sc_case_driver(m);
    return driver.kind == NT_DRIVER_VENDOR && (driver.vendor[0] || c->machine->build < 10240);
}

static void show_known(struct sc_case *c, struct sc_draft *d, const struct sc_module *m,
                       const struct sc_troubled *t) {
    const char *built = sc_case_built(c, m);
    sc_draft_show(c, d, m->base, sc_case_lmvm(c, m), "%s%s%s%s is known for this: it %s (%s; %s).",
                  sc_case_name(c, m->image), built ? " (" : "", built ? built : "",
                  built ? ")" : "", t->what, t->date, t->source);
}

/* Keeps the oldest ones, oldest first. */
static void keep_oldest(struct mention list[OLD_MAX], size_t *n, const struct sc_module *m) {
    size_t at = *n;
    while (at > 0 && list[at - 1].stamp > m->timestamp)
        at--;
    if (at == OLD_MAX)
        return;
    size_t last = *n < OLD_MAX ? (*n)++ : OLD_MAX - 1;
    for (size_t i = last; i > at; i--)
        list[i] = list[i - 1];
    list[at] = (struct mention){m, m->timestamp};
}

static const char *drivers(struct sc_case *c, size_t n) {
    return n == 1 ? "a driver" : sc_case_text(c, "%zu drivers", n);
}

static const char *summary(struct sc_case *c, size_t known, size_t old) {
    const char *one = known ? sc_case_text(c, "%s known for trouble", drivers(c, known)) : "";
    const char *two =
        old ? sc_case_text(c, "%s more than %d years old", drivers(c, old), OLD_YEARS) : "";
    return sc_case_text(c, "Worth knowing, but no evidence: this machine has %s%s%s.", one,
                        known && old ? ", and " : "", two);
}

static void run(struct sc_case *c) {
    struct mention old[OLD_MAX];
    const struct sc_modules *list;
    size_t nold = 0, all_old = 0, nknown = 0;
    struct sc_draft d;
    if (sc_case_answered(c))
        return;
    sc_err *err = sc_target_modules(c->target, &list);
    if (err) {
        sc_err_destroy(err);
        return;
    }
    sc_draft_init(&d, SC_POSSIBLE);
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_module *m = &list->item[i];
        struct sc_troubled t;
        if (sc_troubled_find(m->image, m->timestamp, &t)) {
            if (nknown++ < KNOWN_MAX)
                show_known(c, &d, m, &t);
        } else if (is_third_partys(c, m) && age(c, m) >= OLD_YEARS) {
            all_old++;
            keep_oldest(old, &nold, m);
        }
    }
    for (size_t i = 0; i < nold; i++)
        sc_draft_show(c, &d, old[i].module->base, sc_case_lmvm(c, old[i].module),
                      "%s has a time stamp of %s, %u years before this dump.",
                      sc_case_name(c, old[i].module->image), sc_case_built(c, old[i].module),
                      age(c, old[i].module));
    if (!d.f.nevidence)
        return;
    d.f.summary = summary(c, nknown, all_old);
    d.f.detail = "Drivers that are old or known for trouble are loaded; nothing here says that "
                 "they have to do with this stop.";
    sc_draft_next(c, &d, "Newer versions of them from their makers; what is not needed can go.");
    sc_case_add(c, &d);
}

const struct sc_rule sc_rule_old_driver = {
    "old-driver",
    "Drivers are loaded that are very old or known for trouble: a mention, no accusation.",
    SC_RULE_KERNEL | SC_RULE_STATE,
    run,
};
