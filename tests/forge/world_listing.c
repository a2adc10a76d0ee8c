/* SPDX-License-Identifier: MIT */
/* Listings of memory and code: their bytes, and the symbols that stand beside them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/world.h"

typedef unsigned long long ull;

unsigned forge_world_lines_before(const struct forge_listing_text *text) {
    return text->line ? text->line - 1 : 0;
}

bool forge_world_listing_wrong(struct forge_world *w, unsigned line, unsigned before,
                               const char *what, const char *why) {
    unsigned number;
    int at = 0;
    if (sscanf(why, "line %u: %n", &number, &at) == 1 && at) {
        line = before + number;
        why += at;
    }
    return forge_wrong(w->s, line, "%s: %s", what, why);
}

/* ---- code ---- */

/* The first byte that both spans have; false when there is none. */
static bool overlap(const struct forge_wspan *a, uint32_t rva, size_t size, uint32_t *ret_start,
                    uint32_t *ret_end) {
    uint64_t start = a->rva > rva ? a->rva : rva;
    uint64_t end_a = a->rva + (uint64_t)a->size, end_b = rva + (uint64_t)size;
    uint64_t end = end_a < end_b ? end_a : end_b;
    *ret_start = (uint32_t)start;
    *ret_end = (uint32_t)end;
    return start < end;
}

/* Do both say the same where they meet? *RET_AT: where not. */
static bool agree(const struct forge_wspan *o, uint32_t rva, const uint8_t *data, size_t size,
                  uint32_t *ret_at) {
    uint32_t start, end;
    if (!overlap(o, rva, size, &start, &end))
        return true;
    for (*ret_at = start; *ret_at < end; ++*ret_at)
        if (o->data[*ret_at - o->rva] != data[*ret_at - rva])
            return false;
    return true;
}

static bool add_code(struct forge_world *w, struct forge_wmodule *m, unsigned line, uint64_t addr,
                     const uint8_t *data, size_t size) {
    uint32_t rva = (uint32_t)(addr - m->base), at;
    if (size > m->size - rva)
        return forge_wrong(w->s, line, "code at %llx runs over the end of %s", (ull)addr,
                           m->scn->name);
    for (size_t i = 0; i < m->code.count; i++) {
        const struct forge_wspan *o = &m->code.item[i];
        if (agree(o, rva, data, size, &at))
            continue;
        if (o->line || !line)
            return forge_wrong(w->s, line, "the byte at %llx is another one in line %u",
                               (ull)(m->base + at), o->line);
        /* What the forge had put there by itself gives way. */
        m->code.item[i--] = m->code.item[--m->code.count];
    }
    uint8_t *copy = forge_pool_get(w->pool, size);
    if (size)
        memcpy(copy, data, size);
    *FORGE_PUSH(w->pool, &m->code) = (struct forge_wspan){rva, size, copy, line};
    forge_world_mark_code(m, rva, size);
    return true;
}

bool forge_world_code(struct forge_world *w, unsigned line, uint64_t addr, const void *data,
                      size_t size) {
    struct forge_wmodule *m = forge_world_module_at(w, addr);
    return m ? add_code(w, m, line, addr, data, size) : forge_world_put(w, line, addr, data, size);
}

void forge_world_spare_code(struct forge_world *w, uint64_t addr, const void *data, size_t size) {
    struct forge_wmodule *m = forge_world_module_at(w, addr);
    uint32_t start, end;
    if (!m || addr - m->base < FORGE_PAGE_SIZE || size > m->size - (addr - m->base))
        return;
    for (size_t i = 0; i < m->code.count; i++)
        if (overlap(&m->code.item[i], (uint32_t)(addr - m->base), size, &start, &end))
            return;
    add_code(w, m, 0, addr, data, size);
}

/* ---- names beside bytes ---- */

/* "nt!KeBugCheckEx+0x12" in its parts; false when there is no module in it. */
static bool split_name(struct forge_world *w, const char *text, const char **ret_module,
                       const char **ret_name, uint64_t *ret_disp) {
    const char *mark = strchr(text, '!'), *plus = NULL;
    *ret_disp = 0;
    for (const char *p = text; (p = strstr(p, "+0x")) != NULL; p++)
        if (forge_number(p + 1, ret_disp))
            plus = p;
    size_t len = plus ? (size_t)(plus - text) : strlen(text);
    if (!mark || (plus && mark > plus)) {
        *ret_module = forge_pool_text(w->pool, text, len);
        *ret_name = "";
        return plus != NULL;
    }
    *ret_module = forge_pool_text(w->pool, text, (size_t)(mark - text));
    *ret_name = forge_pool_text(w->pool, mark + 1, len - (size_t)(mark + 1 - text));
    return **ret_module && **ret_name;
}

static bool name_span(struct forge_world *w, const struct forge_span *span) {
    const char *module, *name;
    uint64_t disp, addr = span->addr;
    if (!span->symbol[0] || !split_name(w, span->symbol, &module, &name, &disp))
        return true;
    if (!span->code) { /* the name is of the value */
        addr = 0;
        for (unsigned i = 0; i < w->ptr_size && i < span->size; i++)
            addr |= (uint64_t)span->byte[i] << 8 * i;
    }
    return forge_world_define_at(w, span->line, module, name, disp, addr);
}

static bool put_span(struct forge_world *w, const struct forge_span *span) {
    struct forge_wmodule *m = forge_world_module_at(w, span->addr);
    if (span->code)
        return forge_world_code(w, span->line, span->addr, span->byte, span->size);
    if (m)
        forge_world_mark(m, span->addr - m->base, span->size, FORGE_PAGE_DATA);
    return forge_world_put(w, span->line, span->addr, span->byte, span->size);
}

bool forge_world_listings(struct forge_world *w) {
    for (size_t i = 0; i < w->s->memory.count; i++) {
        const struct forge_scn_memory *v = &w->s->memory.item[i];
        char why[FORGE_WHY] = "";
        if (!v->command)
            continue;
        struct forge_wlisting *l = FORGE_PUSH(w->pool, &w->listings);
        l->scn = v;
        unsigned before = forge_world_lines_before(&v->listing);
        if (!forge_spans_parse(v->command, w->ptr_size, v->listing.text, &l->spans, why))
            return forge_world_listing_wrong(w, v->line, before, v->code ? "code" : "memory", why);
        for (size_t k = 0; k < l->spans.count; k++) {
            struct forge_span *span = &l->spans.item[k];
            span->line += before;
            if (!forge_world_enter(w, v->line, v->process, span->addr))
                return false;
            bool ok = put_span(w, span);
            forge_world_leave(w);
            if (!ok || !name_span(w, span))
                return false;
        }
    }
    return true;
}

void forge_world_close(struct forge_world *w) {
    for (size_t i = 0; i < w->listings.count; i++)
        forge_spans_free(&w->listings.item[i].spans);
    for (size_t i = 0; i < w->stacks.count; i++) {
        forge_frames_free(&w->stacks.item[i].frames);
        forge_fit_free(&w->stacks.item[i].fit);
    }
}
