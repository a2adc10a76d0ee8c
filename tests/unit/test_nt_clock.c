/* SPDX-License-Identifier: MIT */
/* The kernel's clock without symbols: the page that the kernel shares with processes. */
#include "cmd/kernel.h"
#include "kernel_world.h"
#include "nt/clock.h"

static struct nt_clock clock_of(enum sc_cpu cpu, uint32_t build, uint64_t base, uint32_t multiplier,
                                unsigned at, uint32_t ticks) {
    struct world *w = world_new(cpu, build, base);
    uint64_t page = w->ptr == 4 ? 0xffdf0000u : 0xfffff78000000000u;
    struct nt nt;
    struct nt_clock clock;
    world_bytes(w, page, 0x400);
    world_put(w, page + 4, 4, multiplier);
    world_put(w, page + at, 4, ticks);
    world_open(w, SC_RENDER_TEXT);
    assert_null(sc_session_nt(w->f.s, &nt));
    assert_null(nt_clock_read(&nt, &clock));
    world_free(w);
    return clock;
}

static void the_shared_page_has_both(void **state) {
    (void)state;
    struct nt_clock clock =
        clock_of(SC_CPU_X64, 7601, 0xfffff80003200000, 0x0fa00000, 0x320, 0xba6ec1);
    assert_int_equal(clock.increment.state, NT_READ);
    assert_int_equal(clock.increment.value, 156250);
    assert_int_equal(clock.ticks.state, NT_READ);
    assert_int_equal(clock.ticks.value, 0xba6ec1);
    clock = clock_of(SC_CPU_X86, 7601, 0x82800000, 0x0a000000, 0x320, 3);
    assert_int_equal(clock.increment.value, 100000);
    assert_int_equal(clock.ticks.value, 3);
}

static void windows_xp_counts_in_another_place(void **state) {
    (void)state;
    struct nt_clock clock = clock_of(SC_CPU_X86, 2600, 0x804d7000, 0x0fa00000, 0, 1656);
    assert_int_equal(clock.ticks.state, NT_READ);
    assert_int_equal(clock.ticks.value, 1656);
}

/* A thread whose wait began at tick 1000 would have waited for 776 days. */
static void zeros_are_no_clock(void **state) {
    (void)state;
    struct nt_clock clock = clock_of(SC_CPU_X64, 19041, 0xfffff80003200000, 0, 0x320, 0);
    assert_int_equal(clock.increment.state, NT_NO_FIELD); /* as the symbols have it */
    assert_int_equal(clock.ticks.state, NT_ABSENT);
    clock = clock_of(SC_CPU_X64, 19041, 0xfffff80003200000, 0xffffffff, 0x320, 1);
    assert_int_equal(clock.increment.value, 2559999); /* a quarter of a second at most */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shared_page_has_both),
        cmocka_unit_test(windows_xp_counts_in_another_place),
        cmocka_unit_test(zeros_are_no_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
