/* SPDX-License-Identifier: MIT */
/*
 * Random functions, executed: prologs, bodies and epilogs are made as machine code with the unwind
 * codes that belong to them, and run in a small emulator. It stops at every instruction, and from
 * there the step must bring back the registers that the caller had, all of them.
 */
#include <stdio.h>

#include "unit/unwind_x64_support.h"

enum {
    ROUNDS = 2000,
    BEGIN = 0x1000,
    CODE_MAX = 0x800,
    TAIL = 0x1f00, /* another function, for tail calls */
    MEMORY = 0x120000,
    STOPS = 200,
};
#define TOP   0xffff850000000000ull /* just behind the emulated stack */
#define BASE  (TOP - MEMORY)
#define ENTRY (TOP - 0x1008) /* rsp when the function begins */

/* ---- numbers ---- */

struct dice {
    uint64_t state;
};

static uint32_t roll(struct dice *d, uint32_t sides) {
    d->state = d->state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(d->state >> 33) % sides;
}

/* ---- the function ---- */

struct slot {
    uint8_t reg;
    bool xmm, home;
    uint32_t at; /* from the base */
};

struct function {
    uint8_t code[CODE_MAX];
    uint32_t size;
    uint32_t stops[STOPS]; /* where instructions begin */
    uint32_t nstops;
    uint16_t uw[120]; /* unwind codes, first to last */
    unsigned nuw;
    uint8_t version, prolog, frame, frame_offset;
    uint8_t pushed[8];
    unsigned npushed;
    struct slot save[16];
    unsigned nsaves;
    uint32_t alloc;
    bool moves_sp;       /* an alloca in the body */
    uint32_t release_at; /* version 2: where the epilog begins */
};

static void byte(struct function *f, unsigned b) {
    assert_true(f->size < CODE_MAX);
    f->code[f->size++] = (uint8_t)b;
}

static void dword(struct function *f, uint32_t v) {
    for (unsigned i = 0; i < 4; i++)
        byte(f, v >> (8 * i) & 0xff);
}

static void stop(struct function *f) {
    assert_true(f->nstops < STOPS);
    f->stops[f->nstops++] = f->size;
}

/* mov [base + disp32], reg (0x89), mov reg, [base + disp32] (0x8b), lea (0x8d). */
static void modrm32(struct function *f, unsigned op, unsigned reg, unsigned base, uint32_t disp) {
    stop(f);
    byte(f, 0x48 | (reg >= 8 ? 4 : 0) | (base >= 8 ? 1 : 0));
    byte(f, op);
    byte(f, 0x80 | (reg & 7) << 3 | (base & 7));
    if ((base & 7) == 4)
        byte(f, 0x24);
    dword(f, disp);
}

/* movaps [rsp + disp32], xmm (0x29) and back (0x28). */
static void movaps(struct function *f, unsigned op, unsigned xmm, unsigned base, uint32_t disp) {
    stop(f);
    if (xmm >= 8 || base >= 8)
        byte(f, 0x40 | (xmm >= 8 ? 4 : 0) | (base >= 8 ? 1 : 0));
    byte(f, 0x0f);
    byte(f, op);
    byte(f, 0x80 | (xmm & 7) << 3 | (base & 7));
    if ((base & 7) == 4)
        byte(f, 0x24);
    dword(f, disp);
}

static void push_pop(struct function *f, unsigned op, unsigned reg) {
    stop(f);
    if (reg >= 8)
        byte(f, 0x41);
    byte(f, op | (reg & 7));
}

/* add (0xc4) or sub (0xec) rsp, n */
static void change_sp(struct function *f, unsigned modrm, uint32_t n) {
    stop(f);
    byte(f, 0x48);
    byte(f, n < 0x80 ? 0x83 : 0x81);
    byte(f, modrm);
    if (n < 0x80)
        byte(f, n);
    else
        dword(f, n);
}

static void load_immediate(struct function *f, unsigned reg, struct dice *d) {
    stop(f);
    byte(f, 0x48 | (reg >= 8 ? 1 : 0));
    byte(f, 0xb8 | (reg & 7));
    dword(f, roll(d, 0x7fffffff));
    dword(f, roll(d, 0x7fffffff));
}

/* ---- prologs ---- */

/* Codes are collected in the prolog's order and turned around at its end. */
struct codes {
    struct {
        uint16_t word[3];
        unsigned n;
    } op[40];
    unsigned count;
};

