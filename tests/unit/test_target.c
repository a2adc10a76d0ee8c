/* SPDX-License-Identifier: MIT */
/* Targets: independent of each other, lookups at edges, cancelling, fakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <threads.h>
#include <unistd.h>

#include <cmocka.h>

#include "forge/scene.h"
#include "stopcode/target.h"

static sc_target *open_bytes(const struct forge_bytes *file, bool no_mmap) {
    const struct sc_open_opts opts = {.sz = sizeof opts, .no_mmap = no_mmap};
    sc_target *t = NULL;
    sc_err *err = sc_target_open_memory("forged.dmp", file->data, file->size, &opts, &t);
    return err ? (sc_err_destroy(err), NULL) : t;
}

/* Everything a target says, as one number: equal for equal dumps, different for others. */
static uint64_t digest(sc_target *t) {
    uint64_t h = 0xcbf29ce484222325;
#define MIX(v) (h = (h ^ (uint64_t)(v)) * 0x100000001b3)
    const struct sc_machine *m = sc_target_machine(t);
    const struct sc_modules *modules = NULL;
    const struct sc_unloadeds *unloaded = NULL;
    const struct sc_threads *threads = NULL;
    if (sc_target_modules(t, &modules) || sc_target_unloaded(t, &unloaded) ||
        sc_target_threads(t, &threads))
        return 0;
    MIX(m->bugcheck), MIX(m->kernel_base), MIX(m->cpu), MIX(m->time);
    for (size_t i = 0; i < modules->count; i++) {
        MIX(modules->item[i].base);
        for (const char *p = modules->item[i].path; *p; p++)
            MIX(*p);
    }
    for (size_t i = 0; i < unloaded->count; i++)
        MIX(unloaded->item[i].base);
    for (uint32_t i = 0; i < threads->count; i++) {
        struct sc_regs regs;
        sc_err *err = sc_target_regs(t, i, &regs);
        MIX(err ? 0 : sc_regs_ip(&regs));
        sc_err_destroy(err);
    }
    uint64_t at = 0, start, size;
    while (sc_space_next(sc_target_space(t), at, &start, &size)) {
        uint8_t buf[256];
        size_t n = size < sizeof buf ? (size_t)size : sizeof buf;
        if (sc_space_read(sc_target_space(t), start, buf, n, NULL) == SC_READ_OK)
            for (size_t i = 0; i < n; i++)
                MIX(buf[i]);
        MIX(start);
        if (start + size <= at)
            break;
        at = start + size;
    }
    return h;
}

struct job {
    const struct forge_bytes *file;
    uint64_t want;
    int wrong;
};

static int work(void *arg) {
    struct job *job = arg;
    for (int i = 0; i < 200; i++) {
        sc_target *t = open_bytes(job->file, i & 1);
        if (!t || digest(t) != job->want)
            job->wrong++;
        sc_target_close(t);
    }
    return 0;
}

static void targets_in_two_threads_answer_independently(void **state) {
    (void)state;
    struct forge_bytes file[FORGE_SCENES];
    struct job job[FORGE_SCENES];
    thrd_t thread[FORGE_SCENES];
    for (int i = 0; i < FORGE_SCENES; i++) {
        assert_true(forge_scene_build((enum forge_scene_kind)i, &file[i]));
        sc_target *t = open_bytes(&file[i], false);
        assert_non_null(t);
        job[i] = (struct job){.file = &file[i], .want = digest(t)};
        assert_true(job[i].want != 0);
        for (int k = 0; k < i; k++)
            assert_true(job[k].want != job[i].want);
        sc_target_close(t);
    }
    for (int i = 0; i < FORGE_SCENES; i++)
        assert_int_equal(thrd_create(&thread[i], work, &job[i]), thrd_success);
    for (int i = 0; i < FORGE_SCENES; i++) {
        assert_int_equal(thrd_join(thread[i], NULL), thrd_success);
        assert_int_equal(job[i].wrong, 0);
        forge_bytes_free(&file[i]);
    }
}

