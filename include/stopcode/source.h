/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Sources: what a container (a dump file) or a transport supplies.
 *
 * From above, a triage dump, a user minidump, an ELF core and a live machine look alike: machine
 * facts, ranges of memory that can be read, modules, threads. A container fills `struct sc_source`
 * when it is opened with what the first screen needs, and the rest when its `load_…` functions
 * are first called.
 *
 * What only one container has (the header of a kernel dump, the streams of a minidump) is reached
 * through its own header: kdump.h, minidump.h.
 */
#ifndef STOPCODE_SOURCE_H
#define STOPCODE_SOURCE_H

#include "module.h"
#include "regs.h"
#include "space.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Every container that probe knows by its magic. */
enum sc_format {
    SC_FORMAT_UNKNOWN,
    SC_FORMAT_KERNEL_FULL,        /**< DumpType 1 */
    SC_FORMAT_KERNEL_SUMMARY,     /**< DumpType 2 */
    SC_FORMAT_KERNEL_HEADER,      /**< DumpType 3 */
    SC_FORMAT_KERNEL_TRIAGE,      /**< DumpType 4 */
    SC_FORMAT_KERNEL_BITMAP_FULL, /**< DumpType 5 */
    SC_FORMAT_KERNEL_BITMAP,      /**< DumpType 6 */
    SC_FORMAT_KERNEL_AUTOMATIC,   /**< DumpType 7 */
    SC_FORMAT_KERNEL_RDMP,        /**< DumpTypes 8, 9, 0xA: written by dbgeng */
    SC_FORMAT_MINIDUMP,           /**< MDMP */
    SC_FORMAT_MINIDUMP_BE,        /**< PMDM: a minidump of a big-endian machine */
    SC_FORMAT_USERDUMP,           /**< USERDUMP / USERDU64 */
    SC_FORMAT_HIBERFIL,
    SC_FORMAT_VMWARE, /**< vmss / vmsn */
    SC_FORMAT_ELF_CORE,
    SC_FORMAT_LIME,
    SC_FORMAT_RAW,       /**< physical memory without a header: chosen when nothing else fits */
    SC_FORMAT_MICRODUMP, /**< Breakpad's text form */
    SC_FORMAT_CAB,
    SC_FORMAT_ZIP,
    SC_FORMAT_GZIP,
    SC_FORMAT_XZ,
    SC_FORMAT_ZSTD,
    SC_FORMAT_7ZIP,
    SC_FORMAT_PE, /**< an image, not a dump */
    SC_FORMAT_PDB,
    SC_FORMAT_ETL,
    SC_FORMAT_EVTX,
    SC_FORMAT_KDUMP_COMPRESSED, /**< kdump-compressed, of QEMU or Linux; flattened or not */
    SC_FORMAT_COUNT,
};

/** The result of looking at a file's first bytes. */
struct sc_probe {
    enum sc_format format;
    bool is64;          /**< 64-bit form, where the container has two */
    const char *name;   /**< "kernel triage dump, 64-bit": static */
    bool readable;      /**< this library opens it */
    const char *advice; /**< when not readable: what to do, static; else NULL */
};

/** EXCEPTION_RECORD, 32- and 64-bit alike; 32-bit addresses zero extended. */
struct sc_exception {
    uint32_t code, flags;
    uint64_t record; /**< address of a chained record, 0 = none */
    uint64_t address;
    uint32_t nparams; /**< at most 15, whatever the file said */
    uint64_t param[15];
};

#define SC_UNSET64 UINT64_MAX

