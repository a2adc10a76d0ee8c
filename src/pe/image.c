/* SPDX-License-Identifier: MIT */
/*
 * Opening an image, and finding the bytes of an RVA.
 *
 *     file                                memory (as the loader maps it)
 *     0            headers        ───►    0 … SizeOfHeaders
 *     raw pointer  section's data ───►    VirtualAddress … + SizeOfRawData
 *                                         … + VirtualSize                zeros
 *                                         … to SectionAlignment          file's bytes, else zeros
 *
 * As the kernel's loader does: a raw pointer is rounded down to a sector (0x200) when sections are
 * aligned to pages or more; VirtualSize 0 stands for SizeOfRawData; a section without a raw
 * pointer is zeros. Below a page's alignment the file is mapped as it is, and RVAs are offsets.
 * Learnt from Microsoft's "PE Format" document and from public studies of the loader's tolerance.
 * Guessed: nothing; where sections overlap, which Windows refuses to load, the later one wins.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pe/pe_impl.h"

enum {
    OVERLAP_WALK = 16, /* overlapping sections looked at backwards */
    PE_HEAD = 0x600,   /* of an image in memory: headers are read field by field */
};

static sc_pe *new_image(void) {
    sc_pe *pe = calloc(1, sizeof *pe);
    if (pe && !(pe->arena = sc_arena_create())) {
        free(pe);
        return NULL;
    }
    return pe;
}

void sc_pe_close(sc_pe *pe) {
    if (!pe)
        return;
    sc_arena_destroy(pe->arena);
    sc_file_close(pe->own_file);
    free(pe->name);
    free(pe->head);
    free(pe->section);
    free(pe->span);
    SC_VEC_FREE(&pe->relocs);
    free(pe);
}

static sc_err *finish_open(sc_pe *pe, sc_pe **ret_pe) {
    sc_err *err = pe_read_headers(pe);
    if (err) {
        sc_pe_close(pe);
        return err;
    }
    *ret_pe = pe;
    return NULL;
}

sc_err *sc_pe_open_file(const struct sc_file *file, sc_pe **ret_pe) {
    sc_pe *pe = new_image();
    if (!pe)
        return sc_err_nomem();
    pe->file = file;
    return finish_open(pe, ret_pe);
}

sc_err *sc_pe_open(const char *path, sc_pe **ret_pe) {
    sc_pe *pe = new_image();
    if (!pe)
        return sc_err_nomem();
    sc_err *err = sc_file_open(path, 0, &pe->own_file);
    if (err) {
        sc_pe_close(pe);
        return err;
    }
    pe->file = pe->own_file;
    return finish_open(pe, ret_pe);
}

sc_err *sc_pe_open_memory(sc_space *space, uint64_t base, const char *name, sc_pe **ret_pe) {
    sc_pe *pe = new_image();
    if (!pe)
        return sc_err_nomem();
    pe->space = space;
    pe->base = base;
    pe->name = strdup(name);
    pe->head = malloc(PE_HEAD);
    if (!pe->name || !pe->head) {
        sc_pe_close(pe);
        return sc_err_nomem();
    }
    sc_space_read(space, base, pe->head, PE_HEAD, &pe->head_size);
    return finish_open(pe, ret_pe);
}

const char *sc_pe_name(const sc_pe *pe) { return pe->file ? sc_file_name(pe->file) : pe->name; }
bool sc_pe_is_memory(const sc_pe *pe) { return pe->space != NULL; }
unsigned pe_ptr_size(const sc_pe *pe) { return pe->h.is64 ? 8 : 4; }

uint64_t pe_room(const sc_pe *pe, unsigned size) {
    return (pe->file ? sc_file_size(pe->file) : pe->h.image_size) / size;
}

/* ---- RVA to bytes ---- */

