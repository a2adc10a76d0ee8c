/* SPDX-License-Identifier: MIT */
/* Processes of Linux: why abort() was called, by the functions on the stack. */
#include "unit/symtab_support.h"

#include "stopcode/finding.h"

#define APP   0x400000ull
#define LIBC  0x7f0000000000ull
#define STACK 0x7ffc00001000ull

enum { STEP = 0x40, FUNCTION = 0x100, DEPTH_MAX = 8 };

/* A chain of frame pointers through functions of libc and then the program's main(). */
struct linux {
    struct sc_symbol libc[DEPTH_MAX], app[2];
    struct fakesyms libc_syms, app_syms;
    uint8_t stack[0x400];
    struct sc_module module[2];
    struct sc_thread thread;
    struct sc_machine machine;
    struct sc_regs regs;
    struct world w;
    struct sc_analysis *a;
};

static void word(struct linux *l, size_t at, uint64_t value) {
    for (unsigned i = 0; i < 8; i++)
        l->stack[at + i] = (uint8_t)(value >> 8 * i);
}

static void start_at(struct linux *l, uint64_t ip) {
    uint8_t raw[SC_CONTEXT_MAX] = {0};
    raw[0x30] = 0x1f, raw[0x32] = 0x10;
    no_error(sc_regs_init(&l->regs, SC_CPU_X64, raw, sizeof raw));
    sc_reg_set(&l->regs, sc_reg_find(SC_CPU_X64, "rip"), ip);
    sc_reg_set(&l->regs, sc_reg_find(SC_CPU_X64, "rsp"), STACK);
    sc_reg_set(&l->regs, sc_reg_find(SC_CPU_X64, "rbp"), STACK + 0x10);
}

static struct sc_symbol function(const char *name, size_t i) {
    return (struct sc_symbol){.name = name,
                              .kind = SC_SYM_FUNCTION,
                              .rva = (uint32_t)(0x1000 + FUNCTION * i),
                              .size = FUNCTION,
                              .code = true};
}

/* SIGNAL, raised below the N functions of libc at NAME, the innermost first. */
static struct linux *analyze(uint32_t signal, const char *const *name, size_t n) {
    struct linux *l = calloc(1, sizeof *l);
    assert_non_null(l);
    for (size_t i = 0; i < n; i++)
        l->libc[i] = function(name[i], i);
    l->app[0] = function("main", 0);
    l->libc_syms = (struct fakesyms){.provider = "sym", .path = "libc.sym", .symbols = l->libc};
    l->libc_syms.nsymbols = n;
    l->app_syms = (struct fakesyms){.provider = "sym", .path = "app.sym", .symbols = l->app};
    l->app_syms.nsymbols = 1;
    for (size_t i = 0; i < n; i++) {
        uint64_t ret = i + 1 < n ? LIBC + l->libc[i + 1].rva + 0x20 : APP + 0x1020;
        word(l, 0x10 + STEP * i, STACK + 0x10 + STEP * (i + 1));
        word(l, 0x18 + STEP * i, ret);
    }
    start_at(l, LIBC + l->libc[0].rva + 0x10);
    l->module[0] = (struct sc_module){
        .base = APP, .size = 0x10000, .name = "app", .image = "app", .path = "/opt/app"};
    l->module[1] = (struct sc_module){.base = LIBC,
                                      .size = 0x100000,
                                      .name = "libc",
                                      .image = "libc-2.31.so",
                                      .path = "/lib/libc-2.31.so"};
    l->machine = (struct sc_machine){.cpu = SC_CPU_X64,
                                     .platform = "Linux",
                                     .ncpus = 1,
                                     .service_pack = "",
                                     .uptime = SC_UNSET64,
                                     .has_exception = true,
                                     .exception = {.code = signal}};
    l->thread = (struct sc_thread){
        .tid = 1, .stack_start = STACK, .stack_size = sizeof l->stack, .context_off = SC_UNSET64};
    struct sc_fake_bytes memory = {STACK, l->stack, sizeof l->stack};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .machine = &l->machine,
                           .modules = l->module,
                           .nmodules = 2,
                           .threads = &l->thread,
                           .nthreads = 1,
                           .memory = &memory,
                           .nmemory = 1,
                           .regs = &l->regs};
    world_open(&l->w, &fake, NULL, NULL, NULL);
    attach(&l->w, "libc", &l->libc_syms);
    attach(&l->w, "app", &l->app_syms);
    no_error(sc_analyze_with(l->w.target, l->w.symtab, &l->a));
    return l;
}

