/* SPDX-License-Identifier: MIT */
/*
 * The output object and its text: buffers, frames, colour, the log, and the printf that lets no
 * string of a dump reach the terminal as it is. The expected lines are written out by hand; what
 * the C library's own printf makes of numbers is compared with it.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge/sink.h"
#include "stopcode/out.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct fixture {
    struct sink sink, log;
    sc_out *out;
};

static void start(struct fixture *f, enum sc_render render, bool color) {
    *f = (struct fixture){0};
    assert_null(sc_out_create(render, sink_write, &f->sink, color, &f->out));
}

static void finish(struct fixture *f) {
    sc_out_destroy(f->out);
    sink_free(&f->sink);
    sink_free(&f->log);
}

/* What has been printed so far, once. */
static const char *printed(struct fixture *f) {
    sc_out_flush(f->out);
    return sink_text(&f->sink);
}

/* Strings of a hostile dump, and how they look. */
static const struct {
    const char *in, *shown;
} hostile[] = {
    {"", ""},
    {"amdppm.sys", "amdppm.sys"},
    {"C:\\Windows\\system32", "C:\\Windows\\system32"},
    {"a\nb", "a\\x0ab"},
    {"a\tb\r", "a\\x09b\\x0d"},
    {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
    {"\x1b]0;title\x07", "\\x1b]0;title\\x07"},
    {"\x01\x02\x1f\x7f", "\\x01\\x02\\x1f\\x7f"},
    {"\x08\x0c\x0b", "\\x08\\x0c\\x0b"},
    {"caf\xc3\xa9", "caf\xc3\xa9"},
    {"\xe2\x82\xac", "\xe2\x82\xac"},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {"\xc2\x85", "\\x85"}, /* C1 next line */
    {"\xc2\x9b"
     "31m",
     "\\x9b31m"}, /* C1 control sequence introducer */
    {"\xc2\xa0", "\xc2\xa0"},
    {"\xe2\x80\xae"
     "txt.exe",
     "\\u202Etxt.exe"}, /* right-to-left override */
    {"\xe2\x81\xa6x", "\\u2066x"},
    {"\xe2\x80\x8b", "\\u200B"},
    {"\xe2\x80\xa8", "\\u2028"},
    {"\xef\xbb\xbf", "\\uFEFF"},
    {"\xd8\x9c", "\\u061C"},
    {"\xf3\xa0\x81\x81", "\\U000E0041"},
    {"\xed\xa0\xbd", "\\uD83D"}, /* lone surrogates */
    {"\xed\xb8\x80z", "\\uDE00z"},
    {"\xff\xfe", "\\xff\\xfe"},
    {"\xc3", "\\xc3"},          /* cut */
    {"\xe2\x82", "\\xe2\\x82"}, /* cut */
    {"\xc0\x80", "\\xc0\\x80"}, /* overlong NUL */
    {"\xc1\x9b", "\\xc1\\x9b"}, /* overlong '[' */
    {"\xe0\x80\x9b", "\\xe0\\x80\\x9b"},
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* behind U+10FFFF */
    {"\x80\xbf", "\\x80\\xbf"},
    {"%s%n%d", "%s%n%d"},
};

static void foreign_strings_cannot_reach_the_terminal(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(hostile); i++) {
        struct fixture f;
        start(&f, SC_RENDER_TEXT, false);
        sc_printf(f.out, "%s", hostile[i].in);
        assert_string_equal(printed(&f), hostile[i].shown);
        finish(&f);
    }
}

static void every_byte_is_shown_as_printable_text(void **state) {
    (void)state;
    for (int c = 1; c < 256; c++) {
        struct fixture f;
        char text[2] = {(char)c, 0}, want[12];
        start(&f, SC_RENDER_TEXT, false);
        snprintf(want, sizeof want, c >= 0x20 && c < 0x7f ? "%c%c" : "\\x%02x\\x%02x", c, c);
        sc_printf(f.out, "%s%c", text, c);
        assert_string_equal(printed(&f), want);
        finish(&f);
    }
}

static void a_byte_is_shown_so_wherever_it_stands(void **state) {
    (void)state;
    for (int c = 1; c < 256; c++)
        for (unsigned at = 0; at < 12; at++) {
            struct fixture f;
            char text[] = "~ ~ ~ ~ ~ ~ ", want[20];
            bool shown = c >= 0x20 && c < 0x7f;
            start(&f, SC_RENDER_TEXT, false);
            text[at] = (char)c;
            snprintf(want, sizeof want, shown ? "%.*s%c%s" : "%.*s\\x%02x%s", (int)at, text, c,
                     text + at + 1);
            sc_puts(f.out, text);
            if (c != '\n' && c != '\t')
                assert_string_equal(printed(&f), want);
            finish(&f);
        }
}

