/* SPDX-License-Identifier: MIT */
/*
 * PDB files: symbols, types, compilands with lines, through the MSF writer.
 *
 *     struct forge_pdb p;
 *     forge_pdb_init(&p, 0x8664, 1024);
 *     forge_pdb_section(&p, 0x1000, 0x4000, 0x60000020);
 *     forge_pdb_public(&p, "DriverEntry", 1, 0x40, 2);
 *     forge_pdb_close(&p);                     // tables are made from what was put in
 *     forge_msf_finish(&p.msf, &file);
 *     forge_pdb_deinit(&p);
 *
 * Between close and finish a test may damage streams: their numbers are below.
 */
#ifndef STOPCODE_TESTS_FORGE_PDB_H
#define STOPCODE_TESTS_FORGE_PDB_H

#include "forge/msf.h"

enum {
    FORGE_PDB_INFO = 1,
    FORGE_PDB_TPI = 2,
    FORGE_PDB_DBI = 3,
    FORGE_PDB_IPI = 4,
    FORGE_PDB_RECORDS = 5,
    FORGE_PDB_GLOBALS = 6,
    FORGE_PDB_PUBLICS = 7,
    FORGE_PDB_NAMES = 8,
    FORGE_PDB_SECTIONS = 9,
    FORGE_PDB_TPI_HASH = 10,
    FORGE_PDB_IPI_HASH = 11,
    FORGE_PDB_FIRST_FREE = 12,
};

struct forge_pdb_symbol {
    uint32_t off, bucket, seg, addr;
    char *name;
};
struct forge_pdb_symbols {
    struct forge_pdb_symbol *item;
    size_t count, room;
};

struct forge_pdb_module {
    uint32_t stream;
    uint32_t sym_bytes;
    struct forge c13;
    struct forge files; /* names of its sources, each ended by NUL */
    uint32_t nfiles;
    char name[64];
};

struct forge_pdb_types {
    struct forge records, hashes, offsets;
    uint32_t count, last_offset;
};

struct forge_pdb {
    struct forge_msf msf;
    uint16_t machine, flags;
    uint32_t age, dbi_age, signature;
    uint8_t guid[16];
    bool minimal;    /* MinimalDebugInfo */
    bool no_offsets; /* types without a table of offsets */
    bool no_hash;    /* types without hash values */
    uint32_t slot[11];
    struct forge_pdb_symbols globals, publics;
    struct forge_pdb_types tpi, ipi;
    struct forge_pdb_module *module;
    size_t nmodules, module_room;
    struct forge contribs, names, named_keys, named_values;
    uint32_t nnamed;
};

void forge_pdb_init(struct forge_pdb *p, uint16_t machine, uint32_t page_size);
void forge_pdb_deinit(struct forge_pdb *p);
void forge_pdb_section(struct forge_pdb *p, uint32_t va, uint32_t size, uint32_t flags);
/* A section header into a stream: those of debug slot 10 (the original ones) look the same. */
void forge_pdb_section_header(struct forge *f, const char *name, uint32_t va, uint32_t size,
                              uint32_t flags);
/* A stream for a debug slot (3, 4: OMAP; 0, 9: frame data; 10: original sections), or with a name.
 */
struct forge *forge_pdb_slot(struct forge_pdb *p, unsigned slot);
struct forge *forge_pdb_named(struct forge_pdb *p, const char *name);
/* Offset of TEXT in /names, where each text stands once. */
uint32_t forge_pdb_name(struct forge_pdb *p, const char *text);

void forge_pdb_public(struct forge_pdb *p, const char *name, uint16_t seg, uint32_t off,
                      uint32_t flags);
/* A record of KIND: SIZE bytes of FIELDS, then NAME. */
void forge_pdb_global(struct forge_pdb *p, uint16_t kind, const void *fields, size_t size,
                      const char *name);
/* S_GDATA32 and its like; S_PROCREF (or S_LPROCREF) to a procedure of a compiland (1-based). */
void forge_pdb_data(struct forge_pdb *p, uint16_t kind, uint32_t type, uint16_t seg, uint32_t off,
                    const char *name);
void forge_pdb_procref(struct forge_pdb *p, uint16_t module, uint32_t off, const char *name);
void forge_pdb_lprocref(struct forge_pdb *p, uint16_t module, uint32_t off, const char *name);

/*
 * A type record: leaf and SIZE bytes of data; HASHED is the name that its hash is made of, NULL
 * none. Returns its index. forge_pdb_id(): of the IPI stream.
 */
uint32_t forge_pdb_type(struct forge_pdb *p, uint16_t leaf, const void *data, size_t size,
                        const char *hashed);
uint32_t forge_pdb_id(struct forge_pdb *p, uint16_t leaf, const void *data, size_t size);
/* SIZE as a numeric leaf. */
void forge_pdb_numeric(struct forge *f, uint64_t value);
/* LF_STRUCTURE (or its like) with a name. */
uint32_t forge_pdb_struct(struct forge_pdb *p, uint16_t leaf, uint16_t count, uint16_t prop,
                          uint32_t fields, uint64_t size, const char *name);

/* A compiland; returns its 1-based number. */
uint16_t forge_pdb_module_new(struct forge_pdb *p, const char *name);
/* One of its source files. */
void forge_pdb_source(struct forge_pdb *p, uint16_t module, const char *name);
void forge_pdb_contrib(struct forge_pdb *p, uint16_t module, uint16_t seg, uint32_t off,
                       uint32_t size);
/* A symbol record of a compiland; returns its offset in the compiland's stream. */
uint32_t forge_pdb_sym(struct forge_pdb *p, uint16_t module, uint16_t kind, const void *fields,
                       size_t size, const char *name);
/* S_GPROC32; its end is set by forge_pdb_end(). */
uint32_t forge_pdb_proc(struct forge_pdb *p, uint16_t module, uint16_t kind, uint16_t seg,
                        uint32_t off, uint32_t len, uint32_t type, const char *name);
void forge_pdb_end(struct forge_pdb *p, uint16_t module, uint16_t kind, uint32_t opener);
/* A C13 subsection. */
void forge_pdb_c13(struct forge_pdb *p, uint16_t module, uint32_t kind, const void *data,
                   size_t size);

void forge_pdb_close(struct forge_pdb *p);

/* The hash that names have in a PDB: tables of symbols, types and /names. */
uint32_t forge_hash_v1(const char *name, size_t len);

/* Little-endian bytes of up to 16 values: WIDTHS is a text of digits, "424" for u32, u16, u32. */
struct forge_fields {
    uint8_t data[128];
    size_t size;
};
struct forge_fields forge_fields(const char *widths, ...);

#endif
