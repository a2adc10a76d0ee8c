/* SPDX-License-Identifier: MIT */
/* Arguments: every kind of the grammar, its errors, and option letters. */
#include "session_fixture.h"

#include "cmd/dispatch.h"

static sc_err *no_run(sc_session *s, const struct sc_args *args) {
    (void)s;
    (void)args;
    return NULL;
}

static const struct sc_arg letters_args[] = {
    {SC_ARG_LETTERS, "options", "ovt(1m)(sm)a@m:M:", true, NULL},
    {SC_ARG_WORD, "rest", NULL, true, NULL},
    {0},
};
static const struct sc_arg attached_args[] = {
    {SC_ARG_LETTERS, "options", "=bpPn", true, NULL},
    {SC_ARG_EXPR, "count", NULL, true, NULL},
    {0},
};
static const struct sc_arg option_args[] = {
    {SC_ARG_OPTION, "v", "v", true, NULL},
    {SC_ARG_OPTION, "V", "V", true, NULL},
    {SC_ARG_OPTION_WORD, "name", "f", true, NULL},
    {SC_ARG_OPTION_EXPR, "depth", "r", true, NULL},
    {SC_ARG_EXPR, "address", NULL, false, NULL},
    {SC_ARG_WORD, "word", NULL, true, NULL},
    {0},
};
static const struct sc_arg range_args[] = {
    {SC_ARG_RANGE, "range", NULL, false, NULL},
    {SC_ARG_WORDS, "values", NULL, true, NULL},
    {0},
};
static const struct sc_arg words_args[] = {{SC_ARG_WORDS, "words", NULL, false, NULL}, {0}};
static const struct sc_arg rest_args[] = {
    {SC_ARG_OPTION, "x", "x", true, NULL},
    {SC_ARG_REST, "text", NULL, true, NULL},
    {0},
};

static const struct sc_command rows[] = {
    {.name = "lm", .brief = "b", .args = letters_args, .sample = "lm", .run = no_run},
    {.name = "k", .brief = "b", .args = attached_args, .sample = "k", .run = no_run},
    {.name = ".opt", .brief = "b", .args = option_args, .sample = ".opt 1", .run = no_run},
    {.name = "db", .brief = "b", .args = range_args, .sample = "db 1", .run = no_run},
    {.name = ".words", .brief = "b", .args = words_args, .sample = ".words a", .run = no_run},
    {.name = ".rest", .brief = "b", .args = rest_args, .sample = ".rest", .run = no_run},
    {.name = ".none", .brief = "b", .sample = ".none", .run = no_run},
};
enum { LM, K, OPT, DB, WORDS, REST, NONE };

struct parsed {
    struct fix f;
    sc_arena *arena;
    struct sc_args args;
    const char *fail;
    sc_err *err;
};

/* Parses TEXT, whose name and attached letters take END bytes, by row I. */
static void parse(struct parsed *p, int i, const char *text, size_t end) {
    memset(p, 0, sizeof *p);
    fix_open(&p->f, FIX_KERNEL);
    p->arena = sc_arena_create();
    p->args.arena = p->arena;
    struct sc_found found = {&rows[i], strlen(rows[i].name), end};
    p->err = sc_args_parse(p->f.s, &found, text, &p->args, &p->fail);
}

static void done(struct parsed *p) {
    sc_err_destroy(p->err);
    sc_arena_destroy(p->arena);
    fix_close(&p->f);
}

static void parse_ok(struct parsed *p, int i, const char *text, size_t end) {
    parse(p, i, text, end);
    assert_string_equal(sc_err_text(p->err), "no error");
}

static void fails(int i, const char *text, size_t end, const char *why, size_t column) {
    struct parsed p;
    parse(&p, i, text, end);
    assert_non_null(p.err);
    assert_int_equal(sc_err_code(p.err), SC_ERR_ARG);
    if (!strstr(sc_err_text(p.err), why))
        assert_string_equal(sc_err_text(p.err), why);
    assert_non_null(p.fail);
    assert_int_equal(p.fail - text, column);
    done(&p);
}

static void attached_letters_take_the_next_words_as_values(void **state) {
    (void)state;
    struct parsed p;
    parse_ok(&p, LM, "lmvm nt*", 4);
    assert_true(sc_letter(&p.args, 'v'));
    assert_string_equal(sc_letter_text(&p.args, 'm'), "nt*");
    assert_false(sc_letter(&p.args, 'o'));
    assert_string_equal(p.args.command, "lmvm");
    done(&p);
}

