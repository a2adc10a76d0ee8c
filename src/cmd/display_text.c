/* SPDX-License-Identifier: MIT */
/* `da`, `du`: strings in quotes, 32 characters a line; `ds`, `dS`: those of string structures. */
#include <string.h>

#include "base/utf.h"
#include "cmd/display.h"
#include "cmd/memtext.h"
#include "cmd/session_impl.h"

/* Characters a line, and as many as are shown of a string that does not end. */
enum { COLUMNS = 32, DEFAULT = 384 };

struct lineof {
    uint8_t data[SC_DISPLAY_COLUMNS * 2];
    char text[SC_DISPLAY_COLUMNS * 4 + 1];
};

static void string_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_memline *line = record;
    char addr[SC_ADDR_BUF];
    sc_printf(out, "%s  \"%s\"\n",
              sc_line_address(line->address, line->unit, sc_session_ptr_size(ctx), addr),
              line->text);
}

/*
 * The text of N characters: up to a NUL (*RET_ENDED), with question marks from the first that
 * cannot be read on (the same). Returns how many characters were there.
 */
static size_t line_text(struct lineof *l, size_t n, size_t there, unsigned unit, bool to_nul,
                        bool *ret_ended) {
    size_t len = 0, i = 0;
    for (; i < n; i++) {
        uint32_t c = i < there ? (uint32_t)sc_element(l->data + i * unit, unit) : '?';
        if (to_nul && i < there && !c)
            break;
        if (unit == 1)
            l->text[len++] = sc_dump_char((uint8_t)c);
        else
            len += sc_dump_wide(c, l->text + len);
    }
    l->text[len] = 0;
    *ret_ended = i < n || there < n;
    return i;
}

sc_err *sc_string_lines(sc_session *s, sc_space *space, const char *command, uint64_t addr,
                        uint64_t count, unsigned unit, unsigned columns, bool to_nul,
                        sc_arena *arena, uint64_t *ret_next) {
    struct lineof *l = sc_arena_alloc(arena, sizeof *l);
    bool ended = false;
    uint64_t done = 0;
    if (!l)
        return sc_err_nomem();
    columns = columns ? columns : COLUMNS;
    do {
        size_t n = count - done < columns ? (size_t)(count - done) : columns, got = 0;
        uint64_t at = addr + done * unit;
        sc_space_read(space, at, l->data, n * unit, &got);
        size_t shown = line_text(l, n, got / unit, unit, to_nul, &ended);
        if (shown || !done) {
            struct sc_memline line = {.address = at, .unit = command, .text = l->text};
            line.space = space == sc_target_phys(s->target) ? "physical" : NULL;
            sc_memline_emit(s, &line, string_text, s);
        }
        done += shown;
        /* The NUL is behind us, too. */
        done += ended && to_nul && shown < got / unit;
    } while (!ended && done < count && !sc_target_cancelled(s->target) && !sc_out_failed(s->out));
    if (ret_next)
        *ret_next = addr + done * unit;
    return NULL;
}

sc_err *sc_run_da(sc_session *s, const struct sc_args *args) {
    struct sc_extent e;
    bool wide = sc_lower(args->command[1]) == 'u';
    uint64_t next;
    sc_err *err = sc_display_extent(s, args, wide ? 2 : 1, DEFAULT, &e);
    if (!err)
        err = sc_string_lines(s, e.space, wide ? "du" : "da", e.start, e.count, wide ? 2 : 1,
                              e.columns, true, args->arena, &next);
    if (!err)
        sc_display_done(s, &e, wide ? "du" : "da", next);
    return err;
}

sc_err *sc_run_ds(sc_session *s, const struct sc_args *args) {
    struct sc_extent e;
    struct sc_counted c;
    bool wide = !strcmp(args->command, "dS");
    const char *name = wide ? "dS" : "ds";
    sc_err *err = sc_display_extent(s, args, 1, 1, &e);
    if (!err)
        err = sc_read_counted(s, e.start, &c);
    if (!err)
        err = sc_string_lines(s, e.space, name, sc_space_canon(e.space, c.buffer),
                              c.length / (wide ? 2 : 1), wide ? 2 : 1, e.columns, false,
                              args->arena, NULL);
    if (!err)
        sc_display_done(s, &e, name, e.start + 2 * sc_session_ptr_size(s));
    return err;
}
