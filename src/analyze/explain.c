/* SPDX-License-Identifier: MIT */
/* Which bug check is explained by which function, and what those functions share. */
#include "analyze/explain.h"

#include <string.h>

typedef void (*explain_fn)(struct sc_case *c);

static const struct {
    uint32_t code;
    explain_fn run;
} rows[] =
    {
        {0x7f, sc_explain_trap},      {0x139, sc_explain_fail_fast}, {0x133, sc_explain_watchdog},
        {0x101, sc_explain_watchdog}, {0x1ca, sc_explain_watchdog},  {0x9f, sc_explain_power},
        {0x15f, sc_explain_power},    {0x1a, sc_explain_memory},     {0x4e, sc_explain_memory},
        {0x12b, sc_explain_memory},   {0xbe, sc_explain_memory},     {0xfc, sc_explain_memory},
        {0x19, sc_explain_pool},      {0xc2, sc_explain_pool},       {0x13a, sc_explain_pool},
        {0xc4, sc_explain_pool},      {0xef, sc_explain_process},    {0xf4, sc_explain_process},
        {0x124, sc_explain_whea},
},
  records[] = {
      {0x7f, sc_explain_trap_frame},
      {0x154, sc_explain_store},
};

uint64_t sc_arg(const struct sc_case *c, unsigned n) { return c->a->arg[n - 1].value; }

void sc_arg_add(struct sc_case *c, unsigned n, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *text = sc_case_vtext(c, fmt, ap);
    va_end(ap);
    struct sc_bugarg *arg = &c->a->arg[n - 1];
    arg->meaning = arg->meaning ? sc_case_text(c, "%s; %s", arg->meaning, text) : text;
}

void sc_arg_absent(struct sc_case *c, unsigned n, const char *text) {
    uint64_t start, size;
    if (sc_space_next(sc_target_space(c->target), 0, &start, &size))
        sc_arg_add(c, n, "%s", text);
}

void sc_take_regs(struct sc_case *c, const struct sc_regs *regs, uint64_t va, const char *command,
                  bool partial) {
    c->a->regs = *regs;
    c->a->has_regs = c->regs_of_fault = true;
    c->regs_partial = partial;
    c->context_va = va;
    c->a->regs_command = sc_case_text(c, "%s 0x%s", command, sc_case_hex(c, va));
}

void sc_take_exception(struct sc_case *c, const struct sc_exception *e, uint64_t va) {
    c->a->has_exception = true;
    c->a->exception = *e;
    c->a->exception.address = sc_case_canon(c, e->address);
    c->a->exception_va = va;
}

bool sc_one_bit(uint64_t value, unsigned *ret_bit) {
    if (!value || (value & (value - 1)))
        return false;
    unsigned bit = 0;
    while (!(value >> bit & 1))
        bit++;
    *ret_bit = bit;
    return true;
}

void sc_explain_records(struct sc_case *c) {
    uint32_t code = sc_plain_code(c->a->code);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        if (records[i].code == code)
            records[i].run(c);
}

void sc_explain(struct sc_case *c) {
    uint32_t code = sc_plain_code(c->a->code);
    for (size_t i = 0; c->a->has_bugcheck && i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code)
            rows[i].run(c);
    if (c->a->has_bugcheck)
        sc_explain_numbers(c);
    sc_explain_moment(c);
}
