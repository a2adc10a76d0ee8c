/* SPDX-License-Identifier: MIT */
/* User minidumps: the streams that only they have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/guid.h"
#include "mdmp_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A stream of raw bytes: made with a struct forge, given to a dump, freed by end_raw(). */
struct rawstream {
    struct forge f;
    struct forge_bytes bytes;
    struct forge_mdmp_raw raw;
};

static void finish_raw(struct rawstream *r, uint32_t type) {
    if (!forge_finish(&r->f, &r->bytes))
        fail_msg("the forge: %s", forge_error(&r->f));
    r->raw = (struct forge_mdmp_raw){type, r->bytes.data, (uint32_t)r->bytes.size};
    forge_deinit(&r->f);
}

static void open_raw(struct opened *o, struct rawstream *r, struct forge_mdmp *m, uint32_t type) {
    finish_raw(r, type);
    m->arch = FORGE_AMD64;
    m->raw = &r->raw;
    m->nraw = 1;
    open_forged(o, m);
    forge_bytes_free(&r->bytes);
}

/* -- handles ------------------------------------------------------------------------------- */

static const struct forge_mdmp_handle handles[] = {
    {.handle = 4,
     .type = "Event",
     .object = "\\BaseNamedObjects\\Go",
     .attributes = 0x10,
     .access = 0x1f0003,
     .handle_count = 2,
     .pointer_count = 0x8001},
    {.handle = 8, .type = "File", .info_rva = 0},
};

static void handles_of_both_sizes_are_read(void **state) {
    (void)state;
    static const uint32_t sizes[] = {0x20, 0x28, 0x40};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct forge_mdmp m = {
            .arch = FORGE_AMD64, .handles = handles, .nhandles = 2, .handle_size = sizes[i]};
        struct sc_mdmp_handle h;
        struct opened o;
        bool more = false;
        open_forged(&o, &m);
        assert_null(sc_mdmp_handle(o.source, 0, &h, &more));
        assert_true(more);
        assert_int_equal(h.handle, 4);
        assert_string_equal(h.type, "Event");
        assert_string_equal(h.object, "\\BaseNamedObjects\\Go");
        assert_int_equal(h.attributes, 0x10);
        assert_int_equal(h.access, 0x1f0003);
        assert_int_equal(h.handle_count, 2);
        assert_int_equal(h.pointer_count, 0x8001);
        assert_null(sc_mdmp_handle(o.source, 1, &h, &more));
        assert_int_equal(h.handle, 8);
        assert_null(h.object);
        assert_null(sc_mdmp_handle(o.source, 2, &h, &more));
        assert_false(more);
        assert_int_equal(h.handle, 8); /* untouched */
        expect_no_notes(&o);
        close_opened(&o);
    }
}

static void object_information_is_a_chain(void **state) {
    (void)state;
    static const uint8_t blank[40];
    static const struct forge_mdmp_raw raw[] = {{0x1000, blank, sizeof blank}};
    struct forge_mdmp m = {
        .arch = FORGE_AMD64, .handles = handles, .nhandles = 1, .raw = raw, .nraw = 1};
    struct sc_mdmp_object_info info;
    struct sc_mdmp_handle h;
    struct opened o;
    bool more;
    open_forged(&o, &m); /* once, to learn where the raw stream lies */
    uint32_t at = rva_of(&m, 0x1000);
    close_opened(&o);
    struct forge_mdmp_patch patch[] = {
        {12, 0x10 + 0x20, 4, at}, {0x1000, 0, 4, at + 16}, /* next, type, size, data */
        {0x1000, 4, 4, 6},        {0x1000, 8, 4, 4},       {0x1000, 16, 4, 0},
        {0x1000, 20, 4, 77},      {0x1000, 24, 4, 12},
    };
    m.patch = patch;
    m.npatches = COUNT(patch);
    open_forged(&o, &m);
    assert_null(sc_mdmp_handle(o.source, 0, &h, &more));
    assert_int_equal(h.info_rva, at);
    assert_null(sc_mdmp_object_info(o.source, &h, 0, &info, &more));
    assert_true(more);
    assert_string_equal(info.name, "MiniEventInformation1");
    assert_int_equal(info.size, 4);
    assert_int_equal(info.data_offset, at + 12);
    assert_null(sc_mdmp_object_info(o.source, &h, 1, &info, &more));
    assert_int_equal(info.type, 77);
    assert_null(info.name);
    assert_null(sc_mdmp_object_info(o.source, &h, 2, &info, &more));
    assert_false(more);
    close_opened(&o);
    patch[4].value = at; /* the second names the first again */
    open_forged(&o, &m);
    assert_null(sc_mdmp_handle(o.source, 0, &h, &more));
    sc_err *err = sc_mdmp_object_info(o.source, &h, 1000, &info, &more);
    assert_int_equal(sc_err_code(err), SC_ERR_LIMIT);
    sc_err_destroy(err);
    close_opened(&o);
    patch[3].value = 0x10000; /* data behind the end of the file */
    open_forged(&o, &m);
    assert_null(sc_mdmp_handle(o.source, 0, &h, &more));
    expect_error(sc_mdmp_object_info(o.source, &h, 0, &info, &more), SC_ERR_FORMAT, at + 12,
                 "object info");
    close_opened(&o);
}

