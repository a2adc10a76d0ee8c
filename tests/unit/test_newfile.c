/* SPDX-License-Identifier: MIT */
/* Large files under construction: whole or not there. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/newfile.h"
#include "base/os.h"

/* In the place of the system's: how often is the disk waited for? */
static unsigned waits;
int fsync(int fd) {
    (void)fd;
    waits++;
    return 0;
}

static char folder[] = "/tmp/newfileXXXXXX";
static char path[64];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/newfileXXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/new", folder);
    return 0;
}

static bool remove_one(void *ctx, const char *name, bool is_folder) {
    char at[400];
    (void)ctx;
    (void)is_folder;
    snprintf(at, sizeof at, "%s/%s", folder, name);
    unlink(at);
    return true;
}

static bool count_one(void *ctx, const char *name, bool is_folder) {
    (void)name;
    (void)is_folder;
    ++*(unsigned *)ctx;
    return true;
}

static unsigned count_files(void) {
    unsigned n = 0;
    assert_true(sc_os_list(folder, count_one, &n));
    return n;
}

static int remove_folder(void **state) {
    (void)state;
    sc_os_list(folder, remove_one, NULL);
    return rmdir(folder);
}

static void expect(const char *want, size_t len) {
    char got[4096];
    sc_file *f = NULL;
    assert_null(sc_file_open(path, 0, &f));
    assert_int_equal(sc_file_size(f), len);
    assert_null(sc_file_read(f, 0, got, len));
    assert_memory_equal(got, want, len);
    sc_file_close(f);
}

static sc_newfile *begin(unsigned flags) {
    sc_newfile *f = NULL;
    sc_err *err = sc_newfile_create(path, flags, &f);
    if (err)
        fail_msg("%s", sc_err_text(err));
    return f;
}

static void refuses(unsigned flags, const char *why) {
    sc_newfile *f = NULL;
    sc_err *err = sc_newfile_create(path, flags, &f);
    assert_int_equal(sc_err_code(err), SC_ERR_IO);
    assert_non_null(strstr(sc_err_text(err), why));
    sc_err_destroy(err);
}

static void nothing_is_there_before_it_is_whole(void **state) {
    (void)state;
    sc_newfile *f = begin(0);
    assert_null(sc_newfile_write(f, 4, "efgh", 4));
    assert_int_equal(access(path, F_OK), -1);
    assert_null(sc_newfile_write(f, 0, "abcd", 4));
    assert_null(sc_newfile_grow(f, 12));
    assert_null(sc_newfile_grow(f, 3)); /* never shorter */
    assert_int_equal(sc_newfile_size(f), 12);
    assert_null(sc_newfile_publish(f));
    expect("abcdefgh\0\0\0", 12);
    assert_int_equal(count_files(), 1);
}

static void what_is_given_up_leaves_no_trace(void **state) {
    (void)state;
    sc_newfile *f = begin(0);
    assert_null(sc_newfile_write(f, 0, "abcd", 4));
    sc_newfile_discard(f);
    sc_newfile_discard(NULL);
    assert_int_equal(count_files(), 0);
}

static void an_old_file_stays_until_it_is_replaced(void **state) {
    (void)state;
    sc_newfile *f = begin(0);
    assert_null(sc_newfile_write(f, 0, "old", 3));
    assert_null(sc_newfile_publish(f));
    refuses(0, "is there already");
    f = begin(SC_NEWFILE_OVERWRITE);
    assert_null(sc_newfile_write(f, 0, "newer", 5));
    expect("old", 3);
    assert_null(sc_newfile_publish(f));
    expect("newer", 5);
    assert_int_equal(count_files(), 1);
}

/* The file, and the name in its folder; only when that was asked for: it takes as long as the copy.
 */
