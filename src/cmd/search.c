/* SPDX-License-Identifier: MIT */
/*
 * `s`: searching memory, with the grammar of its public page.
 *
 *     s [-[flags]type] range pattern     type b w d q a u; none: b
 *     s -[flags]sa range                 printable ASCII strings (su: UTF-16)
 *     s -[flags]v range object           objects with the same virtual function table
 *
 * For the range a word may stand that WinDbg does not know (searchwhere.c). Hits in physical memory
 * have the `#` of !db before their addresses.
 *
 * Flags: s keep the hits, r look only at those kept, n how many are kept, l the least length of
 * strings, w writable memory only, 1 addresses only. A count behind L is of elements of the type.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"
#include "cmd/display.h"
#include "cmd/memscan.h"
#include "cmd/procspace.h"
#include "cmd/searchwhere.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "stopcode/minidump.h"

enum { HITS_DEFAULT = 1024, HITS_MAX = 1 << 20, LEAST_STRING = 3, WRITABLE = 0xcc };

/* What `s -[s]` keeps. */
struct sc_hits {
    size_t count, max;
    bool overflow, physical;
    uint64_t addr[];
};

struct request {
    sc_session *session;
    sc_arena *arena;
    bool keep, kept_only, writable, plain; /* s, r, w, 1 */
    uint64_t most, least;                  /* n, l */
    char type;                             /* b w d q a u v; strings: A (sa), U (su) */
    struct sc_where where;
    struct sc_pattern pattern;
    struct sc_hits *hits; /* to be kept; owned until the end */
    uint64_t done;        /* bytes */
};

/* --- the grammar ---------------------------------------------------------------------------- */

static sc_err *flag_number(struct request *r, const char **p, uint64_t *ret) {
    const char *end;
    sc_err *err = sc_session_eval_prefix(r->session, *p, ret, &end);
    if (!err)
        *p = end;
    return err;
}

static sc_err *take_flags(struct request *r, const char **text) {
    const char *p = *text + 1;
    for (; *p && *p != ']'; p++) {
        sc_err *err = NULL;
        switch (*p) {
        case 's': r->keep = true; continue;
        case 'r': r->kept_only = true; continue;
        case 'w': r->writable = true; continue;
        case '1': r->plain = true; continue;
        case ' ': continue;
        case 'n':
        case 'l': {
            uint64_t *to = *p == 'n' ? &r->most : &r->least;
            p++;
            err = flag_number(r, &p, to);
            p--;
            break;
        }
        default: err = sc_errf(SC_ERR_ARG, "s: '%c' is no flag of it: s r n l w 1", *p);
        }
        if (err)
            return err;
    }
    if (*p != ']')
        return sc_errf(SC_ERR_ARG, "s: the flags end with ']'");
    if (r->keep && r->kept_only)
        return sc_errf(SC_ERR_ARG, "s: the flags s and r exclude each other");
    if (!r->most || r->most > HITS_MAX)
        return sc_errf(SC_ERR_ARG, "s: 1 to %x hits can be kept", HITS_MAX);
    *text = p + 1;
    return NULL;
}

static sc_err *take_type(struct request *r, const char **text) {
    const char *p = *text;
    r->type = 'b';
    if (*p != '-')
        return NULL;
    p++;
    sc_err *err = *p == '[' ? take_flags(r, &p) : NULL;
    if (err)
        return err;
    size_t n = strcspn(p, " \t");
    if (n == 1 && strchr("bwdqauv", *p))
        r->type = *p;
    else if (n == 2 && *p == 's' && (p[1] == 'a' || p[1] == 'u'))
        r->type = p[1] == 'a' ? 'A' : 'U';
    else
        return sc_errf(SC_ERR_ARG, "s: \"%.*s\" is no type: b w d q a u sa su v", (int)n, p);
    *text = p + n;
    return NULL;
}

static unsigned unit_of(const struct request *r) {
    switch (r->type) {
    case 'w':
    case 'u':
    case 'U': return 2;
    case 'd': return 4;
    case 'q': return 8;
    default: return 1;
    }
}

