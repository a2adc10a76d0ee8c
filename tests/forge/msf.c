/* SPDX-License-Identifier: MIT */
/* MSF: superblock, two free page maps an interval, streams, directory, map. MSFZ: see msfz.c. */
#include "forge/msf.h"

#include <stdlib.h>
#include <string.h>

void forge_msf_init(struct forge_msf *m, uint32_t page_size) {
    memset(m, 0, sizeof *m);
    m->page_size = page_size;
}

void forge_msf_deinit(struct forge_msf *m) {
    for (uint32_t i = 0; i < m->nstreams; i++)
        if (m->stream[i]) {
            forge_deinit(m->stream[i]);
            free(m->stream[i]);
        }
    m->nstreams = 0;
}

struct forge *forge_msf_stream(struct forge_msf *m, uint32_t index) {
    if (index >= FORGE_MSF_STREAMS)
        abort();
    if (!m->stream[index]) {
        m->stream[index] = malloc(sizeof *m->stream[index]);
        if (!m->stream[index])
            abort();
        forge_init(m->stream[index]);
    }
    if (index >= m->nstreams)
        m->nstreams = index + 1;
    return m->stream[index];
}

uint32_t forge_msf_add(struct forge_msf *m) {
    uint32_t index = m->nstreams < 5 ? 5 : m->nstreams;
    forge_msf_stream(m, index);
    return index;
}

/* A file of pages. */
struct pages {
    uint8_t *data;
    uint32_t page_size, count, room;
};

static uint32_t new_page(struct pages *p) {
    while (p->count % p->page_size == 1 || p->count % p->page_size == 2)
        p->count++; /* free page maps */
    uint32_t page = p->count++;
    if (p->count > p->room) {
        uint32_t room = p->count * 2 + 16;
        p->data = realloc(p->data, (size_t)room * p->page_size);
        if (!p->data)
            abort();
        memset(p->data + (size_t)p->room * p->page_size, 0,
               (size_t)(room - p->room) * p->page_size);
        p->room = room;
    }
    return page;
}

/* Puts SIZE bytes into pages, whose numbers go to LIST. */
static void put_pages(struct pages *p, const uint8_t *data, size_t size, bool scatter,
                      struct forge *list) {
    uint32_t n = (uint32_t)((size + p->page_size - 1) / p->page_size);
    uint32_t *page = calloc(n + 1, sizeof *page);
    if (!page)
        abort();
    for (uint32_t i = 0; i < n; i++)
        page[scatter ? n - 1 - i : i] = new_page(p);
    for (uint32_t i = 0; i < n; i++) {
        size_t at = (size_t)i * p->page_size, len = size - at;
        memcpy(p->data + (size_t)page[i] * p->page_size, data + at,
               len < p->page_size ? len : p->page_size);
        forge_u32(list, page[i]);
    }
    free(page);
}

static void put32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

bool forge_msf_finish(struct forge_msf *m, struct forge_bytes *ret_file) {
    static const char magic[32] = "Microsoft C/C++ MSF 7.00\r\n\x1a"
                                  "DS\0\0";
    struct pages p = {.page_size = m->page_size};
    struct forge dir, lists, map, roots;
    forge_init(&dir);
    forge_init(&lists);
    forge_init(&map);
    forge_init(&roots);
    new_page(&p);
    forge_u32(&dir, m->nstreams);
    for (uint32_t i = 0; i < m->nstreams; i++) {
        forge_u32(&dir, m->stream[i] ? (uint32_t)m->stream[i]->size : UINT32_MAX);
        if (m->stream[i])
            put_pages(&p, m->stream[i]->data, m->stream[i]->size, m->scatter, &lists);
    }
    if (lists.size)
        forge_put(&dir, lists.data, lists.size);
    put_pages(&p, dir.data, dir.size, m->scatter, &map);
    put_pages(&p, map.data, map.size, false, &roots);
    memcpy(p.data, magic, sizeof magic);
    put32(p.data + 0x20, m->page_size);
    put32(p.data + 0x24, 1);
    put32(p.data + 0x28, p.count);
    put32(p.data + 0x2c, (uint32_t)dir.size);
    memcpy(p.data + 0x34, roots.data, roots.size);
    ret_file->data = p.data;
    ret_file->size = (size_t)p.count * p.page_size;
    bool ok = !dir.failed && !lists.failed && !map.failed && !roots.failed;
    forge_deinit(&dir);
    forge_deinit(&lists);
    forge_deinit(&map);
    forge_deinit(&roots);
    return ok;
}
