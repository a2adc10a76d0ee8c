/* SPDX-License-Identifier: MIT */
/* Forged images: what was put in is what our reader finds, in the file and in memory. */
#include "forge/image.h"
#include "unit/pe_support.h"

enum { BASE_X64 = 0x40000000, ANY = 0 };
#define KERNEL UINT64_C(0xfffff80001644000)

static const uint8_t guid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* Opens the image's file; ends the image. */
static void open_forged(struct opened *o, struct forge_image *m) {
    struct forge_bytes bytes = {0};
    if (!forge_image_finish(m, &bytes))
        fail_msg("%s", forge_image_error(m));
    no_error(open_bytes(o, bytes.data, bytes.size));
    o->bytes = bytes;
}

/* The image as memory at BASE. */
static void map_forged(struct opened *o, struct forge_image *m, uint64_t base) {
    struct sc_ranges ranges = {0};
    memset(o, 0, sizeof *o);
    if (!forge_image_map(m, &o->bytes))
        fail_msg("%s", forge_image_error(m));
    ranges.item = calloc(1, sizeof *ranges.item);
    assert_non_null(ranges.item);
    ranges.item[ranges.count++] = (struct sc_range){base, o->bytes.size, 0};
    no_error(sc_file_memory("memory", o->bytes.data, o->bytes.size, 0, &o->file));
    no_error(sc_space_create(o->file, &ranges, 8, NULL, &o->space));
    no_error(sc_pe_open_memory(o->space, base, "made.sys", &o->pe));
}

/* Laying M out fails with these words; ends it. */
static void fails(struct forge_image *m, const char *words) {
    struct forge_bytes bytes;
    assert_false(forge_image_finish(m, &bytes));
    if (!strstr(forge_image_error(m), words))
        fail_msg("\"%s\", want \"%s\"", forge_image_error(m), words);
    assert_false(forge_image_map(m, &bytes)); /* it stays so */
    assert_int_equal(forge_image_sections(m, NULL, 0), 0);
    forge_image_free(m);
}

static void read_is(const sc_pe *pe, uint32_t rva, const void *want, size_t size) {
    uint8_t buf[64];
    no_error(sc_pe_need(pe, rva, buf, size, "a test"));
    assert_memory_equal(buf, want, size);
}

/* Sections in order, on pages, without holes, up to the image's size; in no more than headers. */
static void sections_are_sound(const sc_pe *pe) {
    const struct sc_pe_headers *h = sc_pe_headers(pe);
    const struct sc_pe_section *s;
    size_t n = 0;
    no_error(sc_pe_sections(pe, &s, &n));
    uint32_t align = h->section_alignment, next = (h->headers_size + align - 1) / align * align;
    assert_in_range(n, 0, 96);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(s[i].rva, next);
        assert_in_range(s[i].virtual_size, 1, h->image_size);
        next = (s[i].rva + s[i].virtual_size + align - 1) / align * align;
        assert_true(s[i].raw_size % h->file_alignment == 0);
        assert_true(!s[i].raw_size || s[i].raw_offset >= h->headers_size);
        if (align < 0x1000)
            assert_true(!s[i].raw_size || s[i].raw_offset == s[i].rva);
    }
    assert_int_equal(n ? next : h->image_size, h->image_size);
    size_t nnotes = 0;
    sc_pe_notes(pe, &nnotes);
    assert_int_equal(nnotes, 0);
}

static struct forge_image *kernel(void) {
    struct forge_image *m = forge_image_new(0x8664, KERNEL, 0x5ea000);
    assert_non_null(m);
    forge_image_timestamp(m, 0x4a5bc600, 0x12345);
    return m;
}

