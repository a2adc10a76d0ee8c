/* SPDX-License-Identifier: MIT */
/* `dv`, `kp`, `.frame`, `.trap`: variables and contexts on a fake kernel with private symbols. */
#include "cmd/stack.h"
#include "cmd/symbols.h"
#include "fake_session.h"
#include "fake_types.h"
#include "stopcode/symtab.h"

#define NT    0xfffff80000000000ULL
#define STACK 0xffffa00000001000ULL
#define TEXT  0xffffa00000002000ULL
#define TRAP  0xffffa00000003000ULL

/* The fake image has no tables: nothing says how its functions are left. */
#define LOST "  [nothing says how this frame is left]\n"

enum { START = 0x1100, SIZE = 0x80 };
#define HERE .scope_rva = START, .scope_size = SIZE

static const struct sc_local locals[] = {
    {.name = "what",
     .type = T_P_CHAR,
     .parameter = true,
     .where = SC_LOCAL_REGISTER,
     .reg = "rcx",
     HERE},
    {.name = "count",
     .type = T_UINT,
     .parameter = true,
     .where = SC_LOCAL_REG_REL,
     .reg = "rsp",
     .offset = 0x30,
     HERE},
    {.name = "i", .type = T_INT, .where = SC_LOCAL_FRAME_REL, .reg = "rbp", .offset = -8, HERE},
    {.name = "when", .type = T_INT64, .where = SC_LOCAL_PIECES, .reg = "eax", HERE},
    {.name = "when",
     .type = T_INT64,
     .where = SC_LOCAL_PIECES,
     .reg = "edx",
     .offset_in_parent = 4,
     HERE},
    {.name = "half", .type = T_INT64, .where = SC_LOCAL_PIECES, .reg = "eax", HERE},
    {.name = "total", .type = T_ULONG64, .where = SC_LOCAL_STATIC, .rva = 0x2010, HERE},
    {.name = "kind", .type = T_KIND, .where = SC_LOCAL_CONSTANT, .offset = 1, HERE},
    {.name = "gone", .type = T_UINT, .where = SC_LOCAL_OPTIMIZED, HERE},
    {.name = "Name",
     .type = T_UNICODE,
     .where = SC_LOCAL_REG_REL,
     .reg = "rsp",
     .offset = 0x40,
     HERE},
    {.name = "Image",
     .type = T_A_IMAGE,
     .where = SC_LOCAL_REG_REL,
     .reg = "rsp",
     .offset = 0x60,
     HERE},
    {.name = "thing", .type = T_P_THING, .where = SC_LOCAL_REGISTER, .reg = "rbx", HERE},
    {.name = "ready", .type = T_BOOL, .where = SC_LOCAL_REGISTER, .reg = "sil", HERE},
    {.name = "far",
     .type = T_UINT,
     .where = SC_LOCAL_REG_REL,
     .reg = "rsp",
     .offset = 0x100000,
     HERE},
    {.name = "deep",
     .type = T_UINT,
     .where = SC_LOCAL_CONSTANT,
     .offset = 5,
     .inline_depth = 1,
     HERE},
};
static const struct sc_symbol symbols[] = {
    {.name = "KiStart", .kind = SC_SYM_FUNCTION, .rva = START, .size = SIZE, .code = true},
    {.name = "KiEmpty", .kind = SC_SYM_FUNCTION, .rva = 0x1200, .size = 0x10, .code = true},
    {.name = "KiPublic", .kind = SC_SYM_PUBLIC, .rva = 0x1300, .code = true},
};
static const struct fake_symbols provider = {
    .provider = "pdb",
    .has_private = true,
    .symbol = symbols,
    .nsymbols = sizeof symbols / sizeof *symbols,
    .type = fake_types,
    .ntypes = sizeof fake_types / sizeof *fake_types,
    .member = fake_members,
    .nmembers = sizeof fake_members / sizeof *fake_members,
    .local = locals,
    .nlocals = sizeof locals / sizeof *locals,
};

