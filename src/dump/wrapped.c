/* SPDX-License-Identifier: MIT */
/*
 * Packed dumps: which member of an archive is opened, and where it goes.
 *
 * Each member's first bytes are looked at. The first one that is a dump which is read is written
 * out; pages of zeros become holes. How large it may get is measured on what comes out; what the
 * archive claims is not believed. Members that have to be unpacked to get past them count in the
 * same way.
 *
 * A damaged or cut archive gives what came out before the damage, with a note: most of a dump is
 * better than none.
 */
#include "dump/wrapped.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/osfile.h"
#include "dump/archive.h"
#include "dump/dump.h"

enum {
    HEAD = 0x1000,
    MEMBERS_MOST = 10000,
    NAMES = 160, /* of texts that name members */
};
#define RESERVE   ((uint64_t)256 << 20) /* of the disk, left for others */
#define PEEK_MOST ((uint64_t)64 << 20)

bool sc_is_packed(enum sc_format format) {
    switch (format) {
    case SC_FORMAT_CAB:
    case SC_FORMAT_ZIP:
    case SC_FORMAT_GZIP:
    case SC_FORMAT_XZ:
    case SC_FORMAT_ZSTD:
    case SC_FORMAT_7ZIP: return true;
    default: return false;
    }
}

bool sc_is_dump(enum sc_format format) {
    return (format >= SC_FORMAT_KERNEL_FULL && format <= SC_FORMAT_LIME) ||
           format == SC_FORMAT_MICRODUMP;
}

/* A list of names that is cut when it gets long. */
struct names {
    char text[NAMES];
    size_t len;
    unsigned count;
};

static void add_name(struct names *n, const char *name) {
    if (n->count++ && n->len < sizeof n->text - 1)
        n->len += (size_t)snprintf(n->text + n->len, sizeof n->text - n->len, ", ");
    if (n->len < sizeof n->text - 1)
        n->len += (size_t)snprintf(n->text + n->len, sizeof n->text - n->len, "%s", name);
    if (n->len >= sizeof n->text) {
        memcpy(n->text + sizeof n->text - 4, "...", 4);
        n->len = sizeof n->text - 1;
    }
}

struct job {
    const sc_file *file;
    const struct sc_unpack *how;
    sc_archive *archive;
    bool peek;       /* nothing is written: is there a dump? */
    bool take_any;   /* the one member there is, whatever it is */
    bool take_raw;   /* the first one that may be an image of memory */
    bool raw;        /* there is such a one */
    uint64_t limit;  /* of what comes out */
    uint64_t passed; /* unpacked only to get past it */
    uint64_t read;   /* of the archive */
    /* the member at hand */
    uint8_t head[HEAD];
    size_t head_size;
    uint64_t size; /* bytes that came out */
    /* the one that is taken */
    bool chosen;
    char *name;
    int fd;
    char *folder;
    char damage[160]; /* why it ends too early */
    /* all of them */
    unsigned members, encrypted;
    struct names all, dumps;
    const char *refused; /* static: what the first dump that is not read is */
    const char *advice;
    char refused_name[80];
    bool more; /* members that were not looked at follow */
};

static bool progress(struct job *j, uint64_t done) {
    const struct sc_unpack *how = j->how;
    char what[120];
    uint64_t total = sc_file_size(j->file);
    j->read = done < total ? done : total; /* a hostile archive may send us behind the end */
    if (!how || !how->progress)
        return true;
    snprintf(what, sizeof what, "Unpacking %s", sc_file_name(j->file));
    return how->progress(how->progress_ctx, what, j->read, total);
}

static bool on_tick(void *ctx, uint64_t done) { return progress(ctx, done); }

/* --- the output --- */

static sc_err *find_limit(struct job *j) {
    uint64_t free_bytes;
    if (j->how && j->how->limit) {
        j->limit = j->how->limit;
        return NULL;
    }
    if (!sc_os_free_space(j->fd, &free_bytes))
        return sc_errf(SC_ERR_IO, "%s: cannot see how much room %s has: set TMPDIR to a folder",
                       sc_file_name(j->file), j->folder);
    uint64_t reserve = free_bytes / 20 > RESERVE ? free_bytes / 20 : RESERVE;
    j->limit = free_bytes > reserve ? free_bytes - reserve : 0;
    return NULL;
}

