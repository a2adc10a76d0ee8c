/* SPDX-License-Identifier: MIT */
/*
 * Writes user minidumps: x86, x64, ARM64 or any other architecture by its number.
 *
 * Fill a struct forge_mdmp (zero it first: what is zero or NULL is left out, but the system info,
 * which is there unless `no_system`) and build it. Locations, counts and sizes are worked out; the
 * bytes of full memory (`memory64`) come last, as dbghelp puts them.
 *
 *     static const struct forge_mdmp_thread threads[] = {{.tid = 0x10, .stack = 0x1000, …}};
 *     struct forge_mdmp m = {.arch = FORGE_AMD64, .threads = threads, .nthreads = 1};
 *     struct forge_bytes file;
 *     if (!forge_mdmp_build(&m, &file)) puts(m.why);
 *     …
 *     forge_bytes_free(&file);
 *
 * Streams for which there is no member go into `raw`. To make a dump that lies, patch it: a value
 * of WIDTH bytes at OFFSET of the stream of TYPE (of the file, when TYPE is 0):
 *
 *     static const struct forge_mdmp_patch lies[] = {{.type = 4, .offset = 0, .width = 4,
 *                                                     .value = 0xffffffff}};
 *
 * Where the streams ended up is written to `row`, in the order of the directory.
 */
#ifndef STOPCODE_TESTS_FORGE_MDMP_H
#define STOPCODE_TESTS_FORGE_MDMP_H

#include "forge/section.h"

/* PROCESSOR_ARCHITECTURE_* and PlatformId. */
enum {
    FORGE_X86 = 0,
    FORGE_ARM = 5,
    FORGE_IA64 = 6,
    FORGE_AMD64 = 9,
    FORGE_ARM64 = 12,
    FORGE_ARM64_OLD = 0x8003, /* Breakpad's number */
    FORGE_WIN32_NT = 2,
    FORGE_MACOS = 0x8101,
    FORGE_LINUX = 0x8201,
};

enum { FORGE_MDMP_ROWS = 40, FORGE_CONTEXT_MAX = 0x4d0 };

struct forge_mdmp_info {
    uint32_t dump_flags, exit_status;
    uint64_t create_time, exit_time, kernel_time, user_time, start_address, affinity;
};

struct forge_mdmp_thread {
    uint32_t tid, suspend, priority_class, priority;
    uint64_t teb, stack;
    const void *stack_data;
    uint32_t stack_size;
    const void *context; /* see forge_context() */
    uint32_t context_size;
    const char *name;
    const struct forge_mdmp_info *info;
};

struct forge_mdmp_module {
    uint64_t base;
    uint32_t size, checksum, timestamp;
    const char *path;
    uint16_t version[4];
    const char *pdb; /* makes an RSDS record of guid and age */
    uint8_t guid[16];
    uint32_t age;
    const void *cv; /* or a record of one's own */
    uint32_t cv_size;
    const char *misc; /* an IMAGE_DEBUG_MISC with this name */
};

struct forge_mdmp_unloaded {
    uint64_t base;
    uint32_t size, checksum, timestamp;
    const char *name;
};

struct forge_mdmp_memory {
    uint64_t start;
    const void *data; /* a thread's stack (same address, bytes, size) is not written twice */
    uint64_t size;
};

struct forge_mdmp_region {
    uint64_t base, alloc_base, size;
    uint32_t alloc_protect, state, protect, type;
};

struct forge_mdmp_handle {
    uint64_t handle;
    const char *type, *object;
    uint32_t attributes, access, handle_count, pointer_count, info_rva;
};

struct forge_mdmp_exception {
    uint32_t tid, code, flags, nparams;
    uint64_t record, address, param[15];
    const void *context;
    uint32_t context_size;
};

struct forge_mdmp_misc {
    uint32_t size; /* 0x18, 0x2c, 0xe8, 0x340 or 0x554 */
    uint32_t flags, pid, create_time, user_time, kernel_time;
    uint32_t max_mhz, cur_mhz, integrity;
    int32_t bias;
    const char *zone, *summer_zone, *build, *dbg_build;
    uint64_t xstate_features;
    uint32_t xstate_size, cookie;
};

struct forge_mdmp_raw {
    uint32_t type;
    const void *data;
    uint32_t size;
};

struct forge_mdmp_patch {
    uint32_t type; /* 0: of the file */
    uint64_t offset;
    unsigned width;
    uint64_t value;
};

struct forge_mdmp_row {
    uint32_t type, size, rva;
};

struct forge_mdmp {
    uint32_t version; /* 0: 0xa793 */
    uint32_t timestamp;
    uint64_t flags;
    uint16_t arch;
    bool no_system;
    uint8_t ncpus, product_type;
    uint32_t major, minor, build, platform; /* platform 0: FORGE_WIN32_NT */
    uint16_t suite_mask;
    const char *csd;
    char vendor[13]; /* x86 */

    bool padded;    /* four bytes behind the counts of the thread, module and memory lists */
    bool thread_ex; /* the threads as an extended list */
    const struct forge_mdmp_thread *threads;
    size_t nthreads;
    const struct forge_mdmp_module *modules;
    size_t nmodules;
    const struct forge_mdmp_unloaded *unloaded;
    size_t nunloaded;
    const struct forge_mdmp_memory *memory; /* MemoryListStream */
    size_t nmemory;
    const struct forge_mdmp_memory *memory64; /* Memory64ListStream */
    size_t nmemory64;
    const struct forge_mdmp_region *regions;
    size_t nregions;
    const struct forge_mdmp_handle *handles;
    size_t nhandles;
    uint32_t handle_size; /* of a descriptor: 0x20 or 0x28 (also for 0) */
    const struct forge_mdmp_exception *exception;
    const struct forge_mdmp_misc *misc;
    const char *comment_a, *comment_w;
    const struct forge_mdmp_raw *raw;
    size_t nraw;
    unsigned unused_rows; /* of type 0, at the end of the directory */

    const struct forge_mdmp_patch *patch;
    size_t npatches;

    /* Out: */
    struct forge_mdmp_row row[FORGE_MDMP_ROWS];
    size_t nrows;
    char why[160]; /* when the build failed */
};

bool forge_mdmp_build(struct forge_mdmp *mdmp, struct forge_bytes *ret_file);

/* Row of the first stream of TYPE; NULL if there is none. */
const struct forge_mdmp_row *forge_mdmp_find(const struct forge_mdmp *mdmp, uint32_t type);

/*
 * A CONTEXT of ARCH (x86, AMD64, ARM64) with these registers into BUF (FORGE_CONTEXT_MAX bytes);
 * returns its size, 0 for another architecture.
 */
uint32_t forge_context(uint16_t arch, uint64_t ip, uint64_t sp, uint64_t fp, void *buf);

/* Parts that `raw` streams are made of; each returns the offset of what it wrote. */
uint32_t forge_mdmp_string(struct forge *f, const char *utf8); /* MINIDUMP_STRING */
uint32_t forge_mdmp_utf8(struct forge *f, const char *utf8);   /* MinidumpUTF8String */

#endif
