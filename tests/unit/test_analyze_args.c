/* SPDX-License-Identifier: MIT */
/* Parameters of bug checks explained: by kind, by what they point to, and for every code known. */
#include "unit/analyze_fixture.h"

#include "analyze/args.h"
#include "analyze/bugcheck_table.h"
#include "analyze/fault.h"
#include "analyze/rule.h"

static void meaning_is(uint32_t code, uint64_t p1, uint64_t p2, uint64_t p3, uint64_t p4,
                       unsigned n, const char *expected) {
    struct acase c;
    case_kernel(&c, code, p1, p2, p3, p4);
    case_run(&c);
    if (expected)
        assert_string_equal(c.a->arg[n - 1].meaning, expected);
    else
        assert_null(c.a->arg[n - 1].meaning);
    case_end(&c);
}

static void an_irql_has_its_name(void **state) {
    (void)state;
    meaning_is(0x0a, POOL, 2, 0, NT, 2, "DISPATCH_LEVEL");
    meaning_is(0x0a, POOL, 0, 0, NT, 2, "PASSIVE_LEVEL");
    meaning_is(0x0a, POOL, 13, 0, NT, 2, "CLOCK_LEVEL");
    meaning_is(0x0a, POOL, 77, 0, NT, 2, NULL);
}

static void an_x86_irql_is_not_an_x64_one(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x0a, 0x8000, 28, 0, 0x80001000);
    c.machine.cpu = c.fake.cpu = SC_CPU_X86;
    case_run(&c);
    assert_string_equal(c.a->arg[1].meaning, "CLOCK_LEVEL");
    case_end(&c);
}

static void a_table_value_is_explained(void **state) {
    (void)state;
    meaning_is(0xd1, POOL, 2, 1, BAD, 3, "write");
}

static void a_status_has_name_and_text(void **state) {
    (void)state;
    meaning_is(0x7e, 0xffffffffc0000094, BAD, 0, 0, 1,
               "STATUS_INTEGER_DIVIDE_BY_ZERO: Integer division by zero");
}

static void a_count_is_shown_in_decimal(void **state) {
    (void)state;
    meaning_is(0x1c8, 0x1b58, 0, 0, 0, 1, "7000 in decimal");
}

static void kind_means(enum sc_bug_kind kind, uint64_t value, const char *expected) {
    struct sc_bug_arg arg = {.kind = kind, .text = ""};
    bool nomem = false;
    sc_arena *arena = sc_arena_create();
    const char *meaning = sc_arg_meaning(arena, &arg, value, SC_CPU_X64, &nomem);
    assert_false(nomem);
    if (expected)
        assert_string_equal(meaning, expected);
    else
        assert_null(meaning);
    sc_arena_destroy(arena);
}

static void kinds_are_decoded(void **state) {
    (void)state;
    kind_means(SC_BUG_BUGCHECKCODE, 0x9f, "DRIVER_POWER_STATE_FAILURE");
    kind_means(SC_BUG_BUGCHECKCODE, 0x77777777, NULL);
    kind_means(SC_BUG_CPU, 11, "processor 11");
    kind_means(SC_BUG_CPU, 0xfffff80000000000, NULL);
    kind_means(SC_BUG_COUNT, 9, NULL);
    kind_means(SC_BUG_COUNT, 10, "10 in decimal");
    kind_means(SC_BUG_NTSTATUS, 0xc0ffee00, "not a known status, severity error");
    kind_means(SC_BUG_NTSTATUS, 0x80000003, "STATUS_BREAKPOINT: A breakpoint has been reached");
    kind_means(SC_BUG_NTSTATUS, 0xc000001d,
               "STATUS_ILLEGAL_INSTRUCTION: An attempt was made to execute an illegal instruction");
    kind_means(SC_BUG_NTSTATUS, 0xc0000025,
               "STATUS_NONCONTINUABLE_EXCEPTION: Windows cannot continue from this exception");
    kind_means(SC_BUG_NTSTATUS, 0xc0000094,
               "STATUS_INTEGER_DIVIDE_BY_ZERO: Integer division by zero");
    kind_means(SC_BUG_NTSTATUS, 0xc000014a,
               "STATUS_ILLEGAL_FLOAT_CONTEXT: A real-mode application issued a floating-point "
               "instruction and floating-point hardware is not present");
    kind_means(SC_BUG_POOLTAG, 0x7a7a7a7a, "pool tag 'zzzz', of no known owner");
    kind_means(SC_BUG_POOLTAG, 0x01020304, NULL);
    kind_means(SC_BUG_VALUE, 5, NULL);
}

