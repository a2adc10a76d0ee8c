/* SPDX-License-Identifier: MIT */
/*
 * Names in expressions.
 *
 *     count  this                 a variable of the function at hand, else a symbol
 *     $!count                     the variable, never the symbol
 *     nt!PsInitialSystemProcess   a symbol of a module
 *     ns::Class::s_value  ::name  with scopes; a leading :: means nothing here
 *     std::vector<int>::s_x       templates; blanks in < > are left out where C++ needs none
 *     mod!Class::`vftable'        what stands between ` and ' is any text, behind a module
 *     Running  _KTHREAD_STATE::Running          enumerators
 *     @rip  @$thread  @$t0        registers and pseudo-registers with their types
 *     @@masm( … )  @@( … )        a MASM expression, unsigned int64;  @@c++( … ) is this one
 *     @!"mod!name<with, blanks>"  any name at all, of a symbol or a type
 *     int(x)  static_cast<T>(x)   casts that are written as names; all four are performed
 *     true  false  nullptr
 */
#include "cexpr/parser.h"

#include <string.h>

#include "base/utf.h"

/* ---- the text of a name ---- */

/* Where the template's arguments end that begin at AT, which stands on `<`; NULL: it is none. */
static const char *template_end(const struct sc_cparser *ps, const char *at) {
    unsigned depth = 0;
    for (; at < ps->scan.end; at++) {
        unsigned char c = (unsigned char)*at;
        depth += c == '<';
        if (c == '>' && --depth == 0)
            return at + 1;
        if (!sc_c_is_name(c) && c < 0x80 && !strchr("<> ,*&:()-'`", c))
            return NULL;
    }
    return NULL;
}

/* Blanks in a template's arguments stand between words and between two `>` only. */
static bool blank_needed(char before, char behind) {
    return (sc_c_is_name((unsigned char)before) && sc_c_is_name((unsigned char)behind)) ||
           (before == '>' && behind == '>');
}

/* Appends the arguments to the name if there is a type or symbol that is called so then. */
static sc_err *take_template(struct sc_cparser *ps, size_t *len, bool *ret_taken) {
    const char *end = template_end(ps, ps->scan.p);
    size_t n = *len;
    uint32_t type;
    uint64_t addr;
    *ret_taken = false;
    if (!end || (size_t)(end - ps->scan.p) * 2 >= sizeof ps->scan.name - n)
        return NULL;
    for (const char *p = ps->scan.p; p < end; p++) {
        if (*p != ' ') {
            ps->scan.name[n++] = *p;
            continue;
        }
        while (p[1] == ' ')
            p++;
        if (blank_needed(ps->scan.name[n - 1], p[1]))
            ps->scan.name[n++] = ' ';
    }
    ps->scan.name[n] = 0;
    sc_err *err = sc_c_find_type(ps, ps->scan.name, &type, ret_taken);
    if (!err && !*ret_taken && ps->env->symtab)
        err = sc_symtab_lookup(ps->env->symtab, ps->scan.name, &addr, ret_taken);
    if (*ret_taken) {
        *len = n;
        ps->scan.p = ps->scan.done = end;
    } else {
        ps->scan.name[*len] = 0;
    }
    return err;
}

/* Words with `::` between them. QUOTES: `…' may be a part. */
static sc_err *take_words(struct sc_cparser *ps, size_t *len, bool quotes) {
    bool scope = false, more = true;
    sc_err *err = NULL;
    while (!err && more) {
        int c = sc_scan_peek(&ps->scan), next = sc_scan_second(&ps->scan);
        bool is_scope = c == ':' && next == ':';
        if (sc_c_is_name(c) || (c == '~' && scope)) {
            err = sc_name_take(&ps->scan, len);
        } else if (is_scope) {
            err = sc_name_take(&ps->scan, len);
            err = err ? err : sc_name_take(&ps->scan, len);
        } else if (c == '`' && quotes) {
            err = sc_name_backtick(&ps->scan, len);
        } else if (c == '<' && *len && !scope) {
            err = take_template(ps, len, &more);
        } else {
            more = false;
        }
        scope = is_scope;
    }
    return err;
}

