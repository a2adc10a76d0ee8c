/* SPDX-License-Identifier: MIT */
/*
 * Walking memory that is present, and finding bytes in it, at the speed of memory: in place where
 * the dump is mapped, through a buffer otherwise.
 */
#ifndef STOPCODE_CMD_MEMSCAN_H
#define STOPCODE_CMD_MEMSCAN_H

#include "cmd/command.h"

enum { SC_PATTERN_MAX = 1024 };

/* What is walked. */
struct sc_memscan_area {
    sc_target *target;
    sc_space *space;
    bool present_only; /* what the dump itself holds, not what fillers have in its gaps */
    /*
     * Who knows of pages that only fillers have, in ranges too long to try each page: the first
     * part at or behind ADDR that is worth trying. False: there is none. NULL: nobody knows.
     */
    bool (*hint)(void *ctx, uint64_t addr, uint64_t *ret_start, uint64_t *ret_last);
    /* Called now and then with the bytes gone through since the last call. May be NULL. */
    void (*progress)(void *ctx, uint64_t bytes);
    void *ctx; /* of both */
};

/* A walk over [pos, last]. */
struct sc_memscan {
    struct sc_memscan_area area;
    uint64_t pos, last; /* last: the highest address that belongs to it */
    bool done;
    bool near_gaps; /* look for what only fillers have where the dump has nothing */
    /* The present piece that was found last, and the one behind it, if that was looked for. */
    struct sc_memscan_run {
        uint64_t start, last; /* start > last: none */
        const uint8_t *data;  /* in place; NULL: it must be read */
    } run, ahead;
    uint8_t *buffer;     /* owned */
    uint64_t unreported; /* bytes */
    bool skip_zeros;     /* nothing can be found in zeros alone: holes of the file need no look */
    uint64_t zeros_end;  /* up to here there is nothing but them, */
    uint64_t known;      /* and up to here it is known what the file has */
    bool at_data;        /* which is data that follows there, not a hole */
};

/* Walks from START to LAST (inclusive); end it with sc_memscan_deinit(). */
void sc_memscan_init(struct sc_memscan *scan, const struct sc_memscan_area *area, uint64_t start,
                     uint64_t last);
void sc_memscan_deinit(struct sc_memscan *scan);
/*
 * The next piece of memory: *RET_LEN bytes at *RET_DATA, which are valid until the next call.
 * *RET_MORE false: no more. SC_ERR_CANCELLED, SC_ERR_NOMEM.
 */
sc_err *sc_memscan_next(struct sc_memscan *scan, uint64_t *ret_addr, const uint8_t **ret_data,
                        size_t *ret_len, bool *ret_more);

struct sc_pattern {
    uint8_t byte[SC_PATTERN_MAX];
    size_t len;
    unsigned align; /* hits must be at multiples of it: 1, 2, 4, 8 */
    size_t anchor;  /* set by sc_pattern_prepare(): the byte to look for … */
    size_t second;  /* … and another, itself when there is only one */
};
void sc_pattern_prepare(struct sc_pattern *pattern);
/* The first hit in LEN bytes at DATA, whatever its address; NULL. */
const uint8_t *sc_pattern_find(const struct sc_pattern *pattern, const uint8_t *data, size_t len);

/* Called for each hit; returns an error to stop with. */
typedef sc_err *(*sc_hit_fn)(void *ctx, uint64_t addr);
/*
 * Every hit in [START, LAST], in order of address, overlapping ones included, and those that lie
 * across the border of two ranges of the dump.
 */
sc_err *sc_memscan_pattern(const struct sc_memscan_area *area, const struct sc_pattern *pattern,
                           uint64_t start, uint64_t last, sc_hit_fn fn, void *ctx);

/* Called for each string of COUNT characters. */
typedef sc_err *(*sc_string_fn)(void *ctx, uint64_t addr, uint64_t count);
/* Runs of at least LEAST printable ASCII characters, of UNIT (1, 2) bytes each. */
sc_err *sc_memscan_strings(const struct sc_memscan_area *area, unsigned unit, uint64_t least,
                           uint64_t start, uint64_t last, sc_string_fn fn, void *ctx);

#endif
