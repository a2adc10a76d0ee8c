/* SPDX-License-Identifier: MIT */
/*
 * Kernel dumps: the source made from the header, and the secondary data behind the dump.
 *
 * Secondary data ("blobs"), put there by drivers through KbCallbackSecondaryDumpData:
 *
 *   DUMP_BLOB_FILE_HEADER  +0x00 "Dump" +0x04 "Blob" +0x08 HeaderSize (0x10) +0x0c BuildNumber
 *   DUMP_BLOB_HEADER       +0x00 HeaderSize (0x20) +0x04 GUID Tag +0x14 DataSize
 *                          +0x18 PrePad +0x1c PostPad
 *     then PrePad bytes, DataSize bytes, PostPad bytes, and the next header; to the file's end.
 *
 * It begins where the dump proper ends: for a triage dump at SizeOfDump, else at
 * RequiredDumpSpace. Sources: win32metadata; seen in the real triage dumps of the test corpus.
 */
#include <stdlib.h>
#include <string.h>

#include "dump/kdump_impl.h"

enum { BLOBS_MAX = 4096 };

static struct sc_kdump *impl(const struct sc_source *source);

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

static struct sc_kdump *impl(const struct sc_source *source) {
    return source && source->ops == &triage_ops ? source->impl : NULL;
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
 * are still filler, nothing was.
 */
static bool has_context(struct sc_source *s, uint64_t offset) {
    struct sc_cur c = sc_cur_at(s->file, offset, 0x34, "context record");
    uint32_t first = sc_u32(&c);
    sc_cur_skip(&c, 0x2c);
    return !sc_is_filler32(first) || !sc_is_filler32(sc_u32(&c));
}

/* False when memory is short. */
static bool set_machine(struct sc_source *s, const struct sc_kdump_header *h) {
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
    m->has_bugcheck = true;
    m->bugcheck = h->bugcheck;
    memcpy(m->bugcheck_arg, h->bugcheck_arg, sizeof m->bugcheck_arg);
    m->loaded_module_list = h->loaded_module_list;
    m->active_process_head = h->active_process_head;
    m->debugger_data = h->debugger_data;
    m->dtb = h->dtb;
    if (h->comment[0] && !(m->comment = sc_arena_strdup(s->arena, h->comment)))
        return false;
    if (has_context(s, h->context_offset)) {
        m->event_context_off = h->context_offset;
        m->event_context_size = (uint32_t)sc_context_size(m->cpu);
    }
    return true;
}

/* The bug check itself leaves a breakpoint exception here; still, it is what the dump says. */
static void set_exception(struct sc_source *s, uint64_t offset, bool is64) {
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

sc_err *sc_kdump_open(struct sc_source *source) {
    struct sc_kdump *kd = calloc(1, sizeof *kd);
    if (!kd)
        return sc_err_nomem();
    source->impl = kd;
    source->ops = &triage_ops;
    sc_err *err = sc_kdump_read_header(source, &kd->header);
    if (err)
        return err;
    enum sc_cpu cpu = sc_cpu_from_machine((uint16_t)kd->header.machine_type);
    if (cpu == SC_CPU_UNKNOWN)
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(source->file), kd->header.is64 ? 0x30 : 0x20,
                         "kernel dump header: unknown MachineImageType 0x%x",
                         kd->header.machine_type);
    if ((sc_cpu_ptr_size(cpu) == 8) != kd->header.is64)
        sc_source_note(source, kd->header.is64 ? 0x30 : 0x20,
                       "MachineImageType 0x%x does not go with a %d-bit header",
                       kd->header.machine_type, kd->header.is64 ? 64 : 32);
    if (!set_machine(source, &kd->header))
        return sc_err_nomem();
    err = sc_triage_open(source, kd);
    if (err)
        return err;
    set_exception(source, kd->header.exception_offset, kd->header.is64);
    return NULL;
}

const struct sc_kdump_header *sc_kdump_header(const struct sc_source *source) {
    struct sc_kdump *kd = impl(source);
    return kd ? &kd->header : NULL;
}

const struct sc_triage_header *sc_triage_header(const struct sc_source *source) {
    struct sc_kdump *kd = impl(source);
    return kd && kd->is_triage ? &kd->triage : NULL;
}

const struct sc_triage_mm *sc_triage_mm(const struct sc_source *source) {
    struct sc_kdump *kd = impl(source);
    return kd && kd->has_mm ? &kd->mm : NULL;
}

const char *sc_triage_broken_driver(const struct sc_source *source) {
    struct sc_kdump *kd = impl(source);
    return kd ? kd->broken_driver : NULL;
}

static uint64_t primary_end(const struct sc_kdump *kd) {
    if (kd->is_triage)
        return kd->triage.size_of_dump;
    return kd->header.required_space == SC_UNSET64 ? 0 : kd->header.required_space;
}

/* One blob; false at the end of the list or at something that is no blob (with a note). */
static bool next_blob(struct sc_source *s, struct sc_cur *c, struct sc_blob *ret) {
    uint64_t at = c->pos;
    if (sc_cur_left(c) < 0x20)
        return false;
    uint32_t header = sc_u32(c);
    ret->header = at;
    ret->tag = sc_cur_guid(c);
    ret->size = sc_u32(c);
    uint32_t pre = sc_u32(c), post = sc_u32(c);
    if (header < 0x20) {
        if (header)
            sc_source_note(s, at, "secondary data: header size 0x%x is too small", header);
        return false;
    }
    sc_cur_skip(c, header - 0x20);
    sc_cur_skip(c, pre);
    ret->offset = c->pos;
    sc_cur_skip(c, ret->size);
    if (sc_cur_failed(c)) {
        sc_source_note(s, at, "secondary data of 0x%x bytes runs over the end of the file",
                       ret->size);
        return false;
    }
    sc_cur_skip(c, sc_cur_left(c) < post ? sc_cur_left(c) : post);
    return true;
}

/* Does a DUMP_BLOB_FILE_HEADER stand there? */
static bool is_blob_file(struct sc_source *s, uint64_t at) {
    struct sc_cur c = sc_cur_at(s->file, at, 0x10, "secondary data");
    uint32_t dump = sc_u32(&c), blob = sc_u32(&c);
    return at && !sc_cur_failed(&c) && dump == 0x706d7544 && blob == 0x626f6c42;
}

/*
 * At the end of the dump proper in the real files; documents speak of an aligned end. 0 when
 * nothing is there.
 */
static uint64_t find_blobs(struct sc_source *s, const struct sc_kdump *kd) {
    static const uint32_t alignments[] = {1, 8, 0x200, 0x1000};
    uint64_t end = primary_end(kd);
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++) {
        uint64_t at = (end + alignments[i] - 1) / alignments[i] * alignments[i];
        if (at >= end && is_blob_file(s, at))
            return at;
    }
    return 0;
}

