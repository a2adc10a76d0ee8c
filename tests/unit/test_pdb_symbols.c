/* SPDX-License-Identifier: MIT */
/* Symbols by name and by address: publics, globals, procedures. */
#include "pdb/pdb_impl.h"
#include "unit/pdb_support.h"

/* What find gives for NAME, "" if nothing. */
static const char *found(struct made *m, const char *name, struct sc_symbol *s) {
    bool ok = false;
    no_error(sc_symbols_find(m->symbols, name, s, &ok));
    return ok ? s->name : "";
}

static const char *found_nocase(struct made *m, const char *name, struct sc_symbol *s) {
    bool ok = false;
    no_error(sc_pdb_find_nocase(m->symbols, name, s, &ok));
    return ok ? s->name : "";
}

static const char *at(struct made *m, uint32_t rva, unsigned kinds, struct sc_symbol *s) {
    bool ok = false;
    no_error(sc_symbols_nearest(m->symbols, rva, kinds, s, &ok));
    return ok ? s->name : "";
}

/* XOR of words, of what is left in twos and ones, without case, folded: by hand. */
static void the_hash_is_the_formats(void **state) {
    (void)state;
    uint32_t h = 0x20202020; /* the empty name */
    h ^= h >> 11;
    h ^= h >> 16;
    assert_int_equal(pdb_hash("", 0), h);
    assert_int_equal(pdb_hash("hello", 5), pdb_hash("HELLO", 5));
    assert_int_not_equal(pdb_hash("hello", 5), pdb_hash("hella", 5));
    /* 'hell' ^ 'o', by hand */
    h = (0x6c6c6568 ^ 0x6f) | 0x20202020;
    h ^= h >> 11;
    h ^= h >> 16;
    assert_int_equal(pdb_hash("hello", 5), h);
    h = (0x6c6c6568 ^ 0x206f ^ 0x77) | 0x20202020; /* "hello w": four, two and one bytes */
    h ^= h >> 11;
    h ^= h >> 16;
    assert_int_equal(pdb_hash("hello w", 7), h);
}

static void publics_are_found_by_name(void **state) {
    (void)state;
    for (int minimal = 0; minimal < 2; minimal++) {
        struct made m;
        struct sc_symbol s;
        made_init(&m, X64);
        m.p.minimal = minimal;
        for (uint32_t i = 0; i < 3000; i++) {
            char name[32];
            snprintf(name, sizeof name, "NtFunction%u", i);
            forge_pdb_public(&m.p, name, 1, i * 4, 2);
        }
        forge_pdb_public(&m.p, "ntfunction7", 2, 8, 0);
        made_open(&m);
        assert_string_equal(found(&m, "NtFunction2999", &s), "NtFunction2999");
        assert_int_equal(s.rva, 0x1000 + 2999 * 4);
        assert_int_equal(s.kind, SC_SYM_PUBLIC);
        assert_true(s.code);
        assert_string_equal(found(&m, "NtFunction7", &s), "NtFunction7");
        assert_int_equal(s.rva, 0x101c);
        assert_string_equal(found(&m, "ntfunction7", &s), "ntfunction7");
        assert_int_equal(s.rva, 0x5008);
        assert_false(s.code);
        assert_string_equal(found(&m, "NTFUNCTION8", &s), "");
        assert_string_equal(found_nocase(&m, "NTFUNCTION8", &s), "NtFunction8");
        assert_string_equal(found_nocase(&m, "ntfunction7", &s), "ntfunction7");
        assert_string_equal(found(&m, "NtFunction3000", &s), "");
        assert_string_equal(found(&m, "", &s), "");
        made_close(&m);
    }
}

