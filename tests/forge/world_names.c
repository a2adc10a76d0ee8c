/* SPDX-License-Identifier: MIT */
/*
 * The object manager: what `object` and `handle` lines say; in whole memory, besides, that every
 * process and thread is an object, in a pool block, and that every process has a handle table.
 *
 *   object   a header directly before its body, before that creator info (empty) and, if it has a
 *            path, name info; the last part of the path goes into the directory that the others
 * name types    an object of type "Type" for each type that is spoken of, in nt!ObTypeIndexTable
 * (since 7) and in \ObjectTypes, made here; Windows 10 hides the index in each header handle   a
 * table for each process, of as many levels as its highest handle needs
 *
 * Directories hash names as ReactOS does it, which agrees with published listings of XP to 7; the
 * hash of Windows 10 is another one, not known. Entries of handle tables: System Informer,
 * Volatility.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/world.h"

typedef unsigned long long ull;

enum { COOKIE = 0xa7, BUCKETS = 37, FIRST_TYPE = 2, TYPES_MOST = 64 };

struct names {
    struct forge_world *w;
    bool index;    /* headers have indexes of types */
    uint64_t body; /* from the header on */
    uint64_t root, types, table;
    struct {
        const char *name;
        uint64_t address;
    } type[TYPES_MOST];
    size_t ntypes;
};

static void put(struct forge_world *w, uint64_t addr, uint64_t value) {
    forge_world_put_uint(w, 0, addr, w->ptr_size, value);
}

static uint64_t number(const struct forge_world *w, uint64_t addr, unsigned width) {
    uint8_t b[8] = {0};
    uint64_t v = 0;
    forge_memmap_get(&w->mem, addr, b, width);
    for (unsigned i = 0; i < width; i++)
        v |= (uint64_t)b[i] << 8 * i;
    return v;
}

static void put_string(struct forge_world *w, uint64_t addr, const char *text) {
    size_t size;
    const uint8_t *utf16 = forge_world_utf16(w, text, &size);
    uint64_t at = forge_world_spare(w, size + 2, 8);
    forge_world_put(w, 0, at, utf16, size);
    forge_world_put_uint(w, 0, addr, 2, size);
    forge_world_put_uint(w, 0, addr + 2, 2, size + 2);
    put(w, addr + w->ptr_size, at);
}

/* ---- headers ---- */

static uint32_t extra(const struct forge_world *w, bool named) {
    return forge_world_sizeof(w, "_OBJECT_HEADER_CREATOR_INFO") +
           (named ? forge_world_sizeof(w, "_OBJECT_HEADER_NAME_INFO") : 0);
}

/* TYPE is an index into the list of types, counted from FIRST_TYPE. */
static void put_header(struct names *n, uint64_t body, size_t type, uint64_t pointers,
                       uint64_t handles, bool named) {
    struct forge_world *w = n->w;
    const char *h = "_OBJECT_HEADER";
    uint64_t header = body - n->body,
             link = header - forge_world_sizeof(w, "_OBJECT_HEADER_CREATOR_INFO");
    forge_memmap_fill(&w->mem, header - extra(w, named), extra(w, named) + n->body);
    put(w, link, link); /* in no list of its type's */
    put(w, link + w->ptr_size, link);
    forge_world_set(w, h, header, "PointerCount", pointers);
    forge_world_set(w, h, header, "HandleCount", handles);
    if (!n->index) {
        forge_world_set(w, h, header, "Type", n->type[type - FIRST_TYPE].address);
        forge_world_set(w, h, header, "NameInfoOffset", named ? extra(w, true) : 0);
        forge_world_set(w, h, header, "Flags", 4);
        return;
    }
    uint64_t hide = w->s->os.build >= 10000 ? COOKIE ^ (header >> 8 & 0xff) : 0;
    forge_world_set(w, h, header, "TypeIndex", type ^ hide);
    forge_world_set(w, h, header, "InfoMask", named ? 3 : 1);
}

/* One of which no line speaks: nothing optional before its header. */
static void put_plain_header(struct names *n, uint64_t body, size_t type) {
    struct forge_world *w = n->w;
    const char *h = "_OBJECT_HEADER";
    uint64_t header = body - n->body;
    forge_memmap_fill(&w->mem, header, n->body);
    forge_world_set(w, h, header, "PointerCount", 3);
    forge_world_set(w, h, header, "HandleCount", 1);
    if (!n->index) {
        forge_world_set(w, h, header, "Type", n->type[type - FIRST_TYPE].address);
        return;
    }
    uint64_t hide = w->s->os.build >= 10000 ? COOKIE ^ (header >> 8 & 0xff) : 0;
    forge_world_set(w, h, header, "TypeIndex", type ^ hide);
}

