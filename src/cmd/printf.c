/* SPDX-License-Identifier: MIT */
/*
 * `.printf`: values in a format, as its public page has it.
 *
 *     .printf [/D] [/oX] "format", expression, expression, …
 *
 * Conversions are C's. Integers are of 32 bits unless I64 or ll stands before the letter; floats
 * are the argument's bits, of 32 unless l. %p is an address, %N the same; %ma %mu %msa %msu are
 * strings in the target's memory; %y and %ly are symbols. The text is built as a whole, then shown
 * with what came from the dump made harmless.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/control.h"
#include "cmd/dispatch.h"
#include "cmd/memtext.h"
#include "cmd/real.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"

enum { WIDTH_MAX = 1024 };

struct print {
    sc_session *session;
    sc_arena *arena;
    const char *args; /* what is left: ", expression, …" */
    struct sc_textbuf out;
};

/* One conversion as it stands in the format. */
struct conversion {
    bool left, plus, space, alt, zero;
    int width, precision; /* precision -1: none */
    bool wide;            /* I64, ll; l for floats */
    bool longs;           /* a single l */
    const char *letter;   /* "d", "p", "ma", "msu", … */
    size_t letters;
};

/* --- arguments ------------------------------------------------------------------------------ */

/* Where the expression at P ends: at a comma outside brackets and quotes. */
static const char *argument_end(const char *p) {
    while (*p && *p != ',') {
        const char *close = *p == '(' ? sc_match(p) : NULL;
        const char *quote = *p == '"' ? strchr(p + 1, '"') : NULL;
        p = close ? close + 1 : quote ? quote + 1 : p + 1;
    }
    return p;
}

static sc_err *next_argument(struct print *pr, uint64_t *ret) {
    const char *p = sc_skip_blanks(pr->args);
    if (*p != ',')
        return sc_errf(SC_ERR_ARG, ".printf: the format has more conversions than there are "
                                   "values behind it");
    p++;
    const char *end = argument_end(p);
    char *text = sc_arena_strndup(pr->arena, p, (size_t)(end - p));
    if (!text)
        return sc_err_nomem();
    pr->args = end;
    return sc_session_eval(pr->session, text, ret);
}

/* --- conversions ---------------------------------------------------------------------------- */

/* A number in the format: digits, or '*' for an argument. */
static sc_err *take_number(struct print *pr, const char **p, int *ret) {
    uint64_t value = 0;
    if (**p == '*') {
        ++*p;
        sc_err *err = next_argument(pr, &value);
        if (err)
            return err;
    }
    for (; **p >= '0' && **p <= '9'; ++*p)
        value = value > WIDTH_MAX ? value : value * 10 + (uint64_t)(**p - '0');
    *ret = value > WIDTH_MAX ? WIDTH_MAX : (int)value;
    return NULL;
}

/* I64, I32, ll, l, h, w: sizes. */
static void take_size(const char **p, struct conversion *c) {
    if (!strncmp(*p, "I64", 3) || !strncmp(*p, "I32", 3)) {
        c->wide = (*p)[1] == '6';
        *p += 3;
        return;
    }
    while (**p && strchr("lhwL", **p)) {
        c->wide |= c->longs && **p == 'l';
        c->longs |= **p == 'l';
        ++*p;
    }
}

static size_t letters_at(const char *p) {
    if (p[0] == 'm' && p[1] == 's' && (p[2] == 'a' || p[2] == 'u'))
        return 3;
    if (p[0] == 'm' && (p[1] == 'a' || p[1] == 'u'))
        return 2;
    return *p && strchr("diouxXcCeEfFgGpNy", *p) ? 1 : 0;
}

static sc_err *take_conversion(struct print *pr, const char **text, struct conversion *c) {
    const char *p = *text;
    sc_err *err = NULL;
    *c = (struct conversion){.precision = -1};
    for (; *p && strchr("-+ #0", *p); p++) {
        c->left |= *p == '-';
        c->plus |= *p == '+';
        c->space |= *p == ' ';
        c->alt |= *p == '#';
        c->zero |= *p == '0';
    }
    err = take_number(pr, &p, &c->width);
    if (!err && *p == '.') {
        p++;
        err = take_number(pr, &p, &c->precision);
    }
    if (err)
        return err;
    take_size(&p, c);
    c->letter = p;
    c->letters = letters_at(p);
    if (!c->letters && (*p == 's' || *p == 'S'))
        return sc_errf(SC_ERR_ARG,
                       ".printf: %%%c has no meaning here: %%ma and %%mu print strings "
                       "in memory, ${name} an alias",
                       *p);
    if (!c->letters)
        return sc_errf(SC_ERR_ARG, ".printf: %%%.8s is no conversion", p);
    *text = p + c->letters;
    return NULL;
}

