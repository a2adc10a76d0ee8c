/* SPDX-License-Identifier: MIT */
/*
 * .foreach and !for_each_module: commands run once for each word of a text, or for each module.
 *
 *     .foreach [/pS first] [/ps each] [/s | /f] (name {commands} | "text" | "file") { commands }
 *
 * Words are separated by any number of blanks, tabs and line ends.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/control.h"
#include "cmd/dispatch.h"
#include "cmd/foreach.h"
#include "cmd/session_impl.h"

/* --- .foreach ------------------------------------------------------------------------------- */

struct foreach {
    uint64_t skip_first, skip_each;
    bool string, file; /* /s, /f */
    char *name;
    struct sc_part source; /* commands; with /s and /f the text in quotes */
    struct sc_part block;
};

/* One word: `1 /ps 4` is no division. */
static sc_err *take_number(sc_session *s, const char **text, sc_arena *arena, uint64_t *ret) {
    size_t n = strcspn(*text, " \t\r\n(");
    const char *word = sc_arena_strndup(arena, *text, n);
    sc_err *err = word ? sc_session_eval(s, word, ret) : sc_err_nomem();
    if (!err)
        *text += n;
    return err;
}

static sc_err *take_options(sc_session *s, const char **text, sc_arena *arena, struct foreach *f) {
    sc_err *err = NULL;
    for (const char *p = *text; !err; *text = p) {
        p = sc_skip_blanks(p);
        if (*p != '/')
            break;
        if (p[1] == 'p' && (p[2] == 'S' || p[2] == 's')) {
            bool first = p[2] == 'S';
            p = sc_skip_blanks(p + 3);
            err = take_number(s, &p, arena, first ? &f->skip_first : &f->skip_each);
        } else if (p[1] == 's' || p[1] == 'f') {
            f->string |= p[1] == 's';
            f->file |= p[1] == 'f';
            p += 2;
        } else {
            err = sc_errf(SC_ERR_ARG, ".foreach: %.3s is no option of it: /pS, /ps, /s, /f", p);
        }
    }
    return err;
}

/* `(name {commands})` or `(name "text")`. */
static sc_err *take_source(const char **text, struct foreach *f, sc_arena *arena) {
    struct sc_part inner;
    sc_err *err = sc_take_part(text, '(', ".foreach", &inner);
    if (err)
        return err;
    const char *p = sc_skip_separators(inner.text), *end = inner.text + inner.len;
    size_t n = strcspn(p, " \t\r\n\"{)");
    if (!n)
        return sc_errf(SC_ERR_ARG, ".foreach: a name is missing behind '('");
    f->name = sc_arena_strndup(arena, p, n);
    if (!f->name)
        return sc_err_nomem();
    p = sc_skip_separators(p + n);
    if (!f->string && !f->file)
        return sc_take_part(&p, '{', ".foreach", &f->source);
    const char *quote = *p == '"' ? strchr(p + 1, '"') : NULL;
    if (quote && quote < end) {
        f->source = (struct sc_part){p + 1, (size_t)(quote - p - 1)};
    } else {
        while (end > p && (sc_blank(end[-1]) || end[-1] == '\n'))
            end--;
        f->source = (struct sc_part){p, p < end ? (size_t)(end - p) : 0};
    }
    return NULL;
}

static sc_err *parse(sc_session *s, const struct sc_args *args, struct foreach *f) {
    const char *p = args->v[0].given ? args->v[0].text : "";
    sc_err *err = take_options(s, &p, args->arena, f);
    if (!err)
        err = take_source(&p, f, args->arena);
    if (!err)
        err = sc_take_part(&p, '{', ".foreach", &f->block);
    p = sc_skip_separators(p);
    if (!err && *p)
        err = sc_errf(SC_ERR_ARG, ".foreach: \"%.20s\" is not expected here", p);
    return err;
}

/* Runs the block for WORD; false when the loop is over. */
static bool turn(sc_session *s, const struct foreach *f, const char *word) {
    struct sc_var var = {f->name, word, false};
    s->script.loops++;
    bool ok = sc_run_block(s, f->block.text, f->block.len, &var, 1);
    s->script.loops--;
    return sc_loop_goes_on(s, ok);
}

