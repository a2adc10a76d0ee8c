/* SPDX-License-Identifier: MIT */
/* Collecting the facts of many dumps. */
#include "cmd/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "base/vec.h"
#include "cmd/batch_impl.h"

/* --- words: each text once, told apart exactly --- */

static uint64_t hash_text(const char *text) {
    uint64_t hash = 0xcbf29ce484222325ULL;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
    return hash;
}

/* The word of TEXT, which is added if it is new; NULL when memory is short. */
static struct sc_word *word(struct sc_words *words, sc_arena *arena, const char *text) {
    uint64_t hash = hash_text(text), first = SIZE_MAX;
    if (sc_map_get_number(&words->by_hash, hash, &first))
        for (size_t i = (size_t)first; i != SIZE_MAX; i = words->item[i].next)
            if (!strcmp(words->item[i].text, text))
                return &words->item[i];
    const char *copy = sc_arena_strdup(arena, text);
    struct sc_word *new = copy ? SC_VEC_PUSH(words) : NULL;
    if (!new || !sc_map_put_number(&words->by_hash, hash, words->count - 1))
        return NULL;
    *new = (struct sc_word){copy, (size_t)first, SIZE_MAX};
    return new;
}

static void words_free(struct sc_words *words) {
    SC_VEC_FREE(words);
    sc_map_free(&words->by_hash);
}

/* The one copy of TEXT; NULL when memory is short. */
static const char *intern(sc_batch *b, const char *text) {
    struct sc_word *w = word(&b->words, b->arena, text);
    return w ? w->text : NULL;
}

/* --- tallies --- */

/* VALUE is interned; "" is unknown. */
static bool tally(struct sc_tally *t, const char *value) {
    if (!*value) {
        t->unknown++;
        return true;
    }
    for (size_t i = 0; i < t->count; i++)
        if (t->item[i].value == value) {
            t->item[i].count++;
            return true;
        }
    if (t->count == SC_TALLY_MAX) {
        t->others++;
        return true;
    }
    struct sc_value_row *row = SC_VEC_PUSH(t);
    if (row)
        *row = (struct sc_value_row){value, 1};
    return row != NULL;
}

static bool tally_text(sc_batch *b, struct sc_tally *t, const char *text) {
    const char *value = intern(b, text);
    return value && tally(t, value);
}

/* --- groups and drivers --- */

static struct sc_group *group_of(sc_batch *b, const struct sc_batch_facts *f) {
    struct sc_word *w = word(&b->signatures, b->arena, f->bucket);
    if (!w)
        return NULL;
    if (w->value != SIZE_MAX)
        return &b->groups.item[w->value];
    struct sc_group *g = SC_VEC_PUSH(&b->groups);
    if (!g)
        return NULL;
    w->value = b->groups.count - 1;
    g->signature = w->text;
    g->least = SC_CERTAIN;
    return g;
}

static struct sc_batch_driver *driver_of(sc_batch *b, const struct sc_batch_named *n) {
    char lower[sizeof n->image];
    for (size_t i = 0; i < sizeof lower; i++)
        lower[i] = sc_lower(n->image[i]);
    struct sc_word *w = word(&b->images, b->arena, lower);
    if (!w)
        return NULL;
    if (w->value != SIZE_MAX)
        return &b->drivers.item[w->value];
    const char *image = intern(b, n->image), *vendor = intern(b, n->vendor),
               *about = intern(b, n->about);
    struct sc_batch_driver *d = image && vendor && about ? SC_VEC_PUSH(&b->drivers) : NULL;
    if (!d)
        return NULL;
    w->value = b->drivers.count - 1;
    *d = (struct sc_batch_driver){
        .image = image, .vendor = vendor, .about = about, .framework = n->framework};
    return d;
}

/* Is this the first dump of GROUP that names DRIVER? */
static bool count_pair(sc_batch *b, size_t driver, size_t group) {
    uint64_t pair = (uint64_t)driver << 32 ^ group, seen;
    if (sc_map_get_number(&b->pairs, pair, &seen))
        return true;
    b->drivers.item[driver].nsignatures++;
    return sc_map_put_number(&b->pairs, pair, 1);
}

static bool add_named(sc_batch *b, struct sc_batch_dump *dump, const struct sc_batch_named *n,
                      bool blamed) {
    struct sc_batch_driver *d = driver_of(b, n);
    if (!d)
        return false;
    d->named += !dump->copy;
    d->blamed += blamed && !dump->copy;
    if (d->confidence < n->confidence)
        d->confidence = n->confidence;
    size_t driver = (size_t)(d - b->drivers.item);
    dump->named[dump->nnamed].driver = driver;
    dump->named[dump->nnamed++].confidence = n->confidence;
    return tally_text(b, &d->versions, n->version) && count_pair(b, driver, dump->group);
}

static bool add_all_named(sc_batch *b, struct sc_batch_dump *dump, const struct sc_batch_facts *f) {
    for (uint32_t i = 0; i < f->nnamed; i++)
        if (!add_named(b, dump, &f->named[i], f->blamed && !i))
            return false;
    return true;
}

/* --- one dump --- */

