/* SPDX-License-Identifier: MIT */
/*
 * Memory taken for addresses: `dps` and its kin with the symbols they point to, `dpp`, `dpa`, `dpu`
 * and theirs with what lies there; `dl`, a linked list. `dg` says why there is none.
 */
#include <inttypes.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/display.h"
#include "cmd/memtext.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"

enum { ROW_BYTES = 128, STRING_SHOWN = 256 };

/* The size that the command's second letter names. */
static unsigned size_of(const sc_session *s, const char *command) {
    char c = sc_lower(command[1]);
    return c == 'd' ? 4 : c == 'q' ? 8 : sc_session_ptr_size(s);
}

/* An element with what it refers to; how many of them have been shown on the line. */
struct refctx {
    sc_session *session;
    unsigned size;
    bool first, last;
};

static void ref_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_memline *line = record;
    const struct refctx *r = ctx;
    char addr[SC_ADDR_BUF], buf[SC_VALUE_BUF];
    if (r->first)
        sc_printf(out, "%s ", sc_addr_text(line->address, sc_session_ptr_size(r->session), addr));
    for (size_t i = 0; i < line->nvalues; i++)
        sc_printf(out, " %s",
                  line->values[i] ? line->values[i] : sc_element_text(0, r->size, false, buf));
    if (line->target)
        sc_printf(out, " %s", line->target);
    if (line->text)
        sc_printf(out, " \"%s\"", line->text);
    if (line->symbol)
        sc_printf(out, " %s", line->symbol);
    sc_puts(out, r->last ? "\n" : "");
}

/* What one value refers to: fills LINE from the arena. */
typedef sc_err *(*refer_fn)(sc_session *s, char kind, uint64_t value, sc_arena *arena,
                            struct sc_memline *line);

static sc_err *refer_symbol(sc_session *s, char kind, uint64_t value, sc_arena *arena,
                            struct sc_memline *line) {
    (void)kind;
    return sc_near(s, value, arena, &line->symbol);
}

/* The pointer there, and its symbol. */
static sc_err *refer_value(sc_session *s, uint64_t addr, sc_arena *arena, struct sc_memline *line) {
    uint64_t value = 0;
    unsigned size = sc_session_ptr_size(s);
    char *buf = sc_arena_alloc(arena, SC_VALUE_BUF);
    if (!buf)
        return sc_err_nomem();
    bool there = sc_space_uint(sc_target_space(s->target), addr, size, &value) == SC_READ_OK;
    if (!there)
        return NULL;
    line->target = sc_element_text(value, size, true, buf);
    return sc_near(s, value, arena, &line->symbol);
}

/* The string there, as much of it as belongs on a line. */
static sc_err *refer_string(sc_session *s, char kind, uint64_t addr, sc_arena *arena,
                            struct sc_memline *line) {
    uint8_t data[STRING_SHOWN * 2];
    size_t got = 0, n = 0, unit = kind == 'u' ? 2 : 1;
    char *text = sc_arena_alloc(arena, STRING_SHOWN * 4 + 1);
    if (!text)
        return sc_err_nomem();
    sc_space_read(sc_target_space(s->target), addr, data, STRING_SHOWN * unit, &got);
    if (got < unit)
        return NULL;
    for (size_t i = 0; i + unit <= got; i += unit) {
        uint32_t c = (uint32_t)sc_element(data + i, (unsigned)unit);
        if (!c)
            break;
        if (unit == 1)
            text[n++] = sc_dump_char((uint8_t)c);
        else
            n += sc_dump_wide(c, text + n);
    }
    line->text = text;
    return NULL;
}

static sc_err *refer_memory(sc_session *s, char kind, uint64_t value, sc_arena *arena,
                            struct sc_memline *line) {
    uint64_t addr = sc_space_canon(sc_target_space(s->target), value);
    return kind == 'p' ? refer_value(s, addr, arena, line)
                       : refer_string(s, kind, addr, arena, line);
}

static sc_err *show_element(sc_session *s, const struct sc_extent *e, const char *name,
                            unsigned size, uint64_t index, refer_fn refer) {
    struct sc_memline line = {.address = e->start + index * size, .unit = name, .nvalues = 1};
    unsigned columns = e->columns ? e->columns : 1;
    struct refctx ctx = {s, size, index % columns == 0,
                         index % columns == columns - 1 || index + 1 == e->count};
    char buf[SC_VALUE_BUF];
    uint64_t value = 0;
    sc_arena *arena = sc_arena_create(); /* a long range must not keep what each line needed */
    if (!arena)
        return sc_err_nomem();
    bool there = sc_space_uint(e->space, line.address, size, &value) == SC_READ_OK;
    const char *text = there ? sc_element_text(value, size, true, buf) : NULL;
    line.values = &text;
    sc_err *err = there ? refer(s, sc_lower(name[2]), value, arena, &line) : NULL;
    if (!err)
        sc_memline_emit(s, &line, ref_text, &ctx);
    if (there) {
        s->shown_value = value;
        s->has_shown_value = true;
    }
    sc_arena_destroy(arena);
    return err;
}

