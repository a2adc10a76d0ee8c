/* SPDX-License-Identifier: MIT */
/*
 * How stacks are shown: the columns of the k commands, warnings, notes and reasons, on stacks made
 * by hand; and the commands that choose a context, on a fake kernel.
 */
#include "cmd/stack.h"
#include "cmd/symbols.h"
#include "forge/fakesyms.h"
#include "symbol_session.h"

/* A stack of COUNT frames on the fake kernel; PUT fills each. */
struct made {
    struct sc_frame frame[8];
    struct sc_walked walked;
};

static struct sc_frame *add(struct fix *f, struct made *m, uint64_t sp, uint64_t ip) {
    struct sc_frame *frame = &m->frame[m->walked.stack.count];
    *frame = (struct sc_frame){.number = (uint32_t)m->walked.stack.count,
                               .how = m->walked.stack.count ? SC_FRAME_UNWIND : SC_FRAME_CONTEXT,
                               .confidence = 100,
                               .sp = sp,
                               .ip = ip,
                               .exact_ip = !m->walked.stack.count,
                               .module = sc_target_module_at(f->target, ip),
                               .known = UINT64_MAX};
    frame->regs = full_regs(sc_target_machine(f->target)->cpu);
    if (m->walked.stack.count)
        frame[-1].ret = ip;
    m->walked.stack.frame = m->frame;
    m->walked.stack.count++;
    return frame;
}

static void shows(struct fix *f, const struct made *m, const struct sc_kform *form,
                  const char *text) {
    sc_arena *arena = sc_arena_create();
    assert_non_null(arena);
    sc_out_flush(f->out);
    sink_clear(&f->sink);
    assert_null(sc_show_stack(f->s, &m->walked, form, arena));
    assert_string_equal(fix_text(f), text);
    sc_arena_destroy(arena);
}

/* Three frames: a symbol with and without displacement, and an address in no module. */
static void three_frames(struct fix *f, struct made *m) {
    *m = (struct made){0};
    struct sc_frame *a = add(f, m, 0xfffff88005db1b08, SYM_NT + 0x1000);
    const uint64_t args[4] = {0xc4, 0x91, 2, 0xfffffa804b729790};
    memcpy(a->param, args, sizeof args);
    a->nparams = 4;
    struct sc_frame *b = add(f, m, 0xfffff88005db1b10, SYM_DRV + 0x1234);
    b->trap = 0xfffff88007fabc20;
    add(f, m, 0x15dea8, 0x772df93a);
}

static const struct sc_kform plain = {.child = true};

static void the_columns_of_k_are_those_of_published_listings(void **state) {
    struct fix *f = *state;
    struct made m;
    three_frames(f, &m);
    shows(f, &m, &plain,
          "Child-SP          RetAddr           Call Site\n"
          "fffff880`05db1b08 fffff800`00101234 nt!KeBugCheckEx\n"
          "fffff880`05db1b10 00000000`772df93a drv+0x1234\n"
          "00000000`0015dea8 00000000`00000000 0x772df93a\n");
    const struct sc_kform numbers = {.child = true, .numbers = true};
    shows(f, &m, &numbers,
          " # Child-SP          RetAddr           Call Site\n"
          "00 fffff880`05db1b08 fffff800`00101234 nt!KeBugCheckEx\n"
          "01 fffff880`05db1b10 00000000`772df93a drv+0x1234\n"
          "02 00000000`0015dea8 00000000`00000000 0x772df93a\n");
}

static void kb_and_kv_have_arguments_and_kv_trap_frames(void **state) {
    struct fix *f = *state;
    struct made m;
    three_frames(f, &m);
    m.walked.stack.count = 2;
    const struct sc_kform kb = {.args = true};
    shows(f, &m, &kb,
          "RetAddr           : Args to Child                                                     "
          "      : Call Site\n"
          "fffff800`00101234 : 00000000`000000c4 00000000`00000091 00000000`00000002 "
          "fffffa80`4b729790 : nt!KeBugCheckEx\n"
          "00000000`772df93a : 00000000`00000000 00000000`00000000 00000000`00000000 "
          "00000000`00000000 : drv+0x1234\n");
    const struct sc_kform kv = {.args = true, .child = true, .notes = true};
    shows(f, &m, &kv,
          "Child-SP          RetAddr           : Args to Child                                   "
          "                        : Call Site\n"
          "fffff880`05db1b08 fffff800`00101234 : 00000000`000000c4 00000000`00000091 "
          "00000000`00000002 fffffa80`4b729790 : nt!KeBugCheckEx\n"
          "fffff880`05db1b10 00000000`772df93a : 00000000`00000000 00000000`00000000 "
          "00000000`00000000 00000000`00000000 : drv+0x1234 (TrapFrame @ fffff880`07fabc20)\n");
}

