/* SPDX-License-Identifier: MIT */
/*
 * Aliases: names that are replaced in a command's text before it is cut and parsed.
 *
 * From the public pages "Using Aliases" and "${ } (Alias Interpreter)":
 *
 *     $u0 … $u9      fixed names, replaced wherever they stand, first
 *     name           a user's alias (or a variable): must begin the text or follow a blank, a
 *                    semicolon or a quotation mark, and end likewise
 *     ${name}        the same anywhere; /d: 1 or 0 (defined?), /f: the value or nothing,
 *                    /n: the name if it is defined, /v: never replaced
 *     $ntsym …       set by the debugger
 *
 * A text that begins with as, aS, ad or al keeps its user-named aliases, so that these commands can
 * name them. What was put in is not searched again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/dispatch.h"
#include "cmd/script.h"
#include "cmd/session_impl.h"

struct alias {
    char *name, *value;
};

struct sc_aliases {
    struct alias *item;
    size_t count, room;
    size_t bytes;
    char *fixed[10];
};

/* --- the table ------------------------------------------------------------------------------ */

static struct alias *find(const struct sc_aliases *a, const char *name, size_t len) {
    for (size_t i = 0; a && i < a->count; i++) {
        if (!strncmp(a->item[i].name, name, len) && !a->item[i].name[len])
            return &a->item[i];
    }
    return NULL;
}

static sc_err *table(sc_session *s, struct sc_aliases **ret) {
    if (!s->script.aliases)
        s->script.aliases = calloc(1, sizeof *s->script.aliases);
    *ret = s->script.aliases;
    return *ret ? NULL : sc_err_nomem();
}

static sc_err *check_room(const struct sc_aliases *a, size_t more) {
    if (a->count >= SC_ALIASES_MAX || more > SC_ALIAS_BYTES || a->bytes > SC_ALIAS_BYTES - more)
        return sc_errf(SC_ERR_LIMIT,
                       "aliases: no more than %d of them, %d bytes together, are kept",
                       SC_ALIASES_MAX, SC_ALIAS_BYTES);
    return NULL;
}

static char *copy(const char *text, size_t len) {
    char *p = malloc(len + 1);
    if (p) {
        memcpy(p, text, len);
        p[len] = 0;
    }
    return p;
}

static sc_err *add(struct sc_aliases *a, const char *name, char *own_value) {
    char *own_name = copy(name, strlen(name));
    struct alias *slot = own_name ? SC_VEC_PUSH(a) : NULL;
    if (!slot) {
        free(own_name);
        free(own_value);
        return sc_err_nomem();
    }
    *slot = (struct alias){own_name, own_value};
    a->bytes += strlen(name);
    return NULL;
}

sc_err *sc_alias_set(sc_session *s, const char *name, const char *value, size_t len) {
    struct sc_aliases *a;
    sc_err *err = table(s, &a);
    if (!err)
        err = check_room(a, strlen(name) + len);
    if (err)
        return err;
    char *own_value = copy(value, len);
    if (!own_value)
        return sc_err_nomem();
    struct alias *old = find(a, name, strlen(name));
    if (!old) {
        err = add(a, name, own_value);
    } else {
        a->bytes -= strlen(old->value);
        free(old->value);
        old->value = own_value;
    }
    a->bytes += err ? 0 : strlen(own_value);
    return err;
}

static void drop(struct alias *item) {
    free(item->name);
    free(item->value);
}

bool sc_alias_remove(sc_session *s, const char *name) {
    struct sc_aliases *a = s->script.aliases;
    struct alias *item = find(a, name, strlen(name));
    if (!item)
        return false;
    a->bytes -= strlen(item->name) + strlen(item->value);
    drop(item);
    size_t behind = (size_t)(a->item + a->count - (item + 1));
    memmove(item, item + 1, behind * sizeof *item);
    a->count--;
    return true;
}

void sc_alias_remove_all(sc_session *s) {
    struct sc_aliases *a = s->script.aliases;
    for (size_t i = 0; a && i < a->count; i++) {
        a->bytes -= strlen(a->item[i].name) + strlen(a->item[i].value);
        drop(&a->item[i]);
    }
    if (a)
        a->count = 0;
}

bool sc_alias_at(sc_session *s, size_t index, const char **ret_name, const char **ret_value) {
    const struct sc_aliases *a = s->script.aliases;
    if (!a || index >= a->count)
        return false;
    *ret_name = a->item[index].name;
    *ret_value = a->item[index].value;
    return true;
}

sc_err *sc_alias_set_fixed(sc_session *s, unsigned index, const char *value, size_t len) {
    struct sc_aliases *a;
    sc_err *err = table(s, &a);
    if (!err)
        err = check_room(a, len);
    if (err)
        return err;
    char *own_value = copy(value, len);
    if (!own_value)
        return sc_err_nomem();
    a->bytes += strlen(own_value) - (a->fixed[index] ? strlen(a->fixed[index]) : 0);
    free(a->fixed[index]);
    a->fixed[index] = own_value;
    return NULL;
}

bool sc_alias_fixed_text(const char *text, unsigned *ret_index, const char **ret_value) {
    if (strncmp(text, "$.u", 3) != 0 || text[3] < '0' || text[3] > '9')
        return false;
    const char *p = sc_skip_blanks(text + 4);
    if (*p != '=')
        return false;
    *ret_index = (unsigned)(text[3] - '0');
    *ret_value = sc_skip_blanks(p + 1);
    return true;
}

