/* SPDX-License-Identifier: MIT */
/*
 * Types of objects: OBJECT_TYPEs, which are objects themselves.
 *
 * Since Windows 7 a header has an index into nt!ObTypeIndexTable, whose first two entries are no
 * types. Where that table is not known, the types are those that \ObjectTypes lists, each of which
 * knows its index.
 */
#include <string.h>

#include "nt/directory.h"
#include "nt/object.h"
#include "nt/ustring.h"

enum { T_NAME, T_INDEX, T_OBJECTS, T_HANDLES, T_KEY, T_LIST, T_FIELDS };
static const struct sc_layout_field rows[T_FIELDS + 1] = {
    [T_NAME] = {"Name", 1, true},
    [T_INDEX] = {"Index", 0, true},
    [T_OBJECTS] = {"TotalNumberOfObjects", 4, true},
    [T_HANDLES] = {"TotalNumberOfHandles", 4, true},
    [T_KEY] = {"Key", 4, true},
    [T_LIST] = {"TypeList", 1, true},
    {"Index", 1, true},
};
static const uint8_t spare_of[] = {T_INDEX};
static const struct nt_def type_def = {
    {"nt!_OBJECT_TYPE", rows, T_FIELDS + 1}, T_FIELDS, spare_of, NULL, 0};

enum { TYPE_NAME_MAX = 64 }; /* bytes; Windows' longest has 25 */

/* A name of a type: short, printable, ASCII. Anything else is not one. */
static bool plausible(const char *name) {
    size_t n = name ? strlen(name) : 0;
    if (!n || n > TYPE_NAME_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (name[i] < 0x20 || name[i] > 0x7e)
            return false;
    return true;
}

static sc_err *read_type(struct nt_objects *om, uint64_t address, struct nt_objtype *ret) {
    const struct nt *nt = om->nt;
    struct nt_objtype t = {.address = address};
    struct nt_field f[T_FIELDS];
    uint64_t offset;
    bool found;
    sc_err *err = nt_load_optional(nt, &type_def, address, f, &t.assumed);
    if (err || f[T_NAME].state != NT_READ) {
        *ret = t;
        return err;
    }
    t.index = f[T_INDEX];
    t.index.value &= 0xff;
    t.objects = f[T_OBJECTS];
    t.handles = f[T_HANDLES];
    t.key = f[T_KEY];
    err = nt_offset(nt, &type_def, T_NAME, &offset, &found);
    if (!err)
        err = nt_ustring_read(nt, nt_add(nt, address, offset), om->arena, &t.name);
    if (!err && !plausible(t.name))
        t.name = NULL;
    if (!err)
        err = nt_offset(nt, &type_def, T_LIST, &offset, &found);
    if (!err && found)
        t.list = (struct nt_field){nt_add(nt, address, offset), NT_READ};
    if (!err)
        *ret = t;
    return err;
}

static sc_err *remember(struct nt_objects *om, const struct nt_objtype *t, size_t at) {
    struct nt_objtype *copy = sc_arena_alloc(om->arena, sizeof *copy);
    if (!copy)
        return sc_err_nomem();
    *copy = *t;
    om->type[at] = copy;
    return NULL;
}

sc_err *nt_object_type_at(struct nt_objects *om, uint64_t address, struct nt_objtype *ret) {
    for (size_t i = 0; i < NT_TYPES_MAX; i++)
        if (om->type[i] && om->type[i]->address == address) {
            *ret = *om->type[i];
            return NULL;
        }
    struct nt_objtype t;
    sc_err *err = read_type(om, address, &t);
    if (!err && t.name && !om->has_table_walk && om->ntypes < NT_TYPES_MAX &&
        om->table.state != NT_READ)
        err = remember(om, &t, om->ntypes++);
    if (!err)
        *ret = t;
    return err;
}

/* ---- by index ---- */

/* Fills the table from \ObjectTypes, once. */
static sc_err *walk_types(struct nt_objects *om) {
    struct nt_directory d;
    struct nt_directory_entry e;
    struct nt_objtype t;
    uint64_t types;
    bool found = false;
    om->has_table_walk = true;
    om->ntypes = 0;
    memset(om->type, 0, sizeof om->type);
    sc_err *err = nt_directory_find(om, nt_or(&om->root, 0), "ObjectTypes", &types, &found, NULL);
    if (err || !found)
        return err;
    err = nt_directory_begin(om, types, &d);
    while (!err && nt_directory_next(&d, &e)) {
        err = read_type(om, e.object, &t);
        if (!err && t.name && nt_set(&t.index) && !om->type[t.index.value])
            err = remember(om, &t, (size_t)t.index.value);
    }
    return err;
}

static sc_err *from_table(struct nt_objects *om, uint64_t index, const char **ret_why) {
    const struct nt *nt = om->nt;
    struct nt_objtype t;
    struct nt_field f = nt_pointer(nt, nt_add(nt, om->table.value, index * nt->ptr_size));
    *ret_why = "its entry in nt!ObTypeIndexTable is not in the dump";
    if (f.state != NT_READ)
        return NULL;
    *ret_why = "nt!ObTypeIndexTable has no type with this index";
    if (!nt_is_kernel(nt, f.value))
        return NULL;
    sc_err *err = read_type(om, f.value, &t);
    *ret_why = "the object type is not in the dump, or is damaged";
    if (err || !t.name)
        return err;
    *ret_why = "nt!ObTypeIndexTable has no type with this index";
    if (t.index.state == NT_READ && t.index.value != index)
        return NULL;
    return remember(om, &t, (size_t)index);
}

sc_err *nt_object_type_of_index(struct nt_objects *om, uint64_t index, struct nt_objtype *ret,
                                const char **ret_why) {
    const char *why = NULL;
    sc_err *err = NULL;
    index &= NT_TYPES_MAX - 1;
    if (!om->type[index]) {
        if (om->table.state == NT_READ)
            err = from_table(om, index, &why);
        else if (!om->has_table_walk)
            err = walk_types(om);
    }
    if (err)
        return err;
    if (om->table.state != NT_READ)
        why = nt_set(&om->root) ? "\\ObjectTypes lists no type with this index"
                                : "neither nt!ObTypeIndexTable nor \\ObjectTypes is known";
    *ret = om->type[index] ? *om->type[index] : (struct nt_objtype){0};
    *ret_why = om->type[index] ? NULL : why;
    return NULL;
}

/* ---- by name ---- */

/* All of the table: what is no type is left out. */
static sc_err *load_all(struct nt_objects *om) {
    struct nt_objtype t;
    const char *why;
    sc_err *err = NULL;
    for (uint64_t i = 2; !err && i < NT_TYPES_MAX; i++)
        err = nt_object_type_of_index(om, i, &t, &why);
    return err;
}

sc_err *nt_object_type_named(struct nt_objects *om, const char *name, struct nt_objtype *ret,
                             bool *ret_found, const char **ret_why) {
    const struct nt_objtype *hit = NULL;
    size_t known = 0;
    sc_err *err = om->table.state == NT_READ ? load_all(om) : walk_types(om);
    if (err)
        return err;
    for (size_t i = 0; i < NT_TYPES_MAX; i++) {
        known += om->type[i] != NULL;
        if (om->type[i] && !strcmp(om->type[i]->name, name))
            hit = om->type[i];
    }
    *ret_found = hit != NULL;
    if (hit)
        *ret = *hit;
    *ret_why = known ? "there is no object type of this name"
                     : "the object types are not in the dump (nt!ObTypeIndexTable, \\ObjectTypes)";
    return NULL;
}
