/* SPDX-License-Identifier: MIT */
/*
 * Reading VADs.
 *
 *               links in the node                      flags in `u`             commit charge
 *   XP          Parent, LeftChild, RightChild          MMVAD_FLAGS, 4 bytes     in them
 *   2003 to 7   u1 (parent), LeftChild, RightChild     8 bytes on x64           in them
 *   8           u1, LeftChild, RightChild in VadNode   4 bytes                  MMVAD_FLAGS1
 *   8.1 and on  Left, Right, ParentValue in VadNode    4 bytes                  MMVAD_FLAGS1
 *
 * Since 8.1 page numbers of 64-bit systems have 40 bits, the upper 8 on their own; the commit
 * charge since 8.1, too. What a VAD maps: ControlArea until 2003, since Vista Subsection, which
 * names it. Where tables of layouts lack `u` (an unnamed union), it lies behind PushLock (8.1 on).
 *
 * The tree is walked by address with a stack of its own. One that is no tree ends the walk: more
 * than NT_VAD_DEPTH levels (a balanced tree of all memory there can be has fewer), or a node that
 * does not lie behind the one before it, which a circle must come to.
 *
 * Sources: the public symbols of 18 builds, the fact tables of the others (data/layouts).
 */
#include "nt/vad.h"

#include <inttypes.h>
#include <stdio.h>

#include "nt/mapfile.h"
#include "stopcode/source.h"

/* ---- the fields ---- */

enum {
    V_START,
    V_END,
    V_START_HIGH,
    V_END_HIGH,
    V_COMMIT_HIGH,
    V_FIELDS,
    V_START_4 = V_FIELDS,
    V_END_4,
    V_ROWS
};
static const struct sc_layout_field node_rows[V_ROWS] = {
    [V_START] = {"StartingVpn", 0, true},
    [V_END] = {"EndingVpn", 0, true},
    [V_START_HIGH] = {"StartingVpnHigh", 1, true},
    [V_END_HIGH] = {"EndingVpnHigh", 1, true},
    [V_COMMIT_HIGH] = {"CommitChargeHigh", 1, true},
    [V_START_4] = {"StartingVpn", 4, true},
    [V_END_4] = {"EndingVpn", 4, true},
};
static const uint8_t node_spares[] = {V_START, V_END};
static const struct nt_def node_def = {
    {"nt!_MMVAD_SHORT", node_rows, V_ROWS}, V_FIELDS, node_spares, NULL, 0};

/* Whose places alone are asked for. */
enum { P_NODE, P_LEFT, P_RIGHT, P_FLAGS, P_FLAGS1, P_LOCK, P_FIELDS };
static const struct sc_layout_field place_rows[P_FIELDS] = {
    [P_NODE] = {"VadNode", 1, true},
    [P_LEFT] = {"LeftChild|VadNode.LeftChild", 1, true},
    [P_RIGHT] = {"RightChild|VadNode.RightChild", 1, true},
    [P_FLAGS] = {"u", 1, true},
    [P_FLAGS1] = {"u1", 1, true},
    [P_LOCK] = {"PushLock", 1, true},
};
static const struct nt_def place_def = {
    {"nt!_MMVAD_SHORT", place_rows, P_FIELDS}, P_FIELDS, NULL, NULL, 0};

