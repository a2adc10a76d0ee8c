/* SPDX-License-Identifier: MIT */
/* The x64 step in epilogs: by instructions (version 1), by codes (version 2), and version 3. */
#include "unit/unwind_x64_support.h"

enum { BEGIN = 0x1000, END = 0x1080, OTHER = 0x1200, AT = 0x1060 };

static struct scene *scene_new(const char *info, size_t size) {
    struct scene *s = malloc(sizeof *s);
    assert_non_null(s);
    scene_init(s);
    scene_function(s, BEGIN, END, XDATA);
    scene_function(s, OTHER, OTHER + 0x40, XDATA + 0x40);
    scene_bytes(s, XDATA, info, size);
    scene_bytes(s, XDATA + 0x40, "\x01\x04\x01\x00\x04\x42", 6);
    return s;
}
#define SCENE(info) scene_new(info, sizeof(info) - 1)

static void done(struct scene *s) {
    scene_close(s);
    free(s);
}

/* push rbx; push r12; sub rsp, 0x28 */
#define PUSHES "\x01\x07\x03\x00\x07\x42\x03\xc0\x01\x30"
/* push rbp; sub rsp, 0x40; lea rbp, [rsp + 0x20] */
#define FRAMED "\x01\x0a\x03\x25\x0a\x03\x05\x72\x01\x50"

/* Slots that tell by themselves where they lie. */
static void number_slots(struct scene *s) {
    for (uint32_t at = 0; at < 0x200; at += 8)
        scene_slot(s, at, IMAGE + 0x100000 + at);
}
#define SLOT(at) (IMAGE + 0x100000 + (at))

/* CODE stands at AT; a step from there takes as many bytes of the stack. */
static void leaves(const char *info, size_t info_size, const char *code, size_t size,
                   uint64_t sp_above) {
    struct scene *s = scene_new(info, info_size);
    scene_bytes(s, AT, code, size);
    number_slots(s);
    scene_open(s);
    regs_begin(&s->regs, IMAGE + AT, SP);
    reg_put(&s->regs, X64_RBP, SP + 0x60);
    assert_int_equal(scene_go(s, true, UINT64_MAX), SC_STEP_DONE);
    assert_int_equal(sc_regs_sp(&s->regs) - SP, sp_above);
    assert_int_equal(s->step.how, SC_FRAME_UNWIND);
    done(s);
}
#define PUSHED(code, above) leaves(PUSHES, sizeof(PUSHES) - 1, code, sizeof(code) - 1, above)
#define FRAME(code, above)  leaves(FRAMED, sizeof(FRAMED) - 1, code, sizeof(code) - 1, above)

enum { BODY = 0x40, FRAME_BODY = 0x90 }; /* what all codes take */

static void an_epilog_is_known_by_its_instructions(void **state) {
    (void)state;
    PUSHED("\xc3", 8);
    PUSHED("\xf3\xc3", 8);
    PUSHED("\xf2\xc3", 8);
    PUSHED("\xc2\x00\x00", 8);
    PUSHED("\x5b\xc3", 16);
    PUSHED("\x41\x5c\x5b\xc3", 24);
    PUSHED("\x48\x83\xc4\x28\x41\x5c\x5b\xc3", BODY);
    PUSHED("\x48\x83\xc4\x10\x41\x5c\x5b\xc3", BODY - 0x18); /* what it says, not what it should */
    PUSHED("\x48\x81\xc4\x80\x00\x00\x00\x5b\xc3", 0x90);
}

static void registers_are_popped_in_the_order_of_the_code(void **state) {
    (void)state;
    struct scene *s = SCENE(PUSHES);
    scene_bytes(s, AT, "\x48\x83\xc4\x08\x5e\x41\x5f\xc3", 8); /* pop rsi; pop r15 */
    number_slots(s);
    scene_open(s);
    arrives(s, AT, true, SLOT(0x18), 0x20);
    holds(s, X64_RSI, SLOT(8));
    holds(s, 15, SLOT(0x10));
    kept(s, X64_RBX);
    assert_int_equal(s->step.ret_slot, SP + 0x18);
    done(s);
}

static void the_frame_register_releases_the_frame(void **state) {
    (void)state;
    FRAME("\x48\x8d\x65\x20\x5d\xc3", 0x60 + 0x20 + 16);
    FRAME("\x48\x8d\xa5\x40\x00\x00\x00\x5d\xc3", 0x60 + 0x40 + 16);
    FRAME("\x48\x8d\x63\x20\x5d\xc3", FRAME_BODY); /* rbx is not the frame register */
}

