/* SPDX-License-Identifier: MIT */
/* Types: names, sizes, members, forward references, and records that lie. */
#include "pdb/pdb_impl.h"
#include "unit/pdb_support.h"

enum {
    LF_MODIFIER = 0x1001,
    LF_POINTER = 0x1002,
    LF_PROCEDURE = 0x1008,
    LF_ARGLIST = 0x1201,
    LF_FIELDLIST = 0x1203,
    LF_BITFIELD = 0x1205,
    LF_ARRAY = 0x1503,
    LF_CLASS = 0x1504,
    LF_STRUCTURE = 0x1505,
    LF_UNION = 0x1506,
    LF_ENUM = 0x1507,
    PTR64 = 0x1000c,
    FORWARD = 0x80,
    SCOPED = 0x100,
};

static void numeric_leaves_keep_their_signs(void **state) {
    (void)state;
    static const struct {
        uint8_t data[10];
        uint32_t len, size;
        uint64_t value;
    } known[] = {
        {{0x34, 0x12}, 2, 2, 0x1234},
        {{0xff, 0x7f}, 2, 2, 0x7fff},
        {{0x00, 0x80, 0xff}, 3, 3, UINT64_MAX},
        {{0x01, 0x80, 0xfe, 0xff}, 4, 4, UINT64_MAX - 1},
        {{0x02, 0x80, 0xfe, 0xff}, 4, 4, 0xfffe},
        {{0x03, 0x80, 0, 0, 0, 0x80}, 6, 6, 0xffffffff80000000},
        {{0x04, 0x80, 0, 0, 0, 0x80}, 6, 6, 0x80000000},
        {{0x09, 0x80, 1, 2, 3, 4, 5, 6, 7, 0x88}, 10, 10, 0x8807060504030201},
        {{0x0a, 0x80, 1, 2, 3, 4, 5, 6, 7, 0x88}, 10, 10, 0x8807060504030201},
    };
    uint64_t value;
    uint32_t size;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_true(pdb_numeric(known[i].data, known[i].len, &value, &size));
        assert_int_equal(value, known[i].value);
        assert_int_equal(size, known[i].size);
        assert_false(pdb_numeric(known[i].data, known[i].len - 1, &value, &size));
    }
    assert_false(pdb_numeric((const uint8_t *)"\x05\x80\0\0\0\0\0\0\0", 10, &value, &size));
    assert_false(pdb_numeric((const uint8_t *)"\x10\x80\0\0\0\0\0\0\0", 10, &value, &size));
}

static uint32_t put(struct made *m, uint16_t leaf, struct forge_fields f) {
    return forge_pdb_type(&m->p, leaf, f.data, f.size, NULL);
}

static void is_type(struct made *m, uint32_t id, enum sc_type_kind kind, uint64_t size,
                    const char *name) {
    struct sc_type t;
    no_error(sc_symbols_type(m->symbols, id, &t));
    assert_string_equal(t.name, name);
    assert_int_equal(t.kind, kind);
    assert_int_equal(t.size, size);
}

