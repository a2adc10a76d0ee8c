/* SPDX-License-Identifier: MIT */
/* Frame programs: what each construct means, and that nothing but a program is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unwind/program.h"

enum { MEMORY = 0x1000, WORDS = 64 };

/* Memory whose words at MEMORY hold 0xa0000000 and their own number; a search that answers SLOT. */
struct world {
    struct sc_program p;
    unsigned searches;
    bool has_start;
    uint64_t start, slot;
    enum sc_program_status search_status;
};

static enum sc_program_status read_word(void *ctx, uint64_t addr, uint64_t *ret) {
    (void)ctx;
    if (addr < MEMORY || addr >= MEMORY + WORDS * 4 || addr & 3)
        return SC_PROGRAM_MEMORY;
    *ret = 0xa0000000u + (addr - MEMORY) / 4;
    return SC_PROGRAM_DONE;
}

static enum sc_program_status search(void *ctx, const uint64_t *start, uint64_t *ret_slot) {
    struct world *w = ctx;
    w->searches++;
    w->has_start = start != NULL;
    w->start = start ? *start : 0;
    if (w->search_status == SC_PROGRAM_DONE)
        *ret_slot = w->slot;
    return w->search_status;
}

static enum sc_program_status run(struct world *w, const char *text) {
    memset(w, 0, sizeof *w);
    w->slot = MEMORY + 0x10;
    sc_program_init(&w->p, SC_PROGRAM_X86, read_word, w);
    w->p.search = search;
    sc_program_set(&w->p, "$esp", MEMORY);
    sc_program_set(&w->p, "$ebp", MEMORY + 0x20);
    sc_program_set(&w->p, "$eip", 0x401000);
    sc_program_set(&w->p, ".cbLocals", 8);
    sc_program_set(&w->p, ".cbSavedRegs", 4);
    sc_program_set(&w->p, ".cbParams", 12);
    sc_program_set(&w->p, ".cbCalleeParams", 16);
    return sc_program_run(&w->p, text);
}

static void value_is(const struct world *w, const char *name, uint32_t want) {
    const struct sc_program_var *var = sc_program_get(&w->p, name);
    if (!var || var->v.value != want)
        fail_msg("%s is 0x%llx, want 0x%llx", name, (unsigned long long)(var ? var->v.value : 0),
                 (unsigned long long)want);
}

static void gives(const char *text, uint32_t want) {
    struct world w;
    char line[200];
    snprintf(line, sizeof line, "$T0 %s =", text);
    if (run(&w, line) != SC_PROGRAM_DONE)
        fail_msg("%s does not run: byte %zu", line, w.p.bad);
    value_is(&w, "$T0", want);
}

static void is_bad_at(const char *text, size_t where) {
    struct world w;
    enum sc_program_status status = run(&w, text);
    if (status != SC_PROGRAM_BAD || w.p.bad != where)
        fail_msg("'%s': status %d at %zu, want bad at %zu", text, status, w.p.bad, where);
}

static void operators_compute_in_32_bits(void **state) {
    (void)state;
    gives("7 5 +", 12);
    gives("7 5 -", 2);
    gives("5 7 -", 0xfffffffe);
    gives("7 5 *", 35);
    gives("65536 65536 *", 0);
    gives("4294967295 2 +", 1);
    gives("17 5 /", 3);
    gives("17 5 %", 2);
    gives("4294967295 2 /", 0x7fffffff);
    gives("1023 16 @", 1008);
    gives("1024 16 @", 1024);
    gives("1023 1 @", 1023);
    gives("4096 ^", 0xa0000000);
    gives("4096 4 + ^ 1 +", 0xa0000002);
}

static void numbers_are_decimal_unless_they_say_otherwise(void **state) {
    (void)state;
    gives("10", 10);
    gives("0x10", 16);
    gives("0xFfFfFfFf", 0xffffffff);
    gives("-4", 0xfffffffc);
    gives("10 -4 +", 6);
    is_bad_at("$T0 4294967296 =", 4);
    is_bad_at("$T0 0x1ffffffff =", 4);
    is_bad_at("$T0 12a =", 4);
    is_bad_at("$T0 0x =", 4);
    is_bad_at("$T0 99999999999999999999999 =", 4);
}

