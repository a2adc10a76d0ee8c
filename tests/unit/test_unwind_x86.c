/* SPDX-License-Identifier: MIT */
/* Steps out of x86 frames by what symbols say: FRAMEDATA programs and FPO_DATA. */
#include "unit/x86_fixture.h"

static const char ebp_program[] = "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + = ";
static const char search_program[] = "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = ";

/* ---- programs ---- */

static void an_ebp_frame_is_left_by_its_program(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200);
    struct sc_frame_rule *rule = x86_rule(x, ebp_program);
    rule->params = 12;
    rule->locals = 0x20;
    x86_poke(x, EBP, EBP + 0x40);
    x86_poke(x, EBP + 4, ret);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, EBP + 8, EBP + 0x40);
    assert_int_equal(x->step.how, SC_FRAME_CFI);
    assert_int_equal(x->step.ret_slot, EBP + 4);
    assert_int_equal(x->step.base, EBP);
    assert_int_equal(x->step.callee_params, 12);
    assert_false(x->step.callee_pops);
    assert_true(x->step.has_rule);
    assert_int_equal(x->step.rule.locals, 0x20);
    assert_false(x->step.exact_ip);
    /* Nothing was saved: what the caller kept in nonvolatile registers is in them still. */
    assert_int_equal(x->step.known, EBX_BIT | ESP_BIT | EBP_BIT | ESI_BIT | EDI_BIT);
    x86_free(x);
}

/* Also where a program takes the parameters off. */
static void the_base_is_below_the_slot_that_eip_was_read_from(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200);
    x86_rule(x, "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 20 + =");
    x86_poke(x, EBP, EBP + 0x40);
    x86_poke(x, EBP + 4, ret);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, EBP + 20, EBP + 0x40);
    assert_int_equal(x->step.ret_slot, EBP + 4);
    assert_int_equal(x->step.base, EBP);
    x86_free(x);
}

static void registers_the_program_restores_are_known(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200);
    x86_rule(x, "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =  $20 $T0 4 - ^ =  "
                "$23 $T0 8 - ^ = ")
        ->saved_regs = 8;
    x86_poke(x, EBP, EBP + 0x40);
    x86_poke(x, EBP + 4, ret);
    x86_poke(x, EBP - 4, 0x1111);
    x86_poke(x, EBP - 8, 0x2222);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    assert_int_equal(x86_get(x, "ebx"), 0x1111);
    assert_int_equal(x86_get(x, "esi"), 0x2222);
    assert_int_equal(x86_get(x, "edi"), 0xd1);
    assert_int_equal(x->step.known, EBX_BIT | ESP_BIT | EBP_BIT | ESI_BIT | EDI_BIT);
    x86_free(x);
}

static void registers_saved_where_nobody_says_are_unknown(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_rule(x, ebp_program)->saved_regs = 8;
    x86_poke(x, EBP + 4, x86_call(x, TEXT + 0x200));
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    assert_int_equal(x->step.known, ESP_BIT | EBP_BIT);
    x86_free(x);
}

/* Older compilers' programs restore ebx at most. */
static void an_old_program_leaves_esi_and_edi_unknown(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_rule(x, "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + = $L $T0 .cbSavedRegs - = "
                "$P $T0 8 + .cbParams + =");
    x86_poke(x, EBP + 4, x86_call(x, TEXT + 0x200));
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    assert_int_equal(x->step.known, EBX_BIT | ESP_BIT | EBP_BIT);
    x86_free(x);
}

static void the_return_address_lies_above_saved_registers_locals_and_the_callees_params(void **s) {
    (void)s;
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200), slot = ESP + 12 + 8 + 0x10;
    struct sc_frame_rule *rule = x86_rule(x, search_program);
    rule->locals = 0x10;
    rule->saved_regs = 8;
    x->step.callee_params = 12;
    x86_poke(x, ESP + 8, ret); /* left there by somebody */
    x86_poke(x, slot, ret);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, slot + 4, EBP);
    assert_int_equal(x->step.how, SC_FRAME_CFI);
    assert_int_equal(x->step.base, slot - 4);
    assert_int_equal(x->step.callee_params, 0);
    assert_true(x->step.callee_pops);
    x86_free(x);
}

