/* SPDX-License-Identifier: MIT */
/*
 * The headers of an image.
 *
 *     +0x00  IMAGE_DOS_HEADER   "MZ" … +0x3c e_lfanew ──┐
 *     e_lfanew: "PE\0\0"  ◄─────────────────────────────┘
 *       +0x04  IMAGE_FILE_HEADER, 0x14 bytes
 *                +0x00 Machine  +0x02 NumberOfSections  +0x04 TimeDateStamp
 *                +0x08 PointerToSymbolTable  +0x0c NumberOfSymbols
 *                +0x10 SizeOfOptionalHeader  +0x12 Characteristics
 *       +0x18  IMAGE_OPTIONAL_HEADER32 (0x10b, 0x60 bytes) or 64 (0x20b, 0x70 bytes)
 *                then NumberOfRvaAndSizes × { RVA, size }
 *       +0x18 + SizeOfOptionalHeader: NumberOfSections × IMAGE_SECTION_HEADER, 0x28 bytes
 *
 * Learnt from Microsoft's "PE Format" document. As the loader does, the directories are taken from
 * behind the fixed part whatever SizeOfOptionalHeader says, and the section table from where it
 * says; where the two overlap a note is left.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pe/pe_impl.h"

enum {
    FILE_HEADER = 0x14,
    FIXED32 = 0x60,
    FIXED64 = 0x70,
    SECTION_HEADER = 0x28,
    SYMBOL = 18, /* bytes of a COFF symbol */
};

void pe_note(sc_pe *pe, uint64_t offset, const char *fmt, ...) {
    if (pe->nnotes == PE_NOTES_MAX)
        return;
    struct sc_note *note = &pe->notes[pe->nnotes++];
    note->offset = offset;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(note->text, sizeof note->text, fmt, ap);
    va_end(ap);
}

const struct sc_note *sc_pe_notes(const sc_pe *pe, size_t *ret_count) {
    *ret_count = pe->nnotes;
    return pe->notes;
}

const struct sc_pe_headers *sc_pe_headers(const sc_pe *pe) { return &pe->h; }

static sc_err *read_dos(sc_pe *pe) {
    struct pe_cur c = pe_cur_at(pe, 0, 0x40, "DOS header");
    struct sc_pe_dos *d = &pe->h.dos;
    uint16_t magic = pe_u16(&c);
    uint16_t *const words[] = {&d->cblp,     &d->cp,     &d->crlc, &d->cparhdr, &d->minalloc,
                               &d->maxalloc, &d->ss,     &d->sp,   &d->csum,    &d->ip,
                               &d->cs,       &d->lfarlc, &d->ovno};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        *words[i] = pe_u16(&c);
    pe_skip(&c, 8);
    d->oemid = pe_u16(&c);
    d->oeminfo = pe_u16(&c);
    pe_skip(&c, 20);
    d->lfanew = pe_u32(&c);
    if (c.failed)
        return pe_cur_err(&c);
    if (magic != 0x5a4d)
        return pe_bad(pe, 0, "no image: it does not begin with MZ");
    return NULL;
}

static sc_err *read_file_header(sc_pe *pe) {
    struct sc_pe_headers *h = &pe->h;
    struct pe_cur c = pe_cur_at(pe, pe->nt_offset, 4 + FILE_HEADER, "NT headers");
    uint32_t signature = pe_u32(&c);
    h->machine = pe_u16(&c);
    h->nsections = pe_u16(&c);
    h->timestamp = pe_u32(&c);
    h->symbols_offset = pe_u32(&c);
    h->nsymbols = pe_u32(&c);
    h->optional_size = pe_u16(&c);
    h->characteristics = pe_u16(&c);
    if (c.failed)
        return pe_cur_err(&c);
    if (signature != 0x4550)
        return pe_bad(pe, pe->nt_offset, "no PE image: the signature is 0x%08" PRIx32, signature);
    return NULL;
}

