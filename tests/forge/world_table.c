/* SPDX-License-Identifier: MIT */
/*
 * The kernel's symbol table: a file in Volatility's format (ISF), which gives the kernel its
 * identity (name, GUID and age of the PDB), the addresses of all its names, and the layouts of its
 * structures. Readers that look for this table find a kernel that fits it.
 *
 * Names are taken from the table when somebody asks for one. Of pages that hold names nothing is
 * known, so that nothing without an address is put there.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/world.h"
#include "isf/isf.h"

typedef unsigned long long ull;

static bool failed(struct forge_world *w, sc_err *err) {
    bool ok = !err || forge_wrong(w->s, w->s->isf_line, "isf: %s", sc_err_text(err));
    sc_err_destroy(err);
    return !ok;
}

bool forge_world_table_open(struct forge_world *w) {
    struct forge_scenario *s = w->s;
    struct sc_isf_facts facts;
    if (!s->isf)
        return true;
    if (!w->kernel)
        return forge_wrong(s, s->isf_line, "isf: a user minidump has no kernel");
    if (failed(w, sc_isf_open_with(s->isf, NULL, &w->table, &facts)))
        return false;
    if (facts.machine && facts.machine != s->cpu.machine)
        return forge_wrong(s, s->isf_line, "isf: %s is of another processor (machine %x)", s->isf,
                           facts.machine);
    if (!*facts.pdb)
        return forge_wrong(s, s->isf_line, "isf: %s does not say which PDB it was made of", s->isf);
    w->table_pdb = facts.pdb;
    return true;
}

void forge_world_table_close(struct forge_world *w) { sc_symbols_unref(w->table); }

/* A GUID as it stands in files. */
static void put_guid(const struct sc_guid *g, uint8_t ret[16]) {
    for (unsigned i = 0; i < 4; i++)
        ret[i] = (uint8_t)(g->a >> 8 * i);
    for (unsigned i = 0; i < 2; i++) {
        ret[4 + i] = (uint8_t)(g->b >> 8 * i);
        ret[6 + i] = (uint8_t)(g->c >> 8 * i);
    }
    memcpy(ret + 8, g->d, 8);
}

bool forge_world_table_identify(struct forge_world *w, struct forge_wmodule *m) {
    struct sc_symbols_info info;
    uint8_t guid[16];
    if (!w->table)
        return true;
    sc_symbols_info(w->table, &info);
    put_guid(&info.guid, guid);
    const struct forge_scn_module *s = m->scn;
    if ((s->pdb && strcmp(s->pdb, w->table_pdb) != 0) ||
        (s->has_guid && (memcmp(s->guid, guid, 16) != 0 || s->age != info.age)))
        return forge_wrong(w->s, s->line, "module: %s is the table of another PDB", w->s->isf);
    m->pdb = w->table_pdb;
    m->age = info.age;
    memcpy(m->guid, guid, 16);
    return true;
}

/* ---- the image ---- */

struct check {
    struct forge_wmodule *m;
    struct sc_symbol beyond; /* one that lies outside */
    bool outside;
};

static bool mark_named(void *ctx, const struct sc_symbol *symbol) {
    struct check *c = ctx;
    if (symbol->rva >= c->m->size && (!c->outside || symbol->rva > c->beyond.rva)) {
        c->beyond = *symbol;
        c->outside = true;
    } else if (symbol->rva < c->m->size) {
        c->m->named[symbol->rva / FORGE_PAGE_SIZE] = 1;
    }
    return true;
}

bool forge_world_table_check(struct forge_world *w) {
    struct check c = {.m = w->nt};
    if (!w->table)
        return true;
    c.m->named = forge_pool_get(w->pool, c.m->npages);
    memset(c.m->named, 0, c.m->npages);
    if (failed(w, sc_symbols_each(w->table, NULL, SC_SYM_ANY & ~SC_SYM_CONSTANT, mark_named, &c)))
        return false;
    return !c.outside || forge_wrong(w->s, c.m->scn->line,
                                     "module: nt has %llx bytes, but %s has %s at %x: write more",
                                     (ull)c.m->size, w->s->isf, c.beyond.name, c.beyond.rva);
}

/* ---- names ---- */

const struct forge_wsymbol *forge_world_table_symbol(const struct forge_world *w,
                                                     const struct forge_wmodule *m,
                                                     const char *name) {
    struct forge_world *here = (struct forge_world *)w; /* a name is added, nothing changes */
    struct sc_symbol found;
    bool is_there = false;
    if (!w->table || m != w->nt)
        return NULL;
    if (failed(here, sc_symbols_find(w->table, name, &found, &is_there)) || !is_there ||
        found.kind == SC_SYM_CONSTANT || found.rva >= m->size)
        return NULL;
    struct forge_wsymbol *s = FORGE_PUSH(w->pool, &here->symbols);
    *s = (struct forge_wsymbol){.module = (struct forge_wmodule *)m,
                                .name = forge_pool_text(w->pool, name, strlen(name)),
                                .addr = m->base + found.rva,
                                .table = true};
    return s;
}
