/* SPDX-License-Identifier: MIT */
/*
 * The built-in layouts as a provider. The tables (gen/layouts.py) are arrays of numbers into one
 * pool of names:
 *
 *     set (CPU, build) -> entries, sorted by name -> definition -> members -> shape
 *
 * Type ids: 1 … count of the set: its structures; SHAPE_ID + n: shape n. A shape is a base type, a
 * structure by name (looked up in the set when asked for), a pointer, an array or bits.
 */
#include "sym/layouts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"

#if defined(__GNUC__)
/* The pool is one literal, longer than ISO C promises; GCC and Clang take any length. */
#pragma GCC diagnostic ignored "-Woverlength-strings"
#endif
#include "sym/gen/layouts.inc"

enum shape { SHAPE_BASE, SHAPE_NAMED, SHAPE_POINTER, SHAPE_ARRAY, SHAPE_BITS };
enum { SHAPE_ID = 0x10000 };
#define SIZE_UNKNOWN 0xFFFFFFFFu

struct layouts {
    uint32_t set;
};

/* Base types by WinDbg's name, and by C's. */
static const struct base {
    const char *name, *c_name;
    enum sc_type_kind kind;
    uint8_t size;
    bool is_signed;
} bases[] = {
    {"Void", "void", SC_TYPE_VOID, 0, false},
    {"Char", "char", SC_TYPE_CHAR, 1, true},
    {"UChar", "unsigned char", SC_TYPE_CHAR, 1, false},
    {"Wchar", "wchar_t", SC_TYPE_CHAR, 2, false},
    {"Int2B", "short", SC_TYPE_INT, 2, true},
    {"Uint2B", "unsigned short", SC_TYPE_INT, 2, false},
    {"Int4B", "long", SC_TYPE_INT, 4, true},
    {"Uint4B", "unsigned long", SC_TYPE_INT, 4, false},
    {"Int8B", "__int64", SC_TYPE_INT, 8, true},
    {"Uint8B", "unsigned __int64", SC_TYPE_INT, 8, false},
    {"Float", "float", SC_TYPE_FLOAT, 4, true},
    {"Double", "double", SC_TYPE_FLOAT, 8, true},
    {"HRESULT", "HRESULT", SC_TYPE_INT, 4, true},
    {"Bool", "bool", SC_TYPE_BOOL, 1, false},
};

static void layouts_destroy(void *impl) { free(impl); }

static void layouts_info(void *impl, struct sc_symbols_info *ret) {
    const struct layouts *l = impl;
    ret->provider = "layout";
    ret->cpu = (enum sc_cpu)layout_set_cpu[l->set];
    ret->has_types = true;
}

