/* SPDX-License-Identifier: MIT */
/*
 * What is concluded from a stack's memory where no rule helps: which words are taken for return
 * addresses, which are not, and what is said to be certain.
 */
#include "unit/walk_fixture.h"

/* A stack of three functions of one part of the kernel, without unwind data. */
struct three {
    uint64_t a, b, c;
};

static struct three three(struct walk *w) {
    struct three t = {walk_function(w, "PnpSendIrp"), walk_function(w, "PnpStartDevice"),
                      walk_function(w, "PnpStartDeviceNode")};
    walk_put(w, 0x38, t.b + 0x88);
    walk_put(w, 0x38 + 0x70, t.c + 0xec);
    return t;
}

static bool shows(const struct walk *w, uint64_t ip) {
    for (size_t i = 0; i < w->out.count; i++)
        if (w->out.frame[i].ip == ip)
            return true;
    return false;
}

static void return_addresses_are_found_and_marked(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    walk_from(w, t.a + 0x9e);
    walk_guesses(w, 1, t.b + 0x88, SP + 0x40);
    walk_guesses(w, 2, t.c + 0xec, SP + 0xb0);
    walk_ends(w, 3, SC_STACK_END_LOST);
    assert_true(walk_frame(w, 0)->warn);
    assert_false(walk_frame(w, 1)->warn);
    assert_false(walk_frame(w, 1)->suspect); /* it stands on an exact one, and is none itself */
    assert_true(walk_frame(w, 2)->suspect);
    assert_in_range(walk_frame(w, 1)->confidence, 50, 99);
    assert_true(walk_frame(w, 0)->ret_slot == SP + 0x38);
    assert_int_equal(walk_frame(w, 1)->known, 1 << RSP);
    walk_free(w);
}

static void nothing_is_guessed_when_that_is_not_wanted(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    w->opts.no_scan = true;
    walk_from(w, t.a + 0x9e);
    walk_ends(w, 1, SC_STACK_END_LOST);
    walk_free(w);
}

static void stack_pointers_are_aligned_at_calls(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    walk_put(w, 0x50, t.c + 0x33); /* would leave rsp at …8 */
    walk_from(w, t.a + 0x9e);
    assert_false(shows(w, t.c + 0x33));
    assert_true(shows(w, t.b + 0x88));
    walk_free(w);
}

static void the_home_of_a_callees_parameters_holds_no_return_address(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    walk_put(w, 0x48, t.c + 0x33); /* 8 bytes above the caller's stack pointer */
    walk_from(w, t.a + 0x9e);
    assert_false(shows(w, t.c + 0x33) && shows(w, t.b + 0x88)); /* one of them at most */
    assert_true(shows(w, t.c + 0xec));
    walk_free(w);
}

static void addresses_of_functions_and_variables_are_none(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    uint64_t list = walk_symbol(w, "PsLoadedModuleList", NT_DATA + 0x10000);
    uint64_t lock = walk_symbol(w, "IopDeviceTreeLock", NT_DATA + 0x800);
    walk_put(w, 0x78, t.c);         /* a function's own address */
    walk_put(w, 0x88, lock + 0x60); /* between variables that are known for such */
    walk_put(w, 0x98, list);
    walk_from(w, t.a + 0x9e);
    assert_false(shows(w, t.c));
    assert_false(shows(w, lock + 0x60));
    assert_false(shows(w, list));
    assert_true(shows(w, t.c + 0xec));
    walk_free(w);
}

static void too_far_behind_a_symbol_is_not_in_that_function(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    uint64_t last = walk_symbol(w, "ZwLast", NT_DATA - 0x100000);
    walk_put(w, 0x78, last + 0x42728);
    walk_from(w, t.a + 0x9e);
    assert_false(shows(w, last + 0x42728));
    walk_free(w);
}

static void bytes_in_front_decide_where_there_are_any(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    memcpy(w->drv.data + PEIMG_TEXT + 0x10, "\xff\x15\0\0\0\0", 6);
    walk_put(w, 0x78, DRV + PEIMG_TEXT + 0x16); /* behind a call */
    walk_put(w, 0xd8, DRV + PEIMG_TEXT + 0x96); /* behind int 3 */
    walk_from(w, t.a + 0x9e);
    assert_true(shows(w, DRV + PEIMG_TEXT + 0x16));
    assert_false(shows(w, DRV + PEIMG_TEXT + 0x96));
    walk_free(w);
}

