/* SPDX-License-Identifier: MIT */
/*
 * Scenarios whose kernel is that of a symbol table, as far as no real table is needed: what cannot
 * be; and what every machine has that readers of other people look for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "forge/image.h"
#include "unit/machine_fixture.h"

static char why[FORGE_WHY_MAX], folder[] = "/tmp/stopcode-table-XXXXXX", path[64];

static const char table[] =
    "{\"metadata\": {\"format\": \"6.2.0\", \"windows\": {\"pdb\": {\"GUID\": "
    "\"5278AFF86C341677D7D7835C85B7B844\", \"age\": 1, \"database\": \"ntkrnlmp.pdb\", "
    "\"machine_type\": 34404}}}, \"base_types\": {\"pointer\": {\"endian\": \"little\", \"kind\": "
    "\"int\", \"signed\": false, \"size\": 8}}, \"user_types\": {}, \"enums\": {}, \"symbols\": "
    "{\"KeBugCheckEx\": {\"address\": 8192}, \"KdVersionBlock\": {\"address\": 2097152}}}";

static int write_table(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/table.json", folder);
    setenv("XDG_CACHE_HOME", path, 1); /* no folder: nothing is kept */
    FILE *f = fopen(path, "w");
    bool ok = f && fputs(table, f) >= 0;
    return f && !fclose(f) && ok ? 0 : -1;
}

static int remove_table(void **state) {
    (void)state;
    return unlink(path) || rmdir(folder);
}

/* The message for TEXT with the table; "FILE" in place of its name. */
static const char *complaint(const char *text, const char *isf) {
    static char shown[FORGE_WHY_MAX];
    struct forge_output out;
    if (forge_scenario_build_with("case", text, NULL, isf, &out, why))
        fail_msg("built: %s", text);
    char *at = strstr(why, isf);
    if (!at)
        return why;
    snprintf(shown, sizeof shown, "%.*sFILE%s", (int)(at - why), why, at + strlen(isf));
    return shown;
}

#define HEAD     "os 19041\ncpu x64\ndump full\n"
#define NT(size) "module nt fffff80001600000 +" size

static void a_table_must_fit_the_scenario(void **state) {
    (void)state;
    assert_string_equal(complaint(HEAD NT("100000") "\n", path),
                        "case:4: module: nt has 100000 bytes, but FILE has KdVersionBlock at "
                        "200000: write more");
    assert_string_equal(complaint(HEAD NT("300000") " pdb ntoskrnl.pdb\n", path),
                        "case:4: module: FILE is the table of another PDB");
    assert_string_equal(
        complaint(HEAD NT("300000") " pdb ntkrnlmp.pdb 5278AFF86C341677D7D7835C85B7B844 2\n", path),
        "case:4: module: FILE is the table of another PDB");
    assert_string_equal(complaint(HEAD NT("300000") "\nsymbol nt!KeBugCheckEx nt+5000\n", path),
                        "case:5: nt!KeBugCheckEx would be at fffff80001605000, but FILE has it at "
                        "fffff80001602000");
    assert_string_equal(
        complaint("os 7601\ncpu x86\ndump full\nmodule nt 82a3f000 +300000\n", path),
        "case: isf: FILE is of another processor (machine 8664)");
    assert_string_equal(complaint("os 7601\ncpu x64\ndump minidump\nmodule a 10000 +10000\n", path),
                        "case: isf: a user minidump has no kernel");
    /* The line in the text says the same, with its number; a table without types is of no use. */
    char text[200];
    snprintf(text, sizeof text, HEAD "isf %s\n" NT("300000") "\n", "/nonexistent.json");
    struct forge_output out;
    assert_false(forge_scenario_build("case", text, &out, why));
    assert_non_null(strstr(why, "case:4: isf: "));
    assert_non_null(strstr(why, "/nonexistent.json"));
    assert_string_equal(complaint(HEAD "isf a\nisf b\n", path),
                        "case:5: isf: said already in line 4");
    assert_non_null(strstr(complaint(HEAD NT("300000") "\n", path), "_EPROCESS"));
}

/* ---- what every machine has ---- */

#define MACHINE                                                                                    \
    "os 7601 sp 1\ncpu x64\ndump full\nram 300M\ntime 2021-03-30 18:20:11.250\nuptime 0:10:00\n"   \
    "module nt fffff80001600000 +5ea000\n"                                                         \
    "process System fffffa8001018040 pid 4\nprocess app.exe fffffa8002345080 pid 9a4\n"            \
    "thread fffffa8002789060 cid 9a4.8\n"

