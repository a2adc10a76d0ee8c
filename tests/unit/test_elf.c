/* SPDX-License-Identifier: MIT */
/* ELF cores of virtual machines: memory, processors, and what is refused. */
#include "unit/vm_fixture.h"

#include "dump/elf_impl.h"

enum { EM_386 = 3, EM_X64 = 62, EM_ARM64 = 183, PT_LOAD = 1, PT_NOTE = 4, ET_CORE = 4 };
enum { QEMU_SIZE = 0x1b8, VBOX_SIZE = 0x2240, PAGE = 0x1000 };

/* A core under construction: program headers first, then notes, then memory. */
struct core {
    struct forge f;
    bool is64;
    unsigned nsegments, room;
};

static void u(struct core *c, uint64_t v) { forge_uint(&c->f, c->is64 ? 8 : 4, v); }

static struct core begin(bool is64, uint16_t machine, uint16_t type, unsigned nsegments,
                         uint16_t phnum) {
    struct core c = {.is64 = is64, .room = nsegments};
    forge_init(&c.f);
    static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
    forge_put(&c.f, magic, 4);
    forge_u8(&c.f, is64 ? 2 : 1);
    forge_u8(&c.f, 1);
    forge_u8(&c.f, 1);
    forge_pad_to(&c.f, 16);
    forge_u16(&c.f, type);
    forge_u16(&c.f, machine);
    forge_u32(&c.f, 1);
    u(&c, 0);
    u(&c, is64 ? 0x40 : 0x34);
    u(&c, 0); /* e_shoff */
    forge_u32(&c.f, 0);
    forge_u16(&c.f, is64 ? 0x40 : 0x34);
    forge_u16(&c.f, is64 ? 0x38 : 0x20);
    forge_u16(&c.f, phnum);
    forge_u16(&c.f, 0);
    forge_u16(&c.f, 0);
    forge_u16(&c.f, 0);
    forge_fill(&c.f, 0, (size_t)nsegments * (is64 ? 0x38 : 0x20));
    return c;
}

static struct core core64(unsigned nsegments) {
    return begin(true, EM_X64, ET_CORE, nsegments, (uint16_t)nsegments);
}

/* Fills the next program header. */
static void segment(struct core *c, uint32_t type, uint64_t offset, uint64_t paddr, uint64_t filesz,
                    uint64_t memsz) {
    uint64_t at = (c->is64 ? 0x40u : 0x34u) + (uint64_t)c->nsegments * (c->is64 ? 0x38 : 0x20);
    assert_true(c->nsegments++ < c->room);
    unsigned w = c->is64 ? 8 : 4;
    forge_poke(&c->f, at, 4, type);
    at += w;
    const uint64_t field[] = {offset, 0, paddr, filesz, memsz};
    for (int i = 0; i < 5; i++, at += w)
        forge_poke(&c->f, at, w, field[i]);
}

/* SIZE bytes of FILL as memory at PADDR. */
static void memory(struct core *c, uint64_t paddr, uint8_t fill, size_t size) {
    segment(c, PT_LOAD, forge_here(&c->f), paddr, size, size);
    forge_fill(&c->f, fill, size);
}

static uint64_t notes_begin(struct core *c) { return forge_here(&c->f); }
static void notes_end(struct core *c, uint64_t begin_at) {
    uint64_t size = forge_here(&c->f) - begin_at;
    segment(c, PT_NOTE, begin_at, 0, size, size);
}

/* The head of a note; the caller writes SIZE bytes of data and aligns to 4. */
static void note(struct core *c, const char *name, uint32_t namesz, uint32_t type, uint32_t size) {
    forge_u32(&c->f, namesz);
    forge_u32(&c->f, size);
    forge_u32(&c->f, type);
    forge_put(&c->f, name, strlen(name) + 1);
    while (forge_here(&c->f) % 4)
        forge_u8(&c->f, 0);
}

