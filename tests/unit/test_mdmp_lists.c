/* SPDX-License-Identifier: MIT */
/* User minidumps: threads, modules, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/guid.h"
#include "mdmp_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const uint8_t some_bytes[64] = {1, 2, 3, 4, 5, 6, 7, 8};

/* -- threads ------------------------------------------------------------------------------- */

static void thread_fields_names_and_infos_are_read(void **state) {
    (void)state;
    uint8_t context[FORGE_CONTEXT_MAX];
    uint32_t size = forge_context(FORGE_AMD64, 0x401000, 0x7000, 0x7010, context);
    static const struct forge_mdmp_info info = {.exit_status = 0x103,
                                                .create_time = 1,
                                                .exit_time = 2,
                                                .kernel_time = 3,
                                                .user_time = 4,
                                                .start_address = 0x401234,
                                                .affinity = 0xff};
    const struct forge_mdmp_thread threads[] = {
        {.tid = 0x1a4, .teb = 0x7ff0000},
        {.tid = 0x2b8,
         .suspend = 1,
         .priority_class = 0x20,
         .priority = 9,
         .teb = 0x7ff2000,
         .stack = 0x7000,
         .stack_data = some_bytes,
         .stack_size = sizeof some_bytes,
         .context = context,
         .context_size = size,
         .name = "worker \xf0\x9f\x90\x9b",
         .info = &info},
    };
    struct forge_mdmp m = {.arch = FORGE_AMD64, .threads = threads, .nthreads = 2};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.threads.count, 2);
    const struct sc_thread *t = &o.threads.item[0];
    assert_int_equal(t->tid, 0x1a4);
    assert_int_equal(t->context_off, SC_UNSET64);
    assert_int_equal(t->create_time, SC_UNSET64);
    assert_null(t->name);
    assert_false(t->has_info);
    t++;
    assert_int_equal(t->index, 1);
    assert_int_equal(t->tid, 0x2b8);
    assert_int_equal(t->suspend, 1);
    assert_int_equal(t->priority_class, 0x20);
    assert_int_equal(t->priority, 9);
    assert_int_equal(t->teb, 0x7ff2000);
    assert_int_equal(t->stack_start, 0x7000);
    assert_int_equal(t->stack_size, sizeof some_bytes);
    assert_int_equal(t->context_size, size);
    assert_memory_equal(o.file.data + t->context_off, context, size);
    assert_string_equal(t->name, threads[1].name);
    assert_true(t->has_info);
    assert_int_equal(t->exit_status, 0x103);
    assert_int_equal(t->create_time, 1);
    assert_int_equal(t->exit_time, 2);
    assert_int_equal(t->kernel_time, 3);
    assert_int_equal(t->user_time, 4);
    assert_int_equal(t->start_address, 0x401234);
    assert_int_equal(t->affinity, 0xff);
    expect_no_notes(&o);
    close_opened(&o);
}

static void invalid_thread_infos_give_their_flags_only(void **state) {
    (void)state;
    static const struct forge_mdmp_info info = {.dump_flags = 8, .create_time = 99};
    static const struct forge_mdmp_thread threads[] = {{.tid = 1, .info = &info}};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .threads = threads, .nthreads = 1};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.threads.item[0].dump_flags, 8);
    assert_int_equal(o.threads.item[0].create_time, SC_UNSET64);
    close_opened(&o);
}

static void padded_lists_and_extended_threads_are_read(void **state) {
    (void)state;
    static const struct forge_mdmp_thread threads[] = {
        {.tid = 7, .stack = 0x1000, .stack_data = some_bytes, .stack_size = 8},
        {.tid = 8, .stack = 0x2000, .stack_data = some_bytes, .stack_size = 16}};
    static const struct forge_mdmp_module modules[] = {{.base = 0x400000, .size = 0x1000}};
    static const struct forge_mdmp_memory memory[] = {{0x9000, some_bytes, 64}};
    for (int i = 0; i < 4; i++) {
        struct forge_mdmp m = {.arch = FORGE_IA64,
                               .padded = i & 1,
                               .thread_ex = i & 2,
                               .threads = threads,
                               .nthreads = 2,
                               .modules = modules,
                               .nmodules = 1,
                               .memory = memory,
                               .nmemory = 1};
        struct opened o;
        open_forged(&o, &m);
        assert_int_equal(o.threads.count, 2);
        assert_int_equal(o.threads.item[1].tid, 8);
        assert_int_equal(o.modules.count, 1);
        assert_int_equal(o.modules.item[0].base, 0x400000);
        assert_int_equal(o.ranges.count, 3);
        assert_int_equal(o.ranges.item[0].start, 0x9000);
        assert_int_equal(o.ranges.item[1].start, 0x1000);
        assert_int_equal(o.ranges.item[2].size, 16);
        expect_no_notes(&o);
        close_opened(&o);
    }
}

