/* SPDX-License-Identifier: MIT */
/*
 * The first frame worth blaming, on stacks that are made by hand: what forged dumps do not have
 * (frames that were guessed, traps without a name, code in no module), and processes.
 */
#include "unit/symtab_support.h"

#include "analyze/culprit.h"
#include "analyze/faultregs.h"

#define NT    0xfffff80000000000ULL
#define BAD   0xfffff80001000000ULL /* baddrv.sys: nobody knows it */
#define WDF   0xfffff80002000000ULL /* Wdf01000.sys: a framework */
#define AMD   0xfffff80003000000ULL /* amdppm.sys: comes with Windows */
#define APP   0x140000000ULL
#define LIB   0x150000000ULL
#define NTDLL 0x7ffe00000000ULL
#define WHERE 0xffffa00000777000ULL /* in no module */

enum { FRAMES = 16 };

struct bench {
    struct sc_machine machine;
    struct sc_analysis a;
    struct sc_frame frame[FRAMES];
    const char *symbol[FRAMES];
    struct sc_case c;
    struct sc_culprit k;
    sc_target *target;
};

static void begin(struct bench *b, bool kernel) {
    const struct sc_module modules[] = {
        {.base = APP, .size = 0x100000, .name = "app", .image = "app.exe", .path = "d:\\app.exe"},
        {.base = LIB,
         .size = 0x100000,
         .name = "strange",
         .image = "strange.dll",
         .path = "C:\\Windows\\System32\\strange.dll"},
        {.base = NTDLL,
         .size = 0x100000,
         .name = "ntdll",
         .image = "ntdll.dll",
         .path = "C:\\Windows\\System32\\ntdll.dll"},
        {.base = NT, .size = 0x100000, .name = "nt", .image = "ntoskrnl.exe", .path = ""},
        {.base = BAD, .size = 0x100000, .name = "baddrv", .image = "baddrv.sys", .path = ""},
        {.base = WDF, .size = 0x100000, .name = "Wdf01000", .image = "Wdf01000.sys", .path = ""},
        {.base = AMD, .size = 0x100000, .name = "amdppm", .image = "amdppm.sys", .path = ""},
    };
    memset(b, 0, sizeof *b);
    b->machine = (struct sc_machine){
        .cpu = SC_CPU_X64, .kernel = kernel, .windows = true, .has_bugcheck = kernel};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = kernel,
                           .machine = &b->machine,
                           .modules = modules,
                           .nmodules = sizeof modules / sizeof *modules};
    no_error(sc_target_fake(&fake, &b->target));
    b->a.has_bugcheck = kernel;
    b->a.code = 0x50;
    b->a.stack.frame = b->frame;
    b->a.stack.end = SC_STACK_END_DONE;
    b->a.stack_symbol = b->symbol;
    b->c = (struct sc_case){.target = b->target,
                            .machine = &b->machine,
                            .arena = sc_arena_create(),
                            .a = &b->a,
                            .ptr_size = 8,
                            .regs_of_fault = true,
                            .fault = {.ip = SC_UNSET64, .memory = SC_UNSET64}};
}

static void end(struct bench *b) {
    sc_arena_destroy(b->c.arena);
    sc_target_close(b->target);
}

/* The next frame further out; the first one stands on its instruction. */
static struct sc_frame *add(struct bench *b, uint64_t ip) {
    size_t n = b->a.stack.count++;
    struct sc_frame *f = &b->frame[n];
    *f = (struct sc_frame){.number = (uint32_t)n,
                           .how = n ? SC_FRAME_UNWIND : SC_FRAME_CONTEXT,
                           .confidence = 100,
                           .ip = ip,
                           .exact_ip = n == 0,
                           .module = sc_target_module_at(b->target, ip)};
    b->symbol[n] = "somewhere";
    return f;
}

static void find(struct bench *b) { sc_culprit_find(&b->c, &b->k); }

static void is(const struct bench *b, size_t frame, const char *module, enum sc_link link) {
    if (!b->k.found)
        fail_msg("nobody: %s", b->k.why);
    assert_int_equal(b->k.frame, frame);
    assert_string_equal(b->k.module->name, module);
    assert_int_equal(b->k.link, link);
}

static void nobody(const struct bench *b, const char *why) {
    assert_false(b->k.found);
    if (!strstr(b->k.why, why))
        fail_msg("%s", b->k.why);
}

/* --- kernels ---------------------------------------------------------------------------------- */

static void the_frame_of_the_fault_is_its_own(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    add(&b, BAD + 0x10);
    add(&b, WDF + 0x20);
    add(&b, NT + 0x30);
    find(&b);
    is(&b, 0, "baddrv", SC_LINK_OWN);
    assert_string_equal(b.k.host->name, "Wdf01000");
    assert_int_equal(b.k.host_frame, 1);
    assert_int_equal(b.k.npassed, 0);
    end(&b);
}

static void the_context_of_the_stop_is_not_the_faults(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    b.c.regs_of_fault = false;
    add(&b, BAD + 0x10);
    find(&b);
    is(&b, 0, "baddrv", SC_LINK_CALLED);
    end(&b);
}

