/* SPDX-License-Identifier: MIT */
/*
 * Hibernation files (hiberfil.sys), from Windows XP to 11: recognition.
 *
 *     page 0   PO_MEMORY_IMAGE
 *     +0x00    u32  signature: "hibr" "HIBR" written; "RSTR" being restored; "wake" "WAKE" the
 *                   machine was resumed; "HORM" resumed again and again; "BRKP" stop on resuming
 *     +0x0c    u32  LengthSelf, which tells most versions of the structure apart
 *     +0x10    PageSelf, PageSize, SystemTime, InterruptTime, …: offsets in the table below
 *
 *     old (up to Windows 7): registers in a page, tables of memory ranges: hiber_old.c
 *     new (Windows 8 and later): two restore sets: hiber_new.c
 *
 * When Windows has resumed, it may clear the first page (Windows 7) or most of the file (8 and
 * later). An old file whose first page is clear is still read: its tables are looked for.
 *
 * Where two versions have one length, and in cleared files, the first table decides: only the
 * right form makes ranges of it. Learnt from public PDBs, libhibr's documentation and Rekall's and
 * LeechCore's tables. Guessed: files of a length not in the table are read as the newest ones.
 */
#include "dump/hiber_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Forms of tables: next, count, entries, size of an entry, start, end. */
static const struct hiber_table_form nt5_x86 = {4, 0xc, 0x10, 0x10, 4, 8, false};
static const struct hiber_table_form nt5_x64 = {8, 0x14, 0x20, 0x20, 8, 0x10, true};
static const struct hiber_table_form vista2_x86 = {4, 8, 0xc, 8, 0, 4, false};
static const struct hiber_table_form vista2_x64 = {8, 0x10, 0x18, 0x10, 0, 8, true};
static const struct hiber_table_form win7_x86 = {0, 4, 8, 8, 0, 4, false};
static const struct hiber_table_form win7_x64 = {0, 8, 0x10, 0x10, 0, 8, true};

static const struct hiber_layout old_layouts[] = {
    {"2000", 0x60, false, 0x14, 0x20, &nt5_x86, 0x58, 2, 0, 0, 0, 0, 0},
    {"XP or Server 2003", 0xa8, false, 0x14, 0x20, &nt5_x86, 0x58, 2, 0, 0, 0, 0, 0},
    {"XP or Server 2003", 0xc0, true, 0x18, 0x20, &nt5_x64, 0x68, 2, 0, 0, 0, 0, 0},
    {"Vista", 0xe0, false, 0x14, 0x18, &nt5_x86, 0x50, 4, 0, 0, 0, 0, 0},
    {"7", 0xe0, false, 0x14, 0x18, &win7_x86, 0x4c, 1, 0, 0, 0, 0, 0},
    {"Vista SP1", 0xf0, false, 0x14, 0x18, &nt5_x86, 0x50, 1, 0, 0, 0, 0, 0},
    {"Vista SP2", 0xf0, false, 0x14, 0x18, &vista2_x86, 0x50, 1, 0, 0, 0, 0, 0},
    {"Vista", 0x128, true, 0x18, 0x20, &nt5_x64, 0x68, 4, 0, 0, 0, 0, 0},
    {"7", 0x128, true, 0x18, 0x20, &win7_x64, 0x60, 1, 0, 0, 0, 0, 0},
    {"Vista SP1", 0x140, true, 0x18, 0x20, &nt5_x64, 0x68, 1, 0, 0, 0, 0, 0},
    {"Vista SP2", 0x138, true, 0x18, 0x20, &vista2_x64, 0x68, 1, 0, 0, 0, 0, 0},
};

