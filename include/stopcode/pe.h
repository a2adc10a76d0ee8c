/* SPDX-License-Identifier: MIT */
/**
 * @file
 * PE images: executables, DLLs, drivers, the kernel; from a file or from the target's memory.
 *
 * An image is addressed by RVA whichever way it was opened. From a file, an RVA is found through
 * the section table (raw data shorter than the section is followed by zeros, as the loader maps
 * it). From memory, an RVA is an address less the base, and any page may be absent: every function
 * answers for the part it needs alone, with SC_ERR_MEMORY naming the missing address, so that an
 * image whose resources are paged out still has exports.
 *
 * Nothing is parsed before it is asked for, except the headers. Tables are searched in place.
 *
 * Errors: SC_ERR_NOT_FOUND: the image has no such part. SC_ERR_FORMAT: it is damaged; the text
 * names file and offset. SC_ERR_MEMORY: the dump lacks it. SC_ERR_LIMIT: more than a named bound.
 *
 * Functions that call back for each item (`sc_pe_each_…`) deliver everything that can be read and
 * return the first error met on the way. The callback returns false to stop; strings handed to it
 * live until it returns.
 *
 * Threads: an sc_pe belongs to one thread at a time.
 */
#ifndef STOPCODE_PE_H
#define STOPCODE_PE_H

#include "module.h"
#include "regs.h"
#include "source.h"
#include "space.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sc_pe sc_pe;
struct sc_file;

/** Opens an image file. */
SC_API sc_err *sc_pe_open(const char *path, sc_pe **ret_pe);
/** The same for an opened file, which is borrowed and must outlive the image. */
SC_API sc_err *sc_pe_open_file(const struct sc_file *file, sc_pe **ret_pe);
/** The image at BASE of a space, which must outlive it. NAME (copied) appears in messages. */
SC_API sc_err *sc_pe_open_memory(sc_space *space, uint64_t base, const char *name, sc_pe **ret_pe);
SC_API void sc_pe_close(sc_pe *pe);

/** Base name of the file, or the name given. */
SC_API const char *sc_pe_name(const sc_pe *pe);
/** True when it was opened from memory. */
SC_API bool sc_pe_is_memory(const sc_pe *pe);
/** What is odd about the image, though it could be opened. */
SC_API const struct sc_note *sc_pe_notes(const sc_pe *pe, size_t *ret_count);

/* ---- headers ---- */

enum {
    SC_PE_MACHINE_X86 = 0x14c,
    SC_PE_MACHINE_ARM = 0x1c0,
    SC_PE_MACHINE_THUMB = 0x1c2,
    SC_PE_MACHINE_ARMNT = 0x1c4,
    SC_PE_MACHINE_IA64 = 0x200,
    SC_PE_MACHINE_X64 = 0x8664,
    SC_PE_MACHINE_ARM64 = 0xaa64,
    SC_PE_MACHINE_ARM64EC = 0xa641,
    SC_PE_MACHINE_ARM64X = 0xa64e,
};

/** Indices of the data directories. */
enum sc_pe_dir {
    SC_PE_DIR_EXPORT,
    SC_PE_DIR_IMPORT,
    SC_PE_DIR_RESOURCE,
    SC_PE_DIR_EXCEPTION,
    SC_PE_DIR_SECURITY, /**< its address is a file offset, not an RVA */
    SC_PE_DIR_RELOC,
    SC_PE_DIR_DEBUG,
    SC_PE_DIR_ARCHITECTURE,
    SC_PE_DIR_GLOBALPTR,
    SC_PE_DIR_TLS,
    SC_PE_DIR_LOAD_CONFIG,
    SC_PE_DIR_BOUND_IMPORT,
    SC_PE_DIR_IAT,
    SC_PE_DIR_DELAY_IMPORT,
    SC_PE_DIR_COR20,
    SC_PE_DIR_RESERVED,
    SC_PE_DIRS
};

