/* SPDX-License-Identifier: MIT */
/*
 * Processes from inside, in dumps of whole memory: the PEB, the loader's three lists of modules,
 * the command line, and the TEBs of threads that have one.
 */
#include <string.h>

#include "forge/world.h"

static const char *const entry_type = "_LDR_DATA_TABLE_ENTRY";

/* Has process P the module M? One that no process was named for is in every process with a PEB. */
static bool has_module(const struct forge_world *w, const struct forge_wprocess *p,
                       const struct forge_wmodule *m) {
    if (!forge_world_is_user_module(w, m))
        return false;
    return m->scn->process ? m->scn->process == p->address : p->peb != 0;
}

/* Where the PEB is: as a line says; the forge's choice for a process that has modules. */
static uint64_t peb_of(const struct forge_world *w, const struct forge_wprocess *p) {
    uint64_t said = forge_world_read(w, "_EPROCESS", p->address, "Peb");
    bool wanted = false;
    for (size_t i = 0; i < w->modules.count; i++) {
        const struct forge_wmodule *m = &w->modules.item[i];
        wanted = wanted || (forge_world_is_user_module(w, m) &&
                            (m->scn->process ? m->scn->process == p->address : p->current));
    }
    if (said || !wanted)
        return said;
    return w->is32 ? 0x7ffdf000 : w->s->os.build < 9200 ? 0x7fffffdf000 : 0x2f1000;
}

/* Links the entries at OFFSET of each, to the head and back. */
static void link(struct forge_world *w, uint64_t head, const uint64_t *entry, size_t n,
                 uint32_t offset) {
    uint64_t before = head;
    for (size_t i = 0; i <= n; i++) {
        uint64_t here = i < n ? entry[i] + offset : head;
        forge_world_put_uint(w, 0, before, w->ptr_size, here);
        forge_world_put_uint(w, 0, here + w->ptr_size, w->ptr_size, before);
        before = here;
    }
}

static void put_text(struct forge_world *w, const char *type, uint64_t at, const char *path,
                     const char *text) {
    struct forge_place p;
    size_t size;
    const uint8_t *units = forge_world_utf16(w, text, &size);
    if (!forge_world_offset(w, type, path, &p))
        return;
    uint64_t buffer = forge_world_spare(w, size + 2, 8);
    forge_world_put(w, 0, buffer, units, size);
    forge_world_put_uint(w, 0, at + p.offset, 2, size);
    forge_world_put_uint(w, 0, at + p.offset + 2, 2, size + 2);
    forge_world_put_uint(w, 0, at + p.offset + w->ptr_size, w->ptr_size, buffer);
}

static uint64_t put_entry(struct forge_world *w, const struct forge_wmodule *m) {
    uint64_t at = forge_world_spare(w, forge_world_sizeof(w, entry_type), 16);
    forge_world_set(w, entry_type, at, "DllBase", m->base);
    forge_world_set(w, entry_type, at, "SizeOfImage", m->size);
    forge_world_set(w, entry_type, at, "Flags", 0x80004);
    forge_world_set(w, entry_type, at, "LoadCount|ObsoleteLoadCount", 0xffff);
    forge_world_set(w, entry_type, at, "TimeDateStamp", m->stamp);
    put_text(w, entry_type, at, "FullDllName", m->path);
    put_text(w, entry_type, at, "BaseDllName", m->image);
    return at;
}

static void put_lists(struct forge_world *w, uint64_t ldr, const uint64_t *entry, size_t n) {
    static const char *const lists[][2] = {
        {"InLoadOrderModuleList", "InLoadOrderLinks"},
        {"InMemoryOrderModuleList", "InMemoryOrderLinks"},
        {"InInitializationOrderModuleList", "InInitializationOrderLinks"}};
    for (unsigned i = 0; i < 3; i++) {
        struct forge_place head, links;
        /* The executable is not initialised as libraries are. */
        size_t skip = i == 2 && n ? 1 : 0;
        if (forge_world_offset(w, "_PEB_LDR_DATA", lists[i][0], &head) &&
            forge_world_offset(w, entry_type, lists[i][1], &links))
            link(w, ldr + head.offset, entry + skip, n - skip, links.offset);
    }
}