static void an_overstated_count_is_cut_with_a_note(void **state) {
    (void)state;
    static const struct forge_mdmp_thread threads[] = {{.tid = 7}, {.tid = 8}};
    static const struct forge_mdmp_patch lie[] = {{3, 0, 4, 0xffffffff}};
    struct forge_mdmp m = {
        .arch = FORGE_AMD64, .threads = threads, .nthreads = 2, .patch = lie, .npatches = 1};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.threads.count, 2);
    expect_note(&o, rva_of(&m, 3), "says 4294967295 records, has room for 2");
    close_opened(&o);
}

static void contexts_behind_the_end_are_left_out(void **state) {
    (void)state;
    static const struct forge_mdmp_thread threads[] = {
        {.tid = 7, .context = some_bytes, .context_size = 64}};
    static const struct forge_mdmp_patch lie[] = {{3, 4 + 0x28, 4, 0x7fffffff}};
    struct forge_mdmp m = {
        .arch = FORGE_AMD64, .threads = threads, .nthreads = 1, .patch = lie, .npatches = 1};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.threads.item[0].context_off, SC_UNSET64);
    expect_note(&o, rva_of(&m, 3) + 4, "the contexts of 1 threads");
    close_opened(&o);
}

static void breakpads_context_forms_are_noted_once(void **state) {
    (void)state;
    static const struct {
        uint16_t arch;
        uint8_t flags[4];
        const char *note;
    } rows[] = {
        {FORGE_ARM, {2, 0, 0, 0x40}, "Breakpad's ARM form"},
        {FORGE_ARM, {2, 0, 0x20, 0x40}, NULL}, /* Windows, "exception request" */
        {FORGE_ARM64_OLD, {6, 0, 0, 0x80}, "Breakpad's old ARM64 form"},
        {FORGE_ARM64, {7, 0, 0x40, 0x80}, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t context[0x31c] = {0};
        memcpy(context, rows[i].flags, 4);
        const struct forge_mdmp_thread threads[] = {
            {.tid = 1, .context = context, .context_size = sizeof context},
            {.tid = 2, .context = context, .context_size = sizeof context}};
        struct forge_mdmp m = {.arch = rows[i].arch, .threads = threads, .nthreads = 2};
        struct opened o;
        open_forged(&o, &m);
        assert_int_equal(o.threads.item[1].context_size, sizeof context);
        assert_int_equal(o.source->nnotes, rows[i].note != NULL);
        if (rows[i].note)
            expect_note(&o, o.threads.item[0].context_off, rows[i].note);
        close_opened(&o);
    }
}

static void names_of_threads_that_are_not_there_are_noted(void **state) {
    (void)state;
    static const uint8_t names[] = {1, 0, 0, 0, 0x99, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0};
    static const struct forge_mdmp_raw raw[] = {{24, names, sizeof names}};
    static const struct forge_mdmp_thread threads[] = {{.tid = 7}};
    struct forge_mdmp m = {
        .arch = FORGE_AMD64, .threads = threads, .nthreads = 1, .raw = raw, .nraw = 1};
    struct opened o;
    open_forged(&o, &m);
    expect_note(&o, rva_of(&m, 24) + 4, "1 names of threads that are not there");
    close_opened(&o);
}

static void a_thread_name_at_a_wild_offset_is_noted(void **state) {
    (void)state;
    static const uint8_t names[] = {1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80};
    static const struct forge_mdmp_raw raw[] = {{24, names, sizeof names}};
    static const struct forge_mdmp_thread threads[] = {{.tid = 7}};
    struct forge_mdmp m = {
        .arch = FORGE_AMD64, .threads = threads, .nthreads = 1, .raw = raw, .nraw = 1};
    struct opened o;
    open_forged(&o, &m);
    assert_null(o.threads.item[0].name);
    expect_note(&o, 0x8000000000000000, "behind the end of the file");
    close_opened(&o);
}

/* -- modules ------------------------------------------------------------------------------- */

static void module_fields_and_codeview_are_read(void **state) {
    (void)state;
    static const struct forge_mdmp_module modules[] = {
        {.base = 0x7ff800000000,
         .size = 0x1f5000,
         .checksum = 0x1fba2d,
         .timestamp = 0xa280d1d6,
         .path = "C:\\Windows\\System32\\my-lib.v2.dll",
         .version = {10, 0, 19041, 804},
         .pdb = "my-lib.pdb",
         .guid = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc,
                  0xdd, 0xee, 0xff},
         .age = 3}};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .modules = modules, .nmodules = 1};
    struct opened o;
    char guid[SC_GUID_BUF];
    open_forged(&o, &m);
    const struct sc_module *r = &o.modules.item[0];
    assert_int_equal(r->base, 0x7ff800000000);
    assert_int_equal(r->size, 0x1f5000);
    assert_int_equal(r->checksum, 0x1fba2d);
    assert_int_equal(r->timestamp, 0xa280d1d6);
    assert_string_equal(r->path, modules[0].path);
    assert_string_equal(r->image, "my-lib.v2.dll");
    assert_string_equal(r->name, "my_lib.v2");
    assert_true(r->version.present);
    assert_int_equal(r->version.file[2], 19041);
    assert_int_equal(r->version.product[3], 804);
    assert_int_equal(r->version.type, 2);
    assert_int_equal(r->codeview.kind, SC_CV_RSDS);
    assert_string_equal(sc_guid_text(&r->codeview.guid, guid),
                        "{00112233-4455-6677-8899-AABBCCDDEEFF}");
    assert_int_equal(r->codeview.age, 3);
    assert_string_equal(r->codeview.path, "my-lib.pdb");
    assert_int_equal(r->record, rva_of(&m, 4) + 4);
    expect_no_notes(&o);
    close_opened(&o);
}