static void own_text_keeps_newlines_and_tabs_only(void **state) {
    (void)state;
    struct fixture f;
    start(&f, SC_RENDER_TEXT, false);
    sc_puts(f.out, "a\tb\n");
    sc_printf(f.out, "c\td\n");
    sc_puts(f.out, "\x1b[2J");
    assert_string_equal(printed(&f), "a\tb\nc\td\n\\x1b[2J");
    finish(&f);
}

static void strings_are_padded_by_what_is_shown(void **state) {
    (void)state;
    struct fixture f;
    char unterminated[4] = {'a', 'b', 'c', 'd'};
    start(&f, SC_RENDER_TEXT, false);
    sc_printf(f.out, "[%5s][%-5s][%2s]", "abc", "abc", "abc");
    sc_printf(f.out, "[%4s][%-4s]", "\xc3\xa9", "\xc3\xa9");
    sc_printf(f.out, "[%6s][%-6s]", "\n", "\n");
    sc_printf(f.out, "[%*s][%*s]", 4, "x", -4, "x");
    sc_printf(f.out, "[%.2s][%.*s][%.0s][%5.2s]", "abc", 4, unterminated, "abc", "abc");
    sc_printf(f.out, "[%.*s]", -1, "abc");
    assert_string_equal(printed(&f), "[  abc][abc  ][abc]"
                                     "[   \xc3\xa9][\xc3\xa9   ]"
                                     "[  \\x0a][\\x0a  ]"
                                     "[   x][x   ]"
                                     "[ab][abcd][][   ab]"
                                     "[abc]");
    finish(&f);
}

static void a_null_string_and_characters_are_printed(void **state) {
    (void)state;
    struct fixture f;
    const char *volatile null = NULL;
    start(&f, SC_RENDER_TEXT, false);
    sc_printf(f.out, "%s|%8s|%.3s|%c|%3c|%-3c|%%|%c", null, null, null, 'x', 'y', 'z', '\x1b');
    assert_string_equal(printed(&f), "(null)|  (null)|(nu|x|  y|z  |%|\\x1b");
    finish(&f);
}

/* The same format and arguments through the C library and through ours. */
#define SAME(...)                                                                                  \
    do {                                                                                           \
        char want[2048];                                                                           \
        struct fixture f;                                                                          \
        start(&f, SC_RENDER_TEXT, false);                                                          \
        snprintf(want, sizeof want, __VA_ARGS__);                                                  \
        sc_printf(f.out, __VA_ARGS__);                                                             \
        assert_string_equal(printed(&f), want);                                                    \
        finish(&f);                                                                                \
    } while (0)

static void numbers_are_those_of_printf(void **state) {
    (void)state;
    SAME("%d %i %u %x %X %o", -5, 7, 3000000000U, 0xbeefU, 0xbeefU, 0755U);
    SAME("%08x|%8x|%-8x|%#x|%#010x|%#o", 0x1aU, 0x1aU, 0x1aU, 0x1aU, 0x1aU, 8U);
    SAME("%+d|% d|%+05d|%.4d|%8.4d|%-8.4d|", 5, 5, 5, 5, 5, 5);
    SAME("%hhx %hx %hhd %hd", (unsigned char)0xfe, (unsigned short)0xfffe, (signed char)-2,
         (short)-3);
    SAME("%ld %lu %lx", -1L, ~0UL, ~0UL);
    SAME("%lld %llu %llx", INT64_MIN + 0LL, ~0ULL, 0xfffff80000000000ULL);
    SAME("%016llx %jd %ju", 0x1234ULL, (intmax_t)-9, UINTMAX_MAX);
    SAME("%zu %zx %td", (size_t)-1, (size_t)77, (ptrdiff_t)-3);
    SAME("%*d|%-*d|%0*d|%.*d|%*.*d", 6, 1, 6, 2, 6, 3, 4, 4, 7, 3, 5);
    SAME("%f %.2f %8.1f %-8.1f| %e %g %G", 1.5, 2.345, 3.25, 4.75, 12345.678, 1e-10, 1e20);
    SAME("%.0f %#.0f %f %F", 2.0, 2.0, 1.0 / 3, 1e15);
    SAME("%Lf", 1.25L);
    SAME("%p", (void *)0x1234);
    SAME("%.3x|%.0x|%%", 1U, 0U);
    SAME("%s of %d: %s%s", "a", 2, "b", "");
    SAME("%f", 1.7e308);
    SAME("%250d|%-250d|%.250d", 1, 2, 3);
    SAME("%5d|%05d|%-5d|%2d|%02x", -42, -42, -42, -42, 0xabcU);
    SAME("%*d|%0*d|%-*d|%*u", -6, -1, -6, 2, -6, 3, 0, 4U);
    SAME("%20lld|%020lld|%-22lld|%lld", INT64_MIN + 0LL, INT64_MIN + 0LL, INT64_MIN + 0LL,
         INT64_MAX + 0LL);
    SAME("%d|%u|%x|%X|%4x|%04X|%08lx|%-8lX|", 0, 0U, 0U, 0U, 0U, 0U, 0xabcdefUL, 0xabcdefUL);
}

