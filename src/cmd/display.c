/* SPDX-License-Identifier: MIT */
/*
 * `db`, `dd`, `dq` and the other commands that show memory as numbers, and the rows of the family.
 *
 * Layouts are WinDbg's: the address, two blanks, the values, and for some the characters of the
 * line. A value any byte of which the dump lacks is question marks. Element sizes of dp, dps and
 * dpp follow the target.
 */
#include "cmd/display.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/memtext.h"
#include "cmd/procspace.h"
#include "cmd/real.h"
#include "cmd/session_impl.h"

/* --- extents -------------------------------------------------------------------------------- */

/* Where to begin without an address: behind the last one, or at the instruction pointer. */
static sc_err *default_start(sc_session *s, uint64_t *ret) {
    if (s->has_display_next) {
        *ret = s->display_next;
        return NULL;
    }
    sc_err *err = sc_session_pseudo_get(s, "$ip", ret);
    return sc_err_prefix(err, "no address was given, and there is no display to go on from");
}

static uint64_t highest(const sc_session *s) {
    return sc_session_ptr_size(s) == 4 ? UINT32_MAX : UINT64_MAX;
}

/* `L-8`: the eight elements before the address. */
static sc_err *set_count(const struct sc_val *v, unsigned size, struct sc_extent *e) {
    uint64_t span = v->end > v->num ? v->end - v->num : 0;
    if (v->end)
        e->count = span / size + (span % size != 0);
    else if (v->count)
        e->count = v->count;
    e->given = v->end || v->count;
    if (e->count > SC_DISPLAY_BYTES / size)
        return sc_errf(SC_ERR_LIMIT,
                       "the range is longer than the %d bytes that are shown at once; s searches, "
                       ".writemem saves any length",
                       SC_DISPLAY_BYTES);
    if (v->back) {
        if (e->start < e->count * size)
            return sc_errf(SC_ERR_ARG, "the range begins below address 0");
        e->start -= e->count * size;
    }
    return NULL;
}

sc_err *sc_display_extent(sc_session *s, const struct sc_args *args, unsigned size, uint64_t count,
                          struct sc_extent *ret) {
    const struct sc_val *v = args->v;
    sc_session_forget_zeros(s);
    struct sc_extent e = {.count = count, .start = v[ARG_D_RANGE].num};
    bool physical =
        v[ARG_D_P].given || v[ARG_D_PC].given || v[ARG_D_PUC].given || v[ARG_D_PWC].given;
    if (physical && !sc_target_machine(s->target)->kernel)
        return sc_errf(SC_ERR_UNSUPPORTED, "/p: a user dump has no physical memory");
    e.space = physical ? sc_target_phys(s->target) : sc_target_space(s->target);
    sc_err *err = v[ARG_D_RANGE].given ? NULL : default_start(s, &e.start);
    if (err)
        return err;
    e.start = physical ? sc_session_physical(s, e.start) : sc_space_canon(e.space, e.start);
    err = set_count(&v[ARG_D_RANGE], size, &e);
    if (err)
        return err;
    if (v[ARG_D_C].given) {
        if (!v[ARG_D_C].num || v[ARG_D_C].num > SC_DISPLAY_COLUMNS)
            return sc_errf(SC_ERR_ARG, "/c: 1 to %x columns", SC_DISPLAY_COLUMNS);
        e.columns = (unsigned)v[ARG_D_C].num;
    }
    uint64_t top = physical ? UINT64_MAX : highest(s);
    if (e.start > top)
        return sc_errf(SC_ERR_ARG, "0x%" PRIx64 " is no address of this target", e.start);
    uint64_t fits = (top - e.start) / size + ((top - e.start) % size == size - 1);
    e.count = e.count > fits ? fits : e.count;
    *ret = e;
    return NULL;
}

