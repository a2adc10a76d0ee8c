/* SPDX-License-Identifier: MIT */
/* Scenarios as whole machines: what lands where, the files beside a dump, and what cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge/kdbg.h"
#include "forge/types.h"
#include "unit/machine_fixture.h"

static char why[FORGE_WHY_MAX];

#define MACHINE                                                                                    \
    "os 7601 sp 1 lab 7601.17514.amd64fre\ncpu x64 count 2 current 1\ndump full\nram 64M\n"        \
    "module nt fffff80001600000 +5ea000\nmodule drv fffff88004000000 +10000 private\n"
#define TWO                                                                                        \
    "process System fffffa8001018040 pid 4\nprocess app.exe fffffa8002345080 pid 9a4\n"            \
    "thread fffffa8002789080 cid 4.8\n"

static void every_kind_is_made_of_one_text(void **state) {
    (void)state;
    for (unsigned i = 1; i < FORGE_WHOLES; i++) {
        struct built b = build_as(MACHINE TWO, forge_whole_name((enum forge_whole_kind)i));
        struct forge_bytes bytes = {0};
        assert_int_equal(forge_output_whole(&b.out)->kind, i);
        assert_true(forge_output_bytes(&b.out, &bytes, why));
        assert_true(bytes.size > 0x10000);
        assert_int_equal(forge_output_sides(&b.out), i == FORGE_WHOLE_VMEM);
        forge_bytes_free(&bytes);
        forge_output_free(&b.out);
    }
    struct built b = build_as(MACHINE TWO, "triage");
    assert_null(forge_output_whole(&b.out));
    assert_true(b.out.dump.size > 0x2000);
    forge_output_free(&b.out);
}

static void memory_lands_at_its_address(void **state) {
    (void)state;
    struct built b = build_as(MACHINE TWO "memory fffffa8018000ffc 0102030405060708\n"
                                          "memory drv+8ff8 1122334455667788\n"
                                          "struct _LIST_ENTRY fffffa8018002000 Flink=drv+10\n",
                              NULL);
    assert_int_equal(number_in(&b, b.current, 0xfffffa8018000ffc, 8), 0x0807060504030201);
    assert_int_equal(number_in(&b, b.current, 0xfffff88004008ff8, 8), 0x8877665544332211);
    assert_int_equal(number_in(&b, b.current, 0xfffffa8018002000, 8), 0xfffff88004000010);
    assert_int_equal(number_in(&b, b.current, 0xfffff88004000000, 2), 0x5a4d);
    struct forge_mapping first, second;
    assert_true(forge_mmu_find(b.mmu, 0, 0xfffffa8018000ffc, &first));
    assert_true(forge_mmu_find(b.mmu, 0, 0xfffffa8018001000, &second));
    assert_true(second.pa > first.pa + 0x1000 || second.pa < first.pa);
    forge_output_free(&b.out);
}

#define POOL_PAGES "poolpage fffffa8030000000 pages 300\n800 Leak\n7f0 Proc\n10 Rest free\nend\n"

static void pages_of_pool_that_are_alike_are_a_page_each(void **state) {
    (void)state;
    struct built b = build_as(MACHINE TWO POOL_PAGES "memory fffffa8030002010 \"other\"\n", NULL);
    struct forge_mapping first, last;
    for (unsigned i = 0; i < 0x300; i += 0x2ff) {
        uint64_t at = 0xfffffa8030000000 + (uint64_t)i * 0x1000;
        assert_int_equal(number_in(&b, b.current, at + 4, 4), 0x6b61654c);
        assert_int_equal(number_in(&b, b.current, at + 0x804, 4), 0x636f7250);
    }
    assert_true(forge_mmu_find(b.mmu, 0, 0xfffffa8030001000, &first));
    assert_true(forge_mmu_find(b.mmu, 0, 0xfffffa80302ff000, &last));
    assert_false(forge_mmu_find(b.mmu, 0, 0xfffffa8030300000, &last));
    assert_int_not_equal(first.pa, last.pa);
    forge_output_free(&b.out);
}

static void what_another_line_says_of_a_page_that_is_repeated_stands_there_alone(void **state) {
    (void)state;
    struct built b = build_as(MACHINE TWO POOL_PAGES "memory fffffa8030002010 \"other\"\n", NULL);
    assert_int_equal(number_in(&b, b.current, 0xfffffa8030002010, 4), 0x6568746f);
    assert_int_equal(number_in(&b, b.current, 0xfffffa8030002004, 4), 0x6b61654c);
    assert_int_equal(number_in(&b, b.current, 0xfffffa8030003010, 4), 0);
    forge_output_free(&b.out);
}

static void a_machine_of_300_processes_has_as_many_address_spaces(void **state) {
    (void)state;
    struct forge_pool pool = {0};
    const char *text = MACHINE "process System fffffa8001018040 pid 4\n";
    for (unsigned i = 1; i < 300; i++)
        text = forge_pool_printf(&pool, "%sprocess fffffa8%09x pid %x\n", text,
                                 0x40000000u + i * 0x1000, i * 4 + 4);
    struct built b = build_as(text, NULL);
    assert_int_equal(forge_mmu_spaces(b.mmu), 300);
    forge_output_free(&b.out);
    forge_pool_free(&pool);
}

static void large_pages_hold_what_is_put_there(void **state) {
    (void)state;
    struct forge_mapping low, high;
    struct built b = build_as(MACHINE TWO "largepages fffffa8040010000 fffffa8040210000\n"
                                          "memory fffffa8040010ffc 0102030405060708\n",
                              NULL);
    assert_true(forge_mmu_find(b.mmu, 0, 0xfffffa8040000000, &low));
    assert_true(forge_mmu_find(b.mmu, 0, 0xfffffa80403ff000, &high));
    assert_int_equal(low.size, 0x200000);
    assert_int_equal(high.pa - low.pa, 0x3ff000);
    assert_int_equal(number_in(&b, b.current, 0xfffffa8040010ffc, 8), 0x0807060504030201);
    assert_int_equal(number_in(&b, b.current, 0xfffffa8040020000, 8), 0);
    forge_output_free(&b.out);
}

static void each_process_has_memory_of_its_own(void **state) {
    (void)state;
    struct built b = build_as(MACHINE TWO "in process fffffa8001018040\nmemory 20000 01\nend\n"
                                          "in process fffffa8002345080\nmemory 20000 02\n"
                                          "memory fffffa8018000000 03\nend\n",
                              NULL);
    assert_int_equal(number_in(&b, 0, 0x20000, 1), 1);
    assert_int_equal(number_in(&b, 1, 0x20000, 1), 2);
    assert_int_equal(number_in(&b, 0, 0xfffffa8018000000, 1), 3);
    assert_int_not_equal(forge_mmu_root(b.mmu, 0), forge_mmu_root(b.mmu, 1));
    forge_output_free(&b.out);
}

static void the_kernel_has_large_pages_where_ram_is_enough(void **state) {
    (void)state;
    struct forge_mapping m;
    struct built b = build_as(MACHINE, NULL);
    assert_true(forge_mmu_find(b.mmu, 0, 0xfffff80001600000, &m));
    assert_int_equal(m.size, 0x1000);
    forge_output_free(&b.out);
    b = build_as("os 7601\ncpu x64\ndump raw\nram 1G\nmodule nt fffff80001644000 +5ea000\n", NULL);
    assert_true(forge_mmu_find(b.mmu, 0, 0xfffff80001644000, &m));
    assert_int_equal(m.size, 0x200000);
    assert_int_equal(m.pa & 0x1fffff, 0x44000);
    forge_output_free(&b.out);
}

static void the_self_map_is_in_nobodys_way(void **state) {
    (void)state;
    struct forge_mapping m;
    /* 19041: it would be at index 161, where this stack is. */
    struct built b = build_as("os 19041\ncpu x64\ndump full\nmodule nt fffff8041a000000 +1046000\n"
                              "memory ffffb0873efd0000 77\n",
                              NULL);
    assert_int_equal(number_in(&b, b.current, 0xffffb0873efd0000, 1), 0x77);
    assert_true(forge_mmu_find(b.mmu, 0, forge_mmu_entry_va(b.mmu, 0xffffb0873efd0000, 0), &m));
    forge_output_free(&b.out);
}

