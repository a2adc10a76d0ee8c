/* SPDX-License-Identifier: MIT */
/*
 * Kernel dumps whose pages are listed by a bitmap, which stands behind the header, at 0x1000
 * (32-bit) or 0x2000 (64-bit). Bit N, from the low end of each byte, is page number N.
 *
 *   SUMMARY_DUMP (DumpType 2, up to Windows 7)
 *                         32-bit   64-bit
 *   Signature "SDMP"      +0x00    +0x00
 *   ValidDump "DUMP"      +0x04    +0x04
 *   DumpOptions           +0x08    +0x08   1 kernel addresses, 2 those of the current process
 *   HeaderSize            +0x0c    +0x0c   file offset of the first page
 *   BitmapSize            +0x10    +0x10   bits
 *   Pages                 +0x14    +0x14   set bits
 *   Bitmap.SizeOfBitMap   +0x18    +0x18   bits again
 *   Bitmap.Buffer         +0x1c    +0x20   a pointer without meaning
 *   the bitmap            +0x20    +0x28
 *
 *   Windows 8 and later (DumpTypes 5, 6, 7), 64-bit
 *   Signature             +0x00            "FDMP" or "SDMP"
 *   ValidDump "DUMP"      +0x04
 *   not documented        +0x08            24 bytes
 *   FirstPage             +0x20            u64, file offset of the first page
 *   TotalPresentPages     +0x28            u64, set bits
 *   Pages                 +0x30            u64, bits
 *   the bitmap            +0x38
 *
 * Guessed: the second one's form in 32-bit dumps is documented nowhere. The three that it may have
 * are tried: the same; the three numbers in 32 bits at the same place; the 24 bytes halved as well
 * if they are pointers. The one whose numbers make sense is taken, of several the one whose count
 * of set bits is right.
 *
 * Numbers make sense when the first page is aligned and behind the bitmap, and no more pages are
 * present than there are bits. A dump whose type says one form and whose numbers only make sense
 * in the other is read in the other, and a note says so.
 *
 * Sources: win32metadata (signatures, options), types in public PDBs (SUMMARY_DUMP), kdmp-parser,
 * LeechCore's documentation of its checks.
 */
#include <inttypes.h>

#include "dump/bitmap.h"
#include "dump/kdump_impl.h"

/* Where a form has its numbers: offset and width in bytes. */
struct place {
    uint8_t at, width;
};
struct form {
    const char *name;
    enum sc_kdump_layout layout;
    bool assumed;
    struct place first, present, bits;
    uint8_t bitmap;
};

static const struct form summary64 = {"SUMMARY_DUMP64", SC_KDUMP_SUMMARY, false, {0x0c, 4},
                                      {0x14, 4},        {0x10, 4},        0x28};
static const struct form summary32 = {"SUMMARY_DUMP32", SC_KDUMP_SUMMARY, false, {0x0c, 4},
                                      {0x14, 4},        {0x10, 4},        0x20};
static const struct form bitmap64 = {"BITMAP_DUMP64", SC_KDUMP_BITMAP, false, {0x20, 8},
                                     {0x28, 8},       {0x30, 8},       0x38};
static const struct form bitmap32_same = {"BITMAP_DUMP32", SC_KDUMP_BITMAP, true, {0x20, 8},
                                          {0x28, 8},       {0x30, 8},       0x38};
static const struct form bitmap32_words = {"BITMAP_DUMP32", SC_KDUMP_BITMAP, true, {0x20, 4},
                                           {0x24, 4},       {0x28, 4},       0x2c};
static const struct form bitmap32_halved = {"BITMAP_DUMP32", SC_KDUMP_BITMAP, true, {0x14, 4},
                                            {0x18, 4},       {0x1c, 4},       0x20};

enum { FORMS = 4 };

/* In the order in which they are tried, by the type's own first. */
static const struct form *const forms_summary64[FORMS] = {&summary64, &bitmap64};
static const struct form *const forms_bitmap64[FORMS] = {&bitmap64, &summary64};
static const struct form *const forms_summary32[FORMS] = {&summary32, &bitmap32_same,
                                                          &bitmap32_words, &bitmap32_halved};
static const struct form *const forms_bitmap32[FORMS] = {&bitmap32_same, &bitmap32_words,
                                                         &bitmap32_halved, &summary32};

static const struct form *const *forms_of(const struct sc_kdump_header *h) {
    bool summary = h->dump_type == 2;
    if (h->is64)
        return summary ? forms_summary64 : forms_bitmap64;
    return summary ? forms_summary32 : forms_bitmap32;
}

static uint64_t number(struct sc_source *s, uint64_t part, struct place at) {
    struct sc_cur c = sc_cur_at(s->file, part + at.at, at.width, "bitmap header");
    return sc_uptr(&c, at.width);
}

