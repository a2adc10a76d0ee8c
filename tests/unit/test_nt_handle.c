/* SPDX-License-Identifier: MIT */
/* `!handle` of kernels: tables of every build and of one to three levels, and tables that lie. */
#include "object_world.h"

#define EACH_BUILD(i) for (size_t i = 0; i < OW_BUILDS; i++)

struct scene {
    struct ow o;
    uint64_t device, event, token, table, other, app, system, second, kernel;
    uint64_t far; /* a handle in the second page of entries, or in the only one */
};

/* Where the count of the handles in use is kept. */
static void set_count(struct ow *o, uint64_t table, uint32_t count) {
    struct world *w = o->w;
    uint64_t at = w->m.build < 9200 ? world_offset(w, "_HANDLE_TABLE", "HandleCount")
                                    : world_offset(w, "_HANDLE_TABLE", "FreeLists") +
                                          world_offset(w, "_HANDLE_TABLE_FREE_LIST", "HandleCount");
    world_put(w, table + at, 4, count);
}

static struct scene scene_of(size_t i, unsigned levels) {
    struct scene s = {.o = ow_new(&ow_builds[i])};
    struct ow *o = &s.o;
    s.device = ow_directory(o, "Device", o->root);
    s.event = ow_object(o, OW_EVENT, "Ready", s.device, 0x20);
    s.token = ow_object(o, OW_TOKEN, NULL, 0, 0x20);
    s.table = ow_table(o, levels, levels > 1 ? 2 : 1);
    s.kernel = ow_table(o, 1, 1);
    s.other = ow_table(o, 1, 1);
    s.app = ow_process(o, "app.exe", 0x6a8, s.table);
    s.system = ow_process(o, "System", 4, s.kernel);
    s.second = ow_process(o, "second.exe", 0x6b0, s.other);
    s.far = levels > 1 ? ow_entries(o) * 4 + 8 : 0x40;
    set_count(o, s.table, 3);
    ow_handle(o, s.table, 4, s.event, 0x1f0003, 0);
    ow_handle(o, s.table, 8, s.token, 0x8, 3);
    ow_handle(o, s.table, s.far, s.device, 0xf000f, 4);
    ow_handle(o, s.kernel, 4, s.app, 0x1fffff, 1);
    ow_handle(o, s.other, 0xc, s.token, 0xf01ff, 2);
    world_put(o->w, o->kernel_variable, o->w->ptr, s.kernel);
    ow_processes(o, (uint64_t[]){s.app, s.system, s.second}, 3);
    return s;
}

static void handles_are_listed_as_published(void **state) {
    (void)state;
    EACH_BUILD(i) for (unsigned levels = 1; levels <= 3; levels++) {
        struct scene s = scene_of(i, levels);
        struct ow *o = &s.o;
        char want[512], far[24];
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!handle 0 1");
        snprintf(far, sizeof far, "%04llx", (unsigned long long)s.far);
        snprintf(want, sizeof want,
                 "    Image: app.exe\n\n"
                 "Handle table at %%p with 3 entries in use\n\n"
                 "0004: Object: %%p  GrantedAccess: 001f0003 Entry: %%p\n"
                 "0008: Object: %%p  GrantedAccess: 00000008%s (Inherit) Entry: %%p\n"
                 "%s: Object: %%p  GrantedAccess: 000f000f (Audit) Entry: %%p\n",
                 " (Protected)", far);
        uint64_t page2 = levels > 1 ? 0x1000 - ow_entries(o) * 2 * o->w->ptr : 0;
        ow_has(o, want,
               (uint64_t[]){s.table, s.event, ow_entry(o, s.table, 4), s.token,
                            ow_entry(o, s.table, 8), s.device,
                            ow_entry(o, s.table, s.far) + page2});
        assert_null(strstr(fix_text(&o->w->f), "***"));
        world_free(o->w);
    }
}

static void objects_are_shown_below_their_handles(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i, 1);
        struct ow *o = &s.o;
        char want[512];
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!handle 4");
        snprintf(want, sizeof want,
                 "0004: Object: %%p  GrantedAccess: 001f0003 Entry: %%p\n"
                 "Object: %%p  Type: (%%p) Event\n"
                 "    ObjectHeader: %%p (%s version)\n"
                 "        HandleCount: 1  PointerCount: 3\n"
                 "        Directory Object: %%p  Name: Ready\n\n",
                 o->index ? "new" : "old");
        ow_has(o, want,
               (uint64_t[]){s.event, ow_entry(o, s.table, 4), s.event, o->type[OW_EVENT],
                            s.event - o->body, s.device});
        assert_null(strstr(fix_text(&o->w->f), "0008:"));
        world_free(o->w);
    }
}

