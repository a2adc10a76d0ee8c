/* SPDX-License-Identifier: MIT */
/* The shell family: exact texts, and the same facts in JSON. */
#include "session_fixture.h"

#include <locale.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/command.h"

/* --- ? -------------------------------------------------------------------------------------- */

static void evaluation_prints_decimal_and_hexadecimal(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_USER);
    /* From published transcripts. */
    fix_prints(&f, "? fffffa804b729830",
               "Evaluate expression: -6046048151504 = fffffa80`4b729830\n");
    fix_prints(&f, "? bd38", "Evaluate expression: 48440 = 00000000`0000bd38\n");
    fix_prints(&f, "?0n16;? 7fffffffffffffff",
               "Evaluate expression: 16 = 00000000`00000010\n"
               "Evaluate expression: 9223372036854775807 = 7fffffff`ffffffff\n");
    fix_close(&f);
}

static void evaluation_on_a_32_bit_target_has_32_bits_where_they_suffice(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_USER32);
    fix_prints(&f, "? 0n143", "Evaluate expression: 143 = 0000008f\n");
    fix_prints(&f, "? c0000005", "Evaluate expression: -1073741819 = c0000005\n");
    fix_prints(&f, "? -1", "Evaluate expression: -1 = ffffffff\n");
    fix_prints(&f, "? 1`00000000", "Evaluate expression: 4294967296 = 00000001`00000000\n");
    fix_close(&f);
}

static void the_module_of_an_address_stands_in_brackets(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    fix_prints(&f, "? @rip",
               "Evaluate expression: -8794929089716 = fffff800`4560334c  [amdppm+0x334c]\n");
    fix_prints(&f, ".enrich off; ? @rip",
               "Additions in brackets are off\n"
               "Evaluate expression: -8794929089716 = fffff800`4560334c\n");
    fix_close(&f);
}

static void the_last_value_is_kept(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_USER);
    fix_prints(&f, "? 8f; ? @$exp + 1",
               "Evaluate expression: 143 = 00000000`0000008f\n"
               "Evaluate expression: 144 = 00000000`00000090\n");
    fix_close(&f);
}

static void evaluation_in_json_has_the_same_facts(void **state) {
    (void)state;
    struct fix f;
    fix_open_json(&f, FIX_KERNEL, SC_RENDER_JSON);
    fix_run(&f, "? nt + 5");
    assert_string_equal(fix_text(&f),
                        "{\"command\":\"? nt + 5\",\"records\":[{\"type\":\"evaluation\","
                        "\"expression\":\"nt + 5\",\"value\":\"0xfffff80012300005\","
                        "\"decimal\":-8795787886587,\"near\":\"nt+0x5\"}],\"error\":null}\n");
    fix_close(&f);
}

/* --- .formats --------------------------------------------------------------------------------- */

static void formats_of_32_bits(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_USER32);
    fix_run(&f, ".tz -8:00");
    /* The sample of the command's public page; its clock was eight hours behind UTC. */
    fix_prints(&f, ".formats 1c407e62",
               "Evaluate expression:\n"
               "  Hex:     1c407e62\n"
               "  Decimal: 473988706\n"
               "  Octal:   03420077142\n"
               "  Binary:  00011100 01000000 01111110 01100010\n"
               "  Chars:   .@~b\n"
               "  Time:    Mon Jan  7 15:31:46 1985\n"
               "  Float:   low 6.36908e-022 high 0\n"
               "  Double:  2.34182e-315\n");
    fix_run(&f, ".formats 41414141");
    assert_non_null(strstr(fix_text(&f), "  Octal:   10120240501\n"));
    assert_non_null(strstr(fix_text(&f), "  Chars:   AAAA\n"));
    assert_non_null(strstr(fix_text(&f), "  Float:   low 12.0784 high 0\n"));
    assert_non_null(strstr(fix_text(&f), "  Double:  5.40901e-315\n"));
    fix_close(&f);
}

