/* SPDX-License-Identifier: MIT */
/* The x64 step by unwind codes: each operation, prologs, chains, leaves, machine frames, damage. */
#include "unit/unwind_x64_support.h"

/* Opens an image with one function, 0x1000 … 0x1080, whose UNWIND_INFO is INFO. */
#define ONE(s, info)                                                                               \
    do {                                                                                           \
        scene_init(s);                                                                             \
        scene_function(s, 0x1000, 0x1080, XDATA);                                                  \
        scene_bytes(s, XDATA, info, sizeof(info) - 1);                                             \
    } while (0)

static struct scene *scene_new(void) {
    struct scene *s = malloc(sizeof *s);
    assert_non_null(s);
    return s;
}

static void done(struct scene *s) {
    scene_close(s);
    free(s);
}

/* ---- operations ---- */

static void a_push_is_popped(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x03\x02\x00\x03\xc0\x01\x30"); /* r12, rbx */
    scene_slot(s, 0, 12);
    scene_slot(s, 8, 3);
    scene_slot(s, 16, RETURN);
    scene_open(s);
    arrives(s, 0x1040, true, RETURN, 24);
    holds(s, X64_RBX, 3);
    holds(s, 12, 12);
    kept(s, X64_RSI);
    assert_int_equal(s->step.how, SC_FRAME_UNWIND);
    assert_int_equal(s->step.ret_slot, SP + 16);
    assert_false(s->step.exact_ip);
    assert_int_equal(s->step.trap, 0);
    done(s);
}

static void allocations_of_each_size(void **state) {
    (void)state;
    static const struct {
        const char *info;
        size_t size;
        uint32_t bytes;
    } cases[] = {
        {"\x01\x04\x01\x00\x04\x02", 6, 8},
        {"\x01\x04\x01\x00\x04\xf2", 6, 128},
        {"\x01\x07\x02\x00\x07\x01\x11\x00", 8, 0x88},
        {"\x01\x07\x03\x00\x07\x11\x88\x00\x00\x00", 10, 0x88},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *s = scene_new();
        scene_init(s);
        scene_function(s, 0x1000, 0x1080, XDATA);
        scene_bytes(s, XDATA, cases[i].info, cases[i].size);
        scene_slot(s, cases[i].bytes, RETURN);
        scene_open(s);
        arrives(s, 0x1040, true, RETURN, cases[i].bytes + 8);
        done(s);
    }
}

static void a_huge_allocation_leads_out_of_the_stack(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x07\x03\x00\x07\x11\xf8\xff\xff\xff");
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_MEMORY);
    assert_int_equal(s->step.missing, SP + 0xfffffff8);
    assert_int_equal(sc_regs_sp(&s->regs), SP); /* untouched */
    done(s);
}

static void saved_registers_come_from_their_slots(void **state) {
    (void)state;
    struct scene *s = scene_new();
    /* rsi at 0x40, rdi far at 0x48, xmm6 at 0x20, xmm7 far at 0x30, alloc 0x50 */
    ONE(s, "\x01\x20\x0b\x00\x20\x64\x08\x00\x1c\x75\x48\x00\x00\x00\x18\x68\x02\x00"
           "\x14\x79\x30\x00\x00\x00\x04\x92");
    for (uint32_t at = 0x20; at < 0x50; at += 8)
        scene_slot(s, at, 0xabc0000 + at);
    scene_slot(s, 0x50, RETURN);
    scene_open(s);
    arrives(s, 0x1040, true, RETURN, 0x58);
    holds(s, X64_RSI, 0xabc0040);
    holds(s, X64_RDI, 0xabc0048);
    assert_memory_equal(s->regs.raw + 0x1a0 + 6 * 16, s->stack + SP_OFFSET + 0x20, 16);
    assert_memory_equal(s->regs.raw + 0x1a0 + 7 * 16, s->stack + SP_OFFSET + 0x30, 16);
    done(s);
}

/* push rbp; sub rsp, 0x40; lea rbp, [rsp+0x20]; mov [rsp+0x30], rsi: codes at 1, 5, 10, 15 */
static const char framed[] = "\x01\x0f\x05\x25\x0f\x64\x06\x00\x0a\x03\x05\x72\x01\x50";

