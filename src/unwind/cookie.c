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
 * gives with it one number that could be the cookie, and the one that frames agree on is it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "unwind/recover.h"

enum {
    HOME = 0x20,   /* of callees: no guard lies there */
    REACH = 0x400, /* from a stack pointer up to its cookie */
    MAX_PAIRS = 1 << 14,
    MAX_SPS = 1024,
    MAX_FRAME = 0x4000,
};

struct pair {
    uint64_t cookie, sp, slot;
    double weight;
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

/* Addresses from the lowest. */
struct addresses {
    uint64_t *item;
    size_t count, room;
};

/* Slots that may hold a guard of whatever frame. */
static sc_err *find_guards(const struct sc_recover *r, struct addresses *guards) {
    uint64_t v;
    for (uint64_t slot = r->mem.start; sc_stackmem_at(&r->mem, slot, &v); slot += 8) {
        if (!may_be_guard(r, v))
            continue;
        uint64_t *guard = SC_VEC_PUSH(guards);
        if (!guard)
            return sc_err_nomem();
        *guard = slot;
    }
    return NULL;
}

/* Stack pointers that frames of one image may have had. */
static sc_err *find_sps(struct sc_recover *r, const struct sc_module *module,
                        struct addresses *sps) {
    uint64_t first = (r->mem.start & ~UINT64_C(15)) + 8;
    for (uint64_t slot = first; slot + 8 <= r->mem.end && sps->count < MAX_SPS; slot += 16) {
        struct sc_candidate c = {.slot = slot};
        bool ok;
        if (!sc_stackmem_at(&r->mem, slot, &c.ip) || c.ip - module->base >= module->size)
            continue;
        if (sc_target_cancelled(r->u->target))
            return sc_err_cancelled();
        sc_err *err = sc_scan_plausible(r, &c, &ok);
        if (err)
            return err;
        uint64_t *sp = ok ? SC_VEC_PUSH(sps) : NULL;
        if (ok && !sp)
            return sc_err_nomem();
        if (ok)
            *sp = c.sp;
    }
    return NULL;
}

/*
 * What could be the cookie if the frame of the INDEX-th stack pointer is guarded. *FIRST is where
 * to look among the guards: it moves up with the stack pointers.
 */
static sc_err *collect_at(const struct sc_recover *r, const struct addresses *sps, size_t index,
                          const struct addresses *guards, size_t *first, struct pairs *pairs) {
    const uint64_t sp = sps->item[index];
    size_t over = index + 1;
    while (*first < guards->count && guards->item[*first] < sp + HOME)
        ++*first;
    for (size_t i = *first; i < guards->count && pairs->count < MAX_PAIRS; i++) {
        uint64_t v, slot = guards->item[i];
        if (slot - sp >= REACH)
            break;
        while (over < sps->count && sps->item[over] - 8 <= slot)
            over++;
        if (!sc_stackmem_at(&r->mem, slot, &v) || !plausible(v ^ sp))
            continue;
        struct pair *p = SC_VEC_PUSH(pairs);
        if (!p)
            return sc_err_nomem();
        *p = (struct pair){v ^ sp, sp, slot, 1. / (double)(over - index)};
    }
    return NULL;
}

static sc_err *collect(struct sc_recover *r, const struct sc_module *module, struct pairs *pairs) {
    struct addresses sps = {0}, guards = {0};
    size_t first = 0;
    sc_err *err = find_sps(r, module, &sps);
    if (!err && sps.count)
        err = find_guards(r, &guards);
    for (size_t i = 0; !err && i < sps.count; i++)
        err = collect_at(r, &sps, i, &guards, &first, pairs);
    SC_VEC_FREE(&sps);
    SC_VEC_FREE(&guards);
    return err;
}

/*
 * The number that the most stack pointers agree on. Stack pointers are few and close together, so
 * that with the cookie other numbers get votes, by frames that would reach over others: the more
 * return addresses lie between a stack pointer and its guard, the less the vote counts. It takes
 * two good ones, and a clear majority.
 */
static bool elect(struct pairs *pairs, uint64_t *ret) {
    const double enough = 1.4, clear = 1.5;
    double best = 0, second = 0;
    if (!pairs->count)
        return false;
    qsort(pairs->item, pairs->count, sizeof *pairs->item, by_cookie);
    for (size_t i = 0, next; i < pairs->count; i = next) {
        const struct pair *p = pairs->item;
        double votes = p[i].weight;
        for (next = i + 1; next < pairs->count && p[next].cookie == p[i].cookie; next++)
            if (p[next].sp != p[next - 1].sp && p[next].slot != p[next - 1].slot)
                votes += p[next].weight;
        if (votes > best) {
            second = best;
            best = votes;
            *ret = p[i].cookie;
        } else if (votes > second) {
            second = votes;
        }
    }
    return best >= enough && best >= clear * second;
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
