/* SPDX-License-Identifier: MIT */
/*
 * `!sysptes 4`: who mapped locked pages, as the documentation of bug check 3F shows it:
 *
 *     0x2c47 System PTEs allocated to mapping locked pages
 *
 *     VA       MDL     PageCount  Caller/CallersCaller
 *     f0e5db48 eb6ceef0        1 ntkrpamp!MmMapLockedPages+0x15/ntkrpamp!IopfCallDriver+0x35
 *
 * Later kernels keep up to seven callers: all of them are shown.
 */
#include "cmd/ptetrack.h"

#include <inttypes.h>

#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "nt/ptetrack.h"

struct total {
    const char *where;
    uint64_t header, ptes;
};
static const struct sc_field total_fields[] = {
    SC_FIELD(struct total, where, SC_F_STR), SC_FIELD(struct total, header, SC_F_ADDR),
    SC_FIELD(struct total, ptes, SC_F_HEX64), SC_FIELD_END};
static const struct sc_rectype total_type = {"pte_trackers", sizeof(struct total), total_fields};

static void total_text(sc_out *out, const void *record, void *ctx) {
    const struct total *r = record;
    const int digits = *(const int *)ctx;
    if (r->ptes == SC_UNSET64)
        sc_puts(out, "\n? ");
    else
        sc_printf(out, "\n0x%" PRIx64 " ", r->ptes);
    sc_printf(out, "System PTEs allocated to mapping locked pages\n\n%-*s %-*s PageCount  %s\n",
              digits, "VA", digits - 1, "MDL", "Caller/CallersCaller");
}

struct row {
    uint64_t address, va, mdl;
    int64_t pages;
    const uint64_t *stack;
    size_t nstack;
    const char *callers; /* joined by slashes */
};
static const struct sc_field fields[] = {
    SC_FIELD(struct row, address, SC_F_ADDR),
    SC_FIELD(struct row, va, SC_F_ADDR),
    SC_FIELD(struct row, mdl, SC_F_ADDR),
    SC_FIELD(struct row, pages, SC_F_NUM),
    {"stack", SC_F_HEXES, offsetof(struct row, stack), offsetof(struct row, nstack), NULL, NULL},
    SC_FIELD(struct row, callers, SC_F_STR),
    SC_FIELD_END};
static const struct sc_rectype type = {"pte_tracker", sizeof(struct row), fields};

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const unsigned ptr_size = *(const unsigned *)ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_printf(out, "%s %s ", sc_nt_ptr_text(r->va, ptr_size, a),
              sc_nt_ptr_text(r->mdl, ptr_size, b));
    if (r->pages == INT64_MIN)
        sc_printf(out, "%8s %s\n", "?", r->callers);
    else
        sc_printf(out, "%8" PRIx64 " %s\n", (uint64_t)r->pages, r->callers);
}

struct job {
    sc_session *s;
    const struct nt *nt;
    uint64_t shown;
};

static sc_err *callers(struct job *j, const struct nt_pte_tracker *t, sc_arena *arena,
                       const char **ret) {
    const char *all = t->nstack ? "" : "?", *name;
    char buf[SC_NT_BUF];
    for (size_t i = 0; i < t->nstack; i++) {
        sc_err *err = sc_near(j->s, t->stack[i], arena, &name);
        if (err)
            return err;
        if (!name)
            name = sc_nt_ptr_text(t->stack[i], j->nt->ptr_size, buf);
        all = sc_arena_printf(arena, "%s%s%s", all, i ? "/" : "", name);
        if (!all)
            return sc_err_nomem();
    }
    *ret = all;
    return NULL;
}

/* Each in an arena of its own: there may be a million of them. */
static sc_err *show(void *ctx, const struct nt_pte_tracker *t) {
    struct job *j = ctx;
    sc_arena *arena = sc_arena_create();
    struct row r = {.address = t->address,
                    .va = sc_nt_addr(&t->f[NT_PT_VA]),
                    .mdl = sc_nt_addr(&t->f[NT_PT_MDL]),
                    .pages = sc_nt_num(&t->f[NT_PT_COUNT]),
                    .stack = t->stack,
                    .nstack = t->nstack};
    if (!arena)
        return sc_err_nomem();
    sc_err *err = callers(j, t, arena, &r.callers);
    if (!err)
        sc_record(j->s->out, &type, &r, row_text, (void *)&j->nt->ptr_size);
    sc_arena_destroy(arena);
    j->shown++;
    return err;
}

static void say_ended(sc_session *s, const struct nt_ptetrack *t, uint64_t shown) {
    char why[NT_LIST_TEXT];
    if (t->damaged)
        sc_remark(s->out, "%zu of %" PRIu64 " lists did not end as they should: %s.", t->damaged,
                  t->lists, nt_list_end_text(&t->broken, why));
    else if (!shown)
        sc_remark(s->out, "The lists are empty: %s.",
                  t->tracking.state == NT_READ && !t->tracking.value
                      ? "nt!MmTrackPtes is 0, so that the kernel kept none"
                      : "the kernel keeps them when TrackPtes is set in the registry");
}

sc_err *sc_show_pte_trackers(sc_session *s, const struct nt *nt) {
    struct job j = {s, nt, 0};
    struct nt_ptetrack t;
    int digits = (int)nt->ptr_size * 2;
    sc_err *err = nt_ptetrack_open(nt, &t);
    if (err)
        return err;
    if (!t.header)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "!sysptes: flag 4 needs nt!MiPteHeader, or nt!MiVisibleState with "
                       "nt!_MI_VISIBLE_STATE.PteHeader: neither is in the dump and its symbols");
    const struct total r = {t.name, t.header, nt_or(&t.count, SC_UNSET64)};
    sc_record(s->out, &total_type, &r, total_text, &digits);
    if (!t.known) {
        sc_remark(s->out, "Who allocated them is not known: the symbols do not have "
                          "nt!_PTE_TRACKER, as those of Windows XP and Server 2003.");
        return NULL;
    }
    err = nt_ptetrack_each(&t, show, &j);
    if (!err)
        say_ended(s, &t, j.shown);
    if (!err)
        sc_nt_assumed(s, t.assumed);
    return err;
}
