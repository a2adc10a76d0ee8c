/* SPDX-License-Identifier: MIT */
/*
 * A free PTE is an MMPTE_LIST: NextEntry is the number of the next free one, counted from a base;
 * all bits set end the list.
 *
 *   XP, Server 2003   nt!MmFirstFreeSystemPte[2] (system, nonpaged pool's expansion) are PTEs
 *                     themselves, nt!MmSystemPteBase the base, nt!MmSystemPtesStart[2] and
 *                     nt!MmSystemPtesEnd[2] the bounds. Of a cluster the first entry leads to the
 *                     next one; OneEntry says that it is alone, else the second's NextEntry is the
 *                     cluster's size.
 *                     Special pool: nt!MiSpecialPoolFirstPte points to the first of pairs, page and
 *                     guard page; of a session MM_SESSION_SPACE.SpecialPoolFirstPte (Server 2003)
 *   Vista, 7          nt!MiSpecialPool (MI_SPECIAL_POOL): PteBase, Paged.FreePteHead,
 *                     NonPaged.FreePteHead; of a session MM_SESSION_SPACE.SpecialPool
 *   8 to 10 1809      the same, but Paged.Flink and Paged.PteBase; since 10 in nt!MiVisibleState
 *   since 10 1903     special pool is a heap, which has no such list
 *
 * Sources: the public symbols of the kernels; ReactOS (mm/ARM3/syspte.c, special.c) for clusters,
 * pairs and the list's end, and for entries with PAE, of which no table of layouts is at hand. That
 * the entries of later special pools are pairs, too, is concluded. Kernels since August 2018 store
 * entries swizzled where the bit SwizzleBit is clear; in lists, which have no page frame, that is
 * not undone here: such an entry is taken for broken.
 */
#include "nt/ptelist.h"

#include <stdio.h>

#include "nt/global.h"

enum { L_NEXT, L_ONE, L_VALID, L_FIELDS };
static const struct sc_layout_field list_rows[L_FIELDS] = {
    [L_NEXT] = {"NextEntry", 0, true},
    [L_ONE] = {"OneEntry", 0, true},
    [L_VALID] = {"Valid", 0, true},
};
static const struct nt_def list_def = {
    {"nt!_MMPTE_LIST", list_rows, L_FIELDS}, L_FIELDS, NULL, NULL, 0};

enum { SP_PAGED, SP_NONPAGED, SP_BASE, SP_PAGED_BASE, SP_NONPAGED_BASE, SP_FIELDS };
#define POOL_ROWS(prefix)                                                                          \
    {                                                                                              \
        [SP_PAGED] = {prefix "Paged.FreePteHead|" prefix "Paged.Flink", 1, true},                  \
        [SP_NONPAGED] = {prefix "NonPaged.FreePteHead|" prefix "NonPaged.Flink", 1, true},         \
        [SP_BASE] = {prefix "PteBase", 1, true},                                                   \
        [SP_PAGED_BASE] = {prefix "Paged.PteBase", 1, true},                                       \
        [SP_NONPAGED_BASE] = {prefix "NonPaged.PteBase", 1, true},                                 \
    }
static const struct sc_layout_field pool_rows[SP_FIELDS] = POOL_ROWS("");
static const struct sc_layout_field state_rows[SP_FIELDS] = POOL_ROWS("SpecialPool.");
static const struct nt_def pool_def = {
    {"nt!_MI_SPECIAL_POOL", pool_rows, SP_FIELDS}, SP_FIELDS, NULL, NULL, 0};
static const struct nt_def state_def = {
    {"nt!_MI_VISIBLE_STATE", state_rows, SP_FIELDS}, SP_FIELDS, NULL, NULL, 0};
static const struct nt_def session_def = {
    {"nt!_MM_SESSION_SPACE", state_rows, SP_FIELDS}, SP_FIELDS, NULL, NULL, 0};

static const struct sc_layout_field old_rows[] = {{"SpecialPoolFirstPte", 1, true}};
static const struct nt_def old_session_def = {
    {"nt!_MM_SESSION_SPACE", old_rows, 1}, 1, NULL, NULL, 0};

/* ---- entries ---- */

/* Bytes of an entry: with PAE, and on 64-bit systems, 8. */
static unsigned pte_size(const struct nt *nt) {
    return nt->ptr_size == 8 || sc_target_paging(nt->target)->mode == SC_PAGING_PAE ? 8 : 4;
}

