/* SPDX-License-Identifier: MIT */
/* `.writemem`: memory into a file. What writes into the target is refused: a dump is what it is. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/osfile.h"
#include "cmd/kernel.h"
#include "cmd/session_impl.h"

enum { WRITTEN = 64 << 10, REPORT = 16 << 20 /* bytes between two words of it */ };

/* Indices of the arguments. */
enum { A_P, A_FILE, A_RANGE };

struct saved {
    const char *file, *space;
    uint64_t address, size;
};
static const struct sc_field saved_fields[] = {
    SC_FIELD(struct saved, file, SC_F_STR),
    SC_FIELD(struct saved, address, SC_F_ADDR),
    SC_FIELD(struct saved, size, SC_F_HEX64),
    SC_FIELD(struct saved, space, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype saved_type = {"saved_memory", sizeof(struct saved), saved_fields};

static void saved_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct saved *r = record;
    sc_printf(out, "Writing %" PRIx64 " bytes.\n", r->size);
}

/* FILE NULL: only looks whether all of it is there. */
static sc_err *copy(sc_session *s, sc_space *space, FILE *file, const struct saved *r,
                    uint8_t *buf) {
    uint64_t addr = r->address, len = r->size;
    while (len) {
        size_t n = len < WRITTEN ? (size_t)len : WRITTEN;
        sc_err *err = sc_space_need(space, addr, buf, n, ".writemem");
        if (err)
            return err;
        if (file && fwrite(buf, 1, n, file) != n)
            return sc_errf(SC_ERR_IO, ".writemem: the file cannot be written: %s", strerror(errno));
        addr += n;
        len -= n;
        if (file && (r->size - len) % REPORT < WRITTEN)
            sc_session_progress(s, "writing", r->size - len, r->size);
    }
    return NULL;
}

/* What is to be saved, and out of which space. */
static sc_err *take(sc_session *s, const struct sc_args *args, struct saved *ret,
                    sc_space **ret_space) {
    const struct sc_val *v = &args->v[A_RANGE];
    bool physical = args->v[A_P].given;
    sc_space *space = physical ? sc_target_phys(s->target) : sc_target_space(s->target);
    uint64_t start, size;
    *ret = (struct saved){.file = args->v[A_FILE].text,
                          .space = physical ? "physical" : "virtual",
                          .size = v->end ? v->end - v->num : v->count};
    if (physical && !sc_space_next(space, 0, &start, &size))
        return sc_errf(SC_ERR_UNSUPPORTED, ".writemem /p: this dump holds no physical memory: it "
                                           "is no dump of whole memory");
    if (!ret->size)
        return sc_errf(SC_ERR_ARG, ".writemem: how far? .writemem file 1000 L100");
    ret->address = physical ? sc_session_physical(s, v->num) : sc_space_canon(space, v->num);
    if (v->back && ret->address < ret->size)
        return sc_errf(SC_ERR_ARG, ".writemem: the range begins below address 0");
    ret->address -= v->back ? ret->size : 0;
    if (ret->size - 1 > UINT64_MAX - ret->address)
        return sc_errf(SC_ERR_ARG, ".writemem: the range ends behind the last address");
    *ret_space = space;
    return NULL;
}

/* All of it or nothing: a file that lacks its end would be taken for the whole. */
static sc_err *run_writemem(sc_session *s, const struct sc_args *args) {
    struct saved r;
    sc_space *space = NULL;
    sc_err *err = take(s, args, &r, &space);
    if (err)
        return err;
    uint8_t *buf = sc_arena_alloc(args->arena, WRITTEN);
    if (!buf)
        return sc_err_nomem();
    err = copy(s, space, NULL, &r, buf);
    if (err)
        return err;
    FILE *file = fopen(r.file, "wb");
    if (!file)
        return sc_errf(SC_ERR_IO, ".writemem: cannot write %s: %s", r.file, strerror(errno));
    err = copy(s, space, file, &r, buf);
    sc_session_progress_end(s);
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
    {SC_ARG_OPTION, "/p", "p", true, "the range is of physical memory, as with db /p"},
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
        .help =
            "When memory of the range is absent, nothing is written. WinDbg's has no /p.\n"
            "  .writemem /p page.bin 1aa000 L1000    a page of physical memory, such as !pte names",
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
