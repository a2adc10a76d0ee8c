/* SPDX-License-Identifier: MIT */
/*
 * From a line to commands: cutting, finding rows, forgiving typography, needs, hostile lines; and
 * what every row of every family must have.
 */
#include "session_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/dispatch.h"
#include "cmd/session_impl.h"

/* --- cutting -------------------------------------------------------------------------------- */

static void expect_pieces(const char *line, size_t count, const char *const *want) {
    struct sc_piece piece;
    size_t n = 0;
    while (sc_next_piece(&line, &piece)) {
        assert_true(n < count);
        assert_int_equal(piece.len, strlen(want[n]));
        assert_memory_equal(piece.start, want[n], piece.len);
        n++;
    }
    assert_int_equal(n, count);
}

static void lines_are_cut_at_semicolons_outside_quotes(void **state) {
    (void)state;
    static const char *const want[] = {"n 10", ".echo \"a;b\"", "q"};
    expect_pieces(" n 10 ;; .echo \"a;b\" ;\t q ;", 3, want);
}

static void an_escaped_quote_does_not_end_the_quotes(void **state) {
    (void)state;
    static const char *const want[] = {".echo \"a\\\";b\"", "q"};
    expect_pieces(".echo \"a\\\";b\";q", 2, want);
}

static void a_star_comments_the_line_and_dollars_up_to_a_semicolon(void **state) {
    (void)state;
    static const char *const star[] = {"n", "* n; n", "q"};
    expect_pieces("n;* n; n\nq", 3, star);
    static const char *const dollars[] = {"$$ n", "n"};
    expect_pieces("$$ n; n", 2, dollars);
    static const char *const touching[] = {"$$n", "*n;n"};
    expect_pieces("$$n;*n;n", 2, touching);
}

static void open_quotes_reach_to_the_end_of_the_line(void **state) {
    (void)state;
    static const char *const want[] = {".echo \"a; n", "n"};
    expect_pieces(".echo \"a; n\r\nn", 2, want);
}

static void nothing_is_no_command(void **state) {
    (void)state;
    expect_pieces("", 0, NULL);
    expect_pieces(" ; ;\n\t;\r\n", 0, NULL);
}

/* --- finding -------------------------------------------------------------------------------- */

static const char *found(const char *text, size_t *ret_end) {
    struct sc_found f;
    if (!sc_find(text, &f))
        return NULL;
    if (ret_end)
        *ret_end = f.end;
    return f.row->name;
}

static void names_and_aliases_are_found_in_any_case(void **state) {
    (void)state;
    assert_string_equal(found(".formats 5", NULL), ".formats");
    assert_string_equal(found(".FORMATS 5", NULL), ".formats");
    assert_string_equal(found("!Error 5", NULL), "!error");
    assert_string_equal(found("qq", NULL), "q");
    assert_string_equal(found("Q;n", NULL), "q");
    assert_string_equal(found(".Help", NULL), "help");
}

static void operands_may_touch_names_that_allow_it(void **state) {
    (void)state;
    size_t end = 0;
    assert_string_equal(found("?5+5", &end), "?");
    assert_int_equal(end, 1);
    assert_string_equal(found("?nt", NULL), "?");
    assert_string_equal(found("n10", &end), "n");
    assert_int_equal(end, 1);
    assert_string_equal(found(".formats-1", &end), ".formats");
    assert_int_equal(end, 8);
    assert_string_equal(found(".logopen/t", NULL), ".logopen");
    assert_string_equal(found("*k", NULL), "*");
}

static void longer_words_are_other_commands(void **state) {
    (void)state;
    assert_null(found("quit", NULL));
    assert_null(found("nt", NULL));
    assert_null(found("helpme", NULL));
    assert_null(found(".formatsx", NULL));
    assert_null(found("!errors", NULL));
    assert_null(found("q5", NULL));
    assert_string_equal(found("$$<file", NULL), "$$<");
    assert_string_equal(found("$$>a<file", NULL), "$$>a<");
    assert_null(found("", NULL));
    assert_null(found(".", NULL));
    assert_null(found("!", NULL));
}

static void the_debuggers_own_extension_names_are_left_out(void **state) {
    (void)state;
    assert_string_equal(found("!ext.error 5", NULL), "!error");
    assert_string_equal(found("!KDEXTS.error 5", NULL), "!error");
    assert_null(found("!mine.error 5", NULL));
    assert_null(found("!ext.", NULL));
}

