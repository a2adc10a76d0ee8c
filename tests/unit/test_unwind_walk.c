/* SPDX-License-Identifier: MIT */
/* Walks over stacks made by hand: rules, traps, ends. What is guessed: test_unwind_scan.c. */
#include "unit/walk_fixture.h"

/* ---- first instructions, calls to nowhere ---- */

static void at_its_first_instruction_a_function_has_pushed_nothing(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t stop = walk_function(w, "KeBugCheckEx"), caller = walk_function(w, "MmAccessFault");
    walk_put(w, 0, caller + 0x123);
    walk_from(w, stop);
    walk_is(w, 0, stop, SP, SC_FRAME_CONTEXT);
    walk_is(w, 1, caller + 0x123, SP + 8, SC_FRAME_ENTRY);
    const struct sc_frame *f = walk_frame(w, 0);
    assert_true(f->exact_ip);
    assert_true(f->ret == caller + 0x123 && f->ret_slot == SP && f->base == SP + 8);
    assert_false(walk_frame(w, 1)->exact_ip);
    assert_false(walk_frame(w, 1)->suspect);
    assert_int_equal(walk_frame(w, 1)->confidence, 100);
    walk_free(w);
}

static void a_return_address_that_is_none_is_no_entry(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t stop = walk_function(w, "KeBugCheckEx");
    walk_put(w, 0, STACK + 8);
    walk_from(w, stop);
    walk_ends(w, 1, SC_STACK_END_LOST);
    assert_true(walk_frame(w, 0)->ret_slot == 0);
    walk_free(w);
}

static void who_is_not_called_has_no_return_address(void **state) {
    (void)state;
    static const char *const entered[] = {"KiPageFault", "KiSystemServiceCopyEnd",
                                          "KiStartSystemThread"};
    for (size_t i = 0; i < sizeof entered / sizeof *entered; i++) {
        struct walk *w = walk_new();
        uint64_t entry = walk_function(w, entered[i]), left = walk_function(w, "MmAccessFault");
        walk_put(w, 0, left + 0x123);
        w->opts.no_scan = true;
        walk_from(w, entry);
        walk_ends(w, 1, SC_STACK_END_LOST);
        walk_free(w);
    }
}

static void behind_its_first_instruction_the_top_of_the_stack_says_nothing(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t stop = walk_function(w, "KeBugCheckEx"), caller = walk_function(w, "MmAccessFault");
    walk_put(w, 0, caller + 0x123);
    w->opts.no_scan = true;
    walk_from(w, stop + 4);
    walk_ends(w, 1, SC_STACK_END_LOST);
    walk_free(w);
}

static void a_call_through_null_is_left_by_the_top_of_the_stack(void **state) {
    (void)state;
    struct walk *w = walk_new();
    memcpy(w->drv.data + PEIMG_TEXT + 0x10, "\xff\xd0", 2); /* call rax */
    walk_put(w, 0, DRV + PEIMG_TEXT + 0x12);
    walk_from(w, 0);
    walk_is(w, 0, 0, SP, SC_FRAME_CONTEXT);
    walk_is(w, 1, DRV + PEIMG_TEXT + 0x12, SP + 8, SC_FRAME_FITTED);
    walk_free(w);
}

static void a_jump_to_nowhere_without_a_call_below_is_not_left(void **state) {
    (void)state;
    struct walk *w = walk_new();
    walk_put(w, 0, DRV + PEIMG_TEXT + 0x12); /* int 3 stand before it */
    walk_from(w, 0x41414141);
    walk_ends(w, 1, SC_STACK_END_LOST);
    walk_free(w);
}

/* ---- traps ---- */

static void a_trap_handler_is_left_by_its_trap_frame(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t fault = walk_function(w, "KiPageFault"), code = walk_function(w, "MiDemoteSlab");
    walk_trap(w, 0, code + 0x77, SP + 0x190);
    walk_from(w, fault + 0x35e);
    walk_is(w, 1, code + 0x77, SP + 0x190, SC_FRAME_TRAP);
    assert_true(walk_frame(w, 0)->trap == SP);
    const struct sc_frame *f = walk_frame(w, 1);
    assert_true(f->exact_ip);
    static const struct {
        const char *name;
        uint64_t value;
    } want[] = {{"rax", 0x7e30}, {"rcx", 0x7e38}, {"rdx", 0x7e40}, {"r8", 0x7e48},
                {"r9", 0x7e50},  {"r10", 0x7e58}, {"r11", 0x7e60}, {"rbp", 0x7f58}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        uint64_t v = 0;
        assert_true(sc_regs_get(&f->regs, want[i].name, &v));
        assert_int_equal(v, want[i].value);
    }
    /* rax rcx rdx rsp rbp r8 … r11: nobody saved the others */
    assert_int_equal(f->known, 0x0f37);
    walk_free(w);
}

