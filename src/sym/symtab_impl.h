/* SPDX-License-Identifier: MIT */
/* The symtab's inside, for the files of this folder. */
#ifndef STOPCODE_SYM_SYMTAB_IMPL_H
#define STOPCODE_SYM_SYMTAB_IMPL_H

#include "base/arena.h"
#include "base/hash.h"
#include "stopcode/pe.h"
#include "stopcode/symtab.h"

/* A part of an image that the loader writes although its section is constant. */
struct sc_written {
    uint32_t rva, size;
};

/* One module's slot; `pub` is what callers see. */
struct sc_modslot {
    struct sc_modsyms pub;
    bool tried;            /* symbols were looked for */
    bool image_tried;      /* the image file was looked for */
    sc_pe *image;          /* the file of the image path; NULL none */
    const char *image_why; /* why there is none; NULL: not looked for */
    struct {               /* of `image`: sorted, disjoint */
        struct sc_written *item;
        size_t count, room;
    } written;
    struct sc_map by_name; /* undecorated name in any case -> address, of all providers */
    bool by_name_made;     /* made when a name is first looked for that no provider has as such */
};

/*
 * Answers of sc_symtab_near(), by address: the same frames are named by one part of an analysis
 * after the other. Emptied when a module's symbols change.
 */
enum { SC_NEARS = 64 };
struct sc_near_answer {
    bool is_set;
    uint64_t addr;
    struct sc_near near;
};

struct sc_symtab {
    sc_target *target;
    sc_store *store;
    const struct sc_modules *modules;
    struct sc_modslot *slot; /* parallel to modules->item */
    sc_arena *arena;         /* names, reasons */
    /*
     * Undecorated names by the address of the decorated one, which is its provider's and stays;
     * emptied by a reload. Not by the text: a string map ignores case, decorations do not.
     */
    struct sc_map names;
    struct sc_near_answer near[SC_NEARS];
    unsigned loading;             /* symbols or images are being looked for: not to be nested */
    bool counted;                 /* among the target's symtabs */
    bool filler;                  /* registered on the target's space */
    bool (*cancelled)(void *ctx); /* the caller's own flag; may be NULL */
    void *cancelled_ctx;
};

/* The slot of a module of this target. */
struct sc_modslot *sc_symtab_slot(sc_symtab *symtab, const struct sc_module *module);

/* A symbol's name as people read it, undecorated; lives until its module is reloaded. */
const char *sc_symtab_display(sc_symtab *symtab, const struct sc_symbol *symbol);

/* Address of a symbol of MODULE; see struct sc_near. */
uint64_t sc_symtab_address(const sc_symtab *symtab, const struct sc_module *module,
                           const struct sc_symbol *symbol);
/* A damaged file is as good as none: its error is logged and dropped. Others come back. */
sc_err *sc_symtab_pass_over(sc_symtab *symtab, sc_err *own_err);
/* What cannot be reported where it happens: out of memory is remembered by the target. */
void sc_symtab_swallow(sc_symtab *symtab, sc_err *own_err);
/* Out of memory and cancelled end a search; other errors mean that one way led nowhere. */
bool sc_symtab_ends_search(const sc_err *err);

/* symload.c: finds and opens what there is for a slot; out of memory and cancelled are errors. */
sc_err *sc_symload(sc_symtab *symtab, struct sc_modslot *slot);
/* The kernel's built-in layouts behind what the slot has; nothing for other modules. */
sc_err *sc_symload_layouts(sc_symtab *symtab, struct sc_modslot *slot);
enum sc_symstate sc_symstate_of(sc_symbols *provider);
/* Takes OWN_PROVIDER as the slot's next best; SC_ERR_LIMIT when there are too many. */
sc_err *sc_slot_add(struct sc_modslot *slot, sc_symbols *own_provider, const char *how, bool first);
void sc_slot_clear(struct sc_modslot *slot);

/* symkernel.c: the kernel's symbols by its fingerprint. *RET_WHY (static): why there are none. */
sc_err *sc_symkernel(sc_symtab *symtab, struct sc_modslot *slot, sc_symbols **ret_symbols,
                     const char **ret_why);

/* symimage.c: the image file of a module through the image path, once; NULL pe when none. */
sc_err *sc_symimage(sc_symtab *symtab, struct sc_modslot *slot, const sc_pe **ret_pe);
/* Fills pages that the dump lacks from image files. */
sc_err *sc_symimage_register(sc_symtab *symtab);
void sc_symimage_unregister(sc_symtab *symtab);

#endif
