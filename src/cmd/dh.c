/* SPDX-License-Identifier: MIT */
/*
 * `!dh`: the headers of an image in the target's memory, in the columns of WinDbg's extension as
 * published transcripts show them. Flags that no transcript shows are in our own words.
 *
 * Where the transcripts print "RSDS, guid, 1, name.pdb", so do we (the word "guid" is theirs); the
 * GUID itself, and what else we know better, stands behind it in brackets.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/guid.h"
#include "base/time.h"
#include "cmd/command.h"
#include "stopcode/pe.h"

/* A flag and its words. */
struct flag {
    uint32_t bit;
    const char *words;
};

static const struct flag file_flags[] = {
    {0x0001, "Relocations stripped"},
    {0x0002, "Executable"},
    {0x0004, "Line numbers stripped"},
    {0x0008, "Symbols stripped"},
    {0x0010, "Trim the working set"},
    {0x0020, "App can handle >2gb addresses"},
    {0x0080, "Bytes reversed, low half"},
    {0x0100, "32 bit word machine"},
    {0x0200, "Debug information stripped"},
    {0x0400, "Run from swap if on removable media"},
    {0x0800, "Run from swap if on the network"},
    {0x1000, "System"},
    {0x2000, "DLL"},
    {0x4000, "Uniprocessor machines only"},
    {0x8000, "Bytes reversed, high half"},
    {0, NULL},
};

static const struct flag dll_flags[] = {
    {0x0020, "High entropy VA supported"},
    {0x0040, "Dynamic base"},
    {0x0080, "Force integrity"},
    {0x0100, "NX compatible"},
    {0x0200, "No isolation"},
    {0x0400, "No structured exception handler"},
    {0x0800, "No bind"},
    {0x1000, "AppContainer"},
    {0x2000, "WDM driver"},
    {0x4000, "Guard"},
    {0x8000, "Terminal server aware"},
    {0, NULL},
};

static const struct flag section_flags[] = {
    {0x00000008, "No Pad"},
    {0x00000020, "Code"},
    {0x00000040, "Initialized Data"},
    {0x00000080, "Uninitialized Data"},
    {0x00000200, "Info"},
    {0x00000800, "Remove"},
    {0x00001000, "COMDAT"},
    {0x00008000, "GP Relative"},
    {0x01000000, "Extended Relocations"},
    {0x02000000, "Discardable"},
    {0x04000000, "Not Cached"},
    {0x08000000, "Not Paged"},
    {0x10000000, "Shared"},
    {0, NULL},
};

static const struct flag ex_dll_flags[] = {
    {0x01, "CET compatible"},
    {0x02, "CET strict mode"},
    {0x04, "CET relaxed validation of context IPs"},
    {0x08, "CET dynamic APIs only in process"},
    {0x40, "Forward CFI compatible"},
    {0x80, "Hot patch compatible"},
    {0, NULL},
};

static const char *const directory_names[SC_PE_DIRS] = {
    "Export",
    "Import",
    "Resource",
    "Exception",
    "Security",
    "Base Relocation",
    "Debug",
    "Description",
    "Special",
    "Thread Storage",
    "Load Configuration",
    "Bound Import",
    "Import Address Table",
    "Delay Import",
    "COR20 Header",
    "Reserved",
};

static void print_flags(sc_out *out, uint32_t value, const struct flag *flags, int indent) {
    for (; flags->words; flags++) {
        if (value & flags->bit)
            sc_printf(out, "%*s%s\n", indent, "", flags->words);
    }
}

static const char *machine_words(uint16_t machine) {
    switch (machine) {
    case SC_PE_MACHINE_X86: return "i386";
    case SC_PE_MACHINE_X64: return "X64";
    default: break;
    }
    const char *name = sc_pe_machine_name(machine);
    return name ? name : "unknown";
}

static const char *subsystem_words(uint16_t subsystem) {
    static const char *const names[] = {"Unknown",
                                        "Native",
                                        "Windows GUI",
                                        "Windows CUI",
                                        NULL,
                                        "OS/2 CUI",
                                        NULL,
                                        "POSIX CUI",
                                        "Native Win9x",
                                        "Windows CE GUI",
                                        "EFI application",
                                        "EFI boot service driver",
                                        "EFI runtime driver",
                                        "EFI ROM",
                                        "Xbox",
                                        NULL,
                                        "Windows boot application"};
    const char *name = subsystem < sizeof names / sizeof *names ? names[subsystem] : NULL;
    return name ? name : "Unknown";
}

/* ---- records ---- */

struct directory_rec {
    const char *name;
    uint32_t rva, size;
};

