/* SPDX-License-Identifier: MIT */
/* A scenario made: the steps, in their order. */
#include "forge/world.h"

#include <stdlib.h>
#include <string.h>

#include "forge/reader.h"

static bool check(struct forge_scenario *s) {
    if (!s->dump)
        return forge_wrong(s, 0, "what shall be made? write  dump triage  or  dump minidump");
    if (!s->os.line)
        return forge_wrong(s, 0, "which Windows is it? write  os BUILD");
    if (!s->cpu.line)
        return forge_wrong(s, 0, "which processor is it? write  cpu x64  or  cpu x86");
    bool user = s->dump == FORGE_DUMP_MINIDUMP;
    if (user && s->bugcheck.line)
        return forge_wrong(s, s->bugcheck.line,
                           "bugcheck: a process has none; write  exception CODE ADDRESS");
    if (user && s->processors.count)
        return forge_wrong(s, s->processors.item[0].line,
                           "processor: a user minidump has no KPRCBs");
    if (user && s->verifier_line)
        return forge_wrong(s, s->verifier_line, "verifier: a user minidump has no level");
    if (user && s->broken)
        return forge_wrong(s, s->dump_line, "broken: a user minidump names no driver");
    if (user && (s->machine.ram_line || s->machine.paging_line || s->machine.kdbg_line))
        return forge_wrong(s, 0, "ram, paging, kdbg: a user minidump shows no machine");
    if (user && (s->ptes.count || s->vads.count))
        return forge_wrong(s, s->ptes.count ? s->ptes.item[0].line : s->vads.item[0].line,
                           "pte, vad: a user minidump has no page tables");
    if (s->dump == FORGE_DUMP_WHOLE && s->cpu.machine == 0xaa64)
        return forge_wrong(s, s->cpu.line, "whole memory is made of x64 and x86 only");
    bool rdmp = s->whole == FORGE_WHOLE_RDMP_K || s->whole == FORGE_WHOLE_RDMP_KA ||
                s->whole == FORGE_WHOLE_RDMP_F;
    if (s->dump == FORGE_DUMP_WHOLE && s->cpu.machine == 0x14c && rdmp)
        return forge_wrong(s, s->dump_line, "dump: %s is known of 64-bit systems only",
                           forge_whole_name(s->whole));
    return true;
}

/* Where things without an address go: a piece of pool, or of the process's memory. */
static uint64_t default_room(const struct forge_world *w) {
    if (w->is32)
        return w->kernel ? 0x8f000000 : 0x0f000000;
    if (!w->kernel)
        return 0x000000f000000000;
    return w->s->os.build < 9200 ? 0xfffffa80f0000000 : 0xffffd00ff0000000;
}

static void begin(struct forge_world *w, struct forge_scenario *s) {
    *w = (struct forge_world){.s = s, .pool = &s->pool};
    w->whole = s->dump == FORGE_DUMP_WHOLE;
    w->kernel = w->whole || s->dump == FORGE_DUMP_TRIAGE;
    w->is32 = s->cpu.machine == 0x14c;
    w->ptr_size = w->is32 ? 4 : 8;
    w->ncpus = s->cpu.count ? s->cpu.count : 1;
    w->cpu = w->is32 ? SC_CPU_X86 : s->cpu.machine == 0x8664 ? SC_CPU_X64 : SC_CPU_ARM64;
    w->mem.pool = &s->pool;
    w->spare = s->room_line ? s->spare : default_room(w);
}

/* Bytes and structures in a module's data: their pages are taken before the forge gives any away.
 */
static bool take_pages(struct forge_world *w, unsigned line, const struct forge_expr *address,
                       uint64_t size, bool code) {
    uint64_t addr = 0;
    bool unknown = false;
    if (!forge_world_eval(w, line, address->text, &addr, &unknown))
        return false;
    struct forge_wmodule *m = unknown ? NULL : forge_world_module_at(w, addr);
    if (m && code)
        forge_world_mark_code(m, addr - m->base, size);
    else if (m)
        forge_world_mark(m, addr - m->base, size, FORGE_PAGE_DATA);
    return true;
}

