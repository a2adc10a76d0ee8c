/* SPDX-License-Identifier: MIT */
/*
 * Instructions of ARM64 in WinDbg's words: forms that published listings of WinDbg and of
 * Microsoft's compiler have; and the record that is read off the word.
 */
#include "disasm_fixture.h"

static const struct dis_row forms[] = {
    /* WinDbg: nt!PsGetCurrentProcess and a function of kernelbase, from its documentation */
    {SC_CPU_ARM64, 0xfffff803dfee6b70, "f944c648", "ldr", "x8,[xpr,#0x988]"},
    {SC_CPU_ARM64, 0xfffff803dfee6b74, "f9405900", "ldr", "x0,[x8,#0xB0]"},
    {SC_CPU_ARM64, 0xfffff803dfee6b78, "d65f03c0", "ret", ""},
    {SC_CPU_ARM64, 0x180243810, "d503237f", "pacibsp", ""},
    {SC_CPU_ARM64, 0x180243814, "a9bc7bfd", "stp", "fp,lr,[sp,#-0x40]!"},
    {SC_CPU_ARM64, 0x180243818, "a90153f3", "stp", "x19,x20,[sp,#0x10]"},
    {SC_CPU_ARM64, 0x180243820, "f9001bf9", "str", "x25,[sp,#0x30]"},
    {SC_CPU_ARM64, 0x180243824, "910003fd", "mov", "fp,sp"},
    {SC_CPU_ARM64, 0x18024382c, "d10083ff", "sub", "sp,sp,#0x20"},
    {SC_CPU_ARM64, 0x7ff7d061afdc, "f9533f69", "ldr", "x9,[x27,#0x2678]"},
    {SC_CPU_ARM64, 0x7ff7d061afe0, "d2800028", "mov", "x8,#1"},
    {SC_CPU_ARM64, 0x7ff7d061afe4, "f9000128", "str", "x8,[x9]"},
    {SC_CPU_ARM64, 0xfffff8035eb63be8, "d63f01e0", "blr", "x15"},
    /* the compiler's listings */
    {SC_CPU_ARM64, 0, "a9008be1", "stp", "x1,x2,[sp,#8]"},
    {SC_CPU_ARM64, 0, "d10103ff", "sub", "sp,sp,#0x40"},
    {SC_CPU_ARM64, 0, "a8c37bfd", "ldp", "fp,lr,[sp],#0x30"},
    {SC_CPU_ARM64, 0, "2a0003e0", "mov", "w0,w0"},
    {SC_CPU_ARM64, 0, "d61f0200", "br", "xip0"},
    {SC_CPU_ARM64, 0, "b8685928", "ldr", "w8,[x9,w8 uxtw #2]"},
    {SC_CPU_ARM64, 0, "f8687928", "ldr", "x8,[x9,x8 lsl #3]"},
    {SC_CPU_ARM64, 0, "8b080928", "add", "x8,x9,x8,lsl #2"},
    {SC_CPU_ARM64, 0, "d43e0060", "brk", "#0xF003"},
    {SC_CPU_ARM64, 0, "12800000", "mov", "w0,#-1"},
    {SC_CPU_ARM64, 0, "d53bd041", "mrs", "x1,TPIDR_EL0"},
    {SC_CPU_ARM64, 0, "c8e0fe61", "casal", "x0,x1,[x19]"},
    {SC_CPU_ARM64, 0, "d65f0bff", "retaa", ""},
    {SC_CPU_ARM64, 0, "d5033bbf", "dmb", "ish"},
    {SC_CPU_ARM64, 0, "d503201f", "nop", ""},
    /* addresses */
    {SC_CPU_ARM64, 0xfffff80001234560, "97ffffff", "bl", "nt!KeBugCheckEx+0x4 (fffff800`0123455c)"},
    {SC_CPU_ARM64, 0xfffff80001234560, "14000002", "b", "fffff800`01234568"},
    {SC_CPU_ARM64, 0xfffff80001234560, "54000061", "bne",
     "nt!KiPageFault+0x12 (fffff800`0123456c)"},
    {SC_CPU_ARM64, 0xfffff80001234560, "54000062", "bhs", "fffff800`0123456c"},
    {SC_CPU_ARM64, 0xfffff80001234560, "b4000088", "cbz", "x8,nt!Foo (fffff800`01234570)"},
    {SC_CPU_ARM64, 0xfffff80001234560, "36180088", "tbz", "w8,#3,fffff800`01234570"},
    {SC_CPU_ARM64, 0xfffff80001234560, "d0003a29", "adrp", "x9,nt!KiTable (fffff800`0197a000)"},
    {SC_CPU_ARM64, 0xfffff80001234560, "580000a8", "ldr", "x8,nt!Foo (fffff800`01234574)"},
    {SC_CPU_ARM64, 0xfffff80001234560, "10ffffe0", "adr", "x0,fffff800`0123455c"},
    /* no instruction */
    {SC_CPU_ARM64, 0, "ffffffff", "???", ""},
};

