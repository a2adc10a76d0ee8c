/* SPDX-License-Identifier: MIT */
/*
 * ExceptionStream (6): MINIDUMP_EXCEPTION_STREAM, 0xa8 bytes.
 *
 *   +0x00 u32 ThreadId   +0x04 u32 padding
 *   +0x08 MINIDUMP_EXCEPTION (0x98): an EXCEPTION_RECORD64, also of 32-bit processes; addresses of
 *         those may be sign extended
 *   +0xa0 ThreadContext {u32 size, u32 rva}: the registers at the exception, where the thread's
 *         own context shows it on its way to write the dump
 *
 * The current thread is the one the exception is of; without one, that which asked Breakpad for
 * the dump; else the first.
 */
#include "dump/mdmp_impl.h"

enum { RECORD_OFFSET = 8 };

static bool is_empty(const struct sc_exception *e, uint32_t tid, struct mdmp_location context) {
    return !tid && !context.size && !e->code && !e->flags && !e->record && !e->address &&
           !e->nparams;
}

static void narrow(const struct sc_source *source, struct sc_exception *e) {
    if (mdmp_ptr_size(source) != 4)
        return;
    e->record &= UINT32_MAX;
    e->address &= UINT32_MAX;
    for (int i = 0; i < 15; i++)
        e->param[i] &= UINT32_MAX;
}

static void use_context(struct sc_source *source, struct mdmp_location context) {
    if (!context.size || !context.rva)
        return;
    if (!mdmp_inside(source, context)) {
        sc_source_note(source, context.rva,
                       "the exception's context (0x%x bytes) lies behind the end of the file",
                       context.size);
        return;
    }
    source->machine.event_context_off = context.rva;
    source->machine.event_context_size = context.size;
    mdmp_check_context(source, context.rva, context.size);
}

/* Without an exception, or one of a thread that is not in the list. */
static uint32_t fallback_thread(struct sc_source *source) {
    const struct mdmp *m = source->impl;
    uint32_t index = 0;
    if (m->has_breakpad && m->breakpad.validity & 2)
        mdmp_thread_index(source, m->breakpad.requesting_thread, &index);
    return index;
}

void mdmp_read_exception(struct sc_source *source) {
    const struct sc_mdmp_stream *stream = mdmp_find(source, MDMP_EXCEPTION);
    struct sc_machine *machine = &source->machine;
    machine->current = fallback_thread(source);
    if (!stream)
        return;
    struct sc_cur c = mdmp_cur(source, stream, "exception");
    struct sc_exception e;
    uint32_t tid = sc_u32(&c);
    sc_u32(&c);
    sc_read_exception(&c, true, &e);
    struct mdmp_location context = mdmp_location(&c);
    if (sc_cur_failed(&c)) {
        mdmp_note_failed(source, &c);
        return;
    }
    narrow(source, &e);
    if (is_empty(&e, tid, context)) {
        sc_source_note(source, stream->rva, "the exception stream is empty");
        return;
    }
    machine->has_exception = true;
    machine->exception = e;
    machine->exception_record = (uint64_t)stream->rva + RECORD_OFFSET;
    use_context(source, context);
    if (!mdmp_thread_index(source, tid, &machine->current))
        sc_source_note(source, stream->rva,
                       "the exception is of thread 0x%x, which is not in the thread list", tid);
}