static void an_x86_trap_frame_knows_its_stack(void **state) {
    (void)state;
    struct acase c;
    enum { FRAME = 0x8b000000 };
    case_kernel(&c, 0x8e, 0xc0000005, 0x8a000010, FRAME, 0);
    c.machine.cpu = c.fake.cpu = SC_CPU_X86;
    c.module[1].base = 0x8a000000;
    c.memory.addr = FRAME;
    put(c.bytes + 0x44, 0x1234, 4);     /* Eax */
    put(c.bytes + 0x68, 0x8a000010, 4); /* Eip */
    put(c.bytes + 0x6c, 8, 4);          /* SegCs: kernel mode, so no HardwareEsp */
    put(c.bytes + 0x70, 0x10246, 4);
    put(c.bytes + 0x74, 0x5555, 4);
    case_run(&c);
    uint64_t eax = 0;
    assert_true(sc_regs_get(&c.a->regs, "eax", &eax));
    assert_int_equal(eax, 0x1234);
    assert_int_equal(sc_regs_ip(&c.a->regs), 0x8a000010);
    assert_int_equal(sc_regs_sp(&c.a->regs), FRAME + 0x74);
    assert_string_equal(found(c.a, "faulting-address")->module->name, "baddrv");
    case_end(&c);
    case_kernel(&c, 0x8e, 0xc0000005, 0x8a000010, FRAME, 0);
    c.machine.cpu = c.fake.cpu = SC_CPU_X86;
    c.memory.addr = FRAME;
    put(c.bytes + 0x68, 0x401000, 4);
    put(c.bytes + 0x6c, 0x1b, 4); /* from user mode */
    put(c.bytes + 0x70, 0x10246, 4);
    put(c.bytes + 0x74, 0x5555, 4);
    case_run(&c);
    assert_int_equal(sc_regs_sp(&c.a->regs), 0x5555);
    case_end(&c);
}

static void an_address_is_shown_as_module_and_offset(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xd1, POOL, 2, 1, BAD + 0x334c);
    case_run(&c);
    assert_string_equal(c.a->arg[3].where, "baddrv+0x334c");
    assert_string_equal(c.a->arg[3].kind, "code");
    assert_null(c.a->arg[0].where);
    assert_null(c.a->arg[1].where); /* an IRQL is no address */
    case_end(&c);
}

static void an_exception_record_becomes_the_exception(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x7e, 0xffffffffc0000005, BAD + 0x10, 0, 0);
    c.machine.bugcheck_arg[2] = case_exception(&c, 0x40, 0xc0000005, BAD + 0x10, 0, 0x18);
    case_run(&c);
    assert_true(c.a->has_exception);
    assert_int_equal(c.a->exception.code, 0xc0000005);
    assert_int_equal(c.a->exception.address, BAD + 0x10);
    assert_int_equal(c.a->exception_va, DATA + 0x40);
    assert_string_equal(c.a->exception_name, "STATUS_ACCESS_VIOLATION");
    assert_string_equal(c.a->exception_text, "Attempt to read from address 00000000`00000018.");
    assert_true(claims(&c.a->findings[0], "a null pointer plus 0x18"));
    case_end(&c);
}

static void a_record_that_is_absent_is_said(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x7e, 0xffffffffc0000005, BAD + 0x10, POOL, POOL);
    case_run(&c);
    assert_false(c.a->has_exception);
    assert_int_equal(c.a->nnotes, 3);
    assert_non_null(strstr(c.a->notes[0], "Parameter 3: the dump holds no exception record"));
    assert_non_null(strstr(c.a->notes[1], "Parameter 4: the dump holds no context record"));
    assert_string_equal(c.a->notes[2],
                        "There is no stack: the dump holds no registers to begin with.");
    assert_int_equal(c.a->stack.count, 0);
    assert_non_null(c.a->stack_why);
    assert_null(c.a->stack_command);
    case_end(&c);
}

static void a_record_with_too_many_parameters_is_no_record(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x7e, 0xffffffffc0000005, BAD + 0x10, 0, 0);
    c.machine.bugcheck_arg[2] = case_exception(&c, 0x40, 0xc0000005, BAD + 0x10, 0, 0x18);
    put(c.bytes + 0x40 + 0x18, 16, 4);
    case_run(&c);
    assert_false(c.a->has_exception);
    case_end(&c);
}

static void a_record_that_contradicts_its_parameter_is_remarked(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x7e, 0xffffffffc0000094, BAD + 0x10, 0, 0);
    c.machine.bugcheck_arg[2] = case_exception(&c, 0x40, 0xc0000005, BAD + 0x10, 0, 0x18);
    case_run(&c);
    assert_int_equal(c.a->nnotes, 2); /* and that there are no registers, so no stack */
    assert_non_null(strstr(c.a->notes[0], "Parameter 1 says 0xc0000094"));
    case_end(&c);
}

static void a_context_must_be_of_this_processor(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x3b, 0xc0000005, BAD + 0x10, DATA, 0);
    case_context(c.bytes, BAD + 0x10);
    put(c.bytes + 0x30, 0x400007, 4); /* ARM64's */
    case_run(&c);
    assert_false(c.a->has_regs);
    case_end(&c);
}