struct sc_pe_dos {
    uint16_t cblp, cp, crlc, cparhdr, minalloc, maxalloc, ss, sp, csum, ip, cs, lfarlc, ovno;
    uint16_t oemid, oeminfo;
    uint32_t lfanew; /**< file offset (and RVA) of the signature `PE\0\0` */
};

/** IMAGE_FILE_HEADER and IMAGE_OPTIONAL_HEADER32/64, widened. */
struct sc_pe_headers {
    struct sc_pe_dos dos;
    uint16_t machine, nsections;
    uint32_t timestamp, symbols_offset, nsymbols;
    uint16_t optional_size, characteristics;
    uint16_t magic; /**< 0x10b PE32, 0x20b PE32+ */
    bool is64;      /**< PE32+ */
    uint8_t linker_major, linker_minor;
    uint32_t code_size, data_size, bss_size, entry, code_base, data_base; /**< data_base: PE32 */
    uint64_t image_base; /**< as the header says: the loader writes the real one into memory */
    uint32_t section_alignment, file_alignment;
    uint16_t os_major, os_minor, image_major, image_minor, subsystem_major, subsystem_minor;
    uint32_t win32_version, image_size, headers_size, checksum;
    uint16_t subsystem, dll_characteristics;
    uint64_t stack_reserve, stack_commit, heap_reserve, heap_commit;
    uint32_t loader_flags;
    uint32_t ndirs_claimed; /**< NumberOfRvaAndSizes */
    uint32_t ndirs;         /**< of them, those that are there: at most SC_PE_DIRS */
    struct sc_pe_directory {
        uint32_t rva, size;
    } dir[SC_PE_DIRS]; /**< zero from ndirs on */
};
SC_API const struct sc_pe_headers *sc_pe_headers(const sc_pe *pe);

struct sc_pe_section {
    char name[9]; /**< as in the header: "/4" stands for a long name */
    uint32_t virtual_size, rva, raw_size, raw_offset;
    uint32_t relocs_offset, lines_offset;
    uint16_t nrelocs, nlines;
    uint32_t characteristics;
};
/** The section table. It is a part of its own: its page can be absent though the headers are not.
 */
SC_API sc_err *sc_pe_sections(const sc_pe *pe, const struct sc_pe_section **ret_sections,
                              size_t *ret_count);
/** The section that RVA lies in, its alignment padding included; NULL if none. */
SC_API const struct sc_pe_section *sc_pe_section_at(const sc_pe *pe, uint32_t rva);
/** The long name behind "/4" (files only); else the short one. BUF gets at most SIZE bytes. */
SC_API void sc_pe_section_name(const sc_pe *pe, const struct sc_pe_section *section, char *buf,
                               size_t size);

/** The directory entry; false when the image has none (or its RVA is 0). */
SC_API bool sc_pe_directory(const sc_pe *pe, enum sc_pe_dir index,
                            struct sc_pe_directory *ret_directory);

/** The debugger's CPU for the image's machine. */
SC_API enum sc_cpu sc_pe_cpu(const sc_pe *pe);
/** "x86", "x64", "ARM64", …; NULL for a machine we have no name for. */
SC_API const char *sc_pe_machine_name(uint16_t machine);

/* ---- addresses and bytes ---- */

/**
 * Reads up to LEN bytes at RVA, like sc_space_read(). SC_READ_INVALID: the image has no such RVA;
 * SC_READ_ABSENT: the file is cut short, or the dump lacks the page.
 */
SC_API enum sc_read sc_pe_read(const sc_pe *pe, uint64_t rva, void *buf, size_t len,
                               size_t *ret_got);
/** Reads exactly LEN bytes, or says what is missing where. */
SC_API sc_err *sc_pe_need(const sc_pe *pe, uint64_t rva, void *buf, size_t len, const char *what);
/** File offset of an RVA; false when its bytes are not in the file (or the image is in memory). */
SC_API bool sc_pe_rva_to_offset(const sc_pe *pe, uint32_t rva, uint64_t *ret_offset);
/** RVA at which a byte of the file is mapped; false when it is not mapped. */
SC_API bool sc_pe_offset_to_rva(const sc_pe *pe, uint64_t offset, uint32_t *ret_rva);
/** RVA of an address that stands in the image (relocated in memory, preferred base in a file). */
SC_API bool sc_pe_va_to_rva(const sc_pe *pe, uint64_t va, uint32_t *ret_rva);

