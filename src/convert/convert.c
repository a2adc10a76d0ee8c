/* SPDX-License-Identifier: MIT */
/* Conversion: what is asked for, who does it, and the result. */
#include "stopcode/convert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/osfile.h"
#include "base/vec.h"
#include "convert/convert_impl.h"
#include "stopcode/kdump.h"

enum {
    CHANGES_MAX = 1 << 16,
    REPORT_EVERY = 16 << 20,
};

static const struct kind {
    const char *name;
    sc_err *(*write)(struct conversion *c);
    bool memory;  /* is made of physical memory */
    bool patched; /* processors' registers are read from memory: they must be there */
    bool in_place;
    bool header; /* has a kernel dump's header */
} kinds[SC_CONVERT_KINDS] = {
    [SC_CONVERT_FULL] = {"full", conv_write_full, true, true, false, true},
    [SC_CONVERT_BITMAP] = {"bitmap", conv_write_bitmap, true, true, false, true},
    [SC_CONVERT_KERNEL] = {"kernel", conv_write_kernel, true, true, false, true},
    [SC_CONVERT_TRIAGE] = {"triage", conv_write_triage, false, false, false, true},
    [SC_CONVERT_ELF] = {"elf", conv_write_elf, true, false, false, false},
    [SC_CONVERT_RAW] = {"raw", conv_write_raw, true, false, true, false},
};

const char *sc_convert_name(enum sc_convert_to to) {
    return (unsigned)to < SC_CONVERT_KINDS ? kinds[to].name : "unknown";
}

bool sc_convert_from_name(const char *name, enum sc_convert_to *ret_to) {
    for (unsigned i = 0; i < SC_CONVERT_KINDS; i++) {
        if (strcmp(name, kinds[i].name) != 0)
            continue;
        *ret_to = (enum sc_convert_to)i;
        return true;
    }
    return false;
}

/* ---- what the parts share ---- */

sc_err *conv_changed(struct conversion *c, uint64_t pa, uint64_t size, const char *why) {
    struct sc_convert_change *last =
        c->changes.count ? &c->changes.item[c->changes.count - 1] : NULL;
    if (last && last->pa + last->size == pa && !strcmp(last->why, why)) {
        last->size += size;
        return NULL;
    }
    if (c->changes.count == CHANGES_MAX)
        return sc_errf(SC_ERR_LIMIT,
                       "more than %d places would have to be changed; the last one "
                       "at 0x%" PRIx64 ": %s",
                       CHANGES_MAX, pa, why);
    struct sc_convert_change *slot = SC_VEC_PUSH(&c->changes);
    if (!slot)
        return sc_err_nomem();
    *slot = (struct sc_convert_change){pa, size, why};
    return NULL;
}

void conv_stage(struct conversion *c, const char *doing, uint64_t total) {
    c->doing = doing;
    c->total = total;
    c->done = c->reported = 0;
}

sc_err *conv_progress(struct conversion *c, uint64_t bytes) {
    c->done += bytes;
    if (sc_target_cancelled(c->target))
        return sc_err_cancelled();
    if (!c->opts->progress || (c->done - c->reported < REPORT_EVERY && c->done < c->total))
        return NULL;
    c->reported = c->done;
    return c->opts->progress(c->opts->progress_ctx, c->doing, c->done, c->total)
               ? NULL
               : sc_err_cancelled();
}

