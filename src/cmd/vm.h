/* SPDX-License-Identifier: MIT */
/* The records of `!vm` and their text. */
#ifndef STOPCODE_CMD_VM_H
#define STOPCODE_CMD_VM_H

#include "cmd/command.h"
#include "nt/vm.h"

struct sc_vm_file {
    uint64_t address;
    const char *name;                           /* NULL: none */
    int64_t size, free, minimum, maximum, peak; /* pages */
    bool store;                                 /* it is no file: the memory store */
};
struct sc_vm_pool {
    int64_t pages;
};
struct sc_vm {
    int64_t counter[NT_VM_COUNTERS]; /* INT64_MIN: not known */
    int64_t failure[NT_VM_FAILURES], commit_failures;
    bool excessive_nonpaged, excessive_paged;
    struct sc_vm_file *page_file;
    size_t npage_files;
    struct sc_vm_pool *nonpaged_pool; /* one a node, with several nodes */
    size_t nnonpaged_pools;
    struct sc_vm_pool *paged_pool;
    size_t npaged_pools;
    int64_t total_private;
    int64_t sum_system_commit, transient_commit; /* Windows 10 */
    uint64_t stack_threads; /* whose kernel stacks were counted; for the text */
    bool has_processes;     /* for the text: the rows about them stand in it */
};
extern const struct sc_rectype sc_vm_type;

struct sc_vm_process {
    uint64_t address;
    int64_t pid;
    const char *image;
    int64_t commit, shared_commit, debt; /* pages */
};
extern const struct sc_rectype sc_vm_process_type;

struct sc_vm_session {
    uint64_t address;
    uint32_t id;
    int64_t paged_pool, commit; /* pages */
    uint32_t processes;
};
extern const struct sc_rectype sc_vm_session_type;

struct sc_vm_style {
    bool partition; /* the form that WinDbg has for Windows 10 */
    bool enrich;
    unsigned ptr_size;
};

/* Formatters; CTX is a struct sc_vm_style. */
void sc_vm_text(sc_out *out, const void *record, void *ctx);
void sc_vm_process_text(sc_out *out, const void *record, void *ctx);
void sc_vm_session_text(sc_out *out, const void *record, void *ctx);

/* vm_details.c: what the flags 2, 8, 0x10 and 0x20 add. */
sc_err *sc_vm_details(sc_session *session, const struct nt *nt, uint64_t flags, sc_arena *arena);

#endif