static void an_image_with_unwind_data_takes_over_again(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    walk_driver(w, 0x1000, 0x1100, "\x01\x04\x01\x00\x04\x42\x00\x00", 8); /* sub rsp, 28h */
    memcpy(w->drv.data + PEIMG_TEXT + 0x10, "\xff\x15\0\0\0\0", 6);
    walk_put(w, 0xd8, DRV + PEIMG_TEXT + 0x16);
    walk_put(w, 0x108, t.a + 0x9e);
    walk_from(w, t.a + 0x9e);
    walk_guesses(w, 3, DRV + PEIMG_TEXT + 0x16, SP + 0xe0);
    walk_is(w, 4, t.a + 0x9e, SP + 0x110, SC_FRAME_UNWIND);
    assert_true(walk_frame(w, 4)->suspect);
    walk_free(w);
}

static void what_unwind_data_leads_to_nowhere_is_dropped(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    walk_driver(w, 0x1000, 0x1100, "\x01\x04\x01\x00\x04\x42\x00\x00", 8);
    memcpy(w->drv.data + PEIMG_TEXT + 0x10, "\xff\x15\0\0\0\0", 6);
    walk_put(w, 0xd8, DRV + PEIMG_TEXT + 0x16);
    walk_put(w, 0x108, 0x1234); /* no code */
    walk_from(w, t.a + 0x9e);
    assert_false(shows(w, DRV + PEIMG_TEXT + 0x16));
    walk_free(w);
}

static void a_call_to_somebody_else_makes_a_caller_unlikely(void **state) {
    (void)state;
    for (int other = 0; other < 2; other++) {
        struct walk *w = walk_new();
        uint64_t callee = walk_function(w, "ExReleaseThing"), x = walk_function(w, "ExOtherThing");
        uint64_t target = other ? x : callee, from = DRV + PEIMG_TEXT + 0x15;
        uint32_t rel = (uint32_t)(target - from);
        w->drv.data[PEIMG_TEXT + 0x10] = 0xe8;
        memcpy(w->drv.data + PEIMG_TEXT + 0x11, &rel, 4);
        walk_put(w, 0x38, from);
        walk_from(w, callee + 0x20);
        assert_int_equal(shows(w, from), !other);
        walk_free(w);
    }
}

static void a_lock_does_not_call_the_device_manager(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    uint64_t lock = walk_function(w, "KeAcquireThing");
    walk_put(w, 0x78, lock + 0x30);
    walk_from(w, t.a + 0x9e);
    assert_false(shows(w, lock + 0x30));
    assert_true(shows(w, t.c + 0xec));
    walk_free(w);
}

/* ---- records on the stack ---- */

static void registers_in_a_context_record_are_no_return_addresses(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t dispatch = walk_function(w, "RtlDispatchException");
    uint64_t caller = walk_function(w, "KiDispatchException"), x = walk_function(w, "MiThing");
    walk_context(w, 0x40, x + 0x20, SP + 0x2000);
    walk_put(w, 0x40 + 0x118, x + 0x44); /* …8: where a return address may lie */
    walk_put(w, 0x40 + 0x218, x + 0x55);
    walk_put(w, 0x718, caller + 0x186);
    walk_from(w, dispatch + 0x297);
    walk_guesses(w, 1, caller + 0x186, SP + 0x720);
    assert_false(shows(w, x + 0x44) || shows(w, x + 0x55) || shows(w, x + 0x20));
    walk_free(w);
}

/* A dispatcher's record that names the frame of START, called by FIRST. */
static void dispatcher(struct walk *w, int at, int context, uint64_t start, int start_sp,
                       uint64_t first, int first_sp) {
    walk_put(w, at, start);
    walk_put(w, at + 8, NT);
    walk_put(w, at + 0x10, NT + 0x1000);
    walk_put(w, at + 0x18, SP + (uint64_t)start_sp);
    walk_put(w, at + 0x28, SP + (uint64_t)context);
    walk_context(w, context, first, SP + (uint64_t)first_sp);
    walk_put(w, start_sp - 8, start);
    walk_put(w, first_sp - 8, first);
}

