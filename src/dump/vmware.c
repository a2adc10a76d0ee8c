/* SPDX-License-Identifier: MIT */
/*
 * VMware: memory in a .vmem file beside a state file (.vmss, .vmsn) of the same base name, or
 * inside the state file. Either one can be opened; the other is looked for. A .vmem without a
 * state is read, too.
 *
 * The group "memory" of the state (tags: vmware_tags.c) says where memory lies:
 *
 *   regionsCount, and for each i: regionPageNum[i] the page in the file, regionPPN[i] the physical
 *   page, regionSize[i] pages; Memory[0][0]: the memory itself (offsets count from its first byte)
 *
 * and the group "Checkpoint": memSize (megabytes), Platform (3: ARM64, whose memory begins at
 * 0x80000000). Without regions the memory is one piece, and what does not fit below 3 GiB lies
 * above 4 GiB, behind the hole for devices: so where no region says otherwise that is assumed
 * (machines of 3 GiB and less have no regions, and no need for it).
 *
 * Sources: see vmware_tags.c; LeechCore's public description for ARM64. No real file was at hand.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/osfile.h"
#include "base/utf.h"
#include "dump/runs.h"
#include "dump/vmware_impl.h"

#define GIB          (UINT64_C(1) << 30)
#define ARM64_MEMORY UINT64_C(0x80000000)
#define HOLE_BEGINS  (3 * GIB)
#define HOLE_ENDS    (4 * GIB)
enum { PLATFORM_ARM64 = 3 };

struct region {
    uint64_t page, ppn, size; /* pages: in the file, physical, how many */
};

struct vmware {
    sc_file *partner;     /* owned: the other file, NULL none */
    const sc_file *state; /* the source's file or the partner; NULL: there is no state */
    const sc_file *memory;
    uint64_t inside, inside_size; /* where memory lies in the state file; size 0: not inside */
    struct {
        struct region *item;
        size_t count, room;
    } regions;
    uint32_t claimed; /* regionsCount */
    uint64_t megabytes, platform;
    struct vmware_cpus cpus;
    bool compressed;
    struct sc_source *source; /* for notes, while reading */
};

static void destroy(struct sc_source *source) {
    struct vmware *v = source->impl;
    if (v) {
        sc_file_close(v->partner);
        SC_VEC_FREE(&v->regions);
        SC_VEC_FREE(&v->cpus);
    }
    free(v);
    source->impl = NULL;
}

/* --- the state -------------------------------------------------------------------------------- */

static sc_err *take_region(struct vmware *v, const struct vmware_tag *tag) {
    uint64_t value = vmware_number(tag, 0, 8);
    uint32_t i = tag->index[0];
    if (i >= VMWARE_REGIONS_MAX) {
        sc_source_note(v->source, tag->offset, "the state names a region of memory %u: left out",
                       i);
        return NULL;
    }
    while (v->regions.count <= i)
        if (!SC_VEC_PUSH(&v->regions))
            return sc_err_nomem();
    struct region *r = &v->regions.item[i];
    if (!strcmp(tag->name, "regionPageNum"))
        r->page = value;
    else if (!strcmp(tag->name, "regionPPN"))
        r->ppn = value;
    else
        r->size = value;
    return NULL;
}

static sc_err *take_memory(void *ctx, const struct vmware_tag *tag) {
    struct vmware *v = ctx;
    if (!strcmp(tag->name, "regionsCount"))
        v->claimed = (uint32_t)vmware_number(tag, 0, 4);
    else if (!strcmp(tag->name, "regionPageNum") || !strcmp(tag->name, "regionPPN") ||
             !strcmp(tag->name, "regionSize"))
        return take_region(v, tag);
    else if (!strcmp(tag->name, "Memory") && !v->inside_size) {
        v->inside = tag->offset;
        v->inside_size = tag->size;
        v->compressed = tag->compressed;
    }
    return NULL;
}

static sc_err *take_checkpoint(void *ctx, const struct vmware_tag *tag) {
    struct vmware *v = ctx;
    if (!strcmp(tag->name, "memSize"))
        v->megabytes = vmware_number(tag, 0, 8);
    else if (!strcmp(tag->name, "Platform"))
        v->platform = vmware_number(tag, 0, 4);
    return NULL;
}

