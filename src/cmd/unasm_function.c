/* SPDX-License-Identifier: MIT */
/*
 * Which code is a function's, for uf: control is followed from its start, and cut into blocks where
 * a jump leaves or arrives.
 *
 * A jump may also leave the function for good (a tail call). Whether an address is still inside is
 * answered by the unwind data where there is any: entries that are chained to the function's first
 * one are parts of it, wherever the linker put them. Without it (x86, leaf functions), what has the
 * same symbol is inside; without symbols, what is near.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/vec.h"
#include "cmd/unasm.h"
#include "cmd/wow64.h"

enum {
    MOST = 1 << 17, /* instructions of one function that are followed */
    NEAR = 0x8000,  /* bytes: how far a function without symbols may jump */
};

struct step {
    uint64_t addr;
    uint8_t length;
    bool leads; /* a block starts here */
    bool ends;  /* and one ends behind it */
};

struct walk {
    struct sc_unasm *view;
    uint64_t start;
    const struct sc_module *module;
    bool has_root, has_symbol;
    uint32_t root;      /* RVA of the function's first unwind entry */
    uint64_t symbol;    /* address of its symbol */
    uint64_t low, high; /* [low, high) is known to be inside */
    struct sc_map seen; /* address -> index of its step */
    struct {
        struct step *item;
        size_t count, room;
    } steps;
    struct {
        uint64_t *item;
        size_t count, room;
    } todo;
    bool incomplete;
};

/* ---- what is inside ---- */

/* The unwind entry of ADDR, and the first entry of its function; *RET_FOUND false: none. */
static sc_err *unwind_entry(struct walk *w, uint64_t addr, struct sc_pe_function *ret,
                            struct sc_pe_function *ret_root, bool *ret_found) {
    sc_pe *pe;
    *ret_found = false;
    sc_err *err = sc_unasm_image(w->view, w->module, &pe);
    if (err || !pe)
        return err;
    err = sc_pe_function_find(pe, (uint32_t)(addr - w->module->base), ret);
    if (!err) {
        *ret_root = *ret;
        sc_err *chain = sc_pe_function_root(pe, ret, ret_root);
        if (chain)
            *ret_root = *ret; /* its unwind information cannot be read: it stands alone */
        if (chain && sc_err_code(chain) == SC_ERR_NOMEM)
            return chain;
        sc_err_destroy(chain);
        *ret_found = true;
        return NULL;
    }
    if (sc_err_code(err) == SC_ERR_NOMEM)
        return err;
    sc_err_destroy(err);
    return NULL;
}

static sc_err *same_symbol(struct walk *w, uint64_t addr, bool *ret_same) {
    const struct sc_unasm_place *p = &w->view->place;
    sc_err *err = sc_unasm_find_place(w->view, addr);
    *ret_same = !err && p->has_symbol && w->has_symbol && p->base == w->symbol;
    if (*ret_same) {
        w->low = addr;
        w->high = p->end;
    }
    return err;
}

/* Chains are x64's; ARM64's fragments of a function have its symbol. */
static sc_err *is_inside(struct walk *w, uint64_t addr, bool *ret_inside) {
    struct sc_pe_function f, root;
    bool found = false;
    *ret_inside = addr - w->low < w->high - w->low;
    if (*ret_inside)
        return NULL;
    if (!w->module || addr - w->module->base >= w->module->size) {
        *ret_inside = !w->module && addr - w->start + NEAR < 2 * NEAR;
        return NULL;
    }
    sc_err *err = unwind_entry(w, addr, &f, &root, &found);
    if (err)
        return err;
    if (found && w->has_root && root.begin == w->root) {
        w->low = w->module->base + f.begin;
        w->high = w->module->base + (f.end > f.begin ? f.end : f.begin + 1);
        *ret_inside = true;
        return NULL;
    }
    if (w->has_root && (!found || sc_session_cpu(w->view->session) == SC_CPU_X64))
        return NULL;
    if (w->has_symbol)
        return same_symbol(w, addr, ret_inside);
    *ret_inside = !found && addr - w->start + NEAR < 2 * NEAR;
    return NULL;
}

/* ---- following ---- */

static sc_err *later(struct walk *w, uint64_t addr) {
    uint64_t *slot = SC_VEC_PUSH(&w->todo);
    if (!slot)
        return sc_err_nomem();
    *slot = addr;
    return NULL;
}

/* Where a jump leads: to be followed, when it is inside. */
static sc_err *follow(struct walk *w, const struct sc_insn *insn) {
    bool inside;
    if (!insn->has_target || (insn->flow != SC_FLOW_JUMP && insn->flow != SC_FLOW_BRANCH))
        return NULL;
    sc_err *err = is_inside(w, insn->target, &inside);
    return err || !inside ? err : later(w, insn->target);
}