static void handle_operations_have_their_backtrace(void **state) {
    (void)state;
    struct rawstream r;
    struct forge_mdmp m = {0};
    struct sc_mdmp_handle_op op;
    struct opened o;
    bool more;
    forge_init(&r.f);
    forge_u32(&r.f, 0x10);
    forge_u32(&r.f, 0x120);
    forge_u32(&r.f, 2);
    forge_u32(&r.f, 0);
    for (unsigned i = 0; i < 2; i++) {
        forge_u64(&r.f, 0x44);
        forge_u32(&r.f, 100);
        forge_u32(&r.f, 200 + i);
        forge_u32(&r.f, 2 + i);
        forge_u32(&r.f, 0);
        forge_u32(&r.f, i ? 1000 : 3); /* the second one lies */
        forge_u32(&r.f, 0);
        for (unsigned k = 0; k < 32; k++)
            forge_u64(&r.f, 0x401000 + k);
    }
    open_raw(&o, &r, &m, 18);
    assert_null(sc_mdmp_handle_op(o.source, 0, &op, &more));
    assert_int_equal(op.handle, 0x44);
    assert_int_equal(op.pid, 100);
    assert_int_equal(op.tid, 200);
    assert_int_equal(op.operation, 2);
    assert_int_equal(op.backtrace_frames, 3);
    assert_int_equal(op.backtrace[2], 0x401002);
    assert_int_equal(op.backtrace[3], 0);
    assert_null(sc_mdmp_handle_op(o.source, 1, &op, &more));
    assert_int_equal(op.backtrace_frames, SC_MDMP_TRACE_MAX);
    assert_int_equal(op.backtrace[31], 0x40101f);
    assert_null(sc_mdmp_handle_op(o.source, 2, &op, &more));
    assert_false(more);
    close_opened(&o);
}

/* -- memory info, function tables, tokens -------------------------------------------------- */

static void regions_are_read(void **state) {
    (void)state;
    static const struct forge_mdmp_region regions[] = {
        {0, 0, 0x10000, 0, 0x10000, 1, 0}, {0x7ffe0000, 0x7ffe0000, 0x1000, 2, 0x1000, 4, 0x20000}};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .regions = regions, .nregions = 2};
    struct sc_mdmp_region r;
    struct opened o;
    bool more;
    open_forged(&o, &m);
    assert_null(sc_mdmp_region(o.source, 1, &r, &more));
    assert_true(more);
    assert_int_equal(r.base, 0x7ffe0000);
    assert_int_equal(r.alloc_base, 0x7ffe0000);
    assert_int_equal(r.size, 0x1000);
    assert_int_equal(r.alloc_protect, 2);
    assert_int_equal(r.state, 0x1000);
    assert_int_equal(r.protect, 4);
    assert_int_equal(r.type, 0x20000);
    assert_null(sc_mdmp_region(o.source, 2, &r, &more));
    assert_false(more);
    close_opened(&o);
    static const struct forge_mdmp_patch lie[] = {{16, 8, 8, UINT64_MAX}};
    m.patch = lie;
    m.npatches = 1;
    open_forged(&o, &m);
    assert_null(sc_mdmp_region(o.source, 1, &r, &more));
    assert_true(more);
    assert_null(sc_mdmp_region(o.source, 2, &r, &more));
    assert_false(more);
    expect_note(&o, rva_of(&m, 16), "has room for 2");
    close_opened(&o);
}

