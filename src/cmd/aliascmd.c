/* SPDX-License-Identifier: MIT */
/* `as`, `aS`, `ad`, `al`: setting, removing and listing aliases. What aliases do is in alias.c. */
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/control.h"
#include "cmd/dispatch.h"
#include "cmd/memtext.h"
#include "cmd/script.h"

/* --- where the commands end ----------------------------------------------------------------- */

/* Switches whose command ends at ';' even for `as`. */
static bool ends_early(const char *operands) {
    static const char *const words[] = {"e", "ma", "mu", "msa", "msu", "x"};
    const char *p = sc_skip_blanks(operands);
    size_t len = *p == '/' ? strcspn(p + 1, " \t\r\n;") : 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) == len && !memcmp(words[i], p + 1, len))
            return true;
    }
    return false;
}

static const char *end_as(const char *operands) {
    return ends_early(operands) ? sc_piece_end(operands, false) : sc_end_line(operands);
}

static const char *end_aS(const char *operands) { return sc_piece_end(operands, false); }

/* --- as ------------------------------------------------------------------------------------- */

/* The next word of *TEXT, in the arena; "" at the end. NULL: no memory. */
static char *next_word(const char **text, sc_arena *arena) {
    const char *p = sc_skip_blanks(*text);
    size_t len = strcspn(p, " \t\r\n");
    *text = sc_skip_blanks(p + len);
    return sc_arena_strndup(arena, p, len);
}

/* `${/v:name}` is the name itself here. */
static char *plain_name(char *name) {
    size_t n = strlen(name);
    if (n > 6 && !strncmp(name, "${/v:", 5) && name[n - 1] == '}') {
        name[n - 1] = 0;
        return name + 5;
    }
    return name;
}

static sc_err *check_name(const char *name) {
    if (!*name)
        return sc_errf(SC_ERR_ARG, "as: which name? as <name> <text>");
    if (strlen(name) > SC_ALIAS_NAME)
        return sc_errf(SC_ERR_LIMIT, "as: a name has at most %d bytes", SC_ALIAS_NAME);
    if (*name == 'a' && name[1] && strchr("sSdl", name[1]))
        return sc_errf(SC_ERR_ARG, "as: no name may begin with as, aS, ad or al: a line that does "
                                   "keeps its aliases");
    return NULL;
}

static sc_err *set_file(sc_session *s, const char *name, const char *path, sc_arena *arena) {
    char *text;
    size_t len;
    sc_err *err = sc_read_small_file(path, "an alias", arena, &text, &len);
    return err ? err : sc_alias_set(s, name, text, strlen(text));
}

static sc_err *set_output(sc_session *s, const char *name, const char *commands) {
    struct sc_textbuf text = {.max = SC_TEXT_MAX};
    bool ok = false;
    sc_err *err = sc_capture(s, commands, strlen(commands), &text, &ok);
    if (!err && ok)
        err = sc_alias_set(s, name, sc_textbuf_text(&text), text.len);
    sc_textbuf_free(&text);
    return err;
}

static sc_err *set_environment(sc_session *s, const char *name, const char *variable) {
    const char *value = getenv(variable);
    if (!value)
        return sc_errf(SC_ERR_NOT_FOUND, "as: the environment has no %.100s", variable);
    return sc_alias_set(s, name, value, strlen(value));
}

/* A string of the target's memory: KIND is "ma", "mu", "msa" or "msu". */
static sc_err *set_memory(sc_session *s, const char *name, const char *kind, const char *where,
                          sc_arena *arena) {
    uint64_t addr;
    const char *text;
    sc_err *err = sc_session_eval(s, where, &addr);
    if (!err)
        err = sc_memory_string(s, kind, addr, arena, &text);
    return err ? err : sc_alias_set(s, name, text, strlen(text));
}

static sc_err *set_by_switch(sc_session *s, const char *option, const char *name, const char *rest,
                             sc_arena *arena) {
    uint64_t value;
    if (!strcmp(option, "x")) {
        sc_err *err = sc_session_eval(s, rest, &value);
        const char *text = err ? NULL : sc_arena_printf(arena, "0x%llx", (unsigned long long)value);
        return err ? err : text ? sc_alias_set(s, name, text, strlen(text)) : sc_err_nomem();
    }
    if (!strcmp(option, "e"))
        return set_environment(s, name, rest);
    if (!strcmp(option, "f"))
        return set_file(s, name, rest, arena);
    if (!strcmp(option, "c"))
        return set_output(s, name, rest);
    if (sc_memory_string_kind(option))
        return set_memory(s, name, option, rest, arena);
    return sc_errf(SC_ERR_ARG,
                   "as: /%.20s is no option of it: /x, /ma, /mu, /msa, /msu, /e, /f, /c", option);
}

