/* SPDX-License-Identifier: MIT */
#include "unwind/inlines.h"

struct list {
    struct sc_inline *item;
    size_t count;
};

static bool take(void *ctx, const struct sc_inline *i) {
    struct list *l = ctx;
    if (l->count == SC_INLINES_MAX)
        return false;
    l->item[l->count++] = *i;
    return true;
}

sc_err *sc_inlines_at(struct sc_unwind_module *m, uint64_t ip, bool exact_ip,
                      struct sc_inline ret[SC_INLINES_MAX], size_t *ret_count) {
    struct list l = {.item = ret};
    *ret_count = 0;
    uint64_t at = exact_ip || !ip ? ip : ip - 1;
    if (!m || !m->syms || at - m->base >= m->size)
        return NULL;
    for (size_t i = 0; i < m->syms->nproviders && !l.count; i++) {
        sc_err *err = sc_symbols_inlines(m->syms->provider[i], (uint32_t)(at - m->base), take, &l);
        if (!err)
            continue;
        if (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED)
            return err;
        sc_err_destroy(err); /* a damaged file takes the inlined frames away, not the walk */
    }
    *ret_count = l.count;
    return NULL;
}
