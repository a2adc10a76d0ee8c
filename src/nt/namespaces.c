/* SPDX-License-Identifier: MIT */
/*
 * Reading private name spaces. They stand in a hash table of 37 lists:
 *
 *   until Windows 10 1511   nt!ObpPrivateNamespaceLookupTable
 *   since 1607              nt!PspHostSiloGlobals, an ESERVERSILO_GLOBALS:
 *                           ObSiloState.PrivateNamespaceLookupTable
 *
 *   entry      32-bit  64-bit
 *              +0x00   +0x00   LIST_ENTRY
 *              +0x08   +0x10   the directory
 *              +0x0c   +0x18   u32 bytes of the boundary
 *              +0x1c   +0x30   the boundary: OBJECT_BOUNDARY_DESCRIPTOR
 *
 *   boundary   +0x00 u32 version (1)   +0x04 u32 items   +0x08 u32 bytes   +0x0c u32 flags
 *              +0x10 items: u32 kind (1 name, 2 SID, 3 integrity SID), u32 bytes with these two
 *                    numbers; the next one begins at a multiple of 8
 *
 * Sources: the kernels' public symbols for the table; WinObjEx64 (hfiref0x, BSD-2-Clause) for
 * entries; its and phnt's headers for boundaries. No real table was at hand: whether the length of
 * the boundary counts its head is not relied on, both are bounds.
 */
#include "nt/namespaces.h"

#include <string.h>

#include "base/utf.h"
#include "nt/global.h"
#include "nt/sid.h"

enum { BOUNDARY_MAX = 4096, ITEMS_MAX = 32, HEAD = 16, ITEM_HEAD = 8 };
enum { ITEM_NAME = 1, ITEM_SID = 2, ITEM_LEVEL = 3 };

static const struct sc_layout_field silo_rows[] = {
    {"ObSiloState.PrivateNamespaceLookupTable", 1, true}};
static const struct nt_def silo_def = {{"nt!_ESERVERSILO_GLOBALS", silo_rows, 1}, 1, NULL, NULL, 0};

static sc_err *find_table(const struct nt *nt, uint64_t *ret) {
    struct nt_field at;
    uint64_t offset = 0;
    bool found = false;
    sc_err *err = nt_var_address(nt, &(struct nt_var){"nt!ObpPrivateNamespaceLookupTable", 0}, &at);
    if (err || at.state == NT_READ) {
        *ret = err ? 0 : at.value;
        return err;
    }
    err = nt_var_address(nt, &(struct nt_var){"nt!PspHostSiloGlobals", 0}, &at);
    if (!err && at.state != NT_READ)
        err =
            sc_errf(SC_ERR_NOT_FOUND, "the symbols have neither nt!ObpPrivateNamespaceLookupTable "
                                      "nor nt!PspHostSiloGlobals");
    if (!err)
        err = nt_offset(nt, &silo_def, 0, &offset, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "the symbols do not have PrivateNamespaceLookupTable in "
                                        "nt!_OBP_SILODRIVERSTATE");
    if (!err)
        *ret = nt_add(nt, at.value, offset);
    return err;
}

/* ---- boundaries ---- */

static uint32_t u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The text of one item in ARENA; of a kind that is not known its number. */
static const char *item_text(sc_arena *arena, uint32_t kind, const uint8_t *data, size_t size) {
    char buf[NT_SID_TEXT];
    struct nt_sid sid;
    if (kind == ITEM_NAME) {
        const char *text = sc_utf16_to_utf8(arena, data, size & ~(size_t)1);
        return text ? sc_arena_printf(arena, "Name: %s", text) : NULL;
    }
    if (kind != ITEM_SID && kind != ITEM_LEVEL)
        return sc_arena_printf(arena, "item of kind %u", kind);
    nt_sid_decode(data, size, &sid);
    return sc_arena_printf(arena, "%s: %s", kind == ITEM_SID ? "SID" : "Integrity",
                           nt_sid_text(&sid, buf));
}