/* The folder part of a path; "." for none. */
static const char *folder_of(sc_batch *b, const char *file) {
    const char *slash = strrchr(file, '/');
    size_t len = slash ? (size_t)(slash - file) : 1;
    char *text = sc_arena_strndup(b->arena, slash ? file : ".", len ? len : 1);
    return text ? intern(b, text) : NULL;
}

static const char *hardware_of(sc_batch *b, const struct sc_batch_facts *f) {
    char text[64] = "";
    if (f->processors != INT64_MIN)
        snprintf(text, sizeof text, "%s, %lld processor%s", f->cpu, (long long)f->processors,
                 f->processors == 1 ? "" : "s");
    return intern(b, text[0] ? text : f->cpu);
}

static bool is_copy(sc_batch *b, uint64_t identity, bool *ret_copy) {
    uint64_t seen;
    *ret_copy = identity && sc_map_get_number(&b->identities, identity, &seen);
    return !identity || *ret_copy || sc_map_put_number(&b->identities, identity, 1);
}

static void take_times(struct sc_group *g, const char *file, uint64_t time) {
    if (!g->first_file || (time && (!g->first || time < g->first))) {
        g->first = time;
        g->first_file = file;
    }
    if (!g->last_file || (time && time >= g->last)) {
        g->last = time;
        g->last_file = file;
    }
}

/* The surest dump speaks for its group. */
static bool take_verdict(sc_batch *b, struct sc_group *g, const struct sc_batch_facts *f) {
    if (f->confidence < g->least)
        g->least = f->confidence;
    if (g->verdict && f->confidence <= g->best)
        return true;
    g->best = f->confidence;
    g->verdict = intern(b, f->verdict);
    return g->verdict != NULL;
}

static bool take_aspects(sc_batch *b, struct sc_group *g, const struct sc_batch_dump *dump,
                         const struct sc_batch_facts *f) {
    const char *version = f->blamed ? f->named[0].version : "";
    struct sc_tally *a = g->aspect;
    return tally(&a[SC_ASPECT_STOP], dump->stop) && tally(&a[SC_ASPECT_HARDWARE], dump->hardware) &&
           tally(&a[SC_ASPECT_FOLDER], dump->folder) &&
           tally_text(b, &a[SC_ASPECT_PLACE], f->place) &&
           tally_text(b, &a[SC_ASPECT_VERSION], version) &&
           tally_text(b, &a[SC_ASPECT_OS], f->os) &&
           tally_text(b, &a[SC_ASPECT_PROCESS], f->process) &&
           (!f->blamed || tally_text(b, &g->images, f->named[0].image));
}

static bool add(sc_batch *b, const char *file, const struct sc_batch_facts *f) {
    struct sc_group *g = group_of(b, f);
    struct sc_batch_dump dump = {
        .time = f->time,
        .uptime = f->uptime,
        .boot_id = f->boot_id,
        .cause = (enum sc_cause)f->cause,
        .kernel = f->kernel,
        .folder = folder_of(b, file),
        .hardware = hardware_of(b, f),
        .stop = intern(b, f->stop),
    };
    if (!g || !dump.folder || !dump.hardware || !dump.stop || !is_copy(b, f->identity, &dump.copy))
        return false;
    dump.group = (size_t)(g - b->groups.item);
    g->count++;
    g->copies += dump.copy;
    g->causes[f->cause]++;
    take_times(g, file, f->time);
    if (!take_verdict(b, g, f) || !take_aspects(b, g, &dump, f) || !add_all_named(b, &dump, f))
        return false;
    struct sc_batch_dump *slot = SC_VEC_PUSH(&b->dumps);
    if (slot)
        *slot = dump;
    return slot != NULL;
}

sc_err *sc_batch_add(sc_batch *batch, const char *file, const struct sc_batch_facts *facts) {
    return add(batch, file, facts) ? NULL : sc_err_nomem();
}

sc_err *sc_batch_create(const char *const *operands, size_t count, sc_batch **ret_batch) {
    sc_batch *b = calloc(1, sizeof *b);
    if (!b)
        return sc_err_nomem();
    b->arena = sc_arena_create();
    if (!b->arena) {
        free(b);
        return sc_err_nomem();
    }
    b->operands = operands;
    b->noperands = count;
    *ret_batch = b;
    return NULL;
}

void sc_batch_destroy(sc_batch *b) {
    if (!b)
        return;
    for (size_t i = 0; i < b->groups.count; i++) {
        SC_VEC_FREE(&b->groups.item[i].images);
        for (int a = 0; a < SC_ASPECTS; a++)
            SC_VEC_FREE(&b->groups.item[i].aspect[a]);
    }
    for (size_t i = 0; i < b->drivers.count; i++)
        SC_VEC_FREE(&b->drivers.item[i].versions);
    SC_VEC_FREE(&b->groups);
    SC_VEC_FREE(&b->drivers);
    SC_VEC_FREE(&b->dumps);
    words_free(&b->words);
    words_free(&b->signatures);
    words_free(&b->images);
    sc_map_free(&b->identities);
    sc_map_free(&b->pairs);
    sc_arena_destroy(b->arena);
    free(b);
}
