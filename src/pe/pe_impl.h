/* SPDX-License-Identifier: MIT */
/*
 * What the readers of the parts of an image share: the opened image, and a cursor over RVAs.
 *
 * The cursor is the brother of sc_cur for bytes that are found by RVA: they may be cut in pieces
 * by sections, filled with zeros, or absent page by page. Failure is sticky; a read past the end
 * or of a missing byte yields zeros; ask once per record.
 */
#ifndef STOPCODE_PE_PE_IMPL_H
#define STOPCODE_PE_PE_IMPL_H

#include "base/arena.h"
#include "base/file.h"
#include "base/vec.h"
#include "stopcode/pe.h"

enum {
    PE_PAGE = 0x1000,
    PE_SECTOR = 0x200,
    PE_NOTES_MAX = 16,
    PE_WINDOW = 256,
};

/* A section in the order of RVAs, with the extent that it has in memory. */
struct pe_span {
    uint32_t start, end; /* end is behind the alignment padding, cut where the next one begins */
    uint32_t section;
};

/* The blocks of base relocations by page, once all of them were walked and found in that order. */
struct pe_reloc_blocks {
    struct pe_reloc_block {
        uint32_t page;
        uint64_t start, end; /* RVAs of its entries */
    } * item;
    size_t count, room;
    bool tried;
};

struct sc_pe {
    const sc_file *file; /* NULL: from memory */
    sc_file *own_file;
    sc_space *space;
    uint64_t base;
    char *name;       /* memory only; see sc_pe_name() */
    uint8_t *head;    /* memory only: the headers' bytes, read at once when it was opened … */
    size_t head_size; /* … and how many are there */
    sc_arena *arena;
    struct sc_pe_headers h;
    uint64_t nt_offset;       /* of the signature */
    uint64_t sections_offset; /* RVA and file offset of the section table */
    struct sc_pe_section *section;
    struct pe_span *span; /* sorted by start */
    size_t nsections;     /* 0 when `sections_missing` */
    bool sections_missing;
    uint32_t headers_end; /* files: first RVA behind the headers */
    bool flat;            /* SectionAlignment below a page: the file is mapped as it is */
    struct sc_note notes[PE_NOTES_MAX];
    size_t nnotes;
    struct sc_codeview codeview; /* read at the first call */
    bool has_codeview;
    struct pe_reloc_blocks relocs; /* relocs.c's */
};

/* headers.c */
sc_err *pe_read_headers(sc_pe *pe);
void pe_note(sc_pe *pe, uint64_t offset, const char *fmt, ...) SC_PRINTF(3, 4);

/* An SC_ERR_FORMAT about the bytes at RVA: names the file offset, or the address in memory. */
sc_err *pe_bad(const sc_pe *pe, uint64_t rva, const char *fmt, ...) SC_PRINTF(3, 4);
sc_err *pe_errf(const sc_pe *pe, enum sc_err_code code, const char *fmt, ...) SC_PRINTF(3, 4);
/* The error for a read that gave STATUS at RVA; WHAT is being read. */
sc_err *pe_read_err(const sc_pe *pe, uint64_t rva, enum sc_read status, const char *what);

/* How many things of SIZE bytes can be in the image at all: the bound of every walk. */
uint64_t pe_room(const sc_pe *pe, unsigned size);
/* 4 or 8. */
unsigned pe_ptr_size(const sc_pe *pe);
/* The directory, or SC_ERR_NOT_FOUND "no export directory". */
sc_err *pe_need_dir(const sc_pe *pe, enum sc_pe_dir index, const char *what,
                    struct sc_pe_directory *ret);

/*
 * The NUL-terminated bytes at RVA into BUF of SIZE bytes. A longer text is cut and *RET_CUT (may
 * be NULL) set. BUF is always terminated, also when an error is returned.
 */
sc_err *pe_text(const sc_pe *pe, uint64_t rva, char *buf, size_t size, const char *what,
                bool *ret_cut);
sc_err *pe_u32_at(const sc_pe *pe, uint64_t rva, const char *what, uint32_t *ret);
sc_err *pe_u16_at(const sc_pe *pe, uint64_t rva, const char *what, uint16_t *ret);

/* Keeps the first of several errors: FIRST, or NEXT when there is none; the other one ends. */
sc_err *pe_first(sc_err *first, sc_err *next);

struct pe_cur {
    const sc_pe *pe;
    const char *what;
    uint64_t pos, end; /* RVAs */
    bool failed;
    enum sc_read status; /* why; SC_READ_OK: past the end */
    uint64_t fail_pos;
    uint64_t win_pos;
    uint32_t win_len;
    uint8_t win[PE_WINDOW];
};

struct pe_cur pe_cur_at(const sc_pe *pe, uint64_t rva, uint64_t size, const char *what);
void pe_bytes(struct pe_cur *cur, void *buf, size_t len);
uint8_t pe_u8(struct pe_cur *cur);
uint16_t pe_u16(struct pe_cur *cur);
uint32_t pe_u32(struct pe_cur *cur);
uint64_t pe_u64(struct pe_cur *cur);
uint64_t pe_uptr(struct pe_cur *cur);
void pe_skip(struct pe_cur *cur, uint64_t len);
/* Anywhere from 0 to the end. */
void pe_seek(struct pe_cur *cur, uint64_t rva);
/* Forgets a failure and goes on at RVA. */
void pe_resume(struct pe_cur *cur, uint64_t rva);
/* The error of the first failure; never NULL. */
sc_err *pe_cur_err(const struct pe_cur *cur);

#endif
