/* SPDX-License-Identifier: MIT */
/*
 * A line of code as u and uf show it:
 *
 *     nt!VfAfterCallDriver+0x33e [minkernel\verifier.c @ 12]:
 *        12 fffff800`0161090e 4889842498000000 mov     qword ptr [rsp+98h],rax
 *
 * The first line stands where the symbol (or the source line) changes; in brackets behind it, what
 * WinDbg does not know: the function that code was moved away from. The number is uf's.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/unasm.h"

typedef unsigned long long ull;

struct rec {
    uint64_t address, target;
    const char *symbol, *bytes, *mnemonic, *operands, *flow, *file;
    uint32_t line;
    bool readable, valid;
};
static const struct sc_field fields[] = {
    SC_FIELD(struct rec, address, SC_F_ADDR), SC_FIELD(struct rec, symbol, SC_F_STR),
    SC_FIELD(struct rec, bytes, SC_F_STR),    SC_FIELD(struct rec, mnemonic, SC_F_STR),
    SC_FIELD(struct rec, operands, SC_F_STR), SC_FIELD(struct rec, flow, SC_F_STR),
    SC_FIELD(struct rec, target, SC_F_ADDR),  SC_FIELD(struct rec, file, SC_F_STR),
    SC_FIELD(struct rec, line, SC_F_U32),     SC_FIELD(struct rec, readable, SC_F_BOOL),
    SC_FIELD(struct rec, valid, SC_F_BOOL),   SC_FIELD_END};
static const struct sc_rectype type = {"instruction", sizeof(struct rec), fields};

/* What the text is made of. */
struct text {
    const struct sc_unasm_show *show;
    bool header;
    const char *truth; /* the function that the code really belongs to, or NULL */
    char line[SC_INSN_OPERANDS + 128];
};

static void header_text(sc_out *out, const struct rec *r, const struct text *t) {
    if (t->show->blank)
        sc_puts(out, "\n");
    if (!r->symbol)
        return;
    sc_printf(out, "%s", r->symbol);
    if (r->file)
        sc_printf(out, " [%s @ %u]", r->file, r->line);
    sc_puts(out, ":");
    if (t->truth)
        sc_printf(out, "  [%s]", t->truth);
    sc_puts(out, "\n");
}

static void rec_text(sc_out *out, const void *record, void *ctx) {
    const struct rec *r = record;
    const struct text *t = ctx;
    if (t->header)
        header_text(out, r, t);
    if (t->show->numbers && r->line)
        sc_printf(out, "%5u ", r->line);
    else if (t->show->numbers)
        sc_puts(out, "      ");
    sc_printf(out, "%s\n", t->line);
}

/* ---- what is known of the address ---- */

const char *sc_unasm_symbol(const struct sc_unasm *v, uint64_t addr, char *buf, size_t size) {
    const struct sc_unasm_place *p = &v->place;
    if (!*p->symbol)
        return NULL;
    if (addr + p->shift == p->base)
        snprintf(buf, size, "%s", p->symbol);
    else
        snprintf(buf, size, "%s+0x%llx", p->symbol, (ull)(addr - p->base + p->shift));
    return buf;
}

static sc_err *find_line(struct sc_unasm *v, uint64_t addr) {
    struct sc_unasm_line *l = &v->line;
    struct sc_line line;
    bool found = false;
    if (addr - l->start < l->end - l->start)
        return NULL;
    *l = (struct sc_unasm_line){.start = addr, .end = addr};
    sc_err *err = v->symtab ? sc_symtab_line(v->symtab, addr, &line, &found) : NULL;
    if (sc_symbols_forgive(v->session, &err) || err)
        return err;
    l->end = addr + 1;
    if (!found || !v->place.module)
        return NULL;
    uint64_t end = v->place.module->base + line.rva + line.size;
    if (end > addr)
        l->end = end;
    l->number = line.line;
    snprintf(l->file, sizeof l->file, "%s", line.file ? line.file : "");
    return NULL;
}

sc_err *sc_unasm_has_line(struct sc_unasm *v, uint64_t addr, bool *ret_known) {
    sc_err *err = sc_unasm_find_place(v, addr);
    if (!err && v->lines)
        err = find_line(v, addr);
    *ret_known = !err && v->lines && v->line.number;
    return err;
}

static const char *flow_name(const struct sc_insn *insn) {
    static const char *const names[] = {
        [SC_FLOW_NEXT] = "next",     [SC_FLOW_CALL] = "call",     [SC_FLOW_JUMP] = "jump",
        [SC_FLOW_BRANCH] = "branch", [SC_FLOW_RETURN] = "return", [SC_FLOW_TRAP] = "trap",
        [SC_FLOW_NO_MORE] = "end"};
    return names[insn->flow];
}

/* The line that is shown, and the parts of it that the record has. */
static void fill(struct sc_unasm *v, uint64_t addr, const struct sc_insn *insn, struct rec *r,
                 struct text *t, char *bytes) {
    r->address = addr;
    r->target = insn && insn->has_target ? insn->target : SC_UNSET64;
    r->readable = insn;
    if (!insn) {
        sc_insn_unread(addr, v->ptr_size, t->line, sizeof t->line);
        return;
    }
    r->valid = insn->valid;
    r->mnemonic = insn->mnemonic;
    r->operands = insn->operands;
    r->flow = flow_name(insn);
    sc_insn_line(insn, v->ptr_size, t->line, sizeof t->line);
    /* The bytes are the second word of the line. */
    const char *start = strchr(t->line, ' ') + 1;
    size_t n = strcspn(start, " ");
    memcpy(bytes, start, n);
    bytes[n] = 0;
    r->bytes = bytes;
}

static bool is_header(const struct sc_unasm *v, const struct sc_unasm_show *show) {
    const struct sc_unasm_place *p = &v->place;
    return show->header || p->base != show->last_base ||
           strcmp(p->symbol, show->last_symbol) != 0 ||
           (v->lines && !show->numbers && v->line.number && v->line.number != show->last_line);
}

static sc_err *find_truth(struct sc_unasm *v, uint64_t addr, const char **ret_truth) {
    *ret_truth = NULL;
    if (!v->place.has_symbol || !sc_session_enrich(v->session))
        return NULL;
    return sc_true_function(v->session, addr, v->arena, ret_truth);
}

sc_err *sc_unasm_show(struct sc_unasm *v, uint64_t addr, const struct sc_insn *insn,
                      struct sc_unasm_show *show) {
    struct rec r = {0};
    struct text t = {.show = show};
    char symbol[SC_UNASM_NAME + 20], bytes[2 * SC_INSN_BYTES_MAX + 1];
    sc_out *out = sc_session_out(v->session);
    sc_err *err = sc_unasm_find_place(v, addr);
    if (!err && v->lines)
        err = find_line(v, addr);
    if (err)
        return err;
    fill(v, addr, insn, &r, &t, bytes);
    t.header = is_header(v, show);
    if (v->lines && v->line.number) {
        r.file = v->line.file;
        r.line = v->line.number;
    }
    if (t.header) {
        err = find_truth(v, addr, &t.truth);
        if (err)
            return err;
        show->last_base = v->place.base;
        snprintf(show->last_symbol, sizeof show->last_symbol, "%s", v->place.symbol);
        show->last_line = v->line.number;
    }
    if (t.header || sc_out_render(out) != SC_RENDER_TEXT)
        r.symbol = sc_unasm_symbol(v, addr, symbol, sizeof symbol);
    sc_record(out, &type, &r, rec_text, &t);
    show->header = show->blank = false;
    return v->nomem ? sc_err_nomem() : NULL;
}
