/* SPDX-License-Identifier: MIT */
/*
 * The forge itself: bytes at offsets written down by hand from the format's description, so that
 * a mistake in the forge cannot hide behind the same mistake in a reader.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "forge/kdbg.h"
#include "forge/section.h"
#include "forge/triage.h"

static uint64_t at(const struct forge_bytes *b, size_t offset, unsigned width) {
    assert_true(offset + width <= b->size);
    uint64_t v = 0;
    for (unsigned i = width; i-- > 0;)
        v = v << 8 | b->data[offset + i];
    return v;
}

static void numbers_are_little_endian_and_in_order(void **state) {
    (void)state;
    struct forge f;
    struct forge_bytes b;
    forge_init(&f);
    forge_u8(&f, 0x01);
    forge_u16(&f, 0x2345);
    forge_u32(&f, 0x6789abcd);
    forge_u64(&f, 0x1122334455667788);
    assert_int_equal(forge_here(&f), 15);
    forge_align(&f, 8);
    assert_int_equal(forge_here(&f), 16);
    forge_align(&f, 8);
    assert_int_equal(forge_here(&f), 16);
    forge_pattern(&f, FORGE_PAGE, 6);
    forge_poke(&f, 1, 2, 0xbeef);
    assert_true(forge_finish(&f, &b));
    assert_int_equal(b.size, 22);
    assert_memory_equal(b.data,
                        "\x01\xef\xbe\xcd\xab\x89\x67\x88\x77\x66\x55\x44\x33\x22\x11\0PAGEPA", 22);
    forge_bytes_free(&b);
    forge_deinit(&f);
}

static void utf16_uses_surrogate_pairs_and_keeps_lone_ones(void **state) {
    (void)state;
    struct forge f;
    struct forge_bytes b;
    forge_init(&f);
    assert_int_equal(forge_utf16(&f, "a\xc3\xa4\xe2\x82\xac"), 3);
    assert_int_equal(forge_utf16(&f, "\xf0\x9f\x98\x80"), 2);
    assert_int_equal(forge_utf16(&f, "\xed\xa0\xbd"), 1);
    assert_true(forge_finish(&f, &b));
    assert_memory_equal(b.data, "a\0\xe4\0\xac\x20\x3d\xd8\x00\xde\x3d\xd8", 12);
    forge_bytes_free(&b);
    forge_deinit(&f);
}

static void labels_may_be_written_before_they_are_known(void **state) {
    (void)state;
    struct forge f;
    struct forge_bytes b;
    forge_init(&f);
    forge_label end = forge_label_new(&f, "end"), far = forge_label_new(&f, "far");
    forge_u32_label(&f, end);
    forge_u64_label(&f, far);
    forge_fill(&f, 0xcc, 3);
    forge_poke_label(&f, 12, 2, end, 0x100);
    forge_label_here(&f, end);
    forge_label_set(&f, far, 0xfffff80000000000);
    assert_true(forge_finish(&f, &b));
    assert_int_equal(at(&b, 0, 4), 15);
    assert_true(at(&b, 4, 8) == 0xfffff80000000000);
    assert_int_equal(at(&b, 12, 2), 0x10f);
    forge_bytes_free(&b);
    forge_deinit(&f);
}

static void a_label_never_set_fails_the_build_by_name(void **state) {
    (void)state;
    struct forge f;
    struct forge_bytes b;
    forge_init(&f);
    forge_u32_label(&f, forge_label_new(&f, "driver list"));
    assert_false(forge_finish(&f, &b));
    assert_non_null(strstr(forge_error(&f), "driver list"));
    forge_deinit(&f);
}

static void a_label_too_big_or_set_twice_fails_the_build(void **state) {
    (void)state;
    struct forge f;
    struct forge_bytes b;
    forge_init(&f);
    forge_label l = forge_label_new(&f, "wide");
    forge_u32_label(&f, l);
    forge_label_set(&f, l, 0x100000000);
    assert_false(forge_finish(&f, &b));
    assert_non_null(strstr(forge_error(&f), "too big"));
    forge_deinit(&f);
    forge_init(&f);
    l = forge_label_new(&f, "two");
    forge_label_set(&f, l, 1);
    forge_label_set(&f, l, 2);
    assert_false(forge_finish(&f, &b));
    assert_non_null(strstr(forge_error(&f), "set twice"));
    forge_deinit(&f);
}

static void changing_bytes_that_do_not_exist_fails_the_build(void **state) {
    (void)state;
    struct forge f;
    struct forge_bytes b;
    forge_init(&f);
    forge_u32(&f, 0);
    forge_poke(&f, 1, 4, 0);
    assert_false(forge_finish(&f, &b));
    forge_deinit(&f);
}

static const uint8_t some[64] = {1, 2, 3, 4, 5, 6, 7, 8};
static const struct forge_driver drivers[] = {
    {.path = "\\a\\ntoskrnl.exe",
     .base = 0xfffff80000000000,
     .size = 0x1000,
     .timestamp = 0x11,
     .checksum = 0x22},
    {.path = "b.sys",
     .base = 0xfffff80100000000,
     .size = 0x2000,
     .timestamp = 0x33,
     .checksum = 0x44,
     .how = FORGE_NAME_LENGTH,
     .lie = 0x7fffffff},
};
static const struct forge_unloaded unloaded[] = {{"dam.sys", 0x1000, 0x3000}};
static const struct forge_block blocks[] = {
    {.addr = 0xffff800000001003, .data = some, .size = 5},
    {.addr = 0xffff800000002000, .data = some, .size = 8},
    {.addr = 0x5000, .false_place = true, .lie_offset = 0xfffffff0, .lie_size = 0x20},
};
static const struct forge_value kdbg[] = {{"KernBase", 0xfffff80000000000},
                                          {"OffsetPrcbContext", 0x1234}};
static const struct forge_mm mm = {.version = 1, .special_pool_tag = 2, .value = {7, 8}};
static const struct forge_blob blobs[] = {
    {.guid = {0xaa, 0xbb}, .data = some, .size = 6, .pre = 2, .post = 4}};
static const struct forge_exception exception = {
    .code = 0xc0000005, .address = 0x77, .nparams = 2, .param = {1, 0x99}};

static struct forge_triage scenario(bool is32, struct forge_triage_map *map) {
    return (struct forge_triage){
        .is32 = is32,
        .build = 7601,
        .bugcheck = 0x7e,
        .arg = {1, 2, 3, 4},
        .debugger_data = 0xf0001000,
        .time = 0x1d6ffffffffffff,
        .context = some,
        .context_size = sizeof some,
        .exception = &exception,
        .driver = drivers,
        .ndrivers = 2,
        .unloaded = unloaded,
        .nunloaded = 1,
        .stack = {.addr = 0xf0002000, .data = some, .size = 16},
        .data_page = {.addr = 0xf0003000, .data = some, .size = 32},
        .block = blocks,
        .nblocks = 3,
        .prcb = {.data = some, .size = 24},
        .kdbg = kdbg,
        .nkdbg = 2,
        .mm = &mm,
        .blob = blobs,
        .nblobs = 1,
        .blob_build = 7601,
        .broken_driver = "bad.sys",
        .options = FORGE_OPTIONS_OLD | FORGE_OPTIONS_OVERFLOW,
        .map = map,
    };
}

static void triage64_header_fields_lie_where_the_format_says(void **state) {
    (void)state;
    struct forge_bytes b;
    struct forge_triage t = scenario(false, NULL);
    assert_true(forge_triage_build(&t, &b));
    assert_memory_equal(b.data, "PAGEDU64", 8);
    assert_int_equal(at(&b, 0xc, 4), 7601);
    assert_int_equal(at(&b, 0x30, 4), 0x8664);
    assert_int_equal(at(&b, 0x34, 4), 1);
    assert_int_equal(at(&b, 0x38, 4), 0x7e);
    assert_int_equal(at(&b, 0x58, 8), 4);
    assert_memory_equal(b.data + 0x60, "PAGEPAGE", 8);
    assert_int_equal(at(&b, 0x80, 8), 0xf0001000);
    assert_int_equal(at(&b, 0x88, 4), FORGE_PAGE);
    assert_memory_equal(b.data + 0x348, some, 64);
    assert_int_equal(at(&b, 0xf00, 4), 0xc0000005);
    assert_int_equal(at(&b, 0xf10, 8), 0x77);
    assert_int_equal(at(&b, 0xf18, 4), 2);
    assert_int_equal(at(&b, 0xf28, 8), 0x99);
    assert_int_equal(at(&b, 0xf30, 4), FORGE_PAGE);
    assert_int_equal(at(&b, 0xf98, 4), 4);
    assert_int_equal(at(&b, 0xfa0, 8), b.size);
    assert_true(at(&b, 0xfa8, 8) == 0x1d6ffffffffffff);
    assert_true(at(&b, 0x1030, 8) == FORGE_PAGE64);
    assert_int_equal(at(&b, 0x1038, 4), 0xfe7); /* no process, no thread */
    forge_bytes_free(&b);
}

