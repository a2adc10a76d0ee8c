/* SPDX-License-Identifier: MIT */
/* VMware's states and memory: tags, regions, the hole, processors, files beside each other. */
#define _XOPEN_SOURCE 700
#include <unistd.h>

#include "unit/vm_fixture.h"

enum { PAGE = 0x1000, GROUP = 0x50 };

/* A state under construction: room for GROUPS groups, filled one after the other. */
struct vmss {
    struct forge f;
    bool wide;
    unsigned ngroups;
};

static struct vmss begin(uint32_t magic, unsigned groups) {
    struct vmss v = {.wide = magic & 0xf};
    forge_init(&v.f);
    forge_u32(&v.f, magic);
    forge_u32(&v.f, 8);
    forge_u32(&v.f, groups);
    forge_fill(&v.f, 0, (size_t)groups * GROUP);
    return v;
}

static void group(struct vmss *v, const char *name) {
    uint64_t at = 12 + (uint64_t)v->ngroups++ * GROUP;
    forge_poke_bytes(&v->f, at, name, strlen(name));
    forge_poke(&v->f, at + 64, 8, forge_here(&v->f));
}

static void end_group(struct vmss *v) { forge_u16(&v->f, 0); }

static void head(struct vmss *v, const char *name, unsigned size, unsigned n, const uint32_t *at) {
    forge_u8(&v->f, (uint8_t)(size | n << 6));
    forge_u8(&v->f, (uint8_t)strlen(name));
    forge_put(&v->f, name, strlen(name));
    for (unsigned i = 0; i < n; i++)
        forge_u32(&v->f, at[i]);
}

static void plain(struct vmss *v, const char *name, unsigned width, uint64_t value) {
    head(v, name, width, 0, NULL);
    forge_uint(&v->f, width, value);
}

static void indexed(struct vmss *v, const char *name, uint32_t i, unsigned width, uint64_t value) {
    head(v, name, width, 1, &i);
    forge_uint(&v->f, width, value);
}

static void indexed2(struct vmss *v, const char *name, uint32_t i, uint32_t j, unsigned width,
                     uint64_t value) {
    head(v, name, width, 2, (const uint32_t[]){i, j});
    forge_uint(&v->f, width, value);
}

/* The head of a block; the caller writes SIZE bytes. KIND 62: compressed. */
static void block(struct vmss *v, const char *name, unsigned n, const uint32_t *at, unsigned kind,
                  uint64_t size) {
    head(v, name, kind, n, at);
    forge_uint(&v->f, v->wide ? 8 : 4, size);
    forge_uint(&v->f, v->wide ? 8 : 4, size);
    forge_u16(&v->f, 5);
    forge_fill(&v->f, 0xee, 5);
}

static const uint32_t none[2] = {0, 0};

static void region(struct vmss *v, uint32_t i, uint32_t page, uint32_t ppn, uint32_t size) {
    indexed(v, "regionPageNum", i, 4, page);
    indexed(v, "regionPPN", i, 4, ppn);
    indexed(v, "regionSize", i, 4, size);
}

/* A state of two regions with its memory inside: a page of A, then a page of B. */
static struct vmss with_memory(uint32_t magic, uint32_t claimed, unsigned kind) {
    struct vmss v = begin(magic, 3);
    group(&v, "Checkpoint");
    plain(&v, "memSize", 4, 4096);
    end_group(&v);
    group(&v, "memory");
    plain(&v, "regionsCount", 4, claimed);
    region(&v, 0, 0, 0, 1);
    region(&v, 1, 1, 0x100000, 1);
    block(&v, "Memory", 2, none, kind, 2 * PAGE);
    forge_fill(&v.f, 0xaa, PAGE);
    forge_fill(&v.f, 0xbb, PAGE);
    end_group(&v);
    return v;
}

static void memory_inside_the_state_lies_in_its_regions(void **state) {
    (void)state;
    static const uint32_t magics[] = {0xbed2bed2, 0xbed3bed3, 0xbad1bad1,
                                      0xbad2bad2, 0xbed2bed0, 0xbed0bed0};
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        struct vmss v = with_memory(magics[i], 2, 63);
        struct opened o = must_open(&v.f);
        assert_int_equal(byte_at(&o, 0), 0xaa);
        assert_int_equal(byte_at(&o, PAGE - 1), 0xaa);
        assert_int_equal(byte_at(&o, PAGE), -1);
        assert_int_equal(byte_at(&o, 0x100000000), 0xbb);
        assert_int_equal(byte_at(&o, 0x100000fff), 0xbb);
        assert_int_equal(byte_at(&o, 0x100001000), -1);
        assert_true(o.source->machine.kernel);
        needs_note(&o, "the machine has 4096 MB of memory, the file 0 MB");
        assert_int_equal(o.source->nnotes, 1);
        opened_close(&o);
    }
}

