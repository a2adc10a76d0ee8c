/* SPDX-License-Identifier: MIT */
/*
 * `.fnent`: the function table entry of an address, with its unwind data and what it is chained
 * to, in WinDbg's layout:
 *
 *     Debugger function entry 0000…0000 for:
 *     (addr)   mod!name+0x…   |  (addr)   mod!next
 *
 *     BeginAddress      = 00000000`000da7d0
 *     EndAddress        = 00000000`000da81c
 *     UnwindInfoAddress = 00000000`001c8a54
 *
 *     Unwind info at fffff800`019cfa54, 10 bytes
 *       version 1, flags 4, prolog 0, codes 0
 *
 *     Chained info:
 *     BeginAddress      = …
 *
 * The address behind "function entry" is that of the entry in the image (WinDbg shows where its
 * own copy lies). Of ARM64 only the entry and its .xdata header are shown.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/show.h"
#include "cmd/symbols.h"

typedef unsigned long long ull;

sc_err *sc_module_image(sc_session *session, const struct sc_module *module, sc_pe **ret_pe) {
    sc_symtab *symtab;
    const struct sc_modsyms *syms = NULL;
    sc_err *err = sc_session_symbols(session, &symtab);
    if (!err)
        err = sc_symtab_load(symtab, module, &syms);
    if (err)
        return err;
    err = sc_pe_open_memory(sc_target_space(sc_session_target(session)), module->base,
                            module->image, ret_pe);
    if (!err || sc_err_code(err) == SC_ERR_NOMEM || !syms || !syms->image_path)
        return err;
    sc_pe *pe;
    sc_err *other = sc_pe_open(syms->image_path, &pe);
    if (other) { /* the dump's own trouble is the one to tell of */
        sc_err_destroy(other);
        return err;
    }
    sc_err_destroy(err);
    *ret_pe = pe;
    return NULL;
}

/* ---- which function moved code belongs to ---- */

/* Names that the linker's optimiser leaves in front of moved code: those of string literals. */
static bool is_no_function(const char *name) {
    return strstr(name, "`string'") || !strncmp(name, "??_C@", 5);
}

/* A missing table or page is no error here: there is nothing better to say. */
static sc_err *nothing(sc_err *own_err) {
    if (own_err &&
        (sc_err_code(own_err) == SC_ERR_NOMEM || sc_err_code(own_err) == SC_ERR_CANCELLED))
        return own_err;
    sc_err_destroy(own_err);
    return NULL;
}

sc_err *sc_true_function(sc_session *session, uint64_t addr, sc_arena *arena,
                         const char **ret_text) {
    sc_symtab *symtab = sc_session_symtab(session);
    struct sc_near near, root_near;
    struct sc_pe_function f, root;
    sc_pe *pe = NULL;
    bool found = false;
    *ret_text = NULL;
    sc_err *err = symtab ? sc_symtab_near(symtab, addr, &near, &found) : NULL;
    if (err || !found || !is_no_function(near.name))
        return nothing(err);
    err = sc_module_image(session, near.module, &pe);
    uint32_t rva = (uint32_t)(addr - near.module->base);
    if (!err)
        err = sc_pe_function_find(pe, rva, &f);
    if (!err)
        err = sc_pe_function_root(pe, &f, &root);
    found = false;
    if (!err && root.begin != f.begin)
        err = sc_symtab_near(symtab, near.module->base + root.begin, &root_near, &found);
    if (!err && found && !root_near.displacement) {
        *ret_text = sc_arena_printf(arena, "%s!%s+0x%llx", near.module->name, root_near.name,
                                    (ull)(addr - root_near.address));
        err = *ret_text ? NULL : sc_err_nomem();
    }
    sc_pe_close(pe);
    return nothing(err);
}

/* ---- unwind codes ---- */

struct code_rec {
    uint32_t slot, offset, op, info;
    const char *name;
    char detail[64], extra[32];
};
static const struct sc_field code_fields[] = {
    SC_FIELD(struct code_rec, slot, SC_F_U32), SC_FIELD(struct code_rec, offset, SC_F_HEX32),
    SC_FIELD(struct code_rec, op, SC_F_U32),   SC_FIELD(struct code_rec, info, SC_F_U32),
    SC_FIELD(struct code_rec, name, SC_F_STR), SC_FIELD_END};
static const struct sc_rectype code_type = {"unwind_code", sizeof(struct code_rec), code_fields};

static void code_text(sc_out *out, const void *record, void *ctx) {
    const struct code_rec *r = record;
    const bool *enrich = ctx;
    sc_printf(out, "  %02x: offs %x, unwind op %x, op info %x      %s%s", r->slot, r->offset, r->op,
              r->info, r->name, r->detail);
    if (*enrich && *r->extra)
        sc_printf(out, "  [%s]", r->extra);
    sc_puts(out, "\n");
}

