/* SPDX-License-Identifier: MIT */
/* Breakpad's text symbols: each kind of record, odd files, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sym/breakpad.h"

#define MODULE "MODULE windows x86 5A9832E5287241C1838ED98914E9B7FF1a test app.pdb\n"

static const char text[] = MODULE "INFO CODE_ID 10FAA6BB\n"
                                  "FILE 1 c:\\src\\main file.cpp\n"
                                  "FILE 2 c:\\src\\list.h\n"
                                  "INLINE_ORIGIN 0 list::push(int)\n"
                                  "INLINE_ORIGIN 1 list::grow()\n"
                                  "FUNC 1000 40 8 app::main(int, char **)\n"
                                  "INLINE 1 9 2 1 1014 8 1028 4\n"
                                  "INLINE 0 7 1 0 1010 20\n"
                                  "1000 10 5 1\n"
                                  "1010 20 -1 2\n"
                                  "1030 10 6 1\n"
                                  "FUNC m 1080 10 0 folded\n"
                                  "1080 10 90 2\n"
                                  "PUBLIC 1000 4 _main\n"
                                  "PUBLIC 1060 0 between\n"
                                  "PUBLIC m 2000 0 last of all\n"
                                  "STACK WIN 4 1000 40 3 1 8 4 c 10 1 $T0 $ebp = $eip $T0 4 + ^ =\n"
                                  "STACK WIN 4 1008 30 0 1 8 4 c 10 1 inner\n"
                                  "STACK WIN 0 1000 90 2 0 10 8 14 0 0 1\n"
                                  "STACK WIN 3 1000 90 2 0 10 8 14 0 0 1\n"
                                  "STACK CFI INIT 3000 40 .cfa: $esp 4 + $eip: .cfa 4 - ^\n"
                                  "STACK CFI 3001 .cfa: $esp 8 + $ebp: .cfa 8 - ^\n"
                                  "STACK CFI 3003 .cfa: $ebp 8 +\n"
                                  "FUTURE record of a kind not known here\n";

static sc_symbols *open_text(const char *what) {
    sc_symbols *s = NULL;
    sc_err *err = sc_breakpad_open_memory("t.sym", what, strlen(what), &s);
    if (err)
        fail_msg("%s", sc_err_text(err));
    return s;
}

static int setup(void **state) {
    *state = open_text(text);
    return 0;
}

static int teardown(void **state) {
    sc_symbols_unref(*state);
    return 0;
}

static void it_says_which_module_it_is_of(void **state) {
    struct sc_symbols_info info;
    sc_symbols_info(*state, &info);
    assert_string_equal(info.provider, "sym");
    assert_int_equal(info.guid.a, 0x5a9832e5);
    assert_int_equal(info.guid.d[7], 0xff);
    assert_int_equal(info.age, 0x1a);
    assert_int_equal(info.cpu, SC_CPU_X86);
    assert_true(info.has_private);
    assert_true(info.has_lines);
    assert_false(info.has_types);
}

static void nearest_is(sc_symbols *s, uint32_t rva, unsigned kinds, const char *want) {
    struct sc_symbol symbol;
    bool found = true;
    assert_null(sc_symbols_nearest(s, rva, kinds, &symbol, &found));
    assert_int_equal(found, want != NULL);
    if (found)
        assert_string_equal(symbol.name, want);
}

static void a_function_that_covers_wins(void **state) {
    nearest_is(*state, 0xfff, SC_SYM_ANY, NULL);
    nearest_is(*state, 0x1000, SC_SYM_ANY, "app::main(int, char **)");
    nearest_is(*state, 0x103f, SC_SYM_ANY, "app::main(int, char **)");
    nearest_is(*state, 0x1000, SC_SYM_PUBLIC, "_main");
}

static void behind_a_function_the_nearest_start_counts(void **state) {
    nearest_is(*state, 0x1050, SC_SYM_ANY, "app::main(int, char **)");
    nearest_is(*state, 0x1070, SC_SYM_ANY, "between");
    nearest_is(*state, 0x1070, SC_SYM_FUNCTION, "app::main(int, char **)");
    nearest_is(*state, 0x1090, SC_SYM_ANY, "folded");
    nearest_is(*state, UINT32_MAX, SC_SYM_ANY, "last of all");
    nearest_is(*state, UINT32_MAX, SC_SYM_DATA, NULL);
}

static void names_with_blanks_are_found(void **state) {
    struct sc_symbol s;
    bool found;
    assert_null(sc_symbols_find(*state, "app::main(int, char **)", &s, &found));
    assert_true(found);
    assert_int_equal(s.kind, SC_SYM_FUNCTION);
    assert_int_equal(s.rva, 0x1000);
    assert_int_equal(s.size, 0x40);
    assert_null(sc_symbols_find(*state, "last of all", &s, &found));
    assert_true(found);
    assert_int_equal(s.kind, SC_SYM_PUBLIC);
    assert_null(sc_symbols_find(*state, "app::main", &s, &found));
    assert_false(found);
}

static bool append(void *ctx, const struct sc_symbol *s) {
    char *list = ctx;
    strcat(list, s->name);
    strcat(list, ";");
    return strlen(list) < 60;
}

static void each_lists_by_pattern(void **state) {
    char list[300] = "";
    assert_null(sc_symbols_each(*state, "*e*", SC_SYM_PUBLIC, append, list));
    assert_string_equal(list, "between;");
    *list = 0;
    assert_null(sc_symbols_each(*state, NULL, SC_SYM_ANY, append, list));
    assert_string_equal(list, "app::main(int, char **);folded;_main;between;last of all;");
}

static void lines_cover_their_bytes(void **state) {
    struct sc_line line;
    bool found;
    assert_null(sc_symbols_line(*state, 0x100f, &line, &found));
    assert_true(found);
    assert_string_equal(line.file, "c:\\src\\main file.cpp");
    assert_int_equal(line.line, 5);
    assert_int_equal(line.rva, 0x1000);
    assert_int_equal(line.size, 0x10);
    assert_null(sc_symbols_line(*state, 0x1040, &line, &found));
    assert_false(found);
    assert_null(sc_symbols_line(*state, 0x1018, &line, &found));
    assert_true(found);
    assert_int_equal(line.line, 0); /* -1: none */
}

