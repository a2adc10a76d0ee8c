/* SPDX-License-Identifier: MIT */
/* The symbols that a conversion asks where things are in the kernel's structures. */
#ifndef STOPCODE_CONVERT_SYMBOLS_H
#define STOPCODE_CONVERT_SYMBOLS_H

#include "convert/convert_impl.h"
#include "nt/nt.h"

/*
 * The caller's, when the options name a symtab; else what the target itself and the built-in tables
 * say: nothing is searched for.
 */
struct conv_symbols {
    sc_symtab *symtab, *own; /* `own`: made here; NULL: the caller's */
    sc_layout_book *book;
    struct nt nt;
};

sc_err *conv_symbols_begin(struct conversion *c, struct conv_symbols *ret);
void conv_symbols_end(struct conv_symbols *s);

/* Lack of memory, or cancelled: what no reader goes on after. */
bool conv_is_grave(const sc_err *err);

#endif
