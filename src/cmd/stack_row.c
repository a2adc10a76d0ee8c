/* SPDX-License-Identifier: MIT */
/*
 * A frame of a stack as a record: its name, source line, parameters, and what is known of it beyond
 * what WinDbg shows.
 */
#include <string.h>

#include "base/utf.h"
#include "cmd/show.h"
#include "cmd/stack.h"
#include "cmd/symbols.h"

typedef unsigned long long ull;

static const struct sc_field param_fields[] = {
    SC_FIELD(struct sc_local_row, name, SC_F_STR),
    {"type_name", SC_F_STR, offsetof(struct sc_local_row, type), 0, NULL, NULL},
    SC_FIELD(struct sc_local_row, value, SC_F_STR),
    SC_FIELD_END};
static const struct sc_rectype param_type = {"parameter", sizeof(struct sc_local_row),
                                             param_fields};

#define REC struct sc_frame_rec
static const struct sc_field fields[] = {
    SC_FIELD(REC, number, SC_F_U32),
    SC_FIELD(REC, how, SC_F_STR),
    SC_FIELD(REC, confidence, SC_F_U32),
    SC_FIELD(REC, suspect, SC_F_BOOL),
    SC_FIELD(REC, inlined, SC_F_BOOL),
    SC_FIELD(REC, warning, SC_F_BOOL),
    SC_FIELD(REC, ip, SC_F_ADDR),
    SC_FIELD(REC, sp, SC_F_ADDR),
    SC_FIELD(REC, base, SC_F_ADDR),
    SC_FIELD(REC, ret, SC_F_ADDR),
    SC_FIELD(REC, trap, SC_F_ADDR),
    SC_FIELD(REC, module, SC_F_STR),
    SC_FIELD(REC, name, SC_F_STR),
    SC_FIELD(REC, displacement, SC_F_HEX64),
    SC_FIELD(REC, symbol, SC_F_STR),
    SC_FIELD(REC, belongs_to, SC_F_STR),
    SC_FIELD(REC, file, SC_F_STR),
    SC_FIELD(REC, line, SC_F_U32),
    {"args", SC_F_HEXES, offsetof(REC, args), offsetof(REC, nargs), NULL, NULL},
    SC_FIELD_LIST(REC, params, nparams, &param_type),
    SC_FIELD_END,
};
const struct sc_rectype sc_frame_rectype = {"frame", sizeof(REC), fields};
#undef REC

uint32_t sc_frame_inline_depth(const struct sc_stack *stack, size_t index) {
    size_t end = index;
    while (end < stack->count && stack->frame[end].how == SC_FRAME_INLINE)
        end++;
    return (uint32_t)(end - index);
}

/* ---- names ---- */

/* What follows a name: "+0x12"; wide and wrapped ones as WinDbg writes addresses. */
static const char *behind(sc_session *session, uint64_t displacement, sc_arena *arena) {
    if (sc_session_ptr_size(session) == 4)
        displacement &= UINT32_MAX;
    if (!displacement)
        return "";
    if (displacement > UINT32_MAX)
        return sc_arena_printf(arena, "+0x%llx`%08llx", (ull)(displacement >> 32),
                               (ull)(displacement & UINT32_MAX));
    return sc_arena_printf(arena, "+0x%llx", (ull)displacement);
}

/* The symbol at or before the address. Damaged symbols leave the module. */
static sc_err *near_symbol(sc_session *session, uint64_t addr, struct sc_near *ret,
                           bool *ret_found) {
    sc_symtab *symtab = sc_session_symtab(session);
    *ret_found = false;
    *ret = (struct sc_near){0};
    sc_err *err = symtab ? sc_symtab_near(symtab, addr, ret, ret_found) : NULL;
    if (sc_symbols_forgive(session, &err))
        *ret_found = false;
    return err;
}

static const char *number_text(uint64_t addr, sc_arena *arena) {
    if (addr > UINT32_MAX)
        return sc_arena_printf(arena, "0x%08llx`%08llx", (ull)(addr >> 32),
                               (ull)(addr & UINT32_MAX));
    return sc_arena_printf(arena, "0x%llx", (ull)addr);
}

/* An address in no module that is loaded. */
static const char *outside(sc_session *session, uint64_t addr, sc_arena *arena) {
    const struct sc_unloaded *u = sc_target_unloaded_at(sc_session_target(session), addr);
    if (u && u->name)
        return sc_arena_printf(arena, "<Unloaded_%s>+0x%llx", u->name, (ull)(addr - u->base));
    return number_text(addr, arena);
}

