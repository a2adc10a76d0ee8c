/* SPDX-License-Identifier: MIT */
/*
 * Code before an address, for ub. Instructions of x86 and x64 can only be found going forward, so
 * one asks where to begin. In this order:
 *
 *   - at the start of the function, where unwind data or a symbol give it: when decoding from
 *     there arrives exactly at the address, that is the code. What then is missing in front of the
 *     function is found in the same way, from its start backwards
 *   - anywhere: decoding soon falls into step wherever it began, but a few ways may remain, the
 *     more so where memory begins. The one whose instructions are the most usual ones is taken:
 *     each costs as much as it is rare, less what its bytes would cost on average
 *
 * ARM64 has one answer.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/unasm.h"

enum {
    LONGEST = 65536,   /* bytes from a function's start that are decoded */
    MOST = 10000,      /* instructions that ub shows at most */
    SURROUNDINGS = 64, /* bytes before those that could be needed, to fall into step */
};

struct back {
    struct sc_unasm *view;
    uint64_t *addr; /* filled from the end */
    size_t want, have;
    uint64_t *chain; /* of a function being decoded */
};

static uint64_t earliest(const struct back *b) { return b->addr[b->want - b->have]; }

static void push(struct back *b, uint64_t addr) { b->addr[b->want - ++b->have] = addr; }

/* ---- from a function's start ---- */

/* The start of what ADDR - 1 lies in: by unwind data, else by the symbol; ADDR: not known. */
static sc_err *function_start(struct sc_unasm *v, uint64_t addr, uint64_t *ret_start) {
    *ret_start = addr;
    sc_err *err = sc_unasm_find_place(v, addr - 1);
    if (err || !v->place.module)
        return err;
    struct sc_pe_function f;
    sc_pe *pe;
    err = sc_unasm_image(v, v->place.module, &pe);
    if (err)
        return err;
    uint64_t base = v->place.module->base;
    err = pe ? sc_pe_function_find(pe, (uint32_t)(addr - 1 - base), &f) : NULL;
    bool unwound = pe && !err;
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        return err;
    sc_err_destroy(err); /* a leaf, or no table here */
    if (unwound)
        *ret_start = base + f.begin;
    if (v->place.has_symbol && !v->place.shift && v->place.base < addr &&
        (!unwound || v->place.base > *ret_start))
        *ret_start = v->place.base;
    return NULL;
}

/* Decodes [START, END); true when it ends exactly there: then the last ones are taken. */
static bool take_function(struct back *b, uint64_t start, uint64_t end) {
    size_t n = 0;
    struct sc_insn insn;
    for (uint64_t at = start; at != end; at += insn.length) {
        if (at > end || !sc_unasm_decode(b->view, at, false, &insn) || !insn.valid)
            return false;
        b->chain[n++] = at;
    }
    while (n && b->have < b->want)
        push(b, b->chain[--n]);
    return true;
}

/* ---- from anywhere ---- */

enum {
    USUAL = 4, /* costs: bits, about */
    SELDOM = 7,
    RARE = 10,
    NEVER = 15,
    SKIPPED = 3, /* and to leave out a byte at the beginning, which may be an instruction's rest */
    A_BYTE = 2,  /* what a byte of code costs on average */
    FAR = 1 << 24, /* a displacement that no structure and no function has */
    UNKNOWN = 1 << 30,
};

