/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: the front of the pages behind them. It counts what fails, loads the pages when
 * they are first needed, asks the fillers for what the pages lack, and keeps addresses inside.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "mem/pages.h"
#include "mem/ranges.h"
#include "mem/space_impl.h"

enum { FILLERS_MAX = 8, PAGE = 0x1000 };

struct sc_space {
    struct sc_pages pages; /* ops NULL: not loaded yet */
    struct sc_pages none;  /* what sc_space_pages() gives of ranges */
    unsigned ptr_size;
    const atomic_bool *cancel;
    const sc_file *file;
    sc_space_load_fn load; /* gives ranges; NULL: `open` gives pages */
    sc_space_open_fn open;
    void *load_ctx;
    sc_err *trouble; /* of the last failed load */
    uint64_t io_failures;
    sc_space_trace_fn trace; /* or NULL */
    void *trace_ctx;
    struct filler {
        const char *name;
        sc_fill_fn fn;
        void *ctx;
    } filler[FILLERS_MAX];
    unsigned nfillers;
};

const char *sc_read_name(enum sc_read status) {
    static const char *const names[] = {"ok",      "absent",    "paged out",
                                        "invalid", "I/O error", "compressed (in the memory store)"};
    return (unsigned)status < sizeof names / sizeof *names ? names[status] : "unknown";
}

static void end_pages(struct sc_pages *pages) {
    if (pages->ops && pages->ops->destroy)
        pages->ops->destroy(pages->impl);
    *pages = (struct sc_pages){0};
}

sc_err *sc_space_create_pages(struct sc_pages own_pages, unsigned ptr_size,
                              const atomic_bool *cancel, sc_space **ret_space) {
    sc_space *s = calloc(1, sizeof *s);
    if (!s) {
        end_pages(&own_pages);
        return sc_err_nomem();
    }
    s->pages = own_pages;
    s->ptr_size = ptr_size;
    s->cancel = cancel;
    *ret_space = s;
    return NULL;
}

sc_err *sc_space_create_pages_lazy(sc_space_open_fn open, void *ctx, unsigned ptr_size,
                                   const atomic_bool *cancel, sc_space **ret_space) {
    sc_err *err = sc_space_create_pages((struct sc_pages){0}, ptr_size, cancel, ret_space);
    if (err)
        return err;
    (*ret_space)->open = open;
    (*ret_space)->load_ctx = ctx;
    return NULL;
}

sc_err *sc_space_create(const sc_file *file, struct sc_ranges *own_ranges, unsigned ptr_size,
                        const atomic_bool *cancel, sc_space **ret_space) {
    struct sc_pages pages;
    sc_err *err = sc_ranges_pages(file, own_ranges, &pages);
    return err ? err : sc_space_create_pages(pages, ptr_size, cancel, ret_space);
}

sc_err *sc_space_create_lazy(const sc_file *file, sc_space_load_fn load, void *ctx,
                             unsigned ptr_size, const atomic_bool *cancel, sc_space **ret_space) {
    sc_err *err = sc_space_create_pages((struct sc_pages){0}, ptr_size, cancel, ret_space);
    if (err)
        return err;
    (*ret_space)->file = file;
    (*ret_space)->load = load;
    (*ret_space)->load_ctx = ctx;
    return NULL;
}

static sc_err *load_pages(sc_space *s, struct sc_pages *ret) {
    if (s->open)
        return s->open(s->load_ctx, ret);
    struct sc_ranges ranges = {0};
    sc_err *err = s->load ? s->load(s->load_ctx, &ranges) : NULL;
    if (!err)
        return sc_ranges_pages(s->file, &ranges, ret);
    SC_VEC_FREE(&ranges);
    return err;
}

/* True when the pages are there. */
static bool load(sc_space *s) {
    struct sc_pages pages = {0};
    sc_err *err = load_pages(s, &pages);
    if (err) {
        sc_err_destroy(s->trouble);
        s->trouble = err;
        return false;
    }
    s->pages = pages;
    return true;
}

