/* SPDX-License-Identifier: MIT */
/* Entries of the PFN database of several builds, and databases that are not whole or lie. */
#include "kernel_world.h"

#include "nt/pfn.h"

static const struct build {
    enum sc_cpu cpu;
    uint32_t build;
    uint64_t nt, db;
    unsigned u2, u3, u4; /* where the public symbols have them */
    unsigned proto;      /* bit of PrototypePte: in u4, or (XP) in the flags */
} builds[] = {
    {SC_CPU_X86, 2600, 0x804d7000, 0x81000000, 0x08, 0x0c, 0x14, 3},
    {SC_CPU_X86, 7601, 0x82800000, 0x84000000, 0x04, 0x0c, 0x14, 27},
    {SC_CPU_X64, 7601, 0xfffff80001a1f000, 0xfffffa8000000000, 0x08, 0x18, 0x28, 57},
    {SC_CPU_X64, 9600, 0xfffff80201a1f000, 0xfffffa8000000000, 0x08, 0x18, 0x28, 57},
    {SC_CPU_X64, 17763, 0xfffff80401a1f000, 0xffffb40000000000, 0x18, 0x20, 0x28, 57},
    {SC_CPU_X64, 19041, 0xfffff80501a1f000, 0xffffc00000000000, 0x18, 0x20, 0x28, 63},
    {SC_CPU_X64, 22000, 0xfffff80601a1f000, 0xffffd00000000000, 0x18, 0x20, 0x28, 63},
};
enum { BUILDS = sizeof builds / sizeof *builds, FRAMES = 0x100 };

struct base {
    struct world *w;
    const struct build *b;
    struct nt nt;
    struct nt_pfndb db;
    uint64_t block;
    unsigned size;
};

static void base_begin(struct base *p, const struct build *b) {
    struct sc_type t;
    *p = (struct base){.w = world_new(b->cpu, b->build, b->nt), .b = b};
    assert_null(sc_type_of(p->w->layouts, world_type(p->w, "_MMPFN"), &t));
    p->size = (unsigned)t.size;
    uint64_t var = world_symbol(p->w, "MmPfnDatabase", 0x1000);
    uint64_t block = world_symbol(p->w, "MmPhysicalMemoryBlock", 0x1008);
    world_bytes(p->w, var, 0x10);
    world_put(p->w, var, p->w->ptr, b->db);
    p->block = b->nt + 0x2000;
    world_put(p->w, block, p->w->ptr, p->block);
    world_bytes(p->w, p->block, 0x80);
}

/* RUNS pairs of first frame and count. */
static void put_runs(struct base *p, unsigned runs, const uint64_t (*run)[2]) {
    unsigned ptr = p->w->ptr;
    world_put(p->w, p->block, 4, runs);
    for (unsigned i = 0; i < runs; i++) {
        world_put(p->w, p->block + (2 + 2 * i) * ptr, ptr, run[i][0]);
        world_put(p->w, p->block + (3 + 2 * i) * ptr, ptr, run[i][1]);
    }
}

static sc_err *base_open(struct base *p) {
    sc_symtab *symtab;
    sc_layout_book *book;
    world_open(p->w, SC_RENDER_TEXT);
    assert_null(sc_session_symbols(p->w->f.s, &symtab));
    assert_null(sc_session_layouts(p->w->f.s, &book));
    nt_init(&p->nt, p->w->f.target, symtab, book);
    return nt_pfndb_open(&p->nt, &p->db);
}

static uint64_t entry(const struct base *p, uint64_t pfn) { return p->b->db + pfn * p->size; }

static const uint64_t whole[1][2] = {{0, FRAMES}};

static void every_build_is_decoded(void **state) {
    (void)state;
    for (unsigned i = 0; i < BUILDS; i++) {
        const struct build *b = &builds[i];
        struct base p;
        struct nt_pfn e;
        bool found, xp = b->build == 2600;
        base_begin(&p, b);
        put_runs(&p, 1, whole);
        world_bytes(p.w, b->db, (size_t)FRAMES * p.size);
        uint64_t at = entry(&p, 0x42), pte = b->nt + 0x5000;
        world_set(p.w, "_MMPFN", at, "PteAddress", 0, pte | 1); /* a lock bit */
        world_set(p.w, "_MMPFN", at, "OriginalPte", p.w->ptr, 0x80);
        world_put(p.w, at + b->u2, p.w->ptr, 7);
        /* Standby, modified, cached; 5 references. */
        world_put(p.w, at + b->u3, 4,
                  xp ? 5u << 16 | 2u << 8 | 1u << 12 | 1 : 5 | 2u << 16 | 1u << 20 | 1u << 22);
        world_put(p.w, at + b->u4, p.w->ptr, 0x1234);
        assert_null(base_open(&p));
        assert_null(nt_pfn_read(&p.db, 0x42, &e, &found));
        assert_true(found);
        assert_int_equal(e.address, at);
        assert_int_equal(e.pte_address, pte);
        assert_int_equal(e.original_pte, 0x80);
        assert_int_equal(e.blink_or_share, 7);
        assert_int_equal(e.reference_count, 5);
        assert_int_equal(e.location, NT_PAGE_STANDBY);
        assert_true(e.modified);
        assert_int_equal(e.cache_attribute, 1);
        assert_int_equal(e.containing, 0x1234);
        assert_false(e.prototype);
        assert_false(e.read_in_progress || e.write_in_progress || e.parity_error);
        world_free(p.w);
    }
}