sc_err *sc_c_name_text(struct sc_cparser *ps, bool *ret_local) {
    size_t len = 0;
    int c = sc_scan_peek(&ps->scan);
    ps->scan.name[0] = 0;
    *ret_local = c == '$' && sc_scan_second(&ps->scan) == '!';
    if (*ret_local) {
        sc_scan_next(&ps->scan);
        sc_scan_next(&ps->scan);
    }
    sc_err *err = take_words(ps, &len, false);
    if (err)
        return err;
    bool module = sc_scan_peek(&ps->scan) == '!' && sc_scan_second(&ps->scan) != '=';
    if (module && len && !*ret_local) {
        err = sc_name_take(&ps->scan, &len);
        size_t before = len;
        if (!err)
            err = sc_name_unnamed(&ps->scan, &len);
        if (!err)
            err = take_words(ps, &len, true);
        if (!err && len == before)
            err = sc_scan_expected(&ps->scan, "the name of a symbol or type");
    }
    if (!err && !len)
        err = sc_scan_expected(&ps->scan, "a name");
    return err;
}

/* ---- casts ---- */

/* T(x), T being TYPE; the cursor stands behind the type. */
static sc_err *functional_cast(struct sc_cparser *ps, struct sc_cop *op, uint32_t type) {
    const char *open = ps->scan.p;
    if (!sc_c_take(ps, SC_C_OPEN))
        return sc_scan_fail(&ps->scan, op->at, SC_ERR_ARG,
                            "this is a type: (type)value, sizeof(type) and type(value) use one");
    if (sc_c_take(ps, SC_C_CLOSE)) {
        op->is_place = false;
        return sc_c_set_number(ps, op, type, 0);
    }
    const char *at = op->at;
    sc_err *err = sc_c_assignment(ps, op);
    if (!err)
        err = sc_c_cast(ps, op, type, false);
    op->at = at;
    return err ? err : sc_c_close(ps, SC_C_CLOSE, open);
}

/* static_cast<T>(x) and its kin: false when none stands here. */
static bool named_cast(struct sc_cparser *ps, struct sc_cop *op, sc_err **ret_err) {
    static const char *const words[] = {"static_cast", "const_cast", "dynamic_cast",
                                        "reinterpret_cast"};
    size_t i = 0, n = sizeof words / sizeof *words;
    uint32_t type;
    bool found = false;
    while (i < n && !sc_c_word(ps, words[i]))
        i++;
    if (i == n)
        return false;
    const char *open = ps->scan.p, *at = op->at;
    sc_err *err = sc_c_need(ps, SC_C_LT, "<");
    if (!err)
        err = sc_c_type_id(ps, &type, &found);
    if (!err && !found)
        err = sc_scan_expected(&ps->scan, "a type");
    if (!err)
        err = sc_c_close(ps, SC_C_GT, open);
    open = ps->scan.p;
    if (!err)
        err = sc_c_need(ps, SC_C_OPEN, "(");
    if (!err)
        err = sc_c_expression(ps, op);
    if (!err)
        err = sc_c_close(ps, SC_C_CLOSE, open);
    op->at = at;
    *ret_err = err ? err : sc_c_cast(ps, op, type, i == n - 1);
    return true;
}

/* ---- words of the language ---- */