/* A bucket in an order that no writer known here makes is searched from end to end. */
static void an_unsorted_bucket_hides_no_name(void **state) {
    struct made m;
    struct sc_symbol s;
    (void)state;
    made_init(&m, X64);
    /* Same bucket: the hash is the XOR of words, so words may change places. */
    static const char *const names[] = {"aaaabbbbcccc", "aaaaccccbbbb", "bbbbaaaacccc",
                                        "bbbbccccaaaa", "ccccaaaabbbb"};
    for (uint32_t i = 0; i < 5; i++)
        forge_pdb_public(&m.p, names[i], 1, i * 16, 2);
    forge_pdb_close(&m.p);
    struct forge *f = forge_msf_stream(&m.p.msf, FORGE_PDB_PUBLICS);
    uint8_t first[8];
    memcpy(first, f->data + 28 + 16, 8); /* exchange the first and the fourth record */
    memmove(f->data + 28 + 16, f->data + 28 + 16 + 24, 8);
    memcpy(f->data + 28 + 16 + 24, first, 8);
    assert_true(forge_msf_finish(&m.p.msf, &m.file));
    no_error(open_made(&m, 0));
    for (uint32_t i = 0; i < 5; i++) {
        assert_string_equal(found(&m, names[i], &s), names[i]);
        assert_int_equal(s.rva, 0x1000 + i * 16);
    }
    made_close(&m);
}

static void publics_are_found_by_address(void **state) {
    struct made m;
    struct sc_symbol s;
    (void)state;
    made_init(&m, X64);
    for (uint32_t i = 0; i < 1000; i++) { /* dense first, then sparse: guesses go wrong */
        char name[32];
        snprintf(name, sizeof name, "f%u", i);
        forge_pdb_public(&m.p, name, 1, 0x10 + (i < 990 ? i : 990 + (i - 990) * 0x100), 2);
    }
    forge_pdb_public(&m.p, "twin_b", 2, 0x20, 0);
    forge_pdb_public(&m.p, "twin_a", 2, 0x20, 0);
    forge_pdb_public(&m.p, "absolute", 7, 0x20, 0);
    forge_pdb_public(&m.p, "nowhere", 0, 0x20, 0);
    made_open(&m);
    for (int round = 0; round < 3; round++) { /* in the file first, in memory later */
        assert_string_equal(at(&m, 0x100f, SC_SYM_PUBLIC, &s), "");
        assert_string_equal(at(&m, 0xfff, SC_SYM_PUBLIC, &s), "");
        assert_string_equal(at(&m, 0x1010, SC_SYM_PUBLIC, &s), "f0");
        assert_string_equal(at(&m, 0x1010 + 989, SC_SYM_PUBLIC, &s), "f989");
        assert_string_equal(at(&m, 0x1010 + 990 + 0x1ff, SC_SYM_PUBLIC, &s), "f991");
        assert_string_equal(at(&m, 0x4fff, SC_SYM_PUBLIC, &s), "f999");
        assert_string_equal(at(&m, 0x5010, SC_SYM_PUBLIC, &s), "f999");
        assert_string_equal(at(&m, 0x5020, SC_SYM_PUBLIC, &s), "twin_a");
        assert_string_equal(at(&m, 0xffffffff, SC_SYM_PUBLIC, &s), "twin_a");
        assert_int_equal(s.rva, 0x5020);
        for (uint32_t i = 0; i < 990; i += 3) {
            char name[32];
            snprintf(name, sizeof name, "f%u", i);
            assert_string_equal(at(&m, 0x1010 + i, SC_SYM_PUBLIC, &s), name);
        }
    }
    made_close(&m);
}

