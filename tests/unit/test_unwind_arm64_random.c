/* SPDX-License-Identifier: MIT */
/*
 * Random functions of ARM64, executed: prologs, bodies and epilogs are made as machine code with
 * the unwind data that belongs to them, packed or as .xdata, and run in a small machine. It stops
 * at every instruction, and from there the step must bring back the registers that the caller had,
 * all of them.
 *
 * Canonical prologs of packed data are made here from Microsoft's description of them, not from the
 * unwind codes that the library makes of it.
 */
#include <stdio.h>

#include "unit/arm64_machine.h"
#include "unit/unwind_arm64_support.h"

enum {
    ROUNDS = 3000,
    INSNS = 300,
    STEPS = 60,
    EPILOGS = 3,
    MEMORY = 0x140000,
};
#define TOP   0xffff850000000000ull /* just behind the machine's stack */
#define BASE  (TOP - MEMORY)
#define ENTRY (TOP - 0x1000) /* sp when the function begins */

/* ---- numbers ---- */

struct dice {
    uint64_t state;
};

static uint32_t roll(struct dice *d, uint32_t sides) {
    d->state = d->state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(d->state >> 33) % sides;
}

/* ---- the function ---- */

/* An instruction of the prolog, what undoes it in the epilog (0: nothing does), and its code. */
struct step {
    uint32_t does, undoes;
    uint8_t code[4];
    unsigned size;
};

struct function {
    struct step step[STEPS];
    unsigned nsteps;
    bool signs, framed, moves_sp;
    bool packed;
    uint32_t word;  /* packed data, less its length */
    uint64_t saved; /* x registers that the body may change, and d registers from bit 32 on */
    uint32_t insn[INSNS];
    uint32_t ninsns, prolog;
    uint32_t epilog[EPILOGS], nepilogs;
    uint32_t fragment; /* from here on the function has an entry of its own; 0: it has none */
    uint8_t codes[256];
    uint32_t ncodes, index; /* index of the epilog's codes */
};

static void add(struct function *f, uint32_t does, uint32_t undoes, const char *code,
                unsigned size) {
    assert_true(f->nsteps < STEPS);
    struct step *s = &f->step[f->nsteps++];
    *s = (struct step){.does = does, .undoes = undoes, .size = size};
    memcpy(s->code, code, size);
}

static void add1(struct function *f, uint32_t does, uint32_t undoes, unsigned code) {
    add(f, does, undoes, (const char[]){(char)code}, 1);
}

static void add2(struct function *f, uint32_t does, uint32_t undoes, unsigned code) {
    add(f, does, undoes, (const char[]){(char)(code >> 8), (char)code}, 2);
}

static void insn(struct function *f, uint32_t word) {
    assert_true(f->ninsns < INSNS);
    f->insn[f->ninsns++] = word;
}

static void saves(struct function *f, enum a64_kind kind, unsigned reg) {
    f->saved |= UINT64_C(1) << (reg + (kind == A64_X ? 0 : 32));
}

/* ---- steps ---- */

/* stp of two registers at sp + AT, or (AT negative) below sp, which moves there. */
static void pair(struct function *f, enum a64_kind kind, unsigned reg, unsigned reg2, int at,
                 unsigned code) {
    enum a64_mode mode = at < 0 ? A64_PRE : A64_OFFSET;
    unsigned size = code < 0x100 ? 1 : 2;
    uint32_t does = a64_ldp(kind, false, reg, reg2, 31, at, mode);
    uint32_t undoes =
        a64_ldp(kind, true, reg, reg2, 31, at < 0 ? -at : at, at < 0 ? A64_POST : A64_OFFSET);
    if (size == 1)
        add1(f, does, undoes, code);
    else
        add2(f, does, undoes, code);
    saves(f, kind, reg);
    saves(f, kind, reg2);
}

static void single(struct function *f, enum a64_kind kind, unsigned reg, int at, unsigned code) {
    enum a64_mode mode = at < 0 ? A64_PRE : A64_OFFSET;
    add2(f, a64_ldr(kind, false, reg, 31, at, mode),
         a64_ldr(kind, true, reg, 31, at < 0 ? -at : at, at < 0 ? A64_POST : A64_OFFSET), code);
    saves(f, kind, reg);
}

