/* SPDX-License-Identifier: MIT */
/*
 * Hibernation files of every generation, forged: each page is what was in memory, what was not
 * there is absent, and damage is said.
 */
#include "hiber_fixture.h"

/* --- all generations --- */

/* Every page through read(), then all runs through next(). */
static void check_memory(const struct made *m, struct sc_pages *pages) {
    uint8_t want[PAGE], got[PAGE];
    uint64_t there = 0;
    for (size_t i = 0; i < MEMORY_RUNS; i++) {
        const struct forge_hiber_run *run = &memory_runs[i];
        for (uint64_t pfn = run->pfn - 1; pfn <= run->pfn + run->count; pfn++) {
            size_t n = 99;
            enum sc_read status = pages->ops->read(pages->impl, pfn * PAGE, got, PAGE, &n);
            assert_int_equal(status, has_page(&m->memory, pfn) ? SC_READ_OK : SC_READ_ABSENT);
            assert_int_equal(n, status == SC_READ_OK ? PAGE : 0);
            if (status != SC_READ_OK)
                continue;
            make_page(pfn, want);
            assert_memory_equal(got, want, PAGE);
            there++;
        }
    }
    uint64_t at = 0, start, size, listed = 0;
    while (pages->ops->next(pages->impl, at, &start, &size)) {
        assert_true(size && start + size > at && start >= at);
        for (uint64_t a = start; a < start + size; a += PAGE)
            assert_true(has_page(&m->memory, a / PAGE));
        listed += size / PAGE;
        at = start + size;
    }
    assert_int_equal(listed, there);
}

static void check_machine(const struct made *m, const struct sc_source *s) {
    bool is64 = forge_hiber_is64(m->hiber.kind);
    assert_int_equal(s->probe.format, SC_FORMAT_HIBERFIL);
    assert_int_equal(s->probe.is64, is64);
    assert_int_equal(s->machine.cpu, is64 ? SC_CPU_X64 : SC_CPU_X86);
    assert_true(s->machine.kernel && !s->machine.has_bugcheck);
    assert_int_equal(s->machine.time, 0x01d45d8e1b2c3d40);
    assert_int_equal(s->machine.uptime, 36000000000);
    if (m->hiber.kind >= FORGE_HIBER_OLD_KINDS)
        return;
    struct sc_regs regs;
    uint8_t context[0x4d0];
    assert_int_equal(s->machine.dtb, 0x1aa000);
    assert_true(s->machine.pae);
    assert_int_equal(s->machine.event_context_size, is64 ? 0x4d0 : 0x2cc);
    must(sc_file_read(s->file, s->machine.event_context_off, context,
                      s->machine.event_context_size));
    must(sc_regs_init(&regs, s->machine.cpu, context, s->machine.event_context_size));
    assert_int_equal(sc_regs_ip(&regs), is64 ? 0xfffff80002abcdef : 0x82abcdef);
}

static void read_back(struct made *m) {
    struct sc_source *s;
    for (unsigned flags = 0; flags <= SC_FILE_NO_MMAP; flags += SC_FILE_NO_MMAP) {
        struct sc_pages pages = {0};
        must(open_bytes(&m->file, flags, &s));
        check_machine(m, s);
        must(s->ops->open_pages(s, &pages));
        check_memory(m, &pages);
        assert_int_equal(s->nnotes, 0);
        close_all(s, &pages);
    }
}

static void test_every_generation_is_read(void **state) {
    (void)state;
    for (int kind = 0; kind < FORGE_HIBER_KINDS; kind++)
        for (int ragged = 0; ragged < 2; ragged++) {
            struct made m;
            made_init(&m, kind);
            m.memory.ragged = m.hiber.scattered = ragged;
            made_write(&m);
            read_back(&m);
            forge_bytes_free(&m.file);
        }
}

static void test_every_packing_is_read(void **state) {
    (void)state;
    static const enum forge_hiber_kind kinds[] = {FORGE_HIBER_XP_X86, FORGE_HIBER_7_X64,
                                                  FORGE_HIBER_17763_X64};
    for (size_t i = 0; i < 3; i++)
        for (int packing = FORGE_HIBER_AS_USUAL; packing <= FORGE_HIBER_STORED; packing++) {
            struct made m;
            made_init(&m, kinds[i]);
            m.hiber.packing = packing;
            made_write(&m);
            read_back(&m);
            forge_bytes_free(&m.file);
        }
}

