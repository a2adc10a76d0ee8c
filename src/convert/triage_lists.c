/* SPDX-License-Identifier: MIT */
/*
 * Lists of a small memory dump; their layouts: src/dump/triage_drivers.c and triage.c.
 *
 *   drivers     an offset of a name and a KLDR_DATA_TABLE_ENTRY, in load order
 *   names       DUMP_STRING: characters, UTF-16, NUL; on multiples of 8
 *   unloaded    a count, then { UNICODE_STRING; WCHAR[12]; start; end }
 *   mm          _MI_TRIAGE_STORAGE
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "base/vec.h"
#include "convert/triage.h"

enum { DRIVERS_MAX = 8192, NAME_UNITS = 1024, UNLOADED_UNITS = 12 };

static const struct form {
    uint32_t stride;
    uint8_t entry;                           /* where the KLDR_DATA_TABLE_ENTRY begins */
    uint8_t base, size, checksum, timestamp; /* in the dump's entry */
    uint8_t copied;                          /* bytes taken from the kernel's own */
    uint32_t unloaded, unloaded_name, unloaded_start;
} form64 = {0x90, 8, 0x38, 0x48, 0x80, 0x88, 0x78, 0x38, 0x10, 0x28},
  form32 = {0x4c, 4, 0x1c, 0x24, 0x44, 0x48, 0x40, 0x28, 0x08, 0x20};

static const struct form *form_of(const struct conv_triage *t) {
    return t->ptr == 8 ? &form64 : &form32;
}

/* TEXT in UTF-16LE, at most MOST units; returns how many. */
static size_t to_utf16(const char *text, size_t most, uint8_t *to) {
    size_t len = strlen(text), n = 0;
    for (size_t i = 0; i < len && n < most;) {
        uint32_t cp;
        i += sc_utf8_get(text + i, len - i, &cp);
        if (cp == UINT32_MAX)
            cp = 0xfffd;
        if (cp >= 0x10000 && n + 2 > most)
            break;
        if (cp >= 0x10000) {
            conv_put(to + 2 * n++, 0xd800 + ((cp - 0x10000) >> 10), 2);
            cp = 0xdc00 + (cp & 0x3ff);
        }
        conv_put(to + 2 * n++, cp, 2);
    }
    return n;
}

/* ---- drivers ---- */

struct order {
    const struct sc_module **item; /* in load order */
    uint64_t *entry;               /* the kernel's own list entry; 0: not known */
    size_t count;
};

/* Does the list's walk name it already? */
static bool is_listed(const struct order *o, const struct sc_module *m) {
    for (size_t i = 0; i < o->count; i++)
        if (o->item[i] == m)
            return true;
    return false;
}

/*
 * Load order is that of the kernel's list, where "nt" stands first; what the list does not lead to
 * follows.
 */
static void put_in_order(struct conv_triage *t, const struct sc_modules *modules, struct order *o) {
    uint64_t head = sc_target_machine(t->c->target)->loaded_module_list;
    uint64_t va = conv_triage_uint(t, head, t->ptr);
    unsigned base_at = t->ptr == 8 ? 0x30 : 0x18;
    for (size_t i = 0; i < DRIVERS_MAX && va && va != head && o->count < modules->count; i++) {
        uint64_t base = conv_triage_uint(t, va + base_at, t->ptr);
        const struct sc_module *m = base ? sc_target_module_at(t->c->target, base) : NULL;
        if (m && m->base == base && !is_listed(o, m)) {
            o->entry[o->count] = va;
            o->item[o->count++] = m;
        }
        va = conv_triage_uint(t, va, t->ptr);
    }
    const struct sc_module *nt = sc_target_module_named(t->c->target, "nt");
    if (!o->count && nt)
        o->item[o->count++] = nt;
    for (size_t i = 0; i < modules->count; i++) {
        const struct sc_module *m = &modules->item[i];
        /* Commands may have added the images of a process: no drivers. */
        if (conv_triage_is_kernel(t, m->base) && !is_listed(o, m))
            o->item[o->count++] = m;
    }
}

static sc_err *add_name(struct conv_triage *t, const char *path, uint32_t *ret_offset) {
    uint8_t units[2 * NAME_UNITS];
    size_t n = to_utf16(path, NAME_UNITS, units);
    sc_err *err = conv_triage_add(t, 4 + 2 * n + 2, ret_offset);
    if (err)
        return err;
    conv_put(t->file.item + *ret_offset, n, 4);
    memcpy(t->file.item + *ret_offset + 4, units, 2 * n);
    return NULL;
}

