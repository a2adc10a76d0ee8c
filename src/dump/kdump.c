/* SPDX-License-Identifier: MIT */
/*
 * Kernel dumps: the source made from the header, whatever the type.
 *
 * Triage dumps hold ranges of virtual memory (triage.c), the others physical pages, listed in one
 * of three ways: by the header's runs, by a bitmap, by ranges (kdump_runs.c, kdump_bitmap.c,
 * kdump_rdmp.c). Which one shows by the signature behind the header rather than by DumpType, since
 * dumpers set that carelessly; what disagrees is noted. A dump whose list cannot be believed opens
 * all the same: the header still tells the bug check and the registers.
 */
#include <stdlib.h>
#include <string.h>

#include "dump/kdump_impl.h"

static void kdump_destroy(struct sc_source *source) {
    struct sc_kdump *kd = source->impl;
    if (kd) {
        SC_VEC_FREE(&kd->blobs);
        free(kd->block);
    }
    free(kd);
}

static const struct sc_source_ops triage_ops = {
    .name = "kernel triage dump",
    .destroy = kdump_destroy,
    .load_memory = sc_triage_load_memory,
    .load_modules = sc_triage_load_modules,
    .load_unloaded = sc_triage_load_unloaded,
    .load_threads = sc_triage_load_threads,
};

/* Modules and processors of whole memory are read from it, by those who stand above. */
static const struct sc_source_ops whole_ops[] = {
    [SC_KDUMP_NO_MEMORY] = {.name = "kernel dump header", .destroy = kdump_destroy},
    [SC_KDUMP_RUNS] = {.name = "complete memory dump",
                       .destroy = kdump_destroy,
                       .open_pages = sc_kdump_open_runs},
    [SC_KDUMP_SUMMARY] = {.name = "kernel memory dump",
                          .destroy = kdump_destroy,
                          .open_pages = sc_kdump_open_bitmap},
    [SC_KDUMP_BITMAP] = {.name = "bitmap dump",
                         .destroy = kdump_destroy,
                         .open_pages = sc_kdump_open_bitmap},
    [SC_KDUMP_RANGES] = {.name = "debugger's memory dump",
                         .destroy = kdump_destroy,
                         .open_pages = sc_kdump_open_ranges},
};

struct sc_kdump *sc_kdump_impl(const struct sc_source *source) {
    bool mine = source && source->ops && source->ops->destroy == kdump_destroy;
    return mine ? source->impl : NULL;
}

/* Windows versions by build number: the header has no other version. */
static void set_version(struct sc_machine *m, uint32_t build) {
    static const struct {
        uint32_t build;
        uint8_t major, minor;
    } first[] = {{10240, 10, 0}, {9841, 10, 0}, {9600, 6, 3}, {9200, 6, 2}, {7600, 6, 1},
                 {6000, 6, 0},   {3790, 5, 2},  {2600, 5, 1}, {2195, 5, 0}, {1381, 4, 0}};
    m->build = build;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (build >= first[i].build) {
            m->major = first[i].major;
            m->minor = first[i].minor;
            return;
        }
}

/*
 * Was a CONTEXT written there? ContextFlags are the first word, on x64 the one at +0x30: where both
 * are still filler, or nothing, none was.
 */
static bool has_context(struct sc_source *s, uint64_t offset) {
    struct sc_cur c = sc_cur_at(s->file, offset, 0x34, "context record");
    uint32_t first = sc_u32(&c);
    sc_cur_skip(&c, 0x2c);
    uint32_t second = sc_u32(&c);
    return (first || second) && (!sc_is_filler32(first) || !sc_is_filler32(second));
}

/* An address that the writer never filled in is not known. */
static uint64_t known(const struct sc_kdump_header *h, uint64_t address) {
    bool filler = h->is64 ? sc_is_filler64(address) : sc_is_filler32((uint32_t)address);
    return filler ? 0 : address;
}

bool sc_kdump_set_machine(struct sc_source *s, const struct sc_kdump_header *h) {
    struct sc_machine *m = &s->machine;
    m->cpu = sc_cpu_from_machine((uint16_t)h->machine_type);
    m->kernel = true;
    m->ncpus = h->nprocessors;
    m->checked = (h->major & 0xff) == 0xc;
    set_version(m, h->minor);
    m->product_type = h->product_type;
    m->suite_mask = h->suite_mask;
    m->time = h->system_time == SC_UNSET64 ? 0 : h->system_time;
    m->uptime = h->system_uptime;
    m->has_bugcheck = !sc_is_filler32(h->bugcheck);
    m->bugcheck = h->bugcheck;
    memcpy(m->bugcheck_arg, h->bugcheck_arg, sizeof m->bugcheck_arg);
    m->loaded_module_list = known(h, h->loaded_module_list);
    m->active_process_head = known(h, h->active_process_head);
    m->debugger_data = known(h, h->debugger_data);
    m->dtb = known(h, h->dtb);
    m->pfn_database = known(h, h->pfn_database);
    m->pae = !h->is64 && h->pae_enabled == 1;
    if (h->comment[0] && !(m->comment = sc_arena_strdup(s->arena, h->comment)))
        return false;
    if (has_context(s, h->context_offset)) {
        m->event_context_off = h->context_offset;
        m->event_context_size = (uint32_t)sc_context_size(m->cpu);
    }
    return true;
}

