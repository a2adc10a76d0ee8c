/* SPDX-License-Identifier: MIT */
/*
 * Targets of whole memory: what is read from the kernel's own lists, and what is still there when
 * they are damaged or missing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "kernel_memory.h"

static const struct machine {
    enum sc_cpu cpu;
    enum sc_paging_mode mode;
} machines[] = {{SC_CPU_X64, SC_PAGING_X64},
                {SC_CPU_X64, SC_PAGING_X64_LA57},
                {SC_CPU_X86, SC_PAGING_PAE},
                {SC_CPU_X86, SC_PAGING_X86},
                {SC_CPU_ARM64, SC_PAGING_ARM64}};
enum { MACHINES = sizeof machines / sizeof *machines };

struct world {
    struct kmem k;
    sc_target *t;
};

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    kmem_init(&w->k, SC_CPU_X64, SC_PAGING_X64);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    sc_target_close(w->t);
    kmem_deinit(&w->k);
    free(w);
    return 0;
}

static const struct sc_modules *modules(sc_target *t) {
    const struct sc_modules *list = NULL;
    assert_null(sc_target_modules(t, &list));
    return list;
}

/* ---- modules ---- */

static void the_modules_are_those_of_the_kernels_list(void **state) {
    (void)state;
    static const char *const names[KMEM_MODULES] = {"nt", "hal", "disk", "ndis", "win32k"};
    for (unsigned n = 0; n < MACHINES; n++) {
        struct kmem k;
        kmem_init(&k, machines[n].cpu, machines[n].mode);
        sc_target *t = kmem_open(&k, NULL);
        const struct sc_modules *list = modules(t);
        assert_true(sc_target_has_paging(t));
        assert_int_equal(sc_target_paging(t)->mode, machines[n].mode);
        assert_int_equal(list->count, KMEM_MODULES);
        for (unsigned i = 0; i < KMEM_MODULES; i++) {
            const struct sc_module *m = &list->item[i];
            assert_string_equal(m->name, names[i]);
            assert_int_equal(m->base, k.image[i]);
            assert_int_equal(m->size, KMEM_IMAGE);
            assert_int_equal(m->checksum, 0xc0de0 + i);
            /* From the image's headers, else from the list's entry. */
            assert_int_equal(m->timestamp, i < 3 ? KMEM_TIMESTAMP + i : 0x11110000 + i);
        }
        assert_string_equal(list->item[2].path, "\\SystemRoot\\System32\\drivers\\disk.sys");
        assert_int_equal(sc_target_machine(t)->kernel_base, k.base);
        assert_int_equal(k.source->nnotes, 0);
        assert_string_equal(sc_target_found_by(t), "");
        sc_target_close(t);
        kmem_deinit(&k);
    }
}

static void old_entries_have_no_time_stamp(void **state) {
    struct world *w = *state;
    w->k.machine.build = 7601;
    w->t = kmem_open(&w->k, NULL);
    assert_int_equal(modules(w->t)->item[2].timestamp, KMEM_TIMESTAMP + 2);
    assert_int_equal(modules(w->t)->item[3].timestamp, 0);
}

static void a_name_that_is_not_there_leaves_the_other_or_the_base(void **state) {
    struct world *w = *state;
    kmem_ptr(&w->k, w->k.entry[2] + 0x50, KERNEL64 - 0x1000); /* FullDllName.Buffer */
    kmem_u16(&w->k, w->k.entry[3] + 0x48, 0);
    kmem_u16(&w->k, w->k.entry[3] + 0x58, 3); /* half a character too many */
    w->t = kmem_open(&w->k, NULL);
    assert_string_equal(modules(w->t)->item[2].path, "disk.sys");
    assert_string_equal(modules(w->t)->item[3].name, "Unknown_Module_fffff80001830000");
}

static void a_broken_list_is_walked_from_both_ends(void **state) {
    struct world *w = *state;
    kmem_ptr(&w->k, w->k.entry[1], 0x4141414141414141);
    w->t = kmem_open(&w->k, NULL);
    /* Forward nt and hal; back win32k, ndis and disk. */
    assert_int_equal(modules(w->t)->count, KMEM_MODULES);
    assert_true(kmem_noted(&w->k, "broken: 2 of them from its beginning, 3 from its end"));
}

static void a_list_that_goes_round_without_its_head_ends(void **state) {
    struct world *w = *state;
    kmem_ptr(&w->k, w->k.entry[2], w->k.entry[1]);
    kmem_ptr(&w->k, w->k.entry[4] + 8, w->k.entry[4]);
    w->t = kmem_open(&w->k, NULL);
    assert_int_equal(modules(w->t)->count, 4);
    assert_true(kmem_noted(&w->k, "broken"));
}

