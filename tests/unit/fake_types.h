/* SPDX-License-Identifier: MIT */
/*
 * Types for tests, of a kernel that never was: a thing with a bit of everything, and lists.
 *
 *     _THING   +0x000 Type     UChar              +0x028 Callback  Ptr64 to a function
 *              +0x001 Size     Char               +0x030 Kind      _KIND
 *              +0x002 Flags    Uint2B             +0x038 Name      _UNICODE_STRING
 *              +0x002 Busy     bit 0              +0x048 Link      _LIST_ENTRY
 *              +0x002 Level    bits 1 to 4        +0x058 Image     [4] UChar
 *              +0x004 Count    Int4B              +0x05c Slots     [2] Uint4B
 *              +0x008 When     _LARGE_INTEGER     +0x064 Strange   a type that is not known
 *              +0x010 Next     Ptr64 _THING
 *              +0x018 Text     Ptr64 Char
 *              +0x020 Any      Ptr64 Void
 */
#ifndef STOPCODE_UNIT_FAKE_TYPES_H
#define STOPCODE_UNIT_FAKE_TYPES_H

#include "fake_symbols.h"

enum {
    T_VOID = 1,
    T_CHAR,
    T_UCHAR,
    T_WCHAR,
    T_USHORT,
    T_INT,
    T_UINT,
    T_ULONG64,
    T_LARGE,
    T_UNICODE,
    T_LIST,
    T_THING,
    T_KIND,
    T_P_VOID,
    T_P_CHAR,
    T_P_WCHAR,
    T_P_LIST,
    T_P_THING,
    T_FUNCTION,
    T_P_FUNCTION,
    T_A_IMAGE,
    T_A_SLOTS,
    T_BITS_BUSY,
    T_LOOP, /* a pointer to itself: what no C has */
    T_PROC, /* a function with two parameters */
    T_INT64,
    T_BOOL,
    T_DERIVED,
    T_INTEGER, /* `int`, which is not `long` */
};

static const struct sc_type fake_types[] = {
    {.id = T_VOID, .kind = SC_TYPE_VOID, .name = "Void"},
    {.id = T_CHAR, .kind = SC_TYPE_CHAR, .name = "Char", .size = 1, .is_signed = true},
    {.id = T_UCHAR, .kind = SC_TYPE_CHAR, .name = "UChar", .size = 1},
    {.id = T_WCHAR, .kind = SC_TYPE_CHAR, .name = "Wchar", .size = 2},
    {.id = T_USHORT, .kind = SC_TYPE_INT, .name = "Uint2B", .size = 2},
    {.id = T_INT, .kind = SC_TYPE_INT, .name = "Int4B", .size = 4, .is_signed = true},
    {.id = T_INTEGER,
     .kind = SC_TYPE_INT,
     .name = "Int4B",
     .size = 4,
     .is_signed = true,
     .is_int = true},
    {.id = T_UINT, .kind = SC_TYPE_INT, .name = "Uint4B", .size = 4},
    {.id = T_ULONG64, .kind = SC_TYPE_INT, .name = "Uint8B", .size = 8},
    {.id = T_INT64, .kind = SC_TYPE_INT, .name = "Int8B", .size = 8, .is_signed = true},
    {.id = T_BOOL, .kind = SC_TYPE_BOOL, .name = "Bool", .size = 1},
    {.id = T_LARGE, .kind = SC_TYPE_UNION, .name = "_LARGE_INTEGER", .size = 8, .count = 1},
    {.id = T_UNICODE, .kind = SC_TYPE_STRUCT, .name = "_UNICODE_STRING", .size = 16, .count = 3},
    {.id = T_LIST, .kind = SC_TYPE_STRUCT, .name = "_LIST_ENTRY", .size = 16, .count = 2},
    {.id = T_THING, .kind = SC_TYPE_STRUCT, .name = "_THING", .size = 0x68, .count = 17},
    {.id = T_DERIVED, .kind = SC_TYPE_CLASS, .name = "_DERIVED", .size = 0x70, .count = 2},
    {.id = T_KIND,
     .kind = SC_TYPE_ENUM,
     .name = "_KIND",
     .size = 4,
     .target = T_INT,
     .count = 3,
     .is_signed = true},
    {.id = T_P_VOID, .kind = SC_TYPE_POINTER, .name = "", .size = 8, .target = T_VOID},
    {.id = T_P_CHAR, .kind = SC_TYPE_POINTER, .name = "", .size = 8, .target = T_CHAR},
    {.id = T_P_WCHAR, .kind = SC_TYPE_POINTER, .name = "", .size = 8, .target = T_WCHAR},
    {.id = T_P_LIST, .kind = SC_TYPE_POINTER, .name = "", .size = 8, .target = T_LIST},
    {.id = T_P_THING, .kind = SC_TYPE_POINTER, .name = "", .size = 8, .target = T_THING},
    {.id = T_FUNCTION, .kind = SC_TYPE_FUNCTION, .name = "", .target = T_INT, .count = 0},
    {.id = T_PROC, .kind = SC_TYPE_FUNCTION, .name = "", .target = T_VOID, .count = 2},
    {.id = T_P_FUNCTION, .kind = SC_TYPE_POINTER, .name = "", .size = 8, .target = T_FUNCTION},
    {.id = T_A_IMAGE, .kind = SC_TYPE_ARRAY, .name = "", .size = 4, .target = T_UCHAR, .count = 4},
    {.id = T_A_SLOTS, .kind = SC_TYPE_ARRAY, .name = "", .size = 8, .target = T_UINT, .count = 2},
    {.id = T_BITS_BUSY,
     .kind = SC_TYPE_BITFIELD,
     .name = "",
     .size = 2,
     .target = T_USHORT,
     .bit_pos = 0,
     .bit_len = 1},
    {.id = T_LOOP, .kind = SC_TYPE_POINTER, .name = "", .size = 8, .target = T_LOOP},
};

