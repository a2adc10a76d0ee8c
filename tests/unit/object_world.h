/* SPDX-License-Identifier: MIT */
/*
 * Objects of the object manager in a fake kernel of any build with layouts: types, directories,
 * symbolic links, handle tables. What is written is worked out here on its own (in particular how
 * headers hide their types and how entries of handle tables hold pointers), from descriptions, not
 * with the readers' code.
 *
 *     struct ow o = ow_new(&builds[i]);
 *     uint64_t device = ow_directory(&o, "Device", o.root);
 *     ow_object(&o, OW_EVENT, "Ready", device, 0x40);
 *     world_open(o.w, SC_RENDER_TEXT);
 */
#ifndef STOPCODE_UNIT_OBJECT_WORLD_H
#define STOPCODE_UNIT_OBJECT_WORLD_H

#include "kernel_world.h"

enum { OW_ROOM = 0x80000, OW_COOKIE = 0x5d };
enum {
    OW_TYPE = 2,
    OW_DIRECTORY,
    OW_SYMLINK,
    OW_TOKEN,
    OW_JOB,
    OW_PROCESS,
    OW_THREAD,
    OW_EVENT,
    OW_DEVICE,
    OW_FILE,
    OW_KEY,
    OW_TYPES
};

struct ow_build {
    enum sc_cpu cpu;
    uint32_t build;
};
static const struct ow_build ow_builds[] = {
    {SC_CPU_X86, 2600},  {SC_CPU_X64, 3790},  {SC_CPU_X64, 6002},  {SC_CPU_X86, 7601},
    {SC_CPU_X64, 7601},  {SC_CPU_X64, 9200},  {SC_CPU_X64, 9600},  {SC_CPU_X64, 10240},
    {SC_CPU_X64, 17763}, {SC_CPU_X64, 19041}, {SC_CPU_X86, 19041}, {SC_CPU_X64, 22000},
};
enum { OW_BUILDS = sizeof ow_builds / sizeof *ow_builds };

struct ow {
    struct world *w;
    uint64_t pool, at; /* where things go, and the next free place */
    uint64_t type[OW_TYPES], root;
    uint64_t root_variable, cid_variable, kernel_variable;
    uint64_t body;
    bool index; /* types are given by index */
};

static inline uint64_t ow_room(struct ow *o, size_t size) {
    uint64_t at = (o->at + 15) & ~(uint64_t)15;
    o->at = at + size;
    assert_true(o->at <= o->pool + OW_ROOM);
    return at;
}

/* A whole page of the pool. */
static inline uint64_t ow_page(struct ow *o) {
    o->at = (o->at + 0xfff) & ~(uint64_t)0xfff;
    return ow_room(o, 0x1000);
}

static inline size_t ow_size(struct ow *o, const char *type) {
    struct sc_type t;
    assert_null(sc_type_of(o->w->layouts, world_type(o->w, type), &t));
    return (size_t)t.size;
}

/* The UNICODE_STRING at AT. */
static inline void ow_string(struct ow *o, uint64_t at, const char *text) {
    size_t n = strlen(text);
    uint64_t room = ow_room(o, 2 * n + 2);
    world_put(o->w, at, 2, 2 * n);
    world_put(o->w, at + 2, 2, 2 * n + 2);
    world_put(o->w, at + o->w->ptr, o->w->ptr, room);
    for (size_t i = 0; i < n; i++)
        world_put(o->w, room + 2 * i, 2, (unsigned char)text[i]);
}