static void open_on(struct fix *f, enum sc_render render) {
    static uint8_t stack[0x200], text[0x20], data[0x20], trap[0x190];
    static const struct sc_module nt = {
        .base = NT, .size = 0x10000, .name = "nt", .image = "ntoskrnl.exe", .path = "nt.exe"};
    memcpy(text, "hello", 6);
    memcpy(stack + 0x60, "Sys", 4);
    fake_put(stack + 0x30, 0x1c, 4);
    fake_put(stack + 0x40, 10, 2);
    fake_put(stack + 0x42, 12, 2);
    fake_put(stack + 0x48, TEXT + 0x10, 8);
    memcpy(text + 0x10, "n\0a\0m\0e\0s", 9);
    fake_put(stack + 0x78, (uint64_t)-7, 4);
    fake_put(data + 0x10, 0x1122334455667788, 8);
    fake_put(trap + 0x38, 0x1234, 8);
    fake_put(trap + 0x140, 0x7777, 8);
    fake_put(trap + 0x168, NT + 0x1200, 8);
    fake_put(trap + 0x170, 0x10, 2);
    fake_put(trap + 0x178, 0x10246, 4);
    fake_put(trap + 0x180, STACK, 8);
    const struct sc_fake_bytes memory[] = {{STACK, stack, sizeof stack},
                                           {TEXT, text, sizeof text},
                                           {NT + 0x2000, data, sizeof data},
                                           {TRAP, trap, sizeof trap}};
    struct sc_regs regs = full_regs(SC_CPU_X64);
    set_reg(&regs, "rip", NT + START + 0x20);
    set_reg(&regs, "rsp", STACK);
    set_reg(&regs, "rbp", STACK + 0x80);
    set_reg(&regs, "rcx", TEXT);
    set_reg(&regs, "rax", 0xffffffff00000005);
    set_reg(&regs, "rdx", 2);
    set_reg(&regs, "rbx", 0);
    set_reg(&regs, "rsi", 1);
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X64,
                                 .kernel = true,
                                 .modules = &nt,
                                 .nmodules = 1,
                                 .memory = memory,
                                 .nmemory = 4,
                                 .regs = &regs};
    const struct sc_modules *list;
    sc_symbols *s = fake_symbols_open(&provider);
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

static void dv_shows_what_variables_hold_wherever_they_are(void **state) {
    fix_prints(*state, "dv",
               "           what = 0xffffa000`00002000 \"hello\"\n"
               "          count = 0x1c\n"
               "              i = 0n-7\n"
               "           when = 0n8589934597\n"
               "           half = <value unavailable>\n"
               "          total = 0x11223344`55667788\n"
               "           kind = KindGood (0n1)\n"
               "           gone = <value unavailable>\n"
               "           Name = struct _UNICODE_STRING \"names\"\n"
               "          Image = unsigned char [4] \"Sys\"\n"
               "          thing = 0x00000000`00000000\n"
               "          ready = true\n"
               "            far = <Memory access error>\n");
}

static void cxx_expressions_know_variables_wherever_they_are(void **state) {
    fix_prints(*state, "?? what", "char * 0xffffa000`00002000\n \"hello\"\n");
    fix_prints(*state, "?? what[1]", "char 0n101 'e'\n");
    fix_prints(*state, "?? count + i", "unsigned long 0x15\n");
    fix_prints(*state, "?? when", "int64 0n8589934597\n");
    fix_prints(*state, "?? total", "unsigned int64 0x11223344`55667788\n");
    fix_prints(*state, "?? kind", "_KIND KindGood (0n1)\n");
    fix_prints(*state, "?? ready && !thing", "bool true\n");
    fix_prints(*state, "?? Name.Length / sizeof(wchar_t)", "unsigned int64 5\n");
    fix_prints(*state, "?? &i", "long * 0xffffa000`00001078\n");
    fix_prints(*state, "?? Image", "unsigned char [4] 0xffffa000`00001060\n \"Sys\"\n");
    fix_prints(*state, "? @@c++(count)", "Evaluate expression: 28 = 00000000`0000001c\n");
    fix_prints(*state, "?? $!count", "unsigned long 0x1c\n");
    fix_fails(*state, "?? gone", "gone has no value that is kept here");
    fix_fails(*state, "?? half", "half has no value that is kept here");
    fix_fails(*state, "?? far", "memory at ffffa000`00101000: absent");
    fix_fails(*state, "?? &when", "this is in registers: it has no address");
    fix_fails(*state, "?? deep", "'deep' is not known");
}

static void dv_has_kinds_types_addresses_and_places(void **state) {
    fix_prints(*state, "dv /i /t /V wh*",
               "prv param  @rcx              @rcx              char * what = 0xffffa000`00002000 "
               "\"hello\"\n"
               "prv local                                      int64 when = 0n8589934597\n");
    fix_prints(*state, "dv /i *e*",
               "prv local             when = 0n8589934597\n"
               "prv local             gone = <value unavailable>\n"
               "prv local             Name = struct _UNICODE_STRING "
               "\"names\"\n"
               "prv local            Image = unsigned char [4] \"Sys\"\n"
               "prv local            ready = true\n");
    fix_prints(*state, "dv -tv count", "ffffa000`00001030 unsigned long count = 0x1c\n");
    fix_prints(*state, "dv /V i", "ffffa000`00001078 @rbp-0x0008                     i = 0n-7\n");
    fix_prints(*state, "dv /V t*l",
               "fffff800`00002010                             total = 0x11223344`55667788\n");
}

