/* SPDX-License-Identifier: MIT */
/*
 * Threads, their names, and what the system knew about them.
 *
 * ThreadListStream (3): u32 count, then MINIDUMP_THREAD (0x30 bytes)
 *   +0x00 u32 ThreadId        +0x10 u64 Teb
 *   +0x04 u32 SuspendCount    +0x18 Stack {u64 start, u32 size, u32 rva}
 *   +0x08 u32 PriorityClass   +0x28 ThreadContext {u32 size, u32 rva}
 *   +0x0c u32 Priority
 * ThreadExListStream (8): the same with BackingStore {u64, u32, u32} at +0x30 (0x40 bytes; IA64)
 * ThreadNamesStream (24): u32 count, then {u32 ThreadId, u64 RvaOfThreadName} (0x0c bytes)
 * ThreadInfoListStream (17): header 0x0c (see mdmp_stream.c), then MINIDUMP_THREAD_INFO (0x40)
 *   +0x00 u32 ThreadId     +0x0c u32 ExitStatus   +0x20 u64 KernelTime     +0x38 u64 Affinity
 *   +0x04 u32 DumpFlags    +0x10 u64 CreateTime   +0x28 u64 UserTime
 *   +0x08 u32 DumpError    +0x18 u64 ExitTime     +0x30 u64 StartAddress
 *
 * Contexts are CONTEXT of Windows (see regs.h), with XSTATE behind it in some. Breakpad has forms
 * of its own, told by ContextFlags:
 *   ARM    0x170 bytes, u32 flags (0x40000000 set), r0 … r15, cpsr, u64 fpscr, 32 d registers
 *   ARM64  0x31c bytes, u64 flags (0x80000000 set), x0 … x30, sp, pc, cpsr, fpsr, fpcr, 32 v
 */
#include <inttypes.h>

#include "dump/mdmp_impl.h"

enum { FLAG_INVALID_INFO = 8 };

const struct mdmp_list *mdmp_thread_list(struct sc_source *source) {
    const struct mdmp_list *list = mdmp_list(source, MDMP_LIST_THREADS);
    return list->count ? list : mdmp_list(source, MDMP_LIST_THREADS_EX);
}

bool mdmp_thread_index(struct sc_source *source, uint32_t tid, uint32_t *ret_index) {
    const struct mdmp_list *list = mdmp_thread_list(source);
    for (uint64_t i = 0; i < list->count; i++) {
        struct sc_cur c = mdmp_record(source, list, i);
        if (sc_u32(&c) == tid && !sc_cur_failed(&c)) {
            *ret_index = (uint32_t)i;
            return true;
        }
    }
    return false;
}

void mdmp_check_context(struct sc_source *source, uint64_t offset, uint32_t size) {
    struct mdmp *m = source->impl;
    struct sc_cur c = sc_cur_at(source->file, offset, size, "thread context");
    uint32_t flags = sc_u32(&c);
    const char *form = NULL;
    /* The bits alone do not do: Windows uses them for "exception reporting" and the like. */
    if (source->machine.cpu == SC_CPU_ARM && flags & 0x40000000 && !(flags & 0x200000))
        form = "ARM";
    else if (source->machine.cpu == SC_CPU_ARM64 && flags & 0x80000000 && !(flags & 0x400000))
        form = "old ARM64";
    if (!form || m->foreign_context_noted)
        return;
    m->foreign_context_noted = true;
    sc_source_note(source, offset,
                   "contexts have Breakpad's %s form (0x%x bytes), not that of Windows", form,
                   size);
}

static struct sc_thread read_thread(struct sc_source *source, struct sc_cur *c,
                                    struct mdmp_location *ret_context) {
    struct sc_thread t = {
        .context_off = SC_UNSET64,
        .create_time = SC_UNSET64,
        .exit_time = SC_UNSET64,
        .kernel_time = SC_UNSET64,
        .user_time = SC_UNSET64,
    };
    t.tid = sc_u32(c);
    t.suspend = sc_u32(c);
    t.priority_class = sc_u32(c);
    t.priority = sc_u32(c);
    t.teb = mdmp_address(source, sc_u64(c));
    t.stack_start = mdmp_address(source, sc_u64(c));
    t.stack_size = sc_u32(c);
    sc_u32(c);
    *ret_context = mdmp_location(c);
    return t;
}

/* Sets the place of the context, when the file has it. */
static void place_context(struct sc_source *source, struct mdmp_location where, uint64_t record,
                          struct sc_thread *t, struct mdmp_tally *lost) {
    if (!where.size || !where.rva)
        return;
    if (!mdmp_inside(source, where)) {
        mdmp_count(lost, record, 0);
        return;
    }
    t->context_off = where.rva;
    t->context_size = where.size;
    mdmp_check_context(source, where.rva, where.size);
}

