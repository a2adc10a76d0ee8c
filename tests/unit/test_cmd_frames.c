/* SPDX-License-Identifier: MIT */
/*
 * Choosing frames of a stack that unwind codes lead through: `.frame`, `.f+`, `!for_each_frame`,
 * `!uniqstack`, `!findstack`, `~*k`, and the stack of `!analyze`.
 *
 *     KiInner   sub rsp,28h                 SP      28h bytes, then the return address
 *     KiMiddle  push rbx; sub rsp,20h       SP+30   20h bytes, rbx, return address
 *     KiOuter   sub rsp,28h                 SP+60   28h bytes, 0
 */
#include "cmd/stack.h"
#include "fake_session.h"
#include "forge/fakesyms.h"
#include "forge/peimg.h"
#include "stopcode/pe.h"
#include "stopcode/symtab.h"

#define NT 0xfffff80012340000ULL
#define SP 0xffff850000010000ULL

enum { PDATA = 0x3000, XDATA = 0x4000, INNER = 0x1000, MIDDLE = 0x1100, OUTER = 0x1200 };

static const struct sc_symbol symbols[] = {
    {.name = "KiInner", .kind = SC_SYM_FUNCTION, .rva = INNER, .size = 0x80, .code = true},
    {.name = "KiMiddle", .kind = SC_SYM_FUNCTION, .rva = MIDDLE, .size = 0x80, .code = true},
    {.name = "KiOuter", .kind = SC_SYM_FUNCTION, .rva = OUTER, .size = 0x80, .code = true},
};

static void put8(uint8_t *at, uint64_t value) {
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void make_image(struct peimg *image) {
    static const uint32_t functions[] = {INNER,  INNER + 0x80,  XDATA,
                                         MIDDLE, MIDDLE + 0x80, XDATA + 0x10,
                                         OUTER,  OUTER + 0x80,  XDATA};
    peimg_init(image, 0x8664);
    peimg_dir(image, SC_PE_DIR_EXCEPTION, PDATA, sizeof functions);
    peimg_u32s(image, PDATA, functions, sizeof functions / sizeof *functions);
    memcpy(image->data + XDATA, "\x01\x04\x01\x00\x04\x42", 6);
    memcpy(image->data + XDATA + 0x10, "\x01\x06\x02\x00\x06\x32\x02\x30", 8);
}

static void make_stack(uint8_t *stack) {
    put8(stack + 0x28, NT + MIDDLE + 0x20);
    put8(stack + 0x30 + 0x20, 0x5151);
    put8(stack + 0x30 + 0x28, NT + OUTER + 0x30);
}

static void open_on(struct fix *f, enum sc_render render) {
    static struct fakesyms provider;
    static struct peimg image;
    static uint8_t stack[0x100];
    static const struct sc_module nt = {
        .base = NT, .size = PEIMG_SIZE, .name = "nt", .image = "ntoskrnl.exe", .path = "nt.exe"};
    static const struct sc_thread threads[] = {
        {.index = 0, .context_off = UINT64_MAX, .thread = 0xffffa00011223344},
        {.index = 1, .context_off = UINT64_MAX},
    };
    make_image(&image);
    make_stack(stack);
    const struct sc_fake_bytes memory[] = {{NT, image.data, PEIMG_SIZE}, {SP, stack, sizeof stack}};
    struct sc_regs regs = full_regs(SC_CPU_X64);
    set_reg(&regs, "rip", NT + INNER + 0x10);
    set_reg(&regs, "rsp", SP);
    set_reg(&regs, "rbx", 0x42);
    set_reg(&regs, "rcx", 0x99);
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X64,
                                 .kernel = true,
                                 .modules = &nt,
                                 .nmodules = 1,
                                 .threads = threads,
                                 .nthreads = 2,
                                 .memory = memory,
                                 .nmemory = 2,
                                 .regs = &regs};
    const struct sc_modules *list;
    provider = (struct fakesyms){
        .provider = "pdb", .symbols = symbols, .nsymbols = sizeof symbols / sizeof *symbols};
    sc_symbols *s = fakesyms_open(&provider);
    fake_open(f, &fake, render);
    assert_null(sc_session_set_paths(f->s, NULL, NULL));
    assert_null(sc_target_modules(f->target, &list));
    assert_null(sc_symtab_attach(sc_session_symtab(f->s), &list->item[0], s, "test"));
    sc_symbols_unref(s);
}

