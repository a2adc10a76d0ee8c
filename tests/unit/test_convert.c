/* SPDX-License-Identifier: MIT */
/*
 * Conversion of a small kernel's memory, of each processor, into each container, and read again.
 * What other readers make of the files is tests/convert/test_convert.py's.
 */
#define _GNU_SOURCE /* memmem() */
#include "unit/convert_fixture.h"

static const struct kind {
    const char *name;
    enum sc_cpu cpu;
    enum sc_paging_mode mode;
} kinds[] = {
    {"x64", SC_CPU_X64, SC_PAGING_X64},
    {"x64, five levels", SC_CPU_X64, SC_PAGING_X64_LA57},
    {"ARM64", SC_CPU_ARM64, SC_PAGING_ARM64},
    {"x86", SC_CPU_X86, SC_PAGING_X86},
    {"x86 with PAE", SC_CPU_X86, SC_PAGING_PAE},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* A process besides the kernel: pages of its own, and a list that names it. */
enum { PROCESS = 0x600000, LINKS = 0x2e8, USER_PAGES = 3 };
#define USER_VA 0x10000u

struct machine {
    struct kmem k;
    sc_target *t;
};

static void put_process(struct kmem *k) {
    uint64_t process = k->base + PROCESS, link = process + LINKS;
    kmem_ptr(k, process + (k->ptr == 8 ? 0x28 : 0x18), k->t.paging.root);
    kmem_ptr(k, k->head, link);
    kmem_ptr(k, k->head + k->ptr, link);
    kmem_ptr(k, link, k->head);
    kmem_ptr(k, link + k->ptr, k->head);
    kmem_u16(k, k->kdbg + 0x2a0, 0x60); /* KTHREAD.ApcState.Process */
    kmem_u16(k, k->kdbg + 0x2a8, 0x400);
    kmem_u16(k, k->kdbg + 0x2c0, 0x400);
    kmem_u16(k, k->kdbg + 0x2ae, k->ptr == 8 ? 0x28 : 0x18);
    for (unsigned i = 0; i < KMEM_CPUS; i++) {
        kmem_ptr(k, k->thread[i] + 0x60, process);
        kmem_ptr(k, kmem_stack(k, i) - 0x800, k->base + 0x1234); /* a return address */
    }
    for (unsigned i = 0; i < USER_PAGES; i++)
        kmem_put(k, USER_VA + i * 0x1000, "a process' own", 14);
    /* One that nobody maps. */
    pagestore_put(&k->t.ps, 0x7000000, "freed", 5);
}

/* The kernel exports PsInitialSystemProcess in the place of PsLoadedModuleList. */
static void export_process(struct kmem *k) {
    uint64_t at = k->base + 0x2000;
    kmem_u32(k, at + 0x40, 0x3c00);
    kmem_put(k, at + 0x70, "PsInitialSystemProcess", 23);
    kmem_ptr(k, k->base + 0x3c00, k->base + PROCESS);
}

static void begin(struct machine *m, const struct kind *kind) {
    kmem_init(&m->k, kind->cpu, kind->mode);
    put_process(&m->k);
    export_process(&m->k);
    m->k.machine.has_bugcheck = true;
    m->k.machine.bugcheck = 0xd1;
    m->k.machine.bugcheck_arg[0] = m->k.base + 0x4000;
    m->k.machine.event_context_off = 0x100;
    m->k.machine.event_context_size = (uint32_t)kmem_context(
        kind->cpu, m->k.base + 0x1010, kmem_stack(&m->k, 1) - 0x800, m->k.file + 0x100);
    m->t = kmem_open(&m->k, NULL);
}

static void end(struct machine *m) {
    sc_target_close(m->t);
    kmem_deinit(&m->k);
}

static uint64_t ip_of(sc_target *t, uint32_t cpu) {
    struct sc_regs regs;
    sc_err *err = sc_target_regs(t, cpu, &regs);
    if (err)
        fail_msg("processor %u: %s", cpu, sc_err_text(err));
    return sc_regs_ip(&regs);
}

static void same_system(const struct machine *m, sc_target *made) {
    const struct sc_machine *a = sc_target_machine(m->t), *b = sc_target_machine(made);
    const struct sc_modules *x, *y;
    assert_int_equal(a->cpu, b->cpu);
    assert_int_equal(a->build, b->build);
    assert_int_equal(b->bugcheck, 0xd1);
    assert_true(b->bugcheck_arg[0] == a->bugcheck_arg[0]);
    assert_int_equal(b->ncpus, KMEM_CPUS);
    assert_null(sc_target_modules(m->t, &x));
    assert_null(sc_target_modules(made, &y));
    assert_int_equal(x->count, y->count);
    for (size_t i = 0; i < x->count; i++) {
        assert_true(x->item[i].base == y->item[i].base && x->item[i].size == y->item[i].size);
        assert_string_equal(x->item[i].path, y->item[i].path);
        assert_int_equal(x->item[i].timestamp, y->item[i].timestamp);
    }
    for (uint32_t i = 0; i < KMEM_CPUS; i++)
        assert_true(ip_of(m->t, i) == ip_of(made, i));
}

static bool is_refused(const struct kind *kind, enum sc_convert_to to) {
    return to == SC_CONVERT_BITMAP && kind->cpu == SC_CPU_X86;
}

static void every_byte_arrives(void **state) {
    (void)state;
    static const enum sc_convert_to tos[] = {SC_CONVERT_FULL, SC_CONVERT_BITMAP, SC_CONVERT_ELF};
    struct conv_fix f;
    conv_fix_begin(&f);
    for (size_t i = 0; i < KINDS; i++) {
        struct machine m;
        begin(&m, &kinds[i]);
        for (size_t n = 0; n < 3; n++) {
            struct sc_convert_result r;
            struct sc_convert_opts o = {.sz = sizeof o, .to = tos[n]};
            if (is_refused(&kinds[i], o.to))
                continue;
            print_message("%s to %s\n", kinds[i].name, sc_convert_name(o.to));
            sc_target *made = conv_fix_to(&f, m.t, &o, &r);
            conv_fix_same(m.t, made, &r, false);
            assert_int_equal(r.nchanges, 0);
            assert_true(r.left_out == 0 && r.bytes == sc_target_file_size(made));
            same_system(&m, made);
            sc_target_close(made);
            sc_convert_result_free(&r);
        }
        end(&m);
    }
    conv_fix_end(&f);
}

static void raw_memory_lies_at_its_addresses(void **state) {
    (void)state;
    struct conv_fix f;
    struct machine m;
    struct sc_convert_result r;
    struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_RAW};
    uint64_t at = 0, start, size;
    sc_file *file = NULL;
    conv_fix_begin(&f);
    begin(&m, &kinds[0]);
    assert_null(sc_convert(m.t, f.path, &o, &r));
    assert_null(sc_file_open(f.path, 0, &file));
    for (; sc_space_next(sc_target_phys(m.t), at, &start, &size); at = start + size)
        for (uint64_t pa = start; pa < start + size; pa += 0x1000) {
            const uint8_t *there = sc_file_view(file, pa, 0x1000);
            assert_non_null(there);
            assert_memory_equal(there, pagestore_find(&m.k.t.ps, pa), 0x1000);
        }
    assert_true(sc_file_size(file) == at);
    sc_file_close(file);
    sc_convert_result_free(&r);
    end(&m);
    conv_fix_end(&f);
}

