/* SPDX-License-Identifier: MIT */
/*
 * The forge's containers of whole memory: offsets and numbers written down by hand from the
 * formats' descriptions, and every page found where the format says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "forge/wholes.h"

enum { PAGES = 0x9e + 0x200, LOW = 0x9e };

struct fixture {
    struct forge_physmem *mem;
    struct forge_whole w;
    struct forge_whole_cpu cpu[2];
    struct forge_ram kernel[2];
    struct forge_bytes file;
};

/* RAM at 1000 … 9f000 and 100000 … 300000; three marked pages. */
static void begin(struct fixture *f, enum forge_whole_kind kind, bool is32) {
    char why[FORGE_WHOLE_WHY];
    *f = (struct fixture){.mem = forge_physmem_new(),
                          .kernel = {{0x2000, 0x1000}, {0x1ff000, 0x2000}}};
    assert_true(forge_physmem_add(f->mem, 0x1000, 0x9e000));
    assert_true(forge_physmem_add(f->mem, 0x100000, 0x200000));
    assert_true(forge_physmem_write(f->mem, 0x2000, "second", 6));
    assert_true(forge_physmem_write(f->mem, 0x1ffffc, "crossing", 8));
    assert_true(forge_physmem_write(f->mem, 0x2ffff8, "the last", 8));
    f->w = (struct forge_whole){.kind = kind,
                                .mem = f->mem,
                                .is32 = is32,
                                .pae = is32,
                                .machine = is32 ? 0x14c : 0x8664,
                                .build = is32 ? 2600 : 19041,
                                .bugcheck = 0xd1,
                                .arg = {1, 2, 3, 4},
                                .dtb = 0x187000,
                                .debugger_data = 0x80545ae0,
                                .time = 0x01ca50ae12345678,
                                .kernel = f->kernel,
                                .nkernel = 2,
                                .active = f->kernel,
                                .nactive = 1,
                                .cpu = f->cpu,
                                .ncpus = 2};
    for (unsigned i = 0; i < 2; i++) {
        enum sc_cpu cpu = is32 ? SC_CPU_X86 : SC_CPU_X64;
        f->cpu[i].regs = (struct sc_regs){.cpu = cpu, .size = (uint32_t)sc_context_size(cpu)};
        sc_reg_set(&f->cpu[i].regs, sc_reg_find(f->cpu[i].regs.cpu, is32 ? "eip" : "rip"),
                   0x11223344 + i);
        f->cpu[i].cr3 = 0x187000 + i;
        f->cpu[i].idt = 0x7000 + i;
        f->cpu[i].kernel_gs_base = 0x9000 + i;
    }
    assert_true(forge_whole_bytes(&f->w, &f->file, why));
}

static void done(struct fixture *f) {
    forge_bytes_free(&f->file);
    forge_physmem_free(f->mem);
}

static uint64_t at(const struct fixture *f, uint64_t offset, unsigned width) {
    assert_true(offset + width <= f->file.size);
    uint64_t v = 0;
    for (unsigned i = width; i-- > 0;)
        v = v << 8 | f->file.data[offset + i];
    return v;
}

/* Physical memory from PA on stands at OFFSET: PAGES pages, byte for byte. */
static void holds(const struct fixture *f, uint64_t offset, uint64_t pa, uint64_t pages) {
    uint8_t page[0x1000];
    for (uint64_t i = 0; i < pages; i++) {
        assert_true(forge_physmem_read(f->mem, pa + i * 0x1000, page, sizeof page));
        assert_true(offset + (i + 1) * 0x1000 <= f->file.size);
        assert_memory_equal(f->file.data + offset + i * 0x1000, page, sizeof page);
    }
}

/* ---- kernel dumps ---- */

