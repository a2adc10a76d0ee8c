/* SPDX-License-Identifier: MIT */
/*
 * Virtual memory: pages found through page tables, with a cache.
 *
 * Two direct-mapped tables: of pages (where the page is, or why it is not there) and of page tables
 * (where the last level for 2 MB of addresses lies), so that the first read of a page mostly costs
 * one entry. Where physical memory can be seen in place, a cached page is a pointer. Pages of page
 * files are kept as copies, the last few.
 *
 * To touch a page of a mapped file for the first time costs several times what copying it costs:
 * the system maps its neighbours, too, and must undo that. So where pages lie in a file, those that
 * are read in part are copied, and the last copies are kept; whole pages are not mapped either.
 *
 * Dumps do not change, so nothing goes stale; only what could not be read because the system
 * refused is asked again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/translated.h"

enum { PAGE = 0x1000, NESTED_MAX = 4, TOGETHER = 64 << 10, WAYS = 4 };

void sc_translated_forget(struct sc_translated *t) {
    memset(t->page, 0, sizeof t->page);
    memset(t->table, 0, sizeof t->table);
    memset(t->file, 0, sizeof t->file);
    memset(t->copied, 0, sizeof t->copied);
    sc_map_free(&t->seen);
    t->unrecorded = t->run_size = 0;
    t->leaf.raw = NULL;
}

/* ---- pages of page files ---- */

/* The content of a page of a page file; NULL with the reason in *STATUS. */
static const uint8_t *file_page(struct sc_translated *t, unsigned number, uint64_t page,
                                enum sc_read *status) {
    *status = sc_pagefile_missing(&t->paging, number);
    if (!t->paging.pagefile)
        return NULL;
    for (unsigned i = 0; i < SC_FILE_PAGES; i++)
        if (t->file[i].used && t->file[i].number == number && t->file[i].page == page)
            return t->file[i].data;
    struct sc_file_page *f = &t->file[t->next_file++ % SC_FILE_PAGES];
    f->used = false; /* it may be half overwritten */
    *status = sc_pagefile_read(&t->paging, number, page, f->data);
    if (*status != SC_READ_OK)
        return NULL;
    f->used = true;
    f->number = number;
    f->page = page;
    return f->data;
}

/* ---- looking up ---- */

static struct sc_page_slot *page_slot(struct sc_translated *t, uint64_t va) {
    return &t->page[va / PAGE % SC_PAGE_SLOTS];
}

/* The page table that VA's entry lies in, if it is known; else NULL. */
static const struct sc_table *known_table(const struct sc_translated *t, uint64_t va) {
    uint64_t key = va >> sc_mode_shift(t->mode, 1);
    const struct sc_table_slot *s = &t->table[key % SC_TABLE_SLOTS];
    return s->used && s->key == key ? &s->table : NULL;
}

/* Remembers the page table that TR went through. */
static void remember_table(struct sc_translated *t, uint64_t va, const struct sc_translation *tr) {
    unsigned last = t->mode->levels - 1;
    struct sc_translation above = {0};
    if (tr->npte <= last || tr->pte[last].level != 0)
        return;
    uint64_t key = va >> sc_mode_shift(t->mode, 1);
    struct sc_table_slot *s = &t->table[key % SC_TABLE_SLOTS];
    s->key = key;
    sc_entry_decode(&t->paging, 1, false, tr->pte[last - 1].value, &above);
    s->used = sc_table_of(&above, &s->table);
}

static void translate(struct sc_translated *t, uint64_t va, struct sc_translation *tr) {
    const struct sc_table *table = known_table(t, va);
    t->depth++;
    sc_paging_resolve(&t->paging, va, table, tr);
    t->depth--;
    if (!table)
        remember_table(t, va, tr);
}

/* Is what TR names a page of a page file (and not a page table that lies in one)? */
static bool in_page_file(const struct sc_translation *tr) {
    return tr->kind == SC_PTE_PAGEFILE && tr->npte && tr->pte[tr->npte - 1].level == 0;
}

/* Fills the slot of VA's page. */
static void look_up(struct sc_translated *t, uint64_t va, struct sc_page_slot *s) {
    struct sc_translation tr;
    size_t len;
    translate(t, va, &tr);
    *s = (struct sc_page_slot){.va = va, .status = (uint8_t)tr.status};
    if (in_page_file(&tr)) {
        s->from_file = true;
        s->number = (uint8_t)tr.pagefile;
        s->pa = tr.pagefile_page;
    } else if (tr.status == SC_READ_OK) {
        s->pa = tr.pa & ~(uint64_t)(PAGE - 1);
        if (sc_space_view(t->paging.phys, s->pa, &s->view, &len) != SC_READ_OK || len < PAGE)
            s->view = NULL;
    }
    /* Who is asked for page tables in page files may know more the next time. */
    s->used = tr.status != SC_READ_IO && (s->from_file || tr.kind != SC_PTE_PAGEFILE);
}

