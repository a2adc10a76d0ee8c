/* SPDX-License-Identifier: MIT */
/* The symtab's inside, for the files of this folder. */
#ifndef STOPCODE_SYM_SYMTAB_IMPL_H
#define STOPCODE_SYM_SYMTAB_IMPL_H

#include "base/arena.h"
#include "base/hash.h"
#include "stopcode/pe.h"
#include "stopcode/symtab.h"

/* One module's slot; `pub` is what callers see. */
struct sc_modslot {
    struct sc_modsyms pub;
    bool tried;       /* symbols were looked for */
    bool image_tried; /* the image file was looked for */
    sc_pe *image;     /* the file of the image path; NULL none */
    sc_file *image_file;
};

struct sc_symtab {
    sc_target *target;
    sc_store *store;
    const struct sc_modules *modules;
    struct sc_modslot *slot; /* parallel to modules->item */
    sc_arena *arena;         /* names, reasons */
    struct sc_map names;     /* decorated name -> undecorated (pointers into the arena) */
    bool filler;             /* registered on the target's space */
};

/* The slot of a module of this target. */
struct sc_modslot *sc_symtab_slot(sc_symtab *symtab, const struct sc_module *module);

/* A name as people read it, undecorated; lives as long as the symtab. */
const char *sc_symtab_display(sc_symtab *symtab, const char *name);

/* symload.c: finds and opens what there is for a slot; out of memory and cancelled are errors. */
sc_err *sc_symload(sc_symtab *symtab, struct sc_modslot *slot);
/* Takes OWN_PROVIDER as the slot's next best; SC_ERR_LIMIT when there are too many. */
sc_err *sc_slot_add(struct sc_modslot *slot, sc_symbols *own_provider, enum sc_symstate state,
                    const char *how, bool first);
void sc_slot_clear(struct sc_modslot *slot);

/* symimage.c: the image file of a module through the image path, once; NULL pe when none. */
sc_err *sc_symimage(sc_symtab *symtab, struct sc_modslot *slot, const sc_pe **ret_pe);
/* Fills pages that the dump lacks from image files. */
sc_err *sc_symimage_register(sc_symtab *symtab);

#endif
