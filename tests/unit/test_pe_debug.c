/* SPDX-License-Identifier: MIT */
/* Images: the debug directory, the keys of symbol stores, the checksum. */
#include "unit/pe_support.h"

enum { DIR = 0x2000, DATA = 0x2400, ENTRY = 28 };

/* Entry INDEX of TYPE with SIZE bytes at RVA (0: in the file only). */
static void put_entry(struct peimg *p, uint32_t index, uint32_t type, uint32_t size, uint32_t rva) {
    const uint32_t e[] = {0, 0x5f000003, 0, type, size, rva, rva - 0x2000 + 0x1400};
    peimg_u32s(p, DIR + ENTRY * index, e, 7);
    peimg_dir(p, SC_PE_DIR_DEBUG, DIR, ENTRY * (index + 1));
}

static void put_rsds(struct peimg *p, uint32_t at) {
    static const uint8_t guid[] = {0xf8, 0xaf, 0x78, 0x52, 0x6c, 0x86, 0x77, 0x34,
                                   0x1d, 0x7d, 0x78, 0x35, 0xc8, 0x5b, 0x78, 0x44};
    memcpy(p->data + at, "RSDS", 4);
    memcpy(p->data + at + 4, guid, 16);
    peimg_u32(p, at + 20, 0x1a);
    peimg_text(p, at + 24, "c:\\made\\made.pdb");
}

static void rsds_records_name_their_pdb(void **state) {
    struct peimg p;
    struct opened o;
    const struct sc_codeview *cv;
    char key[SC_PE_KEY_BUF];
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_entry(&p, 0, SC_PE_DEBUG_POGO, 0, 0);
    put_entry(&p, 1, SC_PE_DEBUG_CODEVIEW, 24 + 17, DATA);
    put_rsds(&p, DATA);
    for (int memory = 0; memory < 2; memory++) {
        if (memory)
            no_error(map_image(&o, &p, 0x10000, 0));
        else
            open_file(&o, &p);
        assert_int_equal(sc_pe_debug_count(o.pe), 2);
        no_error(sc_pe_codeview(o.pe, &cv));
        assert_int_equal(cv->kind, SC_CV_RSDS);
        assert_int_equal(cv->age, 0x1a);
        assert_string_equal(cv->path, "c:\\made\\made.pdb");
        assert_string_equal(sc_pe_pdb_key(cv, key), "5278AFF8866C34771D7D7835C85B78441a");
        close_image(&o);
    }
}

static void nb10_records_name_their_pdb(void **state) {
    struct peimg p;
    struct opened o;
    const struct sc_codeview *cv;
    char key[SC_PE_KEY_BUF];
    const uint32_t head[] = {0x3031424e, 0, 0x3a98e856, 1};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X86);
    put_entry(&p, 0, SC_PE_DEBUG_CODEVIEW, 0x1c, DATA);
    peimg_u32s(&p, DATA, head, 4);
    peimg_text(&p, DATA + 16, "winmine.pdb");
    open_file(&o, &p);
    no_error(sc_pe_codeview(o.pe, &cv));
    assert_int_equal(cv->kind, SC_CV_NB10);
    assert_int_equal(cv->signature, 0x3a98e856);
    assert_string_equal(cv->path, "winmine.pdb");
    assert_string_equal(sc_pe_pdb_key(cv, key), "3A98E8561");
    close_image(&o);
}

static void codeview_of_other_kinds_gives_way(void **state) {
    struct peimg p;
    struct opened o;
    const struct sc_codeview *cv;
    char key[SC_PE_KEY_BUF];
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X86);
    put_entry(&p, 0, SC_PE_DEBUG_CODEVIEW, 16, DATA);
    memcpy(p.data + DATA, "NB09", 4);
    open_file(&o, &p);
    no_error(sc_pe_codeview(o.pe, &cv));
    assert_int_equal(cv->kind, SC_CV_OTHER);
    assert_null(sc_pe_pdb_key(cv, key));
    close_image(&o);
    put_entry(&p, 1, SC_PE_DEBUG_CODEVIEW, 41, DATA + 0x100);
    put_rsds(&p, DATA + 0x100);
    open_file(&o, &p);
    no_error(sc_pe_codeview(o.pe, &cv));
    assert_int_equal(cv->kind, SC_CV_RSDS);
    close_image(&o);
}

