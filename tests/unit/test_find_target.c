/* SPDX-License-Identifier: MIT */
/* Memory without a header opened as a target: each container, each paging mode, and who says how.
 */
#include "unit/find_fixture.h"

#include "forge/sink.h"
#include "forge/wholes.h"
#include "stopcode/session.h"

static const struct {
    enum forge_paging forged;
    enum sc_cpu cpu;
    uint16_t machine;
} modes[] = {{FORGE_PAGING_X86, SC_CPU_X86, 0x14c},
             {FORGE_PAGING_PAE, SC_CPU_X86, 0x14c},
             {FORGE_PAGING_X64, SC_CPU_X64, 0x8664},
             {FORGE_PAGING_LA57, SC_CPU_X64, 0x8664},
             {FORGE_PAGING_ARM64, SC_CPU_ARM64, 0xaa64}};
enum { MODES = sizeof modes / sizeof *modes, CR4_PAE = 0x20, CR4_LA57 = 0x1000 };

struct opened {
    struct bones b;
    struct forge_whole_cpu cpu;
    struct forge_whole w;
    struct forge_bytes file;
    sc_target *t;
};

static void build(struct opened *o, size_t mode, enum forge_whole_kind kind) {
    o->b.mode = modes[mode].forged;
    o->b.ram = o->b.ram ? o->b.ram : 16 << 20;
    bones_build(&o->b);
    o->cpu = (struct forge_whole_cpu){
        .cr3 = forge_mmu_root(o->b.mmu, o->b.other),
        .cr4 = modes[mode].forged == FORGE_PAGING_LA57  ? CR4_PAE | CR4_LA57
               : modes[mode].forged == FORGE_PAGING_X86 ? 0x10
                                                        : CR4_PAE,
        .idt = o->b.idt,
        .gs_base = o->b.pcr,
        .fs_base = o->b.pcr,
    };
    o->cpu.regs.cpu = modes[mode].cpu;
    o->cpu.regs.size = (uint32_t)sc_context_size(modes[mode].cpu);
    o->w = (struct forge_whole){.kind = kind,
                                .mem = o->b.mem,
                                .is32 = bones_is32(&o->b),
                                .pae = modes[mode].forged == FORGE_PAGING_PAE,
                                .machine = modes[mode].machine,
                                .major = 15,
                                .build = 19041,
                                .cpu = &o->cpu,
                                .ncpus = 1};
}

static sc_err *open_built(struct opened *o, const char *name, const struct sc_open_opts *opts) {
    char why[FORGE_WHOLE_WHY];
    if (!forge_whole_bytes(&o->w, &o->file, why))
        fail_msg("%s", why);
    return sc_target_open_memory(name, o->file.data, o->file.size, opts, &o->t);
}

static void close_it(struct opened *o) {
    sc_target_close(o->t);
    forge_bytes_free(&o->file);
    bones_free(&o->b);
}

static void is_right(struct opened *o, size_t mode, const char *how) {
    const struct sc_machine *m = sc_target_machine(o->t);
    const struct sc_modules *modules;
    /* The container of a machine with processors says what they ran; elsewhere System is left. */
    bool ran = strstr(how, "processor") || strstr(how, "driver");
    if (!strstr(sc_target_found_by(o->t), how))
        fail_msg("'%s' is not in '%s'", how, sc_target_found_by(o->t));
    assert_int_equal(m->cpu, modes[mode].cpu);
    assert_true(m->kernel && m->windows);
    assert_int_equal(m->pae, modes[mode].forged == FORGE_PAGING_PAE);
    assert_true(m->dtb == forge_mmu_root(o->b.mmu, ran ? o->b.other : o->b.system));
    assert_true(sc_target_dtb(o->t) == m->dtb);
    assert_int_equal(sc_target_generation(o->t), 0);
    assert_true(m->loaded_module_list == o->b.base + BONES_MODULES);
    assert_true(m->active_process_head == o->b.base + BONES_HEAD);
    assert_int_equal(sc_target_ptr_size(o->t), bones_is32(&o->b) ? 4 : 8);
    uint8_t mz[2] = {0};
    assert_int_equal(sc_space_read(sc_target_space(o->t), o->b.base, mz, 2, NULL), SC_READ_OK);
    assert_memory_equal(mz, "MZ", 2);
    assert_null(sc_target_modules(o->t, &modules));
    assert_int_equal(modules->count, 1);
    assert_string_equal(modules->item[0].name, "nt");
    assert_true(modules->item[0].base == o->b.base);
}