static void a_paged_out_page_goes_to_a_file_beside_the_dump(void **state) {
    (void)state;
    char page[4] = "";
    struct built b = build_as(MACHINE "pte fffff8a001234000 pagefile 1 20\n"
                                      "memory fffff8a001234008 \"out\"\n",
                              NULL);
    struct forge_mapping m;
    assert_false(forge_mmu_find(b.mmu, b.current, 0xfffff8a001234000, &m));
    assert_int_equal(m.entry, 0x2000000082);
    assert_int_equal(forge_output_sides(&b.out), 1);
    char *name = forge_output_side_name(&b.out, 0, "a.dmp");
    assert_string_equal(name, "a.dmp.pagefile1");
    free(name);
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(forge_output_side_write(&b.out, 0, fileno(file), why));
    assert_int_equal(fseek(file, 0x20008, SEEK_SET), 0);
    assert_int_equal(fread(page, 1, 3, file), 3);
    assert_string_equal(page, "out");
    fclose(file);
    forge_output_free(&b.out);
}

static void bytes_of_side(const struct built *b, long at, void *ret, size_t size) {
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(forge_output_side_write(&b->out, 0, fileno(file), why));
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fread(ret, 1, size, file), size);
    fclose(file);
}

/* The table is in the file as it was, and in its frame is something else. */
static void a_trimmed_table_goes_where_its_line_says(void **state) {
    (void)state;
    struct forge_mapping m;
    uint64_t entry = 0, left = 0;
    struct built b = build_as(MACHINE TWO "in process fffffa8002345080\nmemory 40001000 01\n"
                                          "memory 40200000 02\ntrim 40001000 pagefile 0 30\n"
                                          "trim 40200000 transition modified\n"
                                          "trim 40200000 pde pagefile 0 31\nend\n",
                              NULL);
    struct built plain = build_as(MACHINE TWO "in process fffffa8002345080\nmemory 40001000 01\n"
                                              "memory 40200000 02\nend\n",
                                  NULL);
    /* The directory went last: what stood in it is in the file. */
    assert_false(forge_mmu_find(b.mmu, 1, 0x40001000, &m));
    assert_int_equal(m.level, 2);
    assert_int_equal(m.entry, 0x3100000080);
    bytes_of_side(&b, 0x31000, &entry, 8);
    assert_int_equal(entry, 0x3000000080);
    bytes_of_side(&b, 0x31008, &entry, 8);
    assert_true(forge_mmu_find(plain.mmu, 1, 0x40200000, &m));
    assert_int_equal(entry, (m.entry_pa & ~0xfffull) | 0x880);
    assert_true(forge_mmu_find(plain.mmu, 1, 0x40001000, &m));
    bytes_of_side(&b, 0x30008, &entry, 8);
    assert_int_equal(entry, m.entry);
    forge_physmem_read(forge_mmu_memory(b.mmu), m.entry_pa, &left, 8);
    assert_int_equal(left, 0xa5a5a5a5a5a5a5a5);
    forge_output_free(&plain.out);
    forge_output_free(&b.out);
}