/* ---- whose pages ---- */

static bool holds(sc_target *t, uint64_t pa) {
    uint8_t byte;
    return sc_space_read(sc_target_phys(t), pa, &byte, 1, NULL) == SC_READ_OK;
}

static uint64_t pa_of(struct machine *m, uint64_t va) {
    struct sc_translation tr;
    sc_translate(sc_target_paging(m->t), va, &tr);
    assert_int_equal(tr.status, SC_READ_OK);
    return tr.pa;
}

static void a_kernel_dump_has_the_kernels_pages(void **state) {
    (void)state;
    struct conv_fix f;
    conv_fix_begin(&f);
    for (size_t i = 0; i < KINDS; i++) {
        struct machine m;
        struct sc_convert_result r;
        struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_KERNEL};
        print_message("%s\n", kinds[i].name);
        begin(&m, &kinds[i]);
        sc_target *made = conv_fix_to(&f, m.t, &o, &r);
        const struct sc_kdump_header *h = sc_kdump_header(sc_target_source(made));
        assert_int_equal(h->dump_type, kinds[i].cpu == SC_CPU_X86 ? 2 : 6);
        same_system(&m, made);
        for (unsigned n = 0; n < USER_PAGES; n++)
            assert_false(holds(made, pa_of(&m, USER_VA + n * 0x1000)));
        assert_false(holds(made, 0x7000000));
        assert_true(r.left_out_unknown >= 1 && r.left_out >= USER_PAGES + 1);
        assert_true(holds(made, pa_of(&m, m.k.shared)));
        sc_target_close(made);
        sc_convert_result_free(&r);
        end(&m);
    }
    conv_fix_end(&f);
}