/* TEXT in its field. */
static void pad(struct print *pr, const struct conversion *c, const char *text) {
    size_t n = 0, len = strlen(text);
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    int fill = c->width > (int)n ? c->width - (int)n : 0;
    sc_textbuf_printf(&pr->out, "%*s%s%*s", c->left ? 0 : fill, "", text, c->left ? fill : 0, "");
}

/* Sign or "0x" of a number, and its magnitude. */
static const char *prefix_of(const struct conversion *c, uint64_t value, uint64_t *ret_number) {
    *ret_number = c->wide ? value : (uint32_t)value;
    if (*c->letter == 'd' || *c->letter == 'i') {
        int64_t number = c->wide ? (int64_t)value : (int32_t)(uint32_t)value;
        *ret_number = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
        return number < 0 ? "-" : c->plus ? "+" : c->space ? " " : "";
    }
    if (!c->alt || !*ret_number)
        return "";
    return *c->letter == 'x' ? "0x" : *c->letter == 'X' ? "0X" : *c->letter == 'o' ? "0" : "";
}

static void put_integer(struct print *pr, const struct conversion *c, uint64_t value) {
    char digits[WIDTH_MAX + 80];
    uint64_t number;
    const char *prefix = prefix_of(c, value, &number);
    int least = c->precision < 0 ? 1 : c->precision;
    if (c->precision < 0 && c->zero && !c->left)
        least = c->width - (int)strlen(prefix) > 1 ? c->width - (int)strlen(prefix) : 1;
    int n = snprintf(digits, sizeof digits, "%s", prefix);
    size_t room = sizeof digits - (size_t)n;
    switch (*c->letter) {
    case 'x': snprintf(digits + n, room, "%.*" PRIx64, least, number); break;
    case 'X': snprintf(digits + n, room, "%.*" PRIX64, least, number); break;
    case 'o': snprintf(digits + n, room, "%.*" PRIo64, least, number); break;
    default: snprintf(digits + n, room, "%.*" PRIu64, least, number); break;
    }
    pad(pr, c, digits);
}

static void put_real(struct print *pr, const struct conversion *c, uint64_t value) {
    char text[SC_REAL_BUF + 1];
    uint64_t bits = c->longs || c->wide ? value : sc_real_widen((uint32_t)value);
    char *number = text + 1;
    sc_real_text_as(bits, *c->letter, c->precision < 0 ? 6 : c->precision, number);
    if (*number != '-' && (c->plus || c->space)) {
        *text = c->plus ? '+' : ' ';
        number = text;
    }
    pad(pr, c, number);
}

static void put_char(struct print *pr, const struct conversion *c, uint64_t value) {
    char text[8];
    bool wide = *c->letter == 'C' || c->longs;
    text[wide ? sc_dump_wide((uint16_t)value, text) : 1] = 0;
    if (!wide)
        text[0] = sc_dump_char((uint8_t)value);
    pad(pr, c, text);
}

static sc_err *put_address(struct print *pr, const struct conversion *c, uint64_t value) {
    char text[24];
    unsigned ptr = sc_session_ptr_size(pr->session);
    snprintf(text, sizeof text, "%0*" PRIx64, (int)ptr * 2, ptr == 4 ? (uint32_t)value : value);
    pad(pr, c, text);
    return NULL;
}

/* WinDbg shows the number where there is no symbol. */
static sc_err *put_symbol(struct print *pr, const struct conversion *c, uint64_t value) {
    const char *text;
    uint64_t addr = sc_session_ptr_size(pr->session) == 4 ? (uint32_t)value : value;
    sc_err *err = sc_near(pr->session, addr, pr->arena, &text);
    if (err)
        return err;
    if (!text)
        return put_address(pr, c, value);
    pad(pr, c, text);
    return NULL;
}

static sc_err *put_string(struct print *pr, struct conversion *c, uint64_t value) {
    char kind[4] = "";
    const char *text;
    memcpy(kind, c->letter, c->letters);
    sc_err *err = sc_memory_string(pr->session, kind, value, pr->arena, &text);
    if (!err)
        pad(pr, c, text);
    return err;
}

