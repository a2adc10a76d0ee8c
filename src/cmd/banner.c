/* SPDX-License-Identifier: MIT */
/*
 * What is shown when a dump has been opened: which file of what kind, the machine, and the first
 * line about what happened, in WinDbg's words. In JSON it is an object like a command's, named
 * `.opendump`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyze/bugcheck_table.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "stopcode/kdump.h"
#include "stopcode/minidump.h"

enum { MINIDUMP_FULL_MEMORY = 2 }; /* MiniDumpWithFullMemory */

/* --- the file --------------------------------------------------------------------------------- */

static const char *const kernel_kind[SC_FORMAT_COUNT] = {
    [SC_FORMAT_KERNEL_FULL] = "Kernel Complete Dump File: Full address space is available",
    [SC_FORMAT_KERNEL_SUMMARY] = "Kernel Summary Dump File: Only kernel address space is available",
    [SC_FORMAT_KERNEL_HEADER] = "Kernel Header Dump File: No memory is available",
    [SC_FORMAT_KERNEL_TRIAGE] =
        "Mini Kernel Dump File: Only registers and stack trace are available",
    [SC_FORMAT_KERNEL_BITMAP_FULL] = "Kernel Bitmap Dump File: Full address space is available",
    [SC_FORMAT_KERNEL_BITMAP] = "Kernel Bitmap Dump File: Kernel address space is available, "
                                "User address space may not be available.",
    [SC_FORMAT_KERNEL_AUTOMATIC] = "Kernel Bitmap Dump File: Kernel address space is available, "
                                   "User address space may not be available.",
    [SC_FORMAT_ELF_CORE] = "Virtual Machine Core (ELF): Full address space is available",
    [SC_FORMAT_VMWARE] = "VMware Memory: Full address space is available",
    [SC_FORMAT_LIME] = "LiME Memory Image: Full address space is available",
    [SC_FORMAT_RAW] = "Raw Memory Image: Full address space is available",
    [SC_FORMAT_HIBERFIL] = "Hibernation File: Memory that was in use is available",
};

static const char *user_kind(const struct sc_source *source) {
    const struct sc_mdmp_header *header = sc_mdmp_header(source);
    if (header && header->flags & MINIDUMP_FULL_MEMORY)
        return "User Mini Dump File with Full Memory: Only application data is available";
    return "User Mini Dump File: Only registers, stack and portions of memory are available";
}

/* Where the type alone does not say which memory the dump was meant to hold; else NULL. */
static const char *kernel_kind_of(const struct sc_source *source) {
    enum { CURRENT_USER_VA = 2 }; /* of SUMMARY_DUMP's DumpOptions */
    const struct sc_kdump_header *header = sc_kdump_header(source);
    const struct sc_kdump_memory *memory = sc_kdump_memory(source);
    if (!header || !memory)
        return NULL;
    if (memory->layout == SC_KDUMP_NO_MEMORY)
        return kernel_kind[SC_FORMAT_KERNEL_HEADER];
    if (header->dump_type == 2 && memory->options & CURRENT_USER_VA)
        return "Kernel Summary Dump File: Kernel address space is available, "
               "User address space may not be available.";
    if (header->dump_type == 5 && header->attributes & SC_KDUMP_FILTERED)
        return "Kernel Bitmap Dump File: Full address space is available  [active memory: pages "
               "that "
               "were not in use are left out]";
    switch (header->dump_type) {
    case 8: return "Kernel Memory Dump File: Only kernel address space is available";
    case 9: return "Kernel and User Memory Dump File: Kernel and user address space is available";
    case 10: return "Complete Memory Dump File: Full address space is available";
    default: return NULL;
    }
}

static const char *file_kind(const struct sc_source *source) {
    const char *kind = kernel_kind_of(source);
    if (!kind && (size_t)source->probe.format < SC_FORMAT_COUNT)
        kind = kernel_kind[source->probe.format];
    if (!kind && source->probe.format == SC_FORMAT_MINIDUMP)
        kind = user_kind(source);
    if (!kind)
        kind = source->probe.name;
    return kind ? kind : source->machine.kernel ? "kernel dump" : "user dump";
}

/* Was it made of a machine that went on running? Bug check 0x161 stands for that. */
static bool is_live(const struct sc_source *source) {
    const struct sc_kdump_header *header = sc_kdump_header(source);
    return header && sc_kdump_memory(source) &&
           (header->attributes & SC_KDUMP_LIVE || header->bugcheck == 0x161);
}

/* Does the dump leave memory out by its kind? */
static bool is_partial(const struct sc_source *source) {
    switch (source->probe.format) {
    case SC_FORMAT_KERNEL_SUMMARY:
    case SC_FORMAT_KERNEL_BITMAP:
    case SC_FORMAT_KERNEL_AUTOMATIC: return true;
    case SC_FORMAT_KERNEL_RDMP: return sc_kdump_header(source)->dump_type != 10;
    default: return false;
    }
}

