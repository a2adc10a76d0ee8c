/* SPDX-License-Identifier: MIT */
/*
 * Memory into the new file: straight from the mapping of the old one where the container allows,
 * in writes as large as the runs are; what has no place in the old file (compressed, or not mapped)
 * through a buffer.
 *
 * Stretches of zeros are not written: they read as zeros in any case. Bytes that the target cannot
 * give although its container lists them become zeros, too, and are reported as changes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "convert/convert_impl.h"

enum {
    PIECE = 8 << 20, /* between two looks at progress and cancellation */
    STRETCH = 1 << 16,
};

/* ---- zeros ---- */

static bool is_zero(const uint8_t *data, size_t len) {
    static const uint8_t zeros[64];
    size_t head = len < sizeof zeros ? len : sizeof zeros;
    if (memcmp(data, zeros, head) != 0)
        return false; /* nearly always */
    return memcmp(data, data + 1, len - 1) == 0;
}

/* Writes DATA but for its stretches of zeros. */
static sc_err *write_sparse(struct conversion *c, uint64_t offset, const uint8_t *data,
                            size_t len) {
    size_t from = 0;
    sc_err *err = NULL;
    for (size_t at = 0; at < len && !err; at += STRETCH) {
        size_t n = len - at < STRETCH ? len - at : STRETCH;
        if (!is_zero(data + at, n))
            continue;
        if (at > from)
            err = sc_newfile_write(c->out, offset + from, data + from, at - from);
        from = at + n;
    }
    if (!err && from < len)
        err = sc_newfile_write(c->out, offset + from, data + from, len - from);
    return err ? err : sc_newfile_grow(c->out, offset + len);
}

/* ---- reading ---- */

static sc_err *need_buffer(struct conversion *c) {
    if (!c->buffer)
        c->buffer = malloc(CONV_BUFFER);
    return c->buffer ? NULL : sc_err_nomem();
}

/* LEN bytes from PA on through the buffer; those that cannot be had are zeros, and said. */
static sc_err *fill_buffer(struct conversion *c, uint64_t pa, size_t len) {
    sc_space *phys = sc_target_phys(c->target);
    size_t done = 0;
    sc_err *err = need_buffer(c);
    while (!err && done < len) {
        size_t got = 0;
        enum sc_read status = sc_space_read(phys, pa + done, c->buffer + done, len - done, &got);
        done += got;
        if (status == SC_READ_OK)
            break;
        if (sc_target_take_nomem(c->target))
            return sc_err_nomem();
        uint64_t page_end = ((pa + done) / CONV_PAGE + 1) * CONV_PAGE;
        size_t gap =
            page_end - (pa + done) < len - done ? (size_t)(page_end - (pa + done)) : len - done;
        uint64_t start, size;
        /* A page may be there in part: from somewhere behind its beginning on. */
        if (sc_space_next(phys, pa + done, &start, &size) && start > pa + done &&
            start - (pa + done) < gap)
            gap = (size_t)(start - (pa + done));
        memset(c->buffer + done, 0, gap);
        err = conv_changed(c, pa + done, gap,
                           status == SC_READ_IO ? "could not be read: zeros"
                                                : "not in the source: zeros");
        done += gap;
    }
    return err;
}

/* At most LEN bytes from PA on, in place or in the buffer. */
static sc_err *fetch(struct conversion *c, uint64_t pa, size_t len, const uint8_t **ret_data,
                     size_t *ret_len) {
    size_t got = 0;
    if (sc_space_view(sc_target_phys(c->target), pa, ret_data, &got) == SC_READ_OK &&
        got >= CONV_PAGE) {
        got -= got % CONV_PAGE;
        *ret_len = got < len ? got : len;
        return NULL;
    }
    *ret_len = len < CONV_BUFFER ? len : CONV_BUFFER;
    sc_err *err = fill_buffer(c, pa, *ret_len);
    *ret_data = c->buffer;
    return err;
}

/* ---- writing ---- */

/* How much of DATA the system has copied from file to file, if it lies in the source's mapping. */
static sc_err *take(struct conversion *c, const struct conv_pending *p, size_t *ret_taken) {
    const sc_file *file = sc_target_source(c->target)->file;
    uint64_t size = file ? sc_file_size(file) : 0, taken = 0;
    uintptr_t start = (uintptr_t)(file ? sc_file_view(file, 0, size) : NULL);
    uintptr_t at = (uintptr_t)p->data;
    *ret_taken = 0;
    if (!start || at < start || at - start > size || p->len > size - (at - start))
        return NULL;
    sc_err *err = sc_newfile_take(c->out, p->offset, file, at - start, p->len, &taken);
    *ret_taken = (size_t)taken;
    return err;
}

static sc_err *flush(struct conversion *c) {
    struct conv_pending *p = &c->pending;
    size_t taken = 0;
    sc_err *err = p->len ? take(c, p, &taken) : NULL;
    if (!err && taken < p->len)
        err = write_sparse(c, p->offset + taken, p->data + taken, p->len - taken);
    p->len = 0;
    return err;
}

/* Pieces that follow each other in the old file and in the new one become one write. */
static sc_err *put(struct conversion *c, uint64_t offset, const uint8_t *data, size_t len) {
    struct conv_pending *p = &c->pending;
    bool joins = p->len && p->data + p->len == data && p->offset + p->len == offset;
    if (joins && len <= PIECE - p->len) {
        p->len += len;
        return NULL;
    }
    sc_err *err = flush(c);
    *p = (struct conv_pending){offset, data, len};
    return !err && data == c->buffer ? flush(c) : err;
}

static sc_err *copy(struct conversion *c, uint64_t pfn, uint64_t count, uint64_t offset) {
    uint64_t pa = pfn * CONV_PAGE, left = count * CONV_PAGE;
    sc_err *err = NULL;
    while (left && !err) {
        const uint8_t *data = NULL;
        /* Pieces end at round places of the new file, where the system's own units of it do. */
        size_t len = PIECE - (size_t)(offset % PIECE);
        err = fetch(c, pa, left < len ? (size_t)left : len, &data, &len);
        if (!err)
            err = put(c, offset, data, len);
        if (!err)
            err = conv_progress(c, len);
        pa += len;
        offset += len;
        left -= len;
    }
    return err;
}

static sc_err *apply_patches(struct conversion *c, uint64_t first_page) {
    sc_err *err = NULL;
    for (size_t i = 0; i < c->patches.count && !err; i++) {
        const struct conv_patch *p = &c->patches.item[i];
        uint64_t pfn = p->pa / CONV_PAGE;
        if (!conv_selection_has(&c->sel, pfn))
            continue;
        uint64_t rank = c->in_place ? pfn : conv_selection_rank(&c->sel, pfn);
        uint64_t at = first_page + rank * CONV_PAGE;
        err = sc_newfile_write(c->out, at + p->pa % CONV_PAGE, p->data, p->size);
        if (!err)
            err = conv_changed(c, p->pa, p->size, p->why);
    }
    return err;
}

sc_err *conv_copy_all(struct conversion *c, uint64_t first_page) {
    uint64_t from = 0, pfn, count, offset = first_page;
    sc_err *err = NULL;
    conv_stage(c, "writing", conv_selection_count(&c->sel) * CONV_PAGE);
    while (!err && conv_selection_next(&c->sel, from, &pfn, &count)) {
        err = copy(c, pfn, count, c->in_place ? first_page + pfn * CONV_PAGE : offset);
        offset += count * CONV_PAGE;
        from = pfn + count;
    }
    if (!err)
        err = flush(c);
    return err ? err : apply_patches(c, first_page);
}
