/* SPDX-License-Identifier: MIT */
/* What the writers of hibernation files share. */
#ifndef STOPCODE_TESTS_FORGE_HIBER_IMPL_H
#define STOPCODE_TESTS_FORGE_HIBER_IMPL_H

#include "forge/hiber.h"
#include "forge/xpress.h"

/* The file so far. Failure is sticky. */
struct forge_hiber_out {
    uint8_t *data;
    size_t size, room;
    bool failed;
};
/* DATA NULL: zeros. */
void forge_hiber_put(struct forge_hiber_out *out, const void *data, size_t size);
void forge_hiber_align(struct forge_hiber_out *out, size_t to);
void forge_hiber_set(struct forge_hiber_out *out, size_t at, uint64_t value, unsigned size);

/* The pages that are there, in order. */
struct forge_hiber_walk {
    const struct forge_hiber_memory *memory;
    size_t run;
    uint64_t at;
};
bool forge_hiber_next(struct forge_hiber_walk *walk, uint64_t *ret_pfn, const uint8_t **ret);

/* Packs up to 64 KiB into OUT of the same size; returns how much it got, SIZE: as it was; 0: no
 * memory. */
size_t forge_hiber_pack(const uint8_t *data, size_t size, bool huffman, uint8_t *out);

/* Offsets in a table of ranges. */
struct forge_hiber_table {
    unsigned next, count, entries, entry, start, end;
};
void forge_hiber_tables(const struct forge_hiber *hiber, const struct forge_hiber_table *table,
                        unsigned width, struct forge_hiber_out *out);
/* One restore set, the boot's or the kernel's; returns how many pages it has. */
uint64_t forge_hiber_sets(const struct forge_hiber *hiber, unsigned width, bool boot,
                          struct forge_hiber_out *out);

#endif
