/* SPDX-License-Identifier: MIT */
/* How a batch keeps its dumps: for batch.c, batch_summary.c and batch_findings.c. */
#ifndef STOPCODE_CMD_BATCH_IMPL_H
#define STOPCODE_CMD_BATCH_IMPL_H

#include "base/hash.h"
#include "cmd/batch.h"

/* In what dumps of one signature may differ. */
enum sc_aspect {
    SC_ASPECT_STOP,     /* bug check or exception */
    SC_ASPECT_PLACE,    /* what the best finding points at */
    SC_ASPECT_VERSION,  /* of the blamed image */
    SC_ASPECT_OS,       /* build of Windows */
    SC_ASPECT_HARDWARE, /* "x64, 16 processors" */
    SC_ASPECT_PROCESS,
    SC_ASPECT_FOLDER, /* where the dumps lie */
    SC_ASPECTS
};

/* How often each of several texts was met. Beyond TALLY_MAX of them the rest is only counted. */
enum { SC_TALLY_MAX = 32 };
struct sc_tally {
    struct sc_value_row *item;
    size_t count, room;
    uint64_t unknown, others;
};

struct sc_group {
    const char *signature, *verdict;
    uint64_t count, copies;
    uint64_t causes[SC_CAUSES];
    uint32_t best, least; /* enum sc_confidence */
    uint64_t first, last;
    const char *first_file, *last_file;
    struct sc_tally images, aspect[SC_ASPECTS];
};

struct sc_batch_driver {
    const char *image, *vendor, *about;
    uint64_t blamed, named;
    uint64_t nsignatures;
    uint32_t confidence;
    bool framework;
    struct sc_tally versions;
};

/* One dump, as far as dumps are compared with each other. Names are numbers of words. */
struct sc_batch_dump {
    size_t group;
    uint64_t time, uptime;
    int64_t boot_id;
    const char *folder, *hardware, *stop; /* interned: equal when the pointers are */
    enum sc_cause cause;
    bool kernel, copy;
    uint32_t nnamed;
    struct {
        size_t driver;
        uint32_t confidence;
    } named[SC_BATCH_NAMED];
};

struct sc_words {
    struct sc_word {
        const char *text;
        size_t next; /* of the same hash; SIZE_MAX none */
        size_t value;
    } * item;
    size_t count, room;
    struct sc_map by_hash;
};

struct sc_batch {
    sc_arena *arena;
    const char *const *operands;
    size_t noperands;
    struct sc_words words, signatures, images;
    struct sc_map identities, pairs; /* pairs: of driver and group, that were counted */
    struct {
        struct sc_group *item;
        size_t count, room;
    } groups;
    struct {
        struct sc_batch_driver *item;
        size_t count, room;
    } drivers;
    struct {
        struct sc_batch_dump *item;
        size_t count, room;
    } dumps;
};

/* batch_findings.c */
sc_err *sc_batch_findings(const sc_batch *batch, sc_arena *arena,
                          const struct sc_finding_row **ret_rows, size_t *ret_count);

#endif