static int setup(void **state) {
    struct fix *f = calloc(1, sizeof *f);
    assert_non_null(f);
    open_on(f, SC_RENDER_TEXT);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fix_close(*state);
    free(*state);
    return 0;
}

#define LINE0 "ffff8500`00010000 fffff800`12341120 nt!KiInner+0x10\n"
#define LINE1 "ffff8500`00010030 fffff800`12341230 nt!KiMiddle+0x20\n"
#define LINE2 "ffff8500`00010060 00000000`00000000 nt!KiOuter+0x30\n"
#define HEAD  "Child-SP          RetAddr           Call Site\n"

static void the_stack_is_walked_and_cut_where_one_says(void **state) {
    fix_prints(*state, "k", HEAD LINE0 LINE1 LINE2);
    fix_prints(*state, "k 2", HEAD LINE0 LINE1);
    fix_prints(*state, "kn1", " # " HEAD "00 " LINE0);
    fix_prints(*state, "kc", "Call Site\nnt!KiInner\nnt!KiMiddle\nnt!KiOuter\n");
    fix_prints(*state, "kf",
               "  Memory  " HEAD "          " LINE0 "       30 " LINE1 "       30 " LINE2);
    fix_run(*state, ".kframes 1");
    fix_prints(*state, "k", HEAD LINE0);
}

static void a_frame_is_chosen_with_its_registers(void **state) {
    struct fix *f = *state;
    fix_prints(f, ".frame 1", "01 " LINE1);
    fix_prints(f, ".frame", "01 " LINE1);
    fix_prints(f, "r rbx", "rbx=0000000000000042\n"); /* the registers stay */
    fix_prints(f, "? @$frame", "Evaluate expression: 1 = 00000000`00000001\n");
    fix_prints(f, "? @$ra == nt!KiOuter+30", "Evaluate expression: 1 = 00000000`00000001\n");
    fix_prints(f, "? @$scopeip == nt!KiMiddle+20", "Evaluate expression: 1 = 00000000`00000001\n");
    fix_prints(f, ".f+", "02 " LINE2);
    fix_fails(f, ".f+", "Cannot find frame 0x3, previous scope unchanged");
    fix_prints(f, ".f-", "01 " LINE1);
    assert_int_equal(fix_run(f, ".frame /r 2"), 0);
    fix_has(f, "02 " LINE2 "rax=0000000000000000 rbx=0000000000005151 rcx=0000000000000099\n");
    fix_has(f, "rip=fffff80012341230 rsp=ffff850000010060 ");
    fix_has(f, "nt!KiOuter+0x30:\n");
    fix_has(f, "  [not known in this frame, what is shown is from a later one: rax rcx rdx r8 r9 "
               "r10 r11]\n");
    sc_session_set_enrich(f->s, false);
    assert_int_equal(fix_run(f, ".frame /r 2"), 0);
    assert_null(strstr(fix_text(f), "not known"));
    fix_prints(f, "r rbx", "rbx=0000000000000042\n");
}

static void frame_c_makes_the_frame_the_context(void **state) {
    struct fix *f = *state;
    assert_int_equal(fix_run(f, ".frame /c 1"), 0);
    fix_has(f, "01 " LINE1 "rax=");
    fix_prints(f, "? @rip == nt!KiMiddle+20", "Evaluate expression: 1 = 00000000`00000001\n");
    fix_prints(f, "kn",
               "  *** Stack trace for last set context - .thread/.cxr resets it\n"
               " # " HEAD "00 " LINE1 "01 " LINE2);
    fix_prints(f, ".frame 1", "01 " LINE2);
    fix_prints(f, ".frame 0", "00 " LINE1);
    assert_int_equal(fix_run(f, ".frame /c 1"), 0); /* counted from the context */
    fix_prints(f, "r rbx", "rbx=0000000000005151\n");
    assert_int_equal(fix_run(f, "~0s"), 0);
    fix_prints(f, "r rbx", "rbx=0000000000000042\n");
    fix_prints(f, ".frame", "00 " LINE0);
    assert_int_equal(fix_run(f, ".frame /c 1; .ecxr; .frame"), 0);
    fix_has(f, "00 " LINE0);
}

