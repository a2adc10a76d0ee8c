/* SPDX-License-Identifier: MIT */
/*
 * Undecoration of function types.
 *
 *     [this] convention result params throw
 *     this       = [E] [I] [F] [G | H] (A | B | C | D)      ptr64 restrict unaligned, & or &&
 *     result     = "@" (none: constructors) | type
 *     params     = "X" (void) | (type | digit)* ("@" | "Z" (...))
 *     throw      = "Z" | "_E" (noexcept)
 */
#include "sym/undecorate_impl.h"

const char *ud_convention(struct ud *u) {
    /* Pairs of letters: the second is the exported form, and means the same. */
    static const char *const word[26] = {"__cdecl",
                                         "__cdecl",
                                         "__pascal",
                                         "__pascal",
                                         "__thiscall",
                                         "__thiscall",
                                         "__stdcall",
                                         "__stdcall",
                                         "__fastcall",
                                         "__fastcall",
                                         "",
                                         "",
                                         "__clrcall",
                                         "__clrcall",
                                         "__eabi",
                                         "__eabi",
                                         "__vectorcall",
                                         "",
                                         "__attribute__((__swiftcall__)) ",
                                         "",
                                         "",
                                         "",
                                         "__attribute__((__swiftasynccall__)) ",
                                         "",
                                         "",
                                         ""};
    char c = ud_pop(u);
    return c >= 'A' && c <= 'Z' ? word[c - 'A'] : "";
}

static const struct ud_list *params(struct ud *u, bool *ret_variadic) {
    if (ud_take(u, "X"))
        return NULL;
    struct ud_list *list = ud_list_new(u);
    while (!u->failed && ud_peek(u) != '@' && ud_peek(u) != 'Z') {
        struct ud_item *item = ud_list_add(u, list);
        if (!item)
            break;
        if (ud_digit(u)) {
            size_t i = (size_t)(ud_pop(u) - '0');
            item->type = i < u->back.nparams ? u->back.param[i] : ud_fail(u);
            continue;
        }
        const char *start = u->p;
        item->type = ud_type(u, UD_DROP);
        /* A type of one letter is not worth a reference. */
        if (!u->failed && u->back.nparams < UD_BACKREFS && u->p - start > 1)
            u->back.param[u->back.nparams++] = item->type;
    }
    if (!ud_take(u, "@"))
        *ret_variadic = ud_pop(u) == 'Z';
    return list;
}

struct ud_function *ud_function_type(struct ud *u, bool has_this) {
    struct ud_function *f = ud_new(u, sizeof *f);
    if (!f)
        return NULL;
    if (has_this) {
        bool member;
        f->quals = ud_ext_quals(u);
        f->ref = ud_take(u, "G") ? UD_REFERENCE : ud_take(u, "H") ? UD_RVALUE : UD_POINTER;
        f->quals |= ud_quals(u, &member);
    }
    f->convention = ud_convention(u);
    if (!ud_take(u, "@"))
        f->ret = ud_type(u, UD_RESULT);
    f->params = params(u, &f->variadic);
    f->is_noexcept = ud_take(u, "_E");
    if (!f->is_noexcept && !ud_take(u, "Z"))
        return ud_fail(u);
    return u->failed ? NULL : f;
}
