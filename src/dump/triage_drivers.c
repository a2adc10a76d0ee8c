/* SPDX-License-Identifier: MIT */
/*
 * The driver lists of a triage dump.
 *
 * Loaded drivers, at DriverListOffset, in load order (the kernel first):
 *
 *   64-bit entry, 0x90 bytes        32-bit entry, 0x4c bytes
 *   +0x00 u32 DriverNameOffset      +0x00      -> DUMP_STRING (file offset)
 *   +0x08 KLDR_DATA_TABLE_ENTRY     +0x04
 *     +0x38 DllBase                   +0x1c
 *     +0x48 SizeOfImage               +0x24
 *     +0x80 CheckSum                  +0x44
 *     +0x88 TimeDateStamp             +0x48
 *
 * An entry of 0xa8 bytes, with today's longer KLDR_DATA_TABLE_ENTRY (TimeDateStamp at +0xa4), is
 * named by public type information but was never seen: the stride is measured, not assumed.
 *
 *   DUMP_STRING: u32 Length (characters), UTF-16, NUL; 8-byte aligned. The NUL is the authority.
 *
 * Unloaded drivers, at UnloadedDriversOffset: a count (pointer-sized), then entries of 0x38
 * (32-bit: 0x28) bytes: UNICODE_STRING Name (its Length counts), WCHAR DriverName[12], Start, End.
 *
 * Sources: Ghidra's pagedump reader (structure facts); the real dumps of the test corpus.
 */
#include <inttypes.h>
#include <string.h>

#include "base/utf.h"
#include "dump/triage_impl.h"

enum {
    DRIVERS_MAX = 8192, /* real dumps: under 500 */
    UNLOADED_MAX = 256, /* the kernel keeps 50 */
    NAME_MAX_CHARS = 1024,
};

static struct sc_kdump *kd_of(const struct sc_source *s) { return s->impl; }

/* Field offsets of an entry, by stride. */
struct entry_form {
    uint32_t stride;
    uint8_t base, size, checksum, timestamp;
};
static const struct entry_form forms64[] = {{0x90, 0x38, 0x48, 0x80, 0x88},
                                            {0xa8, 0x38, 0x48, 0x80, 0xa4}};
static const struct entry_form forms32[] = {{0x4c, 0x1c, 0x24, 0x44, 0x48}};

static const struct entry_form *form_of(bool is64, uint32_t stride) {
    const struct entry_form *f = is64 ? forms64 : forms32;
    for (size_t n = is64 ? 2 : 1; n--; f++)
        if (f->stride == stride)
            return f;
    return NULL;
}

struct entry {
    uint64_t base;
    uint32_t name, size, checksum, timestamp;
};

static bool read_entry(struct sc_source *s, const struct entry_form *f, uint32_t i,
                       struct entry *ret) {
    const struct sc_triage_header *t = &kd_of(s)->triage;
    uint64_t at = t->driver_list_offset + (uint64_t)i * f->stride;
    struct sc_cur c = sc_cur_at(s->file, at, f->stride, "driver list entry");
    ret->name = sc_u32(&c);
    sc_cur_seek(&c, at + f->base);
    ret->base = sc_uptr(&c, s->probe.is64 ? 8 : 4);
    sc_cur_seek(&c, at + f->size);
    ret->size = sc_u32(&c);
    sc_cur_seek(&c, at + f->checksum);
    ret->checksum = sc_u32(&c);
    sc_cur_seek(&c, at + f->timestamp);
    ret->timestamp = sc_u32(&c);
    return !sc_cur_failed(&c);
}

/* Of the first entries, how many look like drivers: a page-aligned base, a size, a name. */
static unsigned score(struct sc_source *s, const struct entry_form *f) {
    const struct sc_triage_header *t = &kd_of(s)->triage;
    unsigned good = 0;
    struct entry e;
    for (uint32_t i = 0; i < t->driver_count && i < 32 && read_entry(s, f, i, &e); i++) {
        bool in_pool =
            e.name >= t->string_pool_offset && e.name - t->string_pool_offset < t->string_pool_size;
        good += e.base && !(e.base & 0xfff) && e.size && in_pool;
    }
    return good;
}

void sc_triage_find_stride(struct sc_source *source, struct sc_kdump *kd) {
    struct sc_triage_header *t = &kd->triage;
    if (!t->driver_list_offset || !t->driver_count)
        return;
    const struct entry_form *f = source->probe.is64 ? forms64 : forms32;
    const struct entry_form *best = f;
    unsigned most = 0;
    for (size_t n = source->probe.is64 ? 2 : 1; n--; f++) {
        unsigned good = score(source, f);
        if (good > most) {
            most = good;
            best = f;
        }
    }
    t->driver_stride = best->stride;
}

/* Units before the NUL that ends a string of the pool; NAME_MAX_CHARS + 1 when there is none. */
static uint32_t units_to_nul(struct sc_cur c) {
    if (c.data) { /* in place, as nearly always */
        const uint8_t *p = c.data + (c.pos - c.start);
        const uint64_t units = sc_cur_left(&c) / 2;
        for (uint32_t n = 0; n <= NAME_MAX_CHARS && n < units; n++)
            if (!(p[2 * n] | p[2 * n + 1]))
                return n;
        return NAME_MAX_CHARS + 1;
    }
    for (uint32_t n = 0; n <= NAME_MAX_CHARS; n++)
        if (!sc_u16(&c))
            return sc_cur_failed(&c) ? NAME_MAX_CHARS + 1 : n;
    return NAME_MAX_CHARS + 1;
}

