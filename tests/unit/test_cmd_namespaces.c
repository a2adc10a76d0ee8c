/* SPDX-License-Identifier: MIT */
/* `!object -p`: private name spaces of 32- and 64-bit kernels, and tables that lie. */
#include "object_world.h"

static const struct ow_build builds[] = {
    {SC_CPU_X86, 7601}, {SC_CPU_X64, 7601}, {SC_CPU_X64, 9600}};

struct scene {
    struct ow o;
    uint64_t table, entry[2], directory;
};

static void put_item(struct world *w, uint64_t at, unsigned kind, const uint8_t *data, size_t n) {
    world_put(w, at, 4, kind);
    world_put(w, at + 4, 4, 8 + n);
    for (size_t i = 0; i < n; i++)
        world_put(w, at + 8 + i, 1, data[i]);
}

/* Bucket 5 has a name space with a name and a SID, bucket 36 one without a boundary. */
static struct scene scene_of(const struct ow_build *b) {
    static const uint8_t name[] = "U\0p\0d\0a\0t\0e\0s";
    static const uint8_t sid[] = {1, 2, 0, 0, 0, 0, 0, 5, 0x20, 0, 0, 0, 0x20, 2, 0, 0};
    struct scene s = {.o = ow_new(b)};
    struct ow *o = &s.o;
    struct world *w = o->w;
    unsigned ptr = w->ptr;
    s.table = world_symbol(w, "ObpPrivateNamespaceLookupTable", 0xe0000);
    world_bytes(w, s.table, 0x260);
    s.directory = ow_directory(o, NULL, 0);
    for (unsigned i = 0; i < 2; i++)
        s.entry[i] = ow_room(o, 0x100);
    for (unsigned i = 0; i < 37; i++)
        world_ring(w, s.table + i * 2 * ptr, &s.entry[i == 36], i == 5 || i == 36);
    uint64_t at = s.entry[0] + (ptr == 8 ? 0x30 : 0x1c);
    world_put(w, s.entry[0] + 2 * ptr, ptr, s.directory);
    world_put(w, s.entry[0] + 3 * ptr, 4, 0x40);
    world_put(w, at, 4, 1);
    world_put(w, at + 4, 4, 2);
    world_put(w, at + 8, 4, 0x40);
    put_item(w, at + 16, 1, name, sizeof name);
    put_item(w, at + 16 + 24, 2, sid, sizeof sid);
    return s;
}

static void name_spaces_are_listed_with_their_boundaries(void **state) {
    (void)state;
    for (unsigned i = 0; i < sizeof builds / sizeof *builds; i++) {
        struct scene s = scene_of(&builds[i]);
        struct ow *o = &s.o;
        bool wide = o->w->ptr == 8;
        char want[256];
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!object -p");
        snprintf(want, sizeof want,
                 "Private namespaces: 2\n\nEntry%*s  Directory%*s  Boundary\n"
                 "%%p  %%p  Name: Updates, SID: S-1-5-32-544\n%%p  ",
                 wide ? 11 : 3, "", wide ? 7 : 0, "");
        if (!wide) /* "Directory" is wider than an address */
            snprintf(want, sizeof want, "%%p  %%p  Name: Updates, SID: S-1-5-32-544\n%%p  ");
        ow_has(o, want, (uint64_t[]){s.entry[0], s.directory, s.entry[1]});
        fix_has(&o->w->f, "?  [it has none]\n");
        world_free(o->w);
    }
}

static void boundaries_that_lie_are_not_believed(void **state) {
    (void)state;
    static const struct {
        unsigned at;
        uint32_t value;
        const char *text;
    } t[] = {{0, 2, "?  [it is no boundary of version 1]"},
             {4, 99, "?  [it is no boundary of version 1]"},
             {16 + 4, 0xffffff00, "?  [an item of it has no length that fits]"},
             {16 + 24 + 4, 4, "Name: Updates  [an item of it has no length that fits]"},
             {16 + 24, 7, "Name: Updates, item of kind 7"}};
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
        struct scene s = scene_of(&builds[1]);
        world_put(s.o.w, s.entry[0] + 0x30 + t[i].at, 4, t[i].value);
        world_open(s.o.w, SC_RENDER_TEXT);
        fix_run(&s.o.w->f, "!object -p");
        fix_has(&s.o.w->f, t[i].text);
        world_free(s.o.w);
    }
}

static void what_is_missing_is_said(void **state) {
    (void)state;
    struct scene s = scene_of(&builds[1]);
    world_put(s.o.w, s.entry[0], 8, 0xfffff80012345670);
    world_open(s.o.w, SC_RENDER_TEXT);
    fix_run(&s.o.w->f, "!object -p");
    fix_has(&s.o.w->f, "Private namespaces: 3\n");
    fix_has(&s.o.w->f, "fffff80012345670  ????????????????  ?  [it is not in the dump]\n");
    fix_has(&s.o.w->f, "*** 1 of 37 chains of the table at ");
    fix_has(&s.o.w->f, "the link at fffff80012345670 is not in the dump");
    world_free(s.o.w);
    struct ow o = ow_new(&builds[1]);
    world_open(o.w, SC_RENDER_TEXT);
    fix_fails(&o.w->f, "!object -p",
              "neither nt!ObpPrivateNamespaceLookupTable nor "
              "nt!PspHostSiloGlobals");
    fix_run(&o.w->f, "!object -?");
    fix_has(&o.w->f, "private name spaces");
    world_free(o.w);
    o = ow_new(&builds[1]);
    world_symbol(o.w, "ObpPrivateNamespaceLookupTable", 0xe0000);
    world_open(o.w, SC_RENDER_TEXT);
    fix_fails(&o.w->f, "!object -p", "the dump does not hold the table of name spaces at ");
    world_free(o.w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_spaces_are_listed_with_their_boundaries),
        cmocka_unit_test(boundaries_that_lie_are_not_believed),
        cmocka_unit_test(what_is_missing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
