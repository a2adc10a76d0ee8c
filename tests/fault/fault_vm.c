/* SPDX-License-Identifier: MIT */
/*
 * Memory of virtual machines with the 1st, 2nd, … Nth allocation refused: containers opened, their
 * memory and processors read, and the kernel looked for. Each run ends in "out of memory" or in
 * the right answer, and nothing is leaked. Then the search with the Nth read of memory missing: it
 * may find less, never something else.
 */
#include "forge/wholes.h"
#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"
#include "unit/find_fixture.h"

#include "base/vec.h"
#include "dump/dump.h"

enum { TRIES = 4000, READS = 1500 };

/* ---- containers ---- */

static struct forge_bytes container(enum forge_whole_kind kind) {
    struct forge_physmem *mem = forge_physmem_new();
    struct forge_whole_cpu cpu = {.cr3 = 0x1ad000, .cr4 = 0x6f8};
    cpu.regs.cpu = SC_CPU_X64;
    cpu.regs.size = (uint32_t)sc_context_size(SC_CPU_X64);
    struct forge_whole w = {
        .kind = kind, .mem = mem, .machine = 0x8664, .build = 19041, .cpu = &cpu, .ncpus = 1};
    struct forge_bytes file;
    char why[FORGE_WHOLE_WHY];
    assert_true(forge_physmem_add(mem, 0x1000, 0x2000));
    assert_true(forge_physmem_add(mem, 0x5000, 0x1000));
    assert_true(forge_whole_bytes(&w, &file, why));
    forge_physmem_free(mem);
    return file;
}

static void ask_processors(struct drive *d, struct sc_source *s) {
    struct sc_threads threads = {0};
    if (s->ops->load_threads && !drive_error(d, s->ops->load_threads(s, &threads)))
        for (size_t i = 0; i < threads.count; i++) {
            struct sc_regs regs;
            drive_mix(d, threads.item[i].dtb);
            if (!drive_error(d, s->ops->load_regs(s, (uint32_t)i, &regs)))
                drive_mix(d, sc_regs_ip(&regs));
        }
    SC_VEC_FREE(&threads);
}

static void ask_memory(struct drive *d, struct sc_source *s) {
    struct sc_pages pages = {0};
    uint64_t at = 0, start, size;
    if (drive_error(d, s->ops->open_pages(s, &pages)))
        return;
    for (; pages.ops->next(pages.impl, at, &start, &size); at = start + size) {
        drive_mix(d, start);
        drive_mix(d, size);
    }
    pages.ops->destroy(pages.impl);
}

/* One run; false when it broke a promise. */
static bool open_once(const struct forge_bytes *file, uint64_t fail_at, uint64_t *want,
                      bool *ret_done) {
    struct drive d = {0};
    struct heap_stats stats;
    struct sc_source *source = NULL;
    sc_file *memory = NULL;
    heap_begin(fail_at);
    sc_err *err = sc_file_memory("m", file->data, file->size, 0, &memory);
    if (!err)
        err = sc_source_open(memory, &source);
    if (!drive_error(&d, err)) {
        ask_processors(&d, source);
        ask_memory(&d, source);
    }
    sc_source_destroy(source);
    heap_end(&stats);
    *ret_done = !stats.failed;
    if (!fail_at)
        *want = d.digest;
    if (stats.nleaked)
        tap_note("allocation %u: %zu bytes leaked", (unsigned)fail_at, stats.leaked);
    if (d.digest != *want && !d.nomem)
        tap_note("allocation %u: another answer without a word of it", (unsigned)fail_at);
    return !stats.nleaked && (d.digest == *want || d.nomem);
}

