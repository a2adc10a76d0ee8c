/* SPDX-License-Identifier: MIT */
/*
 * The debugger data block (KDDEBUGGER_DATA64): where the kernel keeps the addresses of its lists
 * and the offsets in its structures for debuggers.
 *
 *   +0x000 LIST_ENTRY64   +0x010 OwnerTag "KDBG"   +0x014 Size   +0x018 KernBase   then the members
 *
 * The header of a dump names it. Where it does not (images of memory), or what stands there is no
 * block, it is looked for in the kernel's writable sections: by its tag, then as an encoded one
 * (kdbg_decode.c). A block found that way must have the kernel's own base in it.
 *
 * Sources: win32metadata (KDDEBUGGER_DATA64); Volatility (sizes).
 */
#include "target/kdbg.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "mem/space_impl.h"
#include "stopcode/pe.h"
#include "target/whole.h"

enum {
    TAG = 0x4742444b,
    HEAD = 0x20, /* up to and with KernBase */
    CHUNK = 0x10000,
    SCAN_MAX = 64 << 20, /* bytes of sections looked at: kernels have under 4 MB writable */
    WRITABLE = 0x80000000,
    LISTS = 0x48, /* PsLoadedModuleList, PsActiveProcessHead */
};

sc_space *sc_kernel_space(sc_target *t) {
    struct sc_whole *w = t->whole;
    return w && w->kernel ? w->kernel : t->virt;
}