static bool sum_rva(void *ctx, const struct sc_line *l) {
    *(uint32_t *)ctx += l->rva;
    return true;
}

static void a_lines_addresses_are_found_by_the_files_tail(void **state) {
    static const struct {
        const char *file;
        uint32_t line, sum;
    } want[] = {{"main file.cpp", 5, 0x1000},
                {"MAIN FILE.CPP", 6, 0x1030},
                {"src/main file.cpp", 5, 0x1000},
                {"list.h", 90, 0x1080},
                {"st.h", 90, 0},
                {"list.h", 91, 0},
                {"", 5, 0}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        uint32_t sum = 0;
        assert_null(sc_symbols_lines(*state, want[i].file, want[i].line, sum_rva, &sum));
        assert_int_equal(sum, want[i].sum);
    }
}

struct frames {
    char text[300];
};
static bool add_frame(void *ctx, const struct sc_inline *i) {
    struct frames *f = ctx;
    size_t used = strlen(f->text);
    snprintf(f->text + used, sizeof f->text - used, "%u %s %x %s:%u;", (unsigned)i->depth, i->name,
             (unsigned)i->rva, i->file[0] ? strrchr(i->file, '\\') + 1 : "", (unsigned)i->line);
    return true;
}

static void inlined_calls_come_innermost_first(void **state) {
    struct frames f = {""};
    assert_null(sc_symbols_inlines(*state, 0x1029, add_frame, &f));
    assert_string_equal(f.text, "1 list::grow() 1028 list.h:0;0 list::push(int) 1010 list.h:9;");
    *f.text = 0;
    assert_null(sc_symbols_inlines(*state, 0x1020, add_frame, &f));
    assert_string_equal(f.text, "0 list::push(int) 1010 list.h:0;");
    *f.text = 0;
    assert_null(sc_symbols_inlines(*state, 0x1030, add_frame, &f));
    assert_string_equal(f.text, "");
}

