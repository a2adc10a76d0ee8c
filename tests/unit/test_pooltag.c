/* SPDX-License-Identifier: MIT */
/*
 * Pool tags and their meanings. That every row is found again is tested against data/pooltags.tsv
 * itself, read here. STOPCODE_DATA names the folder of the data files; without it, data/ in the
 * current folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nt/pooltag.h"

static void check(const char *tag, const char *pattern, const char *binary, const char *text) {
    struct nt_pooltag found;

    assert_true(nt_pooltag_find(nt_pooltag_from_text(tag), 0, &found));
    assert_string_equal(found.tag, pattern);
    assert_string_equal(found.binary, binary);
    assert_string_equal(found.text, text);
}

static void tag_is_found_with_binary_and_text(void **state) {
    (void)state;
    check("8042", "8042", "i8042prt.sys", "PS/2 keyboard and mouse");
    check("AfdC", "AfdC", "afd.sys", "Afd connection structure");
    check("AcpA", "AcpA", "acpi.sys", "ACPI arbiter data");
    check("Irp", "Irp ", "", "Io, IRP packets");
}

static void first_character_is_the_lowest_byte(void **state) {
    struct nt_pooltag found;

    (void)state;
    assert_int_equal(nt_pooltag_from_text("AfdC"), 0x43646641);
    assert_true(nt_pooltag_find(0x43646641, 0, &found));
    assert_string_equal(found.tag, "AfdC");
}

static void short_tags_are_padded_with_spaces(void **state) {
    (void)state;
    assert_int_equal(nt_pooltag_from_text("Cc"), 0x20206343);
    check("Cc", "Cc  ", "nt!cc", "Cache Manager allocations (catch-all)");
    check("PX9", "PX9 ", "ndproxy.sys", "PX_PROVIDER_TAG");
    check("Fsb", "Fsb ", "netio.sys", "Fixed-Size Block pool");
}

static void space_inside_a_tag_counts(void **state) {
    (void)state;
    check("Dh 0", "Dh 0", "", "DirectDraw/3D default object");
    check("Dh 5", "Dh 5", "", "DirectDraw/3D MotionComp object");
}

static void case_of_a_tag_counts(void **state) {
    (void)state;
    check("Vad", "Vad ", "nt!mm", "Mm virtual address descriptors");
    assert_false(nt_pooltag_find(nt_pooltag_from_text("vAD"), 0, NULL));
}

static void pattern_fits_when_the_tag_is_not_listed(void **state) {
    (void)state;
    check("Afd#", "Afd?", "afd.sys", "AFD objects");
    check("CM@@", "CM??", "nt!cm", "Internal Configuration manager allocations");
    check("Aml#", "Aml?", "", "ACPI AMLI Pooltags");
}

static void most_specific_pattern_wins(void **state) {
    (void)state;
    check("ScC#", "ScC?", "classpnp.sys", "ClassPnP misc allocations"); /* not Sc?? */
    check("Sc##", "Sc??", "", "Mass storage driver tags");
    check("Gh#5", "Gh?5", "win32k.sys", "GDITAG_HMGR_SURF_TYPE"); /* not Gh??, not G??? */
    check("Gh##", "Gh??", "win32k.sys", "GDITAG_HMGR_SPRITE_TYPE");
    check("G###", "G???", "", "Gdi Objects");
    check("NfR#", "NfR?", "nfsrdr.sys", "NFS (Network File System) client re-director");
}

static void listed_tag_wins_over_patterns(void **state) {
    (void)state;
    check("Gh00", "Gh00", "win32k.sys", "GDITAG_HMGR_START"); /* not Gh?0 */
    check("VM", "VM  ", "volmgr.sys", "General allocations"); /* not VM?? */
}

static void several_meanings_come_in_the_order_of_the_source(void **state) {
    uint32_t tag = nt_pooltag_from_text("TMcc");
    struct nt_pooltag found;

    (void)state;
    assert_true(nt_pooltag_find(tag, 0, &found));
    assert_string_equal(found.text, "TOKENMANAGER_COMPOSITIONFRAMECOLLECTION");
    assert_true(nt_pooltag_find(tag, 1, &found));
    assert_string_equal(found.text, "TOKENMANAGER_ADAPTERCOLLECTION");
    assert_false(nt_pooltag_find(tag, 2, &found));
    assert_false(nt_pooltag_find(tag, SIZE_MAX, &found));
}