static void code(struct codes *c, const struct function *f, unsigned op, unsigned info,
                 uint32_t value, unsigned more) {
    assert_true(c->count < 40);
    c->op[c->count].word[0] = (uint16_t)(f->size | op << 8 | info << 12);
    c->op[c->count].word[1] = (uint16_t)value;
    c->op[c->count].word[2] = (uint16_t)(value >> 16);
    c->op[c->count++].n = 1 + more;
}

static void save_code(struct codes *c, const struct function *f, const struct slot *s,
                      struct dice *d) {
    unsigned unit = s->xmm ? 16 : 8, op = s->xmm ? X64_UWOP_SAVE_XMM128 : X64_UWOP_SAVE_NONVOL;
    if (s->at / unit > 0xffff || !roll(d, 4))
        code(c, f, op + 1, s->reg, s->at, 2);
    else
        code(c, f, op, s->reg, s->at / unit, 1);
}

static const uint8_t nonvolatile[] = {X64_RBX, X64_RBP, X64_RSI, X64_RDI, 12, 13, 14, 15};

static void shuffle(uint8_t *item, unsigned n, struct dice *d) {
    for (unsigned i = n; i > 1; i--) {
        unsigned k = roll(d, i);
        uint8_t t = item[i - 1];
        item[i - 1] = item[k];
        item[k] = t;
    }
}

static uint32_t random_size(struct dice *d) {
    switch (roll(d, 6)) {
    case 0: return 0;
    case 1: return 0x80000 + 8 * roll(d, 64); /* needs the 32-bit form */
    case 2: return 0x80 + 8 * roll(d, 500);
    default: return 8 + 8 * roll(d, 16);
    }
}

static void put_alloc(struct function *f, struct codes *c, struct dice *d) {
    uint32_t n = f->alloc;
    if (!n)
        return;
    change_sp(f, 0xec, n);
    if (n <= 128)
        code(c, f, X64_UWOP_ALLOC_SMALL, n / 8 - 1, 0, 0);
    else if (n / 8 <= 0xffff && roll(d, 4))
        code(c, f, X64_UWOP_ALLOC_LARGE, 0, n / 8, 1);
    else
        code(c, f, X64_UWOP_ALLOC_LARGE, 1, n, 2);
}

/* The registers that are pushed; of the others some are kept in the caller's home slots. */
static void put_pushes(struct function *f, struct codes *c, struct dice *d) {
    uint8_t order[8];
    memcpy(order, nonvolatile, 8);
    shuffle(order, 8, d);
    f->npushed = roll(d, 8);
    unsigned homes = roll(d, 3);
    for (unsigned i = 0; i < homes && f->npushed + i < 8; i++) {
        struct slot *s = &f->save[f->nsaves++];
        *s = (struct slot){.reg = order[f->npushed + i], .home = true, .at = 8 + 8 * i};
        modrm32(f, 0x89, s->reg, X64_RSP, s->at);
    }
    for (unsigned i = 0; i < f->npushed; i++) {
        f->pushed[i] = order[i];
        push_pop(f, 0x50, order[i]);
        code(c, f, X64_UWOP_PUSH_NONVOL, order[i], 0, 0);
    }
}

static bool is_saved(const struct function *f, unsigned reg) {
    for (unsigned i = 0; i < f->npushed; i++)
        if (f->pushed[i] == reg)
            return true;
    for (unsigned i = 0; i < f->nsaves; i++)
        if (!f->save[i].xmm && f->save[i].reg == reg)
            return true;
    return false;
}

/* A home slot's distance from the base is known once the stack is allocated. */
static void put_home_codes(struct function *f, struct codes *c, struct dice *d) {
    for (unsigned i = 0; i < f->nsaves; i++) {
        f->save[i].at += 8 * f->npushed + f->alloc;
        save_code(c, f, &f->save[i], d);
    }
}

static void put_frame(struct function *f, struct codes *c, struct dice *d) {
    unsigned reg = f->npushed ? f->pushed[roll(d, f->npushed)] : 0;
    unsigned most = f->alloc / 16 < 15 ? f->alloc / 16 : 15;
    if (!reg || roll(d, 2) || (reg & 7) == 4)
        return;
    f->frame = (uint8_t)reg;
    f->frame_offset = (uint8_t)roll(d, most + 1);
    modrm32(f, 0x8d, reg, X64_RSP, 16u * f->frame_offset);
    code(c, f, X64_UWOP_SET_FPREG, 0, 0, 0);
}