/* QEMUCPUState: registers are SEED and its number; what the test looks at is poked in. */
static uint64_t qemu(struct core *c, uint64_t seed, uint32_t size) {
    note(c, "QEMU", 5, 0, size);
    uint64_t at = forge_here(&c->f);
    forge_u32(&c->f, 1);
    forge_u32(&c->f, size);
    for (uint32_t i = 8; i < size; i += 8)
        forge_u64(&c->f, seed + i);
    return at;
}

/* --- memory ----------------------------------------------------------------------------------- */

static void segments_are_memory_at_their_physical_addresses(void **state) {
    (void)state;
    for (int is64 = 0; is64 < 2; is64++) {
        struct core c = begin(is64, is64 ? EM_X64 : EM_386, ET_CORE, 3, 3);
        memory(&c, 0x100000, 0x22, 2 * PAGE);
        memory(&c, 0, 0x11, PAGE);
        memory(&c, is64 ? 0x123456000 : 0xfff00000, 0x33, PAGE);
        struct opened o = must_open(&c.f);
        assert_int_equal(byte_at(&o, 0), 0x11);
        assert_int_equal(byte_at(&o, PAGE - 1), 0x11);
        assert_int_equal(byte_at(&o, PAGE), -1);
        assert_int_equal(byte_at(&o, 0xfffff), -1);
        assert_int_equal(byte_at(&o, 0x100000), 0x22);
        assert_int_equal(byte_at(&o, 0x101fff), 0x22);
        assert_int_equal(byte_at(&o, is64 ? 0x123456fff : 0xfff00fff), 0x33);
        assert_int_equal(o.source->nnotes, 0);
        assert_true(o.source->machine.kernel && o.source->machine.windows);
        assert_int_equal(o.source->machine.cpu, is64 ? SC_CPU_X64 : SC_CPU_X86);
        assert_null(o.source->ops->load_threads); /* nothing is said of processors */
        opened_close(&o);
    }
}

static void more_segments_than_sixteen_bits_count(void **state) {
    (void)state;
    enum { N = 70000, UNIT = 16 };
    struct core c = begin(true, EM_X64, ET_CORE, N, 0xffff);
    uint64_t base = forge_here(&c.f);
    for (unsigned i = 0; i < N; i++)
        segment(&c, PT_LOAD, base + (uint64_t)i % 256 * UNIT, (uint64_t)i * 0x2000, UNIT, UNIT);
    for (unsigned i = 0; i < 256; i++)
        forge_fill(&c.f, (uint8_t)i, UNIT);
    forge_poke(&c.f, 0x28, 8, forge_here(&c.f)); /* e_shoff */
    uint64_t section = forge_here(&c.f);
    forge_fill(&c.f, 0, 0x40);
    forge_poke(&c.f, section + 0x2c, 4, N);
    struct opened o = must_open(&c.f);
    assert_int_equal(byte_at(&o, (uint64_t)(N - 1) * 0x2000), (N - 1) % 256);
    assert_int_equal(byte_at(&o, (uint64_t)N * 0x2000), -1);
    assert_int_equal(o.source->nnotes, 0);
    opened_close(&o);
}

static void program_headers_that_do_not_fit_are_said(void **state) {
    (void)state;
    struct core c = begin(true, EM_X64, ET_CORE, 2, 0xfffe);
    memory(&c, 0, 0x11, PAGE);
    struct opened o = must_open(&c.f);
    needs_note(&o, "program headers");
    assert_int_equal(byte_at(&o, 5), 0x11);
    opened_close(&o);

    c = begin(true, EM_X64, ET_CORE, 2, 0xffff); /* no section header */
    memory(&c, 0, 0x11, PAGE);
    o = must_open(&c.f);
    needs_note(&o, "section header");
    opened_close(&o);

    c = core64(1);
    memory(&c, 0, 0x11, PAGE);
    forge_poke(&c.f, 0x36, 2, 0x20);
    is_refused(&c.f, SC_ERR_FORMAT, "too small");

    c = core64(1);
    memory(&c, 0, 0x11, PAGE);
    forge_poke(&c.f, 0x20, 8, UINT64_MAX - 3); /* the table is nowhere */
    is_refused(&c.f, SC_ERR_FORMAT, "holds no memory");
}

