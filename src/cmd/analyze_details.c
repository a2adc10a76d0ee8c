/* SPDX-License-Identifier: MIT */
/*
 * "Debugging Details" of `!analyze -v`: keys and values as WinDbg prints them, in its order (as
 * published outputs of 2026 have it; IMAGE_VERSION and DEBUG_FLR_IMAGE_TIMESTAMP as older ones).
 * Keys without a value are not printed.
 */
#include "cmd/analyze_details.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/show.h"
#include "cmd/stack.h"
#include "nt/status.h"
#include "stopcode/kdump.h"

enum { FILLER = 0x45474150 }; /* "PAGE": the writer left the field alone */

static void key(const struct sc_shown *s, const char *name, const char *value) {
    if (value && value[0])
        sc_printf(s->out, "%s:  %s\n\n", name, value);
}

/* "EXCEPTION_RECORD:  ADDR -- (.exr 0xADDR)", as the keys of structures look. */
static void key_at(const struct sc_shown *s, const char *name, uint64_t addr, const char *command) {
    if (addr == SC_UNSET64)
        sc_printf(s->out, "%s:  (%s)\n", name, command);
    else
        sc_printf(s->out, "%s:  %0*" PRIx64 " -- (%s 0x%0*" PRIx64 ")\n", name,
                  (int)s->ptr_size * 2, addr, command, (int)s->ptr_size * 2, addr);
}

static void bugcheck_keys(const struct sc_shown *s) {
    if (!s->a->has_bugcheck)
        return;
    sc_printf(s->out, "BUGCHECK_CODE:  %" PRIx32 "\n\n", s->a->code);
    for (unsigned i = 0; i < 4; i++)
        sc_printf(s->out, "BUGCHECK_P%u: %" PRIx64 "\n\n", i + 1, s->a->arg[i].value);
}

/* "READ_ADDRESS:  …": of an exception as it was reported, else as the bug check has it. */
static void access_keys(const struct sc_shown *s) {
    const struct sc_analysis *a = s->a;
    const struct sc_exception *e = &a->exception;
    bool record = a->has_exception && a->machine->windows && e->nparams >= 2 &&
                  (e->code == 0xc0000005 || e->code == 0xc0000006);
    const char *word = record ? nt_access_word(e->param[0]) : a->fault_access;
    uint64_t address = record ? e->param[1] : a->fault_address;
    char addr[20];
    if (!word || (!record && address == SC_UNSET64))
        return;
    snprintf(addr, sizeof addr, "%0*" PRIx64, (int)s->ptr_size * 2, address);
    key(s,
        strcmp(word, "write") == 0     ? "WRITE_ADDRESS"
        : strcmp(word, "execute") == 0 ? "EXECUTE_ADDRESS"
                                       : "READ_ADDRESS",
        addr);
}

static sc_err *exception_keys(const struct sc_shown *s) {
    const struct sc_analysis *a = s->a;
    if (!a->has_exception)
        return NULL;
    key_at(s, "EXCEPTION_RECORD", a->exception_va,
           a->exception_va == SC_UNSET64 ? ".exr -1" : ".exr");
    sc_err *err = sc_show_exception(s->session, &a->exception, s->arena);
    if (err)
        return err;
    sc_puts(s->out, "\n");
    sc_printf(s->out, "EXCEPTION_CODE: %s0x%08" PRIx32, a->machine->windows ? "(NTSTATUS) " : "",
              a->exception.code);
    if (a->exception_name)
        sc_printf(s->out, " - %s", a->exception_name);
    sc_printf(s->out, "\n\nEXCEPTION_CODE_STR:  %" PRIx32 "\n\n", a->exception.code);
    for (uint32_t i = 0; i < a->exception.nparams; i++)
        sc_printf(s->out, "EXCEPTION_PARAMETER%" PRIu32 ":  %0*" PRIx64 "\n\n", i + 1,
                  (int)s->ptr_size * 2, a->exception.param[i]);
    return NULL;
}

static void trap_key(const struct sc_shown *s, uint64_t frame) {
    key_at(s, "TRAP_FRAME", frame, ".trap");
    if (s->ptr_size == 8)
        sc_puts(s->out, "NOTE: The trap frame does not contain all registers.\n"
                        "Some register values may be zeroed or incorrect.\n");
}

