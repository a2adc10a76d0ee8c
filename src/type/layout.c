/* SPDX-License-Identifier: MIT */
/* Layouts: binding a reader's table of fields to the target's symbols, and reading by it. */
#include "stopcode/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "stopcode/value.h"

enum {
    NAME_MAX_LEN = 256,
    SPAN_AT_ONCE = 8192, /* of a larger structure little is wanted: it is read field by field */
};

struct bound {
    bool has, is_signed;
    uint32_t offset, size; /* in the structure */
    uint8_t bit_pos, bit_len;
};

struct sc_layout {
    const struct sc_layout_def *def;
    uint64_t size;
    bool assumed;
    uint32_t first, span; /* the part that is read */
    struct bound field[];
};

/* ---- binding ---- */

/* The next of the names separated by `|`; false behind the last, or when one is too long. */
static bool next_name(const char **names, char name[NAME_MAX_LEN]) {
    size_t n = strcspn(*names, "|");
    if (!n || n >= NAME_MAX_LEN)
        return false;
    memcpy(name, *names, n);
    name[n] = 0;
    *names += n + ((*names)[n] == '|');
    return true;
}

/* Bytes and sign of a field as its type says. */
static sc_err *measure(const struct sc_value *v, const struct sc_layout_field *want,
                       struct bound *b) {
    struct sc_type type = {.size = 0};
    sc_err *err = v->type ? sc_type_of(v->symbols, v->type, &type) : NULL;
    if (err)
        return err;
    uint64_t size = want->size ? want->size : type.size;
    if (!size || size > SC_LAYOUT_SPAN_MAX || v->offset > UINT32_MAX - size)
        return NULL; /* of no use: as if it did not exist */
    *b = (struct bound){.has = true,
                        .is_signed = type.is_signed,
                        .offset = (uint32_t)v->offset,
                        .size = (uint32_t)size,
                        .bit_pos = v->bit_pos,
                        .bit_len = v->bit_len};
    return NULL;
}

static sc_err *bind_field(const struct sc_typeref *ref, const struct sc_layout_field *want,
                          struct bound *b) {
    char name[NAME_MAX_LEN];
    const char *names = want->names;
    struct sc_value whole = sc_value_at(NULL, ref->provider, ref->id, 0), v;
    while (!b->has && next_name(&names, name)) {
        sc_err *err = sc_value_member(&whole, name, &v);
        if (!err)
            err = measure(&v, want, b);
        if (err && !sc_err_catch(&err, SC_ERR_NOT_FOUND))
            return err;
    }
    if (!b->has && !want->optional)
        return sc_errf(SC_ERR_NOT_FOUND, "there is no field %s", want->names);
    return NULL;
}

/* The part of the structure that holds all bound fields. */
static sc_err *find_span(sc_layout *l) {
    uint32_t first = UINT32_MAX, end = 0;
    for (size_t i = 0; i < l->def->nfields; i++) {
        const struct bound *b = &l->field[i];
        if (!b->has)
            continue;
        first = b->offset < first ? b->offset : first;
        end = b->offset + b->size > end ? b->offset + b->size : end;
    }
    if (first >= end)
        return NULL;
    if (end - first > SC_LAYOUT_SPAN_MAX)
        return sc_errf(SC_ERR_LIMIT, "the fields lie more than %d bytes apart", SC_LAYOUT_SPAN_MAX);
    l->first = first;
    l->span = end - first;
    return NULL;
}

sc_err *sc_layout_bind_type(const struct sc_typeref *ref, const struct sc_layout_def *def,
                            sc_layout **ret_layout) {
    struct sc_type type;
    sc_err *err = sc_type_of(ref->provider, ref->id, &type);
    if (err)
        return err;
    sc_layout *l = calloc(1, sizeof *l + def->nfields * sizeof *l->field);
    if (!l)
        return sc_err_nomem();
    l->def = def;
    l->size = type.size;
    l->assumed = ref->assumed;
    for (size_t i = 0; !err && i < def->nfields; i++)
        err = bind_field(ref, &def->fields[i], &l->field[i]);
    if (!err)
        err = find_span(l);
    if (err) {
        free(l);
        return sc_err_prefix(err, "%s", def->type);
    }
    *ret_layout = l;
    return NULL;
}