static void the_state_of_a_vmem_has_its_name(void **state) {
    (void)state;
    struct built b = build_as(MACHINE, "vmem");
    char *name = forge_output_side_name(&b.out, 0, "win7.vmem");
    assert_string_equal(name, "win7.vmss");
    free(name);
    forge_output_free(&b.out);
}

/* The way back as Windows' debuggers go it: xor, turn left, xor, swap bytes, xor. */
static void debugger_data_is_decoded_by_the_known_way(void **state) {
    (void)state;
    const uint64_t never = 0x123456789abcde35, always = 0xfedcba9876543210;
    const uint64_t where = 0xfffff80312345678, plain = 0x034042474442444b;
    uint64_t v = forge_kdbg_encode(plain, never, always, where) ^ never;
    unsigned n = never & 63;
    v = (v << n | v >> (64 - n)) ^ where;
    uint64_t swapped = 0;
    for (unsigned i = 0; i < 8; i++)
        swapped = swapped << 8 | (v >> 8 * i & 0xff);
    assert_int_equal(swapped ^ always, plain);
}

static unsigned bit_of(const struct forge_types *types, const char *type, const char *member) {
    struct forge_place p;
    if (!forge_types_place(types, type, member, &p))
        fail_msg("no %s.%s in build %u", type, member, types->build);
    return p.bit_first;
}

