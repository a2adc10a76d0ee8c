/* SPDX-License-Identifier: MIT */
/* What the two containers (msf7.c, msfz.c) share with msf.c. */
#ifndef STOPCODE_PDB_MSF_IMPL_H
#define STOPCODE_PDB_MSF_IMPL_H

#include "base/arena.h"
#include "base/hash.h"
#include "pdb/msf.h"

#define MSF_NIL UINT32_MAX

struct msf_ops {
    /*
     * The bytes at OFFSET of STREAM that lie in one piece, at most WANT (>= 1) of them; the caller
     * has checked that they are inside the stream. Valid until the next call, or, with `stable`,
     * until the container is closed.
     */
    sc_err *(*piece)(struct msf *msf, uint32_t stream, uint32_t offset, uint32_t want,
                     const uint8_t **ret_data, uint32_t *ret_len);
    void (*destroy)(void *impl);
    bool stable;
};

struct msf {
    sc_file *file;
    const struct msf_ops *ops;
    void *impl;
    uint32_t nstreams;
    uint32_t *size; /* of each stream; MSF_NIL: none */
    /* Pages touched. */
    uint64_t *touched;
    uint64_t npages, pages_read;
    /* Copies of strings that lie in pieces: key is stream << 32 | offset. */
    sc_arena *arena;
    struct sc_map strings;
};

static inline void msf_touch(struct msf *msf, uint64_t page) {
    uint64_t bit = 1ULL << (page & 63);
    if (page < msf->npages && !(msf->touched[page >> 6] & bit)) {
        msf->touched[page >> 6] |= bit;
        msf->pages_read++;
    }
}

/* Prepares the bitmap of NPAGES pages. */
sc_err *msf_count_pages(struct msf *msf, uint64_t npages);
/* Openers: set ops, impl, nstreams, size. On failure msf_open() ends what was set. */
sc_err *msf7_open(struct msf *msf);
sc_err *msfz_open(struct msf *msf);

#endif
