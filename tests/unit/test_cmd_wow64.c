/* SPDX-License-Identifier: MIT */
/* `!wow64exts.info` and `!wow64exts.r` in a process of a 64-bit system. */
#include "fake_session.h"

#define TEB64 UINT64_C(0x5cc000)

enum { TEB32 = 0x5ce000, AREA = 0x2afd20, CONTEXT_SIZE = 0x2cc };

struct wow {
    struct fix f;
    uint8_t teb[0x2000], teb32[0x1000], area[4 + CONTEXT_SIZE];
    struct sc_machine m;
    enum sc_cpu cpu;
    unsigned nmemory;
};

/* The addresses of a published session. */
static struct wow *wow_new(void) {
    struct wow *o = calloc(1, sizeof *o);
    assert_non_null(o);
    o->cpu = SC_CPU_X64;
    o->nmemory = 3;
    fix_put(o->teb, 0x8, 0x2afd20, 8);
    fix_put(o->teb, 0x10, 0x2a8000, 8);
    fix_put(o->teb, 0x30, TEB64, 8);
    fix_put(o->teb, 0x60, 0x5ca000, 8);
    fix_put(o->teb, 0x1478, 0x270000, 8);
    fix_put(o->teb, 0x1488, AREA, 8);
    fix_put(o->teb, 0x14d0, 0x7efde248, 8);
    fix_put(o->teb32, 0x4, 0x2f0000, 4);
    fix_put(o->teb32, 0x8, 0x2df000, 4);
    fix_put(o->teb32, 0x18, TEB32, 4);
    fix_put(o->teb32, 0x30, 0x5cb000, 4);
    fix_put(o->teb32, 0xe0c, 0x2b0000, 4);
    fix_put(o->area, 2, 0x14c, 2);
    fix_put(o->area, 4, 0x1003f, 4);
    fix_put(o->area, 4 + 0xb8, 0x7776a91c, 4);
    fix_put(o->area, 4 + 0xbc, 0x23, 4);
    fix_put(o->area, 4 + 0xc4, 0x2efa4c, 4);
    return o;
}

static void wow_open(struct wow *o) {
    static const struct sc_thread thread = {.tid = 0x1234, .teb = TEB64};
    const struct sc_fake_bytes bytes[] = {{TEB64, o->teb, sizeof o->teb},
                                          {AREA, o->area, sizeof o->area},
                                          {TEB32, o->teb32, sizeof o->teb32}};
    const struct sc_regs regs = full_regs(o->cpu);
    o->m = (struct sc_machine){.cpu = o->cpu,
                               .windows = true,
                               .platform = "Windows",
                               .major = 10,
                               .build = 17763,
                               .service_pack = "",
                               .ncpus = 1};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = o->cpu,
                                 .machine = &o->m,
                                 .threads = &thread,
                                 .nthreads = 1,
                                 .memory = bytes,
                                 .nmemory = o->nmemory,
                                 .regs = &regs};
    fake_open(&o->f, &fake, SC_RENDER_TEXT);
    assert_null(sc_session_set_paths(o->f.s, NULL, NULL));
}

static void wow_free(struct wow *o) {
    fix_close(&o->f);
    free(o);
}

static void both_sides_are_shown_as_published(void **state) {
    (void)state;
    struct wow *o = wow_new();
    wow_open(o);
    fix_run(&o->f, "!wow64exts.info");
    fix_has(&o->f, "\n"
                   "Guest (WoW) PEB: 0x5cb000\n"
                   "Native      PEB: 0x5ca000\n"
                   "\n"
                   "Wow64 information for current thread:\n"
                   "Guest (WoW) TEB: 0x5ce000\n"
                   "Native      TEB: 0x5cc000\n"
                   "\n"
                   "Guest (WoW), StackBase   : 0x2f0000\n"
                   "        StackLimit  : 0x2df000\n"
                   "        Deallocation: 0x2b0000\n"
                   "Native, StackBase   : 0x2afd20\n"
                   "        StackLimit  : 0x2a8000\n"
                   "        Deallocation: 0x270000\n");
    fix_has(&o->f, "WOW64_TLS_CPURESERVED:      0x00000000002afd20\n");
    fix_has(&o->f, "WOW64_TLS_LASTWOWCALL:      0x0000000000000000\n"
                   "WOW64_TLS_WOW64INFO:        0x000000007efde248\n");
    wow_free(o);
}

static void the_32_bit_registers_are_shown(void **state) {
    (void)state;
    struct wow *o = wow_new();
    wow_open(o);
    fix_run(&o->f, "!wow64exts.r");
    fix_has(&o->f, "eip=7776a91c esp=002efa4c");
    fix_run(&o->f, "!wow64exts.r 2afd24");
    fix_has(&o->f, "eip=7776a91c esp=002efa4c");
    fix_fails(&o->f, "!wow64exts.r 12345678",
              "the dump holds no 32-bit CONTEXT at 12345678: 0 of 204 bytes");
    wow_free(o);
}

static void a_thread_without_a_32_bit_side_names_its_teb(void **state) {
    (void)state;
    struct wow *o = wow_new();
    o->nmemory = 2; /* the 32-bit TEB is not in the dump */
    wow_open(o);
    fix_fails(&o->f, "!wow64exts.info", "the 64-bit one is at 00000000005cc000");
    wow_free(o);
}

static void systems_of_32_bits_have_no_other_side(void **state) {
    (void)state;
    struct wow *o = wow_new();
    o->cpu = SC_CPU_X86;
    wow_open(o);
    fix_fails(&o->f, "!wow64exts.info", "!wow64exts.info: only systems of x64 have a 32-bit side");
    fix_fails(&o->f, "!wow64exts.r", "!wow64exts.r: only systems of x64 have a 32-bit side");
    wow_free(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_are_shown_as_published),
        cmocka_unit_test(the_32_bit_registers_are_shown),
        cmocka_unit_test(a_thread_without_a_32_bit_side_names_its_teb),
        cmocka_unit_test(systems_of_32_bits_have_no_other_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