static void two_targets_open_at_once_do_not_mix(void **state) {
    (void)state;
    struct forge_bytes a, b;
    assert_true(forge_scene_build(FORGE_TRIAGE_X64, &a) && forge_scene_build(FORGE_TRIAGE_X86, &b));
    sc_target *x = open_bytes(&a, false), *y = open_bytes(&b, false), *z = open_bytes(&a, true);
    uint64_t first = digest(x);
    assert_true(digest(y) != first);
    assert_true(digest(z) == first);
    sc_target_close(y);
    assert_true(digest(x) == first);
    sc_target_close(x);
    assert_true(digest(z) == first);
    sc_target_close(z);
    forge_bytes_free(&a);
    forge_bytes_free(&b);
}

static void a_file_on_disk_answers_as_its_bytes_do(void **state) {
    (void)state;
    struct forge_bytes file;
    char path[256];
    const char *dir = getenv("TMPDIR");
    assert_true(forge_scene_build(FORGE_TRIAGE_X64, &file));
    snprintf(path, sizeof path, "%s/stopcode-test-%d.dmp", dir ? dir : "/tmp", (int)getpid());
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(file.data, 1, file.size, f), file.size);
    fclose(f);
    sc_target *memory = open_bytes(&file, false), *t;
    for (int no_mmap = 0; no_mmap < 2; no_mmap++) {
        const struct sc_open_opts opts = {.sz = sizeof opts, .no_mmap = no_mmap};
        assert_null(sc_target_open(path, &opts, &t));
        assert_true(digest(t) == digest(memory));
        assert_string_equal(sc_target_path(t), path);
        assert_string_equal(sc_target_name(t), strrchr(path, '/') + 1);
        assert_int_equal(sc_target_file_size(t), file.size);
        sc_target_close(t);
    }
    sc_target_close(memory);
    unlink(path);
    forge_bytes_free(&file);
}

static void what_is_no_dump_is_refused(void **state) {
    (void)state;
    sc_target *t = NULL;
    const struct {
        const char *path;
        const char *part;
    } rows[] = {{"/", "folder"}, {"/nonexistent.dmp", "No such file"}};
    for (size_t i = 0; i < 2; i++) {
        sc_err *err = sc_target_open(rows[i].path, NULL, &t);
        assert_int_equal(sc_err_code(err), SC_ERR_IO);
        assert_non_null(strstr(sc_err_text(err), rows[i].part));
        sc_err_destroy(err);
    }
    sc_err *err = sc_target_open_memory("x", "", 0, NULL, &t);
    assert_int_equal(sc_err_code(err), SC_ERR_FORMAT);
    sc_err_destroy(err);
    assert_null(t);
    sc_target_close(NULL);
}