/* The bug check itself leaves a breakpoint exception here; still, it is what the dump says. */
void sc_kdump_set_exception(struct sc_source *s, uint64_t offset, bool is64) {
    struct sc_cur c = sc_cur_at(s->file, offset, is64 ? 0x98 : 0x50, "exception record");
    struct sc_exception e;
    sc_read_exception(&c, is64, &e);
    if (sc_cur_failed(&c)) {
        sc_source_note(s, offset, "the exception record lies outside the file");
        return;
    }
    if (!e.code || sc_is_filler32(e.code))
        return;
    s->machine.has_exception = true;
    s->machine.exception = e;
    s->machine.exception_record = offset;
}

/* A list other than the one that DumpType 1 promises. */
static bool find_signed(struct sc_source *s, struct sc_kdump *kd, enum sc_kdump_layout layout) {
    bool found = layout == SC_KDUMP_BITMAP
                     ? sc_kdump_find_bitmap(s, kd)
                     : layout == SC_KDUMP_RANGES && sc_kdump_find_ranges(s, kd);
    if (found && kd->header.dump_type == 1)
        sc_source_note(s, kd->memory.offset, "DumpType is 1, but the pages are listed by a %s",
                       kd->memory.name);
    return found;
}

static void find_memory(struct sc_source *s, struct sc_kdump *kd) {
    uint64_t part = sc_kdump_header_size(&kd->header);
    enum sc_kdump_layout layout = sc_kdump_signed_as(s, kd);
    bool own_runs = kd->header.dump_type == 1 && (kd->header.nruns || !layout);
    if (kd->header.attributes & SC_KDUMP_ENCRYPTED)
        sc_source_note(s, kd->header.is64 ? 0x1050 : 0x8a0,
                       "the dump is encrypted: its memory cannot be read before it is decrypted "
                       "with the key of the machine's owner");
    else if (own_runs)
        sc_kdump_find_runs(s, kd);
    else if (layout)
        find_signed(s, kd, layout);
    else
        sc_source_note(s, part,
                       "no list of the dump's pages stands behind the header: its memory cannot be "
                       "found");
}

/*
 * What the memory is, and what is already known to be missing. Trouble with reading is an error:
 * what could not be read must not be taken for another kind of list, or for none.
 */
static sc_err *open_whole(struct sc_source *s, struct sc_kdump *kd) {
    uint64_t size = sc_file_size(s->file), part = sc_kdump_header_size(&kd->header), at;
    if (kd->header.dump_type == 3)
        sc_source_note(s, part, "this dump is a header alone: it holds no memory");
    else
        find_memory(s, kd);
    if (sc_file_io_failed(s->file, &at))
        return sc_err_at(SC_ERR_IO, sc_file_name(s->file), at, "read failed");
    if (kd->memory.layout && kd->memory.pages != SC_UNSET64)
        sc_kdump_note_cut(s, kd, kd->memory.pages);
    if (kd->header.attributes & SC_KDUMP_FILE_TOO_SMALL)
        sc_source_note(s, size, "Windows had too little room for this dump and left memory out");
    s->ops = &whole_ops[kd->memory.layout];
    return NULL;
}

static sc_err *check_machine(struct sc_source *source, const struct sc_kdump_header *h) {
    uint64_t at = h->is64 ? 0x30 : 0x20;
    enum sc_cpu cpu = sc_cpu_from_machine((uint16_t)h->machine_type);
    if (cpu == SC_CPU_UNKNOWN)
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(source->file), at,
                         "kernel dump header: unknown MachineImageType 0x%x", h->machine_type);
    if ((sc_cpu_ptr_size(cpu) == 8) != h->is64)
        sc_source_note(source, at, "MachineImageType 0x%x does not go with a %d-bit header",
                       h->machine_type, h->is64 ? 64 : 32);
    return NULL;
}

sc_err *sc_kdump_open(struct sc_source *source) {
    struct sc_kdump *kd = calloc(1, sizeof *kd);
    if (!kd)
        return sc_err_nomem();
    bool triage = source->probe.format == SC_FORMAT_KERNEL_TRIAGE;
    source->impl = kd;
    source->ops = triage ? &triage_ops : &whole_ops[SC_KDUMP_NO_MEMORY];
    sc_err *err = sc_kdump_read_header(source, 0, source->probe.is64, &kd->header);
    if (!err)
        err = check_machine(source, &kd->header);
    if (!err && !sc_kdump_set_machine(source, &kd->header))
        err = sc_err_nomem();
    if (!err && triage)
        err = sc_triage_open(source, kd);
    if (!err && !triage)
        err = open_whole(source, kd);
    if (err)
        return err;
    sc_kdump_set_exception(source, kd->header.exception_offset, kd->header.is64);
    return NULL;
}

const struct sc_kdump_header *sc_kdump_header(const struct sc_source *source) {
    struct sc_kdump *kd = sc_kdump_impl(source);
    return kd ? &kd->header : NULL;
}

const struct sc_kdump_memory *sc_kdump_memory(const struct sc_source *source) {
    struct sc_kdump *kd = sc_kdump_impl(source);
    return kd && !kd->is_triage ? &kd->memory : NULL;
}

const struct sc_triage_header *sc_triage_header(const struct sc_source *source) {
    struct sc_kdump *kd = sc_kdump_impl(source);
    return kd && kd->is_triage ? &kd->triage : NULL;
}

const struct sc_triage_mm *sc_triage_mm(const struct sc_source *source) {
    struct sc_kdump *kd = sc_kdump_impl(source);
    return kd && kd->has_mm ? &kd->mm : NULL;
}

const char *sc_triage_broken_driver(const struct sc_source *source) {
    struct sc_kdump *kd = sc_kdump_impl(source);
    return kd ? kd->broken_driver : NULL;
}
