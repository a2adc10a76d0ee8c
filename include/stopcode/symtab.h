/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The symbols of a target: for each module the providers that answer for it, found through the
 * symbol path when first needed, with the reason when there are none.
 *
 * Names are written as WinDbg's users write them: `nt!KeBugCheckEx`, `amdppm!*Addr*`, or without a
 * module. Addresses are the target's; providers' RVAs are added to the module's base here.
 *
 * A module's key comes from, in this order: the CodeView record of the dump; the image's headers
 * in the target's memory; the image file in the image path (by time stamp and size), whose record
 * then counts; a PDB in a local store whose signature is the image's time stamp (so it is for
 * Microsoft's reproducible builds); for the kernel, its fingerprint (see kernel_index.h). How a
 * file was found is said, and one that does not match is not used.
 *
 * What is handed out (modsyms, providers, names, type references) lives until the module it belongs
 * to is reloaded or the symtab ends. While the symtab lives, constant bytes of image files stand in
 * for pages that the dump lacks (see sc_space_add_filler()); it must end before its target does.
 *
 * Threads: a symtab belongs to its target's thread. Providers are shared.
 */
#ifndef STOPCODE_SYMTAB_H
#define STOPCODE_SYMTAB_H

#include "pe.h"
#include "store.h"
#include "symbols.h"
#include "target.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sc_symtab sc_symtab;

/** What `lm` shows in its last column. */
enum sc_symstate {
    SC_SYMSTATE_DEFERRED, /**< not looked for yet: "(deferred)" */
    SC_SYMSTATE_PDB,      /**< "(pdb symbols)" */
    SC_SYMSTATE_PRIVATE,  /**< "(private pdb symbols)" */
    SC_SYMSTATE_ISF,      /**< "(isf symbols)" */
    SC_SYMSTATE_SYM,      /**< "(breakpad symbols)" */
    SC_SYMSTATE_EXPORT,   /**< "(export symbols)" */
    SC_SYMSTATE_NONE,     /**< "(no symbols)" */
};
/** The text above, without the parentheses. */
SC_API const char *sc_symstate_text(enum sc_symstate state);

enum { SC_PROVIDERS_MAX = 6 };

/** A module's symbols. Owned by the symtab; valid until it is reloaded. */
struct sc_modsyms {
    const struct sc_module *module;
    enum sc_symstate state;
    sc_symbols *provider[SC_PROVIDERS_MAX]; /**< best first; borrowed */
    size_t nproviders;
    const char *path; /**< file of the best provider, NULL none */
    const char *how;  /**< how it was recognised: "GUID and age", "fingerprint", …; or NULL */
    const char *why;  /**< why not better: one line; NULL when there is nothing to say */
    const char *image_path;      /**< image file used for this module, NULL none */
    struct sc_codeview codeview; /**< the key that was looked for; kind SC_CV_NONE: none known */
};

/** STORE_OPTS as for sc_store_create() or NULL; the target's cancel flag is polled besides. */
SC_API sc_err *sc_symtab_create(sc_target *target, const struct sc_store_opts *store_opts,
                                sc_symtab **ret_symtab);
SC_API void sc_symtab_destroy(sc_symtab *symtab);
/** Its paths and cache. Changing a path does not reload: see sc_symtab_reload(). */
SC_API sc_store *sc_symtab_store(sc_symtab *symtab);

/**
 * Are symbols being loaded right now? For who is asked for the target's memory: then a question to
 * this symtab is one out of its own middle.
 */
SC_API bool sc_symtab_is_loading(const sc_symtab *symtab);

/** What is known of a module's symbols now; loads nothing. Never NULL. MODULE is the target's. */
SC_API const struct sc_modsyms *sc_symtab_peek(sc_symtab *symtab, const struct sc_module *module);
/** The image file of `image_path`, open, until the module is reloaded; NULL none. Loads nothing. */
SC_API sc_pe *sc_symtab_image(sc_symtab *symtab, const struct sc_module *module);
/** Finds and opens the module's symbols if that was not tried yet. */
SC_API sc_err *sc_symtab_load(sc_symtab *symtab, const struct sc_module *module,
                              const struct sc_modsyms **ret_modsyms);
/**
 * Forgets what was loaded, attached or not found, of MODULE or (NULL) of all; then all are
 * deferred. Providers, names and types handed out for them before are dead.
 */
SC_API void sc_symtab_reload(sc_symtab *symtab, const struct sc_module *module);
/**
 * sc_target_add_module() for a target whose only symtab this is: the new module is deferred, what
 * was loaded of the others stays, but pointers to modules and modsyms handed out before are dead.
 */
