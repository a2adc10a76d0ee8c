/* SPDX-License-Identifier: MIT */
/*
 * Expressions in a session: the evaluator's callbacks, answered by registers, pseudo-registers,
 * modules and the target's memory. A name without a value is an error that says why.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/cxx.h"
#include "cmd/session_impl.h"
#include "cmd/symbols.h"
#include "cmd/wow64.h"
#include "expr/expr.h"
#include "stopcode/symtab.h"
#include "target/target_impl.h"

struct eval {
    sc_session *session;
    sc_err *why; /* the first name that could not be answered: better than "unknown" */
};

static void blame(struct eval *e, sc_err *own_err) {
    if (e->why)
        sc_err_destroy(own_err);
    else
        e->why = own_err;
}

/* A register or pseudo-register. The reason of one without a value is kept. */
static bool on_reg(void *ctx, const char *name, uint64_t *ret_value) {
    struct eval *e = ctx;
    sc_session *s = e->session;
    if (*name == '$') {
        sc_err *err = sc_session_pseudo_get(s, name, ret_value);
        if (err)
            blame(e, err);
        return !err;
    }
    struct sc_regs regs;
    enum sc_cpu cpu = sc_session_cpu(s);
    if (!sc_session_has_context(s) && !sc_reg_find(cpu, name))
        return false;
    sc_err *err = sc_session_regs(s, &regs);
    if (err) {
        blame(e, err);
        return false;
    }
    if (sc_regs_get(&regs, name, ret_value))
        return true;
    if (sc_reg_find(regs.cpu, name))
        blame(e, sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold register %.40s", name));
    return false;
}

/* Why MODULE!NAME has no value. */
static sc_err *no_such_symbol(sc_session *s, sc_symtab *symtab, const char *name,
                              const char *bang) {
    char part[128] = "";
    if ((size_t)(bang - name) < sizeof part)
        memcpy(part, name, (size_t)(bang - name));
    const struct sc_module *m = sc_target_module_named(s->target, part);
    if (!m)
        return sc_errf(SC_ERR_NOT_FOUND, "%.100s is unknown: there is no module %.100s", name,
                       part);
    const struct sc_modsyms *syms = sc_symtab_peek(symtab, m);
    if (!syms->nproviders || syms->state == SC_SYMSTATE_NONE)
        return sc_errf(SC_ERR_NOT_FOUND, "%.100s is unknown: %s has no symbols%s%.200s", name,
                       m->name, syms->why ? ": " : "", syms->why ? syms->why : "");
    return sc_errf(SC_ERR_NOT_FOUND, "%.100s is unknown: %s has no such name in its %s", name,
                   m->name, sc_symstate_text(syms->state));
}

static bool on_symbol(void *ctx, const char *name, uint64_t *ret_value) {
    struct eval *e = ctx;
    sc_session *s = e->session;
    const char *bang = strchr(name, '!');
    const struct sc_module *module = NULL;
    bool found = false;
    if (s->target && !bang)
        module = sc_target_module_named(s->target, name);
    if (module) {
        *ret_value = module->base;
        return true;
    }
    /* Registers without their '@' are asked for here first: they must not load any symbols. */
    if (!s->target || (!bang && sc_reg_find(sc_session_cpu(s), name)))
        return false;
    sc_symtab *symtab = sc_session_symtab(s);
    sc_err *err = symtab ? sc_symtab_lookup(symtab, name, ret_value, &found) : NULL;
    if (err)
        blame(e, err);
    else if (bang && !found)
        blame(e, symtab
                     ? no_such_symbol(s, symtab, name, bang)
                     : sc_errf(SC_ERR_NOT_FOUND, "%.100s is unknown: there are no symbols", name));
    return found;
}

static enum sc_read on_read(void *ctx, uint64_t addr, unsigned size, bool physical,
                            uint64_t *ret_value) {
    struct eval *e = ctx;
    sc_target *t = e->session->target;
    if (!t)
        return SC_READ_INVALID;
    sc_space *space = physical ? sc_target_phys(t) : sc_target_space(t);
    return sc_space_uint(space, sc_space_canon(space, addr), size, ret_value);
}

static bool on_dot(void *ctx, uint64_t *ret_value) {
    struct eval *e = ctx;
    return sc_session_dot(e->session, ret_value);
}

/* $iment: from the header in memory, or in the image file that stands in for it. */
static sc_err *on_entry(void *ctx, uint64_t base, uint64_t *ret_value) {
    struct eval *e = ctx;
    sc_target *t = e->session->target;
    if (!t)
        return sc_errf(SC_ERR_NOT_FOUND, "no dump is open, so there are no images");
    sc_space *space = sc_target_space(t);
    base = sc_space_canon(space, base);
    const struct sc_module *m = sc_target_module_at(t, base);
    sc_pe *pe;
    sc_err *err = m && m->base == base ? sc_module_image(e->session, m, &pe)
                                       : sc_pe_open_memory(space, base, "image", &pe);
    if (err)
        return err;
    *ret_value = base + sc_pe_headers(pe)->entry;
    sc_pe_close(pe);
    return NULL;
}

sc_err *sc_session_unknown(sc_session *s, const char *name) {
    const char *bang = strchr(name, '!');
    sc_symtab *symtab = s->target && bang ? sc_session_symtab(s) : NULL;
    return symtab ? no_such_symbol(s, symtab, name, bang) : NULL;
}

/* @@c++( … ): its errors say more than that a name is not known. */
static sc_err *on_cxx(void *ctx, const char *text, const char *origin, unsigned depth,
                      uint64_t *ret_value, const char **ret_end) {
    struct eval *e = ctx;
    sc_err *err = sc_session_cxx_number(e->session, text, origin, depth, ret_value, ret_end);
    if (err) {
        sc_err_destroy(e->why);
        e->why = NULL;
    }
    return err;
}

sc_err *sc_session_masm(sc_session *s, const char *text, const char *origin, unsigned depth,
                        uint64_t *ret_value, const char **ret_end) {
    struct eval e = {s, NULL};
    struct sc_expr_env env = {
        .ctx = &e,
        .radix = s->radix,
        .ptr_size = sc_session_ptr_size(s),
        .user = s->target && !sc_target_machine(s->target)->kernel,
        .symbol = on_symbol,
        .reg = on_reg,
        .read = on_read,
        .dot = on_dot,
        .entry = on_entry,
        .cxx = on_cxx,
        .origin = origin,
        .depth = depth,
    };
    sc_err *err = ret_end ? sc_expr_prefix(&env, text, ret_value, ret_end)
                          : sc_expr_eval(&env, text, ret_value);
    bool serious =
        e.why && (sc_err_code(e.why) == SC_ERR_NOMEM || sc_err_code(e.why) == SC_ERR_CANCELLED);
    if (err && serious) {
        sc_err_destroy(err);
        return e.why;
    }
    if (!err || sc_err_code(err) != SC_ERR_NOT_FOUND || !e.why) {
        sc_err_destroy(e.why);
        return err;
    }
    /* The evaluator knows where, we know why. */
    const char *where = sc_err_text(err);
    int n = (int)strcspn(where, ":");
    if (!strncmp(where, "column ", 7) && n < 20)
        e.why = sc_err_prefix(e.why, "%.*s", n, where);
    sc_err_destroy(err);
    return e.why;
}

sc_err *sc_session_eval_prefix(sc_session *s, const char *text, uint64_t *ret_value,
                               const char **ret_end) {
    return s->cxx ? sc_session_cxx_number(s, text, NULL, 0, ret_value, ret_end)
                  : sc_session_masm(s, text, NULL, 0, ret_value, ret_end);
}

sc_err *sc_session_eval(sc_session *s, const char *text, uint64_t *ret_value) {
    return sc_session_eval_prefix(s, text, ret_value, NULL);
}

/* A name that could not be kept: not the same as an address that has none. */
static const char *keep(sc_session *s, const char *text) {
    if (!text)
        sc_target_set_nomem(s->target);
    return text;
}

/* The symbol at or before ADDR; NULL when there is none, or none can be had. */
static const char *near_symbol(sc_session *s, uint64_t addr, sc_arena *arena, bool *ret_nomem) {
    struct sc_near n;
    bool found = false;
    sc_symtab *symtab = sc_session_symtab(s);
    sc_err *err = symtab ? sc_symtab_near(symtab, addr, &n, &found) : NULL;
    *ret_nomem = err && sc_err_code(err) == SC_ERR_NOMEM;
    sc_err_destroy(err);
    if (err || !found)
        return NULL;
    const char *text = n.displacement ? sc_arena_printf(arena, "%s!%s+0x%llx", n.module->name,
                                                        n.name, (unsigned long long)n.displacement)
                                      : sc_arena_printf(arena, "%s!%s", n.module->name, n.name);
    *ret_nomem = !text;
    return text;
}

const char *sc_session_near(sc_session *s, uint64_t addr, sc_arena *arena) {
    if (!s->target)
        return NULL;
    const struct sc_module *m = sc_target_module_at(s->target, addr);
    if (m) {
        bool nomem;
        const char *text = near_symbol(s, addr, arena, &nomem);
        if (text || nomem)
            return keep(s, text);
        if (addr == m->base)
            return keep(s, sc_arena_strdup(arena, m->name));
        return keep(
            s, sc_arena_printf(arena, "%s+0x%llx", m->name, (unsigned long long)(addr - m->base)));
    }
    const struct sc_unloaded *u = sc_target_unloaded_at(s->target, addr);
    if (!u)
        return NULL;
    return keep(s, sc_arena_printf(arena, "<Unloaded_%s>+0x%llx", u->name,
                                   (unsigned long long)(addr - u->base)));
}