/* ---- exports ---- */

#define SC_PE_NAME_MAX 4096 /**< bytes kept of a symbol's name, its NUL included */

struct sc_pe_exports {
    uint32_t timestamp, name, ordinal_base; /**< name: RVA of the DLL's own name */
    uint16_t major, minor;
    uint32_t nfunctions, nnames;         /**< at most 65536 each, by the width of an ordinal */
    uint32_t functions, names, ordinals; /**< RVAs of the tables */
};
SC_API sc_err *sc_pe_exports(const sc_pe *pe, struct sc_pe_exports *ret_exports);

struct sc_pe_export {
    uint32_t ordinal;
    uint32_t rva; /**< 0 for a forwarder */
    bool has_name, forwarder;
    bool missing;              /**< its name cannot be read, or whether it has one is not known */
    bool cut;                  /**< a string was longer than SC_PE_NAME_MAX */
    char name[SC_PE_NAME_MAX]; /**< "" without one */
    char forward[SC_PE_NAME_MAX]; /**< "NTDLL.RtlAllocateHeap", "NTDLL.#12" */
};
/** By name: binary search in the image's own table, as the loader does it; case counts. */
SC_API sc_err *sc_pe_export_named(const sc_pe *pe, const char *name, struct sc_pe_export *ret);
/** By ordinal (with the base). SC_ERR_NOT_FOUND for a gap. */
SC_API sc_err *sc_pe_export_ordinal(const sc_pe *pe, uint32_t ordinal, struct sc_pe_export *ret);
/** The export with the greatest RVA at or below RVA; SC_ERR_NOT_FOUND when there is none. */
SC_API sc_err *sc_pe_export_near(const sc_pe *pe, uint32_t rva, struct sc_pe_export *ret);
/** All exports in the order of ordinals; an export of several names once for each. */
typedef bool (*sc_pe_export_fn)(void *ctx, const struct sc_pe_export *item);
SC_API sc_err *sc_pe_each_export(const sc_pe *pe, sc_pe_export_fn fn, void *ctx);

/* ---- imports ---- */

struct sc_pe_import {
    const char *dll; /**< NULL: cannot be read */
    bool by_ordinal;
    uint16_t ordinal, hint;
    const char *name; /**< NULL: by ordinal, or `missing` */
    bool missing;     /**< the name cannot be read (or was overwritten when it was bound) */
    bool cut;         /**< the name is longer than SC_PE_NAME_MAX */
    bool delay;       /**< from a delay-load table */
    bool bound;       /**< the descriptor is marked as bound */
    uint32_t slot;    /**< RVA of its slot in the import address table */
};
typedef bool (*sc_pe_import_fn)(void *ctx, const struct sc_pe_import *item);
/** Normal imports first, then delay-loaded ones. An image without any: nothing, no error. */
SC_API sc_err *sc_pe_each_import(const sc_pe *pe, sc_pe_import_fn fn, void *ctx);
/** COUNT slots in a row, of one imported DLL; returns false to stop. */
typedef bool (*sc_pe_slots_fn)(void *ctx, uint32_t rva, uint32_t count);
/** Where the slots of the same imports lie: for who does not ask for names, which is faster. */
SC_API sc_err *sc_pe_each_slots(const sc_pe *pe, sc_pe_slots_fn fn, void *ctx);

/** A DLL that the image was bound to, or one that such a DLL forwards to. */
struct sc_pe_bound {
    const char *dll;    /**< NULL: cannot be read */
    uint32_t timestamp; /**< of the DLL it was bound to: when it differs, the binding is void */
    bool forwarder;     /**< the one before it that is none forwards to this one */
};
typedef bool (*sc_pe_bound_fn)(void *ctx, const struct sc_pe_bound *item);
/** The bound import directory; SC_ERR_NOT_FOUND when the image was not bound. */
SC_API sc_err *sc_pe_each_bound(const sc_pe *pe, sc_pe_bound_fn fn, void *ctx);