static void forms_are_written_as_listings_show_them(void **state) {
    (void)state;
    dis_rows(forms, sizeof forms / sizeof *forms);
}

static void the_mnemonic_has_twelve_columns(void **state) {
    (void)state;
    dis_line(SC_CPU_ARM64, 0xfffff803dfee6b70, "f944c648",
             "fffff803`dfee6b70 f944c648 ldr         x8,[xpr,#0x988]");
    dis_line(SC_CPU_ARM64, 0xfffff803dfee6b78, "d65f03c0", "fffff803`dfee6b78 d65f03c0 ret");
    dis_line(SC_CPU_ARM64, 0xfffff803dfee6b78, "ffffffff", "fffff803`dfee6b78 ffffffff ???");
}

static struct sc_insn decoded(const char *word) {
    struct sc_insn insn;
    dis_decode(SC_CPU_ARM64, 0x1000, word, &insn);
    return insn;
}

static void a_word_that_is_cut_off_is_no_instruction(void **state) {
    sc_disasm *d = dis_open(SC_CPU_ARM64);
    struct sc_insn insn;
    (void)state;
    sc_disasm_decode(d, 0x1000, "\xc0\x03\x5f", 3, &insn);
    assert_false(insn.valid);
    assert_int_equal(insn.length, 3);
    sc_disasm_destroy(d);
}