static void allocate(struct function *f, uint32_t size, struct dice *d) {
    uint32_t units = size / 16, does = a64_add(31, 31, -(int32_t)size);
    uint32_t undoes = a64_add(31, 31, (int32_t)size);
    if (units < 32 && roll(d, 4))
        add1(f, does, undoes, units);
    else if (units < 0x800 && roll(d, 4))
        add2(f, does, undoes, 0xc000 | units);
    else
        add(f, does, undoes,
            (const char[]){(char)0xe0, (char)(units >> 16), (char)(units >> 8), (char)units}, 4);
}

/* ---- prologs with .xdata ---- */

/* A save by save_any_reg, of one register or two, pre-indexed or not. */
static void any_reg(struct function *f, struct dice *d, int at) {
    enum a64_kind kind = roll(d, 3);
    bool two = roll(d, 2), pre = roll(d, 4) == 0;
    unsigned reg = kind == A64_X ? ARM64_X19 + roll(d, 9) : 8 + roll(d, 7);
    unsigned unit = two || pre || kind == A64_Q ? 16 : 8;
    int offset = pre ? -16 * (2 + (int)roll(d, 3)) : at / (int)unit * (int)unit;
    unsigned o = pre ? (unsigned)-offset / 16 - 1 : (unsigned)offset / unit;
    uint32_t does, undoes;
    enum a64_mode mode = pre ? A64_PRE : A64_OFFSET, back = pre ? A64_POST : A64_OFFSET;
    if (two) {
        does = a64_ldp(kind, false, reg, reg + 1, 31, offset, mode);
        undoes = a64_ldp(kind, true, reg, reg + 1, 31, pre ? -offset : offset, back);
    } else {
        does = a64_ldr(kind, false, reg, 31, offset, mode);
        undoes = a64_ldr(kind, true, reg, 31, pre ? -offset : offset, back);
    }
    add(f, does, undoes,
        (const char[]){(char)0xe7, (char)(two << 6 | pre << 5 | (int)reg), (char)(kind << 6 | o)},
        3);
    saves(f, kind, reg);
    if (two)
        saves(f, kind, reg + 1);
}

/* Saves of an area that its first one allocates; save_next where a pair follows a pair. */
static void area(struct function *f, struct dice *d) {
    unsigned regs = roll(d, 11), floats = roll(d, 9), z;
    int size = (int)(regs * 8 + floats * 8 + 15) & ~15, at = 0;
    bool next = false;
    for (unsigned i = 0; i < regs; i += 2) {
        z = at ? (unsigned)at / 8 : (unsigned)size / 8 - 1;
        if (regs - i == 1) {
            single(f, A64_X, ARM64_X19 + i, at ? at : -size,
                   at ? 0xd000 | i << 6 | z : 0xd400 | i << 5 | z);
            next = false;
        } else if (next && roll(d, 2)) {
            pair(f, A64_X, ARM64_X19 + i, ARM64_X19 + i + 1, at, 0xe6);
        } else {
            bool small = !i && size <= 31 * 8 && roll(d, 2);
            pair(f, A64_X, ARM64_X19 + i, ARM64_X19 + i + 1, at ? at : -size,
                 small ? 0x20 | (unsigned)size / 8 : (at ? 0xc800 : 0xcc00) | i << 6 | z);
            next = true;
        }
        at += regs - i == 1 ? 8 : 16;
    }
    for (unsigned i = 0; i < floats; i += 2) {
        z = at ? (unsigned)at / 8 : (unsigned)size / 8 - 1;
        if (floats - i == 1)
            single(f, A64_D, 8 + i, at ? at : -size,
                   at ? 0xdc00 | i << 6 | z : 0xde00 | i << 5 | z);
        else if ((next && i && roll(d, 2)) || (next && !i && regs == 10))
            pair(f, A64_D, 8 + i, 8 + i + 1, at, 0xe6); /* also the first one behind x28 */
        else
            pair(f, A64_D, 8 + i, 8 + i + 1, at ? at : -size, (at ? 0xd800 : 0xda00) | i << 6 | z);
        next = floats - i > 1;
        at += floats - i == 1 ? 8 : 16;
    }
}