static void an_address_belongs_to_a_module_from_base_to_size(void **state) {
    (void)state;
    const struct sc_module modules[] = {
        {.base = 0xfffff80000010000, .size = 0x1000, .path = "c:\\x\\second.sys"},
        {.base = 0x10000, .size = 0x1000, .path = "first.dll"},
        {.base = 0xfffffffffffff000, .size = 0x1000, .path = "last.sys"},
        {.base = 0x11000, .size = 0x800, .path = "neighbour.dll"},
    };
    const struct sc_fake fake = {
        .sz = sizeof fake, .cpu = SC_CPU_X64, .modules = modules, .nmodules = 4};
    sc_target *t;
    assert_null(sc_target_fake(&fake, &t));
    const struct {
        uint64_t addr;
        const char *name;
    } rows[] = {
        {0, NULL},
        {0xffff, NULL},
        {0x10000, "first"},
        {0x10fff, "first"},
        {0x11000, "neighbour"},
        {0x117ff, "neighbour"},
        {0x11800, NULL},
        {0xfffff8000000ffff, NULL},
        {0xfffff80000010000, "second"},
        {0xfffff80000011000, NULL},
        {0xffffffffffffefff, NULL},
        {UINT64_MAX, "last"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct sc_module *m = sc_target_module_at(t, rows[i].addr);
        if (!rows[i].name)
            assert_null(m);
        else
            assert_string_equal(m->name, rows[i].name);
    }
    const struct sc_modules *list;
    assert_null(sc_target_modules(t, &list));
    for (size_t i = 1; i < list->count; i++)
        assert_true(list->item[i - 1].base < list->item[i].base);
    sc_target_close(t);
}

static void modules_are_found_by_either_name_in_any_case(void **state) {
    (void)state;
    struct forge_bytes file;
    assert_true(forge_scene_build(FORGE_TRIAGE_X64, &file));
    sc_target *t = open_bytes(&file, false);
    const struct sc_module *nt = sc_target_module_named(t, "NT");
    assert_non_null(nt);
    assert_ptr_equal(nt, sc_target_module_named(t, "ntoskrnl.EXE"));
    assert_ptr_equal(nt, sc_target_module_at(t, nt->base));
    assert_non_null(sc_target_module_named(t, "baddrv"));
    assert_null(sc_target_module_named(t, "badd"));
    assert_null(sc_target_module_named(t, ""));
    sc_target_close(t);
    forge_bytes_free(&file);
}

static void the_most_recently_unloaded_module_is_the_one_found(void **state) {
    (void)state;
    struct forge_scene s;
    struct forge_bytes file;
    forge_scene_init(&s, FORGE_TRIAGE_X64);
    s.unloaded[1].start = s.unloaded[0].start + 0x8000; /* overlaps the first */
    s.unloaded[1].end = s.unloaded[0].end + 0x8000;
    assert_true(forge_triage_build(&s.t, &file));
    sc_target *t = open_bytes(&file, false);
    assert_string_equal(sc_target_unloaded_at(t, s.unloaded[0].start)->name, "dam.sys");
    assert_string_equal(sc_target_unloaded_at(t, s.unloaded[1].start)->name, "dam.sys");
    assert_string_equal(sc_target_unloaded_at(t, s.unloaded[0].end)->name, "WdFilter.sys");
    assert_null(sc_target_unloaded_at(t, s.unloaded[0].start - 1));
    assert_null(sc_target_unloaded_at(t, s.unloaded[1].end));
    sc_target_close(t);
    forge_bytes_free(&file);
}

static void cancelling_stops_reads_until_it_is_cleared(void **state) {
    (void)state;
    struct forge_scene s;
    struct forge_bytes file;
    uint8_t buf[8];
    forge_scene_init(&s, FORGE_TRIAGE_X64);
    assert_true(forge_triage_build(&s.t, &file));
    sc_target *t = open_bytes(&file, false), *other = open_bytes(&file, false);
    assert_false(sc_target_cancelled(t));
    sc_target_cancel(t);
    assert_true(sc_target_cancelled(t));
    assert_false(sc_target_cancelled(other));
    assert_ptr_equal(sc_space_need(sc_target_space(t), s.va.stack, buf, 8, "x"),
                     sc_err_cancelled());
    assert_null(sc_space_need(sc_target_space(other), s.va.stack, buf, 8, "x"));
    sc_target_clear_cancel(t);
    assert_null(sc_space_need(sc_target_space(t), s.va.stack, buf, 8, "x"));
    sc_target_close(t);
    sc_target_close(other);
    forge_bytes_free(&file);
}

static void a_dumps_generation_never_changes(void **state) {
    (void)state;
    struct forge_bytes file;
    assert_true(forge_scene_build(FORGE_TRIAGE_X64, &file));
    sc_target *t = open_bytes(&file, false);
    uint64_t before = sc_target_generation(t);
    digest(t);
    assert_true(sc_target_generation(t) == before);
    sc_target_close(t);
    forge_bytes_free(&file);
}

static void lists_are_loaded_once_and_stay_in_place(void **state) {
    (void)state;
    struct forge_bytes file;
    assert_true(forge_scene_build(FORGE_TRIAGE_X64, &file));
    sc_target *t = open_bytes(&file, false);
    const struct sc_modules *a, *b;
    const struct sc_threads *c, *d;
    assert_null(sc_target_modules(t, &a));
    const struct sc_module *first = a->item;
    assert_null(sc_target_modules(t, &b));
    assert_true(a == b && b->item == first && b->count == FORGE_DRIVERS);
    assert_null(sc_target_threads(t, &c));
    assert_null(sc_target_threads(t, &d));
    assert_true(c == d && d->count == FORGE_CPUS);
    sc_target_close(t);
    forge_bytes_free(&file);
}

static void count_line(void *ctx, enum sc_log_level level, const char *line) {
    assert_int_equal(level, SC_LOG_WARN);
    assert_string_equal(line, "seven 7");
    ++*(int *)ctx;
}

static void the_log_goes_to_whoever_asked(void **state) {
    (void)state;
    struct forge_bytes file;
    int lines = 0;
    const struct sc_open_opts opts = {.sz = sizeof opts, .log = count_line, .log_ctx = &lines};
    sc_target *t;
    assert_true(forge_scene_build(FORGE_TRIAGE_X64, &file));
    assert_null(sc_target_open_memory("x", file.data, file.size, &opts, &t));
    lines = 0;
    sc_target_log(t, SC_LOG_WARN, "seven %d", 7);
    assert_int_equal(lines, 1);
    sc_target_close(t);
    t = open_bytes(&file, false);
    sc_target_log(t, SC_LOG_WARN, "nobody listens");
    sc_target_close(t);
    forge_bytes_free(&file);
}

static void a_fake_copies_what_it_is_given(void **state) {
    (void)state;
    char path[] = "c:\\drv\\fake.sys";
    uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct sc_module module = {.base = 0x80001000, .size = 0x1000, .path = path};
    struct sc_fake_bytes memory = {0x80005000, bytes, sizeof bytes};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X86,
                           .kernel = true,
                           .modules = &module,
                           .nmodules = 1,
                           .memory = &memory,
                           .nmemory = 1};
    sc_target *t;
    assert_null(sc_target_fake(&fake, &t));
    memset(path, 'x', sizeof path - 1);
    memset(bytes, 0xff, sizeof bytes);
    module.base = 0;
    assert_string_equal(sc_target_module_at(t, 0x80001fff)->name, "fake");
    uint64_t v = 0;
    assert_int_equal(sc_space_ptr(sc_target_space(t), 0x80005001, &v), SC_READ_OK);
    assert_int_equal(v, 0x05040302);
    assert_int_equal(sc_target_ptr_size(t), 4);
    assert_true(sc_target_machine(t)->kernel);
    struct sc_regs regs;
    sc_err *err = sc_target_regs(t, 0, &regs);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
    err = sc_target_event_regs(t, &regs);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
    sc_target_close(t);
}

