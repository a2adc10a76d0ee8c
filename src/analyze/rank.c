/* SPDX-License-Identifier: MIT */
/*
 * Putting findings in order. Those about the same module are one finding: the better one, with the
 * evidence of the others added to its own, nothing twice. The rest compete, and all are kept:
 *
 *   1. by confidence;
 *   2. a framework of Windows, which works with what others hand to it, behind those others who do
 *      not come with Windows; not behind who only handed on a request that reached it by others;
 *   3. then in the order of the rules, which is that of how direct their evidence is (rules.c):
 *      what the dump records of its own end, the failing instruction, parameters, the stack.
 */
#include <string.h>

#include "analyze/culprit.h"

enum { EVIDENCE_MAX = 20, LINES_MAX = 12, SUPPORT_MAX = 8 };

/* By confidence; findings of one confidence stay in the order of the rules. */
static void sort(struct sc_findings *list) {
    for (size_t i = 1; i < list->count; i++) {
        struct sc_finding f = list->item[i];
        size_t at = i;
        for (; at > 0 && list->item[at - 1].confidence < f.confidence; at--)
            list->item[at] = list->item[at - 1];
        list->item[at] = f;
    }
}

static bool is_frameworks(const struct sc_finding *f) {
    return f->module && sc_case_driver(f->module).kind == NT_DRIVER_FRAMEWORK;
}

/*
 * May F be about the client that a framework failed for? Somebody else's driver, not another part
 * of Windows: of those the one whose code failed comes first. And not who only handed on a request
 * that reached the framework by way of others.
 */
static bool is_client(const struct sc_case *c, const struct sc_finding *f) {
    const struct sc_culprit *k = c->culprit;
    bool sender = k->found && k->link == SC_LINK_SENT && k->module == f->module &&
                  strcmp(f->rule, "stack") == 0;
    return f->module && !sender && sc_case_driver(f->module).kind == NT_DRIVER_VENDOR;
}

/* The last one of the same confidence behind I that names a client; or I. */
static size_t last_client(const struct sc_case *c, const struct sc_findings *list, size_t i) {
    size_t last = i;
    for (size_t j = i + 1; j < list->count; j++)
        if (list->item[j].confidence == list->item[i].confidence && is_client(c, &list->item[j]))
            last = j;
    return last;
}

static void put_frameworks_back(const struct sc_case *c, struct sc_findings *list) {
    for (size_t i = list->count; i-- > 0;) {
        if (!is_frameworks(&list->item[i]))
            continue;
        struct sc_finding f = list->item[i];
        size_t last = last_client(c, list, i);
        for (size_t at = i; at < last; at++)
            list->item[at] = list->item[at + 1];
        list->item[last] = f;
    }
}

/* Room for COUNT elements of SIZE bytes with the first OLD taken over; NULL: memory is short. */
static void *grown(struct sc_case *c, const void *from, size_t old, size_t count, size_t size) {
    void *to = sc_arena_array(c->arena, count, size);
    if (!to)
        c->nomem = true;
    else if (old)
        memcpy(to, from, old * size);
    return to;
}

static bool has_claim(const struct sc_finding *f, const struct sc_evidence *e) {
    for (size_t i = 0; i < f->nevidence; i++)
        if (strcmp(f->evidence[i].claim, e->claim) == 0)
            return true;
    return false;
}

static void join_evidence(struct sc_case *c, struct sc_finding *to, const struct sc_finding *from) {
    struct sc_evidence *all =
        grown(c, to->evidence, to->nevidence, to->nevidence + from->nevidence, sizeof *all);
    if (!all)
        return;
    to->evidence = all;
    for (size_t i = 0; i < from->nevidence && to->nevidence < EVIDENCE_MAX; i++)
        if (!has_claim(to, &from->evidence[i]))
            all[to->nevidence++] = from->evidence[i];
}

static bool has_line(const char *const *list, size_t n, const char *line) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], line) == 0)
            return true;
    return false;
}

static void join_lines(struct sc_case *c, const char ***list, size_t *n, const char *const *from,
                       size_t nfrom, size_t max) {
    const char **all = nfrom ? grown(c, *list, *n, *n + nfrom, sizeof *all) : NULL;
    if (!all)
        return;
    *list = all;
    for (size_t i = 0; i < nfrom && *n < max; i++)
        if (!has_line(all, *n, from[i]))
            all[(*n)++] = from[i];
}

static void join(struct sc_case *c, struct sc_finding *to, const struct sc_finding *from) {
    join_evidence(c, to, from);
    join_lines(c, &to->lacked, &to->nlacked, from->lacked, from->nlacked, LINES_MAX);
    join_lines(c, &to->next, &to->nnext, from->next, from->nnext, LINES_MAX);
    join_lines(c, &to->support, &to->nsupport, &from->rule, 1, SUPPORT_MAX);
}

void sc_case_rank(struct sc_case *c) {
    struct sc_findings *list = &c->findings;
    sort(list);
    put_frameworks_back(c, list);
    for (size_t i = 0; i < list->count; i++) {
        size_t kept = i + 1;
        for (size_t j = i + 1; j < list->count; j++) {
            if (list->item[i].module && list->item[j].module == list->item[i].module)
                join(c, &list->item[i], &list->item[j]);
            else
                list->item[kept++] = list->item[j];
        }
        list->count = kept;
    }
}