static void frame_record(struct function *f, struct dice *d) {
    unsigned z = 1 + roll(d, 63);
    f->framed = roll(d, 4) != 0;
    if (roll(d, 2)) {
        int size = 16 * (1 + (int)roll(d, 31));
        pair(f, A64_X, ARM64_FP, ARM64_LR, -size, 0x80 | ((unsigned)size / 8 - 1));
        z = 0;
    } else {
        allocate(f, 16 * (33 + roll(d, 200)), d);
        z &= 0x3e;
        pair(f, A64_X, ARM64_FP, ARM64_LR, (int)z * 8, 0x40 | z);
    }
    if (!f->framed)
        return;
    if (!z)
        add1(f, a64_add(29, 31, 0), a64_add(31, 29, 0), 0xe1);
    else
        add2(f, a64_add(29, 31, (int)z * 8), a64_add(31, 29, -(int)z * 8), 0xe200 | z);
}

static void put_xdata_prolog(struct function *f, struct dice *d) {
    if ((f->signs = roll(d, 2)))
        add1(f, 0xd503237f, 0xd50323ff, 0xfc);
    if (roll(d, 4))
        area(f, d);
    if (!roll(d, 4)) {
        unsigned x = roll(d, 5), z = roll(d, 8) * 2; /* with lr */
        add1(f, a64_add(31, 31, -256), a64_add(31, 31, 256), 16);
        pair(f, A64_X, ARM64_X19 + 2 * x, ARM64_LR, (int)z * 8, 0xd600 | x << 6 | z);
    }
    if (!roll(d, 3)) {
        allocate(f, 16 * (40 + roll(d, 8)), d);
        for (unsigned i = roll(d, 3); i-- > 0;)
            any_reg(f, d, 64 * (1 + (int)i));
    }
    if (roll(d, 3))
        frame_record(f, d);
    if (!roll(d, 3))
        for (unsigned i = 0; i < 4; i++)
            add1(f, a64_ldp(A64_X, false, 2 * i, 2 * i + 1, 31, 16 * (int)i - 512, A64_OFFSET), 0,
                 0xe3);
    if (!roll(d, 3))
        allocate(f, roll(d, 3) ? 16 * (1 + roll(d, 30)) : 4096 * (1 + roll(d, 200)), d);
}

/* ---- canonical prologs ---- */

struct packed {
    unsigned regf, regi, homes, cr;
    int area, locals;
};

static void canonical_ints(struct function *f, const struct packed *p, int *at, bool *moved) {
    bool lr = p->cr == 1;
    if (p->regi == 1 && lr) {
        add1(f, a64_add(31, 31, -p->area), a64_add(31, 31, p->area), 0);
        *moved = true;
    }
    for (unsigned i = 0; i < p->regi; i += 2) {
        int where = *moved ? *at : -p->area;
        if (p->regi - i > 1)
            pair(f, A64_X, 19 + i, 20 + i, where, 0);
        else if (lr)
            pair(f, A64_X, 19 + i, 30, where, 0);
        else
            single(f, A64_X, 19 + i, where, 0);
        *at += p->regi - i > 1 || lr ? 16 : 8;
        *moved = true;
    }
    if (lr && p->regi % 2 == 0) {
        single(f, A64_X, 30, *moved ? *at : -p->area, 0);
        *at += 8;
        *moved = true;
    }
}

static void canonical_floats(struct function *f, const struct packed *p, int *at, bool *moved) {
    unsigned n = p->regf ? p->regf + 1 : 0;
    for (unsigned i = 0; i < n; i += 2) {
        int where = *moved ? *at : -p->area;
        if (n - i > 1)
            pair(f, A64_D, 8 + i, 9 + i, where, 0);
        else
            single(f, A64_D, 8 + i, where, 0);
        *at += 16;
        *moved = true;
    }
}

