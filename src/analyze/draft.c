/* SPDX-License-Identifier: MIT */
/*
 * Findings in the making. A draft has fixed room: a verdict with more than a dozen pieces of
 * evidence is not read by anybody, so what comes later is dropped.
 */
#include <string.h>

#include "analyze/case.h"
#include "base/vec.h"

void sc_draft_init(struct sc_draft *d, enum sc_confidence confidence) {
    memset(d, 0, sizeof *d);
    d->f.confidence = confidence;
}

/* The text of a function's variable arguments. */
#define TEXT(c, fmt, ret)                                                                          \
    do {                                                                                           \
        va_list ap_;                                                                               \
        va_start(ap_, fmt);                                                                        \
        ret = sc_case_vtext(c, fmt, ap_);                                                          \
        va_end(ap_);                                                                               \
    } while (0)

static void add_evidence(struct sc_draft *d, bool against, uint64_t address, const char *command,
                         const char *claim) {
    if (d->f.nevidence == SC_EVIDENCE_MAX)
        return;
    d->evidence[d->f.nevidence++] = (struct sc_evidence){claim, against, address, command};
}

void sc_draft_show(struct sc_case *c, struct sc_draft *d, uint64_t address, const char *command,
                   const char *fmt, ...) {
    const char *claim;
    TEXT(c, fmt, claim);
    add_evidence(d, false, address, command, claim);
}

void sc_draft_against(struct sc_case *c, struct sc_draft *d, uint64_t address, const char *command,
                      const char *fmt, ...) {
    const char *claim;
    TEXT(c, fmt, claim);
    add_evidence(d, true, address, command, claim);
}

void sc_draft_lacked(struct sc_case *c, struct sc_draft *d, const char *fmt, ...) {
    if (d->f.nlacked < SC_LINES_MAX)
        TEXT(c, fmt, d->lacked[d->f.nlacked++]);
}

void sc_draft_next(struct sc_case *c, struct sc_draft *d, const char *fmt, ...) {
    if (d->f.nnext < SC_LINES_MAX)
        TEXT(c, fmt, d->next[d->f.nnext++]);
}

/* COUNT elements of SIZE bytes in the arena; NULL with `nomem` set when memory is short. */
static void *keep(struct sc_case *c, const void *from, size_t count, size_t size) {
    void *to = count ? sc_arena_array(c->arena, count, size) : NULL;
    if (count && !to)
        c->nomem = true;
    if (to)
        memcpy(to, from, count * size);
    return to;
}

void sc_case_add(struct sc_case *c, const struct sc_draft *d) {
    if (!d->f.nevidence || !d->f.summary || !d->f.detail || c->nomem)
        return;
    struct sc_finding f = d->f;
    f.rule = c->rule;
    f.evidence = keep(c, d->evidence, d->f.nevidence, sizeof *d->evidence);
    f.lacked = keep(c, d->lacked, d->f.nlacked, sizeof *d->lacked);
    f.next = keep(c, d->next, d->f.nnext, sizeof *d->next);
    if (c->nomem)
        return;
    struct sc_finding *slot = SC_VEC_PUSH(&c->findings);
    if (slot)
        *slot = f;
    else
        c->nomem = true;
}
