/* SPDX-License-Identifier: MIT */
/*
 * What a finding says of a module besides blaming it, and what would settle the question: lines
 * that several rules write. Commands of Windows are given whole, so that they can be typed.
 */
#ifndef STOPCODE_ANALYZE_ADVICE_H
#define STOPCODE_ANALYZE_ADVICE_H

#include "analyze/blame.h"
#include "analyze/case.h"
#include "analyze/culprit.h"

/* sc_blame_of() the analysis' bug check. */
struct sc_blame sc_case_blame(const struct sc_case *c);
/*
 * Is the culprit that was found, if any, none after all? By the bug check the stack may be no
 * evidence; a driver of Windows that noticed damage is nearly always the victim, and so is anybody
 * who only asked for memory or handed a request on; and who only waits has done nothing.
 */
bool sc_stack_is_silent(const struct sc_case *c);
/*
 * Is the stop, or the dump, about the state of the machine rather than about what some code did:
 * asked for, by hand or by a watchdog of processes that do not answer; or out of memory?
 */
bool sc_case_about_state(const struct sc_case *c);
/* "2015-03-04": MODULE's time stamp; NULL when it is none. */
const char *sc_case_built(struct sc_case *c, const struct sc_module *module);
/* Evidence: its version, date and maker, as far as they are known; nothing when none is. */
void sc_show_module(struct sc_case *c, struct sc_draft *d, const struct sc_module *module);
/* What to look at next about MODULE, and Driver Verifier with flags that fit the bug check. */
void sc_advise_module(struct sc_case *c, struct sc_draft *d, const struct sc_module *module);
/* Driver Verifier with special pool on all drivers that do not come with Windows. */
void sc_advise_all_drivers(struct sc_case *c, struct sc_draft *d);
/* A fuller dump of the next one. Nothing when this one is full. */
void sc_advise_dump(struct sc_case *c, struct sc_draft *d);
/*
 * Evidence for a finding that blames nobody: why the stack names no driver, or is no evidence. What
 * was missing goes to what the finding lacked.
 */
void sc_show_no_culprit(struct sc_case *c, struct sc_draft *d);

#endif
