/* SPDX-License-Identifier: MIT */
/*
 * Writes kernel triage dumps, 64- and 32-bit, as Windows' writers do.
 *
 * Fill a struct forge_triage (zero it first: every part that is zero or NULL is left out) and
 * build it. Parts are written in the order in which the real writer puts them, offsets and counts
 * are worked out. Two families of writers are known from TriageOptions: 0x41 (older systems: a
 * data page, usually no data blocks) and 0xffffffff (data blocks); bit 0x100 means that not
 * everything fitted. What the families differ in is given by the parts one fills in.
 *
 * To make a dump that lies, name the field and the value:
 *
 *     static const struct forge_patch lies[] = {{.name = "DriverCount", .value = 0xffffffff}};
 *     t.patch = lies, t.npatches = 1;
 *
 * Patches are applied last, by name (forge_triage_field) or by offset and width. Where the parts
 * ended up is written to `map`.
 */
#ifndef STOPCODE_TESTS_FORGE_TRIAGE_H
#define STOPCODE_TESTS_FORGE_TRIAGE_H

#include "forge/section.h"

#define FORGE_OPTIONS_OLD      0x41u
#define FORGE_OPTIONS_ALL      0xffffffffu
#define FORGE_OPTIONS_OVERFLOW 0x100u

#define FORGE_PAGE   0x45474150u
#define FORGE_PAGE64 0x4547415045474150ull

enum {
    FORGE_TRIAGE64 = 0x2000, /* where TRIAGE_DUMP64 / TRIAGE_DUMP32 begins */
    FORGE_TRIAGE32 = 0x1000,
    FORGE_STRIDE64 = 0x90,
    FORGE_STRIDE32 = 0x4c,
    FORGE_BLOCKS_MAP = 16,
};

struct forge_exception {
    uint32_t code, flags;
    uint64_t record, address;
    uint32_t nparams;
    uint64_t param[15];
};

/* How a driver's name lies. */
enum forge_name_lie {
    FORGE_NAME_TRUE,
    FORGE_NAME_LENGTH, /* the DUMP_STRING's length is `lie` */
    FORGE_NAME_OFFSET, /* DriverNameOffset is `lie` */
};
struct forge_driver {
    const char *path; /* UTF-8 */
    uint64_t base;
    uint32_t size, timestamp, checksum;
    enum forge_name_lie how;
    uint32_t lie;
};

struct forge_unloaded {
    const char *name; /* at most 12 units are stored */
    uint64_t start, end;
};

/* Memory with its address. FALSE_PLACE: the table names lie_offset and lie_size instead. */
struct forge_block {
    uint64_t addr;
    const void *data;
    size_t size;
    bool false_place;
    uint32_t lie_offset, lie_size;
};

/* A member of KDDEBUGGER_DATA64 by name. */
struct forge_value {
    const char *name;
    uint64_t value;
};

struct forge_blob {
    uint8_t guid[16]; /* as stored */
    const void *data;
    uint32_t size, pre, post;
};

struct forge_mm {
    uint32_t version, special_pool_tag, triage_action, verify_level, kernel_verifier;
    uint64_t value[7]; /* max nonpaged … commit limit, pointer-sized in the file */
};

/* Changes a field after everything else was written. */
struct forge_patch {
    const char *name; /* NULL: by offset and width */
    uint64_t offset;
    unsigned width;
    uint64_t value;
};

/* File offsets of the parts; 0 when left out. */
struct forge_triage_map {
    uint32_t triage, mm, unloaded, prcb, process, thread, stack, kdbg, drivers, stride;
    uint32_t strings, strings_size, broken, data_page, blocks, block[FORGE_BLOCKS_MAP];
    uint32_t valid, blobs, end;
};

struct forge_triage {
    bool is32;
    uint16_t machine;      /* 0: 0x8664, or 0x14c */
    uint32_t major, build; /* 0: 15, 19041 */
    uint32_t ncpus;        /* 0: 1 */
    uint32_t bugcheck;
    uint64_t arg[4];
    uint64_t dtb, pfn_database, loaded_module_list, active_process_head, debugger_data;
    uint64_t time, uptime; /* 0: left as filler, as are these: */
    uint32_t product_type, suite_mask, writer_status, attributes, boot_id;
    const char *comment, *version_user;
    uint32_t service_pack;
    uint32_t options; /* 0: 0xffffffff */

    const void *context; /* NULL: filler */
    size_t context_size;
    const struct forge_exception *exception; /* NULL: filler */

    const struct forge_driver *driver;
    size_t ndrivers;
    const struct forge_unloaded *unloaded;
    size_t nunloaded;
    struct forge_block stack, data_page; /* data NULL: none */
    const struct forge_block *block;
    size_t nblocks;
    struct forge_block prcb, process, thread; /* `addr` is not stored */
    const struct forge_value *kdbg;
    size_t nkdbg;
    uint32_t kdbg_size; /* 0: 0x380 */
    const struct forge_mm *mm;
    const char *broken_driver;
    const struct forge_blob *blob;
    size_t nblobs;
    uint32_t blob_build;

    const struct forge_patch *patch;
    size_t npatches;
    struct forge_triage_map *map; /* filled when not NULL */
};

/*
 * The file. False (with the reason on stderr: a test's scenario is wrong) when it cannot be made.
 * End it with forge_bytes_free().
 */
bool forge_triage_build(const struct forge_triage *t, struct forge_bytes *ret_file);

/*
 * Offset and width of a field of the header or the triage part, by the name it has in
 * dump-format documents ("MinorVersion", "DriverCount", "ExceptionCode"); false when unknown.
 */
bool forge_triage_field(bool is32, const char *name, uint64_t *ret_offset, unsigned *ret_width);

#endif
