/* SPDX-License-Identifier: MIT */
/*
 * What the files of undecoration share: the tree that a name is parsed into, the parser's state,
 * and the printer's.
 *
 * A decorated name is parsed once, from left to right, into nodes that live in an arena. Digits
 * refer back to names and parameter types met earlier, so the tree is a graph without cycles; it
 * can be much larger when printed than it is, which is why printing has bounds of its own.
 */
#ifndef STOPCODE_SYM_UNDECORATE_IMPL_H
#define STOPCODE_SYM_UNDECORATE_IMPL_H

#include <string.h>

#include "base/arena.h"

enum {
    UD_MAX_NAME = 16 * 1024,   /* bytes of a decorated name; the compiler's own limit is 4096 */
    UD_MAX_DEPTH = 160,        /* of types and scopes in each other */
    UD_MAX_PRINT_DEPTH = 600,  /* back references make the graph deeper than the name */
    UD_MAX_TEXT = 128 * 1024,  /* bytes printed for one text */
    UD_MAX_WORK = 1024 * 1024, /* bytes printed in all for one name */
    UD_MAX_ARENA = 1 << 20,    /* bytes of nodes */
    UD_BACKREFS = 10,
};

enum ud_quals {
    UD_CONST = 1,
    UD_VOLATILE = 2,
    UD_RESTRICT = 4,
    UD_UNALIGNED = 8,
    UD_PTR64 = 16, /* never printed */
};

/* A list in the order of the source. */
struct ud_list {
    struct ud_item {
        struct ud_item *next;
        const struct ud_type *type;     /* either a type, */
        const struct ud_qname *name;    /* a template by its name, */
        const struct ud_reference *ref; /* a symbol, or a pointer to a member, */
        bool negative;                  /* or a number */
        uint64_t number;
    } * first, **last;
    size_t count;
};

enum ud_ident_kind {
    UD_NAME,
    UD_OPERATOR,
    UD_STRUCTOR,   /* constructor or destructor of `of` */
    UD_CONVERSION, /* operator to the type `target` */
    UD_LITERAL,    /* operator "" text */
    UD_LOCAL,      /* a numbered block of a function */
    UD_VCALL,
    UD_GUARD,   /* of a static variable in a function */
    UD_DYNAMIC, /* initializer or destructor of `symbol` or `named` */
    UD_RTTI_BASE,
};

/* One part of a qualified name. */
struct ud_ident {
    enum ud_ident_kind kind;
    const char *text;             /* as llvm-undname says it */
    const char *short_text;       /* as a debugger says it, where that differs; or NULL */
    const struct ud_list *params; /* of a template; NULL: it is none */
    const struct ud_ident *of;
    const struct ud_type *target;
    const struct ud_symbol *symbol; /* LOCAL: the function; DYNAMIC: the variable */
    const struct ud_qname *named;   /* DYNAMIC without a variable */
    bool flag;                      /* a destructor; a thread's guard */
    int64_t number[4];
};

struct ud_qname {
    struct ud_part {
        const struct ud_part *inner; /* the next one when printing */
        const struct ud_ident *ident;
    } part;                      /* the innermost */
    const struct ud_part *outer; /* the outermost; NULL: there is but one */
};

enum ud_affinity { UD_POINTER, UD_REFERENCE, UD_RVALUE };

enum ud_class {
    UD_PUBLIC = 1,
    UD_PROTECTED = 2,
    UD_PRIVATE = 4,
    UD_GLOBAL = 8,
    UD_STATIC = 16,
    UD_VIRTUAL = 32,
    UD_EXTERN_C = 64,
    UD_NO_PARAMS = 128,   /* nothing is known of its type */
    UD_THIS_ADJUST = 256, /* thunks */
    UD_VTORDISP = 512,
    UD_VTORDISPEX = 1024,
    UD_VCALL_THUNK = 2048,
};

