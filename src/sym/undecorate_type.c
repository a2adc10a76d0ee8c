/* SPDX-License-Identifier: MIT */
/*
 * Undecoration of types.
 *
 *     C D E F G H I J K M N O X      signed char, char, unsigned char, short … long double, void
 *     _D .. _N _Q _S _U _W           sized and newer ones
 *     T U V name, W4 name            union, struct, class, enum
 *     P Q R S [E I F] quals type     pointer; itself const, volatile, both
 *     A B                            reference; volatile.  $$Q $$R: to an rvalue
 *     P6 function                    pointer to a function
 *     P [E I F] (Q R S T) class type pointer to a member; P8 class function: to a member function
 *     Y rank size* type              array
 *     $$A6 function, $$A8@@ function a function itself
 *     $$T                            std::nullptr_t
 *     ? name @                       of the compiler's own making
 */
#include "sym/undecorate_impl.h"

static struct ud_type *new_type(struct ud *u, enum ud_type_kind kind) {
    struct ud_type *t = ud_new(u, sizeof *t);
    if (t)
        t->kind = kind;
    return t;
}

unsigned ud_quals(struct ud *u, bool *ret_member) {
    char c = ud_pop(u);
    bool member = c >= 'Q' && c <= 'T';
    *ret_member = member;
    if (!member && (c < 'A' || c > 'D')) {
        ud_fail(u);
        return 0;
    }
    return (unsigned)(c - (member ? 'Q' : 'A')); /* const 1, volatile 2 */
}

unsigned ud_ext_quals(struct ud *u) {
    unsigned quals = ud_take(u, "E") ? UD_PTR64 : 0;
    quals |= ud_take(u, "I") ? UD_RESTRICT : 0;
    return quals | (ud_take(u, "F") ? UD_UNALIGNED : 0);
}

static struct ud_type *primitive(struct ud *u) {
    static const char *const plain[26] = {
        ['C' - 'A'] = "signed char",  ['D' - 'A'] = "char",           ['E' - 'A'] = "unsigned char",
        ['F' - 'A'] = "short",        ['G' - 'A'] = "unsigned short", ['H' - 'A'] = "int",
        ['I' - 'A'] = "unsigned int", ['J' - 'A'] = "long",           ['K' - 'A'] = "unsigned long",
        ['M' - 'A'] = "float",        ['N' - 'A'] = "double",         ['O' - 'A'] = "long double",
        ['X' - 'A'] = "void",
    };
    static const char *const under[26] = {
        ['D' - 'A'] = "__int8",         ['E' - 'A'] = "unsigned __int8",
        ['F' - 'A'] = "__int16",        ['G' - 'A'] = "unsigned __int16",
        ['H' - 'A'] = "__int32",        ['I' - 'A'] = "unsigned __int32",
        ['J' - 'A'] = "__int64",        ['K' - 'A'] = "unsigned __int64",
        ['L' - 'A'] = "__int128",       ['M' - 'A'] = "unsigned __int128",
        ['N' - 'A'] = "bool",           ['P' - 'A'] = "auto",
        ['Q' - 'A'] = "char8_t",        ['S' - 'A'] = "char16_t",
        ['T' - 'A'] = "decltype(auto)", ['U' - 'A'] = "char32_t",
        ['W' - 'A'] = "wchar_t",
    };
    struct ud_type *t = new_type(u, UD_PRIMITIVE);
    if (!t)
        return NULL;
    if (ud_take(u, "$$T")) {
        t->word = "std::nullptr_t";
        return t;
    }
    const char *const *table = ud_take(u, "_") ? under : plain;
    char c = ud_pop(u);
    t->word = c >= 'A' && c <= 'Z' ? table[c - 'A'] : NULL;
    return t->word ? t : ud_fail(u);
}

static struct ud_type *tag(struct ud *u) {
    struct ud_type *t = new_type(u, UD_TAG);
    char c = ud_pop(u);
    if (!t || (c == 'W' && !ud_take(u, "4")))
        return ud_fail(u);
    t->word = c == 'T' ? "union " : c == 'U' ? "struct " : c == 'V' ? "class " : "enum ";
    t->name = ud_type_name(u);
    return t;
}

/* Does a pointer's letter, and what is behind it, say that it points to a member? */
static bool is_member_pointer(struct ud *u) {
    if (ud_peek(u) < 'P' || ud_peek(u) > 'S')
        return false;
    struct ud look = *u;
    ud_pop(&look);
    if (ud_digit(&look)) {
        char c = ud_peek(&look);
        if (c != '6' && c != '8')
            ud_fail(u);
        return c == '8';
    }
    ud_ext_quals(&look);
    bool member;
    ud_quals(&look, &member);
    if (look.failed)
        ud_fail(u);
    return member;
}

