/* SPDX-License-Identifier: MIT */
/* The PDBs that forge_files writes, and their facts, in the words of the structs of symfile.h. */
#include <stdlib.h>
#include <string.h>

#include "forge/pdbparts.h"
#include "forge/symfile.h"
#include "oracle/forge_files.h"
#include "sym/layouts.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { PUBLICS = 4000, STRUCTS = 4000, MEMBERS = 60000, TEXT = 96 };

static const struct forge_image_section sections[] = {
    {".text", 0x1000, 0x40000, 0x60000020},
    {".data", 0x41000, 0x10000, 0xc0000040},
    {"PAGE", 0x51000, 0x100000, 0x60000020},
};

static struct forge_symfile base(uint16_t machine) {
    return (struct forge_symfile){.machine = machine,
                                  .guid = {0x78, 0x56, 0x34, 0x12, 0xcd, 0xab, 0x21, 0x43, 1, 2},
                                  .age = 3,
                                  .signature = 0x4a5bc600,
                                  .section = sections,
                                  .nsections = COUNT(sections)};
}

static void put_symbol(FILE *f, const struct forge_symbol *s) {
    static const char *const kinds[] = {"public", "function", "static", "data", "label"};
    fprintf(f, "%s %s %x %x %s\n", kinds[s->kind], s->name, s->rva, s->size,
            s->type ? s->type : "-");
    for (size_t i = 0; i < s->nlocals; i++) {
        const struct forge_local *l = &s->local[i];
        fprintf(f, "local %s %s %d %s %d %d\n", l->name, l->type, l->parameter,
                l->reg ? l->reg : "-", l->has_offset, l->offset);
    }
    for (size_t i = 0; i < s->ninlined; i++) {
        const struct forge_inlined *c = &s->inlined[i];
        fprintf(f, "inlined %s %s %x %x %u\n", c->name, c->file, c->rva, c->size, c->line);
    }
}

static void put_facts(FILE *f, const struct forge_symfile *s) {
    fprintf(f, "pdb %x %u %x\n", s->machine, s->age, s->signature);
    for (size_t i = 0; i < s->nsections; i++)
        fprintf(f, "section %s %x %x\n", s->section[i].name, s->section[i].rva, s->section[i].size);
    for (size_t i = 0; i < s->nsymbols; i++)
        put_symbol(f, &s->symbol[i]);
    for (size_t i = 0; i < s->nlines; i++)
        fprintf(f, "line %s %u %x\n", s->line[i].file, s->line[i].line, s->line[i].rva);
    for (size_t i = 0; i < s->nfpo; i++) {
        const struct forge_fpo *r = &s->fpo[i];
        fprintf(f, "fpo %x %x %u %u %u %u %d %d %u %d\n", r->rva, r->size, r->locals, r->params,
                r->saved_regs, r->prolog, r->uses_ebp, r->has_seh, r->kind, r->program != NULL);
    }
    for (size_t i = 0; i < s->ntypes; i++) {
        const struct forge_struct *t = &s->type[i];
        fprintf(f, "struct %s %x %d\n", t->name, t->size, t->is_union);
        for (size_t k = 0; k < t->nmembers; k++) {
            const struct forge_member *m = &t->member[k];
            fprintf(f, "member %s %x %u %u %s\n", m->name, m->offset, m->bit_first, m->bit_count,
                    m->type);
        }
    }
}

static void write_pdb(const char *folder, const char *name, const struct forge_symfile *s) {
    struct out o;
    struct forge_bytes file;
    char why[160];
    if (!forge_symfile_build(s, &file, why)) {
        fprintf(stderr, "%s: %s\n", name, why);
        exit(1);
    }
    out_open(&o, folder, name);
    put_facts(o.facts, s);
    out_close(&o, &file);
    forge_bytes_free(&file);
}