static void free_entries_are_shown_when_asked_for(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i, 1);
        struct ow *o = &s.o;
        uint64_t entry = ow_entry(o, s.table, 0x10);
        bool old = o->w->m.build < 9200;
        world_put(o->w, entry + o->w->ptr, old ? 4 : o->w->ptr, old ? 0x458 : entry + 0x20);
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!handle 0 1");
        assert_null(strstr(fix_text(&o->w->f), "free handle"));
        fix_run(&o->w->f, "!handle 0 5");
        ow_has(o, "0010: free handle, Entry address %p, Next Entry %p\n",
               (uint64_t[]){entry, old ? 0x458 : entry + 0x20});
        fix_run(&o->w->f, "!handle 10 1");
        ow_has(o, "0010: free handle", NULL);
        world_free(o->w);
    }
}

static void processes_and_types_are_chosen(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i, 2);
        struct ow *o = &s.o;
        char line[64];
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!handle 0 1 0 Token");
        ow_has(o, "0008: Object: %p", (uint64_t[]){s.token});
        ow_has(o, "000c: Object: %p", (uint64_t[]){s.token});
        assert_null(strstr(fix_text(&o->w->f), "0004:"));
        fix_run(&o->w->f, "!handle 0 1 6b0");
        ow_has(o, "Searching for Process with Cid == 6b0\n", NULL);
        ow_has(o, "Image: second.exe\n", NULL);
        assert_null(strstr(fix_text(&o->w->f), "app.exe"));
        snprintf(line, sizeof line, "!handle c 1 %llx", (unsigned long long)s.second);
        fix_run(&o->w->f, line);
        ow_has(o, "000c: Object: %p", (uint64_t[]){s.token});
        fix_fails(&o->w->f, "!handle 0 3 999", "holds no process with the id 0x999");
        fix_run(&o->w->f, "!object 0 Token");
        ow_has(o, "Object: %p  Type: (%p) Token\n", (uint64_t[]){s.token, o->type[OW_TOKEN]});
        world_free(o->w);
    }
}

static void the_kernels_table_is_found(void **state) {
    (void)state;
    EACH_BUILD(i) for (unsigned without = 0; without < 2; without++) {
        struct scene s = scene_of(i, 1);
        struct ow *o = &s.o;
        if (without)
            for (size_t n = 0; n < o->w->nsymbols; n++)
                if (!strcmp(o->w->symbol[n].name, "ObpKernelHandleTable"))
                    o->w->symbol[n].name = "ObpKernelHandleTablf";
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!handle 0 11");
        ow_has(o,
               "Kernel handle table at %p with 0 entries in use\n\n"
               "0004: Object: %p  GrantedAccess: 001fffff (Protected) Entry: %p\n",
               (uint64_t[]){s.kernel, s.app, ow_entry(o, s.kernel, 4)});
        fix_run(&o->w->f, "!handle 80000004 1");
        ow_has(o, "0004: Object: %p", (uint64_t[]){s.app});
        if (o->w->ptr == 8) {
            fix_run(&o->w->f, "!handle ffffffff80000004 1");
            ow_has(o, "0004: Object: %p", (uint64_t[]){s.app});
        }
        world_free(o->w);
    }
}

static void ids_lead_to_bodies(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i, 1);
        struct ow *o = &s.o;
        uint64_t ids = ow_table(o, 2, 4);
        uint64_t entry = ow_entry(o, ids, 0x6a8);
        ow_handle_raw(o, entry, s.app, 0, 0);
        world_put(o->w, o->cid_variable, o->w->ptr, ids);
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!handle 6a8 23");
        ow_has(o,
               "06a8: Object: %p  GrantedAccess: 00000000 Entry: %p\nObject: %p  Type: (%p) "
               "Process\n",
               (uint64_t[]){s.app, entry, s.app, o->type[OW_PROCESS]});
        world_free(o->w);
    }
}

/* ---- tables that lie ---- */

static void a_table_that_claims_too_much_is_bounded(void **state) {
    (void)state;
    EACH_BUILD(i) for (unsigned levels = 1; levels <= 3; levels++) {
        struct scene s = scene_of(i, levels);
        struct ow *o = &s.o;
        world_set(o->w, "_HANDLE_TABLE", s.table, "NextHandleNeedingPool", 4, 0xfffffffc);
        set_count(o, s.table, 0x7fffffff);
        world_open(o->w, SC_RENDER_TEXT);
        fix_run(&o->w->f, "!handle 0 1");
        ow_has(o, "0004: Object: %p", (uint64_t[]){s.event});
        ow_has(o, "*** the table claims more handles than its pages can hold", NULL);
        world_free(o->w);
    }
}

