/* SPDX-License-Identifier: MIT */
/*
 * Where `s` searches: the words for modules, the kernel, a process and physical memory; across
 * pages that lie apart; how far it is, and that it can be stopped. `.writemem /p`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel_memory.h"
#include "memory_fixture.h"

enum { SYSTEM_RANGE_START = 0x1d0 /* in the debugger data block */ };

struct machine {
    struct kmem k;
    struct fix f;
};

static struct machine *begin(enum sc_cpu cpu, enum sc_paging_mode mode) {
    struct machine *m = calloc(1, sizeof *m);
    assert_non_null(m);
    kmem_init(&m->k, cpu, mode);
    return m;
}

static void open_as(struct machine *m, enum sc_render render) {
    m->f.target = kmem_open(&m->k, NULL);
    assert_null(sc_out_create(render, sink_write, &m->f.sink, false, &m->f.out));
    assert_null(sc_session_create(m->f.target, m->f.out, &m->f.s));
    assert_null(sc_session_set_paths(m->f.s, NULL, NULL));
}

static void done(struct machine *m) {
    fix_close(&m->f);
    kmem_deinit(&m->k);
    free(m);
}

static void put(struct machine *m, uint64_t va, const char *text) {
    kmem_put(&m->k, va, text, strlen(text));
}

static void each_word_has_its_own_part_of_memory(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_X64, SC_PAGING_X64);
    put(m, 0x10ffc, "needle at home"); /* two pages */
    put(m, 0x7ffffffff000, "needle on top");
    put(m, 0xffffa00000000000, "needle in pool");
    put(m, m->k.image[2] + 0x1000, "needle in a driver");
    open_as(m, SC_RENDER_TEXT);
    fix_prints(&m->f, "s -[1]a process \"needle\"", "0x00000000`00010ffc\n0x00007fff`fffff000\n");
    fix_prints(&m->f, "s -[1]a kernel \"needle\"", "0xffffa000`00000000\n0xfffff800`01821000\n");
    fix_prints(&m->f, "s -[1]a modules \"needle\"", "0xfffff800`01821000\n");
    fix_prints(&m->f, "s -[1]a module disk \"needle\"", "0xfffff800`01821000\n");
    fix_prints(&m->f, "s -[1]a module d* \"needle\"", "0xfffff800`01821000\n");
    fix_prints(&m->f, "s -[1]a module ndis \"needle\"", "");
    fix_fails(&m->f, "s -[1]a module nothing \"needle\"", "no loaded module is called nothing");
    fix_fails(&m->f, "s -a module", "which module?");
    fix_fails(&m->f, "s -a kernel", "what is to be found?");
    done(m);
}

/* The page tables say where pages are; in physical memory the text lies in two places. */
static void hits_in_physical_memory_have_physical_addresses(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_X64, SC_PAGING_X64);
    m->k.frame = 0x123456000;
    map_page(&m->k.t, 0x20000, 0x50000000);
    map_page(&m->k.t, 0x21000, 0x40000000);
    pagestore_page(&m->k.t.ps, 0x50000000);
    pagestore_page(&m->k.t.ps, 0x40000000);
    put(m, 0x20ffa, "needles"); /* "needle" and "s" */
    put(m, 0x22100, "needlessly");
    open_as(m, SC_RENDER_TEXT);
    fix_prints(&m->f, "s -[1]a process \"needles\"", "0x00000000`00020ffa\n0x00000000`00022100\n");
    fix_prints(&m->f, "s -[1]a physical \"needles\"", "0x00000001`23457100\n");
    fix_prints(&m->f, "s -a physical \"needle\"",
               "#50000ffa  6e 65 65 64 6c 65 ?? ?"
               "?-?? ?? ?? ?? ?? ?? ?? ??  needle??????????\n"
               "#123457100  6e 65 65 64 6c 65 73 73-6c 79 00 00 00 00 00 00  needlessly......\n");
    fix_run(&m->f, "s -[l6]sa physical");
    fix_has(&m->f, "#50000ffa  \"needle\"\n#123457100  \"needlessly\"\n");
    fix_prints(&m->f, "s -w physical 7372", "");
    fix_run(&m->f, "s -[s]a physical \"needle\"");
    fix_prints(&m->f, "s -[1r]a 0 L1 \"needles\"", "0x00000001`23457100\n");
    done(m);
}