static void a_frame_register_tells_where_the_frame_is(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, framed);
    scene_slot(s, 0x130, 0x51);
    scene_slot(s, 0x140, 0xb9);
    scene_slot(s, 0x148, RETURN);
    scene_open(s);
    regs_begin(&s->regs, IMAGE + 0x1040, SP); /* rsp has moved 0x100 further down */
    reg_put(&s->regs, X64_RBP, SP + 0x120);
    assert_int_equal(scene_go(s, true, UINT64_MAX), SC_STEP_DONE);
    assert_int_equal(sc_regs_ip(&s->regs), RETURN);
    assert_int_equal(sc_regs_sp(&s->regs), SP + 0x150);
    holds(s, X64_RSI, 0x51);
    holds(s, X64_RBP, 0xb9);
    done(s);
}

static void without_its_frame_register_a_frame_cannot_be_left(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, framed);
    scene_open(s);
    regs_begin(&s->regs, IMAGE + 0x1040, SP);
    assert_int_equal(scene_go(s, true, ~(1ull << X64_RBP)), SC_STEP_NO_RULE);
    regs_begin(&s->regs, IMAGE + 0x1040, SP);
    assert_int_equal(scene_go(s, true, ~(1ull << X64_RSP)), SC_STEP_NO_RULE);
    done(s);
}

static void a_frame_register_below_the_stack_pointer_is_no_rule(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, framed);
    scene_slot(s, 0, 1);
    scene_open(s);
    regs_begin(&s->regs, IMAGE + 0x1040, SP);
    reg_put(&s->regs, X64_RBP, SP - 0x100);
    assert_int_equal(scene_go(s, true, UINT64_MAX), SC_STEP_NO_RULE);
    assert_int_equal(sc_regs_sp(&s->regs), SP);
    done(s);
}

static void a_pushed_stack_pointer_is_passed_over(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x03\x02\x00\x03\x40\x01\x30"); /* rsp, rbx */
    scene_slot(s, 0, SP + 8);
    scene_slot(s, 8, 3);
    scene_slot(s, 16, RETURN);
    scene_open(s);
    arrives(s, 0x1040, true, RETURN, 24);
    holds(s, X64_RBX, 3);
    done(s);
}

static void obsolete_saves_are_passed_over(void **state) {
    (void)state;
    struct scene *s = scene_new();
    /* version 1: SAVE_XMM (2 slots), SAVE_XMM_FAR (3), alloc 0x28 */
    ONE(s, "\x01\x14\x06\x00\x14\x66\x01\x00\x0c\x77\x10\x00\x00\x00\x04\x42");
    scene_slot(s, 0x28, RETURN);
    scene_open(s);
    arrives(s, 0x1040, true, RETURN, 0x30);
    done(s);
}

/* ---- positions in the prolog ---- */

static void before_the_prolog_nothing_is_undone(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, framed);
    scene_slot(s, 0, RETURN);
    scene_open(s);
    arrives(s, 0x1000, true, RETURN, 8);
    kept(s, X64_RBP);
    done(s);
}

static void an_instruction_that_has_not_run_is_not_undone(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, framed);
    scene_slot(s, 0, 0xb9);
    scene_slot(s, 8, RETURN);
    scene_slot(s, 0x40, 0xbb);
    scene_slot(s, 0x48, RETURN + 1);
    scene_open(s);
    arrives(s, 0x1001, true, RETURN, 16); /* behind the push */
    holds(s, X64_RBP, 0xb9);
    arrives(s, 0x1005, true, RETURN + 1, 0x50); /* behind the allocation, rbp not set yet */
    holds(s, X64_RBP, 0xbb);
    kept(s, X64_RSI);
    done(s);
}

