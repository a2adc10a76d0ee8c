/* SPDX-License-Identifier: MIT */
/* `r`, `.cxr`, `.ecxr`: exact text for each CPU, single registers, contexts from memory. */
#include "fake_session.h"

#define DRV  0xfffff80045600000ULL
#define CODE (DRV + 0x334c)
#define CXR  0xffffa08700001000ULL

static const struct sc_module driver = {.base = DRV,
                                        .size = 0x10000,
                                        .name = "amdppm",
                                        .image = "amdppm.sys",
                                        .path = "\\SystemRoot\\System32\\drivers\\amdppm.sys"};
static const uint8_t code[] = {0x43, 0x89, 0x14, 0x01, 0xeb, 0x0b, 0x66, 0x43,
                               0x89, 0x14, 0x01, 0xeb, 0x04, 0x43, 0x88, 0x14};

static struct sc_regs x64_regs(void) {
    struct sc_regs r = full_regs(SC_CPU_X64);
    static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    for (unsigned i = 0; i < 16; i++)
        set_reg(&r, names[i], 0x1111111111111111ULL * i);
    set_reg(&r, "rip", CODE);
    set_reg(&r, "efl", 0x00050246);
    set_reg(&r, "cs", 0x10);
    set_reg(&r, "ss", 0x18);
    set_reg(&r, "ds", 0x2b);
    set_reg(&r, "es", 0x2b);
    set_reg(&r, "fs", 0x53);
    set_reg(&r, "gs", 0x2b);
    return r;
}

static const char x64_block[] =
    "rax=0000000000000000 rbx=1111111111111111 rcx=2222222222222222\n"
    "rdx=3333333333333333 rsi=4444444444444444 rdi=5555555555555555\n"
    "rip=fffff8004560334c rsp=6666666666666666 rbp=7777777777777777\n"
    " r8=8888888888888888  r9=9999999999999999 r10=aaaaaaaaaaaaaaaa\n"
    "r11=bbbbbbbbbbbbbbbb r12=cccccccccccccccc r13=dddddddddddddddd\n"
    "r14=eeeeeeeeeeeeeeee r15=ffffffffffffffff\n"
    "iopl=0         nv up ei pl zr na pe nc\n"
    "cs=0010  ss=0018  ds=002b  es=002b  fs=0053  gs=002b             efl=00050246\n"
    "amdppm+0x334c:\n"
    "fffff800`4560334c 43891401        mov     dword ptr [r9+r8],edx "
    "ds:002b:22222222`22222221=????????\n";

/* A kernel x64 target with REGS, CODE_SIZE bytes of code, and CONTEXT_SIZE bytes of a context. */
static void open_x64(struct fix *f, const struct sc_regs *regs, size_t code_size,
                     const struct sc_regs *context, size_t context_size, enum sc_render render) {
    struct sc_fake_bytes memory[] = {{CODE, code, code_size},
                                     {CXR, context ? context->raw : NULL, context_size}};
    struct sc_machine m = {.windows = true, .ncpus = 2, .build = 19041, .uptime = SC_UNSET64};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .machine = &m,
                           .modules = &driver,
                           .nmodules = 1,
                           .memory = memory,
                           .nmemory = 2,
                           .regs = regs};
    fake_open(f, &fake, render);
}

static void open_plain(struct fix *f) {
    struct sc_regs r = x64_regs();
    open_x64(f, &r, sizeof code, NULL, 0, SC_RENDER_TEXT);
}

static void open_cpu(struct fix *f, const struct sc_regs *regs, bool kernel) {
    struct sc_fake fake = {.sz = sizeof fake, .cpu = regs->cpu, .kernel = kernel, .regs = regs};
    fake_open(f, &fake, SC_RENDER_TEXT);
}

static void r_shows_the_x64_block(void **state) {
    (void)state;
    struct fix f;
    open_plain(&f);
    fix_prints(&f, "r", x64_block);
    fix_close(&f);
}

