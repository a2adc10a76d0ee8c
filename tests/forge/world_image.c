/* SPDX-License-Identifier: MIT */
/* Images: code, sections, unwind data, exports, resources; and where files go in the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/world.h"
#include "stopcode/store.h"

enum {
    NEAR_PAGES = 16, /* pages of one kind that are not farther apart make one section */
    SECTIONS_MOST = 90,
};

static struct forge_made_file *add_file(struct forge_world *w, struct forge_output *out,
                                        const struct sc_store_key *key) {
    char *path = sc_store_key_path(key);
    if (!path) {
        forge_wrong(w->s, 0, "\"%s\" cannot be the name of a file in a store", key->name);
        return NULL;
    }
    struct forge_made_file *grown = realloc(out->file, (out->nfiles + 1) * sizeof *out->file);
    if (!grown)
        abort();
    out->file = grown;
    out->file[out->nfiles] = (struct forge_made_file){.path = path};
    return &out->file[out->nfiles++];
}

static bool has_pdb(const struct forge_world *w, const struct forge_wmodule *m) {
    if (w->table && m == w->nt)
        return false; /* its symbols are in the table */
    return m->scn->symbols == FORGE_SYMBOLS_PUBLIC || m->scn->symbols == FORGE_SYMBOLS_PRIVATE;
}

/* ---- what the image holds ---- */

static bool next_run(const struct forge_wmodule *m, size_t *at, size_t *ret_first,
                     enum forge_page_kind *ret_kind) {
    while (*at < m->npages && m->page[*at] == FORGE_PAGE_FREE)
        ++*at;
    if (*at == m->npages)
        return false;
    *ret_first = *at;
    *ret_kind = (enum forge_page_kind)m->page[*at];
    size_t last = *at;
    for (size_t i = *at; i < m->npages && i - last <= NEAR_PAGES; i++) {
        if (m->page[i] == (uint8_t)*ret_kind)
            last = i;
        else if (m->page[i] != FORGE_PAGE_FREE)
            break;
    }
    *at = last + 1;
    return true;
}

static void put_extents(const struct forge_wmodule *m, struct forge_image *image) {
    size_t at = 1, first;
    enum forge_page_kind kind;
    while (next_run(m, &at, &first, &kind))
        forge_image_extent(image, (uint32_t)(first * FORGE_PAGE_SIZE),
                           (uint32_t)((at - first) * FORGE_PAGE_SIZE),
                           kind == FORGE_PAGE_DATA ? FORGE_DATA : FORGE_CODE);
}

static void put_code(const struct forge_world *w, const struct forge_wmodule *m,
                     struct forge_image *image) {
    for (size_t i = 0; i < m->code.count; i++)
        forge_image_bytes(image, m->code.item[i].rva, m->code.item[i].data, m->code.item[i].size,
                          FORGE_CODE);
    for (size_t i = 0; i < m->blocks.count && !w->is32; i++) {
        const struct forge_wblock *b = &m->blocks.item[i];
        struct forge_function f = {.begin = b->begin,
                                   .end = b->end,
                                   .prolog = b->fit.prolog,
                                   .frame_register = b->fit.frame_register,
                                   .frame_offset = b->fit.frame_offset,
                                   .ncodes = b->fit.ncodes};
        memcpy(f.code, b->fit.code, sizeof f.code);
        forge_image_function(image, &f);
    }
    for (size_t i = 0; i < m->functions.count; i++)
        forge_image_function(image, &m->functions.item[i]);
}

/* What every kernel exports: programs that have no symbols start from these. */
static bool is_kernel_export(const char *name) {
    static const char *const names[] = {"PsLoadedModuleList",
                                        "PsInitialSystemProcess",
                                        "KeNumberProcessors",
                                        "NtBuildNumber",
                                        "MmHighestUserAddress",
                                        "MmSystemRangeStart",
                                        "MmUserProbeAddress",
                                        "KeBugCheckEx",
                                        "IofCompleteRequest",
                                        "KdDebuggerEnabled",
                                        NULL};
    for (const char *const *p = names; *p; p++)
        if (!strcmp(*p, name))
            return true;
    return false;
}