static void types_are_named_as_windbg_names_them(void **state) {
    struct made m;
    (void)state;
    made_init(&m, X64);
    uint32_t s = forge_pdb_struct(&m.p, LF_STRUCTURE, 0, 0, 0, 24, "_LIST");
    uint32_t ptr = put(&m, LF_POINTER, forge_fields("44", s, PTR64));
    uint32_t ptrptr = put(&m, LF_POINTER, forge_fields("44", ptr, PTR64));
    uint32_t constant = put(&m, LF_MODIFIER, forge_fields("42", s, 3u));
    struct forge_fields a = forge_fields("4421", s, 0x23u, 72u, 0u);
    uint32_t array = forge_pdb_type(&m.p, LF_ARRAY, a.data, a.size, NULL);
    uint32_t bits = put(&m, LF_BITFIELD, forge_fields("411", 0x75u, 3u, 4u));
    uint32_t args = put(&m, LF_ARGLIST, forge_fields("44", 1u, 0x74u));
    uint32_t func = put(&m, LF_PROCEDURE, forge_fields("41124", 0x22u, 0u, 0u, 1u, args));
    uint32_t callback = put(&m, LF_POINTER, forge_fields("44", func, PTR64));
    uint32_t reference = put(&m, LF_POINTER, forge_fields("44", s, PTR64 | 1u << 5 | 1u << 10));
    uint32_t e = forge_pdb_struct(&m.p, LF_ENUM, 0, 0, 0, 0, "_KIND");
    made_open(&m);
    is_type(&m, 0x22, SC_TYPE_INT, 4, "Uint4B");
    is_type(&m, 0x76, SC_TYPE_INT, 8, "Int8B");
    is_type(&m, 0x20, SC_TYPE_CHAR, 1, "UChar");
    is_type(&m, 0x70, SC_TYPE_CHAR, 1, "Char");
    is_type(&m, 0x71, SC_TYPE_CHAR, 2, "Wchar");
    is_type(&m, 0x41, SC_TYPE_FLOAT, 8, "Double");
    is_type(&m, 0x03, SC_TYPE_VOID, 0, "Void");
    is_type(&m, 0x603, SC_TYPE_POINTER, 8, "Ptr64 to Void");
    is_type(&m, 0x470, SC_TYPE_POINTER, 4, "Ptr32 to Char");
    is_type(&m, s, SC_TYPE_STRUCT, 24, "_LIST");
    is_type(&m, ptrptr, SC_TYPE_POINTER, 8, "Ptr64 to Ptr64 to _LIST");
    is_type(&m, array, SC_TYPE_ARRAY, 72, "[3] _LIST");
    is_type(&m, bits, SC_TYPE_BITFIELD, 4, "Pos 4, 3 Bits");
    is_type(&m, callback, SC_TYPE_POINTER, 8, "Ptr64 to     unsigned long");
    is_type(&m, e, SC_TYPE_ENUM, 4, "_KIND");
    struct sc_type t;
    no_error(sc_symbols_type(m.symbols, constant, &t));
    assert_true(t.is_const && t.is_volatile);
    assert_string_equal(t.name, "_LIST");
    assert_int_equal(t.id, constant);
    no_error(sc_symbols_type(m.symbols, reference, &t));
    assert_true(t.is_reference && t.is_const);
    no_error(sc_symbols_type(m.symbols, func, &t));
    assert_int_equal(t.kind, SC_TYPE_FUNCTION);
    assert_int_equal(t.count, 1);
    no_error(sc_symbols_type(m.symbols, array, &t));
    assert_int_equal(t.count, 3);
    no_error(sc_symbols_type(m.symbols, 0x74, &t));
    assert_true(t.is_int && !strcmp(t.name, "Int4B"));
    no_error(sc_symbols_type(m.symbols, 0x12, &t));
    assert_true(!t.is_int && !strcmp(t.name, "Int4B"));
    no_error(sc_symbols_type(m.symbols, 0x674, &t)); /* a pointer to int */
    assert_false(t.is_int);
    error_is(sc_symbols_type(m.symbols, 0x9999, &t), SC_ERR_NOT_FOUND, "there is no type 0x9999");
    made_close(&m);
}

static bool list_member(void *ctx, const struct sc_member *m) {
    char *list = ctx;
    sprintf(list + strlen(list), "%d:%s@%d", (int)m->kind, m->name, (int)m->offset);
    if (m->bit_len)
        sprintf(list + strlen(list), "(%u,%u)", m->bit_pos, m->bit_len);
    if (m->kind == SC_MEMBER_ENUMERATOR)
        sprintf(list + strlen(list), "=%lld", (long long)m->value);
    strcat(list, " ");
    return true;
}

static void put_text(struct forge *f, const char *name) { forge_put(f, name, strlen(name) + 1); }

/* LF_MEMBER */
static void put_member(struct forge *f, uint32_t type, uint16_t offset, const char *name) {
    forge_u16(f, 0x150d);
    forge_u16(f, 3);
    forge_u32(f, type);
    forge_u16(f, offset);
    put_text(f, name);
    while (forge_here(f) & 3)
        forge_u8(f, (uint8_t)(0xf4 - (forge_here(f) & 3)));
}

