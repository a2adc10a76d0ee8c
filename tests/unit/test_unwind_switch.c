/* SPDX-License-Identifier: MIT */
/* Where a context switch left a thread, and what was inlined where a frame stands. */
#include "unit/walk_fixture.h"

struct switched {
    struct sc_regs regs;
    uint64_t known;
    bool found;
};

static struct switched look(struct walk *w, uint64_t stack) {
    struct switched s = {.known = 77};
    if (!w->u)
        walk_open(w);
    no_error(sc_stack_of_switched(w->u, stack, &s.regs, &s.known, &s.found));
    return s;
}

static void the_usual_place_is_confirmed_by_symbols(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t swap = walk_function(w, "KiSwapContext"), wait = walk_function(w, "KiSwapThread");
    walk_put(w, 0x30, 0xb9);
    walk_put(w, 0x38, swap + 0x76);
    walk_put(w, 0x178, wait + 0x501);
    struct switched s = look(w, SP);
    assert_true(s.found);
    assert_true(sc_regs_ip(&s.regs) == swap + 0x76 && sc_regs_sp(&s.regs) == SP + 0x40);
    assert_true(sc_regs_fp(&s.regs) == 0xb9);
    assert_int_equal(s.known, 1 << 4 | 1 << 5);
    w->regs = s.regs;
    w->opts.switched = true;
    w->opts.known = s.known;
    walk_run(w);
    no_error(w->err);
    walk_is(w, 0, swap + 0x76, SP + 0x40, SC_FRAME_SWITCH);
    assert_false(walk_frame(w, 0)->exact_ip);
    assert_int_equal(walk_frame(w, 0)->known, s.known);
    walk_guesses(w, 1, wait + 0x501, SP + 0x180);
    walk_free(w);
}

static void a_build_that_pushes_more_is_searched(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t swap = walk_function(w, "KiSwapContext"), other = walk_function(w, "MiThing");
    walk_put(w, 0x38, other + 0x20);
    walk_put(w, 0x58, swap + 0x76);
    struct switched s = look(w, SP);
    assert_true(s.found && sc_regs_sp(&s.regs) == SP + 0x60);
    walk_free(w);
}

static void what_no_symbol_confirms_is_no_switch_frame(void **state) {
    (void)state;
    struct walk *w = walk_new();
    uint64_t swap = walk_function(w, "KiSwapContext"), other = walk_function(w, "MiThing");
    walk_put(w, 0x38, other + 0x20);
    walk_put(w, 0x40, swap); /* the function's own address is no return address */
    struct switched s = look(w, SP);
    assert_false(s.found);
    assert_int_equal(s.known, 77);
    assert_false(look(w, SP + 3).found); /* not aligned */
    assert_false(look(w, 0).found);
    assert_false(look(w, UINT64_MAX - 7).found);
    walk_free(w);
}

static void without_symbols_nothing_is_claimed(void **state) {
    (void)state;
    struct walk *w = walk_new();
    w->no_symbols = true;
    walk_put(w, 0x38, NT + NT_CODE + 0x76);
    assert_false(look(w, SP).found);
    walk_free(w);
}

static void x86_keeps_it_closer(void **state) {
    (void)state;
    struct walk *w = walk_new();
    w->cpu = SC_CPU_X86;
    uint64_t swap = walk_function(w, "KiSwapContext");
    walk_put32(w, 8, (uint32_t)(swap + 0x76));
    struct switched s = look(w, (uint32_t)SP);
    assert_true(s.found);
    assert_true(sc_regs_ip(&s.regs) == (uint32_t)(swap + 0x76));
    assert_true(sc_regs_sp(&s.regs) == (uint32_t)SP + 0xc);
    assert_int_equal(s.known, 1 << 4);
    walk_free(w);
}

/* ---- inlined calls ---- */

static const struct sc_inline inlined[] = {
    {.name = "inner", .file = "inner.c", .line = 3, .depth = 1},
    {.name = "outer", .file = "outer.c", .line = 5, .depth = 0},
};