static void entries_that_make_no_sense_are_left_out_and_said(void **state) {
    struct world *w = *state;
    kmem_ptr(&w->k, w->k.entry[2] + 0x30, 0x12345);
    kmem_u32(&w->k, w->k.entry[3] + 0x40, 0);
    w->t = kmem_open(&w->k, NULL);
    assert_int_equal(modules(w->t)->count, KMEM_MODULES - 2);
    assert_true(kmem_noted(&w->k, "base 0x12345"));
}

static void the_head_is_also_found_in_the_block_and_in_the_exports(void **state) {
    (void)state;
    for (unsigned way = 0; way < 2; way++) {
        struct kmem k;
        kmem_init(&k, SC_CPU_X64, SC_PAGING_X64);
        k.machine.loaded_module_list = 0;
        if (way) {
            k.machine.debugger_data = 0;
            k.machine.kernel_base = k.base;
            kmem_u32(&k, k.kdbg + 0x10, 0);
        }
        sc_target *t = kmem_open(&k, NULL);
        assert_int_equal(modules(t)->count, KMEM_MODULES);
        assert_int_equal(sc_target_machine(t)->loaded_module_list, k.list);
        sc_target_close(t);
        kmem_deinit(&k);
    }
}

static void without_a_list_images_are_searched_for(void **state) {
    struct world *w = *state;
    kmem_ptr(&w->k, w->k.list, 0);
    kmem_ptr(&w->k, w->k.list + 8, 0);
    w->t = kmem_open(&w->k, NULL);
    const struct sc_modules *list = modules(w->t);
    assert_int_equal(list->count, 3);
    assert_int_equal(list->item[0].base, w->k.base);
    assert_string_equal(list->item[0].image, "ntoskrnl.exe"); /* as its exports call it */
    assert_string_equal(list->item[1].name, "Unknown_Module_fffff80001810000");
    assert_int_equal(list->item[1].timestamp, KMEM_TIMESTAMP + 1);
    assert_true(kmem_noted(&w->k, "3 images were found by searching"));
}

static void unloaded_drivers_come_the_latest_first(void **state) {
    (void)state;
    for (unsigned n = 0; n < MACHINES; n++) {
        struct kmem k;
        const struct sc_unloadeds *list;
        kmem_init(&k, machines[n].cpu, machines[n].mode);
        kmem_unloaded(&k, 50, 7); /* the ring is full: 6 is the latest, 7 the oldest */
        sc_target *t = kmem_open(&k, NULL);
        assert_null(sc_target_unloaded(t, &list));
        assert_int_equal(list->count, 50);
        assert_string_equal(list->item[0].name, "old6.sys");
        assert_string_equal(list->item[6].name, "old0.sys");
        assert_string_equal(list->item[7].name, "old49.sys");
        assert_string_equal(list->item[49].name, "old7.sys");
        assert_int_equal(list->item[0].base, k.base + 0x10060000);
        assert_int_equal(list->item[0].size, 0x8000);
        sc_target_close(t);
        kmem_unloaded(&k, 3, 3);
        t = kmem_open(&k, NULL);
        assert_null(sc_target_unloaded(t, &list));
        assert_int_equal(list->count, 3);
        assert_string_equal(list->item[0].name, "old2.sys");
        sc_target_close(t);
        kmem_deinit(&k);
    }
}

/* ---- the debugger data block ---- */

static void check_block(struct world *w, const char *how, bool encoded) {
    const struct sc_debugger_data *d = NULL;
    uint64_t v = 0;
    w->t = kmem_open(&w->k, NULL);
    assert_null(sc_target_debugger_data(w->t, &d));
    assert_string_equal(d->how, how);
    assert_int_equal(d->encoded, encoded);
    assert_int_equal(d->va, w->k.kdbg);
    assert_int_equal(d->size, 0x368);
    assert_true(sc_target_kd_member(w->t, 0x48, 8, &v));
    assert_int_equal(v, w->k.list);
    assert_true(sc_target_kd_member(w->t, 0x338, 2, &v));
    assert_int_equal(v, 0x1f0);
    assert_false(sc_target_kd_member(w->t, 0x366, 4, &v)); /* behind its size */
    assert_int_equal(sc_target_machine(w->t)->debugger_data, w->k.kdbg);
    const struct sc_threads *cpus;
    assert_null(sc_target_threads(w->t, &cpus));
    assert_int_equal(cpus->item[1].prcb, w->k.prcb[1]);
}

static void the_header_names_the_block(void **state) {
    check_block(*state, "named in the header", false);
}

