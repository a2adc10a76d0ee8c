/* SPDX-License-Identifier: MIT */
/*
 * PDB files as a symbol provider.
 *
 * Addresses are RVAs of the image. Where the image was reordered after linking (OMAP), an RVA is
 * first taken back to where the linker had put it; the symbol found there is reported at the
 * place it has in the image, which may lie above the RVA asked for: debuggers then show a
 * negative displacement, because a block of the function was moved away from its start.
 */
#ifndef STOPCODE_PDB_PDB_H
#define STOPCODE_PDB_PDB_H

#include "base/file.h"
#include "stopcode/symbols.h"

/*
 * SC_ERR_IO; SC_ERR_FORMAT: damaged, or no PDB; SC_ERR_UNSUPPORTED: another format with that name
 * (PDB 2.00, portable PDB).
 */
sc_err *sc_pdb_open(const char *path, sc_symbols **ret_symbols);
/* Takes OWN_FILE, also when it fails. */
sc_err *sc_pdb_open_file(sc_file *own_file, sc_symbols **ret_symbols);

/* The functions below answer SC_ERR_ARG for a provider that is no PDB. */

/*
 * The age in the info stream, and the one in the DBI header: the latter is what the age of the
 * image's RSDS record must equal (the former grows with every later write). Without a DBI stream
 * both are the same.
 */
sc_err *sc_pdb_ages(sc_symbols *symbols, uint32_t *ret_info_age, uint32_t *ret_dbi_age);

/*
 * As sc_symbols_find(), but in any (ASCII) case; an exact match is preferred. The hash tables of
 * the file ignore the case of ASCII letters, so this costs no more.
 */
sc_err *sc_pdb_find_nocase(sc_symbols *symbols, const char *name, struct sc_symbol *ret_symbol,
                           bool *ret_found);

/*
 * A stream by its name: "srcsrv", "sourcelink", "/names", … A sourcelink stream may be numbered
 * ("sourcelink$1"): "sourcelink" finds the first. The copy has a NUL behind its *RET_SIZE bytes
 * and is the caller's to free. Not found: *RET_TEXT is NULL.
 */
sc_err *sc_pdb_named_stream(sc_symbols *symbols, const char *name, char **ret_text,
                            size_t *ret_size);

/* Each entry of the OMAP tables: TO_SOURCE image to linker's RVA, else the other way. */
typedef bool (*sc_pdb_omap_fn)(void *ctx, uint32_t from, uint32_t to);
sc_err *sc_pdb_omap(sc_symbols *symbols, bool to_source, sc_pdb_omap_fn fn, void *ctx);

/* Each row of the frame tables, sorted by RVA: FPO_DATA first, then FRAMEDATA. */
typedef bool (*sc_pdb_frame_fn)(void *ctx, const struct sc_frame_rule *rule);
sc_err *sc_pdb_frames(sc_symbols *symbols, sc_pdb_frame_fn fn, void *ctx);

#endif
