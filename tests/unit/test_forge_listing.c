/* SPDX-License-Identifier: MIT */
/* Published listings as the forge reads them: with what web pages did to them. */
#include "unit/listing_fixture.h"

static void parse(const char *text, struct forge_frames *ret) {
    char why[FORGE_WHY];
    if (!forge_frames_parse(text, ret, why))
        fail_msg("%s", why);
}

static void refuses(const char *text, const char *want) {
    struct forge_frames frames = {.count = 7};
    char why[FORGE_WHY] = "";
    assert_false(forge_frames_parse(text, &frames, why));
    if (!strstr(why, want))
        fail_msg("\"%s\" does not say \"%s\"", why, want);
    assert_int_equal(frames.count, 7);
}

/* Frame I: columns, site. */
static void is(const struct forge_frames *frames, size_t i, uint64_t sp, uint64_t ret,
               const char *module, const char *name, uint64_t disp) {
    assert_true(i < frames->count);
    const struct forge_frame *f = &frames->item[i];
    assert_int_equal(f->sp, sp);
    assert_int_equal(f->ret, ret);
    assert_string_equal(f->module, module);
    assert_string_equal(f->name, name);
    assert_int_equal(f->disp, disp);
}

/* ---- stacks ---- */

static void plain_k(void **state) {
    (void)state;
    struct forge_frames f;
    parse("\r\n"
          "4: kd> k  \r\n"
          " Child-SP     RetAddr      Call Site  \r\n"
          " fffff880`009b9de8 fffff800`0328b169 nt!KeBugCheckEx  \r\n"
          " fffff880`03dccfd0 fffff800`032909ba nt!KiIpiSendRequest+0x305  <- As it is a "
          "multiprocessor job, we \"flush\" it.\r\n"
          " fffff880`03dcd160 fffff800033935ea nt! ?? ::FNODOBFM::`string'+0x204ce  \r\n"
          " fffff88003dcd560 fffff880`01871489 iaStor+0x32a2\r\n",
          &f);
    assert_int_equal(f.count, 4);
    assert_false(f.is32);
    is(&f, 0, 0xfffff880009b9de8, 0xfffff8000328b169, "nt", "KeBugCheckEx", 0);
    is(&f, 1, 0xfffff88003dccfd0, 0xfffff800032909ba, "nt", "KiIpiSendRequest", 0x305);
    is(&f, 2, 0xfffff88003dcd160, 0xfffff800033935ea, "nt", " ?? ::FNODOBFM::`string'", 0x204ce);
    is(&f, 3, 0xfffff88003dcd560, 0xfffff88001871489, "iaStor", "", 0x32a2);
    assert_int_equal(f.item[0].line, 4);
    assert_true(f.item[0].has_sp && f.item[0].has_ret && !f.item[0].inlined);
    forge_frames_free(&f);
}

static void lost_blanks_are_found(void **state) {
    (void)state;
    struct forge_frames f;
    parse("# Child-SP          RetAddr           Call Site\n"
          "\n"
          "00 fffff880`05db1b08 fffff800`0174a9c0 nt!KeBugCheckEx\n"
          "\n"
          "01 fffff880`05db1b10 fffff800`01b66b4ent!VfBugCheckNoStackUsage+0x30\n"
          "02 fffff880`05db1b50 fffff800`01b6cc2efltmgr!FltpDispatch+0x33e\n"
          "0a fffff880`05db1c80fffff880`0404b6fb srv2!SrvProcessPacket +0xa0\n"
          "0b fffff880`05db1d80 00000000`00000000nt! ??::FNODOBFM::`string'+0x13ba4\n",
          &f);
    assert_int_equal(f.count, 5);
    is(&f, 1, 0xfffff88005db1b10, 0xfffff80001b66b4e, "nt", "VfBugCheckNoStackUsage", 0x30);
    is(&f, 2, 0xfffff88005db1b50, 0xfffff80001b6cc2e, "fltmgr", "FltpDispatch", 0x33e);
    is(&f, 3, 0xfffff88005db1c80, 0xfffff8800404b6fb, "srv2", "SrvProcessPacket", 0xa0);
    is(&f, 4, 0xfffff88005db1d80, 0, "nt", " ?? ::FNODOBFM::`string'", 0x13ba4);
    forge_frames_free(&f);
    parse("ChildEBP RetAddr\n"
          "a9750d5c a9338ae2acpi!ACPIDispatchIrp+0x26\n"
          "05abf0f8 7784fe67 02a7ae90 05abf224 05abf254advapi32!CallExtObj+0x17\n",
          &f);
    is(&f, 0, 0xa9750d5c, 0xa9338ae2, "acpi", "ACPIDispatchIrp", 0x26);
    is(&f, 1, 0x05abf0f8, 0x7784fe67, "advapi32", "CallExtObj", 0x17);
    assert_int_equal(f.item[1].arg[2], 0x05abf254);
    forge_frames_free(&f);
}

