/* SPDX-License-Identifier: MIT */
/*
 * Instructions of x86 and x64 in WinDbg's words. The first table is every line of code in the
 * published documents and transcripts that the debugger's cases come from: address and bytes in,
 * and the line must come out (blanks that a web page has lost are put back). The second is forms
 * that they do not have, as other published listings show them.
 */
#include "disasm_fixture.h"

static const struct dis_row published[] = {
    {SC_CPU_X64, 0xfffff80001b66b4e, "cc", "int", "3"},
    {SC_CPU_X64, 0xfffff80001b66810, "48895c2410", "mov", "qword ptr [rsp+10h],rbx"},
    {SC_CPU_X64, 0xfffff80001b66815, "48896c2418", "mov", "qword ptr [rsp+18h],rbp"},
    {SC_CPU_X64, 0xfffff80001b6681a, "4889742420", "mov", "qword ptr [rsp+20h],rsi"},
    {SC_CPU_X64, 0xfffff80001b6681f, "57", "push", "rdi"},
    {SC_CPU_X64, 0xfffff80001b66820, "4154", "push", "r12"},
    {SC_CPU_X64, 0xfffff80001b66822, "4155", "push", "r13"},
    {SC_CPU_X64, 0xfffff80001b66824, "4883ec30", "sub", "rsp,30h"},
    {SC_CPU_X64, 0xfffff80001b66828, "488bfa", "mov", "rdi,rdx"},
    {SC_CPU_X64, 0xfffff80001b6682b, "488bd9", "mov", "rbx,rcx"},
    {SC_CPU_X64, 0xfffff800014798f6, "cc", "int", "3"},
    {SC_CPU_X64, 0xfffff800014798f7, "e9ee8e0800", "jmp",
     "nt!ExpAllocateBigPool+0x13a (fffff800`015027ea)"},
    {SC_CPU_X64, 0xfffff800014798f6, "90", "nop", ""},
    {SC_CPU_X64, 0xfffff8000160f5b7, "cc", "int", "3"},
    {SC_CPU_X64, 0xfffff88004be33e0, "448b4320", "mov", "r8d,dword ptr [rbx+20h]"},
    {SC_CPU_X64, 0xfffff88004be33e4, "488b0d6d2a0000", "mov",
     "rcx,qword ptr [ECHO!WdfDriverGlobals (fffff880`04be5e58)]"},
    {SC_CPU_X64, 0xfffff88004be33eb, "4883631800", "and", "qword ptr [rbx+18h],0"},
    {SC_CPU_X64, 0xfffff88004be33f0, "488bd7", "mov", "rdx,rdi"},
    {SC_CPU_X64, 0xfffff88004be33f3, "ff150f260000", "call",
     "qword ptr [ECHO!WdfFunctions+0x838 (fffff880`04be5a08)]"},
    {SC_CPU_X64, 0xfffff88004be33f9, "bbc0d40100", "mov", "ebx,1D4C0h"},
    {SC_CPU_X64, 0xfffff88004be33fe, "b964000000", "mov", "ecx,64h"},
    {SC_CPU_X64, 0xfffff88004be3403, "ff15f70b0000", "call",
     "qword ptr [ECHO!_imp_KeStallExecutionProcessor (fffff880`04be4000)]"},
    {SC_CPU_X64, 0xfffff88004be3409, "4883eb01", "sub", "rbx,1"},
    {SC_CPU_X64, 0xfffff88004be340d, "75ef", "jne",
     "ECHO!EchoEvtTimerFunc+0x72 (fffff880`04be33fe)"},
    {SC_CPU_X64, 0xfffff88004be340f, "488b5c2430", "mov", "rbx,qword ptr [rsp+30h]"},
    {SC_CPU_X64, 0xfffff88004be3414, "4883c420", "add", "rsp,20h"},
    {SC_CPU_X64, 0xfffff88004be3418, "5f", "pop", "rdi"},
    {SC_CPU_X64, 0xfffff88004be3419, "c3", "ret", ""},
    {SC_CPU_X64, 0xfffff88004be341a, "cc", "int", "3"},
    {SC_CPU_X64, 0xfffff88004be341b, "cc", "int", "3"},
    {SC_CPU_X86, 0x75b88e0d, "8bff", "mov", "edi,edi"},
    {SC_CPU_X86, 0x75b88e79, "c9", "leave", ""},
    {SC_CPU_X86, 0x75b88e7a, "c20c00", "ret", "0Ch"},
    {SC_CPU_X86, 0x760be9bb, "c20c00", "ret", "0Ch"},
    {SC_CPU_X64, 0x000000007814deea, "e88184feff", "call", "msvcr80!_errno (00000000`78136370)"},
    {SC_CPU_X64, 0x000000007814deef, "4533c9", "xor", "r9d,r9d"},
    {SC_CPU_X64, 0x000000007814def2, "4533c0", "xor", "r8d,r8d"},
    {SC_CPU_X64, 0x000000007814def5, "33d2", "xor", "edx,edx"},
    {SC_CPU_X64, 0x000000007814def7, "33c9", "xor", "ecx,ecx"},
    {SC_CPU_X64, 0x000000007814def9, "48c744242000000000", "mov", "qword ptr [rsp+20h],0"},
    {SC_CPU_X64, 0x000000007814df02, "c70016000000", "mov", "dword ptr [rax],16h"},
    {SC_CPU_X64, 0x000000007814df08, "e873d1feff", "call",
     "msvcr80!_invalid_parameter (00000000`7813b080)"},
    {SC_CPU_X64, 0x000000007814df0d, "b816000000", "mov", "eax,16h"},
    {SC_CPU_X64, 0x000000007814df12, "4883c438", "add", "rsp,38h"},
    {SC_CPU_X64, 0x000000007814df16, "c3", "ret", ""},
    {SC_CPU_X64, 0x000000007813b155, "ff156d200900", "call",
     "qword ptr [msvcr80!_imp_GetCurrentProcess (00000000`781cd1c8)]"},
    {SC_CPU_X64, 0x000000007813b15b, "ba0d0000c0", "mov", "edx,0C000000Dh"},
    {SC_CPU_X64, 0x000000007813b160, "488bc8", "mov", "rcx,rax"},
    {SC_CPU_X64, 0x000000007813b163, "ff1557200900", "call",
     "qword ptr [msvcr80!_imp_TerminateProcess (00000000`781cd1c0)]"},
    {SC_CPU_X64, 0x0000000000e53020, "898324040000", "mov", "dword ptr [rbx+424h],eax"},
    {SC_CPU_X64, 0x0000000000e53026, "488b4738", "mov", "rax,qword ptr [rdi+38h]"},
    {SC_CPU_X64, 0x0000000000e5302a, "4c8b4010", "mov", "r8,qword ptr [rax+10h]"},
    {SC_CPU_X64, 0x0000000000e5302e, "4d85c0", "test", "r8,r8"},
    {SC_CPU_X64, 0x0000000000e53031, "7412", "je",
     "ThirdPartyServiceMonitor+0x3045 (00000000`00e53045)"},
    {SC_CPU_X64, 0x0000000000e53033, "488d8b28040000", "lea", "rcx,[rbx+428h]"},
    {SC_CPU_X64, 0x0000000000e5303a, "ba00020000", "mov", "edx,200h"},
    {SC_CPU_X64, 0x0000000000e5303f, "ff1553b40100", "call",
     "qword ptr [ThirdPartyServiceMonitor!PlugControl+0xff38 (00000000`00e6e498)]"},
    {SC_CPU_X64, 0x0000000000e53045, "eb16", "jmp",
     "ThirdPartyServiceMonitor+0x305d (00000000`00e5305d)"},
    {SC_CPU_X64, 0xfffff800032aa85b, "5e", "pop", "rsi"},
    {SC_CPU_X64, 0xfffff800032aa85c, "5d", "pop", "rbp"},
    {SC_CPU_X64, 0xfffff800032aa85d, "c3", "ret", ""},
    {SC_CPU_X64, 0xfffff800032aa85e, "8bc6", "mov", "eax,esi"},
    {SC_CPU_X64, 0xfffff800032aa860, "e9e2feffff", "jmp",
     "nt!KiIpiSendRequest+0x1d7 (fffff800`032aa747)"},
    {SC_CPU_X64, 0xfffff800032aa865, "0fb70db4892100", "movzx",
     "ecx,word ptr [nt!KeActiveProcessors (fffff800`034c3220)]"},
    {SC_CPU_X64, 0xfffff800032aa86c, "0fb705af892100", "movzx",
     "eax,word ptr [nt!KeActiveProcessors+0x2 (fffff800`034c3222)]"},
    {SC_CPU_X64, 0xfffff800032aa873, "8bfa", "mov", "edi,edx"},
    {SC_CPU_X64, 0xfffff80656786674, "8a8164010000", "mov", "al,byte ptr [rcx+164h]"},
};

