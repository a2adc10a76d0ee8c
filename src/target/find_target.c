/* SPDX-License-Identifier: MIT */
/*
 * The target's side of finding the kernel: what its container tells, and what is written down of
 * what was found.
 *
 * A container that names tables and a list is believed when the list's head is mapped by them.
 * QEMU's cores may carry a header whose debugger data block is encoded in memory; then the first
 * parameter of its bug check, which is none, is the address of a copy that is not (virtio-win's
 * FwCfg driver and QEMU's win_dump agree on that).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/vec.h"
#include "dump/dump.h"
#include "mem/space_impl.h"
#include "target/find.h"
#include "target/target_impl.h"

static bool is_plain_block(const struct sc_paging *tables, uint64_t va) {
    struct sc_translation t;
    uint64_t tag;
    sc_translate(tables, va + 0x10, &t);
    return va && t.status == SC_READ_OK &&
           sc_space_uint(tables->phys, t.pa, 4, &tag) == SC_READ_OK && tag == 0x4742444b;
}

/* Do the tables that the container names lead to the list that it names? */
static bool container_is_right(sc_target *t) {
    struct sc_machine *m = &t->source->machine;
    static const struct {
        enum sc_cpu cpu;
        enum sc_paging_mode mode;
    } modes[] = {{SC_CPU_X64, SC_PAGING_X64},
                 {SC_CPU_X64, SC_PAGING_X64_LA57},
                 {SC_CPU_X86, SC_PAGING_PAE},
                 {SC_CPU_X86, SC_PAGING_X86},
                 {SC_CPU_ARM64, SC_PAGING_ARM64}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct sc_paging tables = {.mode = modes[i].mode,
                                   .root = m->dtb,
                                   .kernel_root = m->cpu == SC_CPU_ARM64 ? m->dtb : 0,
                                   .phys = t->phys};
        struct sc_translation tr;
        if (m->cpu != modes[i].cpu)
            continue;
        sc_translate(&tables, m->loaded_module_list, &tr);
        if (tr.status != SC_READ_OK)
            continue;
        m->pae = tables.mode == SC_PAGING_PAE;
        m->paging_levels = m->cpu == SC_CPU_X86 ? 0 : sc_paging_levels(tables.mode);
        if (!is_plain_block(&tables, m->debugger_data) &&
            is_plain_block(&tables, m->bugcheck_arg[0]))
            m->debugger_data = m->bugcheck_arg[0];
        return true;
    }
    return false;
}

static sc_err *use(sc_target *t, const struct sc_found *found) {
    struct sc_machine *m = &t->source->machine;
    t->found_by = sc_arena_strdup(t->source->arena, found->how);
    if (!t->found_by)
        return sc_err_nomem();
    m->cpu = found->cpu;
    m->dtb = found->dtb;
    m->pae = found->mode == SC_PAGING_PAE;
    m->paging_levels = found->cpu == SC_CPU_X64 ? sc_paging_levels(found->mode) : 0;
    m->kernel_base = found->kernel_base;
    m->loaded_module_list = found->loaded_module_list;
    m->active_process_head = found->active_process_head;
    m->debugger_data = found->debugger_data;
    return NULL;
}

/* Why there is no target, in the words of the container, with the first oddity of the file. */
static sc_err *refuse(const sc_target *t, sc_err *own_err) {
    const char *name = sc_file_name(t->source->file);
    if (sc_err_code(own_err) != SC_ERR_NOT_FOUND)
        return own_err;
    const char *note = t->source->nnotes ? t->source->notes[0].text : "";
    const char *semicolon = *note ? "; " : "";
    sc_err *err;
    if (t->source->probe.format == SC_FORMAT_RAW) /* what any other file is told */
        err = sc_errf(SC_ERR_FORMAT, "%s: %s; as an image of memory: %s%s%s", name,
                      sc_probe_bytes("?", 1, 1).advice, sc_err_text(own_err), semicolon, note);
    else
        err = sc_errf(SC_ERR_UNSUPPORTED, "%s: this is %s %s: %s%s%s", name,
                      sc_article(t->source->probe.name), t->source->probe.name,
                      sc_err_text(own_err), semicolon, note);
    sc_err_destroy(own_err);
    return err;
}

/* The processors that the container tells of, and the tables that it names without more. */
static sc_err *list_processors(sc_target *t, struct sc_threads *ret) {
    struct sc_source *s = t->source;
    sc_err *err = s->ops->load_threads ? s->ops->load_threads(s, ret) : NULL;
    struct sc_thread *more = err || !s->machine.dtb ? NULL : SC_VEC_PUSH(ret);
    if (more)
        *more = (struct sc_thread){.dtb = s->machine.dtb};
    return err || more || !s->machine.dtb ? err : sc_err_nomem();
}

static sc_err *search(sc_target *t, const struct sc_open_opts *opts) {
    struct sc_threads threads = {0};
    struct sc_found found;
    sc_err *err = list_processors(t, &threads);
    struct sc_find find = {.phys = t->phys,
                           .file = t->source->file,
                           .cpu = t->source->machine.cpu,
                           .processor = threads.item,
                           .nprocessors = threads.count,
                           .cancel = &t->cancel};
    if (opts) {
        find.dtb = opts->dtb;
        find.progress = opts->progress;
        find.progress_ctx = opts->progress_ctx;
    }
    if (!err)
        err = sc_find_kernel(&find, &found);
    SC_VEC_FREE(&threads);
    return err ? refuse(t, err) : use(t, &found);
}

/* Memory as a machine had it, which no kernel described when it was written. */
static bool is_foreign(enum sc_format format) {
    return format == SC_FORMAT_ELF_CORE || format == SC_FORMAT_LIME || format == SC_FORMAT_VMWARE ||
           format == SC_FORMAT_RAW || format == SC_FORMAT_HIBERFIL;
}

sc_err *sc_target_find_kernel(sc_target *target, const struct sc_open_opts *opts) {
    const struct sc_machine *m = &target->source->machine;
    bool tables = m->dtb && m->cpu != SC_CPU_UNKNOWN;
    if (!is_foreign(target->source->probe.format) && tables)
        return NULL; /* a dump's own header */
    bool told = tables && m->loaded_module_list && !(opts && opts->dtb);
    if (told && container_is_right(target)) {
        target->found_by = "dump header that a driver of the guest left";
        return NULL;
    }
    if (told)
        sc_source_note(target->source, SC_UNSET64,
                       "the dump header that a driver of the guest left names page tables at "
                       "0x%" PRIx64 " that do not lead to its list of modules: not used",
                       m->dtb);
    return search(target, opts);
}
