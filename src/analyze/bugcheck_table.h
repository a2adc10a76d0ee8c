/* SPDX-License-Identifier: MIT */
/*
 * The table of Windows bug checks: what a code is called, what happened, and what its four
 * parameters hold.
 *
 * The facts come from Microsoft's public bug-check reference; the sentences are our own. They are
 * kept in data/bugchecks/ (docs/formats/bugcheck-data.md) and made into src/analyze/gen/
 * bugchecks.inc by gen/bugchecks.py. This part knows nothing of a dump: it is handed numbers and
 * returns texts.
 *
 * Ownership: every `const char *` handed out points into read-only static storage, is
 * NUL-terminated UTF-8, is never NULL and stays valid for the life of the program. Nothing is
 * allocated and nothing here changes, so every function may be called from any thread.
 */
#ifndef SC_ANALYZE_BUGCHECK_TABLE_H
#define SC_ANALYZE_BUGCHECK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a parameter holds (the kinds of docs/formats/bugcheck-data.md, in the same order). */
enum sc_bug_kind {
    SC_BUG_NONE, /* nothing: reserved, unused, or not documented (then with an empty text) */
    SC_BUG_VALUE,
    SC_BUG_FLAGS,
    SC_BUG_COUNT,
    SC_BUG_SUBCODE,
    SC_BUG_ADDRESS,
    SC_BUG_PHYSICAL,
    SC_BUG_CODE,
    SC_BUG_MODULE,
    SC_BUG_IRQL,
    SC_BUG_NTSTATUS,
    SC_BUG_EXCEPTION,
    SC_BUG_CONTEXT,
    SC_BUG_TRAPFRAME,
    SC_BUG_BUGCHECKCODE,
    SC_BUG_THREAD,
    SC_BUG_PROCESS,
    SC_BUG_OBJECT,
    SC_BUG_IRP,
    SC_BUG_MDL,
    SC_BUG_DEVOBJ,
    SC_BUG_DRVOBJ,
    SC_BUG_FILEOBJ,
    SC_BUG_DPC,
    SC_BUG_TIMER,
    SC_BUG_RESOURCE,
    SC_BUG_LOCK,
    SC_BUG_EVENT,
    SC_BUG_WORKITEM,
    SC_BUG_POOL,
    SC_BUG_POOLTAG,
    SC_BUG_PTE,
    SC_BUG_PFN,
    SC_BUG_STACK,
    SC_BUG_STRING,
    SC_BUG_UNISTRING,
    SC_BUG_CPU,
    SC_BUG_WHEA,
    SC_BUG_TRIAGE,
};

/* A row of a parameter's table: lo..hi (both included) means TEXT; when MASK is set, lo == hi is a
 * mask, and TEXT holds for a value that has all of its bits. */
struct sc_bug_value {
    uint64_t lo, hi;
    bool mask;
    const char *text;
};

/* One parameter. TEXT is a phrase without a final full stop; "" when the parameter is not
 * documented. first_value is private to sc_bug_value(). */
struct sc_bug_arg {
    enum sc_bug_kind kind;
    const char *text;
    uint32_t first_value, nvalues;
};

/* A bug check explained. */
struct sc_bug {
    uint32_t code;
    const char *name;  /* symbolic name; "UNKNOWN" for a code not in the table */
    const char *brief; /* one sentence for anybody, at most 160 characters */
    const char *about; /* a few sentences for an engineer; may be "" */
    bool known;        /* the code is in the table */
    bool subcode;      /* the parameters chose a sub-code: texts are narrower than the code's */
    struct sc_bug_arg arg[4]; /* arg[0] is the first parameter, which the texts call 1 */
    uint8_t culprit[4];       /* parameters (1-4) that name whom to suspect, most telling first */
    unsigned nculprit;
    const char *cmd[4]; /* WinDbg commands that show more; "{1}".."{4}" stand for a parameter */
    unsigned ncmd;
};

/*
 * Explains CODE with its four parameters ARGS (in order, as the dump has them). A sub-code is
 * chosen by the first row of the data whose conditions all hold. IS32 says that they come from a
 * 32-bit system: only the low 32 bits are compared. A parameter that is an NTSTATUS is always
 * compared by its low 32 bits, since 64-bit systems sign-extend it.
 * ARGS may be NULL: then the general part is given and no sub-code is chosen. RET must not be NULL;
 * every member is set. Returns false when CODE is not in the table: RET then has known == false,
 * the name "UNKNOWN", empty texts and parameters of kind SC_BUG_NONE.
 */
bool sc_bug_explain(uint32_t code, const uint64_t args[4], bool is32, struct sc_bug *ret);

/* Gives row I (from 0) of ARG's table. ARG must come from sc_bug_explain(). Returns false and
 * leaves RET alone when I is past the end. */
bool sc_bug_value(const struct sc_bug_arg *arg, uint32_t i, struct sc_bug_value *ret);

/*
 * Writes what VALUE means under ARG's table: the text of the first row of values that has it
 * ("write"), else the texts of all mask rows whose bits it has, joined by ", ". IS32 and NTSTATUS
 * parameters: as for sc_bug_explain(). BUF (SIZE bytes) is always NUL-terminated, unless SIZE is 0;
 * a text that does not fit is cut. Returns false, with BUF "", when the table says nothing.
 */
bool sc_bug_meaning(const struct sc_bug_arg *arg, uint64_t value, bool is32, char *buf,
                    size_t size);

/* Gives the I-th code of the table (from 0, by rising code) and its symbolic name: for listings and
 * completion. Either RET pointer may be NULL. Returns false, RETs untouched, past the end. */
bool sc_bug_at(size_t i, uint32_t *ret_code, const char **ret_name);

/* The name of KIND as the data files spell it ("ntstatus"); "none" for a number that is no kind. */
const char *sc_bug_kind_name(enum sc_bug_kind kind);

#endif