/* NextEntry of the last one: all its bits, 36 of them in 64-bit kernels since 8.1. */
static uint64_t last_number(const struct nt_ptelist *list) {
    if (list->size == 4)
        return 0xfffff;
    return list->nt->ptr_size == 8 && list->nt->build >= 9600 ? 0xfffffffff : 0xffffffff;
}

struct entry {
    uint64_t next;
    bool one;
    enum nt_ptelist_end state;
};

/* Valid is bit 0, OneEntry bit 1, NextEntry the upper half: as 64-bit Windows had it then. */
static void read_fixed(const struct nt_ptelist *list, uint64_t address, struct nt_field *f) {
    uint64_t v = 0;
    enum nt_state state = NT_READ;
    if (sc_space_uint(list->nt->space, address, 8, &v) != SC_READ_OK)
        state = NT_ABSENT;
    f[L_NEXT] = (struct nt_field){v >> 32, state};
    f[L_ONE] = (struct nt_field){v >> 1 & 1, state};
    f[L_VALID] = (struct nt_field){v & 1, state};
}

static sc_err *read_entry(const struct nt_ptelist *list, uint64_t address, struct entry *ret) {
    struct nt_field f[L_FIELDS];
    sc_err *err = NULL;
    if (list->fixed)
        read_fixed(list, address, f);
    else
        err = nt_load(list->nt, &list_def, address, f, NULL);
    if (err)
        return err;
    *ret = (struct entry){f[L_NEXT].value, nt_set(&f[L_ONE]), NT_PTELIST_DONE};
    if (f[L_NEXT].state != NT_READ)
        ret->state = NT_PTELIST_ABSENT;
    else if (nt_set(&f[L_VALID]))
        ret->state = NT_PTELIST_BROKEN; /* a valid entry is not free */
    return NULL;
}

static uint64_t entry_at(const struct nt_ptelist *list, uint64_t number) {
    return nt_add(list->nt, list->base, number * list->size);
}

static bool is_outside(const struct nt_ptelist *list, uint64_t at) {
    return !nt_is_kernel(list->nt, at) ||
           (list->start && list->end && (at < list->start || at > list->end));
}

/* How many are free from AT on, of which FIRST is the first. */
static sc_err *run_length(const struct nt_ptelist *list, uint64_t at, const struct entry *first,
                          uint64_t *ret, enum nt_ptelist_end *ret_end) {
    struct entry second;
    *ret = list->clusters ? 1 : 2;
    if (!list->clusters || first->one)
        return NULL;
    sc_err *err = read_entry(list, nt_add(list->nt, at, list->size), &second);
    if (err)
        return err;
    *ret_end = second.state;
    *ret = second.next;
    return NULL;
}

sc_err *nt_ptelist_each(const struct nt_ptelist *list, nt_ptelist_fn fn, void *ctx,
                        enum nt_ptelist_end *ret_end, uint64_t *ret_bad) {
    const uint64_t last = last_number(list);
    uint64_t at = list->first, mark = 0, count = 0, n = 0;
    enum nt_ptelist_end end = NT_PTELIST_DONE;
    struct entry e;
    for (bool more = at != 0; more;) {
        if (sc_target_cancelled(list->nt->target))
            return sc_err_cancelled();
        end = is_outside(list, at) ? NT_PTELIST_BROKEN : NT_PTELIST_DONE;
        sc_err *err = end == NT_PTELIST_DONE ? read_entry(list, at, &e) : NULL;
        if (!err && end == NT_PTELIST_DONE)
            end = e.state;
        if (!err && end == NT_PTELIST_DONE)
            err = run_length(list, at, &e, &count, &end);
        if (err)
            return err;
        if (end != NT_PTELIST_DONE)
            break;
        more = fn(ctx, at, count) && e.next != last;
        if (!more)
            break;
        at = entry_at(list, e.next);
        end = at == mark || ++n >= NT_PTELIST_MAX ? NT_PTELIST_LOOP : end;
        if (end == NT_PTELIST_LOOP)
            break;
        if ((n & (n - 1)) == 0)
            mark = at; /* Brent's method: one remembered entry */
    }
    *ret_end = end;
    *ret_bad = at;
    return NULL;
}

