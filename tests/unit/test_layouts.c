/* SPDX-License-Identifier: MIT */
/* Built-in layouts: which builds there are, what they say, and how sure they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sym/layouts.h"

static sc_symbols *open_build(enum sc_cpu cpu, uint32_t build) {
    sc_symbols *s = NULL;
    sc_err *err = sc_layouts_open(cpu, build, &s);
    if (err)
        fail_msg("%s", sc_err_text(err));
    return s;
}

struct wanted {
    const char *name;
    struct sc_member got;
    bool found;
};
static bool look_for(void *ctx, const struct sc_member *m) {
    struct wanted *w = ctx;
    if (strcmp(m->name, w->name) != 0)
        return true;
    w->got = *m;
    w->found = true;
    return false;
}

static struct sc_member member(sc_symbols *s, const char *type, const char *name) {
    struct wanted w = {.name = name};
    uint32_t id = 0;
    bool found = false;
    assert_null(sc_symbols_type_named(s, type, &id, &found));
    assert_true(found);
    assert_null(sc_symbols_members(s, id, look_for, &w));
    if (!w.found)
        fail_msg("%s has no %s", type, name);
    return w.got;
}

static uint64_t size_of(sc_symbols *s, const char *type) {
    struct sc_type t;
    uint32_t id = 0;
    bool found = false;
    assert_null(sc_symbols_type_named(s, type, &id, &found));
    assert_true(found);
    assert_null(sc_symbols_type(s, id, &t));
    return t.size;
}

static void known_offsets_are_right(void **state) {
    (void)state;
    static const struct {
        enum sc_cpu cpu;
        uint32_t build;
        uint64_t process_size, links, image_name;
    } want[] = {
        {SC_CPU_X86, 2600, 0x260, 0x88, 0x174},   {SC_CPU_X64, 3790, 0x3e0, 0xe0, 0x268},
        {SC_CPU_X86, 7601, 0x2c0, 0xb8, 0x16c},   {SC_CPU_X64, 7601, 0x4d0, 0x188, 0x2e0},
        {SC_CPU_X64, 9600, 0x6d8, 0x2e8, 0x438},  {SC_CPU_X64, 10240, 0x7a8, 0x2f0, 0x448},
        {SC_CPU_X64, 17763, 0x850, 0x2e8, 0x450}, {SC_CPU_X64, 19041, 0xa40, 0x448, 0x5a8},
        {SC_CPU_X64, 22000, 0xb80, 0x448, 0x5a8},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        sc_symbols *s = open_build(want[i].cpu, want[i].build);
        assert_int_equal(size_of(s, "_EPROCESS"), want[i].process_size);
        assert_int_equal(member(s, "_EPROCESS", "ActiveProcessLinks").offset, want[i].links);
        assert_int_equal(member(s, "_EPROCESS", "ImageFileName").offset, want[i].image_name);
        sc_symbols_unref(s);
    }
}

static void it_has_types_only(void **state) {
    (void)state;
    sc_symbols *s = open_build(SC_CPU_X86, 7601);
    struct sc_symbols_info info;
    struct sc_symbol symbol;
    bool found = true;
    sc_symbols_info(s, &info);
    assert_string_equal(info.provider, "layout");
    assert_int_equal(info.cpu, SC_CPU_X86);
    assert_true(info.has_types);
    assert_null(sc_symbols_find(s, "PsLoadedModuleList", &symbol, &found));
    assert_false(found);
    sc_symbols_unref(s);
}

static void types_lead_to_the_builds_own_structures(void **state) {
    (void)state;
    sc_symbols *s = open_build(SC_CPU_X64, 19041);
    struct sc_type t, target;
    struct sc_member m = member(s, "_KTHREAD", "ApcState");
    assert_null(sc_symbols_type(s, m.type, &t));
    assert_string_equal(t.name, "_KAPC_STATE");
    assert_int_equal(t.size, 0x30);
    m = member(s, "_KTHREAD", "Process");
    assert_null(sc_symbols_type(s, m.type, &t));
    assert_int_equal(t.kind, SC_TYPE_POINTER);
    assert_int_equal(t.size, 8);
    assert_null(sc_symbols_type(s, t.target, &target));
    assert_string_equal(target.name, "_KPROCESS");
    assert_int_equal(target.size, 0x438);
    m = member(s, "_EPROCESS", "ImageFileName");
    assert_null(sc_symbols_type(s, m.type, &t));
    assert_int_equal(t.kind, SC_TYPE_ARRAY);
    assert_int_equal(t.size, 15);
    sc_symbols_unref(s);
}

static void bit_fields_have_their_bits(void **state) {
    (void)state;
    sc_symbols *s = open_build(SC_CPU_X64, 19041);
    struct sc_type t;
    struct sc_member m = member(s, "_KTHREAD", "Alertable");
    assert_int_equal(m.offset, 0x74);
    assert_int_equal(m.bit_pos, 4);
    assert_int_equal(m.bit_len, 1);
    assert_null(sc_symbols_type(s, m.type, &t));
    assert_int_equal(t.kind, SC_TYPE_BITFIELD);
    assert_int_equal(t.size, 4);
    sc_symbols_unref(s);
}

static void pointers_are_as_wide_as_the_cpus(void **state) {
    (void)state;
    sc_symbols *s = open_build(SC_CPU_X86, 19041);
    struct sc_type t;
    struct sc_member m = member(s, "_EPROCESS", "Peb");
    assert_null(sc_symbols_type(s, m.type, &t));
    assert_int_equal(t.kind, SC_TYPE_POINTER);
    assert_int_equal(t.size, 4);
    sc_symbols_unref(s);
}

static void another_build_is_refused_and_the_ones_there_are_named(void **state) {
    (void)state;
    sc_symbols *s = NULL;
    sc_err *err = sc_layouts_open(SC_CPU_X64, 19045, &s);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    assert_non_null(strstr(sc_err_text(err), "18362, 19041, 22000"));
    assert_null(s);
    sc_err_destroy(err);
    err = sc_layouts_open(SC_CPU_ARM64, 22000, &s);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
}

static void the_nearest_is_taken_only_when_asked_for_and_said_to_be_assumed(void **state) {
    (void)state;
    static const struct {
        enum sc_cpu cpu;
        uint32_t asked, got;
    } want[] = {{SC_CPU_X64, 19045, 19041},
                {SC_CPU_X64, 26100, 22000},
                {SC_CPU_X64, 1, 3790},
                {SC_CPU_X86, 9600, 7601},
                {SC_CPU_X64, 19041, 19041}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct sc_layouts_facts facts;
        sc_symbols *s = NULL;
        assert_null(sc_layouts_open_nearest(want[i].cpu, want[i].asked, &s, &facts));
        assert_int_equal(facts.build, want[i].got);
        assert_int_equal(facts.assumed, want[i].got != want[i].asked);
        assert_true(facts.structs > 100);
        sc_symbols_unref(s);
    }
    sc_symbols *s = NULL;
    sc_err *err = sc_layouts_open_nearest(SC_CPU_ARM64, 22000, &s, NULL);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
}

static void structures_say_how_sure_they_are(void **state) {
    (void)state;
    enum sc_layout_trust trust;
    assert_true(sc_layouts_trust(SC_CPU_X64, 19041, "_KPROCESS", &trust));
    assert_int_equal(trust, SC_LAYOUT_PROVED);
    assert_true(sc_layouts_trust(SC_CPU_X64, 7601, "_ETHREAD", &trust));
    assert_int_equal(trust, SC_LAYOUT_VARIES);
    assert_true(sc_layouts_trust(SC_CPU_X64, 22000, "_FLT_INSTANCE", &trust));
    assert_int_equal(trust, SC_LAYOUT_LISTED);
    assert_false(sc_layouts_trust(SC_CPU_X64, 19041, "_NO_SUCH_THING", &trust));
    assert_false(sc_layouts_trust(SC_CPU_X64, 19045, "_KTHREAD", &trust));
}

struct walk {
    sc_symbols *symbols;
    uint64_t size;
    unsigned count;
};

/* Every type of every member can be followed to its end, and lies inside its structure. */
static bool follow(void *ctx, const struct sc_member *m) {
    struct walk *w = ctx;
    struct sc_type t = {.target = m->type};
    assert_true(*m->name != 0);
    for (int i = 0; t.target; i++) {
        assert_true(i < 20);
        assert_null(sc_symbols_type(w->symbols, t.target, &t));
        assert_int_not_equal(t.kind, SC_TYPE_UNKNOWN);
    }
    if (m->type && w->size) {
        assert_null(sc_symbols_type(w->symbols, m->type, &t));
        assert_true(m->offset + t.size <= w->size);
    }
    if (m->bit_len && m->type)
        assert_true(m->bit_pos + m->bit_len <= 8 * t.size);
    w->count++;
    return true;
}

