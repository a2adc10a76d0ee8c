/* SPDX-License-Identifier: MIT */
/*
 * Pages that are in use.
 *
 *   the PFN database's entry says                    the page is
 *   Active, Modified, ModifiedNoWrite, Transition    written
 *   Zeroed, Free, Standby; nobody refers to it       left out
 *   Bad                                              left out
 *   nothing: there is none, or it is not in the dump written, and counted
 *
 * Where page tables and database disagree the tables win: a page that a valid entry of any process
 * maps is written whatever its list, and so is every page table. The database of a machine that
 * went on running while it was dumped is not of one moment, and of large pages perhaps only the
 * first has an entry that means something.
 *
 * A database whose entry for the system's own page table says that nobody uses it is none that can
 * be believed.
 */
#include "convert/active.h"

#include <inttypes.h>

#include "convert/owners.h"
#include "convert/symbols.h"
#include "nt/pfn.h"

struct active {
    struct conversion *c;
    struct conv_marks keep, mapped, undescribed;
    uint64_t root, described; /* the system's page table; how many pages the database knows */
};

/* ---- what page tables lead to ---- */

static sc_err *walk_valid(struct active *a, struct conv_walk *w, const struct conv_roots *roots) {
    if (roots->why)
        sc_target_log(a->c->target, SC_LOG_WARN,
                      "the page tables of some processes are not known: %s",
                      sc_err_text(roots->why));
    w->valid_only = true;
    a->root = sc_mode_root(w->mode, &w->paging, 0) / CONV_PAGE;
    sc_err *err = conv_roots_walk(roots, w);
    for (uint64_t i = 0; !err && i <= a->mapped.bits / 64; i++)
        a->mapped.word[i] = w->kernel.word[i] | w->user.word[i] | w->tables.word[i];
    return err;
}

static sc_err *find_mapped(struct active *a) {
    struct conv_roots roots = {0};
    struct conv_walk w;
    conv_stage(a->c, "page tables", 0);
    sc_err *err = conv_roots_find(a->c, &roots);
    if (!err) {
        err = conv_walk_begin(&w, a->c);
        if (!err)
            err = walk_valid(a, &w, &roots);
        conv_walk_end(&w);
    }
    conv_roots_free(&roots);
    return err;
}

/* ---- the database ---- */

static sc_err *no_database(sc_err *why) {
    sc_err *err =
        sc_errf(SC_ERR_NOT_FOUND, "which pages are in use cannot be told: %s", sc_err_text(why));
    sc_err_destroy(why);
    return err;
}

static sc_err *disbelieve(const struct nt_pfn *p) {
    return sc_errf(SC_ERR_NOT_FOUND,
                   "which pages are in use cannot be told: the PFN database has page 0x%" PRIx64
                   ", which is the system's page table, on the list \"%s\"",
                   p->pfn, nt_page_location_name(p->location));
}

static void count_out(struct sc_convert_unused *n, unsigned location) {
    switch (location) {
    case NT_PAGE_ZEROED: n->zeroed++; break;
    case NT_PAGE_FREE: n->free++; break;
    case NT_PAGE_STANDBY: n->standby++; break;
    default: n->bad++; break;
    }
}

static sc_err *take_frame(void *ctx, const struct nt_pfn *p) {
    struct active *a = ctx;
    uint64_t index;
    sc_err *err = conv_progress(a->c, CONV_PAGE);
    if (err || !conv_pages_index(&a->c->pages, p->pfn, &index))
        return err;
    a->described++;
    conv_unmark(&a->undescribed, index);
    if (nt_pfn_in_use(p))
        return NULL;
    if (p->pfn == a->root)
        return disbelieve(p);
    if (conv_marked(&a->mapped, index)) {
        a->c->result.unused.mapped++;
    } else {
        conv_unmark(&a->keep, index);
        count_out(&a->c->result.unused, p->location);
    }
    return NULL;
}

/* Of memory whose entries are to be read, for the progress: no more than processors can address. */
static uint64_t count_bytes(const struct nt_pfndb *db) {
    const uint64_t most = UINT64_C(1) << 40;
    uint64_t n = db->nruns ? 0 : db->highest + 1;
    for (unsigned i = 0; i < db->nruns && n < most; i++)
        n += db->run[i].count;
    return (n < most ? n : most) * CONV_PAGE;
}

static sc_err *read_database(struct active *a, const struct nt_pfndb *db) {
    uint64_t absent;
    conv_stage(a->c, "page frame numbers", count_bytes(db));
    sc_err *err = nt_pfndb_each(db, take_frame, a, &absent);
    if (!err && !a->described)
        err = sc_errf(SC_ERR_NOT_FOUND,
                      "which pages are in use cannot be told: the PFN database, at 0x%" PRIx64
                      ", is not in this dump",
                      db->base);
    return err;
}

/* KEEP joins what was selected before. */
static void apply(struct active *a) {
    struct conversion *c = a->c;
    for (uint64_t i = 0; c->keep.word && i <= a->keep.bits / 64; i++)
        a->keep.word[i] &= c->keep.word[i];
    conv_marks_free(&c->keep);
    c->keep = a->keep;
    a->keep = (struct conv_marks){0};
    c->sel.keep = &c->keep;
    for (uint64_t i = 0; i <= c->keep.bits / 64; i++)
        c->result.unused.undescribed +=
            (uint64_t)__builtin_popcountll(a->undescribed.word[i] & c->keep.word[i]);
}

static sc_err *select_active(struct active *a, const struct nt_pfndb *db) {
    uint64_t n = a->c->pages.total;
    if (!conv_marks_init(&a->keep, n) || !conv_marks_init(&a->mapped, n) ||
        !conv_marks_init(&a->undescribed, n))
        return sc_err_nomem();
    conv_mark_row(&a->keep, 0, n);
    conv_mark_row(&a->undescribed, 0, n);
    sc_err *err = find_mapped(a);
    if (!err)
        err = read_database(a, db);
    if (!err)
        apply(a);
    return err;
}

sc_err *conv_active_select(struct conversion *c) {
    struct active a = {.c = c};
    struct conv_symbols s;
    struct nt_pfndb db;
    sc_err *err = conv_symbols_begin(c, &s);
    if (err)
        return err;
    err = nt_pfndb_open(&s.nt, &db);
    if (err && sc_err_code(err) == SC_ERR_NOT_FOUND)
        err = no_database(err);
    if (!err)
        err = select_active(&a, &db);
    conv_symbols_end(&s);
    conv_marks_free(&a.keep);
    conv_marks_free(&a.mapped);
    conv_marks_free(&a.undescribed);
    return err;
}
