/* SPDX-License-Identifier: MIT */
/* The helpers of an analysis in the making: text, commands, and facts about modules. */
#include "analyze/case.h"

#include <stdio.h>
#include <string.h>

#include "base/utf.h"
#include "base/vec.h"

const char *sc_case_vtext(struct sc_case *c, const char *fmt, va_list ap) {
    const char *text = sc_arena_vprintf(c->arena, fmt, ap);
    if (!text)
        c->nomem = true;
    return text ? text : "";
}

const char *sc_case_text(struct sc_case *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *text = sc_case_vtext(c, fmt, ap);
    va_end(ap);
    return text;
}

const char *sc_case_hex(struct sc_case *c, uint64_t addr) {
    return sc_case_text(c, "%0*llx", (int)c->ptr_size * 2, (unsigned long long)addr);
}

/*
 * Written out here rather than with sc_addr_text(): that belongs to the renderers, and this layer
 * has none.
 */
const char *sc_case_addr(struct sc_case *c, uint64_t addr) {
    if (c->ptr_size == 4)
        return sc_case_hex(c, addr);
    return sc_case_text(c, "%08lx`%08lx", (unsigned long)(addr >> 32),
                        (unsigned long)(addr & 0xffffffff));
}

const char *sc_case_name(struct sc_case *c, const char *name) {
    size_t len = strnlen(name, SC_NAME_MAX + 1);
    if (len > SC_NAME_MAX) {
        len = SC_NAME_MAX;
        while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80)
            len--;
    }
    char *copy = sc_arena_strndup(c->arena, name, len);
    if (!copy)
        c->nomem = true;
    return copy ? copy : "";
}

/* The symbol at or before ADDR. What its files lack or spoil leaves the module's name. */
static bool near_symbol(struct sc_case *c, uint64_t addr, struct sc_near *ret) {
    bool found = false;
    if (!c->symtab)
        return false;
    sc_err *err = sc_symtab_near(c->symtab, addr, ret, &found);
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        c->nomem = true;
    sc_err_destroy(err);
    return !err && found;
}

/* The first bytes of a symbol's name, cut between characters. */
static int symbol_length(const char *name) {
    size_t len = strnlen(name, SC_SYMBOL_MAX + 1);
    if (len > SC_SYMBOL_MAX) {
        len = SC_SYMBOL_MAX;
        while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80)
            len--;
    }
    return (int)len;
}

bool sc_case_is_named(struct sc_case *c, uint64_t addr) {
    struct sc_near near;
    return near_symbol(c, addr, &near);
}

const char *sc_case_where(struct sc_case *c, uint64_t addr) {
    struct sc_near near;
    if (near_symbol(c, addr, &near)) {
        const char *module = sc_case_name(c, near.module->name);
        int len = symbol_length(near.name);
        if (!near.displacement)
            return sc_case_text(c, "%s!%.*s", module, len, near.name);
        return sc_case_text(c, "%s!%.*s+0x%llx", module, len, near.name,
                            (unsigned long long)near.displacement);
    }
    const struct sc_module *m = sc_target_module_at(c->target, addr);
    if (m)
        return sc_case_text(c, "%s+0x%llx", sc_case_name(c, m->name),
                            (unsigned long long)(addr - m->base));
    const struct sc_unloaded *u = sc_target_unloaded_at(c->target, addr);
    if (u && u->name)
        return sc_case_text(c, "<Unloaded_%s>+0x%llx", sc_case_name(c, u->name),
                            (unsigned long long)(addr - u->base));
    return NULL;
}

const char *sc_case_place(struct sc_case *c, uint64_t addr) {
    const char *where = sc_case_where(c, addr);
    return where ? where : sc_case_addr(c, addr);
}

struct nt_driver sc_case_driver(const struct sc_module *module) {
    struct nt_driver d = {NT_DRIVER_VENDOR, "", "", ""};
    if (module)
        nt_driver_find(module->image, &d);
    return d;
}

bool sc_case_is_kernel(const struct sc_module *module) {
    if (!module)
        return false;
    return sc_strcasecmp(module->name, "nt") == 0 || sc_strcasecmp(module->name, "hal") == 0 ||
           sc_case_driver(module).kind == NT_DRIVER_KERNEL;
}

const char *sc_case_who(struct sc_case *c, const struct sc_module *module) {
    struct nt_driver d = sc_case_driver(module);
    const char *image = sc_case_name(c, module->image);
    if (!d.what[0])
        return image;
    if (!d.vendor[0])
        return sc_case_text(c, "%s (%s)", image, d.what);
    return sc_case_text(c, "%s (%s, %s%s)", image, d.vendor, d.what,
                        d.kind == NT_DRIVER_VENDOR ? "" : ", part of Windows");
}

const char *sc_case_extent(struct sc_case *c, const struct sc_module *module) {
    return sc_case_text(c, "%s (%s to %s)", sc_case_name(c, module->image),
                        sc_case_addr(c, module->base),
                        sc_case_addr(c, module->base + module->size));
}

