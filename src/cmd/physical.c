/* SPDX-License-Identifier: MIT */
/*
 * `!db`, `!dc`, `!dd`, `!dp`, `!dq`, `!du`, `!dw`: physical memory. `!dX [caching] [-m] address L
 * n`; what the page would be cached as ([c], [uc], [wc]) and -m (one unit at a time) matter to a
 * live machine only. A line begins with `#` and the address in eight columns:
 *
 *     #146ad018 00000000`12345678 00000000`00000000
 *     # fa5c0c8 80000000`10fb3067 80000000`0f0f5067
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/dispatch.h"
#include "cmd/display.h"
#include "cmd/kernel.h"
#include "cmd/memtext.h"
#include "cmd/session_impl.h"

enum { ROW = 16, CHARS = 32 };

static const struct form {
    const char *name;
    unsigned size, count; /* 0: a pointer's */
    bool chars;
} forms[] = {{"!db", 1, 128, true}, {"!dc", 4, 32, true},  {"!dd", 4, 32, false},
             {"!dp", 0, 0, false},  {"!dq", 8, 16, false}, {"!du", 2, 64, false},
             {"!dw", 2, 64, false}};

static const struct form *find_form(const char *command) {
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strcmp(forms[i].name, command))
            return &forms[i];
    return &forms[0];
}

/* ---- the operands ---- */

static const char *skip_options(const char *text) {
    static const char *const words[] = {"[c]", "[uc]", "[wc]", "-m"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        text = sc_skip_blanks(text);
        size_t n = strlen(words[i]);
        if (!strncmp(text, words[i], n) && (!text[n] || text[n] == ' ' || text[n] == '\t')) {
            text += n;
            i = (size_t)-1; /* from the beginning */
        }
    }
    return sc_skip_blanks(text);
}

struct extent {
    uint64_t start, count;
};

static sc_err *take_extent(sc_session *s, const struct sc_args *args, const struct form *f,
                           unsigned size, struct extent *ret) {
    struct sc_val v;
    const char *text = args->v[0].given ? skip_options(args->v[0].text) : "";
    *ret = (struct extent){s->physical_next, f->count ? f->count : 128 / size};
    if (!*text)
        return NULL;
    sc_err *err = sc_session_range(s, args->command, args->arena, &text, &v);
    if (err)
        return err;
    if (*sc_skip_blanks(text))
        return sc_errf(SC_ERR_ARG, "%s: \"%s\" is too much", args->command, sc_skip_blanks(text));
    ret->start = sc_session_physical(s, v.num);
    if (v.end)
        ret->count = v.end > v.num ? (v.end - v.num + size - 1) / size : 0;
    else if (v.count)
        ret->count = v.count;
    if (ret->count > SC_DISPLAY_BYTES / size)
        return sc_errf(SC_ERR_LIMIT, "%s: the range is longer than %d bytes", args->command,
                       SC_DISPLAY_BYTES);
    if (v.back && ret->start < ret->count * size)
        return sc_errf(SC_ERR_ARG, "%s: the range begins below address 0", args->command);
    if (v.back)
        ret->start -= ret->count * size;
    if (ret->start > UINT64_MAX - ret->count * size)
        return sc_errf(SC_ERR_ARG, "%s: the range ends behind the last address", args->command);
    return NULL;
}

/* ---- numbers ---- */

struct cells {
    uint8_t data[ROW];
    bool there[ROW];
    char text[ROW][SC_VALUE_BUF];
    const char *value[ROW];
    char chars[ROW + 1];
};

static void line_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_memline *l = record;
    const unsigned *size = ctx;
    char buf[SC_VALUE_BUF];
    unsigned width = *size == 8 ? 17 : *size * 2;
    sc_printf(out, "#%8" PRIx64, l->address);
    for (size_t i = 0; i < l->nvalues; i++)
        sc_printf(out, "%s%s", *size == 1 && i == 8 ? "-" : " ",
                  l->values[i] ? l->values[i] : sc_element_text(0, *size, false, buf));
    if (l->text)
        sc_printf(out, "%*s %s", (int)((ROW / *size - l->nvalues) * (width + 1)), "", l->text);
    sc_puts(out, "\n");
}

static void show_line(sc_session *s, const struct form *f, unsigned size, uint64_t addr,
                      size_t count, struct cells *c) {
    sc_read_elements(sc_target_phys(s->target), addr, size, count, c->data, c->there);
    for (size_t i = 0; i < count; i++) {
        uint64_t v = sc_element(c->data + i * size, size);
        c->value[i] = c->there[i] ? sc_element_text(v, size, true, c->text[i]) : NULL;
    }
    for (size_t i = 0; i < count * size; i++)
        c->chars[i] = c->there[i / size] ? sc_dump_char(c->data[i]) : '?';
    c->chars[count * size] = 0;
    const struct sc_memline line = {.address = addr,
                                    .unit = f->name,
                                    .values = c->value,
                                    .nvalues = count,
                                    .text = f->chars ? c->chars : NULL,
                                    .space = "physical"};
    sc_memline_emit(s, &line, line_text, &size);
}