#define FAKE_FIELD(owner, fname, foffset, ftype)                                                   \
    {                                                                                              \
        owner, { .name = fname, .kind = SC_MEMBER_FIELD, .offset = foffset, .type = ftype }        \
    }
#define FAKE_ENUM(owner, ename, evalue)                                                            \
    {                                                                                              \
        owner, { .name = ename, .kind = SC_MEMBER_ENUMERATOR, .value = evalue }                    \
    }

static const struct fake_member fake_members[] = {
    FAKE_FIELD(T_LARGE, "QuadPart", 0, T_INT64),
    FAKE_FIELD(T_UNICODE, "Length", 0, T_USHORT),
    FAKE_FIELD(T_UNICODE, "MaximumLength", 2, T_USHORT),
    FAKE_FIELD(T_UNICODE, "Buffer", 8, T_P_WCHAR),
    FAKE_FIELD(T_LIST, "Flink", 0, T_P_LIST),
    FAKE_FIELD(T_LIST, "Blink", 8, T_P_LIST),
    FAKE_FIELD(T_THING, "Type", 0, T_UCHAR),
    FAKE_FIELD(T_THING, "Size", 1, T_CHAR),
    FAKE_FIELD(T_THING, "Flags", 2, T_USHORT),
    FAKE_FIELD(T_THING, "Busy", 2, T_BITS_BUSY),
    {T_THING,
     {.name = "Level",
      .kind = SC_MEMBER_FIELD,
      .offset = 2,
      .type = T_USHORT,
      .bit_pos = 1,
      .bit_len = 4}},
    FAKE_FIELD(T_THING, "Count", 4, T_INT),
    FAKE_FIELD(T_THING, "When", 8, T_LARGE),
    FAKE_FIELD(T_THING, "Next", 0x10, T_P_THING),
    FAKE_FIELD(T_THING, "Text", 0x18, T_P_CHAR),
    FAKE_FIELD(T_THING, "Any", 0x20, T_P_VOID),
    FAKE_FIELD(T_THING, "Callback", 0x28, T_P_FUNCTION),
    FAKE_FIELD(T_THING, "Kind", 0x30, T_KIND),
    FAKE_FIELD(T_THING, "Name", 0x38, T_UNICODE),
    FAKE_FIELD(T_THING, "Link", 0x48, T_LIST),
    FAKE_FIELD(T_THING, "Image", 0x58, T_A_IMAGE),
    FAKE_FIELD(T_THING, "Slots", 0x5c, T_A_SLOTS),
    FAKE_FIELD(T_THING, "Strange", 0x64, 0),
    FAKE_ENUM(T_KIND, "KindNone", 0),
    FAKE_ENUM(T_KIND, "KindGood", 1),
    FAKE_ENUM(T_KIND, "KindBad", -1),
    {T_DERIVED, {.name = "", .kind = SC_MEMBER_BASE, .offset = 8, .type = T_THING}},
    FAKE_FIELD(T_DERIVED, "Own", 0, T_ULONG64),
};

