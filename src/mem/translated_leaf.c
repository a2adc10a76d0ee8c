/* SPDX-License-Identifier: MIT */
/*
 * What lies together below one page table: its entries are read where they stand, one after the
 * other, and pages that follow each other in memory and in the file are one piece. A valid entry
 * costs no look-up: going through all of memory would else take longer than looking at it.
 *
 * Entries that are not valid (in transition, prototypes, page files) are looked up as a read of
 * the page would do it.
 */
#include "mem/space_impl.h"
#include "mem/translated.h"

enum { PAGE = 0x1000 };

/* A page that is there. */
struct seen {
    const uint8_t *data; /* NULL: only through reads */
    uint64_t pa;
    size_t room; /* bytes at `data` that follow each other in physical memory; 0: not known */
};

static bool see_valid(struct sc_translated *t, uint64_t pa, struct seen *ret) {
    uint8_t byte;
    *ret = (struct seen){.pa = pa};
    if (sc_space_view(t->paging.phys, pa, &ret->data, &ret->room) == SC_READ_OK &&
        ret->room >= PAGE)
        return true;
    ret->data = NULL;
    return sc_space_read(t->paging.phys, pa, &byte, 1, NULL) == SC_READ_OK;
}

static uint64_t entry_of(const struct sc_translated *t, unsigned index) {
    unsigned size = t->mode->entry_size;
    return sc_entry_value(t->leaf.raw + (size_t)index * size, size);
}

/* The page at VA, that VALUE is the entry of; false: it is not there. */
static bool see(struct sc_translated *t, uint64_t value, uint64_t va, struct seen *ret) {
    if (!value)
        return false;
    if (!(value & 1)) {
        *ret = (struct seen){0};
        return sc_translated_see(t, va, &ret->data);
    }
    struct sc_entry e;
    t->mode->decode(0, value, &e);
    return e.kind == SC_PTE_VALID && see_valid(t, e.pa, ret);
}

/* Does the page at VA, whose entry is VALUE, go on where BEFORE ends? Then it becomes it. */
static bool goes_on(struct sc_translated *t, uint64_t value, uint64_t va, struct seen *before) {
    struct sc_entry e;
    struct seen next;
    if (!before->data)
        return see(t, value, va, &next) && !next.data;
    if (!(value & 1) || !before->room)
        return false;
    t->mode->decode(0, value, &e);
    if (e.kind != SC_PTE_VALID || e.pa != before->pa + PAGE)
        return false;
    if (before->room >= 2 * PAGE) {
        *before = (struct seen){before->data + PAGE, e.pa, before->room - PAGE};
        return true;
    }
    if (!see_valid(t, e.pa, &next) || next.data != before->data + PAGE)
        return false;
    *before = next;
    return true;
}

bool sc_leaf_piece(struct sc_translated *t, uint64_t from, struct sc_piece *ret) {
    unsigned count = sc_mode_count(t->mode, 0), i = 0;
    struct seen page;
    if (from > t->leaf.va)
        i = sc_mode_index(t->mode, 0, from);
    uint64_t va = t->leaf.va + (uint64_t)i * PAGE;
    while (i < count && !see(t, entry_of(t, i), va, &page)) {
        i++;
        va += PAGE;
    }
    if (i == count)
        return false;
    *ret = (struct sc_piece){va, PAGE, page.data};
    for (i++, va += PAGE; i < count && goes_on(t, entry_of(t, i), va, &page); i++, va += PAGE)
        ret->size += PAGE;
    return true;
}