static void bytes_stand_where_they_were_put(void **state) {
    struct opened o;
    (void)state;
    for (int mapped = 0; mapped < 2; mapped++) {
        struct forge_image *m = kernel();
        forge_image_bytes(m, 0x522810, "\x48\x83\xec\x28", 4, FORGE_CODE);
        forge_image_bytes(m, 0x522812, "\xec\x28", 2, FORGE_CODE); /* the same again */
        forge_image_bytes(m, 0x1ea000, "data", 4, FORGE_DATA);
        forge_image_bytes(m, 0x1fb123, "page", 4, FORGE_PAGED_CODE);
        forge_image_extent(m, 0x1ec000, 0x3000, FORGE_DATA);
        forge_image_entry(m, 0x522810);
        if (mapped)
            map_forged(&o, m, KERNEL);
        else
            open_forged(&o, m);
        const struct sc_pe_headers *h = sc_pe_headers(o.pe);
        assert_int_equal(h->image_size, 0x5ea000);
        assert_int_equal(h->image_base, KERNEL);
        assert_int_equal(h->timestamp, 0x4a5bc600);
        assert_int_equal(h->checksum, 0x12345);
        assert_int_equal(h->entry, 0x522810);
        sections_are_sound(o.pe);
        read_is(o.pe, 0x52280f, "\xcc\x48\x83\xec\x28\xcc", 5);
        read_is(o.pe, 0x1ea000, "data\0\0\0", 7);
        read_is(o.pe, 0x1fb122, "\xccpage", 5);
        read_is(o.pe, 0x1ed000, "\0\0\0\0", 4);
        read_is(o.pe, 0x300000, "\0\0\0\0", 4);
        assert_string_equal(sc_pe_section_at(o.pe, 0x522810)->name, ".text");
        assert_string_equal(sc_pe_section_at(o.pe, 0x1ed000)->name, ".data");
        assert_string_equal(sc_pe_section_at(o.pe, 0x1fb123)->name, "PAGE");
        assert_int_equal(sc_pe_section_at(o.pe, 0x1fb123)->characteristics, 0x60000020);
        assert_int_equal(sc_pe_section_at(o.pe, 0x1ed000)->characteristics, 0xc8000040);
        if (!mapped) /* the file has only what is there: not 6 MB */
            assert_in_range(o.bytes.size, 0x1000, 0x10000);
        else
            assert_int_equal(o.bytes.size, 0x5ea000);
        close_image(&o);
        forge_image_free(m);
    }
}

static void what_cannot_be_is_named(void **state) {
    (void)state;
    struct forge_image *m = kernel();
    forge_image_bytes(m, 0x2000, "abc", 3, FORGE_DATA);
    forge_image_bytes(m, 0x2001, "bX", 2, FORGE_DATA);
    forge_image_bytes(m, 0x100000000 - 4, "abc", 3, FORGE_DATA); /* the first error stays */
    fails(m, "two things at RVA 0x2002: 0x63 and 0x58");
    m = kernel();
    forge_image_bytes(m, 0x2001, "b", 1, FORGE_CODE);
    forge_image_bytes(m, 0x2ffe, "abc", 3, FORGE_DATA);
    fails(m, "RVA 0x2ffe is data, but 0x2001 on the same page is code");
    m = kernel();
    forge_image_bytes(m, 0xffe, "abc", 3, FORGE_DATA);
    fails(m, "RVA 0xffe belongs to the image's headers");
    m = kernel();
    forge_image_bytes(m, 0x5e9ffe, "abc", 3, FORGE_DATA);
    fails(m, "RVA 0x5e9ffe and 3 bytes from there: the image has 0x5ea000 bytes");
    m = kernel();
    forge_image_extent(m, 0xfffff000, 0x2000, FORGE_DATA);
    fails(m, "RVA 0xfffff000 and 8192 bytes");
    fails(forge_image_new(0x1c4, 0, 0), "machine 0x1c4");
    fails(forge_image_new(0x8664, 0, 0x12345), "0x12345 bytes");
    fails(forge_image_new(0x8664, 0, 0x70000000), "0x70000000 bytes");
    m = kernel();
    struct forge_bytes bytes;
    assert_true(forge_image_finish(m, &bytes));
    forge_bytes_free(&bytes);
    forge_image_export(m, "Late", 0x2000, 0);
    fails(m, "an export: the image is laid out already");
}

/* Read-only data may share a page with anything: so do tables of real images. */
static void kinds_meet_on_a_page(void **state) {
    struct opened o;
    (void)state;
    struct forge_image *m = forge_image_new(0x8664, BASE_X64, ANY);
    forge_image_bytes(m, 0x1000, "ro", 2, FORGE_RDATA);
    forge_image_bytes(m, 0x1800, "code", 4, FORGE_CODE);
    forge_image_bytes(m, 0x3000, "data", 4, FORGE_DATA);
    forge_image_bytes(m, 0x3800, "ro", 2, FORGE_RDATA);
    open_forged(&o, m);
    sections_are_sound(o.pe);
    assert_int_equal(sc_pe_headers(o.pe)->image_size, 0x4000);
    assert_int_equal(sc_pe_section_at(o.pe, 0x1000)->characteristics, 0x60000020);
    assert_int_equal(sc_pe_section_at(o.pe, 0x3800)->characteristics, 0xc0000040);
    close_image(&o);
    forge_image_free(m);
}