/** What is known of the machine or process as a whole. Strings are owned by the source. */
struct sc_machine {
    enum sc_cpu cpu;
    bool kernel;          /**< a kernel's dump; else a process's */
    bool windows;         /**< false: a minidump of Linux, macOS, Android, … */
    const char *platform; /**< "Windows", "Linux", "macOS": never NULL */
    uint32_t ncpus;
    uint32_t major, minor, build; /**< 10, 0, 19041; major 0 = the container does not say */
    uint32_t revision;            /**< the update build (UBR) where known, else 0 */
    bool checked;                 /**< checked (debug) build */
    uint32_t product_type;        /**< 1 workstation, 2 domain controller, 3 server, 0 unknown */
    uint32_t suite_mask;
    const char *service_pack; /**< "" if none */
    const char *lab;          /**< "19041.1.amd64fre.vb_release.…" or NULL */
    uint64_t time;            /**< FILETIME (UTC) of the dump; 0 = unknown */
    uint64_t uptime; /**< system (user dumps: process) up time, 100 ns; SC_UNSET64 unknown */
    bool has_bugcheck;
    uint32_t bugcheck;
    uint64_t bugcheck_arg[4];
    bool has_exception;
    struct sc_exception exception;
    uint64_t exception_record;  /**< file offset of the exception record */
    uint64_t event_context_off; /**< file offset of the event's CONTEXT; SC_UNSET64 = none */
    uint32_t event_context_size;
    uint32_t current;     /**< index of the current processor or thread (the faulting one) */
    uint64_t kernel_base; /**< 0 = unknown */
    uint64_t loaded_module_list, active_process_head, debugger_data; /**< VAs, kernel, 0 unknown */
    uint64_t dtb;           /**< page table base, kernel: the container's or current process's */
    uint64_t pfn_database;  /**< VA of the PFN database as the container gives it, 0 unknown */
    bool pae;               /**< x86: the page tables have three levels */
    unsigned paging_levels; /**< x64: 4 or 5; 0 unknown (4 is tried first) */
    uint32_t pid;           /**< user dumps; 0 unknown */
    const char *comment;    /**< or NULL */
};

/** A thread of a user dump, or a processor of a kernel dump. */
struct sc_thread {
    uint32_t index; /**< 0-based: the number the prompt shows */
    uint32_t tid;   /**< user dumps */
    uint32_t suspend, priority_class, priority;
    uint64_t teb;
    const char *name;                 /**< SetThreadDescription's, or NULL */
    uint64_t stack_start, stack_size; /**< the range saved with the thread */
    uint64_t context_off; /**< file offset of its CONTEXT; SC_UNSET64 = none, see context_va */
    uint32_t context_size;
    uint64_t context_va;    /**< address of its CONTEXT in the target's memory; 0 = none */
    uint64_t start_address; /**< 0 unknown */
    uint64_t create_time, exit_time, kernel_time, user_time; /**< SC_UNSET64 unknown; 100 ns */
    uint64_t affinity;
    uint32_t exit_status, dump_flags;
    bool has_info;   /**< the fields from start_address on are from a ThreadInfoList */
    uint64_t prcb;   /**< kernel: address of its KPRCB, 0 unknown */
    uint64_t thread; /**< kernel: address of its current ETHREAD, 0 unknown */
    /* Kernel: what a virtual machine's state says of its processor; 0 unknown. */
    uint64_t dtb; /**< CR3 or TTBR1_EL1 */
    uint64_t cr4; /**< bit 5 PAE, bit 12 LA57 */
    uint64_t idt; /**< IDTR base, or VBAR_EL1 */
    uint64_t gs_base, kernel_gs_base;
};

/** A range of memory and where its bytes lie in the file. */
struct sc_range {
    uint64_t start, size;
    uint64_t offset; /**< file offset of the first byte */
};

/** Growing lists that `load_…` functions append to (see src/base/vec.h for the functions). */
struct sc_ranges {
    struct sc_range *item;
    size_t count, room;
};
struct sc_modules {
    struct sc_module *item;
    size_t count, room;
};
struct sc_unloadeds {
    struct sc_unloaded *item;
    size_t count, room;
};
struct sc_threads {
    struct sc_thread *item;
    size_t count, room;
};

struct sc_file;
struct sc_arena;
struct sc_source;

/**
 * Memory that answers for itself: what stands behind a space. Containers of whole memory hand one
 * out for physical memory, so that neither a bitmap of millions of pages nor compressed blocks
 * have to be listed before the first read. Addresses are what the space's callers give, never
 * sign-extended. Nothing is cached above it but by its own means. One thread at a time.
 */
