/* SPDX-License-Identifier: MIT */
/*
 * Findings over many dumps, which no single dump can give. Their evidence is other dumps, so the
 * commands are for the shell, not for the prompt.
 *
 * hardware-never-the-same ("never the same stack twice"): crashes of one machine that have nothing
 * in common are what failing memory, processor, board or power looks like. It is claimed of the
 * kernel dumps of one folder that were written by processors of one kind and number, copies and
 * dumps on request left out, if
 *   - there are at least four, each with its time
 *   - at least three quarters of them have different signatures
 *   - no module is named with more than "possible" by more than a third of them
 *   - nothing shows that they are of several machines: none was running while another one was
 *     (with ten minutes for clocks that were set), and boot ids grow where they are known
 * "likely" if two of them suspect hardware by themselves; or if there are at least six, with four
 * different stops, and every up time is known (so that they could have shown to be of several
 * machines); else "possible".
 *
 * common-driver: crashes with different signatures that name one module. It is claimed of a
 * module, neither the kernel nor one that runs other drivers' code, which more than half of all
 * crashes, at least three, of at least two signatures name with more than "possible". "likely".
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/batch_impl.h"

enum {
    CRASHES_MIN = 4,
    CRASHES_MANY = 6,
    STOPS_MANY = 4,
    COMMON_MIN = 3,
    EVIDENCE_MAX = 8,
    OPERANDS_MAX = 16
};
#define CLOCK_SLACK (UINT64_C(10) * 60 * 10000000)

typedef const struct sc_batch_dump *dump_ref;

struct maker {
    const sc_batch *b;
    sc_arena *arena;
    bool nomem;
    struct {
        struct sc_finding_row *item;
        size_t count, room;
    } found;
};

/* --- writing a finding --- */

static const char *keep(struct maker *m, const char *text) {
    if (!text)
        m->nomem = true;
    return text ? text : "";
}
#define TEXT(m, ...) keep(m, sc_arena_printf((m)->arena, __VA_ARGS__))

static bool is_plain(const char *path) {
    static const char safe[] = "/._-+,:@%";
    for (const char *c = path; *c; c++)
        if (!strchr(safe, *c) && !(*c >= 'a' && *c <= 'z') && !(*c >= 'A' && *c <= 'Z') &&
            !(*c >= '0' && *c <= '9'))
            return false;
    return true;
}

/* PATH as a word of a shell, also when it has quotes or control characters. */
static const char *shell_word(struct maker *m, const char *path) {
    const char *dot = path[0] == '-' ? "./" : "";
    if (is_plain(path))
        return TEXT(m, "%s%s", dot, path);
    size_t len = strlen(path);
    char *text = sc_arena_array(m->arena, len + 4, strlen("\\xff"));
    if (!text)
        return keep(m, NULL);
    static const char hex[] = "0123456789abcdef";
    char *to = text;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c >= 0x20 && c < 0x7f && c != '\'' && c != '\\') {
            *to++ = (char)c;
            continue;
        }
        memcpy(to, "\\x", 2);
        to[2] = hex[c >> 4];
        to[3] = hex[c & 15];
        to += 4;
    }
    return TEXT(m, "$'%s%s'", dot, text);
}

struct draft {
    struct sc_finding_row row;
    struct sc_evidence_row evidence[EVIDENCE_MAX];
};

static void show(struct draft *d, bool against, const char *command, const char *claim) {
    if (d->row.nevidence < EVIDENCE_MAX)
        d->evidence[d->row.nevidence++] =
            (struct sc_evidence_row){claim, command, against, SC_UNSET64};
}

static void add(struct maker *m, const struct draft *d) {
    struct sc_evidence_row *copy = sc_arena_array(m->arena, EVIDENCE_MAX, sizeof *copy);
    struct sc_finding_row *slot = copy && !m->nomem ? SC_VEC_PUSH(&m->found) : NULL;
    if (!slot) {
        m->nomem = true;
        return;
    }
    memcpy(copy, d->evidence, sizeof d->evidence);
    *slot = d->row;
    slot->evidence = copy;
}

static const char **lines(struct maker *m, const char *const *from, size_t count) {
    const char **to = sc_arena_array(m->arena, count, sizeof *to);
    if (!to)
        m->nomem = true;
    else
        memcpy(to, from, count * sizeof *to);
    return to;
}

/* --- the crashes of one machine, perhaps --- */