static sc_err *convert(struct print *pr, const char **text) {
    struct conversion c;
    uint64_t value = 0;
    sc_err *err = take_conversion(pr, text, &c);
    if (!err)
        err = next_argument(pr, &value);
    if (err)
        return err;
    switch (*c.letter) {
    case 'm': return put_string(pr, &c, value);
    case 'y': return put_symbol(pr, &c, value);
    case 'p':
    case 'N': return put_address(pr, &c, value);
    case 'c':
    case 'C': put_char(pr, &c, value); break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G': put_real(pr, &c, value); break;
    default: put_integer(pr, &c, value); break;
    }
    return NULL;
}

/* --- the format ----------------------------------------------------------------------------- */

/* `\n` and its kin: what it stands for; the backslash itself when it is none. */
static char escaped(char c) {
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    default: return c;
    }
}

/* Over a DML tag: `<b>`, `</link>`; P + 1 when there is no '>'. */
static const char *skip_tag(const char *p) {
    const char *close = strchr(p, '>');
    return close ? close + 1 : p + 1;
}

static const char *entity(const char *p, char *ret) {
    static const struct {
        const char *name;
        char c;
    } names[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}};
    for (size_t i = 0; i < 4; i++) {
        if (!strncmp(p, names[i].name, strlen(names[i].name))) {
            *ret = names[i].c;
            return p + strlen(names[i].name);
        }
    }
    *ret = '&';
    return p + 1;
}

static sc_err *fill(struct print *pr, const char *format, bool dml) {
    sc_err *err = NULL;
    for (const char *p = format; !err && *p;) {
        char c = *p;
        if (c == '%' && p[1] != '%') {
            p++;
            err = convert(pr, &p);
            continue;
        }
        if (dml && c == '<') {
            p = skip_tag(p);
            continue;
        }
        if (dml && c == '&')
            p = entity(p, &c);
        else if (c == '\\' && p[1])
            c = escaped(p[1]), p += 2;
        else
            p += c == '%' ? 2 : 1;
        if (c != '\r')
            sc_textbuf_add(&pr->out, &c, 1);
    }
    return err ? err : sc_textbuf_error(&pr->out, "the text of .printf");
}

/* --- the command ---------------------------------------------------------------------------- */

struct printed {
    const char *text;
};
static const struct sc_field printed_fields[] = {SC_FIELD(struct printed, text, SC_F_STR),
                                                 SC_FIELD_END};
static const struct sc_rectype printed_type = {"printf", sizeof(struct printed), printed_fields};

/* Line ends and tabs are the format's own; all else of the text is shown as foreign. */
static void printed_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct printed *r = record;
    for (const char *p = r->text; *p;) {
        size_t n = strcspn(p, "\n\t");
        sc_printf(out, "%.*s", (int)n, p);
        p += n;
        if (*p)
            sc_puts(out, *p++ == '\n' ? "\n" : "\t");
    }
}

/* Over /D and /o… */
static sc_err *take_options(const char **text, bool *ret_dml) {
    const char *p = sc_skip_blanks(*text);
    while (*p == '/') {
        if (p[1] == 'D')
            *ret_dml = true;
        else if (p[1] != 'o' || !p[2] || !strchr("dDenpPsvw", p[2]))
            return sc_errf(SC_ERR_ARG, ".printf: %.4s is no option of it: /D, /od, /oe, …", p);
        p = sc_skip_blanks(p + (p[1] == 'D' ? 2 : 3));
    }
    *text = p;
    return NULL;
}

sc_err *sc_run_printf(sc_session *s, const struct sc_args *args) {
    const char *p = args->v[0].text;
    bool dml = false;
    sc_err *err = take_options(&p, &dml);
    if (err)
        return err;
    if (*p != '"')
        return sc_errf(SC_ERR_ARG,
                       ".printf: the format stands in quotes: .printf \"%%p\\n\", @$ip");
    const char *end = p + 1;
    while (*end && *end != '"')
        end += *end == '\\' && end[1] ? 2 : 1;
    if (!*end)
        return sc_errf(SC_ERR_ARG, ".printf: the quotes do not end");
    char *format = sc_arena_strndup(args->arena, p + 1, (size_t)(end - p - 1));
    if (!format)
        return sc_err_nomem();
    struct print pr = {s, args->arena, end + 1, {.max = SC_TEXT_MAX}};
    err = fill(&pr, format, dml);
    if (!err) {
        struct printed r = {sc_textbuf_text(&pr.out)};
        sc_record(sc_session_out(s), &printed_type, &r, printed_text, NULL);
    }
    sc_textbuf_free(&pr.out);
    return err;
}