static sc_err *begin_output(struct job *j) {
    sc_err *err = sc_os_temporary(&j->fd, &j->folder);
    if (err)
        return sc_err_prefix(err, "%s", sc_file_name(j->file));
    return find_limit(j);
}

static sc_err *too_large(const struct job *j) {
    if (j->how && j->how->limit)
        return sc_errf(SC_ERR_LIMIT,
                       "%s: more than %" PRIu64 " bytes come out of it, which is the limit",
                       sc_file_name(j->file), j->limit);
    return sc_errf(SC_ERR_LIMIT,
                   "%s: more than %" PRIu64 " bytes come out of it, and %s has no room for more: "
                   "set TMPDIR to a folder that has",
                   sc_file_name(j->file), j->limit, j->folder ? j->folder : "the disk");
}

static bool is_zero(const uint8_t *data, size_t size) {
    return !data[0] && !memcmp(data, data + 1, size - 1);
}

/* Bytes up to the end of the page, or of the data. */
static size_t part_at(uint64_t offset, size_t left) {
    size_t page = HEAD - (size_t)(offset % HEAD);
    return page < left ? page : left;
}

static sc_err *put(struct job *j, const uint8_t *data, size_t size, uint64_t offset) {
    for (size_t at = 0, end; at < size; at = end) {
        end = at;
        while (end < size && !is_zero(data + end, part_at(offset + end, size - end)))
            end += part_at(offset + end, size - end);
        if (end == at) { /* a hole */
            end += part_at(offset + at, size - at);
            continue;
        }
        sc_err *err = sc_os_write_at(j->fd, data + at, end - at, offset + at);
        if (err)
            return sc_err_prefix(err, "%s: unpacking to %s", sc_file_name(j->file), j->folder);
    }
    return NULL;
}

/* --- members --- */

/* Looks at the beginning; true: this is the member to take. */
static bool choose(struct job *j, const struct sc_member *m) {
    struct sc_probe p = sc_probe_bytes(j->head, j->head_size, m->size);
    bool dump = sc_is_dump(p.format), raw = p.format == SC_FORMAT_RAW;
    j->raw = j->raw || raw;
    if (dump && p.readable)
        add_name(&j->dumps, m->name);
    else if (p.format != SC_FORMAT_UNKNOWN && !raw && !j->refused) {
        j->refused = p.name;
        j->advice = sc_is_packed(p.format) ? "it is packed once more: unpack the outer one first"
                                           : p.advice;
        snprintf(j->refused_name, sizeof j->refused_name, "%s", m->name);
    }
    bool any = (j->take_any && !sc_is_packed(p.format)) || (j->take_raw && raw);
    return !j->chosen && ((dump && p.readable) || any);
}

static sc_err *take(struct job *j, const char *name) {
    j->chosen = true;
    if (j->peek)
        return NULL;
    j->name = strdup(name);
    if (!j->name)
        return sc_err_nomem();
    sc_err *err = begin_output(j);
    if (!err && j->head_size > j->limit)
        err = too_large(j);
    return err ? err : put(j, j->head, j->head_size, 0);
}

/* One piece of the member: into the head as long as there is room, then out or away. */
static sc_err *feed(struct job *j, const struct sc_member *m, bool *taken, bool *decided,
                    const uint8_t *data, size_t size, uint64_t offset) {
    if (offset < j->size || size > UINT64_MAX - offset)
        return sc_errf(SC_ERR_FORMAT, "%s: the pieces of %s overlap", sc_file_name(j->file),
                       m->name);
    if (!*decided && offset < HEAD) {
        size_t room = HEAD - (size_t)offset, n = size < room ? size : room;
        memcpy(j->head + offset, data, n);
        j->head_size = (size_t)offset + n;
    }
    if (!*decided && offset + size >= HEAD) {
        j->head_size = HEAD;
        *decided = true;
        *taken = choose(j, m);
        sc_err *err = *taken ? take(j, m->name) : NULL;
        if (err)
            return err;
    }
    j->size = offset + size;
    if (!*taken) {
        j->passed += size;
        return j->passed > j->limit ? too_large(j) : NULL;
    }
    if (j->peek)
        return NULL;
    if (j->size > j->limit)
        return too_large(j);
    if (!progress(j, j->read))
        return sc_err_cancelled();
    size_t skip = offset < HEAD ? HEAD - (size_t)offset : 0;
    return size > skip ? put(j, data + skip, size - skip, offset + skip) : NULL;
}