enum {
    F_TYPE,
    F_PROTECTION,
    F_PRIVATE,
    F_NO_CHANGE,
    F_COMMITTED,
    F_COMMIT,
    F_IMAGE,
    F_PHYSICAL,
    F_AWE,
    F_WRITE_WATCH,
    F_LARGE,
    F_FIELDS
};
static const struct sc_layout_field flag_rows[F_FIELDS] = {
    [F_TYPE] = {"VadType", 0, true},          [F_PROTECTION] = {"Protection", 0, true},
    [F_PRIVATE] = {"PrivateMemory", 0, true}, [F_NO_CHANGE] = {"NoChange", 0, true},
    [F_COMMITTED] = {"MemCommit", 0, true},   [F_COMMIT] = {"CommitCharge", 0, true},
    [F_IMAGE] = {"ImageMap", 0, true},        [F_PHYSICAL] = {"PhysicalMapping", 0, true},
    [F_AWE] = {"UserPhysicalPages", 0, true}, [F_WRITE_WATCH] = {"WriteWatch", 0, true},
    [F_LARGE] = {"LargePages", 0, true},
};
static const struct nt_def flags_def = {
    {"nt!_MMVAD_FLAGS", flag_rows, F_FIELDS}, F_FIELDS, NULL, NULL, 0};

enum { F1_COMMITTED, F1_COMMIT, F1_FIELDS };
static const struct sc_layout_field flag1_rows[F1_FIELDS] = {
    [F1_COMMITTED] = {"MemCommit", 0, true},
    [F1_COMMIT] = {"CommitCharge", 0, true},
};
static const struct nt_def flags1_def = {
    {"nt!_MMVAD_FLAGS1", flag1_rows, F1_FIELDS}, F1_FIELDS, NULL, NULL, 0};

enum { M_AREA, M_SUBSECTION, M_FIRST, M_LAST, M_FILE, M_FIELDS };
static const struct sc_layout_field mapped_rows[M_FIELDS] = {
    [M_AREA] = {"ControlArea", 1, true},
    [M_SUBSECTION] = {"Subsection|MappedSubsection", 1, true},
    [M_FIRST] = {"FirstPrototypePte", 1, true},
    [M_LAST] = {"LastContiguousPte", 1, true},
    [M_FILE] = {"FileObject", 1, true},
};
static const uint8_t mapped_pointers[] = {M_AREA, M_SUBSECTION, M_FIRST, M_LAST, M_FILE};
static const struct nt_def mapped_def = {
    {"nt!_MMVAD", mapped_rows, M_FIELDS}, M_FIELDS, NULL, NT_POINTERS(mapped_pointers)};

/* ---- where the links and the flags are ---- */

static sc_err *place_of(const struct nt *nt, size_t index, uint64_t *ret_offset) {
    bool found;
    uint64_t offset;
    sc_err *err = nt_offset(nt, &place_def, index, &offset, &found);
    if (!err)
        *ret_offset = found ? offset : SC_UNSET64;
    return err;
}

/* Of a tree of 8.1 and later the first two pointers are the children; before, the parent's is the
 * first. Tables of layouts of 8 have the newer node in the place of its own. */
static void find_links(const struct nt *nt, struct nt_vads *v, const uint64_t *place) {
    uint64_t node = place[P_NODE];
    v->left = place[P_LEFT];
    v->right = place[P_RIGHT];
    if (v->left != SC_UNSET64 && v->right != SC_UNSET64)
        return;
    node += nt->build < 9600 ? nt->ptr_size : 0;
    v->left = node;
    v->right = node + nt->ptr_size;
}

static sc_err *find_places(const struct nt *nt, struct nt_vads *v) {
    uint64_t place[P_FIELDS];
    for (size_t i = 0; i < P_FIELDS; i++) {
        sc_err *err = place_of(nt, i, &place[i]);
        if (err)
            return err;
    }
    if (place[P_NODE] == SC_UNSET64 &&
        (place[P_LEFT] == SC_UNSET64 || place[P_RIGHT] == SC_UNSET64))
        return sc_errf(SC_ERR_NOT_FOUND, "the symbols do not say how VADs are linked");
    find_links(nt, v, place);
    v->flags = place[P_FLAGS];
    v->flags1 = place[P_FLAGS1];
    if (v->flags == SC_UNSET64 && place[P_NODE] != SC_UNSET64 && place[P_LOCK] != SC_UNSET64) {
        v->flags = place[P_LOCK] + nt->ptr_size;
        v->flags1 = v->flags + 4;
    }
    if (place[P_NODE] == SC_UNSET64)
        v->flags1 = SC_UNSET64; /* `u1` is the parent */
    return NULL;
}