static void prototypes_are_known_by_the_builds_bit(void **state) {
    (void)state;
    for (unsigned i = 0; i < BUILDS; i++) {
        const struct build *b = &builds[i];
        struct base p;
        struct nt_pfn e;
        bool found, xp = b->build == 2600;
        base_begin(&p, b);
        put_runs(&p, 1, whole);
        world_bytes(p.w, b->db, (size_t)FRAMES * p.size);
        if (xp)
            world_put(p.w, entry(&p, 1) + b->u3, 4, 1u << b->proto);
        else
            world_put(p.w, entry(&p, 1) + b->u4, p.w->ptr, 1ull << b->proto | 0x77);
        assert_null(base_open(&p));
        assert_null(nt_pfn_read(&p.db, 1, &e, &found));
        assert_true(e.prototype);
        assert_int_equal(e.containing, xp ? 0 : 0x77);
        world_free(p.w);
    }
}

/* ---- all of them ---- */

struct seen {
    uint64_t count, first, last, active;
};

static sc_err *see(void *ctx, const struct nt_pfn *p) {
    struct seen *s = ctx;
    s->first = s->count ? s->first : p->pfn;
    s->last = p->pfn;
    s->count++;
    s->active += p->location == NT_PAGE_ACTIVE;
    return NULL;
}

static void only_frames_of_the_memory_block_count(void **state) {
    (void)state;
    static const uint64_t runs[2][2] = {{1, 0x9e}, {0xc0, 0x10}};
    struct base p;
    struct seen s = {0};
    uint64_t absent;
    base_begin(&p, &builds[2]);
    put_runs(&p, 2, runs);
    world_bytes(p.w, builds[2].db, (size_t)FRAMES * p.size);
    assert_null(base_open(&p));
    assert_int_equal(p.db.highest, 0xcf);
    assert_null(nt_pfndb_each(&p.db, see, &s, &absent));
    assert_int_equal(absent, 0);
    assert_int_equal(s.count, 0x9e + 0x10);
    assert_int_equal(s.first, 1);
    assert_int_equal(s.last, 0xcf);
    world_free(p.w);
}

/* Every second page of the database is missing, as kernel dumps have it. */
static void what_is_missing_is_counted_and_the_rest_read(void **state) {
    (void)state;
    struct base p;
    struct seen s = {0};
    uint64_t absent;
    static const uint64_t runs[1][2] = {{0, 0x400}};
    base_begin(&p, &builds[2]);
    put_runs(&p, 1, runs);
    uint64_t pages = (0x400 * p.size + 0xfff) / 0x1000;
    for (uint64_t i = 0; i < pages; i += 2)
        world_bytes(p.w, builds[2].db + i * 0x1000, 0x1000);
    assert_null(base_open(&p));
    assert_null(nt_pfndb_each(&p.db, see, &s, &absent));
    assert_int_equal(s.count + absent, 0x400);
    assert_true(s.count > 0x1c0 && s.count < 0x210);
    world_free(p.w);
}

/* A memory block of 2^52 pages, of which the dump has the entries of one page: no walk of hours. */
static void a_block_that_lies_ends_soon(void **state) {
    (void)state;
    struct base p;
    struct seen s = {0};
    uint64_t absent;
    static const uint64_t runs[1][2] = {{0, 0x8000000000000}};
    base_begin(&p, &builds[2]);
    put_runs(&p, 1, runs);
    world_bytes(p.w, builds[2].db, 0x1000);
    assert_null(base_open(&p));
    assert_null(nt_pfndb_each(&p.db, see, &s, &absent));
    assert_int_equal(s.count, 0x1000 / 0x30);
    assert_int_equal(s.count + absent, 0x8000000000000);
    world_free(p.w);
}

static void runs_that_overlap_are_not_believed(void **state) {
    (void)state;
    struct base p;
    static const uint64_t runs[2][2] = {{0, 0x80}, {0x40, 0x80}};
    base_begin(&p, &builds[5]);
    put_runs(&p, 2, runs);
    world_bytes(p.w, builds[5].db, (size_t)FRAMES * p.size);
    assert_null(base_open(&p));
    assert_int_equal(p.db.nruns, 0);
    world_free(p.w);
}

