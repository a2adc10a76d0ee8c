/* SPDX-License-Identifier: MIT */
/*
 * The name of the current process, of which a triage dump has a copy: EPROCESS.ImageFileName, 15
 * bytes of 8-bit text with a NUL behind shorter names, at an offset that depends on the build.
 *
 * Where each row was learnt: x64 rows from the kernels' public symbols (in ISF form) of 7601,
 * 9600, 14393, 17763, 18362, 19041, 20348 and 22000, the other builds up to 19041 and those of
 * 22621 and 26100 from published type listings made from public symbols; builds that are a
 * servicing version of another with the same kernel (18363 of 18362, 19042-19045 of 19041, 22631 of
 * 22621, 26200 of 26100) share its row. The x86 rows are from such
 * listings. The ARM64 row was read off a real dump of that build, in which the name stands there.
 * Nothing is guessed for builds in between: an unknown build has no name.
 *
 * The table is the fallback: symbols of the kernel at hand are asked first.
 */
#include "nt/process_name.h"

#include <string.h>

#include "base/file.h"
#include "nt/current.h"
#include "stopcode/kdump.h"

enum { NAME_MAX_BYTES = 15 };

static const struct row {
    enum sc_cpu cpu;
    uint32_t first, last; /* builds, both included */
    uint16_t offset;
} rows[] = {
    {SC_CPU_X64, 3790, 3790, 0x268},     {SC_CPU_X64, 6002, 6002, 0x238},
    {SC_CPU_X64, 7600, 7601, 0x2e0},     {SC_CPU_X64, 9200, 9200, 0x438},
    {SC_CPU_X64, 9600, 9600, 0x438},     {SC_CPU_X64, 10240, 10240, 0x448},
    {SC_CPU_X64, 14393, 14393, 0x450},   {SC_CPU_X64, 15063, 15063, 0x450},
    {SC_CPU_X64, 16299, 16299, 0x450},   {SC_CPU_X64, 17134, 17134, 0x450},
    {SC_CPU_X64, 17763, 17763, 0x450},   {SC_CPU_X64, 18362, 18363, 0x450},
    {SC_CPU_X64, 19041, 19045, 0x5a8},   {SC_CPU_X64, 20348, 20348, 0x5a8},
    {SC_CPU_X64, 22000, 22000, 0x5a8},   {SC_CPU_X64, 22621, 22631, 0x5a8},
    {SC_CPU_X64, 26100, 26200, 0x338},   {SC_CPU_X86, 2600, 2600, 0x174},
    {SC_CPU_X86, 7600, 7601, 0x16c},     {SC_CPU_X86, 19041, 19045, 0x1ac},
    {SC_CPU_ARM64, 22000, 22000, 0x560},
};

bool nt_image_name_offset(enum sc_cpu cpu, uint32_t build, uint32_t *ret_offset) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].cpu == cpu && rows[i].first <= build && build <= rows[i].last) {
            *ret_offset = rows[i].offset;
            return true;
        }
    return false;
}

/* Printable up to a NUL or to the end of the field, and not empty: else the offset is wrong. */
static bool looks_like_name(const uint8_t *name, size_t *ret_len) {
    size_t len = 0;
    while (len < NAME_MAX_BYTES && name[len]) {
        if (name[len] < 0x20 || name[len] == 0x7f)
            return false;
        len++;
    }
    *ret_len = len;
    return len > 0;
}

static const struct sc_layout_field process_fields[] = {{"ImageFileName", NAME_MAX_BYTES, false}};
static const struct sc_layout_def process = {"nt!_EPROCESS", process_fields, 1};

/* By the kernel's symbols, else by the table. */
static sc_err *find_offset(const struct sc_machine *m, sc_symtab *symtab, uint32_t *ret_offset,
                           bool *ret_found) {
    sc_layout *layout = NULL;
    sc_err *err = symtab ? sc_layout_bind(symtab, &process, &layout) : NULL;
    if (err && (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED))
        return err;
    sc_err_destroy(err);
    *ret_found = layout && !sc_layout_assumed(layout);
    if (*ret_found)
        *ret_offset = (uint32_t)sc_layout_offset(layout, 0);
    else
        *ret_found = nt_image_name_offset(m->cpu, m->build, ret_offset);
    sc_layout_destroy(layout);
    return NULL;
}