/* The loader's number of pages, first pages of both sets, the kernel's number, the secure set. */
static const struct hiber_layout new_layouts[] = {
    {"8", 0x360, true, 0x18, 0x20, NULL, 0, 0, 0x58, 0x60, 0x68, 0x1c8, 0},
    {"10 (10240)", 0x3b0, true, 0x18, 0x20, NULL, 0, 0, 0x58, 0x68, 0x70, 0x218, 0x60},
    {"10 (14393)", 0x3c8, true, 0x18, 0x20, NULL, 0, 0, 0x58, 0x68, 0x70, 0x220, 0x60},
    {"10 (15063)", 0x3d8, true, 0x18, 0x20, NULL, 0, 0, 0x58, 0x68, 0x70, 0x230, 0x60},
    {"10 (17763)", 0x3e0, true, 0x18, 0x20, NULL, 0, 0, 0x58, 0x68, 0x70, 0x230, 0x60},
    {"11", 0x448, true, 0x18, 0x20, NULL, 0, 0, 0x58, 0x68, 0x70, 0x230, 0x60},
    {"11 (26100)", 0x4d8, true, 0x18, 0x20, NULL, 0, 0, 0x58, 0x68, 0x70, 0x238, 0x60},
    {"8", 0x2c8, false, 0x14, 0x18, NULL, 0, 0, 0x48, 0x50, 0x54, 0x1b0, 0},
    {"10 (10240)", 0x310, false, 0x14, 0x18, NULL, 0, 0, 0x48, 0x50, 0x54, 0x1f8, 0},
    {"10 (14393)", 0x328, false, 0x14, 0x18, NULL, 0, 0, 0x48, 0x50, 0x54, 0x200, 0},
    {"10 (15063)", 0x338, false, 0x14, 0x18, NULL, 0, 0, 0x48, 0x50, 0x54, 0x210, 0},
    {"10 (17763)", 0x340, false, 0x14, 0x18, NULL, 0, 0, 0x48, 0x50, 0x54, 0x210, 0},
};
/* Of no known length: all of it but how many pages the kernel's set has. */
static const struct hiber_layout unknown_x64 = {
    "(newer than known)", 0, true, 0x18, 0x20, NULL, 0, 0, 0x58, 0x68, 0x70, 0, 0x60};
static const struct hiber_layout unknown_x86 = {
    "(newer than known)", 0, false, 0x14, 0x18, NULL, 0, 0, 0x48, 0x50, 0x54, 0, 0};

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum {
    LENGTH_AT = 0xc,
    LENGTH_NEW = 0x2c0,       /* files of this length or more are new ones */
    LENGTH_MOST = HIBER_PAGE, /* no more than its page */
    CLEARED_SEARCHED = 16,    /* pages in which the first block of a cleared file is looked for */
};

struct head {
    uint8_t byte[HIBER_PAGE];
    size_t size;
    uint32_t length;
};

static uint64_t number(const struct head *h, unsigned offset, unsigned size) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size && offset + i < h->size; i++)
        value |= (uint64_t)h->byte[offset + i] << 8 * i;
    return value;
}

static uint64_t page_number(const struct head *h, unsigned offset, bool is64) {
    return number(h, offset, is64 ? 8 : 4);
}

static bool signed_as(const struct head *h, const char *signature) {
    for (unsigned i = 0; i < 4; i++)
        if ((h->byte[i] | 0x20) != (signature[i] | 0x20))
            return false;
    return true;
}

/* --- which version --- */

/* Keeps the layout whose form makes most of the table. */
static void try_layout(const sc_file *file, const struct hiber_layout *l, uint64_t table,
                       unsigned *most, struct hiber *ret) {
    unsigned fits = hiber_old_fits(file, l->form, table);
    if (fits <= *most)
        return;
    *most = fits;
    *ret = (struct hiber){.layout = l, .first_table = table};
}

static bool old_version(const sc_file *file, const struct head *h, struct hiber *ret) {
    unsigned most = 0;
    for (size_t i = 0; i < COUNT(old_layouts); i++) {
        const struct hiber_layout *l = &old_layouts[i];
        if (l->length == h->length && number(h, l->page_size, 4) == HIBER_PAGE)
            try_layout(file, l, page_number(h, l->first_table, l->is64), &most, ret);
    }
    return most;
}

/* The table stands before the first block. */
static bool cleared_version(const sc_file *file, struct hiber *ret) {
    struct hiber_block block;
    uint64_t page = 2;
    while (page < CLEARED_SEARCHED && !hiber_block_at(file, page * HIBER_PAGE, &block))
        page++;
    if (page == CLEARED_SEARCHED)
        return false;
    unsigned most = 0;
    for (size_t i = 0; i < COUNT(old_layouts); i++)
        try_layout(file, &old_layouts[i], page - 1, &most, ret);
    return most >= HIBER_FITS;
}