static void kf_has_the_bytes_between_frames_and_kc_names_alone(void **state) {
    struct fix *f = *state;
    struct made m;
    three_frames(f, &m);
    const struct sc_kform kf = {.child = true, .memory = true, .numbers = true};
    m.walked.stack.count = 2;
    shows(f, &m, &kf,
          " #   Memory  Child-SP          RetAddr           Call Site\n"
          "00           fffff880`05db1b08 fffff800`00101234 nt!KeBugCheckEx\n"
          "01         8 fffff880`05db1b10 00000000`772df93a drv+0x1234\n");
    m.walked.stack.count = 3;
    const struct sc_kform kc = {.clean = true};
    shows(f, &m, &kc, "Call Site\nnt!KeBugCheckEx\ndrv\n0x772df93a\n");
}

static void inlined_frames_have_no_addresses(void **state) {
    struct fix *f = *state;
    struct made m = {0};
    struct sc_frame *in = add(f, &m, 0xfffff88005db1b08, SYM_NT + 0x1110);
    in->how = SC_FRAME_INLINE;
    in->inline_name = "?A0x12ab::RemoveHeadList";
    in->inline_file = "d:\\x\\list.h";
    in->inline_line = 12;
    add(f, &m, 0xfffff88005db1b08, SYM_NT + 0x1110);
    shows(f, &m, &plain,
          "Child-SP          RetAddr           Call Site\n"
          "(Inline Function) --------`-------- nt!`anonymous namespace'::RemoveHeadList "
          "[d:\\x\\list.h @ 12]\n"
          "fffff880`05db1b08 00000000`00000000 nt!KiStart+0x10 [c:\\src\\start.c @ 23]\n");
    in->inline_file = ""; /* the symbols have no lines */
    in->inline_line = 0;
    m.walked.stack.count = 1;
    shows(f, &m, &plain,
          "Child-SP          RetAddr           Call Site\n"
          "(Inline Function) --------`-------- nt!`anonymous namespace'::RemoveHeadList\n");
    in->inline_file = "d:\\x\\list.h";
    const struct sc_kform kvL = {
        .args = true, .child = true, .notes = true, .no_lines = true, .memory = true};
    m.walked.stack.count = 1;
    shows(f, &m, &kvL,
          "  Memory  Child-SP          RetAddr           : Args to Child                         "
          "                                  : Call Site\n"
          "          (Inline Function) --------`-------- : --------`-------- --------`-------- "
          "--------`-------- --------`-------- : nt!`anonymous namespace'::RemoveHeadList (Inline "
          "Function @ "
          "fffff800`00001110)\n");
}

static void a_warning_stands_once_in_front_of_the_frame_it_is_about(void **state) {
    struct fix *f = *state;
    struct made m;
    three_frames(f, &m);
    m.frame[1].warn = m.frame[2].warn = true;
    shows(f, &m, &plain,
          "Child-SP          RetAddr           Call Site\n"
          "fffff880`05db1b08 fffff800`00101234 nt!KeBugCheckEx\n"
          "WARNING: Stack unwind information not available. Following frames may be wrong.\n"
          "fffff880`05db1b10 00000000`772df93a drv+0x1234\n"
          "00000000`0015dea8 00000000`00000000 0x772df93a\n");
    m.frame[1].warn = false;
    m.walked.first = 2;
    shows(f, &m, &plain,
          "Child-SP          RetAddr           Call Site\n"
          "WARNING: Frame IP not in any known module. Following frames may be wrong.\n"
          "00000000`0015dea8 00000000`00000000 0x772df93a\n");
}

