/* SPDX-License-Identifier: MIT */
/* The dumps to test with: those the forge makes, and the real ones of the corpus if it is there. */
#ifndef STOPCODE_TESTS_HARNESS_CORPUS_H
#define STOPCODE_TESTS_HARNESS_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct subject {
    char name[128]; /* "triage-x64", or the path under the corpus folder */
    char format[8]; /* "kdump" or "mdmp": half of what the file is tested for */
    bool forged;
    uint8_t *data;
    size_t size;
};
struct subjects {
    struct subject *item;
    size_t count, room;
    bool has_corpus;
};

/* Where the corpus is: $STOPCODE_CORPUS, or beside the source; NULL when it is not there. */
const char *corpus_folder(char *buf, size_t size);

/* Forged dumps first, then (REAL) the corpus' dumps, sorted by name. False: memory was short. */
bool subjects_load(struct subjects *s, bool real);
void subjects_free(struct subjects *s);
/* The forged dumps only. Also used for seeds. */
bool subjects_forge(struct subjects *s);

/* A whole file; NULL when it cannot be read. */
uint8_t *read_whole(const char *path, size_t *ret_size);

#endif