static const struct sc_field directory_fields[] = {
    SC_FIELD(struct directory_rec, name, SC_F_STR), SC_FIELD(struct directory_rec, rva, SC_F_HEX32),
    SC_FIELD(struct directory_rec, size, SC_F_U32), SC_FIELD_END};
static const struct sc_rectype directory_type = {"data_directory", sizeof(struct directory_rec),
                                                 directory_fields};

/* The headers; JSON has what identifies an image, text all of it. */
struct image_rec {
    uint64_t address, image_base, time;
    const char *machine, *subsystem, *key;
    uint32_t timestamp, size, checksum, entry, characteristics, dll_characteristics;
    bool reproducible;
    const struct sc_pe_headers *h;
    struct directory_rec directory[SC_PE_DIRS];
    const struct directory_rec *directories;
    size_t ndirectories;
    long tz;
    bool enrich;
};

static const struct sc_field image_fields[] = {
    SC_FIELD(struct image_rec, address, SC_F_ADDR),
    SC_FIELD(struct image_rec, image_base, SC_F_ADDR),
    SC_FIELD(struct image_rec, machine, SC_F_STR),
    SC_FIELD(struct image_rec, subsystem, SC_F_STR),
    SC_FIELD(struct image_rec, timestamp, SC_F_HEX32),
    SC_FIELD(struct image_rec, time, SC_F_TIME),
    SC_FIELD(struct image_rec, reproducible, SC_F_BOOL),
    SC_FIELD(struct image_rec, size, SC_F_HEX32),
    SC_FIELD(struct image_rec, checksum, SC_F_HEX32),
    SC_FIELD(struct image_rec, key, SC_F_STR),
    SC_FIELD(struct image_rec, entry, SC_F_HEX32),
    SC_FIELD(struct image_rec, characteristics, SC_F_HEX32),
    SC_FIELD(struct image_rec, dll_characteristics, SC_F_HEX32),
    SC_FIELD_LIST(struct image_rec, directories, ndirectories, &directory_type),
    SC_FIELD_END};
static const struct sc_rectype image_type = {"image_headers", sizeof(struct image_rec),
                                             image_fields};

static void file_header_text(sc_out *out, const struct image_rec *r) {
    const struct sc_pe_headers *h = r->h;
    char time[SC_TIME_BUF];
    sc_printf(out, "\nFile Type: %s\n", h->characteristics & 0x2000 ? "DLL" : "EXECUTABLE IMAGE");
    sc_puts(out, "FILE HEADER VALUES\n");
    sc_printf(out, "%8X machine (%s)\n", h->machine, machine_words(h->machine));
    sc_printf(out, "%8X number of sections\n", h->nsections);
    sc_printf(out, "%08X time date stamp %s", h->timestamp,
              sc_time_stamp(h->timestamp, r->tz, time));
    if (r->reproducible && r->enrich)
        sc_puts(out, "  [a hash, no time: the build is reproducible]");
    sc_puts(out, "\n\n");
    sc_printf(out, "%8X file pointer to symbol table\n", h->symbols_offset);
    sc_printf(out, "%8X number of symbols\n", h->nsymbols);
    sc_printf(out, "%8X size of optional header\n", h->optional_size);
    sc_printf(out, "%8X characteristics\n", h->characteristics);
    print_flags(out, h->characteristics, file_flags, 12);
}

/* A number as wide as the image's pointers. */
static void wide(sc_out *out, const struct sc_pe_headers *h, uint64_t value, const char *name) {
    sc_printf(out, "%0*" PRIx64 " %s\n", h->is64 ? 16 : 8, value, name);
}

static void version(sc_out *out, unsigned major, unsigned minor, const char *name) {
    sc_printf(out, "%5u.%02u %s version\n", major, minor, name);
}

