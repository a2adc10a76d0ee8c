/* SPDX-License-Identifier: MIT */
/*
 * Command programs: control tokens, aliases, .foreach, .printf, script files. Examples are those of
 * the public pages where these print something.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/session_impl.h"
#include "memory_fixture.h"

static const uint8_t header[] = {0x4d, 0x5a, 0x90, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0xff, 0xff, 0, 0};
static const uint8_t strings[] = {'w', 0, 'i', 0, 'd', 0, 'e', 0, 0,  0, 'a',  'b', 27, 0, 0, 0,
                                  4,   0, 6,   0, 0,   0, 0,   0, 0,  0, 0x62, 0,   0,  0, 0, 0,
                                  2,   0, 3,   0, 0,   0, 0,   0, 10, 0, 0x62, 0,   0,  0, 0, 0};

static void open_session(struct fix *f) {
    const struct sc_fake_bytes memory[] = {{0x610000, header, sizeof header},
                                           {0x620000, strings, sizeof strings}};
    mem_open(f, SC_CPU_X64, memory, 2);
}

/* Writes TEXT to a new file; its name in PATH, which ends in XXXXXX. */
static void write_file(char *path, const char *text) {
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* Runs TEXT as a script with COMMAND ("$$><") and ARGS behind the name. */
static void run_script(struct fix *f, const char *command, const char *text, const char *args) {
    char path[] = "script-XXXXXX", line[128];
    write_file(path, text);
    snprintf(line, sizeof line, "%s%s%s", command, path, args);
    fix_run(f, line);
    unlink(path);
}

static void conditions_choose_one_block(void **state) {
    (void)state;
    struct fix f;
    open_session(&f);
    fix_prints(&f, ".if (1) { .echo a; .echo b }", "a\nb\n");
    fix_prints(&f, ".if (0) { .echo a } .else { .echo c }; .echo d", "c\nd\n");
    fix_prints(&f, ".if (0) {.echo a} .elsif (@$ptrsize == 8) {.echo b} .else {.echo c}", "b\n");
    fix_prints(&f, ".if (0) { .echo a }", "");
    fix_prints(&f, ".if ((1) and (3)) { .if (1) { .echo \"}\" } }", "}\n");
    fix_prints(&f, ".if (1) { .echo a } .echo b", "a\nb\n");
    fix_prints(&f, "j (1=0) '.echo a; .echo b' ; '.echo c'", "c\n");
    fix_prints(&f, "j (1) '.echo a; .echo b' ; '.echo c'", "a\nb\n");
    fix_prints(&f, "j (0) '.echo a'", "");
    fix_close(&f);
}

static void loops_turn_until_their_condition_fails(void **state) {
    (void)state;
    struct fix f;
    open_session(&f);
    fix_prints(&f, ".for (r $t0 = 0; @$t0 < 3; r $t0 = @$t0 + 1) { .printf \"%d \", @$t0 }",
               "0 1 2 ");
    fix_prints(&f, "r $t0 = 2; .while (@$t0) { r $t0 = @$t0 - 1; .echo t }", "t\nt\n");
    fix_prints(&f, ".do { .echo once } (0)", "once\n");
    fix_prints(&f, "r $t1 = 0; .do { r $t1 = @$t1 + 1 } (@$t1 < 4); .printf \"%x\", @$t1", "4");
    fix_prints(&f,
               ".for (r $t0 = 0; 1; r $t0 = @$t0 + 1; r $t1 = 7) "
               "{ .if (@$t0 == 1) { .continue }; .if (@$t0 > 2) { .break }; "
               ".printf \"%d%d\", @$t0, @$t1 }",
               "0427");
    fix_prints(&f, "r $t2 = 0", "");
    fix_prints(&f, ".block { r $t2 = @$t2 + 1; z(@$t2 < 3); .printf \"%d\", @$t2 }", "3");
    fix_prints(&f, "r $t2 = @$t2 + 1; z(@$t2 < 8); .printf \"%d\", @$t2", "8");
    fix_close(&f);
}

static void foreach_takes_words_of_anything(void **state) {
    (void)state;
    char path[] = "words-XXXXXX", line[128];
    struct fix f;
    open_session(&f);
    fix_prints(&f, ".foreach /s (x \"1 2 3\") { .echo <${x}> x xx }",
               "<1> 1 xx\n<2> 2 xx\n<3> 3 xx\n");
    fix_prints(&f, ".foreach (v { dd 610000 L2 }) { .echo v }",
               "00000000`00610000\n00905a4d\n00000003\n");
    fix_prints(&f, ".foreach /pS 1 /ps 1 (v { dd 610000 L4 }) { .echo v }", "00905a4d\n00000004\n");
    fix_prints(&f, ".foreach /s (a \"1 2\") { .foreach /s (b \"x y\") { .echo a b } }",
               "1 x\n1 y\n2 x\n2 y\n");
    fix_prints(&f, ".foreach /s (a \"1 2 3\") { .if (${a} == 2) { .break }; .echo a }", "1\n");
    write_file(path, "one\r\n  two\tthree\n");
    snprintf(line, sizeof line, ".foreach /f (w \"%s\") { .echo w }", path);
    fix_prints(&f, line, "one\ntwo\nthree\n");
    unlink(path);
    fix_fails(&f, ".foreach /f (w \"no such file\") { .echo w }", "no such file");
    fix_prints(&f, ".foreach (t { lm1m }) { .echo ${t}! }", "myfault!\n");
    fix_close(&f);
}

static void aliases_are_replaced_between_borders(void **state) {
    (void)state;
    struct fix f;
    open_session(&f);
    fix_prints(&f, "as Short 610000", "");
    fix_prints(&f, "dw Short +8 L1", "00000000`00610008  0004\n");
    fix_prints(&f, ".echo xShort Shorty \"Short\" ${Short}er",
               "xShort Shorty \"610000\" 610000er\n");
    fix_prints(&f, ".echo ${/d:Short}${/d:none} ${/f:none}| ${/n:Short} ${/v:Short} ${none}",
               "10 | Short ${/v:Short} ${none}\n");
    fix_prints(&f, "as Two .echo one; .echo two", "");
    fix_prints(&f, "Two", "one\ntwo\n");
    fix_prints(&f, "al",
               "  Alias            Value  \n -------          ------- \n"
               " Short            610000 \n Two              .echo one; .echo two \n");
    fix_prints(&f, "ad Short; ad ${/v:Two}", "");
    fix_fails(&f, "ad Short", "there is no alias Short");
    fix_prints(&f, "ad /q Short; al", "There are no aliases.\n");
    fix_fails(&f, "as", "which name?");
    fix_fails(&f, "as lonely", "what does lonely stand for?");
    fix_fails(&f, "as asx 1", "no name may begin with");
    fix_close(&f);
}

static void an_alias_is_seen_from_the_next_block_on(void **state) {
    (void)state;
    struct fix f;
    open_session(&f);
    fix_prints(&f, "aS /x myAlias 5 + 1; .block{.echo myAlias}", "0x6\n");
    fix_prints(&f, "ad *", "");
    fix_prints(&f, "aS /x myAlias 5 + 1; .echo myAlias", "myAlias\n");
    fix_prints(&f, "r $t0 = 5; ad /q *", "");
    fix_prints(&f, ".foreach /pS 2 /ps 2 (Token {?@$t0}) {as myAlias Token}", "");
    fix_run(&f, "al");
    fix_has(&f, " myAlias          Token \n");
    fix_prints(&f, "ad myAlias", "");
    fix_prints(&f, ".foreach /pS 2 /ps 2 (Token {?@$t0}) {;as myAlias Token}", "");
    fix_run(&f, "al");
    fix_has(&f, " myAlias          5 \n");
    fix_close(&f);
}

static void fixed_names_are_replaced_anywhere(void **state) {
    (void)state;
    struct fix f;
    open_session(&f);
    fix_prints(&f, "r $.u2=2", "");
    fix_prints(&f, "r $.u1=1+$u2", "");
    fix_prints(&f, "r $.u2=6", "");
    fix_prints(&f, "? $u1", "Evaluate expression: 3 = 00000000`00000003\n");
    fix_prints(&f, "as fred 2", "");
    fix_prints(&f, "r $.u1= 1 + fred", "");
    fix_prints(&f, "as fred 6", "");
    fix_prints(&f, "? $u1", "Evaluate expression: 3 = 00000000`00000003\n");
    fix_prints(&f, "r $.u0=2", "");
    fix_prints(&f, "r $.u0=7+$u0", "");
    fix_prints(&f, "? $u0", "Evaluate expression: 9 = 00000000`00000009\n");
    fix_prints(&f, "r $.u5=.echo a; .echo b", "");
    fix_prints(&f, "$u5", "a\nb\n");
    fix_prints(&f, ".echo <$u9>", "<>\n");
    fix_prints(&f, ".echo $ntsym ${$ntnsym}", "nt nt\n");
    fix_close(&f);
}

static void aliases_take_memory_files_and_output(void **state) {
    (void)state;
    char path[] = "alias-XXXXXX", line[128];
    struct fix f;
    open_session(&f);
    fix_prints(&f, "as /mu w 620000; as /ma a 62000a", "");
    fix_prints(&f, "as /msu s 620010; as /msa t 620020", "");
    fix_prints(&f, ".echo w a s t", "wide ab. wi ab\n");
    fix_prints(&f, "as /c out .echo one", "");
    fix_prints(&f, ".echo out", "one\n");
    write_file(path, "6 * 7");
    snprintf(line, sizeof line, "aS /f answer %s", path);
    fix_prints(&f, line, "");
    unlink(path);
    fix_prints(&f, "? answer", "Evaluate expression: 42 = 00000000`0000002a\n");
    setenv("STOPCODE_TEST_ALIAS", "from outside", 1);
    fix_prints(&f, "as /e env STOPCODE_TEST_ALIAS; .block { .echo env }", "from outside\n");
    fix_fails(&f, "as /e env STOPCODE_NO_SUCH_VARIABLE", "the environment has no");
    fix_fails(&f, "as /mu x 5", "absent");
    fix_fails(&f, "as /q x 5", "is no option");
    fix_fails(&f, "as /f x no-such-file", "no-such-file");
    fix_close(&f);
}

static void printf_formats_like_windbg(void **state) {
    (void)state;
    static const struct {
        const char *args, *text;
    } cases[] = {
        {"\"plain\\n\"", "plain\n"},
        {"\"%d %i %u %x %X %o\", 0n-5, 5, ffffffff, ab, ab, 8", "-5 5 4294967295 ab AB 10"},
        {"\"%I64x %I64d %llx %lx\", 123456789abc, ffffffffffffffff, 123456789abc, 123456789abc",
         "123456789abc -1 123456789abc 56789abc"},
        {"\"%x\", 123456789abc", "56789abc"},
        {"\"[%5d|%-5d|%05d|%+d|% d|%#x|%#o]\", 3, 4, 0n-5, 6, 7, 8, 9",
         "[    3|4    |-0005|+6| 7|0x8|011]"},
        {"\"[%08x|%8.4x|%*d|%.0d]\", 12, 34, 5, 6, 0", "[00000012|    0034|    6|]"},
        {"\"%p %N\", 12ff40, 1", "000000000012ff40 0000000000000001"},
        {"\"%c%c%C\", 41, 1b, e9", "A.\xc3\xa9"},
        {"\"%f %g %lf %e\", 3f800000, 3fc00000, 3ff0000000000000, 3f800000",
         "1.000000 1.5 1.000000 1.000000e+000"},
        {"\"%mu|%ma|%msu|%msa\", 620000, 62000a, 620010, 620020", "wide|ab.|wi|ab"},
        {"\"%10mu|%-6ma|\", 620000, 62000a", "      wide|ab.   |"},
        {"\"%y %y\", myfault+10, 5", "myfault+0x10 0000000000000005"},
        {"\"100%% \\\"q\\\" \\\\ \\t|\"", "100% \"q\" \\ \t|"},

        {"/D \"<b>bold</b> &lt;x&gt; <link cmd=\\\"r\\\">r</link>\"", "bold <x> r"},
        {"/od \"%d\", poi(610000) & ff", "77"},
        {"\"a;b %d\", 1", "a;b 1"},
    };
    struct fix f;
    char line[256];
    open_session(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(line, sizeof line, ".printf %s", cases[i].args);
        if (cases[i].text)
            fix_prints(&f, line, cases[i].text);
    }
    fix_fails(&f, ".printf \"%d\"", "more conversions than there are values");
    fix_fails(&f, ".printf \"%s\", 1", "%s has no meaning here");
    fix_fails(&f, ".printf \"%k\", 1", "is no conversion");
    fix_fails(&f, ".printf \"%", "quotes do not end");
    fix_fails(&f, ".printf x", "stands in quotes");
    fix_fails(&f, ".printf \"%ma\", 5", "absent");
    fix_fails(&f, ".printf /x \"\"", "is no option");
    fix_close(&f);
}

static void an_error_ends_the_blocks_around_it(void **state) {
    (void)state;
    struct fix f;
    open_session(&f);
    assert_int_equal(fix_run(&f, ".block { .block { nosuch; .echo a }; .echo b }; .echo c"), 1);
    assert_null(strstr(fix_text(&f), "a\n"));
    assert_null(strstr(fix_text(&f), "b\n"));
    fix_has(&f, "\nc\n");
    assert_int_equal(fix_run(&f, ".catch { nosuch; .echo a }; .echo b"), 0);
    fix_has(&f, "\nb\n");
    assert_null(strstr(fix_text(&f), "a\n"));
    fix_prints(&f, ".catch { .echo in; .if (1) { .leave }; .echo no }; .echo out", "in\nout\n");
    assert_int_equal(fix_run(&f, ".for (r $t0 = 0; @$t0 < 9; r $t0 = @$t0 + 1) { nosuch }"), 1);
    fix_prints(&f, "r $t0", "$t0=0000000000000000\n");
    assert_int_equal(fix_run(&f, ".foreach (x { nosuch }) { .echo x }"), 1);
    fix_has(&f, "ERROR: \"nosuch\"");
    fix_fails(&f, ".break", "inside a loop");
    fix_fails(&f, ".continue", "inside a loop");
    fix_fails(&f, ".leave", "inside a .catch");
    fix_fails(&f, ".else { .echo x }", "behind the block of an .if");
    fix_close(&f);
}

static void what_is_not_balanced_is_said(void **state) {
    (void)state;
    static const struct {
        const char *line, *error;
    } cases[] = {{".if (1) { .echo a", "never closed"},
                 {".if (1 { .echo a }", "never closed"},
                 {".if 1 { .echo a }", "'(' is missing"},
                 {".if (1)", "'{' is missing"},
                 {".if (1) { } .else", "'{' is missing"},
                 {".for (1; 2) { }", "write (first; condition; next)"},
                 {".for { }", "'(' is missing"},
                 {".while { }", "'(' is missing"},
                 {".do { }", "'(' is missing"},
                 {".foreach (x) { }", "'{' is missing"},
                 {".foreach /z (x { r }) { }", "is no option"},
                 {".foreach ({ r }) { }", "a name is missing"},
                 {".block", "'{' is missing"},
                 {".catch { { }", "never closed"},
                 {".while (1 +) { }", "expected"}};
    struct fix f;
    open_session(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(fix_run(&f, cases[i].line) >= 1);
        fix_has(&f, cases[i].error);
    }
    fix_close(&f);
}

static void an_alias_that_runs_itself_meets_a_bound(void **state) {
    (void)state;
    struct fix f;
    open_session(&f);
    fix_prints(&f, "as X .block{X}", "");
    assert_int_equal(fix_run(&f, "X"), 1);
    fix_has(&f, "commands run commands more than 40 deep");
    fix_prints(&f, "as /x n 1", "");
    fix_prints(&f, "as B .block{${B}${B}${B}${B}}", "");
    fix_run(&f, "B");
    fix_has(&f, "ERROR");
    fix_prints(&f, ".echo still here", "still here\n");
    fix_close(&f);
}

static void endless_loops_end_when_cancelled(void **state) {
    (void)state;
    struct fix f;
    open_session(&f);
    f.s->script.max_turns = 1000;
    fix_fails(&f, ".while (1) { }", "loops made more than 1000 turns");
    fix_fails(&f, "z(1)", "loops made more than 1000 turns");
    fix_prints(&f, "z(0)", "");
    fix_prints(&f, "as B .catch{${B};${B}}", "");
    fix_run(&f, "B");
    fix_has(&f, "loops made more than 1000 turns");
    f.s->script.max_turns = 0;
    sc_target_cancel(f.target);
    assert_int_equal(fix_run(&f, ".while (1) { .echo x }; .echo y"), 1);
    fix_prints(&f, ".echo z", "z\n");
    fix_close(&f);
    fix_open(&f, FIX_NONE);
    fix_fails(&f, ".while (1) { }", "loops made more than 1048576 turns");
    fix_close(&f);
}

static void a_script_may_span_lines(void **state) {
    (void)state;
    struct fix f;
    open_session(&f);
    run_script(&f, "$$><",
               ".foreach (value {dd 610000 L4}) \n{\n   as /x ${/v:myAlias} value + 1\n"
               "   .block{.echo value myAlias}\n}\n\nad myAlias\n",
               "");
    fix_has(&f, "00905a4d 0x905a4e\n00000003 0x4\n00000004 0x5\n0000ffff 0x10000\n");
    run_script(
        &f, "$$><",
        "\xef\xbb\xbf* a comment with a {\r\n.if (@$ptrsize == 4)\r\n{\r\n  .echo four\r\n}\r\n"
        ".else\r\n{\r\n  .echo eight\r\n}\r\n"
        ".for (r $t0 = 0;\r\n      @$t0 < 2;\r\n      r $t0 = @$t0 + 1)\r\n{\r\n"
        "  .printf \"%d\\n\", @$t0\r\n}\r\n",
        "");
    assert_string_equal(fix_text(&f), "eight\n0\n1\n");
    fix_close(&f);
}

static void script_files_take_arguments(void **state) {
    (void)state;
    struct fix f;
    open_session(&f);
    run_script(&f, "$$>a<",
               ".echo The first argument is ${$arg1}.\n.echo The fifth argument is ${$arg5}.\n"
               ".echo The fourth argument is ${$arg4}.\n",
               " \"First one\" Two \"Three More\" Four; .echo behind");
    assert_string_equal(fix_text(&f), "The first argument is First one.\n"
                                      "The fifth argument is ${$arg5}.\n"
                                      "The fourth argument is Four.\nbehind\n");
    fix_close(&f);
}

static void the_lines_of_a_script_are_shown_and_run(void **state) {
    (void)state;
    struct fix f;
    open_session(&f);
    run_script(&f, "$$<", ".echo one; .echo two\nnosuch\n.echo three\n", "");
    assert_non_null(strstr(fix_text(&f), "kd> .echo one; .echo two\none\ntwo\nkd> nosuch\n"));
    fix_has(&f, "kd> .echo three\nthree\n");
    run_script(&f, "$<", ".echo named\n", "");
    fix_has(&f, "named\n");
    run_script(&f, "$><", ".echo block\nnosuch\n.echo no\n", "");
    assert_string_equal(fix_text(&f),
                        "block\nERROR: \"nosuch\" is no command here; `help` lists the "
                        "commands\n");
    fix_fails(&f, "$$><no-such-script", "no-such-script");
    fix_close(&f);
}

static void a_script_that_runs_itself_meets_a_bound(void **state) {
    (void)state;
    char path[] = "self-XXXXXX", text[64];
    struct fix f;
    open_session(&f);
    write_file(path, "");
    snprintf(text, sizeof text, "$$><%s", path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(fix_run(&f, text), 1);
    fix_has(&f, "more than 40 deep");
    unlink(path);
    fix_close(&f);
}

static void modules_are_named_in_commands(void **state) {
    (void)state;
    struct fix f;
    open_session(&f);
    fix_prints(&f, "!for_each_module .echo @#ModuleIndex @#Base @#End @#Size @#ModuleName",
               "0 fffff880`04a00000 fffff880`04a01000 1000 myfault\n");
    fix_prints(&f, "!for_each_module \".echo ${@#ModuleName}x; .echo (@#TimeDateStamp)\"",
               "myfaultx\n(4a5bc000)\n");
    fix_prints(&f, "!for_each_module .echo @#Checksum @#CheckSum", "00000000 00000000\n");
    fix_prints(&f, "!for_each_module .if (@#Base) { .echo a; .echo @#Nothing }", "a\n@#Nothing\n");
    fix_run(&f, "!for_each_module");
    fix_has(&f, "0 : fffff880`04a00000 fffff880`04a01000 myfault \\drivers\\myfault.sys");
    fix_close(&f);
}

static void captured_output_is_text_even_in_json(void **state) {
    (void)state;
    const struct sc_fake_bytes memory = {0x610000, header, sizeof header};
    struct fix f;
    mem_open_as(&f, SC_CPU_X64, true, &memory, 1, SC_RENDER_JSON);
    fix_run(&f, ".foreach (v { dw 610000 L1 }) { .echo v }");
    fix_has(&f, "{\"type\":\"echo\",\"text\":\"5a4d\"}");
    fix_run(&f, ".printf \"%d\\n\", 5");
    fix_has(&f, "{\"type\":\"printf\",\"text\":\"5\\n\"}");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_choose_one_block),
        cmocka_unit_test(loops_turn_until_their_condition_fails),
        cmocka_unit_test(foreach_takes_words_of_anything),
        cmocka_unit_test(aliases_are_replaced_between_borders),
        cmocka_unit_test(an_alias_is_seen_from_the_next_block_on),
        cmocka_unit_test(fixed_names_are_replaced_anywhere),
        cmocka_unit_test(aliases_take_memory_files_and_output),
        cmocka_unit_test(printf_formats_like_windbg),
        cmocka_unit_test(an_error_ends_the_blocks_around_it),
        cmocka_unit_test(what_is_not_balanced_is_said),
        cmocka_unit_test(an_alias_that_runs_itself_meets_a_bound),
        cmocka_unit_test(endless_loops_end_when_cancelled),
        cmocka_unit_test(a_script_may_span_lines),
        cmocka_unit_test(script_files_take_arguments),
        cmocka_unit_test(the_lines_of_a_script_are_shown_and_run),
        cmocka_unit_test(a_script_that_runs_itself_meets_a_bound),
        cmocka_unit_test(modules_are_named_in_commands),
        cmocka_unit_test(captured_output_is_text_even_in_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
