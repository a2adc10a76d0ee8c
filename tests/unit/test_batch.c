/* SPDX-License-Identifier: MIT */
/* Facts of a dump, and many of them together. What a folder looks like is in cli/test_batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "batch_fixture.h"

static const struct sc_signature_row *signature(const struct sc_batch_summary *sum,
                                                const char *name) {
    for (size_t i = 0; i < sum->nsignatures; i++)
        if (!strcmp(sum->signatures[i].signature, name))
            return &sum->signatures[i];
    fail_msg("no signature %s", name);
    return NULL;
}

static const struct sc_aspect_row *aspect(const struct sc_signature_row *row, const char *what) {
    for (size_t i = 0; i < row->naspects; i++)
        if (!strcmp(row->aspects[i].what, what))
            return &row->aspects[i];
    return NULL;
}

static void facts_are_taken_from_a_record(void **state) {
    (void)state;
    struct sc_batch_facts f;
    struct sc_finding_row finding = {.rule = "faulting-address",
                                     .confidence = "strong",
                                     .image = "mydrv.sys",
                                     .timestamp = "0x5c10a001",
                                     .symbol = "mydrv+0x10"};
    struct sc_finding_row other = {.rule = "x", .confidence = "possible", .image = "NTFS.sys"};
    struct sc_finding_row again = {.rule = "y", .confidence = "likely", .image = "MYDRV.SYS"};
    struct sc_finding_row list[] = {finding, other, again};
    struct sc_analysis_record r = {.kind = "kernel",
                                   .cpu = "x64",
                                   .processors = 4,
                                   .boot_id = INT64_MIN,
                                   .time = 5,
                                   .uptime = SC_UNSET64,
                                   .confidence = "strong",
                                   .cause = "software",
                                   .bucket = "AV_mydrv+10",
                                   .bugcheck = "0x000000d1",
                                   .name = "DRIVER_IRQL_NOT_LESS_OR_EQUAL",
                                   .findings = list,
                                   .nfindings = 3};
    sc_batch_facts_take(&r, &f);
    assert_true(f.kernel && f.blamed && f.identity);
    assert_int_equal(f.cause, SC_CAUSE_SOFTWARE);
    assert_int_equal(f.confidence, SC_STRONG);
    assert_int_equal(f.nnamed, 2); /* one image, whatever the case */
    assert_string_equal(f.named[0].image, "mydrv.sys");
    assert_string_equal(f.named[0].version, "time stamp 5c10a001");
    assert_int_equal(f.named[0].confidence, SC_STRONG);
    assert_true(f.named[1].framework); /* the file system runs what filters hand to it */
    assert_string_equal(f.stop, "0x000000d1 DRIVER_IRQL_NOT_LESS_OR_EQUAL");
    assert_string_equal(f.place, "mydrv+0x10");
}

static void long_texts_are_cut_between_characters(void **state) {
    (void)state;
    struct sc_batch_facts f;
    char process[sizeof f.process + 40] = "";
    for (size_t i = 0; i + 3 < sizeof process; i += 2)
        strcat(process, "\xc3\xa9");
    struct sc_analysis_record r = {.bucket = "B", .process = process};
    sc_batch_facts_take(&r, &f);
    size_t len = strlen(f.process);
    assert_true(len < sizeof f.process && len >= sizeof f.process - 2);
    assert_int_equal(len % 2, 0);
}

/* A worker that was overrun may send anything. */
static void facts_of_another_process_are_made_harmless(void **state) {
    (void)state;
    struct sc_batch_facts f;
    for (unsigned fill = 1; fill < 256; fill += 127) {
        memset(&f, (int)fill, sizeof f);
        sc_batch_facts_check(&f);
        assert_true(strlen(f.bucket) < sizeof f.bucket && strlen(f.os) < sizeof f.os);
        assert_true(f.nnamed <= SC_BATCH_NAMED && f.cause < SC_CAUSES);
        assert_true(f.confidence <= SC_CERTAIN && f.blamed <= 1 && f.kernel <= 1);
        for (size_t i = 0; i < SC_BATCH_NAMED; i++)
            assert_true(strlen(f.named[i].image) < sizeof f.named[i].image &&
                        f.named[i].confidence <= SC_CERTAIN && f.named[i].framework <= 1);
        struct batch_fix fix;
        batch_open(&fix);
        assert_null(sc_batch_add(fix.batch, "a/b.dmp", &f));
        batch_close(&fix);
    }
}

static void values_beyond_a_bound_are_only_counted(void **state) {
    (void)state;
    struct batch_fix fix;
    batch_open(&fix);
    for (unsigned i = 0; i < 50; i++) {
        struct sc_batch_facts f = batch_facts("AV_a", i + 1);
        snprintf(f.process, sizeof f.process, "p%u.exe", i);
        assert_null(sc_batch_add(fix.batch, "x/a.dmp", &f));
    }
    struct sc_batch_facts none = batch_facts("AV_a", 100);
    none.process[0] = '\0';
    assert_null(sc_batch_add(fix.batch, "x/a.dmp", &none));
    struct sc_batch_summary sum = batch_sum(&fix);
    const struct sc_aspect_row *a = aspect(signature(&sum, "AV_a"), "process");
    assert_non_null(a);
    assert_int_equal(a->nvalues, 32);
    assert_int_equal(a->others, 18);
    assert_int_equal(a->unknown, 1);
    assert_true(a->differs);
    batch_close(&fix);
}