static void a_system_calls_trap_frame_has_three_registers_more(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t service = walk_function(w, "KiSystemServiceCopyEnd");
    walk_trap(w, 0, 0x7ff812345678, 0x12fe00);
    walk_put(w, 0x170, 0x33);
    walk_put(w, 0x188, 0x2b);
    walk_from(w, service + 0x25);
    walk_is(w, 1, 0x7ff812345678, 0x12fe00, SC_FRAME_TRAP);
    uint64_t rbx = 0;
    assert_true(sc_regs_get(&walk_frame(w, 1)->regs, "rbx", &rbx));
    assert_int_equal(rbx, 0x7f40);
    assert_int_equal(walk_frame(w, 1)->known, 0x0fff);
    walk_free(w);
}

static void what_is_no_machine_frame_makes_no_trap_frame(void **state) {
    (void)state;
    static const struct {
        int offset;
        uint64_t value;
    } wrong[] = {{0x170, 0x11},           {0x170, 0x100000010}, {0x178, 0x50244}, {0x178, 0x5024e},
                 {0x178, 1ull << 32 | 2}, {0x188, 0x10},        {0x180, 0x1234}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct walk *w = walk_new();
        uint64_t fault = walk_function(w, "KiPageFault"), code = walk_function(w, "MiDemoteSlab");
        walk_trap(w, 0, code + 0x77, SP + 0x190);
        walk_put(w, wrong[i].offset, wrong[i].value);
        w->opts.no_scan = true;
        walk_from(w, fault + 0x35e);
        walk_ends(w, 1, SC_STACK_END_LOST);
        walk_free(w);
    }
}

static void a_function_with_another_role_is_not_left_by_a_trap_frame(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t other = walk_function(w, "MiDemoteSlab"), code = walk_function(w, "MiFindSlab");
    walk_trap(w, 0, code + 0x77, SP + 0x190);
    w->opts.no_scan = true;
    walk_from(w, other + 0x35e);
    walk_ends(w, 1, SC_STACK_END_LOST);
    walk_free(w);
}

static void a_handler_interrupted_at_null_had_called_through_a_null_pointer(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t fault = walk_function(w, "KiPageFault");
    memcpy(w->drv.data + PEIMG_TEXT + 0x10, "\xff\xd0", 2);
    walk_trap(w, 0, 0, SP + 0x198);
    walk_put(w, 0x198, DRV + PEIMG_TEXT + 0x12);
    walk_from(w, fault + 0x35e);
    walk_is(w, 1, 0, SP + 0x198, SC_FRAME_TRAP);
    walk_is(w, 2, DRV + PEIMG_TEXT + 0x12, SP + 0x1a0, SC_FRAME_FITTED);
    walk_free(w);
}

static void a_trap_frame_that_leads_back_to_itself_is_a_loop(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t fault = walk_function(w, "KiNmiInterrupt");
    walk_trap(w, 0, fault + 0x35e, SP);
    walk_from(w, fault + 0x35e);
    walk_ends(w, 1, SC_STACK_END_LOOP);
    walk_free(w);
}

static void two_trap_frames_that_lead_to_each_other_are_a_loop(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t fault = walk_function(w, "KiNmiInterrupt");
    walk_trap(w, 0, fault + 0x35e, SP + 0x800);
    walk_trap(w, 0x800, fault + 0x35e, SP);
    walk_from(w, fault + 0x35e);
    walk_ends(w, 2, SC_STACK_END_LOOP);
    walk_free(w);
}

static void a_call_on_another_stack_is_left_to_the_first_one(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t callout = walk_function(w, "KySwitchKernelStackCallout");
    uint64_t back = walk_function(w, "KiSwitchKernelStackContinue");
    uint64_t expand = walk_function(w, "KeExpandKernelStackAndCalloutEx");
    walk_put(w, 0x200 - 0x1000, expand + 0xa2);
    walk_trap(w, 0x28 - 0x168, back, STACK + 0x200); /* lower than where it is called from */
    w->opts.no_scan = true;
    walk_from(w, callout + 0x27);
    walk_is(w, 1, back, STACK + 0x200, SC_FRAME_TRAP);
    assert_true(walk_frame(w, 0)->trap == SP + 0x28 - 0x168);
    assert_int_equal(walk_frame(w, 1)->known, 1 << RSP); /* it is no trap: nothing was saved */
    walk_is(w, 2, expand + 0xa2, STACK + 0x208, SC_FRAME_ENTRY);
    walk_free(w);
}

