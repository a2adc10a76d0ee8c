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

/*
 * Bytes of a stream that lie in place one behind the other, as far as that was found out: most
 * reads follow one near by.
 */
enum { MSF_RUNS = 8 };
struct msf_run {
    const uint8_t *data; /* of offset `start`; NULL: none */
    uint32_t stream;
    uint64_t start, end;
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
    struct msf_run run[MSF_RUNS]; /* by stream */
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

/* Notes that [START, END) of STREAM lies at DATA until the container is closed. */
static inline void msf_note_run(struct msf *msf, uint32_t stream, uint64_t start, uint64_t end,
                                const uint8_t *data) {
    struct msf_run *r = &msf->run[stream % MSF_RUNS];
    const uint64_t size = msf->size[stream];
    end = end < size ? end : size;
    if (r->data && r->stream == stream && r->start <= start && start <= r->end &&
        r->data + (start - r->start) == data)
        r->end = end > r->end ? end : r->end; /* it goes on */
    else
        *r = (struct msf_run){data, stream, start, end};
}

/* Prepares the bitmap of NPAGES pages. */
sc_err *msf_count_pages(struct msf *msf, uint64_t npages);
/* Openers: set ops, impl, nstreams, size. On failure msf_open() ends what was set. */
sc_err *msf7_open(struct msf *msf);
sc_err *msfz_open(struct msf *msf);

#endif
