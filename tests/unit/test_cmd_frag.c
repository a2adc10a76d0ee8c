/* SPDX-License-Identifier: MIT */
/* `!frag`: pages of headers on every build that has them, and what segment heaps say. */
#include "heap_world.h"

#define PAGE(b) ((b)->pool + 0x100000)

enum { FREE, NONPAGED, PAGED };

struct pool_row {
    uint32_t size;
    const char *tag;
    unsigned kind;
};

static void put_page(struct world *w, uint64_t page, const struct pool_row *row, size_t n) {
    const unsigned unit = w->ptr * 2;
    const bool old = w->m.build < 6000;
    uint32_t offset = 0, previous = 0;
    world_bytes(w, page, 0x1000);
    for (size_t i = 0; i < n; i++) {
        uint64_t type = row[i].kind == FREE ? 0 : row[i].kind == PAGED ? 2 + !old : 1 + !old;
        uint64_t size = row[i].size / unit;
        world_put(w, page + offset, 4,
                  previous / unit | size << 16 | type << (w->ptr == 4 ? 25 : 24));
        world_put(w, page + offset + 4, 4, pool_key(row[i].tag));
        previous = row[i].size;
        offset += previous;
    }
}

static const struct pool_row sparse[] = {{0x640, "KDNF", NONPAGED},
                                         {0x2b0, "Frag", FREE},
                                         {0x80, "Proc", NONPAGED},
                                         {0x40, "Mm  ", FREE},
                                         {0x650, "KDNF", NONPAGED}};
static const struct pool_row full[] = {{0x800, "File", PAGED}, {0x800, "File", PAGED}};

static struct world *make(const struct pool_build *b) {
    struct world *w = pool_world(b, 1);
    put_page(w, PAGE(b), sparse, 5);
    put_page(w, PAGE(b) + 0x1000, full, 2);
    put_page(w, PAGE(b) + 0x2000, full, 1); /* its chain ends before the page does: no pool page */
    return w;
}

static void pages_are_counted_by_pool(void **state) {
    (void)state;
    for (size_t i = 0; i < POOL_BUILDS; i++) {
        const struct pool_build *b = &pool_builds[i];
        if (b->build >= 18362)
            continue;
        struct world *w = make(b);
        char want[300];
        int d = (int)w->ptr * 2;
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!frag");
        fix_has(
            &w->f,
            "Pool                  Pages     Sparse   Used (Kb)   Free (Kb)  Fragments  Largest\n"
            "Nonpaged pool             1          1           3           0          2      2b0\n"
            "Paged pool                1          0           4           0          0        0\n");
        if (i != 2) /* Windows 7 on x64 has its pools at fixed addresses */
            fix_has(&w->f, "Where the pools are is not known: all kernel memory was looked at.\n");
        fix_run(&w->f, "!frag 3");
        snprintf(want, sizeof want,
                 " %0*llx size:  2b0 previous size:  640  (Free)       Frag\n"
                 " %0*llx size:   40 previous size:   80  (Free)       Mm  \n\nPool ",
                 d, (unsigned long long)PAGE(b) + 0x640, d, (unsigned long long)PAGE(b) + 0x970);
        fix_has(&w->f, want);
        fix_has(&w->f, "\nBlocks on pages with something free:\n"
                       " Tag      Allocs         Used      Pages\n"
                       " KDNF          2         3216          1\n"
                       " Proc          1          128          1\n");
        world_free(w);
    }
}

/* Where the kernel says its pools are, nothing else is looked at. */
static void only_the_pools_are_looked_at_when_they_are_known(void **state) {
    (void)state;
    const struct pool_build *b = &pool_builds[0];
    struct world *w = make(b);
    pool_var(w, "MmNonPagedPoolStart", 0x1000, PAGE(b) + 0x1000);
    pool_var(w, "MmNonPagedPoolEnd", 0x1010, PAGE(b) + 0x2000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!frag");
    assert_null(strstr(fix_text(&w->f), "Nonpaged pool"));
    fix_has(&w->f, "Paged pool                1          0           4           0          0");
    assert_null(strstr(fix_text(&w->f), "not known"));
    world_free(w);
}

static void heaps_say_themselves_what_is_free(void **state) {
    (void)state;
    for (size_t i = 6; i < POOL_BUILDS; i++) {
        struct heap_world h;
        char want[160];
        heap_world(&h, &pool_builds[i]);
        if (h.w->ptr == 8) {
            world_set(h.w, "_SEGMENT_HEAP", h.heap, "MemStats.TotalReservedPages", 0, 0x1000);
            world_set(h.w, "_SEGMENT_HEAP", h.heap, "MemStats.TotalCommittedPages", 0, 900);
            world_set(h.w, "_SEGMENT_HEAP", h.heap, "MemStats.FreeCommittedPages", 0, 80);
            world_set(h.w, "_SEGMENT_HEAP", h.heap, "MemStats.LfhFreeCommittedPages", 0, 7);
        }
        world_open(h.w, SC_RENDER_TEXT);
        fix_run(&h.w->f, "!frag 3");
        snprintf(want, sizeof want, "%0*llx Nonpaged pool    ", (int)h.w->ptr * 2,
                 (unsigned long long)h.heap);
        fix_has(&h.w->f, want);
        if (h.w->ptr == 8)
            fix_has(&h.w->f, "      4096        900         80          7\n");
        fix_has(&h.w->f, "since Windows 10 19H1 free blocks lie in heaps (nt!_SEGMENT_HEAP)");
        world_free(h.w);
    }
}

static void without_a_page_of_pool_it_is_said_what_is_missing(void **state) {
    (void)state;
    struct world *w = pool_world(&pool_builds[2], 1);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!frag", "no page of small blocks (nt!_POOL_HEADER) is in the dump");
    world_free(w);
    w = pool_world(&pool_builds[6], 1);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!frag", "nt!ExPoolState");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_counted_by_pool),
        cmocka_unit_test(only_the_pools_are_looked_at_when_they_are_known),
        cmocka_unit_test(heaps_say_themselves_what_is_free),
        cmocka_unit_test(without_a_page_of_pool_it_is_said_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