/* Two tables of 1 and 2 entries; the header and the first table are padded. */
static void write_tables(struct forge *f) {
    static const uint32_t header[] = {0x18, 0x20, 8, 12, 2, 4};
    for (size_t i = 0; i < COUNT(header); i++)
        forge_u32(f, header[i]);
    forge_u32(f, 0xdeaddead);
    for (uint32_t i = 1; i <= 2; i++) {
        forge_u64(f, 0x1000 * i);
        forge_u64(f, 0x1000 * i + 0x800);
        forge_u64(f, 0x10000);
        forge_u32(f, i);
        forge_u32(f, i == 1 ? 4 : 0);
        forge_fill(f, 0xaa, 8);
        forge_fill(f, (uint8_t)i, 12 * i);
        forge_fill(f, 0xbb, i == 1 ? 4 : 0);
    }
}

static void function_tables_are_walked(void **state) {
    (void)state;
    struct rawstream r;
    struct forge_mdmp m = {0};
    struct sc_mdmp_function_table t;
    struct opened o;
    bool more;
    forge_init(&r.f);
    write_tables(&r.f);
    open_raw(&o, &r, &m, 13);
    static const size_t order[] = {0, 1, 0, 1, 1}; /* backwards, too */
    for (size_t i = 0; i < COUNT(order); i++) {
        assert_null(sc_mdmp_function_table(o.source, order[i], &t, &more));
        assert_true(more);
        assert_int_equal(t.min, 0x1000 * (order[i] + 1));
        assert_int_equal(t.max, t.min + 0x800);
        assert_int_equal(t.base, 0x10000);
        assert_int_equal(t.nentries, order[i] + 1);
        assert_int_equal(t.entry_size, 12);
        assert_int_equal(o.file.data[t.entries_offset], order[i] + 1);
        assert_int_equal(o.file.data[t.native_offset], 0xaa);
        assert_int_equal(t.native_size, 8);
    }
    assert_null(sc_mdmp_function_table(o.source, 2, &t, &more));
    assert_false(more);
    expect_no_notes(&o);
    close_opened(&o);
}

static void damaged_function_tables_are_errors_that_name_the_offset(void **state) {
    (void)state;
    static const struct forge_mdmp_patch lies[][1] = {
        {{13, 0x1c + 0x18, 4, 0x10000000}}, /* entries of the first table */
        {{13, 0x0c, 4, 0}},                 /* entries of no size */
        {{13, 0x04, 4, 8}},                 /* descriptors too small */
    };
    struct sc_mdmp_function_table t;
    for (size_t i = 0; i < COUNT(lies); i++) {
        struct rawstream r;
        struct forge_mdmp m = {.patch = lies[i], .npatches = 1};
        struct opened o;
        bool more = true;
        forge_init(&r.f);
        write_tables(&r.f);
        open_raw(&o, &r, &m, 13);
        uint32_t at = rva_of(&m, 13);
        sc_err *err = sc_mdmp_function_table(o.source, 0, &t, &more);
        if (i == 0)
            expect_error(err, SC_ERR_FORMAT, at + 0x1c + 0x28, "function table");
        else if (i == 1)
            expect_error(err, SC_ERR_FORMAT, at + 0x1c, "entries of no size");
        else
            assert_null(err);
        if (i == 2) {
            assert_false(more);
            expect_note(&o, at, "left out");
        }
        close_opened(&o);
    }
}