/* Fills module, name and displacement of the record as far as they are known. */
static sc_err *name_address(sc_session *session, uint64_t addr, struct sc_frame_rec *r) {
    const struct sc_module *m = sc_target_module_at(sc_session_target(session), addr);
    struct sc_near near;
    bool found = false;
    sc_err *err = m ? near_symbol(session, addr, &near, &found) : NULL;
    if (err || !m)
        return err;
    r->module = m->name;
    r->name = found ? near.name : NULL;
    r->displacement = found ? near.displacement : addr - m->base;
    return NULL;
}

/* "nt!KeBugCheckEx", "myfault", "0x772df93a": without what follows. */
static const char *plain_name(sc_session *session, const struct sc_frame_rec *r, uint64_t addr,
                              sc_arena *arena) {
    if (!r->module)
        return outside(session, addr, arena);
    return r->name ? sc_arena_printf(arena, "%s!%s", r->module, r->name) : r->module;
}

sc_err *sc_place_text(sc_session *session, uint64_t addr, bool clean, sc_arena *arena,
                      const char **ret_text) {
    struct sc_frame_rec r = {0};
    sc_err *err = name_address(session, addr, &r);
    if (err)
        return err;
    const char *name = plain_name(session, &r, addr, arena);
    const char *rest = clean || !r.module ? "" : behind(session, r.displacement, arena);
    *ret_text = name && rest ? sc_arena_printf(arena, "%s%s", name, rest) : NULL;
    return *ret_text ? NULL : sc_err_nomem();
}

/* ---- inlined calls ---- */

struct find_inline {
    const char *name;
    uint32_t start;
    bool found;
};

static bool on_inline(void *ctx, const struct sc_inline *call) {
    struct find_inline *f = ctx;
    f->found = call->name && !strcmp(call->name, f->name);
    f->start = call->rva;
    return !f->found;
}

/* How far the inlined code's instruction is behind its beginning. */
static sc_err *inline_displacement(sc_session *session, const struct sc_frame *f,
                                   struct sc_frame_rec *r) {
    struct find_inline find = {.name = f->inline_name ? f->inline_name : ""};
    sc_symtab *symtab = sc_session_symtab(session);
    const struct sc_modsyms *syms = symtab && f->module ? sc_symtab_peek(symtab, f->module) : NULL;
    uint32_t rva = f->module ? (uint32_t)(f->ip - f->module->base) : 0;
    sc_err *err = NULL;
    /* A return address may stand behind the last instruction of what called. */
    for (uint32_t back = 0; !err && !find.found && back <= !f->exact_ip; back++)
        for (size_t i = 0; !err && !find.found && syms && i < syms->nproviders; i++)
            err = sc_symbols_inlines(syms->provider[i], rva - back, on_inline, &find);
    sc_symbols_forgive(session, &err);
    if (!err && find.found)
        r->displacement = rva - find.start;
    return err;
}

/* "?A0x1234abcd::crash": compilers number the unnamed namespaces of their files. */
static const char *inline_name(const char *name, sc_arena *arena) {
    size_t n = name && !strncmp(name, "?A0x", 4) ? 4 + strspn(name + 4, "0123456789abcdef") : 0;
    return n && !strncmp(name + n, "::", 2)
               ? sc_arena_printf(arena, "`anonymous namespace'%s", name + n)
               : name;
}

static sc_err *name_inline(sc_session *session, const struct sc_frame *f, sc_arena *arena,
                           struct sc_frame_rec *r) {
    r->inlined = true;
    r->module = f->module ? f->module->name : NULL;
    r->name = inline_name(f->inline_name, arena);
    if (!r->name && f->inline_name)
        return sc_err_nomem();
    if (f->inline_file && *f->inline_file) {
        r->file = f->inline_file;
        r->line = f->inline_line;
    }
    return inline_displacement(session, f, r);
}

/* ---- all ---- */

static sc_err *find_line(sc_session *session, const struct sc_frame *f, struct sc_frame_rec *r) {
    struct sc_line line;
    bool found = false;
    sc_symtab *symtab = sc_session_symtab(session);
    sc_err *err = symtab && f->module ? sc_symtab_line(symtab, f->ip, &line, &found) : NULL;
    if (sc_symbols_forgive(session, &err) || err || !found)
        return err;
    r->file = line.file;
    r->line = line.line;
    return NULL;
}

