/* SPDX-License-Identifier: MIT */
/**
 * @file
 * User minidumps: the streams that only they have. What all targets share (modules, threads,
 * memory, exception) is reached through the target. Layouts: src/dump/mdmp.c and its neighbours.
 */
#ifndef STOPCODE_MINIDUMP_H
#define STOPCODE_MINIDUMP_H

#include "source.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A row of the stream directory. */
struct sc_mdmp_stream {
    uint32_t type, size, rva;
    const char *name; /**< "ThreadListStream", "Breakpad info", …; NULL unknown */
    bool inside;      /**< lies wholly inside the file */
};

struct sc_mdmp_header {
    uint32_t version, nstreams, directory_rva, checksum, timestamp;
    uint64_t flags;
    const struct sc_mdmp_stream *streams; /**< nstreams rows (a cap is applied with a note) */
};
/** NULL for other sources. */
SC_API const struct sc_mdmp_header *sc_mdmp_header(const struct sc_source *source);
/** First stream of TYPE with data inside the file; NULL if none. */
SC_API const struct sc_mdmp_stream *sc_mdmp_stream(const struct sc_source *source, uint32_t type);
/** "MiniDumpWithFullMemory", …: names of FLAGS joined by " | " into BUF. */
SC_API void sc_mdmp_flag_names(uint64_t flags, char *buf, size_t size);

struct sc_mdmp_system {
    uint16_t arch, level, revision;
    uint8_t ncpus, product_type;
    uint32_t major, minor, build, platform_id;
    uint16_t suite_mask;
    const char *csd; /**< or NULL */
    char vendor[13]; /**< x86 family only */
    uint32_t cpu_version, cpu_features, amd_features;
    uint64_t features[2]; /**< others */
};
SC_API const struct sc_mdmp_system *sc_mdmp_system(const struct sc_source *source);

struct sc_mdmp_misc {
    uint32_t size, flags;
    uint32_t pid, create_time, user_time, kernel_time; /**< time_t and seconds */
    uint32_t max_mhz, cur_mhz, mhz_limit, max_idle, cur_idle;
    uint32_t integrity, execute_flags, protected_process, tz_id;
    int32_t tz_bias, tz_standard_bias, tz_daylight_bias;                     /**< minutes */
    const char *tz_standard, *tz_daylight, *build_string, *dbg_build_string; /**< or NULL */
    uint64_t xstate_features;
    uint32_t xstate_context_size, process_cookie;
};
/** NULL when there is no MiscInfo stream. */
SC_API sc_err *sc_mdmp_misc(struct sc_source *source, const struct sc_mdmp_misc **ret_misc);

/*
 * Lists are read one record at a time: INDEX counts from 0; *RET_MORE is set to false, and nothing
 * else touched, behind the last one. Strings are owned by the source.
 */
struct sc_mdmp_handle {
    uint64_t handle;
    const char *type, *object; /**< or NULL */
    uint32_t attributes, access, handle_count, pointer_count;
    uint32_t info_rva; /**< first record of more about the object; 0 = none */
};
SC_API sc_err *sc_mdmp_handle(struct sc_source *source, size_t index, struct sc_mdmp_handle *ret,
                              bool *ret_more);

/** One of the records chained from a handle's info_rva (MINIDUMP_HANDLE_OBJECT_INFORMATION). */
struct sc_mdmp_object_info {
    uint32_t type;    /**< MINIDUMP_HANDLE_OBJECT_INFORMATION_TYPE */
    const char *name; /**< "MiniThreadInformation1", …; NULL unknown */
    uint32_t size;
    uint64_t data_offset; /**< file offset of `size` bytes, all inside the file */
};
SC_API sc_err *sc_mdmp_object_info(struct sc_source *source, const struct sc_mdmp_handle *handle,
                                   size_t index, struct sc_mdmp_object_info *ret, bool *ret_more);

struct sc_mdmp_region {
    uint64_t base, alloc_base, size;
    uint32_t alloc_protect, state, protect, type;
};
SC_API sc_err *sc_mdmp_region(struct sc_source *source, size_t index, struct sc_mdmp_region *ret,
                              bool *ret_more);

struct sc_mdmp_function_table {
    uint64_t min, max, base;
    uint32_t nentries;
    uint64_t entries_offset; /**< file offset of the native entries, all inside the file */
    uint32_t entry_size;
    uint64_t native_offset; /**< file offset of the system's own descriptor of the table */
    uint32_t native_size;
};
SC_API sc_err *sc_mdmp_function_table(struct sc_source *source, size_t index,
                                      struct sc_mdmp_function_table *ret, bool *ret_more);

