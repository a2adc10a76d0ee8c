/* SPDX-License-Identifier: MIT */
/* Register contexts: places, parts, presence, and what a short or foreign record gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stopcode/regs.h"

static const enum sc_cpu cpus[] = {SC_CPU_X86, SC_CPU_X64, SC_CPU_ARM, SC_CPU_ARM64};
enum { NCPUS = sizeof cpus / sizeof *cpus };

static struct sc_regs blank(enum sc_cpu cpu, uint32_t flags) {
    uint8_t raw[SC_CONTEXT_MAX] = {0};
    struct sc_regs r;
    memcpy(raw + (cpu == SC_CPU_X64 ? 0x30 : 0), &flags, 4);
    assert_null(sc_regs_init(&r, cpu, raw, sc_context_size(cpu)));
    return r;
}

static void put(struct sc_regs *r, const char *name, uint64_t value) {
    const struct sc_reg *reg = sc_reg_find(r->cpu, name);
    assert_non_null(reg);
    sc_reg_set(r, reg, value);
}

static uint64_t get(const struct sc_regs *r, const char *name) {
    const struct sc_reg *reg = sc_reg_find(r->cpu, name);
    assert_non_null(reg);
    return sc_reg_value(r, reg);
}

static void names_and_sizes_are_those_of_the_sdk(void **state) {
    (void)state;
    assert_string_equal(sc_cpu_name(SC_CPU_X64), "x64");
    assert_string_equal(sc_cpu_name(SC_CPU_ARM64), "ARM64");
    assert_string_equal(sc_cpu_name((enum sc_cpu)99), "unknown");
    assert_int_equal(sc_cpu_ptr_size(SC_CPU_X86), 4);
    assert_int_equal(sc_cpu_ptr_size(SC_CPU_ARM64), 8);
    assert_int_equal(sc_cpu_ptr_size(SC_CPU_UNKNOWN), 0);
    assert_int_equal(sc_context_size(SC_CPU_X86), 0x2cc);
    assert_int_equal(sc_context_size(SC_CPU_X64), 0x4d0);
    assert_int_equal(sc_context_size(SC_CPU_ARM), 0x1a0);
    assert_int_equal(sc_context_size(SC_CPU_ARM64), 0x390);
    assert_int_equal(sc_context_size(SC_CPU_IA64), 0);
}

static void every_row_lies_inside_its_record(void **state) {
    (void)state;
    for (int c = 0; c < NCPUS; c++) {
        size_t n = 0;
        const struct sc_reg *t = sc_reg_table(cpus[c], &n);
        assert_non_null(t);
        for (size_t i = 0; i < n; i++) {
            assert_true(t[i].offset + t[i].size <= sc_context_size(cpus[c]));
            assert_true(t[i].bit + t[i].bits <= 8 * t[i].size);
            assert_true(t[i].size == 1 || t[i].size == 2 || t[i].size == 4 || t[i].size == 8 ||
                        t[i].size == 10 || t[i].size == 16);
        }
    }
}

static void no_name_stands_twice(void **state) {
    (void)state;
    for (int c = 0; c < NCPUS; c++) {
        size_t n = 0;
        const struct sc_reg *t = sc_reg_table(cpus[c], &n);
        for (size_t i = 0; i < n; i++)
            assert_ptr_equal(sc_reg_find(cpus[c], t[i].name), &t[i]);
    }
}

static void whole_registers_do_not_overlap(void **state) {
    (void)state;
    for (int c = 0; c < NCPUS; c++) {
        uint8_t used[SC_CONTEXT_MAX] = {0};
        size_t n = 0;
        const struct sc_reg *t = sc_reg_table(cpus[c], &n);
        for (size_t i = 0; i < n; i++) {
            if (t[i].cls == SC_REG_SUB)
                continue;
            for (unsigned b = t[i].offset; b < (unsigned)t[i].offset + t[i].size; b++) {
                if (used[b])
                    fail_msg("%s: byte 0x%x of %s is taken", sc_cpu_name(cpus[c]), b, t[i].name);
                used[b] = 1;
            }
        }
    }
}

static void registers_lie_where_winnt_h_has_them(void **state) {
    (void)state;
    static const struct {
        enum sc_cpu cpu;
        const char *name;
        unsigned offset, size;
    } want[] = {
        {SC_CPU_X64, "rax", 0x78, 8},     {SC_CPU_X64, "rcx", 0x80, 8},
        {SC_CPU_X64, "rdx", 0x88, 8},     {SC_CPU_X64, "rbx", 0x90, 8},
        {SC_CPU_X64, "rsp", 0x98, 8},     {SC_CPU_X64, "rbp", 0xa0, 8},
        {SC_CPU_X64, "rsi", 0xa8, 8},     {SC_CPU_X64, "rdi", 0xb0, 8},
        {SC_CPU_X64, "r8", 0xb8, 8},      {SC_CPU_X64, "r15", 0xf0, 8},
        {SC_CPU_X64, "rip", 0xf8, 8},     {SC_CPU_X64, "efl", 0x44, 4},
        {SC_CPU_X64, "cs", 0x38, 2},      {SC_CPU_X64, "ss", 0x42, 2},
        {SC_CPU_X64, "dr7", 0x70, 8},     {SC_CPU_X64, "mxcsr", 0x34, 4},
        {SC_CPU_X64, "st0", 0x120, 10},   {SC_CPU_X64, "xmm0", 0x1a0, 16},
        {SC_CPU_X64, "xmm15", 0x290, 16}, {SC_CPU_X86, "edi", 0x9c, 4},
        {SC_CPU_X86, "eax", 0xb0, 4},     {SC_CPU_X86, "ebp", 0xb4, 4},
        {SC_CPU_X86, "eip", 0xb8, 4},     {SC_CPU_X86, "cs", 0xbc, 2},
        {SC_CPU_X86, "efl", 0xc0, 4},     {SC_CPU_X86, "esp", 0xc4, 4},
        {SC_CPU_X86, "gs", 0x8c, 2},      {SC_CPU_X86, "st7", 0x7e, 10},
        {SC_CPU_X86, "xmm0", 0x16c, 16},  {SC_CPU_X86, "dr7", 0x18, 4},
        {SC_CPU_ARM64, "x0", 0x8, 8},     {SC_CPU_ARM64, "x28", 0xe8, 8},
        {SC_CPU_ARM64, "fp", 0xf0, 8},    {SC_CPU_ARM64, "lr", 0xf8, 8},
        {SC_CPU_ARM64, "sp", 0x100, 8},   {SC_CPU_ARM64, "pc", 0x108, 8},
        {SC_CPU_ARM64, "psr", 0x4, 4},    {SC_CPU_ARM64, "v0", 0x110, 16},
        {SC_CPU_ARM64, "v31", 0x300, 16}, {SC_CPU_ARM64, "fpcr", 0x310, 4},
        {SC_CPU_ARM64, "bcr7", 0x334, 4}, {SC_CPU_ARM64, "bvr0", 0x338, 8},
        {SC_CPU_ARM64, "wcr1", 0x37c, 4}, {SC_CPU_ARM64, "wvr1", 0x388, 8},
        {SC_CPU_ARM, "r12", 0x34, 4},     {SC_CPU_ARM, "sp", 0x38, 4},
        {SC_CPU_ARM, "pc", 0x40, 4},      {SC_CPU_ARM, "psr", 0x44, 4},
        {SC_CPU_ARM, "q15", 0x140, 16},   {SC_CPU_ARM, "wcr0", 0x194, 4},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct sc_reg *r = sc_reg_find(want[i].cpu, want[i].name);
        assert_non_null(r);
        assert_int_equal(r->offset, want[i].offset);
        assert_int_equal(r->size, want[i].size);
    }
}

static void parts_read_and_write_the_register_they_belong_to(void **state) {
    (void)state;
    struct sc_regs r = blank(SC_CPU_X64, 0x10001f);
    put(&r, "rax", UINT64_C(0x1122334455667788));
    assert_int_equal(get(&r, "eax"), 0x55667788);
    assert_int_equal(get(&r, "ax"), 0x7788);
    assert_int_equal(get(&r, "ah"), 0x77);
    assert_int_equal(get(&r, "al"), 0x88);
    put(&r, "ah", 0xabc);
    assert_true(get(&r, "rax") == UINT64_C(0x112233445566bc88));
    put(&r, "r15", UINT64_C(0xfedcba9876543210));
    assert_int_equal(get(&r, "r15w"), 0x3210);
    assert_true(get(&r, "r15") == UINT64_C(0xfedcba9876543210));

    struct sc_regs a = blank(SC_CPU_ARM64, 0x40000f);
    put(&a, "x30", UINT64_C(0xa1a2a3a4a5a6a7a8));
    assert_true(get(&a, "lr") == UINT64_C(0xa1a2a3a4a5a6a7a8));
    assert_int_equal(get(&a, "w30"), 0xa5a6a7a8);
}

static void flags_have_their_bits(void **state) {
    (void)state;
    struct sc_regs r = blank(SC_CPU_X86, 0x1003f);
    put(&r, "efl", 0x00013246);
    assert_int_equal(get(&r, "zf"), 1);
    assert_int_equal(get(&r, "cf"), 0);
    assert_int_equal(get(&r, "iopl"), 3);
    put(&r, "cf", 1);
    put(&r, "iopl", 0);
    put(&r, "zf", 2); /* only its own bit */
    assert_int_equal(sc_regs_flags(&r), 0x00010207);

    struct sc_regs a = blank(SC_CPU_ARM64, 0x40000f);
    put(&a, "psr", 0x60000144);
    assert_int_equal(get(&a, "n"), 0);
    assert_int_equal(get(&a, "z"), 1);
    assert_int_equal(get(&a, "c"), 1);
    assert_int_equal(get(&a, "v"), 0);
}