static void sizes_that_disagree_are_cut_and_said(void **state) {
    (void)state;
    struct core c = core64(4);
    uint64_t at = forge_here(&c.f);
    segment(&c, PT_LOAD, at, 0x10000, PAGE, 3 * PAGE); /* the file has less than the memory */
    segment(&c, PT_LOAD, at, 0x20000, PAGE, 0x10);     /* … more than the memory */
    segment(&c, PT_LOAD, at, 0x30000, 0, PAGE);        /* … nothing */
    segment(&c, PT_LOAD, at + PAGE / 2, 0x40000, PAGE, PAGE);
    forge_fill(&c.f, 0x44, PAGE);
    struct opened o = must_open(&c.f);
    assert_int_equal(byte_at(&o, 0x10fff), 0x44);
    assert_int_equal(byte_at(&o, 0x11000), -1);
    assert_int_equal(byte_at(&o, 0x2000f), 0x44);
    assert_int_equal(byte_at(&o, 0x20010), -1);
    assert_int_equal(byte_at(&o, 0x30000), -1);
    assert_int_equal(byte_at(&o, 0x407ff), 0x44);
    assert_int_equal(byte_at(&o, 0x40800), -1); /* the file ends */
    needs_note(&o, "of 2 ranges of memory the file lacks bytes");
    opened_close(&o);
}

/* --- processors ------------------------------------------------------------------------------- */

