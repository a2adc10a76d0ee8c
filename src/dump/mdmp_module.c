/* SPDX-License-Identifier: MIT */
/*
 * Loaded and unloaded images.
 *
 * ModuleListStream (4): u32 count, then MINIDUMP_MODULE (0x6c bytes)
 *   +0x00 u64 BaseOfImage     +0x14 u32 ModuleNameRva            +0x54 MiscRecord {size, rva}
 *   +0x08 u32 SizeOfImage     +0x18 VS_FIXEDFILEINFO (0x34)      +0x5c u64 Reserved0, Reserved1
 *   +0x0c u32 CheckSum        +0x4c CvRecord {size, rva}
 *   +0x10 u32 TimeDateStamp
 * CvRecord, by its first four bytes:
 *   'RSDS'  +0x04 GUID, +0x14 u32 age, +0x18 path      (the age may be missing: LLDB)
 *   'NB10'  +0x04 u32 offset, +0x08 u32 time stamp, +0x0c u32 age, +0x10 path
 *   'LEpB'  +0x04 the ELF build id, mostly 20 bytes (Breakpad); its first 16 make the GUID
 *   other CodeView forms hold the debug data themselves ('NB09', 'NB11')
 * MiscRecord: IMAGE_DEBUG_MISC: u32 DataType (1 = name), u32 Length (of the whole), u8 Unicode,
 *   3 bytes, name of the image or of its .dbg file
 *
 * UnloadedModuleListStream (14): header 0x0c (see mdmp_stream.c), then MINIDUMP_UNLOADED_MODULE
 *   +0x00 u64 BaseOfImage   +0x08 u32 SizeOfImage   +0x0c u32 CheckSum   +0x10 u32 TimeDateStamp
 *   +0x14 u32 ModuleNameRva                                                        (0x18 bytes)
 */
#include <inttypes.h>
#include <string.h>

#include "base/utf.h"
#include "dump/mdmp_impl.h"

enum {
    SIG_FIXEDFILEINFO = (int)0xfeef04bd,
    SIG_RSDS = 0x53445352,
    SIG_NB10 = 0x3031424e,
    SIG_ELF = 0x4270454c,
    MISC_NAME = 1,
    MISC_HEADER = 12,
};

static void split(uint16_t *version, uint32_t high, uint32_t low) {
    version[0] = (uint16_t)(high >> 16);
    version[1] = (uint16_t)high;
    version[2] = (uint16_t)(low >> 16);
    version[3] = (uint16_t)low;
}

static void read_version(struct sc_cur *cur, struct sc_version *v) {
    v->present = sc_u32(cur) == (uint32_t)SIG_FIXEDFILEINFO;
    sc_u32(cur); /* dwStrucVersion */
    uint32_t high = sc_u32(cur), low = sc_u32(cur);
    split(v->file, high, low);
    high = sc_u32(cur);
    low = sc_u32(cur);
    split(v->product, high, low);
    uint32_t mask = sc_u32(cur);
    v->flags = sc_u32(cur) & mask;
    v->os = sc_u32(cur);
    v->type = sc_u32(cur);
    v->subtype = sc_u32(cur);
    high = sc_u32(cur);
    low = sc_u32(cur);
    v->date = (uint64_t)high << 32 | low;
    if (!v->present)
        memset(v, 0, sizeof *v);
}

/* The build id's first 16 bytes, zeros behind a shorter one. */
static struct sc_guid build_id(struct sc_cur *cur) {
    uint8_t id[16] = {0};
    uint64_t n = sc_cur_left(cur);
    sc_cur_bytes(cur, id, n < sizeof id ? (size_t)n : sizeof id);
    struct sc_cur c = sc_cur_mem(id, sizeof id, "build id");
    return sc_cur_guid(&c);
}

/* Where in the record the path begins; 0: it has none. */
static uint64_t read_cv_fields(struct sc_cur *c, struct sc_codeview *cv) {
    switch (sc_u32(c)) {
    case SIG_RSDS:
        cv->kind = SC_CV_RSDS;
        cv->guid = sc_cur_guid(c);
        if (!sc_cur_failed(c) && sc_cur_left(c) < 4)
            return 0;
        cv->age = sc_u32(c);
        return 0x18;
    case SIG_NB10:
        cv->kind = SC_CV_NB10;
        sc_u32(c);
        cv->signature = sc_u32(c);
        cv->age = sc_u32(c);
        return 0x10;
    case SIG_ELF:
        cv->kind = SC_CV_ELF;
        cv->guid = build_id(c);
        return 0;
    default: cv->kind = SC_CV_OTHER; return 0;
    }
}

static sc_err *read_codeview(struct sc_source *source, struct mdmp_location where,
                             struct sc_codeview *ret) {
    struct sc_codeview cv = {0};
    if (!where.size || !where.rva)
        return NULL;
    struct sc_cur c = sc_cur_at(source->file, where.rva, where.size, "CodeView record");
    uint64_t path = read_cv_fields(&c, &cv);
    if (sc_cur_failed(&c)) {
        mdmp_note_failed(source, &c);
        return NULL;
    }
    if (path && where.size > path) {
        const char *text = NULL;
        sc_err *err = mdmp_text8(source, where.rva + path, sc_cur_left(&c), "PDB path", &text);
        if (err)
            return err;
        cv.path = text && text[0] ? text : NULL;
    }
    *ret = cv;
    return NULL;
}

