/* SPDX-License-Identifier: MIT */
/* Trees of VADs of every family of builds, and trees that are none. */
#include "kernel_world.h"

#include "nt/vad.h"

static const struct build {
    enum sc_cpu cpu;
    uint32_t build;
    uint64_t nt, pool;
} builds[] = {
    {SC_CPU_X86, 2600, 0x804d7000, 0x86000000},
    {SC_CPU_X86, 7601, 0x82800000, 0x86000000},
    {SC_CPU_X64, 3790, 0xfffff80001000000, 0xfffffa8003000000},
    {SC_CPU_X64, 6002, 0xfffff80001a00000, 0xfffffa8003000000},
    {SC_CPU_X64, 7601, 0xfffff80001a1f000, 0xfffffa8003000000},
    {SC_CPU_X64, 9200, 0xfffff80201a00000, 0xfffffa8003000000},
    {SC_CPU_X64, 9600, 0xfffff80201a1f000, 0xffffe00103000000},
    {SC_CPU_X64, 10240, 0xfffff80201a00000, 0xffffe00103000000},
    {SC_CPU_X64, 17763, 0xfffff80401a1f000, 0xffffb40d03000000},
    {SC_CPU_X64, 19041, 0xfffff80501a1f000, 0xffffc00d03000000},
    {SC_CPU_X86, 19041, 0x82800000, 0x85000000},
    {SC_CPU_X64, 22000, 0xfffff80601a1f000, 0xffffd00d03000000},
};
enum { BUILDS = sizeof builds / sizeof *builds, NODE = 0x100, NODES = 8 };

struct tree {
    struct world *w;
    const struct build *b;
    struct nt nt;
    unsigned left, right; /* offsets of the links, by the public layouts */
};

/* Nodes lie one behind the other from the pool's address on. */
static uint64_t node(const struct tree *t, unsigned i) { return t->b->pool + (uint64_t)i * NODE; }

static void tree_begin(struct tree *t, const struct build *b) {
    unsigned ptr = sc_cpu_ptr_size(b->cpu);
    *t = (struct tree){.w = world_new(b->cpu, b->build, b->nt), .b = b};
    t->left = b->build < 3790 ? 3 * ptr : b->build < 9600 ? ptr : 0;
    t->right = t->left + ptr;
    world_bytes(t->w, b->pool, NODE * NODES);
}

static void tree_open(struct tree *t) {
    sc_symtab *symtab;
    sc_layout_book *book;
    world_open(t->w, SC_RENDER_TEXT);
    assert_null(sc_session_symbols(t->w->f.s, &symtab));
    assert_null(sc_session_layouts(t->w->f.s, &book));
    nt_init(&t->nt, t->w->f.target, symtab, book);
}

static void put_range(struct tree *t, unsigned i, uint64_t start, uint64_t end) {
    static const char type[] = "_MMVAD_SHORT";
    bool split = t->b->build >= 9200 && t->w->ptr == 8;
    size_t size = split ? 4 : t->w->ptr;
    world_set(t->w, type, node(t, i), "StartingVpn", size, start & (split ? UINT32_MAX : ~0ull));
    world_set(t->w, type, node(t, i), "EndingVpn", size, end & (split ? UINT32_MAX : ~0ull));
    if (split && t->b->build >= 9600) {
        world_set(t->w, type, node(t, i), "StartingVpnHigh", 1, start >> 32);
        world_set(t->w, type, node(t, i), "EndingVpnHigh", 1, end >> 32);
    }
}

static void put_links(struct tree *t, unsigned i, uint64_t left, uint64_t right) {
    world_put(t->w, node(t, i) + t->left, t->w->ptr, left);
    world_put(t->w, node(t, i) + t->right, t->w->ptr, right);
}

/* 1 below 0 to the left, 2 to the right, 3 below 2 to the left. */
static void put_tree(struct tree *t) {
    put_range(t, 0, 0x400, 0x407);
    put_range(t, 1, 0x10, 0x1f);
    put_range(t, 2, 0x7ffe0, 0x7ffe0);
    put_range(t, 3, 0x1000, 0x1fff);
    put_links(t, 0, node(t, 1), node(t, 2));
    put_links(t, 2, node(t, 3), 0);
}