static void a_user_mode_dispatcher_has_the_context_on_its_stack(void **state) {
    (void)state;
    struct walk *w = walk_new();
    w->user = true;
    uint64_t entry = walk_function(w, "KiUserExceptionDispatch");
    walk_context(w, 0, DRV + 0x1080, SP + 0x800);
    walk_from(w, entry + 0x2e);
    walk_is(w, 1, DRV + 0x1080, SP + 0x800, SC_FRAME_TRAP);
    assert_true(walk_frame(w, 1)->exact_ip);
    uint64_t rbx = 0;
    assert_true(sc_regs_get(&walk_frame(w, 1)->regs, "rbx", &rbx));
    assert_int_equal(rbx, 0xb0b0);
    walk_free(w);
}

static void a_context_of_something_else_is_not_followed(void **state) {
    (void)state;
    static const struct {
        int offset;
        uint32_t value;
    } wrong[] = {{0x30, 0x0001001f}, {0x30, 0x00100001}, {0x98, (uint32_t)(SP - 8)}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct walk *w = walk_new();
        w->user = true;
        uint64_t entry = walk_function(w, "KiUserExceptionDispatch");
        walk_context(w, 0, DRV + 0x1080, SP + 0x800);
        walk_put32(w, wrong[i].offset, wrong[i].value);
        w->opts.no_scan = true;
        walk_from(w, entry + 0x2e);
        walk_ends(w, 1, SC_STACK_END_LOST);
        walk_free(w);
    }
}

static void an_x86_dispatcher_has_its_address(void **state) {
    (void)state;
    struct walk *w = walk_new();
    w->cpu = SC_CPU_X86;
    w->user = true;
    uint32_t sp = (uint32_t)SP;
    uint64_t entry = walk_function(w, "KiUserExceptionDispatcher");
    walk_put32(w, 0, sp + 0x10);
    walk_put32(w, 4, sp + 0x100);
    walk_put32(w, 0x100, 0x1003f);
    walk_put32(w, 0x100 + 0xb8, (uint32_t)DRV + 0x1080); /* Eip */
    walk_put32(w, 0x100 + 0xc4, sp + 0x800);             /* Esp */
    walk_regs(w, &w->regs, (uint32_t)(entry + 0xf), sp);
    walk_run(w);
    no_error(w->err);
    walk_is(w, 1, (uint32_t)DRV + 0x1080, sp + 0x800, SC_FRAME_TRAP);
    walk_free(w);
}

/* ---- unwind data ---- */

static void unwind_data_through_a_machine_frame_completes_the_registers(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t code = walk_function(w, "MiDemoteSlab");
    /* PUSH_MACHFRAME with an error code, below it an allocation of 0x160: a KTRAP_FRAME. */
    walk_driver(w, 0x1000, 0x1100, "\x01\x08\x03\x00\x08\x01\x2c\x00\x00\x1a\x00\x00", 12);
    walk_trap(w, 0, code + 0x77, SP + 0x190);
    w->opts.no_scan = true;
    walk_from(w, DRV + 0x1080);
    walk_is(w, 1, code + 0x77, SP + 0x190, SC_FRAME_TRAP);
    assert_true(walk_frame(w, 0)->trap == SP);
    uint64_t rcx = 0;
    assert_true(sc_regs_get(&walk_frame(w, 1)->regs, "rcx", &rcx));
    assert_int_equal(rcx, 0x7e38);
    assert_int_equal(walk_frame(w, 1)->known & 0x0f07, 0x0f07);
    walk_free(w);
}

static void a_machine_frame_that_leads_back_to_itself_is_a_loop(void **state) {
    (void)state;
    struct walk *w = walk_new();
    walk_driver(w, 0x1000, 0x1100, "\x01\x00\x01\x00\x00\x0a\x00\x00", 8);
    walk_put(w, 0, DRV + 0x1080);
    walk_put(w, 0x18, SP);
    walk_from(w, DRV + 0x1080);
    walk_ends(w, 1, SC_STACK_END_LOOP);
    walk_free(w);
}