/* 400 scattered pages of turning kinds do not fit; of one kind they are one section. */
static void near_and_many_runs_share_sections(void **state) {
    struct opened o;
    const struct sc_pe_section *s;
    size_t n = 0;
    (void)state;
    struct forge_image *m = forge_image_new(0x8664, BASE_X64, 0x3000000);
    for (uint32_t i = 0; i < 400; i++)
        forge_image_bytes(m, 0x1000 + i * 0x15000, "x", 1, FORGE_CODE);
    open_forged(&o, m);
    no_error(sc_pe_sections(o.pe, &s, &n));
    assert_int_equal(n, 1);
    sections_are_sound(o.pe);
    close_image(&o);
    forge_image_free(m);
    m = forge_image_new(0x8664, BASE_X64, 0x3000000);
    for (uint32_t i = 0; i < 80; i++)
        forge_image_bytes(m, 0x2000 + i * 0x15000, "x", 1, i % 2 ? FORGE_CODE : FORGE_DATA);
    open_forged(&o, m);
    no_error(sc_pe_sections(o.pe, &s, &n));
    assert_int_equal(n, 81); /* one in front */
    assert_string_equal(s[80].name, ".text39");
    sections_are_sound(o.pe);
    close_image(&o);
    forge_image_free(m);
    m = forge_image_new(0x8664, BASE_X64, 0x3000000);
    for (uint32_t i = 0; i < 97; i++)
        forge_image_bytes(m, 0x2000 + i * 0x15000, "x", 1, i % 2 ? FORGE_CODE : FORGE_DATA);
    fails(m, "more than 96 sections");
    m = forge_image_new(0x8664, BASE_X64, 0x3000000); /* headers of two pages */
    for (uint32_t i = 0; i < 96; i++)
        forge_image_bytes(m, 0x2000 + i * 0x15000, "x", 1, i % 2 ? FORGE_CODE : FORGE_DATA);
    open_forged(&o, m);
    sections_are_sound(o.pe);
    assert_true(sc_pe_headers(o.pe)->headers_size > 0x1000);
    close_image(&o);
    forge_image_free(m);
}

/* Drivers of old systems: sections on 128 bytes, the file as the memory. */
static void old_drivers_are_not_aligned_to_pages(void **state) {
    struct opened o;
    (void)state;
    for (int mapped = 0; mapped < 2; mapped++) {
        struct forge_image *m = forge_image_new(0x14c, 0xf7a00000, 0x2580);
        forge_image_bytes(m, 0x380, "\x55\x8b\xec", 3, FORGE_CODE);
        forge_image_bytes(m, 0x1b00, "data", 4, FORGE_DATA);
        forge_image_codeview(m, "old.pdb", guid, 3);
        if (mapped)
            map_forged(&o, m, 0xf7a00000);
        else
            open_forged(&o, m);
        sections_are_sound(o.pe);
        assert_int_equal(sc_pe_headers(o.pe)->section_alignment, 0x80);
        assert_int_equal(sc_pe_headers(o.pe)->image_size, 0x2580);
        read_is(o.pe, 0x380, "\x55\x8b\xec\xcc", 4);
        read_is(o.pe, 0x1b00, "data", 4);
        const struct sc_codeview *cv;
        no_error(sc_pe_codeview(o.pe, &cv));
        assert_string_equal(cv->path, "old.pdb");
        close_image(&o);
        forge_image_free(m);
    }
    struct forge_image *m = forge_image_new(0x14c, 0xf7a00000, 0x2580);
    forge_image_bytes(m, 0x1d0, "x", 1, FORGE_CODE);
    fails(m, "no room for their headers");
}

static void an_image_of_headers_alone(void **state) {
    struct opened o;
    (void)state;
    struct forge_image *m = kernel();
    map_forged(&o, m, KERNEL);
    sections_are_sound(o.pe);
    close_image(&o);
    forge_image_free(m);
    m = forge_image_new(0x8664, BASE_X64, ANY);
    open_forged(&o, m);
    assert_int_equal(sc_pe_headers(o.pe)->image_size, 0x1000);
    close_image(&o);
    forge_image_free(m);
}

static bool list_export(void *ctx, const struct sc_pe_export *e) {
    sprintf((char *)ctx + strlen(ctx), "%u:%s=%s%x ", e->ordinal, e->name, e->forward, e->rva);
    return true;
}