SC_API sc_err *sc_symtab_add_module(sc_symtab *symtab, const struct sc_module *module);
/**
 * sc_target_set_user_modules() for a target whose only symtab this is. What was loaded of modules
 * that stay (of the kernel, and those that both processes have at one address) stays. Pointers to
 * modules and modsyms handed out before are dead.
 */
SC_API sc_err *sc_symtab_set_user_modules(sc_symtab *symtab, const struct sc_module *modules,
                                          size_t count, size_t *ret_left_out);
/**
 * Uses PROVIDER (a reference is taken) for MODULE before any other, as `.reload /i` or a test does.
 * A module that was deferred is not searched for then: it has this provider and, if it is the
 * kernel, its built-in layouts. HOW is copied and may be NULL.
 */
SC_API sc_err *sc_symtab_attach(sc_symtab *symtab, const struct sc_module *module,
                                sc_symbols *provider, const char *how);

/** A name near an address. */
struct sc_near {
    const struct sc_module *module;
    const struct sc_modsyms *modsyms;
    sc_symbols *provider;
    struct sc_symbol symbol;
    const char *name;      /**< undecorated, name only; owned by the symtab */
    uint64_t address;      /**< of the symbol; of a constant its value, of a thread-local the
                                offset in the TLS block */
    uint64_t displacement; /**< of the address asked for behind it. A block that OMAP moved: of 64
                                bits, what lies between them now, which wraps when the symbol lies
                                above it (0xffffffff`fffe3ae9); of 32 bits, what lay between them
                                when it was linked. That is what WinDbg shows */
};
/**
 * The symbol at or before ADDR in its module; *RET_FOUND false when the address lies in no module
 * or the module has no symbol there (ret_near->module is then still set if there is one).
 */
SC_API sc_err *sc_symtab_near(sc_symtab *symtab, uint64_t addr, struct sc_near *ret_near,
                              bool *ret_found);
/**
 * The first symbol behind ADDR in the same module: the right half of what `ln` shows. Its
 * displacement is that of ADDR, so it wraps.
 */
SC_API sc_err *sc_symtab_next(sc_symtab *symtab, uint64_t addr, struct sc_near *ret_near,
                              bool *ret_found);
/**
 * "module!name+0x12", "module!name", "module+0x1234" without a symbol, NULL outside modules.
 * In BUF (size bytes, at least 64); a name that is too long ends in "...", before the displacement.
 */
SC_API const char *sc_symtab_text(sc_symtab *symtab, uint64_t addr, char *buf, size_t size);

/**
 * Address (of a constant: the value) of `module!name`, `module` (its base), or `name` in any
 * module: the kernel (or the executable) first, then those whose symbols are loaded. A name as it
 * is stored wins; else undecorated names count, in any case, as WinDbg does it. Thread-locals have
 * no address and are not found.
 */
SC_API sc_err *sc_symtab_lookup(sc_symtab *symtab, const char *name, uint64_t *ret_addr,
                                bool *ret_found);
/**
 * The same for a variable or function of C whose name the caller knows exactly, `module!name`: one
 * that is not there costs no walk over all names.
 */
SC_API sc_err *sc_symtab_lookup_exact(sc_symtab *symtab, const char *name, uint64_t *ret_addr,
                                      bool *ret_found);

/** Called for each hit; returns false to stop. */
typedef bool (*sc_near_fn)(void *ctx, const struct sc_near *hit);
/** `module!pattern`, wildcards in both halves; modules that match are loaded. KINDS of symbols. */
SC_API sc_err *sc_symtab_each(sc_symtab *symtab, const char *pattern, unsigned kinds, sc_near_fn fn,
                              void *ctx);

/**
 * The type `nt!_EPROCESS` or `_EPROCESS`: its provider and id. Kernel types fall back to the
 * built-in layout of exactly this build. `assumed`: such a layout, of a structure that updates of
 * the build have changed or that a single listing gives (see sc_layouts_trust()): whoever shows it
 * must say so.
 */
struct sc_typeref {
    const struct sc_module *module;
    sc_symbols *provider;
    uint32_t id;
    bool assumed;
};
SC_API sc_err *sc_symtab_type(sc_symtab *symtab, const char *name, struct sc_typeref *ret_type,
                              bool *ret_found);
/** Types by pattern: `dt nt!_LIST*`. */
typedef bool (*sc_typeref_fn)(void *ctx, const struct sc_typeref *ref, const struct sc_type *type);
SC_API sc_err *sc_symtab_types(sc_symtab *symtab, const char *pattern, sc_typeref_fn fn, void *ctx);

/** Source line of an address; *RET_FOUND false if unknown. */
SC_API sc_err *sc_symtab_line(sc_symtab *symtab, uint64_t addr, struct sc_line *ret_line,
                              bool *ret_found);

#ifdef __cplusplus
}
#endif
#endif