static void dv_sorts_by_name_address_and_size(void **state) {
    fix_prints(*state, "dv /n /t ?????",
               "unsigned long count = 0x1c\n"
               "unsigned char [4] Image = unsigned char [4] \"Sys\"\n"
               "bool ready = true\n"
               "struct _THING * thing = 0x00000000`00000000\n"
               "unsigned int64 total = 0x11223344`55667788\n");
    fix_prints(*state, "dv /A /v *a*e",
               "ffffa000`00001060           Image = unsigned char [4] \"Sys\"\n"
               "ffffa000`00001040            Name = struct _UNICODE_STRING \"names\"\n");
    fix_prints(*state, "dv /Z [Ni]*", /* _UNICODE_STRING is wider than an int */
               "           Name = struct _UNICODE_STRING \"names\"\n"
               "              i = 0n-7\n"
               "          Image = unsigned char [4] \"Sys\"\n");
}

static void dv_of_another_function_has_no_values(void **state) {
    fix_prints(*state, "dv /t /f nt!KiStart count",
               "                  @rsp+0x0030       unsigned long count\n");
    fix_prints(*state, "dv /f nt!KiEmpty", "");
    fix_fails(*state, "dv /f nt!KiPublic", "private symbols of nt are required");
    fix_fails(*state, "dv /f 5", "no module contains 0x5");
    fix_fails(*state, "dv /q", "/q is no option");
    fix_fails(*state, "dv a b", "one pattern");
    fix_fails(*state, "dv /f", "needs the address");
}

static void kp_has_parameters_and_kP_one_on_each_line(void **state) {
    fix_run(*state, "kp 1");
    fix_has(*state, " nt!KiStart(char * what = 0xffffa000`00002000 \"hello\", unsigned long count "
                    "= 0x1c)+0x20\n");
    fix_run(*state, "kP 1");
    fix_has(*state, " nt!KiStart(\n"
                    "\t\t\tchar * what = 0xffffa000`00002000 \"hello\", \n"
                    "\t\t\tunsigned long count = 0x1c)+0x20\n");
    fix_run(*state, "k = ffffa00000001000 nt!KiEmpty+4 1");
    fix_has(*state, " nt!KiEmpty+0x4\n");
    fix_run(*state, "kp = ffffa00000001000 nt!KiEmpty+4 1");
    fix_has(*state, " nt!KiEmpty(void)+0x4\n");
    fix_run(*state, "kp = ffffa00000001000 nt!KiPublic+4 1");
    fix_has(*state, " nt!KiPublic+0x4\n");
}

/* A register that the walk did not follow holds what a later function left there. */
static void a_variable_in_a_register_that_is_not_known_says_so(void **state) {
    struct fix *f = *state;
    struct sc_frame frame;
    struct sc_local_row *rows;
    uint32_t depth;
    size_t count;
    bool private;
    sc_arena *arena = sc_arena_create();
    assert_null(sc_session_scope(f->s, &frame, &depth));
    frame.known = ~(uint64_t)(1u << 1 | 1u << 2); /* rcx, rdx */
    assert_false(sc_frame_knows(&frame, "rcx"));
    assert_false(sc_frame_knows(&frame, "dl"));
    assert_true(sc_frame_knows(&frame, "eax"));
    assert_null(sc_locals_read(f->s, &frame, 0, arena, &rows, &count, &private));
    assert_true(private);
    assert_string_equal(rows[0].name, "what");
    assert_string_equal(rows[0].unknown, "rcx");
    assert_null(rows[1].unknown);
    assert_string_equal(rows[3].name, "when"); /* half of it is in edx */
    assert_string_equal(rows[3].unknown, "edx");
    assert_null(sc_locals_read(f->s, &frame, 1, arena, &rows, &count, &private));
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].name, "deep");
    assert_string_equal(rows[0].value, "5");
    sc_arena_destroy(arena);
}

