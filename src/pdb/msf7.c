/* SPDX-License-Identifier: MIT */
/*
 * MSF 7.00: streams as lists of pages.
 *
 *     page 0  superblock   +0x00 magic (32 bytes)      +0x28 u32 number of pages
 *                          +0x20 u32 page size         +0x2c u32 bytes of the directory
 *                          +0x24 u32 active free map   +0x34 u32[] pages of the directory's map
 *     map     u32[]        page numbers of the directory
 *     dir     u32 n, u32 size[n], then for each stream ceil(size / page size) page numbers
 *
 * A size of 0xffffffff is a nil stream. Stream 0 is the directory of the last save: its pages may
 * have been given to others since, so it counts as nil here.
 *
 * Learnt from: microsoft/pdb-rs docs/pdb/msf.md, LLVM's MsfFile document. Not guessed: no two
 * streams share a page, so all streams together cannot be longer than the file; a file that says
 * otherwise is refused, which bounds every later allocation.
 */
#include <stdlib.h>

#include "pdb/msf_impl.h"

enum { SUPERBLOCK = 0x34, PAGE_MIN = 512, PAGE_MAX = 65536 };

struct msf7 {
    uint32_t page_size, shift;
    uint32_t npages; /* that the file really has */
    uint32_t dir_bytes, ndir;
    uint32_t *dir_page;    /* pages of the directory */
    uint32_t *first;       /* of each stream: index of its first page in the directory's list */
    const uint8_t *mapped; /* the whole file in place, or NULL */
    uint8_t **cache;       /* else: the pages read so far */
    uint64_t file_size;
};

static void destroy(void *impl) {
    struct msf7 *m = impl;
    if (m->cache)
        for (uint32_t i = 0; i < m->npages; i++)
            free(m->cache[i]);
    free(m->cache);
    free(m->dir_page);
    free(m->first);
    free(m);
}

/* Bytes of PAGE that the file has: a last page may be short. */
static uint32_t page_len(const struct msf7 *m, uint32_t page) {
    uint64_t left = m->file_size - ((uint64_t)page << m->shift);
    return left < m->page_size ? (uint32_t)left : m->page_size;
}

/* The page's bytes; PAGE is less than npages. Stay valid until the file is closed. */
static sc_err *page_data(struct msf *msf, uint32_t page, const uint8_t **ret_data) {
    struct msf7 *m = msf->impl;
    uint64_t pos = (uint64_t)page << m->shift;
    msf_touch(msf, page);
    if (m->mapped) {
        *ret_data = m->mapped + pos;
        return NULL;
    }
    if (!m->cache[page]) {
        uint8_t *data = malloc(m->page_size);
        if (!data)
            return sc_err_nomem();
        sc_err *err = sc_file_read(msf->file, pos, data, page_len(m, page));
        if (err) {
            free(data);
            return err;
        }
        m->cache[page] = data;
    }
    *ret_data = m->cache[page];
    return NULL;
}

static sc_err *bad_page(const struct msf *msf, uint64_t pos, uint32_t page) {
    const struct msf7 *m = msf->impl;
    return sc_err_at(SC_ERR_FORMAT, sc_file_name(msf->file), pos,
                     "page %u is named, but the file has %u pages", page, m->npages);
}

/* Word INDEX of the directory; the caller has checked that it is inside. */
static sc_err *dir_u32(struct msf *msf, uint32_t index, uint32_t *ret_value) {
    struct msf7 *m = msf->impl;
    uint64_t off = (uint64_t)index * 4;
    uint32_t page = m->dir_page[off >> m->shift], in = (uint32_t)off & (m->page_size - 1);
    const uint8_t *data;
    sc_err *err = page_data(msf, page, &data);
    if (err)
        return err;
    if (in + 4 > page_len(m, page))
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(msf->file), ((uint64_t)page << m->shift) + in,
                         "the file ends inside its directory");
    *ret_value = msf_le32(data + in);
    return NULL;
}

static sc_err *piece(struct msf *msf, uint32_t stream, uint32_t offset, uint32_t want,
                     const uint8_t **ret_data, uint32_t *ret_len) {
    struct msf7 *m = msf->impl;
    uint32_t index = 1 + msf->nstreams + m->first[stream] + (offset >> m->shift), page;
    sc_err *err = dir_u32(msf, index, &page);
    if (err)
        return err;
    uint32_t in = offset & (m->page_size - 1);
    if (page == 0 || page >= m->npages || in >= page_len(m, page))
        return msf_err(msf, stream, offset, "page %u of the stream is not in the file (%u pages)",
                       page, m->npages);
    const uint8_t *data;
    err = page_data(msf, page, &data);
    if (err)
        return err;
    uint64_t have = page_len(m, page) - in;
    while (m->mapped && have < want) { /* pages that follow one another in the file, too */
        uint32_t next;
        err = dir_u32(msf, ++index, &next);
        if (err)
            return err;
        if (next != page + 1 || next >= m->npages)
            break;
        page = next;
        msf_touch(msf, page);
        have += page_len(m, page);
    }
    if (m->mapped)
        msf_note_run(msf, stream, offset - in, offset + have, data);
    *ret_data = data + in;
    *ret_len = have < want ? (uint32_t)have : want;
    return NULL;
}

static const struct msf_ops ops = {.piece = piece, .destroy = destroy, .stable = true};

