/* SPDX-License-Identifier: MIT */
/*
 * `!lmi`: a module in detail, in WinDbg's layout:
 *
 *     Loaded Module Info: [nt]
 *              Module: ntkrnlmp
 *        Base Address: fffff80002c0a000
 *          Image Name: ntkrnlmp.exe
 *        Machine Type: 34404 (X64)
 *          Time Stamp: 4ce7951a Sat Nov 20 09:30:02 2010
 *                Size: 5ea000
 *            CheckSum: 55b9b8
 *     Characteristics: 22
 *     Debug Data Dirs: Type  Size     VA  Pointer
 *                  CODEVIEW    25, 19c65c,  19bc5c RSDS - GUID: {…}
 *                    Age: 2, Pdb: ntkrnlmp.pdb
 *          Image Type: MEMORY   - Image read successfully from loaded memory.
 *         Symbol Type: DEFERRED - No error - symbol load deferred
 *         Load Report: no symbols loaded
 *
 * It loads no symbols: it says what is known.
 */
#include <stdio.h>
#include <string.h>

#include "base/guid.h"
#include "base/time.h"
#include "base/utf.h"
#include "cmd/symbols.h"

enum { DIRS_MAX = 32 };

struct dir_rec {
    uint32_t debug_type, size, rva, offset;
    const char *name, *pdb;
    struct sc_guid guid;
    uint32_t age, signature;
    enum sc_cv_kind kind;
};
static const struct sc_field dir_fields[] = {SC_FIELD(struct dir_rec, debug_type, SC_F_U32),
                                             SC_FIELD(struct dir_rec, name, SC_F_STR),
                                             SC_FIELD(struct dir_rec, size, SC_F_HEX32),
                                             SC_FIELD(struct dir_rec, rva, SC_F_HEX32),
                                             SC_FIELD(struct dir_rec, offset, SC_F_HEX32),
                                             SC_FIELD(struct dir_rec, pdb, SC_F_STR),
                                             SC_FIELD(struct dir_rec, guid, SC_F_GUID),
                                             SC_FIELD(struct dir_rec, age, SC_F_U32),
                                             SC_FIELD_END};
static const struct sc_rectype dir_type = {"debug_directory", sizeof(struct dir_rec), dir_fields};

struct lmi_rec {
    const char *asked, *module, *image, *symbol_state, *symbol_path, *how, *why, *image_missing;
    const char *machine_name;
    uint64_t base;
    uint32_t machine, timestamp, size, checksum, characteristics;
    bool has_headers, from_file, reproducible;
    const char *image_path;
    const struct dir_rec *dirs;
    size_t ndirs;
    enum sc_symstate state;
    bool has_private, has_lines;
};
static const struct sc_field lmi_fields[] = {SC_FIELD(struct lmi_rec, module, SC_F_STR),
                                             SC_FIELD(struct lmi_rec, base, SC_F_ADDR),
                                             SC_FIELD(struct lmi_rec, image, SC_F_STR),
                                             SC_FIELD(struct lmi_rec, machine, SC_F_U32),
                                             SC_FIELD(struct lmi_rec, timestamp, SC_F_HEX32),
                                             SC_FIELD(struct lmi_rec, size, SC_F_HEX32),
                                             SC_FIELD(struct lmi_rec, checksum, SC_F_HEX32),
                                             SC_FIELD(struct lmi_rec, characteristics, SC_F_HEX32),
                                             SC_FIELD_LIST(struct lmi_rec, dirs, ndirs, &dir_type),
                                             SC_FIELD(struct lmi_rec, image_path, SC_F_STR),
                                             SC_FIELD(struct lmi_rec, image_missing, SC_F_STR),
                                             SC_FIELD(struct lmi_rec, symbol_state, SC_F_STR),
                                             SC_FIELD(struct lmi_rec, symbol_path, SC_F_STR),
                                             SC_FIELD(struct lmi_rec, how, SC_F_STR),
                                             SC_FIELD(struct lmi_rec, why, SC_F_STR),
                                             SC_FIELD_END};