static void formats_of_64_bits(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_USER);
    fix_run(&f, ".tz utc");
    fix_prints(&f, ".formats 01010101`01010101",
               "Evaluate expression:\n"
               "  Hex:     01010101`01010101\n"
               "  Decimal: 72340172838076673\n"
               "  Octal:   0004010020040100200401\n"
               "  Binary:  00000001 00000001 00000001 00000001 00000001 00000001 00000001 "
               "00000001\n"
               "  Chars:   ........\n"
               "  Time:    Mon Mar 29 01:14:43.807 1830 (UTC + 0:00)\n"
               "  Float:   low 2.36943e-038 high 2.36943e-038\n"
               "  Double:  7.7486e-304\n");
    fix_run(&f, ".formats 200");
    assert_non_null(strstr(fix_text(&f), "  Hex:     00000000`00000200\n  Decimal: 512\n"));
    assert_non_null(strstr(fix_text(&f), "  Octal:   0000000000000000001000\n"));
    assert_non_null(strstr(fix_text(&f), "  Time:    Thu Jan  1 00:08:32 1970\n"));
    fix_run(&f, ".formats fffff800`00000000");
    assert_non_null(strstr(fix_text(&f), "  Decimal: -8796093022208\n"));
    assert_non_null(strstr(fix_text(&f), "  Time:    ***** Invalid FILETIME\n"));
    fix_close(&f);
}

static void floating_point_is_written_as_microsofts_library_does(void **state) {
    (void)state;
    static const struct {
        const char *value, *text;
    } table[] = {
        {"3ff00000`00000000", "  Float:   low 0 high 1.875\n  Double:  1\n"},
        {"7ff00000`7f800000", "  Float:   low 1.#INF high 1.#QNAN\n  Double:  1.#SNAN\n"},
        {"fff00000`00000000", "  Float:   low 0 high -1.#QNAN\n  Double:  -1.#INF\n"},
        {"fff80000`ffc00000", "  Float:   low -1.#IND high -1.#QNAN\n  Double:  -1.#QNAN\n"},
        {"fff80000`00000000", "  Double:  -1.#IND\n"},
        {"7e37e43c`8800759c", "  Double:  1e+300\n"},
    };
    struct fix f;
    fix_open(&f, FIX_USER);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char line[64] = ".formats ";
        strcat(line, table[i].value);
        fix_run(&f, line);
        if (!strstr(fix_text(&f), table[i].text))
            assert_string_equal(fix_text(&f), table[i].text);
    }
    fix_close(&f);
}

/* A locale with a decimal comma, where the system has one. */
static void the_locale_does_not_change_numbers(void **state) {
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8")) {
        print_message("SKIPPED: no locale with a decimal comma is installed\n");
        skip();
    }
    struct fix f;
    fix_open(&f, FIX_USER);
    fix_run(&f, ".formats 41414141");
    setlocale(LC_NUMERIC, "C");
    assert_non_null(strstr(fix_text(&f), "low 12.0784 "));
    fix_close(&f);
}

static void formats_in_json(void **state) {
    (void)state;
    struct fix f;
    fix_open_json(&f, FIX_USER, SC_RENDER_JSON);
    fix_run(&f, ".formats 41");
    assert_non_null(strstr(fix_text(&f), "\"value\":\"0x41\",\"decimal\":65,\"octal\":"));
    assert_non_null(strstr(fix_text(&f), "\"chars\":\".......A\",\"time\":\"1970-01-01T00:01:05"));
    assert_non_null(strstr(fix_text(&f), "\"float_low\":\"9.10844e-044\",\"float_high\":\"0\""));
    fix_close(&f);
}

/* --- !error ----------------------------------------------------------------------------------- */

static void error_codes_are_classified_and_explained(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_run(&f, ".enrich off");
    fix_prints(&f, "!error 2",
               "Error code: (Win32) 0x2 (2) - The system cannot find the file specified.\n");
    fix_run(&f, "!error c000000d");
    assert_non_null(strstr(fix_text(&f), "Error code: (NTSTATUS) 0xc000000d (3221225485) - "));
    fix_run(&f, "!error 5 1");
    assert_non_null(strstr(fix_text(&f), "Error code: (NTSTATUS) 0x5 (5) - "));
    fix_run(&f, "!error 80070005");
    assert_non_null(strstr(fix_text(&f), "Error code: (HRESULT) 0x80070005 (2147942405) - "));
    fix_prints(&f, "!error ffff",
               "Error code: (Win32) 0xffff (65535) - <Unable to get error code text>\n");
    fix_close(&f);
}