struct sc_pe_slot {
    bool by_ordinal, delay, cut;
    uint16_t ordinal, hint;
    char dll[256];
    char name[SC_PE_NAME_MAX]; /**< "" by ordinal */
};
/** What the slot at RVA of the import address table is for: what `dps` shows of it. */
SC_API sc_err *sc_pe_import_slot(const sc_pe *pe, uint32_t rva, struct sc_pe_slot *ret);

/* ---- resources ---- */

struct sc_pe_resource_id {
    bool named;
    uint32_t id;    /**< when not named */
    char name[772]; /**< UTF-8 of at most 256 units */
    bool cut;
};
struct sc_pe_resource {
    struct sc_pe_resource_id type, name, lang;
    uint32_t levels; /**< of the three above, those that the tree has */
    uint32_t rva, size, codepage;
    uint32_t entry; /**< RVA of the data entry */
};
typedef bool (*sc_pe_resource_fn)(void *ctx, const struct sc_pe_resource *item);
/** All leaves of the resource tree. */
SC_API sc_err *sc_pe_each_resource(const sc_pe *pe, sc_pe_resource_fn fn, void *ctx);

/** A string of the version resource. */
struct sc_pe_string {
    uint16_t lang, codepage; /**< of its table: 0x409, 0x4b0 */
    const char *key, *value; /**< "CompanyName", "Microsoft Corporation" */
};
struct sc_pe_versioninfo {
    struct sc_version fixed; /**< present = false: the resource has no valid fixed part */
    uint32_t flags_mask;     /**< dwFileFlagsMask */
    struct sc_pe_string *strings;
    size_t nstrings;
    uint32_t *translations; /**< language in the low, code page in the high half */
    size_t ntranslations;
    bool cut; /**< the resource ended inside of a block; what stood before it is here */
    void *own;
};
/** The version resource. *RET is ended with sc_pe_versioninfo_destroy(). */
SC_API sc_err *sc_pe_versioninfo(const sc_pe *pe, struct sc_pe_versioninfo **ret);
SC_API void sc_pe_versioninfo_destroy(struct sc_pe_versioninfo *info);
/** KEY ("FileDescription", any case) in the first table that has it; NULL. */
SC_API const char *sc_pe_version_string(const struct sc_pe_versioninfo *info, const char *key);
/** The fixed part alone: fills a module's version. */
SC_API sc_err *sc_pe_version(const sc_pe *pe, struct sc_version *ret_version);

/* ---- debug directory ---- */

enum {
    SC_PE_DEBUG_COFF = 1,
    SC_PE_DEBUG_CODEVIEW = 2,
    SC_PE_DEBUG_FPO = 3,
    SC_PE_DEBUG_MISC = 4,
    SC_PE_DEBUG_EXCEPTION = 5,
    SC_PE_DEBUG_FIXUP = 6,
    SC_PE_DEBUG_OMAP_TO_SRC = 7,
    SC_PE_DEBUG_OMAP_FROM_SRC = 8,
    SC_PE_DEBUG_BORLAND = 9,
    SC_PE_DEBUG_RESERVED10 = 10,
    SC_PE_DEBUG_CLSID = 11,
    SC_PE_DEBUG_VC_FEATURE = 12,
    SC_PE_DEBUG_POGO = 13,
    SC_PE_DEBUG_ILTCG = 14,
    SC_PE_DEBUG_MPX = 15,
    SC_PE_DEBUG_REPRO = 16,
    SC_PE_DEBUG_EMBEDDED_PDB = 17,
    SC_PE_DEBUG_SPGO = 18,
    SC_PE_DEBUG_PDB_CHECKSUM = 19,
    SC_PE_DEBUG_EX_DLLCHARACTERISTICS = 20,
};