static void frames_that_the_dispatcher_unwound_are_certain(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t dispatch = walk_function(w, "MiBelow"), x = walk_function(w, "MiThing");
    uint64_t start = walk_function(w, "PspSystemThreadStartup") + 0x55;
    uint64_t first = walk_function(w, "KiStartSystemThread") + 0x28;
    dispatcher(w, 0x580, 0x40, start, 0x780, first, 0x7d0);
    walk_put(w, 0x728, x + 0x20);
    walk_from(w, dispatch + 0x297);
    walk_guesses(w, 1, x + 0x20, SP + 0x730);
    walk_is(w, 2, start, SP + 0x780, SC_FRAME_DISPATCH);
    walk_is(w, 3, first, SP + 0x7d0, SC_FRAME_DISPATCH);
    walk_ends(w, 4, SC_STACK_END_DONE);
    assert_false(walk_frame(w, 2)->suspect);
    uint64_t rbx = 0;
    assert_true(sc_regs_get(&walk_frame(w, 3)->regs, "rbx", &rbx));
    assert_int_equal(rbx, 0xb0b0);
    assert_true(walk_frame(w, 3)->known >> 3 & 1);
    walk_free(w);
}

static void a_dispatchers_record_that_the_stack_contradicts_is_old(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t dispatch = walk_function(w, "RtlDispatchException");
    uint64_t start = walk_function(w, "PspSystemThreadStartup") + 0x55;
    uint64_t first = walk_function(w, "KiStartSystemThread") + 0x28;
    dispatcher(w, 0x580, 0x40, start, 0x1000, first, 0x1050);
    walk_put(w, 0x1048, 0); /* the return address is gone */
    walk_from(w, dispatch + 0x297);
    for (size_t i = 0; i < w->out.count; i++)
        assert_int_not_equal(w->out.frame[i].how, SC_FRAME_DISPATCH);
    walk_free(w);
}

static void the_events_registers_are_certain(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct sc_regs event;
    uint64_t bug = walk_function(w, "KeBugCheckEx"), mid = walk_function(w, "KiBugCheckDispatch");
    uint64_t fault = walk_function(w, "KiPageFault"), code = walk_function(w, "MiThing");
    walk_regs(w, &event, code + 0x20, SP + 0x368);
    walk_reg(&event, "rsi", 0x51);
    w->event = &event;
    walk_put(w, 0, mid + 0x69);
    walk_put(w, 0x148, fault + 0x42e);
    walk_trap(w, 0x1d0, code + 0x20, SP + 0x368);
    walk_from(w, bug);
    walk_is(w, 1, mid + 0x69, SP + 8, SC_FRAME_ENTRY);
    walk_is(w, w->out.count - 1, code + 0x20, SP + 0x368, SC_FRAME_TRAP);
    const struct sc_frame *f = walk_frame(w, w->out.count - 1);
    uint64_t rsi = 0;
    assert_true(sc_regs_get(&f->regs, "rsi", &rsi));
    assert_int_equal(rsi, 0x51);
    assert_true(f->exact_ip && !f->suspect && f->known == UINT64_MAX);
    walk_free(w);
}

static void a_handler_right_below_its_trap_frame_is_found_without_the_event(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t bug = walk_function(w, "KeBugCheckEx"), mid = walk_function(w, "KiBugCheckDispatch");
    uint64_t fault = walk_function(w, "KiPageFault"), code = walk_function(w, "MiThing");
    walk_put(w, 0, mid + 0x69);
    for (int i = 0; i < 7; i++) /* KEXCEPTION_FRAME: rbx rdi rsi r12 … r15 */
        walk_put(w, 0x108 + 8 * i, 0xe0 + (uint64_t)i);
    walk_put(w, 0x148, fault + 0x42e);
    walk_trap(w, 0x150, code + 0x20, SP + 0x2e0);
    walk_from(w, bug);
    walk_guesses(w, 2, fault + 0x42e, SP + 0x150);
    walk_is(w, 3, code + 0x20, SP + 0x2e0, SC_FRAME_TRAP);
    assert_true(walk_frame(w, 2)->trap == SP + 0x150);
    uint64_t r12 = 0, rdx = 0;
    assert_true(sc_regs_get(&walk_frame(w, 3)->regs, "r12", &r12));
    assert_true(sc_regs_get(&walk_frame(w, 3)->regs, "rdx", &rdx));
    assert_int_equal(r12, 0xe3);
    assert_int_equal(rdx, 0x7e40);
    assert_int_equal(walk_frame(w, 3)->known, 0xffff);
    walk_free(w);
}

static void without_symbols_a_trap_frame_still_shows_its_handler(void **state) {
    (void)state;
    struct walk *w = walk_new();
    w->no_symbols = true;
    walk_put(w, 0x38, NT + 0x210f31);
    walk_trap(w, 0x40, NT + 0x260077, SP + 0x1d0);
    walk_from(w, NT + 0x200123);
    walk_guesses(w, 1, NT + 0x210f31, SP + 0x40);
    walk_is(w, 2, NT + 0x260077, SP + 0x1d0, SC_FRAME_TRAP);
    walk_free(w);
}

