/* SPDX-License-Identifier: MIT */
/*
 * The object manager: what `object` lines say; in whole memory, besides, that every process and
 * thread is an object, in a pool block.
 *
 *   object       a header directly before its body; before that creator info (empty), name info if
 *                it has a path, and what else the line wants: handle, quota and process info. The
 *                last part of the path goes into the directory that the others name
 *   descriptor   in the header, with a count of references in the lowest bits, as an EX_FAST_REF
 *   types        an object of type "Type" for each type that is spoken of, in nt!ObTypeIndexTable
 *                (since 7) and in \ObjectTypes, made here; Windows 10 hides indexes in headers
 *
 * Directories hash names as ReactOS does it, which agrees with published listings of XP to 7; the
 * hash of Windows 10 is another one, not known.
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

/* Bytes of the optional headers of MASK, in the order of their bits from the header on. */
static uint32_t extra(const struct forge_world *w, unsigned mask) {
    static const char *const types[] = {"_OBJECT_HEADER_CREATOR_INFO", "_OBJECT_HEADER_NAME_INFO",
                                        "_OBJECT_HEADER_HANDLE_INFO", "_OBJECT_HEADER_QUOTA_INFO",
                                        "_OBJECT_HEADER_PROCESS_INFO"};
    uint32_t sum = 0;
    for (unsigned i = 0; i < sizeof types / sizeof *types; i++)
        sum += mask >> i & 1 ? forge_world_sizeof(w, types[i]) : 0;
    return sum;
}

/* TYPE is an index into the list of types, counted from FIRST_TYPE. */
struct header {
    uint64_t body, pointers, handles, descriptor;
    size_t type;
    unsigned info;
};

/* Until Vista distances stand in the header; of what has no layout there is none. */
static void put_offsets(struct forge_world *w, uint64_t header, unsigned info) {
    static const char *const members[] = {"NameInfoOffset", "HandleInfoOffset", "QuotaInfoOffset"};
    for (unsigned i = 0; i < 3; i++)
        forge_world_set(w, "_OBJECT_HEADER", header, members[i],
                        info >> (i + 1) & 1 ? extra(w, info & ((4u << i) - 1)) : 0);
    forge_world_set(w, "_OBJECT_HEADER", header, "Flags", 4);
}

static void put_header(struct names *n, const struct header *v) {
    struct forge_world *w = n->w;
    const char *h = "_OBJECT_HEADER";
    unsigned info = v->info | FORGE_INFO_CREATOR;
    uint64_t header = v->body - n->body, link = header - extra(w, FORGE_INFO_CREATOR);
    uint64_t count = w->is32 ? 5 : 13; /* in the low bits of the descriptor's address */
    forge_memmap_fill(&w->mem, header - extra(w, info), extra(w, info) + n->body);
    put(w, link, link); /* in no list of its type's */
    put(w, link + w->ptr_size, link);
    forge_world_set(w, h, header, "PointerCount", v->pointers);
    forge_world_set(w, h, header, "HandleCount", v->handles);
    forge_world_set(w, h, header, "SecurityDescriptor", v->descriptor ? v->descriptor | count : 0);
    if (!n->index) {
        forge_world_set(w, h, header, "Type", n->type[v->type - FIRST_TYPE].address);
        put_offsets(w, header, info);
        return;
    }
    uint64_t hide = w->s->os.build >= 10000 ? COOKIE ^ (header >> 8 & 0xff) : 0;
    forge_world_set(w, h, header, "TypeIndex", v->type ^ hide);
    forge_world_set(w, h, header, "InfoMask", info);
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
    uint64_t info = body - n->body - extra(w, FORGE_INFO_CREATOR | FORGE_INFO_NAME);
    forge_world_set(w, "_OBJECT_HEADER_NAME_INFO", info, "Directory", directory);
    if (forge_world_offset(w, "_OBJECT_HEADER_NAME_INFO", "Name", &p))
        put_string(w, info + p.offset, name);
}

/* Room for an object of SIZE bytes that no line gives an address. */
static uint64_t room(struct names *n, uint32_t size, bool named) {
    uint64_t before = extra(n->w, FORGE_INFO_CREATOR | (named ? FORGE_INFO_NAME : 0)) + n->body;
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
    n->type[n->ntypes].address = room(n, forge_world_sizeof(n->w, "_OBJECT_TYPE"), true);
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
        put_header(n, &(struct header){at, 2, 0, 0, FIRST_TYPE, FORGE_INFO_NAME});
        put_name(n, at, n->type[i].name, n->types);
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

/* Optional headers that the build's layouts lack. */
static bool has_layouts(struct names *n, const struct forge_scn_object *o) {
    for (unsigned bit = FORGE_INFO_HANDLE; bit <= FORGE_INFO_PROCESS; bit <<= 1)
        if (o->info & bit && !extra(n->w, bit))
            return forge_wrong(n->w->s, o->line,
                               "object: this build's layouts do not have that optional header");
    return true;
}

static bool put_object(struct names *n, const struct forge_scn_object *o) {
    struct forge_world *w = n->w;
    const char *last = o->path ? strrchr(o->path, '\\') : NULL;
    size_t type;
    bool root = last && !strcmp(o->path, "\\");
    uint64_t in = last && !root ? directory_at(n, o->path, (size_t)(last - o->path)) : 0;
    struct forge_place p;
    if (!has_layouts(n, o))
        return false;
    if (last && !root && !in)
        return forge_wrong(w->s, o->line, "object: no line makes the directory that %s is in",
                           o->path);
    if (!find_type(n, o->line, o->type, &type))
        return false;
    put_header(n, &(struct header){o->address, o->pointers, o->handles, o->descriptor, type,
                                   o->info | (last ? FORGE_INFO_NAME : 0)});
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
    if (o->exclusive)
        forge_world_set(w, "_OBJECT_HEADER_PROCESS_INFO",
                        o->address - n->body -
                            extra(w, o->info | FORGE_INFO_CREATOR | (last ? FORGE_INFO_NAME : 0)),
                        "ExclusiveProcess", o->exclusive);
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
static bool put_info_offsets(struct names *n) {
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
    return forge_world_variable(w, "ObpRootDirectoryObject", n->root) &&
           forge_world_variable(w, "ObpTypeObjectType", n->type[0].address);
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
        put_header(n, &(struct header){n->root, 2, 0, 0, type, FORGE_INFO_NAME});
        put_name(n, n->root, "\\", 0);
    }
    n->types = room(n, size, true);
    put_header(n, &(struct header){n->types, 2, 0, 0, type, FORGE_INFO_NAME});
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
    if (!put_bodies(&n) || !put_info_offsets(&n) || !put_decoder(&n))
        return false;
    put_types(&n);
    enter(&n, n.root, "ObjectTypes", n.types);
    enter_all(&n);
    return forge_world_handles(w, n.body);
}