static bool take_all_pages(struct forge_world *w) {
    for (size_t i = 0; i < w->s->memory.count; i++) {
        const struct forge_scn_memory *v = &w->s->memory.item[i];
        if (!v->command && !take_pages(w, v->line, &v->address, 1, v->code))
            return false;
    }
    for (size_t i = 0; i < w->s->structs.count; i++) {
        const struct forge_scn_struct *v = &w->s->structs.item[i];
        if (!take_pages(w, v->line, &v->address, forge_world_sizeof(w, v->type), false))
            return false;
    }
    return true;
}

/* Objects of the kernel, and in whole memory everything that leads to them. */
static bool make_kernel(struct forge_world *w) {
    if (!forge_world_objects(w) || !forge_world_turns(w) || (w->whole && !forge_world_spaces(w)) ||
        !forge_world_kernel(w) || !forge_world_queues(w) || !forge_world_security(w) ||
        !forge_world_groups(w) || !forge_world_namespaces(w))
        return false;
    if (w->whole && (!forge_world_loader(w) || !forge_world_ldr(w) || !forge_world_low(w) ||
                     !forge_world_vads(w)))
        return false;
    return forge_world_names(w) && (!w->whole || forge_world_ptes(w));
}

static bool make_dump(struct forge_world *w, struct forge_output *out) {
    if (!w->kernel)
        return forge_world_minidump(w, out);
    if (!w->whole)
        return forge_world_triage(w, out);
    return forge_world_kdbg_block(w) && forge_world_put_all(w) && forge_world_smbios(w) &&
           forge_world_pfns(w) && forge_world_whole(w, out);
}

static bool build(struct forge_world *w, struct forge_output *out) {
    return (!w->whole || forge_world_check_machine(w)) && forge_world_table_open(w) &&
           forge_types_load(&w->types, w->s, w->table, w->kernel) && forge_world_processes(w) &&
           forge_world_modules(w) && forge_world_table_check(w) && forge_world_symbols(w, false) &&
           forge_world_listings(w) && forge_world_stack_symbols(w) &&
           forge_world_symbols(w, false) && take_all_pages(w) && forge_world_fnents(w) &&
           (!w->kernel || (forge_world_globals(w) && forge_world_queue_symbols(w))) &&
           forge_world_stack_fit(w) && forge_world_symbols(w, true) && forge_world_moved(w) &&
           forge_world_moved_lines(w) && forge_world_registers(w) && forge_world_memory(w) &&
           forge_world_structs(w) && forge_world_tables(w) &&
           (w->kernel ? make_kernel(w) : forge_world_user(w)) && forge_world_files(w, out) &&
           make_dump(w, out);
}

static bool choose(struct forge_scenario *s, const char *as) {
    return !as || forge_dump_from_name(s, as) ||
           forge_wrong(s, 0, "there is no kind of dump \"%s\"", as);
}

bool forge_scenario_build_with(const char *name, const char *text, const char *as, const char *isf,
                               struct forge_output *ret, char *why) {
    struct forge_scenario s;
    struct forge_world w;
    struct forge_output out = {0};
    bool ok = forge_scenario_parse(name, text, &s, why) && choose(&s, as) && check(&s);
    s.isf_line = isf ? 0 : s.isf_line;
    s.isf = isf ? isf : s.isf;
    if (ok) {
        begin(&w, &s);
        ok = build(&w, &out) && !forge_is_wrong(&s);
        forge_world_close(&w);
        forge_world_table_close(&w);
        forge_world_whole_close(&w);
    }
    if (ok && s.file) {
        out.name = malloc(strlen(s.file) + 1);
        if (!out.name)
            abort();
        strcpy(out.name, s.file);
    }
    out.kind = s.dump;
    forge_scenario_free(&s);
    if (ok)
        *ret = out;
    else
        forge_output_free(&out);
    return ok;
}

bool forge_scenario_build_as(const char *name, const char *text, const char *as,
                             struct forge_output *ret, char *why) {
    return forge_scenario_build_with(name, text, as, NULL, ret, why);
}

bool forge_scenario_build(const char *name, const char *text, struct forge_output *ret, char *why) {
    return forge_scenario_build_with(name, text, NULL, NULL, ret, why);
}

void forge_output_free(struct forge_output *o) {
    for (size_t i = 0; i < o->nfiles; i++) {
        free(o->file[i].path);
        forge_bytes_free(&o->file[i].bytes);
    }
    free(o->file);
    free(o->name);
    forge_world_dump_free(o->memory);
    forge_bytes_free(&o->dump);
    *o = (struct forge_output){0};
}