struct rig {
    const dump_ref *dump; /* by time */
    size_t count;
    size_t signatures, stops; /* different ones */
    size_t suspect;           /* dumps that suspect hardware by themselves */
    size_t named, seen;       /* dumps that name one module: surely, and at all, at most */
    const char *who, *whom;   /* those modules */
    size_t uptimes, boots;    /* neighbours of which up times, boot ids tell the order */
};

static int by_group(const void *a, const void *b) {
    dump_ref x = *(const dump_ref *)a, y = *(const dump_ref *)b;
    return (x->group > y->group) - (x->group < y->group);
}

static int by_stop(const void *a, const void *b) {
    dump_ref x = *(const dump_ref *)a, y = *(const dump_ref *)b;
    return strcmp(x->stop, y->stop);
}

static size_t different(struct maker *m, const struct rig *r,
                        int (*compare)(const void *, const void *)) {
    dump_ref *copy = malloc(r->count * sizeof *copy);
    if (!copy) {
        m->nomem = true;
        return 0;
    }
    memcpy(copy, r->dump, r->count * sizeof *copy);
    qsort(copy, r->count, sizeof *copy, compare);
    size_t n = 1;
    for (size_t i = 1; i < r->count; i++)
        n += compare(&copy[i - 1], &copy[i]) != 0;
    free(copy);
    return n;
}

/* The module that most of them name, surely and at all. */
static void count_named(struct maker *m, struct rig *r) {
    size_t n = m->b->drivers.count;
    struct {
        size_t sure, seen;
    } *count = calloc(n + 1, sizeof *count);
    if (!count) {
        m->nomem = true;
        return;
    }
    for (size_t i = 0; i < r->count; i++)
        for (uint32_t k = 0; k < r->dump[i]->nnamed; k++) {
            count[r->dump[i]->named[k].driver].seen++;
            count[r->dump[i]->named[k].driver].sure +=
                r->dump[i]->named[k].confidence > SC_POSSIBLE;
        }
    for (size_t i = 0; i < n; i++) {
        const struct sc_batch_driver *d = &m->b->drivers.item[i];
        if (count[i].sure > r->named) {
            r->named = count[i].sure;
            r->who = d->image;
        }
        if (count[i].seen > r->seen && !d->framework) {
            r->seen = count[i].seen;
            r->whom = d->image;
        }
    }
    free(count);
}

/* Could one machine have written these two, A before B? */
static bool may_follow(struct rig *r, dump_ref a, dump_ref b) {
    if (a->boot_id != INT64_MIN && b->boot_id != INT64_MIN) {
        r->boots++;
        if (a->boot_id >= b->boot_id)
            return false;
    }
    if (b->uptime == SC_UNSET64)
        return true;
    r->uptimes++;
    return b->uptime <= b->time && b->time - b->uptime + CLOCK_SLACK >= a->time;
}

static bool may_be_one(struct rig *r) {
    for (size_t i = 1; i < r->count; i++)
        if (!may_follow(r, r->dump[i - 1], r->dump[i]))
            return false;
    return true;
}

static bool nothing_in_common(struct maker *m, struct rig *r) {
    if (r->count < CRASHES_MIN || !may_be_one(r))
        return false;
    r->signatures = different(m, r, by_group);
    r->stops = different(m, r, by_stop);
    count_named(m, r);
    for (size_t i = 0; i < r->count; i++)
        r->suspect += r->dump[i]->cause == SC_CAUSE_HARDWARE;
    return !m->nomem && r->signatures * 4 >= r->count * 3 &&
           (r->named < 2 || r->named * 3 <= r->count);
}

static enum sc_confidence how_sure(const struct rig *r) {
    bool many = r->count >= CRASHES_MANY && r->stops >= STOPS_MANY;
    return r->suspect >= 2 || (many && r->uptimes == r->count - 1) ? SC_LIKELY : SC_POSSIBLE;
}