/* Why the first byte from START on, as far as END, that is missing is missing. */
static void note_missing(sc_session *s, sc_space *space, uint64_t start, uint64_t end) {
    enum { PAGE = 0x1000 };
    char why[SC_WHY_TEXT];
    for (uint64_t at = start; at < end || at == start; at = (at | (PAGE - 1)) + 1) {
        uint8_t byte;
        enum sc_read status = sc_space_read(space, at, &byte, 1, NULL);
        if (status == SC_READ_INVALID)
            sc_remark(s->out, "No page is mapped at 0x%" PRIx64 ".", at);
        else if (status != SC_READ_OK)
            sc_remark(s->out, "What is at 0x%" PRIx64 " is %s.", at,
                      sc_space_why(space, at, status, why));
        if (status != SC_READ_OK || at > UINT64_MAX - PAGE)
            return;
    }
}

void sc_display_done(sc_session *s, const struct sc_extent *e, const char *command, uint64_t next) {
    if (e && s->procspace && s->enrich && e->space == sc_target_space(s->target))
        note_missing(s, e->space, e->start, next);
    snprintf(s->display, sizeof s->display, "%s", command);
    s->display_next = sc_space_canon(sc_target_space(s->target), next);
    s->has_display_next = true;
    sc_session_set_dot(s, s->display_next);
    sc_session_note_zeros(s);
}

/* --- elements ------------------------------------------------------------------------------- */

void sc_read_elements(sc_space *space, uint64_t addr, unsigned size, size_t count, uint8_t *data,
                      bool *ret_there) {
    size_t got = 0;
    sc_space_read(space, addr, data, size * count, &got);
    for (size_t i = 0; i < count; i++) {
        uint64_t at = addr + i * size;
        ret_there[i] = (i + 1) * size <= got ||
                       sc_space_read(space, at, data + i * size, size, NULL) == SC_READ_OK;
    }
}

uint64_t sc_element(const uint8_t *data, unsigned size) {
    uint64_t v = 0;
    for (unsigned i = size; i-- > 0;)
        v = v << 8 | data[i];
    return v;
}

const char *sc_element_text(uint64_t value, unsigned size, bool there, char *buf) {
    if (!there && size == 8)
        snprintf(buf, SC_VALUE_BUF, "????????`????????");
    else if (!there)
        snprintf(buf, SC_VALUE_BUF, "%.*s", (int)size * 2, "????????");
    else if (size == 8)
        sc_addr_text(value, 8, buf);
    else
        snprintf(buf, SC_VALUE_BUF, "%0*" PRIx64, (int)size * 2, value);
    return buf;
}

/* --- lines ---------------------------------------------------------------------------------- */

