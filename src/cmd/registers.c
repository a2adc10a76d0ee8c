/* SPDX-License-Identifier: MIT */
/*
 * `r`, `.cxr` and `.ecxr`: showing registers and choosing the context they come from.
 *
 * A dump is only read: `r rax = 5` is refused, `r $t0 = 5` sets a pseudo-register.
 */
#include <ctype.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"
#include "cmd/script.h"
#include "cmd/show.h"
#include "cmd/unasm.h"

/* ---- one register, as a record ---- */

struct one {
    const char *name, *text; /* text: the bytes of a wide register, else NULL */
    uint64_t value;
};
static const struct sc_field one_fields[] = {SC_FIELD(struct one, name, SC_F_STR),
                                             SC_FIELD(struct one, value, SC_F_HEX64),
                                             SC_FIELD(struct one, text, SC_F_STR), SC_FIELD_END};
static const struct sc_rectype one_type = {"register", sizeof(struct one), one_fields};

struct one_show {
    const struct sc_regs *regs;
    const struct sc_reg *reg; /* NULL: a pseudo-register */
    const char *type;         /* ":ub" or NULL */
    int digits;
    bool first;
};

static void one_text(sc_out *out, const void *record, void *ctx) {
    const struct one *o = record;
    const struct one_show *s = ctx;
    sc_printf(out, "%s%s=", s->first ? "" : " ", o->name);
    if (!s->reg)
        sc_printf(out, "%0*llx", s->digits, (unsigned long long)o->value);
    else if (s->type)
        sc_reg_text_as(out, s->regs, s->reg, s->type);
    else
        sc_reg_text(out, s->regs, s->reg);
}

/* ---- `r` with operands ---- */

struct parse {
    sc_session *session;
    sc_arena *arena;
    const char *p;
    struct sc_regs regs;
    bool has_regs;
    bool first; /* nothing shown on this line yet */
};

static void skip_blanks(struct parse *s) {
    while (*s->p == ' ' || *s->p == '\t')
        s->p++;
}

static bool name_char(char c) { return isalnum((unsigned char)c) || c == '$' || c == '_'; }

/* The next name, with or without '@', into the arena; NULL in *RET_NAME when there is none. */
static sc_err *take_name(struct parse *s, const char **ret_name) {
    skip_blanks(s);
    const char *start = s->p + (*s->p == '@'), *end = start;
    while (name_char(*end))
        end++;
    if (end == start)
        return sc_errf(SC_ERR_ARG, "a register's name was expected at '%s'", s->p);
    char *name = sc_arena_strndup(s->arena, start, (size_t)(end - start));
    if (!name)
        return sc_err_nomem();
    s->p = end;
    *ret_name = name;
    return NULL;
}

/* The type suffix behind a colon; NULL when there is none. */
static sc_err *take_type(struct parse *s, const char **ret_type) {
    *ret_type = NULL;
    if (*s->p != ':')
        return NULL;
    const char *start = ++s->p;
    while (isalnum((unsigned char)*s->p))
        s->p++;
    *ret_type = sc_arena_strndup(s->arena, start, (size_t)(s->p - start));
    return *ret_type ? NULL : sc_err_nomem();
}

static sc_err *need_regs(struct parse *s) {
    if (s->has_regs)
        return NULL;
    sc_err *err = sc_session_regs(s->session, &s->regs);
    s->has_regs = !err;
    return err;
}

static bool format_fits(const struct sc_reg *reg, const char *type) {
    static const char *const known[] = {"ib", "ub", "iw", "uw", "id", "ud", "iq", "uq", "f", "d"};
    while (isdigit((unsigned char)*type))
        type++;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!sc_strcasecmp(known[i], type))
            return reg->size == 8 || reg->size == 16;
    return false;
}