/* ---- cookies ---- */

#define COOKIE UINT64_C(0x00002bd15c0ff1ea)

static void guard(struct walk *w, int sp, int slot) {
    walk_put(w, slot, (SP + (uint64_t)sp) ^ COOKIE);
}

static void cookies_tell_frames_from_leftovers(void **state) {
    (void)state;
    for (int guarded = 0; guarded < 2; guarded++) {
        struct walk *w = walk_new();
        struct three t = three(w);
        uint64_t old = walk_function(w, "PnpOldThing");
        walk_put(w, 0x38 + 0x40, old + 0x10); /* left in the frame of B, below its cookie */
        if (guarded) {
            guard(w, 0x40, 0x98);
            guard(w, 0xb0, 0x138);
        }
        walk_from(w, t.a + 0x9e);
        assert_int_equal(shows(w, old + 0x10), !guarded);
        if (guarded) {
            walk_guesses(w, 1, t.b + 0x88, SP + 0x40);
            walk_guesses(w, 2, t.c + 0xec, SP + 0xb0);
            assert_in_range(walk_frame(w, 1)->confidence, 90, 99);
        }
        walk_free(w);
    }
}

static void one_frame_alone_makes_no_cookie(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    uint64_t old = walk_function(w, "PnpOldThing");
    walk_put(w, 0x38 + 0x40, old + 0x10);
    guard(w, 0x40, 0x98);
    walk_from(w, t.a + 0x9e);
    assert_true(shows(w, old + 0x10));
    walk_free(w);
}

static void a_cookie_that_the_dump_holds_is_taken(void **state) {
    (void)state;
    for (int held = 0; held < 2; held++) {
        struct walk *w = walk_new();
        struct three t = three(w);
        uint64_t old = walk_function(w, "PnpOldThing");
        walk_symbol(w, "__security_cookie", NT_WORD);
        w->nt_word = held ? COOKIE : 1;
        walk_put(w, 0x38 + 0x40, old + 0x10);
        guard(w, 0x40, 0x98); /* of one frame alone */
        walk_from(w, t.a + 0x9e);
        assert_int_equal(shows(w, old + 0x10), !held);
        walk_free(w);
    }
}

/* ---- bounds ---- */

static void a_stack_full_of_return_addresses_ends(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    for (int at = 0; at < STACK_SIZE - 0x1000; at += 8)
        walk_put(w, at, t.b + 0x88);
    walk_from(w, t.a + 0x9e);
    assert_true(w->out.count <= 1024);
    for (size_t i = 1; i < w->out.count; i++)
        assert_true(w->out.frame[i].sp > w->out.frame[i - 1].sp);
    walk_free(w);
}

static void a_known_stack_is_not_left(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    w->opts.range[0] = (struct sc_stack_range){SP - 0x100, SP + 0x80};
    w->opts.nranges = 1;
    walk_from(w, t.a + 0x9e);
    walk_guesses(w, 1, t.b + 0x88, SP + 0x40);
    walk_ends(w, 2, SC_STACK_END_LOST);
    walk_free(w);
}

static void without_memory_nothing_is_found(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    w->stack_size = 0x1000; /* ends below rsp */
    walk_from(w, t.a + 0x9e);
    walk_ends(w, 1, SC_STACK_END_LOST);
    walk_regs(w, &w->regs, t.a + 0x9e, SP + 0x3d); /* and a wild stack pointer */
    walk_run(w);
    no_error(w->err);
    walk_regs(w, &w->regs, t.a + 0x9e, UINT64_MAX - 4);
    walk_run(w);
    no_error(w->err);
    walk_ends(w, 1, SC_STACK_END_LOST);
    walk_free(w);
}

static void the_outermost_function_ends_the_stack(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t worker = walk_function(w, "ExpWorkerThread");
    uint64_t start = walk_function(w, "PspSystemThreadStartup");
    uint64_t first = walk_function(w, "KiStartSystemThread"), x = walk_function(w, "MiThing");
    walk_put(w, 0x38, start + 0x55);
    walk_put(w, 0x88, first + 0x28);
    walk_put(w, 0xe8, x + 0x28); /* above the outermost frame nothing is left to return to */
    walk_from(w, worker + 0x105);
    walk_guesses(w, 1, start + 0x55, SP + 0x40);
    walk_guesses(w, 2, first + 0x28, SP + 0x90);
    walk_ends(w, 3, SC_STACK_END_DONE);
    walk_free(w);
}