/* A page that the kernel maps, too: an application's buffer that a driver has locked. */
static void stripped_pages_are_gone_even_where_the_kernel_maps_them(void **state) {
    (void)state;
    struct conv_fix f;
    conv_fix_begin(&f);
    for (size_t i = 0; i < KINDS; i++) {
        struct machine m;
        struct sc_convert_result r;
        struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_KERNEL};
        uint64_t alias = 0;
        print_message("%s\n", kinds[i].name);
        begin(&m, &kinds[i]);
        alias = m.k.base + 0x700000;
        map_page(&m.k.t, alias, pa_of(&m, USER_VA) & ~(uint64_t)0xfff);
        sc_target_close(m.t);
        m.t = kmem_open(&m.k, NULL);
        sc_target *made = conv_fix_to(&f, m.t, &o, &r);
        assert_true(holds(made, pa_of(&m, alias)));
        sc_target_close(made);
        sc_convert_result_free(&r);
        o.strip_user = true;
        made = conv_fix_to(&f, m.t, &o, &r);
        assert_false(holds(made, pa_of(&m, alias)));
        assert_true(holds(made, pa_of(&m, m.k.prcb[0])));
        assert_true(holds(made, pa_of(&m, m.k.shared)));
        sc_target_close(made);
        sc_convert_result_free(&r);
        end(&m);
    }
    conv_fix_end(&f);
}

static void without_the_list_of_processes_nothing_is_stripped(void **state) {
    (void)state;
    struct conv_fix f;
    struct machine m;
    struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_ELF, .strip_user = true};
    conv_fix_begin(&f);
    begin(&m, &kinds[0]);
    kmem_ptr(&m.k, m.k.base + PROCESS + LINKS, m.k.base + 0x999000);
    sc_target_close(m.t);
    m.t = kmem_open(&m.k, NULL);
    conv_fix_refuses(&f, m.t, &o, SC_ERR_MEMORY, "none is written");
    end(&m);
    conv_fix_end(&f);
}

/* Tables whose every entry is a page of 1 GB: 512 times what there is, in each. */
static void tables_that_map_too_much_are_refused(void **state) {
    (void)state;
    struct conv_fix f;
    struct machine m;
    struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_KERNEL};
    conv_fix_begin(&f);
    begin(&m, &kinds[0]);
    for (unsigned i = 0; i < 16; i++) {
        uint64_t table = 0x20000000 + i * 0x1000;
        for (unsigned n = 0; n < 512; n++)
            pagestore_u64(&m.k.t.ps, table + n * 8, 0x83);
        pagestore_u64(&m.k.t.ps, m.k.t.paging.root + (0x180 + i) * 8, table | 3);
    }
    conv_fix_refuses(&f, m.t, &o, SC_ERR_LIMIT, "damaged");
    end(&m);
    conv_fix_end(&f);
}

/* A table that is its own next level: once at each level is enough. */
static void tables_that_lead_to_themselves_end(void **state) {
    (void)state;
    struct conv_fix f;
    struct machine m;
    struct sc_convert_result r;
    struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_KERNEL};
    conv_fix_begin(&f);
    begin(&m, &kinds[0]);
    for (unsigned n = 0; n < 512; n++)
        pagestore_u64(&m.k.t.ps, 0x20000000 + n * 8, 0x20000000 | 3);
    pagestore_u64(&m.k.t.ps, m.k.t.paging.root + 0x190 * 8, 0x20000000 | 3);
    sc_target *made = conv_fix_to(&f, m.t, &o, &r);
    assert_true(holds(made, 0x20000000));
    sc_target_close(made);
    sc_convert_result_free(&r);
    end(&m);
    conv_fix_end(&f);
}

/* ---- changes ---- */