static void an_unknown_command_suggests_near_ones(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_fails(&f, ".fromats 5", "\".fromats\" is no command here; did you mean .formats? ");
    fix_fails(&f, "!eror 5", "did you mean !error? ");
    fix_fails(&f, "xyzzyplugh", "\"xyzzyplugh\" is no command here; `help` lists the commands\n");
    fix_close(&f);
}

static void a_question_mark_as_the_option_shows_help(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_int_equal(fix_run(&f, "help !error"), 0);
    char *help = strdup(fix_text(&f));
    assert_non_null(help);
    assert_non_null(strstr(help, "!error"));
    fix_prints(&f, "!error -?", help);
    fix_prints(&f, "!error /? ", help);
    fix_prints(&f, ".echo -?", "-?\n");
    free(help);
    fix_close(&f);
}

/* --- typography ------------------------------------------------------------------------------- */

static void typography_of_web_pages_is_undone(void **state) {
    (void)state;
    static const struct {
        const char *typed, *plain;
    } table[] = {
        {".formats \xe2\x80\x93"
         "1",
         ".formats -1"},
        {"\xe2\x80\x94v \xe2\x88\x92"
         "5",
         "-v -5"},
        {".echo \xe2\x80\x9chi\xe2\x80\x9d", ".echo \"hi\""},
        {"?\xc2\xa0"
         "5",
         "? 5"},
        {"? fffff880\xe2\x80\x98"
         "02b0ee70",
         "? fffff880`02b0ee70"},
        {"it\xe2\x80\x99s", "it's"},
        {"\xef\xbb\xbfn\xe2\x80\x8b 16", "n 16"},
        {".echo \xc3\xa9 \xe4\xb8\x96", ".echo \xc3\xa9 \xe4\xb8\x96"},
        {"\xff\xe2\x80", "\xff\xe2\x80"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char buf[64];
        snprintf(buf, sizeof buf, "%s", table[i].typed);
        sc_typo_fix(buf);
        assert_string_equal(buf, table[i].plain);
    }
}

static void a_line_is_forgiven_before_it_runs(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_prints(&f,
               "?\xc2\xa0\xe2\x80\x93"
               "1",
               "Evaluate expression: -1 = ffffffff`ffffffff\n");
    fix_close(&f);
}

/* --- running ---------------------------------------------------------------------------------- */

static void commands_behind_a_failed_one_still_run(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_int_equal(fix_run(&f, "nosuch; .echo a; nosuch2; .echo b"), 2);
    const char *a = strstr(fix_text(&f), "\na\n");
    assert_non_null(a);
    assert_non_null(strstr(a, "\nb\n"));
    fix_close(&f);
}

static void commands_behind_q_do_not_run(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_prints(&f, ".echo a; q; .echo b", "a\n");
    assert_true(sc_session_done(f.s));
    fix_close(&f);
}

static void an_expression_error_has_a_caret_under_its_place(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_fails(&f, "? 5+)", "    ? 5+)\n        ^ ERROR: ");
    fix_fails(&f, ".formats",
              "    .formats\n            ^ ERROR: .formats: expression is missing; ");
    fix_close(&f);
}

static void an_error_ends_a_json_frame(void **state) {
    (void)state;
    struct fix f;
    fix_open_json(&f, FIX_NONE, SC_RENDER_JSON);
    assert_int_equal(fix_run(&f, "n 10; nosuch"), 1);
    assert_string_equal(
        fix_text(&f),
        "{\"command\":\"n 10\",\"records\":[{\"type\":\"setting\",\"name\":\"radix\","
        "\"value\":\"10\"}],\"error\":null}\n"
        "{\"command\":\"nosuch\",\"records\":[],\"error\":{\"code\":\"not-found\",\"text\":"
        "\"\\\"nosuch\\\" is no command here; `help` lists the commands\"}}\n");
    fix_close(&f);
}

static void cancelling_ends_the_line_and_counts_as_failed(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    sc_target_cancel(f.target);
    fix_fails(&f, ".echo a; .echo b", "ERROR: cancelled\n");
    assert_null(strstr(fix_text(&f), "a\n"));
    fix_prints(&f, ".echo c", "c\n");
    fix_close(&f);
}

static void commands_run_commands_only_so_deep(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_int_equal(sc_session_run_nested(f.s, ".echo inner; nosuch"), 1);
    assert_non_null(strstr(fix_text(&f), "inner\n"));
    f.s->depth = SC_NEST_MAX;
    assert_int_equal(sc_session_run_nested(f.s, ".echo deeper"), 1);
    assert_null(strstr(fix_text(&f), "deeper\n"));
    assert_non_null(strstr(fix_text(&f), "ERROR: commands run commands more than 40 deep"));
    f.s->depth = 0;
    fix_close(&f);
}

/* --- hostile lines ---------------------------------------------------------------------------- */

static void a_line_that_is_too_long_is_refused(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    char *line = malloc(SC_LINE_MAX + 2);
    memset(line, 'x', SC_LINE_MAX + 1);
    line[SC_LINE_MAX + 1] = 0;
    fix_fails(&f, line, "ERROR: the line is longer than 65536 bytes");
    line[SC_LINE_MAX] = 0;
    fix_fails(&f, line, "is no command here");
    fix_close(&f);
    free(line);
}

static void many_commands_in_a_line_all_run(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    char *line = malloc(SC_LINE_MAX + 1);
    for (size_t i = 0; i < SC_LINE_MAX; i += 2)
        memcpy(line + i, "n;", 2);
    line[SC_LINE_MAX] = 0;
    assert_int_equal(fix_run(&f, line), 0);
    assert_int_equal(strlen(fix_text(&f)), SC_LINE_MAX / 2 * strlen("base is 16\n"));
    fix_close(&f);
    free(line);
}

static uint32_t next_random(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Binary and unbalanced text made of the characters that matter; `.logopen` cannot come about. */
static void hostile_lines_neither_crash_nor_leak_control_characters(void **state) {
    (void)state;
    static const char parts[] = "?\"; \\()[]*$~|!.@nhq0L-+/`'\x01\x1b\x7f\x80\xe2\x80\x93\xff\n\t:";
    uint32_t seed = 12345;
    for (int kind = 0; kind < FIX_KINDS; kind++) {
        struct fix f;
        fix_open(&f, (enum fix_kind)kind);
        for (int i = 0; i < 400; i++) {
            char line[80];
            size_t n = next_random(&seed) % sizeof line;
            for (size_t j = 0; j < n; j++)
                line[j] = parts[next_random(&seed) % (sizeof parts - 1)];
            line[n ? n - 1 : 0] = 0;
            fix_run(&f, line);
            for (const char *p = fix_text(&f); *p; p++)
                assert_true(*p == '\n' || (unsigned char)*p >= ' ');
        }
        fix_close(&f);
    }
}

/* --- every row -------------------------------------------------------------------------------- */

static void every_row_is_complete(void **state) {
    (void)state;
    for (const struct sc_family *f = sc_families; f->title; f++) {
        for (const struct sc_command *row = f->commands; row->name; row++) {
            if (!row->brief || !*row->brief || !row->sample || !row->run)
                fail_msg("%s lacks its brief, sample or function", row->name);
            assert_true(row->brief[strlen(row->brief) - 1] != '.');
            assert_true(strlen(row->name) < SC_NAME_MAX);
            size_t n = 0;
            bool optional = false;
            for (const struct sc_arg *a = row->args; a && a->kind != SC_ARG_END; a++, n++) {
                bool spec = a->kind == SC_ARG_LETTERS || sc_option_kind(a->kind);
                assert_true(a->name && *a->name && (!spec || a->spec));
                /* A required operand behind an optional one could never be told apart. */
                if (!spec && optional && !a->optional)
                    fail_msg("%s: %s is required behind an optional operand", row->name, a->name);
                optional |= !spec && a->optional;
            }
            assert_true(n <= SC_ARGS_MAX);
        }
    }
}

static void every_name_finds_its_own_row_and_only_that(void **state) {
    (void)state;
    for (const struct sc_family *f = sc_families; f->title; f++) {
        for (const struct sc_command *row = f->commands; row->name; row++) {
            char names[256], *save = NULL;
            snprintf(names, sizeof names, "%s %s", row->name, row->aliases ? row->aliases : "");
            for (char *n = strtok_r(names, " ", &save); n; n = strtok_r(NULL, " ", &save)) {
                if (sc_command_find(n) != row)
                    fail_msg("%s is two commands", n);
                struct sc_found found;
                assert_true(sc_find(n, &found) && found.row == row);
            }
        }
    }
}

static bool accepts(const struct sc_command *row, enum fix_kind kind) {
    return kind != FIX_NONE
               ? !((row->needs & SC_NEED_KERNEL && kind != FIX_KERNEL) ||
                   (row->needs & (SC_NEED_USER | SC_NEED_PROCESS) && kind == FIX_KERNEL) ||
                   (row->needs & SC_NEED_WINDOWS && kind == FIX_LINUX))
               : row->needs == 0;
}

/* The one excuse: the fake target does not hold what the command shows. */
static bool may_fail(const struct sc_command *row, const char *output) {
    return row->needs && !strstr(output, " needs a ") &&
           (strstr(output, "\"code\":\"not-found\"") || strstr(output, "\"code\":\"memory\"") ||
            strstr(output, "\"code\":\"unsupported\""));
}

static void try_sample(const struct sc_command *row, enum fix_kind kind, enum sc_render render) {
    struct fix f;
    fix_open_json(&f, kind, render);
    unsigned failed = fix_run(&f, row->sample);
    if (!accepts(row, kind))
        assert_int_equal(failed, 1);
    else if (failed && render == SC_RENDER_JSON && !may_fail(row, fix_text(&f)))
        fail_msg("target %d: `%s`: %s", (int)kind, row->sample, fix_text(&f));
    fix_close(&f);
}

static void every_sample_runs_on_every_target_it_accepts(void **state) {
    (void)state;
    for (const struct sc_family *fam = sc_families; fam->title; fam++) {
        for (const struct sc_command *row = fam->commands; row->name; row++) {
            for (int kind = 0; kind < FIX_KINDS; kind++) {
                try_sample(row, (enum fix_kind)kind, SC_RENDER_JSON);
                try_sample(row, (enum fix_kind)kind, SC_RENDER_TEXT);
            }
        }
    }
}

static void a_command_says_what_it_needs(void **state) {
    (void)state;
    for (const struct sc_family *fam = sc_families; fam->title; fam++) {
        for (const struct sc_command *row = fam->commands; row->name; row++) {
            struct fix f;
            fix_open(&f, FIX_NONE);
            if (row->needs) {
                fix_fails(&f, row->sample, " needs an open dump");
                fix_close(&f);
                fix_open(&f, row->needs & SC_NEED_KERNEL ? FIX_USER : FIX_KERNEL);
                if (row->needs & SC_NEED_KERNEL)
                    fix_fails(&f, row->sample, " needs a kernel dump; this is a ");
                else if (row->needs & SC_NEED_USER)
                    fix_fails(&f, row->sample, " needs a user dump; this is a ");
                else if (row->needs & SC_NEED_PROCESS)
                    fix_fails(&f, row->sample, " needs a user dump, or whole memory; this is a ");
            }
            fix_close(&f);
        }
    }
}

/* Samples may write log files: into a folder that goes away. */
static char folder[] = "samples-XXXXXX";

static int enter_empty_folder(void **state) {
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state) {
    (void)state;
    remove("session.log");
    remove("memory.bin");
    return chdir("..") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_cut_at_semicolons_outside_quotes),
        cmocka_unit_test(an_escaped_quote_does_not_end_the_quotes),
        cmocka_unit_test(a_star_comments_the_line_and_dollars_up_to_a_semicolon),
        cmocka_unit_test(open_quotes_reach_to_the_end_of_the_line),
        cmocka_unit_test(nothing_is_no_command),
        cmocka_unit_test(names_and_aliases_are_found_in_any_case),
        cmocka_unit_test(operands_may_touch_names_that_allow_it),
        cmocka_unit_test(longer_words_are_other_commands),
        cmocka_unit_test(the_debuggers_own_extension_names_are_left_out),
        cmocka_unit_test(an_unknown_command_suggests_near_ones),
        cmocka_unit_test(a_question_mark_as_the_option_shows_help),
        cmocka_unit_test(typography_of_web_pages_is_undone),
        cmocka_unit_test(a_line_is_forgiven_before_it_runs),
        cmocka_unit_test(commands_behind_a_failed_one_still_run),
        cmocka_unit_test(commands_behind_q_do_not_run),
        cmocka_unit_test(an_expression_error_has_a_caret_under_its_place),
        cmocka_unit_test(an_error_ends_a_json_frame),
        cmocka_unit_test(cancelling_ends_the_line_and_counts_as_failed),
        cmocka_unit_test(commands_run_commands_only_so_deep),
        cmocka_unit_test(a_line_that_is_too_long_is_refused),
        cmocka_unit_test(many_commands_in_a_line_all_run),
        cmocka_unit_test(hostile_lines_neither_crash_nor_leak_control_characters),
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(every_name_finds_its_own_row_and_only_that),
        cmocka_unit_test(every_sample_runs_on_every_target_it_accepts),
        cmocka_unit_test(a_command_says_what_it_needs),
    };
    return cmocka_run_group_tests(tests, enter_empty_folder, leave_folder);
}
