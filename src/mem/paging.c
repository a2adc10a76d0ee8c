/* SPDX-License-Identifier: MIT */
/*
 * Translation: the walk through the tables of any mode, and what comes behind an entry that is not
 * valid.
 *
 * A table that is itself in transition is still in memory, and is followed, as is one in a page
 * file that is at hand. A prototype entry lies
 * in the kernel's memory and is translated in turn; that may again lead through a prototype entry,
 * but no more than SC_PROTOTYPES_MAX deep, which also ends circles. It may say "valid", all that
 * an entry in a table may, and "part of a mapped file" (a subsection), never a further prototype.
 */
#include <string.h>

#include "mem/paging_impl.h"

const char *sc_pte_kind_name(enum sc_pte_kind kind) {
    static const char *const names[] = {
        "none",       "table",    "valid",       "transition", "prototype",  "prototype by VAD",
        "subsection", "pagefile", "demand zero", "bad",        "unreadable",
    };
    return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

const struct sc_mode *sc_mode_of(enum sc_paging_mode mode) {
    switch (mode) {
    case SC_PAGING_X86: return &sc_mode_x86;
    case SC_PAGING_PAE: return &sc_mode_pae;
    case SC_PAGING_X64: return &sc_mode_x64;
    case SC_PAGING_X64_LA57: return &sc_mode_la57;
    case SC_PAGING_ARM64: return &sc_mode_arm64;
    default: return NULL;
    }
}

unsigned sc_paging_levels(enum sc_paging_mode mode) {
    const struct sc_mode *m = sc_mode_of(mode);
    return m ? m->levels : 0;
}

uint64_t sc_mode_canon(const struct sc_mode *m, uint64_t va) {
    uint64_t top = (uint64_t)1 << (m->va_bits - 1), low = 2 * top - 1;
    va &= low;
    return m->va_bits > 32 && va & top ? va | ~low : va;
}

bool sc_paging_is_canonical(enum sc_paging_mode mode, uint64_t va) {
    const struct sc_mode *m = sc_mode_of(mode);
    return m && sc_mode_canon(m, va) == va;
}

bool sc_paging_is_kernel(enum sc_paging_mode mode, uint64_t va) {
    const struct sc_mode *m = sc_mode_of(mode);
    return m && sc_mode_canon(m, va) == va && va >> (m->va_bits - 1) != 0;
}

/* ---- one entry ---- */

static uint64_t size_of(const struct sc_mode *m, unsigned level) {
    return (uint64_t)1 << sc_mode_shift(m, level);
}

static void set_rights(const struct sc_entry *e, struct sc_translation *t) {
    t->writable = e->writable;
    t->user = e->user;
    t->executable = e->user ? e->user_runs : e->kernel_runs;
}

void sc_entry_decode(const struct sc_paging *paging, unsigned level, bool in_prototype,
                     uint64_t value, struct sc_translation *ret) {
    const struct sc_mode *m = sc_mode_of(paging->mode);
    ret->page_size = size_of(m, level);
    if (!value) {
        ret->kind = SC_PTE_NONE;
    } else if (value & 1) {
        struct sc_entry e;
        m->decode(level, value, &e);
        ret->kind = e.kind;
        ret->pa = e.pa;
        set_rights(&e, ret);
    } else {
        sc_soft_decode(paging, in_prototype, value, ret);
        if (level && ret->kind != SC_PTE_TRANSITION && ret->kind != SC_PTE_PAGEFILE &&
            ret->kind != SC_PTE_DEMAND_ZERO)
            ret->kind = SC_PTE_BAD; /* page tables are nobody's prototypes */
    }
}

void sc_pte_decode(const struct sc_paging *paging, unsigned level, uint64_t value,
                   struct sc_translation *ret) {
    const struct sc_mode *m = sc_mode_of(paging->mode);
    memset(ret, 0, sizeof *ret);
    if (m && level < m->levels)
        sc_entry_decode(paging, level, false, value, ret);
    else
        ret->kind = SC_PTE_BAD;
}

/* ---- the walk ---- */

struct walk {
    const struct sc_paging *paging;
    const struct sc_mode *mode;
    struct sc_translation *t;
    /* What all levels so far allow. */
    bool writable, user, user_runs, kernel_runs;
};

static void resolve(const struct sc_paging *paging, uint64_t va, const struct sc_table *table,
                    unsigned depth, struct sc_translation *t);

static struct sc_pte *add_pte(struct sc_translation *t, unsigned level, uint64_t pa) {
    struct sc_pte *p = &t->pte[t->npte++];
    *p = (struct sc_pte){.level = level, .pa = pa, .kind = SC_PTE_UNREADABLE};
    return p;
}

static void narrow(struct walk *w, const struct sc_entry *e) {
    w->writable &= e->writable;
    w->user &= e->user;
    w->user_runs &= e->user_runs;
    w->kernel_runs &= e->kernel_runs;
}

static void hand_over(const struct walk *w) {
    w->t->writable = w->writable;
    w->t->user = w->user;
    w->t->executable = w->user ? w->user_runs : w->kernel_runs;
}

/* What an entry that ends the walk means for the read; OFFSET: of the byte in the page. */
static void finish(const struct walk *w, uint64_t offset) {
    struct sc_translation *t = w->t;
    switch (t->kind) {
    case SC_PTE_VALID:
    case SC_PTE_TRANSITION:
        t->pa += offset;
        t->status = SC_READ_OK;
        break;
    case SC_PTE_PAGEFILE: t->status = sc_pagefile_missing(w->paging, t->pagefile); break;
    case SC_PTE_SUBSECTION: t->status = SC_READ_PAGED_OUT; break;
    case SC_PTE_NONE:
    case SC_PTE_TABLE:
    case SC_PTE_BAD: t->status = SC_READ_INVALID; break;
    default: t->status = SC_READ_ABSENT; break;
    }
}

/* The prototype entry at t->prototype, into *PTE: its value, and its place if that is known. */
static enum sc_read read_prototype(const struct walk *w, unsigned depth, struct sc_pte *pte) {
    const struct sc_paging *p = w->paging;
    struct sc_translation in;
    resolve(p, w->t->prototype, NULL, depth + 1, &in);
    enum sc_read status = in.status;
    if (status == SC_READ_OK) {
        pte->pa = in.pa;
        status = sc_space_uint(p->phys, in.pa, w->mode->entry_size, &pte->value);
    } else if (in.kind == SC_PTE_PAGEFILE && in.pte[in.npte - 1].level == 0) {
        pte->paged = true;
        pte->pa = w->t->prototype & 0xfff;
        status = sc_table_entry(p, &(struct sc_table){true, (uint8_t)in.pagefile, in.pagefile_page},
                                pte->pa, &pte->value);
    }
    if (status != SC_READ_OK && p->kernel)
        status = sc_space_uint(p->kernel, w->t->prototype, w->mode->entry_size, &pte->value);
    return status;
}

/* A page whose entry names a prototype entry, which tells where it is. */
static void follow_prototype(struct walk *w, uint64_t va, unsigned depth) {
    struct sc_translation *t = w->t;
    uint64_t prototype = t->prototype;
    unsigned protection = t->protection;
    struct sc_pte *pte = add_pte(t, 0, 0);
    enum sc_read status = SC_READ_ABSENT;
    if (depth < SC_PROTOTYPES_MAX)
        status = read_prototype(w, depth, pte);
    if (status != SC_READ_OK) {
        t->kind = SC_PTE_UNREADABLE;
        t->status = status == SC_READ_INVALID ? SC_READ_ABSENT : status;
        return;
    }
    sc_entry_decode(w->paging, 0, true, pte->value, t);
    pte->kind = t->kind;
    if (t->kind != SC_PTE_SUBSECTION)
        t->prototype = prototype;
    t->protection = protection ? protection : t->protection;
    finish(w, va & (t->page_size - 1));
}

/*
 * Reads VA's entry of LEVEL in TABLE. A table in a page file that is not at hand leaves the entry
 * that names it the last one.
 */
static struct sc_pte *read_entry(struct walk *w, unsigned level, const struct sc_table *table,
                                 uint64_t va) {
    struct sc_translation *t = w->t;
    uint64_t offset = (uint64_t)sc_mode_index(w->mode, level, va) * w->mode->entry_size, value = 0;
    t->status = sc_table_entry(w->paging, table, offset, &value);
    if (table->paged && t->status != SC_READ_OK)
        return NULL;
    struct sc_pte *pte = add_pte(t, level, table->paged ? offset : table->at + offset);
    pte->paged = table->paged;
    pte->value = value;
    t->page_size = size_of(w->mode, level);
    t->kind = SC_PTE_UNREADABLE;
    return t->status == SC_READ_OK ? pte : NULL;
}

/* VA's entry of LEVEL in *TABLE. True when the walk goes on, in *TABLE. */
static bool step(struct walk *w, unsigned level, uint64_t va, unsigned depth,
                 struct sc_table *table) {
    struct sc_translation *t = w->t;
    struct sc_entry e = {.kind = SC_PTE_NONE};
    struct sc_pte *pte = read_entry(w, level, table, va);
    if (!pte)
        return false;
    if (pte->value & 1) {
        w->mode->decode(level, pte->value, &e);
        narrow(w, &e);
        t->kind = e.kind;
        t->pa = e.pa;
    } else {
        sc_entry_decode(w->paging, level, false, pte->value, t);
    }
    pte->kind = t->kind;
    if (level && sc_table_of(t, table))
        return true;
    if (t->kind == SC_PTE_VALID)
        hand_over(w);
    if (t->kind == SC_PTE_PROTOTYPE && t->prototype)
        follow_prototype(w, va, depth);
    else
        finish(w, va & (t->page_size - 1));
    return false;
}

static void resolve(const struct sc_paging *paging, uint64_t va, const struct sc_table *table,
                    unsigned depth, struct sc_translation *t) {
    const struct sc_mode *m = sc_mode_of(paging->mode);
    struct walk w = {paging, m, t, true, true, true, true};
    memset(t, 0, sizeof *t);
    t->status = SC_READ_INVALID;
    if (!m || sc_mode_canon(m, va) != va)
        return;
    unsigned level = table ? 1 : m->levels;
    struct sc_table in = table ? *table : (struct sc_table){.at = sc_mode_root(m, paging, va)};
    while (level-- && step(&w, level, va, depth, &in))
        continue;
}

void sc_paging_resolve(const struct sc_paging *paging, uint64_t va, const struct sc_table *table,
                       struct sc_translation *ret) {
    resolve(paging, va, table, 0, ret);
}

void sc_translate(const struct sc_paging *paging, uint64_t va,
                  struct sc_translation *ret_translation) {
    struct sc_translation *t = ret_translation;
    uint8_t byte;
    sc_paging_resolve(paging, va, NULL, t);
    if (t->status == SC_READ_OK)
        t->status = sc_space_read(paging->phys, t->pa, &byte, 1, NULL);
}