static void what_is_not_certain_stands_behind_unless_it_is_off(void **state) {
    struct fix *f = *state;
    struct made m;
    three_frames(f, &m);
    m.frame[1].how = SC_FRAME_POINTER;
    m.frame[2].how = SC_FRAME_SCAN;
    m.frame[2].confidence = 80;
    m.walked.stack.end = SC_STACK_END_MEMORY;
    m.walked.stack.end_address = 0xfffff88005db2000;
    shows(f, &m, &plain,
          "Child-SP          RetAddr           Call Site\n"
          "fffff880`05db1b08 fffff800`00101234 nt!KeBugCheckEx\n"
          "fffff880`05db1b10 00000000`772df93a drv+0x1234  [frame pointer]\n"
          "00000000`0015dea8 00000000`00000000 0x772df93a  [scan 80%]\n"
          "  [the stack's memory at fffff880`05db2000 is not in the dump]\n");
    m.walked.stack.end = SC_STACK_END_LOOP;
    m.walked.stack.count = 1;
    shows(f, &m, &plain,
          "Child-SP          RetAddr           Call Site\n"
          "fffff880`05db1b08 fffff800`00101234 nt!KeBugCheckEx\n"
          "  [the stack pointer does not move on]\n");
    m.walked.stack.count = 3;
    sc_session_set_enrich(f->s, false);
    shows(f, &m, &plain,
          "Child-SP          RetAddr           Call Site\n"
          "fffff880`05db1b08 fffff800`00101234 nt!KeBugCheckEx\n"
          "fffff880`05db1b10 00000000`772df93a drv+0x1234\n"
          "00000000`0015dea8 00000000`00000000 0x772df93a\n");
}

/* The optimiser moved a block in front of its function: the displacement wraps. */
static void a_displacement_that_wraps_has_a_backtick(void **state) {
    (void)state;
    static const struct sc_symbol moved = {
        .name = "PspExitThread", .kind = SC_SYM_FUNCTION, .rva = 0x1ffff, .size = 0x40};
    struct fakesyms syms = {
        .provider = "pdb", .omap = &moved, .omap_rva = 0x3000, .omap_size = 0x100};
    static const struct sc_module nt = {
        .base = SYM_NT, .size = 0x40000, .name = "nt", .image = "ntoskrnl.exe", .path = "nt.exe"};
    struct sc_regs regs = full_regs(SC_CPU_X64);
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X64,
                                 .kernel = true,
                                 .modules = &nt,
                                 .nmodules = 1,
                                 .regs = &regs};
    struct fix f;
    const struct sc_modules *list;
    fake_open(&f, &fake, SC_RENDER_TEXT);
    assert_null(sc_session_set_paths(f.s, NULL, NULL));
    assert_null(sc_target_modules(f.target, &list));
    sc_symbols *s = fakesyms_open(&syms);
    assert_null(sc_symtab_attach(sc_session_symtab(f.s), &list->item[0], s, "test"));
    sc_symbols_unref(s);
    struct made m = {0};
    add(&f, &m, 0xfffff88005078b10, SYM_NT + 0x3017);
    shows(&f, &m, &plain,
          "Child-SP          RetAddr           Call Site\n"
          "fffff880`05078b10 00000000`00000000 nt!PspExitThread+0xffffffff`fffe3018\n");
    fix_close(&f);
}

