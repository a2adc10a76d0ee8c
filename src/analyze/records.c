/* SPDX-License-Identifier: MIT */
/*
 * What the parameters of a bug check point to. All layouts are those of public headers:
 *
 *   EXCEPTION_RECORD64  0x98 bytes, EXCEPTION_RECORD32 0x50 (read by the dump layer)
 *   CONTEXT             sc_regs_init(); ContextFlags must name the CPU
 *   UNICODE_STRING      +0 Length, +2 MaximumLength, +8 (x86: +4) Buffer
 *   KTRAP_FRAME x64     0x190: +30 Rax Rcx Rdx R8 R9 R10 R11, +140 Rbx, +148 Rdi, +150 Rsi,
 *                       +158 Rbp, +168 Rip, +170 SegCs, +178 EFlags, +180 Rsp, +188 SegSs
 *   KTRAP_FRAME x86     0x8c: +30 Gs, Es, Ds, +3c Edx Ecx Eax, +50 Fs, +54 Edi Esi Ebx Ebp,
 *                       +68 Eip, SegCs, EFlags, +74 HardwareEsp, +78 HardwareSegSs
 *
 * The trap frames are those of the kernels' public symbols, the same from Vista on (x64) and from
 * XP on (x86). An x86 frame of a fault in kernel mode has no HardwareEsp: the stack pointer was
 * where that field would be. Rbx, Rdi and Rsi of an x64 frame are only filled by some of the trap
 * handlers and are not taken.
 *
 * The trap frame of ARM64 is not publicly documented and not read.
 */
#include "analyze/records.h"

#include <string.h>

#include "base/utf.h"
#include "dump/dump.h"

enum {
    TRAP_X64 = 0x190,
    TRAP_X86 = 0x8c,
    STRING_MAX_BYTES = 256,
    UNICODE_MAX_BYTES = 520, /* MAX_PATH units */
};

static bool read_all(struct sc_case *c, uint64_t va, void *buf, size_t len) {
    return sc_space_read(sc_target_space(c->target), va, buf, len, NULL) == SC_READ_OK;
}

bool sc_load_exception(struct sc_case *c, uint64_t va, struct sc_exception *ret) {
    uint8_t bytes[0x98];
    size_t size = c->is32 ? 0x50 : 0x98;
    if (!va || !read_all(c, va, bytes, size))
        return false;
    struct sc_cur cur = sc_cur_mem(bytes, size, "exception record");
    uint32_t nparams = 0;
    memcpy(&nparams, bytes + (c->is32 ? 0x10 : 0x18), sizeof nparams);
    struct sc_exception e;
    sc_read_exception(&cur, !c->is32, &e);
    if (sc_cur_failed(&cur) || !e.code || nparams > 15)
        return false;
    *ret = e;
    return true;
}

/* The bits of ContextFlags that name a CPU. */
static uint32_t cpu_bit(enum sc_cpu cpu) {
    switch (cpu) {
    case SC_CPU_X86: return 0x10000;
    case SC_CPU_X64: return 0x100000;
    case SC_CPU_ARM: return 0x200000;
    case SC_CPU_ARM64: return 0x400000;
    default: return 0;
    }
}

bool sc_load_context(struct sc_case *c, uint64_t va, struct sc_regs *ret) {
    uint8_t bytes[SC_CONTEXT_MAX];
    size_t size = sc_context_size(c->machine->cpu), got = 0;
    if (!va || !size || size > sizeof bytes)
        return false;
    sc_space_read(sc_target_space(c->target), va, bytes, size, &got);
    struct sc_regs regs;
    sc_err *err = got ? sc_regs_init(&regs, c->machine->cpu, bytes, got) : NULL;
    if (!got || err) {
        sc_err_destroy(err);
        return false;
    }
    uint32_t bit = cpu_bit(regs.cpu);
    if (!bit || (sc_regs_context_flags(&regs) & 0xffff0000 & ~0xf8000000u) != bit)
        return false;
    *ret = regs;
    return true;
}

struct field {
    const char *name;
    uint16_t offset;
};

static const struct field trap_x64[] = {
    {"rax", 0x30},  {"rcx", 0x38},  {"rdx", 0x40},  {"r8", 0x48},   {"r9", 0x50},
    {"r10", 0x58},  {"r11", 0x60},  {"rbp", 0x158}, {"rip", 0x168}, {"cs", 0x170},
    {"efl", 0x178}, {"rsp", 0x180}, {"ss", 0x188},
};
static const struct field trap_x86[] = {
    {"gs", 0x30},  {"es", 0x34},  {"ds", 0x38},  {"edx", 0x3c}, {"ecx", 0x40},
    {"eax", 0x44}, {"fs", 0x50},  {"edi", 0x54}, {"esi", 0x58}, {"ebx", 0x5c},
    {"ebp", 0x60}, {"eip", 0x68}, {"cs", 0x6c},  {"efl", 0x70},
};

/* A CONTEXT that has the parts a trap frame fills: x64 control and integer, x86 also segments. */
static bool empty_context(enum sc_cpu cpu, struct sc_regs *ret) {
    uint8_t bytes[SC_CONTEXT_MAX] = {0};
    uint32_t flags = cpu == SC_CPU_X64 ? 0x100003 : 0x10007;
    memcpy(bytes + (cpu == SC_CPU_X64 ? 0x30 : 0), &flags, sizeof flags);
    sc_err *err = sc_regs_init(ret, cpu, bytes, sc_context_size(cpu));
    sc_err_destroy(err);
    return !err;
}