static void optional_header_text(sc_out *out, const struct sc_pe_headers *h) {
    sc_puts(out, "\nOPTIONAL HEADER VALUES\n");
    sc_printf(out, "%8X magic #\n", h->magic);
    version(out, h->linker_major, h->linker_minor, "linker");
    sc_printf(out, "%8X size of code\n", h->code_size);
    sc_printf(out, "%8X size of initialized data\n", h->data_size);
    sc_printf(out, "%8X size of uninitialized data\n", h->bss_size);
    sc_printf(out, "%8X address of entry point\n", h->entry);
    sc_printf(out, "%8X base of code\n", h->code_base);
    sc_puts(out, "         ----- new -----\n");
    wide(out, h, h->image_base, "image base");
    sc_printf(out, "%8X section alignment\n", h->section_alignment);
    sc_printf(out, "%8X file alignment\n", h->file_alignment);
    sc_printf(out, "%8X subsystem (%s)\n", h->subsystem, subsystem_words(h->subsystem));
    version(out, h->os_major, h->os_minor, "operating system");
    version(out, h->image_major, h->image_minor, "image");
    version(out, h->subsystem_major, h->subsystem_minor, "subsystem");
    sc_printf(out, "%8X size of image\n", h->image_size);
    sc_printf(out, "%8X size of headers\n", h->headers_size);
    sc_printf(out, "%8X checksum\n", h->checksum);
    wide(out, h, h->stack_reserve, "size of stack reserve");
    wide(out, h, h->stack_commit, "size of stack commit");
    wide(out, h, h->heap_reserve, "size of heap reserve");
    wide(out, h, h->heap_commit, "size of heap commit");
    sc_printf(out, "%8X  DLL characteristics\n", h->dll_characteristics);
    print_flags(out, h->dll_characteristics, dll_flags, 12);
}

static void image_text(sc_out *out, const void *record, void *ctx) {
    const struct image_rec *r = record;
    (void)ctx;
    file_header_text(out, r);
    optional_header_text(out, r->h);
    for (size_t i = 0; i < r->ndirectories; i++)
        sc_printf(out, "%8X [%8X] address [size] of %s Directory\n", r->directory[i].rva,
                  r->directory[i].size, r->directory[i].name);
    sc_puts(out, "\n");
}

struct section_rec {
    uint32_t number;
    const char *name;
    uint32_t virtual_size, rva, raw_size, raw_offset, characteristics;
    const struct sc_pe_section *s;
};

static const struct sc_field section_fields[] = {
    SC_FIELD(struct section_rec, number, SC_F_U32),
    SC_FIELD(struct section_rec, name, SC_F_STR),
    SC_FIELD(struct section_rec, virtual_size, SC_F_HEX32),
    SC_FIELD(struct section_rec, rva, SC_F_HEX32),
    SC_FIELD(struct section_rec, raw_size, SC_F_HEX32),
    SC_FIELD(struct section_rec, raw_offset, SC_F_HEX32),
    SC_FIELD(struct section_rec, characteristics, SC_F_HEX32),
    SC_FIELD_END};
static const struct sc_rectype section_type = {"image_section", sizeof(struct section_rec),
                                               section_fields};

static const char *access_words(uint32_t flags) {
    static const char *const names[] = {NULL,           "Execute Only",      "Read Only",
                                        "Execute Read", "Write Only",        "Execute Write",
                                        "Read Write",   "Execute Read Write"};
    return names[flags >> 29 & 7];
}

static void section_text(sc_out *out, const void *record, void *ctx) {
    const struct section_rec *r = record;
    const struct sc_pe_section *s = r->s;
    unsigned align = s->characteristics >> 20 & 15;
    const char *rights = access_words(s->characteristics);
    (void)ctx;
    sc_printf(out, "\nSECTION HEADER #%X\n%8s name\n", r->number, s->name);
    sc_printf(out, "%8X virtual size\n", s->virtual_size);
    sc_printf(out, "%8X virtual address\n", s->rva);
    sc_printf(out, "%8X size of raw data\n", s->raw_size);
    sc_printf(out, "%8X file pointer to raw data\n", s->raw_offset);
    sc_printf(out, "%8X file pointer to relocation table\n", s->relocs_offset);
    sc_printf(out, "%8X file pointer to line numbers\n", s->lines_offset);
    sc_printf(out, "%8X number of relocations\n", s->nrelocs);
    sc_printf(out, "%8X number of line numbers\n", s->nlines);
    sc_printf(out, "%08X flags\n", s->characteristics);
    print_flags(out, s->characteristics, section_flags, 9);
    if (align && align < 15)
        sc_printf(out, "         %u byte align\n", 1u << (align - 1));
    else
        sc_puts(out, "         (no align specified)\n");
    if (rights)
        sc_printf(out, "         %s\n", rights);
}

struct debug_rec {
    uint32_t kind, size, rva, offset;
    const char *name, *pdb, *pdb_key;
    const struct sc_codeview *codeview; /* NULL: no CodeView entry, or it cannot be read */
    const char *missing;                /* why not */
    bool enrich;
};

static const struct sc_field debug_fields[] = {
    SC_FIELD(struct debug_rec, kind, SC_F_U32),     SC_FIELD(struct debug_rec, name, SC_F_STR),
    SC_FIELD(struct debug_rec, size, SC_F_HEX32),   SC_FIELD(struct debug_rec, rva, SC_F_HEX32),
    SC_FIELD(struct debug_rec, offset, SC_F_HEX32), SC_FIELD(struct debug_rec, pdb, SC_F_STR),
    SC_FIELD(struct debug_rec, pdb_key, SC_F_STR),  SC_FIELD_END};
