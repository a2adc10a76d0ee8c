/* SPDX-License-Identifier: MIT */
/*
 * Whole memory: the physical space of the container's pages, and spaces over its page tables.
 *
 * Everything is opened when it is first read. Which mode the tables have follows from the CPU and
 * what the container says; where it can be one of two (PAE or not, four levels or five), both are
 * tried with addresses that must be there.
 */
#include "target/whole.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mem/pages.h"
#include "mem/paging_impl.h"
#include "mem/space_impl.h"

/* ---- page files ---- */

/*
 * Nothing marks a page file. What can be told: it is whole pages, and one that begins with a dump
 * is that of a machine which has stopped since: Windows writes dumps there, over what it was.
 */
static sc_err *check_pagefile(struct sc_source *source, const sc_file *file, size_t number) {
    const char *name = sc_file_name(file);
    uint64_t size = sc_file_size(file);
    char head[4] = "";
    size_t got = 0;
    if (size < 0x1000)
        return sc_errf(SC_ERR_FORMAT, "%s has %" PRIu64 " bytes: no page file is less than a page",
                       name, size);
    if (size % 0x1000)
        sc_source_note(source, SC_UNSET64,
                       "page file %zu: %s is not whole pages: was a copy broken off?", number,
                       name);
    if (sc_file_read_some(file, 0, head, sizeof head, &got) && !memcmp(head, "PAGE", 4))
        sc_source_note(source, SC_UNSET64,
                       "page file %zu: %s begins with a dump, which is written over what was paged "
                       "out: open that file itself, or take it from before the stop",
                       number, name);
    return NULL;
}

static sc_err *open_pagefiles(struct sc_whole *w, struct sc_source *source,
                              const struct sc_open_opts *opts) {
    size_t n = opts && opts->pagefile ? opts->npagefiles : 0;
    if (n > SC_PAGEFILES_MAX)
        return sc_errf(SC_ERR_ARG, "%zu page files are given: a system has at most %d", n,
                       SC_PAGEFILES_MAX);
    for (size_t i = 0; i < n; i++) {
        unsigned flags = opts->no_mmap ? SC_FILE_NO_MMAP : 0;
        sc_err *err =
            opts->pagefile[i] ? sc_file_open(opts->pagefile[i], flags, &w->pagefile[i]) : NULL;
        if (!err && w->pagefile[i])
            err = check_pagefile(source, w->pagefile[i], i);
        if (err)
            return sc_err_prefix(err, "page file %zu", i);
    }
    return NULL;
}

static enum sc_read read_pagefile(void *ctx, unsigned number, uint64_t page, uint8_t buf[0x1000]) {
    const struct sc_whole *w = ((sc_target *)ctx)->whole;
    const sc_file *file = number < SC_PAGEFILES_MAX ? w->pagefile[number] : NULL;
    size_t got = 0;
    if (!file && w->ask)
        return w->ask(w->ask_ctx, number, page, buf);
    if (!file || page > UINT64_MAX / 0x1000)
        return SC_READ_PAGED_OUT;
    if (!sc_file_read_some(file, page * 0x1000, buf, 0x1000, &got))
        return SC_READ_IO;
    return got == 0x1000 ? SC_READ_OK : SC_READ_PAGED_OUT;
}

enum sc_read sc_target_pagefile(sc_target *target, unsigned number, uint64_t page,
                                uint8_t ret_page[0x1000]) {
    if (!target->whole)
        return SC_READ_PAGED_OUT;
    const struct sc_paging files = {
        .pagefile = read_pagefile, .pagefile_ctx = target, .stores = target->whole->system.stores};
    return sc_pagefile_read(&files, number, page, ret_page);
}

/* ---- which tables ---- */

/* Do TABLES lead to something that must be there? */
static bool leads_somewhere(sc_target *t, const struct sc_paging *tables) {
    const struct sc_machine *m = &t->source->machine;
    bool narrow = m->cpu == SC_CPU_X86;
    const uint64_t known[] = {m->loaded_module_list, m->debugger_data, m->active_process_head,
                              m->kernel_base, narrow ? 0xffdf0000 : 0xfffff78000000000};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct sc_translation tr;
        if (!known[i])
            continue;
        sc_translate(tables, known[i], &tr);
        if (tr.status == SC_READ_OK)
            return true;
    }
    return false;
}