/* A literal of which the image kept nothing: `ln` shows it, and what is behind it, where it was. */
static void ln_shows_what_has_no_place_where_it_was_linked(void **state) {
    (void)state;
    static const struct sc_symbol literal = {.name = "Literal",
                                             .kind = SC_SYM_PUBLIC,
                                             .rva = 0x3010,
                                             .reordered = true,
                                             .behind = 0x7,
                                             .unplaced = true,
                                             .home = 0x8000};
    static const struct sc_symbol others[] = {
        {.name = "Next", .kind = SC_SYM_PUBLIC, .rva = 0x8010},
        {.name = "Here", .kind = SC_SYM_PUBLIC, .rva = 0x4000}};
    struct fakesyms syms = {.provider = "pdb",
                            .symbols = others,
                            .nsymbols = 2,
                            .omap = &literal,
                            .omap_rva = 0x3000,
                            .omap_size = 0x100};
    static const struct sc_module nt = {
        .base = SYM_NT, .size = 0x40000, .name = "nt", .image = "ntoskrnl.exe", .path = "nt.exe"};
    const struct sc_fake fake = {
        .sz = sizeof fake, .cpu = SC_CPU_X64, .kernel = true, .modules = &nt, .nmodules = 1};
    struct fix f;
    const struct sc_modules *list;
    fake_open(&f, &fake, SC_RENDER_TEXT);
    assert_null(sc_session_set_paths(f.s, NULL, NULL));
    assert_null(sc_target_modules(f.target, &list));
    sc_symbols *s = fakesyms_open(&syms);
    assert_null(sc_symtab_attach(sc_session_symtab(f.s), &list->item[0], s, "test"));
    sc_symbols_unref(s);
    fix_run(&f, ".enrich off");
    fix_prints(&f, "ln fffff800`00003017",
               "(fffff800`00008000)   nt!Literal+0x7   |  (fffff800`00008010)   nt!Next\n");
    fix_close(&f);
}

/* Compiled at run time, it lies in no module; that there is any shows in the modules. */
static void code_outside_of_modules_is_managed_where_a_clr_is_loaded(void **state) {
    (void)state;
    static const struct sc_module clr = {.base = 0x7ff800000000,
                                         .size = 0x10000,
                                         .name = "coreclr",
                                         .image = "coreclr.dll",
                                         .path = "coreclr.dll"};
    struct sc_regs regs = full_regs(SC_CPU_X64);
    const struct sc_fake fake = {
        .sz = sizeof fake, .cpu = SC_CPU_X64, .modules = &clr, .nmodules = 1, .regs = &regs};
    struct fix f;
    struct made m = {0};
    fake_open(&f, &fake, SC_RENDER_TEXT);
    assert_null(sc_session_set_paths(f.s, NULL, NULL));
    add(&f, &m, 0x12f0d8, 0x4090140fc3);
    add(&f, &m, 0x12f100, 0x7ff800001000);
    shows(&f, &m, &plain,
          "Child-SP          RetAddr           Call Site\n"
          "00000000`0012f0d8 00007ff8`00001000 0x00000040`90140fc3  [managed code]\n"
          "00000000`0012f100 00000000`00000000 coreclr+0x1000\n");
    sc_session_set_enrich(f.s, false);
    m.walked.stack.count = 1;
    shows(&f, &m, &plain,
          "Child-SP          RetAddr           Call Site\n"
          "00000000`0012f0d8 00007ff8`00001000 0x00000040`90140fc3\n");
    fix_close(&f);
}

/* ---- x86 ---- */

static void open_x86(struct fix *f) {
    static const struct sc_module modules[] = {
        {.base = 0x400000, .size = 0x10000, .name = "app", .image = "app.exe", .path = "app.exe"}};
    static const struct sc_unloaded gone[] = {
        {.base = 0x600000, .size = 0x1000, .name = "gone.dll"}};
    static struct sc_regs regs;
    regs = full_regs(SC_CPU_X86);
    set_reg(&regs, "eip", 0x401010);
    set_reg(&regs, "esp", 0x12ff00);
    set_reg(&regs, "ebp", 0x12ff80);
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X86,
                                 .modules = modules,
                                 .nmodules = 1,
                                 .unloaded = gone,
                                 .nunloaded = 1,
                                 .regs = &regs};
    fake_open(f, &fake, SC_RENDER_TEXT);
    assert_null(sc_session_set_paths(f->s, NULL, NULL));
}