static inline bool loaded(sc_space *s) { return s->pages.ops || load(s); }

struct sc_pages *sc_space_pages(sc_space *space) {
    if (loaded(space) && !sc_is_ranges(&space->pages))
        return &space->pages;
    space->none = (struct sc_pages){0};
    return &space->none;
}

sc_err *sc_space_trouble(sc_space *space) {
    sc_err *err = space->trouble;
    space->trouble = NULL;
    return err;
}

void sc_space_destroy(sc_space *space) {
    if (!space)
        return;
    end_pages(&space->pages);
    sc_err_destroy(space->trouble);
    free(space);
}

void sc_space_trace(sc_space *space, sc_space_trace_fn fn, void *ctx) {
    space->trace = fn;
    space->trace_ctx = ctx;
}

uint64_t sc_space_io_failures(const sc_space *space) { return space->io_failures; }
bool sc_space_cancelled(const sc_space *space) {
    return space->cancel && atomic_load(space->cancel);
}
unsigned sc_space_ptr_size(const sc_space *space) { return space->ptr_size; }

uint64_t sc_space_canon(const sc_space *space, uint64_t addr) {
    return space->ptr_size == 4 ? addr & 0xffffffff : addr;
}

/*
 * Asks the fillers in turn; *GOT bytes from the first that has any. STATUS is why the pages have
 * none.
 */
static enum sc_read fill(sc_space *s, uint64_t addr, void *buf, size_t len, enum sc_read status,
                         size_t *got) {
    for (unsigned i = 0; i < s->nfillers; i++) {
        *got = 0;
        enum sc_read st = s->filler[i].fn(s->filler[i].ctx, addr, buf, len, got);
        if (st == SC_READ_OK && *got)
            return SC_READ_OK;
        if (st != SC_READ_OK && st != SC_READ_ABSENT)
            status = st; /* "paged out" says more than "absent" */
    }
    *got = 0;
    return status;
}

/*
 * How far a filler may go: it must not run over bytes that the dump has. Ranges begin anywhere;
 * other pages are there, or not, as a whole.
 */
static size_t missing(sc_space *s, uint64_t addr, size_t len) {
    uint64_t start, size, room = PAGE - addr % PAGE;
    if (!sc_is_ranges(&s->pages))
        return len < room ? len : (size_t)room;
    if (!s->pages.ops->next(s->pages.impl, addr, &start, &size) || start <= addr ||
        start - addr >= len)
        return len;
    return (size_t)(start - addr);
}

/* One piece: as many bytes as lie together, or as one filler gives. */
static enum sc_read read_piece(sc_space *s, uint64_t addr, void *buf, size_t len, size_t *got) {
    enum sc_read status = s->pages.ops->read(s->pages.impl, addr, buf, len, got);
    if (status == SC_READ_OK && !*got)
        return SC_READ_IO; /* whoever promises bytes must give some, or a read would not end */
    if (status == SC_READ_OK && s->trace)
        s->trace(s->trace_ctx, addr, *got);
    if (status == SC_READ_OK || status == SC_READ_IO || !s->nfillers)
        return status;
    return fill(s, addr, buf, missing(s, addr, len), status, got);
}

enum sc_read sc_space_read(sc_space *space, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    size_t done = 0;
    enum sc_read status = loaded(space) ? SC_READ_OK : SC_READ_IO;
    if (status != SC_READ_OK)
        len = 0;
    while (done < len) {
        uint64_t at = addr + done;
        size_t got = 0;
        if (at < addr || (space->ptr_size == 4 && at > UINT32_MAX))
            status = SC_READ_INVALID; /* ran over the end of the address space */
        else
            status = read_piece(space, at, (char *)buf + done, len - done, &got);
        space->io_failures += status == SC_READ_IO;
        if (status != SC_READ_OK)
            break;
        done += got;
    }
    if (ret_got)
        *ret_got = done;
    return status;
}