/* BYTES is the whole boundary, as far as it was read: SIZE bytes. */
static sc_err *decode(sc_arena *arena, const uint8_t *bytes, size_t size, struct nt_namespace *n) {
    uint32_t items = u32(bytes + 4);
    const char *list = NULL;
    size_t at = HEAD;
    if (u32(bytes) != 1 || !items || items > ITEMS_MAX || u32(bytes + 8) > BOUNDARY_MAX) {
        n->why = "it is no boundary of version 1";
        return NULL;
    }
    for (uint32_t i = 0; i < items; i++) {
        uint32_t length = at + ITEM_HEAD <= size ? u32(bytes + at + 4) : 0;
        if (length < ITEM_HEAD || length > size - at) {
            n->why = "an item of it has no length that fits";
            break;
        }
        const char *text =
            item_text(arena, u32(bytes + at), bytes + at + ITEM_HEAD, length - ITEM_HEAD);
        list = text ? sc_arena_printf(arena, "%s%s%s", list ? list : "", list ? ", " : "", text)
                    : NULL;
        if (!list)
            return sc_err_nomem();
        at += ((size_t)length + 7) & ~(size_t)7;
        if (at > size)
            at = size;
    }
    n->boundary = list;
    return NULL;
}

static sc_err *read_boundary(const struct nt *nt, sc_arena *arena, uint64_t address,
                             struct nt_namespace *n) {
    uint8_t bytes[BOUNDARY_MAX];
    uint64_t size = nt_or(&n->size, 0);
    size_t want = size + HEAD < BOUNDARY_MAX ? (size_t)size + HEAD : BOUNDARY_MAX, got = 0;
    if (n->size.state != NT_READ || !size) {
        n->why = n->size.state == NT_READ ? "it has none" : "it is not in the dump";
        return NULL;
    }
    sc_space_read(nt->space, address, bytes, want, &got);
    if (got >= HEAD)
        return decode(arena, bytes, got, n);
    n->why = "it is not in the dump";
    return NULL;
}

/* ---- entries ---- */

static sc_err *read_entry(const struct nt *nt, sc_arena *arena, uint64_t entry,
                          struct nt_namespace *ret) {
    bool wide = nt->ptr_size == 8;
    *ret = (struct nt_namespace){.entry = entry};
    ret->directory = nt_pointer(nt, nt_add(nt, entry, wide ? 0x10 : 0x8));
    ret->size = (struct nt_field){0, NT_ABSENT};
    if (sc_space_uint(nt->space, nt_add(nt, entry, wide ? 0x18 : 0xc), 4, &ret->size.value) ==
        SC_READ_OK)
        ret->size.state = NT_READ;
    return read_boundary(nt, arena, nt_add(nt, entry, wide ? 0x30 : 0x1c), ret);
}

/* Adds the entries of the list at HEAD, ROOM in all; without N's array counts them. */
static sc_err *walk(const struct nt *nt, sc_arena *arena, uint64_t head, size_t room,
                    struct nt_namespaces *n) {
    struct nt_list list;
    uint64_t entry;
    sc_err *err = NULL;
    nt_list_begin(&list, nt, head, NT_NAMESPACES_MAX);
    while (!err && n->count < room && nt_list_next(&list, &entry)) {
        if (n->item)
            err = read_entry(nt, arena, entry, &n->item[n->count]);
        n->count += !err;
    }
    if (!err && list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    if (!err && list.end != NT_LIST_DONE && n->count < room) {
        n->damaged++;
        n->broken = list;
    }
    return err;
}

static sc_err *walk_all(const struct nt *nt, sc_arena *arena, size_t room,
                        struct nt_namespaces *n) {
    sc_err *err = NULL;
    n->count = n->damaged = 0;
    for (unsigned i = 0; !err && i < NT_NAMESPACE_BUCKETS; i++)
        err = walk(nt, arena, nt_add(nt, n->table, i * 2 * nt->ptr_size), room, n);
    return err;
}

sc_err *nt_namespaces_read(const struct nt *nt, sc_arena *arena, struct nt_namespaces *ret) {
    struct nt_namespaces n = {.count = 0};
    sc_err *err = find_table(nt, &n.table);
    if (!err && nt_pointer(nt, n.table).state != NT_READ)
        err = sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the table of name spaces at %0*llx",
                      (int)nt->ptr_size * 2, (unsigned long long)n.table);
    if (!err)
        err = walk_all(nt, arena, NT_NAMESPACES_MAX, &n);
    size_t room = n.count;
    n.item = err ? NULL : sc_arena_array(arena, room ? room : 1, sizeof *n.item);
    if (!err && !n.item)
        err = sc_err_nomem();
    if (!err)
        err = walk_all(nt, arena, room, &n);
    if (!err)
        *ret = n;
    return err;
}