/* ---- one node ---- */

/* Until Server 2003 a bit for each. */
static unsigned old_type(const struct nt_field *f) {
    static const struct {
        uint8_t field, type;
    } rows[] = {{F_IMAGE, NT_VAD_IMAGE},
                {F_PHYSICAL, NT_VAD_PHYSICAL},
                {F_AWE, NT_VAD_AWE},
                {F_WRITE_WATCH, NT_VAD_WRITE_WATCH},
                {F_LARGE, NT_VAD_LARGE_PAGES}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (nt_set(&f[rows[i].field]))
            return rows[i].type;
    return NT_VAD_NONE;
}

static sc_err *read_flags(const struct nt_vads *v, struct nt_vad *vad) {
    struct nt_field f[F_FIELDS], f1[F1_FIELDS] = {{0, NT_NO_FIELD}};
    if (v->flags == SC_UNSET64)
        return NULL;
    sc_err *err = nt_load_optional(v->nt, &flags_def, nt_add(v->nt, vad->address, v->flags), f,
                                   &vad->assumed);
    if (!err && v->flags1 != SC_UNSET64)
        err = nt_load_optional(v->nt, &flags1_def, nt_add(v->nt, vad->address, v->flags1), f1,
                               &vad->assumed);
    if (err)
        return err;
    vad->has_flags = f[F_PROTECTION].state == NT_READ;
    vad->protection = (unsigned)nt_or(&f[F_PROTECTION], 0) & 31;
    vad->type = f[F_TYPE].state == NT_READ ? (unsigned)f[F_TYPE].value & 7 : old_type(f);
    vad->is_private = nt_set(&f[F_PRIVATE]);
    vad->no_change = nt_set(&f[F_NO_CHANGE]);
    vad->committed = nt_set(&f[F_COMMITTED]) || nt_set(&f1[F1_COMMITTED]);
    vad->commit = f1[F1_COMMIT].state == NT_READ ? f1[F1_COMMIT] : f[F_COMMIT];
    return NULL;
}

static sc_err *read_mapped(const struct nt_vads *v, struct nt_vad *vad) {
    struct nt_field f[M_FIELDS];
    struct nt_subsection sub;
    sc_err *err = nt_load_optional(v->nt, &mapped_def, vad->address, f, &vad->assumed);
    if (err)
        return err;
    vad->control_area = f[M_AREA];
    vad->subsection = f[M_SUBSECTION];
    vad->first_proto = f[M_FIRST];
    vad->last_proto = f[M_LAST];
    vad->file = (struct nt_field){0, NT_NO_FIELD};
    if (f[M_AREA].state == NT_NO_FIELD && nt_set(&f[M_SUBSECTION])) {
        err = nt_subsection_read(v->nt, f[M_SUBSECTION].value, &sub);
        if (!err)
            vad->control_area = sub.control_area;
    }
    uint64_t file = 0;
    if (!err && nt_set(&vad->control_area))
        err = nt_control_area_file(v->nt, vad->control_area.value, &file);
    if (!err && file)
        vad->file = (struct nt_field){file, NT_READ};
    return err;
}

static sc_err *read_node(const struct nt_vads *v, const struct nt_vad_step *at, struct nt_vad *ret,
                         bool *ret_found) {
    struct nt_field f[V_FIELDS];
    struct nt_vad vad = {.address = at->node, .level = at->level};
    sc_err *err = nt_load(v->nt, &node_def, at->node, f, &vad.assumed);
    if (err)
        return err;
    *ret_found = f[V_START].state == NT_READ && f[V_END].state == NT_READ;
    if (!*ret_found)
        return NULL;
    vad.start = f[V_START].value, vad.end = f[V_END].value;
    if (f[V_START_HIGH].state == NT_READ) {
        vad.start = (vad.start & UINT32_MAX) | (f[V_START_HIGH].value & 0xff) << 32;
        vad.end = (vad.end & UINT32_MAX) | (nt_or(&f[V_END_HIGH], 0) & 0xff) << 32;
    } else if (v->nt->ptr_size == 4) {
        vad.start &= UINT32_MAX;
        vad.end &= UINT32_MAX;
    }
    err = read_flags(v, &vad);
    if (!err && vad.commit.state == NT_READ && f[V_COMMIT_HIGH].state == NT_READ)
        vad.commit.value |= (f[V_COMMIT_HIGH].value & 0xff) << 31;
    if (!err && (!vad.has_flags || !vad.is_private))
        err = read_mapped(v, &vad);
    if (!err)
        *ret = vad;
    return err;
}

/* ---- the walk ---- */

sc_err *nt_vads_begin(struct nt_vads *v, const struct nt *nt, uint64_t root) {
    *v = (struct nt_vads){.nt = nt, .down = {root, 0}};
    return find_places(nt, v);
}

static bool stop(struct nt_vads *v, enum nt_list_end end, uint64_t bad) {
    v->end = end;
    v->bad = bad;
    v->depth = 0;
    v->down.node = 0;
    return false;
}

/* May a node be there? */
static bool is_place(const struct nt_vads *v, uint64_t node) {
    return nt_is_kernel(v->nt, node) && node % v->nt->ptr_size == 0;
}

/* Goes down to the left from v->down; false: it is no tree. */
static bool descend(struct nt_vads *v) {
    while (v->down.node) {
        struct nt_vad_step at = v->down;
        if (!is_place(v, at.node))
            return stop(v, NT_LIST_BROKEN, at.node);
        if (v->depth == NT_VAD_DEPTH)
            return stop(v, NT_LIST_LOOP, at.node);
        v->stack[v->depth++] = at;
        struct nt_field left = nt_pointer(v->nt, nt_add(v->nt, at.node, v->left));
        v->down = (struct nt_vad_step){nt_or(&left, 0), at.level + 1};
    }
    return true;
}

/* Does VAD belong behind those before it? */
static bool in_order(const struct nt_vads *v, const struct nt_vad *vad) {
    return vad->start <= vad->end && (!v->count || vad->start >= v->last) &&
           vad->end < UINT64_MAX / 0x1000;
}

static void count_node(struct nt_vads *v, const struct nt_vad *vad) {
    v->count++;
    v->last = vad->end + 1;
    v->levels += vad->level;
    v->max_level = vad->level > v->max_level ? vad->level : v->max_level;
}

sc_err *nt_vads_next(struct nt_vads *v, struct nt_vad *ret_vad, bool *ret_more) {
    *ret_more = false;
    while (descend(v) && v->depth) {
        struct nt_vad_step at = v->stack[--v->depth];
        struct nt_vad vad;
        bool found = false;
        if (sc_target_cancelled(v->nt->target))
            return sc_err_cancelled();
        sc_err *err = read_node(v, &at, &vad, &found);
        if (err)
            return err;
        if (!found) {
            v->absent++; /* what hangs at its right is not known */
            continue;
        }
        struct nt_field right = nt_pointer(v->nt, nt_add(v->nt, at.node, v->right));
        v->down = (struct nt_vad_step){nt_or(&right, 0), at.level + 1};
        if (!in_order(v, &vad) || v->count == NT_VADS_MAX) {
            stop(v, v->count == NT_VADS_MAX ? NT_LIST_LIMIT : NT_LIST_LOOP, at.node);
            return NULL;
        }
        count_node(v, &vad);
        *ret_vad = vad;
        *ret_more = true;
        return NULL;
    }
    return NULL;
}

sc_err *nt_vad_read(const struct nt *nt, uint64_t address, struct nt_vad *ret, bool *ret_found) {
    struct nt_vads v;
    const struct nt_vad_step at = {address, 0};
    sc_err *err = nt_vads_begin(&v, nt, address);
    return err ? err : read_node(&v, &at, ret, ret_found);
}

sc_err *nt_vad_find(const struct nt *nt, uint64_t root, uint64_t vpn, struct nt_vad *ret,
                    bool *ret_found) {
    struct nt_vads v;
    struct nt_vad_step at = {root, 0};
    struct nt_vad vad;
    bool found;
    *ret_found = false;
    sc_err *err = nt_vads_begin(&v, nt, root);
    for (; !err && at.node && at.level < NT_VAD_DEPTH && is_place(&v, at.node); at.level++) {
        err = read_node(&v, &at, &vad, &found);
        if (err || !found)
            return err;
        if (vpn >= vad.start && vpn <= vad.end) {
            *ret = vad;
            *ret_found = true;
            return NULL;
        }
        uint64_t link = vpn < vad.start ? v.left : v.right;
        struct nt_field next = nt_pointer(nt, nt_add(nt, at.node, link));
        at.node = nt_or(&next, 0);
    }
    return err;
}

const char *nt_vads_end_text(const struct nt_vads *v, char buf[NT_LIST_TEXT]) {
    switch (v->end) {
    case NT_LIST_BROKEN:
        snprintf(buf, NT_LIST_TEXT, "a link leads to %" PRIx64 ", where no VAD can be", v->bad);
        break;
    case NT_LIST_LOOP:
        snprintf(buf, NT_LIST_TEXT, "the node at %" PRIx64 " makes it no tree", v->bad);
        break;
    case NT_LIST_LIMIT: snprintf(buf, NT_LIST_TEXT, "more than %d VADs", NT_VADS_MAX); break;
    default: buf[0] = 0; break;
    }
    return buf;
}

/* ---- names ---- */

const char *nt_vad_protection_name(unsigned protection) {
    static const char *const names[] = {"NO_ACCESS",         "READONLY",         "EXECUTE",
                                        "EXECUTE_READ",      "READWRITE",        "WRITECOPY",
                                        "EXECUTE_READWRITE", "EXECUTE_WRITECOPY"};
    return names[protection & 7];
}

const char *nt_vad_type_name(unsigned type) {
    static const char *const names[] = {"",         "Phys",     "Exe",    "AWE",
                                        "WrtWatch", "LargePag", "Rotate", "LargePagSec"};
    return type < sizeof names / sizeof *names ? names[type] : "";
}

/* ---- prototype entries ---- */

sc_err *nt_vad_prototype(const struct nt *nt, const struct nt_vad *vad, uint64_t vpn,
                         unsigned pte_size, uint64_t *ret_address) {
    *ret_address = 0;
    if (vpn < vad->start || vpn > vad->end || !nt_set(&vad->first_proto))
        return NULL;
    uint64_t index = vpn - vad->start, first = vad->first_proto.value;
    uint64_t at = nt_add(nt, first, index * pte_size);
    if (nt_set(&vad->last_proto) && at >= first && at <= vad->last_proto.value) {
        *ret_address = at;
        return NULL;
    }
    if (!nt_set(&vad->subsection))
        return NULL;
    struct nt_subsection sub;
    uint64_t next = vad->subsection.value;
    for (unsigned n = 0; next && n < NT_SUBSECTIONS_MAX; n++) {
        sc_err *err = nt_subsection_read(nt, next, &sub);
        if (err || !nt_set(&sub.base) || sub.ptes.state != NT_READ)
            return err;
        /* The view may begin inside the first subsection. */
        if (!n && first >= sub.base.value)
            index += (first - sub.base.value) / pte_size;
        uint64_t count = sub.ptes.value & UINT32_MAX;
        if (index < count) {
            *ret_address = nt_add(nt, sub.base.value, index * pte_size);
            return NULL;
        }
        index -= count;
        next = nt_or(&sub.next, 0);
    }
    return NULL;
}