static sc_err *take_range(struct request *r, const char **text) {
    struct sc_val v;
    sc_space *space = sc_target_space(r->session->target);
    sc_err *err = sc_session_range(r->session, "s", r->arena, text, &v);
    if (err)
        return err;
    if (!v.end && !v.count)
        return sc_errf(SC_ERR_ARG, "s: how far? s 1000 L100 …, s 1000 10ff …, or s 0 L?… for all");
    unsigned unit = unit_of(r);
    uint64_t span = v.count > UINT64_MAX / unit ? UINT64_MAX : v.count * unit;
    uint64_t start = sc_space_canon(space, v.num), last;
    if (v.back && !start)
        return sc_errf(SC_ERR_ARG, "s: there is nothing before address 0");
    if (v.back) {
        last = start - 1;
        start = span > start ? 0 : start - span;
    } else if (v.end) {
        last = sc_space_canon(space, v.end - 1);
    } else {
        last = span - 1 > UINT64_MAX - start ? UINT64_MAX : start + (span - 1);
    }
    return sc_where_range(r->session, r->arena, start, last, &r->where);
}

static sc_err *take_where(struct request *r, const char **text) {
    bool taken;
    sc_err *err = sc_where_take(r->session, r->arena, text, &r->where, &taken);
    return err || taken ? err : take_range(r, text);
}

/* --- patterns ------------------------------------------------------------------------------- */

static sc_err *add_byte(struct request *r, uint8_t byte) {
    if (r->pattern.len == SC_PATTERN_MAX)
        return sc_errf(SC_ERR_LIMIT, "s: a pattern has at most %d bytes", SC_PATTERN_MAX);
    r->pattern.byte[r->pattern.len++] = byte;
    return NULL;
}

static sc_err *add_number(struct request *r, uint64_t value, unsigned size) {
    sc_err *err = NULL;
    for (unsigned i = 0; !err && i < size; i++)
        err = add_byte(r, (uint8_t)(value >> 8 * i));
    return err;
}

/* 'VUTS': one number, its first character the highest byte; as bytes each for itself. */
static sc_err *add_characters(struct request *r, const char **text) {
    const char *p = *text + 1, *end = strchr(p, '\'');
    unsigned unit = unit_of(r);
    sc_err *err = NULL;
    if (!end || end == p)
        return sc_errf(SC_ERR_ARG, "s: characters stand between two ': 'VUTS'");
    *text = end + 1;
    if (unit == 1) {
        for (; !err && p < end; p++)
            err = add_byte(r, (uint8_t)*p);
        return err;
    }
    if ((size_t)(end - p) > unit)
        return sc_errf(SC_ERR_ARG, "s: '%.*s' is longer than %u bytes", (int)(end - p), p, unit);
    uint64_t value = 0;
    for (; p < end; p++)
        value = value << 8 | (uint8_t)*p;
    return add_number(r, value, unit);
}

static sc_err *add_value(struct request *r, const char **text) {
    const char *end;
    uint64_t value;
    unsigned unit = unit_of(r);
    sc_err *err = sc_session_eval_prefix(r->session, *text, &value, &end);
    if (err)
        return err;
    if (unit < 8 && value >> 8 * unit && (int64_t)value >> (8 * unit - 1) != -1)
        return sc_errf(SC_ERR_ARG, "s: %.*s is more than %u bytes hold", (int)(end - *text), *text,
                       unit);
    *text = end;
    return add_number(r, value, unit);
}

/* A string: in quotes, or what is left. */
static sc_err *add_text(struct request *r, const char **text) {
    const char *p = *text;
    size_t n = strlen(p);
    const char *close = *p == '"' ? strrchr(p + 1, '"') : NULL;
    if (close) {
        p++;
        n = (size_t)(close - p);
    }
    *text += strlen(*text);
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < n;) {
        uint32_t cp = (uint8_t)p[i];
        size_t used = r->type == 'u' ? sc_utf8_get(p + i, n - i, &cp) : 1;
        if (r->type != 'u')
            err = add_byte(r, (uint8_t)cp);
        else if (cp < 0x10000 || cp == UINT32_MAX)
            err = add_number(r, cp == UINT32_MAX ? (uint8_t)p[i] : cp, 2);
        else
            err = add_number(
                r, (0xd800 + ((cp - 0x10000) >> 10)) | (0xdc00 + ((cp - 0x10000) & 0x3ff)) << 16,
                4);
        i += used;
    }
    return err;
}

