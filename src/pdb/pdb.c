/* SPDX-License-Identifier: MIT */
/*
 * The info stream and the head of the DBI stream.
 *
 *     stream 1, PDB info    u32 version, u32 signature (time), u32 age, GUID
 *                           named streams: u32 n, n bytes of names; u32 count, u32 capacity,
 *                           u32 words + bitmap of used slots, u32 words + bitmap of deleted slots,
 *                           count × {u32 offset of the name, u32 stream}
 *                           u32 0, then feature codes to the end
 *     stream 3, DBI         64 bytes:
 *       +0x00 i32 -1               +0x18 i32 bytes of module records   +0x30 i32 bytes of debug
 * slots +0x04 u32 version          +0x1c i32 section contributions     +0x34 i32 EC +0x08 u32 age
 * +0x20 i32 section map               +0x38 u16 flags (2: stripped) +0x0c u16 GSI, u16 build +0x24
 * i32 source files              +0x3a u16 machine +0x10 u16 PSI, u16 dll     +0x28 i32 type servers
 *       +0x14 u16 records, u16     +0x2c u32 MFC
 *     then the substreams: modules, contributions, section map, sources, type servers, EC, slots
 *
 * Learnt from microsoft/pdb-rs docs/pdb (pdbi_stream.md, dbi_stream.md).
 */
#include <stdlib.h>

#include "base/utf.h"
#include "pdb/pdb_impl.h"

enum {
    VC70 = 20000404,
    VC110 = 20091201,
    VC140 = 20140508,
    MINIMAL_DEBUG_INFO = 0x494e494d,
    INFO_HEADER = 28,
    DBI_HEADER = 64,
    FLAG_STRIPPED = 2,
};

/* The cursor stands behind the header: over the named streams, their numbers as FN wants them. */
static void skip_bitmap(struct sc_cur *c) {
    uint32_t words = sc_u32(c);
    if (sc_cur_fits(c, words, 4))
        sc_cur_skip(c, (uint64_t)words * 4);
}

/* Does the name at OFFSET of the LEN bytes of names equal NAME, or does NAME$digits? */
static bool name_is(const uint8_t *names, uint32_t len, uint32_t offset, const char *name) {
    size_t want = strlen(name);
    const uint8_t *nul = offset < len ? memchr(names + offset, 0, len - offset) : NULL;
    if (!nul || (size_t)(nul - names) - offset < want || memcmp(names + offset, name, want) != 0)
        return false;
    return nul == names + offset + want || names[offset + want] == '$';
}

/* Looks for NAME in the map that the cursor stands on, and goes behind the map. */
static void search_map(struct sc_cur *c, const char *name, uint32_t *ret_stream) {
    uint32_t len = sc_u32(c);
    if (!sc_cur_fits(c, len, 1))
        return;
    const uint8_t *names = c->data + (c->pos - c->start);
    sc_cur_skip(c, len);
    uint32_t count = sc_u32(c);
    sc_u32(c);
    skip_bitmap(c);
    skip_bitmap(c);
    if (!sc_cur_fits(c, count, 8))
        return;
    bool exact = false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t offset = sc_u32(c), stream = sc_u32(c);
        if (exact || !name || !name_is(names, len, offset, name))
            continue;
        exact = strcmp((const char *)names + offset, name) == 0;
        if (exact || *ret_stream == PDB_NO_STREAM || stream < *ret_stream)
            *ret_stream = stream;
    }
}

sc_err *pdb_named(struct pdb *pdb, const char *name, uint32_t *ret_stream) {
    struct msf_buf buf;
    msf_buf_init(&buf);
    uint32_t found = PDB_NO_STREAM;
    sc_err *err = msf_bytes(pdb->msf, PDB_STREAM_INFO, pdb->named.offset, pdb->named.size, &buf);
    if (!err) {
        struct sc_cur c = msf_cur(&buf, pdb->named.offset, "named streams");
        search_map(&c, name, &found);
        if (sc_cur_failed(&c))
            err = msf_cur_err(pdb->msf, PDB_STREAM_INFO, &c);
    }
    msf_buf_free(&buf);
    if (!err)
        *ret_stream = msf_has(pdb->msf, found) ? found : PDB_NO_STREAM;
    return err;
}