struct file_record {
    const char *path, *format, *kind, *comment, *unpacked;
    uint64_t size;
    int64_t pages; /* of physical memory that it says it holds; INT64_MIN: it does not say */
    bool live;
    bool enrich, partial, automatic; /* text only */
};

static const struct sc_field file_fields[] = {
    SC_FIELD(struct file_record, path, SC_F_STR),
    SC_FIELD(struct file_record, size, SC_F_U64),
    SC_FIELD(struct file_record, format, SC_F_STR),
    SC_FIELD(struct file_record, kind, SC_F_STR),
    SC_FIELD(struct file_record, comment, SC_F_STR),
    SC_FIELD(struct file_record, unpacked, SC_F_STR),
    SC_FIELD(struct file_record, live, SC_F_BOOL),
    SC_FIELD(struct file_record, pages, SC_F_NUM),
    SC_FIELD_END,
};
static const struct sc_rectype file_type = {"dump_file", sizeof(struct file_record), file_fields};

static void file_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct file_record *r = record;
    sc_printf(out, "\nLoading Dump File [%s]\n%s\n", r->path, r->kind);
    if (r->unpacked)
        sc_printf(out, "Unpacked from %s\n", r->unpacked);
    if (r->comment && *r->comment)
        sc_printf(out, "Comment: '%s'\n", r->comment);
    if (r->automatic && r->enrich)
        sc_puts(out, "[an automatic memory dump]\n");
    if (r->partial && r->enrich && r->pages != INT64_MIN)
        sc_printf(out, "[it holds %" PRId64 " pages of physical memory, %" PRId64 " %s]\n",
                  r->pages, r->pages < 256 ? r->pages * 4 : (r->pages + 128) / 256,
                  r->pages < 256 ? "KB" : "MB");
    if (r->live && r->enrich)
        sc_puts(out, "[a live dump: the machine went on running while its memory was saved]\n");
    sc_puts(out, "\n");
}

static void show_file(sc_session *s) {
    const struct sc_source *source = sc_target_source(s->target);
    struct file_record r = {
        .path = sc_target_path(s->target),
        .size = sc_target_file_size(s->target),
        .format = source->probe.name,
        .kind = file_kind(source),
        .comment = source->machine.comment,
        .unpacked = source->unpacked,
        .enrich = s->enrich,
    };
    const struct sc_kdump_memory *memory = sc_kdump_memory(source);
    bool counted = memory && memory->pages && memory->pages <= INT64_MAX / 0x1000;
    r.pages = counted ? (int64_t)memory->pages : INT64_MIN;
    r.partial = memory && is_partial(source);
    r.automatic = source->probe.format == SC_FORMAT_KERNEL_AUTOMATIC;
    r.live = is_live(source);
    sc_record(s->out, &file_type, &r, file_text, NULL);
}

/* --- modules ---------------------------------------------------------------------------------- */

struct counts {
    uint64_t modules, unloaded, threads;
    bool kernel; /* its "threads" are processors, and not counted in text */
};

static const struct sc_field counts_fields[] = {
    SC_FIELD(struct counts, modules, SC_F_U64),
    SC_FIELD(struct counts, unloaded, SC_F_U64),
    SC_FIELD(struct counts, threads, SC_F_U64),
    SC_FIELD_END,
};
static const struct sc_rectype counts_type = {"counts", sizeof(struct counts), counts_fields};

static void counts_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct counts *r = record;
    sc_printf(out, "Modules: %" PRIu64 " loaded, %" PRIu64 " unloaded", r->modules, r->unloaded);
    if (!r->kernel)
        sc_printf(out, "; threads: %" PRIu64, r->threads);
    sc_puts(out, "\n");
}

/* A list that cannot be read is a remark: the rest is still worth having. */
static bool can_use(sc_session *s, sc_err *own_err) {
    if (own_err)
        sc_remark(s->out, "%s", sc_err_text(own_err));
    sc_err_destroy(own_err);
    return !own_err;
}

static void show_counts(sc_session *s) {
    const struct sc_modules *modules;
    const struct sc_unloadeds *unloaded;
    const struct sc_threads *threads;
    struct counts r = {.kernel = sc_target_machine(s->target)->kernel};
    if (can_use(s, sc_target_modules(s->target, &modules)))
        r.modules = modules->count;
    if (can_use(s, sc_target_unloaded(s->target, &unloaded)))
        r.unloaded = unloaded->count;
    if (can_use(s, sc_target_threads(s->target, &threads)))
        r.threads = threads->count;
    sc_record(s->out, &counts_type, &r, counts_text, NULL);
}

/* --- what happened ---------------------------------------------------------------------------- */

