/* SPDX-License-Identifier: MIT */
/*
 * Registers as text, the way WinDbg lays them out for each CPU. x86 and x64 blocks are as in
 * published transcripts; so are the x87 and SSE lines of x86 (Microsoft's rM sample), which x64
 * shares here. Guessed: the letters of fpsw's two highest bits, the layout of ARM's vectors.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/show.h"

typedef unsigned long long ull;

static uint64_t value(const struct sc_regs *r, const char *name) {
    const struct sc_reg *reg = sc_reg_find(r->cpu, name);
    return reg ? sc_reg_value(r, reg) : 0;
}

/* ---- numbers ---- */

/* Makes the exponent DIGITS wide, as the C library of Windows does, and the point a point. */
static void fix_number(char *text, size_t size, unsigned digits) {
    for (char *p = text; *p; p++)
        if (*p == ',')
            *p = '.';
    char *e = strchr(text, 'e');
    if (!e)
        return;
    long n = labs(strtol(e + 1, NULL, 10));
    snprintf(e + 2, size - (size_t)(e + 2 - text), "%0*ld", (int)digits, n);
}

enum { NUMBER_BUF = 64 };

/* The Windows C library's names: IND is the NaN that the processor makes for a wrong operation. */
static const char *nan_name(bool negative, bool quiet, bool payload) {
    return !quiet ? "SNAN" : negative && !payload ? "IND" : "QNAN";
}

/* %g as that library writes it: 1.4013e-045, 1.#QNAN. NAN: the name if V is none. */
static const char *g_text(double v, const char *nan, char *buf) {
    const char *sign = signbit(v) ? "-" : "";
    if (isnan(v))
        snprintf(buf, NUMBER_BUF, "%s1.#%s", sign, nan);
    else if (isinf(v))
        snprintf(buf, NUMBER_BUF, "%s1.#INF", sign);
    else
        snprintf(buf, NUMBER_BUF, "%g", v);
    fix_number(buf, NUMBER_BUF, 3);
    return buf;
}