static void code_that_is_not_in_the_dump_is_question_marks(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = x64_regs();
    open_x64(&f, &r, 0, NULL, 0, SC_RENDER_TEXT);
    fix_run(&f, "r");
    fix_has(&f, "\namdppm+0x334c:\nfffff800`4560334c ??              ???\n");
    fix_close(&f);
}

static void an_instruction_that_is_cut_off_is_none(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = x64_regs();
    open_x64(&f, &r, 3, NULL, 0, SC_RENDER_TEXT);
    fix_run(&f, "r");
    fix_has(&f, "\nfffff800`4560334c 43              ???\n");
    fix_close(&f);
}

static void all_flags_have_both_mnemonics(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = x64_regs();
    set_reg(&r, "efl", 0x00183cd5);
    open_x64(&f, &r, 1, NULL, 0, SC_RENDER_TEXT);
    fix_run(&f, "r");
    fix_has(&f, "\niopl=3 vip vif ov dn di ng zr ac pe cy\n");
    fix_close(&f);
}

static void r_shows_the_x86_block(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = full_regs(SC_CPU_X86);
    static const char *const names[] = {"eax", "ebx", "ecx", "edx", "esi", "edi", "esp", "ebp"};
    for (unsigned i = 0; i < 8; i++)
        set_reg(&r, names[i], 0x11111111u * i);
    set_reg(&r, "eip", 0x75b88e7a);
    set_reg(&r, "efl", 0x246);
    set_reg(&r, "cs", 0x1b);
    set_reg(&r, "ss", 0x23);
    set_reg(&r, "fs", 0x3b);
    open_cpu(&f, &r, false);
    fix_prints(&f, "r",
               "eax=00000000 ebx=11111111 ecx=22222222 edx=33333333 esi=44444444 edi=55555555\n"
               "eip=75b88e7a esp=66666666 ebp=77777777 iopl=0         nv up ei pl zr na pe nc\n"
               "cs=001b  ss=0023  ds=0000  es=0000  fs=003b  gs=0000             efl=00000246\n"
               "75b88e7a ??              ???\n");
    fix_close(&f);
}

static void r_shows_the_arm64_block(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = full_regs(SC_CPU_ARM64);
    for (unsigned i = 0; i < 31; i++) {
        char name[8];
        snprintf(name, sizeof name, "x%u", i);
        set_reg(&r, name, i);
    }
    set_reg(&r, "sp", 0x1f0);
    set_reg(&r, "pc", 0xfffff803f32de014);
    set_reg(&r, "psr", 0x60000144);
    static const uint8_t add[] = {0x60, 0x02, 0x01, 0x91};
    struct sc_fake_bytes memory = {0xfffff803f32de014, add, 4};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_ARM64,
                           .kernel = true,
                           .memory = &memory,
                           .nmemory = 1,
                           .regs = &r};
    fake_open(&f, &fake, SC_RENDER_TEXT);
    fix_prints(
        &f, "r",
        " x0=0000000000000000   x1=0000000000000001   x2=0000000000000002   x3=0000000000000003\n"
        " x4=0000000000000004   x5=0000000000000005   x6=0000000000000006   x7=0000000000000007\n"
        " x8=0000000000000008   x9=0000000000000009  x10=000000000000000a  x11=000000000000000b\n"
        "x12=000000000000000c  x13=000000000000000d  x14=000000000000000e  x15=000000000000000f\n"
        "x16=0000000000000010  x17=0000000000000011  x18=0000000000000012  x19=0000000000000013\n"
        "x20=0000000000000014  x21=0000000000000015  x22=0000000000000016  x23=0000000000000017\n"
        "x24=0000000000000018  x25=0000000000000019  x26=000000000000001a  x27=000000000000001b\n"
        "x28=000000000000001c   fp=000000000000001d   lr=000000000000001e   sp=00000000000001f0\n"
        " pc=fffff803f32de014  psr=60000144 -ZC- EL1\n"
        "fffff803`f32de014 91010260 add         x0,x19,#0x40\n");
    fix_close(&f);
}