static const struct dis_row forms[] = {
    /* prefixes and string instructions */
    {SC_CPU_X64, 0x1000, "f348a5", "rep movs", "qword ptr [rdi],qword ptr [rsi]"},
    {SC_CPU_X64, 0x1000, "f3aa", "rep stos", "byte ptr [rdi]"},
    {SC_CPU_X64, 0x1000, "66f2af", "repne scas", "word ptr [rdi]"},
    {SC_CPU_X64, 0x1000, "f3a6", "repe cmps", "byte ptr [rsi],byte ptr [rdi]"},
    {SC_CPU_X64, 0x1000, "48ad", "lods", "qword ptr [rsi]"},
    {SC_CPU_X86, 0x1000, "f3a5", "rep movs", "dword ptr es:[edi],dword ptr [esi]"},
    {SC_CPU_X86, 0x1000, "f3ab", "rep stos", "dword ptr es:[edi]"},
    {SC_CPU_X86, 0x1000, "64a4", "movs", "byte ptr es:[edi],byte ptr fs:[esi]"},
    {SC_CPU_X86, 0x1000, "6e", "outs", "dx,byte ptr [esi]"},
    {SC_CPU_X86, 0x1000, "6d", "ins", "dword ptr es:[edi],dx"},
    {SC_CPU_X86, 0x1000, "d7", "xlat", "byte ptr [ebx]"},
    {SC_CPU_X64, 0x1000, "f00fb111", "lock cmpxchg", "dword ptr [rcx],edx"},
    {SC_CPU_X64, 0x1000, "f0490fc708", "lock cmpxchg16b", "oword ptr [r8]"},
    {SC_CPU_X64, 0x1000, "f3c3", "rep ret", ""},
    {SC_CPU_X64, 0x1000, "f2ffe0", "bnd jmp", "rax"},
    {SC_CPU_X64, 0x1000, "3effe0", "notrack jmp", "rax"},
    /* the names among synonyms */
    {SC_CPU_X64, 0x1000, "0f93c0", "setae", "al"},
    {SC_CPU_X64, 0x1000, "480f4fc1", "cmovg", "rax,rcx"},
    {SC_CPU_X64, 0x1000, "cd2e", "int", "2Eh"},
    {SC_CPU_X64, 0x1000, "f1", "int", "1"},
    {SC_CPU_X64, 0x1000, "6690", "xchg", "ax,ax"},
    {SC_CPU_X64, 0x1000, "f390", "pause", ""},
    {SC_CPU_X64, 0x1000, "48cf", "iretq", ""},
    {SC_CPU_X86, 0x1000, "cf", "iretd", ""},
    {SC_CPU_X64, 0x1000, "cb", "retf", ""},
    {SC_CPU_X64, 0x1000, "0f01f8", "swapgs", ""},
    {SC_CPU_X64, 0x1000, "9c", "pushfq", ""},
    {SC_CPU_X86, 0x1000, "60", "pushad", ""},
    {SC_CPU_X64, 0x1000, "4863c8", "movsxd", "rcx,eax"},
    {SC_CPU_X64, 0x1000, "9b", "wait", ""},
    /* immediates are shown in the width of the operand that they meet */
    {SC_CPU_X64, 0x1000, "4883c8ff", "or", "rax,0FFFFFFFFFFFFFFFFh"},
    {SC_CPU_X64, 0x1000, "83c8ff", "or", "eax,0FFFFFFFFh"},
    {SC_CPU_X64, 0x1000, "6683f8ff", "cmp", "ax,0FFFFh"},
    {SC_CPU_X64, 0x1000, "80f9ff", "cmp", "cl,0FFh"},
    {SC_CPU_X64, 0x1000, "834c2408ff", "or", "dword ptr [rsp+8],0FFFFFFFFh"},
    {SC_CPU_X64, 0x1000, "6aff", "push", "0FFFFFFFFFFFFFFFFh"},
    {SC_CPU_X86, 0x1000, "6aff", "push", "0FFFFFFFFh"},
    {SC_CPU_X86, 0x1000, "83c4f8", "add", "esp,0FFFFFFF8h"},
    {SC_CPU_X64, 0x1000, "66b8ffff", "mov", "ax,0FFFFh"},
    {SC_CPU_X64, 0x1000, "48b8efbeadde00000000", "mov", "rax,0DEADBEEFh"},
    {SC_CPU_X64, 0x1000, "d1e8", "shr", "eax,1"},
    {SC_CPU_X64, 0x1000, "c8100000", "enter", "10h,0"},
    /* displacements are signed, and 0 is left out */
    {SC_CPU_X64, 0x1000, "0fae55ac", "ldmxcsr", "dword ptr [rbp-54h]"},
    {SC_CPU_X64, 0x1000, "0f284d00", "movaps", "xmm1,xmmword ptr [rbp]"},
    {SC_CPU_X86, 0x1000, "8d8560ffffff", "lea", "eax,[ebp-0A0h]"},
    {SC_CPU_X86, 0x1000, "8da42400000000", "lea", "esp,[esp]"},
    {SC_CPU_X64, 0x1000, "8d0c3f", "lea", "ecx,[rdi+rdi]"},
    {SC_CPU_X64, 0x1000, "f2410f1044cc10", "movsd", "xmm0,mmword ptr [r12+rcx*8+10h]"},
    {SC_CPU_X64, 0x1000, "660f1f840000000000", "nop", "word ptr [rax+rax]"},
    {SC_CPU_X64, 0x1000, "0f1f440000", "nop", "dword ptr [rax+rax]"},
    /* segments and absolute addresses */
    {SC_CPU_X64, 0x1000, "65488b042588010000", "mov", "rax,qword ptr gs:[188h]"},
    {SC_CPU_X64, 0x1000, "654889242510000000", "mov", "qword ptr gs:[10h],rsp"},
    {SC_CPU_X86, 0x1000, "64a118000000", "mov", "eax,dword ptr fs:[00000018h]"},
    {SC_CPU_X86, 0x1000, "64892500000000", "mov", "dword ptr fs:[0],esp"},
    {SC_CPU_X86, 0x1000, "8b0d40f0dfff", "mov", "ecx,dword ptr ds:[0FFDFF040h]"},
    {SC_CPU_X86, 0x1000, "a124f1dfff", "mov", "eax,dword ptr ds:[FFDFF124h]"},
    {SC_CPU_X86, 0x1000, "a1cc56887c", "mov",
     "eax,dword ptr [kernel32!__security_cookie (7c8856cc)]"},
    {SC_CPU_X86, 0x775e8899, "8b0db803fe7f", "mov",
     "ecx,dword ptr [SharedUserData+0x3b8 (7ffe03b8)]"},
    {SC_CPU_X64, 0x1000, "8b14253003fe7f", "mov",
     "edx,dword ptr [SharedUserData+0x330 (00000000`7ffe0330)]"},
    {SC_CPU_X64, 0x31f52c, "48890ded000000", "mov", "qword ptr [00000000`0031f620],rcx"},
    {SC_CPU_X86, 0x7eb31de8, "ff2495001fb37e", "jmp",
     "dword ptr ntdll!memcpy+0x148 (7eb31f00)[edx*4]"},
    {SC_CPU_X86, 0x1000, "68e883887c", "push", "offset ntdll!NlsMbOemCodePageTag+0xcc0 (7c8883e8)"},
    {SC_CPU_X86, 0x1000, "c7050030400001000000", "mov", "dword ptr [app+0x3000 (00403000)],1"},
    /* control */
    {SC_CPU_X64, 0x7ffa6e017209, "7367", "jae", "00007ffa`6e017272"},
    {SC_CPU_X86, 0x1000, "ea09601e6b3300", "jmp", "0033:6B1E6009"},
    {SC_CPU_X64, 0x13f21e03e, "e2ed", "loop", "TcpKali!shellcode+0x2d (00000001`3f21e02d)"},
    {SC_CPU_X86, 0x1000, "e3fe", "jecxz", "00001000"},
    {SC_CPU_X64, 0x1000, "ffd0", "call", "rax"},
    {SC_CPU_X64, 0x1000, "ff18", "call", "fword ptr [rax]"},
    /* x87, SSE, AVX, system */
    {SC_CPU_X86, 0x1000, "d8c1", "fadd", "st,st(1)"},
    {SC_CPU_X86, 0x1000, "dec1", "faddp", "st(1),st"},
    {SC_CPU_X86, 0x1000, "d9c9", "fxch", "st(1)"},
    {SC_CPU_X86, 0x1000, "d9c0", "fld", "st(0)"},
    {SC_CPU_X86, 0x1000, "dd5df8", "fstp", "qword ptr [ebp-8]"},
    {SC_CPU_X86, 0x1000, "db28", "fld", "tbyte ptr [eax]"},
    {SC_CPU_X86, 0x1000, "dfe0", "fnstsw", "ax"},
    {SC_CPU_X64, 0x1000, "0f29742430", "movaps", "xmmword ptr [rsp+30h],xmm6"},
    {SC_CPU_X64, 0x1000, "f30f1008", "movss", "xmm1,dword ptr [rax]"},
    {SC_CPU_X64, 0x1000, "660fd600", "movq", "mmword ptr [rax],xmm0"},
    {SC_CPU_X64, 0x1000, "f2480f2a08", "cvtsi2sd", "xmm1,qword ptr [rax]"},
    {SC_CPU_X64, 0x1000, "c5fc1000", "vmovups", "ymm0,ymmword ptr [rax]"},
    {SC_CPU_X64, 0x1000, "62f17c891000", "vmovups", "xmm0{k1}{z},xmmword ptr [rax]"},
    {SC_CPU_X64, 0x1000, "0fae00", "fxsave", "[rax]"},
    {SC_CPU_X64, 0x1000, "0f0d09", "prefetchw", "[rcx]"},
    {SC_CPU_X64, 0x1000, "0f0139", "invlpg", "byte ptr [rcx]"},
    {SC_CPU_X64, 0x1000, "0f0110", "lgdt", "fword ptr [rax]"},
    {SC_CPU_X64, 0x1000, "440f20c0", "mov", "rax,cr8"},
    /* no instruction */
    {SC_CPU_X64, 0x1000, "06", "???", ""},
    {SC_CPU_X64, 0x1000, "ff", "???", ""},
    {SC_CPU_X64, 0x1000, "488b0d6d2a00", "???", ""},
};

