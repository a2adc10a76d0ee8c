/* SPDX-License-Identifier: MIT */
/*
 * Stacks made to fit, proved by unwinders of this test's own: they know the format's rules and the
 * fit's result, and nothing of how it came about. Every Child-SP and RetAddr of every listing must
 * come out again.
 */
#include "unit/listing_fixture.h"
#include "unit/small_unwinder.h"

/* ---- checks ---- */

static void blocks_are_good(const struct forge_fit *fit) {
    for (size_t i = 0; i < fit->nfunctions; i++) {
        const struct forge_fit_function *f = &fit->function[i];
        unsigned last = 0;
        assert_true(f->begin < f->end && f->module[0]);
        assert_true(f->ncodes <= 8);
        for (size_t k = 0; k < f->ncodes; k++) {
            assert_true(f->code[k].at >= last && f->code[k].at <= f->prolog);
            last = f->code[k].at;
            if (f->code[k].op == FORGE_UW_ALLOC)
                assert_true(f->code[k].value && f->code[k].value % 8 == 0);
        }
        for (size_t k = 0; k < fit->nfunctions; k++)
            if (k != i)
                assert_true(f->end <= fit->function[k].begin || f->begin >= fit->function[k].end);
    }
    for (size_t i = 1; i < fit->npokes; i++)
        assert_true(fit->poke[i - 1].addr + fit->poke[i - 1].width <= fit->poke[i].addr);
    assert_true(fit->low <= fit->sp && fit->high > fit->sp);
}

#define AT_LINE(f, what, have, want)                                                               \
    do {                                                                                           \
        if ((have) != (want))                                                                      \
            fail_msg("line %u: %s is %llx, want %llx", (f)->line, what,                            \
                     (unsigned long long)(have), (unsigned long long)(want));                      \
    } while (0)

static void replays_x64(const struct forge_frames *frames, const struct forge_fit *fit) {
    struct cpu c = {0};
    for (int i = 0; i < 16; i++)
        c.reg[i] = 0xdeadbeefdeadbee0 + (unsigned)i;
    c.reg[RSP] = fit->sp;
    if (fit->fp)
        c.reg[RBP] = fit->fp;
    c.ip = fit->ip[0];
    uint64_t first = 0;
    const struct forge_frame *f = NULL;
    for (size_t i = 0; i < frames->count; i++) {
        if (frames->item[i].inlined) {
            AT_LINE(&frames->item[i], "ip", fit->ip[i], fit->ip[i + 1]);
            continue;
        }
        f = &frames->item[i];
        AT_LINE(f, "ip", c.ip, fit->ip[i]);
        if (f->has_sp)
            AT_LINE(f, "Child-SP", c.reg[RSP], f->sp);
        assert_true(c.reg[RSP] % 8 == 0 && c.reg[RSP] > first);
        step_x64(fit, &c);
        if (f->has_ret)
            AT_LINE(f, "RetAddr", c.ip, f->ret);
        for (unsigned k = 0; k < f->nargs && !c.crossed; k++)
            AT_LINE(f, "argument", peek(fit, c.reg[RSP] + 8 * k, 8), f->arg[k]);
    }
    if (f->ret) /* a listing that was cut: the frame behind it is the last */
        step_x64(fit, &c);
    AT_LINE(f, "the end", c.ip, (uint64_t)0);
}

static void replays_x86(const struct forge_frames *frames, const struct forge_fit *fit) {
    struct cpu86 c = {(uint32_t)fit->ip[0], (uint32_t)fit->sp, (uint32_t)fit->fp, 0, false};
    const struct forge_frame *f = NULL;
    for (size_t i = 0; i < frames->count; i++) {
        f = &frames->item[i];
        AT_LINE(f, "eip", c.eip, fit->ip[i]);
        step_x86(fit, &c);
        if (f->has_sp)
            AT_LINE(f, "ChildEBP", c.base, f->sp);
        if (f->has_ret)
            AT_LINE(f, "RetAddr", c.eip, f->ret);
        for (unsigned k = 0; k < f->nargs; k++)
            AT_LINE(f, "argument", peek(fit, c.base + 8 + 4 * k, 4), f->arg[k]);
    }
    if (f->ret)
        step_x86(fit, &c);
    AT_LINE(f, "the end", c.eip, 0u);
}

/* Knows where the first frame's function is, unless the listing tells; of a listing without
 * RetAddrs everything. */
static bool somewhere(void *ctx, const char *module, const char *name, uint64_t *ret) {
    const struct forge_frames *frames = ctx;
    for (size_t i = 1; i < frames->count && frames->item[0].has_ret; i++)
        if (!strcmp(frames->item[i].module, module) && !strcmp(frames->item[i].name, name))
            return false;
    if (frames->item[0].has_ret &&
        (strcmp(frames->item[0].module, module) != 0 || strcmp(frames->item[0].name, name) != 0))
        return false;
    uint32_t h = 5381;
    for (const char *p = module; *p; p++)
        h = h * 33 + (unsigned char)*p;
    for (const char *p = name; *p; p++)
        h = h * 33 + (unsigned char)*p;
    *ret = (frames->is32 ? 0x70000000 : 0xfffff80070000000) + (h % 0x10000) * 0x1000;
    return true;
}