/* A compiland with two procedures, a label in the first, and a hole behind the second. */
static void put_procs(struct made *m) {
    uint16_t module = forge_pdb_module_new(&m->p, "a.obj");
    uint32_t proc = forge_pdb_proc(&m->p, module, 0x1110, 1, 0x100, 0x40, 0, "outer");
    struct forge_fields label = forge_fields("421", 0x120u, 1u, 0u);
    forge_pdb_sym(&m->p, module, 0x1105, label.data, label.size, "inside");
    forge_pdb_end(&m->p, module, 6, proc);
    forge_pdb_procref(&m->p, module, proc, "outer");
    proc = forge_pdb_proc(&m->p, module, 0x110f, 1, 0x140, 0x10, 0, "hidden");
    forge_pdb_end(&m->p, module, 6, proc);
    forge_pdb_procref(&m->p, module, proc, "hidden");
    struct forge_fields thunk = forge_fields("44442221", 0u, 0u, 0u, 0x150u, 1u, 6u, 0u, 0u);
    thunk.size = 21;
    proc = forge_pdb_sym(&m->p, module, 0x1102, thunk.data, thunk.size, "jump");
    forge_pdb_end(&m->p, module, 6, proc);
    forge_pdb_contrib(&m->p, module, 1, 0x100, 0x80);
    forge_pdb_public(&m->p, "outer", 1, 0x100, 2);
    forge_pdb_public(&m->p, "?entry@@YAXXZ", 1, 0x130, 2);
    forge_pdb_data(&m->p, 0x110d, 0x74, 2, 0x10, "global");
    forge_pdb_data(&m->p, 0x110c, 0x75, 2, 0x20, "local");
    forge_pdb_data(&m->p, 0x1113, 0x74, 3, 0x8, "perthread");
    forge_pdb_public(&m->p, "global", 2, 0x10, 0);
    struct forge_fields constant = forge_fields("422", 0x74u, 0x8001u, 0xfffbu);
    forge_pdb_global(&m->p, 0x1107, constant.data, constant.size, "MINUS_FIVE");
}

static void procedures_win_over_publics_and_labels(void **state) {
    struct made m;
    struct sc_symbol s;
    (void)state;
    made_init(&m, X64);
    put_procs(&m);
    made_open(&m);
    assert_string_equal(at(&m, 0x1100, SC_SYM_ANY, &s), "outer");
    assert_int_equal(s.kind, SC_SYM_FUNCTION);
    assert_int_equal(s.size, 0x40);
    assert_int_equal(s.compiland, 1);
    assert_string_equal(at(&m, 0x1128, SC_SYM_ANY, &s), "outer"); /* not the label */
    assert_string_equal(at(&m, 0x1128, SC_SYM_LABEL, &s), "inside");
    assert_string_equal(at(&m, 0x1135, SC_SYM_ANY, &s), "?entry@@YAXXZ"); /* it is nearer */
    assert_string_equal(at(&m, 0x1135, SC_SYM_FUNCTION, &s), "outer");
    assert_string_equal(at(&m, 0x1145, SC_SYM_ANY, &s), "hidden");
    assert_true(s.local);
    assert_string_equal(at(&m, 0x1152, SC_SYM_ANY, &s), "jump");
    assert_int_equal(s.kind, SC_SYM_THUNK);
    assert_int_equal(s.size, 6);
    assert_string_equal(at(&m, 0x1170, SC_SYM_FUNCTION, &s), "hidden"); /* in the hole */
    assert_string_equal(at(&m, 0x2000, SC_SYM_FUNCTION, &s), "hidden"); /* behind everything */
    assert_string_equal(at(&m, 0x10ff, SC_SYM_ANY, &s), "");
    assert_string_equal(at(&m, 0x5024, SC_SYM_ANY, &s), "local");
    assert_int_equal(s.type, 0x75);
    assert_string_equal(at(&m, 0x5012, SC_SYM_ANY, &s), "global");
    assert_int_equal(s.kind, SC_SYM_DATA);
    assert_string_equal(at(&m, 0x5012, SC_SYM_PUBLIC, &s), "global");
    assert_int_equal(s.kind, SC_SYM_PUBLIC);
    made_close(&m);
}

