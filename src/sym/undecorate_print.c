/* SPDX-License-Identifier: MIT */
/* Printing undecorated symbols and names: the whole declaration, or the name alone. */
#include "sym/undecorate_impl.h"

static void print_params(struct ud_out *out, const struct ud_ident *ident) {
    if (!ident->params)
        return;
    ud_put(out, "<");
    ud_print_list(out, ident->params);
    /* Two closing brackets are kept apart, as compilers before C++11 wanted it. */
    if (out->short_form && out->len && out->buf[out->len - 1] == '>')
        ud_put(out, " ");
    ud_put(out, ">");
}

static void print_numbers(struct ud_out *out, const struct ud_ident *ident) {
    ud_put(out, "`RTTI Base Class Descriptor at (");
    for (int i = 0; i < 4; i++) {
        if (i)
            ud_put(out, out->short_form ? "," : ", ");
        ud_put_number(out, ident->number[i]);
    }
    ud_put(out, ")'");
}

static void print_dynamic(struct ud_out *out, const struct ud_ident *ident) {
    ud_put(out, ident->flag ? "`dynamic atexit destructor for " : "`dynamic initializer for ");
    ud_put(out, ident->symbol && !out->short_form ? "`" : "'");
    if (ident->symbol)
        ud_print_symbol(out, ident->symbol);
    else
        ud_print_qname(out, ident->named);
    ud_put(out, "''");
}

static void print_plain(struct ud_out *out, const struct ud_ident *ident) {
    ud_put(out, out->short_form && ident->short_text ? ident->short_text : ident->text);
}

static void print_kind(struct ud_out *out, const struct ud_ident *ident) {
    switch (ident->kind) {
    case UD_NAME:
    case UD_OPERATOR: print_plain(out, ident); break;
    case UD_STRUCTOR:
        if (ident->flag)
            ud_put(out, "~");
        if (ident->of)
            ud_print_ident(out, ident->of);
        break;
    case UD_CONVERSION: ud_put(out, "operator"); break;
    case UD_LITERAL:
        ud_put(out, "operator \"\"");
        ud_put(out, ident->text);
        break;
    case UD_LOCAL:
        ud_put(out, "`");
        ud_print_symbol(out, ident->symbol);
        ud_put(out, "'::`");
        ud_put_unsigned(out, (uint64_t)ident->number[0]);
        ud_put(out, "'");
        break;
    case UD_VCALL:
        ud_put(out, "`vcall'{");
        ud_put_unsigned(out, (uint64_t)ident->number[0]);
        ud_put(out, out->short_form ? ",{flat}}'" : ", {flat}}");
        break;
    case UD_GUARD:
        ud_put(out, ident->flag ? "`local static thread guard'" : "`local static guard'");
        if (ident->number[0]) {
            ud_put(out, "{");
            ud_put_unsigned(out, (uint64_t)ident->number[0]);
            ud_put(out, "}");
        }
        break;
    case UD_DYNAMIC: print_dynamic(out, ident); break;
    case UD_RTTI_BASE: print_numbers(out, ident); break;
    }
}

void ud_print_ident(struct ud_out *out, const struct ud_ident *ident) {
    if (ud_out_enter(out)) {
        print_kind(out, ident);
        print_params(out, ident);
        if (ident->kind == UD_CONVERSION && ident->target) {
            ud_put(out, " ");
            ud_print_type(out, ident->target);
        }
    }
    ud_out_leave(out);
}

void ud_print_qname(struct ud_out *out, const struct ud_qname *name) {
    const struct ud_part *part = name->outer ? name->outer : &name->part;
    for (; part && !out->failed; part = part->inner) {
        ud_print_ident(out, part->ident);
        if (part->inner)
            ud_put(out, "::");
    }
}

static void print_target(struct ud_out *out, const struct ud_symbol *s) {
    if (!s->target)
        return;
    ud_put(out, "{for `");
    ud_print_qname(out, s->target);
    ud_put(out, "'}");
}

static void print_adjustor(struct ud_out *out, const struct ud_function *f) {
    const char *comma = out->short_form ? "," : ", ";
    if (!(f->cls & (UD_THIS_ADJUST | UD_VTORDISP)))
        return;
    ud_put(out, f->cls & UD_THIS_ADJUST  ? "`adjustor{"
                : f->cls & UD_VTORDISPEX ? "`vtordispex{"
                                         : "`vtordisp{");
    if (f->cls & UD_VTORDISPEX) {
        ud_put_number(out, f->adjust[2]);
        ud_put(out, comma);
        ud_put_number(out, f->adjust[3]);
        ud_put(out, comma);
    }
    if (f->cls & UD_VTORDISP) {
        ud_put_number(out, f->adjust[1]);
        ud_put(out, comma);
    }
    ud_put_number(out, f->adjust[0]);
    ud_put(out, "}'");
}

static bool is_thunk(const struct ud_function *f) {
    return f->cls & (UD_THIS_ADJUST | UD_VTORDISP | UD_VCALL_THUNK);
}

static void print_function(struct ud_out *out, const struct ud_symbol *s) {
    if (is_thunk(s->function))
        ud_put(out, "[thunk]: ");
    ud_print_function_pre(out, s->function, true);
    ud_put_gap(out);
    ud_print_qname(out, s->name);
    print_adjustor(out, s->function);
    ud_print_function_post(out, s->function);
}

static void print_variable(struct ud_out *out, const struct ud_symbol *s) {
    ud_put(out, s->storage);
    if (s->type) {
        ud_print_pre(out, s->type);
        ud_put_gap(out);
    }
    ud_print_qname(out, s->name);
    if (s->type)
        ud_print_post(out, s->type);
}

/* A type descriptor's name is that of its type. */
static bool names_type(const struct ud_symbol *s) {
    const struct ud_ident *ident = s->name->part.ident;
    return s->type && !s->name->outer && ident->kind == UD_NAME && ident->text[0] == '`';
}

static void print_name_only(struct ud_out *out, const struct ud_symbol *s) {
    switch (s->kind) {
    case UD_SYM_STRING:
        /* Debuggers take the section for a scope that they do not understand. */
        if (s->storage) {
            ud_put(out, " ?? ::");
            ud_put(out, s->storage);
            ud_put(out, "::");
        }
        ud_put(out, "`string'");
        return;
    case UD_SYM_TEXT: ud_put(out, s->text); return;
    case UD_SYM_FUNCTION:
        if (is_thunk(s->function))
            ud_put(out, "[thunk]:");
        break;
    case UD_SYM_VARIABLE:
        if (names_type(s)) {
            ud_print_type(out, s->type);
            ud_put(out, " ");
        }
        break;
    case UD_SYM_TABLE: break;
    }
    ud_print_qname(out, s->name);
    if (s->kind == UD_SYM_FUNCTION)
        print_adjustor(out, s->function);
    print_target(out, s);
}

static void print_whole(struct ud_out *out, const struct ud_symbol *s) {
    switch (s->kind) {
    case UD_SYM_FUNCTION: print_function(out, s); break;
    case UD_SYM_VARIABLE: print_variable(out, s); break;
    case UD_SYM_TABLE:
        ud_print_quals(out, s->quals, false, true);
        ud_print_qname(out, s->name);
        print_target(out, s);
        break;
    case UD_SYM_STRING:
    case UD_SYM_TEXT: ud_put(out, s->text); break;
    }
}

void ud_print_symbol(struct ud_out *out, const struct ud_symbol *symbol) {
    if (ud_out_enter(out)) {
        if (out->short_form)
            print_name_only(out, symbol);
        else
            print_whole(out, symbol);
    }
    ud_out_leave(out);
}
