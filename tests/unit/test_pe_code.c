/* SPDX-License-Identifier: MIT */
/* Images: function tables, unwind headers, load configuration, hybrid code, TLS. */
#include "unit/pe_support.h"

enum { PDATA = 0x3000, XDATA = 0x3800, CONFIG = 0x4000, CHPE = 0x4400, MAP = 0x4800 };

/* Functions at 0x1000, 0x1040 (a chained part of the first), 0x1100. */
static void put_x64(struct peimg *p) {
    const uint32_t table[] = {0x1000,       0x1030, XDATA,  0x1040,      0x1060,
                              XDATA + 0x20, 0x1100, 0x1180, XDATA + 0x40};
    peimg_dir(p, SC_PE_DIR_EXCEPTION, PDATA, sizeof table);
    peimg_u32s(p, PDATA, table, 9);
    /* Version 1, both handlers, 3 codes, frame register rbp at 2 × 16. */
    static const uint8_t first[] = {1 | 3 << 3, 0x1b, 3, 0x25, 0x1b, 0x52, 0x17, 0x70, 0x16, 0x60};
    memcpy(p->data + XDATA, first, sizeof first);
    peimg_u32(p, XDATA + 12, 0x1500);
    const uint8_t chained[] = {1 | 4 << 3, 0, 0, 0};
    memcpy(p->data + XDATA + 0x20, chained, 4);
    peimg_u32s(p, XDATA + 0x24, table, 3);
    p->data[XDATA + 0x40] = 2;
}

static void functions_are_found_by_rva(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_function f;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_x64(&p);
    open_file(&o, &p);
    assert_int_equal(sc_pe_function_count(o.pe), 3);
    no_error(sc_pe_function_at(o.pe, 2, &f));
    assert_int_equal(f.begin, 0x1100);
    assert_int_equal(f.entry, PDATA + 24);
    error_is(sc_pe_function_at(o.pe, 3, &f), SC_ERR_NOT_FOUND, "entry 3");
    static const uint32_t inside[][2] = {
        {0x1000, 0x1000}, {0x102f, 0x1000}, {0x1040, 0x1040}, {0x117f, 0x1100}};
    for (size_t i = 0; i < 4; i++) {
        no_error(sc_pe_function_find(o.pe, inside[i][0], &f));
        assert_int_equal(f.begin, inside[i][1]);
    }
    static const uint32_t outside[] = {0, 0xfff, 0x1030, 0x103f, 0x1060, 0x1180, 0xffffffff};
    for (size_t i = 0; i < 7; i++)
        error_is(sc_pe_function_find(o.pe, outside[i], &f), SC_ERR_NOT_FOUND, "covers RVA");
    close_image(&o);
}

static void unwind_headers_are_read(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_unwind u;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_x64(&p);
    open_file(&o, &p);
    no_error(sc_pe_unwind(o.pe, XDATA, &u));
    assert_int_equal(u.version, 1);
    assert_int_equal(u.flags, SC_PE_UNW_EHANDLER | SC_PE_UNW_UHANDLER);
    assert_int_equal(u.prolog, 0x1b);
    assert_int_equal(u.ncodes, 3);
    assert_int_equal(u.frame_register, 5);
    assert_int_equal(u.frame_offset, 2);
    assert_int_equal(u.codes[0], 0x521b);
    assert_int_equal(u.codes[2], 0x6016);
    assert_int_equal(u.handler, 0x1500); /* behind the padding of the odd count */
    assert_int_equal(u.handler_data, XDATA + 16);
    assert_int_equal(u.size, 16);
    no_error(sc_pe_unwind(o.pe, XDATA + 0x20, &u));
    assert_true(u.chained);
    assert_int_equal(u.chain.begin, 0x1000);
    assert_int_equal(u.chain.unwind, XDATA);
    assert_int_equal(u.handler, 0);
    no_error(sc_pe_unwind(o.pe, XDATA + 0x40, &u));
    assert_int_equal(u.version, 2);
    p.data[XDATA] = 5;
    close_image(&o);
    open_file(&o, &p);
    error_is(sc_pe_unwind(o.pe, XDATA, &u), SC_ERR_FORMAT, "version 5");
    close_image(&o);
}

static void chains_lead_to_the_functions_start(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_function f, root;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_x64(&p);
    peimg_u32(&p, PDATA + 32, PDATA + 12 + 1); /* the third stands for the second */
    open_file(&o, &p);
    for (size_t i = 0; i < 3; i++) {
        no_error(sc_pe_function_at(o.pe, i, &f));
        no_error(sc_pe_function_root(o.pe, &f, &root));
        assert_int_equal(root.begin, 0x1000);
        assert_int_equal(root.unwind, XDATA);
    }
    close_image(&o);
}

