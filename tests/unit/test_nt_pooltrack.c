/* SPDX-License-Identifier: MIT */
/* Tags of the pool: sums over processors in every build, what is missing, tables that lie. */
#include "pool_world.h"

#include "nt/pooltrack.h"
#include "nt/tagpattern.h"

static const struct pool_build *const win7 = &pool_builds[2];

static void tags_are_summed_over_processors_in_every_build(void **state) {
    (void)state;
    for (size_t i = 0; i < POOL_BUILDS; i++) {
        const struct pool_build *b = &pool_builds[i];
        struct world *w = pool_world(b, 2);
        pool_tables(w, b->pool, 9);
        pool_tag(w, b->pool, 3, "Leak", 10, 1, 9216);
        pool_tag(w, b->pool + 0x10000, 3, "Leak", 0, 2, (uint64_t)-2048);
        pool_tag(w, b->pool, 5, "Thr\xe5", 4, 0, 4000);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!poolused 3");
        assert_non_null(strstr(fix_text(&w->f), "..\n Sorting by NonPaged Pool Consumed\n"));
        assert_non_null(strstr(fix_text(&w->f),
                               " Leak        10          3          7         7168          0"));
        assert_non_null(strstr(fix_text(&w->f),
                               " Thre         4          0          4         4000          0"));
        assert_non_null(strstr(fix_text(&w->f), "\n TOTAL        14          3         11"));
        world_free(w);
    }
}

static void the_short_form_has_the_columns_that_were_published(void **state) {
    (void)state;
    struct world *w = pool_world(win7, 2);
    pool_tables(w, win7->pool, 9);
    pool_tag(w, win7->pool, 3, "Leak", 601, 0, 615424000);
    pool_tag(w, win7->pool, 4, "Pool", 6, 0, 1717840);
    pool_tag(w, win7->pool, 7, "Thr\xe5", 607, 0, 774048);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!poolused /t2 2");
    assert_string_equal(
        fix_text(&w->f),
        "..\n Sorting by NonPaged Pool Consumed\n\n"
        "               NonPaged                  Paged\n"
        " Tag     Allocs         Used     Allocs         Used\n\n"
        " Leak       601    615424000          0            0\tUNKNOWN pooltag 'Leak', please "
        "update pooltag.txt\n"
        " Pool         6      1717840          0            0\tPool tables, etc.\n"
        "\n TOTAL      1214    617915888          0            0\n");
    fix_run(&w->f, "!poolused 0 T*e");
    assert_non_null(strstr(fix_text(&w->f), "Thread objects , Binary: nt!ps\n"));
    assert_null(strstr(fix_text(&w->f), "Leak"));
    fix_fails(&w->f, "!poolused 6", "exclude each other");
    fix_fails(&w->f, "!poolused 0 toolong", "is no pool tag");
    world_free(w);
}

static void what_is_missing_is_named(void **state) {
    (void)state;
    struct world *w = pool_world(win7, 2);
    pool_var(w, "PoolTrackTable", 0x1000, win7->pool);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!poolused", "without the symbol nt!PoolTrackTableSize");
    world_free(w);
    w = pool_world(win7, 2);
    world_symbol(w, "PoolTrackTable", 0x1000);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!poolused", "without the page of nt!PoolTrackTable");
    fix_fails(&w->f, "!poolused 8", "without the symbol nt!ExpSessionPoolTrackTable");
    world_free(w);
    w = pool_world(win7, 2);
    pool_var(w, "PoolTrackTable", 0x1000, win7->pool);
    pool_var(w, "PoolTrackTableSize", 0x1010, 9);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!poolused", "does not hold the pool's tables of tags");
    world_free(w);
}

static void a_processor_whose_table_is_missing_is_said_to_be(void **state) {
    (void)state;
    struct world *w = pool_world(win7, 3);
    size_t size = 200 * 0x28;
    world_bytes(w, win7->pool, 0x1000); /* 102 entries; the rest lies in a page that is not there */
    pool_var(w, "PoolTrackTable", 0x1000, win7->pool);
    pool_var(w, "PoolTrackTableSize", 0x1010, 200);
    uint64_t tables = world_symbol(w, "ExPoolTagTables", 0x1020);
    world_bytes(w, tables, 0x18);
    world_put(w, tables, 8, win7->pool);
    world_put(w, tables + 8, 8, win7->pool + 0x100000);
    world_put(w, tables + 16, 8, win7->pool); /* the first one again is not counted twice */
    pool_tag(w, win7->pool, 3, "Leak", 5, 0, 80);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!poolused");
    assert_true(size > 0x1000);
    assert_non_null(strstr(fix_text(&w->f), " Leak         5           80"));
    assert_non_null(strstr(fix_text(&w->f), "The tables of 1 processors are not in the dump"));
    assert_non_null(strstr(fix_text(&w->f), "98 entries lie in pages"));
    world_free(w);
}

static void a_table_at_the_end_of_memory_ends(void **state) {
    (void)state;
    struct world *w = pool_world(win7, 2);
    pool_var(w, "PoolTrackTable", 0x1000, UINT64_MAX);
    pool_var(w, "PoolTrackTableSize", 0x1010, 9);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!poolused", "does not hold the pool's tables of tags");
    world_free(w);
}