/* The entry NAME of a set, counted in the set; false when there is none. */
static bool find_entry(uint32_t set, const char *name, uint32_t *ret_index) {
    uint32_t low = 0, high = layout_set_count[set];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const char *here = layout_pool + layout_entry_name[layout_set_first[set] + middle];
        int order = strcmp(here, name);
        if (!order) {
            *ret_index = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void struct_type(const struct layouts *l, uint32_t index, struct sc_type *ret) {
    const uint32_t entry = layout_set_first[l->set] + index, def = layout_entry_def[entry];
    memset(ret, 0, sizeof *ret);
    ret->kind = layout_def_kind[def] ? SC_TYPE_UNION : SC_TYPE_STRUCT;
    ret->name = layout_pool + layout_entry_name[entry];
    ret->size = layout_def_size[def] == SIZE_UNKNOWN ? 0 : layout_def_size[def];
    ret->id = index + 1;
    ret->count = layout_def_count[def];
}

static void base_type(uint32_t shape, struct sc_type *ret) {
    ret->kind = SC_TYPE_UNKNOWN;
    ret->name = layout_pool + layout_shape_name[shape];
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (bases[i].name[0] == ret->name[0] && !strcmp(bases[i].name, ret->name)) {
            ret->kind = bases[i].kind;
            ret->size = bases[i].size;
            ret->is_signed = bases[i].is_signed;
            break;
        }
}

static void named_type(const struct layouts *l, uint32_t shape, struct sc_type *ret) {
    const char *name = layout_pool + layout_shape_name[shape];
    uint32_t index;
    if (find_entry(l->set, name, &index)) {
        struct_type(l, index, ret);
        return;
    }
    ret->kind = SC_TYPE_STRUCT;
    ret->name = name;
    ret->forward = true;
}

/* What a shape is made of has a lower number: the recursion ends. */
static void shape_type(const struct layouts *l, uint32_t shape, struct sc_type *ret) {
    const uint32_t inner = layout_shape_target[shape], count = layout_shape_count[shape];
    struct sc_type target;
    memset(ret, 0, sizeof *ret);
    ret->id = SHAPE_ID + shape;
    ret->name = "";
    ret->target = inner ? SHAPE_ID + inner : 0;
    switch ((enum shape)layout_shape_kind[shape]) {
    case SHAPE_BASE: base_type(shape, ret); break;
    case SHAPE_NAMED: named_type(l, shape, ret); break;
    case SHAPE_POINTER:
        ret->kind = SC_TYPE_POINTER;
        ret->size = sc_cpu_ptr_size((enum sc_cpu)layout_set_cpu[l->set]);
        break;
    case SHAPE_ARRAY:
        shape_type(l, inner, &target);
        ret->kind = SC_TYPE_ARRAY;
        ret->count = count;
        ret->size = target.size * count;
        break;
    case SHAPE_BITS:
        shape_type(l, inner, &target);
        ret->kind = SC_TYPE_BITFIELD;
        ret->size = target.size;
        ret->bit_pos = (uint8_t)count;
        ret->bit_len = (uint8_t)(count >> 8);
        break;
    }
}

static sc_err *layouts_type(void *impl, uint32_t id, struct sc_type *ret_type) {
    const struct layouts *l = impl;
    if (id > SHAPE_ID && id < SHAPE_ID + LAYOUT_SHAPES)
        shape_type(l, id - SHAPE_ID, ret_type);
    else if (id && id <= layout_set_count[l->set])
        struct_type(l, id - 1, ret_type);
    else
        return sc_errf(SC_ERR_NOT_FOUND, "the built-in layouts have no type 0x%x", id);
    return NULL;
}

static sc_err *layouts_type_named(void *impl, const char *name, uint32_t *ret_id, bool *ret_found) {
    const struct layouts *l = impl;
    uint32_t index;
    *ret_found = find_entry(l->set, name, &index);
    if (*ret_found) {
        *ret_id = index + 1;
        return NULL;
    }
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (!strcmp(bases[i].c_name, name))
            name = bases[i].name;
    for (uint32_t i = 1; i < LAYOUT_SHAPES; i++)
        if (layout_shape_kind[i] == SHAPE_BASE &&
            !strcmp(layout_pool + layout_shape_name[i], name)) {
            *ret_id = SHAPE_ID + i;
            *ret_found = true;
            break;
        }
    return NULL;
}

static sc_err *layouts_members(void *impl, uint32_t id, sc_member_fn fn, void *ctx) {
    const struct layouts *l = impl;
    struct sc_type type;
    sc_err *err = layouts_type(impl, id, &type);
    if (err || (type.kind != SC_TYPE_STRUCT && type.kind != SC_TYPE_UNION) || type.forward)
        return err;
    const uint32_t def = layout_entry_def[layout_set_first[l->set] + type.id - 1];
    for (uint32_t i = 0; i < layout_def_count[def]; i++) {
        const uint32_t at = layout_def_first[def] + i, shape = layout_member_shape[at];
        const struct sc_member m = {.name = layout_pool + layout_member_name[at],
                                    .kind = SC_MEMBER_FIELD,
                                    .offset = layout_member_offset[at],
                                    .type = shape ? SHAPE_ID + shape : 0,
                                    .bit_pos = layout_member_bit[at],
                                    .bit_len = layout_member_bits[at]};
        if (!fn(ctx, &m))
            break;
    }
    return NULL;
}

static sc_err *layouts_types(void *impl, const char *pattern, sc_type_fn fn, void *ctx) {
    const struct layouts *l = impl;
    for (uint32_t i = 0; i < layout_set_count[l->set]; i++) {
        struct sc_type type;
        struct_type(l, i, &type);
        if ((!pattern || sc_wild_match(pattern, type.name)) && !fn(ctx, &type))
            break;
    }
    return NULL;
}

static const struct sc_symbols_ops layouts_ops = {
    .name = "layout",
    .destroy = layouts_destroy,
    .info = layouts_info,
    .type_named = layouts_type_named,
    .type = layouts_type,
    .members = layouts_members,
    .types = layouts_types,
};

/* "2600, 7601, …": the builds of a CPU. */
static void list_builds(enum sc_cpu cpu, char *buf, size_t room) {
    size_t used = 0;
    snprintf(buf, room, "none");
    for (uint32_t i = 0; i < LAYOUT_SETS && used < room; i++)
        if (layout_set_cpu[i] == cpu)
            used += (size_t)snprintf(buf + used, room - used, "%s%u", used ? ", " : "",
                                     (unsigned)layout_set_build[i]);
}

static sc_err *no_set(enum sc_cpu cpu, uint32_t build) {
    char builds[256];
    list_builds(cpu, builds, sizeof builds);
    return sc_errf(SC_ERR_NOT_FOUND, "no built-in layouts of build %u for %s: there are %s",
                   (unsigned)build, sc_cpu_name(cpu), builds);
}

/* The set nearest to BUILD; false: none for the CPU. */
static bool nearest_set(enum sc_cpu cpu, uint32_t build, uint32_t *ret_set) {
    uint32_t best = UINT32_MAX, best_build = 0;
    bool found = false;
    for (uint32_t i = 0; i < LAYOUT_SETS; i++) {
        uint32_t b = layout_set_build[i], away = b > build ? b - build : build - b;
        if (layout_set_cpu[i] != cpu)
            continue;
        if (!found || away < best || (away == best && b < best_build)) {
            best = away;
            best_build = b;
            *ret_set = i;
            found = true;
        }
    }
    return found;
}

sc_err *sc_layouts_open_nearest(enum sc_cpu cpu, uint32_t build, sc_symbols **ret_symbols,
                                struct sc_layouts_facts *ret_facts) {
    uint32_t set = 0;
    if (!nearest_set(cpu, build, &set))
        return no_set(cpu, build);
    struct layouts *l = calloc(1, sizeof *l);
    if (!l)
        return sc_err_nomem();
    l->set = set;
    sc_err *err = sc_symbols_create(&layouts_ops, l, ret_symbols);
    if (!err && ret_facts) {
        ret_facts->build = layout_set_build[set];
        ret_facts->assumed = layout_set_build[set] != build;
        ret_facts->structs = layout_set_count[set];
    }
    return err;
}

sc_err *sc_layouts_open(enum sc_cpu cpu, uint32_t build, sc_symbols **ret_symbols) {
    uint32_t set = 0;
    if (!nearest_set(cpu, build, &set) || layout_set_build[set] != build)
        return no_set(cpu, build);
    return sc_layouts_open_nearest(cpu, build, ret_symbols, NULL);
}

bool sc_layouts_trust(enum sc_cpu cpu, uint32_t build, const char *name,
                      enum sc_layout_trust *ret_trust) {
    uint32_t set = 0, index;
    if (!nearest_set(cpu, build, &set) || layout_set_build[set] != build ||
        !find_entry(set, name, &index))
        return false;
    *ret_trust = (enum sc_layout_trust)layout_entry_trust[layout_set_first[set] + index];
    return true;
}

bool sc_layouts_set(size_t index, enum sc_cpu *ret_cpu, uint32_t *ret_build) {
    if (index >= LAYOUT_SETS)
        return false;
    *ret_cpu = (enum sc_cpu)layout_set_cpu[index];
    *ret_build = layout_set_build[index];
    return true;
}