static const struct sc_field line_fields[] = {
    SC_FIELD(struct sc_memline, address, SC_F_ADDR),
    SC_FIELD(struct sc_memline, unit, SC_F_STR),
    SC_FIELD_STRS(struct sc_memline, values, nvalues),
    SC_FIELD(struct sc_memline, text, SC_F_STR),
    SC_FIELD(struct sc_memline, symbol, SC_F_STR),
    SC_FIELD(struct sc_memline, target, SC_F_STR),
    SC_FIELD(struct sc_memline, space, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype line_type = {"memory", sizeof(struct sc_memline), line_fields};

void sc_memline_emit(sc_session *s, const struct sc_memline *line, sc_text_fn text, void *ctx) {
    struct sc_memline l = *line;
    l.space = l.space ? l.space : "virtual";
    sc_record(s->out, &line_type, &l, text, ctx);
}

const char *sc_line_address(uint64_t addr, const char *command, unsigned ptr_size,
                            char buf[SC_ADDR_BUF]) {
    if (*command != '!')
        return sc_addr_text(addr, ptr_size, buf);
    snprintf(buf, SC_ADDR_BUF, "#%8" PRIx64, addr);
    return buf;
}

/* For lines of SPACE. */
static const char *name_of(const sc_session *s, const sc_space *space) {
    return space == sc_target_phys(s->target) ? "physical" : NULL;
}

/* The memory of one line: elements, and their text. */
struct cells {
    uint8_t data[SC_DISPLAY_COLUMNS * 8];
    bool there[SC_DISPLAY_COLUMNS];
    char text[SC_DISPLAY_COLUMNS][SC_VALUE_BUF];
    const char *value[SC_DISPLAY_COLUMNS];
    char chars[SC_DISPLAY_COLUMNS * 8 + 1];
};

static void read_cells(sc_session *s, sc_space *space, uint64_t addr, unsigned size, size_t count,
                       struct cells *c) {
    sc_read_elements(space, addr, size, count, c->data, c->there);
    for (size_t i = 0; i < count; i++) {
        if (c->there[i]) {
            s->shown_value = sc_element(c->data + i * size, size);
            s->has_shown_value = true;
        }
    }
}

static void make_chars(struct cells *c, unsigned size, size_t count) {
    for (size_t i = 0; i < count * size; i++)
        c->chars[i] = c->there[i / size] ? sc_dump_char(c->data[i]) : '?';
    c->chars[count * size] = 0;
}

struct hexctx {
    const struct sc_hexform *form;
    unsigned columns, ptr;
};

static const char *unread(unsigned size, char *buf) { return sc_element_text(0, size, false, buf); }

static void hexline_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_memline *line = record;
    const struct hexctx *h = ctx;
    char addr[SC_ADDR_BUF], buf[SC_VALUE_BUF];
    unsigned width = h->form->size == 8 ? 17 : h->form->size * 2;
    sc_printf(out, "%s ", sc_line_address(line->address, h->form->name, h->ptr, addr));
    for (size_t i = 0; i < line->nvalues; i++)
        sc_printf(out, "%s%s", h->form->size == 1 && i && i % 8 == 0 ? "-" : " ",
                  line->values[i] ? line->values[i] : unread(h->form->size, buf));
    if (line->text)
        sc_printf(out, "%*s  %s", (int)((h->columns - line->nvalues) * (width + 1)), "",
                  line->text);
    sc_puts(out, "\n");
}

static void hexline(sc_session *s, sc_space *space, const struct hexctx *h, uint64_t addr,
                    size_t count, struct cells *c) {
    read_cells(s, space, addr, h->form->size, count, c);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = sc_element(c->data + i * h->form->size, h->form->size);
        c->value[i] = c->there[i] ? sc_element_text(value, h->form->size, true, c->text[i]) : NULL;
    }
    make_chars(c, h->form->size, count);
    struct sc_memline line = {.address = addr, .unit = h->form->name, .values = c->value};
    line.nvalues = count;
    line.text = h->form->chars ? c->chars : NULL;
    line.space = name_of(s, space);
    sc_memline_emit(s, &line, hexline_text, (void *)h);
}

sc_err *sc_hexline(sc_session *s, sc_space *space, const struct sc_hexform *form, uint64_t addr,
                   size_t count) {
    struct cells *c = malloc(sizeof *c);
    struct hexctx h = {form, form->columns, sc_session_ptr_size(s)};
    if (!c)
        return sc_err_nomem();
    hexline(s, space, &h, addr, count, c);
    free(c);
    return NULL;
}

/* --- numbers -------------------------------------------------------------------------------- */

/* The line of COUNT elements at ADDR. */
typedef void (*line_fn)(sc_session *s, sc_space *space, const struct hexctx *h, uint64_t addr,
                        size_t count, struct cells *c);

static sc_err *show_lines(sc_session *s, const struct sc_args *args, struct sc_hexform form,
                          uint64_t count, line_fn fn,
                          void (*head)(sc_out *, const struct hexctx *)) {
    struct sc_extent e;
    sc_err *err = sc_display_extent(s, args, form.size, count, &e);
    struct cells *c = err ? NULL : sc_arena_alloc(args->arena, sizeof *c);
    if (err || !c)
        return err ? err : sc_err_nomem();
    struct hexctx h = {&form, e.columns ? e.columns : form.columns, sc_session_ptr_size(s)};
    if (head)
        head(s->out, &h);
    uint64_t done = 0;
    while (done < e.count && !sc_target_cancelled(s->target) && !sc_out_failed(s->out)) {
        uint64_t n = e.count - done < h.columns ? e.count - done : h.columns;
        fn(s, e.space, &h, e.start + done * form.size, (size_t)n, c);
        done += n;
    }
    sc_display_done(s, &e, form.name, e.start + done * form.size);
    return NULL;
}

static const struct number_form {
    struct sc_hexform form; /* size 0: a pointer's */
    unsigned count;
} numbers[] = {
    {{"db", 1, 16, true}, 128}, {{"dw", 2, 8, false}, 64}, {{"dW", 2, 8, true}, 64},
    {{"dd", 4, 4, false}, 32},  {{"dc", 4, 4, true}, 32},  {{"dq", 8, 2, false}, 16},
    {{"dp", 0, 0, false}, 0},
};