static sc_err *read_superblock(struct msf *msf, struct msf7 *m) {
    struct sc_cur c = sc_cur_at(msf->file, 0x20, SUPERBLOCK - 0x20, "superblock");
    m->page_size = sc_u32(&c);
    sc_u32(&c);
    uint32_t npages = sc_u32(&c);
    m->dir_bytes = sc_u32(&c);
    if (sc_cur_failed(&c))
        return sc_cur_err(&c);
    if (m->page_size < PAGE_MIN || m->page_size > PAGE_MAX || m->page_size & (m->page_size - 1))
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(msf->file), 0x20,
                         "a page size of %u is not possible", m->page_size);
    while (1u << m->shift < m->page_size)
        m->shift++;
    m->file_size = sc_file_size(msf->file);
    uint64_t there = (m->file_size + m->page_size - 1) >> m->shift;
    m->npages = npages < there ? npages : (uint32_t)there;
    m->ndir = m->dir_bytes / m->page_size + (m->dir_bytes % m->page_size != 0);
    if (m->dir_bytes < 4 || m->ndir > m->npages)
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(msf->file), 0x2c,
                         "a directory of %u bytes does not fit in %u pages", m->dir_bytes,
                         m->npages);
    return NULL;
}

/* The list of the directory's pages: it stands in pages that the superblock lists. */
static sc_err *read_map(struct msf *msf, struct msf7 *m) {
    uint32_t per_page = m->page_size / 4;
    uint32_t nmap = m->ndir / per_page + (m->ndir % per_page != 0);
    if (SUPERBLOCK + (uint64_t)nmap * 4 > m->page_size)
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(msf->file), 0x2c,
                         "a directory of %u bytes is too big for pages of %u", m->dir_bytes,
                         m->page_size);
    m->dir_page = calloc(m->ndir, sizeof *m->dir_page);
    if (!m->dir_page)
        return sc_err_nomem();
    struct sc_cur c = sc_cur_at(msf->file, SUPERBLOCK, (uint64_t)nmap * 4, "directory map");
    msf_touch(msf, 0);
    for (uint32_t i = 0; i < nmap; i++) {
        uint32_t page = sc_u32(&c), n = m->ndir - i * per_page;
        if (page == 0 || page >= m->npages)
            return bad_page(msf, SUPERBLOCK + (uint64_t)i * 4, page);
        uint64_t pos = (uint64_t)page << m->shift;
        struct sc_cur map = sc_cur_at(msf->file, pos, m->page_size, "directory map");
        msf_touch(msf, page);
        for (uint32_t k = 0; k < n && k < per_page; k++) {
            uint32_t dir = sc_u32(&map);
            if (sc_cur_failed(&map))
                return sc_cur_err(&map);
            if (dir == 0 || dir >= m->npages)
                return bad_page(msf, pos + (uint64_t)k * 4, dir);
            m->dir_page[i * per_page + k] = dir;
        }
    }
    return sc_cur_failed(&c) ? sc_cur_err(&c) : NULL;
}

/* Sizes of all streams; where the page list of each starts follows from them. */
static sc_err *read_sizes(struct msf *msf, struct msf7 *m) {
    uint32_t n = 0;
    sc_err *err = dir_u32(msf, 0, &n);
    if (err)
        return err;
    if ((uint64_t)n * 4 + 4 > m->dir_bytes)
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(msf->file),
                         (uint64_t)m->dir_page[0] << m->shift,
                         "%u streams do not fit in a directory of %u bytes", n, m->dir_bytes);
    msf->size = calloc((size_t)n + 1, sizeof *msf->size);
    m->first = calloc((size_t)n + 1, sizeof *m->first);
    if (!msf->size || !m->first)
        return sc_err_nomem();
    uint64_t pages = 0, old = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t size = MSF_NIL;
        err = dir_u32(msf, 1 + i, &size);
        if (err)
            return err;
        msf->size[i] = i == 0 ? MSF_NIL : size;
        m->first[i] = (uint32_t)pages;
        pages += size == MSF_NIL ? 0 : ((uint64_t)size + m->page_size - 1) >> m->shift;
        if (i == 0)
            old = pages;
        if (pages - old > m->npages || (1 + (uint64_t)n + pages) * 4 > m->dir_bytes)
            return sc_err_at(SC_ERR_FORMAT, sc_file_name(msf->file),
                             (uint64_t)m->dir_page[((uint64_t)i * 4 + 4) >> m->shift] << m->shift,
                             "stream %u of %u bytes does not fit in a file of %u pages", i, size,
                             m->npages);
    }
    msf->nstreams = n;
    return NULL;
}

sc_err *msf7_open(struct msf *msf) {
    struct msf7 *m = calloc(1, sizeof *m);
    if (!m)
        return sc_err_nomem();
    msf->ops = &ops;
    msf->impl = m;
    sc_err *err = read_superblock(msf, m);
    if (!err)
        err = msf_count_pages(msf, m->npages);
    if (err)
        return err;
    m->mapped = sc_file_view(msf->file, 0, m->file_size);
    if (!m->mapped) {
        m->cache = calloc(m->npages, sizeof *m->cache);
        if (!m->cache)
            return sc_err_nomem();
    }
    err = read_map(msf, m);
    return err ? err : read_sizes(msf, m);
}