static void a_stack_that_ends_in_zero_is_complete(void **state) {
    (void)state;
    struct walk *w = walk_new();
    walk_driver(w, 0x1000, 0x1100, "\x01\x04\x01\x00\x04\x42\x00\x00", 8); /* sub rsp, 28h */
    walk_put(w, 0x28, DRV + 0x1050);
    walk_put(w, 0x58, 0);
    walk_from(w, DRV + 0x1080);
    walk_ends(w, 2, SC_STACK_END_DONE);
    walk_is(w, 1, DRV + 0x1050, SP + 0x30, SC_FRAME_UNWIND);
    assert_true(walk_frame(w, 1)->ret == 0);
    walk_free(w);
}

static void home_slots_are_the_arguments(void **state) {
    (void)state;
    struct walk *w = walk_new();
    walk_driver(w, 0x1000, 0x1100, "\x01\x04\x01\x00\x04\x42\x00\x00", 8);
    walk_put(w, 0x28, DRV + 0x1050);
    for (int i = 0; i < 4; i++)
        walk_put(w, 0x30 + 8 * i, 0xa0 + (uint64_t)i);
    walk_from(w, DRV + 0x1080);
    const struct sc_frame *f = walk_frame(w, 0);
    assert_int_equal(f->nparams, 4);
    assert_true(f->param[0] == 0xa0 && f->param[3] == 0xa3);
    walk_free(w);
}

static void arguments_behind_a_trap_lie_where_it_interrupted(void **state) {
    (void)state;
    struct walk *w = walk_new();
    walk_driver(w, 0x1000, 0x1100, "\x01\x00\x01\x00\x00\x0a\x00\x00", 8); /* a machine frame */
    const uint64_t frame[5] = {DRV + 0x1050, 0x10, 0x246, SP + 0x208, 0x18};
    for (int i = 0; i < 5; i++)
        walk_put(w, 8 * i, frame[i]);
    for (int i = 0; i < 4; i++)
        walk_put(w, 0x208 + 8 * i, 0xb0 + (uint64_t)i);
    walk_from(w, DRV + 0x1080);
    walk_is(w, 1, DRV + 0x1050, SP + 0x208, SC_FRAME_TRAP);
    assert_int_equal(walk_frame(w, 0)->nparams, 4);
    assert_true(walk_frame(w, 0)->param[0] == 0xb0 && walk_frame(w, 0)->param[3] == 0xb3);
    walk_free(w);
}

static void arguments_that_the_dump_lacks_are_counted(void **state) {
    (void)state;
    struct walk *w = walk_new();
    walk_driver(w, 0x1000, 0x1100, "\x01\x04\x01\x00\x04\x42\x00\x00", 8);
    walk_put(w, 0x28, DRV + 0x1050);
    walk_put(w, 0x30, 0xa0);
    w->stack_size = 0x1038;
    walk_from(w, DRV + 0x1080);
    assert_int_equal(walk_frame(w, 0)->nparams, 1);
    assert_true(walk_frame(w, 0)->param[0] == 0xa0);
    walk_free(w);
}

/* ---- ends ---- */

static void a_missing_stack_ends_the_walk_and_says_where(void **state) {
    (void)state;
    struct walk *w = walk_new();
    walk_driver(w, 0x1000, 0x1100, "\x01\x04\x01\x00\x04\x42\x00\x00", 8);
    walk_put(w, 0x28, DRV + 0x1050);
    w->stack_size = 0x1030;
    walk_from(w, DRV + 0x1080);
    walk_ends(w, 2, SC_STACK_END_MEMORY);
    assert_true(w->out.end_address == SP + 0x58);
    walk_free(w);
}

static void damaged_unwind_data_is_said(void **state) {
    (void)state;
    struct walk *w = walk_new();
    walk_driver(w, 0x1000, 0x1100, "\x01\x04\x01\x00\x04\x4d\x00\x00", 8); /* no such operation */
    w->opts.no_scan = true;
    walk_from(w, DRV + 0x1080);
    walk_ends(w, 1, SC_STACK_END_BAD);
    assert_true(w->out.end_address - DRV < PEIMG_SIZE);
    walk_free(w);
}