static void a_return_address_a_little_further_up_is_no_certainty(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200);
    x86_rule(x, search_program);
    x->exact = true;
    x86_poke(x, ESP, 5); /* pushed since */
    x86_poke(x, ESP + 4, STACK);
    x86_poke(x, ESP + 8, ret);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, ESP + 12, EBP);
    assert_int_equal(x->step.how, SC_FRAME_FITTED);
    x86_free(x);
    x = x86_new();
    x86_call(x, TEXT + 0x200);
    x86_rule(x, search_program);
    x86_poke(x, ESP + 8, ret);
    x86_poke(x, ESP, STACK);
    x86_poke(x, ESP + 16, ret);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, ESP + 12, EBP);
    assert_int_equal(x->step.how, SC_FRAME_SCAN);
    x86_free(x);
}

static void without_a_return_address_there_is_no_rule(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_rule(x, search_program);
    for (uint32_t i = 0; i < 64; i++)
        x86_poke(x, ESP + i * 4, i % 2 ? STACK + 0x10 : APP + PEIMG_DATA);
    x86_steps(x, sc_step_x86, SC_STEP_NO_RULE);
    x86_free(x);
}

static void a_return_address_of_zero_is_the_end(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_rule(x, search_program);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, 0, ESP + 4, EBP);
    x86_free(x);
}

/* They run below their function's frame: its locals are not theirs. */
static void a_finally_block_returns_to_what_lies_at_esp(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x40);
    struct sc_frame_rule *rule =
        x86_rule(x, "$T0 $ebp = $T2 $esp = $T1 .raSearchStart = $eip $T1 ^ = $ebp $T0 = "
                    "$esp $T1 4 + = ");
    rule->locals = 36;
    rule->saved_regs = 16;
    x86_poke(x, ESP, ret);
    x86_poke(x, ESP + 52, APP + TEXT + 0x41);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, ESP + 4, EBP);
    assert_int_equal(x->step.known, ESP_BIT | EBP_BIT);
    x86_free(x);
}

static void a_frame_whose_esp_was_rounded_is_left_through_ebp(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200);
    x86_rule(x, "$T1 .raSearch = $T0  $T1 4 - 8 @ = $ebp $T1 4 - ^ = $eip $T1 ^ = $esp $T1 4 + = "
                "$20 $T0 136 - ^ = ")
        ->locals = 0x40;
    x86_poke(x, EBP, EBP + 0x40);
    x86_poke(x, EBP + 4, ret);
    x86_poke(x, EBP - 136, 0x77);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, EBP + 8, EBP + 0x40);
    assert_int_equal(x86_get(x, "ebx"), 0x77);
    x86_free(x);
}

static void a_program_that_needs_an_unknown_register_is_no_rule(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_rule(x, ebp_program);
    x86_poke(x, EBP + 4, x86_call(x, TEXT + 0x200));
    x->step.known = ALL_BITS & ~EBP_BIT;
    x86_steps(x, sc_step_x86, SC_STEP_NO_RULE);
    x86_free(x);
}

static void memory_that_a_program_misses_is_named(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_rule(x, ebp_program);
    x86_reg(x, "ebp", STACK + STACK_SIZE - 4);
    x86_steps(x, sc_step_x86, SC_STEP_MEMORY);
    assert_int_equal(x->step.missing, STACK + STACK_SIZE);
    x86_free(x);
}

static void a_damaged_program_is_bad(void **state) {
    (void)state;
    const char *const bad[] = {"1 + =", "$eip", "",
                               "$T0 $ebp = $esp $T0 8 + =", "$T0 $ebp = $eip $T0 4 + ^ ="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct x86 *x = x86_new();
        x86_rule(x, bad[i]);
        x86_poke(x, EBP + 4, x86_call(x, TEXT + 0x200));
        x86_steps(x, sc_step_x86, SC_STEP_BAD);
        assert_int_equal(x->step.missing, APP + TEXT);
        x86_free(x);
    }
}

