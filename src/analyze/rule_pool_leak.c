/* SPDX-License-Identifier: MIT */
/*
 * pool-leak: a pool is excessive (`!vm` says so), and one tag has most of it.
 *
 * One dump is one moment: it does not show that a number grows. A leak and a cache under load look
 * alike in it; what tells them apart is whose the tag is. A tag of Windows' own, such as the file
 * systems' and the cache's, is no suspect: those give memory back when it is short. A tag that the
 * table of tags does not know, of which hardly anything was ever freed, is one: possible.
 *
 * Who allocates is looked for as one does by hand: the tag is a constant in the code that
 * allocates. Where exactly one image has it, that driver is likely the allocator; that is the
 * verdict where the stop itself was asked for or is about memory, since then the pool is the only
 * story there is. In any other stop it stays a possibility.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/advice.h"
#include "analyze/kfacts.h"
#include "analyze/rule.h"
#include "nt/pooltag.h"
#include "nt/pooltrack.h"
#include "nt/tagpattern.h"

enum { MOST_OF_IT = 50, LARGE_BYTES = 64 << 20, IMAGES_MAX = 512 << 20, CHUNK = 64 << 10 };

struct suspect {
    bool paged;
    uint32_t tag;
    char text[NT_TAG_TEXT];
    int64_t bytes, used;
    uint64_t allocs, frees;
    unsigned percent;
    struct nt_pooltag owner;
    bool known;
};

static const char *pool_name(const struct suspect *s) { return s->paged ? "paged" : "nonpaged"; }

/* The tag with the most bytes in that pool; false when it has not most of it. */
static bool find_suspect(struct sc_case *c, const struct nt_vm *vm, bool paged,
                         struct suspect *ret) {
    struct nt_pooltrack track;
    if (!sc_case_took(c, nt_pooltrack_read(&c->k->nt, NT_POOLTRACK_SYSTEM, &track)))
        return false;
    struct suspect s = {.paged = paged};
    for (size_t i = 0; i < track.ntags; i++) {
        const struct nt_pooluse *use = paged ? &track.tag[i].paged : &track.tag[i].nonpaged;
        if (use->bytes <= s.bytes)
            continue;
        s.bytes = use->bytes;
        s.used = use->used;
        s.allocs = use->allocs;
        s.frees = use->frees;
        s.tag = track.tag[i].tag;
    }
    nt_pooltrack_deinit(&track);
    uint64_t pages =
        paged ? nt_or(&vm->counter[NT_VM_PAGED], 0)
              : nt_or(&vm->counter[NT_VM_NONPAGED], 0) + nt_or(&vm->counter[NT_VM_NONPAGED_NX], 0);
    if (!pages || s.bytes < LARGE_BYTES)
        return false;
    uint64_t percent = (uint64_t)s.bytes / NT_VM_PAGE * 100 / pages;
    s.percent = percent > 100 ? 100 : (unsigned)percent;
    nt_tag_text(s.tag, s.text);
    s.known = nt_pooltag_find(s.tag, 0, &s.owner);
    *ret = s;
    return s.percent >= MOST_OF_IT;
}

/* ---- who has the tag in its image ---- */

struct images {
    const struct sc_module *module; /* the first one */
    uint64_t address;
    size_t count;
    uint64_t budget;
    bool all; /* every image was looked at, as far as the dump holds it */
};

