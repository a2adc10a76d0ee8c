/* SPDX-License-Identifier: MIT */
/* The symbols that a conversion asks: the caller's, or what can be had without searching. */
#include "convert/symbols.h"

bool conv_is_grave(const sc_err *err) {
    return err && (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED);
}

void conv_symbols_end(struct conv_symbols *s) {
    sc_layout_book_destroy(s->book);
    sc_symtab_destroy(s->own);
}

sc_err *conv_symbols_begin(struct conversion *c, struct conv_symbols *ret) {
    struct sc_store_opts opts = {.sz = sizeof opts, .offline = true};
    *ret = (struct conv_symbols){.symtab = c->opts->symtab};
    sc_err *err = ret->symtab ? NULL : sc_symtab_create(c->target, &opts, &ret->own);
    if (!ret->symtab)
        ret->symtab = ret->own;
    if (!err)
        err = sc_layout_book_create(ret->symtab, &ret->book);
    if (err)
        conv_symbols_end(ret);
    else
        nt_init(&ret->nt, c->target, ret->symtab, ret->book);
    return err;
}
