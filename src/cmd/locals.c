/* SPDX-License-Identifier: MIT */
/*
 * What the variables of a frame hold. A variable is in memory, relative to a register or the frame;
 * or in registers, whole or in pieces; or it is a constant, or nowhere.
 *
 * Values that are not in memory are read through a space of their own, in which a few bytes stand
 * in front of the target's memory: so one way of showing values does for all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/overlay.h"
#include "cmd/stack.h"
#include "cmd/symbols.h"

enum { LOCALS_MAX = 4096, TYPE_TEXT = 300, REGISTERS = 33 };

/* ---- registers of a frame ---- */

const char *sc_register_name(enum sc_cpu cpu, unsigned number) {
    static const char *const x86[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    static const char *const x64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    static const char *const arm64[] = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",
                                        "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
                                        "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
                                        "x24", "x25", "x26", "x27", "x28", "fp",  "lr",  "sp"};
    switch (cpu) {
    case SC_CPU_X86: return number < 8 ? x86[number] : NULL;
    case SC_CPU_X64: return number < 16 ? x64[number] : NULL;
    case SC_CPU_ARM64: return number < 32 ? arm64[number] : NULL;
    default: return NULL;
    }
}

bool sc_frame_knows(const struct sc_frame *frame, const char *reg) {
    const struct sc_reg *part = sc_reg_find(frame->regs.cpu, reg);
    if (!part)
        return true;
    for (unsigned n = 0; n < REGISTERS; n++) {
        const char *name = sc_register_name(frame->regs.cpu, n);
        const struct sc_reg *whole = name ? sc_reg_find(frame->regs.cpu, name) : NULL;
        if (whole && (unsigned)(part->offset - whole->offset) < whole->size)
            return frame->known >> n & 1;
    }
    return true; /* not one of those that the walk follows */
}

/* ---- values ---- */

static bool is_aggregate(const struct sc_type *t) {
    return t->kind == SC_TYPE_STRUCT || t->kind == SC_TYPE_CLASS || t->kind == SC_TYPE_UNION;
}

static const char *aggregate_word(const struct sc_type *t) {
    return t->kind == SC_TYPE_STRUCT  ? "struct "
           : t->kind == SC_TYPE_CLASS ? "class "
           : t->kind == SC_TYPE_UNION ? "union "
                                      : "";
}

static sc_err *pointer_text(sc_session *session, const struct sc_value *v, const struct sc_type *t,
                            sc_arena *arena, const char **ret, bool *ret_missing) {
    uint64_t addr = 0;
    enum sc_read status;
    struct sc_type to = {.kind = SC_TYPE_VOID};
    char buf[SC_ADDR_BUF];
    const char *text = "";
    sc_err *err = sc_value_uint(v, &addr, &status);
    if (!err && t->target)
        err = sc_symbols_type(v->symbols, t->target, &to);
    if (err)
        return err;
    *ret_missing = status != SC_READ_OK;
    if (*ret_missing)
        return NULL;
    sc_addr_text(addr, sc_session_ptr_size(session), buf);
    if (to.kind != SC_TYPE_CHAR || (to.size != 1 && to.size != 2)) {
        *ret = sc_arena_printf(arena, "0x%s", buf);
        return *ret ? NULL : sc_err_nomem();
    }
    if (addr)
        err = sc_show_string(session, v->space, addr, (unsigned)to.size, arena, &text);
    if (err)
        return err;
    *ret = text ? sc_arena_printf(arena, "0x%s \"%s\"", buf, text)
                : sc_arena_printf(arena, "0x%s \"--- memory read error at address 0x%s ---\"", buf,
                                  buf);
    return *ret ? NULL : sc_err_nomem();
}