struct sc_pe_debug {
    uint32_t characteristics, timestamp;
    uint16_t major, minor;
    uint32_t type, size, rva, offset; /**< rva 0: not mapped; offset: in the file */
};
/** "CodeView", "Repro", …; NULL unknown. */
SC_API const char *sc_pe_debug_name(uint32_t type);
/** Number of entries; 0 without a directory. */
SC_API size_t sc_pe_debug_count(const sc_pe *pe);
SC_API sc_err *sc_pe_debug_at(const sc_pe *pe, size_t index, struct sc_pe_debug *ret);
/** The first entry of TYPE. */
SC_API sc_err *sc_pe_debug_find(const sc_pe *pe, uint32_t type, struct sc_pe_debug *ret);
/** LEN bytes at OFFSET of an entry's data, from the file or the mapping, whichever there is. */
SC_API sc_err *sc_pe_debug_read(const sc_pe *pe, const struct sc_pe_debug *entry, uint32_t offset,
                                void *buf, size_t len);

/** The CodeView record: the first RSDS or NB10, else the first of another kind. Owned by PE. */
SC_API sc_err *sc_pe_codeview(sc_pe *pe, const struct sc_codeview **ret_codeview);
/** The CodeView record of one entry; its path goes to PATH and *RET points there. */
SC_API sc_err *sc_pe_codeview_at(const sc_pe *pe, const struct sc_pe_debug *entry, char *path,
                                 size_t path_size, struct sc_codeview *ret_codeview);

/** REPRO: the build is reproducible and the time stamps are parts of a hash, no times. */
struct sc_pe_repro {
    bool present;
    uint8_t hash[64];
    uint32_t hash_size; /**< 0 when the entry has no data */
};
SC_API sc_err *sc_pe_repro(const sc_pe *pe, struct sc_pe_repro *ret);

/** VC_FEATURE: numbers of object files. `nfields` of them are there. */
struct sc_pe_vc_feature {
    uint32_t pre_vc11, c_cpp, gs, sdl, guardn;
    uint32_t nfields;
};
SC_API sc_err *sc_pe_vc_feature(const sc_pe *pe, struct sc_pe_vc_feature *ret);

/** EX_DLLCHARACTERISTICS: bit 0 is "CET compatible". */
SC_API sc_err *sc_pe_ex_dllcharacteristics(const sc_pe *pe, uint32_t *ret_flags);

/** MISC: path of the .dbg file. */
SC_API sc_err *sc_pe_dbg_path(const sc_pe *pe, char *path, size_t path_size);

/** EMBEDDED_PDB: where the deflated portable PDB lies in the entry's data. */
struct sc_pe_embedded_pdb {
    struct sc_pe_debug entry;
    uint32_t packed_offset, packed_size; /**< in the entry's data */
    uint32_t size;                       /**< unpacked, as the header claims */
};
SC_API sc_err *sc_pe_embedded_pdb(const sc_pe *pe, struct sc_pe_embedded_pdb *ret);

/** PDB_CHECKSUM: "SHA256" and the bytes. */
struct sc_pe_pdb_checksum {
    char algorithm[32];
    uint8_t sum[64];
    uint32_t sum_size;
};
SC_API sc_err *sc_pe_pdb_checksum(const sc_pe *pe, struct sc_pe_pdb_checksum *ret);

/** POGO: pieces of sections in link order. SIGNATURE is "LTCG", "PGU", … as a number. */
typedef bool (*sc_pe_pogo_fn)(void *ctx, uint32_t rva, uint32_t size, const char *name);
SC_API sc_err *sc_pe_each_pogo(const sc_pe *pe, sc_pe_pogo_fn fn, void *ctx,
                               uint32_t *ret_signature);

/* ---- function table (.pdata, .xdata) ---- */