static void put_name(struct names *n, uint64_t body, const char *name, uint64_t directory) {
    struct forge_world *w = n->w;
    struct forge_place p;
    uint64_t info = body - n->body - extra(w, true);
    forge_world_set(w, "_OBJECT_HEADER_NAME_INFO", info, "Directory", directory);
    if (forge_world_offset(w, "_OBJECT_HEADER_NAME_INFO", "Name", &p))
        put_string(w, info + p.offset, name);
}

/* Room for an object of SIZE bytes that no line gives an address. */
static uint64_t room(struct names *n, uint32_t size, bool named) {
    uint64_t before = extra(n->w, named) + n->body;
    return forge_world_spare(n->w, before + size, 16) + before;
}

/* ---- types ---- */

static const char *const always[] = {"Type",    "Directory", "SymbolicLink", "Token",
                                     "Process", "Thread",    "Event",        "Device"};

/* *RET counts from FIRST_TYPE. */
static bool find_type(struct names *n, unsigned line, const char *name, size_t *ret) {
    for (size_t i = 0; i < n->ntypes; i++)
        if (!strcmp(n->type[i].name, name)) {
            *ret = i + FIRST_TYPE;
            return true;
        }
    if (n->ntypes == TYPES_MOST)
        return forge_wrong(n->w->s, line, "object: more than %d types", TYPES_MOST);
    n->type[n->ntypes].name = name;
    n->type[n->ntypes].address = room(n, forge_world_sizeof(n->w, "_OBJECT_TYPE"), false);
    *ret = n->ntypes++ + FIRST_TYPE;
    return true;
}

static bool find_types(struct names *n) {
    size_t type;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (!find_type(n, 0, always[i], &type))
            return false;
    for (size_t i = 0; i < n->w->s->objects.count; i++) {
        const struct forge_scn_object *o = &n->w->s->objects.item[i];
        if (!find_type(n, o->line, o->type, &type))
            return false;
    }
    return true;
}

static bool has_line(const struct forge_world *w, uint64_t address) {
    for (size_t i = 0; i < w->s->objects.count; i++)
        if (w->s->objects.item[i].address == address)
            return true;
    return false;
}

/* How many objects of a type there are: those of lines, and for "Type" the types. */
static uint64_t count_of(const struct names *n, const char *type) {
    uint64_t count = strcmp(type, "Type") ? 0 : n->ntypes;
    for (size_t i = 0; i < n->w->s->objects.count; i++)
        count += !strcmp(n->w->s->objects.item[i].type, type);
    for (size_t i = 0; i < n->w->bodies.count; i++)
        count += !strcmp(n->w->bodies.item[i].type, type) &&
                 !has_line(n->w, n->w->bodies.item[i].address);
    return count;
}

static void enter(struct names *n, uint64_t directory, const char *name, uint64_t object);

static void put_types(struct names *n) {
    struct forge_world *w = n->w;
    const char *t = "_OBJECT_TYPE";
    struct forge_place p;
    for (size_t i = 0; i < n->ntypes; i++) {
        uint64_t at = n->type[i].address;
        put_header(n, at, FIRST_TYPE, 2, 0, false);
        if (forge_world_offset(w, t, "Name", &p))
            put_string(w, at + p.offset, n->type[i].name);
        if (forge_world_offset(w, t, "TypeList", &p)) {
            put(w, at + p.offset, at + p.offset);
            put(w, at + p.offset + w->ptr_size, at + p.offset);
        }
        if (forge_world_offset(w, t, "Index", &p))
            forge_world_put_uint(w, 0, at + p.offset, 1, i + FIRST_TYPE);
        forge_world_set(w, t, at, "TotalNumberOfObjects", count_of(n, n->type[i].name));
        enter(n, n->types, n->type[i].name, at);
        if (n->index)
            put(w, n->table + (i + FIRST_TYPE) * w->ptr_size, at);
    }
}

/* ---- directories ---- */

