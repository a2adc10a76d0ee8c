/* SPDX-License-Identifier: MIT */
/*
 * What is certain, and what is not:
 *
 *   entry says demand zero                        zeros
 *   no entry (0), private VAD that is committed   zeros
 *   no entry or "ask the VAD", VAD with prototypes: the prototype entry says: a page in memory, in
 *       a page file, in the mapped file (paged out), or demand zero (zeros)
 *   anything else                                 nothing is known: the space's own answer stands
 *
 * A private VAD that is only reserved has pages that were committed one by one: those without an
 * entry were not.
 */
#include "nt/vadfill.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "mem/paging_impl.h"

enum { PAGE = 0x1000 };

void nt_vadfill_init(struct nt_vadfill *f, const struct nt *nt, uint64_t root) {
    *f = (struct nt_vadfill){.nt = *nt, .root = root};
}

void nt_vadfill_deinit(struct nt_vadfill *f) {
    SC_VEC_FREE(&f->list);
    f->root = 0;
    f->loaded = false;
    f->mapped.address = 0;
}

/* ---- the list ---- */

static sc_err *load(struct nt_vadfill *f) {
    struct nt_vads vads;
    struct nt_vad vad;
    bool more = false;
    if (f->loaded || !f->root)
        return NULL;
    sc_err *err = nt_vads_begin(&vads, &f->nt, f->root);
    while (!err && !(err = nt_vads_next(&vads, &vad, &more)) && more) {
        struct nt_vadfill_range *r = SC_VEC_PUSH(&f->list);
        if (!r)
            err = sc_err_nomem();
        else
            *r = (struct nt_vadfill_range){vad.start, vad.end, vad.address,
                                           vad.has_flags && vad.is_private, vad.committed};
    }
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        err = NULL;
    if (err)
        SC_VEC_FREE(&f->list);
    f->loaded = !err;
    return err;
}

static const struct nt_vadfill_range *find(const struct nt_vadfill *f, uint64_t vpn) {
    size_t low = 0, high = f->list.count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct nt_vadfill_range *r = &f->list.item[mid];
        if (vpn < r->start)
            high = mid;
        else if (vpn > r->end)
            low = mid + 1;
        else
            return r;
    }
    return NULL;
}

bool nt_vadfill_mapped(struct nt_vadfill *f, uint64_t addr, uint64_t most, uint64_t *ret_start,
                       uint64_t *ret_last) {
    sc_err *err = load(f);
    f->nomem |= sc_err_code(err) == SC_ERR_NOMEM;
    sc_err_destroy(err);
    size_t low = 0, high = f->list.count;
    while (low < high) { /* the first that ends at or behind it */
        size_t mid = low + (high - low) / 2;
        if (f->list.item[mid].end < addr / PAGE)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < f->list.count; low++) {
        const struct nt_vadfill_range *r = &f->list.item[low];
        if (r->is_private || r->end - r->start >= most / PAGE)
            continue;
        *ret_start = r->start * PAGE;
        *ret_last = r->end * PAGE + (PAGE - 1);
        return true;
    }
    return false;
}

/* ---- one page ---- */

static sc_err *read_prototype(struct nt_vadfill *f, const struct nt_vadfill_range *r, uint64_t vpn,
                              struct nt_page *page) {
    const struct sc_paging *paging = sc_target_paging(f->nt.target);
    unsigned size = paging->mode == SC_PAGING_X86 ? 4 : 8;
    bool found = true;
    sc_err *err = NULL;
    if (f->mapped.address != r->node)
        err = nt_vad_read(&f->nt, r->node, &f->mapped, &found);
    if (err || !found)
        return err;
    err = nt_vad_prototype(&f->nt, &f->mapped, vpn, size, &page->prototype);
    if (err || !page->prototype)
        return err;
    page->behind = NT_BEHIND_PROTOTYPE;
    page->status = sc_space_uint(f->nt.space, page->prototype, size, &page->value);
    if (page->status == SC_READ_OK)
        sc_entry_decode(paging, 0, true, page->value, &page->entry);
    return NULL;
}

