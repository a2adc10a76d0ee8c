/* SPDX-License-Identifier: MIT */
/* `!lookaside`, `!sysptes`, `!filecache`: on old and new builds; lists and arrays that lie. */
#include "pool_world.h"

static const struct pool_build *const xp = &pool_builds[0], *const win7 = &pool_builds[2],
                                      *const win10 = &pool_builds[6];

/* ---- look-aside lists ---- */

static void put_lookaside(struct world *w, uint64_t at) {
    static const char type[] = "_GENERAL_LOOKASIDE";
    world_object(w, at, type);
    world_put(w, w->ptr == 4 ? at + 4 : at, 2, 3);
    world_set(w, type, at, "Depth", 2, 4);
    world_set(w, type, at, "MaximumDepth", 2, 256);
    world_set(w, type, at, "TotalAllocates", 4, 272492);
    world_set(w, type, at, "AllocateMisses", 4, 8);
    world_set(w, type, at, "TotalFrees", 4, 272488);
    world_set(w, type, at, "FreeMisses", 4, 0);
    world_set(w, type, at, "Type", 4, 0x11);
    world_set(w, type, at, "Tag", 4, 0x7366744e);
    world_set(w, type, at, "Size", 4, 496);
}

static void a_lookaside_list_is_shown_as_documented(void **state) {
    (void)state;
    static const struct pool_build *const builds[] = {&pool_builds[0], &pool_builds[2],
                                                      &pool_builds[8]};
    for (size_t i = 0; i < 3; i++) {
        const struct pool_build *b = builds[i];
        struct world *w = pool_world(b, 1);
        char line[64], want[700];
        put_lookaside(w, b->pool);
        world_open(w, SC_RENDER_TEXT);
        snprintf(line, sizeof line, "!lookaside %llx", (unsigned long long)b->pool);
        fix_run(&w->f, line);
        snprintf(want, sizeof want,
                 "\nLookaside \"\" @ 0x%llx  Tag(hex): 0x7366744e \"Ntfs\"\n"
                 "    Type           =       0011  PagedPool RaiseIfAllocationFailure\n"
                 "    Current Depth  =          3  Max Depth  =          4\n"
                 "    Size           =        496  Max Alloc  =       1984\n"
                 "    AllocateMisses =          8  FreeMisses =          0\n"
                 "    TotalAllocates =     272492  TotalFrees =     272488\n"
                 "    Hit Rate       =         99%% Hit Rate   =        100%%\n",
                 (unsigned long long)b->pool);
        assert_string_equal(fix_text(&w->f), want);
        fix_fails(&w->f, "!lookaside 1000 2 10", "2 changes the depth of a list: a dump is only");
        fix_run(&w->f, "!lookaside -?");
        fix_has(&w->f, "look-aside lists");
        world_free(w);
    }
}

static void lists_of_them_are_walked_and_named(void **state) {
    (void)state;
    struct world *w = pool_world(win7, 1);
    uint64_t head = world_symbol(w, "ExSystemLookasideListHead", 0x1000), entry[2];
    uint64_t first = world_symbol(w, "IopSmallIrpLookasideList", 0x2000);
    world_bytes(w, head, 16);
    put_lookaside(w, first);
    put_lookaside(w, win7->pool);
    entry[0] = first + world_offset(w, "_GENERAL_LOOKASIDE", "ListEntry");
    entry[1] = win7->pool + world_offset(w, "_GENERAL_LOOKASIDE", "ListEntry");
    world_ring(w, head, entry, 2);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!lookaside");
    assert_non_null(strstr(fix_text(&w->f), "Lookaside \"nt!IopSmallIrpLookasideList\" @"));
    assert_non_null(strstr(fix_text(&w->f), "Lookaside \"\" @ 0xfffffa8003000000"));
    world_free(w);
    w = pool_world(win7, 1);
    head = world_symbol(w, "ExSystemLookasideListHead", 0x1000);
    world_bytes(w, head, 16);
    world_put(w, head, 8, 0x4141414141414141);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!lookaside -all");
    assert_non_null(strstr(fix_text(&w->f), "is damaged"));
    fix_fails(&w->f, "!lookaside fffffa8003000000", "there is no memory at");
    world_free(w);
    w = pool_world(win7, 1);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!lookaside", "do not have nt!ExSystemLookasideListHead");
    world_free(w);
}