static void without_a_name_it_is_found_by_its_tag(void **state) {
    struct world *w = *state;
    w->k.machine.debugger_data = 0;
    /* A tag alone is no block. */
    kmem_u32(&w->k, w->k.base + 0x3010, 0x4742444b);
    kmem_u32(&w->k, w->k.base + 0x3014, 0x340);
    check_block(w, "found by its tag", false);
}

static void a_wrong_name_does_not_mislead(void **state) {
    struct world *w = *state;
    w->k.machine.debugger_data = w->k.base + 0x5000;
    check_block(w, "found by its tag", false);
}

static void an_encoded_block_is_decoded_without_symbols(void **state) {
    (void)state;
    static const uint64_t nevers[] = {0x11223344556677c1, 0x8899aabbccddee00, 0x0123456789abcd3f,
                                      0xfedcba98765432e8};
    for (size_t i = 0; i < sizeof nevers / sizeof *nevers; i++)
        for (unsigned named = 0; named < 2; named++) {
            struct world w = {0};
            kmem_init(&w.k, SC_CPU_X64, SC_PAGING_X64);
            kmem_encode_block(&w.k, nevers[i]);
            if (!named)
                w.k.machine.debugger_data = 0;
            check_block(&w,
                        named
                            ? "named in the header, encoded: decoded by what the kernel's base "
                              "tells"
                            : "found by its tag, encoded: decoded by what the kernel's base tells",
                        true);
            sc_target_close(w.t);
            kmem_deinit(&w.k);
        }
}

static void no_block_is_said_and_not_looked_for_twice(void **state) {
    struct world *w = *state;
    const struct sc_debugger_data *d = NULL;
    uint64_t v;
    kmem_u32(&w->k, w->k.kdbg + 0x10, 0);
    w->t = kmem_open(&w->k, NULL);
    sc_err *err = sc_target_debugger_data(w->t, &d);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    assert_non_null(strstr(sc_err_text(err), "nor elsewhere in the kernel"));
    sc_err_destroy(err);
    assert_null(d);
    uint64_t before = w->k.t.ps.reads;
    assert_false(sc_target_kd_member(w->t, 0x48, 8, &v));
    err = sc_target_debugger_data(w->t, &d);
    sc_err_destroy(err);
    assert_true(w->k.t.ps.reads - before < 10);
    assert_int_equal(modules(w->t)->count, KMEM_MODULES);
}

/* ---- processors ---- */

static void the_processors_are_those_of_the_kernels_array(void **state) {
    (void)state;
    for (unsigned n = 0; n < MACHINES; n++) {
        struct kmem k;
        const struct sc_threads *cpus;
        struct sc_regs regs;
        kmem_init(&k, machines[n].cpu, machines[n].mode);
        k.machine.ncpus = n % 2 ? 0 : KMEM_CPUS; /* an image of memory does not say */
        sc_target *t = kmem_open(&k, NULL);
        assert_int_equal(sc_target_machine(t)->ncpus, KMEM_CPUS);
        assert_null(sc_target_threads(t, &cpus));
        assert_int_equal(cpus->count, KMEM_CPUS);
        for (unsigned i = 0; i < KMEM_CPUS; i++) {
            assert_int_equal(cpus->item[i].prcb, k.prcb[i]);
            assert_int_equal(cpus->item[i].thread, k.thread[i]);
            assert_null(sc_target_regs(t, i, &regs));
            assert_int_equal(sc_regs_ip(&regs), k.base + 0x1000 + i * 0x10);
            bool special = machines[n].cpu != SC_CPU_ARM64;
            assert_int_equal(cpus->item[i].dtb, special ? 0x1000 * (i + 2) : 0);
            assert_int_equal(cpus->item[i].idt, special ? k.base + 0x6000 + i : 0);
        }
        sc_target_close(t);
        kmem_deinit(&k);
    }
}

static void the_processor_of_the_headers_context_is_the_current_one(void **state) {
    struct world *w = *state;
    struct sc_regs regs;
    w->k.machine.event_context_off = 0x100;
    w->k.machine.event_context_size = 0x4d0;
    kmem_context(SC_CPU_X64, w->k.base + 0x1010, kmem_stack(&w->k, 1) - 0x800, w->k.file + 0x100);
    w->t = kmem_open(&w->k, NULL);
    assert_int_equal(sc_target_machine(w->t)->current, 1);
    sc_target_close(w->t);
    /* Elsewhere, as after an exception: then the stack tells. */
    kmem_context(SC_CPU_X64, w->k.base + 0x1777, kmem_stack(&w->k, 2) - 0x1234, w->k.file + 0x100);
    w->t = kmem_open(&w->k, NULL);
    assert_int_equal(sc_target_machine(w->t)->current, 2);
    /* Its own registers are where it stopped, the event's are the header's. */
    assert_null(sc_target_regs(w->t, 2, &regs));
    assert_int_equal(sc_regs_ip(&regs), w->k.base + 0x1020);
    assert_null(sc_target_event_regs(w->t, &regs));
    assert_int_equal(sc_regs_ip(&regs), w->k.base + 0x1777);
}