static void a_result_that_is_no_code_is_no_rule(void **state) {
    (void)state;
    const uint32_t bad[] = {5, APP + PEIMG_DATA, APP + 0x10, STACK + 0x20};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct x86 *x = x86_new();
        x86_rule(x, ebp_program);
        x86_poke(x, EBP + 4, bad[i]);
        x86_steps(x, sc_step_x86, SC_STEP_NO_RULE);
        x86_free(x);
    }
}

/* The call may be the last instruction of its function. */
static void the_rule_is_that_of_the_call(void **state) {
    (void)state;
    for (int exact = 0; exact < 2; exact++) {
        struct x86 *x = x86_new();
        x86_rule(x, ebp_program)->size = 0x10;
        x86_poke(x, EBP + 4, x86_call(x, TEXT + 0x200));
        x->exact = exact;
        x86_steps(x, sc_step_x86, exact ? SC_STEP_NO_RULE : SC_STEP_DONE);
        x86_free(x);
    }
}

static void rules_of_stack_cfi_are_another_steps(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_rule(x, ".cfa: $esp 4 + .ra: .cfa 4 - ^");
    x86_steps(x, sc_step_x86, SC_STEP_NO_RULE);
    assert_false(x->step.has_rule);
    x86_free(x);
}

static void damaged_symbols_have_no_rule_and_short_memory_is_an_error(void **state) {
    (void)state;
    const struct {
        enum sc_err_code code;
        enum sc_step_status want;
    } all[] = {{SC_ERR_FORMAT, SC_STEP_NO_RULE},
               {SC_ERR_NOMEM, SC_STEP_ERROR},
               {SC_ERR_CANCELLED, SC_STEP_ERROR}};
    for (size_t i = 0; i < 3; i++) {
        struct x86 *x = x86_new();
        x86_rule(x, ebp_program);
        x86_poke(x, EBP + 4, x86_call(x, TEXT + 0x200));
        x->symbols_fail = all[i].code;
        x86_steps(x, sc_step_x86, all[i].want);
        if (all[i].want == SC_STEP_ERROR)
            assert_int_equal(sc_err_code(x->step.err), all[i].code);
        sc_err_destroy(x->step.err);
        x86_free(x);
    }
}

static void other_cpus_are_none_of_its_business(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_rule(x, ebp_program);
    x->regs.cpu = SC_CPU_X64;
    x86_steps(x, sc_step_x86, SC_STEP_NO_RULE);
    x86_free(x);
}

/* ---- FPO_DATA ---- */

static void an_fpo_frame_is_left_by_its_size(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200), slot = ESP + 8 + 4 + 0x20;
    struct sc_frame_rule *rule = x86_rule(x, NULL);
    rule->locals = 0x20;
    rule->saved_regs = 4;
    rule->params = 8;
    x->step.callee_params = 8;
    x86_poke(x, slot, ret);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, slot + 4, EBP);
    assert_int_equal(x->step.how, SC_FRAME_FPO);
    assert_int_equal(x->step.base, slot - 4);
    assert_int_equal(x->step.callee_params, 8);
    /* One register was saved, nobody says which; ebp was not used. */
    assert_int_equal(x->step.known, ESP_BIT | EBP_BIT);
    x86_free(x);
}

static void registers_come_from_where_the_prolog_saved_them(void **state) {
    (void)state;
    /* sub esp,10h; push ebx; push ebp; mov ebp,[esp+1Ch]; push esi */
    static const char code[] = "\x83\xec\x10\x53\x55\x8b\x6c\x24\x1c\x56";
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200), slot = ESP + 12 + 0x10;
    struct sc_frame_rule *rule = x86_rule(x, NULL);
    rule->locals = 0x10;
    rule->saved_regs = 12;
    rule->prolog = sizeof code - 1;
    rule->uses_ebp = true;
    x86_code(x, TEXT, code, sizeof code - 1);
    x86_poke(x, slot, ret);
    x86_poke(x, slot - 0x14, 0x1b);
    x86_poke(x, slot - 0x18, 0x1e);
    x86_poke(x, slot - 0x1c, 0x15);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, slot + 4, 0x1e);
    assert_int_equal(x86_get(x, "ebx"), 0x1b);
    assert_int_equal(x86_get(x, "esi"), 0x15);
    assert_int_equal(x->step.known, EBX_BIT | ESP_BIT | EBP_BIT | ESI_BIT | EDI_BIT);
    x86_free(x);
}