static const char *const registers[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                          "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

/* Slots that an operation takes besides its own. */
static unsigned extra_slots(unsigned op, unsigned info, unsigned version) {
    switch (op) {
    case 1: return info ? 2 : 1;         /* ALLOC_LARGE */
    case 4: return 1;                    /* SAVE_NONVOL */
    case 5: return 2;                    /* SAVE_NONVOL_FAR */
    case 6: return version == 1 ? 1 : 0; /* SAVE_XMM; EPILOG in version 2 */
    case 7: return version == 1 ? 2 : 1; /* SAVE_XMM_FAR; SPARE_CODE in version 2 */
    case 8: return 1;                    /* SAVE_XMM128 */
    case 9: return 2;                    /* SAVE_XMM128_FAR */
    default: return 0;
    }
}

static const char *op_name(unsigned op, unsigned version) {
    static const char *const names[] = {
        "UWOP_PUSH_NONVOL", "UWOP_ALLOC_LARGE",     "UWOP_ALLOC_SMALL",    "UWOP_SET_FPREG",
        "UWOP_SAVE_NONVOL", "UWOP_SAVE_NONVOL_FAR", "UWOP_SAVE_XMM",       "UWOP_SAVE_XMM_FAR",
        "UWOP_SAVE_XMM128", "UWOP_SAVE_XMM128_FAR", "UWOP_PUSH_MACHFRAME", "UWOP_SET_FPREG_LARGE"};
    if (version >= 2 && op == 6)
        return "UWOP_EPILOG";
    if (version >= 2 && op == 7)
        return "UWOP_SPARE_CODE";
    return op < sizeof names / sizeof *names ? names[op] : "UWOP_UNKNOWN";
}

/* Operands as WinDbg shows them, and behind the line what it leaves to the reader. */
static void describe(struct code_rec *r, const struct sc_pe_unwind *u, unsigned i) {
    unsigned n = extra_slots(r->op, r->info, u->version);
    uint32_t a = n >= 1 && i + 1 < u->ncodes ? u->codes[i + 1] : 0;
    uint32_t b = n >= 2 && i + 2 < u->ncodes ? u->codes[i + 2] : 0;
    uint32_t wide = a | b << 16;
    const char *reg = registers[r->info & 15];
    size_t size = sizeof r->detail;
    switch (r->op) {
    case 0: snprintf(r->detail, size, " reg: %s.", reg); break;
    case 1: snprintf(r->detail, size, " FrameOffset: %x.", r->info ? wide : a * 8); break;
    case 4: snprintf(r->detail, size, " FrameOffset: %x reg: %s.", a * 8, reg); break;
    case 5: snprintf(r->detail, size, " FrameOffset: %x reg: %s.", wide, reg); break;
    case 8: snprintf(r->detail, size, " FrameOffset: %x reg: xmm%u.", a * 16, r->info); break;
    case 9: snprintf(r->detail, size, " FrameOffset: %x reg: xmm%u.", wide, r->info); break;
    default: snprintf(r->detail, size, "."); break;
    }
    if (r->op == 2)
        snprintf(r->extra, sizeof r->extra, "0x%x bytes", r->info * 8 + 8);
    if (r->op == 3)
        snprintf(r->extra, sizeof r->extra, "%s is rsp+0x%x", registers[u->frame_register & 15],
                 u->frame_offset * 16u);
}

static void show_codes(sc_session *session, const struct sc_pe_unwind *u) {
    bool enrich = sc_session_enrich(session);
    for (unsigned i = 0; i < u->ncodes;) {
        struct code_rec r = {.slot = i,
                             .offset = u->codes[i] & 0xff,
                             .op = u->codes[i] >> 8 & 15,
                             .info = u->codes[i] >> 12};
        r.name = op_name(r.op, u->version);
        describe(&r, u, i);
        sc_record(sc_session_out(session), &code_type, &r, code_text, &enrich);
        i += 1 + extra_slots(r.op, r.info, u->version);
    }
}

/* ---- entries ---- */

struct entry_rec {
    uint64_t entry, unwind_address, handler;
    uint32_t begin, end, unwind, packed;
    uint32_t version, flags, prolog, codes, size, handler_data;
    bool chained, has_unwind;
    const char *name, *handler_name, *missing;
};
static const struct sc_field entry_fields[] = {
    SC_FIELD(struct entry_rec, entry, SC_F_ADDR),
    SC_FIELD(struct entry_rec, name, SC_F_STR),
    SC_FIELD(struct entry_rec, begin, SC_F_HEX32),
    SC_FIELD(struct entry_rec, end, SC_F_HEX32),
    SC_FIELD(struct entry_rec, unwind, SC_F_HEX32),
    SC_FIELD(struct entry_rec, packed, SC_F_HEX32),
    SC_FIELD(struct entry_rec, chained, SC_F_BOOL),
    SC_FIELD(struct entry_rec, unwind_address, SC_F_ADDR),
    SC_FIELD(struct entry_rec, size, SC_F_U32),
    SC_FIELD(struct entry_rec, version, SC_F_U32),
    SC_FIELD(struct entry_rec, flags, SC_F_U32),
    SC_FIELD(struct entry_rec, prolog, SC_F_HEX32),
    SC_FIELD(struct entry_rec, codes, SC_F_U32),
    SC_FIELD(struct entry_rec, handler, SC_F_ADDR),
    SC_FIELD(struct entry_rec, handler_name, SC_F_STR),
    SC_FIELD(struct entry_rec, handler_data, SC_F_HEX32),
    SC_FIELD(struct entry_rec, missing, SC_F_STR),
    SC_FIELD_END};
static const struct sc_rectype entry_type = {"function_entry", sizeof(struct entry_rec),
                                             entry_fields};

static void entry_text(sc_out *out, const void *record, void *ctx) {
    const struct entry_rec *r = record;
    char a[SC_ADDR_BUF];
    (void)ctx;
    if (r->chained)
        sc_puts(out, "\nChained info:\n");
    else
        sc_puts(out, "\n");
    sc_printf(out, "BeginAddress      = %s\n", sc_addr_text(r->begin, 8, a));
    sc_printf(out, "EndAddress        = %s\n", sc_addr_text(r->end, 8, a));
    if (r->packed)
        sc_printf(out, "Packed unwind     = %08x\n", r->packed);
    else
        sc_printf(out, "UnwindInfoAddress = %s\n", sc_addr_text(r->unwind, 8, a));
    if (r->missing)
        sc_printf(out, "\nUnwind info: %s\n", r->missing);
    if (!r->has_unwind)
        return;
    sc_printf(out, "\nUnwind info at %s, %x bytes\n", sc_addr_text(r->unwind_address, 8, a),
              r->size);
    sc_printf(out, "  version %u, flags %x, prolog %x, codes %x\n", r->version, r->flags, r->prolog,
              r->codes);
    if (r->handler_name)
        sc_printf(out, "  handler routine: %s (%s), data %x\n", r->handler_name,
                  sc_addr_text(r->handler, 8, a), r->handler_data);
}

struct fnent {
    sc_session *session;
    sc_pe *pe;
    uint64_t base;
    sc_arena *arena;
};

/*
 * The size as WinDbg counts it: without the slot that makes an odd number of codes even, unless
 * something stands behind it; with eight bytes for a handler and its data.
 */
static uint32_t shown_size(const struct sc_pe_unwind *u) {
    uint32_t even = 4 + 2 * ((u->ncodes + 1u) & ~1u);
    return u->chained ? even + 12 : u->handler ? even + 8 : 4 + 2u * u->ncodes;
}

/* The x64 unwind data; what cannot be read is said in the record. */
static sc_err *take_unwind(const struct fnent *f, struct entry_rec *r, struct sc_pe_unwind *u) {
    sc_err *err = sc_pe_unwind(f->pe, r->unwind, u);
    if (err) {
        r->missing = sc_arena_strdup(f->arena, sc_err_text(err));
        return r->missing ? nothing(err) : err;
    }
    r->has_unwind = true;
    r->unwind_address = f->base + r->unwind;
    r->version = u->version;
    r->flags = u->flags;
    r->prolog = u->prolog;
    r->codes = u->ncodes;
    r->size = shown_size(u);
    if (u->handler) {
        r->handler = f->base + u->handler;
        r->handler_data = u->handler_data;
        return sc_near(f->session, f->base + u->handler, f->arena, &r->handler_name);
    }
    return NULL;
}

static sc_err *take_xdata(const struct fnent *f, struct entry_rec *r) {
    struct sc_pe_xdata x;
    sc_err *err = sc_pe_xdata(f->pe, r->unwind, &x);
    if (err) {
        r->missing = sc_arena_strdup(f->arena, sc_err_text(err));
        return r->missing ? nothing(err) : err;
    }
    r->has_unwind = true;
    r->unwind_address = f->base + r->unwind;
    r->version = x.version;
    r->flags = x.has_handler;
    r->codes = x.codes_size;
    r->size = x.size;
    if (x.handler) {
        r->handler = f->base + x.handler;
        r->handler_data = x.handler_data;
        return sc_near(f->session, f->base + x.handler, f->arena, &r->handler_name);
    }
    return NULL;
}

enum { CHAIN_MAX = 32 };

static sc_err *show_entries(const struct fnent *f, const struct sc_pe_function *first,
                            const char *name) {
    sc_out *out = sc_session_out(f->session);
    struct sc_pe_function fn = *first;
    bool x64 = sc_pe_cpu(f->pe) == SC_CPU_X64;
    for (unsigned i = 0; i < CHAIN_MAX; i++) {
        struct sc_pe_unwind u = {.ncodes = 0};
        struct entry_rec r = {.entry = fn.entry ? f->base + fn.entry : SC_UNSET64,
                              .unwind_address = SC_UNSET64,
                              .handler = SC_UNSET64,
                              .begin = fn.begin,
                              .end = fn.end,
                              .unwind = fn.unwind,
                              .packed = fn.packed,
                              .chained = i > 0,
                              .name = name};
        sc_err *err = NULL;
        if (x64 && fn.unwind)
            err = take_unwind(f, &r, &u);
        else if (fn.unwind)
            err = take_xdata(f, &r);
        if (err)
            return err;
        sc_record(out, &entry_type, &r, entry_text, NULL);
        show_codes(f->session, &u);
        if (!u.chained)
            return NULL;
        fn = u.chain;
    }
    sc_remark(out, "The chain goes on: more than %d entries.", CHAIN_MAX);
    return NULL;
}

/* The `ln` line of the address. */
static sc_err *show_place(const struct fnent *f, uint64_t addr) {
    char line[64];
    snprintf(line, sizeof line, "ln 0x%llx", (ull)addr);
    sc_session_run_nested(f->session, line);
    return NULL; /* what went wrong stands in its place */
}

/* What the dump lacks, or an image that is damaged: the address has no entry that can be shown. */
static sc_err *lacking(sc_err *own_err, const char *what, const char *module) {
    enum sc_err_code code = sc_err_code(own_err);
    if (code != SC_ERR_MEMORY && code != SC_ERR_FORMAT)
        return own_err;
    sc_err *err = sc_errf(SC_ERR_NOT_FOUND, "the %s of %s cannot be read: %s", what, module,
                          sc_err_text(own_err));
    sc_err_destroy(own_err);
    return err;
}

static sc_err *run_fnent(sc_session *session, const struct sc_args *args) {
    sc_target *target = sc_session_target(session);
    uint64_t addr = sc_space_canon(sc_target_space(target), args->v[0].num);
    const struct sc_module *m = sc_target_module_at(target, addr);
    struct fnent f = {.session = session, .arena = args->arena};
    struct sc_pe_function fn;
    if (!m)
        return sc_errf(SC_ERR_NOT_FOUND, "no module contains 0x%llx", (ull)addr);
    const char *name;
    sc_err *err = sc_near(session, addr, args->arena, &name);
    if (!err)
        err = sc_module_image(session, m, &f.pe);
    if (err)
        return lacking(err, "image", m->name);
    f.base = m->base;
    err = sc_pe_function_find(f.pe, (uint32_t)(addr - m->base), &fn);
    if (err && sc_err_code(err) == SC_ERR_NOT_FOUND) {
        sc_err_destroy(err);
        err = name ? sc_errf(SC_ERR_NOT_FOUND, "No function entry for %s", name) : sc_err_nomem();
    } else if (err) {
        err = lacking(err, "function table", m->name);
    }
    if (!err) {
        char a[SC_ADDR_BUF];
        sc_printf(sc_session_out(session), "Debugger function entry %s for:\n",
                  sc_addr_text(fn.entry ? m->base + fn.entry : 0, 8, a));
        err = show_place(&f, addr);
    }
    if (!err)
        err = show_entries(&f, &fn, name);
    sc_pe_close(f.pe);
    return err;
}

static const struct sc_arg fnent_args[] = {
    {SC_ARG_EXPR, "address", NULL, false, "an address in the function"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_function_commands[] = {
    {.name = ".fnent",
     .brief = "show the function table entry of an address",
     .needs = SC_NEED_TARGET,
     .args = fnent_args,
     .help = "The entry, its unwind data and the entries it is chained to, from the image in "
             "memory or in the image path. BeginAddress of the last \"Chained info\" plus the "
             "module's base is the start of the function that moved code belongs to.\n"
             "x64, ARM64 and ARM have such tables; x86 has none.",
     .sample = ".fnent @$ip",
     .run = run_fnent},
    {.name = NULL},
};
