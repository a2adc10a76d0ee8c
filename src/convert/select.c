/* SPDX-License-Identifier: MIT */
/*
 * Which pages are written.
 *
 *   all of them; or
 *   the kernel's: what the kernel half of any page table maps, and all page tables; or
 *   those, but none that a process maps, nor one that the PFN database calls a process's; or
 *   of all or of one of these the pages that are in use (active.c).
 *
 * The page of KUSER_SHARED_DATA, which every process maps, is the kernel's: it holds the time and
 * the version of the system.
 *
 * A page that neither half of any table maps (free, or on the standby and modified lists without a
 * process) is of unknown use; it may hold what a process left in it.
 */
#include <stdlib.h>

#include "convert/active.h"
#include "convert/owners.h"

static sc_err *need_all_processes(const struct conv_roots *roots) {
    if (!roots->why)
        return NULL;
    return sc_errf(sc_err_code(roots->why),
                   "which pages are the processes' cannot be told, so none is written: %s",
                   sc_err_text(roots->why));
}

static void spare_shared_data(struct conv_walk *w) {
    struct conversion *c = w->c;
    struct sc_translation t;
    uint64_t index;
    sc_translate(sc_target_paging(c->target), c->is64 ? 0xfffff78000000000 : 0xffdf0000, &t);
    if (t.status == SC_READ_OK && conv_pages_index(&c->pages, t.pa / CONV_PAGE, &index))
        conv_unmark(&w->user, index);
}

/* KEEP: kernel and tables, without the user's when it is to be stripped. */
static void combine(struct conv_walk *w, bool strip, struct conv_marks *keep) {
    for (uint64_t i = 0; i <= keep->bits / 64; i++) {
        keep->word[i] = w->kernel.word[i] | w->tables.word[i];
        if (strip)
            keep->word[i] &= ~w->user.word[i];
    }
}

/* Pages that no table knows. */
static uint64_t count_unknown(const struct conv_walk *w) {
    uint64_t known = 0;
    for (uint64_t i = 0; i <= w->kernel.bits / 64; i++)
        known +=
            (uint64_t)__builtin_popcountll(w->kernel.word[i] | w->tables.word[i] | w->user.word[i]);
    return w->kernel.bits - known;
}

static sc_err *use_owners(struct conversion *c, struct conv_walk *w,
                          const struct conv_roots *roots) {
    bool strip = c->opts->strip_user;
    sc_err *err = strip ? need_all_processes(roots) : NULL;
    if (!err)
        err = conv_roots_walk(roots, w);
    if (!err && !conv_marks_init(&c->keep, c->pages.total))
        err = sc_err_nomem();
    if (err)
        return err;
    c->result.left_out_unknown = count_unknown(w);
    spare_shared_data(w);
    combine(w, strip, &c->keep);
    if (strip)
        err = conv_pfn_strip(w, &c->keep);
    c->sel.keep = &c->keep;
    return err;
}

static sc_err *select_by_owner(struct conversion *c) {
    struct conv_roots roots = {0};
    struct conv_walk w;
    conv_stage(c, "page tables", 0);
    sc_err *err = conv_roots_find(c, &roots);
    if (!err) {
        err = conv_walk_begin(&w, c);
        if (!err)
            err = use_owners(c, &w, &roots);
        conv_walk_end(&w);
    }
    conv_roots_free(&roots);
    return err;
}

sc_err *conv_select(struct conversion *c) {
    bool kernel = c->opts->kernel_only || c->opts->to == SC_CONVERT_KERNEL;
    sc_err *err = kernel || c->opts->strip_user ? select_by_owner(c) : NULL;
    if (!err && c->opts->active_only)
        err = conv_active_select(c);
    c->result.pages = conv_selection_count(&c->sel);
    c->result.left_out = c->pages.total - c->result.pages;
    return err;
}
