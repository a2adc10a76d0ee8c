/* SPDX-License-Identifier: MIT */
/*
 * Between a typed line and a command's run(): finding rows, cutting lines, parsing arguments.
 * Commands themselves use command.h only.
 */
#ifndef STOPCODE_CMD_DISPATCH_H
#define STOPCODE_CMD_DISPATCH_H

#include "cmd/command.h"

/* Longest line that is run, and longest name that is looked up. */
enum { SC_LINE_MAX = 65536, SC_NAME_MAX = 48 };

/* A row and how the text names it. */
struct sc_found {
    const struct sc_command *row;
    size_t name_len; /* bytes of the name as typed */
    size_t end;      /* behind the option letters attached to it */
};

/* find.c: the row that TEXT starts with; false when there is none. */
bool sc_find(const char *text, struct sc_found *ret);
/* How much of TEXT looks like a command's name. */
size_t sc_name_length(const char *text);
/* "unknown command", with the nearest names. */
sc_err *sc_unknown_command(const char *text);

/* One command of a line: START points into it. */
struct sc_piece {
    const char *start;
    size_t len;  /* without blanks at the end */
    bool closed; /* a ';' or the end of the line stands behind it */
};
/* split.c: the next command from *POS on, which moves behind it; false at the end. */
bool sc_next_piece(const char **pos, struct sc_piece *ret);
/* The first ';' or newline (a newline only, when WHOLE_LINE) outside quotes, or the end. */
const char *sc_piece_end(const char *text, bool whole_line);

/* letters.c: one option of SPEC at TEXT: its length (0: none), first letter, and ':', '@' or 0. */
size_t sc_letters_match(const char *spec, const char *text, size_t len, char *ret_letter,
                        char *ret_value);
/* Are the LEN bytes at TEXT options of SPEC and nothing else? */
bool sc_letters_all(const char *spec, const char *text, size_t len);
/* The row's grammar of option letters; NULL. */
const struct sc_arg *sc_letters_row(const struct sc_command *row);

/*
 * args.c: parses TEXT, of which FOUND has the name, by the row's grammar. RET is zeroed but for
 * its arena. On error *RET_FAIL is where in TEXT, or NULL.
 */
sc_err *sc_args_parse(sc_session *session, const struct sc_found *found, const char *text,
                      struct sc_args *ret, const char **ret_fail);

/* usage.c: "lm [ovt] [a <address>]"; NULL when memory is short. */
const char *sc_usage(const struct sc_command *row, sc_arena *arena);
/* "-v" or "/v", as WinDbg's documentation writes the row's options. */
char sc_option_dash(const struct sc_command *row);

static inline bool sc_option_kind(enum sc_arg_kind kind) {
    return kind == SC_ARG_OPTION || kind == SC_ARG_OPTION_WORD || kind == SC_ARG_OPTION_EXPR;
}

/* typo.c: undoes in place what web pages and word processors do to commands. */
void sc_typo_fix(char *text);

static inline bool sc_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
static inline const char *sc_skip_blanks(const char *p) {
    while (sc_blank(*p))
        p++;
    return p;
}

#endif