/* Quotes, dashes, blanks that do not break, zero-width blanks, an ellipsis as one character. */
static void typesetting_is_undone(void **state) {
    (void)state;
    struct forge_frames f;
    parse("\xef\xbb\xbf"
          "fffff880\xe2\x80\x98"
          "05db1b08\xc2\xa0"
          "fffff800\xe2\x80\x99"
          "0174a9c0 \xc2\xa0nt!\xc2\xa0??\xc2\xa0::FNODOBFM::\xe2\x80\x98string\xe2\x80\x99+0x13\n"
          "\xe2\x80\x8b"
          "fffff880`05db1b50 fffff800`01b6cc2e\tnt!f+0xffffffff\xc2\xb4"
          "fffe3ae9\n"
          "\xe2\x80\x93\xe2\x80\x93\xe2\x80\x93\xe2\x80\x93inline function\xe2\x80\x94\xe2\x80\x94 "
          "nt!g\n"
          "\xe2\x80\xa6\n"
          "This is not looked at any more.\n",
          &f);
    assert_int_equal(f.count, 3);
    is(&f, 0, 0xfffff88005db1b08, 0xfffff8000174a9c0, "nt", " ?? ::FNODOBFM::`string'", 0x13);
    is(&f, 1, 0xfffff88005db1b50, 0xfffff80001b6cc2e, "nt", "f", 0xfffffffffffe3ae9);
    assert_true(f.item[2].inlined);
    forge_frames_free(&f);
}

static void arguments_are_read(void **state) {
    (void)state;
    struct forge_frames f;
    parse("STACK_TEXT:  \n"
          "ffffa087`3efdec88 fffff806`569959c5     : 00000000`00000057 fffff806`4e607fc9 "
          "ffff9002`7a3fb080 ffffb709`791b3088 : dxgkrnl!DXGVIRTUALMACHINE::IsWsl2Guest\n"
          "(Inline Function) --------`--------     : --------`-------- --------`-------- "
          "--------`-------- --------`-------- : Wdf01000!FxDevice::Dispatch+0x89\n"
          "00000045`ad87f678 00000000`00000000     : 00000000`00000000 00000000`00000001 "
          "00000000`00000002 00000000`00000003 : 0x00007ffd`b46d10e4\n"
          "\n",
          &f);
    assert_int_equal(f.count, 3);
    is(&f, 0, 0xffffa0873efdec88, 0xfffff806569959c5, "dxgkrnl", "DXGVIRTUALMACHINE::IsWsl2Guest",
       0);
    assert_int_equal(f.item[0].nargs, 4);
    assert_int_equal(f.item[0].arg[3], 0xffffb709791b3088);
    is(&f, 1, 0, 0, "Wdf01000", "FxDevice::Dispatch", 0x89);
    assert_true(f.item[1].inlined && !f.item[1].has_sp && !f.item[1].nargs);
    is(&f, 2, 0x45ad87f678, 0, "", "", 0x7ffdb46d10e4);
    assert_int_equal(f.item[2].arg[2], 2);
    forge_frames_free(&f);
    parse("0:008> kb\n"
          "ChildEBP RetAddr  Args to Child             \n"
          "05abf0d0 6abae355 0002001f 00000000 05abeb7c kernelbase!OpenFileMappingW+0x90\n"
          "WARNING: Stack unwind information not available. Following frames may be wrong.\n"
          "05abf0f8 7784fe67 02a7ae90 05abf224 05abf254 ninjaprf+0x10edb\n"
          "05abf110 7784fc97 00472158 02a7ae90 05abf224 advapi32!CallExtObj+0x17\n",
          &f);
    assert_true(f.is32);
    assert_int_equal(f.count, 3);
    assert_int_equal(f.item[0].nargs, 3);
    assert_int_equal(f.item[0].arg[2], 0x05abeb7c);
    assert_false(f.item[0].warned);
    assert_true(f.item[1].warned);
    assert_false(f.item[2].warned);
    is(&f, 1, 0x05abf0f8, 0x7784fe67, "ninjaprf", "", 0x10edb);
    forge_frames_free(&f);
    /* x64's kb shows no Child-SP. */
    parse("RetAddr           : Args to Child                          : Call Site\n"
          "fffff800`01984bd9 : 00000000`00000020 00000000`00000000 00000000`0000ffff "
          "00000000`00000000 : nt!KeBugCheckEx\n",
          &f);
    is(&f, 0, 0, 0xfffff80001984bd9, "nt", "KeBugCheckEx", 0);
    assert_true(!f.item[0].has_sp && f.item[0].has_ret);
    assert_int_equal(f.item[0].arg[2], 0xffff);
    forge_frames_free(&f);
}

