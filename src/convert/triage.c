/* SPDX-License-Identifier: MIT */
/*
 * Small memory dumps (DumpType 4), as Windows writes them. The layout of TRIAGE_DUMP32/64:
 * src/dump/triage.c. Parts stand in the order in which the real dumps of the corpus have them:
 *
 *   header | triage header | memory manager | unloaded drivers | PRCB | process | thread | stack |
 *   debugger data, decoded | drivers | their names | table of data blocks | data blocks | "TRGD"
 */
#include "convert/triage.h"
#include "convert/owners.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "mem/pages.h"
#include "stopcode/kdump.h"

enum {
    FILE_MAX = 64 << 20,
    STACK_MOST = 256 << 10, /* Windows' largest kernel stacks have some 100 KB */
    STACK_UNKNOWN = 24 << 10,
    OPTIONS_ALL = -1,
    OPTIONS_OVERFLOW = 0x141,
    TRGD = 0x44475254,
    /* MiniDumpFields: context, exception, PRCB, process, thread, stack, drivers, debugger data,
     * data blocks; the memory manager's figures */
    FIELDS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x400 | 0x800,
    FIELD_MM = 0x100,
};

/* ---- reading ---- */

static bool may_write(struct conv_triage *t, uint64_t va) {
    const struct conversion *c = t->c;
    struct sc_translation tr;
    if (t->kernel_only && !conv_triage_is_kernel(t, va))
        return false;
    if (!c->keep.word)
        return true;
    sc_translate(t->paging, va, &tr);
    return tr.status == SC_READ_OK && conv_selection_has(&c->sel, tr.pa / CONV_PAGE);
}

size_t conv_triage_read(struct conv_triage *t, uint64_t va, void *buf, size_t len) {
    const struct sc_pages *pages = sc_space_pages(t->space);
    size_t done = 0;
    while (pages->ops && done < len) {
        uint64_t at = va + done, room = CONV_PAGE - at % CONV_PAGE;
        size_t want = len - done < room ? len - done : (size_t)room, got = 0;
        if (at < va || (t->ptr == 4 && at > UINT32_MAX))
            break;
        if (!may_write(t, at)) {
            t->skipped++;
            break;
        }
        if (pages->ops->read(pages->impl, at, (uint8_t *)buf + done, want, &got) != SC_READ_OK)
            break;
        done += got;
    }
    return done;
}

uint64_t conv_triage_uint(struct conv_triage *t, uint64_t va, unsigned size) {
    uint8_t b[8] = {0};
    uint64_t v = 0;
    if (!va || conv_triage_read(t, va, b, size) != size)
        return 0;
    for (unsigned i = size; i-- > 0;)
        v = v << 8 | b[i];
    return v;
}

uint64_t conv_triage_kd(struct conv_triage *t, uint32_t member, unsigned size) {
    uint64_t v = 0;
    return sc_target_kd_member(t->c->target, member, size, &v) ? v : 0;
}

uint64_t conv_triage_kd_at(struct conv_triage *t, uint32_t member, unsigned size) {
    return conv_triage_uint(t, conv_triage_kd(t, member, 8), size);
}

bool conv_triage_is_kernel(const struct conv_triage *t, uint64_t va) {
    return sc_paging_is_kernel(t->paging->mode, va);
}

uint32_t conv_triage_size(struct conv_triage *t, uint32_t member) {
    uint32_t size = (uint32_t)conv_triage_kd(t, member, 2);
    return size ? size : member == KD_SIZE_PRCB ? 0x1000 : 0x400;
}

uint64_t conv_triage_context(struct conv_triage *t, uint64_t prcb) {
    uint64_t pointer = conv_triage_kd(t, KD_PRCB_CONTEXT, 2);
    uint64_t inside = conv_triage_kd(t, KD_PRCB_STATE_CONTEXT, 2);
    uint64_t va = prcb && pointer ? conv_triage_uint(t, prcb + pointer, t->ptr) : 0;
    return va ? va : prcb && inside ? prcb + inside : 0;
}

uint64_t conv_triage_stack_top(struct conv_triage *t, uint64_t thread, uint64_t sp) {
    uint64_t at = conv_triage_kd(t, KD_INITIAL_STACK, 2);
    uint64_t top = at && thread ? conv_triage_uint(t, thread + at, t->ptr) : 0;
    top = (top + CONV_PAGE - 1) & ~(uint64_t)(CONV_PAGE - 1);
    return top > sp && top - sp <= STACK_MOST ? top : 0;
}

