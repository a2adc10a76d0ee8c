/* SPDX-License-Identifier: MIT */
/* Structures from built-in layouts, symbol tables, `dt` listings, and what every Windows has. */
#include "forge/types_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/reader.h"
#include "stopcode/value.h"
#include "sym/layouts.h"

typedef FORGE_LIST(forge_member) members_list;

/* ---- the build's own ---- */

struct load {
    struct forge_types *t;
    sc_symbols *symbols;
    enum sc_cpu cpu;
    bool failed;
    bool table; /* a symbol table, no built-in layouts: all of it is proved */
    members_list *members;
    struct {
        uint32_t *item;
        size_t count, room;
    } unnamed; /* structures that members mentioned: to be added */
};

/* Structures without a name have their number for one. */
static const char *name_of(struct load *l, const struct sc_type *type) {
    struct forge_pool *pool = &l->t->scenario->pool;
    if (type->name[0])
        return forge_pool_text(pool, type->name, strlen(type->name));
    return forge_pool_printf(pool, "<unnamed %u>", type->id);
}

/* A type as text; NULL: not known, or damaged. */
static const char *text_of(struct load *l, uint32_t id, unsigned depth) {
    struct forge_pool *pool = &l->t->scenario->pool;
    struct sc_type type;
    sc_err *err = id && depth < 8 ? sc_type_of(l->symbols, id, &type) : NULL;
    if (!id || depth == 8 || err) {
        sc_err_destroy(err);
        return NULL;
    }
    const char *inner;
    switch (type.kind) {
    case SC_TYPE_POINTER:
        inner = text_of(l, type.target, depth + 1);
        return forge_pool_printf(pool, "*%s", inner ? inner : "Void");
    case SC_TYPE_ARRAY:
        inner = text_of(l, type.target, depth + 1);
        return inner ? forge_pool_printf(pool, "[%llu]%s", (unsigned long long)type.count, inner)
                     : NULL;
    case SC_TYPE_FUNCTION:
    case SC_TYPE_UNKNOWN: return NULL;
    case SC_TYPE_BITFIELD: return text_of(l, type.target, depth + 1);
    case SC_TYPE_ENUM: return l->table ? text_of(l, type.target, depth + 1) : name_of(l, &type);
    case SC_TYPE_STRUCT:
    case SC_TYPE_CLASS:
    case SC_TYPE_UNION:
        if (!type.name[0])
            *FORGE_PUSH(pool, &l->unnamed) = id;
        return name_of(l, &type);
    default: return forge_pool_text(pool, type.name, strlen(type.name));
    }
}

static bool add_member(void *ctx, const struct sc_member *m) {
    struct load *l = ctx;
    struct forge_pool *pool = &l->t->scenario->pool;
    if (m->kind != SC_MEMBER_FIELD || !m->name[0])
        return true;
    *FORGE_PUSH(pool, l->members) =
        (struct forge_member){.name = forge_pool_text(pool, m->name, strlen(m->name)),
                              .offset = (uint32_t)m->offset,
                              .type = text_of(l, m->type, 0),
                              .bit_first = m->bit_pos,
                              .bit_count = m->bit_len};
    return true;
}

static bool add_type(void *ctx, const struct sc_type *type) {
    struct load *l = ctx;
    struct forge_types *t = l->t;
    enum sc_layout_trust trust = SC_LAYOUT_LISTED;
    members_list members = {0};
    const char *name = name_of(l, type);
    if (forge_types_find(t, name)) /* the scenario's own comes first */
        return true;
    l->members = &members;
    sc_err *err = sc_type_members(l->symbols, type->id, add_member, l);
    l->failed = l->failed || err;
    sc_err_destroy(err);
    if (!l->table)
        sc_layouts_trust(l->cpu, t->build, type->name, &trust);
    *FORGE_PUSH(&t->scenario->pool, &t->list) =
        (struct forge_type){.s = {.name = name,
                                  .size = (uint32_t)type->size,
                                  .is_union = type->kind == SC_TYPE_UNION,
                                  .member = members.item,
                                  .nmembers = members.count},
                            .listed = !l->table && trust == SC_LAYOUT_LISTED};
    return true;
}