static void notes_and_sources_are_read(void **state) {
    (void)state;
    struct forge_frames f;
    parse("fffff880`07fabd60 fffff800`0227e741 nt!KySwitchKernelStackCallout+0x27 "
          "(TrapFrame @ fffff880`07fabc20)\n"
          "fffff880`085fffe0 fffff800`0229620a nt!KiSetTrapFrame+0x1 [d:\\x y\\trap.c @ 12]\n"
          "fffff880`08600000 fffff880`01635b2f app!`anonymous namespace'::f<int, 3>+0x1 "
          "[C:\\a[1].cpp @ 345 + 0x5] // here\n"
          "fffff880`08600010 fffff880`01635b2f app!X::operator+0x2c\n"
          "fffff880`08600020 fffff880`01635b2f app!X::operator+\n"
          "fffff880`08600030 00000000`00000000 <Unloaded_foo.sys>+0x1234\n",
          &f);
    assert_int_equal(f.count, 6);
    assert_int_equal(f.item[0].trap, 0xfffff88007fabc20);
    is(&f, 0, 0xfffff88007fabd60, 0xfffff8000227e741, "nt", "KySwitchKernelStackCallout", 0x27);
    assert_int_equal(f.item[1].trap, 0);
    assert_string_equal(f.item[1].name, "KiSetTrapFrame");
    assert_string_equal(f.item[1].file, "d:\\x y\\trap.c");
    assert_int_equal(f.item[1].file_line, 12);
    is(&f, 2, 0xfffff88008600000, 0xfffff88001635b2f, "app", "`anonymous namespace'::f<int, 3>", 1);
    assert_int_equal(f.item[2].file_line, 345);
    is(&f, 3, 0xfffff88008600010, 0xfffff88001635b2f, "app", "X::operator", 0x2c);
    is(&f, 4, 0xfffff88008600020, 0xfffff88001635b2f, "app", "X::operator+", 0);
    is(&f, 5, 0xfffff88008600030, 0, "<Unloaded_foo.sys>", "", 0x1234);
    forge_frames_free(&f);
    parse("00 a9750c80 806ffa16 nt!KiTrap0E+0x238 (FPO: [0,0] TrapFrame @ a9750c80)\n"
          "01 a9750d5c a9338ae2 hal!KfX+0x26 (FPO: [Non-Fpo]) (CONV: stdcall) [d:\\h.c @ 7]\n",
          &f);
    assert_true(f.is32);
    assert_int_equal(f.item[0].trap, 0xa9750c80);
    assert_string_equal(f.item[0].name, "KiTrap0E");
    is(&f, 1, 0xa9750d5c, 0xa9338ae2, "hal", "KfX", 0x26);
    assert_int_equal(f.item[1].file_line, 7);
    forge_frames_free(&f);
}

static void wrapped_lines_are_joined(void **state) {
    (void)state;
    struct forge_frames f;
    parse("fffff880`03b21430 fffff800`030d02ee nt!MmAccessFault+0xffffffff`\n"
          "    fff9c15c\n"
          "fffff880`03b21590 fffff800`030c8db9\n"
          "    nt!KiPageFault+0x16e\n"
          "fffff880`03b21728\n"
          "fffff800`030e6ab3 nt!memcpy\n"
          "+0x229\n"
          "fffff880`07fabd60 fffff800`0227e741 nt!KySwitchKernelStackCallout+0x27\n"
          "(TrapFrame @ fffff880`07fabc20)\n"
          "fffff880`07fabd80 fffff800`0227e741 nt! ??\n"
          "::FNODOBFM::`string'+0x12ff6\n"
          "fffff880`07fabd90 fffff800`0227e741 dxgkrnl!DXGK_VIRTUAL_GPU_PARAV\n"
          "::ReadVirtualFunctionConfig+0x105\n"
          "fffff880`07fabda0 fffff800`0227e741 nt!KeExpandKernelStack\n"
          "AndCalloutEx+0x29a\n"
          "fffff880`07fabdb0 fffff800`0227e741 app!f<int,\n"
          "char>+0x1\n"
          "fffff880`07fabdc0 00000000`00000000 nt!\n"
          "KiIdleLoop+0x5a\n",
          &f);
    assert_int_equal(f.count, 9);
    is(&f, 0, 0xfffff88003b21430, 0xfffff800030d02ee, "nt", "MmAccessFault", 0xfffffffffff9c15c);
    is(&f, 1, 0xfffff88003b21590, 0xfffff800030c8db9, "nt", "KiPageFault", 0x16e);
    is(&f, 2, 0xfffff88003b21728, 0xfffff800030e6ab3, "nt", "memcpy", 0x229);
    assert_int_equal(f.item[2].line, 5);
    assert_int_equal(f.item[3].trap, 0xfffff88007fabc20);
    is(&f, 4, 0xfffff88007fabd80, 0xfffff8000227e741, "nt", " ?? ::FNODOBFM::`string'", 0x12ff6);
    assert_string_equal(f.item[5].name, "DXGK_VIRTUAL_GPU_PARAV::ReadVirtualFunctionConfig");
    is(&f, 6, 0xfffff88007fabda0, 0xfffff8000227e741, "nt", "KeExpandKernelStackAndCalloutEx",
       0x29a);
    assert_string_equal(f.item[7].name, "f<int, char>");
    is(&f, 8, 0xfffff88007fabdc0, 0, "nt", "KiIdleLoop", 0x5a);
    forge_frames_free(&f);
    parse("05abf0f8 7784fe67 02a7ae90 05abf224\n05abf254 ninjaprf+0x10edb\n", &f);
    assert_int_equal(f.item[0].nargs, 3);
    is(&f, 0, 0x05abf0f8, 0x7784fe67, "ninjaprf", "", 0x10edb);
    forge_frames_free(&f);
}

