/* SPDX-License-Identifier: MIT */
/* `s` with its types and flags, `c`, `.writemem`. */
#include <stdio.h>
#include <unistd.h>

#include "memory_fixture.h"

static const uint8_t driver[] = {0x4c, 0x65, 0x61, 0x6b, 0x3b, 0xc1, 0x0f, 0x42,
                                 0xc1, 0x41, 0x8d, 0x49, 0xfd, 0x8b, 0xd0, 0xff};
static const uint8_t first[] = {1, 2, 3, 'Q', 'Q', 'Q', 'Q', 'Q'};
static const uint8_t second[] = {'Q', 0x11, 0x22, 0x33, 0x44, 'S', 'T', 'U', 'V', 0, 'n', 'o', 0};
static const uint8_t wide[] = {'h', 0, 'e', 0, 'y', 0, 0, 0, 'n', 0, 'o', 0, 0, 0};

/* `first` and `second` touch in memory but are two ranges of the dump. */
static void open_ranges(struct fix *f) {
    const struct sc_fake_bytes memory[] = {{MEM_MODULE64 + 0x3aa, driver, sizeof driver},
                                           {0x1008, second, sizeof second},
                                           {0x1000, first, sizeof first},
                                           {0x2000, wide, sizeof wide}};
    mem_open(f, SC_CPU_X64, memory, 4);
}

static void a_pool_tag_is_found_in_every_module(void **state) {
    (void)state;
    struct fix f;
    open_ranges(&f);
    fix_prints(&f, "!for_each_module s -a @#Base @#End \"Leak\"",
               "fffff880`04a003aa  4c 65 61 6b 3b c1 0f 42-c1 41 8d 49 fd 8b d0 ff  "
               "Leak;..B.A.I....\n");
    fix_close(&f);
}

static void all_memory_is_walked_and_only_what_is_there(void **state) {
    (void)state;
    struct fix f;
    open_ranges(&f);
    fix_prints(&f, "s -[1]a 0 L?ffffffffffffffff \"Leak\"", "0xfffff880`04a003aa\n");
    fix_prints(&f, "s -[1]b 0 L?ffffffffffffffff ff", "0xfffff880`04a003b9\n");
    fix_prints(&f, "s -a 0 L?ffffffffffffffff \"nowhere\"", "");
    fix_close(&f);
}

static void overlapping_hits_and_those_across_ranges_are_found(void **state) {
    (void)state;
    struct fix f;
    open_ranges(&f);
    fix_prints(&f, "s -[1]a 1000 L20 QQQ",
               "0x00000000`00001003\n0x00000000`00001004\n0x00000000`00001005\n"
               "0x00000000`00001006\n");
    fix_prints(&f, "s -[1]b 1000 L20 51 51 11 22", "0x00000000`00001007\n");
    fix_prints(&f, "s -[1]a 1000 L8 QQQ",
               "0x00000000`00001003\n0x00000000`00001004\n0x00000000`00001005\n");
    fix_close(&f);
}

static void values_have_the_size_and_alignment_of_their_type(void **state) {
    (void)state;
    struct fix f;
    open_ranges(&f);
    fix_prints(&f, "s -[1]d 1000 L8 44332211", "");
    fix_prints(&f, "s -[1]b 1000 L20 11 22 33 44", "0x00000000`00001009\n");
    fix_prints(&f, "s -[1]w 1000 L10 5151", "0x00000000`00001004\n0x00000000`00001006\n");
    fix_prints(&f, "s -[1]b 1000 L20 'S' 'T' 55 'V'", "0x00000000`0000100d\n");
    fix_prints(&f, "s -[1]w 1000 L10 'VU'", "");
    fix_prints(&f, "s -[1]w 1000 L10 'UT'", "0x00000000`0000100e\n");
    fix_prints(&f, "s -[1]q 1000 L2 51515151`51030201", "0x00000000`00001000\n");
    fix_fails(&f, "s -b 1000 L20 100", "more than 1 bytes hold");
    fix_fails(&f, "s -w 1000 L20 'abc'", "longer than 2 bytes");
    fix_close(&f);
}

