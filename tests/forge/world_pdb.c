/* SPDX-License-Identifier: MIT */
/* PDBs: a module's symbols, lines, locals, frame data, moved blocks, and the build's types. */
#include <stdlib.h>
#include <string.h>

#include "forge/world.h"

/* What is handed to forge_symfile_build(). */
struct pdb {
    struct forge_world *w;
    struct forge_wmodule *m;
    bool is_private;
    FORGE_LIST(forge_symbol) symbols;
    FORGE_LIST(forge_line) lines;
    FORGE_LIST(forge_struct) types;
    FORGE_LIST(forge_fpo) fpo;
};

/* ---- symbols ---- */

static uint32_t end_of_function(const struct pdb *p, uint32_t rva) {
    const struct forge_wmodule *m = p->m;
    uint64_t next = m->size, end = rva;
    for (size_t i = 0; i < p->w->symbols.count; i++) {
        const struct forge_wsymbol *s = &p->w->symbols.item[i];
        uint64_t at = s->addr - m->base;
        if (s->module == m && at > rva && at < next)
            next = at;
    }
    for (size_t i = 0; i < m->blocks.count; i++)
        if (m->blocks.item[i].ip >= rva && m->blocks.item[i].ip < next &&
            m->blocks.item[i].end > end)
            end = m->blocks.item[i].end;
    for (size_t i = 0; i < m->code.count; i++) {
        const struct forge_wspan *c = &m->code.item[i];
        if (c->rva >= rva && c->rva < next && c->rva + c->size > end)
            end = c->rva + c->size;
    }
    return (uint32_t)(end < next ? end : next);
}

static const struct forge_local *locals_of(const struct pdb *p, const char *function,
                                           size_t *ret_count) {
    FORGE_LIST(forge_local) list = {0};
    for (size_t i = 0; i < p->w->s->locals.count; i++) {
        const struct forge_scn_local *l = &p->w->s->locals.item[i];
        if (forge_world_module(p->w, l->module) == p->m && !strcmp(l->function, function))
            *FORGE_PUSH(p->w->pool, &list) = l->local;
    }
    *ret_count = list.count;
    return list.item;
}

/* Calls that a stack's listing shows as inlined: into the frame that follows them. */
static const struct forge_inlined *inlined_in(const struct pdb *p, const struct forge_wsymbol *s,
                                              size_t *ret_count) {
    FORGE_LIST(forge_inlined) list = {0};
    for (size_t i = 0; i < p->w->stacks.count; i++) {
        const struct forge_wstack *stack = &p->w->stacks.item[i];
        const struct forge_frames *f = &stack->frames;
        for (size_t k = 0; k < f->count; k++) {
            size_t outer = k;
            while (outer < f->count && f->item[outer].inlined)
                outer++;
            if (!f->item[k].inlined || outer == f->count ||
                strcmp(f->item[outer].name, s->name) != 0 ||
                forge_world_module(p->w, f->item[outer].module) != p->m)
                continue;
            uint32_t rva = (uint32_t)(stack->fit.ip[outer] - p->m->base);
            uint32_t begin = (uint32_t)(s->addr - p->m->base);
            uint64_t want = f->item[k].disp ? f->item[k].disp : 8;
            uint32_t back = rva - begin < want ? rva - begin : (uint32_t)want;
            *FORGE_PUSH(p->w->pool, &list) =
                (struct forge_inlined){.name = f->item[k].name,
                                       .file = *f->item[k].file ? f->item[k].file : "inlined.h",
                                       .rva = rva - back,
                                       .size = back + 4,
                                       .line = f->item[k].file_line};
        }
    }
    *ret_count = list.count;
    return list.item;
}

static void add_symbol(struct pdb *p, const struct forge_wsymbol *s) {
    uint32_t rva = (uint32_t)(s->addr - p->m->base);
    bool is_code = p->m->page[rva / FORGE_PAGE_SIZE] != FORGE_PAGE_DATA;
    struct forge_symbol *to = FORGE_PUSH(p->w->pool, &p->symbols);
    *to = (struct forge_symbol){.name = s->name,
                                .rva = s->has_home ? (uint32_t)(s->home - p->m->base) : rva,
                                .size = s->size,
                                .type = s->type};
    to->kind = !p->is_private ? FORGE_SYM_PUBLIC
               : s->has_kind  ? s->kind
               : is_code      ? FORGE_SYM_FUNCTION
                              : FORGE_SYM_DATA;
    /* C puts an underscore before the names of x86, and debuggers take one away. */
    if (to->kind == FORGE_SYM_PUBLIC && p->w->is32 && *s->name == '_')
        to->name = forge_pool_printf(p->w->pool, "_%s", s->name);
    if (to->kind != FORGE_SYM_FUNCTION && to->kind != FORGE_SYM_STATIC)
        return;
    uint32_t end = end_of_function(p, rva);
    if (!to->size)
        to->size = end > rva ? end - rva : 1;
    to->local = locals_of(p, s->name, &to->nlocals);
    to->inlined = inlined_in(p, s, &to->ninlined);
}

/* ---- lines ---- */

static int by_rva(const void *a, const void *b) {
    const struct forge_line *x = a, *y = b;
    return x->rva < y->rva ? -1 : x->rva > y->rva;
}

/* Does a `line` or a stack's "[file @ 12]" speak of this module? */
static bool add_line(struct pdb *p, unsigned line, uint64_t addr, const char *file,
                     uint32_t number) {
    if (addr - p->m->base >= p->m->size)
        return true;
    if (!p->is_private)
        return forge_wrong(p->w->s, line,
                           "%s has no private symbols: lines and locals need  private  in line %u",
                           p->m->scn->name, p->m->scn->line);
    *FORGE_PUSH(p->w->pool, &p->lines) =
        (struct forge_line){file, number, (uint32_t)(addr - p->m->base)};
    return true;
}

