/* SPDX-License-Identifier: MIT */
/* Directives about the machine of a dump of whole memory: ram, paging, kdbg, isf, in, pte, trim,
 * vad. */
#include <stdlib.h>
#include <string.h>

#include "forge/reader.h"

/* "64G", "512M": decimal, with a unit. */
static bool take_size(struct forge_reader *r, uint64_t *ret) {
    const char *text;
    char *end;
    if (!forge_take_text(r, "a size", &text))
        return false;
    unsigned long long n = strtoull(text, &end, 10);
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    if (!shift || n > 1ull << 20 || (strcmp(end + 1, "B") && end[1]))
        return forge_reader_wrong(r, "\"%s\" is no size: write 512M or 64G", text);
    *ret = (uint64_t)n << shift;
    return true;
}

static bool read_ram(struct forge_reader *r) {
    struct forge_scn_machine *m = &r->s->machine;
    if (!forge_once(r, &m->ram_line) || !take_size(r, &m->ram))
        return false;
    m->pattern = forge_take_is(r, "pattern");
    if (m->ram < 16 << 20)
        return forge_reader_wrong(r, "Windows does not run in less than 16M");
    return true;
}

static bool read_paging(struct forge_reader *r) {
    static const char *const modes[] = {"x86", "pae", "x64", "la57", NULL};
    struct forge_scn_machine *m = &r->s->machine;
    const char *text;
    unsigned i = 0, index;
    if (!forge_once(r, &m->paging_line) || !forge_take_text(r, "x86, pae, x64 or la57", &text))
        return false;
    while (modes[i] && strcmp(modes[i], text) != 0)
        i++;
    if (!modes[i])
        return forge_reader_wrong(r, "\"%s\" is not x86, pae, x64 or la57", text);
    m->paging = (enum forge_paging)i;
    while (forge_next(r)) {
        if (forge_take_is(r, "l1tf")) {
            m->l1tf = true;
        } else if (forge_take_is(r, "selfmap")) {
            uint32_t v;
            if (!forge_take_hex32(r, "an index", &v))
                return false;
            index = v;
            if (index < 0x100 || index > 0x1ff)
                return forge_reader_wrong(r, "selfmap: an index lies between 100 and 1ff");
            m->has_selfmap = true;
            m->selfmap = index;
        } else {
            return forge_take_end(r);
        }
    }
    return true;
}

static bool read_kdbg(struct forge_reader *r) {
    struct forge_scn_machine *m = &r->s->machine;
    if (!forge_once(r, &m->kdbg_line))
        return false;
    m->encoded = forge_take_is(r, "encoded");
    return m->encoded || forge_take_is(r, "plain") ||
           forge_reader_wrong(r, "say how it stands in memory: plain or encoded");
}

static bool read_isf(struct forge_reader *r) {
    return forge_once(r, &r->s->isf_line) && forge_take_text(r, "a file's name", &r->s->isf);
}

/* ---- whose memory ---- */

static bool read_in(struct forge_reader *r) {
    if (r->in_line)
        return forge_reader_wrong(r, "the one in line %u has no \"end\" yet", r->in_line);
    if (!forge_take_is(r, "process"))
        return forge_reader_wrong(r, "write  in process ADDRESS");
    if (!forge_take_hex(r, "the process's address", &r->process))
        return false;
    r->in_line = r->line;
    return true;
}

static bool read_end(struct forge_reader *r) {
    if (!r->in_line)
        return forge_reader_wrong(r, "there is nothing to end");
    r->in_line = 0;
    r->process = 0;
    return true;
}

/* ---- pages and ranges of a process ---- */

static bool read_state(struct forge_reader *r, struct forge_scn_pte *v, enum forge_pte_how *ret) {
    static const struct {
        const char *name;
        enum forge_pte_how how;
    } states[] = {{"transition", FORGE_PTE_TRANSITION},
                  {"pagefile", FORGE_PTE_PAGEFILE},
                  {"prototype", FORGE_PTE_PROTOTYPE},
                  {"vad", FORGE_PTE_VAD},
                  {"subsection", FORGE_PTE_SUBSECTION},
                  {"demandzero", FORGE_PTE_DEMAND_ZERO},
                  {"raw", FORGE_PTE_RAW}};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (!forge_take_is(r, states[i].name))
            continue;
        *ret = states[i].how;
        switch (states[i].how) {
        case FORGE_PTE_TRANSITION: v->modified = forge_take_is(r, "modified"); return true;
        case FORGE_PTE_PAGEFILE:
            return forge_take_decimal(r, "the page file's number", &v->file) &&
                   forge_take_hex(r, "the page in it", &v->page);
        case FORGE_PTE_SUBSECTION:
            return forge_take_expr(r, "the subsection's address", &v->subsection);
        case FORGE_PTE_RAW: return forge_take_hex(r, "the entry", &v->raw);
        default: return true;
        }
    }
    return forge_reader_wrong(r, "say how the page stands: transition, pagefile N PAGE, "
                                 "prototype, vad, demandzero, subsection ADDRESS, raw VALUE");
}

static bool read_protect(struct forge_reader *r, unsigned *ret) {
    uint32_t v;
    if (!forge_take_hex32(r, "a protection", &v))
        return false;
    *ret = v;
    return v < 32 || forge_reader_wrong(r, "protect: %x has more than 5 bits", v);
}