/* Padding behind the last instruction: a breakpoint, and another. */
static bool is_padding(struct walk *w, const struct sc_insn *insn) {
    struct sc_insn next;
    return insn->flow == SC_FLOW_TRAP &&
           sc_unasm_decode(w->view, insn->address + insn->length, false, &next) &&
           next.flow == SC_FLOW_TRAP;
}

static bool goes_on(struct walk *w, const struct sc_insn *insn) {
    switch (insn->flow) {
    case SC_FLOW_NEXT:
    case SC_FLOW_CALL:
    case SC_FLOW_BRANCH: return true;
    case SC_FLOW_TRAP: return !is_padding(w, insn);
    default: return false;
    }
}

static sc_err *add_step(struct walk *w, const struct sc_insn *insn, bool leads, bool ends) {
    struct step *s = SC_VEC_PUSH(&w->steps);
    if (!s || !sc_map_put_number(&w->seen, insn->address, w->steps.count - 1))
        return sc_err_nomem();
    *s = (struct step){insn->address, insn->length, leads, ends};
    return NULL;
}

/* From ADDR on, until control does not go on or what was seen before is reached. */
static sc_err *run(struct walk *w, uint64_t addr) {
    bool leads = true, inside = true;
    for (;; leads = false) {
        uint64_t index;
        struct sc_insn insn;
        if (sc_map_get_number(&w->seen, addr, &index)) {
            w->steps.item[index].leads |= leads;
            return NULL;
        }
        if (sc_target_cancelled(w->view->target))
            return sc_err_cancelled();
        if (w->steps.count >= MOST || !sc_unasm_decode(w->view, addr, false, &insn)) {
            w->incomplete = true;
            return NULL;
        }
        w->incomplete |= !insn.valid;
        bool on = goes_on(w, &insn);
        sc_err *err = add_step(w, &insn, leads, !on || insn.flow == SC_FLOW_BRANCH);
        if (!err)
            err = follow(w, &insn);
        addr += insn.length;
        if (!err && on)
            err = is_inside(w, addr, &inside);
        if (err || !on || !inside)
            return err;
    }
}

/* ---- blocks ---- */

static int by_address(const void *a, const void *b) {
    const struct step *x = a, *y = b;
    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static sc_err *make_blocks(struct walk *w, struct sc_unasm_function *ret) {
    size_t n = w->steps.count;
    if (n)
        qsort(w->steps.item, n, sizeof *w->steps.item, by_address);
    ret->block = calloc(n ? n : 1, sizeof *ret->block);
    if (!ret->block)
        return sc_err_nomem();
    for (size_t i = 0; i < n; i++) {
        const struct step *s = &w->steps.item[i], *last = i ? s - 1 : NULL;
        bool joined = last && !s->leads && !last->ends && last->addr + last->length == s->addr;
        if (!joined)
            ret->block[ret->nblocks++].start = s->addr;
        ret->block[ret->nblocks - 1].end = s->addr + s->length;
    }
    ret->ninsns = n;
    ret->incomplete = w->incomplete;
    return NULL;
}

void sc_unasm_function_free(struct sc_unasm_function *function) { free(function->block); }

/* Where the function that ADDR lies in starts, and what tells what is inside. */
static sc_err *find_start(struct walk *w, uint64_t addr) {
    struct sc_pe_function f, root;
    w->start = addr;
    sc_err *err = sc_unasm_find_place(w->view, addr);
    if (err)
        return err;
    const struct sc_unasm_place *p = &w->view->place;
    w->module = p->module;
    w->has_symbol = p->has_symbol;
    w->symbol = p->base;
    if (!w->module)
        return NULL;
    err = unwind_entry(w, addr, &f, &root, &w->has_root);
    if (err)
        return err;
    if (w->has_root) {
        w->root = root.begin;
        w->start = w->module->base + root.begin;
    } else if (p->has_symbol) {
        w->start = p->base;
    }
    /* The symbol may be that of a split-off part: the function's is that of its start. */
    err = sc_unasm_find_place(w->view, w->start);
    if (!err && p->has_symbol)
        w->symbol = p->base;
    return err;
}

sc_err *sc_unasm_function(struct sc_unasm *view, uint64_t addr, struct sc_unasm_function *ret) {
    struct walk w = {.view = view};
    struct sc_unasm_function made = {0};
    sc_err *err = find_start(&w, addr);
    if (!err)
        err = later(&w, w.start);
    while (!err && w.todo.count)
        err = run(&w, w.todo.item[--w.todo.count]);
    if (!err)
        err = make_blocks(&w, &made);
    made.start = w.start;
    SC_VEC_FREE(&w.steps);
    SC_VEC_FREE(&w.todo);
    sc_map_free(&w.seen);
    if (!err)
        *ret = made;
    return err;
}
