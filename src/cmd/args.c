/* SPDX-License-Identifier: MIT */
/*
 * Arguments: the text behind a command's name, parsed by the row's grammar.
 *
 * Option letters come first (attached to the name or as words), then `-x` and `/x` options, then
 * operands in order; options may also stand between operands. Expressions are evaluated here, so
 * that run() starts with values. Everything handed out lies in the command's arena.
 */
#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"

struct parse {
    sc_session *session;
    const struct sc_command *row;
    const char *p;    /* what is left */
    const char *fail; /* where the argument that is being parsed starts */
    struct sc_args *args;
};

static sc_err *wrong(const struct parse *ps, const char *what, const char *name) {
    const char *usage = sc_usage(ps->row, ps->args->arena);
    return usage ? sc_errf(SC_ERR_ARG, "%s: %.80s %s; usage: %s", ps->args->command, name, what,
                           usage)
                 : sc_err_nomem();
}

/* The same about the word that stands at the cursor. */
static sc_err *wrong_word(struct parse *ps, const char *what) {
    ps->fail = ps->p;
    const char *word = sc_arena_strndup(ps->args->arena, ps->p, strcspn(ps->p, " \t\r"));
    return word ? wrong(ps, what, word) : sc_err_nomem();
}

/* --- words ---------------------------------------------------------------------------------- */

/* A word in quotes: \" is a quote in it, any other backslash stands for itself. */
static sc_err *quoted_word(struct parse *ps, const char **ret_text) {
    const char *start = ps->p + 1, *end = start;
    while (*end && *end != '"')
        end += *end == '\\' && end[1] == '"' ? 2 : 1;
    if (!*end)
        return sc_errf(SC_ERR_ARG, "%s: the quotes do not end", ps->args->command);
    char *word = sc_arena_alloc(ps->args->arena, (size_t)(end - start) + 1);
    if (!word)
        return sc_err_nomem();
    size_t n = 0;
    for (const char *q = start; q < end; q++) {
        q += *q == '\\' && q[1] == '"';
        word[n++] = *q;
    }
    ps->p = end + 1;
    *ret_text = word;
    return NULL;
}

static sc_err *take_word(struct parse *ps, const char **ret_text) {
    ps->fail = ps->p;
    if (*ps->p == '"')
        return quoted_word(ps, ret_text);
    const char *end = ps->p;
    while (*end && !sc_blank(*end))
        end++;
    const char *word = sc_arena_strndup(ps->args->arena, ps->p, (size_t)(end - ps->p));
    if (!word)
        return sc_err_nomem();
    ps->p = end;
    *ret_text = word;
    return NULL;
}

static sc_err *take_words(struct parse *ps, struct sc_val *v) {
    size_t room = 0;
    for (const char *q = ps->p; *q; q++)
        room += !sc_blank(*q) && (q == ps->p || sc_blank(q[-1]) || q[-1] == '"');
    v->word = sc_arena_array(ps->args->arena, room ? room : 1, sizeof *v->word);
    if (!v->word)
        return sc_err_nomem();
    while (*ps->p && v->nwords < room) {
        sc_err *err = take_word(ps, &v->word[v->nwords]);
        if (err)
            return err;
        v->nwords++;
        ps->p = sc_skip_blanks(ps->p);
    }
    return NULL;
}

/* The rest of the command, blanks at the end left out. */
static sc_err *take_rest(struct parse *ps, const char **ret_text) {
    size_t n = strlen(ps->p);
    while (n && (sc_blank(ps->p[n - 1]) || ps->p[n - 1] == '\n'))
        n--;
    *ret_text = sc_arena_strndup(ps->args->arena, ps->p, n);
    ps->p += strlen(ps->p);
    return *ret_text ? NULL : sc_err_nomem();
}

/* --- expressions ---------------------------------------------------------------------------- */