/* The modes that the CPU can have, the likelier first. */
static size_t modes_of(const struct sc_machine *m, enum sc_paging_mode ret[2]) {
    switch (m->cpu) {
    case SC_CPU_X86:
        ret[0] = m->pae ? SC_PAGING_PAE : SC_PAGING_X86;
        ret[1] = m->pae ? SC_PAGING_X86 : SC_PAGING_PAE;
        return 2;
    case SC_CPU_X64:
        ret[0] = m->paging_levels == 5 ? SC_PAGING_X64_LA57 : SC_PAGING_X64;
        ret[1] = m->paging_levels == 5 ? SC_PAGING_X64 : SC_PAGING_X64_LA57;
        return 2;
    case SC_CPU_ARM64: ret[0] = SC_PAGING_ARM64; return 1;
    default: return 0;
    }
}

static struct sc_paging tables_of(sc_target *t, enum sc_paging_mode mode) {
    const struct sc_machine *m = &t->source->machine;
    return (struct sc_paging){
        .mode = mode,
        .root = m->dtb,
        .kernel_root = mode == SC_PAGING_ARM64 ? m->dtb : 0,
        .soft = sc_soft_pte_of(m->cpu, mode == SC_PAGING_PAE, m->build),
        .phys = t->phys,
        .pagefile = read_pagefile,
        .pagefile_ctx = t,
    };
}

/* The system's tables: tried once physical memory is there. */
static sc_err *wire(sc_target *t) {
    struct sc_whole *w = t->whole;
    struct sc_machine *m = &t->source->machine;
    enum sc_paging_mode mode[2] = {SC_PAGING_NONE, SC_PAGING_NONE};
    size_t n = modes_of(m, mode);
    if (w->wired)
        return NULL;
    if (!m->dtb || !n)
        return sc_errf(SC_ERR_UNSUPPORTED, "the dump does not say where its page tables are");
    sc_err *err = sc_space_pages(t->phys)->ops ? NULL : sc_space_trouble(t->phys);
    if (err)
        return err;
    struct sc_paging tables = tables_of(t, mode[0]);
    bool good = leads_somewhere(t, &tables);
    for (size_t i = 1; i < n && !good; i++) {
        struct sc_paging other = tables_of(t, mode[i]);
        good = leads_somewhere(t, &other);
        if (good)
            tables = other;
    }
    if (!good)
        sc_source_note(t->source, SC_UNSET64,
                       "the page tables at 0x%" PRIx64 " do not lead to the kernel", m->dtb);
    m->pae = tables.mode == SC_PAGING_PAE;
    if (m->cpu == SC_CPU_X64)
        m->paging_levels = sc_paging_levels(tables.mode);
    w->system = tables;
    w->system.kernel = w->kernel;
    w->wired = true;
    return NULL;
}

static sc_err *open_tables(sc_target *t, const struct sc_paging *tables,
                           struct sc_pages *ret_pages) {
    sc_err *err = sc_translated_pages(tables, ret_pages);
    if (!err && sc_file_is_on_disk(t->source->file))
        sc_translated_copy(ret_pages);
    return err;
}

static sc_err *open_system(void *ctx, struct sc_pages *ret_pages) {
    sc_target *t = ctx;
    sc_err *err = wire(t);
    return err ? err : open_tables(t, &t->whole->system, ret_pages);
}

static sc_err *open_phys(void *ctx, struct sc_pages *ret_pages) {
    struct sc_source *source = ((sc_target *)ctx)->source;
    return source->ops->open_pages(source, ret_pages);
}

/* ---- life ---- */

sc_err *sc_whole_create(sc_target *t, const struct sc_open_opts *opts) {
    struct sc_whole *w = t->whole = calloc(1, sizeof *w);
    if (!w)
        return sc_err_nomem();
    if (opts && opts->dtb)
        t->source->machine.dtb = opts->dtb;
    sc_err *err = open_pagefiles(w, t->source, opts);
    return err ? err : sc_space_create_pages_lazy(open_phys, t, 8, &t->cancel, &t->phys);
}

