/* SPDX-License-Identifier: MIT */
/*
 * The register block as a record. Which registers there are depends on the CPU and on what the
 * context record holds, so the record and its field table are made for the occasion: a fixed head,
 * then one slot of 8 bytes for each register.
 *
 * Behind the registers stands where they stand: `module+0xoffset:`, and the next instruction with
 * what it is about to touch (unasm_regs.c). Where no disassembler can be had, the end of the
 * instruction is unknown, so all bytes that one may have are shown.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/show.h"
#include "cmd/unasm.h"

/* The record: this head, then the slots. */
struct head {
    const char *cpu, *flags, *symbol, *code;
    const char *instruction, *effect;
    bool context; /* a .cxr or .ecxr context, not the stored one */
    uint32_t current, context_flags;
    uint64_t ip;
};

static const struct sc_field head_fields[] = {
    SC_FIELD(struct head, cpu, SC_F_STR),      SC_FIELD(struct head, current, SC_F_U32),
    SC_FIELD(struct head, context, SC_F_BOOL), SC_FIELD(struct head, context_flags, SC_F_HEX32),
    SC_FIELD(struct head, ip, SC_F_ADDR),      SC_FIELD(struct head, symbol, SC_F_STR),
    SC_FIELD(struct head, code, SC_F_STR),     SC_FIELD(struct head, instruction, SC_F_STR),
    SC_FIELD(struct head, effect, SC_F_STR),   SC_FIELD(struct head, flags, SC_F_STR),
};
enum { NHEAD = sizeof head_fields / sizeof *head_fields };

/* What the text formatter needs beyond the record. */
struct show {
    sc_session *session;
    const struct sc_regs *regs;
    unsigned mask;
    struct sc_code code;
    struct sc_unasm_at at; /* its line is NULL when it could not be disassembled */
};

static unsigned instruction_size(enum sc_cpu cpu) {
    return cpu == SC_CPU_X86 || cpu == SC_CPU_X64 ? 15 : 4;
}

void sc_read_code(sc_target *target, uint64_t addr, struct sc_code *ret) {
    enum sc_cpu cpu = sc_target_machine(target)->cpu;
    unsigned want = instruction_size(cpu);
    memset(ret, 0, sizeof *ret);
    sc_space_read(sc_target_space(target), addr, ret->byte, want, &ret->count);
    bool word = cpu == SC_CPU_ARM64; /* shown as the number it is, not as bytes */
    if (word && ret->count < want)
        ret->count = 0;
    for (size_t i = 0; i < ret->count; i++)
        snprintf(ret->text + 2 * i, 3, "%02x", ret->byte[word ? ret->count - 1 - i : i]);
}

sc_err *sc_near(sc_session *session, uint64_t addr, sc_arena *arena, const char **ret_text) {
    sc_target *target = sc_session_target(session);
    const struct sc_modules *modules;
    sc_err *err = sc_target_modules(target, &modules);
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        return err;
    sc_err_destroy(err); /* a damaged list: then no address has a name; `lm` reports it */
    *ret_text = sc_session_near(session, addr, arena);
    return !*ret_text && sc_target_module_at(target, addr) ? sc_err_nomem() : NULL;
}

static bool shown(const struct sc_reg *reg, unsigned mask) {
    switch (reg->cls) {
    case SC_REG_GPR: return mask & SC_RM_INTEGER;
    case SC_REG_SEG: return mask & SC_RM_SEGMENT;
    case SC_REG_DEBUG: return mask & SC_RM_DEBUG;
    case SC_REG_FLOAT: return mask & SC_RM_FLOAT;
    case SC_REG_VECTOR: return mask & SC_RM_XMM;
    case SC_REG_SUB: return mask & SC_RM_MMX && !strncmp(reg->name, "mm", 2);
    }
    return false;
}

static const char *wide_text(const struct sc_regs *regs, const struct sc_reg *reg,
                             sc_arena *arena) {
    uint8_t b[16];
    char *text = sc_arena_alloc(arena, 2 + 2 * sizeof b + 1);
    if (!text)
        return NULL;
    sc_reg_bytes(regs, reg, b);
    memcpy(text, "0x", 2);
    for (unsigned i = 0; i < reg->size; i++)
        snprintf(text + 2 + 2 * i, 3, "%02x", b[reg->size - 1 - i]);
    return text;
}