static sc_err *array_text(sc_session *session, const struct sc_value *v, const struct sc_type *t,
                          sc_arena *arena, const char **ret) {
    char type[TYPE_TEXT] = "";
    struct sc_type element = {.kind = SC_TYPE_UNKNOWN};
    const char *text = NULL;
    sc_err *err = sc_type_decl_text(v->symbols, v->type, type, sizeof type);
    if (!err && t->target)
        err = sc_symbols_type(v->symbols, t->target, &element);
    bool chars = !err && element.kind == SC_TYPE_CHAR && (element.size == 1 || element.size == 2);
    if (chars)
        err = sc_show_string(session, v->space, v->address, (unsigned)element.size, arena, &text);
    if (err)
        return err;
    *ret = text ? sc_arena_printf(arena, "%s \"%.*s\"", type,
                                  (int)(t->count < 1024 ? t->count : 1024), text)
                : sc_arena_strdup(arena, type);
    return *ret ? NULL : sc_err_nomem();
}

static sc_err *enum_text(const struct sc_value *v, sc_arena *arena, const char **ret,
                         bool *ret_missing) {
    int64_t n = 0;
    enum sc_read status;
    const char *name = NULL;
    sc_err *err = sc_value_int(v, &n, &status);
    if (!err && status == SC_READ_OK)
        err = sc_type_enumerator(v->symbols, v->type, n, &name);
    *ret_missing = !err && status != SC_READ_OK;
    if (err || *ret_missing)
        return err;
    *ret = sc_arena_printf(arena, "%s (0n%lld)", name ? name : "<no matching name>", (long long)n);
    return *ret ? NULL : sc_err_nomem();
}

static sc_err *bool_text(const struct sc_value *v, const char **ret, bool *ret_missing) {
    uint64_t n = 0;
    enum sc_read status;
    sc_err *err = sc_value_uint(v, &n, &status);
    *ret_missing = !err && status != SC_READ_OK;
    *ret = n ? "true" : "false";
    return err;
}

sc_err *sc_declared_value(sc_session *session, const struct sc_value *v, sc_arena *arena,
                          const char **ret) {
    struct sc_type t = {.kind = SC_TYPE_UNKNOWN};
    bool missing = false;
    const char *text = NULL;
    sc_err *err = v->type ? sc_symbols_type(v->symbols, v->type, &t) : NULL;
    if (err)
        return err;
    switch (t.kind) {
    case SC_TYPE_POINTER: err = pointer_text(session, v, &t, arena, &text, &missing); break;
    case SC_TYPE_ARRAY: err = array_text(session, v, &t, arena, &text); break;
    case SC_TYPE_ENUM: err = enum_text(v, arena, &text, &missing); break;
    case SC_TYPE_BOOL: err = bool_text(v, &text, &missing); break;
    default:
        err = sc_show_value(session, v, arena, &text, &missing);
        if (!err && is_aggregate(&t)) { /* the parts that are missing show themselves */
            missing = false;
            text = sc_arena_printf(arena, "%s%s", aggregate_word(&t), text);
            err = text ? NULL : sc_err_nomem();
        }
    }
    if (!err)
        *ret = missing ? "<Memory access error>" : text;
    return err;
}

/* ---- places ---- */

struct reader {
    sc_session *session;
    sc_arena *arena;
    const struct sc_frame *frame;
    sc_symbols *symbols;
    uint8_t byte[SC_LOCAL_BYTES]; /* of a variable that is not in memory */
    uint64_t filled;              /* which of them pieces have given, a bit each */
    struct sc_overlay *overlay;
};

/*
 * What offsets of x86 code without frame pointers count from, the $T0 of its frame program: ebp,
 * the place of the return address, or that aligned.
 */
static bool virtual_frame(const struct sc_frame *f, uint64_t *ret) {
    const char *program = f->has_rule ? f->rule.program : NULL;
    unsigned align = 0;
    const char *and = program ? strstr(program, "$T0 $T1 4 - ") : NULL;
    if (program && strstr(program, "$T0 $ebp =")) {
        *ret = sc_regs_fp(&f->regs);
        return true;
    }
    if (!f->ret_slot)
        return false;
    if (and&&sscanf(and, "$T0 $T1 4 - %u @", &align) == 1 && align) {
        *ret = (f->ret_slot - 4) & ~(uint64_t)(align - 1);
        return true;
    }
    *ret = f->ret_slot;
    return true;
}