static void the_best_symbol_of_a_name_is_found(void **state) {
    struct made m;
    struct sc_symbol s;
    (void)state;
    made_init(&m, X64);
    put_procs(&m);
    made_open(&m);
    assert_string_equal(found(&m, "outer", &s), "outer");
    assert_int_equal(s.kind, SC_SYM_FUNCTION);
    assert_int_equal(s.rva, 0x1100);
    assert_string_equal(found(&m, "global", &s), "global");
    assert_int_equal(s.kind, SC_SYM_DATA);
    assert_string_equal(found(&m, "?entry@@YAXXZ", &s), "?entry@@YAXXZ");
    assert_string_equal(found(&m, "perthread", &s), "perthread");
    assert_int_equal(s.kind, SC_SYM_THREAD);
    assert_int_equal(s.rva, 8);
    assert_string_equal(found(&m, "MINUS_FIVE", &s), "MINUS_FIVE");
    assert_int_equal((int64_t)s.value, -5);
    assert_string_equal(found_nocase(&m, "minus_five", &s), "MINUS_FIVE");
    made_close(&m);
}

static bool collect(void *ctx, const struct sc_symbol *s) {
    char *list = ctx;
    strcat(strcat(list, s->name), " ");
    return strcmp(s->name, "stop") != 0;
}

static void each_matches_wildcards_and_kinds(void **state) {
    struct made m;
    char list[256] = "";
    (void)state;
    made_init(&m, X64);
    put_procs(&m);
    made_open(&m);
    no_error(sc_symbols_each(m.symbols, "*E*", SC_SYM_FUNCTION | SC_SYM_PUBLIC, collect, list));
    assert_string_equal(list, "outer hidden outer ?entry@@YAXXZ ");
    list[0] = 0;
    no_error(sc_symbols_each(m.symbols, "GLOBAL", SC_SYM_ANY, collect, list));
    assert_string_equal(list, "global global ");
    list[0] = 0;
    no_error(sc_symbols_each(m.symbols, NULL, SC_SYM_LABEL | SC_SYM_THUNK, collect, list));
    assert_string_equal(list, "inside jump ");
    list[0] = 0;
    no_error(sc_symbols_each(m.symbols, "*", SC_SYM_CONSTANT | SC_SYM_THREAD, collect, list));
    assert_string_equal(list, "perthread MINUS_FIVE ");
    made_close(&m);
}

/* STREAM's word at AT becomes VALUE; then LOOK must fail so. */
static void damaged(uint32_t stream, uint32_t offset, uint32_t value, const char *words) {
    struct made m;
    struct sc_symbol s;
    bool ok = false;
    made_init(&m, X64);
    put_procs(&m);
    forge_pdb_close(&m.p);
    forge_poke(forge_msf_stream(&m.p.msf, stream), offset, 4, value);
    assert_true(forge_msf_finish(&m.p.msf, &m.file));
    sc_err *err = open_made(&m, 0);
    char list[256] = "";
    if (!err)
        err = sc_symbols_find(m.symbols, "outer", &s, &ok);
    if (!err)
        err = sc_symbols_nearest(m.symbols, 0x1145, SC_SYM_ANY, &s, &ok);
    if (!err)
        err = sc_symbols_each(m.symbols, NULL, SC_SYM_ANY, collect, list);
    error_is(err, SC_ERR_FORMAT, words);
    made_close(&m);
}