struct walked {
    struct nt_vads vads;
    struct nt_vad vad[NODES];
    unsigned count;
};

static struct walked walk(struct tree *t, uint64_t root) {
    static struct walked w;
    bool more = true;
    memset(&w, 0, sizeof w);
    assert_null(nt_vads_begin(&w.vads, &t->nt, root));
    while (more) {
        struct nt_vad v;
        assert_null(nt_vads_next(&w.vads, &v, &more));
        if (more && w.count < NODES)
            w.vad[w.count++] = v;
    }
    return w;
}

static void every_build_is_walked_in_order(void **state) {
    (void)state;
    for (unsigned i = 0; i < BUILDS; i++) {
        struct tree t;
        tree_begin(&t, &builds[i]);
        put_tree(&t);
        tree_open(&t);
        struct walked w = walk(&t, node(&t, 0));
        static const uint64_t starts[] = {0x10, 0x400, 0x1000, 0x7ffe0};
        static const unsigned levels[] = {1, 0, 2, 1}, index[] = {1, 0, 3, 2};
        assert_int_equal(w.count, 4);
        for (unsigned n = 0; n < 4; n++) {
            assert_int_equal(w.vad[n].address, node(&t, index[n]));
            assert_int_equal(w.vad[n].start, starts[n]);
            assert_int_equal(w.vad[n].level, levels[n]);
        }
        assert_int_equal(w.vads.end, NT_LIST_DONE);
        assert_int_equal(w.vads.max_level, 2);
        world_free(t.w);
    }
}

static void flags_are_read_where_the_build_has_them(void **state) {
    (void)state;
    for (unsigned i = 0; i < BUILDS; i++) {
        const struct build *b = &builds[i];
        struct tree t;
        uint64_t at, commit;
        tree_begin(&t, b);
        put_tree(&t);
        /* Of 22000 the table of layouts has no `u`: it lies behind the lock. */
        bool unnamed = b->build == 22000;
        at = node(&t, 1) + (unnamed ? world_offset(t.w, "_MMVAD_SHORT", "PushLock") + 8
                                    : world_offset(t.w, "_MMVAD_SHORT", "u"));
        world_bits(t.w, "_MMVAD_FLAGS", at, "Protection", 6);
        world_bits(t.w, "_MMVAD_FLAGS", at, "PrivateMemory", 1);
        commit = at;
        if (b->build >= 9200) {
            commit = unnamed ? at + 4 : node(&t, 1) + world_offset(t.w, "_MMVAD_SHORT", "u1");
            world_bits(t.w, "_MMVAD_FLAGS1", commit, "CommitCharge", 0x123);
            world_bits(t.w, "_MMVAD_FLAGS1", commit, "MemCommit", 1);
        } else {
            world_bits(t.w, "_MMVAD_FLAGS", commit, "CommitCharge", 0x123);
            world_bits(t.w, "_MMVAD_FLAGS", commit, "MemCommit", 1);
        }
        tree_open(&t);
        struct walked w = walk(&t, node(&t, 0));
        assert_int_equal(w.count, 4);
        assert_true(w.vad[0].has_flags);
        assert_true(w.vad[0].is_private);
        assert_true(w.vad[0].committed);
        assert_int_equal(w.vad[0].protection, 6);
        assert_int_equal(w.vad[0].commit.value, 0x123);
        assert_string_equal(nt_vad_protection_name(w.vad[0].protection), "EXECUTE_READWRITE");
        assert_false(w.vad[1].is_private);
        world_free(t.w);
    }
}

/* Until Server 2003 there is a bit for each kind, since Vista a number. */
static void every_kind_has_its_name_in_old_windows_too(void **state) {
    (void)state;
    static const struct {
        const char *bit, *name;
    } kinds[] = {{"ImageMap", "Exe"},
                 {"PhysicalMapping", "Phys"},
                 {"UserPhysicalPages", "AWE"},
                 {"WriteWatch", "WrtWatch"},
                 {"LargePages", "LargePag"}};
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct tree t;
        tree_begin(&t, &builds[0]);
        put_range(&t, 0, 0x400, 0x407);
        world_bits(t.w, "_MMVAD_FLAGS", node(&t, 0) + world_offset(t.w, "_MMVAD_SHORT", "u"),
                   kinds[i].bit, 1);
        tree_open(&t);
        struct walked w = walk(&t, node(&t, 0));
        assert_int_equal(w.count, 1);
        assert_string_equal(nt_vad_type_name(w.vad[0].type), kinds[i].name);
        world_free(t.w);
    }
}

