/* SPDX-License-Identifier: MIT */
/* The ready-made scenes hold what they promise, and nothing that a reader finds odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "forge/mdmp_scene.h"
#include "forge/scene.h"
#include "stopcode/finding.h"
#include "stopcode/minidump.h"
#include "stopcode/target.h"

static sc_target *open_file(const struct forge_bytes *file, const char *name) {
    sc_target *t = NULL;
    sc_err *err = sc_target_open_memory(name, file->data, file->size, NULL, &t);
    if (err)
        fail_msg("%s: %s", name, sc_err_text(err));
    return t;
}

static void no_notes(sc_target *t, const char *name) {
    const struct sc_source *s = sc_target_source(t);
    for (size_t i = 0; i < s->nnotes; i++)
        fail_msg("%s: %s", name, s->notes[i].text);
}

static struct sc_source *source(sc_target *t) { return (struct sc_source *)sc_target_source(t); }

#define ONE_OF(fn, type, t)                                                                        \
    do {                                                                                           \
        struct type rec;                                                                           \
        bool more = false;                                                                         \
        assert_null(fn(source(t), 0, &rec, &more));                                                \
        assert_true(more);                                                                         \
    } while (0)

static void minidump_scenes_have_every_list(void **state) {
    (void)state;
    for (int i = 0; i < FORGE_MDMP_SCENES; i++) {
        enum forge_mdmp_scene_kind kind = (enum forge_mdmp_scene_kind)i;
        const char *name = forge_mdmp_scene_name(kind);
        struct forge_bytes file;
        assert_true(forge_mdmp_scene_build(kind, &file));
        sc_target *t = open_file(&file, name);
        const struct sc_modules *modules;
        const struct sc_threads *threads;
        const struct sc_unloadeds *unloaded;
        const struct sc_mdmp_misc *misc;
        assert_null(sc_target_modules(t, &modules));
        assert_null(sc_target_threads(t, &threads));
        assert_null(sc_target_unloaded(t, &unloaded));
        assert_null(sc_mdmp_misc(source(t), &misc));
        assert_int_equal(modules->count, 4);
        assert_int_equal(threads->count, 3);
        assert_int_equal(unloaded->count, 2);
        assert_int_equal(misc->pid, 0x4d2);
        assert_true(sc_target_machine(t)->has_exception);
        ONE_OF(sc_mdmp_handle, sc_mdmp_handle, t);
        ONE_OF(sc_mdmp_region, sc_mdmp_region, t);
        ONE_OF(sc_mdmp_function_table, sc_mdmp_function_table, t);
        ONE_OF(sc_mdmp_token, sc_mdmp_token, t);
        ONE_OF(sc_mdmp_handle_op, sc_mdmp_handle_op, t);
        struct sc_regs regs;
        for (uint32_t k = 0; k < 3; k++)
            assert_null(sc_target_regs(t, k, &regs));
        if (kind == FORGE_MDMP_FULL) {
            ONE_OF(sc_mdmp_annotation, sc_mdmp_annotation, t);
            struct sc_mdmp_breakpad b;
            struct sc_mdmp_assertion a;
            assert_true(sc_mdmp_breakpad(source(t), &b));
            assert_true(sc_mdmp_assertion(source(t), &a));
            assert_string_equal(a.file, "main.c");
        }
        no_notes(t, name);
        sc_target_close(t);
        forge_bytes_free(&file);
    }
}

/* Scenes are told apart by what they are about: the driver that the bug check points to. */
static void triage_scenes_lead_the_analysis_to_the_bad_driver(void **state) {
    (void)state;
    for (int i = 0; i < FORGE_SCENES; i++) {
        enum forge_scene_kind kind = (enum forge_scene_kind)i;
        const char *name = forge_scene_name(kind);
        struct forge_bytes file;
        struct sc_analysis *a = NULL;
        assert_true(forge_scene_build(kind, &file));
        sc_target *t = open_file(&file, name);
        assert_null(sc_analyze(t, &a));
        assert_true(a->nfindings > 0);
        if (!a->findings[0].module || strcmp(a->findings[0].module->image, "baddrv.sys") != 0)
            fail_msg("%s: %s", name, a->findings[0].summary);
        sc_analysis_destroy(a);
        no_notes(t, name);
        sc_target_close(t);
        forge_bytes_free(&file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minidump_scenes_have_every_list),
        cmocka_unit_test(triage_scenes_lead_the_analysis_to_the_bad_driver),
    };
    return cmocka_run_group_tests_name("scenes", tests, NULL, NULL);
}
