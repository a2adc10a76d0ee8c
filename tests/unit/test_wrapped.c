/* SPDX-License-Identifier: MIT */
/*
 * Packed dumps: which member is taken, what is said, limits, cancelling, damage. Skipped where
 * there is no libarchive; real packers are in cli/test_packed.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four that it needs */
#include <cmocka.h>

#include "base/osfile.h"
#include "dump/dump.h"
#include "dump/wrapped.h"
#include "forge/archive.h"
#include "forge/scene.h"
#include "stopcode/target.h"

static struct forge_bytes dump; /* a triage dump, made once */

static int make_dump(void **state) {
    (void)state;
    return forge_scene_build(FORGE_TRIAGE_X64, &dump) ? 0 : -1;
}

static int free_dump(void **state) {
    (void)state;
    forge_bytes_free(&dump);
    return 0;
}

static void need_library(void) {
    void *library = sc_os_library("libarchive.so.13");
    if (!library) {
        print_message("skipped: libarchive is not installed\n");
        skip();
    }
    sc_os_library_close(library);
}

/* A word of a dump, another one, and things that are none. */
static struct forge_member a_dump(const char *name) {
    return (struct forge_member){.name = name, .data = dump.data, .size = dump.size};
}

static struct forge_member a_text(const char *name) {
    static const char text[] = "no dump at all\n";
    return (struct forge_member){.name = name, .data = text, .size = sizeof text - 1};
}

static struct forge_bytes zip_of(const struct forge_member *m, size_t count) {
    struct forge_bytes zip;
    assert_true(forge_zip(m, count, &zip));
    return zip;
}

static sc_err *open_packed(const char *name, const struct forge_bytes *bytes,
                           const struct sc_open_opts *opts, sc_target **ret) {
    return sc_target_open_memory(name, bytes->data, bytes->size, opts, ret);
}

static void opens(const char *name, struct forge_bytes bytes, const char *path,
                  const char *unpacked, const char *note) {
    static const struct sc_open_opts read_opts = {.sz = sizeof read_opts, .no_mmap = true};
    for (int i = 0; i < 2; i++) {
        sc_target *t;
        sc_err *err = open_packed(name, &bytes, i ? &read_opts : NULL, &t);
        if (err)
            fail_msg("%s", sc_err_text(err));
        const struct sc_source *s = sc_target_source(t);
        assert_string_equal(sc_target_path(t), path);
        assert_int_equal(s->probe.format, SC_FORMAT_KERNEL_TRIAGE);
        assert_non_null(s->unpacked);
        if (!strstr(s->unpacked, unpacked))
            fail_msg("%s", s->unpacked);
        assert_int_equal(sc_target_file_size(t), dump.size);
        uint8_t *copy = malloc(dump.size);
        sc_err *read = sc_file_read(s->file, 0, copy, dump.size);
        assert_null(read);
        assert_memory_equal(copy, dump.data, dump.size);
        free(copy);
        bool found = !note;
        for (size_t n = 0; note && n < s->nnotes; n++)
            found = found || strstr(s->notes[n].text, note);
        if (!found)
            fail_msg("no note has \"%s\"", note);
        sc_target_close(t);
    }
    forge_bytes_free(&bytes);
}

static void refused(const char *name, struct forge_bytes bytes, const struct sc_open_opts *opts,
                    enum sc_err_code code, const char *text) {
    sc_target *t;
    sc_err *err = open_packed(name, &bytes, opts, &t);
    assert_non_null(err);
    if (sc_err_code(err) != code || !strstr(sc_err_text(err), text))
        fail_msg("%d: %s", sc_err_code(err), sc_err_text(err));
    sc_err_destroy(err);
    forge_bytes_free(&bytes);
}

static void test_the_dump_of_an_archive_is_opened(void **state) {
    (void)state;
    need_library();
    struct forge_member m[] = {
        {.name = "in/", .data = "", .folder = true}, a_text("in/readme.txt"), a_dump("in/A.DMP")};
    opens("/x/mem.zip", zip_of(m, 3), "/x/mem.zip: A.DMP", "a zip archive of ", NULL);
    opens("/x/mem.zip", zip_of(m + 2, 1), "/x/mem.zip: A.DMP", " bytes: A.DMP, ", NULL);
}

