/* SPDX-License-Identifier: MIT */
/*
 * Symbol paths as Windows users write them.
 *
 *     path     = element *( ";" element )
 *     element  = folder | URL
 *              | "srv*" [ place *( "*" place ) ]
 *              | "symsrv*" dll "*" place *( "*" place )
 *              | "cache*" [ folder ]
 *     place    = folder | URL | nothing (the default cache)
 *
 * Keywords are of any case, elements may have quotes and blanks around them, and a place may be
 * written with backslashes. The rules are those of "Advanced SymSrv Use" and "Symbol path for
 * Windows debuggers" in Microsoft's documentation. What other people's scripts contain is taken as
 * they mean it: a bare URL is a server behind the default cache, and a folder on a Windows drive
 * is the default cache, because that is what it was to them.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "base/vec.h"
#include "store/store_impl.h"

struct span {
    const char *text;
    size_t len;
};

static bool blank(char c) { return c == ' ' || c == '\t' || c == '"'; }

static struct span trim(struct span s) {
    while (s.len && blank(s.text[0]))
        s.text++, s.len--;
    while (s.len && blank(s.text[s.len - 1]))
        s.len--;
    return s;
}

static bool starts(struct span s, const char *word) {
    size_t len = strlen(word);
    return s.len >= len && sc_strncasecmp(s.text, word, len) == 0;
}

/* The part before the next SEPARATOR; *REST goes behind it. False: nothing is left. */
static bool next_part(struct span *rest, char separator, struct span *ret_part) {
    if (!rest->text)
        return false;
    const char *end = memchr(rest->text, separator, rest->len);
    size_t len = end ? (size_t)(end - rest->text) : rest->len;
    *ret_part = trim((struct span){rest->text, len});
    if (end)
        *rest = (struct span){end + 1, rest->len - len - 1};
    else
        rest->text = NULL;
    return true;
}

bool store_is_url(const char *place) {
    return sc_strncasecmp(place, "http://", 7) == 0 || sc_strncasecmp(place, "https://", 8) == 0;
}

static bool is_windows(struct span s) {
    bool drive = s.len >= 2 && s.text[1] == ':' && isalpha((unsigned char)s.text[0]);
    return drive || (s.len && s.text[0] == '%');
}

static bool is_unc(struct span s) { return s.len >= 2 && s.text[0] == '\\' && s.text[1] == '\\'; }

/*
 * Without slashes at its end, nor the blanks that stood before them: they would be cut off when
 * the path is read again. At least KEEP bytes stay.
 */
static size_t bare_length(const char *text, size_t len, size_t keep) {
    while (len > keep && (text[len - 1] == '/' || text[len - 1] == '\\' || blank(text[len - 1])))
        len--;
    return len;
}

/* Does a URL of LEN bytes name a host behind its scheme (and behind a user's name)? */
static bool has_host(const char *url, size_t len, size_t scheme) {
    size_t end = scheme, host = scheme;
    for (; end < len && !strchr("/?#", url[end]); end++)
        if (url[end] == '@')
            host = end + 1;
    return host < end;
}

/* A URL; scheme and host as they are. *RET_URL NULL: memory is short. */
static sc_err *take_url(sc_arena *arena, struct span s, const char **ret_url) {
    size_t scheme = starts(s, "https://") ? 8 : 7;
    size_t len = bare_length(s.text, s.len, scheme);
    if (!has_host(s.text, len, scheme))
        return sc_errf(SC_ERR_ARG, "symbol path: a URL without a host");
    *ret_url = sc_arena_strndup(arena, s.text, len);
    return NULL;
}

/* ~/x, a\b\, a// */
static const char *take_folder(sc_arena *arena, struct span s) {
    const char *home = "";
    s.len = bare_length(s.text, s.len, 1); /* first: "~ /" must not become "~" afterwards */
    if (s.text[0] == '~' && (s.len == 1 || s.text[1] == '/' || s.text[1] == '\\')) {
        home = getenv("HOME");
        if (home && *home)
            s.text++, s.len--;
        else
            home = "";
    }
    char *folder = sc_arena_printf(arena, "%s%.*s", home, (int)s.len, s.text);
    if (!folder)
        return NULL;
    for (char *p = folder; *p; p++)
        if (*p == '\\')
            *p = '/';
    return folder;
}

/* What a place means here. *RET_PLACE stays NULL for one that is left out. */
static sc_err *take_place(const sc_store *store, sc_arena *arena, struct span s,
                          const char **ret_place) {
    const char *place = NULL;
    if (is_unc(s)) {
        store_log(store, SC_LOG_WARN,
                  "symbol path: %.*s is left out: a share must be mounted and named by its folder",
                  (int)s.len, s.text);
        return NULL;
    }
    if (!s.len) {
        place = store->cache;
    } else if (starts(s, "http://") || starts(s, "https://")) {
        sc_err *err = take_url(arena, s, &place);
        if (err)
            return err;
    } else if (starts(s, "http:") || starts(s, "https:")) {
        /* As a folder it would turn into a URL when its backslashes are turned. */
        return sc_errf(SC_ERR_ARG, "symbol path: http: is not followed by //");
    } else if (is_windows(s)) {
        store_log(store, SC_LOG_INFO, "symbol path: %.*s is a folder of Windows: using %s instead",
                  (int)s.len, s.text, store->cache);
        place = store->cache;
    } else {
        place = take_folder(arena, s);
    }
    if (!place)
        return sc_err_nomem();
    *ret_place = place;
    return NULL;
}

static void add_place(struct store_element *el, const char *place) {
    if (el->nplaces && strcmp(el->place[el->nplaces - 1], place) == 0)
        return; /* two folders that became the same cache */
    el->place[el->nplaces++] = place;
}

