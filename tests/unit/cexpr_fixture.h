/* SPDX-License-Identifier: MIT */
/*
 * C++ expressions on a fake kernel (symbol_session.h), with local variables, registers, MASM that
 * reads one hexadecimal number, and a second module of odd types: drv.
 *
 *     locals   i = Count of the thing at SYM_AT (-5), what -> its text, reg = 0x1234 in a register,
 *              gone: no value
 *     @rax = 0x1122334455667788, @eax, @al, @$thread -> SYM_AT, @$t0 … $t3
 */
#ifndef STOPCODE_UNIT_CEXPR_FIXTURE_H
#define STOPCODE_UNIT_CEXPR_FIXTURE_H

#include <stdio.h>

#include "cexpr/cexpr.h"
#include "mem/space_impl.h"
#include "symbol_session.h"

enum {
    X_FLOAT = 1,
    X_DOUBLE,
    X_INT,
    X_WIDE,  /* an integer of 16 bytes */
    X_REALS, /* struct _REALS */
    X_BITS,  /* struct _BITS */
    X_ULONG64,
    X_UINT,
    X_BASE,   /* struct _BASE */
    X_SECOND, /* struct _SECOND */
    X_CHILD,  /* struct _CHILD : _BASE, _SECOND */
    X_CIRCLE, /* struct _CIRCLE : _CIRCLE */
    X_EMPTY,  /* struct _EMPTY of no bytes */
    X_R_BASE, /* _BASE & */
    X_LOOP,   /* a reference to itself */
    X_PAIR,   /* struct _Pair<int,_Alloc<int> > */
    X_AHEAD,  /* a forward reference */
    X_HUGE,   /* an array of 2^60 ints */
    X_P_BITS, /* a pointer to a bit field: what no C has */
    X_BIT,
    X_MODE, /* enum _MODE, 8 bytes */
    X_TINY, /* enum _TINY, 1 byte */
    X_P_EMPTY,
    X_ROWS, /* int [2][3] */
    X_ROW,
    X_P_CHILD,
    X_INNER, /* enum _CHILD::Inner */
};

#define X_STRUCT(tid, tname, tsize)                                                                \
    { .id = tid, .kind = SC_TYPE_STRUCT, .name = tname, .size = tsize }

static const struct sc_type x_types[] = {
    {.id = X_FLOAT, .kind = SC_TYPE_FLOAT, .name = "Float", .size = 4, .is_signed = true},
    {.id = X_DOUBLE, .kind = SC_TYPE_FLOAT, .name = "Double", .size = 8, .is_signed = true},
    {.id = X_INT,
     .kind = SC_TYPE_INT,
     .name = "Int4B",
     .size = 4,
     .is_signed = true,
     .is_int = true},
    {.id = X_WIDE, .kind = SC_TYPE_INT, .name = "Int16B", .size = 16, .is_signed = true},
    X_STRUCT(X_REALS, "_REALS", 32),
    X_STRUCT(X_BITS, "_BITS", 16),
    {.id = X_ULONG64, .kind = SC_TYPE_INT, .name = "Uint8B", .size = 8},
    {.id = X_UINT, .kind = SC_TYPE_INT, .name = "Uint4B", .size = 4},
    X_STRUCT(X_BASE, "_BASE", 8),
    X_STRUCT(X_SECOND, "_SECOND", 8),
    X_STRUCT(X_CHILD, "_CHILD", 24),
    X_STRUCT(X_CIRCLE, "_CIRCLE", 8),
    X_STRUCT(X_EMPTY, "_EMPTY", 0),
    {.id = X_R_BASE,
     .kind = SC_TYPE_POINTER,
     .name = "",
     .size = 8,
     .target = X_BASE,
     .is_reference = true},
    {.id = X_LOOP,
     .kind = SC_TYPE_POINTER,
     .name = "",
     .size = 8,
     .target = X_LOOP,
     .is_reference = true},
    X_STRUCT(X_PAIR, "_Pair<int,_Alloc<int> >", 8),
    {.id = X_AHEAD, .kind = SC_TYPE_STRUCT, .name = "_AHEAD", .forward = true},
    {.id = X_HUGE,
     .kind = SC_TYPE_ARRAY,
     .name = "",
     .size = UINT64_C(1) << 62,
     .target = X_INT,
     .count = UINT64_C(1) << 60},
    {.id = X_P_BITS, .kind = SC_TYPE_POINTER, .name = "", .size = 8, .target = X_BIT},
    {.id = X_BIT,
     .kind = SC_TYPE_BITFIELD,
     .name = "",
     .size = 4,
     .target = X_BIT,
     .bit_pos = 3,
     .bit_len = 2},
    {.id = X_MODE, .kind = SC_TYPE_ENUM, .name = "_MODE", .size = 8, .target = X_ULONG64},
    {.id = X_TINY, .kind = SC_TYPE_ENUM, .name = "_TINY", .size = 1},
    {.id = X_INNER, .kind = SC_TYPE_ENUM, .name = "_CHILD::Inner", .size = 4, .is_signed = true},
    {.id = X_P_EMPTY, .kind = SC_TYPE_POINTER, .name = "", .size = 8, .target = X_EMPTY},
    {.id = X_ROWS, .kind = SC_TYPE_ARRAY, .name = "", .size = 24, .target = X_ROW, .count = 2},
    {.id = X_ROW, .kind = SC_TYPE_ARRAY, .name = "", .size = 12, .target = X_INT, .count = 3},
    {.id = X_P_CHILD, .kind = SC_TYPE_POINTER, .name = "", .size = 8, .target = X_CHILD},
};

