/* SPDX-License-Identifier: MIT */
/*
 * WinDbg names base types by what they are and how large they are: Void, Char, UChar, Wchar, Bool,
 * Int2B … Int8B, Uint2B … Uint8B, Float, Double; HRESULT keeps its name.
 *
 * "pointer" among the base types is no type of the program's: it gives the size of pointers.
 */
#include "isf/names.h"

#include <stdio.h>

static bool is_one_of(const char *name, const char *const *words) {
    for (; *words; words++)
        if (!strcmp(name, *words))
            return true;
    return false;
}

/* The kind that WinDbg sees: tables give characters of two bytes as integers. */
static enum sc_type_kind real_kind(const char *name, enum sc_type_kind kind) {
    static const char *const wide[] = {"wchar", "wchar_t", "WCHAR", "char16_t", "char32_t", NULL};
    return kind == SC_TYPE_INT && is_one_of(name, wide) ? SC_TYPE_CHAR : kind;
}

static void windbg_name(const char *name, enum sc_type_kind kind, uint64_t size, bool is_signed,
                        char *buf, size_t room) {
    const char *fixed = NULL;
    if (!strcmp(name, "HRESULT"))
        fixed = name;
    else if (kind == SC_TYPE_VOID)
        fixed = "Void";
    else if (kind == SC_TYPE_BOOL)
        fixed = "Bool";
    else if (kind == SC_TYPE_CHAR)
        fixed = size == 2 ? "Wchar" : size == 4 ? "Char32" : is_signed ? "Char" : "UChar";
    else if (kind == SC_TYPE_FLOAT && (size == 4 || size == 8))
        fixed = size == 4 ? "Float" : "Double";
    if (fixed)
        snprintf(buf, room, "%s", fixed);
    else if (kind == SC_TYPE_INT)
        snprintf(buf, room, "%s%uB", is_signed ? "Int" : "Uint", (unsigned)size);
    else
        snprintf(buf, room, "%.60s", name);
}

static bool is_int(const char *name, enum sc_type_kind kind, uint64_t size) {
    static const char *const words[] = {"int", "unsigned int", NULL};
    return kind == SC_TYPE_INT && size == 4 && is_one_of(name, words);
}

sc_err *isf_define_base(struct isf_build *b, uint32_t name, enum sc_type_kind kind, uint64_t size,
                        bool is_signed, uint64_t where) {
    char shown[64];
    uint32_t id, shown_name;
    const char *c_name = b->pool.item + name;
    if (!strcmp(c_name, "pointer")) {
        b->pointer_size = (uint32_t)size;
        return NULL;
    }
    kind = real_kind(c_name, kind);
    /* Tables have both the wrong way round. */
    if (!strcmp(c_name, "HRESULT"))
        is_signed = true;
    else if (kind == SC_TYPE_CHAR && size > 1)
        is_signed = false;
    windbg_name(c_name, kind, size, is_signed, shown, sizeof shown);
    sc_err *err = isf_build_intern(b, shown, strlen(shown), &shown_name);
    if (!err)
        err = isf_build_named(b, ISF_BASE, kind, name, where, &id);
    if (err)
        return err;
    struct isf_type_row *row = &isf_build_type(b, id)->row;
    row->name = shown_name;
    row->first = name;
    row->kind = (uint8_t)kind;
    row->size = size;
    row->flags = (uint8_t)(ISF_BASE << ISF_CLASS_SHIFT | (is_signed ? ISF_SIGNED : 0) |
                           (is_int(c_name, kind, size) ? ISF_INT : 0));
    return NULL;
}

bool isf_made_up(const char *name) {
    return !strncmp(name, "__anonymous_", 12) || !strncmp(name, "__unnamed_", 10) || *name == '<';
}