static void exports_are_found(void **state) {
    struct opened o;
    char list[512] = "";
    struct sc_pe_export e;
    struct sc_pe_exports head;
    char name[8] = "";
    (void)state;
    struct forge_image *m = forge_image_new(0x14c, BASE_X64, ANY);
    forge_image_export(m, "Zw", 0x1010, 5);
    forge_image_export(m, "Ke", 0x1020, 0);
    forge_image_forward(m, "Rtl", "NTDLL.RtlX");
    forge_image_export(m, NULL, 0x1030, 9);
    forge_image_export(m, "Nt", 0x1010, 5); /* another name of Zw */
    forge_image_name(m, "own.sys");
    open_forged(&o, m);
    no_error(sc_pe_each_export(o.pe, list_export, list));
    assert_string_equal(list, "5:Nt=1010 5:Zw=1010 6:Ke=1020 7:Rtl=NTDLL.RtlX0 9:=1030 ");
    no_error(sc_pe_export_named(o.pe, "Ke", &e));
    assert_int_equal(e.rva, 0x1020);
    no_error(sc_pe_exports(o.pe, &head));
    no_error(sc_pe_need(o.pe, head.name, name, 8, "name"));
    assert_string_equal(name, "own.sys");
    assert_string_equal(sc_pe_section_at(o.pe, 0x1020)->name, ".text");
    close_image(&o);
    forge_image_free(m);
    m = kernel();
    forge_image_export(m, "A", 0x1010, 5);
    forge_image_export(m, "B", 0x1020, 5);
    fails(m, "ordinal 5: A and B");
    m = kernel();
    forge_image_export(m, "A", 0x1010, 5);
    forge_image_export(m, "A", 0x1010, 6);
    fails(m, "two exports are named A");
    m = kernel();
    forge_image_export(m, "A", 0x1010, 1);
    forge_image_export(m, "B", 0x1010, 70000);
    fails(m, "70000 are too many");
    m = kernel();
    forge_image_export(m, "Out", 0x5ea000, 1);
    fails(m, "RVA 0x5ea000");
}

static bool list_import(void *ctx, const struct sc_pe_import *i) {
    if (i->by_ordinal)
        sprintf((char *)ctx + strlen(ctx), "%s#%u@%x ", i->dll, i->ordinal, i->slot);
    else
        sprintf((char *)ctx + strlen(ctx), "%s!%s@%x ", i->dll, i->name, i->slot);
    return true;
}

static struct forge_image *with_imports(void) {
    struct forge_image *m = forge_image_new(0x8664, BASE_X64, ANY);
    forge_image_bytes(m, 0x1000, "code", 4, FORGE_CODE);
    forge_image_import(m, "HAL.dll", "HalX", 0, 0x2018, 0x1122334455667788);
    forge_image_import(m, "nt.exe", "KeA", 7, 0, 0x99);
    forge_image_import(m, "nt.exe", "KeB", 0, 0x2000, 0xfffff80001234567);
    forge_image_import(m, "nt.exe", NULL, 44, 0x2008, 0);
    forge_image_import(m, "nt.exe", "KeC", 0, 0x2030, 0);
    forge_image_import(m, "a.dll", "A1", 0, 0, 0);
    forge_image_import(m, "a.dll", "A2", 0, 0, 0);
    return m;
}

static void imports_have_their_slots(void **state) {
    struct opened o;
    char list[512] = "";
    (void)state;
    struct forge_image *m = with_imports();
    open_forged(&o, m);
    no_error(sc_pe_each_import(o.pe, list_import, list));
    char *own = strstr(list, "a.dll");
    assert_non_null(own);
    assert_string_equal(own, strstr(own, "a.dll!A1@"));
    *own = 0;
    struct sc_pe_directory iat;
    assert_true(sc_pe_directory(o.pe, SC_PE_DIR_IAT, &iat));
    assert_int_equal(iat.rva, 0x2000);
    assert_int_equal(iat.size, 0x38);
    assert_string_equal(list, "nt.exe!KeB@2000 nt.exe#44@2008 HAL.dll!HalX@2018 nt.exe!KeC@2030 ");
    sections_are_sound(o.pe);
    close_image(&o);
    map_forged(&o, m, BASE_X64);
    read_is(o.pe, 0x2000, "\x67\x45\x23\x01\x00\xf8\xff\xff\x2c\0\0\0\0\0\0\x80", 16);
    read_is(o.pe, 0x2018, "\x88\x77\x66\x55\x44\x33\x22\x11\0\0", 10);
    struct sc_pe_slot slot;
    no_error(sc_pe_import_slot(o.pe, 0x2018, &slot));
    assert_string_equal(slot.name, "HalX");
    close_image(&o);
    forge_image_free(m);
}

