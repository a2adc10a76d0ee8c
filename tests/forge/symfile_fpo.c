/* SPDX-License-Identifier: MIT */
/*
 * Frame data of x86.
 *
 *     FPO_DATA    u32 RVA, u32 bytes, u32 locals (dwords), u16 parameters (dwords), u8 prolog, u8
 *                 saved registers:3, SEH:1, uses ebp:1, reserved:1, kind:2        debug slot 0
 *     FRAMEDATA   u32 RVA, bytes, locals, parameters, stack, program (in /names), u16 prolog, u16
 *                 saved registers (bytes), u32 flags: 1 SEH, 4 start of a function      slot 9
 */
#include <stdlib.h>

#include "forge/symfile_impl.h"

enum { OLD = 0, NEW = 9, SEH = 1, START = 4 };

static int by_rva(const void *a, const void *b) {
    const struct forge_fpo *const *x = a, *const *y = b;
    if ((*x)->rva != (*y)->rva)
        return (*x)->rva < (*y)->rva ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

static bool put_old(struct symfile *b, const struct forge_fpo *r) {
    if (r->locals % 4 || r->params % 4 || r->params / 4 > UINT16_MAX || r->saved_regs % 4 ||
        r->saved_regs > 28 || r->prolog > 255 || r->kind > 3)
        return symfile_fail(b,
                            "FPO data of RVA 0x%x: locals %u, parameters %u, registers %u, prolog "
                            "%u, kind %u",
                            r->rva, r->locals, r->params, r->saved_regs, r->prolog, r->kind);
    unsigned bits = r->saved_regs / 4 | (unsigned)r->has_seh << 3 | (unsigned)r->uses_ebp << 4 |
                    (unsigned)r->kind << 6;
    struct forge_fields f =
        forge_fields("444211", r->rva, r->size, r->locals / 4, r->params / 4, r->prolog, bits);
    forge_put(forge_pdb_slot(&b->p, OLD), f.data, f.size);
    return true;
}

static bool put_new(struct symfile *b, const struct forge_fpo *r) {
    if (r->saved_regs > UINT16_MAX || r->prolog > UINT16_MAX)
        return symfile_fail(b, "frame data of RVA 0x%x: registers %u, prolog %u", r->rva,
                            r->saved_regs, r->prolog);
    struct forge_fields f = forge_fields("444444224", r->rva, r->size, r->locals, r->params, 0u,
                                         forge_pdb_name(&b->p, r->program), r->prolog,
                                         r->saved_regs, START | (r->has_seh ? SEH : 0u));
    forge_put(forge_pdb_slot(&b->p, NEW), f.data, f.size);
    return true;
}

bool symfile_fpo(struct symfile *b) {
    size_t n = b->s->nfpo;
    uint16_t seg;
    uint32_t off;
    if (n == 0)
        return true;
    if (b->s->machine != 0x14c)
        return symfile_fail(b, "frame data are for x86");
    const struct forge_fpo **sorted = calloc(n, sizeof(void *));
    if (!sorted)
        return symfile_fail(b, "no memory for frame data");
    for (size_t i = 0; i < n; i++)
        sorted[i] = &b->s->fpo[i];
    qsort(sorted, n, sizeof *sorted, by_rva);
    for (size_t i = 0; i < n && !b->failed; i++) {
        if (!symfile_place(b, sorted[i]->rva, "frame data", &seg, &off))
            break;
        if (sorted[i]->program)
            put_new(b, sorted[i]);
        else
            put_old(b, sorted[i]);
    }
    free(sorted);
    return !b->failed;
}
