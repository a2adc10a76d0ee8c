/* SPDX-License-Identifier: MIT */
/* `!object` on every build with layouts: types, names, directories, links, and garbage. */
#include "object_world.h"

#define EACH_BUILD(i) for (size_t i = 0; i < OW_BUILDS; i++)

/* \Device with two objects in one bucket, one in another, and links. */
struct scene {
    struct ow o;
    uint64_t device, tdx, tcp, event, global, link, c;
};

static struct scene scene_of(size_t i) {
    struct scene s = {.o = ow_new(&ow_builds[i])};
    struct ow *o = &s.o;
    s.device = ow_directory(o, "Device", o->root);
    s.tdx = ow_object(o, OW_DEVICE, "Tdx", s.device, 0x40);
    s.tcp = ow_object(o, OW_DEVICE, "Tcp", s.device, 0x40);
    s.event = ow_object(o, OW_EVENT, "Ready", s.device, 0x20);
    s.global = ow_directory(o, "GLOBAL??", o->root);
    s.link = ow_symlink(o, "Ip6", s.device, "\\Device\\Tdx", 0);
    s.c = ow_symlink(o, "C:", s.global, "\\Device\\HarddiskVolume1", 3);
    ow_symlink(o, "DosDevices", o->root, "\\??", 0);
    return s;
}

static const char *version(const struct ow *o) { return o->index ? "new" : "old"; }

static void an_object_is_shown_as_published(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        struct ow *o = &s.o;
        char line[64], want[512];
        world_open(o->w, SC_RENDER_TEXT);
        snprintf(line, sizeof line, "!object %llx 1", (unsigned long long)s.tdx);
        fix_run(&o->w->f, line);
        snprintf(want, sizeof want,
                 "Object: %%p  Type: (%%p) Device\n"
                 "    ObjectHeader: %%p (%s version)\n"
                 "    HandleCount: 1  PointerCount: 3\n"
                 "    Directory Object: %%p  Name: Tdx\n",
                 version(o));
        ow_has(o, want, (uint64_t[]){s.tdx, o->type[OW_DEVICE], s.tdx - o->body, s.device});
        snprintf(line, sizeof line, "!object %llx 0", (unsigned long long)s.tdx);
        fix_run(&o->w->f, line);
        assert_null(strstr(fix_text(&o->w->f), "HandleCount"));
        snprintf(line, sizeof line, "!object %llx 10", (unsigned long long)s.tdx);
        fix_run(&o->w->f, line);
        uint64_t creator = s.tdx - o->body - ow_size(o, "_OBJECT_HEADER_CREATOR_INFO");
        ow_has(o, "Optional Headers: \n    CreatorInfo(%p)\n    NameInfo(%p)\n",
               (uint64_t[]){creator, creator - ow_size(o, "_OBJECT_HEADER_NAME_INFO")});
        snprintf(line, sizeof line, "!object %llx 21", (unsigned long long)s.tdx);
        fix_run(&o->w->f, line);
        ow_has(o, "  Name: \\Device\\Tdx\n", NULL);
        world_free(o->w);
    }
}

static void a_directory_is_listed_by_hash(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        struct ow *o = &s.o;
        bool x64 = o->w->ptr == 8;
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!object \\Device");
        char want[512];
        snprintf(want, sizeof want,
                 "    Directory Object: %%p  Name: Device\n\n"
                 "    Hash Address%s  Type          Name\n"
                 "    ---- -------%s  ----          ----\n"
                 "     08  %%p Event         Ready\n"
                 "     10  %%p Device        Tcp\n"
                 "         %%p Device        Tdx\n"
                 "     36  %%p SymbolicLink  Ip6\n",
                 x64 ? "        " : "", x64 ? "        " : "");
        ow_has(o, want, (uint64_t[]){o->root, s.event, s.tcp, s.tdx, s.link});
        fix_run(&o->w->f, "!object \\");
        ow_has(o, "    Directory Object: %p  Name: \\\n", (uint64_t[]){0});
        ow_has(o, "%p Directory     Device\n", (uint64_t[]){s.device});
        world_free(o->w);
    }
}

static void links_are_shown_and_followed(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        struct ow *o = &s.o;
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!object \\device\\ip6");
        ow_has(o, "    Directory Object: %p  Name: Ip6\n    Target String is '\\Device\\Tdx'\n",
               (uint64_t[]){s.device});
        fix_run(&o->w->f, "!object \\GLOBAL??\\C:");
        ow_has(o,
               "    Target String is '\\Device\\HarddiskVolume1'\n"
               "    Drive Letter Index is 3 (C:)\n",
               NULL);
        fix_run(&o->w->f, "!object /DosDevices/C:");
        ow_has(o, "Through symbolic links: \\??\\C:\nObject: %p", (uint64_t[]){s.c});
        world_free(o->w);
    }
}