/* ---- where they begin ---- */

static sc_err *begin(struct nt_ptelist *list) {
    const sc_layout *layout;
    sc_err *err = sc_layout_book_get(list->nt->book, &list_def.layout, &layout);
    list->size = pte_size(list->nt);
    if (!err)
        list->fixed = list->nt->ptr_size == 4 && sc_layout_size(layout) < list->size;
    return err;
}

static void lacks(struct nt_ptelists *l, const char *what) {
    snprintf(l->why, sizeof l->why, "%s", what);
}

/* HEAD is an MMPTE_LIST whose NextEntry is the number of the first. */
static sc_err *add(struct nt_ptelists *l, struct nt_ptelist *list, uint64_t head) {
    struct entry e;
    sc_err *err = begin(list);
    if (!err)
        err = read_entry(list, head, &e);
    if (err)
        return err;
    if (e.state == NT_PTELIST_ABSENT) {
        snprintf(l->why, sizeof l->why, "the page of %s is not in the dump", list->name);
        return NULL;
    }
    list->first = e.next == last_number(list) ? 0 : entry_at(list, e.next);
    l->of[l->count++] = *list;
    return NULL;
}

/* Up to Server 2003: row INDEX of the arrays. */
static sc_err *find_system(const struct nt *nt, unsigned index, const char *name,
                           struct nt_ptelists *l) {
    struct nt_ptelist list = {.nt = nt, .name = name, .clusters = true};
    struct nt_field head, base, start, end;
    sc_err *err = nt_var_address(nt, &(struct nt_var){"nt!MmFirstFreeSystemPte", 0}, &head);
    if (!err)
        err = nt_var_named(nt, "nt!MmSystemPteBase", 0, &base);
    if (!err)
        err = nt_var_address(nt, &(struct nt_var){"nt!MmSystemPtesStart", 0}, &start);
    if (!err)
        err = nt_var_address(nt, &(struct nt_var){"nt!MmSystemPtesEnd", 0}, &end);
    if (err)
        return err;
    if (head.state != NT_READ || !nt_set(&base)) {
        lacks(l, head.state != NT_READ ? "nt!MmFirstFreeSystemPte is not in the symbols"
                                       : "nt!MmSystemPteBase is not in the dump and its symbols");
        return NULL;
    }
    list.base = base.value;
    if (start.state == NT_READ && end.state == NT_READ) {
        struct nt_field low = nt_pointer(nt, nt_add(nt, start.value, index * nt->ptr_size));
        struct nt_field high = nt_pointer(nt, nt_add(nt, end.value, index * nt->ptr_size));
        list.start = nt_or(&low, 0);
        list.end = nt_or(&high, 0);
    }
    return add(l, &list, nt_add(nt, head.value, index * pte_size(nt)));
}

/* Up to Server 2003: FIRST is the address of the variable that points to the first pair. */
static sc_err *find_old_special(const struct nt *nt, uint64_t first, const char *name,
                                struct nt_ptelists *l) {
    struct nt_ptelist list = {.nt = nt, .name = name};
    struct nt_field base, head = nt_pointer(nt, first);
    sc_err *err = begin(&list);
    if (!err)
        err = nt_var_named(nt, "nt!MmSystemPteBase", 0, &base);
    if (err)
        return err;
    if (!nt_set(&base) || head.state != NT_READ) {
        snprintf(l->why, sizeof l->why, "%s is not in the dump",
                 head.state != NT_READ ? name : "nt!MmSystemPteBase");
        return NULL;
    }
    list.base = base.value;
    /* Empty: the pointer to the last number's entry, or none. */
    list.first = head.value == entry_at(&list, last_number(&list)) ? 0 : head.value;
    l->of[l->count++] = list;
    return NULL;
}