/* POOL_HEADER, then _OBJECT_HEADER (TypeIndex +18, InfoMask +1a), then the process at its end. */
static void processes_and_threads_are_objects_in_pool_blocks(void **state) {
    (void)state;
    struct built out = build(MACHINE);
    const uint64_t process = 0xfffffa8002345080, block = process - 0x40;
    assert_int_equal(number(&out, block + 4, 4), 0xe36f7250); /* "Proc", protected */
    assert_int_equal(number(&out, block + 3, 1), 2);          /* in use, nonpaged */
    uint64_t size = number(&out, block + 2, 1) * 16;
    assert_int_equal(size - 0x40, 0x4d0); /* sizeof(_EPROCESS), from which readers count back */
    assert_int_equal(number(&out, block, 1) * 16, 0x40);
    assert_int_equal(number(&out, block - 0x40 + 2, 1) * 16, 0x40);  /* the free block before it */
    assert_int_equal(number(&out, block - 0x40 + 4, 4), 0x65657246); /* "Free" */
    assert_int_equal(number(&out, block + size, 1) * 16, size);      /* and the one behind it */
    assert_int_equal((number(&out, block + size + 2, 1) * 16 + size + 0x40) & 0xfff, 0);
    uint64_t type = number(&out, process - 0x30 + 0x18, 1);
    assert_true(type > 1);
    assert_int_equal(number(&out, process - 0x30 + 0x1a, 1), 0);
    assert_int_equal(number(&out, 0xfffffa8001018040 - 0x30 + 0x18, 1), type);
    assert_int_not_equal(number(&out, 0xfffffa8002789060 - 0x30 + 0x18, 1), type);
    assert_int_equal(number(&out, 0xfffffa8002789060 - 0x40 + 4, 4), 0xe5726854); /* "Thre" */
    forge_output_free(&out.out);
}

static void an_object_line_has_the_last_word(void **state) {
    (void)state;
    struct built out = build(MACHINE "object Process fffffa8002345080 pointers 77\n"
                                     "memory fffffa8001018004 11223344\n");
    assert_int_equal(number(&out, 0xfffffa8002345050, 8), 0x77);
    assert_int_equal(number(&out, 0xfffffa8002345050 + 0x1a, 1),
                     1); /* with what lines give: creator info */
    assert_int_equal(number(&out, 0xfffffa8001018004, 4), 0x44332211); /* no header over it */
    forge_output_free(&out.out);
}

static void processes_have_times_threads_tables_and_paths(void **state) {
    (void)state;
    struct built out = build(MACHINE);
    const uint64_t process = 0xfffffa8002345080, made = 132616020112500000 - 6000000000ull;
    assert_int_equal(number(&out, process + 0x168, 8), made + 10000000); /* CreateTime */
    assert_int_equal(number(&out, process + 0x328, 4), 1);               /* ActiveThreads */
    assert_int_equal(number(&out, process + 0x444, 4), 0x103);           /* ExitStatus */
    uint64_t handles = number(&out, process + 0x200, 8), name = number(&out, process + 0x390, 8);
    assert_int_equal(number(&out, handles - 12, 4), 0x6274624f); /* "Obtb" */
    assert_int_equal(number(&out, handles + 0x58, 4), 0);        /* HandleCount */
    assert_int_equal(number(&out, name + 8, 8), name + 16);
    assert_int_equal(number(&out, name + 16, 8), 0x007600650044005c); /* L"\Dev" */
    forge_output_free(&out.out);
}

/* Up to Windows 7 as far into RAM as into its addresses; readers look for it there. */
static void an_old_kernel_lies_where_its_address_says(void **state) {
    (void)state;
    struct forge_mapping at;
    struct built out = build(MACHINE);
    assert_true(forge_mmu_find(out.mmu, out.current, 0xfffff80001600000, &at));
    assert_int_equal(at.pa, 0x1600000);
    forge_output_free(&out.out);
}

/* The record that names the PDB stands in the first 4 MB, where readers look for it. */
static void the_kernels_tables_stand_at_its_front(void **state) {
    (void)state;
    struct built out = build(MACHINE "symbol nt!Far nt+5e0000 data\n"
                                     "memory nt!Far 01\n");
    uint8_t page[0x1000];
    bool found = false;
    for (uint64_t rva = 0; rva < 0x400000 && !found; rva += sizeof page) {
        assert_true(
            forge_mmu_read(out.mmu, out.current, 0xfffff80001600000 + rva, page, sizeof page));
        for (size_t i = 0; i + 4 <= sizeof page; i += 4)
            found = found || !memcmp(page + i, "RSDS", 4);
    }
    assert_true(found);
    forge_output_free(&out.out);
}

/* Nothing that finds its own place goes to a page that is kept clear. */
static void pages_that_are_kept_clear_stay_clear(void **state) {
    (void)state;
    static const uint8_t guid[16] = {1};
    struct forge_image *m = forge_image_new(0x8664, 0xfffff80001600000, 0x10000);
    struct forge_bytes memory = {0};
    forge_image_front(m);
    for (uint32_t rva = 0x1000; rva < 0x7000; rva += 0x1000)
        forge_image_keep_off(m, rva);
    forge_image_bytes(m, 0x8000, "code", 4, FORGE_CODE);
    forge_image_codeview(m, "ntkrnlmp.pdb", guid, 1);
    assert_true(forge_image_map(m, &memory));
    for (uint32_t at = 0x1000; at < 0x7000; at++)
        assert_int_equal(memory.data[at], 0);
    bool found = false;
    for (uint32_t at = 0x7000; at < 0x8000 && !found; at += 4)
        found = !memcmp(memory.data + at, "RSDS", 4);
    assert_true(found);
    forge_bytes_free(&memory);
    forge_image_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_must_fit_the_scenario),
        cmocka_unit_test(processes_and_threads_are_objects_in_pool_blocks),
        cmocka_unit_test(an_object_line_has_the_last_word),
        cmocka_unit_test(processes_have_times_threads_tables_and_paths),
        cmocka_unit_test(an_old_kernel_lies_where_its_address_says),
        cmocka_unit_test(the_kernels_tables_stand_at_its_front),
        cmocka_unit_test(pages_that_are_kept_clear_stay_clear),
    };
    return cmocka_run_group_tests(tests, write_table, remove_table);
}
