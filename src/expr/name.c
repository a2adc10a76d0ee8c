/* SPDX-License-Identifier: MIT */
/*
 * Names: symbols, modules and registers.
 *
 *     nt                      a module, a symbol, a register: in this order, after numbers; the
 *                             common registers (eax, rip, …) stand before symbols
 *     nt!KeBugCheckEx         a symbol of a module
 *     nt! ?? ::FNODOBFM::`string'+0x12ff6
 *     mod!Foo::`vftable'      what stands between ` and ' is any text
 *     !fade                   a symbol, never a number
 *     @rip  @$t0              a register or pseudo-register, never anything else
 *     @!"mod!std::vector<int>::push_back"       any symbol name at all
 *
 * From WinDbg's manual ("Symbol Syntax and Symbol Matching", "Register Syntax"). Names are passed
 * on as they were typed, any case; only `?? ::` gets the blanks that WinDbg prints in it.
 */
#include <string.h>

#include "base/utf.h"
#include "expr/parser.h"

sc_err *sc_name_take(struct sc_parser *ps, size_t *len) {
    const char *at = ps->p;
    int c = sc_scan_peek(ps);
    sc_scan_next(ps);
    return sc_scan_append(ps, len, c, at, (size_t)(ps->p - at)) ? NULL : sc_scan_too_long(ps, at);
}

sc_err *sc_name_backtick(struct sc_parser *ps, size_t *len) {
    const char *open = ps->p;
    size_t depth = 0;
    do {
        int c = sc_scan_peek(ps);
        if (!c)
            return sc_scan_fail(ps, open, SC_ERR_ARG, "no ' closes this `");
        depth += c == '`';
        depth -= c == '\'';
        sc_err *err = sc_name_take(ps, len);
        if (err)
            return err;
    } while (depth);
    return NULL;
}

/* Characters of a symbol, from PS->p on; QUOTES: `…' is allowed. */
static sc_err *take_symbol(struct sc_parser *ps, size_t *len, bool quotes) {
    bool scope = false; /* behind "::" */
    for (;;) {
        sc_err *err = NULL;
        int c = sc_scan_peek(ps), next = sc_scan_second(ps);
        if (sc_scan_is_name(c) || (c == '@' && *len) || (c == '~' && scope) ||
            (c == '.' && sc_scan_is_name(next))) {
            scope = false;
            err = sc_name_take(ps, len);
        } else if (c == ':' && next == ':') {
            scope = true;
            err = sc_name_take(ps, len);
            err = err ? err : sc_name_take(ps, len);
        } else if (c == '`' && quotes) {
            err = sc_name_backtick(ps, len);
        } else {
            return NULL;
        }
        if (err)
            return err;
    }
}

sc_err *sc_name_unnamed(struct sc_parser *ps, size_t *len) {
    const char *start = ps->p, *done = ps->done;
    if (sc_scan_skip(ps) == '?' && sc_scan_second(ps) == '?') {
        sc_scan_next(ps);
        sc_scan_next(ps);
        if (sc_scan_skip(ps) == ':' && sc_scan_second(ps) == ':') {
            if (sizeof ps->name - *len < 5)
                return sc_scan_too_long(ps, start);
            memcpy(ps->name + *len, " ?? ", 5);
            *len += 4;
            return NULL;
        }
    }
    ps->p = start;
    ps->done = done;
    return NULL;
}

/* What follows the '!' of a name. */
static sc_err *take_member(struct sc_parser *ps, size_t *len) {
    size_t before = *len;
    sc_err *err = sc_name_unnamed(ps, len);
    if (!err)
        err = take_symbol(ps, len, true);
    if (!err && *len == before)
        err = sc_scan_expected(ps, "the name of a symbol");
    return err;
}

static bool find_symbol(struct sc_parser *ps, uint64_t *ret_value) {
    uint64_t value;
    if (!ps->env->symbol || !ps->env->symbol(ps->env->ctx, ps->name, &value))
        return false;
    *ret_value = sc_extend(ps, value);
    return true;
}