/* Reads the numbers; false when they make no sense. */
static bool try_form(struct sc_source *s, uint64_t part, const struct form *form,
                     struct sc_kdump_memory *ret) {
    struct sc_kdump_memory m = {.layout = form->layout,
                                .name = form->name,
                                .assumed = form->assumed,
                                .offset = part,
                                .list_offset = part + form->bitmap};
    m.signature = (uint32_t)number(s, part, (struct place){0, 4});
    m.first_page = number(s, part, form->first);
    m.pages = number(s, part, form->present);
    m.bits = number(s, part, form->bits);
    if (form->layout == SC_KDUMP_SUMMARY) {
        m.options = (uint32_t)number(s, part, (struct place){0x08, 4});
        m.rtl_bits = (uint32_t)number(s, part, (struct place){0x18, 4});
    }
    *ret = m;
    return m.bits && m.bits <= SC_BITMAP_BITS_MAX && m.pages && m.pages <= m.bits &&
           m.first_page % SC_KDUMP_PAGE == 0 && m.first_page <= UINT64_C(1) << 62 &&
           m.first_page >= m.list_offset + (m.bits + 7) / 8;
}

static struct sc_bitmap bitmap_of(const struct sc_kdump_memory *m) {
    return (struct sc_bitmap){m->list_offset, m->bits, m->first_page, m->pages};
}

/* Are there as many set bits as the part says? */
static bool count_agrees(struct sc_source *s, const struct sc_kdump_memory *m) {
    const struct sc_bitmap map = bitmap_of(m);
    uint64_t count = 0;
    sc_err *err = sc_bitmap_count(s, &map, &count);
    bool agrees = !err && count == m->pages;
    sc_err_destroy(err);
    return agrees;
}

/* The form whose numbers make sense; of several, the first whose count agrees, else the first. */
static bool choose(struct sc_source *s, uint64_t part, const struct form *const forms[FORMS],
                   struct sc_kdump_memory *ret) {
    struct sc_kdump_memory found[FORMS];
    unsigned n = 0;
    for (unsigned i = 0; i < FORMS && forms[i]; i++)
        n += try_form(s, part, forms[i], &found[n]);
    if (!n)
        return false;
    unsigned best = 0;
    for (unsigned i = 0; n > 1 && found[0].assumed && i < n; i++)
        if (count_agrees(s, &found[i])) {
            best = i;
            break;
        }
    *ret = found[best];
    return true;
}

/* What is odd about the numbers of the form taken. */
static void note_oddities(struct sc_source *s, const struct sc_kdump *kd) {
    const struct sc_kdump_memory *m = &kd->memory;
    bool summary = kd->header.dump_type == 2;
    if ((m->layout == SC_KDUMP_SUMMARY) != summary && kd->header.dump_type != 1)
        sc_source_note(s, m->offset, "DumpType is %" PRIu32 ", but the pages are listed by a %s",
                       kd->header.dump_type, m->name);
    if (m->assumed)
        sc_source_note(s, m->offset,
                       "how 32-bit dumps of this type list their pages is documented nowhere: read "
                       "by analogy (FirstPage 0x%" PRIx64 ", 0x%" PRIx64 " of 0x%" PRIx64 " pages)",
                       m->first_page, m->pages, m->bits);
    if (m->layout == SC_KDUMP_SUMMARY && m->rtl_bits != m->bits)
        sc_source_note(s, m->offset + 0x18,
                       "Bitmap.SizeOfBitMap is 0x%" PRIx32 ", but BitmapSize is 0x%" PRIx64,
                       m->rtl_bits, m->bits);
}

bool sc_kdump_find_bitmap(struct sc_source *source, struct sc_kdump *kd) {
    uint64_t part = sc_kdump_header_size(&kd->header);
    const struct form *const *forms = forms_of(&kd->header);
    if (choose(source, part, forms, &kd->memory)) {
        note_oddities(source, kd);
        return true;
    }
    struct sc_kdump_memory m;
    try_form(source, part, forms[0], &m);
    kd->memory = (struct sc_kdump_memory){0};
    sc_source_note(source, part,
                   "the list of pages cannot be right: the first page at 0x%" PRIx64
                   ", a bitmap of 0x%" PRIx64 " pages, 0x%" PRIx64 " of them in the file",
                   m.first_page, m.bits, m.pages);
    return false;
}

sc_err *sc_kdump_open_bitmap(struct sc_source *source, struct sc_pages *ret_pages) {
    const struct sc_bitmap map = bitmap_of(&sc_kdump_impl(source)->memory);
    return sc_bitmap_pages(source, &map, ret_pages);
}

sc_err *sc_kdump_count_bitmap(struct sc_source *source, uint64_t *ret_pages) {
    const struct sc_bitmap map = bitmap_of(&sc_kdump_impl(source)->memory);
    return sc_bitmap_count(source, &map, ret_pages);
}