static void older_inline_records_have_no_file(void **state) {
    (void)state;
    sc_symbols *s = open_text(MODULE "INLINE_ORIGIN 3 f\nINLINE_ORIGIN 4 g\nFUNC 10 20 0 main\n"
                                     "INLINE 0 42 3 10 8\nINLINE 1 43 4 12 4\n");
    struct frames f = {""};
    assert_null(sc_symbols_inlines(s, 0x13, add_frame, &f));
    assert_string_equal(f.text, "1 g 12 :0;0 f 10 :43;");
    sc_symbols_unref(s);
}

static struct sc_frame_rule rule_at(sc_symbols *s, uint32_t rva) {
    struct sc_frame_rule r;
    bool found = false;
    assert_null(sc_symbols_frame_rule(s, rva, &r, &found));
    assert_true(found);
    return r;
}

static void frame_programs_win_over_fpo_and_inner_ones_over_outer(void **state) {
    struct sc_frame_rule r = rule_at(*state, 0x1001);
    assert_string_equal(r.program, "$T0 $ebp = $eip $T0 4 + ^ =");
    assert_int_equal(r.fpo_kind, 0xff);
    assert_int_equal(r.prolog, 3);
    assert_int_equal(r.params, 8);
    assert_int_equal(r.saved_regs, 4);
    assert_int_equal(r.locals, 0xc);
    assert_int_equal(r.max_stack, 0x10);
    assert_string_equal(rule_at(*state, 0x1008).program, "inner");
    assert_string_equal(rule_at(*state, 0x1039).program, "$T0 $ebp = $eip $T0 4 + ^ =");
    r = rule_at(*state, 0x1050);
    assert_null(r.program);
    assert_int_equal(r.fpo_kind, 0);
    assert_true(r.uses_ebp);
    assert_int_equal(r.locals, 0x14);
}

static void cfi_rules_are_put_together_for_the_address(void **state) {
    assert_string_equal(rule_at(*state, 0x3000).program, ".cfa: $esp 4 + $eip: .cfa 4 - ^");
    assert_string_equal(rule_at(*state, 0x3002).program,
                        ".cfa: $esp 8 + $eip: .cfa 4 - ^ $ebp: .cfa 8 - ^");
    const char *last = rule_at(*state, 0x303f).program;
    assert_string_equal(last, ".cfa: $ebp 8 + $eip: .cfa 4 - ^ $ebp: .cfa 8 - ^");
    assert_ptr_equal(rule_at(*state, 0x3003).program, last); /* made once */
    struct sc_frame_rule r;
    bool found = true;
    assert_null(sc_symbols_frame_rule(*state, 0x3040, &r, &found));
    assert_false(found);
}

static void carriage_returns_are_no_part_of_names(void **state) {
    (void)state;
    sc_symbols *s = open_text("MODULE windows x86 5A9832E5287241C1838ED98914E9B7FF1 a\r\n"
                              "FUNC 10 20 0 main\r\nPUBLIC 40 0 last\r\n");
    nearest_is(s, 0x10, SC_SYM_ANY, "main");
    nearest_is(s, 0x40, SC_SYM_ANY, "last");
    sc_symbols_unref(s);
}

static void the_last_line_needs_no_end(void **state) {
    (void)state;
    sc_symbols *s = open_text(MODULE "PUBLIC 40 0 last");
    nearest_is(s, 0x40, SC_SYM_ANY, "last");
    sc_symbols_unref(s);
}

