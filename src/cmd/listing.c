/* SPDX-License-Identifier: MIT */
/*
 * A source file as `ls` and `lsa` show it, the line of the address asked for marked:
 *
 *        22:     if (argc > 1)
 *     >  23:         return fault(argv[0]);
 */
#include "cmd/listing.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/session_impl.h"

enum { SOURCE_MAX = 16 << 20, LINE_TEXT_MAX = 400, LINES_SHOWN = 20 };

void sc_listing_init(struct sc_listing *listing) {
    *listing = (struct sc_listing){
        .next = 1, .step = {0, 1}, .list = {LINES_SHOWN / 2, LINES_SHOWN - LINES_SHOWN / 2}};
}

void sc_listing_unload(struct sc_listing *listing) {
    free(listing->name);
    free(listing->text);
    listing->name = listing->text = NULL;
    listing->size = 0;
    listing->next = 1;
    listing->mark = 0;
}

void sc_listing_deinit(struct sc_listing *listing) { sc_listing_unload(listing); }

sc_err *sc_listing_load(struct sc_listing *listing, const char *name, const sc_file *file) {
    uint64_t size = sc_file_size(file);
    if (size > SOURCE_MAX)
        return sc_errf(SC_ERR_LIMIT, "%s is too large for a source file: %llu bytes",
                       sc_file_path(file), (unsigned long long)size);
    char *kept = strdup(name), *text = malloc((size_t)size + 1);
    sc_err *err = kept && text ? sc_file_read(file, 0, text, (size_t)size) : sc_err_nomem();
    if (err) {
        free(kept);
        free(text);
        return err;
    }
    text[size] = 0;
    sc_listing_unload(listing);
    listing->name = kept;
    listing->text = text;
    listing->size = (size_t)size;
    return NULL;
}

/* ---- lines ---- */

struct source_rec {
    const char *file, *text;
    uint32_t line;
    bool current;
};
static const struct sc_field source_fields[] = {
    SC_FIELD(struct source_rec, file, SC_F_STR), SC_FIELD(struct source_rec, line, SC_F_U32),
    SC_FIELD(struct source_rec, current, SC_F_BOOL), SC_FIELD(struct source_rec, text, SC_F_STR),
    SC_FIELD_END};
static const struct sc_rectype source_type = {"source_line", sizeof(struct source_rec),
                                              source_fields};

static void source_text(sc_out *out, const void *record, void *ctx) {
    const struct source_rec *r = record;
    (void)ctx;
    if (r->text)
        sc_printf(out, "%c %5u: %s\n", r->current ? '>' : ' ', r->line, r->text);
    else
        sc_printf(out, "%s(%u)\n", r->file, r->line);
}

void sc_listing_show_place(sc_session *session, const char *name, uint32_t line) {
    struct source_rec r = {name, NULL, line, true};
    sc_record(sc_session_out(session), &source_type, &r, source_text, NULL);
}

static void show_line(sc_session *session, const struct sc_listing *l, const char *text, size_t n,
                      uint32_t number) {
    char line[LINE_TEXT_MAX + 1];
    size_t shown = n < LINE_TEXT_MAX ? n : LINE_TEXT_MAX;
    memcpy(line, text, shown);
    while (shown && line[shown - 1] == '\r')
        shown--;
    line[shown] = 0;
    struct source_rec r = {l->name, line, number, number == l->mark};
    sc_record(sc_session_out(session), &source_type, &r, source_text, NULL);
}

sc_err *sc_listing_show(sc_session *session, struct sc_listing *l, uint64_t first, uint64_t count) {
    uint32_t number = 1;
    uint64_t shown = 0;
    for (size_t at = 0; at < l->size && shown < count; number++) {
        const char *end = memchr(l->text + at, '\n', l->size - at);
        size_t n = end ? (size_t)(end - (l->text + at)) : l->size - at;
        if (number % 1024 == 0 && sc_target_cancelled(session->target))
            return sc_err_cancelled();
        if (number >= first) {
            show_line(session, l, l->text + at, n, number);
            shown++;
            l->next = number + 1;
        }
        at += n + 1;
    }
    if (count && !shown)
        return sc_errf(SC_ERR_NOT_FOUND, "%s has no line %llu: it ends with line %u", l->name,
                       (unsigned long long)first, number - 1);
    return NULL;
}

/* ---- the search ---- */

/* Opens FOLDER/TAIL for the longest tail of the recorded path that exists. */
static sc_err *open_in(const char *folder, size_t n, const char *recorded, sc_arena *arena,
                       sc_file **ret) {
    for (const char *tail = recorded; tail; tail = strpbrk(tail, "\\/")) {
        tail += strspn(tail, "\\/");
        if (!*tail || strstr(tail, "..") || strchr(tail, ':'))
            continue;
        char *path = sc_arena_printf(arena, "%.*s/%s", (int)n, folder, tail);
        if (!path)
            return sc_err_nomem();
        for (char *c = path; *c; c++)
            *c = *c == '\\' ? '/' : *c;
        sc_err *err = sc_file_open(path, 0, ret);
        if (!err || sc_err_code(err) == SC_ERR_NOMEM)
            return err;
        sc_err_destroy(err);
    }
    return NULL;
}

sc_err *sc_source_find(sc_session *session, const char *recorded, sc_arena *arena,
                       sc_file **ret_file) {
    sc_err *err = NULL;
    sc_file *file = NULL;
    for (const char *p = session->source_path; p && *p && !err && !file;) {
        size_t n = strcspn(p, ";");
        if (n)
            err = open_in(p, n, recorded, arena, &file);
        p += n + (p[n] == ';');
    }
    if (!err)
        *ret_file = file;
    return err;
}