static void read_optional_fields(struct pe_cur *c, struct sc_pe_headers *h) {
    h->linker_major = pe_u8(c);
    h->linker_minor = pe_u8(c);
    h->code_size = pe_u32(c);
    h->data_size = pe_u32(c);
    h->bss_size = pe_u32(c);
    h->entry = pe_u32(c);
    h->code_base = pe_u32(c);
    h->data_base = h->is64 ? 0 : pe_u32(c);
    h->image_base = pe_uptr(c);
    h->section_alignment = pe_u32(c);
    h->file_alignment = pe_u32(c);
    h->os_major = pe_u16(c);
    h->os_minor = pe_u16(c);
    h->image_major = pe_u16(c);
    h->image_minor = pe_u16(c);
    h->subsystem_major = pe_u16(c);
    h->subsystem_minor = pe_u16(c);
    h->win32_version = pe_u32(c);
    uint32_t image_size = pe_u32(c); /* set at the end: it bounds reads of memory */
    h->headers_size = pe_u32(c);
    h->checksum = pe_u32(c);
    h->subsystem = pe_u16(c);
    h->dll_characteristics = pe_u16(c);
    h->stack_reserve = pe_uptr(c);
    h->stack_commit = pe_uptr(c);
    h->heap_reserve = pe_uptr(c);
    h->heap_commit = pe_uptr(c);
    h->loader_flags = pe_u32(c);
    h->ndirs_claimed = pe_u32(c);
    h->image_size = image_size;
}

static sc_err *read_optional_header(sc_pe *pe) {
    struct sc_pe_headers *h = &pe->h;
    uint64_t at = pe->nt_offset + 4 + FILE_HEADER;
    struct pe_cur c = pe_cur_at(pe, at, FIXED64 + 8 * SC_PE_DIRS, "optional header");
    h->magic = pe_u16(&c);
    if (!h->optional_size)
        return pe_bad(pe, at, "no optional header: an object file, no image");
    if (!c.failed && h->magic != 0x10b && h->magic != 0x20b)
        return pe_bad(pe, at, "optional header: unknown magic 0x%x", h->magic);
    h->is64 = h->magic == 0x20b;
    read_optional_fields(&c, h);
    if (c.failed)
        return pe_cur_err(&c);
    uint32_t want = h->ndirs_claimed < SC_PE_DIRS ? h->ndirs_claimed : SC_PE_DIRS;
    for (h->ndirs = 0; h->ndirs < want; h->ndirs++) {
        struct sc_pe_directory d = {pe_u32(&c), 0};
        d.size = pe_u32(&c);
        if (c.failed) {
            pe_note(pe, c.pos, "the data directories are cut off after %" PRIu32, h->ndirs);
            break;
        }
        h->dir[h->ndirs] = d;
    }
    uint32_t used = (h->is64 ? FIXED64 : FIXED32) + 8 * want;
    if (used > h->optional_size)
        pe_note(pe, at, "SizeOfOptionalHeader is 0x%x, but 0x%" PRIx32 " bytes are used",
                h->optional_size, used);
    return NULL;
}

static void read_section(struct pe_cur *c, struct sc_pe_section *s) {
    pe_bytes(c, s->name, 8);
    s->virtual_size = pe_u32(c);
    s->rva = pe_u32(c);
    s->raw_size = pe_u32(c);
    s->raw_offset = pe_u32(c);
    s->relocs_offset = pe_u32(c);
    s->lines_offset = pe_u32(c);
    s->nrelocs = pe_u16(c);
    s->nlines = pe_u16(c);
    s->characteristics = pe_u32(c);
}

static struct pe_cur section_cursor(const sc_pe *pe) {
    return pe_cur_at(pe, pe->sections_offset, (uint64_t)pe->h.nsections * SECTION_HEADER,
                     "section table");
}

/* Is the whole table there? Asked before memory is taken for as many sections as are claimed. */
static bool has_sections(const sc_pe *pe, struct pe_cur *c) {
    struct sc_pe_section s;
    if (pe->file)
        return sc_file_has(pe->file, c->pos, c->end - c->pos);
    for (unsigned i = 0; i < pe->h.nsections && !c->failed; i++)
        read_section(c, &s);
    return !c->failed;
}