static void imports_that_clash_are_named(void **state) {
    struct opened o;
    (void)state;
    struct forge_image *m = with_imports();
    forge_image_import(m, "b.dll", "B", 0, 0x2004, 0);
    fails(m, "the slots of KeB and B overlap at RVA 0x2004");
    m = with_imports();
    forge_image_bytes(m, 0x2001, "\x46", 1, FORGE_RDATA);
    fails(m, "two things at RVA 0x2001: 0x46 and the slot of KeB");
    /* Memory as a listing shows it is fine where it says the same, or where no value is given. */
    m = with_imports();
    forge_image_bytes(m, 0x2000, "\x67\x45\x23\x01", 4, FORGE_RDATA);
    forge_image_bytes(m, 0x2030, "\x11\x22\x33\x44\0\0\0\0", 8, FORGE_RDATA);
    map_forged(&o, m, BASE_X64);
    read_is(o.pe, 0x2030, "\x11\x22\x33\x44\0\0\0\0", 8);
    close_image(&o);
    char list[512] = "";
    open_forged(&o, m); /* the file has its thunks all the same */
    no_error(sc_pe_each_import(o.pe, list_import, list));
    assert_non_null(strstr(list, "nt.exe!KeC@2030"));
    uint8_t thunk[8];
    no_error(sc_pe_need(o.pe, 0x2030, thunk, 8, "thunk"));
    assert_memory_not_equal(thunk, "\x11\x22\x33\x44", 4);
    close_image(&o);
    forge_image_free(m);
}

static const struct forge_version version = {
    .file = {6, 1, 7601, 17514},
    .product = {6, 1, 7601, 1},
    .key = {"CompanyName", "FileDescription"},
    .value = {"Made Corporation", "gr\xc3\xbc\xc3\x9f Gott"},
};

static void versions_and_codeview_records(void **state) {
    struct opened o;
    struct sc_pe_versioninfo *v;
    const struct sc_codeview *cv;
    (void)state;
    for (int mapped = 0; mapped < 2; mapped++) {
        struct forge_image *m = kernel();
        forge_image_version(m, &version);
        forge_image_codeview(m, "ntkrnlmp.pdb", guid, 2);
        if (mapped)
            map_forged(&o, m, KERNEL);
        else
            open_forged(&o, m);
        no_error(sc_pe_versioninfo(o.pe, &v));
        assert_int_equal(v->fixed.file[2], 7601);
        assert_int_equal(v->fixed.file[3], 17514);
        assert_int_equal(v->fixed.product[3], 1);
        assert_int_equal(v->nstrings, 2);
        assert_string_equal(sc_pe_version_string(v, "CompanyName"), "Made Corporation");
        assert_string_equal(sc_pe_version_string(v, "FileDescription"), version.value[1]);
        assert_int_equal(v->ntranslations, 1);
        assert_int_equal(v->translations[0], 1200u << 16 | 0x409);
        assert_false(v->cut);
        sc_pe_versioninfo_destroy(v);
        no_error(sc_pe_codeview(o.pe, &cv));
        assert_string_equal(cv->path, "ntkrnlmp.pdb");
        assert_int_equal(cv->age, 2);
        assert_int_equal(cv->guid.a, 0x04030201);
        struct sc_pe_debug entry;
        no_error(sc_pe_debug_at(o.pe, 0, &entry));
        if (!mapped)
            assert_memory_equal(o.bytes.data + entry.offset, "RSDS", 4);
        sections_are_sound(o.pe);
        close_image(&o);
        forge_image_free(m);
    }
}

static void put_functions(struct forge_image *m) {
    forge_image_function(m, &(struct forge_function){.begin = 0x2000,
                                                     .end = 0x2040,
                                                     .chain = 0x1000,
                                                     .code = {{FORGE_UW_SAVE, 0, 6, 0x88}},
                                                     .ncodes = 1});
    forge_image_function(m,
                         &(struct forge_function){.begin = 0x1000,
                                                  .end = 0x1080,
                                                  .info = 0x5008,
                                                  .prolog = 0x1b,
                                                  .frame_register = 5,
                                                  .frame_offset = 2,
                                                  .flags = 1,
                                                  .handler = 0x1500,
                                                  .scope = "\1\2\3\4",
                                                  .scope_size = 4,
                                                  .code = {{FORGE_UW_PUSH, 2, 5, 0},
                                                           {FORGE_UW_ALLOC, 9, 0, 0x80},
                                                           {FORGE_UW_SET_FPREG, 0xe, 0, 0},
                                                           {FORGE_UW_ALLOC, 0x12, 0, 0x88},
                                                           {FORGE_UW_ALLOC, 0x14, 0, 0x80000},
                                                           {FORGE_UW_SAVE, 0x16, 7, 0x80008},
                                                           {FORGE_UW_SAVE_XMM, 0x18, 6, 0x40},
                                                           {FORGE_UW_SAVE_XMM, 0x1b, 15, 0x100008}},
                                                  .ncodes = 8});
    forge_image_function(m, &(struct forge_function){.begin = 0x3000,
                                                     .end = 0x3010,
                                                     .version = 2,
                                                     .prolog = 4,
                                                     .code = {{FORGE_UW_RAW, 0, 0, 0x0a00},
                                                              {FORGE_UW_PUSH, 2, 3, 0},
                                                              {FORGE_UW_ALLOC, 4, 0, 8},
                                                              {FORGE_UW_EPILOG, 0, 1, 6},
                                                              {FORGE_UW_EPILOG, 0, 0, 0x20}},
                                                     .ncodes = 5});
}

