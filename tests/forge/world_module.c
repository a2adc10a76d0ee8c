/* SPDX-License-Identifier: MIT */
/* Modules: what a scenario says of them, and what it leaves to be thought of. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "forge/world.h"

enum { MODULE_MAX = 256 << 20 };

/* FNV-1a, so that what is made up of a name is the same every time. */
static uint64_t hash_of(const char *text, uint64_t seed) {
    uint64_t h = 0xcbf29ce484222325 ^ seed;
    for (; *text; text++)
        h = (h ^ (uint8_t)tolower((unsigned char)*text)) * 0x100000001b3;
    return h ^ h >> 29;
}

static const char *base_name(const char *path) {
    const char *p = strrchr(path, '\\'), *q = strrchr(path, '/');
    p = p > q ? p : q;
    return p ? p + 1 : path;
}

/* A process's module among drivers: in dumps of whole memory it has the place that it has. */
bool forge_world_is_user_module(const struct forge_world *w, const struct forge_wmodule *m) {
    return w->whole && forge_world_is_user(w, m->base);
}

static const char *default_image(const struct forge_world *w, const struct forge_wmodule *m) {
    const char *name = m->scn->name;
    bool driver = w->kernel && !forge_world_is_user_module(w, m);
    if (!strcmp(name, "nt"))
        return "ntoskrnl.exe";
    if (!strcasecmp(name, "hal"))
        return "hal.dll";
    return forge_pool_printf(w->pool, "%s.%s", name, driver ? "sys" : "dll");
}

static const char *default_pdb(const struct forge_world *w, const struct forge_wmodule *m) {
    const char *dot = strrchr(m->image, '.');
    if (!strcmp(m->scn->name, "nt"))
        return w->is32 && w->s->os.build >= 6000 ? "ntkrpamp.pdb" : "ntkrnlmp.pdb";
    return forge_pool_printf(w->pool, "%.*s.pdb",
                             (int)(dot ? (size_t)(dot - m->image) : strlen(m->image)), m->image);
}

static void name_it(struct forge_world *w, struct forge_wmodule *m) {
    const struct forge_scn_module *s = m->scn;
    bool core = !strcmp(s->name, "nt") || !strcasecmp(s->name, "hal");
    m->image = s->image ? s->image : s->path ? base_name(s->path) : default_image(w, m);
    m->path = s->path ? s->path
              : !w->kernel || forge_world_is_user_module(w, m)
                  ? forge_pool_printf(w->pool, "C:\\Windows\\System32\\%s", m->image)
              : core ? forge_pool_printf(w->pool, "\\SystemRoot\\system32\\%s", m->image)
                     : forge_pool_printf(w->pool, "\\SystemRoot\\system32\\DRIVERS\\%s", m->image);
    m->pdb = s->pdb ? s->pdb : default_pdb(w, m);
}

/* The debugger calls a module by its file, up to the first point; the kernel is nt. */
static bool check_name(struct forge_world *w, const struct forge_wmodule *m) {
    const char *name = m->scn->name, *file = base_name(m->path);
    const char *dot = strrchr(file, '.');
    size_t len = dot ? (size_t)(dot - file) : strlen(file);
    if (!strcmp(name, "nt") && w->kernel)
        return true;
    if (strlen(name) == len) {
        size_t i = 0;
        while (i < len && (tolower((unsigned char)name[i]) == tolower((unsigned char)file[i]) ||
                           (name[i] == '_' && !isalnum((unsigned char)file[i]))))
            i++;
        if (i == len)
            return true;
    }
    return forge_wrong(w->s, m->scn->line,
                       "module: a debugger calls the file %s \"%.*s\", not \"%s\"", file, (int)len,
                       file, name);
}

static void identify(struct forge_wmodule *m) {
    const struct forge_scn_module *s = m->scn;
    uint64_t h = hash_of(s->name, m->base);
    m->stamp = s->has_stamp ? s->stamp : 0x48000000 + (uint32_t)(h & 0x1ffffff);
    m->checksum = s->has_checksum ? s->checksum : (uint32_t)(h >> 32 & 0xfffff);
    m->age = s->has_guid ? s->age : 1;
    if (s->has_guid) {
        memcpy(m->guid, s->guid, 16);
        return;
    }
    uint64_t h2 = hash_of(s->name, h);
    for (unsigned i = 0; i < 8; i++) {
        m->guid[i] = (uint8_t)(h >> 8 * i);
        m->guid[8 + i] = (uint8_t)(h2 >> 8 * i);
    }
    m->guid[7] = (uint8_t)(0x40 | (m->guid[7] & 0xf)); /* a random GUID: version 4 */
    m->guid[8] = (uint8_t)(0x80 | (m->guid[8] & 0x3f));
}