static void a_trap_frame_gives_registers_but_not_all(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x139, 3, DATA, 0, 0);
    put(c.bytes + 0x38, 0x1234, 8); /* Rcx */
    put(c.bytes + 0x168, BAD + 0x77, 8);
    put(c.bytes + 0x170, 0x10, 2);
    put(c.bytes + 0x178, 0x10246, 4);
    put(c.bytes + 0x180, 0xffffa00000009000, 8);
    case_run(&c);
    uint64_t rcx = 0;
    assert_true(c.a->has_regs);
    assert_int_equal(sc_regs_ip(&c.a->regs), BAD + 0x77);
    assert_int_equal(sc_regs_sp(&c.a->regs), 0xffffa00000009000);
    assert_true(sc_regs_get(&c.a->regs, "rcx", &rcx));
    assert_int_equal(rcx, 0x1234);
    assert_string_equal(c.a->arg[1].meaning, "stands at baddrv+0x77");
    assert_string_equal(c.a->regs_command, ".trap 0xffffa00000001000");
    assert_string_equal(c.a->stack_command, ".trap 0xffffa00000001000; kb");
    assert_int_equal(c.a->stack.frame[0].ip, BAD + 0x77);
    assert_string_equal(c.a->stack_symbol[0], "baddrv+0x77");
    case_end(&c);
}

static void a_trap_frame_of_zeros_is_none(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x139, 3, DATA, 0, 0);
    case_run(&c);
    assert_false(c.a->has_regs);
    case_end(&c);
}

static void a_trap_frame_with_impossible_flags_is_none(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x139, 3, DATA, 0, 0);
    for (size_t i = 0; i < 0x190; i += 8)
        put(c.bytes + i, BAD + i, 8); /* a table of routines, say: bit 1 of "EFlags" is clear */
    case_run(&c);
    assert_false(c.a->has_regs);
    case_end(&c);
}

static void a_string_is_text_of_any_form(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xc4, 0x62, DATA, 0, 1);
    memcpy(c.bytes, "baddrv.sys", 10); /* 8-bit, where the documents promise UTF-16 */
    case_run(&c);
    assert_string_equal(c.a->arg[1].meaning, "\"baddrv.sys\"");
    case_end(&c);
    case_kernel(&c, 0xc000021a, DATA, 0xc0000005, 0, 0);
    memcpy(c.bytes, "a\0b\0c\0", 6); /* UTF-16, where they say "a string" */
    case_run(&c);
    assert_string_equal(c.a->arg[0].meaning, "\"abc\"");
    case_end(&c);
}

static void a_reserved_parameter_has_its_place(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x7f, 8, POOL, 0, NT + 0x1234);
    case_run(&c);
    assert_string_equal(c.a->arg[3].where, "nt+0x1234");
    assert_null(c.a->arg[1].where);
    case_end(&c);
}

static void an_unicode_string_is_read(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xd8, DATA, 5, 6, 7);
    put(c.bytes, 6, 2);
    put(c.bytes + 2, 8, 2);
    put(c.bytes + 8, DATA + 0x80, 8);
    memcpy(c.bytes + 0x80, "a\0b\0c\0", 6);
    case_run(&c);
    assert_string_equal(c.a->arg[0].meaning, "\"abc\"");
    case_end(&c);
}

static void the_minidumps_code_is_the_same_stop(void **state) {
    (void)state;
    assert_int_equal(sc_plain_code(0x1000007e), 0x7e);
    assert_int_equal(sc_plain_code(0x7e), 0x7e);
    assert_int_equal(sc_plain_code(0x100000ea), 0xea);
    assert_int_equal(sc_plain_code(0xdeaddead), 0xdeaddead);
    assert_int_equal(sc_plain_code(0x4000008a), 0x4000008a);
}