bool forge_types_from_build(struct forge_types *t, bool needed) {
    uint16_t machine = t->scenario->cpu.machine;
    struct load l = {.t = t,
                     .cpu = machine == 0x14c    ? SC_CPU_X86
                            : machine == 0x8664 ? SC_CPU_X64
                                                : SC_CPU_ARM64};
    sc_err *err = sc_layouts_open(l.cpu, t->build, &l.symbols);
    if (err) {
        bool ok =
            !needed || forge_wrong(t->scenario, t->scenario->os.line, "os: %s", sc_err_text(err));
        sc_err_destroy(err);
        return ok;
    }
    err = sc_symbols_types(l.symbols, NULL, add_type, &l);
    bool ok = !err && !l.failed;
    sc_err_destroy(err);
    sc_symbols_unref(l.symbols);
    return ok || forge_wrong(t->scenario, 0, "the built-in layouts cannot be read");
}

static bool add_structure(void *ctx, const struct sc_type *type) {
    bool is =
        type->kind == SC_TYPE_STRUCT || type->kind == SC_TYPE_CLASS || type->kind == SC_TYPE_UNION;
    return !is || type->forward || !type->name[0] || add_type(ctx, type);
}

bool forge_types_from_table(struct forge_types *t, sc_symbols *table) {
    struct load l = {.t = t, .symbols = table, .table = true};
    sc_err *err = sc_symbols_types(table, NULL, add_structure, &l);
    for (size_t i = 0; !err && i < l.unnamed.count; i++) { /* grows meanwhile */
        struct sc_type type;
        err = sc_type_of(table, l.unnamed.item[i], &type);
        if (!err)
            add_type(&l, &type);
    }
    bool ok = !err && !l.failed;
    if (err)
        forge_wrong(t->scenario, t->scenario->isf_line, "isf: %s", sc_err_text(err));
    sc_err_destroy(err);
    return ok || forge_wrong(t->scenario, t->scenario->isf_line, "isf: its types cannot be read");
}

/* ---- a `dt` listing ---- */

/* "Pos 3, 2 Bits" */
static bool take_bits(const char *text, struct forge_member *m) {
    unsigned first, count;
    if (sscanf(text, "Pos %u, %u Bit", &first, &count) != 2 || first + count > 64 || !count)
        return false;
    m->bit_first = (uint8_t)first;
    m->bit_count = (uint8_t)count;
    return true;
}

/* The type of a bit field is not in the listing: as wide as its bits want. */
static const char *type_of_bits(const struct forge_member *m) {
    unsigned bits = m->bit_first + m->bit_count;
    return bits <= 8 ? "UChar" : bits <= 16 ? "Uint2B" : bits <= 32 ? "Uint4B" : "Uint8B";
}

/* "   +0x010 Name   : Ptr64 _X"; false: no such line. */
static bool read_member(struct forge_pool *pool, char *line, struct forge_member *m) {
    char *p = line + strspn(line, " ");
    char *end;
    if (strncmp(p, "+0x", 3) != 0)
        return false;
    m->offset = (uint32_t)strtoul(p + 3, &end, 16);
    char *colon = strstr(end, ":");
    if (*end != ' ' || !colon)
        return false;
    end += strspn(end, " ");
    m->name = forge_pool_text(pool, end, strcspn(end, " :"));
    char *type = colon + 1 + strspn(colon + 1, " ");
    for (size_t n = strlen(type); n && type[n - 1] == ' ';)
        type[--n] = 0;
    if (take_bits(type, m))
        m->type = type_of_bits(m);
    else
        m->type = forge_pool_text(pool, type, strlen(type));
    return *m->name && *m->type;
}