static void records_say_which_space_they_are_of(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_X64, SC_PAGING_X64);
    put(m, 0x10ff0, "needle at home");
    open_as(m, SC_RENDER_JSON);
    fix_run(&m->f, "s -[1]a physical \"needle\"");
    fix_has(&m->f, "\"symbol\":null,\"space\":\"physical\"}");
    fix_run(&m->f, "s -[1]a process \"needle\"");
    fix_has(&m->f, "{\"type\":\"hit\",\"address\":\"0x0000000000010ff0\",\"symbol\":null,"
                   "\"space\":\"virtual\"}");
    fix_run(&m->f, "s -a physical \"needle\"");
    fix_has(&m->f, "\"unit\":\"!db\"");
    fix_has(&m->f, "\"space\":\"physical\"}");
    fix_run(&m->f, "db 10ff0 L1");
    fix_has(&m->f, "\"space\":\"virtual\"}");
    fix_run(&m->f, "!db 10001000 L1");
    fix_has(&m->f, "\"space\":\"physical\"}");
    done(m);
}

static void where_the_kernel_begins_on_x86_its_own_variable_says(void **state) {
    (void)state;
    for (int three_gb = 0; three_gb < 2; three_gb++) {
        struct machine *m = begin(SC_CPU_X86, SC_PAGING_PAE);
        kmem_put(&m->k, 0xa0000000, "needle", 6);
        put(m, 0xfffff000, "needle on top");
        if (three_gb) {
            kmem_u32(&m->k, m->k.base + 0x3f00, 0xc0000000);
            kmem_member(&m->k, SYSTEM_RANGE_START, m->k.base + 0x3f00);
        }
        open_as(m, SC_RENDER_TEXT);
        const char *low = "0xa0000000\n", *high = "0xfffff000\n",
                   *both = "0xa0000000\n0xfffff000\n";
        fix_prints(&m->f, "s -[1]a kernel \"needle\"", three_gb ? high : both);
        fix_prints(&m->f, "s -[1]a process \"needle\"", three_gb ? low : "");
        done(m);
    }
}

static void a_word_before_a_length_is_a_symbol(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_X64, SC_PAGING_X64);
    open_as(m, SC_RENDER_TEXT);
    fix_fails(&m->f, "s -a kernel L10 \"x\"", "'kernel' is no number");
    fix_fails(&m->f, "s -a process L?10 \"x\"", "'process' is no number");
    fix_fails(&m->f, "s -a physical+0 L10 \"x\"", "'physical' is no number");
    fix_prints(&m->f, "s -a kernel \"Lexicon of needles\"", "");
    fix_prints(&m->f, "s -a kernel Lexicon of needles", "");
    done(m);
}

static void dumps_without_such_memory_say_so(void **state) {
    (void)state;
    static const char text[] = "needle";
    const struct sc_fake_bytes memory = {0x1000, text, sizeof text};
    struct fix f;
    mem_open_as(&f, SC_CPU_X64, false, &memory, 1, SC_RENDER_TEXT);
    fix_prints(&f, "s -[1]a process \"needle\"", "0x00000000`00001000\n");
    fix_fails(&f, "s -a kernel \"needle\"", "holds nothing of the kernel");
    fix_fails(&f, "s -a physical \"needle\"", "holds no physical memory");
    fix_fails(&f, ".writemem /p /dev/null 1000 L1", "holds no physical memory");
    fix_close(&f);
    mem_open(&f, SC_CPU_X64, &memory, 1);
    fix_prints(&f, "s -[1]a process \"needle\"", "0x00000000`00001000\n");
    fix_prints(&f, "s -a kernel \"needle\"", "");
    fix_fails(&f, "s -a physical \"needle\"", "holds no physical memory");
    fix_close(&f);
}

/* ---- long searches ---- */

struct seen {
    sc_target *target;
    unsigned steps, ends;
    uint64_t done, total;
    bool stop;
};