static void a_long_function_around_others_is_found(void **state) {
    (void)state;
    sc_symbols *s =
        open_text(MODULE "FUNC 100 1000 0 outer\nFUNC 200 10 0 one\nFUNC 300 10 0 two\n");
    nearest_is(s, 0x305, SC_SYM_ANY, "two");
    nearest_is(s, 0x400, SC_SYM_ANY, "outer");
    nearest_is(s, 0x2000, SC_SYM_ANY, "two");
    sc_symbols_unref(s);
}

static void refused(const char *what, size_t len, enum sc_err_code code, uint64_t offset) {
    sc_symbols *s = NULL;
    uint64_t at = 0;
    sc_err *err = sc_breakpad_open_memory("t.sym", what, len, &s);
    assert_non_null(err);
    assert_null(s);
    assert_int_equal(sc_err_code(err), code);
    assert_true(sc_err_offset(err, &at));
    assert_int_equal(at, offset);
    sc_err_destroy(err);
}

static void damaged_records_are_refused_with_their_offset(void **state) {
    (void)state;
    static const char *const bad[] = {"FUNC",
                                      "FUNC x 10 0 f",
                                      "FUNC 10 zz 0 f",
                                      "FUNC 100000000 1 0 f",
                                      "PUBLIC 10",
                                      "PUBLIC m",
                                      "FILE x name",
                                      "INLINE_ORIGIN name",
                                      "10 20 30",
                                      "10 20 30 40 50",
                                      "STACK WIN 4 10 20 1",
                                      "STACK CFI zz",
                                      "STACK CFI INIT 10",
                                      "INLINE 0 1 2",
                                      "10 20 5 1",
                                      " FUNC 10 20 0 f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char all[300];
        int n = snprintf(all, sizeof all, "%s%s\n", MODULE, bad[i]);
        refused(all, (size_t)n, SC_ERR_FORMAT, strlen(MODULE));
    }
    refused("", 0, SC_ERR_FORMAT, 0);
    refused("FUNC 1 2 3 f\n", 13, SC_ERR_FORMAT, 0);
    refused("MODULE \0x y z\n", 14, SC_ERR_FORMAT, 0);
}

static void rules_for_too_many_registers_are_refused(void **state) {
    (void)state;
    char *all = malloc(20000);
    assert_non_null(all);
    size_t n = (size_t)sprintf(all, "%sSTACK CFI INIT 10 100", MODULE);
    for (int i = 0; i < 100; i++)
        n += (size_t)sprintf(all + n, " r%d: 1", i);
    sc_symbols *s = open_text(all);
    struct sc_frame_rule r;
    bool found;
    sc_err *err = sc_symbols_frame_rule(s, 0x20, &r, &found);
    assert_int_equal(sc_err_code(err), SC_ERR_LIMIT);
    sc_err_destroy(err);
    sc_symbols_unref(s);
    free(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_which_module_it_is_of),
        cmocka_unit_test(a_function_that_covers_wins),
        cmocka_unit_test(behind_a_function_the_nearest_start_counts),
        cmocka_unit_test(names_with_blanks_are_found),
        cmocka_unit_test(each_lists_by_pattern),
        cmocka_unit_test(lines_cover_their_bytes),
        cmocka_unit_test(a_lines_addresses_are_found_by_the_files_tail),
        cmocka_unit_test(inlined_calls_come_innermost_first),
        cmocka_unit_test(older_inline_records_have_no_file),
        cmocka_unit_test(frame_programs_win_over_fpo_and_inner_ones_over_outer),
        cmocka_unit_test(cfi_rules_are_put_together_for_the_address),
        cmocka_unit_test(carriage_returns_are_no_part_of_names),
        cmocka_unit_test(the_last_line_needs_no_end),
        cmocka_unit_test(a_long_function_around_others_is_found),
        cmocka_unit_test(damaged_records_are_refused_with_their_offset),
        cmocka_unit_test(rules_for_too_many_registers_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