/* Cuts TEXT, which is changed, into words. */
static sc_err *each_word(sc_session *s, const struct foreach *f, char *text) {
    static const char blanks[] = " \t\r\n\v\f";
    uint64_t skip = f->skip_first;
    for (char *p = text + strspn(text, blanks); *p;) {
        char *end = p + strcspn(p, blanks), *next = end + strspn(end, blanks);
        *end = 0;
        if (skip) {
            skip--;
        } else {
            sc_err *err = sc_turn(s);
            if (err || !turn(s, f, p))
                return err;
            skip = f->skip_each;
        }
        p = next;
    }
    return NULL;
}

static sc_err *each_output(sc_session *s, const struct foreach *f) {
    struct sc_textbuf text = {.max = SC_CAPTURE_MAX};
    bool ok = false;
    sc_err *err = sc_capture(s, f->source.text, f->source.len, &text, &ok);
    if (!err && ok && text.len)
        err = each_word(s, f, text.data);
    sc_textbuf_free(&text);
    return err;
}

sc_err *sc_run_foreach(sc_session *s, const struct sc_args *args) {
    struct foreach f = {0};
    sc_err *err = parse(s, args, &f);
    if (err)
        return err;
    if (!f.string && !f.file)
        return each_output(s, &f);
    char *text = sc_arena_strndup(args->arena, f.source.text, f.source.len);
    if (!text)
        return sc_err_nomem();
    if (f.file)
        err = sc_read_text_file(text, args->arena, &text);
    return err ? err : each_word(s, &f, text);
}

/* --- !for_each_module ----------------------------------------------------------------------- */

enum { MODULE_FLAGS = 0 }; /* DEBUG_MODULE_… of dbgeng.h: nothing special */

/* DEBUG_SYMTYPE_… of dbgeng.h. */
static unsigned symbol_type(enum sc_symstate state) {
    switch (state) {
    case SC_SYMSTATE_DEFERRED: return 5;
    case SC_SYMSTATE_PDB:
    case SC_SYMSTATE_PRIVATE: return 3;
    case SC_SYMSTATE_EXPORT: return 4;
    case SC_SYMSTATE_ISF:
    case SC_SYMSTATE_SYM: return 6;
    default: return 0;
    }
}

enum { NAMES = 21 };

static const char *version_text(const struct sc_version *v, const uint16_t part[4],
                                sc_arena *arena) {
    return v->present ? sc_arena_printf(arena, "%u.%u.%u.%u", part[0], part[1], part[2], part[3])
                      : "";
}

/* A text and, for its name with "Size" behind, its length with the NUL. */
static void name_text(struct sc_named *list, size_t at, const char *name, const char *size_name,
                      const char *value, sc_arena *arena) {
    list[at] = (struct sc_named){name, value};
    list[at + 1] = (struct sc_named){
        size_name, sc_arena_printf(arena, "%zx", value && *value ? strlen(value) + 1 : (size_t)0)};
}

/* What may be replaced; false when memory is short. */
static bool fill(sc_session *s, const struct sc_module *m, size_t index, sc_arena *arena,
                 struct sc_named list[NAMES]) {
    char base[SC_ADDR_BUF], end[SC_ADDR_BUF];
    unsigned ptr = sc_session_ptr_size(s);
    /* What is known already: naming a module must not load its symbols. */
    sc_symtab *symtab = sc_session_symtab_peek(s);
    const struct sc_modsyms *syms = symtab ? sc_symtab_peek(symtab, m) : NULL;
    const char *symbols = syms && syms->path ? syms->path : m->path;
    const char *mapped = syms && syms->image_path ? syms->image_path : "";
    sc_addr_text(m->base, ptr, base);
    sc_addr_text(m->base + m->size, ptr, end);
    name_text(list, 0, "ModuleName", "ModuleNameSize", m->name, arena);
    name_text(list, 2, "ImageName", "ImageNameSize", m->path, arena);
    name_text(list, 4, "LoadedImageName", "LoadedImageNameSize", m->path, arena);
    name_text(list, 6, "MappedImageName", "MappedImageNameSize", mapped, arena);
    name_text(list, 8, "SymbolFileName", "SymbolFileNameSize", symbols, arena);
    list[10] = (struct sc_named){"Base", sc_arena_strdup(arena, base)};
    list[11] = (struct sc_named){"End", sc_arena_strdup(arena, end)};
    list[12] =
        (struct sc_named){"Size", sc_arena_printf(arena, "%llx", (unsigned long long)m->size)};
    list[13] = (struct sc_named){"ModuleIndex", sc_arena_printf(arena, "%zx", index)};
    list[14] = (struct sc_named){"TimeDateStamp", sc_arena_printf(arena, "%08x", m->timestamp)};
    list[15] = (struct sc_named){"Checksum", sc_arena_printf(arena, "%08x", m->checksum)};
    list[16] = (struct sc_named){"Flags", sc_arena_printf(arena, "%x", MODULE_FLAGS)};
    list[17] = (struct sc_named){
        "SymbolType",
        sc_arena_printf(arena, "%x", symbol_type(syms ? syms->state : SC_SYMSTATE_DEFERRED))};
    list[18] = (struct sc_named){"FileVersion", version_text(&m->version, m->version.file, arena)};
    list[19] =
        (struct sc_named){"ProductVersion", version_text(&m->version, m->version.product, arena)};
    list[20] = (struct sc_named){"CheckSum", list[15].value}; /* as older documents write it */
    for (size_t i = 0; i < NAMES; i++) {
        if (!list[i].value)
            return false;
    }
    return true;
}

