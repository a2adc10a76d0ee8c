/* SPDX-License-Identifier: MIT */
/* Steps out of x86 frames by their code: prologs, epilogs; and what is not certain enough. */
#include "unit/x86_fixture.h"

#include "unwind/x86_code.h"

static const char ebp_program[] = "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + = ";

/* A function's code with, at each offset that an ip can stand at, how deep the stack is there. */
struct place {
    uint32_t offset;
    uint32_t depth;   /* bytes below the return address */
    bool saved;       /* the caller's ebp has been pushed */
    bool is_ebp_base; /* and ebp points to it */
};

enum { SLOT = STACK + 0x300, OLD_EBP = STACK + 0x400 };

/* Stands at P in CODE, and must be left through SLOT whatever symbols there are. */
static void leaves_at(const char *code, size_t size, const struct place *p, bool has_rule) {
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200);
    x86_code(x, TEXT, code, size);
    x86_symbol(x, "f", TEXT);
    x86_symbol(x, "next", TEXT + 0x80);
    if (has_rule)
        x86_rule(x, ebp_program)->params = 12;
    x->exact = true;
    x86_reg(x, "eip", APP + TEXT + p->offset);
    x86_reg(x, "esp", SLOT - p->depth);
    x86_reg(x, "ebp", p->is_ebp_base ? SLOT - 4 : OLD_EBP);
    x86_poke(x, SLOT, ret);
    if (p->saved)
        x86_poke(x, SLOT - 4, OLD_EBP);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, SLOT + 4, OLD_EBP);
    assert_int_equal(x->step.ret_slot, SLOT);
    assert_int_equal(x->step.base, SLOT - 4);
    assert_int_equal(x->step.how, has_rule ? SC_FRAME_CFI : SC_FRAME_LEAF);
    assert_false(x->step.exact_ip);
    x86_free(x);
}

/* mov edi,edi; push ebp; mov ebp,esp; sub esp,1Ch; push ecx; … pop ecx; leave; ret 0Ch */
static const char plain[] = "\x8b\xff\x55\x8b\xec\x83\xec\x1c\x51\xcc\x59\xc9\xc2\x0c\x00";

static void a_frame_is_the_same_all_through_its_prolog(void **state) {
    (void)state;
    const struct place places[] = {{0, 0, false, false},  {2, 0, false, false},
                                   {3, 4, true, false},   {5, 4, true, true},
                                   {8, 0x20, true, true}, {9, 0x24, true, true}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        leaves_at(plain, sizeof plain - 1, &places[i], true);
        leaves_at(plain, sizeof plain - 1, &places[i], false);
    }
}

static void a_frame_is_the_same_all_through_its_epilog(void **state) {
    (void)state;
    const struct place places[] = {
        {10, 0x24, true, true}, {11, 0x20, true, true}, {12, 0, false, false}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        leaves_at(plain, sizeof plain - 1, &places[i], true);
        leaves_at(plain, sizeof plain - 1, &places[i], false);
    }
}

static void epilogs_of_other_kinds_are_followed(void **state) {
    (void)state;
    static const struct {
        const char *code;
        size_t size;
        uint32_t depth; /* of ebp's slot and what lies below */
    } all[] = {
        {"\x8b\xe5\x5d\xc3", 4, 0x40},                 /* mov esp,ebp; pop ebp; ret */
        {"\x8d\x65\xf4\x59\x59\x59\x5d\xc3", 8, 0x40}, /* lea esp,[ebp-0Ch]; pop x 3; … */
        {"\x83\xc4\x3c\x5d\xf3\xc3", 6, 0x40},         /* add esp,3Ch; pop ebp; rep ret */
        {"\x8d\x64\x24\x3c\x33\xc0\x5d\xc3", 8, 0x40}, /* lea esp,[esp+3Ch]; xor; … */
        {"\xeb\x02\xcc\xcc\x81\xc4\x3c\0\0\0\x5d\xc3", 12, 0x40}, /* jmp; add esp,3Ch; … */
        {"\x64\x89\x0d\0\0\0\0\xc9\xc3", 9, 0x40},                /* mov fs:[0],ecx; leave; ret */
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct place p = {0, all[i].depth, true, true};
        leaves_at(all[i].code, all[i].size, &p, false);
    }
}

