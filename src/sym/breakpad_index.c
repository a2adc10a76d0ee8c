/* SPDX-License-Identifier: MIT */
/*
 * Breakpad's symbol text, as its documentation (docs/symbol_files.md) describes it: a record a
 * line, fields between single blanks, hexadecimal without prefix except where (d) says decimal.
 * Addresses are offsets from the image's base.
 *
 *     MODULE os cpu id name                  id: GUID and age, or a build id and "0"
 *     INFO …                                 nothing that is used here
 *     FILE number(d) name
 *     FUNC [m] address size params name      m: other names share the code
 *     address size line(d) file(d)           of the FUNC before it
 *     INLINE_ORIGIN number(d) name
 *     INLINE depth(d) line(d) [file(d)] origin(d) { address size }    the call site; of the FUNC
 *     PUBLIC [m] address params name
 *     STACK WIN type address size prolog epilog params saved locals max_stack has_program …
 *               … program, or whether the frame uses ebp for something else; type 0 FPO, 4 program
 *     STACK CFI INIT address size rules
 *     STACK CFI address rules                rules that change within the range of the INIT
 *
 * Records that begin with another word are skipped, as are STACK WIN records of other types: the
 * format has grown by such before. Anything else that does not parse is an error with its offset.
 *
 * The whole text is kept, each line ended by a NUL, and an index of (address, offset of the line)
 * beside it: at most as large as the text, since a line with an address has seven characters or
 * more. Fields are read again from the line when they are asked for.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "base/vec.h"
#include "sym/breakpad_impl.h"

static void skip_blanks(struct bp_fields *f) {
    while (*f->at == ' ')
        f->at++;
}

static int digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static uint32_t number(struct bp_fields *f, unsigned base) {
    skip_blanks(f);
    uint64_t v = 0;
    const char *start = f->at;
    for (int d; (d = digit(*f->at)) < (int)base && v <= UINT32_MAX; f->at++)
        v = v * base + (unsigned)d;
    if (f->at == start || v > UINT32_MAX || (*f->at && *f->at != ' ')) {
        f->bad = true;
        return 0;
    }
    return (uint32_t)v;
}

uint32_t bp_hex(struct bp_fields *f) { return number(f, 16); }

uint32_t bp_decimal(struct bp_fields *f) {
    skip_blanks(f);
    if (*f->at == '-' && digit(f->at[1]) < 10) { /* some dumpers wrote -1 for "no line" */
        f->at++;
        number(f, 10);
        return 0;
    }
    return number(f, 10);
}

bool bp_word(struct bp_fields *f, const char *word) {
    skip_blanks(f);
    size_t len = strlen(word);
    if (strncmp(f->at, word, len) != 0 || (f->at[len] && f->at[len] != ' '))
        return false;
    f->at += len;
    return true;
}

const char *bp_rest(struct bp_fields *f) {
    skip_blanks(f);
    return f->at;
}

bool bp_at_end(const struct bp_fields *f) {
    const char *p = f->at;
    while (*p == ' ')
        p++;
    return !*p;
}

/* "m" alone: not an address, since "m" is no hexadecimal digit. */
static void skip_multiple(struct bp_fields *f) { bp_word(f, "m"); }

static struct bp_func read_func(struct bp_fields *f) {
    struct bp_func fn = {0};
    skip_multiple(f);
    fn.rva = bp_hex(f);
    fn.size = bp_hex(f);
    fn.params = bp_hex(f);
    fn.name = bp_rest(f);
    return fn;
}

struct bp_func bp_read_func(const struct bp *bp, uint32_t text) {
    struct bp_fields f = {bp->text + text + strlen("FUNC"), false};
    return read_func(&f);
}

struct bp_func bp_read_public(const struct bp *bp, uint32_t text) {
    struct bp_fields f = {bp->text + text + strlen("PUBLIC"), false};
    struct bp_func fn = {0};
    skip_multiple(&f);
    fn.rva = bp_hex(&f);
    fn.params = bp_hex(&f);
    fn.name = bp_rest(&f);
    return fn;
}