bool forge_types_from_listing(struct forge_types *t, const struct forge_scn_layout *layout) {
    struct forge_scenario *s = t->scenario;
    members_list members = {0};
    const char *p = layout->listing.text;
    unsigned number = layout->listing.line;
    uint64_t size = layout->size;
    const struct forge_type *before = forge_types_find(t, layout->type);
    if (before)
        return forge_wrong(s, layout->line, "layout: %s has one in line %u", layout->type,
                           before->line);
    for (char *line; (line = forge_listing_line(&s->pool, &p)) != NULL; number++) {
        struct forge_member m = {0};
        if (!strchr(line, '+'))
            continue; /* the name, a prompt, nothing */
        if (!read_member(&s->pool, line, &m))
            return forge_wrong(s, number, "this is not \"+0x010 Name : Type\" as dt prints it");
        *FORGE_PUSH(&s->pool, &members) = m;
    }
    if (!members.count)
        return forge_wrong(s, layout->line, "layout: no member stands in the block");
    const char *mark = strchr(layout->type, '!');
    struct forge_type *type = FORGE_PUSH(&s->pool, &t->list);
    *type = (struct forge_type){
        .s = {.name = mark ? mark + 1 : layout->type,
              .is_union = layout->is_union,
              .member = members.item,
              .nmembers = members.count},
        .module =
            mark ? forge_pool_text(&s->pool, layout->type, (size_t)(mark - layout->type)) : NULL,
        .line = layout->line};
    for (size_t i = 0; i < members.count && !layout->size; i++) {
        uint64_t end = members.item[i].offset + (uint64_t)forge_types_size(t, members.item[i].type);
        size = end > size ? end : size;
    }
    if (size > 1 << 20)
        return forge_wrong(s, layout->line, "layout: a structure of %llx bytes",
                           (unsigned long long)size);
    t->list.item[t->list.count - 1].s.size = (uint32_t)size;
    return true;
}

/* ---- common ones ---- */

struct common {
    const char *name, *member[3], *type[3];
    uint8_t at32[3], at64[3], size32, size64;
};

static const struct common commons[] = {
    {"_LIST_ENTRY", {"Flink", "Blink"}, {"*_LIST_ENTRY", "*_LIST_ENTRY"}, {0, 4}, {0, 8}, 8, 16},
    {"_SINGLE_LIST_ENTRY", {"Next"}, {"*_SINGLE_LIST_ENTRY"}, {0}, {0}, 4, 8},
    {"_UNICODE_STRING",
     {"Length", "MaximumLength", "Buffer"},
     {"Uint2B", "Uint2B", "*Wchar"},
     {0, 2, 4},
     {0, 2, 8},
     8,
     16},
    {"_STRING",
     {"Length", "MaximumLength", "Buffer"},
     {"Uint2B", "Uint2B", "*Char"},
     {0, 2, 4},
     {0, 2, 8},
     8,
     16},
    {"_LARGE_INTEGER",
     {"LowPart", "HighPart", "QuadPart"},
     {"Uint4B", "Int4B", "Int8B"},
     {0, 4, 0},
     {0, 4, 0},
     8,
     8},
    {"_CLIENT_ID", {"UniqueProcess", "UniqueThread"}, {"*Void", "*Void"}, {0, 4}, {0, 8}, 8, 16},
};

bool forge_types_add_common(struct forge_types *t) {
    struct forge_pool *pool = &t->scenario->pool;
    for (size_t i = 0; i < sizeof commons / sizeof *commons; i++) {
        const struct common *c = &commons[i];
        members_list members = {0};
        if (forge_types_find(t, c->name))
            continue;
        for (unsigned k = 0; k < 3 && c->member[k]; k++)
            *FORGE_PUSH(pool, &members) =
                (struct forge_member){.name = c->member[k],
                                      .offset = t->ptr_size == 4 ? c->at32[k] : c->at64[k],
                                      .type = c->type[k]};
        *FORGE_PUSH(pool, &t->list) =
            (struct forge_type){.s = {.name = c->name,
                                      .size = t->ptr_size == 4 ? c->size32 : c->size64,
                                      .is_union = !strcmp(c->name, "_LARGE_INTEGER"),
                                      .member = members.item,
                                      .nmembers = members.count}};
    }
    return true;
}
