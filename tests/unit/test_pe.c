/* SPDX-License-Identifier: MIT */
/* Images: headers, sections, and the bytes of an RVA, from a file and from memory. */
#include "unit/pe_support.h"

#define MACHINE_X64 0x8664

static void headers_of_64_bit_images_are_read(void **state) {
    struct peimg p;
    struct opened o;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    peimg_dir(&p, SC_PE_DIR_DEBUG, 0x2100, 0x38);
    open_file(&o, &p);
    const struct sc_pe_headers *h = sc_pe_headers(o.pe);
    assert_true(h->is64);
    assert_int_equal(h->machine, SC_PE_MACHINE_X64);
    assert_int_equal(sc_pe_cpu(o.pe), SC_CPU_X64);
    assert_int_equal(h->timestamp, 0x5f000001);
    assert_int_equal(h->image_base, 0x140000000);
    assert_int_equal(h->image_size, PEIMG_SIZE);
    assert_int_equal(h->subsystem_major, 6);
    assert_int_equal(h->subsystem_minor, 1);
    assert_int_equal(h->stack_reserve, 0x40000);
    assert_int_equal(h->ndirs, 16);
    struct sc_pe_directory d;
    assert_true(sc_pe_directory(o.pe, SC_PE_DIR_DEBUG, &d));
    assert_int_equal(d.rva, 0x2100);
    assert_int_equal(d.size, 0x38);
    assert_false(sc_pe_directory(o.pe, SC_PE_DIR_EXPORT, &d));
    close_image(&o);
}

static void headers_of_32_bit_arm_images_are_read(void **state) {
    struct peimg p;
    struct opened o;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_ARMNT);
    open_file(&o, &p);
    const struct sc_pe_headers *h = sc_pe_headers(o.pe);
    assert_false(h->is64);
    assert_int_equal(sc_pe_cpu(o.pe), SC_CPU_ARM);
    assert_int_equal(h->image_base, 0x400000);
    assert_int_equal(h->stack_reserve, 0x40000);
    assert_int_equal(h->ndirs_claimed, 16);
    assert_string_equal(sc_pe_machine_name(h->machine), "ARM (Thumb-2)");
    assert_null(sc_pe_machine_name(0x1234));
    close_image(&o);
}

static void sections_are_found_by_rva(void **state) {
    struct peimg p;
    struct opened o;
    const struct sc_pe_section *s;
    size_t n;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    open_file(&o, &p);
    no_error(sc_pe_sections(o.pe, &s, &n));
    assert_int_equal(n, 2);
    assert_string_equal(s[0].name, ".text");
    assert_int_equal(s[1].virtual_size, 0x6000);
    assert_null(sc_pe_section_at(o.pe, 0xfff));
    assert_ptr_equal(sc_pe_section_at(o.pe, 0x1000), &s[0]);
    /* VirtualSize ends at 0x1f00; the loader maps the whole page. */
    assert_ptr_equal(sc_pe_section_at(o.pe, 0x1fff), &s[0]);
    assert_ptr_equal(sc_pe_section_at(o.pe, 0x7fff), &s[1]);
    assert_null(sc_pe_section_at(o.pe, 0x8000));
    close_image(&o);
}

static void long_section_names_come_from_the_string_table(void **state) {
    struct peimg p;
    struct opened o;
    const struct sc_pe_section *s;
    size_t n;
    char name[32];
    (void)state;
    peimg_init(&p, MACHINE_X64);
    memcpy(p.data + p.sections, "/4\0\0\0\0\0", 8);
    memcpy(p.data + p.sections + 0x28, "/9999999", 8); /* behind the file */
    peimg_u32(&p, PEIMG_NT + 0xc, 0x1400);             /* the symbols lie at RVA 0x2000 */
    peimg_u32(&p, PEIMG_NT + 0x10, 2);
    peimg_text(&p, 0x2000 + 2 * 18 + 4, ".debug_info");
    open_file(&o, &p);
    no_error(sc_pe_sections(o.pe, &s, &n));
    sc_pe_section_name(o.pe, &s[0], name, sizeof name);
    assert_string_equal(name, ".debug_info");
    sc_pe_section_name(o.pe, &s[1], name, sizeof name);
    assert_string_equal(name, "/9999999");
    sc_pe_section_name(o.pe, &s[0], name, 4);
    assert_string_equal(name, ".de");
    close_image(&o);
}

