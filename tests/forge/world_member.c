/* SPDX-License-Identifier: MIT */
/* Members of structures: numbers, bit fields, texts; by the scenario's lines and by the forge. */
#include <stdlib.h>
#include <string.h>

#include "forge/world.h"

typedef unsigned long long ull;

/* Does V fit into BITS bits, as it is or sign extended? */
static bool fits(uint64_t v, unsigned bits) {
    if (bits >= 64)
        return true;
    uint64_t high = v >> bits;
    return !high || (high == UINT64_MAX >> bits && v >> (bits - 1) & 1);
}

/* How many bytes of a number a part has: what is not known may be as long as there is room. */
static unsigned width_of(const struct forge_place *p) {
    return p->size >= 8 ? 8 : p->size >= 4 ? 4 : p->size >= 2 ? 2 : 1;
}

static bool is_struct(const struct forge_world *w, const struct forge_place *p) {
    const char *inner;
    uint32_t n;
    return p->type && !forge_type_is_pointer(p->type, &inner) &&
           !forge_type_is_array(p->type, &n, &inner) && forge_types_find(&w->types, p->type);
}

static uint64_t number_at(const struct forge_world *w, uint64_t addr, unsigned width) {
    uint8_t byte[8];
    uint64_t v = 0;
    forge_memmap_get(&w->mem, addr, byte, width);
    for (unsigned i = 0; i < width; i++)
        v |= (uint64_t)byte[i] << 8 * i;
    return v;
}

/* VALUE among the other bits of its bytes. */
static uint64_t with_bits(const struct forge_world *w, const struct forge_place *p, uint64_t addr,
                          uint64_t value) {
    uint64_t mask = (p->bit_count == 64 ? UINT64_MAX : ((uint64_t)1 << p->bit_count) - 1)
                    << p->bit_first;
    return (number_at(w, addr + p->offset, width_of(p)) & ~mask) | (value << p->bit_first & mask);
}

static bool set_number(struct forge_world *w, unsigned line, const struct forge_place *p,
                       const char *path, uint64_t addr, uint64_t value) {
    unsigned width = width_of(p);
    if (!fits(value, p->bit_count ? p->bit_count : width * 8))
        return forge_wrong(w->s, line, "%s: %llx does not fit into its %u %s", path, (ull)value,
                           p->bit_count ? p->bit_count : width, p->bit_count ? "bits" : "bytes");
    if (p->bit_count) {
        value = with_bits(w, p, addr, value);
        /* Other bits of the same bytes are other lines' to say: no line owns them. */
        forge_memmap_release(&w->mem, addr + p->offset, width);
    }
    return forge_world_put_uint(w, line, addr + p->offset, width, value);
}

/* A counted string: its text goes where there is room. */
static bool set_counted(struct forge_world *w, unsigned line, const struct forge_place *p,
                        uint64_t addr, const uint8_t *text, size_t size, unsigned unit) {
    struct forge_place length, most, buffer;
    if (!forge_types_place(&w->types, p->type, "Length", &length) ||
        !forge_types_place(&w->types, p->type, "MaximumLength", &most) ||
        !forge_types_place(&w->types, p->type, "Buffer", &buffer))
        return forge_wrong(w->s, line, "a text cannot be put into a %s", p->type);
    if (size + unit > UINT16_MAX)
        return forge_wrong(w->s, line, "a text of %zu bytes is too long for a %s", size, p->type);
    uint64_t at = forge_world_spare(w, size + unit, 16), base = addr + p->offset;
    return forge_world_put(w, line, at, text, size) &&
           forge_world_put_uint(w, line, base + length.offset, 2, size) &&
           forge_world_put_uint(w, line, base + most.offset, 2, size + unit) &&
           forge_world_put_uint(w, line, base + buffer.offset, w->ptr_size, at);
}