/* Images of memory have no header: the kernel says where the bug check saved its context. */
static void the_bug_checks_own_context_stands_in_for_the_headers(void **state) {
    struct world *w = *state;
    struct sc_regs regs;
    uint8_t context[SC_CONTEXT_MAX];
    uint64_t at = kmem_stack(&w->k, 1) - 0x1800;
    w->k.machine.has_bugcheck = true;
    size_t size =
        kmem_context(SC_CPU_X64, w->k.base + 0x1777, kmem_stack(&w->k, 1) - 0x1000, context);
    kmem_put(&w->k, at, context, size);
    kmem_member(&w->k, 0x28, at);
    w->t = kmem_open(&w->k, NULL);
    assert_int_equal(sc_target_machine(w->t)->current, 1);
    assert_null(sc_target_event_regs(w->t, &regs));
    assert_int_equal(sc_regs_ip(&regs), w->k.base + 0x1777);
    sc_target_close(w->t);
    w->k.machine.has_bugcheck = false; /* what it saved once */
    w->t = kmem_open(&w->k, NULL);
    assert_int_equal(sc_target_machine(w->t)->current, 0);
    sc_err *err = sc_target_event_regs(w->t, &regs);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
}

static void the_block_of_windows_xp_does_not_say_where_registers_are(void **state) {
    (void)state;
    struct kmem k;
    struct sc_regs regs;
    const struct sc_threads *cpus;
    uint8_t context[SC_CONTEXT_MAX];
    kmem_init(&k, SC_CPU_X86, SC_PAGING_PAE);
    k.machine.build = 2600;
    k.machine.major = 5;
    kmem_u32(&k, k.kdbg + 0x14, 0x290);
    size_t size = kmem_context(SC_CPU_X86, 0x804d1234, 0x8054d000, context);
    kmem_put(&k, k.prcb[2] + 0x1c, context, size);
    kmem_u32(&k, k.prcb[2] + 0x1c + 0x2cc + 8, 0x39000);
    sc_target *t = kmem_open(&k, NULL);
    assert_null(sc_target_threads(t, &cpus));
    assert_int_equal(cpus->item[2].thread, k.thread[2]);
    assert_int_equal(cpus->item[2].dtb, 0x39000);
    assert_null(sc_target_regs(t, 2, &regs));
    assert_int_equal(sc_regs_ip(&regs), 0x804d1234);
    sc_target_close(t);
    kmem_deinit(&k);
}

static void without_a_context_of_its_own_the_current_one_has_the_headers(void **state) {
    struct world *w = *state;
    struct sc_regs regs;
    w->k.machine.event_context_off = 0x100;
    w->k.machine.event_context_size = 0x4d0;
    kmem_context(SC_CPU_X64, w->k.base + 0x1777, kmem_stack(&w->k, 0) - 0x1234, w->k.file + 0x100);
    kmem_u32(&w->k, w->k.prcb[0] + 0x1000 + 0x30, 0); /* it was never frozen */
    kmem_u32(&w->k, w->k.prcb[1] + 0x1000 + 0x30, 0);
    w->t = kmem_open(&w->k, NULL);
    assert_null(sc_target_regs(w->t, 0, &regs));
    assert_int_equal(sc_regs_ip(&regs), w->k.base + 0x1777);
    sc_err *err = sc_target_regs(w->t, 1, &regs);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
}

/* ---- the machine ---- */

static void what_the_container_left_open_is_read_from_the_kernel(void **state) {
    struct world *w = *state;
    struct kmem *k = &w->k;
    k->machine.build = k->machine.major = 0;
    k->machine.active_process_head = 0;
    kmem_u32(k, k->base + KMEM_BUGCHECK, 0xd1);
    kmem_u64(k, k->base + KMEM_BUGCHECK + 8, 0x28);
    kmem_u64(k, k->base + KMEM_BUGCHECK + 32, 0xfffff80012345678);
    w->t = kmem_open(k, NULL);
    const struct sc_machine *m = sc_target_machine(w->t);
    assert_int_equal(m->major, 10);
    assert_int_equal(m->build, 19041);
    assert_int_equal(m->time, 0x1d9a1b2c3d4e5f6);
    assert_int_equal(m->uptime, 0x23456789ab);
    assert_int_equal(m->product_type, 3);
    assert_int_equal(m->suite_mask, 0x110);
    assert_string_equal(m->lab, "19041.1.amd64fre.vb_release.191206-1406");
    assert_int_equal(m->active_process_head, k->head);
    assert_true(m->has_bugcheck);
    assert_int_equal(m->bugcheck, 0xd1);
    assert_int_equal(m->bugcheck_arg[0], 0x28);
    assert_int_equal(m->bugcheck_arg[3], 0xfffff80012345678);
    assert_int_equal(m->paging_levels, 4);
}

