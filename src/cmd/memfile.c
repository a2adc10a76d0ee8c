/* SPDX-License-Identifier: MIT */
/* `.writemem`: memory into a file. What writes into the target is refused: a dump is what it is. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/osfile.h"
#include "cmd/session_impl.h"

enum { WRITTEN = 64 << 10 };

struct saved {
    const char *file;
    uint64_t address, size;
};
static const struct sc_field saved_fields[] = {
    SC_FIELD(struct saved, file, SC_F_STR),
    SC_FIELD(struct saved, address, SC_F_ADDR),
    SC_FIELD(struct saved, size, SC_F_HEX64),
    SC_FIELD_END,
};
static const struct sc_rectype saved_type = {"saved_memory", sizeof(struct saved), saved_fields};

static void saved_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct saved *r = record;
    sc_printf(out, "Writing %" PRIx64 " bytes.\n", r->size);
}

/* FILE NULL: only looks whether all of it is there. */
static sc_err *copy(sc_session *s, FILE *file, uint64_t addr, uint64_t len, uint8_t *buf) {
    sc_space *space = sc_target_space(s->target);
    while (len) {
        size_t n = len < WRITTEN ? (size_t)len : WRITTEN;
        sc_err *err = sc_space_need(space, addr, buf, n, ".writemem");
        if (err)
            return err;
        if (file && fwrite(buf, 1, n, file) != n)
            return sc_errf(SC_ERR_IO, ".writemem: the file cannot be written: %s", strerror(errno));
        addr += n;
        len -= n;
    }
    return NULL;
}

/* All of it or nothing: a file that lacks its end would be taken for the whole. */
static sc_err *run_writemem(sc_session *s, const struct sc_args *args) {
    const struct sc_val *v = &args->v[1];
    struct saved r = {.file = args->v[0].text, .size = v->end ? v->end - v->num : v->count};
    r.address = sc_space_canon(sc_target_space(s->target), v->num) - (v->back ? r.size : 0);
    if (!r.size)
        return sc_errf(SC_ERR_ARG, ".writemem: how far? .writemem file 1000 L100");
    uint8_t *buf = sc_arena_alloc(args->arena, WRITTEN);
    if (!buf)
        return sc_err_nomem();
    sc_err *err = copy(s, NULL, r.address, r.size, buf);
    if (err)
        return err;
    FILE *file = fopen(r.file, "wb");
    if (!file)
        return sc_errf(SC_ERR_IO, ".writemem: cannot write %s: %s", r.file, strerror(errno));
    err = copy(s, file, r.address, r.size, buf);
    if (fclose(file) != 0 && !err)
        err = sc_errf(SC_ERR_IO, ".writemem: the file cannot be written: %s", strerror(errno));
    if (err)
        sc_os_unlink(r.file);
    else
        sc_record(s->out, &saved_type, &r, saved_text, NULL);
    return err;
}

static sc_err *run_refused(sc_session *s, const struct sc_args *args) {
    (void)s;
    return sc_errf(SC_ERR_UNSUPPORTED,
                   "%s changes the target's memory, and a dump cannot be written: it shows what "
                   "was there when it was made",
                   args->command);
}

static const struct sc_arg writemem_args[] = {
    {SC_ARG_WORD, "file", NULL, false, "overwritten if it exists"},
    {SC_ARG_RANGE, "range", NULL, false, NULL},
    {0},
};
static const struct sc_arg refused_args[] = {{SC_ARG_LINE, "operands", NULL, true, NULL}, {0}};

#define REFUSED(n, also, about)                                                                    \
    {                                                                                              \
        .name = (n), .aliases = (also), .brief = about ": a dump cannot be written",               \
        .needs = SC_NEED_TARGET, .args = refused_args, .sample = n " 1000 1", .run = run_refused,  \
    }

const struct sc_command sc_write_commands[] = {
    {
        .name = ".writemem",
        .brief = "save memory to a file",
        .needs = SC_NEED_TARGET,
        .args = writemem_args,
        .help = "When memory of the range is absent, nothing is written.",
        .sample = ".writemem memory.bin @$csp L10",
        .run = run_writemem,
    },
    REFUSED("e", "ea eb ed eD ef ep eq eu ew eza ezu", "enter values"),
    REFUSED("f", "fp", "fill memory"),
    REFUSED("m", NULL, "move memory"),
    REFUSED("a", NULL, "assemble instructions"),
    REFUSED(".readmem", NULL, "read memory from a file"),
    {0},
};