sc_err *sc_layout_bind(sc_symtab *symtab, const struct sc_layout_def *def, sc_layout **ret_layout) {
    char name[NAME_MAX_LEN];
    const char *names = def->type;
    while (next_name(&names, name)) {
        struct sc_typeref ref;
        bool found;
        sc_err *err = sc_symtab_type(symtab, name, &ref, &found);
        if (err)
            return err;
        if (found)
            return sc_layout_bind_type(&ref, def, ret_layout);
    }
    return sc_errf(SC_ERR_NOT_FOUND, "no symbols have the type %s", def->type);
}

void sc_layout_destroy(sc_layout *layout) { free(layout); }

bool sc_layout_has(const sc_layout *layout, size_t index) {
    return index < layout->def->nfields && layout->field[index].has;
}

uint64_t sc_layout_offset(const sc_layout *layout, size_t index) {
    return sc_layout_has(layout, index) ? layout->field[index].offset : 0;
}

uint64_t sc_layout_size(const sc_layout *layout) { return layout->size; }
bool sc_layout_assumed(const sc_layout *layout) { return layout->assumed; }

/* ---- reading ---- */

sc_err *sc_layout_rec_init(const sc_layout *layout, struct sc_layout_rec *ret_rec) {
    struct sc_layout_rec r = {.layout = layout};
    /* Both in one piece; what was not read is not handed out. */
    r.bytes = malloc((size_t)layout->span + 1 + layout->def->nfields + 1);
    if (!r.bytes)
        return sc_err_nomem();
    r.state = r.bytes + layout->span + 1;
    memset(r.state, SC_READ_INVALID, layout->def->nfields + 1);
    *ret_rec = r;
    return NULL;
}

void sc_layout_rec_deinit(struct sc_layout_rec *rec) {
    free(rec->bytes);
    rec->bytes = rec->state = NULL;
    rec->got = 0;
}

enum sc_read sc_layout_load(struct sc_layout_rec *rec, sc_space *space, uint64_t address) {
    const sc_layout *l = rec->layout;
    enum sc_read worst = SC_READ_OK;
    size_t got = 0;
    rec->address = address;
    if (l->span && l->span <= SPAN_AT_ONCE)
        sc_space_read(space, address + l->first, rec->bytes, l->span, &got);
    rec->got = got;
    for (size_t i = 0; i < l->def->nfields; i++) {
        const struct bound *b = &l->field[i];
        enum sc_read status = b->has ? SC_READ_OK : SC_READ_INVALID;
        uint32_t at = b->has ? b->offset - l->first : 0;
        if (b->has && at + b->size > got)
            status = sc_space_read(space, address + b->offset, rec->bytes + at, b->size, NULL);
        rec->state[i] = (uint8_t)status;
        if (status != SC_READ_OK && !l->def->fields[i].optional)
            worst = status;
    }
    return worst;
}

/* The field's bytes; NULL with the reason in *STATUS. */
static inline const uint8_t *bytes_of(const struct sc_layout_rec *rec, size_t index,
                                      enum sc_read *status) {
    const sc_layout *l = rec->layout;
    *status = SC_READ_INVALID;
    if (index >= l->def->nfields || !l->field[index].has)
        return NULL;
    *status = (enum sc_read)rec->state[index];
    return *status == SC_READ_OK ? rec->bytes + (l->field[index].offset - l->first) : NULL;
}

static inline uint64_t half(const uint8_t *p) {
    return (uint32_t)(p[0] | p[1] << 8 | p[2] << 16) | (uint32_t)p[3] << 24;
}

/* The usual widths are taken at once: structures have dozens of fields. */
static inline uint64_t number_in(const uint8_t *bytes, size_t size) {
    uint64_t value = 0;
    switch (size) {
    case 1: return bytes[0];
    case 2: return bytes[0] | (uint64_t)bytes[1] << 8;
    case 4: return half(bytes);
    case 8: return half(bytes) | half(bytes + 4) << 32;
    default:
        for (size_t i = size; i-- > 0;)
            value = value << 8 | bytes[i];
        return value;
    }
}