/* The address of the object's virtual function table, which all of its kind have first. */
static sc_err *add_vtable(struct request *r, const char **text) {
    uint64_t object, table;
    uint8_t raw[8];
    sc_target *t = r->session->target;
    sc_space *space = sc_target_space(t);
    unsigned ptr = sc_session_ptr_size(r->session);
    sc_err *err = sc_session_eval(r->session, *text, &object);
    *text += strlen(*text);
    if (!err)
        err = sc_space_need(space, sc_space_canon(space, object), raw, ptr, "the object");
    if (err)
        return err;
    table = sc_element(raw, ptr);
    if (!sc_target_module_at(t, table))
        return sc_errf(SC_ERR_ARG,
                       "s: what 0x%" PRIx64 " begins with is no virtual function table: it points "
                       "into no module",
                       object);
    r->pattern.align = ptr;
    return add_number(r, table, ptr);
}

static sc_err *take_pattern(struct request *r, const char *p) {
    sc_err *err = NULL;
    bool strings = r->type == 'A' || r->type == 'U';
    r->pattern.align = strchr("wdq", r->type) ? unit_of(r) : 1;
    if (strings && *p)
        return sc_errf(SC_ERR_ARG, "s: \"%.20s\" is not expected here", p);
    while (!err && *p) {
        if (r->type == 'v')
            err = add_vtable(r, &p);
        else if (r->type == 'a' || r->type == 'u')
            err = add_text(r, &p);
        else if (*p == '\'')
            err = add_characters(r, &p);
        else if (*p == '"' && r->type == 'b')
            err = add_text(r, &p);
        else
            err = add_value(r, &p);
        p = sc_skip_blanks(p);
    }
    if (!err && !strings && !r->pattern.len)
        return sc_errf(SC_ERR_ARG, "s: what is to be found?");
    sc_pattern_prepare(&r->pattern);
    return err;
}

/* --- hits ----------------------------------------------------------------------------------- */

struct hit {
    uint64_t address;
    const char *symbol, *space;
};
static const struct sc_field hit_fields[] = {SC_FIELD(struct hit, address, SC_F_ADDR),
                                             SC_FIELD(struct hit, symbol, SC_F_STR),
                                             SC_FIELD(struct hit, space, SC_F_STR), SC_FIELD_END};
static const struct sc_rectype hit_type = {"hit", sizeof(struct hit), hit_fields};

static void hit_text(sc_out *out, const void *record, void *ctx) {
    const struct hit *h = record;
    const struct request *r = ctx;
    char addr[SC_ADDR_BUF];
    /* Physical addresses of 32-bit machines may have more digits than their pointers. */
    unsigned ptr = h->address > UINT32_MAX ? 8 : sc_session_ptr_size(r->session);
    if (h->symbol)
        sc_printf(out, "%s  %s\n",
                  sc_line_address(h->address, r->where.physical ? "!" : "", ptr, addr), h->symbol);
    else
        sc_printf(out, "0x%s\n", sc_addr_text(h->address, ptr, addr));
}

static void show_address(struct request *r, uint64_t addr, const char *symbol) {
    struct hit h = {addr, symbol, r->where.physical ? "physical" : "virtual"};
    sc_record(r->session->out, &hit_type, &h, hit_text, r);
}

/* An object: where it is and what its table is called. */
static sc_err *show_object(struct request *r, uint64_t addr) {
    uint64_t table = sc_element(r->pattern.byte, (unsigned)r->pattern.len);
    const char *symbol;
    sc_err *err = sc_near(r->session, table, r->arena, &symbol);
    if (!err)
        show_address(r, addr, symbol ? symbol : "");
    return err;
}