static void what_is_not_there_is_said(void **state) {
    (void)state;
    struct scene s = scene_of(4);
    struct ow *o = &s.o;
    ow_symlink(o, "Round", o->root, "\\Round\\x", 0);
    world_open(o->w, SC_RENDER_TEXT);
    fix_fails(&o->w->f, "!object \\Device\\Nope",
              "Object \\Device\\Nope not found: \\Device has no \"Nope\"");
    fix_fails(&o->w->f, "!object \\Device\\Tcp\\x",
              "Tcp is a Device: names behind it are not the object manager's");
    fix_fails(&o->w->f, "!object \\Round\\x", "its symbolic links lead round and round");
    fix_fails(&o->w->f, "!object fffffa80deadbeef",
              "the dump does not hold an object at "
              "fffffa80deadbeef");
    fix_fails(&o->w->f, "!object 0 Nonsense", "there is no object type of this name");
    fix_fails(&o->w->f, "!object 0", "of which type?");
    world_free(o->w);
}

static void garbage_for_a_type_is_no_object(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        struct ow *o = &s.o;
        char line[64];
        uint64_t header = s.tcp - o->body;
        if (o->index)
            world_set(o->w, "_OBJECT_HEADER", header, "TypeIndex", 1,
                      (o->w->m.build >= 10000 ? OW_COOKIE ^ (header >> 8 & 0xff) : 0) ^ 0x77);
        else
            world_set(o->w, "_OBJECT_HEADER", header, "Type", 0, o->root);
        world_open(o->w, SC_RENDER_TEXT);
        snprintf(line, sizeof line, "!object %llx", (unsigned long long)s.tcp);
        fix_fails(&o->w->f, line, "Not a valid object (ObjectType invalid)");
        fix_run(&o->w->f, "!object \\Device");
        ow_has(o, "%p ?             Tcp\n", (uint64_t[]){s.tcp});
        world_free(o->w);
    }
}

static void a_directory_that_leads_round_is_bounded(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        struct ow *o = &s.o;
        struct world *w = o->w;
        uint64_t bucket =
            s.device + world_offset(w, "_OBJECT_DIRECTORY", "HashBuckets") + 5u * w->ptr;
        uint64_t entry = ow_room(o, 4 * w->ptr);
        world_put(w, bucket, w->ptr, entry);
        world_put(w, entry, w->ptr, entry);
        world_set(w, "_OBJECT_DIRECTORY_ENTRY", entry, "Object", 0, s.tcp);
        ow_enter(o, s.device, 1, s.device); /* and it is in itself */
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!object \\Device");
        ow_has(o,
               "*** the directory is not whole: 1 of its chains is broken, the last: it comes "
               "back to %p and never ends\n",
               (uint64_t[]){entry});
        ow_has(o, "%p SymbolicLink  Ip6\n", (uint64_t[]){s.link});
        fix_run(&w->f, "!object \\Device\\Device\\Device\\Ip6");
        ow_has(o, "Target String is", NULL);
        fix_run(&w->f, "!object 0 Device");
        ow_has(o, "Scanning 3 objects of type 'Device'\n", NULL);
        world_free(w);
    }
}

static void parents_that_lead_round_are_bounded(void **state) {
    (void)state;
    struct scene s = scene_of(4);
    struct ow *o = &s.o;
    uint64_t info = s.device - o->body - ow_size(o, "_OBJECT_HEADER_CREATOR_INFO") -
                    ow_size(o, "_OBJECT_HEADER_NAME_INFO");
    char line[64];
    world_set(o->w, "_OBJECT_HEADER_NAME_INFO", info, "Directory", 0, s.device);
    world_open(o->w, SC_RENDER_TEXT);
    snprintf(line, sizeof line, "!object %llx 21", (unsigned long long)s.tcp);
    fix_run(&o->w->f, line);
    ow_has(o, "[its directories lead round and round]\n", NULL);
    world_free(o->w);
}

/* Without the table of types, \ObjectTypes has them; without the cookie, Windows 10 hides them. */
static void types_are_found_in_their_directory(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        struct ow *o = &s.o;
        for (size_t n = 0; n < o->w->nsymbols; n++)
            if (!strcmp(o->w->symbol[n].name, "ObTypeIndexTable"))
                o->w->symbol[n].name = "ObTypeIndexTablf";
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!object \\Device\\Tcp");
        ow_has(o, "Object: %p  Type: (%p) Device\n", (uint64_t[]){s.tcp, o->type[OW_DEVICE]});
        fix_run(&o->w->f, "!object 0 Event");
        ow_has(o, "Object: %p  Type: (%p) Event\n", (uint64_t[]){s.event, o->type[OW_EVENT]});
        world_free(o->w);
    }
}

