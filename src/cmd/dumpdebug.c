/* SPDX-License-Identifier: MIT */
/*
 * `.dumpdebug`: the dump file taken literally: every field of a kernel dump's header and triage
 * part, or a minidump's header and streams, and what was odd about the file.
 *
 * The names of header fields are those of Microsoft's published metadata. One list gives both the
 * JSON fields and the lines of text. The minidump part follows DumpChk's documented sample.
 */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cmd/show.h"
#include "stopcode/kdump.h"
#include "stopcode/minidump.h"

typedef unsigned long long ull;

/* ---- fields with labels ---- */

struct labels {
    const struct sc_rectype *type;
    const char *const *label; /* one a field, in the same order */
    const char *title;
    unsigned ptr_size;
    long tz;
};

static void value_text(sc_out *out, const struct labels *l, const struct sc_field *f,
                       const uint8_t *at) {
    char buf[SC_TIME_BUF];
    uint64_t wide = 0;
    uint32_t word = 0;
    const char *text = NULL;
    if (f->type == SC_F_STR)
        memcpy(&text, at, sizeof text);
    else if (f->type == SC_F_ADDR || f->type == SC_F_HEX64 || f->type == SC_F_U64 ||
             f->type == SC_F_TIME || f->type == SC_F_SPAN)
        memcpy(&wide, at, sizeof wide);
    else if (f->type == SC_F_HEX32 || f->type == SC_F_U32)
        memcpy(&word, at, sizeof word);
    else
        word = *at; /* U8, BOOL */
    switch (f->type) {
    case SC_F_STR: sc_printf(out, "%s", text && *text ? text : "-"); break;
    case SC_F_ADDR: sc_printf(out, "%s", sc_addr_text(wide, l->ptr_size, buf)); break;
    case SC_F_HEX64: sc_printf(out, "0x%llx", (ull)wide); break;
    case SC_F_U64: sc_printf(out, "%llu", (ull)wide); break;
    case SC_F_HEX32: sc_printf(out, "%08x", word); break;
    case SC_F_TIME:
        sc_printf(out, "%s", wide && wide != SC_UNSET64 ? sc_time_windbg(wide, l->tz, buf) : "-");
        break;
    case SC_F_SPAN: sc_printf(out, "%s", wide != SC_UNSET64 ? sc_time_span(wide, buf) : "-"); break;
    default: sc_printf(out, "%u", word); break;
    }
}

static void labelled_text(sc_out *out, const void *record, void *ctx) {
    const struct labels *l = ctx;
    sc_printf(out, "%s:\n", l->title);
    for (size_t i = 0; l->type->fields[i].type != SC_F_END; i++) {
        if (!l->label[i])
            continue; /* in JSON only */
        sc_printf(out, "%-24s", l->label[i]);
        value_text(out, l, &l->type->fields[i],
                   (const uint8_t *)record + l->type->fields[i].offset);
        sc_puts(out, "\n");
    }
    sc_puts(out, "\n");
}

/* ---- the header of kernel dumps ---- */

struct header_row {
    struct sc_kdump_header h;
    const char *version_user, *comment, *kind;
    const uint64_t *arguments;
    size_t narguments, nshown;
    const struct sc_kdump_run *runs;
};