static void full_has_the_pages_of_the_headers_runs(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, FORGE_WHOLE_FULL, false);
    assert_memory_equal(f.file.data, "PAGEDU64", 8);
    assert_int_equal(at(&f, 0x10, 8), 0x187000);
    assert_int_equal(at(&f, 0x34, 4), 2);
    assert_int_equal(at(&f, 0x38, 4), 0xd1);
    assert_int_equal(at(&f, 0x58, 8), 4);
    assert_int_equal(at(&f, 0x88, 4), 2);
    assert_int_equal(at(&f, 0x90, 8), PAGES);
    assert_int_equal(at(&f, 0x98, 8), 1);
    assert_int_equal(at(&f, 0xa0, 8), LOW);
    assert_int_equal(at(&f, 0xa8, 8), 0x100);
    assert_int_equal(at(&f, 0xb0, 8), 0x200);
    assert_int_equal(at(&f, 0xb8, 8), FORGE_PAGE64);
    assert_int_equal(at(&f, 0xf98, 4), 1);
    assert_int_equal(at(&f, 0xfa0, 8), f.file.size);
    assert_int_equal(f.file.size, 0x2000 + PAGES * 0x1000);
    holds(&f, 0x2000, 0x1000, LOW);
    holds(&f, 0x2000 + LOW * 0x1000, 0x100000, 0x200);
    done(&f);
}

static void full_of_32_bits_has_the_short_header(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, FORGE_WHOLE_FULL, true);
    assert_memory_equal(f.file.data, "PAGEDUMP", 8);
    assert_int_equal(at(&f, 0x5c, 1), 1); /* PaeEnabled */
    assert_int_equal(at(&f, 0x60, 4), 0x80545ae0);
    assert_int_equal(at(&f, 0x64, 4), 2);
    assert_int_equal(at(&f, 0x6c, 4), 1);
    assert_int_equal(at(&f, 0x78, 4), 0x200);
    assert_int_equal(at(&f, 0xf88, 4), 1);
    holds(&f, 0x1000, 0x1000, LOW);
    holds(&f, 0x1000 + LOW * 0x1000, 0x100000, 0x200);
    done(&f);
}

static unsigned bit(const struct fixture *f, uint64_t bitmap, uint64_t pfn) {
    return (unsigned)(at(f, bitmap + pfn / 8, 1) >> pfn % 8 & 1);
}

static void summary_has_the_kernels_pages(void **state) {
    (void)state;
    for (unsigned is32 = 0; is32 < 2; is32++) {
        struct fixture f;
        uint64_t s = is32 ? 0x1000 : 0x2000, bits = s + (is32 ? 0x20 : 0x28);
        begin(&f, FORGE_WHOLE_SUMMARY, is32);
        assert_memory_equal(f.file.data + s, "SDMPDUMP", 8);
        assert_int_equal(at(&f, is32 ? 0xf88 : 0xf98, 4), 2);
        assert_int_equal(at(&f, s + 8, 4), 1);
        assert_int_equal(at(&f, s + 0x10, 4), 0x300);
        assert_int_equal(at(&f, s + 0x14, 4), 3);
        assert_int_equal(at(&f, s + 0x18, 4), 0x300);
        for (uint64_t pfn = 0; pfn < 0x300; pfn++)
            assert_int_equal(bit(&f, bits, pfn), pfn == 2 || pfn == 0x1ff || pfn == 0x200);
        uint64_t first = at(&f, s + 0xc, 4);
        assert_int_equal(first % 0x1000, 0);
        holds(&f, first, 0x2000, 1);
        holds(&f, first + 0x1000, 0x1ff000, 2);
        assert_int_equal(f.file.size, first + 3 * 0x1000);
        done(&f);
    }
}

