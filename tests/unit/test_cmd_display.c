/* SPDX-License-Identifier: MIT */
/*
 * The d commands: exact lines, on fake targets of 32 and 64 bits with a hole in their memory, and
 * listings that people published, from the same bytes.
 */
#include "memory_fixture.h"

static const char text[] = "Per fare una segnalazione o porr";

static uint8_t counted[64];
static uint8_t published_name[] = "Local\\NINJAPERF_S-1-5-18";
static const uint8_t strings[] = {6, 0, 8, 0, 0, 0, 0, 0, 0x40, 0x20, 0, 0, 0, 0, 0, 0};
static const uint8_t strings32[] = {6, 0, 8, 0, 0x40, 0x20, 0, 0};
static const uint8_t wide_text[] = {'a', 0, 'b', 0, 0xe9, 0, 0, 0};
static const uint8_t reals[] = {0, 0, 0, 0, 0, 0, 0x7f, 0x43, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f};

static int fill(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof counted; i++)
        counted[i] = (uint8_t)i;
    return 0;
}

static void open64(struct fix *f) {
    const struct sc_fake_bytes memory[] = {{0x1000, counted, sizeof counted},
                                           {0x2000, strings, sizeof strings},
                                           {0x2040, wide_text, sizeof wide_text},
                                           {0x3000, text, sizeof text - 1},
                                           {0x4000, reals, sizeof reals}};
    mem_open(f, SC_CPU_X64, memory, 5);
}

static void open32(struct fix *f) {
    const struct sc_fake_bytes memory[] = {{0x1000, counted, sizeof counted},
                                           {0x2000, strings32, sizeof strings32},
                                           {0x2040, wide_text, sizeof wide_text},
                                           {0x0984ad38, text, sizeof text - 1},
                                           {0x05abeb7c, published_name, sizeof published_name}};
    mem_open(f, SC_CPU_X86, memory, 5);
}

static void numbers_stand_in_windbgs_columns(void **state) {
    (void)state;
    struct fix f;
    open64(&f);
    fix_prints(&f, "db 1000 L12",
               "00000000`00001000  00 01 02 03 04 05 06 07-08 09 0a 0b 0c 0d 0e 0f  "
               "................\n"
               "00000000`00001010  10 11                                            ..\n");
    fix_prints(&f, "dw 1000 L3", "00000000`00001000  0100 0302 0504\n");
    fix_prints(&f, "dW 1020 L3",
               "00000000`00001020  2120 2322 2524                            !\"#$%\n");
    fix_prints(&f, "dd 1000 L5",
               "00000000`00001000  03020100 07060504 0b0a0908 0f0e0d0c\n"
               "00000000`00001010  13121110\n");
    fix_prints(&f, "dq 1000 L3",
               "00000000`00001000  07060504`03020100 0f0e0d0c`0b0a0908\n"
               "00000000`00001010  17161514`13121110\n");
    fix_prints(&f, "dp 1000 L1", "00000000`00001000  07060504`03020100\n");
    fix_close(&f);
}

static void pointers_of_32_bits_are_double_words(void **state) {
    (void)state;
    struct fix f;
    open32(&f);
    fix_prints(&f, "dp 1000 L5",
               "00001000  03020100 07060504 0b0a0908 0f0e0d0c\n00001010  13121110\n");
    fix_prints(&f, "dq 1000 L1", "00001000  07060504`03020100\n");
    fix_prints(&f, "db 0984ad38 L10",
               "0984ad38  50 65 72 20 66 61 72 65-20 75 6e 61 20 73 65 67  Per fare una seg\n");
    fix_prints(&f, "dps 1000 L2", "00001000  03020100\n00001004  07060504\n");
    fix_close(&f);
}

