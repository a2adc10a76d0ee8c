/* SPDX-License-Identifier: MIT */
/*
 * Names of files in symbol stores.
 *
 * A store keeps a file under its name and an index made from its identity:
 *
 *     ntkrnlmp.pdb/3844DBB920174967BE7AA4A2C20430FA2/ntkrnlmp.pdb    GUID, age in hex
 *     old.pdb/3B7D84752/old.pdb                                      NB10: signature, age in hex
 *     amdppm.sys/C9C030003b000/amdppm.sys                            TimeDateStamp, SizeOfImage
 *     test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.sym    Breakpad: as for the PDB
 *     ntkrnlmp.pdb/5278AFF86C341677D7D7835C85B7B844-1.json.xz        Volatility: age in decimal
 *
 * Learnt from Microsoft's "SymStore" and "Using a Symbol Server" pages, from the simple symbol
 * query protocol's description, and from stores that the named programs made. Servers and Windows
 * file systems ignore case; we write GUIDs and time stamps in upper case, as symstore does, and
 * look in any case.
 *
 * The name comes from the dump, and so from anybody.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "base/utf.h"
#include "store/store_impl.h"

/* Devices that Windows finds under these names in every folder, with any extension. */
static bool is_device(const char *name) {
    static const char *const device[] = {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"};
    size_t stem = strcspn(name, ".");
    while (stem && name[stem - 1] == ' ')
        stem--;
    for (size_t i = 0; i < sizeof device / sizeof *device; i++)
        if (stem == strlen(device[i]) && sc_strncasecmp(name, device[i], stem) == 0)
            return true;
    bool numbered = sc_strncasecmp(name, "com", 3) == 0 || sc_strncasecmp(name, "lpt", 3) == 0;
    /* COM1 … COM9, and the superscript digits (U+00B9, U+00B2, U+00B3) that count as well */
    if (numbered && stem == 4 && name[3] >= '0' && name[3] <= '9')
        return true;
    return numbered && stem == 5 && (unsigned char)name[3] == 0xc2 &&
           strchr("\xb9\xb2\xb3", name[4]) != NULL;
}

static bool is_text(const char *name, size_t len) {
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        i += sc_utf8_get(name + i, len - i, &cp);
        if (cp == UINT32_MAX || cp < 0x20 || (cp >= 0x7f && cp < 0xa0) ||
            (cp >= 0xd800 && cp < 0xe000))
            return false;
    }
    return true;
}

bool sc_store_base_name(const char *name, char *buf) {
    if (!name)
        return false;
    for (const char *p = name; *p; p++)
        if (*p == '/' || *p == '\\' || *p == ':')
            name = p + 1;
    size_t len = strlen(name);
    /* A dot in front is ours: the folder of partial files and locks. Windows drops one behind. */
    if (!len || len > SC_STORE_NAME_MAX || name[0] == '.' || name[0] == ' ' ||
        name[len - 1] == '.' || name[len - 1] == ' ' || strpbrk(name, "*?\"<>|"))
        return false;
    if (!is_text(name, len) || is_device(name))
        return false;
    memcpy(buf, name, len + 1);
    return true;
}

static const char *guid_hex(const struct sc_guid *g, char buf[33]) {
    snprintf(buf, 33, "%08X%04X%04X%02X%02X%02X%02X%02X%02X%02X%02X", (unsigned)g->a,
             (unsigned)g->b, (unsigned)g->c, g->d[0], g->d[1], g->d[2], g->d[3], g->d[4], g->d[5],
             g->d[6], g->d[7]);
    return buf;
}

static void make_index(const struct sc_store_key *key, char *buf, size_t size) {
    static const struct sc_guid none;
    char hex[33];
    guid_hex(&key->guid, hex);
    if (key->kind == SC_STORE_IMAGE)
        snprintf(buf, size, "%08X%x", (unsigned)key->timestamp, (unsigned)key->size);
    else if (key->kind == SC_STORE_ISF)
        snprintf(buf, size, "%s-%u", hex, (unsigned)key->age);
    else if (key->kind == SC_STORE_SYM)
        snprintf(buf, size, "%s%X", hex, (unsigned)key->age);
    else if (sc_guid_equal(&key->guid, &none))
        snprintf(buf, size, "%08X%x", (unsigned)key->signature, (unsigned)key->age);
    else
        snprintf(buf, size, "%s%x", hex, (unsigned)key->age);
}

