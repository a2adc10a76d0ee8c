/* SPDX-License-Identifier: MIT */
/*
 * Members of structures, unions and enumerations: LF_FIELDLIST, a sequence of
 *
 *     LF_MEMBER      u16 attributes, u32 type, numeric offset, name
 *     LF_STMEMBER    u16 attributes, u32 type, name
 *     LF_ENUMERATE   u16 attributes, numeric value, name
 *     LF_NESTTYPE    u16, u32 type, name
 *     LF_METHOD      u16 count, u32 list, name
 *     LF_ONEMETHOD   u16 attributes, u32 type[, u32 vtable offset if it introduces one], name
 *     LF_BCLASS      u16 attributes, u32 type, numeric offset     (LF_BINTERFACE alike)
 *     LF_VBCLASS     u16 attributes, u32 type, u32 pointer type, numeric offset of the pointer,
 *                    numeric index                                (LF_IVBCLASS alike)
 *     LF_VFUNCTAB    u16, u32 type        LF_VFUNCOFF   u16, u32 type, u32 offset
 *     LF_FRIENDCLS   u16, u32 type        LF_INDEX      u16, u32 list that goes on
 *
 * each padded to 4 with bytes 0xf1 … 0xf3. LF_METHODLIST: {u16 attributes, u16, u32 type[, u32]}.
 * A method introduces a virtual function when bits 2-4 of its attributes are 4 or 6.
 */
#include "pdb/leaf.h"
#include "pdb/pdb_impl.h"

struct walk {
    struct pdb *pdb;
    sc_member_fn fn;
    void *ctx;
    bool bases; /* this pass shows base classes, else everything else */
    bool stop;
};

/* One record of the list: fields are read through the cursor. */
struct field {
    uint16_t leaf;
    uint32_t name_at;
    struct sc_member m;
};

static uint64_t numeric(struct sc_cur *c) {
    const uint8_t *p = c->data + (c->pos - c->start);
    uint64_t value = 0;
    uint32_t size = 0, left = (uint32_t)sc_cur_left(c);
    if (pdb_numeric(p, left, &value, &size))
        sc_cur_skip(c, size);
    else
        sc_cur_skip(c, (uint64_t)left + 1); /* fails the cursor */
    return value;
}

static void skip_name(struct sc_cur *c, struct field *f) {
    const uint8_t *p = c->data + (c->pos - c->start);
    uint64_t left = sc_cur_left(c);
    const uint8_t *nul = left ? memchr(p, 0, left) : NULL;
    f->name_at = (uint32_t)c->pos;
    sc_cur_skip(c, nul ? (uint64_t)(nul - p) + 1 : left + 1);
}

static bool introduces(uint16_t attributes) {
    unsigned how = attributes >> 2 & 7;
    return how == 4 || how == 6;
}

static void read_base(struct sc_cur *c, struct field *f) {
    f->m.kind = SC_MEMBER_BASE;
    sc_u16(c);
    f->m.type = sc_u32(c);
    if (f->leaf == LF_VBCLASS || f->leaf == LF_IVBCLASS) {
        sc_u32(c);
        f->m.offset = numeric(c);
        f->m.value = (int64_t)numeric(c);
    } else {
        f->m.offset = numeric(c);
    }
}

