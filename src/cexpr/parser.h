/* SPDX-License-Identifier: MIT */
/* The C++ evaluator's state and operands, shared by its files. */
#ifndef STOPCODE_CEXPR_PARSER_H
#define STOPCODE_CEXPR_PARSER_H

#include "cexpr/cexpr.h"
#include "cexpr/types.h"
#include "expr/parser.h"

enum {
    SC_C_LEVELS = 16, /* of `*`, `[ ]` and `( )` in one type name */
    SC_C_TYPE = 128,  /* bytes of a type's text in messages */
    SC_C_FIELD = 512, /* bytes of a member's name */
};

struct sc_cparser {
    struct sc_parser scan; /* text, place, columns, errors, depth; its callbacks are not used */
    const struct sc_cexpr_env *env;
    sc_symbols *types;
    unsigned dead; /* not 0: only types count (sizeof, the branch that is not taken) */
};

/* What a part of the expression is. */
struct sc_cop {
    const char *at; /* where it begins in the text */
    uint32_t type;
    struct sc_type t; /* of `type` */
    bool is_place;    /* an lvalue: `place`; else a value: `number` or `real` */
    struct sc_value place;
    uint64_t number; /* extended to 64 bits as the type is */
    double real;
    const uint8_t *bytes; /* a string literal */
    char var[8];          /* the pseudo-register that this is and that can be set; "" none */
};

/* Punctuation. The operators of binary levels stand in a row, see operate.h. */
enum sc_ctoken {
    SC_C_NONE,
    SC_C_MUL,
    SC_C_DIV,
    SC_C_MOD,
    SC_C_ADD,
    SC_C_SUB,
    SC_C_SHL,
    SC_C_SHR,
    SC_C_LT,
    SC_C_LE,
    SC_C_GT,
    SC_C_GE,
    SC_C_EQ,
    SC_C_NE,
    SC_C_AND,
    SC_C_XOR,
    SC_C_OR,
    SC_C_ANDAND,
    SC_C_OROR, /* the last binary operator */
    SC_C_ASSIGN,
    SC_C_ASSIGN_MUL, /* … to SC_C_ASSIGN_OR as SC_C_MUL … SC_C_OR, without comparisons */
    SC_C_ASSIGN_DIV,
    SC_C_ASSIGN_MOD,
    SC_C_ASSIGN_ADD,
    SC_C_ASSIGN_SUB,
    SC_C_ASSIGN_SHL,
    SC_C_ASSIGN_SHR,
    SC_C_ASSIGN_AND,
    SC_C_ASSIGN_XOR,
    SC_C_ASSIGN_OR,
    SC_C_INC,
    SC_C_DEC,
    SC_C_NOT,
    SC_C_TILDE,
    SC_C_QUESTION,
    SC_C_COLON,
    SC_C_SCOPE,
    SC_C_COMMA,
    SC_C_DOT,
    SC_C_ARROW,
    SC_C_DOT_STAR,
    SC_C_ARROW_STAR,
    SC_C_OPEN,
    SC_C_CLOSE,
    SC_C_OPEN_INDEX,
    SC_C_CLOSE_INDEX,
    SC_C_HASH,
    SC_C_AT,
    SC_C_ATAT,
};

/* --- scan.c --- */

