/* SPDX-License-Identifier: MIT */
/*
 * What the parameters of a bug check point to. All layouts are those of public headers:
 *
 *   EXCEPTION_RECORD64  0x98 bytes, EXCEPTION_RECORD32 0x50 (read by the dump layer)
 *   CONTEXT             sc_regs_init(); ContextFlags must name the CPU
 *   UNICODE_STRING      +0 Length, +2 MaximumLength, +8 (x86: +4) Buffer
 *
 * Trap frames are read by nt/trapframe.c.
 */
#include "analyze/records.h"

#include <string.h>

#include "base/utf.h"
#include "dump/dump.h"
#include "nt/trapframe.h"

enum {
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

bool sc_load_trap_frame(struct sc_case *c, uint64_t va, struct sc_regs *ret) {
    struct nt_trap_frame frame;
    sc_err *err = va ? nt_trap_frame_read(c->target, va, &frame) : NULL;
    if (!va || err) {
        sc_err_destroy(err);
        return false;
    }
    *ret = frame.regs;
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