/* Reads a record; false when its leaf is not known. */
static bool read_field(struct sc_cur *c, struct field *f) {
    uint16_t attributes;
    memset(f, 0, sizeof *f);
    f->leaf = sc_u16(c);
    switch (f->leaf) {
    case LF_BCLASS:
    case LF_BINTERFACE:
    case LF_VBCLASS:
    case LF_IVBCLASS: read_base(c, f); return true;
    case LF_VFUNCTAB:
    case LF_VFUNCOFF:
    case LF_FRIENDCLS:
    case LF_INDEX:
        f->m.kind = SC_MEMBER_VFPTR;
        sc_u16(c);
        f->m.type = sc_u32(c);
        if (f->leaf == LF_VFUNCOFF)
            f->m.offset = sc_u32(c);
        return true;
    case LF_MEMBER:
        sc_u16(c);
        f->m.type = sc_u32(c);
        f->m.offset = numeric(c);
        break;
    case LF_STMEMBER:
        f->m.kind = SC_MEMBER_STATIC;
        sc_u16(c);
        f->m.type = sc_u32(c);
        break;
    case LF_ENUMERATE:
        f->m.kind = SC_MEMBER_ENUMERATOR;
        sc_u16(c);
        f->m.value = (int64_t)numeric(c);
        break;
    case LF_NESTTYPE:
    case LF_NESTTYPEEX:
        f->m.kind = SC_MEMBER_NESTED;
        sc_u16(c);
        f->m.type = sc_u32(c);
        break;
    case LF_METHOD:
        f->m.kind = SC_MEMBER_METHOD;
        sc_u16(c);
        f->m.type = sc_u32(c); /* the list */
        break;
    case LF_ONEMETHOD:
        f->m.kind = SC_MEMBER_METHOD;
        attributes = sc_u16(c);
        f->m.type = sc_u32(c);
        if (introduces(attributes))
            sc_u32(c);
        break;
    default: return false;
    }
    skip_name(c, f);
    return true;
}

static void skip_padding(struct sc_cur *c) {
    while (sc_cur_left(c) > 0) {
        uint8_t pad = c->data[c->pos - c->start];
        if (pad < LF_PAD0)
            break;
        unsigned n = pad & 15;
        sc_cur_skip(c, n ? n : 1);
    }
}

/* All methods of an overloaded name. */
static sc_err *show_methods(struct walk *w, const struct sc_member *m) {
    struct msf_buf buf;
    uint32_t off = 0;
    msf_buf_init(&buf);
    sc_err *err = pdb_record(w->pdb, &w->pdb->tpi, m->type, &buf, &off);
    struct sc_cur c = msf_cur(&buf, off + 2, "method list");
    bool ok = !err && sc_u16(&c) == LF_METHODLIST;
    while (ok && !w->stop && sc_cur_left(&c) >= 8) {
        struct sc_member one = *m;
        uint16_t attributes = sc_u16(&c);
        sc_u16(&c);
        one.type = sc_u32(&c);
        if (introduces(attributes))
            sc_u32(&c);
        w->stop = !w->fn(w->ctx, &one);
    }
    msf_buf_free(&buf);
    return err;
}

/* A field of a bit field's type is the bits of the type below. */
static sc_err *show_field(struct walk *w, struct sc_member *m) {
    if (m->type >= 0x1000) {
        struct msf_buf buf;
        uint32_t off;
        msf_buf_init(&buf);
        sc_err *err = pdb_record(w->pdb, &w->pdb->tpi, m->type, &buf, &off);
        if (!err && buf.len >= 8 && msf_le16(buf.data) == LF_BITFIELD) {
            m->type = msf_le32(buf.data + 2);
            m->bit_len = buf.data[6];
            m->bit_pos = buf.data[7];
        }
        msf_buf_free(&buf);
        if (err)
            return err;
    }
    w->stop = !w->fn(w->ctx, m);
    return NULL;
}

static sc_err *name_of(struct walk *w, struct field *f, const struct sc_cur *c) {
    struct sc_type type;
    if (f->m.kind == SC_MEMBER_VFPTR) {
        f->m.name = "__VFN_table";
        return NULL;
    }
    if (f->m.kind != SC_MEMBER_BASE)
        return msf_string(w->pdb->msf, PDB_STREAM_TPI, f->name_at, c->pos, &f->m.name);
    sc_err *err = pdb_type(w->pdb, f->m.type, &type);
    if (!err)
        f->m.name = type.name;
    return err;
}

static sc_err *show(struct walk *w, struct field *f, const struct sc_cur *c) {
    bool base = f->m.kind == SC_MEMBER_BASE;
    if (f->leaf == LF_FRIENDCLS || base != w->bases)
        return NULL;
    sc_err *err = name_of(w, f, c);
    if (err)
        return err;
    if (f->leaf == LF_METHOD)
        return show_methods(w, &f->m);
    if (f->leaf == LF_MEMBER)
        return show_field(w, &f->m);
    w->stop = !w->fn(w->ctx, &f->m);
    return NULL;
}