static void fewer_regions_than_named_are_used_when_the_count_says_so(void **state) {
    (void)state;
    struct vmss v = with_memory(0xbed2bed2, 1, 63);
    struct opened o = must_open(&v.f);
    assert_int_equal(byte_at(&o, 0), 0xaa);
    assert_int_equal(byte_at(&o, 0x100000000), -1);
    needs_note(&o, "has 1 regions of memory and names 2");
    opened_close(&o);

    v = with_memory(0xbed2bed2, 0xffffffff, 63);
    o = must_open(&v.f);
    assert_int_equal(byte_at(&o, 0x100000000), 0xbb);
    needs_note(&o, "has 4294967295 regions of memory and names 2");
    opened_close(&o);
}

static void a_count_of_no_regions_means_one_piece(void **state) {
    (void)state;
    struct vmss v = with_memory(0xbed2bed2, 0, 63);
    struct opened o = must_open(&v.f);
    assert_int_equal(byte_at(&o, 0), 0xaa);
    assert_int_equal(byte_at(&o, PAGE), 0xbb);
    assert_int_equal(byte_at(&o, 2 * PAGE), -1);
    opened_close(&o);
}

static void compressed_memory_is_refused_with_what_to_do(void **state) {
    (void)state;
    struct vmss v = with_memory(0xbed2bed2, 2, 62);
    is_refused(&v.f, SC_ERR_UNSUPPORTED, "is compressed");
}

static void a_state_without_memory_is_refused(void **state) {
    (void)state;
    struct vmss v = begin(0xbed2bed2, 1);
    group(&v, "memory");
    plain(&v, "regionsCount", 4, 0);
    end_group(&v);
    is_refused(&v.f, SC_ERR_UNSUPPORTED, "holds no memory, and no .vmem of its name");
}

/* --- processors ------------------------------------------------------------------------------- */

static void add_memory(struct vmss *v) {
    group(v, "memory");
    block(v, "Memory", 2, none, 63, PAGE);
    forge_fill(&v->f, 0, PAGE);
    end_group(v);
}