static void a_fakes_registers_are_the_current_ones(void **state) {
    (void)state;
    struct forge_scene s;
    struct sc_regs regs, got;
    forge_scene_init(&s, FORGE_TRIAGE_X64);
    assert_null(sc_regs_init(&regs, SC_CPU_X64, s.bug_context, s.context_size));
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_X64, .regs = &regs};
    sc_target *t;
    assert_null(sc_target_fake(&fake, &t));
    assert_null(sc_target_regs(t, 0, &got));
    assert_memory_equal(got.raw, s.bug_context, s.context_size);
    assert_null(sc_target_event_regs(t, &got));
    assert_true(sc_regs_ip(&got) == s.va.fault);
    sc_target_close(t);
}

static void a_wrapped_module_covers_no_low_address(void **state) {
    (void)state;
    struct forge_scene s;
    struct forge_bytes file;
    forge_scene_init(&s, FORGE_TRIAGE_X64);
    s.driver[3].base = 0xfffffffffffff000;
    s.driver[3].size = 0x80000000;
    assert_true(forge_triage_build(&s.t, &file));
    sc_target *t = open_bytes(&file, false);
    assert_non_null(sc_target_module_at(t, UINT64_MAX));
    assert_null(sc_target_module_at(t, 0));
    assert_null(sc_target_module_at(t, 0x1000));
    sc_target_close(t);
    forge_bytes_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_in_two_threads_answer_independently),
        cmocka_unit_test(two_targets_open_at_once_do_not_mix),
        cmocka_unit_test(a_file_on_disk_answers_as_its_bytes_do),
        cmocka_unit_test(what_is_no_dump_is_refused),
        cmocka_unit_test(an_address_belongs_to_a_module_from_base_to_size),
        cmocka_unit_test(modules_are_found_by_either_name_in_any_case),
        cmocka_unit_test(the_most_recently_unloaded_module_is_the_one_found),
        cmocka_unit_test(cancelling_stops_reads_until_it_is_cleared),
        cmocka_unit_test(a_dumps_generation_never_changes),
        cmocka_unit_test(lists_are_loaded_once_and_stay_in_place),
        cmocka_unit_test(the_log_goes_to_whoever_asked),
        cmocka_unit_test(a_fake_copies_what_it_is_given),
        cmocka_unit_test(a_fakes_registers_are_the_current_ones),
        cmocka_unit_test(a_wrapped_module_covers_no_low_address),
    };
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
