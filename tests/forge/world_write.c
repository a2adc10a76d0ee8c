/* SPDX-License-Identifier: MIT */
/* Memory: bytes and texts at addresses, structures, and room for what has no address. */
#include <stdlib.h>
#include <string.h>

#include "forge/world.h"

typedef unsigned long long ull;

bool forge_world_put(struct forge_world *w, unsigned line, uint64_t addr, const void *data,
                     size_t size) {
    unsigned other;
    uint64_t at;
    if (size && (addr + (size - 1) < addr || (w->is32 && addr + (size - 1) > UINT32_MAX)))
        return forge_wrong(w->s, line, "%zu bytes at %llx run over the end of the address space",
                           size, (ull)addr);
    return forge_memmap_put(&w->mem, addr, data, size, line, &other, &at) ||
           forge_wrong(w->s, line, "the byte at %llx is another one in line %u", (ull)at, other);
}

bool forge_world_put_uint(struct forge_world *w, unsigned line, uint64_t addr, unsigned width,
                          uint64_t value) {
    uint8_t byte[8];
    for (unsigned i = 0; i < width && i < 8; i++)
        byte[i] = (uint8_t)(value >> 8 * i);
    return forge_world_put(w, line, addr, byte, width < 8 ? width : 8);
}

uint64_t forge_world_spare(struct forge_world *w, uint64_t size, unsigned align) {
    uint64_t at, start, run;
    for (;;) {
        at = (w->spare + align - 1) & ~(uint64_t)(align - 1);
        if (!forge_memmap_run(&w->mem, at, &start, &run) || start - at >= size)
            break;
        w->spare = start + run;
    }
    w->spare = at + size;
    forge_memmap_fill(&w->mem, at, size);
    return at;
}

/* ---- bytes and texts ---- */

uint8_t *forge_world_utf16(struct forge_world *w, const char *text, size_t *ret_size) {
    struct forge f;
    struct forge_bytes bytes = {0};
    forge_init(&f);
    forge_utf16(&f, text);
    uint8_t *copy = NULL;
    if (forge_finish(&f, &bytes)) {
        copy = forge_pool_get(w->pool, bytes.size);
        if (bytes.size)
            memcpy(copy, bytes.data, bytes.size);
        *ret_size = bytes.size;
    } else {
        forge_wrong(w->s, 0, "%s", forge_error(&f));
        *ret_size = 0;
    }
    forge_bytes_free(&bytes);
    forge_deinit(&f);
    return copy;
}

static bool put_hex(struct forge *f, const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i += 2) {
        char pair[3] = {text[i], i + 1 < len ? text[i + 1] : 0, 0};
        uint64_t v;
        if (len % 2 || !forge_number(pair, &v))
            return false;
        forge_u8(f, (uint8_t)v);
    }
    return true;
}

bool forge_world_bytes(struct forge_world *w, unsigned line, const struct forge_words *words,
                       struct forge_bytes *ret) {
    struct forge f;
    bool ok = true;
    forge_init(&f);
    for (size_t i = 0; i < words->count && ok; i++) {
        const struct forge_word *word = &words->item[i];
        if (word->quoted && word->wide)
            forge_utf16(&f, word->text);
        else if (word->quoted)
            forge_put(&f, word->text, strlen(word->text));
        else if (!put_hex(&f, word->text))
            ok = forge_wrong(w->s, line, "\"%s\": bytes are pairs of hexadecimal digits",
                             word->text);
    }
    ok = ok && (forge_finish(&f, ret) || forge_wrong(w->s, line, "%s", forge_error(&f)));
    forge_deinit(&f);
    return ok;
}

static bool put_words(struct forge_world *w, const struct forge_scn_memory *v, uint64_t addr) {
    struct forge_bytes bytes = {0};
    if (!forge_world_bytes(w, v->line, &v->words, &bytes))
        return false;
    bool ok = v->code ? forge_world_code(w, v->line, addr, bytes.data, bytes.size)
                      : forge_world_put(w, v->line, addr, bytes.data, bytes.size);
    struct forge_wmodule *m = forge_world_module_at(w, addr);
    if (ok && m && !v->code)
        forge_world_mark(m, addr - m->base, bytes.size, FORGE_PAGE_DATA);
    forge_bytes_free(&bytes);
    return ok;
}

bool forge_world_memory(struct forge_world *w) {
    for (size_t i = 0; i < w->s->memory.count; i++) {
        const struct forge_scn_memory *v = &w->s->memory.item[i];
        uint64_t addr;
        if (v->command)
            continue;
        if (!forge_world_eval(w, v->line, v->address.text, &addr, NULL) ||
            !forge_world_enter(w, v->line, v->process, addr))
            return false;
        bool ok = put_words(w, v, addr);
        forge_world_leave(w);
        if (!ok)
            return false;
    }
    return true;
}

/* ---- structures ---- */

bool forge_world_struct(struct forge_world *w, unsigned line, const char *type, uint64_t addr) {
    const struct forge_type *t;
    if (!forge_types_need_struct(&w->types, line, type, &t))
        return false;
    if (addr + t->s.size < addr || (w->is32 && addr + t->s.size > UINT32_MAX))
        return forge_wrong(w->s, line, "%s at %llx runs over the end of the address space",
                           t->s.name, (ull)addr);
    forge_memmap_fill(&w->mem, addr, t->s.size);
    struct forge_wmodule *m = forge_world_module_at(w, addr);
    if (m)
        forge_world_mark(m, addr - m->base, t->s.size, FORGE_PAGE_DATA);
    return true;
}

bool forge_world_structs(struct forge_world *w) {
    for (size_t i = 0; i < w->s->structs.count; i++) {
        const struct forge_scn_struct *v = &w->s->structs.item[i];
        uint64_t addr;
        if (!forge_world_eval(w, v->line, v->address.text, &addr, NULL) ||
            !forge_world_enter(w, v->line, v->process, addr))
            return false;
        bool ok = forge_world_struct(w, v->line, v->type, addr) &&
                  forge_world_members(w, v->type, addr, &v->member);
        forge_world_leave(w);
        if (!ok)
            return false;
    }
    return true;
}