/* Where the process is that the dump is about. */
struct place {
    const struct sc_source *source;
    uint64_t copy; /* a triage dump's copy: file offset, 0 none */
    sc_space *space;
    uint64_t address; /* in memory, 0 not known */
};

/* The thread that the current processor runs; 0 not known. */
static uint64_t current_thread(sc_target *target) {
    const struct sc_threads *cpus = NULL;
    uint64_t thread = 0;
    sc_err *err = sc_target_threads(target, &cpus);
    for (size_t i = 0; !err && i < cpus->count; i++)
        if (cpus->item[i].index == sc_target_machine(target)->current)
            thread = cpus->item[i].thread;
    sc_err_destroy(err);
    return thread;
}

/* By the symbols. Only lack of memory and cancellation are errors. */
static sc_err *process_by_symbols(sc_target *target, sc_symtab *symtab, uint64_t thread,
                                  uint64_t *ret) {
    sc_layout_book *book;
    struct nt nt;
    sc_err *err = sc_layout_book_create(symtab, &book);
    if (err)
        return err;
    nt_init(&nt, target, symtab, book);
    err = nt_thread_process(&nt, thread, ret);
    sc_layout_book_destroy(book);
    if (err && sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED) {
        sc_err_destroy(err);
        err = NULL;
    }
    return err;
}

sc_err *nt_current_process(sc_target *target, sc_symtab *symtab, uint64_t *ret_process) {
    enum { OFFSET_THREAD_PROCESS = 0x2a0 };
    uint64_t at = 0, process = 0, thread = current_thread(target);
    sc_err *err = NULL;
    if (thread && sc_target_kd_member(target, OFFSET_THREAD_PROCESS, 2, &at) && at)
        sc_space_ptr(sc_target_space(target), thread + at, &process);
    if (thread && !process && symtab)
        err = process_by_symbols(target, symtab, thread, &process);
    if (!err)
        *ret_process = process;
    return err;
}

static sc_err *find_place(sc_target *target, sc_symtab *symtab, struct place *ret) {
    const struct sc_source *source = sc_target_source(target);
    const struct sc_triage_header *t = source ? sc_triage_header(source) : NULL;
    *ret = (struct place){.source = source, .space = sc_target_space(target)};
    if (t)
        ret->copy = source->file ? t->process_offset : 0;
    else if (sc_target_has_paging(target))
        return nt_current_process(target, symtab, &ret->address);
    return NULL;
}

static bool read_name(const struct place *p, uint32_t offset, uint8_t bytes[NAME_MAX_BYTES]) {
    size_t got = 0;
    if (p->copy)
        return sc_file_read_some(p->source->file, p->copy + offset, bytes, NAME_MAX_BYTES, &got) &&
               got == NAME_MAX_BYTES;
    return sc_space_read(p->space, p->address + offset, bytes, NAME_MAX_BYTES, NULL) == SC_READ_OK;
}

sc_err *nt_process_name(sc_target *target, sc_symtab *symtab, sc_arena *arena,
                        const char **ret_name, const char **ret_why) {
    const struct sc_machine *m = sc_target_machine(target);
    struct place place;
    const char *why = NULL, *name = NULL;
    uint8_t bytes[NAME_MAX_BYTES];
    uint32_t offset = 0;
    size_t len = 0;
    bool found = false;
    sc_err *err = find_place(target, symtab, &place);
    bool there = !err && (place.copy || place.address);
    if (there)
        err = find_offset(m, symtab, &offset, &found);
    if (err)
        return err;
    if (!there) {
        why = "the dump holds no copy of the current process's EPROCESS";
    } else if (!found) {
        why = sc_arena_printf(arena, "the layout of EPROCESS in build %u for %s is not known",
                              m->build, sc_cpu_name(m->cpu));
        if (!why)
            return sc_err_nomem();
    } else if (!read_name(&place, offset, bytes) || !looks_like_name(bytes, &len)) {
        why = "the EPROCESS in the dump holds no readable name";
    } else {
        name = sc_arena_strndup(arena, (const char *)bytes, len);
        if (!name)
            return sc_err_nomem();
    }
    *ret_name = name;
    if (ret_why)
        *ret_why = why;
    return NULL;
}