static void qemu_processors_have_registers_and_tables(void **state) {
    (void)state;
    struct core c = core64(2);
    uint64_t at = notes_begin(&c);
    qemu(&c, UINT64_C(0x1111000000000000), QEMU_SIZE);
    uint64_t second = qemu(&c, UINT64_C(0x2222000000000000), QEMU_SIZE);
    forge_poke(&c.f, second + 0x98, 4, 0x33);                          /* cs: user mode */
    forge_poke(&c.f, second + 0xf8 + 0x10, 8, 0x7ff600000000);         /* gs: a TEB */
    forge_poke(&c.f, second + 0x1b0, 8, UINT64_C(0xffffd00012340000)); /* kernel_gs_base */
    notes_end(&c, at);
    memory(&c, 0, 0, PAGE);
    struct opened o = must_open(&c.f);
    assert_int_equal(o.source->machine.ncpus, 2);

    struct sc_regs r = regs_of(&o, 0);
    static const struct {
        const char *name;
        uint16_t offset;
    } all[] = {{"rax", 0x08}, {"rbx", 0x10}, {"rcx", 0x18}, {"rdx", 0x20}, {"rsi", 0x28},
               {"rdi", 0x30}, {"rsp", 0x38}, {"rbp", 0x40}, {"r8", 0x48},  {"r9", 0x50},
               {"r10", 0x58}, {"r11", 0x60}, {"r12", 0x68}, {"r13", 0x70}, {"r14", 0x78},
               {"r15", 0x80}, {"rip", 0x88}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_true(reg_value(&r, all[i].name) == UINT64_C(0x1111000000000000) + all[i].offset);
    assert_int_equal(reg_value(&r, "efl"), 0x90);
    assert_int_equal(reg_value(&r, "cs"), 0x98);
    assert_int_equal(reg_value(&r, "ss"), 0x110);
    uint64_t none;
    assert_false(sc_regs_get(&r, "xmm0", &none)); /* QEMU's state has no vectors */
    assert_true(sc_regs_ip(&r) == UINT64_C(0x1111000000000088));

    struct sc_thread t = thread_of(&o, 1);
    assert_int_equal(t.index, 1);
    assert_true(t.dtb == UINT64_C(0x22220000000001a0));
    assert_true(t.cr4 == UINT64_C(0x22220000000001a8));
    assert_true(t.idt == UINT64_C(0x2222000000000180));
    assert_true(t.gs_base == 0x7ff600000000);
    assert_true(t.kernel_gs_base == UINT64_C(0xffffd00012340000));
    assert_true(t.prcb == UINT64_C(0xffffd00012340180));
    assert_true(t.context_off == SC_UNSET64 && !t.context_va);

    struct sc_regs none_left;
    sc_err *err = o.source->ops->load_regs(o.source, 2, &none_left);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
    opened_close(&o);
}

static void an_older_qemu_has_no_kernel_gs_base(void **state) {
    (void)state;
    struct core c = core64(2);
    uint64_t at = notes_begin(&c);
    uint64_t cpu = qemu(&c, 0x1000, 0x1b0);
    forge_poke(&c.f, cpu + 0x98, 4, 0x10);
    forge_poke(&c.f, cpu + 0x108, 8, UINT64_C(0xfffff80011110000));
    notes_end(&c, at);
    memory(&c, 0, 0, PAGE);
    struct opened o = must_open(&c.f);
    struct sc_thread t = thread_of(&o, 0);
    assert_true(t.gs_base == UINT64_C(0xfffff80011110000));
    assert_true(t.prcb == UINT64_C(0xfffff80011110180));
    assert_int_equal(t.kernel_gs_base, 0);
    opened_close(&o);
}

static void a_32_bit_guest_has_its_own_names(void **state) {
    (void)state;
    struct core c = begin(true, EM_386, ET_CORE, 2, 2); /* above 4 GiB: a 64-bit file */
    uint64_t at = notes_begin(&c);
    uint64_t cpu = qemu(&c, 0x80000000, QEMU_SIZE);
    forge_poke(&c.f, cpu + 0x98, 4, 8);
    forge_poke(&c.f, cpu + 0xe0 + 0x10, 8, 0xffdff000);
    notes_end(&c, at);
    memory(&c, 0, 0, PAGE);
    struct opened o = must_open(&c.f);
    struct sc_regs r = regs_of(&o, 0);
    assert_int_equal(r.cpu, SC_CPU_X86);
    assert_int_equal(reg_value(&r, "eax"), 0x80000008);
    assert_int_equal(reg_value(&r, "eip"), 0x80000088);
    assert_int_equal(reg_value(&r, "cs"), 8);
    assert_int_equal(thread_of(&o, 0).prcb, 0xffdff120);
    opened_close(&o);
}

/* NT_PRSTATUS with numbers that are their own offsets, in words of WORD bytes. */
static void prstatus(struct core *c, uint32_t size, unsigned word) {
    note(c, "CORE", 5, 1, size);
    for (uint32_t i = 0; i < size; i += word)
        forge_uint(&c->f, word, i);
    while (forge_here(&c->f) % 4)
        forge_u8(&c->f, 0);
}

static void without_qemus_state_general_registers_are_there(void **state) {
    (void)state;
    struct core c = core64(2);
    uint64_t at = notes_begin(&c);
    prstatus(&c, 0x150, 8);
    notes_end(&c, at);
    memory(&c, 0, 0, PAGE);
    struct opened o = must_open(&c.f);
    struct sc_regs r = regs_of(&o, 0);
    static const struct {
        const char *name;
        uint16_t at;
    } x64[] = {{"r15", 0x70}, {"r14", 0x78}, {"r13", 0x80},  {"r12", 0x88},  {"rbp", 0x90},
               {"rbx", 0x98}, {"r11", 0xa0}, {"r10", 0xa8},  {"r9", 0xb0},   {"r8", 0xb8},
               {"rax", 0xc0}, {"rcx", 0xc8}, {"rdx", 0xd0},  {"rsi", 0xd8},  {"rdi", 0xe0},
               {"rip", 0xf0}, {"cs", 0xf8},  {"efl", 0x100}, {"rsp", 0x108}, {"ss", 0x110},
               {"ds", 0x128}, {"es", 0x130}, {"fs", 0x138},  {"gs", 0x140}};
    for (size_t i = 0; i < sizeof x64 / sizeof *x64; i++)
        assert_int_equal(reg_value(&r, x64[i].name), x64[i].at);
    assert_int_equal(thread_of(&o, 0).gs_base, 0x120);
    opened_close(&o);

    c = begin(false, EM_386, ET_CORE, 2, 2);
    at = notes_begin(&c);
    prstatus(&c, 0x90, 4);
    notes_end(&c, at);
    memory(&c, 0, 0, PAGE);
    o = must_open(&c.f);
    r = regs_of(&o, 0);
    static const struct {
        const char *name;
        uint16_t at;
    } x86[] = {{"ebx", 0x48}, {"ecx", 0x4c}, {"edx", 0x50}, {"esi", 0x54},
               {"edi", 0x58}, {"ebp", 0x5c}, {"eax", 0x60}, {"ds", 0x64},
               {"es", 0x68},  {"fs", 0x6c},  {"gs", 0x70},  {"eip", 0x78},
               {"cs", 0x7c},  {"efl", 0x80}, {"esp", 0x84}, {"ss", 0x88}};
    for (size_t i = 0; i < sizeof x86 / sizeof *x86; i++)
        assert_int_equal(reg_value(&r, x86[i].name), x86[i].at);
    opened_close(&o);
}

static void arm64_processors_have_vectors_too(void **state) {
    (void)state;
    struct core c = begin(true, EM_ARM64, ET_CORE, 2, 2);
    uint64_t at = notes_begin(&c);
    for (uint64_t cpu = 0; cpu < 2; cpu++) {
        prstatus(&c, 0x188, 8);
        note(&c, "CORE", 5, 2, 0x210);
        for (uint64_t i = 0; i < 64; i++)
            forge_u64(&c.f, 0x100 * (cpu + 1) + i);
        forge_u32(&c.f, 0xf5); /* fpsr */
        forge_u32(&c.f, 0xfc); /* fpcr */
        forge_u64(&c.f, 0);
    }
    notes_end(&c, at);
    memory(&c, 0x40000000, 0x77, PAGE);
    struct opened o = must_open(&c.f);
    assert_int_equal(o.source->machine.cpu, SC_CPU_ARM64);
    assert_int_equal(o.source->machine.ncpus, 2);
    struct sc_regs r = regs_of(&o, 1);
    assert_int_equal(reg_value(&r, "x0"), 0x70);
    assert_int_equal(reg_value(&r, "x28"), 0x150);
    assert_int_equal(reg_value(&r, "fp"), 0x158);
    assert_int_equal(reg_value(&r, "lr"), 0x160);
    assert_int_equal(reg_value(&r, "sp"), 0x168);
    assert_int_equal(reg_value(&r, "pc"), 0x170);
    assert_int_equal(reg_value(&r, "psr"), 0x178);
    uint8_t v[16];
    const struct sc_reg *row = sc_reg_find(SC_CPU_ARM64, "v31");
    assert_non_null(row);
    sc_reg_bytes(&r, row, v);
    assert_int_equal(v[0] | v[1] << 8, 0x200 + 62);
    assert_int_equal(v[8] | v[9] << 8, 0x200 + 63);
    assert_int_equal(reg_value(&r, "fpcr"), 0xfc);
    assert_int_equal(reg_value(&r, "fpsr"), 0xf5);
    assert_int_equal(byte_at(&o, 0x40000000), 0x77);
    opened_close(&o);
}

/* A core of VirtualBox with one processor's record of SIZE bytes, each word its own offset. */
static struct core vbox(uint32_t format, uint32_t size, bool lma) {
    struct core c = core64(2);
    uint64_t at = notes_begin(&c);
    note(&c, "VBCORE", 6, 0xb00, 24);
    const uint32_t descriptor[] = {0xc01ac0de, format, 24, 0x07000a00, 1234, 1};
    for (size_t i = 0; i < 6; i++)
        forge_u32(&c.f, descriptor[i]);
    note(&c, "VBCPU", 5, 0xb01, size);
    uint64_t cpu = forge_here(&c.f);
    for (uint32_t i = 0; i < size; i += 8)
        forge_u64(&c.f, i);
    forge_poke(&c.f, cpu + 0x1e8, 8, lma ? 0xd01 : 0x801);
    forge_poke(&c.f, cpu + 0xa0, 2, 0x10);
    forge_poke(&c.f, cpu + 0xf0, 8, UINT64_C(0xfffff80000000000));
    forge_poke(&c.f, cpu + 0xd8, 8, 0xffdff000);
    notes_end(&c, at);
    memory(&c, 0, 0x99, PAGE);
    return c;
}

static void virtualbox_processors_are_read_in_every_layout(void **state) {
    (void)state;
    static const struct {
        uint32_t format, size, floats;
    } layouts[] = {{0x10005, 0x2238, 0x238},
                   {0x10005, 0x2240, 0x240},
                   {0x10006, 0x2248, 0x248},
                   {0x10006, 0x2250, 0x250},
                   {0x10002, 0x400, 0}}; /* a size that is not known: no vectors */
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        struct core c = vbox(layouts[i].format, layouts[i].size, true);
        struct opened o = must_open(&c.f);
        assert_int_equal(o.source->machine.cpu, SC_CPU_X64);
        struct sc_regs r = regs_of(&o, 0);
        assert_int_equal(reg_value(&r, "rax"), 0);
        assert_int_equal(reg_value(&r, "rdi"), 0x28);
        assert_int_equal(reg_value(&r, "r15"), 0x68);
        assert_int_equal(reg_value(&r, "rip"), 0x70);
        assert_int_equal(reg_value(&r, "rsp"), 0x78);
        assert_int_equal(reg_value(&r, "rbp"), 0x80);
        assert_int_equal(reg_value(&r, "efl"), 0x88);
        assert_int_equal(reg_value(&r, "cs"), 0x10);
        assert_int_equal(reg_value(&r, "ss"), 0x118);
        assert_int_equal(reg_value(&r, "dr7"), 0x178);
        uint64_t xmm = 0;
        assert_int_equal(sc_regs_get(&r, "xmm0", &xmm), layouts[i].floats != 0);
        if (layouts[i].floats)
            assert_int_equal(xmm, layouts[i].floats + 0xa0);
        struct sc_thread t = thread_of(&o, 0);
        assert_int_equal(t.dtb, 0x130);
        assert_int_equal(t.cr4, 0x138);
        assert_int_equal(t.idt, 0x190);
        assert_int_equal(t.kernel_gs_base, 0x218);
        assert_true(t.prcb == UINT64_C(0xfffff80000000180));
        assert_int_equal(byte_at(&o, 0), 0x99);
        opened_close(&o);
    }
}