static void every_container_of_every_mode_opens(void **state) {
    (void)state;
    static const struct {
        enum forge_whole_kind kind;
        const char *how, *arm64;
    } kinds[] = {{FORGE_WHOLE_RAW, "page table that maps itself", NULL},
                 {FORGE_WHOLE_LIME, "page table that maps itself", NULL},
                 {FORGE_WHOLE_ELF_BARE, "page table that maps itself", NULL},
                 {FORGE_WHOLE_ELF_NONOTES, "page tables of processor 0", "maps itself"},
                 {FORGE_WHOLE_VBOX, "page tables of processor 0", ""},
                 {FORGE_WHOLE_VMSS, "page tables of processor 0", ""}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; i < MODES; i++) {
            bool arm64 = modes[i].cpu == SC_CPU_ARM64;
            const char *how = arm64 && kinds[k].arm64 ? kinds[k].arm64 : kinds[k].how;
            if (!*how)
                continue; /* no such thing */
            struct opened o = {0};
            build(&o, i, kinds[k].kind);
            sc_err *err = open_built(&o, "machine.bin", NULL);
            if (err)
                fail_msg("%s, mode %zu: %s", forge_whole_name(kinds[k].kind), i, sc_err_text(err));
            is_right(&o, i, how);
            close_it(&o);
        }
}

static void a_header_that_the_guest_left_is_believed(void **state) {
    (void)state;
    for (int wrong = 0; wrong < 2; wrong++) {
        struct opened o = {.b.block = true};
        build(&o, 2, FORGE_WHOLE_ELF);
        o.w.dtb = wrong ? 0x9e000 : forge_mmu_root(o.b.mmu, o.b.system);
        o.w.loaded_module_list = o.b.base + BONES_MODULES;
        o.w.active_process_head = o.b.base + BONES_HEAD;
        o.w.debugger_data = o.b.base + 0x2000; /* encoded, as it were … */
        o.w.bugcheck = 0x1234;
        o.w.arg[0] = o.b.base + BONES_BLOCK; /* … and here is the driver's copy */
        bones_fail(open_built(&o, "machine.elf", NULL));
        is_right(&o, 2, wrong ? "page tables of processor 0" : "dump header that a driver");
        assert_int_equal(sc_target_machine(o.t)->build, 19041);
        assert_false(sc_target_machine(o.t)->has_bugcheck);
        if (!wrong)
            assert_true(sc_target_machine(o.t)->debugger_data == o.b.base + BONES_BLOCK);
        assert_int_equal(sc_target_source(o.t)->nnotes != 0, wrong);
        close_it(&o);
    }
}

static void processors_come_from_the_container(void **state) {
    (void)state;
    struct opened o = {0};
    build(&o, 2, FORGE_WHOLE_ELF_NONOTES);
    const struct sc_reg *rip = sc_reg_find(SC_CPU_X64, "rip");
    o.cpu.regs.raw[0x30] = 7;
    o.cpu.regs.raw[0x32] = 0x10;
    sc_reg_set(&o.cpu.regs, rip, o.b.base + 0x1234);
    bones_fail(open_built(&o, "machine.elf", NULL));
    struct sc_regs regs;
    bones_fail(sc_target_regs(o.t, 0, &regs));
    assert_true(sc_regs_ip(&regs) == o.b.base + 0x1234);
    const struct sc_threads *threads;
    assert_null(sc_target_threads(o.t, &threads));
    assert_int_equal(threads->count, 1);
    assert_true(threads->item[0].prcb == o.b.pcr + 0x180);
    close_it(&o);
}

static void the_users_tables_are_used(void **state) {
    (void)state;
    struct opened o = {.b.no_selfmap = true};
    build(&o, 2, FORGE_WHOLE_RAW);
    struct sc_open_opts opts = {.sz = sizeof opts, .dtb = forge_mmu_root(o.b.mmu, o.b.other)};
    bones_fail(open_built(&o, "memory.bin", &opts));
    is_right(&o, 2, "given by the user");
    sc_target_close(o.t);
    o.t = NULL;
    opts.dtb = 0x9e000;
    forge_bytes_free(&o.file);
    sc_err *err = open_built(&o, "memory.lime", &opts);
    assert_non_null(err);
    assert_non_null(strstr(sc_err_text(err), "the page tables at 0x9e000 lead to no kernel"));
    sc_err_destroy(err);
    close_it(&o);
}