/* Never UINT64_MAX, which means that the header does not say. */
static uint64_t count_at(const struct head *h, unsigned offset) {
    uint64_t count = number(h, offset, 8);
    return count == UINT64_MAX ? count - 1 : count;
}

static bool new_fits(const sc_file *file, const struct head *h, const struct hiber_layout *l,
                     struct hiber *ret) {
    if (number(h, l->page_size, 4) != HIBER_PAGE)
        return false;
    *ret = (struct hiber){
        .layout = l,
        .boot_page = page_number(h, l->first_boot, l->is64),
        .boot_pages = count_at(h, l->loader_pages),
        .kernel_page = page_number(h, l->first_kernel, l->is64),
        .kernel_pages = l->kernel_pages ? count_at(h, l->kernel_pages) : UINT64_MAX,
    };
    if (!ret->boot_page || ret->boot_page >= UINT64_MAX / HIBER_PAGE)
        ret->boot_pages = 0;
    if (!ret->kernel_page || ret->kernel_page >= UINT64_MAX / HIBER_PAGE)
        ret->kernel_pages = 0;
    return (ret->boot_pages && hiber_new_fits(file, l->is64, ret->boot_page)) ||
           (ret->kernel_pages && hiber_new_fits(file, l->is64, ret->kernel_page));
}

static bool new_version(const sc_file *file, const struct head *h, struct hiber *ret) {
    for (size_t i = 0; i < COUNT(new_layouts); i++)
        if (new_layouts[i].length == h->length)
            return new_fits(file, h, &new_layouts[i], ret);
    if (h->length < LENGTH_NEW || h->length > LENGTH_MOST)
        return false;
    return new_fits(file, h, &unknown_x64, ret) || new_fits(file, h, &unknown_x86, ret);
}

static bool is_known_length(uint32_t length) {
    for (size_t i = 0; i < COUNT(old_layouts); i++)
        if (old_layouts[i].length == length)
            return true;
    for (size_t i = 0; i < COUNT(new_layouts); i++)
        if (new_layouts[i].length == length)
            return true;
    return false;
}

/* --- opening --- */

static sc_err *refuse(const struct sc_source *s, const struct head *h) {
    const char *name = sc_file_name(s->file);
    if (signed_as(h, "wake") || !number(h, 0, 4))
        return sc_err_at(SC_ERR_FORMAT, name, 0,
                         "the machine was resumed from this hibernation file, and Windows has "
                         "cleared it: no memory is left in it that can be read. Hibernate again, "
                         "and copy the file before the machine is started from its disk");
    if (!is_known_length(h->length))
        return sc_err_at(SC_ERR_UNSUPPORTED, name, LENGTH_AT,
                         "a hibernation file whose header has 0x%" PRIx32
                         " bytes: of no Windows that is known here (XP to 11)",
                         h->length);
    return sc_err_at(SC_ERR_FORMAT, name, 0,
                     "a hibernation file whose list of pages is not where its header says: it is "
                     "cut off, was overwritten, or was never completed");
}

static void note_state(struct sc_source *s, const struct head *h, const struct hiber *hiber) {
    if (signed_as(h, "wake"))
        sc_source_note(s, 0,
                       "the machine was resumed from this file since: parts may be overwritten");
    else if (signed_as(h, "rstr"))
        sc_source_note(s, 0, "the machine was being resumed from this file, and did not finish");
    else if (!number(h, 0, 4))
        sc_source_note(s, 0,
                       "the header of this hibernation file was cleared when the machine was "
                       "resumed: its version was concluded (Windows %s)",
                       hiber->layout->windows);
    if (!hiber->layout->length)
        sc_source_note(s, LENGTH_AT,
                       "a header of 0x%" PRIx32 " bytes is of no Windows that is known here: read "
                       "as the newest one, until its pages end",
                       h->length);
    uint64_t secure = hiber->layout->first_secure
                          ? page_number(h, hiber->layout->first_secure, hiber->layout->is64)
                          : 0;
    if (secure)
        sc_source_note(s, secure < UINT64_MAX / HIBER_PAGE ? secure * HIBER_PAGE : SC_UNSET64,
                       "the secure kernel's pages are encrypted, and left out");
}