static void r_shows_the_arm_block(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = full_regs(SC_CPU_ARM);
    for (unsigned i = 0; i < 15; i++) {
        char name[8];
        snprintf(name, sizeof name, "r%u", i);
        set_reg(&r, name, i);
    }
    set_reg(&r, "pc", 0x776eb6b4);
    set_reg(&r, "psr", 0x68000030);
    open_cpu(&f, &r, false);
    fix_prints(&f, "r",
               " r0=00000000  r1=00000001  r2=00000002  r3=00000003  r4=00000004  r5=00000005\n"
               " r6=00000006  r7=00000007  r8=00000008  r9=00000009 r10=0000000a r11=0000000b\n"
               "r12=0000000c  sp=0000000d  lr=0000000e  pc=776eb6b4 psr=68000030 -ZC-Q Thumb User\n"
               "776eb6b4 ??              ???\n");
    fix_close(&f);
}

static void single_registers_and_parts(void **state) {
    (void)state;
    struct fix f;
    open_plain(&f);
    fix_prints(&f, "r rbx", "rbx=1111111111111111\n");
    fix_prints(&f, "r rbx, @rcx", "rbx=1111111111111111 rcx=2222222222222222\n");
    fix_prints(&f, "r RBX bl", "rbx=1111111111111111 bl=11\n");
    fix_prints(&f, "r@rip", "rip=fffff8004560334c\n");
    fix_prints(&f, "r zf,cf,iopl", "zf=1 cf=0 iopl=0\n");
    fix_prints(&f, "r cs, ecx, r8d, r9w, r10b",
               "cs=0010 ecx=22222222 r8d=88888888 r9w=9999 r10b=aa\n");
    fix_prints(&f, "r efl", "efl=00050246\n");
    fix_close(&f);
}

static void vectors_in_the_formats_asked_for(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = x64_regs();
    static const uint8_t v[16] = {0x00, 0x00, 0x80, 0x3f, 0x00, 0x00, 0x00, 0xc0,
                                  0xff, 0xff, 0xff, 0xff, 0x01, 0x00, 0x00, 0x00};
    static const uint8_t nans[16] = {0x00, 0x00, 0x80, 0x7f, 0x00, 0x00, 0xc0, 0xff,
                                     0x01, 0x00, 0x80, 0x7f, 0x01, 0x00, 0xc0, 0x7f};
    memcpy(r.raw + 0x1a0, v, 16);
    memcpy(r.raw + 0x1b0, nans, 16);
    open_x64(&f, &r, 1, NULL, 0, SC_RENDER_TEXT);
    fix_prints(&f, "r xmm0", "xmm0=1.4013e-045 -1.#QNAN -2 1\n");
    fix_prints(&f, "r xmm1", "xmm1=1.#QNAN 1.#SNAN -1.#IND 1.#INF\n");
    fix_prints(&f, "r xmm0:ud", "xmm0=00000001 ffffffff c0000000 3f800000\n");
    fix_prints(&f, "r xmm0:2id", "xmm0=-1073741824 1065353216\n");
    fix_prints(&f, "r xmm0:uq", "xmm0=00000001ffffffff c00000003f800000\n");
    fix_prints(&f, "r xmm0:1d", "xmm0=-2\n");
    fix_prints(&f, "r xmm0:3ib", "xmm0=-128 0 0\n");
    fix_prints(&f, "r rbx:ub", "rbx=11 11 11 11 11 11 11 11\n");
    fix_fails(&f, "r xmm0:zz", "'zz' does not fit xmm0");
    fix_fails(&f, "r ebx:ub", "does not fit ebx");
    fix_close(&f);
}