static void a_file_without_a_kernel_is_of_an_unknown_format(void **state) {
    (void)state;
    enum { SIZE = 2 << 20 };
    uint8_t *zeros = calloc(1, SIZE);
    assert_non_null(zeros);
    sc_target *t = NULL;
    sc_err *err = sc_target_open_memory("photo.img", zeros, SIZE, NULL, &t);
    assert_int_equal(sc_err_code(err), SC_ERR_FORMAT);
    assert_non_null(strstr(sc_err_text(err), "photo.img: not a dump file of any kind known here"));
    sc_err_destroy(err);
    err = sc_target_open_memory("photo.img", zeros, SIZE - 1, NULL, &t);
    assert_int_equal(sc_err_code(err), SC_ERR_FORMAT);
    assert_non_null(strstr(sc_err_text(err), "it would be whole pages of 4096 bytes"));
    sc_err_destroy(err);
    assert_null(t);
    free(zeros);

    struct opened o = {.b.no_exports = true, .b.no_section = true};
    build(&o, 2, FORGE_WHOLE_LIME);
    err = open_built(&o, "linux.lime", NULL);
    assert_int_equal(sc_err_code(err), SC_ERR_UNSUPPORTED);
    assert_non_null(strstr(sc_err_text(err), "linux.lime: this is a LiME memory image: "));
    sc_err_destroy(err);
    close_it(&o);

    /* A copy that was broken off: the reason is a note of the container. */
    struct opened cut = {.b.no_exports = true, .b.no_section = true};
    build(&cut, 2, FORGE_WHOLE_ELF_BARE);
    err = open_built(&cut, "whole.elf", NULL);
    assert_non_null(err);
    assert_null(strstr(sc_err_text(err), "cut short"));
    sc_err_destroy(err);
    err = sc_target_open_memory("cut.elf", cut.file.data, cut.file.size / 2, NULL, &cut.t);
    assert_int_equal(sc_err_code(err), SC_ERR_UNSUPPORTED);
    assert_non_null(
        strstr(sc_err_text(err), "cut.elf: this is an ELF core of a virtual machine: "));
    assert_non_null(strstr(sc_err_text(err), "behind the end of the file (it was cut short)"));
    sc_err_destroy(err);
    close_it(&cut);
}

static bool stop(void *ctx, const char *what, uint64_t done, uint64_t total) {
    (void)what, (void)done, (void)total;
    return ++*(int *)ctx < 1;
}

static void opening_can_be_stopped(void **state) {
    (void)state;
    int calls = 0;
    struct opened o = {
        .b.no_selfmap = true, .b.no_section = true, .b.no_exports = true, .b.ram = 64 << 20};
    build(&o, 2, FORGE_WHOLE_RAW);
    struct sc_open_opts opts = {.sz = sizeof opts, .progress = stop, .progress_ctx = &calls};
    sc_err *err = open_built(&o, "memory.bin", &opts);
    assert_int_equal(sc_err_code(err), SC_ERR_CANCELLED);
    assert_int_equal(calls, 1);
    sc_err_destroy(err);
    close_it(&o);
}

/* ---- what the first screen says ---- */

static void the_first_screen_says_how_it_was_found(void **state) {
    (void)state;
    struct opened o = {.b.stub = 0x13000};
    build(&o, 2, FORGE_WHOLE_RAW);
    bones_fail(open_built(&o, "memory.bin", NULL));
    struct sink text = {0};
    sc_out *out = NULL;
    sc_session *session = NULL;
    assert_null(sc_out_create(SC_RENDER_TEXT, sink_write, &text, false, &out));
    assert_null(sc_session_create(o.t, out, &session));
    sc_session_banner(session);
    sc_out_flush(out);
    const char *said = sink_text(&text);
    assert_non_null(strstr(said, "Raw Memory Image: Full address space is available"));
    assert_non_null(strstr(said, "PsLoadedModuleList = 0xfffff801`23403000  "
                                 "[found by: low stub at 0x13000]\n"));
    assert_non_null(strstr(said, "[no bug check is recorded: it seems that the machine was"));
    sc_session_destroy(session);
    sc_out_destroy(out);
    sink_free(&text);
    close_it(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_container_of_every_mode_opens),
        cmocka_unit_test(a_header_that_the_guest_left_is_believed),
        cmocka_unit_test(processors_come_from_the_container),
        cmocka_unit_test(the_users_tables_are_used),
        cmocka_unit_test(a_file_without_a_kernel_is_of_an_unknown_format),
        cmocka_unit_test(opening_can_be_stopped),
        cmocka_unit_test(the_first_screen_says_how_it_was_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
