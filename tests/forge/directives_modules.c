/* SPDX-License-Identifier: MIT */
/* Directives about modules: one a line with all that is known of it, or a pasted `lm` listing. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "forge/reader.h"
#include "forge/reader_modules.h"

/* END, or +SIZE. */
static bool take_end(struct forge_reader *r, uint64_t start, uint64_t *ret_end) {
    const char *text;
    uint64_t v;
    if (!forge_take_text(r, "an end address or +size", &text))
        return false;
    bool is_size = *text == '+';
    if (!forge_number(text + is_size, &v))
        return forge_reader_wrong(r, "\"%s\" is no end address or +size", text);
    *ret_end = is_size ? start + v : v;
    if (*ret_end <= start)
        return forge_reader_wrong(r, "the end %llx must lie above the start %llx",
                                  (unsigned long long)*ret_end, (unsigned long long)start);
    return true;
}

static bool take_date(struct forge_reader *r, uint32_t *ret) {
    const char *text;
    uint64_t v;
    if (!forge_take_text(r, "a date (in quotes)", &text))
        return false;
    if (!forge_date(text, &v) && !forge_debugger_date(text, &v))
        return forge_reader_wrong(r, "time: \"%s\" is no date", text);
    v = v / 10000000 - 11644473600;
    if (v > UINT32_MAX)
        return forge_reader_wrong(r, "time: a time stamp lies between 1970 and 2106");
    *ret = (uint32_t)v;
    return true;
}

static bool take_version(struct forge_reader *r, uint16_t ret[4]) {
    unsigned v[4];
    const char *text;
    int at = 0;
    if (!forge_take_text(r, "a version", &text))
        return false;
    if (sscanf(text, "%5u.%5u.%5u.%5u%n", &v[0], &v[1], &v[2], &v[3], &at) != 4 || text[at] ||
        v[0] > UINT16_MAX || v[1] > UINT16_MAX || v[2] > UINT16_MAX || v[3] > UINT16_MAX)
        return forge_reader_wrong(r, "version: \"%s\" is not 1.2.3.4", text);
    for (int i = 0; i < 4; i++)
        ret[i] = (uint16_t)v[i];
    return true;
}

/* pdb NAME [GUID AGE] */
static bool take_pdb(struct forge_reader *r, struct forge_scn_module *m) {
    unsigned age;
    if (!forge_take_text(r, "a PDB's name", &m->pdb))
        return false;
    const struct forge_word *w = forge_next(r);
    if (!w || !forge_guid(w->text, m->guid))
        return true;
    r->at++;
    m->has_guid = true;
    if (!forge_take_decimal(r, "the PDB's age", &age))
        return false;
    m->age = age;
    return true;
}