static void a_negative_decimal_code_is_accepted(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_int_equal(fix_run(&f, "!error 0n-1073741811"), 0);
    assert_non_null(strstr(fix_text(&f), "(NTSTATUS) 0xc000000d (3221225485) - "));
    assert_int_equal(fix_run(&f, "!error -1073741811 1"), 1);
    fix_fails(&f, "!error 1`00000000", "0x100000000 is no error code: they have 32 bits");
    fix_fails(&f, "!error 5 2", "the flag of !error is 0 or 1");
    fix_close(&f);
}

static void the_symbolic_name_stands_in_brackets(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_run(&f, "!error c0000005");
    assert_non_null(strstr(fix_text(&f), " [STATUS_ACCESS_VIOLATION]\n"));
    fix_close(&f);
    fix_open_json(&f, FIX_NONE, SC_RENDER_JSON);
    fix_run(&f, "!error c0000005");
    assert_non_null(strstr(fix_text(&f), "\"type\":\"error_code\",\"code\":\"0xc0000005\","
                                         "\"decimal\":3221225477,\"kind\":\"NTSTATUS\",\"name\":"
                                         "\"STATUS_ACCESS_VIOLATION\""));
    fix_close(&f);
}

/* --- settings --------------------------------------------------------------------------------- */

static void the_radix_is_set_in_decimal(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_prints(&f, "n", "base is 16\n");
    fix_prints(&f, "n 10; ? 10", "base is 10\nEvaluate expression: 10 = 00000000`0000000a\n");
    fix_prints(&f, "n 8; ? 10", "base is 8\nEvaluate expression: 8 = 00000000`00000008\n");
    fix_prints(&f, "n16", "base is 16\n");
    fix_fails(&f, "n 12", "ERROR: n: the base is 8, 10 or 16, not 12\n");
    fix_prints(&f, "n", "base is 16\n");
    fix_close(&f);
}