/* Saves into the allocation: registers that were not pushed, and xmm registers. */
static void put_saves(struct function *f, struct codes *c, struct dice *d) {
    uint32_t at = (f->alloc / 2) & ~15u;
    for (unsigned i = 0; i < 16 && at + 16 <= f->alloc && f->nsaves < 14; i++) {
        bool xmm = roll(d, 2);
        unsigned reg = xmm ? 6 + i % 10 : nonvolatile[i % 8];
        if (roll(d, 2) || (!xmm && is_saved(f, reg)))
            continue;
        struct slot *s = &f->save[f->nsaves++];
        *s = (struct slot){.reg = (uint8_t)reg, .xmm = xmm, .at = at};
        if (xmm)
            movaps(f, 0x29, reg, X64_RSP, at);
        else
            modrm32(f, 0x89, reg, X64_RSP, at);
        save_code(c, f, s, d);
        at += 16;
    }
}

static void put_prolog(struct function *f, struct codes *c, struct dice *d) {
    f->alloc = random_size(d);
    put_pushes(f, c, d);
    put_alloc(f, c, d);
    /* Codes of saves stand behind the allocation, but before or behind the frame register. */
    bool early = roll(d, 2);
    if (early)
        put_home_codes(f, c, d);
    put_frame(f, c, d);
    if (!early)
        put_home_codes(f, c, d);
    put_saves(f, c, d);
    assert_true(f->size < 256);
    f->prolog = (uint8_t)f->size;
}

/* ---- bodies and epilogs ---- */

static void put_body(struct function *f, struct dice *d) {
    for (unsigned i = 0; i < 4; i++)
        load_immediate(f, roll(d, 2) ? X64_RAX : 8 + roll(d, 4), d);
    for (unsigned i = 0; i < 8; i++)
        if (is_saved(f, nonvolatile[i]) && nonvolatile[i] != f->frame && roll(d, 2))
            load_immediate(f, nonvolatile[i], d);
    stop(f);
    byte(f, 0xe8); /* a call, which has returned when the emulator goes on */
    dword(f, 0x1234);
    for (unsigned i = 0; i < f->nsaves; i++)
        if (f->save[i].xmm) {
            stop(f);
            if (f->save[i].reg >= 8)
                byte(f, 0x45);
            byte(f, 0x0f);
            byte(f, 0x57); /* xorps xmm, xmm */
            byte(f, 0xc0 | (f->save[i].reg & 7) << 3 | (f->save[i].reg & 7));
        }
    if (f->frame && roll(d, 2)) {
        f->moves_sp = true;
        change_sp(f, 0xec, 16 + 16 * roll(d, 20));
        load_immediate(f, X64_RCX, d);
    }
}

static void put_restores(struct function *f) {
    unsigned base = f->frame ? f->frame : X64_RSP;
    for (unsigned i = 0; i < f->nsaves; i++) {
        uint32_t at = f->save[i].at - 16u * f->frame_offset;
        if (f->save[i].xmm)
            movaps(f, 0x28, f->save[i].reg, base, at);
        else
            modrm32(f, 0x8b, f->save[i].reg, base, at);
    }
}

static void put_end(struct function *f, struct dice *d) {
    uint32_t tail = TAIL - BEGIN - f->size;
    stop(f);
    switch (roll(d, 6)) {
    case 0: byte(f, 0xf3), byte(f, 0xc3); break;
    case 1: byte(f, 0xe9), dword(f, tail - 5); break;
    case 2: byte(f, 0xff), byte(f, 0x25), dword(f, 0x100); break;
    case 3: byte(f, 0x48), byte(f, 0xff), byte(f, 0xe0); break;
    case 4: byte(f, 0xe9), dword(f, 0u - f->size - 4); break; /* to its own start */
    default: byte(f, 0xc3); break;
    }
}

static void put_epilog(struct function *f, struct dice *d) {
    put_restores(f);
    if (f->frame && (f->moves_sp || roll(d, 2)))
        modrm32(f, 0x8d, X64_RSP, f->frame, f->alloc - 16u * f->frame_offset);
    else if (f->alloc)
        change_sp(f, 0xc4, f->alloc);
    f->release_at = f->size;
    for (unsigned i = f->npushed; i-- > 0;)
        push_pop(f, 0x58, f->pushed[i]);
    put_end(f, d);
}