static sc_err *show_references(sc_session *s, const struct sc_args *args, refer_fn refer) {
    unsigned size = size_of(s, args->command);
    struct sc_extent e;
    char name[4] = {sc_lower(args->command[0]), sc_lower(args->command[1]),
                    sc_lower(args->command[2]), 0};
    sc_err *err = sc_display_extent(s, args, size, ROW_BYTES / size, &e);
    uint64_t done = 0;
    while (!err && done < e.count && !sc_target_cancelled(s->target) && !sc_out_failed(s->out))
        err = show_element(s, &e, name, size, done++, refer);
    if (!err)
        sc_display_done(s, &e, name, e.start + done * size);
    return err;
}

sc_err *sc_run_dps(sc_session *s, const struct sc_args *args) {
    return show_references(s, args, refer_symbol);
}

sc_err *sc_run_dpp(sc_session *s, const struct sc_args *args) {
    return show_references(s, args, refer_memory);
}

/* --- dl ------------------------------------------------------------------------------------- */

enum { DL_COUNT = 0x20, DL_MAX = 1 << 20, DL_SIZE = 2 };

/* The pointers of one element; *RET_NEXT is 0 when its link cannot be read. */
static sc_err *show_entry(sc_session *s, uint64_t addr, size_t size, bool back,
                          uint64_t *ret_next) {
    unsigned ptr = sc_session_ptr_size(s);
    sc_space *space = sc_target_space(s->target);
    uint8_t data[16 * 8];
    bool there[16];
    char text[16][SC_VALUE_BUF];
    const char *values[16];
    sc_read_elements(space, addr, ptr, size, data, there);
    for (size_t i = 0; i < size; i++)
        values[i] =
            there[i] ? sc_element_text(sc_element(data + i * ptr, ptr), ptr, true, text[i]) : NULL;
    struct sc_memline line = {.address = addr, .unit = "dl", .values = values, .nvalues = size};
    struct refctx ctx = {s, ptr, true, true};
    sc_memline_emit(s, &line, ref_text, &ctx);
    *ret_next = 0;
    uint64_t link = 0;
    if (sc_space_uint(space, addr + (back ? ptr : 0), ptr, &link) == SC_READ_OK)
        *ret_next = sc_space_canon(space, link);
    return NULL;
}

sc_err *sc_run_dl(sc_session *s, const struct sc_args *args) {
    bool back = sc_lower(args->command[2]) == 'b';
    uint64_t start = sc_space_canon(sc_target_space(s->target), args->v[0].num), addr = start;
    uint64_t count = args->v[1].given ? args->v[1].num : DL_COUNT;
    uint64_t size = args->v[2].given ? args->v[2].num : DL_SIZE, slow = start;
    if (!size || size > 16)
        return sc_errf(SC_ERR_ARG, "dl: 1 to 10 pointers of an element can be shown");
    if (count > DL_MAX)
        return sc_errf(SC_ERR_LIMIT, "dl: at most %x elements", DL_MAX);
    /* A list that loops back elsewhere is met again at a power of two. */
    for (uint64_t i = 0, mark = 1; i < count && !sc_target_cancelled(s->target); i++) {
        uint64_t next;
        sc_err *err = show_entry(s, addr, (size_t)size, back, &next);
        if (err)
            return err;
        if (!next || next == start)
            break;
        if (next == slow && i) {
            sc_remark(s->out, "The list loops back to an element that is not its first.");
            break;
        }
        addr = next;
        if (i + 1 == mark) {
            slow = next;
            mark *= 2;
        }
    }
    sc_display_done(s, NULL, back ? "dlb" : "dl", addr);
    return NULL;
}

sc_err *sc_run_dg(sc_session *s, const struct sc_args *args) {
    (void)args;
    return sc_errf(SC_ERR_UNSUPPORTED,
                   "dg: %s dump does not hold the descriptor tables: the GDT belongs to the "
                   "processor's state, which %s; r shows the selectors",
                   sc_target_machine(s->target)->kernel ? "this kernel" : "a user",
                   sc_target_machine(s->target)->kernel ? "small dumps leave out"
                                                        : "a process cannot read");
}
