/* SPDX-License-Identifier: MIT */
/*
 * Whose pages are.
 *
 * Where ActiveProcessLinks is in an EPROCESS follows from the list itself where that can be: its
 * first entry is the System process, whose address nt!PsInitialSystemProcess has. Else the build's
 * layout tells. Where DirectoryTableBase is, the debugger data block tells.
 *
 * An MMPFN's PteAddress is the address of the entry that maps the page, seen through the self-map:
 * that of a process's own page lies below the entries of the kernel's half. Low bits are flags.
 */
#include "convert/owners.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/vec.h"
#include "convert/symbols.h"
#include "nt/process.h"
#include "nt/process_name.h"

enum {
    LINKS_MAX = 0x1000, /* an EPROCESS is shorter */
    KD_PFN_DATABASE = 0xc0,
    KD_DIRECTORY_TABLE = 0x2ae,
    PROCESSES_MAX = 1 << 20,
};

/* ---- roots ---- */

static sc_err *add_root(struct conv_roots *roots, uint64_t dtb) {
    for (size_t i = 0; i < roots->count && i < 64; i++) /* the system's comes again and again */
        if (roots->item[i] == dtb)
            return NULL;
    uint64_t *slot = dtb ? SC_VEC_PUSH(roots) : NULL;
    if (slot)
        *slot = dtb;
    return slot || !dtb ? NULL : sc_err_nomem();
}

/* Where the EPROCESS of the list's entry LINK is. */
struct place {
    bool known; /* by `offset`; else the layout says */
    uint64_t offset;
};

static sc_err *find_place(const struct nt *nt, uint64_t head, struct place *ret) {
    uint64_t va = 0, first = 0, system = 0;
    bool found = false;
    *ret = (struct place){0};
    sc_err *err = sc_symtab_lookup_exact(nt->symtab, "nt!PsInitialSystemProcess", &va, &found);
    if (conv_is_grave(err))
        return err;
    sc_err_destroy(err);
    if (found && sc_space_ptr(nt->space, va, &system) == SC_READ_OK &&
        sc_space_ptr(nt->space, head, &first) == SC_READ_OK && first > system &&
        first - system < LINKS_MAX)
        *ret = (struct place){true, first - system};
    return NULL;
}

static sc_err *add_process(struct conv_symbols *s, const struct place *place, uint64_t link,
                           struct conv_roots *roots) {
    const struct nt *nt = &s->nt;
    uint64_t process = nt_add(nt, link, 0 - place->offset), at = 0, dtb = 0;
    sc_err *err = place->known ? NULL : nt_process_of_link(nt, link, &process);
    if (err)
        return err;
    if (!sc_target_kd_member(nt->target, KD_DIRECTORY_TABLE, 2, &at) || !at)
        at = nt->ptr_size == 8 ? 0x28 : 0x18; /* in all builds so far */
    enum sc_read status = sc_space_ptr(nt->space, nt_add(nt, process, at), &dtb);
    if (status != SC_READ_OK)
        return sc_err_mem(process, "the process at 0x%" PRIx64 " is %s", process,
                          sc_read_name(status));
    return add_root(roots, dtb);
}

static sc_err *add_processes(struct conv_symbols *s, struct conv_roots *roots) {
    char why[NT_LIST_TEXT];
    struct nt_list list;
    struct place place = {0};
    bool found = false;
    uint64_t link;
    sc_err *err = nt_processes_begin(&s->nt, &list, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "the dump does not say where the list of processes is");
    if (!err)
        err = find_place(&s->nt, list.head, &place);
    while (!err && nt_list_next(&list, &link))
        err = add_process(s, &place, link, roots);
    if (!err && list.end != NT_LIST_DONE)
        err = list.end == NT_LIST_STOP
                  ? sc_err_cancelled()
                  : sc_errf(SC_ERR_MEMORY, "the list of processes is broken: %s",
                            nt_list_end_text(&list, why));
    return err;
}

static sc_err *add_processors(struct conversion *c, struct conv_roots *roots) {
    const struct sc_threads *cpus;
    sc_err *err = sc_target_threads(c->target, &cpus);
    if (err && !conv_is_grave(err)) {
        sc_err_destroy(err);
        return NULL;
    }
    for (size_t i = 0; !err && i < cpus->count; i++)
        err = add_root(roots, cpus->item[i].dtb);
    return err;
}

sc_err *conv_roots_find(struct conversion *c, struct conv_roots *ret_roots) {
    struct conv_symbols s;
    struct conv_roots roots = {0};
    sc_err *err = add_root(&roots, sc_target_machine(c->target)->dtb);
    if (!err)
        err = add_processors(c, &roots);
    if (!err)
        err = conv_symbols_begin(c, &s);
    if (!err) {
        err = add_processes(&s, &roots);
        conv_symbols_end(&s);
        if (err && !conv_is_grave(err)) {
            roots.why = err;
            err = NULL;
        }
    }
    if (err)
        conv_roots_free(&roots);
    else
        *ret_roots = roots;
    return err;
}