static const struct sc_rectype debug_type = {"image_debug", sizeof(struct debug_rec), debug_fields};

static void codeview_text(sc_out *out, const struct debug_rec *r) {
    const struct sc_codeview *cv = r->codeview;
    char guid[SC_GUID_BUF];
    if (!cv && r->missing && r->enrich)
        sc_printf(out, "\t[%s]", r->missing);
    if (cv && cv->kind == SC_CV_RSDS) {
        sc_printf(out, "\tFormat: RSDS, guid, %x, %s", cv->age, cv->path);
        if (r->enrich)
            sc_printf(out, "  [%s]", sc_guid_text(&cv->guid, guid));
    } else if (cv && cv->kind == SC_CV_NB10) {
        sc_printf(out, "\tFormat: NB10, %x, %x, %s", cv->signature, cv->age, cv->path);
    }
}

static void debug_text(sc_out *out, const void *record, void *ctx) {
    static const char *const names[] = {NULL, "coff", "cv", "fpo", "misc", "except", "fixup"};
    const struct debug_rec *r = record;
    const char *name = r->kind < sizeof names / sizeof *names         ? names[r->kind]
                       : r->kind == SC_PE_DEBUG_EX_DLLCHARACTERISTICS ? "dllchar"
                                                                      : NULL;
    (void)ctx;
    if (name)
        sc_printf(out, "\t%-7s", name);
    else
        sc_printf(out, "\t(%6u)", r->kind);
    sc_printf(out, "%8x%12x%9x", r->size, r->rva, r->offset);
    if (r->kind == SC_PE_DEBUG_CODEVIEW)
        codeview_text(out, r);
    else if (!name && r->name && r->enrich)
        sc_printf(out, "  [%s]", r->name);
    sc_puts(out, "\n");
}

/* ---- the command ---- */

struct dh {
    sc_session *session;
    sc_out *out;
    sc_pe *pe;
};

static void show_headers(const struct dh *d, uint64_t address) {
    const struct sc_pe_headers *h = sc_pe_headers(d->pe);
    struct sc_pe_repro repro = {0};
    char key[SC_PE_KEY_BUF];
    /* A directory that cannot be read only leaves the remark away. */
    sc_err_destroy(sc_pe_repro(d->pe, &repro));
    struct image_rec r = {
        .address = address,
        .image_base = h->image_base,
        .time = h->timestamp && !repro.present ? sc_time_from_unix(h->timestamp) : 0,
        .machine = machine_words(h->machine),
        .subsystem = subsystem_words(h->subsystem),
        .key = sc_pe_image_key(h->timestamp, h->image_size, key),
        .timestamp = h->timestamp,
        .size = h->image_size,
        .checksum = h->checksum,
        .entry = h->entry,
        .characteristics = h->characteristics,
        .dll_characteristics = h->dll_characteristics,
        .reproducible = repro.present,
        .h = h,
        .ndirectories = SC_PE_DIRS,
        .tz = sc_session_tz(d->session),
        .enrich = sc_session_enrich(d->session),
    };
    r.directories = r.directory;
    for (size_t i = 0; i < SC_PE_DIRS; i++)
        r.directory[i] = (struct directory_rec){directory_names[i], h->dir[i].rva, h->dir[i].size};
    sc_record(d->out, &image_type, &r, image_text, NULL);
}

/* The words below the table for its extended DLL characteristics. */
static void ex_characteristics(const struct dh *d) {
    uint32_t flags;
    sc_err *err = sc_pe_ex_dllcharacteristics(d->pe, &flags);
    if (!err) {
        sc_printf(d->out, "\n%08X extended DLL characteristics\n", flags);
        print_flags(d->out, flags, ex_dll_flags, 10);
        sc_puts(d->out, "\n");
    }
    sc_err_destroy(err);
}

static sc_err *show_debug_entry(const struct dh *d, size_t index) {
    struct sc_pe_debug e;
    struct sc_codeview cv;
    char path[1024], key[SC_PE_KEY_BUF];
    sc_err *err = sc_pe_debug_at(d->pe, index, &e), *missing = NULL;
    if (err)
        return err;
    struct debug_rec r = {.kind = e.type, .size = e.size, .rva = e.rva, .offset = e.offset};
    r.name = sc_pe_debug_name(e.type);
    r.enrich = sc_session_enrich(d->session);
    if (e.type == SC_PE_DEBUG_CODEVIEW) {
        missing = sc_pe_codeview_at(d->pe, &e, path, sizeof path, &cv);
        r.codeview = missing ? NULL : &cv;
        r.missing = missing ? sc_err_text(missing) : NULL;
        r.pdb = missing ? NULL : cv.path;
        r.pdb_key = missing ? NULL : sc_pe_pdb_key(&cv, key);
    }
    sc_record(d->out, &debug_type, &r, debug_text, NULL);
    sc_err_destroy(missing);
    return NULL;
}