static void x86_stacks_have_frame_pointers_and_fpo_data(void **state) {
    (void)state;
    struct fix f;
    struct made m = {0};
    open_x86(&f);
    struct sc_frame *a = add(&f, &m, 0x5abf0a0, 0x401010);
    a->base = 0x5abf0d0;
    const uint64_t args[4] = {0x2001f, 0, 0x5abeb7c, 0};
    memcpy(a->param, args, sizeof args);
    a->nparams = 3;
    a->has_rule = true;
    a->rule = (struct sc_frame_rule){.fpo_kind = 0, .params = 4, .saved_regs = 16};
    struct sc_frame *b = add(&f, &m, 0x5abf0d8, 0x600123);
    b->base = 0x5abf0f8;
    b->has_rule = true;
    b->rule.fpo_kind = 3;
    struct sc_frame *c = add(&f, &m, 0x5abf100, 0x402000);
    c->base = 0x5abf110;
    c->has_rule = true;
    c->trap = 0xb200be40;
    c->rule.fpo_kind = 1;
    shows(&f, &m, &plain,
          "ChildEBP RetAddr  \n"
          "05abf0d0 00600123 app+0x1010\n"
          "05abf0f8 00402000 <Unloaded_gone.dll>+0x123\n"
          "05abf110 00000000 app+0x2000\n");
    const struct sc_kform kv = {.args = true, .child = true, .notes = true};
    shows(&f, &m, &kv,
          "ChildEBP RetAddr  Args to Child              \n"
          "05abf0d0 00600123 0002001f 00000000 05abeb7c app+0x1010 (FPO: [1,0,4])\n"
          "05abf0f8 00402000 00000000 00000000 00000000 <Unloaded_gone.dll>+0x123 (FPO: "
          "[Non-Fpo])\n"
          "05abf110 00000000 00000000 00000000 00000000 app+0x2000 (FPO: [0,0] TrapFrame @ "
          "b200be40)\n");
    const struct sc_kform kfn = {.child = true, .memory = true, .numbers = true};
    m.walked.stack.count = 2;
    a->rule.uses_ebp = true;
    shows(&f, &m, &kfn,
          " #   Memory  ChildEBP RetAddr  \n"
          "00           05abf0d0 00600123 app+0x1010\n"
          "01        28 05abf0f8 00402000 <Unloaded_gone.dll>+0x123\n");
    const struct sc_kform kb = {.args = true};
    set_reg(&b->regs, "ebp", 0x5abf0f8);
    m.walked.stack.count = 1;
    shows(&f, &m, &kb,
          "ChildEBP RetAddr  Args to Child              \n"
          "05abf0d0 00600123 0002001f 00000000 05abeb7c app+0x1010\n");
    m.walked.stack.count = 2;
    shows(&f, &m, &kv,
          "ChildEBP RetAddr  Args to Child              \n"
          "05abf0d0 00600123 0002001f 00000000 05abeb7c app+0x1010 (FPO: [EBP 0x05abf0f8] "
          "[1,0,4])\n"
          "05abf0f8 00402000 00000000 00000000 00000000 <Unloaded_gone.dll>+0x123 (FPO: "
          "[Non-Fpo])\n");
    a->rule.has_seh = true;
    m.walked.stack.count = 1;
    shows(&f, &m, &kv,
          "ChildEBP RetAddr  Args to Child              \n"
          "05abf0d0 00600123 0002001f 00000000 05abeb7c app+0x1010 (FPO: [SEH])\n");
    fix_close(&f);
}

/* ---- the command line ---- */

static void letters_and_numbers_may_be_joined(void **state) {
    struct fix *f = *state;
    static const char *const numbered[] = {"kn", "knL", "kn5", "kn 5", "kLn 0n3", "kpn", "knM"};
    for (size_t i = 0; i < sizeof numbered / sizeof *numbered; i++) {
        assert_int_equal(fix_run(f, numbered[i]), 0);
        fix_has(f, " # Child-SP          RetAddr           Call Site\n00 ");
    }
    assert_int_equal(fix_run(f, "k1"), 0);
    fix_has(f, "Child-SP          RetAddr           Call Site\n");
    assert_int_equal(fix_run(f, "kvn2"), 0);
    fix_has(f, " # Child-SP          RetAddr           : Args to Child");
    fix_fails(f, "kq", "is no command here");
    fix_fails(f, "k 0", "no stack of 0 frames");
    fix_fails(f, "k 1 2", "2");
    fix_fails(f, "kd = 5", "kd takes a count only");
    fix_fails(f, "k =", "where the stack begins");
    fix_fails(f, "k = 1 2 3 4 5", "one number too many");
}