static uint64_t number(const uint8_t *p, unsigned size) {
    uint64_t v = 0;
    for (unsigned i = size; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* The kernel stands first in its own list. */
uint64_t sc_kernel_base(sc_target *t) {
    const struct sc_machine *m = &t->source->machine;
    unsigned ptr = sc_target_ptr_size(t);
    if (m->kernel_base || !m->loaded_module_list || !t->whole)
        return m->kernel_base;
    uint64_t base = sc_whole_ptr(t, sc_whole_ptr(t, m->loaded_module_list) + 6 * ptr);
    return sc_whole_uint(t, base, 2) == 0x5a4d ? base : 0; /* "MZ" */
}

/* ---- one candidate ---- */

/* Are the heads of the two lists that every block names inside the kernel, or at least its? */
static bool lists_are_the_kernels(sc_target *t, const uint8_t *block, uint64_t base) {
    for (unsigned i = 0; i < 2; i++) {
        uint64_t head = sc_space_canon(t->virt, number(block + LISTS + 8 * i, 8));
        if (head < base || head - base > 0x10000000)
            return false;
    }
    return true;
}

static sc_err *keep(sc_target *t, const struct sc_debugger_data *data) {
    struct sc_debugger_data *own = sc_arena_alloc(t->source->arena, sizeof *own);
    if (!own)
        return sc_err_nomem();
    *own = *data;
    t->debugger_data = own;
    return NULL;
}

/* A plain block at VA, whose head is HEAD_BYTES. BASE is that of the kernel, 0 not known. */
static bool is_plain(sc_target *t, const uint8_t *head_bytes, uint64_t base) {
    uint64_t own = sc_space_canon(t->virt, number(head_bytes + 0x18, 8));
    return number(head_bytes + 0x10, 4) == TAG &&
           sc_kdbg_size_is_plausible((uint32_t)number(head_bytes + 0x14, 4)) &&
           (!base || own == base);
}

/* *RET_IS: there is a block at VA, and it is kept. */
static sc_err *try_plain(sc_target *t, uint64_t va, uint64_t base, const char *how, bool *ret_is) {
    struct sc_debugger_data d = {.va = va, .how = how};
    size_t got = 0;
    *ret_is = false;
    sc_space_read(sc_kernel_space(t), va, d.bytes, sizeof d.bytes, &got);
    if (got < HEAD || !is_plain(t, d.bytes, base))
        return NULL;
    uint32_t size = (uint32_t)number(d.bytes + 0x14, 4);
    d.size = size < sizeof d.bytes ? size : (uint32_t)sizeof d.bytes;
    d.size = d.size < got ? d.size : (uint32_t)got;
    memset(d.bytes + d.size, 0, sizeof d.bytes - d.size);
    *ret_is = true;
    return keep(t, &d);
}

static sc_err *try_encoded(sc_target *t, uint64_t va, uint64_t base, const char *how,
                           bool *ret_is) {
    struct sc_debugger_data d = {.va = va, .how = how, .encoded = true};
    uint8_t raw[sizeof d.bytes];
    size_t got = 0;
    *ret_is = false;
    sc_space_read(sc_kernel_space(t), va, raw, sizeof raw, &got);
    if (!base || got < LISTS + 16)
        return NULL;
    uint64_t stored = number(raw + 0x18, 8);
    int rotation = sc_kdbg_rotation(number(raw + 0x10, 8), stored, base, &d.size);
    if (rotation < 0)
        return NULL;
    d.size = d.size < got ? d.size : (uint32_t)(got & ~(size_t)7);
    for (uint32_t at = 0; at + 8 <= d.size; at += 8) {
        uint64_t plain = sc_kdbg_decode(number(raw + at, 8), stored, base, rotation);
        for (unsigned i = 0; i < 8; i++)
            d.bytes[at + i] = (uint8_t)(plain >> 8 * i);
    }
    *ret_is = lists_are_the_kernels(t, d.bytes, base);
    return *ret_is ? keep(t, &d) : NULL;
}

/* ---- looking for it ---- */

struct hunt {
    sc_target *t;
    uint64_t base;
    bool encoded; /* what is looked for */
    uint64_t left;
    bool found;
};

/* The head of a block, 8-aligned somewhere in the SIZE bytes at DATA, which stand at VA. */
static sc_err *hunt_in(struct hunt *h, uint64_t va, const uint8_t *data, size_t size) {
    sc_err *err = NULL;
    for (size_t at = 0; at + HEAD <= size && !err && !h->found; at += 8) {
        uint32_t block;
        if (h->encoded) {
            uint64_t stored = number(data + at + 0x18, 8);
            if (sc_kdbg_rotation(number(data + at + 0x10, 8), stored, h->base, &block) >= 0)
                err = try_encoded(
                    h->t, va + at, h->base,
                    "found by its tag, encoded: decoded by what the kernel's base tells",
                    &h->found);
        } else if (is_plain(h->t, data + at, h->base)) {
            err = try_plain(h->t, va + at, h->base, "found by its tag", &h->found);
        }
    }
    return err;
}

/* Pieces overlap by a head's length, so that none falls between two. */
static sc_err *hunt_section(struct hunt *h, uint64_t va, uint64_t size, uint8_t *buf) {
    sc_err *err = NULL;
    for (uint64_t at = 0; at < size && h->left && !err && !h->found;) {
        uint64_t want = size - at < CHUNK ? size - at : CHUNK;
        size_t got = 0;
        if (sc_target_cancelled(h->t))
            return sc_err_cancelled();
        sc_space_read(sc_kernel_space(h->t), va + at, buf, (size_t)want, &got);
        err = hunt_in(h, va + at, buf, got);
        /* Behind what could be read, on with the next page. */
        uint64_t next = got < want ? (got | 0xfff) + 1 : want > HEAD ? want - HEAD : want;
        if (got == want && want == size - at)
            next = want;
        h->left = h->left > next ? h->left - next : 0;
        at += next;
    }
    return err;
}

static sc_err *hunt_in_kernel(sc_target *t, uint64_t base, bool encoded) {
    struct hunt h = {.t = t, .base = base, .encoded = encoded, .left = SCAN_MAX};
    const struct sc_pe_section *s;
    size_t n = 0;
    sc_pe *pe;
    sc_err *err = sc_pe_open_memory(sc_kernel_space(t), base, "nt", &pe);
    if (err)
        return sc_whole_grave(err);
    uint8_t *buf = malloc(CHUNK);
    err = buf ? sc_pe_sections(pe, &s, &n) : sc_err_nomem();
    if (err)
        n = 0;
    err = sc_whole_grave(err);
    for (size_t i = 0; i < n && !err && !h.found; i++)
        if (s[i].characteristics & WRITABLE)
            err =
                hunt_section(&h, sc_space_canon(t->virt, base + s[i].rva), s[i].virtual_size, buf);
    free(buf);
    sc_pe_close(pe);
    return err;
}

/* ---- the public side ---- */

static sc_err *look_for(sc_target *t) {
    const struct sc_machine *m = &t->source->machine;
    uint64_t base = m->kernel ? sc_kernel_base(t) : 0, va = m->debugger_data;
    bool whole = sc_target_has_paging(t), is = false;
    sc_err *err = va && m->kernel ? try_plain(t, va, base, "named in the header", &is) : NULL;
    if (!err && !is && va && whole)
        err = try_encoded(t, va, base,
                          "named in the header, encoded: decoded by what the kernel's base tells",
                          &is);
    if (!err && !is && whole && base)
        err = hunt_in_kernel(t, base, false);
    if (!err && !t->debugger_data && whole && base && sc_target_ptr_size(t) == 8)
        err = hunt_in_kernel(t, base, true);
    if (!err)
        t->no_debugger_data = !t->debugger_data;
    return err;
}

static sc_err *why_not(sc_target *t) {
    uint64_t va = t->source->machine.debugger_data;
    bool unknown = sc_target_has_paging(t) && !sc_kernel_base(t);
    if (va)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "there is no debugger data block at 0x%" PRIx64
                       ", where the header says it is%s",
                       va, sc_target_has_paging(t) ? ", nor elsewhere in the kernel" : "");
    return sc_errf(SC_ERR_NOT_FOUND, "no debugger data block was found%s",
                   unknown ? ": it is not known where the kernel is" : "");
}

sc_err *sc_target_debugger_data(sc_target *target, const struct sc_debugger_data **ret_data) {
    bool known = target->debugger_data || target->no_debugger_data;
    sc_err *err = known ? NULL : look_for(target);
    if (!err && !target->debugger_data)
        err = why_not(target);
    if (!err)
        *ret_data = target->debugger_data;
    return err;
}

bool sc_target_kd_member(sc_target *target, uint32_t offset, unsigned width, uint64_t *ret_value) {
    const struct sc_debugger_data *d;
    if (target->no_debugger_data)
        return false;
    sc_err *err = sc_target_debugger_data(target, &d);
    if (err) {
        if (sc_err_code(err) == SC_ERR_NOMEM)
            sc_target_set_nomem(target);
        sc_err_destroy(err);
        return false;
    }
    if (width > 8 || offset > d->size || width > d->size - offset)
        return false;
    uint64_t v = number(d->bytes + offset, width);
    *ret_value = width == 8 ? sc_space_canon(target->virt, v) : v;
    return true;
}