/* A page of managed code lies in no module; a process that has them has one of these. */
static bool has_clr(sc_target *target) {
    static const char *const clr[] = {"clr", "coreclr", "mscorwks"};
    for (size_t i = 0; i < sizeof clr / sizeof *clr; i++)
        if (sc_target_module_named(target, clr[i]))
            return true;
    return false;
}

static sc_err *read_params(sc_session *session, const struct sc_stack *stack, size_t index,
                           sc_arena *arena, struct sc_frame_rec *r) {
    struct sc_local_row *rows;
    size_t count, n = 0;
    sc_err *err = sc_locals_read(session, &stack->frame[index], sc_frame_inline_depth(stack, index),
                                 arena, &rows, &count, &r->has_params);
    if (err)
        return err;
    for (size_t i = 0; i < count; i++)
        if (!strcmp(rows[i].kind, "param"))
            rows[n++] = rows[i];
    r->params = rows;
    r->nparams = n;
    return NULL;
}

uint64_t sc_frame_child(const struct sc_frame *f) {
    if (f->regs.cpu != SC_CPU_X86)
        return f->sp;
    return f->base ? f->base : sc_regs_fp(&f->regs);
}

/* Bytes between the frame and the one before it that has a place on the stack. */
static uint64_t memory_of(const struct sc_stack *stack, size_t index) {
    const struct sc_frame *f = &stack->frame[index];
    if (f->how == SC_FRAME_INLINE)
        return SC_UNSET64;
    for (size_t i = index; i-- > 0;)
        if (stack->frame[i].how != SC_FRAME_INLINE)
            return sc_frame_child(f) - sc_frame_child(&stack->frame[i]);
    return SC_UNSET64;
}

static void fill(const struct sc_stack *stack, size_t index, struct sc_frame_rec *r) {
    const struct sc_frame *f = &stack->frame[index];
    bool last = index + 1 == stack->count;
    r->number = f->number;
    r->how = sc_frame_how_name(f->how);
    r->confidence = f->confidence;
    r->suspect = f->suspect;
    r->warning = f->warn;
    r->ip = f->ip;
    r->sp = f->sp;
    r->base = f->base ? f->base : SC_UNSET64;
    r->ret = f->ret;
    r->trap = f->trap ? f->trap : SC_UNSET64;
    r->memory = memory_of(stack, index);
    r->args = f->param;
    r->nargs = f->nparams < SC_FRAME_PARAMS ? f->nparams : SC_FRAME_PARAMS;
    r->caller_fp = last ? 0 : sc_regs_fp(&stack->frame[index + 1].regs);
    r->exact = sc_frame_exact(f->how);
    r->frame = f;
}

sc_err *sc_frame_row(sc_session *session, const struct sc_stack *stack, size_t index,
                     const struct sc_kform *form, sc_arena *arena, struct sc_frame_rec *ret) {
    const struct sc_frame *f = &stack->frame[index];
    struct sc_frame_rec r = {0};
    bool json = sc_out_render(sc_session_out(session)) == SC_RENDER_JSON;
    fill(stack, index, &r);
    sc_err *err = f->how == SC_FRAME_INLINE ? name_inline(session, f, arena, &r)
                  : f->foreign              ? NULL
                                            : name_address(session, f->ip, &r);
    if (!err && !f->foreign && f->how != SC_FRAME_INLINE && (json || sc_session_lines(session)))
        err = find_line(session, f, &r);
    if (!err && form->params)
        err = read_params(session, stack, index, arena, &r);
    if (!err && r.name && !r.inlined && sc_session_enrich(session))
        err = sc_true_function(session, f->ip, arena, &r.belongs_to);
    if (err)
        return err;
    r.managed = !r.module && !f->foreign && has_clr(sc_session_target(session));
    const char *name =
        f->foreign ? number_text(f->ip, arena) : plain_name(session, &r, f->ip, arena);
    const char *rest = r.module ? behind(session, r.displacement, arena) : "";
    r.symbol = name && rest ? sc_arena_printf(arena, "%s%s", name, rest) : NULL;
    if (!r.symbol)
        return sc_err_nomem();
    *ret = r;
    return NULL;
}