static void absent_memory_is_question_marks(void **state) {
    (void)state;
    struct fix f;
    open64(&f);
    fix_prints(&f, "db 1038 L10",
               "00000000`00001038  38 39 3a 3b 3c 3d 3e 3f-?? ?? ?? ?? ?? ?? ?? ??  "
               "89:;<=>?????????\n");
    fix_prints(&f, "dd 103c L3", "00000000`0000103c  3f3e3d3c ???????? ????????\n");
    fix_prints(&f, "dq ff8 L2", "00000000`00000ff8  ????????`???????? 07060504`03020100\n");
    fix_prints(&f, "dw 103e L2", "00000000`0000103e  3f3e ????\n");
    fix_prints(&f, "dd 103e L1", "00000000`0000103e  ????????\n");
    fix_prints(&f, "dps 5000 L1", "00000000`00005000  ????????`????????\n");
    fix_prints(&f, "df 5000 L1", "00000000`00005000          ????????\n");
    fix_prints(&f, "dyb 5000 L1",
               "                   76543210 76543210 76543210 76543210\n"
               "                   -------- -------- -------- --------\n"
               "00000000`00005000  ????????                             ??\n");
    fix_prints(&f, "da 5000", "00000000`00005000  \"????????????????????????????????\"\n");
    fix_close(&f);
}

static void binary_has_a_ruler(void **state) {
    (void)state;
    struct fix f;
    open32(&f);
    fix_prints(&f, "dyb 0x0984ad38 L6",
               "          76543210 76543210 76543210 76543210\n"
               "          -------- -------- -------- --------\n"
               "0984ad38  01010000 01100101 01110010 00100000  50 65 72 20\n"
               "0984ad3c  01100110 01100001                    66 61\n");
    fix_prints(&f, "dyd 0984ad38 L1",
               "           3          2          1          0\n"
               "          10987654 32109876 54321098 76543210\n"
               "          -------- -------- -------- --------\n"
               "0984ad38  00100000 01110010 01100101 01010000  20726550\n");
    fix_close(&f);
}

static void floating_point_numbers_are_aligned(void **state) {
    (void)state;
    struct fix f;
    open64(&f);
    fix_prints(&f, "df 4000 L2", "00000000`00004000                 0              255\n");
    fix_prints(&f, "dD 4008 L1", "00000000`00004008                       1\n");
    fix_close(&f);
}

static void strings_end_at_their_nul(void **state) {
    (void)state;
    struct fix f;
    open32(&f);
    fix_prints(&f, "da 05abeb7c", "05abeb7c  \"Local\\NINJAPERF_S-1-5-18\"\n");
    fix_prints(&f, "du 2040", "00002040  \"ab\xc3\xa9\"\n");
    fix_prints(&f, "da 0984ad38 L5", "0984ad38  \"Per f\"\n");
    fix_prints(&f, "da /c 10 0984ad38 L20",
               "0984ad38  \"Per fare una seg\"\n0984ad48  \"nalazione o porr\"\n");
    fix_prints(&f, "da 1000", "00001000  \"\"\n");
    fix_close(&f);
}

static void string_structures_show_their_text(void **state) {
    (void)state;
    struct fix f;
    open64(&f);
    fix_prints(&f, "dS 2000", "00000000`00002040  \"ab\xc3\xa9\"\n");
    fix_prints(&f, "ds 2000", "00000000`00002040  \"a.b...\"\n");
    fix_fails(&f, "dS 5000", "memory at 0x5000 is absent");
    fix_close(&f);
    open32(&f);
    fix_prints(&f, "dS 2000", "00002040  \"ab\xc3\xa9\"\n");
    fix_close(&f);
}