/* "x.pdb" → "x.sym", "libc.so" → "libc.so.sym" */
static const char *sym_name(sc_arena *arena, const char *name) {
    size_t len = strlen(name);
    if (len > 4 && sc_strcasecmp(name + len - 4, ".pdb") == 0)
        len -= 4;
    return sc_arena_printf(arena, "%.*s.sym", (int)len, name);
}

static const char *packed_name(sc_arena *arena, const char *name) {
    char *packed = sc_arena_strdup(arena, name);
    size_t len = strlen(name);
    /* The last character, not the last byte: the rest of one would be no UTF-8. */
    while (len > 1 && ((unsigned char)name[len - 1] & 0xc0) == 0x80)
        len--;
    if (packed) {
        packed[len - 1] = '_';
        packed[len] = '\0';
    }
    return packed;
}

sc_err *store_rel_make(sc_arena *arena, const struct sc_store_key *key, struct store_rel *ret_rel) {
    char name[SC_STORE_NAME_MAX + 1], index[64];
    if (!sc_store_base_name(key->name, name))
        return sc_errf(SC_ERR_ARG, "the name of the file is not one to look for: \"%.300s\"",
                       key->name ? key->name : "");
    make_index(key, index, sizeof index);
    struct store_rel rel = {.name = sc_arena_strdup(arena, name), .index = ""};
    if (!rel.name)
        return sc_err_nomem();
    const char *dot = strrchr(rel.name, '.');
    rel.ext = dot ? dot + 1 : "";
    bool ok = true;
    switch (key->kind) {
    case SC_STORE_ISF:
        rel.index = NULL;
        rel.file[0] = sc_arena_printf(arena, "%s.json.xz", index);
        rel.file[1] = sc_arena_printf(arena, "%s.json", index);
        ok = rel.file[1] != NULL;
        break;
    case SC_STORE_SYM: rel.file[0] = sym_name(arena, rel.name); break;
    default:
        rel.file[0] = rel.name;
        rel.packed = packed_name(arena, rel.name);
        ok = rel.packed != NULL;
    }
    if (rel.index)
        rel.index = sc_arena_strdup(arena, index);
    if (!ok || !rel.file[0] || (key->kind != SC_STORE_ISF && !rel.index))
        return sc_err_nomem();
    *ret_rel = rel;
    return NULL;
}

const char *store_rel_folder(sc_arena *arena, const struct store_rel *rel, bool two_tier) {
    const char *slash = rel->index ? "/" : "", *index = rel->index ? rel->index : "";
    if (!two_tier)
        return sc_arena_printf(arena, "%s%s%s", rel->name, slash, index);
    uint32_t cp;
    size_t len = strlen(rel->name), two = sc_utf8_get(rel->name, len, &cp);
    if (two < len)
        two += sc_utf8_get(rel->name + two, len - two, &cp);
    return sc_arena_printf(arena, "%.*s/%s%s%s", (int)two, rel->name, rel->name, slash, index);
}

char *sc_store_key_path(const struct sc_store_key *key) {
    sc_arena *arena = sc_arena_create();
    struct store_rel rel;
    char *path = NULL;
    sc_err *err = arena ? store_rel_make(arena, key, &rel) : sc_err_nomem();
    if (!err) {
        const char *folder = store_rel_folder(arena, &rel, false);
        size_t size = folder ? strlen(folder) + strlen(rel.file[0]) + 2 : 0;
        path = folder ? malloc(size) : NULL;
        if (path)
            snprintf(path, size, "%s/%s", folder, rel.file[0]);
    }
    sc_err_destroy(err);
    sc_arena_destroy(arena);
    return path;
}