static void without_the_cookie_the_type_is_unknown_and_said(void **state) {
    (void)state;
    struct scene s = scene_of(9);
    struct ow *o = &s.o;
    for (size_t n = 0; n < o->w->nsymbols; n++)
        if (!strcmp(o->w->symbol[n].name, "ObHeaderCookie"))
            o->w->symbol[n].name = "ObHeaderCookif";
    world_open(o->w, SC_RENDER_TEXT);
    fix_run(&o->w->f, "!object \\Device\\Tcp");
    ow_has(o,
           "  Type: (????????"
           "???????"
           "?"
           ") ?  [nt!ObHeaderCookie, which hides its index, is not "
           "known]\n",
           NULL);
    ow_has(o, "  Name: Tcp\n", NULL);
    world_free(o->w);
}

static void a_file_and_a_key_have_whole_names(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        struct ow *o = &s.o;
        struct world *w = o->w;
        char line[64];
        uint64_t file = ow_object(o, OW_FILE, NULL, 0, ow_size(o, "_FILE_OBJECT"));
        world_set(w, "_FILE_OBJECT", file, "DeviceObject", 0, s.tdx);
        ow_string(o, file + world_offset(w, "_FILE_OBJECT", "FileName"), "\\Windows\\a.dll");
        uint64_t key = ow_object(o, OW_KEY, NULL, 0, ow_size(o, "_CM_KEY_BODY")), kcb = 0;
        static const char *const parts[] = {"REGISTRY", "MACHINE", "Soft\xe9"};
        for (unsigned n = 0; n < 3; n++) {
            uint64_t up = kcb, block = ow_room(o, 0x40);
            kcb = ow_room(o, ow_size(o, "_CM_KEY_CONTROL_BLOCK"));
            world_set(w, "_CM_KEY_CONTROL_BLOCK", kcb, "ParentKcb", 0, up);
            world_set(w, "_CM_KEY_CONTROL_BLOCK", kcb, "NameBlock", 0, block);
            world_set(w, "_CM_NAME_CONTROL_BLOCK", block, "NameLength", 2, strlen(parts[n]));
            world_put(w, block + world_offset(w, "_CM_NAME_CONTROL_BLOCK", "Compressed"), 1, 1);
            for (size_t c = 0; parts[n][c]; c++)
                world_put(w, block + world_offset(w, "_CM_NAME_CONTROL_BLOCK", "Name") + c, 1,
                          (unsigned char)parts[n][c]);
        }
        world_set(w, "_CM_KEY_BODY", key, "KeyControlBlock", 0, kcb);
        world_open(w, SC_RENDER_TEXT);
        snprintf(line, sizeof line, "!object %llx", (unsigned long long)file);
        fix_run(&w->f, line);
        ow_has(o, "    Directory Object: %p  Name: \\Windows\\a.dll {Tdx}\n", (uint64_t[]){0});
        snprintf(line, sizeof line, "!object %llx", (unsigned long long)key);
        fix_run(&w->f, line);
        ow_has(o, "    Directory Object: %p  Name: \\REGISTRY\\MACHINE\\Soft\xc3\xa9\n",
               (uint64_t[]){0});
        world_free(w);
    }
}

static void a_type_with_a_list_is_found_by_it(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i);
        struct ow *o = &s.o;
        struct world *w = o->w;
        uint64_t link = s.event - o->body - ow_size(o, "_OBJECT_HEADER_CREATOR_INFO");
        world_ring(w, o->type[OW_EVENT] + world_offset(w, "_OBJECT_TYPE", "TypeList"), &link, 1);
        world_open(w, SC_RENDER_JSON);
        fix_run(&w->f, "!object 0 Event");
        assert_non_null(strstr(fix_text(&w->f), "\"how\":\"list\""));
        assert_non_null(strstr(fix_text(&w->f), "\"name\":\"Ready\""));
        world_free(w);
    }
}

static void a_dump_without_the_root_says_so(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X64, 7601, 0xfffff80002600000);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!object \\Device", "nt!ObpRootDirectoryObject) is not known");
    fix_fails(&w->f, "!object 0 Event",
              "the object types are not in the dump (nt!ObTypeIndexTable, \\ObjectTypes)");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_shown_as_published),
        cmocka_unit_test(a_directory_is_listed_by_hash),
        cmocka_unit_test(links_are_shown_and_followed),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(garbage_for_a_type_is_no_object),
        cmocka_unit_test(a_directory_that_leads_round_is_bounded),
        cmocka_unit_test(parents_that_lead_round_are_bounded),
        cmocka_unit_test(types_are_found_in_their_directory),
        cmocka_unit_test(without_the_cookie_the_type_is_unknown_and_said),
        cmocka_unit_test(a_file_and_a_key_have_whole_names),
        cmocka_unit_test(a_type_with_a_list_is_found_by_it),
        cmocka_unit_test(a_dump_without_the_root_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
