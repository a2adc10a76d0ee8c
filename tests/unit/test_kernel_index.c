/* SPDX-License-Identifier: MIT */
/* Finding a kernel's symbols by its fingerprint, and the index that remembers fingerprints. */
#include "unit/symtab_support.h"

#include <fcntl.h>

#include "sym/kernel_index.h"

#define NT 0xfffff80000000000ull

enum { LIST = 0xc2a2b0, HEAD = 0xc1ee00, DATA = 0xc00b20 };

static const struct sc_kernel_print print = {LIST, HEAD, DATA};

/* A table with a GUID of one repeated digit, and three symbols. */
static void put_kernel(const char *path, char digit, uint32_t list, uint32_t head, uint32_t data) {
    char text[1000], guid[33];
    memset(guid, digit, 32);
    guid[32] = 0;
    snprintf(text, sizeof text,
             "{\"metadata\":{\"format\":\"6.2.0\",\"windows\":{\"pdb\":{\"GUID\":\"%s\",\"age\":1,"
             "\"database\":\"ntkrnlmp.pdb\",\"machine_type\":34404}}},\"symbols\":{"
             "\"PsLoadedModuleList\":{\"address\":%u},\"PsActiveProcessHead\":{\"address\":%u},"
             "\"KdDebuggerDataBlock\":{\"address\":%u},\"KeBugCheckEx\":{\"address\":4096}},"
             "\"user_types\":{},\"enums\":{},\"base_types\":{}}",
             guid, list, head, data);
    put_file(path, text, strlen(text));
}

static void put_right(const char *path) { put_kernel(path, 'a', LIST, HEAD, DATA); }
static void put_other(const char *path) { put_kernel(path, 'b', LIST + 16, HEAD + 16, DATA + 16); }

/* ---- a kernel in a target ---- */

static void open_kernel(struct world *w, const char *folder, const char *symbols,
                        const struct sc_kernel_print *says) {
    static const struct sc_module nt = {
        .base = NT, .size = 0x1046000, .name = "nt", .image = "ntoskrnl.exe", .timestamp = 7};
    struct sc_machine machine = {.cpu = SC_CPU_X64,
                                 .kernel = true,
                                 .windows = true,
                                 .ncpus = 1,
                                 .major = 10,
                                 .build = 99999, /* no built-in layout */
                                 .platform = "Windows",
                                 .service_pack = ""};
    machine.loaded_module_list = says->loaded_module_list ? NT + says->loaded_module_list : 0;
    machine.active_process_head = says->active_process_head ? NT + says->active_process_head : 0;
    machine.debugger_data = says->debugger_data ? NT + says->debugger_data : 0;
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .machine = &machine,
                           .modules = &nt,
                           .nmodules = 1};
    world_open(w, &fake, folder, symbols, NULL);
}

/* GUID's first digits of the table that was found, 0: none, and then WHY says so. */
static void kernel_is(const char *folder, const char *symbols, const struct sc_kernel_print *says,
                      uint32_t guid, const char *path_or_why) {
    struct world w;
    open_kernel(&w, folder, symbols, says);
    const struct sc_modsyms *m = load(&w, "nt");
    if (m->codeview.guid.a != guid || m->nproviders != (guid != 0))
        fail_msg("found %08x with %zu providers: %s", m->codeview.guid.a, m->nproviders, m->why);
    if (guid) {
        assert_string_equal(m->how, "fingerprint");
        assert_string_equal(m->path, path_or_why);
        assert_string_equal(m->codeview.path, "ntkrnlmp.pdb");
        assert_int_equal(m->codeview.age, 1);
        text_is(&w, NT + 0x1002, "nt!KeBugCheckEx+0x2");
    } else {
        assert_non_null(strstr(m->why, path_or_why));
    }
    world_close(&w);
}

static const char none[] = "no kernel symbols in the symbol path have this kernel's fingerprint";

static void of_two_kernels_the_matching_one_is_found(void **state) {
    const char *right = at(*state, "s/ntkrnlmp.pdb/2-1.json");
    put_other(at(*state, "s/ntkrnlmp.pdb/1-1.json"));
    put_right(right);
    put_kernel(at(*state, "s/ntkrnlmp.pdb/3-1.json"), 'c', LIST, HEAD + 8, DATA + 8);
    kernel_is(*state, at(*state, "s"), &print, 0xaaaaaaaa, right);
}

