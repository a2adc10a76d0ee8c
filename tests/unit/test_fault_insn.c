/* SPDX-License-Identifier: MIT */
/*
 * The faulting instruction against the registers: which operand, which address, which register. The
 * code is at DATA of a driver's image; each test encodes its own instruction.
 */
#include "unit/explain_fixture.h"

#include "analyze/fault.h"

#define CODE (BAD + 0x10)

/* A 0x3B whose context (at DATA) stands on CODE, and the bytes of the instruction there. */
struct icase {
    struct acase c;
    uint8_t code[16];
    struct sc_fake_bytes memory[3];
    uint8_t stack[64];
};

static void code_at(struct icase *i, uint32_t status, const void *bytes, size_t size) {
    memset(i, 0, sizeof *i);
    case_kernel(&i->c, 0x3b, status, CODE, DATA, 0);
    case_context(i->c.bytes, CODE);
    memset(i->code, 0x90, sizeof i->code);
    memcpy(i->code, bytes, size);
}

/* Offset of a register in CONTEXT, by its number. */
static void set_reg(struct icase *i, unsigned number, uint64_t value) {
    put(i->c.bytes + 0x78 + 8 * (size_t)number, value, 8);
}
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 };

/* An access violation at DATA + 0x600 as the dump's exception: bug check 0x7E instead of 0x3B. */
static void violation(struct icase *i, uint64_t how, uint64_t address) {
    i->c.machine.bugcheck = 0x7e;
    i->c.machine.bugcheck_arg[2] = case_exception(&i->c, 0x600, 0xc0000005, CODE, how, address);
    i->c.machine.bugcheck_arg[3] = DATA;
}

static void run_insn(struct icase *i) {
    struct acase *c = &i->c;
    i->memory[0] = (struct sc_fake_bytes){DATA, c->bytes, sizeof c->bytes};
    i->memory[1] = (struct sc_fake_bytes){CODE, i->code, sizeof i->code};
    i->memory[2] = (struct sc_fake_bytes){0xffffa00000559000ULL, i->stack, sizeof i->stack};
    c->fake.machine = &c->machine;
    c->fake.modules = c->module;
    c->fake.memory = i->memory;
    c->fake.nmemory = 3;
    assert_null(sc_target_fake(&c->fake, &c->target));
    assert_null(sc_analyze(c->target, &c->a));
}

static void claims_that(struct icase *i, const char *part) {
    const struct sc_finding *f = &i->c.a->findings[0];
    if (claims(f, part))
        return;
    for (size_t k = 0; k < f->nevidence; k++)
        print_message("evidence: %s\n", f->evidence[k].claim);
    fail_msg("no claim says: %s", part);
}

/* Types all evidence, and ends the case. */
static void end_insn(struct icase *i) {
    struct fix f;
    session_on(&f, i->c.target);
    type_all(&f, i->c.a);
    sc_analysis_destroy(i->c.a);
    fix_close(&f);
}

static void a_null_pointer_is_found_in_its_register(void **state) {
    (void)state;
    static struct icase i;
    code_at(&i, 0xc0000005, "\x8a\x81\x64\x01\x00\x00", 6); /* mov al,[rcx+164h] */
    set_reg(&i, RCX, 0);
    violation(&i, 0, 0x164);
    run_insn(&i);
    claims_that(&i, "`mov al,byte ptr [rcx+164h]`, reads at rcx+0x164, which is 00000000`00000164: "
                    "rcx is 0, a null pointer.");
    assert_non_null(strstr(i.c.a->findings[0].detail,
                           "reading 00000000`00000164, a null pointer in rcx plus 0x164"));
    assert_non_null(shown_by(&i.c.a->findings[0], ".cxr ffffa00000001000"));
    end_insn(&i);
}

