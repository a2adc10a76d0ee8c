/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Kernel dump files: the header every one has (DUMP_HEADER32/64), the triage part of small ones,
 * the list of pages of large ones, and the secondary data behind them. Layouts:
 * src/dump/kdump_header.c, triage.c, kdump_bitmap.c, kdump_rdmp.c, kdump_blobs.c.
 */
#ifndef STOPCODE_KDUMP_H
#define STOPCODE_KDUMP_H

#include "source.h"

#ifdef __cplusplus
extern "C" {
#endif

/** DUMP_HEADER32/64, both widened. "PAGE" filler is recognised: see `valid`. */
struct sc_kdump_header {
    bool is64;
    uint32_t major, minor;
    uint64_t dtb, pfn_database, loaded_module_list, active_process_head;
    uint32_t machine_type, nprocessors, bugcheck;
    uint64_t bugcheck_arg[4];
    char version_user[33];  /**< "" when filler */
    uint8_t pae_enabled;    /**< 32-bit only */
    uint64_t debugger_data; /**< KdDebuggerDataBlock */
    uint32_t nruns;         /**< 0 when filler */
    uint64_t npages;
    uint64_t exception_offset, context_offset; /**< file offsets */
    uint32_t dump_type;
    uint64_t required_space, system_time, system_uptime; /**< SC_UNSET64 when filler */
    char comment[129];                                   /**< "" when filler */
    uint32_t minidump_fields, secondary_state, product_type, suite_mask, writer_status;
    uint8_t kd_secondary_version;
    uint32_t attributes, boot_id;
    uint32_t nruns_held; /**< of `nruns`: the header has room for 43 (64-bit) or 86 (32-bit) */
    struct sc_kdump_run {
        uint64_t base_page, page_count;
    } run[86]; /**< the first nruns_held are filled */
};

/** Bits of sc_kdump_header.attributes (DUMP_FILE_ATTRIBUTES). */
enum {
    SC_KDUMP_HIBER_CRASH = 0x1,
    SC_KDUMP_DEVICE_POWER_OFF = 0x2,
    SC_KDUMP_FILE_TOO_SMALL = 0x4, /**< InsufficientDumpfileSize */
    SC_KDUMP_KERNEL_TRIAGE = 0x8,  /**< KernelGeneratedTriageDump */
    SC_KDUMP_LIVE = 0x10,          /**< LiveDumpGeneratedDump: the machine went on running */
    SC_KDUMP_OFFLINE = 0x20,       /**< DumpIsGeneratedOffline */
    SC_KDUMP_FILTERED = 0x40,      /**< FilterDumpFile */
    SC_KDUMP_EARLY_BOOT = 0x80,    /**< EarlyBootCrash */
    SC_KDUMP_ENCRYPTED = 0x100,    /**< EncryptedDumpData */
    SC_KDUMP_DECRYPTED = 0x200,    /**< DecryptedDump */
};

/** How a whole-memory dump says which pages it holds. */
enum sc_kdump_layout {
    SC_KDUMP_NO_MEMORY, /**< it holds none, or none that can be found */
    SC_KDUMP_RUNS,      /**< the header's own runs (DumpType 1) */
    SC_KDUMP_SUMMARY,   /**< SUMMARY_DUMP32/64 with a bitmap (DumpType 2) */
    SC_KDUMP_BITMAP,    /**< the bitmap of Windows 8 and later (DumpTypes 5, 6, 7) */
    SC_KDUMP_RANGES,    /**< page ranges, written by a debugger (DumpTypes 8, 9, 0xA) */
};

/**
 * The part of a whole-memory dump that lists its pages. What a layout does not have is 0. Pages
 * lie one behind the other from `first_page` on, in the order of the list.
 */
struct sc_kdump_memory {
    enum sc_kdump_layout layout;
    const char *name;       /**< "SUMMARY_DUMP64": static */
    bool assumed;           /**< not documented for this width: read by analogy */
    uint32_t signature;     /**< "SDMP", "FDMP", "RDMP" */
    uint64_t offset;        /**< file offset of the part */
    uint64_t first_page;    /**< file offset of the first page's bytes */
    uint64_t pages;         /**< how many the part says there are; SC_UNSET64: it does not say */
    uint64_t bits;          /**< bitmaps: physical pages that they cover */
    uint64_t list_offset;   /**< file offset of the bitmap, or of the ranges */
    uint32_t options;       /**< SUMMARY_DUMP: DumpOptions, 1 kernel, 2 current user addresses */
    uint32_t rtl_bits;      /**< SUMMARY_DUMP: Bitmap.SizeOfBitMap */
    uint64_t metadata_size; /**< ranges */
    uint32_t nranges;       /**< ranges: NumberOfRanges (DumpType 0xA) */
};

/** TRIAGE_DUMP32/64. Offsets are file offsets, 0 = none. */
struct sc_triage_header {
    uint32_t service_pack_build, size_of_dump, valid_offset, context_offset, exception_offset;
    uint32_t mm_offset, unloaded_offset, prcb_offset, process_offset, thread_offset;
    uint32_t callstack_offset, callstack_size, driver_list_offset, driver_count;
    uint32_t string_pool_offset, string_pool_size, broken_driver_offset, options;
    uint64_t top_of_stack;
    uint64_t data_page_address;
    uint32_t data_page_offset, data_page_size, debugger_data_offset, debugger_data_size;
    uint32_t data_blocks_offset, data_blocks_count;
    bool valid_mark;        /**< the TRGD mark stands where valid_offset points */
    uint32_t driver_stride; /**< bytes of a driver entry, as found; 0 = no usable list */
};

/** _MI_TRIAGE_STORAGE: memory-manager figures of a triage dump. Widths: see triage.c. */
struct sc_triage_mm {
    uint32_t version, size, special_pool_tag, triage_action, verify_level, kernel_verifier;
    uint64_t max_nonpaged, allocated_nonpaged, paged_maximum, paged_allocated;
    uint64_t committed, committed_peak, commit_limit_max; /**< pages */
};

/** One blob of secondary data ("DumpBlob"), put there by a driver under its GUID. */
struct sc_blob {
    struct sc_guid tag;
    uint64_t offset; /**< file offset of the data */
    uint32_t size;
    uint64_t header; /**< file offset of the blob's header */
};
struct sc_blobs {
    struct sc_blob *item;
    size_t count, room;
    uint32_t build; /**< BuildNumber of the blob file header */
    bool present;
};

/** The header of a kernel dump; NULL for other sources. Owned by the source. */
SC_API const struct sc_kdump_header *sc_kdump_header(const struct sc_source *source);
/** The list of pages of a whole-memory dump; NULL for other sources. Layout NO_MEMORY: it has none.
 */
SC_API const struct sc_kdump_memory *sc_kdump_memory(const struct sc_source *source);
/**
 * Counts the pages that the list names, and those of them whose bytes lie in the file. Reads the
 * whole list, which opening does not. SC_ERR_NOT_FOUND: there is no list.
 */
SC_API sc_err *sc_kdump_count_pages(struct sc_source *source, uint64_t *ret_listed,
                                    uint64_t *ret_held);
/** The triage part; NULL when the source is no triage dump. */
SC_API const struct sc_triage_header *sc_triage_header(const struct sc_source *source);
/** Memory-manager figures; NULL when the dump has none. */
SC_API const struct sc_triage_mm *sc_triage_mm(const struct sc_source *source);
/** Secondary data, walked at the first call. */
SC_API sc_err *sc_kdump_blobs(struct sc_source *source, const struct sc_blobs **ret_blobs);
/** The driver a triage dump names as broken (BrokenDriverOffset); NULL if none. */
SC_API const char *sc_triage_broken_driver(const struct sc_source *source);

#ifdef __cplusplus
}
#endif
#endif