static void the_disk_is_waited_for_when_asked(void **state) {
    (void)state;
    static const unsigned flags[] = {0, SC_NEWFILE_SYNC, SC_NEWFILE_OVERWRITE,
                                     SC_NEWFILE_OVERWRITE | SC_NEWFILE_SYNC};
    for (unsigned i = 0; i < 4; i++) {
        if (i < 2)
            unlink(path);
        sc_newfile *f = begin(flags[i]);
        assert_null(sc_newfile_write(f, 0, "abcd", 4));
        waits = 0;
        assert_null(sc_newfile_publish(f));
        assert_int_equal(waits, flags[i] & SC_NEWFILE_SYNC ? 2 : 0);
        expect("abcd", 4);
        assert_int_equal(count_files(), 1);
    }
}

static void one_made_meanwhile_is_not_lost(void **state) {
    (void)state;
    sc_newfile *f = begin(0), *other = begin(0);
    assert_null(sc_newfile_write(f, 0, "mine", 4));
    assert_null(sc_newfile_write(other, 0, "yours", 5));
    assert_null(sc_newfile_publish(other));
    sc_err *err = sc_newfile_publish(f);
    assert_int_equal(sc_err_code(err), SC_ERR_IO);
    sc_err_destroy(err);
    expect("yours", 5);
    assert_int_equal(count_files(), 1);
}

static void only_regular_files_are_replaced(void **state) {
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    refuses(SC_NEWFILE_OVERWRITE, "no regular file");
    unlink(path);
    assert_int_equal(symlink("elsewhere", path), 0);
    refuses(SC_NEWFILE_OVERWRITE, "no regular file");
}

static void offsets_beyond_any_file_are_errors(void **state) {
    (void)state;
    sc_newfile *f = begin(0);
    sc_err *err = sc_newfile_write(f, UINT64_C(1) << 63, "x", 1);
    assert_int_equal(sc_err_code(err), SC_ERR_IO);
    sc_err_destroy(err);
    err = sc_newfile_grow(f, UINT64_MAX);
    assert_int_equal(sc_err_code(err), SC_ERR_IO);
    sc_err_destroy(err);
    sc_newfile_discard(f);
}

/* Holes of the source, and what lies between them. */
static void the_system_copies_data_and_holes(void **state) {
    (void)state;
    enum { MB = 1 << 20 };
    char from[80];
    snprintf(from, sizeof from, "%s/from", folder);
    FILE *out = fopen(from, "wb");
    assert_non_null(out);
    static const long at[] = {0, 3 * MB + 5000, 7 * MB};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fseek(out, at[i], SEEK_SET), 0);
        for (unsigned k = 0; k < 5000; k++)
            fputc((int)(k * 7 + i), out);
    }
    fclose(out);
    assert_int_equal(truncate(from, 9 * MB), 0);
    sc_file *source = NULL, *made = NULL;
    assert_null(sc_file_open(from, 0, &source));
    sc_newfile *f = begin(0);
    uint64_t taken = 0;
    assert_null(sc_newfile_take(f, 100, source, 50, 9 * MB - 50, &taken));
    if (taken)
        assert_int_equal(taken, 9 * MB - 50);
    else
        print_message("the system copies nothing here\n");
    assert_null(sc_newfile_publish(f));
    assert_null(sc_file_open(path, 0, &made));
    if (taken) {
        const uint8_t *a = sc_file_view(source, 50, 9 * MB - 50);
        const uint8_t *b = sc_file_view(made, 100, 9 * MB - 50);
        assert_non_null(a);
        assert_non_null(b);
        assert_memory_equal(a, b, 9 * MB - 50);
    }
    sc_file_close(source);
    sc_file_close(made);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        CASE(nothing_is_there_before_it_is_whole),    CASE(what_is_given_up_leaves_no_trace),
        CASE(an_old_file_stays_until_it_is_replaced), CASE(one_made_meanwhile_is_not_lost),
        CASE(only_regular_files_are_replaced),        CASE(offsets_beyond_any_file_are_errors),
        CASE(the_system_copies_data_and_holes),       CASE(the_disk_is_waited_for_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
