/* SPDX-License-Identifier: MIT */
/*
 * Code before an address, for ub. Instructions of x86 and x64 can only be found going forward, so
 * one asks where to begin. In this order:
 *
 *   - at the start of the function, where unwind data or a symbol give it: when decoding from
 *     there arrives exactly at the address, that is the code. What then is missing in front of the
 *     function is found in the same way, from its start backwards
 *   - anywhere: decoding soon falls into step wherever it began, so of the instructions that could
 *     end where the next one begins, the one on the way of most beginnings is taken. Code that
 *     nobody writes has less say
 *
 * ARM64 has one answer.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/unasm.h"

enum {
    LONGEST = 65536,   /* bytes from a function's start that are decoded */
    MOST = 100000,     /* instructions that ub shows at most */
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
    if (v->place.has_symbol && v->place.base < addr && (!unwound || v->place.base > *ret_start))
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

/* Instructions that are in code rarely, and in bytes that are none often. */
static bool is_unlikely(const struct sc_insn *insn) {
    const uint8_t *p = insn->byte;
    bool zeros = insn->length == 2 && !p[0] && !p[1]; /* add byte ptr [rax],al */
    bool ports = (p[0] >= 0x6c && p[0] <= 0x6f) || (p[0] >= 0xe4 && p[0] <= 0xe7) ||
                 (p[0] >= 0xec && p[0] <= 0xef);
    return zeros || (ports && insn->length <= 2) || insn->flow == SC_FLOW_NO_MORE;
}

/* Bytes from START to END: the length of the instruction at each, and how many lead there. */
struct votes {
    size_t count;
    uint8_t *length;
    double *votes;
};

static void vote(struct back *b, uint64_t start, struct votes *v) {
    struct sc_insn insn;
    for (size_t i = 0; i < v->count; i++) {
        bool valid = sc_unasm_decode(b->view, start + i, false, &insn) && insn.valid;
        v->length[i] = valid && i + insn.length <= v->count ? insn.length : 0;
        if (!v->length[i])
            continue;
        v->votes[i] += 1;
        if (is_unlikely(&insn))
            v->votes[i] /= 4;
        if (i + v->length[i] < v->count)
            v->votes[i + v->length[i]] += v->votes[i];
    }
}

/* The instruction that ends at offset AT with the most votes; false: none does. */
static bool before(const struct votes *v, size_t at, size_t *ret_at) {
    double best = 0;
    for (size_t n = 1; n <= SC_INSN_BYTES_MAX && n <= at; n++)
        if (v->length[at - n] == n && v->votes[at - n] > best) {
            best = v->votes[at - n];
            *ret_at = at - n;
        }
    return best > 0;
}

static void take_votes(struct back *b, uint64_t start, const struct votes *v) {
    size_t at = v->count;
    while (b->have < b->want && before(v, at, &at))
        push(b, start + at);
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
    struct votes v = {.count = (size_t)(end - start)};
    if (!v.count)
        return NULL;
    v.length = calloc(v.count, sizeof *v.length);
    v.votes = calloc(v.count, sizeof *v.votes);
    if (v.length && v.votes) {
        vote(b, start, &v);
        take_votes(b, start, &v);
    }
    sc_err *err = v.length && v.votes ? NULL : sc_err_nomem();
    free(v.length);
    free(v.votes);
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
