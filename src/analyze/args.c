/* SPDX-License-Identifier: MIT */
/*
 * Parameters explained. The table of bug checks says what each one is (its kind); here its value
 * is put into words: by the table's own list of values, by its kind (an NTSTATUS, an IRQL, a pool
 * tag, …), and by what the target's memory holds where it points.
 *
 * An exception record, a context or a trap frame that a parameter points to becomes the analysis'
 * exception or registers. The first of each wins; a context is better than a trap frame.
 */
#include "analyze/args.h"

#include <stdio.h>
#include <string.h>

#include "analyze/exception_words.h"
#include "analyze/explain.h"
#include "analyze/records.h"
#include "base/utf.h"
#include "nt/irql.h"
#include "nt/pooltag.h"
#include "nt/status.h"

static const char *status_meaning(sc_arena *arena, uint32_t status, const char *table) {
    struct nt_errtext text;
    if (!nt_status_text(status, &text))
        return table[0] ? sc_arena_strdup(arena, table)
                        : sc_arena_printf(arena, "not a known status, severity %s",
                                          nt_status_severity(status));
    if (table[0])
        return sc_arena_printf(arena, "%s: %s", text.name, table);
    /* Messages with placeholders are forms to be filled in: no use here. */
    if (!text.message[0] || strchr(text.message, '%'))
        return sc_arena_strdup(arena, text.name);
    const char *message = sc_status_sentence(text.message);
    size_t len = strlen(message); /* a part of a sentence here: no full stop of its own */
    if (len && message[len - 1] == '.')
        len--;
    return sc_arena_printf(arena, "%s: %.*s", text.name, (int)len, message);
}

static const char *tag_meaning(sc_arena *arena, uint64_t value) {
    struct nt_pooltag tag;
    char text[5] = {0};
    for (unsigned i = 0; i < 4; i++) {
        unsigned ch = (unsigned)(value >> 8 * i) & (i == 3 ? 0x7f : 0xff);
        if (ch < 0x20 || ch >= 0x7f)
            return "";
        text[i] = (char)ch;
    }
    if (!nt_pooltag_find((uint32_t)value, 0, &tag))
        return sc_arena_printf(arena, "pool tag '%s', of no known owner", text);
    return sc_arena_printf(arena, "pool tag '%s': %s%s%s", text, tag.text,
                           tag.binary[0] ? ", " : "", tag.binary);
}

/* By kind alone; "" when the kind says nothing more, NULL when memory is short. */
static const char *kind_meaning(sc_arena *arena, const struct sc_bug_arg *arg, uint64_t value,
                                enum sc_cpu cpu, const char *table) {
    struct sc_bug bug;
    const char *name;
    switch (arg->kind) {
    case SC_BUG_NTSTATUS: return status_meaning(arena, (uint32_t)value, table);
    case SC_BUG_IRQL: name = table[0] ? NULL : nt_irql_name(cpu, value); return name ? name : "";
    case SC_BUG_BUGCHECKCODE:
        return sc_bug_explain((uint32_t)value, NULL, false, &bug) ? bug.name : "";
    case SC_BUG_POOLTAG: return table[0] ? "" : tag_meaning(arena, value);
    case SC_BUG_COUNT:
        if (table[0] || value < 10)
            return "";
        return sc_arena_printf(arena, "%llu in decimal", (unsigned long long)value);
    case SC_BUG_CPU:
        if (table[0] || value > 0xffff)
            return "";
        return sc_arena_printf(arena, "processor %llu", (unsigned long long)value);
    default: return "";
    }
}

const char *sc_arg_meaning(sc_arena *arena, const struct sc_bug_arg *arg, uint64_t value,
                           enum sc_cpu cpu, bool *nomem) {
    char table[512];
    bool is32 = sc_cpu_ptr_size(cpu) == 4;
    if (is32)
        value &= 0xffffffff;
    sc_bug_meaning(arg, value, is32, table, sizeof table);
    const char *text = kind_meaning(arena, arg, value, cpu, table);
    if (text && !text[0] && table[0])
        text = sc_arena_strdup(arena, table);
    if (!text) {
        *nomem = true;
        return NULL;
    }
    return text[0] ? text : NULL;
}