static void pages_beyond_16_tb_have_their_upper_bits(void **state) {
    (void)state;
    struct tree t;
    tree_begin(&t, &builds[9]);
    put_range(&t, 0, 0x7ffa77a00, 0x7ffa77a1f);
    tree_open(&t);
    struct walked w = walk(&t, node(&t, 0));
    assert_int_equal(w.count, 1);
    assert_int_equal(w.vad[0].start, 0x7ffa77a00);
    assert_int_equal(w.vad[0].end, 0x7ffa77a1f);
    world_free(t.w);
}

/* ---- trees that lie ---- */

static void a_circle_ends(void **state) {
    (void)state;
    for (unsigned i = 0; i < BUILDS; i++) {
        struct tree t;
        tree_begin(&t, &builds[i]);
        put_tree(&t);
        put_links(&t, 1, 0, node(&t, 0)); /* back to the root */
        tree_open(&t);
        struct walked w = walk(&t, node(&t, 0));
        assert_int_equal(w.vads.end, NT_LIST_LOOP);
        assert_true(w.count <= 4);
        world_free(t.w);
        tree_begin(&t, &builds[i]);
        put_tree(&t);
        put_links(&t, 1, node(&t, 1), 0); /* its own child: down to the left for ever */
        tree_open(&t);
        w = walk(&t, node(&t, 0));
        assert_int_equal(w.vads.end, NT_LIST_LOOP);
        assert_int_equal(w.count, 0);
        world_free(t.w);
    }
}

static void one_subtree_on_both_sides_is_seen_once(void **state) {
    (void)state;
    struct tree t;
    tree_begin(&t, &builds[4]);
    /* Each node has the next one on both sides: 2^7 ways through 8 nodes. */
    for (unsigned i = 0; i < NODES; i++) {
        put_range(&t, i, 0x100 * (NODES - i), 0x100 * (NODES - i) + 0xf);
        if (i + 1 < NODES)
            put_links(&t, i, node(&t, i + 1), node(&t, i + 1));
    }
    tree_open(&t);
    struct walked w = walk(&t, node(&t, 0));
    assert_int_equal(w.vads.end, NT_LIST_LOOP);
    assert_true(w.vads.count <= NODES);
    world_free(t.w);
}

static void a_link_that_is_no_kernel_address_is_broken(void **state) {
    (void)state;
    static const uint64_t bad[] = {0x41414140, 0x8600000000000001, 0x10};
    for (unsigned i = 0; i < 3; i++) {
        struct tree t;
        char buf[NT_LIST_TEXT];
        tree_begin(&t, &builds[4]);
        put_tree(&t);
        put_links(&t, 2, bad[i], 0);
        tree_open(&t);
        struct walked w = walk(&t, node(&t, 0));
        assert_int_equal(w.vads.end, NT_LIST_BROKEN);
        assert_int_equal(w.count, 2);
        assert_non_null(strstr(nt_vads_end_text(&w.vads, buf), "where no VAD can be"));
        world_free(t.w);
    }
}

static void a_node_that_is_not_in_the_dump_is_counted_and_the_rest_seen(void **state) {
    (void)state;
    struct tree t;
    tree_begin(&t, &builds[4]);
    put_tree(&t);
    put_links(&t, 2, t.b->pool + 0x100000, 0);
    tree_open(&t);
    struct walked w = walk(&t, node(&t, 0));
    assert_int_equal(w.vads.end, NT_LIST_DONE);
    assert_int_equal(w.vads.absent, 1);
    assert_int_equal(w.count, 3);
    assert_int_equal(w.vad[2].start, 0x7ffe0);
    world_free(t.w);
}