static void x87_registers_with_rF(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = full_regs(SC_CPU_X86);
    set_reg(&r, "fpcw", 0x27f);
    set_reg(&r, "fpsw", 0x4020);
    set_reg(&r, "fptw", 0xffff);
    set_reg(&r, "fopcode", 0x45d);
    set_reg(&r, "fpip", 0x77f12ef5);
    set_reg(&r, "fpipsel", 0x1b);
    set_reg(&r, "fpdp", 0x0012f5c8);
    set_reg(&r, "fpdpsel", 0x23);
    static const uint8_t one_half[10] = {0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xbf};
    static const uint8_t inf[10] = {0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x7f};
    static const uint8_t nan[10] = {1, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff};
    static const uint8_t tiny[10] = {0, 0, 0, 0, 0, 0, 0, 0x80, 0x01, 0x00};
    memcpy(r.raw + 0x38 + 10, one_half, 10);
    memcpy(r.raw + 0x38 + 20, inf, 10);
    memcpy(r.raw + 0x38 + 30, nan, 10);
    memcpy(r.raw + 0x38 + 40, tiny, 10);
    set_reg(&r, "eip", 0x1000);
    open_cpu(&f, &r, false);
    fix_prints(&f, "rF",
               "fpcw=027F: rn 53 puozdi  fpsw=4020: top=0 cc=1000 --p-----  fptw=FFFF\n"
               "fopcode=045D  fpip=001b:77f12ef5  fpdp=0023:0012f5c8\n"
               "st0= 0.000000000000000000000e+0000  st1=-1.500000000000000000000e+0000\n"
               "st2= 1.#INF00000000000000000e+0000  st3=-1.#QNAN0000000000000000e+0000\n"
               "st4= 3.362103143112093506263e-4932  st5= 0.000000000000000000000e+0000\n"
               "st6= 0.000000000000000000000e+0000  st7= 0.000000000000000000000e+0000\n"
               "00001000 ??              ???\n");
    fix_close(&f);
}

static void masks_choose_groups(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = x64_regs();
    set_reg(&r, "dr7", 0x400);
    set_reg(&r, "mm1", 0x0127b52000584c8e);
    open_x64(&f, &r, 1, NULL, 0, SC_RENDER_TEXT);
    fix_prints(&f, "rM 28",
               "cs=0010  ss=0018  ds=002b  es=002b  fs=0053  gs=002b             efl=00050246\n"
               "dr0=0000000000000000 dr1=0000000000000000 dr2=0000000000000000\n"
               "dr3=0000000000000000 dr6=0000000000000000 dr7=0000000000000400\n"
               "amdppm+0x334c:\nfffff800`4560334c 43              ???\n");
    fix_run(&f, "rM10");
    fix_has(&f, "mm0=0000000000000000  mm1=0127b52000584c8e\n");
    fix_run(&f, "rX");
    fix_has(&f, "xmm0=0 0 0 0\n");
    fix_has(&f, "xmm15=0 0 0 0\namdppm");
    fix_prints(&f, "rM 2 rbx", "rbx=1111111111111111\n");
    fix_fails(&f, "rM 0", "register mask");
    fix_fails(&f, "rM 80", "register mask 0x80");
    fix_close(&f);
}

static void pseudo_registers_are_set_and_shown(void **state) {
    (void)state;
    struct fix f;
    open_plain(&f);
    fix_prints(&f, "r $t0 = @rbx + 1", "");
    fix_prints(&f, "r @$t0", "$t0=1111111111111112\n");
    fix_prints(&f, "r $t1=5, $t2 = 6", "");
    fix_prints(&f, "r $t1, rcx, $t2",
               "$t1=0000000000000005 rcx=2222222222222222 $t2=0000000000000006\n");
    fix_close(&f);
}

static void a_dump_cannot_be_changed(void **state) {
    (void)state;
    struct fix f;
    open_plain(&f);
    fix_fails(&f, "r rbx = 5", "rbx cannot be changed: this is a dump");
    fix_fails(&f, "r @zf=0", "zf cannot be changed");
    fix_prints(&f, "r rbx", "rbx=1111111111111111\n");
    fix_close(&f);
}

static void what_cannot_be_answered_is_said(void **state) {
    (void)state;
    struct fix f;
    open_plain(&f);
    fix_fails(&f, "r nosuch", "x64 has no register 'nosuch'");
    fix_fails(&f, "r eax2", "x64 has no register 'eax2'");
    fix_fails(&f, "r rax,", "a register's name was expected");
    fix_prints(&f, "r.", "r9=9999999999999999 r8=8888888888888888 edx=33333333\n");
    fix_fails(&f, "r? $t0 = 1", "`?? @$t0 = expression` sets one");
    fix_fails(&f, "rm 8", "rM mask");
    fix_close(&f);
    fix_open(&f, FIX_NONE);
    fix_fails(&f, "r", "no dump is open");
    fix_prints(&f, "r $t0 = 7", "");
    fix_fails(&f, ".cxr", "needs an open dump");
    fix_close(&f);
}

