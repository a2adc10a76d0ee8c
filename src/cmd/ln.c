/* SPDX-License-Identifier: MIT */
/*
 * `ln`: the symbols nearest to an address.
 *
 *     (00000000`7814ded0)   msvcr80!wcscpy_s+0x97   |  (00000000`7814df80)   msvcr80!wcsncpy_s
 *     Exact matches:
 *         msvcr80!wcscpy_s (<no parameter info>)
 */
#include <string.h>

#include "cmd/show.h"
#include "cmd/symbols.h"
#include "sym/symtab_impl.h"

struct near_rec {
    uint64_t asked, address, displacement, next_address;
    const char *module, *name, *next_name, *file, *belongs_to;
    uint32_t line;
    bool exact;
};
static const struct sc_field fields[] = {SC_FIELD(struct near_rec, asked, SC_F_ADDR),
                                         SC_FIELD(struct near_rec, module, SC_F_STR),
                                         SC_FIELD(struct near_rec, name, SC_F_STR),
                                         SC_FIELD(struct near_rec, address, SC_F_ADDR),
                                         SC_FIELD(struct near_rec, displacement, SC_F_HEX64),
                                         SC_FIELD(struct near_rec, next_name, SC_F_STR),
                                         SC_FIELD(struct near_rec, next_address, SC_F_ADDR),
                                         SC_FIELD(struct near_rec, exact, SC_F_BOOL),
                                         SC_FIELD(struct near_rec, belongs_to, SC_F_STR),
                                         SC_FIELD(struct near_rec, file, SC_F_STR),
                                         SC_FIELD(struct near_rec, line, SC_F_U32),
                                         SC_FIELD_END};
static const struct sc_rectype near_type = {"near", sizeof(struct near_rec), fields};

struct style {
    unsigned ptr_size;
    uint32_t line_offset;
};

static void near_text(sc_out *out, const void *record, void *ctx) {
    const struct near_rec *r = record;
    const struct style *s = ctx;
    char a[SC_ADDR_BUF], b[SC_ADDR_BUF];
    if (r->file && s->line_offset)
        sc_printf(out, "%s(%u)+0x%x\n", r->file, r->line, s->line_offset);
    else if (r->file)
        sc_printf(out, "%s(%u)\n", r->file, r->line);
    sc_printf(out, "(%s)   %s!%s", sc_addr_text(r->address, s->ptr_size, a), r->module, r->name);
    if (r->displacement)
        sc_printf(out, "+0x%llx", (unsigned long long)r->displacement);
    if (r->next_name)
        sc_printf(out, "   |  (%s)   %s!%s", sc_addr_text(r->next_address, s->ptr_size, b),
                  r->module, r->next_name);
    if (r->belongs_to)
        sc_printf(out, "  [%s]", r->belongs_to);
    sc_puts(out, "\n");
}

/* ---- exact matches ---- */

struct exact_rec {
    uint64_t address;
    const char *module, *name, *tail;
};
static const struct sc_field exact_fields[] = {
    SC_FIELD(struct exact_rec, address, SC_F_ADDR),
    SC_FIELD(struct exact_rec, module, SC_F_STR),
    SC_FIELD(struct exact_rec, name, SC_F_STR),
    {"value", SC_F_STR, offsetof(struct exact_rec, tail), 0, NULL, NULL},
    SC_FIELD_END};
static const struct sc_rectype exact_type = {"exact_match", sizeof(struct exact_rec), exact_fields};

static void exact_text(sc_out *out, const void *record, void *ctx) {
    const struct exact_rec *r = record;
    (void)ctx;
    sc_printf(out, "    %s!%s %s\n", r->module, r->name, r->tail);
}

struct matches {
    sc_session *session;
    const struct sc_near *near;
    sc_arena *arena;
    const char *shown[32]; /* names, so that two records of one symbol make one line */
    size_t count;
    sc_err *err;
};

static bool on_symbol(void *ctx, const struct sc_symbol *symbol) {
    struct matches *m = ctx;
    struct sc_near hit = *m->near;
    struct sc_symbol_row row;
    if (sc_target_cancelled(sc_session_target(m->session))) {
        m->err = sc_err_cancelled();
        return false;
    }
    if (symbol->rva != m->near->symbol.rva || symbol->kind == SC_SYM_CONSTANT ||
        symbol->kind == SC_SYM_THREAD)
        return true;
    hit.symbol = *symbol;
    hit.name = sc_symtab_display(sc_session_symtab(m->session), symbol);
    for (size_t i = 0; hit.name && i < m->count; i++)
        if (!strcmp(m->shown[i], hit.name))
            return true;
    m->err = hit.name ? sc_symbol_row(m->session, &hit, m->arena, &row) : sc_err_nomem();
    if (m->err)
        return false;
    struct exact_rec r = {row.address, row.module, row.name, row.tail};
    sc_record(sc_session_out(m->session), &exact_type, &r, exact_text, NULL);
    m->shown[m->count++] = hit.name;
    return m->count < sizeof m->shown / sizeof *m->shown;
}