static void a_table_in_which_one_of_three_differs_is_refused(void **state) {
    put_kernel(at(*state, "s/ntkrnlmp.pdb/1-1.json"), 'a', LIST, HEAD, DATA + 0x10);
    put_kernel(at(*state, "s/ntkrnlmp.pdb/2-1.json"), 'b', LIST + 0x10, HEAD, DATA);
    kernel_is(*state, at(*state, "s"), &print, 0, none);
}

static void two_known_places_will_do_and_one_will_not(void **state) {
    const char *right = at(*state, "s/ntkrnlmp.pdb/1-1.json");
    const struct sc_kernel_print two = {LIST, 0, DATA}, one = {LIST, 0, 0}, zero = {0};
    put_right(right);
    kernel_is(*state, at(*state, "s"), &two, 0xaaaaaaaa, right);
    kernel_is(*state, at(*state, "s"), &one, 0, "the dump says too little of the kernel");
    kernel_is(*state, at(*state, "s"), &zero, 0, "the dump says too little of the kernel");
}

static void without_a_symbol_path_that_is_the_reason(void **state) {
    kernel_is(*state, NULL, &print, 0, "there is no symbol path");
}

static void places_outside_of_the_kernel_are_not_known_ones(void **state) {
    const struct sc_kernel_print outside = {LIST, HEAD, 0x2000000};
    const char *right = at(*state, "s/ntkrnlmp.pdb/1-1.json");
    put_right(right);
    kernel_is(*state, at(*state, "s"), &outside, 0xaaaaaaaa, right);
}

static void local_parts_of_every_element_are_looked_through(void **state) {
    char path[900];
    const char *right = at(*state, "far/nt/ntkrnlmp.pdb/AA1/ntkrnlmp.json");
    put_other(at(*state, "near/ntkrnlmp.pdb/1-1.json"));
    put_right(right);
    snprintf(path, sizeof path, "srv*%s*http://127.0.0.1:9/none;cache*%s;%s/nowhere;%s",
             at(*state, "near"), at(*state, "made"), (char *)*state, at(*state, "far"));
    kernel_is(*state, path, &print, 0xaaaaaaaa, right);
}

static void a_table_of_a_folder_that_is_not_in_the_path_is_not_used(void **state) {
    put_right(at(*state, "s/ntkrnlmp.pdb/1-1.json"));
    put_other(at(*state, "t/ntkrnlmp.pdb/1-1.json"));
    kernel_is(*state, at(*state, "s"), &print, 0xaaaaaaaa, at(*state, "s/ntkrnlmp.pdb/1-1.json"));
    kernel_is(*state, at(*state, "t"), &print, 0, none); /* the index file knows the other */
}

static void what_the_index_says_is_checked_against_the_file(void **state) {
    const char *path = at(*state, "s/ntkrnlmp.pdb/1-1.json");
    const struct timespec times[2] = {{1600000000, 0}, {1600000000, 0}};
    put_right(path);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    kernel_is(*state, at(*state, "s"), &print, 0xaaaaaaaa, path);
    put_other(path); /* as long, and as old */
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    kernel_is(*state, at(*state, "s"), &print, 0, none);
}

static void a_cache_that_cannot_be_written_costs_only_time(void **state) {
    const char *right = at(*state, "s/ntkrnlmp.pdb/1-1.json");
    put_right(right);
    put_file(at(*state, "cache"), "a file where the folder should be", 33);
    for (int i = 0; i < 2; i++)
        kernel_is(*state, at(*state, "s"), &print, 0xaaaaaaaa, right);
}

static void cancelling_ends_the_search(void **state) {
    struct world w;
    const struct sc_modsyms *m;
    put_right(at(*state, "s/ntkrnlmp.pdb/1-1.json"));
    open_kernel(&w, *state, at(*state, "s"), &print);
    sc_target_cancel(w.target);
    sc_err *err = sc_symtab_load(w.symtab, module(&w, "nt"), &m);
    assert_int_equal(sc_err_code(err), SC_ERR_CANCELLED);
    sc_target_clear_cancel(w.target);
    assert_int_equal(load(&w, "nt")->state, SC_SYMSTATE_ISF);
    world_close(&w);
}