#define HEADER_FIELDS(X)                                                                           \
    X("MajorVersion", "major_version", SC_F_HEX32, h.major)                                        \
    X("MinorVersion", "minor_version", SC_F_U32, h.minor)                                          \
    X("DirectoryTableBase", "directory_table_base", SC_F_ADDR, h.dtb)                              \
    X("PfnDataBase", "pfn_database", SC_F_ADDR, h.pfn_database)                                    \
    X("PsLoadedModuleList", "ps_loaded_module_list", SC_F_ADDR, h.loaded_module_list)              \
    X("PsActiveProcessHead", "ps_active_process_head", SC_F_ADDR, h.active_process_head)           \
    X("MachineImageType", "machine_image_type", SC_F_HEX32, h.machine_type)                        \
    X("NumberProcessors", "number_processors", SC_F_U32, h.nprocessors)                            \
    X("BugCheckCode", "bugcheck_code", SC_F_HEX32, h.bugcheck)                                     \
    X("BugCheckParameter1", "bugcheck_parameter_1", SC_F_ADDR, h.bugcheck_arg[0])                  \
    X("BugCheckParameter2", "bugcheck_parameter_2", SC_F_ADDR, h.bugcheck_arg[1])                  \
    X("BugCheckParameter3", "bugcheck_parameter_3", SC_F_ADDR, h.bugcheck_arg[2])                  \
    X("BugCheckParameter4", "bugcheck_parameter_4", SC_F_ADDR, h.bugcheck_arg[3])                  \
    X("VersionUser", "version_user", SC_F_STR, version_user)                                       \
    X("PaeEnabled", "pae_enabled", SC_F_U8, h.pae_enabled)                                         \
    X("KdDebuggerDataBlock", "kd_debugger_data_block", SC_F_ADDR, h.debugger_data)                 \
    X("NumberOfRuns", "number_of_runs", SC_F_U32, h.nruns)                                         \
    X("NumberOfPages", "number_of_pages", SC_F_U64, h.npages)                                      \
    X("ContextRecord offset", "context_offset", SC_F_HEX64, h.context_offset)                      \
    X("Exception offset", "exception_offset", SC_F_HEX64, h.exception_offset)                      \
    X("DumpType", "dump_type", SC_F_HEX32, h.dump_type)                                            \
    X("  that is", "format", SC_F_STR, kind)                                                       \
    X("RequiredDumpSpace", "required_dump_space", SC_F_HEX64, h.required_space)                    \
    X("SystemTime", "system_time", SC_F_TIME, h.system_time)                                       \
    X("SystemUpTime", "system_up_time", SC_F_SPAN, h.system_uptime)                                \
    X("Comment", "comment", SC_F_STR, comment)                                                     \
    X("MiniDumpFields", "mini_dump_fields", SC_F_HEX32, h.minidump_fields)                         \
    X("SecondaryDataState", "secondary_data_state", SC_F_HEX32, h.secondary_state)                 \
    X("ProductType", "product_type", SC_F_U32, h.product_type)                                     \
    X("SuiteMask", "suite_mask", SC_F_HEX32, h.suite_mask)                                         \
    X("WriterStatus", "writer_status", SC_F_HEX32, h.writer_status)                                \
    X("KdSecondaryVersion", "kd_secondary_version", SC_F_U8, h.kd_secondary_version)               \
    X("Attributes", "attributes", SC_F_HEX32, h.attributes)                                        \
    X("BootId", "boot_id", SC_F_U32, h.boot_id)

#define FIELD_OF(T, json, ftype, member)         {json, ftype, offsetof(T, member), 0, NULL, NULL},
#define HEADER_FIELD(label, json, ftype, member) FIELD_OF(struct header_row, json, ftype, member)
#define LABEL(label, json, ftype, member)        label,

static const struct sc_field run_fields[] = {SC_FIELD(struct sc_kdump_run, base_page, SC_F_HEX64),
                                             SC_FIELD(struct sc_kdump_run, page_count, SC_F_HEX64),
                                             SC_FIELD_END};
static const struct sc_rectype run_type = {"run", sizeof(struct sc_kdump_run), run_fields};

static const struct sc_field header_fields[] = {
    HEADER_FIELDS(HEADER_FIELD) SC_FIELD_LIST(struct header_row, runs, nshown, &run_type),
    SC_FIELD_END};
static const char *const header_labels[] = {HEADER_FIELDS(LABEL) NULL};
static const struct sc_rectype header_type = {"dump_header", sizeof(struct header_row),
                                              header_fields};

/* ---- the triage part and its figures ---- */