void sc_aliases_destroy(struct sc_aliases *a) {
    if (!a)
        return;
    for (size_t i = 0; i < a->count; i++)
        drop(&a->item[i]);
    for (size_t i = 0; i < 10; i++)
        free(a->fixed[i]);
    free(a->item);
    free(a);
}

/* --- values --------------------------------------------------------------------------------- */

struct expansion {
    sc_session *session;
    const struct sc_var *vars;
    size_t nvars;
    struct sc_textbuf *out;
};

/* What the debugger names itself; *RET_LEN bytes. NULL: no such name, or it has no value here. */
static const char *automatic(sc_session *s, const char *name, size_t len, size_t *ret_len) {
    static const char *const symbols[] = {"$ntnsym", "$ntsym", "$ntwsym"};
    const char *value = NULL;
    if (!s->target || *name != '$')
        return NULL;
    for (size_t i = 0; i < 3; i++) {
        if (strlen(symbols[i]) == len && !memcmp(symbols[i], name, len))
            value = sc_target_machine(s->target)->kernel ? "nt" : "ntdll";
    }
    *ret_len = value ? strlen(value) : 0;
    if (len == 16 && !memcmp(name, "$CurrentDumpFile", len)) {
        value = sc_target_name(s->target);
        *ret_len = strlen(value);
    } else if (len == 16 && !memcmp(name, "$CurrentDumpPath", len)) {
        value = sc_target_path(s->target);
        const char *slash = strrchr(value, '/');
        *ret_len = slash ? (size_t)(slash - value) : 0;
    }
    return value;
}

/* The value of the LEN bytes at NAME, *RET_LEN bytes; NULL: no alias of that name. */
static const char *value_of(const struct expansion *e, const char *name, size_t len, bool braces,
                            size_t *ret_len) {
    const char *value = NULL;
    for (size_t i = 0; !value && i < e->nvars; i++) {
        const struct sc_var *v = &e->vars[i];
        if ((braces || !v->braces_only) && !strncmp(v->name, name, len) && !v->name[len])
            value = v->value;
    }
    const struct alias *item = value ? NULL : find(e->session->script.aliases, name, len);
    if (item)
        value = item->value;
    if (!value)
        return automatic(e->session, name, len, ret_len);
    *ret_len = strlen(value);
    return value;
}

/* `${…}` at P: writes what it stands for and returns its end; NULL when it stays as it is. */
static const char *expand_braces(const struct expansion *e, const char *p) {
    const char *close = p + 2 + strcspn(p + 2, "}{\n");
    if (*close != '}')
        return NULL;
    const char *name = p + 2;
    char letter = 0;
    if (name[0] == '/' && name[1] && name[2] == ':') {
        letter = name[1];
        name += 3;
    }
    size_t len = (size_t)(close - name), n = 0;
    const char *value = value_of(e, name, len, true, &n);
    if (letter == 'd')
        sc_textbuf_puts(e->out, value ? "1" : "0");
    else if (letter == 'n' && value)
        sc_textbuf_add(e->out, name, len);
    else if ((!letter || letter == 'f') && value)
        sc_textbuf_add(e->out, value, n);
    else if (letter != 'f')
        return NULL;
    return close + 1;
}

/* --- replacing ------------------------------------------------------------------------------ */

static bool borders(char c) { return !c || sc_blank(c) || c == ';' || c == '"' || c == '\n'; }

/* User-named aliases, variables and ${…} of the LEN bytes at TEXT (which end in a NUL). */
static void expand_named(const struct expansion *e, const char *text) {
    const char *p = text;
    while (*p) {
        bool starts = p == text || borders(p[-1]);
        size_t len = starts ? strcspn(p, " \t\r;\"\n") : 0, n = 0;
        const char *value = len && len <= SC_ALIAS_NAME ? value_of(e, p, len, false, &n) : NULL;
        const char *end = p[0] == '$' && p[1] == '{' ? expand_braces(e, p) : NULL;
        if (value) {
            sc_textbuf_add(e->out, value, n);
            p += len;
        } else if (end) {
            p = end;
        } else {
            sc_textbuf_add(e->out, p, 1);
            p++;
        }
    }
}

/* $u0 … $u9, wherever they stand. */
static void expand_fixed(const struct sc_aliases *a, const char *text, struct sc_textbuf *out) {
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "$");
        sc_textbuf_add(out, p, n);
        p += n;
        bool is = p[0] == '$' && p[1] == 'u' && p[2] >= '0' && p[2] <= '9';
        const char *value = is && a ? a->fixed[p[2] - '0'] : NULL;
        if (value)
            sc_textbuf_puts(out, value);
        else if (*p && !is)
            sc_textbuf_add(out, p, 1);
        p += is ? 3 : *p != 0;
    }
}

/* Does TEXT begin with as, aS, ad or al? */
static bool keeps_names(const char *text) {
    return text[0] == 'a' && text[1] && strchr("sSdl", text[1]);
}

void sc_alias_expand(sc_session *s, const char *text, const struct sc_var *vars, size_t nvars,
                     struct sc_textbuf *ret) {
    struct sc_textbuf fixed = {.max = ret->max};
    struct expansion e = {s, vars, nvars, ret};
    expand_fixed(s->script.aliases, text, &fixed);
    ret->nomem |= fixed.nomem;
    ret->full |= fixed.full;
    if (keeps_names(text))
        sc_textbuf_puts(ret, sc_textbuf_text(&fixed));
    else
        expand_named(&e, sc_textbuf_text(&fixed));
    sc_textbuf_free(&fixed);
}