/* Damage behind the beginning of the dump that is taken ends it, and no more. */
static sc_err *or_damage(struct job *j, bool taken, sc_err *err) {
    if (!err || !taken || j->peek || sc_err_code(err) != SC_ERR_FORMAT)
        return err;
    snprintf(j->damage, sizeof j->damage, "%s", sc_err_text(err));
    sc_err_destroy(err);
    return NULL;
}

static sc_err *read_member(struct job *j, const struct sc_member *m, bool *ret_taken) {
    bool taken = false, decided = false, more = true;
    sc_err *err = NULL;
    memset(j->head, 0, sizeof j->head);
    j->head_size = 0;
    j->size = 0;
    while (!err && more && !(decided && !taken && sc_archive_skips(j->archive)) &&
           !(taken && j->peek)) {
        const uint8_t *data;
        size_t size;
        uint64_t offset;
        err = sc_archive_data(j->archive, &data, &size, &offset, &more);
        if (!err && more)
            err = feed(j, m, &taken, &decided, data, size, offset);
    }
    /* Shorter than a head, or cut off before its end. */
    if (!decided && (!err || sc_err_code(err) == SC_ERR_FORMAT) && j->head_size) {
        taken = choose(j, m);
        sc_err *other = taken ? take(j, m->name) : NULL;
        if (other) {
            sc_err_destroy(err);
            return other;
        }
    }
    *ret_taken = taken;
    return or_damage(j, taken, err);
}

/* What else there is; no trouble with it is worth losing the dump that was taken. */
static sc_err *look_further(struct job *j, const struct sc_member *m) {
    uint64_t size = j->size, passed = j->passed;
    bool taken;
    sc_err *err = read_member(j, m, &taken);
    j->size = size;
    j->passed = passed;
    if (err && (sc_err_code(err) == SC_ERR_FORMAT || sc_err_code(err) == SC_ERR_LIMIT)) {
        sc_err_destroy(err);
        err = NULL;
    }
    return err;
}

/* All members; stops behind the dump that is taken, unless looking further costs nothing. */
static sc_err *read_all(struct job *j) {
    for (;;) {
        struct sc_member m;
        bool more = false, taken = false;
        sc_err *err = sc_archive_next(j->archive, &m, &more);
        if (err && j->chosen) { /* what was wanted is there */
            bool fatal = sc_err_code(err) != SC_ERR_FORMAT;
            if (fatal)
                return err;
            sc_err_destroy(err);
            return NULL;
        }
        if (err || !more)
            return err;
        if (!m.regular)
            continue;
        if (j->chosen && !sc_archive_skips(j->archive)) {
            j->more = true;
            return NULL;
        }
        if (j->members++ == MEMBERS_MOST)
            return j->chosen ? NULL
                             : sc_errf(SC_ERR_LIMIT, "%s: none of its first %d files is a dump",
                                       sc_file_name(j->file), MEMBERS_MOST);
        if (m.encrypted) {
            j->encrypted++;
            continue;
        }
        if (!j->chosen)
            add_name(&j->all, m.name);
        err = j->chosen ? look_further(j, &m) : read_member(j, &m, &taken);
        if (err && !taken && sc_err_code(err) == SC_ERR_FORMAT && sc_archive_skips(j->archive)) {
            sc_err_destroy(err); /* another member may be whole */
            err = NULL;
        }
        if (err || (taken && (j->peek || j->damage[0])))
            return err;
    }
}

static sc_err *run(struct job *j) {
    sc_err *err = sc_archive_open(j->file, on_tick, j, &j->archive);
    if (err)
        return err;
    err = read_all(j);
    const char *damage = sc_archive_damage(j->archive);
    if (!err && j->chosen && damage && !j->damage[0])
        snprintf(j->damage, sizeof j->damage, "%s: %s", sc_file_name(j->file), damage);
    sc_archive_close(j->archive);
    j->archive = NULL;
    return err;
}

/* --- the whole --- */