/* Index of the first span that starts above RVA. */
static size_t spans_up_to(const sc_pe *pe, uint64_t rva) {
    size_t lo = 0, hi = pe->nsections;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (pe->span[mid].start <= rva)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The last span that starts at or below RVA and reaches over it; NULL if none. */
static const struct pe_span *span_at(const sc_pe *pe, uint64_t rva) {
    size_t at = spans_up_to(pe, rva);
    for (unsigned i = 0; at-- > 0 && i < OVERLAP_WALK; i++) {
        if (rva < pe->span[at].end)
            return &pe->span[at];
    }
    return NULL;
}

const struct sc_pe_section *sc_pe_section_at(const sc_pe *pe, uint32_t rva) {
    const struct pe_span *span = span_at(pe, rva);
    return span ? &pe->section[span->section] : NULL;
}

static uint64_t raw_start(const sc_pe *pe, const struct sc_pe_section *s) {
    return pe->flat ? s->raw_offset : s->raw_offset & ~(uint32_t)(PE_SECTOR - 1);
}

/* A run of bytes of the same kind. */
struct run {
    bool zeros;
    uint64_t offset, len; /* offset: in the file, unless zeros */
};

/* Where the next span behind RVA starts; LIMIT if none does before. */
static uint64_t next_start(const sc_pe *pe, uint64_t rva, uint64_t limit) {
    size_t at = spans_up_to(pe, rva);
    return at < pe->nsections && pe->span[at].start < limit ? pe->span[at].start : limit;
}

/* The run of a file's bytes that RVA begins; false when the image has no such RVA. */
static bool run_at(const sc_pe *pe, uint64_t rva, struct run *ret) {
    const struct pe_span *span = span_at(pe, rva);
    if (!span) {
        uint64_t end = pe->flat ? pe->h.image_size : pe->headers_end;
        if (rva >= end)
            return false;
        *ret = (struct run){false, rva, next_start(pe, rva, end) - rva};
        return true;
    }
    const struct sc_pe_section *s = &pe->section[span->section];
    uint64_t skip = rva - span->start, end = next_start(pe, rva, span->end);
    uint64_t raw = s->raw_offset ? s->raw_size : 0;
    if (skip < raw)
        *ret = (struct run){false, raw_start(pe, s) + skip,
                            (raw < end - span->start ? raw : end - span->start) - skip};
    else
        *ret = (struct run){true, 0, end - rva};
    return true;
}

static enum sc_read read_run(const sc_pe *pe, const struct run *run, void *buf, size_t len,
                             size_t *got) {
    *got = 0;
    if (run->zeros) {
        memset(buf, 0, len);
        *got = len;
        return SC_READ_OK;
    }
    if (!sc_file_read_some(pe->file, run->offset, buf, len, got))
        return SC_READ_IO;
    return *got == len ? SC_READ_OK : SC_READ_ABSENT;
}

static enum sc_read read_file(const sc_pe *pe, uint64_t rva, uint8_t *buf, size_t len,
                              size_t *done) {
    enum sc_read status = SC_READ_OK;
    while (*done < len && status == SC_READ_OK) {
        struct run run;
        if (!run_at(pe, rva + *done, &run))
            return SC_READ_INVALID;
        size_t want = len - *done, got;
        if (want > run.len)
            want = (size_t)run.len;
        status = read_run(pe, &run, buf + *done, want, &got);
        *done += got;
    }
    return status;
}

static enum sc_read read_memory(const sc_pe *pe, uint64_t rva, uint8_t *buf, size_t len,
                                size_t *done) {
    /* Before the headers are read, only the space bounds what is read. */
    uint64_t size = pe->h.image_size ? pe->h.image_size : UINT32_MAX;
    if (rva >= size || pe->base + rva < pe->base)
        return SC_READ_INVALID;
    if (size > UINT64_MAX - pe->base)
        size = UINT64_MAX - pe->base; /* the image reaches over the end of the address space */
    size_t want = len < size - rva ? len : (size_t)(size - rva);
    if (rva < pe->head_size && want == len && len <= pe->head_size - rva) {
        memcpy(buf, pe->head + rva, len);
        *done = len;
        return SC_READ_OK;
    }
    enum sc_read status = sc_space_read(pe->space, pe->base + rva, buf, want, done);
    return status == SC_READ_OK && want < len ? SC_READ_INVALID : status;
}

enum sc_read sc_pe_read(const sc_pe *pe, uint64_t rva, void *buf, size_t len, size_t *ret_got) {
    size_t done = 0;
    enum sc_read status = SC_READ_OK;
    if (len && rva > UINT32_MAX)
        status = SC_READ_INVALID;
    else if (len && pe->file)
        status = read_file(pe, rva, buf, len, &done);
    else if (len)
        status = read_memory(pe, rva, buf, len, &done);
    if (ret_got)
        *ret_got = done;
    return status;
}

sc_err *sc_pe_need(const sc_pe *pe, uint64_t rva, void *buf, size_t len, const char *what) {
    size_t got = 0;
    enum sc_read status = sc_pe_read(pe, rva, buf, len, &got);
    return status == SC_READ_OK ? NULL : pe_read_err(pe, rva + got, status, what);
}

bool sc_pe_rva_to_offset(const sc_pe *pe, uint32_t rva, uint64_t *ret_offset) {
    struct run run;
    if (!pe->file || !run_at(pe, rva, &run) || run.zeros || !sc_file_has(pe->file, run.offset, 1))
        return false;
    *ret_offset = run.offset;
    return true;
}

bool sc_pe_offset_to_rva(const sc_pe *pe, uint64_t offset, uint32_t *ret_rva) {
    uint64_t back;
    if (!pe->file || !sc_file_has(pe->file, offset, 1))
        return false;
    /* Candidates are checked by the way back: a section's tail may not be mapped. */
    for (size_t i = 0; i < pe->nsections; i++) {
        const struct sc_pe_section *s = &pe->section[i];
        uint64_t start = raw_start(pe, s), rva = s->rva + (offset - start);
        if (!s->raw_offset || offset < start || offset - start >= s->raw_size || rva > UINT32_MAX)
            continue;
        if (sc_pe_rva_to_offset(pe, (uint32_t)rva, &back) && back == offset) {
            *ret_rva = (uint32_t)rva;
            return true;
        }
    }
    if (offset > UINT32_MAX || !sc_pe_rva_to_offset(pe, (uint32_t)offset, &back) || back != offset)
        return false;
    *ret_rva = (uint32_t)offset;
    return true;
}

bool sc_pe_va_to_rva(const sc_pe *pe, uint64_t va, uint32_t *ret_rva) {
    uint64_t base = pe->space ? pe->base : pe->h.image_base;
    if (va < base || va - base > UINT32_MAX)
        return false;
    if (va - base >= pe->h.image_size)
        return false;
    *ret_rva = (uint32_t)(va - base);
    return true;
}

/* ---- errors ---- */

static sc_err *err_text(const sc_pe *pe, enum sc_err_code code, uint64_t rva, const char *text) {
    uint64_t offset;
    if (pe->space)
        return sc_errf(code, "%s: address 0x%" PRIx64 ": %s", pe->name, pe->base + rva, text);
    if (rva <= UINT32_MAX && sc_pe_rva_to_offset(pe, (uint32_t)rva, &offset))
        return sc_err_at(code, sc_pe_name(pe), offset, "%s", text);
    /* No byte of the file is to blame but the headers, which lead there. */
    return sc_err_at(code, sc_pe_name(pe), pe->nt_offset, "%s (RVA 0x%" PRIx64 ")", text, rva);
}

sc_err *pe_bad(const sc_pe *pe, uint64_t rva, const char *fmt, ...) {
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_text(pe, SC_ERR_FORMAT, rva, text);
}

sc_err *pe_errf(const sc_pe *pe, enum sc_err_code code, const char *fmt, ...) {
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return sc_errf(code, "%s: %s", sc_pe_name(pe), text);
}

sc_err *pe_read_err(const sc_pe *pe, uint64_t rva, enum sc_read status, const char *what) {
    if (status == SC_READ_INVALID)
        return pe_bad(pe, rva, "%s: RVA 0x%" PRIx64 " lies outside of the image", what, rva);
    if (pe->space)
        return sc_err_mem(pe->base + rva, "%s: %s: memory at 0x%" PRIx64 " is %s", pe->name, what,
                          pe->base + rva, sc_read_name(status));
    struct run run = {0};
    bool known = run_at(pe, rva, &run);
    return sc_err_at(status == SC_READ_IO ? SC_ERR_IO : SC_ERR_FORMAT, sc_pe_name(pe),
                     known ? run.offset : pe->nt_offset, "%s: %s", what,
                     status == SC_READ_IO ? "read failed" : "the file ends before it");
}

sc_err *pe_first(sc_err *first, sc_err *next) {
    if (!first)
        return next;
    sc_err_destroy(next);
    return first;
}