static void bytes_behind_the_raw_data_are_zeros(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t b[8];
    size_t got;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    memset(p.data + PEIMG_ZEROS - 4, 0xaa, 8);
    open_file(&o, &p);
    assert_int_equal(sc_pe_read(o.pe, PEIMG_ZEROS - 4, b, 8, &got), SC_READ_OK);
    assert_int_equal(got, 8);
    assert_memory_equal(b, "\xaa\xaa\xaa\xaa\0\0\0\0", 8);
    uint64_t offset;
    assert_true(sc_pe_rva_to_offset(o.pe, PEIMG_ZEROS - 1, &offset));
    assert_int_equal(offset, PEIMG_FILE - 1);
    assert_false(sc_pe_rva_to_offset(o.pe, PEIMG_ZEROS, &offset));
    close_image(&o);
}

static void reads_end_where_the_image_ends(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t b[8] = {0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55};
    size_t got;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    open_file(&o, &p);
    assert_int_equal(sc_pe_read(o.pe, 0x7ffc, b, 8, &got), SC_READ_INVALID);
    assert_int_equal(got, 4);
    assert_int_equal(b[4], 0x55);
    /* Between the headers and the first section nothing is mapped. */
    assert_int_equal(sc_pe_read(o.pe, 0x3fe, b, 4, &got), SC_READ_INVALID);
    assert_int_equal(got, 2);
    assert_int_equal(sc_pe_read(o.pe, 0x100000001, b, 1, &got), SC_READ_INVALID);
    assert_int_equal(got, 0);
    assert_int_equal(sc_pe_read(o.pe, 0xffffffffffff, b, 0, &got), SC_READ_OK);
    error_is(sc_pe_need(o.pe, 0x9000, b, 1, "thing"), SC_ERR_FORMAT, "made.sys");
    close_image(&o);
}

static void raw_pointers_are_rounded_down_to_sectors(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t b[2];
    uint32_t rva;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    p.data[PEIMG_TEXT] = 0x12;
    peimg_u32(&p, p.sections + 0x14, 0x5ff); /* PointerToRawData of .text: means 0x400 */
    open_file(&o, &p);
    no_error(sc_pe_need(o.pe, PEIMG_TEXT, b, 2, "code"));
    assert_int_equal(b[0], 0x12);
    assert_true(sc_pe_offset_to_rva(o.pe, 0x401, &rva));
    assert_int_equal(rva, 0x1001);
    close_image(&o);
}

static void low_alignment_images_are_mapped_flat(void **state) {
    struct peimg p;
    struct opened o;
    uint64_t offset;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    peimg_u32(&p, PEIMG_OPT + 0x20, 0x20); /* SectionAlignment */
    peimg_u32(&p, PEIMG_OPT + 0x24, 0x20);
    const uint32_t text[] = {0x100, 0x420, 0x100, 0x420}; /* size, RVA, raw size, raw pointer */
    const uint32_t data[] = {0x100, 0x600, 0x100, 0x600};
    peimg_u32s(&p, p.sections + 8, text, 4);
    peimg_u32s(&p, p.sections + 0x30, data, 4);
    open_file(&o, &p);
    assert_true(sc_pe_rva_to_offset(o.pe, 0x423, &offset));
    assert_int_equal(offset, 0x423);                        /* not rounded to a sector */
    assert_true(sc_pe_rva_to_offset(o.pe, 0x5f0, &offset)); /* a gap is mapped too */
    assert_int_equal(offset, 0x5f0);
    close_image(&o);
}

static void offsets_and_rvas_lead_to_each_other(void **state) {
    struct peimg p;
    struct opened o;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    open_file(&o, &p);
    for (uint64_t at = 0; at < PEIMG_FILE; at += 0x1ff) {
        uint32_t rva;
        uint64_t back;
        assert_true(sc_pe_offset_to_rva(o.pe, at, &rva));
        assert_true(sc_pe_rva_to_offset(o.pe, rva, &back));
        assert_int_equal(back, at);
    }
    uint32_t rva;
    assert_false(sc_pe_offset_to_rva(o.pe, PEIMG_FILE, &rva));
    assert_true(sc_pe_va_to_rva(o.pe, 0x140001234, &rva));
    assert_int_equal(rva, 0x1234);
    assert_false(sc_pe_va_to_rva(o.pe, 0x140008000, &rva));
    assert_false(sc_pe_va_to_rva(o.pe, 0x13fffffff, &rva));
    close_image(&o);
}

static void cut_files_say_where_they_end(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t b[16];
    size_t got;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    struct forge_bytes file = peimg_file(&p);
    no_error(open_bytes(&o, file.data, 0x1408));
    size_t n;
    const struct sc_note *note = sc_pe_notes(o.pe, &n);
    assert_int_equal(n, 1);
    assert_non_null(strstr(note->text, "behind the end of the file"));
    assert_int_equal(sc_pe_read(o.pe, 0x2000, b, 16, &got), SC_READ_ABSENT);
    assert_int_equal(got, 8);
    error_is(sc_pe_need(o.pe, 0x2000, b, 16, "thing"), SC_ERR_FORMAT,
             "made.sys: offset 0x1408: thing: the file ends before it");
    close_image(&o);
    forge_bytes_free(&file);
}