static bool set_text(struct forge_world *w, unsigned line, const struct forge_place *p,
                     const char *path, uint64_t addr, const struct forge_word *word) {
    const char *inner;
    size_t size = strlen(word->value);
    const uint8_t *text = (const uint8_t *)word->value;
    bool counted = is_struct(w, p);
    bool wide = word->wide || (counted && strcmp(p->type, "_STRING") != 0);
    if (wide)
        text = forge_world_utf16(w, word->value, &size);
    if (counted)
        return set_counted(w, line, p, addr, text, size, wide ? 2 : 1);
    if (p->type && forge_type_is_pointer(p->type, &inner)) {
        uint64_t at = forge_world_spare(w, size + 2, 16);
        return forge_world_put(w, line, at, text, size) &&
               forge_world_put_uint(w, line, addr + p->offset, w->ptr_size, at);
    }
    if (size > p->size)
        return forge_wrong(w->s, line, "%s: \"%s\" does not fit into its %u bytes", path,
                           word->value, p->size);
    uint8_t *padded = forge_pool_get(w->pool, p->size);
    memcpy(padded, text, size);
    return forge_world_put(w, line, addr + p->offset, padded, p->size);
}

/*
 * The place of "A", of the first of "A|B" that the build has. "A|": where the build has none of
 * them, the word is passed over.
 */
static bool find_member(struct forge_world *w, const char *type, const struct forge_assign *a,
                        struct forge_place *ret, bool *ret_skip) {
    const char *key = a->word.key;
    size_t len = strlen(key);
    const struct forge_type *t;
    *ret_skip = false;
    if (!strchr(key, '|'))
        return forge_types_need(&w->types, a->line, type, key, ret);
    if (!forge_types_need_struct(&w->types, a->line, type, &t))
        return false;
    if (forge_world_offset(w, type, key, ret))
        return true;
    *ret_skip = key[len - 1] == '|';
    return *ret_skip ||
           forge_wrong(w->s, a->line, "%s has no member %s in build %u", type, key, w->s->os.build);
}

bool forge_world_members(struct forge_world *w, const char *type, uint64_t addr,
                         const struct forge_assigns *assigns) {
    for (size_t i = 0; i < assigns->count; i++) {
        const struct forge_assign *a = &assigns->item[i];
        struct forge_place p;
        uint64_t value;
        bool skip;
        if (!find_member(w, type, a, &p, &skip))
            return false;
        if (skip)
            continue;
        if (a->word.quoted) {
            if (!set_text(w, a->line, &p, a->word.key, addr, &a->word))
                return false;
            continue;
        }
        const char *inner;
        uint32_t n;
        if (p.type && ((is_struct(w, &p) && p.size > 8) || forge_type_is_array(p.type, &n, &inner)))
            return forge_wrong(w->s, a->line, "%s is a %s: name a member or an element of it",
                               a->word.key, p.type);
        if (!forge_world_eval(w, a->line, a->word.value, &value, NULL) ||
            !set_number(w, a->line, &p, a->word.key, addr, value))
            return false;
    }
    return true;
}

/* ---- by the forge itself ---- */

bool forge_world_offset(const struct forge_world *w, const char *type, const char *paths,
                        struct forge_place *ret) {
    for (const char *p = paths; *p;) {
        size_t len = strcspn(p, "|");
        const struct forge_type *t = forge_types_find(&w->types, type);
        if (t && forge_types_place(&w->types, t->s.name, forge_pool_text(w->pool, p, len), ret))
            return true;
        p += len + (p[len] == '|');
    }
    return false;
}

void forge_world_set(struct forge_world *w, const char *type, uint64_t addr, const char *paths,
                     uint64_t value) {
    struct forge_place p;
    if (!forge_world_offset(w, type, paths, &p))
        return;
    if (p.bit_count)
        value = with_bits(w, &p, addr, value);
    forge_world_put_uint(w, 0, addr + p.offset, width_of(&p), value);
}

void forge_world_set_text(struct forge_world *w, const char *type, uint64_t addr, const char *paths,
                          const char *text) {
    struct forge_place p;
    if (!forge_world_offset(w, type, paths, &p))
        return;
    size_t size = strlen(text) < p.size ? strlen(text) : p.size;
    forge_world_put(w, 0, addr + p.offset, text, size);
}

uint64_t forge_world_read(const struct forge_world *w, const char *type, uint64_t addr,
                          const char *paths) {
    struct forge_place p;
    if (!forge_world_offset(w, type, paths, &p))
        return 0;
    return number_at(w, addr + p.offset, width_of(&p));
}

uint32_t forge_world_sizeof(const struct forge_world *w, const char *type) {
    const struct forge_type *t = forge_types_find(&w->types, type);
    return t ? t->s.size : 0;
}