static void registers_come_from_single_tags(void **state) {
    (void)state;
    static const char *const gpr[] = {"rax", "rcx", "rdx", "rbx", "rbp", "rsp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    struct vmss v = begin(0xbed2bed2, 2);
    group(&v, "cpu");
    plain(&v, "cpu:numVCPUs", 4, 2);
    for (uint32_t cpu = 0; cpu < 2; cpu++) {
        for (uint32_t i = 0; i < 16; i++)
            indexed(&v, gpr[i], cpu, 8, UINT64_C(0x100000000) * (cpu + 1) + i);
        indexed(&v, "rip", cpu, 8, UINT64_C(0xfffff80011112222) + cpu);
        indexed(&v, "eflags", cpu, 4, 0x246);
        indexed2(&v, "CR64", cpu, 3, 8, 0x1ad000 + cpu);
        indexed2(&v, "CR64", cpu, 4, 8, 0x1406f8);
        indexed2(&v, "IDTR", cpu, 0, 2, 0xfff);
        indexed2(&v, "IDTR", cpu, 1, 4, 0x33334000 + cpu);
        indexed2(&v, "IDTR", cpu, 2, 4, 0xfffff802);
        indexed(&v, "unknown", cpu, 8, 99);
    }
    end_group(&v);
    add_memory(&v);
    struct opened o = must_open(&v.f);
    assert_int_equal(o.source->machine.ncpus, 2);
    o.source->machine.cpu = SC_CPU_X64; /* what the kernel says when it is found */
    struct sc_regs r = regs_of(&o, 1);
    for (uint32_t i = 0; i < 16; i++)
        assert_true(reg_value(&r, gpr[i]) == UINT64_C(0x200000000) + i);
    assert_true(reg_value(&r, "rip") == UINT64_C(0xfffff80011112223));
    assert_int_equal(reg_value(&r, "efl"), 0x246);
    struct sc_thread t = thread_of(&o, 1);
    assert_int_equal(t.dtb, 0x1ad001);
    assert_int_equal(t.cr4, 0x1406f8);
    assert_true(t.idt == UINT64_C(0xfffff80233334001));
    assert_int_equal(o.source->nnotes, 0);
    opened_close(&o);
}

static void registers_come_from_blocks(void **state) {
    (void)state;
    const uint32_t cpu[2] = {0, 0};
    struct vmss v = begin(0xbed2bed2, 2);
    group(&v, "cpu");
    block(&v, "gpregs", 1, cpu, 63, 128);
    for (uint64_t i = 0; i < 16; i++)
        forge_u64(&v.f, 0x5000 + i);
    block(&v, "CR64", 1, cpu, 63, 72);
    for (uint64_t i = 0; i < 9; i++)
        forge_u64(&v.f, 0x6000 + i);
    block(&v, "IDTR", 1, cpu, 63, 10);
    forge_u16(&v.f, 0xfff);
    forge_u64(&v.f, UINT64_C(0xfffff80000abc000));
    end_group(&v);
    add_memory(&v);
    struct opened o = must_open(&v.f);
    o.source->machine.cpu = SC_CPU_X64;
    struct sc_regs r = regs_of(&o, 0);
    assert_int_equal(reg_value(&r, "rbx"), 0x5003);
    assert_int_equal(reg_value(&r, "rsp"), 0x5005);
    assert_int_equal(reg_value(&r, "r15"), 0x500f);
    struct sc_thread t = thread_of(&o, 0);
    assert_int_equal(t.dtb, 0x6003);
    assert_true(t.idt == UINT64_C(0xfffff80000abc000));
    opened_close(&o);
}

static void control_registers_alone_are_no_registers(void **state) {
    (void)state;
    struct vmss v = begin(0xbed2bed2, 2);
    group(&v, "cpu");
    indexed2(&v, "CR64", 0, 3, 8, 0x1ad000);
    end_group(&v);
    add_memory(&v);
    struct opened o = must_open(&v.f);
    o.source->machine.cpu = SC_CPU_X64;
    assert_int_equal(thread_of(&o, 0).dtb, 0x1ad000);
    struct sc_regs none_said;
    sc_err *err = o.source->ops->load_regs(o.source, 0, &none_said);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
    opened_close(&o);
}

static void registers_of_a_32_bit_guest(void **state) {
    (void)state;
    struct vmss v = begin(0xbed2bed0, 2);
    group(&v, "cpu");
    indexed(&v, "eax", 0, 4, 0x11);
    indexed(&v, "esp", 0, 4, 0x80550000);
    indexed(&v, "eip", 0, 4, 0x804e0000);
    indexed(&v, "EFLAGS", 0, 4, 0x202);
    indexed2(&v, "CR", 0, 3, 4, 0x39000);
    end_group(&v);
    add_memory(&v);
    struct opened o = must_open(&v.f);
    struct sc_regs r;
    sc_err *err = o.source->ops->load_regs(o.source, 0, &r); /* what CPU is not known yet */
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
    o.source->machine.cpu = SC_CPU_X86;
    r = regs_of(&o, 0);
    assert_int_equal(reg_value(&r, "eax"), 0x11);
    assert_int_equal(reg_value(&r, "esp"), 0x80550000);
    assert_int_equal(reg_value(&r, "eip"), 0x804e0000);
    assert_int_equal(reg_value(&r, "efl"), 0x202);
    assert_int_equal(thread_of(&o, 0).dtb, 0x39000);
    opened_close(&o);
}

/* --- lies ------------------------------------------------------------------------------------- */

static void indices_out_of_bounds_are_left_out(void **state) {
    (void)state;
    struct vmss v = begin(0xbed2bed2, 2);
    group(&v, "cpu");
    indexed(&v, "rax", 0, 8, 1);
    indexed(&v, "rax", 0xffffffff, 8, 1);
    indexed(&v, "rcx", 0x10000000, 8, 1);
    end_group(&v);
    group(&v, "memory");
    region(&v, 0xfffffff0, 0, 0, 1);
    block(&v, "Memory", 2, none, 63, PAGE);
    forge_fill(&v.f, 0x55, PAGE);
    end_group(&v);
    struct opened o = must_open(&v.f);
    assert_int_equal(o.source->machine.ncpus, 1);
    needs_note(&o, "names a processor 4294967295");
    needs_note(&o, "names a region of memory 4294967280");
    assert_int_equal(byte_at(&o, 0), 0x55);
    opened_close(&o);
}

static void regions_and_blocks_behind_the_file_are_cut(void **state) {
    (void)state;
    struct vmss v = begin(0xbed2bed2, 1);
    group(&v, "memory");
    plain(&v, "regionsCount", 4, 3);
    region(&v, 0, 0, 0, 0xffffffff);
    head(&v, "regionSize", 8, 1, (const uint32_t[]){1});
    forge_u64(&v.f, UINT64_MAX);
    region(&v, 2, 0xffffffff, 0x100000, 4);
    block(&v, "Memory", 2, none, 63, UINT64_MAX - 100);
    forge_fill(&v.f, 0x66, PAGE);
    struct opened o = must_open(&v.f);
    assert_int_equal(byte_at(&o, PAGE - 1), 0x66);
    assert_int_equal(byte_at(&o, 0x100000000), -1);
    needs_note(&o, "the state file ends inside the tag 'Memory'");
    needs_note(&o, "is left out");
    opened_close(&o);
}

static void a_table_of_groups_that_lies_is_survived(void **state) {
    (void)state;
    struct vmss v = begin(0xbed2bed2, 1);
    group(&v, "other");
    end_group(&v);
    forge_poke(&v.f, 8, 4, 0xffffffff);
    is_refused(&v.f, SC_ERR_UNSUPPORTED, "holds no memory");

    v = begin(0xbed2bed2, 1);
    group(&v, "memory");
    forge_poke(&v.f, 12 + 64, 8, UINT64_MAX - 1); /* its tags are nowhere */
    is_refused(&v.f, SC_ERR_UNSUPPORTED, "holds no memory");
}

/* --- files beside each other ------------------------------------------------------------------ */

struct folder {
    char path[64];
};

static int make_folder(void **state) {
    static struct folder f;
    snprintf(f.path, sizeof f.path, "/tmp/stopcode-vmware-XXXXXX");
    *state = &f;
    return mkdtemp(f.path) ? 0 : -1;
}

static void in_folder(const struct folder *f, const char *name, char *buf, size_t size) {
    assert_true((size_t)snprintf(buf, size, "%s/%s", f->path, name) < size);
}

static void write_file(const struct folder *f, const char *name, const void *data, size_t size) {
    char path[128];
    in_folder(f, name, path, sizeof path);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, size, out), size);
    fclose(out);
}

