/* SPDX-License-Identifier: MIT */
/*
 * Crashpad's stream (0x43500001) and the annotations behind it; facts from Crashpad's public
 * minidump_extensions.h.
 *
 * MinidumpCrashpadInfo, 0x34 bytes, 0x40 in newer ones
 *   +0x00 u32 version        +0x24 simple_annotations {size, rva}   +0x34 u32 reserved
 *   +0x04 UUID report_id     +0x2c module_list {size, rva}          +0x38 u64 address_mask
 *   +0x14 UUID client_id
 * simple annotations   u32 count, {u32 key_rva, u32 value_rva}[]: MinidumpUTF8Strings
 * module list          u32 count, {u32 module_index, {size, rva}}[]
 *   MinidumpModuleCrashpadInfo, 0x14 bytes, 0x1c in newer ones
 *   +0x00 u32 version   +0x04 list_annotations   +0x0c simple_annotations
 *   +0x14 annotation_objects
 * list annotations     u32 count, u32 value_rva[]
 * annotation objects   u32 count, {u32 name_rva, u16 type, u16 reserved, u32 value_rva}[];
 *   the value is u32 length and bytes; type 1 is text, 0 was never set, others are the client's
 *
 * UUIDs are stored as GUIDs are. Locations are checked by their count, not by their size, which
 * not all writers set alike.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dump/mdmp_impl.h"

enum { TYPE_INVALID = 0, TYPE_STRING = 1, MODULE_NAME_RVA = 0x14 };

void mdmp_read_crashpad(struct sc_source *source) {
    struct mdmp *m = source->impl;
    const struct sc_mdmp_stream *stream = mdmp_find(source, MDMP_CRASHPAD);
    if (!stream)
        return;
    struct sc_cur c = mdmp_cur(source, stream, "Crashpad info");
    struct sc_mdmp_crashpad p = {0};
    p.version = sc_u32(&c);
    p.report_id = sc_cur_guid(&c);
    p.client_id = sc_cur_guid(&c);
    sc_cur_skip(&c, 16);
    if (sc_cur_left(&c) >= 12) {
        sc_u32(&c);
        p.address_mask = sc_u64(&c);
    }
    if (sc_cur_failed(&c)) {
        mdmp_note_failed(source, &c);
        return;
    }
    m->crashpad = p;
    m->has_crashpad = true;
}

bool sc_mdmp_crashpad(const struct sc_source *source, struct sc_mdmp_crashpad *ret) {
    const struct mdmp *m = mdmp_of(source);
    if (!m || !m->has_crashpad)
        return false;
    *ret = m->crashpad;
    return true;
}

/* A cursor behind the count of a list of ENTRY-sized records; the count is cut to the file. */
static uint32_t open_list(struct sc_source *source, struct mdmp_location where, uint32_t entry,
                          const char *what, struct sc_cur *ret_cur) {
    *ret_cur = sc_cur_at(source->file, where.rva, UINT64_MAX, what);
    if (!where.size || !where.rva)
        return 0;
    uint32_t count = sc_u32(ret_cur);
    if (!sc_cur_failed(ret_cur) && count > sc_cur_left(ret_cur) / entry) {
        uint32_t room = (uint32_t)(sc_cur_left(ret_cur) / entry);
        sc_source_note(source, where.rva, "%s: says %u records, the file has room for %u", what,
                       count, room);
        count = room;
    }
    if (sc_cur_failed(ret_cur)) {
        mdmp_note_failed(source, ret_cur);
        return 0;
    }
    return count;
}

/*
 * May one more row be read? Each is charged for, also those that are left out: a small file may
 * name one long list from a million modules.
 */
static bool next_row(struct sc_source *source, uint32_t index, uint32_t count) {
    return index < count && mdmp_charge(source, 2 * sizeof(struct sc_mdmp_annotation));
}

static sc_err *push(struct sc_source *source, const struct sc_mdmp_annotation *row) {
    struct mdmp *m = source->impl;
    struct sc_mdmp_annotation *slot = SC_VEC_PUSH(&m->annotations);
    if (!slot)
        return sc_err_nomem();
    *slot = *row;
    return NULL;
}

static uint32_t length_of(const char *text) { return text ? (uint32_t)strlen(text) : 0; }

static sc_err *load_simple(struct sc_source *source, struct mdmp_location where,
                           const char *module) {
    struct sc_cur c;
    uint32_t count = open_list(source, where, 8, "Crashpad annotations", &c);
    for (uint32_t i = 0; next_row(source, i, count); i++) {
        struct sc_mdmp_annotation row = {.module = module, .type = TYPE_STRING};
        uint32_t key = sc_u32(&c), value = sc_u32(&c);
        sc_err *err = mdmp_string8(source, key, "Crashpad annotation", &row.name);
        if (!err)
            err = mdmp_string8(source, value, "Crashpad annotation", &row.value);
        if (err)
            return err;
        if (!row.name)
            continue;
        row.size = length_of(row.value);
        err = push(source, &row);
        if (err)
            return err;
    }
    return NULL;
}

static sc_err *load_messages(struct sc_source *source, struct mdmp_location where,
                             const char *module) {
    struct sc_cur c;
    uint32_t count = open_list(source, where, 4, "Crashpad message list", &c);
    for (uint32_t i = 0; next_row(source, i, count); i++) {
        struct sc_mdmp_annotation row = {.module = module, .type = TYPE_STRING};
        sc_err *err = mdmp_string8(source, sc_u32(&c), "Crashpad message", &row.value);
        if (err)
            return err;
        if (!row.value)
            continue;
        row.size = length_of(row.value);
        err = push(source, &row);
        if (err)
            return err;
    }
    return NULL;
}

