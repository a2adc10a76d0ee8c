/* SPDX-License-Identifier: MIT */
/* Strings, types and rows as they come in. Laying out is in layout.c. */
#include "isf/build.h"

#include <stdlib.h>

#include "base/vec.h"
#include "isf/hash.h"

sc_err *isf_build_init(struct isf_build *b, const char *name) {
    memset(b, 0, sizeof *b);
    b->name = name;
    b->seed = (uint64_t)(uintptr_t)b * 0x9e3779b97f4a7c15ull; /* not the same in every run */
    uint32_t empty;
    return isf_build_append(b, "", 0, &empty);
}

void isf_build_deinit(struct isf_build *b) {
    SC_VEC_FREE(&b->pool);
    SC_VEC_FREE(&b->symbols);
    SC_VEC_FREE(&b->constants);
    SC_VEC_FREE(&b->types);
    SC_VEC_FREE(&b->members);
    free(b->strings.slot);
    free(b->shapes.slot);
    memset(b, 0, sizeof *b);
}

sc_err *isf_build_append(struct isf_build *b, const char *text, size_t len, uint32_t *ret_offset) {
    size_t want = b->pool.count + len + 1;
    if (want > UINT32_MAX)
        return sc_errf(SC_ERR_LIMIT, "%s: more than 4 GB of names", b->name);
    while (b->pool.room < want) {
        size_t room = b->pool.room ? b->pool.room * 2 : 4096;
        if (!SC_VEC_RESERVE(&b->pool, room > want ? room : want))
            return sc_err_nomem();
    }
    memcpy(b->pool.item + b->pool.count, text, len);
    b->pool.item[want - 1] = 0;
    *ret_offset = (uint32_t)b->pool.count;
    b->pool.count = want;
    return NULL;
}

/* Doubles a set that is two thirds full. */
static bool make_room(struct isf_set *set) {
    if (set->count * 3 < set->room * 2)
        return true;
    struct isf_set bigger = {.room = set->room ? set->room * 2 : 256, .count = set->count};
    bigger.slot = calloc(bigger.room, sizeof *bigger.slot);
    if (!bigger.slot)
        return false;
    for (size_t i = 0; i < set->room; i++) {
        if (!set->slot[i].index)
            continue;
        size_t at = set->slot[i].hash & (bigger.room - 1);
        while (bigger.slot[at].index)
            at = (at + 1) & (bigger.room - 1);
        bigger.slot[at] = set->slot[i];
    }
    free(set->slot);
    *set = bigger;
    return true;
}

typedef bool (*same_fn)(const struct isf_build *b, uint32_t index, const void *key);

/* The slot that holds KEY, or the empty one for it. NULL when memory is short. */
static struct isf_slot *lookup(const struct isf_build *b, struct isf_set *set, uint32_t hash,
                               same_fn same, const void *key) {
    if (!make_room(set))
        return NULL;
    size_t at = hash & (set->room - 1);
    while (set->slot[at].index &&
           (set->slot[at].hash != hash || !same(b, set->slot[at].index - 1, key)))
        at = (at + 1) & (set->room - 1);
    return &set->slot[at];
}

struct text {
    const char *text;
    size_t len;
};

static bool same_text(const struct isf_build *b, uint32_t index, const void *key) {
    const struct text *t = key;
    const char *have = b->pool.item + index;
    return !strncmp(have, t->text, t->len) && !have[t->len];
}

sc_err *isf_build_intern(struct isf_build *b, const char *text, size_t len, uint32_t *ret_offset) {
    struct text key = {text, len};
    uint32_t hash = (uint32_t)isf_hash(text, len, b->seed);
    struct isf_slot *slot = lookup(b, &b->strings, hash, same_text, &key);
    if (!slot)
        return sc_err_nomem();
    if (!slot->index) {
        uint32_t offset;
        sc_err *err = isf_build_append(b, text, len, &offset);
        if (err)
            return err;
        *slot = (struct isf_slot){hash, offset + 1};
        b->strings.count++;
    }
    *ret_offset = slot->index - 1;
    return NULL;
}

static enum isf_class class_of(const struct isf_type_row *row) {
    return (enum isf_class)(row->flags >> ISF_CLASS_SHIFT);
}

static bool same_type(const struct isf_build *b, uint32_t index, const void *key) {
    const struct isf_type *have = &b->types.item[index], *want = key;
    if (class_of(&have->row) != class_of(&want->row))
        return false;
    if (class_of(&want->row) != ISF_UNNAMED)
        return have->key == want->key;
    return have->row.kind == want->row.kind && have->row.target == want->row.target &&
           have->row.count == want->row.count && have->row.bit_pos == want->row.bit_pos &&
           have->row.bit_len == want->row.bit_len;
}

static sc_err *intern_type(struct isf_build *b, const struct isf_type *type, uint32_t *ret_id) {
    const struct isf_type_row *r = &type->row;
    bool named = class_of(r) != ISF_UNNAMED;
    const uint64_t words[4] = {
        (uint64_t)r->flags >> ISF_CLASS_SHIFT, named ? type->key : r->kind, named ? 0 : r->count,
        named ? 0 : r->target | (uint64_t)r->bit_pos << 32 | (uint64_t)r->bit_len << 40};
    uint32_t hash = (uint32_t)isf_hash(words, sizeof words, b->seed);
    struct isf_slot *slot = lookup(b, &b->shapes, hash, same_type, type);
    if (!slot)
        return sc_err_nomem();
    if (!slot->index) {
        struct isf_type *t = SC_VEC_PUSH(&b->types);
        if (!t)
            return sc_err_nomem();
        *t = *type;
        *slot = (struct isf_slot){hash, (uint32_t)b->types.count};
        b->shapes.count++;
    }
    *ret_id = slot->index;
    return NULL;
}

sc_err *isf_build_named(struct isf_build *b, enum isf_class cls, enum sc_type_kind kind,
                        uint32_t key, uint64_t where, uint32_t *ret_id) {
    struct isf_type t = {.key = key, .where = where};
    t.row.name = key;
    t.row.first = cls == ISF_BASE ? key : 0;
    t.row.kind = (uint8_t)kind;
    t.row.flags = (uint8_t)(cls << ISF_CLASS_SHIFT | ISF_FORWARD);
    return intern_type(b, &t, ret_id);
}

sc_err *isf_build_shape(struct isf_build *b, const struct isf_type_row *row, uint64_t where,
                        uint32_t *ret_id) {
    struct isf_type t = {.row = *row, .where = where};
    t.row.name = 0;
    t.row.flags &= ISF_SIGNED;
    return intern_type(b, &t, ret_id);
}
