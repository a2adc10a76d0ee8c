/* SPDX-License-Identifier: MIT */
/*
 * Buckets: one fault has one bucket, on two builds of Windows and at any load address; two faults
 * have two.
 */
#include "unit/scenario_case.h"

/* mydrv!FlushQueue, at OFFSET of an image at BASE, reads through a null pointer. */
struct fault {
    const char *os;   /* build and kernel: BASE of nt */
    uint64_t nt, drv; /* where they were loaded */
    unsigned function, into;
    const char *name;
    const char *code; /* of the bug check, and its parameters but the instruction */
};

static void scenario(const struct fault *f, char *text, size_t size) {
    uint64_t ip = f->drv + f->function + f->into;
    snprintf(text, size,
             "dump triage\n"
             "os %s\n"
             "cpu x64 count 2 current 1 vendor GenuineIntel mhz 3000\n"
             "module nt %llx +1046000 image ntkrnlmp.exe\n"
             "module mydrv %llx +20000 private\n"
             "symbol mydrv!%s %llx size 100 function\n"
             "bugcheck %s %llx\n",
             f->os, (unsigned long long)f->nt, (unsigned long long)f->drv, f->name,
             (unsigned long long)(f->drv + f->function), f->code, (unsigned long long)ip);
}

static void bucket_of(const struct fault *f, bool store, char *ret, size_t size) {
    static char text[2048];
    struct scase s;
    scenario(f, text, sizeof text);
    scase_open_with(&s, text, store);
    snprintf(ret, size, "%s", s.a->bucket);
    scase_end(&s);
}

#define WIN10 "19041 revision 1052 lab 19041.1.amd64fre.vb_release.191206-1406"
#define WIN11 "22000 revision 194 lab 22000.1.amd64fre.co_release.210604-1628"
#define READ  "d1 18 2 0"

static const struct fault first = {
    WIN10, 0xfffff8041a000000, 0xfffff8042b1a0000, 0x3000, 0x42, "FlushQueue", READ};

static void is_bucket(const struct fault *f, bool store, const char *expected) {
    char bucket[256];
    bucket_of(f, store, bucket, sizeof bucket);
    assert_string_equal(bucket, expected);
}

static void another_load_address_is_the_same_bucket(void **state) {
    (void)state;
    struct fault moved = first;
    moved.nt = 0xfffff80312200000;
    moved.drv = 0xfffff80377650000;
    is_bucket(&first, true, "AV_mydrv!FlushQueue");
    is_bucket(&moved, true, "AV_mydrv!FlushQueue");
    is_bucket(&first, false, "AV_mydrv+3042");
    is_bucket(&moved, false, "AV_mydrv+3042");
}

static void another_build_of_windows_is_the_same_bucket(void **state) {
    (void)state;
    struct fault eleven = first;
    eleven.os = WIN11;
    eleven.nt = 0xfffff80066c00000;
    eleven.drv = 0xfffff8007d310000;
    is_bucket(&eleven, true, "AV_mydrv!FlushQueue");
    is_bucket(&eleven, false, "AV_mydrv+3042");
}

/* With symbols a new build of the driver is the same bucket; without them nothing says so. */
static void another_build_of_the_driver_needs_symbols(void **state) {
    (void)state;
    struct fault newer = first;
    newer.function = 0x3a40;
    newer.into = 0x4e;
    is_bucket(&newer, true, "AV_mydrv!FlushQueue");
    is_bucket(&newer, false, "AV_mydrv+3a8e");
}

static void another_function_is_another_bucket(void **state) {
    (void)state;
    struct fault other = first;
    other.name = "OpenQueue";
    is_bucket(&other, true, "AV_mydrv!OpenQueue");
}

/* The pointer and the IRQL of one crash are not those of the next. */
static void values_of_one_crash_are_not_in_it(void **state) {
    (void)state;
    struct fault other = first;
    other.code = "d1 ffffa10012345678 a 1";
    is_bucket(&other, true, "AV_mydrv!FlushQueue");
    other.code = "a 10 2 1";
    is_bucket(&other, true, "AV_mydrv!FlushQueue");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_load_address_is_the_same_bucket),
        cmocka_unit_test(another_build_of_windows_is_the_same_bucket),
        cmocka_unit_test(another_build_of_the_driver_needs_symbols),
        cmocka_unit_test(another_function_is_another_bucket),
        cmocka_unit_test(values_of_one_crash_are_not_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
