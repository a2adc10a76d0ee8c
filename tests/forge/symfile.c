/* SPDX-License-Identifier: MIT */
/*
 * Symbols into a PDB: publics, procedures with what stands inside of them, data, labels.
 *
 * All code belongs to one compiland. A PDB without procedures and lines is written as a stripped
 * one, as Microsoft publishes them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/symfile_impl.h"
#include "stopcode/undecorate.h"

enum {
    S_OBJNAME = 0x1101,
    S_LABEL32 = 0x1105,
    S_GDATA32 = 0x110d,
    S_LPROC32 = 0x110f,
    S_GPROC32 = 0x1110,
    S_COMPILE3 = 0x113c,
    S_END = 6,
    STRIPPED = 2,
    PUBLIC_FUNCTION = 2,
    PAGE = 0x1000,
    NAME = 4096,
};

bool symfile_fail(struct symfile *b, const char *fmt, ...) {
    if (b->failed)
        return false;
    b->failed = true;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(b->why, SYMFILE_WHY, fmt, ap);
    va_end(ap);
    return false;
}

void *symfile_push(struct symfile *b, void **item, size_t *count, size_t *room, size_t size) {
    if (b->failed)
        return NULL;
    if (*count == *room) {
        size_t more = *room ? *room * 2 : 16;
        void *bigger = realloc(*item, more * size);
        if (!bigger) {
            symfile_fail(b, "no memory for %zu entries", more);
            return NULL;
        }
        *item = bigger;
        *room = more;
    }
    void *last = (char *)*item + *count * size;
    memset(last, 0, size);
    ++*count;
    return last;
}

static const struct forge_image_section *section_of(const struct symfile *b, uint32_t rva,
                                                    uint16_t *ret_seg) {
    for (size_t i = 0; i < b->nsections; i++) {
        const struct forge_image_section *s = &b->section[i];
        uint64_t end = ((uint64_t)s->rva + s->size + PAGE - 1) / PAGE * PAGE;
        if (i + 1 < b->nsections && end > s[1].rva && s[1].rva > s->rva)
            end = s[1].rva;
        if (rva >= s->rva && rva < end) {
            *ret_seg = (uint16_t)(i + 1);
            return s;
        }
    }
    return NULL;
}

bool symfile_place(struct symfile *b, uint32_t rva, const char *what, uint16_t *ret_seg,
                   uint32_t *ret_off) {
    const struct forge_image_section *s = section_of(b, rva, ret_seg);
    if (!s)
        return symfile_fail(b, "%.80s at RVA 0x%x is outside of all sections", what, rva);
    *ret_off = rva - s->rva;
    return true;
}

static bool is_code(const struct symfile *b, uint32_t rva) {
    uint16_t seg;
    const struct forge_image_section *s = section_of(b, rva, &seg);
    return s && s->characteristics & SYMFILE_CODE;
}

static bool is_function(const struct forge_symbol *s) {
    return s->kind == FORGE_SYM_FUNCTION || s->kind == FORGE_SYM_STATIC;
}

static int by_address(const void *a, const void *b) {
    const struct forge_symbol *const *x = a, *const *y = b;
    if ((*x)->rva != (*y)->rva)
        return (*x)->rva < (*y)->rva ? -1 : 1;
    return *x < *y ? -1 : *x > *y; /* in the list's order */
}

const struct forge_symbol *symfile_function(const struct symfile *b, uint32_t rva) {
    size_t low = 0, high = b->nfunctions;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (b->function[mid]->rva <= rva)
            low = mid + 1;
        else
            high = mid;
    }
    while (low > 0 && rva - b->function[low - 1]->rva >= b->function[low - 1]->size)
        low--;
    return low > 0 ? b->function[low - 1] : NULL;
}

static bool sort_functions(struct symfile *b) {
    b->function = calloc(b->s->nsymbols + 1, sizeof(void *));
    if (!b->function)
        return symfile_fail(b, "no memory for %zu symbols", b->s->nsymbols);
    for (size_t i = 0; i < b->s->nsymbols; i++) {
        const struct forge_symbol *s = &b->s->symbol[i];
        if (!is_function(s))
            continue;
        if (s->size == 0 || s->size > UINT32_MAX - s->rva)
            return symfile_fail(b, "function %.80s at RVA 0x%x: size 0x%x", s->name, s->rva,
                                s->size);
        b->function[b->nfunctions++] = s;
    }
    if (b->nfunctions)
        qsort(b->function, b->nfunctions, sizeof *b->function, by_address);
    return true;
}

