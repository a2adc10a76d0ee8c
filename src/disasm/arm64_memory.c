/* SPDX-License-Identifier: MIT */
/*
 * Memory operands of ARM64's loads and stores, read off the instruction word. The classes and
 * their fields are those of the Arm Architecture Reference Manual, C4.1, "Loads and Stores":
 *
 *     bits 29:27, 25   what kind            size 31:30   V 26   opc 23:22   Rn 9:5   Rt 4:0
 *     xx011x00 literal            imm19 23:5
 *     xx101x0p pair               imm7 21:15, scaled; p and bit 23: post-index, offset, pre-index
 *     xx111x01 unsigned offset    imm12 21:10, scaled
 *     xx111x00 0…                 imm9 20:12; bits 11:10 unscaled, post, unprivileged, pre
 *     xx111x00 1… 10              register offset: Rm 20:16, option 15:13, S 12
 *     xx111x00 1… 00              atomics; 1… x1: ldraa, ldrab
 *     xx001x0x                    exclusive, ordered, compare and swap
 *     xx011001 0…                 ldapur, stlur: imm9 20:12
 *     0x00110x                    vector structures
 */
#include "disasm/arm64_impl.h"

const char *sc_arm64_register(unsigned number, bool wide) {
    static const char *const x[] = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",
                                    "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
                                    "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
                                    "x24", "x25", "x26", "x27", "x28", "fp",  "lr"};
    static const char *const w[] = {"w0",  "w1",  "w2",  "w3",  "w4",  "w5",  "w6",  "w7",
                                    "w8",  "w9",  "w10", "w11", "w12", "w13", "w14", "w15",
                                    "w16", "w17", "w18", "w19", "w20", "w21", "w22", "w23",
                                    "w24", "w25", "w26", "w27", "w28", "w29", "w30"};
    return number > 30 ? NULL : wide ? x[number] : w[number];
}

static struct sc_insn_mem *add(struct sc_insn *insn, uint32_t w, unsigned size, bool load) {
    struct sc_insn_mem *m = &insn->mem[insn->nmems++];
    unsigned base = sc_bits(w, 5, 5);
    m->base = base == 31 ? "sp" : sc_arm64_register(base, true);
    m->address_size = 8;
    m->size = (uint16_t)size;
    m->read = load;
    m->write = !load;
    return m;
}

/* Bytes of one register: 16 for the vectors whose opc has its upper bit set. */
static unsigned register_bytes(uint32_t w) {
    bool vector = sc_bits(w, 26, 1);
    return vector && sc_bits(w, 23, 1) ? 16 : 1u << sc_bits(w, 30, 2);
}

static bool is_prefetch(uint32_t w) {
    return !sc_bits(w, 26, 1) && sc_bits(w, 30, 2) == 3 && sc_bits(w, 22, 2) == 2;
}

/* One register, V and opc in their places: stores have opc 0, and vectors 2. */
static struct sc_insn_mem *add_single(struct sc_insn *insn, uint32_t w) {
    bool vector = sc_bits(w, 26, 1), load = sc_bits(w, 22, 2) & (vector ? 1 : 3);
    struct sc_insn_mem *m = add(insn, w, register_bytes(w), load);
    if (is_prefetch(w)) {
        m->size = 0;
        m->read = m->write = false;
    }
    return m;
}

static void literal(uint32_t w, struct sc_insn *insn) {
    static const uint8_t sizes[2][4] = {{4, 8, 4, 0}, {4, 8, 16, 0}};
    struct sc_insn_mem *m = add(insn, w, sizes[sc_bits(w, 26, 1)][sc_bits(w, 30, 2)], true);
    m->base = NULL;
    m->constant = true;
    m->address = insn->address + (uint64_t)(sc_signed_bits(w, 5, 19) * 4);
    if (!m->size)
        m->read = false; /* prfm */
}

static void pair(uint32_t w, struct sc_insn *insn) {
    bool vector = sc_bits(w, 26, 1), load = sc_bits(w, 22, 1);
    unsigned opc = sc_bits(w, 30, 2), bytes = vector ? 4u << opc : opc == 2 ? 8 : 4;
    bool tags = !vector && opc == 1 && !load; /* stgp: 8 bytes, 16 apart */
    unsigned scale = tags ? 16 : bytes;
    struct sc_insn_mem *m = add(insn, w, tags ? 16 : 2 * bytes, load);
    m->disp = sc_signed_bits(w, 15, 7) * (int64_t)scale;
    m->post = sc_bits(w, 23, 2) == 1;
}

static void register_offset(uint32_t w, struct sc_insn *insn) {
    struct sc_insn_mem *m = add_single(insn, w);
    unsigned option = sc_bits(w, 13, 3);
    m->index = sc_arm64_register(sc_bits(w, 16, 5), true);
    m->extend = (int8_t)(option == 2 ? 1 : option == 6 ? -1 : 0);
    m->scale = m->index ? (uint8_t)(sc_bits(w, 12, 1) ? register_bytes(w) : 1) : 0;
}

/* Bits 31:30 x 111 V 00, with bit 21 set: register offset, atomics, authenticating loads. */
static void wide_single(uint32_t w, struct sc_insn *insn) {
    switch (sc_bits(w, 10, 2)) {
    case 2: register_offset(w, insn); return;
    case 0: add(insn, w, 1u << sc_bits(w, 30, 2), true)->write = true; return;
    default: {
        struct sc_insn_mem *m = add(insn, w, 8, true);
        m->disp = (sc_signed_bits(w, 22, 1) * 512 + (int64_t)sc_bits(w, 12, 9)) * 8;
    }
    }
}

static void narrow_single(uint32_t w, struct sc_insn *insn) {
    struct sc_insn_mem *m = add_single(insn, w);
    m->disp = sc_signed_bits(w, 12, 9);
    m->post = sc_bits(w, 10, 2) == 1;
}

/* Exclusive and ordered accesses, compare and swap: [Rn] alone. */
static void exclusive(uint32_t w, struct sc_insn *insn) {
    bool ordered = sc_bits(w, 23, 1), two = sc_bits(w, 21, 1), load = sc_bits(w, 22, 1);
    unsigned bytes = 1u << sc_bits(w, 30, 2);
    bool swap_pair = !ordered && two && bytes < 4; /* casp */
    if (swap_pair)
        bytes = sc_bits(w, 30, 1) ? 16 : 8;
    else if (!ordered && two)
        bytes *= 2;
    struct sc_insn_mem *m = add(insn, w, bytes, load);
    if (swap_pair || (ordered && two)) /* cas */
        m->read = m->write = true;
}

void sc_arm64_memory(uint32_t w, struct sc_insn *insn) {
    if ((w & 0x0a000000) != 0x08000000)
        return;
    if ((w & 0x3b000000) == 0x18000000)
        literal(w, insn);
    else if ((w & 0x3a000000) == 0x28000000)
        pair(w, insn);
    else if ((w & 0x3b000000) == 0x39000000)
        add_single(insn, w)->disp = (int64_t)sc_bits(w, 10, 12) * register_bytes(w);
    else if ((w & 0x3b200000) == 0x38200000)
        wide_single(w, insn);
    else if ((w & 0x3b000000) == 0x38000000)
        narrow_single(w, insn);
    else if ((w & 0x3f000000) == 0x08000000)
        exclusive(w, insn);
    else if ((w & 0x3f200c00) == 0x19000000)
        narrow_single(w, insn);
    else if ((w & 0xbe000000) == 0x0c000000)
        add(insn, w, 0, sc_bits(w, 22, 1));
}