static void no_more_frames_than_were_asked_for(void **state) {
    (void)state;
    struct walk *w = walk_new();
    walk_driver(w, 0x1000, 0x1100, "\x01\x04\x01\x00\x04\x42\x00\x00", 8);
    for (int i = 0; i < 0x40; i++)
        walk_put(w, 0x28 + 0x30 * i, DRV + 0x1050);
    w->opts.max_frames = 5;
    walk_from(w, DRV + 0x1080);
    walk_ends(w, 5, SC_STACK_END_LIMIT);
    w->opts.max_frames = 0;
    walk_run(w);
    no_error(w->err);
    walk_ends(w, 0x41, SC_STACK_END_DONE);
    walk_free(w);
}

static void an_endless_stack_is_cut(void **state) {
    (void)state;
    struct walk *w = walk_new();
    walk_driver(w, 0x1000, 0x1100, "\x01\x00\x00\x00", 4); /* nothing but the return address */
    for (int at = 0; at < STACK_SIZE - 0x1000; at += 8)
        walk_put(w, at, DRV + 0x1050);
    walk_from(w, DRV + 0x1080);
    walk_ends(w, 1024, SC_STACK_END_LIMIT);
    walk_free(w);
}

static void a_cancelled_walk_returns_what_it_has(void **state) {
    (void)state;
    struct walk *w = walk_new();
    walk_driver(w, 0x1000, 0x1100, "\x01\x04\x01\x00\x04\x42\x00\x00", 8);
    walk_put(w, 0x28, DRV + 0x1050);
    walk_regs(w, &w->regs, DRV + 0x1080, SP);
    walk_open(w);
    sc_target_cancel(w->w.target);
    walk_run(w);
    assert_int_equal(sc_err_code(w->err), SC_ERR_CANCELLED);
    walk_ends(w, 0, SC_STACK_END_CANCELLED);
    sc_target_clear_cancel(w->w.target);
    walk_run(w);
    no_error(w->err);
    assert_true(w->out.count > 1);
    walk_free(w);
}

/* ---- parts of functions ---- */

static void a_split_off_block_names_its_function(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct sc_unwind_part part = {0};
    bool found = false;
    walk_driver(w, 0x1000, 0x1040, "\x01\x04\x01\x00\x04\x42\x00\x00", 8);
    /* UNW_FLAG_CHAININFO, no codes, then the RUNTIME_FUNCTION that it continues. */
    static const uint8_t chained[] = {0x21, 0,    0, 0, 0, 0x10, 0, 0,
                                      0x40, 0x10, 0, 0, 0, 0x40, 0, 0};
    walk_driver(w, 0x1200, 0x1220, chained, sizeof chained);
    walk_open(w);
    no_error(sc_unwinder_part(w->u, DRV + 0x1210, &part, &found));
    assert_true(found);
    assert_true(part.start == DRV + 0x1200 && part.end == DRV + 0x1220);
    assert_true(part.root == DRV + 0x1000);
    no_error(sc_unwinder_part(w->u, DRV + 0x1020, &part, &found));
    assert_true(found && part.root == DRV + 0x1000 && part.start == part.root);
    no_error(sc_unwinder_part(w->u, DRV + 0x1300, &part, &found));
    assert_false(found);
    no_error(sc_unwinder_part(w->u, NT + 0x1000, &part, &found));
    assert_false(found);
    walk_free(w);
}

/* ---- other CPUs ---- */

static void arm64_keeps_the_first_return_address_in_a_register(void **state) {
    (void)state;
    struct walk *w = walk_new();
    w->cpu = SC_CPU_ARM64;
    uint64_t stop = walk_function(w, "KeBugCheckEx"), caller = walk_function(w, "MmAccessFault");
    walk_regs(w, &w->regs, stop, SP);
    walk_reg(&w->regs, "lr", (caller + 0x124) ^ UINT64_C(0x0015000000000000)); /* signed */
    walk_run(w);
    no_error(w->err);
    walk_is(w, 1, caller + 0x124, SP, SC_FRAME_ENTRY);
    walk_free(w);
}