static void write_forged(const struct folder *f, const char *name, struct vmss *v) {
    struct forge_bytes bytes;
    assert_true(forge_finish(&v->f, &bytes));
    forge_deinit(&v->f);
    write_file(f, name, bytes.data, bytes.size);
    forge_bytes_free(&bytes);
}

static void remove_files(const struct folder *f) {
    static const char *const names[] = {"vm.vmem", "vm.vmss", "vm.vmsn"};
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        in_folder(f, names[i], path, sizeof path);
        unlink(path);
    }
}

static int remove_folder(void **state) {
    const struct folder *f = *state;
    remove_files(f);
    return rmdir(f->path);
}

static sc_err *open_in(const struct folder *f, const char *name, struct opened *ret) {
    char path[128];
    in_folder(f, name, path, sizeof path);
    *ret = (struct opened){0};
    sc_file *file = NULL;
    assert_null(sc_file_open(path, 0, &file));
    return sc_source_open(file, &ret->source);
}

static void two_files(const struct folder *f, const char *state_name) {
    static uint8_t memory[256 * PAGE];
    memset(memory, 0xaa, sizeof memory / 2);
    memset(memory + sizeof memory / 2, 0xbb, sizeof memory / 2);
    remove_files(f);
    write_file(f, "vm.vmem", memory, sizeof memory);
    struct vmss v = begin(0xbed2bed2, 2);
    group(&v, "cpu");
    indexed2(&v, "CR64", 0, 3, 8, 0x1ad000);
    end_group(&v);
    group(&v, "memory");
    plain(&v, "regionsCount", 4, 2);
    region(&v, 0, 0, 0, 128);
    region(&v, 1, 128, 0x100000, 128);
    end_group(&v);
    write_forged(f, state_name, &v);
}