sc_err *sc_whole_create_virt(sc_target *t) {
    unsigned ptr = sc_target_ptr_size(t);
    sc_err *err = sc_space_create_pages_lazy(open_system, t, ptr, &t->cancel, &t->whole->kernel);
    t->whole->dtb = t->source->machine.dtb;
    return err ? err : sc_space_create_pages_lazy(open_system, t, ptr, &t->cancel, &t->virt);
}

void sc_whole_destroy(sc_target *t) {
    struct sc_whole *w = t->whole;
    if (!w)
        return;
    for (size_t i = 0; i < w->nprocesses; i++)
        sc_space_destroy(w->process[i].space);
    sc_space_destroy(w->kernel);
    for (size_t i = 0; i < SC_PAGEFILES_MAX; i++)
        sc_file_close(w->pagefile[i]);
    free(w);
}

sc_err *sc_whole_trouble(sc_target *t) {
    struct sc_whole *w = t->whole;
    sc_err *err = w && w->kernel ? sc_space_trouble(w->kernel) : NULL;
    for (size_t i = 0; w && i < w->nprocesses && !err; i++)
        err = sc_space_trouble(w->process[i].space);
    return err;
}

/* ---- the public side ---- */

bool sc_target_has_paging(const sc_target *target) {
    return target->whole && target->source->machine.dtb;
}

const struct sc_paging *sc_target_paging(sc_target *target) {
    static const struct sc_paging none = {.mode = SC_PAGING_NONE};
    const struct sc_paging *p =
        target->whole ? sc_translated_paging(sc_space_pages(target->virt)) : NULL;
    return p ? p : &none;
}

uint64_t sc_target_dtb(const sc_target *target) {
    return target->whole ? target->whole->dtb : target->source->machine.dtb;
}

static sc_err *need_paging(sc_target *t) {
    if (!sc_target_has_paging(t))
        return sc_errf(SC_ERR_UNSUPPORTED, "this dump has no page tables");
    return wire(t);
}

/* The tables of a process. ARM64: its own base for the lower half only. */
static struct sc_paging process_tables(const struct sc_whole *w, uint64_t dtb) {
    struct sc_paging tables = w->system;
    tables.root = dtb;
    return tables;
}

/* Do both lead to the same page of the kernel? Tables for user mode alone do not. */
static bool same_kernel(const struct sc_machine *m, const struct sc_paging *a,
                        const struct sc_paging *b) {
    const uint64_t known[] = {m->kernel_base, m->loaded_module_list, m->active_process_head};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct sc_translation one, other;
        if (!known[i])
            continue;
        sc_translate(a, known[i], &one);
        sc_translate(b, known[i], &other);
        if (one.status == SC_READ_OK && other.status == SC_READ_OK)
            return one.pa == other.pa;
    }
    return false;
}

sc_err *sc_whole_begin_with(sc_target *t, uint64_t dtb, bool *ret_taken) {
    struct sc_whole *w = t->whole;
    const struct sc_paging tables = process_tables(w, dtb);
    *ret_taken = false;
    if (!w->wired || !sc_space_pages(w->kernel)->ops ||
        !same_kernel(&t->source->machine, &w->system, &tables))
        return NULL;
    sc_err *err = sc_target_set_dtb(t, dtb);
    if (err)
        return err;
    sc_translated_set(sc_space_pages(w->kernel), &tables);
    w->system.root = t->source->machine.dtb = dtb;
    *ret_taken = true;
    return NULL;
}

sc_err *sc_target_set_dtb(sc_target *target, uint64_t dtb) {
    sc_err *err = need_paging(target);
    if (err)
        return err;
    struct sc_whole *w = target->whole;
    struct sc_paging tables = process_tables(w, dtb ? dtb : w->system.root);
    struct sc_pages *pages = sc_space_pages(target->virt);
    if (!pages->ops) {
        err = sc_space_trouble(target->virt);
        return err ? err : sc_err_nomem();
    }
    sc_translated_set(pages, &tables);
    w->dtb = dtb ? dtb : target->source->machine.dtb;
    target->generation++;
    return NULL;
}

