/* SPDX-License-Identifier: MIT */
/*
 * Dumps of whole memory: physical memory in every container.
 *
 *     struct forge_whole w = {.kind = FORGE_WHOLE_FULL, .mem = mem, .machine = 0x8664, …};
 *     char why[FORGE_WHOLE_WHY];
 *     if (!forge_whole_write(&w, fd, why)) puts(why);
 *
 * Written to a file descriptor in one go; pages that nobody wrote become holes of the file. What
 * is zero in struct forge_whole is left out (filler in the header of kernel dumps).
 */
#ifndef STOPCODE_TESTS_FORGE_WHOLES_H
#define STOPCODE_TESTS_FORGE_WHOLES_H

#include "forge/physmem.h"
#include "forge/triage.h"
#include "stopcode/regs.h"

enum { FORGE_WHOLE_WHY = 160 };

enum forge_whole_kind {
    FORGE_WHOLE_NONE,
    FORGE_WHOLE_FULL,        /* DumpType 1 */
    FORGE_WHOLE_SUMMARY,     /* 2: kernel pages, XP to 7 */
    FORGE_WHOLE_BITMAP,      /* 5: all pages, from 8 on */
    FORGE_WHOLE_KERNEL,      /* 6 */
    FORGE_WHOLE_AUTOMATIC,   /* 7 */
    FORGE_WHOLE_LIVE,        /* 6 with bug check 161 */
    FORGE_WHOLE_RDMP_K,      /* 8: dbgeng's, kernel pages */
    FORGE_WHOLE_RDMP_KA,     /* 9: kernel and user pages */
    FORGE_WHOLE_RDMP_F,      /* A: all */
    FORGE_WHOLE_ELF,         /* QEMU: CPU notes, and the header that a driver left (VMCOREINFO) */
    FORGE_WHOLE_ELF_NONOTES, /* QEMU: CPU notes, nothing of Windows' */
    FORGE_WHOLE_ELF_BARE,    /* no notes at all */
    FORGE_WHOLE_ELF_PAGING,  /* as ELF_NONOTES, with a PT_LOAD for each virtual mapping */
    FORGE_WHOLE_VBOX,
    FORGE_WHOLE_RAW,
    FORGE_WHOLE_LIME,
    FORGE_WHOLE_VMEM, /* two files: see forge_whole_write_vmss() */
    FORGE_WHOLE_VMSS, /* one: memory inside */
    FORGE_WHOLES,
};
/* "full", "summary", …: as in scenarios; NULL for NONE. */
const char *forge_whole_name(enum forge_whole_kind kind);
bool forge_whole_from_name(const char *name, enum forge_whole_kind *ret);
/* Does this container keep the kernel's pages only? */
bool forge_whole_is_partial(enum forge_whole_kind kind);

/* A processor, as a virtual machine's state has it. */
struct forge_whole_cpu {
    struct sc_regs regs;
    uint64_t cr0, cr2, cr3, cr4;
    uint64_t gs_base, kernel_gs_base, fs_base;
    uint64_t gdt, idt, tr_base;
    uint16_t gdt_limit, idt_limit, tr;
};
struct forge_whole_map {
    uint64_t va, pa, size;
};

struct forge_whole {
    enum forge_whole_kind kind;
    const struct forge_physmem *mem;
    bool is32, pae;
    uint16_t machine;      /* 0x14c, 0x8664, 0xaa64 */
    uint32_t major, build; /* of the header */
    uint32_t bugcheck;
    uint64_t arg[4];
    uint64_t dtb, pfn_database, loaded_module_list, active_process_head, debugger_data;
    uint64_t time, uptime;
    uint32_t product_type, suite_mask;
    const char *comment;
    const void *context;
    size_t context_size;
    const struct forge_exception *exception;
    const struct forge_whole_cpu *cpu;
    size_t ncpus;
    const struct forge_ram *kernel, *active; /* what partial dumps keep: of the kernel; in use */
    size_t nkernel, nactive;
    const struct forge_whole_map *map; /* ELF_PAGING */
    size_t nmaps;
    const struct forge_blob *blob; /* secondary data, behind full and bitmap dumps */
    size_t nblobs;
    const struct forge_patch *patch; /* on the header of kernel dumps, see forge/triage.h */
    size_t npatches;
};

/* WHY: FORGE_WHOLE_WHY bytes. FD is at its beginning and can seek. */
bool forge_whole_write(const struct forge_whole *w, int fd, char *why);
/* VMEM: the state file that stands beside it. */
bool forge_whole_write_vmss(const struct forge_whole *w, int fd, char *why);
/* The same into memory, for tests: end with forge_bytes_free(). */
bool forge_whole_bytes(const struct forge_whole *w, struct forge_bytes *ret, char *why);

#endif