static void published_listings_come_out_as_windbg_printed_them(void **state) {
    (void)state;
    dis_rows(published, sizeof published / sizeof *published);
}

static void other_forms_are_written_as_other_listings_show_them(void **state) {
    (void)state;
    dis_rows(forms, sizeof forms / sizeof *forms);
}

/* ---- lines ---- */

static void the_operands_stand_in_one_column_however_many_bytes_there_are(void **state) {
    (void)state;
    dis_line(SC_CPU_X64, 0xfffff8000161090e, "57", "fffff800`0161090e 57              push    rdi");
    dis_line(SC_CPU_X64, 0xfffff8000161090e, "4889842498000000",
             "fffff800`0161090e 4889842498000000 mov     qword ptr [rsp+98h],rax");
    dis_line(SC_CPU_X64, 0x7814def9, "48c744242000000000",
             "00000000`7814def9 48c744242000000000 mov   qword ptr [rsp+20h],0");
    dis_line(SC_CPU_X64, 0x1000, "48b8efbeadde00000000",
             "00000000`00001000 48b8efbeadde00000000 mov rax,0DEADBEEFh");
    dis_line(SC_CPU_X64, 0x1000, "f00fb111",
             "00000000`00001000 f00fb111        lock cmpxchg dword ptr [rcx],edx");
}

