/* SPDX-License-Identifier: MIT */
/* Names, included files and choices of a scenario: what is read then, and where it is said to be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "forge/scenario.h"

static char why[FORGE_WHY_MAX];

/* The text that is read, its lines joined by `|`; empty ones are left out. */
static void expands(const char *text, const char *want) {
    struct forge_pool pool = {0};
    struct forge_origins origins = {0};
    char got[1024] = "";
    why[0] = 0;
    const char *out = forge_expand(&pool, "case", text, &origins, why);
    if (!out)
        fail_msg("%s", why);
    for (size_t len; *out; out += len + (out[len] != 0)) {
        len = strcspn(out, "\n");
        if (len)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", *got ? "|" : "",
                     (int)len, out);
    }
    assert_string_equal(got, want);
    forge_pool_free(&pool);
}

static void names_stand_for_numbers(void **state) {
    (void)state;
    expands("let one ffffc00f`01000000\nlet two one+80\nx $(two) $(two-80+1) $(7)\n",
            "x ffffc00f`01000080 ffffc00f`01000001 7");
    expands("cpu x86\nlet one 81000000\n$le(one) $le8(one) $le4(1)\n",
            "cpu x86|00000081 0000008100000000 01000000");
    expands("cpu x64\n$le(1)\n", "cpu x64|0100000000000000");
    expands("cpu x64\n$(77a01014) $(10)\n", "cpu x64|00000000`77a01014 10");
    expands("# $(nobody)\ncost: 5$ $one\n", "# $(nobody)|cost: 5$ $one");
}

static void choices_are_by_build_and_processor(void **state) {
    (void)state;
    expands("os 9600\ncpu x64\nwhen x64 build 9200..9600\na\notherwise\nb\ndone\nc\n",
            "os 9600|cpu x64|a|c");
    expands("os 7601\ncpu x64\nwhen build 9200..\na\notherwise\nb\nwhen x86\nc\ndone\ndone\n",
            "os 7601|cpu x64|b");
    expands("os 7601\ncpu x86\nwhen build ..7601\na\nwhen x64\nb\notherwise\nc\ndone\ndone\n",
            "os 7601|cpu x86|a|c");
    expands(
        "os 7601\nwhen build 7600\nlet one 1\nwhen build 7601\nx\notherwise\ny\ndone\ndone\nz\n",
        "os 7601|z");
}

static void write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Messages name the file and line of what was included, also when they speak of two lines. */
static void lines_of_included_files_keep_their_numbers(void **state) {
    (void)state;
    char folder[] = "/tmp/expand-XXXXXX", inner[64], outer[64], want[256];
    struct forge_scenario s;
    assert_non_null(mkdtemp(folder));
    snprintf(inner, sizeof inner, "%s/inner.inc", folder);
    snprintf(outer, sizeof outer, "%s/outer", folder);
    write_file(inner, "let one 1\n\nuptime 0:00:01\n");

    assert_false(
        forge_scenario_parse(outer, "os 7601\ninclude inner.inc\nroom $(one)\nrooms 1\n", &s, why));
    snprintf(want, sizeof want, "%s:4: there is no directive \"rooms\": did you mean \"room\"?",
             outer);
    assert_string_equal(why, want);
    forge_scenario_free(&s);

    assert_false(forge_scenario_parse(outer, "include inner.inc\nuptime 0:00:02\n", &s, why));
    snprintf(want, sizeof want, "%s:2: uptime: said already in %s:3", outer, inner);
    assert_string_equal(why, want);
    forge_scenario_free(&s);

    write_file(inner, "include inner.inc\n");
    assert_false(forge_scenario_parse(outer, "include inner.inc\n", &s, why));
    snprintf(want, sizeof want, "%s:1: include: more than 8 files inside each other", inner);
    assert_string_equal(why, want);
    forge_scenario_free(&s);
    unlink(inner);
    rmdir(folder);
}

static const struct {
    const char *text, *why;
} errors[] = {
    {"x $(one)\n", "case:1: \"one\" is no number, and no line \"let one\" stands before it"},
    {"\nx $(1\n", "case:2: $( has no )"},
    {"x $le(1)\n", "case:1: $le( ) needs a line \"cpu\" before it"},
    {"let one\n", "case:1: let: write  let NAME NUMBER"},
    {"let one 1\nlet one 2\n", "case:2: let: one has a value already"},
    {"let abc 1\n", "case:1: let: \"abc\" cannot be a name"},
    {"when\n", "case:1: when: write  when x64|x86|build RANGE"},
    {"when x64\n", "case:1: when: it needs a line \"cpu\" before it"},
    {"when build 7601\n", "case:1: when: it needs a line \"os\" before it"},
    {"os 7601\nwhen build ..\n",
     "case:2: when: \"..\" is no range of builds: write 9200, 9200.., ..9199"},
    {"cpu x64\nwhen arm\n", "case:2: when: \"arm\" is not understood here"},
    {"cpu x64\n\nwhen x64\n", "case:3: when: there is no line \"done\""},
    {"done\n", "case:1: done: there is no \"when\" before it"},
    {"otherwise\n", "case:1: otherwise: there is no \"when\" before it"},
    {"include\n", "case:1: include: write  include FILE"},
    {"include no/such/file\n", "case:1: include: no/such/file cannot be opened"},
};

static void complaints(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct forge_scenario s;
        if (forge_scenario_parse("case", errors[i].text, &s, why))
            fail_msg("understood: %s", errors[i].text);
        assert_string_equal(why, errors[i].why);
        forge_scenario_free(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stand_for_numbers),
        cmocka_unit_test(choices_are_by_build_and_processor),
        cmocka_unit_test(lines_of_included_files_keep_their_numbers),
        cmocka_unit_test(complaints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