static void chains_that_go_round_end(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_function f, root;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_x64(&p);
    peimg_u32(&p, XDATA + 0x2c, XDATA + 0x20);
    peimg_u32(&p, PDATA + 32, PDATA + 24 + 1); /* stands for itself */
    open_file(&o, &p);
    no_error(sc_pe_function_at(o.pe, 1, &f));
    error_is(sc_pe_function_root(o.pe, &f, &root), SC_ERR_FORMAT, "a chain of more than");
    no_error(sc_pe_function_at(o.pe, 2, &f));
    error_is(sc_pe_function_root(o.pe, &f, &root), SC_ERR_FORMAT, "refer to each other");
    close_image(&o);
}

static void arm64_functions_are_packed_or_in_xdata(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_function f;
    struct sc_pe_xdata x;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_ARM64);
    const uint32_t table[] = {0x1000, XDATA,  0x1100, 20 << 2 | 1,
                              0x1200, 0x6000, 0x1300, PDATA | 3};
    peimg_dir(&p, SC_PE_DIR_EXCEPTION, PDATA, sizeof table);
    peimg_u32s(&p, PDATA, table, 8);
    /* 9 words long, a handler, 2 epilogs, 1 word of codes */
    const uint32_t xdata[] = {9 | 1u << 20 | 2u << 22 | 1u << 27, 1, 2, 0xe483e1, 0x1400};
    peimg_u32s(&p, XDATA, xdata, 5);
    peimg_u32(&p, 0x6000, 4);
    no_error(map_image(&o, &p, 0x10000, 1u << 6));
    assert_int_equal(sc_pe_function_count(o.pe), 4);
    no_error(sc_pe_function_find(o.pe, 0x1023, &f));
    assert_int_equal(f.end, 0x1024);
    assert_int_equal(f.unwind, XDATA);
    assert_int_equal(f.packed, 0);
    error_is(sc_pe_function_find(o.pe, 0x1024, &f), SC_ERR_NOT_FOUND, "covers");
    no_error(sc_pe_function_find(o.pe, 0x114c, &f));
    assert_int_equal(f.end, 0x1150);
    assert_int_equal(f.unwind, 0);
    assert_int_equal(f.packed, 20 << 2 | 1);
    no_error(sc_pe_function_find(o.pe, 0x1204, &f));
    assert_int_equal(f.end, 0); /* its .xdata is absent: not known */
    no_error(sc_pe_function_find(o.pe, 0x1380, &f));
    assert_int_equal(f.end, 0); /* it stands for another entry */
    assert_int_equal(f.packed, PDATA | 3);
    no_error(sc_pe_xdata(o.pe, XDATA, &x));
    assert_int_equal(x.function_length, 36);
    assert_int_equal(x.nepilogs, 2);
    assert_int_equal(x.scopes, XDATA + 4);
    assert_int_equal(x.codes, XDATA + 12);
    assert_int_equal(x.codes_size, 4);
    assert_int_equal(x.handler, 0x1400);
    assert_int_equal(x.size, 20);
    error_is(sc_pe_xdata(o.pe, 0x6000, &x), SC_ERR_MEMORY, ".xdata");
    struct sc_pe_unwind u;
    error_is(sc_pe_unwind(o.pe, XDATA, &u), SC_ERR_ARG, "x64");
    close_image(&o);
}

static void arm_functions_have_a_thumb_bit(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_function f;
    struct sc_pe_xdata x;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_ARMNT);
    const uint32_t table[] = {0x1001, 10 << 2 | 2, 0x1101, XDATA};
    peimg_dir(&p, SC_PE_DIR_EXCEPTION, PDATA, sizeof table);
    peimg_u32s(&p, PDATA, table, 4);
    /* 0x20 half words, a fragment, one packed epilog at code 3, 1 word; extended: no */
    const uint32_t xdata[] = {0x20 | 1u << 21 | 1u << 22 | 3u << 23 | 1u << 28, 0xff};
    peimg_u32s(&p, XDATA, xdata, 2);
    open_file(&o, &p);
    no_error(sc_pe_function_find(o.pe, 0x1000, &f));
    assert_int_equal(f.begin, 0x1000);
    assert_int_equal(f.end, 0x1014);
    assert_true(f.thumb);
    no_error(sc_pe_function_find(o.pe, 0x113f, &f));
    assert_int_equal(f.end, 0x1140);
    no_error(sc_pe_xdata(o.pe, XDATA, &x));
    assert_true(x.fragment);
    assert_true(x.single_epilog);
    assert_int_equal(x.nepilogs, 3);
    assert_int_equal(x.codes, XDATA + 4);
    close_image(&o);
    const uint32_t extended[] = {0x20, 2 | 3u << 16};
    peimg_u32s(&p, XDATA, extended, 2);
    open_file(&o, &p);
    no_error(sc_pe_xdata(o.pe, XDATA, &x));
    assert_int_equal(x.nepilogs, 2);
    assert_int_equal(x.codes, XDATA + 16);
    assert_int_equal(x.codes_size, 12);
    close_image(&o);
}