static unsigned bucket_of(const char *name) {
    uint32_t h = 0;
    for (const char *c = name; *c; c++)
        h += (h << 1) + (h >> 1) + (uint32_t)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    return h % BUCKETS;
}

static void enter(struct names *n, uint64_t directory, const char *name, uint64_t object) {
    struct forge_world *w = n->w;
    struct forge_place p;
    if (!forge_world_offset(w, "_OBJECT_DIRECTORY", "HashBuckets", &p))
        return;
    uint64_t head = directory + p.offset + (uint64_t)bucket_of(name) * w->ptr_size;
    uint64_t entry = forge_world_spare(w, forge_world_sizeof(w, "_OBJECT_DIRECTORY_ENTRY"), 8);
    forge_world_set(w, "_OBJECT_DIRECTORY_ENTRY", entry, "ChainLink", number(w, head, w->ptr_size));
    forge_world_set(w, "_OBJECT_DIRECTORY_ENTRY", entry, "Object", object);
    put(w, head, entry);
}

/* The directory that a line gives the path of LEN bytes; 0: none. */
static uint64_t directory_at(const struct names *n, const char *path, size_t len) {
    const struct forge_scenario *s = n->w->s;
    if (!len)
        return n->root;
    for (size_t i = 0; i < s->objects.count; i++) {
        const struct forge_scn_object *o = &s->objects.item[i];
        if (o->path && strlen(o->path) == len && !strncmp(o->path, path, len) &&
            !strcmp(o->type, "Directory"))
            return o->address;
    }
    return 0;
}

static bool put_object(struct names *n, const struct forge_scn_object *o) {
    struct forge_world *w = n->w;
    const char *last = o->path ? strrchr(o->path, '\\') : NULL;
    size_t type;
    bool root = last && !strcmp(o->path, "\\");
    uint64_t in = last && !root ? directory_at(n, o->path, (size_t)(last - o->path)) : 0;
    struct forge_place p;
    if (last && !root && !in)
        return forge_wrong(w->s, o->line, "object: no line makes the directory that %s is in",
                           o->path);
    if (!find_type(n, o->line, o->type, &type))
        return false;
    put_header(n, o->address, type, o->pointers, o->handles, last != NULL);
    if (!strcmp(o->type, "Directory") &&
        !forge_world_struct(w, o->line, "_OBJECT_DIRECTORY", o->address))
        return false;
    if (!strcmp(o->type, "SymbolicLink")) {
        if (!forge_world_struct(w, o->line, "_OBJECT_SYMBOLIC_LINK", o->address))
            return false;
        if (o->target && forge_world_offset(w, "_OBJECT_SYMBOLIC_LINK", "LinkTarget", &p))
            put_string(w, o->address + p.offset, o->target);
        forge_world_set(w, "_OBJECT_SYMBOLIC_LINK", o->address, "DosDeviceDriveIndex", o->drive);
    }
    if (last)
        put_name(n, o->address, root ? "\\" : last + 1, in);
    return true;
}

/* When all directories are there. */
static void enter_all(struct names *n) {
    for (size_t i = 0; i < n->w->s->objects.count; i++) {
        const struct forge_scn_object *o = &n->w->s->objects.item[i];
        const char *last = o->path ? strrchr(o->path, '\\') : NULL;
        if (last && last[1])
            enter(n, directory_at(n, o->path, (size_t)(last - o->path)), last + 1, o->address);
    }
}

/* ---- handle tables ---- */

struct entry {
    uint64_t handle, pointer; /* to a header; in the table of ids to a body */
    uint32_t access;
    unsigned attributes;
};
struct entries {
    FORGE_LIST(entry) list;
};

static void put_entry(struct forge_world *w, uint64_t at, const struct entry *e) {
    unsigned p = w->ptr_size, build = w->s->os.build;
    uint64_t low, access = e->access;
    if (build < 9200) {
        low = e->pointer | 1 | (e->attributes & 6);
        access |= e->attributes & 1 ? 0x2000000u : 0;
    } else if (p == 4) {
        low = e->pointer | (e->attributes >> 1 & 3) << 1 | 1;
        access |= (uint64_t)(e->attributes & 1) << 25;
    } else if (build < 9600) {
        low = e->pointer << 19 | (uint64_t)e->attributes << 20 | 1;
    } else {
        low = e->pointer << 16 | (uint64_t)e->attributes << 17 | 1;
    }
    put(w, at, low);
    forge_world_put_uint(w, 0, at + p, 4, access);
}