static void hits_are_shown_in_the_form_of_their_type(void **state) {
    (void)state;
    struct fix f;
    open_ranges(&f);
    fix_prints(&f, "s -u 2000 L7 hey",
               "00000000`00002000  0068 0065 0079 0000 006e 006f 0000 ????  h.e.y...n.o...??\n");
    fix_prints(&f, "s -d 1000 L4 'QQQ\x03'", "");
    fix_prints(&f, "s -d 1004 L1 51515151",
               "00000000`00001004  51515151 33221151 55545344 6f6e0056  QQQQQ.\"3DSTUV.no\n");
    fix_prints(&f, "s -q 1000 L1 5151515151030201",
               "00000000`00001000  51515151`51030201 55545344`33221151  ...QQQQQQ.\"3DSTU\n");
    fix_close(&f);
}

static void printable_strings_are_found(void **state) {
    (void)state;
    struct fix f;
    open_ranges(&f);
    fix_prints(&f, "s -sa 1000 L20",
               "00000000`00001003  \"QQQQQQ\"\n00000000`0000100a  \"\"3DSTUV\"\n");
    fix_prints(&f, "s-sa 1000 L4", "");
    fix_prints(&f, "s -[l8]sa 1000 L20", "");
    fix_prints(&f, "s -[1l2]sa 1000 L20",
               "0x00000000`00001003\n0x00000000`0000100a\n0x00000000`00001012\n");
    fix_prints(&f, "s -su 2000 L20", "00000000`00002000  \"hey\"\n");
    fix_prints(&f, "s -[l 2]su 2000 L20",
               "00000000`00002000  \"hey\"\n00000000`00002008  \"no\"\n");
    fix_close(&f);
}

static void long_strings_take_several_lines(void **state) {
    (void)state;
    static const char text[] = "!This program cannot be run in DOS mode.";
    const struct sc_fake_bytes memory = {0x40004d, text, sizeof text};
    struct fix f;
    mem_open(&f, SC_CPU_X86, &memory, 1);
    fix_prints(&f, "s -sa 400000 L1000",
               "0040004d  \"!This program cannot be run in D\"\n0040006d  \"OS mode.\"\n");
    fix_close(&f);
}

static void hits_are_kept_and_narrowed_down(void **state) {
    (void)state;
    struct fix f;
    open_ranges(&f);
    fix_fails(&f, "s -[r]b 0 L1 51", "no hits were kept");
    fix_run(&f, "s -[s1]b 1000 L20 51");
    fix_prints(&f, "s -[1r]b 0 L1 51 11", "0x00000000`00001008\n");
    fix_run(&f, "s -[1sn2]b 1000 L20 51");
    fix_has(&f, "Overflow error");
    fix_prints(&f, "s -[1r]b 0 L1 51", "0x00000000`00001003\n0x00000000`00001004\n");
    fix_fails(&f, "s -[sr]b 0 L1 51", "exclude each other");
    fix_fails(&f, "s -[w]b 0 L1 51", "does not say which memory is writable");
    fix_close(&f);
}

static void objects_are_found_by_their_function_table(void **state) {
    (void)state;
    static const uint8_t objects[] = {0x20, 0, 0xa0, 4, 0x80, 0xf8, 0xff, 0xff,
                                      1,    0, 0,    0, 0,    0,    0,    0,
                                      0x20, 0, 0xa0, 4, 0x80, 0xf8, 0xff, 0xff};
    const struct sc_fake_bytes memory = {0x1000, objects, sizeof objects};
    struct fix f;
    mem_open(&f, SC_CPU_X64, &memory, 1);
    fix_prints(&f, "s -v 0 L?ffffffff 1000",
               "00000000`00001000  myfault+0x20\n00000000`00001010  myfault+0x20\n");
    fix_fails(&f, "s -v 0 L?ffffffff 1008", "no virtual function table");
    fix_close(&f);
}

