/* SPDX-License-Identifier: MIT */
/*
 * `uf`: the blocks of a function, or its calls:
 *
 *     nt!KeDelayExecutionThread (804fa5e6)
 *       nt!KeDelayExecutionThread+0x8f (804fa675):
 *         call to nt!KiUnlockDispatcherDatabase (80542748)
 *       nt!KeDelayExecutionThread+0x9f (804fa685):
 *         unresolvable call: call    eax
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/unasm.h"

/* The rows of function_args in disasm.c. */
enum { CALLS, COUNT, ORDER, EXITS, LINKS, LINES, ADDRESS };

struct uf {
    struct sc_unasm *view;
    struct sc_unasm_function *function;
    const struct sc_args *args;
    bool calls, numbers;
};

/* ---- the calls ---- */

struct call {
    uint64_t address, target;
    const char *symbol, *target_symbol, *instruction;
    const char *at; /* the address as text */
};
static const struct sc_field call_fields[] = {
    SC_FIELD(struct call, address, SC_F_ADDR),    SC_FIELD(struct call, symbol, SC_F_STR),
    SC_FIELD(struct call, target, SC_F_ADDR),     SC_FIELD(struct call, target_symbol, SC_F_STR),
    SC_FIELD(struct call, instruction, SC_F_STR), SC_FIELD_END};
static const struct sc_rectype call_type = {"call", sizeof(struct call), call_fields};

static void call_text(sc_out *out, const void *record, void *ctx) {
    const struct call *c = record;
    const struct uf *uf = ctx;
    char a[SC_ADDR_BUF];
    unsigned ptr_size = uf->view->ptr_size;
    sc_printf(out, "  %s (%s):\n", c->symbol ? c->symbol : c->at, c->at);
    if (c->target == SC_UNSET64)
        sc_printf(out, "    unresolvable call: %s\n", c->instruction);
    else if (c->target_symbol)
        sc_printf(out, "    call to %s (%s)\n", c->target_symbol,
                  sc_addr_text(c->target, ptr_size, a));
    else
        sc_printf(out, "    call to %s\n", sc_addr_text(c->target, ptr_size, a));
}

/* A call through memory at a fixed address leads where the pointer there says. */
static void find_target(struct sc_unasm *v, const struct sc_insn *insn, struct call *c) {
    uint64_t value;
    c->target = SC_UNSET64;
    if (insn->has_target)
        c->target = insn->target;
    else if (insn->nmems && insn->mem[0].constant && !insn->mem[0].override &&
             sc_space_ptr(v->space, insn->mem[0].address, &value) == SC_READ_OK)
        c->target = value;
}

static sc_err *show_call(struct uf *uf, const struct sc_insn *insn) {
    struct sc_unasm *v = uf->view;
    char symbol[SC_UNASM_NAME + 20], target[SC_UNASM_NAME], at[SC_ADDR_BUF];
    char text[SC_INSN_MNEMONIC + SC_INSN_OPERANDS + 8];
    struct call c = {.address = insn->address};
    sc_err *err = sc_unasm_find_place(v, insn->address);
    if (err)
        return err;
    c.symbol = sc_unasm_symbol(v, insn->address, symbol, sizeof symbol);
    c.at = sc_addr_text(insn->address, v->ptr_size, at);
    snprintf(text, sizeof text, "%-7s %s", insn->mnemonic, insn->operands);
    c.instruction = text;
    find_target(v, insn, &c);
    if (c.target != SC_UNSET64 && sc_unasm_name(v, c.target, target, sizeof target))
        c.target_symbol = target;
    sc_record(sc_session_out(v->session), &call_type, &c, call_text, uf);
    return v->nomem ? sc_err_nomem() : NULL;
}

/* ---- blocks ---- */

static sc_err *show_calls(struct uf *uf, const struct sc_unasm_block *b) {
    struct sc_insn insn;
    for (uint64_t at = b->start; at < b->end; at += insn.length) {
        if (!sc_unasm_decode(uf->view, at, false, &insn))
            return NULL;
        if (insn.flow != SC_FLOW_CALL || !(insn.has_target || insn.indirect))
            continue;
        sc_unasm_decode(uf->view, at, true, &insn);
        sc_err *err = show_call(uf, &insn);
        if (err)
            return err;
    }
    return NULL;
}