static inline enum sc_read uint_of(const struct sc_layout_rec *rec, size_t index,
                                   uint64_t *ret_value) {
    enum sc_read status;
    const uint8_t *bytes = bytes_of(rec, index, &status);
    if (!bytes)
        return status;
    const struct bound *b = &rec->layout->field[index];
    if (b->size > 8 || b->bit_pos >= 64)
        return SC_READ_INVALID;
    uint64_t value = number_in(bytes, b->size);
    if (b->bit_len) {
        value >>= b->bit_pos;
        value &= b->bit_len < 64 ? (UINT64_C(1) << b->bit_len) - 1 : UINT64_MAX;
    }
    *ret_value = value;
    return SC_READ_OK;
}

enum sc_read sc_layout_bytes(const struct sc_layout_rec *rec, size_t index,
                             const uint8_t **ret_bytes, size_t *ret_size) {
    enum sc_read status;
    const uint8_t *bytes = bytes_of(rec, index, &status);
    if (!bytes)
        return status;
    *ret_bytes = bytes;
    *ret_size = rec->layout->field[index].size;
    return SC_READ_OK;
}

enum sc_read sc_layout_uint(const struct sc_layout_rec *rec, size_t index, uint64_t *ret_value) {
    return uint_of(rec, index, ret_value);
}

enum sc_read sc_layout_int(const struct sc_layout_rec *rec, size_t index, int64_t *ret_value) {
    uint64_t value = 0;
    enum sc_read status = uint_of(rec, index, &value);
    if (status != SC_READ_OK)
        return status;
    const struct bound *b = &rec->layout->field[index];
    unsigned bits = b->bit_len ? b->bit_len : b->size * 8;
    if (b->is_signed && bits < 64 && value >> (bits - 1) & 1)
        value |= ~UINT64_C(0) << bits;
    *ret_value = (int64_t)value;
    return SC_READ_OK;
}

bool sc_layout_at(const struct sc_layout_rec *rec, size_t index, size_t size, uint64_t *ret_value) {
    const sc_layout *l = rec->layout;
    if (index >= l->def->nfields || !l->field[index].has || size > 8)
        return false;
    size_t at = l->field[index].offset - l->first;
    if (at > rec->got || size > rec->got - at)
        return false;
    *ret_value = number_in(rec->bytes + at, size);
    return true;
}

/* ---- the book ---- */

struct page {
    const struct sc_layout_def *def;
    sc_layout *layout; /* NULL: cannot be bound, for the reason … */
    char why[200];
};

struct sc_layout_book {
    sc_symtab *symtab;
    struct page *item;
    size_t count, room;
};

sc_err *sc_layout_book_create(sc_symtab *symtab, sc_layout_book **ret_book) {
    sc_layout_book *book = calloc(1, sizeof *book);
    if (!book)
        return sc_err_nomem();
    book->symtab = symtab;
    *ret_book = book;
    return NULL;
}

void sc_layout_book_forget(sc_layout_book *book) {
    for (size_t i = 0; i < book->count; i++)
        sc_layout_destroy(book->item[i].layout);
    SC_VEC_FREE(book);
}

void sc_layout_book_destroy(sc_layout_book *book) {
    if (!book)
        return;
    sc_layout_book_forget(book);
    free(book);
}

/* Notes what became of DEF. Only that it was not found is an answer worth keeping. */
static sc_err *add_page(sc_layout_book *book, const struct sc_layout_def *def, sc_layout *layout,
                        const sc_err *why) {
    struct page *p = SC_VEC_PUSH(book);
    if (!p)
        return sc_err_nomem();
    p->def = def;
    p->layout = layout;
    if (why)
        strncpy(p->why, sc_err_text(why), sizeof p->why - 1);
    return NULL;
}

sc_err *sc_layout_book_get(sc_layout_book *book, const struct sc_layout_def *def,
                           const sc_layout **ret_layout) {
    for (size_t i = 0; i < book->count; i++) {
        const struct page *p = &book->item[i];
        if (p->def != def)
            continue;
        if (!p->layout)
            return sc_errf(SC_ERR_NOT_FOUND, "%s", p->why);
        *ret_layout = p->layout;
        return NULL;
    }
    sc_layout *layout = NULL;
    sc_err *err = sc_layout_bind(book->symtab, def, &layout);
    if (err && sc_err_code(err) != SC_ERR_NOT_FOUND)
        return err;
    sc_err *full = add_page(book, def, layout, err);
    if (full) {
        sc_layout_destroy(layout);
        sc_err_destroy(err);
        return full;
    }
    if (!err)
        *ret_layout = layout;
    return err;
}