static void a_stack_can_begin_where_one_says(void **state) {
    struct fix *f = *state;
    assert_int_equal(fix_run(f, "k = ffffa00000001000 nt+1234 5"), 0);
    fix_has(f, "ffffa000`00001000 00000000`00000000 nt!");
    assert_int_equal(fix_run(f, "k = ffffa00000001000 1"), 0);
    fix_has(f, "ffffa000`00001000 00000000`00000000 nt!KiStart+0x20");
    assert_int_equal(fix_run(f, "k=ffffa00000002000"), 0);
    fix_has(f, "ffffa000`00002000 ");
    struct fix x;
    open_x86(&x);
    assert_int_equal(fix_run(&x, "k = 12ff90 12ff10 402000"), 0);
    fix_has(&x, " app+0x2000\n");
    fix_close(&x);
}

static void kd_shows_the_words_of_the_stack(void **state) {
    struct fix *f = *state;
    struct sc_regs regs;
    assert_null(sc_session_regs(f->s, &regs));
    set_reg(&regs, "rsp", SYM_AT2 + 0x48);
    sc_session_set_regs(f->s, &regs);
    fix_prints(f, "kd 2",
               "ffffa000`00002048  ffffa000`00001048\n"
               "ffffa000`00002050  ffffa000`00001048\n");
}

static void a_context_is_said_above_its_stack(void **state) {
    struct fix *f = *state;
    struct sc_regs regs;
    assert_null(sc_session_regs(f->s, &regs));
    sc_session_set_regs(f->s, &regs);
    assert_int_equal(fix_run(f, "k"), 0);
    fix_has(f, "  *** Stack trace for last set context - .thread/.cxr resets it\nChild-SP");
    assert_int_equal(fix_run(f, ".cxr; k"), 0);
    assert_null(strstr(fix_text(f), "***"));
}

static void the_default_number_of_frames_can_be_set(void **state) {
    struct fix *f = *state;
    fix_prints(f, ".kframes", "Default stack trace depth is 0n256 frames\n");
    fix_prints(f, ".kframes 2", "Default stack trace depth is 0n2 frames\n");
    fix_prints(f, ".kframes", "Default stack trace depth is 0n2 frames\n");
    fix_fails(f, ".kframes 0", "0 frames");
}

static void json_has_a_frame_as_a_record(void **state) {
    (void)state;
    struct fix f;
    sym_open(&f, SC_RENDER_JSON);
    assert_int_equal(fix_run(&f, "k"), 0);
    fix_has(&f, "{\"type\":\"frame\",\"number\":0,\"how\":\"context\",\"confidence\":100,"
                "\"suspect\":false,\"inlined\":false,\"warning\":");
    fix_has(&f, "\"ip\":\"0xfffff80000001120\"");
    fix_has(&f, "\"module\":\"nt\",\"name\":\"KiStart\",\"displacement\":\"0x20\","
                "\"symbol\":\"nt!KiStart+0x20\"");
    fix_has(&f, "{\"type\":\"stack_end\",\"reason\":\"");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, sym_setup, sym_teardown)
        T(the_columns_of_k_are_those_of_published_listings),
        T(kb_and_kv_have_arguments_and_kv_trap_frames),
        T(kf_has_the_bytes_between_frames_and_kc_names_alone),
        T(inlined_frames_have_no_addresses),
        T(a_warning_stands_once_in_front_of_the_frame_it_is_about),
        T(what_is_not_certain_stands_behind_unless_it_is_off),
        T(letters_and_numbers_may_be_joined),
        T(a_stack_can_begin_where_one_says),
        T(kd_shows_the_words_of_the_stack),
        T(a_context_is_said_above_its_stack),
        T(the_default_number_of_frames_can_be_set),
#undef T
        cmocka_unit_test(a_displacement_that_wraps_has_a_backtick),
        cmocka_unit_test(ln_shows_what_has_no_place_where_it_was_linked),
        cmocka_unit_test(code_outside_of_modules_is_managed_where_a_clr_is_loaded),
        cmocka_unit_test(x86_stacks_have_frame_pointers_and_fpo_data),
        cmocka_unit_test(json_has_a_frame_as_a_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