static sc_err *show_debug(const struct dh *d) {
    size_t n = sc_pe_debug_count(d->pe);
    sc_printf(d->out, "\n\nDebug Directories(%zu)\n", n);
    sc_puts(d->out, "\tType       Size     Address  Pointer\n");
    for (size_t i = 0; i < n; i++) {
        sc_err *err = show_debug_entry(d, i);
        if (err)
            return err;
    }
    ex_characteristics(d);
    return NULL;
}

static sc_err *show_sections(const struct dh *d) {
    const struct sc_pe_section *s;
    struct sc_pe_directory dir = {0};
    size_t n;
    sc_err *err = sc_pe_sections(d->pe, &s, &n), *first = NULL;
    if (err)
        return err;
    bool debug = sc_pe_directory(d->pe, SC_PE_DIR_DEBUG, &dir);
    const struct sc_pe_section *home = debug ? sc_pe_section_at(d->pe, dir.rva) : NULL;
    for (size_t i = 0; i < n; i++) {
        if (sc_target_cancelled(sc_session_target(d->session)))
            return sc_err_cancelled();
        struct section_rec r = {(uint32_t)i + 1, s[i].name,       s[i].virtual_size,    s[i].rva,
                                s[i].raw_size,   s[i].raw_offset, s[i].characteristics, &s[i]};
        sc_record(d->out, &section_type, &r, section_text, NULL);
        if (home == &s[i])
            first = show_debug(d);
    }
    if (debug && !home) /* it stands in the headers, or nowhere */
        first = show_debug(d);
    sc_puts(d->out, "\n");
    return first;
}

enum { ARG_FILE, ARG_SECTIONS, ARG_ALL, ARG_HELP, ARG_ADDRESS };

static const struct sc_arg dh_args[] = {
    [ARG_FILE] = {SC_ARG_OPTION, "f", "f", true, "the file headers only"},
    [ARG_SECTIONS] = {SC_ARG_OPTION, "s", "s", true, "the section headers only"},
    [ARG_ALL] = {SC_ARG_OPTION, "a", "a", true, "everything: as without an option"},
    [ARG_HELP] = {SC_ARG_OPTION, "h", "h", true, "these options"},
    [ARG_ADDRESS] = {SC_ARG_EXPR, "address", NULL, true, "base of the image, or its module"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

static void show_usage(sc_out *out) {
    sc_puts(out, "Usage: !dh [options] address\n\n");
    for (const struct sc_arg *a = dh_args; a->kind == SC_ARG_OPTION; a++)
        sc_printf(out, "   -%s  %s\n", a->spec, a->about);
}

static sc_err *run_dh(sc_session *session, const struct sc_args *args) {
    sc_target *target = sc_session_target(session);
    uint64_t address = args->v[ARG_ADDRESS].num;
    const struct sc_module *module = sc_target_module_at(target, address);
    struct dh d = {.session = session, .out = sc_session_out(session)};
    bool file = args->v[ARG_FILE].given, sections = args->v[ARG_SECTIONS].given;
    bool all = args->v[ARG_ALL].given || (!file && !sections);
    if (args->v[ARG_HELP].given) {
        show_usage(d.out);
        return NULL;
    }
    if (!args->v[ARG_ADDRESS].given)
        return sc_errf(SC_ERR_ARG, "!dh needs the base of an image: !dh nt");
    sc_err *err = sc_pe_open_memory(sc_target_space(target), address,
                                    module ? module->image : "image", &d.pe);
    if (err)
        return err;
    if (all || file)
        show_headers(&d, address);
    if (all || sections)
        err = show_sections(&d);
    sc_pe_close(d.pe);
    return err;
}

const struct sc_command sc_image_commands[] = {
    {.name = "!dh",
     .brief = "show the headers of an image",
     .needs = SC_NEED_TARGET,
     .args = dh_args,
     .help = "!dh nt shows the file and section headers of the kernel as they stand in memory; "
             "!dh -f ADDRESS only the file headers and the data directories: addresses there "
             "count from the image's base.\n\n"
             "They are shown where the dump holds the image's first page: of a triage dump's "
             "images that is often the kernel alone.",
     .sample = "!dh -h",
     .run = run_dh},
    {.name = NULL},
};