/* The punctuation behind blanks and comments; SC_C_NONE when something else stands there. */
enum sc_ctoken sc_c_peek(struct sc_cparser *ps);
/* Moves over TOKEN, which sc_c_peek() gave. */
void sc_c_skip(struct sc_cparser *ps, enum sc_ctoken token);
/* Moves over TOKEN if it stands there. */
bool sc_c_take(struct sc_cparser *ps, enum sc_ctoken token);
/* Moves over TOKEN, or says that WHAT was expected. */
sc_err *sc_c_need(struct sc_cparser *ps, enum sc_ctoken token, const char *what);
/* Moves over CLOSE, or says that nothing closes what stands at OPEN. */
sc_err *sc_c_close(struct sc_cparser *ps, enum sc_ctoken close, const char *open);
/* Over blanks and comments; the character behind them. */
int sc_c_blanks(struct sc_cparser *ps);
bool sc_c_is_name(int c);
bool sc_c_is_first(int c);
/* Does the word stand at the cursor? If so, moves over it. Case counts. */
bool sc_c_word(struct sc_cparser *ps, const char *word);
/* The plain name at the cursor into BUF, as long as it goes; "" when none stands there. */
sc_err *sc_c_plain_name(struct sc_cparser *ps, char *buf, size_t size);
/* A place to come back to. */
struct sc_cmark {
    const char *p, *done;
};
struct sc_cmark sc_c_mark(const struct sc_cparser *ps);
void sc_c_reset(struct sc_cparser *ps, struct sc_cmark mark);

/* --- literal.c --- */

/* A number, character or string at the cursor; false when none stands there. */
bool sc_c_literal(struct sc_cparser *ps, struct sc_cop *op, sc_err **ret_err);

/* --- name.c --- */

/*
 * Reads the name at the cursor (module!a::b<c>) into PS->scan.name; the error names what is wrong
 * with it. Sets *RET_LOCAL for `$!name`.
 */
sc_err *sc_c_name_text(struct sc_cparser *ps, bool *ret_local);
/* A name in an expression: a variable, function, constant, enumerator, keyword, macro, cast. */
sc_err *sc_c_name(struct sc_cparser *ps, struct sc_cop *op);
/* `@name`, `@@( … )`, `@!"name"`. */
sc_err *sc_c_at(struct sc_cparser *ps, struct sc_cop *op);
/* --- symbol.c --- */

/* PS->scan.name as a local variable, a symbol, an enumerator; *RET_FOUND false: none of them. */
sc_err *sc_c_find_local(struct sc_cparser *ps, struct sc_cop *op, bool *ret_found);
sc_err *sc_c_find_symbol(struct sc_cparser *ps, struct sc_cop *op, bool *ret_found);
sc_err *sc_c_find_enumerator(struct sc_cparser *ps, struct sc_cop *op, bool *ret_found);
/* A type by its name; as the symbols spell it, with an underscore in front, in any case. */
sc_err *sc_c_find_type(struct sc_cparser *ps, const char *name, uint32_t *ret_type,
                       bool *ret_found);

/* --- typename.c --- */

/*
 * A type at the cursor: `const nt!_EPROCESS **`, `unsigned long [4]`. *RET_FOUND false, with
 * nothing moved, when what stands there is no type. The second form wants no declarator: `T(…)`.
 */
sc_err *sc_c_type_id(struct sc_cparser *ps, uint32_t *ret_type, bool *ret_found);
sc_err *sc_c_type_word(struct sc_cparser *ps, uint32_t *ret_type, bool *ret_found);
/* Does one of C's own words stand at the cursor (`unsigned`, `int`)? */
bool sc_c_own_word(struct sc_cparser *ps);
/* The type that TEXT names, which is not a part of the expression. */
sc_err *sc_c_type_text(struct sc_cparser *ps, const char *text, uint32_t *ret_type,
                       bool *ret_found);

/* --- value.c --- */

/* A value of TYPE, which is made to fit it. */
sc_err *sc_c_set_number(struct sc_cparser *ps, struct sc_cop *op, uint32_t type, uint64_t number);
sc_err *sc_c_set_real(struct sc_cparser *ps, struct sc_cop *op, uint32_t type, double real);
sc_err *sc_c_set_bool(struct sc_cparser *ps, struct sc_cop *op, bool value);
/* A thing in memory; references are followed. */
sc_err *sc_c_set_place(struct sc_cparser *ps, struct sc_cop *op, const struct sc_value *place);
/* The value of a place: numbers are read, arrays and functions become pointers. */
sc_err *sc_c_rvalue(struct sc_cparser *ps, struct sc_cop *op);
/* The target's memory; NULL without a target. */
sc_space *sc_c_space(const struct sc_cparser *ps);
/* NUMBER as a value of a type of SIZE bytes. */
uint64_t sc_c_fit(uint64_t number, uint64_t size, bool is_signed);
/* The text of a type, in BUF of SC_C_TYPE bytes. */
const char *sc_c_type_name(struct sc_cparser *ps, uint32_t type, char *buf);
sc_err *sc_c_type_of(struct sc_cparser *ps, uint32_t type, struct sc_type *ret_type);
/* The size of a thing of TYPE; an error when it has none. */
sc_err *sc_c_size(struct sc_cparser *ps, const char *at, uint32_t type, uint64_t *ret_size);