/* ---- the index ---- */

struct said {
    unsigned lines;
    char last[300];
};

static void note(void *ctx, enum sc_log_level level, const char *line) {
    struct said *s = ctx;
    (void)level;
    s->lines++;
    snprintf(s->last, sizeof s->last, "%s", line);
}

/* One run: the file is read, the folder looked through, the file written. */
static void run(const char *cache, const char *folder, size_t want_looked, const char *want_path) {
    struct sc_kernel_index index = {0};
    no_error(sc_kernel_index_load(&index, cache));
    no_error(sc_kernel_index_add(&index, folder, NULL, NULL));
    assert_int_equal(index.looked, want_looked);
    const struct sc_kernel_entry *e = sc_kernel_index_find(&index, &print);
    if (want_path) {
        assert_non_null(e);
        assert_string_equal(e->path, want_path);
    } else {
        assert_null(e);
    }
    no_error(sc_kernel_index_save(&index, cache));
    sc_kernel_index_free(&index);
}

static void the_second_time_no_file_is_opened(void **state) {
    const char *right = at(*state, "s/ntkrnlmp.pdb/1-1.json");
    put_right(right);
    put_other(at(*state, "s/ntkrnlmp.pdb/2-1.json"));
    put_file(at(*state, "s/ntkrnlmp.pdb/3-1.json"), "{ damaged", 9);
    run(at(*state, "c"), at(*state, "s"), 3, right);
    run(at(*state, "c"), at(*state, "s"), 0, right);
}

static void a_file_that_changed_is_read_again(void **state) {
    const char *path = at(*state, "s/ntkrnlmp.pdb/1-1.json");
    const struct timespec times[2] = {{1600000000, 0}, {1600000000, 0}};
    put_other(path);
    run(at(*state, "c"), at(*state, "s"), 1, NULL);
    put_right(path);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    run(at(*state, "c"), at(*state, "s"), 1, path);
    run(at(*state, "c"), at(*state, "s"), 0, path);
}

/* Every byte of the index in turn is another one: the answer is right each time. */
static void whatever_is_damaged_in_the_index_the_answer_is_right(void **state) {
    const char *right = at(*state, "s/ntkrnlmp.pdb/1-1.json"), *cache = at(*state, "c");
    const char *file = at(*state, "c/kernels.index"), *folder = at(*state, "s");
    char text[2000];
    put_right(right);
    put_other(at(*state, "s/ntkrnlmp.pdb/2-1.json"));
    run(cache, folder, 2, right);
    FILE *f = fopen(file, "rb");
    assert_non_null(f);
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    assert_true(size > 200 && size < sizeof text);
    for (size_t i = 0; i < size; i++) {
        struct sc_kernel_index index = {0};
        char old = text[i];
        text[i] = i % 3 ? (char)(text[i] ^ 1) : 0;
        put_file(file, text, size);
        text[i] = old;
        no_error(sc_kernel_index_load(&index, cache));
        no_error(sc_kernel_index_add(&index, folder, NULL, NULL));
        const struct sc_kernel_entry *e = sc_kernel_index_find(&index, &print);
        if (!e || strcmp(e->path, right) != 0)
            fail_msg("byte %zu: %s", i, e ? e->path : "not found");
        sc_kernel_index_free(&index);
    }
}

static void an_index_that_is_none_of_ours_is_an_empty_one(void **state) {
    const char *file = at(*state, "c/kernels.index");
    struct sc_kernel_index index = {0};
    static const char *const texts[] = {"", "x", "stopcode-kernels 1\n", "stopcode-kernels 2",
                                        "stopcode-kernels 2\n\n\n\t\n0\t\nffff\t1\t2\t3"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put_file(file, texts[i], strlen(texts[i]));
        no_error(sc_kernel_index_load(&index, at(*state, "c")));
        assert_int_equal(index.count, 0);
    }
    assert_int_equal(truncate(file, 65 << 20), 0);
    no_error(sc_kernel_index_load(&index, at(*state, "c")));
    no_error(sc_kernel_index_load(&index, at(*state, "nowhere")));
    no_error(sc_kernel_index_load(&index, file)); /* a file, not a folder */
    assert_int_equal(index.count, 0);
    sc_kernel_index_free(&index);
}