const char *sc_space_why(sc_space *space, uint64_t addr, enum sc_read status,
                         char buf[SC_WHY_TEXT]) {
    char more[SC_WHY_TEXT / 2] = "";
    if (loaded(space) && space->pages.ops->why)
        space->pages.ops->why(space->pages.impl, addr, status, more, sizeof more);
    if (*more)
        snprintf(buf, SC_WHY_TEXT, "%s (%s)", sc_read_name(status), more);
    else
        snprintf(buf, SC_WHY_TEXT, "%s", sc_read_name(status));
    return buf;
}

sc_err *sc_space_need(sc_space *space, uint64_t addr, void *buf, size_t len, const char *what) {
    if (sc_space_cancelled(space))
        return sc_err_cancelled();
    size_t got = 0;
    enum sc_read status = sc_space_read(space, addr, buf, len, &got);
    if (status == SC_READ_OK)
        return NULL;
    if (sc_err_code(space->trouble) == SC_ERR_NOMEM)
        return sc_err_nomem(); /* the trouble stays: the caller may swallow this one */
    if (space->trouble)
        return sc_space_trouble(space);
    char why[SC_WHY_TEXT];
    sc_space_why(space, addr + got, status, why);
    return sc_err_mem(addr + got, "%s: memory at 0x%" PRIx64 " is %s%s", what, addr + got, why,
                      strcmp(why, "absent") == 0 ? " (this dump does not hold it)" : "");
}

enum sc_read sc_space_uint(sc_space *space, uint64_t addr, unsigned size, uint64_t *ret_value) {
    uint8_t b[8] = {0};
    enum sc_read status = sc_space_read(space, addr, b, size <= 8 ? size : 8, NULL);
    if (status != SC_READ_OK)
        return status;
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | b[i];
    *ret_value = v;
    return SC_READ_OK;
}

enum sc_read sc_space_ptr(sc_space *space, uint64_t addr, uint64_t *ret_value) {
    return sc_space_uint(space, addr, space->ptr_size, ret_value);
}

enum sc_read sc_space_view(sc_space *space, uint64_t addr, const uint8_t **ret_data,
                           size_t *ret_len) {
    if (!loaded(space))
        return SC_READ_IO;
    if (!space->pages.ops->view || space->trace)
        return SC_READ_ABSENT;
    return space->pages.ops->view(space->pages.impl, addr, ret_data, ret_len);
}

bool sc_space_next(sc_space *space, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size) {
    return loaded(space) && space->pages.ops->next(space->pages.impl, addr, ret_start, ret_size);
}

bool sc_space_piece(sc_space *space, uint64_t addr, uint64_t *ret_start, const uint8_t **ret_data,
                    uint64_t *ret_size) {
    const struct sc_pages_ops *ops = loaded(space) ? space->pages.ops : NULL;
    uint64_t start, size;
    size_t len = 0;
    if (!ops)
        return false;
    if (ops->piece && !space->trace)
        return ops->piece(space->pages.impl, addr, ret_start, ret_data, ret_size);
    if (!ops->next(space->pages.impl, addr, &start, &size))
        return false;
    if (start < addr) {
        size -= addr - start;
        start = addr;
    }
    if (sc_space_view(space, start, ret_data, &len) != SC_READ_OK)
        *ret_data = NULL;
    else if (len < size)
        size = len;
    *ret_start = start;
    *ret_size = size;
    return true;
}

sc_err *sc_space_add_filler(sc_space *space, const char *name, sc_fill_fn fn, void *ctx) {
    if (space->nfillers == FILLERS_MAX)
        return sc_errf(SC_ERR_LIMIT, "no more than %d fillers fit on a space", FILLERS_MAX);
    space->filler[space->nfillers++] = (struct filler){name, fn, ctx};
    return NULL;
}

void sc_space_remove_filler(sc_space *space, sc_fill_fn fn, void *ctx) {
    unsigned kept = 0;
    for (unsigned i = 0; i < space->nfillers; i++)
        if (space->filler[i].fn != fn || space->filler[i].ctx != ctx)
            space->filler[kept++] = space->filler[i];
    space->nfillers = kept;
}