static void an_encoded_block_is_decoded_and_said(void **state) {
    (void)state;
    struct conv_fix f;
    struct machine m;
    struct sc_convert_result r;
    struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_FULL};
    conv_fix_begin(&f);
    begin(&m, &kinds[0]);
    kmem_encode_block(&m.k, 0x11223344556677c1);
    sc_target_close(m.t);
    m.t = kmem_open(&m.k, NULL);
    uint64_t pa = pa_of(&m, m.k.kdbg);
    sc_target *made = conv_fix_to(&f, m.t, &o, &r);
    conv_fix_same(m.t, made, &r, false);
    assert_int_equal(r.nchanges, 1);
    assert_true(r.change[0].pa == pa && r.change[0].size == 0x368);
    uint64_t tag = 0;
    assert_int_equal(sc_space_uint(sc_target_phys(made), pa + 0x10, 4, &tag), SC_READ_OK);
    assert_true(tag == 0x4742444b);
    same_system(&m, made);
    sc_target_close(made);
    sc_convert_result_free(&r);
    o.to = SC_CONVERT_ELF;
    made = conv_fix_to(&f, m.t, &o, &r);
    assert_int_equal(r.nchanges, 0);
    conv_fix_same(m.t, made, &r, false);
    sc_target_close(made);
    sc_convert_result_free(&r);
    end(&m);
    conv_fix_end(&f);
}

static void what_cannot_be_read_is_zero_and_said(void **state) {
    (void)state;
    static const enum sc_read statuses[] = {SC_READ_IO, SC_READ_ABSENT};
    struct conv_fix f;
    conv_fix_begin(&f);
    for (unsigned i = 0; i < 2; i++) {
        struct machine m;
        struct sc_convert_result r = {0};
        struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_RAW, .overwrite = true};
        begin(&m, &kinds[0]);
        m.k.t.ps.no_view = true;
        m.k.t.ps.reads = 0;
        m.k.t.ps.fail_at = 3;
        m.k.t.ps.fail_status = statuses[i];
        assert_null(sc_convert(m.t, f.path, &o, &r));
        m.k.t.ps.fail_at = 0;
        assert_int_equal(r.nchanges, 1);
        assert_true(r.change[0].size == 0x1000 && strstr(r.change[0].why, "zeros"));
        assert_true(!strstr(r.change[0].why, "could not be read") == (i == 1));
        sc_file *file = NULL;
        assert_null(sc_file_open(f.path, 0, &file));
        const uint8_t *page = sc_file_view(file, r.change[0].pa, 0x1000);
        for (unsigned n = 0; n < 0x1000; n++)
            assert_int_equal(page[n], 0);
        sc_file_close(file);
        sc_convert_result_free(&r);
        end(&m);
    }
    conv_fix_end(&f);
}

/* ---- small dumps ---- */

static void a_small_dump_says_what_the_whole_one_says(void **state) {
    (void)state;
    struct conv_fix f;
    conv_fix_begin(&f);
    for (size_t i = 0; i < KINDS; i++) {
        struct machine m;
        struct sc_convert_result r;
        struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_TRIAGE};
        print_message("%s\n", kinds[i].name);
        begin(&m, &kinds[i]);
        struct sc_range extra[] = {{.start = m.k.base + 0x500000, .size = 0x40},
                                   {.start = m.k.base + 0x555000, .size = 0x40}, /* not there */
                                   {.start = USER_VA, .size = 0x20}};
        o.extra = extra;
        o.nextra = 3;
        sc_target *made = conv_fix_to(&f, m.t, &o, &r);
        const struct sc_triage_header *h = sc_triage_header(sc_target_source(made));
        const struct sc_threads *cpus;
        assert_true(h && h->valid_mark && h->size_of_dump == r.bytes);
        assert_int_equal(sc_target_source(made)->nnotes, 0);
        same_system(&m, made);
        assert_null(sc_target_threads(made, &cpus));
        for (uint32_t n = 0; n < KMEM_CPUS; n++)
            assert_true(cpus->item[n].prcb == m.k.prcb[n] && cpus->item[n].thread == m.k.thread[n]);
        const uint64_t places[] = {
            m.k.prcb[2],    m.k.thread[1], m.k.base + PROCESS,         m.k.block,
            extra[0].start, USER_VA,       kmem_stack(&m.k, 1) - 0x800};
        for (size_t n = 0; n < sizeof places / sizeof *places; n++) {
            uint64_t a = 1, b = 2;
            assert_int_equal(sc_space_uint(sc_target_space(m.t), places[n], 4, &a), SC_READ_OK);
            if (sc_space_uint(sc_target_space(made), places[n], 4, &b) != SC_READ_OK || a != b)
                fail_msg("0x%llx is not in the small dump", (unsigned long long)places[n]);
        }
        assert_true(r.bytes < 200000);
        sc_target_close(made);
        sc_convert_result_free(&r);
        o.strip_user = true;
        made = conv_fix_to(&f, m.t, &o, &r);
        uint64_t v;
        assert_int_not_equal(sc_space_uint(sc_target_space(made), USER_VA, 4, &v), SC_READ_OK);
        assert_int_equal(sc_space_uint(sc_target_space(made), m.k.prcb[1], 4, &v), SC_READ_OK);
        sc_target_close(made);
        sc_convert_result_free(&r);
        end(&m);
    }
    conv_fix_end(&f);
}