static sc_err *show_exact(sc_session *session, const struct sc_near *near, sc_arena *arena) {
    struct matches m = {.session = session, .near = near, .arena = arena};
    sc_puts(sc_session_out(session), "Exact matches:\n");
    on_symbol(&m, &near->symbol); /* the best one first, and not only if the list can be read */
    sc_err *err = m.err;
    if (!err)
        err = sc_symbols_each(near->provider, NULL, SC_SYM_ANY, on_symbol, &m);
    if (m.err && err != m.err) {
        sc_err_destroy(err);
        err = m.err;
    }
    sc_symbols_forgive(session, &err);
    return err;
}

/* ---- the command ---- */

static sc_err *add_line(sc_session *session, sc_symtab *symtab, uint64_t addr, struct near_rec *r,
                        struct style *style) {
    struct sc_line line;
    bool found;
    if (!sc_session_lines(session))
        return NULL;
    sc_err *err = sc_symtab_line(symtab, addr, &line, &found);
    if (err || !found)
        return err;
    r->file = line.file;
    r->line = line.line;
    const struct sc_module *m = sc_target_module_at(sc_session_target(session), addr);
    style->line_offset = m ? (uint32_t)(addr - m->base) - line.rva : 0;
    return NULL;
}

static sc_err *show_near(sc_session *session, sc_symtab *symtab, uint64_t addr,
                         const struct sc_near *near, sc_arena *arena) {
    struct style style = {sc_session_ptr_size(session), 0};
    struct near_rec r = {.asked = addr,
                         .address = near->address,
                         .displacement = near->displacement,
                         .next_address = SC_UNSET64,
                         .module = near->module->name,
                         .name = near->name,
                         .exact = near->displacement == 0};
    struct sc_near next;
    bool found;
    /* What has no place in the image is shown, and its neighbour looked for, where it was linked.
     */
    if (near->symbol.unplaced)
        r.address = near->module->base + near->symbol.home;
    uint64_t from = near->symbol.unplaced ? r.address : addr;
    sc_err *err = sc_symtab_next(symtab, from, &next, &found);
    if (!err && found) {
        r.next_address = next.address;
        r.next_name = next.name;
    }
    if (!err)
        err = add_line(session, symtab, addr, &r, &style);
    if (sc_symbols_forgive(session, &err) || !err) {
        if (sc_session_enrich(session))
            err = sc_true_function(session, addr, arena, &r.belongs_to);
    }
    if (err)
        return err;
    sc_record(sc_session_out(session), &near_type, &r, near_text, &style);
    return r.exact ? show_exact(session, near, arena) : NULL;
}

/* There is no symbol: what is known instead, and why it is not more. */
static sc_err *show_none(sc_session *session, sc_symtab *symtab, uint64_t addr,
                         const struct sc_module *module, sc_arena *arena) {
    sc_out *out = sc_session_out(session);
    char a[SC_ADDR_BUF];
    const char *near;
    sc_err *err = sc_near(session, addr, arena, &near);
    if (err)
        return err;
    sc_addr_text(addr, sc_session_ptr_size(session), a);
    const struct sc_modsyms *s = module ? sc_symtab_peek(symtab, module) : NULL;
    if (s)
        sc_remark(out, "No symbol is near %s (%s): %s", a, near ? near : module->name,
                  s->nproviders && s->state != SC_SYMSTATE_NONE ? "none begins before it"
                  : s->why                                      ? s->why
                                                                : "the module has no symbols");
    else if (near)
        sc_remark(out, "No symbol is near %s (%s)", a, near);
    else
        sc_remark(out, "No symbol is near %s: no module contains it", a);
    return NULL;
}

sc_err *sc_run_ln(sc_session *session, const struct sc_args *args);
sc_err *sc_run_ln(sc_session *session, const struct sc_args *args) {
    sc_symtab *symtab;
    struct sc_near near;
    bool found;
    uint64_t addr = sc_space_canon(sc_target_space(sc_session_target(session)), args->v[1].num);
    sc_err *err = sc_session_symbols(session, &symtab);
    if (!err)
        err = sc_symtab_near(symtab, addr, &near, &found);
    if (err)
        return err;
    return found ? show_near(session, symtab, addr, &near, args->arena)
                 : show_none(session, symtab, addr, near.module, args->arena);
}

extern const struct sc_arg sc_ln_args[];
const struct sc_arg sc_ln_args[] = {
    {SC_ARG_OPTION, "dml", "D", true, "accepted; changes nothing"},
    {SC_ARG_EXPR, "address", NULL, false, "an address, or a symbol"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
