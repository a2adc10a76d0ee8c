/* SPDX-License-Identifier: MIT */
/* The target: a source, its spaces, and the lists that are loaded when first asked for. */
#include "stopcode/target.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "dump/dump.h"
#include "dump/wrapped.h"
#include "mem/space_impl.h"
#include "target/find.h"
#include "target/kdbg.h"
#include "target/whole.h"

const char *sc_version_string(void) { return SC_VERSION; }

void sc_target_set_nomem(sc_target *target) { target->short_of_memory = true; }

bool sc_target_take_nomem(sc_target *target) {
    sc_err *virt = sc_space_trouble(target->virt), *phys = sc_space_trouble(target->phys);
    sc_err *whole = sc_whole_trouble(target);
    bool was = target->short_of_memory || virt || phys || whole;
    sc_err_destroy(virt);
    sc_err_destroy(phys);
    sc_err_destroy(whole);
    target->short_of_memory = false;
    return was;
}

void sc_target_note_io(sc_target *target) {
    uint64_t offset;
    if (target->io_noted || !target->source->file ||
        !sc_file_io_failed(target->source->file, &offset))
        return;
    target->io_noted = true;
    sc_source_note(target->source, offset,
                   "the file could not be read here: what depends on it is missing");
}

/*
 * Both kinds of ranges come from one function of the source, so what the other space will ask for
 * is kept. A space that asks again could not use what it got (memory was short): then once more.
 */
static sc_err *load_ranges(sc_target *t, enum sc_memory_kind kind, struct sc_ranges *ret_ranges) {
    const struct sc_source_ops *ops = t->source->ops;
    if (!t->pending[kind].there) {
        struct sc_ranges virt = {0}, phys = {0};
        sc_err *err = ops->load_memory ? ops->load_memory(t->source, &virt, &phys) : NULL;
        if (err) {
            SC_VEC_FREE(&virt);
            SC_VEC_FREE(&phys);
            return err;
        }
        SC_VEC_FREE(&t->pending[SC_MEMORY_VIRT].ranges);
        SC_VEC_FREE(&t->pending[SC_MEMORY_PHYS].ranges);
        t->pending[SC_MEMORY_VIRT] = (struct sc_pending){virt, true};
        t->pending[SC_MEMORY_PHYS] = (struct sc_pending){phys, true};
    }
    *ret_ranges = t->pending[kind].ranges;
    t->pending[kind] = (struct sc_pending){0};
    return NULL;
}

static sc_err *load_virt(void *ctx, struct sc_ranges *ret_ranges) {
    return load_ranges(ctx, SC_MEMORY_VIRT, ret_ranges);
}

static sc_err *load_phys(void *ctx, struct sc_ranges *ret_ranges) {
    return load_ranges(ctx, SC_MEMORY_PHYS, ret_ranges);
}

/* Spaces over the container's ranges. */
static sc_err *create_ranges(sc_target *t) {
    const sc_file *file = t->source->file;
    unsigned ptr = sc_target_ptr_size(t);
    sc_err *err = sc_space_create_lazy(file, load_virt, t, ptr, &t->cancel, &t->virt);
    return err ? err : sc_space_create_lazy(file, load_phys, t, 8, &t->cancel, &t->phys);
}

/* Spaces over the container's physical memory, and what the kernel in it tells of the machine. */
static sc_err *create_whole(sc_target *t, const struct sc_open_opts *opts) {
    sc_err *err = sc_whole_create(t, opts);
    if (!err)
        err = sc_target_find_kernel(t, opts);
    if (!err)
        err = sc_whole_create_virt(t);
    if (!err)
        err = sc_whole_complete_machine(t);
    if (!err && t->found_by)
        err = sc_whole_enter_current(t);
    return err;
}

/* Page files that nothing leads to. */
static void note_pagefiles(struct sc_source *source, const struct sc_open_opts *opts) {
    bool given = false;
    for (size_t i = 0; opts && opts->pagefile && i < opts->npagefiles; i++)
        given = given || opts->pagefile[i];
    if (given)
        sc_source_note(source, SC_UNSET64,
                       "page files are of no use here: this dump has no page tables");
}