/* A row of the type's command; of physical memory !db's and its like. */
static struct sc_hexform form_of(const struct request *r) {
    const bool p = r->where.physical;
    switch (r->type) {
    case 'w':
    case 'u': return (struct sc_hexform){p ? "!dw" : "dW", 2, 8, true};
    case 'd': return (struct sc_hexform){p ? "!dc" : "dc", 4, 4, true};
    case 'q': return (struct sc_hexform){p ? "!dq" : "dq", 8, 2, true};
    default: return (struct sc_hexform){p ? "!db" : "db", 1, 16, true};
    }
}

static sc_err *show_hit(struct request *r, uint64_t addr) {
    const struct sc_hexform form = form_of(r);
    sc_session_progress_end(r->session);
    r->session->shown_value = addr;
    r->session->has_shown_value = true;
    if (r->plain) {
        show_address(r, addr, NULL);
        return NULL;
    }
    if (r->type == 'v')
        return show_object(r, addr);
    return sc_hexline(r->session, r->where.space, &form, addr, form.columns);
}

/* Nobody reads any more: an end, not a failure. */
static sc_err *check_reader(const struct request *r) {
    return sc_out_failed(r->session->out) ? sc_errf(SC_ERR_IO, "the output cannot be written")
                                          : NULL;
}

static void keep_hit(struct request *r, uint64_t addr) {
    if (!r->hits)
        return;
    if (r->hits->count < r->hits->max)
        r->hits->addr[r->hits->count++] = addr;
    else
        r->hits->overflow = true;
}

static sc_err *on_hit(void *ctx, uint64_t addr) {
    struct request *r = ctx;
    keep_hit(r, addr);
    sc_err *err = check_reader(r);
    return err ? err : show_hit(r, addr);
}

static sc_err *on_string(void *ctx, uint64_t addr, uint64_t count) {
    struct request *r = ctx;
    keep_hit(r, addr);
    sc_session_progress_end(r->session);
    sc_err *err = check_reader(r);
    if (err || r->plain) {
        if (!err)
            show_address(r, addr, NULL);
        return err;
    }
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    bool wide = r->type == 'U';
    const char *command = wide ? "!du" : "!da";
    err = sc_string_lines(r->session, r->where.space, command + !r->where.physical, addr, count,
                          wide ? 2 : 1, 0, false, arena, NULL);
    sc_arena_destroy(arena);
    return err;
}

/* --- the search ----------------------------------------------------------------------------- */

static bool mapped_pages(void *ctx, uint64_t addr, uint64_t *ret_start, uint64_t *ret_last) {
    const struct request *r = ctx;
    return sc_session_mapped(r->session, addr, ret_start, ret_last);
}

static void on_progress(void *ctx, uint64_t bytes) {
    struct request *r = ctx;
    r->done += bytes;
    sc_session_progress(r->session, "searching", r->done, r->where.bytes);
}

static sc_err *search(struct request *r, uint64_t start, uint64_t last) {
    const struct sc_memscan_area area = {.target = r->session->target,
                                         .space = r->where.space,
                                         .present_only = r->where.present_only,
                                         .hint = mapped_pages,
                                         .progress = on_progress,
                                         .ctx = r};
    if (r->type == 'A' || r->type == 'U')
        return sc_memscan_strings(&area, unit_of(r), r->least, start, last, on_string, r);
    return sc_memscan_pattern(&area, &r->pattern, start, last, on_hit, r);
}

static sc_err *search_all(struct request *r) {
    sc_err *err = NULL;
    for (size_t i = 0; i < r->where.count && !err; i++)
        err = search(r, r->where.range[i].start, r->where.range[i].last);
    return err;
}

/* The hits kept by the last search at which the new pattern stands. */
static sc_err *search_kept(struct request *r) {
    const struct sc_hits *hits = r->session->hits;
    sc_err *err = NULL;
    if (!hits)
        return sc_errf(SC_ERR_NOT_FOUND, "s: no hits were kept: s -[s]b … keeps them");
    if (hits->physical)
        err = sc_where_physical(r->session, r->arena, &r->where);
    else
        err = sc_where_range(r->session, r->arena, 0, UINT64_MAX, &r->where);
    for (size_t i = 0; !err && i < hits->count; i++) {
        uint64_t at = hits->addr[i], len = r->pattern.len ? r->pattern.len : r->least * unit_of(r);
        uint64_t last = len - 1 > UINT64_MAX - at ? UINT64_MAX : at + len - 1;
        err = search(r, at, last);
    }
    return err;
}

