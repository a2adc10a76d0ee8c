/* SPDX-License-Identifier: MIT */
/*
 * The trap frame of a fault, found in a stack without symbols by what it must hold; and what looks
 * like it and is not believed. That the layout is the kernel's: corpus/triage_stack_compare.py.
 */
#include "unit/walk_fixture.h"

#include "unwind/fault_trap.h"

enum { TRAP = 0x200, RBX = 3, KEPT = 0x100 };
#define FAILED  (NT + NT_CODE + 0x1230)
#define TOUCHED UINT64_C(0xffffa00012345678)
#define RETURN  (NT + NT_CODE + 0x2344)

struct found {
    struct sc_fault_trap trap;
    bool found;
};

static struct found seek(struct walk *w, uint64_t ip, uint64_t memory, uint32_t status) {
    struct found f = {.found = false};
    struct sc_trap_wanted wanted = {.sp = SP, .ip = ip, .memory = memory, .status = status};
    if (!w->u)
        walk_open(w);
    no_error(sc_fault_trap_find(w->u, NULL, &wanted, &f.trap, &f.found));
    return f;
}

/* A stack with a trap frame at SP + TRAP. */
static struct walk *trapped(void) {
    struct walk *w = walk_new();
    w->no_symbols = true;
    walk_trap(w, TRAP, FAILED, SP + TRAP + 0x190);
    walk_put(w, TRAP + 0xd0, TOUCHED);
    return w;
}

static uint64_t reg(const struct found *f, const char *name) {
    uint64_t value = 0;
    assert_true(sc_regs_get(&f->trap.regs, name, &value));
    return value;
}

static void the_instruction_names_it(void **state) {
    (void)state;
    struct walk *w = trapped();
    struct found f = seek(w, FAILED, TOUCHED, 0);
    assert_true(f.found && f.trap.address == SP + TRAP && f.trap.has_address);
    assert_true(reg(&f, "rip") == FAILED && reg(&f, "rsp") == SP + TRAP + 0x190);
    assert_true(reg(&f, "rcx") == 0x7e38);
    assert_true(f.trap.kept == 0 && !(f.trap.known >> RBX & 1)); /* nobody saved it */
    f = seek(w, FAILED, SC_UNSET64, 0);
    assert_true(f.found && !f.trap.has_address);
    f = seek(w, FAILED + 1, TOUCHED, 0); /* another instruction's */
    assert_false(f.found);
    walk_free(w);
}

static void the_address_names_it_where_no_instruction_is_known(void **state) {
    (void)state;
    struct walk *w = trapped();
    struct found f = seek(w, SC_UNSET64, TOUCHED, 0);
    assert_true(f.found && f.trap.address == SP + TRAP);
    assert_false(seek(w, SC_UNSET64, TOUCHED + 8, 0).found);
    assert_false(seek(w, SC_UNSET64, SC_UNSET64, 0).found);
    walk_put(w, TRAP + 0xd0, 0);
    assert_false(seek(w, SC_UNSET64, 0, 0).found); /* a field that is merely empty */
    walk_free(w);
}

static void a_shape_that_is_no_machine_frames_is_not_believed(void **state) {
    (void)state;
    static const struct {
        int offset;
        uint64_t value;
    } wrong[] = {{0x170, 0x11},        {0x170, 0},          {0x178, 0},
                 {0x178, 0xffff00046}, {0x180, SP + 0x900}, {0x188, 0x33}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct walk *w = trapped();
        walk_put(w, TRAP + wrong[i].offset, wrong[i].value);
        if (seek(w, FAILED, TOUCHED, 0).found)
            fail_msg("%llx at +%x is taken", (unsigned long long)wrong[i].value,
                     (unsigned)wrong[i].offset);
        walk_free(w);
    }
}

/* Counting up from there would begin again at 0. */
static void a_stack_pointer_at_the_top_of_all_addresses_ends_at_once(void **state) {
    (void)state;
    struct walk *w = trapped();
    seek(w, FAILED, TOUCHED, 0);
    for (uint64_t sp = UINT64_MAX - 0x20; sp; sp++) {
        struct sc_fault_trap trap;
        bool found = true;
        struct sc_trap_wanted wanted = {.sp = sp, .ip = FAILED, .memory = TOUCHED};
        no_error(sc_fault_trap_find(w->u, NULL, &wanted, &trap, &found));
        assert_false(found);
    }
    walk_free(w);
}

static void the_innermost_one_counts(void **state) {
    (void)state;
    struct walk *w = trapped();
    walk_trap(w, TRAP + 0x400, FAILED, SP + TRAP + 0x590);
    assert_true(seek(w, FAILED, SC_UNSET64, 0).trap.address == SP + TRAP);
    walk_free(w);
}

