/* SPDX-License-Identifier: MIT */
/* Things by address: a map to blocks of one arena. */
#include "unwind/kept.h"

enum { KEPT_MAX = 1 << 20 /* bytes */ };

void sc_kept_deinit(struct sc_kept *kept) {
    sc_map_free(&kept->by_address);
    sc_arena_destroy(kept->arena);
    kept->arena = NULL;
}

const void *sc_kept_get(struct sc_kept *kept, uint64_t generation, uint64_t addr) {
    uint64_t value;
    if (kept->generation != generation)
        sc_kept_deinit(kept);
    kept->generation = generation;
    bool found = sc_map_get_number(&kept->by_address, addr, &value);
    return found ? (const void *)(uintptr_t)value : NULL;
}

void *sc_kept_put(struct sc_kept *kept, uint64_t addr, size_t size) {
    if (kept->arena && sc_arena_size(kept->arena) > KEPT_MAX)
        sc_kept_deinit(kept);
    if (!kept->arena && !(kept->arena = sc_arena_create()))
        return NULL;
    void *block = sc_arena_alloc(kept->arena, size);
    bool ok = block && sc_map_put_number(&kept->by_address, addr, (uintptr_t)block);
    return ok ? block : NULL;
}