/* Offsets of x86 code without a frame pointer count from $T0 of the frame program. */
static void vframe_is_what_the_frame_program_says(void **state) {
    (void)state;
    static const struct sc_local one[] = {{.name = "a",
                                           .type = T_UINT,
                                           .parameter = true,
                                           .where = SC_LOCAL_FRAME_REL,
                                           .reg = "vframe",
                                           .offset = 4,
                                           HERE}};
    static const struct sc_module app = {
        .base = 0x400000, .size = 0x10000, .name = "app", .image = "app.exe", .path = "app.exe"};
    static const struct {
        const char *program;
        uint64_t address;
    } cases[] = {{"$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =", 0x12ff24},
                 {"$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ =", 0x12ff84},
                 {"$T1 .raSearch = $T0 $T1 4 - 16 @ = $eip $T1 ^ =", 0x12ff14},
                 {NULL, 0x12ff24}};
    struct fake_symbols p = provider;
    p.local = one;
    p.nlocals = 1;
    struct sc_regs regs = full_regs(SC_CPU_X86);
    set_reg(&regs, "eip", 0x400000 + START + 4);
    set_reg(&regs, "ebp", 0x12ff80);
    const struct sc_fake fake = {
        .sz = sizeof fake, .cpu = SC_CPU_X86, .modules = &app, .nmodules = 1, .regs = &regs};
    struct fix f;
    const struct sc_modules *list;
    struct sc_frame frame = {.ip = 0x400000 + START + 4,
                             .exact_ip = true,
                             .known = UINT64_MAX,
                             .regs = regs,
                             .ret_slot = 0x12ff20,
                             .has_rule = true};
    fake_open(&f, &fake, SC_RENDER_TEXT);
    assert_null(sc_session_set_paths(f.s, NULL, NULL));
    assert_null(sc_target_modules(f.target, &list));
    sc_symbols *s = fake_symbols_open(&p);
    assert_null(sc_symtab_attach(sc_session_symtab(f.s), &list->item[0], s, "test"));
    sc_symbols_unref(s);
    frame.module = &list->item[0];
    sc_arena *arena = sc_arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sc_local_row *rows;
        size_t count;
        bool private;
        frame.rule.program = cases[i].program;
        assert_null(sc_locals_read(f.s, &frame, 0, arena, &rows, &count, &private));
        assert_int_equal(count, 1);
        assert_int_equal(rows[0].address, cases[i].address);
        assert_string_equal(rows[0].where, "@vframe+0x04");
    }
    sc_arena_destroy(arena);
    fix_close(&f);
}

/* ---- contexts ---- */

static void trap_makes_its_registers_the_context(void **state) {
    struct fix *f = *state;
    assert_int_equal(fix_run(f, ".trap ffffa00000003000"), 0);
    fix_has(f, "NOTE: The trap frame does not contain all registers.\n"
               "Some register values may be zeroed or incorrect.\n"
               "rax=0000000000000000 rbx=0000000000000000 rcx=0000000000001234\n");
    fix_has(f, "iopl=0         nv up ei pl zr na pe nc\nnt!KiEmpty:\n");
    assert_int_equal(fix_run(f, "? @rcx"), 0);
    fix_has(f, "00000000`00001234");
    assert_int_equal(fix_run(f, "k"), 0);
    fix_has(f, "  *** Stack trace for last set context - .thread/.cxr resets it\n");
    fix_has(f, "ffffa000`00001000 00000000`00000000 nt!KiEmpty\n");
    fix_prints(f, ".trap", "Resetting default scope\n");
    assert_false(sc_session_has_context(f->s));
    fix_fails(f, ".trap ffffa00000001000", "there is no trap frame at");
    fix_fails(f, ".trap ffffa00000009000", "not hold");
    assert_false(sc_session_has_context(f->s));
}

static void an_x86_trap_frame_has_an_error_code(void **state) {
    (void)state;
    uint8_t trap[0x8c] = {0};
    fake_put(trap + 0x44, 0x1234, 4); /* Eax */
    fake_put(trap + 0x60, 0x8000ff80, 4);
    fake_put(trap + 0x64, 2, 4);
    fake_put(trap + 0x68, 0x80001010, 4);
    fake_put(trap + 0x6c, 8, 4);
    fake_put(trap + 0x70, 0x10246, 4);
    const struct sc_fake_bytes memory = {0x8000f000, trap, sizeof trap};
    static const struct sc_module nt = {
        .base = 0x80000000, .size = 0x10000, .name = "nt", .image = "ntoskrnl.exe", .path = "nt"};
    struct sc_regs regs = full_regs(SC_CPU_X86);
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X86,
                                 .kernel = true,
                                 .modules = &nt,
                                 .nmodules = 1,
                                 .memory = &memory,
                                 .nmemory = 1,
                                 .regs = &regs};
    struct fix f;
    fake_open(&f, &fake, SC_RENDER_TEXT);
    assert_null(sc_session_set_paths(f.s, NULL, NULL));
    assert_int_equal(fix_run(&f, ".trap ffffffff8000f000"), 0); /* sign-extended, as ? has it */
    fix_has(&f, "ErrCode = 00000002\neax=00001234 ");
    fix_has(&f, "eip=80001010 esp=8000f074 ebp=8000ff80 ");
    fix_has(&f, "cs=0008  ss=0010 ");
    fix_close(&f);
}