static void show_rig(struct maker *m, struct draft *d, const struct rig *r) {
    const char *folder = shell_word(m, r->dump[0]->folder);
    const char *summary = TEXT(m, "stopcode analyze --summary %s", folder);
    const char *table = TEXT(m, "stopcode analyze --csv %s", folder);
    show(d, false, summary,
         TEXT(m, "%zu crashes have %zu different signatures and %zu different stops.", r->count,
              r->signatures, r->stops));
    if (r->named)
        show(d, false, summary,
             TEXT(m,
                  "No module is named with more than \"possible\" by more than %zu of them (%s).",
                  r->named, r->who));
    else
        show(d, false, summary, "No module is named with more than \"possible\" by any of them.");
    if (r->suspect)
        show(d, false, summary,
             TEXT(m, "%zu of them suspect%s hardware by %s.", r->suspect,
                  r->suspect == 1 ? "s" : "", r->suspect == 1 ? "itself" : "themselves"));
    show(d, false, table,
         TEXT(m, "All were written by the same kind and number of processors: %s.",
              r->dump[0]->hardware));
    if (r->uptimes)
        show(d, false, table,
             TEXT(m,
                  "By their up times, none was running while another one was (%zu of %zu "
                  "neighbours).",
                  r->uptimes, r->count - 1));
    if (r->boots)
        show(d, false, table,
             TEXT(m, "Boot ids grow with time (%zu of %zu neighbours).", r->boots, r->count - 1));
    if (r->seen * 2 > r->count)
        show(d, true, summary,
             TEXT(m, "%s is named, if only as possible, by %zu of them.", r->whom, r->seen));
}

static void add_hardware(struct maker *m, const struct rig *r) {
    static const char *const lacked[] = {
        "Small dumps do not say which computer wrote them: that it was one is concluded.",
        "A driver that writes over the memory of others gives the same picture.",
    };
    static const char *const next[] = {
        "Test the memory (mdsched.exe, or a boot medium with a memory test) for several passes.",
        "Run at the makers' clocks and voltages, without memory profiles, and see whether it ends.",
        "Look at System events of the source Microsoft-Windows-WHEA-Logger at these times.",
        "If memory is sound: Driver Verifier on drivers that are not Windows', then dumps again.",
    };
    enum sc_confidence sure = how_sure(r);
    struct draft d = {
        .row = {.rule = "hardware-never-the-same",
                .confidence = sc_confidence_name(sure),
                .cause = sc_cause_name(SC_CAUSE_HARDWARE),
                .base = SC_UNSET64,
                .nlacked = sizeof lacked / sizeof *lacked,
                .nnext = sizeof next / sizeof *next},
    };
    d.row.summary = TEXT(m,
                         "The machine behind the %zu crashes in %s stops each time in another "
                         "way: its hardware is suspected.",
                         r->count, r->dump[0]->folder);
    d.row.detail = TEXT(m,
                        "%zu different signatures in %zu crashes without a common driver point "
                        "to memory, processor, board, power or heat, or to a driver that "
                        "damages the memory of others.",
                        r->signatures, r->count);
    d.row.lacked = lines(m, lacked, d.row.nlacked);
    d.row.next = lines(m, next, d.row.nnext);
    show_rig(m, &d, r);
    add(m, &d);
}

/* --- over all crashes --- */

static bool is_crash(dump_ref d) { return !d->copy && d->cause != SC_CAUSE_REQUESTED; }

static int by_rig(const void *a, const void *b) {
    dump_ref x = *(const dump_ref *)a, y = *(const dump_ref *)b;
    int order = strcmp(x->folder, y->folder);
    if (!order)
        order = strcmp(x->hardware, y->hardware);
    return order ? order : (x->time > y->time) - (x->time < y->time);
}

static void look_at_rigs(struct maker *m) {
    size_t count = 0, end;
    dump_ref *list = calloc(m->b->dumps.count + 1, sizeof *list);
    if (!list) {
        m->nomem = true;
        return;
    }
    for (size_t i = 0; i < m->b->dumps.count; i++) {
        dump_ref d = &m->b->dumps.item[i];
        if (is_crash(d) && d->kernel && d->time)
            list[count++] = d;
    }
    qsort(list, count, sizeof *list, by_rig);
    for (size_t i = 0; i < count && !m->nomem; i = end) {
        for (end = i + 1; end < count && list[end]->folder == list[i]->folder &&
                          list[end]->hardware == list[i]->hardware;
             end++)
            ;
        struct rig r = {.dump = list + i, .count = end - i};
        if (nothing_in_common(m, &r))
            add_hardware(m, &r);
    }
    free(list);
}

/* The folders of all dumps, each once; what is too much for a line is left out. */
static const char *all_folders(struct maker *m) {
    const char *seen[OPERANDS_MAX], *text = "";
    size_t n = 0;
    for (size_t i = 0; i < m->b->dumps.count && n < OPERANDS_MAX; i++) {
        size_t at = 0;
        while (at < n && seen[at] != m->b->dumps.item[i].folder)
            at++;
        if (at < n)
            continue;
        seen[n++] = m->b->dumps.item[i].folder;
        text = TEXT(m, "%s %s", text, shell_word(m, seen[at]));
    }
    return text;
}