static void a_display_goes_on_where_the_last_one_ended(void **state) {
    (void)state;
    struct fix f;
    open64(&f);
    fix_prints(&f, "dd 1000 L2", "00000000`00001000  03020100 07060504\n");
    fix_prints(&f, "dw",
               "00000000`00001008  0908 0b0a 0d0c 0f0e 1110 1312 1514 1716\n"
               "00000000`00001018  1918 1b1a 1d1c 1f1e 2120 2322 2524 2726\n"
               "00000000`00001028  2928 2b2a 2d2c 2f2e 3130 3332 3534 3736\n"
               "00000000`00001038  3938 3b3a 3d3c 3f3e ???? ???? ???? ????\n"
               "00000000`00001048  ???? ???? ???? ???? ???? ???? ???? ????\n"
               "00000000`00001058  ???? ???? ???? ???? ???? ???? ???? ????\n"
               "00000000`00001068  ???? ???? ???? ???? ???? ???? ???? ????\n"
               "00000000`00001078  ???? ???? ???? ???? ???? ???? ???? ????\n");
    fix_close(&f);
}

static void d_repeats_the_last_form(void **state) {
    (void)state;
    struct fix f;
    open64(&f);
    fix_run(&f, "d");
    fix_has(&f, "00000000`00001010  10 11 12 13");
    fix_prints(&f, "dw 1000 L2", "00000000`00001000  0100 0302\n");
    fix_run(&f, "d");
    fix_has(&f, "00000000`00001004  0504 0706 0908 0b0a 0d0c 0f0e 1110 1312\n");
    fix_prints(&f, "? .", "Evaluate expression: 4228 = 00000000`00001084\n");
    fix_prints(&f, "dd 1000 L2; d 1010 L1",
               "00000000`00001000  03020100 07060504\n00000000`00001010  13121110\n");
    fix_prints(&f, "? @$p", "Evaluate expression: 319951120 = 00000000`13121110\n");
    fix_close(&f);
}

static void ranges_have_all_their_forms(void **state) {
    (void)state;
    struct fix f;
    open64(&f);
    fix_prints(&f, "dd 1000 1004", "00000000`00001000  03020100 07060504\n");
    fix_prints(&f, "dd 1008 L-2", "00000000`00001000  03020100 07060504\n");
    fix_prints(&f, "dd /c 1 1000 L2", "00000000`00001000  03020100\n00000000`00001004  07060504\n");
    fix_prints(&f, "dd /c1 1000 L?2", "00000000`00001000  03020100\n00000000`00001004  07060504\n");
    fix_prints(&f, "dps 00000000`00000800+ 800 l10/@$ptrsize",
               "00000000`00001000  07060504`03020100\n00000000`00001008  0f0e0d0c`0b0a0908\n");
    fix_prints(&f, "dd@rsp L1", "00000000`00001000  03020100\n");
    fix_fails(&f, "db 0 L?100000000", "longer than");
    fix_fails(&f, "dd 1004 1000", "the range ends before it starts");
    fix_fails(&f, "db /c 0 1000", "1 to 100 columns");
    fix_close(&f);
}

static void the_top_of_the_address_space_ends_a_display(void **state) {
    (void)state;
    struct fix f;
    open64(&f);
    fix_prints(&f, "dq ffffffff`fffffff8 L4", "ffffffff`fffffff8  ????????`????????\n");
    fix_close(&f);
    open32(&f);
    fix_prints(&f, "dd fffffff8 L9", "fffffff8  ???????? ????????\n");
    fix_close(&f);
}

static void physical_memory_is_another_space(void **state) {
    (void)state;
    struct fix f;
    open64(&f);
    fix_prints(&f, "dd /p 1000 L1", "00000000`00001000  ????????\n");
    fix_prints(&f, "dd /p[uc] 1000 L1", "00000000`00001000  ????????\n");
    fix_close(&f);
    const struct sc_fake_bytes memory = {0x1000, counted, sizeof counted};
    mem_open_as(&f, SC_CPU_X64, false, &memory, 1, SC_RENDER_TEXT);
    fix_fails(&f, "dd /p 1000 L1", "a user dump has no physical memory");
    fix_close(&f);
}

static const uint8_t pointers[] = {0x00, 0x30, 0,    0,    0,    0,    0, 0, 0x10, 0, 0xa0, 4,
                                   0x80, 0xf8, 0xff, 0xff, 0x40, 0x20, 0, 0, 0,    0, 0,    0};