static void a_record_that_holds_less_is_remarked_on(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = x64_regs();
    uint32_t flags = 0x100003; /* no segments, no floating point */
    memcpy(r.raw + 0x30, &flags, 4);
    open_x64(&f, &r, 1, NULL, 0, SC_RENDER_TEXT);
    fix_run(&f, "r");
    fix_has(&f, "ContextFlags 00100003: the record does not hold 4 of these registers (ds, …)");
    fix_fails(&f, "r fs", "does not hold fs (ContextFlags 00100003)");
    fix_prints(&f, "r rbx", "rbx=1111111111111111\n");
    fix_close(&f);
}

static void cxr_shows_and_adopts_a_record(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = x64_regs(), other = full_regs(SC_CPU_X64);
    set_reg(&other, "rip", 0x1234);
    set_reg(&other, "r9", 0x99);
    open_x64(&f, &r, sizeof code, &other, sc_context_size(SC_CPU_X64), SC_RENDER_TEXT);
    assert_int_equal(fix_run(&f, ".cxr ffffa087`00001000"), 0);
    fix_has(&f, "rip=0000000000001234 rsp=0000000000000000 rbp=0000000000000000\n"
                " r8=0000000000000000  r9=0000000000000099 r10=0000000000000000\n");
    fix_has(&f, "\n00000000`00001234 ??              ???\n");
    fix_prints(&f, "r r9", "r9=0000000000000099\n");
    fix_prints(&f, ".cxr", "Resetting default scope\n");
    fix_prints(&f, "r", x64_block);
    fix_close(&f);
}

static void cxr_takes_a_record_cut_behind_the_integers(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = x64_regs(), other = x64_regs();
    open_x64(&f, &r, sizeof code, &other, 0x100, SC_RENDER_TEXT);
    fix_prints(&f, ".cxr ffffa08700001000", x64_block);
    fix_fails(&f, "r xmm0", "does not hold xmm0");
    fix_close(&f);
}

static void cxr_refuses_what_is_no_record(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = x64_regs(), garbage = full_regs(SC_CPU_X64);
    memset(garbage.raw, 0, sizeof garbage.raw);
    open_x64(&f, &r, sizeof code, &garbage, sc_context_size(SC_CPU_X64), SC_RENDER_TEXT);
    fix_fails(&f, ".cxr ffffa08700001000", "no x64 context record at 0xffffa08700001000");
    fix_fails(&f, ".cxr ffffa08700001500", "0xffffa08700001500: absent");
    fix_fails(&f, ".cxr ffffa08700001400", "context record at 0xffffa08700001400: absent");
    fix_prints(&f, "r", x64_block);
    fix_close(&f);
}

static void ecxr_takes_the_context_of_the_event(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = x64_regs(), other = full_regs(SC_CPU_X64);
    set_reg(&other, "r9", 0x99);
    open_x64(&f, &r, sizeof code, &other, sc_context_size(SC_CPU_X64), SC_RENDER_TEXT);
    fix_run(&f, ".cxr ffffa08700001000");
    fix_prints(&f, ".ecxr", x64_block);
    assert_true(sc_session_has_context(f.s));
    fix_close(&f);
}