struct ud_function {
    unsigned cls;
    const char *convention; /* "" for unknown ones */
    const struct ud_type *ret;
    const struct ud_list *params; /* NULL: (void) */
    bool variadic, is_noexcept;
    unsigned quals;
    enum ud_affinity ref; /* UD_POINTER: none */
    int64_t adjust[4];    /* static, vtordisp, vbptr, vboffset */
};

enum ud_type_kind { UD_PRIMITIVE, UD_TAG, UD_CUSTOM, UD_PTR, UD_ARRAY, UD_FUNCTION };

struct ud_type {
    enum ud_type_kind kind;
    unsigned quals;
    const char *word; /* PRIMITIVE: the type; TAG: "class " … */
    const struct ud_qname *name;
    const struct ud_ident *ident; /* CUSTOM */
    enum ud_affinity affinity;
    const struct ud_type *to; /* pointee or element */
    const struct ud_qname *member_of;
    const uint64_t *dims;
    size_t ndims;
    struct ud_function *function;
};

enum ud_symbol_kind {
    UD_SYM_FUNCTION,
    UD_SYM_VARIABLE, /* type NULL: its name says what it is */
    UD_SYM_TABLE,    /* a vftable and such, for the base class `target` */
    UD_SYM_STRING,
    UD_SYM_TEXT, /* a hashed name: itself */
};

struct ud_symbol {
    enum ud_symbol_kind kind;
    const struct ud_qname *name;
    struct ud_function *function;
    const char *storage; /* "public: static " …; of a STRING its section, or NULL */
    const struct ud_type *type;
    unsigned quals;
    const struct ud_qname *target;
    const char *text;
};

/* A template parameter that names a symbol, or a place in a class. */
struct ud_reference {
    const struct ud_symbol *symbol;
    bool address; /* & in front */
    int64_t offset[3];
    size_t noffsets;
};

struct ud_backrefs {
    struct {
        const struct ud_ident *ident;
        const char *text;
    } name[UD_BACKREFS];
    const struct ud_type *param[UD_BACKREFS];
    size_t nnames, nparams;
};

/* The parser. Failure is sticky: everything returns NULL or zero from then on. */
struct ud {
    const char *p, *end;
    sc_arena *arena;
    struct ud_backrefs back;
    unsigned depth;
    size_t work; /* bytes printed so far */
    bool failed, nomem;
};

/* The printer. */
struct ud_out {
    char *buf; /* grown as needed */
    size_t len, room, most;
    unsigned depth;
    bool short_form;
    bool failed, nomem;
};

/* undecorate.c: the cursor --------------------------------------------------------------------*/
void *ud_fail(struct ud *u); /* returns NULL */
void *ud_new(struct ud *u, size_t size);
bool ud_take(struct ud *u, const char *text);
bool ud_at(const struct ud *u, const char *text);
/* The next character, consumed; NUL and failure at the end. */
char ud_pop(struct ud *u);
static inline char ud_peek(const struct ud *u) { return u->p < u->end ? *u->p : '\0'; }
static inline bool ud_digit(const struct ud *u) { return ud_peek(u) >= '0' && ud_peek(u) <= '9'; }
/* One level deeper, until ud_leave(); false (and failure) when that is too deep. */
bool ud_enter(struct ud *u);
static inline void ud_leave(struct ud *u) { u->depth--; }
uint64_t ud_number(struct ud *u, bool *ret_negative);
uint64_t ud_unsigned(struct ud *u);
int64_t ud_signed(struct ud *u);
const char *ud_text(struct ud *u, const char *text, size_t len);
/* A list with nothing in it, and a new item at its end. */
struct ud_list *ud_list_new(struct ud *u);
struct ud_item *ud_list_add(struct ud *u, struct ud_list *list);

/* undecorate_symbol.c -------------------------------------------------------------------------*/
/* A whole decorated name; also those inside others. */
const struct ud_symbol *ud_symbol(struct ud *u);
/* The part of it behind "?" where no special name stands. */
struct ud_symbol *ud_declarator(struct ud *u);
struct ud_function *ud_function_encoding(struct ud *u);