static void from_the_frame_register_on_it_counts(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, framed);
    scene_slot(s, 0x40, 0xb9);
    scene_slot(s, 0x48, RETURN);
    scene_slot(s, 0x30, 0x51);
    scene_open(s);
    regs_begin(&s->regs, IMAGE + 0x100a, SP);
    reg_put(&s->regs, X64_RBP, SP + 0x20);
    assert_int_equal(scene_go(s, true, UINT64_MAX), SC_STEP_DONE);
    assert_int_equal(sc_regs_sp(&s->regs), SP + 0x50);
    kept(s, X64_RSI); /* its save has not run */
    regs_begin(&s->regs, IMAGE + 0x100f, SP);
    reg_put(&s->regs, X64_RBP, SP + 0x20);
    assert_int_equal(scene_go(s, true, UINT64_MAX), SC_STEP_DONE);
    holds(s, X64_RSI, 0x51);
    done(s);
}

static void before_the_frame_register_saves_count_from_the_stack_pointer(void **state) {
    (void)state;
    struct scene *s = scene_new();
    /* sub rsp, 0x40 (4); mov [rsp+0x30], rsi (9); lea rbp, [rsp+0x20] (14); push rbp was at 0 */
    ONE(s, "\x01\x0e\x05\x25\x0e\x03\x09\x64\x06\x00\x04\x72\x00\x50");
    scene_slot(s, 0x30, 0x51);
    scene_slot(s, 0x40, 0xb9);
    scene_slot(s, 0x48, RETURN);
    scene_open(s);
    arrives(s, 0x100b, true, RETURN, 0x50);
    holds(s, X64_RSI, 0x51);
    holds(s, X64_RBP, 0xb9);
    done(s);
}

/* ---- what a step knows afterwards ---- */

static void volatile_registers_are_not_known_in_the_caller(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    scene_slot(s, 0x28, RETURN);
    scene_open(s);
    arrives(s, 0x1040, true, RETURN, 0x30);
    assert_int_equal(s->step.known, 0xffff & ~UNKNOWN_VOLATILES);
    done(s);
}

static void a_volatile_register_that_codes_restore_is_known(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x09\x03\x00\x09\x24\x02\x00\x04\x42"); /* rdx at 0x10 */
    scene_slot(s, 0x10, 0xdd);
    scene_slot(s, 0x28, RETURN);
    scene_open(s);
    arrives(s, 0x1040, true, RETURN, 0x30);
    holds(s, X64_RDX, 0xdd);
    assert_false(is_known(s, X64_RCX));
    done(s);
}

static void an_absent_slot_makes_its_register_unknown_and_no_more(void **state) {
    (void)state;
    struct scene *s = scene_new();
    /* rsi at 0x2000, which the dump lacks; alloc 0x28 */
    ONE(s, "\x01\x09\x03\x00\x09\x64\x00\x04\x04\x42");
    scene_slot(s, 0x28, RETURN);
    scene_open(s);
    arrives(s, 0x1040, true, RETURN, 0x30);
    assert_false(is_known(s, X64_RSI));
    assert_true(is_known(s, X64_RDI));
    done(s);
}

static void an_absent_return_address_is_named(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    s->stack_cut = SP_OFFSET + 0x2c;
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_MEMORY);
    assert_int_equal(s->step.missing, SP + 0x2c);
    done(s);
}

static void a_caller_at_zero_is_the_end(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    scene_open(s);
    arrives(s, 0x1040, true, 0, 0x30);
    done(s);
}

/* ---- chains and entries ---- */

static void a_chained_part_goes_on_in_its_parent(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x05\x02\x00\x05\x72\x01\x30"); /* alloc 0x40, push rbx */
    scene_function(s, 0x1100, 0x1140, XDATA + 0x20);
    /* chained: rsi at 0x30; prolog of 5 */
    scene_bytes(s, XDATA + 0x20, "\x21\x05\x02\x00\x05\x64\x06\x00\x00\x10\x00\x00\x80\x10", 14);
    scene_bytes(s, XDATA + 0x2e, "\x00\x00\x00\x40\x00\x00", 6);
    scene_slot(s, 0x30, 0x51);
    scene_slot(s, 0x40, 0xbb);
    scene_slot(s, 0x48, RETURN);
    scene_open(s);
    arrives(s, 0x1120, true, RETURN, 0x50);
    holds(s, X64_RSI, 0x51);
    holds(s, X64_RBX, 0xbb);
    arrives(s, 0x1101, true, RETURN, 0x50); /* in the part's prolog: the parent's has run */
    kept(s, X64_RSI);
    done(s);
}

