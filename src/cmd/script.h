/* SPDX-License-Identifier: MIT */
/*
 * Command programs: what the dispatcher, the aliases and the control tokens (.if, .for, .foreach,
 * …) share.
 *
 * Text is replaced before it is cut: aliases when a line is run and again when a block in braces is
 * entered, as WinDbg does; what was put in is not looked at again until the next block. So nothing
 * expands for ever: an alias that runs itself meets the bound on nesting.
 *
 * An error inside a block ends the blocks around it, up to a .catch or to the line that was typed.
 */
#ifndef STOPCODE_CMD_SCRIPT_H
#define STOPCODE_CMD_SCRIPT_H

#include "cmd/command.h"
#include "cmd/textbuf.h"

enum {
    SC_TEXT_MAX = 1 << 20,    /* bytes of one block or script after its aliases were replaced */
    SC_CAPTURE_MAX = 1 << 24, /* bytes of output that .foreach and as /c keep */
    SC_ALIASES_MAX = 1000,
    SC_ALIAS_NAME = 256,      /* bytes of a name */
    SC_ALIAS_BYTES = 1 << 22, /* names and values of all aliases together */
    SC_TURNS_BLIND = 1 << 20, /* turns of loops in a session that nobody can cancel */
};

/* What a command in a block asks of the blocks around it. */
enum sc_jump {
    SC_JUMP_NONE,
    SC_JUMP_BREAK,
    SC_JUMP_CONTINUE,
    SC_JUMP_LEAVE, /* out of a .catch */
    SC_JUMP_ERROR, /* a command failed */
    SC_JUMP_AGAIN, /* z: the line from its start */
};

struct sc_aliases; /* alias.c */

/* The part of a session that belongs to programs. */
struct sc_scripting {
    enum sc_jump flow;
    unsigned blocks, loops, catches; /* being run */
    unsigned failures;               /* commands that failed since the session began */
    bool cancel_shown;               /* "cancelled" was printed for the innermost command already */
    uint64_t turns;                  /* of loops, since the line was typed */
    uint64_t max_turns;              /* 0: until cancelled; for fuzzers and blind sessions */
    struct sc_aliases *aliases;      /* owned; NULL: none yet */
};

/* A name that stands for a text while a block is entered: .foreach's variable, a script's argument.
 */
struct sc_var {
    const char *name, *value;
    bool braces_only; /* only as ${name} */
};

/* --- alias.c --- */

/* TEXT with aliases and VARS replaced, appended to RET. */
void sc_alias_expand(sc_session *session, const char *text, const struct sc_var *vars, size_t nvars,
                     struct sc_textbuf *ret);
/* Defines or redefines a user-named alias. */
sc_err *sc_alias_set(sc_session *session, const char *name, const char *value, size_t len);
bool sc_alias_remove(sc_session *session, const char *name);
void sc_alias_remove_all(sc_session *session);
/* The INDEXth alias, in the order of definition; false behind the last. */
bool sc_alias_at(sc_session *session, size_t index, const char **ret_name, const char **ret_value);
/* $u0 … $u9 */
sc_err *sc_alias_set_fixed(sc_session *session, unsigned index, const char *value, size_t len);
void sc_aliases_destroy(struct sc_aliases *aliases);
/* `$.u3=text` at TEXT: its digit and value; false for anything else. */
bool sc_alias_fixed_text(const char *text, unsigned *ret_index, const char **ret_value);

/* --- dispatch.c --- */

/* Runs LEN bytes of a block's text, its aliases and VARS replaced. False: it ended early (flow). */
bool sc_run_block(sc_session *session, const char *text, size_t len, const struct sc_var *vars,
                  size_t nvars);
/*
 * One more turn of a loop, or text run by a command: an error when it was cancelled, or when there
 * were too many in a session that nobody can cancel.
 */
sc_err *sc_turn(sc_session *session);

/* --- capture.c --- */

/*
 * Runs TEXT as a block with what it prints, as text, appended to RET; errors are shown, not kept.
 * *RET_OK: it ran to its end.
 */
sc_err *sc_capture(sc_session *session, const char *text, size_t len, struct sc_textbuf *ret,
                   bool *ret_ok);

/* --- split.c --- */

/* The bracket that closes the one at OPEN ('(' or '{'), outside quotes; NULL when there is none. */
const char *sc_match(const char *open);
/* Where the text of a control token ends, from behind its name. */
const char *sc_end_block(const char *operands); /* (…){…} or {…} */
const char *sc_end_if(const char *operands);    /* … and .elsif, .else */
const char *sc_end_do(const char *operands);    /* {…}(…) */
/* At ';' outside quotes and braces. */
const char *sc_end_braces(const char *operands);
/* At the end of the line. */
const char *sc_end_line(const char *operands);

/* Over blanks, ';' and newlines. */
const char *sc_skip_separators(const char *text);

#endif
