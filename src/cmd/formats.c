/* SPDX-License-Identifier: MIT */
/*
 * `?` and `.formats`: a value in the forms WinDbg shows.
 *
 * Layout of `.formats` from its public page. Widths follow the target: 32-bit forms for a value
 * that fits on a 32-bit target, else 64-bit. A value below 2^32 is also shown as a time_t, a larger
 * one as a FILETIME. Floating point numbers are written as Microsoft's C library writes them: three
 * digits of exponent, 1.#QNAN and its kin.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cmd/real.h"
#include "cmd/session_impl.h"
#include "cmd/shell.h"

/* Is VALUE a number of 32 bits for a 32-bit target (sign-extended or not)? */
static bool is_narrow(sc_session *s, uint64_t value) {
    return sc_session_ptr_size(s) == 4 &&
           (value <= UINT32_MAX || value >= (uint64_t)(int64_t)INT32_MIN);
}

static int64_t as_decimal(sc_session *s, uint64_t value) {
    return is_narrow(s, value) ? (int32_t)(uint32_t)value : (int64_t)value;
}

static const char *as_hex(sc_session *s, uint64_t value, char *buf) {
    return sc_addr_text(value, is_narrow(s, value) ? 4 : 8, buf);
}

/* --- ? -------------------------------------------------------------------------------------- */

struct evaluation {
    const char *expression;
    int64_t decimal;
    uint64_t value;
    const char *near; /* NULL: in no module */
};

static const struct sc_field evaluation_fields[] = {
    SC_FIELD(struct evaluation, expression, SC_F_STR),
    SC_FIELD(struct evaluation, value, SC_F_HEX64),
    SC_FIELD(struct evaluation, decimal, SC_F_I64),
    SC_FIELD(struct evaluation, near, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype evaluation_type = {"evaluation", sizeof(struct evaluation),
                                                  evaluation_fields};

static void evaluation_text(sc_out *out, const void *record, void *ctx) {
    const struct evaluation *e = record;
    sc_session *s = ctx;
    char hex[SC_ADDR_BUF];
    sc_printf(out, "Evaluate expression: %" PRId64 " = %s", e->decimal, as_hex(s, e->value, hex));
    if (e->near && sc_session_enrich(s))
        sc_printf(out, "  [%s]", e->near);
    sc_puts(out, "\n");
}

sc_err *sc_run_evaluate(sc_session *s, const struct sc_args *args) {
    if (!args->v[0].given)
        return sc_run_help(s, args);
    struct evaluation e = {.expression = args->v[0].text, .value = args->v[0].num};
    uint64_t addr = sc_session_ptr_size(s) == 4 ? (uint32_t)e.value : e.value;
    e.decimal = as_decimal(s, e.value);
    e.near = sc_session_near(s, addr, args->arena);
    sc_session_set_last(s, e.value);
    sc_record(sc_session_out(s), &evaluation_type, &e, evaluation_text, s);
    return NULL;
}

/* --- .formats ------------------------------------------------------------------------------- */

enum { OCTAL_BUF = 24, BINARY_BUF = 72, CHARS_BUF = 9 };

struct formats {
    uint64_t value;
    int64_t decimal;
    const char *octal, *binary, *chars;
    const char *time_text; /* as shown */
    uint64_t time;         /* FILETIME; 0: none */
    const char *float_low, *float_high, *real;
};

static const struct sc_field formats_fields[] = {
    SC_FIELD(struct formats, value, SC_F_HEX64),
    SC_FIELD(struct formats, decimal, SC_F_I64),
    SC_FIELD(struct formats, octal, SC_F_STR),
    SC_FIELD(struct formats, binary, SC_F_STR),
    SC_FIELD(struct formats, chars, SC_F_STR),
    SC_FIELD(struct formats, time, SC_F_TIME),
    SC_FIELD(struct formats, float_low, SC_F_STR),
    SC_FIELD(struct formats, float_high, SC_F_STR),
    {"double", SC_F_STR, offsetof(struct formats, real), 0, NULL, NULL},
    SC_FIELD_END,
};
static const struct sc_rectype formats_type = {"formats", sizeof(struct formats), formats_fields};

static void formats_text(sc_out *out, const void *record, void *ctx) {
    const struct formats *f = record;
    char hex[SC_ADDR_BUF];
    sc_puts(out, "Evaluate expression:\n");
    sc_printf(out, "  Hex:     %s\n", as_hex(ctx, f->value, hex));
    sc_printf(out, "  Decimal: %" PRId64 "\n", f->decimal);
    sc_printf(out, "  Octal:   %s\n", f->octal);
    sc_printf(out, "  Binary:  %s\n", f->binary);
    sc_printf(out, "  Chars:   %s\n", f->chars);
    sc_printf(out, "  Time:    %s\n", f->time_text);
    sc_printf(out, "  Float:   low %s high %s\n", f->float_low, f->float_high);
    sc_printf(out, "  Double:  %s\n", f->real);
}

/* The highest byte first, eight digits a group. */
static void binary(uint64_t value, unsigned nbytes, char *buf) {
    for (unsigned bit = nbytes * 8; bit-- > 0;) {
        *buf++ = (char)('0' + (value >> bit & 1));
        if (bit % 8 == 0 && bit)
            *buf++ = ' ';
    }
    *buf = 0;
}

static void chars(uint64_t value, unsigned nbytes, char *buf) {
    for (unsigned i = nbytes; i-- > 0;) {
        unsigned char c = (unsigned char)(value >> 8 * i);
        *buf++ = c >= ' ' && c <= '~' ? (char)c : '.';
    }
    *buf = 0;
}

/* The value as a moment; BUF is of SC_TIME_BUF. */
static void moment(sc_session *s, struct formats *f, uint64_t value, char *buf) {
    f->time_text = buf;
    if (value <= UINT32_MAX) {
        f->time = sc_time_from_unix((uint32_t)value);
        sc_time_stamp((uint32_t)value, sc_session_tz(s), buf);
    } else if (value <= INT64_MAX) {
        f->time = value;
        sc_time_windbg(value, sc_session_tz(s), buf);
    } else {
        f->time_text = "***** Invalid FILETIME";
    }
}

sc_err *sc_run_formats(sc_session *s, const struct sc_args *args) {
    uint64_t value = args->v[0].num;
    bool narrow = is_narrow(s, value);
    unsigned nbytes = narrow ? 4 : 8;
    if (narrow)
        value = (uint32_t)value;
    char octal[OCTAL_BUF], bits[BINARY_BUF], text[CHARS_BUF], when[SC_TIME_BUF];
    char low[SC_REAL_BUF], high[SC_REAL_BUF], dbl[SC_REAL_BUF];
    snprintf(octal, sizeof octal, "%0*" PRIo64, narrow ? 11 : 22, value);
    binary(value, nbytes, bits);
    chars(value, nbytes, text);
    sc_real_text(sc_real_widen((uint32_t)value), 6, low);
    sc_real_text(sc_real_widen((uint32_t)(value >> 32)), 6, high);
    sc_real_text(value, 6, dbl);
    struct formats f = {.value = value, .octal = octal, .binary = bits, .chars = text};
    f.decimal = as_decimal(s, value);
    f.float_low = low;
    f.float_high = high;
    f.real = dbl;
    moment(s, &f, value, when);
    sc_record(sc_session_out(s), &formats_type, &f, formats_text, s);
    return NULL;
}
