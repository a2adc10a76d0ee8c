/* SPDX-License-Identifier: MIT */
/*
 * Locals and parameters, as optimising compilers describe them.
 *
 *     S_LOCAL                 u32 type, u16 flags (1 parameter, 0x100 optimised away), name
 *     S_DEFRANGE_REGISTER     u16 register, u16 0, then where: u32 offset, u16 segment, u16 bytes
 *     S_DEFRANGE_REGISTER_REL u16 register, u16 0, i32 offset, where
 *
 * Registers have CodeView's numbers (cvconst.h of microsoft-pdb).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/symfile_impl.h"

enum {
    S_LOCAL = 0x113e,
    S_DEFRANGE_REGISTER = 0x1141,
    S_DEFRANGE_REGISTER_REL = 0x1145,
    PARAMETER = 1,
    OPTIMISED = 0x100,
    RANGE_MAX = 0xf000,
    VFRAME = 30006,
};

struct names {
    uint16_t machine, first; /* machine 0: x86 and x64 */
    const char *list;        /* one behind the other, with blanks between */
};

static const struct names lists[] = {
    {0, 1, "al cl dl bl ah ch dh bh ax cx dx bx sp bp si di eax ecx edx ebx esp ebp esi edi"},
    {0, 154, "xmm0 xmm1 xmm2 xmm3 xmm4 xmm5 xmm6 xmm7"},
    {0x8664, 252, "xmm8 xmm9 xmm10 xmm11 xmm12 xmm13 xmm14 xmm15"},
    {0x8664, 324,
     "sil dil bpl spl rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 r8b r9b r10b "
     "r11b r12b r13b r14b r15b r8w r9w r10w r11w r12w r13w r14w r15w r8d r9d r10d r11d r12d r13d "
     "r14d r15d"},
    {0xaa64, 10,
     "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 w16 w17 w18 w19 w20 w21 w22 w23 w24 "
     "w25 w26 w27 w28 w29 w30"},
    {0xaa64, 50,
     "x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15 x16 x17 x18 x19 x20 x21 x22 x23 x24 "
     "x25 x26 x27 x28 fp lr sp"},
    {0x14c, VFRAME, "vframe"},
};

static bool find_register(uint16_t machine, const char *name, unsigned *ret) {
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        unsigned number = lists[i].first;
        if (lists[i].machine ? lists[i].machine != machine : machine == 0xaa64)
            continue;
        for (const char *p = lists[i].list; *p; number++) {
            size_t len = strcspn(p, " ");
            if (len == strlen(name) && memcmp(p, name, len) == 0) {
                *ret = number;
                return true;
            }
            p += len + (p[len] == ' ');
        }
    }
    return false;
}

/* The variable is where FIELDS (HEAD bytes of it) say during the whole function. */
static void put_ranges(struct symfile *b, const struct forge_symbol *f, uint16_t kind,
                       const struct forge_fields *fields) {
    uint16_t seg = 0;
    uint32_t off = 0;
    if (!symfile_place(b, f->rva, f->name, &seg, &off))
        return;
    for (uint32_t at = 0, len; at < f->size; at += len) {
        struct forge_fields r = *fields, where;
        len = f->size - at < RANGE_MAX ? f->size - at : RANGE_MAX;
        where = forge_fields("422", off + at, (unsigned)seg, len);
        memcpy(r.data + r.size, where.data, where.size);
        forge_pdb_sym(&b->p, b->module, kind, r.data, r.size + where.size, NULL);
    }
}

static bool put_local(struct symfile *b, const struct forge_symbol *f,
                      const struct forge_local *l) {
    unsigned number = 0;
    unsigned flags = (l->parameter ? PARAMETER : 0u) | (l->reg ? 0u : (unsigned)OPTIMISED);
    if (l->reg && !find_register(b->s->machine, l->reg, &number))
        return symfile_fail(b, "%.60s!%.60s: no register %.20s", f->name, l->name, l->reg);
    struct forge_fields fields = forge_fields("42", symfile_type(b, l->type, 0), flags);
    if (b->failed)
        return false;
    forge_pdb_sym(&b->p, b->module, S_LOCAL, fields.data, fields.size, l->name);
    if (!l->reg)
        return true;
    fields = l->has_offset ? forge_fields("224", number, 0u, (unsigned)l->offset)
                           : forge_fields("22", number, 0u);
    put_ranges(b, f, l->has_offset ? S_DEFRANGE_REGISTER_REL : S_DEFRANGE_REGISTER, &fields);
    return !b->failed;
}

bool symfile_locals(struct symfile *b, const struct forge_symbol *f) {
    for (size_t i = 0; i < f->nlocals; i++)
        if (!put_local(b, f, &f->local[i]))
            return false;
    return true;
}
