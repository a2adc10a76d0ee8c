/* SPDX-License-Identifier: MIT */
/* From collected rows to an image: sorting, sizes, the two name indices, the bytes. */
#include <stdlib.h>

#include "isf/build.h"
#include "isf/hash.h"

static int by_rva(const void *a, const void *b) {
    const struct isf_symbol_row *x = a, *y = b;
    if (x->rva != y->rva)
        return x->rva < y->rva ? -1 : 1;
    /* Names lie in the pool in the file's order. */
    return x->name < y->name ? -1 : x->name > y->name;
}

/* Fields by place, whole ones before the bits of the same place; enumerators by value. */
static int by_place(const void *a, const void *b) {
    const struct isf_member *x = a, *y = b;
    if (x->row.value != y->row.value) {
        if (x->row.kind == SC_MEMBER_ENUMERATOR)
            return (int64_t)x->row.value < (int64_t)y->row.value ? -1 : 1;
        return x->row.value < y->row.value ? -1 : 1;
    }
    if (!x->row.bit_len != !y->row.bit_len)
        return x->row.bit_len ? 1 : -1;
    if (x->row.bit_pos != y->row.bit_pos)
        return x->row.bit_pos < y->row.bit_pos ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static bool has_members(const struct isf_type_row *row) {
    return row->kind == SC_TYPE_STRUCT || row->kind == SC_TYPE_CLASS ||
           row->kind == SC_TYPE_UNION || row->kind == SC_TYPE_ENUM;
}

static void sort(struct isf_build *b) {
    if (b->symbols.count)
        qsort(b->symbols.item, b->symbols.count, sizeof *b->symbols.item, by_rva);
    for (size_t i = 0; i < b->types.count; i++) {
        const struct isf_type_row *r = &b->types.item[i].row;
        if (has_members(r) && r->count > 1)
            qsort(b->members.item + r->first, (size_t)r->count, sizeof *b->members.item, by_place);
    }
}

/* Where the table has no base type "pointer": what the machine says. */
static uint32_t pointer_size(const struct isf_build *b) {
    enum { I386 = 0x14c, ARM = 0x1c0, ARMNT = 0x1c4 };
    if (b->pointer_size)
        return b->pointer_size;
    return b->machine == I386 || b->machine == ARM || b->machine == ARMNT ? 4 : 8;
}

/* Sizes of composite types; a target's id is below its user's, named types have theirs. */
static sc_err *measure(struct isf_build *b) {
    const uint32_t pointer = pointer_size(b);
    for (size_t i = 0; i < b->types.count; i++) {
        struct isf_type *t = &b->types.item[i];
        struct isf_type_row *r = &t->row;
        uint64_t size = r->target ? isf_build_type(b, r->target)->row.size : 0;
        if (r->kind == SC_TYPE_POINTER)
            r->size = pointer;
        else if (r->kind == SC_TYPE_BITFIELD)
            r->size = size;
        else if (r->kind == SC_TYPE_ARRAY && __builtin_mul_overflow(size, r->count, &r->size))
            return sc_err_at(SC_ERR_FORMAT, b->name, t->where, "an array larger than any memory");
    }
    return NULL;
}

/* What the names of an index belong to. */
struct names {
    const struct isf_build *b;
    bool types;
    size_t rows; /* rows looked at; each may have no name, one, or two */
};

/* Name WHICH (0 or 1) of row I; false when it has none. *RET_VALUE is what the list holds. */
static bool name_of(const struct names *n, size_t i, int which, const char **ret_name,
                    uint32_t *ret_value) {
    const struct isf_build *b = n->b;
    uint32_t offset;
    if (n->types) {
        const struct isf_type_row *r = &b->types.item[i].row;
        const unsigned cls = r->flags >> ISF_CLASS_SHIFT;
        if (cls == ISF_UNNAMED || (which && (cls != ISF_BASE || r->first == r->name)))
            return false;
        offset = which ? r->first : r->name;
    } else if (i < b->symbols.count) {
        offset = which ? b->symbols.item[i].alias : b->symbols.item[i].name;
        if (which && !offset)
            return false;
    } else {
        if (which)
            return false;
        offset = b->constants.item[i - b->symbols.count].name;
    }
    *ret_name = b->pool.item + offset;
    *ret_value = (uint32_t)i;
    return true;
}

static size_t count_names(const struct names *n) {
    size_t count = 0;
    const char *name;
    uint32_t value;
    for (size_t i = 0; i < n->rows; i++)
        for (int which = 0; which < 2; which++)
            count += name_of(n, i, which, &name, &value);
    return count;
}

static uint32_t buckets_for(size_t count) {
    uint32_t n = 1;
    while (n < count / 2 && n < 1u << 30)
        n *= 2;
    return n;
}

/* Counting sort of the names by bucket: starts into BUCKETS (n + 1), rows into LIST. */
static void fill_index(const struct names *n, uint32_t buckets, uint8_t *starts, uint8_t *list) {
    const char *name;
    uint32_t value;
    /* First the counts, one place up; then sums make them starts; then filling moves them up. */
    for (size_t i = 0; i < n->rows; i++)
        for (int which = 0; which < 2; which++)
            if (name_of(n, i, which, &name, &value)) {
                uint8_t *at =
                    starts + 4 * (1 + ((size_t)isf_hash(name, strlen(name), 0) & (buckets - 1)));
                isf_put32(at, isf_get32(at) + 1);
            }
    for (uint32_t i = 1, sum = 0; i <= buckets; i++) {
        uint32_t count = isf_get32(starts + 4 * (size_t)i);
        isf_put32(starts + 4 * (size_t)i, sum);
        sum += count;
    }
    for (size_t i = 0; i < n->rows; i++)
        for (int which = 0; which < 2; which++)
            if (name_of(n, i, which, &name, &value)) {
                uint8_t *at =
                    starts + 4 * (1 + ((size_t)isf_hash(name, strlen(name), 0) & (buckets - 1)));
                uint32_t place = isf_get32(at);
                isf_put32(list + 4 * (size_t)place, value);
                isf_put32(at, place + 1);
            }
}

static void put_symbols(const struct isf_build *b, uint8_t *p) {
    for (size_t i = 0; i < b->symbols.count; i++, p += 16) {
        const struct isf_symbol_row *r = &b->symbols.item[i];
        isf_put32(p, r->rva);
        isf_put32(p + 4, r->name);
        isf_put32(p + 8, r->alias);
        isf_put32(p + 12, r->type);
    }
}

static void put_constants(const struct isf_build *b, uint8_t *p) {
    for (size_t i = 0; i < b->constants.count; i++, p += 16) {
        const struct isf_constant *r = &b->constants.item[i];
        isf_put32(p, r->name);
        isf_put32(p + 4, r->type);
        isf_put64(p + 8, r->value);
    }
}

static void put_types(const struct isf_build *b, uint8_t *p) {
    for (size_t i = 0; i < b->types.count; i++, p += 32) {
        const struct isf_type_row *r = &b->types.item[i].row;
        isf_put32(p, r->name);
        isf_put32(p + 4, r->target);
        p[8] = r->kind;
        p[9] = r->flags;
        p[10] = r->bit_pos;
        p[11] = r->bit_len;
        isf_put32(p + 12, r->first);
        isf_put64(p + 16, r->size);
        isf_put64(p + 24, r->count);
    }
}

static void put_members(const struct isf_build *b, uint8_t *p) {
    for (size_t i = 0; i < b->members.count; i++, p += 24) {
        const struct isf_member_row *r = &b->members.item[i].row;
        isf_put32(p, r->name);
        isf_put32(p + 4, r->type);
        isf_put64(p + 8, r->value);
        p[16] = r->bit_pos;
        p[17] = r->bit_len;
        p[18] = r->kind;
    }
}

static void put_header(const struct isf_build *b, const struct isf_key *key, uint8_t *h,
                       uint64_t size) {
    memcpy(h, ISF_MAGIC, 8);
    isf_put32(h + 8, ISF_IMAGE_VERSION);
    isf_put32(h + 0xc, ISF_HEADER_SIZE);
    isf_put64(h + 0x10, key->size);
    memcpy(h + 0x18, key->hash, sizeof key->hash);
    isf_put64(h + 0x28, size);
    isf_put32(h + 0x30, b->guid.a);
    isf_put32(h + 0x34, b->guid.b | (uint32_t)b->guid.c << 16);
    memcpy(h + 0x38, b->guid.d, sizeof b->guid.d);
    isf_put32(h + 0x40, b->age);
    isf_put32(h + 0x44, b->machine);
    isf_put32(h + 0x48, b->pdb);
    isf_put64(h + ISF_HEADER_HASHED, isf_hash(h, ISF_HEADER_HASHED, 0));
}

sc_err *isf_build_finish(struct isf_build *b, const struct isf_key *key, uint8_t **ret_data,
                         size_t *ret_size) {
    sc_err *err = measure(b);
    if (err)
        return err;
    sort(b);
    const struct names symbols = {b, false, b->symbols.count + b->constants.count};
    const struct names types = {b, true, b->types.count};
    const size_t nnames = count_names(&symbols), ntypes = count_names(&types);
    const uint32_t name_buckets = buckets_for(nnames), type_buckets = buckets_for(ntypes);
    const size_t count[ISF_SECTIONS] = {[ISF_POOL] = b->pool.count,
                                        [ISF_SYMBOLS] = b->symbols.count,
                                        [ISF_CONSTANTS] = b->constants.count,
                                        [ISF_NAMES] = name_buckets + 1,
                                        [ISF_NAME_LIST] = nnames,
                                        [ISF_TYPES] = b->types.count,
                                        [ISF_MEMBERS] = b->members.count,
                                        [ISF_TYPE_NAMES] = type_buckets + 1,
                                        [ISF_TYPE_LIST] = ntypes};
    size_t at[ISF_SECTIONS], size = ISF_HEADER_SIZE;
    for (int i = 0; i < ISF_SECTIONS; i++) {
        if (count[i] > UINT32_MAX)
            return sc_errf(SC_ERR_LIMIT, "%s: more than 4294967295 rows", b->name);
        at[i] = size;
        size += (count[i] * isf_section_size((enum isf_section)i) + 7) & ~(size_t)7;
    }
    uint8_t *data = calloc(1, size);
    if (!data)
        return sc_err_nomem();
    for (int i = 0; i < ISF_SECTIONS; i++) {
        isf_put64(data + ISF_SECTION_TABLE + 16 * (size_t)i, at[i]);
        isf_put64(data + ISF_SECTION_TABLE + 16 * (size_t)i + 8, count[i]);
    }
    memcpy(data + at[ISF_POOL], b->pool.item, b->pool.count);
    put_symbols(b, data + at[ISF_SYMBOLS]);
    put_constants(b, data + at[ISF_CONSTANTS]);
    put_types(b, data + at[ISF_TYPES]);
    put_members(b, data + at[ISF_MEMBERS]);
    fill_index(&symbols, name_buckets, data + at[ISF_NAMES], data + at[ISF_NAME_LIST]);
    fill_index(&types, type_buckets, data + at[ISF_TYPE_NAMES], data + at[ISF_TYPE_LIST]);
    put_header(b, key, data, size);
    *ret_data = data;
    *ret_size = size;
    return NULL;
}