static sc_err *load_list(struct sc_source *source, struct sc_threads *ret) {
    const struct mdmp_list *list = mdmp_thread_list(source);
    struct mdmp_tally lost = {0};
    if (!SC_VEC_RESERVE(ret, ret->count + list->count))
        return sc_err_nomem();
    for (uint64_t i = 0; i < list->count; i++) {
        struct sc_cur c = mdmp_record(source, list, i);
        struct mdmp_location context;
        struct sc_thread t = read_thread(source, &c, &context);
        if (sc_cur_failed(&c)) {
            mdmp_note_failed(source, &c);
            context.size = 0; /* the thread stays: others are found by their index */
        }
        t.index = (uint32_t)i;
        place_context(source, context, c.start, &t, &lost);
        struct sc_thread *slot = SC_VEC_PUSH(ret);
        if (!slot)
            return sc_err_nomem();
        *slot = t;
    }
    if (lost.count)
        sc_source_note(source, lost.first,
                       "%s: the contexts of %" PRIu64 " threads lie behind the end of the file",
                       list->what, lost.count);
    return NULL;
}

/* Thread ids to the first thread that has them. */
static sc_err *index_threads(const struct sc_threads *threads, struct sc_map *map) {
    for (size_t i = 0; i < threads->count; i++) {
        uint64_t known;
        if (sc_map_get_number(map, threads->item[i].tid, &known))
            continue;
        if (!sc_map_put_number(map, threads->item[i].tid, i))
            return sc_err_nomem();
    }
    return NULL;
}

static sc_err *load_names(struct sc_source *source, const struct sc_map *map,
                          struct sc_threads *threads) {
    const struct mdmp_list *list = mdmp_list(source, MDMP_LIST_THREAD_NAMES);
    struct mdmp_tally strays = {0};
    for (uint64_t i = 0; i < list->count; i++) {
        struct sc_cur c = mdmp_record(source, list, i);
        uint32_t tid = sc_u32(&c);
        uint64_t rva = sc_u64(&c), at;
        const char *name;
        if (sc_cur_failed(&c)) {
            mdmp_note_failed(source, &c);
            continue;
        }
        if (!sc_map_get_number(map, tid, &at)) {
            mdmp_count(&strays, c.start, 0);
            continue;
        }
        sc_err *err = mdmp_string(source, rva, "thread name", &name);
        if (err)
            return err;
        if (name && name[0] && !threads->item[at].name)
            threads->item[at].name = name;
    }
    if (strays.count)
        sc_source_note(source, strays.first, "%s: %" PRIu64 " names of threads that are not there",
                       list->what, strays.count);
    return NULL;
}

static void use_info(struct sc_source *source, struct sc_cur *c, struct sc_thread *t) {
    struct sc_thread filled = *t;
    filled.dump_flags = sc_u32(c);
    sc_u32(c); /* DumpError */
    filled.exit_status = sc_u32(c);
    filled.create_time = sc_u64(c);
    filled.exit_time = sc_u64(c);
    filled.kernel_time = sc_u64(c);
    filled.user_time = sc_u64(c);
    filled.start_address = mdmp_address(source, sc_u64(c));
    filled.affinity = sc_u64(c);
    filled.has_info = true;
    if (sc_cur_failed(c)) {
        mdmp_note_failed(source, c);
    } else if (filled.dump_flags & FLAG_INVALID_INFO) {
        t->dump_flags = filled.dump_flags; /* the writer says that the rest means nothing */
        t->has_info = true;
    } else {
        *t = filled;
    }
}

static void load_infos(struct sc_source *source, const struct sc_map *map,
                       struct sc_threads *threads) {
    const struct mdmp_list *list = mdmp_list(source, MDMP_LIST_THREAD_INFO);
    for (uint64_t i = 0; i < list->count; i++) {
        struct sc_cur c = mdmp_record(source, list, i);
        uint64_t at;
        /* Threads that had ended have an info, but no record in the list. */
        if (sc_map_get_number(map, sc_u32(&c), &at) && !threads->item[at].has_info)
            use_info(source, &c, &threads->item[at]);
    }
}

sc_err *mdmp_load_threads(struct sc_source *source, struct sc_threads *ret) {
    struct sc_map map = {0};
    sc_err *err = load_list(source, ret);
    if (!err)
        err = index_threads(ret, &map);
    if (!err)
        err = load_names(source, &map, ret);
    if (!err)
        load_infos(source, &map, ret);
    sc_map_free(&map);
    return err;
}
