/* SPDX-License-Identifier: MIT */
/*
 * Cutting a line into commands: at ';' outside double quotes, and at newlines. A
 * command whose grammar ends in SC_ARG_LINE (a comment) takes the ';' too. Inside quotes \" is a
 * quote; quotes that never close reach to the end of the line, as in WinDbg.
 */
#include "cmd/dispatch.h"

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

/* Does the command's last argument take the whole line? */
static bool takes_line(const char *text) {
    struct sc_found found;
    if (!sc_find(text, &found) || !found.row->args)
        return false;
    if (found.row->takes_line && found.row->takes_line(text + found.end))
        return true;
    const struct sc_arg *a = found.row->args;
    while (a->kind != SC_ARG_END && a->kind != SC_ARG_LINE)
        a++;
    return a->kind == SC_ARG_LINE;
}

bool sc_next_piece(const char **pos, struct sc_piece *ret) {
    const char *p = *pos;
    while (sc_blank(*p) || *p == ';' || *p == '\n')
        p++;
    if (!*p) {
        *pos = p;
        return false;
    }
    const char *end = sc_piece_end(p, takes_line(p));
    *pos = end;
    ret->start = p;
    ret->closed = *end;
    while (end > p && sc_blank(end[-1]))
        end--;
    ret->len = (size_t)(end - p);
    return true;
}