static void put_kept(struct walk *w, int at) {
    for (int i = 0; i < 7; i++)
        walk_put(w, at + KEPT + 8 * i, 0x5a00 + (uint64_t)i);
}

/* KeBugCheckEx's stack pointer is 8 below the saved registers, and both calls left an address. */
static void registers_that_the_bug_check_saved_are_taken(void **state) {
    (void)state;
    const int at = 0x10, trap = at + 0x140;
    for (int spoilt = 0; spoilt < 4; spoilt++) {
        struct walk *w = walk_new();
        w->no_symbols = true;
        walk_trap(w, trap, FAILED, SP + (uint64_t)trap + 0x190);
        put_kept(w, at);
        walk_put(w, at - 8, spoilt == 1 ? 0x1234 : RETURN);
        walk_put(w, trap - 8, spoilt == 2 ? 0x1234 : RETURN);
        struct found f = {.found = false};
        struct sc_trap_wanted wanted = {
            .sp = SP + (spoilt == 3 ? 0x18 : 8), .ip = FAILED, .memory = SC_UNSET64};
        walk_open(w);
        no_error(sc_fault_trap_find(w->u, NULL, &wanted, &f.trap, &f.found));
        assert_true(f.found && f.trap.address == SP + (uint64_t)trap);
        assert_int_equal(f.trap.known >> RBX & 1, spoilt == 0);
        assert_true(f.trap.kept == (spoilt ? 0 : SP + (uint64_t)at));
        if (!spoilt)
            assert_true(reg(&f, "rbx") == 0x5a00 && reg(&f, "rdi") == 0x5a01 &&
                        reg(&f, "r15") == 0x5a06);
        walk_free(w);
    }
}

/* KiExceptionDispatch's has the exception's record between them. */
static void registers_beside_the_exceptions_record_are_taken(void **state) {
    (void)state;
    const int at = TRAP - 0x1e0;
    for (int status = 0; status < 2; status++) {
        struct walk *w = trapped();
        put_kept(w, at);
        walk_put(w, at - 8, RETURN);
        walk_put(w, TRAP - 8, RETURN);
        walk_put(w, TRAP - 0xa8, 0xc0000005);
        walk_put(w, TRAP - 0xa8 + 0x10, FAILED);
        struct found f = seek(w, FAILED, SC_UNSET64, status ? 0xc0000005 : 0xc0000094);
        assert_true(f.found);
        assert_int_equal(f.trap.kept == SP + (uint64_t)at, status);
        assert_int_equal(f.trap.known >> RBX & 1, status);
        walk_free(w);
    }
}

static void frames_of_x86_name_the_instruction_twice(void **state) {
    (void)state;
    const uint32_t ip = 0x10200033;
    for (int mark = 0; mark < 2; mark++) {
        struct walk *w = walk_new();
        w->cpu = SC_CPU_X86;
        w->no_symbols = true;
        walk_put32(w, TRAP + 4, mark ? ip : 0);
        walk_put32(w, TRAP + 0x5c, 0xb0b0);
        walk_put32(w, TRAP + 0x68, ip);
        walk_put32(w, TRAP + 0x6c, 8);
        walk_put32(w, TRAP + 0x70, 0x10246);
        walk_open(w);
        struct found f = {.found = false};
        struct sc_trap_wanted wanted = {
            .sp = SP & UINT32_MAX, .ip = ip, .memory = SC_UNSET64, .status = 0};
        no_error(sc_fault_trap_find(w->u, NULL, &wanted, &f.trap, &f.found));
        assert_int_equal(f.found, mark);
        if (mark)
            assert_true(f.trap.address == ((SP + TRAP) & UINT32_MAX) && reg(&f, "ebx") == 0xb0b0);
        walk_free(w);
    }
}

static void of_other_processors_none_is_known(void **state) {
    (void)state;
    struct walk *w = trapped();
    w->cpu = SC_CPU_ARM64;
    assert_false(seek(w, FAILED, TOUCHED, 0).found);
    walk_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_instruction_names_it),
        cmocka_unit_test(the_address_names_it_where_no_instruction_is_known),
        cmocka_unit_test(a_shape_that_is_no_machine_frames_is_not_believed),
        cmocka_unit_test(a_stack_pointer_at_the_top_of_all_addresses_ends_at_once),
        cmocka_unit_test(the_innermost_one_counts),
        cmocka_unit_test(registers_that_the_bug_check_saved_are_taken),
        cmocka_unit_test(registers_beside_the_exceptions_record_are_taken),
        cmocka_unit_test(frames_of_x86_name_the_instruction_twice),
        cmocka_unit_test(of_other_processors_none_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