/* ---- parts ---- */

sc_err *conv_triage_add(struct conv_triage *t, size_t size, uint32_t *ret_offset) {
    size_t at = (t->file.count + 7) & ~(size_t)7;
    if (size > FILE_MAX || at > FILE_MAX - size)
        return sc_errf(SC_ERR_LIMIT, "the small dump would have more than %d MB", FILE_MAX >> 20);
    if (at + size > t->file.room && !SC_VEC_RESERVE(&t->file, (at + size) * 2))
        return sc_err_nomem();
    memset(t->file.item + t->file.count, 0, at + size - t->file.count);
    t->file.count = at + size;
    *ret_offset = (uint32_t)at;
    return NULL;
}

/* SIZE bytes of memory; what is missing behind the first ones is zero. Offset 0: nothing there. */
static sc_err *add_memory(struct conv_triage *t, uint64_t va, uint32_t size, uint32_t *ret_offset) {
    uint32_t at = 0;
    uint8_t first;
    *ret_offset = 0;
    if (!va || !size || conv_triage_read(t, va, &first, 1) != 1)
        return NULL;
    sc_err *err = conv_triage_add(t, size, &at);
    if (err)
        return err;
    conv_triage_read(t, va, t->file.item + at, size);
    *ret_offset = at;
    return NULL;
}

/* The call stack: from the lowest stack pointer that is known to its top. */
static void find_stack(struct conv_triage *t) {
    struct sc_regs own;
    uint64_t sp = t->regs.size ? sc_regs_sp(&t->regs) : 0;
    uint64_t top = sp ? conv_triage_stack_top(t, t->thread, sp) : 0;
    sc_err *err = sc_target_regs(t->c->target, sc_target_machine(t->c->target)->current, &own);
    uint64_t stopped = err ? 0 : sc_regs_sp(&own);
    sc_err_destroy(err);
    if (stopped && top && stopped < sp && top - stopped <= STACK_MOST)
        sp = stopped; /* the event's context may be that of an outer frame */
    t->stack = sp & ~(uint64_t)(t->ptr - 1);
    t->stack_size = !sp ? 0 : top ? top - t->stack : STACK_UNKNOWN;
}

static sc_err *add_stack(struct conv_triage *t, uint32_t *ret_offset) {
    uint32_t at = 0;
    find_stack(t);
    *ret_offset = 0;
    uint8_t *buf = malloc(STACK_MOST + CONV_PAGE);
    if (!buf)
        return sc_err_nomem();
    t->stack_size = t->stack ? conv_triage_read(t, t->stack, buf, (size_t)t->stack_size) : 0;
    sc_err *err = t->stack_size ? conv_triage_add(t, (size_t)t->stack_size, &at) : NULL;
    if (!err && t->stack_size)
        memcpy(t->file.item + at, buf, (size_t)t->stack_size);
    free(buf);
    *ret_offset = at;
    return err;
}

static sc_err *add_debugger_data(struct conv_triage *t, uint32_t *ret_offset, uint32_t *ret_size) {
    const struct sc_debugger_data *kd;
    uint32_t at = 0;
    *ret_offset = *ret_size = 0;
    sc_err *err = sc_target_debugger_data(t->c->target, &kd);
    if (err && sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED) {
        sc_err_destroy(err);
        return NULL;
    }
    if (err)
        return err;
    uint32_t size = kd->size < sizeof kd->bytes ? kd->size : sizeof kd->bytes;
    err = conv_triage_add(t, size, &at);
    if (err)
        return err;
    memcpy(t->file.item + at, kd->bytes, size);
    *ret_offset = at;
    *ret_size = size;
    return NULL;
}

static sc_err *find_current(struct conv_triage *t) {
    const struct sc_threads *cpus = NULL;
    sc_target *target = t->c->target;
    uint32_t current = sc_target_machine(target)->current;
    sc_err *err = sc_target_threads(target, &cpus);
    for (size_t i = 0; !err && i < cpus->count; i++)
        if (cpus->item[i].index == current) {
            t->prcb = cpus->item[i].prcb;
            t->thread = cpus->item[i].thread;
        }
    sc_err_destroy(err);
    err = conv_event_regs(t->c, &t->regs);
    if (err)
        t->regs.size = 0;
    sc_err_destroy(err);
    return conv_current_process(t->c, &t->process);
}

/* ---- the whole ---- */