static void a_jump_to_elsewhere_is_a_return(void **state) {
    (void)state;
    PUSHED("\xe9\x9b\x01\x00\x00", 8);                    /* to OTHER */
    PUSHED("\xf2\xe9\x9a\x01\x00\x00", 8);                /* with a bnd prefix */
    PUSHED("\xe9\x9b\x11\x00\x00", 8);                    /* to a leaf */
    PUSHED("\xe9\x9b\xff\xff\xff", 8);                    /* to the function's own start */
    PUSHED("\xeb\x9e", 8);                                /* the same, short */
    PUSHED("\xe9\x00\x00\x00\x00", BODY);                 /* inside */
    PUSHED("\xeb\x02", BODY);                             /* inside, short */
    PUSHED("\xff\x25\x10\x00\x00\x00", 8);                /* an import */
    PUSHED("\x48\xff\x25\x10\x00\x00\x00", 8);            /* with the prefix that says so */
    PUSHED("\x48\xff\xe0", 8);                            /* jmp rax, leaving */
    PUSHED("\x49\xff\xe3", 8);                            /* jmp r11, leaving */
    PUSHED("\xff\xe0", BODY);                             /* jmp rax: a switch */
    PUSHED("\xff\x20", BODY);                             /* jmp [rax], alone */
    PUSHED("\x48\x83\xc4\x28\xff\x20", 0x30);             /* the same behind a release */
    PUSHED("\x5b\xff\x60\x08", BODY);                     /* jmp [rax + 8] is none */
    PUSHED("\x48\x83\xc4\x28\xeb\x02", BODY);             /* a release, but then it stays inside */
    PUSHED("\x5b\x90\xc3", BODY);                         /* not only pops before the return */
    PUSHED("\x48\x83\xc4\x28\x5c\xc3", BODY);             /* pop rsp is no epilog's */
    PUSHED("\x48\x83\xec\x28\x5b\xc3", BODY);             /* sub */
    PUSHED("\x48\x83\xc4\x28\x48\x83\xc4\x28\xc3", BODY); /* two releases */
}

static void a_jump_within_the_function_may_cross_its_parts(void **state) {
    (void)state;
    struct scene *s = SCENE(PUSHES);
    const uint32_t chained[] = {0x21, BEGIN, END, XDATA};
    scene_function(s, 0x1300, 0x1340, XDATA + 0x80);
    peimg_u32s(&s->image, XDATA + 0x80, chained, 4);
    scene_bytes(s, AT, "\xe9\x9b\x02\x00\x00", 5);     /* to the other part */
    scene_bytes(s, 0x1310, "\xe9\xeb\xfc\xff\xff", 5); /* from there to the start: a tail call */
    scene_bytes(s, 0x1320, "\xe9\xeb\xfc\xff\xff", 5); /* and into the body */
    scene_bytes(s, 0x1330, "\xe9\xcb\xff\xff\xff", 5); /* to the part's own start */
    number_slots(s);
    scene_open(s);
    arrives(s, AT, true, SLOT(BODY - 8), BODY);
    arrives(s, 0x1310, true, SLOT(0), 8);
    arrives(s, 0x1320, true, SLOT(BODY - 8), BODY);
    arrives(s, 0x1330, true, SLOT(BODY - 8), BODY);
    done(s);
}

static void in_a_prolog_there_is_no_epilog(void **state) {
    (void)state;
    struct scene *s = SCENE(PUSHES);
    scene_bytes(s, BEGIN + 3, "\xc3", 1);
    number_slots(s);
    scene_open(s);
    arrives(s, BEGIN + 3, true, SLOT(16), 24);
    done(s);
}

static void a_call_at_the_end_is_not_followed_by_the_next_functions_code(void **state) {
    (void)state;
    struct scene *s = SCENE(PUSHES);
    scene_bytes(s, END - 5, "\xe8\x00\x00\x00\x00\xc3", 6);
    number_slots(s);
    scene_open(s);
    arrives(s, END, false, SLOT(BODY - 8), BODY);
    done(s);
}

/* ---- version 2 ---- */

/* push rbx; push r12; sub rsp, 0x28; epilogs of 4 bytes at 0x1040 and at the end */
#define V2_PUSH "\x02\x07\x05\x00\x04\x16\x40\x06\x07\x42\x03\xc0\x01\x30"