/* What a region shares with what is to be searched. */
static sc_err *search_region(struct request *r, uint64_t base, uint64_t size) {
    sc_err *err = NULL;
    for (size_t i = 0; i < r->where.count && !err; i++) {
        uint64_t start = r->where.range[i].start, last = base + (size - 1);
        if (last < start || base > r->where.range[i].last)
            continue;
        start = base > start ? base : start;
        err = search(r, start, last < r->where.range[i].last ? last : r->where.range[i].last);
    }
    return err;
}

/* Only regions that the dump says are writable. */
static sc_err *search_writable(struct request *r) {
    struct sc_source *source = (struct sc_source *)sc_target_source(r->session->target);
    struct sc_mdmp_region region;
    size_t known = 0;
    for (size_t i = 0;; i++) {
        bool more = false;
        sc_err *err = sc_mdmp_region(source, i, &region, &more);
        if (!err && !more)
            break;
        known++;
        if (!err && region.size && region.protect & WRITABLE)
            err = search_region(r, region.base, region.size);
        if (err)
            return err;
    }
    if (!known)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "s: this dump does not say which memory is writable: leave out the flag w");
    return NULL;
}

static sc_err *writable_known(const struct request *r) {
    const struct sc_source *source = sc_target_source(r->session->target);
    if (source->probe.format != SC_FORMAT_MINIDUMP)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "s: this dump does not say which memory is writable: leave out the flag w");
    return NULL;
}

static sc_err *prepare(struct request *r, const char *text) {
    sc_err *err = take_type(r, &text);
    text = sc_skip_blanks(text);
    if (!err)
        err = take_where(r, &text);
    if (!err)
        err = take_pattern(r, text);
    if (!err && r->writable)
        err = writable_known(r);
    if (!err && r->keep) {
        r->hits = calloc(1, sizeof *r->hits + (size_t)r->most * sizeof *r->hits->addr);
        if (!r->hits)
            return sc_err_nomem();
        r->hits->max = (size_t)r->most;
        r->hits->physical = r->where.physical;
    }
    return err;
}

static sc_err *run_s(sc_session *s, const struct sc_args *args) {
    struct request *r = sc_arena_alloc(args->arena, sizeof *r);
    if (!r)
        return sc_err_nomem();
    *r = (struct request){.session = s, .arena = args->arena, .most = HITS_DEFAULT};
    r->least = LEAST_STRING;
    sc_err *err = prepare(r, args->v[0].text);
    if (!err)
        err = r->kept_only ? search_kept(r) : r->writable ? search_writable(r) : search_all(r);
    sc_session_progress_end(s);
    if (r->hits && r->hits->overflow)
        sc_remark(s->out, "Overflow error: only the first %zu hits are kept.", r->hits->max);
    if (r->hits) {
        free(s->hits);
        s->hits = r->hits;
    }
    return err;
}

/* --- c -------------------------------------------------------------------------------------- */

enum { COMPARED = 64 << 10 };

struct difference {
    uint64_t first, second;
    uint8_t first_byte, second_byte;
};
static const struct sc_field difference_fields[] = {
    SC_FIELD(struct difference, first, SC_F_ADDR),
    SC_FIELD(struct difference, first_byte, SC_F_U8),
    SC_FIELD(struct difference, second, SC_F_ADDR),
    SC_FIELD(struct difference, second_byte, SC_F_U8),
    SC_FIELD_END,
};
static const struct sc_rectype difference_type = {"difference", sizeof(struct difference),
                                                  difference_fields};

static void difference_text(sc_out *out, const void *record, void *ctx) {
    const struct difference *d = record;
    unsigned ptr = sc_session_ptr_size(ctx);
    char first[SC_ADDR_BUF], second[SC_ADDR_BUF];
    sc_printf(out, "%s  %02x - %s  %02x\n", sc_addr_text(d->first, ptr, first), d->first_byte,
              sc_addr_text(d->second, ptr, second), d->second_byte);
}