uint32_t bp_name_hash(const char *name) {
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

static sc_err *add_range(struct bp_ranges *to, uint32_t rva, uint32_t size, uint32_t text) {
    struct bp_range *r = SC_VEC_PUSH(to);
    if (!r)
        return sc_err_nomem();
    *r = (struct bp_range){.rva = rva, .size = size, .text = text};
    return NULL;
}

static sc_err *add_entry(struct bp_entries *to, uint32_t rva, uint32_t text) {
    struct bp_entry *e = SC_VEC_PUSH(to);
    if (!e)
        return sc_err_nomem();
    *e = (struct bp_entry){rva, text};
    return NULL;
}

static sc_err *add_number(struct bp_numbers *to, struct bp_fields *f, const struct bp *bp) {
    uint32_t n = bp_decimal(f);
    if (f->bad)
        return NULL;
    struct bp_number *e = SC_VEC_PUSH(to);
    if (!e)
        return sc_err_nomem();
    *e = (struct bp_number){n, (uint32_t)(bp_rest(f) - bp->text)};
    return NULL;
}

static sc_err *module(struct bp *bp, struct bp_fields *f) {
    static const struct {
        const char *word;
        enum sc_cpu cpu;
    } cpus[] = {{"x86", SC_CPU_X86},        {"x86_64", SC_CPU_X64},  {"x86_64h", SC_CPU_X64},
                {"arm", SC_CPU_ARM},        {"arm64", SC_CPU_ARM64}, {"arm64e", SC_CPU_ARM64},
                {"unknown", SC_CPU_UNKNOWN}};
    const char *os = bp_rest(f);
    f->at += strcspn(os, " ");
    skip_blanks(f);
    bp->cpu = SC_CPU_OTHER;
    const char *cpu = f->at;
    size_t cpu_len = strcspn(cpu, " ");
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++)
        if (bp_word(f, cpus[i].word)) {
            bp->cpu = cpus[i].cpu;
            break;
        }
    f->at = cpu + cpu_len;
    char guid[SC_GUID_BUF] = {0};
    const char *id = bp_rest(f);
    size_t len = strcspn(id, " ");
    if (len < 32) {
        f->bad = len == 0;
        return NULL;
    }
    memcpy(guid, id, 32);
    struct bp_fields age = {id + 32, false};
    uint32_t n = len > 32 && len <= 40 ? bp_hex(&age) : 0;
    if (sc_guid_parse(guid, &bp->guid) && !age.bad)
        bp->age = n;
    else
        memset(&bp->guid, 0, sizeof bp->guid);
    return NULL;
}

static sc_err *stack_win(struct bp *bp, struct bp_fields *f, uint32_t text) {
    uint32_t type = bp_hex(f);
    if (f->bad || (type != 0 && type != 4))
        return NULL;
    uint32_t rva = bp_hex(f), size = bp_hex(f);
    for (int i = 0; i < 7; i++) /* prolog … has_program: read again when asked for */
        bp_hex(f);
    if (f->bad)
        return NULL;
    return add_range(type == 4 ? &bp->win_programs : &bp->win_fpos, rva, size, text);
}

static sc_err *stack_cfi(struct bp *bp, struct bp_fields *f, uint32_t text) {
    bool init = bp_word(f, "INIT");
    uint32_t rva = bp_hex(f), size = init ? bp_hex(f) : 0;
    if (f->bad)
        return NULL;
    return init ? add_range(&bp->inits, rva, size, text) : add_entry(&bp->deltas, rva, text);
}

static sc_err *stack(struct bp *bp, struct bp_fields *f, uint32_t text) {
    if (bp_word(f, "WIN"))
        return stack_win(bp, f, text);
    if (bp_word(f, "CFI"))
        return stack_cfi(bp, f, text);
    return NULL;
}

/* INLINE: checked only; found again by the function it belongs to. */
static sc_err *inline_site(struct bp *bp, struct bp_fields *f) {
    unsigned fields = 0;
    for (; !f->bad && !bp_at_end(f); fields++)
        bp_hex(f); /* decimal ones are hexadecimal too, as far as form goes */
    f->bad |= fields < 5 || !bp->funcs.count;
    return NULL;
}

static sc_err *source_line(struct bp *bp, struct bp_fields *f, uint32_t text) {
    uint32_t rva = bp_hex(f);
    bp_hex(f);
    bp_decimal(f);
    bp_decimal(f);
    f->bad |= !bp_at_end(f) || !bp->funcs.count;
    return f->bad ? NULL : add_entry(&bp->lines, rva, text);
}