static void put_index(struct forge *f, uint32_t type) {
    forge_u16(f, 0x1404);
    forge_u16(f, 0);
    forge_u32(f, type);
}

static uint32_t take(struct made *m, struct forge *f) {
    uint32_t ti = forge_pdb_type(&m->p, LF_FIELDLIST, f->data, f->size, NULL);
    forge_deinit(f);
    return ti;
}

static void members_of_every_kind_are_listed(void **state) {
    struct made m;
    struct forge f;
    char list[512] = "";
    (void)state;
    made_init(&m, X64);
    uint32_t base = forge_pdb_struct(&m.p, LF_STRUCTURE, 0, 0, 0, 16, "_BASE");
    uint32_t bits = put(&m, LF_BITFIELD, forge_fields("411", 0x75u, 5u, 2u));
    uint32_t overloads = put(&m, 0x1206, forge_fields("224224", 3u, 0u, 0x74u, 0x13u, 0u, 0x75u));
    forge_init(&f); /* the list that the first one goes on in */
    put_member(&f, bits, 24, "Flags");
    forge_u16(&f, 0x150e); /* static */
    forge_u16(&f, 3);
    forge_u32(&f, 0x74);
    put_text(&f, "Count");
    forge_u8(&f, 0xf2);
    forge_u8(&f, 0xf1);
    uint32_t more = take(&m, &f);
    forge_init(&f);
    forge_u16(&f, 0x1409); /* vfptr */
    forge_u16(&f, 0);
    forge_u32(&f, 0x603);
    put_member(&f, 0x75, 16, "Type");
    forge_u16(&f, 0x1400); /* base class, behind others here */
    forge_u16(&f, 3);
    forge_u32(&f, base);
    forge_u16(&f, 8);
    forge_u8(&f, 0xf2);
    forge_u8(&f, 0xf1);
    forge_u16(&f, 0x150f); /* overloaded methods */
    forge_u16(&f, 2);
    forge_u32(&f, overloads);
    put_text(&f, "Get");
    forge_u16(&f, 0x1511); /* one that introduces a virtual function */
    forge_u16(&f, 4 << 2);
    forge_u32(&f, 0x74);
    forge_u32(&f, 8);
    put_text(&f, "Run");
    forge_u16(&f, 0x1510);
    forge_u16(&f, 0);
    forge_u32(&f, 0x74);
    put_text(&f, "int_t");
    forge_u8(&f, 0xf2);
    forge_u8(&f, 0xf1);
    put_index(&f, more);
    uint32_t fields = take(&m, &f);
    uint32_t s = forge_pdb_struct(&m.p, LF_CLASS, 9, 0, fields, 32, "Thing");
    uint32_t constant = put(&m, LF_MODIFIER, forge_fields("42", s, 1u));
    forge_init(&f);
    for (int i = 0; i < 2; i++) {
        forge_u16(&f, 0x1502);
        forge_u16(&f, 3);
        forge_u16(&f, i ? 0x8000 : 7);
        if (i)
            forge_u8(&f, 0xff);
        put_text(&f, i ? "Minus" : "Seven");
        while (forge_here(&f) & 3)
            forge_u8(&f, 0xf1);
    }
    fields = take(&m, &f);
    uint32_t e = forge_pdb_struct(&m.p, LF_ENUM, 2, 0, fields, 0, "Numbers");
    made_open(&m);
    static const char thing[] = "1:_BASE@8 6:__VFN_table@0 0:Type@16 4:Get@0 4:Get@0 4:Run@0 "
                                "5:int_t@0 0:Flags@24(2,5) 2:Count@0 ";
    no_error(sc_symbols_members(m.symbols, s, list_member, list));
    assert_string_equal(list, thing);
    list[0] = 0;
    no_error(sc_symbols_members(m.symbols, constant, list_member, list));
    assert_string_equal(list, thing);
    list[0] = 0;
    no_error(sc_symbols_members(m.symbols, e, list_member, list));
    assert_string_equal(list, "3:Seven@0=7 3:Minus@0=-1 ");
    no_error(sc_symbols_members(m.symbols, 0x74, list_member, list));
    made_close(&m);
}