struct sc_pe_function {
    uint32_t begin;
    uint32_t end;    /**< first RVA behind it; 0 = not known: .xdata is missing, or says nothing */
    uint32_t unwind; /**< RVA of UNWIND_INFO / .xdata; 0 when packed */
    uint32_t packed; /**< ARM, ARM64: the packed unwind data, or flag 3; flag included; else 0 */
    bool thumb;      /**< ARM: bit 0 of the start was set */
    uint32_t entry;  /**< RVA of the RUNTIME_FUNCTION; 0 for a chained one */
};
/** Number of RUNTIME_FUNCTIONs; 0 without a table or for a CPU whose table has no known form. */
SC_API size_t sc_pe_function_count(const sc_pe *pe);
SC_API sc_err *sc_pe_function_at(const sc_pe *pe, size_t index, struct sc_pe_function *ret);
/** The function that RVA lies in, by binary search; SC_ERR_NOT_FOUND for a leaf function. */
SC_API sc_err *sc_pe_function_find(const sc_pe *pe, uint32_t rva, struct sc_pe_function *ret);

enum { SC_PE_UNW_EHANDLER = 1, SC_PE_UNW_UHANDLER = 2, SC_PE_UNW_CHAININFO = 4 };

/** UNWIND_INFO of x64. */
struct sc_pe_unwind {
    uint32_t rva, size; /**< size: the header, codes and what stands behind them */
    uint8_t version, flags, prolog, ncodes;
    uint8_t frame_register, frame_offset; /**< frame_offset: in units of 16 bytes */
    uint16_t codes[255];                  /**< as they stand: offset low, operation and info high */
    uint32_t handler, handler_data;       /**< RVAs; 0 without a handler */
    bool chained;
    struct sc_pe_function chain; /**< the function it continues */
};
SC_API sc_err *sc_pe_unwind(const sc_pe *pe, uint32_t rva, struct sc_pe_unwind *ret);
/** Follows chained (and indirect) entries of x64 to the function's first part. */
SC_API sc_err *sc_pe_function_root(const sc_pe *pe, const struct sc_pe_function *function,
                                   struct sc_pe_function *ret_root);

/** The header of an ARM or ARM64 .xdata record. */
struct sc_pe_xdata {
    uint32_t rva, size;       /**< size: all of it, the handler's RVA included */
    uint32_t function_length; /**< bytes */
    uint8_t version;
    bool has_handler, single_epilog, fragment; /**< fragment: ARM only */
    uint32_t nepilogs;                  /**< epilog scopes; single_epilog: index of its code */
    uint32_t scopes, codes, codes_size; /**< RVAs of the scopes and codes; bytes of codes */
    uint32_t handler, handler_data;     /**< RVAs, 0 = none */
};
SC_API sc_err *sc_pe_xdata(const sc_pe *pe, uint32_t rva, struct sc_pe_xdata *ret);

/* ---- load configuration, hybrid code, TLS ---- */

/** IMAGE_LOAD_CONFIG_DIRECTORY; fields behind `size` are 0. Addresses are VAs as they stand. */
struct sc_pe_load_config {
    uint32_t size, timestamp;
    uint16_t major, minor;
    uint32_t global_flags_clear, global_flags_set, critical_section_timeout;
    uint64_t decommit_free_block, decommit_total_free, lock_prefix_table, max_allocation;
    uint64_t vm_threshold, affinity_mask;
    uint32_t process_heap_flags;
    uint16_t csd_version, dependent_load_flags;
    uint64_t edit_list, security_cookie, se_table, se_count;
    uint64_t guard_check, guard_dispatch, guard_table, guard_count;
    uint32_t guard_flags;
    uint16_t integrity_flags, integrity_catalog;
    uint32_t integrity_catalog_offset;
    uint64_t guard_iat_table, guard_iat_count, guard_longjump_table, guard_longjump_count;
    uint64_t dynamic_reloc_table, chpe_metadata, guard_rf_failure, guard_rf_failure_pointer;
    uint32_t dynamic_reloc_offset;
    uint16_t dynamic_reloc_section;
    uint64_t guard_rf_verify;
    uint32_t hotpatch_offset;
    uint64_t enclave, volatile_metadata, guard_eh_table, guard_eh_count;
    uint64_t xfg_check, xfg_dispatch, xfg_table_dispatch, cast_guard_failure, guard_memcpy;
};
SC_API sc_err *sc_pe_load_config(const sc_pe *pe, struct sc_pe_load_config *ret);
/** Bytes of an entry of the Guard CF function table: 4, or more as guard_flags say. */
SC_API uint32_t sc_pe_guard_stride(const struct sc_pe_load_config *config);