static void canonical_rest(struct function *f, const struct packed *p) {
    int n = p->locals;
    bool chained = p->cr >= 2;
    if (chained && n <= 512) {
        pair(f, A64_X, 29, 30, -n, 0);
    } else {
        if (n > 4080) {
            add1(f, a64_add(31, 31, -4080), a64_add(31, 31, 4080), 0);
            n -= 4080;
        }
        if (n)
            add1(f, a64_add(31, 31, -n), a64_add(31, 31, n), 0);
        if (chained)
            pair(f, A64_X, 29, 30, 0, 0);
    }
    if (chained)
        add1(f, a64_add(29, 31, 0), 0, 0);
}

static void put_packed_prolog(struct function *f, struct dice *d) {
    struct packed p = {.regf = roll(d, 2) ? roll(d, 8) : 0, .regi = roll(d, 11), .cr = roll(d, 4)};
    bool moved = false;
    int at = 0;
    unsigned ints = p.regi + (p.cr == 1), floats = p.regf ? p.regf + 1 : 0;
    p.homes = ints + floats && !roll(d, 3);
    p.area = (int)((ints + floats) * 8 + p.homes * 64 + 15) & ~15;
    /* With fp and lr, 512 bytes are allocated by one instruction, but none takes them off again. */
    do
        p.locals = 16 * (int)(roll(d, 3) ? roll(d, 33) : roll(d, 500));
    while (p.area + p.locals > 511 * 16 || (p.cr >= 2 && !p.locals) || p.locals == 512);
    f->packed = true;
    f->word = p.regf << 13 | p.regi << 16 | p.homes << 20 | p.cr << 21 |
              (uint32_t)(p.area + p.locals) / 16 << 23;
    if ((f->signs = p.cr == 2))
        add1(f, 0xd503237f, 0xd50323ff, 0);
    canonical_ints(f, &p, &at, &moved);
    canonical_floats(f, &p, &at, &moved);
    for (unsigned i = 0; p.homes && i < 4; i++)
        add1(f, a64_ldp(A64_X, false, 2 * i, 2 * i + 1, 31, at + 16 * (int)i, A64_OFFSET), 0, 0);
    canonical_rest(f, &p);
    f->framed = p.cr >= 2;
}

/* ---- bodies and epilogs ---- */

static void put_body(struct function *f, struct dice *d, bool calls) {
    for (unsigned i = 0; i < 18; i++)
        if (roll(d, 3) == 0)
            insn(f, 0xd2800000 | roll(d, 0x10000) << 5 | i); /* movz */
    for (unsigned i = ARM64_X19; i <= ARM64_X28; i++)
        if (f->saved >> i & 1 && roll(d, 2))
            insn(f, 0xd2800000 | roll(d, 0x10000) << 5 | i);
    for (unsigned i = 8; i < 16; i++)
        if (f->saved >> (32 + i) & 1 && roll(d, 2))
            insn(f, a64_ldr(A64_D, true, i, 31, -8, A64_UNSCALED));
    if (f->saved >> ARM64_LR & 1 && calls)
        insn(f, 0x94000040); /* bl: has returned when the machine goes on */
    if (f->moves_sp)
        insn(f, a64_add(31, 31, -16 * (1 + (int)roll(d, 20))));
    insn(f, 0xd503201f);
}

static void put_epilog(struct function *f, struct dice *d) {
    assert_true(f->nepilogs < EPILOGS);
    f->epilog[f->nepilogs++] = f->ninsns;
    for (unsigned i = f->nsteps; i-- > 0;)
        if (f->step[i].undoes)
            insn(f, f->step[i].undoes);
    if (f->packed || roll(d, 3))
        insn(f, 0xd65f03c0);
    else
        insn(f, 0x14000100); /* b: a tail call */
}

static void put_codes(struct function *f) {
    bool same = true;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = f->nsteps; i-- > 0;) {
            const struct step *s = &f->step[i];
            if (pass && !s->undoes)
                continue;
            assert_true(f->ncodes + s->size + 1 <= sizeof f->codes);
            memcpy(f->codes + f->ncodes, s->code, s->size);
            f->ncodes += s->size;
            same = same && s->undoes;
        }
        f->codes[f->ncodes++] = 0xe4;
        if (!pass)
            f->index = same ? 0 : f->ncodes;
        if (same)
            break;
    }
}