static void entries_of_other_folders_are_kept_until_their_files_are_gone(void **state) {
    const char *right = at(*state, "s/ntkrnlmp.pdb/1-1.json");
    put_right(right);
    put_other(at(*state, "t/ntkrnlmp.pdb/1-1.json"));
    run(at(*state, "c"), at(*state, "s"), 1, right);
    run(at(*state, "c"), at(*state, "t"), 1, NULL);
    run(at(*state, "c"), at(*state, "s"), 0, right);
    struct sc_kernel_index index = {0};
    no_error(sc_kernel_index_load(&index, at(*state, "c")));
    assert_int_equal(index.count, 2);
    sc_kernel_index_free(&index);
    remove(at(*state, "t/ntkrnlmp.pdb/1-1.json"));
    run(at(*state, "c"), at(*state, "s"), 0, right);
    no_error(sc_kernel_index_load(&index, at(*state, "c")));
    assert_int_equal(index.count, 1);
    sc_kernel_index_free(&index);
}

static void names_that_would_break_the_lines_are_looked_at_each_time(void **state) {
    const char *right = at(*state, "s/tab\there/ntkrnlmp.pdb/line\nend.json");
    put_right(right);
    put_other(at(*state, "s/plain/ntkrnlmp.pdb/1-1.json"));
    run(at(*state, "c"), at(*state, "s"), 2, right);
    run(at(*state, "c"), at(*state, "s"), 1, right);
}

static void links_that_lead_back_make_nothing_be_read_twice(void **state) {
    const char *right = at(*state, "s/ntkrnlmp.pdb/1-1.json");
    put_right(right);
    assert_int_equal(symlink(".", at(*state, "s/again")), 0);
    assert_int_equal(symlink("..", at(*state, "s/up")), 0);
    assert_int_equal(symlink("ntkrnlmp.pdb", at(*state, "s/ntoskrnl.pdb")), 0);
    assert_int_equal(symlink("nowhere", at(*state, "s/ntkrnlpa.pdb")), 0);
    struct sc_kernel_index index = {0};
    no_error(sc_kernel_index_add(&index, at(*state, "s"), NULL, NULL));
    assert_int_equal(index.looked, 1);
    sc_kernel_index_free(&index);
}

static void folders_that_cannot_lead_to_a_kernel_are_not_entered(void **state) {
    const char *right = at(*state, "s/10.0.19041/store/ntkrnlmp.json");
    put_right(right);
    put_right(at(*state, "s/amdppm.sys/ntkrnlmp.json"));
    put_right(at(*state, "s/a/b/c/d/e/f/ntkrnlmp.json")); /* too deep */
    put_right(at(*state, "s/ntkrnlmpx.json"));
    put_right(at(*state, "s/hal.json"));
    run(at(*state, "c"), at(*state, "s"), 1, right);
}

static void of_equal_ones_the_first_by_path_is_taken(void **state) {
    for (int i = 9; i >= 3; i--) {
        char name[60];
        snprintf(name, sizeof name, "s/%d/ntkrnlmp.json", i);
        put_right(at(*state, name));
    }
    run(at(*state, "c"), at(*state, "s"), 7, at(*state, "s/3/ntkrnlmp.json"));
}

static void a_pdb_comes_before_other_tables(void **state) {
    (void)state;
    struct sc_kernel_index index = {0};
    static const char *const paths[] = {"/a/ntkrnlmp.pdb/1-1.json", "/b/ntkrnlmp.pdb", "/c/k.pdb"};
    char name[SC_KERNEL_NAME_BUF];
    for (size_t i = 0; i < 3; i++) {
        struct sc_kernel_entry *e = sc_kernel_index_push(&index, paths[i]);
        e->print = print;
        e->present = true;
    }
    const struct sc_kernel_entry *e = sc_kernel_index_find(&index, &print);
    assert_string_equal(e->path, "/b/ntkrnlmp.pdb");
    index.item[1].present = false;
    assert_string_equal(sc_kernel_index_find(&index, &print)->path, "/c/k.pdb");
    assert_string_equal(sc_kernel_entry_pdb(e, name), "ntkrnlmp.pdb");
    index.item[0].path[0] = 'x';
    sc_kernel_index_free(&index);
}

