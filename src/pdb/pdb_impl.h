/* SPDX-License-Identifier: MIT */
/* An open PDB: what its parts share. All functions expect the provider's lock to be held. */
#ifndef STOPCODE_PDB_PDB_IMPL_H
#define STOPCODE_PDB_PDB_IMPL_H

#include <pthread.h>

#include "base/arena.h"
#include "base/hash.h"
#include "pdb/msf.h"
#include "pdb/pdb.h"
#include "pdb/symrec.h"

enum {
    PDB_STREAM_INFO = 1,
    PDB_STREAM_TPI = 2,
    PDB_STREAM_DBI = 3,
    PDB_STREAM_IPI = 4,
    PDB_NO_STREAM = 0xffff,
};

/* Slots of the DBI's optional debug header. */
enum pdb_debug_slot {
    PDB_DBG_FPO = 0,
    PDB_DBG_OMAP_TO_SRC = 3,
    PDB_DBG_OMAP_FROM_SRC = 4,
    PDB_DBG_SECTIONS = 5,
    PDB_DBG_NEW_FPO = 9,
    PDB_DBG_ORIGINAL_SECTIONS = 10,
    PDB_DBG_SLOTS = 11,
};

/* A part of a stream. */
struct pdb_range {
    uint32_t stream, offset, size;
};

struct pdb_section {
    uint32_t va, size, flags;
};

/* A GSI hash table: names of global or public symbols. */
struct pdb_gsi {
    uint32_t stream;  /* PDB_NO_STREAM: there is none */
    uint32_t records; /* offset of the hash records (8 bytes each) */
    uint32_t nrecords;
    uint32_t bitmap;   /* offset of the bitmap of buckets in use */
    uint32_t buckets;  /* offset of their starts (4 bytes each) */
    uint32_t nbuckets; /* in use */
};

/* A symbol's address and where its record lies, in memory. */
struct pdb_addr {
    uint32_t orig; /* RVA in the linker's layout */
    uint32_t off;  /* in the stream of symbol records */
};
struct pdb_addrs {
    struct pdb_addr *item;
    size_t count, room;
    bool built;
};

/* A procedure, thunk or label of a compiland. */
struct pdb_proc {
    uint32_t orig, len;
    uint32_t off;   /* of its record in the module's stream */
    uint32_t reach; /* greatest end of this and all procedures sorted before it */
    uint16_t kind;
};

/* A DEBUG_S_LINES subsection of a compiland. */
struct pdb_lines {
    uint32_t orig, len;
    uint32_t off, size; /* of its data in the module's stream */
    uint32_t reach;
};

struct pdb_module {
    uint32_t info; /* offset of its record in the DBI stream */
    uint16_t stream;
    uint32_t sym_bytes, c11_bytes, c13_bytes;
    bool has_procs, has_lines; /* the tables below are made */
    struct {
        struct pdb_proc *item;
        size_t count, room;
    } procs;
    struct {
        struct pdb_lines *item;
        size_t count, room;
    } lines;
    struct pdb_range checksums; /* stream PDB_NO_STREAM: none */
    struct {
        struct pdb_range *item; /* DEBUG_S_INLINEELINES */
        size_t count, room;
    } inlinees;
    struct pdb_range imports, exports; /* see crossref.c; stream PDB_NO_STREAM: none */
};

/* TPI or IPI. */
struct pdb_tpi {
    uint32_t stream;
    uint32_t first, end;          /* type indexes: [first, end) */
    uint32_t records, nbytes;     /* of the type records */
    struct pdb_range hash_values; /* size 0: none */
    struct pdb_range offsets;
    struct pdb_range adjust;
    uint32_t nbuckets, key_size;
    uint32_t *skip; /* offsets of every PDB_SKIP-th record, when the file has no such table */
    size_t nskip;
    /* The last record found: the next one is often close behind. */
    uint32_t last_ti, last_off;
    /* Heads and links of the hash chains, made at the first search by name. */
    uint32_t *head, *next;
    uint32_t nheads;
    /* Types that the file's hash does not find by their plain name, by their hash. */
    struct pdb_name_ref {
        uint32_t hash, ti;
    } * rest;
    size_t nrest;
    bool rest_made;
};
enum { PDB_SKIP = 32 };

struct pdb {
    struct msf *msf;
    pthread_mutex_t lock;
    sc_arena *arena;

    /* info stream */
    uint32_t version, signature, age;
    struct sc_guid guid;
    bool minimal; /* MinimalDebugInfo: other number of buckets */
    bool ids;     /* the file has an IPI stream */
    struct pdb_range named;
    uint32_t names_stream; /* "/names"; PDB_NO_STREAM: none */

