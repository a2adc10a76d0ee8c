/* SPDX-License-Identifier: MIT */
/*
 * Source lines: the C13 part of the compiland.
 *
 *     0xf4 FILECHKSMS     {u32 offset in /names, u8 0, u8 0 (no checksum), u16 0}
 *     0xf2 LINES          u32 offset, u16 segment, u16 0, u32 bytes of code; blocks {u32 offset of
 *                         the checksum, u32 lines, u32 bytes; {u32 offset, u32 line | statement}}
 *     0xf6 INLINEELINES   u32 0, {u32 id, u32 offset of the checksum, u32 line}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/symfile_impl.h"

enum { LINES = 0xf2, CHECKSUMS = 0xf4, INLINEE_LINES = 0xf6, CHECKSUM = 8 };
#define STATEMENT UINT32_C(0x80000000)

uint32_t symfile_checksum(struct symfile *b, const char *file) {
    for (size_t i = 0; i < b->nfiles; i++)
        if (strcmp(b->file[i].name, file) == 0)
            return b->file[i].checksum;
    struct symfile_file *f =
        symfile_push(b, (void **)&b->file, &b->nfiles, &b->file_room, sizeof *b->file);
    if (!f)
        return 0;
    f->name = file;
    f->checksum = (uint32_t)(b->nfiles - 1) * CHECKSUM;
    forge_pdb_source(&b->p, b->module, file);
    return f->checksum;
}

static int by_rva(const void *a, const void *b) {
    const struct forge_line *const *x = a, *const *y = b;
    if ((*x)->rva != (*y)->rva)
        return (*x)->rva < (*y)->rva ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

/* A table of the COUNT lines of FUNCTION: a block for each run of one file. */
static void put_table(struct symfile *b, const struct forge_symbol *function,
                      const struct forge_line *const *line, size_t count) {
    uint16_t seg = 0;
    uint32_t off = 0;
    if (!symfile_place(b, function->rva, function->name, &seg, &off))
        return;
    struct forge f;
    forge_init(&f);
    struct forge_fields head = forge_fields("4224", off, (unsigned)seg, 0u, function->size);
    forge_put(&f, head.data, head.size);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && strcmp(line[end]->file, line[i]->file) == 0;)
            end++;
        uint32_t n = (uint32_t)(end - i);
        head = forge_fields("444", symfile_checksum(b, line[i]->file), n, 12 + 8 * n);
        forge_put(&f, head.data, head.size);
        for (size_t k = i; k < end; k++) {
            forge_u32(&f, line[k]->rva - function->rva);
            forge_u32(&f, line[k]->line | STATEMENT);
        }
    }
    if (f.failed)
        symfile_fail(b, "lines: %s", f.why);
    else
        forge_pdb_c13(&b->p, b->module, LINES, f.data, f.size);
    forge_deinit(&f);
}

static void put_tables(struct symfile *b, const struct forge_line **sorted, size_t n) {
    for (size_t i = 0, end; i < n && !b->failed; i = end) {
        const struct forge_symbol *f = symfile_function(b, sorted[i]->rva);
        if (!f) {
            symfile_fail(b, "line %.60s:%u at RVA 0x%x is in no function", sorted[i]->file,
                         sorted[i]->line, sorted[i]->rva);
            return;
        }
        for (end = i; end < n && symfile_function(b, sorted[end]->rva) == f; end++)
            if (sorted[end]->line == 0 || sorted[end]->line > 0xffffff)
                symfile_fail(b, "%.80s has no line %u", sorted[end]->file, sorted[end]->line);
        put_table(b, f, sorted + i, end - i);
    }
}

static void put_checksums(struct symfile *b) {
    struct forge f;
    forge_init(&f);
    for (size_t i = 0; i < b->nfiles; i++) {
        forge_u32(&f, forge_pdb_name(&b->p, b->file[i].name));
        forge_u32(&f, 0);
    }
    if (b->nfiles)
        forge_pdb_c13(&b->p, b->module, CHECKSUMS, f.data, f.size);
    if (b->ninlinees)
        forge_pdb_c13(&b->p, b->module, INLINEE_LINES, b->inlinees.data, b->inlinees.size);
    forge_deinit(&f);
}

bool symfile_lines(struct symfile *b) {
    size_t n = b->s->nlines;
    const struct forge_line **sorted = calloc(n + 1, sizeof(void *));
    if (!sorted)
        return symfile_fail(b, "no memory for %zu lines", n);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &b->s->line[i];
    if (n)
        qsort(sorted, n, sizeof *sorted, by_rva);
    put_tables(b, sorted, n);
    free(sorted);
    if (!b->failed && b->module)
        put_checksums(b);
    return !b->failed;
}