static void what_the_container_said_stands(void **state) {
    struct world *w = *state;
    w->k.machine.time = 5;
    w->k.machine.uptime = 6;
    w->k.machine.product_type = 1;
    w->k.machine.has_bugcheck = true;
    w->k.machine.bugcheck = 0xe2;
    kmem_u32(&w->k, w->k.base + KMEM_BUGCHECK, 0xd1);
    w->t = kmem_open(&w->k, NULL);
    const struct sc_machine *m = sc_target_machine(w->t);
    assert_int_equal(m->time, 5);
    assert_int_equal(m->uptime, 6);
    assert_int_equal(m->product_type, 1);
    assert_int_equal(m->suite_mask, 0);
    assert_int_equal(m->bugcheck, 0xe2);
}

static void swizzling_is_as_the_kernel_says(void **state) {
    struct world *w = *state;
    kmem_num(&w->k, w->k.kdbg + 0x2c2, 45, 1);
    kmem_num(&w->k, w->k.kdbg + 0x2c3, 4, 1);
    w->t = kmem_open(&w->k, NULL);
    assert_int_equal(sc_target_paging(w->t)->soft.swizzle_bit, 4);
    assert_int_equal(sc_target_paging(w->t)->soft.invalid_mask, 0x200000000000);
    assert_int_equal(sc_target_generation(w->t), 0);
    sc_target_close(w->t);
    kmem_num(&w->k, w->k.kdbg + 0x2c3, 0, 1); /* a kernel before the update */
    w->k.machine.build = 14393;
    w->t = kmem_open(&w->k, NULL);
    assert_int_equal(sc_target_paging(w->t)->soft.swizzle_bit, 0);
    assert_int_equal(sc_target_paging(w->t)->soft.pagefile_low_bit, 1);
    struct sc_soft_pte soft = sc_target_paging(w->t)->soft;
    soft.pagefile_low_bit = 12;
    sc_target_set_soft_pte(w->t, &soft); /* the symbols know better */
    assert_int_equal(sc_target_paging(w->t)->soft.pagefile_low_bit, 12);
    soft.proto_bit = 200;
    sc_target_set_soft_pte(w->t, &soft); /* nonsense is not taken */
    assert_int_equal(sc_target_paging(w->t)->soft.proto_bit, 16);
}

static void the_header_may_be_wrong_about_the_mode(void **state) {
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        struct kmem k;
        kmem_init(&k, machines[n].cpu, machines[n].mode);
        k.machine.pae = !k.machine.pae;
        k.machine.paging_levels = machines[n].mode == SC_PAGING_X64 ? 5 : 4;
        sc_target *t = kmem_open(&k, NULL);
        assert_int_equal(sc_target_paging(t)->mode, machines[n].mode);
        assert_int_equal(sc_target_machine(t)->pae, machines[n].mode == SC_PAGING_PAE);
        assert_int_equal(modules(t)->count, KMEM_MODULES);
        sc_target_close(t);
        kmem_deinit(&k);
    }
}

static void tables_that_lead_nowhere_are_said(void **state) {
    struct world *w = *state;
    uint64_t v;
    w->k.machine.dtb = 0x7777000;
    w->t = kmem_open(&w->k, NULL);
    assert_true(kmem_noted(&w->k, "do not lead to the kernel"));
    assert_int_equal(modules(w->t)->count, 0);
    assert_int_equal(sc_space_uint(sc_target_space(w->t), w->k.base, 8, &v), SC_READ_ABSENT);
    assert_int_equal(sc_space_uint(sc_target_phys(w->t), w->k.t.paging.root, 8, &v), SC_READ_OK);
    sc_target_close(w->t);
    struct sc_open_opts opts = {.sz = sizeof opts, .dtb = w->k.t.paging.root | 5};
    w->t = kmem_open(&w->k, &opts); /* the user knows */
    assert_int_equal(modules(w->t)->count, KMEM_MODULES);
}