/* A driver that overwrote a link: each list is walked once around at most, and that is said. */
static void a_list_of_them_that_never_comes_back_is_left(void **state) {
    (void)state;
    struct world *w = pool_world(win7, 1);
    uint64_t head = world_symbol(w, "ExSystemLookasideListHead", 0x1000);
    uint64_t link = world_offset(w, "_GENERAL_LOOKASIDE", "ListEntry");
    world_bytes(w, head, 16);
    put_lookaside(w, win7->pool);
    put_lookaside(w, win7->pool + 0x100);
    world_put(w, head, 8, win7->pool + link);
    world_put(w, head + 8, 8, win7->pool + link);
    world_put(w, win7->pool + link, 8, win7->pool + 0x100 + link);
    world_put(w, win7->pool + 0x100 + link, 8, win7->pool + link);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!lookaside");
    assert_non_null(strstr(fix_text(&w->f), "0xfffffa8003000100"));
    assert_non_null(strstr(fix_text(&w->f), "and never ends"));
    world_free(w);
}

/* ---- system PTEs ---- */

static void system_ptes_are_counted_from_a_bitmap(void **state) {
    (void)state;
    struct world *w = pool_world(win7, 1);
    static const char type[] = "_MI_SYSTEM_PTE_TYPE";
    uint64_t at = world_symbol(w, "MiSystemPteInfo", 0x1000);
    world_object(w, at, type);
    world_set(w, type, at, "TotalSystemPtes", 4, 100);
    world_set(w, type, at, "TotalFreeSystemPtes", 4, 25);
    world_set(w, type, at, "PteFailures", 4, 2);
    world_set(w, type, at, "Bitmap.SizeOfBitMap", 4, 100);
    world_set(w, type, at, "Bitmap.Buffer", 8, win7->pool);
    world_set(w, type, at, "BasePte", 8, 0xfffff6fc40000000);
    world_bytes(w, win7->pool, 16);
    for (unsigned i = 0; i < 13; i++) /* free: bits 3, 40 to 63 */
        world_put(w, win7->pool + i, 1, i == 0 ? 0xf7 : i >= 5 && i < 8 ? 0 : 0xff);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!sysptes 1");
    assert_string_equal(fix_text(&w->f),
                        "\nSystem PTE Information\n"
                        "  Total System Ptes 100\n"
                        "  Free System Ptes  25  [nt!MiSystemPteInfo]\n"
                        "  2 requests have failed\n"
                        "\n    starting PTE: fffff6fc40000000\n\n"
                        "      free ptes: fffff6fc40000018   number free: 1.\n"
                        "      free ptes: fffff6fc40000140   number free: 24.\n"
                        "\n  free blocks: 2   total free: 25    largest free block: 24\n");
    world_free(w);
}

static void xp_keeps_system_ptes_by_size(void **state) {
    (void)state;
    struct world *w = pool_world(xp, 1);
    pool_var(w, "MmTotalFreeSystemPtes", 0x1000, 45134);
    pool_var(w, "MmNumberOfSystemPtes", 0x1010, 50962);
    world_bytes(w, w->m.kernel_base + 0x1004, 4);
    world_put(w, w->m.kernel_base + 0x1004, 4, 5145);
    uint64_t index = world_symbol(w, "MmSysPteIndex", 0x1020);
    uint64_t count = world_symbol(w, "MmSysPteListBySizeCount", 0x1040);
    world_bytes(w, index, 20);
    world_bytes(w, count, 20);
    for (unsigned i = 0; i < 5; i++) {
        world_put(w, index + 4 * i, 4, 1u << i);
        world_put(w, count + 4 * i, 4, 400 - 90 * i);
    }
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!sysptes");
    assert_non_null(strstr(fix_text(&w->f), "  Total System Ptes 50962\n"));
    assert_non_null(strstr(fix_text(&w->f), "     SysPtes list of size 1 has 400 free\n"
                                            "     SysPtes list of size 2 has 310 free\n"));
    fix_prints(&w->f, "!sysptes 8",
               "\nSystem PTE Information\n  Nonpaged pool expansion: 5145 free\n");
    fix_run(&w->f, "!sysptes 3");
    fix_has(&w->f, "are not known: nt!MmFirstFreeSystemPte is not in the symbols");
    fix_has(&w->f, "of special pool are not known: nt!MiSpecialPoolFirstPte is not in the symbols");
    fix_fails(&w->f, "!sysptes 4", "flag 4 needs nt!MiPteHeader");
    world_free(w);
}