static void function_tables_are_held_against_the_file(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_function f;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    peimg_dir(&p, SC_PE_DIR_EXCEPTION, PDATA, 0xfffffff0);
    open_file(&o, &p);
    assert_in_range(sc_pe_function_count(o.pe), 1, PEIMG_FILE / 12);
    close_image(&o);
    peimg_dir(&p, SC_PE_DIR_EXCEPTION, 0xfffff000, 0x1000);
    open_file(&o, &p);
    error_is(sc_pe_function_find(o.pe, 0x1000, &f), SC_ERR_FORMAT, "function table");
    close_image(&o);
    peimg_init(&p, SC_PE_MACHINE_X86);
    peimg_dir(&p, SC_PE_DIR_EXCEPTION, PDATA, 120);
    open_file(&o, &p);
    assert_int_equal(sc_pe_function_count(o.pe), 0);
    close_image(&o);
}

static void load_config_fields_end_with_its_size(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_load_config l;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    peimg_dir(&p, SC_PE_DIR_LOAD_CONFIG, CONFIG, 0x40);
    memset(p.data + CONFIG, 0x11, 0x200);
    peimg_u32(&p, CONFIG, 0x94);
    peimg_u64(&p, CONFIG + 0x58, 0x140005000);
    peimg_u32(&p, CONFIG + 0x90, 0x10014500);
    open_file(&o, &p);
    no_error(sc_pe_load_config(o.pe, &l));
    assert_int_equal(l.size, 0x94);
    assert_int_equal(l.security_cookie, 0x140005000);
    assert_int_equal(l.guard_flags, 0x10014500);
    assert_int_equal(sc_pe_guard_stride(&l), 5);
    assert_int_equal(l.integrity_flags, 0);
    assert_int_equal(l.chpe_metadata, 0);
    close_image(&o);
    peimg_init(&p, SC_PE_MACHINE_X86);
    peimg_dir(&p, SC_PE_DIR_LOAD_CONFIG, CONFIG, 0x40);
    peimg_u32(&p, CONFIG, 0x48);
    peimg_u32(&p, CONFIG + 0x2c, 0x21); /* ProcessHeapFlags stands before the mask in PE32 */
    peimg_u32(&p, CONFIG + 0x30, 0x43);
    peimg_u32(&p, CONFIG + 0x3c, 0x405000);
    peimg_u32(&p, CONFIG + 0x40, 0x406000);
    peimg_u32(&p, CONFIG + 0x44, 7);
    open_file(&o, &p);
    no_error(sc_pe_load_config(o.pe, &l));
    assert_int_equal(l.process_heap_flags, 0x21);
    assert_int_equal(l.affinity_mask, 0x43);
    assert_int_equal(l.security_cookie, 0x405000);
    assert_int_equal(l.se_table, 0x406000);
    assert_int_equal(l.se_count, 7);
    close_image(&o);
}

static void load_config_on_an_absent_page_is_absent(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_load_config l;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    peimg_dir(&p, SC_PE_DIR_LOAD_CONFIG, 0x4fc0, 0x100);
    peimg_u32(&p, 0x4fc0, 0x100);
    no_error(map_image(&o, &p, 0x10000, 1u << 5));
    error_is(sc_pe_load_config(o.pe, &l), SC_ERR_MEMORY, "load configuration");
    close_image(&o);
    peimg_u32(&p, 0x4fc0, 0x40); /* ends on the page that is there */
    no_error(map_image(&o, &p, 0x10000, 1u << 5));
    no_error(sc_pe_load_config(o.pe, &l));
    close_image(&o);
}

/* A hybrid image: metadata at CHPE, the code map at MAP. */
static void put_chpe(struct peimg *p, uint64_t base) {
    peimg_dir(p, SC_PE_DIR_LOAD_CONFIG, CONFIG, 0x140);
    peimg_u32(p, CONFIG, p->is64 ? 0x140 : 0xc0);
    peimg_ptr(p, CONFIG + (p->is64 ? 0xc8 : 0x7c), base + CHPE);
    const uint32_t head[] = {1, MAP, 2};
    peimg_u32s(p, CHPE, head, 3);
    peimg_u32(p, CHPE + 0x40, 0x4c00);
    peimg_u32(p, CHPE + 0x44, 24);
    const uint32_t map[] = {0x1000 | 1, 0x100, 0x1100 | (p->is64 ? 2 : 0), 0x200};
    peimg_u32s(p, MAP, map, 4);
}