static void a_container_that_says_nothing_is_refused(void **state) {
    struct world *w = *state;
    w->k.machine.dtb = 0;
    w->k.machine.loaded_module_list = w->k.machine.debugger_data = 0;
    w->k.machine.cpu = SC_CPU_UNKNOWN;
    for (size_t i = 0; i < w->k.t.ps.count; i++)
        memset(w->k.t.ps.item[i].data, 0, 0x1000);
    sc_err *err = kmem_try(&w->k, NULL, &w->t);
    assert_non_null(err);
    sc_err_destroy(err);
    assert_null(w->t);
}

/* ---- processes ---- */

/* A process's tables: a page at 10000 holding NUMBER, and the system's kernel half. */
static uint64_t make_process(struct kmem *k, uint64_t number, bool with_kernel) {
    uint64_t system = k->t.paging.root, root = k->t.free;
    k->t.free += 0x1000;
    pagestore_page(&k->t.ps, root);
    for (unsigned i = 256; with_kernel && i < 512; i++)
        pagestore_u64(&k->t.ps, root + i * 8, pagestore_get(&k->t.ps, system + i * 8, 8));
    k->t.paging.root = root;
    kmem_u64(k, 0x10000, number);
    k->t.paging.root = system;
    return root;
}

static void a_process_shows_its_own_lower_half(void **state) {
    (void)state;
    for (unsigned arm = 0; arm < 2; arm++) {
        struct kmem k;
        uint64_t v;
        kmem_init(&k, arm ? SC_CPU_ARM64 : SC_CPU_X64, arm ? SC_PAGING_ARM64 : SC_PAGING_X64);
        uint64_t a = make_process(&k, 0xa, true), b = make_process(&k, 0xb, !arm);
        sc_target *t = kmem_open(&k, NULL);
        sc_space *s = sc_target_space(t);
        assert_int_equal(sc_space_uint(s, 0x10000, 8, &v), SC_READ_INVALID);
        assert_int_equal(sc_target_dtb(t), k.t.paging.root);
        assert_null(sc_target_set_dtb(t, a | 0x8000000000000003));
        assert_ptr_equal(sc_target_space(t), s);
        assert_int_equal(sc_target_dtb(t), a | 0x8000000000000003);
        assert_int_equal(sc_space_uint(s, 0x10000, 8, &v), SC_READ_OK);
        assert_int_equal(v, 0xa);
        assert_int_equal(sc_target_generation(t), 1);
        assert_null(sc_target_set_dtb(t, b));
        assert_int_equal(sc_space_uint(s, 0x10000, 8, &v), SC_READ_OK);
        assert_int_equal(v, 0xb);
        assert_int_equal(sc_space_uint(s, k.list, 8, &v), SC_READ_OK);
        assert_int_equal(v, k.entry[0]);
        assert_null(sc_target_set_dtb(t, 0));
        assert_int_equal(sc_space_uint(s, 0x10000, 8, &v), SC_READ_INVALID);
        assert_int_equal(sc_target_dtb(t), k.t.paging.root);
        sc_target_close(t);
        kmem_deinit(&k);
    }
}

static void the_spaces_of_processes_stand_beside_the_targets(void **state) {
    struct world *w = *state;
    sc_space *a, *b, *again;
    uint64_t v;
    uint64_t pa = make_process(&w->k, 0xa, true), pb = make_process(&w->k, 0xb, false);
    w->t = kmem_open(&w->k, NULL);
    assert_null(sc_target_process_space(w->t, pa, &a));
    assert_null(sc_target_process_space(w->t, pb, &b));
    assert_int_equal(sc_space_uint(a, 0x10000, 8, &v), SC_READ_OK);
    assert_int_equal(v, 0xa);
    assert_int_equal(sc_space_uint(b, 0x10000, 8, &v), SC_READ_OK);
    assert_int_equal(v, 0xb);
    /* Tables without the kernel's half, as processes have a second set of: the system's are asked.
     */
    assert_int_equal(sc_space_uint(b, w->k.list, 8, &v), SC_READ_OK);
    assert_int_equal(v, w->k.entry[0]);
    assert_null(sc_target_process_space(w->t, pa | 0x002, &again)); /* a flag bit */
    assert_ptr_equal(a, again);
    assert_int_equal(sc_target_generation(w->t), 0);
    assert_int_equal(sc_space_uint(sc_target_space(w->t), 0x10000, 8, &v), SC_READ_INVALID);
}

static void no_more_than_64_spaces_are_kept_the_last_ones_used(void **state) {
    struct world *w = *state;
    sc_space *first, *space, *again;
    w->t = kmem_open(&w->k, NULL);
    assert_null(sc_target_process_space(w->t, 0x100000, &first));
    for (uint64_t i = 1; i < 200; i++) {
        assert_null(sc_target_process_space(w->t, 0x100000 + i * 0x1000, &space));
        assert_null(sc_target_process_space(w->t, 0x100000, &again)); /* in use all the time */
        assert_ptr_equal(first, again);
    }
}