/* The page of entries that HANDLE is in, made when it is first asked for. */
static uint64_t page_of(struct forge_world *w, uint64_t top, unsigned level, uint64_t handle) {
    uint64_t per_page = 0x1000 / (2 * w->ptr_size);
    uint64_t slot = top + handle / 4 / per_page * w->ptr_size;
    if (!level)
        return top;
    if (!number(w, slot, w->ptr_size))
        put(w, slot, forge_world_spare(w, 0x1000, 0x1000));
    return number(w, slot, w->ptr_size);
}

/* Where Windows 8 and later count a table's handles; 0: not there. */
static uint64_t counter(const struct forge_world *w, uint64_t table) {
    struct forge_place list, count;
    if (!forge_world_offset(w, "_HANDLE_TABLE", "FreeLists", &list) ||
        !forge_world_offset(w, "_HANDLE_TABLE_FREE_LIST", "HandleCount", &count))
        return 0;
    return table + list.offset + count.offset;
}

static uint64_t put_table(struct forge_world *w, const struct entries *e) {
    const char *t = "_HANDLE_TABLE";
    uint64_t most = 0, per_page = 0x1000 / (2 * w->ptr_size);
    for (size_t i = 0; i < e->list.count; i++)
        most = e->list.item[i].handle > most ? e->list.item[i].handle : most;
    unsigned level = most / 4 >= per_page;
    uint64_t table = w->whole ? forge_world_pool(w, forge_world_sizeof(w, t), "Obtb")
                              : forge_world_spare(w, forge_world_sizeof(w, t), 16);
    uint64_t top = forge_world_spare(w, 0x1000, 0x1000);
    for (size_t i = 0; i < e->list.count; i++) {
        const struct entry *v = &e->list.item[i];
        put_entry(w, page_of(w, top, level, v->handle) + v->handle / 4 % per_page * 2 * w->ptr_size,
                  v);
    }
    forge_world_set(w, t, table, "TableCode", top | level);
    forge_world_set(w, t, table, "NextHandleNeedingPool", (most / 4 / per_page + 1) * per_page * 4);
    forge_world_set(w, t, table, "HandleCount", e->list.count);
    if (counter(w, table))
        forge_world_put_uint(w, 0, counter(w, table), 4, e->list.count);
    return table;
}

/* The process of a `handle` line; 0: the System process, or the first one if none is. */
static uint64_t owner_of(const struct forge_world *w, uint64_t process) {
    for (size_t i = 0; !process && i < w->processes.count; i++) {
        const struct forge_wprocess *p = &w->processes.item[i];
        if (p->system || (p->scn && p->scn->pid == 4))
            process = p->address;
    }
    return process ? process : w->process;
}

/* A pointer of the kernel's, which leads to VALUE. */
static bool put_variable(struct names *n, const char *name, uint64_t value) {
    uint64_t at;
    if (!forge_world_place(n->w, 0, n->w->nt, name, n->w->ptr_size, FORGE_SYM_DATA, &at))
        return false;
    put(n->w, at, value);
    return true;
}

static bool put_process_table(struct names *n, uint64_t process) {
    struct forge_world *w = n->w;
    struct entries e = {{NULL, 0, 0}};
    for (size_t i = 0; i < w->s->handles.count; i++) {
        const struct forge_scn_handle *h = &w->s->handles.item[i];
        if (h->process == process)
            *FORGE_PUSH(w->pool, &e.list) =
                (struct entry){h->handle, h->object - n->body, h->access, h->attributes};
    }
    uint64_t table = put_table(w, &e), owner = owner_of(w, process);
    forge_world_set(w, "_HANDLE_TABLE", table, "QuotaProcess", process ? owner : 0);
    forge_world_set(w, "_HANDLE_TABLE", table, "UniqueProcessId",
                    forge_world_read(w, "_EPROCESS", owner, "UniqueProcessId"));
    forge_world_set(w, "_EPROCESS", owner, "ObjectTable", table);
    return process || put_variable(n, "ObpKernelHandleTable", table);
}