/* Its codes in the image's order: the last instruction's first. */
static void finish_codes(struct function *f, const struct codes *c) {
    if (f->version == 2) {
        f->uw[f->nuw++] = (uint16_t)((f->size - f->release_at) | X64_UWOP_EPILOG << 8 | 1 << 12);
        f->uw[f->nuw++] = X64_UWOP_EPILOG << 8;
    }
    for (unsigned i = c->count; i-- > 0;)
        for (unsigned k = 0; k < c->op[i].n; k++)
            f->uw[f->nuw++] = c->op[i].word[k];
}

static void make(struct function *f, struct dice *d) {
    struct codes c = {0};
    memset(f, 0, sizeof *f);
    f->version = (uint8_t)(1 + roll(d, 2));
    put_prolog(f, &c, d);
    put_body(f, d);
    put_epilog(f, d);
    finish_codes(f, &c);
}

/* ---- the emulator ---- */

struct machine {
    uint64_t reg[16];
    uint8_t xmm[16][16];
    uint8_t *memory; /* MEMORY bytes, from BASE on */
};

static uint8_t *at(struct machine *m, uint64_t addr, size_t size) {
    assert_true(addr >= BASE && addr + size <= TOP);
    return m->memory + (addr - BASE);
}

static uint32_t imm32(const uint8_t *p) {
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

/* An instruction with a memory operand of disp32: the address; *LENGTH grows by what it takes. */
static uint64_t operand(const struct machine *m, const uint8_t *modrm, unsigned rex,
                        unsigned *length) {
    unsigned base = (modrm[0] & 7) | (rex & 1) << 3, sib = (modrm[0] & 7) == 4;
    assert_int_equal(modrm[0] >> 6, 2);
    *length += 1 + sib + 4;
    return m->reg[base] + (uint64_t)(int32_t)imm32(modrm + 1 + sib);
}

/* 0f 28, 0f 29 movaps, 0f 57 xorps of a register with itself. */
static unsigned run_xmm(struct machine *m, const uint8_t *p, unsigned rex, unsigned length) {
    unsigned reg = (p[2] >> 3 & 7) | (rex & 4) << 1;
    length += 2;
    if (p[1] == 0x57) {
        memset(m->xmm[reg], 0, 16);
        return length + 1;
    }
    uint64_t addr = operand(m, p + 2, rex, &length);
    assert_int_equal(addr & 7, 0);
    if (p[1] == 0x29)
        memcpy(at(m, addr, 16), m->xmm[reg], 16);
    else
        memcpy(m->xmm[reg], at(m, addr, 16), 16);
    return length;
}

/* Runs the instruction at P, which is none that ends the function; returns its length. */
static unsigned run(struct machine *m, const uint8_t *p) {
    unsigned rex = (*p & 0xf0) == 0x40 ? *p & 15 : 0, length = rex ? 1 : 0;
    p += length;
    unsigned op = p[0], low = (op & 7) | (rex & 1) << 3;
    uint64_t *sp = &m->reg[X64_RSP];
    if (op == 0x0f)
        return run_xmm(m, p, rex, length);
    if ((op & 0xf8) == 0x50) {
        *sp -= 8;
        memcpy(at(m, *sp, 8), &m->reg[low], 8);
        return length + 1;
    }
    if ((op & 0xf8) == 0x58) {
        memcpy(&m->reg[low], at(m, *sp, 8), 8);
        *sp += 8;
        return length + 1;
    }
    if (op == 0x81 || op == 0x83) {
        uint64_t n = op == 0x83 ? p[2] : imm32(p + 2);
        *sp += p[1] == 0xec ? 0 - n : n;
        return length + (op == 0x83 ? 3 : 6);
    }
    if ((op & 0xf8) == 0xb8) {
        m->reg[low] = imm32(p + 1) | (uint64_t)imm32(p + 5) << 32;
        return length + 9;
    }
    if (op == 0xe8)
        return length + 5;
    unsigned reg = (p[1] >> 3 & 7) | (rex & 4) << 1;
    length++;
    uint64_t addr = operand(m, p + 1, rex, &length);
    if (op == 0x8d)
        m->reg[reg] = addr;
    else if (op == 0x89)
        memcpy(at(m, addr, 8), &m->reg[reg], 8);
    else
        memcpy(&m->reg[reg], at(m, addr, 8), 8);
    assert_true(op == 0x8d || op == 0x89 || op == 0x8b);
    return length;
}

/* ---- the test ---- */

struct trial {
    struct scene scene;
    struct function f;
    struct machine m, begin;
    unsigned round;
    uint64_t steps;
};

/* The emulated stack as a filler: what the dump itself lacks. */
static enum sc_read fill(void *ctx, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    struct trial *t = ctx;
    if (addr < BASE || addr >= TOP)
        return SC_READ_ABSENT;
    if (len > TOP - addr)
        len = (size_t)(TOP - addr);
    memcpy(buf, t->m.memory + (addr - BASE), len);
    *ret_got = len;
    return SC_READ_OK;
}

static void put_image(struct trial *t) {
    struct scene *s = &t->scene;
    const struct function *f = &t->f;
    scene_init(s);
    scene_function(s, BEGIN, BEGIN + f->size, XDATA);
    scene_bytes(s, BEGIN, f->code, f->size);
    scene_bytes(s, TAIL, "\xc3", 1);
    const uint8_t head[] = {f->version, f->prolog, (uint8_t)f->nuw,
                            (uint8_t)(f->frame | f->frame_offset << 4)};
    scene_bytes(s, XDATA, head, sizeof head);
    for (unsigned i = 0; i < f->nuw; i++)
        peimg_u16(&s->image, XDATA + 4 + 2 * i, f->uw[i]);
    scene_open(s);
    ok(sc_space_add_filler(sc_target_space(s->target), "stack", fill, t));
}

static void begin(struct trial *t, struct dice *d) {
    struct machine *m = &t->m;
    for (unsigned i = 0; i < 16; i++) {
        m->reg[i] = (uint64_t)roll(d, 0x7fffffff) << 32 | roll(d, 0x7fffffff);
        for (unsigned k = 0; k < 16; k++)
            m->xmm[i][k] = (uint8_t)roll(d, 256);
    }
    m->reg[X64_RSP] = ENTRY;
    uint64_t back = RETURN;
    memcpy(at(m, ENTRY, 8), &back, 8);
    t->begin = *m;
}

static void check(struct trial *t, uint32_t offset, bool exact) {
    struct scene *s = &t->scene;
    regs_begin(&s->regs, IMAGE + BEGIN + offset, 0);
    for (unsigned i = 0; i < 16; i++)
        reg_put(&s->regs, i, t->m.reg[i]);
    memcpy(s->regs.raw + 0x1a0, t->m.xmm, sizeof t->m.xmm);
    enum sc_step_status st = scene_go(s, exact, UINT64_MAX);
    bool good =
        st == SC_STEP_DONE && sc_regs_ip(&s->regs) == RETURN && sc_regs_sp(&s->regs) == ENTRY + 8;
    for (unsigned i = 0; i < 8; i++)
        good = good && reg_get(&s->regs, nonvolatile[i]) == t->begin.reg[nonvolatile[i]];
    for (unsigned i = 6; i < 16; i++)
        good = good && !memcmp(s->regs.raw + 0x1a0 + 16 * i, t->begin.xmm[i], 16);
    good = good && s->step.known == (0xffff & ~UNKNOWN_VOLATILES);
    if (!good)
        fail_msg("round %u, version %u, offset 0x%x of 0x%x (prolog 0x%x): status %d", t->round,
                 t->f.version, offset, t->f.size, t->f.prolog, st);
    t->steps++;
}

static void execute(struct trial *t) {
    const struct function *f = &t->f;
    for (uint32_t i = 0; i < f->nstops; i++) {
        uint32_t at_ = f->stops[i];
        check(t, at_, true);
        if (i && f->code[f->stops[i - 1]] == 0xe8)
            check(t, at_, false);
        if (i + 1 < f->nstops)
            assert_int_equal(run(&t->m, f->code + at_), f->stops[i + 1] - at_);
    }
    /* The function itself is right: at its end all is as it was. */
    assert_int_equal(t->m.reg[X64_RSP], ENTRY);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(t->m.reg[nonvolatile[i]], t->begin.reg[nonvolatile[i]]);
}

static void registers_come_back_from_every_instruction(void **state) {
    (void)state;
    struct trial *t = calloc(1, sizeof *t);
    struct dice d = {20260};
    assert_non_null(t);
    t->m.memory = calloc(1, MEMORY);
    assert_non_null(t->m.memory);
    for (t->round = 0; t->round < ROUNDS; t->round++) {
        make(&t->f, &d);
        begin(t, &d);
        put_image(t);
        execute(t);
        scene_close(&t->scene);
    }
    printf("# %u functions, %llu steps\n", t->round, (unsigned long long)t->steps);
    assert_true(t->steps > ROUNDS * 20);
    free(t->m.memory);
    free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_come_back_from_every_instruction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
