/* SPDX-License-Identifier: MIT */
/*
 * Numbers.
 *
 *     1f  0x1f  1fh  0n31  0t37  0y11111      the default base, 16, 16, 10, 8, 2
 *     fffff800`01234567                       16, whatever the default base is
 *     0x                                      a prefix alone is 0
 *     0n-1073741811                           a sign behind a prefix belongs to the number
 *
 * From WinDbg's manual ("MASM Numbers and Operators"). Guessed: that the sign behind a prefix is
 * the number's (published commands have `!error 0n-1073741811`, and 0 - 1073741811 in base 16
 * cannot be meant), and that the part behind a backtick must have eight digits (less would be read
 * as another number than was meant).
 *
 * A word that could be both is a number: `fade`, `each` (0eac hexadecimal), `ch`. `!fade` and
 * `@ch` are the symbol and the register.
 */
#include "expr/parser.h"

struct digits {
    uint64_t value;
    unsigned count;
    bool overflow;
};

static int digit_of(int c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    return -1;
}

/* Reads digits of BASE at PS->p; the value wraps and says so. */
static struct digits read_digits(struct sc_parser *ps, unsigned base) {
    struct digits d = {0, 0, false};
    for (;;) {
        int digit = digit_of(sc_scan_peek(ps));
        if (digit < 0 || (unsigned)digit >= base)
            return d;
        if (d.value > (UINT64_MAX - (unsigned)digit) / base)
            d.overflow = true;
        d.value = d.value * base + (unsigned)digit;
        d.count++;
        sc_scan_next(ps);
    }
}

static sc_err *too_large(const struct sc_parser *ps, const char *at) {
    return sc_scan_fail(ps, at, SC_ERR_ARG, "the number does not fit in 64 bits");
}

/* Does a name go on at PS->p, so that what was read is no number? */
static bool name_goes_on(const struct sc_parser *ps) {
    int c = sc_scan_peek(ps), next;
    if (sc_scan_is_name(c) || c == '@')
        return true;
    next = sc_scan_second(ps);
    return (c == '!' && next != '=') || (c == ':' && next == ':') ||
           (c == '.' && sc_scan_is_name(next));
}

/* 16 for 0x, 10 for 0n, 8 for 0t, 2 for 0y; 0 when there is no prefix. */
static unsigned prefix_base(const struct sc_parser *ps) {
    if (sc_scan_peek(ps) != '0')
        return 0;
    switch (sc_scan_second(ps)) {
    case 'x':
    case 'X': return 16;
    case 'n':
    case 'N': return 10;
    case 't':
    case 'T': return 8;
    case 'y':
    case 'Y': return 2;
    default: return 0;
    }
}

static const char *base_name(unsigned base) {
    return base == 16 ? "hexadecimal" : base == 10 ? "decimal" : base == 8 ? "octal" : "binary";
}

/* Behind the upper half: the backtick and eight digits. */
static sc_err *lower_half(struct sc_parser *ps, struct digits *d) {
    const char *at = ps->p;
    sc_scan_next(ps);
    struct digits low = read_digits(ps, 16);
    if (low.count != 8)
        return sc_scan_fail(ps, at, SC_ERR_ARG, "8 hexadecimal digits expected behind the '`'");
    d->overflow = d->value > UINT32_MAX;
    d->value = d->value << 32 | low.value;
    return NULL;
}

static bool at_backtick(const struct sc_parser *ps) {
    int c = sc_scan_peek(ps);
    return (c == '`' || c == '\'') && digit_of(sc_scan_second(ps)) >= 0 &&
           digit_of(sc_scan_second(ps)) < 16;
}

/* A 32-bit kernel target's numbers are sign-extended unless written in halves. */
static uint64_t constant(const struct sc_parser *ps, uint64_t value, bool halves) {
    return ps->env->user || halves ? value : sc_extend(ps, value);
}

static sc_err *prefixed(struct sc_parser *ps, unsigned base, uint64_t *ret_value) {
    const char *start = ps->p;
    sc_scan_next(ps);
    sc_scan_next(ps);
    int digit = digit_of(sc_scan_second(ps));
    bool minus = sc_scan_peek(ps) == '-' && digit >= 0 && (unsigned)digit < base;
    if (minus)
        sc_scan_next(ps);
    struct digits d = read_digits(ps, base);
    bool halves = base == 16 && d.count && at_backtick(ps);
    if (halves) {
        sc_err *err = lower_half(ps, &d);
        if (err)
            return err;
    }
    if (name_goes_on(ps) && sc_scan_peek(ps) != '!')
        return sc_scan_fail(ps, ps->p, SC_ERR_ARG, "no %s digit", base_name(base));
    if (d.overflow)
        return too_large(ps, start);
    *ret_value = minus ? 0 - d.value : constant(ps, d.value, halves);
    return NULL;
}

/* `1fh`: the digits and the h, with nothing behind. */
static bool suffixed(struct sc_parser *ps, struct digits *ret) {
    const char *start = ps->p;
    struct digits d = read_digits(ps, 16);
    int c = sc_scan_peek(ps);
    if (d.count && (c == 'h' || c == 'H')) {
        sc_scan_next(ps);
        if (!name_goes_on(ps)) {
            *ret = d;
            return true;
        }
    }
    ps->p = start;
    return false;
}

/* `fffff800`01234567`. */
static bool in_halves(struct sc_parser *ps, struct digits *ret, sc_err **ret_err) {
    const char *start = ps->p;
    struct digits d = read_digits(ps, 16);
    if (!d.count || !at_backtick(ps)) {
        ps->p = start;
        return false;
    }
    *ret_err = lower_half(ps, &d);
    if (!*ret_err && name_goes_on(ps))
        *ret_err = sc_scan_fail(ps, ps->p, SC_ERR_ARG, "no hexadecimal digit");
    *ret = d;
    return true;
}

static bool unprefixed(struct sc_parser *ps, struct digits *ret) {
    const char *start = ps->p;
    struct digits d = read_digits(ps, ps->env->radix);
    if (!d.count || name_goes_on(ps)) {
        ps->p = start;
        return false;
    }
    *ret = d;
    return true;
}

bool sc_number(struct sc_parser *ps, uint64_t *ret_value, sc_err **ret_err) {
    const char *start = ps->p, *done = ps->done;
    unsigned base = prefix_base(ps);
    *ret_err = NULL;
    if (base) {
        *ret_err = prefixed(ps, base, ret_value);
        return true;
    }
    struct digits d;
    bool halves = in_halves(ps, &d, ret_err);
    if (!halves && !suffixed(ps, &d) && !unprefixed(ps, &d)) {
        ps->done = done;
        return false;
    }
    if (!*ret_err && d.overflow)
        *ret_err = too_large(ps, start);
    if (!*ret_err)
        *ret_value = constant(ps, d.value, halves);
    return true;
}