static void a_page_that_comes_again_is_walked_once(void **state) {
    (void)state;
    EACH_BUILD(i) {
        struct scene s = scene_of(i, 2);
        struct ow *o = &s.o;
        struct world *w = o->w;
        uint64_t middle = ow_entry(o, s.table, 0) - 0x1000, page = middle + 0x1000;
        for (uint64_t n = 0; n < 0x1000 / w->ptr; n++)
            world_put(w, middle + n * w->ptr, w->ptr, page);
        world_set(w, "_HANDLE_TABLE", s.table, "NextHandleNeedingPool", 4,
                  0x1000 / w->ptr * ow_entries(o) * 4);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!handle 0 1");
        char want[128];
        snprintf(want, sizeof want, "*** %u pages of the table lie where no new page can be\n",
                 0x1000 / w->ptr - 1);
        ow_has(o, want, NULL);
        assert_null(strstr(strstr(fix_text(&w->f), "001f0003") + 1, "001f0003"));
        world_free(w);
    }
}

static void garbage_for_a_table_is_said(void **state) {
    (void)state;
    struct scene s = scene_of(4, 1);
    struct ow *o = &s.o;
    world_set(o->w, "_HANDLE_TABLE", s.table, "TableCode", 0, 0xfffff8a000400003);
    world_set(o->w, "_HANDLE_TABLE", s.other, "TableCode", 0, 0x1234);
    world_set(o->w, "_HANDLE_TABLE", s.kernel, "TableCode", 0, 0xfffffa8000000000);
    world_open(o->w, SC_RENDER_TEXT);
    fix_fails(&o->w->f, "!handle", "there is no handle table: its TableCode is fffff8a000400003");
    fix_run(&o->w->f, "!handle 0 11");
    fix_has(&o->w->f, "*** the dump does not hold 1 page of the table wholly\n");
    fix_run(&o->w->f, "!handle 0 1 0"); /* one after another, each with its reason */
    fix_has(&o->w->f, "its TableCode is fffff8a000400003");
    fix_has(&o->w->f, "its TableCode is 1234");
    world_free(o->w);
}

static void a_handle_that_cannot_be_is_invalid(void **state) {
    (void)state;
    struct scene s = scene_of(4, 2);
    world_open(s.o.w, SC_RENDER_TEXT);
    fix_fails(&s.o.w->f, "!handle 7ffffff0", "Invalid handle: 7ffffff0: the table has no room");
    fix_fails(&s.o.w->f, "!handle 4 20", "nt!PspCidTable is not in the dump");
    world_free(s.o.w);
}

static void the_count_is_the_sum_of_its_lists(void **state) {
    (void)state;
    struct scene s = scene_of(9, 1); /* 19041 */
    struct ow *o = &s.o;
    uint64_t lists = world_symbol(o->w, "ExpFreeListCount", 0x1818);
    uint64_t first = s.table + world_offset(o->w, "_HANDLE_TABLE", "FreeLists");
    size_t size = ow_size(o, "_HANDLE_TABLE_FREE_LIST");
    world_put(o->w, lists, 4, 2);
    world_put(o->w, first + size + world_offset(o->w, "_HANDLE_TABLE_FREE_LIST", "HandleCount"), 4,
              0xfffffffe);
    world_open(o->w, SC_RENDER_TEXT);
    fix_run(&o->w->f, "!handle 4 1"); /* 3 in one list, 2 fewer in the other */
    fix_has(&o->w->f, "HandleCount:   1.\n");
    fix_has(&o->w->f, " with 1 entries in use\n");
    world_free(o->w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles_are_listed_as_published),
        cmocka_unit_test(objects_are_shown_below_their_handles),
        cmocka_unit_test(free_entries_are_shown_when_asked_for),
        cmocka_unit_test(processes_and_types_are_chosen),
        cmocka_unit_test(the_kernels_table_is_found),
        cmocka_unit_test(ids_lead_to_bodies),
        cmocka_unit_test(a_table_that_claims_too_much_is_bounded),
        cmocka_unit_test(a_page_that_comes_again_is_walked_once),
        cmocka_unit_test(garbage_for_a_table_is_said),
        cmocka_unit_test(a_handle_that_cannot_be_is_invalid),
        cmocka_unit_test(the_count_is_the_sum_of_its_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
