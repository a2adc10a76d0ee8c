/* SPDX-License-Identifier: MIT */
/*
 * .for, .while and .do.
 *
 *     .for (first; condition; next) { commands }     `next` may be several commands
 *     .while (condition) { commands }
 *     .do { commands } (condition)
 *
 * The condition is evaluated anew before each turn. A turn's memory is given back behind it, so a
 * loop may run as long as it likes: until its condition fails, Ctrl-C, .break or an error.
 */
#include <string.h>

#include "cmd/control.h"
#include "cmd/dispatch.h"
#include "cmd/session_impl.h"

/* A turn and its condition; the condition's memory is given back at once. */
static sc_err *holds(sc_session *s, const struct sc_part *condition, bool *ret_true) {
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = sc_turn(s);
    if (!err)
        err = sc_part_true(s, condition, arena, ret_true);
    sc_arena_destroy(arena);
    return err;
}

bool sc_loop_goes_on(sc_session *s, bool ok) {
    enum sc_jump flow = s->script.flow;
    if (flow != SC_JUMP_BREAK && flow != SC_JUMP_CONTINUE)
        return ok;
    s->script.flow = SC_JUMP_NONE;
    return flow == SC_JUMP_CONTINUE;
}

/* Runs a turn's block; false when the loop is over. */
static bool turn(sc_session *s, const struct sc_part *block) {
    s->script.loops++;
    bool ok = sc_run_part(s, block);
    s->script.loops--;
    return sc_loop_goes_on(s, ok);
}

static sc_err *loop(sc_session *s, const struct sc_part *condition, const struct sc_part *block,
                    const struct sc_part *next) {
    for (;;) {
        bool is_true = true;
        sc_err *err = holds(s, condition, &is_true);
        if (err || !is_true || !turn(s, block))
            return err;
        if (next->len && !sc_run_part(s, next))
            return NULL;
    }
}

static const char *text_of(const struct sc_args *args) {
    return args->v[0].given ? args->v[0].text : "";
}

static sc_err *check_rest(const char *p, const char *name) {
    p = sc_skip_separators(p);
    return *p ? sc_errf(SC_ERR_ARG, "%s: \"%.20s\" is not expected here", name, p) : NULL;
}

/* The first ';' of PART outside brackets and quotes; its end when there is none. */
static const char *semicolon(const char *p, const char *end) {
    bool quoted = false;
    while (p < end && (quoted || *p != ';')) {
        const char *close = !quoted && (*p == '(' || *p == '{') ? sc_match(p) : NULL;
        quoted ^= *p == '"';
        p = close && close < end ? close + 1 : p + 1;
    }
    return p;
}

sc_err *sc_run_for(sc_session *s, const struct sc_args *args) {
    const char *p = text_of(args);
    struct sc_part head, block;
    sc_err *err = sc_take_part(&p, '(', ".for", &head);
    if (!err)
        err = sc_take_part(&p, '{', ".for", &block);
    if (!err)
        err = check_rest(p, ".for");
    if (err)
        return err;
    const char *end = head.text + head.len;
    const char *first = semicolon(head.text, end);
    const char *second = first < end ? semicolon(first + 1, end) : end;
    if (second == end)
        return sc_errf(SC_ERR_ARG, ".for: write (first; condition; next)");
    struct sc_part start = {head.text, (size_t)(first - head.text)};
    struct sc_part condition = {first + 1, (size_t)(second - first - 1)};
    struct sc_part next = {second + 1, (size_t)(end - second - 1)};
    if (start.len && !sc_run_part(s, &start))
        return NULL;
    return loop(s, &condition, &block, &next);
}

sc_err *sc_run_while(sc_session *s, const struct sc_args *args) {
    const char *p = text_of(args);
    struct sc_part condition, block, none = {"", 0};
    sc_err *err = sc_take_part(&p, '(', ".while", &condition);
    if (!err)
        err = sc_take_part(&p, '{', ".while", &block);
    if (!err)
        err = check_rest(p, ".while");
    return err ? err : loop(s, &condition, &block, &none);
}

sc_err *sc_run_do(sc_session *s, const struct sc_args *args) {
    const char *p = text_of(args);
    struct sc_part condition, block, none = {"", 0};
    sc_err *err = sc_take_part(&p, '{', ".do", &block);
    if (!err)
        err = sc_take_part(&p, '(', ".do", &condition);
    if (!err)
        err = check_rest(p, ".do");
    if (err || !turn(s, &block))
        return err;
    return loop(s, &condition, &block, &none);
}