/* A header whose optional ones are creator and name info, then the body of SIZE bytes. */
static inline uint64_t ow_bare(struct ow *o, unsigned type, const char *name, uint64_t directory,
                               size_t size) {
    struct world *w = o->w;
    const char *h = "_OBJECT_HEADER", *n = "_OBJECT_HEADER_NAME_INFO";
    size_t creator = ow_size(o, "_OBJECT_HEADER_CREATOR_INFO"), names = name ? ow_size(o, n) : 0;
    uint64_t start = ow_room(o, creator + names + (size_t)o->body + size), info = start;
    uint64_t header = start + names + creator, body = header + o->body;
    world_set(w, h, header, "PointerCount", 0, 3);
    world_set(w, h, header, "HandleCount", 0, 1);
    if (o->index) {
        uint64_t hide = w->m.build >= 10000 ? OW_COOKIE ^ (header >> 8 & 0xff) : 0;
        world_set(w, h, header, "TypeIndex", 1, type ^ hide);
        world_set(w, h, header, "InfoMask", 1, name ? 3 : 1);
    } else {
        world_set(w, h, header, "Type", 0, o->type[type]);
        world_set(w, h, header, "NameInfoOffset", 1, name ? creator + names : 0);
        world_set(w, h, header, "Flags", 1, 4);
    }
    if (name) {
        world_set(w, n, info, "Directory", 0, directory);
        ow_string(o, info + world_offset(w, n, "Name"), name);
    }
    return body;
}

/* Puts OBJECT into BUCKET of DIRECTORY, in front of what is there. */
static inline void ow_enter(struct ow *o, uint64_t directory, unsigned bucket, uint64_t object) {
    struct world *w = o->w;
    uint64_t head = directory + world_offset(w, "_OBJECT_DIRECTORY", "HashBuckets") +
                    (uint64_t)bucket * w->ptr,
             first = 0;
    uint64_t entry = ow_room(o, 4 * w->ptr);
    for (size_t i = 0; i < w->nmemory; i++)
        if (head - w->memory[i].addr < w->memory[i].size)
            memcpy(&first, (const uint8_t *)w->memory[i].data + (head - w->memory[i].addr), w->ptr);
    world_put(w, entry, w->ptr, first);
    world_set(w, "_OBJECT_DIRECTORY_ENTRY", entry, "Object", 0, object);
    world_put(w, head, w->ptr, entry);
}

static inline uint64_t ow_object(struct ow *o, unsigned type, const char *name, uint64_t directory,
                                 size_t size) {
    uint64_t body = ow_bare(o, type, name, directory, size);
    if (directory && name)
        ow_enter(o, directory, (unsigned)(name[0] % 37), body);
    return body;
}

static inline uint64_t ow_directory(struct ow *o, const char *name, uint64_t in) {
    return ow_object(o, OW_DIRECTORY, name, in, ow_size(o, "_OBJECT_DIRECTORY"));
}

static inline uint64_t ow_symlink(struct ow *o, const char *name, uint64_t in, const char *target,
                                  unsigned drive) {
    const char *l = "_OBJECT_SYMBOLIC_LINK";
    uint64_t body = ow_object(o, OW_SYMLINK, name, in, ow_size(o, l));
    ow_string(o, body + world_offset(o->w, l, "LinkTarget"), target);
    world_set(o->w, l, body, "DosDeviceDriveIndex", 4, drive);
    return body;
}

static inline void ow_types(struct ow *o, uint64_t table) {
    static const char *const names[OW_TYPES] = {[OW_TYPE] = "Type",
                                                [OW_DIRECTORY] = "Directory",
                                                [OW_SYMLINK] = "SymbolicLink",
                                                [OW_TOKEN] = "Token",
                                                [OW_JOB] = "Job",
                                                [OW_PROCESS] = "Process",
                                                [OW_THREAD] = "Thread",
                                                [OW_EVENT] = "Event",
                                                [OW_DEVICE] = "Device",
                                                [OW_FILE] = "File",
                                                [OW_KEY] = "Key"};
    const char *t = "_OBJECT_TYPE";
    for (unsigned i = OW_TYPE; i < OW_TYPES; i++) {
        uint64_t at = o->type[i] = ow_bare(o, OW_TYPE, names[i], 0, ow_size(o, t));
        ow_string(o, at + world_offset(o->w, t, "Name"), names[i]);
        world_set(o->w, t, at, "Index", 1, i);
        world_set(o->w, t, at, "TotalNumberOfObjects", 4, 3);
        world_ring(o->w, at + world_offset(o->w, t, "TypeList"), NULL, 0);
        if (o->index)
            world_put(o->w, table + (uint64_t)i * o->w->ptr, o->w->ptr, at);
        else /* only now is it known where the type "Type" lies */
            world_set(o->w, "_OBJECT_HEADER", at - o->body, "Type", 0, o->type[OW_TYPE]);
    }
}

