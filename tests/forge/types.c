/* SPDX-License-Identifier: MIT */
#include "forge/types.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/types_load.h"

static const struct {
    const char *name;
    uint8_t size;
} bases[] = {{"Void", 0},  {"Char", 1},   {"UChar", 1}, {"Bool", 1},   {"Wchar", 2},
             {"Int2B", 2}, {"Uint2B", 2}, {"Int4B", 4}, {"Uint4B", 4}, {"HRESULT", 4},
             {"Float", 4}, {"Double", 8}, {"Int8B", 8}, {"Uint8B", 8}};

static const char *skip_blanks(const char *p) {
    while (*p == ' ')
        p++;
    return p;
}

bool forge_type_is_array(const char *type, uint32_t *ret_count, const char **ret_element) {
    char *end;
    if (*type != '[')
        return false;
    unsigned long n = strtoul(type + 1, &end, 10);
    if (*end != ']' || n > UINT32_MAX)
        return false;
    *ret_count = (uint32_t)n;
    *ret_element = skip_blanks(end + 1);
    return true;
}

bool forge_type_is_pointer(const char *type, const char **ret_target) {
    size_t n = *type == '*'                                                 ? 1
               : !strncmp(type, "Ptr64 ", 6) || !strncmp(type, "Ptr32 ", 6) ? 6
                                                                            : 0;
    *ret_target = skip_blanks(type + n);
    return n != 0;
}

/* Does NAME ("_EPROCESS", "EPROCESS", "nt!_EPROCESS") mean the structure THIS? */
static bool same_name(const char *this, const char *name) {
    const char *mark = strchr(name, '!');
    if (mark)
        name = mark + 1;
    return !strcmp(this, name) || (*this == '_' && !strcmp(this + 1, name));
}

const struct forge_type *forge_types_find(const struct forge_types *t, const char *name) {
    for (size_t i = 0; i < t->list.count; i++)
        if (same_name(t->list.item[i].s.name, name))
            return &t->list.item[i];
    return NULL;
}

uint32_t forge_types_size(const struct forge_types *t, const char *type) {
    const char *inner;
    uint32_t n;
    if (!type)
        return 0;
    if (forge_type_is_pointer(type, &inner))
        return t->ptr_size;
    if (forge_type_is_array(type, &n, &inner)) {
        uint64_t size = (uint64_t)n * forge_types_size(t, inner);
        return size > UINT32_MAX ? 0 : (uint32_t)size;
    }
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (!strcmp(bases[i].name, type))
            return bases[i].size;
    const struct forge_type *s = forge_types_find(t, type);
    return s ? s->s.size : 0;
}

/* From a member to whatever begins next behind it. */
static uint32_t gap_behind(const struct forge_struct *s, uint32_t offset) {
    uint32_t end = s->size > offset ? s->size : offset;
    for (size_t i = 0; i < s->nmembers; i++)
        if (s->member[i].offset > offset && s->member[i].offset < end)
            end = s->member[i].offset;
    return end - offset;
}

/* The member NAME (LEN bytes) of structure TYPE, added to *P. */
static bool into_member(const struct forge_types *t, struct forge_place *p, const char *type,
                        const char *name, size_t len) {
    const struct forge_type *s = type ? forge_types_find(t, type) : NULL;
    for (size_t i = 0; s && i < s->s.nmembers; i++) {
        const struct forge_member *m = &s->s.member[i];
        if (strlen(m->name) != len || strncmp(m->name, name, len) != 0)
            continue;
        uint32_t size = forge_types_size(t, m->type);
        p->offset += m->offset;
        p->type = m->type;
        p->size = size ? size : gap_behind(&s->s, m->offset);
        p->bit_first = m->bit_first;
        p->bit_count = m->bit_count;
        return true;
    }
    return false;
}

/* "[1b]": hexadecimal as all numbers, up to the bracket at *PATH, which moves behind it. */
static bool into_element(const struct forge_types *t, struct forge_place *p, const char **path) {
    uint32_t n;
    uint64_t index;
    const char *element;
    size_t len = strcspn(*path, "]");
    char digits[20] = "";
    if (!(*path)[len] || len >= sizeof digits || !p->type)
        return false;
    memcpy(digits, *path, len);
    if (!forge_type_is_array(p->type, &n, &element) || !forge_number(digits, &index) || index >= n)
        return false;
    p->size = forge_types_size(t, element);
    p->offset += (uint32_t)index * p->size;
    p->type = element;
    *path += len + 1;
    return p->size != 0;
}

