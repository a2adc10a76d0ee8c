/* SPDX-License-Identifier: MIT */
/* A process of the kernel: what its EPROCESS and KPROCESS say, field by field, and its lists. */
#ifndef NT_PROCESS_H
#define NT_PROCESS_H

#include "nt/list.h"

enum nt_process_field {
    NT_P_TYPE, /* DISPATCHER_HEADER.Type: NT_OBJECT_PROCESS (wait.h) */
    NT_P_PID,
    NT_P_PARENT,
    NT_P_PEB,
    NT_P_DIR_BASE,
    NT_P_USER_DIR_BASE, /* with kernel page-table isolation */
    NT_P_OBJECT_TABLE,
    NT_P_SESSION, /* MM_SESSION_SPACE; 0: in no session */
    NT_P_VAD_COUNT,
    NT_P_CLONE_ROOT,
    NT_P_PRIVATE_PAGES,
    NT_P_MODIFIED_PAGES,
    NT_P_LOCKED_PAGES,
    NT_P_DEVICE_MAP,
    NT_P_TOKEN,
    NT_P_CREATE_TIME,
    NT_P_EXIT_TIME,
    NT_P_EXIT_STATUS,
    NT_P_KERNEL_TIME, /* ticks */
    NT_P_USER_TIME,
    NT_P_KERNEL_TIME_HIGH, /* in the one above, too */
    NT_P_USER_TIME_HIGH,
    NT_P_QUOTA_NONPAGED,
    NT_P_QUOTA_PAGED,
    NT_P_VIRTUAL_SIZE,
    NT_P_PEAK_VIRTUAL_SIZE,
    NT_P_COMMIT_CHARGE,
    NT_P_BASE_PRIORITY,
    NT_P_JOB,
    NT_P_FLAGS,
    NT_P_FLAGS2,
    NT_P_EXITING,
    NT_P_DELETING,
    NT_P_WOW64,
    NT_P_ACTIVE_THREADS,
    NT_P_THREAD_LIST, /* present: the head is in the dump */
    NT_P_LIST_LINK,   /* ActiveProcessLinks */
    NT_P_VAD_ROOT,
    NT_P_VM,    /* its address */
    NT_P_IMAGE, /* its address */
    NT_P_FIELDS
};

/* Its working set. */
enum nt_working_set_field {
    NT_W_SIZE, /* pages */
    NT_W_PEAK,
    NT_W_MINIMUM,
    NT_W_MAXIMUM,
    NT_W_FAULTS,
    NT_W_MEMORY_PRIORITY,
    NT_W_FIELDS
};

enum { NT_IMAGE_NAME = 16 };

struct nt_process {
    uint64_t address;
    bool assumed;                 /* the layout is that of another build */
    char image[NT_IMAGE_NAME];    /* "" when `image_state` is not NT_READ */
    enum nt_state image_state;    /* NT_READ: a name stands there */
    struct nt_field session_id;   /* of NT_P_SESSION */
    struct nt_field handle_count; /* of NT_P_OBJECT_TABLE */
    struct nt_field f[NT_P_FIELDS];
    struct nt_field ws[NT_W_FIELDS];
};

/* As nt_thread_read(). */
sc_err *nt_process_read(const struct nt *nt, uint64_t address, struct nt_process *ret_process);
/* Its name and device map alone, which is what a list of threads shows of each one's process. */
sc_err *nt_process_read_name(const struct nt *nt, uint64_t address, struct nt_process *ret_process);
bool nt_process_present(const struct nt_process *process);
bool nt_process_valid(const struct nt_process *process);
enum { NT_PROCESSES_MAX = 1 << 20, NT_THREADS_MAX = 1 << 20 };

/*
 * Walks all processes: entries are links, nt_process_of_link() gives their EPROCESS. Of a target
 * that does not tell where the list begins, *RET_FOUND is false.
 */
sc_err *nt_processes_begin(const struct nt *nt, struct nt_list *ret_list, bool *ret_found);
sc_err *nt_process_of_link(const struct nt *nt, uint64_t link, uint64_t *ret_address);
/*
 * Calls FN with each process of the list as far as it can be followed, until *RET_MORE (true
 * beforehand) is made false. Those that the dump does not hold are passed over: what is said about
 * an end of the list needs the list itself.
 */
typedef sc_err *(*nt_process_fn)(void *ctx, const struct nt_process *process, bool *ret_more);
sc_err *nt_each_process(const struct nt *nt, nt_process_fn fn, void *ctx);
/* The process's threads: entries are links, see nt_thread_of_link(). */
sc_err *nt_process_threads_begin(const struct nt *nt, const struct nt_process *process,
                                 struct nt_list *ret_list, bool *ret_found);

#endif