static void functions_have_their_unwind_codes(void **state) {
    static const uint16_t first[] = {0xf91b, 0x0008, 0x0010, 0x6818, 0x0004, 0x7516,
                                     0x0008, 0x0008, 0x1114, 0x0000, 0x0008, 0x0112,
                                     0x0011, 0x030e, 0xf209, 0x5002};
    static const uint16_t third[] = {0x1606, 0x0620, 0x0204, 0x3002, 0x0a00};
    struct opened o;
    struct sc_pe_function f, root;
    struct sc_pe_unwind u;
    (void)state;
    for (int mapped = 0; mapped < 2; mapped++) {
        struct forge_image *m = forge_image_new(0x8664, BASE_X64, ANY);
        put_functions(m);
        if (mapped)
            map_forged(&o, m, BASE_X64);
        else
            open_forged(&o, m);
        sections_are_sound(o.pe);
        assert_int_equal(sc_pe_function_count(o.pe), 3);
        no_error(sc_pe_function_at(o.pe, 0, &f));
        assert_int_equal(f.begin, 0x1000);
        assert_int_equal(f.end, 0x1080);
        assert_int_equal(f.unwind, 0x5008);
        no_error(sc_pe_unwind(o.pe, f.unwind, &u));
        assert_int_equal(u.prolog, 0x1b);
        assert_int_equal(u.ncodes, 16);
        assert_memory_equal(u.codes, first, sizeof first);
        assert_int_equal(u.frame_register, 5);
        assert_int_equal(u.frame_offset, 2);
        assert_int_equal(u.flags, SC_PE_UNW_EHANDLER);
        assert_int_equal(u.handler, 0x1500);
        read_is(o.pe, u.handler_data, "\1\2\3\4", 4);
        no_error(sc_pe_function_find(o.pe, 0x203f, &f));
        no_error(sc_pe_unwind(o.pe, f.unwind, &u));
        assert_true(u.chained);
        no_error(sc_pe_function_root(o.pe, &f, &root));
        assert_int_equal(root.begin, 0x1000);
        assert_int_equal(root.unwind, 0x5008);
        no_error(sc_pe_function_find(o.pe, 0x3000, &f));
        no_error(sc_pe_unwind(o.pe, f.unwind, &u));
        assert_int_equal(u.version, 2);
        assert_int_equal(u.ncodes, 5);
        assert_memory_equal(u.codes, third, sizeof third);
        read_is(o.pe, 0x3000, "\xcc\xcc", 2); /* a function is code */
        close_image(&o);
        forge_image_free(m);
    }
}

static struct forge_function plain(uint32_t begin, uint32_t end) {
    return (struct forge_function){.begin = begin, .end = end};
}

/* An image of F alone cannot be. */
static void bad_function(struct forge_function f, const char *words) {
    struct forge_image *m = forge_image_new(0x8664, BASE_X64, ANY);
    forge_image_function(m, &f);
    fails(m, words);
}

static void functions_that_cannot_be_are_named(void **state) {
    (void)state;
    struct forge_image *m = forge_image_new(0x8664, BASE_X64, ANY);
    struct forge_function f = plain(0x1000, 0x1040);
    forge_image_function(m, &f);
    f = plain(0x103f, 0x1080);
    forge_image_function(m, &f);
    fails(m, "functions 0x1000-0x1040 and 0x103f-0x1080 overlap");
    bad_function(plain(0x1000, 0x1000), "function 0x1000 ends at 0x1000");
    f = plain(0x1000, 0x1010);
    f.chain = 0x2000;
    bad_function(f, "function 0x1000 continues 0x2000, where none begins");
    f = plain(0x1000, 0x1010);
    f.flags = 1;
    bad_function(f, "flags 1 do not go with handler 0x0");
    f.flags = 0;
    f.info = 0x2002;
    bad_function(f, "not aligned to 4");
    f = plain(0x1000, 0x1010);
    f.ncodes = 1;
    f.code[0] = (struct forge_unwind_code){FORGE_UW_ALLOC, 0, 0, 12};
    bad_function(f, "cannot be written");
    f.code[0] = (struct forge_unwind_code){FORGE_UW_PUSH, 4, 3, 0};
    bad_function(f, "operation 0 ends at 0x4, its prolog at 0x0");
    f.code[0] = (struct forge_unwind_code){FORGE_UW_SET_FPREG, 0, 0, 0};
    bad_function(f, "cannot be written");
    m = forge_image_new(0x14c, BASE_X64, ANY);
    f = plain(0x1000, 0x1010);
    forge_image_function(m, &f);
    fails(m, "have no function table");
    m = forge_image_new(0x8664, BASE_X64, ANY);
    forge_image_bytes(m, 0x1800, "x", 1, FORGE_DATA);
    forge_image_function(m, &f);
    fails(m, "RVA 0x1000 is code, but 0x1800 on the same page is data");
}