void conv_roots_free(struct conv_roots *roots) {
    SC_VEC_FREE(roots);
    sc_err_destroy(roots->why);
    roots->why = NULL;
}

sc_err *conv_roots_walk(const struct conv_roots *roots, struct conv_walk *w) {
    sc_err *err = NULL;
    size_t ended = 0;
    for (int kernel = 0; kernel < 2 && !err; kernel++) {
        conv_walk_anew(w);
        for (size_t i = 0; i < roots->count && !err; i++) {
            bool live = !i || conv_walk_is_root(w, roots->item[i]);
            ended += !live && kernel;
            if (live)
                err = conv_walk_half(w, roots->item[i], kernel);
        }
    }
    if (ended)
        sc_target_log(w->c->target, SC_LOG_INFO, "%zu processes have no page tables any more",
                      ended);
    return err;
}

sc_err *conv_current_process(struct conversion *c, uint64_t *ret_process) {
    struct conv_symbols s;
    sc_err *err = conv_symbols_begin(c, &s);
    if (err)
        return err;
    err = nt_current_process(c->target, s.symtab, ret_process);
    conv_symbols_end(&s);
    return err;
}

/* ---- the PFN database ---- */

static const struct sc_layout_field pfn_fields[] = {{"PteAddress", 0, false}};
static const struct sc_layout_def pfn_def = {"nt!_MMPFN", pfn_fields, 1};

struct pfn_database {
    sc_space *space;
    uint64_t base, size, pte_at; /* of an entry; of PteAddress in it */
    uint64_t user_first, user_end;
};

/* *RET_FOUND false: it cannot be read. Only lack of memory and cancellation are errors. */
static sc_err *find_database(struct conv_walk *w, struct conv_symbols *s, struct pfn_database *ret,
                             bool *ret_found) {
    const sc_layout *layout = NULL;
    uint64_t variable = 0, base = 0, pte_base;
    sc_err *err = sc_layout_book_get(s->book, &pfn_def, &layout);
    *ret_found = false;
    if (conv_is_grave(err))
        return err;
    sc_err_destroy(err);
    sc_space *space = sc_target_space(w->c->target);
    if (!layout || !sc_layout_size(layout) || !conv_walk_pte_base(w, &pte_base) ||
        !sc_target_kd_member(w->c->target, KD_PFN_DATABASE, 8, &variable) ||
        sc_space_ptr(space, variable, &base) != SC_READ_OK || !base)
        return NULL;
    uint64_t half = w->c->is64 ? UINT64_C(1) << (w->mode->va_bits - 1) : UINT64_C(1) << 31;
    *ret = (struct pfn_database){
        .space = space,
        .base = base,
        .size = sc_layout_size(layout),
        .pte_at = sc_layout_offset(layout, 0),
        .user_first = pte_base,
        .user_end = pte_base + half / CONV_PAGE * w->mode->entry_size,
    };
    *ret_found = true;
    return NULL;
}

static bool is_a_process_page(const struct pfn_database *d, uint64_t pfn) {
    uint64_t pte = 0;
    uint64_t va = sc_space_canon(d->space, d->base + pfn * d->size + d->pte_at);
    if (sc_space_ptr(d->space, va, &pte) != SC_READ_OK)
        return false;
    pte &= ~(uint64_t)3;
    return pte >= d->user_first && pte < d->user_end;
}

static sc_err *strip(struct conv_walk *w, const struct pfn_database *d, struct conv_marks *keep) {
    struct conversion *c = w->c;
    struct conv_selection kept = {&c->pages, keep};
    uint64_t from = 0, pfn, count, index;
    while (conv_selection_next(&kept, from, &pfn, &count)) {
        for (uint64_t i = pfn; i < pfn + count; i++)
            if (conv_pages_index(&c->pages, i, &index) && !conv_marked(&w->tables, index) &&
                is_a_process_page(d, i))
                conv_unmark(keep, index);
        if (sc_target_cancelled(c->target))
            return sc_err_cancelled();
        from = pfn + count;
    }
    return NULL;
}

sc_err *conv_pfn_strip(struct conv_walk *w, struct conv_marks *keep) {
    struct conv_symbols s;
    struct pfn_database d;
    sc_err *err = conv_symbols_begin(w->c, &s);
    if (err)
        return err;
    bool found = false;
    err = find_database(w, &s, &d, &found);
    conv_symbols_end(&s);
    return !err && found ? strip(w, &d, keep) : err;
}
