/* SPDX-License-Identifier: MIT */
/*
 * Cutting a line into commands: at ';' outside double quotes, and at newlines. A
 * command whose grammar ends in SC_ARG_LINE (a comment) takes the ';' too. Inside quotes \" is a
 * quote; quotes that never close reach to the end of the line, as in WinDbg.
 *
 * Commands that hold others (.if, .for, …) end behind their last block: `end` of their rows. In
 * them newlines and ';' may stand between a token's parts, since that is what the lines of a script
 * are joined with.
 */
#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"
#include "cmd/script.h"

/* --- brackets ------------------------------------------------------------------------------- */

/* Behind the quoted text at P; P + 1 when the quotes do not end before the line does. */
static const char *skip_quoted(const char *p) {
    const char *q = p + 1;
    while (*q && *q != '\n' && *q != '"')
        q += *q == '\\' && q[1] == '"' ? 2 : 1;
    return *q == '"' ? q + 1 : p + 1;
}

/* A `*` comment at P ends with its line; on a line of its own it holds no brackets. */
static const char *skip_comment(const char *p) {
    const char *newline = *p == '*' ? strchr(p, '\n') : NULL;
    return newline ? newline : p;
}

static const char *match_brace(const char *open) {
    size_t depth = 0;
    bool start = false; /* of a command */
    for (const char *p = open; *p;) {
        if (start && *p == '*' && skip_comment(p) != p) {
            p = skip_comment(p);
            continue;
        }
        if (*p == '"') {
            p = skip_quoted(p);
            start = false;
            continue;
        }
        depth += *p == '{';
        if (*p == '}' && --depth == 0)
            return p;
        start = *p == '{' || *p == ';' || *p == '\n' || (start && sc_blank(*p));
        p++;
    }
    return NULL;
}

const char *sc_match(const char *open) {
    if (*open == '{')
        return match_brace(open);
    size_t depth = 0;
    for (const char *p = open; *p;) {
        if (*p == '"') {
            p = skip_quoted(p);
            continue;
        }
        if (*p == '{') {
            p = match_brace(p);
            if (!p)
                return NULL;
        }
        depth += *p == '(';
        if (*p == ')' && --depth == 0)
            return p;
        p++;
    }
    return NULL;
}

const char *sc_skip_separators(const char *p) {
    while (sc_blank(*p) || *p == ';' || *p == '\n')
        p++;
    return p;
}

/* --- ends ----------------------------------------------------------------------------------- */

const char *sc_piece_end(const char *p, bool whole_line) {
    bool quoted = false;
    for (; *p && *p != '\n'; p++) {
        if (whole_line)
            continue;
        if (quoted && *p == '\\' && p[1] == '"')
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (*p == ';' && !quoted)
            break;
    }
    return p;
}

const char *sc_end_line(const char *operands) { return sc_piece_end(operands, true); }

const char *sc_end_braces(const char *operands) {
    const char *p = operands;
    while (*p && *p != '\n' && *p != ';') {
        const char *close = *p == '{' ? sc_match(p) : NULL;
        if (*p == '{' && !close)
            return sc_piece_end(operands, false);
        p = close ? close + 1 : *p == '"' ? skip_quoted(p) : p + 1;
    }
    return p;
}

/* Does WORD stand at P, and no longer word? */
static bool word_at(const char *p, const char *word) {
    size_t n = strlen(word);
    char next = sc_strncasecmp(p, word, n) ? 'x' : sc_lower(p[n]);
    return !((next >= 'a' && next <= 'z') || (next >= '0' && next <= '9') || next == '_');
}

/* May NEXT follow a block: `.else` (and a block behind it), or the condition of `.do`? */
typedef bool (*follows_fn)(const char *next);
static bool follows_if(const char *next) {
    return word_at(next, ".else") || word_at(next, ".elsif");
}
static bool follows_do(const char *next) { return *next == '('; }

/* The parts of a control token, one bracket after the other, until no more belong to it. */
static const char *control_end(const char *operands, follows_fn follows) {
    bool open = true; /* a block is still to come */
    const char *p = operands;
    while (*p) {
        if (*p == '"') {
            p = skip_quoted(p);
        } else if (*p == '(' || *p == '{') {
            const char *close = sc_match(p);
            if (!close)
                return p + strlen(p); /* the command says what is missing */
            open = open && *p != '{';
            p = close + 1;
            const char *next = sc_skip_separators(p);
            if (open)
                continue;
            if (!follows || !follows(next))
                return p;
            open = *next != '('; /* .do's condition is its end */
            p = next;
            follows = open ? follows : NULL;
        } else if (*p == ';' || *p == '\n') {
            const char *next = sc_skip_separators(p);
            if (!open || (*next != '{' && *next != '('))
                return p;
            p = next;
        } else {
            p++;
        }
    }
    return p;
}

const char *sc_end_block(const char *operands) { return control_end(operands, NULL); }
const char *sc_end_if(const char *operands) { return control_end(operands, follows_if); }
const char *sc_end_do(const char *operands) { return control_end(operands, follows_do); }

/* --- pieces --------------------------------------------------------------------------------- */

/* Where the command at TEXT ends. */
static const char *command_end(const char *text) {
    struct sc_found found;
    if (!sc_find(text, &found) || !found.row->args)
        return sc_piece_end(text, false);
    if (found.row->end)
        return found.row->end(text + found.end);
    if (found.row->takes_line && found.row->takes_line(text + found.end))
        return sc_piece_end(text, true);
    const struct sc_arg *a = found.row->args;
    while (a->kind != SC_ARG_END && a->kind != SC_ARG_LINE)
        a++;
    return sc_piece_end(text, a->kind == SC_ARG_LINE);
}

bool sc_next_piece(const char **pos, struct sc_piece *ret) {
    const char *p = sc_skip_separators(*pos);
    if (!*p) {
        *pos = p;
        return false;
    }
    const char *end = command_end(p);
    *pos = end;
    ret->start = p;
    ret->closed = *end;
    while (end > p && sc_blank(end[-1]))
        end--;
    ret->len = (size_t)(end - p);
    return true;
}