static bool is_letter(char c) { return sc_lower(c) >= 'a' && sc_lower(c) <= 'z'; }

/* `@#Name` or `${@#Name}` at P; *RET_LEN: how much of the text it is. */
static const char *named_at(const struct sc_named *list, size_t count, const char *p,
                            size_t *ret_len) {
    bool braces = p[0] == '$' && p[1] == '{';
    const char *name = p + 2 * braces;
    if (name[0] != '@' || name[1] != '#')
        return NULL;
    name += 2;
    size_t n = 0;
    while (is_letter(name[n]))
        n++;
    if (braces && name[n] != '}')
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(list[i].name) == n && !memcmp(list[i].name, name, n)) {
            *ret_len = (size_t)(name - p) + n + braces;
            return list[i].value;
        }
    }
    return NULL;
}

void sc_replace_names(const struct sc_named *list, size_t count, const char *text,
                      struct sc_textbuf *out) {
    while (*text) {
        size_t n = strcspn(text, "@$");
        sc_textbuf_add(out, text, n);
        text += n;
        size_t len = 0;
        const char *value = *text ? named_at(list, count, text, &len) : NULL;
        if (value)
            sc_textbuf_puts(out, value);
        else if (*text)
            sc_textbuf_add(out, text, len = 1);
        text += len;
    }
}

static sc_err *each_module(sc_session *s, const char *text, const struct sc_module *m,
                           size_t index) {
    struct sc_named list[NAMES];
    struct sc_textbuf line = {.max = SC_LINE_MAX};
    sc_arena *arena = sc_arena_create();
    sc_err *err = NULL;
    if (arena && fill(s, m, index, arena, list))
        sc_replace_names(list, NAMES, text, &line);
    else
        err = sc_err_nomem();
    if (!err)
        err = sc_textbuf_error(&line, "the commands with their names replaced");
    if (!err)
        sc_session_run_nested(s, sc_textbuf_text(&line));
    sc_textbuf_free(&line);
    sc_arena_destroy(arena);
    return err;
}

const char *sc_each_text(const struct sc_args *args, const char *otherwise) {
    const char *text = args->v[0].given ? args->v[0].text : otherwise;
    size_t n = strlen(text);
    const char *inner = n >= 2 && *text == '"' ? strchr(text + 1, '"') : NULL;
    return inner == text + n - 1 ? sc_arena_strndup(args->arena, text + 1, n - 2) : text;
}

sc_err *sc_run_for_each_module(sc_session *s, const struct sc_args *args) {
    const struct sc_modules *modules;
    const char *text = sc_each_text(
        args, ".echo @#ModuleIndex : @#Base @#End @#ModuleName @#ImageName @#LoadedImageName");
    sc_err *err = text ? sc_target_modules(s->target, &modules) : sc_err_nomem();
    for (size_t i = 0; !err && i < modules->count; i++) {
        err = sc_turn(s);
        if (!err)
            err = each_module(s, text, &modules->item[i], i);
        if (s->script.flow || s->quit || sc_out_failed(s->out))
            break;
    }
    return err;
}