static void version_2_says_where_epilogs_are(void **state) {
    (void)state;
    struct scene *s = SCENE(V2_PUSH);
    number_slots(s);
    scene_open(s);
    static const uint32_t starts[] = {0x1040, 0x107c};
    for (size_t i = 0; i < 2; i++) {
        uint32_t start = starts[i];
        arrives(s, start, true, SLOT(16), 24); /* pop r12, two bytes */
        holds(s, 12, SLOT(0));
        holds(s, X64_RBX, SLOT(8));
        arrives(s, start + 2, true, SLOT(8), 16);
        holds(s, X64_RBX, SLOT(0));
        kept(s, 12);
        arrives(s, start + 3, true, SLOT(0), 8);
        kept(s, X64_RBX);
    }
    arrives(s, 0x103f, true, SLOT(BODY - 8), BODY);
    arrives(s, 0x1044, true, SLOT(BODY - 8), BODY);
    done(s);
}

static void version_2_does_not_look_at_instructions(void **state) {
    (void)state;
    struct scene *s = SCENE(V2_PUSH);
    scene_bytes(s, AT, "\x5b\xc3", 2);
    number_slots(s);
    scene_open(s);
    arrives(s, AT, true, SLOT(BODY - 8), BODY);
    done(s);
}

static void version_2_pops_pushed_flags(void **state) {
    (void)state;
    /* push rbx; pushfq as an allocation of 8 below it; epilogs: pop rbx; pop rcx; ret */
    struct scene *s = SCENE("\x02\x02\x04\x00\x03\x16\x00\x06\x02\x30\x01\x02");
    number_slots(s);
    scene_open(s);
    arrives(s, END - 3, true, SLOT(16), 24);
    holds(s, X64_RBX, SLOT(0));
    arrives(s, END - 2, true, SLOT(8), 16);
    kept(s, X64_RBX);
    arrives(s, END - 1, true, SLOT(0), 8);
    done(s);
}

static void version_2_may_end_in_an_interrupt_return(void **state) {
    (void)state;
    /* alloc 0x28; push rbx; a machine frame above an error code, which is gone by then */
    struct scene *s = SCENE("\x02\x05\x05\x00\x03\x16\x00\x06\x05\x42\x01\x30\x00\x1a");
    scene_slot(s, 8, IMAGE + 0x1777);
    scene_slot(s, 8 + 0x18, STACK + 0x100);
    scene_open(s);
    assert_int_equal(scene_step(s, END - 3, true), SC_STEP_DONE);
    assert_int_equal(sc_regs_ip(&s->regs), IMAGE + 0x1777);
    assert_int_equal(sc_regs_sp(&s->regs), STACK + 0x100);
    assert_true(s->step.exact_ip);
    done(s);
}

static void version_2_finds_the_pushes_in_the_parent(void **state) {
    (void)state;
    struct scene *s = SCENE(V2_PUSH);
    scene_function(s, 0x1300, 0x1340, XDATA + 0x80);
    /* chained: an epilog of 4 bytes at the end; rsi saved at 0x20 */
    scene_bytes(s, XDATA + 0x80, "\x22\x00\x04\x00\x04\x16\x00\x06\x00\x64\x04\x00", 12);
    const uint32_t parent[] = {BEGIN, END, XDATA};
    peimg_u32s(&s->image, XDATA + 0x8c, parent, 3);
    number_slots(s);
    scene_open(s);
    arrives(s, 0x133c, true, SLOT(16), 24);
    holds(s, 12, SLOT(0));
    arrives(s, 0x1310, true, SLOT(BODY - 8), BODY);
    holds(s, X64_RSI, SLOT(0x20));
    done(s);
}

static void version_2_that_no_epilog_can_undo_is_damage(void **state) {
    (void)state;
    struct scene *s = SCENE("\x02\x05\x04\x00\x03\x16\x00\x06\x05\x30\x01\x42");
    scene_open(s);
    assert_int_equal(scene_step(s, END - 2, true), SC_STEP_BAD);
    done(s);
}

/* ---- version 3 ---- */

/* push rbx (at 0), push rbp (1), sub rsp, 0x20 (2), mov [rsp+0x10], rsi (6); prolog of 11. One
 * epilog, 6 bytes before the end: add rsp, 0x20 (0), pop rbp (4), pop rbx (5). */
#define V3                                                                                         \
    "\x03\x0b\x0a\x24"                                                                             \
    "\x06\x02\x01\x00"                                                                             \
    "\x18\xfa\xff\x03\x00\x06\x00\x04\x05"                                                         \
    "\x36\x02\x00"                                                                                 \
    "\x38\x2c\x1c\x00"