static void a_command_runs_in_each_frame(void **state) {
    struct fix *f = *state;
    static const char mark[] = "_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ \n";
    char text[600];
    snprintf(text, sizeof text, "%s00 %s0x0\n%s01 %s0x1\n%s02 %s0x2\n", mark, LINE0, mark, LINE1,
             mark, LINE2);
    fix_run(f, ".frame 2");
    fix_prints(f, "!for_each_frame .printf \"0x%x\\n\", @$frame", text);
    fix_prints(f, ".frame", "02 " LINE2);
    /* A command that reloads symbols changes what frames refer to. */
    assert_int_equal(fix_run(f, "!for_each_frame .reload"), 0);
    fix_has(f, "02 ffff8500`00010060");
}

static void a_threads_command_leaves_the_context_as_it_was(void **state) {
    struct fix *f = *state;
    fix_run(f, ".frame /c 1");
    fix_run(f, "~0 k");
    fix_has(f, HEAD LINE0 LINE1 LINE2);
    fix_prints(f, "? @$ip == nt!KiMiddle+20", "Evaluate expression: 1 = 00000000`00000001\n");
    fix_run(f, "~* kb 1");
    fix_has(f, "RetAddr           : Args to Child");
    fix_prints(f, "? @$ip == nt!KiMiddle+20", "Evaluate expression: 1 = 00000000`00000001\n");
}

static void stacks_are_searched(void **state) {
    struct fix *f = *state;
    fix_prints(f, "!findstack nt!KiM", "Thread 000, 1 frame(s) match\n        * 01 " LINE1 "\n");
    fix_prints(f, "!findstack KiMiddle 0", "Thread 000, 1 frame(s) match\n");
    fix_prints(f, "!findstack nt 0", "Thread 000, 3 frame(s) match\n");
    fix_prints(f, "!findstack *!*ter 2",
               "Thread 000, 1 frame(s) match\n          00 " LINE0 "          01 " LINE1
               "        * 02 " LINE2 "\n");
    fix_prints(f, "!findstack hal", "No stack has a frame of \"hal\".\n");
    fix_fails(f, "!findstack nt 3", "level 0 threads");
}

static void equal_stacks_are_shown_once(void **state) {
    fix_prints(*state, "!uniqstack",
               "Processing 2 threads, please wait\n"
               "\n"
               ".  0  Thread: ffffa000`11223344 Registers: stored\n" HEAD LINE0 LINE1 LINE2 "\n"
               "Total threads: 2\n"
               "Of 1 of them the dump holds no registers.\n");
    fix_run(*state, "!uniqstack -b -n");
    fix_has(*state, " # RetAddr           : Args to Child");
}

/* Two workers of a real process wait in the same place. */
static void duplicates_are_counted_and_named(void **state) {
    (void)state;
    struct fix f;
    if (!corpus_open(&f, "mdmp/getsentry+symbolic/windows-mini.dmp", SC_RENDER_TEXT))
        skip();
    assert_null(sc_session_set_paths(f.s, NULL, NULL));
    assert_int_equal(fix_run(&f, "!uniqstack"), 0);
    fix_has(&f, "Processing 4 threads, please wait\n\n.  0  Id: ");
    fix_has(&f, "\n.  3  Id: ");
    assert_null(strstr(fix_text(&f), "\n.  2  Id: "));
    fix_has(&f, "\nTotal threads: 4\nDuplicate callstacks: 1 (windbg thread #s follow):\n2\n");
    fix_close(&f);
}

static void analyze_has_the_stack(void **state) {
    (void)state;
    struct fix f;
    open_on(&f, SC_RENDER_JSON);
    assert_int_equal(fix_run(&f, "!analyze"), 0);
    fix_has(&f, "\"stack\":[{\"number\":0,\"how\":\"context\",\"confidence\":100,\"ip\":"
                "\"0xfffff80012341010\",");
    fix_has(&f, "\"symbol\":\"nt!KiOuter+0x30\",\"module\":\"nt\",\"image\":\"ntoskrnl.exe\"}],"
                "\"stack_end\":\"the outermost frame\",\"stack_command\":\"kb\"");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(the_stack_is_walked_and_cut_where_one_says),
        T(a_frame_is_chosen_with_its_registers),
        T(frame_c_makes_the_frame_the_context),
        T(a_command_runs_in_each_frame),
        T(a_threads_command_leaves_the_context_as_it_was),
        T(stacks_are_searched),
        T(equal_stacks_are_shown_once),
#undef T
        cmocka_unit_test(duplicates_are_counted_and_named),
        cmocka_unit_test(analyze_has_the_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