static void test_of_several_dumps_the_first_is_opened_and_all_are_named(void **state) {
    (void)state;
    need_library();
    struct forge_member m[] = {a_text("a"), a_dump("first.dmp"), a_text("b"), a_dump("other.dmp")};
    opens("m.zip", zip_of(m, 4), "m.zip: first.dmp", "first.dmp",
          "holds 2 dumps, and the first one is open: first.dmp, other.dmp");
}

static void test_a_compressed_file_is_opened(void **state) {
    (void)state;
    need_library();
    struct forge_bytes gz;
    assert_true(forge_gzip("MEMORY.DMP", dump.data, dump.size, &gz));
    opens("m.gz", gz, "m.gz: MEMORY.DMP", "a gzip file of ", NULL);
    assert_true(forge_gzip(NULL, dump.data, dump.size, &gz));
    opens("crash.dmp.gz", gz, "crash.dmp.gz: crash.dmp", "crash.dmp, ", NULL);
}

static void test_names_do_no_harm(void **state) {
    (void)state;
    need_library();
    struct forge_member m = a_dump("../../etc/\x1b[31mpasswd");
    opens("m.zip", zip_of(&m, 1), "m.zip: \x1b[31mpasswd", "passwd", NULL);
    m.name = "C:\\Windows\\x.dmp";
    opens("m.zip", zip_of(&m, 1), "m.zip: x.dmp", "x.dmp", NULL);
}

static void test_archives_without_a_dump(void **state) {
    (void)state;
    need_library();
    struct forge_member texts[] = {a_text("a.txt"), a_text("b.txt")};
    refused("m.zip", zip_of(texts, 2), NULL, SC_ERR_FORMAT,
            "m.zip: of the 2 files in it none is a dump (a.txt, b.txt)");
    refused("m.zip", zip_of(texts, 0), NULL, SC_ERR_FORMAT, "m.zip: ");
    refused("m.zip", zip_of(texts, 1), NULL, SC_ERR_FORMAT, "m.zip: a.txt: not a dump file");
    struct forge_member image = {.name = "x.exe", .data = "MZ...", .size = 5};
    refused("m.zip", zip_of(&image, 1), NULL, SC_ERR_UNSUPPORTED,
            "m.zip: x.exe: this is a Windows");
    struct forge_member inner = {.name = "in.zip", .data = "PK\3\4....", .size = 8};
    refused("m.zip", zip_of(&inner, 1), NULL, SC_ERR_UNSUPPORTED, "packed once more");
    struct forge_member secret = a_dump("a.dmp");
    secret.encrypted = true;
    refused("m.zip", zip_of(&secret, 1), NULL, SC_ERR_UNSUPPORTED, "it is encrypted");
    struct forge_member ff[300];
    char name[300][32];
    for (int i = 0; i < 300; i++) {
        snprintf(name[i], sizeof name[i], "file-%d.txt", i);
        ff[i] = a_text(name[i]);
    }
    refused("m.zip", zip_of(ff, 300), NULL, SC_ERR_FORMAT, "file-0.txt, file-1.txt");
}

static void test_the_limit_is_measured_on_what_comes_out(void **state) {
    (void)state;
    need_library();
    struct sc_open_opts opts = {.sz = sizeof opts, .unpack_limit = dump.size};
    sc_target *t;
    struct forge_bytes gz;
    assert_true(forge_gzip("a", dump.data, dump.size, &gz));
    assert_null(open_packed("m.gz", &gz, &opts, &t));
    sc_target_close(t);
    opts.unpack_limit--;
    refused("m.gz", gz, &opts, SC_ERR_LIMIT, "which is the limit");
    struct forge_member m = a_dump("a.dmp");
    struct forge_bytes zip = zip_of(&m, 1);
    opts.unpack_limit = dump.size / 2;
    refused("m.zip", zip, &opts, SC_ERR_LIMIT, "m.zip: more than ");
    /* Members in front of it count as well where they have to be unpacked to get past them. */
    opts.unpack_limit = 100;
    assert_true(forge_gzip("a", dump.data, dump.size, &gz));
    refused("m.gz", gz, &opts, SC_ERR_LIMIT, "more than 100 bytes");
}