static void a_thread_does_not_start_in_the_middle_of_its_stack(void **state) {
    (void)state;
    struct walk *w = walk_new();
    struct three t = three(w);
    uint64_t worker = walk_function(w, "ExpWorkerThread");
    uint64_t start = walk_function(w, "PspSystemThreadStartup");
    uint64_t first = walk_function(w, "KiStartSystemThread");
    walk_put(w, 0x78, start + 0x55); /* a leftover: a register's value */
    walk_put(w, 0x148, worker + 0x105);
    walk_put(w, 0x1e8, start + 0x55);
    walk_put(w, 0x238, first + 0x28);
    walk_from(w, t.a + 0x9e);
    walk_guesses(w, 1, t.b + 0x88, SP + 0x40);
    walk_guesses(w, 2, t.c + 0xec, SP + 0xb0);
    walk_guesses(w, 3, worker + 0x105, SP + 0x150);
    walk_guesses(w, 4, start + 0x55, SP + 0x1f0);
    walk_ends(w, 6, SC_STACK_END_DONE);
    walk_free(w);
}

/* ---- other CPUs ---- */

static void arm64_follows_pairs_of_frame_pointer_and_return_address(void **state) {
    (void)state;
    struct walk *w = walk_new();
    w->cpu = SC_CPU_ARM64;
    w->no_symbols = true;
    walk_put(w, 0x00, SP + 0x100);
    walk_put(w, 0x08, NT + 0x200124);
    walk_put(w, 0x40, SP + 0x60); /* an older chain, which leads into the living one */
    walk_put(w, 0x48, NT + 0x201124);
    walk_put(w, 0x60, SP + 0x100);
    walk_put(w, 0x68, NT + 0x202124);
    walk_put(w, 0x100, 0);
    walk_put(w, 0x108, NT + 0x203124);
    walk_regs(w, &w->regs, NT + 0x204124, SP);
    walk_reg(&w->regs, "fp", SP);
    walk_run(w);
    no_error(w->err);
    assert_true(walk_frame(w, 1)->ip == NT + 0x200124);
    assert_true(walk_frame(w, 2)->ip == NT + 0x203124);
    assert_false(shows(w, NT + 0x201124) || shows(w, NT + 0x202124));
    walk_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(return_addresses_are_found_and_marked),
        cmocka_unit_test(nothing_is_guessed_when_that_is_not_wanted),
        cmocka_unit_test(stack_pointers_are_aligned_at_calls),
        cmocka_unit_test(the_home_of_a_callees_parameters_holds_no_return_address),
        cmocka_unit_test(addresses_of_functions_and_variables_are_none),
        cmocka_unit_test(too_far_behind_a_symbol_is_not_in_that_function),
        cmocka_unit_test(bytes_in_front_decide_where_there_are_any),
        cmocka_unit_test(an_image_with_unwind_data_takes_over_again),
        cmocka_unit_test(what_unwind_data_leads_to_nowhere_is_dropped),
        cmocka_unit_test(a_call_to_somebody_else_makes_a_caller_unlikely),
        cmocka_unit_test(a_lock_does_not_call_the_device_manager),
        cmocka_unit_test(registers_in_a_context_record_are_no_return_addresses),
        cmocka_unit_test(frames_that_the_dispatcher_unwound_are_certain),
        cmocka_unit_test(a_dispatchers_record_that_the_stack_contradicts_is_old),
        cmocka_unit_test(the_events_registers_are_certain),
        cmocka_unit_test(a_handler_right_below_its_trap_frame_is_found_without_the_event),
        cmocka_unit_test(without_symbols_a_trap_frame_still_shows_its_handler),
        cmocka_unit_test(cookies_tell_frames_from_leftovers),
        cmocka_unit_test(one_frame_alone_makes_no_cookie),
        cmocka_unit_test(a_cookie_that_the_dump_holds_is_taken),
        cmocka_unit_test(a_stack_full_of_return_addresses_ends),
        cmocka_unit_test(a_known_stack_is_not_left),
        cmocka_unit_test(without_memory_nothing_is_found),
        cmocka_unit_test(the_outermost_function_ends_the_stack),
        cmocka_unit_test(a_thread_does_not_start_in_the_middle_of_its_stack),
        cmocka_unit_test(arm64_follows_pairs_of_frame_pointer_and_return_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
