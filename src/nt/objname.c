/* SPDX-License-Identifier: MIT */
/*
 * Names that are put together.
 *
 *   path      NAME_INFO.Directory of each directory, up to the one that is in none
 *   file      FILE_OBJECT.FileName is what lies behind the device; the device has a name of its own
 *   key       CM_KEY_BODY.KeyControlBlock -> ParentKcb … each with a NameBlock: a length in bytes,
 *             and characters of 8 bits (Compressed) or 16
 *
 * Sources: the kernels' public symbols.
 */
#include "nt/objname.h"

#include <string.h>

#include "base/utf.h"
#include "nt/ustring.h"

struct parts {
    const char *part[NT_PATH_PARTS]; /* from the end */
    size_t count;
};

static const char *join(sc_arena *arena, const struct parts *p, const char *front) {
    size_t len = strlen(front) + 1;
    for (size_t i = 0; i < p->count; i++)
        len += strlen(p->part[i]) + 1;
    char *text = sc_arena_alloc(arena, len), *at = text;
    if (!text)
        return NULL;
    at += strlen(strcpy(at, front));
    for (size_t i = p->count; i-- > 0;) {
        *at++ = '\\';
        at += strlen(strcpy(at, p->part[i]));
    }
    return text;
}

/* ---- paths ---- */

sc_err *nt_object_path(struct nt_objects *om, const struct nt_object *object, const char **ret_name,
                       const char **ret_why) {
    struct parts parts = {.count = 0};
    struct nt_object o = *object;
    const char *why = NULL, *front = "";
    *ret_name = NULL;
    *ret_why = NULL;
    if (!o.name)
        return NULL;
    while (nt_or(&om->root, 0) != o.body) {
        bool top = !nt_set(&o.directory);
        if (!top || strcmp(o.name, "\\") != 0) /* the root directory's own name */
            parts.part[parts.count++] = o.name;
        if (top)
            break;
        uint64_t up = o.directory.value;
        if (up == nt_or(&om->root, 0))
            break;
        sc_err *err = nt_object_read(om, up, &o);
        if (err)
            return err;
        if (!o.name)
            why = "a directory on the way up has no name, or is not in the dump";
        else if (parts.count == NT_PATH_PARTS)
            why = "its directories lead round and round";
        if (why) {
            front = "\\...";
            break;
        }
    }
    *ret_name = parts.count ? join(om->names, &parts, front) : "\\";
    *ret_why = why;
    return *ret_name ? NULL : sc_err_nomem();
}

/* ---- files ---- */

enum { F_DEVICE, F_NAME, F_FIELDS };
static const struct sc_layout_field file_rows[F_FIELDS] = {{"DeviceObject", 1, true},
                                                           {"FileName", 1, true}};
static const uint8_t file_pointers[] = {F_DEVICE};
static const struct nt_def file_def = {
    {"nt!_FILE_OBJECT", file_rows, F_FIELDS}, F_FIELDS, NULL, NT_POINTERS(file_pointers)};

static sc_err *file_name(struct nt_objects *om, const struct nt_object *o, const char **ret_name,
                         const char **ret_why) {
    const struct nt *nt = om->nt;
    struct nt_field f[F_FIELDS];
    const char *name = NULL, *device = NULL;
    uint64_t offset;
    bool found;
    sc_err *err = nt_load_optional(nt, &file_def, o->body, f, NULL);
    if (err || f[F_NAME].state == NT_NO_FIELD)
        return err;
    err = nt_offset(nt, &file_def, F_NAME, &offset, &found);
    if (!err)
        err = nt_ustring_read(nt, nt_add(nt, o->body, offset), om->names, &name);
    if (!err && nt_set(&f[F_DEVICE]) && nt_is_kernel(nt, f[F_DEVICE].value))
        err = nt_object_own_name(om, f[F_DEVICE].value, &device);
    if (err)
        return err;
    *ret_why = name ? NULL : "the file's name is not in the dump";
    if (!name || (!*name && !device))
        return NULL;
    *ret_name = device ? sc_arena_printf(om->names, "%s {%s}", name, device) : name;
    return *ret_name ? NULL : sc_err_nomem();
}

/* ---- keys ---- */

static const struct sc_layout_field body_rows[] = {{"KeyControlBlock", 1, true}};
static const uint8_t body_pointers[] = {0};
static const struct nt_def body_def = {
    {"nt!_CM_KEY_BODY", body_rows, 1}, 1, NULL, NT_POINTERS(body_pointers)};

enum { K_PARENT, K_NAME, K_FIELDS };
static const struct sc_layout_field kcb_rows[K_FIELDS] = {{"ParentKcb", 1, true},
                                                          {"NameBlock", 1, true}};