static void every_kind_of_codeview_record_is_told(void **state) {
    (void)state;
    static const char nb10[] = "NB10\0\0\0\0\x44\x33\x22\x11\x05\0\0\0old.pdb";
    static const char elf[] = "LEpB\x01\x02\x03\x04\x05\x06";
    static const char lldb[] = "RSDS0123456789abcdef"; /* without an age */
    static const char inside[] = "NB11....";
    static const char latin[] = "RSDS0123456789abcdef\x01\0\0\0d\xe9j\xc3\xa0";
    static const char cut[] = "RSDS0123";
    const struct forge_mdmp_module modules[] = {
        {.base = 1, .size = 1, .path = "a", .cv = nb10, .cv_size = sizeof nb10},
        {.base = 2, .size = 1, .path = "b", .cv = elf, .cv_size = sizeof elf - 1},
        {.base = 3, .size = 1, .path = "c", .cv = lldb, .cv_size = sizeof lldb - 1},
        {.base = 4, .size = 1, .path = "d", .cv = inside, .cv_size = sizeof inside},
        {.base = 5, .size = 1, .path = "e", .cv = latin, .cv_size = sizeof latin - 1},
        {.base = 6, .size = 1, .path = "f", .cv = cut, .cv_size = sizeof cut - 1},
        {.base = 7, .size = 1, .path = "g", .misc = "g.dbg"},
    };
    struct forge_mdmp m = {.arch = FORGE_X86, .modules = modules, .nmodules = COUNT(modules)};
    struct opened o;
    open_forged(&o, &m);
    const struct sc_module *r = o.modules.item;
    assert_int_equal(o.modules.count, COUNT(modules));
    assert_int_equal(r[0].codeview.kind, SC_CV_NB10);
    assert_int_equal(r[0].codeview.signature, 0x11223344);
    assert_int_equal(r[0].codeview.age, 5);
    assert_string_equal(r[0].codeview.path, "old.pdb");
    assert_int_equal(r[1].codeview.kind, SC_CV_ELF);
    assert_int_equal(r[1].codeview.guid.a, 0x04030201);
    assert_int_equal(r[1].codeview.guid.b, 0x0605);
    assert_int_equal(r[1].codeview.guid.d[7], 0);
    assert_int_equal(r[2].codeview.kind, SC_CV_RSDS);
    assert_int_equal(r[2].codeview.age, 0);
    assert_null(r[2].codeview.path);
    assert_int_equal(r[3].codeview.kind, SC_CV_OTHER);
    assert_string_equal(r[4].codeview.path, "d\xc3\xa9j\xc3\xa0"); /* Latin-1, then UTF-8 */
    assert_int_equal(r[5].codeview.kind, SC_CV_NONE);
    assert_non_null(find_note(&o, "CodeView record"));
    assert_int_equal(r[6].codeview.kind, SC_CV_OTHER);
    assert_string_equal(r[6].codeview.path, "g.dbg");
    close_opened(&o);
}

