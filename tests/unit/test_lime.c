/* SPDX-License-Identifier: MIT */
/* LiME images, and raw ones: memory at its addresses, and lists that lie. */
#include "unit/vm_fixture.h"

enum { PAGE = 0x1000, MAGIC = 0x4c694d45 };

static void header(struct forge *f, uint32_t version, uint64_t first, uint64_t last) {
    forge_u32(f, MAGIC);
    forge_u32(f, version);
    forge_u64(f, first);
    forge_u64(f, last);
    forge_u64(f, 0);
}

static void range(struct forge *f, uint64_t first, uint8_t fill, size_t size) {
    header(f, 1, first, first + size - 1);
    forge_fill(f, fill, size);
}

static void ranges_lie_where_their_headers_say(void **state) {
    (void)state;
    struct forge f;
    forge_init(&f);
    range(&f, 0x1000, 0x11, 0x9e000);
    range(&f, 0x100000000, 0x33, PAGE);
    range(&f, 0x100000, 0x22, 3 * PAGE); /* going backwards is no damage */
    struct opened o = must_open(&f);
    assert_int_equal(byte_at(&o, 0xfff), -1);
    assert_int_equal(byte_at(&o, 0x1000), 0x11);
    assert_int_equal(byte_at(&o, 0x9efff), 0x11);
    assert_int_equal(byte_at(&o, 0x9f000), -1);
    assert_int_equal(byte_at(&o, 0x102fff), 0x22);
    assert_int_equal(byte_at(&o, 0x100000fff), 0x33);
    assert_int_equal(o.source->nnotes, 0);
    assert_true(o.source->machine.kernel);
    assert_int_equal(o.source->machine.cpu, SC_CPU_UNKNOWN);
    opened_close(&o);
}

static void what_stands_before_the_damage_is_read(void **state) {
    (void)state;
    static const struct {
        uint32_t magic;
        uint64_t first, last;
        const char *note;
    } bad[] = {{MAGIC, 0x8000, 0x7fff, "ends before it begins"},
               {0x12345678, 0x8000, 0x8fff, "here should be a LiME header"},
               {MAGIC, 0x8000, 0x8000 + UINT64_C(0xffffffff00), NULL},
               {MAGIC, 0, UINT64_MAX, NULL}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct forge f;
        forge_init(&f);
        range(&f, 0x1000, 0x11, PAGE);
        uint64_t at = forge_here(&f);
        header(&f, 1, bad[i].first, bad[i].last);
        forge_poke(&f, at, 4, bad[i].magic);
        forge_fill(&f, 0x22, PAGE);
        range(&f, 0x20000, 0x33, PAGE);
        struct opened o = must_open(&f);
        if (bad[i].first) /* else the greedy range covers it, too */
            assert_int_equal(byte_at(&o, 0x1000), 0x11);
        assert_int_equal(byte_at(&o, 0x20000), -1);
        if (bad[i].note)
            needs_note(&o, bad[i].note);
        else /* cut at the file's end: it covers the rest of the file */
            assert_int_equal(byte_at(&o, bad[i].first), 0x22);
        assert_true(o.source->nnotes > 0);
        opened_close(&o);
    }
}

static void a_header_that_is_cut_is_said(void **state) {
    (void)state;
    struct forge f;
    forge_init(&f);
    range(&f, 0x1000, 0x11, PAGE);
    forge_u32(&f, MAGIC);
    struct opened o = must_open(&f);
    assert_int_equal(byte_at(&o, 0x1fff), 0x11);
    needs_note(&o, "the file ends inside a LiME header");
    opened_close(&o);

    forge_init(&f);
    forge_u32(&f, MAGIC);
    forge_u32(&f, 1);
    is_refused(&f, SC_ERR_FORMAT, "inside its first LiME header");

    forge_init(&f);
    header(&f, 2, 0, PAGE - 1);
    is_refused(&f, SC_ERR_UNSUPPORTED, "LiME image of version 2");
}

static void a_list_of_millions_is_bounded(void **state) {
    (void)state;
    enum { N = (1 << 20) + 5 };
    struct forge f;
    forge_init(&f);
    for (uint64_t i = 0; i < N; i++) {
        header(&f, 1, i * 2, i * 2);
        forge_u8(&f, (uint8_t)i);
    }
    struct opened o = must_open(&f);
    assert_int_equal(byte_at(&o, 2 * 0xfffff), 0xff);
    assert_int_equal(byte_at(&o, 2 * UINT64_C(0x100000)), -1);
    needs_note(&o, "more than 1048576 ranges");
    opened_close(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_lie_where_their_headers_say),
        cmocka_unit_test(what_stands_before_the_damage_is_read),
        cmocka_unit_test(a_header_that_is_cut_is_said),
        cmocka_unit_test(a_list_of_millions_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