static void json_has_the_registers_as_fields(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = x64_regs();
    open_x64(&f, &r, sizeof code, NULL, 0, SC_RENDER_JSON);
    fix_run(&f, "r");
    fix_has(&f, "{\"type\":\"registers\",\"cpu\":\"x64\",\"current\":0,\"context\":false,"
                "\"context_flags\":\"0x0010001f\",\"ip\":\"0xfffff8004560334c\","
                "\"symbol\":\"amdppm+0x334c\",\"code\":\"43891401\","
                "\"instruction\":\"mov dword ptr [r9+r8],edx\","
                "\"effect\":\"ds:002b:22222222`22222221=????????\","
                "\"flags\":\"nv up ei pl zr na pe nc\",\"rax\":\"0x0\","
                "\"rbx\":\"0x1111111111111111\"");
    fix_has(&f, "\"efl\":\"0x50246\",\"cs\":\"0x10\"");
    fix_run(&f, "rX");
    fix_has(&f, "\"xmm15\":\"0x00000000000000000000000000000000\"}");
    fix_run(&f, "r rbx, xmm1");
    fix_has(&f, "{\"type\":\"register\",\"name\":\"rbx\",\"value\":\"0x1111111111111111\"");
    fix_has(&f, "\"text\":\"00000000000000000000000000000000\"");
    fix_close(&f);
}

/* The faulting thread as Breakpad's own stack walker prints it, from its published golden file. */
static void the_minidump_stands_where_breakpad_says(void **state) {
    (void)state;
    struct fix f;
    if (!corpus_open(&f, "mdmp/google+breakpad/src/processor/testdata/minidump2.dmp",
                     SC_RENDER_TEXT))
        skip();
    fix_prints(&f, ".ecxr",
               "eax=00000045 ebx=7c80abc1 ecx=0012fe94 edx=0042bc58 esi=00000002 edi=00000a28\n"
               "eip=0040429e esp=0012fe84 ebp=0012fe88 iopl=0         nv up ei pl zr na pe nc\n"
               "cs=001b  ss=0023  ds=0023  es=0023  fs=003b  gs=0000             efl=00010246\n"
               "test_app+0x429e:\n"
               "0040429e ??              ???\n");
    fix_close(&f);
}

static void the_kernel_dump_stands_where_another_debugger_says(void **state) {
    (void)state;
    struct fix f;
    if (!corpus_open(&f, "kdump/triage_x64.dmp", SC_RENDER_TEXT))
        skip();
    fix_prints(&f, "r rip, rsp", "rip=fffff8047bdf5a80 rsp=ffff850429890ee8\n");
    fix_run(&f, ".cxr ffff850429891720"); /* the fourth argument of the bug check */
    fix_has(&f, "amdppm+0x334c:\nfffff804`8b58334c ");
    fix_close(&f);
    if (!corpus_open(&f, "kdump/triage_arm64.dmp", SC_RENDER_TEXT))
        skip();
    fix_prints(&f, "r pc, sp", "pc=fffff803f32de014 sp=ffffe00e0e4bc4a0\n");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r_shows_the_x64_block),
        cmocka_unit_test(code_that_is_not_in_the_dump_is_question_marks),
        cmocka_unit_test(an_instruction_that_is_cut_off_is_none),
        cmocka_unit_test(all_flags_have_both_mnemonics),
        cmocka_unit_test(r_shows_the_x86_block),
        cmocka_unit_test(r_shows_the_arm64_block),
        cmocka_unit_test(r_shows_the_arm_block),
        cmocka_unit_test(single_registers_and_parts),
        cmocka_unit_test(vectors_in_the_formats_asked_for),
        cmocka_unit_test(x87_registers_with_rF),
        cmocka_unit_test(masks_choose_groups),
        cmocka_unit_test(pseudo_registers_are_set_and_shown),
        cmocka_unit_test(a_dump_cannot_be_changed),
        cmocka_unit_test(what_cannot_be_answered_is_said),
        cmocka_unit_test(a_record_that_holds_less_is_remarked_on),
        cmocka_unit_test(cxr_shows_and_adopts_a_record),
        cmocka_unit_test(cxr_takes_a_record_cut_behind_the_integers),
        cmocka_unit_test(cxr_refuses_what_is_no_record),
        cmocka_unit_test(ecxr_takes_the_context_of_the_event),
        cmocka_unit_test(json_has_the_registers_as_fields),
        cmocka_unit_test(the_minidump_stands_where_breakpad_says),
        cmocka_unit_test(the_kernel_dump_stands_where_another_debugger_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
