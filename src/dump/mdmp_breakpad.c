/* SPDX-License-Identifier: MIT */
/*
 * Breakpad's own streams (facts from its public minidump_format.h).
 *
 * 0x47670001, MDRawBreakpadInfo: u32 validity (1 dump thread, 2 requesting thread),
 *   u32 dump_thread_id, u32 requesting_thread_id
 * 0x47670002, MDRawAssertionInfo, 0x308 bytes: u16 expression[128], function[128], file[128],
 *   u32 line, u32 type (1 invalid parameter, 2 pure virtual call)
 */
#include "dump/mdmp_impl.h"

void mdmp_read_breakpad(struct sc_source *source) {
    struct mdmp *m = source->impl;
    const struct sc_mdmp_stream *stream = mdmp_find(source, MDMP_BREAKPAD);
    if (!stream)
        return;
    struct sc_cur c = mdmp_cur(source, stream, "Breakpad info");
    struct sc_mdmp_breakpad b;
    b.validity = sc_u32(&c);
    b.dump_thread = sc_u32(&c);
    b.requesting_thread = sc_u32(&c);
    if (sc_cur_failed(&c)) {
        mdmp_note_failed(source, &c);
        return;
    }
    m->breakpad = b;
    m->has_breakpad = true;
}

sc_err *mdmp_read_assertion(struct sc_source *source) {
    struct mdmp *m = source->impl;
    const struct sc_mdmp_stream *stream = mdmp_find(source, MDMP_ASSERTION);
    if (!stream)
        return NULL;
    struct sc_cur c = mdmp_cur(source, stream, "Breakpad assertion");
    struct sc_mdmp_assertion a = {0};
    const char **const texts[] = {&a.expression, &a.function, &a.file};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sc_err *err = mdmp_fixed_string(source, &c, 2 * 128, texts[i]);
        if (err)
            return err;
    }
    a.line = sc_u32(&c);
    a.type = sc_u32(&c);
    if (sc_cur_failed(&c)) {
        mdmp_note_failed(source, &c);
        return NULL;
    }
    m->assertion = a;
    m->has_assertion = true;
    return NULL;
}

bool sc_mdmp_breakpad(const struct sc_source *source, struct sc_mdmp_breakpad *ret) {
    const struct mdmp *m = mdmp_of(source);
    if (!m || !m->has_breakpad)
        return false;
    *ret = m->breakpad;
    return true;
}

bool sc_mdmp_assertion(struct sc_source *source, struct sc_mdmp_assertion *ret) {
    const struct mdmp *m = mdmp_of(source);
    if (!m || !m->has_assertion)
        return false;
    *ret = m->assertion;
    return true;
}
