/* SPDX-License-Identifier: MIT */
/*
 * Calls, as they stand before a return address:
 *
 *     x86, x64   E8 and 4 bytes; FF /2 with its ModRM, SIB and displacement (2 to 7 bytes; x64 also
 *                behind a REX prefix); x86: 9A and 6 bytes
 *     ARM64      BL (100101…), BLR (d63f0…), BLRAA and its kin (d63f08…, d73f08…)
 *     ARM        bit 0 of the address set: Thumb: BL, BLX (11110… 11x…), BLX r (01000111 1…);
 *                else BL (…1011…), BLX (1111101…), BLX r (…00010010 1111 1111 1111 0011…)
 *
 * Bytes that end in a call by chance make a value likelier than it is; a return address that was
 * pushed by other means is taken for less. So this ranks; it proves nothing.
 */
#include "unwind/return_address.h"

enum { LEAST = 0x10000, BEFORE = 8, CALL_MAX = 7, EXECUTE = 0x20000000 };

/* The length of FF /2 with this ModRM (and SIB) byte; 0 when it is another instruction. */
static size_t indirect_length(uint8_t modrm, uint8_t sib) {
    const unsigned mod = modrm >> 6, rm = modrm & 7;
    size_t len = 2;
    if ((modrm >> 3 & 7) != 2)
        return 0;
    if (mod == 3)
        return len;
    if (rm == 4)
        len++;
    if (mod == 1)
        return len + 1;
    if (mod == 2)
        return len + 4;
    if (rm == 5 || (rm == 4 && (sib & 7) == 5))
        return len + 4;
    return len;
}

bool sc_x86_ends_in_call(const uint8_t *code, size_t size, bool long_mode) {
    if (size >= 5 && code[size - 5] == 0xe8)
        return true;
    if (!long_mode && size >= 7 && code[size - 7] == 0x9a)
        return true;
    for (size_t len = 2; len <= CALL_MAX && len <= size; len++) {
        const uint8_t *p = code + size - len;
        if (p[0] == 0xff && indirect_length(p[1], len > 2 ? p[2] : 0) == len)
            return true;
    }
    return false;
}

static bool arm64_call(const uint8_t *p) {
    const uint32_t word = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return word >> 26 == 0x25 ||                /* bl */
           (word & 0xfffffc1f) == 0xd63f0000 || /* blr */
           (word & 0xfefff800) == 0xd63f0800;   /* blraa, blrab, blraaz, blrabz */
}

/* The SIZE bytes before an address of ARM. */
static bool arm_call(const uint8_t *code, size_t size, bool thumb) {
    const uint8_t *p = code + size - 4;
    const uint32_t low = p[0] | (uint32_t)p[1] << 8, high = p[2] | (uint32_t)p[3] << 8;
    const uint32_t word = low | high << 16;
    if (thumb)
        return ((low & 0xf800) == 0xf000 && (high & 0xc000) == 0xc000) || (high & 0xff87) == 0x4780;
    return ((word & 0x0f000000) == 0x0b000000 && word >> 28 != 15) ||
           (word & 0xfe000000) == 0xfa000000 || (word & 0x0ffffff0) == 0x012fff30;
}

/* The bytes before ADDR: 1 they end in a call, 0 they do not, -1 they are not there. */
static int behind_call(struct sc_unwinder *u, uint64_t addr) {
    uint8_t code[BEFORE];
    const bool arm = u->cpu == SC_CPU_ARM, arms = arm || u->cpu == SC_CPU_ARM64;
    const size_t least = arms ? 4 : 2;
    const uint64_t end = arm ? addr & ~UINT64_C(1) : addr;
    for (size_t n = BEFORE; n >= least; n--) {
        if (sc_space_read(u->space, end - n, code, n, NULL) != SC_READ_OK)
            continue;
        if (arms)
            return arm ? arm_call(code, n, addr & 1) : arm64_call(code + n - 4);
        if (sc_x86_ends_in_call(code, n, u->cpu == SC_CPU_X64))
            return 1;
        return n == BEFORE ? 0 : -1;
    }
    return -1;
}

/* *RET false: the image says that this is no code. Pages of its headers that are absent say
 * nothing.
 */
static sc_err *may_execute(const struct sc_unwind_module *m, uint64_t addr, bool *ret) {
    const struct sc_pe_section *sections;
    size_t count = 0;
    *ret = true;
    sc_err *err = m->pe ? sc_pe_sections(m->pe, &sections, &count) : NULL;
    if (err && (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED))
        return err;
    sc_err_destroy(err);
    if (err || !count)
        return NULL;
    const struct sc_pe_section *s = sc_pe_section_at(m->pe, (uint32_t)(addr - m->base));
    *ret = s && s->characteristics & EXECUTE;
    return NULL;
}

sc_err *sc_return_like(struct sc_unwinder *u, uint64_t addr, enum sc_return_like *ret) {
    struct sc_unwind_module *m = NULL;
    *ret = SC_RETURN_NO;
    if (addr < LEAST || (u->cpu == SC_CPU_ARM64 && addr & 3) ||
        (u->cpu == SC_CPU_ARM && (addr & 3) == 2))
        return NULL;
    bool code = true;
    sc_err *err = sc_unwind_module_at(u, addr, &m);
    if (!err && m)
        err = may_execute(m, addr, &code);
    if (err || !code)
        return err;
    const int call = behind_call(u, addr);
    if (!m)
        *ret = call > 0 ? SC_RETURN_OUTSIDE : call < 0 ? SC_RETURN_UNREAD : SC_RETURN_NO;
    else
        *ret = call > 0 ? SC_RETURN_CALL : call < 0 ? SC_RETURN_MAYBE : SC_RETURN_CODE;
    return NULL;
}
