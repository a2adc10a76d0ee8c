/* SPDX-License-Identifier: MIT */
/*
 * What is shown of whole-memory dumps as files: `.dumpdebug`, the first screen, and registers where
 * the memory is lost.
 */
#include "cmd/show.h"
#include "unit/session_fixture.h"
#include "unit/whole_fixture.h"

struct shown {
    struct whole w;
    struct fix f;
};

static void has(struct shown *s, const char *text) {
    if (!strstr(fix_text(&s->f), text))
        assert_string_equal(fix_text(&s->f), text);
}

/* A session on the bytes of s->w. */
static void open_shown(struct shown *s, enum sc_render render) {
    s->f = (struct fix){0};
    sc_err *err = sc_target_open_memory("made.dmp", s->w.data, s->w.size, NULL, &s->f.target);
    if (err)
        fail_msg("%s", sc_err_text(err));
    assert_null(sc_out_create(render, sink_write, &s->f.sink, false, &s->f.out));
    assert_null(sc_session_create(s->f.target, s->f.out, &s->f.s));
    sc_session_set_tz(s->f.s, 0);
}

static void close_shown(struct shown *s) {
    fix_close(&s->f);
    whole_close(&s->w);
}

/* Headers with three pages behind them. */
static void make_full(struct whole *w, bool is64) {
    size_t at = is64 ? 0x88 : 0x64;
    whole_begin(w, is64, 1);
    whole_put(w, at, 1, 4);
    whole_ptr(w, at + (is64 ? 8 : 4), 3);
    whole_ptr(w, at + (is64 ? 16 : 8), 0x10);
    whole_ptr(w, at + (is64 ? 24 : 12), 3);
    whole_add_pages(w, whole_head(w), 0x10, 3);
}

static void make_summary(struct whole *w, bool is64, uint32_t options) {
    whole_begin(w, is64, 2);
    size_t part = whole_head(w);
    whole_text(w, part, "SDMPDUMP");
    whole_put(w, part + 0x08, options, 4);
    whole_put(w, part + 0x0c, part + PAGE, 4);
    whole_put(w, part + 0x10, 64, 4);
    whole_put(w, part + 0x14, 3, 4);
    whole_put(w, part + 0x18, 64, 4);
    whole_put(w, part + (is64 ? 0x28 : 0x20), 7, 1);
    whole_add_pages(w, part + PAGE, 0, 3);
}

static void make_bitmap(struct whole *w, uint32_t type) {
    whole_begin(w, true, type);
    whole_text(w, 0x2000, type == 5 ? "FDMPDUMP" : "SDMPDUMP");
    whole_put(w, 0x2020, 0x3000, 8);
    whole_put(w, 0x2028, 3, 8);
    whole_put(w, 0x2030, 64, 8);
    whole_put(w, 0x2038, 7, 1);
    whole_add_pages(w, 0x3000, 0, 3);
}

static void make_ranges(struct whole *w, uint32_t type) {
    whole_begin(w, true, type);
    whole_put(w, 0x2000, 0x40, 4);
    whole_text(w, 0x2004, "RDMPDUMP");
    whole_put(w, 0x2010, 0x30, 8);
    whole_put(w, 0x2018, 0x2050, 8);
    whole_put(w, 0x2020, type == 10 ? 1 : 0x77, 4);
    whole_put(w, 0x2028, 3, 8);
    whole_put(w, 0x2030, 8, 8);
    whole_put(w, 0x2038, 3, 8);
    whole_grow(w, 0x2050);
    whole_add_pages(w, 0x2050, 8, 3);
}

