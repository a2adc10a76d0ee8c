/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Address spaces: reading the target's memory.
 *
 * A read answers with a status, not an error object, because scans may miss millions of times.
 * The status becomes an error (sc_space_need) or `????????` only at the edge.
 *
 * Addresses have one form, 64 bits, zero extended: the addresses of a 32-bit target never have
 * upper bits. Sign-extended ones (KDDEBUGGER_DATA64, expressions) are narrowed by sc_space_canon().
 *
 * Threads: a space belongs to its target, and a target to one thread at a time.
 */
#ifndef STOPCODE_SPACE_H
#define STOPCODE_SPACE_H

#include <stddef.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum sc_read {
    SC_READ_OK,
    SC_READ_ABSENT,     /**< the dump does not hold this page */
    SC_READ_PAGED_OUT,  /**< it was in a page file */
    SC_READ_INVALID,    /**< no such address in this space */
    SC_READ_IO,         /**< the dump should hold it, but the file could not be read there */
    SC_READ_COMPRESSED, /**< it is in the memory store, which keeps pages compressed */
};

/** "ok", "absent", "paged out", "invalid", "I/O error", "compressed (in the memory store)". */
SC_API const char *sc_read_name(enum sc_read status);

typedef struct sc_space sc_space;

/**
 * Somebody who can supply bytes that the dump lacks (an image file, a page file, a prototype PTE).
 * Fills at most LEN bytes from ADDR on and sets *RET_GOT; SC_READ_OK with a short count means
 * "this far". Asked in the order of registration, after the dump itself.
 */
typedef enum sc_read (*sc_fill_fn)(void *ctx, uint64_t addr, void *buf, size_t len,
                                   size_t *ret_got);

/**
 * Reads up to LEN bytes from ADDR on and stops at the first byte that cannot be had.
 * *RET_GOT (may be NULL) counts the bytes read; the status says why it stopped and is SC_READ_OK
 * only when all LEN were read. Bytes of BUF behind *RET_GOT are untouched.
 */
SC_API enum sc_read sc_space_read(sc_space *space, uint64_t addr, void *buf, size_t len,
                                  size_t *ret_got);

/** Reads exactly LEN bytes, or SC_ERR_MEMORY naming WHAT, the first missing address and why. */
SC_API sc_err *sc_space_need(sc_space *space, uint64_t addr, void *buf, size_t len,
                             const char *what);

enum { SC_WHY_TEXT = 160 };
/**
 * Why the byte at ADDR, a read of which answered STATUS, cannot be had: the status, and where
 * page tables say more of it, that: "paged out (page file 0 page 0x20)", "paged out (page table
 * paged out: page file 0 page 0x55)", "absent (demand zero: never touched)".
 */
SC_API const char *sc_space_why(sc_space *space, uint64_t addr, enum sc_read status,
                                char ret_text[SC_WHY_TEXT]);

/** Little-endian numbers; size is 1, 2, 4 or 8 bytes. */
SC_API enum sc_read sc_space_uint(sc_space *space, uint64_t addr, unsigned size,
                                  uint64_t *ret_value);
/** A pointer of the target, zero extended. */
SC_API enum sc_read sc_space_ptr(sc_space *space, uint64_t addr, uint64_t *ret_value);

/**
 * Bytes in place, without a copy: *RET_LEN bytes (at least 1) at *RET_DATA from ADDR on. NULL data
 * with SC_READ_OK never happens; a space whose bytes are not mapped answers SC_READ_ABSENT, and
 * the caller falls back to sc_space_read().
 */
SC_API enum sc_read sc_space_view(sc_space *space, uint64_t addr, const uint8_t **ret_data,
                                  size_t *ret_len);

/**
 * The first range of readable memory that ends behind ADDR: for walking all that is present.
 * False when there is none. Fillers are not counted.
 */
SC_API bool sc_space_next(sc_space *space, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size);

/**
 * For whoever looks at all of memory: the first bytes at or behind ADDR that are present, as many
 * as lie together in the file, or fewer. *RET_DATA NULL: they cannot be seen in place, and
 * sc_space_read() has them, or some of them. False: there are none. Fillers are not counted.
 */
SC_API bool sc_space_piece(sc_space *space, uint64_t addr, uint64_t *ret_start,
                           const uint8_t **ret_data, uint64_t *ret_size);

/** Registers a filler; NAME (static) appears in logs. */
SC_API sc_err *sc_space_add_filler(sc_space *space, const char *name, sc_fill_fn fn, void *ctx);

/** Undoes it: whoever dies before the space must. FN with CTX that is not registered is fine. */
SC_API void sc_space_remove_filler(sc_space *space, sc_fill_fn fn, void *ctx);

/** Narrows a sign-extended address of a 32-bit target; leaves 64-bit ones alone. */
SC_API uint64_t sc_space_canon(const sc_space *space, uint64_t addr);
/** 4 or 8. */
SC_API unsigned sc_space_ptr_size(const sc_space *space);

#ifdef __cplusplus
}
#endif
#endif