static bool read_text_option(struct forge_reader *r, struct forge_scn_module *m, bool *ret_taken) {
    const struct {
        const char *name;
        const char **to;
    } texts[] = {{"image", &m->image},
                 {"path", &m->path},
                 {"company", &m->company},
                 {"product", &m->product},
                 {"description", &m->description}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (forge_take_is(r, texts[i].name)) {
            *ret_taken = true;
            return forge_take_text(r, texts[i].name, texts[i].to);
        }
    return true;
}

static bool read_flag(struct forge_reader *r, struct forge_scn_module *m) {
    static const struct {
        const char *name;
        enum forge_module_symbols symbols;
    } kinds[] = {{"nosymbols", FORGE_SYMBOLS_NONE},
                 {"exports", FORGE_SYMBOLS_EXPORTS},
                 {"private", FORGE_SYMBOLS_PRIVATE},
                 {"public", FORGE_SYMBOLS_PUBLIC}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (forge_take_is(r, kinds[i].name)) {
            m->symbols = kinds[i].symbols;
            return true;
        }
    if (forge_take_is(r, "inmemory"))
        return m->in_memory = true;
    if (forge_take_is(r, "noimage"))
        return m->no_image = true;
    return forge_take_end(r);
}

static bool read_option(struct forge_reader *r, struct forge_scn_module *m) {
    bool taken = false;
    if (!read_text_option(r, m, &taken))
        return false;
    if (taken)
        return true;
    if (forge_take_is(r, "time"))
        return take_date(r, &m->stamp) && (m->has_stamp = true);
    if (forge_take_is(r, "stamp"))
        return forge_take_hex32(r, "stamp", &m->stamp) && (m->has_stamp = true);
    if (forge_take_is(r, "checksum"))
        return forge_take_hex32(r, "checksum", &m->checksum) && (m->has_checksum = true);
    if (forge_take_is(r, "version"))
        return take_version(r, m->version) && (m->has_version = true);
    if (forge_take_is(r, "pdb"))
        return take_pdb(r, m);
    return read_flag(r, m);
}

bool forge_read_module(struct forge_reader *r) {
    struct forge_scn_module m = {.line = r->line, .process = r->process};
    if (!forge_take_text(r, "a name", &m.name) || !forge_take_hex(r, "a start address", &m.start) ||
        !take_end(r, m.start, &m.end))
        return false;
    while (forge_next(r))
        if (!read_option(r, &m))
            return false;
    *FORGE_PUSH(&r->s->pool, &r->s->modules) = m;
    return true;
}

bool forge_read_unloaded(struct forge_reader *r) {
    struct forge_scn_unloaded u = {.line = r->line};
    if (!forge_take_text(r, "a name", &u.name) || !forge_take_hex(r, "a start address", &u.start) ||
        !take_end(r, u.start, &u.end))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->unloaded) = u;
    return true;
}

bool forge_read_fnent(struct forge_reader *r) {
    struct forge_scn_fnent v = {.line = r->line};
    if (!forge_take_text(r, "a module", &v.module) || !forge_take_end(r) ||
        !forge_take_block(r, &v.listing))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->fnents) = v;
    return true;
}

/* ---- what `lm` prints ---- */

static char *cut_word(char **p) {
    char *word = *p + strspn(*p, " ");
    size_t len = strcspn(word, " ");
    *p = word + len;
    if (**p)
        *(*p)++ = 0;
    return word;
}

/* `lm t`: "srv2.sys     Tue Jul 14 01:25:02 2009 (4A5BC84E)" behind the name. */
static void read_more(struct forge_reader *r, char *rest, struct forge_scn_module *m) {
    uint64_t v;
    char *open = strrchr(rest, '(');
    if (!open || strlen(open) < 10 || open[9] != ')')
        return;
    open[9] = 0;
    if (!forge_number(open + 1, &v))
        return;
    m->stamp = (uint32_t)v;
    m->has_stamp = true;
    char *image = cut_word(&rest);
    if (strchr(image, '.'))
        m->image = forge_pool_text(&r->s->pool, image, strlen(image));
}

static bool read_listed(struct forge_reader *r, unsigned number, char *line, bool unloaded) {
    uint64_t start, end;
    char *p = line;
    const char *a = cut_word(&p), *b = cut_word(&p), *name = cut_word(&p);
    if (!forge_number(a, &start) || !forge_number(b, &end))
        return true; /* a heading, a prompt, nothing */
    if (!*name || end <= start)
        return forge_wrong(r->s, number, "this is not \"start end module\" as lm prints it");
    if (unloaded) {
        *FORGE_PUSH(&r->s->pool, &r->s->unloaded) =
            (struct forge_scn_unloaded){number, name, start, end};
        return true;
    }
    struct forge_scn_module m = {.line = number, .name = name, .start = start, .end = end};
    read_more(r, p, &m);
    *FORGE_PUSH(&r->s->pool, &r->s->modules) = m;
    return true;
}

bool forge_read_modules(struct forge_reader *r) {
    struct forge_listing_text text;
    bool unloaded = false;
    if (!forge_take_end(r) || !forge_take_block(r, &text))
        return false;
    size_t before = r->s->modules.count + r->s->unloaded.count;
    unsigned number = text.line;
    const char *p = text.text;
    for (char *line; (line = forge_listing_line(&r->s->pool, &p)) != NULL; number++) {
        if (strstr(line, "Unloaded modules"))
            unloaded = true;
        else if (!read_listed(r, number, line, unloaded))
            return false;
    }
    return r->s->modules.count + r->s->unloaded.count > before ||
           forge_reader_wrong(r, "no module stands in the block");
}
