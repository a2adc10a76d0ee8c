/* SPDX-License-Identifier: MIT */
/* The cache of symbol tables: filled, used, distrusted, shared, and done without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <threads.h>
#include <unistd.h>

#include "isf/image.h"
#include "isf/isf.h"

struct place {
    char folder[64], cache[96], table[96], image[1200];
};

static void write_file(const char *path, const void *data, size_t size) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static size_t read_file(const char *path, uint8_t *data, size_t room) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(data, 1, room, f);
    fclose(f);
    return n;
}

static void write_table(const char *path, unsigned address) {
    char text[300];
    int n = snprintf(text, sizeof text,
                     "{\"symbols\":{\"a\":{\"address\":%u}},\"user_types\":{\"_S\":{\"size\":4,"
                     "\"kind\":\"struct\",\"fields\":{\"f\":{\"offset\":0,\"type\":{\"kind\":"
                     "\"struct\",\"name\":\"_T\"}}}}},\"metadata\":{\"windows\":{\"pdb\":{"
                     "\"database\":\"x.pdb\"}}}}",
                     address);
    write_file(path, text, (size_t)n);
}

/* How many files the cache holds; the name of the last one into PATH. */
static unsigned files_in(const char *folder, char *path, size_t room) {
    unsigned n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        n++;
        if (path)
            snprintf(path, room, "%s/%s", folder, e->d_name);
    }
    if (dir)
        closedir(dir);
    return n;
}

static void remove_all(const char *folder) {
    char path[1200];
    while (files_in(folder, path, sizeof path))
        if (unlink(path) != 0) {
            remove_all(path);
            assert_int_equal(rmdir(path), 0);
        }
}

static int setup(void **state) {
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    strcpy(p->folder, "stopcode-isf-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->cache, sizeof p->cache, "%s/cache", p->folder);
    snprintf(p->table, sizeof p->table, "%s/t.json", p->folder);
    write_table(p->table, 100);
    *state = p;
    return 0;
}

static int teardown(void **state) {
    struct place *p = *state;
    remove_all(p->folder);
    rmdir(p->folder);
    free(p);
    return 0;
}

/* Opens the table with the cache folder CACHE; the address of "a". */
static uint32_t open_in(const char *cache, const char *table, struct sc_isf_facts *ret_facts) {
    const struct sc_isf_options options = {.cache = cache};
    sc_symbols *s = NULL;
    struct sc_symbol symbol = {0};
    bool found = false;
    sc_err *err = sc_isf_open_with(table, &options, &s, ret_facts);
    if (err)
        fail_msg("%s", sc_err_text(err));
    assert_string_equal(ret_facts->pdb, "x.pdb");
    assert_null(sc_symbols_find(s, "a", &symbol, &found));
    assert_true(found);
    sc_symbols_unref(s);
    return symbol.rva;
}

static void the_second_opening_comes_from_the_cache(void **state) {
    struct place *p = *state;
    struct sc_isf_facts facts;
    assert_int_equal(open_in(p->cache, p->table, &facts), 100);
    assert_false(facts.cached);
    assert_true(facts.stored);
    assert_int_equal(open_in(p->cache, p->table, &facts), 100);
    assert_true(facts.cached);
    assert_int_equal(facts.symbols, 1);
    assert_int_equal(facts.members, 1);
    assert_int_equal(files_in(p->cache, NULL, 0), 1);
}

static void a_changed_table_is_read_again(void **state) {
    struct place *p = *state;
    struct sc_isf_facts facts;
    open_in(p->cache, p->table, &facts);
    write_table(p->table, 200); /* as long as before */
    assert_int_equal(open_in(p->cache, p->table, &facts), 200);
    assert_false(facts.cached);
    write_table(p->table, 100);
    assert_int_equal(open_in(p->cache, p->table, &facts), 100);
    assert_true(facts.cached);
}

static void a_copy_under_another_name_uses_the_same_cache_file(void **state) {
    struct place *p = *state;
    struct sc_isf_facts facts;
    char other[128];
    open_in(p->cache, p->table, &facts);
    snprintf(other, sizeof other, "%s/other.json", p->folder);
    write_table(other, 100);
    open_in(p->cache, other, &facts);
    assert_true(facts.cached);
}

static void without_a_folder_nothing_is_cached(void **state) {
    struct place *p = *state;
    struct sc_isf_facts facts;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(open_in("", p->table, &facts), 100);
        assert_false(facts.cached);
        assert_false(facts.stored);
    }
}

