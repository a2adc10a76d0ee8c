/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of what memory is used for: heaps of pool as Windows 10 19H1 has them, tags of blocks
 * on 32-bit systems, pages of files; and what the reader of scenarios says of lines that cannot be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/machine_fixture.h"

static char why[FORGE_WHY_MAX];

#define HEAD10                                                                                     \
    "dump full\nos 19041\ncpu x64\nram 64M\nmodule nt fffff80001600000 +800000\n"                  \
    "symbol nt!ExPoolState nt+400000 data\n"
#define HEAP "segheap ffffc00f01000000 ffffc00f01100000 "

/* Where a chain of pointers leads: nt!ExPoolState, and what its members of 19041 hold. */
static void a_heap_is_led_to_and_its_segment_is_signed(void **state) {
    (void)state;
    struct built out = build(HEAD10 HEAP "paged\nstats 100 80 8 2\nlarge 4 3\nend\n");
    const uint64_t pool = 0xfffff80001a00000, heap = 0xffffc00f01000000;
    const uint64_t segment = 0xffffc00f01100000;
    uint64_t key = number(&out, number(&out, pool, 8), 8);
    assert_int_equal(number(&out, pool + 0x38d0, 4), 1);            /* NumberOfPools */
    assert_int_equal(number(&out, pool + 0x3900 + 2 * 8, 8), heap); /* PoolNode[0].Heaps[2] */
    assert_int_equal(number(&out, heap + 0x10, 4), 0xddeeddee);
    assert_int_equal(number(&out, heap + 0x88, 8), 0x80); /* MemStats.TotalCommittedPages */
    assert_int_equal(number(&out, segment + 0x10, 8) ^ segment ^ key ^ 0xa2e64eada2e64ead,
                     heap + 0x100);
    /* RangeFlags and UnitSize of the descriptors: one range of three pages, and no more. */
    assert_int_equal(number(&out, segment + 4 * 0x20 + 0x18, 1), 3);
    assert_int_equal(number(&out, segment + 4 * 0x20 + 0x1f, 1), 3);
    assert_int_equal(number(&out, segment + 6 * 0x20 + 0x18, 1), 1);
    assert_int_equal(number(&out, segment + 6 * 0x20 + 0x1f, 1), 2);
    assert_int_equal(number(&out, segment + 7 * 0x20 + 0x18, 1), 0);
    forge_output_free(&out.out);
}

static void chunks_follow_each_other_and_blocks_stand_in_them(void **state) {
    (void)state;
    struct built out = build(HEAD10 HEAP "nonpaged\nvs 4 2\n240 Proc\n60 free\nd80 Leak\nend\n");
    const uint64_t vs = 0xffffc00f01104000;
    uint64_t key = number(&out, number(&out, 0xfffff80001a00000, 8), 8), at = vs + 0x30;
    assert_int_equal(number(&out, vs + 0x20, 2) ^ number(&out, vs + 0x22, 2), 0x2bed);
    static const uint64_t sizes[] = {0x240, 0x60, 0xd80, 0xfb0};
    for (unsigned i = 0; i < 4; i++) {
        uint64_t bits = number(&out, at, 8) ^ at ^ key;
        assert_int_equal((bits >> 16 & 0xffff) * 16, sizes[i]);
        assert_int_equal(bits >> 48 & 0xff, i == 0 || i == 2);
        at += sizes[i];
    }
    assert_int_equal(at, vs + 0x2000);
    assert_int_equal(number(&out, vs + 0x40 + 4, 4), 0x636f7250);
    /* What crosses a page's end begins behind it. */
    assert_int_equal(number(&out, vs + 0x1000 + 4, 4), 0x6b61654c);
    assert_int_equal(number(&out, vs + 0x1000 + 2, 1) * 16, 0x50);
    forge_output_free(&out.out);
}

static void blocks_of_one_size_are_in_use_by_their_bits(void **state) {
    (void)state;
    struct built out = build(HEAD10 HEAP "nonpagednx\nlfh 8 1 50\n0 Even\n2 Even\n7 PDrb\nend\n");
    const uint64_t lfh = 0xffffc00f01108000;
    uint64_t key = number(&out, number(&out, 0xfffff80001a00000, 8) + 8, 8);
    uint64_t offsets = (number(&out, lfh + 0x28, 4) ^ key ^ lfh >> 12) & UINT32_MAX;
    uint64_t first = offsets >> 16, count = number(&out, lfh + 0x22, 2);
    assert_int_equal(offsets & 0xffff, 0x50);
    assert_int_equal(number(&out, lfh + 0x30, 8), 0x4011);
    assert_true(first >= 0x30 + (count * 2 + 7) / 8);
    assert_true(first + count * 0x50 <= 0x1000 && first + (count + 1) * 0x50 > 0x1000);
    assert_int_equal(number(&out, lfh + first + 7 * 0x50 + 4, 4), 0x62724450);
    forge_output_free(&out.out);
}

