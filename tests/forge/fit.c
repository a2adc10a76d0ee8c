/* SPDX-License-Identifier: MIT */
/*
 * Stacks made to fit: where each frame's code is, and what lies on the stack.
 *
 * A frame's ip is the RetAddr of the frame below it; the innermost one's is what its name says. The
 * code that unwind data describes is the smallest that does: 16 bytes before and behind each ip,
 * less where another ip is near, and from the function's own start where that is nearer.
 */
#include "forge/fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AROUND = 16 };

const char *fit_address(const struct fit_work *w, uint64_t addr, char *buf) {
    if (w->ptr_size == 8)
        snprintf(buf, FIT_ADDRESS, "%08x`%08x", (unsigned)(addr >> 32), (unsigned)addr);
    else
        snprintf(buf, FIT_ADDRESS, "%08x", (unsigned)addr);
    return buf;
}

const char *fit_site(const struct forge_frame *f, char *buf) {
    char disp[24] = "";
    if (f->disp)
        snprintf(disp, sizeof disp, "+0x%llx", (unsigned long long)f->disp);
    if (!f->module[0])
        snprintf(buf, FORGE_NAME, "0x%llx", (unsigned long long)f->disp);
    else if (f->name[0])
        snprintf(buf, FORGE_NAME, "%s!%.*s%s", f->module, FORGE_NAME - 96, f->name, disp);
    else
        snprintf(buf, FORGE_NAME, "%s%s", f->module, disp);
    return buf;
}

bool fit_is_kernel(const struct fit_work *w, uint64_t addr) {
    return w->ptr_size == 8 ? addr >= 0xffff800000000000 : addr >= 0x80000000;
}

bool fit_is_kernel_name(const struct forge_frame *f, const char *const *list) {
    bool kernel = !strcmp(f->module, "nt") || !strncmp(f->module, "ntoskrnl", 8) ||
                  !strncmp(f->module, "ntkr", 4);
    for (; kernel && *list; list++)
        if (!strncmp(f->name, *list, strlen(*list)))
            return true;
    return false;
}

/* FNV-1a: what is chosen freely is chosen by name, so that it stays the same. */
uint32_t fit_hash(const char *module, const char *name) {
    uint32_t h = 0x811c9dc5;
    for (const char *p = module; *p; p++)
        h = (h ^ (uint8_t)*p) * 0x01000193;
    for (const char *p = name; *p; p++)
        h = (h ^ (uint8_t)*p) * 0x01000193;
    return h ^ h >> 15;
}

/* ---- where the code is ---- */

static uint64_t mask(const struct fit_work *w, uint64_t addr) {
    return w->ptr_size == 8 ? addr : addr & 0xffffffff;
}

/*
 * Does the name say where the ip is? Not "`string'", which several literals of an image share. Nor
 * on x86 a function, parts of which a linker may have put anywhere: the debuggers of its time
 * counted displacements as if it had not (nt!KiSwapThread+0x8a is 804e1bd2, and +0xa8 804f2df4).
 */
static bool has_place(const struct fit_work *w, const struct forge_frame *f) {
    return !f->module[0] || (!strstr(f->name, "`string'") && (w->ptr_size == 8 || !f->name[0]));
}

static bool same_symbol(const struct forge_frame *a, const struct forge_frame *b) {
    return !strcmp(a->module, b->module) && !strcmp(a->name, b->name);
}

/* The address that F's name and displacement say, when anything knows it. */
static bool named_ip(struct fit_work *w, const struct forge_frame *f, uint64_t *ret) {
    uint64_t start;
    if (!f->module[0]) {
        *ret = f->disp;
        return true;
    }
    if (!w->where->address(w->where->ctx, f->module, f->name, &start))
        return false;
    *ret = mask(w, start + f->disp);
    return true;
}

/* The same out of another one of the first END frames, whose ip a RetAddr gave. */
static bool listed_ip(struct fit_work *w, size_t i, size_t end, uint64_t *ret) {
    const struct forge_frame *f = w->frame[i].f;
    for (size_t k = 1; k < end; k++) {
        const struct forge_frame *other = w->frame[k].f;
        if (k == i || !w->frame[k - 1].f->has_ret || strstr(f->name, "`string'") ||
            !same_symbol(f, other))
            continue;
        *ret = mask(w, w->frame[k - 1].ret - other->disp + f->disp);
        return true;
    }
    return false;
}

/* The ip of frame I > 0 where the frame below it returns to. */
static bool returned_ip(struct fit_work *w, size_t i) {
    struct fit_frame *below = &w->frame[i - 1], *to = &w->frame[i];
    char site[FORGE_NAME], named[FIT_ADDRESS], returned[FIT_ADDRESS];
    uint64_t ip;
    fit_site(to->f, site);
    if (!below->ret)
        return listing_wrong(w->why, to->f->line, "%.80s stands behind line %u, whose RetAddr is 0",
                             site, below->f->line);
    bool known = has_place(w, to->f) && (named_ip(w, to->f, &ip) || listed_ip(w, i, i, &ip));
    to->ip = below->ret;
    if (!known || ip == below->ret)
        return true;
    return listing_wrong(w->why, to->f->line, "%.80s is %s, but line %u returns to %s", site,
                         fit_address(w, ip, named), below->f->line,
                         fit_address(w, below->ret, returned));
}