static bool put_tables(struct names *n) {
    struct forge_world *w = n->w;
    for (size_t i = 0; i < w->s->handles.count; i++) {
        const struct forge_scn_handle *h = &w->s->handles.item[i];
        bool first = true;
        struct forge_wprocess *p;
        if (h->process && !forge_world_need_process(w, h->line, h->process, &p))
            return false;
        for (size_t k = 0; k < i; k++)
            first = first && w->s->handles.item[k].process != h->process;
        if (first && !put_process_table(n, h->process))
            return false;
    }
    for (size_t i = 0; w->whole && i < w->processes.count; i++) {
        uint64_t process = w->processes.item[i].address;
        if (!forge_world_read(w, "_EPROCESS", process, "ObjectTable") &&
            !put_process_table(n, owner_of(w, 0) == process ? 0 : process))
            return false;
    }
    return true;
}

/* nt!PspCidTable: the ids of processes and threads, as handles of their bodies. */
static bool put_ids(struct names *n) {
    struct forge_world *w = n->w;
    struct entries e = {{NULL, 0, 0}};
    for (size_t i = 0; i < w->s->processes.count; i++) {
        const struct forge_scn_process *p = &w->s->processes.item[i];
        if (p->pid && p->pid % 4 == 0 && p->pid <= FORGE_HANDLE_MOST)
            *FORGE_PUSH(w->pool, &e.list) = (struct entry){p->pid, p->address, 0, 0};
    }
    for (size_t i = 0; i < w->s->threads.count; i++) {
        const struct forge_scn_thread *t = &w->s->threads.item[i];
        if (t->has_cid && t->tid && t->tid % 4 == 0 && t->tid <= FORGE_HANDLE_MOST)
            *FORGE_PUSH(w->pool, &e.list) = (struct entry){t->tid, t->address, 0, 0};
    }
    return !e.list.count || put_variable(n, "PspCidTable", put_table(w, &e));
}

/* ---- what no line speaks of ---- */

/* Is nothing between the two addresses? */
static bool is_clear(const struct forge_world *w, uint64_t start, uint64_t end) {
    uint64_t at, size;
    return !forge_memmap_run(&w->mem, start, &at, &size) || at >= end;
}

/*
 * The pool block of an object that stands where a line says: its header comes right before the
 * object's, if nothing is there. Free blocks fill the page, where there is nothing else on it.
 */
static void put_block(struct names *n, const struct forge_wbody *b) {
    struct forge_world *w = n->w;
    uint64_t unit = 2 * w->ptr_size, at = b->address - n->body - unit;
    uint64_t size = unit + n->body + (b->size + unit - 1) / unit * unit;
    uint64_t page = at & ~(uint64_t)(FORGE_PAGE_SIZE - 1), end = page + FORGE_PAGE_SIZE;
    if (b->address % unit || at + size > end || !is_clear(w, at, b->address))
        return;
    bool alone =
        w->s->os.build < 17763 && is_clear(w, page, at) && is_clear(w, b->address + b->size, end);
    forge_world_pool_header(w, at, size, alone ? at - page : 0, forge_world_object_tag(w, b->tag));
    forge_memmap_fill(&w->mem, at, size);
    if (alone && at > page) {
        forge_world_pool_header(w, page, at - page, 0, "");
        forge_memmap_fill(&w->mem, page, at - page);
    }
    if (alone && at + size < end) {
        forge_world_pool_header(w, at + size, end - at - size, size, "");
        forge_memmap_fill(&w->mem, at + size, end - at - size);
    }
}

static bool put_bodies(struct names *n) {
    struct forge_world *w = n->w;
    for (size_t i = 0; i < w->bodies.count; i++) {
        const struct forge_wbody *b = &w->bodies.item[i];
        size_t type;
        if (has_line(w, b->address))
            continue;
        if (!find_type(n, 0, b->type, &type))
            return false;
        if (b->tag)
            put_block(n, b);
        put_plain_header(n, b->address, type);
    }
    return true;
}

/*
 * nt!ObpInfoMaskToOffset: for each set of headers that stand before an object's own, how long they
 * are together. The header of bit 0 stands nearest.
 */
