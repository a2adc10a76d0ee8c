/* SPDX-License-Identifier: MIT */
/* Trap frames of x86 and x64: what is read of them, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nt/trapframe.h"

enum { AT = 0x81000000 };

struct world {
    uint8_t frame[0x190];
    sc_target *target;
};

static void put(struct world *w, unsigned offset, uint32_t value) {
    memcpy(w->frame + offset, &value, sizeof value);
}

static void open_world(struct world *w, enum sc_cpu cpu) {
    struct sc_fake_bytes memory = {AT, w->frame, sizeof w->frame};
    struct sc_fake fake = {
        .sz = sizeof fake, .cpu = cpu, .kernel = true, .memory = &memory, .nmemory = 1};
    assert_null(sc_target_fake(&fake, &w->target));
}

static void x86_frame(struct world *w) {
    *w = (struct world){0};
    put(w, 0x10, 0x8);        /* TempSegCs */
    put(w, 0x14, 0x82003344); /* TempEsp */
    put(w, 0x60, 0x82001100); /* Ebp */
    put(w, 0x64, 2);          /* ErrCode */
    put(w, 0x68, 0x804e1234); /* Eip */
    put(w, 0x6c, 0x8);        /* SegCs */
    put(w, 0x70, 0x10246);
    put(w, 0x74, 0x0012ff00); /* HardwareEsp, of user mode only */
    put(w, 0x78, 0x23);
}

static void has(const struct nt_trap_frame *f, const char *name, uint64_t want) {
    uint64_t got = 0;
    assert_true(sc_regs_get(&f->regs, name, &got));
    assert_int_equal(got, want);
}

static struct nt_trap_frame frame_of(struct world *w, enum sc_cpu cpu) {
    struct nt_trap_frame f = {0};
    open_world(w, cpu);
    assert_null(nt_trap_frame_read(w->target, AT, &f));
    sc_target_close(w->target);
    return f;
}

static void a_frame_of_kernel_mode_has_its_stack_behind_it(void **state) {
    (void)state;
    struct world w;
    x86_frame(&w);
    struct nt_trap_frame f = frame_of(&w, SC_CPU_X86);
    has(&f, "esp", AT + 0x74);
    has(&f, "eip", 0x804e1234);
    has(&f, "ebp", 0x82001100);
    assert_int_equal(f.error_code, 2);
}

static void a_frame_of_user_mode_has_the_hardware_stack(void **state) {
    (void)state;
    struct world w;
    x86_frame(&w);
    put(&w, 0x6c, 0x1b);
    struct nt_trap_frame f = frame_of(&w, SC_CPU_X86);
    has(&f, "esp", 0x0012ff00);
    has(&f, "ss", 0x23);
}

static void an_edited_frame_has_its_stack_in_the_temp_fields(void **state) {
    (void)state;
    struct world w;
    x86_frame(&w);
    put(&w, 0x6c, 0);
    struct nt_trap_frame f = frame_of(&w, SC_CPU_X86);
    has(&f, "esp", 0x82003344);
    has(&f, "cs", 0x8);
}

static void zeros_are_no_frame(void **state) {
    (void)state;
    static const enum sc_cpu cpus[] = {SC_CPU_X86, SC_CPU_X64};
    for (size_t i = 0; i < 2; i++) {
        struct world w = {0};
        struct nt_trap_frame f;
        open_world(&w, cpus[i]);
        sc_err *err = nt_trap_frame_read(w.target, AT, &f);
        assert_int_equal(sc_err_code(err), SC_ERR_ARG);
        sc_err_destroy(err);
        sc_target_close(w.target);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_of_kernel_mode_has_its_stack_behind_it),
        cmocka_unit_test(a_frame_of_user_mode_has_the_hardware_stack),
        cmocka_unit_test(an_edited_frame_has_its_stack_in_the_temp_fields),
        cmocka_unit_test(zeros_are_no_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
