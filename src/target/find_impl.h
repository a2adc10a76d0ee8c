/* SPDX-License-Identifier: MIT */
/* What the files that look for the kernel share. */
#ifndef STOPCODE_TARGET_FIND_IMPL_H
#define STOPCODE_TARGET_FIND_IMPL_H

#include "target/find.h"

enum {
    FIND_PAGE = 0x1000,
    FIND_BLOCKS_MAX = 16,     /* debugger data blocks remembered */
    FIND_IMAGES_MAX = 16,     /* kernels' first pages remembered */
    FIND_ROOTS_MAX = 4096,    /* tables remembered of each kind */
    FIND_KERNELS_MAX = 16,    /* kernels remembered, so that other tables of theirs cost little */
    FIND_ATTEMPTS_MAX = 4096, /* tables followed in all */
    FIND_KERNEL_MIN = 1 << 20,
    FIND_KERNEL_MAX = 1 << 27, /* bytes of a kernel's image */
    FIND_BLOCK_SIZE = 0x58,    /* of a debugger data block, as far as it is looked at */
};

/* Page tables to be tried. */
struct find_root {
    enum sc_paging_mode mode;
    uint64_t dtb;
    uint64_t hint; /* an address in or above the kernel's image, 0 none */
};

struct find_roots {
    struct find_root *item; /* FIND_ROOTS_MAX of them, NULL before the first */
    unsigned count;
};

/* A KDDEBUGGER_DATA64 seen in physical memory, not encoded. */
struct find_block {
    uint64_t pa, kernel_base, module_list, process_head;
    bool is64;
};

struct finder {
    const struct sc_find *in;
    uint64_t total;   /* bytes of memory */
    uint64_t highest; /* the last physical address */
    uint64_t budget;  /* pages that may still be looked at through tables */
    unsigned attempts;
    struct find_block block[FIND_BLOCKS_MAX];
    unsigned nblocks;
    uint64_t image[FIND_IMAGES_MAX]; /* physical addresses of kernels' headers */
    enum sc_cpu image_cpu[FIND_IMAGES_MAX];
    unsigned nimages;
    struct find_roots strict;              /* tables that map themselves */
    struct find_roots weak;                /* pages that may be tables, though they do not */
    unsigned paired_blocks, paired_strict; /* how many of these were tried with each other */
    uint64_t kernel[FIND_KERNELS_MAX];     /* where tables led to */
    unsigned nkernels;
    bool found;
    struct sc_found out; /* `how` is filled by whoever proposed the tables */
    bool has_second;
    struct sc_found second; /* a kernel without its lists: taken when there is no better one */
};

enum sc_cpu find_cpu_of(enum sc_paging_mode mode);
/* May tables of MODE be those of this memory? */
bool find_may_be(const struct finder *f, enum sc_paging_mode mode);
uint64_t find_u64(const uint8_t *p);
uint32_t find_u32(const uint8_t *p);

/* find_image.c: is this first page of an image that of a kernel of CPU (UNKNOWN: any)? */
struct find_image {
    enum sc_cpu cpu;
    uint32_t size, exports; /* RVA of the export directory, 0 none */
    bool named;             /* a section has a name that only kernels have */
};
bool find_kernel_header(const uint8_t page[FIND_PAGE], enum sc_cpu cpu, struct find_image *ret);

/* find_kernel.c: follows tables; f->found when they lead to a kernel. Errors: memory, cancel. */
sc_err *find_through(struct finder *f, const struct find_root *root);
/* The same, if these tables map the kernel that BLOCK names; nowhere else is looked. */
sc_err *find_named(struct finder *f, const struct find_root *root, const struct find_block *block);

/* find_known.c: what a container and the start of memory tell. */
sc_err *find_by_user(struct finder *f);
sc_err *find_by_processors(struct finder *f);
sc_err *find_by_stub(struct finder *f);

/* find_page.c: do the FIND_BLOCK_SIZE bytes at AT begin a debugger data block that is plain? */
bool find_block_at(const uint8_t *at, struct find_block *ret);
/* Remembers what one page of physical memory may be. Nothing is followed. */
sc_err *find_look_at(struct finder *f, uint64_t pa, const uint8_t page[FIND_PAGE]);

/* find_kept.c: the ways that go over what was remembered, each one a kind of evidence. */
sc_err *find_keep(struct finder *f, struct find_roots *roots, enum sc_paging_mode mode,
                  uint64_t pa);
/* Blocks with tables that map themselves, of which one came since the last call. */
sc_err *find_by_new_pairs(struct finder *f);
sc_err *find_by_blocks(struct finder *f);  /* with tables that only look like some */
sc_err *find_by_selfmap(struct finder *f); /* tables that map themselves, without a block */
sc_err *find_by_images(struct finder *f);  /* tables that map a kernel's image, without either */

#endif