/* The form that ARGS' command names: exactly, else in any case. */
static const struct number_form *find_number(const char *command) {
    size_t n = sizeof numbers / sizeof *numbers;
    for (size_t i = 0; i < 2 * n; i++) {
        const char *name = numbers[i % n].form.name;
        if (i < n ? !strcmp(name, command) : !sc_strcasecmp(name, command))
            return &numbers[i % n];
    }
    return &numbers[0];
}

static sc_err *run_number(sc_session *s, const struct sc_args *args) {
    const struct number_form *f = find_number(args->command);
    struct sc_hexform form = f->form;
    unsigned count = f->count;
    if (!form.size) {
        form.size = sc_session_ptr_size(s);
        form.columns = 16 / form.size;
        count = 128 / form.size;
    }
    return show_lines(s, args, form, count, hexline, NULL);
}

/* --- df, dD --------------------------------------------------------------------------------- */

enum { FLOAT_WIDTH = 16, FLOAT_DIGITS = 8, DOUBLE_WIDTH = 22, DOUBLE_DIGITS = 12 };

static void real_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_memline *line = record;
    const struct hexctx *h = ctx;
    char addr[SC_ADDR_BUF], buf[SC_VALUE_BUF];
    int width = h->form->size == 4 ? FLOAT_WIDTH : DOUBLE_WIDTH;
    sc_printf(out, "%s ", sc_addr_text(line->address, h->ptr, addr));
    for (size_t i = 0; i < line->nvalues; i++)
        sc_printf(out, " %*s", width,
                  line->values[i] ? line->values[i] : unread(h->form->size, buf));
    sc_puts(out, "\n");
}

static void real_line(sc_session *s, sc_space *space, const struct hexctx *h, uint64_t addr,
                      size_t count, struct cells *c) {
    unsigned size = h->form->size;
    char text[SC_REAL_BUF];
    read_cells(s, space, addr, size, count, c);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = sc_element(c->data + i * size, size);
        if (size == 4)
            sc_real_text(sc_real_widen((uint32_t)bits), FLOAT_DIGITS, text);
        else
            sc_real_text(bits, DOUBLE_DIGITS, text);
        snprintf(c->text[i], SC_VALUE_BUF, "%.*s", SC_VALUE_BUF - 1, text);
        c->value[i] = c->there[i] ? c->text[i] : NULL;
    }
    struct sc_memline line = {.address = addr, .unit = h->form->name, .values = c->value};
    line.nvalues = count;
    line.space = name_of(s, space);
    sc_memline_emit(s, &line, real_text, (void *)h);
}

static sc_err *run_real(sc_session *s, const struct sc_args *args) {
    static const struct sc_hexform single = {"df", 4, 4, false}, wide = {"dD", 8, 3, false};
    bool is_double = !strcmp(args->command, "dD");
    return show_lines(s, args, is_double ? wide : single, is_double ? 15 : 16, real_line, NULL);
}

/* --- dyb, dyd ------------------------------------------------------------------------------- */

/* "01000001", or question marks. */
static void put_bits(sc_out *out, uint8_t byte, bool there) {
    char bits[9] = "????????";
    for (unsigned i = 0; there && i < 8; i++)
        bits[i] = (char)('0' + (byte >> (7 - i) & 1));
    sc_printf(out, " %s", bits);
}

static void bits_head(sc_out *out, const struct hexctx *h) {
    int indent = (h->ptr == 4 ? 8 : 17) + 2;
    unsigned groups = h->columns * h->form->size;
    if (h->form->size == 4)
        sc_printf(out, "%*s 3          2          1          0\n", indent, "");
    sc_printf(out, "%*s", indent - 1, "");
    for (unsigned i = 0; i < groups; i++)
        sc_puts(out, h->form->size == 1 ? " 76543210"
                     : i == 0           ? " 10987654"
                     : i == 1           ? " 32109876"
                     : i == 2           ? " 54321098"
                                        : " 76543210");
    sc_printf(out, "\n%*s", indent - 1, "");
    for (unsigned i = 0; i < groups; i++)
        sc_puts(out, " --------");
    sc_puts(out, "\n");
}