static sc_err *record(struct bp *bp, struct bp_fields *f, uint32_t text) {
    if (*f->at == ' ') { /* or readers that count from the line's beginning would be lost */
        f->bad = true;
        return NULL;
    }
    if (digit(*f->at) < 16 && *f->at != 'F') /* no line begins with an upper-case digit */
        return source_line(bp, f, text);
    if (bp_word(f, "FUNC")) {
        struct bp_func fn = read_func(f);
        return f->bad ? NULL : add_range(&bp->funcs, fn.rva, fn.size, text);
    }
    if (bp_word(f, "STACK"))
        return stack(bp, f, text);
    if (bp_word(f, "INLINE"))
        return inline_site(bp, f);
    if (bp_word(f, "INLINE_ORIGIN"))
        return add_number(&bp->origins, f, bp);
    if (bp_word(f, "FILE"))
        return add_number(&bp->files, f, bp);
    if (bp_word(f, "PUBLIC")) {
        skip_multiple(f);
        uint32_t rva = bp_hex(f);
        bp_hex(f);
        return f->bad ? NULL : add_entry(&bp->publics, rva, text);
    }
    if (bp_word(f, "MODULE"))
        return module(bp, f);
    return NULL;
}

static sc_err *read_lines(struct bp *bp, const char *name) {
    uint32_t at = 0;
    while (at < bp->size) {
        const char *end = memchr(bp->text + at, '\n', bp->size - at);
        uint32_t next = end ? (uint32_t)(end - bp->text) : bp->size;
        bp->text[next] = 0; /* there is one byte behind the text */
        if (memchr(bp->text + at, 0, next - at))
            return sc_err_at(SC_ERR_FORMAT, name, at, "a NUL in a line of text");
        if (next > at && bp->text[next - 1] == '\r')
            bp->text[next - 1] = 0;
        struct bp_fields f = {bp->text + at, false};
        sc_err *err = record(bp, &f, at);
        if (!err && f.bad)
            err = sc_err_at(SC_ERR_FORMAT, name, at, "a symbol record that does not parse: %.40s",
                            bp->text + at);
        if (err)
            return err;
        at = next + 1;
    }
    return NULL;
}

static int by_range(const void *a, const void *b) {
    const struct bp_range *x = a, *y = b;
    if (x->rva != y->rva)
        return x->rva < y->rva ? -1 : 1;
    if (x->size != y->size) /* the larger first: the innermost of several is the last */
        return x->size > y->size ? -1 : 1;
    return x->text < y->text ? -1 : x->text > y->text;
}

/* Entries and numbers alike: two numbers of 32 bits. */
static int by_first(const void *a, const void *b) {
    const struct bp_entry *x = a, *y = b;
    if (x->rva != y->rva)
        return x->rva < y->rva ? -1 : 1;
    return x->text < y->text ? -1 : x->text > y->text;
}
static_assert(sizeof(struct bp_entry) == sizeof(struct bp_number) &&
                  sizeof(struct bp_entry) == sizeof(struct bp_name),
              "sorted by the same function");

static void sort(void *item, size_t count) {
    if (count)
        qsort(item, count, sizeof(struct bp_entry), by_first);
}

static void sort_ranges(struct bp_ranges *r) {
    uint64_t reach = 0;
    if (r->count)
        qsort(r->item, r->count, sizeof *r->item, by_range);
    for (size_t i = 0; i < r->count; i++) {
        uint64_t end = (uint64_t)r->item[i].rva + r->item[i].size;
        if (end > reach)
            reach = end;
        r->item[i].reach = reach ? (uint32_t)(reach > 1ull << 32 ? UINT32_MAX : reach - 1) : 0;
    }
}

static sc_err *index_names(struct bp *bp) {
    const size_t count = bp->funcs.count + bp->publics.count;
    if (!count)
        return NULL;
    if (!SC_VEC_RESERVE(&bp->names, count))
        return sc_err_nomem();
    for (size_t i = 0; i < count; i++) {
        bool func = i < bp->funcs.count;
        struct bp_func f = func ? bp_read_func(bp, bp->funcs.item[i].text)
                                : bp_read_public(bp, bp->publics.item[i - bp->funcs.count].text);
        bp->names.item[i] = (struct bp_name){bp_name_hash(f.name), (uint32_t)i};
    }
    bp->names.count = count;
    sort(bp->names.item, count);
    return NULL;
}

sc_err *bp_index(struct bp *bp, const char *name) {
    if (!sc_breakpad_probe(bp->text, bp->size))
        return sc_err_at(SC_ERR_FORMAT, name, 0,
                         "no Breakpad symbols: the first line is not MODULE");
    sc_err *err = read_lines(bp, name);
    if (err)
        return err;
    sort_ranges(&bp->funcs);
    sort_ranges(&bp->inits);
    sort_ranges(&bp->win_programs);
    sort_ranges(&bp->win_fpos);
    sort(bp->publics.item, bp->publics.count);
    sort(bp->lines.item, bp->lines.count);
    sort(bp->deltas.item, bp->deltas.count);
    sort(bp->files.item, bp->files.count);
    sort(bp->origins.item, bp->origins.count);
    return index_names(bp);
}