/* The address in COMMAND when it begins with PREFIX (".cxr 0x"); SC_UNSET64 when it does not. */
static uint64_t address_of(const char *command, const char *prefix) {
    size_t len = strlen(prefix);
    if (!command || strncmp(command, prefix, len) != 0)
        return SC_UNSET64;
    return strtoull(command + len, NULL, 16);
}

static sc_err *context_keys(const struct sc_shown *s) {
    if (!s->a->has_regs)
        return NULL;
    uint64_t context = address_of(s->a->regs_command, ".cxr 0x");
    uint64_t frame = address_of(s->a->regs_command, ".trap 0x");
    if (context != SC_UNSET64)
        key_at(s, "CONTEXT", context, ".cxr");
    else if (frame != SC_UNSET64)
        trap_key(s, frame);
    else
        key_at(s, "CONTEXT", SC_UNSET64, s->a->regs_command ? s->a->regs_command : ".ecxr");
    bool partial = frame != SC_UNSET64 && s->ptr_size == 8;
    sc_err *err =
        sc_show_regs(s->session, &s->a->regs, partial ? SC_RM_INTEGER : SC_RM_DEFAULT, s->arena);
    if (context != SC_UNSET64 || frame != SC_UNSET64)
        sc_puts(s->out, "Resetting default scope\n");
    sc_puts(s->out, "\n");
    return err;
}

/* The verdict, if it says who; a weaker finding that does is no substitute for it. */
static const struct sc_finding *blaming(const struct sc_analysis *a) {
    return a->nfindings && a->findings[0].module ? &a->findings[0] : NULL;
}

static void image_keys(const struct sc_shown *s, const struct sc_module *m) {
    const struct sc_version *v = &m->version;
    if (v->present)
        sc_printf(s->out, "IMAGE_VERSION:  %u.%u.%u.%u\n\n", v->file[0], v->file[1], v->file[2],
                  v->file[3]);
    if (m->timestamp)
        sc_printf(s->out, "DEBUG_FLR_IMAGE_TIMESTAMP:  %" PRIx32 "\n\n", m->timestamp);
}

/* "dxgkrnl!DXGVIRTUALMACHINE::IsWsl2Guest+0", "amdppm+334c": the displacement without its 0x. */
static void symbol_key(const struct sc_shown *s, const char *symbol) {
    const char *plus = symbol ? strstr(symbol, "+0x") : NULL;
    if (!symbol)
        return;
    if (plus)
        sc_printf(s->out, "SYMBOL_NAME:  %.*s+%s\n\n", (int)(plus - symbol), symbol, plus + 3);
    else
        sc_printf(s->out, "SYMBOL_NAME:  %s%s\n\n", symbol, strchr(symbol, '!') ? "+0" : "");
}

static void module_keys(const struct sc_shown *s) {
    const struct sc_finding *f = blaming(s->a);
    if (s->a->nfindings)
        symbol_key(s, s->a->findings[0].symbol);
    if (!f)
        return;
    sc_printf(s->out, "MODULE_NAME: %s\n\n", f->module->name);
    key(s, "IMAGE_NAME", f->module->image);
    image_keys(s, f->module);
}

/* The stack in the columns of kv, without a heading. */
static sc_err *stack_keys(const struct sc_shown *s) {
    static const struct sc_kform form = {.args = true, .child = true};
    const struct sc_walked walked = {.stack = s->a->stack};
    if (!walked.stack.count)
        return NULL;
    sc_puts(s->out, "STACK_TEXT:  \n");
    sc_err *err = sc_show_frames(s->session, &walked, &form, s->arena);
    sc_puts(s->out, "\n");
    return err;
}

/* "STACK_COMMAND: .cxr 0x… ; kb" */
static void stack_command(const struct sc_shown *s) {
    const char *command = s->a->stack_command, *semi = command ? strchr(command, ';') : NULL;
    if (semi)
        sc_printf(s->out, "STACK_COMMAND: %.*s ;%s\n\n", (int)(semi - command), command, semi + 1);
    else if (command)
        sc_printf(s->out, "STACK_COMMAND: %s\n\n", command);
}

/* The displacement that the bucket leaves out. */
static void bucket_keys(const struct sc_shown *s) {
    const char *symbol = s->a->nfindings ? s->a->findings[0].symbol : NULL;
    if (symbol && strchr(symbol, '!')) {
        const char *plus = strstr(symbol, "+0x");
        sc_printf(s->out, "BUCKET_ID_FUNC_OFFSET:  %s\n\n", plus ? plus + 3 : "0");
    }
    key(s, "FAILURE_BUCKET_ID", s->a->bucket);
}