static void names_forgive_case_and_the_at_sign(void **state) {
    (void)state;
    assert_ptr_equal(sc_reg_find(SC_CPU_X64, "@RIP"), sc_reg_find(SC_CPU_X64, "rip"));
    assert_null(sc_reg_find(SC_CPU_X64, ""));
    assert_null(sc_reg_find(SC_CPU_X64, "eip2"));
    assert_null(sc_reg_find(SC_CPU_X86, "rax"));
    assert_null(sc_reg_find(SC_CPU_X64, "nt")); /* the kernel's name, not the nested-task flag */
    assert_null(sc_reg_find(SC_CPU_IA64, "r1"));
}

static void a_group_that_the_record_does_not_claim_is_absent(void **state) {
    (void)state;
    uint64_t v = 77;
    struct sc_regs r = blank(SC_CPU_X64, 0x100001); /* control alone */
    assert_true(sc_regs_get(&r, "rip", &v));
    assert_int_equal(v, 0);
    v = 77;
    assert_false(sc_regs_get(&r, "rax", &v));
    assert_false(sc_regs_get(&r, "xmm0", &v));
    assert_false(sc_regs_get(&r, "no", &v));
    assert_int_equal(v, 77);
    /* Breakpad's records of ARM: another mark, and control registers are integer ones. */
    r = blank(SC_CPU_ARM, 0x40000006);
    assert_true(sc_regs_get(&r, "r7", &v) && sc_regs_get(&r, "pc", &v) &&
                sc_regs_get(&r, "d8", &v));
    r = blank(SC_CPU_ARM64, 0x400006);
    assert_true(sc_regs_get(&r, "x7", &v) && sc_regs_get(&r, "pc", &v));
    r = blank(SC_CPU_ARM64, 0x400004);
    assert_false(sc_regs_get(&r, "pc", &v));
    r = blank(SC_CPU_X64, 0x100002);
    assert_false(sc_regs_get(&r, "rip", &v));
    v = 77;
    r = blank(SC_CPU_X64, 0x01001f); /* another CPU's record */
    assert_false(sc_regs_get(&r, "rip", &v));
    assert_int_equal(sc_regs_context_flags(&r), 0x01001f);
}