static void the_pdbs_name_is_that_of_the_kernel(void **state) {
    (void)state;
    static const struct {
        char path[60];
        const char *want;
    } cases[] = {{"/s/ntkrla57.pdb/1234/ntkrla57.pdb", "ntkrla57.pdb"},
                 {"/s/ntkrnlpa.pdb/1234-1.json.xz", "ntkrnlpa.pdb"},
                 {"NTOSKRNL.PDB", "ntoskrnl.pdb"},
                 {"/s/elsewhere.pdb", "ntkrnlmp.pdb"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char buf[SC_KERNEL_NAME_BUF];
        struct sc_kernel_entry e = {.path = (char *)cases[i].path};
        assert_string_equal(sc_kernel_entry_pdb(&e, buf), cases[i].want);
    }
}

static void a_file_that_cannot_be_read_is_said(void **state) {
    struct sc_kernel_index index = {0};
    struct said said = {0};
    put_file(at(*state, "s/ntkrnlmp.json"), "no table", 8);
    no_error(sc_kernel_index_add(&index, at(*state, "s"), note, &said));
    assert_int_equal(said.lines, 1);
    assert_non_null(strstr(said.last, "ntkrnlmp.json"));
    assert_null(sc_kernel_index_find(&index, &print));
    sc_kernel_index_free(&index);
}

static bool always(void *ctx) {
    (void)ctx;
    return true;
}

static void a_cancelled_walk_says_so(void **state) {
    struct sc_kernel_index index = {.cancelled = always};
    put_right(at(*state, "s/ntkrnlmp.json"));
    sc_err *err = sc_kernel_index_add(&index, at(*state, "s"), NULL, NULL);
    assert_int_equal(sc_err_code(err), SC_ERR_CANCELLED);
    assert_int_equal(index.looked, 0);
    sc_kernel_index_free(&index);
}

static void prints_agree_on_what_both_know(void **state) {
    (void)state;
    const struct sc_kernel_print a = {1, 2, 3}, no_head = {1, 0, 3}, no_list = {0, 2, 3};
    const struct sc_kernel_print differs = {1, 2, 4}, one = {1, 0, 0}, nothing = {0};
    assert_true(sc_kernel_print_matches(&a, &a));
    assert_true(sc_kernel_print_matches(&a, &no_head));
    assert_true(sc_kernel_print_matches(&no_list, &a));
    assert_false(sc_kernel_print_matches(&no_list, &no_head)); /* one in common */
    assert_false(sc_kernel_print_matches(&a, &differs));
    assert_false(sc_kernel_print_matches(&a, &one));
    assert_false(sc_kernel_print_matches(&nothing, &nothing));
    assert_int_equal(sc_kernel_print_known(&no_head), 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(of_two_kernels_the_matching_one_is_found),
        TEST(a_table_in_which_one_of_three_differs_is_refused),
        TEST(two_known_places_will_do_and_one_will_not),
        TEST(without_a_symbol_path_that_is_the_reason),
        TEST(places_outside_of_the_kernel_are_not_known_ones),
        TEST(local_parts_of_every_element_are_looked_through),
        TEST(a_table_of_a_folder_that_is_not_in_the_path_is_not_used),
        TEST(what_the_index_says_is_checked_against_the_file),
        TEST(a_cache_that_cannot_be_written_costs_only_time),
        TEST(cancelling_ends_the_search),
        TEST(the_second_time_no_file_is_opened),
        TEST(a_file_that_changed_is_read_again),
        TEST(whatever_is_damaged_in_the_index_the_answer_is_right),
        TEST(an_index_that_is_none_of_ours_is_an_empty_one),
        TEST(entries_of_other_folders_are_kept_until_their_files_are_gone),
        TEST(names_that_would_break_the_lines_are_looked_at_each_time),
        TEST(links_that_lead_back_make_nothing_be_read_twice),
        TEST(folders_that_cannot_lead_to_a_kernel_are_not_entered),
        TEST(of_equal_ones_the_first_by_path_is_taken),
        cmocka_unit_test(a_pdb_comes_before_other_tables),
        cmocka_unit_test(the_pdbs_name_is_that_of_the_kernel),
        TEST(a_file_that_cannot_be_read_is_said),
        TEST(a_cancelled_walk_says_so),
        cmocka_unit_test(prints_agree_on_what_both_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