sc_err *sc_target_adopt(struct sc_source *own_source, const struct sc_open_opts *opts,
                        sc_target **ret_target) {
    sc_target *t = calloc(1, sizeof *t);
    if (!t) {
        sc_source_destroy(own_source);
        return sc_err_nomem();
    }
    t->source = own_source;
    atomic_init(&t->cancel, false);
    if (opts) {
        t->log = opts->log;
        t->log_ctx = opts->log_ctx;
    }
    sc_err *err = own_source->ops->open_pages ? create_whole(t, opts) : create_ranges(t);
    if (!err && !t->whole)
        note_pagefiles(t->source, opts);
    if (err) {
        sc_target_close(t);
        return err;
    }
    *ret_target = t;
    return NULL;
}

/* What a packed dump may become, and who is told meanwhile. */
static sc_err *open_source(sc_file *own_file, const struct sc_open_opts *opts,
                           struct sc_source **ret_source) {
    struct sc_unpack how = {.file_flags = 0};
    if (opts)
        how = (struct sc_unpack){.limit = opts->unpack_limit,
                                 .progress = opts->progress,
                                 .progress_ctx = opts->progress_ctx,
                                 .file_flags = opts->no_mmap ? SC_FILE_NO_MMAP : 0};
    return sc_source_open_packed(own_file, &how, ret_source);
}

sc_err *sc_target_open(const char *path, const struct sc_open_opts *opts, sc_target **ret_target) {
    sc_file *file;
    struct sc_source *source;
    sc_err *err = sc_file_open(path, opts && opts->no_mmap ? SC_FILE_NO_MMAP : 0, &file);
    if (!err)
        err = open_source(file, opts, &source);
    return err ? err : sc_target_adopt(source, opts, ret_target);
}

sc_err *sc_target_open_memory(const char *name, const void *data, size_t size,
                              const struct sc_open_opts *opts, sc_target **ret_target) {
    sc_file *file;
    struct sc_source *source;
    sc_err *err =
        sc_file_memory(name, data, size, opts && opts->no_mmap ? SC_FILE_NO_MMAP : 0, &file);
    if (!err)
        err = open_source(file, opts, &source);
    return err ? err : sc_target_adopt(source, opts, ret_target);
}

void sc_target_close(sc_target *target) {
    if (!target)
        return;
    sc_space_destroy(target->virt);
    sc_whole_destroy(target); /* its spaces stand on the physical one */
    sc_space_destroy(target->phys);
    sc_source_destroy(target->source);
    SC_VEC_FREE(&target->modules);
    sc_target_user_modules_deinit(target);
    SC_VEC_FREE(&target->unloaded);
    SC_VEC_FREE(&target->threads);
    SC_VEC_FREE(&target->pending[SC_MEMORY_VIRT].ranges);
    SC_VEC_FREE(&target->pending[SC_MEMORY_PHYS].ranges);
    free(target);
}

const char *sc_target_name(const sc_target *target) {
    return target->source->file ? sc_file_name(target->source->file) : "(fake)";
}

const char *sc_target_path(const sc_target *target) {
    return target->source->file ? sc_file_path(target->source->file) : "(fake)";
}

uint64_t sc_target_file_size(const sc_target *target) {
    return target->source->file ? sc_file_size(target->source->file) : 0;
}

const struct sc_source *sc_target_source(const sc_target *target) { return target->source; }
const struct sc_machine *sc_target_machine(const sc_target *target) {
    return &target->source->machine;
}

unsigned sc_target_ptr_size(const sc_target *target) {
    unsigned size = sc_cpu_ptr_size(target->source->machine.cpu);
    return size ? size : 8; /* an unknown CPU: do not cut addresses */
}

sc_space *sc_target_space(sc_target *target) { return target->virt; }
sc_space *sc_target_phys(sc_target *target) { return target->phys; }

