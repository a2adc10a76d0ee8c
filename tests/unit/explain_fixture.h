/* SPDX-License-Identifier: MIT */
/*
 * For tests of explanations: the facts and the parameters of an analysis looked at, and every
 * command of it typed in a session on the same target.
 */
#ifndef STOPCODE_UNIT_EXPLAIN_FIXTURE_H
#define STOPCODE_UNIT_EXPLAIN_FIXTURE_H

#include "cmd/command.h"
#include "unit/analyze_fixture.h"
#include "unit/session_fixture.h"

/* The first fact with PART in it; NULL when none has. */
static inline const struct sc_evidence *fact(const struct sc_analysis *a, const char *part) {
    for (size_t i = 0; i < a->nfacts; i++)
        if (strstr(a->facts[i].claim, part))
            return &a->facts[i];
    return NULL;
}

static inline void says(const struct sc_analysis *a, const char *part) {
    if (fact(a, part))
        return;
    for (size_t i = 0; i < a->nfacts; i++)
        print_message("fact: %s\n", a->facts[i].claim);
    fail_msg("no fact says: %s", part);
}

static inline void arg_says(const struct sc_analysis *a, unsigned n, const char *part) {
    const char *meaning = a->arg[n - 1].meaning;
    if (!meaning || !strstr(meaning, part))
        fail_msg("parameter %u: \"%s\" is not in \"%s\"", n, part, meaning ? meaning : "(null)");
}

static inline bool notes(const struct sc_analysis *a, const char *part) {
    for (size_t i = 0; i < a->nnotes; i++)
        if (strstr(a->notes[i], part))
            return true;
    return false;
}

/* A session on TARGET, which belongs to it from now on. */
static inline void session_on(struct fix *f, sc_target *target) {
    *f = (struct fix){0};
    f->target = target;
    assert_null(sc_out_create(SC_RENDER_TEXT, sink_write, &f->sink, false, &f->out));
    assert_null(sc_session_create(f->target, f->out, &f->s));
}

static inline void type_one(struct fix *f, const char *command) {
    if (fix_run(f, command) != 0 || !fix_text(f)[0])
        fail_msg("%s: evidence fails: %s", command, fix_text(f));
}

/* Types every command of A: facts, evidence, registers, stack. */
static inline void type_all(struct fix *f, const struct sc_analysis *a) {
    for (size_t i = 0; i < a->nfacts; i++)
        type_one(f, a->facts[i].command);
    for (size_t i = 0; i < a->nfindings; i++)
        for (size_t k = 0; k < a->findings[i].nevidence; k++)
            type_one(f, a->findings[i].evidence[k].command);
    if (a->regs_command)
        type_one(f, a->regs_command);
}

#endif