    /* DBI */
    bool has_dbi;
    uint32_t dbi_age;
    uint16_t flags, machine;
    enum sc_cpu cpu;
    uint32_t records; /* stream of symbol records */
    struct pdb_range mod_info, contribs;
    uint32_t debug[PDB_DBG_SLOTS];

    /* address space of the symbols */
    struct pdb_section *section;
    uint32_t nsections;
    struct pdb_range omap_to, omap_from; /* size 0: none */

    /* symbols */
    struct pdb_gsi globals, publics;
    struct pdb_range addresses; /* of publics: u32 offsets of records, sorted by address */
    uint32_t slow_searches;
    struct pdb_addrs publics_flat, data_flat;

    /* compilands */
    struct pdb_module *module;
    uint32_t nmodules;
    bool has_modules;
    uint32_t contrib_size; /* of a record; 0: not looked at yet */

    /* types */
    struct pdb_tpi tpi, ipi;
    struct sc_map type_names, id_names; /* made names, by type index */
};

/* pdb.c */
sc_err *pdb_open(struct pdb *pdb, sc_file *own_file);
void pdb_close(struct pdb *pdb);
/* The number of the named stream, PDB_NO_STREAM if none. */
sc_err *pdb_named(struct pdb *pdb, const char *name, uint32_t *ret_stream);
/* Has it procedures, lines and locals, or were they stripped? */
bool pdb_is_private(const struct pdb *pdb);
/* Has it compilands at all? Stripped ones still have a few procedures: static functions. */
bool pdb_has_compilands(const struct pdb *pdb);

/* omap.c: addresses */
sc_err *pdb_open_sections(struct pdb *pdb);
/* Segment and offset to the linker's RVA; false when there is no such section. */
bool pdb_orig(const struct pdb *pdb, uint32_t seg, uint32_t off, uint32_t *ret_orig);
/* The linker's RVA to segment and offset: the last section that starts at or below it. */
bool pdb_segment(const struct pdb *pdb, uint32_t orig, uint32_t *ret_seg, uint32_t *ret_off);
/* Image's RVA to the linker's and back; *RET_OK is false when it has no counterpart. */
sc_err *pdb_to_orig(struct pdb *pdb, uint32_t rva, uint32_t *ret_orig, bool *ret_ok);
sc_err *pdb_to_rva(struct pdb *pdb, uint32_t orig, uint32_t *ret_rva, bool *ret_ok);
/*
 * The same for something found from the address RVA, which is HERE in the linker's layout: where
 * the file gives it no place in the image, it keeps its distance.
 */
struct pdb_from {
    uint32_t rva, here;
};
sc_err *pdb_to_rva_from(struct pdb *pdb, const struct pdb_from *from, uint32_t orig,
                        uint32_t *ret_rva);
/* Bytes from ORIG on, at most LEN, that stay together in the image. */
sc_err *pdb_fragment(struct pdb *pdb, uint32_t orig, uint32_t len, uint32_t *ret_len);
/* Where the fragment of the image that ORIG is in starts, but not below FLOOR. */
sc_err *pdb_fragment_start(struct pdb *pdb, uint32_t orig, uint32_t floor, uint32_t *ret_start);
sc_err *pdb_omap_each(struct pdb *pdb, bool to_source, sc_pdb_omap_fn fn, void *ctx);

/* symbols.c: records of the global stream */
uint32_t pdb_hash(const char *name, size_t len);
/* Decodes the record at OFF of STREAM; it lives in BUF. */
sc_err *pdb_symbol_at(struct pdb *pdb, uint32_t stream, uint32_t off, struct msf_buf *buf,
                      struct pdb_sym *ret);
/*
 * SYM, whose record stands at OFF of STREAM, as the vtable's symbol. *RET_OK is false when it has
 * no address in the image, or is of no kind that is shown. FROM: see above; may be NULL.
 */
sc_err *pdb_fill(struct pdb *pdb, uint32_t stream, uint32_t off, const struct pdb_sym *sym,
                 const struct pdb_from *from, struct sc_symbol *ret, bool *ret_ok);
/* Kind of a record as a bit of enum sc_symbol_kind; 0: not shown. */
unsigned pdb_kind(uint16_t kind);

/* gsi.c */
sc_err *pdb_open_gsi(struct pdb *pdb, uint32_t globals, uint32_t publics);
/* The best symbol named so; kinds as in enum sc_symbol_kind. */
sc_err *pdb_find(struct pdb *pdb, const char *name, bool nocase, struct sc_symbol *ret,
                 bool *ret_found);