/* Parts 0 … N - 1, each chained to the next; the last one to LAST. */
static void chain(struct scene *s, unsigned n, uint32_t last) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t next = i + 1 < n ? XDATA + 0x10 * (i + 1) : last;
        const uint32_t words[4] = {0x21, 0x1000, 0x1080, next};
        peimg_u32s(&s->image, XDATA + 0x10 * i, words, 4);
    }
}

static void chains_have_a_bound(void **state) {
    (void)state;
    struct scene *s = scene_new();
    scene_init(s);
    scene_function(s, 0x1000, 0x1080, XDATA);
    chain(s, 32, XDATA + 0x10 * 32);
    scene_bytes(s, XDATA + 0x10 * 32, "\x01\x00\x00\x00", 4);
    scene_slot(s, 0, RETURN);
    scene_open(s);
    arrives(s, 0x1040, true, RETURN, 8);
    done(s);
    s = scene_new();
    scene_init(s);
    scene_function(s, 0x1000, 0x1080, XDATA);
    chain(s, 33, XDATA + 0x10 * 33);
    scene_bytes(s, XDATA + 0x10 * 33, "\x01\x00\x00\x00", 4);
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_BAD);
    done(s);
}

static void a_chain_that_comes_back_is_damage(void **state) {
    (void)state;
    struct scene *s = scene_new();
    scene_init(s);
    scene_function(s, 0x1000, 0x1080, XDATA);
    chain(s, 3, XDATA);
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_BAD);
    assert_true(s->step.missing >= IMAGE + XDATA && s->step.missing < IMAGE + XDATA + 0x30);
    done(s);
}

static void an_entry_may_stand_for_another(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x05\x02\x00\x05\x72\x01\x30");
    scene_function(s, 0x1100, 0x1140, PDATA | 1); /* the code there is a part of the first */
    scene_slot(s, 0x40, 0xbb);
    scene_slot(s, 0x48, RETURN);
    scene_open(s);
    arrives(s, 0x1100, true, RETURN, 0x50);
    holds(s, X64_RBX, 0xbb);
    done(s);
}

static void entries_that_stand_for_each_other_are_damage(void **state) {
    (void)state;
    struct scene *s = scene_new();
    scene_init(s);
    scene_function(s, 0x1000, 0x1080, (PDATA + 12) | 1);
    scene_function(s, 0x1100, 0x1180, PDATA | 1);
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_BAD);
    done(s);
}

static void a_function_without_an_entry_is_a_leaf(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    scene_slot(s, 0, RETURN);
    scene_open(s);
    arrives(s, 0x1090, true, RETURN, 8);
    assert_int_equal(s->step.how, SC_FRAME_LEAF);
    assert_int_equal(s->step.known, 0xffff & ~UNKNOWN_VOLATILES);
    arrives(s, 0x0800, true, RETURN, 8); /* before the first entry */
    arrives(s, 0x1080, true, RETURN, 8); /* behind the last */
    done(s);
}

static void a_caller_is_a_leaf_only_if_a_return_address_lies_there(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    scene_bytes(s, 0x1f10 - 5, "\xe8\x01\x02\x03\x04", 5);
    scene_slot(s, 0, RETURN);
    scene_open(s);
    arrives(s, 0x1090, false, RETURN, 8);
    done(s);
    s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    scene_slot(s, 0, RETURN); /* not behind a call here */
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1090, false), SC_STEP_NO_RULE);
    done(s);
}

static void without_a_table_there_is_no_rule(void **state) {
    (void)state;
    struct scene *s = scene_new();
    scene_init(s);
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_NO_RULE);
    regs_begin(&s->regs, 0x12345678, SP); /* outside of all modules */
    assert_int_equal(scene_go(s, true, UINT64_MAX), SC_STEP_NO_RULE);
    done(s);
}

