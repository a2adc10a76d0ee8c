/* SPDX-License-Identifier: MIT */
/*
 * What C++ expressions refuse: each error names the column and what was expected, the name, the
 * types or the address. And what hostile types do: nothing bad.
 */
#include "cexpr_fixture.h"

struct row {
    const char *text;
    enum sc_err_code code;
    const char *want;
};

#define THING "((nt!_THING*)0xffffa000`00001000)"

static void check(struct cx *x, const struct row *row) {
    struct sc_cexpr_value v;
    sc_err *err = sc_cexpr_eval(&x->env, row->text, &v);
    if (!err)
        fail_msg("%s: no error", row->text);
    if (!strstr(sc_err_text(err), row->want))
        fail_msg("%s: \"%s\", not \"%s\"", row->text, sc_err_text(err), row->want);
    if (sc_err_code(err) != row->code)
        fail_msg("%s: code %d", row->text, sc_err_code(err));
    sc_err_destroy(err);
}

static void errors_name_the_column_and_what_was_expected(void **state) {
    static const struct row rows[] = {
        {"", SC_ERR_ARG, "column 1: a number or name expected, found the end"},
        {"1 +", SC_ERR_ARG, "column 4: a number or name expected, found the end"},
        {"1 + * 2", SC_ERR_ARG, "column 5: int is no pointer; (type *) in front"},
        {"(1 + 2", SC_ERR_ARG, "column 1: no ')' closes this"},
        {"1 + 2)", SC_ERR_ARG, "column 6: an operator or the end expected, found ')'"},
        {"1 2", SC_ERR_ARG, "column 3: an operator or the end expected, found '2'"},
        {"(1 2)", SC_ERR_ARG, "column 4: an operator or ')' expected, found '2)'"},
        {"1 ? 2", SC_ERR_ARG, "column 6: an operator or ':' expected, found the end"},
        {"1, ", SC_ERR_ARG, "column 4: a number or name expected"},
        {"5[", SC_ERR_ARG, "column 3: a number or name expected"},
        {"what[1", SC_ERR_ARG, "column 5: no ']' closes this"},
        {"1 /* one", SC_ERR_ARG, "column 3: an operator or the end expected, found '/*'"},
        {"/* one", SC_ERR_ARG, "column 1: the comment does not end"},
        {"\xe2\x80\x9c"
         "a",
         SC_ERR_ARG, "column 1: no \" closes this string"},
        {"`", SC_ERR_ARG, "column 1: a number or name expected, found '`'"},
        {"1 @ 2", SC_ERR_ARG, "column 3: an operator or the end expected"},
        {"@", SC_ERR_ARG, "column 2: the name of a register expected"},
        {"#", SC_ERR_NOT_FOUND, "column 1: # is no macro here"},
        {"#NOPE(1)", SC_ERR_NOT_FOUND, "column 1: #NOPE is no macro here"},
        {"#FIELD_OFFSET", SC_ERR_ARG, "column 14: ( expected"},
        {"#FIELD_OFFSET(1, 2)", SC_ERR_ARG, "column 15: a type expected, found '1,'"},
        {"#FIELD_OFFSET(nt!_THING)", SC_ERR_ARG, "column 24: a comma expected"},
        {"#FIELD_OFFSET(nt!_THING, )", SC_ERR_ARG, "column 26: the name of a field expected"},
        {"#FIELD_OFFSET(nt!_THING, Text[0])", SC_ERR_ARG, "column 30: the field is no array"},
        {"#FIELD_OFFSET(nt!_THING, Next.Type)", SC_ERR_ARG, "struct _THING * has no members"},
        {"#RTL_NUMBER_OF(1)", SC_ERR_ARG, "column 16: int is no array"},
        {"#RTL_CONTAINS_FIELD(1, 2, A)", SC_ERR_ARG, "column 21: a pointer to a structure"},
        {"@@", SC_ERR_ARG, "column 3: ( expected"},
        {"@@java(1)", SC_ERR_ARG, "column 3: ( expected, found 'java(1)'"},
        {"@@c--(1)", SC_ERR_ARG, "column 4: (, masm( or c++( expected"},
        {"1 + @@(zz)", SC_ERR_ARG, "column 8: a number"},
        {"@@(10", SC_ERR_ARG, "column 3: no ')' closes this"},
        {"@!\"nt!KiCount", SC_ERR_ARG, "column 3: no \" closes this string"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(*state, &rows[i]);
}

static void literals_that_are_wrong_say_why(void **state) {
    static const struct row rows[] = {
        {"0n10", SC_ERR_ARG, "column 1: 0n is MASM's"},
        {"0t17", SC_ERR_ARG, "octal ones begin with 0"},
        {"0y11", SC_ERR_ARG, "binary ones are @@masm(0y"},
        {"0b11", SC_ERR_ARG, "binary ones are @@masm(0y"},
        {"0x", SC_ERR_ARG, "digits expected behind 0x"},
        {"089", SC_ERR_ARG, "has no 8 and no 9"},
        {"1f", SC_ERR_ARG, "'f' stands behind the number (hexadecimal ones begin with 0x"},
        {"0x1g", SC_ERR_ARG, "'g' stands behind the number"},
        {"5uu", SC_ERR_ARG, "'uu' stands behind the number"},
        {"18446744073709551616", SC_ERR_ARG, "does not fit in 64 bits"},
        {"0x10000000000000000", SC_ERR_ARG, "does not fit in 64 bits"},
        {"300i8", SC_ERR_ARG, "does not fit its suffix i8"},
        {"4294967296i32", SC_ERR_ARG, "does not fit its suffix i32"},
        {"1e", SC_ERR_ARG, "this is no number"},
        {"1e+", SC_ERR_ARG, "this is no number"},
        {"1.5.5", SC_ERR_ARG, "'.5' stands behind the number"},
        {"1e999", SC_ERR_ARG, "too large for its type"},
        {"1e39f", SC_ERR_ARG, "too large for its type"},
        {"''", SC_ERR_ARG, "a character expected"},
        {"'a", SC_ERR_ARG, "no ' closes this"},
        {"'abcde'", SC_ERR_ARG, "too many characters"},
        {"L'ab'", SC_ERR_ARG, "too many characters"},
        {"'\\q'", SC_ERR_ARG, "column 3: C++ has no such character"},
        {"'\\x'", SC_ERR_ARG, "column 4: digits expected behind the backslash"},
        {"'\\x100'", SC_ERR_ARG, "column 2: the character does not fit"},
        {"'\xc5\x82'", SC_ERR_ARG, "the character does not fit"},
        {"L'\\U00010000'", SC_ERR_ARG, "the character does not fit"},
        {"'\xff'", SC_ERR_ARG, "the text is no UTF-8"},
        {"\"abc", SC_ERR_ARG, "column 1: no \" closes this string"},
        {"\"abc\" + 1", SC_ERR_ARG, "a string has no address in the dump"},
        {"\"abc\" == what", SC_ERR_ARG, "a string has no address in the dump"},
        {"\"abc\"[4]", SC_ERR_ARG, "the string has 4 characters"},
        {"&\"abc\"", SC_ERR_ARG, "a value has no address"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(*state, &rows[i]);
}

static void operators_refuse_types_that_do_not_fit(void **state) {
    static const struct row rows[] = {
        {"1 / 0", SC_ERR_ARG, "column 3: division by zero"},
        {"1 % (2 - 2)", SC_ERR_ARG, "column 3: division by zero"},
        {"1.0 / 0", SC_ERR_ARG, "column 5: division by zero"},
        {"1 << 32", SC_ERR_ARG, "column 3: int has 32 bits and cannot be shifted by 32 (1i64"},
        {"1i64 >> 64", SC_ERR_ARG, "int64 has 64 bits and cannot be shifted by 64"},
        {"1 << -1", SC_ERR_ARG, "cannot be shifted by -1"},
        {"1.5 % 2", SC_ERR_ARG, "no such operator for double and double"},
        {"1.5 & 2", SC_ERR_ARG, "no such operator"},
        {"1.5 << 2", SC_ERR_ARG, "no such operator for double and int"},
        {"~1.5", SC_ERR_ARG, "column 1: ~ wants an integer"},
        {"what & 7", SC_ERR_ARG, "no such operator for char * and int; cast the pointer"},
        {"what + what", SC_ERR_ARG, "no such operator for char * and char *"},
        {"what * 2", SC_ERR_ARG, "no such operator"},
        {"2 - what", SC_ERR_ARG, "no such operator for int and char *"},
        {"what + 1.5", SC_ERR_ARG, "no such operator"},
        {"what == 1.5", SC_ERR_ARG, "no such operator"},
        {"-what", SC_ERR_ARG, "a number expected, found char * (a cast makes it one)"},
        {"(void *)1 + 1", SC_ERR_ARG, "void * points to nothing that has a size"},
        {"nt!KiStart + 1", SC_ERR_ARG, "<function> * points to nothing that has a size"},
        {"(int *)8 - (char *)4", SC_ERR_ARG, "no such operator for int * and char *"},
        {THING "->Link + 1", SC_ERR_ARG, "no such operator for struct _LIST_ENTRY and int"},
        {"!" THING "->Link", SC_ERR_ARG, "a number expected, found struct _LIST_ENTRY"},
        {THING "->Link && 1", SC_ERR_ARG, "a number expected, found struct _LIST_ENTRY"},
        {"*5", SC_ERR_ARG, "column 1: int is no pointer"},
        {"*(void *)16", SC_ERR_ARG, "column 1: void * does not say what it points to"},
        {"&5", SC_ERR_ARG, "column 1: a value has no address"},
        {"&(1 + 2)", SC_ERR_ARG, "a value has no address"},
        {"&" THING "->Busy", SC_ERR_ARG, "a bit field has no address"},
        {"sizeof(" THING "->Busy)", SC_ERR_ARG, "a bit field has no size in bytes"},
        {"&reg", SC_ERR_ARG, "this is in registers: it has no address"},
        {"sizeof(void)", SC_ERR_ARG, "the size of void is not known"},
        {"sizeof(drv!_AHEAD)", SC_ERR_ARG, "the size of struct _AHEAD is not known"},
        {"sizeof(nt!KiStart)", SC_ERR_ARG, "the size of <function> is not known"},
        {"5[5]", SC_ERR_ARG, "column 2: int is no array or pointer"},
        {"what[1.5]", SC_ERR_ARG, "an index is an integer"},
        {"(int)1e10", SC_ERR_ARG, "the number does not fit int"},
        {"(unsigned)-1.5", SC_ERR_ARG, "the number does not fit unsigned int"},
        {"(char *)1.5", SC_ERR_ARG, "double cannot become a number or pointer"},
        {"(double)what", SC_ERR_ARG, "a number expected, found char *"},
        {"(int)" THING "->Link", SC_ERR_ARG, "struct _LIST_ENTRY cannot become"},
        {"(nt!_THING)5", SC_ERR_ARG, "nothing can be cast to struct _THING"},
        {"(int [4])5", SC_ERR_ARG, "nothing can be cast to int [4]"},
        {"(int &)5", SC_ERR_ARG, "only what lies in memory can be referred to"},
        {"1 ? " THING "->Link : 1", SC_ERR_ARG, "have no common type"},
        {"nt!PsHead", SC_ERR_ARG, "the symbols do not say of what type this is"},
        {"drv!g_reals.Wide", SC_ERR_UNSUPPORTED, "values of type Int16B cannot be computed with"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(*state, &rows[i]);
}

static void names_that_are_not_known_are_named(void **state) {
    static const struct row rows[] = {
        {"1 + foo", SC_ERR_NOT_FOUND, "column 5: 'foo' is not known; registers are written @name"},
        {"fade", SC_ERR_NOT_FOUND, "hexadecimal numbers begin with 0x"},
        {"nt!KiNothing", SC_ERR_NOT_FOUND, "column 1: 'nt!KiNothing' is not known"},
        {"(nt!_NOTHING *)16", SC_ERR_NOT_FOUND, "column 2: 'nt!_NOTHING' is not known"},
        {"sizeof(nt!_NOTHING)", SC_ERR_NOT_FOUND, "column 8: 'nt!_NOTHING' is not known"},
        {"(struct nt!_NOTHING *)16", SC_ERR_NOT_FOUND, "column 9: there is no such type"},
        {"nt!", SC_ERR_ARG, "column 4: the name of a symbol or type expected"},
        {"nt", SC_ERR_ARG, "column 1: nt is a module, which has no type in C++"},
        {"@nope", SC_ERR_NOT_FOUND, "column 1: there is no register nope"},
        {"gone + 1", SC_ERR_NOT_FOUND, "column 1: gone has no value that is kept here"},
        {"$!foo", SC_ERR_NOT_FOUND, "column 1: '$!foo' is not known"},
        {"drv!g_thread", SC_ERR_UNSUPPORTED, "g_thread is thread-local"},
        {"nt!_KIND::KindUgly", SC_ERR_NOT_FOUND, "'nt!_KIND::KindUgly' is not known"},
        {THING "->Cuont", SC_ERR_NOT_FOUND,
         "column 36: struct _THING has no member Cuont (did you mean Count?)"},
        {THING "->Zebra", SC_ERR_NOT_FOUND, "struct _THING has no member Zebra"},
        {THING ".Count", SC_ERR_ARG, "struct _THING * has no members; -> looks at"},
        {"(*" THING ")->Count", SC_ERR_ARG, "struct _THING is no pointer; . looks at its members"},
        {"i.Count", SC_ERR_ARG, "column 3: int has no members"},
        {"i->Count", SC_ERR_ARG, "column 2: int is no pointer"},
        {THING "->", SC_ERR_ARG, "the name of a member expected, found the end"},
        {THING "->5", SC_ERR_NOT_FOUND, "has no member 5"},
        {"drv!g_child._NOBASE::A", SC_ERR_NOT_FOUND, "struct _CHILD has no base class _NOBASE"},
        {"drv!g_child.s_lost", SC_ERR_NOT_FOUND, "s_lost is static, and the symbols do not say"},
        {"int", SC_ERR_ARG, "column 1: this is a type"},
        {"nt!_THING", SC_ERR_ARG, "column 1: this is a type"},
        {"unsigned double(1)", SC_ERR_ARG, "column 1: these words make no type"},
        {"(short char)1", SC_ERR_ARG, "column 2: these words make no type"},
        {"static_cast<foo>(1)", SC_ERR_ARG, "column 13: a type expected"},
        {"static_cast<int", SC_ERR_ARG, "column 12: no '>' closes this"},
        {"static_cast<int>1", SC_ERR_ARG, "column 17: ( expected"},
        {"(int [-1])1", SC_ERR_ARG, "the size of an array is a number below 2^32"},
        {"sizeof(int [0xffffffff][0xffffffff])", SC_ERR_LIMIT, "is too large"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(*state, &rows[i]);
}

static void a_dump_is_neither_written_to_nor_run(void **state) {
    static const struct row rows[] = {
        {"i = 5", SC_ERR_ARG, "column 3: a dump is not written to: only $t0 to $t19 can be set"},
        {"i += 5", SC_ERR_ARG, "column 3: a dump is not written to"},
        {"i++", SC_ERR_ARG, "column 2: a dump is not written to"},
        {"--i", SC_ERR_ARG, "column 1: a dump is not written to"},
        {THING "->Count = 1", SC_ERR_ARG, "a dump is not written to"},
        {"@rax = 5", SC_ERR_ARG, "column 6: only the pseudo-registers $t0 to $t19 can be set"},
        {"5 = 5", SC_ERR_ARG, "column 3: only the pseudo-registers"},
        {"(@$t0 + 1) = 5", SC_ERR_ARG, "column 12: only the pseudo-registers"},
        {"-@$t0 = 5", SC_ERR_ARG, "only the pseudo-registers"},
        {"(@$t0++) = 5", SC_ERR_ARG, "only the pseudo-registers"},
        {"@$t0 = 1.5 + what", SC_ERR_ARG, "no such operator"},
        {"nt!KiStart(1)", SC_ERR_UNSUPPORTED, "column 11: functions cannot be called in a dump"},
        {THING "->Callback()", SC_ERR_UNSUPPORTED, "functions cannot be called in a dump"},
        {"new int", SC_ERR_UNSUPPORTED, "column 1: new cannot be evaluated in a dump"},
        {"delete what", SC_ERR_UNSUPPORTED, "delete cannot be evaluated"},
        {"throw 1", SC_ERR_UNSUPPORTED, "throw cannot be evaluated"},
        {THING "->*i", SC_ERR_UNSUPPORTED, "pointers to members are not supported"},
    };
    struct cx *x = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(x, &rows[i]);
    assert_int_equal(x->var[0], 1); /* by (@$t0++) alone, which is right */
}

static void memory_that_cannot_be_read_is_named(void **state) {
    static const struct row rows[] = {
        {"*(int *)0", SC_ERR_MEMORY, "column 1: memory at 00000000`00000000: absent"},
        {"1 + *(int *)0x7000", SC_ERR_MEMORY, "column 5: memory at 00000000`00007000: absent"},
        {"drv!g_far", SC_ERR_MEMORY, "column 1: memory at fffff800`00108000: absent"},
        {THING "->Next->Next->Count", SC_ERR_MEMORY, "memory at 00000000`00000004: absent"},
        {"*(double *)16", SC_ERR_MEMORY, "memory at 00000000`00000010"},
    };
    struct cx *x = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(x, &rows[i]);
    struct sc_cexpr_value v;
    uint64_t address = 0;
    sc_err *err = sc_cexpr_eval(&x->env, "*(int *)0x7000", &v);
    assert_true(sc_err_address(err, &address));
    assert_int_equal(address, 0x7000);
    sc_err_destroy(err);
}

static void hostile_types_end_in_errors(void **state) {
    static const struct row rows[] = {
        {"drv!g_loop", SC_ERR_LIMIT, "references lead in a circle"},
        {"((drv!_CIRCLE *)0)->A", SC_ERR_NOT_FOUND, "has no member A"},
        {"((drv!_CIRCLE *)16)->_CHILD::A", SC_ERR_NOT_FOUND, "has no base class _CHILD"},
        {"*drv!g_strange", SC_ERR_UNSUPPORTED, "cannot be computed with"},
        {"drv!g_empty + 1", SC_ERR_ARG, "points to nothing that has a size"},
        {"drv!g_empty - drv!g_empty", SC_ERR_ARG, "points to nothing that has a size"},
        {"((nt!_THING *)16)->Strange", SC_ERR_ARG, "the symbols do not say of what type"},
    };
    struct cx *x = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(x, &rows[i]);
    struct sc_cexpr_value v;
    assert_null(sc_cexpr_eval(&x->env, "(drv!_BASE *)(drv!_CIRCLE *)16", &v));
    assert_int_equal(v.number, 16);
    sc_cexpr_value_deinit(&v);
}

/* COUNT times UNIT, with END behind it. */
static sc_err *repeated(struct cx *x, const char *unit, size_t count, const char *end) {
    size_t n = strlen(unit);
    char *text = malloc(count * n + strlen(end) + 1);
    struct sc_cexpr_value v;
    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * n, unit, n);
    strcpy(text + count * n, end);
    sc_err *err = sc_cexpr_eval(&x->env, text, &v);
    if (!err)
        sc_cexpr_value_deinit(&v);
    free(text);
    return err;
}

static void depth_and_length_are_bounded(void **state) {
    static const char *const deep[] = {"(",
                                       "-",
                                       "!",
                                       "sizeof ",
                                       "(int)",
                                       "1?",
                                       "@$t0=",
                                       "int(",
                                       "@@c++(",
                                       "1[",
                                       "*",
                                       "1?1:",
                                       "@@(@@(",
                                       "static_cast<int>(",
                                       "++",
                                       "sizeof(int (*)(",
                                       "#NT_SUCCESS(",
                                       "@@masm(@@("};
    static const char *const wide[] = {"1+", "1,", "1||", "0&&", "@$t1+", "sizeof(int)+"};
    struct cx *x = *state;
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
        sc_err *err = repeated(x, deep[i], 20000, "1");
        if (!err)
            fail_msg("%s: no error", deep[i]);
        sc_err_destroy(err);
    }
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        sc_err *err = repeated(x, wide[i], 20000, "1");
        if (err)
            fail_msg("%s: %s", wide[i], sc_err_text(err));
    }
    sc_err *err = repeated(x, "(", 60, "1)");
    assert_int_equal(sc_err_code(err), SC_ERR_ARG);
    sc_err_destroy(err);
    err = repeated(x, "(", 70, "1)");
    assert_int_equal(sc_err_code(err), SC_ERR_LIMIT);
    sc_err_destroy(err);
    static const char *const names[] = {"a", "a::", "A<", "nt!a", "'", "\"a", "1", "*"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        sc_err_destroy(repeated(x, names[i], 9000, ""));
    sc_err_destroy(repeated(x, "*", 9000, "what"));
    err = repeated(x, "const ", 9000, "int(1)");
    sc_err_destroy(err);
    err = repeated(x, "(int ", 1, "******************************)1");
    assert_int_equal(sc_err_code(err), SC_ERR_LIMIT);
    sc_err_destroy(err);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(errors_name_the_column_and_what_was_expected, cx_setup,
                                        cx_teardown),
        cmocka_unit_test_setup_teardown(literals_that_are_wrong_say_why, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(operators_refuse_types_that_do_not_fit, cx_setup,
                                        cx_teardown),
        cmocka_unit_test_setup_teardown(names_that_are_not_known_are_named, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(a_dump_is_neither_written_to_nor_run, cx_setup,
                                        cx_teardown),
        cmocka_unit_test_setup_teardown(memory_that_cannot_be_read_is_named, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(hostile_types_end_in_errors, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(depth_and_length_are_bounded, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