void sc_case_note(struct sc_case *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *text = sc_case_vtext(c, fmt, ap);
    va_end(ap);
    const char **slot = SC_VEC_PUSH(&c->notes);
    if (slot)
        *slot = text;
    else
        c->nomem = true;
}

void sc_case_fact(struct sc_case *c, uint64_t address, const char *command, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *claim = sc_case_vtext(c, fmt, ap);
    va_end(ap);
    if (c->facts.count == SC_FACTS_MAX)
        return;
    struct sc_evidence *slot = SC_VEC_PUSH(&c->facts);
    if (slot)
        *slot = (struct sc_evidence){claim, false, address, command};
    else
        c->nomem = true;
}

const char *sc_case_ln(struct sc_case *c, uint64_t addr) {
    return sc_case_text(c, "ln %s", sc_case_hex(c, addr));
}

const char *sc_case_lm(struct sc_case *c, uint64_t addr) {
    return sc_case_text(c, "lm a %s", sc_case_hex(c, addr));
}

/* Letters, digits and a few marks: nothing that the prompt would take for something else. */
static bool can_be_typed(const char *name) {
    size_t len = strnlen(name, SC_NAME_MAX + 1);
    if (len == 0 || len > SC_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char ch = sc_lower(name[i]);
        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '.'))
            return false;
    }
    return true;
}

const char *sc_case_lmvm(struct sc_case *c, const struct sc_module *module) {
    if (can_be_typed(module->name))
        return sc_case_text(c, "lmvm %s", module->name);
    return sc_case_lm(c, module->base);
}

const char *sc_case_exr(struct sc_case *c) {
    if (c->a->exception_va == SC_UNSET64)
        return ".exr -1";
    return sc_case_text(c, ".exr %s", sc_case_hex(c, c->a->exception_va));
}

const char *sc_case_cxr(struct sc_case *c) {
    if (c->context_va == SC_UNSET64 || c->regs_partial)
        return c->a->regs_command ? c->a->regs_command : "r";
    return sc_case_text(c, ".cxr %s", sc_case_hex(c, c->context_va));
}

uint64_t sc_case_canon(const struct sc_case *c, uint64_t addr) {
    return c->is32 ? addr & 0xffffffff : addr;
}

bool sc_kind_is_address(enum sc_bug_kind kind) {
    switch (kind) {
    case SC_BUG_ADDRESS:
    case SC_BUG_CODE:
    case SC_BUG_MODULE:
    case SC_BUG_EXCEPTION:
    case SC_BUG_CONTEXT:
    case SC_BUG_TRAPFRAME:
    case SC_BUG_THREAD:
    case SC_BUG_PROCESS:
    case SC_BUG_OBJECT:
    case SC_BUG_IRP:
    case SC_BUG_MDL:
    case SC_BUG_DEVOBJ:
    case SC_BUG_DRVOBJ:
    case SC_BUG_FILEOBJ:
    case SC_BUG_DPC:
    case SC_BUG_TIMER:
    case SC_BUG_RESOURCE:
    case SC_BUG_LOCK:
    case SC_BUG_EVENT:
    case SC_BUG_WORKITEM:
    case SC_BUG_POOL:
    case SC_BUG_STACK:
    case SC_BUG_STRING:
    case SC_BUG_UNISTRING:
    case SC_BUG_WHEA:
    case SC_BUG_TRIAGE: return true;
    default: return false;
    }
}

/* The lowest address that can be the kernel's; 32-bit systems may give it 3 GB or 2 GB. */
bool sc_case_in_kernel(const struct sc_case *c, uint64_t addr) {
    return c->is32 ? addr >= 0x80000000 : addr >= 0xffff000000000000;
}

bool sc_case_blamed(const struct sc_case *c, const struct sc_module *module) {
    for (size_t i = 0; i < c->findings.count; i++)
        if (c->findings.item[i].module == module)
            return true;
    return false;
}

bool sc_case_answered(const struct sc_case *c) {
    for (size_t i = 0; i < c->findings.count; i++)
        if (c->findings.item[i].confidence == SC_CERTAIN && !c->findings.item[i].module)
            return true;
    return false;
}

bool sc_case_is_live(const struct sc_case *c) {
    return c->a->has_bugcheck &&
           (sc_plain_code(c->a->code) == 0x161 || strstr(c->bug.name, "LIVEDUMP") ||
            strstr(c->bug.name, "LIVE_DUMP"));
}

bool sc_case_is_small(const struct sc_case *c) {
    const struct sc_source *source = sc_target_source(c->target);
    return source && source->probe.format == SC_FORMAT_KERNEL_TRIAGE;
}

uint32_t sc_plain_code(uint32_t code) {
    /* 0x1000007E and its like: the same stop, as minidumps of some versions record it. */
    return (code & 0xfffff000) == 0x10000000 ? code & 0xfff : code;
}

bool sc_code_in(uint32_t code, const uint32_t *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (list[i] == code)
            return true;
    return false;
}