static void memory_is_read_at_its_base(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t b[4];
    uint32_t rva;
    uint64_t offset;
    const uint64_t base = 0xfffff80312340000;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    peimg_u32(&p, PEIMG_ZEROS, 0x11223344); /* written after loading: not in the file */
    no_error(map_image(&o, &p, base, 0));
    assert_true(sc_pe_is_memory(o.pe));
    no_error(sc_pe_need(o.pe, PEIMG_ZEROS, b, 4, "data"));
    assert_memory_equal(b, "\x44\x33\x22\x11", 4);
    assert_true(sc_pe_va_to_rva(o.pe, base + 0x1000, &rva));
    assert_int_equal(rva, 0x1000);
    assert_false(sc_pe_va_to_rva(o.pe, 0x140001000, &rva));
    assert_false(sc_pe_rva_to_offset(o.pe, 0x1000, &offset));
    assert_int_equal(sc_pe_read(o.pe, PEIMG_SIZE, b, 1, NULL), SC_READ_INVALID);
    close_image(&o);
}

static void memory_does_not_wrap_round(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t b[4];
    size_t got;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    no_error(map_image(&o, &p, UINT64_MAX - 0x7fff, 0));
    no_error(sc_pe_need(o.pe, PEIMG_DATA, b, 4, "data"));
    close_image(&o);
    peimg_u32(&p, PEIMG_OPT + 0x38, 0x100000);
    no_error(map_image(&o, &p, UINT64_MAX - 0x7fff, 0));
    assert_int_equal(sc_pe_read(o.pe, 0x8000, b, 4, &got), SC_READ_INVALID);
    assert_int_equal(sc_pe_read(o.pe, 0x7ffd, b, 4, &got), SC_READ_INVALID);
    assert_in_range(got, 2, 3);
    close_image(&o);
}

static void absent_pages_are_absent_parts(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t b[16];
    size_t got;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    no_error(map_image(&o, &p, 0x10000, 1u << 3));
    no_error(sc_pe_need(o.pe, 0x2000, b, 16, "thing"));
    assert_int_equal(sc_pe_read(o.pe, 0x2ff8, b, 16, &got), SC_READ_ABSENT);
    assert_int_equal(got, 8);
    sc_err *err = sc_pe_need(o.pe, 0x2ff8, b, 16, "thing");
    uint64_t address;
    assert_true(sc_err_address(err, &address));
    assert_int_equal(address, 0x13000);
    error_is(err, SC_ERR_MEMORY, "made.sys: thing");
    close_image(&o);
    error_is(map_image(&o, &p, 0x10000, 1), SC_ERR_MEMORY, "DOS header");
    close_image(&o);
}

static void an_absent_section_table_leaves_the_headers(void **state) {
    struct peimg p;
    struct opened o;
    const struct sc_pe_section *s;
    size_t n;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    peimg_u16(&p, PEIMG_NT + 0x14, 0x1000 - PEIMG_OPT); /* the table starts on the second page */
    no_error(map_image(&o, &p, 0x10000, 2));
    assert_int_equal(sc_pe_headers(o.pe)->nsections, 2);
    error_is(sc_pe_sections(o.pe, &s, &n), SC_ERR_MEMORY, "section table");
    close_image(&o);
    peimg_u16(&p, PEIMG_NT + 6, 0xffff); /* more than the memory holds */
    no_error(map_image(&o, &p, 0x10000, 0));
    error_is(sc_pe_sections(o.pe, &s, &n), SC_ERR_FORMAT, "section table");
    close_image(&o);
    peimg_u16(&p, PEIMG_NT + 6, 2);
    struct forge_bytes file = peimg_file(&p);
    no_error(open_bytes(&o, file.data, 0x200));
    error_is(sc_pe_sections(o.pe, &s, &n), SC_ERR_FORMAT, "section table");
    close_image(&o);
    forge_bytes_free(&file);
}