static void pointer_letter(struct ud *u, struct ud_type *t) {
    if (ud_take(u, "$$Q") || ud_take(u, "$$R")) {
        t->affinity = UD_RVALUE;
        t->quals = u->p[-1] == 'R' ? UD_VOLATILE : 0;
        return;
    }
    char c = ud_pop(u);
    if (c == 'A' || c == 'B') {
        t->affinity = UD_REFERENCE;
        t->quals = c == 'B' ? UD_VOLATILE : 0;
    } else {
        t->quals = (unsigned)(c - 'P');
    }
}

static struct ud_type *function(struct ud *u, bool has_this) {
    struct ud_type *t = new_type(u, UD_FUNCTION);
    struct ud_function *f = ud_function_type(u, has_this);
    if (t && f)
        t->function = f;
    return f ? t : NULL;
}

static struct ud_type *pointer(struct ud *u) {
    struct ud_type *t = new_type(u, UD_PTR);
    if (!t)
        return NULL;
    pointer_letter(u, t);
    if (ud_take(u, "6")) {
        t->to = function(u, false);
        return t;
    }
    t->quals |= ud_ext_quals(u);
    t->to = ud_type(u, UD_MANGLE);
    return t;
}

static struct ud_type *member_pointer(struct ud *u) {
    struct ud_type *t = new_type(u, UD_PTR);
    if (!t)
        return NULL;
    pointer_letter(u, t);
    t->quals |= ud_ext_quals(u);
    if (ud_take(u, "8")) {
        t->member_of = ud_type_name(u);
        t->to = function(u, true);
        return t;
    }
    bool member;
    unsigned quals = ud_quals(u, &member);
    t->member_of = ud_type_name(u);
    struct ud_type *to = ud_type(u, UD_DROP);
    if (to)
        to->quals = quals;
    t->to = to;
    return t;
}

static struct ud_type *array(struct ud *u) {
    ud_take(u, "Y");
    uint64_t rank = ud_unsigned(u);
    /* Every size takes a byte at least. */
    if (u->failed || !rank || rank > (uint64_t)(u->end - u->p))
        return ud_fail(u);
    struct ud_type *t = new_type(u, UD_ARRAY);
    uint64_t *dims = ud_new(u, (size_t)rank * sizeof *dims);
    if (!dims)
        return NULL;
    for (uint64_t i = 0; i < rank && !u->failed; i++)
        dims[i] = ud_unsigned(u);
    t->dims = dims;
    t->ndims = (size_t)rank;
    bool member = false;
    if (ud_take(u, "$$C"))
        t->quals = ud_quals(u, &member);
    if (member)
        return ud_fail(u);
    t->to = ud_type(u, UD_DROP);
    return t;
}

static struct ud_type *custom(struct ud *u) {
    struct ud_type *t = new_type(u, UD_CUSTOM);
    ud_take(u, "?");
    const struct ud_ident *ident = ud_type_part(u);
    if (!t || !ud_take(u, "@"))
        return ud_fail(u);
    t->ident = ident;
    return t;
}

static struct ud_type *unqualified(struct ud *u) {
    switch (ud_peek(u)) {
    case 'T':
    case 'U':
    case 'V':
    case 'W': return tag(u);
    case 'A':
    case 'B':
    case 'P':
    case 'Q':
    case 'R':
    case 'S': return is_member_pointer(u) ? member_pointer(u) : pointer(u);
    case 'Y': return array(u);
    case '?': return custom(u);
    default: break;
    }
    if (ud_at(u, "$$Q") || ud_at(u, "$$R"))
        return pointer(u);
    if (ud_take(u, "$$A8@@"))
        return function(u, true);
    return ud_take(u, "$$A6") ? function(u, false) : primitive(u);
}

struct ud_type *ud_type(struct ud *u, enum ud_mangle mangle) {
    if (!ud_enter(u))
        return NULL;
    bool member;
    unsigned quals = 0;
    if (mangle == UD_MANGLE || (mangle == UD_RESULT && ud_take(u, "?")))
        quals = ud_quals(u, &member);
    struct ud_type *t = unqualified(u);
    ud_leave(u);
    if (u->failed || !t)
        return NULL;
    t->quals |= quals;
    return t;
}