static void open_pointers(struct fix *f) {
    const struct sc_fake_bytes memory[] = {{0x1000, pointers, sizeof pointers},
                                           {0x2040, wide_text, sizeof wide_text},
                                           {0x3000, pointers + 8, 8}};
    mem_open(f, SC_CPU_X64, memory, 3);
}

static void pointers_show_what_they_point_to(void **state) {
    (void)state;
    struct fix f;
    open_pointers(&f);
    fix_prints(&f, "dps 1000 L2",
               "00000000`00001000  00000000`00003000\n"
               "00000000`00001008  fffff880`04a00010 myfault+0x10\n");
    fix_prints(&f, "dds 1008 L1", "00000000`00001008  04a00010\n");
    fix_prints(&f, "dqs 1008 L1", "00000000`00001008  fffff880`04a00010 myfault+0x10\n");
    fix_prints(&f, "dpp 1000 L2",
               "00000000`00001000  00000000`00003000 fffff880`04a00010 myfault+0x10\n"
               "00000000`00001008  fffff880`04a00010\n");
    fix_prints(&f, "dpu 1010 L1", "00000000`00001010  00000000`00002040 \"ab\xc3\xa9\"\n");
    fix_prints(&f, "dda 1010 L1", "00000000`00001010  00002040 \"a\"\n");
    fix_prints(&f, "dpa 1000 L1", "00000000`00001000  00000000`00003000 \".\"\n");
    fix_prints(&f, "dps 1018 L1", "00000000`00001018  ????????`????????\n");
    fix_close(&f);
}