static void tokens_are_walked(void **state) {
    (void)state;
    struct rawstream r;
    struct forge_mdmp m = {0};
    struct sc_mdmp_token t;
    struct opened o;
    bool more;
    forge_init(&r.f);
    forge_u32(&r.f, 0);
    forge_u32(&r.f, 3);
    forge_u32(&r.f, 0x10);
    forge_u32(&r.f, 0x48);
    for (uint32_t i = 0; i < 2; i++) {
        forge_u32(&r.f, 0x10 + 8 * i);
        forge_u32(&r.f, 500 + i);
        forge_u64(&r.f, 0x60 + i);
        forge_fill(&r.f, 0x77, 8 * i);
    }
    forge_u32(&r.f, 8); /* less than its header */
    forge_fill(&r.f, 0, 12);
    open_raw(&o, &r, &m, 19);
    assert_null(sc_mdmp_token(o.source, 0, &t, &more));
    assert_int_equal(t.size, 0);
    assert_null(sc_mdmp_token(o.source, 1, &t, &more));
    assert_true(more);
    assert_int_equal(t.size, 8);
    assert_int_equal(t.id, 501);
    assert_int_equal(t.handle, 0x61);
    assert_int_equal(o.file.data[t.data_offset], 0x77);
    uint64_t next = t.data_offset + 8;
    expect_error(sc_mdmp_token(o.source, 2, &t, &more), SC_ERR_FORMAT, next, "TokenSize 0x8");
    close_opened(&o);
}

/* -- counters ------------------------------------------------------------------------------ */

static void system_memory_info_is_read(void **state) {
    (void)state;
    struct rawstream r;
    struct forge_mdmp m = {0};
    struct sc_mdmp_sysmem s;
    struct opened o;
    bool present = false;
    forge_init(&r.f);
    forge_u16(&r.f, 1);
    forge_u16(&r.f, 2);
    forge_u32(&r.f, 156250);
    forge_u32(&r.f, 4096);
    forge_u32(&r.f, 0x3fe000);
    forge_pad_to(&r.f, 0x74);
    for (uint64_t i = 1; i <= 4; i++)
        forge_u64(&r.f, i << 32);
    forge_pad_to(&r.f, 0x1ec);
    open_raw(&o, &r, &m, 21);
    assert_null(sc_mdmp_sysmem(o.source, &s, &present));
    assert_true(present);
    assert_int_equal(s.revision, 1);
    assert_int_equal(s.page_size, 4096);
    assert_int_equal(s.physical_pages, 0x3fe000);
    assert_int_equal(s.available_pages, 1ULL << 32);
    assert_int_equal(s.committed_pages, 2ULL << 32);
    assert_int_equal(s.commit_limit, 3ULL << 32);
    assert_int_equal(s.peak_commitment, 4ULL << 32);
    close_opened(&o);
}

static void both_revisions_of_vm_counters_are_read(void **state) {
    (void)state;
    for (uint16_t revision = 1; revision <= 2; revision++) {
        struct rawstream r;
        struct forge_mdmp m = {0};
        struct sc_mdmp_vm v;
        struct opened o;
        bool present = false;
        forge_init(&r.f);
        forge_u16(&r.f, revision);
        forge_u16(&r.f, 0x1f);
        forge_u32(&r.f, 1234);
        for (uint64_t i = 1; i <= (revision == 1 ? 9u : 18u); i++)
            forge_u64(&r.f, i << 20);
        open_raw(&o, &r, &m, 22);
        assert_null(sc_mdmp_vm(o.source, &v, &present));
        assert_true(present);
        assert_int_equal(v.page_faults, 1234);
        assert_int_equal(v.peak_working_set, 1 << 20);
        assert_int_equal(v.peak_pagefile, 8 << 20);
        assert_int_equal(v.private_usage, (revision == 1 ? 9 : 11) << 20);
        assert_int_equal(v.peak_virtual, revision == 1 ? 0 : 9 << 20);
        assert_int_equal(v.job_total_limit, revision == 1 ? 0 : 18 << 20);
        close_opened(&o);
    }
}

static void short_counters_are_errors_that_name_the_offset(void **state) {
    (void)state;
    struct rawstream r;
    struct forge_mdmp m = {0};
    struct sc_mdmp_vm v;
    struct opened o;
    bool present = false;
    forge_init(&r.f);
    forge_u32(&r.f, 1);
    forge_u32(&r.f, 7);
    open_raw(&o, &r, &m, 22);
    expect_error(sc_mdmp_vm(o.source, &v, &present), SC_ERR_FORMAT, rva_of(&m, 22) + 8,
                 "process VM counters");
    assert_false(present);
    close_opened(&o);
}