static void fill_machine(struct sc_source *s, const struct head *h, const struct hiber *hiber) {
    enum { YEARS_100 = 36525 };
    const struct hiber_layout *l = hiber->layout;
    struct sc_machine *m = &s->machine;
    m->cpu = l->is64 ? SC_CPU_X64 : SC_CPU_X86;
    m->kernel = true;
    m->time = number(h, l->system_time, 8);
    uint64_t up = number(h, l->system_time + 8u, 8);
    if (up && up < YEARS_100 * 86400ull * 10000000)
        m->uptime = up;
    if (l->form && !hiber_cpu_read(s, l))
        sc_source_note(s, SC_UNSET64,
                       "no processor's registers were found: page tables have to be looked for");
}

static void hiber_destroy(struct sc_source *source) { free(source->impl); }

static sc_err *open_pages(struct sc_source *source, struct sc_pages *ret_pages) {
    const struct hiber *hiber = source->impl;
    struct hiber_index index = {0};
    bool ok = hiber->layout->form ? hiber_old_list(source, hiber, &index)
                                  : hiber_new_list(source, hiber, &index);
    if (!ok || !hiber_index_finish(&index)) {
        hiber_index_free(&index);
        return sc_err_nomem();
    }
    if (index.twice)
        sc_source_note(source, SC_UNSET64,
                       "%" PRIu64 " pages are stored more than once: the later ones count",
                       index.twice);
    return hiber_pages_create(source, &index, ret_pages);
}

static const struct sc_source_ops hiber_source_ops = {
    .name = "hibernation file",
    .destroy = hiber_destroy,
    .open_pages = open_pages,
};

static const char *name_of(const struct hiber_layout *l) {
    if (l->form)
        return l->is64 ? "hibernation file of Windows XP to 7, 64-bit"
                       : "hibernation file of Windows XP to 7, 32-bit";
    return l->is64 ? "hibernation file of Windows 8 or later, 64-bit"
                   : "hibernation file of Windows 8 or later, 32-bit";
}

static sc_err *read_head(const sc_file *file, struct head *ret) {
    if (!sc_file_read_some(file, 0, ret->byte, sizeof ret->byte, &ret->size))
        return sc_err_at(SC_ERR_IO, sc_file_name(file), 0, "read failed");
    memset(ret->byte + ret->size, 0, sizeof ret->byte - ret->size);
    ret->length = (uint32_t)number(ret, LENGTH_AT, 4);
    return NULL;
}

sc_err *sc_hiber_open(struct sc_source *source) {
    struct head h;
    struct hiber found;
    sc_err *err = read_head(source->file, &h);
    if (err)
        return err;
    bool known = is_known_length(h.length);
    bool any = new_version(source->file, &h, &found) || old_version(source->file, &h, &found) ||
               (!known && cleared_version(source->file, &found));
    uint64_t offset; /* what could not be read may be what tells one version from another */
    if (sc_file_io_failed(source->file, &offset))
        return sc_err_at(SC_ERR_IO, sc_file_name(source->file), offset, "read failed");
    if (!any)
        return refuse(source, &h);
    struct hiber *hiber = malloc(sizeof *hiber);
    if (!hiber)
        return sc_err_nomem();
    *hiber = found;
    source->impl = hiber;
    source->ops = &hiber_source_ops;
    source->probe.format = SC_FORMAT_HIBERFIL;
    source->probe.is64 = found.layout->is64;
    source->probe.name = name_of(found.layout);
    fill_machine(source, &h, &found);
    note_state(source, &h, &found);
    return NULL;
}

bool sc_hiber_is_cleared(const sc_file *file) {
    struct head h;
    struct hiber found;
    sc_err *err = read_head(file, &h);
    sc_err_destroy(err);
    for (size_t i = 0; !err && i < sizeof h.byte; i++)
        if (h.byte[i])
            return false;
    return !err && h.size == sizeof h.byte && cleared_version(file, &found);
}