/* Method 1 should be plain, and may be Huffman: both are found out. */
static void test_the_method_nobody_has_seen(void **state) {
    (void)state;
    for (int huffman = 0; huffman < 2; huffman++) {
        struct made m;
        made_init(&m, FORGE_HIBER_10240_X64);
        m.hiber.packing = huffman ? FORGE_HIBER_HUFFMAN : FORGE_HIBER_PLAIN;
        m.hiber.loader_pages_end = 0; /* all in the kernel's set */
        made_write(&m);
        uint64_t at;
        memcpy(&at, m.file.data + 0x70, 8);
        for (at *= PAGE; at + 4 < m.file.size && m.file.data[at];) {
            uint32_t word;
            memcpy(&word, m.file.data + at, 4);
            word = (word & 0x3fffffff) | 1u << 30;
            memcpy(m.file.data + at, &word, 4);
            at += 4 + (word & 0xff) * 8 + (word >> 8 & 0x3fffff);
        }
        read_back(&m);
        forge_bytes_free(&m.file);
    }
}

static void test_what_is_stored_as_it_is_has_an_offset(void **state) {
    (void)state;
    for (int stored = 0; stored < 2; stored++) {
        struct made m;
        struct sc_source *s;
        struct sc_pages pages = {0};
        made_init(&m, FORGE_HIBER_7_X64);
        m.hiber.packing = stored ? FORGE_HIBER_STORED : FORGE_HIBER_PLAIN;
        made_write(&m);
        must(open_bytes(&m.file, 0, &s));
        must(s->ops->open_pages(s, &pages));
        uint64_t offset = 0;
        uint8_t page[PAGE];
        make_page(0x102, page);
        bool has = pages.ops->offset(pages.impl, 0x102123, &offset);
        assert_int_equal(has, stored);
        if (stored)
            assert_memory_equal(m.file.data + offset, page + 0x123, PAGE - 0x123);
        assert_false(pages.ops->offset(pages.impl, 0x140000, &offset)); /* not there */
        close_all(s, &pages);
        forge_bytes_free(&m.file);
    }
}

static void test_reads_may_begin_and_end_anywhere(void **state) {
    (void)state;
    struct made m;
    struct sc_source *s;
    struct sc_pages pages = {0};
    uint64_t seed = 4;
    made_init(&m, FORGE_HIBER_22000_X64);
    made_write(&m);
    must(open_bytes(&m.file, 0, &s));
    must(s->ops->open_pages(s, &pages));
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t got[3 * PAGE], want[PAGE];
        uint64_t addr = 0x100000 + random_below(&seed, 690 * PAGE);
        size_t n, len = 1 + (size_t)random_below(&seed, sizeof got);
        enum sc_read status = pages.ops->read(pages.impl, addr, got, len, &n);
        assert_int_equal(status == SC_READ_OK, has_page(&m.memory, addr / PAGE));
        assert_true(n <= len && (n > 0) == (status == SC_READ_OK));
        for (size_t k = 0; k < n;) {
            size_t in = (addr + k) % PAGE, part = PAGE - in < n - k ? PAGE - in : n - k;
            make_page((addr + k) / PAGE, want);
            assert_memory_equal(got + k, want + in, part);
            k += part;
        }
    }
    close_all(s, &pages);
    forge_bytes_free(&m.file);
}

/* --- what became of the file --- */