static void the_list_of_pages_is_shown_under_its_fields_names(void **state) {
    (void)state;
    struct shown s;
    make_summary(&s.w, true, 3);
    open_shown(&s, SC_RENDER_TEXT);
    fix_run(&s.f, ".dumpdebug");
    has(&s, "----- 64 bit Kernel Summary Dump Analysis\n\nDUMP_HEADER64:\nMajorVersion ");
    has(&s, "\nSUMMARY_DUMP64:\n"
            "Offset                  0x2000\n"
            "DumpOptions             00000003\n"
            "HeaderSize              0x3000\n"
            "BitmapSize              0x40\n"
            "Pages                   0x3\n"
            "Bitmap.SizeOfBitMap     00000040\n"
            "  pages listed          0x3\n"
            "  of them in the file   0x3\n\n");
    close_shown(&s);
    make_bitmap(&s.w, 5);
    open_shown(&s, SC_RENDER_TEXT);
    fix_run(&s.f, ".dumpdebug");
    has(&s, "----- 64 bit Kernel Bitmap Dump Analysis\n");
    has(&s, "\nBITMAP_DUMP64:\n"
            "Offset                  0x2000\n"
            "FirstPage               0x3000\n"
            "Pages                   0x40\n"
            "TotalPresentPages       0x3\n"
            "  pages listed          0x3\n"
            "  of them in the file   0x3\n\n");
    close_shown(&s);
    make_ranges(&s.w, 10);
    open_shown(&s, SC_RENDER_TEXT);
    fix_run(&s.f, ".dumpdebug");
    has(&s, "\nRDMP_HEADER64:\n"
            "Offset                  0x2000\n"
            "MetadataSize            0x30\n"
            "FirstPageOffset         0x2050\n"
            "TotalNumberOfPages      0x3\n"
            "NumberOfRanges          1\n"
            "  pages listed          0x3\n"
            "  of them in the file   0x3\n\n");
    close_shown(&s);
    make_full(&s.w, false);
    open_shown(&s, SC_RENDER_TEXT);
    fix_run(&s.f, ".dumpdebug");
    has(&s, "----- 32 bit Kernel Full Dump Analysis\n\nDUMP_HEADER32:\n");
    has(&s, "Run 0                   BasePage 10, PageCount 3\n");
    has(&s, "\nPHYSICAL_MEMORY_DESCRIPTOR32:\nOffset                  0x64\n");
    close_shown(&s);
}

static void a_count_that_the_list_does_not_bear_out_is_said(void **state) {
    (void)state;
    struct shown s;
    make_bitmap(&s.w, 5);
    whole_put(&s.w, 0x2038, 0x0f, 1);
    open_shown(&s, SC_RENDER_TEXT);
    fix_run(&s.f, ".dumpdebug");
    has(&s, "TotalPresentPages       0x3\n  pages listed          0x4\n"
            "  of them in the file   0x3\n");
    has(&s, "The list has 0x4 pages, not 0x3 as is written before it.");
    close_shown(&s);
}

static void json_of_a_list_of_pages(void **state) {
    (void)state;
    struct shown s;
    make_bitmap(&s.w, 7);
    open_shown(&s, SC_RENDER_JSON);
    fix_run(&s.f, ".dumpdebug");
    has(&s, "{\"type\":\"page_list\",\"layout\":\"BITMAP_DUMP64\",\"assumed\":false,");
    has(&s, "\"pages_listed\":\"0x3\",\"pages_in_file\":\"0x3\"}");
    close_shown(&s);
}

/* The first screen of s->w. */
static void banner(struct shown *s, const char *kind) {
    char line[256];
    open_shown(s, SC_RENDER_TEXT);
    sc_session_banner(s->f.s);
    snprintf(line, sizeof line, "\nLoading Dump File [made.dmp]\n%s\n", kind);
    has(s, line);
    close_shown(s);
}