static void short_records_are_taken_up_to_the_integer_registers(void **state) {
    (void)state;
    static const size_t least[NCPUS] = {0xcc, 0x100, 0x48, 0x110};
    for (int c = 0; c < NCPUS; c++) {
        uint8_t raw[SC_CONTEXT_MAX + 64];
        memset(raw, 0xff, sizeof raw);
        struct sc_regs r = {.size = 12345};
        sc_err *err = sc_regs_init(&r, cpus[c], raw, least[c] - 1);
        assert_non_null(err);
        assert_int_equal(sc_err_code(err), SC_ERR_FORMAT);
        assert_int_equal(r.size, 12345);
        sc_err_destroy(err);
        assert_null(sc_regs_init(&r, cpus[c], raw, least[c]));
        assert_int_equal(r.size, least[c]);
        assert_int_equal(r.raw[least[c]], 0);
        const char *vector = cpus[c] == SC_CPU_X86 || cpus[c] == SC_CPU_X64 ? "xmm0" : "s0";
        uint64_t v;
        assert_false(sc_regs_get(&r, vector, &v));
        assert_null(sc_regs_init(&r, cpus[c], raw, sizeof raw));
        assert_int_equal(r.size, sc_context_size(cpus[c]));
        assert_true(sc_regs_get(&r, vector, &v));
    }
}