#define X_BASE_OF(owner, boffset, btype)                                                           \
    {                                                                                              \
        owner, { .name = "", .kind = SC_MEMBER_BASE, .offset = boffset, .type = btype }            \
    }
#define X_BITS_OF(bname, boffset, btype, pos, len)                                                 \
    {                                                                                              \
        X_BITS, {                                                                                  \
            .name = bname, .kind = SC_MEMBER_FIELD, .offset = boffset, .type = btype,              \
            .bit_pos = pos, .bit_len = len                                                         \
        }                                                                                          \
    }

static const struct fake_member x_members[] = {
    FAKE_FIELD(X_REALS, "F", 0, X_FLOAT),
    FAKE_FIELD(X_REALS, "D", 8, X_DOUBLE),
    FAKE_FIELD(X_REALS, "Wide", 16, X_WIDE),
    X_BITS_OF("Low", 0, X_UINT, 0, 3),
    X_BITS_OF("All", 0, X_UINT, 0, 32),
    X_BITS_OF("Sign", 0, X_INT, 0, 3),
    X_BITS_OF("Long", 8, X_ULONG64, 4, 40),
    FAKE_FIELD(X_BASE, "A", 0, X_INT),
    FAKE_FIELD(X_SECOND, "B", 0, X_INT),
    FAKE_FIELD(X_SECOND, "A", 4, X_INT),
    X_BASE_OF(X_CHILD, 0, X_BASE),
    X_BASE_OF(X_CHILD, 8, X_SECOND),
    FAKE_FIELD(X_CHILD, "Own", 16, X_INT),
    {X_CHILD, {.name = "s_count", .kind = SC_MEMBER_STATIC, .type = X_INT}},
    {X_CHILD, {.name = "s_lost", .kind = SC_MEMBER_STATIC, .type = X_INT}},
    X_BASE_OF(X_CIRCLE, 0, X_CIRCLE),
    FAKE_FIELD(X_PAIR, "First", 0, X_INT),
    FAKE_FIELD(X_PAIR, "Second", 4, X_INT),
    FAKE_ENUM(X_MODE, "ModeBig", 0x100000000),
    FAKE_ENUM(X_MODE, "ModeNone", 0),
    FAKE_ENUM(X_TINY, "TinyOne", 1),
    FAKE_ENUM(X_INNER, "InnerTwo", 2),
};

static const struct sc_symbol x_symbols[] = {
    {.name = "g_ref", .kind = SC_SYM_DATA, .rva = 0x100, .type = X_R_BASE},
    {.name = "g_loop", .kind = SC_SYM_DATA, .rva = 0x108, .type = X_LOOP},
    {.name = "_CHILD::s_count", .kind = SC_SYM_DATA, .rva = 0x110, .type = X_INT},
    {.name = "ns::g_value", .kind = SC_SYM_DATA, .rva = 0x114, .type = X_INT},
    {.name = "g_child", .kind = SC_SYM_DATA, .rva = 0x118, .type = X_CHILD},
    {.name = "g_reals", .kind = SC_SYM_DATA, .rva = 0x130, .type = X_REALS},
    {.name = "g_bits", .kind = SC_SYM_DATA, .rva = 0x150, .type = X_BITS},
    {.name = "g_huge", .kind = SC_SYM_DATA, .rva = 0x160, .type = X_HUGE},
    {.name = "g_strange", .kind = SC_SYM_DATA, .rva = 0x168, .type = X_P_BITS},
    {.name = "g_empty", .kind = SC_SYM_DATA, .rva = 0x170, .type = X_P_EMPTY},
    {.name = "g_rows", .kind = SC_SYM_DATA, .rva = 0x178, .type = X_ROWS},
    {.name = "g_far", .kind = SC_SYM_DATA, .rva = 0x8000, .type = X_INT},
    {.name = "g_thread", .kind = SC_SYM_THREAD, .rva = 8, .type = X_INT},
    {.name = "c_mode", .kind = SC_SYM_CONSTANT, .value = 0x100000000, .type = X_MODE},
};

