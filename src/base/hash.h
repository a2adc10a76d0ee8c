/* SPDX-License-Identifier: MIT */
/*
 * A hash map from a string (any case, ASCII) or a 64-bit number to a 64-bit value. Open
 * addressing; string keys are borrowed and must outlive the map. The seed is per map, taken from
 * its address, so that a hostile file cannot aim at collisions.
 */
#ifndef STOPCODE_BASE_HASH_H
#define STOPCODE_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sc_map {
    struct sc_map_slot {
        const char *key; /* NULL: number key, or empty when !used */
        uint64_t number, value;
        bool used;
    } * slot;
    size_t room, count;
};

void sc_map_free(struct sc_map *map);
/* Puts or replaces; false when memory is short. */
bool sc_map_put(struct sc_map *map, const char *key, uint64_t value);
bool sc_map_put_number(struct sc_map *map, uint64_t key, uint64_t value);
bool sc_map_get(const struct sc_map *map, const char *key, uint64_t *ret_value);
bool sc_map_get_number(const struct sc_map *map, uint64_t key, uint64_t *ret_value);

#endif