/* A server needs a folder before it to put files into. */
static bool needs_cache(const struct store_element *el) {
    return el->nplaces && store_is_url(el->place[0]);
}

static sc_err *parse_srv(const sc_store *store, sc_arena *arena, struct span rest,
                         struct store_element *el) {
    el->kind = STORE_SRV;
    struct span whole = rest, part;
    bool all_empty = true;
    while (next_part(&rest, '*', &part)) {
        /* "srv*folder*" means no more than "srv*folder". */
        if (!part.len && !rest.text && el->nplaces)
            break;
        /* One stays free for the cache that a server in front needs. */
        size_t room = STORE_MAX_PLACES - (needs_cache(el) ? 2 : 1);
        if (el->nplaces >= room)
            return sc_errf(SC_ERR_ARG, "symbol path: more than %d stores in one element: %.*s",
                           STORE_MAX_PLACES - 2, (int)(whole.len < 80 ? whole.len : 80),
                           whole.text);
        const char *place = NULL;
        sc_err *err = take_place(store, arena, part, &place);
        if (err)
            return err;
        all_empty = all_empty && !part.len;
        if (place)
            add_place(el, place);
    }
    if (needs_cache(el)) {
        memmove(el->place + 1, el->place, el->nplaces * sizeof *el->place);
        el->place[0] = store->cache;
        el->nplaces++;
    }
    if (all_empty)
        add_place(el, SC_STORE_MICROSOFT);
    return NULL;
}

static sc_err *parse_single(const sc_store *store, sc_arena *arena, struct span part,
                            enum store_element_kind kind, struct store_element *el) {
    const char *place = NULL;
    sc_err *err = take_place(store, arena, part, &place);
    el->kind = kind;
    if (!err && place)
        add_place(el, place);
    return err;
}

static struct span after(struct span s, size_t len) {
    return (struct span){s.text + len, s.len - len};
}

static sc_err *parse_element(const sc_store *store, sc_arena *arena, struct span s,
                             struct store_element *el) {
    if (starts(s, "srv*"))
        return parse_srv(store, arena, after(s, 4), el);
    if (starts(s, "symsrv*")) {
        struct span rest = after(s, 7), dll;
        next_part(&rest, '*', &dll);
        if (!rest.text)
            rest = (struct span){"", 0};
        return parse_srv(store, arena, rest, el);
    }
    if (starts(s, "cache*")) {
        struct span folder = trim(after(s, 6));
        if (memchr(folder.text, '*', folder.len) || starts(folder, "http"))
            return sc_errf(SC_ERR_ARG, "symbol path: cache* takes one folder: %.*s", (int)s.len,
                           s.text);
        return parse_single(store, arena, folder, STORE_CACHE, el);
    }
    if (starts(s, "http://") || starts(s, "https://"))
        return parse_srv(store, arena, s, el);
    if (memchr(s.text, '*', s.len))
        return sc_errf(SC_ERR_ARG, "symbol path: not a keyword before the first *: %.*s",
                       (int)(s.len < 200 ? s.len : 200), s.text);
    return parse_single(store, arena, s, STORE_FOLDER, el);
}

static const char *expand_element(sc_arena *arena, const struct store_element *el) {
    const char *text = el->kind == STORE_SRV ? "srv" : el->kind == STORE_CACHE ? "cache" : NULL;
    if (!text)
        return el->place[0];
    for (size_t i = 0; i < el->nplaces && text; i++)
        text = sc_arena_printf(arena, "%s*%s", text, store_shown_url(arena, el->place[i]));
    return text;
}

static const char *expand(sc_arena *arena, const struct store_path *path) {
    const char *text = "";
    for (size_t i = 0; i < path->nelements && text; i++) {
        const char *one = expand_element(arena, &path->element[i]);
        text = one ? sc_arena_printf(arena, "%s%s%s", text, *text ? ";" : "", one) : NULL;
    }
    return text;
}

static sc_err *parse_all(const sc_store *store, const char *text, struct store_path *path) {
    size_t count = 1;
    for (const char *p = text; *p; p++)
        count += *p == ';';
    if (strlen(text) > STORE_MAX_TEXT || count > STORE_MAX_ELEMENTS)
        return sc_errf(SC_ERR_LIMIT, "symbol path: longer than %d bytes or %d elements",
                       STORE_MAX_TEXT, STORE_MAX_ELEMENTS);
    path->element = sc_arena_array(path->arena, count, sizeof *path->element);
    path->text = sc_arena_strdup(path->arena, text);
    if (!path->element || !path->text)
        return sc_err_nomem();
    struct span rest = {path->text, strlen(text)}, part;
    while (next_part(&rest, ';', &part)) {
        if (!part.len)
            continue;
        struct store_element *el = &path->element[path->nelements];
        sc_err *err = parse_element(store, path->arena, part, el);
        if (err)
            return err;
        if (el->nplaces)
            path->nelements++;
    }
    path->expanded = expand(path->arena, path);
    return path->expanded ? NULL : sc_err_nomem();
}

sc_err *store_path_parse(const sc_store *store, const char *text, struct store_path *ret_path) {
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return sc_errf(SC_ERR_ARG, "symbol path: a control character at column %u",
                           (unsigned)(p - text + 1));
    struct store_path path = {.arena = sc_arena_create()};
    if (!path.arena)
        return sc_err_nomem();
    sc_err *err = parse_all(store, text, &path);
    if (err)
        store_path_deinit(&path);
    else
        *ret_path = path;
    return err;
}

void store_path_deinit(struct store_path *path) {
    sc_arena_destroy(path->arena);
    *path = (struct store_path){0};
}