/* Kernel addresses that a process's tables lack are those of the system. */
static enum sc_read fill_kernel(void *ctx, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    sc_target *t = ctx;
    if (!sc_paging_is_kernel(t->whole->system.mode, addr))
        return SC_READ_ABSENT;
    enum sc_read status = sc_space_read(t->virt, addr, buf, len, ret_got);
    return *ret_got ? SC_READ_OK : status;
}

static sc_err *new_space(sc_target *t, uint64_t dtb, sc_space **ret_space) {
    struct sc_pages pages;
    sc_space *space;
    const struct sc_paging tables = process_tables(t->whole, dtb);
    sc_err *err = open_tables(t, &tables, &pages);
    if (!err)
        err = sc_space_create_pages(pages, sc_target_ptr_size(t), &t->cancel, &space);
    if (err)
        return err;
    err = sc_space_add_filler(space, "the kernel's memory", fill_kernel, t);
    if (err)
        sc_space_destroy(space);
    else
        *ret_space = space;
    return err;
}

/* The slot for one more: a free one, or the one that was not used for longest. */
static struct sc_process_space *victim(struct sc_whole *w) {
    struct sc_process_space *oldest = &w->process[0];
    if (w->nprocesses < SC_PROCESS_SPACES)
        return &w->process[w->nprocesses++];
    for (size_t i = 1; i < w->nprocesses; i++)
        if (w->process[i].used < oldest->used)
            oldest = &w->process[i];
    sc_space_destroy(oldest->space);
    return oldest;
}

sc_err *sc_target_process_space(sc_target *target, uint64_t dtb, sc_space **ret_space) {
    sc_err *err = need_paging(target);
    sc_space *space;
    if (err)
        return err;
    struct sc_whole *w = target->whole;
    struct sc_paging tables = process_tables(w, dtb);
    uint64_t base = sc_mode_root(sc_mode_of(tables.mode), &tables, 0);
    for (size_t i = 0; i < w->nprocesses; i++)
        if (w->process[i].base == base) {
            w->process[i].used = ++w->uses;
            *ret_space = w->process[i].space;
            return NULL;
        }
    err = new_space(target, dtb, &space);
    if (err)
        return err;
    *victim(w) = (struct sc_process_space){base, ++w->uses, space};
    *ret_space = space;
    return NULL;
}

static void set_soft(sc_space *space, const struct sc_soft_pte *soft) {
    struct sc_pages *pages = sc_space_pages(space);
    const struct sc_paging *now = sc_translated_paging(pages);
    if (!now)
        return;
    struct sc_paging tables = *now;
    tables.soft = *soft;
    sc_translated_set(pages, &tables);
}

void sc_target_set_soft_pte(sc_target *target, const struct sc_soft_pte *soft) {
    struct sc_whole *w = target->whole;
    const uint8_t bits[] = {soft->prototype_bit,    soft->transition_bit,    soft->protection_bit,
                            soft->pagefile_low_bit, soft->pagefile_high_bit, soft->proto_bit,
                            soft->swizzle_bit};
    sc_err *err = w ? wire(target) : NULL;
    for (size_t i = 0; i < sizeof bits; i++)
        if (bits[i] > 63)
            w = NULL; /* no entry has so many */
    if (err || !w) {
        sc_err_destroy(err);
        return;
    }
    w->system.soft = *soft;
    set_soft(target->virt, soft);
    set_soft(w->kernel, soft);
    for (size_t i = 0; i < w->nprocesses; i++)
        set_soft(w->process[i].space, soft);
    target->generation++;
}

void sc_target_set_pagefiles(sc_target *target, sc_pagefile_fn fn, void *ctx) {
    if (!target->whole)
        return;
    target->whole->ask = fn;
    target->whole->ask_ctx = ctx;
}

void sc_target_set_stores(sc_target *target, uint16_t stores) {
    struct sc_whole *w = target->whole;
    if (!w || w->system.stores == stores)
        return;
    w->system.stores = stores;
    sc_translated_set_stores(sc_space_pages(target->virt), stores);
    sc_translated_set_stores(sc_space_pages(w->kernel), stores);
    for (size_t i = 0; i < w->nprocesses; i++)
        sc_translated_set_stores(sc_space_pages(w->process[i].space), stores);
}

const char *sc_target_found_by(const sc_target *target) {
    return target->found_by ? target->found_by : "";
}
