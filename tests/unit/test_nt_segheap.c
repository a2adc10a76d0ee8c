/* SPDX-License-Identifier: MIT */
/*
 * Kernel pool on segment heaps: VS and LFH ranges written as the public research describes them,
 * read back by `!pool`; keys, segments and chunks that lie.
 */
#include "heap_world.h"

#include "cmd/poolshow.h"

static bool has_heaps(const struct pool_build *b) { return b->build >= 18362; }

static void run_pool(struct heap_world *h, uint64_t address, const char *rest) {
    char line[64];
    snprintf(line, sizeof line, "!pool %llx%s", (unsigned long long)address, rest);
    fix_run(&h->w->f, line);
}

static void blocks_of_both_kinds_are_shown_in_every_build(void **state) {
    (void)state;
    for (size_t i = 0; i < POOL_BUILDS; i++) {
        const struct pool_build *b = &pool_builds[i];
        struct heap_world h;
        char want[400];
        if (!has_heaps(b))
            continue;
        heap_world(&h, b);
        int d = (int)h.w->ptr * 2;
        uint32_t head = (uint32_t)world_sizeof(h.w, "_HEAP_VS_SUBSEGMENT");
        head = (head + h.unit - 1) / h.unit * h.unit;
        unsigned long long first = h.vs + head + h.chunk, free = h.vs + head + 0x240;
        world_open(h.w, SC_RENDER_TEXT);
        run_pool(&h, first + 0x40, "");
        /* What stands in a free block's place of the tag is no tag. */
        snprintf(want, sizeof want,
                 "region is Nonpaged pool\n"
                 "*%0*llx size: %4x previous size:    0  (Allocated) *Proc\n"
                 "\t\tPooltag Proc : Process objects, Binary : nt!ps\n"
                 " %0*llx size:   60 previous size:    0  (Free)       ",
                 d, first, 0x240 - h.chunk, d, free);
        assert_non_null(strstr(fix_text(&h.w->f), want));
        snprintf(want, sizeof want, " %0*llx size: %4x previous size:    0  (Allocated)  File\n", d,
                 free + 0x60 + h.chunk, 0x100 - h.chunk);
        assert_non_null(strstr(fix_text(&h.w->f), want));
        run_pool(&h, h.lfh + 0x80 + 0xa0 + 8, " 2");
        snprintf(want, sizeof want, "*%0*llx size:   50 previous size:    0  (Allocated) *Even\n",
                 d, (unsigned long long)h.lfh + 0x80 + 0xa0);
        assert_non_null(strstr(fix_text(&h.w->f), want));
        /* The middle of a range of several units leads back to its first. */
        run_pool(&h, h.vs + 0x1800, "");
        assert_non_null(strstr(fix_text(&h.w->f), "(Free)"));
        /* Pages that nobody has. */
        run_pool(&h, h.segment + 0xf000, "");
        assert_non_null(strstr(fix_text(&h.w->f), "Nothing is allocated there"));
        world_free(h.w);
    }
}

static void large_allocations_are_told_from_blocks(void **state) {
    (void)state;
    const struct pool_build *b = &pool_builds[POOL_BUILDS - 1];
    struct heap_world h;
    heap_world(&h, b);
    world_open(h.w, SC_RENDER_TEXT);
    run_pool(&h, h.segment + 0xb123, "");
    assert_non_null(strstr(fix_text(&h.w->f), "Large allocations were not looked at"));
    world_free(h.w);
}

static void what_lies_is_survived_and_said(void **state) {
    (void)state;
    const struct pool_build *b = &pool_builds[POOL_BUILDS - 1];
    struct heap_world h;
    heap_world(&h, b);
    uint64_t first = h.vs + 0x30;
    world_put(h.w, first, 8, KEY ^ first); /* a chunk of no bytes */
    world_open(h.w, SC_RENDER_TEXT);
    run_pool(&h, first + 0x40, "");
    assert_non_null(strstr(fix_text(&h.w->f), "The VS blocks from ffffd00d03104030 on cannot be "
                                              "followed"));
    world_free(h.w);
    /* A subsegment whose check is wrong; an LFH one whose blocks do not fit. */
    heap_world(&h, b);
    world_put(h.w, h.vs + 0x20, 2, 0x1234);
    world_put(h.w, h.lfh + 0x22, 2, 0xffff);
    world_open(h.w, SC_RENDER_TEXT);
    run_pool(&h, first + 0x40, "");
    assert_non_null(strstr(fix_text(&h.w->f), "cannot be followed"));
    run_pool(&h, h.lfh + 0x100, "");
    assert_non_null(strstr(fix_text(&h.w->f), "The LFH blocks from"));
    world_free(h.w);
    /* Descriptors that lead in front of the segment, or behind it. */
    heap_world(&h, b);
    range(&h, 5, 0xd, 1);
    world_set(h.w, "_HEAP_PAGE_RANGE_DESCRIPTOR", h.segment + 5 * 0x20, "UnitSize", 1, 200);
    world_set(h.w, "_HEAP_PAGE_RANGE_DESCRIPTOR", h.segment + 8 * 0x20, "UnitSize", 1, 255);
    world_open(h.w, SC_RENDER_TEXT);
    run_pool(&h, h.segment + 0x5010, "");
    assert_non_null(strstr(fix_text(&h.w->f), "not valid pool"));
    run_pool(&h, h.lfh + 0x90, "");
    world_free(h.w);
    /* A segment that belongs to no heap: the key is another one. */
    heap_world(&h, b);
    world_set(h.w, "_HEAP_PAGE_SEGMENT", h.segment, "Signature", 0, 0);
    world_open(h.w, SC_RENDER_TEXT);
    run_pool(&h, first + 0x40, "");
    assert_non_null(strstr(fix_text(&h.w->f), "not valid pool"));
    world_free(h.w);
}

static void what_is_missing_is_named(void **state) {
    (void)state;
    const struct pool_build *b = &pool_builds[POOL_BUILDS - 1];
    struct world *w = pool_world(b, 1);
    world_bytes(w, b->pool, 0x1000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!pool ffffd00d03000100");
    assert_non_null(strstr(fix_text(&w->f), "Small blocks were not looked at: the pool's heaps "
                                            "cannot be found without the symbol nt!ExPoolState"));
    world_free(w);
    w = pool_world(b, 1);
    world_bytes(w, b->pool, 0x1000);
    world_symbol(w, "ExPoolState", 0x1000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!pool ffffd00d03000100");
    assert_non_null(strstr(fix_text(&w->f), "nt!ExPoolState is not in the dump"));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_both_kinds_are_shown_in_every_build),
        cmocka_unit_test(large_allocations_are_told_from_blocks),
        cmocka_unit_test(what_lies_is_survived_and_said),
        cmocka_unit_test(what_is_missing_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