static bool add_lines(struct pdb *p) {
    struct forge_world *w = p->w;
    for (size_t i = 0; i < w->s->lines.count; i++) {
        const struct forge_scn_line *l = &w->s->lines.item[i];
        uint64_t addr;
        if (!forge_world_eval(w, l->line, l->address.text, &addr, NULL) ||
            !add_line(p, l->line, addr, l->file, l->number))
            return false;
    }
    for (size_t i = 0; i < w->stacks.count; i++)
        for (size_t k = 0; k < w->stacks.item[i].frames.count; k++) {
            const struct forge_frame *f = &w->stacks.item[i].frames.item[k];
            /* A return address is shown with the line of the call before it. */
            uint64_t addr = w->stacks.item[i].fit.ip[k] - (k ? 5 : 0);
            if (*f->file && !f->inlined && p->is_private &&
                !add_line(p, f->line, addr, f->file, f->file_line))
                return false;
        }
    if (p->lines.count)
        qsort(p->lines.item, p->lines.count, sizeof *p->lines.item, by_rva);
    return true;
}

static bool check_locals(struct pdb *p) {
    for (size_t i = 0; i < p->w->s->locals.count; i++) {
        const struct forge_scn_local *l = &p->w->s->locals.item[i];
        if (forge_world_module(p->w, l->module) != p->m)
            continue;
        if (!forge_world_symbol(p->w, p->m, l->function))
            return forge_wrong(p->w->s, l->line, "local: nothing says where %s!%s is", l->module,
                               l->function);
        if (!p->is_private)
            return forge_wrong(
                p->w->s, l->line,
                "%s has no private symbols: lines and locals need  private  in line %u",
                p->m->scn->name, p->m->scn->line);
    }
    return true;
}

/* ---- types ---- */

/* A member whose type is not known: numbers as long as there is room. */
static const char *filler(struct forge_world *w, const struct forge_type *t,
                          const struct forge_member *m) {
    struct forge_place p = {.size = 1};
    forge_types_place(&w->types, t->s.name, m->name, &p);
    switch (p.size) {
    case 0:
    case 1: return "UChar";
    case 2: return "Uint2B";
    case 4: return "Uint4B";
    case 8: return "Uint8B";
    default: return forge_pool_printf(w->pool, "[%u]UChar", p.size);
    }
}

static void add_type(struct pdb *p, const struct forge_type *t) {
    struct forge_world *w = p->w;
    struct forge_member *members = forge_pool_get(w->pool, t->s.nmembers * sizeof *members);
    for (size_t i = 0; i < t->s.nmembers; i++) {
        members[i] = t->s.member[i];
        if (!members[i].type)
            members[i].type = filler(w, t, &members[i]);
    }
    struct forge_struct *to = FORGE_PUSH(w->pool, &p->types);
    *to = t->s;
    to->member = members;
}

/* The build's structures are the kernel's; a process sees them in ntdll. */
static bool owns(const struct forge_world *w, const struct forge_wmodule *m,
                 const struct forge_type *t) {
    if (t->module)
        return forge_world_module(w, t->module) == m;
    return !t->listed && m == (w->kernel ? w->nt : forge_world_module(w, "ntdll"));
}

/* x86: how frames without a frame pointer are left. */
static void add_fpo(struct pdb *p) {
    for (size_t i = 0; i < p->m->blocks.count && p->w->is32; i++) {
        const struct forge_wblock *b = &p->m->blocks.item[i];
        if (!b->fit.uses_ebp)
            *FORGE_PUSH(p->w->pool, &p->fpo) = (struct forge_fpo){.rva = b->begin,
                                                                  .size = b->end - b->begin,
                                                                  .locals = b->fit.locals,
                                                                  .params = b->fit.params,
                                                                  .saved_regs = b->fit.saved_regs,
                                                                  .prolog = b->fit.prolog,
                                                                  .uses_ebp = b->fit.saves_ebp,
                                                                  .kind = b->fit.kind};
    }
}

bool forge_world_pdb(struct forge_world *w, struct forge_wmodule *m,
                     const struct forge_image_section *sections, size_t nsections,
                     struct forge_bytes *ret) {
    struct pdb p = {.w = w, .m = m, .is_private = m->scn->symbols == FORGE_SYMBOLS_PRIVATE};
    char why[FORGE_WHY] = "";
    for (size_t i = 0; i < w->symbols.count; i++)
        if (w->symbols.item[i].module == m)
            add_symbol(&p, &w->symbols.item[i]);
    for (size_t i = 0; i < w->types.list.count; i++)
        if (owns(w, m, &w->types.list.item[i]))
            add_type(&p, &w->types.list.item[i]);
    if (!check_locals(&p) || !add_lines(&p))
        return false;
    add_fpo(&p);
    struct forge_symfile file = {.machine = w->s->cpu.machine,
                                 .age = m->age,
                                 .signature = m->stamp,
                                 .section = sections,
                                 .nsections = nsections,
                                 .symbol = p.symbols.item,
                                 .nsymbols = p.symbols.count,
                                 .line = p.lines.item,
                                 .nlines = p.lines.count,
                                 .fpo = p.fpo.item,
                                 .nfpo = p.fpo.count,
                                 .moved = m->moved.item,
                                 .nmoved = m->moved.count,
                                 .type = p.types.item,
                                 .ntypes = p.types.count};
    memcpy(file.guid, m->guid, 16);
    return forge_symfile_build(&file, ret, why) ||
           forge_wrong(w->s, m->scn->line, "module: the PDB of %s: %s", m->scn->name, why);
}