static bool is_name(char c) {
    return (sc_lower(c) >= 'a' && sc_lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || c == '@' || c == '!';
}

/* Is the word of LEN bytes one of WORDS, which are separated by blanks? */
static bool is_one_of(const char *words, const char *word, size_t len) {
    for (; len && *words; words += strspn(words, " ")) {
        size_t n = strcspn(words, " ");
        if (n == len && !sc_strncasecmp(words, word, n))
            return true;
        words += n;
    }
    return false;
}

/* Does the expression from START, which has come to a blank at P, go on at NEXT behind it? */
static bool goes_on(const char *start, const char *p, const char *next) {
    static const char binary[] = "and or xor mod";
    static const char unary[] = "not hi low by wo dwo qwo poi $pby $pwo $pdwo $pqwo $ppoi";
    if (!*next)
        return false;
    if (strchr("+-*&|^<>=%", p[-1]) || strchr("+&|^<>=%", *next) ||
        (*next == '!' && next[1] == '='))
        return true;
    /* `a - b` goes on; `a -v` and `a /v` have an option. */
    if (strchr("-*/", *next) && sc_blank(next[1]))
        return true;
    const char *word = p, *end = next;
    while (word > start && is_name(word[-1]))
        word--;
    while (is_name(*end))
        end++;
    return is_one_of(unary, word, (size_t)(p - word)) ||
           is_one_of(binary, word, (size_t)(p - word)) ||
           is_one_of(binary, next, (size_t)(end - next));
}

/* Where the expression at P ends: a blank outside parentheses and quotes, or the end. */
static const char *expression_end(const char *start) {
    unsigned depth = 0;
    bool quoted = false;
    const char *p = start;
    for (; *p; p++) {
        if (*p == '"')
            quoted = !quoted;
        if (quoted)
            continue;
        if (*p == '(' || *p == '[')
            depth++;
        else if ((*p == ')' || *p == ']') && depth)
            depth--;
        else if (sc_blank(*p) && !depth) {
            const char *next = sc_skip_blanks(p);
            if (p == start || !goes_on(start, p, next))
                break;
            p = next - 1;
        }
    }
    return p;
}

static sc_err *eval_text(struct parse *ps, const char *start, const char *end,
                         const char **ret_text, uint64_t *ret_value) {
    const char *text = sc_arena_strndup(ps->args->arena, start, (size_t)(end - start));
    if (!text)
        return sc_err_nomem();
    ps->fail = start;
    sc_err *err = sc_session_eval(ps->session, text, ret_value);
    if (!err && ret_text)
        *ret_text = text;
    return err;
}

static sc_err *take_expr(struct parse *ps, const char **ret_text, uint64_t *ret_value) {
    const char *end = expression_end(ps->p);
    sc_err *err = eval_text(ps, ps->p, end, ret_text, ret_value);
    if (!err)
        ps->p = end;
    return err;
}

/* Is the word at P a count: L5, l 5, L-5, L?5, L(…), L@…? Hexadecimal letters are digits. */
static bool is_count(const char *p) {
    if (sc_lower(*p) != 'l')
        return false;
    const char *end = p + 1;
    if (*end && strchr("?-(@$+`", *end))
        return true;
    while ((*end >= '0' && *end <= '9') || (sc_lower(*end) >= 'a' && sc_lower(*end) <= 'f') ||
           *end == 'x' || *end == 'n' || *end == '`')
        end++;
    return !*end || sc_blank(*end) || (strchr("+-*/(", *end) && end > p + 1);
}

/* `L?` lifts WinDbg's limit on the length; we have none to lift. */
static sc_err *take_count(struct parse *ps, struct sc_val *v) {
    ps->fail = ps->p++;
    ps->p = sc_skip_blanks(ps->p);
    if (*ps->p == '?')
        ps->p = sc_skip_blanks(ps->p + 1);
    v->back = *ps->p == '-';
    if (v->back)
        ps->p = sc_skip_blanks(ps->p + 1);
    if (!*ps->p)
        return wrong(ps, "needs a number behind it", "L");
    return take_expr(ps, NULL, &v->count);
}

static sc_err *take_range(struct parse *ps, struct sc_val *v) {
    const char *start = ps->p;
    if (is_count(ps->p)) /* `u L5`: the address is the command's own */
        return take_count(ps, v);
    sc_err *err = take_expr(ps, &v->text, &v->num);
    if (err)
        return err;
    ps->p = sc_skip_blanks(ps->p);
    if (!*ps->p)
        return NULL;
    if (is_count(ps->p))
        return take_count(ps, v);
    uint64_t last;
    err = take_expr(ps, NULL, &last);
    if (!err && last < v->num) {
        ps->fail = start;
        return sc_errf(SC_ERR_ARG, "%s: the range ends before it starts", ps->args->command);
    }
    if (!err)
        v->end = last == UINT64_MAX ? last : last + 1; /* WinDbg's end is the last one shown */
    return err;
}

sc_err *sc_session_range(sc_session *session, const char *command, sc_arena *arena,
                         const char **text, struct sc_val *ret) {
    struct sc_args args = {.command = command, .arena = arena};
    struct parse ps = {.session = session, .p = *text, .args = &args};
    struct sc_val v = {.given = true};
    ps.row = sc_command_find(command);
    sc_err *err = ps.row ? take_range(&ps, &v) : sc_errf(SC_ERR_ARG, "no command %s", command);
    if (err)
        return err;
    *text = sc_skip_blanks(ps.p);
    *ret = v;
    return NULL;
}

/* --- option letters ------------------------------------------------------------------------- */

static sc_err *letter_value(struct parse *ps, char letter, char value, const char **ret_text,
                            uint64_t *ret_num) {
    char name[] = {'o', 'p', 't', 'i', 'o', 'n', ' ', letter, 0};
    ps->fail = ps->p = sc_skip_blanks(ps->p);
    if (!*ps->p)
        return wrong(ps, value == '@' ? "needs an address" : "needs a pattern", name);
    return value == '@' ? take_expr(ps, ret_text, ret_num) : take_word(ps, ret_text);
}

/* Notes the LEN letters at TEXT; the values of those that take one are the next words. */
static sc_err *take_letters(struct parse *ps, const char *spec, const char *text, size_t len) {
    struct sc_args *args = ps->args;
    while (len) {
        char letter = 0, value = 0;
        size_t n = sc_letters_match(spec, text, len, &letter, &value);
        const char *word = NULL;
        uint64_t num = 0;
        sc_err *err = value ? letter_value(ps, letter, value, &word, &num) : NULL;
        if (err)
            return err;
        text += n;
        len -= n;
        size_t i = 0;
        while (i < args->nletters && args->letter[i].letter != letter)
            i++;
        if (i == sizeof args->letter / sizeof *args->letter)
            return wrong(ps, "are too many", "options");
        args->letter[i].letter = letter;
        args->letter[i].text = word;
        args->letter[i].num = num;
        args->nletters += i == args->nletters;
    }
    return NULL;
}

static sc_err *parse_letters(struct parse *ps, const struct sc_arg *a, const char *attached,
                             size_t len) {
    sc_err *err = take_letters(ps, a->spec, attached, len);
    while (!err && *a->spec != '=') {
        ps->p = sc_skip_blanks(ps->p);
        const char *word = ps->p;
        len = strcspn(word, " \t\r");
        if (!len || !sc_letters_all(a->spec, word, len))
            break;
        ps->p += len;
        err = take_letters(ps, a->spec, word, len);
    }
    return err;
}

/* --- options -------------------------------------------------------------------------------- */

/* How well the word at P (behind its dash) names the option: 0 not, 2 in its exact case. */
static int option_fits(const struct sc_arg *a, const char *p, size_t len) {
    size_t n = strlen(a->spec);
    bool number = a->kind == SC_ARG_OPTION_EXPR && len > n && p[n] >= '0' && p[n] <= '9';
    if (n > len || (len > n && !number))
        return 0;
    return !memcmp(p, a->spec, n) ? 2 : !sc_strncasecmp(p, a->spec, n) ? 1 : 0;
}

/* The option row that the word at P names, or -1. */
static int find_option(const struct parse *ps) {
    int best = -1, fit = 0;
    if (*ps->p != '-' && *ps->p != '/')
        return -1;
    size_t len = strcspn(ps->p + 1, " \t\r");
    for (int i = 0; ps->row->args[i].kind != SC_ARG_END; i++) {
        const struct sc_arg *a = &ps->row->args[i];
        int f = sc_option_kind(a->kind) ? option_fits(a, ps->p + 1, len) : 0;
        if (f > fit) {
            fit = f;
            best = i;
        }
    }
    return best;
}

static sc_err *parse_options(struct parse *ps) {
    int i;
    while (ps->p = sc_skip_blanks(ps->p), (i = find_option(ps)) >= 0) {
        const struct sc_arg *a = &ps->row->args[i];
        struct sc_val *v = &ps->args->v[i];
        ps->fail = ps->p;
        ps->p = sc_skip_blanks(ps->p + 1 + strlen(a->spec));
        v->given = true;
        if (a->kind == SC_ARG_OPTION)
            continue;
        if (!*ps->p)
            return wrong(ps, "needs a value", a->spec);
        sc_err *err = a->kind == SC_ARG_OPTION_WORD ? take_word(ps, &v->text)
                                                    : take_expr(ps, &v->text, &v->num);
        if (err)
            return err;
    }
    return NULL;
}

/* A word such as `-x` that looks like an option, where the command has options but not this. */
static bool looks_like_option(const struct parse *ps) {
    bool has = false;
    for (const struct sc_arg *a = ps->row->args; a->kind != SC_ARG_END; a++)
        has |= sc_option_kind(a->kind);
    size_t n = strcspn(ps->p, " \t\r");
    return has && n == 2 && (*ps->p == '-' || *ps->p == '/') && sc_lower(ps->p[1]) >= 'a' &&
           sc_lower(ps->p[1]) <= 'z';
}

/* Nothing stands behind the last operand, so in C++, which has more operators, it is all there is.
 */
static sc_err *take_last_expr(struct parse *ps, const struct sc_arg *a, struct sc_val *v) {
    if (!sc_session_cxx(ps->session) || a[1].kind != SC_ARG_END)
        return take_expr(ps, &v->text, &v->num);
    sc_err *err = eval_text(ps, ps->p, ps->p + strlen(ps->p), &v->text, &v->num);
    if (!err)
        ps->p += strlen(ps->p);
    return err;
}

/* --- all ------------------------------------------------------------------------------------ */

static sc_err *parse_operand(struct parse *ps, const struct sc_arg *a, struct sc_val *v) {
    ps->fail = ps->p;
    if (!*ps->p)
        return a->optional ? NULL : wrong(ps, "is missing", a->name);
    bool words = a->kind != SC_ARG_REST && a->kind != SC_ARG_CXX && a->kind != SC_ARG_LINE;
    if (words && looks_like_option(ps))
        return wrong_word(ps, "is no option of it");
    v->given = true;
    switch (a->kind) {
    case SC_ARG_EXPR: return take_last_expr(ps, a, v);
    case SC_ARG_RANGE: return take_range(ps, v);
    case SC_ARG_WORD: return take_word(ps, &v->text);
    case SC_ARG_WORDS: return take_words(ps, v);
    default: return take_rest(ps, &v->text);
    }
}

static sc_err *parse_operands(struct parse *ps) {
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < SC_ARGS_MAX && ps->row->args[i].kind != SC_ARG_END; i++) {
        const struct sc_arg *a = &ps->row->args[i];
        if (a->kind == SC_ARG_LETTERS || sc_option_kind(a->kind))
            continue;
        err = parse_options(ps);
        if (!err)
            err = parse_operand(ps, a, &ps->args->v[i]);
    }
    return err ? err : parse_options(ps);
}

sc_err *sc_args_parse(sc_session *session, const struct sc_found *found, const char *text,
                      struct sc_args *ret, const char **ret_fail) {
    struct parse ps = {session, found->row, sc_skip_blanks(text + found->end), NULL, ret};
    *ret_fail = NULL;
    ret->command = sc_arena_strndup(ret->arena, text, found->end);
    if (!ret->command)
        return sc_err_nomem();
    sc_err *err = NULL;
    const struct sc_arg *letters = sc_letters_row(found->row);
    if (letters)
        err = parse_letters(&ps, letters, text + found->name_len, found->end - found->name_len);
    if (!err && found->row->args)
        err = parse_operands(&ps);
    ps.p = sc_skip_blanks(ps.p);
    if (!err && *ps.p)
        err = wrong_word(&ps, "is not expected here");
    if (err)
        *ret_fail = ps.fail;
    return err;
}