/* The bits of soft entries are those of the builds' own MMPTE_* (public symbols). */
static void soft_entries_are_the_builds_own(void **state) {
    (void)state;
    static const struct {
        unsigned build;
        const char *cpu;
        enum forge_paging paging;
    } rows[] = {{2600, "x86", FORGE_PAGING_X86},  {3790, "x64", FORGE_PAGING_X64},
                {6002, "x64", FORGE_PAGING_X64},  {7601, "x86", FORGE_PAGING_X86},
                {7601, "x64", FORGE_PAGING_X64},  {9200, "x64", FORGE_PAGING_X64},
                {9600, "x64", FORGE_PAGING_X64},  {10240, "x64", FORGE_PAGING_X64},
                {14393, "x64", FORGE_PAGING_X64}, {15063, "x64", FORGE_PAGING_X64},
                {16299, "x64", FORGE_PAGING_X64}, {17134, "x64", FORGE_PAGING_X64},
                {17763, "x64", FORGE_PAGING_X64}, {18362, "x64", FORGE_PAGING_X64},
                {19041, "x64", FORGE_PAGING_X64}, {19041, "x86", FORGE_PAGING_PAE},
                {22000, "x64", FORGE_PAGING_X64}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct forge_scenario s;
        struct forge_types types;
        char text[60];
        struct forge_soft soft = forge_soft_of(rows[i].paging, rows[i].build);
        snprintf(text, sizeof text, "os %u\ncpu %s\n", rows[i].build, rows[i].cpu);
        assert_true(forge_scenario_parse("case", text, &s, why));
        assert_true(forge_types_load(&types, &s, NULL, true));
        assert_int_equal(soft.file_low, bit_of(&types, "_MMPTE_SOFTWARE", "PageFileLow"));
        assert_int_equal(soft.file_high, bit_of(&types, "_MMPTE_SOFTWARE", "PageFileHigh"));
        assert_int_equal(5, bit_of(&types, "_MMPTE_SOFTWARE", "Protection"));
        assert_int_equal(10, bit_of(&types, "_MMPTE_PROTOTYPE", "Prototype"));
        assert_int_equal(11, bit_of(&types, "_MMPTE_TRANSITION", "Transition"));
        if (soft.proto_low) {
            assert_int_equal(soft.proto_first,
                             bit_of(&types, "_MMPTE_PROTOTYPE", "ProtoAddressHigh"));
            struct forge_place low;
            assert_true(forge_types_place(&types, "_MMPTE_PROTOTYPE", "ProtoAddressLow", &low));
            assert_int_equal(soft.proto_low, low.bit_count);
        } else {
            assert_int_equal(soft.proto_first, bit_of(&types, "_MMPTE_PROTOTYPE", "ProtoAddress"));
            assert_int_equal(soft.proto_protect, bit_of(&types, "_MMPTE_PROTOTYPE", "Protection"));
            assert_int_equal(soft.proto_first,
                             bit_of(&types, "_MMPTE_SUBSECTION", "SubsectionAddress"));
        }
        forge_scenario_free(&s);
    }
}