static bool put_offsets(struct names *n) {
    static const char *const types[] = {"_OBJECT_HEADER_CREATOR_INFO", "_OBJECT_HEADER_NAME_INFO",
                                        "_OBJECT_HEADER_HANDLE_INFO",  "_OBJECT_HEADER_QUOTA_INFO",
                                        "_OBJECT_HEADER_PROCESS_INFO", "_OBJECT_HEADER_AUDIT_INFO"};
    struct forge_world *w = n->w;
    uint64_t at;
    if (!n->index || !w->whole)
        return true;
    if (!forge_world_place(w, 0, w->nt, "ObpInfoMaskToOffset", 0x40, FORGE_SYM_DATA, &at))
        return false;
    for (unsigned mask = 0; mask < 0x40; mask++) {
        uint32_t sum = 0;
        for (unsigned bit = 0; bit < 6; bit++)
            sum += mask >> bit & 1 ? forge_world_sizeof(w, types[bit]) : 0;
        forge_world_put_uint(w, 0, at + mask, 1, sum);
    }
    return true;
}

/* Readers find out from code how entries of handle tables hide pointers, since Windows 8. */
static bool put_decoder(struct names *n) {
    struct forge_world *w = n->w;
    const uint8_t code[] = {0x48, 0x8b, 0x01,                                  /* mov rax,[rcx] */
                            0x48, 0xc1, 0xf8, w->s->os.build < 9600 ? 19 : 16, /* sar rax,N */
                            0x48, 0x83, 0xe0, 0xf0,                            /* and rax,-16 */
                            0xc3};
    uint64_t at;
    if (!w->whole || w->is32 || w->s->os.build < 9200)
        return true;
    if (!forge_world_place(w, 0, w->nt, "ObpCaptureHandleInformationEx", sizeof code,
                           FORGE_SYM_FUNCTION, &at))
        return false;
    forge_world_spare_code(w, at, code, sizeof code);
    return true;
}

/* ---- all of it ---- */

static bool put_globals(struct names *n) {
    struct forge_world *w = n->w;
    uint64_t at;
    if (w->s->os.build >= 10000) {
        if (!forge_world_place(w, 0, w->nt, "ObHeaderCookie", 4, FORGE_SYM_DATA, &at))
            return false;
        forge_world_put_uint(w, 0, at, 4, COOKIE);
    }
    if (n->index && !forge_world_place(w, 0, w->nt, "ObTypeIndexTable",
                                       (TYPES_MOST + 2) * w->ptr_size, FORGE_SYM_DATA, &n->table))
        return false;
    if (n->index) {
        forge_memmap_fill(&w->mem, n->table, (TYPES_MOST + 2) * w->ptr_size);
        /* The second entry is no type, but no zero either: readers take zero for the end. */
        put(w, n->table + w->ptr_size, 0xbad0b0b0);
    }
    return put_variable(n, "ObpRootDirectoryObject", n->root) &&
           put_variable(n, "ObpTypeObjectType", n->type[0].address);
}

/* The root directory, and \ObjectTypes, which no line needs to speak of. */
static bool put_roots(struct names *n) {
    struct forge_world *w = n->w;
    uint32_t size = forge_world_sizeof(w, "_OBJECT_DIRECTORY");
    size_t type;
    for (size_t i = 0; i < w->s->objects.count; i++)
        if (w->s->objects.item[i].path && !strcmp(w->s->objects.item[i].path, "\\"))
            n->root = w->s->objects.item[i].address;
    if (!find_type(n, 0, "Directory", &type))
        return false;
    if (!n->root) {
        n->root = room(n, size, true);
        put_header(n, n->root, type, 2, 0, true);
        put_name(n, n->root, "\\", 0);
    }
    n->types = room(n, size, true);
    put_header(n, n->types, type, 2, 0, true);
    put_name(n, n->types, "ObjectTypes", n->root);
    return true;
}

bool forge_world_names(struct forge_world *w) {
    struct names n = {.w = w, .index = w->s->os.build >= 7600};
    struct forge_place p;
    bool lines = w->s->objects.count || w->s->handles.count;
    if (!lines && !w->whole)
        return true;
    if (!forge_world_offset(w, "_OBJECT_HEADER", "Body", &p))
        return !lines ||
               forge_wrong(w->s, 0, "object: this build's layouts have no _OBJECT_HEADER");
    n.body = p.offset;
    if (!find_types(&n) || !put_roots(&n) || !put_globals(&n))
        return false;
    for (size_t i = 0; i < w->s->objects.count; i++)
        if (!put_object(&n, &w->s->objects.item[i]))
            return false;
    if (!put_bodies(&n) || !put_offsets(&n) || !put_decoder(&n))
        return false;
    put_types(&n);
    enter(&n, n.root, "ObjectTypes", n.types);
    enter_all(&n);
    return put_tables(&n) && put_ids(&n);
}