static bool find_ip(struct fit_work *w, size_t i) {
    struct fit_frame *to = &w->frame[i];
    char site[FORGE_NAME];
    if (i && w->frame[i - 1].f->has_ret)
        return returned_ip(w, i);
    if (named_ip(w, to->f, &to->ip) || listed_ip(w, i, w->count, &to->ip))
        return true;
    return listing_wrong(w->why, to->f->line,
                         "nothing says where %.80s is: give the address of its symbol",
                         fit_site(to->f, site));
}

static bool collect_frames(struct fit_work *w, const struct forge_frames *frames) {
    for (size_t i = 0; i < frames->count; i++) {
        const struct forge_frame *f = &frames->item[i];
        if (f->inlined)
            continue;
        struct fit_frame *to =
            listing_push((void **)&w->frame, &w->room, &w->count, sizeof *w->frame);
        if (!to)
            return listing_nomem(w->why);
        *to = (struct fit_frame){f, i, SIZE_MAX, f->sp, f->ret, 0};
        if (f->has_sp != w->frame[0].f->has_sp || f->has_ret != w->frame[0].f->has_ret)
            return listing_wrong(w->why, f->line,
                                 "this frame has other columns than the first one");
        if (f->sp % w->ptr_size)
            return listing_wrong(w->why, f->line, "its %s is no multiple of %u",
                                 w->ptr_size == 8 ? "Child-SP" : "ChildEBP", w->ptr_size);
    }
    return w->count ? true : listing_wrong(w->why, 0, "a stack needs at least one frame");
}

bool fit_has_columns(const struct fit_work *w) { return w->frame[0].f->has_sp; }

/* Every ip, and the RetAddr of frames that showed none. */
static bool find_ips(struct fit_work *w, const struct forge_frames *frames) {
    for (size_t i = 0; i < w->count; i++)
        if (!find_ip(w, i))
            return false;
    for (size_t i = 0; i + 1 < w->count; i++)
        w->frame[i].ret = w->frame[i + 1].ip;
    w->out.ip = calloc(frames->count, sizeof *w->out.ip);
    if (!w->out.ip)
        return listing_nomem(w->why);
    w->out.nips = frames->count;
    for (size_t i = 0, k = 0; i < frames->count; i++) {
        size_t at = k < w->count ? k : w->count - 1;
        w->out.ip[i] = w->frame[at].ip;
        k += !frames->item[i].inlined;
    }
    return true;
}

/* ---- blocks ---- */