/* Each match in any case. FN may return false to stop. */
sc_err *pdb_each_global(struct pdb *pdb, const char *pattern, unsigned kinds, sc_symbol_fn fn,
                        void *ctx, bool *ret_stop);
/* The type that a S_UDT record calls NAME. */
sc_err *pdb_typedef(struct pdb *pdb, const char *name, uint32_t *ret_type, bool *ret_found);
/* Offsets of the records of a table, sorted; *RET is the caller's to free. */
sc_err *pdb_gsi_offsets(struct pdb *pdb, const struct pdb_gsi *gsi, uint32_t **ret,
                        size_t *ret_count);

/* nearest.c: offset of the record of the nearest public or data symbol at or below ORIG */
sc_err *pdb_nearest_public(struct pdb *pdb, uint32_t orig, uint32_t *ret_off, bool *ret_found);
sc_err *pdb_nearest(struct pdb *pdb, uint32_t rva, unsigned kinds, struct sc_symbol *ret,
                    bool *ret_found);

/* modules.c */
sc_err *pdb_load_modules(struct pdb *pdb);
/* The compiland whose code or data is at ORIG; NULL if none. */
sc_err *pdb_module_at(struct pdb *pdb, uint32_t orig, struct pdb_module **ret_module);
uint32_t pdb_module_number(const struct pdb *pdb, const struct pdb_module *module);
/* The first contribution that starts at or above ORIG, or the one before it: see nearest.c. */
sc_err *pdb_contrib_before(struct pdb *pdb, uint32_t orig, uint32_t *ret_index, bool *ret_found);
sc_err *pdb_contrib(struct pdb *pdb, uint32_t index, uint32_t *ret_orig, uint32_t *ret_size,
                    uint32_t *ret_module);

/* procs.c */
sc_err *pdb_load_procs(struct pdb *pdb, struct pdb_module *module);
/* The procedure (not label) that covers ORIG, the innermost; NULL if none. */
const struct pdb_proc *pdb_proc_at(const struct pdb_module *module, uint32_t orig);
/* Walks the records of the scope whose first record stands at OFF. */
struct pdb_walk {
    struct pdb *pdb;
    struct pdb_module *module;
    struct msf_buf buf; /* all records of the scope */
    uint32_t base;      /* where BUF stands in the stream */
    uint32_t pos;       /* next record, in BUF */
    uint32_t off;       /* of the record read last, in the stream */
    struct pdb_sym sym;
    const uint8_t *data; /* behind the length: kind and fields */
    uint32_t len;
};
sc_err *pdb_walk_init(struct pdb *pdb, struct pdb_module *module, uint32_t off,
                      struct pdb_walk *walk);
/* *RET_MORE is false behind the last record. */
sc_err *pdb_walk_next(struct pdb_walk *walk, bool *ret_more);
/* Goes on behind the end record of the scope that the last record opened. */
sc_err *pdb_walk_skip(struct pdb_walk *walk);
void pdb_walk_deinit(struct pdb_walk *walk);
sc_err *pdb_each_proc(struct pdb *pdb, const char *pattern, unsigned kinds, sc_symbol_fn fn,
                      void *ctx, bool *ret_stop);

/* locals.c */
sc_err *pdb_locals(struct pdb *pdb, uint32_t rva, sc_local_fn fn, void *ctx);

/* lines.c */
sc_err *pdb_load_lines(struct pdb *pdb, struct pdb_module *module);
sc_err *pdb_line(struct pdb *pdb, uint32_t rva, struct sc_line *ret, bool *ret_found);
sc_err *pdb_lines_of(struct pdb *pdb, const char *file, uint32_t line, sc_line_fn fn, void *ctx);
/* The file that offset CHECKSUM of the compiland's checksums names. */
sc_err *pdb_file_name(struct pdb *pdb, const struct pdb_module *module, uint32_t checksum,
                      const char **ret_name);
/* The string at OFFSET of the /names stream. */
sc_err *pdb_name_at(struct pdb *pdb, uint32_t offset, const char **ret_text);
/* Where the inlined function INLINEE (IPI) starts: checksum offset and line. */
sc_err *pdb_inlinee(struct pdb *pdb, const struct pdb_module *module, uint32_t inlinee,
                    uint32_t *ret_checksum, uint32_t *ret_line, bool *ret_found);

