/* SPDX-License-Identifier: MIT */
/*
 * What a machine has besides the kernel's structures: callbacks for a bug check, and the table that
 * the firmware left.
 *
 * The records of callbacks are those of the public wdm.h (src/nt/bugcallback.c draws them):
 * pointers P wide, lists at nt!KeBugCheckCallbackListHead and nt!KeBugCheckReasonCallbackListHead.
 * The SMBIOS table is known by its physical address, which it has when all pages have their places.
 */
#include <string.h>

#include "forge/world.h"

static uint64_t global(const struct forge_world *w, const char *name) {
    const struct forge_wsymbol *s = forge_world_symbol(w, w->nt, name);
    return s ? s->addr : 0;
}

/* ---- callbacks ---- */

static bool eval(struct forge_world *w, unsigned line, const struct forge_expr *e, uint64_t *ret) {
    *ret = 0;
    return !e->text || forge_world_eval(w, line, e->text, ret, NULL);
}

static bool put_callback(struct forge_world *w, const struct forge_scn_callback *v) {
    const unsigned p = w->ptr_size;
    uint64_t routine, buffer, at = v->address;
    size_t size = strlen(v->component) + 1;
    if (!eval(w, v->line, &v->routine, &routine) || !eval(w, v->line, &v->buffer, &buffer))
        return false;
    uint64_t name = forge_world_spare(w, size, 8);
    forge_world_put(w, 0, name, v->component, size);
    forge_memmap_fill(&w->mem, at, 8 * p);
    forge_world_put_uint(w, v->line, at + 2 * p, p, routine);
    if (v->has_reason) {
        forge_world_put_uint(w, v->line, at + 3 * p, p, name);
        forge_world_put_uint(w, v->line, at + 4 * p, p, routine + name + v->reason);
        forge_world_put_uint(w, v->line, at + 5 * p, 4, v->reason);
        forge_world_put_uint(w, v->line, at + 5 * p + 4, 1, v->state);
    } else {
        forge_world_put_uint(w, v->line, at + 3 * p, p, buffer);
        forge_world_put_uint(w, v->line, at + 4 * p, 4, v->length);
        forge_world_put_uint(w, v->line, at + 5 * p, p, name);
        forge_world_put_uint(w, v->line, at + 6 * p, p, routine + buffer + v->length + name);
        forge_world_put_uint(w, v->line, at + 7 * p, 1, v->state);
    }
    return !forge_is_wrong(w->s);
}

bool forge_world_callbacks(struct forge_world *w) {
    size_t count = w->s->callbacks.count;
    uint64_t *object = forge_pool_get(w->pool, (count + 1) * sizeof *object);
    for (size_t i = 0; i < count; i++)
        if (!put_callback(w, &w->s->callbacks.item[i]))
            return false;
    for (unsigned reason = 0; count && reason < 2; reason++) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++)
            if (w->s->callbacks.item[i].has_reason == (reason == 1))
                object[n++] = w->s->callbacks.item[i].address;
        forge_world_link(
            w,
            global(w, reason ? "KeBugCheckReasonCallbackListHead" : "KeBugCheckCallbackListHead"),
            object, n, 0);
    }
    return true;
}

/* ---- SMBIOS ---- */

static bool put_number(struct forge_world *w, const char *name, unsigned width, uint64_t value) {
    uint8_t byte[8];
    for (unsigned i = 0; i < width; i++)
        byte[i] = (uint8_t)(value >> 8 * i);
    return forge_mmu_write(w->mmu, 0, global(w, name), byte, width) ||
           forge_wrong(w->s, w->s->smbios.line, "smbios: nt!%s has no page", name);
}

bool forge_world_smbios(struct forge_world *w) {
    const struct forge_scn_smbios *v = &w->s->smbios;
    struct forge_mapping m;
    if (!v->line)
        return true;
    if (!v->length || (v->address & (FORGE_FRAME - 1)) + v->length > FORGE_FRAME)
        return forge_wrong(w->s, v->line, "smbios: the table must lie in one page");
    if (!forge_mmu_find(w->mmu, 0, v->address, &m))
        return forge_wrong(w->s, v->line, "smbios: there is no memory at %llx",
                           (unsigned long long)v->address);
    return put_number(w, "WmipSMBiosTablePhysicalAddress", 8, m.pa) &&
           put_number(w, "WmipSMBiosTableLength", 4, v->length) &&
           put_number(w, "WmipSMBiosVersionInfo", 4,
                      v->major << 8 | v->minor << 16 | (uint64_t)v->dmi << 24);
}