/* The first place of the tag in the image's memory that is in the dump; 0: none. */
static uint64_t find_tag(struct sc_case *c, const struct sc_module *m, uint32_t tag, uint8_t *chunk,
                         struct images *im) {
    sc_space *space = sc_target_space(c->target);
    const uint8_t want[4] = {(uint8_t)tag, (uint8_t)(tag >> 8), (uint8_t)(tag >> 16),
                             (uint8_t)(tag >> 24)};
    uint64_t end = m->base + m->size, start, size;
    for (uint64_t at = m->base; at < end; at = start + size) {
        if (!sc_space_next(space, at, &start, &size) || start >= end)
            return 0;
        if (start < at) {
            size -= at - start;
            start = at;
        }
        if (size > CHUNK)
            size = CHUNK - 3; /* a tag across the border is in the next piece */
        size_t len = (size_t)(size > end - start ? end - start : size), got = 0;
        size_t want_len = size == CHUNK - 3 ? CHUNK : len;
        if (im->budget < len)
            return 0;
        im->budget -= len;
        sc_space_read(space, start, chunk, want_len, &got);
        for (size_t i = 0; i + 4 <= got; i++)
            if (chunk[i] == want[0] && !memcmp(chunk + i, want, 4))
                return start + i;
        size = len;
    }
    return 0;
}

static void find_images(struct sc_case *c, uint32_t tag, struct images *ret) {
    const struct sc_modules *list;
    struct images im = {.budget = IMAGES_MAX};
    uint8_t *chunk = malloc(CHUNK);
    if (!chunk) {
        c->nomem = true;
        return;
    }
    if (sc_case_took(c, sc_target_modules(c->target, &list)))
        for (size_t i = 0; i < list->count && !sc_target_cancelled(c->target); i++) {
            const struct sc_module *m = &list->item[i];
            uint64_t at = sc_case_is_kernel(m) ? 0 : find_tag(c, m, tag, chunk, &im);
            if (at && !im.count++) {
                im.module = m;
                im.address = at;
            }
        }
    free(chunk);
    im.all = im.budget >= 4;
    *ret = im;
}

/* ---- the finding ---- */

static const char *search_command(struct sc_case *c, const struct suspect *s) {
    for (const char *p = s->text; *p; p++)
        if (*p == '"' || *p == '.' || *p == ';' || *p == '\\')
            return s->paged ? "!poolused /t5 4" : "!poolused /t5 2";
    return sc_case_text(c, "!for_each_module s -a @#Base @#End \"%s\"", s->text);
}

static void show_use(struct sc_case *c, struct sc_draft *d, const struct nt_vm *vm,
                     const struct suspect *s) {
    const char *used = s->paged ? "!poolused /t5 4" : "!poolused /t5 2";
    uint64_t most = nt_or(&vm->counter[s->paged ? NT_VM_PAGED_MAX : NT_VM_NONPAGED_MAX], 0);
    sc_draft_show(c, d, SC_UNSET64, "!vm 1",
                  "More than four fifths of %s pool are in use, whose maximum is %" PRIu64
                  " pages.",
                  pool_name(s), most);
    sc_draft_show(c, d, SC_UNSET64, used,
                  "The tag '%s' has %" PRId64 " bytes of it in %" PRId64
                  " allocations: %u percent.",
                  s->text, s->bytes, s->used, s->percent);
    if (s->allocs >= s->frees && s->frees < s->allocs / 10)
        sc_draft_show(c, d, SC_UNSET64, s->paged ? "!poolused 5" : "!poolused 3",
                      "%" PRIu64 " were allocated since Windows started, and %" PRIu64 " freed.",
                      s->allocs, s->frees);
    else
        sc_draft_against(c, d, SC_UNSET64, s->paged ? "!poolused 5" : "!poolused 3",
                         "%" PRIu64 " were allocated since Windows started, and %" PRIu64
                         " freed: it is in constant use.",
                         s->allocs, s->frees);
}

static void show_images(struct sc_case *c, struct sc_draft *d, const struct suspect *s,
                        const struct images *im) {
    if (im->count == 1)
        sc_draft_show(c, d, im->address, search_command(c, s),
                      "The tag stands in one image, at %s.", sc_case_place(c, im->address));
    else if (im->count)
        sc_draft_show(c, d, im->address, search_command(c, s),
                      "The tag stands in %zu images: which of them allocates is not told.",
                      im->count);
    else
        sc_draft_lacked(c, d,
                        "Who allocates with '%s': it stands in no image as far as the dump "
                        "holds them.",
                        s->text);
}

