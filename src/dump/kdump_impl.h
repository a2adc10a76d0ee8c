/* SPDX-License-Identifier: MIT */
/* What kdump.c, the readers of page lists and the triage files share. */
#ifndef STOPCODE_DUMP_KDUMP_IMPL_H
#define STOPCODE_DUMP_KDUMP_IMPL_H

#include "base/sort.h"
#include "dump/dump.h"
#include "stopcode/kdump.h"

/*
 * Members of KDDEBUGGER_DATA64 that a triage dump needs to make sense of itself. Offsets are those
 * inside the structure named; 0 = not given by this build's block.
 */
struct sc_kdbg {
    bool present;
    uint64_t kernel_base, build_lab, processor_block;
    uint16_t thread_kernel_stack, thread_process, size_process, size_prcb, prcb_current_thread;
    uint16_t prcb_state_context; /* KPRCB.ProcessorState.ContextFrame: the CONTEXT itself */
    uint16_t prcb_number, size_thread;
    uint16_t prcb_context; /* KPRCB.Context: a pointer to the CONTEXT (Windows 8 on) */
};

struct sc_kdump {
    struct sc_kdump_header header;
    struct sc_kdump_memory memory; /* layout NO_MEMORY: none */
    bool cut_noted;                /* that the file ends before its last page */
    bool is_triage;
    struct sc_triage_header triage;
    bool has_mm;
    struct sc_triage_mm mm;
    const char *broken_driver;
    struct sc_kdbg kdbg;
    bool indexed;              /* the four below and prcb_va are there, see sc_triage_index() */
    struct sc_sort_key *block; /* address and row of the data blocks inside the file, by address */
    size_t nblocks;
    struct sc_range *prcb; /* data blocks that are PRCBs, by processor number; start 0 = none */
    uint32_t nprcbs;
    uint64_t prcb_va, thread_va, process_va; /* where the copies belong, 0 unknown */
    struct sc_blobs blobs;
    bool blobs_walked;
};

/* True of a 32-bit field that the writer never filled: the header is preset with "PAGE". */
static inline bool sc_is_filler32(uint32_t v) { return v == 0x45474150; }
static inline bool sc_is_filler64(uint64_t v) { return v == 0x4547415045474150ULL; }

enum { SC_TRIAGE_BLOCKS_MAX = 131072 }; /* real dumps: under 2,000 */

/* kdump_header.c: reads DUMP_HEADER32/64 at OFFSET: the file's start, or (ELF) inside a note. */
sc_err *sc_kdump_read_header(struct sc_source *source, uint64_t offset, bool is64,
                             struct sc_kdump_header *ret);
/* kdump.c: what a header says of the machine. False when memory is short. */
bool sc_kdump_set_machine(struct sc_source *source, const struct sc_kdump_header *header);
/* kdump.c: the exception record at a file offset. */
void sc_kdump_set_exception(struct sc_source *source, uint64_t offset, bool is64);

/* kdump.c: the state of SOURCE when it is a kernel dump, else NULL. */
struct sc_kdump *sc_kdump_impl(const struct sc_source *source);

/*
 * What lists the pages of a whole-memory dump. Finding it reads the list's head only and fills
 * kd->memory; false: no such list, or none to be believed, and a note says why. Opening it makes
 * the pages (sc_source_ops.open_pages).
 */
bool sc_kdump_find_runs(struct sc_source *source, struct sc_kdump *kd);
sc_err *sc_kdump_open_runs(struct sc_source *source, struct sc_pages *ret_pages);
bool sc_kdump_find_bitmap(struct sc_source *source, struct sc_kdump *kd);
sc_err *sc_kdump_open_bitmap(struct sc_source *source, struct sc_pages *ret_pages);
bool sc_kdump_find_ranges(struct sc_source *source, struct sc_kdump *kd);
sc_err *sc_kdump_open_ranges(struct sc_source *source, struct sc_pages *ret_pages);

/* How many pages the list names, which is read whole for it. */
sc_err *sc_kdump_count_bitmap(struct sc_source *source, uint64_t *ret_pages);
sc_err *sc_kdump_count_ranges(struct sc_source *source, uint64_t *ret_pages);

/* kdump_memory.c */
enum { SC_KDUMP_PAGE = 0x1000 };
/* Where the header ends and what lists the pages may begin. */
static inline uint64_t sc_kdump_header_size(const struct sc_kdump_header *h) {
    return h->is64 ? 0x2000 : 0x1000;
}
/* What stands behind the header: a signature of SC_KDUMP_BITMAP or SC_KDUMP_RANGES, or none. */
enum sc_kdump_layout sc_kdump_signed_as(struct sc_source *source, const struct sc_kdump *kd);
/* Behind the last page; UINT64_MAX when that is beyond any file. 0: not known. */
uint64_t sc_kdump_memory_end(const struct sc_kdump_memory *memory);
/* Notes, once, that PAGES pages from first_page on are more than the file holds, if they are. */
void sc_kdump_note_cut(struct sc_source *source, struct sc_kdump *kd, uint64_t pages);
/*
 * Collects COUNT pages from page number BASE on, whose bytes lie behind those collected so far.
 * What the file does not hold is left out.
 */
struct sc_kdump_run_list {
    const sc_file *file;
    uint64_t first_page;
    uint64_t pages; /* listed so far; at most 2^40 */
    uint64_t wild;  /* runs beyond the physical address space */
    struct sc_ranges ranges;
};
bool sc_kdump_add_run(struct sc_kdump_run_list *list, uint64_t base, uint64_t count);

/* triage.c: reads TRIAGE_DUMP32/64 and what stands in it once. */
sc_err *sc_triage_open(struct sc_source *source, struct sc_kdump *kd);
sc_err *sc_triage_load_memory(struct sc_source *source, struct sc_ranges *virt,
                              struct sc_ranges *phys);
/* triage_drivers.c */
void sc_triage_find_stride(struct sc_source *source, struct sc_kdump *kd);
sc_err *sc_triage_load_modules(struct sc_source *source, struct sc_modules *ret);
sc_err *sc_triage_load_unloaded(struct sc_source *source, struct sc_unloadeds *ret);
/* A DUMP_STRING at a file offset, in the source's arena; NULL with a note when it is not there. */
const char *sc_triage_string(struct sc_source *source, uint64_t offset, bool *ret_nomem);
/* triage_cpu.c: processors, from the PRCBs that the dump holds. */
sc_err *sc_triage_load_threads(struct sc_source *source, struct sc_threads *ret);

#endif