static void bitmaps_of_types_5_6_and_7(void **state) {
    (void)state;
    static const struct {
        enum forge_whole_kind kind;
        unsigned type, pages;
        const char *mark;
    } rows[] = {{FORGE_WHOLE_BITMAP, 5, PAGES, "FDMPDUMP"},
                {FORGE_WHOLE_KERNEL, 6, 3, "SDMPDUMP"},
                {FORGE_WHOLE_AUTOMATIC, 7, 3, "SDMPDUMP"},
                {FORGE_WHOLE_LIVE, 6, 3, "SDMPDUMP"}};
    for (unsigned i = 0; i < 4; i++) {
        struct fixture f;
        begin(&f, rows[i].kind, false);
        assert_int_equal(at(&f, 0xf98, 4), rows[i].type);
        assert_int_equal(at(&f, 0x88, 4), FORGE_PAGE); /* no list of runs */
        assert_memory_equal(f.file.data + 0x2000, rows[i].mark, 8);
        assert_int_equal(at(&f, 0x2028, 8), rows[i].pages);
        assert_int_equal(at(&f, 0x2030, 8), 0x300);
        uint64_t first = at(&f, 0x2020, 8), n = 0;
        for (uint64_t pfn = 0; pfn < 0x300; pfn++)
            if (bit(&f, 0x2038, pfn))
                holds(&f, first + n++ * 0x1000, pfn * 0x1000, 1);
        assert_int_equal(n, rows[i].pages);
        assert_int_equal(f.file.size, first + n * 0x1000);
        done(&f);
    }
}

static void rdmp_lists_ranges(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, FORGE_WHOLE_RDMP_K, false);
    uint64_t first = at(&f, 0x2018, 8);
    assert_int_equal(at(&f, 0xf98, 4), 8);
    assert_int_equal(at(&f, 0x2000, 4), 0x40);
    assert_memory_equal(f.file.data + 0x2004, "RDMPDUMP", 8);
    assert_int_equal(at(&f, 0x2010, 8) - 0x20, first - 0x2040);
    assert_int_equal(at(&f, 0x2030, 8), 2);
    assert_int_equal(at(&f, 0x2038, 8), 1);
    assert_int_equal(at(&f, 0x2040, 8), 0x1ff);
    assert_int_equal(at(&f, 0x2048, 8), 2);
    assert_int_equal(at(&f, 0x2050, 8), 0);
    holds(&f, first, 0x2000, 1);
    holds(&f, first + 0x1000, 0x1ff000, 2);
    done(&f);
    begin(&f, FORGE_WHOLE_RDMP_KA, false);
    assert_int_equal(at(&f, 0xf98, 4), 9);
    assert_int_equal(at(&f, 0x2040, 8), 0);
    done(&f);
    begin(&f, FORGE_WHOLE_RDMP_F, false);
    assert_int_equal(at(&f, 0xf98, 4), 0xa);
    assert_int_equal(at(&f, 0x2020, 4), 2);
    assert_int_equal(at(&f, 0x2028, 8), PAGES);
    first = at(&f, 0x2018, 8);
    holds(&f, first + LOW * 0x1000, 0x100000, 0x200);
    done(&f);
}

/* ---- virtual machines ---- */

/* The note NAME of number N: where its data is, and how long. */
static uint64_t note(const struct fixture *f, const char *name, unsigned n, uint64_t *ret_size) {
    uint64_t p = at(f, 0x40 + 8, 8), end = p + at(f, 0x40 + 0x20, 8);
    assert_int_equal(at(f, 0x40, 4), 4);
    while (p < end) {
        uint64_t named = at(f, p, 4), size = at(f, p + 4, 4), data = p + 12 + ((named + 3) & ~3ull);
        if (!strcmp((const char *)f->file.data + p + 12, name) && n-- == 0) {
            *ret_size = size;
            return data;
        }
        p = data + ((size + 3) & ~3ull);
    }
    fail_msg("no note %s", name);
    return 0;
}

