/* SPDX-License-Identifier: MIT */
/*
 * For tests of whole-memory kernel dumps: small files made by hand from the published layouts, the
 * source opened on them, and its pages held against a list of those that were put in.
 *
 * The page with number N holds bytes made from N, so that any two pages differ.
 */
#ifndef STOPCODE_TESTS_UNIT_WHOLE_FIXTURE_H
#define STOPCODE_TESTS_UNIT_WHOLE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "dump/dump.h"
#include "stopcode/kdump.h"
#include "unit/random.h"

enum { PAGE = 0x1000 };

struct whole {
    bool is64;
    uint8_t *data; /* heap */
    size_t size;
    uint64_t *pfn; /* the pages in the file, in its order */
    size_t npfns;
    struct sc_source *source;
    struct sc_pages pages;
};

static inline void whole_grow(struct whole *w, size_t size) {
    if (size <= w->size)
        return;
    w->data = realloc(w->data, size);
    assert_non_null(w->data);
    memset(w->data + w->size, 0, size - w->size);
    w->size = size;
}

static inline void whole_put(struct whole *w, size_t at, uint64_t value, unsigned width) {
    whole_grow(w, at + width);
    for (unsigned i = 0; i < width; i++)
        w->data[at + i] = (uint8_t)(value >> 8 * i);
}

/* Pointer-sized. */
static inline void whole_ptr(struct whole *w, size_t at, uint64_t value) {
    whole_put(w, at, value, w->is64 ? 8 : 4);
}

static inline void whole_text(struct whole *w, size_t at, const char *text) {
    whole_grow(w, at + strlen(text));
    memcpy(w->data + at, text, strlen(text));
}

static inline size_t whole_head(const struct whole *w) { return w->is64 ? 0x2000 : 0x1000; }

/* A header preset with PAGE, as the writer does it, of a machine with two processors. */
static inline void whole_begin(struct whole *w, bool is64, uint32_t type) {
    *w = (struct whole){.is64 = is64};
    for (size_t at = 0; at < whole_head(w); at += 4)
        whole_put(w, at, 0x45474150, 4);
    whole_text(w, 0, is64 ? "PAGEDU64" : "PAGEDUMP");
    whole_put(w, 0x08, 15, 4);
    whole_put(w, 0x0c, is64 ? 19041 : 2600, 4);
    whole_ptr(w, 0x10, 0x1ad002);
    whole_ptr(w, is64 ? 0x18 : 0x14, is64 ? 0xfffffa8000000000 : 0x80c7b000);
    whole_ptr(w, is64 ? 0x20 : 0x18, is64 ? 0xfffff8001262a390 : 0x8055a420);
    whole_ptr(w, is64 ? 0x28 : 0x1c, is64 ? 0xfffff80012621160 : 0x805627b8);
    whole_put(w, is64 ? 0x30 : 0x20, is64 ? 0x8664 : 0x14c, 4);
    whole_put(w, is64 ? 0x34 : 0x24, 2, 4);
    whole_put(w, is64 ? 0x38 : 0x28, 0xe2, 4);
    for (unsigned i = 0; i < 4; i++)
        whole_ptr(w, is64 ? 0x40 + 8 * i : 0x2c + 4 * i, i + 1);
    whole_ptr(w, is64 ? 0x80 : 0x60, is64 ? 0xfffff80012600b20 : 0x80546ae0);
    whole_put(w, is64 ? 0xf98 : 0xf88, type, 4);
}

static inline void whole_page_bytes(uint64_t pfn, uint8_t buf[PAGE]) {
    uint64_t seed = pfn * 0x10001 + 99;
    for (size_t i = 0; i < PAGE; i += 8) {
        uint64_t v = random_next(&seed);
        memcpy(buf + i, &v, 8);
    }
}

/* Appends the bytes of COUNT pages from BASE on; the first page stands at AT. */
static inline void whole_add_pages(struct whole *w, size_t at, uint64_t base, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        size_t offset = at + w->npfns * PAGE;
        whole_grow(w, offset + PAGE);
        whole_page_bytes(base + i, w->data + offset);
        w->pfn = realloc(w->pfn, (w->npfns + 1) * sizeof *w->pfn);
        assert_non_null(w->pfn);
        w->pfn[w->npfns++] = base + i;
    }
}

/* Opens the source; FLAGS as for sc_file_memory(). */
static inline sc_err *whole_try(struct whole *w, unsigned flags) {
    sc_file *file = NULL;
    assert_null(sc_file_memory("made.dmp", w->data, w->size, flags, &file));
    return sc_source_open(file, &w->source);
}

static inline void whole_open_source(struct whole *w, unsigned flags) {
    sc_err *err = whole_try(w, flags);
    if (err)
        fail_msg("%s", sc_err_text(err));
}

static inline void whole_open(struct whole *w, unsigned flags) {
    whole_open_source(w, flags);
    if (!w->source->ops->open_pages) {
        for (size_t i = 0; i < w->source->nnotes; i++)
            print_message("note: %s\n", w->source->notes[i].text);
        fail_msg("the source has no pages");
    }
    sc_err *err = w->source->ops->open_pages(w->source, &w->pages);
    if (err)
        fail_msg("%s", sc_err_text(err));
}