struct bitsctx {
    const struct hexctx *h;
    const struct cells *c;
};

static void bits_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_memline *line = record;
    const struct bitsctx *b = ctx;
    unsigned size = b->h->form->size;
    char addr[SC_ADDR_BUF], buf[SC_VALUE_BUF];
    sc_printf(out, "%s ", sc_addr_text(line->address, b->h->ptr, addr));
    for (size_t i = 0; i < line->nvalues; i++) {
        for (unsigned k = size; k-- > 0;)
            put_bits(out, b->c->data[i * size + k], b->c->there[i]);
    }
    sc_printf(out, "%*s ", (int)((b->h->columns - line->nvalues) * size * 9), "");
    for (size_t i = 0; i < line->nvalues; i++)
        sc_printf(out, " %s", line->values[i] ? line->values[i] : unread(size, buf));
    sc_puts(out, "\n");
}

static void bits_line(sc_session *s, sc_space *space, const struct hexctx *h, uint64_t addr,
                      size_t count, struct cells *c) {
    unsigned size = h->form->size;
    struct bitsctx ctx = {h, c};
    read_cells(s, space, addr, size, count, c);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = sc_element(c->data + i * size, size);
        c->value[i] = c->there[i] ? sc_element_text(value, size, true, c->text[i]) : NULL;
    }
    struct sc_memline line = {.address = addr, .unit = h->form->name, .values = c->value};
    line.nvalues = count;
    sc_memline_emit(s, &line, bits_text, &ctx);
}

static sc_err *run_bits(sc_session *s, const struct sc_args *args) {
    static const struct sc_hexform bytes = {"dyb", 1, 4, false}, dwords = {"dyd", 4, 1, false};
    bool is_dword = sc_lower(args->command[2]) == 'd';
    return show_lines(s, args, is_dword ? dwords : bytes, is_dword ? 8 : 32, bits_line, bits_head);
}

/* --- d -------------------------------------------------------------------------------------- */

static sc_err *run_d(sc_session *s, const struct sc_args *args) {
    const char *line = sc_arena_printf(args->arena, "%s %s", *s->display ? s->display : "db",
                                       args->v[0].given ? args->v[0].text : "");
    if (!line)
        return sc_err_nomem();
    sc_session_run_nested(s, line);
    return NULL;
}

/* --- the rows ------------------------------------------------------------------------------- */

static const struct sc_arg range_args[] = {
    [ARG_D_C] = {SC_ARG_OPTION_EXPR, "columns", "c", true, "values a line"},
    [ARG_D_PC] = {SC_ARG_OPTION, "p[c]", "p[c]", true, "physical addresses, cached memory"},
    [ARG_D_PUC] = {SC_ARG_OPTION, "p[uc]", "p[uc]", true, "physical addresses, uncached memory"},
    [ARG_D_PWC] = {SC_ARG_OPTION, "p[wc]", "p[wc]", true, "physical, write-combined memory"},
    [ARG_D_P] = {SC_ARG_OPTION, "p", "p", true, "physical addresses"},
    [ARG_D_RANGE] = {SC_ARG_RANGE, "range", NULL, true, "without one: where the last one ended"},
    [ARG_D_RANGE + 1] = {0},
};
static const struct sc_arg d_args[] = {{SC_ARG_REST, "range", NULL, true, NULL}, {0}};
static const struct sc_arg dl_args[] = {
    {SC_ARG_EXPR, "address", NULL, false, "of the first LIST_ENTRY or SINGLE_LIST_ENTRY"},
    {SC_ARG_EXPR, "count", NULL, true, "elements at most; 20 unless given"},
    {SC_ARG_EXPR, "size", NULL, true, "pointers shown of each; 2 unless given"},
    {0},
};
static const struct sc_arg dg_args[] = {
    {SC_ARG_EXPR, "selector", NULL, false, NULL},
    {SC_ARG_EXPR, "last", NULL, true, NULL},
    {0},
};