/* The register that a place counts from. */
static bool base_value(struct reader *r, const struct sc_local *l, struct sc_local_row *row,
                       uint64_t *ret) {
    if (!l->reg)
        return false;
    if (!strcmp(l->reg, "vframe"))
        return virtual_frame(r->frame, ret);
    if (!sc_frame_knows(r->frame, l->reg))
        row->unknown = l->reg;
    return sc_regs_get(&r->frame->regs, l->reg, ret);
}

static sc_err *in_memory(struct reader *r, const struct sc_local *l, struct sc_local_row *row) {
    uint64_t base;
    bool wide = sc_session_ptr_size(r->session) == 8;
    int64_t off = l->offset;
    if (l->where == SC_LOCAL_STATIC) {
        row->address = r->frame->module->base + l->rva;
        row->available = true;
        return NULL;
    }
    row->available = base_value(r, l, row, &base);
    if (row->available)
        row->address =
            sc_space_canon(sc_target_space(sc_session_target(r->session)), base + (uint64_t)off);
    if (!l->reg)
        return NULL;
    row->where = sc_arena_printf(r->arena, wide ? "@%s%c0x%04llx" : "@%s%c0x%02llx", l->reg,
                                 off < 0 ? '-' : '+',
                                 (unsigned long long)(off < 0 ? -(uint64_t)off : (uint64_t)off));
    return row->where ? NULL : sc_err_nomem();
}

/* Copies what the register has of the variable from `offset_in_parent` on. */
static void take_register(struct reader *r, const struct sc_local *l, uint64_t size,
                          struct sc_local_row *row) {
    uint8_t bytes[16];
    const struct sc_reg *reg = l->reg ? sc_reg_find(r->frame->regs.cpu, l->reg) : NULL;
    uint64_t at = l->where == SC_LOCAL_PIECES ? l->offset_in_parent : 0;
    if (!reg || reg->bits || !sc_reg_present(&r->frame->regs, reg) || at >= size)
        return;
    if (!sc_frame_knows(r->frame, l->reg))
        row->unknown = l->reg;
    sc_reg_bytes(&r->frame->regs, reg, bytes);
    for (uint64_t i = 0; i < reg->size && i < sizeof bytes && at + i < size; i++) {
        r->byte[at + i] = bytes[i];
        r->filled |= UINT64_C(1) << (at + i);
    }
}