/* As KiSwapContext does it: moves, and ebp lowest. */
static void registers_may_be_saved_by_moves(void **state) {
    (void)state;
    /* sub esp,10h; mov [esp+0Ch],ebx; mov [esp+8],esi; mov [esp+4],edi; mov [esp],ebp */
    static const char code[] =
        "\x83\xec\x10\x89\x5c\x24\x0c\x89\x74\x24\x08\x89\x7c\x24\x04\x89\x2c\x24";
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200), slot = ESP + 0x10;
    struct sc_frame_rule *rule = x86_rule(x, NULL);
    rule->saved_regs = 16;
    rule->prolog = sizeof code - 1;
    rule->uses_ebp = true;
    x86_code(x, TEXT, code, sizeof code - 1);
    x86_poke(x, slot, ret);
    for (uint32_t i = 0; i < 4; i++)
        x86_poke(x, ESP + i * 4, 0x100 + i);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, slot + 4, 0x100);
    assert_int_equal(x86_get(x, "edi"), 0x101);
    assert_int_equal(x86_get(x, "esi"), 0x102);
    assert_int_equal(x86_get(x, "ebx"), 0x103);
    x86_free(x);
}

static void without_code_the_saved_value_that_fits_is_ebp(void **state) {
    (void)state;
    for (uint32_t place = 0; place < 4; place++) {
        struct x86 *x = x86_new();
        const uint32_t ret = x86_call(x, TEXT + 0x200), slot = ESP + 0x10 + 8;
        struct sc_frame_rule *rule = x86_rule(x, NULL);
        rule->saved_regs = 16;
        rule->locals = 8;
        rule->uses_ebp = true;
        x86_poke(x, slot, ret);
        x86_poke(x, EBP + 0x84, ret);
        for (uint32_t i = 0; i < 4; i++)
            x86_poke(x, ESP + i * 4, i == place ? EBP + 0x80 : 0x100 + i);
        x86_steps(x, sc_step_x86, SC_STEP_DONE);
        x86_caller(x, ret, slot + 4, EBP + 0x80);
        assert_int_equal(x->step.known, ESP_BIT | EBP_BIT);
        x86_free(x);
    }
}

/* The places of the saved registers, lowest first, that look like the caller's frame. */
static void ebp_is_known(unsigned places, bool known, uint32_t want) {
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200), slot = ESP + 0x10;
    struct sc_frame_rule *rule = x86_rule(x, NULL);
    rule->saved_regs = 16;
    rule->uses_ebp = true;
    x86_poke(x, slot, ret);
    for (uint32_t i = 0; i < 4; i++) {
        x86_poke(x, EBP + 0x80 + i * 16 + 4, ret);
        x86_poke(x, ESP + i * 4, places >> i & 1 ? EBP + 0x80 + i * 16 : 0x100);
    }
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    assert_int_equal(x->step.known & EBP_BIT, known ? EBP_BIT : 0);
    if (known)
        assert_int_equal(x86_get(x, "ebp"), want);
    x86_free(x);
}

static void of_several_that_fit_the_second_pushed_is_ebp(void **state) {
    (void)state;
    ebp_is_known(0x8 | 0x4, true, EBP + 0xa0);
    ebp_is_known(0x4 | 0x1, true, EBP + 0xa0);
    ebp_is_known(0xf, true, EBP + 0xa0);
    ebp_is_known(0x8 | 0x2, false, 0);
}

static void a_saved_value_below_the_frame_is_not_ebp(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200);
    struct sc_frame_rule *rule = x86_rule(x, NULL);
    rule->saved_regs = 8;
    rule->uses_ebp = true;
    x86_poke(x, ESP, ESP - 0x10); /* with a return address above it, left from an earlier call */
    x86_poke(x, ESP - 0xc, ret);
    x86_poke(x, ESP + 8, ret);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    assert_int_equal(x->step.known, ESP_BIT);
    x86_free(x);
}

