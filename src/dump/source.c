/* SPDX-License-Identifier: MIT */
/* Sources: creating, destroying, notes, and the choice of the opener. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/dump.h"
#include "dump/wrapped.h"

sc_err *sc_source_create(sc_file *own_file, struct sc_source **ret_source) {
    struct sc_source *s = calloc(1, sizeof *s);
    sc_arena *arena = sc_arena_create();
    if (!s || !arena) {
        free(s);
        sc_arena_destroy(arena);
        sc_file_close(own_file);
        return sc_err_nomem();
    }
    s->file = own_file;
    s->arena = arena;
    s->machine.platform = "Windows";
    s->machine.windows = true;
    s->machine.service_pack = "";
    s->machine.uptime = SC_UNSET64;
    s->machine.event_context_off = SC_UNSET64;
    *ret_source = s;
    return NULL;
}

void sc_source_destroy(struct sc_source *source) {
    if (!source)
        return;
    if (source->ops && source->ops->destroy)
        source->ops->destroy(source);
    sc_file_close(source->file);
    sc_arena_destroy(source->arena);
    free(source->notes);
    free(source);
}

void sc_source_note(struct sc_source *source, uint64_t offset, const char *fmt, ...) {
    if (source->nnotes == SC_NOTES_MAX) {
        source->notes_dropped++;
        return;
    }
    if (!source->notes)
        source->notes = calloc(SC_NOTES_MAX, sizeof *source->notes);
    if (!source->notes) { /* a remark is not worth failing for */
        source->notes_dropped++;
        return;
    }
    struct sc_note *note = &source->notes[source->nnotes++];
    note->offset = offset;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(note->text, sizeof note->text, fmt, ap);
    va_end(ap);
}

static sc_err *refuse(const struct sc_source *s) {
    const char *name = sc_file_name(s->file);
    if (s->probe.format == SC_FORMAT_UNKNOWN)
        return sc_errf(SC_ERR_FORMAT, "%s: %s", name, s->probe.advice);
    return sc_errf(SC_ERR_UNSUPPORTED, "%s: this is %s %s: %s", name, sc_article(s->probe.name),
                   s->probe.name, s->probe.advice);
}

static sc_err *probe(struct sc_source *s) {
    uint8_t head[0x1000];
    size_t got;
    if (!sc_file_read_some(s->file, 0, head, sizeof head, &got))
        return sc_err_at(SC_ERR_IO, sc_file_name(s->file), 0, "read failed");
    s->probe = sc_probe_bytes(head, got, sc_file_size(s->file));
    return NULL;
}

/* VMware's memory has no mark but its name. */
static bool is_vmem(const struct sc_source *s) {
    return (s->probe.format == SC_FORMAT_UNKNOWN || s->probe.format == SC_FORMAT_RAW) &&
           sc_file_size(s->file) && sc_vmware_is_memory(s);
}

/* Windows may have cleared the first page of a hibernation file: no mark is left. */
static bool is_cleared_hiber(const struct sc_source *s) {
    return (s->probe.format == SC_FORMAT_UNKNOWN || s->probe.format == SC_FORMAT_RAW) &&
           sc_hiber_is_cleared(s->file);
}

static sc_err *open_as(struct sc_source *s) {
    if (is_cleared_hiber(s))
        return sc_hiber_open(s);
    if (is_vmem(s))
        return sc_vmware_open(s);
    if (!s->probe.readable)
        return refuse(s);
    switch (s->probe.format) {
    case SC_FORMAT_MINIDUMP: return sc_mdmp_open(s);
    case SC_FORMAT_ELF_CORE: return sc_elf_open(s);
    case SC_FORMAT_HIBERFIL: return sc_hiber_open(s);
    case SC_FORMAT_LIME: return sc_lime_open(s);
    case SC_FORMAT_VMWARE: return sc_vmware_open(s);
    case SC_FORMAT_RAW: return sc_raw_open(s);
    default: return sc_kdump_open(s);
    }
}

sc_err *sc_source_open_packed(sc_file *own_file, const struct sc_unpack *how,
                              struct sc_source **ret_source) {
    struct sc_source *s;
    sc_err *err = sc_source_create(own_file, &s);
    if (err)
        return err;
    err = probe(s);
    if (!err && sc_is_packed(s->probe.format)) {
        err = sc_unpack(s, how);
        if (!err)
            err = probe(s);
    }
    if (!err)
        err = open_as(s);
    if (err) {
        sc_source_destroy(s);
        return err;
    }
    *ret_source = s;
    return NULL;
}

sc_err *sc_source_open(sc_file *own_file, struct sc_source **ret_source) {
    return sc_source_open_packed(own_file, NULL, ret_source);
}