static void the_time_zone_takes_hours_and_minutes(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_prints(&f, ".tz +5:30", "Times are shown in UTC + 5:30\n");
    assert_int_equal(sc_session_tz(f.s), 19800);
    fix_prints(&f, ".tz -8", "Times are shown in UTC - 8:00\n");
    fix_prints(&f, ".tz", "Times are shown in UTC - 8:00\n");
    fix_prints(&f, ".tz UTC", "Times are shown in UTC + 0:00\n");
    setenv("TZ", "EST5", 1);
    tzset();
    fix_prints(&f, ".tz local", "Times are shown in UTC - 5:00 (local)\n");
    static const char *const wrong[] = {".tz 15", ".tz 5:3", ".tz 5:60",    ".tz x",
                                        ".tz +",  ".tz 5:",  ".tz 1:00:00", ".tz 123"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        fix_fails(&f, wrong[i], "is no time zone; write +5:30, -8, utc or local");
    fix_close(&f);
}

static void enrichment_is_switched(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_true(sc_session_enrich(f.s));
    fix_prints(&f, ".enrich OFF", "Additions in brackets are off\n");
    assert_false(sc_session_enrich(f.s));
    fix_prints(&f, ".enrich", "Additions in brackets are off\n");
    fix_prints(&f, ".enrich on", "Additions in brackets are on\n");
    fix_fails(&f, ".enrich maybe", ".enrich: on or off, not \"maybe\"");
    fix_close(&f);
}

/* --- texts ------------------------------------------------------------------------------------ */

static void echo_shows_its_text_without_the_quotes_around_it(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_prints(&f, ".echo  a  b ", "a  b\n");
    fix_prints(&f, ".echo \"a; b \"; .echo c", "a; b \nc\n");
    fix_prints(&f, ".echo \"a\" and \"b\"", "\"a\" and \"b\"\n");
    fix_prints(&f, ".echo", "\n");
    fix_prints(&f, ".echo \"", "\"\n");
    fix_prints(&f, ".echo \x1b[2J", "\\x1b[2J\n");
    fix_close(&f);
}

static void comments_do_nothing(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_prints(&f, "* .echo a; .echo b", "");
    fix_prints(&f, "$$ .echo a; .echo b", "b\n");
    fix_close(&f);
}

static void echotime_says_whose_time_it_is(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_run(&f, ".tz -7");
    assert_int_equal(fix_run(&f, ".echotime"), 0);
    assert_memory_equal(fix_text(&f), "Debugger (not debuggee) time: ", 30);
    assert_non_null(strstr(fix_text(&f), " (UTC - 7:00)\n"));
    fix_close(&f);
}

/* --- help ------------------------------------------------------------------------------------- */

static void help_lists_every_family(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_int_equal(fix_run(&f, "help"), 0);
    for (const struct sc_family *fam = sc_families; fam->title; fam++) {
        assert_non_null(strstr(fix_text(&f), fam->title));
        for (const struct sc_command *row = fam->commands; row->name; row++) {
            assert_non_null(strstr(fix_text(&f), row->name));
            assert_non_null(strstr(fix_text(&f), row->brief));
        }
    }
    assert_int_equal(fix_run(&f, "?"), 0);
    assert_non_null(strstr(fix_text(&f), ".formats"));
    fix_close(&f);
}

static void help_of_a_command_is_made_from_its_row(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_prints(&f, "help .logopen",
               ".logopen [/t] [/u] [/d] [<file>]\n"
               "  start writing a log file.\n"
               "    /t             put process id, date and time into the name\n"
               "    /u             write UTF-16 instead of UTF-8\n"
               "    /d             name the file after the dump\n"
               "    file           without one: dbgeng.log\n"
               "\n"
               "A log that is open is ended first; an existing file is overwritten.\n"
               "\n"
               "Sample: .logopen session.log\n");
    fix_run(&f, ".help QQ");
    assert_non_null(strstr(fix_text(&f), "q\n  quit.\n"));
    assert_non_null(strstr(fix_text(&f), "Also: qq qd\n"));
    fix_close(&f);
}

static void help_takes_patterns_and_says_what_is_unknown(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_int_equal(fix_run(&f, "help .log*"), 0);
    assert_non_null(strstr(fix_text(&f), ".logclose"));
    assert_null(strstr(fix_text(&f), ".formats"));
    fix_fails(&f, "help .fromats", "did you mean .formats?");
    fix_fails(&f, "help zz*", "is no command here");
    fix_close(&f);
}

static void help_in_json_has_the_arguments(void **state) {
    (void)state;
    struct fix f;
    fix_open_json(&f, FIX_NONE, SC_RENDER_JSON);
    fix_run(&f, "help n");
    assert_non_null(
        strstr(fix_text(&f), "\"usage\":\"n [<base>]\",\"needs\":null,\"arguments\":["));
    assert_non_null(strstr(fix_text(&f), "\"about\":\"8, 10 or 16\",\"optional\":true}"));
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluation_prints_decimal_and_hexadecimal),
        cmocka_unit_test(evaluation_on_a_32_bit_target_has_32_bits_where_they_suffice),
        cmocka_unit_test(the_module_of_an_address_stands_in_brackets),
        cmocka_unit_test(the_last_value_is_kept),
        cmocka_unit_test(evaluation_in_json_has_the_same_facts),
        cmocka_unit_test(formats_of_32_bits),
        cmocka_unit_test(formats_of_64_bits),
        cmocka_unit_test(floating_point_is_written_as_microsofts_library_does),
        cmocka_unit_test(the_locale_does_not_change_numbers),
        cmocka_unit_test(formats_in_json),
        cmocka_unit_test(error_codes_are_classified_and_explained),
        cmocka_unit_test(a_negative_decimal_code_is_accepted),
        cmocka_unit_test(the_symbolic_name_stands_in_brackets),
        cmocka_unit_test(the_radix_is_set_in_decimal),
        cmocka_unit_test(the_time_zone_takes_hours_and_minutes),
        cmocka_unit_test(enrichment_is_switched),
        cmocka_unit_test(echo_shows_its_text_without_the_quotes_around_it),
        cmocka_unit_test(comments_do_nothing),
        cmocka_unit_test(echotime_says_whose_time_it_is),
        cmocka_unit_test(help_lists_every_family),
        cmocka_unit_test(help_of_a_command_is_made_from_its_row),
        cmocka_unit_test(help_takes_patterns_and_says_what_is_unknown),
        cmocka_unit_test(help_in_json_has_the_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