/* It does what the rule does not speak of: what it saved where is not to be had from it. */
static void a_prolog_that_does_not_match_its_rule_is_not_used(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    struct sc_frame_rule *rule = x86_rule(x, NULL);
    rule->locals = 8;
    rule->saved_regs = 4;
    rule->prolog = 1;
    x86_code(x, TEXT, "\x56", 1); /* push esi */
    x86_poke(x, ESP + 12, x86_call(x, TEXT + 0x200));
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    assert_int_equal(x->step.known, ESP_BIT | EBP_BIT);
    assert_int_equal(x86_get(x, "esi"), 0x51);
    x86_free(x);
}

static void where_no_saved_value_fits_ebp_is_unknown(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    struct sc_frame_rule *rule = x86_rule(x, NULL);
    rule->saved_regs = 8;
    rule->uses_ebp = true;
    x86_poke(x, ESP + 8, x86_call(x, TEXT + 0x200));
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    assert_int_equal(x->step.known, ESP_BIT);
    x86_free(x);
}

static void nonfpo_is_a_frame_of_ebp(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200);
    x86_rule(x, NULL)->fpo_kind = 3;
    x86_poke(x, EBP, EBP + 0x40);
    x86_poke(x, EBP + 4, ret);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, EBP + 8, EBP + 0x40);
    assert_int_equal(x->step.how, SC_FRAME_FPO);
    assert_int_equal(x->step.base, EBP);
    x86_free(x);
}

static void a_task_gates_handler_is_left_otherwise(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_rule(x, NULL)->fpo_kind = 2;
    x86_poke(x, ESP, x86_call(x, TEXT + 0x200));
    x86_steps(x, sc_step_x86, SC_STEP_NO_RULE);
    assert_true(x->step.has_rule);
    x86_free(x);
}

static void a_stack_that_is_not_there_is_said(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_rule(x, NULL)->locals = 0x10000;
    x86_steps(x, sc_step_x86, SC_STEP_MEMORY);
    assert_int_equal(x->step.missing, ESP + 0x10000);
    x86_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ebp_frame_is_left_by_its_program),
        cmocka_unit_test(the_base_is_below_the_slot_that_eip_was_read_from),
        cmocka_unit_test(registers_the_program_restores_are_known),
        cmocka_unit_test(registers_saved_where_nobody_says_are_unknown),
        cmocka_unit_test(an_old_program_leaves_esi_and_edi_unknown),
        cmocka_unit_test(
            the_return_address_lies_above_saved_registers_locals_and_the_callees_params),
        cmocka_unit_test(a_return_address_a_little_further_up_is_no_certainty),
        cmocka_unit_test(without_a_return_address_there_is_no_rule),
        cmocka_unit_test(a_return_address_of_zero_is_the_end),
        cmocka_unit_test(a_finally_block_returns_to_what_lies_at_esp),
        cmocka_unit_test(a_frame_whose_esp_was_rounded_is_left_through_ebp),
        cmocka_unit_test(a_program_that_needs_an_unknown_register_is_no_rule),
        cmocka_unit_test(memory_that_a_program_misses_is_named),
        cmocka_unit_test(a_damaged_program_is_bad),
        cmocka_unit_test(a_result_that_is_no_code_is_no_rule),
        cmocka_unit_test(the_rule_is_that_of_the_call),
        cmocka_unit_test(rules_of_stack_cfi_are_another_steps),
        cmocka_unit_test(damaged_symbols_have_no_rule_and_short_memory_is_an_error),
        cmocka_unit_test(other_cpus_are_none_of_its_business),
        cmocka_unit_test(an_fpo_frame_is_left_by_its_size),
        cmocka_unit_test(registers_come_from_where_the_prolog_saved_them),
        cmocka_unit_test(registers_may_be_saved_by_moves),
        cmocka_unit_test(without_code_the_saved_value_that_fits_is_ebp),
        cmocka_unit_test(of_several_that_fit_the_second_pushed_is_ebp),
        cmocka_unit_test(a_saved_value_below_the_frame_is_not_ebp),
        cmocka_unit_test(a_prolog_that_does_not_match_its_rule_is_not_used),
        cmocka_unit_test(where_no_saved_value_fits_ebp_is_unknown),
        cmocka_unit_test(nonfpo_is_a_frame_of_ebp),
        cmocka_unit_test(a_task_gates_handler_is_left_otherwise),
        cmocka_unit_test(a_stack_that_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
