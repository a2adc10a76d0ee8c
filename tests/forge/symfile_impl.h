/* SPDX-License-Identifier: MIT */
/* A PDB on its way from lists of symbols, as the files of symfile.h share it. */
#ifndef STOPCODE_TESTS_FORGE_SYMFILE_IMPL_H
#define STOPCODE_TESTS_FORGE_SYMFILE_IMPL_H

#include "forge/pdb.h"
#include "forge/symfile.h"

enum {
    SYMFILE_WHY = 160,
    SYMFILE_CODE = 0x20000020, /* characteristics of a section: code, or executable */
    SYMFILE_TYPE_BUCKETS = 1024,
};

/* A type that was written: its text and index. */
struct symfile_type {
    char *text;
    uint32_t ti, next;
    uint64_t size;
};

struct symfile_file {
    const char *name;
    uint32_t checksum; /* offset in the checksums */
};

struct symfile {
    const struct forge_symfile *s;
    struct forge_pdb p;
    char *why;
    bool failed;
    struct forge_image_section *section; /* of the addresses that the symbols speak */
    size_t nsections;
    const struct forge_symbol **function; /* functions with a size, sorted by address */
    size_t nfunctions;
    struct symfile_label {
        const struct forge_symbol *function, *label; /* function NULL: in none */
    } * label;                                       /* sorted by function */
    size_t nlabels, label_room;
    uint16_t module;
    struct symfile_type *type;
    size_t ntypes, type_room;
    uint32_t bucket[SYMFILE_TYPE_BUCKETS]; /* index + 1 of the first type of a hash */
    struct symfile_file *file;
    size_t nfiles, file_room;
    struct forge inlinees; /* subsection INLINEELINES */
    struct symfile_inlinee {
        const char *name;
        uint32_t id, checksum, line;
    } * inlinee;
    size_t ninlinees, inlinee_room;
};

/* Failure is sticky: the first counts. Returns false. */
bool symfile_fail(struct symfile *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for one more element; NULL once the build has failed. */
void *symfile_push(struct symfile *b, void **item, size_t *count, size_t *room, size_t size);
/* Segment and offset of RVA; WHAT is named when it is outside of all sections. */
bool symfile_place(struct symfile *b, uint32_t rva, const char *what, uint16_t *ret_seg,
                   uint32_t *ret_off);
/* The function that covers RVA; NULL. */
const struct forge_symbol *symfile_function(const struct symfile *b, uint32_t rva);
/* Index of the file's checksum record, made when it is new. */
uint32_t symfile_checksum(struct symfile *b, const char *file);

/* symfile_moved.c: OMAP tables and both sets of section headers */
bool symfile_sections(struct symfile *b);
bool symfile_omap(struct symfile *b);
/* symfile_fpo.c */
bool symfile_fpo(struct symfile *b);
/* symfile_lines.c */
bool symfile_lines(struct symfile *b);
/* symfile_locals.c: what stands inside a procedure */
bool symfile_locals(struct symfile *b, const struct forge_symbol *f);
/* symfile_inline.c */
bool symfile_inlines(struct symfile *b, const struct forge_symbol *f, uint32_t proc);
/* symfile_types.c */
bool symfile_types(struct symfile *b);
/* The index of the type that TEXT says (NULL: none); "?" is an array of HOLE bytes. */
uint32_t symfile_type(struct symfile *b, const char *text, uint64_t hole);
/* A procedure that returns RET and takes the parameters among LOCALS. */
uint32_t symfile_procedure(struct symfile *b, const char *ret, const struct forge_local *local,
                           size_t nlocals);
void symfile_types_free(struct symfile *b);

#endif
