/* SPDX-License-Identifier: MIT */
/*
 * Blocks of pool: pages of headers on every build that has them, large allocations, searches; pages
 * and tables that are damaged or lie.
 */
#include "pool_world.h"

#include "nt/pool.h"

#define PAGE(b) ((b)->pool + 0x100000)

struct pool_row {
    uint32_t size;
    const char *tag;
    enum { FREE, NONPAGED, PAGED } kind;
};

static void put_header(struct world *w, uint64_t at, uint32_t size, uint32_t previous,
                       const struct pool_row *r) {
    unsigned unit = w->ptr * 2;
    bool paged = r->kind == PAGED, old = w->m.build < 6000;
    uint64_t type = r->kind == FREE ? 0 : old ? (paged ? 2 : 1) : (paged ? 3 : 2);
    uint64_t bits = w->ptr == 4 ? previous / unit | (uint64_t)(size / unit) << 16 | type << 25
                                : previous / unit | (uint64_t)(size / unit) << 16 | type << 24;
    world_put(w, at, 4, bits);
    world_put(w, at + 4, 4, pool_key(r->tag));
}

static const struct pool_row rows[] = {{0x640, "KDNF", NONPAGED},
                                       {0x2b0, "FMis", PAGED},
                                       {0x80, "Pro\xe3", NONPAGED},
                                       {0x40, "MmDT", FREE},
                                       {0x650, "File", NONPAGED}};

static void put_page(struct world *w, uint64_t page) {
    uint32_t offset = 0, previous = 0;
    world_bytes(w, page, 0x1000);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put_header(w, page + offset, rows[i].size, previous, &rows[i]);
        previous = rows[i].size;
        offset += previous;
    }
    assert_int_equal(offset, 0x1000);
}

static void a_page_is_shown_with_the_block_marked(void **state) {
    (void)state;
    for (size_t i = 0; i < POOL_BUILDS; i++) {
        const struct pool_build *b = &pool_builds[i];
        if (b->build >= 18362)
            continue;
        struct world *w = pool_world(b, 1);
        char line[64], want[400];
        int d = (int)w->ptr * 2;
        unsigned long long p = PAGE(b);
        put_page(w, p);
        world_open(w, SC_RENDER_TEXT);
        snprintf(line, sizeof line, "!pool %llx", p + 0x900);
        fix_run(&w->f, line);
        snprintf(want, sizeof want,
                 " %0*llx size:  640 previous size:    0  (Allocated)  KDNF\n"
                 " %0*llx size:  2b0 previous size:  640  (Allocated)  FMis\n"
                 "*%0*llx size:   80 previous size:  2b0  (Allocated) *Proc (Protected)\n"
                 "\t\tPooltag Proc : Process objects, Binary : nt!ps\n"
                 " %0*llx size:   40 previous size:   80  (Free)       MmDT\n"
                 " %0*llx size:  650 previous size:   40  (Allocated)  File\n",
                 d, p, d, p + 0x640, d, p + 0x8f0, d, p + 0x970, d, p + 0x9b0);
        assert_non_null(strstr(fix_text(&w->f), want));
        snprintf(line, sizeof line, "!pool %llx 80000002", p + 0x650);
        fix_run(&w->f, line);
        snprintf(want, sizeof want, "*%0*llx size:  2b0 previous size:  640  (Allocated) *FMis\n",
                 d, p + 0x640);
        assert_string_equal(fix_text(&w->f), want);
        world_free(w);
    }
}

static void who_is_charged_is_decoded(void **state) {
    (void)state;
    static const size_t builds[] = {0, 2, 4};
    for (size_t i = 0; i < 3; i++) {
        const struct pool_build *b = &pool_builds[builds[i]];
        struct world *w = pool_world(b, 1);
        uint64_t page = PAGE(b), process = b->pool + 0x5040, bits;
        char line[64], want[64];
        put_page(w, page);
        /* The quota's bit, in the type of the first block. */
        bits = (w->ptr == 4 ? (uint64_t)(0x640 / 8) << 16 | (uint64_t)9 << 25
                            : (uint64_t)(0x640 / 16) << 16 | (uint64_t)10 << 24);
        world_put(w, page, 4, bits);
        if (w->ptr == 4)
            world_put(w, page + 0x63c, 4, process);
        else if (b->build < 9200)
            world_put(w, page + 8, 8, process);
        else {
            pool_var(w, "ExpPoolQuotaCookie", 0x1000, 0x1122334455667788);
            world_put(w, page + 8, 8, process ^ page ^ 0x1122334455667788);
        }
        world_open(w, SC_RENDER_TEXT);
        snprintf(line, sizeof line, "!pool %llx 2", (unsigned long long)page + 0x20);
        fix_run(&w->f, line);
        snprintf(want, sizeof want, "*KDNF Process: %0*llx\n", (int)w->ptr * 2,
                 (unsigned long long)process);
        assert_non_null(strstr(fix_text(&w->f), want));
        world_free(w);
    }
}

