/* SPDX-License-Identifier: MIT */
/* What kdump.c and the triage files share. */
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

/* kdump_header.c: reads DUMP_HEADER32/64 at the file's start. */
sc_err *sc_kdump_read_header(struct sc_source *source, struct sc_kdump_header *ret);

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