/* A stripped file as Microsoft publishes them. */
static void write_publics(const char *folder) {
    static struct forge_symbol list[PUBLICS];
    static char names[PUBLICS][24];
    for (uint32_t i = 0; i < PUBLICS; i++) {
        uint32_t at = i * 7919 % PUBLICS;
        snprintf(names[i], sizeof names[i], i % 3 ? "KiFunction%u" : "?f%u@@YAXXZ", i);
        list[i] = (struct forge_symbol){.kind = FORGE_SYM_PUBLIC, .name = names[i]};
        list[i].rva = 0x1000 + at * 0x100;
    }
    struct forge_symfile s = base(0x8664);
    s.symbol = list;
    s.nsymbols = PUBLICS;
    write_pdb(folder, "publics.pdb", &s);
}

static const struct forge_local locals[] = {
    {"object", "_DRIVER_OBJECT*", true, "rbx", false, 0}, {"count", "int", true, "rsp", true, 0x48},
    {"temp", "char[16]", false, "rbp", true, -0x20},      {"lost", "int", false, NULL, false, 0},
    {"wide", "Double", false, "xmm9", false, 0},
};
static const struct forge_inlined inlined[] = {
    {"ns::outer", "c:\\src\\a.h", 0x1010, 0x40, 50},
    {"inner", "c:\\src\\b.h", 0x1020, 0x10, 70},
    {"inner", "c:\\src\\b.h", 0x1030, 0x10, 65},
};
static const struct forge_symbol code[] = {
    {FORGE_SYM_FUNCTION, "DriverEntry", 0x1000, 0x80, "NTSTATUS", locals, COUNT(locals), inlined,
     COUNT(inlined)},
    {FORGE_SYM_STATIC, "Helper", 0x1080, 0x20, "int", NULL, 0, NULL, 0},
    {FORGE_SYM_FUNCTION, "BigOne", 0x51000, 0x20000, NULL, locals, 1, NULL, 0},
    {FORGE_SYM_LABEL, "inside", 0x1010, 0, NULL, NULL, 0, NULL, 0},
    {FORGE_SYM_LABEL, "outside", 0x1200, 0, NULL, NULL, 0, NULL, 0},
    {FORGE_SYM_DATA, "GlobalThing", 0x41010, 0, "_THING*", NULL, 0, NULL, 0},
    {FORGE_SYM_DATA, "Counter", 0x41018, 0, "Uint4B", NULL, 0, NULL, 0},
    {FORGE_SYM_PUBLIC, "KePublic", 0x2000, 0, NULL, NULL, 0, NULL, 0},
};
static const struct forge_line lines[] = {
    {"c:\\src\\driver.c", 12, 0x1000}, {"c:\\src\\driver.c", 14, 0x1010},
    {"c:\\src\\inline.h", 3, 0x1018},  {"c:\\src\\driver.c", 15, 0x1060},
    {"c:\\src\\helper.c", 7, 0x1084},  {"c:\\src\\driver.c", 99, 0x51000},
};

static void write_code(const char *folder) {
    struct forge_symfile s = base(0x8664);
    s.symbol = code;
    s.nsymbols = COUNT(code);
    s.line = lines;
    s.nlines = COUNT(lines);
    write_pdb(folder, "code.pdb", &s);
}

static void write_x86(const char *folder) {
    static const struct forge_local local = {"self", "PVOID", true, "ebp", true, 8};
    static const struct forge_symbol list[] = {
        {FORGE_SYM_FUNCTION, "_PspExitThread@4", 0x61000, 0x500, NULL, &local, 1, NULL, 0},
        {FORGE_SYM_PUBLIC, "_KiFirst@0", 0x1000, 0, NULL, NULL, 0, NULL, 0},
    };
    static const struct forge_fpo fpo[] = {
        {0x1100, 0x40, 5, 8, 4, 3, false, true, 0, "$T0 .raSearch = $eip $T0 ^ ="},
        {0x1080, 0x20, 0, 0, 0, 0, true, true, 3, NULL},
        {0x1000, 0x80, 0x10, 8, 12, 7, false, false, 0, NULL},
    };
    static const struct forge_moved moved[] = {{0x5ae0, 0x61400, 0x20}};
    struct forge_symfile s = base(0x14c);
    s.symbol = list;
    s.nsymbols = COUNT(list);
    s.fpo = fpo;
    s.nfpo = COUNT(fpo);
    s.moved = moved;
    s.nmoved = COUNT(moved);
    write_pdb(folder, "x86.pdb", &s);
}