/** Images of two instruction sets. */
enum sc_pe_hybrid {
    SC_PE_PURE,
    SC_PE_CHPE_X86, /**< x86 that carries ARM64 code */
    SC_PE_ARM64EC,  /**< calls itself x64, carries ARM64EC code */
    SC_PE_ARM64X,   /**< calls itself ARM64, can be loaded as ARM64EC */
};
struct sc_pe_chpe {
    enum sc_pe_hybrid kind;
    uint32_t rva, version, code_map, ncode_map; /**< RVAs; code_map: ranges of one machine each */
    uint32_t extra_functions, extra_functions_size; /**< ARM64EC's own function table, 0 none */
};
/** SC_ERR_NOT_FOUND for images of one instruction set. */
SC_API sc_err *sc_pe_chpe(const sc_pe *pe, struct sc_pe_chpe *ret);
/** Machine of the code at RVA: of the code map in hybrid images, else the image's. */
SC_API sc_err *sc_pe_machine_at(const sc_pe *pe, uint32_t rva, uint16_t *ret_machine);

struct sc_pe_tls {
    uint64_t start, end, index, callbacks; /**< VAs */
    uint32_t zero_fill, characteristics;
};
SC_API sc_err *sc_pe_tls(const sc_pe *pe, struct sc_pe_tls *ret);
/** Address of the INDEX-th TLS callback; SC_ERR_NOT_FOUND behind the last. */
SC_API sc_err *sc_pe_tls_callback(const sc_pe *pe, size_t index, uint64_t *ret_va);

/* ---- base relocations ---- */

enum {
    SC_PE_REL_ABSOLUTE = 0,
    SC_PE_REL_HIGH = 1,
    SC_PE_REL_LOW = 2,
    SC_PE_REL_HIGHLOW = 3,
    SC_PE_REL_HIGHADJ = 4,
    SC_PE_REL_ARM_MOV32 = 5,   /**< ARM machines only */
    SC_PE_REL_THUMB_MOV32 = 7, /**< ARM machines only */
    SC_PE_REL_DIR64 = 10,
};
struct sc_pe_reloc {
    uint32_t rva;
    uint8_t type;
    uint16_t param; /**< HIGHADJ: the second word */
};
typedef bool (*sc_pe_reloc_fn)(void *ctx, const struct sc_pe_reloc *item);
/** All of them in the order of the file, padding (ABSOLUTE) included. */
SC_API sc_err *sc_pe_each_reloc(const sc_pe *pe, sc_pe_reloc_fn fn, void *ctx);
/**
 * Relocates bytes read from the image file: LEN bytes from RVA on, in BUF, as they are when the
 * image lies DELTA bytes from its preferred base. Relocations that reach over the ends of BUF are
 * done right too. Without relocations: SC_ERR_NOT_FOUND (unless DELTA is 0).
 */
SC_API sc_err *sc_pe_relocate(sc_pe *pe, uint32_t rva, void *buf, size_t len, uint64_t delta);

/* ---- identity ---- */

/** The checksum that CheckSumMappedFile computes; files only. */
SC_API sc_err *sc_pe_checksum(const sc_pe *pe, uint32_t *ret_checksum);
/** Image store key, "TTTTTTTTsssss" into BUF (SC_PE_KEY_BUF bytes); returns BUF. */
#define SC_PE_KEY_BUF 48
SC_API const char *sc_pe_image_key(uint32_t timestamp, uint32_t image_size, char *buf);
/** PDB store key of a CodeView record; NULL when its kind has none. */
SC_API const char *sc_pe_pdb_key(const struct sc_codeview *codeview, char *buf);

#ifdef __cplusplus
}
#endif
#endif