/* How usual the opcodes of one byte are: a digit each, in the order of USUAL … NEVER. */
static const char one_byte[257] = "2020112320201123"  /* 00: add, or */
                                  "2121112321211123"  /* 10: adc, sbb */
                                  "2020113320201133"  /* 20: and, sub */
                                  "2020113320201033"  /* 30: xor, cmp */
                                  "1111111111111111"  /* 40: inc, dec; REX is a prefix */
                                  "0000000000000000"  /* 50: push, pop */
                                  "2230222210101333"  /* 60: pusha, movsxd, push, imul, ins, outs */
                                  "2211000011220000"  /* 70: jcc */
                                  "0003002100000303"  /* 80: cmp, test, xchg, mov, lea, pop */
                                  "0222222211321122"  /* 90: nop, xchg, cdq, pushf */
                                  "2222222211222222"  /* a0: mov, movs, test, stos */
                                  "0000000000000000"  /* b0: mov */
                                  "0000330033322132"  /* c0: shifts, ret, les, mov, enter, int */
                                  "0011333322222222"  /* d0: shifts, x87 */
                                  "3332333300303333"  /* e0: loop, in, out, call, jmp */
                                  "2322320032331100"; /* f0: prefixes, hlt, test, cli, call */

static bool is_prefix(uint8_t b, bool x64) {
    return b == 0x66 || b == 0x67 || b == 0xf0 || b == 0xf2 || b == 0xf3 || b == 0x2e ||
           b == 0x36 || b == 0x3e || b == 0x26 || b == 0x64 || b == 0x65 ||
           (x64 && (b & 0xf0) == 0x40);
}

/* What an instruction's prefixes and opcode cost. */
static int opcode_cost(const struct sc_insn *insn, bool x64) {
    static const uint8_t costs[] = {USUAL, SELDOM, RARE, NEVER};
    const uint8_t *p = insn->byte;
    int cost = 0;
    for (; p < insn->byte + insn->length - 1 && is_prefix(*p, x64); p++)
        cost += x64 && (*p & 0xf8) == 0x48 ? -1 : x64 && (*p & 0xf0) == 0x40 ? 0 : 2;
    if (*p != 0x0f)
        return cost + costs[one_byte[*p] - '0'];
    /* Of two bytes: jcc, setcc, cmov, movzx, movsx and moves of vectors are usual. */
    uint8_t second = p[1];
    bool usual = (second & 0xf0) == 0x80 || (second & 0xf0) == 0x90 || (second & 0xf0) == 0x40 ||
                 (second & 0xf6) == 0xb6 || second == 0x1f || second == 0x10 || second == 0x11 ||
                 second == 0x28 || second == 0x29 || second == 0xaf;
    return cost + (usual ? USUAL + 1 : SELDOM + 1);
}

/* Displacements and targets that lead nowhere. */
static int operand_cost(struct sc_unasm *v, const struct sc_insn *insn) {
    const struct sc_module *m = v->place.module;
    int cost = 0;
    for (unsigned i = 0; i < insn->nmems; i++) {
        const struct sc_insn_mem *mem = &insn->mem[i];
        uint64_t far = mem->constant ? 0 : (uint64_t)(mem->disp < 0 ? -mem->disp : mem->disp);
        bool outside = mem->constant && m && mem->address - m->base >= m->size && !mem->override;
        cost += far >= FAR ? 6 : outside ? 4 : 0;
    }
    if (insn->has_target && m && insn->target - m->base >= m->size)
        cost += 10;
    return cost;
}

static int cost_of(struct sc_unasm *v, const struct sc_insn *insn) {
    bool x64 = v->ptr_size == 8;
    bool zeros = insn->length == 2 && !insn->byte[0] && !insn->byte[1];
    return opcode_cost(insn, x64) + operand_cost(v, insn) + (zeros ? NEVER : 0) -
           A_BYTE * insn->length;
}

/* For each byte: the least cost of arriving there, and the length of what was last on that way. */
struct ways {
    size_t count;
    int *cost;
    uint8_t *last;
};

/* A way may begin in the first bytes, in the midst of an instruction; if none arrives, anywhere. */
static void find_ways(struct back *b, uint64_t start, struct ways *w, size_t beginnings) {
    struct sc_insn insn;
    for (size_t i = 0; i <= w->count; i++) {
        w->cost[i] = i < beginnings ? SKIPPED * (int)i : UNKNOWN;
        w->last[i] = 0;
    }
    for (size_t i = 0; i < w->count; i++) {
        if (w->cost[i] == UNKNOWN || !sc_unasm_decode(b->view, start + i, false, &insn) ||
            !insn.valid || i + insn.length > w->count)
            continue;
        int cost = w->cost[i] + cost_of(b->view, &insn);
        if (cost < w->cost[i + insn.length]) {
            w->cost[i + insn.length] = cost;
            w->last[i + insn.length] = insn.length;
        }
    }
}