/* Everything that the triage header says. */
struct parts {
    uint32_t mm, unloaded, prcb, process, thread, stack, kdbg, kdbg_size, end;
    struct conv_drivers drivers;
    struct conv_blocks blocks;
};

static sc_err *add_parts(struct conv_triage *t, struct parts *p) {
    sc_err *err = conv_triage_mm(t, &p->mm);
    if (!err)
        err = conv_triage_unloaded(t, &p->unloaded);
    if (!err)
        err = add_memory(t, t->prcb, conv_triage_size(t, KD_SIZE_PRCB), &p->prcb);
    if (!err)
        err = add_memory(t, t->process, conv_triage_size(t, KD_SIZE_PROCESS), &p->process);
    if (!err)
        err = add_memory(t, t->thread, conv_triage_size(t, KD_SIZE_THREAD), &p->thread);
    if (!err)
        err = add_stack(t, &p->stack);
    if (!err)
        err = add_debugger_data(t, &p->kdbg, &p->kdbg_size);
    if (!err)
        err = conv_triage_drivers(t, &p->drivers);
    if (!err)
        err = conv_triage_blocks(t, &p->blocks);
    if (err)
        return err;
    err = conv_triage_add(t, 4, &p->end);
    if (!err)
        conv_put(t->file.item + p->end, TRGD, 4);
    return err;
}

static void put_triage_header(struct conv_triage *t, const struct parts *p, uint8_t *b) {
    bool w = t->ptr == 8;
    const uint32_t word[] = {
        (uint32_t)conv_triage_kd_at(t, KD_CSD_VERSION, 4),
        p->end + 4,
        p->end,
        w ? 0x348 : 0x320,
        w ? 0xf00 : 0x7d0,
        p->mm,
        p->unloaded,
        p->prcb,
        p->process,
        p->thread,
        p->stack,
        (uint32_t)t->stack_size,
        p->drivers.list,
        p->drivers.count,
        p->drivers.strings,
        p->drivers.strings_size,
        0, /* the driver that the kernel blamed: nobody kept it */
        t->overflow ? OPTIONS_OVERFLOW : (uint32_t)OPTIONS_ALL,
    };
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        conv_put(b + 4 * i, word[i], 4);
    conv_put(b + 0x48, t->stack_size ? t->stack : 0, t->ptr);
    uint8_t *rest = b + (w ? 0x70 : 0x58);
    conv_put(rest, p->kdbg, 4);
    conv_put(rest + 4, p->kdbg_size, 4);
    conv_put(rest + 8, p->blocks.table, 4);
    conv_put(rest + 12, p->blocks.count, 4);
}

static sc_err *finish(struct conv_triage *t, const struct parts *p) {
    struct conversion *c = t->c;
    struct conv_header h;
    sc_err *err = conv_header_make(c, 4, false, p->end + 4, &h);
    if (err)
        return err;
    conv_put(h.bytes + (c->is64 ? 0x1038 : 0xf8c), FIELDS | (p->mm ? FIELD_MM : 0), 4);
    memcpy(t->file.item, h.bytes, h.size);
    put_triage_header(t, p, t->file.item + h.size);
    err = sc_newfile_write(c->out, 0, t->file.item, t->file.count);
    return err ? err : conv_copy_blobs(c, p->end + 4);
}

sc_err *conv_write_triage(struct conversion *c) {
    const struct sc_source *source = sc_target_source(c->target);
    if (sc_triage_header(source))
        return conv_triage_copy(c);
    if (!sc_target_has_paging(c->target))
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "the kernel was not found in this dump (%s): there is "
                       "nothing that a small dump could hold",
                       source->probe.name);
    struct conv_triage t = {.c = c,
                            .space = sc_target_space(c->target),
                            .paging = sc_target_paging(c->target),
                            .ptr = c->ptr_size,
                            .kernel_only = c->opts->kernel_only || c->opts->strip_user};
    struct parts p = {0};
    uint32_t head;
    conv_stage(c, "collecting", 0);
    sc_err *err = conv_triage_add(&t, c->is64 ? 0x2080 : 0x1068, &head);
    if (!err)
        err = find_current(&t);
    if (!err)
        err = add_parts(&t, &p);
    if (!err)
        err = finish(&t, &p);
    c->result.pages = (t.file.count + CONV_PAGE - 1) / CONV_PAGE;
    c->result.left_out = t.skipped;
    c->result.left_out_unknown = 0;
    SC_VEC_FREE(&t.file);
    return err;
}
