/* SPDX-License-Identifier: MIT */
/*
 * An analysis as one record: what `!analyze` emits in JSON, and what the program's batch mode
 * prints for each file, as JSON (sc_out_json) or as one line (sc_analysis_line).
 *
 *     struct sc_analysis_record rec;
 *     err = sc_analysis_record_fill(analysis, target, arena, &rec);
 *     if (!err) sc_out_json(out, &sc_analysis_rectype, &rec);
 *
 * A file that could not be opened or analysed has a record too: sc_analysis_record_fail().
 */
#ifndef STOPCODE_CMD_ANALYSIS_RECORD_H
#define STOPCODE_CMD_ANALYSIS_RECORD_H

#include "base/arena.h"
#include "stopcode/finding.h"
#include "stopcode/out.h"

struct sc_argument_row {
    uint64_t value;
    const char *kind, *text, *meaning, *where;
};
struct sc_evidence_row {
    const char *claim, *command;
    bool against;
    uint64_t address;
};
struct sc_stack_row {
    uint32_t number, confidence;
    uint64_t ip, sp, ret;
    const char *how, *symbol, *module, *image;
};
struct sc_finding_row {
    const char *rule, *confidence, *cause, *summary, *detail, *module, *image, *symbol;
    uint64_t base; /* of the module; SC_UNSET64 = none */
    /* Who made it and what it is for, as far as the tables know; its file version; its stamp. */
    const char *vendor, *about, *version, *timestamp;
    uint64_t built; /* FILETIME; 0 = the stamp is none, or no time */
    const struct sc_evidence_row *evidence;
    size_t nevidence;
    const char **lacked, **next, **support;
    size_t nlacked, nnext, nsupport;
};

/* Names the form of the record: docs/schema/analysis-1.json. */
#define SC_ANALYSIS_SCHEMA "stopcode.analysis/1"

/* Strings are those of the analysis or the target, or in the arena. NULL and SC_UNSET64: null. */
struct sc_analysis_record {
    const char *schema; /* SC_ANALYSIS_SCHEMA */
    const char *file, *format, *cpu;
    const char *error;    /* why there is no analysis; then only `schema` and `file` are set */
    const char *kind;     /* whose dump: "kernel", "process" */
    const char *os, *lab; /* "10.0.19041.1052", the build's laboratory */
    int64_t processors;   /* INT64_MIN = unknown, as for `boot_id` */
    int64_t boot_id;      /* counts the machine's starts */
    uint64_t time;        /* FILETIME of the dump, 0 = unknown */
    uint64_t uptime;      /* of the system or the process, 100 ns; SC_UNSET64 = unknown */
    const char *verdict, *confidence; /* of the first finding */
    const char *cause;                /* "software", "hardware", "requested", "unknown" */
    const char *bucket;
    const char *bugcheck, *name, *brief, *about; /* bugcheck: "0x1000007e" */
    const struct sc_argument_row *arguments;     /* four, or none */
    size_t narguments;
    const struct sc_evidence_row *facts; /* what the dump says, decoded */
    size_t nfacts;
    const char *exception, *exception_name, *exception_text; /* exception: "0xc0000005" */
    uint64_t exception_address, exception_record;
    const uint64_t *exception_parameters;
    size_t nexception_parameters;
    uint64_t thread; /* that ran: an ETHREAD's address, a process's thread id */
    uint64_t fault_instruction, fault_address; /* what failed, and what it touched */
    const char *fault_access;                  /* "read", "write", "execute" */
    uint64_t instruction;                      /* where the context to look at stands */
    const char *context;                       /* the command that shows it */
    const struct sc_stack_row *stack;
    size_t nstack;
    const char *stack_end, *stack_command; /* stack_end: why it ends, or why there is none */
    const char *process;
    const struct sc_finding_row *findings;
    size_t nfindings;
    const char **notes;
    size_t nnotes;
};

extern const struct sc_rectype sc_analysis_rectype;
extern const struct sc_rectype sc_finding_rectype; /* struct sc_finding_row */

/* Only "out of memory" is an error. ANALYSIS and TARGET must outlive *RET. */
sc_err *sc_analysis_record_fill(const struct sc_analysis *analysis, sc_target *target,
                                sc_arena *arena, struct sc_analysis_record *ret);
/* The record of a file without an analysis. FILE and ERR must outlive *RET. */
void sc_analysis_record_fail(const char *file, const sc_err *err, struct sc_analysis_record *ret);

/*
 * A text formatter (sc_text_fn): one line "FILE: BUCKET [confidence] verdict", or
 * "FILE: error: …".
 */
void sc_analysis_line(sc_out *out, const void *record, void *ctx);

#endif