static const struct fake_symbols x_provider = {
    .provider = "pdb",
    .has_private = true,
    .symbol = x_symbols,
    .nsymbols = sizeof x_symbols / sizeof *x_symbols,
    .type = x_types,
    .ntypes = sizeof x_types / sizeof *x_types,
    .member = x_members,
    .nmembers = sizeof x_members / sizeof *x_members,
};

struct cx {
    struct fix f;
    sc_arena *arena;
    struct sc_cexpr_env env;
    uint64_t var[4];
    bool assumed;
    sc_symbols *kernel; /* types of the locals */
    uint8_t local[8];
    sc_space *registers;
};

static inline enum sc_read cx_fill(void *ctx, uint64_t addr, void *buf, size_t len, size_t *got) {
    struct cx *x = ctx;
    if (addr >= sizeof x->local)
        return SC_READ_INVALID;
    *got = len < sizeof x->local - addr ? len : sizeof x->local - (size_t)addr;
    memcpy(buf, x->local + addr, *got);
    return SC_READ_OK;
}

static inline sc_err *cx_local(void *ctx, const char *name, struct sc_value *ret, bool *found) {
    struct cx *x = ctx;
    sc_space *space = sc_target_space(x->f.target);
    *found = true;
    if (!strcmp(name, "i"))
        *ret = sc_value_at(space, x->kernel, T_INTEGER, SYM_AT + 4);
    else if (!strcmp(name, "what"))
        *ret = sc_value_at(space, x->kernel, T_P_CHAR, SYM_AT + 0x18);
    else if (!strcmp(name, "reg"))
        *ret = sc_value_at(x->registers, x->kernel, T_UINT, 0);
    else if (!strcmp(name, "KiCount")) /* hides the symbol */
        *ret = sc_value_at(space, x->kernel, T_UCHAR, SYM_AT);
    else if (!strcmp(name, "gone"))
        return sc_errf(SC_ERR_NOT_FOUND, "gone has no value that is kept here");
    else
        *found = false;
    return NULL;
}

static inline sc_err *cx_reg(void *ctx, const char *name, struct sc_cexpr_reg *ret) {
    struct cx *x = ctx;
    static const struct {
        const char *name, *type;
        uint64_t value;
    } regs[] = {{"rax", "unsigned int64", 0x1122334455667788},
                {"eax", "unsigned int", 0x55667788},
                {"al", "unsigned char", 0x88},
                {"$thread", "nt!_THING *", SYM_AT},
                {"$peb", "nt!_NO_SUCH *", 0x7000},
                {"$teb", "drv!_THING *", SYM_AT},
                {"$odd", "nt!_NO_SUCH", 0x7000},
                {"$ip", "unsigned char *", SYM_AT + 0x80}};
    for (size_t i = 0; i < sizeof regs / sizeof *regs; i++) {
        if (strcmp(regs[i].name, name) != 0)
            continue;
        *ret = (struct sc_cexpr_reg){regs[i].value, regs[i].type, false};
        return NULL;
    }
    if (name[0] != '$' || name[1] != 't' || name[2] < '0' || name[2] > '3' || name[3])
        return sc_errf(SC_ERR_NOT_FOUND, "there is no register %.40s", name);
    *ret = (struct sc_cexpr_reg){x->var[name[2] - '0'], "unsigned int64", true};
    return NULL;
}

static inline sc_err *cx_set(void *ctx, const char *name, uint64_t value) {
    struct cx *x = ctx;
    x->var[name[2] - '0'] = value;
    return NULL;
}