static void freed_memory_is_found_in_its_register(void **state) {
    (void)state;
    static struct icase i;
    code_at(&i, 0xc0000005, "\x48\x89\x50\x08", 4); /* mov [rax+8],rdx */
    set_reg(&i, RAX, 0xfeeefeeefeeefeeeULL);
    violation(&i, 0, UINT64_MAX);
    run_insn(&i);
    claims_that(&i,
                "writes at rax+0x8, which is feeefeee`feeefef6; not canonical, so the processor "
                "refused it: rax is feeefeee`feeefeee, a pointer out of freed heap memory");
    end_insn(&i);
}

/* Of two registers the one that makes up most of the address is named. */
static void an_index_that_leads_away_is_named(void **state) {
    (void)state;
    static struct icase i;
    code_at(&i, 0xc0000005, "\x8b\x04\x91", 3); /* mov eax,[rcx+rdx*4] */
    set_reg(&i, RCX, 0x10);
    set_reg(&i, RDX, 0x20000000);
    violation(&i, 0, 0x80000010);
    run_insn(&i);
    claims_that(&i, "reads at rcx+rdx*4, which is 00000000`80000010: rdx is 00000000`20000000");
    end_insn(&i);
}

static void an_address_that_does_not_fit_speaks_against(void **state) {
    (void)state;
    static struct icase i;
    code_at(&i, 0xc0000005, "\x8a\x01", 2); /* mov al,[rcx] */
    violation(&i, 0, 0xffffb00012345678ULL);
    run_insn(&i);
    claims_that(&i, "and not the address that was reported");
    assert_true(speaks_against(&i.c.a->findings[0]));
    end_insn(&i);
}

static void a_misaligned_sse_operand_is_told(void **state) {
    (void)state;
    static struct icase i;
    code_at(&i, 0xc0000005, "\x0f\x28\x07", 3); /* movaps xmm0,[rdi] */
    set_reg(&i, RDI, 0xffffa00000555008ULL);
    violation(&i, 0, UINT64_MAX);
    run_insn(&i);
    claims_that(&i, "reads at rdi, which is ffffa000`00555008: it must be a multiple of 16, and is "
                    "not.");
    end_insn(&i);
    code_at(&i, 0xc0000005, "\x0f\x10\x07", 3); /* movups may be anywhere */
    set_reg(&i, RDI, 0xffffa00000555008ULL);
    violation(&i, 0, UINT64_MAX);
    run_insn(&i);
    claims_that(&i, "a possible address, so the pointer may be sound");
    end_insn(&i);
}

static void a_division_by_zero_names_the_divisor(void **state) {
    (void)state;
    static struct icase i;
    code_at(&i, 0xc0000094, "\xf7\xf1", 2); /* div eax,ecx */
    set_reg(&i, RCX, 0);
    run_insn(&i);
    claims_that(&i, "divides by ecx, which is 0.");
    end_insn(&i);
}

static void a_jump_to_nowhere_names_the_caller(void **state) {
    (void)state;
    static struct icase i;
    code_at(&i, 0xc0000005, "", 0);
    put(i.c.bytes + 0xf8, 0, 8); /* rip */
    set_reg(&i, RSP, 0xffffa00000559000ULL);
    put(i.stack, BAD + 0x1234, 8);
    violation(&i, 8, 0);
    put(i.c.bytes + 0x600 + 0x10, 0, 8); /* ExceptionAddress */
    i.c.machine.bugcheck_arg[1] = 0;
    run_insn(&i);
    claims_that(&i, "The processor was to run code at 00000000`00000000. The return address on top "
                    "of the stack, baddrv+0x1234, names who called or jumped there.");
    assert_non_null(shown_by(&i.c.a->findings[0], "dps ffffa00000559000 L1"));
    end_insn(&i);
}

static void a_push_below_the_stack_is_told(void **state) {
    (void)state;
    static struct icase i;
    code_at(&i, 0xc0000005, "\x50", 1); /* push rax */
    set_reg(&i, RSP, 0xffffa00000600000ULL);
    violation(&i, 1, 0xffffa000005ffff8ULL);
    run_insn(&i);
    claims_that(&i, "`push rax`, uses the stack: the address is just below the stack pointer");
    end_insn(&i);
}

