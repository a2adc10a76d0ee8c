/* SPDX-License-Identifier: MIT */
/* Symbols: where lines put them, and where the forge puts those that no line places. */
#include <string.h>

#include "forge/world.h"

typedef unsigned long long ull;

const struct forge_wsymbol *forge_world_symbol(const struct forge_world *w,
                                               const struct forge_wmodule *m, const char *name) {
    for (size_t i = 0; i < w->symbols.count; i++)
        if (w->symbols.item[i].module == m && !strcmp(w->symbols.item[i].name, name))
            return &w->symbols.item[i];
    return forge_world_table_symbol(w, m, name);
}

static enum forge_page_kind page_kind(enum forge_symbol_kind kind) {
    return kind == FORGE_SYM_DATA ? FORGE_PAGE_DATA : FORGE_PAGE_CODE;
}

/* What LIKE says besides the address; what was said before stays. */
static void merge(struct forge_wsymbol *s, const struct forge_wsymbol *like) {
    if (!like)
        return;
    s->size = s->size ? s->size : like->size;
    s->type = s->type ? s->type : like->type;
    s->unplaced = s->unplaced || like->unplaced;
    if (like->has_home) {
        s->has_home = true;
        s->home = like->home;
    }
    if (!s->has_kind && like->has_kind) {
        s->has_kind = true;
        s->kind = like->kind;
    }
}

bool forge_world_define(struct forge_world *w, unsigned line, struct forge_wmodule *m,
                        const char *name, uint64_t addr, const struct forge_wsymbol *like) {
    struct forge_wsymbol *s = (struct forge_wsymbol *)forge_world_symbol(w, m, name);
    if (s && s->addr != addr && s->table)
        return forge_wrong(w->s, line, "%s!%s would be at %llx, but %s has it at %llx",
                           m->scn->name, name, (ull)addr, w->s->isf, (ull)s->addr);
    if (s && s->addr != addr)
        return forge_wrong(w->s, line, "%s!%s would be at %llx, but line %u puts it at %llx",
                           m->scn->name, name, (ull)addr, s->line, (ull)s->addr);
    if (!s && addr - m->base >= m->size)
        return forge_wrong(w->s, line, "%s!%s would be at %llx, outside of %s (%llx to %llx)",
                           m->scn->name, name, (ull)addr, m->scn->name, (ull)m->base,
                           (ull)(m->base + m->size));
    if (!s && m->scn->symbols == FORGE_SYMBOLS_NONE)
        return forge_wrong(w->s, line, "%s has no symbols (line %u), but here is %s!%s",
                           m->scn->name, m->scn->line, m->scn->name, name);
    if (!s) {
        s = FORGE_PUSH(w->pool, &w->symbols);
        *s = (struct forge_wsymbol){.module = m, .name = name, .addr = addr, .line = line};
    }
    merge(s, like);
    forge_world_mark(m, addr - m->base, s->size, page_kind(s->has_kind ? s->kind : 0));
    return true;
}

bool forge_world_define_at(struct forge_world *w, unsigned line, const char *module,
                           const char *name, uint64_t disp, uint64_t addr) {
    struct forge_wmodule *m;
    if (!*module)
        return true;
    if (!forge_world_need_module(w, line, module, &m))
        return false;
    bool wraps = w->is32 ? (uint32_t)disp >> 31 : disp >> 63;
    uint64_t at = w->is32 ? (uint32_t)(addr - disp) : addr - disp;
    if (!*name)
        return at == m->base ||
               forge_wrong(w->s, line, "%s+%llx is %llx, but the listing says %llx", module,
                           (ull)disp, (ull)(m->base + disp), (ull)addr);
    struct forge_wsymbol like = {.has_kind = true, .kind = FORGE_SYM_FUNCTION};
    bool moved_by_line = forge_world_is_moved(w, m, name, disp, addr);
    if (!moved_by_line && !forge_world_define(w, line, m, name, at, &like))
        return false;
    if (addr - m->base >= m->size)
        return forge_wrong(w->s, line, "%llx lies outside of %s (%llx to %llx)", (ull)addr,
                           m->scn->name, (ull)m->base, (ull)(m->base + m->size));
    if (moved_by_line) {
        forge_world_mark(m, addr - m->base, 1, FORGE_PAGE_CODE);
        return true;
    }
    /* Between a symbol and a place behind it no other one may be put. */
    forge_world_mark(m, (wraps ? addr : at) - m->base, wraps ? 1 : addr - at + 1, FORGE_PAGE_CODE);
    if (wraps) {
        struct forge_moved *moved = FORGE_PUSH(w->pool, &m->moved);
        moved->from = (uint32_t)(addr - m->base);
        moved->to = (uint32_t)(at - m->base);
    }
    return true;
}