static void small_dumps_have_no_page_tables(void **state) {
    (void)state;
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_X64, .kernel = true};
    sc_target *t;
    sc_space *s;
    struct sc_soft_pte soft = {0};
    assert_null(sc_target_fake(&fake, &t));
    assert_false(sc_target_has_paging(t));
    assert_int_equal(sc_target_paging(t)->mode, SC_PAGING_NONE);
    sc_err *err = sc_target_set_dtb(t, 0x1000);
    assert_int_equal(sc_err_code(err), SC_ERR_UNSUPPORTED);
    sc_err_destroy(err);
    err = sc_target_process_space(t, 0x1000, &s);
    assert_int_equal(sc_err_code(err), SC_ERR_UNSUPPORTED);
    sc_err_destroy(err);
    sc_target_set_soft_pte(t, &soft);
    sc_target_close(t);
}

/* ---- page files ---- */

static void page_files_supply_what_was_paged_out(void **state) {
    struct world *w = *state;
    char path[] = "/tmp/stopcode-pagefile-XXXXXX";
    uint64_t v;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "wb");
    for (unsigned i = 0; i < 3 * 0x1000; i++)
        fputc((int)(i >> 12) + 0x41, f);
    fclose(f);
    set_entry(&w->k.t, 0, 0x20000, 2ull << 32 | 1 << 12 | 0x10 | 4 << 5);
    set_entry(&w->k.t, 0, 0x21000, 3ull << 32 | 1 << 12 | 0x10 | 4 << 5); /* behind its end */
    set_entry(&w->k.t, 0, 0x22000, 2ull << 32 | 2 << 12 | 0x10 | 4 << 5); /* another file */
    const char *const files[] = {NULL, path};
    struct sc_open_opts opts = {.sz = sizeof opts, .pagefile = files, .npagefiles = 2};
    w->t = kmem_open(&w->k, &opts);
    sc_space *s = sc_target_space(w->t);
    assert_int_equal(sc_space_uint(s, 0x20800, 1, &v), SC_READ_OK);
    assert_int_equal(v, 0x43);
    assert_int_equal(sc_space_uint(s, 0x21000, 1, &v), SC_READ_PAGED_OUT);
    char why[SC_WHY_TEXT];
    assert_string_equal(sc_space_why(s, 0x21000, SC_READ_PAGED_OUT, why),
                        "paged out (page file 1 page 0x3, behind the end of the file given)");
    assert_string_equal(sc_space_why(s, 0x22000, SC_READ_PAGED_OUT, why),
                        "paged out (page file 2 page 0x2)");
    assert_int_equal(sc_space_uint(s, 0x22000, 1, &v), SC_READ_PAGED_OUT);
    sc_target_close(w->t);
    w->t = NULL;
    remove(path);
    sc_err *err = kmem_try(&w->k, &opts, &w->t);
    assert_int_equal(sc_err_code(err), SC_ERR_IO);
    assert_non_null(strstr(sc_err_text(err), "page file 1"));
    sc_err_destroy(err);
    opts.npagefiles = 17;
    err = kmem_try(&w->k, &opts, &w->t);
    assert_int_equal(sc_err_code(err), SC_ERR_ARG);
    sc_err_destroy(err);
}

/* A file that cannot be the one: said when it is opened. */
static void what_is_wrong_with_a_page_file_is_said(void **state) {
    struct world *w = *state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *error, *note;
    } row[] = {{"", 0, "has 0 bytes: no page file is less than a page", NULL},
               {"abc", 3, "has 3 bytes", NULL},
               {"abc", 0x1003, NULL, "is not whole pages"},
               {"PAGEDU64", 0x2000, NULL, "begins with a dump"},
               {"abc", 0x2000, NULL, NULL}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char path[] = "/tmp/stopcode-pagefile-XXXXXX";
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        FILE *f = fdopen(fd, "wb");
        for (size_t at = 0; at < row[i].size; at++)
            fputc(at < strlen(row[i].bytes) ? row[i].bytes[at] : 0, f);
        fclose(f);
        const char *const files[] = {path};
        struct sc_open_opts opts = {.sz = sizeof opts, .pagefile = files, .npagefiles = 1};
        sc_target *t = NULL;
        sc_err *err = kmem_try(&w->k, &opts, &t);
        if (row[i].error)
            assert_non_null(strstr(sc_err_text(err), row[i].error));
        else
            assert_null(err);
        const struct sc_source *source = t ? sc_target_source(t) : NULL;
        if (row[i].note)
            assert_non_null(strstr(source->notes[0].text, row[i].note));
        else if (t)
            assert_int_equal(source->nnotes, 0);
        sc_err_destroy(err);
        sc_target_close(t);
        remove(path);
    }
}

