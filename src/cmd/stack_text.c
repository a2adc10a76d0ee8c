/* SPDX-License-Identifier: MIT */
/*
 * The lines of a stack, as WinDbg of the time of the published listings writes them:
 *
 *     Child-SP          RetAddr           Call Site                              x64: k
 *     fffff880`05db1b08 fffff800`0174a9c0 nt!KeBugCheckEx
 *     RetAddr           : Args to Child      (four columns)   : Call Site        x64: kb
 *     Child-SP          RetAddr           : Args to Child … : Call Site          x64: kv
 *     ChildEBP RetAddr                                                           x86: k
 *     ChildEBP RetAddr  Args to Child                                            x86: kb, kv
 *      #   Memory  Child-SP …                                                    n and f in front
 *     (Inline Function) --------`-------- Wdf01000!FxDriverDeviceAdd::Invoke+0x30
 *     nt!KiTrap0E+0xcc (FPO: [0,0] TrapFrame @ b200be40) [d:\x\trap.asm @ 123]   kv
 *     app!main(int argc = 0n1, char ** argv = 0x00401000)+0x12                   kp
 *
 * Behind the line, in brackets and only with `.enrich on`, stands what WinDbg does not say.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/stack.h"
#include "cmd/wow64.h"

typedef unsigned long long ull;

struct sc_kstyle sc_kstyle_of(sc_session *session, const struct sc_kform *form,
                              const struct sc_stack *stack) {
    enum sc_cpu cpu = stack->count ? stack->frame[0].regs.cpu : sc_session_cpu(session);
    return (struct sc_kstyle){.form = form,
                              .cpu = cpu,
                              .ptr_size = sc_cpu_ptr_size(cpu) == 4 ? 4 : 8,
                              .enrich = sc_session_enrich(session),
                              .before = form->before};
}

/* ---- the heading ---- */

void sc_stack_head(sc_out *out, const struct sc_kstyle *style) {
    const struct sc_kform *form = style->form;
    bool wide = style->ptr_size == 8;
    if (style->before)
        sc_puts(out, style->before);
    if (form->numbers)
        sc_puts(out, " # ");
    if (form->memory)
        sc_puts(out, "  Memory  ");
    if (form->clean) {
        sc_puts(out, wide ? "Call Site\n" : "\n");
        return;
    }
    if (!wide) {
        sc_puts(out, form->args ? "ChildEBP RetAddr  Args to Child              \n"
                                : "ChildEBP RetAddr  \n");
        return;
    }
    if (form->child)
        sc_puts(out, "Child-SP          ");
    sc_puts(out, "RetAddr           ");
    if (form->args)
        sc_printf(out, ": %-72s: ", "Args to Child");
    sc_puts(out, "Call Site\n");
}

/* ---- the columns ---- */

static void child_columns(sc_out *out, const struct sc_frame_rec *r,
                          const struct sc_kstyle *style) {
    char sp[SC_ADDR_BUF], ret[SC_ADDR_BUF];
    bool wide = style->ptr_size == 8;
    if (r->inlined) {
        sc_puts(out, wide ? "(Inline Function) " : "(Inline) ");
        if (style->form->child || !wide)
            sc_puts(out, wide ? "--------`-------- " : "-------- ");
        return;
    }
    if (style->form->child || !wide)
        sc_printf(out, "%s ", sc_addr_text(sc_frame_child(r->frame), style->ptr_size, sp));
    sc_printf(out, "%s ", sc_addr_text(r->ret, style->ptr_size, ret));
}

static void arg_columns(sc_out *out, const struct sc_frame_rec *r, const struct sc_kstyle *style) {
    char addr[SC_ADDR_BUF];
    bool wide = style->ptr_size == 8;
    size_t n = wide ? 4 : 3;
    sc_puts(out, wide ? ": " : "");
    for (size_t i = 0; i < n; i++) {
        if (r->inlined)
            sc_puts(out, wide ? "--------`-------- " : "-------- ");
        else
            sc_printf(out, "%s ",
                      sc_addr_text(i < r->nargs ? r->args[i] : 0, style->ptr_size, addr));
    }
    sc_puts(out, wide ? ": " : "");
}

static void columns(sc_out *out, const struct sc_frame_rec *r, const struct sc_kstyle *style) {
    const struct sc_kform *form = style->form;
    if (form->numbers)
        sc_printf(out, form->decimal ? "%02u " : "%02x ", r->number);
    if (form->memory && r->memory == SC_UNSET64)
        sc_puts(out, "          ");
    else if (form->memory)
        sc_printf(out, "%9llx ", (ull)(style->ptr_size == 4 ? (uint32_t)r->memory : r->memory));
    if (form->clean)
        return;
    child_columns(out, r, style);
    if (form->args)
        arg_columns(out, r, style);
}

