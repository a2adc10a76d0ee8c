/* SPDX-License-Identifier: MIT */
/*
 * Commands as const rows beside their functions.
 *
 * The dispatcher (dispatch.c) finds the row, parses the arguments by the row's grammar, evaluates
 * address operands, checks what the row needs, and only then calls run(). Help, completion and the
 * manual come from the row; the sample in it runs as a test.
 *
 * A family of commands is one file with a table; families.c lists the tables explicitly.
 */
#ifndef STOPCODE_CMD_COMMAND_H
#define STOPCODE_CMD_COMMAND_H

#include "base/arena.h"
#include "stopcode/session.h"

enum sc_arg_kind {
    SC_ARG_END,
    /*
     * Option letters, attached to the command's name ("lmvm nt") or as words of their own
     * ("lm v m nt", "lm a addr"). `spec` lists them; a letter followed by ':' takes the next word
     * as its value, by '@' an expression. See sc_letter() and sc_letter_value().
     */
    SC_ARG_LETTERS,
    SC_ARG_OPTION,      /* `-x` or `/x`: `spec` is its name without the dash; takes nothing */
    SC_ARG_OPTION_WORD, /* `-x word` */
    SC_ARG_OPTION_EXPR, /* `-x expression` */
    SC_ARG_EXPR,        /* an address or number: a MASM expression up to the next blank outside
                           parentheses and quotes */
    SC_ARG_RANGE,       /* `addr`, `addr L count`, `addr end`: num, end, count */
    SC_ARG_WORD,        /* one blank-separated or quoted word */
    SC_ARG_WORDS,       /* all remaining words */
    SC_ARG_REST,        /* the rest of the command as it stands (quotes kept), up to ';' */
    SC_ARG_LINE,        /* the rest of the line, ';' included (comments, .echo's like) */
};

#define SC_ARGS_MAX 12

/* A row of a command's grammar; ended by SC_ARG_END. Options first, then operands in order. */
struct sc_arg {
    enum sc_arg_kind kind;
    const char *name; /* as help shows it: "address" */
    const char *spec; /* see the kinds */
    bool optional;
    const char *about; /* one phrase for help */
};

/* A parsed argument, at the index of its row. */
struct sc_val {
    bool given;
    uint64_t num;      /* EXPR, OPTION_EXPR: the value; RANGE: the start */
    uint64_t end;      /* RANGE: first address behind it, 0 = "to the default length" */
    uint64_t count;    /* RANGE: the number behind L, else 0 */
    const char *text;  /* WORD, REST, LINE, OPTION_WORD; EXPR: the text of the expression */
    const char **word; /* WORDS */
    size_t nwords;
};

struct sc_args {
    const char *command; /* the command as typed, without arguments: "lmvm" */
    struct sc_val v[SC_ARGS_MAX];
    struct {
        char letter;
        const char *text;
        uint64_t num;
    } letter[32];
    size_t nletters;
    sc_arena *arena; /* lives as long as the command runs */
};

/* What a command needs; checked before run(), with a message that says what to do instead. */
enum {
    SC_NEED_TARGET = 1,
    SC_NEED_KERNEL = 2,
    SC_NEED_USER = 4,
    SC_NEED_WINDOWS = 8,
};

struct sc_command {
    const char *name;          /* "lm", ".exr", "!error" */
    const char *aliases;       /* other names, separated by blanks; NULL none */
    const char *brief;         /* one line, no full stop */
    unsigned needs;            /* SC_NEED_… */
    const struct sc_arg *args; /* NULL: takes none */
    const char *help;          /* paragraphs for `help NAME`; NULL: the brief is enough */
    const char *sample; /* a command line that works on any target it accepts, run as a test */
    sc_err *(*run)(sc_session *session, const struct sc_args *args);
};

/* Was option LETTER given? Its word or expression's text; its expression's value. */
bool sc_letter(const struct sc_args *args, char letter);
const char *sc_letter_text(const struct sc_args *args, char letter);
uint64_t sc_letter_num(const struct sc_args *args, char letter);

/* The families, explicitly (families.c); each table ends with a row whose name is NULL. */
extern const struct sc_command *const sc_families[];

/* What a command may use of its session. */
sc_target *sc_session_target(const sc_session *session); /* NULL without one */
sc_out *sc_session_out(const sc_session *session);
unsigned sc_session_ptr_size(const sc_session *session); /* 8 without a target */
/* Index of the current processor or thread, and changing it (`~1s`): resets the context. */
uint32_t sc_session_current(const sc_session *session);
sc_err *sc_session_set_current(sc_session *session, uint32_t index);
/*
 * The registers that `r` shows: set by .cxr, .ecxr or ~Ns, else those of the current processor or
 * thread. SC_ERR_NOT_FOUND when the dump holds none.
 */
sc_err *sc_session_regs(sc_session *session, struct sc_regs *ret_regs);
void sc_session_set_regs(sc_session *session, const struct sc_regs *regs); /* NULL: reset */
/* True when a .cxr / .ecxr context is in force. */
bool sc_session_has_context(const sc_session *session);
/* Seconds east of UTC in which times are shown: SC_TZ_LOCAL unless `.tz` was given. */
long sc_session_tz(const sc_session *session);
void sc_session_set_tz(sc_session *session, long offset);
unsigned sc_session_radix(const sc_session *session);
void sc_session_set_radix(sc_session *session, unsigned radix);
void sc_session_quit(sc_session *session);
/* Evaluates a MASM expression in the session (registers, modules, memory, radix). */
sc_err *sc_session_eval(sc_session *session, const char *text, uint64_t *ret_value);
/* `module+0xoffset`, `module` or NULL; in the arena. With symbols, from the symbol layer on. */
const char *sc_session_near(sc_session *session, uint64_t addr, sc_arena *arena);
/* Runs command text inside a command (.printf-like and scripts); returns how many failed. */
unsigned sc_session_run_nested(sc_session *session, const char *line);
/* Finds a row by exact name or alias; NULL. */
const struct sc_command *sc_command_find(const char *name);

#endif