static inline struct ow ow_new(const struct ow_build *b) {
    bool x64 = b->cpu == SC_CPU_X64;
    struct ow o = {.w = world_new(b->cpu, b->build, x64 ? 0xfffff80002600000 : 0x80400000)};
    struct world *w = o.w;
    o.index = b->build >= 7600;
    o.pool = o.at = x64 ? 0xfffff8a000400000 : 0xe1000000;
    o.body = world_offset(w, "_OBJECT_HEADER", "Body");
    world_bytes(w, o.pool, OW_ROOM);
    uint64_t variables = world_symbol(w, "ObHeaderCookie", 0x1000);
    if (b->build < 10000)
        w->nsymbols--;
    uint64_t table = world_symbol(w, "ObTypeIndexTable", 0x1010);
    if (!o.index)
        w->nsymbols--;
    o.root_variable = world_symbol(w, "ObpRootDirectoryObject", 0x1800);
    o.kernel_variable = world_symbol(w, "ObpKernelHandleTable", 0x1808);
    o.cid_variable = world_symbol(w, "PspCidTable", 0x1810);
    world_bytes(w, variables, 0x900);
    world_put(w, variables, 1, OW_COOKIE);
    ow_types(&o, table);
    o.root = ow_bare(&o, OW_DIRECTORY, "\\", 0, ow_size(&o, "_OBJECT_DIRECTORY"));
    world_put(w, o.root_variable, w->ptr, o.root);
    uint64_t types = ow_directory(&o, "ObjectTypes", o.root);
    for (unsigned t = OW_TYPE; t < OW_TYPES; t++)
        ow_enter(&o, types, t, o.type[t]);
    return o;
}

/* ---- handle tables ---- */

static inline size_t ow_entries(const struct ow *o) { return 0x1000 / (2 * o->w->ptr); }

/* A table of LEVELS - 1 levels of pointers; of each, only the first COUNT pages of entries. */
static inline uint64_t ow_table(struct ow *o, unsigned levels, unsigned pages) {
    struct world *w = o->w;
    const char *t = "_HANDLE_TABLE";
    uint64_t table = ow_room(o, ow_size(o, t) + 0x40), top = 0, middle = 0;
    if (levels == 3)
        top = ow_page(o);
    if (levels >= 2)
        middle = ow_page(o);
    if (top)
        world_put(w, top, w->ptr, middle);
    uint64_t first = 0;
    for (unsigned i = 0; i < pages; i++) {
        uint64_t page = ow_page(o);
        first = first ? first : page;
        if (middle)
            world_put(w, middle + (uint64_t)i * w->ptr, w->ptr, page);
    }
    world_set(w, t, table, "TableCode", 0,
              (levels == 3   ? top
               : levels == 2 ? middle
                             : first) |
                  (levels - 1));
    world_set(w, t, table, "NextHandleNeedingPool", 4, pages * ow_entries(o) * 4);
    return table;
}

/* Where the entry of HANDLE lies in PAGES that ow_table() made one behind the other. */
static inline uint64_t ow_entry(struct ow *o, uint64_t table, uint64_t handle) {
    uint64_t code = 0, page = 0;
    struct world *w = o->w;
    for (size_t i = 0; i < w->nmemory; i++) {
        uint64_t at = table + world_offset(w, "_HANDLE_TABLE", "TableCode");
        if (at - w->memory[i].addr < w->memory[i].size)
            memcpy(&code, (const uint8_t *)w->memory[i].data + (at - w->memory[i].addr), w->ptr);
    }
    page = (code & ~(uint64_t)7) + 0x1000 * (code & 3);
    return page + handle / 4 * 2 * w->ptr;
}

