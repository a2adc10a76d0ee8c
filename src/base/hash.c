/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing, at most two thirds full. */
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf.h"

static uint64_t mix(uint64_t x) {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ULL;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ULL;
    return x ^ x >> 32;
}

static uint64_t hash_key(const struct sc_map *map, const char *key, uint64_t number) {
    uint64_t h = (uint64_t)(uintptr_t)map * 0x9e3779b97f4a7c15ULL;
    if (!key)
        return mix(h ^ number);
    for (; *key; key++)
        h = (h ^ (unsigned char)sc_lower(*key)) * 0x100000001b3ULL;
    return mix(h);
}

/* The slot that holds the key, or the empty one where it belongs; the map is never full. */
static struct sc_map_slot *find(const struct sc_map *map, const char *key, uint64_t number) {
    for (size_t i = (size_t)hash_key(map, key, number);; i++) {
        struct sc_map_slot *s = &map->slot[i & (map->room - 1)];
        if (!s->used ||
            (key ? s->key && !sc_strcasecmp(s->key, key) : !s->key && s->number == number))
            return s;
    }
}

static bool grow(struct sc_map *map) {
    if (map->room && map->count < map->room / 3 * 2)
        return true;
    struct sc_map bigger = *map;
    struct sc_map_slot *old = map->slot;
    size_t old_room = map->room;
    bigger.room = old_room ? old_room * 2 : 16;
    bigger.slot = calloc(bigger.room, sizeof *bigger.slot);
    if (!bigger.slot)
        return false;
    *map = bigger;
    for (size_t i = 0; i < old_room; i++)
        if (old[i].used)
            *find(map, old[i].key, old[i].number) = old[i];
    free(old);
    return true;
}

static bool put(struct sc_map *map, const char *key, uint64_t number, uint64_t value) {
    if (!grow(map))
        return false;
    struct sc_map_slot *s = find(map, key, number);
    map->count += !s->used;
    *s = (struct sc_map_slot){.key = key, .number = number, .value = value, .used = true};
    return true;
}

static bool get(const struct sc_map *map, const char *key, uint64_t number, uint64_t *ret) {
    if (!map->count)
        return false;
    const struct sc_map_slot *s = find(map, key, number);
    if (!s->used)
        return false;
    *ret = s->value;
    return true;
}

void sc_map_free(struct sc_map *map) {
    free(map->slot);
    memset(map, 0, sizeof *map);
}

bool sc_map_put(struct sc_map *map, const char *key, uint64_t value) {
    return put(map, key, 0, value);
}
bool sc_map_put_number(struct sc_map *map, uint64_t key, uint64_t value) {
    return put(map, NULL, key, value);
}
bool sc_map_get(const struct sc_map *map, const char *key, uint64_t *ret_value) {
    return get(map, key, 0, ret_value);
}
bool sc_map_get_number(const struct sc_map *map, uint64_t key, uint64_t *ret_value) {
    return get(map, NULL, key, ret_value);
}
