/* SPDX-License-Identifier: MIT */
/* The part of reading nt_vm that is about the pools' own descriptors. */
#ifndef NT_VM_POOL_H
#define NT_VM_POOL_H

#include "nt/vm.h"

/* Fills the pools, and from them the counters about pools in use that are not read yet. */
sc_err *nt_vm_read_pools(const struct nt *nt, struct nt_vm *vm);

#endif