static const uint8_t list[] = {0x10, 0x10, 0, 0, 0x20, 0x10, 0, 0, 0xaa, 0, 0, 0, 0, 0, 0, 0,
                               0x20, 0x10, 0, 0, 0x00, 0x10, 0, 0, 0xbb, 0, 0, 0, 0, 0, 0, 0,
                               0x00, 0x10, 0, 0, 0x10, 0x10, 0, 0, 0xcc, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t lasso[] = {0x10, 0x10, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0,
                                0,    0,    0, 0, 0x10, 0x10, 0, 0, 0, 0, 0, 0};

static void linked_lists_end_where_they_began(void **state) {
    (void)state;
    struct fix f;
    struct sc_fake_bytes memory = {0x1000, list, sizeof list};
    mem_open(&f, SC_CPU_X86, &memory, 1);
    fix_prints(&f, "dl 1000 10 3",
               "00001000  00001010 00001020 000000aa\n"
               "00001010  00001020 00001000 000000bb\n"
               "00001020  00001000 00001010 000000cc\n");
    fix_prints(&f, "dlb 1000 2", "00001000  00001010 00001020\n00001020  00001000 00001010\n");
    fix_fails(&f, "dl 1000 10 11", "1 to 10 pointers");
    fix_close(&f);
    memory = (struct sc_fake_bytes){0x1000, lasso, sizeof lasso};
    mem_open(&f, SC_CPU_X86, &memory, 1);
    fix_run(&f, "dl 1000 10000");
    fix_has(&f, "loops back");
    fix_close(&f);
}

static void published_listings_come_out_as_printed(void **state) {
    (void)state;
    static const uint8_t word[] = {0x4c, 0x65, 0x61, 0x31, 1,    0,    0,    0,    0,    0,
                                   0,    0,    0x60, 0,    0x3b, 0x4a, 0x80, 0xfa, 0xff, 0xff};
    static const uint8_t failures[] = {0, 0, 0, 0, 0x38, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t path[] = "\0\0:\0\\\0I\0n\0t\0e\0g\0r\0";
    const struct sc_fake_bytes memory[] = {{0xfffff8800496e3aa, word, 4},
                                           {0xfffff88000ef1a30, word + 4, 8},
                                           {0xfffffa804b729830, word + 12, 8},
                                           {0xfffff80001e45ce0, failures, sizeof failures},
                                           {0x0103b438, path, 16}};
    struct fix f;
    mem_open(&f, SC_CPU_X64, memory, 5);
    fix_prints(&f, "dc fffff880`0496e3aa l1",
               "fffff880`0496e3aa  3161654c                             Lea1\n");
    fix_prints(&f, "dp fffff880`00ef1a30 L1", "fffff880`00ef1a30  00000000`00000001\n");
    fix_prints(&f, "dq fffffa80`4b729830 l1", "fffffa80`4b729830  fffffa80`4a3b0060\n");
    fix_prints(&f, "dc fffff800`01e45ce0 L4",
               "fffff800`01e45ce0  00000000 0000bd38 00000000 00000000  ....8...........\n");
    fix_prints(&f, "dc 00000000`0103b438 l4",
               "00000000`0103b438  003a0000 0049005c 0074006e 00670065  ..:.\\.I.n.t.e.g.\n");
    fix_close(&f);
}

static void json_has_values_and_null_for_what_is_absent(void **state) {
    (void)state;
    struct fix f;
    const struct sc_fake_bytes memory = {0x1000, counted, 4};
    mem_open_as(&f, SC_CPU_X64, true, &memory, 1, SC_RENDER_JSON);
    fix_run(&f, "dd 1000 L2");
    fix_has(&f, "{\"type\":\"memory\",\"address\":\"0x0000000000001000\",\"unit\":\"dd\","
                "\"values\":[\"03020100\",null],\"text\":null");
    fix_close(&f);
}

static void controls_in_memory_do_not_reach_the_terminal(void **state) {
    (void)state;
    static const uint8_t bad[] = "a\x1b[31m\n\x7f\x9b";
    static const uint8_t wide[] = {0x1b, 0, 0x2e, 0x20, 0x3d, 0xd8, 0, 0};
    const struct sc_fake_bytes memory[] = {{0x1000, bad, sizeof bad}, {0x2000, wide, sizeof wide}};
    struct fix f;
    mem_open(&f, SC_CPU_X64, memory, 2);
    fix_prints(&f, "da 1000", "00000000`00001000  \"a.[31m...\"\n");
    fix_prints(&f, "du 2000", "00000000`00002000  \".\\u202E.\"\n");
    fix_close(&f);
}

static void what_a_dump_cannot_do_is_refused_with_a_reason(void **state) {
    (void)state;
    static const char *const lines[] = {"eb 1000 1", "ed nt 5", "eza 1000 \"x\"",     "f 1000 L4 0",
                                        "m 1 L4 2",  "a 1000",  ".readmem x 1000 L4", "ew 1 2"};
    struct fix f;
    open64(&f);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        fix_fails(&f, lines[i], "a dump cannot be written");
    fix_fails(&f, "dg 10", "does not hold the descriptor tables");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_stand_in_windbgs_columns),
        cmocka_unit_test(pointers_of_32_bits_are_double_words),
        cmocka_unit_test(absent_memory_is_question_marks),
        cmocka_unit_test(binary_has_a_ruler),
        cmocka_unit_test(floating_point_numbers_are_aligned),
        cmocka_unit_test(strings_end_at_their_nul),
        cmocka_unit_test(string_structures_show_their_text),
        cmocka_unit_test(a_display_goes_on_where_the_last_one_ended),
        cmocka_unit_test(d_repeats_the_last_form),
        cmocka_unit_test(ranges_have_all_their_forms),
        cmocka_unit_test(the_top_of_the_address_space_ends_a_display),
        cmocka_unit_test(physical_memory_is_another_space),
        cmocka_unit_test(pointers_show_what_they_point_to),
        cmocka_unit_test(linked_lists_end_where_they_began),
        cmocka_unit_test(published_listings_come_out_as_printed),
        cmocka_unit_test(json_has_values_and_null_for_what_is_absent),
        cmocka_unit_test(controls_in_memory_do_not_reach_the_terminal),
        cmocka_unit_test(what_a_dump_cannot_do_is_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