static const uint8_t kcb_pointers[] = {K_PARENT, K_NAME};
static const struct nt_def kcb_def = {
    {"nt!_CM_KEY_CONTROL_BLOCK", kcb_rows, K_FIELDS}, K_FIELDS, NULL, NT_POINTERS(kcb_pointers)};

enum { N_COMPRESSED, N_LENGTH, N_NAME, N_FIELDS };
static const struct sc_layout_field block_rows[N_FIELDS + 1] = {
    {"Compressed", 0, true}, {"NameLength", 2, true}, {"Name", 1, true}, {"Compressed", 1, true}};
static const uint8_t block_spare[] = {N_COMPRESSED};
static const struct nt_def block_def = {
    {"nt!_CM_NAME_CONTROL_BLOCK", block_rows, N_FIELDS + 1}, N_FIELDS, block_spare, NULL, 0};

enum { KEY_NAME_MAX = 512 }; /* bytes: names of keys have at most 255 characters */

/* Text of 8 bits a character: Latin 1. */
static char *widen(sc_arena *arena, const uint8_t *bytes, size_t n) {
    char *text = sc_arena_alloc(arena, 2 * n + 1), *at = text;
    if (!text)
        return NULL;
    for (size_t i = 0; i < n; i++)
        at += sc_utf8_put(bytes[i], at);
    return text;
}

static sc_err *block_name(struct nt_objects *om, uint64_t block, const char **ret) {
    const struct nt *nt = om->nt;
    struct nt_field f[N_FIELDS];
    uint8_t bytes[KEY_NAME_MAX];
    uint64_t offset;
    bool found;
    *ret = NULL;
    sc_err *err = nt_load_optional(nt, &block_def, block, f, NULL);
    if (err || f[N_NAME].state != NT_READ || f[N_COMPRESSED].state != NT_READ)
        return err;
    size_t n = (uint16_t)nt_or(&f[N_LENGTH], 0);
    err = nt_offset(nt, &block_def, N_NAME, &offset, &found);
    if (err || !n || n > sizeof bytes ||
        sc_space_read(nt->space, nt_add(nt, block, offset), bytes, n, NULL) != SC_READ_OK)
        return err;
    *ret = f[N_COMPRESSED].value & 1 ? widen(om->names, bytes, n)
                                     : sc_utf16_to_utf8(om->names, bytes, n);
    return *ret ? NULL : sc_err_nomem();
}

/* Which key and why of it is missing; NULL and NULL: it is whole. */
static sc_err *one_key(struct nt_objects *om, uint64_t *kcb, const char **ret_part,
                       const char **ret_why) {
    const struct nt *nt = om->nt;
    struct nt_field k[K_FIELDS];
    sc_err *err = nt_load_optional(nt, &kcb_def, *kcb, k, NULL);
    if (err)
        return err;
    *ret_part = NULL;
    if (nt_set(&k[K_NAME]) && nt_is_kernel(nt, k[K_NAME].value))
        err = block_name(om, k[K_NAME].value, ret_part);
    *ret_why = *ret_part ? NULL : "a part of the key's name is not in the dump";
    *kcb = nt_or(&k[K_PARENT], 0);
    return err;
}

static sc_err *key_name(struct nt_objects *om, const struct nt_object *o, const char **ret_name,
                        const char **ret_why) {
    struct parts parts = {.count = 0};
    struct nt_field body;
    const char *why = NULL, *part;
    sc_err *err = nt_load_optional(om->nt, &body_def, o->body, &body, NULL);
    if (err || body.state == NT_NO_FIELD)
        return err;
    uint64_t kcb = nt_or(&body, 0);
    if (!kcb || !nt_is_kernel(om->nt, kcb))
        why = "the key's control block is not in the dump";
    while (!err && !why && kcb && nt_is_kernel(om->nt, kcb)) {
        err = one_key(om, &kcb, &part, &why);
        if (!err && part)
            parts.part[parts.count++] = part;
        if (!why && kcb && parts.count == NT_PATH_PARTS)
            why = "its parents lead round and round";
    }
    *ret_why = why;
    if (err || !parts.count)
        return err;
    *ret_name = join(om->names, &parts, why ? "\\..." : "");
    return *ret_name ? NULL : sc_err_nomem();
}

sc_err *nt_object_name(struct nt_objects *om, const struct nt_object *o, const char **ret_name,
                       const char **ret_why) {
    sc_err *err = NULL;
    const char *name = NULL, *why = NULL;
    if (nt_object_is(o, "File"))
        err = file_name(om, o, &name, &why);
    else if (nt_object_is(o, "Key"))
        err = key_name(om, o, &name, &why);
    if (err)
        return err;
    if (!name && !why) {
        name = o->name;
        if (!name && o->name_state == NT_ABSENT)
            why = "its name is not in the dump";
    }
    *ret_name = name;
    *ret_why = why;
    return NULL;
}