static void take_fields(struct sc_regs *regs, const uint8_t *frame, unsigned width,
                        const struct field *field, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct sc_reg *reg = sc_reg_find(regs->cpu, field[i].name);
        uint64_t value = 0;
        memcpy(&value, frame + field[i].offset, width);
        if (reg)
            sc_reg_set(regs, reg, reg->size >= 8 ? value : value & 0xffffffff);
    }
}

static void take_x86_stack(struct sc_regs *regs, const uint8_t *frame, uint64_t va) {
    uint32_t cs, efl, esp, ss;
    memcpy(&cs, frame + 0x6c, 4);
    memcpy(&efl, frame + 0x70, 4);
    memcpy(&esp, frame + 0x74, 4);
    memcpy(&ss, frame + 0x78, 4);
    bool from_user = (cs & 1) || (efl & 0x20000);
    sc_reg_set(regs, sc_reg_find(SC_CPU_X86, "esp"), from_user ? esp : (va + 0x74) & 0xffffffff);
    sc_reg_set(regs, sc_reg_find(SC_CPU_X86, "ss"), from_user ? ss & 0xffff : 0x10);
}

/*
 * Code runs from a selector that is not null, and some bits of the flags never change (bit 1 is
 * set; 3, 5 and 15 are clear): zeros and other data are no frame.
 */
static bool is_plausible(const struct sc_regs *regs) {
    uint64_t cs = 0, efl = 0;
    return sc_regs_get(regs, "cs", &cs) && (cs & 0xfff8) && sc_regs_get(regs, "efl", &efl) &&
           (efl & 0x802a) == 2 && sc_regs_ip(regs);
}

bool sc_load_trap_frame(struct sc_case *c, uint64_t va, struct sc_regs *ret) {
    uint8_t frame[TRAP_X64];
    enum sc_cpu cpu = c->machine->cpu;
    bool x64 = cpu == SC_CPU_X64;
    struct sc_regs regs;
    if (!va || (!x64 && cpu != SC_CPU_X86))
        return false;
    if (!read_all(c, va, frame, x64 ? TRAP_X64 : TRAP_X86) || !empty_context(cpu, &regs))
        return false;
    if (x64)
        take_fields(&regs, frame, 8, trap_x64, sizeof trap_x64 / sizeof *trap_x64);
    else
        take_fields(&regs, frame, 4, trap_x86, sizeof trap_x86 / sizeof *trap_x86);
    if (!x64)
        take_x86_stack(&regs, frame, va);
    if (!is_plausible(&regs))
        return false;
    *ret = regs;
    return true;
}

/* A NUL-terminated 8-bit text of printable characters. */
static const char *load_string(struct sc_case *c, uint64_t va) {
    char text[STRING_MAX_BYTES];
    size_t got = 0, len = 0;
    sc_space_read(sc_target_space(c->target), va, text, sizeof text, &got);
    while (len < got && text[len] >= 0x20 && text[len] < 0x7f)
        len++;
    if (len < 2 || len == got || text[len])
        return NULL;
    return sc_case_text(c, "%.*s", (int)len, text);
}

/* How many units at TEXT are printable text, up to a NUL unit; 0 when something else comes. */
static size_t utf16_length(const uint8_t *text, size_t nbytes, bool need_nul) {
    size_t i;
    for (i = 0; i + 2 <= nbytes; i += 2) {
        unsigned unit = text[i] | (unsigned)text[i + 1] << 8;
        if (!unit)
            return i;
        if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0) || unit >= 0xd800)
            return 0;
    }
    return need_nul ? 0 : i;
}

static const char *utf16_text(struct sc_case *c, uint64_t va, size_t nbytes, bool need_nul) {
    uint8_t text[UNICODE_MAX_BYTES];
    size_t got = 0;
    if (nbytes > sizeof text)
        nbytes = sizeof text;
    sc_space_read(sc_target_space(c->target), va, text, nbytes, &got);
    if (!need_nul && got < nbytes)
        return NULL;
    size_t len = utf16_length(text, got, need_nul);
    if (!len)
        return NULL;
    const char *utf8 = sc_utf16_to_utf8(c->arena, text, len);
    if (!utf8)
        c->nomem = true;
    return utf8;
}

static const char *load_unicode_string(struct sc_case *c, uint64_t va) {
    uint8_t head[16];
    size_t size = c->is32 ? 8 : 16;
    if (!read_all(c, va, head, size))
        return NULL;
    struct sc_cur cur = sc_cur_mem(head, size, "UNICODE_STRING");
    uint16_t length = sc_u16(&cur), room = sc_u16(&cur);
    sc_cur_skip(&cur, c->is32 ? 0 : 4);
    uint64_t buffer = sc_uptr(&cur, c->ptr_size);
    if (!length || (length & 1) || length > room || !buffer)
        return NULL;
    return utf16_text(c, buffer, length, false);
}

/*
 * What the documents call "a string" is any of the three. 8-bit text comes before UTF-16: read as
 * UTF-16 it would be a row of Chinese characters, while UTF-16 of Latin letters has a NUL for its
 * second byte.
 */
const char *sc_load_text(struct sc_case *c, uint64_t va) {
    if (!va)
        return NULL;
    const char *text = load_unicode_string(c, va);
    if (!text)
        text = load_string(c, va);
    return text ? text : utf16_text(c, va, UNICODE_MAX_BYTES, true);
}