static void virtualbox_says_64_bit_machine_of_any_guest(void **state) {
    (void)state;
    struct core c = vbox(0x10005, VBOX_SIZE, false);
    struct opened o = must_open(&c.f);
    assert_int_equal(o.source->machine.cpu, SC_CPU_X86);
    struct sc_regs r = regs_of(&o, 0);
    assert_int_equal(reg_value(&r, "edi"), 0x28);
    assert_int_equal(reg_value(&r, "xmm1"), 0x240 + 0xb0);
    assert_int_equal(thread_of(&o, 0).prcb, 0xffdff120);
    opened_close(&o);

    c = vbox(0x10001, VBOX_SIZE, true); /* another record altogether */
    o = must_open(&c.f);
    assert_int_equal(o.source->machine.cpu, SC_CPU_UNKNOWN);
    assert_int_equal(thread_of(&o, 0).dtb, 0);
    struct sc_regs none;
    sc_err *err = o.source->ops->load_regs(o.source, 0, &none);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
    opened_close(&o);
}

/* --- notes that lie --------------------------------------------------------------------------- */

static void notes_that_lie_are_left_out_and_said(void **state) {
    (void)state;
    struct core c = core64(2);
    uint64_t at = notes_begin(&c);
    qemu(&c, 0x1000, QEMU_SIZE);
    uint64_t bad = forge_here(&c.f);
    qemu(&c, 0x2000, QEMU_SIZE);
    forge_poke(&c.f, bad + 4, 4, 0xfffffff0); /* descsz */
    notes_end(&c, at);
    memory(&c, 0, 0, PAGE);
    struct opened o = must_open(&c.f);
    needs_note(&o, "does not fit in its segment");
    assert_int_equal(o.source->machine.ncpus, 1);
    opened_close(&o);

    c = core64(2);
    at = notes_begin(&c);
    bad = forge_here(&c.f);
    qemu(&c, 0x2000, QEMU_SIZE);
    forge_poke(&c.f, bad, 4, 0xffffffff); /* namesz */
    notes_end(&c, at);
    memory(&c, 0, 0, PAGE);
    o = must_open(&c.f);
    needs_note(&o, "does not fit in its segment");
    opened_close(&o);

    c = core64(2); /* a state that is cut short: the processor is there, its registers are not */
    at = notes_begin(&c);
    qemu(&c, 0x2000, 0x100);
    notes_end(&c, at);
    memory(&c, 0, 0, PAGE);
    o = must_open(&c.f);
    struct sc_regs none;
    sc_err *err = o.source->ops->load_regs(o.source, 0, &none);
    assert_int_equal(sc_err_code(err), SC_ERR_FORMAT);
    assert_non_null(strstr(sc_err_text(err), "too short"));
    sc_err_destroy(err);
    assert_int_equal(thread_of(&o, 0).dtb, 0);
    opened_close(&o);
}