/* The same UNWIND_INFO at one place serves several functions; another one there is an error. */
static void functions_share_what_is_the_same(void **state) {
    struct opened o;
    struct sc_pe_function a, b;
    (void)state;
    struct forge_image *m = forge_image_new(0x8664, BASE_X64, ANY);
    struct forge_function f = {.begin = 0x1000,
                               .end = 0x1010,
                               .info = 0x3000,
                               .prolog = 4,
                               .code = {{FORGE_UW_ALLOC, 4, 0, 0x28}},
                               .ncodes = 1};
    forge_image_function(m, &f);
    f.begin = 0x1010;
    f.end = 0x1020;
    forge_image_function(m, &f);
    open_forged(&o, m);
    no_error(sc_pe_function_at(o.pe, 0, &a));
    no_error(sc_pe_function_at(o.pe, 1, &b));
    assert_int_equal(a.unwind, b.unwind);
    close_image(&o);
    forge_image_free(m);
    m = forge_image_new(0x8664, BASE_X64, ANY);
    forge_image_function(m, &f);
    f.begin = 0x1020;
    f.end = 0x1030;
    f.code[0].value = 0x30;
    forge_image_function(m, &f);
    fails(m, "two things at RVA 0x3005: 0x42 and 0x52");
}

static void arm64_functions(void **state) {
    static const uint8_t xdata[] = {0x08, 0, 0x20, 0x08, 0xe4, 0xe3, 0xe3, 0xe3};
    struct opened o;
    struct sc_pe_function f;
    (void)state;
    struct forge_image *m = forge_image_new(0xaa64, KERNEL, ANY);
    struct forge_function a = {
        .begin = 0x1000, .end = 0x1020, .xdata = xdata, .xdata_size = sizeof xdata};
    struct forge_function b = {.begin = 0x1020, .end = 0x1070, .packed = 20 << 2 | 1};
    forge_image_function(m, &b);
    forge_image_function(m, &a);
    forge_image_bytes(m, 0x1800, "x", 1, FORGE_CODE);
    open_forged(&o, m);
    assert_int_equal(sc_pe_function_count(o.pe), 2);
    no_error(sc_pe_function_at(o.pe, 0, &f));
    assert_int_equal(f.end, 0x1020);
    assert_int_equal(f.packed, 0);
    read_is(o.pe, f.unwind, xdata, sizeof xdata);
    no_error(sc_pe_function_at(o.pe, 1, &f));
    assert_int_equal(f.end, 0x1070);
    assert_int_equal(f.packed, 20 << 2 | 1);
    read_is(o.pe, 0x1000, "\0\0\x3e\xd4", 4); /* brk #0xf000 */
    close_image(&o);
    forge_image_free(m);
    m = forge_image_new(0xaa64, KERNEL, ANY);
    a.end = 0x1024;
    forge_image_function(m, &a);
    fails(m, "its unwind data say 0x20 bytes, and it has 0x24");
    m = forge_image_new(0xaa64, KERNEL, ANY);
    b.packed = 0;
    forge_image_function(m, &b);
    fails(m, "neither .xdata of whole words nor packed data");
}