static void containers(void) {
    static const enum forge_whole_kind kinds[] = {FORGE_WHOLE_ELF,  FORGE_WHOLE_ELF_BARE,
                                                  FORGE_WHOLE_VBOX, FORGE_WHOLE_LIME,
                                                  FORGE_WHOLE_VMSS, FORGE_WHOLE_ELF_NONOTES};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct forge_bytes file = container(kinds[i]);
        uint64_t want = 0;
        bool done = false, ok = open_once(&file, 0, &want, &done);
        unsigned n = 0;
        for (done = false; ok && !done && n < TRIES;)
            ok = open_once(&file, ++n, &want, &done);
        tap_ok(ok && done, "%s: %u allocations", forge_whole_name(kinds[i]), n);
        forge_bytes_free(&file);
    }
}

/* ---- the search ---- */

static bool find_once(struct bones *b, uint64_t fail_at, const struct sc_found *want,
                      bool *ret_done) {
    struct sc_found found = {0};
    struct sc_find find = {.phys = b->phys};
    struct heap_stats stats;
    heap_begin(fail_at);
    sc_err *err = sc_find_kernel(&find, &found);
    bool clean = sc_err_code(err) == SC_ERR_NOMEM, none = err != NULL;
    if (none && !clean)
        tap_note("allocation %u: %s", (unsigned)fail_at, sc_err_text(err));
    sc_err_destroy(err);
    heap_end(&stats);
    *ret_done = !stats.failed;
    bool same = !none && found.kernel_base == want->kernel_base && found.dtb == want->dtb &&
                found.loaded_module_list == want->loaded_module_list &&
                found.active_process_head == want->active_process_head &&
                found.debugger_data == want->debugger_data;
    if (!clean && !same)
        tap_note("allocation %u: another answer without a word of it", (unsigned)fail_at);
    if (stats.nleaked)
        tap_note("allocation %u: %zu bytes leaked", (unsigned)fail_at, stats.leaked);
    return !stats.nleaked && (clean || same);
}

/* A page of memory is missing: less may be found, or nothing, but nothing else. */
static bool find_without(struct bones *b, uint64_t read, const struct sc_found *want) {
    struct sc_found found = {0};
    struct sc_find find = {.phys = b->phys};
    struct heap_stats stats;
    b->reads = 0;
    b->fail_read = read;
    heap_begin(0);
    sc_err *err = sc_find_kernel(&find, &found);
    bool none = sc_err_code(err) == SC_ERR_NOT_FOUND;
    bool known = err ? none : found.kernel_base == want->kernel_base;
    sc_err_destroy(err);
    heap_end(&stats);
    b->fail_read = 0;
    known = known &&
            (!found.loaded_module_list || found.loaded_module_list == want->loaded_module_list);
    known = known &&
            (!found.active_process_head || found.active_process_head == want->active_process_head);
    if (!known || stats.nleaked)
        tap_note("read %u: a wrong answer, or %zu bytes leaked", (unsigned)read, stats.leaked);
    return known && !stats.nleaked;
}

static void search(enum forge_paging mode, bool no_selfmap, const char *name) {
    struct bones b = {.mode = mode, .no_selfmap = no_selfmap, .block = true, .ram = 16 << 20};
    bones_build(&b);
    struct sc_found want = bones_find(&b, (struct sc_find){0});
    uint64_t reads = b.reads;
    bool done = false, ok = true;
    unsigned n = 0;
    while (ok && !done && n < TRIES)
        ok = find_once(&b, ++n, &want, &done);
    tap_ok(ok && done, "search, %s: %u allocations", name, n);
    uint64_t step = reads / READS + 1;
    for (uint64_t i = 1; ok && i <= reads; i += step)
        ok = find_without(&b, i, &want);
    tap_ok(ok, "search, %s: reads that find nothing, each %u of %u", name, (unsigned)step,
           (unsigned)reads);
    bones_free(&b);
}

int main(void) {
    containers();
    search(FORGE_PAGING_X86, false, "x86");
    search(FORGE_PAGING_PAE, false, "PAE");
    search(FORGE_PAGING_X64, false, "x64");
    search(FORGE_PAGING_X64, true, "x64 without a self-map");
    search(FORGE_PAGING_LA57, false, "five levels");
    search(FORGE_PAGING_ARM64, false, "ARM64");
    return tap_done();
}