sc_err *conv_event_regs(struct conversion *c, struct sc_regs *ret_regs) {
    sc_err *err = sc_target_event_regs(c->target, ret_regs);
    if (!sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return err;
    return sc_target_regs(c->target, sc_target_machine(c->target)->current, ret_regs);
}

/* ---- what can become what ---- */

static sc_err *refuse_memory(sc_target *t, const struct kind *kind) {
    const struct sc_source *source = sc_target_source(t);
    const char *instead = "";
    if (source->probe.format == SC_FORMAT_KERNEL_TRIAGE)
        instead = ": only --to triage can be made of it";
    else if (!source->machine.kernel)
        instead = ", as every dump of a process: copy the file";
    return sc_errf(SC_ERR_UNSUPPORTED,
                   "a %s dump is made of physical memory, and this one (%s) has "
                   "none%s",
                   kind->name, source->probe.name, instead);
}

static sc_err *check_options(const struct kind *kind, const struct sc_convert_opts *opts) {
    const char *comment = opts->comment;
    if (opts->active_only && !kind->memory)
        return sc_errf(SC_ERR_ARG,
                       "a %s dump holds what a verdict needs, not the pages that are in use: --to "
                       "bitmap",
                       kind->name);
    if (!comment)
        return NULL;
    if (!kind->header)
        return sc_errf(SC_ERR_ARG, "%s has no place for a comment: only kernel dumps have",
                       kind->name);
    if (strlen(comment) > SC_CONVERT_COMMENT_MAX)
        return sc_errf(SC_ERR_ARG, "a comment of %zu bytes: there is room for %d", strlen(comment),
                       SC_CONVERT_COMMENT_MAX);
    if (!strncmp(comment, "PAGE", 4))
        return sc_errf(SC_ERR_ARG, "a comment that begins with PAGE would be taken for none: so do "
                                   "headers whose writer left it out");
    return NULL;
}

static sc_err *check(sc_target *t, const char *path, const struct sc_convert_opts *opts) {
    const struct sc_source *source = sc_target_source(t);
    uint64_t start, size;
    if ((unsigned)opts->to >= SC_CONVERT_KINDS)
        return sc_errf(SC_ERR_ARG, "there is no container of number %d to convert to",
                       (int)opts->to);
    const struct kind *kind = &kinds[opts->to];
    sc_err *err = check_options(kind, opts);
    if (err)
        return err;
    if (!source->machine.kernel)
        return refuse_memory(t, kind);
    if (kind->memory && !sc_space_next(sc_target_phys(t), 0, &start, &size)) {
        return sc_target_take_nomem(t) ? sc_err_nomem() : refuse_memory(t, kind);
    }
    char *in = sc_os_real_path(sc_target_path(t)), *out = sc_os_real_path(path);
    bool same = in && out && !strcmp(in, out);
    free(in);
    free(out);
    return same ? sc_errf(SC_ERR_ARG, "%s is the dump that is read: name another file", path)
                : NULL;
}

/* ---- the work ---- */

static sc_err *prepare(struct conversion *c, const struct kind *kind) {
    c->arena = sc_arena_create();
    if (!c->arena)
        return sc_err_nomem();
    sc_err *err = NULL;
    if (kind->memory || c->opts->strip_user)
        err = conv_pages_load(c->target, &c->pages);
    c->sel.pages = &c->pages;
    c->in_place = kind->in_place;
    if (!err && c->pages.total)
        err = conv_select(c);
    if (!err && kind->patched)
        err = conv_find_patches(c);
    return err;
}

static void end(struct conversion *c) {
    sc_arena_destroy(c->arena);
    conv_pages_free(&c->pages);
    conv_marks_free(&c->keep);
    SC_VEC_FREE(&c->patches);
    SC_VEC_FREE(&c->changes);
    free(c->buffer);
}

static sc_err *run(struct conversion *c, const char *path, const struct kind *kind) {
    sc_err *err = prepare(c, kind);
    if (!err)
        err = sc_newfile_create(path,
                                (c->opts->overwrite ? SC_NEWFILE_OVERWRITE : 0) |
                                    (c->opts->sync ? SC_NEWFILE_SYNC : 0),
                                &c->out);
    if (err)
        return err;
    err = kind->write(c);
    if (!err && sc_target_take_nomem(c->target))
        err = sc_err_nomem(); /* what was missed for want of memory is not missing */
    if (err) {
        sc_newfile_discard(c->out);
        return err;
    }
    c->result.bytes = sc_newfile_size(c->out);
    return sc_newfile_publish(c->out);
}

sc_err *sc_convert(sc_target *target, const char *path, const struct sc_convert_opts *opts,
                   struct sc_convert_result *ret_result) {
    struct sc_convert_opts given = {0}; /* a caller built before may know fewer members */
    memcpy(&given, opts, opts->sz < sizeof given ? opts->sz : sizeof given);
    sc_err *err = check(target, path, &given);
    if (err)
        return err;
    struct conversion c = {.target = target,
                           .opts = &given,
                           .ptr_size = sc_target_ptr_size(target),
                           .is64 = sc_target_ptr_size(target) == 8};
    sc_target_take_nomem(target); /* what was before is somebody else's */
    err = run(&c, path, &kinds[given.to]);
    if (!err) {
        c.result.change = c.changes.item;
        c.result.nchanges = c.changes.count;
        c.changes.item = NULL;
        *ret_result = c.result;
    }
    end(&c);
    return err;
}

void sc_convert_result_free(struct sc_convert_result *result) {
    free(result->change);
    *result = (struct sc_convert_result){0};
}
