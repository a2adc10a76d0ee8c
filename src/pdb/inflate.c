/* SPDX-License-Identifier: MIT */
/* Decompression with libzstd and zlib, neither of which the program links against. */
#include "pdb/inflate.h"

#include <string.h>

#include "base/osfile.h"

/*
 * zlib's z_stream, declared here so that its header is not needed to build; the layout is part of
 * its ABI since 1.0 and inflateInit2_() is told its size.
 */
struct z_stream {
    const uint8_t *next_in;
    unsigned avail_in;
    unsigned long total_in;
    uint8_t *next_out;
    unsigned avail_out;
    unsigned long total_out;
    const char *msg;
    void *state, *zalloc, *zfree, *opaque;
    int data_type;
    unsigned long adler, reserved;
};
enum { Z_RAW_BITS = -15, Z_FINISH = 4, Z_STREAM_END = 1 };

static void close_library(void **library) {
    if (*library)
        sc_os_library_close(*library);
    *library = NULL;
}

void pdb_inflate_free(struct pdb_inflate *in) {
    close_library(&in->zstd_lib);
    close_library(&in->zlib_lib);
}

static sc_err *missing(void **library, const char *soname, const char *what) {
    close_library(library);
    return sc_errf(SC_ERR_UNSUPPORTED, "a PDB compressed with %s needs %s, which is not here", what,
                   soname);
}

static sc_err *open_zstd(struct pdb_inflate *in) {
    static const char soname[] = "libzstd.so.1";
    struct pdb_zstd *z = &in->zstd;
    in->zstd_lib = sc_os_library(soname);
    if (!in->zstd_lib ||
        !sc_os_function(in->zstd_lib, "ZSTD_decompress", &z->decompress, sizeof z->decompress) ||
        !sc_os_function(in->zstd_lib, "ZSTD_isError", &z->is_error, sizeof z->is_error))
        return missing(&in->zstd_lib, soname, "zstd");
    return NULL;
}

static sc_err *open_zlib(struct pdb_inflate *in) {
    static const char soname[] = "libz.so.1";
    struct pdb_zlib *z = &in->zlib;
    in->zlib_lib = sc_os_library(soname);
    if (!in->zlib_lib || !sc_os_function(in->zlib_lib, "inflateInit2_", &z->init, sizeof z->init) ||
        !sc_os_function(in->zlib_lib, "inflate", &z->inflate, sizeof z->inflate) ||
        !sc_os_function(in->zlib_lib, "inflateEnd", &z->end, sizeof z->end))
        return missing(&in->zlib_lib, soname, "deflate");
    return NULL;
}

static sc_err *zstd(struct pdb_inflate *in, const void *src, uint32_t len, void *dst,
                    uint32_t size) {
    if (!in->zstd_lib) {
        sc_err *err = open_zstd(in);
        if (err)
            return err;
    }
    size_t got = in->zstd.decompress(dst, size, src, len);
    if (in->zstd.is_error(got) || got != size)
        return sc_errf(SC_ERR_FORMAT, "%u bytes of zstd do not give %u bytes", len, size);
    return NULL;
}

static sc_err *deflate(struct pdb_inflate *in, const void *src, uint32_t len, void *dst,
                       uint32_t size) {
    if (!in->zlib_lib) {
        sc_err *err = open_zlib(in);
        if (err)
            return err;
    }
    struct z_stream z = {.next_in = src, .avail_in = len, .next_out = dst, .avail_out = size};
    if (in->zlib.init(&z, Z_RAW_BITS, "1", (int)sizeof z) != 0)
        return sc_err_nomem();
    int status = in->zlib.inflate(&z, Z_FINISH);
    in->zlib.end(&z);
    if (status != Z_STREAM_END || z.total_out != size)
        return sc_errf(SC_ERR_FORMAT, "%u bytes of deflate do not give %u bytes", len, size);
    return NULL;
}

sc_err *pdb_inflate(struct pdb_inflate *in, unsigned method, const void *src, uint32_t len,
                    void *dst, uint32_t size) {
    if (method == PDB_ZSTD)
        return zstd(in, src, len, dst, size);
    if (method == PDB_DEFLATE)
        return deflate(in, src, len, dst, size);
    if (method != PDB_STORED)
        return sc_errf(SC_ERR_UNSUPPORTED, "compression method %u is not known", method);
    if (len != size)
        return sc_errf(SC_ERR_FORMAT, "%u stored bytes do not give %u bytes", len, size);
    if (len)
        memcpy(dst, src, len);
    return NULL;
}