static void version_3_undoes_what_has_run(void **state) {
    (void)state;
    struct scene *s = SCENE(V3);
    number_slots(s);
    scene_open(s);
    arrives(s, BEGIN, true, SLOT(0), 8);
    kept(s, X64_RBX);
    arrives(s, BEGIN + 1, true, SLOT(8), 16);
    holds(s, X64_RBX, SLOT(0));
    arrives(s, BEGIN + 2, true, SLOT(16), 24);
    holds(s, X64_RBP, SLOT(0));
    arrives(s, BEGIN + 6, true, SLOT(0x30), 0x38);
    kept(s, X64_RSI);
    arrives(s, BEGIN + 11, true, SLOT(0x30), 0x38);
    holds(s, X64_RSI, SLOT(0x10));
    arrives(s, AT, true, SLOT(0x30), 0x38);
    done(s);
}

static void version_3_epilogs_go_on_from_where_they_are(void **state) {
    (void)state;
    struct scene *s = SCENE(V3);
    number_slots(s);
    scene_open(s);
    arrives(s, END - 7, true, SLOT(0x30), 0x38); /* before it: the body */
    holds(s, X64_RSI, SLOT(0x10));
    arrives(s, END - 6, true, SLOT(0x30), 0x38);
    kept(s, X64_RSI);
    arrives(s, END - 2, true, SLOT(16), 24);
    holds(s, X64_RBP, SLOT(0));
    arrives(s, END - 1, true, SLOT(8), 16);
    holds(s, X64_RBX, SLOT(0));
    done(s);
}

/* INFO is version 3 with one operation at 0, a prolog of 4, and this descriptor. */
static void one_wod(const char *wod, size_t size, enum sc_step_status want, uint64_t sp_above) {
    char info[24] = "\x03\x04\x00\x01\x00";
    memcpy(info + 5, wod, size);
    info[2] = (char)((size + 2) / 2);
    struct scene *s = scene_new(info, sizeof info);
    number_slots(s);
    scene_open(s);
    enum sc_step_status got = scene_step(s, AT, true);
    assert_int_equal(got, want);
    if (want == SC_STEP_DONE)
        assert_int_equal(sc_regs_sp(&s->regs) - SP, sp_above);
    done(s);
}
#define WOD(wod, want, above) one_wod(wod, sizeof(wod) - 1, want, above)

static void version_3_descriptors(void **state) {
    (void)state;
    WOD("\x1c", SC_STEP_DONE, 16);                   /* push rbx */
    WOD("\xfc", SC_STEP_DONE, 16);                   /* push r31 */
    WOD("\x67", SC_STEP_DONE, 24);                   /* push r12, r13 */
    WOD("\xe0\x64", SC_STEP_DONE, 24);               /* push2 */
    WOD("\x38", SC_STEP_DONE, 0x28);                 /* alloc 0x20 */
    WOD("\x02\x10\x00", SC_STEP_DONE, 0x88);         /* alloc 8 * 16 */
    WOD("\x01\x90\x00\x00\x00", SC_STEP_DONE, 0x98); /* alloc 0x90 */
    WOD("\x35\x10\x00\x00\x00", SC_STEP_DONE, 8);    /* save rsi far */
    WOD("\x6a\x01\x00", SC_STEP_DONE, 8);            /* save xmm6 */
    WOD("\x69\x10\x00\x00\x00", SC_STEP_DONE, 8);    /* save xmm6 far */
    WOD("\x03\x00", SC_STEP_NO_RULE, 0);             /* a frame whose types are not documented */
    WOD("\x0b", SC_STEP_BAD, 0);                     /* no descriptor */
    WOD("\x30", SC_STEP_BAD, 0);                     /* no descriptor */
    WOD("\x00\x24", SC_STEP_BAD, 0);                 /* rsp as frame register */
    WOD("\x01\x90", SC_STEP_BAD, 0);                 /* cut off */
}

static void version_3_pairs_lie_as_they_were_pushed(void **state) {
    (void)state;
    struct scene *s = SCENE("\x03\x04\x03\x02\x01\x00\x67\xe0\x28\x00");
    number_slots(s);
    scene_open(s);
    arrives(s, AT, true, SLOT(0x20), 0x28);
    holds(s, 13, SLOT(0));
    holds(s, 12, SLOT(8));
    assert_false(is_known(s, X64_RBP));
    assert_false(is_known(s, X64_RBX)); /* push2: which one is on top is not said */
    done(s);
}

