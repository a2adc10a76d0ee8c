/* SPDX-License-Identifier: MIT */
/* Opening containers: probe, then the opener of the format found. */
#ifndef STOPCODE_DUMP_DUMP_H
#define STOPCODE_DUMP_DUMP_H

#include <string.h>

#include "base/arena.h"
#include "base/cursor.h"
#include "base/vec.h"
#include "stopcode/source.h"

/*
 * Takes OWN_FILE (also when it fails) and opens what it holds. SC_ERR_FORMAT: not a dump at all;
 * SC_ERR_UNSUPPORTED: recognised, not read; the text says what it is and what to do.
 */
sc_err *sc_source_open(sc_file *own_file, struct sc_source **ret_source);
/* The same, with what the caller says about unpacking; NULL: nothing. */
struct sc_unpack;
sc_err *sc_source_open_packed(sc_file *own_file, const struct sc_unpack *how,
                              struct sc_source **ret_source);
/* An empty source with file (owned), arena and probe set; for openers and fakes. FILE may be NULL.
 */
sc_err *sc_source_create(sc_file *own_file, struct sc_source **ret_source);
void sc_source_destroy(struct sc_source *source);

/* "a" or "an", before the name of a format. */
static inline const char *sc_article(const char *noun) {
    return *noun && strchr("AEIOaeio", *noun) ? "an" : "a";
}

/* Openers: fill source->ops, impl and machine. On error the caller destroys the source. */
sc_err *sc_kdump_open(struct sc_source *source);  /* kdump.c: DUMP_HEADER32/64 and triage */
sc_err *sc_mdmp_open(struct sc_source *source);   /* mdmp.c: user minidumps */
sc_err *sc_elf_open(struct sc_source *source);    /* elf.c: cores of virtual machines */
sc_err *sc_lime_open(struct sc_source *source);   /* lime.c */
sc_err *sc_vmware_open(struct sc_source *source); /* vmware.c: a state file, or a .vmem */
sc_err *sc_raw_open(struct sc_source *source);    /* raw.c: physical memory, nothing else */
sc_err *sc_hiber_open(struct sc_source *source);  /* hiber.c: hiberfil.sys */
/* A hibernation file whose first page Windows has cleared: nothing that a probe could see. */
bool sc_hiber_is_cleared(const sc_file *file);
/* Is it named as VMware names memory (.vmem)? It has no mark. */
bool sc_vmware_is_memory(const struct sc_source *source);

/* Reads an EXCEPTION_RECORD32/64 (0x50 / 0x98 bytes) that the cursor stands on. */
void sc_read_exception(struct sc_cur *cur, bool is64, struct sc_exception *ret);
/* MachineImageType (IMAGE_FILE_MACHINE_*) to CPU. */
enum sc_cpu sc_cpu_from_machine(uint16_t machine);
/*
 * The debugger's name of an image ("amdppm" of "\SystemRoot\System32\drivers\amdppm.sys"): base
 * name without its last extension, blanks and hyphens made "_". The kernel becomes "nt".
 * *RET_IMAGE is the base name. Both in the arena; NULL when memory is short.
 */
bool sc_module_names(sc_arena *arena, const char *path, const char **ret_name,
                     const char **ret_image);

#endif