#define TRIAGE_FIELDS(X)                                                                           \
    X("ServicePackBuild", "service_pack_build", SC_F_HEX32, service_pack_build)                    \
    X("SizeOfDump", "size_of_dump", SC_F_HEX32, size_of_dump)                                      \
    X("ValidOffset", "valid_offset", SC_F_HEX32, valid_offset)                                     \
    X("  mark is there", "valid_mark", SC_F_BOOL, valid_mark)                                      \
    X("ContextOffset", "context_offset", SC_F_HEX32, context_offset)                               \
    X("ExceptionOffset", "exception_offset", SC_F_HEX32, exception_offset)                         \
    X("MmOffset", "mm_offset", SC_F_HEX32, mm_offset)                                              \
    X("UnloadedDriversOffset", "unloaded_drivers_offset", SC_F_HEX32, unloaded_offset)             \
    X("PrcbOffset", "prcb_offset", SC_F_HEX32, prcb_offset)                                        \
    X("ProcessOffset", "process_offset", SC_F_HEX32, process_offset)                               \
    X("ThreadOffset", "thread_offset", SC_F_HEX32, thread_offset)                                  \
    X("CallStackOffset", "call_stack_offset", SC_F_HEX32, callstack_offset)                        \
    X("SizeOfCallStack", "size_of_call_stack", SC_F_HEX32, callstack_size)                         \
    X("DriverListOffset", "driver_list_offset", SC_F_HEX32, driver_list_offset)                    \
    X("DriverCount", "driver_count", SC_F_U32, driver_count)                                       \
    X("  bytes an entry", "driver_stride", SC_F_U32, driver_stride)                                \
    X("StringPoolOffset", "string_pool_offset", SC_F_HEX32, string_pool_offset)                    \
    X("StringPoolSize", "string_pool_size", SC_F_HEX32, string_pool_size)                          \
    X("BrokenDriverOffset", "broken_driver_offset", SC_F_HEX32, broken_driver_offset)              \
    X("TriageOptions", "triage_options", SC_F_HEX32, options)                                      \
    X("TopOfStack", "top_of_stack", SC_F_ADDR, top_of_stack)                                       \
    X("DataPageAddress", "data_page_address", SC_F_ADDR, data_page_address)                        \
    X("DataPageOffset", "data_page_offset", SC_F_HEX32, data_page_offset)                          \
    X("DataPageSize", "data_page_size", SC_F_HEX32, data_page_size)                                \
    X("DebuggerDataOffset", "debugger_data_offset", SC_F_HEX32, debugger_data_offset)              \
    X("DebuggerDataSize", "debugger_data_size", SC_F_HEX32, debugger_data_size)                    \
    X("DataBlocksOffset", "data_blocks_offset", SC_F_HEX32, data_blocks_offset)                    \
    X("DataBlocksCount", "data_blocks_count", SC_F_U32, data_blocks_count)

#define MM_FIELDS(X)                                                                               \
    X("Version", "version", SC_F_HEX32, version)                                                   \
    X("Size", "size", SC_F_HEX32, size)                                                            \
    X("MmSpecialPoolTag", "special_pool_tag", SC_F_HEX32, special_pool_tag)                        \
    X("MiTriageActionTaken", "triage_action_taken", SC_F_HEX32, triage_action)                     \
    X("MmVerifyDriverLevel", "verify_driver_level", SC_F_HEX32, verify_level)                      \
    X("KernelVerifier", "kernel_verifier", SC_F_HEX32, kernel_verifier)                            \
    X("MmMaximumNonPagedPool", "maximum_nonpaged_pool", SC_F_HEX64, max_nonpaged)                  \
    X("MmAllocatedNonPagedPool", "allocated_nonpaged_pool", SC_F_HEX64, allocated_nonpaged)        \
    X("PagedPoolMaximum", "paged_pool_maximum", SC_F_HEX64, paged_maximum)                         \
    X("PagedPoolAllocated", "paged_pool_allocated", SC_F_HEX64, paged_allocated)                   \
    X("CommittedPages", "committed_pages", SC_F_HEX64, committed)                                  \
    X("CommittedPagesPeak", "committed_pages_peak", SC_F_HEX64, committed_peak)                    \
    X("CommitLimitMaximum", "commit_limit_maximum", SC_F_HEX64, commit_limit_max)

#define TRIAGE_FIELD(label, json, ftype, member)                                                   \
    FIELD_OF(struct sc_triage_header, json, ftype, member)
#define MM_FIELD(label, json, ftype, member) FIELD_OF(struct sc_triage_mm, json, ftype, member)