/* ---- damage ---- */

static void ask_everything(sc_target *t) {
    const struct sc_modules *m;
    const struct sc_unloadeds *u;
    const struct sc_threads *c;
    const struct sc_debugger_data *d;
    struct sc_regs regs;
    sc_err_destroy(sc_target_modules(t, &m));
    sc_err_destroy(sc_target_unloaded(t, &u));
    sc_err_destroy(sc_target_threads(t, &c));
    sc_err_destroy(sc_target_debugger_data(t, &d));
    for (uint32_t i = 0; i < 4; i++)
        sc_err_destroy(sc_target_regs(t, i, &regs));
}

/* Each read of physical memory in turn finds nothing: the target opens, and tells what it can. */
static void any_page_may_be_missing(void **state) {
    struct world *w = *state;
    for (uint64_t n = 1;; n++) {
        for (unsigned io = 0; io < 2; io++) {
            w->k.t.ps.reads = 0;
            w->k.t.ps.fail_at = n;
            w->k.t.ps.fail_status = io ? SC_READ_IO : SC_READ_ABSENT;
            w->t = kmem_open(&w->k, NULL);
            ask_everything(w->t);
            sc_target_close(w->t);
            w->t = NULL;
        }
        if (w->k.t.ps.reads < n)
            break;
    }
}

/* Words of the kernel's data overwritten at random: nothing crashes, hangs or grows. */
static void damage_is_survived(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (unsigned round = 0; round < 300; round++) {
        struct kmem k;
        const struct machine *m = &machines[round % MACHINES];
        kmem_init(&k, m->cpu, m->mode);
        for (unsigned i = 0; i < 3; i++) {
            static const uint32_t where[] = {0x0,      0x3100,   0x3100,   0x3800,   0x3a80,
                                             0x100000, 0x100000, 0x300000, 0x380000, 0x500000};
            uint64_t va = k.base + where[roll(&seed) % 10] + roll(&seed) % 0x400 / 8 * 8;
            uint64_t v = roll(&seed) % 4 ? k.base + roll(&seed) % 0x600000 : roll(&seed);
            kmem_num(&k, va, v, k.ptr);
        }
        sc_target *t;
        sc_err *err = kmem_try(&k, NULL, &t);
        if (!err) {
            ask_everything(t);
            sc_target_close(t);
        }
        sc_err_destroy(err);
        kmem_deinit(&k);
    }
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_modules_are_those_of_the_kernels_list),
        T(old_entries_have_no_time_stamp),
        T(a_name_that_is_not_there_leaves_the_other_or_the_base),
        T(a_broken_list_is_walked_from_both_ends),
        T(a_list_that_goes_round_without_its_head_ends),
        T(entries_that_make_no_sense_are_left_out_and_said),
        cmocka_unit_test(the_head_is_also_found_in_the_block_and_in_the_exports),
        T(without_a_list_images_are_searched_for),
        cmocka_unit_test(unloaded_drivers_come_the_latest_first),
        T(the_header_names_the_block),
        T(without_a_name_it_is_found_by_its_tag),
        T(a_wrong_name_does_not_mislead),
        cmocka_unit_test(an_encoded_block_is_decoded_without_symbols),
        T(no_block_is_said_and_not_looked_for_twice),
        cmocka_unit_test(the_processors_are_those_of_the_kernels_array),
        T(the_processor_of_the_headers_context_is_the_current_one),
        T(the_bug_checks_own_context_stands_in_for_the_headers),
        cmocka_unit_test(the_block_of_windows_xp_does_not_say_where_registers_are),
        T(without_a_context_of_its_own_the_current_one_has_the_headers),
        T(what_the_container_left_open_is_read_from_the_kernel),
        T(what_the_container_said_stands),
        T(swizzling_is_as_the_kernel_says),
        cmocka_unit_test(the_header_may_be_wrong_about_the_mode),
        T(tables_that_lead_nowhere_are_said),
        T(a_container_that_says_nothing_is_refused),
        cmocka_unit_test(a_process_shows_its_own_lower_half),
        T(the_spaces_of_processes_stand_beside_the_targets),
        T(no_more_than_64_spaces_are_kept_the_last_ones_used),
        cmocka_unit_test(small_dumps_have_no_page_tables),
        T(page_files_supply_what_was_paged_out),
        T(what_is_wrong_with_a_page_file_is_said),
        T(any_page_may_be_missing),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests_name("target, whole memory", tests, NULL, NULL);
}