/* Everything is in use up to the end: tables go into gaps, of pages first, of bytes at last. */
static void a_full_image_uses_its_gaps(void **state) {
    struct opened o;
    struct sc_pe_function f;
    char list[256] = "";
    (void)state;
    for (int tight = 0; tight < 2; tight++) {
        struct forge_image *m = forge_image_new(0x8664, BASE_X64, 0x8000);
        forge_image_extent(m, 0x1000, 0x2f00, FORGE_CODE);
        if (tight)
            forge_image_extent(m, 0x4000, 0x1800, FORGE_DATA);
        forge_image_extent(m, 0x6000, 0x1fc0, FORGE_DATA);
        struct forge_function one = plain(0x1000, 0x1040);
        forge_image_function(m, &one);
        forge_image_export(m, "Foo", 0x1010, 0);
        forge_image_codeview(m, "full.pdb", guid, 1);
        open_forged(&o, m);
        sections_are_sound(o.pe);
        assert_int_equal(sc_pe_headers(o.pe)->image_size, 0x8000);
        no_error(sc_pe_each_export(o.pe, list_export, list));
        assert_string_equal(list, "1:Foo=1010 ");
        list[0] = 0;
        no_error(sc_pe_function_find(o.pe, 0x1010, &f));
        assert_true(f.unwind >= 0x3f00 && f.unwind < 0x6000);
        close_image(&o);
        forge_image_free(m);
    }
    struct forge_image *m = forge_image_new(0x8664, BASE_X64, 0x3000);
    forge_image_extent(m, 0x1000, 0x1ff0, FORGE_CODE);
    struct forge_function one = plain(0x1000, 0x1040);
    forge_image_function(m, &one);
    forge_image_export(m, "Foo", 0x1010, 0);
    /* directory, three tables, "image.dll", "Foo" */
    fails(m, "no room in an image of 0x3000 bytes: 0x40 bytes of tables are left over, the last: "
             "exports");
}

static uint32_t seed(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Many functions of many forms, in a fixed order of chance. */
static void a_thousand_functions(void **state) {
    uint32_t r = 7, at = 0x1000;
    (void)state;
    struct forge_image *m = forge_image_new(0x8664, KERNEL, ANY);
    struct forge_function all[1000];
    for (size_t i = 0; i < 1000; i++) {
        struct forge_function *f = &all[i];
        at += seed(&r) % 64;
        *f = plain(at, at + 16 + seed(&r) % 512);
        at = f->end;
        for (size_t k = seed(&r) % 12; f->ncodes < k; f->ncodes++) {
            f->prolog = (uint8_t)(f->ncodes * 3 + 3);
            bool push = seed(&r) % 2;
            f->code[f->ncodes] = (struct forge_unwind_code){
                push ? FORGE_UW_PUSH : FORGE_UW_ALLOC, f->prolog, seed(&r) % 16,
                push ? 0 : 8 * (1 + seed(&r) % (seed(&r) % 2 ? 16 : 0x20000))};
        }
        forge_image_function(m, f);
    }
    forge_image_export(m, "Odder", 0x1000, 0); /* tables of odd sizes before the aligned ones */
    struct opened o;
    open_forged(&o, m);
    sections_are_sound(o.pe);
    assert_int_equal(sc_pe_function_count(o.pe), 1000);
    for (size_t i = 0; i < 1000; i++) {
        struct sc_pe_function f;
        struct sc_pe_unwind u;
        no_error(sc_pe_function_find(o.pe, all[i].end - 1, &f));
        assert_int_equal(f.begin, all[i].begin);
        assert_int_equal(f.end, all[i].end);
        assert_int_equal(f.unwind % 4, 0);
        no_error(sc_pe_unwind(o.pe, f.unwind, &u));
        size_t slot = u.ncodes;
        for (size_t k = 0; k < all[i].ncodes; k++) { /* decoded from the last slot backwards */
            const struct forge_unwind_code *c = &all[i].code[k];
            size_t n = c->op == FORGE_UW_PUSH || c->value <= 128 ? 1 : c->value < 0x80000 ? 2 : 3;
            slot -= n;
            const uint16_t *s = &u.codes[slot];
            assert_int_equal(s[0] & 0xff, c->at);
            uint32_t size = n == 1   ? (s[0] >> 12) * 8u + 8
                            : n == 2 ? s[1] * 8u
                                     : s[1] | (uint32_t)s[2] << 16;
            if (c->op == FORGE_UW_PUSH)
                assert_int_equal(s[0] >> 8, c->reg << 4);
            else
                assert_int_equal(size, c->value);
        }
        assert_int_equal(slot, 0);
    }
    close_image(&o);
    forge_image_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_stand_where_they_were_put),
        cmocka_unit_test(what_cannot_be_is_named),
        cmocka_unit_test(kinds_meet_on_a_page),
        cmocka_unit_test(near_and_many_runs_share_sections),
        cmocka_unit_test(old_drivers_are_not_aligned_to_pages),
        cmocka_unit_test(an_image_of_headers_alone),
        cmocka_unit_test(exports_are_found),
        cmocka_unit_test(imports_have_their_slots),
        cmocka_unit_test(imports_that_clash_are_named),
        cmocka_unit_test(versions_and_codeview_records),
        cmocka_unit_test(functions_have_their_unwind_codes),
        cmocka_unit_test(functions_that_cannot_be_are_named),
        cmocka_unit_test(functions_share_what_is_the_same),
        cmocka_unit_test(arm64_functions),
        cmocka_unit_test(a_full_image_uses_its_gaps),
        cmocka_unit_test(a_thousand_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