/* Closes the source; the bytes stay. */
static inline void whole_close_source(struct whole *w) {
    if (w->pages.ops)
        w->pages.ops->destroy(w->pages.impl);
    w->pages = (struct sc_pages){0};
    sc_source_destroy(w->source);
    w->source = NULL;
}

static inline void whole_close(struct whole *w) {
    whole_close_source(w);
    free(w->data);
    free(w->pfn);
    *w = (struct whole){0};
}

static inline bool whole_noted(const struct whole *w, const char *part) {
    for (size_t i = 0; i < w->source->nnotes; i++)
        if (strstr(w->source->notes[i].text, part))
            return true;
    return false;
}

static inline void whole_expect_note(const struct whole *w, const char *part, uint64_t offset) {
    for (size_t i = 0; i < w->source->nnotes; i++)
        if (strstr(w->source->notes[i].text, part) && w->source->notes[i].offset == offset)
            return;
    for (size_t i = 0; i < w->source->nnotes; i++)
        print_message("note: 0x%llx: %s\n", (unsigned long long)w->source->notes[i].offset,
                      w->source->notes[i].text);
    fail_msg("no note at 0x%llx says \"%s\"", (unsigned long long)offset, part);
}

static inline void whole_expect_no_notes(const struct whole *w) {
    for (size_t i = 0; i < w->source->nnotes; i++)
        fail_msg("noted: %s", w->source->notes[i].text);
}

static inline enum sc_read whole_read(struct whole *w, uint64_t addr, void *buf, size_t len,
                                      size_t *ret_got) {
    *ret_got = 12345;
    enum sc_read status = w->pages.ops->read(w->pages.impl, addr, buf, len, ret_got);
    if (status == SC_READ_OK)
        assert_in_range(*ret_got, 1, len);
    else
        assert_int_equal(*ret_got, 0);
    return status;
}

static inline void whole_is_absent(struct whole *w, uint64_t pfn) {
    uint8_t byte;
    size_t got;
    uint64_t offset;
    if (whole_read(w, pfn * PAGE, &byte, 1, &got) != SC_READ_ABSENT)
        fail_msg("page 0x%llx should be absent", (unsigned long long)pfn);
    assert_false(w->pages.ops->offset(w->pages.impl, pfn * PAGE, &offset));
}

/* Page PFN is there, with its own bytes, by every way of asking. */
static inline void whole_holds(struct whole *w, uint64_t pfn) {
    uint8_t want[PAGE], got[PAGE];
    size_t len = 0, view_len = 0;
    uint64_t offset = 0;
    const uint8_t *view = NULL;
    whole_page_bytes(pfn, want);
    if (whole_read(w, pfn * PAGE, got, PAGE, &len) != SC_READ_OK || len != PAGE)
        fail_msg("page 0x%llx cannot be read", (unsigned long long)pfn);
    assert_memory_equal(got, want, PAGE);
    assert_int_equal(whole_read(w, pfn * PAGE + 0xff8, got, 8, &len), SC_READ_OK);
    assert_int_equal(len, 8);
    assert_memory_equal(got, want + 0xff8, 8);
    assert_true(w->pages.ops->offset(w->pages.impl, pfn * PAGE + 5, &offset));
    assert_memory_equal(w->data + offset, want + 5, 16);
    if (w->pages.ops->view(w->pages.impl, pfn * PAGE + 1, &view, &view_len) == SC_READ_OK) {
        assert_true(view_len >= PAGE - 1);
        assert_memory_equal(view, want + 1, PAGE - 1);
    }
}

/* Exactly the pages of the list are there, below page number END and by walking. */
static inline void whole_like_the_list(struct whole *w, uint64_t end) {
    uint8_t *there = calloc(1, end);
    assert_non_null(there);
    for (size_t i = 0; i < w->npfns; i++) {
        assert_true(w->pfn[i] < end);
        there[w->pfn[i]] = 1;
    }
    for (uint64_t pfn = 0; pfn < end; pfn++)
        if (there[pfn])
            whole_holds(w, pfn);
        else
            whole_is_absent(w, pfn);
    whole_is_absent(w, end);
    whole_is_absent(w, UINT64_MAX / PAGE);
    uint64_t at = 0, start = 0, size = 0;
    while (w->pages.ops->next(w->pages.impl, at, &start, &size)) {
        assert_true(size && start + size > at && start % PAGE == 0 && size % PAGE == 0);
        for (uint64_t a = at; a < start; a += PAGE)
            assert_false(there[a / PAGE]);
        for (uint64_t a = start > at ? start : at; a < start + size; a += PAGE)
            assert_true(there[a / PAGE]);
        at = start + size;
    }
    for (; at < end * PAGE; at += PAGE)
        assert_false(there[at / PAGE]);
    free(there);
}

#endif