/* `!thread` as a whole: what stands before the header is no part of the stack. */
static void what_stands_before_is_passed_over(void **state) {
    (void)state;
    struct forge_frames f;
    parse("8: kd> !thread fffffa800cd8a040 e\n"
          "THREAD fffffa800cd8a040  Cid 0004.005c  Teb: 0000000000000000 WAIT: (Executive)\n"
          "    fffff88002b0f118  SynchronizationEvent\n"
          "Stack Init fffff88002b0fc70 Current fffff88002b0ee30\n"
          "Child-SP          RetAddr            Call Site\n"
          "*** ERROR: Module load completed but symbols could not be loaded for myfault.sys\n"
          "fffff880`02b0ee70 fffff800`0187ba32 nt!KiSwapContext+0x7a\n"
          "fffff880`02b0f0e0 fffff880`01618fcd nt!ExWaitForRundownProtectionReleaseCacheAware\n"
          "----inline function----             tcpip!FlpUninitializePacketProviderInterface\n"
          "fffff880`02b0f150 fffff880`0173f54e tcpip!FlPnpEvent+0x17d\n",
          &f);
    assert_int_equal(f.count, 4);
    assert_true(f.item[2].inlined);
    is(&f, 2, 0, 0, "tcpip", "FlpUninitializePacketProviderInterface", 0);
    forge_frames_free(&f);
}

static void names_alone_are_a_stack(void **state) {
    (void)state;
    struct forge_frames f;
    parse("            nt!KiSwapThread+0x17d\n"
          "            FLTMGR!FltQueryInformationFile+0x52\n"
          "            FeKern+0x6657\n"
          "            nt!KeBugCheckEx\n"
          "            ...   \n",
          &f);
    assert_int_equal(f.count, 4);
    assert_true(!f.item[0].has_sp && !f.item[0].has_ret);
    is(&f, 0, 0, 0, "nt", "KiSwapThread", 0x17d);
    is(&f, 2, 0, 0, "FeKern", "", 0x6657);
    is(&f, 3, 0, 0, "nt", "KeBugCheckEx", 0);
    forge_frames_free(&f);
    parse(" # Call Site\n00 ad!f+0x17d\n01 (Inline Function) app!g+0x1\n02 nt!h\n", &f);
    assert_int_equal(f.count, 3);
    is(&f, 0, 0, 0, "ad", "f", 0x17d);
    assert_true(f.item[1].inlined);
    is(&f, 2, 0, 0, "nt", "h", 0);
    forge_frames_free(&f);
    parse("  Memory  Child-SP          RetAddr           Call Site\n"
          "          fffff880`05db1b08 fffff800`0174a9c0 nt!KeBugCheckEx\n"
          "        8 fffff880`05db1b10 fffff800`01b66b4e nt!Vf+0x30\n"
          "02     40 fffff880`05db1b50 fffff800`01b6cc2e nt!VfA+0x33e\n",
          &f);
    assert_int_equal(f.count, 3);
    is(&f, 2, 0xfffff88005db1b50, 0xfffff80001b6cc2e, "nt", "VfA", 0x33e);
    forge_frames_free(&f);
}