static void control_flow_is_told_apart(void **state) {
    static const struct {
        const char *word;
        enum sc_flow flow;
        uint64_t target; /* 0: none */
        bool indirect;
    } rows[] = {
        {"d503201f", SC_FLOW_NEXT, 0, false},        {"94000001", SC_FLOW_CALL, 0x1004, false},
        {"d63f0100", SC_FLOW_CALL, 0, true},         {"d4000001", SC_FLOW_CALL, 0, false},
        {"17ffffff", SC_FLOW_JUMP, 0xffc, false},    {"d61f0200", SC_FLOW_JUMP, 0, true},
        {"54000061", SC_FLOW_BRANCH, 0x100c, false}, {"5400006e", SC_FLOW_JUMP, 0x100c, false},
        {"35000108", SC_FLOW_BRANCH, 0x1020, false}, {"3707ffe8", SC_FLOW_BRANCH, 0xffc, false},
        {"d65f03c0", SC_FLOW_RETURN, 0, false},      {"d69f03e0", SC_FLOW_RETURN, 0, false},
        {"d43e0000", SC_FLOW_TRAP, 0, false},        {"d43e0060", SC_FLOW_NO_MORE, 0, false},
        {"00000000", SC_FLOW_NO_MORE, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sc_insn insn = decoded(rows[i].word);
        if (insn.flow != rows[i].flow || insn.has_target != (rows[i].target != 0) ||
            insn.target != rows[i].target || insn.indirect != rows[i].indirect)
            fail_msg("%s: flow %d, target %llx, indirect %d", rows[i].word, insn.flow,
                     (unsigned long long)insn.target, insn.indirect);
    }
}

/* One row a class of loads and stores: base, index, displacement, bytes, what is done. */
static void memory_operands_say_what_is_read_and_written(void **state) {
    static const struct {
        const char *word, *base, *index;
        int64_t disp;
        unsigned size, scale;
        bool read, write, post;
    } rows[] = {
        {"f944c648", "x18", NULL, 0x988, 8, 0, true, false, false}, /* ldr x8,[x18,#0x988] */
        {"39400268", "x19", NULL, 0, 1, 0, true, false, false},     /* ldrb w8,[x19] */
        {"b9000fe8", "sp", NULL, 12, 4, 0, false, true, false},     /* str w8,[sp,#0xC] */
        {"3dc00400", "x0", NULL, 16, 16, 0, true, false, false},    /* ldr q0,[x0,#0x10] */
        {"3d800400", "x0", NULL, 16, 16, 0, false, true, false},    /* str q0,[x0,#0x10] */
        {"fd400400", "x0", NULL, 8, 8, 0, true, false, false},      /* ldr d0,[x0,#8] */
        {"a9bf7bfd", "sp", NULL, -16, 16, 0, false, true, false},   /* stp fp,lr,[sp,#-0x10]! */
        {"a8c17bfd", "sp", NULL, 16, 16, 0, true, false, true},     /* ldp fp,lr,[sp],#0x10 */
        {"29400420", "x1", NULL, 0, 8, 0, true, false, false},      /* ldp w0,w1,[x1] */
        {"ad400420", "x1", NULL, 0, 32, 0, true, false, false},     /* ldp q0,q1,[x1] */
        {"b8685928", "x9", "x8", 0, 4, 4, true, false, false},      /* ldr w8,[x9,w8 uxtw #2] */
        {"f8686928", "x9", "x8", 0, 8, 1, true, false, false},      /* ldr x8,[x9,x8] */
        {"f85f8d00", "x8", NULL, -8, 8, 0, true, false, false},     /* ldr x0,[x8,#-8]! */
        {"f8408500", "x8", NULL, 8, 8, 0, true, false, true},       /* ldr x0,[x8],#8 */
        {"f8a80149", "x10", NULL, 0, 8, 0, true, true, false},      /* ldadda x8,x9,[x10] */
        {"c8e0fe61", "x19", NULL, 0, 8, 0, true, true, false},      /* casal x0,x1,[x19] */
        {"885ffd09", "x8", NULL, 0, 4, 0, true, false, false},      /* ldaxr w9,[x8] */
        {"889ffd09", "x8", NULL, 0, 4, 0, false, true, false},      /* stlr w9,[x8] */
        {"c87f2d0a", "x8", NULL, 0, 16, 0, true, false, false},     /* ldxp x10,x11,[x8] */
        {"f9800000", "x0", NULL, 0, 0, 0, false, false, false},     /* prfm pldl1keep,[x0] */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sc_insn insn = decoded(rows[i].word);
        const struct sc_insn_mem *m = &insn.mem[0];
        bool index = rows[i].index ? m->index && !strcmp(m->index, rows[i].index) : !m->index;
        if (!insn.valid || insn.nmems != 1 || !m->base || strcmp(m->base, rows[i].base) != 0 ||
            !index || m->disp != rows[i].disp || m->size != rows[i].size ||
            m->scale != rows[i].scale || m->read != rows[i].read || m->write != rows[i].write ||
            m->post != rows[i].post)
            fail_msg("%s (%s %s): base %s, displacement %lld, size %u, scale %u, %d %d %d",
                     rows[i].word, insn.mnemonic, insn.operands, m->base, (long long)m->disp,
                     m->size, m->scale, m->read, m->write, m->post);
    }
    assert_int_equal(decoded("8b080928").nmems, 0);
    assert_int_equal(decoded("d65f03c0").nmems, 0);
}

static void addresses_are_computed_from_registers(void **state) {
    struct sc_regs r = dis_regs(SC_CPU_ARM64);
    uint64_t addr;
    (void)state;
    dis_set(&r, "x9", 0x10000);
    dis_set(&r, "x8", 0xffffffff00000003); /* of which uxtw takes the lower half */
    struct sc_insn i = decoded("b8685928");
    assert_true(sc_insn_mem_address(&i.mem[0], &r, &addr));
    assert_int_equal(addr, 0x1000c);
    i = decoded("f8408500"); /* the displacement comes behind the access */
    assert_true(sc_insn_mem_address(&i.mem[0], &r, &addr));
    assert_int_equal(addr, 0xffffffff00000003);
    i = decoded("580000a8");
    assert_true(sc_insn_mem_address(&i.mem[0], &r, &addr));
    assert_int_equal(addr, 0x1014);
}

static bool taken(const char *word, uint32_t psr, uint64_t x8) {
    struct sc_regs r = dis_regs(SC_CPU_ARM64);
    bool ret = false;
    dis_set(&r, "psr", psr);
    dis_set(&r, "x8", x8);
    struct sc_insn insn = decoded(word);
    assert_true(sc_insn_taken(&insn, &r, &ret));
    return ret;
}

static void branches_are_foretold(void **state) {
    const uint32_t N = 1u << 31, Z = 1u << 30, C = 1u << 29, V = 1u << 28;
    (void)state;
    assert_true(taken("54000060", Z, 0) && !taken("54000060", 0, 0));                 /* beq */
    assert_true(taken("54000061", 0, 0) && !taken("54000061", Z, 0));                 /* bne */
    assert_true(taken("54000062", C, 0) && taken("54000063", 0, 0));                  /* bhs, blo */
    assert_true(taken("54000068", C, 0) && !taken("54000068", C | Z, 0));             /* bhi */
    assert_true(taken("5400006b", N, 0) && !taken("5400006b", N | V, 0));             /* blt */
    assert_true(taken("5400006c", 0, 0) && taken("5400006d", Z, 0));                  /* bgt, ble */
    assert_true(taken("b4000088", 0, 0) && !taken("b4000088", 0, 1));                 /* cbz x8 */
    assert_true(taken("35000108", 0, 1) && !taken("35000108", 0, UINT64_C(1) << 32)); /* cbnz w8 */
    assert_true(taken("36180088", 0, 0) && !taken("36180088", 0, 8)); /* tbz w8,#3 */
    assert_true(taken("37180088", 0, 8) && !taken("37180088", 0, 0)); /* tbnz w8,#3 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_written_as_listings_show_them),
        cmocka_unit_test(the_mnemonic_has_twelve_columns),
        cmocka_unit_test(a_word_that_is_cut_off_is_no_instruction),
        cmocka_unit_test(control_flow_is_told_apart),
        cmocka_unit_test(memory_operands_say_what_is_read_and_written),
        cmocka_unit_test(addresses_are_computed_from_registers),
        cmocka_unit_test(branches_are_foretold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
