/* SPDX-License-Identifier: MIT */
/* A few bytes in front of the target's memory: see overlay.h. */
#include "cmd/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "mem/space_impl.h"

struct sc_overlay {
    sc_space *under, *space;
    uint64_t start;
    size_t size;
    uint8_t byte[SC_OVERLAY_BYTES];
};

/* No thing of the target lies at its start: not an address on x64, the null page on x86. */
static uint64_t overlay_start(unsigned ptr_size) {
    return ptr_size == 8 ? 0x8000000000000000 : 0x40;
}

static enum sc_read overlay_fill(void *ctx, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    struct sc_overlay *o = ctx;
    if (addr - o->start < o->size) {
        size_t n = o->size - (size_t)(addr - o->start);
        *ret_got = n < len ? n : len;
        memcpy(buf, o->byte + (addr - o->start), *ret_got);
        return SC_READ_OK;
    }
    *ret_got = 0;
    if (!o->under)
        return SC_READ_INVALID;
    enum sc_read status = sc_space_read(o->under, addr, buf, len, ret_got);
    return *ret_got ? SC_READ_OK : status;
}

sc_err *sc_overlay_create(sc_space *under, unsigned ptr_size, struct sc_overlay **ret_overlay) {
    struct sc_ranges none = {0};
    struct sc_overlay *o = calloc(1, sizeof *o);
    if (!o)
        return sc_err_nomem();
    o->under = under;
    o->start = overlay_start(ptr_size);
    sc_err *err = sc_space_create(NULL, &none, ptr_size, NULL, &o->space);
    if (!err)
        err = sc_space_add_filler(o->space, "a value's bytes", overlay_fill, o);
    if (err) {
        sc_overlay_destroy(o);
        return err;
    }
    *ret_overlay = o;
    return NULL;
}

void sc_overlay_destroy(struct sc_overlay *o) {
    if (!o)
        return;
    sc_space_destroy(o->space);
    free(o);
}

sc_space *sc_overlay_space(const struct sc_overlay *o) { return o->space; }

bool sc_overlay_put(struct sc_overlay *o, const void *bytes, size_t size, uint64_t *ret_addr) {
    if (size > sizeof o->byte - o->size)
        return false;
    memcpy(o->byte + o->size, bytes, size);
    *ret_addr = o->start + o->size;
    o->size += size;
    return true;
}

void sc_overlay_clear(struct sc_overlay *o) { o->size = 0; }