static void a_cpu_without_a_table_is_refused(void **state) {
    (void)state;
    struct sc_regs r;
    uint8_t raw[SC_CONTEXT_MAX] = {0};
    sc_err *err = sc_regs_init(&r, SC_CPU_IA64, raw, sizeof raw);
    assert_int_equal(sc_err_code(err), SC_ERR_UNSUPPORTED);
    sc_err_destroy(err);
    size_t n;
    assert_null(sc_reg_table(SC_CPU_OTHER, &n));
}

static void wide_registers_come_as_bytes(void **state) {
    (void)state;
    struct sc_regs r = blank(SC_CPU_X64, 0x10001f);
    for (int i = 0; i < 16; i++)
        r.raw[0x1b0 + i] = (uint8_t)(0x10 + i);
    uint8_t b[16];
    sc_reg_bytes(&r, sc_reg_find(SC_CPU_X64, "xmm1"), b);
    assert_memory_equal(b, r.raw + 0x1b0, 16);
    assert_true(get(&r, "xmm1") == UINT64_C(0x1716151413121110));
    sc_reg_set(&r, sc_reg_find(SC_CPU_X64, "xmm1"), 1); /* too wide: unchanged */
    assert_memory_equal(b, r.raw + 0x1b0, 16);
    put(&r, "efl", 0x40);
    sc_reg_bytes(&r, sc_reg_find(SC_CPU_X64, "zf"), b);
    assert_int_equal(b[0], 1);
}

static void the_four_that_a_walk_needs(void **state) {
    (void)state;
    static const char *const names[NCPUS][4] = {{"eip", "esp", "ebp", "efl"},
                                                {"rip", "rsp", "rbp", "efl"},
                                                {"pc", "sp", "r11", "psr"},
                                                {"pc", "sp", "fp", "psr"}};
    for (int c = 0; c < NCPUS; c++) {
        struct sc_regs r = blank(cpus[c], 0);
        for (int i = 0; i < 4; i++)
            put(&r, names[c][i], 0x11000000u * (unsigned)(i + 1) + 8);
        assert_int_equal(sc_regs_ip(&r), 0x11000008);
        assert_int_equal(sc_regs_sp(&r), 0x22000008);
        assert_int_equal(sc_regs_fp(&r), 0x33000008);
        assert_int_equal(sc_regs_flags(&r), 0x44000008);
    }
}

