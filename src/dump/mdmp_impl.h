/* SPDX-License-Identifier: MIT */
/*
 * What the files of the minidump reader share: the state of one opened minidump, and the ways to
 * its streams, lists and strings. The format is drawn in mdmp.c.
 *
 * A damaged stream is left out with a note. Functions here return an error only when memory is
 * short (or, where a caller asks for one record, when that record cannot be read).
 */
#ifndef STOPCODE_DUMP_MDMP_IMPL_H
#define STOPCODE_DUMP_MDMP_IMPL_H

#include "base/hash.h"
#include "dump/dump.h"
#include "stopcode/minidump.h"

enum {
    MDMP_HEADER_SIZE = 0x20,
    MDMP_DIRECTORY_SIZE = 0x0c,
    MDMP_STREAMS_MAX = 4096,      /* rows of the directory; real files have up to 30 */
    MDMP_STRING_MAX = 65534,      /* bytes of a UNICODE_STRING */
    MDMP_COMMENT_MAX = 1 << 20,   /* bytes of a comment stream */
    MDMP_OBJECT_INFO_MAX = 64,    /* records chained behind one handle */
    MDMP_BLOB_MAX = 64,           /* bytes shown of an annotation that is no text */
    MDMP_TEXT_COST = 96,          /* what remembering one string costs besides its bytes */
    MDMP_TEXT_SLACK = 1024 * 1024 /* see mdmp_charge() */
};

/* MINIDUMP_STREAM_TYPE, and the vendors' own. */
enum {
    MDMP_THREADS = 3,
    MDMP_MODULES = 4,
    MDMP_MEMORY = 5,
    MDMP_EXCEPTION = 6,
    MDMP_SYSTEM = 7,
    MDMP_THREADS_EX = 8,
    MDMP_MEMORY64 = 9,
    MDMP_COMMENT_A = 10,
    MDMP_COMMENT_W = 11,
    MDMP_HANDLES = 12,
    MDMP_FUNCTION_TABLES = 13,
    MDMP_UNLOADED = 14,
    MDMP_MISC = 15,
    MDMP_MEMORY_INFO = 16,
    MDMP_THREAD_INFO = 17,
    MDMP_HANDLE_OPS = 18,
    MDMP_TOKENS = 19,
    MDMP_SYSTEM_MEMORY = 21,
    MDMP_VM_COUNTERS = 22,
    MDMP_THREAD_NAMES = 24,
    MDMP_BREAKPAD = 0x47670001,
    MDMP_ASSERTION = 0x47670002,
    MDMP_CRASHPAD = 0x43500001,
};

/* Lists whose records all have one size; opened once, see mdmp_list(). */
enum mdmp_list_id {
    MDMP_LIST_THREADS,
    MDMP_LIST_THREADS_EX,
    MDMP_LIST_MODULES,
    MDMP_LIST_MEMORY,
    MDMP_LIST_HANDLES,
    MDMP_LIST_UNLOADED,
    MDMP_LIST_MEMORY_INFO,
    MDMP_LIST_THREAD_INFO,
    MDMP_LIST_HANDLE_OPS,
    MDMP_LIST_THREAD_NAMES,
    MDMP_LISTS,
};

struct mdmp_list {
    bool opened;
    uint64_t first; /* file offset of the first record */
    uint64_t count; /* records that lie inside the file; 0 when the stream is absent */
    uint32_t entry; /* bytes from one record to the next */
    const char *what;
};

/* Lists whose records must be walked: where record `index` begins. */
struct mdmp_walk {
    bool opened;
    uint64_t first, end; /* file offsets */
    uint32_t count;
    size_t index;
    uint64_t pos;
    uint32_t sizes[3]; /* of the function tables: descriptor, native descriptor, entry */
};

struct mdmp_annotations {
    struct sc_mdmp_annotation *item;
    size_t count, room;
};

struct mdmp {
    struct sc_mdmp_header header;
    struct sc_mdmp_stream *streams;
    bool has_system, has_misc, has_breakpad, has_assertion, has_crashpad;
    struct sc_mdmp_system system;
    struct sc_mdmp_misc misc;
    struct sc_mdmp_breakpad breakpad;
    struct sc_mdmp_assertion assertion;
    struct sc_mdmp_crashpad crashpad;
    struct mdmp_list lists[MDMP_LISTS];
    struct mdmp_walk tables, tokens;
    bool annotations_loaded, foreign_context_noted;
    struct mdmp_annotations annotations;
    struct sc_map strings; /* file offset and kind to text: see mdmp_string() */
    uint64_t text_left;    /* see mdmp_charge() */
    bool text_spent;
};

/* The state of SOURCE; NULL when it is no minidump. */
struct mdmp *mdmp_of(const struct sc_source *source);

/* -- mdmp_stream.c ------------------------------------------------------------------------- */

/*
 * First stream of TYPE that begins inside the file (it may end behind it: cursors stop at the
 * end of the file); NULL if none.
 */
const struct sc_mdmp_stream *mdmp_find(const struct sc_source *source, uint32_t type);
/* A cursor over the stream. */
struct sc_cur mdmp_cur(const struct sc_source *source, const struct sc_mdmp_stream *stream,
                       const char *what);
/* Notes a cursor's failure. */
void mdmp_note_failed(struct sc_source *source, const struct sc_cur *cur);