sc_err *sc_target_threads(sc_target *target, const struct sc_threads **ret_threads) {
    const struct sc_source_ops *ops = target->source->ops;
    if (!target->threads_loaded) {
        target->listing++;
        sc_err *err =
            ops->load_threads ? ops->load_threads(target->source, &target->threads) : NULL;
        if (!err && sc_target_has_paging(target))
            err = sc_whole_load_cpus(target, &target->threads);
        target->listing--;
        if (err) {
            SC_VEC_FREE(&target->threads);
            return err;
        }
    }
    target->threads_loaded = true;
    sc_target_note_io(target);
    *ret_threads = &target->threads;
    return NULL;
}

/* The bytes of a CONTEXT at a file offset or at an address of the target. */
static sc_err *read_context(sc_target *target, uint64_t offset, uint64_t va, uint32_t size,
                            struct sc_regs *ret_regs) {
    uint8_t raw[SC_CONTEXT_MAX];
    size_t len = size < sizeof raw ? size : sizeof raw;
    sc_err *err = offset != SC_UNSET64
                      ? sc_file_read(target->source->file, offset, raw, len)
                      : sc_space_need(sc_kernel_space(target), va, raw, len, "context record");
    if (err)
        return err;
    return sc_regs_init(ret_regs, target->source->machine.cpu, raw, len);
}

sc_err *sc_target_regs(sc_target *target, uint32_t index, struct sc_regs *ret_regs) {
    const struct sc_source_ops *ops = target->source->ops;
    const struct sc_threads *threads;
    sc_err *err = sc_target_threads(target, &threads);
    if (err)
        return err;
    bool kernel = target->source->machine.kernel;
    if (ops->load_regs) {
        err = ops->load_regs(target->source, index, ret_regs);
        if (!sc_err_catch(&err, SC_ERR_NOT_FOUND))
            return err;
    }
    if (target->fake_regs && index == target->source->machine.current) {
        *ret_regs = *target->fake_regs;
        return NULL;
    }
    /* A kernel dump whose memory is lost lists no processors; the header's context stays. */
    if (kernel && !threads->count && index == target->source->machine.current &&
        target->source->machine.event_context_off != SC_UNSET64)
        return sc_target_event_regs(target, ret_regs);
    if (index >= threads->count)
        return sc_errf(SC_ERR_NOT_FOUND, "there is no %s %u: the dump has %zu",
                       kernel ? "processor" : "thread", index, threads->count);
    const struct sc_thread *t = &threads->item[index];
    if (t->context_off == SC_UNSET64 && !t->context_va)
        return sc_errf(SC_ERR_NOT_FOUND, "this dump holds no registers of %s %u",
                       kernel ? "processor" : "thread", index);
    return read_context(target, t->context_off, t->context_va, t->context_size, ret_regs);
}

sc_err *sc_target_event_regs(sc_target *target, struct sc_regs *ret_regs) {
    const struct sc_machine *m = sc_target_machine(target);
    if (target->fake_regs) {
        *ret_regs = *target->fake_regs;
        return NULL;
    }
    uint64_t saved = 0;
    if (m->event_context_off == SC_UNSET64 && sc_target_has_paging(target))
        saved = sc_whole_saved_context(target);
    if (saved)
        return read_context(target, SC_UNSET64, saved, (uint32_t)sc_context_size(m->cpu), ret_regs);
    if (m->event_context_off == SC_UNSET64 || !m->event_context_size)
        return sc_errf(SC_ERR_NOT_FOUND, "this dump holds no context of an event");
    return read_context(target, m->event_context_off, 0, m->event_context_size, ret_regs);
}

void sc_target_cancel(sc_target *target) { atomic_store(&target->cancel, true); }
bool sc_target_cancelled(const sc_target *target) {
    return atomic_load(&((sc_target *)target)->cancel);
}
void sc_target_clear_cancel(sc_target *target) { atomic_store(&target->cancel, false); }
uint64_t sc_target_generation(const sc_target *target) { return target->generation; }

void sc_target_log(const sc_target *target, enum sc_log_level level, const char *fmt, ...) {
    if (!target->log)
        return;
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    target->log(target->log_ctx, level, line);
}
