/* SPDX-License-Identifier: MIT */
/*
 * Containers of virtual machines as the forge writes them, which knows the readers' sources as
 * little as they know its: each page and each register comes back.
 */
#include "unit/vm_fixture.h"

#include "forge/wholes.h"

enum { PAGE = 0x1000, CPUS = 3, WRITTEN = 200 };

struct machine {
    struct forge_physmem *mem;
    struct forge_whole_cpu cpu[CPUS];
    struct forge_whole w;
};

static void set(struct sc_regs *regs, const char *name, uint64_t value) {
    const struct sc_reg *reg = sc_reg_find(regs->cpu, name);
    assert_non_null(reg);
    sc_reg_set(regs, reg, value);
}

static const char *const names64[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rip", "rsp", "rbp",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const names32[] = {"eax", "ebx", "ecx", "edx", "esi",
                                      "edi", "eip", "esp", "ebp"};
static const char *const namesarm[] = {"x0", "x1", "x17", "x28", "fp", "lr", "sp", "pc"};

static const char *const *names_of(enum sc_cpu cpu, size_t *n) {
    *n = cpu == SC_CPU_X64 ? 17 : cpu == SC_CPU_X86 ? 9 : 8;
    return cpu == SC_CPU_X64 ? names64 : cpu == SC_CPU_X86 ? names32 : namesarm;
}

static uint64_t value_of(enum sc_cpu cpu, unsigned index, size_t i) {
    uint64_t v = UINT64_C(0xfffff80112340000) + index * 0x1000 + i * 8;
    return cpu == SC_CPU_X86 ? (uint32_t)v : v;
}

static void make_cpu(struct forge_whole_cpu *c, enum sc_cpu cpu, unsigned index) {
    static const uint32_t marks[] = {
        [SC_CPU_X86] = 0x1001f, [SC_CPU_X64] = 0x10001f, [SC_CPU_ARM64] = 0x400007};
    c->regs.cpu = cpu;
    c->regs.size = (uint32_t)sc_context_size(cpu);
    uint8_t *flags = c->regs.raw + (cpu == SC_CPU_X64 ? 0x30 : 0);
    for (unsigned i = 0; i < 4; i++)
        flags[i] = (uint8_t)(marks[cpu] >> (8 * i));
    size_t n;
    const char *const *names = names_of(cpu, &n);
    for (size_t i = 0; i < n; i++)
        set(&c->regs, names[i], value_of(cpu, index, i));
    if (cpu != SC_CPU_ARM64) {
        set(&c->regs, "cs", 0x10);
        set(&c->regs, "efl", 0x246);
    }
    c->cr0 = 0x80050031;
    c->cr3 = 0x1ad000 + index * 0x1000;
    c->cr4 = 0x6f8;
    c->gs_base = UINT64_C(0xfffff80000010000) + index * 0x100000;
    c->fs_base = 0x80a00000 + index * 0x100000;
    c->kernel_gs_base = 0x7ff600000000;
    c->idt = value_of(cpu, index, 100);
}

static void make(struct machine *m, enum sc_cpu cpu, enum forge_whole_kind kind) {
    *m = (struct machine){.mem = forge_physmem_new()};
    assert_true(forge_physmem_pc(m->mem, 5 << 20)); /* small: files are read whole */
    forge_physmem_fill(m->mem, FORGE_RAM_PATTERN);
    for (unsigned i = 0; i < WRITTEN; i++) {
        uint64_t pa = forge_physmem_alloc(m->mem);
        uint8_t page[PAGE];
        memset(page, (int)(i + 1), sizeof page);
        assert_true(pa && forge_physmem_write(m->mem, pa, page, sizeof page));
    }
    for (unsigned i = 0; i < CPUS; i++)
        make_cpu(&m->cpu[i], cpu, i);
    m->w = (struct forge_whole){.kind = kind,
                                .mem = m->mem,
                                .is32 = cpu == SC_CPU_X86,
                                .machine = cpu == SC_CPU_X64   ? 0x8664
                                           : cpu == SC_CPU_X86 ? 0x14c
                                                               : 0xaa64,
                                .major = 15,
                                .build = 19041,
                                .dtb = 0x1ad000,
                                .cpu = m->cpu,
                                .ncpus = CPUS};
}

static struct opened open_machine(struct machine *m, const char *name) {
    struct opened o = {0};
    char why[FORGE_WHOLE_WHY] = "";
    if (!forge_whole_bytes(&m->w, &o.bytes, why))
        fail_msg("%s: %s", forge_whole_name(m->w.kind), why);
    sc_file *file = NULL;
    assert_null(sc_file_memory(name, o.bytes.data, o.bytes.size, 0, &file));
    sc_err *err = sc_source_open(file, &o.source);
    if (err)
        fail_msg("%s: %s", forge_whole_name(m->w.kind), sc_err_text(err));
    return o;
}

