/* SPDX-License-Identifier: MIT */
/*
 * The walk through page tables.
 *
 * Windows maps the tables into the address space by an entry that leads back to the table that it
 * stands in (with PAE: to the four directories). Such an entry is passed over: behind it are tables
 * seen as pages, which the walk marks anyway.
 */
#include "convert/walk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENTRIES_A_PAGE = 64, /* a page is mapped once or twice, and most entries are empty */
    ENTRIES_LEAST = 1 << 20,
    LARGE_COST = 2 << 20, /* bytes of a page that count as one entry */
};

sc_err *conv_walk_begin(struct conv_walk *w, struct conversion *c) {
    const struct sc_paging *paging = sc_target_paging(c->target);
    *w = (struct conv_walk){.c = c, .paging = *paging, .mode = sc_mode_of(paging->mode)};
    if (!w->mode)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "whose a page is cannot be told: this dump has no page tables");
    uint64_t n = c->pages.total;
    bool ok = conv_marks_init(&w->kernel, n) && conv_marks_init(&w->user, n) &&
              conv_marks_init(&w->tables, n);
    for (unsigned i = 0; i < w->mode->levels && ok; i++)
        ok = conv_marks_init(&w->seen[i], n);
    w->budget = n * ENTRIES_A_PAGE + ENTRIES_LEAST;
    return ok ? NULL : sc_err_nomem();
}

void conv_walk_end(struct conv_walk *w) {
    conv_marks_free(&w->kernel);
    conv_marks_free(&w->user);
    conv_marks_free(&w->tables);
    for (unsigned i = 0; i < SC_PAGING_LEVELS_MAX; i++)
        conv_marks_free(&w->seen[i]);
}

void conv_walk_anew(struct conv_walk *w) {
    for (unsigned i = 0; i < w->mode->levels; i++)
        memset(w->seen[i].word, 0, (size_t)(w->seen[i].bits / 64 + 1) * 8);
}

/* ---- one table ---- */

static bool is_root(const struct conv_walk *w, uint64_t table) {
    for (unsigned i = 0; i < w->nroots; i++)
        if (w->root[i] == table)
            return true;
    return false;
}

static uint64_t number(const uint8_t *p, unsigned size) {
    uint64_t v = 0;
    memcpy(&v, p, size); /* little-endian, as the library's hosts are */
    return v;
}

static sc_err *spend(struct conv_walk *w, uint64_t entries) {
    if (entries > w->budget)
        return sc_errf(SC_ERR_LIMIT, "the page tables map many times more than there is: they are "
                                     "damaged, and whose a page is cannot be told");
    w->budget -= entries;
    return NULL;
}

static sc_err *mark_page(struct conv_walk *w, uint64_t pa, uint64_t size) {
    sc_err *err = spend(w, size / LARGE_COST);
    if (!err)
        conv_mark_memory(&w->c->pages, w->into, pa & ~(uint64_t)(CONV_PAGE - 1), size);
    return err;
}

static sc_err *walk_table(struct conv_walk *w, unsigned level, const struct sc_table *table,
                          uint64_t va, bool kernel);

/* The table that an entry of LEVEL leads to, unless the entry is the self-map's. */
static sc_err *walk_below(struct conv_walk *w, unsigned level, struct sc_table table, uint64_t va,
                          bool kernel) {
    bool is_pae_root = w->paging.mode == SC_PAGING_PAE && level == 2;
    if (!table.paged) {
        table.at &= ~(uint64_t)(CONV_PAGE - 1);
        if (is_root(w, table.at) && !is_pae_root) /* there it is how the directories are named */
            return NULL;
    }
    return walk_table(w, level - 1, &table, va, kernel);
}

/* The entry VALUE of LEVEL for VA. */
static sc_err *take_entry(struct conv_walk *w, unsigned level, uint64_t value, uint64_t va,
                          bool kernel) {
    struct sc_translation t = {.kind = SC_PTE_NONE};
    struct sc_table table;
    sc_entry_decode(&w->paging, level, false, value, &t);
    if (level && sc_table_of(&t, &table))
        return walk_below(w, level, table, va, kernel);
    if (t.kind == SC_PTE_VALID)
        return mark_page(w, t.pa, UINT64_C(1) << sc_mode_shift(w->mode, level));
    if (w->valid_only)
        return NULL;
    if (t.kind == SC_PTE_TRANSITION)
        return mark_page(w, t.pa, CONV_PAGE);
    if (t.kind != SC_PTE_PROTOTYPE)
        return NULL;
    sc_paging_resolve(&w->paging, va, NULL, &t);
    return t.status == SC_READ_OK ? mark_page(w, t.pa, CONV_PAGE) : NULL;
}

