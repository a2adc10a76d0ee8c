/* SPDX-License-Identifier: MIT */
/*
 * VADs: what a process has reserved, as a balanced tree of _MMVAD (mapped) and _MMVAD_SHORT
 * (private) below _EPROCESS.VadRoot. What `vad` lines say; besides, a range for each user module
 * and for whatever memory the process has.
 *
 *   XP           VadRoot points to the root; parent +2, left +3, right +4 pointers into the node
 *   2003 … 8     VadRoot is a table: its node's right child (+2 pointers) is the root; parent (low
 *                bits: balance) +0, left +1, right +2; behind the node (5 pointers, in 8: 3) depth
 * and number of nodes 8.1 and on   VadRoot points to the root; left +0, right +1, parent (low bits:
 * balance) +2
 *
 * A mapped VAD leads through its subsection to a control area, a segment and prototype entries.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/world.h"

typedef unsigned long long ull;

enum { ARRAY_MOST = 0x4000, FILE_OBJECT = 5 };

struct range {
    uint64_t start, end; /* the last byte */
    int kind;            /* of struct forge_scn_vad */
    unsigned type;
    bool memcommit, nochange;
    unsigned protection;
    uint64_t commit;
    const char *file;
    unsigned line;
    uint64_t node, array;
    const struct forge_wmodule *module;
};
struct ranges {
    FORGE_LIST(range) list;
};

static void put(struct forge_world *w, uint64_t addr, uint64_t value) {
    forge_world_put_uint(w, 0, addr, w->ptr_size, value);
}

/* ---- which ranges ---- */

static struct range *covering(struct ranges *r, uint64_t start, uint64_t end) {
    for (size_t i = 0; i < r->list.count; i++)
        if (r->list.item[i].start <= end && start <= r->list.item[i].end)
            return &r->list.item[i];
    return NULL;
}

static bool add_lines(struct forge_world *w, const struct forge_wprocess *p, struct ranges *r) {
    for (size_t i = 0; i < w->s->vads.count; i++) {
        const struct forge_scn_vad *v = &w->s->vads.item[i];
        if (v->process ? v->process != p->address : !p->current)
            continue;
        if (!forge_world_is_user(w, v->end))
            return forge_wrong(w->s, v->line, "vad: %llx is an address of the kernel", (ull)v->end);
        const struct range *other = covering(r, v->start, v->end);
        if (other)
            return forge_wrong(w->s, v->line, "vad: overlaps the one in line %u", other->line);
        *FORGE_PUSH(w->pool, &r->list) = (struct range){.start = v->start,
                                                        .end = v->end,
                                                        .kind = v->kind,
                                                        .type = v->type,
                                                        .memcommit = v->memcommit,
                                                        .nochange = v->nochange,
                                                        .protection = v->protection,
                                                        .commit = v->commit,
                                                        .file = v->file,
                                                        .line = v->line};
    }
    return true;
}

static bool is_in(const struct forge_world *w, const struct forge_wmodule *m,
                  const struct forge_wprocess *p) {
    return forge_world_is_user_module(w, m) &&
           (m->scn->process ? m->scn->process == p->address : p->peb || p->current);
}

static void add_modules(struct forge_world *w, const struct forge_wprocess *p, struct ranges *r) {
    for (size_t i = 0; i < w->modules.count; i++) {
        const struct forge_wmodule *m = &w->modules.item[i];
        uint64_t end = m->base + m->npages * (uint64_t)FORGE_FRAME - 1;
        if (is_in(w, m, p) && !covering(r, m->base, end))
            *FORGE_PUSH(w->pool, &r->list) = (struct range){.start = m->base,
                                                            .end = end,
                                                            .kind = FORGE_VAD_IMAGE,
                                                            .protection = 7,
                                                            .file = m->path,
                                                            .module = m};
    }
}