static void what_is_wrong_is_said(void **state) {
    (void)state;
    static const struct {
        const char *line, *error;
    } cases[] = {{"s -x 0 L1 1", "is no type"},
                 {"s -[z]b 0 L1 1", "is no flag"},
                 {"s -[1b 0 L1 1", "is no flag"},
                 {"s -[1", "end with ']'"},
                 {"s 0 L10", "what is to be found?"},
                 {"s 1000", "how far?"},
                 {"s -sa 0 L10 x", "is not expected"},
                 {"s 0 L10 '", "characters stand between"},
                 {"s 0 L-10 1", "nothing before address 0"},
                 {"s -[n0]b 0 L1 1", "hits can be kept"}};
    struct fix f;
    open_ranges(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fix_fails(&f, cases[i].line, cases[i].error);
    fix_close(&f);
}

static void a_search_feeds_foreach(void **state) {
    (void)state;
    struct fix f;
    open_ranges(&f);
    fix_prints(&f,
               ".foreach (place { s-[1]w 1000 L?10 5151 }) { dw place L1; dw ( place -0x4 ) L1 }",
               "00000000`00001004  5151\n00000000`00001000  0201\n"
               "00000000`00001006  5151\n00000000`00001002  5103\n");
    fix_prints(&f, ".foreach (a { s -[1]b 1000 L?20 'STUV' }) { dd ${a}-5 L1 }",
               "00000000`00001008  33221151\n");
    fix_close(&f);
}

static void memory_is_compared(void **state) {
    (void)state;
    struct fix f;
    open_ranges(&f);
    fix_prints(&f, "c 1003 L4 1004", "");
    fix_prints(&f, "c 1000 L2 1003",
               "00000000`00001000  01 - 00000000`00001003  51\n"
               "00000000`00001001  02 - 00000000`00001004  51\n");
    fix_prints(&f, "c 1002 1003 1003", "00000000`00001002  03 - 00000000`00001003  51\n");
    fix_fails(&f, "c 1000 L20 1000", "memory at 0x1015 is absent");
    fix_fails(&f, "c 1000 1003", "address is missing");
    fix_close(&f);
}

static void memory_is_saved_whole_or_not_at_all(void **state) {
    (void)state;
    char path[] = "writemem-XXXXXX", line[64];
    uint8_t got[16] = {0};
    struct fix f;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    open_ranges(&f);
    snprintf(line, sizeof line, ".writemem %s 1000 LA", path);
    fix_prints(&f, line, "Writing a bytes.\n");
    snprintf(line, sizeof line, ".writemem %s 1000 L100", path);
    fix_fails(&f, line, "memory at 0x1015 is absent");
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(got, 1, sizeof got, file), 10);
    fclose(file);
    assert_memory_equal(got, first, 8);
    assert_memory_equal(got + 8, second, 2);
    unlink(path);
    fix_fails(&f, ".writemem no/such/folder/x 1000 L1", "cannot write");
    fix_close(&f);
}

static void json_has_a_record_for_each_hit(void **state) {
    (void)state;
    const struct sc_fake_bytes memory = {0x1000, first, sizeof first};
    struct fix f;
    mem_open_as(&f, SC_CPU_X64, true, &memory, 1, SC_RENDER_JSON);
    fix_run(&f, "s -[1]b 1000 L8 1");
    fix_has(&f, "{\"type\":\"hit\",\"address\":\"0x0000000000001000\"");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_tag_is_found_in_every_module),
        cmocka_unit_test(all_memory_is_walked_and_only_what_is_there),
        cmocka_unit_test(overlapping_hits_and_those_across_ranges_are_found),
        cmocka_unit_test(values_have_the_size_and_alignment_of_their_type),
        cmocka_unit_test(hits_are_shown_in_the_form_of_their_type),
        cmocka_unit_test(printable_strings_are_found),
        cmocka_unit_test(long_strings_take_several_lines),
        cmocka_unit_test(hits_are_kept_and_narrowed_down),
        cmocka_unit_test(objects_are_found_by_their_function_table),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_search_feeds_foreach),
        cmocka_unit_test(memory_is_compared),
        cmocka_unit_test(memory_is_saved_whole_or_not_at_all),
        cmocka_unit_test(json_has_a_record_for_each_hit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