static void modules_without_a_name_get_one(void **state) {
    (void)state;
    static const struct forge_mdmp_module modules[] = {
        {.base = 0x10000, .size = 1},
        {.base = 0x20000, .size = 1, .misc = "C:\\old\\driver.exe"},
        {.base = 0x30000, .size = 1, .path = "x"},
    };
    static const struct forge_mdmp_patch lie[] = {{4, 4 + 2 * 0x6c + 0x14, 4, 0x7ffffff0}};
    struct forge_mdmp m = {
        .arch = FORGE_X86, .modules = modules, .nmodules = 3, .patch = lie, .npatches = 1};
    struct opened o;
    open_forged(&o, &m);
    assert_string_equal(o.modules.item[0].image, "Unknown_Module_00010000");
    assert_string_equal(o.modules.item[1].image, "driver.exe");
    assert_string_equal(o.modules.item[1].path, "C:\\old\\driver.exe");
    assert_string_equal(o.modules.item[2].name, "Unknown_Module_00030000");
    expect_note(&o, 0x7ffffff0, "module name");
    close_opened(&o);
}

static void sign_extended_32_bit_addresses_are_narrowed(void **state) {
    (void)state;
    static const struct forge_mdmp_module modules[] = {
        {.base = 0xffffffff80001000, .size = 0x1000, .path = "high.dll"}};
    static const struct forge_mdmp_thread threads[] = {{.tid = 1,
                                                        .teb = 0xffffffffc0000000,
                                                        .stack = 0xffffffff90000000,
                                                        .stack_data = some_bytes,
                                                        .stack_size = 8}};
    static const struct forge_mdmp_unloaded unloaded[] = {
        {.base = 0xffffffffa0000000, .size = 0x1000, .timestamp = 5, .name = "gone.dll"}};
    struct forge_mdmp m = {.arch = FORGE_X86,
                           .modules = modules,
                           .nmodules = 1,
                           .threads = threads,
                           .nthreads = 1,
                           .unloaded = unloaded,
                           .nunloaded = 1};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.modules.item[0].base, 0x80001000);
    assert_int_equal(o.threads.item[0].teb, 0xc0000000);
    assert_int_equal(o.ranges.item[0].start, 0x90000000);
    assert_int_equal(o.unloaded.item[0].base, 0xa0000000);
    close_opened(&o);
    m.arch = FORGE_AMD64;
    open_forged(&o, &m);
    assert_int_equal(o.modules.item[0].base, 0xffffffff80001000);
    close_opened(&o);
}

static void unloaded_modules_are_read(void **state) {
    (void)state;
    static const struct forge_mdmp_unloaded unloaded[] = {
        {.base = 0x10000, .size = 0x2000, .checksum = 3, .timestamp = 4, .name = "one.dll"},
        {.base = 0x20000, .size = 0x3000}};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .unloaded = unloaded, .nunloaded = 2};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.unloaded.count, 2);
    assert_int_equal(o.unloaded.item[0].size, 0x2000);
    assert_int_equal(o.unloaded.item[0].checksum, 3);
    assert_int_equal(o.unloaded.item[0].timestamp, 4);
    assert_string_equal(o.unloaded.item[0].name, "one.dll");
    assert_int_equal(o.unloaded.item[1].record, rva_of(&m, 14) + 0x0c + 0x18);
    assert_string_equal(o.unloaded.item[1].name, "");
    close_opened(&o);
    static const struct forge_mdmp_patch lie[] = {{14, 4, 4, 0x10}}; /* records too small */
    m.patch = lie;
    m.npatches = 1;
    open_forged(&o, &m);
    assert_int_equal(o.unloaded.count, 0);
    expect_note(&o, rva_of(&m, 14), "left out");
    close_opened(&o);
}

/* -- memory -------------------------------------------------------------------------------- */