static void what_is_no_image_is_refused(void **state) {
    struct peimg p;
    struct opened o;
    (void)state;
    error_is(open_bytes(&o, "", 0), SC_ERR_FORMAT, "DOS header");
    close_image(&o);
    peimg_init(&p, MACHINE_X64);
    p.data[0] = 'N';
    error_is(open_bytes(&o, p.data, 0x400), SC_ERR_FORMAT, "does not begin with MZ");
    close_image(&o);
    peimg_init(&p, MACHINE_X64);
    peimg_u32(&p, 0x3c, 0xfffffff0);
    error_is(open_bytes(&o, p.data, 0x400), SC_ERR_FORMAT, "offset");
    close_image(&o);
    peimg_init(&p, MACHINE_X64);
    peimg_u16(&p, PEIMG_NT, 0x454e); /* NE */
    error_is(open_bytes(&o, p.data, 0x400), SC_ERR_FORMAT, "no PE image");
    close_image(&o);
    peimg_init(&p, MACHINE_X64);
    peimg_u16(&p, PEIMG_OPT, 0x107);
    error_is(open_bytes(&o, p.data, 0x400), SC_ERR_FORMAT, "unknown magic 0x107");
    close_image(&o);
    peimg_init(&p, MACHINE_X64);
    peimg_u16(&p, PEIMG_NT + 0x14, 0);
    error_is(open_bytes(&o, p.data, 0x400), SC_ERR_FORMAT, "object file");
    close_image(&o);
}

static void counts_are_held_against_the_file(void **state) {
    struct peimg p;
    struct opened o;
    const struct sc_pe_section *s;
    size_t n;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    peimg_u16(&p, PEIMG_NT + 6, 0xffff);
    open_file(&o, &p);
    error_is(sc_pe_sections(o.pe, &s, &n), SC_ERR_FORMAT, "section table");
    close_image(&o);
    peimg_init(&p, MACHINE_X64);
    peimg_u16(&p, PEIMG_NT + 6, 0);
    open_file(&o, &p);
    no_error(sc_pe_sections(o.pe, &s, &n));
    assert_int_equal(n, 0);
    close_image(&o);
    peimg_init(&p, MACHINE_X64);
    peimg_u32(&p, PEIMG_OPT + 0x6c, 0xffffffff);
    open_file(&o, &p);
    assert_int_equal(sc_pe_headers(o.pe)->ndirs, 16);
    assert_int_equal(sc_pe_headers(o.pe)->ndirs_claimed, 0xffffffff);
    close_image(&o);
    peimg_init(&p, MACHINE_X64);
    peimg_u32(&p, PEIMG_OPT + 0x6c, 2);
    peimg_dir(&p, SC_PE_DIR_DEBUG, 0x2000, 28);
    open_file(&o, &p);
    assert_int_equal(sc_pe_headers(o.pe)->ndirs, 2);
    assert_int_equal(sc_pe_debug_count(o.pe), 0);
    close_image(&o);
}

static void overlapping_and_wrapping_sections_are_noted(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t b[4];
    size_t n;
    (void)state;
    peimg_init(&p, MACHINE_X64);
    peimg_u32(&p, p.sections + 8, 0xffffffff); /* .text: VirtualSize */
    open_file(&o, &p);
    const struct sc_note *note = sc_pe_notes(o.pe, &n);
    assert_int_equal(n, 2);
    assert_non_null(strstr(note[0].text, "SizeOfImage"));
    assert_non_null(strstr(note[1].text, "overlap"));
    assert_string_equal(sc_pe_section_at(o.pe, 0x2000)->name, ".data");
    assert_string_equal(sc_pe_section_at(o.pe, 0x1000)->name, ".text");
    assert_string_equal(sc_pe_section_at(o.pe, 0x9000)->name, ".text");
    /* A read that begins in the gap goes on in the section behind it. */
    assert_int_equal(sc_pe_read(o.pe, 0x1ffe, b, 4, NULL), SC_READ_OK);
    close_image(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_of_64_bit_images_are_read),
        cmocka_unit_test(headers_of_32_bit_arm_images_are_read),
        cmocka_unit_test(sections_are_found_by_rva),
        cmocka_unit_test(long_section_names_come_from_the_string_table),
        cmocka_unit_test(bytes_behind_the_raw_data_are_zeros),
        cmocka_unit_test(reads_end_where_the_image_ends),
        cmocka_unit_test(raw_pointers_are_rounded_down_to_sectors),
        cmocka_unit_test(low_alignment_images_are_mapped_flat),
        cmocka_unit_test(offsets_and_rvas_lead_to_each_other),
        cmocka_unit_test(cut_files_say_where_they_end),
        cmocka_unit_test(memory_is_read_at_its_base),
        cmocka_unit_test(memory_does_not_wrap_round),
        cmocka_unit_test(absent_pages_are_absent_parts),
        cmocka_unit_test(an_absent_section_table_leaves_the_headers),
        cmocka_unit_test(what_is_no_image_is_refused),
        cmocka_unit_test(counts_are_held_against_the_file),
        cmocka_unit_test(overlapping_and_wrapping_sections_are_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