/* aS: quotes around the phrase are not part of it. */
static sc_err *set_phrase(sc_session *s, const char *name, const char *text, bool quotes) {
    size_t n = strlen(text);
    if (quotes && n >= 2 && *text == '"' && text[n - 1] == '"') {
        text++;
        n -= 2;
    }
    return sc_alias_set(s, name, text, n);
}

static sc_err *run_as(sc_session *s, const struct sc_args *args) {
    const char *rest = args->v[0].given ? args->v[0].text : "";
    const char *option = NULL;
    if (*rest == '/') {
        rest++;
        option = next_word(&rest, args->arena);
        if (!option)
            return sc_err_nomem();
    }
    char *name = next_word(&rest, args->arena);
    if (!name)
        return sc_err_nomem();
    name = plain_name(name);
    sc_err *err = check_name(name);
    if (!err && !*rest)
        err = sc_errf(SC_ERR_ARG, "as: what does %.40s stand for? as <name> <text>", name);
    if (err)
        return err;
    return option ? set_by_switch(s, option, name, rest, args->arena)
                  : set_phrase(s, name, rest, !strcmp(args->command, "aS"));
}

/* --- ad, al --------------------------------------------------------------------------------- */

static sc_err *run_ad(sc_session *s, const struct sc_args *args) {
    char *name = sc_arena_strdup(args->arena, args->v[1].text);
    if (!name)
        return sc_err_nomem();
    name = plain_name(name);
    if (!strcmp(name, "*"))
        sc_alias_remove_all(s);
    else if (!sc_alias_remove(s, name) && !args->v[0].given)
        return sc_errf(SC_ERR_NOT_FOUND, "ad: there is no alias %.100s", name);
    return NULL;
}

struct listed {
    const char *name, *value;
};
static const struct sc_field listed_fields[] = {
    SC_FIELD(struct listed, name, SC_F_STR),
    SC_FIELD(struct listed, value, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype listed_type = {"alias", sizeof(struct listed), listed_fields};

static void listed_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct listed *r = record;
    sc_printf(out, " %-16s %s \n", r->name, r->value);
}

static sc_err *run_al(sc_session *s, const struct sc_args *args) {
    (void)args;
    sc_out *out = sc_session_out(s);
    struct listed r;
    for (size_t i = 0; sc_alias_at(s, i, &r.name, &r.value); i++) {
        if (!i)
            sc_puts(out, "  Alias            Value  \n -------          ------- \n");
        sc_record(out, &listed_type, &r, listed_text, NULL);
    }
    if (!sc_alias_at(s, 0, &r.name, &r.value))
        sc_remark(out, "There are no aliases.");
    return NULL;
}

/* --- the rows ------------------------------------------------------------------------------- */

static const struct sc_arg as_args[] = {
    {SC_ARG_LINE, "[/option] name text", NULL, true, NULL},
    {0},
};
static const struct sc_arg ad_args[] = {
    {SC_ARG_OPTION, "q", "q", true, "say nothing when there is no such alias"},
    {SC_ARG_WORD, "name", NULL, false, "or * for all"},
    {0},
};

const struct sc_command sc_alias_commands[] = {
    {
        .name = "as",
        .brief = "set an alias: a name that is replaced by the rest of the line",
        .args = as_args,
        .end = end_as,
        .help = "The name is replaced where it stands between blanks, semicolons, quotes or the\n"
                "ends of the line; ${name} is replaced anywhere. /x makes it a number, /ma /mu a\n"
                "string in memory, /msa /msu an ANSI_STRING or UNICODE_STRING, /e an environment\n"
                "variable, /f a file's contents, /c what commands print. A new alias is seen from\n"
                "the next line or block on: as /x n 5+1; .block { .echo n }",
        .sample = "as Short 5 + 1",
        .run = run_as,
    },
    {
        .name = "aS",
        .brief = "set an alias that ends at the next ';', or is quoted",
        .args = as_args,
        .end = end_aS,
        .help = "The options are those of as.",
        .sample = "aS /x six 5 + 1; .block { .echo six }",
        .run = run_as,
    },
    {
        .name = "ad",
        .brief = "remove an alias, or all",
        .args = ad_args,
        .sample = "ad /q *",
        .run = run_ad,
    },
    {
        .name = "al",
        .brief = "list the aliases",
        .sample = "al",
        .run = run_al,
    },
    {0},
};