static int by_ip(const void *a, const void *b) {
    const struct fit_block *x = a, *y = b;
    if (x->ip != y->ip)
        return x->ip < y->ip ? -1 : 1;
    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

/* Only the first block of an ip stays. */
static void drop_doubles(struct fit_work *w) {
    size_t n = 0;
    for (size_t i = 0; i < w->nblocks; i++)
        if (!n || w->block[i].ip != w->block[n - 1].ip)
            w->block[n++] = w->block[i];
    w->nblocks = n;
}

/* Clips the blocks against those around them: the later one gets room for its prolog. */
static void clip(struct fit_work *w) {
    for (size_t i = 0; i < w->nblocks; i++) {
        struct fit_block *b = &w->block[i];
        const struct forge_frame *f = w->frame[b->frame].f;
        uint64_t before = f->disp < AROUND ? f->disp : AROUND;
        b->begin = b->ip < before ? 0 : b->ip - before;
        b->end = b->ip > UINT64_MAX - AROUND ? UINT64_MAX : b->ip + AROUND;
        if (i && b->begin <= b[-1].ip)
            b->begin = b[-1].ip + 1;
        if (i && b[-1].end > b->begin)
            b[-1].end = b->begin;
        b->room = (unsigned)(b->ip - b->begin);
    }
}

static bool make_blocks(struct fit_work *w) {
    for (size_t i = 0; i < w->count; i++) {
        if (!w->frame[i].f->module[0])
            continue;
        struct fit_block *b =
            listing_push((void **)&w->block, &w->block_room, &w->nblocks, sizeof *w->block);
        if (!b)
            return listing_nomem(w->why);
        b->ip = w->frame[i].ip;
        b->frame = i;
    }
    if (w->nblocks)
        qsort(w->block, w->nblocks, sizeof *w->block, by_ip);
    drop_doubles(w);
    clip(w);
    for (size_t i = 0; i < w->count && w->nblocks; i++) {
        struct fit_block key = {.ip = w->frame[i].ip};
        if (!w->frame[i].f->module[0])
            continue;
        size_t low = 0, high = w->nblocks;
        while (high - low > 1) {
            size_t mid = low + (high - low) / 2;
            *(w->block[mid].ip <= key.ip ? &low : &high) = mid;
        }
        w->frame[i].block = low;
    }
    return true;
}

struct forge_fit_function *fit_function(struct fit_work *w, size_t i) {
    struct forge_fit *o = &w->out;
    const struct fit_frame *f = &w->frame[i];
    struct forge_fit_function *to =
        listing_push((void **)&o->function, &o->function_room, &o->nfunctions, sizeof *o->function);
    if (!to) {
        listing_nomem(w->why);
        return NULL;
    }
    strcpy(to->module, f->f->module);
    strcpy(to->name, f->f->name);
    to->begin = w->block[f->block].begin;
    to->end = w->block[f->block].end;
    to->frame = f->index;
    return to;
}

/* ---- the stack's contents ---- */

/* The first poke that ends behind ADDR. */
static size_t poke_at(const struct fit_work *w, uint64_t addr) {
    size_t low = 0, high = w->out.npokes;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct forge_poke *p = &w->out.poke[mid];
        if (p->addr + p->width - 1 < addr)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool contradict(struct fit_work *w, size_t at, unsigned line, const char *what,
                       uint64_t value) {
    char where[FIT_ADDRESS], mine[FIT_ADDRESS], theirs[FIT_ADDRESS];
    const struct forge_poke *p = &w->out.poke[at];
    return listing_wrong(w->why, line, "%s at %s would be %s, but there lies %s of line %u: %s",
                         what, fit_address(w, p->addr, where), fit_address(w, value, mine),
                         w->note[at].what, w->note[at].line, fit_address(w, p->value, theirs));
}

bool fit_poke(struct fit_work *w, enum fit_rank rank, unsigned line, const char *what,
              uint64_t addr, uint64_t value, unsigned width) {
    struct forge_fit *o = &w->out;
    size_t at = poke_at(w, addr), notes = o->npokes;
    if (at < o->npokes && o->poke[at].addr <= addr + width - 1) {
        const struct forge_poke *p = &o->poke[at];
        if (rank == FIT_FILLED || (p->addr == addr && p->width == width && p->value == value))
            return true;
        return contradict(w, at, line, what, value);
    }
    if (!listing_push((void **)&o->poke, &o->poke_room, &o->npokes, sizeof *o->poke) ||
        !listing_push((void **)&w->note, &w->note_room, &notes, sizeof *w->note)) {
        o->npokes = notes < o->npokes ? notes : o->npokes;
        return listing_nomem(w->why);
    }
    size_t behind = o->npokes - 1 - at;
    memmove(&o->poke[at + 1], &o->poke[at], behind * sizeof *o->poke);
    memmove(&w->note[at + 1], &w->note[at], behind * sizeof *w->note);
    o->poke[at] = (struct forge_poke){addr, value, width, rank == FIT_FILLED};
    w->note[at] = (struct fit_note){rank, line, what};
    return true;
}

void fit_extent(struct fit_work *w, uint64_t jump) {
    struct forge_fit *o = &w->out;
    o->low = o->high = o->sp;
    for (size_t i = poke_at(w, o->sp); i < o->npokes; i++) {
        const struct forge_poke *p = &o->poke[i];
        if (p->addr - o->high >= jump)
            break;
        o->high = p->addr + p->width;
    }
}

/* ---- from the listing to the result ---- */

bool fit_open(struct fit_work *w, const struct forge_frames *frames,
              const struct forge_where *where, unsigned ptr_size, char *why) {
    *w = (struct fit_work){.where = where, .ptr_size = ptr_size, .why = why};
    return collect_frames(w, frames) && find_ips(w, frames) && make_blocks(w);
}

bool fit_close(struct fit_work *w, bool ok, struct forge_fit *ret) {
    free(w->frame);
    free(w->block);
    free(w->note);
    if (ok)
        *ret = w->out;
    else
        forge_fit_free(&w->out);
    return ok;
}

void forge_fit_free(struct forge_fit *fit) {
    free(fit->function);
    free(fit->poke);
    free(fit->saved);
    free(fit->ip);
    *fit = (struct forge_fit){0};
}

/* rax, rcx, rdx, r8 to r11: a call destroys them. */
static bool is_volatile(unsigned reg) { return reg <= 2 || (reg >= 8 && reg <= 11); }

bool forge_fit_register(const struct forge_fit *fit, size_t frame, unsigned reg,
                        uint64_t *ret_addr) {
    bool found = false;
    for (size_t i = 0; i < fit->nsaved; i++) {
        if (fit->saved[i].reg != reg || fit->saved[i].frame >= frame ||
            (is_volatile(reg) && fit->saved[i].frame + 1 != frame))
            continue;
        *ret_addr = fit->saved[i].addr;
        found = true;
    }
    return found;
}
