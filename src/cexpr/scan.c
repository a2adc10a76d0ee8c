/* SPDX-License-Identifier: MIT */
/*
 * Words and punctuation of C++ expressions. Characters are those of src/expr/scan.c: dashes and
 * quotes that web pages make are what they were. Blanks, slash-star comments and slash-slash
 * comments, which end the text, stand between any two of them.
 */
#include "cexpr/parser.h"

#include <string.h>

/* A longer one stands before its beginning. */
static const struct {
    const char *text;
    enum sc_ctoken token;
} tokens[] = {
    {"<<=", SC_C_ASSIGN_SHL}, {">>=", SC_C_ASSIGN_SHR}, {"->*", SC_C_ARROW_STAR},
    {"->", SC_C_ARROW},       {"++", SC_C_INC},         {"--", SC_C_DEC},
    {"<<", SC_C_SHL},         {">>", SC_C_SHR},         {"<=", SC_C_LE},
    {">=", SC_C_GE},          {"==", SC_C_EQ},          {"!=", SC_C_NE},
    {"&&", SC_C_ANDAND},      {"||", SC_C_OROR},        {"*=", SC_C_ASSIGN_MUL},
    {"/=", SC_C_ASSIGN_DIV},  {"%=", SC_C_ASSIGN_MOD},  {"+=", SC_C_ASSIGN_ADD},
    {"-=", SC_C_ASSIGN_SUB},  {"&=", SC_C_ASSIGN_AND},  {"^=", SC_C_ASSIGN_XOR},
    {"|=", SC_C_ASSIGN_OR},   {".*", SC_C_DOT_STAR},    {"::", SC_C_SCOPE},
    {"@@", SC_C_ATAT},        {"=", SC_C_ASSIGN},       {"*", SC_C_MUL},
    {"/", SC_C_DIV},          {"%", SC_C_MOD},          {"+", SC_C_ADD},
    {"-", SC_C_SUB},          {"<", SC_C_LT},           {">", SC_C_GT},
    {"&", SC_C_AND},          {"^", SC_C_XOR},          {"|", SC_C_OR},
    {"!", SC_C_NOT},          {"~", SC_C_TILDE},        {"?", SC_C_QUESTION},
    {":", SC_C_COLON},        {",", SC_C_COMMA},        {".", SC_C_DOT},
    {"(", SC_C_OPEN},         {")", SC_C_CLOSE},        {"[", SC_C_OPEN_INDEX},
    {"]", SC_C_CLOSE_INDEX},  {"#", SC_C_HASH},         {"@", SC_C_AT},
};

/* Where TEXT, which is ASCII, ends if it stands at AT; NULL when it does not. */
static const char *behind(const struct sc_cparser *ps, const char *at, const char *text) {
    for (; *text; text++) {
        size_t len;
        if (sc_scan_at(&ps->scan, at, &len) != (unsigned char)*text)
            return NULL;
        at += len;
    }
    return at;
}

int sc_c_blanks(struct sc_cparser *ps) {
    for (;;) {
        int c = sc_scan_skip(&ps->scan);
        const char *p = ps->scan.p;
        if (c != '/' || (p[1] != '/' && p[1] != '*'))
            return c;
        const char *end = p[1] == '*' ? strstr(p + 2, "*/") : NULL;
        ps->scan.p = end ? end + 2 : ps->scan.end;
        if (p[1] == '*' && !end) { /* it does not end: left for the error */
            ps->scan.p = p;
            return c;
        }
    }
}

enum sc_ctoken sc_c_peek(struct sc_cparser *ps) {
    int c = sc_c_blanks(ps);
    bool open_comment = c == '/' && ps->scan.p[1] == '*'; /* it does not end */
    if (!c || sc_c_is_name(c) || open_comment)
        return SC_C_NONE;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        if (tokens[i].text[0] == c && behind(ps, ps->scan.p, tokens[i].text))
            return tokens[i].token;
    return SC_C_NONE;
}

void sc_c_skip(struct sc_cparser *ps, enum sc_ctoken token) {
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        if (tokens[i].token == token)
            ps->scan.p = ps->scan.done = behind(ps, ps->scan.p, tokens[i].text);
}

bool sc_c_take(struct sc_cparser *ps, enum sc_ctoken token) {
    if (sc_c_peek(ps) != token)
        return false;
    sc_c_skip(ps, token);
    return true;
}

sc_err *sc_c_need(struct sc_cparser *ps, enum sc_ctoken token, const char *what) {
    return sc_c_take(ps, token) ? NULL : sc_scan_expected(&ps->scan, what);
}

sc_err *sc_c_close(struct sc_cparser *ps, enum sc_ctoken close, const char *open) {
    if (sc_c_take(ps, close))
        return NULL;
    const char *text = close == SC_C_CLOSE ? ")" : close == SC_C_CLOSE_INDEX ? "]" : ">";
    if (ps->scan.p >= ps->scan.end)
        return sc_scan_fail(&ps->scan, open, SC_ERR_ARG, "no '%s' closes this", text);
    char what[] = "an operator or ' '";
    what[sizeof what - 3] = *text;
    return sc_scan_expected(&ps->scan, what);
}

bool sc_c_is_first(int c) { return sc_scan_is_name(c) && c != '?' && !(c >= '0' && c <= '9'); }

bool sc_c_is_name(int c) { return sc_scan_is_name(c) && c != '?'; }

bool sc_c_word(struct sc_cparser *ps, const char *word) {
    size_t len;
    sc_c_blanks(ps);
    const char *end = behind(ps, ps->scan.p, word);
    if (!end || sc_c_is_name(sc_scan_at(&ps->scan, end, &len)))
        return false;
    ps->scan.p = ps->scan.done = end;
    return true;
}

sc_err *sc_c_plain_name(struct sc_cparser *ps, char *buf, size_t size) {
    const char *start = ps->scan.p;
    while (sc_c_is_name(sc_scan_peek(&ps->scan)))
        sc_scan_next(&ps->scan);
    size_t len = (size_t)(ps->scan.p - start);
    if (len >= size)
        return sc_scan_fail(&ps->scan, start, SC_ERR_LIMIT, "the name is longer than %zu bytes",
                            size - 1);
    memcpy(buf, start, len);
    buf[len] = 0;
    return NULL;
}

struct sc_cmark sc_c_mark(const struct sc_cparser *ps) {
    return (struct sc_cmark){ps->scan.p, ps->scan.done};
}

void sc_c_reset(struct sc_cparser *ps, struct sc_cmark mark) {
    ps->scan.p = mark.p;
    ps->scan.done = mark.done;
}