static void the_first_screen_says_which_memory_is_there(void **state) {
    (void)state;
    struct shown s;
    make_full(&s.w, true);
    banner(&s, "Kernel Complete Dump File: Full address space is available");
    make_summary(&s.w, false, 1);
    banner(&s, "Kernel Summary Dump File: Only kernel address space is available\n"
               "[it holds 3 pages of physical memory, 12 KB]");
    make_summary(&s.w, true, 3);
    banner(&s, "Kernel Summary Dump File: Kernel address space is available, User address space "
               "may not be available.");
    make_bitmap(&s.w, 5);
    banner(&s, "Kernel Bitmap Dump File: Full address space is available");
    for (uint32_t type = 6; type <= 7; type++) {
        make_bitmap(&s.w, type);
        banner(&s, type == 6 ? "Kernel Bitmap Dump File: Kernel address space is available, User "
                               "address space may not be available.\n"
                               "[it holds 3 pages of physical memory, 12 KB]"
                             : "Kernel Bitmap Dump File: Kernel address space is available, User "
                               "address space may not be available.\n[an automatic memory dump]");
    }
    make_ranges(&s.w, 8);
    banner(&s, "Kernel Memory Dump File: Only kernel address space is available");
    make_ranges(&s.w, 9);
    banner(&s, "Kernel and User Memory Dump File: Kernel and user address space is available");
    make_ranges(&s.w, 10);
    banner(&s, "Complete Memory Dump File: Full address space is available");
}

static void the_first_screen_says_that_memory_is_missing(void **state) {
    (void)state;
    static const char none[] = "Kernel Header Dump File: No memory is available";
    struct shown s;
    whole_begin(&s.w, true, 3);
    banner(&s, none);
    make_bitmap(&s.w, 6);
    whole_put(&s.w, 0x2000, 0, 4);
    banner(&s, none);
    make_full(&s.w, true);
    s.w.size -= PAGE;
    open_shown(&s, SC_RENDER_TEXT);
    sc_session_banner(s.f.s);
    has(&s, "NOTE: offset 0x4000: the file ends here, too early: of its 0x3 pages of memory 0x1 "
            "are not there");
    close_shown(&s);
}

static void the_first_screen_says_that_a_dump_was_made_live(void **state) {
    (void)state;
    static const char said[] = "[a live dump: the machine went on running";
    for (int how = 0; how < 3; how++) {
        struct shown s;
        make_bitmap(&s.w, 6);
        if (how == 1)
            whole_put(&s.w, 0x38, 0x161, 4);
        if (how == 2)
            whole_put(&s.w, 0x1050, SC_KDUMP_LIVE, 4);
        open_shown(&s, SC_RENDER_TEXT);
        sc_session_banner(s.f.s);
        assert_int_equal(strstr(fix_text(&s.f), said) != NULL, how > 0);
        close_shown(&s);
    }
}

static void without_memory_the_headers_registers_are_the_processors(void **state) {
    (void)state;
    struct shown s;
    whole_begin(&s.w, true, 3);
    for (size_t i = 0; i < 0x4d0; i += 4)
        whole_put(&s.w, 0x348 + i, 0, 4);
    whole_put(&s.w, 0x348 + 0x30, 0x10001f, 4);
    whole_put(&s.w, 0x348 + 0xf8, 0xfffff80012345678, 8);
    open_shown(&s, SC_RENDER_TEXT);
    assert_int_equal(fix_run(&s.f, "r rip"), 0);
    has(&s, "rip=fffff80012345678\n");
    struct sc_regs regs;
    sc_err *err = sc_target_regs(s.f.target, 1, &regs);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
    close_shown(&s);
    whole_begin(&s.w, true, 3); /* no context either */
    open_shown(&s, SC_RENDER_TEXT);
    assert_int_not_equal(fix_run(&s.f, "r rip"), 0);
    close_shown(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_of_pages_is_shown_under_its_fields_names),
        cmocka_unit_test(a_count_that_the_list_does_not_bear_out_is_said),
        cmocka_unit_test(json_of_a_list_of_pages),
        cmocka_unit_test(the_first_screen_says_which_memory_is_there),
        cmocka_unit_test(the_first_screen_says_that_memory_is_missing),
        cmocka_unit_test(the_first_screen_says_that_a_dump_was_made_live),
        cmocka_unit_test(without_memory_the_headers_registers_are_the_processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
