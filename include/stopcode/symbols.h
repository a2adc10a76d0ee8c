/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Symbol providers: one vtable over PDB, ISF, Breakpad .sym, exports and built-in layouts.
 *
 * A provider belongs to one image and speaks RVAs (offsets from the image's base); it knows no
 * target. It answers from the file's own tables, searched in place: opening one parses nothing
 * but headers. It is immutable once open and may be shared between threads that each hold their
 * own reference, except for its cache of pages, which it guards itself.
 *
 * Strings and records it hands out live until the provider is closed. Names are UTF-8 as stored:
 * decorated names are not undecorated here (see undecorate.h).
 *
 * "Not found" is not an error: functions that look something up have a `bool *ret_found`.
 * A damaged file is SC_ERR_FORMAT with file, stream and offset.
 */
#ifndef STOPCODE_SYMBOLS_H
#define STOPCODE_SYMBOLS_H

#include "module.h"
#include "regs.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sc_symbols sc_symbols;

enum sc_symbol_kind {
    SC_SYM_PUBLIC = 1,   /**< S_PUB32, .sym PUBLIC: no size, no type */
    SC_SYM_FUNCTION = 2, /**< has a size; may have a type */
    SC_SYM_DATA = 4,
    SC_SYM_THREAD = 8,    /**< thread-local: `rva` is the offset in the TLS block */
    SC_SYM_CONSTANT = 16, /**< `value`, no address */
    SC_SYM_LABEL = 32,
    SC_SYM_THUNK = 64,
    SC_SYM_EXPORT = 128,
    SC_SYM_ANY = 255,
};

struct sc_symbol {
    const char *name;
    enum sc_symbol_kind kind;
    uint32_t rva;
    uint32_t size;      /**< bytes; 0 = not known (publics, exports) */
    uint32_t type;      /**< type id in this provider; 0 = none */
    uint64_t value;     /**< SC_SYM_CONSTANT */
    bool code;          /**< known to be code */
    bool local;         /**< static in its compiland */
    uint32_t compiland; /**< 1-based index of the compiland, 0 unknown */
    /** Of sc_symbols_nearest(), when blocks of the image were moved after linking (OMAP): how far
     * the address asked for lay behind the start when it was linked. */
    bool reordered;
    uint32_t behind;
    /** The image has no place for it: `rva` is `behind` bytes before the address asked for, and
     * `home` is where the linker had it. */
    bool unplaced;
    uint32_t home;
};

/** Called for each hit; returns false to stop. */
typedef bool (*sc_symbol_fn)(void *ctx, const struct sc_symbol *symbol);

struct sc_line {
    const char *file;
    uint32_t line, end_line; /**< end_line 0 = as line */
    uint32_t column;         /**< 0 = unknown */
    uint32_t rva, size;      /**< the bytes this line covers */
};
typedef bool (*sc_line_fn)(void *ctx, const struct sc_line *line);

/** An inlined call that covers an address. */
struct sc_inline {
    const char *name; /**< the function inlined, qualified if the file says so */
    const char *file; /**< of the code at the address, inside the inlined function */
    uint32_t line;
    uint32_t rva;   /**< first byte of the inlined code */
    uint32_t depth; /**< 0 = directly in the function */
};
typedef bool (*sc_inline_fn)(void *ctx, const struct sc_inline *frame);

enum sc_local_where {
    SC_LOCAL_REGISTER,  /**< whole value in `reg` */
    SC_LOCAL_REG_REL,   /**< at reg + offset */
    SC_LOCAL_FRAME_REL, /**< at the frame base + offset (see S_FRAMEPROC / VFRAME) */
    SC_LOCAL_PIECES,    /**< part: `offset_in_parent` of it in `reg` */
    SC_LOCAL_STATIC,    /**< at `rva` */
    SC_LOCAL_CONSTANT,  /**< `offset` is the value */
    SC_LOCAL_OPTIMIZED, /**< not available here */
};

/** A local variable or parameter of the function that covers an address. */
struct sc_local {
    const char *name;
    uint32_t type;
    bool parameter;
    enum sc_local_where where;
    const char *reg; /**< register name as in the CPU's table, or "vframe"; NULL none */
    int64_t offset;
    uint32_t offset_in_parent;
    uint32_t rva;
    uint32_t scope_rva, scope_size; /**< the block it belongs to */
    /** 0: of the function itself; else of the inlined call with depth `inline_depth - 1`. */
    uint32_t inline_depth;
};
typedef bool (*sc_local_fn)(void *ctx, const struct sc_local *local);

/** sc_frame_rule.fpo_kind: x64, S_FRAMEPROC: how large the frame is between `prolog` and `epilog`.
 */
#define SC_FRAME_SIZED 0xfe

/**
 * x86 frame data: FPO_DATA, FRAMEDATA, or Breakpad's STACK WIN; x64: S_FRAMEPROC; for others STACK
 * CFI.
 */
struct sc_frame_rule {
    uint32_t rva, size;
    uint32_t locals, params, saved_regs, prolog, max_stack; /**< bytes */
    uint32_t epilog; /**< SC_FRAME_SIZED: bytes from the start to the epilog; else 0 */
    bool uses_ebp, has_seh, function_start;
    uint8_t fpo_kind;    /**< 0 FPO, 1 TRAP, 2 TSS, 3 NONFPO, 0xff: `program` decides;
                              SC_FRAME_SIZED: `locals`, and `saved_regs` where not 0 */
    const char *program; /**< postfix program or CFI rules; NULL none */
};

enum sc_type_kind {
    SC_TYPE_VOID,
    SC_TYPE_INT, /**< signed or not, by `is_signed` */
    SC_TYPE_BOOL,
    SC_TYPE_CHAR, /**< shown as a character: char, wchar_t, char8/16/32 */
    SC_TYPE_FLOAT,
    SC_TYPE_POINTER, /**< to `target` */
    SC_TYPE_ARRAY,   /**< `count` elements of `target` */
    SC_TYPE_STRUCT,
    SC_TYPE_CLASS,
    SC_TYPE_UNION,
    SC_TYPE_ENUM,     /**< underlying type `target` */
    SC_TYPE_FUNCTION, /**< returns `target` */
    SC_TYPE_BITFIELD, /**< of `target`: bit_pos, bit_len */
    SC_TYPE_UNKNOWN,
};

struct sc_type {
    enum sc_type_kind kind;
    const char *name; /**< as WinDbg prints it: "Uint4B", "_EPROCESS"; "" for unnamed */
    uint64_t size;    /**< bytes; 0 for void, functions and forward references */
    uint32_t id;      /**< its own id */
    uint32_t target;  /**< element, pointee, underlying or return type; 0 none */
    uint64_t count;   /**< arrays: elements; functions: parameters; aggregates: members */
    uint8_t bit_pos, bit_len;
    bool is_signed, is_const, is_volatile, is_reference;
    bool forward; /**< declared, not defined in this file */
    bool is_int;  /**< a SC_TYPE_INT of 4 bytes that is `int`, not `long`: where the file tells */
};

enum sc_member_kind {
    SC_MEMBER_FIELD,
    SC_MEMBER_BASE,
    SC_MEMBER_STATIC,
    SC_MEMBER_ENUMERATOR, /**< `value` */
    SC_MEMBER_METHOD,
    SC_MEMBER_NESTED, /**< a type name */
    SC_MEMBER_VFPTR,
};

struct sc_member {
    const char *name;
    enum sc_member_kind kind;
    uint64_t offset; /**< bytes */
    uint32_t type;
    uint8_t bit_pos, bit_len; /**< bit_len 0 = not a bit field */
    int64_t value;
};
typedef bool (*sc_member_fn)(void *ctx, const struct sc_member *member);
typedef bool (*sc_type_fn)(void *ctx, const struct sc_type *type);

/** What a provider is. */
struct sc_symbols_info {
    const char *provider; /**< "pdb", "isf", "sym", "export", "layout" */
    const char *path;     /**< file it was read from; NULL built in */
    struct sc_guid guid;  /**< all zero when it has none */
    uint32_t age, signature;
    enum sc_cpu cpu;  /**< SC_CPU_UNKNOWN when the file does not say */
    bool has_private; /**< procedures with sizes, locals */
    bool has_types, has_lines;
    uint64_t pages_read; /**< distinct pages of the file touched so far */
    uint64_t file_size;
};

/** A provider's functions; NULL members: "this provider has none of that". */
struct sc_symbols_ops {
    const char *name;
    void (*destroy)(void *impl);
    void (*info)(void *impl, struct sc_symbols_info *ret_info);
    sc_err *(*nearest)(void *impl, uint32_t rva, unsigned kinds, struct sc_symbol *ret_symbol,
                       bool *ret_found);
    sc_err *(*find)(void *impl, const char *name, struct sc_symbol *ret_symbol, bool *ret_found);
    sc_err *(*each)(void *impl, const char *pattern, unsigned kinds, sc_symbol_fn fn, void *ctx);
    sc_err *(*line)(void *impl, uint32_t rva, struct sc_line *ret_line, bool *ret_found);
    sc_err *(*lines)(void *impl, const char *file, uint32_t line, sc_line_fn fn, void *ctx);
    sc_err *(*inlines)(void *impl, uint32_t rva, sc_inline_fn fn, void *ctx);
    sc_err *(*locals)(void *impl, uint32_t rva, sc_local_fn fn, void *ctx);
    sc_err *(*frame_rule)(void *impl, uint32_t rva, struct sc_frame_rule *ret, bool *ret_found);
    sc_err *(*type_named)(void *impl, const char *name, uint32_t *ret_id, bool *ret_found);
    sc_err *(*type)(void *impl, uint32_t id, struct sc_type *ret_type);
    sc_err *(*members)(void *impl, uint32_t id, sc_member_fn fn, void *ctx);
    sc_err *(*member)(void *impl, uint32_t id, const char *name, struct sc_member *ret,
                      bool *ret_found);
    sc_err *(*types)(void *impl, const char *pattern, sc_type_fn fn, void *ctx);
};

/** Wraps IMPL, which is taken over (also on failure). Starts with one reference. */
SC_API sc_err *sc_symbols_create(const struct sc_symbols_ops *ops, void *own_impl,
                                 sc_symbols **ret_symbols);
/** The IMPL of a provider made with OPS; NULL when SYMBOLS is another kind of provider. */
SC_API void *sc_symbols_impl(sc_symbols *symbols, const struct sc_symbols_ops *ops);
SC_API sc_symbols *sc_symbols_ref(sc_symbols *symbols);
/** Drops a reference; the last one closes. NULL is fine. */
SC_API void sc_symbols_unref(sc_symbols *symbols);
SC_API void sc_symbols_info(sc_symbols *symbols, struct sc_symbols_info *ret_info);

/**
 * The symbol with the greatest start not above RVA among KINDS; a function that covers RVA wins
 * over a public at the same start, and a covering function over a nearer label.
 */
SC_API sc_err *sc_symbols_nearest(sc_symbols *symbols, uint32_t rva, unsigned kinds,
                                  struct sc_symbol *ret_symbol, bool *ret_found);
/** By exact name as stored. */
SC_API sc_err *sc_symbols_find(sc_symbols *symbols, const char *name, struct sc_symbol *ret_symbol,
                               bool *ret_found);
/** Every symbol whose name matches the wildcard PATTERN (see x); NULL or "*" = all. */
SC_API sc_err *sc_symbols_each(sc_symbols *symbols, const char *pattern, unsigned kinds,
                               sc_symbol_fn fn, void *ctx);
/** Source line of an address; and addresses of a line (FILE: base name or path's tail). */
SC_API sc_err *sc_symbols_line(sc_symbols *symbols, uint32_t rva, struct sc_line *ret_line,
                               bool *ret_found);
SC_API sc_err *sc_symbols_lines(sc_symbols *symbols, const char *file, uint32_t line, sc_line_fn fn,
                                void *ctx);
/** Inlined calls that cover RVA, innermost first. */
SC_API sc_err *sc_symbols_inlines(sc_symbols *symbols, uint32_t rva, sc_inline_fn fn, void *ctx);
/**
 * Locals and parameters visible at RVA: those of the function itself, then those of each inlined
 * call around RVA, the outermost call first; in each, parameters first, inner scopes before outer
 * ones. A variable in several pieces is several calls with the same name.
 */
SC_API sc_err *sc_symbols_locals(sc_symbols *symbols, uint32_t rva, sc_local_fn fn, void *ctx);
SC_API sc_err *sc_symbols_frame_rule(sc_symbols *symbols, uint32_t rva, struct sc_frame_rule *ret,
                                     bool *ret_found);
/** A type by name ("_EPROCESS"): its definition, not a forward reference, where there is one. */
SC_API sc_err *sc_symbols_type_named(sc_symbols *symbols, const char *name, uint32_t *ret_id,
                                     bool *ret_found);
/** Forward references are resolved to their definitions where the file has them. */
SC_API sc_err *sc_symbols_type(sc_symbols *symbols, uint32_t id, struct sc_type *ret_type);
/** Members in the file's order; base classes first. */
SC_API sc_err *sc_symbols_members(sc_symbols *symbols, uint32_t id, sc_member_fn fn, void *ctx);
/**
 * The first of them that is called exactly NAME, from providers that find one faster than by going
 * through all; of others, *RET_FOUND is false.
 */
SC_API sc_err *sc_symbols_member(sc_symbols *symbols, uint32_t id, const char *name,
                                 struct sc_member *ret_member, bool *ret_found);
/** Named types (struct, class, union, enum) that match PATTERN; definitions only. */
SC_API sc_err *sc_symbols_types(sc_symbols *symbols, const char *pattern, sc_type_fn fn, void *ctx);

/** Opens by content: MSF or MSFZ PDB, ISF (.json, .json.xz), Breakpad .sym. */
SC_API sc_err *sc_symbols_open(const char *path, sc_symbols **ret_symbols);

#ifdef __cplusplus
}
#endif
#endif