static void either_file_finds_the_other(void **state) {
    const struct folder *f = *state;
    static const char *const pairs[][2] = {{"vm.vmss", "vm.vmss"},
                                           {"vm.vmss", "vm.vmem"},
                                           {"vm.vmsn", "vm.vmsn"},
                                           {"vm.vmsn", "vm.vmem"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        two_files(f, pairs[i][0]);
        struct opened o;
        sc_err *err = open_in(f, pairs[i][1], &o);
        if (err)
            fail_msg("%s", sc_err_text(err));
        assert_int_equal(o.source->probe.format, SC_FORMAT_VMWARE);
        assert_int_equal(byte_at(&o, 0x7ffff), 0xaa);
        assert_int_equal(byte_at(&o, 0x80000), -1);
        assert_int_equal(byte_at(&o, 0x10007ffff), 0xbb);
        assert_int_equal(thread_of(&o, 0).dtb, 0x1ad000);
        assert_int_equal(o.source->nnotes, 0);
        opened_close(&o);
    }
}

static void memory_alone_is_opened_and_said(void **state) {
    const struct folder *f = *state;
    two_files(f, "vm.vmss");
    char path[128];
    in_folder(f, "vm.vmss", path, sizeof path);
    unlink(path);
    struct opened o;
    assert_null(open_in(f, "vm.vmem", &o));
    assert_int_equal(byte_at(&o, 0), 0xaa);
    assert_int_equal(byte_at(&o, 0x80000), 0xbb);
    needs_note(&o, "no .vmss or .vmsn of this name");
    opened_close(&o);

    write_file(f, "vm.vmss", "nonsense", 8);
    assert_null(open_in(f, "vm.vmem", &o));
    needs_note(&o, "is no state of VMware's");
    opened_close(&o);
}

static void a_state_whose_memory_is_gone_says_so(void **state) {
    const struct folder *f = *state;
    two_files(f, "vm.vmss");
    char path[128];
    in_folder(f, "vm.vmem", path, sizeof path);
    unlink(path);
    struct opened o;
    sc_err *err = open_in(f, "vm.vmss", &o);
    assert_int_equal(sc_err_code(err), SC_ERR_UNSUPPORTED);
    assert_non_null(strstr(sc_err_text(err), "no .vmem of its name"));
    sc_err_destroy(err);
}

/* A sparse file of 5 GiB: what lies behind 3 GiB in it is memory above 4 GiB. */
static void without_regions_memory_goes_around_the_hole(void **state) {
    const struct folder *f = *state;
    remove_files(f);
    char path[128];
    in_folder(f, "vm.vmem", path, sizeof path);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(ftruncate(fileno(out), (off_t)5 << 30), 0);
    assert_int_equal(fseeko(out, ((off_t)3 << 30) - 1, SEEK_SET), 0);
    fputc(0x11, out);
    fputc(0x22, out);
    fclose(out);
    struct opened o;
    assert_null(open_in(f, "vm.vmem", &o));
    assert_int_equal(byte_at(&o, UINT64_C(0xbfffffff)), 0x11);
    assert_int_equal(byte_at(&o, UINT64_C(0xc0000000)), -1);
    assert_int_equal(byte_at(&o, UINT64_C(0xffffffff)), -1);
    assert_int_equal(byte_at(&o, UINT64_C(0x100000000)), 0x22);
    assert_int_equal(byte_at(&o, UINT64_C(0x17fffffff)), 0);
    assert_int_equal(byte_at(&o, UINT64_C(0x180000000)), -1);
    opened_close(&o);

    struct vmss v = begin(0xbed2bed2, 2); /* ARM64 begins elsewhere, and has no hole */
    group(&v, "Checkpoint");
    plain(&v, "Platform", 4, 3);
    end_group(&v);
    write_forged(f, "vm.vmss", &v);
    assert_null(open_in(f, "vm.vmss", &o));
    assert_int_equal(o.source->machine.cpu, SC_CPU_ARM64);
    assert_int_equal(byte_at(&o, UINT64_C(0x7fffffff)), -1);
    assert_int_equal(byte_at(&o, UINT64_C(0x80000000) + UINT64_C(0xbfffffff)), 0x11);
    opened_close(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_inside_the_state_lies_in_its_regions),
        cmocka_unit_test(fewer_regions_than_named_are_used_when_the_count_says_so),
        cmocka_unit_test(a_count_of_no_regions_means_one_piece),
        cmocka_unit_test(compressed_memory_is_refused_with_what_to_do),
        cmocka_unit_test(a_state_without_memory_is_refused),
        cmocka_unit_test(registers_come_from_single_tags),
        cmocka_unit_test(registers_come_from_blocks),
        cmocka_unit_test(control_registers_alone_are_no_registers),
        cmocka_unit_test(registers_of_a_32_bit_guest),
        cmocka_unit_test(indices_out_of_bounds_are_left_out),
        cmocka_unit_test(regions_and_blocks_behind_the_file_are_cut),
        cmocka_unit_test(a_table_of_groups_that_lies_is_survived),
        cmocka_unit_test(either_file_finds_the_other),
        cmocka_unit_test(memory_alone_is_opened_and_said),
        cmocka_unit_test(a_state_whose_memory_is_gone_says_so),
        cmocka_unit_test(without_regions_memory_goes_around_the_hole),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