static void read_features(struct pdb *pdb, struct sc_cur *c) {
    while (sc_cur_left(c) >= 4) {
        uint32_t code = sc_u32(c);
        if (code == VC110 || code == VC140)
            pdb->ids = true;
        if (code == MINIMAL_DEBUG_INFO)
            pdb->minimal = true;
        if (code == VC110)
            break;
    }
}

static sc_err *open_info(struct pdb *pdb) {
    struct msf_buf buf;
    msf_buf_init(&buf);
    uint32_t size = msf_size(pdb->msf, PDB_STREAM_INFO);
    sc_err *err = msf_bytes(pdb->msf, PDB_STREAM_INFO, 0, size, &buf);
    if (err)
        return err;
    struct sc_cur c = msf_cur(&buf, 0, "PDB info");
    pdb->version = sc_u32(&c);
    pdb->signature = sc_u32(&c);
    pdb->age = sc_u32(&c);
    pdb->guid = sc_cur_guid(&c);
    pdb->names_stream = PDB_NO_STREAM;
    if (!sc_cur_failed(&c) && pdb->version < VC70)
        err = sc_errf(SC_ERR_UNSUPPORTED, "%s is a PDB of version %u, older than Visual C++ 7",
                      msf_path(pdb->msf), pdb->version);
    if (!err && sc_cur_left(&c) > 0) {
        pdb->named = (struct pdb_range){PDB_STREAM_INFO, INFO_HEADER, size - INFO_HEADER};
        search_map(&c, "/names", &pdb->names_stream);
        read_features(pdb, &c);
    }
    if (!err && sc_cur_failed(&c))
        err = msf_cur_err(pdb->msf, PDB_STREAM_INFO, &c);
    msf_buf_free(&buf);
    return err;
}

static enum sc_cpu cpu_of(uint16_t machine) {
    switch (machine) {
    case 0x14c: return SC_CPU_X86;
    case 0x8664: return SC_CPU_X64;
    case 0x1c0:
    case 0x1c2:
    case 0x1c4: return SC_CPU_ARM;
    case 0xaa64:
    case 0xa641: /* ARM64EC */
    case 0xa64e: /* ARM64X */ return SC_CPU_ARM64;
    case 0x200: return SC_CPU_IA64;
    case 0: return SC_CPU_UNKNOWN;
    default: return SC_CPU_OTHER;
    }
}

static sc_err *open_debug_slots(struct pdb *pdb, uint32_t offset, uint32_t size) {
    for (unsigned i = 0; i < PDB_DBG_SLOTS; i++) {
        uint8_t b[2] = {0xff, 0xff};
        sc_err *err = NULL;
        if (i < size / 2)
            err = msf_read(pdb->msf, PDB_STREAM_DBI, offset + i * 2, b, 2);
        if (err)
            return err;
        uint32_t stream = msf_le16(b);
        pdb->debug[i] =
            stream != PDB_NO_STREAM && msf_has(pdb->msf, stream) ? stream : PDB_NO_STREAM;
    }
    return NULL;
}

/* Sizes of the substreams, in the order in which they stand. */
enum { MODULES, CONTRIBS, SECTION_MAP, SOURCES, TYPE_SERVERS, EC, SLOTS, SUBSTREAMS };

static sc_err *place_substreams(struct pdb *pdb, const uint32_t *size) {
    uint64_t at = DBI_HEADER;
    struct pdb_range range[SUBSTREAMS];
    for (int i = 0; i < SUBSTREAMS; i++) {
        range[i] = (struct pdb_range){PDB_STREAM_DBI, (uint32_t)at, size[i]};
        at += size[i];
        if (size[i] > INT32_MAX || at > msf_size(pdb->msf, PDB_STREAM_DBI))
            return msf_err(pdb->msf, PDB_STREAM_DBI, range[i].offset,
                           "substream %d of %u bytes does not fit in the stream", i, size[i]);
    }
    pdb->mod_info = range[MODULES];
    pdb->contribs = range[CONTRIBS];
    return open_debug_slots(pdb, range[SLOTS].offset, range[SLOTS].size);
}