static void damaged_codeview_is_an_error(void **state) {
    struct peimg p;
    struct opened o;
    const struct sc_codeview *cv;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_entry(&p, 0, SC_PE_DEBUG_CODEVIEW, 20, DATA);
    put_rsds(&p, DATA);
    open_file(&o, &p);
    error_is(sc_pe_codeview(o.pe, &cv), SC_ERR_FORMAT, "only 0x14 bytes");
    close_image(&o);
    put_entry(&p, 0, SC_PE_DEBUG_CODEVIEW, 0xffffffff, DATA);
    peimg_u32(&p, DIR + 24, 0xfffffff0); /* behind the file */
    open_file(&o, &p);
    error_is(sc_pe_codeview(o.pe, &cv), SC_ERR_FORMAT, "made.sys: offset 0xfffffff0");
    close_image(&o);
    peimg_init(&p, SC_PE_MACHINE_X64);
    open_file(&o, &p);
    error_is(sc_pe_codeview(o.pe, &cv), SC_ERR_NOT_FOUND, "no CodeView entry");
    assert_int_equal(sc_pe_debug_count(o.pe), 0);
    close_image(&o);
}

static void data_that_is_not_mapped_is_in_the_file_only(void **state) {
    struct peimg p;
    struct opened o;
    const struct sc_codeview *cv;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_entry(&p, 0, SC_PE_DEBUG_CODEVIEW, 41, DATA);
    peimg_u32(&p, DIR + 20, 0); /* AddressOfRawData */
    put_rsds(&p, DATA);
    open_file(&o, &p);
    no_error(sc_pe_codeview(o.pe, &cv));
    close_image(&o);
    no_error(map_image(&o, &p, 0x10000, 0));
    error_is(sc_pe_codeview(o.pe, &cv), SC_ERR_NOT_FOUND, "not mapped");
    close_image(&o);
}

