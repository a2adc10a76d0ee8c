/* SPDX-License-Identifier: MIT */
/*
 * The name of the current process of a triage dump: EPROCESS.ImageFileName, 15 bytes of 8-bit text
 * with a NUL behind shorter names, at an offset that depends on the build.
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

sc_err *nt_process_name(sc_target *target, sc_symtab *symtab, sc_arena *arena,
                        const char **ret_name, const char **ret_why) {
    const struct sc_machine *m = sc_target_machine(target);
    const struct sc_source *source = sc_target_source(target);
    const struct sc_triage_header *t = source ? sc_triage_header(source) : NULL;
    const char *why = NULL, *name = NULL;
    uint8_t bytes[NAME_MAX_BYTES];
    uint32_t offset = 0;
    size_t got = 0, len = 0;
    bool found = false, copy = t && t->process_offset && source->file;
    sc_err *err = copy ? find_offset(m, symtab, &offset, &found) : NULL;
    if (err)
        return err;
    if (!copy) {
        why = "the dump holds no copy of the current process's EPROCESS";
    } else if (!found) {
        why = sc_arena_printf(arena, "the layout of EPROCESS in build %u for %s is not known",
                              m->build, sc_cpu_name(m->cpu));
        if (!why)
            return sc_err_nomem();
    } else if (!sc_file_read_some(source->file, (uint64_t)t->process_offset + offset, bytes,
                                  sizeof bytes, &got) ||
               got < sizeof bytes || !looks_like_name(bytes, &len)) {
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
