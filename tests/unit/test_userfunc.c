/* SPDX-License-Identifier: MIT */
/* What functions and libraries of processes are for, and what a critical section is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nt/critsec.h"
#include "nt/heapfail.h"
#include "nt/userfunc.h"

static void roles_are_found_by_image_and_function(void **state) {
    (void)state;
    assert_int_equal(nt_userfunc_roles("ntdll.dll", "RtlEnterCriticalSection"), NT_UF_LOCK);
    assert_int_equal(nt_userfunc_roles("NTDLL.DLL", "RtlpFreeHeapInternal"), NT_UF_HEAP);
    assert_int_equal(nt_userfunc_roles("app.exe", "RtlEnterCriticalSection"), 0);
    assert_int_equal(nt_userfunc_roles("app.exe", "__report_gsfailure"), NT_UF_COOKIE);
    assert_int_equal(nt_userfunc_roles("app.exe", "main"), 0);
    assert_int_equal(nt_userfunc_roles("libc-2.13.so", "__assert_fail") & NT_UF_ASSERT,
                     NT_UF_ASSERT);
}

static void whole_libraries_need_no_function(void **state) {
    (void)state;
    assert_int_equal(nt_userfunc_roles("libc.so.6", NULL), NT_UF_SYSTEM);
    assert_int_equal(nt_userfunc_roles("libc-2.31.so", NULL), NT_UF_SYSTEM);
    assert_int_equal(nt_userfunc_roles("libcurl.so.4", NULL), 0);
    assert_int_equal(nt_userfunc_roles("dbghelp.dll", NULL), NT_UF_DUMPER);
}

static void parameters_do_not_count(void **state) {
    (void)state;
    assert_int_equal(nt_userfunc_length("a::b(int, char *)"), 4);
    assert_int_equal(nt_userfunc_length("a::operator()"), 13);
    assert_int_equal(nt_userfunc_length("a::operator()(int)"), 13);
    assert_int_equal(nt_userfunc_length("(anonymous namespace)::f(int)"), 24);
    assert_int_equal(nt_userfunc_roles("app", "operator new(unsigned long)"), NT_UF_HEAP);
    assert_int_equal(nt_userfunc_roles("app", "std::terminate()") & NT_UF_TERMINATE,
                     NT_UF_TERMINATE);
}

/* --- structures, in the memory of a process that exists nowhere ----------------------------------
 */

struct memory {
    uint8_t bytes[0x100];
    sc_target *target;
};
#define AT 0x200000ull

static void put(struct memory *m, size_t at, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++)
        m->bytes[at + i] = (uint8_t)(value >> 8 * i);
}

static void start(struct memory *m, uint32_t major, uint32_t minor, const char *sp) {
    struct sc_machine machine = {.cpu = SC_CPU_X64,
                                 .windows = true,
                                 .platform = "Windows",
                                 .major = major,
                                 .minor = minor,
                                 .service_pack = sp};
    struct sc_fake_bytes bytes = {AT, m->bytes, sizeof m->bytes};
    struct sc_fake fake = {
        .sz = sizeof fake, .cpu = SC_CPU_X64, .machine = &machine, .memory = &bytes, .nmemory = 1};
    assert_null(sc_target_fake(&fake, &m->target));
}

static void section(struct memory *m, uint64_t debug, uint32_t lock, uint32_t recursion,
                    uint64_t owner) {
    memset(m, 0, sizeof *m);
    put(m, 0, debug, 8);
    put(m, 8, lock, 4);
    put(m, 12, recursion, 4);
    put(m, 16, owner, 8);
}

static bool reads(struct memory *m, uint32_t major, uint32_t minor, const char *sp,
                  struct nt_critsec *ret) {
    start(m, major, minor, sp);
    bool ok = nt_critsec_read(m->target, AT, ret);
    sc_target_close(m->target);
    return ok;
}