static const struct sc_field triage_fields[] = {TRIAGE_FIELDS(TRIAGE_FIELD) SC_FIELD_END};
static const char *const triage_labels[] = {TRIAGE_FIELDS(LABEL)};
static const struct sc_rectype triage_type = {"triage_header", sizeof(struct sc_triage_header),
                                              triage_fields};
static const struct sc_field mm_fields[] = {MM_FIELDS(MM_FIELD) SC_FIELD_END};
static const char *const mm_labels[] = {MM_FIELDS(LABEL)};
static const struct sc_rectype mm_type = {"memory_manager", sizeof(struct sc_triage_mm), mm_fields};

/* ---- the list of pages of whole memory ---- */

struct memory_row {
    struct sc_kdump_memory m;
    const char *name;
    uint64_t listed, held; /* pages counted: by the list, and those that the file has */
};

/* JSON name, type, member, and the label of each layout: summary, bitmap, ranges, runs. */
#define PAGES_FIELDS(X)                                                                            \
    X("layout", SC_F_STR, name, NULL, NULL, NULL, NULL)                                            \
    X("assumed", SC_F_BOOL, m.assumed, NULL, NULL, NULL, NULL)                                     \
    X("offset", SC_F_HEX64, m.offset, "Offset", "Offset", "Offset", "Offset")                      \
    X("dump_options", SC_F_HEX32, m.options, "DumpOptions", NULL, NULL, NULL)                      \
    X("metadata_size", SC_F_HEX64, m.metadata_size, NULL, NULL, "MetadataSize", NULL)              \
    X("first_page", SC_F_HEX64, m.first_page, "HeaderSize", "FirstPage", "FirstPageOffset",        \
      "  first page at")                                                                           \
    X("bits", SC_F_HEX64, m.bits, "BitmapSize", "Pages", NULL, NULL)                               \
    X("pages", SC_F_HEX64, m.pages, "Pages", "TotalPresentPages", "TotalNumberOfPages", NULL)      \
    X("size_of_bitmap", SC_F_HEX32, m.rtl_bits, "Bitmap.SizeOfBitMap", NULL, NULL, NULL)           \
    X("ranges", SC_F_U32, m.nranges, NULL, NULL, "NumberOfRanges", NULL)                           \
    X("pages_listed", SC_F_HEX64, listed, "  pages listed", "  pages listed", "  pages listed",    \
      "  pages listed")                                                                            \
    X("pages_in_file", SC_F_HEX64, held, "  of them in the file", "  of them in the file",         \
      "  of them in the file", "  of them in the file")
#define PAGES_FIELD(json, ftype, at, ...)              FIELD_OF(struct memory_row, json, ftype, at)
#define LABEL_SUMMARY(json, ftype, member, a, b, c, d) a,
#define LABEL_BITMAP(json, ftype, member, a, b, c, d)  b,
#define LABEL_RANGES(json, ftype, member, a, b, c, d)  c,
#define LABEL_RUNS(json, ftype, member, a, b, c, d)    d,

static const struct sc_field pages_fields[] = {PAGES_FIELDS(PAGES_FIELD) SC_FIELD_END};
static const struct sc_rectype memory_type = {"page_list", sizeof(struct memory_row), pages_fields};
static const char *const summary_labels[] = {PAGES_FIELDS(LABEL_SUMMARY)};
static const char *const bitmap_labels[] = {PAGES_FIELDS(LABEL_BITMAP)};
static const char *const ranges_labels[] = {PAGES_FIELDS(LABEL_RANGES)};
static const char *const runs_labels[] = {PAGES_FIELDS(LABEL_RUNS)};
static const char *const *const memory_labels[] = {
    [SC_KDUMP_RUNS] = runs_labels,
    [SC_KDUMP_SUMMARY] = summary_labels,
    [SC_KDUMP_BITMAP] = bitmap_labels,
    [SC_KDUMP_RANGES] = ranges_labels,
};

