/* SPDX-License-Identifier: MIT */
/*
 * PE images of any size: bytes at given RVAs, and the tables that the loader, the debugger and
 * llvm-readobj want around them.
 *
 * A case fixes addresses (published listings do), so everything can be put where it must stand:
 * code, data, the import address table, an UNWIND_INFO. What has no given place (tables, names,
 * resources, headers) goes to free room of the image, behind what was placed.
 *
 *     struct forge_image *m = forge_image_new(0x8664, 0xfffff80001644000, 0x5ea000);
 *     forge_image_bytes(m, 0x522810, code, sizeof code, FORGE_CODE);
 *     forge_image_function(m, &(struct forge_function){.begin = 0x522810, .end = 0x522c00, …});
 *     forge_image_export(m, "KeBugCheckEx", 0x80c40, 0);
 *     forge_image_finish(m, &file);        // as on disk
 *     forge_image_map(m, &memory);         // as mapped at its base: SizeOfImage bytes
 *     forge_image_free(m);
 *
 * Sections: a page has one kind (read-only data may share a page with anything); what nothing was
 * said about belongs to the section before it, or to an empty one (".free") in front of the first.
 *
 * Strings are copied. Failure is sticky and named: see forge_image_error().
 */
#ifndef STOPCODE_TESTS_FORGE_IMAGE_H
#define STOPCODE_TESTS_FORGE_IMAGE_H

#include "forge/section.h"

struct forge_image;

enum forge_image_kind {
    FORGE_CODE,
    FORGE_RDATA,
    FORGE_DATA,
    FORGE_PAGED_CODE, /* "PAGE" */
    FORGE_POOL_CODE,  /* "POOLCODE", which the kernel alone has */
};

/* MACHINE 0x14c, 0x8664 or 0xaa64; SIZE of the image in bytes, 0: as needed. NULL: no memory. */
struct forge_image *forge_image_new(uint16_t machine, uint64_t base, uint32_t size);
void forge_image_free(struct forge_image *m);
/* The first thing that went wrong ("two things at RVA 1234"); "" when nothing did. */
const char *forge_image_error(const struct forge_image *m);

void forge_image_timestamp(struct forge_image *m, uint32_t timestamp, uint32_t checksum);
void forge_image_entry(struct forge_image *m, uint32_t rva);
/* Its own name in the export table; else that of the PDB, with ".dll". */
void forge_image_name(struct forge_image *m, const char *name);

/* Bytes at RVA. Placing the same bytes twice is fine, different ones at one place is an error. */
void forge_image_bytes(struct forge_image *m, uint32_t rva, const void *data, size_t size,
                       enum forge_image_kind kind);
/* Says that [RVA, RVA + SIZE) is of KIND although nothing is put there (int 3, or zeros). */
void forge_image_extent(struct forge_image *m, uint32_t rva, uint32_t size,
                        enum forge_image_kind kind);

/* The page of RVA is not for tables that find their own places. */
void forge_image_keep_off(struct forge_image *m, uint32_t rva);
/* Such tables go into the first gaps from the image's start, where kernels have them. */
void forge_image_front(struct forge_image *m);

/* ORDINAL 0: the next one. FORWARD ("NTDLL.RtlX") instead of an RVA, or NULL. */
void forge_image_export(struct forge_image *m, const char *name, uint32_t rva, uint32_t ordinal);
void forge_image_forward(struct forge_image *m, const char *name, const char *target);
/* NAME NULL: by ORDINAL. SLOT: the RVA of its slot in the import address table, 0: anywhere.
 * VALUE: what the slot holds in memory (the address of the function); 0: as in the file. */
void forge_image_import(struct forge_image *m, const char *dll, const char *name, uint16_t ordinal,
                        uint32_t slot, uint64_t value);

struct forge_version {
    uint16_t file[4], product[4];
    const char *key[12], *value[12]; /* "CompanyName", …; ended by NULL */
};
void forge_image_version(struct forge_image *m, const struct forge_version *version);
void forge_image_codeview(struct forge_image *m, const char *pdb, const uint8_t guid[16],
                          uint32_t age);

/* An unwind operation of x64 in terms of what the prolog does, in the prolog's order. */
enum forge_unwind_op {
    FORGE_UW_PUSH,      /* reg */
    FORGE_UW_ALLOC,     /* value bytes; written in the shortest form */
    FORGE_UW_SET_FPREG, /* the function's frame register = rsp + 16 * frame_offset */
    FORGE_UW_SAVE,      /* reg at rsp + value */
    FORGE_UW_SAVE_XMM,  /* reg at rsp + value */
    FORGE_UW_MACHFRAME, /* value 1: with an error code */
    FORGE_UW_EPILOG,    /* version 2: value is the CodeOffset byte, reg the info */
    FORGE_UW_RAW,       /* value: a 16-bit slot as it stands; a run of them keeps its order */
};
struct forge_unwind_code {
    enum forge_unwind_op op;
    uint8_t at;  /* offset of the end of the instruction in the prolog */
    uint8_t reg; /* 0 … 15 in the machine's numbering */
    uint32_t value;
};
enum { FORGE_UW_CODES = 40 };

/* A RUNTIME_FUNCTION with its UNWIND_INFO (x64) or .xdata (ARM64, as bytes). */
struct forge_function {
    uint32_t begin, end;
    uint32_t info;   /* RVA of its UNWIND_INFO, 0: anywhere */
    uint8_t version; /* 0: 1 */
    uint8_t prolog;  /* SizeOfProlog */
    uint8_t frame_register, frame_offset;
    uint8_t flags;     /* UNW_FLAG_EHANDLER 1, UHANDLER 2; chaining is set by itself */
    uint32_t handler;  /* RVA */
    const void *scope; /* the handler's data */
    size_t scope_size;
    uint32_t chain; /* begin of the function it continues; 0 none */
    struct forge_unwind_code code[FORGE_UW_CODES];
    size_t ncodes;
    const void *xdata; /* ARM64: the whole record; NULL: `packed` */
    size_t xdata_size;
    uint32_t packed;
};
void forge_image_function(struct forge_image *m, const struct forge_function *function);

/* A section's table entry, for the PDB: known after finish or map. */
struct forge_image_section {
    char name[9];
    uint32_t rva, size, characteristics;
};
size_t forge_image_sections(struct forge_image *m, struct forge_image_section *ret, size_t room);

/* Lays the image out (once; both below do it) and makes its two forms. False: forge_image_error().
 */
bool forge_image_finish(struct forge_image *m, struct forge_bytes *ret_file);
bool forge_image_map(struct forge_image *m, struct forge_bytes *ret_memory);

#endif