static void put_driver(struct conv_triage *t, const struct sc_module *m, uint64_t own,
                       uint32_t name, uint8_t *b) {
    const struct form *f = form_of(t);
    if (own && conv_triage_read(t, own, b + f->entry, f->copied) != f->copied)
        memset(b, 0, f->stride);
    conv_put(b, name, 4);
    conv_put(b + f->base, m->base, t->ptr);
    conv_put(b + f->size, m->size, 4);
    conv_put(b + f->checksum, m->checksum, 4);
    conv_put(b + f->timestamp, m->timestamp, 4);
}

static sc_err *add_drivers(struct conv_triage *t, const struct order *o, struct conv_drivers *ret) {
    const struct form *f = form_of(t);
    sc_err *err = conv_triage_add(t, o->count * f->stride, &ret->list);
    ret->count = (uint32_t)o->count;
    for (size_t i = 0; i < o->count && !err; i++) {
        uint32_t name = 0;
        err = add_name(t, o->item[i]->path, &name);
        if (err)
            break;
        if (!i)
            ret->strings = name;
        put_driver(t, o->item[i], o->entry[i], name, t->file.item + ret->list + i * f->stride);
    }
    ret->strings_size = ret->strings ? (uint32_t)t->file.count - ret->strings : 0;
    return err;
}

sc_err *conv_triage_drivers(struct conv_triage *t, struct conv_drivers *ret) {
    const struct sc_modules *modules;
    sc_err *err = sc_target_modules(t->c->target, &modules);
    if (err || !modules->count)
        return err;
    struct order o = {.item = calloc(modules->count, sizeof *o.item),
                      .entry = calloc(modules->count, sizeof *o.entry)};
    if (o.item && o.entry)
        put_in_order(t, modules, &o);
    err = o.item && o.entry ? add_drivers(t, &o, ret) : sc_err_nomem();
    free(o.item);
    free(o.entry);
    return err;
}

/* ---- unloaded drivers ---- */

sc_err *conv_triage_unloaded(struct conv_triage *t, uint32_t *ret_offset) {
    const struct form *f = form_of(t);
    const struct sc_unloadeds *list;
    sc_err *err = sc_target_unloaded(t->c->target, &list);
    *ret_offset = 0;
    if (err || !list->count)
        return err;
    err = conv_triage_add(t, t->ptr + list->count * f->unloaded, ret_offset);
    if (err)
        return err;
    uint8_t *b = t->file.item + *ret_offset;
    conv_put(b, list->count, t->ptr);
    b += t->ptr;
    for (size_t i = 0; i < list->count; i++, b += f->unloaded) {
        const struct sc_unloaded *u = &list->item[i];
        size_t n = to_utf16(u->name, UNLOADED_UNITS, b + f->unloaded_name);
        conv_put(b, 2 * n, 2);
        conv_put(b + 2, 2 * UNLOADED_UNITS, 2);
        conv_put(b + f->unloaded_start, u->base, t->ptr);
        conv_put(b + f->unloaded_start + t->ptr, u->base + u->size, t->ptr);
    }
    return NULL;
}

/* ---- the memory manager ---- */

sc_err *conv_triage_mm(struct conv_triage *t, uint32_t *ret_offset) {
    static const uint32_t words[] = {KD_SPECIAL_POOL_TAG, KD_TRIAGE_ACTION, 0, KD_KERNEL_VERIFIER};
    static const uint32_t figures[] = {
        KD_MAX_NONPAGED, KD_ALLOCATED_NONPAGED, KD_PAGED_POOL_SIZE, 0,
        KD_COMMITTED,    KD_PEAK_COMMITMENT,    KD_COMMIT_LIMIT_MAX};
    uint32_t size = 24 + 7 * t->ptr;
    uint64_t verifier = conv_triage_kd(t, KD_VERIFIER_DATA, 8);
    *ret_offset = 0;
    if (!verifier && !conv_triage_kd(t, KD_COMMITTED, 8))
        return NULL; /* the build's block does not lead to any of it */
    sc_err *err = conv_triage_add(t, size, ret_offset);
    if (err)
        return err;
    uint8_t *b = t->file.item + *ret_offset;
    conv_put(b, 1, 4);
    conv_put(b + 4, size, 4);
    for (size_t i = 0; i < 4; i++)
        if (words[i])
            conv_put(b + 8 + 4 * i, conv_triage_kd_at(t, words[i], 4), 4);
    conv_put(b + 16, conv_triage_uint(t, verifier, 4), 4); /* MM_DRIVER_VERIFIER_DATA.Level */
    for (size_t i = 0; i < 7; i++)
        if (figures[i])
            conv_put(b + 24 + i * t->ptr, conv_triage_kd_at(t, figures[i], t->ptr), t->ptr);
    return NULL;
}
