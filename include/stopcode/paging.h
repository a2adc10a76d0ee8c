/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Address translation: from a virtual address and a page table base to a physical address, with
 * every entry on the way, and what an entry that is not valid says about the page.
 *
 * Sources: the architecture manuals (Intel SDM vol. 3 ch. 4, Arm ARM D8) for valid entries;
 * MMPTE_* of public PDBs for those that are not.
 *
 * Page tables that are themselves on the standby list or in a page file are followed.
 *
 * Nothing here allocates; a translation reads at most 5 entries and follows at most 4 prototype
 * entries. Threads: as spaces.
 */
#ifndef STOPCODE_PAGING_H
#define STOPCODE_PAGING_H

#include "regs.h"
#include "space.h"

#ifdef __cplusplus
extern "C" {
#endif

enum sc_paging_mode {
    SC_PAGING_NONE,     /**< no page tables: triage dumps, user dumps */
    SC_PAGING_X86,      /**< two levels of 32-bit entries, 4 MB pages */
    SC_PAGING_PAE,      /**< three levels of 64-bit entries, 2 MB pages */
    SC_PAGING_X64,      /**< four levels */
    SC_PAGING_X64_LA57, /**< five levels */
    SC_PAGING_ARM64,    /**< 4 KB granule, four levels, two bases */
};

/** What an entry says. */
enum sc_pte_kind {
    SC_PTE_NONE,          /**< zero: nothing is mapped (for a user's address: ask the VAD) */
    SC_PTE_TABLE,         /**< valid, leads to the next level */
    SC_PTE_VALID,         /**< valid, a page of this level's size */
    SC_PTE_TRANSITION,    /**< not valid, but the page is still in memory: `pa` */
    SC_PTE_PROTOTYPE,     /**< leads to a prototype entry at `prototype` */
    SC_PTE_PROTOTYPE_VAD, /**< a prototype entry that only the VAD names */
    SC_PTE_SUBSECTION,    /**< a prototype entry itself: the page is in a mapped file */
    SC_PTE_PAGEFILE,      /**< `pagefile` number, `pagefile_page` */
    SC_PTE_DEMAND_ZERO,   /**< will be a page of zeros */
    SC_PTE_BAD,        /**< fits nothing known (also: a user's bit pattern in a reserved place) */
    SC_PTE_UNREADABLE, /**< the entry itself is not in the dump */
};
/** "valid", "transition", …: static. */
SC_API const char *sc_pte_kind_name(enum sc_pte_kind kind);

/**
 * Where Windows keeps what in an entry that is not valid: differs by CPU, PAE and build. From the
 * tables of src/mem/softpte.c, or from the layouts that the symbols give (MMPTE_SOFTWARE,
 * MMPTE_TRANSITION, MMPTE_PROTOTYPE). Bits count from 0.
 */
struct sc_soft_pte {
    bool known;
    uint8_t prototype_bit, transition_bit, protection_bit; /**< protection: 5 bits */
    uint8_t pagefile_low_bit;  /**< of the 4 bits that are the page file's number */
    uint8_t pagefile_high_bit; /**< of the page inside it; to the entry's top */
    uint8_t proto_bit;         /**< where the prototype's address begins; to the entry's top */
    uint8_t swizzle_bit;       /**< 0: this build has none */
    uint64_t invalid_mask;     /**< L1TF: these bits of an entry that is not valid are no part of it
                                    when the swizzle bit is clear: they were set; 0: none */
    uint64_t pfn_mask;         /**< the physical address inside a transition entry */
    bool proto_x86;     /**< x86 without PAE: the address is scattered (bits 1-8 and 11-31) */
    bool proto_pool;    /**< proto_x86 before Vista: bits 1-7 and 11-31, counted from … */
    uint32_t pool_base; /**< … the start of the paged pool (MmPagedPoolStart); 0 not known */
};

/**
 * Page PAGE of page file NUMBER into RET_PAGE. SC_READ_PAGED_OUT: that file is not at hand, or is
 * too short.
 */
typedef enum sc_read (*sc_pagefile_fn)(void *ctx, unsigned number, uint64_t page,
                                       uint8_t ret_page[0x1000]);

struct sc_paging {
    enum sc_paging_mode mode;
    uint64_t root;        /**< physical; CR3's flag bits are ignored. ARM64: TTBR0 */
    uint64_t kernel_root; /**< ARM64: TTBR1; else 0 */
    struct sc_soft_pte soft;
    sc_space *phys; /**< not owned */
    /** Where prototype entries are read; NULL: through these tables themselves. Not owned. */
    sc_space *kernel;
    /** Page files, for page tables that were paged out and for the pages; NULL: none is at hand. */
    sc_pagefile_fn pagefile;
    void *pagefile_ctx;
    uint16_t stores; /**< bit N: page file N is no file but the memory store: its pages are kept
                          compressed in the memory of a process */
};

/** An entry on the way. `level` counts down: 4 PML5E, 3 PML4E (PXE), 2 PPE, 1 PDE, 0 PTE. */
struct sc_pte {
    unsigned level;
    bool paged;     /**< its table is in a page file, the one that the entry before it names */
    uint64_t pa;    /**< of the entry; `paged`: its place in the page */
    uint64_t value; /**< as it stands in memory (32 bits on x86) */
    enum sc_pte_kind kind;
};

struct sc_translation {
    /**
     * SC_READ_OK: `pa` is the byte's place, also where it is a transition page or came through a
     * prototype. ABSENT: an entry, or (`kind` TRANSITION/VALID) the page is not in the dump.
     * PAGED_OUT, COMPRESSED: in a page file or a mapped file, in the memory store; or a page table
     * on the way is (the last of `pte` is of a level above 0). INVALID: no such address.
     */
    enum sc_read status;
    enum sc_pte_kind kind;  /**< of the last entry looked at */
    uint64_t pa;            /**< with SC_READ_OK, VALID and TRANSITION */
    uint64_t page_size;     /**< of the mapping: 0x1000, 0x200000, 0x400000, 0x40000000 */
    unsigned pagefile;      /**< PAGEFILE */
    uint64_t pagefile_page; /**< PAGEFILE: in pages */
    uint64_t prototype;     /**< VA of the (last) prototype entry followed, 0 none; SUBSECTION:
                                 the _SUBSECTION's address */
    unsigned protection;    /**< of a soft entry: 5 bits */
    bool writable, user, executable; /**< of all levels together; for valid ones */
    unsigned npte;
    struct sc_pte pte[9]; /**< top level first, then prototype entries (level 0) */
};

/** Translates VA. Never fails: the status says how it went. */
SC_API void sc_translate(const struct sc_paging *paging, uint64_t va,
                         struct sc_translation *ret_translation);

/** Levels of a mode: 2 to 5; 0 for NONE. */
SC_API unsigned sc_paging_levels(enum sc_paging_mode mode);
/** Is VA an address of the kernel's half; is it canonical at all? */
SC_API bool sc_paging_is_kernel(enum sc_paging_mode mode, uint64_t va);
SC_API bool sc_paging_is_canonical(enum sc_paging_mode mode, uint64_t va);
/** Decodes one entry of LEVEL without following it: fills kind, pa, pagefile…, protection. */
SC_API void sc_pte_decode(const struct sc_paging *paging, unsigned level, uint64_t value,
                          struct sc_translation *ret);
/**
 * The layout of soft entries by CPU, PAE and build from the built-in table; `known` is false for
 * builds not in it (the nearest older build's is filled in all the same).
 */
SC_API struct sc_soft_pte sc_soft_pte_of(enum sc_cpu cpu, bool pae, uint32_t build);

#ifdef __cplusplus
}
#endif
#endif