/* Never NULL; opened at the first call, with notes about what is wrong with it. */
const struct mdmp_list *mdmp_list(struct sc_source *source, enum mdmp_list_id id);
/* A cursor over record INDEX, which must exist. */
struct sc_cur mdmp_record(const struct sc_source *source, const struct mdmp_list *list,
                          uint64_t index);

/* MINIDUMP_LOCATION_DESCRIPTOR, and whether it lies inside the file. */
struct mdmp_location {
    uint32_t size, rva;
};
struct mdmp_location mdmp_location(struct sc_cur *cur);
bool mdmp_inside(const struct sc_source *source, struct mdmp_location where);

/* A 32-bit target's address that the writer sign extended, narrowed; others as they are. */
uint64_t mdmp_address(const struct sc_source *source, uint64_t address);
/* 4 or 8. */
unsigned mdmp_ptr_size(const struct sc_source *source);

/* Counts records with the same fault, so that one note tells of all of them. */
struct mdmp_tally {
    uint64_t count, bytes;
    uint64_t first; /* file offset of the first such record */
};
void mdmp_count(struct mdmp_tally *tally, uint64_t offset, uint64_t bytes);

/* -- mdmp_string.c ------------------------------------------------------------------------- */

/*
 * May BYTES more be allocated for strings and rows that the file repeats at will? Records may
 * share strings, so a small hostile file could ask for a text of 64 KiB a million times; what a
 * real file can need is bounded by its own size. When the bound is reached a note says so, and
 * strings are missing from then on.
 */
bool mdmp_charge(struct sc_source *source, uint64_t bytes);

/*
 * The MINIDUMP_STRING at OFFSET (length in bytes, UTF-16), remembered by its offset. *RET_TEXT is
 * NULL when OFFSET is 0 or the string is damaged (with a note). Errors: out of memory only.
 */
sc_err *mdmp_string(struct sc_source *source, uint64_t offset, const char *what,
                    const char **ret_text);
/* The same for Crashpad's MinidumpUTF8String (length in bytes, UTF-8). */
sc_err *mdmp_string8(struct sc_source *source, uint64_t offset, const char *what,
                     const char **ret_text);
/*
 * SIZE bytes at OFFSET that hold 8-bit text, up to a NUL: UTF-8 where it is that; other bytes are
 * taken for Latin-1, since nothing says which code page they are of. Remembered by its offset.
 */
sc_err *mdmp_text8(struct sc_source *source, uint64_t offset, uint64_t size, const char *what,
                   const char **ret_text);
/* 8-bit text in memory, as above; NULL when memory is short. */
char *mdmp_latin(sc_arena *arena, const uint8_t *data, size_t size);
/* SIZE bytes of UTF-16 that the cursor stands on, or NULL text when they begin with a NUL. */
sc_err *mdmp_fixed_string(struct sc_source *source, struct sc_cur *cur, size_t size,
                          const char **ret_text);

/* The debugger's and the image's name of a module whose path is the string at OFFSET. */
struct mdmp_names {
    const char *path, *name, *image;
};
/* *RET_NAMES.path is NULL when the string is damaged. */
sc_err *mdmp_module_names(struct sc_source *source, uint64_t offset, struct mdmp_names *ret_names);

/* -- mdmp_names.c -------------------------------------------------------------------------- */

const char *mdmp_stream_name(uint32_t type);
enum sc_cpu mdmp_cpu(uint16_t arch);
/* *RET_WINDOWS: one of Microsoft's platforms. */
const char *mdmp_platform(uint32_t platform_id, bool *ret_windows);

/* -- what sc_mdmp_open() reads, a file each ------------------------------------------------ */

sc_err *mdmp_read_system(struct sc_source *source);    /* mdmp_system.c */
sc_err *mdmp_read_misc(struct sc_source *source);      /* mdmp_misc.c */
void mdmp_read_breakpad(struct sc_source *source);     /* mdmp_breakpad.c */
sc_err *mdmp_read_assertion(struct sc_source *source); /* mdmp_breakpad.c */
void mdmp_read_crashpad(struct sc_source *source);     /* mdmp_crashpad.c */
void mdmp_read_linux(struct sc_source *source);        /* mdmp_linux.c */
sc_err *mdmp_read_comment(struct sc_source *source);   /* mdmp_comment.c */
void mdmp_read_exception(struct sc_source *source);    /* mdmp_exception.c */
/* Index of the thread with TID; false if there is none. */
bool mdmp_thread_index(struct sc_source *source, uint32_t tid, uint32_t *ret_index);
/* The list the threads are taken from: the plain one, or IA64's extended one. */
const struct mdmp_list *mdmp_thread_list(struct sc_source *source);
/* Notes a context that is not laid out as Windows' CONTEXT (once). */
void mdmp_check_context(struct sc_source *source, uint64_t offset, uint32_t size);

/* -- sc_source_ops ------------------------------------------------------------------------- */

sc_err *mdmp_load_memory(struct sc_source *source, struct sc_ranges *virt, struct sc_ranges *phys);
sc_err *mdmp_load_modules(struct sc_source *source, struct sc_modules *ret);
sc_err *mdmp_load_unloaded(struct sc_source *source, struct sc_unloadeds *ret);
sc_err *mdmp_load_threads(struct sc_source *source, struct sc_threads *ret);

#endif