static void a_foreign_locale_changes_no_number(void **state) {
    (void)state;
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "ps_AF"};
    bool found = false;
    for (size_t i = 0; i < COUNT(locales) && !found; i++)
        found = setlocale(LC_ALL, locales[i]) != NULL;
    if (!found)
        printf("no locale with a decimal comma is installed: only the flag ' is tested\n");
    struct fixture f;
    start(&f, SC_RENDER_TEXT, false);
    sc_printf(f.out, "%.2f %'d", 1234.5, 1234567);
    assert_string_equal(printed(&f), "1234.50 1234567");
    setlocale(LC_ALL, "C");
    finish(&f);
}

/* Formats that the compiler would warn about. */
static void (*volatile format)(sc_out *, const char *, ...) = sc_printf;

static void odd_formats_do_no_harm(void **state) {
    (void)state;
    struct fixture f;
    int untouched = 7;
    start(&f, SC_RENDER_TEXT, false);
    format(f.out, "a%nb%d\n", &untouched, 5);
    format(f.out, "[%");
    format(f.out, "|%-");
    format(f.out, "|%5.");
    format(f.out, "|%ll");
    format(f.out, "|%k %d", 5);
    format(f.out, "|%1$d", 5);
    format(f.out, "|%ls|%lc", L"x", L'x');
    assert_string_equal(printed(&f), "a%nb%d\n[%|%-|%5.|%ll|%k %d|%1$d|%ls|%lc");
    assert_int_equal(untouched, 7);
    sink_clear(&f.sink);
    format(f.out, "%hhx %hx %hhd %hd", 0xffff, 0x1ffff, 0x1ff, 0x1ffff);
    assert_string_equal(printed(&f), "ff ffff -1 -1");
    sink_clear(&f.sink);
    format(f.out, "%99999999999d|", 1);
    assert_int_equal(strlen(printed(&f)), 301);
    sink_clear(&f.sink);
    format(f.out, "%100000s|", "x");
    assert_int_equal(strlen(printed(&f)), 100001);
    finish(&f);
}

static void output_is_buffered_and_flushed_by_the_end_of_a_command(void **state) {
    (void)state;
    struct fixture f;
    start(&f, SC_RENDER_TEXT, false);
    sc_out_begin(f.out, "lm");
    sc_puts(f.out, "start end module\n");
    assert_int_equal(f.sink.calls, 0);
    sc_out_begin(f.out, "inner");
    sc_out_end(f.out, NULL);
    assert_int_equal(f.sink.calls, 0);
    sc_out_end(f.out, NULL);
    assert_int_equal(f.sink.calls, 1);
    assert_string_equal(sink_text(&f.sink), "start end module\n");
    sc_out_flush(f.out);
    assert_int_equal(f.sink.calls, 1); /* nothing to write: nothing written */
    finish(&f);
}

static void frames_print_nothing_in_text(void **state) {
    (void)state;
    struct fixture f;
    start(&f, SC_RENDER_TEXT, false);
    sc_err *err = sc_errf(SC_ERR_ARG, "bad");
    sc_out_begin(f.out, "x");
    sc_out_end(f.out, err);
    sc_out_end(f.out, NULL); /* one too many */
    sc_err_destroy(err);
    assert_string_equal(printed(&f), "");
    finish(&f);
}