static void a_table_of_another_machine_is_no_rule(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    peimg_u16(&s->image, PEIMG_NT + 4, 0xaa64);
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_NO_RULE);
    done(s);
}

static void a_call_may_be_the_last_instruction(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    scene_function(s, 0x1080, 0x10c0, XDATA + 0x20); /* begins where the first one ends */
    scene_bytes(s, XDATA + 0x20, "\x01\x04\x01\x00\x04\x62", 6);
    scene_bytes(s, 0x1080 - 5, "\xe8\x01\x02\x03\x04", 5);
    scene_slot(s, 0x28, RETURN);
    scene_slot(s, 0, RETURN + 1);
    scene_open(s);
    arrives(s, 0x1080, false, RETURN, 0x30);
    arrives(s, 0x1080, true, RETURN + 1, 8); /* interrupted there, it is the second one */
    done(s);
}

static void a_return_address_that_was_made_up_is_where_it_says(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    scene_function(s, 0x1080, 0x10c0, XDATA + 0x20);
    scene_bytes(s, XDATA + 0x20, "\x01\x04\x01\x00\x04\x62", 6);
    scene_slot(s, 0, RETURN + 1); /* no call before 0x1080: a thread's first frame */
    scene_open(s);
    arrives(s, 0x1080, false, RETURN + 1, 8);
    done(s);
}

/* ---- machine frames ---- */

static void machine_frame(struct scene *s, uint32_t at) {
    scene_slot(s, at, IMAGE + 0x1777);
    scene_slot(s, at + 8, 0x10);
    scene_slot(s, at + 0x10, 0x10246);
    scene_slot(s, at + 0x18, STACK + 0x100); /* below: another stack */
    scene_slot(s, at + 0x20, 0x18);
}

static void crossed(struct scene *s, uint64_t trap) {
    uint64_t cs = 0, ss = 0;
    assert_int_equal(sc_regs_ip(&s->regs), IMAGE + 0x1777);
    assert_int_equal(sc_regs_sp(&s->regs), STACK + 0x100);
    assert_int_equal(sc_regs_flags(&s->regs), 0x10246);
    assert_true(sc_regs_get(&s->regs, "cs", &cs) && sc_regs_get(&s->regs, "ss", &ss));
    assert_int_equal(cs, 0x10);
    assert_int_equal(ss, 0x18);
    assert_int_equal(s->step.how, SC_FRAME_TRAP);
    assert_true(s->step.exact_ip);
    assert_int_equal(s->step.trap, trap);
    assert_int_equal(s->step.ret_slot, trap);
    assert_int_equal(s->step.known, 0xffff & ~UNKNOWN_VOLATILES);
}

static void a_machine_frame_is_crossed(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x05\x03\x00\x05\x42\x01\x50\x00\x0a"); /* alloc 0x28, push rbp, machine frame */
    scene_slot(s, 0x28, 0xb9);
    machine_frame(s, 0x30);
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_DONE);
    crossed(s, SP + 0x30);
    holds(s, X64_RBP, 0xb9);
    done(s);
}

static void a_machine_frame_may_stand_above_an_error_code(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x05\x03\x00\x05\x42\x01\x50\x00\x1a");
    scene_slot(s, 0x28, 0xb9);
    scene_slot(s, 0x30, 0xe0de);
    machine_frame(s, 0x38);
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_DONE);
    crossed(s, SP + 0x38);
    done(s);
}

static void an_absent_machine_frame_is_named(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x00\x01\x00\x00\x0a");
    machine_frame(s, 0);
    s->stack_cut = SP_OFFSET + 0x18;
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_MEMORY);
    assert_int_equal(s->step.missing, SP + 0x18);
    done(s);
}

/* ---- damage ---- */