/* ---- the call site ---- */

static void params(sc_out *out, const struct sc_frame_rec *r, bool lines) {
    if (!r->nparams) {
        sc_puts(out, "(void)");
        return;
    }
    sc_puts(out, "(");
    for (size_t i = 0; i < r->nparams; i++) {
        const struct sc_local_row *p = &r->params[i];
        sc_puts(out, i ? ", " : "");
        sc_puts(out, lines ? "\n\t\t\t" : "");
        sc_printf(out, "%s %s = %s", p->type, p->name, p->value);
    }
    sc_puts(out, ")");
}

/* The symbol with its parameters between the name and what follows it. */
static void call_site(sc_out *out, const struct sc_frame_rec *r, const struct sc_kform *form) {
    size_t n = r->module ? strlen(r->module) : 0;
    if (r->name)
        n += 1 + strlen(r->name);
    if (form->clean && r->module) {
        sc_printf(out, "%.*s", (int)n, r->symbol);
        return;
    }
    if (!form->params || !r->has_params || !r->name) {
        sc_printf(out, "%s", r->symbol);
        return;
    }
    sc_printf(out, "%.*s", (int)n, r->symbol);
    params(out, r, form->param_lines);
    sc_printf(out, "%s", r->symbol + n);
}

/* FRAMEDATA that begins with ebp as the frame is what FPO_DATA calls no omission at all. */
static bool is_non_fpo(const struct sc_frame_rule *rule) {
    return rule->fpo_kind == 3 ||
           (rule->fpo_kind == 0xff && rule->program && strstr(rule->program, "$T0 $ebp ="));
}

static void fpo_note(sc_out *out, const struct sc_frame_rec *r) {
    const struct sc_frame_rule *rule = &r->frame->rule;
    char addr[SC_ADDR_BUF];
    if (rule->fpo_kind == 1) {
        sc_printf(out, " (FPO: [%u,%u]", rule->params / 4, rule->locals / 4);
        if (r->frame->trap)
            sc_printf(out, " TrapFrame @ %s", sc_addr_text(r->frame->trap, 4, addr));
        sc_puts(out, ")");
    } else if (rule->fpo_kind == 2) {
        uint64_t selector = 0;
        sc_regs_get(&r->frame->regs, "cs", &selector);
        sc_printf(out, " (FPO: TaskGate %x:0)", (unsigned)selector);
    } else if (rule->has_seh) {
        sc_puts(out, " (FPO: [SEH])");
    } else if (is_non_fpo(rule)) {
        sc_puts(out, " (FPO: [Non-Fpo])");
    } else {
        sc_puts(out, " (FPO:");
        if (rule->uses_ebp)
            sc_printf(out, " [EBP 0x%s]", sc_addr_text(r->caller_fp, 4, addr));
        sc_printf(out, " [%u,%u,%u])", rule->params / 4, rule->locals / 4, rule->saved_regs / 4);
    }
}

static void notes(sc_out *out, const struct sc_frame_rec *r, const struct sc_kstyle *style) {
    char addr[SC_ADDR_BUF];
    if (r->inlined)
        sc_printf(out, " (Inline Function @ %s)", sc_addr_text(r->ip, style->ptr_size, addr));
    else if (style->cpu == SC_CPU_X86 && r->frame->has_rule)
        fpo_note(out, r);
    else if (r->frame->trap)
        sc_printf(out, " (TrapFrame @ %s)", sc_addr_text(r->frame->trap, style->ptr_size, addr));
}

/* ---- what WinDbg does not know ---- */

static void better(sc_out *out, const struct sc_frame_rec *r) {
    if (r->belongs_to)
        sc_printf(out, "  [%s]", r->belongs_to);
    if (r->managed)
        sc_puts(out, "  [managed code]");
    if (!r->exact && r->confidence && r->confidence < 100)
        sc_printf(out, "  [%s %u%%]", r->how, r->confidence);
    else if (!r->exact)
        sc_printf(out, "  [%s]", r->how);
}

void sc_frame_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_frame_rec *r = record;
    const struct sc_kstyle *style = ctx;
    const struct sc_kform *form = style->form;
    if (style->before)
        sc_puts(out, style->before);
    columns(out, r, style);
    call_site(out, r, form);
    if (form->notes)
        notes(out, r, style);
    if (r->file && !form->no_lines && !form->clean)
        sc_printf(out, " [%s @ %u]", r->file, r->line);
    if (style->enrich)
        better(out, r);
    sc_puts(out, "\n");
}