static void fits(const char *listing, struct forge_frames *frames, struct forge_fit *fit) {
    char why[FORGE_WHY];
    if (!forge_frames_parse(listing, frames, why))
        fail_msg("%s", why);
    struct forge_where where = {.ctx = frames, .address = somewhere};
    bool ok = frames->is32 ? forge_fit_x86(frames, &where, fit, why)
                           : forge_fit_x64(frames, &where, fit, why);
    if (!ok)
        fail_msg("%s", why);
    assert_int_equal(fit->nips, frames->count);
    blocks_are_good(fit);
    if (frames->is32)
        replays_x86(frames, fit);
    else
        replays_x64(frames, fit);
}

static void replays(const char *listing) {
    struct forge_frames frames;
    struct forge_fit fit;
    fits(listing, &frames, &fit);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

/* The listing cannot be fitted, and WHY says so. */
static void refuses(const char *listing, const char *want) {
    struct forge_frames frames;
    struct forge_fit fit = {.sp = 7};
    char why[FORGE_WHY] = "";
    if (!forge_frames_parse(listing, &frames, why))
        fail_msg("%s", why);
    struct forge_where where = {.ctx = &frames, .address = somewhere};
    assert_false(frames.is32 ? forge_fit_x86(&frames, &where, &fit, why)
                             : forge_fit_x64(&frames, &where, &fit, why));
    if (!strstr(why, want))
        fail_msg("\"%s\" does not say \"%s\"", why, want);
    assert_int_equal(fit.sp, 7);
    forge_frames_free(&frames);
}

/* ---- the listings of the documents ---- */

static void replay_one(void *ctx, const char *listing, unsigned number) {
    const struct document *d = ctx;
    struct forge_frames frames;
    struct forge_fit fit;
    fits(listing, &frames, &fit);
    assert_int_equal(frames.count, d->frames[number]);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

static void document_replays(void **state) {
    const struct document *d = *state;
    char *text = document_text(d);
    unsigned want = 0;
    while (d->frames[want])
        want++;
    assert_int_equal(each_stack(text, d->bare, replay_one, (void *)d), want);
    free(text);
}

/* ---- x64 ---- */

static void calls_are_frames_of_their_size(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("Child-SP          RetAddr           Call Site\n"
         "fffff880`05db1b08 fffff800`0174a9c0 nt!KeBugCheckEx\n"
         "fffff880`05db1b10 fffff800`01b66b4e nt!VfBugCheckNoStackUsage+0x30\n"
         "fffff880`05db1b50 fffff800`01b6cc2e nt!VfAfterCallDriver+0x33e\n"
         "fffff880`05db1ba0 00000000`00000000 nt!IovCallDriver+0x57e\n",
         &frames, &fit);
    const struct forge_fit_function *f = function_at(&fit, fit.ip[0]);
    assert_int_equal(f->begin, fit.ip[0]); /* the first instruction of KeBugCheckEx */
    assert_int_equal(f->ncodes, 0);
    f = function_at(&fit, 0xfffff80001b66b4e);
    assert_string_equal(f->name, "VfAfterCallDriver");
    assert_int_equal(f->begin, 0xfffff80001b66b3e);
    assert_int_equal(f->end, 0xfffff80001b66b5e);
    assert_int_equal(f->frame, 2);
    assert_int_equal(peek(&fit, 0xfffff88005db1b98, 8), 0xfffff80001b6cc2e);
    assert_int_equal(fit.low, 0xfffff88005db1b08);
    assert_int_equal(fit.fp, 0);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

/* What a function pushed is where its caller's register is found. */
static void saved_registers_are_found(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("fffff880`05db1b08 fffff800`0174a9c0 nt!KeBugCheckEx\n"
         "fffff880`05db1b10 fffff800`01b66b4e nt!VfBugCheckNoStackUsage+0x30\n"
         "fffff880`05db1b50 fffff800`01b6cc2e nt!VfAfterCallDriver+0x33e\n"
         "fffff880`05db1ba0 fffff880`04054756 nt!IovCallDriver+0x57e\n"
         "fffff880`05db1c00 fffff880`0404b7b0 srv2!Smb2ExecuteRead+0x9a6\n"
         "fffff880`05db1c80 00000000`00000000 srv2!SrvProcessPacket+0xa0\n",
         &frames, &fit);
    struct cpu c = {.ip = fit.ip[0], .reg = {[RSP] = fit.sp}};
    unsigned found = 0;
    for (size_t i = 0; i < frames.count; i++) {
        for (unsigned reg = 0; reg < 16; reg++) {
            uint64_t at;
            if (!forge_fit_register(&fit, i, reg, &at))
                continue;
            assert_int_equal(peek(&fit, at, 8), c.reg[reg]);
            assert_true(at < c.reg[RSP]);
            found++;
        }
        step_x64(&fit, &c);
    }
    uint64_t at;
    assert_false(forge_fit_register(&fit, 0, 3, &at));
    assert_true(found > 0);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

/* What the kernel keeps between a trap's handler and who stops the machine lies where it has it. */
static void dispatchers_keep_an_exception_frame(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("fffff880`03b20f28 fffff800`0307b2b7 nt!KeBugCheckEx\n"
         "fffff880`03b20f30 fffff800`030d012c nt!KiDispatchException+0x2b7\n"
         "fffff880`03b213b0 fffff800`030d02ee nt!KiExceptionDispatch+0x12c\n"
         "fffff880`03b21590 fffff800`030c8db9 nt!KiPageFault+0x16e\n"
         "fffff880`03b21728 fffff800`030e6ab3 nt!memcpy+0x229\n"
         "fffff880`03b21730 00000000`00000000 nt!NtMapViewOfSection+0x2bd\n",
         &frames, &fit);
    const struct forge_fit_function *f = function_at(&fit, 0xfffff800030d012c);
    assert_string_equal(f->name, "KiExceptionDispatch");
    assert_int_equal(f->code[0].op, FORGE_UW_ALLOC);
    assert_int_equal(f->code[1].op, FORGE_UW_SAVE);
    uint64_t at, frame = 0xfffff88003b213b0;
    assert_true(forge_fit_register(&fit, 4, 3, &at)); /* rbx of memcpy */
    assert_int_equal(at, frame + 0x100);
    assert_true(forge_fit_register(&fit, 4, 15, &at));
    assert_int_equal(at, frame + 0x130);
    /* The record: the page fault's status, and the instruction that had it. */
    assert_int_equal(peek(&fit, frame + 0x138, 4), 0xc0000005);
    assert_int_equal(peek(&fit, frame + 0x138 + 0x10, 8), 0xfffff800030c8db9);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

static void page_faults_are_trap_frames(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("fffff880`03b21428 fffff800`0307a54c nt!KeBugCheckEx\n"
         "fffff880`03b21430 fffff800`030d02ee nt!MmAccessFault+0xffffffff`fff9c15c\n"
         "fffff880`03b21590 fffff800`030c8db9 nt!KiPageFault+0x16e\n"
         "fffff880`03b21728 fffff800`030e6ab3 nt!memcpy+0x229\n"
         "fffff880`03b21730 fffff800`030d1453 nt!NtMapViewOfSection+0x2bd\n"
         "fffff880`03b21a70 00000000`7761159a nt!KiSystemServiceCopyEnd+0x13\n"
         "00000000`0025f078 00000000`00000000 0x7761159a\n",
         &frames, &fit);
    const struct forge_fit_function *f = function_at(&fit, 0xfffff800030d02ee);
    assert_string_equal(f->name, "KiPageFault");
    assert_int_equal(f->code[0].op, FORGE_UW_MACHFRAME);
    assert_int_equal(f->code[0].value, 1);
    uint64_t trap = 0xfffff88003b21590;
    assert_int_equal(peek(&fit, trap + 0x168, 8), 0xfffff800030c8db9);
    assert_int_equal(peek(&fit, trap + 0x170, 8), 0x10);
    assert_int_equal(peek(&fit, trap + 0x178, 8) & 0x202, 0x202);
    assert_int_equal(peek(&fit, trap + 0x180, 8), 0xfffff88003b21728);
    assert_int_equal(peek(&fit, trap + 0x188, 8), 0x18);
    assert_int_equal(peek(&fit, trap + 0x2c, 4), 0x1f80);
    assert_int_equal(peek(&fit, trap + 0x28, 1), 0);
    assert_true(has(&fit, trap + 0x158)); /* Rbp */
    /* Volatile registers (rcx, r11): those of the frame that was interrupted, and of no other. */
    uint64_t at;
    assert_true(forge_fit_register(&fit, 3, 1, &at));
    assert_int_equal(at, trap + 0x38);
    assert_true(forge_fit_register(&fit, 3, 11, &at));
    assert_int_equal(at, trap + 0x60);
    assert_false(forge_fit_register(&fit, 2, 1, &at));
    assert_false(forge_fit_register(&fit, 4, 1, &at));
    /* The system service: its trap frame is where the thread's initial stack ends, 03b21c70. */
    trap = 0xfffff88003b21a70 + 0x70;
    assert_int_equal(trap, 0xfffff88003b21c70 - 0x190);
    assert_int_equal(peek(&fit, trap + 0x168, 8), 0x7761159a);
    assert_int_equal(peek(&fit, trap + 0x170, 8), 0x33);
    assert_int_equal(peek(&fit, trap + 0x180, 8), 0x25f078);
    assert_int_equal(peek(&fit, trap + 0x188, 8), 0x2b);
    assert_int_equal(peek(&fit, trap + 0x28, 1), 1);
    f = function_at(&fit, 0xfffff800030d1453);
    assert_int_equal(f->code[0].value, 0);
    assert_null(function_at(&fit, 0x7761159a));
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

/* On the stack of the double fault the interrupted stack pointer is anywhere. */
static void stacks_are_switched(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("fffff880`009b9df0 fffff800`03289632 nt!KiBugCheckDispatch+0x69\n"
         "fffff880`009b9f30 fffff800`032aa875 nt!KiDoubleFaultAbort+0xb2\n"
         "fffff880`03dccfd0 fffff880`018222a2 nt!KiIpiSendRequest+0x305\n"
         "fffff880`03dcd560 fffff880`01871489 iaStor+0x32a2\n",
         &frames, &fit);
    assert_int_equal(peek(&fit, 0xfffff880009b9f30 + 0x168, 8), 0xfffff800032aa875);
    assert_int_equal(peek(&fit, 0xfffff880009b9f30 + 0x180, 8), 0xfffff88003dccfd0);
    assert_true(fit.high > 0xfffff880009b9f30 && fit.high < 0xfffff88003dcc000);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
    fits("fffff880`07fabd30 fffff800`0227e787 Ntfs!NtfsCommonCreateCallout+0x1d\n"
         "fffff880`07fabd60 fffff800`0227e741 nt!KySwitchKernelStackCallout+0x27 "
         "(TrapFrame @ fffff880`07fabc20)\n"
         "fffff880`085fffe0 fffff800`0229620a nt!KiSwitchKernelStackContinue\n"
         "fffff880`08600000 00000000`00000000 nt!KeExpandKernelStackAndCalloutEx+0x29a\n",
         &frames, &fit);
    const struct forge_fit_function *f = function_at(&fit, 0xfffff8000227e741);
    assert_int_equal(f->begin, 0xfffff8000227e741);
    assert_int_equal(f->prolog, 0);
    assert_int_equal(peek(&fit, 0xfffff88007fabc20 + 0x168, 8), 0xfffff8000227e741);
    assert_false(has(&fit, 0xfffff88007fabc20 + 0x2c)); /* below its Child-SP: not its own */
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

/* The other stack may lie lower, in user mode too; dispatchers of user mode have machine frames. */
static void jumps_go_anywhere(void **state) {
    (void)state;
    replays("fffff880`03000100 fffff800`02000100 nt!KxRetireDpcList+0x5\n"
            "fffff880`02ff8000 fffff800`02000200 nt!KiDispatchInterruptContinue\n"
            "fffff880`02ff8030 00000000`00000000 nt!KiDpcInterrupt+0xcc\n");
    struct forge_frames frames;
    struct forge_fit fit;
    fits("00000000`0030e000 00000000`77001000 ntdll!RtlDispatchException+0x45\n"
         "00000000`0030e100 00000000`77002000 ntdll!KiUserExceptionDispatch+0x2e\n"
         "00000000`0030e808 00000000`77003000 app!f+0x10\n"
         "00000000`0030e840 00000000`00000000 app!main+0x10\n",
         &frames, &fit);
    assert_int_equal(peek(&fit, 0x30e800 - 0x10, 8), 0x30e808); /* rsp of the machine frame */
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

/* One return address, frames of two sizes: rbp tells them apart. */
static void one_instruction_may_have_two_sizes(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("fffff880`03000000 fffff800`02001050 nt!Leaf+0x20\n"
         "fffff880`03000040 fffff800`02001050 nt!Walk+0x50\n"
         "fffff880`03000100 fffff800`02001050 nt!Walk+0x50\n"
         "fffff880`03000180 fffff800`02002000 nt!Walk+0x50\n"
         "fffff880`03000300 00000000`00000000 nt!Start+0x80\n",
         &frames, &fit);
    const struct forge_fit_function *f = function_at(&fit, 0xfffff80002001050);
    assert_int_equal(f->frame_register, RBP);
    assert_true(16u * f->frame_offset <= 0x78);
    assert_true(fit.fp > 0xfffff88003000040 && fit.fp < 0xfffff88003000100);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
    /* A service called from user mode, and one called in the kernel below it. */
    fits("fffff880`035ed8c0 fffff800`026d5ed3 nt!NtSetSystemPowerState+0x10\n"
         "fffff880`035eda40 fffff800`026d2470 nt!KiSystemServiceCopyEnd+0x13\n"
         "fffff880`035edbd8 fffff800`029c5380 nt!KiServiceLinkage\n"
         "fffff880`035edbe0 fffff800`026d5ed3 nt!PopIssueActionRequest+0x120\n"
         "fffff880`035edc70 00000000`7761159a nt!KiSystemServiceCopyEnd+0x13\n"
         "00000000`0025f078 00000000`00000000 0x7761159a\n",
         &frames, &fit);
    f = function_at(&fit, 0xfffff800026d5ed3);
    assert_int_equal(f->frame_register, RBP);
    /* Both trap frames are where the processor and the kernel would have put them. */
    assert_int_equal(peek(&fit, 0xfffff880035eda40 + 0x180, 8), 0xfffff880035edbd8);
    assert_int_equal(peek(&fit, 0xfffff880035edc70 + 0x70 + 0x180, 8), 0x25f078);
    assert_int_equal(fit.fp, 0xfffff880035eda40 + 0x80);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

/* A page fault in between saves the rbp that is wanted behind it. */
static void a_trap_frame_keeps_the_frame_register(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("fffff880`02fffd90 fffff800`02009000 nt!MmAccessFault+0x700\n"
         "fffff880`02fffe70 fffff800`02001000 nt!KiPageFault+0x260\n"
         "fffff880`03000000 fffff800`02001050 nt!Leaf+0x20\n"
         "fffff880`03000040 fffff800`02001050 nt!Walk+0x50\n"
         "fffff880`03000100 fffff800`02002000 nt!Walk+0x50\n"
         "fffff880`03000300 00000000`00000000 nt!Start+0x80\n",
         &frames, &fit);
    assert_int_equal(fit.fp, 0);
    uint64_t rbp = peek(&fit, 0xfffff88002fffe70 + 0x158, 8), at;
    assert_true(rbp > 0xfffff88003000040 && rbp < 0xfffff88003000100);
    assert_true(forge_fit_register(&fit, 3, RBP, &at));
    assert_int_equal(at, 0xfffff88002fffe70 + 0x158);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

/* Two return addresses in one function, six bytes apart. */
static void near_blocks_share_the_room(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("fffff880`03000000 fffff800`02001056 nt!Leaf+0x20\n"
         "fffff880`03000040 fffff800`02001050 nt!Walk+0x56\n"
         "fffff880`03000100 fffff800`02001003 nt!Walk+0x50\n"
         "fffff880`03000180 fffff800`02001001 nt!Walk+0x3\n"
         "fffff880`03000300 00000000`00000000 nt!Walk+0x1\n",
         &frames, &fit);
    const struct forge_fit_function *f = function_at(&fit, 0xfffff80002001050);
    assert_int_equal(f->begin, 0xfffff80002001040);
    assert_int_equal(f->end, 0xfffff80002001051);
    assert_int_equal(function_at(&fit, 0xfffff80002001003)->begin, 0xfffff80002001002);
    assert_int_equal(function_at(&fit, 0xfffff80002001001)->begin, 0xfffff80002001000);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

static void recursion_shares_one_block(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("fffff880`03000000 fffff800`02001050 nt!Walk+0x50\n"
         "fffff880`03000040 fffff800`02001050 nt!Walk+0x50\n"
         "fffff880`03000080 fffff800`02001050 nt!Walk+0x50\n",
         &frames, &fit);
    assert_int_equal(fit.nfunctions, 1); /* and the listing, cut there, ends nevertheless */
    assert_int_equal(fit.function[0].frame_register, 0);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

static void x64_arguments_are_home_slots(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("ffffa087`3efdec88 fffff806`569959c5     : 00000000`00000057 fffff806`4e607fc9 "
         "ffff9002`7a3fb080 ffffb709`791b3088 : dxgkrnl!DXGVIRTUALMACHINE::IsWsl2Guest\n"
         "ffffa087`3efdec90 fffff806`56990594     : 00000000`00000000 ffff9002`40841050 "
         "ffff9002`433aa720 00000000`00000004 : dxgkrnl!X::ReadVirtualFunctionConfig+0x105\n"
         "(Inline Function) --------`--------     : --------`-------- --------`-------- "
         "--------`-------- --------`-------- : dxgkrnl!Z::Invoke+0x27\n"
         "ffffa087`3efdecb8 00000000`00000000     : 00000000`00000001 00000000`00000002 "
         "00000000`00000003 00000000`00000004 : dxgkrnl!Y+0x8c\n",
         &frames, &fit);
    assert_int_equal(peek(&fit, 0xffffa0873efdec90, 8), 0x57);
    assert_int_equal(peek(&fit, 0xffffa0873efdeca8, 8), 0xffffb709791b3088);
    assert_int_equal(peek(&fit, 0xffffa0873efdecb8, 8), 0);
    assert_int_equal(fit.nfunctions, 3); /* the inlined one has no code of its own */
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

static void what_contradicts_is_said(void **state) {
    (void)state;
    refuses("fffff880`03000000 fffff800`02001050 nt!Leaf+0x20\n"
            "fffff880`03000040 fffff800`02002050 nt!Walk+0x50\n"
            "\n"
            "fffff880`03000080 00000000`00000000 nt!Walk+0x90\n",
            "line 4: nt!Walk+0x90 is fffff800`02001090, but line 2 returns to fffff800`02002050");
    refuses("fffff880`03000000 fffff800`02001050 nt!Leaf+0x20\n"
            "fffff880`03000040 00000000`00000000 0x1234\n",
            "line 2: 0x1234 is 00000000`00001234, but line 1 returns to fffff800`02001050");
    refuses("fffff880`03000000 00000000`00000000 nt!Leaf+0x20\n"
            "fffff880`03000040 00000000`00000000 nt!Walk+0x50\n",
            "line 2: nt!Walk+0x50 stands behind line 1, whose RetAddr is 0");
    refuses("fffff880`03000004 00000000`00000000 nt!Leaf+0x20\n", "line 1: its Child-SP is no");
    refuses("fffff880`03000000 fffff800`02001050 nt!Leaf+0x20\n"
            "fffff880`03000040 fffff800`02001050 nt!Walk+0x50\n"
            "fffff880`03000048 fffff800`02001060 nt!Walk+0x50\n"
            "fffff880`03000080 00000000`00000000 nt!Walk+0x60\n",
            "line 3: the frame here has 0x30 bytes, but 0x0 at line 2");
    refuses("fffff880`03000000 fffff800`02001050 nt!KySwitchKernelStackCallout+0x27 "
            "(TrapFrame @ fffff880`02fff000)\n"
            "fffff880`03000040 00000000`00000000 nt!Walk+0x50\n",
            "line 1: its machine frame would lie at fffff880`02fff168, which is not above");
    refuses("00000000`00300000 00000000`00402000 0x401000\n"
            "00000000`00300040 00000000`00000000 app!main+0x50\n",
            "line 1: code outside of all modules can have no frame of 0x38 bytes");
    refuses("fffff880`03000000 fffff800`02001050 : 00000000`00000001 : nt!Leaf+0x20\n"
            "fffff880`03000040 fffff800`02002000 : 00000000`00000001 : nt!Tiny+0x50\n"
            "fffff880`03000048 00000000`00000000 : 00000000`00000001 : nt!Start+0x50\n",
            "line 1: argument 1 at fffff880`03000040 would be 00000000`00000001, but there lies "
            "RetAddr of line 2: fffff800`02002000");
}

static bool nowhere(void *ctx, const char *module, const char *name, uint64_t *ret) {
    (void)ctx, (void)module, (void)name, (void)ret;
    return false;
}
static bool in_two_places(void *ctx, const char *module, const char *name, uint64_t *ret) {
    (void)ctx, (void)module;
    *ret = strcmp(name, "Walk") == 0 ? 0xfffff80002005000 : 0xfffff80002000000;
    return true;
}

static void where_it_is_must_be_known(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    char why[FORGE_WHY];
    assert_true(forge_frames_parse("fffff880`03000000 fffff800`02001050 nt!Leaf+0x20\n"
                                   "fffff880`03000040 00000000`00000000 nt!Walk+0x50\n",
                                   &frames, why));
    struct forge_where where = {.ctx = NULL, .address = nowhere};
    assert_false(forge_fit_x64(&frames, &where, &fit, why));
    assert_string_equal(why, "line 1: nothing says where nt!Leaf+0x20 is: give the address of its "
                             "symbol");
    where.address = in_two_places;
    assert_false(forge_fit_x64(&frames, &where, &fit, why));
    assert_string_equal(why, "line 2: nt!Walk+0x50 is fffff800`02005050, but line 1 returns to "
                             "fffff800`02001050");
    forge_frames_free(&frames);
    assert_true(forge_frames_parse("nt!Leaf+0x20\nnt!Walk+0x50\n", &frames, why));
    assert_true(forge_fit_x64(&frames, &where, &fit, why));
    assert_int_equal(fit.ip[1], 0xfffff80002005050);
    forge_fit_free(&fit);
    where.address = nowhere;
    assert_false(forge_fit_x64(&frames, &where, &fit, why));
    forge_frames_free(&frames);
}

/* The same string literal's name stands for many. */
static void names_of_literals_say_no_place(void **state) {
    (void)state;
    replays("fffff803`08c18428 fffff803`098525df nt!KeBugCheckEx\n"
            "fffff803`08c18430 fffff803`09723f11 nt! ??::FNODOBFM::`string'+0x13ba4\n"
            "fffff803`08c184b0 fffff803`09724d98 nt! ??::FNODOBFM::`string'+0x51\n"
            "fffff803`08c184e0 00000000`00000000 nt! ??::FNODOBFM::`string'+0x3f9\n");
}

static void stacks_without_columns_get_them(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("nt!KiSwapThread+0x17d\nnt!KiCommitThreadWait+0x14f\nFLTMGR!FltpDispatch+0x20\n"
         "FeKern+0x6657\n...\n",
         &frames, &fit);
    assert_true(fit.sp > 0xfffff88000000000 && fit.sp % 16 == 0);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
    replays("nt!KeBugCheckEx\nnt!KiPageFault+0x260\nnt!f+0x12\nnt!KiSystemServiceCopyEnd+0x13\n");
    replays("RetAddr           : Args to Child    : Call Site\n"
            "fffff800`01984bd9 : 00000000`00000020 00000000`00000000 00000000`0000ffff "
            "00000000`00000000 : nt!KeBugCheckEx\n"
            "00000000`00000000 : 00000000`00000001 00000000`00000002 00000000`00000003 "
            "00000000`00000004 : nt!PspExitThread+0xffffffff`fffe3ae9\n");
}

/* ---- x86 ---- */

static void ebp_chains_are_chains(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("ChildEBP RetAddr  Args to Child\n"
         "05abf90c 611c6d04 02a58f08 00000000 75ffc3e0 pdh!PdhUpdateLogW+0xa2\n"
         "05abf9bc 611be128 0045c968 00000000 00000000 "
         "pla!HPerformanceCounterDataCollector::Cycle+0x48\n"
         "05abf9bc 00000000 0045c968 00000000 00000000 pla!PlaiCollectorControl+0x3b7\n",
         &frames, &fit);
    assert_int_equal(fit.fp, 0x05abf90c);
    assert_true(fit.sp < fit.fp && fit.sp > fit.fp - 0x100);
    assert_int_equal(peek(&fit, 0x05abf90c, 4), 0x05abf9bc);
    assert_int_equal(peek(&fit, 0x05abf9bc, 4), 0x05abf9bc);
    for (size_t i = 0; i < fit.nfunctions; i++)
        assert_true(fit.function[i].uses_ebp);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

/* What the raw stack of the published crash has around its trap frame is what the fit puts there.
 */
static void x86_trap_frames_agree_with_the_raw_stack(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("ChildEBP RetAddr\n"
         "a9750c80 806ffa16 nt!KiTrap0E+0x238\n"
         "a9750d5c a9338ae2 hal!KeAcquireInStackQueuedSpinLock+0x26\n"
         "a9750d6c a9339c79 sftfsXP!SoftFSProcessRequest+0x6c\n"
         "a9750dac 80574128 sftfsXP!SoftFSQueueSyncWorker+0x39\n"
         "a9750ddc 804ec781 nt!PspSystemThreadStartup+0x34\n"
         "00000000 00000000 nt!KiThreadStartup+0x16\n",
         &frames, &fit);
    static const struct {
        uint64_t at, value;
    } raw[] = {{0xa9750c84, 0x806ffa16},
               {0xa9750ce8, 0x806ffa16},
               {0xa9750d60, 0xa9338ae2},
               {0xa9750d70, 0xa9339c79},
               {0xa9750db0, 0x80574128}};
    for (size_t i = 0; i < sizeof raw / sizeof *raw; i++)
        assert_int_equal(peek(&fit, raw[i].at, 4), raw[i].value);
    assert_int_equal(peek(&fit, 0xa9750cd0, 2), 0x30); /* SegFs; its upper half was garbage */
    assert_false(has(&fit, 0xa9750cd2));
    assert_int_equal(peek(&fit, 0xa9750c88, 4), 0xbadb0d00); /* DbgArgMark */
    assert_int_equal(peek(&fit, 0xa9750cec, 4), 8);
    assert_int_equal(peek(&fit, 0xa9750ce0, 4), 0xa9750d5c); /* Ebp */
    assert_false(has(&fit, 0xa9750cf4)); /* esp: the interrupted function's stack begins here */
    assert_int_equal(fit.function[0].kind + fit.function[1].kind + fit.function[2].kind +
                         fit.function[3].kind + fit.function[4].kind + fit.function[5].kind,
                     FORGE_FPO_TRAP);
    assert_int_equal(function_at(&fit, fit.ip[0])->kind, FORGE_FPO_TRAP);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

static void system_calls_come_from_user_stacks(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("ee7e7d54 804de7ec nt!NtWaitForSingleObject+0x9a\n"
         "ee7e7d64 7c90eb94 nt!KiFastCallEntry+0xf8 (FPO: [0,0] TrapFrame @ ee7e7d64)\n"
         "0012fe08 7c90e9c0 ntdll!KiFastSystemCallRet\n"
         "0012fe0c 7c8025cb ntdll!NtWaitForSingleObject+0xc\n"
         "0012fe70 00000000 kernel32!WaitForSingleObjectEx+0xa8\n",
         &frames, &fit);
    assert_int_equal(peek(&fit, 0xee7e7d64 + 0x6c, 4), 0x1b);
    assert_int_equal(peek(&fit, 0xee7e7d64 + 0x74, 4), 0x12fe0c); /* esp at its first instruction */
    assert_int_equal(peek(&fit, 0xee7e7d64 + 0x60, 4), 0x12fe70); /* ebp, which FPO leaves alone */
    for (size_t i = 2; i < 4; i++) {
        const struct forge_fit_function *f = function_at(&fit, fit.ip[i]);
        assert_true(!f->uses_ebp && f->kind == FORGE_FPO_PLAIN && f->locals == 0);
    }
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

/* Parts of an x86 function may lie anywhere, and displacements are counted without that. */
static void x86_functions_may_be_in_pieces(void **state) {
    (void)state;
    replays("a9fe5910 804f2df4 nt!KiSwapContext+0x2f\n"
            "a9fe5938 804e1bd2 nt!KiSwapThread+0xa8\n"
            "a9fe5964 f7001000 nt!KiSwapThread+0x8a\n"
            "a9fe5974 00000000 drv+0x1000\n");
    refuses("a9fe5938 f7001000 nt!KiSwapThread+0xa8\n"
            "a9fe5964 f7001200 drv+0x1000\n"
            "a9fe5974 00000000 drv+0x1000\n",
            "line 3: drv+0x1000 is f7001000, but line 2 returns to f7001200");
}

/* A saved ebp would lie where the listing shows an argument: so it was not saved there. */
static void arguments_make_fpo_frames(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("ChildEBP RetAddr  Args to Child\n"
         "0012fe00 00402000 00000001 00000002 00403000 a!f+0x10\n"
         "0012fe0c 00403000 00000003 0012fe70 00000005 a!g+0x10\n"
         "0012fe70 00000000 00000006 00000007 00000008 a!h+0x10\n",
         &frames, &fit);
    const struct forge_fit_function *f = function_at(&fit, 0x402000);
    assert_false(f->uses_ebp);
    assert_int_equal(f->locals, 8);
    assert_int_equal(peek(&fit, 0x12fe00, 4), 0x12fe70);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

/* esp goes down within the kernel: only a trap frame that says so can do that. */
static void x86_stacks_may_be_switched(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    fits("f8aec000 804dc000 nt!KiRetireDpcList+0x46\n"
         "f8ae8000 804dd000 nt!KiDispatchInterrupt+0x2a\n"
         "f8ae8040 00000000 nt!KiIdleLoop+0x10\n",
         &frames, &fit);
    assert_int_equal(function_at(&fit, fit.ip[0])->kind, FORGE_FPO_TRAP);
    assert_true(peek(&fit, 0xf8aec014, 4) < 0xf8ae8000);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

static void x86_stacks_without_columns(void **state) {
    (void)state;
    struct forge_frames frames;
    struct forge_fit fit;
    char why[FORGE_WHY];
    assert_true(forge_frames_parse("nt!KiTrap0E+0x238\nhal!HalpX+0x12\nnt!KiThreadStartup+0x16\n",
                                   &frames, why));
    frames.is32 = true;
    struct forge_where where = {.ctx = &frames, .address = somewhere};
    assert_true(forge_fit_x86(&frames, &where, &fit, why));
    blocks_are_good(&fit);
    replays_x86(&frames, &fit);
    forge_fit_free(&fit);
    forge_frames_free(&frames);
}

static void what_contradicts_is_said_of_x86_too(void **state) {
    (void)state;
    refuses("a9750c80 806ffa16 nt!KiTrap0E+0x238 (FPO: [0,0] TrapFrame @ a9750c00)\n"
            "a9750d5c 00000000 hal!X+0x26\n",
            "line 1: its ChildEBP must be its trap frame, a9750c00");
    refuses("a9750c80 806ffa16 a!f+0x238\n"
            "a9750c80 806ffb16 a!g+0x26\n"
            "a9750d80 00000000 a!h+0x26\n",
            "line 2: two frames with ChildEBP a9750c80 and different RetAddrs");
    refuses("a9750c82 00000000 a!f+0x238\n", "line 1: its ChildEBP is no multiple of 4");
    refuses("ChildEBP RetAddr  Args to Child\n"
            "0012fe00 00402000 00000001 00000002 00000003 a!f+0x10\n"
            "0012fe08 00000000 00000003 0012fe70 00000005 a!g+0x10\n",
            "line 2: argument 2 at 0012fe0c would be 00000002, but there lies RetAddr of line 3: "
            "00000000");
}

int main(void) {
    static struct CMUnitTest tests[DOCUMENTS + 32] = {
        cmocka_unit_test(calls_are_frames_of_their_size),
        cmocka_unit_test(saved_registers_are_found),
        cmocka_unit_test(page_faults_are_trap_frames),
        cmocka_unit_test(dispatchers_keep_an_exception_frame),
        cmocka_unit_test(stacks_are_switched),
        cmocka_unit_test(jumps_go_anywhere),
        cmocka_unit_test(one_instruction_may_have_two_sizes),
        cmocka_unit_test(a_trap_frame_keeps_the_frame_register),
        cmocka_unit_test(near_blocks_share_the_room),
        cmocka_unit_test(recursion_shares_one_block),
        cmocka_unit_test(x64_arguments_are_home_slots),
        cmocka_unit_test(what_contradicts_is_said),
        cmocka_unit_test(where_it_is_must_be_known),
        cmocka_unit_test(names_of_literals_say_no_place),
        cmocka_unit_test(stacks_without_columns_get_them),
        cmocka_unit_test(ebp_chains_are_chains),
        cmocka_unit_test(x86_trap_frames_agree_with_the_raw_stack),
        cmocka_unit_test(system_calls_come_from_user_stacks),
        cmocka_unit_test(x86_functions_may_be_in_pieces),
        cmocka_unit_test(arguments_make_fpo_frames),
        cmocka_unit_test(x86_stacks_may_be_switched),
        cmocka_unit_test(x86_stacks_without_columns),
        cmocka_unit_test(what_contradicts_is_said_of_x86_too),
    };
    size_t n = 0;
    while (tests[n].name)
        n++;
    for (size_t i = 0; i < DOCUMENTS; i++)
        tests[n++] = (struct CMUnitTest){documents[i].path, document_replays, NULL, NULL,
                                         (void *)&documents[i]};
    return _cmocka_run_group_tests("forge_fit", tests, n, NULL, NULL);
}