static bool check_place(struct forge_world *w, const struct forge_scn_module *s) {
    uint64_t last = w->is32 ? UINT32_MAX : UINT64_MAX;
    if (s->start % FORGE_PAGE_SIZE)
        return forge_wrong(w->s, s->line, "module: %s does not start on a page", s->name);
    if (s->end - s->start > MODULE_MAX || s->end - 1 > last)
        return forge_wrong(w->s, s->line, "module: %s: an image of %llx bytes at %llx cannot be",
                           s->name, (unsigned long long)(s->end - s->start),
                           (unsigned long long)s->start);
    for (size_t i = 0; i < w->modules.count; i++) {
        const struct forge_wmodule *o = &w->modules.item[i];
        bool apart = s->process && o->scn->process && s->process != o->scn->process;
        if (!apart && s->start < o->base + o->size && o->base < s->end)
            return forge_wrong(w->s, s->line, "module: %s overlaps %s in line %u", s->name,
                               o->scn->name, o->scn->line);
        if (!strcasecmp(s->name, o->scn->name))
            return forge_wrong(w->s, s->line, "module: %s is there already, in line %u", s->name,
                               o->scn->line);
    }
    return true;
}

bool forge_world_modules(struct forge_world *w) {
    for (size_t i = 0; i < w->s->modules.count; i++) {
        const struct forge_scn_module *s = &w->s->modules.item[i];
        if (!check_place(w, s))
            return false;
        struct forge_wmodule *m = FORGE_PUSH(w->pool, &w->modules);
        m->scn = s;
        m->base = s->start;
        m->size = s->end - s->start;
        m->npages = (size_t)((m->size + FORGE_PAGE_SIZE - 1) / FORGE_PAGE_SIZE);
        m->page = forge_pool_get(w->pool, m->npages);
        name_it(w, m);
        identify(m);
        bool kernel = w->kernel && !strcmp(s->name, "nt");
        if (!check_name(w, m) || (kernel && !forge_world_table_identify(w, m)))
            return false;
    }
    w->nt = w->kernel ? forge_world_module(w, "nt") : NULL;
    if (w->kernel && !w->nt)
        return forge_wrong(w->s, 0, "a kernel dump needs its kernel: write  module nt START END");
    return true;
}

struct forge_wmodule *forge_world_module(const struct forge_world *w, const char *name) {
    for (size_t i = 0; i < w->modules.count; i++)
        if (!strcasecmp(w->modules.item[i].scn->name, name) ||
            !strcasecmp(w->modules.item[i].image, name))
            return &w->modules.item[i];
    return NULL;
}

struct forge_wmodule *forge_world_module_at(const struct forge_world *w, uint64_t addr) {
    for (size_t i = 0; i < w->modules.count; i++)
        if (addr - w->modules.item[i].base < w->modules.item[i].size)
            return &w->modules.item[i];
    return NULL;
}

bool forge_world_need_module(struct forge_world *w, unsigned line, const char *name,
                             struct forge_wmodule **ret) {
    *ret = forge_world_module(w, name);
    return *ret ||
           forge_wrong(w->s, line, "no line describes the module %s: write  module %s START END",
                       name, name);
}

static void mark(struct forge_wmodule *m, uint64_t rva, uint64_t size, enum forge_page_kind kind,
                 bool any) {
    if (rva >= m->size)
        return;
    size_t first = (size_t)(rva / FORGE_PAGE_SIZE);
    size_t last = (size_t)((rva + (size ? size - 1 : 0)) / FORGE_PAGE_SIZE);
    for (size_t i = first; i <= last && i < m->npages; i++)
        if (i && (any || m->page[i] == FORGE_PAGE_FREE)) /* the first page has the headers */
            m->page[i] = (uint8_t)kind;
}

void forge_world_mark(struct forge_wmodule *m, uint64_t rva, uint64_t size,
                      enum forge_page_kind kind) {
    mark(m, rva, size, kind, false);
}

void forge_world_mark_code(struct forge_wmodule *m, uint64_t rva, uint64_t size) {
    mark(m, rva, size, FORGE_PAGE_CODE, true);
}