/* undecorate_special.c ------------------------------------------------------------------------*/
/* Tables, RTTI, guards, stubs, strings. NULL without failure: it is none of these. */
const struct ud_symbol *ud_special(struct ud *u);

/* undecorate_string.c -------------------------------------------------------------------------*/
const struct ud_symbol *ud_string_literal(struct ud *u);

/* undecorate_name.c ---------------------------------------------------------------------------*/
const struct ud_qname *ud_symbol_name(struct ud *u);
const struct ud_qname *ud_type_name(struct ud *u);
/* The last part is known; the scopes follow. */
const struct ud_qname *ud_scopes(struct ud *u, const struct ud_ident *last);
/* The last part of a symbol's name. MEMORIZE a plain one for back references. */
struct ud_ident *ud_last_part(struct ud *u, bool memorize, bool inside_template);
const struct ud_ident *ud_type_part(struct ud *u);
const char *ud_simple(struct ud *u);
struct ud_ident *ud_ident_new(struct ud *u, enum ud_ident_kind kind, const char *text);
void ud_memorize(struct ud *u, const struct ud_ident *ident, const char *text);
/* The same, under what it looks like when printed. */
void ud_memorize_printed(struct ud *u, const struct ud_ident *ident);

/* undecorate_operator.c -----------------------------------------------------------------------*/
/* Behind "?": operators, constructors, and what the compiler makes. */
struct ud_ident *ud_operator(struct ud *u);

/* undecorate_template.c -----------------------------------------------------------------------*/
/* Behind "?$". */
struct ud_ident *ud_template(struct ud *u, bool is_scope);

/* undecorate_type.c ---------------------------------------------------------------------------*/
enum ud_mangle {
    UD_DROP,   /* no qualifiers in front */
    UD_MANGLE, /* qualifiers in front */
    UD_RESULT, /* qualifiers in front if there is a "?" */
};
struct ud_type *ud_type(struct ud *u, enum ud_mangle mangle);
/* A B C D, or Q R S T for those of members. */
unsigned ud_quals(struct ud *u, bool *ret_member);
/* E I F. */
unsigned ud_ext_quals(struct ud *u);

/* undecorate_function.c -----------------------------------------------------------------------*/
struct ud_function *ud_function_type(struct ud *u, bool has_this);
const char *ud_convention(struct ud *u);

/* undecorate_print.c --------------------------------------------------------------------------*/
void ud_print_symbol(struct ud_out *out, const struct ud_symbol *symbol);
void ud_print_ident(struct ud_out *out, const struct ud_ident *ident);
void ud_print_qname(struct ud_out *out, const struct ud_qname *name);
void ud_print_type(struct ud_out *out, const struct ud_type *type);

/* undecorate_print_type.c ---------------------------------------------------------------------*/
void ud_print_pre(struct ud_out *out, const struct ud_type *type);
void ud_print_post(struct ud_out *out, const struct ud_type *type);
void ud_print_function_pre(struct ud_out *out, const struct ud_function *f, bool convention);
void ud_print_function_post(struct ud_out *out, const struct ud_function *f);
void ud_print_quals(struct ud_out *out, unsigned quals, bool before, bool after);
void ud_print_list(struct ud_out *out, const struct ud_list *list);
/* undecorate_out.c ----------------------------------------------------------------------------*/
void ud_put(struct ud_out *out, const char *text);
void ud_put_number(struct ud_out *out, int64_t number);
void ud_put_unsigned(struct ud_out *out, uint64_t number);
/* A blank behind a word or a closing bracket. */
void ud_put_gap(struct ud_out *out);
bool ud_out_enter(struct ud_out *out);
static inline void ud_out_leave(struct ud_out *out) { out->depth--; }

#endif