/* The bits of each kind of entry, as they were published for that build. */
static inline void ow_handle_raw(struct ow *o, uint64_t entry, uint64_t object, uint32_t access,
                                 unsigned attributes) {
    struct world *w = o->w;
    unsigned p = w->ptr;
    if (w->m.build < 9200) {
        world_put(w, entry, p, object | 1 | (attributes & 6));
        world_put(w, entry + p, 4, access | (attributes & 1 ? 0x2000000u : 0));
    } else if (p == 4) {
        world_put(w, entry, 4, (object & ~7u) | (attributes >> 1 & 3) << 1 | 1);
        world_put(w, entry + 4, 4, access | (attributes & 1) << 25);
    } else if (w->m.build == 9200) {
        world_put(w, entry, 8, object << 19 | (uint64_t)attributes << 20 | 1);
        world_put(w, entry + 8, 4, access);
    } else {
        world_put(w, entry, 8, object << 16 | (uint64_t)attributes << 17 | 1);
        world_put(w, entry + 8, 4, access);
    }
}

static inline void ow_handle(struct ow *o, uint64_t table, uint64_t handle, uint64_t body,
                             uint32_t access, unsigned attributes) {
    ow_handle_raw(o, ow_entry(o, table, handle), body - o->body, access, attributes);
}

/* ---- processes ---- */

static inline uint64_t ow_process(struct ow *o, const char *image, uint32_t pid, uint64_t table) {
    const char *e = "_EPROCESS";
    uint64_t at = ow_object(o, OW_PROCESS, NULL, 0, ow_size(o, e));
    world_set(o->w, e, at, "Pcb.Header.Type", 1, 3);
    world_set(o->w, e, at, "UniqueProcessId", 0, pid);
    world_set(o->w, e, at, "ObjectTable", 0, table);
    for (size_t i = 0; image[i]; i++)
        world_put(o->w, at + world_offset(o->w, e, "ImageFileName") + i, 1,
                  (unsigned char)image[i]);
    world_ring(o->w, at + world_offset(o->w, e, "ThreadListHead"), NULL, 0);
    return at;
}

/* The list of processes, and a thread of the first that processor 0 runs. */
static inline void ow_processes(struct ow *o, const uint64_t *process, size_t count) {
    uint64_t links[4], head = ow_room(o, 0x10), thread = ow_room(o, ow_size(o, "_ETHREAD"));
    assert_true(count <= 4);
    for (size_t i = 0; i < count; i++)
        links[i] = process[i] + world_offset(o->w, "_EPROCESS", "ActiveProcessLinks");
    world_ring(o->w, head, links, count);
    o->w->m.active_process_head = head;
    world_set(o->w, "_ETHREAD", thread, "Tcb.Header.Type", 1, 6);
    world_put(o->w, thread + world_offset(o->w, "_KTHREAD", "ApcState") + 4 * o->w->ptr, o->w->ptr,
              process[0]); /* KAPC_STATE.Process, behind two lists */
    world_set(o->w, "_ETHREAD", thread, o->w->m.build < 3790 ? "ThreadsProcess" : "Tcb.Process", 0,
              process[0]);
    o->w->threads[0].thread = thread;
}

/* Text with pointers of the build's width: %p takes a uint64_t. */
static inline const char *ow_format(const struct ow *o, const char *format, const uint64_t *value) {
    static char text[4096]; /* tests run one after another */
    size_t n = 0;
    for (const char *f = format; *f && n < sizeof text - 20; f++)
        if (f[0] == '%' && f[1] == 'p') {
            n += (size_t)snprintf(text + n, sizeof text - n, "%0*llx", (int)o->w->ptr * 2,
                                  (unsigned long long)*value++);
            f++;
        } else
            text[n++] = *f;
    text[n] = 0;
    return text;
}

static inline void ow_has(struct ow *o, const char *format, const uint64_t *value) {
    const char *text = ow_format(o, format, value);
    if (!strstr(fix_text(&o->w->f), text)) {
        print_message("build %u: not there:\n%s\n", o->w->m.build, text);
        assert_string_equal(fix_text(&o->w->f), text);
    }
}

#endif