static void no_more_processors_than_windows_can_have(void **state) {
    (void)state;
    struct core c = core64(2);
    uint64_t at = notes_begin(&c);
    for (int i = 0; i < ELF_CPUS_MAX + 3; i++)
        note(&c, "QEMU", 5, 0, 0);
    notes_end(&c, at);
    memory(&c, 0, 0, PAGE);
    struct opened o = must_open(&c.f);
    assert_int_equal(o.source->machine.ncpus, ELF_CPUS_MAX);
    needs_note(&o, "more than 2048 processors");
    opened_close(&o);
}

static void the_guests_dump_header_is_found(void **state) {
    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        struct core c = core64(2);
        uint64_t at = notes_begin(&c);
        note(&c, "VMCOREINFO", 11, 0, cut ? 0x1fff : 0x2000);
        uint64_t header = forge_here(&c.f);
        forge_put(&c.f, "PAGEDU64", 8);
        forge_pattern(&c.f, 0x45474150, 0x2000 - 8);
        forge_poke(&c.f, header + 0x0c, 4, 19041);
        forge_poke(&c.f, header + 0x10, 8, 0x1ad000);
        forge_poke(&c.f, header + 0x20, 8, UINT64_C(0xfffff80011112220)); /* modules */
        forge_poke(&c.f, header + 0x30, 4, 0x8664);
        forge_poke(&c.f, header + 0x34, 4, 4);
        forge_poke(&c.f, header + 0x38, 4, 0x12345);
        forge_poke(&c.f, header + 0x40, 8, UINT64_C(0xffffd00000001000));
        notes_end(&c, at);
        memory(&c, 0, 0, PAGE);
        struct opened o = must_open(&c.f);
        const struct elf *elf = elf_of(o.source);
        assert_non_null(elf);
        if (cut) {
            assert_int_equal(elf->windows.size, 0);
            needs_note(&o, "the guest's dump header has 0x1fff of 0x2000 bytes");
        } else {
            assert_int_equal(elf->windows.offset, header);
            assert_true(elf->windows64);
            const struct sc_machine *m = &o.source->machine;
            assert_int_equal(m->build, 19041);
            assert_int_equal(m->major, 10);
            assert_int_equal(m->dtb, 0x1ad000);
            assert_true(m->loaded_module_list == UINT64_C(0xfffff80011112220));
            assert_int_equal(m->active_process_head, 0); /* filler */
            assert_int_equal(m->ncpus, 4);
            assert_false(m->has_bugcheck); /* that is no bug check */
            assert_true(m->bugcheck_arg[0] == UINT64_C(0xffffd00000001000));
            assert_true(m->event_context_off == SC_UNSET64 && !m->time);
        }
        opened_close(&o);
    }
}