static sc_err *show_register(struct parse *s, const struct sc_reg *reg, const char *type) {
    struct one o = {.name = reg->name};
    struct one_show show = {&s->regs, reg, type, 0, s->first};
    sc_out *out = sc_session_out(s->session);
    if (type && !format_fits(reg, type))
        return sc_errf(SC_ERR_ARG,
                       "'%s' does not fit %s: ib ub iw uw id ud iq uq f d, on 64-bit and 128-bit "
                       "registers",
                       type, reg->name);
    if (!sc_reg_present(&s->regs, reg))
        return sc_errf(SC_ERR_NOT_FOUND, "the context record does not hold %s (ContextFlags %08x)",
                       reg->name, sc_regs_context_flags(&s->regs));
    o.value = sc_reg_value(&s->regs, reg);
    if (reg->size > 8) {
        uint8_t b[16];
        char text[33];
        sc_reg_bytes(&s->regs, reg, b);
        for (unsigned i = 0; i < reg->size; i++)
            for (unsigned h = 0; h < 2; h++)
                text[2 * i + h] = "0123456789abcdef"[b[reg->size - 1 - i] >> (h ? 0 : 4) & 15];
        o.text = sc_arena_strndup(s->arena, text, 2u * reg->size);
        if (!o.text)
            return sc_err_nomem();
    }
    sc_record(out, &one_type, &o, one_text, &show);
    s->first = false;
    return NULL;
}

static sc_err *show_pseudo(struct parse *s, const char *name) {
    struct one o = {.name = name};
    struct one_show show = {NULL, NULL, NULL, (int)sc_session_ptr_size(s->session) * 2, s->first};
    sc_err *err = sc_session_pseudo_get(s->session, name, &o.value);
    if (err)
        return err;
    if (show.digits == 8)
        o.value &= UINT32_MAX; /* expressions sign-extend a 32-bit target's numbers */
    sc_record(sc_session_out(s->session), &one_type, &o, one_text, &show);
    s->first = false;
    return NULL;
}

static sc_err *assign(struct parse *s, const char *name) {
    uint64_t value;
    s->p++; /* the '=' */
    skip_blanks(s);
    if (!sc_session_is_pseudo(name))
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "%s cannot be changed: this is a dump, whose registers are evidence; "
                       ".cxr shows another context, and $t0 … $t19 hold values of your own",
                       name);
    sc_err *err = sc_session_eval_prefix(s->session, s->p, &value, &s->p);
    return err ? err : sc_session_pseudo_set(s->session, name, value);
}

static sc_err *one_operand(struct parse *s) {
    const char *name = NULL, *type = NULL;
    sc_err *err = take_name(s, &name);
    if (!err)
        err = take_type(s, &type);
    if (err)
        return err;
    skip_blanks(s);
    if (*s->p == '=')
        return assign(s, name);
    if (sc_session_is_pseudo(name))
        return show_pseudo(s, name);
    err = need_regs(s);
    if (err)
        return err;
    const struct sc_reg *reg = sc_reg_find(s->regs.cpu, name);
    if (!reg)
        return sc_errf(SC_ERR_NOT_FOUND, "%s has no register '%s'", sc_cpu_name(s->regs.cpu), name);
    return show_register(s, reg, type);
}

static sc_err *operands(struct parse *s) {
    sc_err *err = NULL;
    s->first = true;
    while (!err) {
        err = one_operand(s);
        skip_blanks(s);
        if (*s->p == ',')
            s->p++;
        else if (!*s->p || err)
            break;
    }
    if (!s->first)
        sc_puts(sc_session_out(s->session), "\n");
    return err;
}

/* `M mask`, `F`, `X` at the start of the operands: *RET_MASK, 0 when there is none. */
static sc_err *take_mask(struct parse *s, unsigned *ret_mask) {
    uint64_t mask;
    char c = *s->p;
    *ret_mask = 0;
    if ((c == 'F' || c == 'X') && !name_char(s->p[1])) {
        s->p++;
        *ret_mask = c == 'F' ? SC_RM_FLOAT : SC_RM_XMM;
        return NULL;
    }
    if (c != 'M')
        return NULL;
    s->p++;
    skip_blanks(s);
    sc_err *err = sc_session_eval_prefix(s->session, s->p, &mask, &s->p);
    if (err)
        return err;
    if (!mask || mask & ~(uint64_t)SC_RM_ALL)
        return sc_errf(SC_ERR_ARG,
                       "register mask 0x%llx: 1 or 2 integers, 4 x87, 8 segments, 10 MMX, 20 debug "
                       "registers, 40 SSE; a context record holds no others",
                       (unsigned long long)mask);
    *ret_mask = (unsigned)mask;
    return NULL;
}