static void version_3_frame_register(void **state) {
    (void)state;
    /* mov [rsp+8], rsi (2) behind lea rbp, [rsp+0x20] (1) behind push rbp (0) */
    struct scene *s = scene_new("\x03\x08\x05\x03\x02\x01\x00\x36\x01\x00\x00\x25\x2c\x00", 14);
    number_slots(s);
    scene_open(s);
    regs_begin(&s->regs, IMAGE + AT, SP);
    reg_put(&s->regs, X64_RBP, SP + 0x60);
    assert_int_equal(scene_go(s, true, UINT64_MAX), SC_STEP_DONE);
    assert_int_equal(sc_regs_sp(&s->regs) - SP, 0x50);
    holds(s, X64_RSI, SLOT(0x48));
    holds(s, X64_RBP, SLOT(0x40));
    done(s);
}

static void version_3_parts_are_chained(void **state) {
    (void)state;
    /* An epilog (the last 4 bytes) that goes on in the parent; flag 4 is the chain. */
    struct scene *s =
        scene_new("\x23\x00\x05\x20\x09\xfc\xff\x00\x00\x03\x00\x1c\x00\x00\x00\x00", 16);
    const uint32_t parent[] = {OTHER, OTHER + 0x40, XDATA + 0x40};
    peimg_u32s(&s->image, XDATA + 0x10, parent, 3);
    number_slots(s);
    scene_open(s);
    arrives(s, END - 4, true, SLOT(0x30), 0x38); /* pop rbx, then the parent's 0x28 */
    holds(s, X64_RBX, SLOT(0));
    arrives(s, AT, true, SLOT(0x28), 0x30);
    done(s);
}

static void damaged_version_3_is_said_to_be(void **state) {
    (void)state;
    static const struct {
        const char *info;
        size_t size;
    } cases[] = {
        {"\x03\x04\x00\x01", 4},                 /* operations without a payload */
        {"\x03\x04\x01\x20\x00\x00", 6},         /* an epilog that is cut off */
        {"\x03\x04\x02\x20\x00\x00\x00\x00", 8}, /* an epilog as the one before: none */
        {"\x03\x04\x01\x01\x00\x02", 6},         /* a descriptor that is cut off */
        {"\x43\x04\x00\x00", 4},                 /* LARGE without its byte */
        {"\x03\x04\x04\x20\x09\xe0\xff\x00\x00\x30\x00\x1c", 12}, /* to a parent it lacks */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *s = scene_new(cases[i].info, cases[i].size);
        scene_open(s);
        assert_int_equal(scene_step(s, AT, true), SC_STEP_BAD);
        done(s);
    }
}

static void large_version_3(void **state) {
    (void)state;
    /* A prolog of 0x104 bytes: push rbx at 0x100. */
    struct scene *s = malloc(sizeof *s);
    scene_init(s);
    scene_function(s, 0x1000, 0x1400, XDATA);
    scene_bytes(s, XDATA, "\x43\x04\x02\x01\x01\x00\x01\x1c", 8);
    number_slots(s);
    scene_open(s);
    arrives(s, 0x1100, true, SLOT(0), 8);
    arrives(s, 0x1101, true, SLOT(8), 16);
    arrives(s, 0x1104, true, SLOT(8), 16);
    done(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epilog_is_known_by_its_instructions),
        cmocka_unit_test(registers_are_popped_in_the_order_of_the_code),
        cmocka_unit_test(the_frame_register_releases_the_frame),
        cmocka_unit_test(a_jump_to_elsewhere_is_a_return),
        cmocka_unit_test(a_jump_within_the_function_may_cross_its_parts),
        cmocka_unit_test(in_a_prolog_there_is_no_epilog),
        cmocka_unit_test(a_call_at_the_end_is_not_followed_by_the_next_functions_code),
        cmocka_unit_test(version_2_says_where_epilogs_are),
        cmocka_unit_test(version_2_does_not_look_at_instructions),
        cmocka_unit_test(version_2_pops_pushed_flags),
        cmocka_unit_test(version_2_may_end_in_an_interrupt_return),
        cmocka_unit_test(version_2_finds_the_pushes_in_the_parent),
        cmocka_unit_test(version_2_that_no_epilog_can_undo_is_damage),
        cmocka_unit_test(version_3_undoes_what_has_run),
        cmocka_unit_test(version_3_epilogs_go_on_from_where_they_are),
        cmocka_unit_test(version_3_descriptors),
        cmocka_unit_test(version_3_pairs_lie_as_they_were_pushed),
        cmocka_unit_test(version_3_frame_register),
        cmocka_unit_test(version_3_parts_are_chained),
        cmocka_unit_test(damaged_version_3_is_said_to_be),
        cmocka_unit_test(large_version_3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