static void what_the_rule_says_has_names(void **state) {
    (void)state;
    gives(".cbLocals .cbSavedRegs +", 12);
    gives(".cbParams", 12);
    gives(".cbCalleeParams", 16);
    gives("$esp", MEMORY);
}

/* As 4600 functions of the corpus have it, each half of them with what follows $L or without. */
static void the_program_of_an_ebp_frame_leaves_it(void **state) {
    (void)state;
    struct world w;
    assert_int_equal(run(&w, "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + = "
                             "$L $T0 .cbSavedRegs - = $P $T0 8 + .cbParams + ="),
                     SC_PROGRAM_DONE);
    value_is(&w, "$eip", 0xa0000009);
    value_is(&w, "$ebp", 0xa0000008);
    value_is(&w, "$esp", MEMORY + 0x28);
    value_is(&w, "$L", MEMORY + 0x1c);
    value_is(&w, "$P", MEMORY + 0x34);
    assert_int_equal(w.searches, 0);
}

static void it_is_known_where_a_value_was_read(void **state) {
    (void)state;
    struct world w;
    assert_int_equal(run(&w, "$T0 $ebp = $T3 $T0 4 + ^ = $eip $T3 = $esp $T0 8 + ="),
                     SC_PROGRAM_DONE);
    const struct sc_program_var *eip = sc_program_get(&w.p, "$eip");
    const struct sc_program_var *esp = sc_program_get(&w.p, "$esp");
    assert_true(eip->assigned && eip->v.has_slot);
    assert_int_equal(eip->v.slot, MEMORY + 0x24);
    assert_false(esp->v.has_slot);
    assert_false(sc_program_get(&w.p, "$ebp")->assigned);
}

static void registers_go_by_codeviews_numbers_too(void **state) {
    (void)state;
    struct world w;
    assert_int_equal(run(&w, "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =  $20 $T0 4 - ^ =  "
                             "$22 $T0 8 - ^ = $23 $T0 12 - ^ =  $24 $T0 16 - ^ = "),
                     SC_PROGRAM_DONE);
    value_is(&w, "$eip", 0xa0000004);
    value_is(&w, "$ebx", 0xa0000003);
    value_is(&w, "$ebp", 0xa0000002);
    value_is(&w, "$esi", 0xa0000001);
    value_is(&w, "$edi", 0xa0000000);
    assert_int_equal(run(&w, "$33 7 = $17 8 = $21 9 ="), SC_PROGRAM_DONE);
    value_is(&w, "$eip", 7);
    value_is(&w, "$eax", 8);
    value_is(&w, "$esp", 9);
    assert_int_equal(run(&w, "$16 7 = $25 8 ="), SC_PROGRAM_DONE);
    assert_null(sc_program_get(&w.p, "$eax"));
    assert_null(sc_program_get(&w.p, "$edi"));
}

static void a_search_begins_where_t2_says(void **state) {
    (void)state;
    struct world w;
    assert_int_equal(run(&w, "$T2 $esp .cbLocals + .cbSavedRegs + = $T0 .raSearchStart = "
                             "$eip $T0 ^ = $esp $T0 4 + ="),
                     SC_PROGRAM_DONE);
    assert_int_equal(w.searches, 1);
    assert_true(w.has_start);
    assert_int_equal(w.start, MEMORY + 12);
    value_is(&w, "$esp", MEMORY + 0x14);
    assert_int_equal(run(&w, "$T2 5 = $T0 .raSearch ="), SC_PROGRAM_DONE);
    assert_false(w.has_start);
    assert_int_equal(run(&w, "$T0 .raSearchStart ="), SC_PROGRAM_DONE);
    assert_false(w.has_start);
}

static void a_search_that_fails_ends_the_program(void **state) {
    (void)state;
    const enum sc_program_status all[] = {SC_PROGRAM_UNKNOWN, SC_PROGRAM_MEMORY, SC_PROGRAM_FAILED};
    for (size_t i = 0; i < 3; i++) {
        struct world w = {0};
        sc_program_init(&w.p, SC_PROGRAM_X86, read_word, &w);
        w.p.search = search;
        w.search_status = all[i];
        assert_int_equal(sc_program_run(&w.p, "$T0 .raSearch = $eip 4 ="), all[i]);
        assert_null(sc_program_get(&w.p, "$eip"));
    }
}