static sc_err *show_current(sc_session *session, unsigned mask, sc_arena *arena) {
    struct sc_regs regs;
    sc_err *err = sc_session_regs(session, &regs);
    return err ? err : sc_show_regs(session, &regs, mask, arena);
}

/* ---- `r.` ---- */

/* Is the register in the list of what was shown? Else it is now. */
static bool was_shown(const struct sc_reg **list, size_t *count, const struct sc_reg *reg) {
    for (size_t i = 0; i < *count; i++)
        if (list[i] == reg)
            return true;
    list[(*count)++] = reg;
    return false;
}

/* The registers in the operands of the next instruction, each once. */
static sc_err *show_used(struct parse *s) {
    enum { MOST = 16 };
    const struct sc_reg *shown[MOST];
    size_t n = 0;
    struct sc_unasm_at at;
    bool known = false;
    sc_err *err = need_regs(s);
    if (!err)
        err = sc_unasm_at(s->session, &s->regs, s->arena, &at, &known);
    if (!err && !known)
        err = sc_errf(SC_ERR_NOT_FOUND, "the next instruction cannot be read");
    s->first = true;
    for (const char *p = err ? "" : at.insn.operands; !err && *p && n < MOST;) {
        size_t len = strcspn(p, ",[]()+-*: ");
        char name[8] = "";
        if (len < sizeof name)
            memcpy(name, p, len);
        const struct sc_reg *reg = len ? sc_reg_find(s->regs.cpu, name) : NULL;
        if (reg && !was_shown(shown, &n, reg))
            err = show_register(s, reg, NULL);
        p += len + (p[len] != 0);
    }
    if (!s->first)
        sc_puts(sc_session_out(s->session), "\n");
    return err;
}

static sc_err *refuse_special(const char *text) {
    if (!strcmp(text, "m") || !strncmp(text, "m ", 2))
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "there is no default mask to show or set: rM mask (capital M) shows groups");
    if (*text == '?')
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "r? gives pseudo-registers a type, which is not kept here; "
                       "`?? @$t0 = expression` sets one to a C++ value");
    return NULL;
}

/* The text of a fixed-name alias reaches to the end of the line, ';' included. */
static const char *end_r(const char *operands) {
    unsigned index;
    const char *value;
    return sc_alias_fixed_text(operands + strspn(operands, " \t"), &index, &value)
               ? sc_end_line(operands)
               : sc_piece_end(operands, false);
}

static sc_err *run_r(sc_session *session, const struct sc_args *args) {
    struct parse s = {.session = session, .arena = args->arena};
    unsigned mask, index;
    const char *value;
    if (args->v[0].given && sc_alias_fixed_text(args->v[0].text, &index, &value))
        return sc_alias_set_fixed(session, index, value, strlen(value));
    /* "rF", "rX" and "rM" may have been taken as the command's name. */
    const char *rest = args->v[0].given ? args->v[0].text : "";
    s.p = sc_arena_printf(args->arena, "%s %s", args->command + 1, rest);
    if (!s.p)
        return sc_err_nomem();
    skip_blanks(&s);
    if (!strcmp(s.p, "."))
        return show_used(&s);
    sc_err *err = refuse_special(s.p);
    if (!err)
        err = take_mask(&s, &mask);
    if (err)
        return err;
    skip_blanks(&s);
    if (*s.p == ',')
        s.p++;
    if (!*s.p)
        return show_current(session, mask ? mask : SC_RM_DEFAULT, args->arena);
    return operands(&s);
}

/* ---- .cxr, .ecxr ---- */

/*
 * Reads as much of a CONTEXT as memory holds, at least its integer registers. The record in a
 * triage dump may be cut where the saved stack ends.
 */