static bool keyword(struct sc_cparser *ps, struct sc_cop *op, sc_err **ret_err) {
    static const char *const refused[] = {"new",    "delete",  "throw",    "operator",
                                          "typeid", "alignof", "co_await", "requires"};
    if (sc_c_word(ps, "true") || sc_c_word(ps, "false")) {
        *ret_err = sc_c_set_bool(ps, op, ps->scan.p[-4] == 't');
        return true;
    }
    if (sc_c_word(ps, "nullptr")) {
        uint32_t type;
        sc_err *err = sc_ctypes_pointer(ps->types, SC_CT_VOID, false, &type);
        *ret_err = err ? err : sc_c_set_number(ps, op, type, 0);
        return true;
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (!sc_c_word(ps, refused[i]))
            continue;
        *ret_err = sc_scan_fail(&ps->scan, op->at, SC_ERR_UNSUPPORTED,
                                "%s cannot be evaluated in a dump", refused[i]);
        return true;
    }
    return named_cast(ps, op, ret_err);
}

/* ---- a name in an expression ---- */

static sc_err *unknown(struct sc_cparser *ps, const struct sc_cop *op, const char *end) {
    const char *name = ps->scan.name;
    sc_err *why = ps->env->unknown ? ps->env->unknown(ps->env->ctx, name) : NULL;
    if (why && sc_err_code(why) == SC_ERR_NOMEM)
        return why;
    if (why)
        return sc_scan_prefix(&ps->scan, op->at, why);
    bool hex = strspn(name, "0123456789abcdefABCDEF") == strlen(name);
    return sc_scan_fail(&ps->scan, op->at, SC_ERR_NOT_FOUND, "'%.*s' is not known%s",
                        sc_scan_excerpt(&ps->scan, op->at, end), op->at,
                        hex ? " (hexadecimal numbers begin with 0x in C++)"
                            : "; registers are written @name");
}

static sc_err *find(struct sc_cparser *ps, struct sc_cop *op, bool only_local, bool *ret_found) {
    sc_err *err = sc_c_find_local(ps, op, ret_found);
    if (!err && !*ret_found && !only_local)
        err = sc_c_find_symbol(ps, op, ret_found);
    if (!err && !*ret_found && !only_local)
        err = sc_c_find_enumerator(ps, op, ret_found);
    return err;
}

sc_err *sc_c_name(struct sc_cparser *ps, struct sc_cop *op) {
    struct sc_cmark start = sc_c_mark(ps);
    bool local = false, found = false;
    uint32_t type = 0;
    sc_err *err = NULL;
    if (keyword(ps, op, &err))
        return err;
    if (sc_c_own_word(ps)) {
        err = sc_c_type_word(ps, &type, &found);
        return err ? err : functional_cast(ps, op, type);
    }
    sc_c_take(ps, SC_C_SCOPE);
    err = sc_c_name_text(ps, &local);
    struct sc_cmark end = sc_c_mark(ps);
    const struct sc_cmacro *macro = err ? NULL : sc_c_find_macro(ps->scan.name);
    if (macro && sc_c_peek(ps) == SC_C_OPEN)
        return sc_c_macro(ps, macro, op);
    if (!err)
        err = find(ps, op, local, &found);
    if (err || found)
        return err;
    sc_c_reset(ps, start);
    err = local ? NULL : sc_c_type_word(ps, &type, &found);
    if (err || found)
        return err ? err : functional_cast(ps, op, type);
    sc_c_reset(ps, end);
    return unknown(ps, op, end.p);
}

/* ---- @ ---- */

