/* SPDX-License-Identifier: MIT */
/*
 * A small ARM64 machine for tests of the unwinder: it runs what prologs and epilogs are made of
 * (saves, loads, moves of sp and fp, signed return addresses), and takes every other instruction
 * for one that changes nothing.
 *
 * Encodings from the Arm Architecture Reference Manual (A64 base instructions).
 */
#ifndef STOPCODE_TESTS_UNIT_ARM64_MACHINE_H
#define STOPCODE_TESTS_UNIT_ARM64_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define A64_SIGNATURE (UINT64_C(0x54) << 48) /* what pacibsp puts into lr, by xor */

struct a64 {
    uint64_t x[32]; /* 31 is sp */
    uint8_t q[32][16];
    uint64_t base, size; /* of `memory`: the stack */
    uint8_t *memory;
    bool fault; /* an access outside of it */
};

static inline void a64_access(struct a64 *m, uint64_t addr, void *reg, unsigned size,
                              bool is_load) {
    if (addr < m->base || addr - m->base > m->size - size) {
        m->fault = true;
        return;
    }
    uint8_t *p = m->memory + (addr - m->base);
    memcpy(is_load ? reg : p, is_load ? p : reg, size);
}

static inline int64_t a64_signed(uint32_t v, unsigned bits) {
    return (int64_t)(v & ((1u << bits) - 1)) - (v >> (bits - 1) & 1 ? INT64_C(1) << bits : 0);
}

/* A load or store of COUNT registers at BASE + OFFSET; MODE 0 offset, 1 post-, 3 pre-indexed. */
static inline void a64_move(struct a64 *m, uint32_t w, unsigned count, bool vector, unsigned size,
                            int64_t offset, unsigned mode, bool is_load) {
    unsigned base = w >> 5 & 31, reg[2] = {w & 31, w >> 10 & 31};
    uint64_t at = m->x[base] + (uint64_t)(mode == 1 ? 0 : offset),
             end = m->x[base] + (uint64_t)offset;
    for (unsigned i = 0; i < count; i++, at += size) {
        uint64_t zero = 0;
        void *r = vector ? (void *)m->q[reg[i]] : reg[i] == 31 ? &zero : &m->x[reg[i]];
        if (vector && is_load)
            memset(r, 0, 16);
        a64_access(m, at, r, size, is_load);
    }
    if (mode)
        m->x[base] = end;
}

static inline bool a64_pair(struct a64 *m, uint32_t w) {
    bool vector = w >> 26 & 1;
    unsigned opc = w >> 30, mode = w >> 23 & 3;
    if ((w & 0x3a000000) != 0x28000000 || mode == 0 || (vector ? opc == 3 || !opc : opc != 2))
        return false;
    unsigned size = vector && opc == 2 ? 16 : 8;
    a64_move(m, w, 2, vector, size, a64_signed(w >> 15 & 127, 7) * size, mode == 2 ? 0 : mode,
             w >> 22 & 1);
    return true;
}

static inline bool a64_single(struct a64 *m, uint32_t w) {
    bool vector = w >> 26 & 1, quad = vector && w >> 30 == 0 && w >> 23 & 1;
    if ((w & 0x3a000000) != 0x38000000 || (w >> 30 != 3 && !quad) || (!quad && w >> 23 & 1))
        return false;
    unsigned size = quad ? 16 : 8;
    bool is_load = w >> 22 & 1;
    if (w >> 24 & 1)
        a64_move(m, w, 1, vector, size, (int64_t)(w >> 10 & 0xfff) * size, 0, is_load);
    else if (w >> 21 & 1 || (w >> 10 & 3) == 2)
        return false;
    else
        a64_move(m, w, 1, vector, size, a64_signed(w >> 12 & 511, 9), w >> 10 & 3, is_load);
    return true;
}