/* Many types, so that tables of offsets and chains of hashes are used. */
static void definitions_are_found_by_name(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) { /* with and without the file's tables */
        struct made m;
        made_init(&m, X64);
        m.p.no_offsets = how & 1;
        m.p.no_hash = how & 2;
        uint32_t forward = forge_pdb_struct(&m.p, LF_STRUCTURE, 0, FORWARD, 0, 0, "_T500");
        uint32_t ids[1000];
        for (uint32_t i = 0; i < 1000; i++) {
            char name[32];
            snprintf(name, sizeof name, "_T%u", i);
            ids[i] = forge_pdb_struct(&m.p, i & 1 ? LF_UNION : LF_STRUCTURE, 0, 0, 0,
                                      (uint16_t)(i + 1), name);
        }
        uint32_t scoped = forge_pdb_struct(&m.p, LF_STRUCTURE, 0, SCOPED, 0, 5, "local::T");
        uint32_t lonely = forge_pdb_struct(&m.p, LF_STRUCTURE, 0, FORWARD, 0, 0, "_OPAQUE");
        struct forge_fields f = forge_fields("4", ids[7]);
        forge_pdb_global(&m.p, 0x1108, f.data, f.size, "TYPEDEF");
        made_open(&m);
        uint32_t id = 0;
        bool ok = false;
        for (uint32_t i = 0; i < 1000; i += 13) {
            char name[32];
            snprintf(name, sizeof name, "_T%u", i);
            no_error(sc_symbols_type_named(m.symbols, name, &id, &ok));
            assert_true(ok);
            assert_int_equal(id, ids[i]);
            is_type(&m, id, i & 1 ? SC_TYPE_UNION : SC_TYPE_STRUCT, i + 1, name);
        }
        is_type(&m, forward, SC_TYPE_STRUCT, 501, "_T500");
        struct sc_type t;
        no_error(sc_symbols_type(m.symbols, lonely, &t));
        assert_true(t.forward);
        static const char *const names[] = {"local::T", "_OPAQUE", "TYPEDEF"};
        const uint32_t wanted[] = {scoped, lonely, ids[7]};
        for (int i = 0; i < 3; i++) {
            no_error(sc_symbols_type_named(m.symbols, names[i], &id, &ok));
            assert_true(ok);
            assert_int_equal(id, wanted[i]);
        }
        no_error(sc_symbols_type_named(m.symbols, "_T1000", &id, &ok));
        assert_false(ok);
        made_close(&m);
    }
}

static bool count_type(void *ctx, const struct sc_type *t) {
    (void)t;
    return ++*(int *)ctx < 3;
}

static void types_match_wildcards_definitions_only(void **state) {
    struct made m;
    int n = 0;
    (void)state;
    made_init(&m, X64);
    forge_pdb_struct(&m.p, LF_STRUCTURE, 0, FORWARD, 0, 0, "_AB");
    forge_pdb_struct(&m.p, LF_STRUCTURE, 0, 0, 0, 1, "_AB");
    forge_pdb_struct(&m.p, LF_STRUCTURE, 0, 0, 0, 1, "_B");
    made_open(&m);
    no_error(sc_symbols_types(m.symbols, "_a*", count_type, &n));
    assert_int_equal(n, 1);
    no_error(sc_symbols_types(m.symbols, NULL, count_type, &n));
    assert_int_equal(n, 3);
    made_close(&m);
}