bool forge_types_place(const struct forge_types *t, const char *type, const char *path,
                       struct forge_place *ret) {
    struct forge_place p = {.type = type};
    for (;;) {
        size_t len = strcspn(path, ".[");
        if (!into_member(t, &p, p.type, path, len))
            return false;
        path += len;
        while (*path == '[') {
            path++;
            if (!into_element(t, &p, &path))
                return false;
        }
        if (!*path) {
            *ret = p;
            return true;
        }
        if (*path++ != '.' || p.bit_count)
            return false;
    }
}

/* ---- what is wrong ---- */

static const char *near_struct(const struct forge_types *t, const char *name) {
    const char **all = forge_pool_get(&t->scenario->pool, t->list.count * sizeof *all);
    for (size_t i = 0; i < t->list.count; i++)
        all[i] = t->list.item[i].s.name;
    return forge_nearest_name(name, all, t->list.count);
}

static const char *near_member(const struct forge_types *t, const struct forge_struct *s,
                               const char *name) {
    const char **all = forge_pool_get(&t->scenario->pool, s->nmembers * sizeof *all);
    for (size_t i = 0; i < s->nmembers; i++)
        all[i] = s->member[i].name;
    return forge_nearest_name(name, all, s->nmembers);
}

bool forge_types_need_struct(const struct forge_types *t, unsigned line, const char *name,
                             const struct forge_type **ret) {
    *ret = forge_types_find(t, name);
    if (*ret)
        return true;
    const char *near = near_struct(t, name);
    return forge_wrong(t->scenario, line, "build %u (%s) has no structure %s%s%s%s", t->build,
                       t->cpu, name, near ? ": did you mean " : "", near ? near : "",
                       near ? "?" : " here: give its layout (layout … end)");
}

/* The part of PATH that leads nowhere, and the structure it is not in. */
static const char *lost_at(const struct forge_types *t, const char *type, const char *path,
                           const char **ret_name) {
    size_t end = 0;
    for (;;) {
        size_t len = end + strcspn(path + end, ".");
        struct forge_place p;
        if (!forge_types_place(t, type, forge_pool_text(&t->scenario->pool, path, len), &p)) {
            *ret_name = forge_pool_text(&t->scenario->pool, path + end, len - end);
            return type;
        }
        if (!path[len])
            return NULL;
        path += len + 1;
        type = p.type ? p.type : "?";
        end = 0;
    }
}

bool forge_types_need(const struct forge_types *t, unsigned line, const char *type,
                      const char *path, struct forge_place *ret) {
    const struct forge_type *s;
    const char *name = path;
    if (!forge_types_need_struct(t, line, type, &s))
        return false;
    if (forge_types_place(t, s->s.name, path, ret))
        return true;
    const char *in = lost_at(t, s->s.name, path, &name);
    const struct forge_type *where = in ? forge_types_find(t, in) : NULL;
    if (!where)
        return forge_wrong(t->scenario, line, "%s.%s: %s is no structure that build %u (%s) knows",
                           s->s.name, path, in ? in : "it", t->build, t->cpu);
    const char *near = near_member(t, &where->s, name);
    return forge_wrong(t->scenario, line, "%s has no member %s in build %u (%s)%s%s%s",
                       where->s.name, name, t->build, t->cpu, near ? ": did you mean " : "",
                       near ? near : "", near ? "?" : "");
}

/* ---- loading ---- */

bool forge_types_load(struct forge_types *t, struct forge_scenario *s, sc_symbols *table,
                      bool needed) {
    *t = (struct forge_types){.scenario = s,
                              .ptr_size = s->cpu.machine == 0x14c ? 4 : 8,
                              .build = s->os.build,
                              .cpu = s->cpu.machine == 0x14c    ? "x86"
                                     : s->cpu.machine == 0x8664 ? "x64"
                                                                : "ARM64"};
    for (size_t i = 0; i < s->layouts.count; i++)
        if (!forge_types_from_listing(t, &s->layouts.item[i]))
            return false;
    return (table ? forge_types_from_table(t, table) : forge_types_from_build(t, needed)) &&
           forge_types_add_common(t);
}