static sc_err *show_memory(sc_session *session, struct sc_source *source, struct labels *l) {
    const struct sc_kdump_memory *m = sc_kdump_memory(source);
    if (!m || m->layout == SC_KDUMP_NO_MEMORY)
        return NULL;
    struct memory_row row = {.m = *m, .name = m->name};
    sc_err *err = sc_kdump_count_pages(source, &row.listed, &row.held);
    if (err)
        return err;
    if (row.m.pages == SC_UNSET64)
        row.m.pages = 0;
    l->type = &memory_type;
    l->label = memory_labels[m->layout];
    l->title = m->name;
    sc_record(sc_session_out(session), &memory_type, &row, labelled_text, l);
    if (m->layout != SC_KDUMP_RUNS && m->pages != SC_UNSET64 && m->pages != row.listed)
        sc_remark(sc_session_out(session),
                  "The list has 0x%llx pages, not 0x%llx as is written before it.", (ull)row.listed,
                  (ull)m->pages);
    return NULL;
}

/* The heading that goes with whole memory. */
static void show_heading(sc_out *out, const struct sc_kdump_header *h,
                         const struct sc_kdump_memory *m) {
    static const char *const kinds[] = {[SC_KDUMP_NO_MEMORY] = "Header",
                                        [SC_KDUMP_RUNS] = "Full",
                                        [SC_KDUMP_SUMMARY] = "Summary",
                                        [SC_KDUMP_BITMAP] = "Bitmap",
                                        [SC_KDUMP_RANGES] = "Page Range"};
    if (m)
        sc_printf(out, "----- %d bit Kernel %s Dump Analysis\n\n", h->is64 ? 64 : 32,
                  kinds[m->layout]);
}

static sc_err *show_kernel(sc_session *session, struct sc_source *source) {
    sc_out *out = sc_session_out(session);
    const struct sc_kdump_header *h = sc_kdump_header(source);
    const struct sc_triage_header *t = sc_triage_header(source);
    const struct sc_triage_mm *mm = sc_triage_mm(source);
    struct header_row row = {.h = *h, .kind = source->probe.name, .runs = h->run};
    unsigned ptr_size = sc_session_ptr_size(session);
    struct labels l = {&header_type, header_labels, h->is64 ? "DUMP_HEADER64" : "DUMP_HEADER32",
                       ptr_size, sc_session_tz(session)};
    row.version_user = row.h.version_user;
    row.comment = row.h.comment;
    row.nshown = h->nruns_held;
    show_heading(out, h, sc_kdump_memory(source));
    sc_record(out, &header_type, &row, labelled_text, &l);
    for (size_t i = 0; i < row.nshown; i++)
        sc_printf(out, "Run %-3zu                 BasePage %llx, PageCount %llx\n", i,
                  (ull)h->run[i].base_page, (ull)h->run[i].page_count);
    if (row.nshown)
        sc_puts(out, "\n");
    if (t) {
        l.type = &triage_type;
        l.label = triage_labels;
        l.title = h->is64 ? "TRIAGE_DUMP64" : "TRIAGE_DUMP32";
        sc_record(out, &triage_type, t, labelled_text, &l);
    }
    if (mm) {
        l.type = &mm_type;
        l.label = mm_labels;
        l.title = "Memory manager";
        sc_record(out, &mm_type, mm, labelled_text, &l);
    }
    if (sc_triage_broken_driver(source))
        sc_remark(out, "Broken driver: %s", sc_triage_broken_driver(source));
    return show_memory(session, source, &l);
}

/* ---- minidumps ---- */

struct mdmp_row {
    uint32_t version, implementation, nstreams, directory_rva, checksum, timestamp;
    uint64_t flags, time;
    const char *flag_names;
};
static const struct sc_field mdmp_fields[] = {SC_FIELD(struct mdmp_row, version, SC_F_HEX32),
                                              SC_FIELD(struct mdmp_row, implementation, SC_F_HEX32),
                                              SC_FIELD(struct mdmp_row, nstreams, SC_F_U32),
                                              SC_FIELD(struct mdmp_row, directory_rva, SC_F_HEX32),
                                              SC_FIELD(struct mdmp_row, checksum, SC_F_HEX32),
                                              SC_FIELD(struct mdmp_row, time, SC_F_TIME),
                                              SC_FIELD(struct mdmp_row, flags, SC_F_HEX64),
                                              SC_FIELD(struct mdmp_row, flag_names, SC_F_STR),
                                              SC_FIELD_END};
