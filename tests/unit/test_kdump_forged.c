/* SPDX-License-Identifier: MIT */
/*
 * The forge's whole-memory kernel dumps, which another hand wrote from the same descriptions: every
 * page of the machine is read back, and every page that the container leaves out is absent.
 */
#include "forge/wholes.h"
#include "unit/whole_fixture.h"

enum { RUNS = 4 };

struct machine {
    struct forge_physmem *mem;
    struct forge_ram kernel[RUNS], active[RUNS]; /* what partial dumps keep */
    struct forge_whole w;
    struct forge_bytes file;
};

/* RAM in three pieces with random pages in it, and of each piece some pages for partial dumps. */
static void make(struct machine *m, enum forge_whole_kind kind, bool is32, uint64_t seed) {
    char why[FORGE_WHOLE_WHY] = "";
    uint64_t at = PAGE;
    *m = (struct machine){.mem = forge_physmem_new()};
    for (size_t i = 0; i < RUNS; i++) {
        uint64_t pages = 4 + random_below(&seed, 60), skip = random_below(&seed, 3);
        at += PAGE * random_below(&seed, 200);
        assert_true(forge_physmem_add(m->mem, at, pages * PAGE));
        m->kernel[i] = (struct forge_ram){at + skip * PAGE, PAGE};
        m->active[i] = (struct forge_ram){at + skip * PAGE, 2 * PAGE};
        for (uint64_t k = 0; k < pages; k += 1 + random_below(&seed, 3)) {
            uint8_t page[PAGE];
            whole_page_bytes(at / PAGE + k, page);
            assert_true(forge_physmem_write(m->mem, at + k * PAGE, page, PAGE));
        }
        at += pages * PAGE;
    }
    m->w = (struct forge_whole){.kind = kind,
                                .mem = m->mem,
                                .is32 = is32,
                                .pae = is32,
                                .machine = is32 ? 0x14c : 0x8664,
                                .build = is32 ? 2600 : 19041,
                                .bugcheck = kind == FORGE_WHOLE_LIVE ? 0x161 : 0xd1,
                                .arg = {1, 2, 3, 4},
                                .dtb = 0x187002,
                                .pfn_database = 0x80c7b000,
                                .loaded_module_list = 0x8055a420,
                                .active_process_head = 0x805627b8,
                                .debugger_data = 0x80545ae0,
                                .time = 0x01ca50ae12345678,
                                .uptime = 0x123456789a,
                                .product_type = 1,
                                .suite_mask = 0x110,
                                .kernel = m->kernel,
                                .nkernel = RUNS,
                                .active = m->active,
                                .nactive = RUNS,
                                .ncpus = 1};
    if (!forge_whole_bytes(&m->w, &m->file, why))
        fail_msg("%s: %s", forge_whole_name(kind), why);
}

static bool in(const struct forge_ram *run, size_t n, uint64_t pa) {
    for (size_t i = 0; i < n; i++)
        if (pa - run[i].start < run[i].size)
            return true;
    return false;
}

static bool is_kept(const struct machine *m, uint64_t pa) {
    switch (m->w.kind) {
    case FORGE_WHOLE_SUMMARY:
    case FORGE_WHOLE_KERNEL:
    case FORGE_WHOLE_AUTOMATIC:
    case FORGE_WHOLE_LIVE:
    case FORGE_WHOLE_RDMP_K: return in(m->kernel, RUNS, pa);
    case FORGE_WHOLE_RDMP_KA: return in(m->active, RUNS, pa);
    default: return forge_physmem_is_ram(m->mem, pa);
    }
}

static void same_header(struct whole *w, const struct machine *m) {
    const struct sc_machine *got = &w->source->machine;
    const struct sc_kdump_header *h = sc_kdump_header(w->source);
    assert_int_equal(got->dtb, m->w.dtb);
    assert_int_equal(got->pae, m->w.is32);
    assert_int_equal(got->pfn_database, m->w.pfn_database);
    assert_int_equal(got->loaded_module_list, m->w.loaded_module_list);
    assert_int_equal(got->active_process_head, m->w.active_process_head);
    assert_int_equal(got->debugger_data, m->w.debugger_data);
    assert_int_equal(got->bugcheck, m->w.bugcheck);
    assert_true(got->time == m->w.time && got->uptime == m->w.uptime);
    assert_int_equal(h->product_type, 1);
    assert_int_equal(h->suite_mask, 0x110);
    assert_int_equal(h->required_space, m->file.size);
}

static void same_memory(struct whole *w, const struct machine *m) {
    uint64_t end = forge_physmem_end(m->mem) + 4 * PAGE;
    for (uint64_t pa = 0; pa < end; pa += PAGE) {
        uint8_t want[PAGE], buf[PAGE];
        size_t got;
        if (!is_kept(m, pa)) {
            whole_is_absent(w, pa / PAGE);
            continue;
        }
        assert_true(forge_physmem_read(m->mem, pa, want, PAGE));
        assert_int_equal(whole_read(w, pa, buf, PAGE, &got), SC_READ_OK);
        assert_int_equal(got, PAGE);
        assert_memory_equal(buf, want, PAGE);
    }
}

static void every_page_of_every_container_is_read_back(void **state) {
    (void)state;
    for (int kind = FORGE_WHOLE_FULL; kind <= FORGE_WHOLE_RDMP_F; kind++)
        for (int round = 0; round < 4; round++) {
            struct machine m;
            bool is32 = round & 1, ranges = kind >= FORGE_WHOLE_RDMP_K;
            make(&m, (enum forge_whole_kind)kind, is32, (uint64_t)kind * 10 + (uint64_t)round);
            struct whole w = {.is64 = !is32, .data = m.file.data, .size = m.file.size};
            whole_open(&w, round & 2 ? SC_FILE_NO_MMAP : 0);
            same_header(&w, &m);
            same_memory(&w, &m);
            /* Of the 32-bit forms that nobody describes that much is said, and of no other. */
            bool guessed = is32 && (ranges || (kind >= FORGE_WHOLE_BITMAP));
            assert_int_equal(whole_noted(&w, "documented nowhere"), guessed);
            if (!guessed)
                whole_expect_no_notes(&w);
            whole_close_source(&w);
            forge_bytes_free(&m.file);
            forge_physmem_free(m.mem);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_of_every_container_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