static void lengths_that_cannot_be_are_refused(void **state) {
    (void)state;
    struct world *w = pool_world(win7, 2);
    pool_var(w, "PoolTrackTable", 0x1000, win7->pool);
    pool_var(w, "PoolTrackTableSize", 0x1010, 0xffffffff);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!poolused", "more than a table of tags can have");
    world_free(w);
    w = pool_world(win7, 2);
    pool_var(w, "PoolTrackTable", 0x1000, win7->pool);
    pool_var(w, "PoolTrackTableSize", 0x1010, 1ull << 40); /* its low half is 0 */
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!poolused", "PoolTrackTableSize says 1099511627776 entries");
    world_free(w);
    /* Many processors with long tables in no page: as many entries are looked at as there can be.
     */
    w = pool_world(win7, 2000);
    pool_var(w, "PoolTrackTable", 0x1000, win7->pool);
    pool_var(w, "PoolTrackTableSize", 0x1010, NT_POOLTRACK_MAX);
    uint64_t tables = world_symbol(w, "ExPoolTagTables", 0x1020);
    world_bytes(w, tables, 2000 * 8);
    for (unsigned i = 0; i < 2000; i++)
        world_put(w, tables + i * 8, 8, win7->pool + i + 1);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!poolused", "have more than");
    world_free(w);
}

/* Behind the last page nothing follows: what lies there is passed over all the same. */
static void a_table_at_the_end_of_all_memory_is_passed_over(void **state) {
    (void)state;
    struct world *w = pool_world(win7, 2);
    pool_var(w, "PoolTrackTable", 0x1000, win7->pool);
    pool_var(w, "PoolTrackTableSize", 0x1010, 100);
    uint64_t tables = world_symbol(w, "ExPoolTagTables", 0x1020);
    world_bytes(w, tables, 0x10);
    world_put(w, tables, 8, UINT64_MAX);
    world_put(w, tables + 8, 8, UINT64_MAX - 0x1003);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!poolused", "does not hold the pool's tables of tags");
    world_free(w);
}

static void without_symbols_the_debugger_block_finds_the_table_only(void **state) {
    (void)state;
    struct world *w = pool_world(win7, 1);
    uint64_t block = win7->nt + 0x2000, var = win7->nt + 0x3000;
    w->m.debugger_data = block;
    world_bytes(w, block, 0x340);
    world_put(w, block + 0x10, 4, 0x4742444b);
    world_put(w, block + 0x14, 4, 0x340);
    world_put(w, block + 0x18, 8, win7->nt);
    world_put(w, block + 0x48, 8, win7->nt + 0x90);
    world_put(w, block + 0x50, 8, win7->nt + 0xa0);
    world_put(w, block + 0x1b8, 8, var);
    world_bytes(w, var, 8);
    world_put(w, var, 8, win7->pool);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!poolused", "without the symbol nt!PoolTrackTableSize");
    world_free(w);
}

static void tags_are_matched_as_they_are_typed(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *tag;
        bool fits;
    } t[] = {{"Leak", "Leak", true}, {"leak", "Leak", false},   {"Le*", "Leak", true},
             {"*", "Leak", true},    {"L?ak", "Leak", true},    {"L*k", "Leak", true},
             {"L*x", "Leak", false}, {"Mm", "Mm  ", true},      {"Mm", "MmCa", false},
             {"*ak", "Leak", true},  {"Thre", "Thr\xe5", true}, {"0x6b61654c", "Leak", true},
             {"?", "Leak", false},   {"*e*", "Leak", true},     {"L**k", "Leak", true}};
    struct nt_tagpattern p;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        uint32_t tag = 0;
        for (unsigned k = 0; k < 4; k++)
            tag |= (uint32_t)(unsigned char)t[i].tag[k] << 8 * k;
        assert_true(nt_tagpattern_parse(t[i].pattern, &p));
        if (nt_tagpattern_fits(&p, tag) != t[i].fits)
            fail_msg("%s and %s", t[i].pattern, t[i].tag);
    }
    assert_false(nt_tagpattern_parse("", &p));
    assert_false(nt_tagpattern_parse("Leaks", &p));
    assert_false(nt_tagpattern_parse("0x", &p));
    assert_false(nt_tagpattern_parse("0x123456789", &p));
    assert_false(nt_tagpattern_parse("****************", &p));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_summed_over_processors_in_every_build),
        cmocka_unit_test(the_short_form_has_the_columns_that_were_published),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(a_processor_whose_table_is_missing_is_said_to_be),
        cmocka_unit_test(a_table_at_the_end_of_memory_ends),
        cmocka_unit_test(lengths_that_cannot_be_are_refused),
        cmocka_unit_test(a_table_at_the_end_of_all_memory_is_passed_over),
        cmocka_unit_test(without_symbols_the_debugger_block_finds_the_table_only),
        cmocka_unit_test(tags_are_matched_as_they_are_typed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
