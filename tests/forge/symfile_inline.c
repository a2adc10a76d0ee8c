/* SPDX-License-Identifier: MIT */
/*
 * Inlined calls.
 *
 *     S_INLINESITE    u32 parent, u32 end, u32 inlinee (LF_FUNC_ID), annotations: a program of
 *                     compressed numbers; here 5 file, 6 line, 12 length and offset
 *     LF_FUNC_ID      u32 scope (LF_STRING_ID), u32 type, name
 *     LF_STRING_ID    u32 0, text
 *
 * Sites nest as their ranges do. What several sites inline is one function that starts at the line
 * of the first one.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/symfile_impl.h"

enum {
    S_INLINESITE = 0x114d,
    S_INLINESITE_END = 0x114e,
    LF_FUNC_ID = 0x1601,
    LF_STRING_ID = 0x1605,
    BA_FILE = 5,
    BA_LINE = 6,
    BA_LENGTH_AND_OFFSET = 12,
    NEST = 64,
};

/* 7, 14 or 29 bits, the high ones first. */
static void number(struct forge *f, uint32_t v) {
    if (v < 0x80) {
        forge_u8(f, (uint8_t)v);
    } else if (v < 0x4000) {
        forge_u8(f, (uint8_t)(0x80 | v >> 8));
        forge_u8(f, (uint8_t)v);
    } else {
        forge_u8(f, (uint8_t)(0xc0 | v >> 24));
        forge_u8(f, (uint8_t)(v >> 16));
        forge_u8(f, (uint8_t)(v >> 8));
        forge_u8(f, (uint8_t)v);
    }
}

static uint32_t named_id(struct symfile *b, uint16_t leaf, uint32_t first, const uint32_t *second,
                         const char *name, size_t len) {
    struct forge f;
    forge_init(&f);
    forge_u32(&f, first);
    if (second)
        forge_u32(&f, *second);
    forge_put(&f, name, len);
    forge_u8(&f, 0);
    uint32_t id = forge_pdb_id(&b->p, leaf, f.data, f.size);
    forge_deinit(&f);
    return id;
}

/* The identifier of the function that C inlines: what stands before the last "::" is its scope. */
static struct symfile_inlinee *inlinee(struct symfile *b, const struct forge_inlined *c) {
    for (size_t i = 0; i < b->ninlinees; i++)
        if (strcmp(b->inlinee[i].name, c->name) == 0)
            return &b->inlinee[i];
    struct symfile_inlinee *one =
        symfile_push(b, (void **)&b->inlinee, &b->ninlinees, &b->inlinee_room, sizeof *b->inlinee);
    if (!one)
        return NULL;
    uint32_t scope = 0, type = symfile_procedure(b, "void", NULL, 0);
    const char *last = c->name;
    for (const char *p = strstr(last, "::"); p; p = strstr(last, "::"))
        last = p + 2;
    if (last > c->name)
        scope = named_id(b, LF_STRING_ID, 0, NULL, c->name, (size_t)(last - c->name) - 2);
    one->name = c->name;
    one->id = named_id(b, LF_FUNC_ID, scope, &type, last, strlen(last));
    one->checksum = symfile_checksum(b, c->file);
    one->line = c->line;
    if (b->ninlinees == 1)
        forge_u32(&b->inlinees, 0);
    forge_u32(&b->inlinees, one->id);
    forge_u32(&b->inlinees, one->checksum);
    forge_u32(&b->inlinees, one->line);
    return one;
}

/* Opens a site in the scope whose record stands at PARENT; returns its own place. */
static uint32_t open_site(struct symfile *b, const struct forge_symbol *function,
                          const struct forge_inlined *c, uint32_t parent) {
    const struct symfile_inlinee *one = inlinee(b, c);
    uint32_t checksum = symfile_checksum(b, c->file), site = 0;
    if (!one)
        return 0;
    struct forge f;
    forge_init(&f);
    forge_u32(&f, parent);
    forge_u32(&f, 0);
    forge_u32(&f, one->id);
    if (checksum != one->checksum) {
        number(&f, BA_FILE);
        number(&f, checksum);
    }
    if (c->line != one->line) {
        bool down = c->line < one->line;
        number(&f, BA_LINE);
        number(&f, (down ? one->line - c->line : c->line - one->line) << 1 | down);
    }
    number(&f, BA_LENGTH_AND_OFFSET);
    number(&f, c->size);
    number(&f, c->rva - function->rva);
    if (f.failed)
        symfile_fail(b, "inlined calls: %s", f.why);
    else
        site = forge_pdb_sym(&b->p, b->module, S_INLINESITE, f.data, f.size, NULL);
    forge_deinit(&f);
    return site;
}

/* By start, the longer ones first; the list's order tells which of two equal ones is outside. */
static int outer_first(const void *a, const void *b) {
    const struct forge_inlined *const *x = a, *const *y = b;
    if ((*x)->rva != (*y)->rva)
        return (*x)->rva < (*y)->rva ? -1 : 1;
    if ((*x)->size != (*y)->size)
        return (*x)->size > (*y)->size ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

static bool check(struct symfile *b, const struct forge_symbol *f, const struct forge_inlined *c) {
    if (c->size == 0 || c->size > 0x1fffffff || c->rva < f->rva || c->rva - f->rva > f->size ||
        c->size > f->size - (c->rva - f->rva) || c->line > 0xffffff)
        return symfile_fail(b, "%.50s inlined at RVA 0x%x, 0x%x bytes, line %u: not in %.50s",
                            c->name, c->rva, c->size, c->line, f->name);
    return true;
}

/* Walks the sorted calls with a stack of those that are open. */
static void put_sites(struct symfile *b, const struct forge_symbol *f, uint32_t proc,
                      const struct forge_inlined **c) {
    const struct forge_inlined *open[NEST];
    uint32_t site[NEST];
    size_t depth = 0;
    for (size_t i = 0; i <= f->ninlined && !b->failed; i++) {
        while (depth > 0 &&
               (i == f->ninlined || c[i]->rva - open[depth - 1]->rva >= open[depth - 1]->size))
            forge_pdb_end(&b->p, b->module, S_INLINESITE_END, site[--depth]);
        if (i == f->ninlined || !check(b, f, c[i]))
            return;
        const struct forge_inlined *outer = depth ? open[depth - 1] : NULL;
        if (depth == NEST || (outer && c[i]->size > outer->size - (c[i]->rva - outer->rva))) {
            symfile_fail(b, "inlined %.50s at RVA 0x%x and %.50s at 0x%x overlap", outer->name,
                         outer->rva, c[i]->name, c[i]->rva);
            return;
        }
        site[depth] = open_site(b, f, c[i], depth ? site[depth - 1] : proc);
        open[depth++] = c[i];
    }
}

bool symfile_inlines(struct symfile *b, const struct forge_symbol *f, uint32_t proc) {
    if (b->failed || f->ninlined == 0)
        return !b->failed;
    const struct forge_inlined **sorted = calloc(f->ninlined, sizeof(void *));
    if (!sorted)
        return symfile_fail(b, "no memory for inlined calls");
    for (size_t i = 0; i < f->ninlined; i++)
        sorted[i] = &f->inlined[i];
    qsort(sorted, f->ninlined, sizeof *sorted, outer_first);
    put_sites(b, f, proc, sorted);
    free(sorted);
    return !b->failed;
}
