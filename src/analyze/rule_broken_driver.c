/* SPDX-License-Identifier: MIT */
/*
 * broken-driver: when it stopped, the kernel wrote the name of a driver into the dump (the
 * BrokenDriver field of a triage dump; the name that the blue screen shows).
 *
 * STRONG, not CERTAIN: the kernel takes the driver whose image the faulting address lay in, so the
 * name is its judgement, made with less than what is known afterwards. The kernel's own name there
 * blames nobody.
 */
#include <string.h>

#include "analyze/rule.h"
#include "base/utf.h"
#include "stopcode/kdump.h"

static void run(struct sc_case *c) {
    const struct sc_source *source = sc_target_source(c->target);
    const char *name = source ? sc_triage_broken_driver(source) : NULL;
    if (!name || !sc_base_name(name)[0])
        return;
    name = sc_base_name(name);
    const struct sc_module *m = sc_target_module_named(c->target, name);
    struct nt_driver driver = {NT_DRIVER_VENDOR, "", "", ""};
    nt_driver_find(name, &driver);
    if (driver.kind == NT_DRIVER_KERNEL || sc_case_is_kernel(m))
        return;
    struct sc_draft d;
    sc_draft_init(&d, driver.kind == NT_DRIVER_FRAMEWORK ? SC_LIKELY : SC_STRONG);
    d.f.module = m;
    const char *shown = sc_case_name(c, name);
    d.f.symbol = shown;
    d.f.summary = sc_case_text(c,
                               "When it stopped, Windows itself took %s for the driver that "
                               "failed.",
                               m ? sc_case_who(c, m) : shown);
    d.f.detail = sc_case_text(c,
                              "The dump's BrokenDriver field, which the kernel filled when it "
                              "stopped, names %s.",
                              shown);
    sc_draft_show(c, &d, SC_UNSET64, ".dumpdebug", "The BrokenDriver field says %s.", shown);
    if (m)
        sc_draft_show(c, &d, m->base, sc_case_lmvm(c, m), "It is loaded: %s.",
                      sc_case_extent(c, m));
    else
        sc_draft_against(c, &d, SC_UNSET64, "lm", "No module of that name is loaded.");
    sc_draft_next(c, &d, "Is there a newer version of %s? Driver Verifier on it.", shown);
    sc_case_add(c, &d);
}

const struct sc_rule sc_rule_broken_driver = {
    "broken-driver",
    "The kernel wrote the name of a driver into the dump when it stopped.",
    SC_RULE_KERNEL,
    run,
};
