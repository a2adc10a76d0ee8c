/* SPDX-License-Identifier: MIT */
/*
 * What the pass through memory remembered, gone through by the weight of what it proves.
 *
 * A kernel without its lists is put aside, for it may be the remains of another one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "target/find_impl.h"

sc_err *find_keep(struct finder *f, struct find_roots *roots, enum sc_paging_mode mode,
                  uint64_t pa) {
    if (!find_may_be(f, mode) || roots->count == FIND_ROOTS_MAX)
        return NULL;
    if (!roots->item)
        roots->item = calloc(FIND_ROOTS_MAX, sizeof *roots->item);
    if (!roots->item)
        return sc_err_nomem();
    roots->item[roots->count++] = (struct find_root){mode, pa, 0};
    return NULL;
}

/* Something was found: it stays so if its lists can be followed. */
static void weigh(struct finder *f) {
    if (f->out.loaded_module_list && f->out.active_process_head)
        return;
    f->found = false;
    if (!f->has_second)
        f->second = f->out;
    f->has_second = true;
}

/* ---- blocks ---- */

static sc_err *try_pair(struct finder *f, const struct find_block *block,
                        const struct find_root *root, bool self) {
    sc_err *err = find_named(f, root, block);
    if (err || !f->found)
        return err;
    snprintf(f->out.how, sizeof f->out.how,
             "debugger data block at 0x%" PRIx64 ", and page table %s 0x%" PRIx64, block->pa,
             self ? "that maps itself at" : "at", root->dtb);
    weigh(f);
    return NULL;
}

static sc_err *try_with(struct finder *f, unsigned block, const struct find_roots *roots,
                        unsigned from, bool self) {
    sc_err *err = NULL;
    for (unsigned i = from; i < roots->count && !f->found && !err; i++)
        err = try_pair(f, &f->block[block], &roots->item[i], self);
    return err;
}

sc_err *find_by_new_pairs(struct finder *f) {
    sc_err *err = NULL;
    for (unsigned i = 0; i < f->nblocks && !f->found && !err; i++)
        err = try_with(f, i, &f->strict, i < f->paired_blocks ? f->paired_strict : 0, true);
    f->paired_blocks = f->nblocks;
    f->paired_strict = f->strict.count;
    return err;
}

sc_err *find_by_blocks(struct finder *f) {
    sc_err *err = NULL;
    for (unsigned i = 0; i < f->nblocks && !f->found && !err; i++)
        err = try_with(f, i, &f->weak, 0, false);
    return err;
}

/* ---- tables ---- */

static sc_err *try_roots(struct finder *f, const struct find_roots *roots, const char *what) {
    for (unsigned i = 0; i < roots->count && !f->found; i++) {
        sc_err *err = find_through(f, &roots->item[i]);
        if (err)
            return err;
        if (!f->found)
            continue;
        snprintf(f->out.how, sizeof f->out.how, "%s 0x%" PRIx64, what, roots->item[i].dtb);
        weigh(f);
    }
    return NULL;
}

sc_err *find_by_selfmap(struct finder *f) {
    return try_roots(f, &f->strict, "page table that maps itself at");
}

sc_err *find_by_images(struct finder *f) {
    return try_roots(f, &f->weak, "kernel's image, mapped by the page table at");
}