/* Then holes count as pages, and whoever counts is told. */
static void where_holes_are_not_known_that_is_said(void **state) {
    (void)state;
    for (int known = 0; known < 2; known++) {
        struct base p;
        base_begin(&p, &builds[5]);
        put_runs(&p, known, whole);
        uint64_t highest = world_symbol(p.w, "MmHighestPhysicalPage", 0x1010);
        world_bytes(p.w, highest, 8);
        world_put(p.w, highest, 8, FRAMES - 1);
        world_bytes(p.w, builds[5].db, (size_t)FRAMES * p.size);
        assert_null(base_open(&p));
        fix_run(&p.w->f, "!memusage 8");
        fix_has(&p.w->f, "TOTAL:");
        assert_int_equal(strstr(fix_text(&p.w->f), "Where RAM has holes is not known") != NULL,
                         !known);
        world_free(p.w);
    }
}

static void a_frame_there_is_not_is_an_error(void **state) {
    (void)state;
    struct base p;
    struct nt_pfn e;
    bool found = true;
    base_begin(&p, &builds[5]);
    put_runs(&p, 1, whole);
    assert_null(base_open(&p));
    sc_err *err = nt_pfn_read(&p.db, FRAMES, &e, &found);
    assert_int_equal(sc_err_code(err), SC_ERR_ARG);
    sc_err_destroy(err);
    assert_null(nt_pfn_read(&p.db, 0, &e, &found)); /* its entry is not in the dump */
    assert_false(found);
    world_free(p.w);
}

/* A small dump: neither runs nor a last frame. */
static void how_much_there_is_may_not_be_known(void **state) {
    (void)state;
    struct base p;
    struct nt_pfn e;
    struct seen s = {0};
    uint64_t absent;
    bool found = true;
    base_begin(&p, &builds[5]);
    assert_null(base_open(&p));
    assert_false(p.db.known);
    assert_null(nt_pfn_read(&p.db, 0x12345, &e, &found));
    assert_false(found);
    sc_err *err = nt_pfndb_each(&p.db, see, &s, &absent);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
    world_free(p.w);
}

static void no_database_says_why(void **state) {
    (void)state;
    struct base p = {.w = world_new(SC_CPU_X64, 7601, builds[2].nt), .b = &builds[2]};
    sc_err *err = base_open(&p);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    assert_non_null(strstr(sc_err_text(err), "MmPfnDatabase"));
    sc_err_destroy(err);
    world_free(p.w);
}

/* Without symbols for it and the debugger data block's word. */
static void the_header_has_the_variables_address_or_its_value(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct base p = {.w = world_new(SC_CPU_X64, 7601, builds[2].nt), .b = &builds[2]};
        uint64_t variable = builds[2].nt + 0x3008;
        world_bytes(p.w, variable, 8);
        world_put(p.w, variable, 8, i == 2 ? 0x1000 : builds[2].db);
        p.w->m.pfn_database = i ? variable : builds[2].db;
        sc_err *err = base_open(&p);
        if (i < 2) {
            assert_null(err);
            assert_true(p.db.base == builds[2].db);
        } else {
            assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
        }
        sc_err_destroy(err);
        world_free(p.w);
    }
}

static void only_what_waits_for_a_user_is_not_in_use(void **state) {
    (void)state;
    static const bool in_use[NT_PAGE_LOCATIONS] = {
        [NT_PAGE_MODIFIED] = true,
        [NT_PAGE_MODIFIED_NO_WRITE] = true,
        [NT_PAGE_ACTIVE] = true,
        [NT_PAGE_TRANSITION] = true,
    };
    for (unsigned i = 0; i < NT_PAGE_LOCATIONS; i++) {
        struct nt_pfn p = {.location = i};
        assert_int_equal(nt_pfn_in_use(&p), in_use[i]);
        p.reference_count = 1;
        assert_int_equal(nt_pfn_in_use(&p), i != NT_PAGE_BAD);
        p = (struct nt_pfn){.location = i, .read_in_progress = true};
        assert_int_equal(nt_pfn_in_use(&p), i != NT_PAGE_BAD);
        p = (struct nt_pfn){.location = i, .write_in_progress = true};
        assert_int_equal(nt_pfn_in_use(&p), i != NT_PAGE_BAD);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_build_is_decoded),
        cmocka_unit_test(prototypes_are_known_by_the_builds_bit),
        cmocka_unit_test(only_frames_of_the_memory_block_count),
        cmocka_unit_test(what_is_missing_is_counted_and_the_rest_read),
        cmocka_unit_test(a_block_that_lies_ends_soon),
        cmocka_unit_test(runs_that_overlap_are_not_believed),
        cmocka_unit_test(where_holes_are_not_known_that_is_said),
        cmocka_unit_test(a_frame_there_is_not_is_an_error),
        cmocka_unit_test(how_much_there_is_may_not_be_known),
        cmocka_unit_test(no_database_says_why),
        cmocka_unit_test(the_header_has_the_variables_address_or_its_value),
        cmocka_unit_test(only_what_waits_for_a_user_is_not_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