static void elf_has_loads_by_physical_address_and_notes(void **state) {
    (void)state;
    struct fixture f;
    uint64_t size;
    begin(&f, FORGE_WHOLE_ELF, false);
    assert_memory_equal(f.file.data,
                        "\x7f"
                        "ELF\2\1\1",
                        7);
    assert_int_equal(at(&f, 0x10, 2), 4);
    assert_int_equal(at(&f, 0x12, 2), 62);
    assert_int_equal(at(&f, 0x38, 2), 3);
    uint64_t load = 0x40 + 0x38;
    assert_int_equal(at(&f, load, 4), 1);
    assert_int_equal(at(&f, load + 0x18, 8), 0x1000);
    assert_int_equal(at(&f, load + 0x20, 8), 0x9e000);
    holds(&f, at(&f, load + 8, 8), 0x1000, LOW);
    assert_int_equal(at(&f, load + 0x38 + 0x18, 8), 0x100000);
    holds(&f, at(&f, load + 0x38 + 8, 8), 0x100000, 0x200);
    uint64_t p = note(&f, "CORE", 1, &size);
    assert_int_equal(size, 0x150);
    assert_int_equal(at(&f, p + 0x20, 4), 2);
    assert_int_equal(at(&f, p + 0x70 + 16 * 8, 8), 0x11223345); /* rip */
    p = note(&f, "QEMU", 1, &size);
    assert_int_equal(size, 0x1b8);
    assert_int_equal(at(&f, p, 8), 1 | 0x1b8ull << 32);
    assert_int_equal(at(&f, p + 0x88, 8), 0x11223345);
    assert_int_equal(at(&f, p + 0x188 + 3 * 8, 8), 0x187001);    /* cr[3] */
    assert_int_equal(at(&f, p + 0x98 + 9 * 24 + 16, 8), 0x7001); /* idt */
    assert_int_equal(at(&f, p + 0x1b0, 8), 0x9001);
    p = note(&f, "VMCOREINFO", 0, &size);
    assert_int_equal(size, 0x2000);
    assert_memory_equal(f.file.data + p, "PAGEDU64", 8);
    assert_int_equal(at(&f, p + 0x90, 8), PAGES);
    done(&f);
}

static void vbox_has_its_notes_and_devices_without_bytes(void **state) {
    (void)state;
    struct fixture f;
    uint64_t size, p;
    begin(&f, FORGE_WHOLE_VBOX, false);
    p = note(&f, "VBCORE", 0, &size);
    assert_int_equal(size, 0x18);
    assert_int_equal(at(&f, p, 4), 0xc01ac0de);
    assert_int_equal(at(&f, p + 0x14, 4), 2);
    p = note(&f, "VBCPU", 1, &size);
    assert_int_equal(at(&f, p + 14 * 8, 8), 0x11223345);
    assert_int_equal(at(&f, p + 18 * 8 + 6 * 24 + 2 * 8, 8), 0x187001);
    assert_int_equal(at(&f, p + 18 * 8 + 6 * 24 + 12 * 8 + 16, 8), 0x7001);
    holds(&f, at(&f, 0x40 + 2 * 0x38 + 8, 8), 0x100000, 0x200);
    done(&f);
}

static void raw_is_memory_as_it_is(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, FORGE_WHOLE_RAW, false);
    assert_int_equal(f.file.size, 0x300000);
    holds(&f, 0x1000, 0x1000, LOW);
    holds(&f, 0x100000, 0x100000, 0x200);
    assert_int_equal(at(&f, 0xa0000, 8), 0);
    done(&f);
}

static void lime_has_a_header_before_each_run(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, FORGE_WHOLE_LIME, false);
    uint64_t second = 0x20 + LOW * 0x1000;
    assert_memory_equal(f.file.data, "EMiL\1\0\0\0", 8);
    assert_int_equal(at(&f, 8, 8), 0x1000);
    assert_int_equal(at(&f, 0x10, 8), 0x9efff);
    holds(&f, 0x20, 0x1000, LOW);
    assert_memory_equal(f.file.data + second, "EMiL", 4);
    assert_int_equal(at(&f, second + 8, 8), 0x100000);
    holds(&f, second + 0x20, 0x100000, 0x200);
    done(&f);
}

