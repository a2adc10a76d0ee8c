/* SPDX-License-Identifier: MIT */
/* Decompression with libzstd and zlib, neither of which the program links against. */
#include "pdb/inflate.h"

#include <string.h>

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

static const struct sc_dynlib_want want_zstd[] = {
    {"ZSTD_decompress", offsetof(struct pdb_zstd, decompress)},
    {"ZSTD_isError", offsetof(struct pdb_zstd, is_error)},
};
static const struct sc_dynlib_want want_zlib[] = {
    {"inflateInit2_", offsetof(struct pdb_zlib, init)},
    {"inflate", offsetof(struct pdb_zlib, inflate)},
    {"inflateEnd", offsetof(struct pdb_zlib, end)},
};

void pdb_inflate_free(struct pdb_inflate *in) {
    sc_dynlib_close(in->zstd_lib);
    sc_dynlib_close(in->zlib_lib);
    memset(in, 0, sizeof *in);
}

static sc_err *zstd(struct pdb_inflate *in, const void *src, uint32_t len, void *dst,
                    uint32_t size) {
    if (!in->zstd_lib) {
        sc_err *err = sc_dynlib_open("libzstd.so.1", want_zstd, 2, &in->zstd, &in->zstd_lib);
        if (err)
            return sc_err_prefix(err, "a PDB compressed with zstd");
    }
    size_t got = in->zstd.decompress(dst, size, src, len);
    if (in->zstd.is_error(got) || got != size)
        return sc_errf(SC_ERR_FORMAT, "%u bytes of zstd do not give %u bytes", len, size);
    return NULL;
}

static sc_err *deflate(struct pdb_inflate *in, const void *src, uint32_t len, void *dst,
                       uint32_t size) {
    if (!in->zlib_lib) {
        sc_err *err = sc_dynlib_open("libz.so.1", want_zlib, 3, &in->zlib, &in->zlib_lib);
        if (err)
            return sc_err_prefix(err, "a PDB compressed with deflate");
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
