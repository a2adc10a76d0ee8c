/* SPDX-License-Identifier: MIT */
/*
 * Undecoration of whole symbols: what stands behind the qualified name.
 *
 *     0 1 2         private, protected, public static member       type qualifiers
 *     3 4           global, static in a function                   type qualifiers
 *     A .. X        member functions: three groups of eight (private, protected, public), each
 *                   plain, static, virtual, thunk; the odd ones are "far" and mean the same
 *     Y Z           other functions
 *     9             extern "C", of which nothing is known
 *     $0 .. $5      vtordisp thunks; $R0 .. $R5: with two more numbers
 *     $$J0          in front: extern "C"
 */
#include "sym/undecorate_impl.h"

static struct ud_symbol *new_symbol(struct ud *u, enum ud_symbol_kind kind) {
    struct ud_symbol *s = ud_new(u, sizeof *s);
    if (s)
        s->kind = kind;
    return s;
}

static unsigned thunk_class(struct ud *u) {
    static const unsigned access[] = {UD_PRIVATE, UD_PROTECTED, UD_PUBLIC};
    unsigned more = ud_take(u, "R") ? UD_VTORDISPEX : 0;
    char c = ud_pop(u);
    if (c < '0' || c > '5') {
        ud_fail(u);
        return 0;
    }
    return access[(c - '0') / 2] | UD_VIRTUAL | UD_VTORDISP | more;
}

static unsigned function_class(struct ud *u) {
    static const unsigned access[] = {UD_PRIVATE, UD_PROTECTED, UD_PUBLIC};
    static const unsigned sort[] = {0, UD_STATIC, UD_VIRTUAL, UD_VIRTUAL | UD_THIS_ADJUST};
    char c = ud_pop(u);
    if (c == '9')
        return UD_EXTERN_C | UD_NO_PARAMS;
    if (c == '$')
        return thunk_class(u);
    if (c == 'Y' || c == 'Z')
        return UD_GLOBAL;
    if (c < 'A' || c > 'X') {
        ud_fail(u);
        return 0;
    }
    unsigned cls = access[(c - 'A') / 8] | sort[(c - 'A') % 8 / 2];
    /* llvm-undname does not call the private ones virtual, which they are; we do as it does. */
    return cls & UD_PRIVATE && cls & UD_THIS_ADJUST ? cls & ~(unsigned)UD_VIRTUAL : cls;
}

struct ud_function *ud_function_encoding(struct ud *u) {
    unsigned extra = ud_take(u, "$$J0") ? UD_EXTERN_C : 0;
    unsigned cls = function_class(u) | extra;
    int64_t adjust[4] = {0}; /* of 32 bits each: -4 is written as a large number */
    if (cls & UD_VTORDISPEX) {
        adjust[2] = (int32_t)ud_signed(u);
        adjust[3] = (int32_t)ud_signed(u);
    }
    if (cls & UD_VTORDISP)
        adjust[1] = (int32_t)ud_signed(u);
    if (cls & (UD_VTORDISP | UD_THIS_ADJUST))
        adjust[0] = (uint32_t)ud_signed(u);
    struct ud_function *f;
    if (cls & UD_NO_PARAMS) {
        f = ud_new(u, sizeof *f);
        if (f)
            f->convention = "";
    } else {
        f = ud_function_type(u, !(cls & (UD_GLOBAL | UD_STATIC)));
    }
    if (!f)
        return NULL;
    f->cls = cls;
    memcpy(f->adjust, adjust, sizeof adjust);
    return f;
}

static void variable_encoding(struct ud *u, struct ud_symbol *s) {
    static const char *const storage[] = {"private: static ", "protected: static ",
                                          "public: static ", "", ""};
    s->storage = storage[ud_pop(u) - '0'];
    struct ud_type *type = ud_type(u, UD_DROP);
    if (!type)
        return;
    s->type = type;
    bool member;
    if (type->kind != UD_PTR) {
        type->quals = ud_quals(u, &member);
        return;
    }
    type->quals |= ud_ext_quals(u);
    unsigned quals = ud_quals(u, &member);
    if (type->member_of)
        ud_type_name(u); /* said twice */
    struct ud_type *to = ud_new(u, sizeof *to);
    if (!to)
        return;
    *to = *type->to; /* may be shared through a back reference */
    to->quals |= quals;
    type->to = to;
}

struct ud_symbol *ud_declarator(struct ud *u) {
    const struct ud_qname *name = ud_symbol_name(u);
    bool is_data = ud_peek(u) >= '0' && ud_peek(u) <= '4';
    struct ud_symbol *s = new_symbol(u, is_data ? UD_SYM_VARIABLE : UD_SYM_FUNCTION);
    if (!s || !name)
        return NULL;
    s->name = name;
    if (is_data)
        variable_encoding(u, s);
    else
        s->function = ud_function_encoding(u);
    if (u->failed)
        return NULL;
    const struct ud_ident *last = name->part.ident;
    if (last->kind != UD_CONVERSION)
        return s;
    /* The type that an operator converts to is its result. */
    if (is_data || !s->function->ret)
        return ud_fail(u);
    ((struct ud_ident *)last)->target = s->function->ret;
    return s;
}

static const struct ud_symbol *hashed(struct ud *u) {
    const char *start = u->p;
    ud_take(u, "?");
    ud_take(u, "?@");
    const char *at = memchr(u->p, '@', (size_t)(u->end - u->p));
    if (!at)
        return ud_fail(u);
    u->p = at + 1;
    ud_take(u, "??_R4@"); /* a locator of a class with such a name */
    struct ud_symbol *s = new_symbol(u, UD_SYM_TEXT);
    if (s)
        s->text = ud_text(u, start, (size_t)(u->p - start));
    return s;
}

static const struct ud_symbol *type_name(struct ud *u) {
    struct ud_symbol *s = new_symbol(u, UD_SYM_VARIABLE);
    const struct ud_type *type = ud_type(u, UD_RESULT);
    const struct ud_ident *ident = ud_ident_new(u, UD_NAME, "`RTTI Type Descriptor Name'");
    struct ud_qname *name = ud_new(u, sizeof *name);
    if (!name || u->p != u->end)
        return ud_fail(u);
    name->part.ident = ident;
    s->storage = "";
    s->type = type;
    s->name = name;
    return s;
}

const struct ud_symbol *ud_symbol(struct ud *u) {
    const struct ud_symbol *s = NULL;
    if (!ud_enter(u))
        return NULL;
    if (ud_take(u, "."))
        s = type_name(u);
    else if (ud_at(u, "??@"))
        s = hashed(u);
    else if (!ud_take(u, "?"))
        ud_fail(u);
    else if (!(s = ud_special(u)) && !u->failed)
        s = ud_declarator(u);
    ud_leave(u);
    return u->failed ? NULL : s;
}
