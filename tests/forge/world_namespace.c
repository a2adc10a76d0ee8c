/* SPDX-License-Identifier: MIT */
/*
 * Private name spaces: entries in the 37 lists of nt!ObpPrivateNamespaceLookupTable.
 *
 *   entry      links, the directory, u32 bytes of the boundary; at +0x1c or, of 64 bits, +0x30 the
 *              boundary
 *   boundary   u32 version (1), items, bytes, flags; items of u32 kind, u32 bytes with these two
 *              numbers, a name or a SID, at multiples of 8
 *
 * As WinObjEx64 reads them; which list an entry is in is made up. Since Windows 10 1607 the table
 * is in nt!PspHostSiloGlobals, of which no layout is at hand: those are not made.
 */
#include <string.h>

#include "forge/sid.h"
#include "forge/world.h"

enum { LISTS = 37, FIRST_SILO_BUILD = 14393, BOUNDARY_MOST = 0x400, HEAD = 16, ITEM_HEAD = 8 };

static void put32(uint8_t *at, uint64_t value) {
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* An item behind the SIZE bytes that are there; *SIZE grows. */
static bool add_item(struct forge_world *w, unsigned line, const struct forge_scn_boundary *b,
                     uint8_t *boundary, size_t *size) {
    struct forge_sid sid;
    const uint8_t *data = sid.data;
    size_t n;
    if (b->kind == 1) {
        data = forge_world_utf16(w, b->text, &n);
    } else if (forge_sid_parse(b->text, strlen(b->text), &sid)) {
        n = sid.size;
    } else {
        return forge_wrong(w->s, line, "namespace: \"%s\" is no SID", b->text);
    }
    if (*size + ITEM_HEAD + n + 8 > BOUNDARY_MOST)
        return forge_wrong(w->s, line, "namespace: its boundary is too long");
    put32(boundary + *size, b->kind);
    put32(boundary + *size + 4, ITEM_HEAD + n);
    memcpy(boundary + *size + ITEM_HEAD, data, n);
    *size += (ITEM_HEAD + n + 7) & ~(size_t)7;
    return true;
}

static bool make(struct forge_world *w, const struct forge_scn_namespace *s) {
    uint8_t *boundary = forge_pool_get(w->pool, BOUNDARY_MOST);
    unsigned p = w->ptr_size;
    size_t size = HEAD;
    for (size_t i = 0; i < s->boundary.count; i++)
        if (!add_item(w, s->line, &s->boundary.item[i], boundary, &size))
            return false;
    put32(boundary, 1);
    put32(boundary + 4, s->boundary.count);
    put32(boundary + 8, size);
    return forge_world_put_uint(w, s->line, s->address + 2 * p, p, s->directory) &&
           forge_world_put_uint(w, s->line, s->address + 3 * p, 4, size) &&
           forge_world_put(w, s->line, s->address + (w->is32 ? 0x1c : 0x30), boundary, size);
}

bool forge_world_namespaces(struct forge_world *w) {
    size_t n = w->s->namespaces.count;
    unsigned p = w->ptr_size;
    uint64_t table;
    if (!n)
        return true;
    if (w->s->os.build >= FIRST_SILO_BUILD)
        return forge_wrong(w->s, w->s->namespaces.item[0].line,
                           "namespace: where this build keeps them has no layout");
    if (!forge_world_place(w, 0, w->nt, "ObpPrivateNamespaceLookupTable", LISTS * 2 * p + 2 * p,
                           FORGE_SYM_DATA, &table))
        return false;
    for (size_t list = 0; list < LISTS; list++) {
        uint64_t *entry = forge_pool_get(w->pool, n * sizeof *entry), in = 0;
        for (size_t i = 0; i < n; i++)
            if (i % LISTS == list)
                entry[in++] = w->s->namespaces.item[i].address;
        forge_world_link(w, table + list * 2 * p, entry, in, 0);
    }
    forge_world_put_uint(w, 0, table + LISTS * 2 * p + p, 4, n); /* NumberOfPrivateSpaces */
    for (size_t i = 0; i < n; i++)
        if (!make(w, &w->s->namespaces.item[i]))
            return false;
    return true;
}