static void what_is_known_of_no_dump_is_left_out(void **state) {
    (void)state;
    struct batch_fix fix;
    batch_open(&fix);
    struct sc_batch_facts f = batch_facts("AV_a", 0);
    f.process[0] = f.os[0] = '\0';
    assert_null(sc_batch_add(fix.batch, "a.dmp", &f));
    struct sc_batch_summary sum = batch_sum(&fix);
    const struct sc_signature_row *row = signature(&sum, "AV_a");
    assert_null(aspect(row, "process"));
    assert_null(aspect(row, "os"));
    assert_string_equal(aspect(row, "folder")->values[0].value, ".");
    assert_int_equal(row->first, 0);
    assert_string_equal(row->first_file, "a.dmp");
    batch_close(&fix);
}

static void dumps_without_a_time_are_no_copies(void **state) {
    (void)state;
    struct batch_fix fix;
    batch_open(&fix);
    struct sc_batch_facts f = batch_facts("AV_a", 0);
    f.identity = 0;
    assert_null(sc_batch_add(fix.batch, "a.dmp", &f));
    assert_null(sc_batch_add(fix.batch, "b.dmp", &f));
    f = batch_facts("AV_b", 7);
    assert_null(sc_batch_add(fix.batch, "c.dmp", &f));
    assert_null(sc_batch_add(fix.batch, "d.dmp", &f));
    struct sc_batch_summary sum = batch_sum(&fix);
    assert_int_equal(signature(&sum, "AV_a")->copies, 0);
    assert_int_equal(signature(&sum, "AV_b")->copies, 1);
    assert_int_equal(sum.copies, 1);
    /* Two crashes stand before one and its copy. */
    assert_string_equal(sum.signatures[0].signature, "AV_a");
    batch_close(&fix);
}

/* Names are told apart exactly, images in any case. */
static void folders_differ_by_case_and_images_do_not(void **state) {
    (void)state;
    struct batch_fix fix;
    batch_open(&fix);
    struct sc_batch_facts f = batch_facts("AV_a", 1);
    batch_name(&f, "Drv.sys", SC_STRONG);
    assert_null(sc_batch_add(fix.batch, "X/1.dmp", &f));
    f = batch_facts("AV_a", 2);
    batch_name(&f, "drv.SYS", SC_LIKELY);
    assert_null(sc_batch_add(fix.batch, "x/2.dmp", &f));
    struct sc_batch_summary sum = batch_sum(&fix);
    assert_int_equal(aspect(signature(&sum, "AV_a"), "folder")->nvalues, 2);
    assert_int_equal(sum.ndrivers, 1);
    assert_int_equal(sum.drivers[0].named, 2);
    assert_string_equal(sum.drivers[0].confidence, "strong");
    batch_close(&fix);
}

static void a_module_is_counted_once_for_each_of_its_signatures(void **state) {
    (void)state;
    struct batch_fix fix;
    batch_open(&fix);
    for (unsigned i = 0; i < 9; i++) {
        char name[16];
        snprintf(name, sizeof name, "AV_%u", i % 3);
        struct sc_batch_facts f = batch_facts(name, i + 1);
        batch_name(&f, "drv.sys", SC_POSSIBLE);
        assert_null(sc_batch_add(fix.batch, "a.dmp", &f));
    }
    struct sc_batch_summary sum = batch_sum(&fix);
    assert_int_equal(sum.drivers[0].signatures, 3);
    assert_int_equal(sum.drivers[0].named, 9);
    assert_int_equal(sum.nfindings, 0); /* only possible: nothing is claimed */
    batch_close(&fix);
}

static void nothing_added_gives_an_empty_summary(void **state) {
    (void)state;
    struct batch_fix fix;
    batch_open(&fix);
    struct sc_batch_summary sum = batch_sum(&fix);
    assert_int_equal(sum.nsignatures + sum.ndrivers + sum.nfindings + sum.ncauses, 0);
    assert_int_equal(sum.first + sum.last, 0);
    batch_close(&fix);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_taken_from_a_record),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(facts_of_another_process_are_made_harmless),
        cmocka_unit_test(values_beyond_a_bound_are_only_counted),
        cmocka_unit_test(what_is_known_of_no_dump_is_left_out),
        cmocka_unit_test(dumps_without_a_time_are_no_copies),
        cmocka_unit_test(folders_differ_by_case_and_images_do_not),
        cmocka_unit_test(a_module_is_counted_once_for_each_of_its_signatures),
        cmocka_unit_test(nothing_added_gives_an_empty_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