static sc_err *nothing_found(const struct job *j) {
    const char *name = sc_file_name(j->file);
    if (j->encrypted && j->encrypted == j->members)
        return sc_errf(SC_ERR_UNSUPPORTED, "%s: it is encrypted: unpack it with its password",
                       name);
    if (!j->members)
        return sc_errf(SC_ERR_FORMAT, "%s: there are no files in it", name);
    if (j->refused)
        return sc_errf(SC_ERR_UNSUPPORTED, "%s: %s: this is %s %s: %s", name, j->refused_name,
                       sc_article(j->refused), j->refused,
                       j->advice ? j->advice : "it is not read");
    return sc_errf(SC_ERR_FORMAT, "%s: of the %u files in it none is a dump (%s)", name, j->members,
                   j->all.text);
}

static void job_end(struct job *j) {
    if (j->fd >= 0)
        sc_os_close(j->fd);
    free(j->folder);
    free(j->name);
}

static void job_begin(struct job *j, const sc_file *file, const struct sc_unpack *how) {
    *j = (struct job){.file = file, .how = how, .fd = -1};
    /* Before there is an output, what has to be passed over is bounded by what could be written. */
    j->limit = how && how->limit ? how->limit : UINT64_MAX;
}

static sc_err *find_and_write(struct job *j, const sc_file *file, const struct sc_unpack *how) {
    job_begin(j, file, how);
    sc_err *err = run(j);
    bool alone = j->members == 1 && !j->encrypted && !j->refused, raw = j->raw;
    if (err || j->chosen || (!alone && !raw))
        return err;
    /* No dump that says so itself: an image of memory does not, and a file alone may be one. */
    job_end(j);
    job_begin(j, file, how);
    j->take_any = alone;
    j->take_raw = raw;
    return run(j);
}

static sc_err *replace_file(struct sc_source *s, struct job *j) {
    const char *archive = sc_file_path(s->file);
    size_t size = strlen(archive) + strlen(j->name) + 3;
    char *path = malloc(size);
    if (!path)
        return sc_err_nomem();
    snprintf(path, size, "%s: %s", archive, j->name);
    for (char *p = path + strlen(archive); *p; p++)
        if (*p == '/')
            *p = '_'; /* a name, not a path */
    sc_err *err = sc_os_truncate(j->fd, j->size);
    sc_file *file = NULL;
    if (!err) {
        err = sc_file_adopt(j->fd, j->size, path, j->how ? j->how->file_flags : 0, &file);
        j->fd = -1;
    }
    free(path);
    if (err)
        return err;
    sc_file_close(s->file);
    s->file = file;
    return NULL;
}

/* "1,234". */
static const char *grouped(uint64_t n, char out[32]) {
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}

static bool describe(struct sc_source *s, const struct job *j) {
    char text[300], packed[32], size[32];
    const char *kind = s->probe.name; /* of the archive: the member is probed later */
    snprintf(text, sizeof text, "a%s %s of %s bytes: %s, %s bytes", *kind == 'x' ? "n" : "", kind,
             grouped(sc_file_size(s->file), packed), j->name, grouped(j->size, size));
    s->unpacked = sc_arena_strdup(s->arena, text);
    if (j->damage[0])
        sc_source_note(s, SC_UNSET64,
                       "the archive is damaged (%s): what came out of it is read as it is",
                       j->damage);
    if (j->dumps.count > 1)
        sc_source_note(s, SC_UNSET64, "the archive holds %u dumps, and the first one is open: %s",
                       j->dumps.count, j->dumps.text);
    else if (j->more)
        sc_source_note(s, SC_UNSET64,
                       "the archive holds more files behind this one, which were not looked at");
    return s->unpacked != NULL;
}

sc_err *sc_unpack(struct sc_source *source, const struct sc_unpack *how) {
    struct job *j = calloc(1, sizeof *j);
    if (!j)
        return sc_err_nomem();
    sc_err *err = find_and_write(j, source->file, how);
    if (!err && !j->chosen)
        err = nothing_found(j);
    if (!err && !describe(source, j))
        err = sc_err_nomem();
    if (!err)
        err = replace_file(source, j);
    job_end(j);
    free(j);
    return err;
}

bool sc_holds_dump(const sc_file *file) {
    struct job *j = calloc(1, sizeof *j);
    if (!j)
        return false;
    job_begin(j, file, NULL);
    j->peek = true;
    j->limit = PEEK_MOST;
    sc_err_destroy(run(j));
    bool found = j->chosen;
    job_end(j);
    free(j);
    return found;
}