static void registers_popped_or_reloaded_are_the_callers(void **state) {
    (void)state;
    /* mov ebx,[esp+8]; mov esi,5; pop edi; pop ecx; add esp,4; ret 8 */
    static const char code[] = "\x8b\x5c\x24\x08\xbe\x05\0\0\0\x5f\x59\x83\xc4\x04\xc2\x08\0";
    struct x86 *x = x86_new();
    const uint32_t ret = x86_call(x, TEXT + 0x200);
    x86_code(x, TEXT + 0x10, code, sizeof code - 1);
    x->exact = true;
    x86_poke(x, ESP, 0x0d1);
    x86_poke(x, ESP + 8, 0x0b1);
    x86_poke(x, ESP + 12, ret);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, ESP + 16, EBP);
    assert_int_equal(x86_get(x, "ebx"), 0x0b1);
    assert_int_equal(x86_get(x, "edi"), 0x0d1);
    assert_int_equal(x->step.known, EBX_BIT | ESP_BIT | EBP_BIT | EDI_BIT);
    assert_int_equal(x->step.callee_params, 8);
    assert_true(x->step.callee_pops);
    x86_free(x);
}

/* ntdll!KiFastSystemCallRet (`ret`), called by a stub that ends in `ret 0Ch`, by the program. */
static void a_system_call_is_left_without_symbols(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_code(x, TEXT + 0x20, "\xc3", 1);
    x86_code(x, TEXT + 0x40, "\xff\x12\xc2\x0c\0", 5);
    const uint32_t ret = x86_call(x, TEXT + 0x200);
    x->exact = true;
    x86_reg(x, "eip", APP + TEXT + 0x20);
    x86_poke(x, ESP, APP + TEXT + 0x42);
    x86_poke(x, ESP + 4, ret);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, APP + TEXT + 0x42, ESP + 4, EBP);
    x->exact = false;
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, ret, ESP + 8, EBP);
    assert_int_equal(x->step.callee_params, 12);
    x86_free(x);
}

/* Without knowing whether the callee's `ret` took its parameters off, esp is not known. */
static void a_caller_is_not_run_while_its_callees_params_may_be_there(void **state) {
    (void)state;
    for (int pops = 0; pops < 2; pops++) {
        struct x86 *x = x86_new();
        const uint32_t ret = x86_call(x, TEXT + 0x200);
        x86_code(x, TEXT + 0x10, "\xc3", 1);
        x86_poke(x, ESP + 8, ret);
        x->step.callee_params = 8;
        x->step.callee_pops = pops;
        x86_steps(x, sc_step_x86, pops ? SC_STEP_DONE : SC_STEP_NO_RULE);
        x86_free(x);
    }
}

static void what_is_not_certain_is_not_followed(void **state) {
    (void)state;
    static const struct {
        const char *code;
        size_t size;
    } all[] = {
        {"\xe8\0\0\0\0\xc3", 6}, /* call */
        {"\x74\x00\xc3", 3},     /* je */
        {"\xff\xe0\xc3", 3},     /* jmp eax */
        {"\x50\xc3", 2},         /* push: then ret goes to it */
        {"\x94\xc3", 2},         /* xchg esp,eax */
        {"\x83\xe4\xf0\xc3", 4}, /* and esp,-16 */
        {"\x8b\xe0\xc3", 3},     /* mov esp,eax */
        {"\x89\x04\x24\xc3", 4}, /* mov [esp],eax */
        {"\x66\x59\xc3", 3},     /* pop cx */
        {"\x5c\xc3", 2},         /* pop esp */
        {"\x8f\x00\xc3", 3},     /* pop [eax] */
        {"\xcf", 1},             /* iretd */
        {"\xcb", 1},             /* retf */
        {"\xeb\xfe", 2},         /* jmp to itself, for ever */
        {"\xcd\x2e\xc3", 3},     /* int 2e */
        {"\x0f\x34\xc3", 3},     /* sysenter */
        {"\xf3\xa5\xc3", 3},     /* rep movs */
        {"\x0f\xa2\xc3", 3},     /* cpuid */
        {"\xff\xff", 2},         /* nothing */
        {"\xcc\xc3", 2},         /* int 3 */
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct x86 *x = x86_new();
        for (uint32_t at = ESP; at < ESP + 0x40; at += 4)
            x86_poke(x, at, APP + TEXT + 0x205);
        x86_call(x, TEXT + 0x200);
        x86_code(x, TEXT + 0x10, all[i].code, all[i].size);
        x->exact = true;
        x86_steps(x, sc_step_x86, SC_STEP_NO_RULE);
        x86_free(x);
    }
}