static void operators_need_no_blanks(void **state) {
    (void)state;
    struct world w;
    assert_int_equal(run(&w, "$T0 $ebp 4+ =$eip $T0^ =\t$esp\r\n$T0 8 +="), SC_PROGRAM_DONE);
    value_is(&w, "$eip", 0xa0000009);
    value_is(&w, "$esp", MEMORY + 0x2c);
    assert_int_equal(run(&w, "  "), SC_PROGRAM_DONE);
    assert_int_equal(run(&w, ""), SC_PROGRAM_DONE);
}

static void a_value_nobody_knows_is_no_value(void **state) {
    (void)state;
    struct world w;
    assert_int_equal(run(&w, "$T0 $T1 ="), SC_PROGRAM_UNKNOWN);
    assert_int_equal(run(&w, "$T0 $ebx 4 + ="), SC_PROGRAM_UNKNOWN);
    assert_int_equal(run(&w, "$T0 .cbNothing ="), SC_PROGRAM_UNKNOWN);
}

static void memory_that_is_missing_is_named(void **state) {
    (void)state;
    struct world w;
    assert_int_equal(run(&w, "$eip 8192 ^ ="), SC_PROGRAM_MEMORY);
    assert_int_equal(w.p.missing, 8192);
}

static void what_is_no_program_is_said_where(void **state) {
    (void)state;
    is_bad_at("+", 0);
    is_bad_at("1 +", 2);
    is_bad_at("^", 0);
    is_bad_at("=", 0);
    is_bad_at("1 =", 2);
    is_bad_at("1 2 =", 4);
    is_bad_at(".cbLocals 2 =", 12);
    is_bad_at("$T0 1 0 / =", 8);
    is_bad_at("$T0 1 0 % =", 8);
    is_bad_at("$T0 1 0 @ =", 8);
    is_bad_at("$T0 1 12 @ =", 9);
    is_bad_at("1", 1);
    is_bad_at("$T0 1 2 =", 8);
    is_bad_at("$T0 $T1 2 =", 11);
    is_bad_at("$ 1 =", 0);
    is_bad_at("$T0 1 = ?", 8);
    is_bad_at("T0 1 =", 0);
    is_bad_at("1 - =", 2);
    is_bad_at("$ABCDEFGHIJKLMNOPQ 1 =", 0);
    is_bad_at("\xff", 0);
}

static void too_much_of_anything_is_refused(void **state) {
    (void)state;
    struct world w;
    char *text = calloc(1, 3 * SC_PROGRAM_LENGTH);
    assert_non_null(text);
    for (size_t i = 0; i < SC_PROGRAM_DEPTH + 1; i++)
        memcpy(text + i * 2, "1 ", 2);
    assert_int_equal(run(&w, text), SC_PROGRAM_BAD);
    assert_int_equal(w.p.bad, SC_PROGRAM_DEPTH * 2);
    memset(text, 0, 3 * SC_PROGRAM_LENGTH);
    for (size_t i = 0; i < SC_PROGRAM_VARS + 1; i++)
        sprintf(text + strlen(text), "$V%zu 1 = ", i);
    assert_int_equal(run(&w, text), SC_PROGRAM_BAD);
    memset(text, 0, 3 * SC_PROGRAM_LENGTH);
    for (size_t i = 0; i < SC_PROGRAM_LENGTH / 4; i++)
        memcpy(text + i * 8, "$T0 1 = ", 8);
    assert_int_equal(run(&w, text), SC_PROGRAM_BAD);
    assert_int_equal(w.p.bad, SC_PROGRAM_LENGTH);
    free(text);
}

/* ---- expressions of STACK CFI ---- */

static bool named(void *ctx, const char *name, uint64_t *ret) {
    (void)ctx;
    *ret = !strcmp(name, ".cfa") ? MEMORY + 0x20 : UINT64_C(0xffffffff00000010);
    return !strcmp(name, ".cfa") || !strcmp(name, "sp");
}