static const struct {
    const char *text, *why;
} errors[] = {
    {"os 7601\ncpu x86\ndump rdmp-k\nmodule nt 82a3f000 +100000\n",
     "case:3: dump: rdmp-k is known of 64-bit systems only"},
    {"os 22000\ncpu arm64\ndump full\n", "case:2: whole memory is made of x64 and x86 only"},
    {MACHINE "paging pae\n", "case:7: paging: that is another processor's"},
    {MACHINE "paging x64 l1tf\n", "case:7: paging: build 7601 has no swizzle bit"},
    {MACHINE "kdbg encoded\n",
     "case:7: kdbg: encoded is what systems of 64 bits do from Windows 8 on"},
    {MACHINE TWO "in process fffffa8002345090\nmemory 20000 01\nend\n",
     "case:11: no line describes the process fffffa8002345090"},
    {MACHINE "pte 20000 demandzero\nmemory 20000 01\n",
     "case:7: pte: there is memory at 20000, and such a page has none"},
    {MACHINE "pte 20000 transition\npte 20010 transition\n",
     "case:8: pte: the page is that of line 7"},
    {MACHINE "pte 20000 vad\n", "case:7: pte: no vad line maps 20000: write  vad START END mapped"},
    {MACHINE "pte drv+1000 transition\n", "case:7: pte: pages of images are valid ones"},
    {MACHINE "memory 20000 01\ntrim 20000\n",
     "case:8: trim: say where the table is: transition or pagefile N PAGE"},
    {MACHINE "memory 20000 01\ntrim 20000 pxe transition\n",
     "case:8: trim: there is none of that level at 20000, or it is the first one"},
    {MACHINE "trim 20000 transition\n",
     "case:7: trim: there is none of that level at 20000, or it is the first one"},
    {MACHINE "memory 20000 01\ntrim 20000 pagefile 0 100000\n",
     "case:8: pagefile: it has at most 100000 pages here"},
    {MACHINE "vad 20000 30000\nvad 2f000 40000\n", "case:8: vad: overlaps the one in line 7"},
    {MACHINE "vad fffff88000000000 fffff88000001000\n",
     "case:7: vad: fffff88000000fff is an address of the kernel"},
    {MACHINE "process a.exe fffffa8002345080 pid 4 Pcb.DirectoryTableBase=123000000\n",
     "case:7: process: its page tables cannot stand at 123000000"},
    {MACHINE "poolpage fffffa8030000000 pages 0\n1000 Leak\nend\n",
     "case:7: poolpage: pages: say how many"},
    {MACHINE "poolpage fffffa8030000800 pages 2\n1000 Leak\nend\n",
     "case:7: poolpage: 2 pages from fffffa8030000800 on cannot be"},
    {MACHINE POOL_PAGES "poolpage fffffa80302fe000 pages 2\n1000 Leak\nend\n",
     "case:12: poolpage: the page at fffffa80302ff000 is there already"},
    {MACHINE "largepages 200000 400000\n", "case:7: largepages: 200000 is an address of a process"},
    {"os 7601\ncpu x64\ndump minidump\nmodule app 10000 +10000\nram 64M\n",
     "case: ram, paging, kdbg: a user minidump shows no machine"},
};

static void complaints(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct forge_output out;
        if (forge_scenario_build("case", errors[i].text, &out, why))
            fail_msg("built: %s", errors[i].text);
        assert_string_equal(why, errors[i].why);
    }
    struct forge_output out;
    assert_false(forge_scenario_build_as("case", MACHINE, "tape", &out, why));
    assert_string_equal(why, "case: there is no kind of dump \"tape\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_made_of_one_text),
        cmocka_unit_test(memory_lands_at_its_address),
        cmocka_unit_test(pages_of_pool_that_are_alike_are_a_page_each),
        cmocka_unit_test(what_another_line_says_of_a_page_that_is_repeated_stands_there_alone),
        cmocka_unit_test(a_machine_of_300_processes_has_as_many_address_spaces),
        cmocka_unit_test(large_pages_hold_what_is_put_there),
        cmocka_unit_test(each_process_has_memory_of_its_own),
        cmocka_unit_test(the_kernel_has_large_pages_where_ram_is_enough),
        cmocka_unit_test(the_self_map_is_in_nobodys_way),
        cmocka_unit_test(a_paged_out_page_goes_to_a_file_beside_the_dump),
        cmocka_unit_test(a_trimmed_table_goes_where_its_line_says),
        cmocka_unit_test(the_state_of_a_vmem_has_its_name),
        cmocka_unit_test(debugger_data_is_decoded_by_the_known_way),
        cmocka_unit_test(soft_entries_are_the_builds_own),
        cmocka_unit_test(complaints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
