/* SPDX-License-Identifier: MIT */
/* Completion: what is offered where. */
#include "session_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/dispatch.h"

struct words {
    char text[20000]; /* each word with a blank behind it */
};

static void add(void *ctx, const char *word) {
    struct words *w = ctx;
    size_t n = strlen(w->text);
    snprintf(w->text + n, sizeof w->text - n, "%s ", word);
}

static struct words complete(struct fix *f, const char *line) {
    struct words w = {""};
    sc_session_complete(f->s, line, strlen(line), add, &w);
    return w;
}

static void expect(struct fix *f, const char *line, const char *want) {
    struct words w = complete(f, line);
    assert_string_equal(w.text, want);
}

static void a_command_is_completed_where_one_starts(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    expect(&f, ".form", ".formats ");
    expect(&f, "  .FORM", ".formats ");
    expect(&f, "n 10; .echot", ".echotime ");
    expect(&f, ".log", ".logopen .logappend .logclose .logfile ");
    expect(&f, "!err", "!errrec !error ");
    expect(&f, "nosuch", "");
    assert_non_null(strstr(complete(&f, "").text, "help "));
    assert_non_null(strstr(complete(&f, "n 10;").text, "help "));
    fix_close(&f);
}

static void behind_help_stand_commands(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    expect(&f, "help .logo", ".logopen ");
    fix_close(&f);
}

static void options_are_completed_behind_a_dash(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    expect(&f, ".logopen /", "/t /u /d ");
    expect(&f, ".logopen -u", "-u ");
    expect(&f, ".logclose /", "");
    fix_close(&f);
}

static void modules_and_registers_are_completed_in_expressions(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    expect(&f, ".formats am", "amdppm ");
    expect(&f, "? poi(am", "poi(amdppm ");
    expect(&f, "?n", "?nt ");
    expect(&f, "? @$pt", "@$ptrsize ");
    expect(&f, "? $bug_c", "$bug_code ");
    expect(&f, "? 5+@ri", "5+@rip ");
    expect(&f, "? @$exr_c", "@$exr_code ");
    fix_close(&f);
}

static void commands_without_arguments_offer_nothing(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    expect(&f, ".echotime n", "");
    expect(&f, "nosuch n", "");
    fix_close(&f);
}

static void only_what_stands_before_the_cursor_counts(void **state) {
    (void)state;
    struct fix f;
    struct words w = {""};
    fix_open(&f, FIX_NONE);
    sc_session_complete(f.s, ".formats 5", 5, add, &w);
    assert_string_equal(w.text, ".formats ");
    w.text[0] = 0;
    sc_session_complete(f.s, ".form", 5000, add, &w);
    assert_string_equal(w.text, ".formats ");
    fix_close(&f);
}

static void names_with_control_characters_are_not_offered(void **state) {
    (void)state;
    struct sc_machine m = fix_machine(FIX_KERNEL);
    struct sc_module modules[] = {
        {.base = 0x1000, .size = 0x1000, .name = "evil\x1b[2J", .image = "e", .path = "e"},
        {.base = 0x3000, .size = 0x1000, .name = "evil_not", .image = "e", .path = "e"},
    };
    struct sc_fake fake = {.sz = sizeof fake, .cpu = m.cpu, .kernel = true, .machine = &m};
    fake.modules = modules;
    fake.nmodules = 2;
    struct fix f = {0};
    assert_null(sc_target_fake(&fake, &f.target));
    assert_null(sc_out_create(SC_RENDER_TEXT, sink_write, &f.sink, false, &f.out));
    assert_null(sc_session_create(f.target, f.out, &f.s));
    expect(&f, "? evil", "evil_not ");
    fix_close(&f);
}

static void long_words_offer_nothing(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    char *line = malloc(SC_LINE_MAX + 100);
    memset(line, 'n', SC_LINE_MAX + 99);
    line[SC_LINE_MAX + 99] = 0;
    expect(&f, line, "");
    memcpy(line, "? ", 2);
    line[1000] = 0;
    expect(&f, line, "");
    fix_close(&f);
    free(line);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_completed_where_one_starts),
        cmocka_unit_test(behind_help_stand_commands),
        cmocka_unit_test(options_are_completed_behind_a_dash),
        cmocka_unit_test(modules_and_registers_are_completed_in_expressions),
        cmocka_unit_test(commands_without_arguments_offer_nothing),
        cmocka_unit_test(only_what_stands_before_the_cursor_counts),
        cmocka_unit_test(names_with_control_characters_are_not_offered),
        cmocka_unit_test(long_words_offer_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