static bool read_pte(struct forge_reader *r) {
    struct forge_scn_pte v = {.line = r->line,
                              .process = r->process,
                              .proto = FORGE_PTE_VALID,
                              .protection = FORGE_PROTECT_WRITE};
    if (!forge_take_expr(r, "an address", &v.address) || !read_state(r, &v, &v.how))
        return false;
    bool proto = v.how == FORGE_PTE_PROTOTYPE || v.how == FORGE_PTE_VAD;
    const struct forge_word *w = forge_next(r);
    if (proto && w && strcmp(w->text, "protect") != 0 && strcmp(w->text, "of") != 0 &&
        !read_state(r, &v, &v.proto))
        return false;
    if (v.proto == FORGE_PTE_PROTOTYPE || v.proto == FORGE_PTE_VAD)
        return forge_reader_wrong(r, "a prototype entry does not lead to another one");
    if (forge_take_is(r, "of") && !forge_take_expr(r, "the file's subsection", &v.file_of))
        return false;
    if (forge_take_is(r, "protect") && !read_protect(r, &v.protection))
        return false;
    if (v.file > 15)
        return forge_reader_wrong(r, "pagefile: there are 16 of them at most");
    *FORGE_PUSH(&r->s->pool, &r->s->ptes) = v;
    return true;
}

/* What a VAD maps beyond memory and files: _MI_VAD_TYPE. */
static bool take_vad_type(struct forge_reader *r, struct forge_scn_vad *v) {
    static const char *const names[] = {NULL,         "physical", NULL,     "awe",
                                        "writewatch", "large",    "rotate", "largesection"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] && forge_take_is(r, names[i])) {
            v->type = i;
            return true;
        }
    return false;
}

static bool read_trim(struct forge_reader *r) {
    static const char *const levels[] = {"pte", "pde", "ppe", "pxe", NULL};
    struct forge_scn_trim v = {.line = r->line, .process = r->process};
    if (!forge_take_expr(r, "an address", &v.address))
        return false;
    for (unsigned i = 0; levels[i]; i++)
        if (forge_take_is(r, levels[i]))
            v.level = i;
    if (forge_take_is(r, "transition")) {
        v.modified = forge_take_is(r, "modified");
    } else if (forge_take_is(r, "pagefile")) {
        v.paged = true;
        if (!forge_take_decimal(r, "the page file's number", &v.file) ||
            !forge_take_hex(r, "the page in it", &v.page))
            return false;
    } else {
        return forge_reader_wrong(r, "say where the table is: transition or pagefile N PAGE");
    }
    if (v.file > 15)
        return forge_reader_wrong(r, "pagefile: there are 16 of them at most");
    *FORGE_PUSH(&r->s->pool, &r->s->trims) = v;
    return true;
}

static bool read_vad(struct forge_reader *r) {
    struct forge_scn_vad v = {
        .line = r->line, .process = r->process, .protection = FORGE_PROTECT_WRITE};
    if (!forge_take_hex(r, "a start address", &v.start) ||
        !forge_take_hex(r, "an end address", &v.end))
        return false;
    if (v.end <= v.start || v.start % FORGE_FRAME)
        return forge_reader_wrong(r, "write the first address, on a page, and the one behind the "
                                     "last page");
    v.end = (v.end - 1) | (FORGE_FRAME - 1);
    while (forge_next(r)) {
        bool ok = true;
        if (forge_take_is(r, "private"))
            v.kind = FORGE_VAD_PRIVATE;
        else if (forge_take_is(r, "mapped"))
            v.kind = FORGE_VAD_MAPPED;
        else if (forge_take_is(r, "image"))
            v.kind = FORGE_VAD_IMAGE;
        else if (take_vad_type(r, &v))
            ok = true;
        else if (forge_take_is(r, "memcommit"))
            v.memcommit = true;
        else if (forge_take_is(r, "nochange"))
            v.nochange = true;
        else if (forge_take_is(r, "protect"))
            ok = read_protect(r, &v.protection);
        else if (forge_take_is(r, "commit"))
            ok = forge_take_hex(r, "pages", &v.commit);
        else if (forge_take_is(r, "file"))
            ok = forge_take_text(r, "a file's name", &v.file);
        else
            ok = forge_take_end(r);
        if (!ok)
            return false;
    }
    *FORGE_PUSH(&r->s->pool, &r->s->vads) = v;
    return true;
}

/* What the scenario puts there goes into them. */
static bool read_large(struct forge_reader *r) {
    struct forge_scn_large v = {.line = r->line};
    if (!forge_take_hex(r, "a start address", &v.start) ||
        !forge_take_hex(r, "an end address", &v.end))
        return false;
    if (v.end <= v.start)
        return forge_reader_wrong(r, "write the first address, and the one behind the last");
    *FORGE_PUSH(&r->s->pool, &r->s->larges) = v;
    return true;
}

const struct forge_directive forge_whole_directives[] = {
    {"ram", read_ram}, {"paging", read_paging},    {"kdbg", read_kdbg}, {"isf", read_isf},
    {"in", read_in},   {"end", read_end},          {"pte", read_pte},   {"trim", read_trim},
    {"vad", read_vad}, {"largepages", read_large}, {NULL, NULL},
};