static void pattern_can_have_several_meanings(void **state) {
    uint32_t tag = nt_pooltag_from_text("ScC#");
    struct nt_pooltag found;

    (void)state;
    assert_true(nt_pooltag_find(tag, 1, &found));
    assert_string_equal(found.tag, "ScC?");
    assert_string_equal(found.binary, "cdrom.sys");
    assert_false(nt_pooltag_find(tag, 2, &found));
    assert_false(nt_pooltag_find(tag, SIZE_MAX, &found));
}

static void protected_pool_bit_is_ignored(void **state) {
    struct nt_pooltag found;

    (void)state;
    assert_true(nt_pooltag_find(nt_pooltag_from_text("AfdC") | 0x80000000, 0, &found));
    assert_string_equal(found.tag, "AfdC");
}

static void unknown_tag_is_false_and_leaves_ret(void **state) {
    struct nt_pooltag found = {.tag = "left"};

    (void)state;
    assert_false(nt_pooltag_find(nt_pooltag_from_text("~~~~"), 0, &found));
    assert_false(nt_pooltag_find(0, 0, &found));
    assert_false(nt_pooltag_find(0xFFFFFFFF, 0, &found));
    assert_string_equal(found.tag, "left");
    assert_true(nt_pooltag_find(nt_pooltag_from_text("AfdC"), 0, NULL));
}

static void text_that_is_no_tag_gives_zero(void **state) {
    (void)state;
    assert_int_equal(nt_pooltag_from_text(NULL), 0);
    assert_int_equal(nt_pooltag_from_text(""), 0);
    assert_int_equal(nt_pooltag_from_text("ABCDE"), 0);
}

/* Whether a meaning of TAG is this row. A pattern's own question marks stand for themselves here:
 * nothing listed has one. */
static bool has_row(const char *tag, const char *binary, const char *text) {
    struct nt_pooltag found;

    for (size_t i = 0; nt_pooltag_find(nt_pooltag_from_text(tag), i, &found); i++)
        if (!strcmp(found.tag, tag) && !strcmp(found.binary, binary) && !strcmp(found.text, text))
            return true;
    return false;
}

static void every_row_of_the_data_is_found_again(void **state) {
    const char *folder = getenv("STOPCODE_DATA");
    char path[4096];
    char line[4096];
    size_t rows = 0;

    (void)state;
    snprintf(path, sizeof path, "%s/pooltags.tsv", folder ? folder : "data");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#')
            continue;
        line[strcspn(line, "\n")] = 0;
        char *binary = strchr(line, '\t');
        assert_non_null(binary);
        *binary++ = 0;
        char *text = strchr(binary, '\t');
        assert_non_null(text);
        *text++ = 0;
        if (!has_row(line, binary, text))
            fail_msg("%s is lost", line);
        rows++;
    }
    fclose(file);
    assert_true(rows > 4500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tag_is_found_with_binary_and_text),
        cmocka_unit_test(first_character_is_the_lowest_byte),
        cmocka_unit_test(short_tags_are_padded_with_spaces),
        cmocka_unit_test(space_inside_a_tag_counts),
        cmocka_unit_test(case_of_a_tag_counts),
        cmocka_unit_test(pattern_fits_when_the_tag_is_not_listed),
        cmocka_unit_test(most_specific_pattern_wins),
        cmocka_unit_test(listed_tag_wins_over_patterns),
        cmocka_unit_test(several_meanings_come_in_the_order_of_the_source),
        cmocka_unit_test(pattern_can_have_several_meanings),
        cmocka_unit_test(protected_pool_bit_is_ignored),
        cmocka_unit_test(unknown_tag_is_false_and_leaves_ret),
        cmocka_unit_test(text_that_is_no_tag_gives_zero),
        cmocka_unit_test(every_row_of_the_data_is_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