/* --- what is no machine's memory -------------------------------------------------------------- */

static void a_header_of_another_processor_is_not_used(void **state) {
    (void)state;
    struct core c = core64(2);
    uint64_t at = notes_begin(&c);
    note(&c, "VMCOREINFO", 11, 0, 0x1000);
    uint64_t header = forge_here(&c.f);
    forge_put(&c.f, "PAGEDUMP", 8);
    forge_fill(&c.f, 0, 0x1000 - 8);
    forge_poke(&c.f, header + 0x10, 4, 0x39000);
    forge_poke(&c.f, header + 0x20, 4, 0x14c);
    notes_end(&c, at);
    memory(&c, 0, 0, PAGE);
    struct opened o = must_open(&c.f);
    needs_note(&o, "of another processor (0x14c)");
    assert_int_equal(o.source->machine.dtb, 0);
    assert_int_equal(o.source->machine.cpu, SC_CPU_X64);
    opened_close(&o);
}

static void what_is_no_windows_machine_is_named(void **state) {
    (void)state;
    struct core c = core64(3);
    uint64_t at = notes_begin(&c);
    prstatus(&c, 0x150, 8);
    note(&c, "CORE", 5, 3, 136); /* NT_PRPSINFO */
    forge_fill(&c.f, 0, 136);
    notes_end(&c, at);
    memory(&c, 0, 1, PAGE);
    memory(&c, 0, 2, PAGE);
    is_refused(&c.f, SC_ERR_UNSUPPORTED, "core of a Linux process: use gdb");

    c = core64(2);
    memory(&c, 0, 1, PAGE); /* virtual addresses only */
    memory(&c, 0, 2, PAGE);
    is_refused(&c.f, SC_ERR_UNSUPPORTED, "core of a Linux process");

    c = core64(2);
    at = notes_begin(&c);
    note(&c, "VMCOREINFO", 11, 0, 16);
    forge_put(&c.f, "OSRELEASE=6.1.0\n", 16);
    notes_end(&c, at);
    memory(&c, 0, 1, PAGE);
    is_refused(&c.f, SC_ERR_UNSUPPORTED, "memory of a Linux kernel");

    c = begin(true, EM_X64, 2, 1, 1);
    memory(&c, 0, 1, PAGE);
    is_refused(&c.f, SC_ERR_UNSUPPORTED, "a program, a library or an object file");

    c = core64(1);
    memory(&c, 0, 1, PAGE);
    forge_poke(&c.f, 5, 1, 2);
    is_refused(&c.f, SC_ERR_UNSUPPORTED, "big-endian");

    c = begin(true, 243, ET_CORE, 1, 1);
    memory(&c, 0, 1, PAGE);
    is_refused(&c.f, SC_ERR_UNSUPPORTED, "e_machine 243");

    c = core64(1);
    is_refused(&c.f, SC_ERR_FORMAT, "holds no memory");
}