static void damaged_information_is_said_to_be(void **state) {
    (void)state;
    static const struct {
        const char *info;
        size_t size;
    } cases[] = {
        {"\x00\x04\x01\x00\x04\x42", 6},         /* version 0 */
        {"\x01\x04\x01\x00\x04\x0b", 6},         /* operation 11 */
        {"\x01\x04\x01\x00\x04\x2a", 6},         /* a machine frame of kind 2 */
        {"\x01\x04\x01\x00\x04\x21", 6},         /* an allocation of form 2 */
        {"\x01\x04\x01\x00\x04\x01", 6},         /* an allocation that is cut off */
        {"\x01\x04\x02\x00\x04\x15\x00\x00", 8}, /* a far save that is cut off */
        {"\x01\x04\x01\x00\x04\x03", 6},         /* no frame register to set */
        {"\x01\x04\x01\x04\x04\x03", 6},         /* rsp as its own frame register */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *s = scene_new();
        scene_init(s);
        scene_function(s, 0x1000, 0x1080, XDATA);
        scene_bytes(s, XDATA, cases[i].info, cases[i].size);
        scene_open(s);
        assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_BAD);
        assert_int_equal(s->step.missing, IMAGE + XDATA);
        assert_int_equal(sc_regs_sp(&s->regs), SP);
        done(s);
    }
}

static void a_version_to_come_is_no_rule(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x04\x04\x01\x00\x04\x42");
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_NO_RULE);
    done(s);
}

static void information_outside_of_the_image_is_damage(void **state) {
    (void)state;
    struct scene *s = scene_new();
    scene_init(s);
    scene_function(s, 0x1000, 0x1080, PEIMG_SIZE - 2);
    scene_function(s, 0x1100, 0x1180, 0xfffffff0);
    scene_open(s);
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_BAD);
    assert_int_equal(scene_step(s, 0x1140, true), SC_STEP_BAD);
    assert_int_equal(s->step.missing, IMAGE + 0xfffffff0);
    done(s);
}

static void an_absent_table_is_no_rule_and_is_named(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    peimg_dir(&s->image, SC_PE_DIR_EXCEPTION, PDATA, 12);
    struct sc_module module = {
        .base = IMAGE, .size = PEIMG_SIZE, .name = "drv", .image = "drv.sys"};
    struct sc_fake_bytes memory[] = {{IMAGE, s->image.data, PDATA}, {STACK, s->stack, STACK_SIZE}};
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_X64};
    fake.modules = &module, fake.nmodules = 1, fake.memory = memory, fake.nmemory = 2;
    ok(sc_target_fake(&fake, &s->target));
    ok(sc_unwinder_create(s->target, NULL, &s->unwinder));
    assert_int_equal(scene_step(s, 0x1040, true), SC_STEP_NO_RULE);
    assert_int_equal(s->step.missing, IMAGE + PDATA);
    done(s);
}

static void an_allocation_of_nothing_but_wrapping_is_damage(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x00\x00\x00");
    scene_open(s);
    regs_begin(&s->regs, IMAGE + 0x1040, UINT64_MAX - 7); /* a return leads to 0 */
    assert_int_not_equal(scene_go(s, true, UINT64_MAX), SC_STEP_DONE);
    done(s);
}

/* ---- plans ---- */

static struct x64_cache *cache_of(struct scene *s) {
    struct x64_region r = {.space = sc_target_space(s->target),
                           .base = IMAGE,
                           .size = PEIMG_SIZE,
                           .table = {.at = IMAGE + PDATA, .count = 1, .stride = 12}};
    struct x64_cache *c = x64_cache_create(&r);
    assert_non_null(c);
    return c;
}

static void a_plan_is_made_once(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    scene_open(s);
    struct x64_cache *c = cache_of(s);
    const struct x64_plan *p = x64_plan(c, 0, IMAGE + 0x1040, true);
    assert_non_null(p);
    assert_ptr_equal(x64_plan(c, 0, IMAGE + 0x1040, true), p);
    const struct x64_plan *other = x64_plan(c, 0, IMAGE + 0x1040, false);
    assert_true(other && other != p && p->exact && !other->exact);
    /* The same key, but another address. */
    other = x64_plan(c, 0, (IMAGE + 0x1040) ^ 1ull << 62, false);
    assert_true(other && other->ip == ((IMAGE + 0x1040) ^ 1ull << 62));
    x64_cache_destroy(c);
    done(s);
}