static sc_err *open_dbi(struct pdb *pdb) {
    struct msf_buf buf;
    msf_buf_init(&buf);
    if (msf_size(pdb->msf, PDB_STREAM_DBI) == 0)
        return NULL; /* types only, as a compiler writes them */
    sc_err *err = msf_bytes(pdb->msf, PDB_STREAM_DBI, 0, DBI_HEADER, &buf);
    if (err)
        return err;
    struct sc_cur c = msf_cur(&buf, 0, "DBI header");
    uint32_t mark = sc_u32(&c), size[SUBSTREAMS];
    sc_u32(&c);
    pdb->dbi_age = sc_u32(&c);
    uint16_t globals = sc_u16(&c);
    sc_u16(&c);
    uint16_t publics = sc_u16(&c);
    sc_u16(&c);
    pdb->records = sc_u16(&c);
    sc_u16(&c);
    for (int i = MODULES; i <= TYPE_SERVERS; i++)
        size[i] = sc_u32(&c);
    sc_u32(&c);
    size[SLOTS] = sc_u32(&c);
    size[EC] = sc_u32(&c);
    pdb->flags = sc_u16(&c);
    pdb->machine = sc_u16(&c);
    msf_buf_free(&buf);
    if (mark != UINT32_MAX)
        return msf_err(pdb->msf, PDB_STREAM_DBI, 0, "0x%x is not the mark of a DBI stream", mark);
    pdb->cpu = cpu_of(pdb->machine);
    pdb->has_dbi = true;
    err = place_substreams(pdb, size);
    if (!err)
        err = pdb_open_sections(pdb);
    return err ? err : pdb_open_gsi(pdb, globals, publics);
}

bool pdb_has_compilands(const struct pdb *pdb) { return pdb->has_dbi && pdb->mod_info.size; }

bool pdb_is_private(const struct pdb *pdb) {
    return pdb_has_compilands(pdb) && !(pdb->flags & FLAG_STRIPPED);
}

sc_err *pdb_open(struct pdb *pdb, sc_file *own_file) {
    for (int i = 0; i < PDB_DBG_SLOTS; i++)
        pdb->debug[i] = PDB_NO_STREAM;
    pdb->records = pdb->globals.stream = pdb->publics.stream = PDB_NO_STREAM;
    pdb->arena = sc_arena_create();
    if (!pdb->arena) {
        sc_file_close(own_file);
        return sc_err_nomem();
    }
    sc_err *err = msf_open(own_file, &pdb->msf);
    if (!err)
        err = open_info(pdb);
    if (err)
        return err;
    pdb->dbi_age = pdb->age;
    err = open_dbi(pdb);
    if (!err)
        err = pdb_open_tpi(pdb, PDB_STREAM_TPI, &pdb->tpi);
    if (!err && pdb->ids)
        err = pdb_open_tpi(pdb, PDB_STREAM_IPI, &pdb->ipi);
    return err;
}

void pdb_close(struct pdb *pdb) {
    for (uint32_t i = 0; i < pdb->nmodules; i++) {
        free(pdb->module[i].procs.item);
        free(pdb->module[i].lines.item);
        free(pdb->module[i].inlinees.item);
    }
    free(pdb->module);
    free(pdb->section);
    free(pdb->publics_flat.item);
    free(pdb->data_flat.item);
    pdb_tpi_free(&pdb->tpi);
    pdb_tpi_free(&pdb->ipi);
    sc_map_free(&pdb->type_names);
    sc_map_free(&pdb->id_names);
    msf_close(pdb->msf);
    sc_arena_destroy(pdb->arena);
}