/* One LF_FIELDLIST; *RET_NEXT is the list that it goes on in, 0 for none. */
static sc_err *walk_list(struct walk *w, uint32_t ti, uint32_t *ret_next) {
    struct pdb *pdb = w->pdb;
    struct msf_buf buf;
    uint32_t off = 0;
    msf_buf_init(&buf);
    *ret_next = 0;
    sc_err *err = pdb_record(pdb, &pdb->tpi, ti, &buf, &off);
    if (!err && (buf.len < 2 || msf_le16(buf.data) != LF_FIELDLIST))
        err = msf_err(pdb->msf, PDB_STREAM_TPI, off, "type 0x%x is no list of members", ti);
    struct sc_cur c = msf_cur(&buf, off + 2, "list of members");
    if (!err)
        sc_u16(&c);
    while (!err && !w->stop && sc_cur_left(&c) > 0) {
        struct field f;
        uint64_t at = c.pos;
        bool known = read_field(&c, &f);
        if (sc_cur_failed(&c))
            err = msf_cur_err(pdb->msf, PDB_STREAM_TPI, &c);
        else if (!known)
            err =
                msf_err(pdb->msf, PDB_STREAM_TPI, at, "a member of the unknown kind 0x%x", f.leaf);
        else if (f.leaf == LF_INDEX)
            *ret_next = f.m.type;
        else
            err = show(w, &f, &c);
        if (!err)
            skip_padding(&c);
    }
    msf_buf_free(&buf);
    return err;
}

/* All lists that belong together. A circle is noticed by an index met again. */
static sc_err *walk_lists(struct walk *w, uint32_t ti) {
    uint32_t mark = ti, steps = 0, limit = 1;
    while (ti && !w->stop) {
        uint32_t next;
        sc_err *err = walk_list(w, ti, &next);
        if (err)
            return err;
        if (next && next == mark)
            return msf_err(w->pdb->msf, PDB_STREAM_TPI, 0,
                           "the list of members 0x%x goes on in itself", next);
        if (++steps == limit) { /* Brent: the mark moves on at powers of two */
            steps = 0;
            limit *= 2;
            mark = next;
        }
        ti = next;
    }
    return NULL;
}

/* The definition behind modifiers, aliases and forward references. */
static sc_err *fields_of(struct pdb *pdb, uint32_t ti, uint32_t *ret_fields) {
    *ret_fields = 0;
    for (int depth = 0; depth < 64 && ti >= 0x1000; depth++) {
        struct msf_buf buf;
        struct pdb_udt udt;
        uint32_t off = 0, next = 0;
        msf_buf_init(&buf);
        sc_err *err = pdb_record(pdb, &pdb->tpi, ti, &buf, &off);
        uint16_t leaf = !err && buf.len >= 6 ? msf_le16(buf.data) : 0;
        if (leaf == LF_MODIFIER || leaf == LF_ALIAS) {
            next = msf_le32(buf.data + 2);
        } else if (pdb_is_udt(leaf)) {
            if (!pdb_udt_decode(buf.data, buf.len, &udt))
                err = msf_err(pdb->msf, PDB_STREAM_TPI, off, "type 0x%x is cut off", ti);
            else if (!(udt.prop & PDB_PROP_FORWARD))
                *ret_fields = udt.fields;
            else
                err = pdb_definition(pdb, ti, &udt, &next);
        }
        msf_buf_free(&buf);
        if (err || !next || next == ti)
            return err;
        ti = next;
    }
    return NULL;
}

sc_err *pdb_members(struct pdb *pdb, uint32_t ti, sc_member_fn fn, void *ctx) {
    uint32_t fields = 0;
    sc_err *err = fields_of(pdb, ti, &fields);
    for (int pass = 0; !err && pass < 2 && fields; pass++) {
        struct walk w = {.pdb = pdb, .fn = fn, .ctx = ctx, .bases = pass == 0};
        err = walk_lists(&w, fields);
        if (w.stop)
            break;
    }
    return err;
}
