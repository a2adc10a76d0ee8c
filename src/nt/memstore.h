/* SPDX-License-Identifier: MIT */
/*
 * The memory store of Windows 10 and later: a "page file" without a file, whose pages are kept
 * compressed in the memory of the process MemCompression.
 */
#ifndef NT_MEMSTORE_H
#define NT_MEMSTORE_H

#include "nt/nt.h"

/* Which page files are stores: bit N for number N. None where the symbols do not say. */
sc_err *nt_memstore_files(const struct nt *nt, uint16_t *ret_files);

/* The stores of a target, for as long as its symbols stay the same. */
struct nt_memstore;
/* *RET NULL: where this build keeps what is not known; pages are compressed and stay so. */
sc_err *nt_memstore_create(const struct nt *nt, struct nt_memstore **ret_store);
void nt_memstore_destroy(struct nt_memstore *store);
/*
 * Page PAGE of page file FILE, which is a store's. SC_READ_COMPRESSED: it cannot be had, since the
 * dump lacks a part of what leads to it, or what is there is not what is known of this build.
 */
enum sc_read nt_memstore_page(struct nt_memstore *store, unsigned file, uint64_t page,
                              uint8_t ret_page[0x1000]);

#endif