static void what_is_no_stack_is_refused(void **state) {
    (void)state;
    refuses("", "there is no frame");
    refuses("\n// nothing\n0: kd> k\n", "there is no frame");
    refuses("fffff880`05db1b08 fffff800`0174a9c0 nt!f\nBingo!  You got the function.\n",
            "line 2: this is no frame: \"Bingo!");
    refuses("Bingo!  You got the function.\n", "line 1: \"You got the function.\" is no name");
    refuses("nt!f+0x1\nThirdPartyServiceMonitor+<offset>\n",
            "line 2: \"ThirdPartyServiceMonitor+<offset>\" is neither module!name nor an address");
    refuses("fffff880`05db1b08 fffff800`0174a9c0\n", "line 1: the line ends before its call site");
    refuses("(Inline Function", "line 1: the line ends before its call site");
    refuses("fffff880`05db1b08 nt!f+0x12\n", "line 1: ");
    refuses("Child-SP RetAddr\nnt!f+0x12\n", "line 2: this is no frame");
    refuses("fffff880`05db1b08 fffff800`0174a9c0 nt!f+0x12 boom\n",
            "line 1: \"boom\" behind the displacement: a comment needs // before it");
    refuses("fffff880`05db1b08 fffff800`0174a9c0 nt!f+0x12345678123456789\n",
            "line 1: no number stands behind the plus");
    refuses("fffff880`05db1b08 fffff800`0174a9c0 0xzz\n", "line 1: \"0xzz\" is no address");
    refuses("fffff880`05db1b08 fffff800`0174a9c0 nt!f+0x12 (TrapFrame @ nowhere)\n",
            "line 1: no address stands behind \"TrapFrame @\"");
    refuses("Child-SP RetAddr Call Site\n"
            "fffff880`05db1b08 fffff800`0174a9c0 nt!f\n"
            "Child-SP RetAddr Call Site\n",
            "line 3: a second stack begins here");
    char name[600] = "nt!";
    memset(name + 3, 'x', 400);
    refuses(name, "is too long");
    memset(name, 'x', 70);
    refuses(name, "line 1: ");
}

static void count_frames(void *ctx, const char *listing, unsigned number) {
    const struct document *d = ctx;
    struct forge_frames f;
    parse(listing, &f);
    assert_int_equal(f.count, d->frames[number]);
    for (size_t i = 0; i < f.count; i++)
        assert_true(f.item[i].module[0] || f.item[i].disp);
    forge_frames_free(&f);
}

static void stacks_of_a_document(void **state) {
    const struct document *d = *state;
    char *text = document_text(d);
    unsigned want = 0;
    while (d->frames[want])
        want++;
    assert_int_equal(each_stack(text, d->bare, count_frames, (void *)d), want);
    free(text);
}

/* ---- memory ---- */

static void spans(const char *command, unsigned ptr_size, const char *text,
                  struct forge_spans *ret) {
    char why[FORGE_WHY];
    if (!forge_spans_parse(command, ptr_size, text, ret, why))
        fail_msg("%s", why);
}

static void spans_refuse(const char *command, const char *text, const char *want) {
    struct forge_spans s = {.count = 7};
    char why[FORGE_WHY] = "";
    assert_false(forge_spans_parse(command, 8, text, &s, why));
    if (!strstr(why, want))
        fail_msg("\"%s\" does not say \"%s\"", why, want);
    assert_int_equal(s.count, 7);
}

/* Span I holds the SIZE bytes at WANT. */
static void holds(const struct forge_spans *s, size_t i, uint64_t addr, const char *want,
                  size_t size) {
    assert_true(i < s->count);
    assert_int_equal(s->item[i].addr, addr);
    assert_int_equal(s->item[i].size, size);
    assert_memory_equal(s->item[i].byte, want, size);
}

static void numbers_of_every_width(void **state) {
    (void)state;
    struct forge_spans s;
    spans("dq fffffa80`4b729830 l1", 8,
          "0: kd> dq fffffa80`4b729830 l1\n\nfffffa80`4b729830  fffffa80`4a3b0060\n", &s);
    assert_int_equal(s.count, 1);
    holds(&s, 0, 0xfffffa804b729830, "\x60\x00\x3b\x4a\x80\xfa\xff\xff", 8);
    assert_int_equal(s.item[0].line, 3);
    forge_spans_free(&s);
    spans("dp", 4, "0040100c 11223344 00000001 // two\n", &s);
    holds(&s, 0, 0x40100c, "\x44\x33\x22\x11\x01\0\0\0", 8);
    forge_spans_free(&s);
    spans("dd", 8,
          "fffff800`01e45ce0  00000000 0000bd38 ???????? 00000001\n.\n.\n"
          "fffff800`01e45cf0  ???????? ???????? ???????? ????????\n",
          &s);
    assert_int_equal(s.count, 2);
    holds(&s, 0, 0xfffff80001e45ce0, "\0\0\0\0\x38\xbd\0\0", 8);
    holds(&s, 1, 0xfffff80001e45cec, "\1\0\0\0", 4);
    forge_spans_free(&s);
    spans("dw", 8, "fffff800`01e45ce0  1234 00ff\n", &s);
    holds(&s, 0, 0xfffff80001e45ce0, "\x34\x12\xff\0", 4);
    forge_spans_free(&s);
    spans("dq", 8, "fffff800`01e45ce0  ????????`???????? 00000000`00000001\n", &s);
    holds(&s, 0, 0xfffff80001e45ce8, "\1\0\0\0\0\0\0\0", 8);
    forge_spans_free(&s);
}

