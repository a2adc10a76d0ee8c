/* SPDX-License-Identifier: MIT */
/*
 * CodeView register numbers (cvconst.h of microsoft-pdb: CV_REG_*, CV_AMD64_*, CV_ARM_*,
 * CV_ARM64_*) to the names that the CPUs' register tables have. Runs of consecutive numbers; the
 * lanes of vector registers, which no record seen so far names, are left out.
 */
#include "pdb/symrec.h"

#include <stddef.h>

#include "stopcode/regs.h"

struct run {
    uint16_t first, count;
    const char *const *name;
};

#define NAMES(id, ...) static const char *const id[] = {__VA_ARGS__}
#define RUN(first, id)                                                                             \
    { (first), sizeof(id) / sizeof *(id), (id) }

NAMES(small, "al", "cl", "dl", "bl", "ah", "ch", "dh", "bh", "ax", "cx", "dx", "bx", "sp", "bp",
      "si", "di", "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "es", "cs", "ss", "ds",
      "fs", "gs");
NAMES(x86_ip, "ip", "fl", "eip", "efl");
NAMES(x64_ip, "fl", "rip", "efl");
NAMES(control, "cr0", "cr1", "cr2", "cr3", "cr4");
NAMES(cr8, "cr8");
NAMES(debug, "dr0", "dr1", "dr2", "dr3", "dr4", "dr5", "dr6", "dr7");
NAMES(tables, "gdtr", "gdtl", "idtr", "idtl", "ldtr", "tr");
NAMES(float87, "st0", "st1", "st2", "st3", "st4", "st5", "st6", "st7", "fpcw", "fpsw", "fptw");
NAMES(simd, "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7", "xmm0", "xmm1", "xmm2", "xmm3",
      "xmm4", "xmm5", "xmm6", "xmm7");
NAMES(mxcsr, "mxcsr");
NAMES(xmm8, "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
NAMES(wide, "sil", "dil", "bpl", "spl", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
      "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "r8b", "r9b", "r10b", "r11b", "r12b",
      "r13b", "r14b", "r15b", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w", "r8d",
      "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d", "ymm0", "ymm1", "ymm2", "ymm3", "ymm4",
      "ymm5", "ymm6", "ymm7", "ymm8", "ymm9", "ymm10", "ymm11", "ymm12", "ymm13", "ymm14", "ymm15");
NAMES(arm, "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp",
      "lr", "pc", "psr");
NAMES(fpscr, "fpscr");
NAMES(arm64_w, "w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9", "w10", "w11", "w12",
      "w13", "w14", "w15", "w16", "w17", "w18", "w19", "w20", "w21", "w22", "w23", "w24", "w25",
      "w26", "w27", "w28", "w29", "w30", "wzr");
NAMES(arm64_x, "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
      "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25",
      "x26", "x27", "x28", "fp", "lr", "sp", "zr");
NAMES(psr, "psr");
NAMES(fpsr, "fpsr");
NAMES(single, "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12",
      "s13", "s14", "s15", "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25",
      "s26", "s27", "s28", "s29", "s30", "s31");
NAMES(twofold, "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11", "d12",
      "d13", "d14", "d15", "d16", "d17", "d18", "d19", "d20", "d21", "d22", "d23", "d24", "d25",
      "d26", "d27", "d28", "d29", "d30", "d31");
NAMES(quad, "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9", "q10", "q11", "q12", "q13",
      "q14", "q15", "q16", "q17", "q18", "q19", "q20", "q21", "q22", "q23", "q24", "q25", "q26",
      "q27", "q28", "q29", "q30", "q31");

static const struct run runs_x86[] = {RUN(1, small),  RUN(31, x86_ip),  RUN(80, control),
                                      RUN(90, debug), RUN(110, tables), RUN(128, float87),
                                      RUN(146, simd), RUN(211, mxcsr)};
static const struct run runs_x64[] = {RUN(1, small),     RUN(32, x64_ip), RUN(80, control),
                                      RUN(88, cr8),      RUN(90, debug),  RUN(110, tables),
                                      RUN(128, float87), RUN(146, simd),  RUN(211, mxcsr),
                                      RUN(252, xmm8),    RUN(324, wide)};
static const struct run runs_arm[] = {RUN(10, arm), RUN(40, fpscr), RUN(50, single),
                                      RUN(300, twofold), RUN(400, quad)};
static const struct run runs_arm64[] = {RUN(10, arm64_w), RUN(50, arm64_x),  RUN(90, psr),
                                        RUN(100, single), RUN(140, twofold), RUN(180, quad),
                                        RUN(220, fpsr)};

enum { VFRAME = 30006 };

static const char *in_runs(const struct run *run, size_t nruns, uint32_t number) {
    for (size_t i = 0; i < nruns; i++)
        if (number >= run[i].first && number - run[i].first < run[i].count)
            return run[i].name[number - run[i].first];
    return NULL;
}

#define IN(runs, number) in_runs((runs), sizeof(runs) / sizeof *(runs), (number))

const char *pdb_register(int cpu, uint32_t number) {
    if (number == VFRAME)
        return "vframe";
    switch (cpu) {
    case SC_CPU_X86: return IN(runs_x86, number);
    case SC_CPU_X64: return IN(runs_x64, number);
    case SC_CPU_ARM: return IN(runs_arm, number);
    case SC_CPU_ARM64: return IN(runs_arm64, number);
    default: return NULL;
    }
}