static inline sc_err *cx_masm(void *ctx, const char *text, const char *origin, unsigned depth,
                              uint64_t *ret_value, const char **ret_end) {
    struct cx *x = ctx;
    char *end;
    if (!strncmp(text, "@@(", 3)) { /* C++ inside MASM inside C++ … */
        struct sc_cexpr_env env = x->env;
        env.origin = origin;
        env.depth = depth + 1;
        sc_err *err = sc_cexpr_number(&env, text + 3, ret_value, ret_end);
        *ret_end += err ? 0 : 1;
        return err;
    }
    *ret_value = strtoull(text, &end, 16);
    *ret_end = end;
    return end > text ? NULL : sc_errf(SC_ERR_ARG, "column %d: a number", (int)(text - origin) + 1);
}

static inline void cx_memory(uint8_t *b) {
    fake_put(b + 0x100, SYM_DRV + 0x118, 8);
    fake_put(b + 0x108, SYM_DRV + 0x108, 8);
    fake_put(b + 0x110, 77, 4);
    fake_put(b + 0x114, 99, 4);
    fake_put(b + 0x118, 1, 4); /* _BASE::A */
    fake_put(b + 0x120, 2, 4); /* _SECOND::B */
    fake_put(b + 0x124, 3, 4); /* _SECOND::A */
    fake_put(b + 0x128, 4, 4); /* _CHILD::Own */
    fake_put(b + 0x130, 0x3fc00000, 4);
    fake_put(b + 0x138, 0xc004000000000000, 8);
    fake_put(b + 0x150, 0xfffffffd, 4);
    fake_put(b + 0x158, 0xfedcba9876543210, 8);
    fake_put(b + 0x170, SYM_AT, 8);
    for (unsigned i = 0; i < 6; i++)
        fake_put(b + 0x178 + 4 * i, i * 10, 4);
}

/* The fake kernel of symbol_session.h with the memory of drv. */
static inline void cx_open(struct cx *x) {
    static uint8_t thing[THING_SIZE], next[THING_SIZE], data[0x20], global[THING_SIZE], drv[0x200];
    struct sc_ranges none = {0};
    fake_thing(thing, SYM_AT, SYM_AT2, SYM_NT + 0x1100);
    fake_thing(next, SYM_AT2, 0, 0);
    fake_thing(global, SYM_NT + 0x3000, 0, 0);
    fake_put(data + 0x10, (uint64_t)-7, 4);
    cx_memory(drv);
    const struct sc_fake_bytes memory[] = {{SYM_AT, thing, sizeof thing},
                                           {SYM_AT2, next, sizeof next},
                                           {SYM_NT + 0x2000, data, sizeof data},
                                           {SYM_NT + 0x3000, global, sizeof global},
                                           {SYM_DRV, drv, sizeof drv}};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X64,
                                 .kernel = true,
                                 .modules = sym_modules,
                                 .nmodules = 2,
                                 .memory = memory,
                                 .nmemory = 5};
    const struct sc_modules *list;
    fake_open(&x->f, &fake, SC_RENDER_TEXT);
    assert_null(sc_session_set_paths(x->f.s, NULL, NULL));
    sc_symtab *symtab = sc_session_symtab(x->f.s);
    assert_non_null(symtab);
    assert_null(sc_target_modules(x->f.target, &list));
    x->kernel = fake_symbols_open(&fake_kernel);
    sc_symbols *odd = fake_symbols_open(&x_provider);
    assert_null(sc_symtab_attach(symtab, &list->item[0], x->kernel, "test"));
    assert_null(sc_symtab_attach(symtab, &list->item[1], odd, "test"));
    sc_symbols_unref(odd);
    fake_put(x->local, 0x1234, 4);
    assert_null(sc_space_create(NULL, &none, 8, NULL, &x->registers));
    assert_null(sc_space_add_filler(x->registers, "registers", cx_fill, x));
    x->arena = sc_arena_create();
    assert_non_null(x->arena);
    x->env = (struct sc_cexpr_env){.ctx = x,
                                   .ptr_size = 8,
                                   .arena = x->arena,
                                   .target = x->f.target,
                                   .symtab = symtab,
                                   .local = cx_local,
                                   .reg = cx_reg,
                                   .set = cx_set,
                                   .masm = cx_masm,
                                   .assumed = &x->assumed};
}

static inline void cx_close(struct cx *x) {
    sc_arena_destroy(x->arena);
    sc_space_destroy(x->registers);
    sc_symbols_unref(x->kernel);
    fix_close(&x->f);
}

static inline int cx_setup(void **state) {
    struct cx *x = calloc(1, sizeof *x);
    assert_non_null(x);
    cx_open(x);
    *state = x;
    return 0;
}

static inline int cx_teardown(void **state) {
    cx_close(*state);
    free(*state);
    return 0;
}

#endif