sc_err *nt_vadfill_page(struct nt_vadfill *f, uint64_t addr, const struct sc_translation *tr,
                        struct nt_page *ret) {
    *ret = (struct nt_page){.behind = NT_BEHIND_NOTHING};
    bool leaf = tr->npte && tr->pte[tr->npte - 1].level == 0;
    if (tr->kind != SC_PTE_NONE && tr->kind != SC_PTE_PROTOTYPE_VAD &&
        (tr->kind != SC_PTE_DEMAND_ZERO || !leaf))
        return NULL;
    sc_err *err = load(f);
    const struct nt_vadfill_range *r = err ? NULL : find(f, addr / PAGE);
    if (!r)
        return err;
    ret->vad = r->node;
    if (tr->kind == SC_PTE_DEMAND_ZERO ||
        (r->is_private && r->committed && !tr->prototype && tr->kind == SC_PTE_NONE)) {
        ret->behind = NT_BEHIND_ZERO;
        return NULL;
    }
    return r->is_private ? NULL : read_prototype(f, r, addr / PAGE, ret);
}

static enum sc_read give_zeros(struct nt_vadfill *f, uint64_t addr, void *buf, size_t len,
                               size_t *ret_got) {
    if (!f->zero_pages++)
        f->first_zero = addr & ~(uint64_t)(PAGE - 1);
    memset(buf, 0, len);
    *ret_got = len;
    return SC_READ_OK;
}

static enum sc_read read_page(struct nt_vadfill *f, const struct nt_page *page, uint64_t addr,
                              void *buf, size_t len, size_t *ret_got) {
    const struct sc_translation *e = &page->entry;
    uint8_t copy[PAGE];
    if (page->status != SC_READ_OK)
        return SC_READ_ABSENT;
    switch (e->kind) {
    case SC_PTE_VALID:
    case SC_PTE_TRANSITION: {
        enum sc_read st =
            sc_space_read(sc_target_phys(f->nt.target), e->pa + addr % PAGE, buf, len, ret_got);
        return *ret_got ? SC_READ_OK : st;
    }
    case SC_PTE_PAGEFILE: {
        enum sc_read st = sc_target_pagefile(f->nt.target, e->pagefile, e->pagefile_page, copy);
        if (st != SC_READ_OK)
            return st;
        memcpy(buf, copy + addr % PAGE, len);
        *ret_got = len;
        return SC_READ_OK;
    }
    case SC_PTE_DEMAND_ZERO: return give_zeros(f, addr, buf, len, ret_got);
    case SC_PTE_SUBSECTION: return SC_READ_PAGED_OUT;
    default: return SC_READ_ABSENT;
    }
}

enum sc_read nt_vadfill_read(struct nt_vadfill *f, uint64_t addr, void *buf, size_t len,
                             size_t *ret_got) {
    struct sc_translation tr;
    struct nt_page page;
    *ret_got = 0;
    if (nt_is_kernel(&f->nt, addr))
        return SC_READ_ABSENT;
    size_t room = PAGE - (size_t)(addr % PAGE);
    len = len < room ? len : room;
    sc_translate(sc_target_paging(f->nt.target), addr, &tr);
    sc_err *err = nt_vadfill_page(f, addr, &tr, &page);
    if (err) {
        f->nomem |= sc_err_code(err) == SC_ERR_NOMEM;
        sc_err_destroy(err);
        return SC_READ_ABSENT;
    }
    switch (page.behind) {
    case NT_BEHIND_ZERO: return give_zeros(f, addr, buf, len, ret_got);
    case NT_BEHIND_PROTOTYPE: return read_page(f, &page, addr, buf, len, ret_got);
    default: return SC_READ_ABSENT;
    }
}
