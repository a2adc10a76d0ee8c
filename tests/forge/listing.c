/* SPDX-License-Identifier: MIT */
/*
 * Stacks as `k`, `kn`, `kf`, `kb`, `kv`, `!thread` and `!analyze` print them:
 *
 *      # Child-SP          RetAddr           Call Site
 *     01 fffff880`05db1b10 fffff800`01b66b4e nt!VfBugCheckNoStackUsage+0x30
 *     fffff880`07fabd60 fffff800`0227e741 nt!KySwitch…+0x27 (TrapFrame @ fffff880`07fabc20)
 *     ffffa087`3efdec88 fffff806`569959c5     : 1 2 3 4 : dxgkrnl!DXGVIRTUALMACHINE::IsWsl2Guest
 *     (Inline Function) --------`--------     : --------`-------- … : Wdf01000!DispatchWorker+0x6b
 *     ----inline function----             tcpip!FlpUninitializePacketProviderInterface
 *     ChildEBP RetAddr  Args to Child
 *     05abf0f8 7784fe67 02a7ae90 05abf224 05abf254 ninjaprf+0x10edb
 *     a9750c80 806ffa16 nt!KiTrap0E+0x238 (FPO: [0,0] TrapFrame @ a9750c80) [d:\x.c @ 12]
 *
 * or names alone. [frame number] [kf: size] Child-SP RetAddr [[:] arguments [:]] site, where x64's
 * kb has no Child-SP, and a site is module!name[+0xdisp], module+0xdisp or 0xaddress. Pointers have
 * a fixed number of digits, so that a name may be glued to them. Learnt from the published listings
 * themselves.
 *
 * A line that begins no frame continues the one before it when that one cannot be complete, or when
 * the line is a piece that never stands alone.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/listing_text.h"

struct parser {
    struct forge_frames frames;
    char *why;
    unsigned ptr_size; /* 0: not known yet, or names alone */
    bool bare;         /* names alone */
    bool warned;
    unsigned line; /* of the frame that is being collected; 0 none */
    char *text;    /* it, with what continued it */
};

/* ---- columns ---- */

enum columns { COLUMNS_NONE, COLUMNS_SHORT, COLUMNS_DONE };

static bool is_inline(const char *p) { return !strncmp(p, "(Inline", 7) || !strncmp(p, "----", 4); }

/* Behind the frame number of kn and the frame size of kf. */
static const char *behind_number(const char *p) {
    for (int i = 0; i < 2; i++) {
        size_t run = listing_hex_run(p);
        const char *next = listing_blanks(p + run);
        if (!run || run > 6 || p[run] != ' ')
            break;
        if (listing_hex_run(next) < 8 && !is_inline(next) && i)
            break;
        if (!isxdigit((unsigned char)*next) && !is_inline(next))
            break;
        p = next;
    }
    return p;
}

/* 16 digits or a tick behind the eighth: 8 bytes. Eight: 4, and a name may follow at once. */
static unsigned pointer_size(const char *p) {
    size_t run = listing_hex_run(p);
    if (run < 8)
        return 0;
    return run >= 16 || (run == 8 && (p[8] == '`' || p[8] == '\'')) ? 8 : 4;
}

static const char *arguments(struct parser *p, const char *at, struct forge_frame *f) {
    unsigned most = p->ptr_size == 8 ? 4 : 3;
    while (f->nargs < most) {
        const char *next = listing_blanks(at);
        if (*next == ':' && next[1] == ' ')
            next = listing_blanks(next + 1);
        if (!listing_pointer(&next, p->ptr_size, &f->arg[f->nargs]))
            break;
        f->nargs++;
        at = next;
    }
    at = listing_blanks(at);
    return *at == ':' && at[1] == ' ' ? listing_blanks(at + 1) : at;
}

/* Everything up to the site, which *SITE is set to. */
static enum columns columns(struct parser *p, const char *text, struct forge_frame *f,
                            const char **site) {
    const char *at = behind_number(text);
    if (is_inline(at)) {
        f->inlined = true;
        at += *at == '(' ? strcspn(at, ")") : strspn(at, "-");
        at += *at == ')';
        if (!strncmp(at, "inline function", 15))
            at += 15;
        *site = at + strspn(at, " -`':");
        return **site ? COLUMNS_DONE : COLUMNS_SHORT;
    }
    unsigned size = p->ptr_size ? p->ptr_size : pointer_size(at);
    if (!size || !listing_pointer(&at, size, &f->sp))
        return COLUMNS_NONE;
    at = listing_blanks(at);
    if (!*at)
        return COLUMNS_SHORT;
    f->has_sp = *at != ':';
    if (!f->has_sp)
        f->ret = f->sp, f->sp = 0;
    else if (!listing_pointer(&at, size, &f->ret))
        return COLUMNS_NONE;
    p->ptr_size = size;
    f->has_ret = true;
    *site = arguments(p, at, f);
    return **site ? COLUMNS_DONE : COLUMNS_SHORT;
}

/* ---- the site ---- */