static void a_damaged_page_is_said_to_be_and_where(void **state) {
    (void)state;
    const struct pool_build *b = &pool_builds[2];
    struct world *w = pool_world(b, 1);
    uint64_t page = PAGE(b);
    put_page(w, page);
    world_put(w, page + 0x970, 1, 0x18 ^ 0x10); /* was 8: the bit 0x10 is wrong */
    world_put(w, page + 0x970, 1, 8 ^ 0x10);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!poolval fffffa8003100900");
    assert_non_null(
        strstr(fix_text(&w->f),
               "\nValidating Pool headers for pool page: fffffa8003100900\n\n"
               "Pool page [ fffffa8003100000 ] is INVALID.\n\nAnalyzing linked list...\n"
               "[ fffffa8003100970 ]: invalid previous size [ 0x18 ] should be [ 0x8 ]\n\n\n"
               "Scanning for single bit errors...\n\n[ fffffa8003100970 ]: bit 4 is wrong\n"));
    fix_run(&w->f, "!pool fffffa8003100900");
    assert_non_null(strstr(fix_text(&w->f), "the header at fffffa8003100970 is wrong: the size of "
                                            "the block before is another one"));
    assert_non_null(strstr(fix_text(&w->f), "Large allocations were not looked at: large "
                                            "allocations cannot be found without the symbol "
                                            "nt!PoolBigPageTable"));
    world_free(w);
}

static void pages_of_garbage_end(void **state) {
    (void)state;
    const struct pool_build *b = &pool_builds[2];
    static const uint32_t header[] = {0, 0xffffffff, 0x00ff0000, 0x02000000, 0x02010001};
    for (size_t i = 0; i < sizeof header / sizeof *header; i++) {
        struct world *w = pool_world(b, 1);
        world_bytes(w, PAGE(b), 0x1000);
        for (unsigned at = 0; at < 0x1000; at += 16)
            world_put(w, PAGE(b) + at, 4, header[i]);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!pool fffffa8003100ff0");
        assert_non_null(strstr(fix_text(&w->f), "is not valid pool"));
        fix_run(&w->f, "!poolval fffffa8003100ff0 3");
        assert_non_null(strstr(fix_text(&w->f), "is INVALID"));
        fix_run(&w->f, "!poolfind * 0");
        world_free(w);
    }
    struct world *w = pool_world(b, 1);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!pool fffffa8003100ff0", "could not be read");
    fix_fails(&w->f, "!poolval fffffa8003100ff0", "could not be read");
    fix_fails(&w->f, "!pool 12345", "is no address of the kernel");
    world_free(w);
}

/* ---- large allocations ---- */

static void big(struct world *w, uint64_t table, size_t index, uint64_t va, const char *tag,
                uint64_t size, unsigned type) {
    static const char name[] = "_POOL_TRACKER_BIG_PAGES";
    uint64_t at = table + index * world_sizeof(w, name);
    bool pages = w->m.build < 6000, packed = w->m.build >= 10000;
    world_set(w, name, at, "Va", 0, va);
    world_set(w, name, at, "Key", 4, pool_key(tag));
    world_set(w, name, at, pages ? "NumberOfPages" : "NumberOfBytes", pages ? 4 : 0,
              pages ? size / 4096 : size);
    if (!pages)
        world_set(w, name, at, "PoolType", 4, packed ? (uint64_t)type << 8 | 0x5a : type);
}

static void large_allocations_are_found_in_every_build(void **state) {
    (void)state;
    for (size_t i = 0; i < POOL_BUILDS; i++) {
        const struct pool_build *b = &pool_builds[i];
        struct world *w = pool_world(b, 1);
        uint64_t table = b->pool + 0x200000, va = b->pool + 0x300000;
        char line[64], want[200];
        world_bytes(w, table, 8 * (size_t)world_sizeof(w, "_POOL_TRACKER_BIG_PAGES"));
        pool_var(w, "PoolBigPageTable", 0x1000, table);
        pool_var(w, "PoolBigPageTableSize", 0x1010, 8);
        big(w, table, 1, va | 1, "Gone", 0x2000, 0);
        big(w, table, 3, va, "Leak", 0x3000, 0);
        big(w, table, 7, va + 0x10000, "Leak", 0x1000, 1);
        world_open(w, SC_RENDER_TEXT);
        snprintf(line, sizeof line, "!pool %llx", (unsigned long long)va + 0x2fff);
        fix_run(&w->f, line);
        snprintf(want, sizeof want,
                 "*%0*llx : large page allocation, tag is Leak, size is 0x3000 bytes\n"
                 "\t\tOwning component : Unknown (update pooltag.txt)\n",
                 (int)w->ptr * 2, (unsigned long long)va);
        assert_non_null(strstr(fix_text(&w->f), want));
        fix_run(&w->f, "!poolfind -large Leak");
        snprintf(want, sizeof want,
                 b->build < 6000 ? "*%0*llx : large page allocation, tag is Leak"
                                 : "%0*llx : tag Leak, size    0x3000, Nonpaged pool\n",
                 (int)w->ptr * 2, (unsigned long long)va);
        assert_non_null(strstr(fix_text(&w->f), want));
        assert_null(strstr(fix_text(&w->f), "Gone"));
        snprintf(want, sizeof want, "%0*llx", (int)w->ptr * 2, (unsigned long long)va + 0x10000);
        /* Of which pool it is, XP does not record. */
        assert_int_equal(strstr(fix_text(&w->f), want) != NULL, b->build < 6000);
        world_free(w);
    }
}