/* All RAM is there with its bytes, and nothing besides but (RAW) what fills the holes. */
static void has_memory(struct machine *m, struct opened *o, bool holes) {
    const struct sc_pages *p = pages_of(o);
    for (uint64_t pa = 0; pa < forge_physmem_end(m->mem) + 16 * PAGE; pa += PAGE) {
        uint8_t want[PAGE], got[PAGE];
        size_t n = 0;
        bool ram = forge_physmem_is_ram(m->mem, pa);
        enum sc_read status = p->ops->read(p->impl, pa, got, PAGE, &n);
        if (!ram && !holes)
            assert_int_equal(status, SC_READ_ABSENT);
        if (!ram)
            continue;
        if (status != SC_READ_OK || n != PAGE)
            fail_msg("%s: page 0x%llx: %s, %zu bytes", forge_whole_name(m->w.kind),
                     (unsigned long long)pa, sc_read_name(status), n);
        assert_true(forge_physmem_read(m->mem, pa, want, PAGE));
        assert_memory_equal(want, got, PAGE);
    }
}

/* WHOLE: general registers, segments and system registers; else the last alone. */
static void has_processors(struct machine *m, struct opened *o, enum sc_cpu cpu, bool whole) {
    assert_int_equal(o->source->machine.ncpus, CPUS);
    o->source->machine.cpu = cpu; /* what the kernel says, where the container does not */
    size_t n;
    const char *const *names = names_of(cpu, &n);
    for (unsigned i = 0; i < CPUS; i++) {
        if (cpu != SC_CPU_ARM64) {
            struct sc_thread t = thread_of(o, i);
            assert_true(t.dtb == m->cpu[i].cr3);
            assert_true(t.cr4 == m->cpu[i].cr4);
        }
        if (!whole)
            continue;
        struct sc_regs r = regs_of(o, i);
        for (size_t k = 0; k < n; k++)
            if (reg_value(&r, names[k]) != value_of(cpu, i, k))
                fail_msg("%s: processor %u: %s", forge_whole_name(m->w.kind), i, names[k]);
        if (cpu == SC_CPU_ARM64)
            continue;
        assert_int_equal(reg_value(&r, "efl"), 0x246);
        struct sc_thread t = thread_of(o, i);
        assert_true(t.idt == m->cpu[i].idt);
        assert_int_equal(reg_value(&r, "cs"), 0x10);
        assert_true(t.gs_base == m->cpu[i].gs_base);
        assert_true(t.kernel_gs_base == m->cpu[i].kernel_gs_base);
        assert_true(t.prcb ==
                    (cpu == SC_CPU_X64 ? m->cpu[i].gs_base + 0x180 : m->cpu[i].fs_base + 0x120));
    }
}

static void every_container_gives_back_what_was_written(void **state) {
    (void)state;
    static const struct {
        enum forge_whole_kind kind;
        bool processors, registers, holes;
    } kinds[] = {
        {FORGE_WHOLE_ELF, true, true, false},        {FORGE_WHOLE_ELF_NONOTES, true, true, false},
        {FORGE_WHOLE_ELF_BARE, false, false, false}, {FORGE_WHOLE_VBOX, true, true, false},
        {FORGE_WHOLE_LIME, false, false, false},     {FORGE_WHOLE_VMSS, true, false, true}};
    static const enum sc_cpu cpus[] = {SC_CPU_X64, SC_CPU_X86};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (size_t c = 0; c < 2; c++) {
            struct machine m;
            make(&m, cpus[c], kinds[i].kind);
            struct opened o = open_machine(&m, "machine.core");
            has_memory(&m, &o, kinds[i].holes);
            if (kinds[i].processors)
                has_processors(&m, &o, cpus[c], kinds[i].registers);
            else
                assert_null(o.source->ops->load_threads);
            for (size_t k = 0; k < o.source->nnotes; k++)
                fail_msg("%s: %s", forge_whole_name(kinds[i].kind), o.source->notes[k].text);
            opened_close(&o);
            forge_physmem_free(m.mem);
        }
}

static void an_arm64_core_gives_back_what_was_written(void **state) {
    (void)state;
    struct machine m;
    make(&m, SC_CPU_ARM64, FORGE_WHOLE_ELF_NONOTES);
    struct opened o = open_machine(&m, "machine.core");
    assert_int_equal(o.source->machine.cpu, SC_CPU_ARM64);
    has_memory(&m, &o, false);
    has_processors(&m, &o, SC_CPU_ARM64, true);
    opened_close(&o);
    forge_physmem_free(m.mem);
}

/* `dump-guest-memory -p`: a segment for each mapping, so pages come several times. */
static void a_core_of_virtual_mappings_holds_each_page_once(void **state) {
    (void)state;
    struct machine m;
    make(&m, SC_CPU_X64, FORGE_WHOLE_ELF_PAGING);
    const struct forge_whole_map maps[] = {
        {UINT64_C(0xfffff80000000000), 0x100000, 0x20000},
        {UINT64_C(0xfffff90000000000), 0x110000, 0x20000}, /* overlaps the first */
        {0x7ff600000000, 0x100000, 0x1000},
    };
    m.w.map = maps;
    m.w.nmaps = 3;
    struct opened o = open_machine(&m, "machine.core");
    has_memory(&m, &o, false);
    opened_close(&o);
    forge_physmem_free(m.mem);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_container_gives_back_what_was_written),
        cmocka_unit_test(an_arm64_core_gives_back_what_was_written),
        cmocka_unit_test(a_core_of_virtual_mappings_holds_each_page_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