static sc_err *read_context(sc_target *target, uint64_t addr, struct sc_regs *ret) {
    uint8_t raw[SC_CONTEXT_MAX];
    enum sc_cpu cpu = sc_target_machine(target)->cpu;
    size_t size = sc_context_size(cpu), got = 0;
    if (!size)
        return sc_errf(SC_ERR_UNSUPPORTED, "no register layout is known for this CPU (%s)",
                       sc_cpu_name(cpu));
    sc_space *space = sc_target_space(target);
    addr = sc_space_canon(space, addr);
    enum sc_read status = sc_space_read(space, addr, raw, size, &got);
    if (status == SC_READ_OK)
        return sc_regs_init(ret, cpu, raw, size);
    struct sc_regs regs;
    sc_err *err = sc_regs_init(&regs, cpu, raw, got);
    if (err) {
        sc_err_destroy(err);
        return sc_err_mem(addr + got, "context record at 0x%llx: %s", (unsigned long long)addr,
                          sc_read_name(status));
    }
    *ret = regs;
    return NULL;
}

/* A context that cannot be one is not adopted: all later commands would lie. */
static sc_err *check_context(const struct sc_regs *regs, uint64_t addr) {
    size_t n = 0;
    const struct sc_reg *t = sc_reg_table(regs->cpu, &n);
    for (size_t i = 0; i < n; i++)
        if (sc_reg_present(regs, &t[i]))
            return NULL;
    return sc_errf(SC_ERR_ARG,
                   "there is no %s context record at 0x%llx: its ContextFlags would be 0x%08x",
                   sc_cpu_name(regs->cpu), (unsigned long long)addr, sc_regs_context_flags(regs));
}

static sc_err *run_cxr(sc_session *session, const struct sc_args *args) {
    struct sc_regs regs;
    if (!args->v[0].given || args->v[0].num == 0) {
        sc_session_set_regs(session, NULL);
        sc_remark(sc_session_out(session), "Resetting default scope");
        return NULL;
    }
    sc_err *err = read_context(sc_session_target(session), args->v[0].num, &regs);
    if (!err)
        err = check_context(&regs, args->v[0].num);
    if (err)
        return err;
    sc_session_set_regs(session, &regs);
    return sc_show_regs(session, &regs, SC_RM_DEFAULT, args->arena);
}

static sc_err *run_ecxr(sc_session *session, const struct sc_args *args) {
    struct sc_regs regs;
    sc_err *err = sc_target_event_regs(sc_session_target(session), &regs);
    if (err)
        return err;
    sc_session_set_regs(session, &regs);
    return sc_show_regs(session, &regs, SC_RM_DEFAULT, args->arena);
}

/* ---- rows ---- */

static const struct sc_arg r_args[] = {
    {SC_ARG_REST, "registers", NULL, true, "M mask, F or X; names; or $t0 = value"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg cxr_args[] = {
    {SC_ARG_EXPR, "address", NULL, true, "of a CONTEXT record; none: back to the stored registers"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_register_commands[] = {
    {.name = "r",
     .aliases = "rM rF rX",
     .brief = "show registers, or set a pseudo-register",
     .needs = 0,
     .touch = true,
     .args = r_args,
     .end = end_r,
     .help = "Without operands: the integer registers, the flags, and the place they stand at.\n"
             "rM mask chooses groups: 2 integers, 4 x87, 8 segments, 10 MMX, 20 debug registers, "
             "40 SSE. rF is rM 4, rX is rM 40.\n"
             "r rax, zf shows single registers, flags and parts (eax, al, w0); r xmm0:2uq shows "
             "elements of a vector: ib ub iw uw id ud iq uq f d.\n"
             "r $t0 = expression sets $t0 … $t19; r $.u0=text sets the alias $u0 … $u9. Real "
             "registers of a dump cannot be changed.\n"
             "r. shows the registers that the next instruction names.\n"
             "Behind the next instruction stands the memory it is about to touch, or whether it "
             "will jump.",
     .sample = "r $t0 = 5",
     .run = run_r},
    {.name = ".cxr",
     .brief = "use the context record at an address, or the stored registers again",
     .needs = SC_NEED_TARGET,
     .args = cxr_args,
     .help = "Shows the CONTEXT record and makes its registers the ones that r, expressions and "
             "stack commands use, until .cxr without an address.",
     .sample = ".cxr",
     .run = run_cxr},
    {.name = ".ecxr",
     .brief = "use the registers of the exception that the dump was written for",
     .needs = SC_NEED_TARGET,
     .help = "A user dump keeps the faulting thread's registers twice: as they were at the "
             "exception, which is what this shows, and as they were when the dump was written.",
     .sample = ".ecxr",
     .run = run_ecxr},
    {.name = NULL},
};