static void plans_take_a_bounded_amount_of_memory(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    scene_open(s);
    struct x64_cache *c = cache_of(s);
    for (uint32_t i = 0; i < 40000; i++) {
        const struct x64_plan *p = x64_plan(c, 0, IMAGE + 0x10000 + i, true);
        assert_true(p && p->ip == IMAGE + 0x10000 + i);
    }
    assert_true(sc_arena_size(c->plans.arena) < 0x120000);
    assert_true(c->plans.by_address.count < 40000);
    x64_cache_destroy(c);
    done(s);
}

static void plans_of_a_live_target_are_made_anew_when_it_ran(void **state) {
    (void)state;
    struct scene *s = scene_new();
    ONE(s, "\x01\x04\x01\x00\x04\x42");
    scene_open(s);
    struct x64_cache *c = cache_of(s);
    assert_non_null(x64_plan(c, 0, IMAGE + 0x1040, true));
    assert_non_null(x64_plan(c, 0, IMAGE + 0x1041, true));
    assert_int_equal(c->plans.by_address.count, 2);
    assert_non_null(x64_plan(c, 1, IMAGE + 0x1040, true));
    assert_int_equal(c->plans.by_address.count, 1);
    x64_cache_destroy(c);
    done(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_is_popped),
        cmocka_unit_test(allocations_of_each_size),
        cmocka_unit_test(a_huge_allocation_leads_out_of_the_stack),
        cmocka_unit_test(saved_registers_come_from_their_slots),
        cmocka_unit_test(a_frame_register_tells_where_the_frame_is),
        cmocka_unit_test(without_its_frame_register_a_frame_cannot_be_left),
        cmocka_unit_test(a_frame_register_below_the_stack_pointer_is_no_rule),
        cmocka_unit_test(a_pushed_stack_pointer_is_passed_over),
        cmocka_unit_test(obsolete_saves_are_passed_over),
        cmocka_unit_test(before_the_prolog_nothing_is_undone),
        cmocka_unit_test(an_instruction_that_has_not_run_is_not_undone),
        cmocka_unit_test(from_the_frame_register_on_it_counts),
        cmocka_unit_test(before_the_frame_register_saves_count_from_the_stack_pointer),
        cmocka_unit_test(volatile_registers_are_not_known_in_the_caller),
        cmocka_unit_test(a_volatile_register_that_codes_restore_is_known),
        cmocka_unit_test(an_absent_slot_makes_its_register_unknown_and_no_more),
        cmocka_unit_test(an_absent_return_address_is_named),
        cmocka_unit_test(a_caller_at_zero_is_the_end),
        cmocka_unit_test(a_chained_part_goes_on_in_its_parent),
        cmocka_unit_test(chains_have_a_bound),
        cmocka_unit_test(a_chain_that_comes_back_is_damage),
        cmocka_unit_test(an_entry_may_stand_for_another),
        cmocka_unit_test(entries_that_stand_for_each_other_are_damage),
        cmocka_unit_test(a_function_without_an_entry_is_a_leaf),
        cmocka_unit_test(a_caller_is_a_leaf_only_if_a_return_address_lies_there),
        cmocka_unit_test(without_a_table_there_is_no_rule),
        cmocka_unit_test(a_table_of_another_machine_is_no_rule),
        cmocka_unit_test(a_call_may_be_the_last_instruction),
        cmocka_unit_test(a_return_address_that_was_made_up_is_where_it_says),
        cmocka_unit_test(a_machine_frame_is_crossed),
        cmocka_unit_test(a_machine_frame_may_stand_above_an_error_code),
        cmocka_unit_test(an_absent_machine_frame_is_named),
        cmocka_unit_test(damaged_information_is_said_to_be),
        cmocka_unit_test(a_version_to_come_is_no_rule),
        cmocka_unit_test(information_outside_of_the_image_is_damage),
        cmocka_unit_test(an_absent_table_is_no_rule_and_is_named),
        cmocka_unit_test(a_plan_is_made_once),
        cmocka_unit_test(plans_take_a_bounded_amount_of_memory),
        cmocka_unit_test(plans_of_a_live_target_are_made_anew_when_it_ran),
        cmocka_unit_test(an_allocation_of_nothing_but_wrapping_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