static void advise(struct sc_case *c, struct sc_draft *d, const struct suspect *s,
                   const struct sc_module *m) {
    sc_draft_lacked(c, d, "Whether it grows: one dump is one moment.");
    sc_draft_next(c, d, "%s in a later dump, or poolmon over hours: does '%s' grow?",
                  s->paged ? "!poolused /t5 4" : "!poolused /t5 2", s->text);
    if (m)
        sc_draft_next(c, d, "Driver Verifier's pool tracking on %s: verifier /flags 0x8 /driver %s",
                      sc_case_name(c, m->image), sc_case_name(c, m->image));
    else
        sc_draft_next(c, d, "%s, with the images of all drivers.", search_command(c, s));
}

/* A cache of Windows', or other of its own data: told, and nobody suspected. */
static void write_own(struct sc_case *c, const struct nt_vm *vm, const struct suspect *s) {
    struct sc_draft d;
    sc_draft_init(&d, SC_POSSIBLE);
    d.f.summary = sc_case_text(c,
                               "Most of %s pool is in use, by Windows' own '%s': load or a cache "
                               "rather than a leak.",
                               pool_name(s), s->text);
    d.f.detail = sc_case_text(c,
                              "'%s' is %s (%s): who makes Windows keep so much of it is not in "
                              "the tag.",
                              s->text, s->owner.text, s->owner.binary);
    show_use(c, &d, vm, s);
    advise(c, &d, s, NULL);
    sc_case_add(c, &d);
}

static void write(struct sc_case *c, const struct nt_vm *vm, const struct suspect *s) {
    struct images im = {.count = 0};
    find_images(c, s->tag, &im);
    const struct sc_module *m = im.count == 1 ? im.module : NULL;
    struct sc_draft d;
    sc_draft_init(&d, m && sc_case_about_state(c) ? SC_LIKELY : SC_POSSIBLE);
    d.f.module = m;
    d.f.symbol = m ? sc_case_where(c, im.address) : NULL;
    d.f.summary =
        m ? sc_case_text(c,
                         "Most of %s pool is in use with the tag '%s', which stands in "
                         "%s: possibly a leak.",
                         pool_name(s), s->text, sc_case_who(c, m))
          : sc_case_text(c, "Most of %s pool is in use with the tag '%s': possibly a leak.",
                         pool_name(s), s->text);
    d.f.detail =
        sc_case_text(c,
                     "%" PRId64 " bytes in %" PRId64 " allocations, %u percent of the "
                     "pool in use%s.",
                     s->bytes, s->used, s->percent,
                     m ? "; the driver whose code has the tag is likely their allocator" : "");
    show_use(c, &d, vm, s);
    show_images(c, &d, s, &im);
    if (m)
        sc_show_module(c, &d, m);
    advise(c, &d, s, m);
    sc_case_add(c, &d);
}

/* Whose data "nt!mm" or "ntfs.sys" are. */
static bool is_windows(const struct suspect *s) {
    struct nt_driver driver;
    if (!s->known || !s->owner.binary[0])
        return false;
    return strncmp(s->owner.binary, "nt!", 3) == 0 ||
           (nt_driver_find(s->owner.binary, &driver) && driver.kind != NT_DRIVER_VENDOR);
}

static void run(struct sc_case *c) {
    const struct nt_vm *vm = sc_case_vm(c);
    for (unsigned paged = 0; vm && paged < 2; paged++) {
        struct suspect s;
        bool excessive = paged ? nt_vm_excessive_paged(vm) : nt_vm_excessive_nonpaged(vm);
        if (!excessive || !find_suspect(c, vm, paged, &s))
            continue;
        if (is_windows(&s))
            write_own(c, vm, &s);
        else
            write(c, vm, &s);
    }
}

const struct sc_rule sc_rule_pool_leak = {
    "pool-leak",
    "A pool is excessive and one tag has most of it: whose it is, and whether it is a leak.",
    SC_RULE_KERNEL | SC_RULE_STATE,
    run,
};