/* The table of memory references in fault.c, held against the data of the bug checks. */
static void references_agree_with_the_data(void **state) {
    (void)state;
    static const struct {
        uint32_t code;
        unsigned memory, ip;
    } rows[] = {{0x0a, 1, 4}, {0x50, 1, 3}, {0xbe, 1, 0}, {0xcc, 1, 3}, {0xcd, 1, 3}, {0xce, 1, 3},
                {0xd1, 1, 4}, {0xd3, 1, 4}, {0xd4, 1, 4}, {0xd5, 1, 3}, {0xd6, 1, 3}, {0xfc, 1, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sc_bug bug;
        struct acase c;
        assert_true(sc_bug_explain(rows[i].code, NULL, false, &bug));
        assert_int_equal(bug.arg[rows[i].memory - 1].kind, SC_BUG_ADDRESS);
        case_kernel(&c, rows[i].code, POOL, 0, 0, 0);
        if (rows[i].ip) {
            assert_int_equal(bug.arg[rows[i].ip - 1].kind, SC_BUG_CODE);
            c.machine.bugcheck_arg[rows[i].ip - 1] = BAD + 0x42;
        }
        case_run(&c);
        assert_int_equal(strncmp(c.a->bucket, "AV", 2), 0);
        if (rows[i].ip)
            assert_non_null(found(c.a, "faulting-address"));
        case_end(&c);
    }
}

/* A small generator of its own, so that a failure can be repeated. */
static uint64_t next(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static uint64_t some_value(uint64_t *seed) {
    static const uint64_t base[] = {0, NT, BAD, WDF, GONE, DATA, POOL, 0x10, UINT64_MAX - 0x20};
    uint64_t r = next(seed);
    if (r % 4 == 0)
        return next(seed);
    return base[r % (sizeof base / sizeof *base)] + (next(seed) & 0xfff);
}

static void check_whole(const struct sc_analysis *a) {
    assert_true(a->name && a->name[0]);
    assert_true(a->brief && a->brief[0]);
    assert_true(a->bucket[0] && strlen(a->bucket) <= 160);
    for (size_t i = 0; i < a->nfindings; i++) {
        const struct sc_finding *f = &a->findings[i];
        assert_true(f->nevidence > 0);
        assert_true(f->summary[0] && strlen(f->summary) < 1000);
        assert_true(f->detail[0] && strlen(f->detail) < 1000);
        for (size_t k = 0; k < f->nevidence; k++)
            assert_true(f->evidence[k].claim[0] && f->evidence[k].command[0]);
        if (i)
            assert_true(f->confidence <= a->findings[i - 1].confidence);
    }
}

static void every_code_is_analysed_with_any_parameters(void **state) {
    (void)state;
    uint64_t seed = 0x9e3779b97f4a7c15;
    uint32_t code;
    for (size_t i = 0; sc_bug_at(i, &code, NULL); i++)
        for (int round = 0; round < 6; round++) {
            struct acase c;
            case_kernel(&c, code, some_value(&seed), some_value(&seed), some_value(&seed),
                        some_value(&seed));
            if (round % 2)
                c.machine.bugcheck_arg[0] = next(&seed) % 0x20; /* sub-codes */
            if (round == 5)
                c.machine.cpu = c.fake.cpu = SC_CPU_X86;
            for (size_t k = 0; k < sizeof c.bytes; k++)
                c.bytes[k] = (uint8_t)next(&seed);
            case_gone(&c, GONE, "gone.sys");
            case_run(&c);
            check_whole(c.a);
            case_end(&c);
        }
}

static void an_unknown_code_is_analysed_too(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x12345, BAD + 4, 1, 2, 3);
    case_run(&c);
    check_whole(c.a);
    assert_string_equal(c.a->arg[0].where, "baddrv+0x4");
    case_end(&c);
}

static void rules_have_distinct_ids(void **state) {
    (void)state;
    const struct sc_rule *r;
    for (size_t i = 0; (r = sc_rule_at(i)) != NULL; i++) {
        assert_true(r->id[0] && r->about[0] && r->run);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(r->id, sc_rule_at(k)->id);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_irql_has_its_name),
        cmocka_unit_test(an_x86_irql_is_not_an_x64_one),
        cmocka_unit_test(a_table_value_is_explained),
        cmocka_unit_test(a_status_has_name_and_text),
        cmocka_unit_test(a_count_is_shown_in_decimal),
        cmocka_unit_test(kinds_are_decoded),
        cmocka_unit_test(an_x86_trap_frame_knows_its_stack),
        cmocka_unit_test(an_address_is_shown_as_module_and_offset),
        cmocka_unit_test(an_exception_record_becomes_the_exception),
        cmocka_unit_test(a_record_that_is_absent_is_said),
        cmocka_unit_test(a_record_with_too_many_parameters_is_no_record),
        cmocka_unit_test(a_record_that_contradicts_its_parameter_is_remarked),
        cmocka_unit_test(a_context_must_be_of_this_processor),
        cmocka_unit_test(a_trap_frame_gives_registers_but_not_all),
        cmocka_unit_test(a_trap_frame_of_zeros_is_none),
        cmocka_unit_test(a_trap_frame_with_impossible_flags_is_none),
        cmocka_unit_test(a_string_is_text_of_any_form),
        cmocka_unit_test(a_reserved_parameter_has_its_place),
        cmocka_unit_test(an_unicode_string_is_read),
        cmocka_unit_test(the_minidumps_code_is_the_same_stop),
        cmocka_unit_test(references_agree_with_the_data),
        cmocka_unit_test(every_code_is_analysed_with_any_parameters),
        cmocka_unit_test(an_unknown_code_is_analysed_too),
        cmocka_unit_test(rules_have_distinct_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