static void drop(struct linux *l) {
    sc_analysis_destroy(l->a);
    world_close(&l->w);
    free(l);
}

static void told(const char *const *name, size_t n, const char *rule, const char *summary) {
    struct linux *l = analyze(6, name, n);
    const struct sc_finding *f = &l->a->findings[0];
    if (strcmp(f->rule, rule) != 0 || !strstr(f->summary, summary))
        fail_msg("%s: %s: %s", name[n - 1], f->rule, f->summary);
    /* A chain of frame pointers is no proof. */
    assert_int_equal(f->confidence, SC_POSSIBLE);
    drop(l);
}

static void the_reason_of_a_sigabrt_is_on_the_stack(void **state) {
    (void)state;
    static const char *const plain[] = {"__GI_raise", "abort"};
    static const char *const failed[] = {"__GI_raise", "abort", "__assert_fail"};
    static const char *const heap[] = {"__GI_raise", "abort", "__libc_message", "malloc_printerr",
                                       "_int_free"};
    static const char *const cookie[] = {"__GI_raise", "abort", "__libc_message", "__fortify_fail",
                                         "__stack_chk_fail"};
    static const char *const thrown[] = {"__GI_raise", "abort",
                                         "__gnu_cxx::__verbose_terminate_handler()",
                                         "std::terminate()", "__cxa_throw"};
    static const char *const panic[] = {"__GI_raise", "abort", "std::panicking::rust_panic",
                                        "core::panicking::panic_fmt"};
    told(plain, 2, "user-abort", "app ended itself with abort().");
    told(failed, 3, "user-abort", "assertion");
    told(heap, 5, "user-heap", "found its heap damaged");
    told(cookie, 5, "user-fail-fast", "overran a buffer on its stack");
    told(thrown, 5, "user-cxx-exception", "threw a C++ exception that nobody caught");
    told(panic, 4, "user-abort", "(panic)");
}

/* Twin: a failed assertion is no damage, and its report failed for a reason of its own. */
static void a_sigsegv_is_a_fault_whatever_lies_below(void **state) {
    (void)state;
    static const char *const names[] = {"strlen", "__assert_fail"};
    struct linux *l = analyze(11, names, 2);
    assert_string_equal(l->a->findings[0].rule, "user-exception");
    assert_string_equal(l->a->findings[0].module->image, "app");
    assert_string_equal(l->a->findings[0].symbol, "app!main+0x20");
    drop(l);
}

/* The report of an overrun stack crashes on what was overrun. */
static void a_fault_in_the_report_of_damage_is_the_damage(void **state) {
    (void)state;
    static const char *const names[] = {"backtrace", "__fortify_fail", "__stack_chk_fail"};
    struct linux *l = analyze(11, names, 3);
    assert_string_equal(l->a->findings[0].rule, "user-fail-fast");
    assert_string_equal(l->a->findings[0].symbol, "app!main+0x20");
    assert_non_null(strstr(l->a->findings[0].summary, "overran a buffer on its stack"));
    drop(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reason_of_a_sigabrt_is_on_the_stack),
        cmocka_unit_test(a_sigsegv_is_a_fault_whatever_lies_below),
        cmocka_unit_test(a_fault_in_the_report_of_damage_is_the_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