static void addresses_of_32_bits_have_no_backtick(void **state) {
    (void)state;
    dis_line(SC_CPU_X86, 0x75b88e0d, "8bff", "75b88e0d 8bff            mov     edi,edi");
    dis_line(SC_CPU_X86, 0x75b88e0d, "ff", "75b88e0d ff              ???");
}

static void unreadable_bytes_are_question_marks(void **state) {
    char line[64];
    (void)state;
    sc_insn_unread(0xfffff8048b58334c, 8, line, sizeof line);
    assert_string_equal(line, "fffff804`8b58334c ??              ???");
    sc_insn_unread(0x92c915cd, 4, line, sizeof line);
    assert_string_equal(line, "92c915cd ??              ???");
}

static void long_names_are_cut_and_nothing_is_written_behind_the_buffer(void **state) {
    struct sc_insn insn;
    char line[32];
    (void)state;
    dis_with_long_names = true;
    dis_decode(SC_CPU_X64, 0x1000, "e800000000", &insn);
    dis_with_long_names = false;
    assert_in_range(strlen(insn.operands), SC_INSN_NAME, SC_INSN_OPERANDS - 1);
    memset(line, '#', sizeof line);
    assert_true(sc_insn_line(&insn, 8, line, 20) < 20);
    assert_int_equal(line[20], '#');
    assert_int_equal(sc_insn_line(&insn, 8, line, 0), 0);
}