static void reproducible_builds_are_recognised(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_repro r = {0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    open_file(&o, &p);
    error_is(sc_pe_repro(o.pe, &r), SC_ERR_NOT_FOUND, "no Repro entry");
    assert_false(r.present);
    close_image(&o);
    put_entry(&p, 0, SC_PE_DEBUG_REPRO, 0, 0);
    open_file(&o, &p);
    no_error(sc_pe_repro(o.pe, &r));
    assert_true(r.present);
    assert_int_equal(r.hash_size, 0);
    close_image(&o);
    put_entry(&p, 0, SC_PE_DEBUG_REPRO, 0x24, DATA);
    peimg_u32(&p, DATA, 0x20);
    memset(p.data + DATA + 4, 0x77, 0x20);
    open_file(&o, &p);
    no_error(sc_pe_repro(o.pe, &r));
    assert_int_equal(r.hash_size, 0x20);
    assert_int_equal(r.hash[0x1f], 0x77);
    close_image(&o);
    peimg_u32(&p, DATA, 0x21); /* longer than its entry */
    open_file(&o, &p);
    error_is(sc_pe_repro(o.pe, &r), SC_ERR_FORMAT, "hash of 33 bytes");
    close_image(&o);
}

struct pogo {
    char text[256];
};

static bool see_pogo(void *ctx, uint32_t rva, uint32_t size, const char *name) {
    struct pogo *s = ctx;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%x+%x=%s ", rva, size, name);
    return true;
}

static void the_other_types_are_decoded(void **state) {
    struct peimg p;
    struct opened o;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    const uint32_t features[] = {1, 22, 333, 4444, 5};
    put_entry(&p, 0, SC_PE_DEBUG_VC_FEATURE, 20, DATA);
    peimg_u32s(&p, DATA, features, 5);
    put_entry(&p, 1, SC_PE_DEBUG_EX_DLLCHARACTERISTICS, 4, DATA + 0x40);
    peimg_u32(&p, DATA + 0x40, 0x41);
    put_entry(&p, 2, SC_PE_DEBUG_MISC, 0x20, DATA + 0x80);
    peimg_u32(&p, DATA + 0x80, 1);
    peimg_u32(&p, DATA + 0x84, 0x20);
    peimg_text(&p, DATA + 0x8c, "exe\\made.dbg");
    put_entry(&p, 3, SC_PE_DEBUG_EMBEDDED_PDB, 0x30, DATA + 0xc0);
    memcpy(p.data + DATA + 0xc0, "MPDB", 4);
    peimg_u32(&p, DATA + 0xc4, 0x292c);
    put_entry(&p, 4, SC_PE_DEBUG_PDB_CHECKSUM, 7 + 32, DATA + 0x100);
    peimg_text(&p, DATA + 0x100, "SHA256");
    memset(p.data + DATA + 0x107, 0x5a, 32);
    put_entry(&p, 5, SC_PE_DEBUG_POGO, 36, DATA + 0x140);
    memcpy(p.data + DATA + 0x140, "UGP", 4);
    peimg_u32(&p, DATA + 0x144, 0x1000);
    peimg_u32(&p, DATA + 0x148, 0x33);
    peimg_text(&p, DATA + 0x14c, ".text");
    peimg_u32(&p, DATA + 0x154, 0x2000);
    peimg_u32(&p, DATA + 0x158, 0x44);
    peimg_text(&p, DATA + 0x15c, ".dat");
    open_file(&o, &p);
    struct sc_pe_vc_feature v;
    no_error(sc_pe_vc_feature(o.pe, &v));
    assert_int_equal(v.nfields, 5);
    assert_int_equal(v.gs, 333);
    assert_int_equal(v.guardn, 5);
    uint32_t flags, signature;
    no_error(sc_pe_ex_dllcharacteristics(o.pe, &flags));
    assert_int_equal(flags, 0x41);
    char path[64];
    no_error(sc_pe_dbg_path(o.pe, path, sizeof path));
    assert_string_equal(path, "exe\\made.dbg");
    struct sc_pe_embedded_pdb e;
    no_error(sc_pe_embedded_pdb(o.pe, &e));
    assert_int_equal(e.size, 0x292c);
    assert_int_equal(e.packed_offset, 8);
    assert_int_equal(e.packed_size, 0x28);
    struct sc_pe_pdb_checksum c;
    no_error(sc_pe_pdb_checksum(o.pe, &c));
    assert_string_equal(c.algorithm, "SHA256");
    assert_int_equal(c.sum_size, 32);
    assert_int_equal(c.sum[31], 0x5a);
    struct pogo seen = {0};
    no_error(sc_pe_each_pogo(o.pe, see_pogo, &seen, &signature));
    assert_string_equal(seen.text, "1000+33=.text 2000+44=.dat ");
    close_image(&o);
}

static void damaged_debug_data_is_refused(void **state) {
    struct peimg p;
    struct opened o;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_entry(&p, 0, SC_PE_DEBUG_EX_DLLCHARACTERISTICS, 2, DATA);
    put_entry(&p, 1, SC_PE_DEBUG_MISC, 4, DATA);
    put_entry(&p, 2, SC_PE_DEBUG_EMBEDDED_PDB, 8, DATA);
    put_entry(&p, 3, SC_PE_DEBUG_PDB_CHECKSUM, 200, DATA);
    memset(p.data + DATA, 'x', 400);
    put_entry(&p, 4, SC_PE_DEBUG_POGO, 64, DATA);
    open_file(&o, &p);
    uint32_t u;
    char path[8];
    struct sc_pe_embedded_pdb e;
    struct sc_pe_pdb_checksum c;
    struct pogo seen = {0};
    error_is(sc_pe_ex_dllcharacteristics(o.pe, &u), SC_ERR_FORMAT, "only 2 bytes");
    error_is(sc_pe_dbg_path(o.pe, path, sizeof path), SC_ERR_FORMAT, "only 4 bytes");
    error_is(sc_pe_embedded_pdb(o.pe, &e), SC_ERR_FORMAT, "MPDB");
    error_is(sc_pe_pdb_checksum(o.pe, &c), SC_ERR_FORMAT, "algorithm");
    error_is(sc_pe_each_pogo(o.pe, see_pogo, &seen, &u), SC_ERR_FORMAT, "without an end");
    close_image(&o);
}

static void long_directories_are_held_against_the_file(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_debug d;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    peimg_dir(&p, SC_PE_DIR_DEBUG, DIR, 0xffffffff);
    open_file(&o, &p);
    assert_in_range(sc_pe_debug_count(o.pe), 1, PEIMG_FILE / ENTRY);
    error_is(sc_pe_debug_at(o.pe, PEIMG_FILE, &d), SC_ERR_NOT_FOUND, "no debug directory entry");
    close_image(&o);
}

static void debug_types_have_names(void **state) {
    (void)state;
    assert_string_equal(sc_pe_debug_name(2), "CodeView");
    assert_string_equal(sc_pe_debug_name(16), "Repro");
    assert_string_equal(sc_pe_debug_name(20), "ExtendedDLLCharacteristics");
    assert_null(sc_pe_debug_name(21));
}

static void image_keys_are_those_of_symbol_stores(void **state) {
    char key[SC_PE_KEY_BUF];
    (void)state;
    assert_string_equal(sc_pe_image_key(0xc9c03000, 0x3b000, key), "C9C030003b000");
    assert_string_equal(sc_pe_image_key(0x1234, 0xabcdef, key), "00001234abcdef");
}

/* The sum written out: words of the file added with end-around carry, then its length. */
static uint32_t plain_sum(const uint8_t *data, size_t size) {
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i += 2) {
        sum += (uint32_t)(data[i] | (i + 1 < size ? data[i + 1] << 8 : 0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum + (uint32_t)size;
}

static void checksums_leave_their_own_field_out(void **state) {
    struct peimg p;
    struct opened o;
    uint32_t sum, with;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    for (uint32_t i = PEIMG_DATA; i < PEIMG_ZEROS; i++)
        p.data[i] = (uint8_t)(i * 31);
    struct forge_bytes file = peimg_file(&p);
    for (size_t size = file.size - 1; size <= file.size; size++) {
        no_error(open_bytes(&o, file.data, size));
        no_error(sc_pe_checksum(o.pe, &sum));
        assert_int_equal(sum, plain_sum(file.data, size));
        close_image(&o);
    }
    memset(file.data + PEIMG_OPT + 0x40, 0xc3, 4);
    no_error(open_bytes(&o, file.data, file.size));
    no_error(sc_pe_checksum(o.pe, &with));
    assert_int_equal(with, sum);
    assert_int_not_equal(with, plain_sum(file.data, file.size));
    close_image(&o);
    forge_bytes_free(&file);
    no_error(map_image(&o, &p, 0x10000, 0));
    error_is(sc_pe_checksum(o.pe, &sum), SC_ERR_ARG, "not of memory");
    close_image(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsds_records_name_their_pdb),
        cmocka_unit_test(nb10_records_name_their_pdb),
        cmocka_unit_test(codeview_of_other_kinds_gives_way),
        cmocka_unit_test(damaged_codeview_is_an_error),
        cmocka_unit_test(data_that_is_not_mapped_is_in_the_file_only),
        cmocka_unit_test(reproducible_builds_are_recognised),
        cmocka_unit_test(the_other_types_are_decoded),
        cmocka_unit_test(damaged_debug_data_is_refused),
        cmocka_unit_test(long_directories_are_held_against_the_file),
        cmocka_unit_test(debug_types_have_names),
        cmocka_unit_test(image_keys_are_those_of_symbol_stores),
        cmocka_unit_test(checksums_leave_their_own_field_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