static sc_err *read_sections(sc_pe *pe) {
    size_t n = pe->h.nsections;
    struct pe_cur probe = section_cursor(pe), c = probe;
    if (!n)
        return NULL;
    if (!has_sections(pe, &probe)) {
        pe_note(pe, pe->sections_offset, "the table of %zu sections is cut off", n);
        pe->sections_missing = true;
        return NULL;
    }
    struct sc_pe_section *s = calloc(n, sizeof *s);
    pe->span = calloc(n, sizeof *pe->span);
    pe->section = s;
    if (!s || !pe->span)
        return sc_err_nomem();
    for (size_t i = 0; i < n; i++)
        read_section(&c, &s[i]);
    pe->sections_missing = c.failed; /* the system could not read */
    pe->nsections = c.failed ? 0 : n;
    return NULL;
}

static int by_start(const void *a, const void *b) {
    const struct pe_span *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->section < y->section ? -1 : x->section > y->section;
}

static bool is_power(uint32_t n) { return n && !(n & (n - 1)); }

/* Bytes that a section takes in memory, its padding included. */
static uint64_t extent(const sc_pe *pe, const struct sc_pe_section *s) {
    uint64_t size = s->virtual_size ? s->virtual_size : s->raw_size;
    if (pe->flat)
        return size < s->raw_size ? s->raw_size : size;
    uint64_t align = is_power(pe->h.section_alignment) ? pe->h.section_alignment : PE_PAGE;
    return (size + align - 1) & ~(align - 1);
}

static void build_spans(sc_pe *pe) {
    size_t n = pe->nsections;
    for (size_t i = 0; i < n; i++) {
        const struct sc_pe_section *s = &pe->section[i];
        uint64_t end = s->rva + extent(pe, s);
        pe->span[i] =
            (struct pe_span){s->rva, end > UINT32_MAX ? UINT32_MAX : (uint32_t)end, (uint32_t)i};
    }
    if (n)
        qsort(pe->span, n, sizeof *pe->span, by_start);
}

/* Remarks on what Windows would refuse or a reader may stumble over; one of each kind. */
static void note_sections(sc_pe *pe) {
    bool overlap = false, cut = false, outside = false;
    for (size_t i = 0; i < pe->nsections; i++) {
        const struct sc_pe_section *s = &pe->section[i];
        uint64_t at = pe->sections_offset + i * SECTION_HEADER;
        uint64_t used = s->virtual_size ? s->virtual_size : s->raw_size;
        if (!outside && s->rva + used > pe->h.image_size) {
            pe_note(pe, at, "section %zu reaches behind SizeOfImage", i + 1);
            outside = true;
        }
        if (!cut && pe->file && s->raw_offset && s->raw_size &&
            !sc_file_has(pe->file, s->raw_offset, s->raw_size)) {
            pe_note(pe, at, "section %zu: its data reaches behind the end of the file", i + 1);
            cut = true;
        }
        const struct pe_span *span = &pe->span[i];
        if (i && !overlap && span[-1].end > span->start && span->end > span->start) {
            pe_note(pe, pe->sections_offset, "sections overlap: Windows would not load this");
            overlap = true;
        }
    }
}

/* Where the headers end as bytes that RVAs can name. */
static uint32_t headers_end(const sc_pe *pe) {
    uint64_t end = pe->h.headers_size, size = sc_file_size(pe->file);
    return (uint32_t)(end < size ? end : size);
}

sc_err *pe_read_headers(sc_pe *pe) {
    if (pe->file) { /* until the sections are known, an RVA is an offset */
        uint64_t size = sc_file_size(pe->file);
        pe->headers_end = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    }
    sc_err *err = read_dos(pe);
    if (err)
        return err;
    pe->nt_offset = pe->h.dos.lfanew;
    if ((err = read_file_header(pe)) || (err = read_optional_header(pe)))
        return err;
    pe->sections_offset = pe->nt_offset + 4 + FILE_HEADER + pe->h.optional_size;
    if ((err = read_sections(pe)))
        return err;
    if (!is_power(pe->h.section_alignment))
        pe_note(pe, pe->nt_offset, "SectionAlignment 0x%" PRIx32 " is no power of two",
                pe->h.section_alignment);
    pe->flat = is_power(pe->h.section_alignment) && pe->h.section_alignment < PE_PAGE;
    build_spans(pe);
    note_sections(pe);
    if (pe->file)
        pe->headers_end = headers_end(pe);
    return NULL;
}