static void characters_are_no_numbers(void **state) {
    (void)state;
    struct forge_spans s;
    spans("dc", 8,
          "fffff880`0496e3aa  3161654c                             Lea1\n"
          "00000000`0103b438  003a0000 0049005c 0074006e 00670065  ..:.\\.F.r.e.i.n.\n"
          "00000000`0103b448  64616562 66656564  beaddeef\n" /* looks like a number */
          "00000000`0103b450 64616562 66656564 beaddeef\n",
          &s);
    assert_int_equal(s.count, 4);
    holds(&s, 0, 0xfffff8800496e3aa, "Lea1", 4);
    assert_int_equal(s.item[1].size, 16);
    holds(&s, 2, 0x103b448, "beaddeef", 8);
    holds(&s, 3, 0x103b450, "beaddeef", 8);
    forge_spans_free(&s);
    spans("db", 8,
          "fffff880`044b63aa  4c 65 61 6b 3b c1 0f 42-c1 41 8d 49 fd 8b d0 ff  Leak;..B.A.I....\n"
          "fffff880`044b6621  61 64                                            ad\n"
          "fffff880`044b6631  61 64 ad\n"
          "fffff880`044b6641  61 ?? 63-64  a?cd\n",
          &s);
    assert_int_equal(s.count, 5);
    holds(&s, 0, 0xfffff880044b63aa, "Leak;\xc1\x0f\x42\xc1\x41\x8d\x49\xfd\x8b\xd0\xff", 16);
    holds(&s, 1, 0xfffff880044b6621, "ad", 2);
    holds(&s, 2, 0xfffff880044b6631, "ad", 2);
    holds(&s, 3, 0xfffff880044b6641, "a", 1);
    holds(&s, 4, 0xfffff880044b6643, "cd", 2);
    forge_spans_free(&s);
}

static void names_of_values_are_kept(void **state) {
    (void)state;
    struct forge_spans s;
    spans("dps", 8,
          "0:000> dps 00000000`00e50000+ 1E000 l758/@$ptrsize\n<snippet>\n.\n"
          "00000000`00e6e458  00000000`7814d890 msvcr80!_wcsnicmp\n"
          "00000000`00e6e460  00000000`00000001\n"
          "00000000`00e6e498  00000000`7814ded0\n   msvcr80!wcscpy_s   // here\n",
          &s);
    assert_int_equal(s.count, 3);
    holds(&s, 0, 0xe6e458, "\x90\xd8\x14\x78\0\0\0\0", 8);
    assert_string_equal(s.item[0].symbol, "msvcr80!_wcsnicmp");
    assert_string_equal(s.item[1].symbol, "");
    assert_string_equal(s.item[2].symbol, "msvcr80!wcscpy_s");
    forge_spans_free(&s);
    spans("kd", 4, "a9750c84 806ffa16 hal!KeAcquireInStackQueuedSpinLock+0x26\n", &s);
    holds(&s, 0, 0xa9750c84, "\x16\xfa\x6f\x80", 4);
    assert_string_equal(s.item[0].symbol, "hal!KeAcquireInStackQueuedSpinLock+0x26");
    forge_spans_free(&s);
}

static void texts_end_with_a_nul(void **state) {
    (void)state;
    struct forge_spans s;
    spans("da 0a84e5c0", 4,
          "0a84e5c0  \"Local\\NINJAPERF_S-1-5-21-123578//\"   // a \"quote\"\n"
          "0a84e5e2  \"095\"x\"\n"
          "0a84e600  \"\"\n",
          &s);
    assert_int_equal(s.count, 5);
    holds(&s, 0, 0x0a84e5c0, "Local\\NINJAPERF_S-1-5-21-123578//", 33);
    holds(&s, 1, 0x0a84e5e1, "", 1);
    holds(&s, 2, 0x0a84e5e2, "095\"x", 5);
    holds(&s, 4, 0x0a84e600, "", 1);
    assert_int_equal(s.item[4].line, 3);
    forge_spans_free(&s);
    spans("da", 4, "00001000  \"abcd\"\n00001004  \"efg\"\n00001024  \"h\"\n", &s);
    assert_int_equal(s.count, 4);
    holds(&s, 1, 0x1004, "efg", 3);
    holds(&s, 2, 0x1024, "h", 1);
    holds(&s, 3, 0x1025, "", 1);
    forge_spans_free(&s);
    spans("du", 8, "00000000`00001000  \"\xe2\x80\x9c\xc3\xa4\"\n", &s);
    holds(&s, 0, 0x1000, "\"\0\xe4\0", 4);
    holds(&s, 1, 0x1004, "\0", 2);
    forge_spans_free(&s);
}