static void ranges_come_in_order_of_preference(void **state) {
    (void)state;
    static const struct forge_mdmp_memory small[] = {{0x5000, some_bytes, 32}};
    static const struct forge_mdmp_memory full[] = {{0x1000, some_bytes, 16},
                                                    {0x3000, some_bytes + 16, 48}};
    static const struct forge_mdmp_thread threads[] = {
        {.tid = 1, .stack = 0x8000, .stack_data = some_bytes, .stack_size = 8}};
    struct forge_mdmp m = {.arch = FORGE_AMD64,
                           .memory = small,
                           .nmemory = 1,
                           .memory64 = full,
                           .nmemory64 = 2,
                           .threads = threads,
                           .nthreads = 1};
    struct opened o;
    open_forged(&o, &m);
    static const uint64_t starts[] = {0x1000, 0x3000, 0x5000, 0x8000};
    static const uint64_t sizes[] = {16, 48, 32, 8};
    static const size_t from[] = {0, 16, 0, 0};
    assert_int_equal(o.ranges.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(o.ranges.item[i].start, starts[i]);
        assert_int_equal(o.ranges.item[i].size, sizes[i]);
        assert_memory_equal(o.file.data + o.ranges.item[i].offset, some_bytes + from[i],
                            (size_t)sizes[i]);
    }
    expect_no_notes(&o);
    close_opened(&o);
}

static void empty_and_wrapping_ranges_are_dropped(void **state) {
    (void)state;
    static const struct forge_mdmp_memory memory[] = {
        {0x1000, some_bytes, 8},
        {0x2000, NULL, 0},
        {0xfffffffffffffff8, some_bytes, 16},
        {0xfffffffffffffff0, some_bytes, 16},
    };
    struct forge_mdmp m = {.arch = FORGE_AMD64, .memory = memory, .nmemory = 4};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.ranges.count, 1);
    expect_note(&o, rva_of(&m, 5) + 4 + 16, "1 ranges without bytes dropped");
    expect_note(&o, rva_of(&m, 5) + 4 + 32, "2 ranges that run over the end");
    close_opened(&o);
    m.arch = FORGE_X86; /* 0xffff…f8 is 0xfffffff8 there */
    static const struct forge_mdmp_memory low[] = {
        {0xffffff00, some_bytes, 64}, {0xfffffff8, some_bytes, 16}, {0x100000000, some_bytes, 8}};
    m.memory = low;
    m.nmemory = 3;
    open_forged(&o, &m);
    assert_int_equal(o.ranges.count, 1);
    assert_non_null(find_note(&o, "2 ranges that run over the end"));
    close_opened(&o);
}

static void a_cut_full_dump_keeps_what_is_there(void **state) {
    (void)state;
    static const struct forge_mdmp_memory full[] = {
        {0x1000, some_bytes, 32}, {0x2000, some_bytes, 32}, {0x3000, some_bytes, 32}};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .memory64 = full, .nmemory64 = 3};
    struct opened o = {0};
    assert_true(forge_mdmp_build(&m, &o.file));
    assert_null(open_bytes(&o, o.file.size - 40));
    load_all(&o);
    assert_int_equal(o.ranges.count, 2);
    assert_int_equal(o.ranges.item[1].start, 0x2000);
    assert_int_equal(o.ranges.item[1].size, 24);
    expect_note(&o, rva_of(&m, 9) + 16 + 16, "40 bytes of 2 ranges lie behind the end");
    close_opened(&o);
}

static void wild_64_bit_lists_do_no_harm(void **state) {
    (void)state;
    static const struct forge_mdmp_memory full[] = {{0x1000, some_bytes, 32},
                                                    {0x2000, some_bytes, 32}};
    static const struct forge_mdmp_patch lies[] = {
        {9, 0, 8, UINT64_MAX},        /* count */
        {9, 16 + 8, 8, UINT64_MAX},   /* a size that wraps the file offset … */
        {9, 16 + 16 + 8, 8, 1 << 20}, /* … and one behind it */
    };
    struct forge_mdmp m = {
        .arch = FORGE_AMD64, .memory64 = full, .nmemory64 = 2, .patch = lies, .npatches = 3};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.ranges.count, 0);
    assert_non_null(find_note(&o, "has room for 2"));
    close_opened(&o);
    static const struct forge_mdmp_patch base[] = {{9, 8, 8, UINT64_MAX - 4}};
    m.patch = base;
    m.npatches = 1;
    open_forged(&o, &m);
    assert_int_equal(o.ranges.count, 0);
    assert_non_null(find_note(&o, "64 bytes of 2 ranges lie behind the end"));
    close_opened(&o);
}

static void a_hundred_thousand_ranges_are_no_trouble(void **state) {
    (void)state;
    enum { N = 100000 };
    struct forge_mdmp_memory *full = calloc(N, sizeof *full);
    assert_non_null(full);
    for (size_t i = 0; i < N; i++)
        full[i] = (struct forge_mdmp_memory){0x10000 + 0x2000 * i, some_bytes, 16};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .memory64 = full, .nmemory64 = N};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.ranges.count, N);
    assert_int_equal(o.ranges.item[N - 1].offset, o.file.size - 16);
    assert_true(sc_arena_size(o.source->arena) < 64 * 1024);
    close_opened(&o);
    free(full);
}