static void bitmaps_that_lie_are_survived(void **state) {
    (void)state;
    struct world *w = pool_world(win10, 1);
    static const char type[] = "_MI_SYSTEM_INFORMATION";
    uint64_t at = world_symbol(w, "MiState", 0x1000);
    world_object(w, at, type);
    world_set(w, type, at, "Vs.SystemPteInfo.Bitmap.SizeOfBitMap", 8, UINT64_MAX);
    world_set(w, type, at, "Vs.SystemPteInfo.Bitmap.Buffer", 8, win10->pool);
    world_set(w, type, at, "SystemPtes.KernelStackPteInfo.Bitmap.SizeOfBitMap", 8, 1 << 29);
    world_set(w, type, at, "SystemPtes.KernelStackPteInfo.Bitmap.Buffer", 8, win10->pool);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!sysptes 1");
    assert_non_null(strstr(fix_text(&w->f), "The bitmap of nt!MiState.Vs.SystemPteInfo is not in "
                                            "the dump."));
    world_free(w);
    w = pool_world(win10, 1);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!sysptes", "neither nt!MiSystemPteInfo nor nt!MiState");
    world_free(w);
}

/* 32-bit Windows 7: the variable is there, its structure is in no table at hand. */
static void a_structure_that_the_symbols_lack_is_named(void **state) {
    (void)state;
    const struct pool_build *b = &pool_builds[1];
    struct world *w = pool_world(b, 1);
    world_bytes(w, world_symbol(w, "MiSystemPteInfo", 0x1000), 0x40);
    pool_var(w, "CcVacbArrays", 0x1100, b->pool + 0x1000);
    pool_var(w, "CcVacbArraysHighestUsedIndex", 0x1110, 0);
    world_bytes(w, b->pool, 0x400);
    world_bytes(w, b->pool + 0x1000, 8);
    world_put(w, b->pool + 0x1000, 4, b->pool);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!sysptes", "the symbols do not have nt!_MI_SYSTEM_PTE_TYPE");
    fix_fails(&w->f, "!filecache", "the symbols do not have nt!_VACB_ARRAY_HEADER");
    world_free(w);
}

/* ---- the file cache ---- */

static void put_name(struct world *w, uint64_t at, uint64_t buffer, const char *text) {
    size_t n = strlen(text);
    world_bytes(w, buffer, n * 2);
    for (size_t i = 0; i < n; i++)
        world_put(w, buffer + 2 * i, 2, (unsigned char)text[i]);
    world_put(w, at, 2, n * 2);
    world_put(w, at + w->ptr, w->ptr, buffer);
}

static void put_vacb(struct world *w, uint64_t at, uint64_t base, uint64_t map) {
    world_set(w, "_VACB", at, "BaseAddress", 0, base);
    world_set(w, "_VACB", at, "SharedCacheMap", 0, map);
}

static void put_file(struct world *w, uint64_t map, uint64_t file) {
    bool fast = w->m.build >= 6000;
    world_object(w, map, "_SHARED_CACHE_MAP");
    world_object(w, file, "_FILE_OBJECT");
    world_set(w, "_SHARED_CACHE_MAP", map, fast ? "FileObjectFastRef" : "FileObject", 0,
              file | (fast ? 3 : 0));
    world_set(w, "_FILE_OBJECT", file, "SectionObjectPointer", 0, file + 0x400);
    world_bytes(w, file + 0x400, 3 * w->ptr);
    world_put(w, file + 0x400, w->ptr, file + 0x1000); /* the control area */
    put_name(w, file + world_offset(w, "_FILE_OBJECT", "FileName"), file + 0x800,
             "\\Windows\\System32\\config\\software");
}