/* Executables first. */
static bool is_executable(const struct forge_wmodule *m) {
    const char *dot = strrchr(m->image, '.');
    return dot && !strcmp(dot, ".exe");
}

static void put_peb(struct forge_world *w, struct forge_wprocess *p) {
    uint64_t *entry = forge_pool_get(w->pool, (w->modules.count + 1) * sizeof *entry);
    const struct forge_wmodule *first = NULL;
    size_t n = 0;
    uint32_t size = forge_world_sizeof(w, "_PEB_LDR_DATA");
    if (!size || !forge_world_sizeof(w, entry_type))
        return;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < w->modules.count; i++) {
            const struct forge_wmodule *m = &w->modules.item[i];
            if (!has_module(w, p, m) || is_executable(m) != (pass == 0))
                continue;
            first = first ? first : m;
            entry[n++] = put_entry(w, m);
        }
    uint64_t ldr = forge_world_spare(w, size, 16);
    forge_world_set(w, "_PEB_LDR_DATA", ldr, "Length", size);
    forge_world_set(w, "_PEB_LDR_DATA", ldr, "Initialized", 1);
    put_lists(w, ldr, entry, n);
    forge_world_set(w, "_PEB", p->peb, "Ldr", ldr);
    if (first)
        forge_world_set(w, "_PEB", p->peb, "ImageBaseAddress", first->base);
    uint32_t params = forge_world_sizeof(w, "_RTL_USER_PROCESS_PARAMETERS");
    if (first && params) {
        uint64_t at = forge_world_spare(w, params, 16);
        put_text(w, "_RTL_USER_PROCESS_PARAMETERS", at, "ImagePathName", first->path);
        put_text(w, "_RTL_USER_PROCESS_PARAMETERS", at, "CommandLine",
                 forge_pool_printf(w->pool, "\"%s\"", first->path));
        forge_world_set(w, "_PEB", p->peb, "ProcessParameters", at);
    }
}

static bool enter(struct forge_world *w, const struct forge_wprocess *p) {
    return forge_world_enter(w, 0, p->address, 0x10000);
}

static bool make_process(struct forge_world *w, struct forge_wprocess *p) {
    p->peb = peb_of(w, p);
    if (!p->peb || !forge_types_find(&w->types, "_PEB"))
        return true;
    forge_world_set(w, "_EPROCESS", p->address, "Peb", p->peb);
    if (!enter(w, p))
        return false;
    bool ok = forge_world_struct(w, 0, "_PEB", p->peb);
    put_peb(w, p);
    forge_world_leave(w);
    return ok;
}

static bool make_teb(struct forge_world *w, const struct forge_scn_thread *t) {
    uint64_t process =
        forge_world_read(w, "_ETHREAD", t->address, "Tcb.ApcState.Process|Tcb.Process");
    struct forge_wprocess *p;
    if (!t->teb || !forge_world_is_user(w, t->teb) || !forge_types_find(&w->types, "_TEB"))
        return true;
    if (!process)
        process = forge_world_read(w, "_ETHREAD", t->address, "ThreadsProcess");
    if (!forge_world_need_process(w, t->line, process, &p) || !enter(w, p))
        return false;
    bool ok = forge_world_struct(w, 0, "_TEB", t->teb);
    forge_world_set(w, "_TEB", t->teb, "NtTib.Self", t->teb);
    forge_world_set(w, "_TEB", t->teb, "ClientId.UniqueProcess", t->pid);
    forge_world_set(w, "_TEB", t->teb, "ClientId.UniqueThread", t->tid);
    forge_world_set(w, "_TEB", t->teb, "ProcessEnvironmentBlock", p->peb);
    forge_world_leave(w);
    return ok;
}

bool forge_world_ldr(struct forge_world *w) {
    for (size_t i = 0; i < w->processes.count; i++)
        if (!make_process(w, &w->processes.item[i]))
            return false;
    for (size_t i = 0; i < w->s->threads.count; i++)
        if (!make_teb(w, &w->s->threads.item[i]))
            return false;
    return !forge_is_wrong(w->s);
}
