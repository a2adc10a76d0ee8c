/* SPDX-License-Identifier: MIT */
/* Reading kernel structures through tables of fields. */
#include "nt/nt.h"

#include <string.h>

void nt_init(struct nt *ret, sc_target *target, sc_symtab *symtab, sc_layout_book *book) {
    const struct sc_machine *m = sc_target_machine(target);
    *ret = (struct nt){.target = target,
                       .symtab = symtab,
                       .book = book,
                       .space = sc_target_space(target),
                       .cpu = m->cpu,
                       .ptr_size = sc_target_ptr_size(target),
                       .build = m->build};
}

uint64_t nt_or(const struct nt_field *field, uint64_t other) {
    return field->state == NT_READ ? field->value : other;
}

bool nt_set(const struct nt_field *field) { return field->state == NT_READ && field->value; }

const char *nt_why(const struct nt_field *field) {
    switch (field->state) {
    case NT_NO_FIELD: return "not in this build";
    case NT_ABSENT: return "not in this dump";
    default: return NULL;
    }
}

bool nt_any(const struct nt_field *fields, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (fields[i].state == NT_READ)
            return true;
    return false;
}

static struct nt_field field_of(const struct sc_layout_rec *rec, size_t index) {
    int64_t value;
    if (sc_layout_int(rec, index, &value) == SC_READ_OK)
        return (struct nt_field){(uint64_t)value, NT_READ};
    return (struct nt_field){0, sc_layout_has(rec->layout, index) ? NT_ABSENT : NT_NO_FIELD};
}

/* As wide as a pointer: out of what was read, else out of memory. */
static struct nt_field pointer_of(const struct nt *nt, const struct sc_layout_rec *rec,
                                  size_t index) {
    uint64_t value;
    if (sc_layout_at(rec, index, nt->ptr_size, &value))
        return (struct nt_field){value, NT_READ};
    return nt_pointer(nt, nt_add(nt, rec->address, sc_layout_offset(rec->layout, index)));
}

sc_err *nt_load(const struct nt *nt, const struct nt_def *def, uint64_t address,
                struct nt_field *ret_fields, bool *ret_assumed) {
    const sc_layout *layout;
    struct sc_layout_rec rec;
    sc_err *err = sc_layout_book_get(nt->book, &def->layout, &layout);
    if (!err)
        err = sc_layout_rec_init(layout, &rec);
    if (err)
        return err;
    sc_layout_load(&rec, nt->space, address);
    for (size_t i = 0; i < def->nfields; i++)
        ret_fields[i] = field_of(&rec, i);
    for (size_t i = def->nfields; i < def->layout.nfields; i++) {
        /* Also where symbols have the member, but as something that is no number. */
        struct nt_field *f = &ret_fields[def->spare_of[i - def->nfields]];
        struct nt_field spare = field_of(&rec, i);
        if (f->state != NT_READ && spare.state != NT_NO_FIELD)
            *f = spare;
    }
    for (size_t i = 0; i < def->npointers; i++)
        if (sc_layout_has(layout, def->pointers[i]))
            ret_fields[def->pointers[i]] = pointer_of(nt, &rec, def->pointers[i]);
    sc_layout_rec_deinit(&rec);
    if (ret_assumed && sc_layout_assumed(layout))
        *ret_assumed = true;
    return NULL;
}

sc_err *nt_load_optional(const struct nt *nt, const struct nt_def *def, uint64_t address,
                         struct nt_field *ret_fields, bool *ret_assumed) {
    sc_err *err = nt_load(nt, def, address, ret_fields, ret_assumed);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        memset(ret_fields, 0, def->nfields * sizeof *ret_fields);
    return err;
}

sc_err *nt_offset(const struct nt *nt, const struct nt_def *def, size_t index, uint64_t *ret_offset,
                  bool *ret_found) {
    const sc_layout *layout;
    sc_err *err = sc_layout_book_get(nt->book, &def->layout, &layout);
    if (err)
        return err;
    for (size_t i = def->nfields; i < def->layout.nfields; i++)
        if (def->spare_of[i - def->nfields] == index && !sc_layout_has(layout, index))
            index = i;
    *ret_found = sc_layout_has(layout, index);
    if (*ret_found)
        *ret_offset = sc_layout_offset(layout, index);
    return NULL;
}

uint64_t nt_add(const struct nt *nt, uint64_t address, uint64_t offset) {
    return sc_space_canon(nt->space, address + offset);
}

struct nt_field nt_pointer(const struct nt *nt, uint64_t address) {
    struct nt_field f = {0, NT_ABSENT};
    if (sc_space_ptr(nt->space, address, &f.value) == SC_READ_OK)
        f.state = NT_READ;
    return f;
}

sc_err *nt_symbol(const struct nt *nt, const char *name, uint64_t *ret_address, bool *ret_found) {
    bool found = false;
    sc_err *err = sc_symtab_lookup_exact(nt->symtab, name, ret_address, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        found = false;
    if (!err)
        *ret_found = found;
    return err;
}

sc_err *nt_global(const struct nt *nt, const char *name, unsigned size, struct nt_field *ret) {
    uint64_t address, value;
    bool found = false;
    sc_err *err = nt_symbol(nt, name, &address, &found);
    if (err)
        return err;
    *ret = (struct nt_field){0, found ? NT_ABSENT : NT_NO_FIELD};
    if (found && sc_space_uint(nt->space, address, size, &value) == SC_READ_OK)
        *ret = (struct nt_field){value, NT_READ};
    return NULL;
}

/* 32-bit systems may give processes 3 GB: then 0x80000000 and above can be a process's, too. */
bool nt_is_kernel(const struct nt *nt, uint64_t address) {
    return nt->ptr_size == 4 ? address >= 0x80000000u : address >> 47 == 0x1ffff;
}