static void put_exports(const struct forge_world *w, const struct forge_wmodule *m,
                        struct forge_image *image) {
    bool kernel = w->whole && m == w->nt;
    for (size_t i = 0; i < w->symbols.count; i++) {
        const struct forge_wsymbol *s = &w->symbols.item[i];
        if (s->module == m && (m->scn->symbols == FORGE_SYMBOLS_EXPORTS ||
                               (kernel && !s->unplaced && is_kernel_export(s->name))))
            forge_image_export(image, s->name, (uint32_t)(s->addr - m->base), 0);
    }
}

static void put_version(struct forge_world *w, const struct forge_wmodule *m,
                        struct forge_image *image) {
    const struct forge_scn_module *s = m->scn;
    struct forge_version v = {0};
    size_t n = 0;
    if (!s->has_version && !s->company && !s->product && !s->description)
        return;
    memcpy(v.file, s->version, sizeof v.file);
    memcpy(v.product, s->version, sizeof v.product);
    const char *number = forge_pool_printf(w->pool, "%u.%u.%u.%u", s->version[0], s->version[1],
                                           s->version[2], s->version[3]);
    const char *const pairs[][2] = {{"CompanyName", s->company},
                                    {"ProductName", s->product},
                                    {"InternalName", m->image},
                                    {"OriginalFilename", m->image},
                                    {"ProductVersion", s->has_version ? number : NULL},
                                    {"FileVersion", s->has_version ? number : NULL},
                                    {"FileDescription", s->description}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i][1]) {
            v.key[n] = pairs[i][0];
            v.value[n++] = pairs[i][1];
        }
    forge_image_version(image, &v);
}

/* 64-bit kernels have a section that tools know them by; a page of it, where there is room. */
static void put_pool_code(const struct forge_world *w, const struct forge_wmodule *m,
                          struct forge_image *image) {
    if (!w->whole || m != w->nt)
        return;
    forge_image_name(image, "ntoskrnl.exe");
    forge_image_front(image);
    for (size_t i = 1; m->named && i < m->npages; i++)
        if (m->named[i])
            forge_image_keep_off(image, (uint32_t)(i * FORGE_PAGE_SIZE));
    for (size_t i = m->npages; !w->is32 && i-- > 1;)
        if (m->page[i] == FORGE_PAGE_FREE && !(m->named && m->named[i])) {
            forge_image_extent(image, (uint32_t)(i * FORGE_PAGE_SIZE), FORGE_PAGE_SIZE,
                               FORGE_POOL_CODE);
            return;
        }
}

static void fill_image(struct forge_world *w, const struct forge_wmodule *m,
                       struct forge_image *image) {
    put_pool_code(w, m, image);
    forge_image_timestamp(image, m->stamp, m->checksum);
    if (has_pdb(w, m) || m->scn->pdb || (w->table && m == w->nt))
        forge_image_codeview(image, m->pdb, m->guid, m->age);
    put_version(w, m, image);
    put_code(w, m, image);
    put_extents(m, image);
    put_exports(w, m, image);
}

/* ---- what is made of it ---- */