static void a_folder_that_cannot_be_made_does_no_harm(void **state) {
    struct place *p = *state;
    struct sc_isf_facts facts;
    char inside[160];
    snprintf(inside, sizeof inside, "%s/below", p->table); /* below a file */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(open_in(inside, p->table, &facts), 100);
        assert_false(facts.cached);
        assert_false(facts.stored);
    }
}

static void a_folder_that_cannot_be_written_does_no_harm(void **state) {
    struct place *p = *state;
    struct sc_isf_facts facts;
    /* A folder that even the superuser cannot write into. */
    if (access("/proc/self", X_OK) != 0) {
        print_message("# skipped: no /proc here\n");
        skip();
    }
    assert_int_equal(open_in("/proc/self", p->table, &facts), 100);
    assert_false(facts.cached);
    assert_false(facts.stored);
}

/* Each byte of the header changed, and the file cut: never believed, always made anew. */
static void a_damaged_header_is_not_believed(void **state) {
    struct place *p = *state;
    struct sc_isf_facts facts;
    uint8_t good[4096], bad[4096];
    open_in(p->cache, p->table, &facts);
    files_in(p->cache, p->image, sizeof p->image);
    const size_t size = read_file(p->image, good, sizeof good);
    assert_in_range(size, ISF_HEADER_SIZE + 1, sizeof good - 1);
    for (size_t i = 0; i < ISF_HEADER_SIZE; i++) {
        memcpy(bad, good, size);
        bad[i] ^= 0x40;
        write_file(p->image, bad, size);
        assert_int_equal(open_in(p->cache, p->table, &facts), 100);
        assert_false(facts.cached);
        assert_true(facts.stored);
    }
    for (size_t cut = 0; cut < size; cut += 7) {
        write_file(p->image, good, cut);
        assert_int_equal(open_in(p->cache, p->table, &facts), 100);
        assert_false(facts.cached);
    }
    assert_int_equal(read_file(p->image, bad, sizeof bad), size);
    assert_memory_equal(bad, good, size);
}

static void a_cache_file_that_is_a_folder_does_no_harm(void **state) {
    struct place *p = *state;
    struct sc_isf_facts facts;
    open_in(p->cache, p->table, &facts);
    files_in(p->cache, p->image, sizeof p->image);
    assert_int_equal(unlink(p->image), 0);
    assert_int_equal(mkdir(p->image, 0700), 0);
    assert_int_equal(open_in(p->cache, p->table, &facts), 100);
    assert_false(facts.cached);
    assert_false(facts.stored);
    assert_int_equal(files_in(p->cache, NULL, 0), 1); /* no temporary file is left */
}

static bool count_member(void *ctx, const struct sc_member *m) {
    *(unsigned *)ctx += (unsigned)strlen(m->name) + 1;
    return true;
}
static bool count_symbol(void *ctx, const struct sc_symbol *s) {
    *(unsigned *)ctx += (unsigned)strlen(s->name) + 1;
    return true;
}

/* Each byte behind the header set to 0xff: misleading answers, but nothing worse. */
static void a_damaged_body_cannot_crash(void **state) {
    struct place *p = *state;
    struct sc_isf_facts facts;
    uint8_t good[4096], bad[4096];
    open_in(p->cache, p->table, &facts);
    files_in(p->cache, p->image, sizeof p->image);
    const size_t size = read_file(p->image, good, sizeof good);
    for (size_t i = ISF_HEADER_SIZE; i < size; i++) {
        sc_symbols *s;
        struct sc_symbol symbol;
        struct sc_type type;
        unsigned n = 0;
        bool found;
        memcpy(bad, good, size);
        bad[i] = 0xff;
        sc_err *err = sc_isf_open_image("x.sym", bad, size, &s);
        if (err) {
            sc_err_destroy(err);
            continue;
        }
        sc_err_destroy(sc_symbols_each(s, NULL, SC_SYM_ANY, count_symbol, &n));
        sc_err_destroy(sc_symbols_find(s, "a", &symbol, &found));
        sc_err_destroy(sc_symbols_nearest(s, 100, SC_SYM_ANY, &symbol, &found));
        for (uint32_t id = 0; id < 8; id++) {
            sc_err_destroy(sc_symbols_type(s, id, &type));
            sc_err_destroy(sc_symbols_members(s, id, count_member, &n));
        }
        sc_symbols_unref(s);
    }
}