static sc_err *show_block(struct uf *uf, const struct sc_unasm_block *b, bool first) {
    struct sc_unasm_show show = {.header = true, .blank = !first, .numbers = uf->numbers};
    struct sc_insn insn;
    for (uint64_t at = b->start; at < b->end; at += insn.length) {
        if (!sc_unasm_decode(uf->view, at, true, &insn))
            return NULL;
        sc_err *err = sc_unasm_show(uf->view, at, &insn, &show);
        if (err)
            return err;
    }
    return NULL;
}

/* In the function's order what lies before its start comes last. */
static sc_err *show_blocks(struct uf *uf, bool by_address) {
    const struct sc_unasm_function *f = uf->function;
    size_t first = 0;
    while (!by_address && first < f->nblocks && f->block[first].start < f->start)
        first++;
    for (size_t i = 0; i < f->nblocks; i++) {
        const struct sc_unasm_block *b = &f->block[(first + i) % f->nblocks];
        if (sc_target_cancelled(uf->view->target))
            return sc_err_cancelled();
        sc_err *err = uf->calls ? show_calls(uf, b) : show_block(uf, b, i == 0);
        if (err)
            return err;
    }
    return NULL;
}

/* ---- all ---- */

struct function {
    uint64_t address;
    const char *symbol;
    uint64_t instructions, blocks;
    bool incomplete;
};
static const struct sc_field function_fields[] = {
    SC_FIELD(struct function, address, SC_F_ADDR),     SC_FIELD(struct function, symbol, SC_F_STR),
    SC_FIELD(struct function, instructions, SC_F_U64), SC_FIELD(struct function, blocks, SC_F_U64),
    SC_FIELD(struct function, incomplete, SC_F_BOOL),  SC_FIELD_END};
static const struct sc_rectype function_type = {"function", sizeof(struct function),
                                                function_fields};

static void function_text(sc_out *out, const void *record, void *ctx) {
    const struct function *f = record;
    const struct uf *uf = ctx;
    char a[SC_ADDR_BUF];
    if (f->incomplete)
        sc_puts(out, "Flow analysis was incomplete, some code may be missing\n");
    if (uf->args->v[COUNT].given)
        sc_printf(out, "%llu instructions scanned\n\n", (unsigned long long)f->instructions);
    if (!uf->calls)
        return;
    sc_addr_text(f->address, uf->view->ptr_size, a);
    if (f->symbol)
        sc_printf(out, "%s (%s)\n", f->symbol, a);
    else
        sc_printf(out, "%s\n", a);
}

static sc_err *show_function(struct uf *uf) {
    const struct sc_unasm_function *f = uf->function;
    char symbol[SC_UNASM_NAME + 20];
    struct function r = {.address = f->start,
                         .instructions = f->ninsns,
                         .blocks = f->nblocks,
                         .incomplete = f->incomplete};
    if (uf->view->nomem)
        return sc_err_nomem();
    if (!f->ninsns)
        return sc_err_mem(f->start, "No code found, aborting");
    sc_err *err = sc_unasm_has_line(uf->view, f->start, &uf->numbers);
    if (err)
        return err;
    r.symbol = sc_unasm_symbol(uf->view, f->start, symbol, sizeof symbol);
    sc_record(sc_session_out(uf->view->session), &function_type, &r, function_text, uf);
    return show_blocks(uf, uf->args->v[ORDER].given);
}

static sc_err *start_of(sc_session *session, const struct sc_val *v, uint64_t *ret_addr) {
    struct sc_regs regs;
    if (v->given) {
        *ret_addr = sc_space_canon(sc_target_space(sc_session_target(session)), v->num);
        return NULL;
    }
    sc_err *err = sc_session_regs(session, &regs);
    if (!err)
        *ret_addr = sc_regs_ip(&regs);
    return err;
}

sc_err *sc_run_uf(sc_session *session, const struct sc_args *args) {
    struct uf uf = {.args = args, .calls = args->v[CALLS].given};
    struct sc_unasm_function function = {0};
    uint64_t addr;
    sc_err *err = start_of(session, &args->v[ADDRESS], &addr);
    if (!err)
        err = sc_unasm_create(session, args->arena, &uf.view);
    if (err)
        return err;
    err = sc_unasm_function(uf.view, addr, &function);
    uf.function = &function;
    if (!err)
        err = show_function(&uf);
    sc_unasm_function_free(&function);
    sc_unasm_destroy(uf.view);
    return err;
}