static void vmss_holds_tags_and_memory(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, FORGE_WHOLE_VMSS, false);
    assert_int_equal(at(&f, 0, 4), 0xbed2bed2);
    assert_int_equal(at(&f, 8, 4), 3);
    assert_string_equal((char *)f.file.data + 12 + 80, "cpu");
    uint64_t cpu = at(&f, 12 + 80 + 64, 8);
    assert_memory_equal(f.file.data + cpu,
                        "\x88\x04"
                        "CR64\0\0\0\0\0\0\0\0",
                        14);
    uint64_t group = at(&f, 12 + 160 + 64, 8);
    assert_int_equal(group + at(&f, 12 + 160 + 72, 8), f.file.size);
    assert_memory_equal(f.file.data + group, "\x04\x0cregionsCount\1\0\0\0", 18);
    uint64_t data = f.file.size - 2 - 0x300000;
    assert_int_equal(data % 0x1000, 0);
    uint64_t tag = data; /* a block that is not compressed stands before its padding */
    while (memcmp(f.file.data + tag, "\xbf\x06Memory", 8) != 0)
        assert_true(--tag > group);
    assert_int_equal(at(&f, tag + 16, 8), 0x300000);
    assert_int_equal(tag + 16 + 18 + at(&f, tag + 32, 2), data);
    holds(&f, data + 0x100000, 0x100000, 0x200);
    done(&f);
}

static void names_lead_back_to_kinds(void **state) {
    (void)state;
    enum forge_whole_kind kind;
    for (unsigned i = 1; i < FORGE_WHOLES; i++) {
        assert_true(forge_whole_from_name(forge_whole_name((enum forge_whole_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    assert_false(forge_whole_from_name("triage", &kind));
}

/* 64 GB with a few pages in them. */
static void a_large_machine_is_a_sparse_file(void **state) {
    (void)state;
    static const enum forge_whole_kind kinds[] = {FORGE_WHOLE_FULL, FORGE_WHOLE_BITMAP,
                                                  FORGE_WHOLE_RAW, FORGE_WHOLE_ELF};
    struct forge_physmem *mem = forge_physmem_new();
    char why[FORGE_WHOLE_WHY];
    assert_true(forge_physmem_pc(mem, 64ull << 30));
    for (unsigned i = 0; i < 200; i++)
        assert_true(forge_physmem_write(mem, forge_physmem_alloc(mem), "x", 1));
    for (unsigned i = 0; i < 4; i++) {
        struct forge_whole w = {.kind = kinds[i], .mem = mem, .machine = 0x8664, .build = 19041};
        struct stat st;
        FILE *file = tmpfile();
        assert_non_null(file);
        time_t before = time(NULL);
        assert_true(forge_whole_write(&w, fileno(file), why));
        assert_true(time(NULL) - before < 10);
        assert_int_equal(fstat(fileno(file), &st), 0);
        assert_true(st.st_size >= (off_t)(63ull << 30));
        assert_true((uint64_t)st.st_blocks * 512 < 8 << 20);
        fclose(file);
    }
    forge_physmem_free(mem);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_has_the_pages_of_the_headers_runs),
        cmocka_unit_test(full_of_32_bits_has_the_short_header),
        cmocka_unit_test(summary_has_the_kernels_pages),
        cmocka_unit_test(bitmaps_of_types_5_6_and_7),
        cmocka_unit_test(rdmp_lists_ranges),
        cmocka_unit_test(elf_has_loads_by_physical_address_and_notes),
        cmocka_unit_test(vbox_has_its_notes_and_devices_without_bytes),
        cmocka_unit_test(raw_is_memory_as_it_is),
        cmocka_unit_test(lime_has_a_header_before_each_run),
        cmocka_unit_test(vmss_holds_tags_and_memory),
        cmocka_unit_test(names_lead_back_to_kinds),
        cmocka_unit_test(a_large_machine_is_a_sparse_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