static void cached_files_are_listed_by_their_views(void **state) {
    (void)state;
    static const struct pool_build *const builds[] = {&pool_builds[0], &pool_builds[2],
                                                      &pool_builds[6]};
    for (size_t i = 0; i < 3; i++) {
        const struct pool_build *b = builds[i];
        struct world *w = pool_world(b, 1);
        bool arrays = b->build >= 6000;
        char want[200];
        uint64_t array = b->pool, map = b->pool + 0x10000, view = b->pool + 0x400000;
        uint64_t vacb = world_sizeof(w, "_VACB"), first = array + (arrays ? 16 : 0);
        world_bytes(w, array, 0x400);
        if (arrays) {
            pool_var(w, "CcVacbArrays", 0x1000, b->pool + 0x1000);
            pool_var(w, "CcVacbArraysHighestUsedIndex", 0x1010, 0);
            world_bytes(w, b->pool + 0x1000, 8);
            world_put(w, b->pool + 0x1000, w->ptr, array);
            world_put(w, array + 8, 4, 3); /* HighestMappedIndex */
        } else {
            pool_var(w, "CcVacbs", 0x1000, array);
            pool_var(w, "CcNumberVacbs", 0x1010, 4);
        }
        put_vacb(w, first, view, map);
        put_vacb(w, first + 2 * vacb, view + 0x40000, map);
        put_vacb(w, first + 3 * vacb, view + 0x80000, map + 0x8000);
        put_file(w, map, map + 0x1000);
        world_bytes(w, view, 0x3000);
        world_bytes(w, view + 0x41000, 0x1000);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!filecache");
        assert_non_null(strstr(fix_text(&w->f), "  Removed 1 nonactive VACBs, processing 3 active "
                                                "VACBs ...\n"));
        assert_non_null(strstr(fix_text(&w->f), "  File cache has 4 valid pages\n"));
        snprintf(want, sizeof want, "%0*llx    16      ?     ?     ?  software\n", (int)w->ptr * 2,
                 (unsigned long long)map + 0x2000);
        assert_non_null(strstr(fix_text(&w->f), want));
        assert_non_null(strstr(fix_text(&w->f), "  No Name for File\n"));
        fix_has(&w->f, "Which pages stand by, are dirty, shared or locked is not known: ");
        fix_run(&w->f, "!filecache 1");
        snprintf(want, sizeof want, "  view %0*llx, VACB ", (int)w->ptr * 2,
                 (unsigned long long)view);
        assert_non_null(strstr(fix_text(&w->f), want));
        world_free(w);
    }
}

static void a_cache_that_lies_is_survived_and_what_is_missing_named(void **state) {
    (void)state;
    struct world *w = pool_world(win7, 1);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!filecache", "without the symbol nt!CcVacbArrays");
    world_free(w);
    w = pool_world(win7, 1);
    pool_var(w, "CcVacbArrays", 0x1000, win7->pool);
    pool_var(w, "CcVacbArraysHighestUsedIndex", 0x1010, 0xffffffff);
    world_bytes(w, win7->pool, 0x1000);
    world_put(w, win7->pool, 8, win7->pool + 0x100);
    world_put(w, win7->pool + 8, 8, 0x1234);
    world_put(w, win7->pool + 0x108, 4, 0x7fffffff);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!filecache", "the dump holds none of the nt!_VACBs that");
    world_free(w);
    w = pool_world(xp, 1);
    pool_var(w, "CcVacbs", 0x1000, xp->pool);
    pool_var(w, "CcNumberVacbs", 0x1010, 0x00ffffff);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!filecache", "the dump holds none of the nt!_VACBs that");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lookaside_list_is_shown_as_documented),
        cmocka_unit_test(lists_of_them_are_walked_and_named),
        cmocka_unit_test(a_list_of_them_that_never_comes_back_is_left),
        cmocka_unit_test(a_structure_that_the_symbols_lack_is_named),
        cmocka_unit_test(system_ptes_are_counted_from_a_bitmap),
        cmocka_unit_test(xp_keeps_system_ptes_by_size),
        cmocka_unit_test(bitmaps_that_lie_are_survived),
        cmocka_unit_test(cached_files_are_listed_by_their_views),
        cmocka_unit_test(a_cache_that_lies_is_survived_and_what_is_missing_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