static struct sc_page_slot *page_of(struct sc_translated *t, uint64_t va) {
    struct sc_page_slot *s = page_slot(t, va);
    va &= ~(uint64_t)(PAGE - 1);
    if (!s->used || s->va != va)
        look_up(t, va, s);
    return s;
}

static enum sc_read read_phys(struct sc_translated *t, uint64_t pa, void *buf, size_t len,
                              size_t *ret_got) {
    enum sc_read status = sc_space_read(t->paging.phys, pa, buf, len, ret_got);
    return *ret_got ? SC_READ_OK : status;
}

/*
 * The place of a page's copy: one of a few that its number chooses, the one that has it, else the
 * one whose turn it is. Slots of two pages that are asked for in turns may be the same; their
 * copies must stay.
 */
static uint16_t copy_place(struct sc_translated *t, uint64_t pa) {
    uint64_t mixed = pa / PAGE * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    uint16_t first = (uint16_t)(mixed % (SC_COPIES / WAYS) * WAYS);
    for (uint16_t i = first; i < first + WAYS; i++)
        if (t->copied[i] == (pa | 1))
            return i;
    return (uint16_t)(first + t->next_copy++ % WAYS);
}

/* The page of a slot in place, or a copy of it; NULL with the reason in *STATUS. */
static const uint8_t *page_data(struct sc_translated *t, struct sc_page_slot *s,
                                enum sc_read *status) {
    if (!t->copies)
        return s->view;
    if (t->copied[s->copy] == (s->pa | 1))
        return t->copy[s->copy];
    if (!t->copy)
        t->copy = aligned_alloc(PAGE, SC_COPIES * sizeof *t->copy);
    if (!t->copy)
        return s->view;
    s->copy = copy_place(t, s->pa);
    if (t->copied[s->copy] == (s->pa | 1))
        return t->copy[s->copy];
    t->copied[s->copy] = 0;
    *status = sc_space_read(t->paging.phys, s->pa, t->copy[s->copy], PAGE, NULL);
    if (*status != SC_READ_OK)
        return NULL;
    t->copied[s->copy] = s->pa | 1;
    return t->copy[s->copy];
}

/* How many bytes from ADDR on, where a page of S begins, lie together; LEN at most. */
static size_t together(struct sc_translated *t, const struct sc_page_slot *s, uint64_t addr,
                       size_t len) {
    uint64_t pa = s->pa;
    size_t n = PAGE;
    while (n < len && n < TOGETHER) {
        const struct sc_page_slot *next = page_of(t, addr + n);
        if (next->status != SC_READ_OK || next->from_file || !next->view || next->pa != pa + n)
            break;
        n += PAGE;
    }
    return n < len ? n : len;
}

static enum sc_read translated_read(void *impl, uint64_t addr, void *buf, size_t len,
                                    size_t *ret_got) {
    struct sc_translated *t = impl;
    size_t in = (size_t)(addr % PAGE), room = PAGE - in;
    *ret_got = 0;
    /* Prototype entries may be read through a space that leads back here. */
    if (t->depth > NESTED_MAX)
        return SC_READ_ABSENT;
    struct sc_page_slot *s = page_of(t, addr);
    enum sc_read status = (enum sc_read)s->status;
    if (status != SC_READ_OK && !s->from_file)
        return status;
    const uint8_t *data;
    bool whole = t->copies && !in && len >= PAGE && s->view && !s->from_file;
    uint64_t pa = s->pa;
    if (whole)
        return read_phys(t, pa, buf, together(t, s, addr, len), ret_got);
    len = len < room ? len : room;
    if (s->from_file)
        data = file_page(t, s->number, s->pa, &status);
    else if (!s->view)
        return read_phys(t, s->pa + in, buf, len, ret_got);
    else
        data = page_data(t, s, &status);
    if (!data)
        return status;
    memcpy(buf, data + in, len);
    *ret_got = len;
    return SC_READ_OK;
}

static enum sc_read translated_view(void *impl, uint64_t addr, const uint8_t **ret_data,
                                    size_t *ret_len) {
    struct sc_translated *t = impl;
    const struct sc_page_slot *s = page_of(t, addr);
    if (s->status != SC_READ_OK)
        return (enum sc_read)s->status;
    if (!s->view)
        return SC_READ_ABSENT;
    *ret_data = s->view + addr % PAGE;
    *ret_len = PAGE - (size_t)(addr % PAGE);
    return SC_READ_OK;
}

static bool translated_offset(void *impl, uint64_t addr, uint64_t *ret_offset) {
    struct sc_translated *t = impl;
    const struct sc_page_slot *s = page_of(t, addr);
    const struct sc_pages *phys = sc_space_pages(t->paging.phys);
    return s->status == SC_READ_OK && !s->from_file && phys->ops && phys->ops->offset &&
           phys->ops->offset(phys->impl, s->pa + addr % PAGE, ret_offset);
}