static void put_public(struct symfile *b, const struct forge_symbol *s) {
    uint16_t seg = 0;
    uint32_t off = 0;
    if (symfile_place(b, s->rva, s->name, &seg, &off))
        forge_pdb_public(&b->p, s->name, seg, off, is_code(b, s->rva) ? PUBLIC_FUNCTION : 0);
}

static void put_data(struct symfile *b, const struct forge_symbol *s) {
    uint16_t seg = 0;
    uint32_t off = 0, type = symfile_type(b, s->type, s->size);
    if (symfile_place(b, s->rva, s->name, &seg, &off))
        forge_pdb_data(&b->p, S_GDATA32, type, seg, off, s->name);
}

/* What a procedure's record says: the name without its decoration. */
static bool plain_name(struct symfile *b, const char *name, char *buf) {
    enum sc_undecorated how;
    unsigned flags = SC_UNDECORATE_NAME_ONLY;
    if (b->s->machine == 0x14c)
        flags |= SC_UNDECORATE_C;
    sc_err *err = sc_undecorate(name, flags, buf, NAME, &how);
    if (!err)
        return true;
    sc_err_destroy(err);
    return symfile_fail(b, "no memory for a name");
}

static void put_label(struct symfile *b, const struct forge_symbol *s) {
    uint16_t seg = 0;
    uint32_t off = 0;
    if (!symfile_place(b, s->rva, s->name, &seg, &off))
        return;
    struct forge_fields f = forge_fields("421", off, (unsigned)seg, 0u);
    forge_pdb_sym(&b->p, b->module, S_LABEL32, f.data, f.size, s->name);
}

static int by_function(const void *a, const void *b) {
    const struct symfile_label *x = a, *y = b;
    if (x->function != y->function)
        return x->function < y->function ? -1 : 1;
    return by_address(&x->label, &y->label);
}

static void sort_labels(struct symfile *b) {
    for (size_t i = 0; i < b->s->nsymbols; i++) {
        const struct forge_symbol *s = &b->s->symbol[i];
        if (s->kind != FORGE_SYM_LABEL)
            continue;
        struct symfile_label *l =
            symfile_push(b, (void **)&b->label, &b->nlabels, &b->label_room, sizeof *b->label);
        if (!l)
            return;
        *l = (struct symfile_label){symfile_function(b, s->rva), s};
    }
    if (b->nlabels)
        qsort(b->label, b->nlabels, sizeof *b->label, by_function);
}

/* The labels that FUNCTION covers (NULL: those that none does). */
static void put_labels(struct symfile *b, const struct forge_symbol *function) {
    size_t low = 0, high = b->nlabels;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (b->label[mid].function < function)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < b->nlabels && b->label[low].function == function; low++)
        put_label(b, b->label[low].label);
}

static void put_function(struct symfile *b, const struct forge_symbol *s) {
    bool local = s->kind == FORGE_SYM_STATIC;
    uint16_t seg = 0;
    uint32_t off = 0, type = 0;
    char name[NAME];
    if (!symfile_place(b, s->rva, s->name, &seg, &off) || !plain_name(b, s->name, name))
        return;
    if (s->type)
        type = symfile_procedure(b, s->type, s->local, s->nlocals);
    uint32_t proc = forge_pdb_proc(&b->p, b->module, local ? S_LPROC32 : S_GPROC32, seg, off,
                                   s->size, type, name);
    symfile_locals(b, s);
    symfile_inlines(b, s, proc);
    put_labels(b, s);
    forge_pdb_end(&b->p, b->module, S_END, proc);
    if (local)
        forge_pdb_lprocref(&b->p, b->module, proc, name);
    else
        forge_pdb_procref(&b->p, b->module, proc, name);
}

struct stretch {
    uint32_t start, end;
    const char *name;
};