static sc_err *read_state(struct sc_source *s) {
    struct vmware *v = s->impl;
    v->source = s;
    sc_err *err = vmware_each_tag(s, v->state, "memory", take_memory, v);
    if (!err)
        err = vmware_each_tag(s, v->state, "Checkpoint", take_checkpoint, v);
    if (!err)
        err = vmware_read_cpus(s, v->state, &v->cpus);
    if (!err && v->claimed != v->regions.count) {
        if (v->claimed)
            sc_source_note(s, SC_UNSET64, "the state has %u regions of memory and names %zu",
                           v->claimed, v->regions.count);
        if (v->claimed < v->regions.count)
            v->regions.count = v->claimed;
    }
    return err;
}

/* --- the other file --------------------------------------------------------------------------- */

/* Opens PATH with its ending replaced by ENDING; NULL without an error when there is none. */
static sc_err *open_beside(const struct sc_source *s, const char *ending, sc_file **ret_file) {
    const char *path = sc_file_path(s->file);
    const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
    *ret_file = NULL;
    if (!sc_file_is_on_disk(s->file) || !dot || (slash && dot < slash))
        return NULL;
    size_t len = (size_t)(dot - path), room = len + strlen(ending) + 1;
    char *other = malloc(room);
    if (!other)
        return sc_err_nomem();
    snprintf(other, room, "%.*s%s", (int)len, path, ending);
    bool mapped = sc_file_view(s->file, 0, 1) != NULL;
    sc_err *err = NULL;
    if (sc_os_is_file(other, NULL, NULL))
        err = sc_file_open(other, mapped ? 0 : SC_FILE_NO_MMAP, ret_file);
    free(other);
    return err;
}

static bool ends_with(const char *path, const char *ending) {
    size_t a = strlen(path), b = strlen(ending);
    return a >= b && !sc_strcasecmp(path + a - b, ending);
}

bool sc_vmware_is_memory(const struct sc_source *source) {
    return ends_with(sc_file_path(source->file), ".vmem");
}

/* The state of a .vmem, if there is one. */
static sc_err *find_state(struct sc_source *s) {
    static const char *const endings[] = {".vmss", ".vmsn"};
    struct vmware *v = s->impl;
    v->memory = s->file;
    for (size_t i = 0; i < sizeof endings / sizeof *endings && !v->partner; i++) {
        sc_err *err = open_beside(s, endings[i], &v->partner);
        if (err)
            return err;
        if (v->partner && !vmware_is_state(v->partner)) {
            sc_source_note(s, SC_UNSET64, "%s beside it is no state of VMware's: not used",
                           sc_file_name(v->partner));
            sc_file_close(v->partner);
            v->partner = NULL;
        }
    }
    v->state = v->partner;
    if (!v->state)
        sc_source_note(s, SC_UNSET64,
                       "no .vmss or .vmsn of this name lies beside it: registers and the memory's "
                       "regions are not known");
    return v->state ? read_state(s) : NULL;
}

/* The memory of a state. */
static sc_err *find_memory(struct sc_source *s) {
    struct vmware *v = s->impl;
    const char *name = sc_file_name(s->file);
    v->state = s->file;
    sc_err *err = read_state(s);
    if (err)
        return err;
    if (v->compressed)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "%s: the memory in this state of VMware's is compressed: take a snapshot "
                       "with its memory in a .vmem file (mainMem.useNamedFile = \"TRUE\")",
                       name);
    if (v->inside_size) {
        v->memory = s->file;
        return NULL;
    }
    err = open_beside(s, ".vmem", &v->partner);
    if (err)
        return err;
    if (!v->partner)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "%s: this state of VMware's holds no memory, and no .vmem of its name lies "
                       "beside it",
                       name);
    v->memory = v->partner;
    return NULL;
}

/* --- memory ----------------------------------------------------------------------------------- */

static bool add(struct sc_ranges *runs, uint64_t start, uint64_t size, uint64_t offset) {
    struct sc_range *r = size ? SC_VEC_PUSH(runs) : NULL;
    if (r)
        *r = (struct sc_range){start, size, offset};
    return r || !size;
}

