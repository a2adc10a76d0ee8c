/* SPDX-License-Identifier: MIT */
/* Where the structures of forge/types.h come from. */
#ifndef STOPCODE_TESTS_FORGE_TYPES_LOAD_H
#define STOPCODE_TESTS_FORGE_TYPES_LOAD_H

#include "forge/types.h"

bool forge_types_from_listing(struct forge_types *types, const struct forge_scn_layout *layout);
bool forge_types_from_build(struct forge_types *types, bool needed);
bool forge_types_from_table(struct forge_types *types, sc_symbols *table);
/* _LIST_ENTRY and its like, where nothing else has them. */
bool forge_types_add_common(struct forge_types *types);

#endif