static void lying_symbols_are_errors_with_their_place(void **state) {
    (void)state;
    enum { TABLE = 28 };
    damaged(FORGE_PDB_PUBLICS, 0, 0x7fffffff, "made.pdb: stream 7: offset 0x0: 2147483647 bytes");
    damaged(FORGE_PDB_PUBLICS, TABLE, 5, "stream 7: offset 0x1c: 0x5");
    damaged(FORGE_PDB_PUBLICS, TABLE + 8, 0xfffffff8, "4294967288 bytes of records");
    damaged(FORGE_PDB_PUBLICS, TABLE + 12, 12, "12 of buckets");
    damaged(FORGE_PDB_PUBLICS, TABLE + 16, 0, "record 0 is at 0x");
    damaged(FORGE_PDB_GLOBALS, 16, 0xffffff00, "record 0 is at 0xffffff00, outside of stream 5");
    damaged(FORGE_PDB_RECORDS, 0, 0x11250000, "stream 5: offset 0x0: a symbol record of 0 bytes");
    damaged(FORGE_PDB_RECORDS, 0, 0x11250006, "a symbol record of 6 bytes is too short");
    damaged(FORGE_PDB_RECORDS, 0, 0x1125ffff, "65535 bytes wanted");
    damaged(FORGE_PDB_RECORDS, 8, 52, "a reference leads to a record of kind 0x1105");
    damaged(FORGE_PDB_DBI, 0, 7, "0x7 is not the mark of a DBI stream");
    damaged(FORGE_PDB_DBI, 24, 0x7fffffff, "substream 0 of 2147483647 bytes");
    damaged(FORGE_PDB_DBI, 28, 0xffffffff, "substream 1 of 4294967295 bytes");
    damaged(FORGE_PDB_DBI, 64 + 0x24, 0x7fffffff, "a module says that its stream 12 has");
    damaged(12, 4, 0xffffffff, "made.pdb: stream 12: offset 0x6: 65535 bytes wanted");
}

static void circles_and_dead_ends_of_scopes_end(void **state) {
    struct made m;
    struct sc_symbol s;
    bool ok;
    char list[256] = "";
    (void)state;
    made_init(&m, X64);
    put_procs(&m);
    forge_pdb_close(&m.p);
    /* The first procedure's end points at itself. */
    forge_poke(forge_msf_stream(&m.p.msf, 12), 4 + 8, 4, 4);
    assert_true(forge_msf_finish(&m.p.msf, &m.file));
    no_error(open_made(&m, 0));
    no_error(sc_symbols_nearest(m.symbols, 0x1100, SC_SYM_FUNCTION, &s, &ok));
    error_is(sc_symbols_locals(m.symbols, 0x1100, NULL, list), SC_ERR_FORMAT,
             "stream 12: offset 0x4: a scope ends at 0x4");
    error_is(sc_symbols_inlines(m.symbols, 0x1100, NULL, list), SC_ERR_FORMAT, "a scope ends");
    made_close(&m);
}

static void ages_and_identity_are_told_apart(void **state) {
    struct made m;
    struct sc_symbols_info info;
    uint32_t a = 0, b = 0;
    (void)state;
    made_init(&m, X86);
    m.p.age = 9;
    m.p.dbi_age = 4;
    m.p.flags = 2;
    made_open(&m);
    no_error(sc_pdb_ages(m.symbols, &a, &b));
    assert_int_equal(a, 9);
    assert_int_equal(b, 4);
    sc_symbols_info(m.symbols, &info);
    assert_string_equal(info.provider, "pdb");
    assert_int_equal(info.age, 9);
    assert_int_equal(info.signature, 0x5f000001);
    assert_int_equal(info.guid.a, 0x11223344);
    assert_int_equal(info.guid.b, 0x5566);
    assert_int_equal(info.guid.d[7], 0);
    assert_int_equal(info.cpu, SC_CPU_X86);
    assert_false(info.has_private); /* stripped */
    made_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_the_formats),
        cmocka_unit_test(publics_are_found_by_name),
        cmocka_unit_test(an_unsorted_bucket_hides_no_name),
        cmocka_unit_test(publics_are_found_by_address),
        cmocka_unit_test(procedures_win_over_publics_and_labels),
        cmocka_unit_test(the_best_symbol_of_a_name_is_found),
        cmocka_unit_test(each_matches_wildcards_and_kinds),
        cmocka_unit_test(lying_symbols_are_errors_with_their_place),
        cmocka_unit_test(circles_and_dead_ends_of_scopes_end),
        cmocka_unit_test(ages_and_identity_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
