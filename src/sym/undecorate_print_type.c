/* SPDX-License-Identifier: MIT */
/*
 * Printing undecorated types. A declaration has a part before the name and one behind it:
 *
 *     int (__cdecl *x)(char)[3]
 *     ^^^ before ^^^ behind ^^^
 */
#include "sym/undecorate_impl.h"

void ud_print_quals(struct ud_out *out, unsigned quals, bool before, bool after) {
    static const struct {
        unsigned bit;
        const char *word;
    } row[] = {{UD_CONST, "const"}, {UD_VOLATILE, "volatile"}, {UD_RESTRICT, "__restrict"}};
    bool any = false;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (!(quals & row[i].bit))
            continue;
        if (before || any)
            ud_put(out, " ");
        ud_put(out, row[i].word);
        any = true;
    }
    if (any && after)
        ud_put(out, " ");
}

static void print_reference(struct ud_out *out, const struct ud_reference *ref) {
    const char *comma = out->short_form ? "," : ", ";
    if (ref->noffsets)
        ud_put(out, "{");
    else if (ref->address)
        ud_put(out, "&");
    if (ref->symbol) {
        ud_print_symbol(out, ref->symbol);
        if (ref->noffsets)
            ud_put(out, comma);
    }
    for (size_t i = 0; i < ref->noffsets; i++) {
        if (i)
            ud_put(out, comma);
        ud_put_number(out, ref->offset[i]);
    }
    if (ref->noffsets)
        ud_put(out, "}");
}

static void print_item(struct ud_out *out, const struct ud_item *item) {
    if (item->type) {
        ud_print_type(out, item->type);
    } else if (item->name) {
        ud_print_qname(out, item->name);
    } else if (item->ref) {
        print_reference(out, item->ref);
    } else {
        ud_put(out, item->negative ? "-" : "");
        ud_put_unsigned(out, item->number);
    }
}

void ud_print_list(struct ud_out *out, const struct ud_list *list) {
    for (const struct ud_item *item = list->first; item && !out->failed; item = item->next) {
        if (item != list->first)
            ud_put(out, out->short_form ? "," : ", ");
        print_item(out, item);
    }
}

void ud_print_function_pre(struct ud_out *out, const struct ud_function *f, bool convention) {
    static const struct {
        unsigned bit;
        const char *word;
    } row[] = {{UD_PUBLIC, "public: "},   {UD_PROTECTED, "protected: "},
               {UD_PRIVATE, "private: "}, {UD_STATIC, "static "},
               {UD_VIRTUAL, "virtual "},  {UD_EXTERN_C, "extern \"C\" "}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (f->cls & row[i].bit)
            ud_put(out, row[i].word);
    if (f->ret) {
        ud_print_pre(out, f->ret);
        ud_put(out, " ");
    }
    if (convention) {
        ud_put_gap(out);
        ud_put(out, f->convention);
    }
}

static void print_arguments(struct ud_out *out, const struct ud_function *f) {
    if (f->cls & UD_NO_PARAMS)
        return;
    ud_put(out, "(");
    if (f->params)
        ud_print_list(out, f->params);
    else
        ud_put(out, "void");
    if (f->variadic) {
        bool first = out->len && out->buf[out->len - 1] == '(';
        ud_put(out, first ? "..." : out->short_form ? ",..." : ", ...");
    }
    ud_put(out, ")");
}

void ud_print_function_post(struct ud_out *out, const struct ud_function *f) {
    print_arguments(out, f);
    ud_print_quals(out, f->quals, true, false);
    if (f->quals & UD_UNALIGNED)
        ud_put(out, " __unaligned");
    if (f->is_noexcept)
        ud_put(out, " noexcept");
    if (f->ref != UD_POINTER)
        ud_put(out, f->ref == UD_REFERENCE ? " &" : " &&");
    if (f->ret)
        ud_print_post(out, f->ret);
}

static void pointer_pre(struct ud_out *out, const struct ud_type *t) {
    static const char *const mark[] = {"*", "&", "&&"};
    if (t->to->kind == UD_FUNCTION)
        ud_print_function_pre(out, t->to->function, false);
    else
        ud_print_pre(out, t->to);
    ud_put_gap(out);
    if (t->quals & UD_UNALIGNED)
        ud_put(out, "__unaligned ");
    if (t->to->kind == UD_ARRAY || t->to->kind == UD_FUNCTION)
        ud_put(out, "(");
    if (t->to->kind == UD_FUNCTION) {
        ud_put(out, t->to->function->convention);
        if (!out->short_form || t->member_of)
            ud_put(out, " ");
    }
    if (t->member_of) {
        ud_print_qname(out, t->member_of);
        ud_put(out, "::");
    }
    ud_put(out, mark[t->affinity]);
    ud_print_quals(out, t->quals, false, false);
}

void ud_print_pre(struct ud_out *out, const struct ud_type *t) {
    if (ud_out_enter(out)) {
        switch (t->kind) {
        case UD_PRIMITIVE: ud_put(out, t->word); break;
        case UD_TAG:
            ud_put(out, out->short_form ? "" : t->word);
            ud_print_qname(out, t->name);
            break;
        case UD_CUSTOM: ud_print_ident(out, t->ident); break;
        case UD_PTR: pointer_pre(out, t); break;
        case UD_ARRAY: ud_print_pre(out, t->to); break;
        case UD_FUNCTION: ud_print_function_pre(out, t->function, true); break;
        }
        if (t->kind == UD_PRIMITIVE || t->kind == UD_TAG || t->kind == UD_ARRAY)
            ud_print_quals(out, t->quals, true, false);
    }
    ud_out_leave(out);
}

static void array_post(struct ud_out *out, const struct ud_type *t) {
    ud_put(out, "[");
    for (size_t i = 0; i < t->ndims && !out->failed; i++) {
        if (i)
            ud_put(out, "][");
        if (t->dims[i])
            ud_put_unsigned(out, t->dims[i]);
    }
    ud_put(out, "]");
    ud_print_post(out, t->to);
}

void ud_print_post(struct ud_out *out, const struct ud_type *t) {
    if (ud_out_enter(out)) {
        if (t->kind == UD_PTR) {
            if (t->to->kind == UD_ARRAY || t->to->kind == UD_FUNCTION)
                ud_put(out, ")");
            ud_print_post(out, t->to);
        } else if (t->kind == UD_ARRAY) {
            array_post(out, t);
        } else if (t->kind == UD_FUNCTION) {
            ud_print_function_post(out, t->function);
        }
    }
    ud_out_leave(out);
}

void ud_print_type(struct ud_out *out, const struct ud_type *type) {
    ud_print_pre(out, type);
    ud_print_post(out, type);
}