static void compressed_cores_are_named_with_what_to_do(void **state) {
    (void)state;
    static const char *const magic[] = {"KDUMP   ", "makedumpfile"};
    for (size_t i = 0; i < 2; i++) {
        struct forge f;
        forge_init(&f);
        forge_put(&f, magic[i], strlen(magic[i]));
        forge_fill(&f, 0, 0x200000 - strlen(magic[i]));
        is_refused(&f, SC_ERR_UNSUPPORTED, "kdump-compressed memory image: ");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_memory_at_their_physical_addresses),
        cmocka_unit_test(more_segments_than_sixteen_bits_count),
        cmocka_unit_test(program_headers_that_do_not_fit_are_said),
        cmocka_unit_test(sizes_that_disagree_are_cut_and_said),
        cmocka_unit_test(qemu_processors_have_registers_and_tables),
        cmocka_unit_test(an_older_qemu_has_no_kernel_gs_base),
        cmocka_unit_test(a_32_bit_guest_has_its_own_names),
        cmocka_unit_test(without_qemus_state_general_registers_are_there),
        cmocka_unit_test(arm64_processors_have_vectors_too),
        cmocka_unit_test(virtualbox_processors_are_read_in_every_layout),
        cmocka_unit_test(virtualbox_says_64_bit_machine_of_any_guest),
        cmocka_unit_test(notes_that_lie_are_left_out_and_said),
        cmocka_unit_test(no_more_processors_than_windows_can_have),
        cmocka_unit_test(the_guests_dump_header_is_found),
        cmocka_unit_test(a_header_of_another_processor_is_not_used),
        cmocka_unit_test(what_is_no_windows_machine_is_named),
        cmocka_unit_test(compressed_cores_are_named_with_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