static const struct sc_rectype mdmp_type = {"minidump_header", sizeof(struct mdmp_row),
                                            mdmp_fields};

static void mdmp_text(sc_out *out, const void *record, void *ctx) {
    const struct mdmp_row *r = record;
    const struct labels *l = ctx;
    char name[64], time[SC_TIME_BUF];
    sc_printf(out, "----- User Mini Dump Analysis\n\nMINIDUMP_HEADER:\n");
    sc_printf(out, "Version         %04X (%04X)\nNumberOfStreams %u\n", r->version,
              r->implementation, r->nstreams);
    sc_printf(out, "TimeDateStamp   %08X %s\nFlags           %llX\n", r->timestamp,
              sc_time_windbg(r->time, l->tz, time), (ull)r->flags);
    for (unsigned i = 0; i < 64; i++)
        if (r->flags >> i & 1) {
            sc_mdmp_flag_names(UINT64_C(1) << i, name, sizeof name);
            sc_printf(out, "                %04llX %s\n", 1ull << i, name);
        }
}

struct stream_row {
    uint32_t index;
    struct sc_mdmp_stream s;
};
static const struct sc_field stream_fields[] = {
    SC_FIELD(struct stream_row, index, SC_F_U32),
    {"stream_type", SC_F_U32, offsetof(struct stream_row, s.type), 0, NULL, NULL},
    {"name", SC_F_STR, offsetof(struct stream_row, s.name), 0, NULL, NULL},
    {"size", SC_F_HEX32, offsetof(struct stream_row, s.size), 0, NULL, NULL},
    {"rva", SC_F_HEX32, offsetof(struct stream_row, s.rva), 0, NULL, NULL},
    {"inside", SC_F_BOOL, offsetof(struct stream_row, s.inside), 0, NULL, NULL},
    SC_FIELD_END};
static const struct sc_rectype stream_type = {"stream", sizeof(struct stream_row), stream_fields};

enum { THREAD_LIST = 3, MODULE_LIST = 4 };

/* A list that cannot be had leaves a line in its place; being out of memory ends the command. */
static sc_err *say_lost(sc_out *out, sc_err *own_err) {
    if (!own_err || sc_err_code(own_err) == SC_ERR_NOMEM)
        return own_err;
    sc_printf(out, "  cannot be listed: %s\n", sc_err_text(own_err));
    sc_err_destroy(own_err);
    return NULL;
}

static sc_err *thread_lines(sc_out *out, sc_target *target) {
    const struct sc_threads *threads;
    sc_err *err = sc_target_threads(target, &threads);
    if (!err) {
        sc_printf(out, "  %zu threads\n", threads->count);
        for (size_t i = 0; i < threads->count; i++)
            sc_printf(out, "  ID %X, Teb:%016llX\n", threads->item[i].tid,
                      (ull)threads->item[i].teb);
    }
    return say_lost(out, err);
}

static sc_err *module_lines(sc_out *out, sc_target *target) {
    const struct sc_modules *modules;
    char a[SC_ADDR_BUF], b[SC_ADDR_BUF];
    unsigned ptr_size = sc_target_ptr_size(target);
    sc_err *err = sc_target_modules(target, &modules);
    if (!err) {
        sc_printf(out, "  %zu modules\n", modules->count);
        for (size_t i = 0; i < modules->count; i++) {
            const struct sc_module *m = &modules->item[i];
            if (m->record == SC_UNSET64) /* added by the user: not in the file */
                continue;
            sc_printf(out, "  RVA %08llX, %s - %s: '%s'\n", (ull)m->record,
                      sc_addr_text(m->base, ptr_size, a),
                      sc_addr_text(m->base + m->size, ptr_size, b), m->path);
        }
    }
    return say_lost(out, err);
}

static void stream_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct stream_row *r = record;
    sc_printf(out, "Stream %u: type %s (%u), size %08X, RVA %08X%s\n", r->index,
              r->s.name ? r->s.name : "unknown", r->s.type, r->s.size, r->s.rva,
              r->s.inside ? "" : "  [not wholly inside the file]");
}

