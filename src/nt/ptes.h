/* SPDX-License-Identifier: MIT */
/*
 * Page tables as Windows has them in its own address space, where each entry has an address, and
 * the layout of entries that are not valid as the symbols give it.
 */
#ifndef NT_PTES_H
#define NT_PTES_H

#include "nt/nt.h"

struct nt_ptes {
    enum sc_paging_mode mode;
    unsigned levels, entry_size;
    uint64_t base; /* of the entries of level 0 */
};

/*
 * Where they are: x86 has a fixed place, 64-bit systems before 14393, too; later ones what
 * nt!MmPteBase, the debugger data block or the table that maps itself say. *RET_FOUND false: none
 * of them, or the target has no page tables.
 */
sc_err *nt_ptes_find(const struct nt *nt, struct nt_ptes *ret_ptes, bool *ret_found);
/* Address of VA's entry of LEVEL. */
uint64_t nt_pte_of(const struct nt_ptes *ptes, uint64_t va, unsigned level);
/* Is ADDRESS inside the page tables? */
bool nt_ptes_contain(const struct nt_ptes *ptes, uint64_t address);
/* The first address that the entry at ADDRESS (a PTE) maps. */
uint64_t nt_pte_va(const struct nt_ptes *ptes, uint64_t address);
/* First address of the page tables, and how many bytes of addresses they take. */
void nt_ptes_range(const struct nt_ptes *ptes, uint64_t *ret_start, uint64_t *ret_size);

/*
 * Gives the target the layout of soft entries that MMPTE_SOFTWARE, MMPTE_TRANSITION and
 * MMPTE_PROTOTYPE of the kernel's symbols have. *RET_BOUND false: they are not known, or are those
 * of another kind of page tables (symbols of a kernel without PAE): the built-in table stays.
 */
sc_err *nt_bind_soft_pte(const struct nt *nt, bool *ret_bound);

#endif