const char *sc_triage_string(struct sc_source *source, uint64_t offset, bool *ret_nomem) {
    const struct sc_triage_header *t = &kd_of(source)->triage;
    uint64_t into = offset - t->string_pool_offset;
    bool in_pool = offset >= t->string_pool_offset && into < t->string_pool_size;
    struct sc_cur c = sc_cur_at(source->file, offset, 4 + 2 * (NAME_MAX_CHARS + 1), "name");
    uint32_t length = sc_u32(&c), chars = length;
    if (in_pool) /* a string there ends with its NUL, whatever its length says */
        chars = units_to_nul(c);
    if (chars > NAME_MAX_CHARS)
        chars = length;
    if (sc_cur_failed(&c) || chars > NAME_MAX_CHARS || sc_cur_left(&c) < (uint64_t)chars * 2) {
        sc_source_note(source, offset, "a name lies outside the file or is too long");
        return NULL;
    }
    const char *text = sc_cur_utf16(&c, (size_t)chars * 2, source->arena);
    if (!text)
        *ret_nomem = true;
    return text;
}

static sc_err *add_module(struct sc_source *s, uint32_t i, const struct entry_form *f,
                          struct sc_modules *ret) {
    struct entry e;
    uint64_t at = kd_of(s)->triage.driver_list_offset + (uint64_t)i * f->stride;
    if (!read_entry(s, f, i, &e))
        return NULL; /* the caller has noted how many fit */
    if (!s->probe.is64)
        e.base &= UINT32_MAX;
    if (!e.base || !e.size) {
        sc_source_note(s, at, "driver %u has no %s", i, e.base ? "size" : "base");
        return NULL;
    }
    bool nomem = false;
    const char *path = sc_triage_string(s, e.name, &nomem);
    if (!nomem && (!path || !path[0]))
        path = sc_arena_printf(s->arena, "Unknown_Module_%016" PRIx64, e.base);
    struct sc_module m = {.base = e.base,
                          .size = e.size,
                          .timestamp = e.timestamp,
                          .checksum = e.checksum,
                          .path = path,
                          .record = at};
    if (!path || !sc_module_names(s->arena, path, &m.name, &m.image))
        return sc_err_nomem();
    struct sc_module *slot = SC_VEC_PUSH(ret);
    if (!slot)
        return sc_err_nomem();
    *slot = m;
    return NULL;
}

sc_err *sc_triage_load_modules(struct sc_source *source, struct sc_modules *ret) {
    const struct sc_triage_header *t = &kd_of(source)->triage;
    const struct entry_form *f = form_of(source->probe.is64, t->driver_stride);
    if (!f)
        return NULL;
    uint64_t whole = sc_file_size(source->file);
    uint64_t fit = whole > t->driver_list_offset ? (whole - t->driver_list_offset) / f->stride : 0;
    uint32_t n = t->driver_count;
    if (n > fit || n > DRIVERS_MAX) {
        n = fit < DRIVERS_MAX ? (uint32_t)fit : DRIVERS_MAX;
        sc_source_note(source, t->driver_list_offset, "%u drivers claimed, %u looked at",
                       t->driver_count, n);
    }
    if (!SC_VEC_RESERVE(ret, ret->count + n))
        return sc_err_nomem();
    for (uint32_t i = 0; i < n; i++) {
        sc_err *err = add_module(source, i, f, ret);
        if (err)
            return err;
    }
    return NULL;
}

static sc_err *add_unloaded(struct sc_source *s, struct sc_cur *c, struct sc_unloadeds *ret) {
    unsigned ptr = s->probe.is64 ? 8 : 4;
    uint64_t at = c->pos;
    uint16_t length = sc_u16(c);
    sc_cur_skip(c, 2);
    if (ptr == 8)
        sc_cur_skip(c, 4);
    sc_cur_skip(c, ptr);
    size_t bytes = length < 24 ? length & ~1U : 24;
    const char *name = sc_cur_utf16(c, bytes, s->arena);
    sc_cur_skip(c, 24 - bytes);
    uint64_t start = sc_uptr(c, ptr), end = sc_uptr(c, ptr);
    if (sc_cur_failed(c))
        return NULL;
    if (!name)
        return sc_err_nomem();
    if (!start || end < start) {
        if (start || end)
            sc_source_note(s, at, "an unloaded driver ends before it begins");
        return NULL;
    }
    struct sc_unloaded *slot = SC_VEC_PUSH(ret);
    if (!slot)
        return sc_err_nomem();
    *slot = (struct sc_unloaded){.base = start, .size = end - start, .name = name, .record = at};
    return NULL;
}

sc_err *sc_triage_load_unloaded(struct sc_source *source, struct sc_unloadeds *ret) {
    const struct sc_triage_header *t = &kd_of(source)->triage;
    if (!t->unloaded_offset)
        return NULL;
    unsigned ptr = source->probe.is64 ? 8 : 4;
    uint32_t entry = ptr == 8 ? 0x38 : 0x28;
    struct sc_cur c = sc_cur_at(source->file, t->unloaded_offset,
                                ptr + (uint64_t)UNLOADED_MAX * entry, "unloaded drivers");
    uint64_t claimed = sc_uptr(&c, ptr), n = claimed;
    uint64_t fit = sc_cur_left(&c) / entry;
    if (n > fit) {
        n = fit;
        sc_source_note(source, t->unloaded_offset,
                       "%" PRIu64 " unloaded drivers claimed, %" PRIu64 " looked at", claimed, n);
    }
    for (uint64_t i = 0; i < n && !sc_cur_failed(&c); i++) {
        sc_err *err = add_unloaded(source, &c, ret);
        if (err)
            return err;
    }
    return NULL;
}