static void hybrid_images_are_recognised(void **state) {
    static const struct {
        uint16_t machine;
        enum sc_pe_hybrid kind;
        uint16_t first, second;
    } kinds[] = {
        {SC_PE_MACHINE_X64, SC_PE_ARM64EC, SC_PE_MACHINE_ARM64EC, SC_PE_MACHINE_X64},
        {SC_PE_MACHINE_ARM64, SC_PE_ARM64X, SC_PE_MACHINE_ARM64EC, SC_PE_MACHINE_X64},
        {SC_PE_MACHINE_X86, SC_PE_CHPE_X86, SC_PE_MACHINE_ARM64, SC_PE_MACHINE_X86},
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct peimg p;
        struct opened o;
        struct sc_pe_chpe h;
        uint16_t machine;
        peimg_init(&p, kinds[i].machine);
        put_chpe(&p, 0x10000);
        no_error(map_image(&o, &p, 0x10000, 0));
        no_error(sc_pe_chpe(o.pe, &h));
        assert_int_equal(h.kind, kinds[i].kind);
        assert_int_equal(h.rva, CHPE);
        assert_int_equal(h.ncode_map, 2);
        assert_int_equal(h.extra_functions, p.is64 ? 0x4c00 : 0);
        no_error(sc_pe_machine_at(o.pe, 0x10ff, &machine));
        assert_int_equal(machine, kinds[i].first);
        no_error(sc_pe_machine_at(o.pe, 0x1100, &machine));
        assert_int_equal(machine, kinds[i].second);
        no_error(sc_pe_machine_at(o.pe, 0x1300, &machine));
        assert_int_equal(machine, kinds[i].machine);
        close_image(&o);
    }
}

static void pure_images_have_one_machine(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_chpe h;
    uint16_t machine;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    open_file(&o, &p);
    error_is(sc_pe_chpe(o.pe, &h), SC_ERR_NOT_FOUND, "no load configuration");
    no_error(sc_pe_machine_at(o.pe, 0x1000, &machine));
    assert_int_equal(machine, SC_PE_MACHINE_X64);
    close_image(&o);
    put_chpe(&p, 0x99990000000); /* outside of the image */
    open_file(&o, &p);
    error_is(sc_pe_chpe(o.pe, &h), SC_ERR_FORMAT, "outside of the image");
    error_is(sc_pe_machine_at(o.pe, 0x1000, &machine), SC_ERR_FORMAT, "outside of the image");
    close_image(&o);
    put_chpe(&p, p.base);
    peimg_u32(&p, CHPE + 8, 0xffffffff);
    open_file(&o, &p);
    error_is(sc_pe_machine_at(o.pe, 0x1000, &machine), SC_ERR_FORMAT, "do not fit");
    close_image(&o);
}

static void tls_callbacks_end_with_zero(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_tls t;
    uint64_t va;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    peimg_dir(&p, SC_PE_DIR_TLS, 0x5000, 0x28);
    const uint64_t fields[] = {0x140006000, 0x140006010, 0x140006020, 0x140005100};
    for (uint32_t i = 0; i < 4; i++)
        peimg_u64(&p, 0x5000 + 8 * i, fields[i]);
    peimg_u32(&p, 0x5020, 0x77);
    peimg_u64(&p, 0x5100, 0x140001000);
    open_file(&o, &p);
    no_error(sc_pe_tls(o.pe, &t));
    assert_int_equal(t.index, 0x140006020);
    assert_int_equal(t.zero_fill, 0x77);
    no_error(sc_pe_tls_callback(o.pe, 0, &va));
    assert_int_equal(va, 0x140001000);
    error_is(sc_pe_tls_callback(o.pe, 1, &va), SC_ERR_NOT_FOUND, "no TLS callback 1");
    error_is(sc_pe_tls_callback(o.pe, 9999999, &va), SC_ERR_NOT_FOUND, "no TLS callback");
    close_image(&o);
    peimg_u64(&p, 0x5018, 0x150000000);
    open_file(&o, &p);
    error_is(sc_pe_tls_callback(o.pe, 0, &va), SC_ERR_FORMAT, "outside of the image");
    close_image(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_found_by_rva),
        cmocka_unit_test(unwind_headers_are_read),
        cmocka_unit_test(chains_lead_to_the_functions_start),
        cmocka_unit_test(chains_that_go_round_end),
        cmocka_unit_test(arm64_functions_are_packed_or_in_xdata),
        cmocka_unit_test(arm_functions_have_a_thumb_bit),
        cmocka_unit_test(function_tables_are_held_against_the_file),
        cmocka_unit_test(load_config_fields_end_with_its_size),
        cmocka_unit_test(load_config_on_an_absent_page_is_absent),
        cmocka_unit_test(hybrid_images_are_recognised),
        cmocka_unit_test(pure_images_have_one_machine),
        cmocka_unit_test(tls_callbacks_end_with_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