/* What the lists hold, as text: JSON has it from `~` and `lm`. */
static sc_err *stream_lines(sc_out *out, const struct sc_mdmp_stream *s, sc_target *target) {
    if (!s->inside || sc_out_render(out) != SC_RENDER_TEXT)
        return NULL;
    return s->type == THREAD_LIST   ? thread_lines(out, target)
           : s->type == MODULE_LIST ? module_lines(out, target)
                                    : NULL;
}

struct system_row {
    struct sc_mdmp_system s;
    const char *vendor;
};
#define SYSTEM_FIELDS(X)                                                                           \
    X("MajorVersion", "major", SC_F_U32, s.major)                                                  \
    X("MinorVersion", "minor", SC_F_U32, s.minor)                                                  \
    X("BuildNumber", "build", SC_F_U32, s.build)                                                   \
    X("PlatformId", "platform_id", SC_F_HEX32, s.platform_id)                                      \
    X("CSDVersion", "csd_version", SC_F_STR, s.csd)                                                \
    X("NumberOfProcessors", "ncpus", SC_F_U8, s.ncpus)                                             \
    X("ProductType", "product_type", SC_F_U8, s.product_type)                                      \
    X("VendorId", "vendor", SC_F_STR, vendor)                                                      \
    X("VersionInformation", "cpu_version", SC_F_HEX32, s.cpu_version)                              \
    X("FeatureInformation", "cpu_features", SC_F_HEX32, s.cpu_features)                            \
    X("ProcessorFeatures[0]", "features_0", SC_F_HEX64, s.features[0])                             \
    X("ProcessorFeatures[1]", "features_1", SC_F_HEX64, s.features[1])
#define SYSTEM_FIELD(label, json, ftype, member) FIELD_OF(struct system_row, json, ftype, member)
static const struct sc_field system_fields[] = {SYSTEM_FIELDS(SYSTEM_FIELD) SC_FIELD_END};
static const char *const system_labels[] = {SYSTEM_FIELDS(LABEL)};
static const struct sc_rectype system_type = {"system_info", sizeof(struct system_row),
                                              system_fields};

#define MISC_FIELDS(X)                                                                             \
    X("Flags1", "flags", SC_F_HEX32, flags)                                                        \
    X("ProcessId", "pid", SC_F_HEX32, pid)                                                         \
    X("ProcessUserTime (s)", "user_time", SC_F_U32, user_time)                                     \
    X("ProcessKernelTime (s)", "kernel_time", SC_F_U32, kernel_time)                               \
    X("ProcessorMaxMhz", "max_mhz", SC_F_U32, max_mhz)                                             \
    X("ProcessorCurrentMhz", "current_mhz", SC_F_U32, cur_mhz)                                     \
    X("ProcessIntegrityLevel", "integrity", SC_F_HEX32, integrity)                                 \
    X("ProcessExecuteFlags", "execute_flags", SC_F_HEX32, execute_flags)                           \
    X("ProtectedProcess", "protected_process", SC_F_U32, protected_process)                        \
    X("TimeZoneId", "time_zone_id", SC_F_U32, tz_id)                                               \
    X("BuildString", "build_string", SC_F_STR, build_string)                                       \
    X("DbgBldStr", "debugger_build", SC_F_STR, dbg_build_string)                                   \
    X("EnabledFeatures", "xstate_features", SC_F_HEX64, xstate_features)                           \
    X("ProcessCookie", "process_cookie", SC_F_HEX32, process_cookie)
#define MISC_FIELD(label, json, ftype, member) FIELD_OF(struct sc_mdmp_misc, json, ftype, member)
static const struct sc_field misc_fields[] = {MISC_FIELDS(MISC_FIELD) SC_FIELD_END};
static const char *const misc_labels[] = {MISC_FIELDS(LABEL)};
static const struct sc_rectype misc_type = {"misc_info", sizeof(struct sc_mdmp_misc), misc_fields};

static sc_err *show_streams(sc_session *session, const struct sc_mdmp_header *h) {
    sc_out *out = sc_session_out(session);
    sc_puts(out, "\nStreams:\n");
    sc_err *err = NULL;
    for (uint32_t i = 0; !err && i < h->nstreams; i++) {
        struct stream_row row = {i, h->streams[i]};
        sc_record(out, &stream_type, &row, stream_text, NULL);
        err = stream_lines(out, &row.s, sc_session_target(session));
    }
    sc_puts(out, "\n");
    return err;
}