static void a_table_that_cannot_be_is_refused_and_one_with_holes_is_said(void **state) {
    (void)state;
    const struct pool_build *b = &pool_builds[2];
    struct world *w = pool_world(b, 1);
    pool_var(w, "PoolBigPageTable", 0x1000, b->pool);
    pool_var(w, "PoolBigPageTableSize", 0x1010, 0x100000000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!poolfind -large Leak");
    assert_non_null(strstr(fix_text(&w->f), "more than the table can have"));
    world_free(w);
    w = pool_world(b, 1);
    pool_var(w, "PoolBigPageTable", 0x1000, b->pool);
    pool_var(w, "PoolBigPageTableSize", 0x1010, 1024);
    world_bytes(w, b->pool + 0x2000, 0x1000);
    big(w, b->pool, 400, b->pool + 0x300000, "Leak", 0x3000, 0);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!poolfind -large Leak");
    assert_non_null(strstr(fix_text(&w->f), "fffffa8003300000 : tag Leak, size    0x3000"));
    assert_non_null(strstr(fix_text(&w->f), "entries of the table are not in the dump"));
    world_free(w);
}

/* ---- searches ---- */

static void a_search_finds_blocks_and_not_the_words_alone(void **state) {
    (void)state;
    for (size_t i = 0; i < POOL_BUILDS; i++) {
        const struct pool_build *b = &pool_builds[i];
        if (b->build >= 18362)
            continue;
        struct world *w = pool_world(b, 1);
        uint64_t page = PAGE(b);
        char want[200];
        int d = (int)w->ptr * 2;
        unsigned header = w->ptr * 2;
        put_page(w, page);
        world_put(w, page + 0x700 + 4, 4, pool_key("File")); /* a word among data */
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!poolfind -small File");
        if (b->build < 6000)
            snprintf(want, sizeof want,
                     " %0*llx size:  650 previous size:   40  (Allocated)  File\n", d,
                     (unsigned long long)page + 0x9b0);
        else
            snprintf(want, sizeof want, "%0*llx : tag File, size %9s, Nonpaged pool\n", d,
                     (unsigned long long)page + 0x9b0 + header, w->ptr == 4 ? "0x648" : "0x640");
        assert_non_null(strstr(fix_text(&w->f), want));
        assert_non_null(strstr(fix_text(&w->f), "At 1 more places"));
        /* Of 64-bit Windows 7 it is known where nonpaged pool is, and that counts. */
        bool known = b->build == 7601 && w->ptr == 8;
        fix_run(&w->f, known ? "!poolfind -small None" : "!poolfind -small FMis");
        assert_non_null(strstr(fix_text(&w->f), "No block with this tag"));
        fix_run(&w->f, known ? "!poolfind FMis" : "!poolfind FMis 1");
        assert_null(strstr(fix_text(&w->f), "No block with this tag"));
        fix_run(&w->f, "!poolfind -small -x \"? @$extret+1\" Proc");
        snprintf(want, sizeof want, w->ptr == 4 ? " = %08llx\n" : "%08llx\n",
                 ((unsigned long long)page + 0x8f0 + header + 1) & 0xffffffff);
        assert_non_null(strstr(fix_text(&w->f), want));
        fix_fails(&w->f, "!poolfind", "which tag?");
        fix_fails(&w->f, "!poolfind Leaks", "is no pool tag");
        world_free(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_shown_with_the_block_marked),
        cmocka_unit_test(who_is_charged_is_decoded),
        cmocka_unit_test(a_damaged_page_is_said_to_be_and_where),
        cmocka_unit_test(pages_of_garbage_end),
        cmocka_unit_test(large_allocations_are_found_in_every_build),
        cmocka_unit_test(a_table_that_cannot_be_is_refused_and_one_with_holes_is_said),
        cmocka_unit_test(a_search_finds_blocks_and_not_the_words_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