static void a_trap_that_interrupted_the_instruction_that_failed_is_the_faults(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    b.c.fault.ip = BAD + 0x10;
    add(&b, NT + 0x100);
    add(&b, NT + 0x200)->trap = 0xfffff88000001000;
    struct sc_frame *f = add(&b, BAD + 0x10);
    f->how = SC_FRAME_TRAP;
    f->exact_ip = true;
    find(&b);
    is(&b, 2, "baddrv", SC_LINK_OWN);
    assert_false(b.k.unnamed_trap);
    end(&b);
}

static void a_trap_without_a_name_may_be_an_interrupt(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    add(&b, NT + 0x100);
    add(&b, NT + 0x200)->trap = 0xfffff88000001000;
    struct sc_frame *f = add(&b, BAD + 0x10);
    f->how = SC_FRAME_TRAP;
    f->exact_ip = true;
    find(&b);
    is(&b, 2, "baddrv", SC_LINK_CALLED);
    assert_true(b.k.unnamed_trap);
    end(&b);
}

static void a_jump_to_nowhere_is_its_callers(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    add(&b, WHERE);
    add(&b, BAD + 0x20);
    find(&b);
    is(&b, 1, "baddrv", SC_LINK_JUMPED);
    end(&b);
}

static void a_frameworks_client_calls_it_or_sends_to_it(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    add(&b, WDF + 0x20);
    add(&b, BAD + 0x20);
    find(&b);
    is(&b, 1, "baddrv", SC_LINK_CALLED);
    assert_string_equal(b.k.inner->name, "Wdf01000");
    end(&b);
    begin(&b, true);
    add(&b, WDF + 0x20);
    add(&b, NT + 0x20); /* it has no name: it may pass requests on */
    add(&b, BAD + 0x20);
    find(&b);
    is(&b, 2, "baddrv", SC_LINK_SENT);
    end(&b);
}

static void without_a_client_only_the_framework_that_failed_is_named(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    add(&b, WDF + 0x20);
    add(&b, NT + 0x30)->confidence = 50;
    find(&b);
    is(&b, 0, "Wdf01000", SC_LINK_OWN);
    assert_true(b.k.framework);
    assert_int_equal(b.k.percent, 100); /* what stands further out does not matter */
    assert_int_equal(b.k.npassed, 0);
    end(&b);
    begin(&b, true);
    add(&b, NT + 0x20);
    add(&b, WDF + 0x20);
    add(&b, NT + 0x30);
    find(&b);
    nobody(&b, "besides the kernel there is only Wdf01000.sys");
    end(&b);
}

static void the_weakest_frame_on_the_way_counts(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    add(&b, NT + 0x20);
    add(&b, NT + 0x30)->confidence = 62;
    add(&b, BAD + 0x20)->confidence = 97;
    add(&b, BAD + 0x40)->confidence = 10;
    find(&b);
    is(&b, 2, "baddrv", SC_LINK_CALLED);
    assert_int_equal(b.k.percent, 62);
    assert_int_equal(b.k.weakest, 1);
    end(&b);
}

static void a_third_party_behind_a_driver_of_windows_is_noted(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    add(&b, AMD + 0x20);
    add(&b, NT + 0x20);
    add(&b, BAD + 0x20);
    find(&b);
    is(&b, 0, "amdppm", SC_LINK_OWN);
    assert_string_equal(b.k.behind->name, "baddrv");
    assert_int_equal(b.k.behind_frame, 2);
    end(&b);
    begin(&b, true);
    add(&b, BAD + 0x20); /* its twin: the third party itself is the culprit */
    add(&b, NT + 0x20);
    add(&b, AMD + 0x20);
    find(&b);
    is(&b, 0, "baddrv", SC_LINK_OWN);
    assert_null(b.k.behind);
    end(&b);
}

static void user_code_below_a_system_call_ends_the_search(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    add(&b, NT + 0x20);
    add(&b, NTDLL + 0x20);
    add(&b, APP + 0x20);
    find(&b);
    nobody(&b, "all frames of the stack are the kernel's");
    end(&b);
}

static void a_stack_that_is_lost_is_said_to_be(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    b.a.stack.end = SC_STACK_END_LOST;
    add(&b, NT + 0x20);
    find(&b);
    nobody(&b, "could not be followed to its end");
    end(&b);
    begin(&b, true);
    b.a.stack_why = "the dump holds no registers to begin with";
    find(&b);
    nobody(&b, "no registers");
    end(&b);
}

static void more_rows_than_there_is_room_for_are_joined(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    for (int i = 0; i < 6; i++) {
        add(&b, NT + 0x20);
        add(&b, WDF + 0x20);
    }
    add(&b, BAD + 0x20);
    find(&b);
    assert_int_equal(b.k.npassed, SC_PASSED_MAX);
    assert_true(b.k.passed[SC_PASSED_MAX - 1].mixed);
    assert_int_equal(b.k.passed[SC_PASSED_MAX - 1].last, 11);
    assert_non_null(strstr(sc_culprit_passed(&b.c, &b.k), "07-0b (Wdf01000: and others)"));
    end(&b);
}