/* crossref.c: the index of the TPI or IPI stream that ID stands for in a compiland */
static inline bool pdb_is_cross_id(uint32_t id) { return id >> 31; }
sc_err *pdb_global_id(struct pdb *pdb, struct pdb_module *module, uint32_t id, uint32_t *ret_id);

/* inline.c */
struct pdb_inline_range {
    uint32_t start, end; /* offsets from the procedure's start */
    uint32_t checksum, line;
};
/*
 * Runs the annotations of an inline site whose function starts at CHECKSUM, LINE. FN is given
 * each range in the order of the code; it returns false to stop.
 */
typedef bool (*pdb_inline_fn)(void *ctx, const struct pdb_inline_range *range);
bool pdb_annotations(const uint8_t *code, uint32_t len, uint32_t checksum, uint32_t line,
                     pdb_inline_fn fn, void *ctx);
/* Does the site cover OFF, an offset from the procedure's start? *RET_FIRST: its first byte. */
bool pdb_inline_covers(const struct pdb_sym *site, uint32_t off, struct pdb_inline_range *ret,
                       uint32_t checksum, uint32_t line, uint32_t *ret_first);
sc_err *pdb_inlines(struct pdb *pdb, uint32_t rva, sc_inline_fn fn, void *ctx);

/* tpi.c: records by index and by name */
sc_err *pdb_open_tpi(struct pdb *pdb, uint32_t stream, struct pdb_tpi *ret);
void pdb_tpi_free(struct pdb_tpi *tpi);
/* The record (leaf and data, without its length) of TI; *RET_OFF: where it stands. */
sc_err *pdb_record(struct pdb *pdb, struct pdb_tpi *tpi, uint32_t ti, struct msf_buf *buf,
                   uint32_t *ret_off);
sc_err *pdb_type_named(struct pdb *pdb, const char *name, uint32_t *ret_ti, bool *ret_found);
struct pdb_udt;
/* The next struct, class, union or enum: start with {.ti = tpi->first}. */
struct pdb_tpi_iter {
    uint32_t ti, off, len;
    uint32_t found, found_off; /* of the type found, and where its record stands */
};
sc_err *pdb_tpi_next(struct pdb *pdb, struct pdb_tpi *tpi, struct pdb_tpi_iter *iter,
                     struct msf_buf *buf, struct pdb_udt *ret, bool *ret_more);
/* The definition of a forward reference; TI itself when the file has none. */
sc_err *pdb_definition(struct pdb *pdb, uint32_t ti, const struct pdb_udt *udt, uint32_t *ret_ti);

/* udt.c: struct, class, union and enum records */
struct pdb_udt {
    uint16_t leaf, prop;
    uint16_t count;
    uint32_t fields, underlying;
    uint64_t size;
    const char *name, *unique; /* in the record; unique NULL: none */
    uint32_t name_len, unique_len, name_off;
};
enum { PDB_PROP_FORWARD = 0x80, PDB_PROP_SCOPED = 0x100, PDB_PROP_UNIQUE = 0x200 };
bool pdb_is_udt(uint16_t leaf);
/* False when the record is cut off. */
bool pdb_udt_decode(const uint8_t *data, uint32_t len, struct pdb_udt *ret);

/* types.c */
sc_err *pdb_type(struct pdb *pdb, uint32_t ti, struct sc_type *ret);
sc_err *pdb_types(struct pdb *pdb, const char *pattern, sc_type_fn fn, void *ctx);
/* Name of a function of the IPI stream, with its class or namespace. */
sc_err *pdb_id_name(struct pdb *pdb, uint32_t id, const char **ret_name);
/* The type of a function of the IPI stream; 0 if it is none. */
sc_err *pdb_id_type(struct pdb *pdb, uint32_t id, uint32_t *ret_type);

/* members.c */
sc_err *pdb_members(struct pdb *pdb, uint32_t ti, sc_member_fn fn, void *ctx);

/* srcsrv.c: a copy of the stream with that name; *RET_TEXT is NULL when there is none. */
sc_err *pdb_stream_text(struct pdb *pdb, const char *name, char **ret_text, size_t *ret_size);

/* fpo.c */
/* frameproc.c: the size of the frame of the procedure that covers RVA; x64. */
sc_err *pdb_frameproc(struct pdb *pdb, uint32_t rva, struct sc_frame_rule *ret, bool *ret_found);
sc_err *pdb_frame_rule(struct pdb *pdb, uint32_t rva, struct sc_frame_rule *ret, bool *ret_found);
sc_err *pdb_frames_each(struct pdb *pdb, sc_pdb_frame_fn fn, void *ctx);

#endif