static void triage64_parts_lie_where_the_triage_header_says(void **state) {
    (void)state;
    struct forge_bytes b;
    struct forge_triage_map m;
    struct forge_triage t = scenario(false, &m);
    assert_true(forge_triage_build(&t, &b));
    assert_int_equal(at(&b, 0x2014, 4), 0x2080); /* mm, right behind the triage header */
    assert_int_equal(at(&b, 0x2080, 4), 1);
    assert_int_equal(at(&b, 0x2084, 4), 0x50);
    assert_int_equal(at(&b, 0x2098, 8), 7);
    assert_int_equal(at(&b, 0x2018, 4), 0x20d0); /* unloaded */
    assert_int_equal(at(&b, 0x20d0, 8), 1);
    assert_int_equal(at(&b, 0x20d8, 2), 14);
    assert_memory_equal(b.data + 0x20e8, "d\0a\0m\0.\0s\0y\0s\0\0\0", 16);
    assert_int_equal(at(&b, 0x2100, 8), 0x1000);
    assert_int_equal(at(&b, 0x2108, 8), 0x3000);
    assert_int_equal(at(&b, 0x201c, 4), 0x2110); /* prcb, 24 bytes */
    assert_int_equal(at(&b, 0x2020, 8), 0);      /* neither process nor thread */
    assert_int_equal(at(&b, 0x2028, 4), 0x2128); /* stack, 16 bytes */
    assert_int_equal(at(&b, 0x202c, 4), 16);
    assert_int_equal(at(&b, 0x2048, 8), 0xf0002000);
    assert_int_equal(at(&b, 0x2070, 4), 0x2138); /* debugger data */
    assert_int_equal(at(&b, 0x2074, 4), 0x380);
    assert_memory_equal(b.data + 0x2138 + 0x10, "KDBG\x80\x03\0\0", 8);
    assert_true(at(&b, 0x2138 + 0x18, 8) == 0xfffff80000000000);
    assert_int_equal(at(&b, 0x2138 + 0x338, 2), 0x1234);
    assert_int_equal(at(&b, 0x2030, 4), 0x24b8); /* drivers: 0x2138 + 0x380 */
    assert_int_equal(at(&b, 0x2034, 4), 2);
    assert_int_equal(at(&b, 0x2038, 4), 0x24b8 + 2 * 0x90); /* strings directly behind */
    assert_int_equal(at(&b, 0x2044, 4), 0x141);
    assert_int_equal(m.drivers, 0x24b8);
    assert_int_equal(m.strings, 0x25d8);
    forge_bytes_free(&b);
}

