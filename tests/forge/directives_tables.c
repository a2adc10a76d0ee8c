/* SPDX-License-Identifier: MIT */
/*
 * Directives about what the kernel keeps in tables: variables, the pool's tags and pages.
 *
 *   variables ADDRESS            lines NAME VALUE … [size N]: symbols of nt, one behind the other
 *   pooltags ADDRESS … entries N lines as !poolused prints them; a table for each ADDRESS
 *   poolpage ADDRESS [pages N]   lines SIZE TAG [free | paged | nonpaged] [protected] [process P]
 *   bigpages ADDRESS entries N   lines ADDRESS TAG SIZE [free | paged | nonpaged]
 *   segheap HEAP SEGMENT nonpaged|nonpagednx|paged   lines of world_segheap.c
 */
#include <string.h>

#include "forge/reader_tables.h"

enum { VALUES_MOST = 64 };

/* COUNT numbers of SIZE bytes as the hexadecimal digits of memory, for a `memory` line. */
static const char *digits(struct forge_pool *pool, const uint64_t *value, size_t count,
                          unsigned size) {
    static const char hex[] = "0123456789abcdef";
    char *text = forge_pool_get(pool, count * size * 2 + 1);
    char *p = text;
    for (size_t i = 0; i < count; i++)
        for (unsigned k = 0; k < size; k++) {
            unsigned byte = (unsigned)(value[i] >> 8 * k & 0xff);
            *p++ = hex[byte >> 4];
            *p++ = hex[byte & 15];
        }
    *p = 0;
    return text;
}

struct variable {
    const char *name;
    uint64_t value[VALUES_MOST];
    size_t count;
    unsigned size; /* 0: a pointer */
};

static bool parse_variable(struct forge_reader *r, unsigned line, const char *text,
                           struct variable *ret) {
    struct forge_words words = {0};
    struct variable v = {0};
    if (!forge_words_split(&r->s->pool, text, strlen(text), &words))
        return forge_wrong(r->s, line, "variables: a quote does not end");
    for (size_t i = 1; i < words.count; i++) {
        const char *word = words.item[i].text;
        if (!strcmp(word, "size") && i + 2 == words.count) {
            uint64_t size;
            if (!forge_decimal(words.item[i + 1].text, &size) ||
                (size != 1 && size != 2 && size != 4 && size != 8))
                return forge_wrong(r->s, line, "variables: size is 1, 2, 4 or 8");
            v.size = (unsigned)size;
            break;
        }
        if (v.count == VALUES_MOST || !forge_number(word, &v.value[v.count++]))
            return forge_wrong(r->s, line, "variables: \"%s\" is no number", word);
    }
    if (!v.count)
        return forge_wrong(r->s, line, "variables: write  NAME VALUE");
    v.name = words.item[0].text;
    *ret = v;
    return true;
}

static void push_variable(struct forge_reader *r, unsigned line, const char *base, uint64_t offset,
                          const struct variable *v, unsigned size) {
    struct forge_pool *pool = &r->s->pool;
    const char *at = forge_pool_printf(pool, "%s+%llx", base, (unsigned long long)offset);
    struct forge_scn_memory m = {.line = line, .address = {at}};
    const char *text = digits(pool, v->value, v->count, size);
    *FORGE_PUSH(pool, &m.words) = (struct forge_word){.text = text, .value = text};
    *FORGE_PUSH(pool, &r->s->memory) = m;
    *FORGE_PUSH(pool, &r->s->symbols) = (struct forge_scn_symbol){.line = line,
                                                                  .module = "nt",
                                                                  .name = v->name,
                                                                  .address = {at},
                                                                  .has_kind = true,
                                                                  .kind = FORGE_SYM_DATA};
}

bool forge_read_variables(struct forge_reader *r) {
    struct forge_expr base;
    struct forge_listing_text text;
    if (!forge_take_expr(r, "an address", &base) || !forge_take_end(r) ||
        !forge_take_block(r, &text))
        return false;
    const char *p = text.text;
    unsigned line = text.line;
    uint64_t offset = 0;
    for (char *row; (row = forge_listing_line(&r->s->pool, &p)) != NULL; line++) {
        struct variable v;
        if (!row[strspn(row, " ")])
            continue;
        if (!parse_variable(r, line, row, &v))
            return false;
        unsigned size = v.size ? v.size : r->s->cpu.machine == 0x14c ? 4 : 8;
        push_variable(r, line, base.text, offset, &v, size);
        offset += (v.count * size + 7) & ~(uint64_t)7;
    }
    return r->s->cpu.line ||
           forge_wrong(r->s, r->line, "variables: the line  cpu …  must stand before it");
}

static bool read_table(struct forge_reader *r, enum forge_table_kind kind) {
    struct forge_scn_table v = {.line = r->line, .kind = kind};
    while (forge_next(r)) {
        if (kind != FORGE_TABLE_POOL_PAGE && forge_take_is(r, "entries")) {
            if (!forge_take_decimal(r, "a number of entries", &v.entries))
                return false;
            break;
        }
        if (kind == FORGE_TABLE_POOL_PAGE && forge_take_is(r, "pages")) {
            if (!forge_take_hex32(r, "pages", &v.pages) || !v.pages)
                return forge_reader_wrong(r, "pages: say how many");
            break;
        }
        struct forge_expr at;
        if (!forge_take_expr(r, "an address", &at))
            return false;
        *FORGE_PUSH(&r->s->pool, &v.address) = at;
    }
    bool many = kind == FORGE_TABLE_POOL_TAGS;
    if (!v.address.count || (v.address.count > 1 && !many))
        return forge_reader_wrong(r, "write its address");
    if (kind != FORGE_TABLE_POOL_PAGE && !v.entries)
        return forge_reader_wrong(r, "say how many  entries N  it has");
    if (!forge_take_end(r) || !forge_take_block(r, &v.listing))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->tables) = v;
    return true;
}

bool forge_read_segheap(struct forge_reader *r) {
    static const char *const regions[] = {"nonpaged", "nonpagednx", "paged"};
    struct forge_scn_table v = {.line = r->line, .kind = FORGE_TABLE_SEG_HEAP};
    struct forge_expr heap, segment;
    if (!forge_take_expr(r, "the heap's address", &heap) ||
        !forge_take_expr(r, "its segment's address", &segment))
        return false;
    *FORGE_PUSH(&r->s->pool, &v.address) = heap;
    *FORGE_PUSH(&r->s->pool, &v.address) = segment;
    unsigned i = 0;
    while (i < 3 && !forge_take_is(r, regions[i]))
        i++;
    if (i == 3)
        return forge_reader_wrong(r, "segheap: nonpaged, nonpagednx or paged");
    v.region = (enum forge_heap_region)i;
    if (!forge_take_end(r) || !forge_take_block(r, &v.listing))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->tables) = v;
    return true;
}

bool forge_read_pooltags(struct forge_reader *r) { return read_table(r, FORGE_TABLE_POOL_TAGS); }
bool forge_read_poolpage(struct forge_reader *r) { return read_table(r, FORGE_TABLE_POOL_PAGE); }
bool forge_read_bigpages(struct forge_reader *r) { return read_table(r, FORGE_TABLE_BIG_PAGES); }