static void a_register_that_a_trap_frame_lacks_is_said_to_be_missing(void **state) {
    (void)state;
    static struct icase i;
    code_at(&i, 0, "\x8a\x03", 2); /* mov al,[rbx] */
    memset(i.c.bytes, 0, sizeof i.c.bytes);
    i.c.machine.bugcheck = 0xd1;
    i.c.machine.bugcheck_arg[0] = POOL;
    i.c.machine.bugcheck_arg[1] = 2;
    i.c.machine.bugcheck_arg[2] = 0;
    i.c.machine.bugcheck_arg[3] = CODE;
    run_insn(&i);
    assert_false(claims(&i.c.a->findings[0], "rbx")); /* no registers: nothing is computed */
    claims_that(&i, "The address it used is ffffa000`00777000.");
    end_insn(&i);
    code_at(&i, 0xc0000005, "\x8a\x03", 2);
    memset(i.c.bytes, 0, sizeof i.c.bytes);
    i.c.machine.bugcheck = 0x8e;
    i.c.machine.bugcheck_arg[2] = DATA; /* a trap frame */
    put(i.c.bytes + 0x168, CODE, 8);
    put(i.c.bytes + 0x170, 0x10, 2);
    put(i.c.bytes + 0x178, 0x10246, 4);
    put(i.c.bytes + 0x180, 0xffffa00000559000ULL, 8);
    i.c.machine.has_exception = true;
    i.c.machine.exception = (struct sc_exception){
        .code = 0xc0000005, .address = CODE, .nparams = 2, .param = {0, POOL}};
    run_insn(&i);
    claims_that(&i, "`mov al,byte ptr [rbx]`, uses rbx, which a trap frame does not hold.");
    end_insn(&i);
}

/* Bit 40 of the address of baddrv's image is not set: it would be baddrv+0x500 with it. */
static void an_address_one_bit_off_is_told(void **state) {
    (void)state;
    static struct icase i;
    uint64_t good = BAD + 0x500, bad = good ^ 1ULL << 40;
    code_at(&i, 0xc0000005, "\x8a\x01", 2); /* mov al,[rcx] */
    set_reg(&i, RCX, bad);
    violation(&i, 0, bad);
    run_insn(&i);
    claims_that(&i, "differs in one bit (bit 40) from fffff800`01000500, which would be "
                    "in an image: baddrv+0x500");
    end_insn(&i);
    bad = good ^ (1ULL << 40 | 1ULL << 42); /* its twin: two bits */
    code_at(&i, 0xc0000005, "\x8a\x01", 2);
    set_reg(&i, RCX, bad);
    violation(&i, 0, bad);
    run_insn(&i);
    assert_false(claims(&i.c.a->findings[0], "differs in one bit"));
    end_insn(&i);
}

static void code_that_is_absent_says_nothing(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x3b, 0xc0000005, CODE, DATA, 0);
    case_context(c.bytes, CODE);
    case_run(&c);
    assert_false(claims(&c.a->findings[0], "The instruction, `"));
    case_end(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_null_pointer_is_found_in_its_register),
        cmocka_unit_test(freed_memory_is_found_in_its_register),
        cmocka_unit_test(an_index_that_leads_away_is_named),
        cmocka_unit_test(an_address_that_does_not_fit_speaks_against),
        cmocka_unit_test(a_misaligned_sse_operand_is_told),
        cmocka_unit_test(a_division_by_zero_names_the_divisor),
        cmocka_unit_test(a_jump_to_nowhere_names_the_caller),
        cmocka_unit_test(a_push_below_the_stack_is_told),
        cmocka_unit_test(a_register_that_a_trap_frame_lacks_is_said_to_be_missing),
        cmocka_unit_test(an_address_one_bit_off_is_told),
        cmocka_unit_test(code_that_is_absent_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