/* "[d:\x.c @ 12]" at the end of SITE, cut off. */
static void take_source(char *site, struct forge_frame *f) {
    size_t len = strlen(site);
    char *open = strstr(site, " [");
    while (open && !strstr(open, " @ "))
        open = strstr(open + 1, " [");
    if (!open || site[len - 1] != ']')
        return;
    char *at = strstr(open, " @ ");
    snprintf(f->file, sizeof f->file, "%.*s", (int)(at - open - 2), open + 2);
    f->file_line = (unsigned)strtoul(at + 3, NULL, 10);
    *open = '\0';
    listing_trim_end(site);
}

/* "(FPO: [0,0] TrapFrame @ a9750c80)", "(TrapFrame @ …)", "(CONV: stdcall)", cut off. */
static bool take_notes(char *site, struct forge_frame *f, char *why) {
    static const char *const notes[] = {"(TrapFrame", "(FPO:", "(CONV:", "(Non-Fpo", "(FPO "};
    char *first = NULL;
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        char *note = strstr(site, notes[i]);
        if (note && (!first || note < first))
            first = note;
    }
    if (!first)
        return true;
    char *trap = strstr(first, "TrapFrame");
    char *at = trap ? strchr(trap, '@') : NULL;
    if (at) {
        const char *p = at + 1 + strspn(at + 1, " ");
        if (!listing_number(&p, &f->trap) || *p != ')')
            return listing_wrong(why, f->line, "no address stands behind \"TrapFrame @\"");
    }
    *first = '\0';
    listing_trim_end(site);
    return true;
}

/* "+0x12" at the end of SITE, cut off. A plus without a number belongs to a name. */
static bool take_disp(char *site, struct forge_frame *f, bool *ret_has, char *why) {
    char *plus = strrchr(site, '+');
    if (!plus)
        return true;
    const char *p = listing_blanks(plus + 1);
    if (p[0] != '0' || (p[1] | 0x20) != 'x')
        return true;
    p += 2;
    if (!listing_number(&p, &f->disp))
        return listing_wrong(why, f->line, "no number stands behind the plus of \"%.80s\"", site);
    if (*p)
        return listing_wrong(why, f->line,
                             "\"%.40s\" behind the displacement: a comment needs // before it",
                             listing_blanks(p));
    *plus = '\0';
    listing_trim_end(site);
    *ret_has = true;
    return true;
}

/* Module names have no blanks, except in "<Unloaded_x.sys>", which has none either. */
static bool is_module(const char *text) {
    return *text && !text[strcspn(text, " ()[]{}:;,+\"'`*?=/\\")];
}

/* Names with blanks are those of C++; anything else with blanks is prose. */
static bool is_name(const char *name) {
    return *name && (!strchr(name, ' ') || strpbrk(name, "<`(") || strstr(name, "operator"));
}

static bool take_name(char *site, struct forge_frame *f, bool has_disp, char *why) {
    char *bang = strchr(site, '!');
    char *name = bang ? bang + 1 : NULL;
    if (bang) {
        *bang = '\0';
        listing_trim_end(site);
        listing_trim_end(name);
    }
    if (!is_module(site) || (!bang && !has_disp))
        return listing_wrong(why, f->line, "\"%.80s\" is neither module!name nor an address", site);
    if (strlen(site) >= sizeof f->module || (name && strlen(name) + 2 >= sizeof f->name))
        return listing_wrong(why, f->line, "the name \"%.40s…\" is too long", name ? name : site);
    strcpy(f->module, site);
    if (name) {
        strcpy(f->name, name);
        listing_mend_name(f->name, sizeof f->name);
        if (!is_name(f->name))
            return listing_wrong(why, f->line, "\"%.80s\" is no name of a function", f->name);
    }
    return true;
}

static bool take_site(char *site, struct forge_frame *f, char *why) {
    take_source(site, f);
    if (!take_notes(site, f, why))
        return false;
    if (site[0] == '0' && (site[1] | 0x20) == 'x') {
        const char *p = site + 2;
        if (listing_number(&p, &f->disp) && !*p)
            return true;
        return listing_wrong(why, f->line, "\"%.80s\" is no address", site);
    }
    bool has_disp = false;
    return take_disp(site, f, &has_disp, why) && take_name(site, f, has_disp, why);
}

/* ---- lines into frames ---- */

/* The columns of a listing that has none: `kcn` numbers its frames. */
static enum columns bare_columns(struct parser *p, struct forge_frame *f, const char **site) {
    if (is_inline(behind_number(p->text)))
        return columns(p, p->text, f, site);
    size_t run = listing_hex_run(p->text);
    if (run >= 2 && run <= 3 && p->text[run] == ' ')
        *site = listing_blanks(p->text + run);
    return COLUMNS_DONE;
}