static void take_way(struct back *b, uint64_t start, const struct ways *w) {
    for (size_t at = w->count; b->have < b->want && w->last[at];) {
        at -= w->last[at];
        push(b, start + at);
    }
}

/* The bytes before END that can be read, at most WANT of them. */
static uint64_t readable_before(struct sc_unasm *v, uint64_t end, size_t want) {
    enum { PIECE = 256 };
    uint8_t buf[PIECE];
    uint64_t start = end;
    while (end - start < want && start) {
        size_t n = want - (size_t)(end - start);
        if (n > PIECE)
            n = PIECE;
        if (n > start)
            n = (size_t)start;
        size_t got = 0;
        enum sc_read status = sc_space_read(v->space, start - n, buf, n, &got);
        if (status != SC_READ_OK) {
            /* Byte by byte down to the hole. */
            while (sc_space_read(v->space, start - 1, buf, 1, &got) == SC_READ_OK)
                start--;
            break;
        }
        start -= n;
    }
    return start;
}

static sc_err *guess(struct back *b, uint64_t end) {
    size_t want = (b->want - b->have) * SC_INSN_BYTES_MAX + SURROUNDINGS;
    uint64_t start = readable_before(b->view, end, want);
    struct ways w = {.count = (size_t)(end - start)};
    if (!w.count)
        return NULL;
    w.cost = calloc(w.count + 1, sizeof *w.cost);
    w.last = calloc(w.count + 1, sizeof *w.last);
    sc_err *err = w.cost && w.last ? sc_unasm_find_place(b->view, end - 1) : sc_err_nomem();
    if (!err) {
        find_ways(b, start, &w, SC_INSN_BYTES_MAX);
        if (!w.last[w.count])
            find_ways(b, start, &w, w.count);
        take_way(b, start, &w);
    }
    free(w.cost);
    free(w.last);
    return err;
}

/* ---- both ---- */

static sc_err *walk(struct back *b, uint64_t addr) {
    uint64_t end = addr;
    while (b->have < b->want && end) {
        uint64_t start;
        size_t had = b->have;
        sc_err *err = function_start(b->view, end, &start);
        if (err)
            return err;
        if (start >= end || end - start > LONGEST || !take_function(b, start, end))
            return guess(b, end);
        if (b->have == had)
            return NULL;
        end = earliest(b);
    }
    return NULL;
}

static void step_back(struct back *b, uint64_t addr) {
    unsigned size = sc_disasm_min(b->view->disasm);
    const uint8_t *data;
    while (b->have < b->want && addr >= size &&
           sc_unasm_fetch(b->view, addr - size, &data) >= size) {
        addr -= size;
        push(b, addr);
    }
}

sc_err *sc_unasm_back(struct sc_unasm *view, uint64_t addr, size_t count, uint64_t **ret_addr,
                      size_t *ret_count) {
    if (count > MOST)
        return sc_errf(SC_ERR_LIMIT, "ub shows at most %d instructions", MOST);
    struct back b = {.view = view, .want = count};
    b.addr = sc_arena_array(view->arena, count + 1, sizeof *b.addr);
    b.chain = malloc(LONGEST * sizeof *b.chain);
    sc_err *err = b.addr && b.chain ? NULL : sc_err_nomem();
    if (!err && sc_disasm_min(view->disasm) > 1)
        step_back(&b, addr);
    else if (!err)
        err = walk(&b, addr);
    free(b.chain);
    if (err)
        return err;
    *ret_addr = b.addr + (b.want - b.have);
    *ret_count = b.have;
    return NULL;
}
