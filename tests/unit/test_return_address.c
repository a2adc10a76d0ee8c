/* SPDX-License-Identifier: MIT */
/* What looks like a return address: calls of every form before it, in code of a module. */
#include "unit/x86_fixture.h"

#include "unwind/return_address.h"

static void calls_of_every_form_are_seen(void **state) {
    (void)state;
    static const struct {
        const char *code; /* its last bytes are the call */
        size_t size;
        bool call, call64;
    } all[] = {
        {"\xe8\1\2\3\4", 5, true, true},         /* call rel32 */
        {"\xff\xd0", 2, true, true},             /* call eax */
        {"\x41\xff\xd2", 3, true, true},         /* call r10 */
        {"\xff\x10", 2, true, true},             /* call [eax] */
        {"\xff\x14\x24", 3, true, true},         /* call [esp] */
        {"\xff\x50\x08", 3, true, true},         /* call [eax+8] */
        {"\xff\x54\x24\x08", 4, true, true},     /* call [esp+8] */
        {"\xff\x90\1\0\0\0", 6, true, true},     /* call [eax+1] */
        {"\xff\x94\x24\1\0\0\0", 7, true, true}, /* call [esp+1] */
        {"\xff\x15\1\2\3\4", 6, true, true},     /* call [disp32] */
        {"\xff\x14\x85\1\2\3\4", 7, true, true}, /* call [eax*4+disp32] */
        {"\x9a\1\2\3\4\x1b\0", 7, true, false},  /* call 1b:4030201 */
        {"\xff\xe0", 2, false, false},           /* jmp eax */
        {"\xff\x25\1\2\3\4", 6, false, false},   /* jmp [disp32] */
        {"\xff\x15\1\2\3", 5, false, false},     /* cut */
        {"\xff\x55", 2, false, false},           /* call [ebp+?], its displacement cut */
        {"\xe8\1\2\3", 4, false, false},
        {"\x90\x90\x90", 3, false, false},
        {"", 0, false, false},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const uint8_t *code = (const uint8_t *)all[i].code;
        if (sc_x86_ends_in_call(code, all[i].size, false) != all[i].call ||
            sc_x86_ends_in_call(code, all[i].size, true) != all[i].call64)
            fail_msg("form %zu", i);
    }
}

static void like_is(struct x86 *x, uint64_t addr, enum sc_return_like want) {
    enum sc_return_like like;
    no_error(sc_return_like(x->u, addr, &like));
    if (like != want)
        fail_msg("0x%llx is %d, want %d", (unsigned long long)addr, like, want);
}

static void places_are_told_apart(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_call(x, TEXT + 0x200);
    x86_poke(x, STACK + 0x40, 0xd0ff); /* call eax, on the stack */
    x86_open(x);
    like_is(x, APP + TEXT + 0x205, SC_RETURN_CALL);
    like_is(x, APP + TEXT + 0x206, SC_RETURN_CODE);
    like_is(x, APP + PEIMG_DATA + 5, SC_RETURN_NO);
    like_is(x, APP + 0x10, SC_RETURN_NO);
    like_is(x, STACK + 0x42, SC_RETURN_OUTSIDE);
    like_is(x, STACK + 0x80, SC_RETURN_NO);
    like_is(x, 0x20000000, SC_RETURN_UNREAD);
    like_is(x, 0xffff, SC_RETURN_NO);
    like_is(x, 0, SC_RETURN_NO);
    x86_free(x);
    x = x86_new();
    x->no_code = true;
    x86_open(x);
    like_is(x, APP + TEXT + 0x205, SC_RETURN_MAYBE);
    like_is(x, APP + PEIMG_DATA, SC_RETURN_MAYBE); /* its headers are not there either */
    x86_free(x);
}

/* The first bytes of what the dump holds: a call may begin before them. */
static void bytes_that_are_cut_off_say_nothing_against_it(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_poke(x, STACK, 0x9090d0ff);
    x86_open(x);
    like_is(x, STACK + 2, SC_RETURN_OUTSIDE);
    like_is(x, STACK + 4, SC_RETURN_UNREAD);
    like_is(x, STACK + 8, SC_RETURN_NO);
    x86_free(x);
}

/* The same of ARM: Thumb has an odd address. */
static void calls_of_arm_are_seen(void **state) {
    (void)state;
    static const struct {
        const char *code;
        bool thumb, call;
    } all[] = {
        {"\x00\xf0\x01\xf8", true, true},   /* bl */
        {"\x00\xf0\x02\xe8", true, true},   /* blx */
        {"\x00\xbf\x98\x47", true, true},   /* nop; blx r3 */
        {"\x00\xbf\x70\x47", true, false},  /* nop; bx lr */
        {"\x00\xf0\x00\xb8", true, false},  /* b.w */
        {"\x01\x00\x00\xeb", false, true},  /* bl */
        {"\x01\x00\x00\x0b", false, true},  /* bleq */
        {"\x01\x00\x00\xfa", false, true},  /* blx */
        {"\x33\xff\x2f\xe1", false, true},  /* blx r3 */
        {"\x01\x00\x00\xea", false, false}, /* b */
        {"\x1e\xff\x2f\xe1", false, false}, /* bx lr */
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct sc_module app = {
            .base = APP, .size = 0x1000, .name = "app", .image = "app.exe"};
        const struct sc_fake_bytes code = {APP + 0x100, all[i].code, 4};
        const struct sc_fake fake = {.sz = sizeof fake,
                                     .cpu = SC_CPU_ARM,
                                     .modules = &app,
                                     .nmodules = 1,
                                     .memory = &code,
                                     .nmemory = 1};
        sc_target *target = NULL;
        sc_unwinder *u = NULL;
        enum sc_return_like like;
        no_error(sc_target_fake(&fake, &target));
        no_error(sc_unwinder_create(target, NULL, &u));
        no_error(sc_return_like(u, APP + 0x104 + all[i].thumb, &like));
        if (like != (all[i].call ? SC_RETURN_CALL : SC_RETURN_CODE))
            fail_msg("form %zu is %d", i, like);
        no_error(sc_return_like(u, APP + 0x106, &like)); /* neither */
        assert_int_equal(like, SC_RETURN_NO);
        sc_unwinder_destroy(u);
        sc_target_close(target);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_of_arm_are_seen),
        cmocka_unit_test(calls_of_every_form_are_seen),
        cmocka_unit_test(places_are_told_apart),
        cmocka_unit_test(bytes_that_are_cut_off_say_nothing_against_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