static void nesting_without_end_is_an_error(void **state) {
    struct made m;
    struct sc_type t;
    char list[512] = "";
    (void)state;
    made_init(&m, X64);
    uint32_t self = put(&m, LF_POINTER, forge_fields("44", 0x1000u, PTR64));
    assert_int_equal(self, 0x1000);
    uint32_t modifier = put(&m, LF_MODIFIER, forge_fields("42", 0x1001u, 1u));
    struct forge_fields a = forge_fields("4421", 0x1002u, 0x23u, 8u, 0u);
    uint32_t array = forge_pdb_type(&m.p, LF_ARRAY, a.data, a.size, NULL);
    struct forge f;
    forge_init(&f);
    put_member(&f, 0x74, 0, "a");
    put_index(&f, 0x1004); /* goes on in the second list, and that in the first */
    uint32_t one = take(&m, &f);
    forge_init(&f);
    put_index(&f, one);
    uint32_t two = take(&m, &f);
    assert_int_equal(two, 0x1004);
    uint32_t s = forge_pdb_struct(&m.p, LF_STRUCTURE, 1, 0, one, 4, "_ROUND");
    made_open(&m);
    error_is(sc_symbols_type(m.symbols, self, &t), SC_ERR_FORMAT,
             "made.pdb: stream 2: offset 0x38: type 0x1000: types nest more than 64 deep");
    error_is(sc_symbols_type(m.symbols, modifier, &t), SC_ERR_FORMAT, "types nest more than");
    error_is(sc_symbols_type(m.symbols, array, &t), SC_ERR_FORMAT, "");
    error_is(sc_symbols_members(m.symbols, s, list_member, list), SC_ERR_FORMAT,
             "goes on in itself");
    made_close(&m);
}

/* One word of the type stream changed: using everything must fail so. */
static void damaged(uint32_t stream, uint32_t offset, uint32_t value, const char *words) {
    struct made m;
    struct sc_type t;
    struct forge f;
    char list[512] = "";
    made_init(&m, X64);
    forge_init(&f);
    put_member(&f, 0x74, 0, "abc");
    uint32_t fields = take(&m, &f);
    uint32_t s = forge_pdb_struct(&m.p, LF_STRUCTURE, 1, 0, fields, 4, "_SMALL");
    forge_pdb_close(&m.p);
    forge_poke(forge_msf_stream(&m.p.msf, stream), offset, 4, value);
    assert_true(forge_msf_finish(&m.p.msf, &m.file));
    sc_err *err = open_made(&m, 0);
    if (!err)
        err = sc_symbols_type(m.symbols, s, &t);
    if (!err)
        err = sc_symbols_members(m.symbols, s, list_member, list);
    if (!err)
        err = sc_symbols_types(m.symbols, NULL, count_type, list);
    error_is(err, SC_ERR_FORMAT, words);
    made_close(&m);
}

static void lying_types_are_errors_with_their_place(void **state) {
    (void)state;
    enum { HEADER = 56, SECOND = HEADER + 20 };
    damaged(FORGE_PDB_TPI, 4, 8, "stream 2: offset 0x10");
    damaged(FORGE_PDB_TPI, 8, 0x800, "types 0x800 to");
    damaged(FORGE_PDB_TPI, 12, 0xfffffff, "to 0xfffffff do not fit");
    damaged(FORGE_PDB_TPI, 16, 0xfffffff0, "bytes of types at");
    damaged(FORGE_PDB_TPI, 28, 0, "a hash of 0 buckets");
    damaged(FORGE_PDB_TPI, 36, 4, "and 4 bytes for 2 types");
    damaged(FORGE_PDB_TPI, 36, 0xffffff, "do not fit in hash stream 10");
    damaged(FORGE_PDB_TPI, HEADER, 0x12030000, "offset 0x38: a type record of 2 bytes");
    damaged(FORGE_PDB_TPI, HEADER, 0x1203ffff, "a type record of 65537 bytes");
    damaged(FORGE_PDB_TPI, HEADER, 0x12040012, "type 0x1000 is no list of members");
    damaged(FORGE_PDB_TPI, HEADER + 4, 0x00037777, "offset 0x3c: a member of the unknown kind");
    damaged(FORGE_PDB_TPI, HEADER + 12, 0x41418005, "list of members");
    damaged(FORGE_PDB_TPI_HASH, 8 + 4, 0xffffff, "the table of type offsets is not sorted");
    damaged(FORGE_PDB_TPI, SECOND + 20, 0x53ff8005, "type 0x1001 is cut off");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numeric_leaves_keep_their_signs),
        cmocka_unit_test(types_are_named_as_windbg_names_them),
        cmocka_unit_test(members_of_every_kind_are_listed),
        cmocka_unit_test(definitions_are_found_by_name),
        cmocka_unit_test(types_match_wildcards_definitions_only),
        cmocka_unit_test(nesting_without_end_is_an_error),
        cmocka_unit_test(lying_types_are_errors_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