static const struct sc_rectype lmi_type = {"module_details", sizeof(struct lmi_rec), lmi_fields};

/* ---- text ---- */

static void dir_text(sc_out *out, const struct dir_rec *d) {
    char name[24], guid[SC_GUID_BUF];
    size_t n = 0;
    for (const char *p = d->name; p && *p && n + 1 < sizeof name; p++)
        name[n++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
    name[n] = 0;
    if (!n)
        snprintf(name, sizeof name, "%u", d->debug_type);
    sc_printf(out, "%21s %5x, %5x, %7x ", name, d->size, d->rva, d->offset);
    if (d->kind == SC_CV_RSDS)
        sc_printf(out, "RSDS - GUID: %s\n               Age: %x, Pdb: %s\n",
                  sc_guid_text(&d->guid, guid), d->age, d->pdb);
    else if (d->kind == SC_CV_NB10)
        sc_printf(out, "NB10 - Sig: %x, Age: %x,\n               Pdb: %s\n", d->signature, d->age,
                  d->pdb);
    else
        sc_puts(out, "\n");
}

static void symbols_text(sc_out *out, const struct lmi_rec *r) {
    static const char *const words[] = {
        [SC_SYMSTATE_DEFERRED] = "DEFERRED - No error - symbol load deferred",
        [SC_SYMSTATE_PDB] = "PDB      - Symbols loaded successfully",
        [SC_SYMSTATE_PRIVATE] = "PDB      - Symbols loaded successfully",
        [SC_SYMSTATE_ISF] = "ISF      - Symbols loaded successfully",
        [SC_SYMSTATE_SYM] = "SYM      - Symbols loaded successfully",
        [SC_SYMSTATE_EXPORT] = "EXPORT   - PDB not found",
        [SC_SYMSTATE_NONE] = "NONE     - PDB not found",
    };
    bool file = r->state != SC_SYMSTATE_DEFERRED && r->state != SC_SYMSTATE_NONE &&
                r->state != SC_SYMSTATE_EXPORT;
    sc_printf(out, "    Symbol Type: %s", words[r->state]);
    if (file && r->how)
        sc_printf(out, " by %s", r->how);
    sc_puts(out, file ? ".\n" : "\n");
    if (file && r->symbol_path)
        sc_printf(out, "                 %s\n", r->symbol_path);
    if (!file && r->why)
        sc_printf(out, "                 [%s]\n", r->why);
    sc_puts(out, "    Load Report: ");
    if (r->state == SC_SYMSTATE_EXPORT)
        sc_puts(out, "export symbols\n");
    else if (!file)
        sc_puts(out, "no symbols loaded\n");
    else
        sc_printf(out, "%s symbols %s, not source indexed \n",
                  r->has_private ? "private" : "public", r->has_lines ? "& lines" : "");
    if (file && r->symbol_path)
        sc_printf(out, "                 %s\n", r->symbol_path);
}

static void lmi_text(sc_out *out, const void *record, void *ctx) {
    const struct lmi_rec *r = record;
    const sc_session *session = ctx;
    char time[SC_TIME_BUF];
    int digits = sc_session_ptr_size(session) == 8 ? 16 : 8;
    sc_printf(out, "Loaded Module Info: [%s] \n         Module: %s\n", r->asked, r->module);
    sc_printf(out, "   Base Address: %0*llx\n     Image Name: %s\n", digits,
              (unsigned long long)r->base, r->image);
    if (r->has_headers)
        sc_printf(out, "   Machine Type: %u (%s)\n", r->machine,
                  r->machine_name ? r->machine_name : "unknown");
    sc_printf(out, "     Time Stamp: %x ", r->timestamp);
    if (r->reproducible)
        sc_puts(out, "(reproducible: a hash, no time)\n");
    else
        sc_printf(out, "%s\n", sc_time_stamp(r->timestamp, sc_session_tz(session), time));
    sc_printf(out, "           Size: %x\n       CheckSum: %x\n", r->size, r->checksum);
    if (r->has_headers)
        sc_printf(out, "Characteristics: %x  \n", r->characteristics);
    if (r->ndirs)
        sc_puts(out, "Debug Data Dirs: Type  Size     VA  Pointer\n");
    for (size_t i = 0; i < r->ndirs; i++)
        dir_text(out, &r->dirs[i]);
    if (r->image_missing)
        sc_printf(out, "     Image Type: NONE     - The image's headers cannot be read: %s\n",
                  r->image_missing);
    else
        sc_printf(out, "     Image Type: %s\n",
                  r->from_file ? "FILE     - Image read successfully from the image path."
                               : "MEMORY   - Image read successfully from loaded memory.");
    if (r->from_file && r->image_path)
        sc_printf(out, "                 %s\n", r->image_path);
    symbols_text(out, r);
}

/* ---- facts ---- */

static sc_err *take_dir(sc_pe *pe, size_t index, sc_arena *arena, struct dir_rec *ret) {
    struct sc_pe_debug e;
    struct sc_codeview cv = {.kind = SC_CV_NONE};
    char path[1024];
    sc_err *err = sc_pe_debug_at(pe, index, &e);
    if (err)
        return err;
    struct dir_rec d = {.debug_type = e.type,
                        .size = e.size,
                        .rva = e.rva,
                        .offset = e.offset,
                        .name = sc_pe_debug_name(e.type)};
    if (e.type == SC_PE_DEBUG_CODEVIEW)
        sc_err_destroy(sc_pe_codeview_at(pe, &e, path, sizeof path, &cv));
    d.kind = cv.kind;
    d.guid = cv.guid;
    d.age = cv.age;
    d.signature = cv.signature;
    if (cv.path) {
        d.pdb = sc_arena_strdup(arena, cv.path);
        if (!d.pdb)
            return sc_err_nomem();
    }
    *ret = d;
    return NULL;
}

/* Debug directories that cannot be read are left out: the dump rarely holds them all. */
static sc_err *take_dirs(sc_pe *pe, sc_arena *arena, struct lmi_rec *r) {
    size_t n = sc_pe_debug_count(pe);
    n = n < DIRS_MAX ? n : DIRS_MAX;
    struct dir_rec *dirs = sc_arena_array(arena, n + 1, sizeof *dirs);
    if (!dirs)
        return sc_err_nomem();
    r->dirs = dirs;
    for (size_t i = 0; i < n; i++) {
        sc_err *err = take_dir(pe, i, arena, &dirs[r->ndirs]);
        if (!err)
            r->ndirs++;
        else if (sc_err_code(err) == SC_ERR_NOMEM)
            return err;
        sc_err_destroy(err);
    }
    return NULL;
}

static sc_err *take_headers(sc_pe *pe, sc_arena *arena, struct lmi_rec *r) {
    const struct sc_pe_headers *h = sc_pe_headers(pe);
    struct sc_pe_repro repro = {.present = false};
    sc_err_destroy(sc_pe_repro(pe, &repro));
    r->has_headers = true;
    r->machine = h->machine;
    r->machine_name = h->machine == SC_PE_MACHINE_X86   ? "I386"
                      : h->machine == SC_PE_MACHINE_X64 ? "X64"
                                                        : sc_pe_machine_name(h->machine);
    r->characteristics = h->characteristics;
    r->reproducible = repro.present;
    if (!r->checksum)
        r->checksum = h->checksum;
    return take_dirs(pe, arena, r);
}

/* Headers in memory, else those of the image file that was found, if one was. */
static sc_err *open_image(sc_session *session, const struct sc_module *m, const char *file,
                          sc_pe **ret) {
    sc_err *err =
        sc_pe_open_memory(sc_target_space(sc_session_target(session)), m->base, m->image, ret);
    if (!err || sc_err_code(err) == SC_ERR_NOMEM || !file)
        return err;
    sc_err_destroy(err);
    return sc_pe_open(file, ret);
}

/* Does the dump itself hold the byte at ADDR? If not, an image file stands in for it. */
static bool in_dump(sc_session *session, uint64_t addr) {
    uint64_t start, size;
    return sc_space_next(sc_target_space(sc_session_target(session)), addr, &start, &size) &&
           start <= addr;
}

static sc_err *take_image(sc_session *session, const struct sc_modsyms *s, sc_arena *arena,
                          struct lmi_rec *r) {
    const struct sc_module *m = s->module;
    sc_pe *pe = NULL;
    sc_err *err = open_image(session, m, s->image_path, &pe);
    r->image_path = s->image_path; /* reading may have found the file */
    if (!err) {
        err = take_headers(pe, arena, r);
        r->from_file = r->image_path && (!sc_pe_is_memory(pe) || !in_dump(session, m->base));
        sc_pe_close(pe);
        return err;
    }
    if (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED)
        return err;
    r->image_missing = sc_arena_strdup(arena, sc_err_text(err));
    sc_err_destroy(err);
    return r->image_missing ? NULL : sc_err_nomem();
}

static void take_symbols(const struct sc_modsyms *s, struct lmi_rec *r) {
    struct sc_symbols_info info = {.has_private = false};
    r->state = s->state;
    r->symbol_path = s->path;
    r->how = s->how;
    r->why = s->why;
    if (s->nproviders)
        sc_symbols_info(s->provider[0], &info);
    r->has_private = info.has_private;
    r->has_lines = info.has_lines;
}

/* ---- the command ---- */

/* By name, else by an address in it. */
static sc_err *find_module(sc_session *session, const char *word, const struct sc_module **ret) {
    sc_target *target = sc_session_target(session);
    uint64_t addr;
    *ret = sc_target_module_named(target, word);
    if (*ret)
        return NULL;
    sc_err *err = sc_session_eval(session, word, &addr);
    if (err)
        return err;
    *ret = sc_target_module_at(target, sc_space_canon(sc_target_space(target), addr));
    return *ret ? NULL : sc_errf(SC_ERR_NOT_FOUND, "no module contains %s", word);
}

static sc_err *run_lmi(sc_session *session, const struct sc_args *args) {
    const struct sc_module *m;
    sc_symtab *symtab;
    sc_err *err = find_module(session, args->v[0].text, &m);
    if (!err)
        err = sc_session_symbols(session, &symtab);
    if (err)
        return err;
    struct lmi_rec r = {.asked = args->v[0].text,
                        .module = m->name,
                        .image = m->image,
                        .base = m->base,
                        .timestamp = m->timestamp,
                        .size = (uint32_t)m->size,
                        .checksum = m->checksum};
    const struct sc_modsyms *s = sc_symtab_peek(symtab, m);
    take_symbols(s, &r);
    r.symbol_state = sc_symstate_text(r.state);
    err = take_image(session, s, args->arena, &r);
    if (!err)
        sc_record(sc_session_out(session), &lmi_type, &r, lmi_text, session);
    return err;
}

static const struct sc_arg lmi_args[] = {
    {SC_ARG_WORD, "module", NULL, false, "its name, or an address in it"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_lmi_commands[] = {
    {.name = "!lmi",
     .brief = "show a module in detail",
     .needs = SC_NEED_TARGET,
     .args = lmi_args,
     .help = "Headers and debug directories from the image in memory, or from the image path, and "
             "what became of the search for its symbols. Loads none; `.reload /f module` does.",
     .sample = "!lmi nt",
     .run = run_lmi},
    {.name = NULL},
};