static void letters_may_be_words_of_their_own(void **state) {
    (void)state;
    struct parsed p;
    parse_ok(&p, LM, "lm v a fffff800`12300000+10 o m \"a b\"", 2);
    assert_true(sc_letter(&p.args, 'v') && sc_letter(&p.args, 'o'));
    assert_true(sc_letter_num(&p.args, 'a') == FIX_NT + 0x10);
    assert_string_equal(sc_letter_text(&p.args, 'm'), "a b");
    done(&p);
}

static void options_of_several_characters_are_known_by_their_first(void **state) {
    (void)state;
    struct parsed p;
    parse_ok(&p, LM, "lm1msm", 6);
    assert_true(sc_letter(&p.args, '1') && sc_letter(&p.args, 's'));
    assert_false(sc_letter(&p.args, 'm'));
    done(&p);
}

static void a_word_that_is_no_letters_is_an_operand(void **state) {
    (void)state;
    struct parsed p;
    parse_ok(&p, LM, "lm o xyz", 2);
    assert_true(sc_letter(&p.args, 'o'));
    assert_string_equal(p.args.v[1].text, "xyz");
    done(&p);
    fails(LM, "lm m", 2, "needs a pattern", 4);
    fails(LM, "lma", 3, "needs an address", 3);
}

static void letters_for_the_name_only_leave_words_alone(void **state) {
    (void)state;
    struct parsed p;
    parse_ok(&p, K, "kbP b", 3);
    assert_true(sc_letter(&p.args, 'b') && sc_letter(&p.args, 'P'));
    assert_int_equal(p.args.v[1].num, 0xb);
    done(&p);
}

static void options_are_found_in_front_of_and_between_operands(void **state) {
    (void)state;
    struct parsed p;
    parse_ok(&p, OPT, ".opt -v /f \"a \\\"b\" 5 -r 10 word", 4);
    assert_true(p.args.v[0].given);
    assert_false(p.args.v[1].given);
    assert_string_equal(p.args.v[2].text, "a \"b");
    assert_int_equal(p.args.v[3].num, 0x10);
    assert_int_equal(p.args.v[4].num, 5);
    assert_string_equal(p.args.v[5].text, "word");
    done(&p);
}

static void the_case_of_an_option_counts_where_both_exist(void **state) {
    (void)state;
    struct parsed p;
    parse_ok(&p, OPT, ".opt /V /R2 5", 4);
    assert_true(p.args.v[1].given);
    assert_false(p.args.v[0].given);
    assert_int_equal(p.args.v[3].num, 2);
    done(&p);
}

static void wrong_options_are_named(void **state) {
    (void)state;
    fails(OPT, ".opt -q 5", 4, "-q is no option of it; usage: .opt [/v] [/V]", 5);
    fails(OPT, ".opt -f", 4, "needs a value", 5);
}

static void expressions_end_at_a_blank_but_not_at_one_beside_an_operator(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t num;
        const char *word;
    } table[] = {
        {".opt 1+2 w", 3, "w"},
        {".opt 1 + 2 w", 3, "w"},
        {".opt 1 +2 w", 3, "w"},
        {".opt 1+ 2 w", 3, "w"},
        {".opt 5 - 2 w", 3, "w"},
        {".opt (1 + 2) w", 3, "w"},
        {".opt 7 and 3 w", 3, "w"},
        {".opt not 0 w", 1, "w"},
        {".opt 3 -v w", 3, "w"},
        {".opt @rcx w", 0x55, "w"},
        {".opt nt+10 w", FIX_NT + 0x10, "w"},
        {".opt -1 w", UINT64_MAX, "w"},
        {".opt 3 /dir/file", 3, "/dir/file"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct parsed p;
        parse_ok(&p, OPT, table[i].text, 4);
        assert_true(p.args.v[4].num == table[i].num);
        assert_string_equal(p.args.v[5].text, table[i].word);
        done(&p);
    }
}

static void missing_and_superfluous_operands_show_the_usage(void **state) {
    (void)state;
    fails(OPT, ".opt", 4,
          "address is missing; usage: .opt [/v] [/V] [/f <name>] [/r <depth>] <address> [<word>]",
          4);
    fails(NONE, ".none 5", 5, "5 is not expected here; usage: .none", 6);
    fails(OPT, ".opt 1 two three", 4, "three is not expected here", 11);
}