/* -- strings ------------------------------------------------------------------------------- */

/* 20,000 records that share overlapping strings of 60 kB: bounded by the file, not by them. */
static void shared_strings_do_not_multiply(void **state) {
    (void)state;
    enum { N = 20000, TEXT = 60000 };
    uint8_t *text = malloc(2 * TEXT);
    assert_non_null(text);
    /* Every four bytes read as a length of 0xea60 and as two characters. */
    for (size_t i = 0; i + 4 <= 2 * TEXT; i += 4)
        memcpy(text + i, "\x60\xea\0\0", 4);
    const struct forge_mdmp_raw raw[] = {{0x1000, text, 2 * TEXT}};
    struct forge_mdmp_unloaded *unloaded = calloc(N, sizeof *unloaded);
    assert_non_null(unloaded);
    struct forge_mdmp_patch *patch = calloc(N, sizeof *patch);
    assert_non_null(patch);
    struct forge_mdmp m = {
        .arch = FORGE_AMD64, .raw = raw, .nraw = 1, .unloaded = unloaded, .nunloaded = N};
    struct forge_bytes probe;
    assert_true(forge_mdmp_build(&m, &probe));
    uint32_t base = rva_of(&m, 0x1000);
    forge_bytes_free(&probe);
    for (size_t i = 0; i < N; i++)
        patch[i] = (struct forge_mdmp_patch){14, 0x0c + 0x18 * i + 0x14, 4, base + 4 * (i % 10000)};
    m.patch = patch;
    m.npatches = N;
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.unloaded.count, N);
    assert_true(sc_arena_size(o.source->arena) < 2 * o.file.size + 2 * 1024 * 1024);
    assert_non_null(find_note(&o, "larger than it is"));
    close_opened(&o);
    free(patch);
    free(unloaded);
    free(text);
}

static void overlong_strings_are_left_out(void **state) {
    (void)state;
    static const struct forge_mdmp_unloaded unloaded[] = {{.base = 1, .size = 1, .name = "a"},
                                                          {.base = 2, .size = 1, .name = "b"}};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .unloaded = unloaded, .nunloaded = 2};
    struct opened o;
    open_forged(&o, &m);
    /* The strings stand in front of the list: lengths at -0x10 and -0x08. */
    uint32_t first = rva_of(&m, 14) - 0x10;
    close_opened(&o);
    const struct forge_mdmp_patch lies[] = {{0, first, 4, 0x10000}, {0, first + 8, 4, 3}};
    m.patch = lies;
    m.npatches = 2;
    open_forged(&o, &m);
    assert_string_equal(o.unloaded.item[0].name, "");
    assert_string_equal(o.unloaded.item[1].name, "b"); /* half a character is dropped */
    assert_int_equal(o.source->nnotes, 1);
    assert_non_null(find_note(&o, "unloaded module name"));
    close_opened(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_fields_names_and_infos_are_read),
        cmocka_unit_test(invalid_thread_infos_give_their_flags_only),
        cmocka_unit_test(padded_lists_and_extended_threads_are_read),
        cmocka_unit_test(an_overstated_count_is_cut_with_a_note),
        cmocka_unit_test(contexts_behind_the_end_are_left_out),
        cmocka_unit_test(breakpads_context_forms_are_noted_once),
        cmocka_unit_test(names_of_threads_that_are_not_there_are_noted),
        cmocka_unit_test(a_thread_name_at_a_wild_offset_is_noted),
        cmocka_unit_test(module_fields_and_codeview_are_read),
        cmocka_unit_test(every_kind_of_codeview_record_is_told),
        cmocka_unit_test(modules_without_a_name_get_one),
        cmocka_unit_test(sign_extended_32_bit_addresses_are_narrowed),
        cmocka_unit_test(unloaded_modules_are_read),
        cmocka_unit_test(ranges_come_in_order_of_preference),
        cmocka_unit_test(empty_and_wrapping_ranges_are_dropped),
        cmocka_unit_test(a_cut_full_dump_keeps_what_is_there),
        cmocka_unit_test(wild_64_bit_lists_do_no_harm),
        cmocka_unit_test(a_hundred_thousand_ranges_are_no_trouble),
        cmocka_unit_test(shared_strings_do_not_multiply),
        cmocka_unit_test(overlong_strings_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
