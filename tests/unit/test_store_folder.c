/* SPDX-License-Identifier: MIT */
/* Names in any case, from kept lists of folders: never other ones than the folder has. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store_impl.h"

struct box {
    char path[64];
    sc_store *store;
};

static void put(const struct box *b, const char *name) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", b->path, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
}

static void drop(const struct box *b, const char *name) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", b->path, name);
    assert_int_equal(unlink(path), 0);
}

static void open_box(struct box *b) {
    strcpy(b->path, "/tmp/stopcode-folder-XXXXXX");
    assert_non_null(mkdtemp(b->path));
    struct sc_store_opts opts = {.sz = sizeof opts, .cache = b->path};
    assert_null(sc_store_create(&opts, &b->store));
}

static void close_box(struct box *b) {
    sc_store_destroy(b->store);
    assert_int_equal(rmdir(b->path), 0);
}

static void spelled(struct box *b, const char *name, const char *want) {
    bool nomem = false;
    char *got = store_spelled(b->store, b->path, name, &nomem);
    assert_false(nomem);
    if (want)
        assert_string_equal(got, want);
    else
        assert_null(got);
    free(got);
}

static size_t kept(const struct box *b) {
    size_t n = 0;
    for (size_t i = 0; i < STORE_FOLDERS; i++)
        n += b->store->folder[i].path != NULL;
    return n;
}

static void wait_a_moment(void) {
    struct timespec t = {2, 200000000};
    while (nanosleep(&t, &t) != 0)
        ;
}

static void a_folder_that_just_changed_is_not_kept(void **state) {
    (void)state;
    struct box b;
    open_box(&b);
    put(&b, "One.pdb");
    spelled(&b, "one.PDB", "One.pdb");
    assert_int_equal(kept(&b), 0);
    drop(&b, "One.pdb");
    put(&b, "ONE.PDB");
    spelled(&b, "one.pdb", "ONE.PDB");
    drop(&b, "ONE.PDB");
    spelled(&b, "one.pdb", NULL);
    close_box(&b);
}

static void a_kept_list_is_given_up_when_the_folder_changes(void **state) {
    (void)state;
    struct box b;
    open_box(&b);
    put(&b, "One.pdb");
    put(&b, "two.sys");
    wait_a_moment();
    spelled(&b, "one.PDB", "One.pdb");
    assert_int_equal(kept(&b), 1);
    spelled(&b, "TWO.sys", "two.sys");
    spelled(&b, "three", NULL);
    assert_int_equal(kept(&b), 1);
    put(&b, "Three");
    spelled(&b, "three", "Three");
    drop(&b, "One.pdb");
    spelled(&b, "one.PDB", NULL);
    drop(&b, "two.sys");
    drop(&b, "Three");
    close_box(&b);
}

static void the_exact_spelling_wins_in_a_kept_list(void **state) {
    (void)state;
    struct box b;
    open_box(&b);
    put(&b, "a.PDB");
    put(&b, "A.pdb");
    put(&b, "a.pdb");
    wait_a_moment();
    spelled(&b, "a.pdb", "a.pdb");
    spelled(&b, "A.pdb", "A.pdb");
    spelled(&b, "a.PDB", "a.PDB");
    assert_int_equal(kept(&b), 1);
    drop(&b, "a.PDB");
    drop(&b, "A.pdb");
    drop(&b, "a.pdb");
    close_box(&b);
}

static void a_folder_that_is_not_there_has_no_names(void **state) {
    (void)state;
    struct box b;
    open_box(&b);
    bool nomem = false;
    assert_null(store_spelled(b.store, "/nonexistent/folder", "x", &nomem));
    assert_false(nomem);
    close_box(&b);
}

static void listed(const struct box *b, const char *name, enum store_listed want,
                   const char *want_name) {
    const char *got = NULL;
    assert_int_equal(store_listed(b->store, b->path, name, &got), want);
    if (want == STORE_LISTED)
        assert_string_equal(got, want_name);
}

/* Whatever is written in between is seen in the next moment, and not before. */
static void what_a_folder_said_holds_for_a_moment(void **state) {
    (void)state;
    struct box b;
    open_box(&b);
    put(&b, "One.pdb");
    wait_a_moment();
    store_folders_ask_again(b.store);
    listed(&b, "one.pdb", STORE_NOT_ASKED, NULL);
    spelled(&b, "two", NULL);
    listed(&b, "one.pdb", STORE_LISTED, "One.pdb");
    listed(&b, "two", STORE_DENIED, NULL);
    put(&b, "two");
    listed(&b, "two", STORE_DENIED, NULL);
    store_folders_ask_again(b.store);
    listed(&b, "two", STORE_NOT_ASKED, NULL);
    assert_true(store_is_folder(b.store, b.path)); /* it has changed: its names are not known */
    listed(&b, "two", STORE_NOT_ASKED, NULL);
    wait_a_moment();
    spelled(&b, "TWO", "two");
    store_folders_ask_again(b.store);
    assert_true(store_is_folder(b.store, b.path)); /* as it was: they are */
    listed(&b, "TWO", STORE_LISTED, "two");
    assert_false(store_is_folder(b.store, "/nonexistent/folder"));
    drop(&b, "One.pdb");
    drop(&b, "two");
    close_box(&b);
}

static void the_names_of_a_folder_are_bounded(void **state) {
    (void)state;
    struct box b;
    open_box(&b);
    for (int i = 0; i < 40; i++) {
        char name[64];
        snprintf(name, sizeof name, "a-name-of-thirty-characters-%02d", i);
        put(&b, name);
    }
    size_t len = 0;
    bool nomem = false;
    char *names = sc_os_names(b.path, 1 << 16, &len, &nomem);
    assert_non_null(names);
    assert_int_equal(len, 40 * 31 + 2 + 3); /* and "." and ".." */
    free(names);
    assert_null(sc_os_names(b.path, 1000, &len, &nomem));
    assert_null(sc_os_names("/nonexistent", 1000, &len, &nomem));
    assert_false(nomem);
    for (int i = 0; i < 40; i++) {
        char name[64];
        snprintf(name, sizeof name, "a-name-of-thirty-characters-%02d", i);
        drop(&b, name);
    }
    close_box(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_that_just_changed_is_not_kept),
        cmocka_unit_test(a_kept_list_is_given_up_when_the_folder_changes),
        cmocka_unit_test(the_exact_spelling_wins_in_a_kept_list),
        cmocka_unit_test(a_folder_that_is_not_there_has_no_names),
        cmocka_unit_test(what_a_folder_said_holds_for_a_moment),
        cmocka_unit_test(the_names_of_a_folder_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