static void triage64_drivers_name_their_strings(void **state) {
    (void)state;
    struct forge_bytes b;
    struct forge_triage t = scenario(false, NULL);
    assert_true(forge_triage_build(&t, &b));
    size_t first = 0x24b8, second = first + 0x90, pool = 0x25d8;
    assert_int_equal(at(&b, first, 4), pool);
    assert_true(at(&b, first + 0x38, 8) == 0xfffff80000000000);
    assert_int_equal(at(&b, first + 0x48, 4), 0x1000);
    assert_int_equal(at(&b, first + 0x80, 4), 0x22);
    assert_int_equal(at(&b, first + 0x88, 4), 0x11);
    assert_int_equal(at(&b, pool, 4), 15);
    assert_memory_equal(b.data + pool + 4, "\\\0a\0\\\0n\0t\0", 10);
    assert_int_equal(at(&b, pool + 4 + 30, 2), 0);
    assert_int_equal(at(&b, second, 4), pool + 0x28); /* 4 + 15*2 + 2, to a multiple of 8 */
    assert_int_equal(at(&b, pool + 0x28, 4), 0x7fffffff);
    assert_int_equal(at(&b, 0x2040, 4), pool + 0x38); /* 4 + 5*2 + 2 */
    assert_int_equal(at(&b, pool + 0x38, 4), 7);
    assert_int_equal(at(&b, 0x203c, 4), 0x38 + 4 + 14 + 2);
    forge_bytes_free(&b);
}