/* Field N, from 0, of "19041.1.amd64fre.vb_release.191206-1406"; its length, 0 when there is none.
 */
static int lab_field(const char *lab, unsigned n, const char **ret) {
    while (lab && n--) {
        lab = strchr(lab, '.');
        lab = lab ? lab + 1 : NULL;
    }
    *ret = lab;
    return lab ? (int)strcspn(lab, ".") : 0;
}

static void version_keys(const struct sc_shown *s) {
    const struct sc_machine *m = s->a->machine;
    const char *update, *branch;
    int updates = lab_field(m->lab, 1, &update), branches = lab_field(m->lab, 3, &branch);
    sc_printf(s->out, "OS_VERSION:  %" PRIu32 ".%" PRIu32 ".%" PRIu32, m->major, m->minor,
              m->build);
    if (updates)
        sc_printf(s->out, ".%.*s", updates, update);
    else if (m->revision)
        sc_printf(s->out, ".%" PRIu32, m->revision);
    sc_puts(s->out, "\n\n");
    if (branches)
        sc_printf(s->out, "BUILDLAB_STR:  %.*s\n\n", branches, branch);
    else
        key(s, "BUILDLAB_STR", m->lab);
}

/* The names that WinDbg uses: Windows 11 is 10 to it. */
static const char *os_name(const struct sc_machine *m) {
    if (m->major == 10)
        return "Windows 10";
    if (m->major == 6) {
        static const char *const six[] = {"Windows Vista", "Windows 7", "Windows 8", "Windows 8.1"};
        return m->minor < 4 ? six[m->minor] : NULL;
    }
    if (m->major == 5)
        return m->minor == 0   ? "Windows 2000"
               : m->minor == 1 ? "Windows XP"
                               : "Windows Server 2003";
    return NULL;
}

static void system_keys(const struct sc_shown *s) {
    const struct sc_machine *m = s->a->machine;
    if (m->major)
        version_keys(s);
    key(s, "OSPLATFORM_TYPE", sc_cpu_name(m->cpu));
    const char *name = m->windows ? os_name(m) : NULL;
    bool eleven = m->major == 10 && m->build >= 22000 && m->product_type <= 1;
    if (name)
        sc_printf(s->out, "OSNAME:  %s%s\n\n", name,
                  eleven && sc_session_enrich(s->session) ? "  [Windows 11]" : "");
}

/* Of what the dump file says of itself. */
static void file_keys(const struct sc_shown *s) {
    static const struct {
        uint32_t bit;
        const char *text;
    } attributes[] = {
        {1, "Hiber Crash Dump"},
        {4, "Insufficient Dumpfile Size"},
        {8, "Kernel Generated Triage Dump"},
        {0x10, "Live Generated Dump"},
    };
    const struct sc_kdump_header *h = sc_kdump_header(sc_target_source(s->target));
    key(s, "FILE_IN_CAB", sc_target_name(s->target));
    if (!h || !h->attributes || h->attributes == FILLER)
        return;
    sc_printf(s->out, "DUMP_FILE_ATTRIBUTES: 0x%" PRIx32 "\n", h->attributes);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        if (h->attributes & attributes[i].bit)
            sc_printf(s->out, "  %s\n", attributes[i].text);
    sc_puts(s->out, "\n");
}

static void thread_key(const struct sc_shown *s) {
    if (s->a->thread != SC_UNSET64)
        sc_printf(s->out, "FAULTING_THREAD:  %0*" PRIx64 "\n\n",
                  s->a->machine->kernel ? (int)s->ptr_size * 2 : 8, s->a->thread);
}

sc_err *sc_analyze_details(const struct sc_shown *s) {
    sc_puts(s->out, "\nDebugging Details:\n------------------\n\n");
    bugcheck_keys(s);
    file_keys(s);
    thread_key(s);
    sc_err *err = exception_keys(s);
    if (err)
        return err;
    access_keys(s);
    err = context_keys(s);
    if (err)
        return err;
    key(s, "PROCESS_NAME", s->a->process);
    err = stack_keys(s);
    if (err)
        return err;
    sc_puts(s->out, "\n");
    module_keys(s);
    stack_command(s);
    bucket_keys(s);
    system_keys(s);
    return NULL;
}
