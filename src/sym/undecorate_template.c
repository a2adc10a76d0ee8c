/* SPDX-License-Identifier: MIT */
/*
 * Undecoration of templates: "?$" name parameters "@". Back references inside a template count
 * from zero again, and those outside go on as if it had not been there.
 *
 *     type                        a type
 *     "$$B" type                  an array
 *     "$$C" qualifiers type       a type with qualifiers
 *     "$$Y" name                  a template, by its name
 *     "$0" number                 a number
 *     "$1" symbol                 the address of a symbol; $H, $I, $J: and 1, 2, 3 offsets
 *     "$E" symbol                 a reference to a symbol
 *     "$F" 2 numbers, "$G" 3      a pointer to a data member
 *     "$M" type parameter         one whose type was deduced; the type is not shown
 *     "$S" "$$V" "$$$V" "$$Z"     ends of empty and other packs
 */
#include "sym/undecorate_impl.h"

static bool pack_end(struct ud *u) {
    return ud_take(u, "$S") || ud_take(u, "$$V") || ud_take(u, "$$$V") || ud_take(u, "$$Z");
}

static void offsets(struct ud *u, struct ud_reference *ref, size_t count) {
    for (; count; count--)
        ref->offset[ref->noffsets++] = ud_signed(u);
}

static struct ud_reference *address_of(struct ud *u, char kind) {
    struct ud_reference *ref = ud_new(u, sizeof *ref);
    if (!ref)
        return NULL;
    if (ud_peek(u) == '?') {
        const struct ud_symbol *s = ud_symbol(u);
        if (!s || !s->name)
            return ud_fail(u);
        ud_memorize_printed(u, s->name->part.ident);
        ref->symbol = s;
    }
    offsets(u, ref, kind == '1' ? 0 : (size_t)(kind - 'G'));
    ref->address = true;
    return ref;
}

static struct ud_reference *reference_to(struct ud *u) {
    struct ud_reference *ref = ud_new(u, sizeof *ref);
    if (ref)
        ref->symbol = ud_symbol(u);
    return ref;
}

static struct ud_reference *member_offsets(struct ud *u, char kind) {
    struct ud_reference *ref = ud_new(u, sizeof *ref);
    if (ref)
        offsets(u, ref, kind == 'F' ? 2 : 3);
    return ref;
}

static void parameter(struct ud *u, struct ud_item *item) {
    if (ud_take(u, "$M"))
        ud_type(u, UD_DROP);
    char kind = u->end - u->p > 1 ? u->p[1] : '\0';
    if (ud_take(u, "$$Y")) {
        item->name = ud_type_name(u);
    } else if (ud_take(u, "$$B")) {
        item->type = ud_type(u, UD_DROP);
    } else if (ud_take(u, "$$C")) {
        item->type = ud_type(u, UD_MANGLE);
    } else if (ud_take(u, "$1") || ud_take(u, "$H") || ud_take(u, "$I") || ud_take(u, "$J")) {
        item->ref = address_of(u, kind);
    } else if (ud_at(u, "$E?") && ud_take(u, "$E")) {
        item->ref = reference_to(u);
    } else if (ud_take(u, "$F") || ud_take(u, "$G")) {
        item->ref = member_offsets(u, kind);
    } else if (ud_take(u, "$0")) {
        item->number = ud_number(u, &item->negative);
    } else {
        item->type = ud_type(u, UD_DROP);
    }
}

static const struct ud_list *parameters(struct ud *u) {
    struct ud_list *list = ud_list_new(u);
    while (!u->failed && !ud_take(u, "@")) {
        if (pack_end(u))
            continue;
        struct ud_item *item = ud_list_add(u, list);
        if (item)
            parameter(u, item);
    }
    return list;
}

struct ud_ident *ud_template(struct ud *u, bool is_scope) {
    if (!ud_enter(u))
        return NULL;
    ud_take(u, "?$");
    struct ud_backrefs outside = u->back;
    u->back = (struct ud_backrefs){0};
    struct ud_ident *ident = ud_last_part(u, true, false);
    const struct ud_list *list = parameters(u);
    u->back = outside;
    ud_leave(u);
    if (u->failed)
        return NULL;
    ident->params = list;
    if (!is_scope)
        return ident;
    /* A class is no constructor, nor an operator that converts. */
    if (ident->kind == UD_CONVERSION || ident->kind == UD_STRUCTOR)
        return ud_fail(u);
    ud_memorize_printed(u, ident);
    return ident;
}