/* The pages of the image that hold something, as memory; what lines say of them stays. */
static bool put_in_memory(struct forge_world *w, const struct forge_wmodule *m,
                          struct forge_image *image) {
    static const uint8_t zeros[FORGE_PAGE_SIZE];
    struct forge_bytes memory = {0};
    if (!forge_image_map(image, &memory))
        return forge_wrong(w->s, m->scn->line, "module: %s: %s", m->scn->name,
                           forge_image_error(image));
    bool ok = true;
    for (size_t at = 0; at < memory.size && ok; at += FORGE_PAGE_SIZE) {
        size_t n = memory.size - at < FORGE_PAGE_SIZE ? memory.size - at : FORGE_PAGE_SIZE;
        bool free_page = at / FORGE_PAGE_SIZE < m->npages && at &&
                         m->page[at / FORGE_PAGE_SIZE] == FORGE_PAGE_FREE;
        if (!free_page || memcmp(memory.data + at, zeros, n) != 0)
            ok = forge_world_put(w, 0, m->base + at, memory.data + at, n);
    }
    forge_bytes_free(&memory);
    return ok;
}

static struct sc_guid guid_of(const uint8_t b[16]) {
    struct sc_guid g = {.a = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
                             (uint32_t)b[3] << 24,
                        .b = (uint16_t)(b[4] | b[5] << 8),
                        .c = (uint16_t)(b[6] | b[7] << 8)};
    memcpy(g.d, b + 8, sizeof g.d);
    return g;
}

static bool write_pdb(struct forge_world *w, struct forge_wmodule *m, struct forge_image *image,
                      struct forge_output *out) {
    struct forge_image_section sections[SECTIONS_MOST + 8];
    struct sc_store_key key = {.kind = SC_STORE_PDB, .name = m->pdb, .age = m->age};
    size_t n = forge_image_sections(image, sections, sizeof sections / sizeof *sections);
    struct forge_bytes bytes = {0};
    key.guid = guid_of(m->guid);
    if (n > sizeof sections / sizeof *sections)
        return forge_wrong(w->s, m->scn->line, "module: %s would have %zu sections", m->scn->name,
                           n);
    if (!forge_world_pdb(w, m, sections, n, &bytes))
        return false;
    struct forge_made_file *file = add_file(w, out, &key);
    if (!file) {
        forge_bytes_free(&bytes);
        return false;
    }
    file->bytes = bytes;
    return true;
}

static bool write_image(struct forge_world *w, struct forge_wmodule *m, struct forge_image *image,
                        struct forge_output *out) {
    struct sc_store_key key = {
        .kind = SC_STORE_IMAGE, .name = m->image, .timestamp = m->stamp, .size = (uint32_t)m->size};
    struct forge_bytes bytes = {0};
    if (!forge_image_finish(image, &bytes))
        return forge_wrong(w->s, m->scn->line, "module: %s: %s", m->scn->name,
                           forge_image_error(image));
    if (m->scn->no_image) {
        forge_bytes_free(&bytes);
        return true;
    }
    struct forge_made_file *file = add_file(w, out, &key);
    if (!file) {
        forge_bytes_free(&bytes);
        return false;
    }
    file->bytes = bytes;
    return true;
}

/* The image as it is mapped, for its pages; and what sections they are of. */
static bool keep(struct forge_world *w, struct forge_wmodule *m, struct forge_image *image) {
    m->section = forge_pool_get(w->pool, SECTIONS_MOST * sizeof *m->section);
    m->nsections = forge_image_sections(image, m->section, SECTIONS_MOST);
    return forge_image_map(image, &m->memory) ||
           forge_wrong(w->s, m->scn->line, "module: %s: %s", m->scn->name,
                       forge_image_error(image));
}

bool forge_world_files(struct forge_world *w, struct forge_output *out) {
    for (size_t i = 0; i < w->modules.count; i++) {
        struct forge_wmodule *m = &w->modules.item[i];
        struct forge_image *image = forge_image_new(w->s->cpu.machine, m->base, (uint32_t)m->size);
        if (!image)
            abort();
        fill_image(w, m, image);
        bool ok = write_image(w, m, image, out) &&
                  (!has_pdb(w, m) || write_pdb(w, m, image, out)) &&
                  (w->whole ? keep(w, m, image) : !m->scn->in_memory || put_in_memory(w, m, image));
        forge_image_free(image);
        if (!ok)
            return false;
    }
    return true;
}