static void heaps_have_their_keys_in_common(void **state) {
    (void)state;
    struct built out =
        build(HEAD10 HEAP "paged\nend\nsegheap ffffc00f01002000 ffffc00f01200000 nonpaged\nend\n");
    assert_int_equal(number(&out, 0xfffff80001a03900, 8), 0xffffc00f01002000);
    assert_int_equal(number(&out, 0xfffff80001a03910, 8), 0xffffc00f01000000);
    forge_output_free(&out.out);
}

/* The tables of 32-bit systems do not say of what type a tag is. */
static void tags_of_32_bit_blocks_have_four_characters(void **state) {
    (void)state;
    static const unsigned builds[] = {2600, 7601};
    for (unsigned i = 0; i < 2; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "dump full\nos %u\ncpu x86\nram 64M\npaging pae\nmodule nt 82600000 +300000\n"
                 "poolpage 85000000\n1000 Leak\nend\n",
                 builds[i]);
        struct built out = build(text);
        assert_int_equal(number(&out, 0x85000004, 4), 0x6b61654c);
        forge_output_free(&out.out);
    }
}

/* OriginalPte (+10 in 19041) of the page's entry says whose it is; a page of its own says no such.
 */
static void a_page_of_a_file_says_so_in_the_frames_database(void **state) {
    (void)state;
    struct built out =
        build(HEAD10 "pte ffffc00f05000000 prototype transition of ffffc00f06000000\n"
                     "memory ffffc00f05000000 \"regf\"\nmemory ffffc00f06000000 00\n");
    uint64_t proto = 0, hits = 0;
    for (uint64_t pa = 0; pa < 64 << 20; pa += 0x1000) {
        uint64_t entry = 0xffffec0000000000 + (pa >> 12) * 0x30;
        uint8_t b[8];
        if (!forge_mmu_read(out.mmu, out.current, entry + 0x10, b, 8))
            continue;
        uint64_t original = number(&out, entry + 0x10, 8);
        if (original & 0x400 && original >> 16 == 0xc00f06000000)
            hits++, proto = number(&out, entry + 8, 8);
    }
    assert_int_equal(hits, 1);
    assert_true(proto >> 63);
    forge_output_free(&out.out);
}

static const struct {
    const char *text, *why;
} errors[] = {
    {HEAD10 "segheap ffffc00f01000000 ffffc00f01100000\nend\n",
     "case:7: segheap: say nonpaged, nonpagednx or paged"},
    {HEAD10 "segheap ffffc00f01000000 ffffc00f01100800 paged\nend\n",
     "case:7: segheap: a segment begins at a multiple of 100000"},
    {HEAD10 HEAP "paged\nlarge 1 3\nend\n", "case:8: segheap: a segment has the units 2 to ff"},
    {HEAD10 HEAP "paged\nlarge fe 3\nend\n", "case:8: segheap: a segment has the units 2 to ff"},
    {HEAD10 HEAP "paged\nlarge 4 0\nend\n", "case:8: segheap: a segment has the units 2 to ff"},
    {HEAD10 HEAP "paged\nvs 4 1\n1000 Leak\nend\n",
     "case:9: segheap: a chunk of that size does not fit"},
    {HEAD10 HEAP "paged\nvs 4 1\n58 Leak\nend\n",
     "case:9: segheap: a chunk of that size does not fit"},
    {HEAD10 HEAP "paged\nlfh 4 1 900\nend\n", "case:8: segheap: blocks of that size do not fit"},
    {HEAD10 HEAP "paged\nlfh 4 1 100\nf Leak\nend\n",
     "case:9: segheap: there are not so many blocks"},
    {HEAD10 HEAP "paged\n100 Leak\nend\n", "case:8: segheap: say  vs  or  lfh  before"},
    {HEAD10 HEAP "paged\nvs 4 1\n100 Leaks\nend\n",
     "case:9: segheap: write  SIZE TAG  or  SIZE free, of LFH  NUMBER TAG"},
    {HEAD10 HEAP "paged\nstats 1 2\nend\n",
     "case:8: segheap: stats, vs, lfh or large, and numbers: see docs/forge.md"},
    {"dump full\nos 7601\ncpu x64\nram 64M\nmodule nt fffff80001600000 +800000\n" HEAP
     "paged\nend\n",
     "case:6: build 7601 (x64) has no structure _SEGMENT_HEAP: did you mean _SEGMENT?"},
    {HEAD10 "pte ffffc00f05000000 prototype of\n", "case:7: pte: the file's subsection is missing"},
};

static void what_cannot_be_is_said(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct forge_output out;
        if (forge_scenario_build("case", errors[i].text, &out, why))
            fail_msg("built: %s", errors[i].text);
        assert_string_equal(why, errors[i].why);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heap_is_led_to_and_its_segment_is_signed),
        cmocka_unit_test(chunks_follow_each_other_and_blocks_stand_in_them),
        cmocka_unit_test(blocks_of_one_size_are_in_use_by_their_bits),
        cmocka_unit_test(heaps_have_their_keys_in_common),
        cmocka_unit_test(tags_of_32_bit_blocks_have_four_characters),
        cmocka_unit_test(a_page_of_a_file_says_so_in_the_frames_database),
        cmocka_unit_test(what_cannot_be_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