struct sc_pages_ops {
    const char *name; /**< static, for logs */
    /**
     * Copies at most LEN (> 0) bytes from ADDR on, as many as lie together; with SC_READ_OK
     * *RET_GOT is at least 1. Any other status: nothing is copied, *RET_GOT is 0.
     */
    enum sc_read (*read)(void *impl, uint64_t addr, void *buf, size_t len, size_t *ret_got);
    /** The same in place: *RET_LEN (>= 1) bytes that stay where they are until destroy(). May be
     * NULL, or answer SC_READ_ABSENT for bytes that read() has. */
    enum sc_read (*view)(void *impl, uint64_t addr, const uint8_t **ret_data, size_t *ret_len);
    /** The first run of bytes present that ends behind ADDR, cut to begin at or below ADDR or at
     * its own start; false: none. Runs may be reported in pieces. */
    bool (*next)(void *impl, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size);
    /** Where the byte at ADDR lies in the file; false: nowhere as it is (absent, compressed). May
     * be NULL. */
    bool (*offset)(void *impl, uint64_t addr, uint64_t *ret_offset);
    /** What is known of why a read at ADDR answered STATUS, as words at RET_TEXT, "" nothing. May
     * be NULL. */
    void (*why)(void *impl, uint64_t addr, enum sc_read status, char *ret_text, size_t size);
    void (*destroy)(void *impl);
    /** What sc_space_piece() is to answer. NULL: next(), and view() of its beginning. */
    bool (*piece)(void *impl, uint64_t addr, uint64_t *ret_start, const uint8_t **ret_data,
                  uint64_t *ret_size);
};
struct sc_pages {
    const struct sc_pages_ops *ops; /**< NULL: none */
    void *impl;
};

/**
 * What a container must be able to do. Each function may be NULL: "this container has none".
 * A damaged part is left out with a note (sc_source_note) rather than failing the whole, wherever
 * the rest is still worth having.
 */
struct sc_source_ops {
    const char *name;
    void (*destroy)(struct sc_source *source); /**< frees `impl`; the rest is freed by the caller */
    /** Ranges of virtual and physical memory, in order of preference: earlier ones win. */
    sc_err *(*load_memory)(struct sc_source *source, struct sc_ranges *virt,
                           struct sc_ranges *phys);
    /**
     * Whole memory: the physical memory, called once, when it is first read. Not NULL makes the
     * target a whole-memory one: virtual addresses are translated through page tables, and
     * modules and processors are read from the kernel's own lists wherever the load functions
     * below are NULL. The pages are destroyed before the source.
     */
    sc_err *(*open_pages)(struct sc_source *source, struct sc_pages *ret_pages);
    sc_err *(*load_modules)(struct sc_source *source, struct sc_modules *ret);
    sc_err *(*load_unloaded)(struct sc_source *source, struct sc_unloadeds *ret);
    sc_err *(*load_threads)(struct sc_source *source, struct sc_threads *ret);
    /** Registers that are stored in another form than CONTEXT (a virtual machine's). NULL, or
     * SC_ERR_NOT_FOUND: as sc_thread says. */
    sc_err *(*load_regs)(struct sc_source *source, uint32_t index, struct sc_regs *ret_regs);
};

/** Something odd in the file that did not stop us. */
struct sc_note {
    uint64_t offset; /**< file offset, SC_UNSET64 = none */
    char text[200];
};
#define SC_NOTES_MAX 64

struct sc_source {
    const struct sc_source_ops *ops;
    void *impl; /**< the container's own state */
    struct sc_probe probe;
    struct sc_machine machine;
    struct sc_file *file;   /**< owned */
    struct sc_arena *arena; /**< owned: strings of the lists and of `machine` */
    struct sc_note *notes;  /**< at most SC_NOTES_MAX */
    size_t nnotes, notes_dropped;
    /** What `file` was unpacked from ("a zip archive of 1,234 bytes: MEMORY.DMP"); NULL: it was
     * not. Its path is the archive's, a colon, and the member's name. */
    const char *unpacked;
};

/** Looks at the first bytes. Never fails: a file too short is SC_FORMAT_UNKNOWN. */
SC_API struct sc_probe sc_probe_bytes(const void *data, size_t size, uint64_t file_size);

/** Remembers an oddity with its file offset; drops it (and counts) when there are too many. */
void sc_source_note(struct sc_source *source, uint64_t offset, const char *fmt, ...)
    SC_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