static enum sc_program_status read_wide(void *ctx, uint64_t addr, uint64_t *ret) {
    (void)ctx;
    *ret = addr << 32 | 7;
    return addr == 8 ? SC_PROGRAM_MEMORY : SC_PROGRAM_DONE;
}

static void expressions_have_the_width_of_the_cpu(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t wide, narrow;
    } all[] = {
        {"sp", 0xffffffff00000010, 0x10},
        {"sp 16 -", 0xffffffff00000000, 0},
        {"sp -32 +", 0xfffffffefffffff0, 0xfffffff0},
        {".cfa -16 + ^", UINT64_C(0x101000000007), 7},
        {"4294967296 2 /", 0x80000000, 0}, /* too large for 32 bits: bad */
    };
    for (size_t i = 0; i < 4; i++) {
        for (int wide = 0; wide < 2; wide++) {
            struct sc_program p;
            struct sc_program_value v = {0};
            sc_program_init(&p, wide ? SC_PROGRAM_CFI64 : SC_PROGRAM_CFI32, read_wide, NULL);
            p.lookup = named;
            size_t len = strlen(all[i].text);
            assert_int_equal(sc_program_eval(&p, all[i].text, len, &v), SC_PROGRAM_DONE);
            if (v.value != (wide ? all[i].wide : all[i].narrow))
                fail_msg("%s is 0x%llx", all[i].text, (unsigned long long)v.value);
            assert_true(v.has_slot == (i == 3));
        }
    }
    struct sc_program p;
    struct sc_program_value v = {0};
    sc_program_init(&p, SC_PROGRAM_CFI32, read_wide, NULL);
    assert_int_equal(sc_program_eval(&p, all[4].text, 14, &v), SC_PROGRAM_BAD);
    sc_program_init(&p, SC_PROGRAM_CFI64, read_wide, NULL);
    assert_int_equal(sc_program_eval(&p, all[4].text, 14, &v), SC_PROGRAM_DONE);
    assert_true(v.value == all[4].wide);
}

static void an_expression_has_one_value(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        enum sc_program_status want;
    } all[] = {
        {"1 2", 3, SC_PROGRAM_BAD},           {"", 0, SC_PROGRAM_BAD},
        {"1 +", 3, SC_PROGRAM_BAD},           {"1 2 = ", 5, SC_PROGRAM_BAD},
        {"8 ^", 3, SC_PROGRAM_MEMORY},        {"x9", 2, SC_PROGRAM_UNKNOWN},
        {".raSearch", 9, SC_PROGRAM_UNKNOWN}, {"1 $rbx: 2", 1, SC_PROGRAM_DONE},
        {"$20", 3, SC_PROGRAM_UNKNOWN}, /* no CodeView numbers here */
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct sc_program p;
        struct sc_program_value v = {.value = 77};
        sc_program_init(&p, SC_PROGRAM_CFI64, read_wide, NULL);
        p.lookup = named;
        if (sc_program_eval(&p, all[i].text, all[i].len, &v) != all[i].want)
            fail_msg("'%s'", all[i].text);
        assert_true(v.value == (all[i].want == SC_PROGRAM_DONE ? 1 : 77));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_have_the_width_of_the_cpu),
        cmocka_unit_test(an_expression_has_one_value),
        cmocka_unit_test(operators_compute_in_32_bits),
        cmocka_unit_test(numbers_are_decimal_unless_they_say_otherwise),
        cmocka_unit_test(what_the_rule_says_has_names),
        cmocka_unit_test(the_program_of_an_ebp_frame_leaves_it),
        cmocka_unit_test(it_is_known_where_a_value_was_read),
        cmocka_unit_test(registers_go_by_codeviews_numbers_too),
        cmocka_unit_test(a_search_begins_where_t2_says),
        cmocka_unit_test(a_search_that_fails_ends_the_program),
        cmocka_unit_test(operators_need_no_blanks),
        cmocka_unit_test(a_value_nobody_knows_is_no_value),
        cmocka_unit_test(memory_that_is_missing_is_named),
        cmocka_unit_test(what_is_no_program_is_said_where),
        cmocka_unit_test(too_much_of_anything_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