static void add_private(struct forge_world *w, struct ranges *r, uint64_t start, uint64_t end) {
    if (!covering(r, start, end))
        *FORGE_PUSH(w->pool, &r->list) = (struct range){.start = start,
                                                        .end = end,
                                                        .kind = FORGE_VAD_PRIVATE,
                                                        .protection = 4,
                                                        .commit = (end - start) / FORGE_FRAME + 1};
}

/* Pages in a row that no other range has. */
static void add_memory(struct forge_world *w, const struct forge_wprocess *p, struct ranges *r) {
    const struct forge_memmap *mem = p->current ? &w->mem : &p->mem;
    for (size_t i = 0; i < mem->count;) {
        uint64_t start = mem->item[i]->addr, end = start;
        if (!forge_world_is_user(w, start))
            break;
        for (i++; i < mem->count && mem->item[i]->addr == end + FORGE_FRAME &&
                  !covering(r, end + FORGE_FRAME, end + FORGE_FRAME) && !covering(r, start, end);
             i++)
            end += FORGE_FRAME;
        add_private(w, r, start, end + FORGE_FRAME - 1);
    }
    add_private(w, r, 0x7ffe0000, 0x7ffe0fff); /* shared data */
}

static int by_start(const void *a, const void *b) {
    const struct range *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

/* ---- what a mapped range leads to ---- */

static uint64_t make_file(struct forge_world *w, const char *name) {
    uint32_t size = forge_world_sizeof(w, "_FILE_OBJECT");
    if (!size || !name)
        return 0;
    uint64_t at = forge_world_body(w, size, "File", "File");
    forge_world_set(w, "_FILE_OBJECT", at, "Type", FILE_OBJECT);
    forge_world_set(w, "_FILE_OBJECT", at, "Size", size);
    struct forge_place p;
    size_t bytes;
    /* As the file system has it: without the drive. */
    const uint8_t *units =
        forge_world_utf16(w, name[0] && name[1] == ':' ? name + 2 : name, &bytes);
    if (forge_world_offset(w, "_FILE_OBJECT", "FileName", &p)) {
        uint64_t buffer = forge_world_spare(w, bytes + 2, 8);
        forge_world_put(w, 0, buffer, units, bytes);
        forge_world_put_uint(w, 0, at + p.offset, 2, bytes);
        forge_world_put_uint(w, 0, at + p.offset + 2, 2, bytes + 2);
        put(w, at + p.offset + w->ptr_size, buffer);
    }
    return at;
}

/* Control area, segment, one subsection, prototype entries. */
static void map_range(struct forge_world *w, struct range *r) {
    uint32_t area_size = forge_world_sizeof(w, "_CONTROL_AREA");
    uint32_t segment_size = forge_world_sizeof(w, "_SEGMENT");
    uint32_t sub_size = forge_world_sizeof(w, "_SUBSECTION");
    uint64_t pages = (r->end - r->start) / FORGE_FRAME + 1;
    if (pages <= ARRAY_MOST)
        r->array = forge_world_proto_room(w, pages * forge_world_pte_size(w));
    if (!area_size || !segment_size || !sub_size)
        return;
    uint64_t area = forge_world_pool(w, area_size + sub_size, "MmCa"), sub = area + area_size;
    uint64_t segment = forge_world_pool(w, segment_size, "MmSt");
    forge_world_set(w, "_CONTROL_AREA", area, "Segment", segment);
    forge_world_set(w, "_CONTROL_AREA", area, "NumberOfMappedViews", 1);
    forge_world_set(w, "_CONTROL_AREA", area, "FilePointer", make_file(w, r->file));
    forge_world_set(w, "_SEGMENT", segment, "ControlArea", area);
    forge_world_set(w, "_SEGMENT", segment, "TotalNumberOfPtes", pages);
    forge_world_set(w, "_SEGMENT", segment, "SizeOfSegment", pages * FORGE_FRAME);
    forge_world_set(w, "_SEGMENT", segment, "PrototypePte", r->array);
    forge_world_set(w, "_SUBSECTION", sub, "ControlArea", area);
    forge_world_set(w, "_SUBSECTION", sub, "SubsectionBase", r->array);
    forge_world_set(w, "_SUBSECTION", sub, "PtesInSubsection", pages);
    forge_world_set(w, "_MMVAD", r->node, "ControlArea", area);
    forge_world_set(w, "_MMVAD", r->node, "Subsection", sub);
    forge_world_set(w, "_MMVAD", r->node, "FirstPrototypePte", r->array);
    if (r->array)
        forge_world_set(w, "_MMVAD", r->node, "LastContiguousPte",
                        r->array + (pages - 1) * forge_world_pte_size(w));
}

static void put_flags(struct forge_world *w, const struct range *r) {
    struct forge_place u;
    bool image = r->kind == FORGE_VAD_IMAGE;
    /* Tables of layouts lack unnamed unions of some builds: they lie behind the lock. */
    bool unnamed = !forge_world_offset(w, "_MMVAD_SHORT", "u", &u);
    if (unnamed && !forge_world_offset(w, "_MMVAD_SHORT", "PushLock", &u))
        return;
    uint64_t at = r->node + u.offset + (unnamed ? w->ptr_size : 0);
    unsigned type = r->type ? r->type : image ? 2 : 0;
    forge_world_set(w, "_MMVAD_FLAGS", at, "VadType", type);
    forge_world_set(w, "_MMVAD_FLAGS", at, "PhysicalMapping", type == 1);
    forge_world_set(w, "_MMVAD_FLAGS", at, "ImageMap", type == 2);
    forge_world_set(w, "_MMVAD_FLAGS", at, "UserPhysicalPages", type == 3);
    forge_world_set(w, "_MMVAD_FLAGS", at, "WriteWatch", type == 4);
    forge_world_set(w, "_MMVAD_FLAGS", at, "LargePages", type == 5);
    forge_world_set(w, "_MMVAD_FLAGS", at, "MemCommit", r->memcommit);
    forge_world_set(w, "_MMVAD_FLAGS", at, "NoChange", r->nochange);
    forge_world_set(w, "_MMVAD_FLAGS", at, "Protection", r->protection);
    forge_world_set(w, "_MMVAD_FLAGS", at, "PrivateMemory", r->kind == FORGE_VAD_PRIVATE);
    forge_world_set(w, "_MMVAD_FLAGS", at, "CommitCharge", r->commit);
    if (forge_world_offset(w, "_MMVAD_SHORT", "u1", &u) && u.offset > w->ptr_size)
        at = r->node + u.offset;
    else if (unnamed)
        at += 4;
    else
        return;
    forge_world_set(w, "_MMVAD_FLAGS1", at, "CommitCharge", r->commit);
    forge_world_set(w, "_MMVAD_FLAGS1", at, "MemCommit", r->memcommit);
}

static void make_node(struct forge_world *w, struct range *r) {
    bool private = r->kind == FORGE_VAD_PRIVATE;
    uint64_t first = r->start / FORGE_FRAME, last = r->end / FORGE_FRAME;
    uint32_t size = forge_world_sizeof(w, private ? "_MMVAD_SHORT" : "_MMVAD");
    r->node = forge_world_pool(w, size, private ? "VadS" : "Vad ");
    struct forge_place high;
    bool split = forge_world_offset(w, "_MMVAD_SHORT", "StartingVpnHigh", &high);
    forge_world_set(w, "_MMVAD_SHORT", r->node, "StartingVpn", split ? (uint32_t)first : first);
    forge_world_set(w, "_MMVAD_SHORT", r->node, "EndingVpn", split ? (uint32_t)last : last);
    if (split) {
        forge_world_set(w, "_MMVAD_SHORT", r->node, "StartingVpnHigh", first >> 32);
        forge_world_set(w, "_MMVAD_SHORT", r->node, "EndingVpnHigh", last >> 32);
    }
    put_flags(w, r);
    if (!private)
        map_range(w, r);
}

/* ---- the tree ---- */

struct tree {
    struct forge_world *w;
    const struct range *item;
    unsigned parent, left, right; /* offsets in a node */
    bool has_balance;
    unsigned depth;
};

/* Height of the subtree of [LO, HI), whose root is in the middle. */
static unsigned link_nodes(struct tree *t, size_t lo, size_t hi, uint64_t parent, uint64_t slot) {
    if (lo == hi)
        return 0;
    size_t mid = lo + (hi - lo) / 2;
    uint64_t node = t->item[mid].node;
    put(t->w, slot, node);
    unsigned left = link_nodes(t, lo, mid, node, node + t->left);
    unsigned right = link_nodes(t, mid + 1, hi, node, node + t->right);
    uint64_t balance = t->has_balance ? (right - left) & 3 : 0;
    put(t->w, node + t->parent, parent | balance);
    return 1 + (left > right ? left : right);
}

static void make_tree(struct forge_world *w, const struct forge_wprocess *p,
                      const struct range *item, size_t n) {
    struct forge_place root;
    unsigned ptr = w->ptr_size, build = w->s->os.build;
    if (!forge_world_offset(w, "_EPROCESS", "VadRoot", &root))
        return;
    uint64_t at = p->address + root.offset;
    struct tree xp = {w, item, 2 * ptr, 3 * ptr, 4 * ptr, false, 0};
    struct tree table = {w, item, 0, ptr, 2 * ptr, true, 0};
    struct tree rtl = {w, item, 2 * ptr, 0, ptr, true, 0};
    if (build < 3790) {
        link_nodes(&xp, 0, n, 0, at);
    } else if (build < 9600) {
        unsigned depth = link_nodes(&table, 0, n, at, at + 2 * ptr);
        uint64_t behind = at + (build < 9200 ? 5 : 3) * (uint64_t)ptr;
        put(w, at, at); /* the table's own node is its parent */
        put(w, behind, depth | (uint64_t)n << 8);
        put(w, behind + ptr, n ? item[0].node : 0);
    } else {
        link_nodes(&rtl, 0, n, 0, at);
        /* The last one that was used: the root will do, which readers compare it with. */
        forge_world_set(w, "_EPROCESS", p->address, "VadHint", n ? item[n / 2].node : 0);
    }
    forge_world_set(w, "_EPROCESS", p->address, "VadCount", n);
}

static bool make_vads(struct forge_world *w, const struct forge_wprocess *p) {
    struct ranges r = {0};
    if (!add_lines(w, p, &r))
        return false;
    if (!p->system || r.list.count) {
        add_modules(w, p, &r);
        add_memory(w, p, &r);
    }
    if (!r.list.count || !forge_world_sizeof(w, "_MMVAD_SHORT") || !forge_world_sizeof(w, "_MMVAD"))
        return true;
    qsort(r.list.item, r.list.count, sizeof *r.list.item, by_start);
    for (size_t i = 0; i < r.list.count; i++) {
        struct range *v = &r.list.item[i];
        make_node(w, v);
        *FORGE_PUSH(w->pool, &w->vads) = (struct forge_wvad){p, v->start, v->end, v->array};
    }
    make_tree(w, p, r.list.item, r.list.count);
    return !forge_is_wrong(w->s);
}

bool forge_world_vads(struct forge_world *w) {
    for (size_t i = 0; i < w->s->vads.count; i++) {
        const struct forge_scn_vad *v = &w->s->vads.item[i];
        struct forge_wprocess *p;
        if (!forge_world_need_process(w, v->line, v->process, &p))
            return false;
    }
    for (size_t i = 0; i < w->processes.count; i++)
        if (!make_vads(w, &w->processes.item[i]))
            return false;
    return true;
}