static void frame_shows_and_chooses(void **state) {
    struct fix *f = *state;
    fix_prints(f, ".frame", "00 ffffa000`00001000 00000000`00000000 nt!KiStart+0x20\n" LOST);
    assert_int_equal(fix_run(f, ".frame /r 0"), 0);
    fix_has(f, "00 ffffa000`00001000 00000000`00000000 nt!KiStart+0x20\n" LOST
               "rax=ffffffff00000005 ");
    fix_has(f, "nt!KiStart+0x20:\n");
    assert_false(sc_session_has_context(f->s));
    fix_fails(f, ".frame 5", "Cannot find frame 0x5, previous scope unchanged");
    fix_fails(f, ".f-", "Cannot find frame");
    fix_fails(f, ".frame ffffffff", "Cannot find frame 0xffffffff");
    assert_int_equal(fix_run(f, ".frame /c = ffffa00000001000 nt!KiEmpty+4"), 0);
    fix_has(f, "00 ffffa000`00001000 00000000`00000000 nt!KiEmpty+0x4\n" LOST "rax=");
    assert_int_equal(fix_run(f, "r rip"), 0);
    fix_has(f, "rip=fffff80000001204\n");
    fix_prints(f, "dv", "");
    fix_prints(f, "? @$frame", "Evaluate expression: 0 = 00000000`00000000\n");
    assert_int_equal(fix_run(f, ".cxr"), 0);
    assert_int_equal(fix_run(f, "r rip"), 0);
    fix_has(f, "rip=fffff80000001120\n");
}

/* What hangs on a frame dies with the symbols it names. */
static void a_reload_forgets_the_frame(void **state) {
    struct fix *f = *state;
    assert_int_equal(fix_run(f, ".frame /c 0"), 0);
    assert_true(sc_session_has_context(f->s));
    struct sc_context saved = *sc_session_context(f->s);
    assert_int_equal(fix_run(f, ".reload"), 0);
    assert_false(sc_session_has_context(f->s));
    sc_session_restore_context(f->s, &saved);
    assert_false(sc_session_has_context(f->s));
}

static void a_command_runs_in_each_frame(void **state) {
    struct fix *f = *state;
    fix_prints(f, "!for_each_frame \"dv count; .echo x\"",
               "_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ \n"
               "00 ffffa000`00001000 00000000`00000000 nt!KiStart+0x20\n" LOST
               "          count = 0x1c\n"
               "x\n");
    assert_false(sc_session_context(f->s)->has_scope);
    assert_int_equal(fix_run(f, "!for_each_frame .reload"), 0);
}

static void json_has_locals_as_records(void **state) {
    (void)state;
    struct fix f;
    open_on(&f, SC_RENDER_JSON);
    assert_int_equal(fix_run(&f, "dv count"), 0);
    fix_has(&f, "{\"type\":\"local\",\"name\":\"count\",\"type_name\":\"unsigned long\","
                "\"kind\":\"param\",\"address\":\"0xffffa00000001030\",\"where\":\"@rsp+0x0030\","
                "\"size\":\"0x4\",\"value\":\"0x1c\",\"available\":true,\"unknown\":null}");
    assert_int_equal(fix_run(&f, "kp 1"), 0);
    fix_has(&f, "\"params\":[{\"name\":\"what\",\"type_name\":\"char *\",\"value\":\"0xffffa000`"
                "00002000 \\\"hello\\\"\"},");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(dv_shows_what_variables_hold_wherever_they_are),
        T(cxx_expressions_know_variables_wherever_they_are),
        T(dv_has_kinds_types_addresses_and_places),
        T(dv_sorts_by_name_address_and_size),
        T(dv_of_another_function_has_no_values),
        T(kp_has_parameters_and_kP_one_on_each_line),
        T(a_variable_in_a_register_that_is_not_known_says_so),
        T(trap_makes_its_registers_the_context),
        T(frame_shows_and_chooses),
        T(a_reload_forgets_the_frame),
        T(a_command_runs_in_each_frame),
#undef T
        cmocka_unit_test(an_x86_trap_frame_has_an_error_code),
        cmocka_unit_test(vframe_is_what_the_frame_program_says),
        cmocka_unit_test(json_has_locals_as_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