static uint64_t little(const uint8_t *p, unsigned size) {
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static const char *float_text(const uint8_t *p, char *buf) {
    uint32_t bits = (uint32_t)little(p, 4);
    float f;
    memcpy(&f, &bits, sizeof f);
    return g_text(f, nan_name(bits >> 31, bits & 0x400000, bits & 0x3fffff), buf);
}

static const char *double_text(const uint8_t *p, char *buf) {
    uint64_t bits = little(p, 8);
    double d;
    memcpy(&d, &bits, sizeof d);
    bool payload = bits & UINT64_C(0x7ffffffffffff);
    return g_text(d, nan_name(bits >> 63, bits & UINT64_C(0x8000000000000), payload), buf);
}

/* An x87 number of 10 bytes: 64 bits of mantissa, 15 of exponent (bias 16383), a sign. */
static const char *x87_text(const uint8_t *p, char *buf) {
    uint64_t m = little(p, 8);
    unsigned e = (unsigned)little(p + 8, 2), exponent = e & 0x7fff;
    char sign = e & 0x8000 ? '-' : ' ';
    if (exponent == 0x7fff) {
        const char *kind = m << 1 == 0 ? "INF" : nan_name(e & 0x8000, m >> 62 & 1, m << 2 != 0);
        int zeros = 20 - (int)strlen(kind);
        snprintf(buf, NUMBER_BUF, "%c1.#%s%0*de+0000", sign, kind, zeros, 0);
        return buf;
    }
    int scale = (int)(exponent ? exponent : 1) - 16383 - 63;
    snprintf(buf, NUMBER_BUF, "%c%.21Le", sign, ldexpl((long double)m, scale));
    fix_number(buf, NUMBER_BUF, 4);
    return buf;
}

/* ---- flags ---- */

static const char *x86_flags(uint32_t f, char *buf) {
    snprintf(buf, SC_FLAGS_BUF, "%s %s %s %s %s %s %s %s", f & 0x800 ? "ov" : "nv",
             f & 0x400 ? "dn" : "up", f & 0x200 ? "ei" : "di", f & 0x80 ? "ng" : "pl",
             f & 0x40 ? "zr" : "nz", f & 0x10 ? "ac" : "na", f & 4 ? "pe" : "po",
             f & 1 ? "cy" : "nc");
    return buf;
}

static const char *arm_flags(const struct sc_regs *r, char *buf) {
    static const char *const modes[32] = {
        [0x10] = "User", [0x11] = "FIQ", [0x12] = "IRQ", [0x13] = "Svc",
        [0x17] = "Abt",  [0x1b] = "Und", [0x1f] = "Sys"};
    uint32_t f = sc_regs_flags(r);
    char nzcv[5] = {f >> 31 ? 'N' : '-', f >> 30 & 1 ? 'Z' : '-', f >> 29 & 1 ? 'C' : '-',
                    f >> 28 & 1 ? 'V' : '-', 0};
    if (r->cpu == SC_CPU_ARM64)
        snprintf(buf, SC_FLAGS_BUF, "%s EL%u", nzcv, f >> 2 & 3);
    else
        snprintf(buf, SC_FLAGS_BUF, "%s%c %s %s", nzcv, f >> 27 & 1 ? 'Q' : '-',
                 f & 0x20 ? "Thumb" : "ARM", modes[f & 31] ? modes[f & 31] : "?");
    return buf;
}

const char *sc_flags_text(const struct sc_regs *r, char *buf) {
    if (r->cpu == SC_CPU_X86 || r->cpu == SC_CPU_X64)
        return x86_flags(sc_regs_flags(r), buf);
    return arm_flags(r, buf);
}

/* ---- blocks ---- */

/* Registers as `name=value`, names right-aligned to WIDTH, one blank between; then a newline. */
static void line(sc_out *out, const struct sc_regs *r, int width, const char *const *name) {
    int digits = (int)sc_cpu_ptr_size(r->cpu) * 2;
    for (size_t i = 0; name[i]; i++)
        sc_printf(out, "%s%*s=%0*llx", i ? " " : "", width, name[i], digits,
                  (ull)value(r, name[i]));
    sc_puts(out, "\n");
}

#define LINE(out, r, width, ...) line(out, r, width, (const char *const[]){__VA_ARGS__, NULL})

static void iopl(sc_out *out, const struct sc_regs *r) {
    char buf[SC_FLAGS_BUF];
    uint32_t f = sc_regs_flags(r);
    sc_printf(out, "iopl=%x %3s %3s %s\n", f >> 12 & 3, f & 0x100000 ? "vip" : "",
              f & 0x80000 ? "vif" : "", sc_flags_text(r, buf));
}

static void x64_integer(sc_out *out, const struct sc_regs *r) {
    LINE(out, r, 3, "rax", "rbx", "rcx");
    LINE(out, r, 3, "rdx", "rsi", "rdi");
    LINE(out, r, 3, "rip", "rsp", "rbp");
    LINE(out, r, 3, "r8", "r9", "r10");
    LINE(out, r, 3, "r11", "r12", "r13");
    LINE(out, r, 3, "r14", "r15");
    iopl(out, r);
}

static void x86_integer(sc_out *out, const struct sc_regs *r) {
    LINE(out, r, 3, "eax", "ebx", "ecx", "edx", "esi", "edi");
    sc_printf(out, "eip=%08llx esp=%08llx ebp=%08llx ", (ull)value(r, "eip"), (ull)value(r, "esp"),
              (ull)value(r, "ebp"));
    iopl(out, r);
}

static void segments(sc_out *out, const struct sc_regs *r) {
    static const char *const names[] = {"cs", "ss", "ds", "es", "fs", "gs"};
    for (size_t i = 0; i < 6; i++)
        sc_printf(out, "%s%s=%04llx", i ? "  " : "", names[i], (ull)value(r, names[i]));
    sc_printf(out, "             efl=%08x\n", sc_regs_flags(r));
}

static void arm64_integer(sc_out *out, const struct sc_regs *r) {
    char buf[SC_FLAGS_BUF];
    static const char *const last[] = {"x28", "fp", "lr", "sp"};
    for (unsigned i = 0; i < 28; i++) {
        char name[8];
        snprintf(name, sizeof name, "x%u", i);
        sc_printf(out, "%3s=%016llx", name, (ull)value(r, name));
        sc_puts(out, i % 4 == 3 ? "\n" : "  ");
    }
    for (unsigned i = 0; i < 4; i++)
        sc_printf(out, "%3s=%016llx%s", last[i], (ull)value(r, last[i]), i == 3 ? "" : "  ");
    sc_puts(out, "\n");
    sc_printf(out, " pc=%016llx  psr=%08x %s\n", (ull)sc_regs_ip(r), sc_regs_flags(r),
              sc_flags_text(r, buf));
}

static void arm_integer(sc_out *out, const struct sc_regs *r) {
    char buf[SC_FLAGS_BUF];
    LINE(out, r, 3, "r0", "r1", "r2", "r3", "r4", "r5");
    LINE(out, r, 3, "r6", "r7", "r8", "r9", "r10", "r11");
    sc_printf(out, "r12=%08llx  sp=%08llx  lr=%08llx  pc=%08llx psr=%08x %s\n",
              (ull)value(r, "r12"), (ull)value(r, "sp"), (ull)value(r, "lr"), (ull)value(r, "pc"),
              sc_regs_flags(r), sc_flags_text(r, buf));
}

static void letters(unsigned bits, const char *names, char *ret) {
    size_t n = strlen(names);
    for (size_t i = 0; i < n; i++)
        ret[i] = bits >> (n - 1 - i) & 1 ? names[i] : '-';
    ret[n] = 0;
}

static void x87(sc_out *out, const struct sc_regs *r) {
    static const char *const round[] = {"rn", "rd", "ru", "rz"};
    static const char *const precision[] = {"24", "??", "53", "64"};
    unsigned cw = (unsigned)value(r, "fpcw"), sw = (unsigned)value(r, "fpsw");
    char masks[8], flags[12];
    letters(cw & 0x3f, "puozdi", masks);
    letters(sw & 0xff, "espuozdi", flags);
    sc_printf(out, "fpcw=%04X: %s %s %s  fpsw=%04X: top=%u cc=%u%u%u%u %s  fptw=%04llX\n", cw,
              round[cw >> 10 & 3], precision[cw >> 8 & 3], masks, sw, sw >> 11 & 7, sw >> 14 & 1,
              sw >> 10 & 1, sw >> 9 & 1, sw >> 8 & 1, flags, (ull)value(r, "fptw"));
    sc_printf(out, "fopcode=%04llX  fpip=%04llx:%08llx  fpdp=%04llx:%08llx\n",
              (ull)value(r, "fopcode"), (ull)value(r, "fpipsel"), (ull)value(r, "fpip"),
              (ull)value(r, "fpdpsel"), (ull)value(r, "fpdp"));
    for (unsigned i = 0; i < 8; i++) {
        char name[4] = {'s', 't', (char)('0' + i), 0};
        sc_printf(out, "%s=", name);
        sc_reg_text(out, r, sc_reg_find(r->cpu, name));
        sc_puts(out, i % 2 ? "\n" : "  ");
    }
}

static void mmx(sc_out *out, const struct sc_regs *r) {
    for (unsigned i = 0; i < 8; i++) {
        char name[4] = {'m', 'm', (char)('0' + i), 0};
        sc_printf(out, "%s=%016llx", name, (ull)value(r, name));
        sc_puts(out, i % 2 ? "\n" : "  ");
    }
}

/* One line a row of CLS whose name starts with PREFIX. */
static void rows(sc_out *out, const struct sc_regs *r, enum sc_reg_class cls, const char *prefix) {
    size_t n = 0;
    const struct sc_reg *t = sc_reg_table(r->cpu, &n);
    for (size_t i = 0; i < n; i++) {
        if (t[i].cls != cls || strncmp(t[i].name, prefix, strlen(prefix)) != 0)
            continue;
        sc_printf(out, "%s=", t[i].name);
        sc_reg_text(out, r, &t[i]);
        sc_puts(out, "\n");
    }
}

static void debug(sc_out *out, const struct sc_regs *r) {
    if (r->cpu == SC_CPU_ARM || r->cpu == SC_CPU_ARM64) {
        rows(out, r, SC_REG_DEBUG, "");
        return;
    }
    LINE(out, r, 3, "dr0", "dr1", "dr2");
    LINE(out, r, 3, "dr3", "dr6", "dr7");
}

static void arm_text(sc_out *out, const struct sc_regs *r, unsigned mask) {
    if (mask & SC_RM_INTEGER) {
        if (r->cpu == SC_CPU_ARM64)
            arm64_integer(out, r);
        else
            arm_integer(out, r);
    }
    if (mask & SC_RM_FLOAT)
        rows(out, r, SC_REG_FLOAT, "");
    if (mask & SC_RM_DEBUG)
        debug(out, r);
    if (mask & (SC_RM_FLOAT | SC_RM_XMM))
        rows(out, r, SC_REG_VECTOR, "");
}

void sc_regs_text(sc_out *out, const struct sc_regs *r, unsigned mask) {
    if (r->cpu == SC_CPU_ARM || r->cpu == SC_CPU_ARM64) {
        arm_text(out, r, mask);
        return;
    }
    if (mask & SC_RM_INTEGER) {
        if (r->cpu == SC_CPU_X64)
            x64_integer(out, r);
        else
            x86_integer(out, r);
    }
    if (mask & SC_RM_SEGMENT)
        segments(out, r);
    if (mask & SC_RM_FLOAT)
        x87(out, r);
    if (mask & SC_RM_MMX)
        mmx(out, r);
    if (mask & SC_RM_DEBUG)
        debug(out, r);
    if (mask & SC_RM_XMM)
        rows(out, r, SC_REG_VECTOR, "xmm");
}

/* ---- one register ---- */

void sc_reg_text(sc_out *out, const struct sc_regs *r, const struct sc_reg *reg) {
    uint8_t b[16];
    char buf[NUMBER_BUF];
    if (reg->size <= 8) {
        unsigned bits = reg->bits ? reg->bits : 8u * reg->size;
        sc_printf(out, "%0*llx", (int)(bits + 3) / 4, (ull)sc_reg_value(r, reg));
        return;
    }
    sc_reg_bytes(r, reg, b);
    if (reg->size == 10)
        sc_printf(out, "%s", x87_text(b, buf));
    else
        sc_reg_text_as(out, r, reg, "f");
}

/* Formats of `r xmm0:2ud`, Microsoft's list. How integers look is not documented: see below. */
static const struct format {
    char name[3];
    uint8_t size;
    bool is_signed, is_float;
} formats[] = {{"ib", 1, true, false},  {"ub", 1, false, false}, {"iw", 2, true, false},
               {"uw", 2, false, false}, {"id", 4, true, false},  {"ud", 4, false, false},
               {"iq", 8, true, false},  {"uq", 8, false, false}, {"f", 4, false, true},
               {"d", 8, false, true}};

static void element(sc_out *out, const struct format *f, const uint8_t *p) {
    char buf[NUMBER_BUF];
    uint64_t v = little(p, f->size);
    if (f->is_float)
        sc_printf(out, "%s", f->size == 4 ? float_text(p, buf) : double_text(p, buf));
    else if (f->is_signed)
        sc_printf(out, "%lld",
                  (long long)((int64_t)(v << (64 - 8 * f->size)) >> (64 - 8 * f->size)));
    else
        sc_printf(out, "%0*llx", 2 * f->size, (ull)v);
}

bool sc_reg_text_as(sc_out *out, const struct sc_regs *r, const struct sc_reg *reg,
                    const char *type) {
    char *name;
    uint8_t b[16];
    unsigned long want = strtoul(type, &name, 10);
    const struct format *f = NULL;
    for (size_t i = 0; i < sizeof formats / sizeof *formats && !f; i++)
        if (!sc_strcasecmp(formats[i].name, name))
            f = &formats[i];
    if (!f || (reg->size != 8 && reg->size != 16))
        return false;
    unsigned count = reg->size / f->size;
    if (name != type && want < count)
        count = (unsigned)want;
    sc_reg_bytes(r, reg, b);
    for (unsigned i = count; i-- > 0;) { /* the highest element stands first */
        element(out, f, b + i * f->size);
        sc_puts(out, i ? " " : "");
    }
    return true;
}