static void ranges_have_a_count_or_an_end(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t num, end, count;
        bool back;
    } table[] = {
        {"db 100", 0x100, 0, 0, false},
        {"db 100 L20", 0x100, 0, 0x20, false},
        {"db 100 l 20", 0x100, 0, 0x20, false},
        {"db 100 La", 0x100, 0, 0xa, false},
        {"db 100 L?1000", 0x100, 0, 0x1000, false},
        {"db 100 L-8", 0x100, 0, 8, true},
        {"db 100 L(2*4)", 0x100, 0, 8, false},
        {"db 100 l758/@$ptrsize", 0x100, 0, 0xeb, false},
        {"db 100 1ff", 0x100, 0x200, 0, false},
        {"db 100 + 100 0n1023", 0x200, 0x400, 0, false},
        {"db 0 ffffffffffffffff", 0, UINT64_MAX, 0, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct parsed p;
        parse_ok(&p, DB, table[i].text, 2);
        const struct sc_val *v = &p.args.v[0];
        assert_true(v->num == table[i].num && v->end == table[i].end);
        assert_true(v->count == table[i].count && v->back == table[i].back);
        assert_false(p.args.v[1].given);
        done(&p);
    }
    fails(DB, "db 200 100", 2, "the range ends before it starts", 3);
    fails(DB, "db 200 L", 2, "L needs a number", 7);
}

static void operands_may_follow_a_range(void **state) {
    (void)state;
    struct parsed p;
    parse_ok(&p, DB, "db 100 L2 1 2 \"3 4\"", 2);
    assert_int_equal(p.args.v[1].nwords, 3);
    assert_string_equal(p.args.v[1].word[2], "3 4");
    done(&p);
}

static void words_are_cut_at_blanks_and_kept_together_by_quotes(void **state) {
    (void)state;
    struct parsed p;
    parse_ok(&p, WORDS, ".words  a \"b c\"d \t \"\" c:\\dir\\", 6);
    const struct sc_val *v = &p.args.v[0];
    assert_int_equal(v->nwords, 5);
    assert_string_equal(v->word[1], "b c");
    assert_string_equal(v->word[2], "d");
    assert_string_equal(v->word[3], "");
    assert_string_equal(v->word[4], "c:\\dir\\");
    done(&p);
    fails(WORDS, ".words a \"b", 6, "the quotes do not end", 9);
}

static void the_rest_keeps_its_quotes_and_loses_its_blanks(void **state) {
    (void)state;
    struct parsed p;
    parse_ok(&p, REST, ".rest /x  a \"b\"  c \t", 5);
    assert_true(p.args.v[0].given);
    assert_string_equal(p.args.v[1].text, "a \"b\"  c");
    done(&p);
    parse_ok(&p, REST, ".rest ", 5);
    assert_false(p.args.v[1].given);
    done(&p);
}

static void expression_errors_point_at_the_operand(void **state) {
    (void)state;
    struct parsed p;
    const char *text = ".opt nt!Unknown";
    parse(&p, OPT, text, 4);
    assert_int_equal(sc_err_code(p.err), SC_ERR_NOT_FOUND);
    assert_non_null(strstr(sc_err_text(p.err), "nt!Unknown is unknown: "));
    assert_int_equal(p.fail - text, 5);
    done(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attached_letters_take_the_next_words_as_values),
        cmocka_unit_test(letters_may_be_words_of_their_own),
        cmocka_unit_test(options_of_several_characters_are_known_by_their_first),
        cmocka_unit_test(a_word_that_is_no_letters_is_an_operand),
        cmocka_unit_test(letters_for_the_name_only_leave_words_alone),
        cmocka_unit_test(options_are_found_in_front_of_and_between_operands),
        cmocka_unit_test(the_case_of_an_option_counts_where_both_exist),
        cmocka_unit_test(wrong_options_are_named),
        cmocka_unit_test(expressions_end_at_a_blank_but_not_at_one_beside_an_operator),
        cmocka_unit_test(missing_and_superfluous_operands_show_the_usage),
        cmocka_unit_test(ranges_have_a_count_or_an_end),
        cmocka_unit_test(operands_may_follow_a_range),
        cmocka_unit_test(words_are_cut_at_blanks_and_kept_together_by_quotes),
        cmocka_unit_test(the_rest_keeps_its_quotes_and_loses_its_blanks),
        cmocka_unit_test(expression_errors_point_at_the_operand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