/* Covers RVA 0x20 to 0x2f. */
static sc_err *answer(void *impl, uint32_t rva, sc_inline_fn fn, void *ctx) {
    (void)impl;
    for (size_t i = 0; rva - (PEIMG_TEXT + 0x20) < 0x10 && i < 2; i++)
        if (!fn(ctx, &inlined[i]))
            break;
    return NULL;
}
static void nothing(void *impl) { (void)impl; }
static void about(void *impl, struct sc_symbols_info *ret) {
    (void)impl;
    ret->provider = "pdb";
}

static void attach_inlines(struct walk *w) {
    static const struct sc_symbols_ops ops = {
        .name = "inlines", .destroy = nothing, .info = about, .inlines = answer};
    static int impl;
    sc_symbols *s = NULL;
    walk_driver(w, 0x1000, 0x1100, "\x01\x04\x01\x00\x04\x42\x00\x00", 8); /* sub rsp, 28h */
    walk_open(w);
    no_error(sc_symbols_create(&ops, &impl, &s));
    no_error(sc_symtab_attach(w->w.symtab, module(&w->w, "drv"), s, "by hand"));
    sc_symbols_unref(s);
}

static void inlined_calls_come_before_their_frame(void **state) {
    (void)state;
    struct walk *w = walk_new();
    attach_inlines(w);
    walk_from(w, DRV + 0x1024);
    walk_is(w, 0, DRV + 0x1024, SP, SC_FRAME_INLINE);
    walk_is(w, 1, DRV + 0x1024, SP, SC_FRAME_INLINE);
    walk_is(w, 2, DRV + 0x1024, SP, SC_FRAME_CONTEXT);
    walk_ends(w, 3, SC_STACK_END_DONE);
    const struct sc_frame *f = walk_frame(w, 0);
    assert_string_equal(f->inline_name, "inner");
    assert_string_equal(f->inline_file, "inner.c");
    assert_int_equal(f->inline_line, 3);
    assert_string_equal(walk_frame(w, 1)->inline_name, "outer");
    assert_null(walk_frame(w, 2)->inline_name);
    assert_int_equal(walk_frame(w, 2)->number, 2);
    w->opts.no_inlines = true;
    walk_run(w);
    no_error(w->err);
    walk_ends(w, 1, SC_STACK_END_DONE);
    walk_free(w);
}

static void a_return_address_belongs_to_the_call_before_it(void **state) {
    (void)state;
    static const struct {
        uint32_t rva;
        bool first, later; /* inlined frames when interrupted there; when called from there */
    } cases[] = {{0x1020, true, false}, {0x1021, true, true}, {0x1030, false, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct walk *w = walk_new();
        walk_put(w, 0x28, DRV + cases[i].rva);
        attach_inlines(w);
        walk_from(w, DRV + 0x1080);
        assert_int_equal(w->out.frame[1].how == SC_FRAME_INLINE, cases[i].later);
        walk_from(w, DRV + cases[i].rva);
        assert_int_equal(w->out.frame[0].how == SC_FRAME_INLINE, cases[i].first);
        walk_free(w);
    }
}

static void inlined_frames_count_against_the_limit(void **state) {
    (void)state;
    struct walk *w = walk_new();
    attach_inlines(w);
    w->opts.max_frames = 2;
    walk_from(w, DRV + 0x1024);
    walk_ends(w, 2, SC_STACK_END_LIMIT);
    walk_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usual_place_is_confirmed_by_symbols),
        cmocka_unit_test(a_build_that_pushes_more_is_searched),
        cmocka_unit_test(what_no_symbol_confirms_is_no_switch_frame),
        cmocka_unit_test(without_symbols_nothing_is_claimed),
        cmocka_unit_test(x86_keeps_it_closer),
        cmocka_unit_test(inlined_calls_come_before_their_frame),
        cmocka_unit_test(a_return_address_belongs_to_the_call_before_it),
        cmocka_unit_test(inlined_frames_count_against_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