/* The operands of the command line again; for many files, the folders that they are in. */
static const char *all_operands(struct maker *m) {
    const char *text = "";
    if (m->b->noperands > OPERANDS_MAX)
        return all_folders(m);
    for (size_t i = 0; i < m->b->noperands; i++)
        text = TEXT(m, "%s %s", text, shell_word(m, m->b->operands[i]));
    return text;
}

static void add_common(struct maker *m, const struct sc_batch_driver *d, size_t n, size_t groups,
                       size_t crashes) {
    static const char *const lacked[] = {
        "Dumps of one folder may be of machines that were chosen because they have this driver.",
    };
    struct draft f = {
        .row = {.rule = "common-driver",
                .confidence = sc_confidence_name(SC_LIKELY),
                .cause = sc_cause_name(SC_CAUSE_SOFTWARE),
                .image = d->image,
                .vendor = d->vendor[0] ? d->vendor : NULL,
                .about = d->about[0] ? d->about : NULL,
                .base = SC_UNSET64,
                .nlacked = 1,
                .nnext = 1},
    };
    f.row.summary = TEXT(m, "%s is named by %zu of %zu crashes, which stopped in %zu ways.",
                         d->image, n, crashes, groups);
    f.row.detail = TEXT(m,
                        "Different signatures with one module, %s, are more likely one fault of "
                        "it than several of Windows.",
                        d->image);
    const char *next[] = {TEXT(m,
                               "Another version of %s, or doing without it, on some of these "
                               "machines.",
                               d->image)};
    f.row.lacked = lines(m, lacked, 1);
    f.row.next = lines(m, next, 1);
    show(&f, false, TEXT(m, "stopcode analyze --summary%s", all_operands(m)),
         TEXT(m, "%zu crashes of %zu signatures name %s with more than \"possible\".", n, groups,
              d->image));
    add(m, &f);
}

static int by_number(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* Of all crashes, and of those that name DRIVER surely: how many, and of how many signatures. */
static void look_at_driver(struct maker *m, size_t driver, size_t *groups, size_t crashes) {
    size_t n = 0, kinds = 0;
    for (size_t i = 0; i < m->b->dumps.count; i++) {
        dump_ref d = &m->b->dumps.item[i];
        for (uint32_t k = 0; is_crash(d) && k < d->nnamed; k++)
            if (d->named[k].driver == driver && d->named[k].confidence > SC_POSSIBLE)
                groups[n++] = d->group;
    }
    if (n < COMMON_MIN || n * 2 <= crashes)
        return;
    qsort(groups, n, sizeof *groups, by_number);
    for (size_t i = 0; i < n; i++)
        kinds += !i || groups[i] != groups[i - 1];
    if (kinds >= 2)
        add_common(m, &m->b->drivers.item[driver], n, kinds, crashes);
}

static void look_at_drivers(struct maker *m) {
    size_t crashes = 0;
    size_t *groups = calloc(m->b->dumps.count + 1, sizeof *groups);
    if (!groups) {
        m->nomem = true;
        return;
    }
    for (size_t i = 0; i < m->b->dumps.count; i++)
        crashes += is_crash(&m->b->dumps.item[i]);
    for (size_t i = 0; i < m->b->drivers.count && !m->nomem; i++) {
        const struct sc_batch_driver *d = &m->b->drivers.item[i];
        if (!d->framework && d->named >= COMMON_MIN && d->named * 2 > crashes)
            look_at_driver(m, i, groups, crashes);
    }
    free(groups);
}

sc_err *sc_batch_findings(const sc_batch *batch, sc_arena *arena,
                          const struct sc_finding_row **ret_rows, size_t *ret_count) {
    struct maker m = {.b = batch, .arena = arena};
    look_at_rigs(&m);
    look_at_drivers(&m);
    struct sc_finding_row *rows = sc_arena_array(arena, m.found.count + 1, sizeof *rows);
    bool ok = rows && !m.nomem;
    if (ok && m.found.count)
        memcpy(rows, m.found.item, m.found.count * sizeof *rows);
    size_t count = m.found.count;
    SC_VEC_FREE(&m.found);
    if (!ok)
        return sc_err_nomem();
    *ret_rows = rows;
    *ret_count = count;
    return NULL;
}
