/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's half of the address space is used for: images, page tables, the PFN database,
 * pools, stacks, caches. From the kernel's own map (types of system addresses, since Vista on x86
 * and Windows 10 on x64), its variables, and the places that are fixed in older builds.
 *
 *     struct nt_regions regions;
 *     err = nt_regions_init(&regions, nt);
 *     nt_region_at(&regions, address, &region);     always finds one
 *     nt_regions_deinit(&regions);
 */
#ifndef NT_REGIONS_H
#define NT_REGIONS_H

#include "nt/nt.h"

enum { NT_REGION_NAME = 32 };

struct nt_region {
    uint64_t start, last; /* both belong to it */
    const char *usage;    /* "Module", or "" */
    const char *va_type;  /* "NonPagedPool", "SystemRange", … ; lives as long as the regions */
    const struct sc_module *module;
    const char *source; /* where it is from: "modules", "MiSystemVaType", "fixed in this build" */
};

struct nt_region_range {
    uint64_t start, last;
    char name[NT_REGION_NAME];
    const char *source;
};
struct nt_regions {
    const struct nt *nt;
    const struct sc_modules *modules;
    uint64_t kernel_start;
    /* The more certain first: they may overlap, and the first one counts. */
    struct {
        struct nt_region_range *item;
        size_t count, room;
    } special;
    /* Types of system addresses, one byte for `slot` bytes of addresses. */
    uint8_t type[1024];
    size_t ntypes;
    uint64_t type_start, slot;
    char type_name[32][NT_REGION_NAME];
    const char *type_source;
};

sc_err *nt_regions_init(struct nt_regions *ret_regions, const struct nt *nt);
void nt_regions_deinit(struct nt_regions *regions);
void nt_region_at(const struct nt_regions *regions, uint64_t address, struct nt_region *ret_region);

#endif