static void x86_traps_are_left_by_their_frame(void **state) {
    (void)state;
    struct walk *w = walk_new();
    w->cpu = SC_CPU_X86;
    uint32_t mask = UINT32_MAX, sp = (uint32_t)SP;
    uint64_t fault = walk_function(w, "KiTrap0E"), code = walk_function(w, "MiDemoteSlab");
    for (int i = 0; i < 0x8c; i += 4)
        walk_put32(w, 0x20 + i, 0);
    walk_put32(w, 0x20 + 0x60, sp + 0x200);              /* Ebp */
    walk_put32(w, 0x20 + 0x68, (uint32_t)(code + 0x77)); /* Eip */
    walk_put32(w, 0x20 + 0x6c, 8);                       /* SegCs */
    walk_put32(w, 0x20 + 0x70, 0x10246);                 /* EFlags */
    walk_put32(w, 0x20 + 0x34, 0x23), walk_put32(w, 0x20 + 0x38, 0x23);
    walk_put32(w, 0x20 + 0x50, 0x30);
    walk_regs(w, &w->regs, (fault + 0x80) & mask, sp);
    walk_reg(&w->regs, "ebp", sp + 0x20);
    walk_run(w);
    no_error(w->err);
    walk_is(w, 1, (code + 0x77) & mask, sp + 0x20 + 0x74, SC_FRAME_TRAP);
    assert_true(walk_frame(w, 0)->trap == sp + 0x20);
    walk_free(w);
}

/* ---- names ---- */

static void every_way_has_a_name(void **state) {
    (void)state;
    for (int how = SC_FRAME_CONTEXT; how <= SC_FRAME_INLINE; how++)
        assert_true(strlen(sc_frame_how_name((enum sc_frame_how)how)) > 2);
    for (int end = SC_STACK_END_DONE; end <= SC_STACK_END_CANCELLED; end++)
        assert_true(strlen(sc_stack_end_text((enum sc_stack_end)end)) > 5);
    assert_true(sc_frame_exact(SC_FRAME_DISPATCH) && sc_frame_exact(SC_FRAME_ENTRY));
    assert_false(sc_frame_exact(SC_FRAME_FITTED) || sc_frame_exact(SC_FRAME_SCAN) ||
                 sc_frame_exact(SC_FRAME_POINTER));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_its_first_instruction_a_function_has_pushed_nothing),
        cmocka_unit_test(a_return_address_that_is_none_is_no_entry),
        cmocka_unit_test(who_is_not_called_has_no_return_address),
        cmocka_unit_test(behind_its_first_instruction_the_top_of_the_stack_says_nothing),
        cmocka_unit_test(a_call_through_null_is_left_by_the_top_of_the_stack),
        cmocka_unit_test(a_jump_to_nowhere_without_a_call_below_is_not_left),
        cmocka_unit_test(a_trap_handler_is_left_by_its_trap_frame),
        cmocka_unit_test(a_system_calls_trap_frame_has_three_registers_more),
        cmocka_unit_test(what_is_no_machine_frame_makes_no_trap_frame),
        cmocka_unit_test(a_function_with_another_role_is_not_left_by_a_trap_frame),
        cmocka_unit_test(a_handler_interrupted_at_null_had_called_through_a_null_pointer),
        cmocka_unit_test(a_trap_frame_that_leads_back_to_itself_is_a_loop),
        cmocka_unit_test(two_trap_frames_that_lead_to_each_other_are_a_loop),
        cmocka_unit_test(a_call_on_another_stack_is_left_to_the_first_one),
        cmocka_unit_test(a_user_mode_dispatcher_has_the_context_on_its_stack),
        cmocka_unit_test(a_context_of_something_else_is_not_followed),
        cmocka_unit_test(an_x86_dispatcher_has_its_address),
        cmocka_unit_test(unwind_data_through_a_machine_frame_completes_the_registers),
        cmocka_unit_test(a_machine_frame_that_leads_back_to_itself_is_a_loop),
        cmocka_unit_test(a_stack_that_ends_in_zero_is_complete),
        cmocka_unit_test(home_slots_are_the_arguments),
        cmocka_unit_test(arguments_behind_a_trap_lie_where_it_interrupted),
        cmocka_unit_test(arguments_that_the_dump_lacks_are_counted),
        cmocka_unit_test(a_missing_stack_ends_the_walk_and_says_where),
        cmocka_unit_test(damaged_unwind_data_is_said),
        cmocka_unit_test(no_more_frames_than_were_asked_for),
        cmocka_unit_test(an_endless_stack_is_cut),
        cmocka_unit_test(a_cancelled_walk_returns_what_it_has),
        cmocka_unit_test(a_split_off_block_names_its_function),
        cmocka_unit_test(arm64_keeps_the_first_return_address_in_a_register),
        cmocka_unit_test(x86_traps_are_left_by_their_frame),
        cmocka_unit_test(every_way_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