static void triage64_blocks_and_blobs_follow(void **state) {
    (void)state;
    struct forge_bytes b;
    struct forge_triage_map m;
    struct forge_triage t = scenario(false, &m);
    assert_true(forge_triage_build(&t, &b));
    size_t table = at(&b, 0x2078, 4);
    assert_int_equal(at(&b, 0x207c, 4), 3);
    assert_int_equal(table % 8, 0);
    size_t page = table + 48;
    assert_int_equal(at(&b, 0x2060, 8), 0xf0003000);
    assert_int_equal(at(&b, 0x2068, 4), page);
    assert_int_equal(at(&b, 0x206c, 4), 32);
    assert_true(at(&b, table, 8) == 0xffff800000001003);
    assert_int_equal(at(&b, table + 8, 4), page + 32);
    assert_int_equal(at(&b, table + 12, 4), 5);
    assert_int_equal(at(&b, table + 24, 4),
                     page + 37); /* unaligned, as the real writer leaves it */
    assert_int_equal(at(&b, table + 40, 4), 0xfffffff0);
    assert_int_equal(at(&b, table + 44, 4), 0x20);
    assert_memory_equal(b.data + page + 37, some, 8);
    size_t valid = at(&b, 0x2008, 4);
    assert_memory_equal(b.data + valid, "TRGDDumpBlob", 12);
    assert_int_equal(at(&b, 0x2004, 4), valid + 4);
    size_t blob = valid + 4 + 0x10;
    assert_int_equal(at(&b, blob, 4), 0x20);
    assert_memory_equal(b.data + blob + 4, "\xaa\xbb", 2);
    assert_int_equal(at(&b, blob + 0x14, 4), 6);
    assert_memory_equal(b.data + blob + 0x20 + 2, some, 6);
    assert_int_equal(b.size, blob + 0x20 + 2 + 6 + 4);
    assert_int_equal(m.block[1], page + 37);
    assert_int_equal(m.end, b.size);
    forge_bytes_free(&b);
}

static void triage32_uses_the_narrow_layout(void **state) {
    (void)state;
    struct forge_bytes b;
    struct forge_triage t = scenario(true, NULL);
    assert_true(forge_triage_build(&t, &b));
    assert_memory_equal(b.data, "PAGEDUMP", 8);
    assert_int_equal(at(&b, 0x20, 4), 0x14c);
    assert_int_equal(at(&b, 0x28, 4), 0x7e);
    assert_int_equal(at(&b, 0x38, 4), 4);
    assert_int_equal(at(&b, 0x60, 4), 0xf0001000);
    assert_memory_equal(b.data + 0x320, some, 64);
    assert_int_equal(at(&b, 0x7d0, 4), 0xc0000005);
    assert_int_equal(at(&b, 0x7dc, 4), 0x77);
    assert_int_equal(at(&b, 0x7e8, 4), 0x99);
    assert_int_equal(at(&b, 0xf88, 4), 4);
    assert_true(at(&b, 0xfc0, 8) == 0x1d6ffffffffffff);
    assert_int_equal(at(&b, 0x1014, 4), 0x1068);
    assert_int_equal(at(&b, 0x106c, 4), 0x34); /* mm: 0x18 + 7 * 4 */
    size_t gone = at(&b, 0x1018, 4);
    assert_int_equal(at(&b, gone, 4), 1);
    assert_int_equal(at(&b, gone + 4, 2), 14);
    assert_memory_equal(b.data + gone + 12, "d\0a\0m\0", 6);
    assert_int_equal(at(&b, gone + 36, 4), 0x1000);
    assert_int_equal(at(&b, gone + 40, 4), 0x3000);
    assert_int_equal(at(&b, 0x1048, 4), 0xf0002000);
    assert_int_equal(at(&b, 0x104c, 4), 0xf0003000);
    size_t list = at(&b, 0x1030, 4), pool = at(&b, 0x1038, 4);
    assert_int_equal(pool, list + 2 * 0x4c);
    assert_int_equal(at(&b, list, 4), pool);
    assert_int_equal(at(&b, list + 0x24, 4), 0x1000);
    assert_int_equal(at(&b, list + 0x44, 4), 0x22);
    assert_int_equal(at(&b, list + 0x48, 4), 0x11);
    assert_int_equal(at(&b, 0x1064, 4), 3);
    forge_bytes_free(&b);
}