static bool each_type(void *ctx, const struct sc_type *t) {
    struct walk *w = ctx;
    uint32_t id = 0;
    bool found = false;
    assert_null(sc_symbols_type_named(w->symbols, t->name, &id, &found));
    assert_true(found);
    assert_int_equal(id, t->id);
    w->size = t->size;
    unsigned before = w->count;
    assert_null(sc_symbols_members(w->symbols, id, follow, w));
    assert_int_equal(w->count - before, t->count);
    return true;
}

static void all_that_is_built_in_holds_together(void **state) {
    (void)state;
    enum sc_cpu cpu;
    uint32_t build;
    size_t sets = 0;
    for (; sc_layouts_set(sets, &cpu, &build); sets++) {
        struct walk w = {.symbols = open_build(cpu, build)};
        assert_null(sc_symbols_types(w.symbols, NULL, each_type, &w));
        assert_true(w.count > 2000);
        sc_symbols_unref(w.symbols);
    }
    assert_int_equal(sets, 17);
}

static void what_is_not_there_is_not_found(void **state) {
    (void)state;
    sc_symbols *s = open_build(SC_CPU_X64, 19041);
    struct sc_type t;
    uint32_t id;
    bool found = true;
    assert_null(sc_symbols_type_named(s, "_NO_SUCH_THING", &id, &found));
    assert_false(found);
    assert_int_equal(size_of(s, "Uint4B"), 4);
    assert_int_equal(size_of(s, "unsigned long"), 4);
    const uint32_t ids[] = {0, 0xffff, 0x10000, 0x1ffff, UINT32_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        sc_err *err = sc_symbols_type(s, ids[i], &t);
        assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
        sc_err_destroy(err);
    }
    sc_symbols_unref(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_offsets_are_right),
        cmocka_unit_test(it_has_types_only),
        cmocka_unit_test(types_lead_to_the_builds_own_structures),
        cmocka_unit_test(bit_fields_have_their_bits),
        cmocka_unit_test(pointers_are_as_wide_as_the_cpus),
        cmocka_unit_test(another_build_is_refused_and_the_ones_there_are_named),
        cmocka_unit_test(the_nearest_is_taken_only_when_asked_for_and_said_to_be_assumed),
        cmocka_unit_test(structures_say_how_sure_they_are),
        cmocka_unit_test(all_that_is_built_in_holds_together),
        cmocka_unit_test(what_is_not_there_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
