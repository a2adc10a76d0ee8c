/* SPDX-License-Identifier: MIT */
/* The system's calls for files that we write: spelling, publishing, locks, closed pipes. */
#define _GNU_SOURCE
#include <fcntl.h>
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

#include "base/os.h"
#include "base/osfile.h"

static char box[64];

static const char *in_box(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", box, name);
    return path;
}

static void put(const char *name, const char *text) {
    int fd;
    uint64_t size;
    assert_null(sc_os_append(in_box(name), &fd, &size));
    assert_null(sc_os_write(fd, text, strlen(text)));
    sc_os_close(fd);
}

static int make_box(void **state) {
    (void)state;
    strcpy(box, "osfile-test-XXXXXX");
    return mkdtemp(box) ? 0 : -1;
}

static int remove_box(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", box);
    return system(command);
}

static void folders_are_made_with_those_above(void **state) {
    (void)state;
    assert_null(sc_os_make_folders(in_box("a/b//c")));
    assert_true(sc_os_is_folder(in_box("a/b/c")));
    assert_null(sc_os_make_folders(in_box("a/b")));
    put("file", "x");
    sc_err *err = sc_os_make_folders(in_box("file/below"));
    assert_int_equal(sc_err_code(err), SC_ERR_IO);
    sc_err_destroy(err);
    assert_false(sc_os_is_file(in_box("a"), NULL, NULL));
}

static void a_name_is_found_in_any_case_the_exact_one_first(void **state) {
    bool nomem = false;
    (void)state;
    put("Name.PDB", "x");
    char *found = sc_os_spelled(box, "name.pdb", &nomem);
    assert_string_equal(found, "Name.PDB");
    free(found);
    put("name.pdb", "x");
    found = sc_os_spelled(box, "name.pdb", &nomem);
    assert_string_equal(found, "name.pdb");
    free(found);
    assert_null(sc_os_spelled(box, "other", &nomem));
    assert_null(sc_os_spelled(in_box("nowhere"), "other", &nomem));
    assert_false(nomem);
}

static void publishing_replaces_and_a_link_is_not_written_through(void **state) {
    uint64_t size;
    int fd;
    (void)state;
    put("old", "old");
    put("new", "newer");
    char from[128];
    strcpy(from, in_box("new"));
    assert_null(sc_os_publish(from, in_box("old")));
    assert_true(sc_os_is_file(in_box("old"), &size, NULL));
    assert_int_equal(size, 5);
    assert_false(sc_os_is_file(from, NULL, NULL));
    assert_int_equal(symlink("old", in_box("link")), 0);
    sc_err *err = sc_os_append(in_box("link"), &fd, &size);
    assert_int_equal(sc_err_code(err), SC_ERR_IO);
    sc_err_destroy(err);
    err = sc_os_publish(in_box("nothing"), from);
    assert_int_equal(sc_err_code(err), SC_ERR_IO);
    sc_err_destroy(err);
}

static void a_lock_is_held_by_one_and_leaves_nothing(void **state) {
    struct sc_os_lock one, two;
    sc_err *err = NULL;
    (void)state;
    assert_true(sc_os_lock_try(in_box("lock"), &one, &err));
    assert_false(sc_os_lock_try(in_box("lock"), &two, &err));
    assert_null(err);
    sc_os_unlock(&one);
    assert_false(sc_os_is_file(in_box("lock"), NULL, NULL));
    assert_true(sc_os_lock_try(in_box("lock"), &two, &err));
    sc_os_unlock(&two);
    assert_false(sc_os_lock_try(in_box("nowhere/lock"), &two, &err));
    assert_int_equal(sc_err_code(err), SC_ERR_IO);
    sc_err_destroy(err);
}

static void a_closed_pipe_does_not_kill_between_guards(void **state) {
    struct sc_os_pipe_guard guard;
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    sc_os_pipe_guard(&guard);
    sc_err *err = sc_os_write(ends[1], "x", 1);
    sc_os_pipe_unguard(&guard);
    assert_int_equal(sc_err_code(err), SC_ERR_IO);
    sc_err_destroy(err);
    close(ends[1]);
}

/* 64 KB of a hole, as much data, and a hole again. Where there are none all of it is data. */
static void holes_of_a_file_are_told_from_data(void **state) {
    enum { PART = 64 << 10 };
    (void)state;
    int fd, was;
    uint64_t size;
    bool hole;
    char *data = malloc(PART);
    assert_non_null(data);
    memset(data, 'x', PART);
    assert_null(sc_os_append(in_box("holes"), &fd, &size));
    sc_os_close(fd);
    fd = open(in_box("holes"), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, PART, PART), PART);
    assert_int_equal(ftruncate(fd, 3 * PART), 0);
    was = (int)sc_os_stretch(fd, 0, 3 * PART, &hole);
    if (hole) {
        assert_int_equal(was, PART);
        assert_int_equal(sc_os_stretch(fd, 0, PART / 2, &hole), PART / 2); /* no more than asked */
        assert_int_equal(sc_os_stretch(fd, PART, 2 * PART, &hole), PART);
        assert_false(hole);
        assert_int_equal(sc_os_until_hole(fd, PART, 2 * PART), PART);
        assert_int_equal(sc_os_until_hole(fd, PART + 10, 20), 20);
        assert_int_equal(sc_os_stretch(fd, 2 * PART, PART, &hole), PART); /* the last one */
        assert_true(hole);
    } else {
        assert_int_equal(was, 3 * PART);
        assert_int_equal(sc_os_until_hole(fd, 0, 3 * PART), 3 * PART);
    }
    sc_os_close(fd);
    free(data);
    fd = -1; /* who cannot tell says data */
    assert_int_equal(sc_os_stretch(fd, 0, PART, &hole), PART);
    assert_false(hole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folders_are_made_with_those_above, make_box, remove_box),
        cmocka_unit_test_setup_teardown(a_name_is_found_in_any_case_the_exact_one_first, make_box,
                                        remove_box),
        cmocka_unit_test_setup_teardown(publishing_replaces_and_a_link_is_not_written_through,
                                        make_box, remove_box),
        cmocka_unit_test_setup_teardown(a_lock_is_held_by_one_and_leaves_nothing, make_box,
                                        remove_box),
        cmocka_unit_test_setup_teardown(holes_of_a_file_are_told_from_data, make_box, remove_box),
        cmocka_unit_test(a_closed_pipe_does_not_kill_between_guards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