/* --- convert.c --- */

bool sc_c_is_real(const struct sc_cop *op);
bool sc_c_is_pointer(const struct sc_cop *op);
bool sc_c_is_aggregate(const struct sc_type *t);
/* Bool, character, integer or enumeration: promoted to at least int. */
sc_err *sc_c_promote(struct sc_cparser *ps, struct sc_cop *op);
/* Both to the one arithmetic type that C computes in. */
sc_err *sc_c_usual(struct sc_cparser *ps, struct sc_cop *a, struct sc_cop *b);
/* Is it true? Wants a number or a pointer. */
sc_err *sc_c_truth(struct sc_cparser *ps, struct sc_cop *op, bool *ret_true);
/* A cast as C has it; REINTERPRET: pointers to bases and derived classes stay what they are. */
sc_err *sc_c_cast(struct sc_cparser *ps, struct sc_cop *op, uint32_t type, bool reinterpret);

/* --- operate.c --- */

/* A TOKEN B into A. Not && and ||. */
sc_err *sc_c_binary_op(struct sc_cparser *ps, enum sc_ctoken token, const char *at,
                       struct sc_cop *a, struct sc_cop *b);

/* --- member.c --- */

/* The member NAME, which may be qualified, of the structure that OP is. */
sc_err *sc_c_member(struct sc_cparser *ps, struct sc_cop *op, const char *at, const char *name);
/* OP[INDEX] and *OP. */
sc_err *sc_c_index(struct sc_cparser *ps, struct sc_cop *op, struct sc_cop *index, const char *at);
sc_err *sc_c_deref(struct sc_cparser *ps, struct sc_cop *op, const char *at);
/* T has no member NAME, but perhaps one that is called nearly so. */
sc_err *sc_c_no_member(struct sc_cparser *ps, const char *at, const struct sc_type *t,
                       const char *name);
/* &OP */
sc_err *sc_c_address(struct sc_cparser *ps, struct sc_cop *op, const char *at);
/* Where a class begins in one that is derived from it; *RET_FOUND false: it is not. */
sc_err *sc_c_base_offset(struct sc_cparser *ps, uint32_t derived, uint32_t base,
                         uint64_t *ret_offset, bool *ret_found);

/* --- macro.c --- */

/* A macro of WinDbg's; the cursor stands on its parenthesis. */
struct sc_cmacro;
const struct sc_cmacro *sc_c_find_macro(const char *name);
sc_err *sc_c_macro(struct sc_cparser *ps, const struct sc_cmacro *macro, struct sc_cop *op);
/* `#NAME( … )`: the cursor stands on `#`. */
sc_err *sc_c_hash(struct sc_cparser *ps, struct sc_cop *op);

/* --- unary.c --- */

/* A prefix operator and its operand, or a postfix expression. */
sc_err *sc_c_unary(struct sc_cparser *ps, struct sc_cop *op);

/* --- expr.c --- */

/* With commas; and without them, as an argument. */
sc_err *sc_c_expression(struct sc_cparser *ps, struct sc_cop *op);
sc_err *sc_c_assignment(struct sc_cparser *ps, struct sc_cop *op);
/* Sets the pseudo-register that OP is. */
sc_err *sc_c_store(struct sc_cparser *ps, struct sc_cop *op, const char *at, uint64_t number);

#endif