/* ---- records ---- */

static struct sc_insn decoded(const char *bytes) {
    struct sc_insn insn;
    dis_decode(SC_CPU_X64, 0x1000, bytes, &insn);
    return insn;
}

static void control_flow_is_told_apart(void **state) {
    static const struct {
        const char *bytes;
        enum sc_flow flow;
        uint64_t target; /* 0: none */
        bool indirect;
    } rows[] = {
        {"90", SC_FLOW_NEXT, 0, false},          {"e800000000", SC_FLOW_CALL, 0x1005, false},
        {"ffd0", SC_FLOW_CALL, 0, true},         {"ff1500000000", SC_FLOW_CALL, 0, true},
        {"0f05", SC_FLOW_CALL, 0, false},        {"ebfe", SC_FLOW_JUMP, 0x1000, false},
        {"ffe0", SC_FLOW_JUMP, 0, true},         {"7402", SC_FLOW_BRANCH, 0x1004, false},
        {"e3fe", SC_FLOW_BRANCH, 0x1000, false}, {"c3", SC_FLOW_RETURN, 0, false},
        {"48cf", SC_FLOW_RETURN, 0, false},      {"cc", SC_FLOW_TRAP, 0, false},
        {"cd2c", SC_FLOW_TRAP, 0, false},        {"cd29", SC_FLOW_NO_MORE, 0, false},
        {"0f0b", SC_FLOW_NO_MORE, 0, false},     {"06", SC_FLOW_NO_MORE, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sc_insn insn = decoded(rows[i].bytes);
        if (insn.flow != rows[i].flow || insn.has_target != (rows[i].target != 0) ||
            insn.target != rows[i].target || insn.indirect != rows[i].indirect)
            fail_msg("%s: flow %d, target %llx, indirect %d", rows[i].bytes, insn.flow,
                     (unsigned long long)insn.target, insn.indirect);
    }
}

static void memory_operands_say_what_is_read_and_written(void **state) {
    (void)state;
    struct sc_insn i = decoded("43891401");
    assert_int_equal(i.nmems, 1);
    assert_string_equal(i.mem[0].base, "r9");
    assert_string_equal(i.mem[0].index, "r8");
    assert_string_equal(i.mem[0].segment, "ds");
    assert_true(i.mem[0].write && !i.mem[0].read && !i.mem[0].constant);
    assert_int_equal(i.mem[0].size, 4);
    i = decoded("488b0d6d2a0000");
    assert_true(i.mem[0].constant && i.mem[0].read && !i.mem[0].base);
    assert_int_equal(i.mem[0].address, 0x1007 + 0x2a6d);
    i = decoded("488d0d6d2a0000"); /* lea touches nothing */
    assert_true(i.nmems == 1 && i.mem[0].constant && !i.mem[0].read && !i.mem[0].write);
    i = decoded("0f1f440000"); /* nor does a nop */
    assert_true(i.nmems == 1 && !i.mem[0].read && !i.mem[0].size);
    i = decoded("f348a5");
    assert_true(i.nmems == 2 && i.mem[0].write && i.mem[1].read);
    assert_string_equal(i.mem[0].base, "rdi");
    i = decoded("57"); /* the stack is not an operand */
    assert_int_equal(i.nmems, 0);
}

static void addresses_are_computed_from_registers(void **state) {
    struct sc_regs r = dis_regs(SC_CPU_X64);
    uint64_t addr;
    (void)state;
    dis_set(&r, "r9", 0x44);
    dis_set(&r, "r8", 0xffff9b0003360008);
    struct sc_insn i = decoded("43891401");
    assert_true(sc_insn_mem_address(&i.mem[0], &r, &addr));
    assert_int_equal(addr, 0xffff9b000336004c);
    dis_set(&r, "rbp", 0x10);
    i = decoded("0fae55ac");
    assert_true(sc_insn_mem_address(&i.mem[0], &r, &addr));
    assert_int_equal(addr, (uint64_t)0x10 - 0x54);
    dis_set(&r, "rax", 0x1234567800000000);
    i = decoded("678b40ff"); /* an address of 32 bits wraps there */
    assert_true(sc_insn_mem_address(&i.mem[0], &r, &addr));
    assert_int_equal(addr, 0xffffffff);
}

static bool taken(const char *bytes, uint32_t flags, uint64_t rcx) {
    struct sc_regs r = dis_regs(SC_CPU_X64);
    bool ret = false;
    dis_set(&r, "efl", flags);
    dis_set(&r, "rcx", rcx);
    struct sc_insn insn = decoded(bytes);
    assert_true(sc_insn_taken(&insn, &r, &ret));
    return ret;
}

static void branches_are_foretold(void **state) {
    enum { CF = 1, PF = 4, ZF = 0x40, SF = 0x80, OF = 0x800 };
    (void)state;
    assert_true(taken("7400", ZF, 0) && !taken("7400", 0, 0));       /* je */
    assert_true(taken("7500", 0, 0) && !taken("7500", ZF, 0));       /* jne */
    assert_true(taken("7200", CF, 0) && taken("7300", 0, 0));        /* jb, jae */
    assert_true(taken("7600", ZF, 0) && !taken("7700", CF, 0));      /* jbe, ja */
    assert_true(taken("7c00", SF, 0) && !taken("7c00", SF | OF, 0)); /* jl */
    assert_true(taken("7d00", SF | OF, 0) && taken("7f00", 0, 0));   /* jge, jg */
    assert_true(taken("7e00", ZF, 0) && !taken("7f00", ZF, 0));      /* jle, jg */
    assert_true(taken("7a00", PF, 0) && taken("7800", SF, 0) && taken("7000", OF, 0));
    assert_true(taken("e300", 0, 0) && !taken("e300", 0, 1));  /* jrcxz */
    assert_true(taken("e200", 0, 2) && !taken("e200", 0, 1));  /* loop */
    assert_true(taken("e100", ZF, 2) && !taken("e100", 0, 2)); /* loope */
    assert_true(taken("e000", 0, 2) && !taken("e000", ZF, 2)); /* loopne */
    struct sc_insn insn = decoded("eb00");
    struct sc_regs r = dis_regs(SC_CPU_X64);
    bool unused;
    assert_false(sc_insn_taken(&insn, &r, &unused));
}

static void scanning_gives_the_record_without_the_text(void **state) {
    sc_disasm *d = dis_open(SC_CPU_X64);
    static const uint8_t call[] = {0xe8, 0, 0, 0, 0};
    struct sc_insn insn;
    (void)state;
    sc_disasm_scan(d, 0x1000, call, sizeof call, &insn);
    assert_true(insn.valid && insn.length == 5 && insn.target == 0x1005);
    assert_string_equal(insn.mnemonic, "");
    assert_string_equal(insn.operands, "");
    sc_disasm_destroy(d);
}

static void a_cpu_without_a_disassembler_is_named(void **state) {
    sc_disasm *d = NULL;
    (void)state;
    sc_err *err = sc_disasm_create(SC_CPU_ARM, &d);
    assert_int_equal(sc_err_code(err), SC_ERR_UNSUPPORTED);
    assert_non_null(strstr(sc_err_text(err), "ARM"));
    assert_null(d);
    sc_err_destroy(err);
    sc_disasm_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_listings_come_out_as_windbg_printed_them),
        cmocka_unit_test(other_forms_are_written_as_other_listings_show_them),
        cmocka_unit_test(the_operands_stand_in_one_column_however_many_bytes_there_are),
        cmocka_unit_test(addresses_of_32_bits_have_no_backtick),
        cmocka_unit_test(unreadable_bytes_are_question_marks),
        cmocka_unit_test(long_names_are_cut_and_nothing_is_written_behind_the_buffer),
        cmocka_unit_test(control_flow_is_told_apart),
        cmocka_unit_test(memory_operands_say_what_is_read_and_written),
        cmocka_unit_test(addresses_are_computed_from_registers),
        cmocka_unit_test(branches_are_foretold),
        cmocka_unit_test(scanning_gives_the_record_without_the_text),
        cmocka_unit_test(a_cpu_without_a_disassembler_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