/* -- comments ------------------------------------------------------------------------------ */

static void comments_of_both_widths_are_joined(void **state) {
    (void)state;
    static const struct {
        const char *a, *w, *comment;
    } rows[] = {
        {NULL, NULL, NULL},
        {"plain", NULL, "plain"},
        {NULL, "wide \xe2\x82\xac", "wide \xe2\x82\xac"},
        {"same", "same", "same"},
        {"one", "two", "two\none"},
        {"caf\xe9", NULL, "caf\xc3\xa9"},
        {"", NULL, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct forge_mdmp m = {.arch = FORGE_AMD64, .comment_a = rows[i].a, .comment_w = rows[i].w};
        struct opened o;
        open_forged(&o, &m);
        const char *comment = sc_mdmp_comment(o.source);
        if (rows[i].comment)
            assert_string_equal(comment, rows[i].comment);
        else
            assert_null(comment);
        assert_ptr_equal(comment, o.source->machine.comment);
        close_opened(&o);
    }
}

static void huge_comments_are_cut(void **state) {
    (void)state;
    struct rawstream r;
    struct forge_mdmp m = {0};
    struct opened o;
    forge_init(&r.f);
    forge_fill(&r.f, 'x', 0x180000);
    open_raw(&o, &r, &m, 10);
    assert_int_equal(strlen(o.source->machine.comment), 1 << 20);
    expect_note(&o, rva_of(&m, 10), "only the first 0x100000");
    close_opened(&o);
}

/* -- Breakpad and Crashpad ----------------------------------------------------------------- */

static void assertions_are_read(void **state) {
    (void)state;
    struct rawstream r;
    struct forge_mdmp m = {0};
    struct sc_mdmp_assertion a;
    struct opened o;
    forge_init(&r.f);
    forge_utf16(&r.f, "x != 0");
    forge_pad_to(&r.f, 0x200);
    forge_utf16(&r.f, "main.c");
    forge_pad_to(&r.f, 0x300);
    forge_u32(&r.f, 42);
    forge_u32(&r.f, 1);
    open_raw(&o, &r, &m, 0x47670002);
    assert_true(sc_mdmp_assertion(o.source, &a));
    assert_string_equal(a.expression, "x != 0");
    assert_null(a.function);
    assert_string_equal(a.file, "main.c");
    assert_int_equal(a.line, 42);
    assert_int_equal(a.type, 1);
    close_opened(&o);
}

/* Where the parts of the Crashpad stream below lie, from its beginning. */
struct pads {
    uint32_t simple, modules, info, messages, module_simple, objects, end;
    uint32_t text[8];
};

/*
 * The stream with everything: BASE is where it will lie in the file. Two process annotations; one
 * module with a message, an annotation, and objects of types 1, 0 (unset) and 0x8001.
 */
static void write_crashpad(struct forge *f, uint32_t base, struct pads *p) {
    static const char *const texts[] = {"key",        "value", "msg", "name",
                                        "ob\xc3\xa9", "text",  "bits"};
    forge_u32(f, 1);
    forge_fill(f, 0x11, 16);
    forge_fill(f, 0x22, 16);
    forge_u32(f, 20);
    forge_u32(f, base + p->simple);
    forge_u32(f, 16);
    forge_u32(f, base + p->modules);
    forge_u32(f, 0);
    forge_u64(f, 0xff00000000000000);
    p->simple = (uint32_t)forge_here(f);
    forge_u32(f, 2);
    forge_u32(f, base + p->text[0]);
    forge_u32(f, base + p->text[1]);
    forge_u32(f, base + p->text[3]);
    forge_u32(f, 0); /* no value */
    p->modules = (uint32_t)forge_here(f);
    forge_u32(f, 1);
    forge_u32(f, 0);
    forge_u32(f, 0x1c);
    forge_u32(f, base + p->info);
    p->info = (uint32_t)forge_here(f);
    forge_u32(f, 1);
    const uint32_t lists[] = {8, p->messages, 12, p->module_simple, 40, p->objects};
    for (size_t i = 0; i < 3; i++) {
        forge_u32(f, lists[2 * i]);
        forge_u32(f, base + lists[2 * i + 1]);
    }
    p->messages = (uint32_t)forge_here(f);
    forge_u32(f, 1);
    forge_u32(f, base + p->text[2]);
    p->module_simple = (uint32_t)forge_here(f);
    forge_u32(f, 1);
    forge_u32(f, base + p->text[3]);
    forge_u32(f, base + p->text[1]);
    p->objects = (uint32_t)forge_here(f);
    forge_u32(f, 3);
    static const uint32_t object[3][2] = {{4, 5}, {0, 0}, {6, 7}};
    static const uint16_t type[3] = {1, 0, 0x8001};
    for (size_t i = 0; i < 3; i++) {
        forge_u32(f, base + p->text[object[i][0]]);
        forge_u16(f, type[i]);
        forge_u16(f, 0);
        forge_u32(f, base + p->text[object[i][1]]);
    }
    for (size_t i = 0; i < COUNT(texts); i++)
        p->text[i] = forge_mdmp_utf8(f, texts[i]);
    forge_align(f, 4);
    p->text[7] = (uint32_t)forge_here(f);
    forge_u32(f, 3);
    forge_put(f, "\x01\xab\x00", 3);
    p->end = (uint32_t)forge_here(f);
}

static void build_crashpad(struct rawstream *r, struct forge_mdmp *m) {
    static const struct forge_mdmp_module modules[] = {
        {.base = 0x1000, .size = 0x1000, .path = "C:\\app\\game.exe"}};
    struct pads pads = {0};
    uint32_t base = 0;
    m->arch = FORGE_AMD64;
    m->modules = modules;
    m->nmodules = 1;
    m->raw = &r->raw;
    m->nraw = 1;
    for (int pass = 0; pass < 3; pass++) { /* offsets settle in the second, the base in the third */
        struct forge_bytes file;
        forge_init(&r->f);
        write_crashpad(&r->f, base, &pads);
        forge_bytes_free(&r->bytes);
        finish_raw(r, 0x43500001);
        const struct forge_mdmp_patch *patch = m->patch;
        size_t npatches = m->npatches;
        m->npatches = 0;
        assert_true(forge_mdmp_build(m, &file));
        forge_bytes_free(&file);
        m->patch = patch;
        m->npatches = npatches;
        base = rva_of(m, 0x43500001);
    }
}

static void crashpad_annotations_are_listed(void **state) {
    (void)state;
    static const struct {
        const char *module, *name, *value;
        uint32_t type, size;
    } rows[] = {
        {NULL, "key", "value", 1, 5},
        {NULL, "name", NULL, 1, 0},
        {"game.exe", NULL, "msg", 1, 3},
        {"game.exe", "name", "value", 1, 5},
        {"game.exe", "ob\xc3\xa9", "text", 1, 4},
        {"game.exe", "bits", "0x01ab00", 0x8001, 3},
    };
    struct rawstream r = {0};
    struct forge_mdmp m = {0};
    struct sc_mdmp_crashpad c;
    struct sc_mdmp_annotation a;
    struct opened o;
    bool more;
    build_crashpad(&r, &m);
    open_forged(&o, &m);
    assert_true(sc_mdmp_crashpad(o.source, &c));
    assert_int_equal(c.version, 1);
    assert_int_equal(c.report_id.a, 0x11111111);
    assert_int_equal(c.client_id.d[7], 0x22);
    assert_int_equal(c.address_mask, 0xff00000000000000);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_null(sc_mdmp_annotation(o.source, i, &a, &more));
        assert_true(more);
        const char *const ours[] = {a.module, a.name, a.value};
        const char *const want[] = {rows[i].module, rows[i].name, rows[i].value};
        for (int k = 0; k < 3; k++) {
            assert_int_equal(ours[k] != NULL, want[k] != NULL);
            if (want[k])
                assert_string_equal(ours[k], want[k]);
        }
        assert_int_equal(a.type, rows[i].type);
        assert_int_equal(a.size, rows[i].size);
    }
    assert_null(sc_mdmp_annotation(o.source, COUNT(rows), &a, &more));
    assert_false(more);
    expect_no_notes(&o);
    close_opened(&o);
    forge_bytes_free(&r.bytes);
}