static sc_err *walk_blobs(struct sc_source *s, struct sc_kdump *kd) {
    uint64_t start = find_blobs(s, kd);
    struct sc_cur c = sc_cur_at(s->file, start, UINT64_MAX, "secondary data");
    if (!start || sc_cur_left(&c) < 0x10)
        return NULL;
    sc_cur_skip(&c, 8);
    uint32_t header = sc_u32(&c);
    kd->blobs.present = true;
    kd->blobs.build = sc_u32(&c);
    sc_cur_skip(&c, header > 0x10 ? header - 0x10 : 0);
    struct sc_blob b = {0};
    while (kd->blobs.count < BLOBS_MAX && next_blob(s, &c, &b)) {
        struct sc_blob *slot = SC_VEC_PUSH(&kd->blobs);
        if (!slot)
            return sc_err_nomem();
        *slot = b;
    }
    if (kd->blobs.count == BLOBS_MAX)
        sc_source_note(s, c.pos, "more than %d blobs of secondary data: the rest is left out",
                       BLOBS_MAX);
    return NULL;
}

sc_err *sc_kdump_blobs(struct sc_source *source, const struct sc_blobs **ret_blobs) {
    struct sc_kdump *kd = impl(source);
    if (!kd)
        return sc_errf(SC_ERR_NOT_FOUND, "only kernel dumps have secondary data");
    if (!kd->blobs_walked) {
        sc_err *err = walk_blobs(source, kd);
        if (err) {
            SC_VEC_FREE(&kd->blobs);
            return err;
        }
        kd->blobs_walked = true;
    }
    *ret_blobs = &kd->blobs;
    return NULL;
}
