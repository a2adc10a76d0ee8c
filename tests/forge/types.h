/* SPDX-License-Identifier: MIT */
/*
 * The structures of a scenario's build, by name: those of the built-in layouts, those that the
 * scenario gives itself (a pasted `dt` listing), and the few that are alike in every Windows.
 *
 * A type is a text: "Uint4B", "Ptr64 _KTHREAD" or "*_KTHREAD", "[15]UChar", "_LIST_ENTRY".
 */
#ifndef STOPCODE_TESTS_FORGE_TYPES_H
#define STOPCODE_TESTS_FORGE_TYPES_H

#include "forge/scenario.h"
#include "stopcode/symbols.h"

struct forge_type {
    struct forge_struct s;
    const char *module; /* whose it is, where a `layout` line says so; NULL: the build's */
    bool listed;        /* one listing only says so: kept out of PDBs */
    unsigned line;      /* of the scenario; 0: built in */
};
struct forge_types {
    struct forge_scenario *scenario;
    unsigned ptr_size, build;
    const char *cpu; /* for messages */
    FORGE_LIST(forge_type) list;
};

/* A part of a structure. */
struct forge_place {
    uint32_t offset, size;
    uint8_t bit_first, bit_count; /* bit_count 0: no bit field */
    const char *type;             /* NULL: not known, `size` is the room up to the next member */
};

/*
 * Those of TABLE, or (NULL) the built-in layouts of the scenario's build; and its own. NEEDED: it
 * is an error that there are none for the build.
 */
bool forge_types_load(struct forge_types *types, struct forge_scenario *scenario, sc_symbols *table,
                      bool needed);
/* With and without the leading underscore, and without a module before `!`; NULL: none. */
const struct forge_type *forge_types_find(const struct forge_types *types, const char *name);
/* Bytes of a type; 0 when not known. */
uint32_t forge_types_size(const struct forge_types *types, const char *type);

/* "Tcb.ApcState.Process", "Args[2].x" in TYPE; false when there is no such part. */
bool forge_types_place(const struct forge_types *types, const char *type, const char *path,
                       struct forge_place *ret);
/*
 * The same with a message for LINE when there is no such structure or member: it names structure,
 * member and build, and what is near.
 */
bool forge_types_need(const struct forge_types *types, unsigned line, const char *type,
                      const char *path, struct forge_place *ret);
bool forge_types_need_struct(const struct forge_types *types, unsigned line, const char *name,
                             const struct forge_type **ret);

/* The parts of a type's text: "[15]UChar" is 15 times "UChar"; "*X" points to "X". */
bool forge_type_is_array(const char *type, uint32_t *ret_count, const char **ret_element);
bool forge_type_is_pointer(const char *type, const char **ret_target);

#endif