/* ---- every structure of a kernel, out of the built-in layouts ---- */

struct gathered {
    sc_symbols *symbols;
    struct forge_struct item[STRUCTS];
    struct forge_member member[MEMBERS];
    char text[MEMBERS][TEXT];
    size_t count, nmembers;
};

static void text_of(sc_symbols *symbols, uint32_t id, char *text, size_t size) {
    struct sc_type t = {.name = "?"};
    char inner[TEXT] = "";
    if (!id || sc_symbols_type(symbols, id, &t) != NULL) {
        snprintf(text, size, "?");
        return;
    }
    if (t.kind == SC_TYPE_POINTER || t.kind == SC_TYPE_ARRAY || t.kind == SC_TYPE_BITFIELD)
        text_of(symbols, t.target, inner, sizeof inner);
    if (t.kind == SC_TYPE_POINTER)
        snprintf(text, size, "*%.90s", inner);
    else if (t.kind == SC_TYPE_ARRAY)
        snprintf(text, size, "[%u]%.80s", (unsigned)t.count, inner);
    else
        snprintf(text, size, "%s", t.kind == SC_TYPE_BITFIELD ? inner : t.name);
}

static bool gather_member(void *ctx, const struct sc_member *m) {
    struct gathered *g = ctx;
    struct forge_struct *s = &g->item[g->count];
    if (m->kind != SC_MEMBER_FIELD || g->nmembers == MEMBERS)
        return true;
    char *text = g->text[g->nmembers];
    text_of(g->symbols, m->type, text, TEXT);
    g->member[g->nmembers++] =
        (struct forge_member){m->name, (uint32_t)m->offset, text, m->bit_pos, m->bit_len};
    s->nmembers++;
    return true;
}

static bool gather_type(void *ctx, const struct sc_type *t) {
    struct gathered *g = ctx;
    if (g->count == STRUCTS || t->size == 0)
        return true;
    struct forge_struct *s = &g->item[g->count];
    *s = (struct forge_struct){.name = t->name,
                               .size = (uint32_t)t->size,
                               .is_union = t->kind == SC_TYPE_UNION,
                               .member = g->member + g->nmembers};
    sc_err *err = sc_symbols_members(g->symbols, t->id, gather_member, g);
    if (err) {
        fprintf(stderr, "%s: %s\n", t->name, sc_err_text(err));
        exit(1);
    }
    g->count++;
    return true;
}

static void write_types(const char *folder, const char *name, enum sc_cpu cpu, uint32_t build) {
    struct gathered *g = calloc(1, sizeof *g);
    sc_err *err = g ? sc_layouts_open(cpu, build, &g->symbols) : NULL;
    if (g && !err)
        err = sc_symbols_types(g->symbols, "*", gather_type, g);
    if (!g || err) {
        fprintf(stderr, "layouts: %s\n", sc_err_text(err));
        exit(1);
    }
    struct forge_symfile s = base(cpu == SC_CPU_X86 ? 0x14c : 0x8664);
    s.type = g->item;
    s.ntypes = g->count;
    write_pdb(folder, name, &s);
    sc_symbols_unref(g->symbols);
    free(g);
}

/* The file that the fuzzer starts from, written record by record. */
static void write_parts(const char *folder) {
    static struct forge_pdb p;
    struct out o;
    struct forge_bytes file = {0};
    forge_pdb_init(&p, 0x8664, 512);
    pdbparts_put(&p);
    forge_u32(forge_pdb_named(&p, "srcsrv"), 0);
    forge_pdb_close(&p);
    if (!forge_msf_finish(&p.msf, &file))
        exit(1);
    out_open(&o, folder, "parts.pdb");
    out_close(&o, &file);
    forge_bytes_free(&file);
    forge_pdb_deinit(&p);
}

void write_symfiles(const char *folder) {
    write_parts(folder);
    write_publics(folder);
    write_code(folder);
    write_x86(folder);
    write_types(folder, "types64.pdb", SC_CPU_X64, 7601);
    write_types(folder, "types32.pdb", SC_CPU_X86, 2600);
}
