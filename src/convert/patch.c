/* SPDX-License-Identifier: MIT */
/*
 * What a kernel dump needs in memory, and an image of a machine may lack.
 *
 *   The debugger data block must be readable: Windows keeps it encoded while it runs and decodes it
 *   when it writes a dump. Where memory has it encoded, the decoded one is written.
 *
 *   Kernel dumps keep each processor's registers in the CONTEXT that its KPRCB points to
 *   (OffsetPrcbContext) or contains (OffsetPrcbProcStateContext). A virtual machine's container has
 *   them beside memory: they are written there, as QEMU does for its Windows dumps.
 */
#include <string.h>

#include "base/vec.h"
#include "convert/convert_impl.h"

enum { KD_PROCESSOR_STATE = 0x2bc, KD_PROCESSOR_CONTEXT = 0x338 };

/* One page's part. Bytes that memory has already are no patch. */
static sc_err *patch_page(struct conversion *c, uint64_t va, const uint8_t *data, uint32_t size,
                          const char *why) {
    struct sc_translation t;
    uint8_t now[CONV_PAGE];
    sc_translate(sc_target_paging(c->target), va, &t);
    if (t.status != SC_READ_OK ||
        sc_space_read(sc_target_phys(c->target), t.pa, now, size, NULL) != SC_READ_OK ||
        !memcmp(now, data, size))
        return NULL;
    uint8_t *copy = sc_arena_alloc(c->arena, size);
    struct conv_patch *p = copy ? SC_VEC_PUSH(&c->patches) : NULL;
    if (!p)
        return sc_err_nomem();
    memcpy(copy, data, size);
    *p = (struct conv_patch){t.pa, size, copy, why};
    return NULL;
}

static sc_err *patch(struct conversion *c, uint64_t va, const uint8_t *data, uint32_t size,
                     const char *why) {
    sc_err *err = NULL;
    while (size && !err) {
        uint32_t room = CONV_PAGE - va % CONV_PAGE, n = size < room ? size : room;
        err = patch_page(c, va, data, n, why);
        va += n;
        data += n;
        size -= n;
    }
    return err;
}

static bool is_grave(const sc_err *err) {
    return err && (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED);
}

static sc_err *patch_debugger_data(struct conversion *c) {
    const struct sc_debugger_data *kd;
    sc_err *err = sc_target_debugger_data(c->target, &kd);
    if (err) {
        if (is_grave(err))
            return err;
        sc_err_destroy(err); /* none: nothing can be decoded */
        return NULL;
    }
    uint32_t size = kd->size < sizeof kd->bytes ? kd->size : sizeof kd->bytes;
    return kd->encoded ? patch(c, kd->va, kd->bytes, size, "debugger data block, decoded") : NULL;
}

static uint64_t context_place(struct conversion *c, uint64_t prcb) {
    sc_space *space = sc_target_space(c->target);
    uint64_t at = 0, va = 0;
    if (!prcb)
        return 0;
    if (sc_target_kd_member(c->target, KD_PROCESSOR_CONTEXT, 2, &at) && at &&
        sc_space_ptr(space, sc_space_canon(space, prcb + at), &va) == SC_READ_OK && va)
        return va;
    if (sc_target_kd_member(c->target, KD_PROCESSOR_STATE, 2, &at) && at)
        return sc_space_canon(space, prcb + at);
    return 0;
}

static sc_err *patch_contexts(struct conversion *c) {
    const struct sc_threads *cpus;
    if (!sc_target_source(c->target)->ops->load_regs)
        return NULL; /* they are in memory, or nowhere */
    sc_err *err = sc_target_threads(c->target, &cpus);
    for (size_t i = 0; !err && i < cpus->count; i++) {
        struct sc_regs regs;
        uint64_t va = context_place(c, cpus->item[i].prcb);
        err = va ? sc_target_regs(c->target, cpus->item[i].index, &regs) : NULL;
        if (err && !is_grave(err)) {
            sc_err_destroy(err);
            err = NULL;
        } else if (!err && va) {
            err = patch(c, va, regs.raw, regs.size, "registers of a processor, into its context");
        }
    }
    return err;
}

sc_err *conv_find_patches(struct conversion *c) {
    if (!sc_target_has_paging(c->target))
        return NULL;
    sc_err *err = patch_debugger_data(c);
    return err ? err : patch_contexts(c);
}