/*
 * Is it the first visit to TABLE as one of LEVEL? Not, too, when the dump lacks it. First tables
 * are visited only for their process: with PAE several lie in one page. Of those in page files
 * nothing is kept: few are, and the budget counts them.
 */
static bool visit(struct conv_walk *w, unsigned level, const struct sc_table *table) {
    uint64_t index;
    if (table->paged)
        return true;
    if (!conv_pages_index(&w->c->pages, table->at / CONV_PAGE, &index))
        return false;
    conv_mark(&w->tables, index);
    if (level == w->mode->levels - 1)
        return true;
    if (conv_marked(&w->seen[level], index))
        return false;
    conv_mark(&w->seen[level], index);
    return true;
}

/* The entries of TABLE that lie in the half; VA: of its first one. */
static sc_err *walk_table(struct conv_walk *w, unsigned level, const struct sc_table *table,
                          uint64_t va, bool kernel) {
    const struct sc_mode *m = w->mode;
    uint8_t bytes[CONV_PAGE];
    if (!visit(w, level, table))
        return NULL;
    if (sc_target_cancelled(w->c->target))
        return sc_err_cancelled();
    size_t size = (size_t)sc_mode_count(m, level) * m->entry_size;
    if (!sc_table_read(&w->paging, table, bytes, size))
        return NULL;
    sc_err *err = spend(w, 1);
    for (unsigned i = 0; i < sc_mode_count(m, level) && !err; i++) {
        uint64_t value = number(bytes + (size_t)i * m->entry_size, m->entry_size);
        uint64_t at = sc_mode_canon(m, va + ((uint64_t)i << sc_mode_shift(m, level)));
        if (!value || sc_paging_is_kernel(w->paging.mode, at) != kernel)
            continue;
        err = spend(w, 1);
        if (!err)
            err = take_entry(w, level, value, at, kernel);
    }
    return err;
}

/* ---- roots ---- */

static uint64_t entry_at(struct conv_walk *w, uint64_t pa) {
    uint64_t v = 0;
    return sc_space_uint(w->paging.phys, pa, w->mode->entry_size, &v) == SC_READ_OK ? v : 0;
}

/* The process's tables, and where its self-map would lead. */
static uint64_t set_root(struct conv_walk *w, uint64_t dtb) {
    w->paging.root = dtb;
    if (w->paging.mode == SC_PAGING_ARM64)
        w->paging.kernel_root = 0; /* one table for both halves */
    uint64_t root = sc_mode_root(w->mode, &w->paging, 0);
    w->root[0] = root & ~(uint64_t)(CONV_PAGE - 1);
    w->nroots = 1;
    for (unsigned i = 0; w->paging.mode == SC_PAGING_PAE && i < 4; i++) {
        struct sc_entry e;
        uint64_t value = entry_at(w, root + 8 * i);
        w->mode->decode(2, value, &e);
        if (value & 1)
            w->root[w->nroots++] = e.pa;
    }
    return root;
}

sc_err *conv_walk_half(struct conv_walk *w, uint64_t dtb, bool kernel) {
    unsigned top = w->mode->levels - 1;
    uint64_t root = set_root(w, dtb);
    w->into = kernel ? &w->kernel : &w->user;
    return walk_table(w, top, &(struct sc_table){.at = root}, 0, kernel);
}

bool conv_walk_is_root(struct conv_walk *w, uint64_t dtb) {
    const struct sc_machine *m = sc_target_machine(w->c->target);
    const uint64_t known[] = {m->kernel_base, m->loaded_module_list, m->debugger_data,
                              w->c->is64 ? 0xfffff78000000000 : 0xffdf0000};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct sc_translation system, own;
        sc_translate(sc_target_paging(w->c->target), known[i], &system);
        if (!known[i] || system.status != SC_READ_OK)
            continue;
        set_root(w, dtb);
        sc_translate(&w->paging, known[i], &own);
        return own.status == SC_READ_OK && own.pa == system.pa;
    }
    return true; /* nothing to tell it by */
}

bool conv_walk_pte_base(struct conv_walk *w, uint64_t *ret_base) {
    unsigned top = w->mode->levels - 1;
    if (!w->c->is64) {
        *ret_base = 0xc0000000;
        return true;
    }
    uint64_t root = set_root(w, sc_target_machine(w->c->target)->dtb);
    for (unsigned i = sc_mode_count(w->mode, top) / 2; i < sc_mode_count(w->mode, top); i++) {
        struct sc_entry e;
        uint64_t value = entry_at(w, root + 8 * i);
        if (!(value & 1))
            continue;
        w->mode->decode(top, value, &e);
        if (e.kind != SC_PTE_TABLE || e.pa != w->root[0])
            continue;
        *ret_base = sc_mode_canon(w->mode, (uint64_t)i << sc_mode_shift(w->mode, top));
        return true;
    }
    return false;
}
