/* SPDX-License-Identifier: MIT */
/* zstd and raw deflate, through the system's libraries, opened when first needed. */
#ifndef STOPCODE_PDB_INFLATE_H
#define STOPCODE_PDB_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "stopcode/error.h"

enum { PDB_STORED = 0, PDB_ZSTD = 1, PDB_DEFLATE = 2 };

/* The functions used, as the libraries have them. */
struct pdb_zstd {
    size_t (*decompress)(void *dst, size_t room, const void *src, size_t len);
    unsigned (*is_error)(size_t code);
};
struct pdb_zlib {
    int (*init)(void *stream, int bits, const char *version, int size);
    int (*inflate)(void *stream, int flush);
    int (*end)(void *stream);
};

/* Start with zeros. */
struct pdb_inflate {
    void *zstd_lib, *zlib_lib;
    struct pdb_zstd zstd;
    struct pdb_zlib zlib;
};

void pdb_inflate_free(struct pdb_inflate *in);
/*
 * Decompresses LEN bytes at SRC to exactly SIZE bytes at DST. SC_ERR_FORMAT when they are damaged
 * or another number of bytes comes out, SC_ERR_UNSUPPORTED when the library is missing.
 */
sc_err *pdb_inflate(struct pdb_inflate *in, unsigned method, const void *src, uint32_t len,
                    void *dst, uint32_t size);

#endif
