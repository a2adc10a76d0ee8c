/* SPDX-License-Identifier: MIT */
/* `!qlocks`: owners, those who wait in order, and queues that cannot be. */
#include "kernel_world.h"
#include "nt/qlock.h"

#define NT   0xfffff80003200000ULL
#define LOCK 0xfffff80003aaaa00ULL

static uint64_t prcb(unsigned i) { return 0xfffff880009e9180ULL + i * 0x100000ULL; }

static uint64_t place(struct world *w, unsigned processor, unsigned lock) {
    return prcb(processor) + world_offset(w, "_KPRCB", "LockQueue") + lock * 2 * w->ptr;
}

/* Four processors; all locks free. */
static struct world *world_of(enum sc_cpu cpu, uint32_t build) {
    struct world *w = world_new(cpu, build, NT);
    for (unsigned i = 0; i < 4; i++) {
        world_object(w, prcb(i), "_KPRCB");
        world_set(w, "_KPRCB", prcb(i), "MajorVersion", 2, 1);
        for (unsigned n = 0; n < 16; n++)
            world_put(w, place(w, i, n) + w->ptr, w->ptr, LOCK + n * 8);
        w->threads[i] = (struct sc_thread){.index = i, .context_off = SC_UNSET64, .prcb = prcb(i)};
    }
    w->nthreads = w->m.ncpus = 4;
    return w;
}

static void put(struct world *w, unsigned processor, unsigned lock, uint64_t next, unsigned bits) {
    world_put(w, place(w, processor, lock), w->ptr, next);
    world_put(w, place(w, processor, lock) + w->ptr, w->ptr, LOCK + lock * 8 + bits);
}

static void free_locks_are_blank_as_documented(void **state) {
    (void)state;
    struct world *w = world_of(SC_CPU_X64, 6002);
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!qlocks",
                 "Key: O = Owner, 1-n = Wait order, blank = not owned/waiting, C = Corrupt\n\n"
                 "                       Processor Number\n"
                 "    Lock Name          0  1  2  3\n\n"
                 "KE   - Dispatcher\nKE   - Unused Spare\nMM   - PFN\nMM   - System Space\n"
                 "CC   - Vacb\nCC   - Master\nEX   - NonPagedPool\nIO   - Cancel\n"
                 "EX   - WorkQueue\nIO   - Vpb\nIO   - Database\nIO   - Completion\n"
                 "NTFS - Struct\nAFD  - WorkQueue\nCC   - Bcb\nMM   - MM NonPagedPool\n");
    world_free(w);
}

static void waiters_stand_in_order(void **state) {
    (void)state;
    struct world *w = world_of(SC_CPU_X64, 6002);
    put(w, 2, 0, place(w, 0, 0), 2);
    put(w, 0, 0, place(w, 3, 0), 1);
    put(w, 3, 0, 0, 1);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!qlocks");
    assert_non_null(strstr(fix_text(&w->f), "KE   - Dispatcher        1     O  2\n"));
    world_free(w);
}

static void what_cannot_be_is_corrupt(void **state) {
    (void)state;
    struct world *w = world_of(SC_CPU_X64, 6002);
    put(w, 0, 2, 0, 2); /* two owners */
    put(w, 1, 2, 0, 2);
    put(w, 1, 5, 0, 1);              /* nobody owns it */
    put(w, 0, 7, place(w, 0, 7), 2); /* it leads to itself */
    put(w, 1, 7, place(w, 0, 7), 1); /* waits, not linked yet */
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!qlocks");
    assert_non_null(strstr(fix_text(&w->f), "MM   - PFN               C  C      \n"));
    assert_non_null(strstr(fix_text(&w->f), "CC   - Master               C      \n"));
    assert_non_null(strstr(fix_text(&w->f), "IO   - Cancel            O  w      \n"));
    world_free(w);
}

static void a_missing_processor_is_no_corruption(void **state) {
    (void)state;
    struct world *w = world_of(SC_CPU_X64, 6002);
    put(w, 1, 5, 0, 1);
    w->threads[3].prcb = 0xfffff88000001180;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!qlocks");
    assert_non_null(strstr(fix_text(&w->f), "CC   - Master               w     ?\n"));
    assert_non_null(
        strstr(fix_text(&w->f), "The dump does not hold the nt!_KPRCB of 1 of 4 processors."));
    world_free(w);
}

static void every_build_is_read(void **state) {
    (void)state;
    const uint32_t builds[] = {3790, 7601, 9600, 17763, 19041, 22000};
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++) {
        struct world *w = world_of(SC_CPU_X64, builds[i]);
        put(w, 1, 9, 0, 2);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!qlocks");
        assert_non_null(strstr(fix_text(&w->f), "IO   - Vpb                  O      \n"));
        world_free(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_locks_are_blank_as_documented),
        cmocka_unit_test(waiters_stand_in_order),
        cmocka_unit_test(what_cannot_be_is_corrupt),
        cmocka_unit_test(a_missing_processor_is_no_corruption),
        cmocka_unit_test(every_build_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