struct watch {
    unsigned calls, stop_at;
    uint64_t last, total;
    char what[64];
};

static bool watch(void *ctx, const char *what, uint64_t done, uint64_t total) {
    struct watch *w = ctx;
    w->last = done;
    w->total = total;
    snprintf(w->what, sizeof w->what, "%s", what);
    return ++w->calls != w->stop_at;
}

static void test_progress_is_told_and_can_cancel(void **state) {
    (void)state;
    need_library();
    struct watch w = {0};
    struct sc_open_opts opts = {.sz = sizeof opts, .progress = watch, .progress_ctx = &w};
    sc_target *t;
    struct forge_bytes gz;
    assert_true(forge_gzip("a", dump.data, dump.size, &gz));
    assert_null(open_packed("m.gz", &gz, &opts, &t));
    sc_target_close(t);
    assert_string_equal(w.what, "Unpacking m.gz");
    assert_true(w.calls >= 3 && w.last <= w.total && w.total == gz.size);
    unsigned calls = w.calls;
    for (unsigned at = 1; at <= calls; at++) {
        w = (struct watch){.stop_at = at};
        sc_err *err = open_packed("m.gz", &gz, &opts, &t);
        assert_non_null(err);
        assert_int_equal(sc_err_code(err), SC_ERR_CANCELLED);
        sc_err_destroy(err);
    }
    forge_bytes_free(&gz);
}

static void test_what_came_out_before_the_damage_is_read(void **state) {
    (void)state;
    need_library();
    struct forge_bytes gz;
    sc_target *t;
    assert_true(forge_gzip("a", dump.data, dump.size, &gz));
    for (size_t cut = 0; cut < gz.size; cut += 3000 + cut / 2) {
        struct forge_bytes part = {.data = gz.data, .size = cut};
        sc_err *err = open_packed("m.gz", &part, NULL, &t);
        if (err) {
            sc_err_destroy(err);
            assert_true(cut < 0x20000);
            continue;
        }
        const struct sc_source *s = sc_target_source(t);
        assert_true(sc_target_file_size(t) < dump.size);
        assert_true(s->nnotes && strstr(s->notes[0].text, "the archive is damaged"));
        sc_target_close(t);
    }
    forge_bytes_free(&gz);
    struct forge_member m = a_dump("a.dmp");
    m.bad_checksum = true;
    opens("m.zip", zip_of(&m, 1), "m.zip: a.dmp", "a.dmp", "the archive is damaged");
}

static void test_a_damaged_member_does_not_hide_the_next(void **state) {
    (void)state;
    need_library();
    struct forge_member m[] = {a_text("a.txt"), a_dump("a.dmp")};
    m[0].bad_checksum = true;
    opens("m.zip", zip_of(m, 2), "m.zip: a.dmp", "a.dmp", NULL);
}

static void test_looking_inside_without_unpacking(void **state) {
    (void)state;
    need_library();
    struct forge_member m[] = {a_text("a"), a_dump("b")};
    for (size_t count = 1; count <= 2; count++) {
        struct forge_bytes zip = zip_of(m, count);
        sc_file *file;
        assert_null(sc_file_memory("m.zip", zip.data, zip.size, 0, &file));
        assert_int_equal(sc_holds_dump(file), count == 2);
        sc_file_close(file);
        forge_bytes_free(&zip);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_dump_of_an_archive_is_opened),
        cmocka_unit_test(test_of_several_dumps_the_first_is_opened_and_all_are_named),
        cmocka_unit_test(test_a_compressed_file_is_opened),
        cmocka_unit_test(test_names_do_no_harm),
        cmocka_unit_test(test_archives_without_a_dump),
        cmocka_unit_test(test_the_limit_is_measured_on_what_comes_out),
        cmocka_unit_test(test_progress_is_told_and_can_cancel),
        cmocka_unit_test(test_what_came_out_before_the_damage_is_read),
        cmocka_unit_test(test_a_damaged_member_does_not_hide_the_next),
        cmocka_unit_test(test_looking_inside_without_unpacking),
    };
    return cmocka_run_group_tests(tests, make_dump, free_dump);
}