static void on_progress(void *ctx, const char *what, uint64_t bytes, uint64_t total) {
    struct seen *s = ctx;
    if (!what) {
        s->ends++;
        return;
    }
    assert_string_equal(what, "searching");
    assert_true(bytes > s->done);
    s->steps++;
    s->done = bytes;
    s->total = total;
    if (s->stop)
        sc_target_cancel(s->target);
}

/* 160 MB of addresses, one page of memory. */
static void a_long_search_says_how_far_it_is_and_can_be_stopped(void **state) {
    (void)state;
    const uint64_t start = 0xffffa00000000000, size = 160 << 20;
    struct machine *m = begin(SC_CPU_X64, SC_PAGING_X64);
    pagestore_page(&m->k.t.ps, 0x50000000);
    for (uint64_t at = 0; at < size; at += 0x1000)
        map_page(&m->k.t, start + at, 0x50000000);
    put(m, start + size, "needle");
    open_as(m, SC_RENDER_TEXT);
    struct seen seen = {.target = m->f.target};
    sc_session_set_progress(m->f.s, on_progress, &seen);
    fix_prints(&m->f, "s -[1]a kernel \"needle\"", "0xffffa000`0a000000\n");
    assert_int_equal(seen.steps, 2);
    assert_int_equal(seen.ends, 1);
    assert_int_equal(seen.total, 0); /* nobody knows */
    seen = (struct seen){.target = m->f.target, .stop = true};
    fix_fails(&m->f, "s -[1]a kernel \"needle\"", "ancelled");
    assert_int_equal(seen.steps, 1);
    assert_int_equal(seen.ends, 1);
    sc_session_set_progress(m->f.s, NULL, NULL);
    fix_prints(&m->f, "s -[1]a kernel \"needle\"", "0xffffa000`0a000000\n");
    done(m);
}

/* ---- .writemem ---- */

static void physical_memory_is_saved(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_X64, SC_PAGING_X64);
    char path[] = "writemem-p-XXXXXX", line[80];
    uint8_t got[64] = {0};
    pagestore_page(&m->k.t.ps, 0x50000000);
    pagestore_put(&m->k.t.ps, 0x50000ffc, "need", 4);
    pagestore_page(&m->k.t.ps, 0x50001000);
    pagestore_put(&m->k.t.ps, 0x50001000, "le", 2);
    open_as(m, SC_RENDER_TEXT);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    snprintf(line, sizeof line, ".writemem /p %s 50000ffc L6", path);
    fix_prints(&m->f, line, "Writing 6 bytes.\n");
    assert_int_equal(pread(fd, got, sizeof got, 0), 6);
    assert_memory_equal(got, "needle", 6);
    snprintf(line, sizeof line, ".writemem -p %s 50001002 L-3", path);
    fix_prints(&m->f, line, "Writing 3 bytes.\n");
    assert_int_equal(pread(fd, got, sizeof got, 0), 3);
    assert_memory_equal(got, "dle", 3);
    snprintf(line, sizeof line, ".writemem /p %s 50001ff0 L20", path);
    fix_fails(&m->f, line, "memory at 0x50002000 is absent");
    snprintf(line, sizeof line, ".writemem %s 50000ffc L6", path);
    fix_fails(&m->f, line, "memory at 0x50000ffc is");
    fix_fails(&m->f, ".writemem /p x 10 L-20", "begins below address 0");
    fix_fails(&m->f, ".writemem x fffffffffffffff0 L20", "ends behind the last address");
    fix_fails(&m->f, ".writemem /p x 1000", "how far?");
    close(fd);
    unlink(path);
    done(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_word_has_its_own_part_of_memory),
        cmocka_unit_test(hits_in_physical_memory_have_physical_addresses),
        cmocka_unit_test(records_say_which_space_they_are_of),
        cmocka_unit_test(where_the_kernel_begins_on_x86_its_own_variable_says),
        cmocka_unit_test(a_word_before_a_length_is_a_symbol),
        cmocka_unit_test(dumps_without_such_memory_say_so),
        cmocka_unit_test(a_long_search_says_how_far_it_is_and_can_be_stopped),
        cmocka_unit_test(physical_memory_is_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
