/* SPDX-License-Identifier: MIT */
/* What the files that look for the kernel share. */
#ifndef STOPCODE_TARGET_FIND_IMPL_H
#define STOPCODE_TARGET_FIND_IMPL_H

#include "target/find.h"

enum {
    FIND_PAGE = 0x1000,
    FIND_BLOCKS_MAX = 16,     /* debugger data blocks remembered */
    FIND_IMAGES_MAX = 16,     /* kernels' first pages remembered */
    FIND_WEAK_MAX = 4096,     /* pages that may be tables, though they do not map themselves */
    FIND_ATTEMPTS_MAX = 4096, /* tables followed in all */
    FIND_BLOCK_SIZE = 0x58,   /* of a debugger data block, as far as it is looked at */
};

/* Page tables to be tried. */
struct find_root {
    enum sc_paging_mode mode;
    uint64_t dtb;
    uint64_t hint; /* an address in or above the kernel's image, 0 none */
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
    struct find_root *weak; /* FIND_WEAK_MAX */
    unsigned nweak;
    unsigned nstrict; /* tables that map themselves and led nowhere */
    bool found;
    struct sc_found out; /* `how` is filled by whoever proposed the tables */
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

/* find_known.c: what a container and the start of memory tell. */
sc_err *find_by_user(struct finder *f);
sc_err *find_by_processors(struct finder *f);
sc_err *find_by_stub(struct finder *f);

/* find_page.c: do the FIND_BLOCK_SIZE bytes at AT begin a debugger data block that is plain? */
bool find_block_at(const uint8_t *at, struct find_block *ret);
/* Looks at one page of physical memory and tries what it proposes. */
sc_err *find_look_at(struct finder *f, uint64_t pa, const uint8_t page[FIND_PAGE]);
/* What is left when the pass is over: pages that only look like tables. */
sc_err *find_by_weak(struct finder *f);

#endif
