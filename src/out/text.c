/* SPDX-License-Identifier: MIT */
/*
 * Text: a printf whose arguments cannot harm the terminal.
 *
 * A dump's strings are a stranger's: `%s` and `%c` show control characters, C1 controls and bytes
 * that are no UTF-8 as `\x1b`; what reorders or hides text (bidi controls, zero-width characters,
 * line separators, tags) as `\u202E`; lone surrogates as `\uD83D`. A backslash stays as it is:
 * paths are full of them. The width of `%-20s` counts characters as shown, not bytes; its
 * precision counts bytes of the argument, and no byte behind it is read.
 *
 * Numbers are the C locale's whatever the program's locale is: a decimal comma becomes a point,
 * the flag ' is ignored.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf.h"
#include "out/out_impl.h"

/* Wider numbers than this are cut to it: no column of ours comes near. */
enum { NUMBER_MAX = 300, NUMBER_BUF = 1024 };

bool sc_text_unsafe(uint32_t cp) {
    static const struct {
        uint32_t first, last;
    } range[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0x61c, 0x61c},     {0x180e, 0x180e},
        {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},   {0xd800, 0xdfff},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };
    if (cp >= 0x20 && cp < 0x7f)
        return false;
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (cp >= range[i].first && cp <= range[i].last)
            return true;
    return false;
}

/*
 * The next character of TEXT: returns its bytes, and sets *RET_LEN to the length of the escape in
 * ESC that stands for it, 0 when it is shown as it is.
 */
static size_t next_char(const char *text, size_t len, bool own, char *esc, size_t *ret_len) {
    uint32_t cp;
    size_t n = sc_utf8_get(text, len, &cp);
    *ret_len = 0;
    if (cp == UINT32_MAX)
        *ret_len = (size_t)snprintf(esc, SC_OUT_ESCAPE, "\\x%02x", (unsigned)(unsigned char)*text);
    else if (own && (cp == '\n' || cp == '\t'))
        return n;
    else if (!sc_text_unsafe(cp))
        return n;
    else
        *ret_len = (size_t)snprintf(esc, SC_OUT_ESCAPE,
                                    cp < 0x100     ? "\\x%02x"
                                    : cp < 0x10000 ? "\\u%04X"
                                                   : "\\U%08X",
                                    (unsigned)cp);
    return n;
}

/* Are all of eight characters ASCII's that are shown? */
static bool is_plain(const char *text) {
    const uint64_t ones = 0x0101010101010101, high = 0x80 * ones;
    uint64_t v;
    memcpy(&v, text, sizeof v);
    /* Below 0x20 a subtraction borrows into the top bit; 0x7f and above have it, or get it. */
    return !(((v - 0x20 * ones) | v | (v + ones)) & high);
}

/* How many characters from TEXT on are ASCII's that are shown: nearly all of any text. */
static size_t plain_run(const char *text, size_t len) {
    size_t i = 0;
    while (len - i >= sizeof(uint64_t) && is_plain(text + i))
        i += sizeof(uint64_t);
    while (i < len && text[i] >= 0x20 && text[i] < 0x7f)
        i++;
    return i;
}

static void put_text(sc_out *out, const char *text, size_t len, bool own) {
    char esc[SC_OUT_ESCAPE];
    size_t clean = 0, i = 0, escaped;
    while ((i += plain_run(text + i, len - i)) < len) {
        size_t n = next_char(text + i, len - i, own, esc, &escaped);
        if (escaped) {
            sc_out_raw(out, text + clean, i - clean);
            sc_out_raw(out, esc, escaped);
            clean = i + n;
        }
        i += n;
    }
    sc_out_raw(out, text + clean, len - clean);
}

void sc_text_own(sc_out *out, const char *text, size_t len) { put_text(out, text, len, true); }

void sc_text_foreign(sc_out *out, const char *text, size_t len) { put_text(out, text, len, false); }

/* Columns that foreign text takes on the screen. */
static size_t text_width(const char *text, size_t len) {
    char esc[SC_OUT_ESCAPE];
    size_t width = 0, escaped, i = 0;
    for (;;) {
        size_t plain = plain_run(text + i, len - i);
        width += plain;
        i += plain;
        if (i == len)
            return width;
        i += next_char(text + i, len - i, false, esc, &escaped);
        width += escaped ? escaped : 1;
    }
}

/* One conversion, taken apart. */
struct conversion {
    char flags[6]; /* of "-+ #0" */
    int width;     /* negative: left-aligned, as `*` may give it */
    int precision; /* negative: none */
    char length;   /* 'H' = hh, 'q' = ll, else the letter, or 0 */
    char letter;
};

/* va_list may be an array, which a function cannot take the address of. */
struct arguments {
    va_list ap;
};

static int read_int(const char **p, struct arguments *args) {
    if (**p == '*') {
        ++*p;
        return va_arg(args->ap, int);
    }
    int n = 0;
    for (; **p >= '0' && **p <= '9'; ++*p)
        n = n < 100000 ? n * 10 + (**p - '0') : n;
    return n;
}