/* Through the code up to STOP; *RET_ENTRY is what became of it. */
static enum sc_step_status enter(const char *code, uint32_t size, struct x86_entry *ret_entry) {
    struct x86 *x = x86_new();
    struct sc_unwind_module *m = NULL;
    x86_code(x, TEXT, code, size);
    x86_open(x);
    no_error(sc_unwind_module_at(x->u, APP, &m));
    struct x86_step s = {.u = x->u, .m = m, .step = &x->step};
    enum sc_step_status status = sc_x86_entry(&s, APP + TEXT, APP + TEXT + size, ret_entry);
    x86_free(x);
    return status;
}

static void prologs_that_are_not_simple_have_no_depth(void **state) {
    (void)state;
    static const struct {
        const char *code;
        uint32_t size;
    } all[] = {
        {"\x55\xe8\0\0\0\0", 6},
        {"\x55\xeb\x00", 3},
        {"\x55\xc3", 2},
        {"\x59", 1},
        {"\x66\x50", 2},
        {"\x60", 1},
        {"\x9c", 1},
        {"\xc8\x04\0\0", 4},
        {"\x94", 1},
        {"\x8b\xe0", 2},
        {"\x83\xe4\xf0", 3},
        {"\x5c", 1},
        {"\x8d\xa4\x04\0\0\0\0", 7},
        {"\xc9", 1},
        {"\x81\xec\0\0\0\x7f", 6},
        {"\x83\xc4\x08", 3},
        {"\x8b\xe5", 2},
        {"\x55\x83", 2},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct x86_entry e;
        if (enter(all[i].code, all[i].size, &e) != SC_STEP_NO_RULE)
            fail_msg("prolog %zu has a depth", i);
    }
}

static void a_prolog_says_where_registers_went(void **state) {
    (void)state;
    struct x86_entry e;
    /* push ebp; mov ebp,esp; and esp,-8; sub esp,20h: the depth is gone, ebp leads back */
    assert_int_equal(enter("\x55\x8b\xec\x83\xe4\xf8", 6, &e), SC_STEP_DONE);
    assert_false(e.has_depth);
    assert_true(e.has_ebp);
    assert_int_equal(e.ebp_depth, 4);
    assert_int_equal(e.saved, EBP_BIT);
    /* lea ebp,[esp-78h]; sub esp,80h after push ebp */
    assert_int_equal(enter("\x55\x8d\x6c\x24\x88\x81\xec\x80\0\0\0", 11, &e), SC_STEP_DONE);
    assert_int_equal(e.depth, 0x84);
    assert_int_equal(e.ebp_depth, 4 + 0x78);
    /* push esi; xor esi,esi; push esi: the second is an argument */
    assert_int_equal(enter("\x56\x33\xf6\x56", 4, &e), SC_STEP_DONE);
    assert_int_equal(e.saved, ESI_BIT);
    assert_int_equal(e.saved_depth[X86_ESI], 4);
    /* xor ebx,ebx without having saved it */
    assert_int_equal(enter("\x33\xdb\x53", 3, &e), SC_STEP_DONE);
    assert_int_equal(e.saved, 0);
    assert_true(e.lost & EBX_BIT);
    /* push esi; pop esi; push ecx: it is back, and its slot is another's */
    assert_int_equal(enter("\x56\x5e\x51", 3, &e), SC_STEP_DONE);
    assert_int_equal(e.saved | e.lost, 0);
    /* push esi; pop ecx: gone */
    assert_int_equal(enter("\x56\x59", 2, &e), SC_STEP_DONE);
    assert_int_equal(e.saved, 0);
    assert_true(e.lost & ESI_BIT);
    /* cmp esp,ebp; test esp,esp; je: change nothing */
    assert_int_equal(enter("\x3b\xe5\x85\xe4\x74\x00", 6, &e), SC_STEP_DONE);
    assert_int_equal(e.depth, 0);
}

/* Symbols that are wrong by far must not lead through half an image. */
static void code_is_run_for_a_bounded_time(void **state) {
    (void)state;
    struct x86_entry e;
    char nops[600];
    memset(nops, 0x90, sizeof nops);
    assert_int_equal(enter(nops, 60, &e), SC_STEP_DONE);
    assert_int_equal(enter(nops, 100, &e), SC_STEP_NO_RULE);
    assert_int_equal(enter(nops, 600, &e), SC_STEP_NO_RULE);
}

static void code_that_is_not_there_says_nothing(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x->no_code = true;
    x->exact = true;
    x86_symbol(x, "f", TEXT);
    x86_poke(x, ESP, APP + TEXT + 0x205);
    x86_steps(x, sc_step_x86, SC_STEP_NO_RULE);
    x86_free(x);
}