static void a_range_that_ends_before_it_starts_ends_the_walk(void **state) {
    (void)state;
    struct tree t;
    tree_begin(&t, &builds[4]);
    put_tree(&t);
    put_range(&t, 0, 0x500, 0x4ff);
    tree_open(&t);
    struct walked w = walk(&t, node(&t, 0));
    assert_int_equal(w.vads.end, NT_LIST_LOOP);
    assert_int_equal(w.count, 1);
    world_free(t.w);
}

/* ---- questions ---- */

static void the_vad_of_a_page_is_found(void **state) {
    (void)state;
    struct tree t;
    struct nt_vad v;
    bool found;
    tree_begin(&t, &builds[6]);
    put_tree(&t);
    tree_open(&t);
    assert_null(nt_vad_find(&t.nt, node(&t, 0), 0x1fff, &v, &found));
    assert_true(found);
    assert_int_equal(v.address, node(&t, 3));
    assert_null(nt_vad_find(&t.nt, node(&t, 0), 0x2000, &v, &found));
    assert_false(found);
    world_free(t.w);
}

/* The array of the first subsection has 2 entries; the view begins with its second one. */
static void prototypes_go_on_in_the_next_subsection(void **state) {
    (void)state;
    struct tree t;
    struct nt_vad v;
    bool found;
    uint64_t at, sub = builds[6].pool + 0x10000, next = sub + 0x100, array = sub + 0x1000,
                 second = sub + 0x2000;
    tree_begin(&t, &builds[6]);
    put_range(&t, 0, 0x100, 0x1ff);
    world_set(t.w, "_MMVAD", node(&t, 0), "Subsection", 0, sub);
    world_set(t.w, "_MMVAD", node(&t, 0), "FirstPrototypePte", 0, array + 8);
    world_set(t.w, "_MMVAD", node(&t, 0), "LastContiguousPte", 0, array + 8);
    world_object(t.w, sub, "_SUBSECTION");
    world_object(t.w, next, "_SUBSECTION");
    world_set(t.w, "_SUBSECTION", sub, "SubsectionBase", 0, array);
    world_set(t.w, "_SUBSECTION", sub, "PtesInSubsection", 4, 2);
    world_set(t.w, "_SUBSECTION", sub, "NextSubsection", 0, next);
    world_set(t.w, "_SUBSECTION", next, "SubsectionBase", 0, second);
    world_set(t.w, "_SUBSECTION", next, "PtesInSubsection", 4, 0x10);
    world_set(t.w, "_SUBSECTION", next, "NextSubsection", 0, next); /* for ever */
    tree_open(&t);
    assert_null(nt_vad_read(&t.nt, node(&t, 0), &v, &found));
    assert_true(found);
    assert_null(nt_vad_prototype(&t.nt, &v, 0x100, 8, &at));
    assert_int_equal(at, array + 8);
    assert_null(nt_vad_prototype(&t.nt, &v, 0x101, 8, &at));
    assert_int_equal(at, second);
    assert_null(nt_vad_prototype(&t.nt, &v, 0x103, 8, &at));
    assert_int_equal(at, second + 0x10);
    assert_null(nt_vad_prototype(&t.nt, &v, 0x200, 8, &at)); /* outside */
    assert_int_equal(at, 0);
    world_free(t.w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_build_is_walked_in_order),
        cmocka_unit_test(flags_are_read_where_the_build_has_them),
        cmocka_unit_test(every_kind_has_its_name_in_old_windows_too),
        cmocka_unit_test(pages_beyond_16_tb_have_their_upper_bits),
        cmocka_unit_test(a_circle_ends),
        cmocka_unit_test(one_subtree_on_both_sides_is_seen_once),
        cmocka_unit_test(a_link_that_is_no_kernel_address_is_broken),
        cmocka_unit_test(a_node_that_is_not_in_the_dump_is_counted_and_the_rest_seen),
        cmocka_unit_test(a_range_that_ends_before_it_starts_ends_the_walk),
        cmocka_unit_test(the_vad_of_a_page_is_found),
        cmocka_unit_test(prototypes_go_on_in_the_next_subsection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