static void long_output_arrives_whole_and_in_order(void **state) {
    (void)state;
    struct fixture f;
    char *want = malloc(600000), *at = want;
    assert_non_null(want);
    start(&f, SC_RENDER_TEXT, false);
    for (int i = 0; i < 60000; i++) {
        at += sprintf(at, "%d\n", i);
        sc_printf(f.out, "%d\n", i);
    }
    assert_string_equal(printed(&f), want);
    free(want);
    finish(&f);
}

static void destroying_flushes(void **state) {
    (void)state;
    struct sink sink = {0};
    sc_out *out;
    assert_null(sc_out_create(SC_RENDER_TEXT, sink_write, &sink, false, &out));
    sc_puts(out, "last words");
    sc_out_destroy(out);
    assert_string_equal(sink_text(&sink), "last words");
    sink_free(&sink);
    sc_out_destroy(NULL);
}

static void a_refused_write_is_remembered_and_ends_writing(void **state) {
    (void)state;
    struct fixture f;
    start(&f, SC_RENDER_TEXT, false);
    f.sink.limit = 4;
    sc_puts(f.out, "1234");
    sc_out_flush(f.out);
    assert_false(sc_out_failed(f.out));
    sc_puts(f.out, "5");
    assert_false(sc_out_failed(f.out)); /* still in the buffer */
    sc_out_flush(f.out);
    assert_true(sc_out_failed(f.out));
    f.sink.limit = 0;
    size_t calls = f.sink.calls;
    for (int i = 0; i < 10000; i++)
        sc_printf(f.out, "%s", "more of it");
    sc_out_flush(f.out);
    assert_true(sc_out_failed(f.out));
    assert_int_equal(f.sink.calls, calls);
    assert_string_equal(sink_text(&f.sink), "1234");
    finish(&f);
}

static void colour_is_written_only_when_it_is_on_and_changes(void **state) {
    (void)state;
    struct fixture f;
    start(&f, SC_RENDER_TEXT, true);
    sc_out_color(f.out, SC_PLAIN);
    sc_out_color(f.out, SC_RED);
    sc_out_color(f.out, SC_RED);
    sc_puts(f.out, "r");
    sc_out_color(f.out, SC_BOLD);
    sc_puts(f.out, "b");
    sc_out_color(f.out, SC_PLAIN);
    assert_string_equal(printed(&f), "\033[0;31mr\033[0;1mb\033[0m");
    finish(&f);
    start(&f, SC_RENDER_TEXT, false);
    sc_out_color(f.out, SC_RED);
    sc_puts(f.out, "r");
    assert_string_equal(printed(&f), "r");
    finish(&f);
    start(&f, SC_RENDER_JSON, true);
    sc_out_color(f.out, SC_RED);
    assert_string_equal(printed(&f), "");
    finish(&f);
}

static void a_command_cannot_leave_its_colour_behind(void **state) {
    (void)state;
    struct fixture f;
    start(&f, SC_RENDER_TEXT, true);
    sc_out_begin(f.out, "x");
    sc_out_color(f.out, SC_YELLOW);
    sc_out_end(f.out, NULL);
    assert_string_equal(sink_text(&f.sink), "\033[0;33m\033[0m");
    finish(&f);
}

static void the_log_gets_the_same_bytes_without_colour(void **state) {
    (void)state;
    struct fixture f;
    start(&f, SC_RENDER_TEXT, true);
    sc_puts(f.out, "before ");
    sc_out_tee(f.out, sink_write, &f.log);
    sc_out_color(f.out, SC_GREEN);
    sc_printf(f.out, "%s ", "logged");
    sc_out_color(f.out, SC_PLAIN);
    sc_out_tee(f.out, NULL, NULL);
    assert_string_equal(sink_text(&f.log), "logged ");
    sc_puts(f.out, "after");
    assert_string_equal(printed(&f), "before \033[0;32mlogged \033[0mafter");
    assert_string_equal(sink_text(&f.log), "logged ");
    finish(&f);
}

static void a_full_log_does_not_stop_the_output(void **state) {
    (void)state;
    struct fixture f;
    start(&f, SC_RENDER_TEXT, false);
    f.log.limit = 3;
    sc_out_tee(f.out, sink_write, &f.log);
    sc_puts(f.out, "four");
    sc_out_flush(f.out);
    sc_puts(f.out, "teen");
    assert_string_equal(printed(&f), "fourteen");
    assert_false(sc_out_failed(f.out));
    assert_true(sc_out_tee_failed(f.out));
    assert_int_equal(f.log.calls, 1);
    struct sink second = {0};
    sc_out_tee(f.out, sink_write, &second);
    assert_false(sc_out_tee_failed(f.out));
    sc_puts(f.out, "!");
    sc_out_flush(f.out);
    assert_string_equal(sink_text(&second), "!");
    finish(&f);
    sink_free(&second);
}