static sc_err *compare(sc_session *s, uint64_t a, uint64_t b, size_t n, uint8_t *buf) {
    sc_space *space = sc_target_space(s->target);
    sc_err *err = sc_space_need(space, a, buf, n, "the first range");
    if (!err)
        err = sc_space_need(space, b, buf + COMPARED, n, "the second range");
    if (err || !memcmp(buf, buf + COMPARED, n))
        return err;
    for (size_t i = 0; i < n && !sc_out_failed(s->out); i++) {
        struct difference d = {a + i, b + i, buf[i], buf[COMPARED + i]};
        if (d.first_byte != d.second_byte)
            sc_record(s->out, &difference_type, &d, difference_text, s);
    }
    return NULL;
}

static sc_err *run_c(sc_session *s, const struct sc_args *args) {
    const struct sc_val *v = args->v;
    sc_space *space = sc_target_space(s->target);
    uint64_t a = sc_space_canon(space, v[0].num), b = sc_space_canon(space, v[1].num);
    uint64_t len = v[0].end ? v[0].end - v[0].num : v[0].count;
    if (!len)
        return sc_errf(SC_ERR_ARG, "c: how far? c 1000 L100 2000");
    if (v[0].back)
        a -= len;
    uint8_t *buf = sc_arena_alloc(args->arena, 2 * COMPARED);
    if (!buf)
        return sc_err_nomem();
    sc_err *err = NULL;
    while (!err && len) {
        size_t n = len < COMPARED ? (size_t)len : COMPARED;
        err = compare(s, a, b, n, buf);
        a += n;
        b += n;
        len -= n;
    }
    return err;
}

/* --- the rows ------------------------------------------------------------------------------- */

static const struct sc_arg s_args[] = {
    {SC_ARG_REST, "[-[flags]type] range pattern", NULL, false,
     "for the range also: modules, module NAME, kernel, process, physical"},
    {0},
};
static const struct sc_arg c_args[] = {
    {SC_ARG_RANGE, "range", NULL, false, "of the first bytes"},
    {SC_ARG_EXPR, "address", NULL, false, "of those to compare them with"},
    {0},
};

const struct sc_command sc_search_commands[] = {
    {
        .name = "s",
        .brief = "search memory for a pattern or for strings",
        .needs = SC_NEED_TARGET,
        .touch = true,
        .args = s_args,
        .help =
            "Types: -b bytes, -w -d -q numbers of 16, 32, 64 bits (at addresses that are\n"
            "multiples of their size), -a a text, -u a text in UTF-16, -sa -su any printable\n"
            "string, -v objects like the one at an address. Flags in brackets before the type:\n"
            "1 addresses only, l5 strings of at least 5, w writable memory only (user dumps),\n"
            "s keep the hits (n100: so many), r search only those that were kept.\n"
            "For the range may stand (WinDbg has none of them):\n"
            "  modules      all loaded modules; module NAME: those of that name (nt, my*)\n"
            "  kernel       all addresses of the kernel\n"
            "  process      all of the process at hand: see .process\n"
            "  physical     all physical memory; hits are physical addresses, shown as those of\n"
            "               !db, and pages are in the order of physical memory\n"
            "Of kernel, process and physical the pages that the dump holds are searched. A symbol\n"
            "that is called so: kernel L100, kernel+0, mydrv!kernel. In ranges where the dump has\n"
            "page tables, files that the process maps (up to 1 GB a file) are searched also where\n"
            "it has not touched them. !search finds numbers that are near one.\n"
            "  s -a modules \"Leak\"                in every driver\n"
            "  s -[1]d physical c0000005          addresses, for .foreach and !db\n"
            "  s -a 0 L?ffffffffffffffff \"Leak\"    walks all memory that the dump holds\n"
            "  s -[1]d @$csp L100 c0000005         addresses, for .foreach",
        .sample = "s -[1]b @$ip L10 0",
        .run = run_s,
    },
    {
        .name = "c",
        .brief = "compare two ranges of memory",
        .needs = SC_NEED_TARGET,
        .args = c_args,
        .help = "Shows each byte of the first that differs, and the other. Memory that the dump\n"
                "lacks ends it.",
        .sample = "c @$csp L8 @$csp",
        .run = run_c,
    },
    {0},
};