static void a_small_dump_of_a_small_dump_is_the_same_or_stripped(void **state) {
    (void)state;
    struct conv_fix f;
    struct machine m;
    struct sc_convert_result r;
    struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_TRIAGE};
    char other[128];
    conv_fix_begin(&f);
    begin(&m, &kinds[0]);
    struct sc_range extra = {.start = USER_VA, .size = 0x40};
    o.extra = &extra;
    o.nextra = 1;
    sc_target *small = conv_fix_to(&f, m.t, &o, &r);
    sc_convert_result_free(&r);
    snprintf(other, sizeof other, "%s/other", f.folder);
    assert_null(sc_convert(small, other, &o, &r));
    sc_convert_result_free(&r);
    sc_file *a = NULL, *b = NULL;
    assert_null(sc_file_open(f.path, 0, &a));
    assert_null(sc_file_open(other, 0, &b));
    assert_true(sc_file_size(a) == sc_file_size(b));
    assert_memory_equal(sc_file_view(a, 0, sc_file_size(a)), sc_file_view(b, 0, sc_file_size(a)),
                        sc_file_size(a));
    assert_non_null(
        memmem(sc_file_view(b, 0, sc_file_size(b)), sc_file_size(b), "process' own", 12));
    sc_file_close(b);
    o.strip_user = o.overwrite = true;
    assert_null(sc_convert(small, other, &o, &r));
    assert_true(r.left_out > 0);
    sc_convert_result_free(&r);
    assert_null(sc_file_open(other, 0, &b));
    assert_null(memmem(sc_file_view(b, 0, sc_file_size(b)), sc_file_size(b), "process' own", 12));
    sc_file_close(b);
    sc_file_close(a);
    sc_target *stripped = NULL;
    assert_null(sc_target_open(other, NULL, &stripped));
    same_system(&m, stripped);
    sc_target_close(stripped);
    sc_target_close(small);
    end(&m);
    conv_fix_end(&f);
}

/* ---- refusals ---- */

static bool stop_at_once(void *ctx, const char *what, uint64_t done, uint64_t total) {
    (void)what;
    (void)total;
    *(uint64_t *)ctx = done;
    return false;
}

static void cancelling_leaves_nothing(void **state) {
    (void)state;
    struct conv_fix f;
    struct machine m;
    uint64_t done = 0;
    conv_fix_begin(&f);
    begin(&m, &kinds[0]);
    for (int to = 0; to < SC_CONVERT_KINDS; to++) {
        struct sc_convert_opts o = {.sz = sizeof o,
                                    .to = (enum sc_convert_to)to,
                                    .progress = stop_at_once,
                                    .progress_ctx = &done};
        if (to != SC_CONVERT_TRIAGE)
            conv_fix_refuses(&f, m.t, &o, SC_ERR_CANCELLED, "");
        o.progress = NULL;
        sc_target_cancel(m.t);
        conv_fix_refuses(&f, m.t, &o, SC_ERR_CANCELLED, "");
        sc_target_clear_cancel(m.t);
    }
    assert_true(done > 0);
    end(&m);
    conv_fix_end(&f);
}