/* A corpus file, or NULL: the caller then skips and says so. */
static FILE *corpus(const char *name) {
    static const char *const at[] = {"../shared/corpus", "../../shared/corpus",
                                     "../../../shared/corpus"};
    char path[512];
    const char *env = getenv("STOPCODE_CORPUS");
    for (int i = env ? -1 : 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", i < 0 ? env : at[i], name);
        FILE *f = fopen(path, "rb");
        if (f)
            return f;
    }
    print_message("SKIP: %s: the corpus is not here (STOPCODE_CORPUS)\n", name);
    return NULL;
}

static void context_of_header(const char *name, enum sc_cpu cpu, struct sc_regs *ret) {
    uint8_t raw[SC_CONTEXT_MAX];
    FILE *f = corpus(name);
    if (!f)
        skip();
    assert_int_equal(fseek(f, 0x348, SEEK_SET), 0);
    assert_int_equal(fread(raw, 1, sizeof raw, f), sizeof raw);
    fclose(f);
    assert_null(sc_regs_init(ret, cpu, raw, sizeof raw));
}

/* The first frame of both, as another debugger shows it, is in the corpus's golden folder. */
static void the_real_x64_dump_stands_in_the_kernel(void **state) {
    (void)state;
    struct sc_regs r;
    context_of_header("kdump/triage_x64.dmp", SC_CPU_X64, &r);
    uint64_t v;
    assert_true(sc_regs_get(&r, "cs", &v));
    assert_int_equal(v, 0x10);
    assert_true(sc_regs_get(&r, "ss", &v));
    assert_true(v == 0x18 || v == 0);
    assert_true(sc_regs_ip(&r) >> 47 == 0x1ffff);
    assert_true(sc_regs_sp(&r) >> 47 == 0x1ffff);
    assert_int_equal(sc_regs_sp(&r) & 7, 0);
    assert_int_equal(sc_regs_flags(&r) & 2, 2); /* bit 1 of the flags is always set */
}

static void the_real_arm64_dump_stands_in_the_kernel(void **state) {
    (void)state;
    struct sc_regs r;
    context_of_header("kdump/triage_arm64.dmp", SC_CPU_ARM64, &r);
    uint64_t v;
    assert_true(sc_regs_get(&r, "pc", &v));
    assert_true(v >> 47 == 0x1ffff);
    assert_int_equal(v & 3, 0);
    assert_int_equal(sc_regs_sp(&r) & 15, 0);
    assert_int_equal(sc_regs_flags(&r) >> 2 & 3, 1); /* EL1 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_sizes_are_those_of_the_sdk),
        cmocka_unit_test(every_row_lies_inside_its_record),
        cmocka_unit_test(no_name_stands_twice),
        cmocka_unit_test(whole_registers_do_not_overlap),
        cmocka_unit_test(registers_lie_where_winnt_h_has_them),
        cmocka_unit_test(parts_read_and_write_the_register_they_belong_to),
        cmocka_unit_test(flags_have_their_bits),
        cmocka_unit_test(names_forgive_case_and_the_at_sign),
        cmocka_unit_test(a_group_that_the_record_does_not_claim_is_absent),
        cmocka_unit_test(short_records_are_taken_up_to_the_integer_registers),
        cmocka_unit_test(a_cpu_without_a_table_is_refused),
        cmocka_unit_test(wide_registers_come_as_bytes),
        cmocka_unit_test(the_four_that_a_walk_needs),
        cmocka_unit_test(the_real_x64_dump_stands_in_the_kernel),
        cmocka_unit_test(the_real_arm64_dump_stands_in_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