static inline bool a64_compute(struct a64 *m, uint32_t w) {
    unsigned d = w & 31, n = w >> 5 & 31;
    uint64_t imm = (uint64_t)(w >> 10 & 0xfff) << (w >> 22 & 1 ? 12 : 0);
    if ((w & 0xbf800000) == 0x91000000) { /* add, sub: immediate */
        m->x[d] = m->x[n] + (w >> 30 & 1 ? 0 - imm : imm);
    } else if ((w & 0xbfe00000) == 0x8b200000) { /* extended register */
        uint64_t v = (w >> 16 & 31) == 31 ? 0 : m->x[w >> 16 & 31] << (w >> 10 & 7);
        m->x[d] = m->x[n] + (w >> 30 & 1 ? 0 - v : v);
    } else if ((w & 0xffe0ffe0) == 0xaa0003e0 && d != 31) { /* mov */
        m->x[d] = (w >> 16 & 31) == 31 ? 0 : m->x[w >> 16 & 31];
    } else if ((w & 0xff800000) == 0xd2800000 && d != 31) { /* movz */
        m->x[d] = (uint64_t)(w >> 5 & 0xffff) << (w >> 21 & 3) * 16;
    } else if ((w & 0xff800000) == 0xf2800000 && d != 31) { /* movk */
        unsigned shift = (w >> 21 & 3) * 16;
        m->x[d] = (m->x[d] & ~(UINT64_C(0xffff) << shift)) | (uint64_t)(w >> 5 & 0xffff) << shift;
    } else if (w == 0xd503237f || w == 0xd50323ff) { /* pacibsp, autibsp */
        m->x[30] ^= A64_SIGNATURE;
    } else {
        return false;
    }
    return true;
}

/* Runs an instruction that is no jump; false: one that it does not know. */
static inline bool a64_run(struct a64 *m, uint32_t w) {
    return a64_pair(m, w) || a64_single(m, w) || a64_compute(m, w);
}

static inline bool a64_is_ret(uint32_t w) { return w == 0xd65f03c0 || w == 0xd65f0fff; }
static inline bool a64_is_bl(uint32_t w) { return w >> 26 == 0x25; }
static inline int64_t a64_branch_offset(uint32_t w) { return a64_signed(w & 0x3ffffff, 26) * 4; }

/* ---- encoding ---- */

enum a64_mode { A64_UNSCALED = 0, A64_OFFSET = 2, A64_POST = 1, A64_PRE = 3 };
enum a64_kind { A64_X, A64_D, A64_Q };

/* stp, ldp of REG and REG2. */
static inline uint32_t a64_ldp(enum a64_kind kind, bool is_load, unsigned reg, unsigned reg2,
                               unsigned base, int offset, enum a64_mode mode) {
    static const uint32_t ops[] = {0xa8000000, 0x6c000000, 0xac000000};
    int unit = kind == A64_Q ? 16 : 8;
    return ops[kind] | (uint32_t)mode << 23 | (uint32_t)is_load << 22 |
           ((uint32_t)(offset / unit) & 127) << 15 | reg2 << 10 | base << 5 | reg;
}

/* str, ldr. */
static inline uint32_t a64_ldr(enum a64_kind kind, bool is_load, unsigned reg, unsigned base,
                               int offset, enum a64_mode mode) {
    static const uint32_t ops[] = {0xf8000000, 0xfc000000, 0x3c800000};
    int unit = kind == A64_Q ? 16 : 8;
    uint32_t op = ops[kind] | (uint32_t)is_load << 22 | base << 5 | reg;
    if (mode == A64_OFFSET)
        return op | 1u << 24 | (uint32_t)(offset / unit) << 10;
    return op | (uint32_t)mode << 10 | ((uint32_t)offset & 511) << 12;
}

/* add D, N, #imm or (negative) sub; imm below 4096, or a multiple of 4096. */
static inline uint32_t a64_add(unsigned d, unsigned n, int32_t imm) {
    uint32_t op = imm < 0 ? 0xd1000000 : 0x91000000, v = (uint32_t)(imm < 0 ? -imm : imm);
    return op | (v < 4096 ? v << 10 : 1u << 22 | (v / 4096) << 10) | n << 5 | d;
}

#endif