/* DEF of the structure at ADDRESS, which holds both lists. */
static sc_err *find_special(const struct nt *nt, const struct nt_def *def, uint64_t address,
                            const char *const name[2], struct nt_ptelists *l) {
    static const unsigned head[] = {SP_PAGED, SP_NONPAGED};
    static const unsigned base[] = {SP_PAGED_BASE, SP_NONPAGED_BASE};
    uint64_t at[SP_FIELDS];
    bool has[SP_FIELDS];
    sc_err *err = NULL;
    for (unsigned i = 0; !err && i < SP_FIELDS; i++)
        err = nt_offset(nt, def, i, &at[i], &has[i]);
    if (err && sc_err_code(err) == SC_ERR_NOT_FOUND) {
        snprintf(l->why, sizeof l->why, "the symbols do not have %s", def->layout.type);
        sc_err_destroy(err);
        return NULL;
    }
    for (unsigned i = 0; !err && i < 2; i++) {
        unsigned b = has[base[i]] ? base[i] : SP_BASE;
        if (!has[head[i]] || !has[b])
            continue;
        struct nt_field from = nt_pointer(nt, nt_add(nt, address, at[b]));
        struct nt_ptelist list = {.nt = nt, .name = name[i], .base = from.value};
        if (!nt_set(&from)) {
            snprintf(l->why, sizeof l->why, "%s has no PteBase that can be read", name[i]);
            continue;
        }
        err = add(l, &list, nt_add(nt, address, at[head[i]]));
    }
    if (!err && !l->count && !*l->why)
        snprintf(l->why, sizeof l->why, "%s has no SpecialPool in this build", def->layout.type);
    return err;
}

static sc_err *find_global_special(const struct nt *nt, struct nt_ptelists *l) {
    static const char *const plain[] = {"nt!MiSpecialPool.Paged", "nt!MiSpecialPool.NonPaged"};
    static const char *const state[] = {"nt!MiVisibleState->SpecialPool.Paged",
                                        "nt!MiVisibleState->SpecialPool.NonPaged"};
    struct nt_field at;
    if (nt->build < 6000) {
        sc_err *err = nt_var_address(nt, &(struct nt_var){"nt!MiSpecialPoolFirstPte", 0}, &at);
        if (err || at.state == NT_READ)
            return err ? err : find_old_special(nt, at.value, "nt!MiSpecialPoolFirstPte", l);
        lacks(l, "nt!MiSpecialPoolFirstPte is not in the symbols");
        return NULL;
    }
    sc_err *err = nt_var_address(nt, &(struct nt_var){"nt!MiSpecialPool", 0}, &at);
    if (err || at.state == NT_READ)
        return err ? err : find_special(nt, &pool_def, at.value, plain, l);
    err = nt_var_named(nt, "nt!MiVisibleState", 0, &at);
    if (!err && nt_set(&at))
        return find_special(nt, &state_def, at.value, state, l);
    if (!err)
        lacks(l, "neither nt!MiSpecialPool nor nt!MiVisibleState is in the dump and its symbols");
    return err;
}

static sc_err *find_session_special(const struct nt *nt, uint64_t session, struct nt_ptelists *l) {
    static const char *const names[] = {"nt!_MM_SESSION_SPACE.SpecialPool.Paged",
                                        "nt!_MM_SESSION_SPACE.SpecialPool.NonPaged"};
    uint64_t offset;
    bool found = false;
    if (nt->build >= 6000)
        return find_special(nt, &session_def, session, names, l);
    sc_err *err = nt_offset(nt, &old_session_def, 0, &offset, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || (!err && !found)) {
        lacks(l, "nt!_MM_SESSION_SPACE has no SpecialPoolFirstPte in this build");
        return NULL;
    }
    return err ? err
               : find_old_special(nt, nt_add(nt, session, offset),
                                  "nt!_MM_SESSION_SPACE.SpecialPoolFirstPte", l);
}

sc_err *nt_ptelists_find(const struct nt *nt, enum nt_ptelist_kind kind, uint64_t session,
                         struct nt_ptelists *ret) {
    struct nt_ptelists l = {.count = 0};
    uint64_t offset;
    bool found = false;
    sc_err *err = nt_offset(nt, &list_def, L_NEXT, &offset, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || (!err && !found))
        lacks(&l, "the symbols do not have nt!_MMPTE_LIST");
    else if (!err && kind == NT_PTES_SYSTEM)
        err = find_system(nt, 0, "nt!MmFirstFreeSystemPte[0]", &l);
    else if (!err && kind == NT_PTES_EXPANSION)
        err = find_system(nt, 1, "nt!MmFirstFreeSystemPte[1]", &l);
    else if (!err && kind == NT_PTES_SPECIAL)
        err = find_global_special(nt, &l);
    else if (!err)
        err = find_session_special(nt, session, &l);
    if (!err)
        *ret = l;
    return err;
}