/* ---- `symbol` lines ---- */

/* LAST: an address that is not known is an error. */
static bool define_line(struct forge_world *w, const struct forge_scn_symbol *v, bool last) {
    struct forge_wsymbol like = {.size = v->size,
                                 .has_kind = v->has_kind || v->type,
                                 .kind = v->has_kind ? v->kind : FORGE_SYM_DATA,
                                 .type = v->type,
                                 .unplaced = v->unplaced,
                                 .has_home = v->home.text != NULL};
    struct forge_wmodule *m;
    uint64_t addr;
    bool unknown = false;
    if (!forge_world_need_module(w, v->line, v->module, &m) ||
        !forge_world_eval(w, v->line, v->address.text, &addr, last ? NULL : &unknown) ||
        (like.has_home && !forge_world_eval(w, v->line, v->home.text, &like.home, NULL)))
        return false;
    return unknown || forge_world_define(w, v->line, m, v->name, addr, &like);
}

static bool define_lines(struct forge_world *w, bool last) {
    for (size_t i = 0; i < w->s->symbols.count; i++)
        if (!define_line(w, &w->s->symbols.item[i], last))
            return false;
    return true;
}

bool forge_world_symbols(struct forge_world *w, bool last) {
    for (size_t before = SIZE_MAX; before != w->symbols.count;) {
        before = w->symbols.count;
        if (!define_lines(w, false))
            return false;
    }
    return !last || define_lines(w, true);
}

/* ---- moved blocks ---- */

enum { MOVED_BEFORE = 0x10, MOVED_SIZE = 0x20 };

static uint32_t next_symbol(const struct forge_world *w, const struct forge_wmodule *m,
                            uint32_t rva) {
    uint64_t next = m->size;
    for (size_t i = 0; i < w->symbols.count; i++) {
        const struct forge_wsymbol *s = &w->symbols.item[i];
        if (s->module == m && s->addr - m->base > rva && s->addr - m->base < next)
            next = s->addr - m->base;
    }
    return (uint32_t)next;
}

/* Each block goes behind what is known of its function, those of one function one by one. */
bool forge_world_moved(struct forge_world *w) {
    for (size_t i = 0; i < w->modules.count; i++) {
        struct forge_wmodule *m = &w->modules.item[i];
        for (size_t k = 0; k < m->moved.count; k++) {
            struct forge_moved *b = &m->moved.item[k];
            uint32_t function = b->to, end = next_symbol(w, m, function);
            uint32_t to = function + 0x10;
            if (end - function > 0x400)
                to = function + 0x200;
            for (size_t j = 0; j < k; j++)
                if (m->moved.item[j].to >= to && m->moved.item[j].to < end)
                    to = m->moved.item[j].to + MOVED_SIZE;
            if (to + MOVED_SIZE > end || b->from < MOVED_BEFORE)
                return forge_wrong(w->s, 0,
                                   "%s: a block at %llx was moved away from its function, which "
                                   "has no room for it: it is %x bytes long",
                                   m->scn->name, (ull)(m->base + b->from), end - function);
            b->from -= MOVED_BEFORE;
            b->to = to;
            b->size = MOVED_SIZE;
        }
    }
    return true;
}

