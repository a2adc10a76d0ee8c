/* SPDX-License-Identifier: MIT */
/*
 * Undecoration of symbols that the compiler makes, behind "?":
 *
 *     ?_7 ?_8 ?_S ?_R4   tables of a class, and "6" or "7", qualifiers, [base class] "@"
 *     ?_9                a call through a vftable: "$B" offset "A" convention
 *     ?_B ?__J           guards of static variables: "4IA" or "5", [number]
 *     ?_C                string literals (undecorate_string.c)
 *     ?_R0               RTTI type descriptor: type "@8", at the end
 *     ?_R1               base class descriptor: four numbers, class, "8"
 *     ?_R2 ?_R3          base class array, class hierarchy descriptor: class, "8"
 *     ?__E ?__F          initializer or destructor of a variable: its name, or the whole symbol
 */
#include "sym/undecorate_impl.h"

static struct ud_symbol *variable(struct ud *u, const struct ud_qname *name,
                                  const struct ud_type *type) {
    struct ud_symbol *s = ud_new(u, sizeof *s);
    if (!s || !name)
        return ud_fail(u);
    s->kind = UD_SYM_VARIABLE;
    s->storage = "";
    s->name = name;
    s->type = type;
    return s;
}

static struct ud_qname *alone(struct ud *u, const struct ud_ident *ident) {
    struct ud_qname *name = ud_new(u, sizeof *name);
    if (name)
        name->part.ident = ident;
    return name;
}

static const struct ud_symbol *table(struct ud *u, const char *word) {
    struct ud_symbol *s = ud_new(u, sizeof *s);
    const struct ud_qname *name = ud_scopes(u, ud_ident_new(u, UD_NAME, word));
    char c = ud_pop(u);
    bool member;
    if (!s || (c != '6' && c != '7'))
        return ud_fail(u);
    s->kind = UD_SYM_TABLE;
    s->name = name;
    s->quals = ud_quals(u, &member);
    if (!ud_take(u, "@"))
        s->target = ud_type_name(u);
    return s;
}

static const struct ud_symbol *vcall(struct ud *u) {
    struct ud_ident *ident = ud_ident_new(u, UD_VCALL, NULL);
    const struct ud_qname *name = ud_scopes(u, ident);
    struct ud_symbol *s = ud_new(u, sizeof *s);
    struct ud_function *f = ud_new(u, sizeof *f);
    if (!f || !ud_take(u, "$B"))
        return ud_fail(u);
    ident->number[0] = (int64_t)ud_unsigned(u);
    if (!ud_take(u, "A"))
        return ud_fail(u);
    f->convention = ud_convention(u);
    f->cls = UD_NO_PARAMS | UD_VCALL_THUNK;
    s->kind = UD_SYM_FUNCTION;
    s->name = name;
    s->function = f;
    return s;
}

static const struct ud_symbol *guard(struct ud *u, bool thread) {
    struct ud_ident *ident = ud_ident_new(u, UD_GUARD, NULL);
    const struct ud_qname *name = ud_scopes(u, ident);
    if (!name || (!ud_take(u, "4IA") && !ud_take(u, "5")))
        return ud_fail(u);
    ident->flag = thread;
    if (u->p < u->end)
        ident->number[0] = (uint32_t)ud_unsigned(u);
    return variable(u, name, NULL);
}

static const struct ud_symbol *untyped(struct ud *u, struct ud_ident *ident) {
    const struct ud_qname *name = ud_scopes(u, ident);
    if (!ud_take(u, "8"))
        return ud_fail(u);
    return variable(u, name, NULL);
}

static const struct ud_symbol *base_class(struct ud *u) {
    struct ud_ident *ident = ud_ident_new(u, UD_RTTI_BASE, NULL);
    if (!ident)
        return NULL;
    ident->number[0] = (uint32_t)ud_unsigned(u);
    ident->number[1] = (int32_t)ud_signed(u);
    ident->number[2] = (uint32_t)ud_unsigned(u);
    ident->number[3] = (uint32_t)ud_unsigned(u);
    return untyped(u, ident);
}

static const struct ud_symbol *type_descriptor(struct ud *u) {
    const struct ud_type *type = ud_type(u, UD_RESULT);
    if (!ud_take(u, "@8") || u->p != u->end)
        return ud_fail(u);
    return variable(u, alone(u, ud_ident_new(u, UD_NAME, "`RTTI Type Descriptor'")), type);
}

/* Old clangs left out the "?" in front of a variable, and one "@" behind it. */
static const struct ud_symbol *dynamic(struct ud *u, bool destructor) {
    bool is_data = ud_take(u, "?");
    struct ud_ident *ident = ud_ident_new(u, UD_DYNAMIC, NULL);
    struct ud_symbol *s = ud_declarator(u);
    if (!ident || !s)
        return ud_fail(u);
    ident->flag = destructor;
    if (s->kind == UD_SYM_VARIABLE) {
        ident->symbol = s;
        if (!ud_take(u, is_data ? "@@" : "@"))
            return ud_fail(u);
        struct ud_symbol *f = ud_new(u, sizeof *f);
        struct ud_function *encoding = ud_function_encoding(u);
        if (!f || !encoding)
            return ud_fail(u);
        f->kind = UD_SYM_FUNCTION;
        f->function = encoding;
        s = f;
    } else if (is_data) {
        return ud_fail(u);
    } else {
        ident->named = s->name;
    }
    s->name = alone(u, ident);
    return s;
}

static const struct ud_symbol *rtti(struct ud *u) {
    switch (ud_pop(u)) {
    case '0': return type_descriptor(u);
    case '1': return base_class(u);
    case '2': return untyped(u, ud_ident_new(u, UD_NAME, "`RTTI Base Class Array'"));
    case '3': return untyped(u, ud_ident_new(u, UD_NAME, "`RTTI Class Hierarchy Descriptor'"));
    case '4': return table(u, "`RTTI Complete Object Locator'");
    default: return ud_fail(u);
    }
}

const struct ud_symbol *ud_special(struct ud *u) {
    if (ud_take(u, "?__E"))
        return dynamic(u, false);
    if (ud_take(u, "?__F"))
        return dynamic(u, true);
    if (ud_take(u, "?__J"))
        return guard(u, true);
    if (!ud_at(u, "?_") || u->end - u->p < 3)
        return NULL;
    char code = u->p[2];
    if (!strchr("789BCRS", code))
        return NULL;
    u->p += 3;
    switch (code) {
    case '7': return table(u, "`vftable'");
    case '8': return table(u, "`vbtable'");
    case '9': return vcall(u);
    case 'B': return guard(u, false);
    case 'C': return ud_string_literal(u);
    case 'S': return table(u, "`local vftable'");
    default: return rtti(u);
    }
}