static void show_system(sc_session *session, const struct sc_source *source, struct labels *l) {
    const struct sc_mdmp_system *system = sc_mdmp_system(source);
    if (!system)
        return;
    struct system_row row = {*system, NULL};
    row.vendor = row.s.vendor;
    l->type = &system_type;
    l->label = system_labels;
    l->title = "SystemInfo";
    sc_record(sc_session_out(session), &system_type, &row, labelled_text, l);
}

static sc_err *show_minidump(sc_session *session, struct sc_source *source) {
    sc_out *out = sc_session_out(session);
    const struct sc_mdmp_header *h = sc_mdmp_header(source);
    const struct sc_mdmp_misc *misc = NULL;
    char names[1024];
    struct labels l = {.ptr_size = sc_session_ptr_size(session), .tz = sc_session_tz(session)};
    struct mdmp_row row = {h->version & 0xffff,
                           h->version >> 16,
                           h->nstreams,
                           h->directory_rva,
                           h->checksum,
                           h->timestamp,
                           h->flags,
                           0,
                           names};
    row.time = sc_time_from_unix(h->timestamp);
    sc_mdmp_flag_names(h->flags, names, sizeof names);
    sc_record(out, &mdmp_type, &row, mdmp_text, &l);
    sc_err *err = show_streams(session, h);
    if (err)
        return err;
    show_system(session, source, &l);
    err = sc_mdmp_misc(source, &misc);
    if (err || !misc)
        return err;
    l.type = &misc_type;
    l.label = misc_labels;
    l.title = "MiscInfo";
    sc_record(out, &misc_type, misc, labelled_text, &l);
    return NULL;
}

/* ---- what was odd ---- */

struct oddity {
    uint64_t offset;
    const char *text;
};
static const struct sc_field odd_fields[] = {SC_FIELD(struct oddity, offset, SC_F_ADDR),
                                             SC_FIELD(struct oddity, text, SC_F_STR), SC_FIELD_END};
static const struct sc_rectype odd_type = {"oddity", sizeof(struct oddity), odd_fields};

static void odd_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct oddity *o = record;
    if (o->offset == SC_UNSET64)
        sc_printf(out, "  %s\n", o->text);
    else
        sc_printf(out, "  offset 0x%llx: %s\n", (ull)o->offset, o->text);
}

static void show_oddities(sc_out *out, const struct sc_source *source) {
    if (!source->nnotes)
        return;
    sc_puts(out, "Odd about this file:\n");
    for (size_t i = 0; i < source->nnotes; i++) {
        struct oddity o = {source->notes[i].offset, source->notes[i].text};
        sc_record(out, &odd_type, &o, odd_text, NULL);
    }
    if (source->notes_dropped)
        sc_remark(out, "and %zu more", source->notes_dropped);
}

static sc_err *run_dumpdebug(sc_session *session, const struct sc_args *args) {
    (void)args;
    sc_target *target = sc_session_target(session);
    /* The target's own source: asking for a stream loads it. */
    struct sc_source *source = (struct sc_source *)sc_target_source(target);
    sc_err *err = NULL;
    if (sc_kdump_header(source))
        err = show_kernel(session, source);
    else if (sc_mdmp_header(source))
        err = show_minidump(session, source);
    else
        sc_remark(sc_session_out(session), "This target (%s) has no header to show.",
                  source->probe.name);
    if (!err)
        show_oddities(sc_session_out(session), source);
    return err;
}

const struct sc_command sc_dump_commands[] = {
    {.name = ".dumpdebug",
     .brief = "show the headers of the dump file field by field, and what is odd about it",
     .needs = SC_NEED_TARGET,
     .help = "Kernel dumps: the header, the triage part, the memory manager's figures, or of whole "
             "memory the list of pages, which is counted. Minidumps: the header, the streams, the "
             "system and the miscellaneous information.",
     .sample = ".dumpdebug",
     .run = run_dumpdebug},
    {.name = NULL},
};