/* The rule of an ebp frame would skip the caller here: ebp is not yet this function's. */
static void a_prolog_without_its_code_is_searched(void **state) {
    (void)state;
    const struct {
        struct place p;
        enum sc_frame_how how;
    } all[] = {{{0, 0, false, false}, SC_FRAME_CFI},
               {{2, 0, false, false}, SC_FRAME_FITTED},
               {{3, 4, true, false}, SC_FRAME_FITTED},
               {{5, 4, true, true}, SC_FRAME_FITTED}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct place *p = &all[i].p;
        struct x86 *x = x86_new();
        struct sc_frame_rule *rule = x86_rule(x, ebp_program);
        rule->function_start = true;
        rule->prolog = 8;
        x->no_code = true;
        x->exact = true;
        x86_reg(x, "eip", APP + TEXT + p->offset);
        x86_reg(x, "esp", SLOT - p->depth);
        x86_reg(x, "ebp", p->is_ebp_base ? SLOT - 4 : OLD_EBP);
        x86_poke(x, SLOT, APP + TEXT + 0x205);
        x86_poke(x, SLOT - 4, OLD_EBP);
        x86_poke(x, OLD_EBP + 4, APP + TEXT + 0x305);
        x86_steps(x, sc_step_x86, SC_STEP_DONE);
        x86_caller(x, APP + TEXT + 0x205, SLOT + 4, OLD_EBP);
        assert_int_equal(x->step.how, all[i].how);
        assert_true(x->step.known & EBP_BIT);
        x86_free(x);
    }
}

static void a_prolog_that_shows_no_return_address_is_not_left(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    struct sc_frame_rule *rule = x86_rule(x, ebp_program);
    rule->function_start = true;
    rule->prolog = 8;
    x->no_code = true;
    x->exact = true;
    x86_reg(x, "eip", APP + TEXT + 3);
    x86_poke(x, EBP + 4, APP + TEXT + 0x205); /* the caller's caller */
    x86_steps(x, sc_step_x86, SC_STEP_NO_RULE);
    x86_free(x);
}

/* Real code of this kind: a fault provoked by inline assembly, and a `ret` behind it. */
static void a_return_to_what_is_behind_no_call_is_not_believed(void **state) {
    (void)state;
    static const uint32_t bad[] = {0, STACK + 0x80, 0x4740dc09, APP + TEXT + 0x206,
                                   APP + PEIMG_DATA};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct x86 *x = x86_new();
        x86_call(x, TEXT + 0x200);
        x86_code(x, TEXT + 0x10, "\x8b\x00\xc3", 3);
        x->exact = true;
        x86_poke(x, ESP, bad[i]);
        x86_steps(x, sc_step_x86, SC_STEP_NO_RULE);
        x86_free(x);
    }
}

static void decorated_names_tell_what_a_function_takes_off(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool ok;
        uint32_t bytes;
    } all[] = {{"_NtClose@4", true, 4}, {"_f@0", true, 0},        {"@f@4", true, 0},
               {"@f@8", true, 0},       {"@f@16", true, 8},       {"_main", false, 0},
               {"main@4", false, 0},    {"?f@@YGXH@Z", false, 0}, {"_f@", false, 0},
               {"_f@4x", false, 0},     {"_f@99999", false, 0},   {"@", false, 0},
               {"", false, 0},          {"_a@b@12", true, 12}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uint32_t bytes = 0;
        if (sc_x86_decorated_params(all[i].name, &bytes) != all[i].ok || bytes != all[i].bytes)
            fail_msg("%s: %u bytes", all[i].name, bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_the_same_all_through_its_prolog),
        cmocka_unit_test(a_frame_is_the_same_all_through_its_epilog),
        cmocka_unit_test(epilogs_of_other_kinds_are_followed),
        cmocka_unit_test(registers_popped_or_reloaded_are_the_callers),
        cmocka_unit_test(a_system_call_is_left_without_symbols),
        cmocka_unit_test(a_caller_is_not_run_while_its_callees_params_may_be_there),
        cmocka_unit_test(what_is_not_certain_is_not_followed),
        cmocka_unit_test(prologs_that_are_not_simple_have_no_depth),
        cmocka_unit_test(a_prolog_says_where_registers_went),
        cmocka_unit_test(code_is_run_for_a_bounded_time),
        cmocka_unit_test(code_that_is_not_there_says_nothing),
        cmocka_unit_test(a_prolog_without_its_code_is_searched),
        cmocka_unit_test(a_prolog_that_shows_no_return_address_is_not_left),
        cmocka_unit_test(a_return_to_what_is_behind_no_call_is_not_believed),
        cmocka_unit_test(decorated_names_tell_what_a_function_takes_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
