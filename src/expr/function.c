/* SPDX-License-Identifier: MIT */
/*
 * Functions of MASM expressions.
 *
 *     $iment(base)             entry point of the image at BASE
 *     $vvalid(address, length) 1 when all of the range can be read
 *     $scmp("a", "b")          -1, 0 or 1, as 64-bit numbers; $sicmp: any case
 *     $spat("text", "pattern") 1 when the wildcard pattern fits, any case
 *     $fnsucc(…)               known, but wants the types of functions
 *
 * From WinDbg's manual ("MASM Numbers and Operators"). Strings end at the next quote, there are no
 * escapes in them. A range of no bytes is valid; one that goes past the end of the address space
 * is not.
 */
#include <string.h>

#include "base/utf.h"
#include "expr/parser.h"

static sc_err *comma(struct sc_parser *ps) {
    if (sc_scan_skip(ps) != ',')
        return sc_scan_expected(ps, "a comma");
    sc_scan_next(ps);
    return NULL;
}

/* ps->p stands behind the opening parenthesis; reads `"a", "b"` into ps->name and SECOND. */
static sc_err *two_strings(struct sc_parser *ps, char *second) {
    if (sc_scan_skip(ps) != '"')
        return sc_scan_expected(ps, "a string in double quotes");
    sc_err *err = sc_string(ps, ps->name);
    if (!err)
        err = comma(ps);
    if (err)
        return err;
    if (sc_scan_skip(ps) != '"')
        return sc_scan_expected(ps, "a string in double quotes");
    return sc_string(ps, second);
}

static uint64_t sign_of(int n) { return n < 0 ? UINT64_MAX : n > 0; }

static sc_err *call_scmp(struct sc_parser *ps, const char *at, uint64_t *ret_value) {
    char second[SC_EXPR_NAME];
    sc_err *err = two_strings(ps, second);
    (void)at;
    if (!err)
        *ret_value = sign_of(strcmp(ps->name, second));
    return err;
}

static sc_err *call_sicmp(struct sc_parser *ps, const char *at, uint64_t *ret_value) {
    char second[SC_EXPR_NAME];
    sc_err *err = two_strings(ps, second);
    (void)at;
    if (!err)
        *ret_value = sign_of(sc_strcasecmp(ps->name, second));
    return err;
}

static sc_err *call_spat(struct sc_parser *ps, const char *at, uint64_t *ret_value) {
    char pattern[SC_EXPR_NAME];
    sc_err *err = two_strings(ps, pattern);
    (void)at;
    if (!err)
        *ret_value = sc_wild_match(pattern, ps->name);
    return err;
}

static sc_err *call_iment(struct sc_parser *ps, const char *at, uint64_t *ret_value) {
    uint64_t base, value;
    sc_err *err = sc_binary(ps, 0, &base);
    if (err)
        return err;
    if (!ps->env->entry)
        return sc_scan_fail(ps, at, SC_ERR_UNSUPPORTED,
                            "$iment: image headers cannot be read here");
    err = ps->env->entry(ps->env->ctx, sc_narrow(ps, base), &value);
    if (!err)
        *ret_value = sc_extend(ps, value);
    return err;
}

/* Reads all of the range, aligned; stops at the first part that is not there. */
static sc_err *range_valid(struct sc_parser *ps, const char *at, uint64_t addr, uint64_t len,
                           uint64_t *ret_value) {
    while (len) {
        unsigned size = addr % 8 || len < 8 ? 1 : 8;
        uint64_t bytes;
        enum sc_read status = ps->env->read(ps->env->ctx, addr, size, false, &bytes);
        if (status == SC_READ_IO)
            return sc_load(ps, at, "$vvalid", addr, size, false, &bytes);
        if (status != SC_READ_OK) {
            *ret_value = 0;
            return NULL;
        }
        addr += size;
        len -= size;
    }
    *ret_value = 1;
    return NULL;
}

static sc_err *call_vvalid(struct sc_parser *ps, const char *at, uint64_t *ret_value) {
    uint64_t addr, len;
    sc_err *err = sc_binary(ps, 0, &addr);
    if (!err)
        err = comma(ps);
    if (!err)
        err = sc_binary(ps, 0, &len);
    if (err)
        return err;
    addr = sc_narrow(ps, addr);
    uint64_t last = ps->env->ptr_size == 4 ? UINT32_MAX : UINT64_MAX;
    *ret_value = 0;
    if (!ps->env->read || addr > last || (len && len - 1 > last - addr))
        return NULL;
    if (len > SC_EXPR_VALID)
        return sc_scan_fail(ps, at, SC_ERR_LIMIT, "$vvalid looks at no more than 0x%x bytes",
                            (unsigned)SC_EXPR_VALID);
    return range_valid(ps, at, addr, len, ret_value);
}

static sc_err *call_fnsucc(struct sc_parser *ps, const char *at, uint64_t *ret_value) {
    (void)ret_value;
    return sc_scan_fail(ps, at, SC_ERR_UNSUPPORTED,
                        "$fnsucc needs the types of functions, which cannot be read yet");
}

static const struct function {
    const char *name;
    sc_err *(*call)(struct sc_parser *ps, const char *at, uint64_t *ret_value);
} functions[] = {
    {"$iment", call_iment}, {"$vvalid", call_vvalid}, {"$scmp", call_scmp},
    {"$sicmp", call_sicmp}, {"$spat", call_spat},     {"$fnsucc", call_fnsucc},
};

static const struct function *find(const struct sc_parser *ps) {
    if (sc_scan_peek(ps) != '$')
        return NULL;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (sc_scan_word(ps, functions[i].name))
            return &functions[i];
    return NULL;
}

static sc_err *run(struct sc_parser *ps, const struct function *function, uint64_t *ret_value) {
    const char *at = ps->p;
    uint64_t value = 0;
    for (const char *c = function->name; *c; c++)
        sc_scan_next(ps);
    if (sc_scan_skip(ps) != '(')
        return sc_scan_expected(ps, "(");
    const char *open = ps->p;
    sc_err *err = sc_deeper(ps, at);
    if (err)
        return err;
    sc_scan_next(ps);
    err = function->call(ps, at, &value);
    ps->depth--;
    if (!err)
        err = sc_close(ps, ')', open);
    if (!err)
        *ret_value = value;
    return err;
}

bool sc_function(struct sc_parser *ps, uint64_t *ret_value, sc_err **ret_err) {
    const struct function *function = find(ps);
    if (function)
        *ret_err = run(ps, function, ret_value);
    return function != NULL;
}
