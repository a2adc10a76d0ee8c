/* SPDX-License-Identifier: MIT */
/*
 * Ready-made user minidumps with every stream that is read: what the hostile, fault and fuzz tests
 * start from. All contents are made up.
 */
#ifndef STOPCODE_TESTS_FORGE_MDMP_SCENE_H
#define STOPCODE_TESTS_FORGE_MDMP_SCENE_H

#include "forge/section.h"

enum forge_mdmp_scene_kind {
    FORGE_MDMP_X64,
    FORGE_MDMP_X86,
    FORGE_MDMP_FULL, /* ARM64, with full memory, and Crashpad's and Breakpad's streams */
    FORGE_MDMP_SCENES,
};

bool forge_mdmp_scene_build(enum forge_mdmp_scene_kind kind, struct forge_bytes *ret_file);
/* "mdmp-x64", …: for messages. */
const char *forge_mdmp_scene_name(enum forge_mdmp_scene_kind kind);

#endif