/* The frame that was collected becomes one. */
static bool flush(struct parser *p) {
    if (!p->line)
        return true;
    struct forge_frame f = {.line = p->line, .warned = p->warned};
    const char *site = p->text;
    enum columns c = p->bare ? bare_columns(p, &f, &site) : columns(p, p->text, &f, &site);
    if (c == COLUMNS_NONE && !p->ptr_size) {
        p->bare = true;
        f = (struct forge_frame){.line = p->line, .warned = p->warned};
        c = bare_columns(p, &f, &site);
    }
    if (c == COLUMNS_SHORT)
        return listing_wrong(p->why, f.line, "the line ends before its call site");
    if (c == COLUMNS_NONE)
        return listing_wrong(p->why, f.line, "this is no frame: \"%.80s\"", p->text);
    if (!take_site(p->text + (site - p->text), &f, p->why))
        return false;
    struct forge_frames *all = &p->frames;
    struct forge_frame *to =
        listing_push((void **)&all->item, &all->room, &all->count, sizeof *all->item);
    if (!to)
        return listing_nomem(p->why);
    *to = f;
    p->line = 0;
    p->warned = false;
    return true;
}

static bool starts_with_any(const char *text, const char *const *words) {
    for (; *words; words++)
        if (!strncmp(text, *words, strlen(*words)))
            return true;
    return false;
}

static bool ends_with_any(const char *text, const char *const *words) {
    size_t len = strlen(text);
    for (; *words; words++) {
        size_t n = strlen(*words);
        if (len >= n && !strcmp(text + len - n, *words))
            return true;
    }
    return false;
}

/* Is LINE the rest of the frame that is being collected? *BLANK: one stands between the two. */
static bool continues(struct parser *p, const char *line, bool *blank) {
    static const char *const pieces[] = {"(TrapFrame", "(FPO", "(CONV", "[", NULL};
    static const char *const middles[] = {"+0x", "+0X", "::", NULL};
    static const char *const open[] = {"`", "+", "+0x", "!", "::", NULL};
    if (!p->line)
        return false;
    *blank = true;
    struct forge_frame f = {0};
    const char *site = p->text;
    unsigned size = p->ptr_size;
    enum columns c = p->bare ? COLUMNS_NONE : columns(p, p->text, &f, &site);
    if (c == COLUMNS_SHORT) {
        p->ptr_size = size;
        return true;
    }
    struct forge_frame next = {0};
    const char *its_site;
    if (c == COLUMNS_DONE && columns(p, line, &next, &its_site) == COLUMNS_DONE)
        return false;
    if (starts_with_any(line, pieces) ||
        ends_with_any(site, (const char *const[]){",", "??", NULL}))
        return true;
    *blank = false;
    if (starts_with_any(line, middles) || ends_with_any(site, open))
        return true;
    const char *plus = strstr(line, "+0x");
    return c == COLUMNS_DONE && !strstr(site, "+0x") && plus && !strpbrk(line, " !");
}

/* Room for all of the listing: a frame never gets longer than it. */
static bool collect(struct parser *p, const struct listing_line *l) {
    bool blank;
    if (continues(p, l->text, &blank)) {
        strcat(p->text, blank ? " " : "");
        strcat(p->text, l->text);
        return true;
    }
    if (!flush(p))
        return false;
    p->line = l->number;
    strcpy(p->text, l->text);
    return true;
}

static bool is_header(const char *line) {
    return strstr(line, "Child-SP") || strstr(line, "ChildEBP") || strstr(line, "Call Site") ||
           !strncmp(line, "STACK_TEXT", 10);
}

static bool is_warning(const char *line) { return !strncmp(line, "WARNING:", 8); }

/* The line behind the first header; without one the first line. */
static size_t first_line(const struct listing *l, struct parser *p) {
    for (size_t i = 0; i < l->count; i++) {
        if (!is_header(l->line[i].text))
            continue;
        if (strstr(l->line[i].text, "ChildEBP"))
            p->ptr_size = 4;
        else if (strstr(l->line[i].text, "Child-SP"))
            p->ptr_size = 8;
        return i + 1;
    }
    return 0;
}

static bool parse_lines(struct parser *p, const struct listing *l) {
    for (size_t i = first_line(l, p); i < l->count; i++) {
        char *text = l->line[i].text;
        listing_uncomment(text);
        if (listing_is_gap(text))
            break;
        if (!*text || listing_is_prompt(text) || listing_is_notice(text))
            continue;
        if (is_warning(text)) {
            if (!flush(p))
                return false;
            p->warned = true;
            continue;
        }
        if (is_header(text))
            return listing_wrong(p->why, l->line[i].number, "a second stack begins here");
        if (!collect(p, &l->line[i]))
            return false;
    }
    if (!flush(p))
        return false;
    if (!p->frames.count)
        return listing_wrong(p->why, 0, "there is no frame in this listing");
    p->frames.is32 = p->ptr_size == 4;
    return true;
}

bool forge_frames_parse(const char *text, struct forge_frames *ret, char *why) {
    struct listing l;
    if (!listing_open(text, &l))
        return listing_nomem(why);
    struct parser p = {.why = why, .text = malloc(strlen(text) + l.count + 2)};
    bool ok = p.text ? parse_lines(&p, &l) : listing_nomem(why);
    free(p.text);
    listing_close(&l);
    if (ok)
        *ret = p.frames;
    else
        forge_frames_free(&p.frames);
    return ok;
}

void forge_frames_free(struct forge_frames *frames) {
    free(frames->item);
    *frames = (struct forge_frames){0};
}