/* Appends the registers that are present to the record at SLOT and to the field table. */
static bool fill_slots(const struct show *s, uint8_t *record, struct sc_field *field,
                       sc_arena *arena) {
    size_t n = 0, at = sizeof(struct head);
    const struct sc_reg *t = sc_reg_table(s->regs->cpu, &n);
    for (size_t i = 0; i < n; i++) {
        if (!shown(&t[i], s->mask) || !sc_reg_present(s->regs, &t[i]))
            continue;
        if (t[i].size <= 8) {
            uint64_t v = sc_reg_value(s->regs, &t[i]);
            memcpy(record + at, &v, sizeof v);
        } else {
            const char *text = wide_text(s->regs, &t[i], arena);
            if (!text)
                return false;
            memcpy(record + at, &text, sizeof text);
        }
        *field++ = (struct sc_field){
            .name = t[i].name, .type = t[i].size <= 8 ? SC_F_HEX64 : SC_F_STR, .offset = at};
        at += 8;
    }
    return true;
}

static void location_text(sc_out *out, const struct show *s, const struct head *h) {
    char addr[SC_ADDR_BUF];
    if (h->symbol)
        sc_printf(out, "%s:\n", h->symbol);
    sc_addr_text(h->ip, sc_session_ptr_size(s->session), addr);
    if (s->at.line)
        sc_printf(out, "%s\n", s->at.line);
    else if (s->code.count)
        sc_printf(out, "%s %s\n", addr, s->code.text);
    else
        sc_printf(out, "%s %-15s ???\n", addr, "??");
}

static void registers_text(sc_out *out, const void *record, void *ctx) {
    const struct show *s = ctx;
    sc_regs_text(out, s->regs, s->mask);
    location_text(out, s, record);
}

/* Says so when the record does not claim all the registers that were shown. */
static void remark_missing(sc_out *out, const struct show *s) {
    size_t n = 0, missing = 0;
    const char *first = NULL;
    const struct sc_reg *t = sc_reg_table(s->regs->cpu, &n);
    for (size_t i = 0; i < n; i++)
        if (t[i].cls != SC_REG_SUB && shown(&t[i], s->mask) && !sc_reg_present(s->regs, &t[i])) {
            first = missing++ ? first : t[i].name;
        }
    if (missing)
        sc_remark(out,
                  "ContextFlags %08x: the record does not hold %zu of these registers (%s%s); they "
                  "may be zero or stale.",
                  sc_regs_context_flags(s->regs), missing, first, missing > 1 ? ", …" : "");
}

/* The instruction, or the bytes that it may have. */
static sc_err *find_code(struct show *s, struct head *h, sc_arena *arena) {
    bool known;
    sc_err *err = sc_unasm_at(s->session, s->regs, arena, &s->at, &known);
    if (err)
        return err;
    sc_read_code(sc_session_target(s->session), h->ip, &s->code);
    h->code = s->code.count ? s->code.text : NULL;
    if (!known)
        return NULL;
    s->code.text[2 * s->at.insn.length] = 0;
    h->instruction = *s->at.insn.operands
                         ? sc_arena_printf(arena, "%s %s", s->at.insn.mnemonic, s->at.insn.operands)
                         : sc_arena_strdup(arena, s->at.insn.mnemonic);
    h->effect = s->at.effect;
    return h->instruction ? NULL : sc_err_nomem();
}

sc_err *sc_show_regs(sc_session *session, const struct sc_regs *regs, unsigned mask,
                     sc_arena *arena) {
    struct show s = {.session = session, .regs = regs, .mask = mask};
    char flags[SC_FLAGS_BUF];
    size_t n = 0;
    sc_reg_table(regs->cpu, &n);
    size_t size = sizeof(struct head) + 8 * n;
    struct head *h = sc_arena_alloc(arena, size);
    struct sc_field *fields = sc_arena_array(arena, NHEAD + n + 1, sizeof *fields);
    if (!h || !fields)
        return sc_err_nomem();
    memcpy(fields, head_fields, sizeof head_fields);
    h->cpu = sc_cpu_name(regs->cpu);
    h->flags = sc_flags_text(regs, flags);
    h->context = sc_session_has_context(session);
    h->current = sc_session_current(session);
    h->context_flags = sc_regs_context_flags(regs);
    h->ip = sc_regs_ip(regs);
    sc_err *err = sc_near(session, h->ip, arena, &h->symbol);
    if (err)
        return err;
    err = find_code(&s, h, arena);
    if (err)
        return err;
    if (!fill_slots(&s, (uint8_t *)h, fields + NHEAD, arena))
        return sc_err_nomem();
    struct sc_rectype *type = sc_arena_alloc(arena, sizeof *type);
    if (!type)
        return sc_err_nomem();
    *type = (struct sc_rectype){"registers", size, fields};
    sc_record(sc_session_out(session), type, h, registers_text, &s);
    remark_missing(sc_session_out(session), &s);
    return NULL;
}