static void a_remark_is_a_line(void **state) {
    (void)state;
    struct fixture f;
    start(&f, SC_RENDER_TEXT, false);
    sc_remark(f.out, "%d of %s", 3,
              "a\x1b"
              "b");
    assert_string_equal(printed(&f), "3 of a\\x1bb\n");
    finish(&f);
}

static void format_pair(sc_out *out, const void *record, void *ctx) {
    const int *pair = record;
    sc_printf(out, "%s: %d-%d\n", (const char *)ctx, pair[0], pair[1]);
}

static void a_record_in_text_is_its_formatter(void **state) {
    (void)state;
    static const struct sc_field none[] = {SC_FIELD_END};
    static const struct sc_rectype type = {"pair", sizeof(int[2]), none};
    struct fixture f;
    int pair[2] = {4, 5};
    start(&f, SC_RENDER_TEXT, false);
    sc_record(f.out, &type, pair, format_pair, "pair");
    sc_record(f.out, &type, pair, NULL, NULL);
    assert_string_equal(printed(&f), "pair: 4-5\n");
    finish(&f);
}

static void addresses_have_a_backtick_in_the_middle(void **state) {
    (void)state;
    static const struct {
        uint64_t addr;
        unsigned size;
        const char *text;
    } rows[] = {
        {0, 8, "00000000`00000000"},
        {0xfffff80001234567, 8, "fffff800`01234567"},
        {UINT64_MAX, 8, "ffffffff`ffffffff"},
        {0x80000000, 8, "00000000`80000000"},
        {0, 4, "00000000"},
        {0x804d7000, 4, "804d7000"},
        {0xffffffff804d7000, 4, "804d7000"},
        {UINT64_MAX, 4, "ffffffff"},
    };
    char buf[SC_ADDR_BUF];
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(sc_addr_text(rows[i].addr, rows[i].size, buf), rows[i].text);
}

static void an_output_without_a_writer_is_refused(void **state) {
    (void)state;
    sc_out *out = (sc_out *)&out;
    sc_err *err = sc_out_create(SC_RENDER_TEXT, NULL, NULL, false, &out);
    assert_int_equal(sc_err_code(err), SC_ERR_ARG);
    sc_err_destroy(err);
    err = sc_out_create((enum sc_render)9, sink_write, NULL, false, &out);
    assert_int_equal(sc_err_code(err), SC_ERR_ARG);
    sc_err_destroy(err);
    assert_ptr_equal(out, &out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_strings_cannot_reach_the_terminal),
        cmocka_unit_test(every_byte_is_shown_as_printable_text),
        cmocka_unit_test(a_byte_is_shown_so_wherever_it_stands),
        cmocka_unit_test(own_text_keeps_newlines_and_tabs_only),
        cmocka_unit_test(strings_are_padded_by_what_is_shown),
        cmocka_unit_test(a_null_string_and_characters_are_printed),
        cmocka_unit_test(numbers_are_those_of_printf),
        cmocka_unit_test(a_foreign_locale_changes_no_number),
        cmocka_unit_test(odd_formats_do_no_harm),
        cmocka_unit_test(output_is_buffered_and_flushed_by_the_end_of_a_command),
        cmocka_unit_test(frames_print_nothing_in_text),
        cmocka_unit_test(long_output_arrives_whole_and_in_order),
        cmocka_unit_test(destroying_flushes),
        cmocka_unit_test(a_refused_write_is_remembered_and_ends_writing),
        cmocka_unit_test(colour_is_written_only_when_it_is_on_and_changes),
        cmocka_unit_test(a_command_cannot_leave_its_colour_behind),
        cmocka_unit_test(the_log_gets_the_same_bytes_without_colour),
        cmocka_unit_test(a_full_log_does_not_stop_the_output),
        cmocka_unit_test(a_remark_is_a_line),
        cmocka_unit_test(a_record_in_text_is_its_formatter),
        cmocka_unit_test(addresses_have_a_backtick_in_the_middle),
        cmocka_unit_test(an_output_without_a_writer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