static void damaged_crashpad_lists_are_noted(void **state) {
    (void)state;
    static const struct forge_mdmp_patch lies[] = {
        {0x43500001, 0x40, 4, 0xffffffff},     /* count of the process annotations */
        {0x43500001, 0x2c + 4, 4, 0x7ffffff0}, /* the module list is elsewhere */
    };
    struct rawstream r = {0};
    struct forge_mdmp m = {.patch = lies, .npatches = 2};
    struct sc_mdmp_annotation a;
    struct opened o;
    bool more;
    build_crashpad(&r, &m);
    open_forged(&o, &m);
    assert_null(sc_mdmp_annotation(o.source, 0, &a, &more));
    assert_true(more);
    assert_string_equal(a.name, "key");
    expect_note(&o, rva_of(&m, 0x43500001) + 0x40, "says 4294967295 records");
    expect_note(&o, 0x7ffffff0, "Crashpad module list");
    close_opened(&o);
    forge_bytes_free(&r.bytes);
}

/* A module list of many links to one long dictionary: the rows are bounded by the file's size. */
static void repeated_crashpad_lists_are_bounded(void **state) {
    (void)state;
    enum { LINKS = 2000, KEYS = 5000 };
    struct rawstream r;
    struct forge_mdmp m = {0};
    struct opened o;
    uint32_t base = 0;
    for (int pass = 0; pass < 2; pass++) {
        uint32_t links = 0x34, info = links + 4 + 12 * LINKS, keys = info + 0x14;
        forge_init(&r.f);
        forge_u32(&r.f, 1);
        forge_fill(&r.f, 0, 40);
        forge_u32(&r.f, 4 + 12 * LINKS);
        forge_u32(&r.f, base + links);
        forge_u32(&r.f, LINKS);
        for (int i = 0; i < LINKS; i++) {
            forge_u32(&r.f, (uint32_t)i);
            forge_u32(&r.f, 0x14);
            forge_u32(&r.f, base + info);
        }
        forge_u32(&r.f, 1);
        forge_u64(&r.f, 0);
        forge_u32(&r.f, 4 + 8 * KEYS);
        forge_u32(&r.f, base + keys);
        forge_u32(&r.f, KEYS);
        for (int i = 0; i < KEYS; i++) {
            forge_u32(&r.f, base); /* "1…": a string of one byte */
            forge_u32(&r.f, base);
        }
        open_raw(&o, &r, &m, 0x43500001);
        base = rva_of(&m, 0x43500001);
        if (pass == 0)
            close_opened(&o);
    }
    struct sc_mdmp_annotation a;
    bool more = true;
    size_t n = 0;
    while (assert_null(sc_mdmp_annotation(o.source, n, &a, &more)), more)
        n++;
    assert_in_range(n, KEYS, (2 * o.file.size + (1 << 20)) / sizeof a);
    assert_non_null(find_note(&o, "larger than it is"));
    close_opened(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles_of_both_sizes_are_read),
        cmocka_unit_test(object_information_is_a_chain),
        cmocka_unit_test(handle_operations_have_their_backtrace),
        cmocka_unit_test(regions_are_read),
        cmocka_unit_test(function_tables_are_walked),
        cmocka_unit_test(damaged_function_tables_are_errors_that_name_the_offset),
        cmocka_unit_test(tokens_are_walked),
        cmocka_unit_test(system_memory_info_is_read),
        cmocka_unit_test(both_revisions_of_vm_counters_are_read),
        cmocka_unit_test(short_counters_are_errors_that_name_the_offset),
        cmocka_unit_test(comments_of_both_widths_are_joined),
        cmocka_unit_test(huge_comments_are_cut),
        cmocka_unit_test(assertions_are_read),
        cmocka_unit_test(crashpad_annotations_are_listed),
        cmocka_unit_test(damaged_crashpad_lists_are_noted),
        cmocka_unit_test(repeated_crashpad_lists_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