static sc_err *show_numbers(sc_session *s, const struct form *f, unsigned size,
                            const struct extent *e, sc_arena *arena) {
    struct cells *c = sc_arena_alloc(arena, sizeof *c);
    uint64_t done = 0;
    if (!c)
        return sc_err_nomem();
    while (done < e->count && !sc_out_failed(s->out)) {
        uint64_t n = e->count - done < ROW / size ? e->count - done : ROW / size;
        if (sc_target_cancelled(s->target))
            return sc_err_cancelled();
        show_line(s, f, size, e->start + done * size, (size_t)n, c);
        done += n;
    }
    s->physical_next = e->start + done * size;
    return NULL;
}

/* ---- text ---- */

static void string_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_memline *l = record;
    (void)ctx;
    sc_printf(out, "#%8" PRIx64 " \"%s\"\n", l->address, l->text);
}

/* UTF-16 up to a zero, 32 characters a line. */
static sc_err *show_string(sc_session *s, const struct extent *e) {
    sc_space *phys = sc_target_phys(s->target);
    uint64_t at = e->start, left = e->count;
    bool end = false;
    while (!end && left && !sc_out_failed(s->out)) {
        char text[CHARS * 4 + 1];
        size_t n = 0;
        uint64_t start = at;
        if (sc_target_cancelled(s->target))
            return sc_err_cancelled();
        for (unsigned i = 0; i < CHARS && left && !end; i++, left--) {
            uint64_t unit = 0;
            end = sc_space_uint(phys, at, 2, &unit) != SC_READ_OK || !unit;
            if (!end)
                n += sc_dump_wide((uint32_t)unit, text + n);
            at += 2;
        }
        text[n] = 0;
        const struct sc_memline line = {
            .address = start, .unit = "!du", .text = text, .space = "physical"};
        sc_memline_emit(s, &line, string_text, NULL);
    }
    s->physical_next = at;
    return NULL;
}

static sc_err *run_physical(sc_session *s, const struct sc_args *args) {
    const struct form *f = find_form(args->command);
    unsigned size = f->size ? f->size : sc_session_ptr_size(s);
    struct extent e;
    uint64_t start, length;
    if (!sc_space_next(sc_target_phys(s->target), 0, &start, &length))
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "%s: this dump holds no physical memory: it is no dump of whole memory",
                       args->command);
    sc_err *err = take_extent(s, args, f, size, &e);
    uint8_t byte;
    if (!err && e.count &&
        sc_space_read(sc_target_phys(s->target), e.start, &byte, 1, NULL) != SC_READ_OK)
        err = sc_err_mem(e.start,
                         "Physical memory read at %" PRIx64 " failed: this dump does not "
                         "hold the page",
                         e.start);
    if (err)
        return err;
    return strcmp(f->name, "!du") ? show_numbers(s, f, size, &e, args->arena) : show_string(s, &e);
}

static const struct sc_arg physical_args[] = {{SC_ARG_REST, "[caching] [-m] address [L count]",
                                               NULL, true,
                                               "[c], [uc], [wc] and -m have no effect on a dump; "
                                               "without an address: where the last one ended"},
                                              {SC_ARG_END, NULL, NULL, false, NULL}};

#define PHYSICAL(n, what, h, smp)                                                                  \
    {                                                                                              \
        .name = (n), .brief = "show physical memory as " what,                                     \
        .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,                                                 \
        .instead = "a user dump has no physical memory: db shows the process's",                   \
        .args = physical_args, .help = (h), .sample = (smp), .run = run_physical,                  \
    }

const struct sc_command sc_physical_commands[] = {
    PHYSICAL("!db", "bytes and characters",
             "Addresses are physical: those that !vtop gives, a page frame (!pte, !pfn) times "
             "1000. db /p shows the same in the form of db.",
             "!db 1000 L20"),
    PHYSICAL("!dc", "32-bit numbers and characters", NULL, "!dc 1000 L8"),
    PHYSICAL("!dd", "32-bit numbers", NULL, "!dd 1000 L8"),
    PHYSICAL("!dp", "pointers", NULL, "!dp 1000 L4"),
    PHYSICAL("!dq", "64-bit numbers", NULL, "!dq 1000 L4"),
    PHYSICAL("!du", "UTF-16 text", NULL, "!du 1000 L8"),
    PHYSICAL("!dw", "16-bit numbers", NULL, "!dw 1000 L8"),
    {.name = NULL},
};