static void code_has_labels(void **state) {
    (void)state;
    struct forge_spans s;
    spans("u nt!VfAfterCallDriver", 8,
          "0: kd> u nt!VfAfterCallDriver\n\nnt!VfAfterCallDriver:\n\n"
          "fffff800`01b66810 48895c2410      mov     qword ptr[rsp+10h],rbx\n"
          "fffff800`01b6681f 57              push    rdi\n",
          &s);
    assert_int_equal(s.count, 2);
    assert_true(s.item[0].code);
    assert_string_equal(s.item[0].symbol, "nt!VfAfterCallDriver");
    assert_string_equal(s.item[1].symbol, "");
    holds(&s, 0, 0xfffff80001b66810, "\x48\x89\x5c\x24\x10", 5);
    holds(&s, 1, 0xfffff80001b6681f, "\x57", 1);
    forge_spans_free(&s);
    spans(
        "uf", 8,
        "Flow analysis was incomplete, some code may be missing\n<snippet>\n"
        "msvcr80!wcscpy_s+0x1a\n"
        "   18 00000000`7814def9 48c744242000000000 mov   qword ptr [rsp+20h],0\n"
        "   18 00000000`7814df08 e873d1feff      call    msvcr80!_invalid_parameter+0x1 (00000000`"
        "7813b080)\n"
        "nt! ??::FNODOBFM::`string'+0x24a2a:\n"
        "fffff800`014798f6 cc              int     3 <<<< here\n"
        "fffff880`04be33f3 ff150f260000    call    qword ptr [ECHO!WdfFunctions+0x838\n"
        "(fffff880`04be5a08)]\n"
        "app!main [d:\\x.c @ 12]:\n"
        "fffff880`04be33f9 bbc0d40100      mov     ebx,1D4C0h\n",
        &s);
    assert_int_equal(s.count, 5);
    holds(&s, 0, 0x7814def9, "\x48\xc7\x44\x24\x20\0\0\0\0", 9);
    assert_string_equal(s.item[0].symbol, "msvcr80!wcscpy_s+0x1a");
    assert_string_equal(s.item[1].symbol, "");
    assert_string_equal(s.item[2].symbol, "nt! ?? ::FNODOBFM::`string'+0x24a2a");
    assert_string_equal(s.item[4].symbol, "app!main");
    forge_spans_free(&s);
}

static void what_is_no_memory_is_refused(void **state) {
    (void)state;
    spans_refuse("dx", "", "listings of \"dx\" cannot be read: write dps");
    spans_refuse("dq", "The pool is empty.\n", "line 1: no address begins this line of dq");
    spans_refuse("dq", "\nfffffa80`4b729830  fffffa80`4a3b006\n",
                 "line 2: \"fffffa80`4a3b006\": not 8 bytes as dq shows them");
    spans_refuse("dq", "fffffa80`4b729830\n", "line 1: ");
    spans_refuse("dd", "fffffa80`4b729830 00000001 x\n", "line 1: \"x\": not 4 bytes");
    spans_refuse("dd", "fffffa80`4b729830 000000012\n", "line 1: \"000000012\": not 4 bytes");
    spans_refuse("da", "fffffa80`4b729830 text\n", "line 1: no text in quotes");
    spans_refuse("da", "fffffa80`4b729830 \"\xc3\xa4\"\n", "line 1: the text has a character");
    spans_refuse("u", "fffffa80`4b729830 mov rax,1\n", "line 1: no code bytes behind the address");
    spans_refuse("u", "By unassembling nt!f+0x12 backwards:\n", "line 1: no address begins");
    char line[700] = "fffffa80`4b729830";
    for (int i = 0; i < 17; i++)
        strcat(line, " 00000000");
    spans_refuse("dd", line, "line 1: more than 64 bytes in a line");
}

/* ---- the memory of the documents ---- */