/* ---- free room ---- */

/* PAGES free pages in a row behind the headers; 0: there are none. */
static uint32_t free_pages(const struct forge_wmodule *m, size_t pages) {
    size_t run = 0;
    for (size_t i = 1; i < m->npages; i++) {
        run = m->page[i] == FORGE_PAGE_FREE && !(m->named && m->named[i]) ? run + 1 : 0;
        if (run == pages)
            return (uint32_t)((i + 1 - pages) * FORGE_PAGE_SIZE);
    }
    return 0;
}

bool forge_world_place(struct forge_world *w, unsigned line, struct forge_wmodule *m,
                       const char *name, uint32_t size, enum forge_symbol_kind kind,
                       uint64_t *ret_addr) {
    const struct forge_wsymbol *known = forge_world_symbol(w, m, name);
    enum forge_page_kind page = page_kind(kind);
    if (known) {
        *ret_addr = known->addr;
        if (known->table)
            forge_world_mark(m, known->addr - m->base, size, page);
        return true;
    }
    uint32_t need = ((size ? size : 0x40) + 0x1f) & ~0xfu;
    if (m->end[page] - m->next[page] < need) {
        size_t pages = (need + FORGE_PAGE_SIZE - 1) / FORGE_PAGE_SIZE;
        m->next[page] = free_pages(m, pages);
        if (!m->next[page])
            return forge_wrong(w->s, line, "%s has no room left for %s: give its address",
                               m->scn->name, name);
        m->end[page] = m->next[page] + (uint32_t)(pages * FORGE_PAGE_SIZE);
        forge_world_mark(m, m->next[page], pages * FORGE_PAGE_SIZE, page);
    }
    *ret_addr = m->base + m->next[page];
    m->next[page] += need;
    struct forge_wsymbol like = {.size = size, .has_kind = true, .kind = kind};
    return forge_world_define(w, line, m, name, *ret_addr, &like);
}

/* ---- expressions ---- */

/* One term: a number, module!name, or a module. */
static bool eval_term(struct forge_world *w, unsigned line, const char *term, uint64_t *ret,
                      bool *ret_unknown) {
    struct forge_wmodule *m;
    const char *mark = strchr(term, '!');
    if (!mark && forge_number(term, ret))
        return true;
    if (!mark) {
        m = forge_world_module(w, term);
        if (!m)
            return forge_wrong(w->s, line, "\"%s\" is no number, symbol (module!name) or module",
                               term);
        *ret = m->base;
        return true;
    }
    if (!forge_world_need_module(w, line, forge_pool_text(w->pool, term, (size_t)(mark - term)),
                                 &m))
        return false;
    const struct forge_wsymbol *s = forge_world_symbol(w, m, mark + 1);
    if (!s && !ret_unknown)
        return forge_wrong(w->s, line, "nothing says where %s is: write  symbol %s ADDRESS", term,
                           term);
    if (s)
        *ret = s->addr;
    else
        *ret_unknown = true;
    return true;
}

bool forge_world_eval(struct forge_world *w, unsigned line, const char *text, uint64_t *ret,
                      bool *ret_unknown) {
    uint64_t sum = 0;
    const char *p = text;
    do {
        bool minus = *p == '-';
        p += *p == '-' || *p == '+';
        size_t len = strcspn(p, "+-");
        uint64_t v = 0;
        if (!len)
            return forge_wrong(w->s, line, "\"%s\" is no number, symbol or sum of them", text);
        if (!eval_term(w, line, forge_pool_text(w->pool, p, len), &v, ret_unknown))
            return false;
        sum += minus ? 0 - v : v;
        p += len;
    } while (*p);
    *ret = sum;
    return true;
}