/* What is not in memory: fills the bytes. */
static sc_err *in_registers(struct reader *r, const struct sc_local *l, size_t count,
                            struct sc_local_row *row) {
    uint64_t size = row->size;
    if (!size || size > SC_LOCAL_BYTES)
        return NULL;
    memset(r->byte, 0, sizeof r->byte);
    r->filled = 0;
    if (l->where == SC_LOCAL_CONSTANT) {
        uint64_t value = (uint64_t)l->offset;
        memcpy(r->byte, &value, size < 8 ? size : 8);
        row->available = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        take_register(r, &l[i], size, row);
    uint64_t all = size == 64 ? UINT64_MAX : (UINT64_C(1) << size) - 1;
    row->available = r->filled == all;
    if (!row->available || !l->reg || count > 1) /* pieces have no place that can be named */
        return NULL;
    row->where = sc_arena_printf(r->arena, "@%s", l->reg);
    return row->where ? NULL : sc_err_nomem();
}

static sc_err *find_place(struct reader *r, const struct sc_local *l, size_t count,
                          struct sc_local_row *row) {
    switch (l->where) {
    case SC_LOCAL_REG_REL:
    case SC_LOCAL_FRAME_REL:
    case SC_LOCAL_STATIC: return in_memory(r, l, row);
    case SC_LOCAL_REGISTER:
    case SC_LOCAL_PIECES:
    case SC_LOCAL_CONSTANT: return in_registers(r, l, count, row);
    default: return NULL;
    }
}

/* ---- one variable ---- */

/* L and COUNT - 1 more rows behind it are the same variable. */
static sc_err *read_local(struct reader *r, const struct sc_local *l, size_t count,
                          struct sc_local_row *row) {
    struct sc_type t = {.size = 0};
    char type[TYPE_TEXT] = "";
    *row = (struct sc_local_row){.name = l->name ? l->name : "",
                                 .value = "<value unavailable>",
                                 .kind = l->parameter ? "param" : "local",
                                 .address = SC_UNSET64};
    sc_err *err = l->type ? sc_symbols_type(r->symbols, l->type, &t) : NULL;
    if (!err)
        err = sc_type_decl_text(r->symbols, l->type, type, sizeof type);
    if (sc_symbols_forgive(r->session, &err))
        snprintf(type, sizeof type, "<unknown type>");
    row->size = t.size;
    row->symbols = r->symbols;
    row->type_id = l->type;
    if (!err)
        err = find_place(r, l, count, row);
    if (err)
        return err;
    row->type = sc_arena_strdup(r->arena, type);
    if (row->available && row->address == SC_UNSET64)
        row->bytes = (uint8_t *)sc_arena_strndup(r->arena, (char *)r->byte, (size_t)row->size);
    bool short_of = !row->type || (row->available && row->address == SC_UNSET64 && !row->bytes);
    return short_of ? sc_err_nomem() : NULL;
}

static sc_err *read_value(struct reader *r, struct sc_local_row *row) {
    if (!row->available)
        return NULL;
    uint64_t addr = row->address;
    sc_space *space = sc_target_space(sc_session_target(r->session));
    if (row->bytes) {
        space = sc_overlay_space(r->overlay);
        sc_overlay_clear(r->overlay);
        sc_overlay_put(r->overlay, row->bytes, (size_t)row->size, &addr);
    }
    struct sc_value v = sc_value_at(space, row->symbols, row->type_id, addr);
    sc_err *err = sc_declared_value(r->session, &v, r->arena, &row->value);
    if (sc_symbols_forgive(r->session, &err))
        row->value = "<value unavailable>";
    return err;
}

/* ---- all of a frame ---- */

struct gathered {
    struct sc_local *item;
    size_t count, room;
    uint32_t inline_depth;
    bool nomem;
};

static bool on_local(void *ctx, const struct sc_local *l) {
    struct gathered *g = ctx;
    if (l->inline_depth != g->inline_depth)
        return true;
    if (g->count == LOCALS_MAX)
        return false;
    struct sc_local *slot = SC_VEC_PUSH(g);
    if (!slot) {
        g->nomem = true;
        return false;
    }
    *slot = *l;
    return true;
}

/* The next variable is one more place of this one, which is in pieces. */
static bool same_variable(const struct sc_local *a, const struct sc_local *b) {
    return a->where == SC_LOCAL_PIECES && b->where == SC_LOCAL_PIECES && a->name && b->name &&
           !strcmp(a->name, b->name) && a->scope_rva == b->scope_rva;
}

static sc_err *read_all(struct reader *r, const struct gathered *g, struct sc_local_row *rows,
                        size_t *ret_count) {
    size_t n = 0;
    for (size_t i = 0; i < g->count;) {
        size_t end = i + 1;
        while (end < g->count && same_variable(&g->item[i], &g->item[end]))
            end++;
        sc_err *err = read_local(r, &g->item[i], end - i, &rows[n]);
        if (!err)
            err = read_value(r, &rows[n++]);
        if (err)
            return err;
        i = end;
    }
    *ret_count = n;
    return NULL;
}

/* The provider of the frame's module that has locals, and what it has at the frame. */
static sc_err *gather(sc_session *session, const struct sc_frame *frame, struct gathered *g,
                      sc_symbols **ret_symbols) {
    sc_symtab *symtab = sc_session_symtab(session);
    const struct sc_modsyms *syms = NULL;
    uint32_t rva = frame->module ? (uint32_t)(frame->ip - frame->module->base) : 0;
    sc_err *err = symtab && frame->module ? sc_symtab_load(symtab, frame->module, &syms) : NULL;
    *ret_symbols = NULL;
    for (size_t i = 0; !err && syms && i < syms->nproviders && !*ret_symbols; i++) {
        struct sc_symbols_info info;
        sc_symbols_info(syms->provider[i], &info);
        if (!info.has_private)
            continue;
        *ret_symbols = syms->provider[i];
        err = sc_symbols_locals(*ret_symbols, rva, on_local, g);
        /* Behind a call that does not return lies the next function, or another block. */
        if (!err && !g->count && !frame->exact_ip && rva)
            err = sc_symbols_locals(*ret_symbols, rva - 1, on_local, g);
    }
    sc_symbols_forgive(session, &err);
    return !err && g->nomem ? sc_err_nomem() : err;
}

/* Does the function have symbols that would name its variables? */
static sc_err *is_private(const struct sc_frame *frame, sc_symbols *symbols, bool *ret) {
    struct sc_symbol s;
    bool found = false;
    uint32_t rva = (uint32_t)(frame->ip - frame->module->base);
    sc_err *err = sc_symbols_nearest(symbols, rva - !frame->exact_ip, SC_SYM_FUNCTION, &s, &found);
    *ret = !err && found && rva - !frame->exact_ip - s.rva < s.size;
    return err;
}

sc_err *sc_locals_read(sc_session *session, const struct sc_frame *frame, uint32_t inline_depth,
                       sc_arena *arena, struct sc_local_row **ret_rows, size_t *ret_count,
                       bool *ret_private) {
    struct gathered g = {.inline_depth = inline_depth};
    struct reader r = {.session = session, .arena = arena, .frame = frame};
    struct sc_local_row *rows = NULL;
    size_t count = 0;
    bool private = false;
    sc_err *err = gather(session, frame, &g, &r.symbols);
    if (!err && r.symbols)
        err = is_private(frame, r.symbols, &private);
    sc_symbols_forgive(session, &err);
    if (!err)
        err = sc_overlay_create(sc_target_space(sc_session_target(session)),
                                sc_session_ptr_size(session), &r.overlay);
    if (!err) {
        rows = sc_arena_array(arena, g.count + 1, sizeof *rows);
        err = rows ? read_all(&r, &g, rows, &count) : sc_err_nomem();
    }
    sc_overlay_destroy(r.overlay);
    SC_VEC_FREE(&g);
    if (err)
        return err;
    *ret_rows = rows;
    *ret_count = count;
    *ret_private = private || count;
    return NULL;
}

sc_err *sc_local_find(sc_session *session, const struct sc_frame *frame, uint32_t inline_depth,
                      const char *name, sc_arena *arena, struct sc_local_row *ret_row,
                      bool *ret_found) {
    struct gathered g = {.inline_depth = inline_depth};
    struct reader r = {.session = session, .arena = arena, .frame = frame};
    size_t first = 0, end;
    sc_err *err = gather(session, frame, &g, &r.symbols);
    while (!err && first < g.count && (!g.item[first].name || strcmp(g.item[first].name, name)))
        first++;
    *ret_found = !err && first < g.count;
    for (end = first + 1; end < g.count && same_variable(&g.item[first], &g.item[end]);)
        end++;
    if (*ret_found)
        err = read_local(&r, &g.item[first], end - first, ret_row);
    SC_VEC_FREE(&g);
    return err;
}