/* A value that is no text: its size, and its first bytes as "0x…". */
static sc_err *read_blob(struct sc_source *source, uint32_t rva, struct sc_mdmp_annotation *row) {
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[MDMP_BLOB_MAX];
    struct sc_cur c = sc_cur_at(source->file, rva, UINT64_MAX, "Crashpad annotation");
    uint32_t size = sc_u32(&c);
    size_t n = size < sizeof bytes ? size : sizeof bytes;
    if (!sc_cur_fits(&c, size, 1)) {
        mdmp_note_failed(source, &c);
        return NULL;
    }
    if (!mdmp_charge(source, MDMP_TEXT_COST + 2 * n))
        return NULL;
    char *text = sc_arena_alloc(source->arena, 2 * n + 3);
    if (!text)
        return sc_err_nomem();
    sc_cur_bytes(&c, bytes, n);
    memcpy(text, "0x", 2);
    for (size_t i = 0; i < n; i++) {
        text[2 + 2 * i] = digits[bytes[i] >> 4];
        text[3 + 2 * i] = digits[bytes[i] & 15];
    }
    row->value = text;
    row->size = size;
    return NULL;
}

static sc_err *read_object(struct sc_source *source, struct sc_cur *c,
                           struct sc_mdmp_annotation *row) {
    uint32_t name = sc_u32(c);
    row->type = sc_u16(c);
    sc_u16(c);
    uint32_t value = sc_u32(c);
    sc_err *err = mdmp_string8(source, name, "Crashpad annotation", &row->name);
    if (err || !row->name || row->type == TYPE_INVALID)
        return err;
    if (row->type != TYPE_STRING)
        return read_blob(source, value, row);
    err = mdmp_string8(source, value, "Crashpad annotation", &row->value);
    row->size = length_of(row->value);
    return err;
}

static sc_err *load_objects(struct sc_source *source, struct mdmp_location where,
                            const char *module) {
    struct sc_cur c;
    uint32_t count = open_list(source, where, 12, "Crashpad annotation objects", &c);
    for (uint32_t i = 0; next_row(source, i, count); i++) {
        struct sc_mdmp_annotation row = {.module = module};
        sc_err *err = read_object(source, &c, &row);
        if (!err && row.name && row.type != TYPE_INVALID)
            err = push(source, &row);
        if (err)
            return err;
    }
    return NULL;
}

/* What the module with INDEX in the module list is called. */
static sc_err *module_label(struct sc_source *source, uint32_t index, const char **ret_label) {
    const struct mdmp_list *list = mdmp_list(source, MDMP_LIST_MODULES);
    struct mdmp_names names = {0};
    if (index < list->count) {
        struct sc_cur c = mdmp_record(source, list, index);
        sc_cur_skip(&c, MODULE_NAME_RVA);
        sc_err *err = mdmp_module_names(source, sc_u32(&c), &names);
        if (err)
            return err;
    }
    *ret_label = names.path ? names.image : sc_arena_printf(source->arena, "#%" PRIu32, index);
    return *ret_label ? NULL : sc_err_nomem();
}

static sc_err *load_module(struct sc_source *source, uint32_t index, struct mdmp_location where) {
    const char *module;
    struct sc_cur c = sc_cur_at(source->file, where.rva, where.size, "Crashpad module info");
    sc_u32(&c); /* version */
    struct mdmp_location messages = mdmp_location(&c), simple = mdmp_location(&c);
    if (sc_cur_failed(&c)) {
        mdmp_note_failed(source, &c);
        return NULL;
    }
    struct mdmp_location objects = {0, 0};
    if (sc_cur_left(&c) >= 8)
        objects = mdmp_location(&c);
    sc_err *err = module_label(source, index, &module);
    if (!err)
        err = load_messages(source, messages, module);
    if (!err)
        err = load_simple(source, simple, module);
    if (!err)
        err = load_objects(source, objects, module);
    return err;
}

static sc_err *load_annotations(struct sc_source *source) {
    const struct mdmp *m = source->impl;
    const struct sc_mdmp_stream *stream = mdmp_find(source, MDMP_CRASHPAD);
    if (!stream || !m->has_crashpad)
        return NULL;
    struct sc_cur c = mdmp_cur(source, stream, "Crashpad info");
    sc_cur_skip(&c, 0x24);
    struct mdmp_location simple = mdmp_location(&c), modules = mdmp_location(&c);
    sc_err *err = load_simple(source, simple, NULL);
    uint32_t count = open_list(source, modules, 12, "Crashpad module list", &c);
    for (uint32_t i = 0; i < count && !err; i++) {
        uint32_t index = sc_u32(&c);
        struct mdmp_location where = mdmp_location(&c);
        if (!mdmp_charge(source, MDMP_TEXT_COST)) /* a label, at most; and an end to repetition */
            break;
        err = load_module(source, index, where);
    }
    return err;
}

sc_err *sc_mdmp_annotation(struct sc_source *source, size_t index, struct sc_mdmp_annotation *ret,
                           bool *ret_more) {
    struct mdmp *m = mdmp_of(source);
    if (m && !m->annotations_loaded) {
        sc_err *err = load_annotations(source);
        if (err) {
            m->annotations.count = 0; /* begin again when asked again */
            return err;
        }
        m->annotations_loaded = true;
    }
    *ret_more = m && index < m->annotations.count;
    if (*ret_more)
        *ret = m->annotations.item[index];
    return NULL;
}