static int by_start(const void *a, const void *b) {
    const struct stretch *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/*
 * The compiland's code: functions, and a byte for each label outside of them; each stretch without
 * a hole once, in order.
 */
static void put_contributions(struct symfile *b) {
    struct stretch *s = calloc(b->nfunctions + b->nlabels + 1, sizeof *s);
    size_t n = 0;
    uint16_t seg = 0;
    uint32_t off = 0;
    if (!s) {
        symfile_fail(b, "no memory for contributions");
        return;
    }
    for (size_t i = 0; i < b->nfunctions; i++) {
        const struct forge_symbol *f = b->function[i];
        s[n++] = (struct stretch){f->rva, f->rva + f->size, f->name};
    }
    for (size_t i = 0; i < b->nlabels && !b->label[i].function; i++) {
        const struct forge_symbol *l = b->label[i].label;
        s[n++] = (struct stretch){l->rva, l->rva + 1, l->name};
    }
    if (n)
        qsort(s, n, sizeof *s, by_start);
    for (size_t i = 0, next; i < n && !b->failed; i = next) {
        uint32_t end = s[i].end;
        for (next = i + 1; next < n && s[next].start <= end; next++)
            end = s[next].end > end ? s[next].end : end;
        if (symfile_place(b, s[i].start, s[i].name, &seg, &off))
            forge_pdb_contrib(&b->p, b->module, seg, off, end - s[i].start);
    }
    free(s);
}

static void put_compiland(struct symfile *b) {
    unsigned machine = b->s->machine == 0x14c ? 7 : b->s->machine == 0xaa64 ? 0xf6 : 0xd0;
    b->module = forge_pdb_module_new(&b->p, "forge.obj");
    struct forge_fields f = forge_fields("4", 0u);
    forge_pdb_sym(&b->p, b->module, S_OBJNAME, f.data, f.size, "forge.obj");
    f = forge_fields("4222222222", 0u, machine, 19u, 0u, 0u, 0u, 19u, 0u, 0u, 0u);
    forge_pdb_sym(&b->p, b->module, S_COMPILE3, f.data, f.size, "the forge");
}

static bool has_code(const struct forge_symfile *s) {
    bool any = s->nlines > 0;
    for (size_t i = 0; i < s->nsymbols; i++)
        any |= is_function(&s->symbol[i]) || s->symbol[i].kind == FORGE_SYM_LABEL;
    return any;
}

static void put_symbols(struct symfile *b) {
    for (size_t i = 0; i < b->s->nsymbols && !b->failed; i++) {
        const struct forge_symbol *s = &b->s->symbol[i];
        if (s->kind == FORGE_SYM_DATA)
            put_data(b, s);
        if (s->kind != FORGE_SYM_STATIC && s->kind != FORGE_SYM_LABEL)
            put_public(b, s);
    }
    if (!has_code(b->s)) {
        b->p.flags = STRIPPED;
        return;
    }
    put_compiland(b);
    sort_labels(b);
    for (size_t i = 0; i < b->nfunctions && !b->failed; i++)
        put_function(b, b->function[i]);
    put_labels(b, NULL);
    put_contributions(b);
}

bool forge_symfile_build(const struct forge_symfile *s, struct forge_bytes *ret_file, char *why) {
    struct symfile b = {.s = s, .why = why};
    why[0] = 0;
    forge_pdb_init(&b.p, s->machine, 4096);
    forge_init(&b.inlinees);
    memcpy(b.p.guid, s->guid, sizeof b.p.guid);
    b.p.age = b.p.dbi_age = s->age ? s->age : 1;
    b.p.signature = s->signature;
    symfile_sections(&b);
    if (!b.failed && sort_functions(&b))
        symfile_types(&b);
    if (!b.failed)
        put_symbols(&b);
    if (!b.failed && symfile_lines(&b) && symfile_omap(&b))
        symfile_fpo(&b);
    bool ok = !b.failed;
    if (ok) {
        forge_pdb_close(&b.p);
        ok = forge_msf_finish(&b.p.msf, ret_file) || symfile_fail(&b, "the file cannot be made");
    }
    symfile_types_free(&b);
    forge_deinit(&b.inlinees);
    forge_pdb_deinit(&b.p);
    free(b.section);
    free(b.function);
    free(b.label);
    free(b.file);
    free(b.inlinee);
    return ok;
}