static void a_held_section_has_its_owner_and_waiters(void **state) {
    (void)state;
    struct memory m;
    struct nt_critsec cs;
    section(&m, UINT64_MAX, 0xfffffff2, 1, 0x1a4); /* held, three wait */
    assert_true(reads(&m, 10, 0, "", &cs));
    assert_true(cs.locked);
    assert_int_equal(cs.owner, 0x1a4);
    assert_int_equal(cs.waiters, 3);
    assert_false(cs.proved);
    section(&m, UINT64_MAX, 2, 1, 0x1a4); /* Windows XP counts up */
    assert_true(reads(&m, 5, 1, "", &cs));
    assert_int_equal(cs.waiters, 2);
    section(&m, UINT64_MAX, 0xffffffff, 0, 0);
    assert_true(reads(&m, 10, 0, "", &cs));
    assert_false(cs.locked);
}

static void a_debug_record_that_points_back_proves_it(void **state) {
    (void)state;
    struct memory m;
    struct nt_critsec cs;
    section(&m, AT + 0x80, 0xfffffffe, 1, 0x1a4);
    put(&m, 0x88, AT, 8);
    assert_true(reads(&m, 10, 0, "", &cs));
    assert_true(cs.proved);
    put(&m, 0x88, AT + 8, 8);
    assert_true(reads(&m, 10, 0, "", &cs));
    assert_false(cs.proved);
}

static void numbers_that_contradict_each_other_are_no_section(void **state) {
    (void)state;
    static const struct {
        uint64_t debug;
        uint32_t lock, recursion;
        uint64_t owner;
    } bad[] = {
        {UINT64_MAX, 0xfffffffe, 0, 0x1a4},       /* owned, and not entered */
        {UINT64_MAX, 0xfffffffe, 1, 0},           /* entered by nobody */
        {UINT64_MAX, 0xffffffff, 1, 0x1a4},       /* free, and owned */
        {UINT64_MAX, 0xfffffffe, 0x20000, 0x1a4}, /* entered too often */
        {UINT64_MAX, 0xfffffffe, 1, 0x7ffe0000},  /* no thread's id */
        {UINT64_MAX, 0xfffffffe, 1, 0x1a5},       /* ids are multiples of four */
        {0x1001, 0xfffffffe, 1, 0x1a4},           /* no address */
        {UINT64_MAX, 0x80000000, 1, 0x1a4},       /* half a thousand million that wait */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct memory m;
        struct nt_critsec cs;
        section(&m, bad[i].debug, bad[i].lock, bad[i].recursion, bad[i].owner);
        if (reads(&m, 10, 0, "", &cs))
            fail_msg("row %zu is taken for a critical section", i);
    }
}

static void a_heaps_record_is_read_or_refused(void **state) {
    (void)state;
    struct memory m;
    struct nt_heapfail fail;
    memset(&m, 0, sizeof m);
    put(&m, 0, 1, 4);
    put(&m, 4, 0xa8, 4);
    put(&m, 8, 8, 4);
    put(&m, 0x10, 0x300000, 8);
    put(&m, 0x18, 0x300120, 8);
    start(&m, 10, 0, "");
    assert_true(nt_heapfail_read(m.target, AT, &fail));
    assert_string_equal(fail.name, "heap_failure_block_not_busy");
    assert_int_equal(fail.block, 0x300120);
    assert_false(nt_heapfail_read(m.target, AT + 8, &fail));
    assert_false(nt_heapfail_read(m.target, 0, &fail));
    assert_false(nt_heapfail_read(m.target, AT + 0xf8, &fail)); /* the rest is not there */
    sc_target_close(m.target);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_are_found_by_image_and_function),
        cmocka_unit_test(whole_libraries_need_no_function),
        cmocka_unit_test(parameters_do_not_count),
        cmocka_unit_test(a_held_section_has_its_owner_and_waiters),
        cmocka_unit_test(a_debug_record_that_points_back_proves_it),
        cmocka_unit_test(numbers_that_contradict_each_other_are_no_section),
        cmocka_unit_test(a_heaps_record_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
