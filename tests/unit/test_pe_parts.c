/* SPDX-License-Identifier: MIT */
/* An image with one of everything: what it has is found, for every machine, both ways. */
#include "forge/peparts.h"
#include "unit/pe_support.h"

static bool count(void *ctx) {
    ++*(unsigned *)ctx;
    return true;
}
static bool count_export(void *ctx, const struct sc_pe_export *e) { return (void)e, count(ctx); }
static bool count_import(void *ctx, const struct sc_pe_import *m) { return (void)m, count(ctx); }
static bool count_resource(void *ctx, const struct sc_pe_resource *r) {
    return (void)r, count(ctx);
}
static bool count_reloc(void *ctx, const struct sc_pe_reloc *r) { return (void)r, count(ctx); }
static bool count_pogo(void *ctx, uint32_t rva, uint32_t size, const char *name) {
    return (void)rva, (void)size, (void)name, count(ctx);
}

static void check(sc_pe *pe) {
    unsigned exports = 0, imports = 0, resources = 0, relocs = 0, pogo = 0;
    struct sc_pe_versioninfo *v;
    const struct sc_codeview *cv;
    struct sc_pe_repro repro;
    struct sc_pe_pdb_checksum sum;
    struct sc_pe_embedded_pdb pdb;
    struct sc_pe_chpe chpe;
    uint32_t u;
    uint64_t va;
    char path[64];
    no_error(sc_pe_each_export(pe, count_export, &exports));
    no_error(sc_pe_each_import(pe, count_import, &imports));
    no_error(sc_pe_each_resource(pe, count_resource, &resources));
    no_error(sc_pe_each_reloc(pe, count_reloc, &relocs));
    assert_int_equal(exports, 3);
    assert_int_equal(imports, 3);
    assert_int_equal(resources, 2);
    assert_int_equal(relocs, sc_pe_cpu(pe) == SC_CPU_ARM ? 4 : 3); /* HIGHADJ takes two words */
    no_error(sc_pe_versioninfo(pe, &v));
    assert_string_equal(sc_pe_version_string(v, "CompanyName"), "Made");
    assert_int_equal(v->fixed.file[3], 804);
    assert_int_equal(v->ntranslations, 1);
    assert_false(v->cut);
    sc_pe_versioninfo_destroy(v);
    no_error(sc_pe_codeview(pe, &cv));
    assert_string_equal(cv->path, "c:\\made.pdb");
    no_error(sc_pe_repro(pe, &repro));
    assert_int_equal(repro.hash_size, 0x20);
    no_error(sc_pe_dbg_path(pe, path, sizeof path));
    assert_string_equal(path, "made.dbg");
    no_error(sc_pe_each_pogo(pe, count_pogo, &pogo, &u));
    assert_int_equal(pogo, 1);
    no_error(sc_pe_embedded_pdb(pe, &pdb));
    no_error(sc_pe_pdb_checksum(pe, &sum));
    no_error(sc_pe_ex_dllcharacteristics(pe, &u));
    no_error(sc_pe_tls_callback(pe, 0, &va));
    if (sc_pe_cpu(pe) != SC_CPU_ARM)
        no_error(sc_pe_chpe(pe, &chpe));
    if (sc_pe_cpu(pe) != SC_CPU_X86)
        assert_in_range(sc_pe_function_count(pe), 2, 3);
}

static void every_part_is_found(void **state) {
    static const uint16_t machines[] = {SC_PE_MACHINE_X64, SC_PE_MACHINE_X86, SC_PE_MACHINE_ARM64,
                                        SC_PE_MACHINE_ARMNT};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct peimg p;
        struct opened o;
        peparts_init(&p, machines[i]);
        open_file(&o, &p);
        check(o.pe);
        close_image(&o);
        no_error(map_image(&o, &p, p.base, 0));
        check(o.pe);
        close_image(&o);
    }
}

/* Memory that is not there must never change an answer: only take it away, with an error. */
static void absent_pages_take_parts_away_and_change_none(void **state) {
    (void)state;
    struct peimg p;
    peparts_init(&p, SC_PE_MACHINE_X64);
    for (uint32_t absent = 2; absent < 0x100; absent += 2) {
        struct opened o;
        struct sc_pe_export *e = malloc(sizeof *e);
        struct sc_version v = {0};
        struct sc_pe_function f;
        assert_non_null(e);
        no_error(map_image(&o, &p, p.base, absent));
        sc_err *err = sc_pe_export_named(o.pe, "Here", e);
        assert_true((err != NULL) == (absent >> 2 & 1));
        assert_true(err ? sc_err_code(err) == SC_ERR_MEMORY : e->rva == 0x1100);
        sc_err_destroy(err);
        err = sc_pe_version(o.pe, &v);
        assert_true(err ? sc_err_code(err) == SC_ERR_MEMORY : v.file[2] == 19041);
        sc_err_destroy(err);
        err = sc_pe_function_find(o.pe, 0x1041, &f);
        assert_true((err != NULL) == (absent >> 3 & 1));
        assert_true(err ? sc_err_code(err) == SC_ERR_MEMORY : f.begin == 0x1040);
        sc_err_destroy(err);
        close_image(&o);
        free(e);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_found),
        cmocka_unit_test(absent_pages_take_parts_away_and_change_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