static const struct sc_symbol fake_symbol_list[] = {
    {.name = "KeBugCheckEx", .kind = SC_SYM_PUBLIC, .rva = 0x1000, .code = true},
    {.name = "KeBugCheckAlias", .kind = SC_SYM_PUBLIC, .rva = 0x1000, .code = true},
    {.name = "?KiStart@@YAXPEADK@Z", .kind = SC_SYM_PUBLIC, .rva = 0x1100, .code = true},
    {.name = "KiStart",
     .kind = SC_SYM_FUNCTION,
     .rva = 0x1100,
     .size = 0x80,
     .type = T_PROC,
     .code = true},
    {.name = "KiIdle",
     .kind = SC_SYM_FUNCTION,
     .rva = 0x1180,
     .size = 0x20,
     .type = T_FUNCTION,
     .code = true},
    {.name = "PsHead", .kind = SC_SYM_PUBLIC, .rva = 0x2000},
    {.name = "KiCount", .kind = SC_SYM_DATA, .rva = 0x2010, .type = T_INT},
    {.name = "KiThing", .kind = SC_SYM_DATA, .rva = 0x3000, .type = T_THING},
    {.name = "KiLimit", .kind = SC_SYM_CONSTANT, .value = 64, .type = T_INT},
};

static const struct sc_local fake_locals[] = {
    {.name = "what", .type = T_P_CHAR, .parameter = true, .scope_rva = 0x1100, .scope_size = 0x80},
    {.name = "count", .type = T_UINT, .parameter = true, .scope_rva = 0x1100, .scope_size = 0x80},
    {.name = "count", .type = T_UINT, .parameter = true, .scope_rva = 0x1100, .scope_size = 0x80},
    {.name = "i", .type = T_INT, .scope_rva = 0x1100, .scope_size = 0x80},
};

static const struct sc_line fake_lines[] = {
    {.file = "c:\\src\\start.c", .line = 23, .rva = 0x1100, .size = 0x30},
};

static const struct fake_symbols fake_kernel = {
    .provider = "pdb",
    .has_private = true,
    .symbol = fake_symbol_list,
    .nsymbols = sizeof fake_symbol_list / sizeof *fake_symbol_list,
    .type = fake_types,
    .ntypes = sizeof fake_types / sizeof *fake_types,
    .member = fake_members,
    .nmembers = sizeof fake_members / sizeof *fake_members,
    .local = fake_locals,
    .nlocals = sizeof fake_locals / sizeof *fake_locals,
    .line = fake_lines,
    .nlines = 1,
};

/* A thing as it lies in memory, at ADDRESS: see the drawing. */
enum { THING_SIZE = 0x100 };

static inline void fake_put(uint8_t *at, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static inline void fake_thing(uint8_t b[THING_SIZE], uint64_t address, uint64_t next,
                              uint64_t callback) {
    memset(b, 0, THING_SIZE);
    b[0] = 0x41;
    b[1] = 0xff;
    fake_put(b + 2, 0x0b, 2); /* Busy 1, Level 5 */
    fake_put(b + 4, (uint64_t)-5, 4);
    fake_put(b + 8, 0x01d6f1a35c2b1234, 8);
    fake_put(b + 0x10, next, 8);
    fake_put(b + 0x18, address + 0x80, 8);
    fake_put(b + 0x28, callback, 8);
    fake_put(b + 0x30, 1, 4);
    fake_put(b + 0x38, 4, 2);
    fake_put(b + 0x3a, 6, 2);
    fake_put(b + 0x40, address + 0x90, 8);
    fake_put(b + 0x48, next ? next + 0x48 : address + 0x48, 8);
    fake_put(b + 0x50, next ? next + 0x48 : address + 0x48, 8);
    memcpy(b + 0x58, "sys", 3);
    fake_put(b + 0x5c, 7, 4);
    fake_put(b + 0x60, 0x80, 4);
    memcpy(b + 0x80, "hello", 6);
    memcpy(b + 0x90, "o\0k\0", 4);
}

#endif