static const char *exception_meaning(struct sc_case *c, uint64_t va) {
    struct sc_exception e;
    struct nt_errtext text;
    if (!sc_load_exception(c, va, &e))
        return NULL;
    if (!c->a->has_exception)
        sc_take_exception(c, &e, va);
    return sc_case_text(c, "%s (%08x) at %s",
                        nt_status_text(e.code, &text) ? text.name : "exception", e.code,
                        sc_case_place(c, sc_case_canon(c, e.address)));
}

static const char *context_meaning(struct sc_case *c, uint64_t va) {
    struct sc_regs regs;
    if (!sc_load_context(c, va, &regs))
        return NULL;
    if (!c->a->has_regs || c->regs_partial)
        sc_take_regs(c, &regs, va, ".cxr", false);
    return sc_case_text(c, "stands at %s", sc_case_place(c, sc_regs_ip(&regs)));
}

static const char *trap_meaning(struct sc_case *c, uint64_t va) {
    struct sc_regs regs;
    if (!sc_load_trap_frame(c, va, &regs))
        return NULL;
    if (!c->a->has_regs)
        sc_take_regs(c, &regs, va, ".trap", true);
    return sc_case_text(c, "stands at %s", sc_case_place(c, sc_regs_ip(&regs)));
}

/* What the memory at VALUE adds; NULL when it is not in the dump, or nothing that is understood. */
static const char *pointed_meaning(struct sc_case *c, enum sc_bug_kind kind, uint64_t value) {
    const char *text;
    switch (kind) {
    case SC_BUG_EXCEPTION: return exception_meaning(c, value);
    case SC_BUG_CONTEXT: return context_meaning(c, value);
    case SC_BUG_TRAPFRAME: return trap_meaning(c, value);
    case SC_BUG_STRING:
    case SC_BUG_UNISTRING: text = sc_load_text(c, value); break;
    default: return NULL;
    }
    return text ? sc_case_text(c, "\"%s\"", text) : NULL;
}

/* Is it worth looking VALUE up among the modules? */
static bool may_have_place(const struct sc_case *c, enum sc_bug_kind kind, uint64_t value) {
    if (!value)
        return false;
    if (kind == SC_BUG_NONE || kind == SC_BUG_VALUE)
        return c->machine->kernel && sc_case_in_kernel(c, value);
    return sc_kind_is_address(kind);
}

/* Numbers that stand for something in memory. */
static const char *number_meaning(struct sc_case *c, const struct sc_bug_arg *known,
                                  uint64_t value) {
    if (known->kind == SC_BUG_PTE && strncmp(known->text, "Contents", 8) == 0)
        return sc_pte_text(c, value);
    if (known->kind == SC_BUG_PFN && value && value <= UINT32_MAX)
        return sc_case_text(c, "physical address %llx", (unsigned long long)value << 12);
    return NULL;
}

/* Sub-codes without tables of their own: what happened is what they mean. */
static void subcode_meaning(struct sc_case *c) {
    size_t len = strlen(c->bug.brief);
    for (unsigned i = 0; c->bug.subcode && len && i < 4; i++) {
        struct sc_bugarg *arg = &c->a->arg[i];
        if (c->bug.arg[i].kind == SC_BUG_SUBCODE && !arg->meaning && (!i || arg->value))
            arg->meaning =
                sc_case_text(c, "%.*s", (int)len - (c->bug.brief[len - 1] == '.'), c->bug.brief);
    }
}

void sc_args_explain(struct sc_case *c) {
    for (unsigned i = 0; i < 4; i++) {
        const struct sc_bug_arg *known = &c->bug.arg[i];
        struct sc_bugarg *arg = &c->a->arg[i];
        uint64_t value = sc_case_canon(c, c->machine->bugcheck_arg[i]);
        arg->value = value;
        arg->kind = sc_bug_kind_name(known->kind);
        arg->text = known->text;
        arg->meaning = sc_arg_meaning(c->arena, known, value, c->machine->cpu, &c->nomem);
        const char *pointed = value ? pointed_meaning(c, known->kind, value) : NULL;
        if (pointed)
            arg->meaning = pointed;
        if (!arg->meaning)
            arg->meaning = number_meaning(c, known, value);
        const char *object = sc_kind_object(c, known->kind, value);
        if (object)
            sc_arg_add(c, i + 1, "%s", object);
        if (may_have_place(c, known->kind, value))
            arg->where = sc_case_where(c, value);
    }
    subcode_meaning(c);
    sc_explain_records(c);
}
