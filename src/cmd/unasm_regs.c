/* SPDX-License-Identifier: MIT */
/*
 * The line below `r`: the next instruction, and behind it what it is about to touch:
 *
 *     mov     al,byte ptr [rcx+164h] ds:002b:00000000`00000164=??
 *     mov     dword ptr [r9+r8],edx ds:ffff9b00`0336004c=????????
 *     call    dword ptr [eax+4]    ds:0023:00401004={app!Foo (00401010)}
 *     je      ntdll!LdrpInit+0x1bd2 (7774f835) [br=1]
 *
 * What stands behind ends at column 79 where there is room (as published listings show, x86's
 * mostly have it). A selector is shown where it is known to mean something: kernel triage dumps
 * hold no descriptor tables, and WinDbg shows the address alone for them, as it does for selector
 * 0. ARM64 has nothing behind the operands.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/unasm.h"

enum { WIDTH = 79, EFFECT = 1400 };

struct effect {
    struct sc_unasm *view;
    const struct sc_regs *regs;
    char text[EFFECT];
    size_t len;
};

static void put(struct effect *e, const char *text) {
    size_t n = strlen(text), left = sizeof e->text - e->len;
    if (n >= left)
        n = left - 1;
    memcpy(e->text + e->len, text, n);
    e->len += n;
    e->text[e->len] = 0;
}

/* fs and gs have the base of the thread's block in a process; a kernel's is not in the record. */
static bool segment_base(struct effect *e, const char *segment, uint64_t *ret_base) {
    const struct sc_threads *threads;
    const char *block = e->view->ptr_size == 8 ? "gs" : "fs";
    uint32_t current = sc_session_current(e->view->session);
    *ret_base = 0;
    if (strcmp(segment, "fs") != 0 && strcmp(segment, "gs") != 0)
        return true;
    if (sc_target_machine(e->view->target)->kernel || strcmp(segment, block) != 0)
        return false;
    sc_err *err = sc_target_threads(e->view->target, &threads);
    for (size_t i = 0; !err && i < threads->count; i++)
        if (threads->item[i].index == current && threads->item[i].teb) {
            *ret_base = threads->item[i].teb;
            return true;
        }
    e->view->nomem |= err && sc_err_code(err) == SC_ERR_NOMEM;
    sc_err_destroy(err);
    return false;
}

/* "ds:" or "ds:002b:" */
static void put_segment(struct effect *e, const struct sc_insn_mem *mem) {
    char text[24];
    uint64_t selector = 0;
    bool triage = sc_target_source(e->view->target)->probe.format == SC_FORMAT_KERNEL_TRIAGE;
    if (!triage && sc_regs_get(e->regs, mem->segment, &selector) && selector)
        snprintf(text, sizeof text, "%s:%04x:", mem->segment, (unsigned)selector);
    else
        snprintf(text, sizeof text, "%s:", mem->segment);
    put(e, text);
}

/* A pointer that is called or jumped to is shown with what it points to. */
static bool put_code_pointer(struct effect *e, const uint8_t *data, unsigned size) {
    char name[SC_UNASM_NAME], addr[SC_ADDR_BUF];
    uint64_t value = 0;
    if (size != e->view->ptr_size)
        return false;
    for (unsigned i = size; i--;)
        value = value << 8 | data[i];
    if (!sc_unasm_name(e->view, value, name, sizeof name))
        return false;
    put(e, "{");
    put(e, name);
    put(e, " (");
    put(e, sc_addr_text(value, size, addr));
    put(e, ")}");
    return true;
}

static void put_value(struct effect *e, const struct sc_insn *insn, const struct sc_insn_mem *mem,
                      uint64_t addr) {
    uint8_t data[64];
    uint64_t base;
    size_t got = 0;
    unsigned size = mem->size < sizeof data ? mem->size : sizeof data;
    char text[2 * sizeof data + 1];
    bool read = segment_base(e, mem->segment, &base) &&
                sc_space_read(e->view->space, (addr + base) & e->view->limit, data, size, &got) ==
                    SC_READ_OK;
    if (read && insn->indirect && put_code_pointer(e, data, size))
        return;
    for (unsigned i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, read ? "%02x" : "??", read ? data[size - 1 - i] : 0);
    text[2 * size] = 0;
    put(e, text);
}

static void put_memory(struct effect *e, const struct sc_insn *insn,
                       const struct sc_insn_mem *mem) {
    uint64_t addr;
    char text[SC_ADDR_BUF];
    if (!mem->segment || !mem->size || !(mem->read || mem->write) ||
        !sc_insn_mem_address(mem, e->regs, &addr))
        return;
    if (e->len)
        put(e, " ");
    put_segment(e, mem);
    put(e, sc_addr_text(addr, e->view->ptr_size, text));
    put(e, "=");
    put_value(e, insn, mem, addr);
}

static void find_effect(struct effect *e, const struct sc_insn *insn) {
    bool taken;
    for (unsigned i = 0; i < insn->nmems; i++)
        put_memory(e, insn, &insn->mem[i]);
    if (!insn->words && sc_insn_taken(insn, e->regs, &taken))
        put(e, taken ? "[br=1]" : "[br=0]");
}

static sc_err *make(struct sc_unasm *v, const struct sc_regs *regs, sc_arena *arena,
                    struct sc_unasm_at *ret) {
    struct effect e = {.view = v, .regs = regs};
    char line[SC_INSN_OPERANDS + 128];
    size_t n = sc_insn_line(&ret->insn, v->ptr_size, line, sizeof line);
    find_effect(&e, &ret->insn);
    ret->effect = e.len ? sc_arena_strdup(arena, e.text) : NULL;
    int gap = n + 1 + e.len < WIDTH ? (int)(WIDTH - n - e.len) : 1;
    ret->line = e.len ? sc_arena_printf(arena, "%s%*s%s", line, gap, "", e.text)
                      : sc_arena_strdup(arena, line);
    return !ret->line || (e.len && !ret->effect) || v->nomem ? sc_err_nomem() : NULL;
}

sc_err *sc_unasm_at(sc_session *session, const struct sc_regs *regs, sc_arena *arena,
                    struct sc_unasm_at *ret, bool *ret_known) {
    struct sc_unasm *v;
    *ret_known = false;
    sc_err *err = sc_unasm_create(session, arena, &v);
    if (err && sc_err_code(err) == SC_ERR_UNSUPPORTED) {
        sc_target_log(sc_session_target(session), SC_LOG_INFO, "%s", sc_err_text(err));
        sc_err_destroy(err);
        return NULL;
    }
    if (err)
        return err;
    if (sc_unasm_decode(v, sc_regs_ip(regs), true, &ret->insn)) {
        err = make(v, regs, arena, ret);
        *ret_known = !err;
    }
    sc_unasm_destroy(v);
    return err;
}