/* Reads a conversion behind its '%'; returns what stands behind it. */
static const char *read_conversion(const char *p, struct arguments *args, struct conversion *c) {
    size_t nflags = 0;
    *c = (struct conversion){.precision = -1};
    for (; *p && strchr("-+ #0'", *p); p++)
        if (*p != '\'' && !strchr(c->flags, *p))
            c->flags[nflags++] = *p;
    c->width = read_int(&p, args);
    if (*p == '.') {
        p++;
        c->precision = read_int(&p, args);
    }
    if (*p && strchr("hlqjztL", *p)) {
        c->length = *p++;
        if ((c->length == 'h' || c->length == 'l') && *p == c->length) {
            c->length = c->length == 'h' ? 'H' : 'q';
            p++;
        }
    }
    c->letter = *p;
    return *p ? p + 1 : p;
}

static int clamp(int n, int low, int high) { return n < low ? low : n > high ? high : n; }

static void pad(sc_out *out, const struct sc_pieces *pieces, size_t count) {
    static const char blanks[] = "                                ";
    while (count) {
        size_t part = count < sizeof blanks - 1 ? count : sizeof blanks - 1;
        pieces->own(out, blanks, part);
        count -= part;
    }
}

static void put_string(sc_out *out, const struct sc_pieces *pieces, const struct conversion *c,
                       const char *text, size_t len) {
    bool left = c->width < 0 || strchr(c->flags, '-');
    size_t want = (size_t)(c->width < 0 ? -(long long)c->width : c->width);
    size_t width = want ? text_width(text, len) : 0;
    size_t blanks = want > width ? want - width : 0;
    if (!left)
        pad(out, pieces, blanks);
    pieces->foreign(out, text, len);
    if (left)
        pad(out, pieces, blanks);
}

static intmax_t signed_arg(struct arguments *args, char length) {
    switch (length) {
    case 'H': return (signed char)va_arg(args->ap, int);
    case 'h': return (short)va_arg(args->ap, int);
    case 'l': return va_arg(args->ap, long);
    case 'q': return va_arg(args->ap, long long);
    case 'j': return va_arg(args->ap, intmax_t);
    case 'z': return (intmax_t)va_arg(args->ap, size_t);
    case 't': return va_arg(args->ap, ptrdiff_t);
    default: return va_arg(args->ap, int);
    }
}

static uintmax_t unsigned_arg(struct arguments *args, char length) {
    switch (length) {
    case 'H': return (unsigned char)va_arg(args->ap, unsigned);
    case 'h': return (unsigned short)va_arg(args->ap, unsigned);
    case 'l': return va_arg(args->ap, unsigned long);
    case 'q': return va_arg(args->ap, unsigned long long);
    case 'j': return va_arg(args->ap, uintmax_t);
    case 'z': return va_arg(args->ap, size_t);
    case 't': return (uintmax_t)va_arg(args->ap, ptrdiff_t);
    default: return va_arg(args->ap, unsigned);
    }
}

/* "%", the flags, "*.*", and what the value's type wants: fits in 16 bytes. */
static const char *number_format(const struct conversion *c, const char *length, char *fmt) {
    snprintf(fmt, 16, "%%%s*.*%s%c", c->flags, length, c->letter);
    return fmt;
}

/* A locale's decimal sign, whatever its bytes are, is what no C number has in it. */
static size_t plain_decimal(char *text, size_t len) {
    static const char known[] = "0123456789+-.eEinfaINFA ";
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (strchr(known, text[i]))
            text[n++] = text[i];
        else if (n && text[n - 1] != '.')
            text[n++] = '.';
    }
    return n;
}

/*
 * What most integers ask for: a width, zeros in front, the left edge. False: anything else, which
 * is left to snprintf().
 */
static bool put_integer(sc_out *out, const struct sc_pieces *pieces, const struct conversion *c,
                        uintmax_t value, bool negative) {
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    const bool left = c->width < 0 || strchr(c->flags, '-'), zeros = strchr(c->flags, '0');
    const int edge = clamp(c->width, -NUMBER_MAX, NUMBER_MAX), width = edge < 0 ? -edge : edge;
    const unsigned base = c->letter == 'x' || c->letter == 'X' ? 16 : 10;
    const char *digits = c->letter == 'X' ? upper : lower;
    char text[NUMBER_MAX + 32];
    char *end = text + sizeof text, *p = end;
    if (c->precision >= 0 || c->letter == 'o' || strpbrk(c->flags, "+ #"))
        return false;
    do
        *--p = digits[value % base];
    while (value /= base);
    while (zeros && !left && end - p + negative < width)
        *--p = '0';
    if (negative)
        *--p = '-';
    size_t len = (size_t)(end - p), blanks = len < (size_t)width ? (size_t)width - len : 0;
    if (!left)
        pad(out, pieces, blanks);
    pieces->own(out, p, len);
    if (left)
        pad(out, pieces, blanks);
    return true;
}