static void test_signatures_of_all_states(void **state) {
    (void)state;
    static const struct {
        const char *signature, *note;
    } row[] = {{"hibr", NULL},
               {"HIBR", NULL},
               {"HORM", NULL},
               {"BRKP", NULL},
               {"WAKE", "was resumed from this file"},
               {"wake", "was resumed from this file"},
               {"RSTR", "did not finish"}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        for (int new = 0; new < 2; new ++) {
            struct made m;
            struct sc_source *s;
            struct sc_pages pages = {0};
            made_init(&m, new ? FORGE_HIBER_17763_X64 : FORGE_HIBER_XP_X86);
            m.hiber.signature = row[i].signature;
            made_write(&m);
            must(open_bytes(&m.file, 0, &s));
            must(s->ops->open_pages(s, &pages));
            check_memory(&m, &pages);
            assert_int_equal(s->nnotes, row[i].note ? 1 : 0);
            assert_true(!row[i].note || note_with(s, row[i].note));
            close_all(s, &pages);
            forge_bytes_free(&m.file);
        }
}

static void test_a_cleared_header_of_an_old_file_is_no_obstacle(void **state) {
    (void)state;
    for (int kind = 0; kind < FORGE_HIBER_OLD_KINDS; kind++)
        for (int ragged = 0; ragged < 2; ragged++) {
            struct made m;
            struct sc_source *s;
            struct sc_pages pages = {0};
            made_init(&m, kind);
            m.hiber.cleared = true;
            m.memory.ragged = ragged;
            made_write(&m);
            must(open_bytes(&m.file, 0, &s));
            must(s->ops->open_pages(s, &pages));
            assert_int_equal(s->machine.cpu, forge_hiber_is64(kind) ? SC_CPU_X64 : SC_CPU_X86);
            assert_int_equal(s->machine.dtb, 0x1aa000);
            check_memory(&m, &pages);
            assert_non_null(note_with(s, "was cleared when the machine was resumed"));
            close_all(s, &pages);
            forge_bytes_free(&m.file);
        }
}

static void refused(const struct forge_bytes *file, enum sc_err_code code, const char *text) {
    struct sc_source *s;
    sc_err *err = open_bytes(file, 0, &s);
    assert_non_null(err);
    if (sc_err_code(err) != code || !strstr(sc_err_text(err), text))
        fail_msg("%s", sc_err_text(err));
    sc_err_destroy(err);
}

static void test_a_wiped_file_says_so(void **state) {
    (void)state;
    struct made m;
    made_init(&m, FORGE_HIBER_17763_X64);
    m.hiber.signature = "WAKE";
    made_write(&m);
    memset(m.file.data + PAGE, 0, m.file.size - PAGE);
    refused(&m.file, SC_ERR_FORMAT, "Windows has cleared it");
    memset(m.file.data + 4, 0, PAGE - 4);
    refused(&m.file, SC_ERR_FORMAT, "Windows has cleared it");
    memcpy(m.file.data, "HIBR", 4);
    m.file.data[0xc] = 0x50;
    refused(&m.file, SC_ERR_UNSUPPORTED, "header has 0x50 bytes");
    m.file.data[0xc] = 0xe0;
    refused(&m.file, SC_ERR_FORMAT, "list of pages is not where its header says");
    forge_bytes_free(&m.file);
}

static void test_a_header_newer_than_known_is_read_as_the_newest(void **state) {
    (void)state;
    for (int kind = FORGE_HIBER_17763_X86; kind <= FORGE_HIBER_26100_X64; kind++) {
        struct made m;
        struct sc_source *s;
        struct sc_pages pages = {0};
        made_init(&m, kind);
        made_write(&m);
        m.file.data[0xc] += 8;
        must(open_bytes(&m.file, 0, &s));
        must(s->ops->open_pages(s, &pages));
        check_memory(&m, &pages);
        assert_non_null(note_with(s, "no Windows that is known here"));
        close_all(s, &pages);
        forge_bytes_free(&m.file);
    }
}

static void test_the_secure_kernel_is_mentioned(void **state) {
    (void)state;
    struct made m;
    struct sc_source *s;
    struct sc_pages pages = {0};
    made_init(&m, FORGE_HIBER_22000_X64);
    m.hiber.secure_page = 0x20;
    made_write(&m);
    must(open_bytes(&m.file, 0, &s));
    assert_non_null(note_with(s, "encrypted"));
    close_all(s, &pages);
    forge_bytes_free(&m.file);
}

static void test_without_registers_the_rest_is_still_there(void **state) {
    (void)state;
    struct made m;
    struct sc_source *s;
    struct sc_pages pages = {0};
    made_init(&m, FORGE_HIBER_7_X86);
    m.hiber.processor = NULL;
    made_write(&m);
    must(open_bytes(&m.file, 0, &s));
    must(s->ops->open_pages(s, &pages));
    assert_int_equal(s->machine.dtb, 0);
    assert_int_equal(s->machine.event_context_off, SC_UNSET64);
    assert_non_null(note_with(s, "no processor's registers"));
    check_memory(&m, &pages);
    close_all(s, &pages);
    forge_bytes_free(&m.file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_generation_is_read),
        cmocka_unit_test(test_every_packing_is_read),
        cmocka_unit_test(test_the_method_nobody_has_seen),
        cmocka_unit_test(test_what_is_stored_as_it_is_has_an_offset),
        cmocka_unit_test(test_reads_may_begin_and_end_anywhere),
        cmocka_unit_test(test_signatures_of_all_states),
        cmocka_unit_test(test_a_cleared_header_of_an_old_file_is_no_obstacle),
        cmocka_unit_test(test_a_wiped_file_says_so),
        cmocka_unit_test(test_a_header_newer_than_known_is_read_as_the_newest),
        cmocka_unit_test(test_the_secure_kernel_is_mentioned),
        cmocka_unit_test(test_without_registers_the_rest_is_still_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