static void parts_left_out_have_offset_zero(void **state) {
    (void)state;
    struct forge_bytes b;
    struct forge_triage t = {0};
    assert_true(forge_triage_build(&t, &b));
    for (size_t o = 0x2014; o < 0x2044; o += 4)
        assert_int_equal(at(&b, o, 4), 0);
    assert_int_equal(at(&b, 0x2044, 4), 0xffffffff);
    assert_int_equal(at(&b, 0xf00, 4), FORGE_PAGE);
    assert_int_equal(at(&b, 0x348, 4), FORGE_PAGE);
    assert_int_equal(b.size, 0x2084);
    forge_bytes_free(&b);
}

static void patches_change_one_field_by_name_or_place(void **state) {
    (void)state;
    static const struct forge_patch lies[] = {{.name = "DriverCount", .value = 0xffffffff},
                                              {.offset = 0x101, .width = 2, .value = 0xabcd}};
    struct forge_bytes b;
    struct forge_triage t = {.patch = lies, .npatches = 2};
    assert_true(forge_triage_build(&t, &b));
    assert_int_equal(at(&b, 0x2034, 4), 0xffffffff);
    assert_int_equal(at(&b, 0x101, 2), 0xabcd);
    forge_bytes_free(&b);
}

static void fields_are_known_by_the_width_of_the_dump(void **state) {
    (void)state;
    uint64_t offset;
    unsigned width;
    assert_true(forge_triage_field(true, "PaeEnabled", &offset, &width));
    assert_false(forge_triage_field(false, "PaeEnabled", &offset, &width));
    assert_false(forge_triage_field(false, "NoSuchField", &offset, &width));
    assert_true(forge_triage_field(true, "DataPageAddress", &offset, &width));
    assert_int_equal(offset, 0x104c);
    assert_int_equal(width, 4);
    assert_int_equal(forge_kdbg_field("KiProcessorBlock")->offset, 0x218);
    assert_int_equal(forge_kdbg_field("PteBase")->offset, 0x360);
    assert_null(forge_kdbg_field("NoSuchMember"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian_and_in_order),
        cmocka_unit_test(utf16_uses_surrogate_pairs_and_keeps_lone_ones),
        cmocka_unit_test(labels_may_be_written_before_they_are_known),
        cmocka_unit_test(a_label_never_set_fails_the_build_by_name),
        cmocka_unit_test(a_label_too_big_or_set_twice_fails_the_build),
        cmocka_unit_test(changing_bytes_that_do_not_exist_fails_the_build),
        cmocka_unit_test(triage64_header_fields_lie_where_the_format_says),
        cmocka_unit_test(triage64_parts_lie_where_the_triage_header_says),
        cmocka_unit_test(triage64_drivers_name_their_strings),
        cmocka_unit_test(triage64_blocks_and_blobs_follow),
        cmocka_unit_test(triage32_uses_the_narrow_layout),
        cmocka_unit_test(parts_left_out_have_offset_zero),
        cmocka_unit_test(patches_change_one_field_by_name_or_place),
        cmocka_unit_test(fields_are_known_by_the_width_of_the_dump),
    };
    return cmocka_run_group_tests_name("forge", tests, NULL, NULL);
}