static sc_err *reg(struct sc_cparser *ps, struct sc_cop *op) {
    char name[SC_C_FIELD];
    struct sc_cexpr_reg r = {.type = NULL};
    uint32_t type;
    bool found = false;
    if (!sc_c_is_name(sc_scan_peek(&ps->scan)))
        return sc_scan_expected(&ps->scan, "the name of a register");
    sc_err *err = sc_c_plain_name(ps, name, sizeof name);
    if (err)
        return err;
    err = ps->env->reg ? ps->env->reg(ps->env->ctx, name, &r)
                       : sc_errf(SC_ERR_NOT_FOUND, "there are no registers here");
    if (err)
        return sc_err_code(err) == SC_ERR_NOMEM ? err : sc_scan_prefix(&ps->scan, op->at, err);
    err = sc_c_type_text(ps, r.type, &type, &found);
    const char *bang = strchr(r.type, '!');
    if (!err && !found && bang) /* another module's symbols may have it */
        err = sc_c_type_text(ps, bang + 1, &type, &found);
    if (!err && !found && strchr(r.type, '*')) /* a structure that the symbols do not have */
        err = sc_ctypes_pointer(ps->types, SC_CT_VOID, false, &type);
    else if (!err && !found)
        type = SC_CT_UINT64;
    if (!err)
        err = sc_c_set_number(ps, op, type, r.value);
    if (!err && r.can_set && strlen(name) < sizeof op->var)
        strcpy(op->var, name);
    return err;
}

static sc_err *quoted(struct sc_cparser *ps, struct sc_cop *op) {
    bool found = false;
    uint32_t type;
    sc_scan_next(&ps->scan);
    sc_err *err = sc_string(&ps->scan, ps->scan.name);
    const char *end = ps->scan.p;
    if (!err)
        err = find(ps, op, false, &found);
    if (!err && !found)
        err = sc_c_find_type(ps, ps->scan.name, &type, &found);
    else
        return err;
    if (!err && found)
        return functional_cast(ps, op, type);
    return err ? err : unknown(ps, op, end);
}

/* What stands between the parentheses of @@masm( … ) and @@( … ). */
static sc_err *masm(struct sc_cparser *ps, struct sc_cop *op, const char *open) {
    uint64_t value;
    const char *end;
    if (!ps->env->masm)
        return sc_scan_fail(&ps->scan, op->at, SC_ERR_UNSUPPORTED,
                            "@@masm( ) cannot be evaluated here");
    sc_err *err = sc_deeper(&ps->scan, op->at);
    if (err)
        return err;
    err = ps->env->masm(ps->env->ctx, ps->scan.p, ps->scan.text, ps->scan.depth, &value, &end);
    ps->scan.depth--;
    if (err)
        return err;
    ps->scan.p = ps->scan.done = end;
    err = sc_c_close(ps, SC_C_CLOSE, open);
    return err ? err : sc_c_set_number(ps, op, SC_CT_UINT64, value);
}

/* @@masm( … ), @@c++( … ), and @@( … ), which is MASM in C++. */
static sc_err *evaluator(struct sc_cparser *ps, struct sc_cop *op) {
    static const char word_masm[] = "masm", word_cxx[] = "c++";
    int c = sc_lower((char)sc_scan_peek(&ps->scan));
    const char *word = c == 'm' ? word_masm : c == 'c' ? word_cxx : "";
    for (const char *w = word; *w; w++) {
        if (sc_lower((char)sc_scan_peek(&ps->scan)) != *w)
            return sc_scan_expected(&ps->scan, "(, masm( or c++(");
        sc_scan_next(&ps->scan);
    }
    const char *open = ps->scan.p, *at = op->at;
    if (sc_scan_peek(&ps->scan) != '(')
        return sc_scan_expected(&ps->scan, "(");
    sc_scan_next(&ps->scan);
    if (word != word_cxx)
        return masm(ps, op, open);
    sc_err *err = sc_deeper(&ps->scan, at);
    if (err)
        return err;
    err = sc_c_expression(ps, op);
    ps->scan.depth--;
    op->at = at;
    return err ? err : sc_c_close(ps, SC_C_CLOSE, open);
}

sc_err *sc_c_at(struct sc_cparser *ps, struct sc_cop *op) {
    if (sc_c_take(ps, SC_C_ATAT))
        return evaluator(ps, op);
    sc_c_skip(ps, SC_C_AT);
    int c = sc_scan_peek(&ps->scan);
    if (c == '!' && sc_scan_second(&ps->scan) == '"')
        return quoted(ps, op);
    return reg(ps, op);
}