sc_err *sc_pe_sections(const sc_pe *pe, const struct sc_pe_section **ret_sections,
                       size_t *ret_count) {
    if (pe->sections_missing) {
        struct pe_cur c = section_cursor(pe);
        if (pe->space && !has_sections(pe, &c))
            return pe_cur_err(&c);
        return pe_bad(pe, pe->nt_offset, "section table: cut off by the end of the file");
    }
    *ret_sections = pe->section;
    *ret_count = pe->nsections;
    return NULL;
}

/* The decimal number behind the slash of "/123"; false when it is none. */
static bool long_name_offset(const char *name, uint64_t *ret) {
    uint64_t n = 0;
    if (name[0] != '/' || !name[1])
        return false;
    for (const char *p = name + 1; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        n = n * 10 + (uint64_t)(*p - '0');
    }
    *ret = n;
    return true;
}

void sc_pe_section_name(const sc_pe *pe, const struct sc_pe_section *section, char *buf,
                        size_t size) {
    uint64_t offset;
    size_t got = 0;
    if (!size)
        return;
    snprintf(buf, size, "%s", section->name);
    if (!pe->file || !pe->h.symbols_offset || !long_name_offset(section->name, &offset))
        return;
    /* The string table stands behind the symbols; offsets count from its own size field. */
    offset += pe->h.symbols_offset + (uint64_t)pe->h.nsymbols * SYMBOL;
    char text[256];
    if (!sc_file_read_some(pe->file, offset, text, sizeof text - 1, &got))
        return;
    text[got] = 0;
    if (*text)
        snprintf(buf, size, "%s", text);
}

bool sc_pe_directory(const sc_pe *pe, enum sc_pe_dir index, struct sc_pe_directory *ret_directory) {
    if ((unsigned)index >= pe->h.ndirs || !pe->h.dir[index].rva)
        return false;
    *ret_directory = pe->h.dir[index];
    return true;
}

sc_err *pe_need_dir(const sc_pe *pe, enum sc_pe_dir index, const char *what,
                    struct sc_pe_directory *ret) {
    if (sc_pe_directory(pe, index, ret))
        return NULL;
    return pe_errf(pe, SC_ERR_NOT_FOUND, "the image has no %s", what);
}

enum sc_cpu sc_pe_cpu(const sc_pe *pe) {
    switch (pe->h.machine) {
    case SC_PE_MACHINE_X86: return SC_CPU_X86;
    case SC_PE_MACHINE_X64: return SC_CPU_X64;
    case SC_PE_MACHINE_ARM:
    case SC_PE_MACHINE_THUMB:
    case SC_PE_MACHINE_ARMNT: return SC_CPU_ARM;
    case SC_PE_MACHINE_ARM64:
    case SC_PE_MACHINE_ARM64EC:
    case SC_PE_MACHINE_ARM64X: return SC_CPU_ARM64;
    case SC_PE_MACHINE_IA64: return SC_CPU_IA64;
    default: return SC_CPU_OTHER;
    }
}

const char *sc_pe_machine_name(uint16_t machine) {
    static const struct {
        uint16_t machine;
        const char *name;
    } names[] = {
        {SC_PE_MACHINE_X86, "x86"},
        {SC_PE_MACHINE_X64, "x64"},
        {SC_PE_MACHINE_ARM, "ARM"},
        {SC_PE_MACHINE_THUMB, "Thumb"},
        {SC_PE_MACHINE_ARMNT, "ARM (Thumb-2)"},
        {SC_PE_MACHINE_ARM64, "ARM64"},
        {SC_PE_MACHINE_ARM64EC, "ARM64EC"},
        {SC_PE_MACHINE_ARM64X, "ARM64X"},
        {SC_PE_MACHINE_IA64, "IA64"},
        {0x166, "MIPS"},
        {0x184, "Alpha"},
        {0x1f0, "PowerPC"},
        {0xebc, "EFI byte code"},
        {0x5064, "RISC-V 64"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].machine == machine)
            return names[i].name;
    }
    return NULL;
}