/* --- the trap frame, and the watchdog ----------------------------------------------------------
 */

/* What lies before a trap frame that was recognised by the failing instruction does not matter. */
static void a_trap_frame_that_is_known_by_itself_is_exact(void **state) {
    (void)state;
    struct bench b;
    struct sc_fault_trap trap = {.address = 0xffff850000001000};
    uint8_t context[SC_CONTEXT_MAX] = {[0x30] = 3, [0x32] = 0x10};
    no_error(sc_regs_init(&trap.regs, SC_CPU_X64, context, sc_context_size(SC_CPU_X64)));
    sc_reg_set(&trap.regs, sc_reg_find(SC_CPU_X64, "rip"), BAD + 0x10);
    sc_reg_set(&trap.regs, sc_reg_find(SC_CPU_X64, "rsp"), 0xffff850000001190);
    for (int known = 0; known < 2; known++) {
        begin(&b, true);
        b.c.regs_of_fault = false;
        b.c.fault.ip = BAD + 0x10;
        b.c.trap = known ? &trap : NULL;
        add(&b, NT + 0x10);
        add(&b, NT + 0x20)->confidence = 57;
        struct sc_frame *f = add(&b, BAD + 0x10);
        f->exact_ip = true;
        f->confidence = 94;
        f->sp = 0xffff850000001190;
        find(&b);
        is(&b, 2, "baddrv", SC_LINK_OWN);
        assert_int_equal(b.k.percent, known ? 100 : 57);
        end(&b);
    }
}

/* In a kernel without names, whom the watchdog's clock interrupted is behind the first trap. */
static void whom_a_watchdog_without_names_struck_must_be_known(void **state) {
    (void)state;
    struct bench b;
    begin(&b, true);
    b.a.code = 0x133;
    b.c.regs_of_fault = false;
    add(&b, NT + 0x10);
    add(&b, NT + 0x20);
    add(&b, BAD + 0x10)->exact_ip = true;
    find(&b);
    is(&b, 2, "baddrv", SC_LINK_OWN);
    assert_false(b.k.unnamed_trap);
    end(&b);
    begin(&b, true); /* the kernel, which may wait for a lock there */
    b.a.code = 0x133;
    add(&b, NT + 0x10);
    add(&b, NT + 0x20)->exact_ip = true;
    add(&b, BAD + 0x10);
    find(&b);
    nobody(&b, "whether that is a wait for a lock");
    end(&b);
    begin(&b, true); /* no trap was found at all */
    b.a.code = 0x133;
    add(&b, NT + 0x10);
    add(&b, BAD + 0x10);
    find(&b);
    nobody(&b, "which code the watchdog interrupted is not known");
    end(&b);
}

/* Without names: beyond a second trap somebody was interrupted. */
static void whom_a_second_trap_interrupted_is_not_named(void **state) {
    (void)state;
    struct bench b;
    for (int second = 0; second < 2; second++) {
        begin(&b, true);
        b.c.regs_of_fault = false;
        b.c.fault.ip = NT + 0x500;
        add(&b, NT + 0x10);
        add(&b, NT + 0x500)->exact_ip = true; /* the fault's own */
        add(&b, NT + 0x600);
        add(&b, BAD + 0x20)->exact_ip = second;
        find(&b);
        if (second)
            nobody(&b, "whom it interrupts has caused nothing");
        else
            is(&b, 3, "baddrv", SC_LINK_CALLED);
        end(&b);
    }
}

static void processes_have_rules_of_their_own(void **state) {
    (void)state;
    struct bench b;
    begin(&b, false);
    add(&b, BAD + 0x20);
    find(&b);
    nobody(&b, "dumps of kernels");
    end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_frame_of_the_fault_is_its_own),
        cmocka_unit_test(the_context_of_the_stop_is_not_the_faults),
        cmocka_unit_test(a_trap_that_interrupted_the_instruction_that_failed_is_the_faults),
        cmocka_unit_test(a_trap_without_a_name_may_be_an_interrupt),
        cmocka_unit_test(a_jump_to_nowhere_is_its_callers),
        cmocka_unit_test(a_frameworks_client_calls_it_or_sends_to_it),
        cmocka_unit_test(without_a_client_only_the_framework_that_failed_is_named),
        cmocka_unit_test(the_weakest_frame_on_the_way_counts),
        cmocka_unit_test(a_third_party_behind_a_driver_of_windows_is_noted),
        cmocka_unit_test(user_code_below_a_system_call_ends_the_search),
        cmocka_unit_test(a_stack_that_is_lost_is_said_to_be),
        cmocka_unit_test(more_rows_than_there_is_room_for_are_joined),
        cmocka_unit_test(a_trap_frame_that_is_known_by_itself_is_exact),
        cmocka_unit_test(whom_a_watchdog_without_names_struck_must_be_known),
        cmocka_unit_test(whom_a_second_trap_interrupted_is_not_named),
        cmocka_unit_test(processes_have_rules_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
