/* SPDX-License-Identifier: MIT */
/*
 * Security cookies (/GS) as evidence of frames, on x64.
 *
 * A guarded function stores, above its buffers, its image's cookie xor its stack pointer:
 *
 *     mov rax, [__security_cookie] ; xor rax, rsp ; mov [rsp+n], rax
 *
 * So whoever knows the cookie reads the stack pointer of a frame from the stack, of which 48 bits
 * cannot agree by chance; and knows that the frame reaches at least up to that slot. The cookie is
 * a 48-bit number made at boot. It is read where the dump holds it. Else it is concluded: each
 * return address into the image gives a stack pointer that a frame may have had, each word above
 * gives with it one number that could be the cookie, and the one that two frames agree on is it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "unwind/recover.h"

enum {
    REACH = 0x400, /* from a stack pointer up to its cookie */
    MAX_PAIRS = 1 << 14,
    MAX_FRAME = 0x4000,
};

struct pair {
    uint64_t cookie, sp, slot;
};
struct pairs {
    struct pair *item;
    size_t count, room;
};

static bool plausible(uint64_t cookie) { return cookie >> 48 == 0 && cookie >> 36 != 0; }

static int by_cookie(const void *a, const void *b) {
    const struct pair *x = a, *y = b;
    if (x->cookie != y->cookie)
        return x->cookie < y->cookie ? -1 : 1;
    return x->sp < y->sp ? -1 : x->sp > y->sp;
}

/* A cookie xor a stack pointer is no pointer: those are aligned, or lie on the stack. */
static bool may_be_guard(const struct sc_recover *r, uint64_t v) {
    return v % 8 && v >> 32 && !sc_stackmem_has(&r->mem, v) &&
           !sc_target_module_at(r->u->target, v);
}

static sc_err *collect_at(const struct sc_recover *r, uint64_t sp, struct pairs *pairs) {
    uint64_t v, limit = sp + REACH < r->mem.end ? sp + REACH : r->mem.end;
    for (uint64_t s = sp + 0x20; s + 8 <= limit && pairs->count < MAX_PAIRS; s += 8) {
        if (!sc_stackmem_at(&r->mem, s, &v) || !plausible(v ^ sp) || !may_be_guard(r, v))
            continue;
        struct pair *p = SC_VEC_PUSH(pairs);
        if (!p)
            return sc_err_nomem();
        *p = (struct pair){v ^ sp, sp, s};
    }
    return NULL;
}

static sc_err *collect(const struct sc_recover *r, const struct sc_module *module,
                       struct pairs *pairs) {
    uint64_t v;
    for (uint64_t slot = (r->mem.start & ~UINT64_C(15)) + 8; slot + 8 <= r->mem.end; slot += 16) {
        if (!sc_stackmem_at(&r->mem, slot, &v) || v - module->base >= module->size ||
            v - r->data_start < r->data_end - r->data_start)
            continue;
        if (sc_target_cancelled(r->u->target))
            return sc_err_cancelled();
        sc_err *err = collect_at(r, slot + 8, pairs);
        if (err)
            return err;
    }
    return NULL;
}

/* The number that the most stack pointers agree on: at least two, in slots of their own. */
static bool elect(struct pairs *pairs, uint64_t *ret) {
    size_t best = 1;
    if (!pairs->count)
        return false;
    qsort(pairs->item, pairs->count, sizeof *pairs->item, by_cookie);
    for (size_t i = 0, next; i < pairs->count; i = next) {
        const struct pair *p = pairs->item;
        size_t votes = 1;
        for (next = i + 1; next < pairs->count && p[next].cookie == p[i].cookie; next++)
            votes += p[next].sp != p[next - 1].sp && p[next].slot != p[next - 1].slot;
        if (votes > best) {
            best = votes;
            *ret = p[i].cookie;
        }
    }
    return best > 1;
}

/* Where the image's symbols say that it is, if the dump holds it. */
static sc_err *stored(const struct sc_recover *r, const struct sc_module *module,
                      struct sc_cookie *c) {
    uint64_t addr, v;
    bool named;
    sc_err *err = sc_code_named(r->u, module, "__security_cookie", &addr, &named);
    if (!err && named && sc_space_uint(r->u->space, addr, 8, &v) == SC_READ_OK && plausible(v)) {
        c->found = true;
        c->value = v;
    }
    return err;
}

sc_err *sc_cookie_of(struct sc_recover *r, const struct sc_module *module, uint64_t *ret_cookie,
                     bool *ret_found) {
    *ret_found = false;
    if (r->u->cpu != SC_CPU_X64 || !module)
        return NULL;
    for (size_t i = 0; i < r->cookies.count; i++)
        if (r->cookies.item[i].module == module) {
            *ret_found = r->cookies.item[i].found;
            *ret_cookie = r->cookies.item[i].value;
            return NULL;
        }
    struct sc_cookie c = {.module = module};
    struct pairs pairs = {0};
    sc_err *err = stored(r, module, &c);
    if (!err && !c.found)
        err = collect(r, module, &pairs);
    if (!err && !c.found)
        c.found = elect(&pairs, &c.value);
    SC_VEC_FREE(&pairs);
    struct sc_cookie *kept = err ? NULL : SC_VEC_PUSH(&r->cookies);
    if (!kept)
        return err ? err : sc_err_nomem();
    *kept = c;
    *ret_found = c.found;
    *ret_cookie = c.value;
    return NULL;
}

uint64_t sc_cookie_slot(const struct sc_recover *r, uint64_t cookie, uint64_t sp) {
    uint64_t v, found = 0;
    uint64_t limit = r->mem.end - sp > MAX_FRAME ? sp + MAX_FRAME : r->mem.end;
    for (uint64_t s = sp; s + 8 <= limit; s += 8)
        if (sc_stackmem_at(&r->mem, s, &v) && v == (cookie ^ sp))
            found = s;
    return found;
}