static void what_has_no_memory_is_refused(void **state) {
    (void)state;
    struct conv_fix f;
    sc_target *t = NULL;
    struct sc_fake process = {.sz = sizeof process, .cpu = SC_CPU_X64};
    struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_FULL};
    conv_fix_begin(&f);
    assert_null(sc_target_fake(&process, &t));
    conv_fix_refuses(&f, t, &o, SC_ERR_UNSUPPORTED, "copy the file");
    o.to = SC_CONVERT_TRIAGE;
    conv_fix_refuses(&f, t, &o, SC_ERR_UNSUPPORTED, "copy the file");
    sc_target_close(t);
    struct sc_fake kernel = {.sz = sizeof kernel, .cpu = SC_CPU_X64, .kernel = true};
    assert_null(sc_target_fake(&kernel, &t));
    conv_fix_refuses(&f, t, &o, SC_ERR_UNSUPPORTED, "");
    o.to = (enum sc_convert_to)SC_CONVERT_KINDS;
    conv_fix_refuses(&f, t, &o, SC_ERR_ARG, "no container");
    sc_target_close(t);
    conv_fix_end(&f);
}

static void memory_at_wild_addresses_is_bounded(void **state) {
    (void)state;
    struct conv_fix f;
    struct machine m;
    struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_BITMAP};
    conv_fix_begin(&f);
    begin(&m, &kinds[0]);
    pagestore_page(&m.k.t.ps, UINT64_C(1) << 51);
    conv_fix_refuses(&f, m.t, &o, SC_ERR_LIMIT, "--to elf");
    o.to = SC_CONVERT_RAW;
    conv_fix_refuses(&f, m.t, &o, SC_ERR_IO, "");
    pagestore_page(&m.k.t.ps, UINT64_C(1) << 60);
    o.to = SC_CONVERT_ELF;
    conv_fix_refuses(&f, m.t, &o, SC_ERR_LIMIT, "52 bits");
    end(&m);
    conv_fix_end(&f);
}

static void more_runs_than_a_header_holds_are_refused(void **state) {
    (void)state;
    struct conv_fix f;
    struct machine m;
    struct sc_convert_result r;
    struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_FULL};
    conv_fix_begin(&f);
    begin(&m, &kinds[0]);
    for (unsigned i = 0; i < 60; i++)
        pagestore_page(&m.k.t.ps, 0x30000000 + i * 0x2000);
    conv_fix_refuses(&f, m.t, &o, SC_ERR_UNSUPPORTED, "--to bitmap");
    o.to = SC_CONVERT_BITMAP;
    sc_target *made = conv_fix_to(&f, m.t, &o, &r);
    conv_fix_same(m.t, made, &r, false);
    sc_target_close(made);
    sc_convert_result_free(&r);
    end(&m);
    conv_fix_end(&f);
}

static void names_and_containers_belong_together(void **state) {
    (void)state;
    for (int i = 0; i < SC_CONVERT_KINDS; i++) {
        enum sc_convert_to to = SC_CONVERT_KINDS;
        assert_true(sc_convert_from_name(sc_convert_name((enum sc_convert_to)i), &to));
        assert_int_equal(to, i);
    }
    enum sc_convert_to to = SC_CONVERT_ELF;
    assert_false(sc_convert_from_name("tar", &to));
    assert_int_equal(to, SC_CONVERT_ELF);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives),
        cmocka_unit_test(raw_memory_lies_at_its_addresses),
        cmocka_unit_test(a_kernel_dump_has_the_kernels_pages),
        cmocka_unit_test(stripped_pages_are_gone_even_where_the_kernel_maps_them),
        cmocka_unit_test(without_the_list_of_processes_nothing_is_stripped),
        cmocka_unit_test(tables_that_map_too_much_are_refused),
        cmocka_unit_test(tables_that_lead_to_themselves_end),
        cmocka_unit_test(an_encoded_block_is_decoded_and_said),
        cmocka_unit_test(what_cannot_be_read_is_zero_and_said),
        cmocka_unit_test(a_small_dump_says_what_the_whole_one_says),
        cmocka_unit_test(a_small_dump_of_a_small_dump_is_the_same_or_stripped),
        cmocka_unit_test(cancelling_leaves_nothing),
        cmocka_unit_test(what_has_no_memory_is_refused),
        cmocka_unit_test(memory_at_wild_addresses_is_bounded),
        cmocka_unit_test(more_runs_than_a_header_holds_are_refused),
        cmocka_unit_test(names_and_containers_belong_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