#define SC_MDMP_TRACE_MAX 32 /**< AVRF_MAX_TRACES */
struct sc_mdmp_handle_op {
    uint64_t handle;
    uint32_t pid, tid;
    uint32_t operation; /**< 1 open, 2 close, 3 bad reference */
    uint32_t backtrace_frames;
    uint64_t backtrace[SC_MDMP_TRACE_MAX];
};
SC_API sc_err *sc_mdmp_handle_op(struct sc_source *source, size_t index,
                                 struct sc_mdmp_handle_op *ret, bool *ret_more);

struct sc_mdmp_token {
    uint32_t size; /**< of the data, without the token's header */
    uint32_t id;   /**< process or thread id */
    uint64_t handle;
    uint64_t data_offset; /**< file offset of `size` bytes, all inside the file */
};
SC_API sc_err *sc_mdmp_token(struct sc_source *source, size_t index, struct sc_mdmp_token *ret,
                             bool *ret_more);

/**
 * SystemMemoryInfo (bytes and pages as the structure says) and ProcessVmCounters.
 * *RET_PRESENT false: no such stream, and nothing else was touched.
 */
struct sc_mdmp_sysmem {
    uint16_t revision, flags;
    uint32_t page_size, physical_pages; /**< of BasicInfo */
    uint64_t available_pages, committed_pages, commit_limit, peak_commitment;
};
SC_API sc_err *sc_mdmp_sysmem(struct sc_source *source, struct sc_mdmp_sysmem *ret,
                              bool *ret_present);

struct sc_mdmp_vm {
    uint16_t revision, flags;
    uint32_t page_faults;
    uint64_t peak_working_set, working_set, peak_paged_quota, paged_quota;
    uint64_t peak_nonpaged_quota, nonpaged_quota, pagefile, peak_pagefile;
    uint64_t peak_virtual, virtual_size, private_usage, private_working_set, shared_commit;
    uint64_t job_shared_commit, job_private_commit, job_peak_private, job_private_limit,
        job_total_limit;
};
SC_API sc_err *sc_mdmp_vm(struct sc_source *source, struct sc_mdmp_vm *ret, bool *ret_present);

/** Comments (CommentStreamA/W), "" or NULL if none. */
SC_API const char *sc_mdmp_comment(struct sc_source *source);

/** Crashpad: the client's annotations. MODULE is NULL for the process-wide ones. */
struct sc_mdmp_annotation {
    const char
        *module;      /**< image of the module it belongs to, "#INDEX" if unnamed; NULL = process */
    const char *name; /**< NULL: a module's bare message, without a name */
    const char *value; /**< text, or "0x…" (the first 64 bytes) when it is not of type 1 */
    uint32_t type;     /**< 1 text; others are the client's own */
    uint32_t size;     /**< bytes of the value in the file */
};
SC_API sc_err *sc_mdmp_annotation(struct sc_source *source, size_t index,
                                  struct sc_mdmp_annotation *ret, bool *ret_more);

/** Crashpad's header: which report and which installation; false when absent. */
struct sc_mdmp_crashpad {
    uint32_t version;
    struct sc_guid report_id, client_id;
    uint64_t address_mask; /**< bits of pointers that carry no address (PAC); 0 = not given */
};
SC_API bool sc_mdmp_crashpad(const struct sc_source *source, struct sc_mdmp_crashpad *ret);

/** Breakpad's own stream: which thread dumped and which asked for it; false when absent. */
struct sc_mdmp_breakpad {
    uint32_t validity; /**< 1: dump_thread is valid, 2: requesting_thread is */
    uint32_t dump_thread, requesting_thread;
};
SC_API bool sc_mdmp_breakpad(const struct sc_source *source, struct sc_mdmp_breakpad *ret);

/** Breakpad's or the CRT's assertion stream; false when absent. Strings owned by the source. */
struct sc_mdmp_assertion {
    const char *expression, *function, *file; /**< or NULL */
    uint32_t line;
    uint32_t type; /**< 1 invalid parameter, 2 pure virtual call */
};
SC_API bool sc_mdmp_assertion(struct sc_source *source, struct sc_mdmp_assertion *ret);

#ifdef __cplusplus
}
#endif
#endif