/* The name in an IMAGE_DEBUG_MISC; NULL if it has none. */
static sc_err *read_misc(struct sc_source *source, struct mdmp_location where,
                         const char **ret_name) {
    *ret_name = NULL;
    if (where.size <= MISC_HEADER || !where.rva)
        return NULL;
    struct sc_cur c = sc_cur_at(source->file, where.rva, where.size, "misc debug record");
    uint32_t type = sc_u32(&c), length = sc_u32(&c);
    bool unicode = sc_u8(&c);
    sc_cur_skip(&c, 3);
    if (sc_cur_failed(&c)) {
        mdmp_note_failed(source, &c);
        return NULL;
    }
    uint64_t size = sc_cur_left(&c);
    if (length > MISC_HEADER && length - MISC_HEADER < size)
        size = length - MISC_HEADER;
    if (type != MISC_NAME || size > MDMP_STRING_MAX)
        return NULL;
    if (!unicode)
        return mdmp_text8(source, c.pos, size, "misc debug record", ret_name);
    if (!mdmp_charge(source, 2 * size))
        return NULL;
    return mdmp_fixed_string(source, &c, size, ret_name);
}

/* The path; else the misc record's name; else a name made of the base, as the debugger's users
 * know it. */
static sc_err *read_names(struct sc_source *source, uint32_t name_rva, const char *misc,
                          struct sc_module *m) {
    struct mdmp_names names;
    sc_err *err = mdmp_module_names(source, name_rva, &names);
    if (err)
        return err;
    if (!names.path) {
        if (misc && misc[0])
            names.path = misc;
        else
            names.path = sc_arena_printf(source->arena, "Unknown_Module_%0*" PRIx64,
                                         (int)(2 * mdmp_ptr_size(source)), m->base);
        if (!names.path || !sc_module_names(source->arena, names.path, &names.name, &names.image))
            return sc_err_nomem();
    }
    m->path = names.path;
    m->name = names.name;
    m->image = names.image;
    return NULL;
}

static sc_err *read_module(struct sc_source *source, struct sc_cur *c, struct sc_module *ret) {
    struct sc_module m = {.record = c->start};
    m.base = mdmp_address(source, sc_u64(c));
    m.size = sc_u32(c);
    m.checksum = sc_u32(c);
    m.timestamp = sc_u32(c);
    uint32_t name_rva = sc_u32(c);
    read_version(c, &m.version);
    struct mdmp_location cv = mdmp_location(c), misc = mdmp_location(c);
    const char *misc_name;
    sc_err *err = read_codeview(source, cv, &m.codeview);
    if (!err)
        err = read_misc(source, misc, &misc_name);
    if (!err)
        err = read_names(source, name_rva, misc_name, &m);
    if (err)
        return err;
    if (m.codeview.kind == SC_CV_NONE && misc_name && misc_name[0]) {
        m.codeview.kind = SC_CV_OTHER; /* its symbols are in that .dbg file */
        m.codeview.path = misc_name;
    }
    *ret = m;
    return NULL;
}

sc_err *mdmp_load_modules(struct sc_source *source, struct sc_modules *ret) {
    const struct mdmp_list *list = mdmp_list(source, MDMP_LIST_MODULES);
    struct mdmp_tally empty = {0};
    if (!SC_VEC_RESERVE(ret, ret->count + list->count))
        return sc_err_nomem();
    for (uint64_t i = 0; i < list->count; i++) {
        struct sc_cur c = mdmp_record(source, list, i);
        struct sc_module m;
        sc_err *err = read_module(source, &c, &m);
        if (err)
            return err;
        if (sc_cur_failed(&c)) {
            mdmp_note_failed(source, &c);
            continue;
        }
        if (!m.size)
            mdmp_count(&empty, c.start, 0);
        struct sc_module *slot = SC_VEC_PUSH(ret);
        if (!slot)
            return sc_err_nomem();
        *slot = m;
    }
    if (empty.count)
        sc_source_note(source, empty.first, "%s: %" PRIu64 " modules of size 0", list->what,
                       empty.count);
    return NULL;
}

sc_err *mdmp_load_unloaded(struct sc_source *source, struct sc_unloadeds *ret) {
    const struct mdmp_list *list = mdmp_list(source, MDMP_LIST_UNLOADED);
    if (!SC_VEC_RESERVE(ret, ret->count + list->count))
        return sc_err_nomem();
    for (uint64_t i = 0; i < list->count; i++) {
        struct sc_cur c = mdmp_record(source, list, i);
        struct sc_unloaded u = {.record = c.start};
        u.base = mdmp_address(source, sc_u64(&c));
        u.size = sc_u32(&c);
        u.checksum = sc_u32(&c);
        u.timestamp = sc_u32(&c);
        sc_err *err = mdmp_string(source, sc_u32(&c), "unloaded module name", &u.name);
        if (err)
            return err;
        if (sc_cur_failed(&c)) {
            mdmp_note_failed(source, &c);
            continue;
        }
        if (!u.name)
            u.name = "";
        struct sc_unloaded *slot = SC_VEC_PUSH(ret);
        if (!slot)
            return sc_err_nomem();
        *slot = u;
    }
    return NULL;
}