#define NUMBERS(n, about)                                                                          \
    {                                                                                              \
        .name = (n), .brief = (about), .needs = SC_NEED_TARGET, .touch = true, .args = range_args, \
        .sample = n " @$ip L4", .run = run_number,                                                 \
    }
#define REFERS(n, about, function)                                                                 \
    {                                                                                              \
        .name = (n), .brief = (about), .needs = SC_NEED_TARGET, .touch = true, .args = range_args, \
        .sample = n " @$csp L4", .run = (function),                                                \
    }

const struct sc_command sc_memory_commands[] = {
    {
        .name = "d",
        .brief = "show memory in the form of the last d command, from where it ended",
        .needs = SC_NEED_TARGET,
        .args = d_args,
        .help =
            "The forms: da du ds dS text; db bytes; dw dW words; dd dc 32 bits; dq 64 bits; dp\n"
            "a pointer's size; df dD floating point; dyb dyd binary; dds dps dqs with symbols;\n"
            "dda dpp dqu … what the values point to; dl a linked list. Memory that the dump\n"
            "lacks is shown as ????????.",
        .sample = "d",
        .run = run_d,
    },
    REFERS("da", "show a string of bytes, up to its NUL", sc_run_da),
    REFERS("du", "show a string of UTF-16 characters, up to its NUL", sc_run_da),
    NUMBERS("db", "show bytes and their characters"),
    NUMBERS("dw", "show words of 16 bits"),
    NUMBERS("dW", "show words of 16 bits and their characters"),
    NUMBERS("dd", "show double words of 32 bits"),
    NUMBERS("dc", "show double words of 32 bits and their characters"),
    NUMBERS("dq", "show quad words of 64 bits"),
    NUMBERS("dp", "show values of a pointer's size"),
    REFERS("df", "show 32-bit floating point numbers", run_real),
    REFERS("dD", "show 64-bit floating point numbers", run_real),
    REFERS("dyb", "show bytes in binary", run_bits),
    REFERS("dyd", "show double words of 32 bits in binary", run_bits),
    REFERS("dps", "show pointers and the symbols they point to", sc_run_dps),
    REFERS("dds", "show double words and the symbols they point to", sc_run_dps),
    REFERS("dqs", "show quad words and the symbols they point to", sc_run_dps),
    REFERS("dpp", "show pointers, the values they point to, and their symbols", sc_run_dpp),
    REFERS("ddp", "show 32-bit pointers, the values they point to, and their symbols", sc_run_dpp),
    REFERS("dqp", "show 64-bit pointers, the values they point to, and their symbols", sc_run_dpp),
    REFERS("dpa", "show pointers and the strings they point to", sc_run_dpp),
    REFERS("dda", "show 32-bit pointers and the strings they point to", sc_run_dpp),
    REFERS("dqa", "show 64-bit pointers and the strings they point to", sc_run_dpp),
    REFERS("dpu", "show pointers and the UTF-16 strings they point to", sc_run_dpp),
    REFERS("ddu", "show 32-bit pointers and the UTF-16 strings they point to", sc_run_dpp),
    REFERS("dqu", "show 64-bit pointers and the UTF-16 strings they point to", sc_run_dpp),
    {
        .name = "ds",
        .brief = "show the text of a STRING or ANSI_STRING structure",
        .needs = SC_NEED_TARGET,
        .touch = true,
        .args = range_args,
        .sample = "ds @$csp",
        .run = sc_run_ds,
    },
    {
        .name = "dS",
        .brief = "show the text of a UNICODE_STRING structure",
        .needs = SC_NEED_TARGET,
        .touch = true,
        .args = range_args,
        .sample = "dS @$csp",
        .run = sc_run_ds,
    },
    {
        .name = "dl",
        .aliases = "dlb",
        .brief = "show a linked list; dlb: backwards",
        .needs = SC_NEED_TARGET,
        .touch = true,
        .args = dl_args,
        .help = "Ends at the element it began with, at a null pointer, or where memory is absent.",
        .sample = "dl @$csp 2",
        .run = sc_run_dl,
    },
    {
        .name = "dg",
        .brief = "show a segment descriptor: dumps do not hold the tables",
        .needs = SC_NEED_TARGET,
        .args = dg_args,
        .sample = "dg 10",
        .run = sc_run_dg,
    },
    {0},
};