static void make(struct function *f, struct dice *d) {
    memset(f, 0, sizeof *f);
    if (roll(d, 2))
        put_packed_prolog(f, d);
    else
        put_xdata_prolog(f, d);
    for (unsigned i = 0; i < f->nsteps; i++)
        insn(f, f->step[i].does);
    f->prolog = f->ninsns;
    unsigned epilogs = f->packed ? 1 : 1 + roll(d, EPILOGS);
    /* sp may move in the body if the epilog takes it from fp; not below what is saved there. */
    f->moves_sp = f->framed && !f->packed && epilogs == 1 && roll(d, 2);
    for (unsigned i = 0; i < epilogs; i++) {
        put_body(f, d, i == 0);
        if (i == 1 && roll(d, 2))
            f->fragment = f->ninsns;
        put_epilog(f, d);
    }
    if (!f->packed)
        put_codes(f);
}

/* ---- the image ---- */

/* .xdata at RVA of the instructions from FIRST up to END, with the epilogs in there. */
static uint32_t write_xdata(struct scene *s, const struct function *f, uint32_t rva, uint32_t first,
                            uint32_t end, struct dice *d) {
    uint32_t scopes[EPILOGS], n = 0, lead = first ? 1 : 0, words = (f->ncodes + lead + 3) / 4;
    for (uint32_t i = 0; i < f->nepilogs; i++)
        if (f->epilog[i] >= first && f->epilog[i] < end)
            scopes[n++] = (f->epilog[i] - first) | (f->index + lead) << 22;
    bool one = n == 1 && end == f->ninsns && f->index + lead < 32 && words < 32 && roll(d, 2);
    bool wide = words > 31 || (!one && roll(d, 2));
    uint32_t head = end - first;
    if (one)
        head |= 1u << 21 | (f->index + lead) << 22 | words << 27;
    else if (!wide)
        head |= n << 22 | words << 27;
    peimg_u32(&s->image, rva, head);
    rva += 4;
    if (wide) {
        peimg_u32(&s->image, rva, n | words << 16);
        rva += 4;
    }
    for (uint32_t i = 0; !one && i < n; i++, rva += 4)
        peimg_u32(&s->image, rva, scopes[i]);
    peimg_u8(&s->image, rva, 0xe5);
    scene_bytes(s, rva + lead, f->codes, f->ncodes);
    return rva + 4 * words;
}

struct trial {
    struct scene scene;
    struct function f;
    struct a64 m, begin;
    struct dice d;
    unsigned round;
    uint64_t steps;
};

/* The machine's stack as a filler: what the dump itself lacks. */
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
    struct function *f = &t->f;
    uint32_t end = f->fragment ? f->fragment : f->ninsns, next;
    scene_init(s);
    for (uint32_t i = 0; i < f->ninsns; i++)
        peimg_u32(&s->image, BEGIN + 4 * i, f->insn[i]);
    if (f->packed) {
        scene_function(s, BEGIN, f->word | f->ninsns << 2 | 1);
    } else {
        scene_function(s, BEGIN, XDATA);
        next = write_xdata(s, f, XDATA, 0, end, &t->d);
        if (f->fragment) {
            scene_function(s, BEGIN + 4 * f->fragment, next);
            write_xdata(s, f, next, f->fragment, f->ninsns, &t->d);
        }
    }
    scene_open(s);
    ok(sc_space_add_filler(sc_target_space(s->target), "stack", fill, t));
}

/* ---- the test ---- */

static void begin(struct trial *t) {
    struct a64 *m = &t->m;
    for (unsigned i = 0; i < 32; i++) {
        m->x[i] = (uint64_t)roll(&t->d, 0x7fffffff) << 32 | roll(&t->d, 0x7fffffff);
        for (unsigned k = 0; k < 16; k++)
            m->q[i][k] = (uint8_t)roll(&t->d, 256);
    }
    m->x[ARM64_SP] = ENTRY;
    m->x[ARM64_LR] = RETURN;
    t->begin = *m;
}