/* ---- why not ---- */

/* A page, or a page table, in a page file. */
static void why_paged(const struct sc_paging *paging, const struct sc_translation *tr, char *text,
                      size_t size) {
    bool table = !in_page_file(tr);
    uint8_t page[PAGE];
    /* This page is not to be had: if the file's first one is, the file is too short. */
    bool given = sc_pagefile_read(paging, tr->pagefile, 0, page) == SC_READ_OK;
    if (tr->status == SC_READ_PAGED_OUT)
        snprintf(text, size, "%spage file %u page 0x%" PRIx64 "%s",
                 table ? "page table paged out: " : "", tr->pagefile, tr->pagefile_page,
                 given ? ", behind the end of the file given" : "");
    else if (table)
        snprintf(text, size, "as its page table is");
}

static void translated_why(void *impl, uint64_t addr, enum sc_read status, char *text,
                           size_t size) {
    struct sc_translated *t = impl;
    struct sc_translation tr;
    sc_translate(&t->paging, addr, &tr);
    const struct sc_pte *last = tr.npte ? &tr.pte[tr.npte - 1] : NULL;
    /* A filler may have answered: then tables tell nothing of it. */
    if (tr.status != status || !last)
        return;
    switch (tr.kind) {
    case SC_PTE_PAGEFILE: why_paged(&t->paging, &tr, text, size); break;
    case SC_PTE_SUBSECTION: snprintf(text, size, "in a mapped file"); break;
    case SC_PTE_DEMAND_ZERO: snprintf(text, size, "demand zero: never touched"); break;
    case SC_PTE_PROTOTYPE_VAD: snprintf(text, size, "only a VAD tells where it is"); break;
    case SC_PTE_UNREADABLE:
        snprintf(text, size, "this dump lacks %s",
                 tr.prototype ? "its prototype PTE" : "its page table entry");
        break;
    case SC_PTE_VALID:
    case SC_PTE_TRANSITION:
        snprintf(text, size, "this dump lacks physical page 0x%" PRIx64, tr.pa / PAGE);
        break;
    default: break;
    }
}

bool sc_translated_has(struct sc_translated *t, uint64_t va) {
    uint8_t byte;
    size_t got;
    /* What can be seen in place is there: touching it would cost a walk of all memory twice. */
    if (t->depth <= NESTED_MAX) {
        const struct sc_page_slot *s = page_of(t, va);
        if (s->status == SC_READ_OK && s->view)
            return true;
    }
    return translated_read(t, va, &byte, 1, &got) == SC_READ_OK;
}

bool sc_translated_see(struct sc_translated *t, uint64_t va, const uint8_t **ret_view) {
    bool there = sc_translated_has(t, va);
    const struct sc_page_slot *s = page_slot(t, va);
    bool mine = s->used && s->va == (va & ~(uint64_t)(PAGE - 1)) && s->status == SC_READ_OK;
    *ret_view = there && mine && !s->from_file ? s->view : NULL;
    return there;
}

static void translated_destroy(void *impl) {
    struct sc_translated *t = impl;
    sc_map_free(&t->seen);
    free(t->copy);
    free(t);
}

static const struct sc_pages_ops translated_ops = {
    .name = "page tables",
    .read = translated_read,
    .view = translated_view,
    .next = sc_translated_next,
    .offset = translated_offset,
    .why = translated_why,
    .destroy = translated_destroy,
    .piece = sc_translated_piece,
};

sc_err *sc_translated_pages(const struct sc_paging *paging, struct sc_pages *ret_pages) {
    const struct sc_mode *mode = sc_mode_of(paging->mode);
    if (!mode)
        return sc_errf(SC_ERR_ARG, "there is no paging without a mode");
    struct sc_translated *t = calloc(1, sizeof *t);
    if (!t)
        return sc_err_nomem();
    t->paging = *paging;
    t->mode = mode;
    *ret_pages = (struct sc_pages){&translated_ops, t};
    return NULL;
}

void sc_translated_copy(struct sc_pages *pages) {
    if (pages->ops == &translated_ops)
        ((struct sc_translated *)pages->impl)->copies = true;
}

void sc_translated_set(struct sc_pages *pages, const struct sc_paging *paging) {
    struct sc_translated *t = pages->impl;
    const struct sc_mode *mode = sc_mode_of(paging->mode);
    if (!mode)
        return;
    t->paging = *paging;
    t->mode = mode;
    sc_translated_forget(t);
}

void sc_translated_set_stores(struct sc_pages *pages, uint16_t stores) {
    if (pages->ops == &translated_ops)
        ((struct sc_translated *)pages->impl)->paging.stores = stores;
}

const struct sc_paging *sc_translated_paging(const struct sc_pages *pages) {
    return pages->ops == &translated_ops ? &((struct sc_translated *)pages->impl)->paging : NULL;
}
