/* SPDX-License-Identifier: MIT */
/* The memory store: which page file it is, and its pages, in each build whose offsets are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "memstore_world.h"

struct opened {
    struct world w;
    uint16_t files;
    struct nt_memstore *store;
};

static void open_world(struct opened *o, const struct row *r, enum damage damage) {
    *o = (struct opened){.files = 0};
    memstore_open(&o->w, r, damage);
    assert_null(nt_memstore_files(&o->w.nt, &o->files));
    o->w.nt.build = o->w.reads_as;
    assert_null(nt_memstore_create(&o->w.nt, &o->store));
}

static void close_world(struct opened *o) {
    nt_memstore_destroy(o->store);
    memstore_close(&o->w);
}

static void pages_are_unpacked_in_each_build(void **state) {
    (void)state;
    for (unsigned i = 0; i < MEMSTORE_ROWS; i++) {
        struct opened w;
        uint8_t page[PAGE], zeros[PAGE] = {0};
        open_world(&w, &memstore_rows[i], SOUND);
        assert_int_equal(w.files, 1 << 2);
        if (!w.store || nt_memstore_page(w.store, 2, 0x51, page) != SC_READ_OK)
            fail_msg("build %u%s", memstore_rows[i].build, memstore_rows[i].x86 ? " x86" : "");
        assert_string_equal((char *)page, "unpacked from the store");
        assert_memory_equal(page + 24, zeros, PAGE - 24);
        assert_int_equal(nt_memstore_page(w.store, 2, 0x52, page), SC_READ_OK);
        assert_string_equal((char *)page, "as it is");
        assert_string_equal((char *)page + 0xff8, "the end");
        assert_int_equal(nt_memstore_page(w.store, 2, 0x53, page), SC_READ_OK);
        assert_memory_equal(page, zeros, PAGE);
        assert_int_equal(nt_memstore_page(w.store, 2, 0x54, page), SC_READ_COMPRESSED);
        assert_int_equal(nt_memstore_page(w.store, 2, 0x50, page), SC_READ_COMPRESSED);
        assert_int_equal(nt_memstore_page(w.store, 1, 0x51, page), SC_READ_COMPRESSED);
        assert_int_equal(nt_memstore_page(w.store, 2, 0x120000051, page), SC_READ_COMPRESSED);
        close_world(&w);
    }
}

static void what_does_not_fit_stays_compressed(void **state) {
    (void)state;
    for (int damage = SOUND + 1; damage < DAMAGES; damage++) {
        struct opened w;
        uint8_t page[PAGE];
        open_world(&w, &memstore_rows[MEMSTORE_PLAIN], (enum damage)damage);
        assert_non_null(w.store);
        if (nt_memstore_page(w.store, 2, 0x51, page) != SC_READ_COMPRESSED)
            fail_msg("damage %d: unpacked", damage);
        close_world(&w);
    }
}

static void builds_that_are_not_known_have_no_pages(void **state) {
    (void)state;
    struct opened w;
    struct nt_memstore *store = NULL;
    open_world(&w, &memstore_rows[MEMSTORE_PLAIN], SOUND);
    static const uint32_t builds[] = {7601, 10240, 26100};
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++) {
        struct nt nt = w.w.nt;
        nt.build = builds[i];
        assert_null(nt_memstore_create(&nt, &store));
        assert_null(store);
    }
    struct nt nt = w.w.nt;
    nt.cpu = SC_CPU_ARM64;
    assert_null(nt_memstore_create(&nt, &store));
    assert_null(store);
    close_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_unpacked_in_each_build),
        cmocka_unit_test(what_does_not_fit_stays_compressed),
        cmocka_unit_test(builds_that_are_not_known_have_no_pages),
    };
    return cmocka_run_group_tests_name("the memory store", tests, NULL, NULL);
}