static bool came_back(const struct trial *t) {
    const struct scene *s = &t->scene;
    bool good = sc_regs_ip(&s->regs) == RETURN && sc_regs_sp(&s->regs) == ENTRY;
    for (unsigned i = ARM64_X19; i <= ARM64_FP; i++)
        good = good && reg_get(&s->regs, i) == t->begin.x[i];
    for (unsigned i = 8; i < 16; i++)
        good = good && !memcmp(s->regs.raw + 0x110 + 16 * i, t->begin.q[i], 8);
    return good && s->step.known == KEPT_BITS && !s->step.exact_ip && !s->step.trap;
}

static void check(struct trial *t, uint32_t index, bool exact) {
    struct scene *s = &t->scene;
    regs_begin(&s->regs, IMAGE + BEGIN + 4 * index, 0);
    for (unsigned i = 0; i < 32; i++)
        reg_put(&s->regs, i, t->m.x[i]);
    memcpy(s->regs.raw + 0x110, t->m.q, sizeof t->m.q);
    uint64_t known = exact ? UINT64_MAX : KEPT_BITS;
    enum sc_step_status st = scene_go(s, exact, known);
    if (st != SC_STEP_DONE || !came_back(t))
        fail_msg("round %u, %s 0x%x, instruction %u of %u (prolog %u, epilog %u): status %d",
                 t->round, t->f.packed ? "packed" : "xdata", t->f.word, index, t->f.ninsns,
                 t->f.prolog, t->f.epilog[0], st);
    t->steps++;
}

/* Runs from the instruction FIRST up to END; true when it has returned there. */
static void execute(struct trial *t, uint32_t first, uint32_t end) {
    const struct function *f = &t->f;
    for (uint32_t i = first; i < end; i++) {
        check(t, i, true);
        if (i && a64_is_bl(f->insn[i - 1]))
            check(t, i, false);
        if (a64_is_bl(f->insn[i]))
            t->m.x[ARM64_LR] = IMAGE + BEGIN + 4 * i + 4;
        else if (i + 1 < end || !(a64_is_ret(f->insn[i]) || f->insn[i] >> 26 == 5))
            a64_run(&t->m, f->insn[i]);
        assert_false(t->m.fault);
    }
    /* The function itself is right: at its end all is as it was. */
    assert_true(t->m.x[ARM64_SP] == ENTRY);
    for (unsigned i = ARM64_X19; i <= ARM64_LR; i++)
        assert_true(t->m.x[i] == t->begin.x[i]);
}

/* Each epilog is reached from the prolog: the code before the one in question is jumped over. */
static void execute_all(struct trial *t) {
    const struct function *f = &t->f;
    for (uint32_t e = 0; e < f->nepilogs; e++) {
        uint32_t size = 1; /* of each epilog */
        for (unsigned i = 0; i < f->nsteps; i++)
            size += f->step[i].undoes != 0;
        uint32_t body = e ? f->epilog[e - 1] + size : f->prolog, end = f->epilog[e] + size;
        begin(t);
        for (uint32_t i = 0; i < f->prolog; i++) {
            if (!e)
                check(t, i, true);
            a64_run(&t->m, f->insn[i]);
        }
        execute(t, body, end);
    }
}

static void registers_come_back_from_every_instruction(void **state) {
    (void)state;
    struct trial *t = calloc(1, sizeof *t);
    unsigned packed = 0;
    assert_non_null(t);
    t->d.state = 20261;
    t->m = (struct a64){.base = BASE, .size = MEMORY, .memory = calloc(1, MEMORY)};
    assert_non_null(t->m.memory);
    for (t->round = 0; t->round < ROUNDS; t->round++) {
        make(&t->f, &t->d);
        put_image(t);
        execute_all(t);
        packed += t->f.packed;
        scene_close(&t->scene);
    }
    printf("# %u functions, %u packed, %llu steps\n", t->round, packed,
           (unsigned long long)t->steps);
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