struct bug_record {
    uint32_t code;
    const char *name; /* NULL unknown */
    const uint64_t *arg;
    size_t narg;
    bool enrich; /* text only */
};

static const struct sc_field bug_fields[] = {
    SC_FIELD(struct bug_record, code, SC_F_HEX32),
    SC_FIELD(struct bug_record, name, SC_F_STR),
    {"arguments", SC_F_HEXES, offsetof(struct bug_record, arg), offsetof(struct bug_record, narg),
     NULL, NULL},
    SC_FIELD_END,
};
static const struct sc_rectype bug_type = {"bugcheck", sizeof(struct bug_record), bug_fields};

static void bug_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct bug_record *r = record;
    sc_printf(out, "\nBugCheck %" PRIX32 ", {", r->code);
    for (size_t i = 0; i < r->narg; i++)
        sc_printf(out, "%s%" PRIx64, i ? ", " : "", r->arg[i]);
    sc_puts(out, "}");
    if (r->name && r->enrich)
        sc_printf(out, "  [%s]", r->name);
    sc_puts(out, "\n");
}

static void show_bugcheck(sc_session *s, const struct sc_machine *m) {
    struct sc_bug bug;
    struct bug_record r = {m->bugcheck, NULL, m->bugcheck_arg, 4, s->enrich};
    if (sc_bug_explain(m->bugcheck, m->bugcheck_arg, sc_session_ptr_size(s) == 4, &bug))
        r.name = bug.name;
    sc_record(s->out, &bug_type, &r, bug_text, NULL);
}

struct event_record {
    uint32_t code, pid, tid;
    uint64_t address;
    const char *what;
    bool windows; /* text only */
};

static const struct sc_field event_fields[] = {
    SC_FIELD(struct event_record, what, SC_F_STR),
    SC_FIELD(struct event_record, code, SC_F_HEX32),
    SC_FIELD(struct event_record, address, SC_F_ADDR),
    SC_FIELD(struct event_record, pid, SC_F_HEX32),
    SC_FIELD(struct event_record, tid, SC_F_HEX32),
    SC_FIELD_END,
};
static const struct sc_rectype event_type = {"event", sizeof(struct event_record), event_fields};

static void event_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct event_record *r = record;
    sc_puts(out, "This dump file has an exception of interest stored in it.\n"
                 "The stored exception information can be accessed via .ecxr.\n");
    sc_printf(out, "(%" PRIx32 ".%" PRIx32 "): %s - code %08" PRIx32 "%s\n", r->pid, r->tid,
              r->what, r->code, r->windows ? " (first/second chance not available)" : "");
}

static uint32_t faulting_tid(sc_session *s) {
    const struct sc_threads *threads;
    sc_err *err = sc_target_threads(s->target, &threads);
    uint32_t tid = 0;
    for (size_t i = 0; !err && i < threads->count; i++) {
        if (threads->item[i].index == sc_target_machine(s->target)->current)
            tid = threads->item[i].tid;
    }
    sc_err_destroy(err);
    return tid;
}

static void show_event(sc_session *s, const struct sc_machine *m) {
    struct event_record r = {.code = m->exception.code, .pid = m->pid, .tid = faulting_tid(s)};
    r.address = m->exception.address;
    r.what = sc_event_words(m, r.code);
    r.windows = m->windows;
    sc_record(s->out, &event_type, &r, event_text, NULL);
}

/* --- what is odd about the file --------------------------------------------------------------- */

static void show_notes(sc_session *s) {
    const struct sc_source *source = sc_target_source(s->target);
    for (size_t i = 0; i < source->nnotes; i++) {
        const struct sc_note *n = &source->notes[i];
        if (n->offset == SC_UNSET64)
            sc_remark(s->out, "NOTE: %s", n->text);
        else
            sc_remark(s->out, "NOTE: offset 0x%" PRIx64 ": %s", n->offset, n->text);
    }
    if (source->notes_dropped)
        sc_remark(s->out, "NOTE: %zu more things are odd about this file", source->notes_dropped);
}

void sc_session_banner(sc_session *s) {
    if (!s->target)
        return;
    const struct sc_machine *m = sc_target_machine(s->target);
    sc_out_begin(s->out, ".opendump");
    s->depth++; /* what runs in here is inside a frame */
    show_file(s);
    sc_print_vertarget(s);
    show_counts(s);
    if (m->kernel && m->has_bugcheck)
        show_bugcheck(s, m);
    else if (!m->kernel && m->has_exception)
        show_event(s, m);
    else if (m->kernel && s->enrich)
        sc_puts(s->out, "\n[no bug check is recorded: it seems that the machine was running]\n");
    show_notes(s);
    sc_puts(s->out, "\nFor analysis of this file, run !analyze -v\n");
    s->depth--;
    sc_out_end(s->out, NULL);
}
