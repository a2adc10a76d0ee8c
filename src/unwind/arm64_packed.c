/* SPDX-License-Identifier: MIT */
/*
 * Packed unwind data of ARM64, written out as the unwind codes that it stands for.
 *
 *     bits 0-1 flag   2-12 length   13-15 RegF   16-19 RegI   20 H   21-22 CR   23-31 frame / 16
 *
 * RegI registers from x19 on, RegF + 1 from d8 on (none with RegF 0), H: x0 … x7 go to the stack,
 * CR: 0 nothing else; 1 lr behind the x registers; 2 pacibsp, and a frame of fp and lr; 3 the frame
 * alone. The prolog in its order, which the codes turn around:
 *
 *     pacibsp                            CR 2
 *     x registers in pairs, lr, d registers in pairs; the first one allocates the area of all
 *     x0 … x7                            4 instructions, if there is such an area
 *     the rest of the frame: sub sp; or, with fp and lr at its lower end,
 *         stp fp, lr, [sp, #-n]!; mov fp, sp            n up to 512
 *         sub sp, sp, #n; stp fp, lr, [sp]; mov fp, sp  beyond that
 *     and `sub sp` is two instructions when n is above 4080
 *
 * x19 and lr alone have their area allocated by an instruction of its own, since no code does both.
 * The epilog is the same backwards, without x0 … x7 and without what set fp. Flag 2: neither a
 * prolog nor an epilog is here, all of it has run.
 *
 * Learnt from Microsoft's "ARM64 exception handling". It leaves open where x0 … x7 go when no
 * register is saved before them: .NET's unwinder has them behind the whole frame, as a part of the
 * body, and so has this.
 */
#include <string.h>

#include "unwind/arm64.h"

enum { STEPS = 32, SP_STEP = 4080, PAIR_REACH = 512 };

/* A prolog under construction, in its own order. */
struct prolog {
    struct {
        uint8_t byte[4], size;
        bool only; /* not in the epilog */
    } step[STEPS];
    unsigned count;
    uint32_t area;  /* bytes of saved registers */
    uint32_t at;    /* where the next one goes */
    bool allocated; /* the area is */
};

static void put(struct prolog *p, unsigned a, int b) {
    p->step[p->count].byte[0] = (uint8_t)a;
    p->step[p->count].byte[1] = (uint8_t)b;
    p->step[p->count++].size = b < 0 ? 1 : 2;
}

static void put_only(struct prolog *p, unsigned a) {
    p->step[p->count].only = true;
    put(p, a, -1);
}

static void put_alloc(struct prolog *p, uint32_t size) {
    uint32_t units = size / 16;
    if (units < 32)
        put(p, units, -1);
    else
        put(p, 0xc0 | units >> 8, (int)(units & 0xff));
}

/* One or two registers, N from the first one of their kind on: PLAIN and PRE are their codes. */
static void put_save(struct prolog *p, unsigned plain, unsigned pre, unsigned n, unsigned count) {
    unsigned z = p->allocated ? p->at / 8 : p->area / 8 - 1;
    unsigned shift = p->allocated || count == 2 ? 6 : 5; /* single ones have fewer bits of z */
    unsigned code = (p->allocated ? plain : pre) | n << shift | z;
    put(p, code >> 8, (int)(code & 0xff));
    p->at += 8 * count;
    p->allocated = true;
}

static void put_x(struct prolog *p, unsigned n, unsigned count) {
    if (count == 2)
        put_save(p, 0xc800, 0xcc00, n, 2);
    else
        put_save(p, 0xd000, 0xd400, n, 1);
}

static void put_d(struct prolog *p, unsigned n, unsigned count) {
    if (count == 2)
        put_save(p, 0xd800, 0xda00, n, 2);
    else
        put_save(p, 0xdc00, 0xde00, n, 1);
}

static void put_x_registers(struct prolog *p, unsigned regs, bool lr) {
    if (regs == 1 && lr) {
        put_alloc(p, p->area);
        p->allocated = true;
    }
    for (unsigned n = 0; n + 1 < regs; n += 2)
        put_x(p, n, 2);
    if (regs % 2 && lr)
        put_save(p, 0xd600, 0xd600, (regs - 1) / 2, 2);
    else if (regs % 2)
        put_x(p, regs - 1, 1);
    else if (lr)
        put_x(p, ARM64_LR - ARM64_X19, 1);
}

static void put_rest(struct prolog *p, uint32_t size, bool chained) {
    if (!size)
        return;
    if (chained && size <= PAIR_REACH) {
        put(p, 0x80 | (size / 8 - 1), -1);
    } else {
        put_alloc(p, size <= SP_STEP ? size : SP_STEP);
        if (size > SP_STEP)
            put_alloc(p, size - SP_STEP);
        if (chained)
            put(p, 0x40, -1);
    }
    if (chained)
        put_only(p, 0xe1);
}

static void write_codes(const struct prolog *p, bool epilog, struct arm64_info *ret) {
    for (unsigned i = p->count; i-- > 0;) {
        if (epilog && p->step[i].only)
            continue;
        memcpy(ret->codes + ret->size, p->step[i].byte, p->step[i].size);
        ret->size += p->step[i].size;
    }
    ret->codes[ret->size++] = 0xe4;
}

bool arm64_unpack(uint32_t packed, struct arm64_info *ret) {
    unsigned regf = packed >> 13 & 7, regi = packed >> 16 & 15, cr = packed >> 21 & 3;
    bool homes = packed >> 20 & 1, chained = cr >= 2;
    unsigned floats = regf ? regf + 1 : 0, saved = regi + (cr == 1) + floats;
    uint32_t frame = (packed >> 23) * 16;
    struct prolog p = {.area = saved ? (saved * 8 + (homes ? 64 : 0) + 15) & ~15u : 0};
    if (regi > 10 || p.area > frame)
        return false;
    if (cr == 2)
        put(&p, 0xfc, -1);
    put_x_registers(&p, regi, cr == 1);
    for (unsigned n = 0; n < floats; n += 2)
        put_d(&p, n, floats - n == 1 ? 1 : 2);
    for (unsigned i = 0; homes && p.allocated && i < 4; i++)
        put_only(&p, 0xe3);
    put_rest(&p, frame - p.area, chained);
    ret->length = packed >> 2 & 0x7ff;
    ret->nepilogs = 0;
    ret->size = 0;
    ret->single = (packed & 3) == ARM64_PACKED;
    if (!ret->single)
        ret->codes[ret->size++] = 0xe5;
    write_codes(&p, false, ret);
    ret->first = ret->size;
    if (ret->single)
        write_codes(&p, true, ret);
    return true;
}