/* Pseudo-registers that hold addresses; the others are 64-bit values and are left alone. */
static bool is_address(const char *name) {
    static const char *const addresses[] = {
        "$ip",   "$eventip", "$previp", "$relip", "$scopeip", "$exentry", "$csp",    "$ra",
        "$proc", "$thread",  "$peb",    "$teb",   "$ea",      "$ea2",     "$retreg",
    };
    if (*name != '$')
        return true;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (!sc_strcasecmp(name, addresses[i]))
            return true;
    return false;
}

static bool find_register(struct sc_parser *ps, uint64_t *ret_value) {
    uint64_t value;
    if (!ps->env->reg || !ps->env->reg(ps->env->ctx, ps->name, &value))
        return false;
    *ret_value = is_address(ps->name) ? sc_extend(ps, value) : value;
    return true;
}

/* Those that need no '@' and hide symbols of the same name. */
static bool is_common_register(const char *name) {
    static const char *const common[] = {
        "eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "efl",
        "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "rip",
    };
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (!sc_strcasecmp(name, common[i]))
            return true;
    return false;
}

static sc_err *unknown(struct sc_parser *ps, const char *start, const char *what) {
    const char *hint = "";
    if (strchr(ps->name, '!') && sc_scan_peek(ps) == '<')
        hint = " (a name with < > is written @!\"…\")";
    else if (ps->env->radix != 16 && strspn(ps->name, "0123456789abcdefABCDEF") == strlen(ps->name))
        hint = " (a hexadecimal number is written with 0x)";
    return sc_scan_fail(ps, start, SC_ERR_NOT_FOUND, "'%.*s' is no %s%s",
                        sc_scan_excerpt(ps, start, ps->p), start, what, hint);
}

sc_err *sc_name(struct sc_parser *ps, uint64_t *ret_value) {
    const char *start = ps->p;
    size_t len = 0;
    sc_err *err = take_symbol(ps, &len, false);
    if (err)
        return err;
    bool member = sc_scan_peek(ps) == '!' && sc_scan_second(ps) != '=';
    if (member) {
        err = sc_name_take(ps, &len);
        err = err ? err : take_member(ps, &len);
        if (err)
            return err;
        return find_symbol(ps, ret_value) ? NULL : unknown(ps, start, "known symbol");
    }
    if (is_common_register(ps->name) && find_register(ps, ret_value))
        return NULL;
    if (find_symbol(ps, ret_value) || find_register(ps, ret_value))
        return NULL;
    return unknown(ps, start, "number, symbol, module or register");
}

sc_err *sc_name_symbol(struct sc_parser *ps, const char *at, uint64_t *ret_value) {
    size_t len = 0;
    ps->name[0] = 0;
    sc_err *err = take_member(ps, &len);
    if (err)
        return err;
    return find_symbol(ps, ret_value) ? NULL : unknown(ps, at, "known symbol");
}

sc_err *sc_name_register(struct sc_parser *ps, const char *at, uint64_t *ret_value) {
    size_t len = 0;
    if (!sc_scan_is_name(sc_scan_peek(ps)))
        return sc_scan_expected(ps, "the name of a register");
    while (sc_scan_is_name(sc_scan_peek(ps))) {
        sc_err *err = sc_name_take(ps, &len);
        if (err)
            return err;
    }
    return find_register(ps, ret_value) ? NULL : unknown(ps, at, "register or pseudo-register");
}

sc_err *sc_string(struct sc_parser *ps, char *buf) {
    const char *open = ps->p;
    sc_scan_next(ps);
    const char *start = ps->p;
    for (;;) {
        int c = sc_scan_peek(ps);
        if (!c)
            return sc_scan_fail(ps, open, SC_ERR_ARG, "no \" closes this string");
        if (c == '"')
            break;
        sc_scan_next(ps);
    }
    size_t len = (size_t)(ps->p - start);
    if (len >= SC_EXPR_NAME)
        return sc_scan_too_long(ps, open);
    memcpy(buf, start, len);
    buf[len] = 0;
    sc_scan_next(ps);
    return NULL;
}

sc_err *sc_name_quoted(struct sc_parser *ps, const char *at, uint64_t *ret_value) {
    sc_err *err = sc_string(ps, ps->name);
    if (err)
        return err;
    return find_symbol(ps, ret_value) ? NULL : unknown(ps, at, "known symbol");
}