/* One piece from OFFSET on, around the hole. */
static bool add_whole(const struct vmware *v, uint64_t offset, uint64_t size,
                      struct sc_ranges *runs) {
    if (v->platform == PLATFORM_ARM64)
        return add(runs, ARM64_MEMORY, size, offset);
    uint64_t low = size < HOLE_BEGINS ? size : HOLE_BEGINS;
    return add(runs, 0, low, offset) && add(runs, HOLE_ENDS, size - low, offset + low);
}

static bool add_region(struct sc_source *s, const struct region *r, uint64_t offset,
                       struct sc_ranges *runs) {
    const uint64_t most = UINT64_MAX / VMWARE_PAGE / 2;
    if (r->page > most || r->ppn > most || r->size > most) {
        sc_source_note(s, SC_UNSET64,
                       "a region of 0x%" PRIx64 " pages at page 0x%" PRIx64 " is left out", r->size,
                       r->ppn);
        return true;
    }
    return add(runs, r->ppn * VMWARE_PAGE, r->size * VMWARE_PAGE, offset + r->page * VMWARE_PAGE);
}

static sc_err *open_pages(struct sc_source *s, struct sc_pages *ret_pages) {
    struct vmware *v = s->impl;
    struct sc_ranges runs = {0};
    uint64_t size = v->inside_size ? v->inside_size : sc_file_size(v->memory);
    bool ok = true;
    for (size_t i = 0; i < v->regions.count && ok; i++)
        ok = add_region(s, &v->regions.item[i], v->inside, &runs);
    if (!v->regions.count)
        ok = add_whole(v, v->inside, size, &runs);
    if (!ok) {
        SC_VEC_FREE(&runs);
        return sc_err_nomem();
    }
    uint64_t total = 0;
    for (size_t i = 0; i < runs.count; i++)
        total += runs.item[i].size;
    if (v->megabytes && v->megabytes < UINT64_MAX >> 20 && total != v->megabytes << 20)
        sc_source_note(s, SC_UNSET64,
                       "the machine has %" PRIu64 " MB of memory, the file %" PRIu64 " MB",
                       v->megabytes, total >> 20);
    return sc_runs_pages_of(s, v->memory, &runs, ret_pages);
}

/* --- processors ------------------------------------------------------------------------------- */

static sc_err *load_threads(struct sc_source *s, struct sc_threads *ret) {
    const struct vmware *v = s->impl;
    for (size_t i = 0; i < v->cpus.count; i++) {
        struct sc_thread *t = SC_VEC_PUSH(ret);
        if (!t)
            return sc_err_nomem();
        vmware_thread(&v->cpus.item[i], s->machine.cpu, (uint32_t)i, t);
    }
    return NULL;
}

static sc_err *load_regs(struct sc_source *s, uint32_t index, struct sc_regs *ret_regs) {
    const struct vmware *v = s->impl;
    if (index >= v->cpus.count)
        return sc_errf(SC_ERR_NOT_FOUND, "there is no processor %u: the state has %zu", index,
                       v->cpus.count);
    return vmware_regs(&v->cpus.item[index], s->machine.cpu, ret_regs);
}

static const struct sc_source_ops ops = {
    .name = "VMware memory",
    .destroy = destroy,
    .open_pages = open_pages,
    .load_threads = load_threads,
    .load_regs = load_regs,
};
/* Nothing is said of processors: the target finds them in memory. */
static const struct sc_source_ops ops_without_cpus = {
    .name = "VMware memory",
    .destroy = destroy,
    .open_pages = open_pages,
};

sc_err *sc_vmware_open(struct sc_source *source) {
    struct vmware *v = calloc(1, sizeof *v);
    if (!v)
        return sc_err_nomem();
    source->impl = v;
    source->ops = &ops;
    bool state = source->probe.format == SC_FORMAT_VMWARE;
    if (!state) {
        source->probe.format = SC_FORMAT_VMWARE;
        source->probe.name = "VMware memory";
    }
    sc_err *err = state ? find_memory(source) : find_state(source);
    if (err)
        return err;
    if (!v->cpus.count)
        source->ops = &ops_without_cpus;
    if (v->platform == PLATFORM_ARM64)
        source->machine.cpu = SC_CPU_ARM64;
    source->machine.kernel = true;
    source->machine.ncpus = (uint32_t)v->cpus.count;
    return NULL;
}