static int writer(void *arg) {
    const struct place *p = arg;
    const struct sc_isf_options options = {.cache = p->cache};
    int bad = 0;
    for (int i = 0; i < 20; i++) {
        sc_symbols *s = NULL;
        struct sc_symbol symbol = {0};
        bool found = false;
        sc_err *err = sc_isf_open_with(p->table, &options, &s, NULL);
        if (!err)
            err = sc_symbols_find(s, "a", &symbol, &found);
        bad += err || !found || symbol.rva != 100;
        sc_err_destroy(err);
        sc_symbols_unref(s);
        char path[1200];
        if (i % 5 == 0 && files_in(p->cache, path, sizeof path))
            unlink(path); /* so that it is written again and again */
    }
    return bad;
}

static void many_writers_at_once_leave_one_good_file(void **state) {
    struct place *p = *state;
    thrd_t thread[4];
    struct sc_isf_facts facts;
    for (int i = 0; i < 4; i++)
        assert_int_equal(thrd_create(&thread[i], writer, p), thrd_success);
    for (int i = 0; i < 4; i++) {
        int bad = -1;
        thrd_join(thread[i], &bad);
        assert_int_equal(bad, 0);
    }
    open_in(p->cache, p->table, &facts);
    open_in(p->cache, p->table, &facts);
    assert_true(facts.cached);
    assert_int_equal(files_in(p->cache, NULL, 0), 1);
}

static void a_table_in_use_outlives_its_cache_file(void **state) {
    struct place *p = *state;
    const struct sc_isf_options options = {.cache = p->cache};
    struct sc_isf_facts facts;
    struct sc_symbol symbol;
    sc_symbols *s = NULL;
    bool found;
    open_in(p->cache, p->table, &facts);
    assert_null(sc_isf_open_with(p->table, &options, &s, &facts));
    assert_true(facts.cached);
    files_in(p->cache, p->image, sizeof p->image);
    assert_int_equal(unlink(p->image), 0);
    assert_null(sc_symbols_find(s, "a", &symbol, &found));
    assert_true(found);
    sc_symbols_unref(s);
}

static void the_usual_place_is_the_users_cache_folder(void **state) {
    struct place *p = *state;
    struct sc_isf_facts facts;
    char full[1024], want[1200];
    assert_non_null(getcwd(full, sizeof full));
    snprintf(want, sizeof want, "%s/%s", full, p->folder);
    setenv("XDG_CACHE_HOME", want, 1);
    open_in(NULL, p->table, &facts);
    unsetenv("XDG_CACHE_HOME");
    assert_true(facts.stored);
    strcat(want, "/stopcode");
    assert_int_equal(files_in(want, NULL, 0), 1);
    /* A relative path is to be ignored; HOME is next. */
    snprintf(want, sizeof want, "%s/%s", full, p->folder);
    setenv("XDG_CACHE_HOME", p->folder, 1);
    setenv("HOME", want, 1);
    open_in(NULL, p->table, &facts);
    unsetenv("XDG_CACHE_HOME");
    assert_true(facts.stored);
    strcat(want, "/.cache/stopcode");
    assert_int_equal(files_in(want, NULL, 0), 1);
    char dot[1300];
    snprintf(dot, sizeof dot, "%s/.cache", p->folder);
    remove_all(dot);
    rmdir(dot);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_second_opening_comes_from_the_cache),
        CASE(a_changed_table_is_read_again),
        CASE(a_copy_under_another_name_uses_the_same_cache_file),
        CASE(without_a_folder_nothing_is_cached),
        CASE(a_folder_that_cannot_be_made_does_no_harm),
        CASE(a_folder_that_cannot_be_written_does_no_harm),
        CASE(a_damaged_header_is_not_believed),
        CASE(a_cache_file_that_is_a_folder_does_no_harm),
        CASE(a_damaged_body_cannot_crash),
        CASE(many_writers_at_once_leave_one_good_file),
        CASE(a_table_in_use_outlives_its_cache_file),
        CASE(the_usual_place_is_the_users_cache_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