/* Behind a prompt with COMMAND: the bytes of the listing, until something else stands there. */
struct shown {
    const char *path, *prompt, *command;
    unsigned ptr_size;
    size_t bytes, labels; /* bytes in all */
};
static const struct shown shown[] = {
    {"seeds/001_76b90eb078b6fcc2.txt", "a9750c84 806ffa16", "dds", 4, 60, 15},
    {"seeds/002_057968894f01db56.txt", "23: kd> dp NDIS!ndisTrackNblOwner L1", "dp", 8, 8, 0},
    {"seeds/002_057968894f01db56.txt", "dc nt!MiChargeCommitmentFailures L4", "dc", 8, 16, 0},
    {"seeds/002_057968894f01db56.txt", "dc fffff880`0496e3aa l1", "dc", 8, 8, 0},
    {"seeds/002_057968894f01db56.txt", "1: kd> u fffff800`014798f6", "u", 8, 6, 1},
    {"seeds/002_057968894f01db56.txt", "ub fffff880`04be3409", "ub", 8, 41, 1},
    {"seeds/002_057968894f01db56.txt", "u fffff880`04be3409", "u", 8, 19, 1},
    {"seeds/002_057968894f01db56.txt", "uf kernelbase!OpenFileMappingW", "uf", 4, 6, 2},
    {"seeds/002_057968894f01db56.txt", "da 05abeb7c", "da", 4, 25, 0},
    {"seeds/002_057968894f01db56.txt", "da 0a84e5c0", "da", 4, 62, 0},
    {"seeds/002_057968894f01db56.txt", "l758/@$ptrsize", "dps", 8, 24, 3},
    {"seeds/002_057968894f01db56.txt", "uf msvcr80!wcscpy_s", "uf", 8, 45, 1},
    {"seeds/002_057968894f01db56.txt", "0:035> ub 00000000`00e53045", "ub", 8, 39, 1},
    {"seeds/002_057968894f01db56.txt", "dq 00000000`00e6e498 l1", "dq", 8, 8, 0},
    {"seeds/002_057968894f01db56.txt", "dc 00000000`0103b438", "dc", 8, 304, 0},
    {"seeds/003_f5fb1de6fe438750.txt", "u nt!VfAfterCallDriver", "u", 8, 30, 1},
    {"seeds/003_f5fb1de6fe438750.txt", "dq fffffa80`4b729830 l1", "dq", 8, 8, 0},
    {"seeds/004_80cb412e617e181f.txt", "ub nt!KiIpiSendRequest+0x305", "ub", 8, 26, 1},
};

static bool is_memory_line(const char *line, const struct shown *s) {
    const char *p = listed(line);
    if (!*p || *p == '.' || *p == '<' || hex_run(p) >= 8)
        return true;
    if (strstr(line, "> dc") && !strcmp(s->command, "dc"))
        return true;
    size_t end = strcspn(p, "\r\n");
    bool label =
        strstr(p, "+0x") || (end && p[end - 1] == ':') || (strchr(p, '!') && strchr(p, ':'));
    return s->command[0] == 'u' && label && !strchr(p, ',') && !strstr(p, "> ");
}

/* The listing behind its prompt (or that begins with it) in TEXT, ended there. */
static char *listing_behind(char *text, const struct shown *s) {
    char *start = strstr(text, s->prompt);
    if (!start)
        fail_msg("%s is not in %s", s->prompt, s->path);
    if (strcmp(s->command, "dds") != 0)
        start = strchr(start, '\n') + 1;
    for (char *line = start; *line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        bool goes_on = is_memory_line(line, s);
        if (end)
            *end = '\n';
        if (!goes_on) {
            *line = '\0';
            break;
        }
        line = end ? end + 1 : line + strlen(line);
    }
    return start;
}

static void memory_of_the_documents(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        const struct document where = {.path = shown[i].path};
        char *text = document_text(&where);
        struct forge_spans s;
        size_t bytes = 0, labels = 0;
        spans(shown[i].command, shown[i].ptr_size, listing_behind(text, &shown[i]), &s);
        for (size_t k = 0; k < s.count; k++) {
            bytes += s.item[k].size;
            labels += s.item[k].symbol[0] != '\0';
        }
        if (bytes != shown[i].bytes || labels != shown[i].labels)
            fail_msg("%s: %zu bytes, %zu names", shown[i].prompt, bytes, labels);
        forge_spans_free(&s);
        free(text);
    }
}

int main(void) {
    static struct CMUnitTest tests[DOCUMENTS + 24] = {
        cmocka_unit_test(plain_k),
        cmocka_unit_test(lost_blanks_are_found),
        cmocka_unit_test(typesetting_is_undone),
        cmocka_unit_test(arguments_are_read),
        cmocka_unit_test(notes_and_sources_are_read),
        cmocka_unit_test(wrapped_lines_are_joined),
        cmocka_unit_test(what_stands_before_is_passed_over),
        cmocka_unit_test(names_alone_are_a_stack),
        cmocka_unit_test(what_is_no_stack_is_refused),
        cmocka_unit_test(numbers_of_every_width),
        cmocka_unit_test(characters_are_no_numbers),
        cmocka_unit_test(names_of_values_are_kept),
        cmocka_unit_test(texts_end_with_a_nul),
        cmocka_unit_test(code_has_labels),
        cmocka_unit_test(what_is_no_memory_is_refused),
        cmocka_unit_test(memory_of_the_documents),
    };
    size_t n = 0;
    while (tests[n].name)
        n++;
    for (size_t i = 0; i < DOCUMENTS; i++)
        tests[n++] = (struct CMUnitTest){documents[i].path, stacks_of_a_document, NULL, NULL,
                                         (void *)&documents[i]};
    return _cmocka_run_group_tests("forge_listing", tests, n, NULL, NULL);
}
