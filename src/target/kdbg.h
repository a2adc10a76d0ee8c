/* SPDX-License-Identifier: MIT */
/* Finding and decoding the kernel's debugger data block. */
#ifndef STOPCODE_TARGET_KDBG_H
#define STOPCODE_TARGET_KDBG_H

#include "target/target_impl.h"

/* The space that has the kernel's memory whatever process is looked at. */
sc_space *sc_kernel_space(sc_target *t);
/* The kernel's base: the container's, or that of the first loaded module; 0 not known. */
uint64_t sc_kernel_base(sc_target *t);

/*
 * Which rotation decodes a block whose qwords at +0x10 (OwnerTag, Size) and +0x18 (KernBase) stand
 * encoded as TAG and BASE, when KernBase is known to be KERNEL_BASE? -1: none, so it is no block.
 * *RET_SIZE: its Size. See kdbg_decode.c.
 */
int sc_kdbg_rotation(uint64_t tag, uint64_t base, uint64_t kernel_base, uint32_t *ret_size);
/* Another qword X of that block. */
uint64_t sc_kdbg_decode(uint64_t x, uint64_t base, uint64_t kernel_base, int rotation);
/* Can a block have this Size? */
bool sc_kdbg_size_is_plausible(uint32_t size);

#endif
