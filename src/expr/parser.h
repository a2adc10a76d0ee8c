/* SPDX-License-Identifier: MIT */
/* The evaluator's state, shared by its files: expr.c (operators), term.c, number.c, scan.c. */
#ifndef STOPCODE_EXPR_PARSER_H
#define STOPCODE_EXPR_PARSER_H

#include "expr/expr.h"

enum {
    SC_EXPR_DEPTH = 64,      /* parentheses, functions and unary operators inside one another */
    SC_EXPR_NAME = 2048,     /* bytes of a name or string: more than the longest mangled name */
    SC_EXPR_EXCERPT = 80,    /* bytes of the text that a message quotes */
    SC_EXPR_VALID = 1 << 24, /* bytes that $vvalid looks at */
};

struct sc_parser {
    const struct sc_expr_env *env;
    const char *text, *end; /* the whole text, and its NUL */
    const char *p;          /* the next character */
    const char *done;       /* behind the last character that was made use of */
    unsigned depth;
    char name[SC_EXPR_NAME]; /* of the term at hand; resolved before the next one is read */
};

/* --- scan.c: characters --- */

/*
 * The character at AT as if it had been typed: dashes, quotes and blanks that web pages and word
 * processors make are given back their ASCII form. 0 at the end; SC_CH_OTHER for all else that is
 * not ASCII. *RET_LEN is its length in the text.
 */
enum { SC_CH_OTHER = 0x80 };
int sc_scan_at(const struct sc_parser *ps, const char *at, size_t *ret_len);
/* The character at PS->p, and moving over it. */
int sc_scan_peek(const struct sc_parser *ps);
void sc_scan_next(struct sc_parser *ps);
/* Moves over blanks and returns the character behind them. */
int sc_scan_skip(struct sc_parser *ps);
/* The character that follows the one at PS->p. */
int sc_scan_second(const struct sc_parser *ps);
/* Can C stand inside a plain name? */
bool sc_scan_is_name(int c);
/* Appends C, or the bytes at AT when it is no ASCII, to the name; false when it is full. */
bool sc_scan_append(struct sc_parser *ps, size_t *len, int c, const char *at, size_t bytes);
/* Does WORD (lower case) stand at PS->p, with no name going on behind it? Any case. */
bool sc_scan_word(const struct sc_parser *ps, const char *word);

/* --- scan.c: errors --- */

/* "column N: …" where AT points into the text. */
sc_err *sc_scan_fail(const struct sc_parser *ps, const char *at, enum sc_err_code code,
                     const char *fmt, ...) SC_PRINTF(4, 5);
/* The same in front of an error that exists. */
sc_err *sc_scan_prefix(const struct sc_parser *ps, const char *at, sc_err *err);
/* "column N: WHAT expected, found …" at PS->p. */
sc_err *sc_scan_expected(const struct sc_parser *ps, const char *what);
/* How many bytes of AT a message quotes: up to END, never half a character. */
int sc_scan_excerpt(const struct sc_parser *ps, const char *at, const char *end);
/* The name or string at AT is longer than SC_EXPR_NAME allows. */
sc_err *sc_scan_too_long(const struct sc_parser *ps, const char *at);

/* --- number.c --- */

/*
 * Reads a number at PS->p and moves behind it. False, with nothing moved, when what stands there is
 * no number, or goes on as a name (`1394ohci!Foo`, `fade_in`). An error is one that no other
 * reading could mend (too large, a digit the base does not have).
 */
bool sc_number(struct sc_parser *ps, uint64_t *ret_value, sc_err **ret_err);

/* --- term.c --- */

/* A number, name, register, function, parenthesised expression, or a unary operator and its term */
sc_err *sc_term(struct sc_parser *ps, uint64_t *ret_value);

/* --- name.c --- */

/* A symbol, module or register at PS->p, without a mark in front. */
sc_err *sc_name(struct sc_parser *ps, uint64_t *ret_value);
/* `!name`, `@name`, `@!"name"`: PS->p stands behind the mark, AT on it. */
sc_err *sc_name_symbol(struct sc_parser *ps, const char *at, uint64_t *ret_value);
sc_err *sc_name_register(struct sc_parser *ps, const char *at, uint64_t *ret_value);
sc_err *sc_name_quoted(struct sc_parser *ps, const char *at, uint64_t *ret_value);
/* Parts of names, appended to PS->name, which is LEN bytes long. The character at PS->p … */
sc_err *sc_name_take(struct sc_parser *ps, size_t *len);
/* … the text between ` and ', which may hold more of them … */
sc_err *sc_name_backtick(struct sc_parser *ps, size_t *len);
/* … and ` ?? ::` as the undecorator makes it, however many blanks were typed, if it stands there.
 */
sc_err *sc_name_unnamed(struct sc_parser *ps, size_t *len);
/* Reads a string at PS->p, which stands on its quote, into BUF of SC_EXPR_NAME bytes. */
sc_err *sc_string(struct sc_parser *ps, char *buf);

/* --- function.c --- */

/* A function at PS->p ("$scmp(…)", …): false when there is none. */
bool sc_function(struct sc_parser *ps, uint64_t *ret_value, sc_err **ret_err);

/* --- expr.c --- */

/* An expression of operators that bind at least as tight as LEVEL; 0 = all. */
sc_err *sc_binary(struct sc_parser *ps, unsigned level, uint64_t *ret_value);
/* Counts a level of nesting at AT; pair with PS->depth--. */
sc_err *sc_deeper(struct sc_parser *ps, const char *at);
/* Consumes CLOSE, or says that it is missing for what was opened at OPEN. */
sc_err *sc_close(struct sc_parser *ps, int close, const char *open);
/* A 32-bit target's address in the 64-bit form of expressions, and back. */
uint64_t sc_extend(const struct sc_parser *ps, uint64_t value);
uint64_t sc_narrow(const struct sc_parser *ps, uint64_t value);
/* Reads target memory for the operator or function NAME at AT. */
sc_err *sc_load(struct sc_parser *ps, const char *at, const char *name, uint64_t addr,
                unsigned size, bool physical, uint64_t *ret_value);

#endif