static void put_number(sc_out *out, const struct sc_pieces *pieces, const struct conversion *c,
                       struct arguments *args) {
    char text[NUMBER_BUF], fmt[16];
    int width = clamp(c->width, -NUMBER_MAX, NUMBER_MAX);
    int precision = clamp(c->precision, -1, NUMBER_MAX), n;
    if (c->letter == 'd' || c->letter == 'i') {
        intmax_t v = signed_arg(args, c->length);
        if (put_integer(out, pieces, c, v < 0 ? -(uintmax_t)v : (uintmax_t)v, v < 0))
            return;
        n = snprintf(text, sizeof text, number_format(c, "j", fmt), width, precision, v);
    } else if (strchr("uxXo", c->letter)) {
        uintmax_t v = unsigned_arg(args, c->length);
        if (put_integer(out, pieces, c, v, false))
            return;
        n = snprintf(text, sizeof text, number_format(c, "j", fmt), width, precision, v);
    } else if (c->letter == 'p') {
        n = snprintf(text, sizeof text, "%*p", width, va_arg(args->ap, void *));
    } else {
        n = snprintf(text, sizeof text, number_format(c, "", fmt), width, precision,
                     c->length == 'L' ? (double)va_arg(args->ap, long double)
                                      : va_arg(args->ap, double));
    }
    size_t len = (size_t)clamp(n, 0, NUMBER_BUF - 1);
    if (strchr("fFeEgG", c->letter))
        len = plain_decimal(text, len);
    pieces->own(out, text, len);
}

/* Writes one conversion; false when it is none of ours, and so the arguments are lost. */
static bool put_conversion(sc_out *out, const struct sc_pieces *pieces, const struct conversion *c,
                           struct arguments *args) {
    if (c->letter == '%') {
        pieces->own(out, "%", 1);
    } else if (c->letter == 'c' && !c->length) {
        char ch = (char)va_arg(args->ap, int);
        put_string(out, pieces, c, &ch, 1);
    } else if (c->letter == 's' && !c->length) {
        const char *text = va_arg(args->ap, const char *);
        text = text ? text : "(null)";
        size_t len = c->precision < 0 ? strlen(text) : strnlen(text, (size_t)c->precision);
        put_string(out, pieces, c, text, len);
    } else if (c->letter && strchr("diuxXopfFeEgG", c->letter)) {
        put_number(out, pieces, c, args);
    } else {
        return false;
    }
    return true;
}

void sc_format(sc_out *out, const struct sc_pieces *pieces, const char *fmt, va_list ap) {
    struct arguments args;
    va_copy(args.ap, ap);
    for (const char *p = fmt; *p;) {
        const char *percent = strchr(p, '%');
        if (!percent)
            percent = p + strlen(p);
        if (percent > p)
            pieces->own(out, p, (size_t)(percent - p));
        if (!*percent)
            break;
        struct conversion c;
        p = read_conversion(percent + 1, &args, &c);
        if (!put_conversion(out, pieces, &c, &args)) {
            /* What type the argument had is not known, nor any behind it: show the rest as it is */
            pieces->own(out, percent, strlen(percent));
            break;
        }
    }
    va_end(args.ap);
}

void sc_printf(sc_out *out, const char *fmt, ...) {
    static const struct sc_pieces text = {sc_text_own, sc_text_foreign};
    if (out->render != SC_RENDER_TEXT)
        return;
    va_list ap;
    va_start(ap, fmt);
    sc_format(out, &text, fmt, ap);
    va_end(ap);
}

void sc_puts(sc_out *out, const char *text) {
    if (out->render == SC_RENDER_TEXT)
        sc_text_own(out, text, strlen(text));
}

/* In JSON nothing is neutralised twice: the string's own escapes are enough. */
void sc_remark(sc_out *out, const char *fmt, ...) {
    static const struct sc_pieces text = {sc_text_own, sc_text_foreign};
    static const struct sc_pieces json = {sc_json_chars, sc_json_chars};
    va_list ap;
    va_start(ap, fmt);
    if (out->render == SC_RENDER_JSON) {
        sc_json_open_item(out);
        sc_out_raws(out, "{\"type\":\"note\",\"text\":\"");
        sc_format(out, &json, fmt, ap);
        sc_out_raws(out, "\"}");
        sc_json_close_item(out);
    } else {
        sc_format(out, &text, fmt, ap);
        sc_out_raw(out, "\n", 1);
    }
    va_end(ap);
}

static char *put_hex8(char *p, uint32_t value) {
    for (int shift = 28; shift >= 0; shift -= 4)
        *p++ = "0123456789abcdef"[value >> shift & 15];
    return p;
}

const char *sc_addr_text(uint64_t addr, unsigned ptr_size, char *buf) {
    char *p = buf;
    if (ptr_size != 4) {
        p = put_hex8(p, (uint32_t)(addr >> 32));
        *p++ = '`';
    }
    p = put_hex8(p, (uint32_t)addr);
    *p = 0;
    return buf;
}
